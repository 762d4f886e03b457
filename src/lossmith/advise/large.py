"""More rows than memory: a source comes in, a sample to learn from and what the ways cost on all other rows go out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from lossmith.advise.data.scan import Source, may_be_large, open_rows, sample_rows
from lossmith.advise.data.scan_profile import ScannedTarget, lazy_profile
from lossmith.advise.data.source import read_source
from lossmith.advise.judge.compare import Comparison, judge
from lossmith.advise.judge.contender import Bench, Contender
from lossmith.advise.judge.sample import Sample
from lossmith.advise.judge.stream import BatchRows, Judging, Reading, StreamedCosts, Way, stream_costs
from lossmith.advise.judge.tally import Tallies, Tally
from lossmith.advise.prepare import Prepared
from lossmith.advise.request import Request
from lossmith.algebra.decision import AsIs, Rule

if TYPE_CHECKING:
    import polars as pl

Floats = NDArray[np.float64]
FOLDS: Final = 2  # the models of so many folds are compared: two tell how much luck training has
MOST_TO_LEARN: Final = 500_000


@dataclass(frozen=True)
class Large:
    """A source, the sample of it that is learned from, and the numbers of the sampled rows (from 0)."""

    source: Source
    sample: pl.DataFrame
    numbers: NDArray[np.int64]

    @property
    def has_others(self) -> bool:
        """Whether there are rows outside the sample."""
        return len(self.numbers) < self.source.rows


@dataclass(frozen=True)
class Outside:
    """What the ways cost on all rows outside the sample, and what the target looks like over all rows."""

    costs: StreamedCosts
    target: ScannedTarget


def opened(data: Any, request: Request) -> Large | Any:
    """Return the data as they are, or a sample of them where they are too many (or more than `--rows`)."""
    if request.rows is None and not may_be_large(data):
        return data
    known = isinstance(data, (str, Path)) or may_be_large(data)
    source = open_rows(data if known else read_source(data)[0].lazy(), encoding=request.encoding)
    most = request.rows or (MOST_TO_LEARN if source.is_large else source.rows)
    frame, numbers = sample_rows(source, most, request.seed)
    return frame if len(numbers) == source.rows and not known else Large(source, frame, numbers)


def with_source(large: Large, ready: Prepared, request: Request) -> Prepared:
    """Say where the rows come from, and which of them are compared."""
    source, learned = large.source, len(large.numbers)
    notes = list(ready.notes)
    if learned < source.rows:
        ending = (
            ""
            if can_stream(request)
            else " All other rows are left out: --time, --group and --test compare rows of the sample."
        )
        notes.insert(
            0,
            f"Models and rules were fitted on {learned:,} of {source.rows:,} rows, drawn at random; the model that is "
            f"handed out is trained on these.{ending}",
        )
    table = replace(
        ready.rows.table, source=source.name, row_numbers=large.numbers[ready.rows.table.row_numbers - 1] + 1
    )
    return replace(ready, notes=tuple(notes), rows=replace(ready.rows, table=table))


def can_stream(request: Request) -> bool:
    """Whether rows outside the sample may be compared: not where time or groups tie them to those inside."""
    return request.time is None and request.group is None and request.test is None


def judged_outside(
    large: Large,
    bench: Bench,
    comparison: Comparison,
    ready: Prepared,
    tell: Callable[[str, float], None],
) -> tuple[Comparison, Outside]:
    """Judge every way on all rows outside the sample, under the models of the first folds."""
    ways = tuple(row.contender for row in comparison.rows)
    folds = range(min(FOLDS, len(bench.split.folds)))
    table = ready.rows.table
    style = dict(table.readings).get(table.target, "")
    judging = Judging(
        ready.judged,
        {f"{f}:{m}": _model(bench, m, f) for f in folds for m in {way.model for way in ways if way.model >= 0}},
        tuple(_way(bench, way, i, f) for f in folds for i, way in enumerate(ways)),
        Reading(table.target, ready.profile.classes, style, table.weight),
        tuple(bench.rows.columns),
    )
    costs = stream_costs(large.source, judging, skip=large.numbers, step=lambda part: tell("comparing", part))
    found = judge(bench.measure, ways, (_tallies(costs, len(ways), bench, comparison),), comparison.favoured)
    return found, Outside(costs, lazy_profile(large.source, table.target, style=style))


def _model(bench: Bench, model: int, fold: int) -> Callable[[Floats], Any]:
    return lambda matrix: bench.trained[model].runs[fold].model.predict(matrix).y_pred


def _way(bench: Bench, way: Contender, place: int, fold: int) -> Way:
    if way.model < 0:
        flat = bench.measure.constant(bench.rows.take(bench.split.folds[fold].fit), 1)
        return Way(
            f"{fold}:{place}", None, lambda rows, said: _cost(bench, rows, np.repeat(flat, len(rows.y), axis=0), AsIs())
        )
    rule = way.rules[fold]
    return Way(f"{fold}:{place}", f"{fold}:{way.model}", lambda rows, said: _cost(bench, rows, said, rule))


def _cost(bench: Bench, rows: BatchRows, y_pred: Floats, rule: Rule) -> Floats:
    columns = {name: _floats(rows.columns[name]) for name in bench.rows.columns}
    sample = Sample(rows.y, None, columns, np.zeros(len(rows.y), dtype=np.int64))
    return bench.measure.per_row(sample, y_pred, rule)


def _floats(column: pl.Series) -> Floats:
    import polars as pl

    return np.asarray(column.cast(pl.Float64).fill_null(np.nan).to_numpy(), dtype=np.float64)


def _tallies(costs: StreamedCosts, ways: int, bench: Bench, comparison: Comparison) -> Tallies:
    """The sums of each fold's models; all folds compare the same rows."""
    used = np.flatnonzero(costs.block_rows)
    folds = tuple(
        Tally(used, costs.block_sums.hi[used, first : first + ways], costs.block_weights.hi[used])
        for first in range(0, costs.block_sums.hi.shape[1], ways)
    )
    return Tallies(folds, bench.split.reuse, comparison.tallies[0].usual)
