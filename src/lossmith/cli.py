"""The command line: arguments come in, one public function is called, and its text goes out.

Exit code 0: done. 1: the answer is no (`verify` found faults). 2: bad input, one clear sentence and no traceback.
130: stopped with Ctrl-C.
"""

from __future__ import annotations

import errno
import sys
from collections.abc import Callable
from typing import Annotated, Any, Final

import typer

from lossmith.errors import CommandError, LossmithError

FAULTY: Final = 1
BAD_INPUT: Final = 2
STOPPED: Final = 130
INTERRUPTED: Final = "Stopped. Nothing was left half-written."
NO_SPACE: Final = (
    "LM601 no space is left on the disk; nothing was left half-written. Free some, or choose another --out."
)


Data = Annotated[str, typer.Argument(help="A Parquet or CSV file, or a folder of Parquet files.", metavar="DATA")]
Target = Annotated[str, typer.Option(help="The column to predict.")]
Cost = Annotated[
    str | None,
    typer.Option(
        help="What errors cost you. For a number, per unit predicted too low and too high: "
        '"under=5, over=1". For two classes, per missed positive and per false alarm: '
        '"false_negative=20, false_positive=1" (a column may stand for a number). For more classes a CSV file with a '
        'matrix: true classes in rows, decided ones in columns. Add "column=NAME" where errors cost differently by row.'
    ),
]
Estimate = Annotated[
    str | None,
    typer.Option(help="What a prediction shall be: mean, median, quantile=0.9, quantile=0.1,0.5,0.9 or probability."),
]
Time = Annotated[str | None, typer.Option(help="A date or time column: learn from the past, compare on the future.")]
Group = Annotated[
    str | None,
    typer.Option(
        help="A column of groups (customers, patients): none is both learned from and compared (with --time, they are only "
        "judged together)."
    ),
]
Weight = Annotated[str | None, typer.Option(help="A column that says how much each row counts.")]
Identity = Annotated[str | None, typer.Option("--id", help="A column that names the rows; never a feature.")]
Drop = Annotated[list[str] | None, typer.Option(help="A column to leave out. Can be repeated.")]
Loss = Annotated[
    list[str] | None,
    typer.Option(
        help='A loss to try as well: a name, a formula such as "where(y>z, 5, 1)*abs(y-z)", or a design such as '
        '"bce.modulate(gamma=2)". Can be repeated.'
    ),
]
Kind = Annotated[
    str | None,
    typer.Option(
        help="What the target is, where it is recognised wrongly: real, positive, nonnegative, count, fraction, "
        "binary, class or ordinal."
    ),
]
Positive = Annotated[str | None, typer.Option(help="Of two classes, the one that counts as positive.")]
Test = Annotated[str | None, typer.Option(help="A file of rows to compare on; nothing is learned from them.")]
Model = Annotated[
    str | None, typer.Option(help="boosted (trees of LightGBM) or linear; by default linear up to 500 rows.")
]
Rows = Annotated[
    int | None, typer.Option(help="The most rows to learn from, drawn at random; all others are compared.")
]
TimeLimit = Annotated[float | None, typer.Option(help="Seconds after which no new fold is begun.")]
Encoding = Annotated[str | None, typer.Option(help="The text encoding of a CSV file, for example cp949.")]
Out = Annotated[str | None, typer.Option(help="The folder to write. By default study-COLUMN.")]
Force = Annotated[bool, typer.Option("--force", help="Replace the folder, if it holds a study.")]
Quick = Annotated[bool, typer.Option("--quick", help="A sample and few rounds: a first look.")]
Seed = Annotated[int, typer.Option(min=0, max=2**31 - 1, help="The same seed gives the same study.")]


def study(
    data: Data,
    target: Target,
    cost: Cost = None,
    estimate: Estimate = None,
    time: Time = None,
    group: Group = None,
    weight: Weight = None,
    id: Identity = None,
    drop: Drop = None,
    loss: Loss = None,
    kind: Kind = None,
    positive: Positive = None,
    test: Test = None,
    model: Model = None,
    rows: Rows = None,
    time_limit: TimeLimit = None,
    encoding: Encoding = None,
    out: Out = None,
    force: Force = False,
    quick: Quick = False,
    seed: Seed = 0,
) -> None:
    """Find out which loss, and which decision, pays on your data.

    Trains the same model under several losses, gives each its best decision rule, compares them on rows that none has
    seen, prints the verdict, and writes a folder with the page (index.html), the model, and a predict.py that runs
    without Lossmith.
    """
    from lossmith.advise.out.folder import choose_folder
    from lossmith.advise.study import study as run
    from lossmith.report.progress import progress

    folder = choose_folder(out, target, force=force)
    with progress() as step:
        found = run(
            data, target=target, time=time, group=group, weight=weight, id=id, drop=drop or (), cost=cost,
            estimate=estimate, kind=kind, positive=positive, loss=loss or (), test=test, model=model, rows=rows,
            time_limit=time_limit, encoding=encoding, out=folder, force=force, quick=quick, seed=seed, step=step,
        )  # fmt: skip
    print(found)


def list_losses(
    target: Annotated[str | None, typer.Option(help="Only losses for this kind of target, for example binary.")] = None,
) -> None:
    """List the losses, and what each makes a model estimate."""
    from lossmith.loss import get, names
    from lossmith.report.loss_text import listing

    print(listing([get(name) for name in names(target)]))


Numbers = Annotated[list[str] | None, typer.Option("--set", help="A parameter, for example --set level=0.9.")]


