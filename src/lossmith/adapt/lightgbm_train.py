"""Boosting rounds of LightGBM under our loss: start, steps, leaves, early stopping.

Comes in: features, rows, a loss under a policy, settings. Goes out: the trained trees (a `Booster` whose file does not
yet know the start) and how many rounds to keep.

Leaves: where the gradient jumps (absolute error, quantiles), one Newton step says little about a leaf of few rows.
There each new leaf is set to the constant that is best for its rows, times the learning rate, as LightGBM's own
objectives of this kind do; the loop then keeps the raw scores itself, for LightGBM's are no longer true.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lossmith.adapt.lightgbm_steps import Rows, Steps, is_smooth
from lossmith.adapt.lightgbm_table import Features
from lossmith.calculus.curvature import typical_size

Floats = NDArray[np.float64]
THREADS: Final = ("num_threads", "num_thread", "nthread", "nthreads", "n_jobs")
FINE: Final = 1e-4  # a leaf value to this share of the first bracket, before the learning rate
AT_ONCE: Final = 1 << 15  # slopes of so many rows take little longer than the call itself
DOUBLINGS: Final = 1100  # the whole range of float64
ROUNDING: Final = 1e-12  # slopes that sum to less than this share of their sizes are 0


@dataclass(frozen=True)
class Plan:
    """What to do: `params` are LightGBM's own; `leaves` sets leaves to their best constant."""

    steps: Steps
    start: Floats
    params: dict[str, Any]
    rounds: int
    patience: int | None
    leaves: bool
    learning_rate: float
    categorical: list[int]
    on_round: Callable[[int, float | None], None] | None

    @property
    def threads(self) -> dict[str, Any]:
        """LightGBM's prediction does not read the settings of training: the number of threads is handed on."""
        return {name: self.params[name] for name in THREADS if name in self.params}


@dataclass
class Progress:
    """Where a run stands; the only mutable thing here."""

    raw: Floats
    watched: Floats | None
    best: float = np.inf
    best_round: int = 0
    values: list[float] = field(default_factory=list)


def wants_best_leaves(plan_params: dict[str, Any], steps: Steps, columns: int) -> bool:
    """Whether leaves are set: a loss with kinks, one column, and no option that needs LightGBM's own leaf values."""
    if columns > 1 or steps.policy == "exact" or plan_params.get("boosting") == "dart":
        return False
    monotone = any(plan_params.get(name) for name in ("monotone_constraints", "mc", "monotone_constraint"))
    return not monotone and not is_smooth(steps.loss)


def boost(plan: Plan, table: Features, rows: Rows, watched: tuple[Features, Rows] | None) -> tuple[Any, Progress]:
    """Train; returns the booster and the progress, whose `best_round` is 0 unless it stopped early."""
    import lightgbm

    columns = plan.start.size
    raw = np.tile(plan.start, (rows.count, 1)) if columns > 1 else np.full(rows.count, plan.start[0])
    data = lightgbm.Dataset(
        table.matrix,
        label=np.zeros(rows.count, dtype=np.float32),  # LightGBM wants labels in float32; the loss has the true ones
        init_score=raw,
        feature_name=table.safe_names(),
        categorical_feature=plan.categorical or "auto",
        params=plan.params,
    )
    booster = lightgbm.Booster({**plan.params, "objective": "none", "metric": "None", "num_class": columns}, data)
    # it is "none" already; without this mark the first update asks for it again, which fails if no feature varies
    booster._Booster__set_objective_to_none = True  # type: ignore[attr-defined]
    progress = Progress(raw, None if watched is None else _constant(plan.start, watched[1].count))
    update = _Update(plan.steps, rows, progress if plan.leaves else None)
    for done in range(plan.rounds):
        stuck = booster.update(fobj=update)
        if not stuck:
            if plan.leaves:
                _set_leaves(booster, done, plan, table, rows, progress)
            _watch(booster, done, plan, watched, progress)
        if plan.on_round is not None:
            plan.on_round(done + 1, progress.values[-1] if progress.values else None)
        if stuck or (plan.patience is not None and done + 1 - progress.best_round >= plan.patience):
            break
    return booster, progress


def _constant(start: Floats, count: int) -> Floats:
    return np.tile(start, (count, 1)) if start.size > 1 else np.full(count, start[0])


@dataclass(frozen=True)
class _Update:
    """The objective of one run: LightGBM's raw scores, or our own where we set the leaves."""

    steps: Steps
    rows: Rows
    own: Progress | None

    def __call__(self, raw: Floats, _: Any) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        return self.steps.at(self.rows, np.ascontiguousarray(raw if self.own is None else self.own.raw))


