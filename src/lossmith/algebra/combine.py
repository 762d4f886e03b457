"""Sums and multiples of losses: definition → definition.

Comes in: definitions over the same kind of target. Goes out: one definition whose formula is the sum, written out.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any, Final

from lossmith.algebra.inside import weights_inside
from lossmith.algebra.parts import Bound, full_name, is_open
from lossmith.errors import ArgumentError
from lossmith.formula.definition import Definition, Parameter, check_definition, sums_examples
from lossmith.formula.node import Node, constant, make, substitute, symbol, symbols
from lossmith.formula.roles import Declaration, roles
from lossmith.formula.text import number_text, with_numbers


def scale(bound: Bound, factor: float) -> Bound:
    """`factor` times a loss; the factor is divided out again where a booster would misread it."""
    if not factor == factor or factor in (float("inf"), float("-inf")):
        raise ArgumentError("LM287", f"{bound.definition.title}: a factor must be a finite number, got {factor!r}.")
    formula = constant(factor) * _finished(bound.definition.formula)
    base = full_name(bound.definition)
    name = f"{number_text(factor)} * {f'({base})' if is_open(base) else base}"
    return replace(bound, definition=replace(bound.definition, formula=formula, name=name))


def add(a: Bound, b: Bound) -> Bound:
    """The sum of two losses of the same target; parameters of the same name and different value are told apart."""
    a, b = _with_weights_alike(a, _without_clashes(a, b))
    _check_alike(a, b)
    declaration = _joined(a.definition, b.definition)
    same = smoothing(a) == smoothing(b)
    left, right = (
        _reaxed(x.definition, x.definition.formula if same else _smooth_inside(x), declaration) for x in (a, b)
    )
    if not (sums_examples(left) or sums_examples(right)) and "class" not in declaration.per:
        formula = left + right
    else:
        formula = _finished(left) + _finished(right)
    parameters = {p.name: p for p in (*a.definition.parameters, *b.definition.parameters)}
    used = {repr(leaf) for leaf in symbols(formula, role="parameter")}
    used |= set(a.definition.smoothing if same else ())
    if a.definition.reading is not None:
        used |= {repr(leaf) for leaf in symbols(a.definition.reading, role="parameter")}
    merged = replace(
        a.definition,
        name=f"{full_name(a.definition)} + {full_name(b.definition)}",
        formula=formula,
        declaration=declaration,
        parameters=tuple(p for p in parameters.values() if p.name in used),
        smoothing=a.definition.smoothing if same else (),
        reading=_reaxed(a.definition, a.definition.reading, declaration),
        summary="",
        source="; ".join(dict.fromkeys(s for s in (a.definition.source, b.definition.source) if s)),
    )
    return Bound(check_definition(merged), tuple({**dict(a.values), **dict(b.values)}.items()))


def _with_weights_alike(a: Bound, b: Bound) -> tuple[Bound, Bound]:
    """Both losses, with weights that only one of them has written into its formula, where a formula can say them."""
    if a.definition.reweighting == b.definition.reweighting:
        return a, b
    inside = weights_inside(a), weights_inside(b)
    return (a, b) if inside[0] is None or inside[1] is None else (inside[0], inside[1])


def _finished(formula: Node) -> Node:
    return formula if "example" not in formula.axes else make("example_mean", formula)


def _check_alike(one: Bound, two: Bound) -> None:
    a, b = one.definition, two.definition
    names = " and ".join(with_numbers(x.name, _values(x)) for x in (one, two))
    if a.declaration.target != b.declaration.target:
        kinds = [", ".join(f"{n}: {k}" for n, k in d.declaration.target) for d in (a, b)]
        raise ArgumentError("LM288", f"{names} have different targets ({kinds[0]}; {kinds[1]}) and cannot be added.")
    joint = _joined(a, b)
    for stage, advice in STAGES.items():
        first, other = (_said(x, _reaxed(x.definition, getattr(x.definition, stage), joint)) for x in (one, two))
        if first is not other and (isinstance(first, Node) or isinstance(other, Node) or first != other):
            raise ArgumentError("LM289", f"{names} {advice}")
    for attribute in ("heads", "on", "class_axis"):
        if getattr(a.declaration, attribute) != getattr(b.declaration, attribute):
            raise ArgumentError("LM291", f"{names} differ in {attribute}; they cannot be added.")
    if a.declaration.link != b.declaration.link and _uses_p(a) and _uses_p(b):
        raise ArgumentError(
            "LM292",
            f"{names} read the prediction through different links "
            f"({a.declaration.link or 'identity'} and {b.declaration.link or 'identity'}); write one of them in terms of z.",
        )


def _said(bound: Bound, stage: Any) -> Any:
    """A stage with numbers in the place of parameters, which have other names elsewhere."""
    values = {symbol(k, "parameter"): constant(v) for k, v in _values(bound).items() if v is not None}
    return substitute(stage, values) if isinstance(stage, Node) else stage


# Stages that apply to the rows, so that both parts of a sum must have the same, and what to do where they differ.
STAGES: Final[dict[str, str]] = {
    "reweighting": "weigh rows differently; add them first, then reweight (or mask) the sum.",
    "ignored": "ignore different targets; add them first, then call ignore on the sum.",
    "priors": "assume different class priors; add them first, then adjust the sum.",
    "reading": "read raw predictions differently; add them first, then temper or cap the sum.",
    "empty": "say different things of no rows; add them first, then call empty on the sum.",
}


def _uses_p(definition: Definition) -> bool:
    return bool(symbols(definition.formula, role="prediction"))


def _joined(one: Definition, other: Definition) -> Declaration:
    """What is said of a sum; its link is that of the part that reads the prediction through it."""
    a, b = one.declaration, other.declaration
    links = [part.declaration.link for part in (one, other) if _uses_p(part)]
    return replace(
        a,
        link=links[0] if links else a.link or b.link,
        columns=tuple(dict.fromkeys((*a.columns, *b.columns))),
        per=tuple(dict.fromkeys((*a.per, *b.per))),
    )


def smoothing(bound: Bound) -> list[float | None]:
    """How much targets are smoothed, one number for each time."""
    return [_values(bound)[name] for name in bound.definition.smoothing]


def _smooth_inside(bound: Bound) -> Node:
    """The formula with its own smoothing in it, which is not that of the other part of a sum."""
    definition = bound.definition
    if definition.smoothing and definition.weighs_classes:
        raise ArgumentError(
            "LM289", f"{definition.title}: smooth the sum, not one part of it, where classes are weighed."
        )
    return definition.written


def _reaxed(definition: Definition, formula: Any, declaration: Declaration) -> Any:
    """A formula over the leaves of the joint declaration (they may have gained a class axis); what is none stays."""
    if not isinstance(formula, Node):
        return formula
    before, after = definition.roles.leaves, roles(declaration).leaves
    return substitute(formula, {before[name]: after[name] for name in before if name in after})


def _without_clashes(a: Bound, b: Bound) -> Bound:
    """Rename parameters of b that have the name, but not the value, of one of a."""
    taken = _values(a)
    definition, values = b.definition, dict(b.values)
    for parameter in b.definition.parameters:
        name = parameter.name
        if name not in taken or taken[name] == _values(b)[name]:
            continue
        held = {*taken, *(p.name for p in definition.parameters)}
        fresh = next(f"{name}_{k}" for k in range(2, 1000) if f"{name}_{k}" not in held)
        definition = _with_name(definition, name, fresh)
        renamed = tuple(Parameter(fresh, p.default, p.domain) if p.name == name else p for p in definition.parameters)
        named = re.sub(rf"(?<![\w.'\"]){name}(?![\w=(])", fresh, full_name(definition))
        definition = replace(definition, parameters=renamed, name=named)
        if name in values:
            values[fresh] = values.pop(name)
    return Bound(definition, tuple(values.items()))


def _with_name(definition: Definition, name: str, fresh: str) -> Definition:
    """The definition with a parameter under a fresh name in its formula and stages."""
    moved = {symbol(name, "parameter"): symbol(fresh, "parameter")}
    smoothing = tuple(fresh if rate == name else rate for rate in definition.smoothing)
    reading = None if definition.reading is None else substitute(definition.reading, moved)
    formula = substitute(definition.formula, moved)
    return replace(definition, formula=formula, smoothing=smoothing, reading=reading)


def _values(bound: Bound) -> dict[str, float | None]:
    return {p.name: dict(bound.values).get(p.name, p.default) for p in bound.definition.parameters}
