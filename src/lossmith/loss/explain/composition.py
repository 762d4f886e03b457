"""What a finished loss is made of, in words: numerator and denominator, the weights of rows, what holds without rows.

Comes in: a definition and the values of its parameters. Goes out: lines printed from the formula and its stages.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

from lossmith.calculus.additivity import ONE, TOTAL, Additive, additive_part
from lossmith.compiler import expressions
from lossmith.formula.definition import Definition, Reweighting
from lossmith.formula.link import link_named
from lossmith.formula.node import Node, is_number, make, make_from, rebuild, symbol, walk
from lossmith.formula.roles import EXAMPLE_SHARE
from lossmith.formula.text import to_text, with_numbers
from lossmith.loss.explain.view import is_share

LEAF: Final = re.compile(r"\bz\b")
LONGEST: Final = 260  # characters of a formula in a sentence
CHOSEN: Final = symbol("chosen", "column", ["example"])
LOSS: Final = symbol("loss", "column", ["example"])

EMPTY: Final[Mapping[str, str]] = {
    "zero": "Rows of weight 0 are absent. Without rows the loss is 0 and so is its gradient.",
    "nan": "Rows of weight 0 are absent. Without rows the loss is not a number (NaN).",
    "error": "Rows of weight 0 are absent. Without rows there is no loss: asking for it is an error.",
}
DENOMINATORS: Final[Mapping[Node, str]] = {
    TOTAL: "the sum over rows of sample_weight (the number of rows, if there are no weights)",
    ONE: "1 (nothing is divided)",
    make("example_count", ONE): "the number of rows, whatever they weigh",
    make("example_count", EXAMPLE_SHARE): "the number of entries of the first axis (images, texts)",
    make("example_sum", CHOSEN): "the weight of the chosen rows: the sum over rows of sample_weight * chosen",
}


def composition(definition: Definition, parameters: Mapping[str, float] | None = None) -> list[str]:
    """Numerator and denominator of the finished number; the sums and the finish for a loss that is not additive."""
    formula, shares = _named_choices(definition.written)
    part = additive_part(formula if "example" not in formula.axes else make("example_mean", formula))
    if part is None and not shares:
        part = expressions(definition).additive
    name = with_numbers(
        definition.name, {p.name: (parameters or {}).get(p.name, p.default) for p in definition.parameters}
    )
    lines = list(_of_rows(name, part) if part is not None else _of_sums(name, formula))
    lines += [f"finished per {axis}, then the plain mean is taken" for axis in reversed(definition.declaration.per)]
    lines += [f"chosen = {_short(share)}: how much of each row counts, 0 to 1" for share in shares]
    lines += [*_weights(definition, parameters or {}), *_readings(definition)]
    return [*lines, EMPTY[definition.empty]]


def _of_rows(name: str, part: Additive) -> Iterator[str]:
    divided = "" if part.is_mean or part.denominator is ONE else ", divided"
    yield f"{name} is a {'mean' if part.is_mean else 'sum'} over rows{divided}."
    held = f"({_short(part.term)})" if part.term.op in ("add", "subtract", "negative") else _short(part.term)
    yield f"numerator: the sum over rows of sample_weight * {held}"
    yield f"denominator: {_divided(part.denominator)}"


def _divided(node: Node) -> str:
    """A denominator in words, else as a formula with what its words mean."""
    if node in DENOMINATORS:
        return DENOMINATORS[node]
    return f"{_short(node)} (sum: weighted by sample_weight, count: whatever rows weigh)"


def _of_sums(name: str, formula: Node) -> Iterator[str]:
    yield f"{name} is no sum over rows: it is finished from sums, {_short(formula)}"
    yield "the sums:"
    for node in walk(formula):
        if node.op.startswith("example_"):
            weighted = "plain" if node.op == "example_count" else "weighted"
            yield f"  {_short(node)}: the {weighted} {node.op.removeprefix('example_').replace('_', ' ')} over rows"


def _short(node: Node) -> str:
    text = to_text(node)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."


# Choices ----------------------------------------------------------------------------------------------------------


def _named_choices(formula: Node) -> tuple[Node, list[Node]]:
    """The formula with `chosen` for the choice between rows, and how that is made, with `loss` for a row's loss."""
    inner = {a for n in walk(formula) if n.op in ("add", "subtract") and is_share(n) for a in n.args}
    shares = [n for n in walk(formula) if n not in inner and (is_share(n) or _is_threshold(n))]
    if len(shares) != 1:
        return formula, []

    def change(node: Node, args: tuple[Node, ...]) -> Node:
        if node is shares[0]:
            return CHOSEN
        if node.op == "where" and "example" not in node.axes and is_number(args[1], 0.0):
            return args[2]
        return make_from(node.op, args, node.attr)

    return rebuild(formula, change), [_with_loss(shares[0])]


def _is_threshold(node: Node) -> bool:
    """Whether a node is 1 for rows beyond a threshold and 0 for others, and counts as a number."""
    return node.op == "stop_gradient" and node.args[0].op == "where" and is_number(node.args[0].args[2], 0.0)


def _with_loss(share: Node) -> Node:
    """A choice with `loss` for what it compares."""
    if _is_threshold(share):
        choice = share.args[0]
        return make("where", make(choice.args[0].op, choice.args[0].args[0], LOSS), *choice.args[1:])
    compared = {n.args[0] for n in walk(share) if n.op == "largest"}
    return rebuild(share, lambda n, args: LOSS if n in compared else make_from(n.op, args, n.attr))


# Stages -----------------------------------------------------------------------------------------------------------


def _weights(definition: Definition, parameters: Mapping[str, float]) -> Iterator[str]:
    usual = {p.name: p.default for p in definition.parameters}
    if definition.ignored:
        yield f"rows whose target is {' or '.join(map(str, definition.ignored))} are absent"
    for name in definition.smoothing:
        value = parameters.get(name, usual[name])
        yield f"the target is mixed with {name}{'' if value is None else f' = {value:g}'} of all classes alike"
    yield from (_weight(row) for row in definition.reweighting)


def _weight(row: Reweighting) -> str:
    if row.mask:
        return f'rows for which the column "{row.column}" says no are absent'
    if row.column:
        return f'sample_weight is multiplied by the column "{row.column}"'
    if row.classes is not None:
        weights = ", ".join(f"{k}: {weight:g}" for k, weight in row.classes)
        return f"sample_weight is multiplied by a weight of its class ({weights})"
    kind = (
        "balanced class weight" if row.beta is None else f"class weight by the effective number of rows ({row.beta:g})"
    )
    return f"sample_weight is multiplied by a {kind}, which fit(y_true) makes a number"


def _readings(definition: Definition) -> Iterator[str]:
    """How predictions follow from raw predictions, where the formula reads them, and what else is put in."""
    if definition.reading is not None:
        yield f"z is read as {_short(definition.reading)}, in training and in predict"
    used = set(walk(definition.formula))
    for p, z, link in definition.roles.linked:
        if p in used and link != "identity":
            text = link_named(link).text.removeprefix("p = ").removeprefix("p_k = ")
            yield f"{p!r} = {LEAF.sub(repr(z), text)}"
    if definition.priors is not None and definition.roles.log_prior in used:
        known = ", ".join(f"{share:g}" for share in definition.priors)
        yield f"log_prior: of the class shares {known or 'that fit(y_true) finds'}; it is added in training only"
