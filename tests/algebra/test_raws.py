"""Combinators on the raw prediction: what training sees, and what is read off a raw prediction for good."""

from __future__ import annotations

from typing import Any

import mpmath as mp
import numpy as np
import pytest

import lossmith as ls
from lossmith.errors import LossmithError
from tests.algebra.reference import check_rows, cross_entropy, log_loss
from tests.algebra.test_terms import HARD, ONE_HOT, RAW, ROWS, SHARES, SOFT

PRIOR = [0.7, 0.2, 0.1]
RNG = np.random.default_rng(5)


def numpy(loss: ls.Loss) -> ls.Loss:
    return loss.using("numpy")


# What training sees ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("tau", [0.0, 0.5, 1.0, -2.0])
@pytest.mark.parametrize("y", [ONE_HOT, SHARES], ids=["hard", "soft"])
def test_adjusted_cross_entropy_is_that_of_the_paper(tau: float, y: Any) -> None:
    """Menon et al. (2021), eq. 10: cross entropy of z_k + tau log pi_k."""

    def row(y: Any, z: Any) -> Any:
        return cross_entropy(y, [x + mp.mpf(tau) * mp.log(mp.mpf(prior)) for x, prior in zip(z, PRIOR, strict=True)])

    # 16 units; the sum z + tau log pi is rounded, which moves the loss by one unit of its largest part
    check_rows(ls.get("ce").adjust(PRIOR, tau), row, y, ROWS, ulps=16 * 2)


@pytest.mark.parametrize("y", [HARD, SOFT], ids=["hard", "soft"])
def test_of_two_outcomes_the_log_odds_are_added(y: Any) -> None:
    odds = mp.log(mp.mpf(0.02)) - mp.log(mp.mpf(0.98))
    check_rows(ls.get("bce").adjust([0.98, 0.02]), lambda y, z: log_loss(y, z + odds), y, RAW, ulps=16 * 4)


def test_adjusting_one_of_two_outcomes_is_adjusting_two_classes() -> None:
    y, raw = np.array([0, 1, 1, 0]), RNG.normal(size=4)
    two = numpy(ls.get("ce").adjust([0.9, 0.1], 0.7)).value(y, np.stack([np.zeros(4), raw], axis=1))
    assert numpy(ls.get("bce").adjust([0.9, 0.1], 0.7)).value(y, raw) == pytest.approx(two, rel=1e-14)


def test_what_the_model_says_is_not_adjusted() -> None:
    for loss in (ls.get("ce").adjust(PRIOR), ls.get("ce").margin(0.5)):
        np.testing.assert_array_equal(numpy(loss).predict(ROWS), numpy(ls.get("ce")).predict(ROWS))
    for loss in (ls.get("bce").adjust([0.9, 0.1]), ls.get("bce").margin(0.5)):
        np.testing.assert_array_equal(numpy(loss).predict(RAW), numpy(ls.get("bce")).predict(RAW))


def test_priors_are_found_in_the_training_set() -> None:
    y, weight = np.array([0, 0, 0, 1, 2, 0]), np.array([1.0, 1.0, 1.0, 2.0, 0.5, 1.0])
    raw = RNG.normal(size=(6, 3))
    loss = numpy(ls.get("ce").adjust())
    with pytest.raises(LossmithError, match=r"LM284 .*fit\(y_true\)"):
        loss.value(y, raw)
    assert loss.fit(y).value(y, raw) == numpy(ls.get("ce").adjust([4 / 6, 1 / 6, 1 / 6])).value(y, raw)
    expected = numpy(ls.get("ce").adjust([4 / 6.5, 2 / 6.5, 0.5 / 6.5])).value(y, raw)
    assert loss.fit(y, weight).value(y, raw) == pytest.approx(expected, rel=1e-15)
    assert loss.fit(np.eye(3)[y]).definition.priors == loss.fit(y).definition.priors
    two = numpy(ls.get("bce").adjust()).fit([0, 1, 0, 0])
    assert two.definition.priors == (0.75, 0.25)
    assert two.bind(tau=0).value([1], [0.3]) == numpy(ls.get("bce")).value([1], [0.3])
    with pytest.raises(LossmithError, match=r"LM286 .*class 1 does not occur.*priors"):
        loss.fit([0, 2, 0])


