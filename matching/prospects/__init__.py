"""Candidates by prediction: exact lists without predicting everybody.

``promises`` walks creators in the order of what they promise and stops when nobody left could enter
the list; ``heaps`` keeps the best so far; ``prospects`` does it for a block of merchants.
"""

from matching.prospects.prospects import Prospects

__all__ = ["Prospects"]
