"""The command line: each command parses, makes one call and prints.

What a command needs is imported when it runs, so that ``alliance --help`` answers at once.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from enum import StrEnum
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer

from matching.errors import AllianceError
from pipelines.console import bar, complain, counted, print_frame, shown, stages, stdout

app = typer.Typer(
    help="Match merchants and creators: predictions, and ranked lists with their reasons.",
    add_completion=False,
    pretty_exceptions_enable=False,
)


class Size(StrEnum):
    """How large a market to make up."""

    small = "small"
    medium = "medium"
    large = "large"


class Split(StrEnum):
    """What an evaluation holds out."""

    temporal = "temporal"
    leave_last = "leave-last"
    cold_merchants = "cold-merchants"
    cold_creators = "cold-creators"


class Direction(StrEnum):
    """Who is asked for."""

    creators = "creators"
    merchants = "merchants"


class Engine(StrEnum):
    """What batch scoring runs on."""

    local = "local"
    spark = "spark"


#: Exit code after Ctrl-C, as shells have it.
STOPPED = 130


class Stopped(Exception):
    """Ctrl-C in a job that can go on; says how."""


MarketFolder = Annotated[Path, typer.Argument(metavar="MARKET", help="Folder of tables.")]
BundlePlace = Annotated[
    str, typer.Argument(metavar="BUNDLE", help="A bundle's folder, or models:/alliance@champion.")
]
AsOf = Annotated[
    str | None,
    typer.Option(
        metavar="DATE", help="Nothing after this moment is seen, e.g. 2026-06-30. Default: all."
    ),
]
MaxSetAside = Annotated[
    float,
    typer.Option(min=0, max=1, help="Stop when more than this share of a table is set aside."),
]
Objective = Annotated[
    str | None,
    typer.Option(help="match, conversion, exposure, orders, gmv or net. Default: the bundle's."),
]
Variety = Annotated[
    float,
    typer.Option(
        min=0,
        max=1,
        help="0: the best first. More: fewer of those in everybody's lists, fewer of a kind.",
    ),
]


def _version(wanted: bool) -> None:
    if wanted:
        print(f"alliance {version('alliance-matching')}")
        raise typer.Exit


def _share(given: float) -> float:
    # Not a number is between no two.
    if not 0 < given < 1:
        raise typer.BadParameter(f"got {given:g}, expected a share above 0 and below 1")
    return given


@app.callback(invoke_without_command=True)
def alliance(
    context: typer.Context,
    _: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Say which.")
    ] = False,
) -> None:
    """Show help when no command is given."""
    if context.invoked_subcommand is None:
        print(context.get_help())


@app.command(epilog="Example: alliance demo --out artifacts/demo")
def demo(
    out: Annotated[Path, typer.Option(help="Folder to leave everything in.")] = Path(
        "artifacts/demo"
    ),
    max_set_aside: MaxSetAside = 0.05,
) -> int:
    """Do the whole job on a synthetic market: make it, check, train, score, print a list."""
    from pipelines.demo import demo

    return demo(stdout(), out, max_set_aside=max_set_aside)


@app.command(epilog="Example: alliance simulate artifacts/market --seed 7 --size small")
def simulate(
    out: Annotated[Path, typer.Argument(metavar="OUT", help="Folder to write the market to.")],
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same market.")] = 7,
    size: Annotated[Size, typer.Option(help="How many creators and merchants.")] = Size.small,
) -> int:
    """Write a synthetic market, with its hidden truth in OUT/truth/."""
    from pipelines.simulate import simulate

    simulate(out, seed=seed, size=size.value)
    stdout().print(f"A synthetic market ({size.value}, seed {seed}) is in {shown(out)}")
    return 0


@app.command(
    epilog="Example: alliance check artifacts/market --set-aside artifacts/set_aside.parquet"
)
def check(
    market: MarketFolder,
    set_aside: Annotated[
        Path | None, typer.Option(help="Write what was set aside to this Parquet file.")
    ] = None,
    max_set_aside: MaxSetAside = 0.05,
) -> int:
    """Check a market folder. Exit code 0: clean, 1: rows set aside, 2: not usable."""
    from pipelines.check import check_market

    return check_market(market, set_aside=set_aside, max_set_aside=max_set_aside)


@app.command(
    epilog="Example: alliance train artifacts/market --bundle artifacts/bundle --as-of 2026-06-30"
)
def train(
    market: MarketFolder,
    bundle: Annotated[Path, typer.Option(help="Folder to write the bundle to.")],
    as_of: AsOf = None,
    experiment: Annotated[str, typer.Option(help="MLflow experiment.")] = "alliance",
    holdout_days: Annotated[
        int, typer.Option(min=1, help="Days of the backtest that measures the run.")
    ] = 30,
    track: Annotated[bool, typer.Option(help="Track the run in MLflow.")] = True,
    max_set_aside: MaxSetAside = 0.05,
) -> int:
    """Fit everything on what was known at --as-of and write a bundle."""
    from pipelines.train import train

    with stages("training") as progress:
        trained = train(
            market,
            bundle,
            as_of=as_of,
            experiment=experiment,
            holdout_days=holdout_days,
            track=track,
            max_set_aside=max_set_aside,
            progress=progress,
        )
    console = stdout()
    for line in [*trained.told, f"The bundle is in {shown(bundle)}"]:
        console.print(line, soft_wrap=True)
    return _warn_set_aside(trained.set_aside, market)


@app.command(
    epilog="Example: alliance evaluate artifacts/market --split cold-merchants --share 0.2 --seed 1"
)
def evaluate(
    market: MarketFolder,
    split: Annotated[
        Split,
        typer.Option(
            help="What is held out: the last days, each one's last partner, or all partners of "
            "some merchants or creators. Where these newcomers are asked for, they alone compete."
        ),
    ] = Split.temporal,
    direction: Annotated[
        Direction, typer.Option(help="Who is asked for: creators by merchants, or the reverse.")
    ] = Direction.creators,
    holdout_days: Annotated[
        int, typer.Option(min=1, help="Days held out at the end, with --split temporal.")
    ] = 30,
    share: Annotated[
        float,
        typer.Option(
            callback=_share, help="Share held out, above 0 and below 1, with the cold splits."
        ),
    ] = 0.2,
    seed: Annotated[int, typer.Option(min=0, help="Who that is.")] = 0,
    k: Annotated[int, typer.Option("--k", "-k", min=1, help="Length of the lists judged.")] = 20,
    variety: Annotated[
        list[float],
        typer.Option(
            min=0, max=1, help="Judge the lists with this much variety too; repeatable, 0 for none."
        ),
    ] = [0.1, 0.3],  # noqa: B006 (typer reads it, nobody changes it)
    as_of: AsOf = None,
    out: Annotated[Path, typer.Option(help="Folder for tables and plots.")] = Path(
        "artifacts/evaluation"
    ),
    experiment: Annotated[str, typer.Option(help="MLflow experiment.")] = "alliance",
    track: Annotated[bool, typer.Option(help="Track the run in MLflow.")] = True,
    max_set_aside: MaxSetAside = 0.05,
) -> int:
    """Hold something out of a market, serve lists from the rest, and judge them by baselines."""
    from pipelines.evaluate import evaluate, notes, printed_tables

    with stages("evaluating") as progress:
        evaluated = evaluate(
            market,
            out,
            split=split.value,
            direction=direction.value,
            holdout_days=holdout_days,
            share=share,
            seed=seed,
            k=k,
            variety=variety,
            as_of=as_of,
            experiment=experiment,
            track=track,
            max_set_aside=max_set_aside,
            progress=progress,
        )
    console = stdout()
    console.print(evaluated.evaluation.title + "\n")
    for title, frame in printed_tables(evaluated.evaluation).items():
        print_frame(console, frame, title)
        console.print()
    for line in [*notes(evaluated.evaluation), f"Tables and plots are in {shown(out)}"]:
        console.print(line, soft_wrap=True)
    return _warn_set_aside(evaluated.set_aside, market)


@app.command(
    epilog="Example: alliance score artifacts/bundle --out artifacts/scores --k 50 --objective gmv"
    "\n\nOnly who changed: alliance score artifacts/bundle --out artifacts/delta "
    "--since artifacts/scores"
    "\n\nOn a cluster: alliance score artifacts/bundle --out /shared/scores "
    "--engine spark --master spark://HOST:7077"
)
def score(
    bundle: BundlePlace,
    out: Annotated[Path, typer.Option(help="Folder for the Parquet parts.")],
    k: Annotated[int, typer.Option("--k", "-k", min=1, help="Creators a merchant.")] = 50,
    objective: Objective = None,
    variety: Variety = 0.0,
    since: Annotated[
        Path | None,
        typer.Option(
            metavar="OLDER",
            help="Folder of an older job: rank only merchants that the market says something new "
            "of. The others keep their older lists, though creators and the model may have moved; "
            "score everyone now and then.",
        ),
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Threads that rank. Default: one for each core.")
    ] = None,
    engine: Annotated[
        Engine,
        typer.Option(
            help="What to run on. The workers of Spark must all see --out under the same path."
        ),
    ] = Engine.local,
    master: Annotated[
        str | None,
        typer.Option(
            help="Where Spark runs, such as local[2,4] or spark://HOST:7077. Default: what Spark "
            "is configured with, else the cores of this machine."
        ),
    ] = None,
) -> int:
    """Rank creators for every merchant; a stopped job goes on where it was."""
    from pipelines.score import score

    try:
        with bar("scoring", "merchants") as progress:
            manifest = score(
                bundle,
                out,
                k=k,
                objective=objective,
                variety=variety,
                since=since,
                workers=workers,
                engine=engine.value,
                master=master,
                progress=progress,
            )
    except KeyboardInterrupt:
        raise Stopped("the same command goes on where it was") from None
    rows = manifest["rows"]
    merchants = counted(manifest["merchants"], "merchant", "merchants")
    console = stdout()
    console.print(
        f"{counted(rows, 'row', 'rows')} for {merchants} "
        f"{'is' if rows == 1 else 'are'} in {shown(out)}",
        soft_wrap=True,
    )
    if since is not None:
        delta = manifest["delta"]
        kept = counted(delta["unchanged"], "merchant keeps its list", "merchants keep their lists")
        gone = counted(len(delta["gone"]), "is gone", "are gone")
        console.print(
            f"{kept} of {shown(since)}, {gone}",
            soft_wrap=True,
        )
    return 0


@app.command(
    epilog="Example: alliance match artifacts/bundle m017 -k 5 --where categories=beauty,home"
)
def match(
    bundle: BundlePlace,
    merchant_id: Annotated[str, typer.Argument(metavar="MERCHANT_ID")],
    k: Annotated[int, typer.Option("--k", "-k", min=1, help="How many creators.")] = 20,
    objective: Objective = None,
    where: Annotated[
        list[str] | None,
        typer.Option(
            help="A filter, repeatable: regions=north,east, followers=10000..500000, "
            "audience.gender.female=0.5, keep_unknown=true."
        ),
    ] = None,
    product: Annotated[
        str | None, typer.Option(metavar="PRODUCT_ID", help="Rank for this product.")
    ] = None,
    exclude_worked_with: Annotated[
        bool, typer.Option("--exclude-worked-with", help="New partners only.")
    ] = False,
    variety: Variety = 0.0,
) -> int:
    """Print one merchant's ranked creators with predictions and reasons."""
    from pipelines.match import match, print_list

    frame, by = match(
        bundle,
        merchant_id,
        k=k,
        objective=objective,
        where=where or (),
        product_id=product,
        exclude_worked_with=exclude_worked_with,
        variety=variety,
    )
    print_list(stdout(), frame, by)
    return 0


