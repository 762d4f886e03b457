"""What one outlier does: beside means, medians and gradients that are computed another way."""

from functools import lru_cache

import numpy as np
import pytest

import lossmith as ls
from lossmith.loss.library import get
from lossmith.report.loss_page import influence as measure
from lossmith.report.loss_page.influence import DIABETES, SURE

influence = lru_cache(maxsize=None)(measure.influence)

NUMBERS = [name for name in ls.names() if get(name).target in ("real", "positive", "nonnegative", "count")]
CLASSES = [name for name in ls.names() if name not in NUMBERS]


def test_the_sample_is_that_of_scikit_learn():
    from sklearn.datasets import load_diabetes

    np.testing.assert_array_equal(DIABETES, load_diabetes().target[: len(DIABETES)])


@pytest.mark.parametrize("name", ["squared_error", "poisson", "gamma", "rmse"])
def test_where_the_mean_is_best_it_is_the_mean_that_moves(name):
    found = influence(get(name))
    moved = [np.mean([*DIABETES, t]) - np.mean(DIABETES) for t in found.x]
    np.testing.assert_allclose(found.y, moved, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(dict(found.beside)["the mean"], moved, rtol=1e-12)
    assert not found.bounded
    assert "without end" in found.limit


@pytest.mark.parametrize(("name", "level"), [("absolute_error", None), ("quantile", 0.9), ("laplace", None)])
def test_where_a_quantile_is_best_it_is_that_quantile_which_moves(name, level):
    loss = get(name) if level is None else get(name, level=level)
    found = influence(loss)
    rank = 0.5 if level is None else level
    start = loss.best_constant(DIABETES)
    wanted = [np.quantile([*DIABETES, t], rank, method="inverted_cdf") - start for t in found.x]
    np.testing.assert_allclose(found.y, wanted, atol=1e-9)
    assert found.bounded


@pytest.mark.parametrize(
    "name", ["huber", "log_cosh", "expectile", "student_t", "tweedie", "zero_inflated_poisson", "log_normal"]
)
def test_the_grid_finds_what_best_constant_finds(name):
    loss, found = get(name).using("numpy"), influence(get(name))
    start = loss.predict(np.array([loss.best_constant(DIABETES)]))[0]
    for j in (3, -1):
        raw = loss.best_constant([*DIABETES, found.x[j]])
        moved = loss.predict(np.array([raw]))[0] - start
        np.testing.assert_allclose(found.y[j], moved, rtol=1e-6, atol=1e-6)
    assert f"by {abs(found.y[-1]):,.1f}" in found.sentence or abs(found.y[-1]) < 0.05


@pytest.mark.parametrize("name", [name for name in NUMBERS if name not in ("rmse", "student_t")])
def test_a_bound_is_a_slope_that_stops_growing(name):
    """As targets go out, the gradient at the sample's best constant stays where the influence is said to be bounded."""
    loss = get(name).using("numpy")
    at = np.full(2, loss.best_constant(DIABETES))
    near, far = np.abs(loss.per_example_gradient([1e6, 1e9], at))
    assert influence(get(name)).bounded == (far <= 1.01 * near)


def test_a_row_that_is_far_enough_counts_for_nothing_where_the_loss_forgets_it():
    found = influence(get("student_t"))
    assert found.bounded and abs(found.y[-1]) < 0.01 < max(map(abs, found.y))


def slope_of_log_loss(y, z, gamma=0.0):
    """Derivative of minus (1 - q)**gamma * log(q) by the raw prediction, q the probability of what happened."""
    sign = np.where(y == 1, 1.0, -1.0)
    q = 1 / (1 + np.exp(-sign * z))
    return np.abs((1 - q) ** gamma * (gamma * q * np.log(q) - (1 - q)))


@pytest.mark.parametrize(("name", "gamma"), [("binary_cross_entropy", 0.0), ("focal", 2.0)])
def test_the_pull_of_a_wrong_label_is_its_share_of_all_gradients(name, gamma):
    found = influence(get(name))
    right = 30 * slope_of_log_loss(1, SURE, gamma)
    wanted = [slope_of_log_loss(0, x, gamma) / right for x in found.x]
    np.testing.assert_allclose(found.y, wanted, rtol=1e-9)
    assert found.bounded


@pytest.mark.parametrize("name", CLASSES)
def test_every_loss_of_classes_has_its_figures(name):
    found = influence(get(name))
    assert len(found.x) == len(found.y) == 21
    assert all(np.isfinite(found.y)) and min(found.y) >= 0
    assert found.bounded == (name not in ("distribution_cross_entropy", "kl_divergence"))


def test_the_proof_of_a_bound_is_said_with_it():
    assert "no row pulls harder than 2.5 [proved]" in influence(get("huber", delta=2.5)).limit
    assert "[proved]" not in influence(get("mse")).limit


def test_what_has_no_constant_to_move_has_no_influence():
    several = ls.define(target={"time": "positive", "event": "binary"}, name="survival")(
        lambda time, event, z: time * ls.exp(z) - event * z
    )
    assert influence(several) is None
    assert influence(ls.get("log_loss").reweight("balanced")) is None


def test_designs_and_formulas_are_measured_too():
    assert influence(ls.parse("mse.truncate(tau=1e4)")).bounded
    assert not influence(ls.parse("where(y > z, 5, 1)*(y - z)**2", target="real")).bounded
    heads = ls.define(target="real", heads={"mean": "identity", "scale": "exp"}, name="two")(
        lambda y, mean, scale: ((y - mean) / scale) ** 2 / 2 + ls.log(scale)
    )
    np.testing.assert_allclose(influence(heads).y, influence(get("mse")).y[4::5], rtol=1e-5)
