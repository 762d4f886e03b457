"""Sums and multiples of losses: the numbers add up, and so do links, columns and parameters."""

from __future__ import annotations

import numpy as np
import pytest

import lossmith as ls
from lossmith.compiler import program
from lossmith.errors import LossmithError

Y, RAW, W = np.array([1.0, 0.0, 1.0, 0.0]), np.array([0.3, -2.0, -1.0, 0.5]), np.array([1.0, 2.0, 0.5, 0.0])


def get(name: str, **parameters: float) -> ls.Loss:
    return ls.get(name, **parameters).using("numpy")


@pytest.mark.parametrize(
    ("a", "b"),
    [("log_loss", "brier"), ("log_loss", "dice"), ("dice", "tversky"), ("focal", "dice"), ("brier", "focal")],
)
def test_values_and_gradients_add_up(a: str, b: str) -> None:
    one, two = get(a), get(b)
    both = 0.3 * one + two * 0.7
    assert both.value(Y, RAW, W) == pytest.approx(0.3 * one.value(Y, RAW, W) + 0.7 * two.value(Y, RAW, W), rel=1e-14)
    expected = 0.3 * one.gradient(Y, RAW, W) + 0.7 * two.gradient(Y, RAW, W)
    np.testing.assert_allclose(both.gradient(Y, RAW, W), expected, rtol=1e-13, atol=1e-17)
    assert both.is_additive == (one.is_additive and two.is_additive)


def test_an_explicit_factor_is_kept_apart_for_boosters() -> None:
    assert (3 * ls.get("mse")).factor == 3.0
    assert (2 * (3 * ls.get("mse"))).factor == 6.0
    assert (-1 * ls.get("mse")).factor == -1.0
    assert (3 * ls.get("mse")).using("numpy").per_example([1.0], [0.0]).tolist() == [3.0]
    assert (2 * ls.get("dice")).factor == 1.0


def test_equal_parameters_are_shared_and_others_told_apart() -> None:
    same = get("huber", delta=2.0) + get("huber", delta=2.0)
    assert same.parameters == {"delta": 2.0}
    other = get("huber", delta=1.0) + get("huber", delta=3.0) + get("huber", delta=5.0)
    assert sorted(other.parameters.values()) == [1.0, 3.0, 5.0]
    y, raw = [0.0], [10.0]
    parts = [get("huber", delta=d).value(y, raw) for d in (1.0, 3.0, 5.0)]
    assert other.value(y, raw) == pytest.approx(sum(parts), rel=1e-15)


def test_parameters_of_three_parts_are_told_apart_in_any_order() -> None:
    y, raw = np.array([0.0, 0.0]), np.array([2.5, -10.0])
    a, b, c = (get("huber", delta=d) for d in (1.0, 3.0, 5.0))
    expected = a.value(y, raw) + b.value(y, raw) + c.value(y, raw)
    for whole in ((a + b) + c, a + (b + c), (b + c) + (a + b), c + (a + b)):
        extra = b.value(y, raw) if len(whole.name.split(" + ")) == 4 else 0.0
        assert whole.value(y, raw) == pytest.approx(expected + extra, rel=1e-15)
        assert set(whole.parameters.values()) == {1.0, 3.0, 5.0}


def test_parts_smoothed_alike_are_smoothed_together_and_others_apart() -> None:
    a, b = get("bce").smooth(0.1), get("brier")
    alike, other = a + b.smooth(0.1), a + b.smooth(0.3)
    assert alike == (get("bce") + get("brier")).smooth(0.1)
    for whole, part in ((alike, b.smooth(0.1)), (other, b.smooth(0.3)), (a + b, b)):
        assert whole.value(Y, RAW, W) == pytest.approx(a.value(Y, RAW, W) + part.value(Y, RAW, W), rel=1e-14)
    assert sorted(other.parameters.values()) == [0.1, 0.3]
    assert other.bind(epsilon_2=0).value(Y, RAW) == pytest.approx((a + b).value(Y, RAW), rel=1e-15)


def test_parts_read_alike_are_added_even_with_classes_of_their_own() -> None:
    a, b = get("bce").temper(2.0), get("dice").temper(2.0)
    for both in (a + b, b + a, (get("bce") + get("dice")).temper(2.0)):
        assert both.value(Y, RAW, W) == pytest.approx(a.value(Y, RAW, W) + b.value(Y, RAW, W), rel=1e-14)
        np.testing.assert_allclose(both.predict(RAW), get("bce").predict(RAW / 2), rtol=4e-16)
    with pytest.raises(LossmithError, match=r"LM289 .*read raw predictions differently"):
        get("bce").temper(2.0) + get("bce").temper(3.0)


