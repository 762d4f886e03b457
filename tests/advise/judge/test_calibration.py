"""Calibration: known distortions are found with their size, and what they cost is told from what nobody can know."""

from __future__ import annotations

import numpy as np
import pytest

from lossmith.advise.judge.calibration import (
    Calibration,
    calibration,
    calibration_of_classes,
    isotonic,
    percent,
    wilson,
)
from lossmith.algebra.decision import Corrected, Recalibrated, act
from lossmith.errors import ArgumentError

ROWS = 20_000


def drawn(seed: int = 0, rows: int = ROWS) -> tuple[np.ndarray, np.ndarray]:  # type: ignore[type-arg]
    """True probabilities of a rare class, and outcomes."""
    rng = np.random.default_rng(seed)
    p = 1 / (1 + np.exp(-rng.normal(-2.5, 1.3, size=rows)))
    return (rng.uniform(size=rows) < p).astype(float), p


def covers(found: float, margin: float, truth: float) -> bool:
    return abs(found - truth) <= margin


def test_true_probabilities_are_taken_at_their_word() -> None:
    right = [calibration(*drawn(seed, 4_000)) for seed in range(40)]
    # 95 % intervals of 40 draws: fewer than 32 would be a chance of 1e-4
    assert sum(covers(c.slope, c.slope_margin, 1) for c in right) >= 32
    assert sum(covers(c.intercept, c.intercept_margin, 0) for c in right) >= 32
    assert sum(covers(c.excess, c.excess_margin, 0) for c in right) >= 32
    # all three at once: at least 85 %, as if each missed alone; fewer than 25 of 40 would be a chance of 1e-3
    assert sum("can be taken at their word" in c.sentence for c in right) >= 25


@pytest.mark.parametrize(("slope", "intercept"), [(0.5, 0.0), (1.0, 1.0), (1.6, -0.4)])
def test_a_known_distortion_is_found(slope: float, intercept: float) -> None:
    y, p = drawn(1)
    distorted = act(Recalibrated(1 / slope, -intercept / slope), p)  # so that this slope and intercept undo it
    found = calibration(y, distorted)
    # four standard errors, 2 of the margins
    assert covers(found.slope, 2 * found.slope_margin, slope)
    assert covers(found.intercept, 2 * found.intercept_margin, intercept)
    assert not found.is_right


def test_the_inverse_of_a_reweighting_restores_the_calibration() -> None:
    y, p = drawn(2)
    weighted = 20 * p / (20 * p + 1 - p)  # what a model says that was trained with weights 1 : 20
    before, after = calibration(y, weighted), calibration(y, act(Corrected((1.0, 20.0)), weighted))
    assert covers(before.intercept, before.intercept_margin, -np.log(20))
    assert not before.is_right
    assert 0.9 <= after.slope <= 1.1
    assert covers(after.intercept, after.intercept_margin, 0.0)
    assert covers(after.excess, after.excess_margin, 0.0)


def test_the_sentence_says_what_is_wrong() -> None:
    y, p = drawn(3)
    low = calibration(y, act(Recalibrated(1.0, -1.0), p))
    assert "too low" in low.sentence
    assert "extreme" not in low.sentence
    assert "too high and too extreme" in calibration(y, act(Recalibrated(2.0, 3.0), p)).sentence
    assert "too cautious" in calibration(y, act(Recalibrated(0.5, -1.2), p)).sentence
    assert low.sentence.startswith("Of the rows it calls ")
    assert f"slope {low.slope:.2f} ± {low.slope_margin:.2f}" in low.sentence


