"""Combinators on the target: smoothed labels, ignored classes, masks and loss of no rows; PyTorch as a second witness."""

from __future__ import annotations

from typing import Any

import mpmath as mp
import numpy as np
import pytest

import lossmith as ls
from lossmith.errors import LossmithError
from tests.algebra.reference import check_rows, cross_entropy, sigmoid
from tests.algebra.test_terms import HARD, ONE_HOT, RAW, ROWS, SHARES, SOFT

RNG = np.random.default_rng(4)
N, K = 12, 4
Y, Z = RNG.integers(0, K, N), RNG.normal(size=(N, K)) * 2
WEIGHTS = np.array([1.0, 5.0, 0.25, 2.0])


def numpy(loss: ls.Loss) -> ls.Loss:
    return loss.using("numpy")


# Smoothing ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("epsilon", [0.0, 0.1, 0.5, 0.99])
@pytest.mark.parametrize("y", [ONE_HOT, SHARES], ids=["hard", "soft"])
def test_smoothed_cross_entropy_is_that_of_the_paper(epsilon: float, y: Any) -> None:
    """Szegedy et al. (2016), section 7: q'(k) = (1 - epsilon) q(k) + epsilon / K, in the place of q."""
    e = mp.mpf(epsilon)

    def row(y: Any, z: Any) -> Any:
        return cross_entropy([(1 - e) * share + e / len(z) for share in y], z)

    check_rows(ls.get("ce").smooth(epsilon), row, y, ROWS, ulps=32)
    assert ls.get("ce").smooth(epsilon) == ls.get("label_smoothed_cross_entropy", epsilon=epsilon)


@pytest.mark.parametrize("y", [HARD, SOFT], ids=["hard", "soft"])
@pytest.mark.parametrize("name", ["bce", "brier", "focal"])
def test_of_two_outcomes_each_gets_half(name: str, y: Any) -> None:
    e = mp.mpf(0.2)

    def row(y: Any, z: Any) -> Any:
        q, p = (1 - e) * y + e / 2, sigmoid(z)
        if name == "brier":
            return (q - p) ** 2
        power = 2 if name == "focal" else 0
        return -q * (1 - p) ** power * mp.log(p) - (1 - q) * p**power * mp.log(1 - p)

    check_rows(ls.get(name).smooth(0.2), row, y[1:-1], RAW[1:-1], ulps=16 * 4)


def test_smoothing_once_more_goes_on_from_there() -> None:
    twice, once = numpy(ls.get("ce").smooth(0.1).smooth(0.2)), numpy(ls.get("ce").smooth(0.28))
    assert twice.value(Y, Z) == pytest.approx(once.value(Y, Z), rel=1e-15)
    assert twice.parameters == {"epsilon": 0.1, "epsilon_2": 0.2}
    assert twice.bind(epsilon_2=0).value(Y, Z) == numpy(ls.get("ce").smooth(0.1)).value(Y, Z)


def test_targets_of_several_yes_or_no_are_smoothed_towards_a_half() -> None:
    y = (RNG.random((6, 3)) < 0.5).astype(float)
    raw = RNG.normal(size=(6, 3))
    one, two = numpy(ls.get("dice").smooth(0.2)), numpy(ls.get("dice"))
    assert one.value(y, raw) == pytest.approx(two.value(0.8 * y + 0.1, raw), rel=1e-14)
    assert one.value(y[:, 0], raw[:, 0]) == pytest.approx(two.value(0.8 * y[:, 0] + 0.1, raw[:, 0]), rel=1e-14)


@pytest.mark.parametrize("y", [Y, np.eye(K)[Y], RNG.dirichlet(np.ones(K), N)], ids=["index", "one-hot", "soft"])
def test_smoothing_then_weighing_weighs_the_smoothed_targets(y: Any) -> None:
    """A row of shares q is a row of each class k, of weight q_k: then of weight q_k w_k."""
    q = 0.7 * (np.eye(K)[y] if y.ndim == 1 else y) + 0.3 / K
    log_p = Z - np.log(np.exp(Z).sum(axis=1, keepdims=True))
    expected = -(q * WEIGHTS * log_p).sum() / (q * WEIGHTS).sum()
    for loss in (ls.get("ce").smooth(0.3).reweight(WEIGHTS), ls.get("ce").reweight(WEIGHTS).smooth(0.3)):
        assert numpy(loss).value(y, Z) == pytest.approx(expected, rel=1e-14)
    gradient = (np.exp(log_p) * (q @ WEIGHTS)[:, None] - q * WEIGHTS) / (q * WEIGHTS).sum()
    np.testing.assert_allclose(numpy(loss).gradient(y, Z), gradient, rtol=1e-12, atol=1e-15)


