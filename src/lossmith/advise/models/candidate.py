"""A loss to try: a name with parameters, or a formula of the user's, comes in; a `Loss` goes out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from lossmith.report.words import loss_words

if TYPE_CHECKING:
    from lossmith.loss import Loss


@dataclass(frozen=True)
class Candidate:
    """A loss to try: `ls.get(loss_name, **parameters)`, or `formula` on a target of `kind`, and why.

    Exactly one candidate of a list `is_default`. `own` trains with the library's own objective of that name.
    `class_weight` (one number for each class) is put on the loss; `corrects` are the weights that the formula itself has;
    dividing by them undoes what they do to probabilities.
    `by_cost` weighs each training row by what an error in it costs. `levels` trains one model for each quantile level.
    """

    loss_name: str
    parameters: dict[str, float] = field(default_factory=dict)
    reason: str = ""
    is_default: bool = False
    formula: str | None = None
    kind: str = "real"
    own: bool = False
    class_weight: tuple[float, ...] = ()
    by_cost: bool = False
    levels: tuple[float, ...] = ()
    corrects: tuple[float, ...] = ()

    @property
    def weights(self) -> tuple[float, ...]:
        """The class weights of the loss, however they came into it."""
        return self.class_weight or self.corrects


# The link of a formula that is written with p, by kind of target; with z there is none.
LINKS: Final[Mapping[str, str]] = {
    "binary": "sigmoid",
    "fraction": "sigmoid",
    "class": "softmax",
    "count": "exp",
    "nonnegative": "exp",
    "positive": "exp",
}


def loss_of(candidate: Candidate) -> Loss:
    """Return the loss of a candidate, its class weights inside."""
    from lossmith.loss import get, parse

    if candidate.formula is not None:
        loss = parse(candidate.formula, **_declared(candidate))
    else:
        loss = get(candidate.loss_name, **candidate.parameters)  # type: ignore[arg-type]
    weights = dict(enumerate(candidate.class_weight))
    return loss.reweight(weights) if weights else loss


def _declared(candidate: Candidate) -> dict[str, str]:
    """How a formula text is to be read: with the link of its kind where it speaks of p."""
    import re

    assert candidate.formula is not None
    link = LINKS.get(candidate.kind)
    speaks_of_p = re.search(r"\bp\b", candidate.formula) is not None
    target = "real" if candidate.kind == "ordinal" else candidate.kind
    return {"target": target} | ({"link": link} if link and speaks_of_p else {})


def label(candidate: Candidate) -> str:
    """Return a candidate in words."""
    if candidate.formula is not None:
        return candidate.formula
    words = loss_words(candidate.loss_name, {} if candidate.levels else candidate.parameters)
    if candidate.levels:
        words = f"{words} ({', '.join(f'{level:g}' for level in candidate.levels)})"
    if candidate.class_weight:
        words = f"{words}, classes weighing {weight_words(candidate.class_weight)}"
    if candidate.by_cost:
        words = f"{words}, rows weighing what they cost"
    return f"LightGBM's own {words}" if candidate.own else words


def weight_words(weights: tuple[float, ...]) -> str:
    """Write class weights as a ratio.

    >>> weight_words((1.0, 20.0)), weight_words((0.5, 0.5, 2.0))
    ('1 : 20', '1 : 1 : 4')
    """
    least = min(weights)
    return " : ".join(f"{weight / least:.3g}" for weight in weights)
