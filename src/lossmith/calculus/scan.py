"""The least of a loss over constants that are tried one by one: where it is, or why there is none.

Comes in: the loss and its slope as functions of one constant, and the places to try. Goes out: a `Least`. Nothing is
assumed of the loss: it may jump, be flat, have poles, or no number at all. The script of a page tells the same again
(`templates/best.js`), so that a slider finds what Python finds.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, Literal, final

from lossmith.errors import ArgumentError

Curve = Callable[[float], float]
Curves = Callable[[Sequence[float]], Sequence[float]]
Why = Literal["", "alike", "nothing", "endless", "limit"]

ALIKE: Final = 2.0**-40  # of the largest value: what differs by less is rounding
TIE: Final = 2.0**-46  # of the least value: as good as the least
STEEP: Final = 2.0**-40  # of another slope: less is none
JUMP: Final = 1e-9  # of all that the loss varies by: more, from one float to the next, is a jump
PARTS: Final = 16  # of an interval that is looked at more closely
ROUNDS: Final = 18  # 16 / 2 to the power of 18 is the resolution of a float
HALVINGS: Final = 64
SMALL: Final = 2.0**-20  # of an interval
MOST: Final = 8  # minima that are looked at, of many that are as good
CLOSE: Final = 0.02  # of what the loss varies by: a minimum is looked at if a parabola says that it may be as good
FURTHER: Final = (1.0, 2.0**20, 2.0**40)  # times the outermost place: a logarithm falls by as much each time


@dataclass(frozen=True)
class Least:
    """The best constant, or why there is none: `alike`, `nothing` finite, a fall without end, or towards a limit.

    `place` is where it falls to, `side` whether it does so from below or above, `limit` the value it comes to; `head`
    names the one of several raw predictions that goes there.
    """

    at: float
    why: Why = ""
    place: float = math.nan
    side: str = ""
    limit: float = math.nan
    head: str = ""

    def words(self, told: Callable[[float], str] = "{:.4g}".format) -> str:
        """Why there is none, as a clause.

        >>> Least(math.nan, "limit", math.inf, limit=0.375).words()
        'the loss sinks towards 0.375 as the raw prediction goes to infinity'
        """
        place = {math.inf: "infinity", -math.inf: "minus infinity"}.get(self.place) or told(self.place)
        goes = f"the raw prediction{' of ' if self.head else ''}{self.head} goes to {place}{self.side}"
        return WORDS[self.why].format(limit=told(self.limit), goes=goes)


WORDS: Final = {
    "": "",
    "alike": "every constant costs the same on this sample",
    "nothing": "the loss has no finite value on this sample",
    "endless": "the loss falls without end as {goes}",
    "limit": "the loss sinks towards {limit} as {goes}",
}


@final
class NoBestConstantError(ArgumentError):
    """LM262: no constant raw prediction is best. `least` says why, in numbers."""

    def __init__(self, code: str, sentence: str, least: Least | None = None) -> None:
        super().__init__(code, sentence)
        self.least = least

    def __reduce__(self) -> tuple[type[NoBestConstantError], tuple[str, str, Least | None]]:  # type: ignore[override]
        return type(self), (self.code, self.sentence, self.least)


# --- the search ----------------------------------------------------------------------------------------------------


def least(values: Curves, slope: Curve, places: Sequence[float], *, ends: bool = False) -> Least:
    """The least over the places and around the best of them; `ends` says that the outermost are bounds.

    >>> from lossmith.calculus.places import places_between
    >>> found = least(lambda cs: [(c - 0.3) ** 2 for c in cs], lambda c: 2 * (c - 0.3), places_between(0.0, 1.0))
    >>> round(found.at, 12)
    0.3
    """
    return scan(values, slope, places, ends=ends).least()


def scan(values: Curves, slope: Curve, places: Sequence[float], *, ends: bool = False) -> Scan:
    """A scan that ends where numbers end: far out, where the loss has none any more, nothing can be said of it."""
    seen, first, last, step = values(places), 0, len(places) - 1, 1.5 * _step(places)
    while not ends and first < last and not math.isfinite(seen[first]) and seen[first] != -math.inf:
        first += 1
    while not ends and first < last and not math.isfinite(seen[last]) and seen[last] != -math.inf:
        last -= 1
    first = first if first == 0 or places[first] - places[first - 1] > step else 0
    last = last if last == len(places) - 1 or places[last + 1] - places[last] > step else len(places) - 1
    return Scan(values, slope, tuple(places[first : last + 1]), tuple(seen[first : last + 1]), ends)


def _step(places: Sequence[float]) -> float:
    """How far apart the places are in the middle."""
    middle = len(places) // 2
    return places[middle] - places[middle - 1]


@final
@dataclass(frozen=True)
class Scan:
    """Values at places, and how to see more."""

    values: Curves
    slope: Curve
    places: tuple[float, ...]
    seen: tuple[float, ...]
    ends: bool

    def value(self, c: float) -> float:
        return self.values([c])[0]

    @property
    def known(self) -> list[float]:
        return [v for v in self.seen if math.isfinite(v)]

    @property
    def low(self) -> float:
        return min(self.known)

    @property
    def step(self) -> float:
        """How far apart the places are in the middle."""
        return _step(self.places)

    @property
    def steepest(self) -> float:
        """The largest slope between neighbours in the middle of what was tried."""
        n = len(self.places)
        pairs = pairwise(list(zip(self.places, self.seen, strict=True))[n // 4 : n - n // 4])
        slopes = [abs((w - v) / (d - c)) for (c, v), (d, w) in pairs]
        return max((s for s in slopes if math.isfinite(s)), default=0.0)

    def least(self) -> Least:
        """The best of all constants; of several that are as good, the one nearest to 0."""
        known = self.verdict()
        if known is not None:
            return known
        found = None
        for stretch in self.stretches()[:MOST]:
            one = self.in_stretch(*stretch)
            if not one.why:
                return self.settled(one.at)
            found = found or one
        assert found is not None
        return found

    def verdict(self) -> Least | None:
        """What the values alone say: nothing, minus infinity, or all alike."""
        if -math.inf in self.seen:
            return self._bottomless()
        known = self.known
        if not known:
            return Least(math.nan, "nothing")
        high, low = max(known), min(known)
        if len(known) > 1 and high - low <= ALIKE * max(abs(high), abs(low)):
            return Least(math.nan, "alike")
        return None

    def _bottomless(self) -> Least:
        """Minus infinity was seen: at a place, or from some place on."""
        if not self.ends and -math.inf in (self.seen[0], self.seen[-1]):
            return Least(math.nan, "endless", math.inf if self.seen[-1] == -math.inf else -math.inf)
        k = self.seen.index(-math.inf)
        a, b = self.places[max(k - 1, 0)], self.places[min(k + 1, len(self.places) - 1)]
        return Least(math.nan, "endless", self.places[k], self._side(a, b, self.places[k]))

    @property
    def goes_outside(self) -> bool:
        """Whether the best place is an outermost one that is no bound."""
        return not self.ends and self.low in (self.seen[0], self.seen[-1])

    def is_best(self, value: float) -> bool:
        """Whether no place is better than this value."""
        return math.isfinite(value) and value <= self.low + ALIKE * max(abs(value), abs(self.low))

    def has_floor(self, at: float, width: float) -> bool:
        """Whether the loss comes to its value there by small steps; where not, it may fall on, closer by."""
        value, near = self.value(at), SMALL * width
        beside = min(_or_infinite(self.value(at - near)), _or_infinite(self.value(at + near)))
        return math.isfinite(value) and beside - value <= (max(self._inner_values()) - value) / 8

    def settled(self, at: float, *, by_slopes: bool = False) -> Least:
        """This minimum, or a lower one among those that look as low; of those that are as good, the nearest to 0.

        `by_slopes`: minima at which a slope changes its sign were compared before.
        """
        rivals = self._rivals(at)
        for k in rivals[:MOST]:
            one = Least(at) if by_slopes and self._turns(k) else self.in_stretch(k, k)
            if not one.why and self.value(one.at) < self.value(at) - ALIKE * abs(self.value(at)):
                at = one.at
        value = self.value(at)
        for k in [k for k in sorted(rivals, key=lambda k: abs(self.places[k])) if abs(self.places[k]) < abs(at)][:MOST]:
            one = self.in_stretch(k, k)
            if not one.why and abs(one.at) < abs(at) and self.value(one.at) <= value + ALIKE * abs(value):
                return one
        return Least(at)

    def _turns(self, k: int) -> bool:
        """Whether the slope changes its sign around a place."""
        return self.slope(self.places[k - 1]) < 0 < self.slope(self.places[k + 1])

    def _rivals(self, at: float) -> list[int]:
        """Places beyond a ridge that are lower than their neighbours, with a parabola about as low, the lowest first."""
        value, pairs = self.value(at), list(zip(self.places, self.seen, strict=True))
        spread, found = max(self._inner_values()) - value, []
        for k in range(1, len(self.places) - 1):
            (a, b, c), place = self.seen[k - 1 : k + 2], self.places[k]
            bend = a - 2 * b + c
            if b <= min(a, c) and bend > 0 and b - (c - a) / bend / 8 * (c - a) <= value + CLOSE * spread:
                ridge = max((v for x, v in pairs if min(place, at) < x < max(place, at)), default=value)
                found += [k] if ridge > value + ALIKE * spread else []
        return sorted(found, key=lambda k: self.seen[k])

    def stretches(self) -> list[tuple[int, int]]:
        """Neighbouring places that are as good as the best, the nearest to 0 first."""
        good = [k for k, v in enumerate(self.seen) if v <= tied(self.low)]
        starts = [k for k in good if k - 1 not in good]
        stops = [k for k in good if k + 1 not in good]
        pairs = list(zip(starts, stops, strict=True))
        return sorted(pairs, key=lambda pair: min(abs(c) for c in self.places[pair[0] : pair[1] + 1]))

    def in_stretch(self, i: int, j: int) -> Least:
        """The least around the places i to j, which are all as good."""
        last = len(self.places) - 1
        if not self.ends and (i == 0 or j == last):
            return self._outside(i, j, -1.0 if i == 0 else 1.0)
        a, b = self.places[max(i - 1, 0)], self.places[min(j + 1, last)]
        at = _level(self.slope, a, b)
        if at is not None and self.value(at) <= tied(self.low) and self.has_floor(at, b - a):
            return Least(at)
        return self._closed_in(a, b, min(self.places[i : j + 1], key=abs))

    # Inside ---------------------------------------------------------------------------------------------------------

    def _closed_in(self, a: float, b: float, at: float) -> Least:
        """Look closer and closer around the best place; what falls as much each time falls without end."""
        left, right, low = a, b, self.value(at)
        lows = [low]
        for _ in range(ROUNDS):
            tried = [left + (right - left) * k / PARTS for k in range(PARTS + 1)]
            values = [_or_infinite(v) for v in self.values(tried)]
            k = min(range(PARTS + 1), key=values.__getitem__)
            at, low = (tried[k], values[k]) if values[k] < low else (at, low)
            left, right = _around(tried, at)
            lows.append(low)
        first, second, third = (lows[k] - lows[k + ROUNDS // 3] for k in (0, ROUNDS // 3, 2 * ROUNDS // 3))
        slack = tied(low) - low
        if low == -math.inf or (min(second, third) > slack and second > first / 2 and third > second / 8):
            return Least(math.nan, "endless", _rounded(at, b - a), self._side(a, b, at))
        return Least(self._middle(a, b, at, tied(low)))

    def _side(self, a: float, b: float, at: float) -> str:
        """From which side a place is come to where the loss falls: the other has no number, or is high."""
        below, above = (self.value(at + step) for step in (-SMALL * (b - a), SMALL * (b - a)))
        if math.isfinite(below) != math.isfinite(above):
            return " from below" if math.isfinite(below) else " from above"
        lowest = min(self._inner_values())
        return "" if (below < lowest) == (above < lowest) else " from below" if below < lowest else " from above"

    def _middle(self, a: float, b: float, at: float, level: float) -> float:
        """The middle of the flat stretch around a place; the place itself where the middle is not as good."""
        left = _edge(lambda c: self.value(c) <= level, at, a)
        right = _edge(lambda c: self.value(c) <= level, at, b)
        middle = left + (right - left) / 2
        return middle if self.value(middle) <= level else at

    # Outside --------------------------------------------------------------------------------------------------------

    def _outside(self, i: int, j: int, side: float) -> Least:
        """The best places go on to the outermost: an edge from which on it is flat, a limit, or no end."""
        inner, edge = (self.places[j + 1], self.places[j]) if side < 0 else (self.places[i - 1], self.places[i])
        out, reach = self.places[0 if side < 0 else -1], max(abs(self.places[0]), abs(self.places[-1]))
        far = [self.value(side * reach * times) for times in FURTHER]
        if math.isnan(far[0]) or far[0] == math.inf:
            far = list(self.seen[2::-1] if side < 0 else self.seen[-3:])
        limit, slack = _last(far, self.value(out)), tied(self.low) - self.low
        if -math.inf in far or _goes_on(*_held(far), slack):
            return Least(math.nan, "endless", side * math.inf)
        limit = 0.0 if abs(limit) <= STEEP * (max(self._inner_values()) - limit) else limit
        edge = math.nan if limit < self.low - slack else self._flat_from(inner, edge, side)
        return Least(math.nan, "limit", side * math.inf, limit=limit) if math.isnan(edge) else Least(edge)

    def _inner_values(self) -> list[float]:
        """The values in the middle of what was tried: what the loss usually varies by."""
        n = len(self.places)
        return [v for v in self.seen[n // 4 : n - n // 4] if math.isfinite(v)] or self.known

    def _flat_from(self, inner: float, edge: float, side: float) -> float:
        """Where the loss comes to its flat part by a slope that ends, or a jump; NaN if it comes to it bit by bit."""
        start = _edge(lambda c: self.value(c) <= tied(self.low), edge, inner)
        before = _edge(lambda c: not self.value(c) <= tied(self.low), inner, start)
        beyond = start + side * self.step
        if self.value(before) - self.low > JUMP * (max(self._inner_values()) - self.low):
            return start
        slope = abs(self.slope(before))
        if slope >= STEEP * self.steepest and abs(self.slope(beyond)) <= STEEP * slope:
            return _edge(lambda c: abs(self.slope(c)) <= STEEP * slope, beyond, before)
        return math.nan


# --- small steps ---------------------------------------------------------------------------------------------------


def tied(low: float) -> float:
    """What is as good as this value."""
    return low + TIE * abs(low)


def _or_infinite(value: float) -> float:
    return math.inf if math.isnan(value) else value


def _around(tried: list[float], at: float) -> tuple[float, float]:
    """The neighbours of a place among those tried."""
    below, above = [c for c in tried if c < at], [c for c in tried if c > at]
    return (below[-1] if below else at), (above[0] if above else at)


def _goes_on(first: float, second: float, third: float, slack: float) -> bool:
    """Whether a value falls on: by no less than half of what it fell before."""
    return second - third > slack and second - third > (first - second) / 2


def _held(far: list[float]) -> tuple[float, float, float]:
    """Three values; where one is no number, the one before holds."""
    a = far[0]
    b = far[1] if math.isfinite(far[1]) else a
    return a, b, far[2] if math.isfinite(far[2]) else b


def _last(far: list[float], nearest: float) -> float:
    return next((v for v in reversed(far) if math.isfinite(v)), nearest)


def _rounded(at: float, width: float) -> float:
    """A place that was closed in, to the digits that are sure."""
    return 0.0 if abs(at) < 1e-9 * width else float(f"{at:.9g}")


def _edge(holds: Callable[[float], bool], inside: float, outside: float) -> float:
    """The last float, on the way from inside to outside, at which something holds that holds inside."""
    if holds(outside):
        return outside
    for _ in range(HALVINGS):
        middle = inside + (outside - inside) / 2
        if middle in (inside, outside):
            break
        inside, outside = (middle, outside) if holds(middle) else (inside, middle)
    return inside


def _level(slope: Curve, a: float, b: float) -> float | None:
    """The middle of where the slope is 0, from below 0 at a to above 0 at b; slopes far smaller than those beside are 0."""
    near = TIE * (b - a)
    for _ in range(MOST):
        falls, rises = slope(a), slope(b)
        if not (falls < 0 < rises and math.isfinite(falls) and math.isfinite(rises)):
            return None
        before, (a, b) = (a, b), _between_slopes(slope, a, b, STEEP * min(-falls, rises))
        if (a, b) == before or b - a <= near:
            break
    return a + (b - a) / 2


def _between_slopes(slope: Curve, a: float, b: float, none: float) -> tuple[float, float]:
    """The last floats on both sides with more than no slope."""
    return _edge(lambda c: slope(c) < -none, a, b), _edge(lambda c: slope(c) > none, b, a)
