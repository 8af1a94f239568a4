"""The whole job once, on a market made up on the spot: make, check, train, score, print."""

from __future__ import annotations

import shutil
from pathlib import Path

import pandas as pd
from rich.console import Console

from matching import Plaza
from matching.errors import BadInput
from pipelines.check import check_market
from pipelines.console import bar, shown, stages
from pipelines.match import print_list
from pipelines.score import score
from pipelines.train import train
from training.simulation import simulate_market

SEED = 7
#: What a second demo makes again; its run joins the earlier ones in ``mlflow``.
_MADE_ANEW = ("market", "bundle", "scores")


def demo(console: Console, out: Path, *, max_set_aside: float = 0.05) -> int:
    """Do the main job in one folder, saying what is done; gives back the exit code.

    Raises
    ------
    BadInput
        When ``out`` holds anything that is no earlier demo.
    """
    _make_room(out)
    market, bundle, scores = (out / name for name in _MADE_ANEW)

    console.print(f"1. A synthetic market (seed {SEED}): nothing in it is real", style="bold")
    with stages("simulating") as progress:
        simulate_market(market, seed=SEED, size="small", progress=lambda stage, _: progress(stage))
    code = check_market(market, max_set_aside=max_set_aside)

    console.print("\n2. Training", style="bold")
    with stages("training") as progress:
        trained = train(
            market,
            bundle,
            max_set_aside=max_set_aside,
            tracking_uri=f"sqlite:///{out.resolve() / 'mlflow' / 'mlflow.db'}",
            progress=progress,
        )
    for line in trained.told:
        console.print(line, soft_wrap=True)

    console.print("\n3. Scoring every merchant", style="bold")
    with bar("scoring") as told:
        manifest = score(str(bundle), scores, progress=told)
    console.print(f"{manifest['rows']:,} rows for {manifest['merchants']:,} merchants")

    plaza = Plaza.load(bundle)
    merchant = _most_seasoned(market)
    console.print(f"\n4. New partners for merchant {merchant}", style="bold")
    frame = plaza.creators_for(merchant, k=5, exclude_worked_with=True)
    print_list(console, frame, plaza.default_objective)

    console.print(
        f"\nIn {shown(out)}: market/ (the tables, and truth/ behind them), bundle/ (what was "
        "learnt), scores/ (ranked creators of every merchant, Parquet), mlflow/ (the run).\n"
        "Remember that the data are synthetic. Two things to try next:\n"
        f"  .venv/bin/alliance match {shown(bundle)} {merchant} --where followers=10000..500000\n"
        f"  .venv/bin/alliance evaluate {shown(market)}",
        soft_wrap=True,
    )
    return code


def _make_room(out: Path) -> None:
    """Take an earlier demo away, and nothing else."""
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return
    if not (out / "market" / "SYNTHETIC.md").is_file():
        raise BadInput(f"{out}: there is something here that is no demo; name another folder")
    for name in _MADE_ANEW:
        shutil.rmtree(out / name, ignore_errors=True)


def _most_seasoned(market: Path) -> str:
    """The merchant with most promotions: its list has most to tell."""
    promotions = pd.read_parquet(market / "promotions.parquet", columns=["merchant_id"])
    return str(promotions["merchant_id"].mode()[0])
