"""The whole story as one readable file: a definition goes in, named passes run downwards, a kernel comes out.

    resolve links → lift → differentiate → stabilise → plain operations → schedule → emit → build

Comes in: a `Definition`. Goes out: `expressions` (exact formulas) and `compiled` (something that runs over rows).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from lossmith.calculus.derivative import ONE, ZERO, adjoints, gradient, tangent
from lossmith.calculus.diagonal import diagonal
from lossmith.errors import UnsupportedError
from lossmith.formula.definition import Definition, resolved
from lossmith.formula.lift import lift
from lossmith.formula.node import Axis, Node, constant, make, number_of, substitute, symbol, symbol_of
from lossmith.formula.rewrite import Step
from lossmith.formula.roles import WEIGHT
from lossmith.kernel.program import Program
from lossmith.kernel.schedule import schedule, select_present
from lossmith.stable.forms import in_plain_operations
from lossmith.stable.rules import stabilise


@dataclass(frozen=True)
class Additive:
    """A total that is a sum over examples: `factor` times the mean (or sum) of `body`."""

    body: Node
    op: str
    factor: float


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
    per_example = found.body if found.factor == 1.0 else constant(found.factor) * found.body
    by_node = adjoints(per_example)
    gradients = tuple(stabilise(by_node.get(leaf, ZERO))[0] for leaf in raw)
    return Expressions(definition, value, found, per_example, gradients, steps)


@lru_cache(maxsize=512)
def _hessian(definition: Definition) -> tuple[Node, ...]:
    found = expressions(definition)
    return tuple(stabilise(diagonal(g, leaf))[0] for g, leaf in zip(found.gradient, found.raw, strict=True))


def additive_part(value: Node) -> Additive | None:
    """The one sum over examples that the value is a multiple of, or None."""
    if value.op in ("example_mean", "example_sum"):
        below = any(n.op.startswith("example_") for n in _below(value.args[0]))
        return None if below or "group" in value.axes else Additive(value.args[0], value.op, 1.0)
    if value.op == "negative":
        return _scaled(additive_part(value.args[0]), -1.0)
    if value.op == "multiply":
        for number, other in (value.args, value.args[::-1]):
            if number_of(number) is not None:
                return _scaled(additive_part(other), number_of(number) or 0.0)
            if _is_plain_scale(number):
                return _multiplied(additive_part(other), number)
    if value.op == "divide":
        inner = additive_part(value.args[0])
        if inner is None or not _is_plain_scale(value.args[1]):
            return None
        return Additive(inner.body / value.args[1], inner.op, inner.factor)
    if value.op in ("add", "subtract"):
        return _joined(additive_part(value.args[0]), additive_part(value.args[1]), value.op)
    return None


def _below(node: Node) -> Sequence[Node]:
    from lossmith.formula.node import walk

    return walk(node)


def _is_plain_scale(node: Node) -> bool:
    """Whether a node is made of parameters and numbers only."""
    return not node.axes and all(
        (leaf := symbol_of(n)) is None or leaf.role == "parameter" for n in _below(node) if not n.args
    ) and not any(n.op.startswith("example_") for n in _below(node))


def _scaled(part: Additive | None, factor: float) -> Additive | None:
    return None if part is None else Additive(part.body, part.op, part.factor * factor)


def _multiplied(part: Additive | None, scale: Node) -> Additive | None:
    return None if part is None else Additive(scale * part.body, part.op, part.factor)


def _joined(a: Additive | None, b: Additive | None, op: str) -> Additive | None:
    if a is None or b is None or a.op != b.op:
        return None
    left, right = (p.body if p.factor == 1.0 else constant(p.factor) * p.body for p in (a, b))
    return Additive(make(op, left, right), a.op, 1.0)


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
FINISHED = ("value", "gradient", "hessian", "hvp")


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
    )


def _plain(node: Node, weight: Node) -> Node:
    return in_plain_operations(substitute(node, {WEIGHT: weight}))


def _times(weight: Node, node: Node) -> Node:
    return node if weight is ONE else weight * node


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
    return tuple(_guard(_times_scale(scale, node), leaf) for node, leaf in zip(derivative, found.raw, strict=True))


def _need_per_example(found: Expressions) -> Node:
    if found.per_example is None:
        raise UnsupportedError(
            "LM310",
            f"{found.definition.name}: the total is not a sum over rows, so one row has no loss, gradient or hessian of "
            "its own. Use value, gradient and hvp of the finished number.",
        )
    return found.per_example


def _scale(found: Expressions) -> Node | None:
    """From one example's term to the finished number: 1 / sum of weights for a mean."""
    if found.additive is None or found.additive.op == "example_sum":
        return None
    return ONE / make("example_sum", ONE)


def _times_scale(scale: Node | None, node: Node) -> Node:
    return node if scale is None else scale * node


def _guard(node: Node, leaf: Node) -> Node:
    return make("where", make("equal", leaf, leaf), node, leaf)
