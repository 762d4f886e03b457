"""Derivatives of formulas, exact and smooth: one table of rules, a reverse pass, a forward pass and a diagonal.

Comes in: a formula (clean maths, before any floating-point rewriting) and a raw prediction or parameter leaf.
Goes out: formulas for the gradient (`gradient`), the derivative along a direction (`tangent`) and the diagonal of the
second derivative (`diagonal`). Derivatives with respect to per-example leaves are *per unit weight*: the weight of an
example multiplies its whole gradient and is applied by the kernel, so that a row of weight 0 is absent.
A structural zero is `None`, and is never multiplied (see `calculus.terms`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

from lossmith.calculus.by_log import BY_LOG, axis_size, reverse_log_softmax
from lossmith.calculus.terms import HALF, ONE, TWO, ZERO, Maybe, minus, negate, or_zero, plus, reciprocal, times
from lossmith.errors import UnsupportedError
from lossmith.formula.definition import sums_examples
from lossmith.formula.node import Node, among, constant, is_number, make, number_of, symbol_of, walk
from lossmith.formula.roles import WEIGHT

Partials: TypeAlias = Callable[..., tuple[Maybe, ...]]

ONE_OVER_ROOT_TWO_PI: Final = make("exp", -make("lgamma", HALF)) / make("sqrt", TWO)
TWO_OVER_ROOT_PI: Final = TWO * make("exp", -make("lgamma", HALF))  # exact: lgamma(1/2) is half of log pi


def _power(n: Node) -> tuple[Maybe, ...]:
    base, exponent = n.args
    value = number_of(exponent)
    if value is not None:
        if value in (0.0, 1.0):
            return (ONE if value else None), None
        lower = base if value == 2.0 else base ** constant(value - 1.0)
        return times(exponent, lower), None
    slope = times(exponent, base ** (exponent - ONE))
    if not exponent.axes:  # 0 times infinity at the exponent 0, where the power is 1
        slope = make("where", make("equal", exponent, ZERO), ZERO, or_zero(slope))
    return slope, make("xlogy", n, base)


def _where(n: Node) -> tuple[Maybe, ...]:
    condition = n.args[0]
    return None, make("where", condition, ONE, ZERO), make("where", condition, ZERO, ONE)


def _extreme(n: Node) -> tuple[Maybe, ...]:
    """Maximum and minimum: the chosen argument; at a tie, half of each (the declared subgradient)."""
    a, b = n.args if n.op == "maximum" else n.args[::-1]
    first = make("where", b < a, ONE, make("where", a < b, ZERO, HALF))
    second = make("where", a < b, ONE, make("where", b < a, ZERO, HALF))
    return first, second


def _sigmoid_slope(z: Node) -> Node:
    return make("sigmoid", z) * make("sigmoid", -z)


def _log_ratio(n: Node) -> tuple[Maybe, ...]:
    return make("safe_divide", ONE, n.args[0]), negate(make("safe_divide", ONE, n.args[1]))


def _safe_divide(n: Node) -> tuple[Maybe, ...]:
    b = n.args[1]
    return make("safe_divide", ONE, b), negate(make("safe_divide", n, b))


def _one_minus_scaled_exp(n: Node) -> tuple[Maybe, ...]:
    a, b = n.args
    return negate(make("exp", b)), negate(make("scaled_exp", a, b))


# Each row: operation -> the partial derivatives by its arguments, as exact and smooth formulas.
PARTIALS: Final[dict[str, Partials]] = {
    "add": lambda n: (ONE, ONE),
    "subtract": lambda n: (ONE, constant(-1.0)),
    "multiply": lambda n: (n.args[1], n.args[0]),
    "divide": lambda n: (reciprocal(n.args[1]), negate(n / n.args[1])),
    "negative": lambda n: (constant(-1.0),),
    "power": _power,
    "exp": lambda n: (n,),
    "expm1": lambda n: (make("exp", n.args[0]),),
    "log": lambda n: (make("safe_divide", ONE, n.args[0]),),
    "log1p": lambda n: (ONE / (ONE + n.args[0]),),
    "sqrt": lambda n: (times(HALF, make("where", make("equal", n, ZERO), ZERO, ONE / n)),),
    "tanh": lambda n: (make("exp", -(TWO * make("log_cosh", n.args[0]))),),
    "cosh": lambda n: (make("sinh", n.args[0]),),
    "sinh": lambda n: (make("cosh", n.args[0]),),
    "erf": lambda n: (times(TWO_OVER_ROOT_PI, make("exp", -(n.args[0] ** 2))),),
    "lgamma": lambda n: (make("digamma", n.args[0]),),
    "digamma": lambda n: (make("trigamma", n.args[0]),),
    "sin": lambda n: (make("cos", n.args[0]),),
    "cos": lambda n: (negate(make("sin", n.args[0])),),
    "abs": lambda n: (make("sign", n.args[0]),),
    "where": _where,
    "maximum": _extreme,
    "minimum": _extreme,
    "sigmoid": lambda n: (_sigmoid_slope(n.args[0]),),
    "softplus": lambda n: (make("sigmoid", n.args[0]),),
    "sigmoid_power": lambda n: (
        times(n.args[1], n * make("sigmoid", -n.args[0])),
        negate(n * make("softplus", -n.args[0])),
    ),
    "log_cosh": lambda n: (make("tanh", n.args[0]),),
    "normal_cdf": lambda n: (times(ONE_OVER_ROOT_TWO_PI, make("exp", -(HALF * n.args[0] ** 2))),),
    "log_normal_cdf": lambda n: (make("normal_hazard", n.args[0]),),
    "normal_hazard": lambda n: (negate(n * make("normal_gap", n.args[0])),),
    "normal_gap": lambda n: (ONE - make("normal_hazard", n.args[0]) * n,),
    "xlogy": lambda n: (make("log", n.args[1]), make("safe_divide", n.args[0], n.args[1])),
    "xlog1py": lambda n: (make("log1p", n.args[1]), make("safe_divide", n.args[0], ONE + n.args[1])),
    "safe_divide": _safe_divide,
    "vanishing_product": lambda n: (n.args[1], n.args[0]),
    "log_ratio": _log_ratio,
    "scaled_exp": lambda n: (make("exp", n.args[1]), n),
    "exp_minus": lambda n: (make("exp", n.args[0]), constant(-1.0)),
    "one_minus_scaled_exp": _one_minus_scaled_exp,
    "exp_excess": lambda n: (make("expm1", n.args[0]),),
    "log_deficit": lambda n: (n.args[0] / (ONE + n.args[0]),),
}

# Piecewise constant: derivative 0 where it exists, by declaration 0 elsewhere.
FLAT: Final = frozenset(
    {"sign", "less", "less_equal", "equal", "logical_and", "logical_or", "logical_not", "stop_gradient", "constant",
     "largest", "example_max"}
)  # fmt: skip


def _reverse_by_log(n: Node, adjoint: Node) -> Maybe:
    return reverse_log_softmax(n.args[0], BY_LOG[n.op](n, adjoint))


def _reverse_class_max(n: Node, adjoint: Node) -> Maybe:
    chosen = make("where", make("equal", n.args[0], n), ONE, ZERO)
    return times(adjoint, chosen / make("class_sum", chosen))


# Operations over the class axis: adjoint of the result -> adjoint of the first argument.
ROW_REVERSE: Final[dict[str, Callable[[Node, Node], Maybe]]] = {
    "class_sum": lambda n, adjoint: adjoint,
    "class_max": _reverse_class_max,
    "class_logsumexp": lambda n, adjoint: times(adjoint, make("softmax", n.args[0])),
    **dict.fromkeys(BY_LOG, _reverse_by_log),
    "class_others": lambda n, adjoint: make("class_others", adjoint),
}


def _reverse_rms(n: Node, adjoint: Node) -> Maybe:
    count = make("example_sum", ONE, attr=n.attr)
    return times(times(adjoint, ONE / count), _over_rms(n))


def _over_rms(n: Node) -> Node:
    """The argument of a root mean square over it; at 0 the declared gradient and all further derivatives are 0."""
    return make("where", make("equal", n, ZERO), ZERO, n.args[0] / n)


def _reverse_mean(n: Node, adjoint: Node) -> Maybe:
    return times(adjoint, ONE / make("example_sum", ONE, attr=n.attr))


def _reverse_count(n: Node, adjoint: Node) -> Maybe:
    return make("safe_divide", adjoint, WEIGHT)


def _shares(n: Node) -> tuple[Node, Node]:
    """The exponentials below a log mean exp, relative to the largest, and their weighted sum."""
    grown = make("exp", n.args[0] - make("example_max", n.args[0], attr=n.attr))
    return grown, make("example_sum", grown, attr=n.attr)


def _reverse_log_mean_exp(n: Node, adjoint: Node) -> Maybe:
    grown, total = _shares(n)
    return times(adjoint, grown / total)


# Sums over examples: adjoints below them are per unit weight.
EXAMPLE_REVERSE: Final[dict[str, Callable[[Node, Node], Maybe]]] = {
    "example_count": _reverse_count,
    "example_log_mean_exp": _reverse_log_mean_exp,
    "example_sum": lambda n, adjoint: adjoint,
    "example_mean": _reverse_mean,
    "example_rms": _reverse_rms,
}


def slopes(n: Node) -> list[tuple[Node, Maybe]]:
    """Parts of a node and the partial derivatives by them: its arguments, but of a / (a + b) and b / (a + b), a and b."""
    if n.op in ("divide", "safe_divide") and n.args[1].op == "add" and among(n.args[0], n.args[1].args):
        top, bottom = n.args
        rest = bottom.args[1] if bottom.args[0] is top else bottom.args[0]
        return [(top, (rest / bottom) / bottom), (rest, negate((top / bottom) / bottom))]
    return list(zip(n.args, PARTIALS[n.op](n), strict=True))


def argument_adjoints(n: Node, adjoint: Node) -> tuple[Maybe, ...]:
    """The adjoints that a node passes to its arguments, before they are summed down to the arguments' own axes."""
    if n.op in FLAT or not n.args:
        return tuple(None for _ in n.args)
    if n.op in PARTIALS:
        return tuple(times(adjoint, partial) for partial in PARTIALS[n.op](n))
    if n.op in EXAMPLE_REVERSE:
        return (EXAMPLE_REVERSE[n.op](n, adjoint),)
    if n.op == "axis_mean":
        return (times(adjoint, ONE / axis_size(n.attr)),)  # type: ignore[arg-type]
    if n.op in ROW_REVERSE:
        return (ROW_REVERSE[n.op](n, adjoint), *(None for _ in n.args[1:]))
    raise UnsupportedError("LM301", f"{n.op} has no derivative.")


