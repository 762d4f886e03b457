"""A loss and a standard loss side by side: the rows at which they are compared, and the fit of one to the other.

Comes in: two views. Goes out: how far their gradients lie apart, the parameters and factors that bring them nearest, and,
where they are the same, these to hundreds of bits with the equality checked in rigorous balls.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from typing import Any, Final

import numpy as np

from lossmith.calculus.evidence import vanishes
from lossmith.formula.node import symbol
from lossmith.interpret import NUMPY, System
from lossmith.loss.explain.effects import is_number, scale_of
from lossmith.loss.explain.view import BALL, Array, Floats, View
from lossmith.numerics.interval import Interval

# Where gradients are compared -------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Spots:
    """Rows at which losses are compared; `usual` are errors of everyday size."""

    y: Floats
    raw: Floats
    p: Floats
    usual: Floats
    batches: tuple[Any, ...]

    def only(self, kept: Any) -> Spots:
        """Some of the rows; where rows act together, all of them."""
        if len(self.batches) > 1:
            return self
        rows = np.flatnonzero(kept)
        y, raw, p, usual = (a[rows] for a in (self.y, self.raw, self.p, self.usual))
        return Spots(y, raw, p, usual, (np.arange(len(rows)),))

    def stacked(self, values: Any) -> Any:
        """What belongs to each row, for the rows of all batches."""
        return np.concatenate([values[batch] for batch in self.batches])


ERRORS: Final = tuple(1.013 * 10.0**k for k in np.arange(-3.0, 5.25, 0.5))  # beside round numbers, where kinks are
OTHER_ERRORS: Final = tuple(1.37 * 10.0**k for k in range(-6, 16))
ODDS: Final = (-9.0, -6.0, -4.6, -3.1, -2.2, -1.3, -0.7, -0.2, 0.2, 0.7, 1.3, 2.2, 3.1, 4.6, 6.0, 9.0)
OTHER_ODDS: Final = (-30.3, -12.7, -5.2, -1.6, -0.9, -0.04, 0.05, 0.6, 1.7, 4.1, 11.3, 29.1)
ROWS: Final = ((0.3, -1.1, 0.4), (0.7, -0.4, 1.9), (-3.1, 0.1, 0.2), (2.2, 2.1, -4.0), (5.3, 0.2, -0.6))
OTHER_ROWS: Final = ((0.1, -0.2, 0.6), (4.0, 1.3, -0.9), (-7.2, 0.4, 6.3))
SURE_ODDS: Final = 4.6  # log odds of 99 %
UNUSUAL: Final = 0.05  # what errors count that are far smaller or larger than usual


def spots(view: View, seen: bool = True) -> Spots:
    """The rows at which a fit is made (`seen`), or others, at which it is checked."""
    if view.has_classes:
        return _class_spots(view, seen)
    if is_number(view):
        return _number_spots(view, seen)
    odds = np.asarray(ODDS if seen else OTHER_ODDS)
    raw = np.tile(1 / (1 + np.exp(-odds)) if view.definition.declaration.on == "probability" else odds, 2)
    y = np.repeat([0.0, 1.0], len(odds))
    return _kept(view, y, raw, np.where(np.tile(np.abs(odds), 2) <= SURE_ODDS, 1.0, UNUSUAL), seen)


def _is_told(view: View, raw: Floats) -> Any:
    """Whether predictions as floats tell what the raw prediction says: no probability through a link is 0 or 1."""
    if view.definition.declaration.on == "probability" or view.raw is view.predicted or view.has_classes:
        return True
    p = view.predictions(raw)
    return (p > 0.0) & (p < 1.0) if view.kind in ("binary", "fraction") else True


def _class_spots(view: View, seen: bool) -> Spots:
    k, rows = view.classes, ROWS if seen else OTHER_ROWS
    raw = np.array([[*row[:k], *np.linspace(-1.0, 1.0, max(k - 3, 0))] for row in rows])
    if view.definition.declaration.on == "probability":
        raw = np.exp(raw) / np.exp(raw).sum(axis=1, keepdims=True)
    y, raw = np.tile(np.eye(k), (len(raw), 1)), np.repeat(raw, k, axis=0)
    return _kept(view, y, raw, np.ones(len(y)), seen)


def _number_spots(view: View, seen: bool) -> Spots:
    scale = scale_of(view)
    errors = np.asarray(ERRORS if seen else OTHER_ERRORS) * scale.steps[1]
    targets = scale.targets[:3] if seen else scale.targets
    pairs = [(y, y + sign * t, t) for y in targets for sign in (-1, 1) for t in errors]
    y, p, size = np.array(pairs).T
    usual = np.where((size >= scale.steps[0] / 2) & (size <= 2 * scale.steps[-1]), 1.0, UNUSUAL)
    return _kept(view, y, view.raw_at(p), usual, seen)


def _kept(view: View, y: Floats, raw: Floats, usual: Floats, seen: bool) -> Spots:
    """Without the rows at which the loss itself has no gradient, or a probability rounds to 0 or 1; where rows act
    together, as several batches.
    """
    rows = np.flatnonzero(np.isfinite(raw).all(axis=1) if raw.ndim > 1 else np.isfinite(raw))
    if not view.joint:
        found = view.at([view.slope], y[rows], raw[rows], NUMPY)[0]
        rows = rows[np.isfinite(found).all(axis=1) & _is_told(view, raw[rows])]
    y, raw, usual = y[rows], raw[rows], usual[rows]
    everywhere = np.arange(len(y))
    batches = (everywhere[1::3], everywhere) if view.joint and not seen else (everywhere,)
    return Spots(y, raw, view.predictions(raw), usual, batches)


# Two losses at the same rows ---------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Candidate:
    """A standard loss and how it reads what the model gives; `free` are the parameters that are fitted.

    `form`: "same" (as the loss does), "raw" (raw predictions, through its own link), "given" (the loss's prediction,
    whatever its link) or "moved" (what the loss reads in the place of the raw prediction).
    """

    view: View
    form: str
    free: tuple[str, ...] = ()

    @property
    def unknowns(self) -> list[tuple[str, Interval]]:
        """The parameters that are fitted, with their domains; the others keep their usual values."""
        return [(p.name, p.domain) for p in self.view.definition.parameters if p.name in self.free]


@dataclass(frozen=True, eq=False)
class Compared:
    """A loss and a candidate at the same spots; gradients are taken by the loss's raw prediction."""

    view: View
    candidate: Candidate
    places: Spots

    def own(self, part: str, system: System) -> Array:
        """The loss's own `slope` or `node` at every spot; gradients of several classes one behind the other."""
        at = self.places
        return np.concatenate(
            [self.view.at([getattr(self.view, part)], at.y[b], at.raw[b], system)[0].reshape(-1) for b in at.batches]
        )

    def its(self, part: str, system: System, values: Mapping[str, Any]) -> Array:
        """The candidate's `slope` or `node` at every spot, for one value of each parameter."""
        extra = {symbol(name, "parameter"): value for name, value in values.items()}
        return np.concatenate([self._batch(part, system, extra, b, 1) for b in self.places.batches])

    def tries(self, names: Sequence[str], values: Floats) -> Floats:
        """The candidate's gradient in floats for many values of the parameters: (entries, tries)."""
        if self.candidate.view.joint or not names:
            found = [self.its("slope", NUMPY, dict(zip(names, row, strict=True))) for row in values]
            return np.stack(found, axis=1)
        rows = len(self.places.y)
        extra = {symbol(name, "parameter"): np.repeat(v, rows) for name, v in zip(names, values.T, strict=True)}
        return self._batch("slope", NUMPY, extra, np.arange(rows), len(values)).reshape(len(values), -1).T

    def _batch(self, part: str, system: System, extra: Mapping[Any, Any], batch: Any, times: int) -> Array:
        its, form = self.candidate.view, self.candidate.form
        y, raw = self.places.y[batch], self.places.raw[batch]
        place, steepness = raw, np.ones((len(raw), 1))
        if form in ("given", "moved"):
            place, steepness = _reading(self.view, form, system is BALL, raw.shape, y.tobytes(), raw.tobytes())
        y, place = (np.tile(a, (times, *[1] * (a.ndim - 1))) for a in (y, place))
        found = its.at([getattr(its, part)], y, place, system, extra)[0]
        with system.context():
            return (found * np.tile(steepness, (times, 1)) if part == "slope" else found).reshape(-1)


