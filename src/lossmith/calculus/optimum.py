"""The best constant: the raw prediction that minimises a weighted loss when it may not depend on the features.

Comes in: `total`, which takes a constant raw prediction of shape (d,) and gives the weighted loss, its gradient (d,)
and the diagonal of its hessian (d,). Goes out: the minimiser, a float for d = 1, else an array of shape (d,).

One number is found from the *sign* of the gradient alone, by bisection over the floats in their order: no scale is
assumed, so labels of 1e-300 and of 1e300 are alike, and kinks need no care. Newton steps only make the bracket small
first. The answer is as exact as the sign of the computed gradient: for a smooth loss the last one or two bits, times
the condition of the root.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lossmith.errors import ArgumentError

Floats = NDArray[np.float64]
Total = Callable[[Floats], tuple[float, Floats, Floats]]

LARGEST: Final = float(np.finfo(np.float64).max)
ROUNDING: Final = 2.0**-40  # a slope this much smaller than its neighbour is the rounding of an exact zero
SCAN: Final = frozenset(sign * 2.0**k for sign in (-1, 1) for k in range(-3, 41)) | {float(k) for k in range(-40, 41)}
SWEEPS: Final = 40
STENCIL: Final = 6e-6  # the cube root of the float64 rounding: the best relative step of a central difference
POLISHED_SIZE: Final = 64  # up to this many heads or classes Newton steps with a full hessian give the last digits
STEPS: Final = 50
HALVINGS: Final = 20
DEPTHS: Final = (-1e3, -30.0, -3.0, 0.0)  # a loss that is cut off is flat far out


def best_constant(
    total: Total,
    dimension: int = 1,
    *,
    convex: bool = True,
    start: float = 0.0,
    scan: Iterable[float] = (),
    bounds: tuple[float, float] = (-math.inf, math.inf),
    softmax: bool = False,
    start_row: Floats | None = None,
) -> float | Floats:
    """The constant raw prediction of least weighted loss.

    Where a whole interval is best (the median of an even count), its middle. Where the loss falls for ever (log loss
    when every target is 1, Poisson when every count is 0), the answer is `inf` or `-inf`, which is the truth; who needs
    a finite start must refuse it.

    `total`: (d,) -> (value, gradient (d,), diagonal hessian (d,)); NaN marks a point outside the domain.
    `convex`: false makes it look for every minimum between the neighbours of `scan` and return the deepest; without
    `scan`, between whole numbers up to 40 and powers of two up to 2**40 (give quantiles of the targets where there are
    several minima on their scale).
    `start`: a guess that saves time, no more; `start_row` says in which valley of several numbers it looks.
    `bounds`: the open domain of the raw prediction.
    `softmax`: adding a number to all entries changes nothing; the answer is then the one whose softmax is its exp
    (log priors, for cross entropy), with `-inf` for a class that never occurs.
    Raises `ArgumentError` (LM260) if the gradient is NaN over the whole domain.

    >>> y = np.array([1.0, 2.0, 3.0, 10.0])
    >>> best_constant(lambda c: (np.abs(y - c).sum(), np.sign(c - y).sum(keepdims=True), np.zeros(1)))
    2.5
    """
    with np.errstate(all="ignore"):
        if dimension > 1:
            return _best_row(total, np.zeros(dimension) if start_row is None else start_row, softmax)
        line = _Line(total)
        if convex:
            return _lowest(line, *_domain(line, bounds), start).at
        points = {float(point) for point in scan} or SCAN
        return _deepest(line, *_domain(line, bounds), sorted(points | {start}))


# --- one number ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Line:
    """`total` along one coordinate; the others stay at `at`."""

    total: Total
    coordinate: int = 0
    at: tuple[float, ...] = (0.0,)

    def look(self, c: float) -> tuple[float, float, float]:
        point = np.array(self.at)
        point[self.coordinate] = c
        value, gradient, hessian = self.total(point)
        return float(value), float(gradient[self.coordinate]), float(hessian[self.coordinate])

    def slope(self, c: float) -> float:
        return self.look(c)[1]


@dataclass(frozen=True)
class _Minimum:
    at: float
    seen_at: float  # a finite point that shows the value, also where `at` is infinite


def rank(number: float) -> int:
    """The position of a float among all floats: neighbours differ by 1, both zeros are 0.

    >>> rank(5e-324), rank(-5e-324), rank(math.nextafter(1.0, 2.0)) - rank(1.0)
    (1, -1, 1)
    """
    bits: int = struct.unpack("<q", struct.pack("<d", number))[0]
    return bits if bits >= 0 else -(bits & 0x7FFF_FFFF_FFFF_FFFF)


def float_at(position: int) -> float:
    """The float of that rank: the inverse of `rank`."""
    number: float = struct.unpack("<d", struct.pack("<q", abs(position)))[0]
    return number if position >= 0 else -number


def _first(low: float, high: float, is_true: Callable[[float], bool]) -> float:
    """The least float in (low, high] where a predicate that is false at low and true at high becomes true."""
    below, above = rank(low), rank(high)
    while above - below > 1:
        middle = (below + above) // 2
        if is_true(float_at(middle)):
            above = middle
        else:
            below = middle
    return float_at(above)


def _before(number: float) -> float:
    return math.nextafter(number, -math.inf)


def _domain(line: _Line, bounds: tuple[float, float]) -> tuple[float, float]:
    """The outermost floats of the domain whose gradient is a number."""
    low = max(math.nextafter(bounds[0], math.inf), -LARGEST)
    high = min(math.nextafter(bounds[1], -math.inf), LARGEST)
    middle = 0.0 if low < 0.0 < high else low + (high - low) / 2
    if math.isnan(line.slope(middle)):
        raise ArgumentError("LM260", f"best constant: the gradient at {middle:g} is NaN, so there is no best constant.")
    if math.isnan(line.slope(low)):
        low = _first(low, middle, lambda c: not math.isnan(line.slope(c)))
    if math.isnan(line.slope(high)):
        high = _before(_first(middle, high, lambda c: math.isnan(line.slope(c))))
    return low, high


def _lowest(line: _Line, low: float, high: float, start: float) -> _Minimum:
    """The minimiser between low and high, where the gradient changes its sign at most once."""
    falls, rises = line.slope(low) < 0, line.slope(high) > 0
    if not falls and not rises:
        middle = min(max(start, low), high)
        return _Minimum(middle, middle)
    if falls and rises:
        return _between(line, low, high, start)
    if rises:
        edge = _first(low, high, lambda c: line.slope(c) > 0) if line.slope(low) == 0 else low
        return _at_edge(edge, line.slope(edge), line.slope(high), -math.inf)
    edge = _before(_first(low, high, lambda c: not line.slope(c) < 0)) if line.slope(high) == 0 else high
    return _at_edge(edge, line.slope(edge), line.slope(low), math.inf)


def _at_edge(edge: float, slope_there: float, steepest: float, outside: float) -> _Minimum:
    """Only one sign was seen: flat from a true edge on (hinge), or falling for ever (the zero is underflow)."""
    true_edge = abs(slope_there) >= ROUNDING * min(abs(steepest), LARGEST) and abs(edge) < LARGEST
    return _Minimum(edge if true_edge else outside, edge)


def _between(line: _Line, low: float, high: float, start: float) -> _Minimum:
    """The minimiser, given a negative gradient at low and a positive one at high."""
    near_low, near_high = _narrowed(line, low, high, start)
    right = _first(near_low, near_high, lambda c: line.slope(c) > 0)
    left = _before(_first(near_low, right, lambda c: not line.slope(c) < 0))
    falls, rises = line.slope(left), line.slope(right)
    if rises < -ROUNDING * falls:  # the right slope is the rounding of 0: the flat part goes on
        limit = -ROUNDING * falls
        right = _first(right, high, lambda c: line.slope(c) > limit) if line.slope(high) > limit else right
    elif -falls < ROUNDING * rises:
        limit = ROUNDING * rises
        left = _before(_first(low, left, lambda c: not line.slope(c) < -limit)) if line.slope(low) < -limit else left
    if math.nextafter(left, math.inf) >= right:
        best = min((left, right), key=lambda c: (line.look(c)[0], c != 0, abs(line.slope(c)), len(repr(abs(c)))))
        return _Minimum(best, best)
    middle = left / 2 + right / 2 if max(abs(left), abs(right)) > 1.0 else (left + right) / 2
    return _Minimum(middle, middle)


def _narrowed(line: _Line, low: float, high: float, start: float) -> tuple[float, float]:
    """A smaller bracket by Newton steps; stops as soon as these stop helping."""
    point = start if low < start < high else 0.0 if low < 0.0 < high else float_at((rank(low) + rank(high)) // 2)
    for _ in range(30):
        _, slope, bend = line.look(point)
        low, high = (point, high) if slope < 0 else (low, point) if slope > 0 else (low, high)
        step = slope / bend if bend > 0 else math.inf
        if slope == 0 or not math.isfinite(step) or not low <= point - step <= high:
            break
        if abs(step) <= 1e-7 * abs(point):
            return _straddled(line, low, high, point - step)
        point -= step
    return low, high


def _straddled(line: _Line, low: float, high: float, root: float) -> tuple[float, float]:
    """Close the bracket around a root that is known to a few units in the last place, if the signs agree."""
    for width in (8, 1 << 12, 1 << 22):
        left, right = float_at(rank(root) - width), float_at(rank(root) + width)
        if low < left and right < high and line.slope(left) < 0 < line.slope(right):
            return left, right
    return low, high


def _deepest(line: _Line, low: float, high: float, points: list[float]) -> float:
    """The best of all minima that the scanned points tell apart."""
    grid = [low, *(point for point in points if low < point < high), high]
    signed = [(point, slope) for point in grid if (slope := line.slope(point)) != 0]
    if not signed:
        return _lowest(line, low, high, 0.0).at
    inner = [(a, b) for (a, s), (b, t) in pairwise(signed) if s < 0 < t]
    minima = [_between(line, a, b, math.nan) for a, b in inner]
    if signed[0][1] > 0:
        minima.append(_lowest(line, low, signed[0][0], 0.0))
    if signed[-1][1] < 0:
        minima.append(_lowest(line, signed[-1][0], high, 0.0))
    best = min(minima, key=lambda minimum: _or_infinite(line.look(minimum.seen_at)[0]), default=None)
    lowest = min(grid, key=lambda point: _or_infinite(line.look(point)[0]))
    if best is not None and not line.look(lowest)[0] < _or_infinite(line.look(best.seen_at)[0]):
        return best.at
    return _beside_a_jump(line, grid, lowest)


def _beside_a_jump(line: _Line, grid: list[float], lowest: float) -> float:
    """The least value between the neighbours of a scanned point: where the loss jumps, no slope changes its sign."""
    at = grid.index(lowest)
    left, right = grid[max(at - 1, 0)], grid[min(at + 1, len(grid) - 1)]
    for _ in range(HALVINGS):
        tried = [left + (right - left) * k / 16 for k in range(17)]
        values = [_or_infinite(line.look(point)[0]) for point in tried]
        k = int(np.argmin(values))
        lowest = tried[k] if values[k] < _or_infinite(line.look(lowest)[0]) else lowest
        left, right = tried[max(k - 1, 0)], tried[min(k + 1, 16)]
    return lowest


def _or_infinite(value: float) -> float:
    return math.inf if math.isnan(value) else value


# --- several numbers -----------------------------------------------------------------------------------------------


def _best_row(total: Total, start: Floats, softmax: bool) -> Floats:
    """Heads one after the other until nothing moves; classes all at once; then a polish with the full hessian."""
    dimension = start.size
    if not softmax:
        return _polished(total, _swept(total, start.copy()), np.ones(dimension, dtype=bool))
    present = np.array([_occurs(total, dimension, k) for k in range(dimension)])
    present |= not present.any()  # a loss that is flat wherever we look: all of them may be
    row = np.where(present & np.isfinite(start), start, -1e3)  # exp(-1e3) is 0 in every format
    if present.sum() > POLISHED_SIZE:
        row[present] = _descended(total, row, present)
    elif present.sum() > 1:
        row = _polished(total, row, present)
    row = np.where(present, row, -math.inf)
    top = row.max()
    return np.asarray(row - (top + math.log(np.exp(row - top).sum())))


def _occurs(total: Total, dimension: int, k: int) -> bool:
    """Whether the loss rises somewhere on the way when the raw prediction of class k goes to minus infinity."""
    slopes = (total(np.where(np.arange(dimension) == k, depth, 0.0))[1][k] for depth in DEPTHS)
    return any(slope < 0 for slope in slopes)


def _swept(total: Total, row: Floats) -> Floats:
    """Minimise along each coordinate in turn: free of scale, so that a mean of 1e6 and a log scale of 1 go together."""
    for _ in range(SWEEPS):
        before = row.copy()
        for k in range(row.size):
            line = _Line(total, k, tuple(row))
            row[k] = _lowest(line, *_domain(line, (-math.inf, math.inf)), row[k]).at
        if not np.isfinite(row).all() or np.all(np.abs(row - before) <= 1e-9 * np.abs(row)):
            break
    return row


def _descended(total: Total, row: Floats, free: NDArray[np.bool_]) -> Floats:
    """Quasi-Newton descent over the free entries."""
    from scipy.optimize import minimize

    size = max(abs(total(row)[0]), 1e-300)

    def scaled(entries: Floats) -> tuple[float, Floats]:
        value, gradient, _ = total(_with(row, free, entries))
        return value / size, gradient[free] / size

    found = minimize(scaled, row[free], jac=True, method="L-BFGS-B", options={"maxiter": 500, "ftol": 0, "gtol": 1e-12})
    return np.asarray(found.x, dtype=np.float64)


def _polished(total: Total, row: Floats, free: NDArray[np.bool_]) -> Floats:
    """Newton steps with a finite-difference hessian, halved until they make the gradient smaller; none if none does."""
    if free.sum() > POLISHED_SIZE or not np.isfinite(row[free]).all():
        return row
    slope = total(row)[1][free]
    for _ in range(STEPS):
        hessian = _full_hessian(total, row, free)
        if not (np.isfinite(hessian).all() and np.isfinite(slope).all()):
            break
        step = np.linalg.lstsq(hessian, slope, rcond=1e-9)[0]
        for halving in range(HALVINGS):
            candidate = _with(row, free, row[free] - step / 2**halving)
            found = total(candidate)[1][free]
            if np.abs(found).max() < np.abs(slope).max():
                row, slope = candidate, found
                break
        else:
            break
    return row


def _full_hessian(total: Total, row: Floats, free: NDArray[np.bool_]) -> Floats:
    value, _, bend = total(row)
    columns = []
    for k in np.flatnonzero(free):
        width = STENCIL * max(abs(row[k]), math.sqrt(abs(value) / bend[k]) if bend[k] > 0 else 1.0)
        up, down = row.copy(), row.copy()
        up[k] += width
        down[k] -= width
        columns.append((total(up)[1][free] - total(down)[1][free]) / (up[k] - down[k]))
    matrix = np.array(columns)
    return np.asarray((matrix + matrix.T) / 2)


def _with(row: Floats, free: NDArray[np.bool_], entries: Floats) -> Floats:
    changed = row.copy()
    changed[free] = entries
    return changed
