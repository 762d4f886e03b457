"""Which loss for this data: a table, a target and what errors cost come in, a verdict with its evidence goes out.

`study` is the whole story, read downwards: prepare (read, profile, aim, split, encode), shortlist, train, compare,
refit, say, write.
"""

from __future__ import annotations

import os
import time as clock
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from lossmith.advise.found import Study, finished
from lossmith.advise.judge.compare import compare
from lossmith.advise.judge.contender import Bench
from lossmith.advise.judge.evidence import favoured, noise_of
from lossmith.advise.judge.measure import measure_of
from lossmith.advise.large import Large, can_stream, judged_outside, opened, with_source
from lossmith.advise.models.first import first_look
from lossmith.advise.models.plan import Plan
from lossmith.advise.models.shortlist import MOST, shortlist
from lossmith.advise.models.train import train_all
from lossmith.advise.out.folder import choose_folder, write_folder
from lossmith.advise.prepare import Prepared, prepare
from lossmith.advise.request import Request, as_tuple, checked
from lossmith.advise.tell.found import Found, How
from lossmith.loss.handle import Loss

Step = Callable[[str, float], None]
LARGE: int = 100_000
MOST_OF_LARGE: int = 6


def study(
    data: Any,
    *,
    target: str,
    time: str | None = None,
    group: str | None = None,
    weight: str | None = None,
    id: str | None = None,
    drop: str | Iterable[str] = (),
    cost: Any = None,
    estimate: str | None = None,
    kind: str | None = None,
    positive: str | None = None,
    loss: str | Loss | Iterable[str | Loss] = (),
    test: Any = None,
    model: str | None = None,
    rows: int | None = None,
    time_limit: float | None = None,
    encoding: str | None = None,
    out: str | os.PathLike[str] | None = None,
    force: bool = False,
    quick: bool = False,
    seed: int = 0,
    step: Step | None = None,
) -> Study:
    """Find out which loss, and which decision, pays on this data.

    `data` is the path of a Parquet or CSV file, a folder of Parquet files, or a pandas, polars or pyarrow frame.

    What to judge by: `cost` is text, a mapping or a matrix: `under` and `over` per unit of a number, `false_negative`
    and `false_positive` per row of two classes, a matrix (true in rows, decided in columns) or its CSV file, and
    `column=NAME` where errors cost differently by row. Or `estimate`: `mean`, `median`, `quantile=0.9` (several levels
    parted by commas) or `probability`.

    Columns: with `time` the past is learned and the future compared; rows of one `group` are never both learned from
    and compared (with `time` they are only judged together); `weight` says how much rows count; `id` names them; `drop`
    leaves columns out. `kind` and `positive` overrule what the target looks like.

    Models: `loss` adds losses to try, by name or as formulas; `model` is "boosted" or "linear" (the default up to 500
    rows); `test` is a file to compare on; `rows` the most rows to learn from; `time_limit` seconds after which no fold
    is begun; `quick` a sample and few rounds. `step` is told (what, share done) as the work goes on. A folder is written
    only if `out` is given (the command line names one by itself).

    Raises `DataError` (LM5xx) and `ArgumentError` (LM2xx), one clear sentence each, before anything is written.

    >>> import lossmith as ls
    >>> import polars as pl
    >>> frame = pl.DataFrame({"hour": [i % 24 for i in range(60)], "delay": [i % 24 - 2.5 * (i % 7) for i in range(60)]})
    >>> found = ls.study(frame, target="delay", cost="under=5, over=1", quick=True)
    >>> found.record.kind, found.verdict.count("delay") > 0
    ('real', True)
    """
    request = Request(
        target, time, group, weight, id, as_tuple(drop), cost, estimate, kind, positive, as_tuple(loss), test, model,
        rows, time_limit, encoding, seed, quick,
    )  # fmt: skip
    tell, folder = step or _silent, choose_folder(out, target, force=force) if out is not None else None
    done = run(data, checked(request), tell)
    tell("writing" if folder else "done", 0.97)
    return replace(done, folder=write_folder(folder, done.files, force=force)) if folder else done


def run(data: Any, request: Request, tell: Step) -> Study:
    """Do all the work of a study, and write nothing."""
    how = How(request.command(data), request.seed, request.quick, clock.perf_counter())
    deadline = clock.monotonic() + request.time_limit if request.time_limit is not None else None
    tell("reading", 0.0)
    given = opened(data, request)
    large = given if isinstance(given, Large) else None
    ready = prepare(large.sample if large else given, request)
    ready = with_source(large, ready, request) if large else ready
    plan = _plan(ready, request, deadline)
    most = MOST if plan.rows <= LARGE else MOST_OF_LARGE
    first = first_look(ready.material, ready.split.folds[0], plan)
    candidates = shortlist(ready.profile, ready.aim, request.loss, most=most, model=plan.model, first=first)
    training = train_all(candidates, ready.material, ready.split, plan, _between(tell, 0.08, 0.8))

    tell("comparing", 0.8)
    split = replace(ready.split, folds=ready.split.folds[: training.folds])
    bench = Bench(ready.sample, split, training.trained, ready.aim, measure_of(ready.aim, len(ready.profile.classes)))
    noise = noise_of(bench, ready.profile.kind)
    found = Found(ready, bench, compare(bench, favoured(bench, noise)), plan, failed=training.failed, noise=noise)
    if large is not None and large.has_others and can_stream(request):
        comparison, outside = judged_outside(large, bench, found.comparison, ready, _between(tell, 0.8, 0.9))
        found = replace(found, comparison=comparison, outside=outside)
    return finished(found, how, request, _between(tell, 0.9, 0.97))


def _plan(ready: Prepared, request: Request, deadline: float | None) -> Plan:
    """How much work it may be: by the rows that one fold learns from."""
    classes = len(ready.profile.classes)
    model = request.model_for(len(ready.rows.known))
    outputs = classes if classes > 2 else 1
    return Plan(len(ready.split.folds[0].fit), outputs, request.seed, request.quick, model, deadline)


def _between(tell: Step, low: float, high: float) -> Step:
    """A part of the work that runs from `low` to `high` of the whole."""
    return lambda what, share: tell(what, low + (high - low) * share)


def _silent(what: str, share: float) -> None:
    """Tell nobody."""
