"""Losses and gradients over the residuals that were seen: trained losses come in, two pictures go out."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lossmith.advise.judge.measure import raw_for
from lossmith.advise.models.candidate import label
from lossmith.advise.models.train import Trained
from lossmith.advise.tell.found import Found
from lossmith.report.study.record import Picture, Section, Series

Floats = NDArray[np.float64]
POINTS = 121
MOST_LINES = 4


def shapes(found: Found) -> Section | None:
    """Each loss and its slope over the residuals (numbers) or over the probability of the truth (two classes)."""
    profile = found.ready.profile
    if profile.kind == "binary":
        return _over_probabilities(found)
    return _over_residuals(found) if not profile.classes else None


def _drawn(found: Found) -> list[Trained]:
    """The usual loss, the advised one, and the best of the others; each once, elementwise, on one raw prediction."""
    rows = sorted((r for r in found.comparison.rows if r.contender.model >= 0), key=lambda row: row.mean)
    order = [found.default.contender.model, found.advised.contender.model, *(row.contender.model for row in rows)]
    models = [found.trained[i] for i in dict.fromkeys(order)]
    return [m for m in models if not (m.candidate.own or m.candidate.levels)][:MOST_LINES]


def _over_residuals(found: Found) -> Section:
    ask = found.ask(found.default)
    y_pred = ask.y_pred if ask.y_pred.ndim == 1 else ask.y_pred[:, 0]
    low, high = np.quantile(ask.sample.y - y_pred, [0.005, 0.995])
    residual = np.linspace(min(low, 0.0), max(high, 0.0), POINTS)
    truth = float(np.median(ask.sample.y))
    lines = [(label(m.candidate), *_values(m, truth, truth - residual)) for m in _drawn(found)]
    caption = (
        f"For a row whose truth is {truth:.4g}, over the residuals that the usual model has (the middle 99 %). Each loss is "
        "scaled to 1 at its largest value here, so that the shapes can be compared."
    )
    slope = (
        "How hard a row pulls at the model: the slope by the raw prediction, scaled likewise; above 0 it pulls down."
    )
    return _section(residual, lines, "truth minus prediction", caption, slope)


def _over_probabilities(found: Found) -> Section:
    p = np.linspace(0.005, 0.995, POINTS)
    lines = [(label(m.candidate), *_values(m, 1.0, p)) for m in _drawn(found)]
    positive = found.ready.profile.positive or "yes"
    caption = f"For a row that is “{positive}”, over the probability that the model gives it; scaled to 1 at the largest value."
    slope = (
        "How hard such a row pulls at the model: the slope by the raw prediction, scaled likewise; below 0 it pulls up."
    )
    return _section(p, lines, f"predicted probability of “{positive}”", caption, slope)


def _values(model: Trained, truth: float, y_pred: Floats) -> tuple[Floats, Floats]:
    raw = raw_for(model.link, y_pred)
    known = np.isfinite(raw)
    y = np.full(int(known.sum()), truth)
    value, slope = np.full(len(raw), np.nan), np.full(len(raw), np.nan)
    if known.any():
        value[known] = model.loss.per_example(y, raw[known])
        slope[known] = model.loss.per_example_gradient(y, raw[known])
        value -= np.nanmin(value)
    return _scaled(value), _scaled(slope)


def _scaled(values: Floats) -> Floats:
    most = float(np.nanmax(np.abs(values), initial=0.0))
    return values / most if most > 0 else values


def _section(x: Floats, lines: list[tuple[str, Floats, Floats]], across: str, caption: str, slope: str) -> Section:
    where = tuple(float(v) for v in x)

    def drawn(part: int) -> tuple[Series, ...]:
        return tuple(Series(line[0], "line", where, tuple(float(v) for v in line[part])) for line in lines)

    pictures = (
        Picture("losses", "Losses", caption, across, "loss (scaled)", drawn(1)),
        Picture("slopes", "Gradients", slope, across, "gradient (scaled)", drawn(2)),
    )
    return Section("shapes", "The losses over the errors that were seen", pictures=pictures)