@pytest.mark.peers("torch")
@pytest.mark.parametrize("epsilon", [0.0, 0.1, 0.6])
def test_smoothed_cross_entropy_is_that_of_torch(epsilon: float) -> None:
    import torch
    from torch.nn.functional import cross_entropy as peer

    raw = torch.tensor(Z, requires_grad=True)
    for weight in (1.0, 3.5):  # one weight for all classes
        value = peer(raw, torch.tensor(Y), label_smoothing=epsilon, weight=torch.full((K,), weight).double())
        raw.grad = None
        value.backward()
        loss = numpy(ls.get("ce").smooth(epsilon).reweight([weight] * K))
        assert loss.value(Y, Z) == pytest.approx(value.item(), rel=1e-14)
        np.testing.assert_allclose(loss.gradient(Y, Z), raw.grad.numpy(), rtol=1e-12, atol=1e-16)  # type: ignore[union-attr]
    # with unlike weights PyTorch divides by those of the classes as they were before smoothing; what is divided is the same
    total = peer(raw, torch.tensor(Y), label_smoothing=epsilon, weight=torch.tensor(WEIGHTS), reduction="sum").item()
    assert numpy(ls.get("ce").smooth(epsilon).reweight(WEIGHTS).over("one")).value(Y, Z) == pytest.approx(
        total, rel=1e-14
    )


# Ignored and masked rows ----------------------------------------------------------------------------------------------


@pytest.mark.peers("torch")
@pytest.mark.parametrize("index", [1, 255, -100])
def test_ignored_rows_are_those_of_torch(index: int) -> None:
    import torch
    from torch.nn.functional import cross_entropy as peer

    y = np.where(np.arange(N) % 3 == 0, index, Y)
    raw = torch.tensor(Z, requires_grad=True)
    value = peer(raw, torch.tensor(y), weight=torch.tensor(WEIGHTS), ignore_index=index)
    value.backward()
    loss = numpy(ls.get("ce").ignore(index).reweight(WEIGHTS))
    assert loss.value(y, Z) == pytest.approx(value.item(), rel=1e-14)
    np.testing.assert_allclose(loss.gradient(y, Z), raw.grad.numpy(), rtol=1e-12, atol=1e-16)  # type: ignore[union-attr]


def test_ignored_rows_are_absent() -> None:
    loss = numpy(ls.get("ce").ignore(255).ignore(-1))
    y = np.array([0, 255, 2, -1])
    raw = Z[:4].copy()
    raw[[1, 3]] = np.nan
    assert loss.value(y, raw) == numpy(ls.get("ce")).value(y[[0, 2]], raw[[0, 2]])
    assert not loss.gradient(y, raw)[[1, 3]].any()
    assert loss.per_example(y, raw)[[1, 3]].tolist() == [0.0, 0.0]
    assert loss == ls.get("ce").ignore(-1).ignore(255).ignore(255)
    with pytest.raises(LossmithError, match=r"LM217 .*class indices"):
        loss.value([0, 7, 1, 2], Z[:4])
    with pytest.raises(LossmithError, match=r"LM227 .*mask"):
        loss.value(np.full((4, K), 0.25), Z[:4])


@pytest.mark.parametrize("index", [255, -100])
def test_ignored_rows_have_no_part_in_start_constants_and_fits(index: int) -> None:
    y, fewer = np.array([0, 1, index, 1, 2]), np.array([0, 1, 1, 2])
    loss, plain = numpy(ls.get("ce").ignore(index)), numpy(ls.get("ce"))
    np.testing.assert_array_equal(loss.best_constant(y), plain.best_constant(fewer))
    for open_design in (lambda loss: loss.adjust(), lambda loss: loss.reweight("balanced")):
        one, two = open_design(loss).fit(y), open_design(plain).fit(fewer)
        assert one.definition.priors == two.definition.priors
        assert one.definition.reweighting == two.definition.reweighting


@pytest.mark.parametrize("anything", [-7, 9])
def test_class_numbers_of_weight_zero_have_no_part_in_start_constants(anything: int) -> None:
    y, weight, fewer = np.array([0, 1, anything, 1, 2]), np.array([1.0, 1, 0, 1, 1]), np.array([0, 1, 1, 2])
    np.testing.assert_array_equal(
        numpy(ls.get("ce")).best_constant(y, weight), numpy(ls.get("ce")).best_constant(fewer)
    )


def test_an_ignored_class_of_yes_or_no() -> None:
    loss = numpy(ls.get("bce").ignore(-1))
    assert loss.value([1, -1, 0], [0.3, 9.0, -0.2]) == numpy(ls.get("bce")).value([1, 0], [0.3, -0.2])
    assert loss.value([1, -1], [0.3, 9.0], [2.0, 5.0]) == numpy(ls.get("bce")).value([1], [0.3], [2.0])


