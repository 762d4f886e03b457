"""The whole story as one readable file: a definition goes in, named passes run downwards, a kernel comes out.

    resolve links → lift → differentiate → stabilise → plain operations → schedule → emit → build

Comes in: a `Definition`. Goes out: `expressions` (exact formulas) and `compiled` (something that runs over rows).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from lossmith.calculus.additivity import Additive, additive_part
from lossmith.calculus.derivative import adjoints, gradient, tangent
from lossmith.calculus.diagonal import diagonal
from lossmith.calculus.terms import ONE, ZERO
from lossmith.errors import UnsupportedError
from lossmith.formula.definition import Definition, resolved
from lossmith.formula.lift import lift
from lossmith.formula.node import Axis, Node, constant, make, substitute, symbol, symbol_of
from lossmith.formula.rewrite import Step
from lossmith.formula.roles import WEIGHT
from lossmith.kernel.program import Program
from lossmith.kernel.rows import domain_of
from lossmith.kernel.schedule import schedule, select_present
from lossmith.stable.forms import in_plain_operations
from lossmith.stable.rules import stabilise


@dataclass(frozen=True)
class Expressions:
    """The exact formulas of a loss. `gradient` and `hessian` have one entry per raw leaf and are per unit weight.

    For an additive loss they are derivatives of one example's term (`per_example`), for others of the finished number.
    """

    definition: Definition
    value: Node
    additive: Additive | None
    per_example: Node | None
    gradient: tuple[Node, ...]
    lifting: tuple[Step, ...]

    @property
    def raw(self) -> tuple[Node, ...]:
        """The raw prediction leaves, in the order of their columns."""
        return self.definition.roles.raw

    @property
    def hessian(self) -> tuple[Node, ...]:
        """The diagonal second derivative, one entry per raw leaf."""
        return _hessian(self.definition)


@lru_cache(maxsize=512)
def expressions(definition: Definition) -> Expressions:
    """Resolve, lift and differentiate a definition."""
    value, steps = lift(resolved(definition))
    found = additive_part(value)
    raw = definition.roles.raw
    if found is None:
        gradients = tuple(stabilise(gradient(value, leaf))[0] for leaf in raw)
        return Expressions(definition, value, None, None, gradients, steps)
    per_example = found.term
    by_node = adjoints(per_example)
    gradients = tuple(stabilise(by_node.get(leaf, ZERO))[0] for leaf in raw)
    return Expressions(definition, value, found, per_example, gradients, steps)


@lru_cache(maxsize=512)
def _hessian(definition: Definition) -> tuple[Node, ...]:
    found = expressions(definition)
    return tuple(stabilise(diagonal(g, leaf))[0] for g, leaf in zip(found.gradient, found.raw, strict=True))


def direction(leaf: Node) -> Node:
    """The leaf that holds a direction `v` for hessian-vector products."""
    found = symbol_of(leaf)
    assert found is not None
    axes: list[Axis] = sorted(found.axes)
    return symbol(f"v_{found.name}", "column", axes, found.position)


@lru_cache(maxsize=512)
def _hvp(definition: Definition) -> tuple[Node, ...]:
    found = expressions(definition)
    moves = {leaf: direction(leaf) for leaf in found.raw}
    return tuple(stabilise(tangent(g, moves))[0] for g in found.gradient)


# what can be asked of a kernel, and what each is made of; {wanted: needs additivity}
PER_EXAMPLE = ("per_example", "per_example_gradient", "per_example_hessian")


@lru_cache(maxsize=1024)
def program(definition: Definition, wanted: tuple[str, ...], weighted: bool) -> Program:
    """The passes that compute what is wanted, with or without sample weights."""
    found = expressions(definition)
    weight = WEIGHT if weighted else ONE
    finish = {"value": found.value} if "value" in wanted else {}
    outputs: dict[str, Node] = {}
    for name in wanted:
        if name != "value":
            for j, node in enumerate(_output(found, name)):
                outputs[f"{name}:{j}"] = select_present(_times(weight, node), weight)
    return schedule(
        {name: _plain(node, weight) for name, node in finish.items()},
        {name: _plain(node, weight) for name, node in outputs.items()},
        weight,
        _faults(definition, weight),
    )


def _faults(definition: Definition, weight: Node) -> tuple[Node, ...]:
    """For every target whose domain is an interval: whether a present row lies outside (NaN always does)."""
    found: list[Node] = []
    for name, kind in definition.declaration.target:
        leaf = definition.roles.leaves[name]
        interval = domain_of(kind)
        if "class" in leaf.axes or interval.integer:
            continue
        ends = [make(op, *pair) for op, *pair in (
            ("less" if interval.low_open else "less_equal", constant(interval.low), leaf),
            ("less" if interval.high_open else "less_equal", leaf, constant(interval.high)),
        )]  # fmt: skip
        outside = make("logical_not", make("logical_and", *ends))
        absent = make("equal", weight, ZERO)
        found.append(outside if weight is ONE else make("logical_and", outside, make("logical_not", absent)))
    return tuple(found)


def _plain(node: Node, weight: Node) -> Node:
    return in_plain_operations(substitute(node, {WEIGHT: weight}))


def _times(factor: Node, node: Node) -> Node:
    return node if factor is ONE else factor * node


def _output(found: Expressions, name: str) -> tuple[Node, ...]:
    """The nodes of one output, per unit weight, guarded so that a NaN prediction gives NaN."""
    if name == "per_example":
        return (_need_per_example(found),)
    derivative = {
        "per_example_gradient": lambda: found.gradient,
        "gradient": lambda: found.gradient,
        "per_example_hessian": lambda: found.hessian,
        "hessian": lambda: found.hessian,
        "hvp": lambda: _hvp(found.definition),
    }[name]()
    if name in PER_EXAMPLE:
        _need_per_example(found)
        return tuple(_guard(node, leaf) for node, leaf in zip(derivative, found.raw, strict=True))
    scale = _scale(found)
    return tuple(_guard(_times(scale, node), leaf) for node, leaf in zip(derivative, found.raw, strict=True))


def _need_per_example(found: Expressions) -> Node:
    if found.per_example is None:
        raise UnsupportedError(
            "LM310",
            f"{found.definition.title}: the total is not a sum over rows, so one row has no loss, gradient or hessian of "
            "its own. Use value, gradient and hvp of the finished number.",
        )
    return found.per_example


def _scale(found: Expressions) -> Node:
    """From one example's term to the finished number: 1 over the denominator, the sum of weights for a mean."""
    if found.additive is None or found.additive.denominator is ONE:
        return ONE
    return ONE / found.additive.denominator


def _guard(node: Node, leaf: Node) -> Node:
    return make("where", make("equal", leaf, leaf), node, leaf)
