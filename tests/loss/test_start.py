"""The best constant of any formula: finite and no other better, or one clear sentence that says why there is none."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import lossmith as ls
from lossmith.calculus.scan import NoBestConstantError

REAL = [0.0, 0.0, 1.0, 1.0, 8.0]
GAUSS = ls.parse(
    "log(scale) + (y - mean)**2 / (2 * scale**2)", target="real", heads={"mean": "identity", "scale": "exp"}
).using("numpy")


def real(text: str, **given: Any) -> ls.Loss:
    return ls.parse(text, target="real", **given).using("numpy")


def why(loss: ls.Loss, y: Any, weight: Any = None) -> str:
    with pytest.raises(NoBestConstantError, match="LM262") as caught:
        loss.best_constant(y, weight)
    return caught.value.sentence.partition("there is no best constant: ")[2]


@pytest.mark.parametrize(("text", "at"), [
    ("where(abs(y - z) < 0.5, 0, 1)", 0.0),
    ("abs(y-z)**0.5", 1.0),
    ("abs(y-z)/(abs(y)+abs(z))", 1.0),
    ("sqrt(y-z)", 0.0),
    ("sin(y-z)**2", 0.7172122730585693),
    ("-log(z) + z", 1.0),
    ("maximum(0, 1-z)**2 + 7", 1.0),
])  # fmt: skip
def test_formulas_that_slopes_alone_lead_astray(text: str, at: float) -> None:
    loss = real(text)
    found = loss.best_constant(REAL)
    assert found == pytest.approx(at, abs=1e-9)
    with np.errstate(all="ignore"):
        tried = [loss.value(REAL, np.full(5, c)) for c in np.linspace(-20, 20, 201)]
        own = loss.value(REAL, np.full(5, found))
    assert np.isfinite(own) and own <= np.nanmin(tried) * (1 + 1e-12)


@pytest.mark.parametrize(("text", "sentence"), [
    ("log(y-z)", "the loss falls without end as the raw prediction goes to 0 from below."),
    ("3 + 0*z", "every constant costs the same on this sample."),
    ("z", "the loss falls without end as the raw prediction goes to minus infinity."),
    ("exp(-z)", "the loss sinks towards 0 as the raw prediction goes to infinity."),
    ("sqrt(y - 9 - z**2)", "the loss has no finite value on this sample."),
    ("1/(z-3)", "the loss falls without end as the raw prediction goes to 3 from below."),
])  # fmt: skip
def test_a_formula_without_one_says_why(text: str, sentence: str) -> None:
    assert why(real(text), REAL) == sentence


@pytest.mark.parametrize(("loss", "y", "sentence"), [
    (ls.get("bce"), [1, 1], "the loss sinks towards 0 as the raw prediction goes to infinity."),
    (ls.get("poisson"), [0.0, 0.0], "the loss sinks towards 0 as the raw prediction goes to minus infinity."),
    (ls.get("tversky"), [0, 0, 0, 1], "the loss sinks towards 0.3333 as the raw prediction goes to minus infinity."),
    (ls.get("dice"), [0, 0, 0, 1], "every constant costs the same on this sample."),
    (ls.parse("bce.truncate(1.5)"), [0, 0, 0, 1], "the loss sinks towards 0.375 as the raw prediction goes to minus infinity."),
    (GAUSS, [3.0], "the loss falls without end as the raw prediction of scale goes to minus infinity."),
    (ls.parse("ce.truncate(1.0)"), [0, 0, 0, 1, 2],
     "the loss sinks towards 0.4 as the raw prediction of class 0 goes to infinity."),
])  # fmt: skip
def test_where_it_sinks_the_side_and_the_limit_are_told(loss: ls.Loss, y: Any, sentence: str) -> None:
    assert why(loss.using("numpy"), y) == sentence


def test_a_row_of_weight_0_and_a_weight_of_2_count_as_they_should() -> None:
    loss = real("abs(y-z)**0.5")
    assert loss.best_constant([0.0, 1.0, 8.0], [2.0, 1.0, 0.0]) == 0.0
    assert why(ls.get("bce").using("numpy"), [1, 0], [1.0, 0.0]).startswith("the loss sinks towards 0")


def test_of_several_heads_the_deepest_valley_is_found() -> None:
    loss = real("log(1+(y-a)**2) + abs(y-b)", heads={"a": "identity", "b": "identity"})
    a, b = loss.best_constant([-50.0, -50.0, 0.0, 50.0, 50.0, 50.0])
    assert a == pytest.approx(50.0, abs=0.05) and b == pytest.approx(25.0)
    flat = real("where(abs(y - a) < 0.5, 0, 1) + (y-b)**2", heads={"a": "identity", "b": "identity"})
    assert flat.best_constant(REAL) == pytest.approx([0.0, 2.0])


@pytest.mark.parametrize("name", ["distribution_cross_entropy", "kl_divergence"])
def test_predicted_shares_are_best_at_the_mean_of_the_shares(name: str) -> None:
    y = np.array([[0.5, 0.5, 0.0], [1.0, 0.0, 0.0]])
    np.testing.assert_allclose(ls.get(name).using("numpy").best_constant(y), [0.75, 0.25, 0.0], rtol=1e-9)
    np.testing.assert_allclose(ls.get(name).using("numpy").best_constant(y, [3.0, 1.0]), [0.625, 0.375, 0.0], rtol=1e-9)


def test_a_bound_of_a_probability_may_be_best() -> None:
    loss = ls.get("bce", on="probability").using("numpy")
    assert loss.best_constant([1, 1]) == 1.0 and loss.value([1, 1], [1.0, 1.0]) == 0.0


@pytest.mark.parametrize("factor", [1e-300, 1.0, 1e200])
def test_a_factor_in_front_changes_nothing(factor: float) -> None:
    loss = real(f"{factor!r} * where(abs(y - z) < 0.5, 0, 1)")
    assert loss.best_constant(REAL) == pytest.approx(0.0, abs=1e-9)


def test_the_extremes_of_focal_loss_are_found() -> None:
    loss = ls.get("focal", gamma=1000).using("numpy")
    c = loss.best_constant([0, 0, 0, 1])
    around = [loss.value([0, 0, 0, 1], np.full(4, c + step)) for step in (-1e-4, 0.0, 1e-4)]
    assert abs(c) < 0.01 and around[1] < min(around[0], around[2])


def test_what_rounding_leaves_of_zero_is_zero() -> None:
    assert ls.parse("abs(y - z - 1)", target="real").best_constant([0.0, 0.0, 1.0, 1.0, 8.0]) == 0.0
    assert ls.parse("abs(y - p)/y", target="positive", link="exp").best_constant([1.0, 1.0, 2.0, 2.0, 9.0]) == 0.0
    assert ls.get("mae").best_constant([-1e-300, 1e-300, 1e-300]) == 1e-300
