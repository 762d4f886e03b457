"""Weights by class and by column: they enter the denominator, as in PyTorch; a soft label is a mixture of hard ones."""

from __future__ import annotations

import numpy as np
import pytest

import lossmith as ls
from lossmith.algebra.decision import AsIs, Corrected, Threshold, act
from lossmith.algebra.reweight import class_weights, effective_number, undone
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


def test_hard_labels_equal_one_hot() -> None:
    loss = ls.get("ce").reweight([1.0, 5.0, 0.25]).using("numpy")
    assert loss.value(np.eye(3)[Y], RAW) == loss.value(Y, RAW)
    np.testing.assert_array_equal(loss.gradient(np.eye(3)[Y], RAW), loss.gradient(Y, RAW))


@pytest.mark.parametrize("name", ["ce", "softmax_focal"])
def test_a_soft_label_is_a_mixture_of_hard_ones(name: str) -> None:
    """A row of shares q is one row of each class k of weight q_k, and so of weight q_k w_k."""
    loss, plain = ls.get(name).reweight([1.0, 5.0, 0.25]).using("numpy"), ls.get(name).using("numpy")
    soft = RNG.dirichlet(np.ones(3), size=20)
    parts, classes = (soft * TABLE).reshape(-1), np.tile(np.arange(3), 20)
    raw = np.repeat(RAW, 3, axis=0)
    assert loss.value(soft, RAW) == pytest.approx(plain.value(classes, raw, parts), rel=1e-14)
    gradient = plain.gradient(classes, raw, parts).reshape(20, 3, 3).sum(axis=1)
    np.testing.assert_allclose(loss.gradient(soft, RAW), gradient, rtol=1e-12, atol=1e-16)


def test_a_soft_yes_is_a_mixture_of_yes_and_no() -> None:
    y, raw = RNG.random(9), RNG.normal(size=9)
    loss, plain = ls.get("bce").reweight({1: 20.0}).using("numpy"), ls.get("bce").using("numpy")
    hard, parts = np.tile([0.0, 1.0], 9), np.stack([1 - y, 20 * y], axis=1).reshape(-1)
    assert loss.value(y, raw) == pytest.approx(plain.value(hard, np.repeat(raw, 2), parts), rel=1e-14)
    expected = plain.gradient(hard, np.repeat(raw, 2), parts).reshape(9, 2).sum(axis=1)
    np.testing.assert_allclose(loss.gradient(y, raw), expected, rtol=1e-12, atol=1e-16)


def test_the_weights_of_a_loss_that_is_no_mixture_weigh_its_labels() -> None:
    """The Brier score of a soft label is that of the label as the weights leave it."""
    y, raw = np.array([0.25, 0.75]), np.array([0.3, -1.0])
    p, mass = 1 / (1 + np.exp(-raw)), (1 - y) + 3 * y
    expected = (mass * (3 * y / mass - p) ** 2).sum() / mass.sum()
    assert ls.get("brier").reweight([1, 3]).using("numpy").value(y, raw) == pytest.approx(expected, rel=1e-14)


@pytest.mark.peers("torch")
def test_weighed_shares_are_those_of_torch() -> None:
    import torch

    soft = RNG.dirichlet(np.ones(3), size=20)
    arguments = torch.tensor(RAW), torch.tensor(soft), torch.tensor(TABLE)
    total = torch.nn.functional.cross_entropy(*arguments, reduction="sum").item()
    loss = ls.get("ce").reweight([1.0, 5.0, 0.25]).using("numpy")
    assert loss.over("one").value(soft, RAW) == pytest.approx(total, rel=1e-14)
    mean = torch.nn.functional.cross_entropy(*arguments).item()  # with shares, PyTorch divides by the number of rows
    assert loss.over("count").value(soft, RAW) == pytest.approx(mean, rel=1e-14)


def test_effective_numbers_are_those_of_the_paper() -> None:
    """Cui et al. (2019), eq. 2 and 4: (1 - beta) / (1 - beta**n), made to add up to the number of classes."""
    y = np.repeat([0, 1, 2], [90, 9, 1])
    for beta in (0.0, 0.5, 0.9, 0.9999):
        numbers = np.array([(1 - beta) / (1 - beta**n) for n in (90, 9, 1)])
        for loss in (ls.get("ce").reweight(effective_number(beta)), ls.get("ce").reweight(f"effective_number({beta})")):
            found = [weight for _, weight in loss.fit(y).definition.reweighting[0].classes or ()]
            # 1 - beta**n loses n units of the last place beside the logarithm that the weights are found by
            np.testing.assert_allclose(found, numbers * 3 / numbers.sum(), rtol=1e-12)


