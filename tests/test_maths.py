"""Every word of formulas computes what its own line says, against an independent high-precision library."""

import builtins

import mpmath
import numpy as np
import pytest

from lossmith import maths as ls
from lossmith.errors import FormulaError
from lossmith.formula.node import as_node, constant, symbol
from lossmith.formula.parse import CONSTANTS
from lossmith.interpret import NUMPY, interpret

Y = symbol("y", "target", ["example", "class"])
Z = symbol("z", "raw", ["example", "class"])
GRID = np.array([[0.25, 1.5, 3.0], [0.75, 0.5, 2.0]])
ONE_HOT = np.array([[0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])

MEANINGS = {
    "exp": mpmath.exp,
    "expm1": mpmath.expm1,
    "log": mpmath.log,
    "log1p": mpmath.log1p,
    "sqrt": mpmath.sqrt,
    "square": lambda a: a * a,
    "abs": builtins.abs,
    "sign": mpmath.sign,
    "sin": mpmath.sin,
    "cos": mpmath.cos,
    "tanh": mpmath.tanh,
    "cosh": mpmath.cosh,
    "sinh": mpmath.sinh,
    "erf": mpmath.erf,
    "lgamma": mpmath.loggamma,
    "digamma": mpmath.digamma,
    "trigamma": lambda a: mpmath.polygamma(1, a),
    "sigmoid": lambda a: 1 / (1 + mpmath.exp(-a)),
    "softplus": lambda a: mpmath.log(1 + mpmath.exp(a)),
    "log_cosh": lambda a: mpmath.log(mpmath.cosh(a)),
    "relu": lambda a: max(a, 0),
    "stop_gradient": lambda a: a,
}
NEGATIVE_TOO = ("exp", "expm1", "square", "abs", "sign", "sin", "cos", "tanh", "cosh", "sinh", "erf", "sigmoid",
                "softplus", "log_cosh", "relu", "stop_gradient")  # fmt: skip
TWO = {
    "power": lambda a, b: a**b,
    "xlogy": lambda a, b: a * mpmath.log(b),
    "xlog1py": lambda a, b: a * mpmath.log(1 + b),
    "maximum": max,
    "minimum": min,
}
ROWS = {
    "over_classes": lambda row: [mpmath.fsum(row)],
    "mean_over_classes": lambda row: [mpmath.fsum(row) / len(row)],
    "max_over_classes": lambda row: [max(row)],
    "logsumexp_over_classes": lambda row: [mpmath.log(mpmath.fsum(map(mpmath.exp, row)))],
    "softmax": lambda row: [mpmath.exp(a) / mpmath.fsum(map(mpmath.exp, row)) for a in row],
    "log_softmax": lambda row: [a - mpmath.log(mpmath.fsum(map(mpmath.exp, row))) for a in row],
}
# The evaluator's floats are compared to 12 digits: enough to tell any two words apart, and every float function on
# this machine is better by two orders. What the floats are worth to the last bit is tested where they are made.
DIGITS = 1e-12


def value(formula, z=GRID):
    return interpret([as_node(formula)], {Z: z, Y: ONE_HOT}, NUMPY)[0]


def close(found, expected):
    np.testing.assert_allclose(np.asarray(found, float), np.asarray(expected, float), rtol=DIGITS, atol=0)


def exact(function, *grids):
    return np.vectorize(lambda *a: float(function(*map(mpmath.mpf, a))))(*grids)


@pytest.mark.parametrize("word", MEANINGS)
def test_a_word_of_one_number_means_what_it_says(word):
    grid = np.array([[0.25, 1.5, 3.0], [-0.75, -2.5, 0.0]]) if word in NEGATIVE_TOO else GRID
    close(value(ls.VOCABULARY[word](Z), grid), exact(MEANINGS[word], grid))


@pytest.mark.parametrize("word", TWO)
def test_a_word_of_two_numbers_means_what_it_says(word):
    close(value(ls.VOCABULARY[word](Z, 1.25)), exact(TWO[word], GRID, 1.25))
    close(value(ls.VOCABULARY[word](1.25, Z)), exact(TWO[word], 1.25, GRID))


@pytest.mark.parametrize("word", ROWS)
def test_a_word_over_classes_means_what_it_says(word):
    close(value(ls.VOCABULARY[word](Z)), [[float(a) for a in ROWS[word](list(map(mpmath.mpf, row)))] for row in GRID])


WRITTEN = [
    (ls.true_class(Z), [[1.5], [2.0]]),
    (ls.class_count() * ls.over_classes(Z), [[14.25], [9.75]]),
    (ls.mean(Z), [[0.5, 1.0, 2.5]]),
    (ls.sum(Z), [[1.0, 2.0, 5.0]]),
    (ls.count(Z), [[1.0, 2.0, 5.0]]),
    (ls.log_mean_exp(Z * 0 + 2), [[2.0, 2.0, 2.0]]),
    (ls.log_mean_exp(ls.log(Z) + 1), 1 + np.log([[0.5, 1.0, 2.5]])),
    (ls.largest(ls.over_classes(Z), 1), [[1], [0]]),
    (ls.largest(ls.over_classes(Z) * 0, 1), [[0.5], [0.5]]),
    (ls.largest_per_group(ls.over_classes(Z), 1, ls.over_classes(Z) < 4), [[0], [1]]),
    (ls.clip(Z, 0.5, 2), [[0.5, 1.5, 2.0], [0.75, 0.5, 2.0]]),
    (ls.clip(Z, 2, 1), np.ones((2, 3))),  # as in NumPy, the upper bound has the last word
    (ls.where(Z > 1, Z, -1), [[-1, 1.5, 3.0], [-1, -1, 2.0]]),
    (ls.where(ls.logical_and(Z > 0.5, Z < 2), 1, 0), [[0, 1, 0], [1, 0, 0]]),
    (ls.where(ls.logical_or(Z <= 0.5, Z >= 2), 1, 0), [[1, 0, 1], [0, 1, 1]]),
    (ls.where(ls.logical_not(Z == 2), 1, 0), [[1, 1, 1], [1, 1, 0]]),
    (ls.xlogy(Y, 0 * Z + 1) + ls.xlogy(0, 0 * Z), [[0, 0, 0], [0, 0, 0]]),
    (ls.xlog1py(0, 0 * Z - 1), [[0, 0, 0], [0, 0, 0]]),
    (ls.pi * Z**0, np.full((2, 3), np.pi)),
]


@pytest.mark.parametrize(("formula", "expected"), WRITTEN)
def test_choices_and_sums_mean_what_they_say(formula, expected):
    close(np.broadcast_to(value(formula), np.shape(expected)), expected)


def test_every_word_is_tested_here():
    others = {"where", "clip", "logical_and", "logical_or", "logical_not", "mean", "sum", "class_count", "true_class",
              "count", "log_mean_exp", "largest", "largest_per_group"}  # fmt: skip
    assert set(ls.VOCABULARY) == set(MEANINGS) | set(TWO) | set(ROWS) | others


@pytest.mark.parametrize("word", ["maximum", "minimum", "relu", "clip", "abs"])
def test_choices_hand_nan_on(word):
    arguments = {"maximum": (Z, 0), "minimum": (Z, 0), "clip": (Z, -1, 1)}.get(word, (Z,))
    assert np.isnan(value(ls.VOCABULARY[word](*arguments), np.full((2, 3), np.nan))).all()


def test_words_take_plain_numbers_too():
    assert ls.log(2) is ls.log(constant(2.0))
    assert ls.where(Z > 0, 1, 0.5) is ls.where(constant(0.0) < Z, constant(1.0), constant(0.5))


@pytest.mark.parametrize("use", [lambda: ls.where(Y, 1, 0), lambda: ls.logical_not(Z), lambda: ls.logical_or(Z > 0, Y)])
def test_a_number_is_no_condition(use):
    with pytest.raises(FormulaError, match=r"LM125 .*y > 0"):
        use()


def test_names_for_import_leave_the_builtins_of_python_alone():
    assert set(ls.__all__) == (set(ls.VOCABULARY) | set(CONSTANTS)) - set(dir(builtins))
    assert all(getattr(ls, word) is function for word, function in ls.VOCABULARY.items())


@pytest.mark.parametrize("word", ls.VOCABULARY)
def test_every_word_says_in_one_line_what_it_means(word):
    line = ls.VOCABULARY[word].__doc__.splitlines()[0]
    assert line.endswith(".") and len(line) > 15