def test_the_curve_holds_all_rows_in_ranges_of_equally_many() -> None:
    y, p = drawn(4)
    found = calibration(y, p)
    assert [part.count for part in found.curve] == [ROWS // 10] * 10
    assert all(a.predicted < b.predicted for a, b in zip(found.curve, found.curve[1:], strict=False))
    order = np.argsort(p)[: ROWS // 10]
    assert found.curve[0].share == y[order].mean()
    assert found.curve[0].predicted == pytest.approx(p[order].mean(), rel=1e-12)  # sums of 2,000 numbers
    assert sum(part.low <= part.predicted <= part.high for part in found.curve) >= 7  # of ten 95 % intervals


def check_parts(found: Calibration) -> None:
    for score in (found.log_loss, found.brier):
        total = score.miscalibration - score.discrimination + score.uncertainty
        assert total == pytest.approx(score.mean, rel=1e-13)
        assert min(score.miscalibration, score.discrimination) >= -1e-15  # differences of means of some 1e-1, rounded


def test_scores_split_into_what_is_wrong_what_is_told_apart_and_what_is_unknown() -> None:
    y, p = drawn(5)
    true, wrong = calibration(y, p), calibration(y, act(Recalibrated(0.5, 1.0), p))
    check_parts(true)
    check_parts(wrong)
    for kind in ("log_loss", "brier"):
        a, b = getattr(true, kind), getattr(wrong, kind)
        assert b.discrimination == pytest.approx(a.discrimination, rel=1e-12)  # a rising map tells the same rows apart
        assert b.uncertainty == a.uncertainty
        assert b.miscalibration > 10 * a.miscalibration
    assert true.brier.uncertainty == pytest.approx(true.share * (1 - true.share), rel=1e-12)


def test_the_decomposition_is_that_of_pooled_adjacent_violators() -> None:
    y, p = np.array([0, 1, 0, 1, 1.0]), np.array([0.1, 0.3, 0.3, 0.6, 0.5])
    assert isotonic(y, p, np.ones(5)).tolist() == [0.0, 0.5, 0.5, 1.0, 1.0]
    found = calibration(y, p)
    assert found.brier.discrimination == pytest.approx(0.6 * 0.4 - 0.5 / 5, rel=1e-13)  # flat 0.24, rising 2 * 0.25 / 5
    check_parts(found)


def test_a_weight_is_that_many_rows() -> None:
    y, p = drawn(6, 300)
    weight = np.random.default_rng(0).integers(0, 4, size=300)
    once = calibration(y, p, weight)
    many = calibration(np.repeat(y, weight), np.repeat(p, weight), blocks=np.repeat(np.arange(300), weight))
    for name in ("share", "excess", "slope", "intercept", "log_loss", "brier"):
        a, b = getattr(once, name), getattr(many, name)
        values = ((a.mean, b.mean), (a.miscalibration, b.miscalibration)) if hasattr(a, "mean") else ((a, b),)
        assert all(left == pytest.approx(right, rel=1e-9) for left, right in values)  # sums in another order
    assert once.slope_margin == pytest.approx(many.slope_margin, rel=0.01)  # 300 blocks or those with a weight above 0


def test_rows_that_repeat_are_no_new_evidence() -> None:
    y, p = drawn(7, 2_000)
    once, blocks = calibration(y, p), np.tile(np.arange(2_000), 5)
    five = calibration(np.tile(y, 5), np.tile(p, 5), blocks=blocks)
    naive = calibration(np.tile(y, 5), np.tile(p, 5))
    assert five.slope_margin == pytest.approx(once.slope_margin, rel=1e-6)
    assert naive.slope_margin < 0.5 * once.slope_margin
    assert five.curve[3].high - five.curve[3].low == pytest.approx(once.curve[3].high - once.curve[3].low, rel=0.01)
    both = calibration(np.tile(y, 5), np.tile(p, 5), blocks=(np.arange(10_000), blocks))
    assert both.slope_margin == five.slope_margin  # the wider one counts


def test_what_cannot_be_told_is_not_told() -> None:
    for y, p in (([0, 0, 0], [0.1, 0.2, 0.3]), ([0, 1, 0], [0.2, 0.2, 0.2]), ([0, 0, 1], [0.1, 0.2, 0.9])):
        found = calibration(y, p)
        assert np.isnan([found.slope, found.slope_margin, found.intercept, found.intercept_margin]).all()
        assert not found.is_right
        assert "to say more" in found.sentence
    impossible = calibration([1, 0, 1, 0], [0.0, 0.3, 0.6, 0.7])
    assert impossible.log_loss.mean == np.inf
    assert np.isfinite(impossible.brier.mean)


@pytest.mark.parametrize(
    ("y", "p", "words"),
    [
        ([0, 1], [0.5], "one shape"),
        ([0, 2], [0.5, 0.5], "found 2"),
        ([0, 1], [0.5, 1.5], "row 2 has 1.5"),
        ([0, 1], [np.nan, 0.5], "row 1 has nan"),
    ],
)
def test_what_is_no_probability_is_refused(y: list[float], p: list[float], words: str) -> None:
    with pytest.raises(ArgumentError, match="LM245") as caught:
        calibration(y, p)
    assert words in str(caught.value)


def test_wilson_is_the_interval_of_the_textbook() -> None:
    low, high = wilson(0.1, 100)  # Agresti and Coull (1998): (0.0552, 0.1744)
    assert (round(low, 4), round(high, 4)) == (0.0552, 0.1744)
    assert wilson(1.0, 10)[1] == pytest.approx(1.0, rel=1e-15)
    assert wilson(0.0, 10)[0] == 0.0


def test_percentages_show_as_many_digits_as_matter() -> None:
    assert [percent(x) for x in (0.0, 0.05, 0.333, 0.0004, 0.95, 0.9996)] == [
        *("0 %", "5 %", "33 %", "0.04 %", "95 %", "99.96 %")
    ]


def test_every_class_against_the_rest_and_the_most_probable_one() -> None:
    rng = np.random.default_rng(9)
    p = rng.dirichlet((0.5, 1.0, 2.0), size=ROWS)
    y = (rng.uniform(size=(ROWS, 1)) > np.cumsum(p, axis=1)).sum(axis=1)
    true = calibration_of_classes(y, p, ("a", "b", "c"))
    assert [covers(c.slope, 2 * c.slope_margin, 1.0) for c in (*true.classes, true.top)] == [True] * 4
    assert "are c:" in true.classes[2].sentence
    sharp = p**2 / (p**2).sum(axis=1, keepdims=True)
    found = calibration_of_classes(y, sharp)
    assert all(c.slope < 0.75 and "too extreme" in c.sentence for c in found.classes)
    assert found.top.excess > found.top.excess_margin
    assert found.labels == ("0", "1", "2")
    weighted = p * [1.0, 5.0, 20.0]
    restored = act(Corrected((1.0, 5.0, 20.0)), weighted / weighted.sum(axis=1, keepdims=True))
    assert all(0.9 <= c.slope <= 1.1 for c in calibration_of_classes(y, restored).classes)
