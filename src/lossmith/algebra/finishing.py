"""Combinators on the finished number: what a sum is divided by, and a level below which the loss turns round.

Comes in: a `Bound`. Goes out: a `Bound`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from lossmith.algebra.parts import YES_OR_NO, Bound, named, ratio_of, rebuilt, refuse, with_parameter
from lossmith.calculus.additivity import ONE, TOTAL
from lossmith.errors import ArgumentError, did_you_mean
from lossmith.formula.definition import sums_examples
from lossmith.formula.node import Node, make
from lossmith.formula.roles import EXAMPLE_SHARE
from lossmith.numerics.interval import REAL


@dataclass(frozen=True)
class Denominator:
    """What the sum over rows is divided by, as a finished formula, and in words."""

    build: Callable[[Bound], Node]
    words: str


def _positives(bound: Bound) -> Node:
    if bound.kind not in YES_OR_NO:
        advice = 'Use over("count") or over("weight").'
        refuse(bound, 'over("positives")', f"needs a target of yes or no, and this one is {bound.kind}", advice)
    return make("maximum", make("example_count", bound.y), ONE)


DENOMINATORS: Final[dict[str, Denominator]] = {
    "weight": Denominator(lambda bound: TOTAL, "the sum over rows of sample_weight"),
    "count": Denominator(lambda bound: make("example_count", ONE), "the number of rows, whatever they weigh"),
    "positives": Denominator(_positives, "the number of positive rows, whatever they weigh (at least 1)"),
    "examples": Denominator(
        lambda bound: make("example_count", EXAMPLE_SHARE), "the number of entries of the first axis (images, texts)"
    ),
    "one": Denominator(lambda bound: ONE, "1 (nothing is divided)"),
}


def over(bound: Bound, denominator: str) -> Bound:
    """The same sum over rows, divided by something else."""
    if not isinstance(denominator, str) or denominator not in DENOMINATORS:
        known = ", ".join(f'"{name}"' for name in DENOMINATORS)
        hint = did_you_mean(str(denominator), DENOMINATORS)
        raise ArgumentError("LM298", f"{bound.name}: over takes {known}, got {denominator!r}.{hint}")
    if set(bound.definition.declaration.per) - {"class"}:
        advice = "Leave per= out of the declaration."
        refuse(bound, "over", "divides one sum over all rows, and this loss is finished for each group", advice)
    part = ratio_of(bound, "over")
    formula = rebuilt(replace(part, denominator=DENOMINATORS[denominator].build(bound)))
    return named(bound, f"over({denominator!r})", formula)


def flood(bound: Bound, b: float) -> Bound:
    """|L - b| + b of the finished number L: below the level b the gradient turns round."""
    bound, level = with_parameter(bound, "b", b, REAL)
    formula = bound.definition.formula
    finished = formula if sums_examples(formula) and "example" not in formula.axes else make("example_mean", formula)
    return named(bound, f"flood(b={level!r})", make("abs", finished - level) + level, FLOODING)


FLOODING: Final = (
    "Ishida et al. (2020), Do We Need Zero Training Loss After Achieving Zero Training Error?, arXiv:2002.08709"
)
