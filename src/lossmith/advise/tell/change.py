"""What would change the advice: the same models are judged under other costs; sentences and a table go out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

import numpy as np

from lossmith.advise.judge.compare import Comparison, compare
from lossmith.advise.judge.measure import measure_of
from lossmith.advise.look.aim import Aim
from lossmith.advise.tell.found import Found
from lossmith.algebra.decision import ErrorCosts, UnderOver
from lossmith.report.study.record import Section, Table
from lossmith.report.words import number, with_margin

TIMES: Final = (0.25, 0.5, 2.0, 4.0)
MANY_ROWS: Final = 200_000


def change(found: Found) -> Section | None:
    """Other costs, and more rows."""
    sentences = list(filter(None, (_rows_needed(found),)))
    tables = [table for table in (_costs(found),) if table is not None]
    if tables:
        sentences.insert(0, _stable(found, tables[0]))
    return Section("change", "What would change the advice", tuple(sentences), tuple(tables)) if sentences else None


def _rows_needed(found: Found) -> str:
    """How many rows would make the best way's gain over the advised one count."""
    c = found.comparison
    best = min((i for i, r in enumerate(c.rows) if r.contender.role != "own"), key=lambda i: c.rows[i].mean)
    if best == c.chosen:
        second = sorted((r.mean, i) for i, r in enumerate(c.rows) if r.contender.role not in ("own", "constant"))
        if len(second) < 2 or second[1][1] == c.chosen:
            return ""
        best, other = c.chosen, second[1][1]
        gap, words = c.gap(other, best), found.telling.way(c.rows[other])
        if gap.mean > gap.margin(c.comparisons, 0.99):
            return f"The next best way, {words}, is behind by more than chance explains."
    else:
        gap, words = c.gap(c.chosen, best), found.telling.way(c.rows[best])
    if not gap.mean > 0 or not np.isfinite(gap.margin(c.comparisons, 0.99)):
        return ""
    times = (gap.margin(c.comparisons, 0.99) / gap.mean) ** 2
    rows = len(found.bench.split.compared)
    if times > 1000:
        return f"Between the advised way and {words} no realistic number of rows would tell a difference."
    return (
        f"Whether {words} or the advised way is better, about {_round(rows * times)} rows would tell (there are {rows:,}), "
        "if the difference stays what it looks like now."
    )


def _round(rows: float) -> str:
    return f"{float(f'{rows:.1g}'):,.0f}"


Vary = Callable[[Any, float], Any]
VARIES: Final[Mapping[type[Any], Vary]] = {
    UnderOver: lambda costs, times: replace(costs, under=costs.under * times),
    ErrorCosts: lambda costs, times: replace(costs, false_negative=costs.false_negative * times),
}
NAMES: Final[Mapping[type[Any], tuple[str, str]]] = {
    UnderOver: ("too low", "too high"),
    ErrorCosts: ("missed", "false alarm"),
}


def _costs(found: Found) -> Table | None:
    """The advised way if one of the two costs were smaller or larger."""
    aim = found.ready.aim
    vary = VARIES.get(type(aim.costs))
    if vary is None or not aim.said or isinstance(getattr(aim.costs, "false_negative", 1.0), str):
        return None
    if len(found.bench.split.compared) > MANY_ROWS:
        return None
    low, high = NAMES[type(aim.costs)]
    rows = []
    for times in sorted((*TIMES, 1.0)):
        costs = vary(aim.costs, times)
        comparison = found.comparison if times == 1.0 else _judged(found, replace(aim, costs=costs))
        words = replace(found.telling, comparison=comparison)
        chosen, simple = comparison.rows[comparison.chosen], words.simple
        gap = comparison.gap(_place(comparison, simple), comparison.chosen)
        gain = "–" if chosen is simple else with_margin(gap.mean, gap.margin())
        rows.append((_ratio(costs), "now" if times == 1.0 else "", words.way(chosen), number(chosen.mean), gain))
    heads = (f"{low} : {high}", "", "advised", "cost per row", "saved over the usual loss with its rule")
    caption = (
        "The same models, each with a rule chosen anew; a loss made for other costs would have to be trained anew."
    )
    return Table("If the costs were others", caption, heads, tuple(rows))


def _place(comparison: Comparison, row: object) -> int:
    return next(i for i, other in enumerate(comparison.rows) if other is row)


def _judged(found: Found, aim: Aim) -> Comparison:
    measure = measure_of(aim, len(found.ready.profile.classes))
    return compare(replace(found.bench, aim=aim, measure=measure))


def _ratio(costs: Any) -> str:
    first = costs.under if isinstance(costs, UnderOver) else costs.false_negative
    second = costs.over if isinstance(costs, UnderOver) else costs.false_positive
    return f"{number(first / second)} : 1"


def _stable(found: Found, table: Table) -> str:
    """Whether the advice depends on the costs being exactly these."""
    model = {row[2].split(" + ")[0].split(",")[0] for row in table.rows}
    if len(model) == 1:
        return "The advice holds from a quarter to four times the stated cost ratio; only the rule moves with it."
    return "The advice depends on the cost ratio: see the table."
