"""Losses that are two straight lines a row, such as pinball, absolute error or hinge: the lowest point, with a proof.

Comes in: a `System` and a start. Goes out: an `Outcome` whose distance from the best is known, or None where a row's
term is no such thing. With `d` the slope that a row shows at the answer, somewhere from that of its left line to that
of its right, the least objective is a pair of problems that bound each other; both are solved at once (Mehrotra (1992),
On the Implementation of a Primal-Dual Interior Point Method, SIAM J. Optimization 2; for quantiles: Portnoy and Koenker
(1997), The Gaussian Hare and the Laplacian Tortoise, Statistical Science 12).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lossmith.adapt.linear_newton import Outcome, System, point_at, solved
from lossmith.adapt.linear_problem import ROUNDING, Problem
from lossmith.adapt.linear_products import back, gram, times

Floats = NDArray[np.float64]
STEPS: Final = 100
GAP: Final = 1e-11  # between both problems, as a share of the objective, that ends the work
ENOUGH: Final = 1e-7  # and that still counts as reached where rounding ends it
INSIDE: Final = 0.9995  # of the way to the nearest bound that a step goes
PATIENCE: Final = 20  # steps without a smaller gap
NEAR: Final = 2.0**12  # scales around the start in which a row's corner is looked for, and by which that is widened
WIDENINGS: Final = 8
TESTED: Final = (2.0**-10, 1.0, 2.0**8)  # scales from the corner at which its lines must be the same
ALIKE: Final = 1e-12


@dataclass(frozen=True)
class Lines:
    """A row's term by one output: slope `left` below its `corner`, `right` above it; each (n, outputs), per share."""

    corner: Floats
    left: Floats
    right: Floats


def lines_of(problem: Problem, raw: Floats) -> Lines | None:
    """The two lines of every row, or None where some row has none, more than one corner, or bends."""
    reach = np.broadcast_to(NEAR * problem.scale, raw.shape)
    for _ in range(WIDENINGS):
        found = _crossing(problem, raw, reach)
        inside = (found.right > found.left) & (np.abs(found.corner - raw) < reach / 2)
        if inside.all():
            break
        reach = np.where(inside, reach, NEAR * reach)
    else:
        return None
    refined = _crossing(problem, found.corner, _around(problem, found.corner, TESTED[0]))
    checks = [_crossing(problem, refined.corner, _around(problem, refined.corner, many)) for many in TESTED]
    size = np.maximum(np.abs(found.left), np.abs(found.right))
    alike = all(
        (np.abs(a - b) <= ALIKE * size).all()
        for check in checks
        for a, b in ((check.left, found.left), (check.right, found.right))
    )
    return refined if alike else None


def _around(problem: Problem, corner: Floats, many: float) -> Floats:
    """So many scales, and never so few that rounding of the corner matters."""
    return many * problem.scale + ROUNDING / ALIKE * np.abs(corner)


def _crossing(problem: Problem, raw: Floats, reach: Floats) -> Lines:
    """Where the lines through both ends of a window cross, and their slopes."""
    low, high, left, right = problem.ends(raw, reach)
    with np.errstate(all="ignore"):
        corner = raw + (low - high + (left + right) * reach) / (right - left)
    return Lines(corner, left * problem.share, right * problem.share)


def minimise_lines(system: System, start: Floats, lines: Lines) -> Outcome:
    """Solve each output on its own: its rows share nothing with those of another."""
    outputs = start.shape[1]
    parts = [
        _solve(system, start[:, k], *(a[:, k] for a in (lines.corner, lines.left, lines.right))) for k in range(outputs)
    ]
    theta = np.column_stack([part.theta for part in parts])
    value = point_at(system, theta, 0.0).value
    gap = sum(part.gap for part in parts)
    slope = np.column_stack([part.slope for part in parts])
    size = max(abs(value), sum(part.size for part in parts))
    return Outcome(theta, value, slope, max(part.steps for part in parts), gap <= ENOUGH * size, False)


@dataclass(frozen=True)
class Part:
    """The answer for one output, what is between both problems there, and the size of the terms that are added up."""

    theta: Floats
    slope: Floats
    gap: float
    size: float
    steps: int


