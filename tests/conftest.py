"""What every test finds in place: no telemetry, no window, one small market, trained once."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

# Before anything imports numpy, MLflow or matplotlib.
os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
os.environ["OPENBLAS_NUM_THREADS"] = "1"
os.environ["MPLBACKEND"] = "Agg"

import hypothesis
import hypothesis.configuration
import pytest

if TYPE_CHECKING:
    from matching import Plaza
    from training.backtest import Holdout
    from training.evaluation import Evaluation
    from training.market import Market

CACHE = Path(__file__).parent.parent / ".cache"

# The same examples on every machine, however slow it is; nothing written beside the sources.
hypothesis.configuration.set_hypothesis_home_dir(CACHE / "hypothesis")
hypothesis.settings.register_profile("house", derandomize=True, deadline=None, database=None)
hypothesis.settings.load_profile("house")


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a simulated market of 150 creators and 24 merchants."""
    from training.simulation import Size, simulate_market

    folder = tmp_path_factory.mktemp("market")
    simulate_market(folder, seed=3, size=Size(150, 24, requests_per_week=1.0, viewers=300))
    return folder


@pytest.fixture(scope="session")
def tiny_market(tiny_folder: Path) -> Market:
    """Read the tiny market."""
    from training.market import read_market

    return read_market(tiny_folder)


@pytest.fixture(scope="session")
def tiny_bundle(tiny_market: Market, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of the bundle trained on the tiny market; not to be written to."""
    from training.fit import train_market

    folder = tmp_path_factory.mktemp("trained") / "bundle"
    train_market(tiny_market, folder)
    return folder


@pytest.fixture(scope="session")
def plaza(tiny_bundle: Path) -> Plaza:
    """Serve the tiny bundle."""
    from matching import Plaza

    return Plaza.load(tiny_bundle)


@pytest.fixture(scope="session")
def holdout(tiny_market: Market) -> Holdout:
    """Hold out the last 30 days of the tiny market."""
    from training.holdouts import last_days

    return last_days(tiny_market, 30)


@pytest.fixture(scope="session")
def past_bundle(holdout: Holdout, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of the bundle trained on what the holdout leaves; not to be written to."""
    from training.fit import train_market

    folder = tmp_path_factory.mktemp("past") / "bundle"
    train_market(holdout.past, folder)
    return folder


@pytest.fixture(scope="session")
def last_partner(tiny_market: Market) -> Holdout:
    """Hold out the last merchant of each creator of the tiny market."""
    from training.holdouts import last_partners

    return last_partners(tiny_market, "merchants")


@pytest.fixture(scope="session")
def last_partner_bundle(last_partner: Holdout, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of the bundle that does not know them; not to be written to."""
    from training.fit import train_market

    folder = tmp_path_factory.mktemp("last") / "bundle"
    train_market(last_partner.past, folder)
    return folder


@pytest.fixture(scope="session")
def evaluation(holdout: Holdout) -> Evaluation:
    """Judge lists of 10 beside baselines; trains on the past by itself."""
    from training.evaluate import backtest

    return backtest(holdout, k=10, depth=50, variety=[0.3], baselines=True)
