"""The whole vocabulary of formulas: every operation with its arity and its exact meaning.

Comes in: nothing. Goes out: `OPERATIONS`, which the graph, the evaluators and the emitters read.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

Axis: TypeAlias = Literal["example", "class", "group"]
Role: TypeAlias = Literal["target", "raw", "prediction", "parameter", "column", "weight"]


@dataclass(frozen=True)
class Operation:
    """One word of the vocabulary: `arity` arguments, exact `meaning` in plain maths."""

    name: str
    arity: int
    meaning: str
    commutative: bool = False
    reduces: Axis | None = None
    boolean: bool = False

    @property
    def joins_examples(self) -> bool:
        """Whether the result for one example depends on the others."""
        return self.reduces == "example" or self.name == "largest"


def _table(*rows: Operation) -> dict[str, Operation]:
    return {row.name: row for row in rows}


OPERATIONS: Final[dict[str, Operation]] = _table(
    # leaves
    Operation("constant", 0, "an exact floating-point number"),
    Operation("symbol", 0, "a target, raw prediction, prediction, parameter, column or weight"),
    # arithmetic
    Operation("add", 2, "a + b", commutative=True),
    Operation("subtract", 2, "a - b"),
    Operation("multiply", 2, "a * b", commutative=True),
    Operation("divide", 2, "a / b"),
    Operation("negative", 1, "-a"),
    Operation("power", 2, "a ** b"),
    # elementary functions
    Operation("exp", 1, "e ** a"),
    Operation("expm1", 1, "e ** a - 1"),
    Operation("log", 1, "natural logarithm of a"),
    Operation("log1p", 1, "log(1 + a)"),
    Operation("sqrt", 1, "square root of a"),
    Operation("tanh", 1, "hyperbolic tangent"),
    Operation("cosh", 1, "hyperbolic cosine"),
    Operation("sinh", 1, "hyperbolic sine"),
    Operation("erf", 1, "error function"),
    Operation("lgamma", 1, "log of the gamma function, a > 0"),
    Operation("digamma", 1, "derivative of lgamma"),
    Operation("trigamma", 1, "derivative of digamma"),
    Operation("sin", 1, "sine"),
    Operation("cos", 1, "cosine"),
    Operation("abs", 1, "|a|"),
    Operation("sign", 1, "-1, 0 or 1"),
    # choice
    Operation("less", 2, "a < b", boolean=True),
    Operation("less_equal", 2, "a <= b", boolean=True),
    Operation("equal", 2, "a == b", commutative=True, boolean=True),
    Operation("logical_and", 2, "a and b", commutative=True, boolean=True),
    Operation("logical_or", 2, "a or b", commutative=True, boolean=True),
    Operation("logical_not", 1, "not a", boolean=True),
    Operation("where", 3, "b where a holds, else c"),
    Operation("maximum", 2, "the larger of a and b", commutative=True),
    Operation("minimum", 2, "the smaller of a and b", commutative=True),
    Operation("stop_gradient", 1, "a, whose derivative counts as 0"),
    # safe nodes: exact meaning here, floating-point forms in stable/forms.py
    Operation("sigmoid", 1, "1 / (1 + e ** -a)"),
    Operation("softplus", 1, "log(1 + e ** a)"),
    Operation("sigmoid_power", 2, "sigmoid(a) ** b, b >= 0"),
    Operation("log_cosh", 1, "log(cosh(a))"),
    Operation("normal_cdf", 1, "the share of a standard normal below a: (1 + erf(a / sqrt(2))) / 2"),
    Operation("log_normal_cdf", 1, "log(normal_cdf(a))"),
    Operation("normal_hazard", 1, "the derivative of log_normal_cdf: e ** (-a**2 / 2) / sqrt(2 pi) / normal_cdf(a)"),
    Operation("normal_gap", 1, "a + normal_hazard(a)"),
    Operation("xlogy", 2, "a * log(b), and 0 where a = 0"),
    Operation("xlog1py", 2, "a * log(1 + b), and 0 where a = 0"),
    Operation("safe_divide", 2, "a / b, and 0 where a = 0"),
    Operation("vanishing_product", 2, "a * b, and 0 where a = 0"),
    Operation("log_ratio", 2, "log(a / b)"),
    Operation("scaled_exp", 2, "a * e ** b, and 0 where a = 0"),
    Operation("exp_minus", 2, "e ** a - b"),
    Operation("one_minus_scaled_exp", 2, "1 - a * e ** b"),
    Operation("exp_excess", 1, "e ** a - 1 - a"),
    Operation("log_deficit", 1, "a - log(1 + a)"),
    # classes: an argument with a class axis; the others keep it
    Operation("class_sum", 1, "sum of a over the classes", reduces="class"),
    Operation("class_max", 1, "largest a over the classes", reduces="class"),
    Operation("class_logsumexp", 1, "log of the sum of e ** a over the classes", reduces="class"),
    Operation("softmax", 1, "e ** a_k / sum of e ** a over the classes"),
    Operation("log_softmax", 1, "a_k - log of the sum of e ** a over the classes"),
    Operation("softmax_complement", 1, "1 - softmax(a)_k"),
    Operation("softmax_complement_power", 2, "(1 - softmax(a)_k) ** b, b >= 0"),
    Operation("softmax_slope", 1, "softmax(a)_k (1 - softmax(a)_k)"),
    Operation("softmax_focal", 2, "(1 - softmax(a)_k) ** b * log_softmax(a)_k, b >= 0"),
    Operation("softmax_focal_slope", 2, "the derivative of softmax_focal by log_softmax(a)_k"),
    Operation("softmax_focal_bend", 2, "the derivative of softmax_focal_slope by log_softmax(a)_k"),
    Operation("class_others", 1, "sum of a over the other classes: class_sum(a) - a_k"),
    # implementation only: what the floating-point forms are made of; never differentiated
    Operation("log1p_unit", 1, "log(1 + a), 0 <= a <= 1"),
    Operation("exp_muladd", 3, "e ** (a * b + c)"),
    Operation("two_words", 2, "a + b, for b which is what rounding took from a"),
    Operation("rest_of_sum", 1, "what rounding takes from a sum over the examples (0 in exact numbers)"),
    Operation("sigmoid_slope", 1, "sigmoid(a) * sigmoid(-a)"),
    Operation("softmax_focal_own", 2, "the second derivative of softmax_focal by its own a_k"),
    Operation("exp_rest", 2, "e ** a - b, for b which is e ** a rounded"),
    Operation("class_first_max", 1, "whether a_k is the first largest over the classes", boolean=True),
    # examples: weighted by sample_weight; rows of weight 0 are absent
    Operation("example_sum", 1, "sum of w * a over the examples", reduces="example"),
    Operation("example_mean", 1, "sum of w * a over sum of w", reduces="example"),
    Operation("example_rms", 1, "sqrt(sum of w * a**2 over sum of w)", reduces="example"),
    Operation("example_log_mean_exp", 1, "log(sum of w * e**a over sum of w)", reduces="example"),
    Operation("example_logsumexp", 1, "log(sum of w * e**a)", reduces="example"),
    Operation("example_max", 1, "the largest a over the examples", reduces="example"),
    Operation("example_count", 1, "sum of a over the examples that are present, not weighted", reduces="example"),
    # a choice between examples: needs a look at all of them, and counts as a number for derivatives
    Operation("largest", 3, "the share (0 to 1) of an example among the b of weight with the largest a; c: may it be"),
    # the unweighted mean over a named axis of finished numbers: attr is the axis
    Operation("axis_mean", 1, "unweighted mean over an axis of finished numbers"),
    Operation("group_count", 0, "the number of groups"),
)
