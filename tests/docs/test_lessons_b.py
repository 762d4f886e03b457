"""Lessons 8 to 14: the numbers of the pages, by the mathematics that the pages derive, and the claims of their texts."""

from __future__ import annotations

import importlib.util
import math
import sys
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

LESSONS = Path(__file__).parents[2] / "docs" / "lessons"


@cache
def lesson(number: int) -> ModuleType:
    """The `computed.py` of a lesson."""
    (folder,) = LESSONS.glob(f"{number:02d}_*")
    spec = importlib.util.spec_from_file_location(f"tested_lesson_{number}", folder / "computed.py")
    assert spec is not None and spec.loader is not None
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def english(en: str, ko: str) -> str:
    return en


@cache
def everything(number: int) -> dict[str, Any]:
    """All values of a lesson."""
    values: dict[str, Any] = lesson(number).computed(english)
    return values


# 8 --------------------------------------------------------------------------------------------------------------------


def test_a_smoothed_row_rests_where_its_probabilities_are_the_smoothed_target() -> None:
    found = lesson(8).smoothing_by_hand(english)
    assert math.isclose(found["best_gap"], math.log(0.91 / 0.01))
    assert found["gradient_at_gap"] < 1e-15
    entropy = -(0.91 * math.log(0.91) + 9 * 0.01 * math.log(0.01))
    assert math.isclose(found["floor"], entropy, rel_tol=1e-12)
    assert math.isclose(found["plain_at_gap"], -math.log(0.91), rel_tol=1e-12)


def test_focal_loss_says_what_balances_its_two_pulls() -> None:
    found = lesson(8).focal_by_hand(english)
    p, gamma, share = found["told_rare"], found["gamma"], found["rare"]

    def slope(q: float) -> float:  # of -(1 - q)^gamma ln q
        return float(gamma * (1 - q) ** (gamma - 1) * math.log(q) - (1 - q) ** gamma / q)

    assert math.isclose(share * slope(p), (1 - share) * slope(1 - p), rel_tol=1e-6)
    assert math.isclose(found["told_half"], 0.5, rel_tol=1e-9)
    assert math.isclose(found["ratio_focal"], found["ratio_usual"] * 0.9**2 / 0.1**2, rel_tol=1e-9)
    (line,) = (line for line in found["told_picture"].lines if line.label == "γ = 0")
    assert np.allclose(line.x, line.y, rtol=1e-12)


def test_dice_of_four_pixels_is_the_fraction_on_the_page() -> None:
    found = lesson(8).dice_by_hand()
    assert math.isclose(found["dice_hand"], 1 - (2 * 0.6 + 1) / 3)


@pytest.mark.corpus
def test_what_lesson_8_claims_of_its_measurements() -> None:
    found = everything(8)
    late, early, clean = found["noisy_late"], found["noisy_early"], found["clean_late"]
    gain = early["0.4"]["gain"]
    assert gain["mean"] > gain["half"]  # stopped early, smoothing helps
    assert abs(late["0.4"]["gain"]["mean"]) < late["0.4"]["gain"]["half"]  # later it does not
    assert late["0.2"]["apart"]["mean"] < late["0.0"]["apart"]["mean"] / 2  # but it tames the confidence
    assert early["0.0"]["right"]["mean"] > late["0.0"]["right"]["mean"]
    assert clean["0.1"]["apart"]["mean"] > clean["0.0"]["apart"]["mean"]
    assert abs(clean["0.1"]["gain"]["mean"]) < clean["0.1"]["gain"]["half"]
    assert abs(found["focal"]["gain"]["mean"]) < found["focal"]["gain"]["half"] and found["inflation"] > 1.5
    segment = found["segment"]
    assert segment["dice"]["gain_half"]["low"] > 0
    assert abs(segment["dice"]["gain_best"]["mean"]) < segment["dice"]["gain_best"]["half"]
    assert segment["dice"]["log_loss"]["mean"] > 1.5 * segment["cross entropy"]["log_loss"]["mean"]
    usual = segment["cross entropy"]
    assert (
        usual["threshold"]["high"] < found["half_of_best"] and usual["ink"]["low"] > usual["told"]["mean"]
    )  # why lower
    assert found["by_heart"]["late"]["0.0"] > 0.99 > 0.5 > found["by_heart"]["early"]["0.0"]


# 9 --------------------------------------------------------------------------------------------------------------------


def test_one_step_does_what_the_two_terms_of_taylor_say() -> None:
    found = lesson(9).by_hand()
    assert (found["hand_start"], found["hand_slope"], found["hand_bend"]) == (10.0, -10.0, 5.0)
    assert math.isclose(found["hand_first"] + found["hand_second"], found["hand_actual"], rel_tol=1e-12)
    assert found["hand_edge"] == 2 * found["hand_best_rate"] == 0.4
    for rate, factor, first, second, _, _ in found["hand_rows"]:
        assert math.isclose(2 - second, factor * (2 - first), abs_tol=1e-12)
        assert math.isclose(first, 10 * rate)


