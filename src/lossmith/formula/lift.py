"""Lift: from naive maths to safe nodes, by exact identities only, before anything is differentiated.

Comes in: a resolved formula. Goes out: an equal formula whose derivatives and floating-point forms are safe.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from lossmith.formula.node import Node, constant, make, number_of, symbol_of, walk
from lossmith.formula.rewrite import Bindings, Procedure, Rule, Step, rewrite, wildcard

A: Final = wildcard("A")
B: Final = wildcard("B")
C: Final = wildcard("C")
D: Final = wildcard("D")
ONE: Final = constant(1.0)
TWO: Final = constant(2.0)


def _is_target(bindings: Bindings) -> bool:
    """B is a target (alone): the mixture weight of a soft label."""
    leaf = symbol_of(bindings[B])
    return leaf is not None and leaf.role == "target"


def _is_data(bindings: Bindings) -> bool:
    """B holds no raw prediction: it is data, parameters or both."""
    return all(leaf is None or leaf.role != "raw" for leaf in map(symbol_of, walk(bindings[B])))


def _is_probability(bindings: Bindings) -> bool:
    """A or C is a sigmoid or its complement, whose smallness a choice or a mixture would hide."""
    return any(n.op in ("sigmoid", "sigmoid_power") for n in (bindings[A], bindings[C]))


def _is_mixture(bindings: Bindings) -> bool:
    """B is a target, the weight of a mixture of probabilities."""
    return _is_target(bindings) and _is_probability(bindings)


def _is_given_mixture(bindings: Bindings) -> bool:
    """B is a target, and A a probability that is given, not computed."""
    leaf = symbol_of(bindings[A])
    return _is_target(bindings) and leaf is not None and leaf.role == "raw"


def _is_no_square(bindings: Bindings) -> bool:
    """B is no small whole number, whose power is a product."""
    return number_of(bindings[B]) not in (1.0, 2.0, 3.0)


def _varies(bindings: Bindings) -> bool:
    """B is more than a number or a parameter: it may be 0 in some row."""
    return bool(bindings[B].axes)


def _own(op: str, *args: Node) -> Node:
    return make(op, *args)


_SIG: Final = _own("sigmoid", A)
_SOFT: Final = _own("softmax", A)
_EXP: Final = _own("exp", A)
_LSE: Final = _own("class_logsumexp", A)
_CHOICE: Final = _own("where", D, A, C)
_MIXTURE: Final = B * A + (ONE - B) * C
_PICKED: Final = _own("class_sum", B * _SOFT)
_MISSED: Final = _own("class_sum", B * _own("softmax_complement", A)) + (ONE - _own("class_sum", B))
_PICKED_LOG: Final = _own("class_sum", B * _own("log_softmax", A))


def _for_hard_labels(hard: Node, other: Node, soft: Node) -> Node:
    """The same for a label that is 1, for one that is 0, and for one in between."""
    return make("where", make("equal", B, ONE), hard, make("where", make("equal", B, constant(0.0)), other, soft))


def _for_one_class(hard: Node, soft: Node) -> Node:
    """The same for a row of labels that names one class, and for any other."""
    return make("where", _is_one_class(), hard, soft)


def _is_one_class() -> Node:
    alone = make("equal", make("class_sum", B), ONE), make("equal", make("class_max", B), ONE)
    return make("logical_and", *alone)


def _log(a: Node) -> Node:
    """The logarithm under another name, which no rule takes up again."""
    return make("log_ratio", a, ONE)


# 1 where the label names one class: the power of what is missed is not looked at there, and its derivative stays finite
_MISSED_IF_SOFT: Final = make("where", _is_one_class(), ONE, _MISSED)

LIFT: Final[tuple[Rule | Procedure, ...]] = (
    Rule("stray_sign", make("negative", make("negative", A)), A, "fewer nodes, same value"),
    Rule("stray_sign", A * (-B), -(A * B), "signs outside, where sums can absorb them"),
    Rule("stray_sign", A - (-B), A + B, "fewer nodes, same value"),
    Rule("stray_sign", A + (-B), A - B, "fewer nodes, same value"),
    Rule("overflow_in_log_exp", make("log", _EXP), A, "exp overflows though its logarithm is harmless"),
    Rule("underflow_in_log_sigmoid", make("log", _SIG), -make("softplus", -A), "sigmoid underflows for very negative A"),
    Rule("cancellation_in_one_minus_sigmoid", ONE - _SIG, make("sigmoid", -A), "1 - p loses everything as p nears 1"),
    Rule("overflow_in_logistic", ONE / (ONE + _EXP), make("sigmoid", -A), "exp overflows for large A"),
    Rule("overflow_in_logistic", _EXP / (ONE + _EXP), _SIG, "inf / inf for large A"),
    Rule("overflow_in_logistic", B / (ONE + _EXP), B * make("sigmoid", -A), "x / (1 + exp(-x)): inf in the derivative"),
    Rule("overflow_in_log1p_exp", make("log", ONE + _EXP), make("softplus", A), "exp overflows, and 1 + exp drops small terms"),
    Rule("overflow_in_log1p_exp", make("log1p", _EXP), make("softplus", A), "exp overflows for large A"),
    Rule("product_in_sigmoid_power", _SIG**B, make("sigmoid_power", A, B), "the power of a rounded p, and 0 ** b in derivatives"),
    Rule("overflow_in_log_cosh", make("log", make("cosh", A)), make("log_cosh", A), "cosh overflows, and log loses small A"),
    Rule("cancellation_in_target_minus_sigmoid", B - _SIG, B * make("sigmoid", -A) - (ONE - B) * _SIG,
         "pair the mixture terms: each is exact where the difference is not", _is_target),
    Rule("cancellation_in_target_minus_sigmoid", _SIG - B, (ONE - B) * _SIG - B * make("sigmoid", -A),
         "pair the mixture terms: each is exact where the difference is not", _is_target),
    # the probability of what happened, chosen or mixed
    Rule("cancellation_in_one_minus_choice", ONE - _CHOICE, make("where", D, ONE - A, ONE - C),
         "the complement of a probability belongs inside", _is_probability),
    Rule("underflow_in_log_of_choice", make("log", _CHOICE), make("where", D, make("log", A), make("log", C)),
         "the logarithm of a probability belongs inside", _is_probability),
    Rule("product_in_power_of_choice", _CHOICE**B, make("where", D, A**B, C**B),
         "the power of a probability belongs inside", _is_probability),
    Rule("cancellation_in_one_minus_mixture", ONE - _MIXTURE, B * (ONE - A) + (ONE - B) * (ONE - C),
         "the complement of a probability belongs inside", _is_mixture),
    Rule("cancellation_in_one_minus_mixture", ONE - (B * A + (ONE - B) * (ONE - A)), B * (ONE - A) + (ONE - B) * A,
         "the complement of a probability that is given belongs inside", _is_given_mixture),
    Rule("underflow_in_log_of_mixture", make("log", _MIXTURE), _for_hard_labels(make("log", A), make("log", C), _log(_MIXTURE)),
         "the logarithm of a probability belongs inside", _is_mixture),
    Rule("product_in_power_of_mixture", _MIXTURE**D, _for_hard_labels(A**D, C**D, make("exp", D * _log(_MIXTURE))),
         "the power of a probability belongs inside", _is_mixture),
    Rule("cancellation_in_one_minus_sigmoid_power", ONE - make("sigmoid_power", A, B),
         -make("expm1", -(B * make("softplus", -A))), "1 - p ** b loses everything as p nears 1"),
    Rule("cancellation_in_one_minus_exp", ONE - _EXP, -make("expm1", A), "1 - exp(a) loses everything as a nears 0"),
    Rule("cancellation_in_one_minus_exp", _EXP - ONE, make("expm1", A), "exp(a) - 1 loses everything as a nears 0"),
    Rule("cancellation_in_one_minus_exp", constant(-1.0) + _EXP, make("expm1", A), "as a derivative writes exp(a) - 1"),
    Rule("cancellation_in_one_plus_expm1", ONE + make("expm1", A), _EXP, "1 - p through the cloglog link"),
    Rule("infinity_minus_infinity", _EXP - B * A, make("exp_minus", A, B * A), "exp(a) overflows long before b * a matters",
         _is_data),
    # classes
    Rule("overflow_in_log_sum_exp", make("log", make("class_sum", _EXP)), _LSE, "exp overflows"),
    Rule("overflow_in_softmax", _EXP / make("class_sum", _EXP), _SOFT, "exp overflows"),
    Rule("cancellation_in_log_softmax", A - _LSE, make("log_softmax", A), "A - lse is a false 0 for the surest class"),
    Rule("cancellation_in_log_softmax", _LSE - A, -make("log_softmax", A), "lse - A is a false 0 for the surest class"),
    Rule("cancellation_in_log_softmax", _LSE - make("class_sum", B * A),
         make("vanishing_product", ONE - make("class_sum", B), _LSE) - _PICKED_LOG, "lse - z_t is a false 0", _is_target),
    Rule("underflow_in_log_softmax", make("log", _SOFT), make("log_softmax", A), "softmax underflows"),
    Rule("cancellation_in_one_minus_softmax", ONE - _SOFT, make("softmax_complement", A), "1 - p loses everything as p nears 1"),
    Rule("underflow_in_log_of_picked", make("log", _PICKED), _for_one_class(_PICKED_LOG, _log(_PICKED)),
         "the logarithm of the true class's probability belongs inside", _is_target),
    Rule("cancellation_in_one_minus_picked", ONE - _PICKED,
         make("class_sum", B * make("softmax_complement", A)) + (ONE - make("class_sum", B)),
         "the complement of the true class's probability belongs inside", _is_target),
    Rule("underflow_in_power_of_picked", _PICKED**C, _for_one_class(make("exp", C * _PICKED_LOG), make("exp", C * _log(_PICKED))),
         "0 ** (c - 1) is infinite in the derivative", _is_target),
    Rule("cancellation_in_one_minus_picked", ONE - make("class_sum", B * A),
         make("class_sum", B * (ONE - A)) + (ONE - make("class_sum", B)),
         "the complement of a probability that is given belongs inside", _is_given_mixture),
    Rule("underflow_in_power_of_complement", _MISSED**C,
         _for_one_class(make("class_sum", B * make("softmax_complement_power", A, C)), make("exp", C * _log(_MISSED_IF_SOFT))),
         "0 ** (c - 1) is infinite in the derivative", _is_target),
    Rule("underflow_in_power_of_softmax", _SOFT**B, make("exp", B * make("log_softmax", A)),
         "0 ** (b - 1) is infinite in the derivative", _is_no_square),
    Rule("zero_to_a_power", make("softmax_complement", A) ** B, make("softmax_complement_power", A, B),
         "0 ** (b - 1) is infinite in the derivative"),
    Rule("cancellation_in_target_minus_softmax", B - _SOFT,
         B * make("softmax_complement", A) - (ONE - B) * _SOFT, "pair the mixture terms", _is_target),
    Rule("cancellation_in_target_minus_softmax", _SOFT - B,
         (ONE - B) * _SOFT - B * make("softmax_complement", A), "pair the mixture terms", _is_target),
    # logarithms of probabilities that are given, not computed
    Rule("cancellation_in_log_one_minus", make("log", ONE - A), make("log1p", -A), "1 - a rounds before the logarithm"),
    Rule("zero_times_log_zero", B * (make("log", B) - make("log", A)),
         make("where", make("equal", B, constant(0.0)), constant(0.0), B * make("log_ratio", B, A)),
         "0 * log 0 is 0; the log of a ratio near 1 needs the difference"),
    Rule("zero_times_log_zero", B * make("log", B / A),
         make("where", make("equal", B, constant(0.0)), constant(0.0), B * make("log_ratio", B, A)),
         "0 * log 0 is 0; the log of a ratio near 1 needs the difference"),
    Rule("zero_times_log_zero", B * make("log", A), make("xlogy", B, A), "0 * log 0 is 0", _varies),
    Rule("zero_times_log_zero", B * make("log1p", A), make("xlog1py", B, A), "0 * log 0 is 0", _varies),
    # exponentials times data
    Rule("overflow_in_scaled_exp", B / _EXP, make("scaled_exp", B, -A), "exp overflows though the quotient is finite", _is_data),
    Rule("overflow_in_scaled_exp", B * _EXP, make("scaled_exp", B, A), "exp overflows though the product is finite", _is_data),
    Rule("overflow_in_power_of_exp", _EXP**B, make("exp", B * A), "exp overflows though its power is finite"),
    Rule("overflow_in_power_of_exp", make("sqrt", _EXP), make("exp", constant(0.5) * A), "exp overflows, its root does not"),
    # sums over examples
    Rule("overflow_in_root_mean_square", make("sqrt", make("example_mean", A**TWO)), make("example_rms", A), "A ** 2 overflows"),
    Rule("overflow_in_root_mean_square", make("sqrt", make("example_mean", A * A)), make("example_rms", A), "A ** 2 overflows"),
    Rule("cancellation_in_overlap", (B + A) - (TWO * (B * A)), B * (ONE - A) + (ONE - B) * A, "b + a - 2ab near a = b = 1"),
    Procedure("cancellation_in_one_minus_ratio", lambda node: _one_minus_ratio(node),
              "1 - N/D as (D - N)/D with the sums of D - N merged into one"),
    Procedure("cancellation_in_one_minus_smoothed", lambda node: _one_minus_smoothed(node),
              "what a smoothed label is short of 1, without the difference"),
    Procedure("cancellation_in_smoothed_minus_probability", lambda node: _smoothed_minus_probability(node),
              "pair the mixture terms of a smoothed label: each is exact where the difference is not"),
    Procedure("cancellation_in_one_minus_picked", lambda node: _one_minus_smoothed_pick(node),
              "the complement of the true class's probability belongs inside"),
    Procedure("cancellation_in_one_minus_smoothed_mixture", lambda node: _one_minus_smoothed_mixture(node),
              "the complement of a probability belongs inside"),
)  # fmt: skip


def lift(root: Node) -> tuple[Node, tuple[Step, ...]]:
    """Apply the lifting identities; returns the new formula and the steps."""
    return rewrite(root, LIFT)


def _one_minus_ratio(node: Node) -> Node | None:
    """1 - N/D, where N and D are linear in sums over examples: merge D - N into one sum."""
    if node.op != "subtract" or node.args[0] is not ONE or node.args[1].op != "divide":
        return None
    top, bottom = node.args[1].args
    if "example" in node.axes or not any(n.op == "example_sum" for n in walk(top)):
        return None
    terms: dict[tuple[frozenset[Node], Node], float] = {}
    _collect(bottom, 1.0, frozenset(), terms)
    _collect(top, -1.0, frozenset(), terms)
    merged = _merge({key: factor for key, factor in terms.items() if factor != 0.0})
    return None if merged is None else make("safe_divide", merged, bottom)


def complement_of(label: Node) -> Node | None:
    """1 - y for a target y, smoothed as often as may be: (1 - e) y + e/n has the complement (1 - e) (1 - y) + (e - e/n)."""
    leaf = symbol_of(label)
    if leaf is not None:
        return ONE - label if leaf.role == "target" else None
    if label.op != "add" or label.args[0].op != "multiply" or label.args[1].op != "divide":
        return None
    (kept, inside), (rate, classes) = label.args[0].args, label.args[1].args
    if kept.op != "subtract" or kept.args[0] is not ONE or kept.args[1] is not rate:
        return None
    other = complement_of(inside)
    share = label.args[1] if number_of(classes) == 2.0 else rate - label.args[1]
    return None if other is None else kept * other + share


PROBABILITIES: Final[Mapping[str, Callable[[Node], Node]]] = {"sigmoid": lambda p: make("sigmoid", -p.args[0]),
                        "softmax": lambda p: make("softmax_complement", p.args[0])}  # fmt: skip


def _one_minus_smoothed(node: Node) -> Node | None:
    """1 - y' for a smoothed label y'."""
    if node.op != "subtract" or node.args[0] is not ONE or symbol_of(node.args[1]) is not None:
        return None
    return complement_of(node.args[1])


def _smoothed_minus_probability(node: Node) -> Node | None:
    """y' - p, or p - y', for a smoothed label y': y' (1 - p) - (1 - y') p."""
    if node.op != "subtract":
        return None
    first, second = node.args
    for label, p, turned in ((first, second, False), (second, first, True)):
        other = complement_of(label) if p.op in PROBABILITIES and symbol_of(label) is None else None
        if other is not None:
            pair = label * PROBABILITIES[p.op](p), other * p
            return pair[1] - pair[0] if turned else pair[0] - pair[1]
    return None


def _one_minus_smoothed_pick(node: Node) -> Node | None:
    """1 - sum of y' p over the classes for a smoothed label y': the sum of y' (1 - p), and what y' lacks of 1."""
    if node.op != "subtract" or node.args[0] is not ONE or node.args[1].op != "class_sum":
        return None
    product = node.args[1].args[0]
    if product.op != "multiply" or product.args[1].op != "softmax" or symbol_of(product.args[0]) is not None:
        return None
    lacking = _lacking(product.args[0])
    if lacking is None:
        return None
    return make("class_sum", product.args[0] * make("softmax_complement", product.args[1].args[0])) + lacking


def _lacking(label: Node) -> Node | None:
    """What the shares of a label lack of 1: smoothing keeps (1 - e) of it."""
    if complement_of(label) is None:
        return None
    if label.op == "symbol":
        return ONE - make("class_sum", label)
    kept, inside = label.args[0].args
    rest = _lacking(inside)
    return None if rest is None else kept * rest


def _one_minus_smoothed_mixture(node: Node) -> Node | None:
    """1 - (y' p + (1 - y') q) for a smoothed label y': y' (1 - p) + (1 - y') (1 - q)."""
    if node.op != "subtract" or node.args[0] is not ONE or node.args[1].op != "add":
        return None
    terms = node.args[1].args
    if any(t.op != "multiply" for t in terms) or symbol_of(terms[0].args[0]) is not None:
        return None
    p, q = (t.args[1] for t in terms)
    if not (p.op == q.op == "sigmoid" or (symbol_of(p) is not None and q is ONE - p)):
        return None
    if complement_of(terms[0].args[0]) is not terms[1].args[0]:
        return None
    return terms[0].args[0] * (ONE - p) + terms[1].args[0] * (p if symbol_of(p) is not None else ONE - q)


def _collect(
    node: Node, factor: float, scales: frozenset[Node], terms: dict[tuple[frozenset[Node], Node], float]
) -> None:
    """Write a finished number as a sum of factor * scales * term."""
    if node.op in ("add", "subtract"):
        _collect(node.args[0], factor, scales, terms)
        _collect(node.args[1], factor if node.op == "add" else -factor, scales, terms)
    elif node.op == "negative":
        _collect(node.args[0], -factor, scales, terms)
    elif node.op == "multiply" and number_of(node.args[0]) is not None:
        _collect(node.args[1], factor * (number_of(node.args[0]) or 0.0), scales, terms)
    elif node.op == "multiply" and symbol_of(node.args[0]) is not None:
        _collect(node.args[1], factor, scales | {node.args[0]}, terms)
    else:
        terms[(scales, node)] = terms.get((scales, node), 0.0) + factor


def _merge(terms: dict[tuple[frozenset[Node], Node], float]) -> Node | None:
    """One sum over examples of the merged bodies, plus what is no such sum."""
    body: Node | None = None
    rest: Node | None = None
    attr = None
    for (scales, term), factor in sorted(terms.items(), key=lambda item: -item[1]):
        inner = term.args[0] if term.op == "example_sum" else term
        for scale in scales:
            inner = scale * inner
        sign = 1.0 if factor > 0 else -1.0
        scaled = inner if abs(factor) == 1.0 else constant(abs(factor)) * inner
        if term.op == "example_sum":
            attr = term.attr
            body = _signed(body, scaled, sign)
        else:
            rest = _signed(rest, scaled, sign)
    if body is None:
        return rest
    total = make("example_sum", body, attr=attr)
    return total if rest is None else total + rest


def _signed(total: Node | None, term: Node, sign: float) -> Node:
    if total is None:
        return term if sign > 0 else -term
    return total + term if sign > 0 else total - term
