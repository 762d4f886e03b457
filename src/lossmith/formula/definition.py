"""The frozen record of a loss, and the one full formula that all later layers read.

Comes in: a formula in the user's words and its declaration. Goes out: `Definition`, and `resolved(definition)`:
the formula with links applied, the mean over examples made explicit and the mean over classes or groups taken.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from lossmith.errors import ArgumentError, FormulaError, did_you_mean
from lossmith.formula.link import link_named
from lossmith.formula.node import (
    OPERATIONS,
    Node,
    among,
    fingerprint,
    make,
    make_from,
    number_of,
    rebuild,
    substitute,
    symbol,
    symbols,
    walk,
)
from lossmith.formula.outcomes import smoothed
from lossmith.formula.roles import CLASS_KINDS, EXAMPLE_SHARE, WEIGHT, Declaration, Roles, roles
from lossmith.formula.text import with_numbers
from lossmith.numerics.interval import Interval

EXPONENT_LIMIT: Final = 1_000
NAME_LIMIT: Final = 200
BRANCH_LIMIT: Final = 16
"""So many branches may stand in each other: 16 take 2 seconds to differentiate and rewrite, 30 half a minute."""
BRANCHES: Final = frozenset({"where", "maximum", "minimum"})


@dataclass(frozen=True)
class Parameter:
    """A named number of a formula: its default (None: must be bound) and its domain."""

    name: str
    default: float | None
    domain: Interval


@dataclass(frozen=True)
class Reweighting:
    """A weight of rows by their class or by a column, on top of `sample_weight`; it enters denominators as well.

    `classes`: (class, weight) pairs; None with `column` None means weights that `Loss.fit` makes numbers of: by the
    effective number of rows if there is a `beta`, else balanced. A `mask` column holds yes and no only.
    """

    classes: tuple[tuple[int, float], ...] | None = None
    column: str | None = None
    beta: float | None = None
    mask: bool = False


@dataclass(frozen=True, eq=False)
class Definition:
    """A loss as data: everything else (derivatives, kernels, facts, adapters) is derived from this record.

    Beside the formula there are stages, applied to the rows in this order, however a design was put together:
    `ignored` targets are absent; `smoothing` names parameters by which targets are smoothed; `reweighting` weighs rows;
    `priors` are shares of classes whose logarithm is the leaf `log_prior` (empty: `Loss.fit` finds them); `reading` is
    what is read off a raw prediction before the link, as a formula of z. `empty` says what a loss without rows is.
    """

    name: str
    formula: Node
    declaration: Declaration
    parameters: tuple[Parameter, ...] = ()
    source: str = ""
    summary: str = ""
    reweighting: tuple[Reweighting, ...] = ()
    smoothing: tuple[str, ...] = ()
    ignored: tuple[int, ...] = ()
    priors: tuple[float, ...] | None = None
    reading: Node | None = None
    empty: str = "zero"

    @property
    def roles(self) -> Roles:
        """The leaves of this definition by argument name."""
        return roles(self.declaration)

    @property
    def title(self) -> str:
        """The name for messages: with the numbers that its parameters have if nobody says others."""
        return with_numbers(self.name, {p.name: p.default for p in self.parameters})

    @property
    def weighs_classes(self) -> bool:
        """Whether rows are weighed by their class."""
        return any(row.column is None for row in self.reweighting)

    @property
    def row_weights(self) -> tuple[Reweighting, ...]:
        """The weights by column alone."""
        return tuple(row for row in self.reweighting if row.column is not None)

    @property
    def written(self) -> Node:
        """The formula with the smoothing in it, where that can stand in a formula: unless classes are weighed after it."""
        formula, (target, kind) = self.formula, self.declaration.target[0]
        for name in () if self.weighs_classes else self.smoothing:
            rate = symbol(name, "parameter")
            formula = smoothed(formula, self.roles.leaves[target], rate, of_classes=kind in CLASS_KINDS)
        return formula

    @property
    def formula_hash(self) -> str:
        """Hash of the formula, its stages and declaration, without parameter values: kernels are keyed by it."""
        roots = [self.written] if self.reading is None else [self.written, self.reading]
        stages = f"{self.smoothing if self.weighs_classes else ()}|{self.ignored}|{self.priors}"
        text = f"{fingerprint(*roots)}|{self.declaration!r}|{self.empty}"
        text += "" if stages == "()|()|None" else stages
        return hashlib.sha256(text.encode()).hexdigest()


def check_definition(definition: Definition) -> Definition:
    """Refuse formulas that mean nothing: unknown leaves, a class axis left over, no raw prediction; and immense ones."""
    check_names(definition.title, definition.declaration, len(definition.parameters))
    leaves = definition.roles.leaves
    known = [*leaves.values(), *(symbol(p.name, "parameter") for p in definition.parameters), WEIGHT]
    known += [definition.roles.log_prior, EXAMPLE_SHARE]
    for leaf in symbols(definition.formula):
        name = repr(leaf)
        if among(leaf, known):
            continue
        if name in leaves:
            raise FormulaError(
                "LM116",
                f'{definition.title}: "{name}" varies over {_axes_text(leaves[name])} here, but is used as if it varied '
                f'over {_axes_text(leaf)}. For classes, declare target="class", target="simplex" or per="class".',
            )
        raise FormulaError("LM116", f'{definition.title}: "{name}" is not declared.{did_you_mean(name, leaves)}')
    if not symbols(definition.formula, role="raw") and not symbols(definition.formula, role="prediction"):
        raise FormulaError("LM117", f"{definition.title}: the formula uses no prediction, so it cannot train anything.")
    if OPERATIONS[definition.formula.op].boolean:
        raise FormulaError(
            "LM124", f"{definition.title}: the formula is a comparison; put it into ls.where(comparison, a, b)."
        )
    for parameter in definition.parameters:
        _check_domain(definition.title, parameter)
    _check_size(definition)
    _check_axes(definition)
    return definition


def check_names(title: str, declaration: Declaration, parameters: int) -> None:
    """Refuse more names (parameters, columns, heads, targets) than a formula can use with sense."""
    count = parameters + sum(map(len, (declaration.columns, declaration.heads, declaration.target)))
    if count > NAME_LIMIT:
        raise FormulaError("LM130", f"{title}: {count:,} names are declared; at most {NAME_LIMIT} may be.")


def _check_domain(title: str, parameter: Parameter) -> None:
    """Refuse a parameter that no number can be."""
    domain = parameter.domain
    low = math.ceil(domain.low) if domain.integer and math.isfinite(domain.low) else domain.low
    low_open = domain.low_open and low == domain.low
    first = low + 1 if domain.integer and low_open else low
    if first > domain.high or (first == domain.high and (domain.high_open or (low_open and not domain.integer))):
        raise FormulaError("LM145", f"{title}: the domain of {parameter.name} is empty: there is no number in it.")


def _check_size(definition: Definition) -> None:
    """Refuse powers without measure, and branches that stand in each other so deep that derivatives take minutes."""
    deep: dict[Node, int] = {}
    for node in walk(definition.formula):
        deep[node] = max((deep[arg] for arg in node.args), default=0) + (node.op in BRANCHES)
        power = number_of(node.args[1]) if node.op == "power" else None
        if power is not None and abs(power) > EXPONENT_LIMIT:
            sentence = f"{definition.title}: a power of {power:g}; powers go up to {EXPONENT_LIMIT:,}."
            raise FormulaError("LM136", sentence)
    if deep[definition.formula] > BRANCH_LIMIT:
        raise FormulaError(
            "LM144",
            f"{definition.title}: {deep[definition.formula]} branches (where, maximum, minimum, clip) stand in each other; "
            f"at most {BRANCH_LIMIT} may. Put conditions side by side, as in where((a < b) & (c < d), e, f).",
        )


def _axes_text(leaf: Node) -> str:
    names = {"example": "examples", "class": "classes", "group": "groups"}
    return " and ".join(names[axis] for axis in sorted(leaf.axes, reverse=True)) or "nothing"


def _check_axes(definition: Definition) -> None:
    left = set(definition.formula.axes) - {"example", *definition.declaration.per}
    if left:
        raise FormulaError(
            "LM118",
            f"{definition.title}: the formula still varies over {' and '.join(sorted(left))}. "
            "Sum over the classes with ls.over_classes(...), pick the true class with ls.true_class(...), "
            'or declare per="class".',
        )
    if sums_examples(definition.formula) and "example" in definition.formula.axes:
        raise FormulaError(
            "LM119",
            f"{definition.title}: a part of the formula is summed over the examples and another is not. "
            "Put ls.mean(...) or ls.sum(...) around the whole of what belongs to one example.",
        )


@lru_cache(maxsize=512)
def resolved(definition: Definition) -> Node:
    """The full formula over raw predictions: what the numbers of a loss are computed from."""
    formula = substitute(definition.written, linked(definition))
    if "example" in formula.axes or not sums_examples(formula):
        formula = make("example_mean", formula)
    formula = _with_groups(formula, definition.declaration.per)
    for axis in ("class", "group"):
        if axis in formula.axes:
            formula = make("axis_mean", formula, attr=axis)
    return formula


def linked(definition: Definition) -> dict[Node, Node]:
    """What stands for each prediction, and for a raw prediction of which something else is read, in raw predictions."""
    if definition.reading is None:
        return {p: link_named(link).inverse(z) for p, z, link in definition.roles.linked}
    ((p, z, link),) = definition.roles.linked
    return {p: link_named(link).inverse(definition.reading), z: definition.reading}


def sums_examples(formula: Node) -> bool:
    """Whether a sum or mean over the examples, or a choice between them, stands in the formula."""
    return any(OPERATIONS[n.op].joins_examples for n in walk(formula))


def _with_groups(formula: Node, per: tuple[str, ...]) -> Node:
    """Make every sum over examples a sum per group, where the declaration asks for groups."""
    if "group" not in per:
        return formula

    def change(node: Node, args: tuple[Node, ...]) -> Node:
        attr = ("group",) if OPERATIONS[node.op].reduces == "example" else node.attr
        return make_from(node.op, args, attr)

    return rebuild(formula, change)


def check_parameter(definition: Definition, name: str, value: float) -> float:
    """A parameter value as a float, or an error that names the parameter, its domain and the remedy."""
    known = {p.name: p for p in definition.parameters}
    if name not in known:
        listed = ", ".join(known) or "none"
        raise ArgumentError(
            "LM203", f'{definition.title} has no parameter "{name}"; it has: {listed}.{did_you_mean(name, known)}'
        )
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        raise ArgumentError("LM204", f"{definition.title}: {name} must be a number, got {value!r}.") from None
    if number not in known[name].domain:
        expected = known[name].domain.describe()
        raise ArgumentError("LM205", f"{definition.title}: {name} must be {expected}, got {number:g}.")
    return number


def bound(definition: Definition, values: Mapping[str, float]) -> tuple[float, ...]:
    """Parameter values in order: those given, else the defaults; an unbound one is refused by name."""
    for name in values:
        check_parameter(definition, name, values[name])
    missing = [p.name for p in definition.parameters if p.default is None and p.name not in values]
    if missing:
        advice = f"bind it: loss.bind({missing[0]}=...)"
        raise ArgumentError("LM206", f"{definition.title}: {missing[0]} has no default; {advice}.")
    return tuple(float(values.get(p.name, p.default or 0.0)) for p in definition.parameters)
