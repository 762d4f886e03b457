"""Hard examples: which rows the loss looks at, chosen by their own loss; and losses in which hard rows count more.

Comes in: a `Bound` whose loss is one number for each row. Goes out: a `Bound`. A choice is a share of each row between 0 and
1, found from all rows at once, and counts as a number: no gradient flows through it. Rows of equal loss at the border
share what is left, so that the order of the rows does not matter. The sum is divided by the weight that was chosen.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from lossmith.algebra.parts import (
    YES_OR_NO,
    ZERO,
    Bound,
    comparable,
    is_chosen,
    named,
    ratio_of,
    refuse,
    with_parameter,
)
from lossmith.calculus.additivity import ONE, TOTAL
from lossmith.errors import ArgumentError
from lossmith.formula.definition import sums_examples
from lossmith.formula.node import Node, make
from lossmith.numerics.interval import REAL, Interval

SHARE: Final = Interval(0.0, 1.0, low_open=True, high_open=True)
SHARE_OR_NONE: Final = Interval(0.0, 1.0, low_open=False, high_open=True)
ABOVE_NOTHING: Final = Interval(0.0)
FROM_ONE: Final = Interval(1.0, low_open=False)


@dataclass(frozen=True)
class Way:
    """One way of choosing: its parameters with their domains, the share of each row from its loss, whether none may be."""

    parameters: tuple[tuple[str, Interval], ...]
    share: Callable[..., Node]
    may_be_none: bool = False


def _largest(term: Node, amount: Node, among: Node = ONE, per: str | None = None) -> Node:
    return make("largest", term, amount, among, attr=("group",) if per else None)


def _negatives(bound: Bound, term: Node, per: str | None, ratio: Node) -> Node:
    if bound.kind not in YES_OR_NO:
        advice = "Use top=, which looks at all rows."
        refuse(bound, "select(negatives=...)", f"needs a target of yes or no, and this one is {bound.kind}", advice)
    y = bound.y
    return y + _largest(term, ratio * make("example_sum", y), ONE - y)


def _between(bound: Bound, term: Node, per: str | None, low: Node, high: Node) -> Node:
    """Without the easiest `low` of all weight and without the hardest beyond `high`."""
    return _largest(term, (ONE - low) * TOTAL) - _largest(term, (ONE - high) * TOTAL)


WAYS: Final[dict[str, Way]] = {
    "top_share": Way((("top", SHARE),), lambda bound, term, per, top: _largest(term, top * TOTAL)),
    "top_count": Way((("top", FROM_ONE),), lambda bound, term, per, top: _largest(term, top, ONE, per)),
    "negatives": Way((("negatives", ABOVE_NOTHING),), _negatives, may_be_none=True),
    "above": Way((("above", REAL),), lambda bound, term, per, above: make(
        "stop_gradient", make("where", above <= term, ONE, ZERO)), may_be_none=True),
    "between": Way((("low", SHARE_OR_NONE), ("high", Interval(0.0, 1.0, low_open=True, high_open=False))), _between),
    "trim": Way((("trim", SHARE),), lambda bound, term, per, trim: ONE - _largest(term, trim * TOTAL)),
}  # fmt: skip


def select(bound: Bound, per: str | None = None, **how: Any) -> Bound:
    """The same loss on the rows that are chosen by their loss, divided by the weight that was chosen."""
    name, numbers = _way(bound, per, how)
    made, formula, leaves = _chosen(bound, WAYS[name], numbers, per)
    (key,) = how
    given = f"({leaves[0]!r}, {leaves[1]!r})" if len(leaves) > 1 else repr(leaves[0])
    shown = f"{key}={given}" + (f", per={per!r}" if per else "")
    return named(made, f"select({shown})", formula, SOURCES.get(name, ""))


def _chosen(bound: Bound, way: Way, numbers: Sequence[float], per: str | None) -> tuple[Bound, Node, list[Node]]:
    """The bound loss with the parameters of the choice, its new formula, and the leaves of these parameters."""
    part = ratio_of(bound, "select")
    part = replace(part, body=part.term, factor=1.0)  # a threshold is one of the whole loss of a row
    if is_chosen(part.body):
        refuse(bound, "select", "is there already, or rows are looked at together before it", "Choose rows once.")
    comparable(bound, "select")
    if part.body.axes - {"example"}:
        advice = "Put ls.mean_over_classes(...) around it."
        refuse(bound, "select", "chooses rows, and this loss is finished for each class by itself", advice)
    leaves: list[Node] = []
    for (name, domain), value in zip(way.parameters, numbers, strict=True):
        bound, leaf = with_parameter(bound, name, value, domain)
        leaves.append(leaf)
    share = way.share(bound, part.body, per, *leaves)
    kept = make("example_sum", share) if part.denominator is TOTAL else part.denominator
    total = make("example_sum", share * part.body)
    chosen = total if kept is ONE else total / kept
    if way.may_be_none and kept is not ONE:
        chosen = make("where", make("equal", kept, ZERO), ZERO, chosen)
    return bound, chosen, leaves


SOURCES: Final = {
    "top_share": "Fan et al. (2017), Learning with Average Top-k Loss, arXiv:1705.08826",
    "top_count": "Shrivastava, Gupta and Girshick (2016), Training Region-based Object Detectors with OHEM, arXiv:1604.03540",
    "negatives": "Liu et al. (2016), SSD: Single Shot MultiBox Detector, arXiv:1512.02325, section 2.2",
    "trim": "Rousseeuw (1984), Least Median of Squares Regression, JASA 79, section 4",
}


def _way(bound: Bound, per: str | None, how: dict[str, Any]) -> tuple[str, tuple[float, ...]]:
    """Which way is meant, and its numbers; or one sentence."""
    known = ("top", "negatives", "above", "between", "trim")
    if len(how) != 1 or next(iter(how)) not in known:
        found = ", ".join(how) or "nothing"
        raise ArgumentError(
            "LM299", f"{bound.name}: select takes one of {', '.join(f'{k}=' for k in known)}; got {found}."
        )
    ((key, value),) = how.items()
    if per not in (None, "group") or (per and (key != "top" or not _is_whole(value))):
        raise ArgumentError(
            "LM299", f'{bound.name}: select takes per="group" with a whole number top=, got per={per!r}.'
        )
    if key == "between":
        return key, _band(bound, value)
    if key == "top":
        return ("top_count" if _is_whole(value) else "top_share"), (value,)
    return key, (value,)


def _is_whole(value: Any) -> bool:
    """A whole number from 1 counts rows; a number below 1 is a share, and 1.0 would be all rows."""
    if isinstance(value, int | np.integer):
        return not isinstance(value, bool) and bool(value >= 1)
    return isinstance(value, float | np.floating) and float(value) > 1.0 and float(value).is_integer()


def _band(bound: Bound, value: Any) -> tuple[float, float]:
    try:
        low, high = (float(v) for v in value)
    except (TypeError, ValueError):
        low, high = 1.0, 0.0
    if not low < high:
        raise ArgumentError(
            "LM299",
            f"{bound.name}: between takes two shares in rising order, as in between=(0.5, 0.9): the easiest half and the "
            f"hardest tenth are left out; got {value!r}.",
        )
    return low, high


HARDEST: Final = Way((("alpha", SHARE),), WAYS["top_share"].share)
RISK: Final = "Rockafellar and Uryasev (2000), Optimization of Conditional Value-at-Risk, J. Risk 2, eq. 4"


def cvar(bound: Bound, alpha: float) -> Bound:
    """The mean loss of the hardest share `alpha` of the rows: conditional value at risk."""
    made, formula, (leaf,) = _chosen(bound, HARDEST, (alpha,), None)
    return named(made, f"cvar(alpha={leaf!r})", formula, RISK)


def tilt(bound: Bound, t: float) -> Bound:
    """log(mean(exp(t * loss))) / t: above 0 hard rows count more (towards the worst), below 0 less, at 0 all alike."""
    part = ratio_of(bound, "tilt")
    comparable(bound, "tilt")
    if part.denominator is not TOTAL or sums_examples(part.body):
        advice = "Tilt the mean over all rows."
        refuse(bound, "tilt", "works on a mean over rows", advice)
    bound, strength = with_parameter(bound, "t", t, REAL)
    tilted = make("example_log_mean_exp", strength * part.term) / strength
    formula = make("where", make("equal", strength, ZERO), make("example_mean", part.term), tilted)
    return named(bound, f"tilt(t={strength!r})", formula, TILTED)


TILTED: Final = "Li et al. (2021), Tilted Empirical Risk Minimization, arXiv:2007.01162, eq. 2"
