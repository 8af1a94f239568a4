"""What is learnt: interactions, factors, audience embeddings, conversion, exposure.

The estimators are imported when they are first asked for: every module of the house passes
through here, and not all of them need implicit.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from models.affinity import Affinity
    from models.audience import AudienceEmbedding
    from models.collaborative import CollaborativeFactors
    from models.conversion import ConversionModel
    from models.exposure import ExposureModel
    from models.outcome import OutcomeModel

__all__ = [
    "Affinity",
    "AudienceEmbedding",
    "CollaborativeFactors",
    "ConversionModel",
    "ExposureModel",
    "OutcomeModel",
]

_HOMES = {
    "Affinity": "models.affinity",
    "AudienceEmbedding": "models.audience",
    "CollaborativeFactors": "models.collaborative",
    "ConversionModel": "models.conversion",
    "ExposureModel": "models.exposure",
    "OutcomeModel": "models.outcome",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'models' has no attribute {name!r}")
