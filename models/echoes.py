"""Echoes: vectors of merchants that only repeat whom they have worked with."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import scipy.sparse as sp

from models.blocks import Block
from models.whitening import unit

#: A block echoes when three of four merchants are nearer than this to their partners' mean. Given
#: vectors of two real and one simulated market stay below .6, averaged ones lie above .85.
_NEAR = 0.8


def without_echo(block: Block, history: sp.csr_matrix) -> Block:
    """A block without its merchants, where they are nothing but the mean of their partners.

    Such vectors hold every cooperation there is, later ones too. On an inner split they seem to
    foresee what they were made from, and drown the evidence that does. The affinity takes means
    of partners itself, of the earlier ones alone. A block that knows merchants without partners
    has its vectors from elsewhere and stays.

    Parameters
    ----------
    block : Block
    history : csr_matrix of shape (n_merchants, n_creators)
        Strength of each cooperation.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> creators = unit(rng.standard_normal((40, 8)).astype(np.float32))
    >>> history = sp.random(20, 40, density=0.1, random_state=rng, format="csr")
    >>> history = (history + sp.eye_array(20, 40)).tocsr()  # everybody has a partner
    >>> merchants = unit(np.asarray(history @ creators, dtype=np.float32))
    >>> yes = np.ones(40, dtype=bool)
    >>> block = Block("given:x", merchants, creators, creators[:0], yes[:20], yes, yes[:0])
    >>> bool(without_echo(block, history).merchant_known.any())
    False
    """
    has_partners = np.diff(history.indptr) > 0
    asked = np.flatnonzero(block.merchant_known & has_partners)
    if not len(asked) or not block.creator_known.any():
        return block
    if np.count_nonzero(block.merchant_known & ~has_partners) > 0.02 * len(asked):
        return block
    met = history[asked]
    total = np.maximum(met @ block.creator_known.astype(np.float32), 1e-12)
    means = np.asarray(met @ block.creators / total[:, None], dtype=np.float32)
    # Blocks are centred by side; the partners' means have a centre of their own.
    means = unit(means - means.mean(axis=0))
    near = np.einsum("ij,ij->i", means, block.merchants[asked])
    if np.quantile(near, 0.25) < _NEAR:
        return block
    nobody = np.zeros_like(block.merchant_known)
    return replace(block, merchants=np.zeros_like(block.merchants), merchant_known=nobody)
