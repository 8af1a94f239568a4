"""What a prediction is made of, factor by factor, and what would change it."""

from matching.explaining.explainer import Explainer
from matching.explaining.explanation import Explanation

__all__ = ["Explainer", "Explanation"]
