"""What a gradient costs, counted: networks come in, numbers of operations of four ways to differentiate go out.

The forward pass of a two-layer network is written once, over anything that adds, subtracts, multiplies and has a tanh. Run
on counting numbers it says what one loss costs; on perturbed counting numbers, finite differences; on pairs of a value
and a slope, forward mode; on a recorded list of operations that is walked backwards, reverse mode. Each addition,
subtraction, multiplication, division and each tanh counts as one operation, and every operation is really done.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final, final

import numpy as np

from lossmith.report.descent_page.record import Counts

HIDDEN: Final = (1, 2, 4, 8, 16, 24)
FEATURES: Final = 4
STEP: Final = 1e-6


@final
@dataclass
class Tally:
    """How many operations were done."""

    done: int = 0


@final
@dataclass(frozen=True)
class Counted:
    """A number that counts what is done with it."""

    value: float
    tally: Tally = field(repr=False)

    def __add__(self, other: Counted) -> Counted:
        return self._made(self.value + other.value)

    def __sub__(self, other: Counted) -> Counted:
        return self._made(self.value - other.value)

    def __mul__(self, other: Counted) -> Counted:
        return self._made(self.value * other.value)

    def __truediv__(self, other: Counted) -> Counted:
        return self._made(self.value / other.value)

    def tanh(self) -> Counted:
        """The hyperbolic tangent."""
        return self._made(math.tanh(self.value))

    def like(self, value: float) -> Counted:
        """Another number of the same tally; making one is no operation."""
        return Counted(value, self.tally)

    def _made(self, value: float) -> Counted:
        self.tally.done += 1
        return Counted(value, self.tally)


@final
@dataclass(frozen=True)
class Dual:
    """A value and its slope along one direction: forward mode. A slope of None is known to be 0, and costs nothing."""

    value: Counted
    slope: Counted | None = None

    def __add__(self, other: Dual) -> Dual:
        return Dual(self.value + other.value, _sum(self.slope, other.slope))

    def __sub__(self, other: Dual) -> Dual:
        value = self.value - other.value
        if other.slope is None:
            return Dual(value, self.slope)
        return Dual(value, (self.slope or other.slope.like(0.0)) - other.slope)

    def __mul__(self, other: Dual) -> Dual:
        mine = None if self.slope is None else self.slope * other.value
        theirs = None if other.slope is None else self.value * other.slope
        return Dual(self.value * other.value, _sum(mine, theirs))

    def tanh(self) -> Dual:
        """tanh, whose slope is 1 - tanh^2."""
        value = self.value.tanh()
        return Dual(value, None if self.slope is None else (value.like(1.0) - value * value) * self.slope)


def _sum(one: Counted | None, other: Counted | None) -> Counted | None:
    if one is None or other is None:
        return one or other
    return one + other


@final
@dataclass(eq=False)
class Taped:
    """A value that remembers what it was made of: reverse mode walks the list backwards.

    `parents` are what it was made of, each with the derivative by it (None stands for 1: nothing is multiplied).
    """

    value: Counted
    tape: list[Taped] = field(repr=False)
    parents: tuple[tuple[Taped, Counted | None], ...] = ()
    sign: tuple[int, ...] = ()
    adjoint: Counted | None = None

    def __add__(self, other: Taped) -> Taped:
        return self._made(self.value + other.value, ((self, None), (other, None)), (1, 1))

    def __sub__(self, other: Taped) -> Taped:
        return self._made(self.value - other.value, ((self, None), (other, None)), (1, -1))

    def __mul__(self, other: Taped) -> Taped:
        return self._made(self.value * other.value, ((self, other.value), (other, self.value)), (1, 1))

    def tanh(self) -> Taped:
        """tanh; its slope 1 - tanh^2 is computed on the way."""
        value = self.value.tanh()
        return self._made(value, ((self, value.like(1.0) - value * value),), (1,))

    def _made(self, value: Counted, parents: tuple[tuple[Taped, Counted | None], ...], sign: tuple[int, ...]) -> Taped:
        made = Taped(value, self.tape, parents, sign)
        self.tape.append(made)
        return made

    def backwards(self) -> None:
        """Hand the derivative of this number to everything that it was made of."""
        self.adjoint = self.value.like(1.0)
        for node in reversed(self.tape):
            if node.adjoint is None:
                continue
            for (parent, slope), sign in zip(node.parents, node.sign, strict=True):
                share = node.adjoint if slope is None else node.adjoint * slope
                parent.receive(share, sign)

    def receive(self, share: Counted, sign: int) -> None:
        """Add a share to the adjoint; the first share is taken as it is, with its sign."""
        if self.adjoint is None:
            self.adjoint = share if sign > 0 else share.like(-share.value)
        else:
            self.adjoint = self.adjoint + share if sign > 0 else self.adjoint - share


# One program for all of them -----------------------------------------------------------------------------------


def loss_of(weights: Sequence[Any], x: Sequence[Any], y: Any, hidden: int) -> Any:
    """(tanh(x W1 + b1) w2 + b2 - y)^2 of one row, over any numbers; weights in the order W1 by unit, b1, w2, b2."""
    width, raw = len(x) + 1, weights[-1]
    for unit in range(hidden):
        own = weights[unit * width : (unit + 1) * width]
        z = own[-1]
        for feature, weight in zip(x, own[:-1], strict=True):
            z = z + feature * weight
        raw = raw + z.tanh() * weights[hidden * width + unit]
    error = raw - y
    return error * error


@dataclass(frozen=True)
class Case:
    """A network with drawn weights and one row."""

    weights: tuple[float, ...]
    x: tuple[float, ...]
    y: float
    hidden: int


def case(hidden: int, features: int = FEATURES, seed: int = 0) -> Case:
    """Draw a network of so many hidden units."""
    drawn = np.random.default_rng(seed).standard_normal(hidden * (features + 2) + 1 + features + 1) / 2
    size = hidden * (features + 2) + 1
    return Case(tuple(map(float, drawn[:size])), tuple(map(float, drawn[size:-1])), float(drawn[-1]), hidden)


def forward(given: Case) -> tuple[float, int]:
    """The loss, and the operations that it costs."""
    tally = Tally()
    lift = _lifted(tally)
    found: Counted = loss_of([lift(w) for w in given.weights], [lift(x) for x in given.x], lift(given.y), given.hidden)
    return found.value, tally.done


def differences(given: Case) -> tuple[list[float], int]:
    """The gradient by finite differences: one loss, and one more for each weight."""
    tally = Tally()
    lift = _lifted(tally)
    x, y, step = [lift(v) for v in given.x], lift(given.y), lift(STEP)
    weights = [lift(w) for w in given.weights]
    base: Counted = loss_of(weights, x, y, given.hidden)
    found = []
    for place, weight in enumerate(weights):
        moved = [*weights[:place], weight + step, *weights[place + 1 :]]
        found.append(((loss_of(moved, x, y, given.hidden) - base) / step).value)
    return found, tally.done


def forward_mode(given: Case) -> tuple[list[float], int]:
    """The gradient by forward mode: one pass for each weight, with a value and a slope."""
    tally = Tally()
    lift = _lifted(tally)
    x, y = [Dual(lift(v)) for v in given.x], Dual(lift(given.y))
    found = []
    for place in range(len(given.weights)):
        weights = [Dual(lift(w), lift(1.0) if at == place else None) for at, w in enumerate(given.weights)]
        slope: Counted | None = loss_of(weights, x, y, given.hidden).slope
        found.append(0.0 if slope is None else slope.value)
    return found, tally.done


def reverse_mode(given: Case) -> tuple[list[float], int]:
    """The gradient by reverse mode: one pass forwards that is written down, and one backwards."""
    tally = Tally()
    lift = _lifted(tally)
    tape: list[Taped] = []
    weights = [Taped(lift(w), tape) for w in given.weights]
    x, y = [Taped(lift(v), tape) for v in given.x], Taped(lift(given.y), tape)
    made: Taped = loss_of(weights, x, y, given.hidden)
    made.backwards()
    return [0.0 if w.adjoint is None else w.adjoint.value for w in weights], tally.done


def _lifted(tally: Tally) -> Callable[[float], Counted]:
    return lambda value: Counted(value, tally)


@lru_cache(maxsize=8)
def operation_counts(hidden: tuple[int, ...] = HIDDEN, features: int = FEATURES) -> Counts:
    """Count all four ways on networks that grow.

    >>> counts = operation_counts((1, 2), 2)
    >>> counts.weights, counts.forward, counts.reverse_mode
    ((5, 9), (9, 16), (21, 39))
    """
    cases = [case(units, features) for units in hidden]
    return Counts(
        hidden,
        tuple(len(each.weights) for each in cases),
        tuple(forward(each)[1] for each in cases),
        tuple(differences(each)[1] for each in cases),
        tuple(forward_mode(each)[1] for each in cases),
        tuple(reverse_mode(each)[1] for each in cases),
        features,
    )
