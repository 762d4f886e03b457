"""Commands about a loss: `list`, `show`, `export` and `verify`.

Comes in: what was typed. Goes out: the text of one public function; files where asked for.
"""

from __future__ import annotations

import sys
from typing import Annotated, Any, Final

import typer

from lossmith.cli.options import FormulaLink, FormulaTarget, Numbers, OpenPage, PageFile, Seed, parameters
from lossmith.cli.pages import show_page
from lossmith.errors import CommandError

FAULTY: Final = 1

Losses = Annotated[
    list[str] | None,
    typer.Argument(
        help='A loss of `lossmith list`, a formula such as "where(y>z, 5, 1)*abs(y-z)", or a design such as '
        '"2*bce.modulate(gamma=2) + dice". With --open or --out several are drawn on the same axes.',
        metavar="LOSS...",
    ),
]
Activations = Annotated[
    list[str] | None,
    typer.Option("--activation", help="An activation, such as relu, in place of a loss. Can be repeated, to compare."),
]


def list_losses(
    target: Annotated[str | None, typer.Option(help="Only losses for this kind of target, for example binary.")] = None,
) -> None:
    """List the losses, and what each makes a model estimate."""
    from lossmith.loss import get, names
    from lossmith.report.loss_text import listing

    print(listing([get(name) for name in names(target)]))


def show(
    losses: Losses = None,
    activation: Activations = None,
    numbers: Numbers = None,
    target: FormulaTarget = None,
    link: FormulaLink = None,
    steps: Annotated[
        bool,
        typer.Option(
            "--steps", help="Show instead how the formula becomes safe numbers, rule by rule, and what remains."
        ),
    ] = False,
    open_page: OpenPage = False,
    out: PageFile = None,
) -> None:
    """Show the formula, derivatives and known facts of a loss, and what it does: as text, or as a page with sliders."""
    given = parameters(numbers)
    if steps and (open_page or out is not None):
        raise CommandError(
            "LM606", "--steps is printed as text and has no page; leave out --steps, or --open and --out."
        )
    if activation or not losses:
        _show_activations(activation or [], given, out, open_page, not (losses or steps or target or link))
        return
    if open_page or out is not None:
        from lossmith.teach.activations.door import show

        show_page(lambda: show(*losses, target=target, link=link, **given), out, open_page)
        return
    from lossmith.loss.library import look_up
    from lossmith.report.loss_text import page
    from lossmith.report.steps_text import steps_page

    found = [look_up(loss, given, target, link) for loss in losses]
    print("\n\n\n".join(steps_page(loss) if steps else page(loss, remark) for loss, remark in found))


def _show_activations(names: list[str], given: dict[str, Any], out: str | None, open_page: bool, alone: bool) -> None:
    """Print the text of activations, or write their page; `alone`: without a loss, or an option that only losses have."""
    from lossmith.teach.activations.door import look_up_activations, show
    from lossmith.teach.activations.page import activation_text

    if not (names and alone):
        raise CommandError(
            "LM495", "name a loss, or an activation with --activation NAME (and no --target, --link or --steps)."
        )
    functions = look_up_activations(names, given)
    if open_page or out is not None:
        show_page(lambda: show(*functions), out, open_page)
    else:
        print(activation_text(*functions))


def export(
    name: Annotated[
        str, typer.Argument(help="A loss of `lossmith list`, a formula or a design, as for `show`.", metavar="LOSS")
    ],
    to: Annotated[str, typer.Option(help="The language of the code: numpy, or js (JavaScript).")] = "numpy",
    numbers: Numbers = None,
    target: FormulaTarget = None,
    link: FormulaLink = None,
    out: Annotated[str | None, typer.Option(help="A file to write; by default the code is printed.")] = None,
) -> None:
    """Print a loss as code that runs without Lossmith."""
    from lossmith.loss.library import look_up

    loss, remark = look_up(name, parameters(numbers), target, link)
    text = loss.source(to)
    if remark:
        print(remark, file=sys.stderr)
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