def summed_to(adjoint: Maybe, target: Node) -> Maybe:
    """Sum an adjoint over the axes that its node does not have (the adjoint of a broadcast)."""
    if adjoint is None:
        return None
    if "class" in adjoint.axes and "class" not in target.axes:
        adjoint = make("class_sum", adjoint)
    if "example" in adjoint.axes and "example" not in target.axes:
        adjoint = make("example_sum", adjoint, attr=("group",) if "group" in target.axes else None)
    if "group" in adjoint.axes and not {"group", "example"} & target.axes:
        adjoint = make("multiply", make("axis_mean", adjoint, attr="group"), axis_size("group"))
    return adjoint


# What may stand around finished numbers that are differentiated one by one.
AROUND: Final = frozenset({"add", "subtract", "negative", "abs", "axis_mean", "multiply"})


def adjoints(root: Node, seed: Maybe = ONE) -> dict[Node, Node]:
    """The adjoint of every leaf that varies over the examples: one reverse pass for each finished number in a sum."""
    if seed is None:
        return {}
    if root.op == "axis_mean":  # its size divides last, once
        size = axis_size(root.attr)  # type: ignore[arg-type]
        return {leaf: adjoint / size for leaf, adjoint in adjoints(root.args[0], seed).items()}
    if root.op == "where" and "example" not in root.axes and sums_examples(root.args[0]):
        return _of_choice(root, seed)
    if not _is_sum_of_finished(root):
        return _one_pass(root, seed, apart=_has_one_sum(root))
    found: dict[Node, Node] = {}
    for argument, passed in reversed(list(zip(root.args, argument_adjoints(root, seed), strict=True))):
        if sums_examples(argument):
            for node, adjoint in adjoints(argument, summed_to(passed, argument)).items():
                found[node] = or_zero(plus(found.get(node), adjoint))
    return found