@lru_cache(maxsize=64)
def _reading(view: View, form: str, rigorous: bool, shape: tuple[int, ...], y: bytes, raw: bytes) -> list[Array]:
    """What a candidate is given in the place of raw predictions, with its derivative by them, at rows of floats."""
    rows, places = (np.frombuffer(a, dtype=np.float64).reshape(shape) for a in (y, raw))
    return view.at(list(view.read(form)), rows, places, BALL if rigorous else NUMPY)


# How far apart ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Problem:
    """Gradients of the loss at the spots, what each counts for, and the group whose factor it has."""

    own: Floats
    weight: Floats
    group: Any

    @property
    def groups(self) -> int:
        """How many factors there are."""
        return int(self.group.max()) + 1


def distance(problem: Problem, other: Floats) -> tuple[Floats, Floats, Floats]:
    """Mean distance, factors and distance of each entry, for gradients (entries, tries) of a candidate.

    The factor of a group is the weighted median of the ratios; the distance of two numbers is their difference over
    the larger one: 0 for equal ones, 1 beside a 0, 2 for opposite ones.
    """
    own, weight = problem.own[:, None], problem.weight[:, None]
    with np.errstate(all="ignore"):
        ratio = own / other
        usable = np.isfinite(ratio) & (ratio > 0)
        ratio, counted = np.where(usable, ratio, 0.0), np.where(usable, weight, 0.0)
        members = [problem.group == g for g in range(problem.groups)]
        factors = np.stack([_middle(ratio[member], counted[member]) for member in members])
        scaled = other * factors[problem.group]
        larger = np.maximum(np.abs(own), np.abs(scaled))
        apart = np.where(own == scaled, 0.0, np.abs(own - scaled) / larger)
        apart = np.where(np.isnan(apart), 2.0, apart)
    return (apart * weight).sum(axis=0) / problem.weight.sum(), factors, apart


