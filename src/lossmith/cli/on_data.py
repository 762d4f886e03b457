"""Commands about a table: `study` and `descend`.

Comes in: what was typed. Goes out: the text of one public function; files where asked for.
"""

from __future__ import annotations

from typing import Annotated

import typer

from lossmith.cli.options import (
    Cost,
    Data,
    Drop,
    Encoding,
    Estimate,
    Force,
    Group,
    Identity,
    Kind,
    Loss,
    Model,
    Numbers,
    OpenPage,
    Out,
    PageFile,
    Positive,
    Quick,
    Rows,
    Seed,
    Target,
    Test,
    Time,
    TimeLimit,
    Weight,
    parameters,
)
from lossmith.cli.pages import show_page


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
    from lossmith.report.study.progress import progress

    folder = choose_folder(out, target, force=force)
    with progress() as step:
        found = run(
            data, target=target, time=time, group=group, weight=weight, id=id, drop=drop or (), cost=cost,
            estimate=estimate, kind=kind, positive=positive, loss=loss or (), test=test, model=model, rows=rows,
            time_limit=time_limit, encoding=encoding, out=folder, force=force, quick=quick, seed=seed, step=step,
        )  # fmt: skip
    print(found)


def descend(
    data: Annotated[str, typer.Argument(help="A table, or diabetes, breast_cancer, iris, digits, xor.")] = "diabetes",
    target: Annotated[str | None, typer.Option(help="The column to predict.")] = None,
    loss: Annotated[str | None, typer.Option(help="A name, a formula or a design; by default the usual one.")] = None,
    model: Annotated[str | None, typer.Option(help="linear or two-layer.")] = None,
    hidden: Annotated[int, typer.Option(help="Hidden units.")] = 4,
    steps: Annotated[int, typer.Option(help="Steps.")] = 100,
    activation: Annotated[str, typer.Option(help="Their activation: tanh, relu ...")] = "tanh",
    learning_rate: Annotated[float | None, typer.Option(help="By default chosen from the measured curvature.")] = None,
    numbers: Numbers = None,
    kind: Kind = None,
    positive: Positive = None,
    weight: Weight = None,
    drop: Drop = None,
    encoding: Encoding = None,
    seed: Seed = 0,
    out: PageFile = None,
    open_page: OpenPage = False,
) -> None:
    """Walk down a loss by gradient descent, and say at each step what Taylor's theorem foretold; judge the learning rate."""
    from lossmith.advise.descent import descend_table

    found = descend_table(
        data, target=target, loss=loss, parameters=parameters(numbers), model=model, kind=kind, positive=positive,
        weight=weight, drop=drop or (), encoding=encoding, hidden=hidden, activation=activation, seed=seed, steps=steps,
        learning_rate=learning_rate,
    )  # fmt: skip
    print(found)
    if out is not None or open_page:
        show_page(lambda: found.page, out, open_page)
