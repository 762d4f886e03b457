"""Where a number may lie: intervals with open or closed ends, and the table of target kinds.

Comes in: two ends. Goes out: a frozen `Interval` that tests arrays and describes itself in words.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lossmith.errors import FormulaError, did_you_mean


@dataclass(frozen=True, slots=True)
class Interval:
    """The numbers from `low` to `high`; an open end is left out; `integer` keeps whole numbers only.

    The ends are open unless said otherwise, so an infinite end never admits infinity. NaN is in no interval.
    Raises ValueError where the ends are NaN or in the wrong order.

    >>> Interval(0, 1, low_open=False).contains([0.0, 0.5, 1.0]).tolist()
    [True, True, False]
    >>> 3 in Interval(0, math.inf, low_open=False, integer=True)
    True
    """

    low: float = -math.inf
    high: float = math.inf
    low_open: bool = True
    high_open: bool = True
    integer: bool = False

    def __post_init__(self) -> None:
        if not self.low <= self.high:
            raise ValueError(f"an interval goes from low to high, got low={self.low!r} and high={self.high!r}")

    def contains(self, values: ArrayLike) -> NDArray[np.bool_]:
        """Return for each value whether it lies here, in the shape of `values`.

        >>> DOMAINS["count"].contains([0, 2, 2.5, -1, math.inf, math.nan]).tolist()
        [True, True, False, False, False, False]
        """
        x = np.asarray(values)
        above = x > self.low if self.low_open else x >= self.low
        below = x < self.high if self.high_open else x <= self.high
        inside = above & below
        return np.asarray(inside & (x == np.floor(x)) if self.integer else inside)

    def __contains__(self, value: float) -> bool:
        return bool(self.contains(value))

    def describe(self) -> str:
        """Say in words which numbers these are, fit to stand after "must be".

        >>> Interval(0, 1, False, False).describe()
        'a number from 0 to 1'
        >>> Interval(0, math.inf).describe()
        'a number greater than 0'
        >>> Interval(0, 1, low_open=False).describe()
        'a number at least 0 and less than 1'
        """
        noun = "a whole number" if self.integer else "a number"
        if self.low == self.high:
            return _digits(self.low)
        if self.integer and (self.low, self.high) == (0, 1) and not (self.low_open or self.high_open):
            return "0 or 1"
        if math.isfinite(self.low) and math.isfinite(self.high) and self.low_open == self.high_open:
            words = "strictly between {} and {}" if self.low_open else "from {} to {}"
            return f"{noun} " + words.format(_digits(self.low), _digits(self.high))
        parts = [*self._lower_words(), *self._upper_words()]
        return f"{noun} {' and '.join(parts)}" if parts else f"{noun} that is finite"

    def _lower_words(self) -> list[str]:
        if not math.isfinite(self.low):
            return []
        return [f"{'greater than' if self.low_open else 'at least'} {_digits(self.low)}"]

    def _upper_words(self) -> list[str]:
        if not math.isfinite(self.high):
            return []
        return [f"{'less than' if self.high_open else 'at most'} {_digits(self.high)}"]


def _digits(x: float) -> str:
    """Write an end without a useless `.0`: 1, 0.5, 1e-30."""
    return str(int(x)) if x == int(x) and abs(x) < 1e15 else repr(x)


REAL = Interval()
POSITIVE = Interval(0.0)
NONNEGATIVE = Interval(0.0, low_open=False)
FRACTION = Interval(0.0, 1.0, low_open=False, high_open=False)
WHOLE = Interval(0.0, low_open=False, integer=True)
ZERO_OR_ONE = Interval(0.0, 1.0, low_open=False, high_open=False, integer=True)

DOMAINS: Mapping[str, Interval] = MappingProxyType(
    {
        "real": REAL,
        "positive": POSITIVE,
        "nonnegative": NONNEGATIVE,
        "count": WHOLE,
        "fraction": FRACTION,
        "binary": ZERO_OR_ONE,
        "class": WHOLE,
        "simplex": FRACTION,
        "ordinal": WHOLE,
    }
)
"""Where a single entry of each kind of target lies. That a row of a simplex adds up to 1 is for the caller to test."""

SOFT_KINDS: Mapping[str, str] = MappingProxyType({"binary": "fraction", "class": "simplex"})
"""The kind that stands for a hard one where targets may be probabilities."""

NAMED: Mapping[str, Interval] = MappingProxyType(
    {name: interval for name, interval in DOMAINS.items() if name not in ("class", "simplex", "ordinal")}
)
"""The intervals that may be asked for by name where a parameter's domain is declared."""

_ENDS = re.compile(r"([(\[])\s*([^,\s]+)\s*,\s*([^,\s]+)\s*([)\]])")


def parse_interval(text: str) -> Interval:
    """Read an interval from its name ("positive") or its ends ("(0, 1]", "[0, inf)"): round brackets leave the end out.

    Raises LM128 for anything else.

    >>> parse_interval("(0, 1]")
    Interval(low=0.0, high=1.0, low_open=True, high_open=False, integer=False)
    >>> parse_interval("positive") is POSITIVE
    True
    """
    named = NAMED.get(text.strip())
    if named is not None:
        return named
    found = _ENDS.fullmatch(text.strip())
    try:
        if found is None:
            raise ValueError
        left, low, high, right = found.groups()
        return Interval(float(low), float(high), left == "(", right == ")")
    except ValueError:
        advice = did_you_mean(text, NAMED) or f" Names: {', '.join(NAMED)}."
        sentence = f'"{text}" is no interval; write its ends, as in "(0, 1]" or "[0, inf)".{advice}'
        raise FormulaError("LM128", sentence) from None
