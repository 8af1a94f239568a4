"""A simulated market: whole, sound, the same for the same seed, and as the domain says."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from matching.errors import BadInput
from pipelines.simulate import simulate
from training.market import read_market
from training.simulation import SIZES, Size, Truth, simulate_market
from training.simulation.calendar import END, campaigns
from training.simulation.founding import make_population
from training.simulation.outcomes import Outcomes, Promotions, draw_outcomes
from training.simulation.plaza import LIST_LENGTH, OldPlaza
from training.simulation.segments import make_segments

TINY = Size(60, 8, requests_per_week=1.0, viewers=50)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("markets") / "small"
    simulate_market(folder, seed=1, size="small")
    return folder


def table(folder: Path, name: str) -> pd.DataFrame:
    return pd.read_parquet(folder / f"{name}.parquet")


def contents(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


class TestFolder:
    def test_everything_passes_the_contract(self, small: Path) -> None:
        market = read_market(small)

        assert market.set_aside.empty
        assert len(market.summary) == 11
        assert market.summary["after_as_of"].sum() == 0

    def test_same_seed_same_bytes(self, tmp_path: Path) -> None:
        for name, seed in (("one", 5), ("again", 5), ("other", 6)):
            simulate_market(tmp_path / name, seed=seed, size=TINY)

        assert contents(tmp_path / "one") == contents(tmp_path / "again")
        one, other = contents(tmp_path / "one"), contents(tmp_path / "other")
        assert one.keys() == other.keys()
        assert {name for name in one if one[name] == other[name]} == {
            "campaigns.parquet",
            "truth/README.md",
        }

    def test_says_that_it_is_synthetic(self, small: Path) -> None:
        assert "synthetic" in (small / "SYNTHETIC.md").read_text("utf-8")
        for path in [*small.glob("*.parquet"), *small.glob("truth/*.parquet")]:
            assert pq.ParquetFile(path).metadata.metadata[b"synthetic"] == b"true"
        for name in ("creators", "merchants"):
            assert table(small, name)["name"].str.endswith("(synthetic)").all()

    def test_smallest_market(self, tmp_path: Path) -> None:
        size = Size(20, 5, requests_per_week=0.05, viewers=1)
        simulate_market(tmp_path / "market", seed=0, size=size)

        assert read_market(tmp_path / "market").set_aside.empty

    def test_fills_an_empty_folder(self, tmp_path: Path) -> None:
        simulate_market(tmp_path, seed=0, size=TINY)

        assert (tmp_path / "promotions.parquet").exists()

    def test_refuses_a_simulated_market(self, small: Path) -> None:
        with pytest.raises(BadInput, match=r"already holds a simulated market; .*remove it or"):
            simulate_market(small, seed=1, size=TINY)

    @pytest.mark.parametrize("is_file", [True, False])
    def test_refuses_what_is_there(self, tmp_path: Path, is_file: bool) -> None:
        taken = tmp_path / "taken"
        if not is_file:
            taken.mkdir()
        (taken if is_file else taken / "letter.txt").write_text("dear")

        with pytest.raises(BadInput, match="already holds something else; expected a new or"):
            simulate_market(taken, seed=1, size=TINY)
        assert (taken if is_file else taken / "letter.txt").read_text() == "dear"

    def test_leaves_nothing_half_done(self, tmp_path: Path) -> None:
        def stop(what: str, share: float) -> None:
            if share > 0.9:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            simulate_market(tmp_path / "market", seed=1, size=TINY, progress=stop)
        assert list(tmp_path.iterdir()) == []

    def test_refuses_other_sizes_and_seeds(self, tmp_path: Path) -> None:
        with pytest.raises(BadInput, match="size 'huge' is not known; expected one of small, med"):
            simulate_market(tmp_path / "market", seed=1, size="huge")
        with pytest.raises(BadInput, match="seed -1; expected a whole number from 0"):
            simulate_market(tmp_path / "market", seed=-1, size=TINY)
        with pytest.raises(BadInput, match="19 creators and 5 merchants is too small"):
            Size(19, 5)
        with pytest.raises(BadInput, match="daily_every is 10; expected whole weeks"):
            Size(20, 5, daily_every=10)
        assert not (tmp_path / "market").exists()

    def test_sizes_of_the_contract(self) -> None:
        assert {name: (s.creators, s.merchants) for name, s in SIZES.items()} == {
            "small": (2_000, 300),
            "medium": (30_000, 3_000),
            "large": (200_000, 20_000),
        }

    def test_progress_moves_forward(self, tmp_path: Path) -> None:
        told: list[tuple[str, float]] = []
        simulate_market(
            tmp_path / "market", seed=1, size=TINY, progress=lambda *one: told.append(one)
        )

        shares = [share for _, share in told]
        assert shares == sorted(shares)
        assert told[-1] == ("done", 1.0)

    def test_pipeline_is_quiet_in_a_pipe(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        simulate(tmp_path / "market", seed=1, size=TINY)

        assert (tmp_path / "market" / "truth" / "laws.json").exists()
        assert capsys.readouterr() == ("", "")


class TestDomain:
    """Figures of DOMAIN.md, within bands that any seed should meet."""

    def test_funnel(self, small: Path) -> None:
        rows = table(small, "promotions")

        assert 20_000 < len(rows) < 35_000
        low, middle, high = rows["exposures"].quantile([0.1, 0.5, 0.9])
        assert 200 < low < 1_000 < middle < 5_000 < high < 100_000
        assert 0.02 < rows["clicks"].sum() / rows["exposures"].sum() < 0.06
        assert 0.02 < rows["orders"].sum() / rows["clicks"].sum() < 0.08
        assert 0.15 < rows["paid_exposures"].sum() / rows["exposures"].sum() < 0.3
        assert 0.2 < (rows["orders"] == 0).mean() < 0.45
        assert (rows["views"] >= rows["exposures"]).all()

    def test_refunds_are_three_in_ten_in_live_and_come_late(self, small: Path) -> None:
        rows = table(small, "promotions").dropna(subset=["refunded_gmv"])
        days = (pd.Timestamp(END, tz="UTC") - rows["occurred_at"]).dt.days
        live = rows["format"] == "live"

        def rate(mask: pd.Series) -> float:
            return float(rows.loc[mask, "refunded_gmv"].sum() / rows.loc[mask, "gmv"].sum())

        settled = rate(live & (days > 60))
        assert 0.22 < settled < 0.38
        assert rate(live & (days < 5)) < 0.6 * settled
        assert rate(~live & (days > 60)) < settled

    def test_orders_and_refunds_arrive_with_time(self, small: Path) -> None:
        truth = Truth.load(small / "truth")
        rng = np.random.default_rng(3)
        n = 60_000
        product = rng.integers(0, len(truth.products), n)
        nothing = np.zeros(n)

        def drawn(age: float) -> Outcomes:
            todo = Promotions(
                merchant=truth.world.products.merchant[product],
                creator=np.arange(n) % len(truth.creators),
                product=product,
                format=np.zeros(n, dtype=np.int64),
                dedicated=np.zeros(n, dtype=bool),
                session=np.arange(n),
                lift=nothing,
                eager=nothing,
                age=np.full(n, age),
            )
            return draw_outcomes(truth.world, truth.laws, todo, np.random.default_rng(3))

        first, week, at_last = drawn(0.0), drawn(7.0), drawn(np.inf)
        orders = [int(one.orders.sum()) for one in (first, week, at_last)]
        assert orders[0] / orders[2] == pytest.approx(0.65, abs=0.03)
        assert orders[1] / orders[2] == pytest.approx(1, abs=0.03)
        assert first.refunded_gmv.sum() == 0
        late = at_last.refunded_gmv.sum() / at_last.gmv.sum()
        assert 0.3 * late < week.refunded_gmv.sum() / week.gmv.sum() < 0.7 * late

    def test_product_roles_share_sales(self, small: Path) -> None:
        rows = table(small, "promotions").merge(table(small, "products"), on="product_id")
        share = rows.groupby("role")["gmv"].sum() / rows["gmv"].sum()

        # DOMAIN: 13.2, 61.5, 16.9 and 8.4 %.
        assert 0.05 < share["traffic"] < 0.25
        assert 0.45 < share["core"] < 0.75
        assert 0.08 < share["profit"] < 0.3
        assert 0.02 < share["potential"] < 0.2

    def test_consent(self, small: Path) -> None:
        creators = table(small, "creators")
        exact = creators["followers"].notna()
        ranged = creators["followers_low"].notna()

        assert 0.7 < exact.mean() < 0.82
        assert 0.1 < ranged.mean() < 0.2
        assert not (exact & ranged).any()
        assert (creators["followers_high"] > creators["followers_low"])[ranged].all()
        blank = creators.loc[~exact & ~ranged, "creator_id"]
        assert creators.loc[~exact & ~ranged, ["gmv_30d", "videos_30d"]].isna().all(axis=None)
        assert not table(small, "audiences")["entity_id"].isin(blank).any()
        rows = table(small, "promotions")
        assert (rows["gmv"].isna() == rows["gmv_low"].notna()).all()

    def test_cold_creators_and_merchants(self, small: Path) -> None:
        rows = table(small, "promotions")
        creators, merchants = table(small, "creators"), table(small, "merchants")

        cold = creators[~creators["creator_id"].isin(rows["creator_id"])]
        assert 50 < len(cold) < 500
        assert not merchants["merchant_id"].isin(rows["merchant_id"]).all()
        assert table(small, "audiences")["entity_id"].isin(cold["creator_id"]).any()

    def test_nothing_happens_before_it_can(self, small: Path) -> None:
        rows = table(small, "promotions")
        creators, products = table(small, "creators"), table(small, "products")
        rows = rows.merge(creators[["creator_id", "joined_at"]], on="creator_id")
        rows = rows.merge(products[["product_id", "launched_at"]], on="product_id")

        assert (rows["occurred_at"] >= rows["joined_at"]).all()
        assert (rows["occurred_at"] >= rows["launched_at"]).all()
        seen = table(small, "engagements").merge(
            creators, left_on="entity_id", right_on="creator_id"
        )
        assert (seen["occurred_at"] >= seen["joined_at"]).all()

    def test_good_cooperations_are_repeated(self, small: Path) -> None:
        rows = table(small, "promotions").sort_values("occurred_at")
        settled = rows[rows["occurred_at"] < rows["occurred_at"].max() - pd.Timedelta(days=60)]
        first = settled.drop_duplicates(["merchant_id", "creator_id"]).assign(
            per_click=lambda one: one["orders"] / one["clicks"]
        )
        again = rows[rows["channel"] == "repeat"].groupby(["merchant_id", "creator_id"]).size()
        keys = pd.MultiIndex.from_frame(first[["merchant_id", "creator_id"]])
        first["again"] = keys.isin(again.index)

        good = first["per_click"] > first["per_click"].median()
        assert first.loc[good, "again"].mean() > first.loc[~good, "again"].mean() + 0.1

    def test_outreach(self, small: Path) -> None:
        rows = table(small, "outreach")
        share = rows["status"].value_counts(normalize=True)

        assert 0.3 < share["posted"] < 0.6
        assert 0.3 < share["rejected"] < 0.6
        assert set(rows["status"]) == {
            "pending", "accepted", "posted", "rejected", "overdue", "withdrawn"
        }  # fmt: skip
        refused = rows["status"] == "rejected"
        assert rows.loc[refused, "reason"].notna().all()
        assert rows.loc[~refused, "reason"].isna().all()
        waiting = rows.loc[rows["status"] == "pending", "sent_at"]
        assert waiting.min() > pd.Timestamp(END, tz="UTC") - pd.Timedelta(days=14)

    def test_refusals_for_want_of_match_have_the_lower_fit(self, small: Path) -> None:
        rows = table(small, "outreach")
        fit = Truth.load(small / "truth").expected(rows["merchant_id"], rows["creator_id"])

        reason = rows["reason"].to_numpy()
        assert (
            fit.loc[reason == "NOT_MATCH", "acceptance"].mean()
            < fit.loc[(reason == "OTHER") | (reason == "SCHEDULE_FULL"), "acceptance"].mean() - 0.05
        )

    def test_some_small_creators_grow(self, small: Path) -> None:
        days = table(small, "creator_daily").dropna(subset=["followers"])
        by = days.sort_values("date").groupby("creator_id")["followers"]
        growth = by.last() / by.first()

        assert 0.02 < (growth > 3).mean() < 0.15
        assert 0.9 < growth.median() < 1.3
        assert by.first()[growth > 3].max() < 60_000

    def test_campaigns_make_bursts(self, small: Path) -> None:
        rows = table(small, "promotions")
        running = campaigns().at(rows["occurred_at"].astype("datetime64[us, UTC]").astype("int64"))
        days = sum(campaigns().ends - campaigns().starts) / 86_400_000_000

        assert (running >= 0).mean() > 1.3 * days / 364
        joined = rows["campaign_id"].notna().to_numpy()
        assert (running[joined] >= 0).all()
        assert 0.6 < joined[running >= 0].mean() < 0.9

    def test_bots_engage_far_more_than_people(self, small: Path) -> None:
        degree = table(small, "engagements")["viewer_id"].value_counts()

        assert degree.iloc[1] >= 800
        assert degree.median() < 10
        assert degree.quantile(0.99) < 200


class TestPlaza:
    def test_propensity_is_how_often(self) -> None:
        rng = np.random.default_rng(4)
        segments = make_segments(rng)
        creators = make_population(rng, Size(30, 5), segments).creators
        creators.joined[:3] = 7
        merchant = np.zeros(40_000, dtype=np.int64)

        lists = OldPlaza(creators, 5).lists(merchant, merchant, rng)

        assert not np.isin(lists.creator, [0, 1, 2]).any(), "who has not joined is not listed"
        pairs = lists.request * 100 + lists.creator
        assert len(np.unique(pairs)) == len(pairs), "nobody twice in a list"
        assert lists.position.max() == LIST_LENGTH
        for policy in range(3):
            top = (lists.position == 1) & (lists.policy == policy)
            often = np.bincount(lists.creator[top], minlength=30) / top.sum()
            stated = np.zeros(30)
            stated[lists.creator[top]] = lists.propensity[top]
            assert often == pytest.approx(stated, abs=0.015)

    def test_propensity_given_those_above(self) -> None:
        rng = np.random.default_rng(4)
        creators = make_population(rng, Size(20, 5), make_segments(rng)).creators
        creators.joined[:] = -1
        # Two creators whom everybody sees leave the rest of the list to the others.
        creators.followers[:] = 1.0
        creators.followers[:2] = 1e6
        merchant = np.zeros(50_000, dtype=np.int64)

        lists = OldPlaza(creators, 0).lists(merchant, merchant, rng)

        famous = lists.policy == 0
        second = famous & (lists.position == 2) & (lists.creator == 0)
        weight = 1_000 / (2 * 1_000 + 18)
        assert lists.propensity[second] == pytest.approx(
            np.full(second.sum(), weight / (1 - weight)), rel=0.01, abs=0.5
        )
        above = famous & (lists.position == 1) & (lists.creator == 1)
        after = second[1:] & above[:-1]
        assert after.sum() / above.sum() == pytest.approx(weight / (1 - weight), abs=0.02)
        assert lists.propensity[1:][after] == pytest.approx(weight / (1 - weight))