def _of_choice(root: Node, seed: Node) -> dict[Node, Node]:
    """Of two finished numbers one is chosen by another: so are their derivatives, each in its own safe form."""
    condition, *branches = root.args
    found = [adjoints(b, summed_to(seed, b)) if sums_examples(b) else {} for b in branches]
    leaves = {leaf: None for branch in found for leaf in branch if "example" in leaf.axes}
    return {leaf: make("where", condition, *(branch.get(leaf, ZERO) for branch in found)) for leaf in leaves}


def _is_sum_of_finished(node: Node) -> bool:
    """Whether finished numbers are added up, each of which keeps its own safe form; a number may join them."""
    inside = [a for a in node.args if sums_examples(a)]
    if node.op not in AROUND or not inside or "example" in node.axes:
        return False
    several = node.op in ("add", "subtract") and len(inside) == 2
    return several or (len(inside) == 1 and _is_sum_of_finished(inside[0]))


def _has_one_sum(root: Node) -> bool:
    """Whether all raw predictions go through the terms of one sum over the examples, or of none."""
    bodies = {_bare(n.args[0]) for n in walk(root) if n.op in EXAMPLE_REVERSE and _is_raw(n)}
    return len(bodies) < 2


def _bare(term: Node) -> Node:
    """A term of a sum without factors that hold no raw prediction or count as numbers."""
    while term.op == "multiply" and not all(map(_is_raw, term.args)):
        term = next((a for a in term.args if _is_raw(a)), ONE)
    return term


