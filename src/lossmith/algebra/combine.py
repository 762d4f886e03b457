"""Sums and multiples of losses: definition → definition.

Comes in: definitions over the same kind of target. Goes out: one definition whose formula is the sum, written out.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from lossmith.errors import ArgumentError
from lossmith.formula.definition import Definition, Parameter, check_definition, sums_examples
from lossmith.formula.node import Node, constant, make, substitute, symbol, symbols
from lossmith.formula.roles import Declaration, roles


@dataclass(frozen=True)
class Bound:
    """A definition and the values of its parameters."""

    definition: Definition
    values: tuple[tuple[str, float], ...] = ()


def scale(bound: Bound, factor: float) -> Bound:
    """`factor` times a loss; the factor is divided out again where a booster would misread it."""
    if not factor == factor or factor in (float("inf"), float("-inf")):
        raise ArgumentError("LM287", f"{bound.definition.name}: a factor must be a finite number, got {factor!r}.")
    formula = constant(factor) * _finished(bound.definition.formula)
    name = f"{factor:g} * {bound.definition.name}"
    return replace(bound, definition=replace(bound.definition, formula=formula, name=name))


def add(a: Bound, b: Bound) -> Bound:
    """The sum of two losses of the same target; parameters of the same name and different value are told apart."""
    _check_alike(a.definition, b.definition)
    declaration = _joined(a.definition.declaration, b.definition.declaration)
    b = _without_clashes(a, b)
    left, right = (_reaxed(x.definition, declaration) for x in (a, b))
    if not (sums_examples(left) or sums_examples(right)) and "class" not in declaration.per:
        formula = left + right
    else:
        formula = _finished(left) + _finished(right)
    parameters = {p.name: p for p in (*a.definition.parameters, *b.definition.parameters)}
    used = {repr(leaf) for leaf in symbols(formula, role="parameter")}
    merged = Definition(
        f"{a.definition.name} + {b.definition.name}",
        formula,
        declaration,
        tuple(p for p in parameters.values() if p.name in used),
        source="; ".join(dict.fromkeys(s for s in (a.definition.source, b.definition.source) if s)),
    )
    return Bound(check_definition(merged), tuple({**dict(a.values), **dict(b.values)}.items()))


def _finished(formula: Node) -> Node:
    return formula if "example" not in formula.axes else make("example_mean", formula)


def _check_alike(a: Definition, b: Definition) -> None:
    if a.declaration.target != b.declaration.target:
        kinds = [", ".join(f"{n}: {k}" for n, k in d.declaration.target) for d in (a, b)]
        raise ArgumentError(
            "LM288", f"{a.name} and {b.name} have different targets ({kinds[0]}; {kinds[1]}) and cannot be added."
        )
    if a.reweighting != b.reweighting:
        raise ArgumentError(
            "LM289", f"{a.name} and {b.name} weigh rows differently; add them first, then reweight the sum."
        )
    for attribute in ("heads", "on", "class_axis"):
        if getattr(a.declaration, attribute) != getattr(b.declaration, attribute):
            raise ArgumentError("LM291", f"{a.name} and {b.name} differ in {attribute}; they cannot be added.")
    if a.declaration.link != b.declaration.link and _uses_p(a) and _uses_p(b):
        raise ArgumentError(
            "LM292",
            f"{a.name} and {b.name} read the prediction through different links "
            f"({a.declaration.link or 'identity'} and {b.declaration.link or 'identity'}); write one of them in terms of z.",
        )


def _uses_p(definition: Definition) -> bool:
    return bool(symbols(definition.formula, role="prediction"))


def _joined(a: Declaration, b: Declaration) -> Declaration:
    return replace(
        a,
        link=a.link or b.link,
        columns=tuple(dict.fromkeys((*a.columns, *b.columns))),
        per=tuple(dict.fromkeys((*a.per, *b.per))),
    )


def _reaxed(definition: Definition, declaration: Declaration) -> Node:
    """The formula over the leaves of the joint declaration (they may have gained a class axis)."""
    before, after = definition.roles.leaves, roles(declaration).leaves
    return substitute(definition.formula, {before[name]: after[name] for name in before if name in after})


def _without_clashes(a: Bound, b: Bound) -> Bound:
    """Rename parameters of b that have the name, but not the value, of one of a."""
    taken = _values(a)
    definition, values = b.definition, dict(b.values)
    for parameter in b.definition.parameters:
        name = parameter.name
        if name not in taken or taken[name] == _values(b)[name]:
            continue
        fresh = next(f"{name}_{k}" for k in range(2, 1000) if f"{name}_{k}" not in taken)
        formula = substitute(definition.formula, {symbol(name, "parameter"): symbol(fresh, "parameter")})
        renamed = tuple(Parameter(fresh, p.default, p.domain) if p.name == name else p for p in definition.parameters)
        definition = replace(definition, formula=formula, parameters=renamed)
        if name in values:
            values[fresh] = values.pop(name)
    return Bound(definition, tuple(values.items()))


def _values(bound: Bound) -> dict[str, float | None]:
    return {p.name: dict(bound.values).get(p.name, p.default) for p in bound.definition.parameters}