def _middle(ratio: Floats, weight: Floats) -> Floats:
    """The weighted median of every column, NaN where nothing has a weight."""
    order = np.argsort(ratio, axis=0)
    reached = np.cumsum(np.take_along_axis(weight, order, axis=0), axis=0)
    at = np.argmax(reached >= reached[-1] / 2, axis=0)
    found = np.take_along_axis(ratio, order, axis=0)[at, np.arange(ratio.shape[1])]
    return np.where(reached[-1] > 0, found, np.nan)


@dataclass(frozen=True, eq=False)
class Fit:
    """A candidate with the parameters that bring its gradient nearest."""

    compared: Compared
    values: dict[str, float]
    gap: float
    factors: Floats
    apart: Floats


FIRST: Final = {0: 1, 1: 41, 2: 17}
FINER: Final = {0: 1, 1: 11, 2: 7}
ZOOMS: Final = 6
TOGETHER: Final = 17, 7, 4  # fewer where rows act together: one try at a time


def fit(compared: Compared, problem: Problem, worth: float = 2.0) -> Fit:
    """Parameters by search over their whole domain, ever finer around the best, if that is no farther than `worth`."""
    unknowns = compared.candidate.unknowns
    together = compared.candidate.view.joint
    first, finer, zooms = TOGETHER if together else (FIRST[len(unknowns)], FINER[len(unknowns)], ZOOMS)
    axes = [_axis(domain, first) for _, domain in unknowns]
    best = _best(compared, problem, [name for name, _ in unknowns], axes)
    for _ in range(zooms if unknowns and best.gap < worth else 0):
        axes = [_around(axis, best.values[name], finer) for axis, (name, _) in zip(axes, unknowns, strict=True)]
        best = min(best, _best(compared, problem, [name for name, _ in unknowns], axes), key=lambda f: f.gap)
    return best


def _axis(domain: Interval, count: int) -> Floats:
    """Values of a parameter from all over its domain, its closed ends among them."""
    low, high = domain.low, domain.high
    if np.isfinite(low) and np.isfinite(high):
        inner = low + (high - low) / (1 + np.exp(-np.linspace(-6, 6, count)))
    elif np.isfinite(low):
        inner = low + np.logspace(-4, 6, count)
    else:
        inner = np.sinh(np.linspace(-12, 12, count))
    ends = [end for end in (low, high) if end in domain]
    return np.unique(np.concatenate([inner, ends]))


def _around(axis: Floats, best: float, count: int) -> Floats:
    at = int(np.argmin(np.abs(axis - best)))
    low, high = axis[max(at - 1, 0)], axis[min(at + 1, len(axis) - 1)]
    between = np.geomspace(low, high, count) if low > 0 and high > 4 * low else np.linspace(low, high, count)
    return np.unique(np.concatenate([between, [best]]))


def _best(compared: Compared, problem: Problem, names: list[str], axes: list[Floats]) -> Fit:
    listed = list(product(*axes))
    values = np.array(listed).reshape(len(listed), len(names))
    gaps, factors, apart = distance(problem, compared.tries(names, values))
    at = int(np.argmin(gaps))
    chosen = dict(zip(names, map(float, values[at]), strict=True))
    return Fit(compared, chosen, float(gaps[at]), factors[:, at], apart[:, at])


# The same loss, rigorously ----------------------------------------------------------------------------------------

