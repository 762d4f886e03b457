"""Combinators on the loss of one row: weights that depend on the error, focal factors, caps, robust shapes.

Comes in: a `Bound` and numbers. Goes out: a `Bound` whose numbers are bindable parameters.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

import numpy as np

from lossmith.algebra.parts import (
    Bound,
    comparable,
    named,
    of_numbers,
    of_probabilities,
    on_rows,
    refuse,
    unmoved,
    with_parameter,
)
from lossmith.calculus.bounds import never_negative, vanishes_where_right
from lossmith.errors import ArgumentError, FormulaError
from lossmith.formula.node import (
    OPERATIONS,
    Node,
    as_node,
    constant,
    make,
    make_from,
    rebuild,
    substitute,
    symbol,
    symbols,
    walk,
)
from lossmith.formula.outcomes import by_outcome, is_mixture
from lossmith.formula.roles import CLASS_KINDS
from lossmith.formula.text import to_text
from lossmith.interpret import NUMPY, interpret
from lossmith.numerics.interval import NONNEGATIVE, POSITIVE, REAL, Interval

ONE: Final = constant(1.0)
TWO: Final = constant(2.0)
ZERO: Final = constant(0.0)
UP_TO_TWO: Final = Interval(-float("inf"), 2.0, low_open=True, high_open=False)


def times_outcomes(formula: Node, y: Node, of_truth: Node, of_other: Node) -> Node:
    """A mixture of outcomes with a factor on each: on what happened, and on what did not."""
    return by_outcome(formula, y, y * of_truth, (ONE - y) * of_other)


def modulate(bound: Bound, gamma: float = 2.0) -> Bound:
    """The focal factor (1 - probability of the truth) ** gamma on the loss of each outcome."""
    of_probabilities(bound, "modulate, the focal factor,")
    bound, power = with_parameter(bound, "gamma", gamma, NONNEGATIVE)
    bound, moved = unmoved(bound)
    y, p = bound.y, bound.p

    def change(term: Node) -> Node:
        if is_mixture(term, y):
            # a minus before a label stays with the label, as papers write it
            return _negated_first(times_outcomes(term, y, (ONE - p) ** power, p**power), y)
        if bound.kind in CLASS_KINDS:
            return (ONE - make("class_sum", y * p)) ** power * term
        return (ONE - (y * p + (ONE - y) * (ONE - p))) ** power * term

    formula = moved(on_rows(bound, "modulate", change, linear=True))
    return named(bound, f"modulate(gamma={power!r})", formula, FOCAL)


def weigh_outcomes(bound: Bound, name: str, positive: float) -> Bound:
    """What happened weighs a parameter `name` between 0 and 1, what did not 1 minus it; the denominator stays."""
    bound, share = with_parameter(bound, name, positive, Interval(0.0, 1.0, low_open=False, high_open=False))
    y = bound.y

    def change(term: Node) -> Node:
        return _negated_first(by_outcome(term, y, share * y, (ONE - share) * (ONE - y)), y)

    return named(bound, f"weigh_outcomes({name}={share!r})", on_rows(bound, "weights", change, linear=True))


FOCAL: Final = "Lin et al. (2017), Focal Loss for Dense Object Detection, arXiv:1708.02002"


def _negated_first(formula: Node, y: Node) -> Node:
    """-(y * a) as (-y) * a: the same number, and the same formula as if it had been written so."""

    def change(node: Node, args: tuple[Node, ...]) -> Node:
        if node.op == "negative" and args[0].op == "multiply" and args[0].args[0] is y:
            return -y * args[0].args[1]
        return make_from(node.op, args, node.attr)

    return rebuild(formula, change)


def asymmetric(bound: Bound, under: float = 1.0, over: float = 1.0) -> Bound:
    """The loss times `under` where the prediction lies below the target, times `over` elsewhere."""
    error = of_numbers(bound, "asymmetric")
    _starts_at_zero(bound, "asymmetric")
    bound, low = with_parameter(bound, "under", under, NONNEGATIVE)
    bound, high = with_parameter(bound, "over", over, NONNEGATIVE)
    factor = make("where", error.args[1] < error.args[0], low, high)
    formula = on_rows(bound, "asymmetric", lambda term: factor * term, linear=True)
    return named(bound, f"asymmetric(under={low!r}, over={high!r})", formula)


def _starts_at_zero(bound: Bound, what: str) -> None:
    """Refuse losses that are not 0 at a right prediction: a weight of the error would put a jump, or a pull, there."""
    seen = vanishes_where_right(bound.definition, dict(bound.values))
    if not seen.value and seen.evidence == "refuted":
        advice = "Take squared_error or absolute_error, or write the formula: ls.parse('abs(y - p)', target='count', link='exp')."
        refuse(bound, what, f"needs a loss that is 0 where the prediction is right, and here it is {seen.note}", advice)


def error_weight(bound: Bound, weight: Callable[[Node], Any] | Node) -> Bound:
    """The loss times a weight that is a formula of the error e = y - p; the weight is differentiated with it."""
    error = of_numbers(bound, "error_weight")
    _starts_at_zero(bound, "error_weight")
    found = as_node(weight(error)) if callable(weight) and not isinstance(weight, Node) else as_node(weight)
    if OPERATIONS[found.op].boolean:
        found = make("where", found, ONE, ZERO)
    if any(OPERATIONS[n.op].joins_examples for n in walk(found)):
        raise FormulaError("LM296", f"{bound.name}: the weight of an error is a formula of that row's error alone.")
    e = symbol("e", "column", ["example"])
    alone = substitute(found, {error: e})
    _check_weight(bound, alone, e)
    formula = on_rows(bound, "error_weight", lambda term: found * term, linear=True)
    shown = to_text(alone)
    return named(bound, f"error_weight({shown!r})", formula)


ERRORS: Final = (0.0, *(sign * 10.0**k for sign in (-1, 1) for k in range(-6, 3)))


def _check_weight(bound: Bound, weight: Node, e: Node) -> None:
    """A weight is a finite number of at least 0, whatever the error: seen at errors from 1e-6 to 100."""
    if any(leaf is not e for leaf in symbols(weight)):
        return
    with np.errstate(all="ignore"):
        found = np.broadcast_to(interpret([weight], {e: np.array(ERRORS)}, NUMPY)[0].ravel(), len(ERRORS))
    bad = np.flatnonzero(~(np.isfinite(found) & (found >= 0)))
    if len(bad):
        at, value = ERRORS[bad[0]], found[bad[0]]
        raise ArgumentError(
            "LM296",
            f"{bound.name}: the weight of an error must be finite and at least 0, but is {value:g} at e = {at:g}.",
        )


def zoom(bound: Bound, scale: float) -> Bound:
    """The loss of the error measured in units of `scale`: what was the border between small and large is now there."""
    error = of_numbers(bound, "zoom")
    bound, unit = with_parameter(bound, "scale", scale, POSITIVE)
    y, prediction = error.args
    forward, backward = make("subtract", y, prediction), make("subtract", prediction, y)
    scaled = {forward: forward / unit, backward: backward / unit}
    formula = on_rows(bound, "zoom", lambda term: _zoomed(bound, term, scaled, (y, prediction)))
    return named(bound, f"zoom(scale={unit!r})", formula)


def _zoomed(bound: Bound, term: Node, scaled: dict[Node, Node], leaves: tuple[Node, Node]) -> Node:
    """Put the scaled error in the place of the error; elsewhere target and prediction may only be compared."""
    bare = {leaf for node in walk(term) if node not in scaled and node.op not in ("less", "less_equal", "equal")
            for leaf in node.args if leaf in set(leaves)}  # fmt: skip
    if bare or term in set(leaves):
        advice = "Write the formula with its own scale, or use error_weight."
        refuse(bound, "zoom", "needs a loss of the error y - z alone, and this one reads them apart", advice)
    return substitute(term, scaled)


def truncate(bound: Bound, tau: float) -> Bound:
    """The smaller of the loss of a row and `tau`: rows beyond it pull no more."""
    comparable(bound, "truncate")
    seen = never_negative(bound.definition, dict(bound.values))
    bound, limit = with_parameter(bound, "tau", tau, POSITIVE if seen.value else REAL)
    formula = on_rows(bound, "truncate", lambda term: make("minimum", term, limit))
    return named(bound, f"truncate(tau={limit!r})", formula)


def robust(bound: Bound, alpha: float, c: float) -> Bound:
    """Barron's general robust shape, with the loss of a row in the place of half the squared error."""
    on_rows(bound, "robust", lambda term: term)
    # log priors only move raw predictions, all of which are looked at
    still = substitute(bound.definition.formula, {bound.definition.roles.log_prior: ZERO})
    found = never_negative(replace(bound.definition, formula=still, priors=None), dict(bound.values))
    if not found.value:
        advice = "Take a loss that is 0 at a perfect prediction, such as half_squared_error or bce."
        refuse(bound, "robust", f"needs a loss of each row that is never negative ({found.text})", advice)
    bound, shape = with_parameter(bound, "alpha", alpha, UP_TO_TWO)
    bound, scale = with_parameter(bound, "c", c, POSITIVE)
    formula = on_rows(bound, "robust", lambda term: _barron(term / scale**TWO, shape))
    return named(bound, f"robust(alpha={shape!r}, c={scale!r})", formula, BARRON)


BARRON: Final = "Barron (2019), A General and Adaptive Robust Loss Function, arXiv:1701.03077, eq. 1"


def _barron(u: Node, alpha: Node) -> Node:
    """u = loss / c**2: u at alpha 2, log(1 + u) at 0, else |alpha - 2| / alpha * ((1 + 2 u / |alpha - 2|) ** (alpha / 2) - 1)."""
    distance = TWO - alpha
    grown = make("log1p", TWO * u / distance)
    general = (distance / alpha) * make("expm1", (alpha / TWO) * grown)
    return make("where", make("equal", alpha, TWO), u,
                make("where", make("equal", alpha, ZERO), make("log1p", u), general))  # fmt: skip