@app.command(
    epilog="Example: alliance explain artifacts/bundle m017 c0123 --objective net --top 10"
)
def explain(
    bundle: BundlePlace,
    merchant_id: Annotated[str, typer.Argument(metavar="MERCHANT_ID")],
    creator_id: Annotated[str, typer.Argument(metavar="CREATOR_ID")],
    product: Annotated[
        str | None,
        typer.Option(metavar="PRODUCT_ID", help="This product, not what is usually promoted."),
    ] = None,
    objective: Annotated[
        str | None,
        typer.Option(help="conversion, exposure, orders, gmv or net. Default: the bundle's."),
    ] = None,
    top: Annotated[
        int, typer.Option(min=1, help="Length of the list that changes are told for.")
    ] = 10,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON document for a program to read.")
    ] = False,
) -> int:
    """Tell what one prediction is made of, and which terms would change where it stands."""
    from pipelines.explain import explain, explanation_document, print_explanation

    explanation, synthetic = explain(
        bundle, merchant_id, creator_id, product_id=product, objective=objective, top=top
    )
    if as_json:
        print(explanation_document(explanation, synthetic))
    else:
        print_explanation(stdout(), explanation, synthetic)
    return 0


@app.command(
    epilog="Example: alliance diagnose artifacts/bundle m017 --plot artifacts/quadrants.png"
)
def diagnose(
    bundle: BundlePlace,
    merchant_id: Annotated[str, typer.Argument(metavar="MERCHANT_ID")],
    plot: Annotated[
        Path | None,
        typer.Option(
            "--plot", "--out", metavar="FILE.png", help="Draw the quadrant chart into a file."
        ),
    ] = None,
    reasons: Annotated[
        bool, typer.Option("--reasons", help="Tell all that speaks for each diagnosis.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON document for a program to read.")
    ] = False,
) -> int:
    """Tell which of a merchant's cooperations to deepen, mend or end, and how sure that is."""
    from pipelines.diagnose import diagnose, diagnosis_document, print_diagnosis

    console = stdout()
    frame = diagnose(bundle, merchant_id, plot=plot)
    if as_json:
        print(diagnosis_document(frame, merchant_id))
        return 0
    print_diagnosis(console, frame, reasons=reasons)
    if plot is not None:
        console.print(f"The chart is in {shown(plot)}", soft_wrap=True)
    return 0


