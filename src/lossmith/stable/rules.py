"""Rules for derivatives: hazards that appear only after differentiation.

Comes in: gradient and hessian formulas. Goes out: equal formulas; each rule names the hazard that it removes.
"""

from __future__ import annotations

from typing import Final

from lossmith.calculus.terms import or_zero, plus
from lossmith.formula.lift import LIFT
from lossmith.formula.node import Node, constant, is_number, make, make_from, number_of, symbol_of, walk
from lossmith.formula.rewrite import Bindings, Procedure, Rule, Step, rewrite, wildcard
from lossmith.stable.masks import mask_of_classes, mask_of_product
from lossmith.stable.powers import powers_met
from lossmith.stable.ratios import left_of_common, left_of_one, merged_mixture
from lossmith.stable.shared_factors import label_taken_back, shares_apart

A: Final = wildcard("A")
B: Final = wildcard("B")
C: Final = wildcard("C")
ONE: Final = constant(1.0)


def _is_data(bindings: Bindings) -> bool:
    """B holds no raw prediction and is not a bare number."""
    leaves = [leaf for leaf in map(symbol_of, walk(bindings[B])) if leaf is not None]
    return number_of(bindings[B]) is None and bool(leaves) and all(leaf.role != "raw" for leaf in leaves)


def _is_number(bindings: Bindings) -> bool:
    """B is made of parameters and numbers only."""
    return not bindings[B].axes


def _vanishing(node: Node) -> bool:
    """Whether a softmax is a factor of the node: 0 where a class is out of the question."""
    if node.op in ("multiply", "vanishing_product"):
        return _vanishing(node.args[0]) or _vanishing(node.args[1])
    return node.op == "softmax"


def _collapsing(node: Node) -> bool:
    """Whether exp(-exp(a)), times data or not, is a factor of the node or of all its terms."""
    if node.op in ("multiply", "vanishing_product"):
        return _collapsing(node.args[0]) or _collapsing(node.args[1])
    if node.op in ("add", "subtract"):
        return _collapsing(node.args[0]) and _collapsing(node.args[1])
    if node.op in ("negative", "safe_divide"):
        return _collapsing(node.args[0])
    power = node.args[-1] if node.op in ("exp", "scaled_exp") else node
    return power is not node and power.op == "negative" and power.args[0].op == "exp"


# what vanishes -> what may be infinite there though the product has the limit 0
GUARDED: Final = ((_vanishing, ("log_softmax", "safe_divide")), (_collapsing, ("exp",)))


def _guarded_product(node: Node) -> Node | None:
    """p * x where p may be 0 and x infinite: the product is 0, as its limit is."""
    if node.op != "multiply":
        return None
    for vanishes, unbounded in GUARDED:
        for p, x in (node.args, node.args[::-1]):
            if vanishes(p) and not vanishes(x) and any(n.op in unbounded for n in walk(x)):
                return make("vanishing_product", p, x)
    return None


def _one_choice(node: Node) -> Node | None:
    """Two choices by one condition, as one: terms that cancel meet within a branch."""
    if (
        node.op != "add"
        or not all(a.op == "where" for a in node.args)
        or node.args[0].args[0] is not node.args[1].args[0]
    ):
        return None
    pairs = list(zip(node.args[0].args[1:], node.args[1].args[1:], strict=True))
    if all(any(is_number(term, 0.0) for term in pair) for pair in pairs):
        return None
    return make("where", node.args[0].args[0], *(_sum(*pair) for pair in pairs))


def _sum(a: Node, b: Node) -> Node:
    return or_zero(plus(*(None if is_number(term, 0.0) else term for term in (a, b))))


def _known_choice(node: Node) -> Node | None:
    """Within a branch, a choice by the same condition is known."""
    if node.op != "where":
        return None
    branches = [_chosen(node.args[at], node.args[0], at) for at in (1, 2)]
    changed = any(a is not b for a, b in zip(branches, node.args[1:], strict=True))
    return make("where", node.args[0], *branches) if changed else None


def _chosen(root: Node, condition: Node, at: int) -> Node:
    """A formula where a condition is decided; what looks at other rows or classes, which decide for themselves, stays."""
    done: dict[Node, Node] = {}

    def inside(node: Node) -> Node:
        if node not in done:
            if not node.args or node.op.startswith(
                ("example_", "class_", "softmax", "log_softmax", "axis_", "largest")
            ):
                done[node] = node
            elif node.op == "where" and node.args[0] is condition:
                done[node] = inside(node.args[at])
            else:
                args = tuple(inside(a) for a in node.args)
                same = all(a is b for a, b in zip(args, node.args, strict=True))
                done[node] = node if same else make_from(node.op, args, node.attr)
        return done[node]

    return inside(root)


def _one_power(node: Node) -> Node | None:
    """exp(b log1p(a)) / (1 + a) as exp((b - 1) log1p(a)): a derivative of it would cancel for b near 1."""
    if node.op != "multiply":
        return None
    factors = _factors(node)
    for grown in (f for f in factors if _is_power_of_sum(f)):
        b, log = grown.args[-1].args
        below = next((f for f in factors if f.op == "divide" and _is_sum_with_one(f.args[1], log.args[0])), None)
        if below is not None:
            lower = make(grown.op, *grown.args[:-1], (b - ONE) * log)
            return _in_place(node, {grown: lower, below: below.args[0]})
    return None


