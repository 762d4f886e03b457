"""The best constants of a sample with one more row each, many at once: what `best_constant` says, looked for from nearby.

Comes in: a loss whose targets are numbers, a sample, and the targets of the rows that are added, one at a time. Goes out: the
best constants on the target's scale, that of the sample alone first. Rows that are added up share a table of constants;
rows that are finished together are looked at one sample after the other, with few steps.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lossmith.calculus.scan import tied
from lossmith.loss.handle import Loss
from lossmith.loss.start import places_tried
from lossmith.report.loss_page.scenes import columns_of

Floats = NDArray[np.float64]

# Raw predictions among which the lowest is looked for, by link: a quarter of a unit apart where the targets lie.
GRIDS: Final[Mapping[str, Floats]] = {
    "identity": np.concatenate([np.linspace(-50.0, 1100.0, 4601), np.geomspace(1200.0, 4e9, 200)]),
    "exp": np.concatenate([np.linspace(2.0, 8.0, 601), np.linspace(8.1, 24.0, 160)]),
}
HALVINGS: Final = 60
FEWER: Final = 3  # of the places that best_constant tries one in so many
HEADS: Final[Mapping[str, tuple[float, float]]] = {"identity": (-1e3, 4e9), "exp": (-30.0, 30.0)}
POINTS: Final = 33  # of an interval that closes in on the best of a head
ZOOMS: Final = 11
SWEEPS: Final = 12
SETTLED: Final = 1e-7
AMONG: Final = 17
FLAT: Final = 2.0**-40


def has_grid(loss: Loss) -> bool:
    """Whether constants are looked for in one table: a sum over rows of one raw prediction, and nothing beside it."""
    return _adds_up(loss) and not loss.definition.declaration.heads and loss.link in GRIDS


def constants(loss: Loss, sample: Floats, more: Floats) -> Floats:
    """The best constant of the sample alone, then with each row more; of several heads the first.

    Raises what `best_constant` raises where there is none for the sample alone.

    >>> import lossmith as ls
    >>> constants(ls.get("mse").using("numpy"), np.array([0.0, 1.0, 5.0]), np.array([14.0])).round(6).tolist()
    [2.0, 5.0]
    """
    heads = loss.definition.declaration.heads
    if has_grid(loss):
        return np.append(_constant(loss, sample), _by_table(loss, sample, more))
    if _adds_up(loss) and heads and all(link in HEADS for _, link in heads):
        return np.append(_constant(loss, sample), _by_heads(loss, sample, more))
    if heads:
        return np.array([_constant(loss, y) for y in _samples(sample, more)])
    return np.array([_nearby(loss, y) for y in _samples(sample, more)])


def _adds_up(loss: Loss) -> bool:
    declaration = loss.definition.declaration
    bare = not declaration.columns and loss.definition.reading is None and not loss.definition.reweighting
    return loss.is_additive and bare and declaration.on == "raw"


def _samples(sample: Floats, more: Floats) -> list[Floats]:
    return [sample, *(np.append(sample, t) for t in more)]


def _constant(loss: Loss, y: Floats) -> float:
    """The best constant on the target's scale; of several heads the first."""
    raw = np.atleast_1d(np.asarray(loss.best_constant(y, columns=_columns(loss, y)), dtype=np.float64))
    several = bool(loss.definition.declaration.heads)
    return float(np.ravel(loss.predict(raw[None] if several else raw))[0])


def _columns(loss: Loss, y: Floats) -> dict[str, Floats] | None:
    return {name: np.asarray(a) for name, a in columns_of(loss, tuple(y), loss.target)} or None


# Sums over rows: a table of targets and constants -----------------------------------------------------------------


def _by_table(loss: Loss, sample: Floats, more: Floats) -> Floats:
    """All constants at once: the lowest of a grid, then halving between its neighbours."""
    grid = GRIDS[loss.link]
    rows = _table(loss.per_example, sample, grid).sum(axis=0)
    lowest = np.argmin(rows + _table(loss.per_example, more, grid), axis=1)
    low, high = grid[np.maximum(lowest - 1, 0)], grid[np.minimum(lowest + 1, grid.size - 1)]
    for _ in range(HALVINGS):
        middle = low + (high - low) / 2
        slope = _table(loss.per_example_gradient, sample, middle).sum(axis=0)
        rises = slope + loss.per_example_gradient(more, middle) > 0
        low, high = np.where(rises, low, middle), np.where(rises, middle, high)
    return np.asarray(loss.predict(low + (high - low) / 2))


