"""The verdict rests on paired differences: what is clearly better wins, what is not is said to be equal."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from lossmith.advise.judge.compare import Comparison, compare
from lossmith.advise.judge.measure import Measure, by_cost, raw_for
from lossmith.advise.data.split import Split
from lossmith.advise.models.shortlist import Candidate
from lossmith.advise.models.train import Prediction, Trained
from lossmith.advise.tell.picture import pictures
from lossmith.advise.tell.verdict import Telling, say
from lossmith.algebra.decision import AsIs, CostMatrix, ErrorCosts, Shift, UnderOver, zero_one

Floats = NDArray[np.float64]
N = 3_000
PARTS = [np.arange(0, N), np.arange(N, 2 * N), np.arange(2 * N, 3 * N)]
SPLIT = Split(*PARTS, np.arange(N), np.arange(N), "at random", "row by row")
RNG = np.random.default_rng(3)
SIGNAL = RNG.normal(size=3 * N)
COSTS = by_cost(UnderOver(5, 1), "cost per row")


def model(name: str, y_pred: Floats, default: bool = False, **parameters: float) -> Trained:
    """A model that predicts `y_pred` (for all rows); no booster is behind it."""
    stop, held = (Prediction(y_pred[rows], y_pred[rows]) for rows in (SPLIT.stop, SPLIT.compare))
    candidate = Candidate(name, parameters, "", default)
    return Trained(candidate, cast(Any, None), "identity", None, stop, held, 1, 0.0)


def judged(measure: Measure, y: Floats, *models: Trained) -> tuple[Comparison, str]:
    comparison = compare(measure, models, y, SPLIT)
    return comparison, say(Telling(comparison, models, "delay", "per row"))[0]


def chosen(comparison: Comparison) -> tuple[str, int]:
    contender = comparison.rows[comparison.chosen].contender
    return contender.role, contender.model


def test_constant_noise_needs_a_shift_and_no_other_loss() -> None:
    y = SIGNAL + RNG.normal(size=3 * N)
    level = float(np.quantile(y - SIGNAL, 5 / 6))
    both = (model("squared_error", SIGNAL, True), model("quantile", SIGNAL + level, level=5 / 6))
    comparison, first = judged(COSTS, y, *both)
    assert chosen(comparison) == ("default with rule", 0)
    assert first.startswith("Keep squared error and add ")
    rule = comparison.rows[comparison.chosen].contender.rule
    assert isinstance(rule, Shift)
    assert abs(rule.amount - 0.967) < 0.12  # the normal 5/6 quantile; four standard errors at 3,000 rows


def test_noise_that_varies_needs_the_quantile_loss() -> None:
    spread = RNG.uniform(0.1, 5.0, size=3 * N)
    y = SIGNAL + spread * RNG.normal(size=3 * N)
    both = (model("squared_error", SIGNAL, True), model("quantile", SIGNAL + 0.967 * spread, level=5 / 6))
    comparison, first = judged(COSTS, y, *both)
    assert chosen(comparison) == ("candidate", 1)
    assert first.startswith("Use quantile loss (level 5/6) for delay: ")


def test_columns_that_say_nothing_lead_to_the_constant() -> None:
    y = RNG.normal(size=3 * N)
    noise = 0.1 * RNG.normal(size=3 * N)
    comparison, first = judged(COSTS, y, model("squared_error", noise, True), model("huber", noise + 1))
    assert chosen(comparison)[0] == "constant"
    assert comparison.constant_unbeaten
    assert first.startswith("No loss helps here")


def test_equal_losses_do_not_matter() -> None:
    y = SIGNAL + 0.1 * RNG.normal(size=3 * N)
    even = by_cost(UnderOver(1, 1), "cost per row")
    twins = (model("squared_error", SIGNAL, True), model("huber", SIGNAL + 1e-4 * RNG.normal(size=3 * N)))
    comparison, first = judged(even, y, *twins)
    assert comparison.rows[comparison.chosen].contender.model == 0
    assert "Keep squared error" in first or first.startswith("The loss does not matter here")


def test_a_sure_but_tiny_gain_is_called_none() -> None:
    y = SIGNAL + RNG.choice([-1.0, 1.0], size=3 * N)
    even = by_cost(UnderOver(1, 1), "cost per row")
    better = SIGNAL + 0.001 * np.sign(y - SIGNAL)  # 0.1 % less on every single row
    comparison, _ = judged(even, y, model("squared_error", SIGNAL, True), model("huber", better))
    assert comparison.rows[comparison.best].contender.model == 1
    assert comparison.rows[comparison.chosen].contender.model == 0


def test_missed_positives_move_the_threshold_not_the_loss() -> None:
    p = RNG.beta(0.5, 3.0, size=3 * N)
    y = (RNG.uniform(size=3 * N) < p).astype(float)
    measure = by_cost(ErrorCosts(20, 1), "cost per row")
    comparison, first = judged(measure, y, model("binary_cross_entropy", p, True), model("brier", p))
    assert chosen(comparison) == ("default with rule", 0)
    assert "Keep log loss and decide delay with threshold" in first


def test_classes_are_judged_by_their_most_probable_one() -> None:
    y = RNG.integers(0, 3, 3 * N).astype(float)
    good = np.full((3 * N, 3), 0.1)
    good[np.arange(3 * N), y.astype(int)] = 0.8
    poor = np.full((3 * N, 3), 1 / 3)
    measure = by_cost(CostMatrix(zero_one(3)), "share of wrong decisions")
    comparison, first = judged(measure, y, model("cross_entropy", poor, True), model("softmax_focal", good))
    assert chosen(comparison) == ("candidate", 1)
    assert comparison.rows[comparison.chosen].mean == 0
    assert first.startswith(
        "Use focal loss, most probable class for delay: share of wrong decisions 0.000 per row, 0.67"
    )


def test_a_way_is_beaten_by_any_other_not_only_by_the_least() -> None:
    y = SIGNAL + RNG.normal(size=3 * N)
    wild = y - np.where(np.arange(3 * N) % 1_000 == 0, 280.0, 0.0)  # the least mean, from three rows: a huge spread
    comparison, _ = judged(COSTS, y, model("squared_error", SIGNAL, True), model("huber", wild))
    assert comparison.rows[comparison.best].contender.model == 1
    assert comparison.rows[comparison.chosen].contender.role != "default"


def test_the_rule_never_sees_the_compare_rows() -> None:
    y = SIGNAL + RNG.normal(size=3 * N)
    later = y.copy()
    later[SPLIT.compare] += 100
    models = (model("squared_error", SIGNAL, True), model("huber", SIGNAL))
    rules = [[row.contender.rule for row in compare(COSTS, models, target, SPLIT).rows] for target in (y, later)]
    assert rules[0] == rules[1]


def test_time_blocks_widen_the_interval_of_errors_that_move_together() -> None:
    days = np.arange(N) // 100
    y = SIGNAL.copy()
    y[SPLIT.compare] += RNG.normal(size=30)[days]
    models = (model("squared_error", SIGNAL, True), model("huber", SIGNAL + 1))
    by_row, _ = judged(COSTS, y, *models)
    blocked = compare(COSTS, models, y, replace(SPLIT, compare_blocks=days))
    assert blocked.rows[1].margin > 3 * by_row.rows[1].margin  # rows of a day repeat each other: about sqrt(100)


def test_raw_predictions_are_the_inverse_of_the_link() -> None:
    p = np.array([0.25, 0.5])
    assert np.array_equal(raw_for("identity", p), p)
    assert raw_for("sigmoid", p)[1] == 0
    assert np.allclose(np.exp(raw_for("exp", p)), p, rtol=4e-16, atol=0)
    assert np.isnan(raw_for("exp", np.array([-1.0]))).all()
    assert raw_for("sigmoid", np.array([0.0, 1.0])).tolist() == [-np.inf, np.inf]


def test_a_constant_is_an_action_without_a_rule() -> None:
    y = SIGNAL + 5
    comparison, _ = judged(COSTS, y, model("squared_error", SIGNAL, True))
    assert comparison.rows[0].contender.rule == AsIs()
    assert comparison.rows[0].contender.constant == float(np.quantile(y[SPLIT.fit], 5 / 6, method="inverted_cdf"))


def test_few_rows_do_not_say_that_no_loss_helps() -> None:
    rng = np.random.default_rng(8)
    y = rng.normal(size=3 * N)
    weak = 0.1 * y + 0.3 * rng.normal(size=3 * N)  # whether this helps cannot be told from 60 rows
    few = replace(SPLIT, compare=SPLIT.compare[:60], compare_blocks=np.arange(60))
    measure = by_cost(UnderOver(1, 1), "cost per row")
    models = (model("squared_error", 0 * y, True), model("huber", weak))
    models = tuple(replace(m, compare=Prediction(m.compare.raw[:60], m.compare.y_pred[:60])) for m in models)
    comparison = compare(measure, models, y, few)
    assert comparison.unsure
    said = say(Telling(comparison, models, "delay", "per row"))
    assert not any("No loss helps" in sentence or "does not matter" in sentence for sentence in said)


def test_the_probabilities_drawn_are_those_of_the_advised_model() -> None:
    rng = np.random.default_rng(5)
    p = rng.beta(0.5, 3.0, size=3 * N)
    y = (rng.uniform(size=3 * N) < p).astype(float)
    measure = by_cost(ErrorCosts(20, 1), "cost per row")
    models = (model("binary_cross_entropy", p, True), model("brier", p))
    telling = Telling(compare(measure, models, y, SPLIT), models, "late", "per row", ("no", "yes"))
    assert telling.chosen.contender.model == 0
    drawn = pictures(telling, y[SPLIT.compare], ErrorCosts(20, 1), ("no", "yes"))[-1]
    assert drawn.caption.startswith("Predicted probability of “yes” under log loss")
