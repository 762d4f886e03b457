"""The best constant against closed forms, arbitrary precision and a grid."""

from __future__ import annotations

import math
from collections.abc import Callable

import mpmath
import numpy as np
import pytest

from lossmith.calculus.optimum import Floats, best_constant, float_at, rank
from lossmith.errors import ArgumentError

Slopes = Callable[[Floats, float], tuple[Floats, Floats, Floats]]


def sigmoid(z: Floats | float) -> Floats:
    return np.asarray(1 / (1 + np.exp(-np.asarray(z, dtype=float))))


def squared(y: Floats, c: float) -> tuple[Floats, Floats, Floats]:
    return (c - y) ** 2 / 2, c - y, np.ones_like(y)


def log_loss(y: Floats, c: float) -> tuple[Floats, Floats, Floats]:
    p, q = sigmoid(c), sigmoid(-c)
    return np.logaddexp(0, c) - y * c, (1 - y) * p - y * q, p * q + 0 * y


def poisson(y: Floats, c: float) -> tuple[Floats, Floats, Floats]:
    return np.exp(c) - y * c, np.exp(c) - y, np.exp(c) + 0 * y


def pinball(y: Floats, c: float, level: float = 0.9) -> tuple[Floats, Floats, Floats]:
    r = y - c
    return np.maximum(level * r, (level - 1) * r), np.where(r > 0, -level, np.where(r < 0, 1 - level, 0.0)), 0 * y


def median(y: Floats, c: float) -> tuple[Floats, Floats, Floats]:
    return np.abs(y - c), np.sign(c - y), 0 * y


def hinge(y: Floats, c: float) -> tuple[Floats, Floats, Floats]:
    return np.maximum(0, 1 - y * c), np.where(y * c < 1, -y, 0.0), 0 * y


def focal(y: Floats, c: float, gamma: float = 2.0) -> tuple[Floats, Floats, Floats]:
    s = np.where(y > 0, 1.0, -1.0)
    p, q = sigmoid(s * c), sigmoid(-s * c)
    nll = np.logaddexp(0, -s * c)
    return q**gamma * nll, -s * q**gamma * (gamma * p * nll + q), 0 * y


def of(loss: Slopes, y: Floats, w: Floats | None = None) -> Callable[[Floats], tuple[float, Floats, Floats]]:
    weight = np.ones_like(y) if w is None else w

    def total(c: Floats) -> tuple[float, Floats, Floats]:
        value, slope, bend = loss(y, float(c[0]))
        return float((weight * value).sum()), np.array([(weight * slope).sum()]), np.array([(weight * bend).sum()])

    return total


def ulps(a: float, b: float) -> int:
    return abs(rank(a) - rank(b))


@pytest.mark.parametrize("number", [0.0, 1.0, -1.0, 5e-324, -5e-324, 1.7e308, math.pi])
def test_rank_and_float_at_are_inverse(number: float) -> None:
    assert float_at(rank(number)) == number


@pytest.mark.parametrize("scale", [1e-300, 1e-8, 1.0, 1e3, 1e150, 1e300])
def test_the_mean_minimises_squared_error_at_every_scale(scale: float) -> None:
    y = np.random.default_rng(0).uniform(1, 2, 1001) * scale
    exact = math.fsum(y / scale) / y.size * scale
    # each of n additions of the gradient may round once, in pairwise order: log2(n) units in the last place
    assert ulps(float(best_constant(of(squared, y))), exact) <= math.log2(y.size)


@pytest.mark.parametrize("offset", [0.0, 1000.0])
def test_weight_is_the_same_as_repetition(offset: float) -> None:
    y = np.array([1.0, 2.0, 7.0]) + offset
    weighted = best_constant(of(squared, y, np.array([1.0, 2.0, 3.0])))
    repeated = best_constant(of(squared, np.repeat(y, [1, 2, 3])))
    assert ulps(float(weighted), float(repeated)) <= 4


def test_log_odds_minimise_log_loss_to_the_last_bits() -> None:
    y = np.zeros(1000)
    y[:7] = 1
    with mpmath.workdps(40):
        exact = float(mpmath.log(mpmath.mpf(7) / 993))
    assert ulps(float(best_constant(of(log_loss, y))), exact) <= 32


@pytest.mark.parametrize("scale", [1e-200, 1.0, 1e6])
def test_log_of_the_mean_minimises_poisson(scale: float) -> None:
    y = np.random.default_rng(1).poisson(2.0, 500) * scale
    # the gradient is known to log2(n) roundings, and d log(m) = dm / m
    exact = math.log(math.fsum(y) / 500)
    assert abs(float(best_constant(of(poisson, y))) - exact) <= 2**-52 * (9 + abs(math.log(scale)))


@pytest.mark.parametrize("scale", [1e-300, 1.0, 1e300])
def test_median_of_an_odd_count_is_the_middle_value(scale: float) -> None:
    y = np.array([3.0, 1.0, 2.0, 9.0, 8.0]) * scale
    assert best_constant(of(median, y)) == y[0]


def test_a_flat_best_interval_gives_its_middle() -> None:
    assert best_constant(of(median, np.array([1.0, 2.0, 3.0, 4.0]))) == 2.5
    assert best_constant(of(median, np.array([-4.0, 4.0]))) == 0.0


def test_a_flat_interval_is_seen_through_the_rounding_of_its_slope() -> None:
    y = np.arange(1.0, 11.0)
    slopes = pinball(y, 9.5)[1]
    assert slopes.sum() != 0, "0.9 - 9 * 0.1 rounds to something else than 0: the case that is tested"
    assert best_constant(of(pinball, y)) == 9.5


