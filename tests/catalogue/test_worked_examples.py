"""Worked examples from published texts, to the last digit they print. Natural logarithms throughout."""

from __future__ import annotations

import math

import numpy as np
import pytest

import lossmith as ls

# A few roundings of float64 may separate a printed decimal number from the exact one and the value from it.
ROUNDINGS = 4 * float(np.finfo(np.float64).eps)

TRUE_ROWS = np.eye(3)
PREDICTED_ROWS = np.array([[0.3, 0.1, 0.6], [0.3, 0.5, 0.2], [0.4, 0.1, 0.5]])
OUTCOMES = np.array([0, 1, 0, 0, 1, 1])
PROBABILITIES = np.array([0.5, 0.7, 0.3, 0.2, 0.7, 0.9])
P = np.array([[0.5, 0.125, 0.125, 0.25]])
UNIFORM = np.array([[0.25, 0.25, 0.25, 0.25]])
SWAPPED = np.array([[0.5, 0.25, 0.125, 0.125]])


def same(found: object, printed: object) -> bool:
    return bool(np.allclose(found, printed, rtol=ROUNDINGS, atol=0.0))  # type: ignore[arg-type]


def test_half_the_sum_of_squares_and_their_mean() -> None:
    y, z = [1.0, 3.0, 5.0, 6.0, 7.0], [3.0, 2.0, 7.0, 5.0, 8.0]
    assert ls.get("sum_of_squares_half").value(y, z) == 5.5
    assert same(ls.get("squared_error").value(y, z), 2.2)


def test_cross_entropy_of_one_hot_rows() -> None:
    loss = ls.get("cross_entropy", on="probability")
    expected = [1.2039728043259361, 0.6931471805599453, 0.6931471805599453]
    assert same(loss.per_example(TRUE_ROWS, PREDICTED_ROWS), expected)
    assert same(loss.per_example(np.array([0, 1, 2]), PREDICTED_ROWS), expected)
    assert same(loss.value(TRUE_ROWS, PREDICTED_ROWS), 0.8634223884819422)


def test_the_better_prediction_has_the_smaller_cross_entropy() -> None:
    loss = ls.get("cross_entropy", on="probability")
    better = PREDICTED_ROWS.copy()
    better[0] = [0.6, 0.1, 0.3]
    assert same(loss.per_example(TRUE_ROWS, better)[0], 0.5108256237659907)
    assert same(loss.value(TRUE_ROWS, better), 0.6323733282952938)
    assert loss.value(TRUE_ROWS, better) < loss.value(TRUE_ROWS, PREDICTED_ROWS)


def test_the_surprise_of_nine_in_ten() -> None:
    assert round(ls.get("bce", on="probability").value([1], [0.9]), 3) == 0.105


def test_binary_cross_entropy_per_example_and_mean() -> None:
    loss = ls.get("binary_cross_entropy", on="probability")
    expected = [
        *(0.6931471805599453, 0.35667494393873245, 0.35667494393873245),
        *(0.2231435513142097, 0.35667494393873245, 0.10536051565782628),
    ]
    found = loss.per_example(OUTCOMES, PROBABILITIES)
    # The predictions are doubles near the printed decimals: log(p) moves by the relative error of p, not of log(p).
    assert np.all(np.abs(found - expected) <= ROUNDINGS)
    assert np.argmin(found) == 5
    assert abs(loss.value(OUTCOMES, PROBABILITIES) - 0.34861267989136313) <= ROUNDINGS


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_perfect_probability_costs_nothing_and_is_not_nan(dtype: type) -> None:
    certain = np.array([0.0, 1.0], dtype=dtype)
    assert ls.get("binary_cross_entropy", on="probability").per_example([0, 1], certain).tolist() == [0.0, 0.0]


def test_a_perfect_row_of_probabilities_costs_nothing() -> None:
    assert ls.get("cross_entropy", on="probability").value(TRUE_ROWS, TRUE_ROWS) == 0.0
    assert ls.get("distribution_cross_entropy").value(TRUE_ROWS, TRUE_ROWS) == 0.0
    assert ls.get("kl_divergence").value(TRUE_ROWS, TRUE_ROWS) == 0.0


def test_cross_entropy_and_divergence_between_distributions() -> None:
    cross, divergence = ls.get("distribution_cross_entropy"), ls.get("kl_divergence")
    assert round(cross.value(P, UNIFORM), 4) == 1.3863
    assert round(cross.value(P, SWAPPED), 4) == 1.2997
    assert round(cross.value(P, P), 4) == 1.2130
    assert round(divergence.value(P, UNIFORM), 4) == 0.1733
    assert round(divergence.value(P, SWAPPED), 4) == 0.0866
    assert divergence.value(P, P) == 0.0


