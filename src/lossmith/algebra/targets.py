"""Combinators on the target: smoothed labels, and labels that do not count.

Comes in: a `Bound`. Goes out: a `Bound` with one more stage in its definition.
"""

from __future__ import annotations

from dataclasses import replace
from numbers import Integral
from typing import Final

from lossmith.algebra.parts import NUMBER_KINDS, Bound, called, one_prediction, refuse, with_parameter
from lossmith.algebra.reweight import by_column
from lossmith.errors import ArgumentError
from lossmith.numerics.interval import Interval

BELOW_ONE: Final = Interval(0.0, 1.0, low_open=False)
EMPTY_RULES: Final = ("zero", "nan", "error")


def smooth(bound: Bound, epsilon: float = 0.1) -> Bound:
    """The target mixed with `epsilon` of all classes alike (of both outcomes, for yes or no)."""
    one_prediction(bound, "smooth")
    if bound.kind in NUMBER_KINDS:
        advice = "For noise in a number use a robust loss: huber, student_t, truncate or robust."
        refuse(bound, "smooth", f"mixes labels of classes, and the target is a number ({bound.kind})", advice)
    bound, rate = with_parameter(bound, "epsilon", epsilon, BELOW_ONE)
    made = called(bound, f"smooth(epsilon={rate!r})", SMOOTHING)
    stages = (*bound.definition.smoothing, repr(rate))
    return replace(made, definition=replace(made.definition, smoothing=stages))


SMOOTHING: Final = "Szegedy et al. (2016), Rethinking the Inception Architecture, arXiv:1512.00567, section 7"


def ignore(bound: Bound, index: int) -> Bound:
    """Rows whose target is this class number are absent (255 in label images, -100 in texts)."""
    one_prediction(bound, "ignore")
    if bound.kind not in ("binary", "class"):
        advice = "Leave rows out with a mask: mask(by=...), or weight 0."
        refuse(bound, "ignore", f"leaves out a class number, and the target is {bound.kind}", advice)
    if isinstance(index, bool) or not isinstance(index, int | float | Integral) or not float(index).is_integer():
        raise ArgumentError("LM297", f"{bound.name}: ignore takes one whole class number, got {index!r}.")
    ignored = tuple(sorted({*bound.definition.ignored, int(index)}))
    made = called(bound, f"ignore({int(index)})")
    return replace(made, definition=replace(made.definition, ignored=ignored))


def mask(bound: Bound, by: str) -> Bound:
    """Rows in which the column `by` is false (or 0) are absent."""
    made = called(bound, f"mask({by!r})")
    return replace(made, definition=by_column(made.definition, by, mask=True))


def empty(bound: Bound, rule: str) -> Bound:
    """What a loss without rows is: "zero", "nan" or "error"."""
    if rule not in EMPTY_RULES:
        raise ArgumentError("LM297", f'{bound.name}: empty takes "zero", "nan" or "error", got {rule!r}.')
    made = called(bound, f"empty({rule!r})")
    return replace(made, definition=replace(made.definition, empty=rule))