def _watch(booster: Any, done: int, plan: Plan, watched: tuple[Features, Rows] | None, progress: Progress) -> None:
    """The loss's own value on the validation rows after this round."""
    if watched is None:
        return
    table, rows = watched
    assert progress.watched is not None
    if plan.params.get("boosting") == "dart":  # earlier trees change in every round
        raw = _constant(plan.start, rows.count) + booster.predict(table.matrix, raw_score=True, **plan.threads)
    else:
        newest = {"start_iteration": done, "num_iteration": 1, **plan.threads}
        raw = progress.watched + booster.predict(table.matrix, raw_score=True, **newest)
    progress.watched = raw
    value = plan.steps.loss.value(rows.y, raw, rows.weight, columns=rows.columns)
    progress.values.append(value)
    if value < progress.best:
        progress.best, progress.best_round = value, done + 1


def _set_leaves(booster: Any, done: int, plan: Plan, table: Features, rows: Rows, progress: Progress) -> None:
    """Set every leaf of the newest tree to the best constant of its rows, times the learning rate."""
    found = booster.predict(table.matrix, pred_leaf=True, start_iteration=done, num_iteration=1, **plan.threads)
    leaf = np.asarray(found, dtype=np.int64).ravel()
    loss = plan.steps.loss

    def slopes(shifts: Floats) -> Floats:
        m = len(shifts)
        columns = None if rows.columns is None else {k: np.tile(np.asarray(v), m) for k, v in rows.columns.items()}
        weight = None if rows.weight is None else np.tile(rows.weight, m)
        raw = (progress.raw + shifts[:, leaf]).ravel()
        return loss.per_example_gradient(np.tile(rows.y, m), raw, weight, columns=columns).reshape(m, -1)

    on_scale = loss.link == "identity" and not isinstance(
        rows.y, dict
    )  # else raw predictions have no unit: 1 is a step
    unit = typical_size(progress.raw - np.asarray(rows.y, dtype=np.float64)) if on_scale else 1.0
    shift = plan.learning_rate * best_shifts(slopes, leaf, int(leaf.max()) + 1, unit)
    for number, value in enumerate(shift):
        booster.set_leaf_output(done, number, float(value))
    progress.raw = progress.raw + shift[leaf]


def best_shifts(
    slopes: Callable[[Floats], Floats], leaf: NDArray[np.int64], leaves: int, unit: float
) -> NDArray[np.float64]:
    """For each leaf the constant that, added to its rows, minimises their loss: all leaves are searched at once.

    `slopes`: (m, leaves) shifts → (m, n) gradients. `unit`: a first guess of how far to look. Few rows are asked at
    several places in one call, for there the call costs more than the rows.

    >>> y, leaf = np.array([1.0, 2.0, 9.0, 5.0]), np.array([0, 0, 0, 1])
    >>> best_shifts(lambda shift: np.sign(shift[:, leaf] - y), leaf, 2, 1.0).round(3).tolist()
    [2.0, 5.0]
    """

    def signs(shifts: Floats) -> Floats:
        totals = []
        for each in slopes(shifts):
            total = np.bincount(leaf, each, leaves)
            totals.append(np.where(np.abs(total) <= ROUNDING * np.bincount(leaf, np.abs(each), leaves), 0.0, total))
        return np.asarray(totals)

    low, high = _bracket(signs, np.full(leaves, -unit)), _bracket(signs, np.full(leaves, unit))
    inner = min(15, max(1, AT_ONCE // max(len(leaf), 1)))
    share = np.linspace(0.0, 1.0, inner + 2)[1:-1, None]
    for _ in range(math.ceil(-math.log(FINE) / math.log(inner + 1))):
        places = low + share * (high - low)
        low, high = _narrowed(low, high, places, signs(places))
    return np.asarray((low + high) / 2)


def _narrowed(low: Floats, high: Floats, places: Floats, slope: Floats) -> tuple[Floats, Floats]:
    """The first part in which the slope turns from falling to rising; where it is 0, the places where it is."""
    rising, flat = slope >= 0, slope == 0
    first = np.where(rising.any(axis=0), rising.argmax(axis=0), len(places))
    all_places = np.vstack([low, places, high])
    column = np.arange(places.shape[1])
    last_flat = len(places) - 1 - flat[::-1].argmax(axis=0)
    some = flat.any(axis=0)
    left = np.where(some, all_places[flat.argmax(axis=0) + 1, column], all_places[first, column])
    right = np.where(some, all_places[last_flat + 1, column], all_places[first + 1, column])
    return left, right


def _bracket(signs: Callable[[Floats], Floats], end: Floats) -> Floats:
    """Double an end until the slope there points back, in every leaf."""
    for _ in range(DOUBLINGS):
        inside = signs(end[None, :])[0] * np.sign(end) < 0
        if not inside.any():
            return end
        end = np.where(inside & (np.abs(end) < 1e300), end * 2, end)
        if not (inside & (np.abs(end) < 1e300)).any():
            return end
    return end
