"""The diagonal of the second derivative, exact for any formula of sums over classes and examples.

Comes in: a gradient formula (per unit weight) and the raw leaf. Goes out: the formula of its derivative at the same
example and class. `own(n)` is the derivative of n at the leaf's own indices; `summed(W, n, axes)` is the sum over `axes`
of W times the derivative of n, which is what a reduction inside the gradient needs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from lossmith.calculus.by_log import BY_LOG, axis_size, over_others, softmax_focal_third
from lossmith.calculus.derivative import EXAMPLE_REVERSE, FLAT, PARTIALS, ROW_REVERSE, slopes
from lossmith.calculus.terms import ONE, Maybe, minus, negate, or_zero, plus, times
from lossmith.errors import UnsupportedError
from lossmith.formula.node import Axis, Node, make, walk
from lossmith.formula.roles import WEIGHT
from lossmith.formula.text import softmax_focal_bend, softmax_focal_slope

REDUCES_CLASS: Final = frozenset({"class_sum", "class_max", "class_logsumexp"})
EXAMPLE_OPS: Final = frozenset(EXAMPLE_REVERSE)

# d(result_k)/d(argument_k) for operations that keep the class axis.
OWN_SLOPE: Final[dict[str, Callable[[Node], Maybe]]] = {
    "softmax": lambda n: n * make("softmax_complement", n.args[0]),
    "log_softmax": lambda n: make("softmax_complement", n.args[0]),
    "softmax_complement": lambda n: negate(make("softmax", n.args[0]) * n),
    "softmax_focal": lambda n: make("softmax_focal_slope", *n.args) * make("softmax_complement", n.args[0]),
    "softmax_focal_bend": lambda n: softmax_focal_third(*n.args) * make("softmax_complement", n.args[0]),
    "softmax_focal_slope": lambda n: make("softmax_focal_bend", *n.args) * make("softmax_complement", n.args[0]),
    "softmax_complement_power": lambda n: negate(times(n.args[1], n * make("softmax", n.args[0]))),
}

# The same operations by sums over the classes, for arguments that are themselves coupled.
PLAIN: Final[dict[str, Callable[[Node], Node]]] = {
    "softmax": lambda n: make("exp", n.args[0] - make("class_logsumexp", n.args[0])),
    "log_softmax": lambda n: n.args[0] - make("class_logsumexp", n.args[0]),
    "softmax_complement": lambda n: ONE - make("exp", n.args[0] - make("class_logsumexp", n.args[0])),
    "softmax_complement_power": lambda n: make("softmax_complement", n.args[0]) ** n.args[1],
    "softmax_focal": lambda n: make("softmax_complement_power", *n.args) * make("log_softmax", n.args[0]),
    "softmax_focal_slope": lambda n: softmax_focal_slope(*n.args),
    "softmax_focal_bend": lambda n: softmax_focal_bend(*n.args),
}


def diagonal(gradient: Node, leaf: Node) -> Node:
    """The derivative of `gradient` (a formula with the leaf's axes) by the leaf's element at the same place."""
    return or_zero(_Diagonal(leaf).own(gradient))


class _Diagonal:
    """One sweep: remembers which nodes depend on the leaf, and the own derivatives already found."""

    def __init__(self, leaf: Node) -> None:
        self.leaf = leaf
        self._own: dict[Node, Maybe] = {}
        self._below: dict[tuple[Node, bool], bool] = {}

    def coupled(self, node: Node, ops: frozenset[str]) -> bool:
        """Whether one of the operations, itself depending on the leaf, lies under the node."""
        return any(n.op in ops and self.leaf in set(walk(n)) for n in walk(node))

    def local(self, node: Node) -> bool:
        """Whether the node depends on the leaf of its own example only."""
        key = (node, True)
        if key not in self._below:
            self._below[key] = not self.coupled(node, EXAMPLE_OPS)
        return self._below[key]

    def elementwise(self, node: Node) -> bool:
        """Whether the node depends on the leaf of its own example and class only."""
        key = (node, False)
        if key not in self._below:
            self._below[key] = not self.coupled(node, EXAMPLE_OPS | frozenset(ROW_REVERSE))
        return self._below[key]

    def own(self, node: Node) -> Maybe:
        """Derivative of the node at the leaf's own example and class by that element."""
        if node not in self._own:
            self._own[node] = self._find_own(node)
        return self._own[node]

    def _find_own(self, node: Node) -> Maybe:
        if node is self.leaf:
            return ONE
        if node.op in FLAT or not node.args:
            return None
        if node.op in PARTIALS:
            total: Maybe = None
            for argument, partial in slopes(node):
                total = plus(total, times(partial, self.own(argument)))
            return total
        if node.op in OWN_SLOPE:
            if not self.elementwise(node.args[0]):
                return self.own(PLAIN[node.op](node))
            return times(OWN_SLOPE[node.op](node), self.own(node.args[0]))
        if node.op == "class_others":
            return self.others(ONE, node.args[0])
        return self._into(ONE, node, frozenset())

    def others(self, weight: Maybe, node: Node) -> Maybe:
        """Sum over the other classes of weight times the derivative of the node there by the own element.

        What is summed has no part of its own class in it, which would cancel where it is large.
        """
        if weight is None or self.elementwise(node):
            return None
        if "class" not in node.axes:
            return times(over_others(weight), self.own(node))
        if node.op in PARTIALS:
            total: Maybe = None
            for argument, partial in slopes(node):
                total = plus(total, self.others(times(weight, partial), argument))
            return total
        if node.op in BY_LOG and self.elementwise(node.args[0]):
            spread = over_others(or_zero(BY_LOG[node.op](node, weight)))
            return negate(times(make("softmax", node.args[0]), times(spread, self.own(node.args[0]))))
        return minus(self.summed(weight, node, frozenset({"class"})), times(weight, self.own(node)))

    def summed(self, weight: Maybe, node: Node, axes: frozenset[Axis]) -> Maybe:
        """Sum over `axes` of weight times the derivative of the node by the own element; other axes are the own ones."""
        if weight is None:
            return None
        if "example" in axes and "example" in node.axes and self.local(node):
            axes, weight = axes - {"example"}, times(weight, WEIGHT)
        for axis in sorted(axes - node.axes):
            weight = _sum_over(weight, axis, node)
        axes &= node.axes
        if weight is None:
            return None
        if not axes:
            return times(weight, self.own(node))
        if node is self.leaf:
            return weight
        if node.op in FLAT or not node.args:
            return None
        return self._sum_below(weight, node, axes)

    def _sum_below(self, weight: Node, node: Node, axes: frozenset[Axis]) -> Maybe:
        if node.op in PARTIALS:
            total: Maybe = None
            for argument, partial in slopes(node):
                total = plus(total, self.summed(times(weight, partial), argument, axes))
            return total
        if node.op == "class_others":
            inside = make("class_others", weight) if "class" in axes else weight
            return self.summed(inside, node.args[0] if "class" in axes else _as_difference(node), axes)
        if node.op in OWN_SLOPE:
            if "class" in axes:
                return self.summed(ROW_REVERSE[node.op](node, weight), node.args[0], axes)
            if self.elementwise(node.args[0]):
                return self.summed(times(weight, OWN_SLOPE[node.op](node)), node.args[0], axes)
            return self.summed(weight, PLAIN[node.op](node), axes)
        return self._into(weight, node, axes)

    def _into(self, weight: Node, node: Node, axes: frozenset[Axis]) -> Maybe:
        """Go below a reduction: its own axis is summed from here on."""
        argument = node.args[0]
        if node.op in REDUCES_CLASS:
            self._refuse_mixed(weight, "class")
            return self.summed(ROW_REVERSE[node.op](node, weight), argument, axes | {"class"})
        if node.op == "axis_mean" and node.attr == "class":
            self._refuse_mixed(weight, "class")
            return self.summed(times(weight, ONE / axis_size("class")), argument, axes | {"class"})
        if node.op == "axis_mean":
            return self.summed(times(weight, ONE / axis_size("group")), argument, axes)
        if node.op not in EXAMPLE_REVERSE:
            raise UnsupportedError("LM301", f"{node.op} has no derivative.")
        passed = EXAMPLE_REVERSE[node.op](node, weight)
        if self.local(argument):
            return self.summed(times(passed, WEIGHT), argument, axes)
        self._refuse_mixed(weight, "example")
        return self.summed(passed, argument, axes | {"example"})

    def _refuse_mixed(self, weight: Node, axis: Axis) -> None:
        if axis in weight.axes:
            raise UnsupportedError(
                "LM302",
                f"the diagonal hessian of this formula couples two {axis} indices; use hvp, which is exact for it.",
            )


def _as_difference(node: Node) -> Node:
    return make("class_sum", node.args[0]) - node.args[0]


def _sum_over(weight: Maybe, axis: Axis, node: Node) -> Maybe:
    """Sum a weight over an axis that the node below does not have."""
    if weight is None:
        return None
    if axis == "class":
        return make("class_sum", weight)
    return make("example_sum", weight, attr=("group",) if "group" in node.axes else None)
