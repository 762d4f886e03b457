"""A loss to try: a name with parameters, or a formula or design of the user's, comes in; a `Loss` goes out."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from lossmith.loss.text.design import losses_in
from lossmith.loss.text.formula import LINKS as LINKS
from lossmith.loss.text.scan import is_design
from lossmith.report.words import loss_words

if TYPE_CHECKING:
    from lossmith.loss import Loss


@dataclass(frozen=True)
class Candidate:
    """A loss to try: `ls.get(loss_name, **parameters)`, or `formula` (a formula, a design or the JSON of a loss) on a target
    of `kind`, and why.

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


def loss_of(candidate: Candidate) -> Loss:
    """Return the loss of a candidate, its class weights inside."""
    from lossmith.loss import get

    written = candidate.formula is not None
    loss = _written(candidate) if written else get(candidate.loss_name, **candidate.parameters)  # type: ignore[arg-type]
    weights = dict(enumerate(candidate.class_weight))
    return loss.reweight(weights) if weights else loss


def is_json(text: str) -> bool:
    """Whether a text is a whole loss, as `Loss.to_json` writes it."""
    return text.lstrip().startswith("{")


def _written(candidate: Candidate) -> Loss:
    """The loss of a text: a whole loss, a design, or a formula on a target of the candidate's kind."""
    from lossmith.loss import from_json, parse

    text = candidate.formula or ""
    if is_json(text):
        return from_json(text)
    if is_design(text) and losses_in(text):
        return parse(text)  # its losses say what they take
    return parse(text, **_declared(candidate))


def _declared(candidate: Candidate) -> dict[str, str]:
    """How a formula text is to be read: with the link of its kind where it speaks of p."""
    link = LINKS.get(candidate.kind)
    speaks_of_p = re.search(r"\bp\b", candidate.formula or "") is not None
    target = "real" if candidate.kind == "ordinal" else candidate.kind
    return {"target": target} | ({"link": link} if link and speaks_of_p else {})


def label(candidate: Candidate) -> str:
    """Return a candidate in words."""
    if candidate.formula is not None:
        return loss_of(candidate).name if is_json(candidate.formula) else candidate.formula
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
