"""Plots of a study as data: a comparison and predictions come in, `report.record.Picture`s go out."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from lossmith.advise.judge.compare import shown_gap
from lossmith.advise.models.train import Trained
from lossmith.advise.tell.verdict import Telling
from lossmith.algebra.decision import AsIs, ErrorCosts, Rule, Shift, Threshold, UnderOver, act, cost_per_row
from lossmith.report.record import Picture, Series
from lossmith.report.words import loss_words

Floats = NDArray[np.float64]
CURVE_POINTS = 61
BARS = 60


def pictures(
    t: Telling, y: Floats, costs: UnderOver | ErrorCosts | None, classes: tuple[str, ...]
) -> tuple[Picture, ...]:
    """Draw what the verdict rests on. `y` (n,) are the targets of the compare rows."""
    drawn = [_dots(t)]
    models = _shown_models(t)
    if costs is not None:
        drawn.append(_curve(t, models, y, costs))
    if not classes:
        drawn.append(_residuals(t, models, y))
    elif len(classes) == 2:
        advised = t.chosen.contender.model
        drawn.append(_probabilities(t, t.trained[advised] if advised >= 0 else models[0], y, classes))
    return tuple(drawn)


def _shown_models(t: Telling) -> tuple[Trained, ...]:
    """The default, and the model of the verdict (or of the best other loss)."""
    default = next(model for model in t.trained if model.candidate.is_default)
    others = [row for row in t.comparison.rows if row.contender.role == "candidate"]
    chosen = t.chosen if t.chosen.contender.role == "candidate" else min(others, key=lambda row: row.mean, default=None)
    return (default, t.trained[chosen.contender.model]) if chosen else (default,)


def _label(model: Trained) -> str:
    return loss_words(model.candidate.loss_name, model.candidate.parameters)


def _dots(t: Telling) -> Picture:
    rows = [row for row in t.comparison.rows if np.isfinite(row.mean)]
    gaps = [shown_gap(t.comparison, row) for row in rows]
    values = [(-gap, half) for gap, half in gaps]
    series = []
    for label, picked in (("advised", True), ("others", False)):
        here = [i for i, row in enumerate(rows) if (row is t.chosen) == picked]
        series.append(
            Series(
                label,
                "dots",
                tuple(values[i][0] for i in here),
                tuple(float(len(rows) - i) for i in here),
                tuple(values[i][1] for i in here),
            )
        )
    marks = tuple((float(len(rows) - i), t.way(row)) for i, row in enumerate(rows))
    caption = (
        "How much more or less than the usual way, row by row, with the joint 95 % interval. Further left is better."
    )
    across = f"{t.comparison.measure.name}, against the usual way"
    return Picture("compare", "What each way costs", caption, across, "", tuple(series), marks)


def _curve(t: Telling, models: tuple[Trained, ...], y: Floats, costs: UnderOver | ErrorCosts) -> Picture:
    rules: list[Rule]
    if isinstance(costs, UnderOver):
        residual = y - models[0].compare.y_pred
        low, high = np.quantile(residual, [0.05, 0.95])
        x = np.linspace(min(low, 0.0), max(high, 0.0), CURVE_POINTS)
        rules = [Shift(float(v)) for v in x]
        words = ("Cost against a constant shift", f"added to every prediction of {t.target}")
    else:
        x = 10.0 ** np.linspace(-3, 0, CURVE_POINTS) * 0.999
        rules = [Threshold(float(v)) for v in x]
        words = ("Cost against the threshold", "threshold on the predicted probability")
    series = tuple(
        Series(
            _label(model),
            "line",
            tuple(float(v) for v in x),
            tuple(float(cost_per_row(costs, y, act(rule, model.compare.y_pred)).mean()) for rule in rules),
        )
        for model in models
    )
    caption = "On the compare rows. The marks are the rules in use; they were fitted on other rows."
    return Picture("curve", words[0], caption, words[1], t.comparison.measure.name, series, _marks(t, models))


def _marks(t: Telling, models: tuple[Trained, ...]) -> tuple[tuple[float, str], ...]:
    marks = {}
    for row in t.comparison.rows:
        rule = row.contender.rule
        if row.contender.model >= 0 and t.trained[row.contender.model] in models:
            place = 0.0 if isinstance(rule, AsIs) else getattr(rule, "amount", getattr(rule, "level", None))
            if place is not None:
                marks[float(place)] = t.way(row)
    return tuple(sorted(marks.items()))


def _histogram(label: str, values: Floats, edges: Floats) -> Series:
    counts, _ = np.histogram(values, edges)
    middles = 0.5 * (edges[1:] + edges[:-1])
    return Series(label, "steps", tuple(float(m) for m in middles), tuple(counts / max(len(values), 1)))


def _residuals(t: Telling, models: tuple[Trained, ...], y: Floats) -> Picture:
    residuals = {_label(model): y - model.compare.y_pred for model in models}
    together = np.concatenate(list(residuals.values()))
    low, high = np.quantile(together[np.isfinite(together)], [0.005, 0.995])
    edges = np.linspace(low, high if high > low else low + 1, BARS + 1)
    series = tuple(_histogram(label, values, edges) for label, values in residuals.items())
    below = {label: float(np.mean(values > 0)) for label, values in residuals.items()}
    caption = (
        "Truth minus prediction, without a rule, the middle 99 %; right of 0 the prediction was too low. "
        + _too_low(below)
    )
    return Picture("residuals", "How far off", caption, f"{t.target} minus its prediction", "share of rows", series)


def _too_low(below: Mapping[str, float]) -> str:
    return (
        "Too low: " + ", ".join(f"{label} on {100 * share:.0f} % of the rows" for label, share in below.items()) + "."
    )


def _probabilities(t: Telling, model: Trained, y: Floats, classes: tuple[str, ...]) -> Picture:
    edges = np.linspace(0.0, 1.0, 51)
    series = tuple(
        _histogram(f"truth: {label}", model.compare.y_pred[y == value], edges)
        for value, label in enumerate(classes)
        if np.any(y == value)
    )
    caption = f"Predicted probability of “{classes[1]}” under {_label(model)}, as shares of the rows of each truth."
    return Picture(
        "probabilities", "How well the classes part", caption, "predicted probability", "share of rows", series
    )
