"""Numbers as they stand in sentences, and what class weights make of probabilities: values come in, texts go out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from typing import Final

NOTHING: Final = 1e-12  # predictions below are those of a loss that falls for ever
LARGE: Final = 1e4  # beyond, a ratio says no more than its digits
EVEN: Final = 1e-6  # ratios this near to 1 are told as equal


def number(value: float) -> str:
    """A number with three digits.

    >>> number(83594.2), number(1.0), number(0.0123456), number(2.5e12)
    ('83,600', '1', '0.0123', '2.5e+12')
    """
    rounded = float(f"{value:.3g}")
    if 1000 <= abs(rounded) < 1e7:
        return f"{rounded:,.0f}"
    return f"{rounded:.3g}"


def exact(value: float) -> str:
    """A number as a person would write it: in full if it is short, else as a ratio of small numbers, else rounded.

    >>> exact(5 / 6), exact(0.25), exact(20.0), exact(0.123456789)
    ('5/6', '0.25', '20', '0.12346')
    """
    near = Fraction(value).limit_denominator(99) if abs(value) < LARGE else None
    if f"{value:.5g}" != repr(value).removesuffix(".0") and near and math.isclose(near, value, rel_tol=1e-14):
        return str(near)
    return f"{value:.5g}"


def percent(share: float) -> str:
    """A probability.

    >>> percent(0.05), percent(0.51282), percent(1e-16), percent(1.0)
    ('5 %', '51.3 %', '0 %', '100 %')
    """
    return f"{100 * share if share > NOTHING else 0.0:.3g} %"


def often(factor: str) -> str:
    """How often something counts.

    >>> often("1"), often("20")
    ('once', '20 times')
    """
    return "once" if factor == "1" else f"{factor} times"


def times(ratio: float) -> str:
    """How many times as much.

    >>> times(5.0), times(1.0), times(0.5)
    ('5 times', 'as much as', '0.5 times')
    """
    return "as much as" if abs(ratio - 1) < EVEN else f"{number(ratio)} times"


def listed(parts: Sequence[str]) -> str:
    """Parts with commas, and "and" before the last."""
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


# Shifted probabilities --------------------------------------------------------------------------------------------

RARE: Final = 0.05


def shift(weights: Sequence[float]) -> tuple[str, ...]:
    """What class weights do to predicted probabilities, and the way back.

    >>> for line in shift((1.0, 20.0)):
    ...     print(line)
    A model trained with it says odds 20 times too high: where the truth is 5 % it says 51.3 %.
    The way back: p / (p + 20 * (1 - p)).
    >>> shift((3.0, 3.0))
    ()
    """
    if len(set(weights)) == 1:
        return ()
    if not all(weights):
        return ("A class that weighs nothing is never learned: its rows are absent, and there is no way back.",)
    if len(weights) == 2:
        return _shift_of_two(weights[1] / weights[0])
    shown = listed([exact(w) for w in weights])
    said = listed([percent(w / sum(weights)) for w in weights])
    return (
        f"A model trained with it says {said} where all classes are equally likely.",
        f"The way back: divide the probabilities by {shown}, then make them add up to 1.",
    )


def _shift_of_two(ratio: float) -> tuple[str, ...]:
    said = ratio * RARE / (1 - RARE + ratio * RARE)
    high, size = ("high", ratio) if ratio > 1 else ("low", 1 / ratio)
    back = (
        f"p / (p + {exact(ratio)} * (1 - p))"
        if ratio > 1
        else f"{exact(1 / ratio)} * p / ({exact(1 / ratio)} * p + 1 - p)"
    )
    return (
        f"A model trained with it says odds {exact(size)} times too {high}: where the truth is {percent(RARE)} it says "
        f"{percent(said)}.",
        f"The way back: {back}.",
    )