@pytest.mark.parametrize("m", [0.0, 0.35, 2.0])
def test_the_true_class_must_win_by_a_margin(m: float) -> None:
    """Wang et al. (2018), eq. 5, at scale 1: the raw prediction of the true class less m."""

    def row(y: Any, z: Any) -> Any:
        return cross_entropy(y, [x - mp.mpf(m) * share for share, x in zip(y, z, strict=True)])

    for y in (ONE_HOT, SHARES):
        check_rows(ls.get("ce").margin(m), row, y, ROWS, ulps=16 * 2)
    check_rows(ls.get("bce").margin(m), lambda y, z: log_loss(y, z - mp.mpf(m) * (2 * y - 1)), HARD, RAW, ulps=16 * 4)


def test_margins_of_yes_and_no_move_both_ways() -> None:
    loss, plain = numpy(ls.get("bce").margin(1.0)), numpy(ls.get("bce"))
    assert loss.value([1], [1.5]) == plain.value([1], [0.5])
    assert loss.value([0], [1.5]) == plain.value([0], [2.5])


# What is read off for good --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("T", [0.25, 1.0, 4.0])
@pytest.mark.parametrize("y", [ONE_HOT, SHARES], ids=["hard", "soft"])
def test_temper_is_a_softmax_at_a_temperature(T: float, y: Any) -> None:
    """Hinton, Vinyals and Dean (2015), eq. 1: softmax(z / T)."""
    check_rows(ls.get("ce").temper(T), lambda y, z: cross_entropy(y, [x / mp.mpf(T) for x in z]), y, ROWS, ulps=32)
    np.testing.assert_allclose(ls.get("ce").temper(T).predict(ROWS), ls.get("ce").predict(ROWS / T), rtol=4e-16)


@pytest.mark.parametrize("c", [0.5, 5.0, 30.0])
def test_soft_cap_holds_raw_predictions(c: float) -> None:
    cap = mp.mpf(c)
    raw = RAW[2:-1]  # beyond these tanh has all but ended, and a slope of 1e-20 has no digits in common with anything
    check_rows(ls.get("bce").soft_cap(c), lambda y, z: log_loss(y, cap * mp.tanh(z / cap)), HARD[2:-1], raw, ulps=16 * 16,
               hessian=False)  # fmt: skip
    p = ls.get("bce").soft_cap(c).predict(np.array([-1e6, -1.0, 0.0, 1e6]))
    np.testing.assert_allclose(p, ls.get("bce").predict(c * np.tanh(np.array([-1e6, -1.0, 0.0, 1e6]) / c)), rtol=1e-15)


def test_readings_come_in_the_order_of_the_calls() -> None:
    z = np.array([0.3, -4.0])
    one = ls.get("bce").temper(2.0).soft_cap(3.0)
    np.testing.assert_allclose(one.predict(z), ls.get("bce").predict(3 * np.tanh(z / 2 / 3)), rtol=1e-15)
    other = ls.get("bce").soft_cap(3.0).temper(2.0)
    np.testing.assert_allclose(other.predict(z), ls.get("bce").predict(3 * np.tanh(z / 3) / 2), rtol=1e-15)
    assert one != other


def test_readings_move_before_training_moves() -> None:
    y, raw = np.array([0, 2]), ROWS[:2]
    tempered = numpy(ls.get("ce").adjust(PRIOR).temper(2.0))
    expected = numpy(ls.get("ce")).value(y, raw / 2.0 + np.log(PRIOR))
    assert tempered.value(y, raw) == pytest.approx(expected, rel=1e-15)
    assert tempered == ls.get("ce").temper(2.0).adjust(PRIOR)


