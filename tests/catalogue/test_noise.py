"""The noise models: densities that integrate to 1, those of SciPy, and gradients of the losses that they name."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np
import pytest
from scipy import integrate, stats

import lossmith as ls
from lossmith.catalogue.noise import NOISES, Noise, tweedie_log_normaliser
from lossmith.formula.roles import TARGET_KINDS
from lossmith.loss.handle import Loss

BY_LOSS = {noise.definition.name: noise for noise in NOISES}
EPS = float(np.finfo(np.float64).eps)


def log_density(noise: Noise, y: Any, raw: float, **fitted: float) -> Any:
    """As a study computes it: minus the loss, or the normaliser minus the loss over the dispersion."""
    inside = {p.name: fitted[p.name] for p in noise.definition.parameters}
    loss = Loss(noise.definition).bind(**inside).per_example(y, np.full(np.shape(y), raw))
    if noise.log_normaliser is None:
        return -loss
    return noise.log_normaliser(y, fitted["dispersion"], fitted["power"]) - loss / fitted["dispersion"]


def exp(raw: float) -> float:
    return math.exp(raw)


def _zero_inflated(y: Any, raw: float, zero: float) -> Any:
    return np.log((y == 0) * zero + (1 - zero) * stats.poisson.pmf(y, exp(raw)))


def _log_normal(y: Any, raw: float, sigma: float) -> Any:
    return stats.lognorm.logpdf(y, sigma, scale=exp(raw))


def _negative_binomial(y: Any, raw: float, dispersion: float) -> Any:
    return stats.nbinom.logpmf(y, 1 / dispersion, 1 / (1 + dispersion * exp(raw)))


# loss, raw prediction, what is fitted, the same in SciPy
Witness = Callable[..., Any]
WITNESSES: list[tuple[str, float, dict[str, float], Witness]] = [
    *(("gaussian", m, {"scale": s}, lambda y, z, scale: stats.norm.logpdf(y, z, scale)) for m, s in ((0.0, 1.0), (30.0, 7.5))),
    *(("laplace", m, {"scale": s}, lambda y, z, scale: stats.laplace.logpdf(y, z, scale)) for m, s in ((0.0, 1.0), (-3.0, 0.2))),
    *(("student_t", m, {"degrees": d, "scale": s}, lambda y, z, degrees, scale: stats.t.logpdf(y, degrees, z, scale))
      for m, d, s in ((0.0, 4.0, 1.0), (2.0, 2.5, 3.0), (0.0, 150.0, 0.5))),
    *(("logistic", m, {"scale": s}, lambda y, z, scale: stats.logistic.logpdf(y, z, scale)) for m, s in ((0.0, 1.0), (5.0, 0.3))),
    *(("log_normal", m, {"sigma": s}, _log_normal) for m, s in ((0.0, 1.0), (2.0, 0.3))),
    *(("gamma_likelihood", m, {"shape": k}, lambda y, z, shape: stats.gamma.logpdf(y, shape, scale=exp(z) / shape))
      for m, k in ((0.0, 1.0), (1.5, 7.5), (-1.0, 2.5))),
    *(("poisson_likelihood", m, {}, lambda y, z: stats.poisson.logpmf(y, exp(z))) for m in (-2.0, 0.0, 3.5)),
    *(("negative_binomial", m, {"dispersion": d}, _negative_binomial) for m, d in ((0.0, 1.0), (2.0, 0.1), (-1.0, 5.0))),
    *(("zero_inflated_poisson", m, {"zero": q}, _zero_inflated) for m, q in ((0.0, 0.25), (2.5, 0.9), (1.0, 0.01))),
]  # fmt: skip
IDS = [f"{name}-{raw}-{fitted}" for name, raw, fitted, _ in WITNESSES]
COUNTS = np.arange(400.0)
every_witness = pytest.mark.parametrize(("name", "raw", "fitted", "witness"), WITNESSES, ids=IDS)


@every_witness
def test_a_density_is_that_of_scipy(name: str, raw: float, fitted: dict[str, float], witness: Witness) -> None:
    noise = BY_LOSS[name]
    y = COUNTS[:60] if noise.base == "mass" else np.concatenate([[1e-3, 0.5], np.linspace(1.0, 60.0, 37)])
    found, known = log_density(noise, y, raw, **fitted), witness(y, raw, **fitted)
    # Both subtract log-gamma functions of numbers up to 460, each rounded: terms of about 2400 in all.
    assert np.abs(found - known).max() <= 4 * EPS * (2400 + np.abs(known).max())


@every_witness
def test_a_density_adds_up_to_one(name: str, raw: float, fitted: dict[str, float], witness: Witness) -> None:
    noise = BY_LOSS[name]
    if noise.base == "mass":  # beyond 400 none of these has 1e-12 left
        assert abs(math.fsum(np.exp(log_density(noise, COUNTS, raw, **fitted))) - 1.0) <= 1e-10
        return
    assert abs(_integral(noise, raw, **fitted) - 1.0) <= 1e-8


def _integral(noise: Noise, raw: float, **fitted: float) -> float:
    """Over log y for amounts, else over sinh, which bring the tails near: y = raw + scale * sinh(t)."""
    amounts = noise.domain[0] != "real"
    scale = fitted.get("scale", 1.0)

    def body(t: float) -> float:
        y, stretch = (
            (math.exp(raw + t), math.exp(raw + t)) if amounts else (raw + scale * math.sinh(t), scale * math.cosh(t))
        )
        return float(np.exp(log_density(noise, np.array([y]), raw, **fitted))[0]) * stretch

    return float(integrate.quad(body, -60.0 if amounts else -30.0, 10.0 if amounts else 30.0, points=[0.0], limit=500,
                                epsabs=1e-10)[0])  # fmt: skip


# The loss under which a model is trained has the gradient of the density, up to a factor that is fitted.
FACTORS: dict[str, Callable[[dict[str, float]], float]] = {
    "gaussian": lambda f: 1 / (2 * f["scale"] ** 2),
    "laplace": lambda f: 1 / f["scale"],
    "gamma_likelihood": lambda f: f["shape"],
    "poisson_likelihood": lambda f: 1.0,
}


@pytest.mark.parametrize(("name", "raw", "fitted"), [w[:3] for w in WITNESSES if w[0] in FACTORS])
def test_the_gradient_is_that_of_the_loss_it_names(name: str, raw: float, fitted: dict[str, float]) -> None:
    noise = BY_LOSS[name]
    y = COUNTS[1:9]
    z = np.full(y.shape, raw + 0.1)
    own = Loss(noise.definition).bind(**fitted).per_example_gradient(y, z)
    named = ls.get(noise.loss_name).per_example_gradient(y, z)
    np.testing.assert_allclose(own, FACTORS[name](fitted) * named, rtol=32 * EPS)  # 16 units each


def test_every_row_names_a_loss_and_what_is_fitted() -> None:
    assert len({noise.name for noise in NOISES}) == len(NOISES) == 10
    for noise in NOISES:
        fitted = [name for name, *_ in noise.dispersion]
        own = [p.name for p in noise.definition.parameters]
        assert noise.loss_name in ls.names() and set(noise.domain) <= set(TARGET_KINDS)
        assert fitted == (["dispersion", *own] if noise.log_normaliser else own)
        for (name, low, high, start), domain in (
            (row, p.domain) for row in noise.dispersion for p in noise.definition.parameters if p.name == row[0]
        ):
            assert low < start < high and all(number in domain for number in (low, high, start)), name
        assert noise.definition.declaration.target[0][1] in noise.domain


# Tweedie: a lump at 0 and a series -------------------------------------------------------------------------------------

TWEEDIE = BY_LOSS["tweedie"]
POINTS = [
    *((1.0, 1.0, 1.5), (1e-3, 1.0, 1.5), (1e-8, 2.0, 1.5), (3.0, 0.01, 1.5), (50.0, 0.01, 1.5), (300.0, 0.5, 1.2)),
    *((1e4, 1.0, 1.7), (7.0, 0.01, 1.9), (5.0, 0.02, 1.98), (5.0, 0.02, 1.02), (3.0, 0.012, 1.95), (1000.0, 10.0, 1.05)),
]  # fmt: skip


def exact_normaliser(y: float, dispersion: float, power: float) -> tuple[float, float]:
    """The series by arbitrary precision, every term down to 1e-40 of the largest; and the size of the largest."""
    with mpmath.workdps(50):
        y_, phi, p = (mpmath.mpf(v) for v in (y, dispersion, power))
        ratio = (2 - p) / (p - 1)
        slope = ratio * mpmath.log(y_ / (p - 1)) - (1 + ratio) * mpmath.log(phi) - mpmath.log(2 - p)

        def term(j: int) -> Any:
            return mpmath.exp(j * slope - mpmath.loggamma(j + 1) - mpmath.loggamma(ratio * j))

        top = max(1, int(y_ ** (2 - p) / ((2 - p) * phi)))
        largest, total = term(top), mpmath.mpf(0)
        for j, step in ((top, -1), (top + 1, 1)):
            while j >= 1 and (t := term(j)) > largest * mpmath.mpf(10) ** -40:
                total, j = total + t, j + step
        return float(mpmath.log(total / y_)), float(mpmath.log(largest))


@pytest.mark.parametrize(("y", "dispersion", "power"), POINTS)
def test_the_tweedie_series_is_right(y: float, dispersion: float, power: float) -> None:
    exact, largest = exact_normaliser(y, dispersion, power)
    found = float(tweedie_log_normaliser([y], dispersion, power)[0])
    # a term is a difference of log-gammas up to about eight times its own logarithm, each rounded twice
    assert abs(found - exact) <= 16 * EPS * (1.0 + abs(largest))


@pytest.mark.parametrize(
    ("mean", "dispersion", "power"), [(1.0, 1.0, 1.5), (20.0, 3.0, 1.3), (5.0, 0.5, 1.8), (0.2, 2.0, 1.6)]
)
def test_tweedie_adds_up_to_one_with_its_lump_at_zero(mean: float, dispersion: float, power: float) -> None:
    raw, fitted = math.log(mean), {"dispersion": dispersion, "power": power}
    lump = math.exp(float(log_density(TWEEDIE, np.array([0.0]), raw, **fitted)[0]))
    rate = mean ** (2 - power) / (dispersion * (2 - power))
    assert lump == pytest.approx(math.exp(-rate), rel=1e-14)
    t = np.linspace(-60.0, 12.0, 20001)  # trapezoids of a smooth body that vanishes at both ends
    y = mean * np.exp(t)
    body = np.exp(log_density(TWEEDIE, y, raw, **fitted)) * y
    assert lump + integrate.trapezoid(body, t) == pytest.approx(1.0, abs=1e-8)
    assert integrate.trapezoid(body * y, t) == pytest.approx(mean, rel=1e-8)
    variance = integrate.trapezoid(body * (y - mean) ** 2, t) + lump * mean**2
    assert variance == pytest.approx(dispersion * mean**power, rel=1e-8)


def test_the_tweedie_series_takes_any_shape_and_refuses_what_lies_below_zero() -> None:
    found = tweedie_log_normaliser([[0.0, 2.0], [2.0, -1.0], [math.nan, 0.5]], 1.0, 1.5)
    assert found.shape == (3, 2) and found[0, 0] == 0.0 and found[0, 1] == found[1, 0]
    assert found[1, 1] == -math.inf and math.isnan(found[2, 0]) and math.isfinite(found[2, 1])


def test_the_tweedie_series_does_not_jump_where_it_leaves_out_terms() -> None:
    """At the 200th term the sum of all hands over to one in half a deviation."""
    y = np.linspace(0.98, 1.02, 41) * (200.0 * 0.5 * 0.01) ** 2
    second = np.diff(tweedie_log_normaliser(y, 0.01, 1.5), 2)
    assert np.abs(second - second.mean()).max() <= 0.2 * np.abs(second.mean())
