"""The laws of combinators, as data: which calls make the same loss, and which changes of the rows change nothing.

Comes in: nothing. Goes out: `LAWS`, and `EQUAL` (shipped losses that are designs). A law holds for every loss on which its
left side is not refused. Losses, rows and numbers are the tests' to draw; a number lies in the interval named beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any, Final

from lossmith.algebra import law_rows as rows
from lossmith.algebra.calls import (
    CALLS,
    FACTOR,
    ONE_WAY,
    OTHERWISE,
    SHARE,
    STAGES,
    SWAPPED,
    UNMET,
    UP_TO_HALF,
    WEIGHTS,
    Draw,
    Side,
    among_pairs,
    meet,
)
from lossmith.algebra.combine import add, scale, smoothing
from lossmith.algebra.finishing import DENOMINATORS, flood, over
from lossmith.algebra.parts import Bound, ratio_of
from lossmith.algebra.select import cvar, select
from lossmith.calculus.additivity import ONE, TOTAL
from lossmith.errors import LossmithError
from lossmith.formula.definition import sums_examples
from lossmith.formula.node import walk
from lossmith.formula.outcomes import is_mixture
from lossmith.formula.roles import EXAMPLE_SHARE
from lossmith.numerics.interval import Interval

ANY_FACTOR: Final = Interval(-4.0, 4.0)


# Which losses ---------------------------------------------------------------------------------------------------------


def any_loss(*bounds: Bound) -> bool:
    """Every loss."""
    return True


def is_mean(bound: Bound) -> bool:
    """Whether the loss is a mean over all rows."""
    part = _part(bound)
    return part is not None and part.denominator is TOTAL and not sums_examples(part.body)


def mixes_labels(bound: Bound) -> bool:
    """Whether a row of a soft label has the loss of its hard labels, each by its share."""
    part = _part(bound)
    if part is None or sums_examples(part.body) or bound.definition.ignored:
        return False
    return (part.denominator is TOTAL or part.denominator is ONE) and is_mixture(part.body, bound.y)


def _part(bound: Bound) -> Any:
    try:
        return ratio_of(bound, "")
    except LossmithError:
        return None


def counts_no_rows(bound: Bound) -> bool:
    """Whether only the weight of rows matters, not how many they are."""
    nodes = walk(bound.definition.formula)
    return not any(node.op == "example_count" or node is EXAMPLE_SHARE for node in nodes)


def takes_numbers_of_classes(bound: Bound) -> bool:
    """Whether a target may be a class number or a row of shares."""
    return bound.kind == "class" and not bound.definition.ignored


def smooth_alike(*bounds: Bound) -> bool:
    """Whether all of these losses smooth their labels alike: else a sum has no one target to weigh or move by."""
    return all(smoothing(bound) == smoothing(bounds[0]) for bound in bounds)


def weighs_all_alike(bound: Bound) -> bool:
    """Whether the loss is a mean over all rows, and no weights of its own multiply theirs."""
    return is_mean(bound) and not bound.definition.reweighting


def reads_labels_as_given(bound: Bound) -> bool:
    """Whether labels are neither smoothed nor left out."""
    return not (bound.definition.smoothing or bound.definition.ignored)


# The laws -------------------------------------------------------------------------------------------------------------


def itself(*bounds: Bound, **numbers: Any) -> Bound:
    """The loss as it is."""
    return bounds[0]


@dataclass(frozen=True)
class Law:
    """Two designs from the same losses and numbers, over the same or changed rows, of equal values and gradients.

    `where`: what must be true of the losses. `alike`: both sides are the same loss even by their hash. `starts`: they
    have the same best constant. `size`: numbers up to this size cancel on the way.
    """

    sentence: str
    left: Side = itself
    right: Side = itself
    numbers: Mapping[str, Draw] = field(default_factory=dict)
    rows: rows.Change = rows.as_they_are
    where: Callable[..., bool] = any_loss
    losses: int = 1
    alike: bool = False
    starts: bool = False
    size: float = 0.0


def _call(name: str, **fixed: Any) -> Side:
    """The call with these numbers, or with those of the law."""
    return lambda bound, **numbers: CALLS[name].make(
        bound, **(fixed or {key: numbers[key] for key in CALLS[name].numbers})
    )


OF_ROWS: Final[dict[str, Law]] = {
    "weight 0 equals absent": Law(
        "a row of weight 0 is as if it were not there", rows=rows.without_absent, starts=True
    ),
    "absent rows may hold anything": Law(
        "NaN in a row of weight 0 is ignored, in targets, predictions and columns", rows=rows.spoiled, starts=True
    ),
    "weight k equals k rows": Law(
        "a row of weight k is the row k times", rows=rows.copies, where=counts_no_rows, starts=True
    ),
    "order": Law("the order of the rows does not matter", rows=rows.reordered, starts=True),
    "scale of weights": Law("a mean does not change when all weights double", rows=rows.doubled, where=is_mean),
    "one-hot": Law(
        "a class number equals its row of 0 and 1", rows=rows.one_hot, where=takes_numbers_of_classes, starts=True
    ),
    "mixture": Law("a soft label is a mixture of hard ones", rows=rows.unmixed, where=mixes_labels),
}  # fmt: skip

OF_WEIGHTS_AND_TARGETS: Final[dict[str, Law]] = {
    "weights commute": Law(
        "weights by class commute",
        lambda bound, a, b: _weigh(_weigh(bound, a), b), lambda bound, a, b: _weigh(_weigh(bound, b), a),
        {"a": WEIGHTS, "b": WEIGHTS},
    ),
    "weights of classes": Law(
        "rows of one class each weigh what their class does",
        _call("reweight"), numbers=CALLS["reweight"].numbers, rows=rows.weighed_by_class, where=reads_labels_as_given,
    ),
    "weights by column": Law(
        "weights by column multiply the weights", _call("by column"), rows=rows.weighed_by_column
    ),
    "mask": Law("what a mask leaves out has weight 0", _call("mask"), rows=rows.kept_by_column),
    "ignore": Law(
        "what is ignored has weight 0", _call("ignore"), rows=rows.without_class_one, where=lambda b: b.kind != "simplex"
    ),
    "smoothing": Law(
        "a smoothed loss is the loss of smoothed targets", _call("smooth"), numbers={"epsilon": UP_TO_HALF},
        rows=rows.smoothed, where=lambda bound: not bound.definition.ignored,
    ),
    "smoothing, then weights": Law(
        "smoothing, then weighing is weighing the smoothed targets",
        lambda bound, epsilon, weights: _weigh(_call("smooth")(bound, epsilon=epsilon), weights),
        _call("reweight"), {"epsilon": UP_TO_HALF, "weights": WEIGHTS},
        rows=rows.smoothed, where=lambda bound: not bound.definition.ignored,
    ),
}  # fmt: skip


def _weigh(bound: Bound, weights: Any) -> Bound:
    return CALLS["reweight"].make(bound, weights)


OF_SUMS: Final[dict[str, Law]] = {
    "addition commutes": Law("a + b is b + a", add, lambda a, b: add(b, a), losses=2),
    "addition associates": Law(
        "(a + b) + c is a + (b + c)", lambda a, b, c: add(add(a, b), c), lambda a, b, c: add(a, add(b, c)), losses=3
    ),
    "a factor distributes": Law(
        "k (a + b) is k a + k b",
        lambda a, b, k: scale(add(a, b), k), lambda a, b, k: add(scale(a, k), scale(b, k)), {"k": ANY_FACTOR}, losses=2,
    ),
    "factors add up": Law(
        "(j + k) a is j a + k a",
        lambda a, j, k: scale(a, j + k), lambda a, j, k: add(scale(a, j), scale(a, k)), {"j": FACTOR, "k": FACTOR},
    ),
    "factors multiply": Law(
        "j (k a) is (j k) a",
        lambda a, j, k: scale(scale(a, k), j), lambda a, j, k: scale(a, j * k), {"j": ANY_FACTOR, "k": ANY_FACTOR},
    ),
    "factor 1": Law("1 a is a", lambda a: scale(a, 1.0)),
    "factor 0": Law("a + 0 b is a", lambda a, b: add(a, scale(b, 0.0)), losses=2),
}  # fmt: skip

NEUTRAL: Final[dict[str, Mapping[str, float]]] = {
    "smooth": {"epsilon": 0.0},
    "temper": {"T": 1.0},
    "adjust": {"tau": 0.0},
    "margin": {"m": 0.0},
    "asymmetric": {"under": 1.0, "over": 1.0},
    "error_weight": {"slope": 0.0},
    "zoom": {"scale": 1.0},
    "modulate": {"gamma": 0.0},
    "truncate": {"tau": 1e300},
    "robust": {"alpha": 2.0, "c": 1.0},
    "above": {"loss": -1e300},
    "band": {"low": 0.0, "width": 1.0},
    "tilt": {"t": 0.0},
}
"""Numbers by which a call changes nothing."""


def _over_both(a: str, b: str) -> Side:
    return lambda bound: over(over(bound, a), b)


OF_CHOICES: Final[dict[str, Law]] = {
    "equal weights": Law("class weights of 1 change nothing", lambda bound: _weigh(bound, [1.0, 1.0])),
    "over weight": Law("a mean is divided by the weight", _call("over weight"), where=is_mean),
    "over count": Law(
        "rows of weight 1 weigh what they count",
        _call("over count"), rows=rows.unweighted, where=weighs_all_alike,
    ),
    "deep flood": Law("a level far below the loss changes nothing", lambda bound: flood(bound, -4096.0), size=4096.0),
    "whole share": Law(
        "the hardest share of nearly all rows is the mean of them", lambda bound: select(bound, top=1.0 - 2.0**-50),
        size=1.0,
    ),
    "cvar": Law(
        "cvar is the mean of the hardest share",
        cvar, lambda bound, alpha: select(bound, top=alpha), {"alpha": SHARE},
    ),
    "top of a band": Law(
        "the hardest share is the band from its border up",
        _call("top share"), lambda bound, top: select(bound, between=(1.0 - top, 1.0)), {"top": SHARE},
    ),
    "trim of a band": Law(
        "trimming leaves the band below its border",
        _call("trim"), lambda bound, trim: select(bound, between=(0.0, 1.0 - trim)), {"trim": SHARE},
    ),
    **{
        f"over {a}, then {b}": Law("the last denominator counts", _over_both(a, b), _call(f"over {b}"))
        for a in DENOMINATORS for b in DENOMINATORS
    },
}  # fmt: skip


# Laws of all calls ----------------------------------------------------------------------------------------------------


def _numbered(*names: str) -> dict[str, Draw]:
    """The numbers of several calls, told apart by their place."""
    return {f"{key}_{j}": draw for j, name in enumerate(names) for key, draw in CALLS[name].numbers.items()}


def _numbers_at(place: int, numbers: Mapping[str, Any]) -> dict[str, Any]:
    return {key.removesuffix(f"_{place}"): value for key, value in numbers.items() if key.endswith(f"_{place}")}


def _after(first: int, second: int, *names: str) -> Side:
    """Two of the calls one after the other, each with its own numbers."""

    def build(bound: Bound, **numbers: Any) -> Bound:
        for place in (first, second):
            bound = CALLS[names[place]].make(bound, **_numbers_at(place, numbers))
        return bound

    return build


def _nested(name: str) -> Law:
    call, nests = CALLS[name], CALLS[name].nests
    assert nests is not None

    def once(bound: Bound, **numbers: Any) -> Bound:
        return call.make(bound, **nests(_numbers_at(0, numbers), _numbers_at(1, numbers)))

    return Law(f"two calls of {name} are one", _after(0, 1, name, name), once, _numbered(name, name))


def _swapped(a: str, b: str) -> Law:
    sentence = f"{a} and {b} may be called in any order"
    return Law(sentence, _after(1, 0, a, b), _after(0, 1, a, b), _numbered(a, b))


def _past_factor(name: str) -> Law:
    call = _call(name)
    return Law(
        f"{name} goes past a factor",
        lambda bound, k, **numbers: call(scale(bound, k), **numbers),
        lambda bound, k, **numbers: scale(call(bound, **numbers), k),
        {"k": ANY_FACTOR, **CALLS[name].numbers},
    )


def _into_sum(name: str) -> Law:
    call = _call(name)
    return Law(
        f"{name} goes into a sum",
        lambda a, b, **numbers: call(add(a, b), **numbers),
        lambda a, b, **numbers: add(call(a, **numbers), call(b, **numbers)),
        CALLS[name].numbers,
        where=smooth_alike,
        losses=2,
    )


def swap(a: str, b: str) -> bool:
    """Whether two calls of different stages mean the same in any order."""
    apart = CALLS[a].stage != CALLS[b].stage and meet(a, b)
    return apart and not among_pairs(a, b, (*ONE_WAY, *UNMET, *OTHERWISE))


IN_ORDER: Final = sorted(CALLS, key=lambda name: STAGES.index(CALLS[name].stage))

OF_CALLS: Final[dict[str, Law]] = {
    **{f"{name}, twice": _nested(name) for name, call in CALLS.items() if call.nests},
    **{f"{name}, past a factor": _past_factor(name) for name, call in CALLS.items() if call.linear},
    **{f"{name}, into a sum": _into_sum(name) for name, call in CALLS.items() if call.linear},
    **{f"{a}, {b}": _swapped(a, b) for a, b in (*SWAPPED, *(p for p in combinations(IN_ORDER, 2) if swap(*p)))},
    **{
        f"neutral {name}": Law(f"{name} with such numbers changes nothing", _call(name, **numbers))
        for name, numbers in NEUTRAL.items()
    },
}

LAWS: Final[dict[str, Law]] = {**OF_ROWS, **OF_WEIGHTS_AND_TARGETS, **OF_SUMS, **OF_CHOICES, **OF_CALLS}
"""Every law by name."""

EQUAL: Final[tuple[tuple[str, str, Mapping[str, float], str], ...]] = (
    ("the focal loss is log loss with the focal factor", "focal", {"gamma": 1.5}, "bce.modulate(gamma=1.5)"),
    ("so it is for classes", "softmax_focal", {"gamma": 0.5}, "ce.modulate(0.5)"),
    ("smoothed cross entropy is smoothed", "label_smoothed_cross_entropy", {"epsilon": 0.2}, "ce.smooth(epsilon=0.2)"),
    ("a mean is divided by the weight", "huber", {"delta": 2.0}, "huber(delta=2).over('weight')"),
)
"""Losses of the catalogue by name, with numbers, and designs as text that are the same losses by their hash."""
