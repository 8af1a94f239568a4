"""Small market folders for tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

Rows = Sequence[Mapping[str, Any]] | pd.DataFrame


def write_market(folder: Path, *, suffix: str = ".csv", **tables: Rows) -> Path:
    """Write each table, given as rows or a frame, as one file with that suffix.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     market = write_market(Path(folder), creators=[{"creator_id": "c1", "followers": 10}])
    ...     (market / "creators.csv").read_text()
    'creator_id,followers\\nc1,10\\n'
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name, rows in tables.items():
        frame = pd.DataFrame(rows)
        path = folder / f"{name}{suffix}"
        if suffix == ".parquet":
            frame.to_parquet(path, index=False)
        else:
            if "vector" in frame:
                frame["vector"] = [
                    one if isinstance(one, str | None) else " ".join(map(str, one))
                    for one in frame["vector"]
                ]
            frame.to_csv(path, index=False)
    return folder


def content(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Time of change and bytes of every file, to see that a folder was left as it was."""
    return {
        path.name: (path.lstat().st_mtime_ns, path.read_bytes() if path.is_file() else b"")
        for path in folder.iterdir()
    }


def small_market(seed: int = 0) -> dict[str, pd.DataFrame]:
    """Every table of the contract with a few sound rows, as columns of text and numbers."""
    rng = np.random.default_rng(seed)
    creators = [f"c{n:02d}" for n in range(12)]
    merchants = [f"m{n}" for n in range(4)]
    products = [f"p{n}" for n in range(8)]
    days = pd.date_range("2026-01-01", periods=60, freq="D")
    rows = 60
    exposures = rng.integers(100, 1000, rows)
    clicks = rng.binomial(exposures, 0.1)
    orders = rng.binomial(clicks, 0.2)
    times = days.strftime("%Y-%m-%dT12:30:00Z")
    promotions = pd.DataFrame(
        {
            "occurred_at": times,
            "merchant_id": rng.choice(merchants, rows),
            "creator_id": rng.choice(creators, rows),
            "promotion_id": [f"{n:04d}" for n in range(rows)],
            "product_id": rng.choice(products, rows),
            "format": rng.choice(["live", "video"], rows),
            "exposures": exposures,
            "paid_exposures": exposures // 4,
            "clicks": clicks,
            "orders": orders,
            "gmv": np.round(orders * 19.9, 2),
            "refunded_gmv": np.round(orders * 5.3, 2),
        }
    )
    return {
        "promotions": promotions,
        "creators": pd.DataFrame(
            {
                "creator_id": creators,
                "name": [f"Creator, {n}" for n in range(12)],
                "categories": "beauty|home",
                "followers": rng.integers(100, 10_000, 12),
                "joined_at": days[::5].strftime("%Y-%m-%d"),
                "gmv_30d_low": 100.0,
                "gmv_30d_high": 1000.0,
            }
        ),
        "merchants": pd.DataFrame(
            {"merchant_id": merchants, "industry": "beauty", "experience_score": 8.5}
        ),
        "products": pd.DataFrame(
            {
                "product_id": products,
                "merchant_id": np.repeat(merchants, 2),
                "price": rng.uniform(10, 90, 8).round(2),
                "launched_at": days[:48:6].strftime("%Y-%m-%dT00:00:00Z"),
            }
        ),
        "audiences": pd.DataFrame(
            {
                "entity": "creator",
                "entity_id": np.repeat(creators, 2),
                "dimension": "gender",
                "segment": ["female", "male"] * 12,
                "share": [0.7, 0.3] * 12,
                "audience": "fan",
            }
        ),
        "embeddings": pd.DataFrame(
            {
                "entity": "product",
                "entity_id": products,
                "space": "look",
                "vector": list(rng.normal(size=(8, 3)).astype(np.float32).round(3)),
            }
        ),
        "engagements": pd.DataFrame(
            {
                "viewer_id": [f"v{n % 7}" for n in range(rows)],
                "entity": "creator",
                "entity_id": rng.choice(creators, rows),
                "weight": 1.0,
                "occurred_at": np.where(np.arange(rows) % 9 == 0, None, times),
            }
        ),
        "creator_daily": pd.DataFrame(
            {
                "creator_id": "c00",
                "date": days.strftime("%Y-%m-%d"),
                "followers": 100 + np.arange(rows),
            }
        ),
        "campaigns": pd.DataFrame(
            {
                "campaign_id": ["spring", "may"],
                "starts_at": ["2026-01-20", "2026-02-20"],
                "ends_at": ["2026-01-25", "2026-02-25"],
            }
        ),
        "outreach": pd.DataFrame(
            {
                "merchant_id": rng.choice(merchants, rows),
                "creator_id": rng.choice(creators, rows),
                "sent_at": times,
                "status": "accepted",
            }
        ),
        "impressions": pd.DataFrame(
            {
                "request_id": [f"r{n // 3}" for n in range(rows)],
                "shown_at": times,
                "merchant_id": rng.choice(merchants, rows),
                "creator_id": rng.choice(creators, rows),
                "position": np.arange(rows) % 3,
                "propensity": 0.5,
            }
        ),
    }
