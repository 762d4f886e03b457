"""What can be called on a loss, and the stage at which each call works, as data for the laws.

Comes in: nothing. Goes out: `STAGES`, and `CALLS`: combinators with the intervals that their numbers may be drawn from.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, TypeAlias

from lossmith.algebra import finishing, raws, select, targets, terms
from lossmith.algebra.parts import YES_OR_NO, Bound
from lossmith.algebra.reweight import reweighted
from lossmith.numerics.interval import Interval


@dataclass(frozen=True)
class ForEachClass:
    """As many numbers as there are classes, each from the interval."""

    interval: Interval


Draw: TypeAlias = Interval | ForEachClass
Numbers: TypeAlias = Mapping[str, Any]
Side: TypeAlias = Callable[..., Bound]
"""Of one loss or several, and numbers by name."""

FACTOR: Final = Interval(0.125, 4.0)
POWER: Final = Interval(0.0, 4.0, low_open=False)
SHARE: Final = Interval(0.05, 0.95)
UP_TO_HALF: Final = Interval(0.0, 0.5, low_open=False)
SIZE: Final = Interval(0.0, 4.0)
WEIGHTS: Final = ForEachClass(Interval(0.125, 8.0))
SHAPE: Final = Interval(-4.0, 2.0)
TILTS: Final = Interval(-2.0, 2.0)

STAGES: Final = ("target", "weights", "reading", "training", "row", "choice", "denominator", "number")
"""In the order in which they work, whatever the order of the calls: the target; what a row counts for; what is read off a
raw prediction; what training adds to it; the loss of a row; which rows; what their sum is divided by; the finished number."""


@dataclass(frozen=True)
class Call:
    """A combinator with numbers to call it by.

    `of`: which targets it takes, if not all. `linear`: it goes into a sum and past a factor. `nests`: the numbers of the one
    call that does what two calls do.
    """

    stage: str
    make: Side
    numbers: Mapping[str, Draw] = field(default_factory=dict)
    of: str = "any"
    linear: bool = False
    nests: Callable[[Numbers, Numbers], Numbers] | None = None


def by_class(bound: Bound, weights: Sequence[float]) -> Bound:
    """Rows weighed by class."""
    return replace(bound, definition=reweighted(bound.definition, weights))


def by_column(bound: Bound) -> Bound:
    """Rows weighed by the column `price`."""
    return replace(bound, definition=reweighted(bound.definition, by="price"))


def _adjusted(bound: Bound, tau: float) -> Bound:
    return raws.adjust(bound, (0.75, 0.25) if bound.kind in YES_OR_NO else (0.5, 0.375, 0.125), tau)


def _leaning(bound: Bound, slope: float) -> Bound:
    return terms.error_weight(bound, lambda e: 1 + slope * abs(e))


def _over(name: str) -> Call:
    of = "labels" if name == "positives" else "any"
    return Call("denominator", lambda bound: finishing.over(bound, name), of=of, linear=True, nests=lambda a, b: b)


def _products(a: Numbers, b: Numbers) -> Numbers:
    return {key: a[key] * b[key] for key in a}


def _totals(a: Numbers, b: Numbers) -> Numbers:
    return {key: a[key] + b[key] for key in a}


def _smoothings(a: Numbers, b: Numbers) -> Numbers:
    return {"epsilon": a["epsilon"] + b["epsilon"] - a["epsilon"] * b["epsilon"]}


def _weights(a: Numbers, b: Numbers) -> Numbers:
    return {"weights": [c * d for c, d in zip(a["weights"], b["weights"], strict=True)]}


CALLS: Final[dict[str, Call]] = {
    "ignore": Call("target", lambda bound: targets.ignore(bound, 1), of="labels", linear=True, nests=lambda a, b: b),
    "smooth": Call("target", targets.smooth, {"epsilon": UP_TO_HALF}, of="labels", linear=True, nests=_smoothings),
    "reweight": Call("weights", by_class, {"weights": WEIGHTS}, of="labels", linear=True, nests=_weights),
    "by column": Call("weights", by_column, linear=True),
    "mask": Call("weights", lambda bound: targets.mask(bound, "kept"), linear=True, nests=lambda a, b: b),
    "temper": Call("reading", raws.temper, {"T": FACTOR}, of="labels", linear=True, nests=_products),
    "soft_cap": Call("reading", raws.soft_cap, {"c": SIZE}, of="labels", linear=True),
    "adjust": Call("training", _adjusted, {"tau": POWER}, of="labels", linear=True),
    "margin": Call("training", raws.margin, {"m": POWER}, of="labels", linear=True, nests=_totals),
    "asymmetric": Call(
        "row", terms.asymmetric, {"under": FACTOR, "over": FACTOR}, of="numbers", linear=True, nests=_products
    ),
    "error_weight": Call("row", _leaning, {"slope": POWER}, of="numbers", linear=True),
    "zoom": Call("row", terms.zoom, {"scale": FACTOR}, of="numbers", linear=True, nests=_products),
    "modulate": Call("row", terms.modulate, {"gamma": POWER}, of="labels", nests=_totals),
    "truncate": Call("row", terms.truncate, {"tau": SIZE}, nests=lambda a, b: {"tau": min(a["tau"], b["tau"])}),
    "robust": Call("row", terms.robust, {"alpha": SHAPE, "c": FACTOR}),
    "top share": Call("choice", lambda bound, top: select.select(bound, top=top), {"top": SHARE}),
    "top count": Call("choice", lambda bound: select.select(bound, top=2)),
    "top of group": Call("choice", lambda bound: select.select(bound, "group", top=2)),
    "negatives": Call(
        "choice", lambda bound, ratio: select.select(bound, negatives=ratio), {"ratio": FACTOR}, of="labels"
    ),
    "above": Call("choice", lambda bound, loss: select.select(bound, above=loss), {"loss": SIZE}),
    "band": Call(
        "choice",
        lambda bound, low, width: select.select(bound, between=(low, low + width)),
        {"low": UP_TO_HALF, "width": Interval(0.125, 0.5)},
    ),
    "trim": Call("choice", lambda bound, trim: select.select(bound, trim=trim), {"trim": SHARE}),
    "cvar": Call("choice", select.cvar, {"alpha": SHARE}),
    "tilt": Call("choice", select.tilt, {"t": TILTS}),
    **{f"over {name}": _over(name) for name in finishing.DENOMINATORS},
    "flood": Call("number", finishing.flood, {"b": SIZE}),
    "empty": Call("number", lambda bound: targets.empty(bound, "nan"), linear=True, nests=lambda a, b: b),
}
"""By the name of the combinator, with what it is called by where there are several ways."""

SWAPPED: Final = (
    ("ignore", "smooth"),
    ("reweight", "by column"),
    ("reweight", "mask"),
    ("by column", "mask"),
    ("adjust", "margin"),
    ("asymmetric", "error_weight"),
    ("asymmetric", "zoom"),
    ("flood", "empty"),
)
"""Calls of one stage whose order does not matter either."""

ONE_WAY: Final = (("row", "choice"), ("row", "flood"), ("choice", "flood"), ("denominator", "flood"))
"""Stages or calls of which the first cannot be called after the second: that is refused, and says so."""

UNMET: Final = (("tilt", "over one"), ("tilt", "over count"), ("tilt", "over positives"), ("tilt", "over examples"))
"""Calls that are refused after each other in any order: only a mean is tilted, and a tilted mean divides by nothing else."""

OTHERWISE: Final = {
    ("choice", "over weight"): "a choice divides by the weight that was chosen; called after it, this says all of it",
}
"""Calls that mean something else in the other order, by stage or name, and why."""


def among_pairs(a: str, b: str, pairs: Iterable[tuple[str, str]]) -> bool:
    """Whether two calls are one of the pairs, by their names or stages."""
    names, others = {a, CALLS[a].stage}, {b, CALLS[b].stage}
    return any(first in names and second in others for first, second in pairs)


def meet(a: str, b: str) -> bool:
    """Whether two calls may stand behind one loss."""
    return len({CALLS[a].of, CALLS[b].of} - {"any"}) < 2
