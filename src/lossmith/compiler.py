"""The whole story as one readable file: a definition goes in, named passes run downwards, a kernel comes out.

    resolve links → lift → differentiate → stabilise → plain operations → schedule → emit → build

Comes in: a `Definition`. Goes out: `expressions` (exact formulas) and `compiled` (something that runs over rows).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

from lossmith.calculus.additivity import Additive, additive_part
from lossmith.calculus.derivative import adjoints, gradient, tangent
from lossmith.calculus.diagonal import diagonal
from lossmith.calculus.terms import ONE, ZERO
from lossmith.errors import UnsupportedError
from lossmith.formula.definition import Definition, resolved
from lossmith.formula.lift import lift
from lossmith.formula.node import Axis, Node, constant, make, make_from, rebuild, substitute, symbol, symbol_of
from lossmith.formula.rewrite import Step
from lossmith.formula.roles import WEIGHT
from lossmith.kernel.program import Program
from lossmith.kernel.rows import domain_of
from lossmith.kernel.schedule import schedule, select_present
from lossmith.stable.forms import in_plain_operations
from lossmith.stable.patterns import pattern_steps
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


# What can be asked of a kernel for every row by itself; `... by NAME` is a derivative by a target, a column or the weight.
PER_EXAMPLE = ("per_example", "per_example_gradient", "per_example_hessian", "per_example_hvp")
BY, BY_WEIGHT = " by ", " by sample_weight"


@lru_cache(maxsize=1024)
def program(definition: Definition, wanted: tuple[str, ...], weighted: bool) -> Program:
    """The passes that compute what is wanted, with or without sample weights."""
    found = expressions(definition)
    weight = WEIGHT if weighted else ONE
    finish = {"value": found.value} if "value" in wanted else {}
    outputs: dict[str, Node] = {}
    for name in wanted:
        if name.endswith(BY_WEIGHT):
            outputs[f"{name}:0"] = _by_weight(found, name)
        elif name != "value":
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
    if BY in name:
        return (_by_leaf(found, *name.split(BY)),)
    derivative = {
        "per_example_gradient": lambda: found.gradient,
        "gradient": lambda: found.gradient,
        "per_example_hessian": lambda: found.hessian,
        "hessian": lambda: found.hessian,
        "hvp": lambda: _hvp(found.definition),
        "per_example_hvp": lambda: _hvp(found.definition),
    }[name]()
    if name in PER_EXAMPLE:
        _need_per_example(found)
        return tuple(_guard(node, leaf) for node, leaf in zip(derivative, found.raw, strict=True))
    scale = _scale(found)
    return tuple(_guard(_times(scale, node), leaf) for node, leaf in zip(derivative, found.raw, strict=True))


@lru_cache(maxsize=512)
def _by_leaf(found: Expressions, what: str, name: str) -> Node:
    """The derivative of the finished number, or of a row's own term, by a target or a column; per unit weight."""
    whole = _need_per_example(found) if what in PER_EXAMPLE else found.value
    return stabilise(gradient(whole, found.definition.roles.leaves[name]))[0]


@lru_cache(maxsize=512)
def _by_weight(found: Expressions, name: str) -> Node:
    """The derivative of the finished number by the weight of each row; of a row's own term, the term itself."""
    return _need_per_example(found) if name.startswith("per_example") else by_weights(found.value, found.definition)


def by_weights(finished: Node, definition: Definition) -> Node:
    """The derivative of a finished number by each row's weight: by a factor of the weight, per unit weight, at the factor 1."""
    unit = symbol("unit", "column", ["example"])

    def change(node: Node, args: tuple[Node, ...]) -> Node:
        same = make_from(node.op, args, node.attr)
        if not node.op.startswith("example_"):
            return same
        if node.op not in BY_UNIT:
            raise UnsupportedError("LM317", f"{definition.title}: there is no derivative by the weights yet.")
        return BY_UNIT[node.op](same, unit)

    return stabilise(substitute(gradient(rebuild(finished, change), unit), {unit: ONE}))[0]


def _unit_sum(node: Node, unit: Node, body: Node) -> Node:
    return make("example_sum", unit * body, attr=node.attr)


# How a sum over rows hangs on a factor of every row's weight.
BY_UNIT: dict[str, Callable[[Node, Node], Node]] = {
    "example_sum": lambda node, unit: _unit_sum(node, unit, node.args[0]),
    "example_mean": lambda node, unit: _unit_sum(node, unit, node.args[0]) / _unit_sum(node, unit, ONE),
    "example_rms": lambda node, unit: make(
        "sqrt", _unit_sum(node, unit, node.args[0] ** 2) / _unit_sum(node, unit, ONE)
    ),
    "example_count": lambda node, unit: node,
    "example_max": lambda node, unit: node,
}


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


# The story of a definition --------------------------------------------------------------------------------------------


Formulas: TypeAlias = tuple[tuple[str, Node], ...]


@dataclass(frozen=True)
class Stage:
    """One pass over some formulas: `before` and `after` by name, and every application of a rule in between."""

    name: str
    before: Formulas
    after: Formulas
    steps: tuple[Step, ...] = ()


@lru_cache(maxsize=64)
def story(definition: Definition) -> tuple[Stage, ...]:
    """Every pass from the formula as written to plain operations, with the steps of each.

    >>> from lossmith.catalogue import LOSSES
    >>> [stage.name for stage in story(LOSSES[0].definition)][:3]
    ['as written', 'links resolved', 'lifted']
    """
    found, whole = expressions(definition), resolved(definition)
    name, value = ("loss", found.value) if found.per_example is None else ("loss of a row", found.per_example)
    adjoint = {} if found.additive is None else adjoints(value)
    slopes = [gradient(value, z) if found.additive is None else adjoint.get(z, ZERO) for z in found.raw]
    bends = [diagonal(g, z) for g, z in zip(found.gradient, found.raw, strict=True)]
    written, lifted = ((name, definition.written),), ((name, value),)
    return (
        Stage("as written", written, written),
        Stage("links resolved", written, (("loss", whole),)),
        Stage("lifted", (("loss", whole),), lifted, found.lifting),
        *_differentiated("gradient", lifted, slopes),
        *_differentiated("hessian", _named("gradient", found.gradient), bends),
        _in_plain(lifted + _named("gradient", found.gradient) + _named("hessian", found.hessian)),
    )


def _differentiated(name: str, of: Formulas, nodes: Sequence[Node]) -> tuple[Stage, Stage]:
    """A derivative by the rules of calculus, and made safe."""
    raw, safe = _named(name, nodes), [stabilise(node) for node in nodes]
    steps = _each_once(step for _, steps in safe for step in steps)
    return (
        Stage(f"differentiated: {name}", of, raw),
        Stage(f"stabilised: {name}", raw, _named(name, [node for node, _ in safe]), steps),
    )


def _in_plain(exact: Formulas) -> Stage:
    steps = _each_once(step for _, node in exact for step in pattern_steps(node)[1])
    return Stage("plain operations", exact, tuple((name, in_plain_operations(node)) for name, node in exact), steps)


def _each_once(steps: Iterable[Step]) -> tuple[Step, ...]:
    return tuple({(step.hazard, step.before, step.after): step for step in steps}.values())


def _named(name: str, nodes: Sequence[Node]) -> Formulas:
    return tuple((name if len(nodes) == 1 else f"{name} {j + 1}", node) for j, node in enumerate(nodes))
