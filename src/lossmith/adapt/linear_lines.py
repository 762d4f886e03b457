"""Losses that are two straight lines a row, such as pinball, absolute error or hinge: the lowest point, with a proof.

Comes in: a `System` and a start. Goes out: an `Outcome` whose distance from the best is known, or None where a row's
term is no such thing. With `d` the slope that a row shows at the answer, somewhere from that of its left line to that
of its right, the least objective is a pair of problems that bound each other; both are solved at once (Mehrotra (1992),
On the Implementation of a Primal-Dual Interior Point Method, SIAM J. Optimization 2; for quantiles: Portnoy and Koenker
(1997), The Gaussian Hare and the Laplacian Tortoise, Statistical Science 12).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

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
    features, ridge = system.features, system.penalties
    raw = times(features, start[:, None])[:, 0]
    spread = float(np.abs(raw - corner).mean()) or 1.0
    slopes = (left + right) / 2
    below, above = np.maximum(corner - raw, 0) + spread, np.maximum(raw - corner, 0) + spread
    state, steps = (start, slopes, below, above), 0
    best = _part(system, start, state, corner, left, right, steps)
    for steps in range(1, STEPS + 1):
        state = _inner_step(features, ridge, state, corner, left, right)
        if not all(np.isfinite(a).all() for a in state):
            break
        part = _part(system, start, state, corner, left, right, steps)
        best = part if part.gap < best.gap else best
        if best.gap <= GAP * best.size or steps - best.steps > PATIENCE:
            break
    return best


State = tuple[Floats, Floats, Floats, Floats]


def _inner_step(features: Floats, ridge: Floats, state: State, corner: Floats, left: Floats, right: Floats) -> State:
    """Predict, then correct: both problems' Newton steps, kept inside the bounds."""
    theta, slopes, below, above = state
    from_left, to_right = slopes - left, right - slopes
    off = corner + above - below - times(features, theta[:, None])[:, 0]
    rest = -(back(features, slopes[:, None])[:, 0] + ridge * theta)
    give = 1 / (above / to_right + below / from_left)
    matrix = gram(features, give) + np.diag(ridge)

    def newton(want_below: Floats, want_above: Floats) -> State:
        shift = off + want_above / to_right - want_below / from_left
        d_theta = solved(matrix, rest + back(features, (give * shift)[:, None])[:, 0])
        d_slopes = give * (times(features, d_theta[:, None])[:, 0] - shift)
        d_below, d_above = (want_below - below * d_slopes) / from_left, (want_above + above * d_slopes) / to_right
        return d_theta, d_slopes, d_below, d_above

    gap = float((below * from_left + above * to_right).sum())
    _, d, b, a = newton(-below * from_left, -above * to_right)
    primal, dual = _longest((below, b), (above, a)), _longest((from_left, d), (to_right, -d))
    left_over = float(
        ((below + primal * b) * (from_left + dual * d) + (above + primal * a) * (to_right - dual * d)).sum()
    )
    centre = (left_over / gap) ** 3 * gap / (2 * len(slopes))
    step = newton(centre - below * from_left - b * d, centre - above * to_right + a * d)
    primal = INSIDE * _longest((below, step[2]), (above, step[3]))
    dual = INSIDE * _longest((from_left, step[1]), (to_right, -step[1]))
    if ridge.any():  # theta stands in both problems: one length for both
        primal = dual = min(primal, dual)
    return theta + primal * step[0], slopes + dual * step[1], below + primal * step[2], above + primal * step[3]


def _longest(*pairs: tuple[Floats, Floats]) -> float:
    """How far each may go along its change before it is 0; at most 1 / INSIDE, so that a whole step can be taken."""
    with np.errstate(all="ignore"):
        ratios = [np.where(change < 0, -value / change, np.inf).min(initial=np.inf) for value, change in pairs]
    return float(min(*ratios, 1 / INSIDE))


def _part(system: System, start: Floats, state: State, corner: Floats, left: Floats, right: Floats, steps: int) -> Part:
    """How far the objective at these unknowns can be from the least: what slopes that balance would prove."""
    theta, slopes = state[:2]
    off = times(system.features, theta[:, None])[:, 0] - corner
    terms = np.where(off < 0, left, right) * off
    slope = back(system.features, slopes[:, None])[:, 0] + system.penalties * theta
    # by convexity, unknowns as near as the start is can be lower by no more than these two parts
    gap = float((terms - slopes * off).sum()) + abs(float(slope @ (theta - start)))
    return Part(theta, slope, gap, float(np.abs(terms).sum()), steps)