def test_what_lesson_9_claims_of_its_measurements() -> None:
    found = everything(9)
    assert math.isclose(found["edge"], found["measured_edge"], rel_tol=1e-6)
    assert found["taylor_worst"] < 1e-8
    assert np.allclose(found["order_ratios"], (4, 8), rtol=0.05)
    assert found["past_lowest"] < found["past_first"] < found["past_last"] and found["past_lowest_step"] > 0
    assert found["past_tenth"] > found["past_lowest"]
    assert found["steps_slow"] > 20 * found["steps_good"] and found["units_steps"] > 5 * found["steps_good"]
    assert math.isclose(found["sum_ratio"], found["rows"], rel_tol=1e-9)
    diverging = lesson(9).path(1.3)[1]
    assert (np.diff(diverging[1:]) > 0).all()
    assert (
        0.5 <= found["found_share"] < 1 and found["found_steps"] <= found["steps_near"]
    )  # a rate without the curvature
    assert (
        found["long_steps"] == len(lesson(9).path(1.05, found["long_steps"])[1]) - 1
    )  # the run was not given up before


# 10 -------------------------------------------------------------------------------------------------------------------


def test_the_chain_rule_by_hand_is_the_derivative() -> None:
    net = lesson(10).one_pass()
    assert math.isclose(net["by_z2"], net["p"] - 1, rel_tol=1e-12)
    assert net["difference_error"] < 1e-6  # finite differences with a step of 1e-6 on a loss near 1
    assert math.isclose(net["by_z1"][0], net["by_a1"][0] * (1 - net["a1"][0] ** 2), rel_tol=1e-12)


def test_back_propagation_costs_a_few_losses_however_large_the_network_is() -> None:
    found = lesson(10).costs(english)
    assert 2 < found["ratio_reverse"] < 4
    assert math.isclose(found["ratio_differences"], found["cost_weights"] + 1, rel_tol=0.02)


def test_no_line_solves_xor_and_a_hidden_layer_does() -> None:
    found = everything(10)
    assert found["partings"] == 14 and not found["xor_among_them"] and found["most_right"] == 3
    assert found["square_weights"] == [0.0, 0.0, 0.5] and math.isclose(found["square_loss"], 0.25)
    assert found["log_gradient"] == 0 and math.isclose(found["log_loss"], math.log(2))
    assert found["solved_loss"] < 0.01
    assert found["straight_solved"] == 0 and math.isclose(found["straight_loss"], math.log(2), rel_tol=1e-6)
    assert found["solved"]["1"] == 0 < found["solved"]["2"] < found["solved"]["3"] <= found["solved"]["4"]


# 11 -------------------------------------------------------------------------------------------------------------------


def test_softmax_sums_to_one_ignores_a_shift_and_is_the_sigmoid_for_two() -> None:
    found = lesson(11).softmax(english)
    exact = np.exp(found["soft_z"]) / np.exp(found["soft_z"]).sum()
    assert np.allclose(found["soft_p"], exact, rtol=1e-15) and np.allclose(found["soft_safe"], exact, rtol=1e-15)
    assert abs(found["soft_sum"] - 1) <= 2**-52 and found["soft_apart"] == 0
    assert math.isclose(found["soft_two"], found["soft_sigmoid"], rel_tol=1e-15)
    assert found["soft_naive_bad"] == 3


def test_what_lesson_11_claims_of_its_measurements() -> None:
    found = everything(11)
    assert found["sigmoid_largest"] == 0.25 and found["sigmoid_power"] == 0.25**10
    share = found["share"]
    assert share["sigmoid_xavier"] < 1e-9 and 0.2 < found["per_layer_sigmoid"] < 0.25
    assert 0.3 < share["ReLU_he"] < 3 and 0.3 < share["ReLU_xavier"] / 0.5**9.5 < 3
    high = found["dying_high"]
    assert high["least"] > 0.7 > 0.2 > found["dying_low"]["dead"] and high["loss"] > 1
    assert 0 < high["cured"] < found["starts"] and high["leaky_worst"] > found["guess"]  # a leak cures some, not all
    assert found["cured_loss"] < high["low_enough"]
    steps = found["race_steps"]
    assert steps["tanh"] < steps["ReLU"] < steps["sigmoid"]
    deep = found["deep_steps"]
    assert deep["tanh"] < deep["silu"] <= deep["gelu"] < deep["relu"] < found["deep_budget"] < deep["sigmoid"]


# 12 -------------------------------------------------------------------------------------------------------------------


def test_costs_make_a_quantile_the_best_answer() -> None:
    module = lesson(12)
    best = float(module.COSTS.loss.best_constant(module.DELAYS))
    tried = {c: module.COSTS.cost(module.DELAYS, np.full(6, c)) for c in np.linspace(-20, 80, 401)}
    assert module.COSTS.cost(module.DELAYS, np.full(6, best)) <= min(tried.values()) + 1e-9
    assert np.mean(np.array(module.DELAYS) <= best) >= 5 / 6 - 1e-12


