"""Combinators on the loss of a row against the equations of their papers, at hard and soft labels, kinks and NaN."""

from __future__ import annotations

from typing import Any

import mpmath as mp
import numpy as np
import pytest

import lossmith as ls
from lossmith.errors import LossmithError
from tests.algebra.reference import check_rows, sigmoid, softmax

RAW = np.array([-30.0, -8.0, -2.5, -0.3, 0.1, 1.0, 4.0, 25.0])
HARD = np.array([1.0, 0.0, 0.0, 1.0, 0.0, 1.0, 0.0, 1.0])
SOFT = np.array([0.9, 0.2, 0.5, 0.01, 0.7, 0.3, 0.6, 0.25])
ROWS = np.array([[0.3, -1.0, 2.0], [4.0, 0.0, -3.0], [-0.5, 0.25, 0.1], [12.0, -9.0, 1.0]])
ONE_HOT = np.eye(3)[[2, 1, 0, 2]]
SHARES = np.array([[0.2, 0.3, 0.5], [0.7, 0.2, 0.1], [0.1, 0.1, 0.8], [0.4, 0.35, 0.25]])


def numpy(loss: ls.Loss) -> ls.Loss:
    return loss.using("numpy")


# The focal factor -----------------------------------------------------------------------------------------------------


def focal(gamma: float, alpha: float | None = None) -> Any:
    """Lin et al. (2017), eq. 4 and 5, each outcome by its share."""
    g, weights = mp.mpf(gamma), (1, 1) if alpha is None else (mp.mpf(alpha), 1 - mp.mpf(alpha))

    def of_truth(pt: Any, weight: Any) -> Any:
        return -weight * (1 - pt) ** g * mp.log(pt)

    return lambda y, z: y * of_truth(sigmoid(z), weights[0]) + (1 - y) * of_truth(sigmoid(-z), weights[1])


@pytest.mark.parametrize("gamma", [0.0, 0.5, 1.0, 2.0, 5.0])
@pytest.mark.parametrize("y", [HARD, SOFT], ids=["hard", "soft"])
def test_modulate_is_the_focal_loss_of_the_paper(gamma: float, y: Any) -> None:
    # 16 units of the contract; the second derivative is a sum of up to four terms
    check_rows(ls.get("bce").modulate(gamma), focal(gamma), y, RAW, ulps=16 * 4)
    assert ls.get("bce").modulate(gamma) == ls.get("focal", gamma=gamma)


@pytest.mark.parametrize("alpha", [0.0, 0.25, 0.9, 1.0])
def test_the_weighted_focal_loss_is_that_of_the_paper(alpha: float) -> None:
    check_rows(ls.get("focal", gamma=2.0, alpha=alpha), focal(2.0, alpha), HARD, RAW, ulps=16 * 4)


@pytest.mark.parametrize("alpha", [0.25, 0.9])
@pytest.mark.parametrize("y", [HARD, SOFT], ids=["hard", "soft"])
def test_the_weighted_focal_loss_is_a_reweighted_one_over_the_count(alpha: float, y: Any) -> None:
    one = numpy(ls.get("focal", gamma=2.0, alpha=alpha))
    two = numpy(ls.get("bce").modulate(2.0).reweight({0: 1 - alpha, 1: alpha}).over("count"))
    assert one.value(y, RAW) == pytest.approx(two.value(y, RAW), rel=1e-14)
    np.testing.assert_allclose(one.gradient(y, RAW), two.gradient(y, RAW), rtol=1e-12)


@pytest.mark.parametrize("y", [ONE_HOT, SHARES], ids=["hard", "soft"])
def test_modulated_cross_entropy_mixes_the_classes(y: Any) -> None:
    def row(y: Any, z: Any) -> Any:
        return -sum(t * (1 - p) ** mp.mpf(1.5) * mp.log(p) for t, p in zip(y, softmax(z), strict=True))

    check_rows(ls.get("ce").modulate(1.5), row, y, ROWS, ulps=16 * 4)
    assert ls.get("ce").modulate(1.5) == ls.get("softmax_focal", gamma=1.5)


