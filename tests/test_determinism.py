"""The same market and seed give the same bundle and lists, on any threads, past any future."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd

from matching.bundle import Bundle
from training.fit import Settings, train_market
from training.market import Market, read_market
from training.schema import SYNTHETIC_MARK

_JOB = """
import sys
import {first}, {second}
from pathlib import Path
from training.fit import Settings, train_market
from training.market import Market, read_market
from training.schema import SYNTHETIC_MARK
from matching import Plaza
import json
folder, out = sys.argv[1:]
train_market(read_market(folder), Path(out))
plaza = Plaza.load(out)
lists = plaza.creators_for(plaza.merchant_ids.tolist(), k=20)
by_match = plaza.creators_for(plaza.merchant_ids.tolist(), k=20, objective="match")
print(json.dumps([plaza.bundle_hash, lists.to_json(), by_match.to_json()]))
"""


def _train(folder: Path, out: Path, threads: int, first: str, second: str) -> list[str]:
    count = str(threads)
    environment = {**os.environ, "OMP_NUM_THREADS": count, "OPENBLAS_NUM_THREADS": count}
    done = subprocess.run(
        [sys.executable, "-c", _JOB.format(first=first, second=second), str(folder), str(out)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    answer: list[str] = json.loads(done.stdout)
    return answer


def test_threads_and_import_order_do_not_matter(tiny_folder: Path, tmp_path: Path) -> None:
    one = _train(tiny_folder, tmp_path / "one", 1, "faiss", "implicit")
    two = _train(tiny_folder, tmp_path / "two", 2, "implicit", "faiss")
    assert one == two


def _poisoned(table: pd.DataFrame, time: str, kept: str, cut: pd.Timestamp) -> pd.DataFrame:
    """Everything after the cut made wrong: other ids, wild numbers, and rows twice."""
    late = pd.to_datetime(table[time], utc=True) > cut
    spoilt = table[late].copy()
    for name in spoilt.columns:
        if name in (time, kept):
            continue
        if pd.api.types.is_numeric_dtype(spoilt[name]):
            spoilt[name] = 1e12
        elif pd.api.types.is_object_dtype(spoilt[name]):
            spoilt[name] = spoilt[name].where(spoilt[name].isna(), "poison")
    return pd.concat([spoilt, spoilt, table[~late]], ignore_index=True)


def test_nothing_after_as_of_is_seen(tiny_folder: Path, tmp_path: Path) -> None:
    """A market whose future is poisoned gives the very same bundle, byte by byte."""
    times = {
        "promotions": "occurred_at",
        "outreach": "sent_at",
        "engagements": "occurred_at",
        "impressions": "shown_at",
        "creator_daily": "date",
        "campaigns": "starts_at",
        "creators": "joined_at",
        "products": "launched_at",
    }
    promotions = pd.read_parquet(tiny_folder / "promotions.parquet")
    cut = pd.to_datetime(promotions["occurred_at"], utc=True).quantile(0.7).floor("D")
    poisoned = tmp_path / "poisoned"
    poisoned.mkdir()
    shutil.copy(tiny_folder / SYNTHETIC_MARK, poisoned)
    spoilt = 0
    for path in tiny_folder.glob("*.parquet"):
        table = pd.read_parquet(path)
        if path.stem in times:
            # Somebody who joins later stays the same somebody: other tables name them.
            kept = {"creators": "creator_id", "products": "product_id"}.get(path.stem, "")
            changed = _poisoned(table, times[path.stem], kept, cut)
            spoilt += len(changed) - len(table)
            table = changed
        table.to_parquet(poisoned / path.name)
    assert spoilt > 100
    hashes = []
    for folder in (tiny_folder, poisoned):
        market = read_market(folder, as_of=cut)
        hashes.append(train_market(market, tmp_path / f"bundle-{folder.name}").hash)
    assert hashes[0] == hashes[1]


def test_the_seed_reaches_the_training(
    tiny_market: Market, tiny_bundle: Path, tmp_path: Path
) -> None:
    """The tests above could not fail if nothing ever depended on the seed."""
    other = train_market(tiny_market, tmp_path / "other", settings=Settings(seed=1))
    assert other.hash != Bundle.open(tiny_bundle).hash
    assert not np.array_equal(
        other.state("affinity")["merchant_vectors"],
        Bundle.open(tiny_bundle).state("affinity")["merchant_vectors"],
    )