def _taken_back(node: Node) -> Node | None:
    """(a c) (b / c) as a b for the complement c of a softmax, which is 0 only by underflow (of two classes or more)."""
    if node.op not in ("multiply", "vanishing_product") or node.args[1].op != "safe_divide":
        return None
    product, (b, c) = node.args[0], node.args[1].args
    if product.op != "multiply" or product.args[1] is not c or c.op != "softmax_complement":
        return None
    return make(node.op, product.args[0], b)


def _taken_in(node: Node) -> Node | None:
    """(b / c - a) c as b - a c for the complement c of a softmax, which is 0 only by underflow."""
    if node.op != "multiply":
        return None
    for total, c in (node.args, node.args[::-1]):
        over = [a.op == "safe_divide" and a.args[1] is c for a in total.args]
        if c.op == "softmax_complement" and total.op in ("add", "subtract") and any(over):
            parts = (a.args[0] if is_over else a * c for a, is_over in zip(total.args, over, strict=True))
            return make(total.op, *parts)
    return None


def _quotients(node: Node) -> Node | None:
    """(a / c) (c / b) as a / b for a number c: where c is minute the first factor overflows what it is multiplied with."""
    if node.op != "multiply":
        return None
    quotients = [f for f in _factors(node) if f.op == "divide" and not f.axes]
    for upper in quotients:
        for lower in quotients:
            if lower.args[0] is upper.args[1] and number_of(lower.args[0]) is None:
                return _in_place(node, {upper: upper.args[0] / lower.args[1], lower: ONE})
    return None


def _factors(node: Node) -> list[Node]:
    return [f for a in node.args for f in _factors(a)] if node.op == "multiply" else [node]


def _is_power_of_sum(node: Node) -> bool:
    """exp(b log1p(a)), times data or not, for a number b."""
    product = node.args[-1] if node.op in ("exp", "scaled_exp") else ONE
    return product.op == "multiply" and not product.args[0].axes and product.args[1].op == "log1p"


def _is_sum_with_one(node: Node, a: Node) -> bool:
    return node is ONE + a


def _in_place(node: Node, changes: dict[Node, Node]) -> Node:
    """A product with some factors replaced, each once."""
    if node in changes:
        return changes.pop(node)
    if node.op != "multiply":
        return node
    first, second = (_in_place(a, changes) for a in node.args)
    return second if first is ONE else (first if second is ONE else first * second)


_EXP: Final = make("exp", A)
_SCALED: Final = make("scaled_exp", B, A)

STABLE: Final[tuple[Rule | Procedure, ...]] = (
    Procedure("zero_times_infinity", _guarded_product, "p underflows to 0 where log p, or exp(a), overflows"),
    Rule("rounding_of_a_reciprocal", B * (ONE / B), ONE, "b times 1 / b is only nearly 1", _is_number),
    Rule("rounding_of_a_reciprocal", ONE * A, A, "what is left of b times 1 / b"),
    Rule("rounding_of_a_reciprocal", make("scaled_exp", ONE, A), _EXP, "what is left of b times 1 / b"),
    Procedure("cancellation_in_one_minus_ratio", left_of_one, "c - c N/D as c (D - N)/D with the sums of D - N in one"),
    Rule(
        "rounding_of_a_part",
        A * (make("sigmoid", B) * make("sigmoid", -B)) - C * (make("sigmoid", -B) * make("sigmoid", B)),
        (A - C) * (make("sigmoid", B) * make("sigmoid", -B)),
        "p (1 - p) once",
    ),
    Procedure("rounding_of_a_part", merged_mixture, "(1 - y)(1 - l) - y l - y as (1 - l) - 2 y"),
    Procedure("cancellation_of_a_common_factor", left_of_common, "x - x (t m)/(t + o) as x (o + t (1 - m))/(t + o)"),
    Procedure(
        "cancellation_beside_a_power", _one_power, "b (1+a)**(b-1) / (1+a)... - (1+a)**(b-1) cancels for b near 1"
    ),
    Procedure("overflow_of_a_quotient", _quotients, "a / c overflows for a minute c, where c / b takes it back"),
    Procedure("overflow_of_a_quotient", _taken_in, "b / c overflows for a minute c, where a factor c takes it back"),
    Procedure("overflow_of_a_quotient", _taken_back, "b / c overflows for a minute c, where a c takes it back"),
    Procedure(
        "cancellation_beside_a_power", powers_met, "(1 + x)**b less x (1 + x)**(b - 1) has few digits left for large x"
    ),
    Procedure(
        "cancellation_between_shares", shares_apart, "p - (1 - p) is a false 0 near p = 1/2, times what both share"
    ),
    Procedure("underflow_of_a_quotient", label_taken_back, "a / y underflows where its product with y does not"),
    Procedure("masked_sum", mask_of_classes, "a row whose labels rule a term out rules it out for all classes"),
    Procedure("masked_product", mask_of_product, "0 times what is infinite in the branch that is not taken"),
    Procedure(
        "cancellation_between_choices", _known_choice, "within a branch, a choice by the same condition is known"
    ),
    Procedure("cancellation_between_choices", _one_choice, "terms that cancel meet within a branch"),
    Rule(
        "rounding_of_a_part", A * B - make("class_others", -B) * A, A * make("class_sum", B), "one sum for all classes"
    ),
    Rule(
        "cancellation_of_a_common_factor",
        B - B * make("scaled_exp", C, A),
        B * (ONE - make("scaled_exp", C, A)),
        "b - b c exp(a) near its root",
        _is_number,
    ),
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
