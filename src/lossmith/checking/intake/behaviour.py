"""What kind of loss it is, by what it does: where it is lowest for a few targets, and where it is defined.

Comes in: a call that takes one number a row. Goes out: a row of `CHARACTERS`, or None.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from lossmith.checking.subject import Array, Call, Takes

GRID: Final = np.array([-6.0, -4.0, -2.5, -1.5, -0.7, -0.3, -0.1, 0.15, 0.35, 0.65, 0.85, 1.2, 1.6, 2.4, 3.5, 5.0, 8.0])
FEW: Final[tuple[float, ...]] = (0.0, 1.0, 3.0)


@dataclass(frozen=True)
class Curve:
    """For one target: the predictions at which the slope has a sign, these signs, and where it has none.

    `defined`: the predictions at which a finite number came. `lies`: between which predictions the slope turns; both
    infinite where it never does. `flattens`: to the left the slope fades to less than a twentieth of the steepest one.
    """

    defined: Array
    slopes: Array
    lies: tuple[float, float]
    flattens: bool = False

    @property
    def turns_at(self) -> tuple[float, float] | None:
        """Between which predictions the slope changes its sign, if it does."""
        return self.lies if math.isfinite(self.lies[0]) else None

    def turns_around(self, place: float) -> bool:
        """Whether the slope changes its sign at this prediction, as far as the grid shows."""
        return self.lies[0] <= place <= self.lies[1] and self.turns_at is not None


def curve(call: Call, y: float, dtype: str) -> Curve:
    """The curve of one target over the grid, from the gradient if there is one, else from differences of values."""
    numbers, is_gradient = _numbers(call, y, dtype)
    finite = np.isfinite(numbers)
    z = GRID[finite]
    if is_gradient:
        low, high, slopes = z, z, numbers[finite]
    else:
        low, high, slopes = z[:-1], z[1:], np.diff(numbers[finite]) / np.diff(z)
    flattens = bool(slopes.size) and abs(slopes[0]) < 0.05 * float(np.max(np.abs(slopes)))
    signs = np.sign(slopes)
    return Curve(z, signs, _turn(low, high, signs), flattens)


def _turn(low: Array, high: Array, signs: Array) -> tuple[float, float]:
    """The place of the one change of sign; several changes or none give both infinities of one sign."""
    some = np.flatnonzero(signs)
    if some.size == 0:
        return math.nan, math.nan
    changes = np.flatnonzero(np.diff(signs[some]))
    if changes.size == 0:
        end = -math.copysign(math.inf, signs[some[0]])
        return end, end
    first = int(changes[0])
    return float(low[some[first]]), float(high[some[first + 1]])


def _numbers(call: Call, y: float, dtype: str) -> tuple[Array, bool]:
    """One number for each point of the grid: gradient or value, NaN where the call fails."""
    found = np.full(GRID.size, math.nan)
    is_gradient = False
    for i, z in enumerate(GRID):
        try:
            answer = call(np.array([y], dtype), np.array([z], dtype), None)
        except Exception:
            continue
        is_gradient = answer.gradient is not None
        part = answer.value if answer.gradient is None else answer.gradient
        found[i] = math.nan if part is None else float(np.ravel(part)[0])
    return found, is_gradient


@dataclass(frozen=True)
class Character:
    """What is seen of a kind of loss; `text` tells it."""

    kind: str
    takes: Takes
    text: str
    test: Callable[[Mapping[float, Curve]], bool]


def _inside(c: Mapping[float, Curve]) -> bool:
    """Both outcomes are defined, or change, between 0 and 1 only."""
    return all(_is_within_one(c[y]) for y in (0.0, 1.0))


def _is_within_one(one: Curve) -> bool:
    inner = (one.defined > 0.0) & (one.defined < 1.0)
    if not inner.any():
        return False
    if not (one.defined[(one.defined < 0.0) | (one.defined > 1.0)]).size:
        return True
    between = (one.defined[:-1] + one.defined[1:]) / 2.0
    places = one.defined if one.slopes.size == one.defined.size else between
    flat = one.slopes[(places < -0.2) | (places > 1.3)]
    return not flat.any() and bool(one.slopes.any())


def _apart(c: Mapping[float, Curve]) -> bool:
    """One outcome pulls the prediction up without end, the other down."""
    ends = [c[y].lies[0] for y in (0.0, 1.0)]
    return all(math.isinf(end) for end in ends) and ends[0] != ends[1]


def _at_target(c: Mapping[float, Curve]) -> bool:
    return c[1.0].turns_around(1.0) and c[3.0].turns_around(3.0)


def _of_all(c: Mapping[float, Curve]) -> bool:
    return bool((c[1.0].defined < 0.0).any()) and not c[1.0].turns_around(0.0)


CHARACTERS: Final[tuple[Character, ...]] = (
    Character("binary", "probability", "it is defined, or changes, between 0 and 1 only", _inside),
    Character("binary", "raw", "it pulls outcome 1 up and outcome 0 down without end", _apart),
    Character("real", "raw", "it is lowest at the target", lambda c: _at_target(c) and _of_all(c)),
    Character(
        "positive", "probability", "it is lowest at the target and defined above 0 only",
        lambda c: _at_target(c) and not _of_all(c),
    ),
    Character(
        "positive", "raw", "it is lowest at the logarithm of the target, and has no lowest place for 0",
        lambda c: c[1.0].turns_around(0.0) and c[3.0].turns_around(math.log(3.0)) and not c[0.0].flattens,
    ),
    Character(
        "count", "raw", "it is lowest at the logarithm of the target",
        lambda c: c[1.0].turns_around(0.0) and c[3.0].turns_around(math.log(3.0)),
    ),
)  # fmt: skip
"""What losses of each kind do, the narrowest first."""


def character(call: Call, dtype: str) -> Character | None:
    """The kind of a loss by what it does at a few targets."""
    curves = {y: curve(call, y, dtype) for y in FEW}
    return next((row for row in CHARACTERS if row.test(curves)), None)


def is_of_signs(call: Call, dtype: str) -> bool:
    """Whether the two outcomes are -1 and 1: then 0 is idle, and the others pull apart everywhere."""
    down, idle, up = (curve(call, y, dtype) for y in (-1.0, 0.0, 1.0))
    everywhere = min(one.defined.size for one in (down, idle, up)) == GRID.size
    return everywhere and not idle.slopes.any() and _apart({0.0: down, 1.0: up})


def is_perfect_at_target(call: Call, dtype: str) -> bool:
    """Whether a prediction that equals the outcome costs exactly nothing, and another one something."""
    pairs = ((0.0, 0.0), (1.0, 1.0), (0.0, 1.0), (1.0, 0.0))
    try:
        found = [_one(call(np.array([y], dtype), np.array([p], dtype), None).value) for y, p in pairs]
    except Exception:
        return False
    return found[:2] == [0.0, 0.0] and all(abs(x) > 0.0 for x in found[2:])


def is_idle_at_zero(call: Call, dtype: str) -> bool:
    """Whether the prediction matters where the target is 1 and not where it is 0: so it is for one of many outcomes."""
    return bool(curve(call, 1.0, dtype).slopes.any()) and not curve(call, 0.0, dtype).slopes.any()


def shift_matters(call: Call, y: Array, dtype: str) -> bool | None:
    """Whether adding one number to all predictions of a row changes anything; None where that gives no number."""
    k = 3 if y.ndim == 1 else y.shape[1]
    p = np.random.default_rng(7).dirichlet(np.full(k, 3.0), size=y.shape[0]).astype(dtype)
    return _shifted(call, y, p)


def _shifted(call: Call, y: Array, p: Array) -> bool | None:
    try:
        before = _one(call(y.copy(), p.copy(), None).value)
        after = _one(call(y.copy(), p + np.asarray(0.75, p.dtype), None).value)
        below = _one(call(y.copy(), p - np.asarray(2.5, p.dtype), None).value)
    except Exception:
        return None
    if not all(math.isfinite(x) for x in (before, after, below)):
        return True
    return max(abs(after - before), abs(below - before)) > 1e-4 * (1.0 + abs(before))


def _one(value: Array | None) -> float:
    return math.nan if value is None else float(np.sum(value))