def _table(of: Callable[[Floats, Floats], Any], y: Floats, raw: Floats) -> Floats:
    """A number of every target with every raw prediction: (targets, raw predictions)."""
    targets, predictions = (np.ravel(a) for a in np.meshgrid(y, raw, indexing="ij"))
    return np.asarray(of(targets, predictions), dtype=np.float64).reshape(y.size, raw.size)


# Several heads: closing in on one after the other, for all samples at once -------------------------------------------


def _by_heads(loss: Loss, sample: Floats, more: Floats) -> Floats:
    """The first head's best constants: each head in turn, with the others at rest, until none moves."""
    heads = loss.definition.declaration.heads
    y = np.stack([np.append(sample, t) for t in more])
    rows = np.zeros((len(y), len(heads)))
    for k in [k for k, (_, link) in enumerate(heads) if link == "identity"]:
        rows[:, k] = np.median(y, axis=1)
    for _ in range(SWEEPS):
        before = rows.copy()
        for k, (_, link) in enumerate(heads):
            rows[:, k] = _along(loss, y, rows, k, HEADS[link])
        if np.all(np.abs(rows - before) <= SETTLED * (1 + np.abs(rows))):
            break
    first: Floats = np.asarray(loss.predict(rows), dtype=np.float64)[:, 0]
    return first


def _along(loss: Loss, y: Floats, rows: Floats, k: int, ends: tuple[float, float]) -> Floats:
    """The best of one head: the lowest of some points, and again between its neighbours."""
    low, high = (np.full(len(rows), end) for end in ends)
    for _ in range(ZOOMS):
        tried = low[:, None] + (high - low)[:, None] * np.linspace(0.0, 1.0, POINTS)
        raw = np.repeat(rows[:, None, :], POINTS, axis=1)
        raw[:, :, k] = tried
        wide = np.broadcast_to(raw[:, :, None, :], (*tried.shape, y.shape[1], rows.shape[1])).reshape(-1, rows.shape[1])
        targets = np.broadcast_to(y[:, None, :], (*tried.shape, y.shape[1])).reshape(-1)
        values = loss.per_example(targets, wide).reshape(*tried.shape, -1).sum(axis=2)
        lowest = np.argmin(np.where(np.isnan(values), np.inf, values), axis=1)
        each = np.arange(len(rows))
        low, high = tried[each, np.maximum(lowest - 1, 0)], tried[each, np.minimum(lowest + 1, POINTS - 1)]
    return np.asarray(low + (high - low) / 2)


# Rows that are finished together: one sample after the other ----------------------------------------------------------


def _nearby(loss: Loss, y: Floats) -> float:
    """The best constant: between the neighbours of the lowest of some places, where the slope turns."""
    columns = _columns(loss, y)
    places = _places(loss, y, columns)
    seen = np.array([loss.value(y, np.full(y.size, c), columns=columns) for c in places])
    if np.isnan(seen).all():
        return _constant(loss, y)
    low = tied(float(np.nanmin(seen)))
    good = np.flatnonzero(seen <= low)
    if not good.size or good[0] == 0 or good[-1] == len(places) - 1:
        return _constant(loss, y)
    a, b = places[good[0] - 1], places[good[-1] + 1]
    at = _turn(lambda c: float(loss.gradient(y, np.full(y.size, c), columns=columns).sum()), a, b)
    if at is None or not loss.value(y, np.full(y.size, at), columns=columns) <= low:
        return _constant(loss, y)
    return float(np.ravel(loss.predict(np.array([at])))[0])


def _places(loss: Loss, y: Floats, columns: dict[str, Floats] | None) -> list[float]:
    """Some of the places that `best_constant` tries: on the scale of the targets those among them."""
    if loss.link != "identity":
        return list(places_tried(loss._request(), y, columns)[0][::FEWER])
    low, high = float(y.min()), float(y.max())
    return [2 * low - high, *np.quantile(y, np.linspace(0.0, 1.0, AMONG)).tolist(), 2 * high - low]


def _turn(slope: Callable[[float], float], a: float, b: float) -> float | None:
    """Where a slope that is below 0 at a and above 0 at b turns: of a flat stretch the middle."""
    from scipy.optimize import brentq

    falls, rises = slope(a), slope(b)
    if not (falls < 0 < rises and np.isfinite(falls) and np.isfinite(rises)):
        return None
    none, near, close = FLAT * min(-falls, rises), 1e-14 * max(abs(a), abs(b)), 1e-6 * (b - a)
    left = float(brentq(lambda c: slope(c) + none, a, b, xtol=near, rtol=1e-15))
    if left + close >= b or abs(slope(left + close)) > none:
        return left
    return left / 2 + float(brentq(lambda c: slope(c) - none, left + close, b, xtol=near, rtol=1e-15)) / 2
