"""Inverse links, and the best constant against closed forms and against a grid."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest
from scipy import optimize

import lossmith as ls
from lossmith.calculus.scan import NoBestConstantError
from lossmith.errors import LossmithError
from tests.properties.cases import CASES, Case

RNG = np.random.default_rng(31)


def best(name: str, y: Any, weight: Any = None, **parameters: float) -> Any:
    return ls.get(name, **parameters).using("numpy").best_constant(y, weight)


@pytest.mark.parametrize(
    ("link", "raw", "exact"),
    [
        ("sigmoid", -800.0, 0.0),
        ("sigmoid", -700.0, np.exp(-700.0)),
        ("softplus", -700.0, np.exp(-700.0)),
        ("softplus", 1e30, 1e30),
        ("exp", 2.0, np.exp(2.0)),
        ("tanh", 1e30, 1.0),
        ("cloglog", -700.0, np.exp(-700.0)),
        ("probit", 0.0, 0.5),
    ],
)
def test_inverse_links(link: str, raw: float, exact: float) -> None:
    loss = ls.parse("p*y", target="real", link=link)
    assert loss.predict([raw])[0] == pytest.approx(exact, rel=4e-16, abs=0.0)


def test_softmax_predictions_are_probabilities_along_the_class_axis() -> None:
    raw = RNG.normal(size=(2, 3, 4)) * 300
    p = ls.get("ce").predict(raw)
    np.testing.assert_allclose(p.sum(axis=1), 1.0, rtol=1e-15)
    with pytest.raises(LossmithError, match=r"LM212"):
        ls.get("ce").predict([1.0, 2.0])


def test_best_constants_are_the_statistics_of_the_target() -> None:
    y, w = RNG.normal(size=101) * 7, RNG.uniform(size=101)
    assert best("mse", y) == pytest.approx(y.mean(), rel=1e-14)
    assert best("mse", y, w) == pytest.approx((w * y).sum() / w.sum(), rel=1e-14)
    assert best("rmse", y, w) == pytest.approx((w * y).sum() / w.sum(), rel=1e-7)  # the root of a flat-bottomed bowl
    assert best("mae", y) == np.median(y)
    assert best("quantile", y, level=0.9) == np.sort(y)[90]
    assert best("quantile", np.arange(4.0), level=0.5) == 1.5
    counts = RNG.poisson(3.0, size=50).astype(float)
    assert best("poisson", counts) == pytest.approx(np.log(counts.mean()), rel=1e-14)
    assert best("gamma", np.exp(y)) == pytest.approx(np.log(np.exp(y).mean()), rel=1e-14)
    hits = (RNG.uniform(size=200) < 0.2).astype(float)
    assert best("log_loss", hits) == pytest.approx(np.log(hits.mean() / (1 - hits.mean())), rel=1e-13)


def test_softmax_starts_at_the_log_priors() -> None:
    y = np.repeat([0, 1, 2, 4], [10, 20, 5, 15])
    found = best("cross_entropy", y)
    np.testing.assert_allclose(np.exp(found), [0.2, 0.4, 0.1, 0.0, 0.3], atol=1e-12)
    assert found[3] == -np.inf


def test_focal_loss_at_one_percent_does_not_start_at_the_log_odds() -> None:
    """At 1.15 % positives the log odds are -4.45; the best constant of focal loss with gamma 2 is -1.65."""
    y = np.zeros(20_000)
    y[:230] = 1.0
    found = best("focal", y)
    loss = ls.get("focal").using("numpy")
    grid = optimize.minimize_scalar(
        lambda c: loss.value([1.0, 0.0], [c, c], [230.0, 19770.0]), bounds=(-6, 0), method="bounded"
    )
    assert found == pytest.approx(grid.x, abs=1e-5)
    assert found == pytest.approx(-1.65, abs=0.01)


def test_two_heads_start_at_mean_and_log_deviation() -> None:
    y = RNG.normal(size=300) * 50 + 1000
    case = next(c for c in CASES if c.name == "gaussian_heads")
    found = case.loss.using("numpy").best_constant(y)
    np.testing.assert_allclose(found, [y.mean(), np.log(y.std())], rtol=1e-8)


@pytest.mark.parametrize("scale", [1e-300, 1e-150, 1.0, 1e150, 1e300])
@pytest.mark.parametrize("name", ["mse", "mae", "quantile", "expectile"])
def test_no_scale_of_labels_is_assumed(name: str, scale: float) -> None:
    y = np.array([1.0, 2.0, 4.0, 4.5, 7.0])
    one = best(name, y)
    if name in ("mse", "expectile"):
        assert best(name, y * scale) / scale == pytest.approx(one, rel=1e-12)
    else:
        assert best(name, y * scale) == pytest.approx(one * scale, rel=4e-16, abs=0.0)


@pytest.mark.parametrize("case", [c for c in CASES if c.loss.target != "simplex" and np.ndim(c.raw) == 1], ids=repr)
def test_no_other_constant_is_better(case: Case) -> None:
    loss = case.loss.using("numpy")
    try:
        at = float(loss.best_constant(case.y, case.weight, **case.given))
    except NoBestConstantError as error:  # then farther out is better still
        assert error.least is not None and np.isinf(error.least.place)
        at = float(np.clip(error.least.place, -200.0, 200.0))

    def value(c: float) -> float:
        return loss.value(case.y, np.full(case.raw.shape, c), case.weight, **case.given)

    grid = [value(c) for c in np.concatenate([np.linspace(-12, 12, 241), at + np.array([-1e-3, 1e-3])])]
    assert value(at) <= min(grid) + 4e-16 * abs(min(grid))


def test_no_row_has_no_best_constant() -> None:
    for y, w in (([], None), ([1.0], [0.0])):
        with pytest.raises(LossmithError, match=r"LM223"):
            best("mse", y, w)


@pytest.mark.parametrize("distinct", [600, None])
def test_the_best_constant_of_a_large_table_is_found_at_once(distinct: int | None) -> None:
    """Well under a second: the bound is 25 times what a quiet machine needs for repeated targets."""
    n = 300_000
    y = RNG.normal(size=n) * 80
    y = np.round(y).clip(-90, 500) if distinct else y
    ls.get("mae").best_constant(y[:100])
    start = time.perf_counter()
    found = ls.get("mae").best_constant(y)
    assert time.perf_counter() - start < (1.0 if distinct else 4.0)
    assert found == pytest.approx(np.median(y), abs=1e-12)
