"""Floating-point forms: equal in exact arithmetic to the meaning, and right to a few units in the last place."""

from __future__ import annotations

import math

import numpy as np
import pytest

from lossmith.formula.node import OPERATIONS, constant, make, symbol, walk
from lossmith.interpret import BALLS, NUMPY, interpret, truths
from lossmith.interpret.systems import System
from lossmith.numerics.formats import FLOAT64
from lossmith.runtime import numpy_function
from lossmith.stable.forms import FORMS, in_plain_operations

X, Y = (symbol(name, "raw", ["example"]) for name in "xy")
ROW = symbol("r", "raw", ["example", "class"])
GAMMA = symbol("g", "parameter")
IMPLEMENTATION = ("log1p_unit", "exp_muladd", "class_first_max")
CLASSES = [op for op in FORMS if op.startswith(("class_", "softmax", "log_softmax"))]
PLAIN = [op for op in FORMS if op not in CLASSES]
HOSTILE = np.array([0.0, 1e-300, 1e-20, 1e-9, 0.3, 0.999, 1.0, 1.5, 18.0, 36.0, 40.0, 150.0, 709.0, 745.0, 1e4, 1e30])
SIGNED = np.concatenate([HOSTILE, -HOSTILE])
ULPS = {"log_cosh": 8, "sigmoid_power": 8, "scaled_exp": 4, "one_minus_scaled_exp": 8}


def points(op: str) -> tuple[np.ndarray, np.ndarray]:
    """Hostile arguments inside the domain of the operation."""
    a, b = (g.ravel() for g in np.meshgrid(SIGNED, HOSTILE[HOSTILE > 0]))
    if op in ("sinh", "cosh"):
        a = np.clip(a, -700.0, 700.0)
    if op in ("log", "log_ratio", "power", "sqrt", "log1p", "log_deficit"):
        a = np.abs(a) + 1e-12
    if op in ("sigmoid_power", "power"):
        b = np.minimum(b, 10.0)
    if op in ("scaled_exp", "one_minus_scaled_exp"):
        a, b = b, np.clip(a, -700.0, 700.0)
    if op == "xlog1py":
        b = b - 0.5
    return a, b


@pytest.mark.parametrize("op", [op for op in PLAIN if op not in ("exp_minus", "one_minus_scaled_exp", "log_ratio")])
def test_a_form_is_right_in_every_regime(op: str) -> None:
    arity = OPERATIONS[op].arity
    node = make(op, *(X, Y)[:arity])
    a, b = points(op)
    values = {X: a, Y: b}
    truth = truths([node], values, FLOAT64)[0]
    with np.errstate(all="ignore"):
        found = numpy_function({X: "x", Y: "y"}, (in_plain_operations(node),))(a[:, None], b[:, None], 1, 1)[0]
    exact = truth.rounded
    good = truth.decided & np.isfinite(exact)
    assert good.mean() > 0.9
    spacing = np.maximum(
        np.spacing(np.abs(exact[good])), 2.0**-1022
    )  # the contract's rule (d): subnormals as if normal
    worst = (np.abs(found[good] - exact[good]) / spacing).max()
    assert worst <= ULPS.get(op, 4), worst


@pytest.mark.parametrize("op", ["exp_minus", "one_minus_scaled_exp", "log_ratio"])
def test_forms_keep_their_digits_near_the_root(op: str) -> None:
    """The scale near a root is the argument's own rounding: slope times spacing of the argument."""
    near = np.array([1e-12, -1e-12, 1e-6, -1e-6, 1e-3, 0.2, -0.2, 0.6])
    if op == "log_ratio":
        a, b = 3.0 * (1 + near), np.full(near.size, 3.0)
    elif op == "exp_minus":
        a, b = near, np.ones(near.size)
    else:
        a, b = np.ones(near.size), near
    node = make(op, X, Y)
    truth = truths([node], {X: a, Y: b}, FLOAT64)[0].rounded.ravel()
    found = numpy_function({X: "x", Y: "y"}, (in_plain_operations(node),))(a[:, None], b[:, None], 1, 1)[0].ravel()
    np.testing.assert_allclose(found, truth, rtol=2e-15)
    naive = np.log(a / b) if op == "log_ratio" else np.exp(near) - 1.0 if op == "exp_minus" else 1.0 - np.exp(near)
    assert np.abs(naive / truth - 1).max() > 1e-6


ROWS = [[0.0, 0.0, 0.0], [800.0, 0.0, 1.0], [-800.0, 0.0, 1.0], [60.0, 0.0, 59.0], [1e5, -1e5, 1e5], [1.5, 0.25, -3.0]]


# (1 - p)**(b - 1) is 0 where 1 - p has underflowed; whatever reads it multiplies it by (1 - p)**2 or by another p**2
UNDERFLOWN = {"softmax_focal_bend": 2.0**-700}


@pytest.mark.parametrize("op", CLASSES)
def test_a_form_over_classes_is_right_for_the_surest_and_for_the_least_class(op: str) -> None:
    node = make(op, ROW, GAMMA) if OPERATIONS[op].arity == 2 else make(op, ROW)
    rows = np.array(ROWS)
    truth = truths([node], {ROW: rows, GAMMA: 1.7}, FLOAT64)[0]
    with np.errstate(all="ignore"):
        inputs = {ROW: "r", GAMMA: "g"} if OPERATIONS[op].arity == 2 else {ROW: "r"}
        given = (rows, np.float64(1.7))[: len(inputs)]
        found = np.asarray(numpy_function(inputs, (in_plain_operations(node),))(*given, 3, 1)[0])
    assert truth.decided.all()
    spacing = np.maximum(np.spacing(np.abs(truth.rounded)), UNDERFLOWN.get(op, 2.0**-1022))
    assert (np.abs(found - truth.rounded) / spacing).max() <= 8


