"""The shape of an activation: its range, where it is steepest, where it is flat, its corners, its mean output.

Comes in: an elementwise `ActivationFunction`. Goes out: a frozen `Shape`.

The whole line is looked at: a grid from -1e6 to 1e6 that is fine near 0, narrowed by bisection to the last bit where
something changes, and the two ends at 1e150 and 1e300. Whether a limit is reached is decided in rigorous arithmetic.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lossmith.calculus.kinks import kinks
from lossmith.formula.node import Node, symbols
from lossmith.interpret import BALLS, interpret
from lossmith.loss.activation import ActivationFunction, derivative_formula
from lossmith.teach.activations.proof import range_is_proved

Floats = NDArray[np.float64]

FLAT: Final = 0.01
"""A slope below this share of the largest counts as flat: a hundredth of the gradient comes through."""

_NEAR: Final = np.logspace(-15, -2.5, 601)
GRID: Final = np.sort(np.concatenate([np.sinh(np.linspace(-14.5, 14.5, 8001)), _NEAR, -_NEAR]))
SMALLEST: Final = 2.0**-1000  # a smaller slope has lost its sign to underflow
ENDS: Final = (1e150, 1e300)
ALIKE: Final = 1 + 1e-15
"""Slopes within this factor are the same slope, rounded."""
ROUNDED: Final = 1e-6
"""A stretch of one slope that is no longer than this is the top of a curve, where rounding hides the fall."""
FAR: Final = 1e3  # far out for every activation, and near enough for 4096 bits to tell tanh(FAR) from 1
STEP: Final = 1.0 / 1024.0
NORMAL: Final = np.arange(-12.0 + STEP / 2, 12.0, STEP)  # midpoints: corners at whole numbers lie between them
DENSITY: Final = np.exp(-(NORMAL**2) / 2) / math.sqrt(2 * math.pi) * STEP


@dataclass(frozen=True)
class End:
    """One end of the range: the least or greatest value, and whether it is reached at some input."""

    value: float
    reached: bool


@dataclass(frozen=True)
class Corner:
    """A place where the slope jumps: its input, the slopes to both sides, and the one that is taken there."""

    at: float
    left: float
    right: float
    chosen: float


@dataclass(frozen=True)
class Steepest:
    """The largest absolute slope and the inputs that have it, from `low` to `high`; infinite where it grows for ever."""

    slope: float
    low: float
    high: float


@dataclass(frozen=True)
class Normal:
    """What comes out for a standard normal input: moments of output and slope, and the share that falls on flat parts."""

    mean: float
    variance: float
    square: float
    slope_square: float
    flat: float


@dataclass(frozen=True)
class Shape:
    """All of it; `proved`: no output lies outside the range, shown from the formula.

    `flat_below`, `flat_above`: beyond these inputs the slope stays below `FLAT` of the largest, or None.
    """

    low: End
    high: End
    increasing: bool
    turns: tuple[float, ...]
    steepest: Steepest
    flat_below: float | None
    flat_above: float | None
    corners: tuple[Corner, ...]
    odd: bool
    normal: Normal
    proved: bool

    @property
    def flat_share(self) -> float:
        """The share of the real line, seen from far away, on which the slope is flat: 0, 1/2 or 1."""
        return ((self.flat_below is not None) + (self.flat_above is not None)) / 2


@lru_cache(maxsize=256)
def shape(activation: ActivationFunction) -> Shape:
    """Measure an elementwise activation; raises LM313 for one that mixes classes.

    >>> import lossmith as ls
    >>> found = shape(ls.activation("sigmoid"))
    >>> found.low, found.high, found.steepest
    (End(value=0.0, reached=False), End(value=1.0, reached=False), Steepest(slope=0.25, low=0.0, high=0.0))
    >>> round(found.flat_above, 3), found.flat_share, round(found.normal.mean, 6)
    (5.986, 1.0, 0.5)
    """
    if activation.record.row:
        activation.derivative([0.0])
    slopes = activation.derivative(GRID)
    turns, corners = _turns(activation, slopes), _corners(activation)
    low, high = _range(activation, turns)
    steepest = _steepest(activation, slopes, corners)
    flat = _flat(activation, slopes, steepest.slope)
    first, last = activation(GRID[[0, -1]])
    return Shape(
        low, high, not turns and bool(first < last), turns, steepest, *flat, corners, activation.facts.odd.value,
        normal(activation, 1.0, steepest.slope),
        range_is_proved(activation, low.value, high.value, [corner.at for corner in corners]),
    )  # fmt: skip


def normal(activation: ActivationFunction, deviation: float = 1.0, largest: float = math.inf) -> Normal:
    """The moments for normal inputs of mean 0, by the midpoint rule on 24,576 inputs.

    >>> import lossmith as ls
    >>> found = normal(ls.activation("relu"))
    >>> round(found.square, 6), round(found.slope_square, 6), round(found.mean, 4)
    (0.5, 0.5, 0.3989)
    """
    inputs = deviation * NORMAL
    values, slopes = activation(inputs), activation.derivative(inputs)
    with np.errstate(all="ignore"):
        mean, square, steep = (float(a @ DENSITY) for a in (values, values**2, slopes**2))
        flat = float((np.abs(slopes) < FLAT * largest) @ DENSITY) if math.isfinite(largest) else 0.0
    return Normal(mean, square - mean * mean, square, steep, flat)


def bisected(low: float, high: float, holds: Callable[[float], bool]) -> float:
    """The border between `low`, where it does not hold, and `high`, where it does: the first float that holds."""
    while (middle := low + (high - low) / 2) not in (low, high):
        low, high = (low, middle) if holds(middle) else (middle, high)
    return high


def _slope(activation: ActivationFunction, x: float) -> float:
    return float(activation.derivative([x])[0])


def _turns(activation: ActivationFunction, slopes: Floats) -> tuple[float, ...]:
    """Where it stops falling or rising."""
    signs = np.where(np.abs(slopes) < SMALLEST, 0.0, np.sign(slopes))
    moving = np.flatnonzero(signs)
    pairs = [(i, j) for i, j in pairwise(moving) if signs[i] != signs[j]]
    return tuple(
        _tidy(bisected(GRID[i], GRID[j], lambda x, s=signs[j]: bool(np.sign(_slope(activation, x)) == s)))  # type: ignore[misc]
        for i, j in pairs
    )


def _range(activation: ActivationFunction, turns: tuple[float, ...]) -> tuple[End, End]:
    found = [_limit(activation, sign) for sign in (-1.0, 1.0)]
    found += [End(float(activation([x])[0]), True) for x in turns]
    return min(found, key=lambda e: (e.value, not e.reached)), max(found, key=lambda e: (e.value, e.reached))


def _limit(activation: ActivationFunction, sign: float) -> End:
    """What it tends to at one end of the line; infinite where it still grows between 1e150 and 1e300."""
    near, far = activation([sign * end for end in ENDS])
    if abs(far) > max(abs(near), 1.0):
        return End(math.copysign(math.inf, far), False)
    return End(float(far) + 0.0, _is_exactly(activation, activation.record.formula, sign * FAR, float(far)))


def _is_exactly(activation: ActivationFunction, root: Node, x: float, value: float) -> bool:
    """Whether a formula is this number at x, in rigorous arithmetic."""
    return bool(interpret([root], _leaves(activation, x), BALLS(4096))[0].reshape(-1)[0] == value)


def _leaves(activation: ActivationFunction, x: Any) -> dict[Node, Any]:
    record, numbers = activation.record, dict(activation.parameters)
    given = {leaf: numbers[repr(leaf)] for leaf in symbols(record.formula, role="parameter")}
    return {record.input: np.atleast_1d(x), **given}


def _steepest(activation: ActivationFunction, slopes: Floats, corners: tuple[Corner, ...]) -> Steepest:
    """The largest absolute slope: at one input, beside a corner, on a stretch, or towards an end of the line."""
    sizes = np.abs(slopes)
    ends = np.abs(activation.derivative([-ENDS[0], ENDS[0]]))
    if ends.max() > 2 * max(sizes[len(sizes) // 2], 2.0):
        at = math.copysign(math.inf, ends[1] - ends[0])
        return Steepest(math.inf, at, at)
    best, peak = int(np.argmax(sizes)), float(sizes.max())
    beside = max(corners, key=lambda c: max(abs(c.left), abs(c.right)), default=None)
    if beside and max(abs(beside.left), abs(beside.right)) > peak * ALIKE:
        return Steepest(max(abs(beside.left), abs(beside.right)), beside.at, beside.at)
    level = np.flatnonzero(sizes * ALIKE >= peak)
    if len(level) > 1:
        return _stretch(activation, level, peak)
    at = _peak(activation, best)
    return Steepest(abs(_slope(activation, at)), at, at)


def _stretch(activation: ActivationFunction, level: NDArray[np.intp], peak: float) -> Steepest:
    """A stretch of largest slope; where it is only approached, towards an end of the line, that end alone."""
    low, high = int(level[0]), int(level[-1])
    low_end, high_end = low == 0, high == len(GRID) - 1
    if low_end != high_end:
        end = 1.0 if high_end else -1.0
        if not _is_exactly(activation, derivative_formula(activation.record), end * FAR, peak):
            return Steepest(peak, end * math.inf, end * math.inf)

    def alike(x: float) -> bool:
        return abs(_slope(activation, x)) * ALIKE >= peak

    left = -math.inf if low_end else bisected(GRID[low - 1], GRID[low], alike)
    right = math.inf if high_end else bisected(GRID[high + 1], GRID[high], alike)
    if right - left < ROUNDED * (1 + abs(left)):
        at = _tidy((left + right) / 2)
        return Steepest(abs(_slope(activation, at)), at, at)
    return Steepest(peak, _tidy(left), _tidy(right))


def _peak(activation: ActivationFunction, best: int) -> float:
    """The top of a slope beside a point of the grid, by thirds."""
    low, high = GRID[max(best - 1, 0)], GRID[min(best + 1, len(GRID) - 1)]
    for _ in range(80):
        third = (high - low) / 3
        left, right = np.abs(activation.derivative([low + third, high - third]))
        low, high = (low + third, high) if left < right else (low, high - third)
    at, on_grid = float((low + high) / 2), float(GRID[best])
    return on_grid if abs(_slope(activation, on_grid)) * ALIKE >= abs(_slope(activation, at)) else at


def _flat(activation: ActivationFunction, slopes: Floats, largest: float) -> tuple[float | None, float | None]:
    """Beyond which inputs the slope stays flat, below and above."""
    if not math.isfinite(largest):
        return None, None

    def steep(x: float) -> bool:
        return abs(_slope(activation, x)) >= FLAT * largest

    steeps = np.flatnonzero(np.abs(slopes) >= FLAT * largest)
    first, last = int(steeps[0]), int(steeps[-1])
    below = None if first == 0 else _tidy(bisected(GRID[first - 1], GRID[first], steep))
    above = None if last == len(GRID) - 1 else _tidy(bisected(GRID[last + 1], GRID[last], steep))
    return below, above


def _tidy(x: float) -> float:
    """A border without the last bits of its bisection: one at 0 or 6 is found as the number beside it."""
    return 0.0 if abs(x) < 1e-12 else float(f"{x:.15g}")


def _corners(activation: ActivationFunction) -> tuple[Corner, ...]:
    """The corners of the formula at which the slopes really differ."""
    found = {}
    for kink in kinks(activation.record.formula):
        for at in _zeros(activation, kink.surface):
            at = _tidy(at)
            left, right = activation.derivative([np.nextafter(at, -np.inf), np.nextafter(at, np.inf)])
            if abs(left - right) > 1e-12 * max(abs(left), abs(right)):
                found[at] = Corner(at, float(left), float(right), _slope(activation, at))
    return tuple(found[at] for at in sorted(found))


def _zeros(activation: ActivationFunction, surface: Node) -> list[float]:
    """Where the surface of a kink is 0."""

    def values(x: Any) -> Floats:
        found = interpret([surface], _leaves(activation, x), BALLS(128))[0]
        return np.array([float(ball.mid()) for ball in np.broadcast_to(found, (len(np.atleast_1d(x)), 1))[:, 0]])

    coarse = GRID[::80]
    signs = np.sign(values(coarse))
    zeros = [float(x) for x in coarse[signs == 0]]
    for i in np.flatnonzero(signs[:-1] * signs[1:] < 0):
        side = signs[i + 1]
        zeros.append(bisected(coarse[i], coarse[i + 1], lambda x, s=side: float(np.sign(values(x)[0])) in (0.0, s)))  # type: ignore[misc]
    return zeros