@app.command(epilog="Example: alliance ratings artifacts/bundle m017 --as-of 2026-03-31")
def ratings(
    bundle: BundlePlace,
    merchant_id: Annotated[str, typer.Argument(metavar="MERCHANT_ID")],
    as_of: Annotated[
        str | None, typer.Option(metavar="DATE", help="What was known then; default: all.")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON document for a program to read.")
    ] = False,
) -> int:
    """Tell a merchant's own ratings of the creators it has worked with."""
    from pipelines.ratings import print_ratings, ratings, ratings_document

    frame = ratings(bundle, merchant_id, as_of=as_of)
    if as_json:
        print(ratings_document(frame, merchant_id))
    else:
        print_ratings(stdout(), frame)
    return 0


def _warn_set_aside(rows: int, market: Path) -> int:
    if rows:
        print(
            f"alliance: {rows:,} rows set aside; see `alliance check {shown(market)}`",
            file=sys.stderr,
        )
    return int(rows > 0)


def run(arguments: Sequence[str] | None = None) -> int:
    """Run one command; gives back its exit code, 0, 1 or 2, 130 after Ctrl-C."""
    # implicit wants its BLAS on one thread, which has to be said before numpy is imported.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    try:
        code = app(arguments, prog_name="alliance", standalone_mode=False)
    except AllianceError as error:
        return complain(str(error))
    except typer.TyperException as error:
        # The first words of some are pydantic's, not ours.
        what = error.format_message().replace("Value error, ", "").rstrip(".")
        return complain(f"{what}; see alliance --help")
    except OSError as error:
        # A full disk, a folder that may not be written: the person's to mend, not a fault of ours.
        return complain(f"{error.filename}: {error.strerror}" if error.filename else str(error))
    except Stopped as stopped:
        print(f"alliance: stopped; {stopped}", file=sys.stderr)
        return STOPPED
    if code == STOPPED:
        print("alliance: stopped", file=sys.stderr)
    return int(code or 0)


def main() -> None:
    """Entry point of the ``alliance`` command."""
    sys.exit(run())
