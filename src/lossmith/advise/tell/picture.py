"""Plots of a study as data: a comparison and predictions come in, `report.record.Picture`s go out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lossmith.advise.judge.compare import Judged, shown_gap
from lossmith.advise.judge.decide import Ask
from lossmith.advise.models.candidate import label
from lossmith.advise.tell.found import Found
from lossmith.algebra.decision import ErrorCosts, Rule, Shift, Threshold, UnderOver, probabilities, rule_to_dict
from lossmith.report.study.record import Picture, Section, Series

Floats = NDArray[np.float64]
CURVE_POINTS = 61
BARS = 60


@dataclass(frozen=True)
class Shown:
    """A way that is drawn: its contender, its words, and what its models say of all compared rows."""

    row: Judged
    words: str
    ask: Ask


def shown_ways(found: Found) -> tuple[Shown, ...]:
    """The usual loss, and the loss of the verdict (or the best other one)."""
    others = [row for row in found.comparison.rows if row.contender.role == "candidate"]
    best = found.advised if found.advised.contender.role == "candidate" else min(others, key=_mean, default=None)
    ways = [found.default, *([best] if best is not None else [])]
    return tuple(Shown(row, label(found.trained[row.contender.model].candidate), found.ask(row)) for row in ways)


def _mean(row: Judged) -> float:
    return row.mean


def ways(found: Found) -> Section:
    """What each way costs against the usual way."""
    t = found.telling
    rows = [row for row in t.comparison.rows if np.isfinite(row.mean)]
    gaps = [shown_gap(t.comparison, row) for row in rows]
    values = [(-gap, half) for gap, half in gaps]
    series = []
    for name, picked in (("advised", True), ("others", False)):
        here = [i for i, row in enumerate(rows) if (row is t.chosen) == picked]
        series.append(
            Series(
                name,
                "dots",
                tuple(values[i][0] for i in here),
                tuple(float(len(rows) - i) for i in here),
                tuple(values[i][1] for i in here),
            )
        )
    marks = tuple((float(len(rows) - i), t.way(row)) for i, row in enumerate(rows))
    caption = (
        "How much more or less than the usual way, row by row, with the joint 99 % interval. Further left is better."
    )
    across = f"{t.comparison.measure.name}, against the usual way"
    return Section(
        "ways", "What each way costs", pictures=(Picture("ways", "", caption, across, "", tuple(series), marks),)
    )


def decision(found: Found) -> Section | None:
    """Cost against a constant shift, or against the threshold."""
    costs = found.ready.aim.costs
    if isinstance(costs, UnderOver):
        return _curve(found, *_shifts(found))
    if isinstance(costs, ErrorCosts):
        levels = 10.0 ** np.linspace(-3, 0, CURVE_POINTS) * 0.999
        words = ("Cost against the threshold", "threshold on the predicted probability")
        return _curve(found, levels, [Threshold(float(v)) for v in levels], words)
    return None


def _shifts(found: Found) -> tuple[Floats, list[Rule], tuple[str, str]]:
    ask = found.ask(found.default)
    low, high = np.quantile(ask.sample.y - ask.y_pred, [0.05, 0.95])
    x = np.linspace(min(low, 0.0), max(high, 0.0), CURVE_POINTS)
    words = ("Cost against a constant shift", f"added to every prediction of {found.ready.profile.target}")
    return x, [Shift(float(v)) for v in x], words


def _curve(found: Found, x: Floats, rules: list[Rule], words: tuple[str, str]) -> Section:
    drawn = shown_ways(found)
    series = tuple(
        Series(
            way.words,
            "line",
            tuple(float(v) for v in x),
            tuple(way.ask.sample.mean(found.bench.cost(way.ask, rule)) for rule in rules),
        )
        for way in drawn
    )
    caption = "On the compared rows, each predicted by a model that never saw it. The marks are the rules in use."
    name = found.comparison.measure.name
    picture = Picture("decision", words[0], caption, words[1], name, series, _marks(found, drawn))
    return Section("decision", words[0], pictures=(picture,))


def _marks(found: Found, drawn: tuple[Shown, ...]) -> tuple[tuple[float, str], ...]:
    """The rules in use that are one number."""
    models = {way.row.contender.model for way in drawn}
    marks = {}
    for row in found.comparison.rows:
        rule = rule_to_dict(row.contender.rule)
        if row.contender.model in models and row.contender.role != "own":
            place = 0.0 if rule["rule"] == "as_is" else rule.get("amount", rule.get("level"))
            if isinstance(place, float):
                marks[place] = found.telling.way(row)
    return tuple(sorted(marks.items()))


def histogram(name: str, values: Floats, edges: Floats) -> Series:
    """Shares of values between edges."""
    counts, _ = np.histogram(values, edges)
    middles = 0.5 * (edges[1:] + edges[:-1])
    return Series(name, "steps", tuple(float(m) for m in middles), tuple(counts / max(len(values), 1)))


def residuals(found: Found) -> Section | None:
    """How far off predictions are, before any rule; for two classes, how well probabilities part them."""
    drawn, classes = shown_ways(found), found.ready.profile.classes
    if classes:
        return _probabilities(found, classes) if len(classes) == 2 else None
    if drawn[0].ask.y_pred.ndim > 1:
        return None
    off = {way.words: way.ask.sample.y - way.ask.y_pred for way in drawn if way.ask.y_pred.ndim == 1}
    together = np.concatenate(list(off.values()))
    low, high = np.quantile(together[np.isfinite(together)], [0.005, 0.995])
    edges = np.linspace(low, high if high > low else low + 1, BARS + 1)
    series = tuple(histogram(name, values, edges) for name, values in off.items())
    caption = (
        "Truth minus prediction, without a rule, the middle 99 %; right of 0 the prediction was too low. "
        + _too_low({name: float(np.mean(values > 0)) for name, values in off.items()})
    )
    across = f"{found.ready.profile.target} minus its prediction"
    return Section(
        "residuals", "How far off", pictures=(Picture("residuals", "", caption, across, "share of rows", series),)
    )


def _too_low(below: Mapping[str, float]) -> str:
    return "Too low: " + ", ".join(f"{name} on {100 * share:.0f} % of the rows" for name, share in below.items()) + "."


def _probabilities(found: Found, classes: tuple[str, ...]) -> Section:
    ask = found.ask(found.advised)
    p = probabilities(found.rule, ask.y_pred, ask.sample.columns)
    edges = np.linspace(0.0, 1.0, 51)
    series = tuple(
        histogram(f"truth: {name}", p[ask.sample.y == value], edges)
        for value, name in enumerate(classes)
        if np.any(ask.sample.y == value)
    )
    words = label(found.trained[found.advised.contender.model].candidate)
    caption = f"Predicted probability of “{classes[1]}” under {words}, as shares of the rows of each truth."
    picture = Picture("probabilities", "", caption, "predicted probability", "share of rows", series)
    return Section("probabilities", "How well the classes part", pictures=(picture,))