@pytest.mark.parametrize("kept", [[True, False, True], [1, 0, 1], [1.0, 0.0, 1.0]])
def test_a_mask_leaves_rows_out(kept: Any) -> None:
    loss, plain = numpy(ls.get("mse").mask("valid")), numpy(ls.get("mse"))
    y, raw = np.array([1.0, np.nan, 3.0]), np.array([0.0, np.nan, 1.0])
    assert loss.value(y, raw, columns={"valid": kept}) == plain.value(y[[0, 2]], raw[[0, 2]])
    assert loss.gradient(y, raw, columns={"valid": kept}).tolist() == [-1.0, 0.0, -2.0]
    assert loss.value(y, raw, [1.0, 1.0, 3.0], columns={"valid": kept}) == plain.value(
        y[[0, 2]], raw[[0, 2]], [1.0, 3.0]
    )
    both = {"valid": kept, "seen": [True, True, False]}
    assert numpy(ls.get("mse").mask("valid").mask("seen")).value(y, raw, columns=both) == 1.0


def test_a_mask_holds_yes_and_no_only() -> None:
    for wrong in ([0.5, 1.0], [2, 0], [-1, 1]):
        with pytest.raises(LossmithError, match=r"LM224 .*valid must hold true and false"):
            numpy(ls.get("mse").mask("valid")).value([1.0, 2.0], [0.0, 0.0], columns={"valid": wrong})
    with pytest.raises(LossmithError, match=r'LM220 .*"valid" is missing'):
        numpy(ls.get("mse").mask("valid")).value([1.0], [0.0])


# No rows --------------------------------------------------------------------------------------------------------------

NOTHING = [([], [], None), ([1.0, 0.0], [0.5, np.nan], [0.0, 0.0])]


@pytest.mark.parametrize("name", ["bce", "brier", "dice", "focal"])
@pytest.mark.parametrize(("y", "raw", "weight"), NOTHING, ids=["no row", "no weight"])
def test_the_empty_rules(name: str, y: Any, raw: Any, weight: Any) -> None:
    for rule, value in (("zero", 0.0), ("nan", np.nan)):
        loss = numpy(ls.get(name).empty(rule))
        np.testing.assert_equal(loss.value(y, raw, weight), value)
        assert not loss.gradient(y, raw, weight).any()
        np.testing.assert_equal(loss.sums(y, raw, weight).value(), value)
        np.testing.assert_equal(loss.value_and_gradient(y, raw, weight)[0], value)
    loss = numpy(ls.get(name).empty("error"))
    for ask in (loss.value, loss.value_and_gradient, lambda *rows: loss.sums(*rows).value()):
        with pytest.raises(LossmithError, match=r"LM226 .*no row"):
            ask(y, raw, weight)


def test_no_rows_are_an_error_of_the_gradient_too() -> None:
    with pytest.raises(LossmithError, match=r"LM226 .*no row"):
        numpy(ls.get("bce").empty("error")).gradient([], [])


def test_empty_speaks_only_of_no_rows() -> None:
    loss = numpy(ls.get("bce").empty("error"))
    assert loss.value([1], [0.5]) == numpy(ls.get("bce")).value([1], [0.5])
    parts = loss.sums([], []) + loss.sums([1], [0.5])
    assert parts.value() == loss.value([1], [0.5])
    assert np.isnan(numpy(ls.get("ce").ignore(1).empty("nan")).value([1, 1], Z[:2]))
    assert numpy(ls.get("ce").ignore(1)).value([1, 1], Z[:2]) == 0.0
    assert numpy(ls.get("bce").reweight([0, 1])).value([0, 0], [1.0, 2.0]) == 0.0


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: ls.get("mse").smooth(), r"LM295 .*target is a number \(real\).*(huber|truncate|robust)"),
        (lambda: ls.get("poisson").smooth(), r"LM295 .*target is a number \(nonnegative\)"),
        (lambda: ls.get("ordinal").smooth(), r"LM295 .*target is a number \(ordinal\)"),
        (lambda: ls.get("ce").smooth(1.0), r"LM205 .*epsilon must be a number at least 0 and less than 1, got 1"),
        (lambda: ls.get("ce").smooth(-0.1), r"LM205 .*epsilon"),
        (lambda: ls.get("ce").smooth(0.1).bind(epsilon=2), r"LM205 .*epsilon"),
        (lambda: ls.get("mse").ignore(3), r"LM295 .*class number.*mask"),
        (lambda: ls.get("kl_divergence").ignore(3), r"LM295 .*class number.*mask"),
        (lambda: ls.get("ce").ignore(1.5), r"LM297 .*one whole class number, got 1.5"),
        (lambda: ls.get("ce").ignore(True), r"LM297 .*one whole class number"),
        (lambda: ls.get("ce").ignore("255"), r"LM297 .*one whole class number"),
        (lambda: ls.get("ce").ignore(float("nan")), r"LM297 .*one whole class number"),
        (lambda: ls.get("ce").ignore(None), r"LM297 .*one whole class number"),
        (lambda: ls.get("mse").mask("not a name"), r"LM114 .*identifier"),
        (lambda: ls.get("mse").mask("mask"), r"LM114"),
        (lambda: ls.get("mse").empty("none"), r'LM297 .*"zero", "nan" or "error", got \'none\''),
    ],
)
def test_what_has_no_meaning_is_refused_in_a_sentence(make: Any, words: str) -> None:
    with pytest.raises(LossmithError, match=words):
        make()
