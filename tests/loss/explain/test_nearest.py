"""The standard loss that a loss equals or is nearest to: equalities hold in the kernels too, and none is found where none is."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import lossmith as ls
from lossmith.loss.explain.nearest import Nearest, nearest, standard_name
from lossmith.loss.explain.view import View, view_of

PINBALL = "where(y>z, 5, 1)*abs(y-z)"


def found(loss: Any) -> Nearest | None:
    view = view_of(loss.definition, {k: v for k, v in loss.parameters.items() if v is not None})
    assert isinstance(view, View), view
    return nearest(view)


def real(formula: str) -> Any:
    return ls.parse(formula, target="real")


def binary(formula: str, link: str | None = "sigmoid") -> Any:
    return ls.parse(formula, target="binary", link=link)


# loss, name, parameters, factors by label, what is added
ONE = {0.0: 1.0}
EQUAL = [
    (real(PINBALL), "quantile", {"level": 5 / 6}, {0.0: 6.0}, 0.0),
    (real("(y-z)**2/2"), "squared_error", {}, {0.0: 0.5}, 0.0),
    (real("where(y>z, 3, 1)*(y-z)**2"), "expectile", {"level": 0.75}, {0.0: 4.0}, 0.0),
    (3 * ls.get("huber", delta=1000), "huber", {"delta": 1000.0}, {0.0: 3.0}, 0.0),
    (ls.get("huber").zoom(10), "huber", {"delta": 10.0}, {0.0: 0.01}, 0.0),
    (ls.get("rmse"), "squared_error", {}, ONE, 0.0),
    (ls.get("gaussian", scale=2.0), "squared_error", {}, {0.0: 0.125}, math.log(2) + math.log(2 * math.pi) / 2),
    (ls.get("log_cosh"), "logistic", {"scale": 0.5}, {0.0: 0.5}, -math.log(2) / 2),
    (ls.get("half_squared_error").robust(0, 1), "student_t", {"degrees": 2.0, "scale": 1.0}, {0.0: 2 / 3}, None),
    (real("abs(y - (z - 3))"), "absolute_error", {}, ONE, 0.0),
    (ls.get("huber").asymmetric(under=3), "huber", {"delta": 1.0}, {-1.0: 3.0, 1.0: 1.0}, 0.0),
    (ls.get("mse").select(trim=0.1), "squared_error", {}, ONE, 0.0),
    (ls.get("mse").over("count"), "squared_error", {}, ONE, 0.0),
    (ls.get("poisson_likelihood"), "poisson", {}, ONE, None),
    (ls.parse("exp(z) - y*z", target="count"), "poisson", {}, ONE, 0.0),
    (ls.parse("(log(p)-log(y))**2", target="positive", link="softplus"), "log_normal", {"sigma": 1.0}, {0.0: 2.0}, None),
    (ls.parse("(y-p)**2", target="real", link="tanh"), "squared_error", {}, ONE, 0.0),
    (binary("softplus(z) - y*z", None), "binary_cross_entropy", {}, ONE, 0.0),
    (binary("-y*log(p) - (1-y)*log(1-p)", "probit"), "binary_cross_entropy", {}, ONE, 0.0),
    (binary("-20*y*log(p) - (1-y)*log(1-p)"), "binary_cross_entropy", {}, {0.0: 1.0, 1.0: 20.0}, 0.0),
    (ls.get("bce").reweight([1, 20]), "binary_cross_entropy", {}, {0.0: 1.0, 1.0: 20.0}, 0.0),
    (ls.get("bce").modulate(1.5), None, {}, {}, 0.0),
    (2 * ls.get("bce").modulate(1.5), "focal", {"gamma": 1.5}, {0.0: 2.0}, 0.0),
    (ls.get("focal", alpha=0.25), "focal", {"gamma": 2.0}, {0.0: 0.75, 1.0: 0.25}, 0.0),
    (ls.get("bce"), "focal", {"gamma": 0.0}, ONE, 0.0),
    (ls.get("bce").temper(2), "binary_cross_entropy", {}, ONE, 0.0),
    (ls.get("bce").adjust([0.9, 0.1]), "binary_cross_entropy", {}, ONE, 0.0),
    (ls.get("ce").margin(0.3), "cross_entropy", {}, ONE, 0.0),
    (ls.get("ce").reweight([1, 2, 5]), "cross_entropy", {}, {0.0: 1.0, 1.0: 2.0, 2.0: 5.0}, 0.0),
    (0.5 * ls.get("ce").smooth(0.2), "label_smoothed_cross_entropy", {"epsilon": 0.2}, {0.0: 0.5}, 0.0),
    (ls.get("dice", smooth=3.0), "tversky", {"alpha": 0.5, "beta": 0.5, "smooth": 1.5}, ONE, 0.0),
    (ls.get("focal", on="probability", gamma=0), "binary_cross_entropy", {}, ONE, 0.0),
]  # fmt: skip


@pytest.mark.parametrize(("loss", "name", "parameters", "factors", "rest"), EQUAL, ids=lambda v: getattr(v, "name", ""))
def test_an_equality_is_found_with_its_numbers(
    loss: Any, name: str | None, parameters: dict[str, float], factors: dict[float, float], rest: float | None
) -> None:
    near = found(loss)
    assert near is not None
    if name is None:  # it is the standard loss itself, and no other one
        assert not near.exact and standard_name(loss.definition) == "focal"
        return
    assert near.exact and near.name == name
    assert dict(near.parameters) == pytest.approx(parameters, rel=1e-15)  # solved to 512 bits, then rounded
    assert dict(near.scales) == pytest.approx(factors, rel=1e-15)
    if rest is not None:
        assert near.rest == pytest.approx(rest, rel=1e-14)


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from(["quantile", "expectile", "huber", "student_t", "logistic"]),
    st.floats(0.05, 0.95),
    st.floats(1e-3, 1e3),
    st.integers(0, 2**32 - 1),
)
def test_a_multiple_of_a_standard_loss_is_one_in_the_kernels_too(
    name: str, place: float, factor: float, seed: int
) -> None:
    own = {"quantile": "level", "expectile": "level", "huber": "delta", "student_t": "scale", "logistic": "scale"}[name]
    loss = factor * ls.get(name, **{own: place if own == "level" else 10 ** (6 * place - 3)})
    near = found(loss)
    assert near is not None and near.exact
    rng = np.random.default_rng(seed)
    y, raw = rng.normal(size=50) * 10, rng.normal(size=50) * 10
    standard = near.scales[0][1] * ls.get(near.name, **dict(near.parameters))
    ours, theirs = (each.using("numpy").gradient(y, raw) for each in (loss, standard))
    # two formulas of one number, each within 16 roundings of its terms
    np.testing.assert_allclose(ours, theirs, rtol=1e-13, atol=1e-13 * np.abs(ours).max())


@settings(max_examples=20, deadline=None)
@given(st.floats(0.0, 5.0), st.floats(0.01, 100.0), st.floats(0.01, 100.0))
def test_a_focal_loss_with_weights_is_found(gamma: float, negative: float, positive: float) -> None:
    near = found(ls.get("bce").modulate(gamma).reweight([negative, positive]))
    assert near is not None and near.exact
    assert near.name in ("focal", "binary_cross_entropy")
    assert dict(near.parameters).get("gamma", 0.0) == pytest.approx(gamma, rel=1e-12, abs=1e-12)
    factors = [factor for _, factor in near.scales]
    assert factors[-1] / factors[0] == pytest.approx(positive / negative, rel=1e-12)


DIFFERENT = [
    real("abs(y-z) + where(y>z, 3, 0)"),  # the same gradient, but a jump
    real("where(abs(y-z) < 1e5, (y-z)**2, 2e5*abs(y-z) - 1e10 + 1e-9*(y-z)**2)"),
    real("0.7*(y-z)**2 + 0.3*abs(y-z)"),
    real("maximum(abs(y-z) - 5, 0)"),
    real("(y - 2*z)**2"),
    ls.get("mse").error_weight("1 + abs(e)"),
    ls.get("poisson"),  # the limit of tweedie, which no power reaches
    ls.get("gamma"),
    ls.get("zero_inflated_poisson"),  # equal to poisson wherever the target is above 0
    binary("maximum(0, 1 - (2*y-1)*z)", None),
    ls.get("brier"),
    ls.get("bce").smooth(0.1),
    ls.get("softmax_focal"),
    ls.get("bce") + ls.get("dice"),
]


@pytest.mark.parametrize("loss", DIFFERENT, ids=lambda loss: loss.name)
def test_no_equality_is_found_where_there_is_none(loss: Any) -> None:
    near = found(loss)
    if near is not None and near.exact:
        assert (loss.name, near.name) == ("gamma", "gamma_likelihood")
        return
    assert near is not None and near.worst is not None
    assert 0 <= near.gap <= 2


def test_where_it_differs_is_what_the_kernels_say() -> None:
    loss = ls.get("huber", delta=2.0)
    near = found(loss)
    assert near is not None and not near.exact and near.worst is not None
    y, p, times = near.worst
    standard = near.scales[0][1] * ls.get(near.name, **dict(near.parameters))
    ours, theirs = (each.using("numpy").gradient([y], [p])[0] for each in (loss, standard))
    assert times == pytest.approx(ours / theirs, rel=1e-9)
    assert near.gap < 0.1  # a bell near zero, a line far away: log-cosh or logistic is near


def test_the_nearest_is_nearer_than_another() -> None:
    near = found(ls.parse("0.9*(y-z)**2 + 0.1*abs(y-z)", target="real"))
    assert near is not None and near.name == "squared_error" and near.gap < 0.3


def test_names_of_standard_losses() -> None:
    for name in ls.names():
        assert standard_name(ls.get(name).definition) == name
    assert standard_name(ls.get("bce", on="probability").definition) == "binary_cross_entropy"
    assert standard_name(ls.get("focal", alpha=0.3).definition) == "focal"
    for loss in (ls.get("bce").reweight([1, 2]), 2 * ls.get("mse"), real(PINBALL)):
        assert standard_name(loss.definition) is None


def test_nothing_to_compare_with() -> None:
    assert found(ls.get("ordinal")) is None
    assert found(real("where(abs(y-z) < 1, 0, 1)")) is None  # no gradient anywhere


@pytest.mark.parametrize("factor", [1e-12, 1.0, 1e12])
def test_a_huge_factor_makes_no_loss_near(factor: float) -> None:
    near = found(factor * ls.get("bce").select(above=0.7))
    assert near is not None and near.name == "binary_cross_entropy"
    if factor == 1.0:
        assert 1e-6 < near.scales[0][1] < 1e6
    scaled = found(factor * real("0.9*(y-z)**2 + 0.1*abs(y-z)"))  # what is large itself has large factors
    assert scaled is not None and scaled.name == "squared_error"


def test_where_usual_rows_agree_the_difference_is_looked_for_elsewhere() -> None:
    near = found(ls.get("mae").error_weight("where(abs(e)>50,10,1)"))
    assert near is not None and near.worst is not None
    y, p, times = near.worst
    assert abs(y - p) > 50 and times == pytest.approx(10)
