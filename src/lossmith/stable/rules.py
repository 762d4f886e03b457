"""Rules for derivatives: hazards that appear only after differentiation.

Comes in: gradient and hessian formulas. Goes out: equal formulas; each rule names the hazard that it removes.
"""

from __future__ import annotations

from typing import Final

from lossmith.formula.lift import LIFT
from lossmith.formula.node import Node, constant, make, number_of, symbol_of, walk
from lossmith.formula.rewrite import Bindings, Procedure, Rule, Step, rewrite, wildcard

A: Final = wildcard("A")
B: Final = wildcard("B")
ONE: Final = constant(1.0)


def _is_data(bindings: Bindings) -> bool:
    """B holds no raw prediction and is not a bare number."""
    leaves = [leaf for leaf in map(symbol_of, walk(bindings[B])) if leaf is not None]
    return number_of(bindings[B]) is None and bool(leaves) and all(leaf.role != "raw" for leaf in leaves)


def _vanishing(node: Node) -> bool:
    """Whether a softmax is a factor of the node: 0 where a class is out of the question."""
    if node.op in ("multiply", "vanishing_product"):
        return _vanishing(node.args[0]) or _vanishing(node.args[1])
    return node.op == "softmax"


def _unbounded(node: Node) -> bool:
    """Whether a logarithm or a quotient of raw predictions is in the node."""
    return any(n.op in ("log_softmax", "safe_divide") for n in walk(node))


def _guarded_product(node: Node) -> Node | None:
    """p * x where p may be 0 and x infinite: the product is 0, as its limit is."""
    if node.op != "multiply":
        return None
    for p, x in (node.args, node.args[::-1]):
        if _vanishing(p) and not _vanishing(x) and _unbounded(x):
            return make("vanishing_product", p, x)
    return None


_EXP: Final = make("exp", A)
_SCALED: Final = make("scaled_exp", B, A)

STABLE: Final[tuple[Rule | Procedure, ...]] = (
    Procedure("zero_times_infinity_in_softmax", _guarded_product, "p underflows to 0 where log p overflows"),
    Rule("cancellation_at_root_of_exp", _EXP - B, make("exp_minus", A, B), "exp(a) - b near a = log b", _is_data),
    Rule("cancellation_at_root_of_exp", B - _EXP, -make("exp_minus", A, B), "exp(a) - b near a = log b", _is_data),
    Rule(
        "cancellation_at_root_of_exp", ONE - _SCALED, make("one_minus_scaled_exp", B, A), "1 - b exp(a) near its root"
    ),
    Rule(
        "cancellation_at_root_of_exp", _SCALED - ONE, -make("one_minus_scaled_exp", B, A), "1 - b exp(a) near its root"
    ),
)


def stabilise(root: Node) -> tuple[Node, tuple[Step, ...]]:
    """Apply the lifting identities and the rules for derivatives."""
    return rewrite(root, (*LIFT, *STABLE))
