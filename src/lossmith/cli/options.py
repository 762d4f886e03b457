"""What can be said on the command line: options and arguments that commands share, and how parameters are read.

Comes in: texts. Goes out: types for typer, and `parameters`.
"""

from __future__ import annotations

from typing import Annotated, Any

import typer

from lossmith.errors import CommandError

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
Numbers = Annotated[list[str] | None, typer.Option("--set", help="A parameter, for example --set level=0.9.")]


FormulaTarget = Annotated[
    str | None, typer.Option("--target", help="The kind of target of a formula that names no loss, for example binary.")
]
FormulaLink = Annotated[
    str | None,
    typer.Option("--link", help="How p follows from the raw prediction z in a formula, for example sigmoid."),
]
OpenPage = Annotated[bool, typer.Option("--open", help="Show it as a page with sliders and pictures, in the browser.")]
PageFile = Annotated[str | None, typer.Option("--out", help="Write that page to this file.")]


def parameters(numbers: list[str] | None) -> dict[str, Any]:
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