def test_modulate_where_labels_are_no_mixture() -> None:
    """(1 - p_t)**gamma times the squared distance, with p_t = y p + (1 - y) (1 - p)."""

    def row(y: Any, z: Any) -> Any:
        p = sigmoid(z)
        return (1 - (y * p + (1 - y) * (1 - p))) ** 2 * (y - p) ** 2

    check_rows(ls.get("brier").modulate(2.0), row, HARD[1:-1], RAW[1:-1], ulps=16 * 8)


# Weights by the error -------------------------------------------------------------------------------------------------


def test_asymmetric_by_hand() -> None:
    loss = numpy(ls.get("mae").asymmetric(under=5, over=2))
    assert loss.per_example([10.0, 10.0, 10.0], [8.0, 13.0, 10.0]).tolist() == [10.0, 6.0, 0.0]
    assert loss.per_example_gradient([10.0, 10.0], [8.0, 13.0]).tolist() == [-5.0, 2.0]
    assert -5.0 <= loss.per_example_gradient([10.0], [10.0])[0] <= 2.0
    assert loss.bind(under=1).per_example([10.0], [8.0]).tolist() == [2.0]


@pytest.mark.parametrize("level", [0.1, 0.5, 0.95])
def test_asymmetric_absolute_and_squared_errors_are_quantile_and_expectile(level: float) -> None:
    y, raw = np.linspace(-3, 4, 29), np.linspace(2, -5, 29) ** 3
    for base, named in (("mae", "quantile"), ("mse", "expectile")):
        one, two = numpy(ls.get(base).asymmetric(level, 1 - level)), numpy(ls.get(named, level=level))
        np.testing.assert_allclose(one.per_example(y, raw), two.per_example(y, raw), rtol=4e-16)
        np.testing.assert_allclose(one.per_example_gradient(y, raw), two.per_example_gradient(y, raw), rtol=4e-16)


def test_asymmetric_looks_at_the_prediction_behind_a_link() -> None:
    plain = numpy(ls.parse("(y - p)**2 / p", target="count", link="exp"))
    loss = plain.asymmetric(under=3, over=1)
    y, raw = np.array([2.0, 2.0, 0.0]), np.log([1.0, 3.0, 0.5])
    np.testing.assert_allclose(loss.per_example(y, raw), [3.0, 1.0, 1.0] * plain.per_example(y, raw), rtol=4e-16)


@pytest.mark.parametrize(
    ("weight", "value", "slope"),
    [
        (lambda e: 1 + abs(e), lambda e: (1 + abs(e)) * abs(e), lambda e: -np.sign(e) * (1 + 2 * abs(e))),
        ("1 + abs(e)", lambda e: (1 + abs(e)) * abs(e), lambda e: -np.sign(e) * (1 + 2 * abs(e))),
        ("stop_gradient(1 + abs(e))", lambda e: (1 + abs(e)) * abs(e), lambda e: -np.sign(e) * (1 + abs(e))),
        ("exp(-e**2)", lambda e: np.exp(-(e**2)) * abs(e), lambda e: np.exp(-(e**2)) * np.sign(e) * (2 * e**2 - 1)),
        ("e > 1", lambda e: (e > 1) * abs(e), lambda e: -1.0 * (e > 1)),
        ("where(e < 0, 3, 1)", lambda e: np.where(e < 0, 3, 1) * abs(e), lambda e: -np.where(e < 0, -3, 1)),
        (2.0, lambda e: 2 * abs(e), lambda e: -2 * np.sign(e)),
    ],
)
def test_error_weight_by_hand(weight: Any, value: Any, slope: Any) -> None:
    loss = numpy(
        ls.get("mae").error_weight(weight if isinstance(weight, str) or callable(weight) else lambda e: weight)
    )
    y, raw = np.array([3.0, 3.0, 3.0, 3.0]), np.array([1.0, 2.5, 3.25, 7.0])
    np.testing.assert_allclose(loss.per_example(y, raw), value(y - raw), rtol=1e-15)
    np.testing.assert_allclose(loss.per_example_gradient(y, raw), slope(y - raw), rtol=1e-14)