STEPS: Final = 14
SHRINKS: Final = 0.5  # a step that removes less than half of the difference leads nowhere
NUDGE: Final = -150  # parameters are moved by 2**-150 of themselves for derivatives: 512 bits leave 360 of these
REACHED: Final = -230


@dataclass(frozen=True, eq=False)
class Solution:
    """Parameters and factors, as balls, for which two gradients are the same at every spot."""

    values: dict[str, Any]
    factors: tuple[Any, ...]


def solved(found: Fit, problem: Problem) -> Solution | None:
    """Newton's method from a fit in floats; None where the gradients are not the same."""
    from flint import arb

    with BALL.context():
        own = found.compared.own("slope", BALL)
        rows = np.flatnonzero([bool(g.is_finite() and not g.contains(0)) for g in own])
        values = {name: arb(v) for name, v in found.values.items()}
        logs, size = [arb(float(f)).log() for f in found.factors], arb(1)
        for _ in range(STEPS):
            columns = _columns(found.compared, values, own, rows)
            residual = [logs[problem.group[i]].exp() * columns[0][j] - 1 for j, i in enumerate(rows)]
            before, size = size, max((abs(r).mid() if r.is_finite() else arb("inf") for r in residual), default=size)
            if size < arb(2) ** REACHED:
                return _within(found.compared.candidate, Solution(values, tuple(log.exp() for log in logs)))
            step = _step(columns, [float(r / size) for r in residual], problem.group[rows], logs)
            if step is None or not size < before * SHRINKS:
                return None
            logs = [(log + arb(s) * size).mid() for log, s in zip(logs, step, strict=False)]
            moves = zip(values.items(), step[len(logs) :], strict=True)
            values = {name: (v + arb(s) * size * abs(v)).mid() for (name, v), s in moves}
        return None


def _within(candidate: Candidate, solution: Solution) -> Solution | None:
    """The solution, if its parameters lie in their domains."""
    domains = dict(candidate.unknowns)
    return solution if all(float(v) in domains[name] for name, v in solution.values.items()) else None


def _columns(compared: Compared, values: Mapping[str, Any], own: Array, rows: Any) -> list[list[Any]]:
    """The candidate's gradient over the loss's own, and its relative derivatives by each parameter (times that)."""
    from flint import arb

    first = compared.its("slope", BALL, values)
    found = [[first[i] / own[i] for i in rows]]
    nudge = arb(2) ** NUDGE
    for name, value in values.items():
        moved = compared.its("slope", BALL, {**values, name: value * (1 + nudge)})
        found.append([(moved[i] - first[i]) / nudge / own[i] for i in rows])
    return found


def _step(columns: list[list[Any]], residual: list[float], group: Any, logs: list[Any]) -> Floats | None:
    """The least-squares step in the logarithms of factors and parameters that removes the residual to first order."""
    scale = np.array([float(logs[g].exp()) for g in group])
    ratio = np.array([float(r) for r in columns[0]]) * scale
    jacobian = [np.where(group == g, ratio, 0.0) for g in range(len(logs))]
    jacobian += [np.array([float(d.mid()) for d in column]) * scale for column in columns[1:]]
    matrix = np.stack(jacobian, axis=1)
    if not np.isfinite(matrix).all():
        return None
    return np.asarray(np.linalg.lstsq(matrix, -np.asarray(residual), rcond=1e-10)[0])


def same_gradient(compared: Compared, solution: Solution, group: Any) -> bool:
    """Whether the gradients agree at every spot, up to what 512 bits leave."""
    with BALL.context():
        own, its = compared.own("slope", BALL), compared.its("slope", BALL, solution.values)
        scaled = [s * solution.factors[g] for s, g in zip(its, group, strict=True)]
        return all(_same(a, b) for a, b in zip(own, scaled, strict=True))


def _same(a: Any, b: Any) -> bool:
    return bool(a.is_zero() and b.is_zero()) or vanishes(a - b, max(abs(a), abs(b)))


def rests(compared: Compared, solution: Solution, group: Any, labels: Floats) -> dict[float, float] | None:
    """What the loss is above the candidate, by target; None where it depends on the prediction (a jump)."""
    found: dict[float, Any] = {}
    with BALL.context():
        own, its = compared.own("node", BALL), compared.its("node", BALL, solution.values)
        for a, b, g, label in zip(own, its, group, labels, strict=True):
            scaled = b * solution.factors[g]
            rest = a - scaled
            first = found.setdefault(float(label), rest)
            if not vanishes(rest - first, 1 + max(abs(a), abs(scaled))):
                return None
    return {label: float(rest.mid()) for label, rest in found.items()}