def _is_raw(node: Node) -> bool:
    """Whether a node moves with a raw prediction."""
    seen, left = set[Node](), [node]
    while left:
        here = left.pop()
        leaf = symbol_of(here)
        if leaf is not None and leaf.role == "raw":
            return True
        if here not in seen and here.op not in FLAT:
            seen.add(here)
            left += here.args
    return False


def _is_row_sum(node: Node) -> bool:
    """Whether terms of one row are added up: their derivatives may cancel, and are found before any factor joins them."""
    alone = node.op in ("add", "subtract", "exp_minus") and "example" in node.axes and "class" not in node.axes
    return alone and all(map(_is_raw, node.args)) and not sums_examples(node)


def _one_pass(root: Node, seed: Node, *, apart: bool) -> dict[Node, Node]:
    found, by_log = {root: seed}, dict[Node, Maybe]()
    for node in reversed(walk(root)):
        total = plus(found.get(node), reverse_log_softmax(node, by_log.get(node)))
        if total is None:
            continue
        found[node] = total
        if node.op in BY_LOG:
            row = node.args[0]
            by_log[row] = plus(by_log.get(row), BY_LOG[node.op](node, total))
        elif apart and _is_row_sum(node) and not is_number(total, 1.0):
            _join(found, {leaf: times(total, inner) for leaf, inner in adjoints(node).items() if not leaf.args})
        else:
            passed = argument_adjoints(node, total)
            for argument, adjoint in zip(node.args, passed, strict=True):
                _join(found, {argument: summed_to(adjoint, argument)})
    return {leaf: adjoint for leaf, adjoint in found.items() if "example" in leaf.axes or not apart}


def _join(found: dict[Node, Node], more: Mapping[Node, Maybe]) -> None:
    for node, adjoint in more.items():
        total = plus(found.get(node), adjoint)
        if total is not None:
            found[node] = total


def gradient(root: Node, leaf: Node) -> Node:
    """The derivative of a finished number by a leaf (per unit weight where the leaf varies over examples)."""
    if "example" not in leaf.axes:
        return _one_pass(root, ONE, apart=False).get(leaf, ZERO)
    return adjoints(root).get(leaf, ZERO)


def _row_tangent(n: Node, t: Node) -> Maybe:
    """Derivative of a class operation along a direction t of its first argument."""
    if n.op not in ROW_REVERSE:
        raise UnsupportedError("LM301", f"{n.op} has no derivative.")
    z = n.args[0]
    if n.op in ("class_sum", "class_others"):
        return make(n.op, t)
    if n.op == "class_max":
        chosen = make("where", make("equal", z, n), ONE, ZERO)
        return make("class_sum", chosen * t) / make("class_sum", chosen)
    p = make("softmax", z)
    if n.op == "class_logsumexp":
        return make("class_sum", p * t)
    centred = minus(times(t, make("softmax_complement", z)), make("class_others", p * t))
    return BY_LOG[n.op](n, centred)


def _example_tangent(n: Node, t: Node) -> Maybe:
    if n.op == "example_rms":
        return make("example_mean", or_zero(times(t, _over_rms(n))), attr=n.attr)
    if n.op == "example_log_mean_exp":
        grown, total = _shares(n)
        return make("example_sum", or_zero(times(grown, t)), attr=n.attr) / total
    return make(n.op, t, attr=n.attr)


def tangent(root: Node, directions: Mapping[Node, Node]) -> Node:
    """One forward pass: the derivative of `root` when each given leaf moves along its direction."""
    found: dict[Node, Maybe] = dict(directions)
    for node in walk(root):
        if node not in found:
            found[node] = _tangent_of(node, found)
    return or_zero(found[root])


def _tangent_of(node: Node, found: Mapping[Node, Maybe]) -> Maybe:
    if node.op in FLAT or all(found[a] is None for a in node.args):
        return None
    first = found[node.args[0]]
    if node.op in PARTIALS:
        total: Maybe = None
        for argument, partial in slopes(node):
            total = plus(total, times(partial, found.get(argument)))
        return total
    if first is None:
        return None
    if node.op in EXAMPLE_REVERSE:
        return _example_tangent(node, first)
    if node.op == "axis_mean":
        return make("axis_mean", first, attr=node.attr)
    return _row_tangent(node, first)
