"""Lift: from naive maths to safe nodes, by exact identities only, before anything is differentiated.

Comes in: a resolved formula. Goes out: an equal formula whose derivatives and floating-point forms are safe.
"""

from __future__ import annotations

from typing import Final

from lossmith.formula.excess import flat_at_zero
from lossmith.formula.hard_labels import by_hard_label, into_choice, one_pick
from lossmith.formula.lift_procedures import (
    focal,
    log_one_minus_exp,
    one_minus_ratio,
    one_minus_smoothed,
    one_minus_smoothed_mixture,
    one_minus_smoothed_pick,
    other_outcome,
    smoothed_minus_probability,
    with_outer_sign,
)
from lossmith.formula.logs import cosh_of_two, grown_quotient, log_of_product, met_exponents, product_with_log
from lossmith.formula.node import Node, constant, make, number_of, symbol_of, walk
from lossmith.formula.normal import half_of_erf
from lossmith.formula.polynomial import is_residual
from lossmith.formula.rewrite import Bindings, Procedure, Rule, Step, rewrite, wildcard
from lossmith.formula.shares import of_one_sign
from lossmith.formula.underflow import far_left

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
    steep = ("sigmoid", "sigmoid_power", "exp", "normal_cdf")
    return any((n.args[1] if n.op == "where" else n).op in steep for n in (bindings[A], bindings[C]))


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


def _is_data_in_rows(bindings: Bindings) -> bool:
    """B is data that may be 0 in some row, and A is not."""
    return _is_data(bindings) and _varies(bindings) and bool(bindings[A].axes)


def _is_target_beside_exp(bindings: Bindings) -> bool:
    """B is a target, A an exponential: what was divided by a target for the sake of its exponent."""
    return _is_target(bindings) and bindings[A].op == "exp"


def _is_given_power(bindings: Bindings) -> bool:
    """C is a number."""
    return not bindings[C].axes


def _is_unsplit_gap(bindings: Bindings) -> bool:
    """B is a target, A and C are positive shares."""
    return _is_target(bindings) and all(bindings[x].op == "sigmoid" for x in (A, C))


def _is_common(bindings: Bindings) -> bool:
    """C is one number for all classes, A is not."""
    return "class" not in bindings[C].axes and "class" in bindings[A].axes


def _is_residual(bindings: Bindings) -> bool:
    """B is a sum that moves with a raw prediction."""
    return is_residual(bindings[B])


def _varies(bindings: Bindings) -> bool:
    """B is more than a number or a parameter: it may be 0 in some row."""
    return bool(bindings[B].axes)


def _own(op: str, *args: Node) -> Node:
    return make(op, *args)


