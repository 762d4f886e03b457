"""Combinators on the raw prediction: class priors and margins while training, temperature and caps for good.

Comes in: a `Bound`. Goes out: a `Bound`. `adjust` and `margin` change what the loss sees, not what the model says; `temper`
and `soft_cap` change what is read off a raw prediction, in training and in `predict` alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from lossmith.algebra.parts import YES_OR_NO, Bound, called, named, of_probabilities, refuse, with_parameter
from lossmith.errors import ArgumentError
from lossmith.formula.definition import check_definition
from lossmith.formula.link import link_named
from lossmith.formula.node import Node, constant, make, substitute
from lossmith.numerics.interval import NONNEGATIVE, POSITIVE, REAL

ONE: Final = constant(1.0)
TWO: Final = constant(2.0)
LARGEST_ERROR: Final = 1e-6  # priors add up to 1 as far as people round them


def _seen(bound: Bound, change: Node) -> Node:
    """The formula with another raw prediction: z, and p as its link."""
    declaration, leaves = bound.definition.declaration, bound.definition.roles.leaves
    moved = {leaves["z"]: change, leaves["p"]: link_named(declaration.link).inverse(change)}
    return substitute(bound.definition.formula, moved)


def adjust(bound: Bound, prior: Sequence[float] | None = None, tau: float = 1.0) -> Bound:
    """Train with z + tau * log(prior): the model itself then predicts as if classes were equally frequent."""
    _on_raw(bound, "adjust, which adds log priors,")
    if bound.definition.priors is not None:
        refuse(bound, "adjust", "is there already", "Change its strength by its parameter tau.")
    if "class" in bound.definition.declaration.per:
        advice = "Leave per= out, or take cross_entropy."
        refuse(bound, "adjust", "adds one prior to a row, and this loss has one for each class of its own", advice)
    bound, strength = with_parameter(bound, "tau", tau, REAL)
    definition = bound.definition
    formula = _seen(bound, definition.roles.leaves["z"] + strength * definition.roles.log_prior)
    priors = () if prior is None else _checked(bound, prior)
    bound = replace(bound, definition=replace(definition, priors=priors))
    given = f"prior={list(priors)!r}, " if priors else ""
    return named(bound, f"adjust({given}tau={strength!r})", formula, ADJUSTMENT)


ADJUSTMENT: Final = "Menon et al. (2021), Long-tail learning via logit adjustment, arXiv:2007.07314, eq. 10"


def _checked(bound: Bound, prior: Sequence[float]) -> tuple[float, ...]:
    try:
        shares = tuple(float(share) for share in prior)
    except (TypeError, ValueError):
        shares = ()
    if (
        len(shares) < 2
        or (len(shares) > 2 and bound.kind in YES_OR_NO)
        or not all(0 < share < 1 for share in shares)
        or abs(sum(shares) - 1) > LARGEST_ERROR
    ):
        raise ArgumentError(
            "LM297",
            f"{bound.name}: prior must hold the share of each class, each above 0 and together 1, got {prior!r}. "
            "Leave it out and call loss.fit(y_true).",
        )
    return shares


def margin(bound: Bound, m: float) -> Bound:
    """Train as if the true class were `m` less likely on the raw scale: it must win by a margin."""
    _on_raw(bound, "margin")
    bound, width = with_parameter(bound, "m", m, NONNEGATIVE)
    z, y = bound.definition.roles.leaves["z"], bound.y
    row = link_named(bound.definition.declaration.link).row
    formula = _seen(bound, z - width * y if row else z - width * (TWO * y - ONE))
    return named(bound, f"margin(m={width!r})", formula, MARGIN)


MARGIN: Final = "Wang et al. (2018), Additive Margin Softmax for Face Verification, arXiv:1801.05599, eq. 5"


def _on_raw(bound: Bound, what: str) -> None:
    of_probabilities(bound, what)
    if bound.definition.declaration.on == "probability":
        refuse(bound, what, "changes raw predictions, and this loss takes probabilities", "Take the loss on raw ones.")


def _read(bound: Bound, call: str, change: Node, source: str) -> Bound:
    """What is read off a raw prediction: first what was said before, then this."""
    definition = bound.definition
    z = definition.roles.leaves["z"]
    reading = change if definition.reading is None else substitute(change, {z: definition.reading})
    made = called(bound, call, source)
    return replace(made, definition=check_definition(replace(made.definition, reading=reading)))


def temper(bound: Bound, T: float) -> Bound:
    """The raw prediction divided by a temperature: above 1 softer, below 1 sharper probabilities."""
    _on_raw(bound, "temper")
    bound, temperature = with_parameter(bound, "T", T, POSITIVE)
    return _read(bound, f"temper(T={temperature!r})", bound.definition.roles.leaves["z"] / temperature, TEMPERATURE)


TEMPERATURE: Final = (
    "Hinton, Vinyals and Dean (2015), Distilling the Knowledge in a Neural Network, arXiv:1503.02531, eq. 1"
)


def soft_cap(bound: Bound, c: float) -> Bound:
    """The raw prediction held softly between -c and c: c * tanh(z / c)."""
    _on_raw(bound, "soft_cap")
    bound, cap = with_parameter(bound, "c", c, POSITIVE)
    held = cap * make("tanh", bound.definition.roles.leaves["z"] / cap)
    return _read(bound, f"soft_cap(c={cap!r})", held, CAP)


CAP: Final = "Gemma Team (2024), Gemma 2, arXiv:2408.00118, section 2"