@pytest.mark.parametrize("name", ["mse", "mae", "huber", "log_cosh", "quantile", "expectile"])
def test_zoom_measures_the_error_in_other_units(name: str) -> None:
    y, raw = np.array([0.0, 1.0, -2.0, 0.3]), np.array([0.7, 1.4, 5.0, -0.5])
    loss, plain = numpy(ls.get(name).zoom(0.25)), numpy(ls.get(name))
    np.testing.assert_allclose(loss.per_example(y, raw), plain.per_example(y / 0.25, raw / 0.25), rtol=1e-15)
    expected = plain.per_example_gradient(y / 0.25, raw / 0.25) / 0.25
    np.testing.assert_allclose(loss.per_example_gradient(y, raw), expected, rtol=1e-15)


# Caps and robust shapes -----------------------------------------------------------------------------------------------


def test_truncate_stops_value_and_gradient() -> None:
    loss = numpy(ls.get("mse").truncate(4.0))
    y, raw = np.zeros(5), np.array([1.0, 2.0, 3.0, -9.0, 1e200])
    assert loss.per_example(y, raw).tolist() == [1.0, 4.0, 4.0, 4.0, 4.0]
    gradient = loss.per_example_gradient(y, raw)
    assert gradient[[0, 2, 3, 4]].tolist() == [2.0, 0.0, 0.0, 0.0]
    assert 0.0 <= gradient[1] <= 4.0  # any slope between those of both sides of the corner


def barron(alpha: float, c: float) -> Any:
    """Barron (2019), eq. 1 with its limits at 2 and 0, of the error x = y - z."""
    a, scale = mp.mpf(alpha), mp.mpf(c)

    def row(y: Any, z: Any) -> Any:
        square = ((y - z) / scale) ** 2
        if a == 2:
            return square / 2
        if a == 0:
            return mp.log(square / 2 + 1)
        return abs(a - 2) / a * ((square / abs(a - 2) + 1) ** (a / 2) - 1)

    return row


@pytest.mark.parametrize("alpha", [2.0, 1.5, 1.0, 0.5, 1e-9, 0.0, -1e-9, -2.0, -20.0])
@pytest.mark.parametrize("c", [0.3, 1.0, 7.0])
def test_robust_of_half_a_square_is_the_equation_of_the_paper(alpha: float, c: float) -> None:
    y, raw = np.array([0.0, 1.0, -2.0, 0.0, 3.0]), np.array([0.001, 1.9, 3.0, 40.0, 2.0])
    # 16 units; a root of order alpha / 2 is taken of numbers up to 1e4, whose logarithm is 10
    check_rows(ls.get("half_squared_error").robust(alpha, c), barron(alpha, c), y, raw, ulps=16 * 10)


@pytest.mark.parametrize("alpha", [2.0 - 2.0**-20, 2.0**-40])
def test_robust_is_smooth_into_its_limits(alpha: float) -> None:
    limit = 2.0 if alpha > 1 else 0.0
    y, raw = np.zeros(3), np.array([0.1, 1.0, 5.0])
    near, at = (numpy(ls.get("half_squared_error").robust(a, 1.0)).per_example(y, raw) for a in (alpha, limit))
    # the derivative by alpha is below x**2 log(x**2 / 2**-20) < 500 here
    np.testing.assert_allclose(near, at, atol=500 * abs(alpha - limit), rtol=1e-15)


def test_robust_works_on_any_loss_that_is_never_negative() -> None:
    loss = numpy(ls.get("bce").robust(0.0, 2.0))
    plain = numpy(ls.get("bce")).per_example(HARD, RAW)
    np.testing.assert_allclose(loss.per_example(HARD, RAW), np.log1p(plain / 4.0), rtol=1e-15)


# What holds for all of them -------------------------------------------------------------------------------------------

DESIGNS = [
    ls.get("mae").asymmetric(2, 1),
    ls.get("mse").error_weight("1 + abs(e)"),
    ls.get("huber").zoom(0.5),
    ls.get("bce").modulate(1.5),
    ls.get("bce").truncate(2.0),
    ls.get("mse").robust(0.5, 1.0),
]


@pytest.mark.parametrize("loss", DESIGNS, ids=lambda loss: loss.name)
def test_nan_stays_in_its_row_and_is_absent_at_weight_zero(loss: ls.Loss) -> None:
    loss = numpy(loss)
    y, raw = np.array([1.0, 0.0, 1.0]), np.array([0.5, np.nan, -2.0])
    assert np.isnan(loss.per_example(y, raw)).tolist() == [False, True, False]
    assert np.isnan(loss.per_example_gradient(y, raw)).tolist() == [False, True, False]
    assert loss.value(y, raw, [1.0, 0.0, 1.0]) == loss.value(y[[0, 2]], raw[[0, 2]])
    assert loss.gradient(y, raw, [1.0, 0.0, 1.0])[1] == 0.0