def test_the_designed_loss_pulls_as_its_derivative_says() -> None:
    module = lesson(12)
    errors = np.array([1.0, 10.0, 100.0])
    pulls = module.NEAR_LOSS.per_example_gradient(np.zeros(3), errors)
    assert np.allclose(pulls, 10 / (10 + errors) ** 2, rtol=1e-14)
    phrase = module.ABSOLUTE.error_weight("1 / (10 + abs(e))")  # the one of the text
    assert np.allclose(pulls, phrase.per_example_gradient(np.zeros(3), errors), rtol=1e-14)


@pytest.mark.corpus
def test_what_lesson_12_claims_of_its_measurements() -> None:
    found = everything(12)
    assert (
        found["within_gain"]["mean"] > found["within_gain"]["half"] and found["root"]["near"] > found["root"]["squared"]
    )
    assert found["saved_by_shift"]["mean"] > 0.8 * found["saved"]["mean"] > 0
    assert found["saved_beyond_shift"]["mean"] > found["saved_beyond_shift"]["half"]
    assert found["adjusted_over_balanced"]["low"] > 0
    assert found["within_wider"] > found["within"]["near"] > found["within"]["squared"]
    assert math.isclose(*found["cost_at_ends"], rel_tol=1e-12)
    assert found["tasks"]["fixed"]["digit"] > 1.5 > 1.2 > found["tasks"]["initial_magnitude"]["digit"]
    assert max(found["tasks"][k]["ink"] for k in found["tasks"]) < 1.15


def test_average_precision_is_that_of_scikit_learn() -> None:
    from docs.lessons.measuring import average_precision
    from sklearn.metrics import average_precision_score

    rng = np.random.default_rng(0)
    truth, raw = rng.random(200) < 0.1, rng.normal(size=200)
    assert math.isclose(average_precision(truth, raw), average_precision_score(truth, raw), rel_tol=1e-12)


# 13 -------------------------------------------------------------------------------------------------------------------


def test_mining_keeps_the_hardest_and_divides_by_their_number() -> None:
    found = lesson(13).by_hand(english)
    kept = [row for row in found["hand_table"].rows if row[4] == "yes"]
    assert [row[0] for row in kept] == [1, 2, 3, 4]
    assert math.isclose(found["hand_mined"], sum(row[3] for row in kept) / 4, rel_tol=1e-12)
    assert all(math.isclose(row[6], 2 * row[5]) for row in kept)
    assert math.isclose(found["blind_told"], 1 / (1 + found["ratio"]), rel_tol=1e-6)


@pytest.mark.corpus
def test_what_lesson_13_claims_of_its_measurements() -> None:
    every = everything(13)
    found = every["mined"]
    gain = found["negatives"]["right_gain"]
    assert 0 < gain["mean"] < 2 * gain["half"]  # barely told from chance, if at all
    assert -found["negatives"]["missed_gain"]["mean"] > found["negatives"]["missed_gain"]["half"]
    assert math.isclose(found["plain"]["first"][2], every["empty_share"]) and found["plain"]["later"][2] < 0.1
    assert found["negatives"]["right_curve"][0] > 0.9 > 0.1 > found["plain"]["right_curve"][0]
    assert math.isclose(found["negatives"]["said"], every["true_share"], rel_tol=0.1)
    assert found["focal"]["right_gain"]["high"] < gain["mean"]  # hardly anything
    assert abs(found["focal"]["missed_gain"]["mean"]) < found["focal"]["missed_gain"]["half"]
    assert every["faster"]["high"] < 0 < every["slower"]["high"]  # the step has its part in the harm
    assert abs(every["early_lead"]) < 0.03  # and, with the start, nearly all of the head start
    assert every["trim"]["high"] < every["true_share"]


# 14 -------------------------------------------------------------------------------------------------------------------


def test_the_first_table_shows_the_summary_that_each_loss_stands_for() -> None:
    module = lesson(14)
    assert module.best("squared_error", module.SAMPLE) == pytest.approx([4.0])
    assert module.best("absolute_error", module.SAMPLE) == (2.0,)
    assert module.best("gamma", module.POSITIVE) == pytest.approx([3.75])
    assert module.best("cross_entropy", module.CLASSES) == pytest.approx([0.5, 0.25, 0.25])


def test_the_threshold_from_the_costs_saves_money_on_tumours() -> None:
    found = lesson(14).by_cost(english)
    assert found["level"] == 1 / 21
    assert found["missed_rule"] < found["missed_half"]
    assert found["saved"]["mean"] > found["saved"]["half"]
    assert -found["rule_against_weights"]["mean"] > found["rule_against_weights"]["half"]
    assert found["near_told"] > 1.5 * found["near_true"] and found["near_chance"] > 0.05  # chance may have done it


def test_the_chance_of_few_events_is_the_binomial_one_where_all_are_alike() -> None:
    from scipy.stats import binom

    assert math.isclose(lesson(14).at_most(3, np.full(61, 0.1)), binom.cdf(3, 61, 0.1), rel_tol=1e-12)


@pytest.mark.corpus
def test_what_lesson_14_claims_of_its_study() -> None:
    found = everything(14)
    assert found["study_clear"] == 0 and found["study_least"]["gain"] < found["study_least"]["margin"]
    assert found["study_gap"] > 20 and found["delay_median"] < 0 < found["delay_mean"]