def test_divergence_is_cross_entropy_less_the_entropy() -> None:
    cross, divergence = ls.get("distribution_cross_entropy"), ls.get("kl_divergence")
    for q in (UNIFORM, SWAPPED):
        # Both sides are sums of four terms below 2: the bound is in units of those, not of the small difference.
        assert abs(divergence.value(P, q) - (cross.value(P, q) - cross.value(P, P))) <= 2 * ROUNDINGS


def test_a_soft_target_is_charged_for_a_sure_prediction() -> None:
    half, sure = np.array([[0.5, 0.5]]), np.array([[0.9, 0.1]])
    assert round(ls.get("distribution_cross_entropy").value(half, sure), 3) == 1.204
    assert round(ls.get("cross_entropy", on="probability").value(half, sure), 3) == 1.204


@pytest.mark.parametrize(
    ("name", "parameters", "y", "raw", "expected"),
    [
        ("absolute_error", {}, 1.0, 3.5, 2.5),
        ("huber", {"delta": 1.0}, 0.0, 0.5, 0.125),
        ("huber", {"delta": 1.0}, 0.0, 3.0, 2.5),
        ("quantile", {"level": 0.75}, 4.0, 0.0, 3.0),
        ("quantile", {"level": 0.75}, 0.0, 4.0, 1.0),
        ("expectile", {"level": 0.75}, 2.0, 0.0, 3.0),
        ("expectile", {"level": 0.75}, 0.0, 2.0, 1.0),
        ("poisson", {}, 2.0, math.log(3.0), 3.0 - 2.0 * math.log(3.0)),
        ("gamma", {}, 2.0, math.log(4.0), math.log(4.0) + 0.5),
        ("brier", {}, 1.0, math.log(3.0), 0.0625),
        ("binary_cross_entropy", {}, 0.0, math.log(3.0), math.log(4.0)),
        ("focal", {"gamma": 2.0}, 0.0, math.log(3.0), 0.75**2 * math.log(4.0)),
        ("focal", {"gamma": 0.5, "alpha": 0.25}, 1.0, -math.log(3.0), 0.25 * 0.75**0.5 * math.log(4.0)),
        ("focal", {"gamma": 0.5, "alpha": 0.25}, 0.0, math.log(3.0), 0.75 * 0.75**0.5 * math.log(4.0)),
    ],
)
def test_values_worked_by_hand(name: str, parameters: dict[str, float], y: float, raw: float, expected: float) -> None:
    # The logarithms in the raw predictions are rounded once, which moves the value by a few roundings of 1.
    assert abs(ls.get(name, **parameters).value([y], [raw]) - expected) <= ROUNDINGS * max(1.0, abs(expected))


def test_softmax_focal_with_exponent_zero_is_cross_entropy() -> None:
    y, raw = np.array([0, 2, 1]), np.array([[0.3, -1.0, 2.0], [4.0, 0.1, 0.2], [-3.0, 1.5, 1.0]])
    assert same(ls.get("softmax_focal", gamma=0.0).value(y, raw), ls.get("cross_entropy").value(y, raw))


def test_label_smoothing_mixes_the_target_with_the_uniform_row() -> None:
    raw = np.array([[0.3, -1.0, 2.0], [4.0, 0.1, 0.2]])
    hard = np.array([0, 2])
    soft = 0.7 * np.eye(3)[hard] + 0.1
    smoothed = ls.get("label_smoothed_cross_entropy", epsilon=0.3).value(hard, raw)
    assert same(smoothed, ls.get("cross_entropy").value(soft, raw))


def test_tversky_with_halves_is_dice_with_half_the_smoothing() -> None:
    y, raw = np.array([1.0, 0.0, 1.0, 1.0]), np.array([0.3, -1.0, 2.0, -0.4])
    tversky = ls.get("tversky", alpha=0.5, beta=0.5, smooth=0.5).value(y, raw)
    assert same(tversky, ls.get("dice", smooth=1.0).value(y, raw))


def test_dice_is_finished_for_each_class_and_then_averaged() -> None:
    y = np.array([[1.0, 0.0], [0.0, 0.0], [1.0, 1.0]])
    raw = np.array([[0.3, -1.0], [2.0, -0.4], [0.1, 3.0]])
    loss = ls.get("dice")
    each = [loss.value(y[:, k], raw[:, k]) for k in range(2)]
    assert same(loss.value(y, raw), sum(each) / 2)
