"""Why somebody is in a list, in the words of who asks, each reason with its evidence.

``evidence`` holds the facts. Loops (``shared``, ``circles``, ``grounds``) find for each row what
speaks for it, as numbers; ``phrases`` puts them into words, each once for a block of lists
(``told``). ``sources`` tells which evidence speaks for a row, ``giving`` goes the whole way.
"""

from matching.reasons.giving import alike, for_creators, for_merchants

__all__ = ["alike", "for_creators", "for_merchants"]
