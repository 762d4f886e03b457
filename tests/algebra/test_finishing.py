"""Denominators by hand, with weights, masks and images; flooding."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import lossmith as ls
from lossmith.algebra.finishing import DENOMINATORS
from lossmith.errors import LossmithError

Y = np.array([1.0, 0.0, 1.0, 0.0, 1.0])
RAW = np.array([0.3, -2.0, -1.0, 0.5, 4.0])
WEIGHT = np.array([2.0, 0.5, 0.0, 1.0, 3.0])
BCE = ls.get("bce").using("numpy")


def numpy(loss: ls.Loss) -> ls.Loss:
    return loss.using("numpy")


# What the sum is divided by -------------------------------------------------------------------------------------------

BY_HAND = {
    "weight": (5.0, 6.5),
    "count": (5.0, 4.0),  # the row of weight 0 is absent
    "positives": (3.0, 2.0),
    "examples": (5.0, 4.0),
    "one": (1.0, 1.0),
}
"""Denominators without weights and with them."""


@pytest.mark.parametrize("name", DENOMINATORS)
@pytest.mark.parametrize("weighted", [False, True])
def test_each_denominator_by_hand(name: str, weighted: bool) -> None:
    weight, denominator = WEIGHT if weighted else np.ones(5), BY_HAND[name][weighted]
    loss, given = numpy(ls.get("bce").over(name)), WEIGHT if weighted else None
    value, gradient = loss.value_and_gradient(Y, RAW, given)
    assert value == pytest.approx((weight * BCE.per_example(Y, RAW)).sum() / denominator, rel=1e-15)
    expected = weight * BCE.per_example_gradient(Y, RAW) / denominator
    np.testing.assert_allclose(gradient, expected, rtol=1e-15)
    np.testing.assert_array_equal(loss.gradient(Y, RAW, given), gradient)
    parts = loss.sums(Y[:2], RAW[:2], None if given is None else given[:2])
    parts += loss.sums(Y[2:], RAW[2:], None if given is None else given[2:])
    assert parts.value() == value
    assert loss.is_additive and loss.factor == 1.0
    np.testing.assert_array_equal(loss.per_example(Y, RAW, given), BCE.per_example(Y, RAW, given))


def test_every_denominator_is_tried() -> None:
    assert set(BY_HAND) == set(DENOMINATORS)


def test_a_mask_takes_rows_out_of_counts_as_well() -> None:
    kept = np.array([True, True, True, False, False])
    for name, divisor in (("count", 3.0), ("positives", 2.0), ("one", 1.0), ("weight", 3.0)):
        expected = BCE.per_example(Y, RAW)[:3].sum() / divisor
        assert numpy(ls.get("bce").over(name)).value(Y, RAW, columns={"mask": kept}) == pytest.approx(
            expected, rel=1e-15
        )
        loss = numpy(ls.get("bce").mask("kept").over(name))
        assert loss.value(Y, RAW, columns={"kept": kept}) == pytest.approx(expected, rel=1e-15)


def test_class_weights_enter_the_weight_and_not_the_count() -> None:
    classes = np.where(Y == 1, 7.0, 0.5)
    total = (classes * BCE.per_example(Y, RAW)).sum()
    for name, divisor in (("weight", classes.sum()), ("count", 5.0), ("positives", 3.0), ("one", 1.0)):
        loss = numpy(ls.get("bce").reweight([0.5, 7.0]).over(name))
        assert loss.value(Y, RAW) == pytest.approx(total / divisor, rel=1e-15)


def test_soft_positives_count_by_their_share_and_never_less_than_one() -> None:
    loss = numpy(ls.get("bce").over("positives"))
    y, raw = np.array([0.9, 0.8, 0.1]), RAW[:3]
    assert loss.value(y, raw) == pytest.approx(BCE.per_example(y, raw).sum() / 1.8, rel=1e-15)
    none = np.zeros(3)
    assert loss.value(none, raw) == pytest.approx(BCE.per_example(none, raw).sum(), rel=1e-15)


def test_examples_are_entries_of_the_first_axis() -> None:
    """Images: the sum over their pixels, divided by how many images have any."""
    y, raw = np.resize(Y, (4, 2, 3)), np.resize(RAW, (4, 2, 3))
    loss = numpy(ls.get("bce").over("examples"))
    assert loss.value(y, raw) == pytest.approx(BCE.per_example(y, raw).sum() / 4, rel=1e-15)
    weight = np.ones((4, 2, 3))
    weight[1], weight[2, 0, 0] = 0.0, 0.0
    value, gradient = loss.value_and_gradient(y, raw, weight)
    assert value == pytest.approx((weight * BCE.per_example(y, raw)).sum() / 3, rel=1e-15)
    np.testing.assert_allclose(gradient, weight * BCE.per_example_gradient(y, raw) / 3, rtol=1e-15)
    parts = loss.sums(y[:2], raw[:2], weight[:2]) + loss.sums(y[2:], raw[2:], weight[2:])
    assert parts.value() == pytest.approx(value, rel=1e-15)
    texts = numpy(ls.get("ce").ignore(-100).over("examples"))
    tokens, raws = np.array([[0, 1, -100], [2, -100, -100]]), np.random.default_rng(0).normal(size=(2, 4, 3))
    assert texts.value(tokens, raws) == pytest.approx(
        numpy(ls.get("ce").ignore(-100)).value(tokens, raws) * 3 / 2, rel=1e-15
    )


def test_a_number_in_a_formula_is_no_denominator() -> None:
    y, raw = np.array([1.0, 3.0]), np.zeros(2)
    assert numpy(ls.get("sum_of_squares_half")).value(y, raw) == 5.0
    assert numpy(ls.get("sum_of_squares_half").over("count")).value(y, raw) == 2.5
    assert numpy(ls.parse("0.5 * sum((y - z)**2) / 4", target="real").over("count")).value(y, raw) == 0.625
    assert numpy((3 * ls.get("mse")).over("one")).value(y, raw) == 30.0


@pytest.mark.peers("torch")
@pytest.mark.parametrize("kind", ["sum", "mean"])
def test_sums_and_means_with_weights_of_positives_are_those_of_torch(kind: str) -> None:
    """`pos_weight` multiplies what positives lose; `weight` every row; PyTorch's mean is over the count of rows."""
    import torch

    raw = torch.tensor(RAW, requires_grad=True)
    arguments = torch.tensor(Y), torch.tensor(WEIGHT), None, None, kind, torch.tensor(7.0).double()
    value = torch.nn.functional.binary_cross_entropy_with_logits(raw, *arguments)
    value.backward()
    loss = numpy(ls.get("bce").reweight({1: 7.0}).over("one" if kind == "sum" else "count"))
    present = 1.0 if kind == "sum" else 5 / 4  # PyTorch counts the row of weight 0 as well
    assert loss.value(Y, RAW, WEIGHT) == pytest.approx(value.item() * present, rel=1e-14)
    np.testing.assert_allclose(loss.gradient(Y, RAW, WEIGHT), raw.grad.numpy() * present, rtol=1e-13)  # type: ignore[union-attr]


