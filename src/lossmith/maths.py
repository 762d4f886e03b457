"""The vocabulary that people write formulas in, each word with its formula.

Comes in: nodes and plain numbers. Goes out: nodes. `VOCABULARY` is the one list of words: the parser of formula texts
reads it, and so does whoever re-exports the words. `__all__` leaves out the words that would shadow a Python builtin
(`abs`, `sum`); they remain reachable as attributes of this module.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias, TypeVar

from lossmith.errors import FormulaError
from lossmith.formula.node import OPERATIONS, Node, as_node, constant, make, symbol
from lossmith.formula.parse import CONSTANTS

Expression: TypeAlias = Node | float
Word: TypeAlias = Callable[..., Node]
AnyWord = TypeVar("AnyWord", bound=Word)

_Y: Final = symbol("y", "target", ["example", "class"])
_ONE: Final = constant(1.0)
_ZERO: Final = constant(0.0)

VOCABULARY: Final[dict[str, Word]] = {}
"""Every word of formulas by its name, in the order of this file."""


def _word(function: AnyWord) -> AnyWord:
    VOCABULARY[function.__name__] = function
    return function


def _made(op: str, *values: Expression) -> Node:
    return make(op, *(as_node(value) for value in values))


def _condition(value: Expression, word: str) -> Node:
    """A condition stays itself; a number in the place of one is refused with advice."""
    node = as_node(value)
    if not OPERATIONS[node.op].boolean:
        raise FormulaError("LM125", f"{word} needs a condition, which is a comparison such as y > 0; found a number.")
    return node


# elementary functions


@_word
def exp(a: Expression) -> Node:
    """The exponential: e ** a."""
    return _made("exp", a)


@_word
def expm1(a: Expression) -> Node:
    """The exponential minus one: e ** a - 1."""
    return _made("expm1", a)


@_word
def log(a: Expression) -> Node:
    """The natural logarithm: the number whose exponential is a, for a > 0."""
    return _made("log", a)


@_word
def log1p(a: Expression) -> Node:
    """The natural logarithm of one more: log(1 + a), for a > -1."""
    return _made("log1p", a)


@_word
def sqrt(a: Expression) -> Node:
    """The square root: a ** 0.5, for a >= 0; its slope at 0 counts as 0."""
    return _made("sqrt", a)


@_word
def square(a: Expression) -> Node:
    """The square: a ** 2."""
    return _made("power", a, 2.0)


@_word
def power(a: Expression, b: Expression) -> Node:
    """The power: a ** b."""
    return _made("power", a, b)


@_word
def abs(a: Expression) -> Node:
    """The absolute value: a where a >= 0, else -a; its slope at 0 counts as 0."""
    return _made("abs", a)


@_word
def sign(a: Expression) -> Node:
    """The sign: -1, 0 or 1."""
    return _made("sign", a)


@_word
def sin(a: Expression) -> Node:
    """The sine of an angle in radians."""
    return _made("sin", a)


@_word
def cos(a: Expression) -> Node:
    """The cosine of an angle in radians."""
    return _made("cos", a)


@_word
def tanh(a: Expression) -> Node:
    """The hyperbolic tangent: (exp(a) - exp(-a)) / (exp(a) + exp(-a))."""
    return _made("tanh", a)


@_word
def cosh(a: Expression) -> Node:
    """The hyperbolic cosine: (exp(a) + exp(-a)) / 2."""
    return _made("cosh", a)


@_word
def sinh(a: Expression) -> Node:
    """The hyperbolic sine: (exp(a) - exp(-a)) / 2."""
    return _made("sinh", a)


@_word
def erf(a: Expression) -> Node:
    """The error function: 2 / sqrt(pi) times the integral of exp(-t**2) for t from 0 to a."""
    return _made("erf", a)


@_word
def lgamma(a: Expression) -> Node:
    """The logarithm of the gamma function, for a > 0; log(n!) is lgamma(n + 1)."""
    return _made("lgamma", a)


@_word
def digamma(a: Expression) -> Node:
    """The derivative of lgamma, for a > 0."""
    return _made("digamma", a)


@_word
def trigamma(a: Expression) -> Node:
    """The derivative of digamma, for a > 0."""
    return _made("trigamma", a)


@_word
def sigmoid(a: Expression) -> Node:
    """The logistic curve: 1 / (1 + exp(-a))."""
    return _made("sigmoid", a)


@_word
def softplus(a: Expression) -> Node:
    """The smooth ramp: log(1 + exp(a))."""
    return _made("softplus", a)


@_word
def log_cosh(a: Expression) -> Node:
    """The logarithm of the hyperbolic cosine: log(cosh(a))."""
    return _made("log_cosh", a)


@_word
def xlogy(a: Expression, b: Expression) -> Node:
    """The product a * log(b), and 0 where a = 0."""
    return _made("xlogy", a, b)


@_word
def xlog1py(a: Expression, b: Expression) -> Node:
    """The product a * log(1 + b), and 0 where a = 0."""
    return _made("xlog1py", a, b)


# choice


@_word
def where(condition: Expression, a: Expression, b: Expression) -> Node:
    """The choice: a where the condition holds, else b."""
    return _made("where", _condition(condition, "where"), a, b)


@_word
def maximum(a: Expression, b: Expression) -> Node:
    """The larger of a and b."""
    return _made("maximum", a, b)


@_word
def minimum(a: Expression, b: Expression) -> Node:
    """The smaller of a and b."""
    return _made("minimum", a, b)


@_word
def clip(a: Expression, low: Expression, high: Expression) -> Node:
    """The number a, held between low and high: minimum(maximum(a, low), high)."""
    return minimum(maximum(a, low), high)


@_word
def relu(a: Expression) -> Node:
    """The ramp: 0 where a <= 0, else a; its slope at 0 counts as 0."""
    node = as_node(a)
    return make("where", node <= _ZERO, _ZERO, node)


@_word
def logical_and(a: Expression, b: Expression) -> Node:
    """Both conditions hold: (a) & (b)."""
    return _made("logical_and", _condition(a, "logical_and"), _condition(b, "logical_and"))


@_word
def logical_or(a: Expression, b: Expression) -> Node:
    """At least one of the conditions holds: (a) | (b)."""
    return _made("logical_or", _condition(a, "logical_or"), _condition(b, "logical_or"))


@_word
def logical_not(a: Expression) -> Node:
    """The condition does not hold: ~(a)."""
    return _made("logical_not", _condition(a, "logical_not"))


@_word
def stop_gradient(a: Expression) -> Node:
    """The number a, whose derivative counts as 0: for weights that must not be learned from."""
    return _made("stop_gradient", a)


# over the examples, weighted by sample_weight


@_word
def mean(a: Expression) -> Node:
    """The weighted mean over the examples: sum of w * a over sum of w."""
    return _made("example_mean", a)


@_word
def sum(a: Expression) -> Node:
    """The weighted sum over the examples: sum of w * a."""
    return _made("example_sum", a)


@_word
def count(a: Expression) -> Node:
    """The plain sum over the examples, whatever they weigh: sum of a; count(1) is their number. Weight 0 is absent."""
    return _made("example_count", a)


@_word
def log_mean_exp(a: Expression) -> Node:
    """The logarithm of the mean of exponentials over the examples: log(mean(exp(a))), a soft largest one."""
    return _made("example_log_mean_exp", a)


@_word
def largest(a: Expression, amount: Expression, among: Expression = 1.0) -> Node:
    """The choice of the examples with the largest a, until `amount` of weight is chosen: 1 for chosen, 0 for others.

    Examples of equal a at the border share what is left. `among` says who may be chosen (1 or 0). The choice counts as
    a number: its derivative is 0. `largest(a, 0.2 * sum(1))` chooses the top 20 %.
    """
    return _made("largest", a, amount, among)


@_word
def largest_per_group(a: Expression, amount: Expression, among: Expression = 1.0) -> Node:
    """The choice of the examples with the largest a in each group, until `amount` of weight is chosen there."""
    return make("largest", *(as_node(value) for value in (a, amount, among)), attr=("group",))


# over the classes


@_word
def over_classes(a: Expression) -> Node:
    """The sum over the classes."""
    return _made("class_sum", a)


@_word
def mean_over_classes(a: Expression) -> Node:
    """The mean over the classes: over_classes(a) / class_count()."""
    return over_classes(a) / class_count()


@_word
def max_over_classes(a: Expression) -> Node:
    """The largest over the classes."""
    return _made("class_max", a)


@_word
def logsumexp_over_classes(a: Expression) -> Node:
    """The logarithm of the sum of exponentials: log(over_classes(exp(a)))."""
    return _made("class_logsumexp", a)


@_word
def class_count() -> Node:
    """The number of classes: over_classes(1)."""
    return make("class_sum", _ONE)


@_word
def true_class(a: Expression) -> Node:
    """The number a of the true class: over_classes(y * a), where y is the target of the formula.

    A target of another name is written out: over_classes(label * a).
    """
    return over_classes(_Y * as_node(a))


@_word
def softmax(a: Expression) -> Node:
    """The shares of the classes: exp(a) / over_classes(exp(a))."""
    return _made("softmax", a)


@_word
def log_softmax(a: Expression) -> Node:
    """The logarithm of the shares of the classes: a - logsumexp_over_classes(a)."""
    return _made("log_softmax", a)


pi: Final = CONSTANTS["pi"]

__all__ = [name for name in VOCABULARY if name not in ("abs", "sum")] + ["pi"]