@pytest.mark.parametrize("loss", DESIGNS, ids=lambda loss: loss.name)
def test_weights_multiply_the_row(loss: ls.Loss) -> None:
    loss, w = numpy(loss), np.array([0.5, 3.0])
    y, raw = np.array([1.0, 0.0]), np.array([-0.4, 2.0])
    np.testing.assert_allclose(loss.per_example(y, raw, w), w * loss.per_example(y, raw), rtol=4e-16)
    assert loss.value(y, raw, w) == pytest.approx((w * loss.per_example(y, raw)).sum() / 3.5, rel=4e-16)


NO_PROBABILITY = r"LM295 .*modulate.*needs a predicted probability.*(error_weight|bce)"
NO_ERROR = r"LM295 .*needs an error.*(reweight|modulate|from_costs)"
TOGETHER = r"LM295 .*looks at the rows together.*first"


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: ls.get("mse").modulate(), NO_PROBABILITY),
        (lambda: ls.get("poisson").modulate(), NO_PROBABILITY),
        (lambda: ls.parse("(y - z)**2", target="binary").modulate(), NO_PROBABILITY),
        (lambda: ls.get("bce").asymmetric(), NO_ERROR),
        (lambda: ls.get("ce").error_weight("e"), NO_ERROR),
        (lambda: ls.get("bce").zoom(2), NO_ERROR),
        (lambda: ls.get("poisson").zoom(2), r"LM295 .*error y - z alone.*error_weight"),
        (lambda: ls.get("mse").error_weight(lambda e: ls.mean(e)), r"LM296 .*that row's error alone"),
        (lambda: ls.get("mse").error_weight("y - z"), r'"y" is not known'),
        (lambda: ls.get("mse").error_weight("import os"), "LM1"),
        (lambda: ls.get("poisson").robust(0.5, 1), r"LM295 .*never negative.*half_squared_error"),
        (lambda: ls.get("rmse").truncate(1.0), TOGETHER),
        (lambda: ls.get("dice").truncate(1.0), TOGETHER),
        (lambda: ls.get("mse").select(top=0.5).robust(0.5, 1), TOGETHER),
        (lambda: ls.get("bce").select(above=0.5).over("one").modulate(2), TOGETHER),
        (lambda: ls.get("bce").tilt(1.0).modulate(2), TOGETHER),
        (lambda: ls.get("bce").flood(1.0).truncate(2), TOGETHER),
        (lambda: ls.get("bce").modulate(-1), r"LM205 .*gamma must be a number at least 0, got -1"),
        (lambda: ls.get("bce").modulate(float("nan")), r"LM205 .*gamma"),
        (lambda: ls.get("bce").modulate("two"), r"LM204 .*gamma must be a number, got 'two'"),
        (lambda: ls.get("mae").asymmetric(under=-1), r"LM205 .*under"),
        (lambda: ls.get("mae").asymmetric(over=float("inf")), r"LM205 .*over"),
        (lambda: ls.get("mae").zoom(0), r"LM205 .*scale must be a number greater than 0"),
        (lambda: ls.get("mae").truncate(float("inf")), r"LM205 .*tau"),
        (lambda: ls.get("mse").robust(2.5, 1), r"LM205 .*alpha must be a number at most 2, got 2.5"),
        (lambda: ls.get("mse").robust(1, 0), r"LM205 .*c must be"),
        (lambda: ls.get("bce").modulate(2).bind(gamma=-1), r"LM205 .*gamma"),
        (lambda: ls.get("bce").modulate(2).bind(gama=1), r'LM203 .*no parameter "gama".*Did you mean "gamma"'),
        (lambda: ls.get("mse").robust(1, 1).bind(alpha=3), r"LM205 .*alpha"),
    ],
)
def test_what_has_no_meaning_is_refused_in_a_sentence(make: Any, words: str) -> None:
    with pytest.raises(LossmithError, match=words):
        make()