def test_a_tempered_loss_of_labels_knows_its_start() -> None:
    y = np.array([1.0, 0.0, 0.0, 0.0])
    start = numpy(ls.get("bce").temper(3.0)).best_constant(y)
    assert start == pytest.approx(3.0 * np.log(0.25 / 0.75), rel=1e-9)
    start = numpy(ls.get("bce").adjust([0.75, 0.25])).best_constant(y)
    assert start == pytest.approx(0.0, abs=1e-9)


def test_overlap_losses_are_read_in_the_same_way() -> None:
    y, raw = np.array([1.0, 0.0, 1.0]), np.array([0.4, -2.0, 1.0])
    assert numpy(ls.get("dice").temper(2.0)).value(y, raw) == pytest.approx(
        numpy(ls.get("dice")).value(y, raw / 2), rel=1e-15
    )


BCE = ls.get("bce")
DESIGNS = [BCE.adjust([0.9, 0.1]), BCE.margin(0.3), BCE.temper(2), BCE.soft_cap(3)]


@pytest.mark.parametrize("loss", DESIGNS, ids=lambda loss: loss.name)
def test_nan_stays_in_its_row_and_is_absent_at_weight_zero(loss: ls.Loss) -> None:
    loss = numpy(loss)
    y, raw = np.array([1.0, 0.0, 1.0]), np.array([0.5, np.nan, -2.0])
    assert np.isnan(loss.per_example(y, raw)).tolist() == [False, True, False]
    assert loss.value(y, raw, [1.0, 0.0, 1.0]) == loss.value(y[[0, 2]], raw[[0, 2]])
    assert np.isnan(loss.predict(raw)).tolist() == [False, True, False]


GIVEN = ls.get("bce", on="probability")


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: ls.get("mse").adjust([0.5, 0.5]), r"LM295 .*adjust, which adds log priors, needs a predicted probability"),
        (lambda: ls.get("mae").margin(1), r"LM295 .*margin needs a predicted probability"),
        (lambda: ls.get("mse").temper(2), r"LM295 .*temper needs a predicted probability"),
        (lambda: ls.get("poisson").soft_cap(2), r"LM295 .*soft_cap needs a predicted probability"),
        *[(make, r"LM295 .*takes probabilities.*Take the loss on raw ones") for make in (
            lambda: GIVEN.adjust([0.5, 0.5]), lambda: GIVEN.margin(1), lambda: GIVEN.temper(2), lambda: GIVEN.soft_cap(2))],
        (lambda: ls.get("ce").adjust(PRIOR).adjust(PRIOR), r"LM295 .*adjust is there already.*tau"),
        (lambda: ls.get("dice").adjust([0.5, 0.5]), r"LM295 .*one for each class of its own"),
        (lambda: ls.get("ce").adjust([0.5, 0.6]), r"LM297 .*each above 0 and together 1, got \[0.5, 0.6\].*fit"),
        (lambda: ls.get("ce").adjust([1.0, 0.0]), r"LM297 .*each above 0"),
        (lambda: ls.get("ce").adjust([0.5, float("nan")]), r"LM297 .*each above 0"),
        (lambda: ls.get("ce").adjust([1.0]), r"LM297 "),
        (lambda: ls.get("ce").adjust([0.5, 0.5]).using("numpy").value([0], [[1.0, 2.0, 3.0]]), r"LM285 .*2 class priors, but 3"),
        (lambda: ls.get("ce").adjust(PRIOR, float("inf")), r"LM205 .*tau"),
        (lambda: ls.get("bce").margin(-1), r"LM205 .*m must be a number at least 0, got -1"),
        (lambda: ls.get("bce").temper(0), r"LM205 .*T must be a number greater than 0, got 0"),
        (lambda: ls.get("bce").temper(2).bind(T=-1), r"LM205 .*T must be"),
        (lambda: ls.get("bce").soft_cap(0), r"LM205 .*c must be"),
        (lambda: ls.get("bce").soft_cap(float("nan")), r"LM205 .*c must be"),
    ],
)  # fmt: skip
def test_what_has_no_meaning_is_refused_in_a_sentence(make: Any, words: str) -> None:
    with pytest.raises(LossmithError, match=words):
        make()
