"""Weights by class and by column: they enter the denominator, as in PyTorch, and hard labels equal one-hot rows."""

from __future__ import annotations

import numpy as np
import pytest

import lossmith as ls
from lossmith.errors import LossmithError

RNG = np.random.default_rng(41)
Y, RAW = RNG.integers(0, 3, size=20), RNG.normal(size=(20, 3))
TABLE = np.array([1.0, 5.0, 0.25])


def test_class_weights_divide_by_the_sum_of_the_weights() -> None:
    loss = ls.get("ce").reweight({0: 1.0, 1: 5.0, 2: 0.25}).using("numpy")
    plain = ls.get("ce").using("numpy").per_example(Y, RAW)
    weights = TABLE[Y]
    assert loss.value(Y, RAW) == pytest.approx((weights * plain).sum() / weights.sum(), rel=1e-14)
    assert loss == ls.get("ce").reweight([1.0, 5.0, 0.25])


@pytest.mark.peers("torch")
def test_class_weights_are_those_of_torch() -> None:
    import torch

    loss = ls.get("ce").reweight([1.0, 5.0, 0.25]).using("numpy")
    raw = torch.tensor(RAW, requires_grad=True)
    value = torch.nn.functional.cross_entropy(raw, torch.tensor(Y), weight=torch.tensor(TABLE))
    value.backward()
    assert loss.value(Y, RAW) == pytest.approx(value.item(), rel=1e-14)
    np.testing.assert_allclose(loss.gradient(Y, RAW), raw.grad.numpy(), rtol=1e-12, atol=1e-17)  # type: ignore[union-attr]


def test_they_multiply_the_sample_weight() -> None:
    w = RNG.uniform(size=20)
    loss = ls.get("ce").reweight([1.0, 5.0, 0.25]).using("numpy")
    assert loss.value(Y, RAW, w) == ls.get("ce").using("numpy").value(Y, RAW, w * TABLE[Y])


def test_hard_labels_equal_one_hot_and_soft_ones_mix() -> None:
    loss = ls.get("ce").reweight([1.0, 5.0, 0.25]).using("numpy")
    assert loss.value(np.eye(3)[Y], RAW) == loss.value(Y, RAW)
    soft = np.full((20, 3), 1 / 3)
    expected = ls.get("ce").using("numpy").value(soft, RAW, np.full(20, (soft @ TABLE)[0]))
    assert loss.value(soft, RAW) == pytest.approx(expected, rel=1e-14)


def test_balanced_weights_come_from_the_training_set() -> None:
    loss = ls.get("ce").reweight("balanced").using("numpy")
    with pytest.raises(LossmithError, match=r"LM284.*fit"):
        loss.value(Y, RAW)
    w = RNG.uniform(size=20)
    for weight in (None, w):
        fitted = loss.fit(Y, weight)
        counts = np.bincount(Y, weights=weight, minlength=3)
        by_hand = ls.get("ce").reweight(list(counts.sum() / (3 * counts))).using("numpy")
        assert fitted.value(Y, RAW) == pytest.approx(by_hand.value(Y, RAW), rel=1e-14)
        shares = np.array([dict(fitted.definition.reweighting[0].classes)[k] * counts[k] for k in range(3)])  # type: ignore[arg-type]
        np.testing.assert_allclose(shares, shares[0])
    with pytest.raises(LossmithError, match=r"LM286.*class 1"):
        loss.fit([0, 2, 2])


def test_binary_targets_have_two_classes() -> None:
    loss = ls.get("log_loss").reweight({1: 20.0}).using("numpy")
    plain = ls.get("log_loss").using("numpy")
    assert loss.value([1, 0], [0.5, 0.5]) == plain.value([1, 0], [0.5, 0.5], [20.0, 1.0])


def test_by_column() -> None:
    loss = ls.get("mse").reweight(by="price").using("numpy")
    price = {"price": [3.0, 1.0]}
    assert loss.value([1.0, 0.0], [0.0, 0.0], columns=price) == 0.75
    assert loss.value([1.0, 0.0], [0.0, 0.0], [1.0, 3.0], columns=price) == 0.5
    assert (
        loss.reweight(by="size").using("numpy").value([1.0, 0.0], [0.0, 0.0], columns=price | {"size": [1.0, 3.0]})
        == 0.5
    )
    with pytest.raises(LossmithError, match=r"price"):
        loss.value([1.0], [0.0])
    with pytest.raises(LossmithError, match=r"LM219"):
        loss.value([1.0], [0.0], columns={"price": [-1.0]})


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (lambda: ls.get("ce").reweight(), "LM280"),
        (lambda: ls.get("ce").reweight([1, 2], by="x"), "LM280"),
        (lambda: ls.get("mse").reweight([1, 2]), "LM281"),
        (lambda: ls.get("ce").reweight("balance"), "LM282"),
        (lambda: ls.get("ce").reweight([1.0, -2.0]), "LM283"),
        (lambda: ls.get("ce").reweight({7: 2.0}).using("numpy").value(Y, RAW), "LM285"),
    ],
)
def test_what_makes_no_weights_is_refused(make, code: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(LossmithError, match=code):
        make()


def test_a_row_of_class_weight_zero_is_absent() -> None:
    loss = ls.get("ce").reweight([1.0, 0.0, 1.0]).using("numpy")
    raw = RAW.copy()
    raw[Y == 1] = np.nan
    assert loss.value(Y, raw) == loss.value(Y[Y != 1], raw[Y != 1])