def test_a_sum_reads_predictions_as_the_part_does_that_reads_them() -> None:
    a = ls.parse("log(1 + exp(z)) - y*z", target="binary", link="sigmoid").using("numpy")
    b = ls.parse("(y - p)**2", target="binary", link="probit").using("numpy")
    for both in (a + b, b + a):
        assert both.value(Y, RAW) == pytest.approx(a.value(Y, RAW) + b.value(Y, RAW), rel=1e-14)
        np.testing.assert_array_equal(both.predict(RAW), b.predict(RAW))


def test_a_mix_is_one_formula_of_one_pass() -> None:
    whole = ls.mix({get("bce"): 0.5, "focal(gamma=2)": 0.3, "brier": 1}).using("numpy")
    parts = (
        0.5 * get("bce").value(Y, RAW, W) + 0.3 * get("focal", gamma=2).value(Y, RAW, W) + get("brier").value(Y, RAW, W)
    )
    assert whole.value(Y, RAW, W) == pytest.approx(parts, rel=1e-14)
    assert len(program(whole.definition, ("value", "gradient"), True).passes) == 1
    assert whole.is_additive


def test_columns_of_both_are_needed() -> None:
    a = ls.parse("cost*(y - z)**2", target="real", columns=("cost",))
    b = ls.parse("price*abs(y - z)", target="real", columns=("price",))
    given = {"cost": [2.0], "price": [3.0]}
    assert (a + b).using("numpy").value([1.0], [0.0], columns=given) == 5.0


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (lambda: ls.get("mse") + ls.get("log_loss"), "LM288"),
        (lambda: ls.get("mse") + ls.parse("(y-p)**2", target="real", heads={"p": "identity"}), "LM29[01]"),
        (lambda: ls.get("log_loss") + ls.parse("(y-p)**2", target="binary", link="probit"), "LM292"),
        (lambda: ls.get("bce") + ls.get("ce"), "LM288 .*different targets .y: binary; y: class."),
        (lambda: ls.get("ce").reweight([1, 2, 3]) + ls.get("ce"), "LM289 .*add them first, then reweight"),
        (lambda: ls.get("bce").mask("a") + ls.get("bce"), "LM289 .*add them first, then reweight .or mask."),
        (lambda: ls.get("bce").ignore(1) + ls.get("bce"), "LM289 .*call ignore on the sum"),
        (lambda: ls.get("bce").adjust() + ls.get("bce"), "LM289 .*adjust the sum"),
        (lambda: ls.get("bce").temper(2) + ls.get("bce"), "LM289 .*temper or cap the sum"),
        (lambda: ls.get("bce").empty("nan") + ls.get("bce"), "LM289 .*empty on the sum"),
        (lambda: ls.get("bce").smooth(0.1).reweight([1, 2]) + ls.get("bce").reweight([1, 2]), "LM289 .*smooth the sum"),
        (lambda: ls.get("bce") + ls.get("bce", on="probability"), "LM291 .*differ in on"),
        (lambda: ls.mix({}), "LM286"),
        (lambda: ls.mix({"mse": float("nan")}), "LM286 .*finite"),
        (lambda: ls.mix({"mse": True}), "LM286 .*finite"),
        (lambda: ls.mix({"mse": 1, "bce": 1}), "LM288"),
        (lambda: ls.get("mse") * float("nan"), "LM287"),
        (lambda: ls.get("mse") * float("inf"), "LM287"),
    ],
)
def test_what_does_not_fit_is_refused(make, code: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(LossmithError, match=code):
        make()


def test_losses_are_not_multiplied_and_numbers_not_added() -> None:
    for wrong in (lambda: ls.get("mse") * ls.get("mse"), lambda: ls.get("mse") + 1, lambda: True * ls.get("mse")):
        with pytest.raises(TypeError):
            wrong()  # type: ignore[operator]


def test_a_sum_is_a_loss_like_any_other() -> None:
    both = 0.3 * get("brier") + 0.7 * get("dice", smooth=0.5)
    assert ls.from_json(both.to_json()) == both
    assert ls.parse(both.formula, **both.declaration) == both
    parts = both.sums(Y[:2], RAW[:2]) + both.sums(Y[2:], RAW[2:])
    assert parts.value() == both.value(Y, RAW)