@pytest.mark.parametrize("op", sorted(FORMS))
def test_a_form_is_made_of_plain_operations_only(op: str) -> None:
    arity = OPERATIONS[op].arity
    args = [ROW if op in CLASSES else X, Y][:arity]
    left = {n.op for n in walk(in_plain_operations(make(op, *args)))}
    assert not left & (set(FORMS) - {"exp", "expm1", "log", "log1p", "power", "sqrt", "subtract", "sinh", "cosh"})


def test_means_and_root_mean_squares_become_sums() -> None:
    for op in ("example_mean", "example_rms"):
        assert not {n.op for n in walk(in_plain_operations(make(op, X)))} & {"example_mean", "example_rms"}


def test_comparisons_count_as_one_and_zero_where_a_number_is_wanted() -> None:
    node = in_plain_operations((X < Y) * constant(3.0) + make("logical_not", X < Y))
    assert interpret([node], {X: [1.0, 2.0], Y: [2.0, 1.0]}, NUMPY)[0].ravel().tolist() == [3.0, 1.0]


def test_the_exponential_of_a_large_product_keeps_the_rounding_of_the_product() -> None:
    """exp(1.1 * 600): the product rounds, and a plain exponential multiplies that error by 660."""
    node = in_plain_operations(make("exp", X * Y))
    x, y = np.float64(600.0), np.float64(1.1)
    exact = truths([make("exp", X * Y)], {X: [x], Y: [y]}, FLOAT64)[0].rounded.item()
    found = float(np.asarray(numpy_function({X: "x", Y: "y"}, (node,))(x, y, 1, 1)[0]))
    assert found == pytest.approx(exact, rel=4e-16)
    assert abs(math.exp(x * y) / exact - 1) > 1e-14


def test_the_system_of_balls_is_a_system() -> None:
    assert isinstance(BALLS(64), System)


BESIDE_ONE = {
    "log(1 + x)": make("log", constant(1.0) + X),
    "log(1 + x**2)": make("log", constant(1.0) + X**2.0),
    "sqrt(1 + x**2)": make("sqrt", X**2.0 + constant(1.0)),
    "sqrt(1 + x**2) - 1": make("sqrt", constant(1.0) + X**2.0) - constant(1.0),
}


@pytest.mark.parametrize("text", BESIDE_ONE)
def test_a_small_term_beside_one_keeps_its_digits_and_a_huge_one_does_not_overflow(text: str) -> None:
    node = BESIDE_ONE[text]
    x = np.concatenate([HOSTILE[HOSTILE != 1e-300], [1e200, 1e300], -HOSTILE[1:6] if "**" in text else []])
    truth = truths([node], {X: x}, FLOAT64)[0].rounded
    with np.errstate(all="ignore"):
        found = numpy_function({X: "x"}, (in_plain_operations(node),))(x[:, None], 1, 1)[0]
    normal = np.abs(truth) >= 2.0**-1022
    assert (np.abs(found - truth)[normal] <= 4 * np.spacing(np.abs(truth[normal]))).all()


def test_an_exponential_that_overflows_is_infinite_and_no_nan() -> None:
    """Its product is kept in two words, and infinity times the second word would be NaN."""
    with np.errstate(all="ignore"):
        found = numpy_function({X: "x", Y: "y"}, (in_plain_operations(make("exp", X * Y)),))
        assert found(np.array([[745.0], [-745.0]]), np.array([[1.0], [2.0]]), 1, 1)[0].tolist() == [[np.inf], [0.0]]


@pytest.mark.parametrize("op", ["sigmoid", "softplus"])
@pytest.mark.parametrize("join", ["add", "subtract"])
def test_the_tail_of_a_large_sum_keeps_the_rounding_of_the_sum(op: str, join: str) -> None:
    """e ** -(300.1 + 1e-9): the sum rounds, and a plain exponential multiplies that error by 300."""
    node = make(op, make(join, X, Y))
    x, y = np.array([-300.1, -12.3, 0.7]), np.array([1e-9, 0.1, -1.3])
    exact = truths([node], {X: x, Y: y}, FLOAT64)[0].rounded
    found = numpy_function({X: "x", Y: "y"}, (in_plain_operations(node),))(x[:, None], y[:, None], 1, 1)[0]
    assert (np.abs(found - exact) <= 4 * np.spacing(np.abs(exact))).all()


def test_a_sum_with_an_infinite_end_is_sure() -> None:
    node = make("sigmoid", make("subtract", X, Y))
    x, y = np.array([[0.0], [0.0], [np.nan]]), np.array([[np.inf], [-np.inf], [1.0]])
    with np.errstate(all="ignore"):
        found = numpy_function({X: "x", Y: "y"}, (in_plain_operations(node),))(x, y, 1, 1)[0]
    assert found.ravel()[:2].tolist() == [0.0, 1.0] and np.isnan(found[2, 0])
