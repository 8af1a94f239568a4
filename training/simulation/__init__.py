"""A synthetic market of interest e-commerce, with its hidden truth; nothing in it is real.

Who is there: ``sizes``, ``segments`` (latent kinds of viewers), ``population`` (everybody, as they
truly are), ``founding`` (how they are drawn). What holds: ``laws``, ``means`` (over formats and
slots), ``outcomes`` (one draw). What happens: ``plaza`` (lists before any learning), ``offers``
(whom merchants ask, and the answers), ``sessions``, ``calendar``, ``year`` (weeks pass). What is
seen of it: ``consent``, ``listings``, ``audiences``, ``engagements``, ``ledgers``, written by
``columns``. ``simulator`` goes from a seed to a folder; ``truth`` judges a policy.
"""

from training.simulation.simulator import Progress, simulate_market
from training.simulation.sizes import SIZES, Size
from training.simulation.truth import Truth

__all__ = ["SIZES", "Progress", "Size", "Truth", "simulate_market"]