def _solve(system: System, start: Floats, corner: Floats, left: Floats, right: Floats) -> Part:
    raw = times(system.features, start[:, None])[:, 0]
    spread = float(np.abs(raw - corner).mean()) or 1.0
    half = (right - left) / 2  # the distances to both lines' slopes are kept, for their sum may round to a slope itself
    below, above = np.maximum(corner - raw, 0) + spread, np.maximum(raw - corner, 0) + spread
    state, steps = State(start, half, half, below, above), 0
    best = _part(system, start, state, corner, left, right, steps)
    for steps in range(1, STEPS + 1):
        with np.errstate(all="ignore"):
            state = _inner_step(system, state, corner, left)
        if not all(np.isfinite(a).all() for a in state):
            break
        part = _part(system, start, state, corner, left, right, steps)
        best = part if part.gap < best.gap else best
        if best.gap <= GAP * best.size or steps - best.steps > PATIENCE:
            break
    return best


class State(NamedTuple):
    """Unknowns; how far each row's slope is from both lines'; how far its raw prediction is below and above its corner."""

    theta: Floats
    from_left: Floats
    to_right: Floats
    below: Floats
    above: Floats


def _inner_step(system: System, state: State, corner: Floats, left: Floats) -> State:
    """Predict, then correct: both problems' Newton steps, kept inside the bounds."""
    features, ridge = system.features, system.penalties
    theta, from_left, to_right, below, above = state
    off = corner + above - below - times(features, theta[:, None])[:, 0]
    rest = -(back(features, (left + from_left)[:, None])[:, 0] + ridge * theta)
    give = 1 / (above / to_right + below / from_left)
    matrix = gram(features, give) + np.diag(ridge)

    def newton(want_below: Floats, want_above: Floats) -> State:
        shift = off + want_above / to_right - want_below / from_left
        d_theta = solved(matrix, rest + back(features, (give * shift)[:, None])[:, 0])
        d_slopes = give * (times(features, d_theta[:, None])[:, 0] - shift)
        d_below, d_above = (want_below - below * d_slopes) / from_left, (want_above + above * d_slopes) / to_right
        return State(d_theta, d_slopes, -d_slopes, d_below, d_above)

    left_over = [a * b for a, b in ((below, from_left), (above, to_right))]
    first = newton(-left_over[0], -left_over[1])
    there = _moved(state, first, *_lengths(state, first))
    gap, rest_of_it = (float((s.below * s.from_left + s.above * s.to_right).sum()) for s in (state, there))
    centre = (rest_of_it / gap) ** 3 * gap / (2 * len(below))
    step = newton(
        centre - left_over[0] - first.below * first.from_left, centre - left_over[1] - first.above * first.to_right
    )
    primal, dual = (INSIDE * length for length in _lengths(state, step))
    if ridge.any():  # the unknowns stand in both problems: one length for both
        primal = dual = min(primal, dual)
    return _moved(state, step, primal, dual)


def _moved(state: State, step: State, primal: float, dual: float) -> State:
    lengths = (primal, dual, dual, primal, primal)
    return State(*(value + length * change for value, change, length in zip(state, step, lengths, strict=True)))


def _lengths(state: State, step: State) -> tuple[float, float]:
    """How far both problems may go before something is 0; at most 1 / INSIDE, so that a whole step can be taken."""
    return (
        _longest((state.below, step.below), (state.above, step.above)),
        _longest((state.from_left, step.from_left), (state.to_right, step.to_right)),
    )


def _longest(*pairs: tuple[Floats, Floats]) -> float:
    ratios = [np.where(change < 0, -value / change, np.inf).min(initial=np.inf) for value, change in pairs]
    return float(min(*ratios, 1 / INSIDE))


def _part(system: System, start: Floats, state: State, corner: Floats, left: Floats, right: Floats, steps: int) -> Part:
    """How far the objective at these unknowns can be from the least: what slopes that balance would prove."""
    theta, slopes = state.theta, left + state.from_left
    off = times(system.features, theta[:, None])[:, 0] - corner
    terms = np.where(off < 0, left, right) * off
    slope = back(system.features, slopes[:, None])[:, 0] + system.penalties * theta
    # by convexity, unknowns as near as the start is can be lower by no more than these two parts
    gap = float((terms - slopes * off).sum()) + abs(float(slope @ (theta - start)))
    return Part(theta, slope, gap, float(np.abs(terms).sum()), steps)
