"""Derivatives by targets and by weights: against differences of the value, and the laws that weights obey."""

from __future__ import annotations

import numpy as np
import pytest

import lossmith as ls
from lossmith.loss.evaluate import run_rows

STEP = 2.0**-17
BOUND = 1e-8  # central differences of numbers around 1: STEP**2 of the third derivative, and 2**-52 / STEP of rounding
NAMES = ("mse", "rmse", "dice", "log_loss", "focal", "cross_entropy", "poisson")


def _data(name: str, n: int = 7):
    rng = np.random.default_rng(3)
    if name == "cross_entropy":
        return rng.dirichlet(np.ones(3), size=n), rng.normal(size=(n, 3)), rng.random(n) + 0.1
    return rng.random(n), rng.normal(size=n), rng.random(n) + 0.1


def _by(loss: ls.Loss, who: str, y, z, w):
    wanted = f"gradient by {who}"
    return run_rows(loss._request(), (wanted,), loss._rows(y, z, w, None)).outputs[f"{wanted}:0"]


def _difference(value, array):
    found = np.zeros_like(array)
    for at in np.ndindex(array.shape):
        high, low = array.copy(), array.copy()
        high[at] += STEP
        low[at] -= STEP
        found[at] = (value(high) - value(low)) / (high[at] - low[at])
    return found


@pytest.mark.parametrize("name", NAMES)
def test_the_derivative_by_the_weights_is_that_of_the_value(name: str) -> None:
    loss, (y, z, w) = ls.get(name).using("numpy"), _data(name)
    assert np.allclose(_by(loss, "sample_weight", y, z, w), _difference(lambda t: loss.value(y, z, t), w), atol=BOUND)


@pytest.mark.parametrize("name", [name for name in NAMES if name != "cross_entropy"])
def test_the_derivative_by_the_target_is_that_of_the_value(name: str) -> None:
    loss, (y, z, w) = ls.get(name).using("numpy"), _data(name)
    assert np.allclose(_by(loss, "y", y, z, w), _difference(lambda t: loss.value(t, z, w), y), atol=BOUND)


@pytest.mark.parametrize("name", ["mse", "rmse", "log_loss", "cross_entropy"])
def test_a_mean_does_not_change_when_all_weights_grow_alike(name: str) -> None:
    loss, (y, z, w) = ls.get(name).using("numpy"), _data(name)
    slopes = _by(loss, "sample_weight", y, z, w)
    assert abs(slopes @ w) <= 8 * np.finfo(float).eps * loss.value(y, z, w)  # each slope is a row's loss minus the mean


def test_a_weight_of_a_sum_counts_the_row_itself() -> None:
    loss, (y, z, w) = ls.get("mse").over("one").using("numpy"), _data("mse")
    assert np.array_equal(_by(loss, "sample_weight", y, z, w), loss.per_example(y, z))


def test_what_has_no_derivative_by_the_weights_says_so() -> None:
    loss, (y, z, w) = ls.get("mse").tilt(1.0).using("numpy"), _data("mse")
    with pytest.raises(ls.LossmithError, match="LM317"):
        _by(loss, "sample_weight", y, z, w)


def test_a_row_of_weight_zero_can_still_be_weighed_in() -> None:
    loss, (y, z, w) = ls.get("mse").using("numpy"), _data("mse")
    w[2] = 0.0
    mean = loss.value(y, z, w)
    assert _by(loss, "sample_weight", y, z, w)[2] == pytest.approx(((y[2] - z[2]) ** 2 - mean) / w.sum(), rel=1e-14)