def test_quantile_lies_where_the_weights_on_both_sides_balance() -> None:
    rng = np.random.default_rng(2)
    y, w = rng.standard_t(2, 999), rng.uniform(0, 3, 999)
    c = float(best_constant(of(pinball, y, w)))
    assert w[y < c].sum() <= 0.9 * w.sum() <= w[y <= c].sum()


@pytest.mark.parametrize(("loss", "y", "expected"), [
    (log_loss, np.ones(5), math.inf),
    (log_loss, np.zeros(5), -math.inf),
    (poisson, np.zeros(5), -math.inf),
])  # fmt: skip
def test_a_loss_that_falls_for_ever_has_an_infinite_best_constant(loss: Slopes, y: Floats, expected: float) -> None:
    assert best_constant(of(loss, y)) == expected


def test_a_loss_that_is_flat_beyond_an_edge_keeps_the_edge() -> None:
    assert ulps(float(best_constant(of(hinge, np.ones(4)))), 1.0) <= 1
    assert ulps(float(best_constant(of(hinge, -np.ones(4)))), -1.0) <= 1


@pytest.mark.parametrize("gamma", [0.5, 1.0, 2.0, 5.0])
def test_focal_start_is_its_own_minimum_and_not_the_log_odds(gamma: float) -> None:
    # 229 positives among 20,000, as two weighted rows: 1.15 %, log odds -4.46
    total = of(lambda a, c: focal(a, c, gamma), np.array([0.0, 1.0]), np.array([19771.0, 229.0]))
    c = float(best_constant(total, convex=False, scan=np.arange(-40, 40.5, 0.5)))
    grid = np.arange(-8, 8, 1e-3)
    lowest = min(total(np.array([g]))[0] for g in grid)
    assert total(np.array([c]))[0] <= lowest
    if gamma == 2.0:
        assert round(c, 2) == -1.66


def test_the_deepest_of_several_minima_is_returned() -> None:
    def cauchy(y: Floats, c: float) -> tuple[Floats, Floats, Floats]:
        r = c - y
        return np.log1p(r * r), 2 * r / (1 + r * r), 0 * y

    y = np.concatenate([np.full(4, -50.0), np.full(6, 50.0)])
    c = float(best_constant(of(cauchy, y), convex=False, scan=y))
    assert abs(c - 50) < 0.1
    c = float(best_constant(of(cauchy, -y), convex=False, scan=-y))
    assert abs(c + 50) < 0.1


def test_constant_probability_stays_inside_its_domain() -> None:
    y = np.array([0.0, 1.0, 1.0, 1.0])

    def total(c: Floats) -> tuple[float, Floats, Floats]:
        p = float(c[0])
        if not 0 < p < 1:
            return math.nan, np.array([math.nan]), np.array([math.nan])
        return 0.0, np.array([((1 - y) / (1 - p) - y / p).sum()]), np.array([((1 - y) / (1 - p) ** 2 + y / p**2).sum()])

    assert abs(float(best_constant(total, bounds=(0.0, 1.0))) - 0.75) <= 2**-52


def test_no_gradient_anywhere_is_refused() -> None:
    with pytest.raises(ArgumentError, match="LM260"):
        best_constant(lambda c: (math.nan, c * math.nan, c * math.nan))


def classes(counts: list[float], gamma: float = 0.0) -> Callable[[Floats], tuple[float, Floats, Floats]]:
    """Softmax cross entropy (or focal) of `counts[k]` rows of class k, from one row per class."""
    n = np.array(counts)

    def total(c: Floats) -> tuple[float, Floats, Floats]:
        e = np.exp(c - c.max())
        p = e / e.sum()
        logs = c - c.max() - math.log(e.sum())
        value = -(n * (1 - p) ** gamma * logs).sum()
        inner = n * (1 - p) ** gamma - n * gamma * p * np.where(p < 1, (1 - p) ** (gamma - 1), 0) * logs
        return float(value), p * inner.sum() - inner, n.sum() * p * (1 - p)

    return total


def test_log_priors_minimise_softmax_cross_entropy() -> None:
    counts = [500.0, 3.0, 97.0, 400.0]
    c = np.asarray(best_constant(classes(counts), 4, softmax=True))
    # gradients of size 1000 are known to 1e-13 or so; the curvature of the rarest class is 3
    np.testing.assert_allclose(np.exp(c), np.array(counts) / 1000, rtol=1e-12)


def test_a_class_that_never_occurs_gets_minus_infinity() -> None:
    c = np.asarray(best_constant(classes([5.0, 0.0, 15.0]), 3, softmax=True))
    assert c[1] == -math.inf
    np.testing.assert_allclose(np.exp(c), [0.25, 0, 0.75], rtol=1e-12)


def test_softmax_focal_gradient_vanishes_at_the_answer() -> None:
    total = classes([500.0, 30.0, 470.0], gamma=2.0)
    c = np.asarray(best_constant(total, 3, softmax=True))
    assert np.abs(total(c)[1]).max() <= 1e-12 * 1000
    assert abs(np.exp(c).sum() - 1) <= 2**-50


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_normal_likelihood_gives_mean_and_log_standard_deviation(scale: float) -> None:
    y = np.random.default_rng(3).normal(5, 2, 400) * scale

    def total(c: Floats) -> tuple[float, Floats, Floats]:
        r = (y - c[0]) * math.exp(-c[1]) if c[1] > -700 else np.full_like(y, math.inf)
        curved = (r * r).sum()
        slope = np.array([-(r * np.exp(-c[1])).sum(), y.size - curved])
        return float(curved / 2 + y.size * c[1]), slope, np.array([y.size * np.exp(-2 * c[1]), 2 * curved])

    c = np.asarray(best_constant(total, 2))
    assert abs(c[0] / y.mean() - 1) <= 1e-14
    assert abs(c[1] - math.log(y.std())) <= 1e-13