def test_smoothing_does_not_change_what_is_counted() -> None:
    y = np.array([0, 0, 0, 1])
    one, other = (loss.reweight("balanced").fit(y) for loss in (ls.get("bce"), ls.get("bce").smooth(0.3)))
    assert one.definition.reweighting == other.definition.reweighting


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
    for wrong in (-1.0, np.nan, np.inf):
        with pytest.raises(LossmithError, match=r"LM219 .*price must be finite and at least 0, found .* in row 1"):
            loss.value([1.0, 1.0], [0.0, 0.0], columns={"price": [1.0, wrong]})
        with pytest.raises(LossmithError, match=r"LM219 .*sample_weight must be finite and at least 0"):
            ls.get("mse").using("numpy").value([1.0, 1.0], [0.0, 0.0], [1.0, wrong])


def test_weighing_twice_by_a_column_is_weighing_by_its_square() -> None:
    loss = ls.get("mse").reweight(by="price").reweight(by="price").using("numpy")
    assert loss.value([1.0, 0.0], [0.0, 0.0], columns={"price": [3.0, 1.0]}) == 0.9


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (lambda: ls.get("ce").reweight(), "LM280"),
        (lambda: ls.get("ce").reweight([1, 2], by="x"), "LM280"),
        (lambda: ls.get("mse").reweight([1, 2]), "LM281"),
        (lambda: ls.get("ce").reweight("balance"), "LM282"),
        (lambda: ls.get("ce").reweight([1.0, -2.0]), "LM283 .*class 1 must be finite and >= 0, got -2"),
        (lambda: ls.get("ce").reweight({0: float("nan")}), "LM283 .*class 0"),
        (lambda: ls.get("ce").reweight([float("inf")]), "LM283"),
        (lambda: ls.get("ce").reweight("effective_number(1)"), "LM282 .*beta"),
        (lambda: effective_number(-0.1), "LM282 .*beta"),
        (lambda: ls.get("dice").reweight([1, 2]), "LM281 .*by="),
        (lambda: ls.get("bce").reweight(by="two words"), "LM114"),
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


# The way back -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("loss", "weights"),
    [
        (ls.get("binary_cross_entropy"), (1.0, 1.0)),
        (ls.get("brier"), (1.0, 1.0)),
        (ls.get("binary_cross_entropy").reweight({0: 0.5, 1: 10.0}), (0.5, 10.0)),
        (ls.get("focal", gamma=0.0, alpha=0.8), (1.0, 4.0)),
        (ls.get("focal", gamma=0.0, alpha=0.75).reweight([2.0, 1.0]), (2.0, 3.0)),
        (ls.parse("-20*y*log(p) - (1-y)*log(1-p)", target="binary", link="sigmoid"), (1.0, 20.0)),
        (ls.parse("0.5*where(y > 0, 7, 1) * (y - p)**2", target="binary", link="sigmoid"), (1.0, 7.0)),
        (ls.get("focal", gamma=2.0), None),
        (ls.get("binary_cross_entropy").reweight(by="amount"), None),
    ],
)
def test_the_weights_that_a_loss_holds_are_read_from_it(loss: ls.Loss, weights: tuple[float, float] | None) -> None:
    assert class_weights(loss.definition, dict(loss.parameters)) == weights


def test_the_weights_of_several_classes_and_of_the_training_set() -> None:
    assert class_weights(ls.get("ce").reweight([1.0, 5.0, 0.25]).definition, classes=3) == (1.0, 5.0, 0.25)
    fitted = ls.get("ce").reweight("balanced").fit(Y)
    assert class_weights(fitted.definition, classes=3) == pytest.approx(20 / (3 * np.bincount(Y)), rel=1e-15)
    with pytest.raises(LossmithError, match="LM284"):
        class_weights(ls.get("ce").reweight("balanced").definition, classes=3)


@pytest.mark.parametrize("weight", [20.0, 0.1])
@pytest.mark.parametrize("share", [0.01, 0.3, 0.9])
def test_undoing_the_weights_of_the_best_constant_gives_the_share(weight: float, share: float) -> None:
    y = (np.arange(1_000) < 1_000 * share).astype(float)
    loss = ls.get("binary_cross_entropy").reweight({0: 1.0, 1: weight})
    constant = loss.predict(np.array([float(loss.best_constant(y))]))
    assert constant[0] != pytest.approx(share, rel=0.05)
    back = act(undone(class_weights(loss.definition)), constant)
    assert back[0] == pytest.approx(share, rel=1e-12)  # the constant is exact to some bits; 1 - p cancels by 200


def test_no_weights_need_no_way_back() -> None:
    assert undone(None, Threshold(0.5)) == Threshold(0.5)
    assert undone((2.0, 2.0)) == AsIs()
    assert undone((1.0, 2.0), Threshold(0.5)) == Corrected((1.0, 2.0), Threshold(0.5))
