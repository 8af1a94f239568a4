"""The same job as a user would write it: implicit, scikit-learn and pandas, used as documented."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from implicit.als import AlternatingLeastSquares
from speed_kit import CLICK_RATE, FEATURES, HIGH, LOW, NUMBERS, OF_CREATOR, Kit

#: Merchants per call; their candidates with 40 features take some .1 GB.
AT_ONCE = 1000


class ByHand:
    """Factors in implicit's model, features in two tables, two boosted models.

    Parameters
    ----------
    kit : Kit
    """

    def __init__(self, kit: Kit) -> None:
        self.model = AlternatingLeastSquares(factors=kit.creator_vectors.shape[1])
        self.model.user_factors = np.array(kit.merchant_vectors)
        self.model.item_factors = np.array(kit.creator_vectors)
        self.conversion, self.exposures = kit.boosted()
        self.creators = pd.DataFrame(np.array(kit.creator_features), columns=FEATURES[:OF_CREATOR])
        self.creators["creator_id"] = kit.creator_ids.astype(object)
        self.merchants = pd.DataFrame(
            np.array(kit.merchant_features), columns=FEATURES[OF_CREATOR:-1]
        )
        self.merchants["merchant_id"] = kit.merchant_ids.astype(object)
        self.merchants["price"] = np.array(kit.prices)

    def lists(self, merchants: Any, k: int) -> pd.DataFrame:
        """Lists of some merchants, best first by GMV.

        Parameters
        ----------
        merchants : int array
            Rows of the merchants.
        """
        found, affinity = self.model.recommend(
            merchants, None, N=k, filter_already_liked_items=False
        )
        pairs = pd.DataFrame(
            {
                "merchant": np.repeat(merchants, k),
                "creator": found.ravel(),
                FEATURES[-1]: affinity.ravel(),
            }
        )
        frame = pairs.merge(self.creators, left_on="creator", right_index=True)
        frame = frame.merge(self.merchants, left_on="merchant", right_index=True)
        given = frame[FEATURES].to_numpy()
        frame["p_conversion"] = self.conversion.predict_proba(given)[:, 1]
        frame["exposures"] = np.exp(self.exposures.predict(given))
        frame["expected_orders"] = CLICK_RATE * frame["exposures"] * frame["p_conversion"]
        frame["expected_gmv"] = frame["expected_orders"] * frame["price"]
        frame["score"] = frame["expected_gmv"]
        for name in ("p_conversion", "exposures", "expected_gmv"):
            frame[f"{name}_low"] = frame[name] * LOW
            frame[f"{name}_high"] = frame[name] * HIGH
        frame = frame.sort_values(["merchant", "score"], ascending=[True, False])
        frame["rank"] = frame.groupby("merchant").cumcount() + 1
        return frame[["merchant_id", "rank", "creator_id", *NUMBERS]]

    def job(self, merchants: Any, k: int, out: Path) -> None:
        """Write the lists of all merchants as Parquet."""
        for start in range(0, len(merchants), AT_ONCE):
            frame = self.lists(merchants[start : start + AT_ONCE], k)
            path = out / f"part-{start // AT_ONCE:05d}.parquet"
            frame.to_parquet(path, compression="zstd", index=False)
