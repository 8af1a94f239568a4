"""The expected partner, by hand."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp

from models.partners import ExpectedPartner


def test_expected_partner_is_the_mean_drawn_to_what_is_foretold() -> None:
    partners = np.array([[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]], dtype=np.float32)
    history = sp.csr_matrix(np.array([[3.0, 1.0, 9.0], [0.0, 0.0, 0.0]], dtype=np.float32))
    own = np.array([[1.0], [1.0]], dtype=np.float32)
    expected = ExpectedPartner(np.array([[0.5, 0.5]], dtype=np.float32), prior=2.0)
    # The third partner's place is unknown: it neither adds nor counts.
    np.testing.assert_allclose(
        expected.transform(history, own, partners),
        [[(3 + 2 * 0.5) / (4 + 2), (1 + 2 * 0.5) / (4 + 2)], [0.5, 0.5]],
        rtol=1e-6,
    )
