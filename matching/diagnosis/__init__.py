"""Which of a merchant's cooperations to deepen, mend or end, and how sure that is."""

from matching.diagnosis.cooperations import Cooperations
from matching.diagnosis.diagnosis import Diagnosis

__all__ = ["Cooperations", "Diagnosis"]