# Flooding -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("level", [0.0, 0.3, 1.0, 5.0])
@pytest.mark.parametrize("name", ["bce", "dice", "focal"])
def test_flooding_turns_the_gradient_round(name: str, level: float) -> None:
    """Ishida et al. (2020): |L - b| + b."""
    plain = numpy(ls.get(name))
    loss = numpy(ls.get(name).flood(level))
    value, gradient = plain.value_and_gradient(Y, RAW, WEIGHT)
    assert loss.value(Y, RAW, WEIGHT) == pytest.approx(abs(value - level) + level, rel=1e-15)
    np.testing.assert_allclose(loss.gradient(Y, RAW, WEIGHT), np.sign(value - level) * gradient, rtol=1e-12, atol=1e-17)


def test_at_the_level_itself_the_slope_is_between_both_sides() -> None:
    y, raw = [0.0], [1.0]
    loss = numpy(ls.get("mse").flood(1.0))
    assert loss.value(y, raw) == 1.0
    assert -2.0 <= loss.gradient(y, raw)[0] <= 2.0


def test_the_level_is_one_of_the_finished_number() -> None:
    y, raw = np.zeros(2), np.array([0.1, 2.0])
    assert numpy(ls.get("mse").flood(1.0)).value(y, raw) == pytest.approx(2.005, rel=1e-15)
    assert numpy(ls.get("mse").flood(3.0)).value(y, raw) == pytest.approx(3.995, rel=1e-15)
    assert not numpy(ls.get("mse").flood(3.0)).is_additive
    assert numpy(ls.get("mse").flood(3.0)).value([], []) == 0.0


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: ls.get("mse").over("rows"), r'LM298 .*over takes "weight", "count", .*got \'rows\''),
        (lambda: ls.get("mse").over("counts"), r'LM298 .*Did you mean "count"'),
        (lambda: ls.get("mse").over("wieght"), r'LM298 .*Did you mean "weight"'),
        (lambda: ls.get("mse").over(3), r"LM298 .*got 3"),
        (lambda: ls.get("mse").over(None), r"LM298 .*got None"),
        (lambda: ls.get("mse").over("positives"), r"LM295 .*yes or no, and this one is real.*count"),
        (lambda: ls.get("ce").over("positives"), r"LM295 .*yes or no, and this one is class"),
        (lambda: ls.get("dice").over("count"), r"LM295 .*finished from several sums"),
        (lambda: ls.get("rmse").over("count"), r"LM295 .*finished from several sums"),
        (lambda: ls.get("mse").flood(1).over("count"), r"LM295 .*finished from several sums"),
        (lambda: ls.parse("(y - z)**2", target="real", per="group").over("count"), r"LM295 .*finished for each group"),
        (lambda: ls.get("mse").flood(float("nan")), r"LM205 .*b must be"),
        (lambda: ls.get("mse").flood(float("inf")), r"LM205 .*b must be"),
        (lambda: ls.get("mse").flood("low"), r"LM204 .*b must be a number"),
        (lambda: ls.get("mse").flood(1).bind(b=float("inf")), r"LM205 .*b must be"),
    ],
)
def test_what_has_no_meaning_is_refused_in_a_sentence(make: Any, words: str) -> None:
    with pytest.raises(LossmithError, match=words):
        make()
