"""A definition taken apart for the combinators: the loss of one row, what it is divided by, the error, a new parameter.

Comes in: a `Bound` (definition and parameter values). Goes out: nodes, and a `Bound` with a changed formula; or a refusal
that says what the combinator needs and what would work.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final, NoReturn

from lossmith.calculus.additivity import ONE, TOTAL, Additive, additive_part
from lossmith.calculus.bounds import alike_where_right
from lossmith.errors import UnsupportedError
from lossmith.formula.definition import Definition, Parameter, check_definition, check_parameter, sums_examples
from lossmith.formula.link import link_named
from lossmith.formula.node import Node, among, constant, make, number_of, substitute, symbol, symbols, walk
from lossmith.formula.roles import CLASS_KINDS
from lossmith.formula.text import with_numbers
from lossmith.numerics.interval import Interval

ZERO: Final = constant(0.0)
TWO: Final = constant(2.0)
NUMBER_KINDS: Final = frozenset({"real", "positive", "nonnegative", "count", "ordinal"})
YES_OR_NO: Final = frozenset({"binary", "fraction"})
LIKELY_LINKS: Final = frozenset({"sigmoid", "softmax", "probit", "cloglog"})


@dataclass(frozen=True)
class Bound:
    """A definition and the values of its parameters."""

    definition: Definition
    values: tuple[tuple[str, float], ...] = ()

    @property
    def name(self) -> str:
        """The name of the loss."""
        return self.definition.name

    @property
    def y(self) -> Node:
        """The (first) target leaf."""
        return self.definition.roles.leaves[self.definition.declaration.target[0][0]]

    @property
    def p(self) -> Node:
        """The prediction leaf of a loss with one prediction."""
        return self.definition.roles.leaves["p"]

    @property
    def kind(self) -> str:
        """The kind of the (first) target."""
        return self.definition.declaration.target[0][1]


def refuse(bound: Bound, what: str, reason: str, advice: str) -> NoReturn:
    """Refuse a combination without meaning: why, and what would work."""
    values = {p.name: dict(bound.values).get(p.name, p.default) for p in bound.definition.parameters}
    raise UnsupportedError("LM295", f"{with_numbers(bound.name, values)}: {what} {reason}. {advice}")


def with_parameter(bound: Bound, name: str, value: float, domain: Interval) -> tuple[Bound, Node]:
    """A new bindable parameter with this value, renamed if the name is taken, and its leaf."""
    taken = {p.name for p in bound.definition.parameters} | set(bound.definition.roles.leaves)
    fresh = name if name not in taken else next(f"{name}_{k}" for k in range(2, 1000) if f"{name}_{k}" not in taken)
    probe = replace(bound.definition, parameters=(Parameter(name, None, domain),))
    number = check_parameter(probe, name, value)
    parameter = Parameter(fresh, number, domain)
    definition = replace(bound.definition, parameters=(*bound.definition.parameters, parameter))
    return replace(bound, definition=definition), symbol(fresh, "parameter")


def named(bound: Bound, call: str, formula: Node, source: str = "") -> Bound:
    """The bound loss with another formula, called by what was done to it."""
    changed = replace(called(bound, call, source).definition, formula=formula)
    return replace(bound, definition=check_definition(changed))


def called(bound: Bound, call: str, source: str = "") -> Bound:
    """The bound loss under the name that it has after one more call; parameters stand in it by their names."""
    definition = bound.definition
    base = full_name(definition, without=call)
    base = f"({base})" if is_open(base) else base
    sources = "; ".join(dict.fromkeys(s for s in (*definition.source.split("; "), source) if s))
    return replace(bound, definition=replace(definition, name=f"{base}.{call}", source=sources))


def is_open(name: str) -> bool:
    """Whether a sum or multiple stands outside of all brackets and quotes."""
    shorter = re.sub(r"'[^']*'|\([^()]*\)", "", name)
    return is_open(shorter) if shorter != name else any(sign in name for sign in (" + ", " * "))


def full_name(definition: Definition, without: str = "") -> str:
    """The name with its parameters, as a text that can be read back: a bare name gets them in brackets.

    `without`: parameters that stand in this text are not those of the bare name.

    >>> from lossmith.catalogue import find
    >>> full_name(find("focal")), full_name(find("mse"))
    ('focal(gamma=gamma)', 'squared_error')
    """
    own = [p.name for p in definition.parameters if not re.search(rf"(?<!\w){re.escape(p.name)}(?![\w=])", without)]
    listed = ", ".join(f"{name}={name}" for name in own)
    return f"{definition.title}({listed})" if listed and definition.name.isidentifier() else definition.name


# The loss of one row ------------------------------------------------------------------------------------------------


def ratio_of(bound: Bound, what: str) -> Additive:
    """The loss as factor * (sum over rows) / denominator, whatever the rows and the denominator hold."""
    found = _ratio(bound.definition.formula)
    if found is None:
        advice = "Apply it to the loss before it is summed, or write the formula with ls.mean or ls.sum."
        refuse(bound, what, "works on a mean or sum over rows, and this loss is finished from several sums", advice)
    return found


def _ratio(formula: Node) -> Additive | None:
    if not sums_examples(formula):
        return Additive(formula, TOTAL)
    if formula.op == "example_mean":
        return Additive(formula.args[0], TOTAL)
    if formula.op == "example_sum":
        return Additive(formula.args[0], ONE)
    if formula.op == "multiply" and (factor := number_of(formula.args[0])) is not None:
        part = _ratio(formula.args[1])
        return part and replace(part, factor=factor * part.factor)
    if formula.op == "where" and _guards(formula):
        return _ratio(formula.args[2])
    if formula.op == "divide" and formula.args[0].op == "example_sum" and sums_examples(formula.args[1]):
        return Additive(formula.args[0].args[0], formula.args[1])
    return additive_part(formula)


def _guards(formula: Node) -> bool:
    """Whether a ratio is said to be 0 where its denominator is."""
    condition, instead, ratio = formula.args
    return ratio.op == "divide" and instead is ZERO and condition is make("equal", ratio.args[1], ZERO)


def is_chosen(body: Node) -> bool:
    """Whether rows are chosen already: by a look at all of them, or by their own loss beside a threshold."""
    shares = [node for node in walk(body) if node.op == "multiply" and node.args[0].op == "stop_gradient"]
    own = (n for share in shares for n in walk(share.args[0]) if n.op == "less_equal" and n.args[1] is share.args[1])
    return sums_examples(body) or any(True for _ in own)


def rebuilt(part: Additive) -> Node:
    """The formula again: factor * mean(body), sum(body), or sum(body) / denominator."""
    if part.denominator is TOTAL:
        whole = part.body if part.factor == 1.0 and not sums_examples(part.body) else make("example_mean", part.body)
    else:
        whole = make("example_sum", part.body)
        whole = whole if part.denominator is ONE else whole / part.denominator
    return whole if part.factor == 1.0 else constant(part.factor) * whole


def on_rows(bound: Bound, what: str, change: Callable[[Node], Node], *, linear: bool = False) -> Node:
    """The formula with the loss of each row changed; `linear`: a number in front may stay in front."""
    formula = bound.definition.formula
    part = _ratio(formula)
    if part is None or is_chosen(part.body) or (sums_examples(part.denominator) and _predicts(part.denominator)):
        advice = "Apply it to the loss of each row first, then choose rows, sum up or combine."
        refuse(bound, what, "works on the loss of each row, and this loss looks at the rows together", advice)
    if linear:
        return rebuilt(replace(part, body=change(part.body)))
    return rebuilt(replace(part, body=change(part.term), factor=1.0))


def _predicts(node: Node) -> bool:
    return bool(symbols(node, role="raw") or symbols(node, role="prediction"))


# What kind of loss it is ----------------------------------------------------------------------------------------------


def one_prediction(bound: Bound, what: str) -> None:
    """Refuse losses with several heads or target columns."""
    if bound.definition.declaration.heads or len(bound.definition.declaration.target) > 1:
        refuse(bound, what, "works on a loss with one prediction and one target", "Write the formula with ls.define.")


def of_probabilities(bound: Bound, what: str) -> None:
    """Refuse all but losses of a probability: yes or no, or one of several classes."""
    one_prediction(bound, what)
    declaration = bound.definition.declaration
    classes = bound.kind in YES_OR_NO | CLASS_KINDS
    if not classes or (declaration.on == "raw" and declaration.link not in LIKELY_LINKS):
        advice = 'Take a loss of probabilities, such as bce or cross_entropy, or declare link="sigmoid".'
        if bound.kind in NUMBER_KINDS:
            advice = "To stress small or large errors use error_weight, truncate or robust; for probabilities take bce."
        refuse(bound, what, "needs a predicted probability, and this loss has none", advice)


def unmoved(bound: Bound) -> tuple[Bound, Callable[[Node], Node]]:
    """The loss before `adjust` and `margin` moved its raw prediction, and what moves a formula as they did."""
    leaves, log_prior = bound.definition.roles.leaves, bound.definition.roles.log_prior
    moved, inverse = leaves["z"], link_named(bound.definition.declaration.link).inverse
    nodes = walk(bound.definition.formula)
    while True:
        above = [node for node in nodes if among(moved, node.args)]
        step = above[0] if len(above) == 1 and above[0].op in ("add", "subtract") else None
        if step is None or step.args[0] is not moved or step.args[1].op != "multiply":
            break
        if not among(step.args[1].args[1], (log_prior, bound.y, TWO * bound.y - constant(1.0))):
            break
        moved = step
    if moved is leaves["z"]:
        return bound, lambda formula: formula
    formula = substitute(bound.definition.formula, {moved: leaves["z"], inverse(moved): leaves["p"]})
    plain = replace(bound, definition=replace(bound.definition, formula=formula))
    return plain, lambda formula: substitute(formula, {leaves["z"]: moved, leaves["p"]: inverse(moved)})


def of_numbers(bound: Bound, what: str) -> Node:
    """The error y - p of a loss of a number; refuses losses of classes."""
    one_prediction(bound, what)
    if bound.kind not in NUMBER_KINDS:
        advice = "For classes use reweight(class_weight=...), modulate(gamma) or from_costs(matrix=...)."
        refuse(bound, what, f"needs an error, a target that is a number; this target is {bound.kind}", advice)
    leaves, link = bound.definition.roles.leaves, bound.definition.declaration.link or "identity"
    return bound.y - leaves["z" if link == "identity" and not _uses(bound, "p") else "p"]


def _uses(bound: Bound, name: str) -> bool:
    return among(bound.definition.roles.leaves[name], walk(bound.definition.formula))


def comparable(bound: Bound, what: str) -> None:
    """Refuse losses of a number whose value at a right prediction depends on the target: small would not mean easy."""
    if bound.kind in NUMBER_KINDS:
        seen = alike_where_right(bound.definition, dict(bound.values))
        if seen.evidence == "refuted":
            advice = "Write the loss so that it is 0 at a right prediction, as in ls.parse('(y - p)**2 / p', ...)."
            refuse(
                bound,
                what,
                f"compares rows by their loss, which at a right prediction differs here ({seen.note})",
                advice,
            )
