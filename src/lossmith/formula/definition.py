"""The frozen record of a loss, and the one full formula that all later layers read.

Comes in: a formula in the user's words and its declaration. Goes out: `Definition`, and `resolved(definition)`:
the formula with links applied, the mean over examples made explicit and the mean over classes or groups taken.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache

from lossmith.errors import ArgumentError, FormulaError, did_you_mean
from lossmith.formula.link import link_named
from lossmith.formula.node import Node, fingerprint, make, substitute, symbols, walk
from lossmith.formula.roles import WEIGHT, Declaration, Roles, roles
from lossmith.numerics.interval import Interval


@dataclass(frozen=True)
class Parameter:
    """A named number of a formula: its default (None: must be bound) and its domain."""

    name: str
    default: float | None
    domain: Interval


@dataclass(frozen=True, eq=False)
class Definition:
    """A loss as data: everything else (derivatives, kernels, facts, adapters) is derived from this record."""

    name: str
    formula: Node
    declaration: Declaration
    parameters: tuple[Parameter, ...] = ()
    source: str = ""
    summary: str = ""
    weight: Node = field(default=WEIGHT)
    empty: str = "zero"

    @property
    def roles(self) -> Roles:
        """The leaves of this definition by argument name."""
        return roles(self.declaration)

    @property
    def formula_hash(self) -> str:
        """Hash of the formula and declaration, without parameter values: kernels are keyed by it."""
        text = f"{fingerprint(self.formula, self.weight)}|{self.declaration!r}|{self.empty}"
        return hashlib.sha256(text.encode()).hexdigest()


def check_definition(definition: Definition) -> Definition:
    """Refuse formulas that mean nothing: unknown leaves, a class axis left over, no raw prediction."""
    known = {id(leaf) for leaf in definition.roles.leaves.values()}
    parameters = {p.name for p in definition.parameters}
    for leaf in symbols(definition.formula):
        name = repr(leaf)
        if id(leaf) not in known and name not in parameters and leaf is not WEIGHT:
            raise FormulaError("LM116", f'{definition.name}: "{name}" is not declared.{did_you_mean(name, parameters)}')
    if not symbols(definition.formula, role="raw") and not symbols(definition.formula, role="prediction"):
        raise FormulaError("LM117", f"{definition.name}: the formula uses neither z nor p, so it cannot train anything.")
    _check_axes(definition)
    return definition


def _check_axes(definition: Definition) -> None:
    left = set(definition.formula.axes) - {"example", *definition.declaration.per}
    if left:
        raise FormulaError(
            "LM118",
            f"{definition.name}: the formula still varies over {' and '.join(sorted(left))}. "
            "Sum over the classes with ls.over_classes(...), pick the true class with ls.true_class(...), "
            'or declare per="class".',
        )
    reduces = any(n.op in ("example_sum", "example_mean", "example_rms") for n in walk(definition.formula))
    if reduces and "example" in definition.formula.axes:
        raise FormulaError(
            "LM119",
            f"{definition.name}: a part of the formula is summed over the examples and another is not. "
            "Put ls.mean(...) or ls.sum(...) around the whole of what belongs to one example.",
        )


@lru_cache(maxsize=512)
def resolved(definition: Definition) -> Node:
    """The full formula over raw predictions: what the numbers of a loss are computed from."""
    links = {p: link_named(link).inverse(z) for p, z, link in definition.roles.linked}
    formula = substitute(definition.formula, links)
    if "example" in formula.axes or not _has_examples(formula):
        formula = make("example_mean", formula)
    formula = _with_groups(formula, definition.declaration.per)
    for axis in ("class", "group"):
        if axis in formula.axes:
            formula = make("axis_mean", formula, attr=axis)
    return formula


def _has_examples(formula: Node) -> bool:
    return any(n.op.startswith("example_") for n in walk(formula))


def _with_groups(formula: Node, per: tuple[str, ...]) -> Node:
    """Make every sum over examples a sum per group, where the declaration asks for groups."""
    if "group" not in per:
        return formula
    from lossmith.formula.node import make_from, rebuild

    def change(node: Node, args: tuple[Node, ...]) -> Node:
        attr = ("group",) if node.op.startswith("example_") else node.attr
        return make_from(node.op, args, attr)  # type: ignore[arg-type]

    return rebuild(formula, change)


def check_parameter(definition: Definition, name: str, value: float) -> float:
    """A parameter value as a float, or an error that names the parameter, its domain and the remedy."""
    known = {p.name: p for p in definition.parameters}
    if name not in known:
        listed = ", ".join(known) or "none"
        raise ArgumentError(
            "LM203", f'{definition.name} has no parameter "{name}". Its parameters: {listed}.{did_you_mean(name, known)}'
        )
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise ArgumentError("LM204", f"{definition.name}: {name} must be a number, got {value!r}.") from None
    if number not in known[name].domain:
        raise ArgumentError("LM205", f"{definition.name}: {name} must be {known[name].domain.describe()}, got {number:g}.")
    return number


def bound(definition: Definition, values: Mapping[str, float]) -> tuple[float, ...]:
    """Parameter values in order: those given, else the defaults; an unbound one is refused by name."""
    for name in values:
        check_parameter(definition, name, values[name])
    missing = [p.name for p in definition.parameters if p.default is None and p.name not in values]
    if missing:
        raise ArgumentError("LM206", f"{definition.name}: {missing[0]} has no default; bind it: loss.bind({missing[0]}=...).")
    return tuple(float(values.get(p.name, p.default or 0.0)) for p in definition.parameters)


def renamed(definition: Definition, name: str) -> Definition:
    """The same loss under another name."""
    return replace(definition, name=name)
