"""Search by inner product: who is nearest to somebody, exactly wherever that is affordable.

``products`` scores pairs, the same bits whoever else is asked about. ``codes`` (and ``scanning``)
answer one query from 8 bits a number, ``nearest`` many at once, ``inverted`` lists of FAISS where a
market is too large for either; ``unwanted`` keeps who is left out. ``index`` chooses among them.
"""
