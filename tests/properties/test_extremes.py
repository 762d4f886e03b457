"""No NaN and no false infinity at the ends of the formats: where a kernel says infinity, the exact number is out of range."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest

import lossmith as ls
from lossmith.interpret import BALLS, interpret
from tests.properties import oracle
from tests.properties.cases import COLUMNS

# two numbers of the largest size and a label still add up and multiply in float64
SIZES = (
    0.0,
    1e-300,
    1e-30,
    1e-8,
    0.3,
    2.5,
    17.0,
    36.7,
    88.8,
    104.0,
    150.0,
    709.8,
    745.2,
    1e4,
    1e10,
    1e30,
    1e200,
    1e300,
)
TARGETS = {
    "real": (0.0, 1.0, -3.0, 1e5),
    "nonnegative": (0.0, 1.0, 1e-3, 1e4),
    "positive": (1e-3, 1.0, 1e4),
    "count": (0.0, 1.0, 5.0, 1e4),
    "binary": (0.0, 0.25, 1.0),
    "ordinal": (0.0, 1.0, 2.0),
}
# log densities: at a perfect prediction they are the logarithm of the density's top
NORMALISED = ("gaussian", "laplace", "student_t", "logistic", "ordinal")
CASES = [
    *((name, {}) for name in ls.names()),
    ("focal", {"gamma": 0.0}),
    ("focal", {"gamma": 0.5, "alpha": 0.25}),
    ("softmax_focal", {"gamma": 0.0}),
    ("softmax_focal", {"gamma": 0.5}),
    ("softmax_focal", {"gamma": 1.5}),
    ("dice", {"smooth": 0.0}),
    ("tversky", {"smooth": 0.0, "alpha": 0.3}),
    ("quantile", {"level": 0.99}),
    ("huber", {"delta": 1e-3}),
]


def extreme(dtype: Any) -> Any:
    largest = float(np.finfo(dtype).max)
    return np.array([np.clip(s * x, -largest, largest) for x in SIZES for s in (1.0, -1.0)]).astype(dtype)


def rows_for(loss: Any, dtype: Any) -> tuple[Any, Any]:
    raws = extreme(dtype)
    if loss.target == "class":
        rows = np.array(list(product(raws[::2], raws[1::5], raws[2::9])), dtype=dtype)
        return np.resize([0, 1, 2], len(rows)), rows
    if loss.target == "simplex":
        corners = np.array([[1, 0, 0], [0, 1, 0], [0.5, 0.5, 0], [0.25, 0.25, 0.5], [5e-324, 1, 0]])
        pairs = list(product(corners, corners))
        return np.array([a for a, _ in pairs]), np.array([b for _, b in pairs]).astype(dtype)
    pairs = np.array(list(product(TARGETS[loss.target], raws.astype(float))))
    return pairs[:, 0], pairs[:, 1].astype(dtype)


def columns_for(loss: Any, y: Any) -> Any:
    return COLUMNS[loss.name](y.astype(int)) if loss.name in COLUMNS else None


def assert_infinite_only_out_of_range(found: Any, exact: Any, dtype: Any) -> None:
    for place in np.argwhere(~np.isfinite(found)):
        ball = np.broadcast_to(exact, found.shape)[tuple(place)]
        assert not np.isnan(found[tuple(place)]), f"NaN at {place}, exact {ball.str(8)}"
        assert not abs(ball) <= float(np.finfo(dtype).max), f"infinite at {place}, exact {ball.str(8)}"


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize(("name", "parameters"), CASES, ids=lambda c: c if isinstance(c, str) else str(c))
def test_no_nan_and_no_false_infinity(name: str, parameters: dict[str, float], dtype: Any) -> None:
    loss = ls.get(name, **parameters).using("numpy")
    y, raw = rows_for(loss, dtype)
    if not loss.is_additive:
        for row in range(len(y)):
            one = y[row : row + 1], raw[row : row + 1]
            assert np.isfinite(loss.value(*one))
            assert np.isfinite(loss.gradient(*one)).all()
            assert np.isfinite(loss.hvp(*one, np.ones_like(one[1]))).all()
        assert np.isfinite(loss.gradient(y, raw)).all()
        return
    columns = columns_for(loss, y)
    rows = oracle.rows_of(loss, y, raw, columns=columns)
    found = loss.expressions
    pair = loss.per_example_gradient_and_hessian(y, raw, columns=columns)
    computed = [loss.per_example(y, raw, columns=columns), *pair]
    nodes = [found.per_example, found.gradient[0], found.hessian[0]]
    for array, node in zip(computed, nodes, strict=True):
        bad = ~np.isfinite(array.reshape(len(y), -1)).all(axis=1)
        if bad.any():
            leaves = {k: v[bad] if np.ndim(v) == 2 else v for k, v in oracle.leaves_of(loss, rows).items()}
            exact = interpret([node], leaves, BALLS(4000))[0]
            assert_infinite_only_out_of_range(array.reshape(len(y), -1)[bad], exact, dtype)


@pytest.mark.parametrize("name", ["binary_cross_entropy", "cross_entropy", "poisson", "gamma"])
def test_losses_of_hard_rows_are_as_large_as_they_are(name: str) -> None:
    """Clipping a probability at 1e-7 would cap these at 16."""
    y, raw, exact = {
        "binary_cross_entropy": ([1.0, 0.0], [-1e30, 1e30], 1e30),
        "cross_entropy": ([1, 1], [[1e30, -1e30]] * 2, 2e30),
        "poisson": ([2.0, 2.0], [-1e30, -1e30], 2e30),
        "gamma": ([1.0, 1.0], [1e30, 1e30], 1e30),
    }[name]
    assert ls.get(name).using("numpy").per_example(y, raw).tolist() == [exact, exact]


def test_root_mean_square_of_huge_and_of_tiny_residuals_keeps_its_scale() -> None:
    rmse = ls.get("rmse").using("numpy")
    for size in (1e200, 1e-200, 1.0):
        assert rmse.value([0.0, 0.0], [3 * size, 4 * size]) == pytest.approx(np.sqrt(12.5) * size, rel=4e-16)
        np.testing.assert_allclose(rmse.gradient([0.0], [size]), [1.0], rtol=4e-16)


@pytest.mark.parametrize(("name", "parameters"), CASES, ids=lambda c: c if isinstance(c, str) else str(c))
def test_a_perfect_prediction_costs_nothing_and_is_no_nan(name: str, parameters: dict[str, float]) -> None:
    loss = ls.get(name, **parameters).using("numpy")
    if loss.target in ("positive", "count", "nonnegative") or name in (
        "label_smoothed_cross_entropy",
        "distribution_cross_entropy",
        *NORMALISED,
    ):
        pytest.skip("a loss of this kind does not have its least value at 0")
    y, raw = {
        "real": ([1.0, -2.0], [1.0, -2.0]),
        "binary": ([1.0, 0.0], [2000.0, -2000.0]),
        "class": ([0, 1], [[2000.0, 0.0], [0.0, 2000.0]]),
        "simplex": ([[0.5, 0.5, 0.0]] * 2, [[0.5, 0.5, 0.0]] * 2),
    }[loss.target]
    assert loss.value(y, raw) == 0.0
    if loss.target != "simplex" and name != "quantile":  # a given probability may move on; the kink has its subgradient
        assert not loss.gradient(y, raw).any()
    assert np.isfinite(loss.hvp(y, raw, np.ones_like(np.asarray(raw, dtype=float)))).all()


def test_perfect_probabilities_cost_nothing() -> None:
    loss = ls.get("binary_cross_entropy", on="probability").using("numpy")
    assert loss.value([1.0, 0.0], [1.0, 0.0]) == 0.0
    assert loss.gradient([1.0, 0.0], [1.0, 0.0]).tolist() == [-0.5, 0.5]


def test_dice_of_nothing_by_nothing() -> None:
    """No target and no prediction: with smoothing a perfect overlap, without it 0/0, declared 0."""
    for smooth in (0.0, 1.0):
        loss = ls.get("dice", smooth=smooth).using("numpy")
        assert loss.value([0.0, 0.0], [-2000.0, -2000.0]) == 0.0
        assert loss.gradient([0.0, 0.0], [-2000.0, -2000.0]).tolist() == [0.0, 0.0]
    assert ls.get("dice", smooth=0.0).using("numpy").value([0.0, 0.0], [3.0, 3.0]) == 1.0


def test_a_branch_not_taken_does_not_poison_the_derivative() -> None:
    """0 * infinity is NaN: the slope of log at 0 belongs to the other branch."""
    loss = ls.parse("where(z > 0, log(1 + z) - y*log(z), -z)", target="real").using("numpy")
    assert loss.gradient([0.0, 1.0], [0.0, -3.0]).tolist() == [-0.5, -0.5]
    highest = ls.parse("maximum(log(abs(z)), y)", target="real").using("numpy")
    assert highest.gradient([1.0], [0.0]).tolist() == [0.0]


def test_the_slope_of_a_huge_residual_is_that_of_a_straight_line() -> None:
    """Neither the square of the residual nor its double is in range, the slope is 1."""
    loss = ls.parse("sqrt(1 + (y - z)**2) - 1", target="real").using("numpy")
    largest = np.finfo(np.float64).max
    assert loss.per_example([0.0, 0.0], [1e300, -largest]).tolist() == [1e300, largest]
    slopes = loss.per_example_gradient([0.0, 0.0], [1e300, -largest])
    np.testing.assert_allclose(slopes, [1.0, -1.0], rtol=4 * 2.0**-52)


def test_out_of_range_in_float32_is_infinite_without_a_warning() -> None:
    loss = ls.get("squared_error").using("numpy")
    with np.errstate(all="raise"):
        assert loss.per_example(np.zeros(1, np.float32), np.array([1e30], np.float32)).tolist() == [np.inf]
        assert loss.per_example(np.zeros(1, np.float16), np.array([1e4], np.float16)).tolist() == [np.inf]