def show(
    loss: Annotated[
        str,
        typer.Argument(
            help='A loss of `lossmith list`, a formula such as "where(y>z, 5, 1)*abs(y-z)", or a design such as '
            '"2*bce.modulate(gamma=2) + dice".',
            metavar="LOSS",
        ),
    ],
    numbers: Numbers = None,
    target: Annotated[
        str | None, typer.Option(help="The kind of target of a formula that names no loss, for example binary.")
    ] = None,
    link: Annotated[
        str | None, typer.Option(help="How p follows from the raw prediction z in a formula, for example sigmoid.")
    ] = None,
    steps: Annotated[
        bool,
        typer.Option(
            "--steps", help="Show instead how the formula becomes safe numbers, rule by rule, and what remains."
        ),
    ] = False,
) -> None:
    """Show the formula, derivatives and known facts of a loss, and what it does."""
    from lossmith.loss.library import look_up

    found, remark = look_up(loss, _parameters(numbers), target, link)
    if steps:
        from lossmith.report.steps_text import steps_page

        print(steps_page(found))
        return
    from lossmith.report.loss_text import page

    print(page(found, remark))


def export(
    name: Annotated[str, typer.Argument(help="A loss of `lossmith list`.", metavar="NAME")],
    to: Annotated[str, typer.Option(help="The language of the code: numpy.")] = "numpy",
    numbers: Numbers = None,
    out: Annotated[str | None, typer.Option(help="A file to write; by default the code is printed.")] = None,
) -> None:
    """Print a loss as code that runs without Lossmith."""
    from lossmith.loss import get

    text = get(name, **_parameters(numbers)).source(to)
    if out is None:
        print(text, end="")
        return
    from pathlib import Path

    if Path(out).exists():
        raise CommandError("LM604", f'"{out}" exists and is not replaced. Give another --out.')
    Path(out).write_text(text, encoding="utf-8")


def verify(
    target: Annotated[
        str,
        typer.Argument(
            help="What to check: a loss of `lossmith list`, a formula, or module:function for a loss in Python (a function, "
            "an objective of LightGBM, XGBoost or CatBoost, a PyTorch criterion, a JAX function). The current folder is "
            "searched for modules first.",
            metavar="TARGET",
        ),
    ],
    reference: Annotated[str | None, typer.Option(help="The loss that it shall be: a name or a formula.")] = None,
    kind: Annotated[
        str | None,
        typer.Option(help="The kind of target, where it cannot be told: real, binary, class, count, positive ..."),
    ] = None,
    takes: Annotated[
        str | None,
        typer.Option(
            help="What its prediction is, where it cannot be told: raw, or probability (on the target's scale)."
        ),
    ] = None,
    classes: Annotated[int | None, typer.Option(help="The number of classes, where it cannot be told.")] = None,
    limit: Annotated[float, typer.Option(help="Seconds after which the check is ended.")] = 60.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print the verdict as JSON.")] = False,
    full: Annotated[bool, typer.Option("--full", help="Measure numbers at ten times as many points.")] = False,
    seed: Seed = 0,
) -> None:
    """Check anyone's loss: its numbers, its derivatives, what it means, what is known of it.

    Exit code 0: no fault was found. 1: faults were found. 2: bad input.
    """
    import json

    from lossmith.checking.isolation import verify_apart

    asked = {"reference": reference, "kind": kind, "takes": takes, "classes": classes, "seed": seed, "full": full}
    told = verify_apart(target, limit=limit, **asked)
    print(json.dumps(told.data, indent=2, ensure_ascii=False) if as_json else told.text)
    if not told.ok:
        raise typer.Exit(FAULTY)


def _parameters(numbers: list[str] | None) -> dict[str, Any]:
    """Texts `key=number` as a mapping."""
    given: dict[str, Any] = {}
    for text in numbers or []:
        key, _, value = text.partition("=")
        try:
            given[key.strip()] = float(value)
        except ValueError:
            raise CommandError(
                "LM603", f'--set takes name=number, got "{text}". For example --set level=0.9.'
            ) from None
    return given


COMMANDS: Final[dict[str, Callable[..., None]]] = {
    "study": study,
    "list": list_losses,
    "show": show,
    "export": export,
    "verify": verify,
}

WITH_MINUS: Final = frozenset({"show", "verify"})
"""Commands whose argument may begin with a minus, as formulas do."""


def application() -> typer.Typer:
    """Build the command line from the table of commands."""
    made = typer.Typer(
        name="lossmith",
        help="Write a loss once, as maths; find out which loss pays on your data.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
    )
    made.callback()(_root)
    for name, command in COMMANDS.items():
        made.command(name, context_settings={"ignore_unknown_options": name in WITH_MINUS})(command)
    return made


def _root() -> None:
    """Write a loss once, as maths; find out which loss pays on your data."""


def main(arguments: list[str] | None = None) -> None:
    """Run the command line, and end the process with its exit code."""
    sys.exit(run(arguments))


def run(arguments: list[str] | None = None) -> int:
    """Run the command line and return its exit code; a bad input is told in one sentence."""
    try:
        application()(arguments, prog_name="lossmith", standalone_mode=True)
    except SystemExit as end:
        return _tell(INTERRUPTED, STOPPED) if end.code == STOPPED else _code(end.code)
    except LossmithError as error:
        return _tell(str(error), BAD_INPUT)
    except (KeyboardInterrupt, EOFError):
        return _tell(INTERRUPTED, STOPPED)
    except OSError as error:
        if error.errno == errno.ENOSPC:
            return _tell(NO_SPACE, BAD_INPUT)
        return _tell(f"LM602 {error.filename or 'a file'}: {error.strerror or error}.", BAD_INPUT)
    return 0


def _code(code: Any) -> int:
    return code if isinstance(code, int) else 0 if code is None else 1


def _tell(sentence: str, code: int) -> int:
    print(sentence, file=sys.stderr)
    return code
