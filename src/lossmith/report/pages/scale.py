"""An axis: values come in, its range, its ticks at round numbers and the places of values on it go out."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from lossmith.report.pages.number import number, power, signed

STEPS: Final = (1.0, 2.0, 5.0)
NEAR: Final = 1e-9
"""The part of a step by which a tick may miss an end of the axis."""

MARGIN: Final = 0.04
"""The part of its range that an axis adds at each end."""

FEW_DECADES: Final = 1.7
"""Below this many decades, a logarithmic axis has ticks between the powers of ten."""


LARGEST, LEAST = 1e300, 1e-280
"""Sizes beyond which a number counts as infinite, and on a logarithmic axis as zero."""


@dataclass(frozen=True)
class Scale:
    """A range and whether it is logarithmic. `low < high`, and both above 0 where it is logarithmic."""

    low: float
    high: float
    log: bool = False

    def share(self, value: float) -> float:
        """Return where a value stands between the ends, as 0 to 1; NaN where it has no place."""
        low, high = self._moved(self.low), self._moved(self.high)
        if not has_place(value, self.log):
            return math.nan
        return (self._moved(value) / 2 - low / 2) / (high / 2 - low / 2)

    def _moved(self, value: float) -> float:
        return math.log10(value) if self.log else value


def has_place(value: float, log: bool) -> bool:
    """Return whether a number can stand on an axis.

    >>> has_place(0.0, log=False), has_place(0.0, log=True), has_place(math.inf, log=False)
    (True, False, False)
    """
    return LEAST <= value <= 1 / LEAST if log else abs(value) <= LARGEST


def scale(
    values: Iterable[float], given: tuple[float, float] | None = None, log: bool = False, tight: bool = False
) -> Scale:
    """Return the axis that shows all finite values, or exactly the range that is given."""
    if given is not None and given[0] < given[1] and all(has_place(end, log) for end in given):
        return Scale(float(given[0]), float(given[1]), log)
    seen = [float(v) for v in values if has_place(v, log)]
    low, high = (min(seen), max(seen)) if seen else (1.0, 10.0) if log else (0.0, 1.0)
    return _log_range(low, high, tight) if log else _plain_range(low, high, tight)


def _plain_range(low: float, high: float, tight: bool) -> Scale:
    if high / 2 - low / 2 <= 1e-12 * max(abs(low), abs(high)):
        room = abs(high) / 10 or 1.0
        return Scale(low - room, high + room)
    room = 0.0 if tight else 2 * MARGIN * (high / 2 - low / 2)
    return Scale(low - room, high + room)


def _log_range(low: float, high: float, tight: bool) -> Scale:
    if high / low <= 1.001:
        return Scale(low / 3, high * 3, True)
    room = 1.0 if tight else 10.0 ** (MARGIN * (math.log10(high) - math.log10(low)))
    return Scale(low / room, high * room, True)


def ticks(axis: Scale, most: int = 6) -> tuple[tuple[float, str], ...]:
    """Return at most about `most` round places of an axis, each with its text.

    >>> [text for _, text in ticks(Scale(-1.1, 1.1), 5)]
    ['−1.0', '−0.5', '0', '0.5', '1.0']
    >>> [text for _, text in ticks(Scale(1e-3, 1e3, True), 8)]
    ['0.001', '0.01', '0.1', '1', '10', '100', '1,000']
    """
    return _log_ticks(axis, most) if axis.log else _plain_ticks(axis, most)


def _plain_ticks(axis: Scale, most: int) -> tuple[tuple[float, str], ...]:
    step = _step(axis, max(most, 2))
    first, last = math.ceil(axis.low / step - NEAR), math.floor(axis.high / step + NEAR)
    places = [k * step for k in range(first, last + 1)]
    return tuple(zip(places, _texts(places, step), strict=True))


def _step(axis: Scale, most: int) -> float:
    """Return the smallest round step that puts at most `most` ticks on the axis."""
    ten = 10.0 ** math.floor(math.log10((axis.high / 2 - axis.low / 2) / most))
    steps = [s * t for t in (ten, 10 * ten, 100 * ten) for s in STEPS]
    return next(s for s in steps if math.floor(axis.high / s + NEAR) - math.ceil(axis.low / s - NEAR) < most)


def _texts(places: list[float], step: float) -> list[str]:
    largest = max((abs(place) for place in places), default=0.0)
    if largest >= 1e6 or largest < 1e-3:
        digits = max(1, math.floor(math.log10(largest or 1)) - math.floor(math.log10(step)) + 1)
        return ["0" if place == 0 else power(place, digits) for place in places]
    decimals = max(0, -math.floor(math.log10(step) + 1e-9))
    return [signed(f"{place:,.{decimals}f}") if place else "0" for place in places]


def _log_ticks(axis: Scale, most: int) -> tuple[tuple[float, str], ...]:
    low, high = math.log10(axis.low), math.log10(axis.high)
    first, last = math.ceil(low - 1e-9), math.floor(high + 1e-9)
    if high - low < FEW_DECADES:
        return _few(axis, first, last, most)
    every = max(1, math.ceil((last - first) / max(most - 1, 1)))
    exponents = [k for k in range(first, last + 1) if k % every == 0]
    plain = first >= -4 and last <= 6
    places = [10.0**k for k in exponents]
    return tuple((place, number(place) if plain else power(place)) for place in places)


def _few(axis: Scale, first: int, last: int, most: int) -> tuple[tuple[float, str], ...]:
    places = [m * 10.0**k for k in range(first - 1, last + 1) for m in (1, 2, 5)]
    inside = [place for place in places if axis.low * (1 - 1e-9) <= place <= axis.high * (1 + 1e-9)]
    if len(inside) < 2:
        return _plain_ticks(Scale(axis.low, axis.high), most)
    return tuple((place, number(place)) for place in inside)
