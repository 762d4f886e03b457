"""Rules fitted on the tune rows: each is reached where data need it, and refused where it only looks better."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from lossmith.advise.judge.decide import BOOKS, FEWEST, Ask, Decision, book_of, choose_rule, halves, sort_of
from lossmith.advise.judge.interval import margin, mean_and_error
from lossmith.advise.judge.measure import measure_of
from lossmith.advise.judge.sample import Sample
from lossmith.advise.look.aim import Aim, Estimate
from lossmith.advise.models.candidate import Candidate
from lossmith.algebra.decision import (
    AsIs,
    CheapestClass,
    Corrected,
    CostMatrix,
    Cuts,
    ErrorCosts,
    Levels,
    Recalibrated,
    RowThreshold,
    Scale,
    Shift,
    ShiftBySize,
    SortedLevels,
    Threshold,
    UnderOver,
    probabilities,
    zero_one,
)
from tests.advise.judge.benches import (
    EVEN,
    FIVE_TO_ONE,
    GRADES,
    LEVELS,
    MEAN,
    MISSED,
    PROBABILITY,
    ask,
    by_matrix,
)

N = 4_000
RNG = np.random.default_rng(0)
NOISE = RNG.normal(size=N)
P = RNG.beta(0.7, 2.0, size=N)
HAPPENED = (RNG.uniform(size=N) < P).astype(np.float64)
LOG_LOSS = Candidate("binary_cross_entropy", is_default=True)
MULTI = Candidate("cross_entropy", is_default=True)


def chosen(asked: Ask, classes: int = 0) -> Decision:
    """Choose with what the aim itself costs."""
    measure = measure_of(asked.aim, classes)
    return choose_rule(asked, lambda part, rule: measure.per_row(part.sample, part.y_pred, rule))


def odds(p: Any, factor: float) -> Any:
    return p * factor / (p * factor + 1 - p)


def by_unit(under: float, over: float, column: str | None = None) -> Aim:
    return Aim(UnderOver(under, over, column), Estimate("quantile", (under / (under + over),)), True)


def aim_of_errors(missed: float | str, alarm: float | str) -> Aim:
    return Aim(ErrorCosts(missed, alarm), Estimate("probability"), True)


# Numbers ------------------------------------------------------------------------------------------------------------


def test_a_shift_pays_on_the_mean_and_not_on_the_quantile() -> None:
    shifted = chosen(ask(FIVE_TO_ONE, NOISE, np.zeros(N))).rule
    assert isinstance(shifted, Shift)
    # the normal 5/6 quantile; its standard error is sqrt(5/36/n) over the density 0.25: 0.024; four of them
    assert shifted.amount == pytest.approx(0.967, abs=0.094)
    aims = Candidate("quantile", {"level": FIVE_TO_ONE.level})
    assert chosen(ask(FIVE_TO_ONE, NOISE, np.full(N, shifted.amount + 0.01), aims)).rule == AsIs()


def test_a_loss_that_aims_elsewhere_is_shifted_without_proof() -> None:
    """The costs ask for the shift of a model of the mean; a model of that quantile, or even costs, ask for none."""
    aims = Candidate("quantile", {"level": FIVE_TO_ONE.level})
    elsewhere, there = (ask(FIVE_TO_ONE, NOISE, np.zeros(N), candidate) for candidate in (None, aims))
    assert isinstance(book_of(elsewhere).implied(elsewhere), Shift)
    assert book_of(there).implied(there) == AsIs()
    even = ask(EVEN, NOISE, np.zeros(N))
    assert book_of(even).implied(even) == AsIs()


def test_a_shift_that_saves_next_to_nothing_is_none() -> None:
    y = np.where(np.arange(N) % 10 < 8, 0.0, 4.0)  # mostly zeros: every residual of the quantile is -1e-9
    aim = by_unit(3.0, 1.0)
    assert chosen(ask(aim, y, np.full(N, 1e-9), Candidate("quantile", {"level": 0.75}))).rule == AsIs()


def test_noise_that_grows_with_the_prediction_needs_a_shift_by_size() -> None:
    size = RNG.uniform(-2, 2, N)
    y = size + np.exp(size) * NOISE
    found = chosen(ask(FIVE_TO_ONE, y, size)).rule
    assert isinstance(found, ShiftBySize)
    assert list(found.amounts) == sorted(found.amounts)


def test_noise_that_multiplies_needs_a_factor() -> None:
    size = np.exp(RNG.normal(size=N))
    found = chosen(ask(FIVE_TO_ONE, size * np.exp(0.5 * NOISE), size)).rule
    assert isinstance(found, Scale)
    # exp of 0.5 times the normal 5/6 quantile, 1.62; cost weighs large rows, so the interval is wide: 10 %
    assert found.factor == pytest.approx(np.exp(0.5 * 0.967), rel=0.1)


def test_a_factor_is_not_tried_on_predictions_of_both_signs() -> None:
    found = chosen(ask(EVEN, 1.5 * NOISE, NOISE)).rule
    assert not isinstance(found, Scale)


@pytest.mark.parametrize(("y", "y_pred", "kind"), [
    (NOISE + 3, np.zeros(N), Shift),
    (np.exp(NOISE) * 2, np.exp(NOISE), Scale),
    (NOISE, np.zeros(N), AsIs),
])  # fmt: skip
def test_a_mean_may_be_moved_or_stretched(y: Any, y_pred: Any, kind: type) -> None:
    assert isinstance(chosen(ask(MEAN, y, y_pred)).rule, kind)


def test_cost_columns_count_in_the_fit() -> None:
    high = RNG.uniform(size=N) < 0.5
    y, stake = np.where(high, 1.0, -1.0) + 0.01 * NOISE, np.where(high, 9.0, 1.0)
    by_stake = chosen(ask(by_unit(1, 1, "stake"), y, np.zeros(N), columns={"stake": stake})).rule
    assert isinstance(by_stake, Shift)
    assert by_stake.amount == pytest.approx(1.0, abs=0.05)  # all of the weight lies around 1 and -1, most around 1


# Two classes --------------------------------------------------------------------------------------------------------


def test_true_probabilities_keep_the_implied_threshold() -> None:
    assert chosen(ask(MISSED, HAPPENED, P, LOG_LOSS)).rule == Threshold(1 / 21)


def test_wrong_probabilities_get_their_own_threshold_or_are_recalibrated() -> None:
    found = chosen(ask(MISSED, HAPPENED, odds(P, 30.0), LOG_LOSS)).rule
    assert isinstance(found, Threshold | Recalibrated)
    level = found.level if isinstance(found, Threshold) else None
    at = odds(1 / 21, 30.0)
    decided = odds(P, 30.0) >= level if level is not None else probabilities(found, odds(P, 30.0)) >= 1 / 21
    assert np.mean(decided != (odds(P, 30.0) >= at)) < 0.05  # the true rule's decisions, but for a flat minimum


def test_a_model_that_cannot_be_recalibrated_by_a_line_gets_a_threshold() -> None:
    bent = np.where(P < 0.02, 0.001 * P / 0.02, 0.5 + 0.4 * P)
    found = chosen(ask(MISSED, HAPPENED, bent, LOG_LOSS)).rule
    kept = probabilities(found, bent)
    assert isinstance(found, Threshold | Recalibrated)
    assert np.array_equal(kept, bent) == isinstance(found, Threshold)


def test_the_weights_of_a_loss_are_undone() -> None:
    weighted = Candidate("binary_cross_entropy", class_weight=(1.0, 20.0))
    found = chosen(ask(MISSED, HAPPENED, odds(P, 20.0), weighted)).rule
    assert found == Corrected((1.0, 20.0), Threshold(1 / 21))
    back = probabilities(found, odds(P, 20.0))
    np.testing.assert_allclose(back, P, rtol=64 * np.finfo(float).eps)  # p * w / (p * w + q) and back


def test_weights_inside_a_formula_are_undone_too() -> None:
    inside = Candidate("", formula="-20*y*log(p) - (1-y)*log(1-p)", kind="binary", corrects=(1.0, 20.0))
    assert chosen(ask(PROBABILITY, HAPPENED, odds(P, 20.0), inside), 2).rule == Corrected((1.0, 20.0), AsIs())


def test_rows_that_weigh_what_they_cost_are_decided_at_one_half() -> None:
    by_row = Candidate("binary_cross_entropy", by_cost=True)
    aim = aim_of_errors("stake", 1.0)
    stake = np.full(N, 20.0)
    assert chosen(ask(aim, HAPPENED, odds(P, 20.0), by_row, columns={"stake": stake})).rule == Threshold(0.5)


def test_costs_by_row_give_each_row_its_threshold() -> None:
    stake = RNG.uniform(1, 50, N)
    found = chosen(ask(aim_of_errors("stake", 1.0), HAPPENED, P, LOG_LOSS, columns={"stake": stake})).rule
    assert found == RowThreshold("stake", 1.0)


def test_probabilities_that_say_too_much_are_recalibrated() -> None:
    said = odds(P, 1.0) ** 2 / (P**2 + (1 - P) ** 2)  # log-odds doubled
    found = chosen(ask(PROBABILITY, HAPPENED, said, LOG_LOSS), 2).rule
    assert isinstance(found, Recalibrated)
    # 4,000 rows with P(1-P) about 0.13 and log-odds of spread 1.9: four standard errors are 0.1
    assert found.slope == pytest.approx(0.5, abs=0.06)
    assert chosen(ask(PROBABILITY, HAPPENED, P, LOG_LOSS), 2).rule == AsIs()


# Several classes and grades -----------------------------------------------------------------------------------------


def test_several_classes_take_the_cheapest_one() -> None:
    y, p = RNG.integers(0, 3, N).astype(np.float64), np.full((N, 3), 1 / 3)
    matrix = CostMatrix(((0.0, 1.0, 5.0), (1.0, 0.0, 1.0), (9.0, 2.0, 0.0)))
    assert chosen(ask(by_matrix(matrix), y, p, MULTI)).rule == CheapestClass(matrix.matrix)
    weighted = Candidate("cross_entropy", class_weight=(1.0, 2.0, 4.0))
    found = chosen(ask(by_matrix(matrix), y, p, weighted)).rule
    assert found == Corrected((1.0, 2.0, 4.0), CheapestClass(matrix.matrix))
    assert book_of(ask(by_matrix(matrix), y, p, MULTI)).usual(ask(by_matrix(matrix), y, p)) == CheapestClass(
        zero_one(3)
    )


def test_a_number_is_cut_into_grades() -> None:
    line = RNG.uniform(-1, 3, N)
    grade = np.clip(np.round(line), 0, 2)
    rounded = chosen(ask(by_matrix(GRADES), grade, line + 0.01 * NOISE)).rule
    assert rounded == Cuts((0.5, 1.5))
    moved = chosen(ask(by_matrix(GRADES), grade, line + 0.4)).rule
    assert isinstance(moved, Cuts)
    np.testing.assert_allclose(moved.levels, (0.9, 1.9), atol=0.02)  # 4,000 rows over 4 units: a gap of 0.001


def test_a_matrix_for_two_classes_decides_by_it() -> None:
    """Right decisions that are not free make no ErrorCosts; the prediction is one probability, and no grade."""
    matrix = CostMatrix(((1.0, 1.5), (6.0, 0.0)))  # cheapest: positive where 6 p + (1 - p) > 1.5 (1 - p), p > 1/13
    found = chosen(ask(by_matrix(matrix), HAPPENED, P, LOG_LOSS), 2).rule
    measure = measure_of(by_matrix(matrix), 2)
    rows = ask(by_matrix(matrix), HAPPENED, P, LOG_LOSS).sample
    best = measure.per_row(rows, P, Threshold(1 / 13)).mean()
    assert measure.per_row(rows, P, found).mean() <= best * 1.02


# Several quantiles --------------------------------------------------------------------------------------------------


def test_one_model_gets_a_quantile_of_its_errors_for_each_level() -> None:
    found = chosen(ask(LEVELS, NOISE, np.zeros(N))).rule
    assert isinstance(found, Levels)
    np.testing.assert_allclose(found.amounts, np.quantile(NOISE, (0.1, 0.5, 0.9)), atol=0.01)


def test_several_models_are_sorted_and_moved_only_where_that_pays() -> None:
    good = np.tile(np.quantile(NOISE, (0.1, 0.5, 0.9)), (N, 1))
    assert chosen(ask(LEVELS, NOISE, good)).rule == SortedLevels()
    moved = chosen(ask(LEVELS, NOISE + 2, good)).rule
    assert isinstance(moved, SortedLevels)
    np.testing.assert_allclose(moved.amounts, 2.0, atol=0.01)


# Luck ---------------------------------------------------------------------------------------------------------------


def test_a_rule_that_only_looks_better_where_it_was_fitted_is_refused() -> None:
    """On 60 rows with 4 positives a fitted threshold is always cheaper in the sample; it is seldom taken."""
    taken = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        p = rng.beta(1.0, 12.0, 60)
        y = (rng.uniform(size=60) < p).astype(np.float64)
        taken += chosen(ask(MISSED, y, p, LOG_LOSS)).rule != Threshold(1 / 21)
    # in truth none is better; two rules, each taken if it lies more than one standard error ahead (16 % of the time
    # for a normal mean, and the two go together): 32 %, and four standard errors of a binomial count of 60
    assert taken <= 60 * 0.32 + 4 * np.sqrt(60 * 0.32 * 0.68)


def test_a_shift_of_pure_noise_is_seldom_taken() -> None:
    taken = sum(chosen(ask(EVEN, noise, np.zeros(200))).rule != AsIs() for noise in RNG.normal(size=(100, 200)))
    assert taken <= 100 * 0.32 + 4 * np.sqrt(100 * 0.32 * 0.68)  # see above


def test_too_few_rows_fit_no_rule() -> None:
    rows = 2 * FEWEST - 1
    aims = Candidate("quantile", {"level": FIVE_TO_ONE.level})
    found = chosen(ask(FIVE_TO_ONE, NOISE[:rows] + 50, np.zeros(rows), aims))
    assert found.rule == AsIs()
    assert chosen(ask(FIVE_TO_ONE, NOISE[: rows + 1] + 50, np.zeros(rows + 1), aims)).rule != AsIs()
    assert chosen(ask(FIVE_TO_ONE, NOISE[: FEWEST - 1], np.zeros(FEWEST - 1))).rule == AsIs()


def test_weights_count_where_a_rule_is_judged() -> None:
    """Weighted, the rows ask for a shift; unweighted, for none: the weights decide, as they do in the comparison."""
    high = RNG.uniform(size=N) < 0.5
    y, weight = np.where(high, 1.0, -1.0) + 0.1 * NOISE, np.where(high, 9.0, 1.0)
    for aim, amount in ((MEAN, 0.8), (EVEN, 1.0)):
        found = chosen(ask(aim, y, np.zeros(N), weight=weight)).rule
        assert isinstance(found, Shift)
        assert found.amount == pytest.approx(amount, abs=0.05)  # (9 - 1) / 10; the median among the nine tenths


def test_an_infinite_cost_neither_takes_a_rule_nor_warns() -> None:
    certain = np.where(np.arange(N) % 50 == 0, 0.0, P)
    found = chosen(ask(PROBABILITY, HAPPENED, certain, LOG_LOSS), 2)
    assert found.rule == AsIs()


def test_the_reason_says_what_a_rule_saves() -> None:
    aims = Candidate("quantile", {"level": FIVE_TO_ONE.level})
    assert "it saves" in chosen(ask(FIVE_TO_ONE, NOISE, np.zeros(N), aims)).why
    assert "no fitted rule was cheaper" in chosen(ask(FIVE_TO_ONE, NOISE, np.full(N, 0.967))).why


# Time ---------------------------------------------------------------------------------------------------------------


def test_in_time_the_past_fits_and_the_future_judges() -> None:
    """The past asks for a shift that the future does not need: in time it is refused, else taken."""
    blocks = np.repeat(np.arange(40), N // 40)
    y = NOISE + np.where(blocks < 20, 2.0, 0.0)
    assert chosen(ask(EVEN, y, np.zeros(N), blocks=blocks, ordered=True)).rule == AsIs()
    assert isinstance(chosen(ask(EVEN, y, np.zeros(N), blocks=blocks)).rule, Shift)


def test_in_time_a_rule_must_hold_in_the_future() -> None:
    """The past asks for 2, the future for 1: the rule of the past helps no more, that of the future would have."""
    blocks = np.repeat(np.arange(40), N // 40)
    y = NOISE + np.where(blocks < 20, 2.0, 1.0)
    assert chosen(ask(EVEN, y, np.zeros(N), blocks=blocks, ordered=True)).rule == AsIs()


def test_a_rule_that_holds_on_is_taken_in_time() -> None:
    blocks = np.repeat(np.arange(40), N // 40)
    assert isinstance(chosen(ask(EVEN, NOISE + 2, np.zeros(N), blocks=blocks, ordered=True)).rule, Shift)


def test_halves_hold_whole_blocks() -> None:
    blocks = np.repeat([3, 5, 9, 12, 20], 4)
    for ordered in (False, True):
        later = halves(Sample(np.zeros(20), None, {}, blocks, ordered))
        assert all(len(set(later[blocks == block].tolist())) == 1 for block in blocks)
        assert 0 < later.sum() < 20
        if ordered:
            assert blocks[~later].max() < blocks[later].min()


def test_a_single_block_is_halved_all_the_same() -> None:
    assert halves(Sample(np.zeros(6), None, {}, np.zeros(6, dtype=np.int64))).sum() == 3


# The table ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("aim", [FIVE_TO_ONE, EVEN, MEAN, MISSED, PROBABILITY, LEVELS, by_matrix(GRADES)])
def test_every_aim_has_its_rules(aim: Any) -> None:
    assert {key for key in BOOKS if key[0] == sort_of(aim)}


# Means over rows ----------------------------------------------------------------------------------------------------


def test_the_error_of_a_mean_of_rows_is_the_textbook_one() -> None:
    mean, error, freedom = mean_and_error(NOISE, np.arange(N))
    assert mean == pytest.approx(NOISE.mean(), rel=1e-12)
    assert error == pytest.approx(NOISE.std(ddof=1) / np.sqrt(N), rel=1e-9)
    assert freedom == N - 1


def test_rows_that_repeat_within_a_block_count_once() -> None:
    repeated, blocks = np.repeat(NOISE[:400], 10), np.repeat(np.arange(400), 10)
    assert mean_and_error(repeated, blocks)[1] == pytest.approx(
        mean_and_error(NOISE[:400], np.arange(400))[1], rel=1e-9
    )


def test_intervals_of_block_means_cover_the_truth() -> None:
    hits = 0
    for _ in range(400):
        values = np.repeat(RNG.normal(size=20), 5) + RNG.normal(size=100)
        mean, error, freedom = mean_and_error(values, np.repeat(np.arange(20), 5))
        hits += abs(mean) <= margin(error, freedom)
    assert 400 * 0.95 - 4 * np.sqrt(400 * 0.95 * 0.05) <= hits < 400  # four standard errors of a binomial count


def test_more_comparisons_need_wider_intervals() -> None:
    assert margin(1.0, 50, 1) < margin(1.0, 50, 6)
    assert np.isnan(margin(1.0, 0))