_SIG: Final = _own("sigmoid", A)
_CDF: Final = _own("normal_cdf", A)
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
    Rule("stray_sign", make("abs", _EXP), _EXP, "an exponential is its own size"),
    Rule("stray_sign", make("abs", _EXP - B), make("abs", B - _EXP), "the size of a gap sees no sign", _is_data_in_rows),
    Rule("stray_sign", (_EXP - B) ** TWO, (B - _EXP) ** TWO, "the square of a gap sees no sign", _is_data_in_rows),
    Rule("stray_sign", make("negative", make("negative", A)), A, "fewer nodes, same value"),
    Rule("stray_sign", A * (-B), -(A * B), "signs outside, where sums can absorb them"),
    Rule("stray_sign", A - (-B), A + B, "fewer nodes, same value"),
    Rule("stray_sign", A + (-B), A - B, "fewer nodes, same value"),
    Rule("stray_sign", make("negative", A) * B, -(A * B), "signs outside, where sums can absorb them"),
    Rule("overflow_in_log_cosh", make("log", TWO * make("cosh", A)), make("log_cosh", A) + make("log", TWO), "cosh overflows"),
    Rule("stray_sign", B * B, B**TWO, "the square of a residual, as roots and logarithms know it", _is_residual),
    Procedure("stray_sign", with_outer_sign, "signs outside, where sums can absorb them"),
    Rule("cancellation_of_equal_terms", (A - B) + B, A, "what is taken away and added again rounds twice"),
    Rule("overflow_in_log_exp", make("log", _EXP), A, "exp overflows though its logarithm is harmless"),
    Rule("underflow_in_log_sigmoid", make("log", _SIG), -make("softplus", -A), "sigmoid underflows for very negative A"),
    Rule("cancellation_in_one_minus_sigmoid", ONE - _SIG, make("sigmoid", -A), "1 - p loses everything as p nears 1"),
    Rule("overflow_in_logistic", make("expm1", A) / (ONE + _EXP), make("tanh", A / TWO), "inf / inf for large A"),
    Rule("overflow_in_logistic", (B * make("expm1", A)) / (ONE + _EXP), B * make("tanh", A / TWO), "inf / inf for large A"),
    Rule("overflow_in_logistic", (-(B * make("expm1", A))) / (ONE + _EXP), -(B * make("tanh", A / TWO)), "inf / inf for large A"),
    Rule("overflow_in_logistic", (-make("expm1", A)) / (ONE + _EXP), -make("tanh", A / TWO), "inf / inf for large A"),
    Rule("overflow_in_logistic", ONE / (ONE + _EXP), make("sigmoid", -A), "exp overflows for large A"),
    Rule("overflow_in_logistic", _EXP / (ONE + _EXP), _SIG, "inf / inf for large A"),
    Rule("overflow_in_logistic", B / (ONE + _EXP), B * make("sigmoid", -A), "x / (1 + exp(-x)): inf in the derivative"),
    Rule("overflow_of_a_quotient", _EXP / (B + _EXP), make("sigmoid", A - make("log", B)), "inf / inf for large A",
         _is_data_in_rows),
    Rule("overflow_of_a_quotient", B / (B + _EXP), make("sigmoid", make("log", B) - A), "0 / 0 for B of 0", _is_data_in_rows),
    Rule("overflow_of_a_quotient", (B - _EXP) / (B + _EXP), make("tanh", (make("log", B) - A) / TWO), "inf / inf for large A",
         _is_data_in_rows),
    Rule("overflow_of_a_quotient", (_EXP - B) / (B + _EXP), make("tanh", (A - make("log", B)) / TWO), "inf / inf for large A",
         _is_data_in_rows),
    Rule("overflow_of_a_quotient", make("abs", B - _EXP) / (B + _EXP), make("abs", make("tanh", (make("log", B) - A) / TWO)),
         "inf / inf for large A", _is_data_in_rows),
    Rule("overflow_of_a_quotient", (B - _EXP) ** TWO / _EXP, (make("scaled_exp", B, -(A / TWO)) - make("exp", A / TWO)) ** TWO,
         "inf / inf for large A", _is_data_in_rows),
    Rule("overflow_in_log1p_exp", make("log", ONE + _EXP), make("softplus", A), "exp overflows, and 1 + exp drops small terms"),
    Rule("overflow_in_log1p_exp", make("log1p", _EXP), make("softplus", A), "exp overflows for large A"),
    Rule("product_in_sigmoid_power", _SIG**B, make("sigmoid_power", A, B), "the power of a rounded p, and 0 ** b in derivatives"),
    Rule("stray_sign", make("log_cosh", make("abs", A)), make("log_cosh", A), "an even function has no kink at 0"),
    Rule("stray_sign", make("log_cosh", -A), make("log_cosh", A), "an even function sees no sign"),
    Rule("rounding_of_a_logarithm", make("exp", make("log", B) - A), make("scaled_exp", B, -A),
         "the rounding of log b is multiplied by the exponential", _is_target),
    Rule("rounding_of_a_logarithm", make("exp", A - make("log", B)), make("exp", A) / B,
         "the rounding of log b is multiplied by the exponential", _is_target),
    Rule("rounding_of_a_reciprocal", B * (A / B), A, "b times a / b is only nearly a", _is_target_beside_exp),
    Rule("rounding_of_a_logarithm", make("expm1", make("log", B) - A), -make("one_minus_scaled_exp", B, -A),
         "the rounding of log b is multiplied by the exponential", _is_target),
    Rule("rounding_of_a_logarithm", B * make("expm1", A - make("log", B)), make("exp_minus", A, B),
         "the rounding of log b is multiplied by the exponential", _is_target),
    Rule("overflow_in_log_cosh", make("log", make("cosh", A)), make("log_cosh", A), "cosh overflows, and log loses small A"),
    Rule("cancellation_in_target_minus_sigmoid", B - _SIG, B * make("sigmoid", -A) - (ONE - B) * _SIG,
         "pair the mixture terms: each is exact where the difference is not", _is_target),
    Rule("cancellation_in_target_minus_sigmoid", _SIG - B, (ONE - B) * _SIG - B * make("sigmoid", -A),
         "pair the mixture terms: each is exact where the difference is not", _is_target),
    Rule("cancellation_in_twice_sigmoid_minus_one", TWO * _SIG - ONE, make("tanh", A / TWO), "2 p - 1 is a false 0 near a = 0"),
    Rule("cancellation_in_twice_sigmoid_minus_one", ONE - TWO * _SIG, -make("tanh", A / TWO), "1 - 2 p is a false 0 near a = 0"),
    # the normal distribution
    Procedure("cancellation_in_normal_tail", half_of_erf, "1 + erf(a) loses everything for very negative a"),
    Rule("cancellation_in_normal_tail", constant(0.5) * (TWO * A), A, "halves of what is doubled"),
    Rule("cancellation_in_normal_tail", (TWO * A) / TWO, A, "halves of what is doubled"),
    Rule("cancellation_in_normal_tail", ONE - _CDF, make("normal_cdf", -A), "1 - p loses everything as p nears 1"),
    Rule("underflow_in_log_normal_cdf", make("log", _CDF), make("log_normal_cdf", A), "the share underflows for very negative A"),
    Rule("underflow_in_log_normal_cdf", make("log1p", -_CDF), make("log_normal_cdf", -A), "1 - p loses everything as p nears 1"),
    Rule("zero_to_a_power", _CDF**B, make("exp", B * make("log_normal_cdf", A)), "0 ** (b - 1) in derivatives", _is_no_square),
    Rule("cancellation_in_target_minus_normal_cdf", B - _CDF, B * make("normal_cdf", -A) - (ONE - B) * _CDF,
         "pair the mixture terms: each is exact where the difference is not", _is_target),
    Rule("cancellation_in_target_minus_normal_cdf", _CDF - B, (ONE - B) * _CDF - B * make("normal_cdf", -A),
         "pair the mixture terms: each is exact where the difference is not", _is_target),
    Rule("cancellation_in_one_minus_cos", ONE - make("cos", A), TWO * make("sin", A / TWO) ** TWO, "1 - cos(a) is a false 0"),
    Rule("product_in_sigmoid_power", make("sqrt", _SIG), make("sigmoid_power", A, constant(0.5)), "0 ** -1/2 in derivatives"),
    Rule("underflow_in_root_of_square", make("sqrt", A**TWO), make("abs", A), "a ** 2 underflows and overflows"),
    Rule("cancellation_in_power_minus_one", (ONE + A) ** B - ONE, make("expm1", B * make("log1p", A)),
         "(1 + a) ** b - 1 is a false 0 for small a", _is_no_square),
    Rule("overflow_in_softplus", make("maximum", A, constant(0.0)) + make("softplus", -make("abs", A)), make("softplus", A),
         "the ramp and what it lacks, whose derivatives cancel"),
    Rule("overflow_in_softplus", make("where", constant(0.0) >= A, constant(0.0), A) + make("softplus", -make("abs", A)),
         make("softplus", A), "the ramp and what it lacks, whose derivatives cancel"),
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
         -make("expm1", -(B * make("softplus", -A))), "1 - p ** b loses everything as p nears 1", _is_no_square),
    Rule("cancellation_in_one_minus_exp", ONE - _EXP, -make("expm1", A), "1 - exp(a) loses everything as a nears 0"),
    Rule("cancellation_in_one_minus_exp", _EXP - ONE, make("expm1", A), "exp(a) - 1 loses everything as a nears 0"),
    Rule("cancellation_in_one_minus_exp", constant(-1.0) + _EXP, make("expm1", A), "as a derivative writes exp(a) - 1"),
    Rule("cancellation_in_one_plus_expm1", ONE + make("expm1", A), _EXP, "1 - p through the cloglog link"),
    Rule("infinity_minus_infinity", _EXP - B * A, make("exp_minus", A, B * A), "exp(a) overflows long before b * a matters",
         _is_data),
    # classes
    Rule("overflow_in_log_sum_exp", make("log", make("class_sum", _EXP)), _LSE, "exp overflows"),
    Rule("overflow_in_softmax", _EXP / make("class_sum", _EXP), _SOFT, "exp overflows"),
    Rule("overflow_in_softmax", make("class_sum", make("scaled_exp", B, A)) / make("class_sum", _EXP), _PICKED, "exp overflows"),
    Rule("cancellation_in_log_softmax", make("class_logsumexp", A - C), _LSE - C, "a shift common to all classes goes outside",
         _is_common),
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
    Procedure("cancellation_in_derivatives", focal,
              "(1 - p)**c log p as one, whose derivatives have few terms"),
    Rule("cancellation_in_target_minus_softmax", B - _SOFT,
         B * make("softmax_complement", A) - (ONE - B) * _SOFT, "pair the mixture terms", _is_target),
    Rule("cancellation_in_target_minus_softmax", _SOFT - B,
         (ONE - B) * _SOFT - B * make("softmax_complement", A), "pair the mixture terms", _is_target),
    # logarithms of probabilities that are given, not computed
    Rule("underflow_in_log_sigmoid", make("log1p", -_SIG), -make("softplus", A), "1 - p loses everything as p nears 1"),
    Procedure("cancellation_in_one_minus_exp", log_one_minus_exp, "exp(a) rounds near a = 0"),
    Rule("zero_to_a_power", make("scaled_exp", B, A) ** C, make("scaled_exp", B**C, C * A),
         "exp overflows though its power is finite", _is_given_power),
    Rule("underflow_in_log_of_mixture", make("abs", B * A - (ONE - B) * C),
         _for_hard_labels(A, C, make("maximum", B * A - (ONE - B) * C, -(B * A - (ONE - B) * C))),
         "a label of 0 or 1 leaves one term", _is_unsplit_gap),
    Rule("cancellation_in_log_one_minus", make("log", ONE - A), make("log1p", -A), "1 - a rounds before the logarithm"),
    Rule("zero_times_log_zero", B * (make("log", B) - make("log", A)),
         make("where", make("equal", B, constant(0.0)), constant(0.0), B * make("log_ratio", B, A)),
         "0 * log 0 is 0; the log of a ratio near 1 needs the difference"),
    Rule("zero_times_log_zero", B * make("log", B / A),
         make("where", make("equal", B, constant(0.0)), constant(0.0), B * make("log_ratio", B, A)),
         "0 * log 0 is 0; the log of a ratio near 1 needs the difference"),
    Rule("zero_times_log_zero", B * (make("log", B) - A), make("xlogy", B, B) - B * A, "0 * log 0 is 0", _is_data_in_rows),
    Rule("zero_times_log_zero", B * (make("log", B) + A), make("xlogy", B, B) + B * A, "0 * log 0 is 0", _is_data_in_rows),
    Procedure("zero_times_log_zero", other_outcome, "0 * log 0 is 0"),
    Rule("zero_times_log_zero", B * (A - make("log", B)), B * A - make("xlogy", B, B), "0 * log 0 is 0", _is_data_in_rows),
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
    Procedure("cancellation_between_exponentials", cosh_of_two,
             "e**a - e**-a is a false 0 near a = 0, and so is their half less 1"),
    Procedure("underflow_in_log_of_product", log_of_product, "logarithms of products and sums by those of their parts"),
    Procedure("underflow_in_log_of_product", product_with_log, "logarithms of products by those of their parts"),
    Procedure("overflow_of_a_quotient", grown_quotient, "inf / inf for large A, where both sides of the line grow alike"),
    Procedure("overflow_of_a_quotient", met_exponents, "exponentials above and below the line meet in the exponent"),
    Procedure("cancellation_in_one_minus_ratio", one_minus_ratio,
              "1 - N/D as (D - N)/D with the sums of D - N merged into one"),
    Procedure("cancellation_in_one_minus_smoothed", one_minus_smoothed,
              "what a smoothed label is short of 1, without the difference"),
    Procedure("cancellation_in_smoothed_minus_probability", smoothed_minus_probability,
              "pair the mixture terms of a smoothed label: each is exact where the difference is not"),
    Procedure("cancellation_in_one_minus_picked", one_minus_smoothed_pick,
              "the complement of the true class's probability belongs inside"),
    Procedure("cancellation_in_one_minus_smoothed_mixture", one_minus_smoothed_mixture,
              "the complement of a probability belongs inside"),
    Procedure("underflow_in_a_logarithm", far_left, "softplus(a) underflows where its logarithm is a"),
    Procedure("underflow_in_log_of_mixture", by_hard_label, "a label of 0 or 1 leaves one share, which is exact"),
    Procedure("cancellation_between_choices", into_choice, "a number and what is short of it meet within a branch"),
    Procedure("zero_times_infinity", one_pick, "where a row names one class, its factors meet in that class"),
    Procedure("cancellation_at_double_root", flat_at_zero, "exp(a) - 1 - a, or a - log(1 + a), is a false 0 near a = 0"),
    Procedure("cancellation_in_a_sum", of_one_sign, "an equal sum with terms of one sign for each outcome"),
)  # fmt: skip


def lift(root: Node) -> tuple[Node, tuple[Step, ...]]:
    """Apply the lifting identities; returns the new formula and the steps."""
    return rewrite(root, LIFT)
