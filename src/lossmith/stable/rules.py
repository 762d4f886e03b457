"""Rules for derivatives: hazards that appear only after differentiation.

Comes in: gradient and hessian formulas. Goes out: equal formulas; each rule names the hazard that it removes.
"""

from __future__ import annotations

from typing import Final

from lossmith.formula.lift import LIFT
from lossmith.formula.node import Node, constant, make, number_of, symbol_of, walk
from lossmith.formula.rewrite import Bindings, Rule, Step, rewrite, wildcard

A: Final = wildcard("A")
B: Final = wildcard("B")
ONE: Final = constant(1.0)


def _is_data(bindings: Bindings) -> bool:
    """B holds no raw prediction and is not a bare number."""
    leaves = [leaf for leaf in map(symbol_of, walk(bindings[B])) if leaf is not None]
    return number_of(bindings[B]) is None and bool(leaves) and all(leaf.role != "raw" for leaf in leaves)


_EXP: Final = make("exp", A)
_SCALED: Final = make("scaled_exp", B, A)

STABLE: Final[tuple[Rule, ...]] = (
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
