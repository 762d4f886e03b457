"""Lessons 1 to 7: what their pages print is what the mathematics says, in either language."""

from __future__ import annotations

import importlib.util
import math
import re
import sys
from collections.abc import Callable
from functools import cache
from inspect import signature
from itertools import pairwise
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from lossmith.report.pages.chart import Bars, Chart, Table

LESSONS = Path(__file__).parents[2] / "docs" / "lessons"
SLUGS = (
    "01_learning",
    "02_why_not_accuracy",
    "03_squared_and_absolute",
    "04_cross_entropy",
    "05_noise_models",
    "06_after_a_sigmoid",
    "07_best_constants",
)
# A few roundings of float64, of sums of a few terms.
ROUNDINGS = 16 * float(np.finfo(np.float64).eps)


@cache
def lesson(slug: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"tested_{slug}", LESSONS / slug / "computed.py")
    assert spec is not None and spec.loader is not None
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def english(en: str, ko: str) -> str:
    return en


def parts(slug: str, *names: str) -> dict[str, Any]:
    """Some of the functions that `computed` joins, in English: the quick ones."""
    found: dict[str, Any] = {}
    for name in names:
        function: Callable[..., dict[str, Any]] = getattr(lesson(slug), name)
        found |= function(english) if signature(function).parameters else function()
    return found


def close(found: float, expected: float) -> bool:
    return abs(found - expected) <= ROUNDINGS * max(1.0, abs(expected))


def test_one_step_by_hand_is_the_chain_rule():
    page = parts("01_learning", "by_hand")
    slope = sum(2 * (x - y) * x for x, y in zip(page["hand_x"], page["hand_y"], strict=True)) / 3
    assert close(page["hand_slope"], slope)
    assert close(page["hand_moved"], 1 - 0.1 * slope)
    assert close(page["hand_loss"], 14 / 3)
    assert close(page["hand_after"], 14 / 3 * (2 - page["hand_moved"]) ** 2)


def test_rmse_and_dice_of_cut_batches_are_not_those_of_the_whole_and_added_sums_are():
    page = parts("01_learning", "cut_rmse", "cut_dice")
    assert (page["rmse_mean"], page["rmse_whole"], page["rmse_added"]) == (4.0, 5.0, 5.0)
    assert (page["mse_whole"], page["mse_added"], page["unequal_mean"]) == (25.0, 25.0, 33.0)
    assert page["rmse_pulls_whole"] == "[0.05, 0.05, 0.35, 0.35]"
    assert close(page["dice_mean"], 2 / 3)
    assert (page["dice_whole"], page["dice_added"]) == (0.5, 0.5)


def test_rmse_of_single_rows_learns_the_median_and_of_all_rows_the_mean():
    module = lesson("01_learning")
    y = np.array([0.0, 1.0, 2.0, 3.0, 20.0])
    # A search by thirds stops where the values agree to their last bit, so the place is good to the root of that.
    assert abs(module.best_for_batches(y[:, None]) - 2.0) < 1e-6
    assert abs(module.best_for_batches(y[None, :]) - y.mean()) < 1e-6


def test_the_gradient_of_the_deep_net_is_the_change_of_its_loss():
    module = lesson("01_learning")
    rng = np.random.default_rng(3)
    x, y, sizes = rng.normal(size=(6, 2)), np.array([0, 1, 2, 0, 1, 2]), (2, 4, 4)
    params = [rng.normal(size=(a + 1, b)) for a, b in pairwise(sizes)]
    params += [rng.normal(size=(5, 3)), rng.normal(size=(5, 3))]

    def total(first: np.ndarray) -> float:
        moved = [first, *params[1:]]
        hidden = module.sigmoid(module.with_one(x) @ first)
        side = module.CROSS_ENTROPY.value(y, module.with_one(hidden) @ moved[-1])
        return float(module.net_gradients(moved, x, y, 0.0)[0] + 0.3 * side)

    gradient = module.net_gradients(params, x, y, 0.3)[1][0]
    step = np.zeros_like(params[0])
    step[1, 2] = 1e-5
    # Central differences are wrong by about the square of the step.
    assert abs((total(params[0] + step) - total(params[0] - step)) / 2e-5 - gradient[1, 2]) < 1e-8


def test_an_auxiliary_head_saves_steps_and_no_step_is_too_long():
    module = lesson("01_learning")
    (plain_pull, plain), (helped_pull, helped) = (module.deep_run(1, weight) for weight in (0.0, module.AUXILIARY))
    assert helped_pull > 100 * plain_pull
    assert len(helped) < 0.9 * len(plain)
    assert len(plain) < module.MOST_STEPS
    # Where the steps are too long, at rate 1, the loss of one start jumps by 0.6.
    assert all(later < earlier + 0.001 for losses in (plain, helped) for earlier, later in pairwise(losses[10:]))


def test_accuracy_does_not_move_and_the_same_accuracy_has_two_losses():
    page = parts("02_why_not_accuracy", "by_hand", "stuck")
    assert page["hand_right"] == page["hand_right_too"] == 0.75
    assert close(page["hand_timid_loss"], -(3 * math.log(0.6) + math.log(0.4)) / 4)
    assert close(page["hand_sure_loss"], -(3 * math.log(0.9) + math.log(0.4)) / 4)
    assert page["wrong_moved"] == 0.0
    assert page["wrong_right"] == page["start_right"] < page["log_right"]


def test_loss_rises_while_accuracy_stays():
    moments = lesson("02_why_not_accuracy").long_training()
    best, end = min(moments, key=lambda moment: moment.test), moments[-1]
    assert best.step < end.step
    assert end.test > 1.3 * best.test
    assert abs(end.right - best.right) < 0.01
    assert end.sure > end.right
    assert end.train < best.train


def test_certainty_is_told_from_chance_by_the_mistakes_it_predicts():
    module = lesson("02_why_not_accuracy")
    moments = module.long_training()
    found = module.told(min(moments, key=lambda moment: moment.test), moments[-1])
    assert abs(found["best_wrong"] - found["best_expected"]) < found["best_spread"]
    assert found["end_wrong"] > found["end_expected"] + 3 * found["end_spread"]
    assert 0 < found["changed"] < 10
    assert close(found["rise"], moments[-1].test - min(moment.test for moment in moments))


def test_a_smooth_accuracy_learns_and_lets_go_of_the_rows_that_are_most_wrong():
    page = parts("02_why_not_accuracy", "stuck")
    p = 1 / (1 + math.exp(10))
    assert page["start_right"] < page["smooth_right"] < page["log_right"]
    assert close(page["smooth_pull"] / (p * (1 - p)), 1.0)
    assert close(page["log_pull"], 1 - p)


def test_five_rows_half_a_sum_and_the_edge_of_the_learning_rate():
    page = parts("03_squared_and_absolute", "by_hand", "half_and_sum", "perfect_fit")
    assert (page["hand_half"], page["notes_mse"], page["hand_sum"]) == (5.5, 5.5, 11.0)
    assert close(page["hand_mse"], 2.2)
    assert close(page["hand_rmse"], math.sqrt(2.2))
    assert close(page["small_end"], 0.6**10)
    assert close(page["large_end"], 2.2**10)
    assert page["fit_ours"] == [0.0] * 4
    assert page["fit_plain"] == "nan"
    assert close(page["fit_far"], 1 / math.sqrt(4))
    # RMSE moves by rate / n a step, and so to and fro across zero; sixty steps each round once at size 2.
    assert abs(page["fit_rmse_low"] + page["fit_rmse_high"] - page["fit_hop"]) < 60 * ROUNDINGS
    # The rows differ from the answers by 1e-9 with a rounding of 1e-16, so their directions are good to 1e-7.
    assert abs(page["fit_near"] - 0.5) < 1e-6


def test_the_worked_numbers_of_cross_entropy():
    page = parts("04_cross_entropy", "surprise", "yes_or_no", "classes", "distributions", "soft_and_perfect")
    printed = {
        "nine_in_ten": 0.10536051565782628,
        "binary_mean": 0.34861267989136313,
        "classes_mean": 0.8634223884819422,
        "better_first": 0.5108256237659907,
        "better_mean": 0.6323733282952938,
        "cross_uniform": 2 * math.log(2),
        "kl_uniform": 0.25 * math.log(2),
        "entropy": 1.75 * math.log(2),
        "entropy_bits": 1.75,
        "soft_cost": -0.5 * math.log(0.09),
        "soft_notes": math.log(2),
        "perfect": 0.0,
    }
    assert [name for name, value in printed.items() if not close(page[name], value)] == []
    assert close(page["cross_swapped"] - page["entropy"], page["kl_swapped"])
    assert close(page["raw_binary"], page["raw_classes"])
    assert page["perfect_notes"] == "nan"


def test_the_best_constant_of_cross_entropy_costs_the_entropy():
    page = parts("04_cross_entropy", "trained")
    assert close(page["wine_constant"], page["wine_entropy"])
    assert page["wine_end"] < page["wine_unseen"] < page["wine_constant"] < page["wine_start"]
    assert close(page["wine_bits"] * math.log(2), page["wine_entropy"] - page["wine_unseen"])
    assert close(page["many_start"], math.log(10))


def test_minus_the_log_density_is_the_loss_and_a_constant():
    page = parts("05_noise_models", "by_hand")
    assert page["hand_half_sum"] == 2.5
    assert close(page["hand_sum"], 2.5 + 1.5 * math.log(2 * math.pi))
    rows = lesson("05_noise_models").matched()
    assert len(rows) == 6
    # SciPy and we each round a few times, at sizes up to some hundred.
    assert max(row[-1] for row in rows) < 1e-12


def test_the_right_noise_explains_its_data_best_and_finds_the_centre_best():
    found = lesson("05_noise_models").generated()
    assert found["gaussian_under_gaussian"] < found["gaussian_under_laplace"]
    assert found["laplace_under_laplace"] < found["laplace_under_gaussian"]
    # 2,000 samples: the spreads are known to 2 %; in the limit the mean is better by 25 %, the median by 41 %.
    assert found["gaussian_median"] > 1.1 * found["gaussian_mean"]
    assert found["laplace_mean"] > 1.1 * found["laplace_median"]


def test_under_heavy_tails_more_rows_do_not_close_the_gap_between_mean_and_median():
    few, many = (lesson("05_noise_models").typical_miss(1.64, rows) for rows in (50, 800))
    assert few[0] > 1.5 * few[1]
    assert many[0] / many[1] > 1.2 * few[0] / few[1]


def test_the_sigmoid_cancels_under_cross_entropy_alone():
    page = parts("06_after_a_sigmoid", "by_hand", "softmax")
    p = 1 / (1 + math.exp(10))
    assert close(page["wrong_cross"], p - 1)
    assert close(page["wrong_squared"] / (2 * p * (1 - p) * (p - 1)), 1.0)
    assert page["bend_squared"] < 0 < page["bend_cross"]
    assert page["softmax_ratio"] > 1000


def test_a_wrong_start_is_left_under_cross_entropy_and_hardly_under_squared_error():
    wrong = lesson("06_after_a_sigmoid").tumours(lesson("06_after_a_sigmoid").WEIGHT)
    assert wrong["cross"][0] == wrong["squared"][0]
    assert wrong["cross"][-1][0] > 0.95
    assert wrong["squared"][-1][0] < 0.5


def test_a_larger_rate_makes_up_for_a_flat_place():
    module = lesson("06_after_a_sigmoid")
    assert module.tumours(module.WEIGHT, 10.0)["squared"][-1][0] > 0.95
    assert min(module.tumours(module.WEIGHT, rate)["cross"][-1][0] for rate in (1.0, 10.0)) > 0.95


def test_on_the_renumbered_irises_the_line_fails_though_its_loss_falls_at_every_step():
    losses, curve_right = lesson("06_after_a_sigmoid").iris_curve()
    assert all(later < earlier for earlier, later in pairwise(losses))
    assert curve_right > 0.8


def test_class_numbers_and_targets_that_are_no_probabilities():
    page = parts("06_after_a_sigmoid", "wrong_task")
    assert page["number_swapped"] < page["number_usual"] - 20
    assert page["classes_swapped"] == page["classes_usual"]
    assert page["pushes"] == [-1.5, -4.5, 0.0]
    assert page["refusal"].startswith("LM218")
    assert close(page["fraction_best"], page["fraction_mean"])


def test_each_constant_is_the_statistic_that_the_proof_names():
    module = lesson("07_best_constants")
    found, known = module.constants(101), module.statistics(101)
    # A minimum is found where the slope changes sign, to a few roundings of the constant.
    assert [key for key, value in known.items() if abs(found[key] / value - 1) > 1e-9] == []
    assert found["absolute"] < found["huber"] < found["squared"]
    y, c = module.late(101), found["expectile"]
    assert abs(0.9 * (y[y > c] - c).sum() / (0.1 * (c - y[y < c]).sum()) - 1) < 1e-9


def test_log_odds_are_the_best_constant_of_cross_entropy_and_focal_loss_says_another_probability():
    page = parts("07_best_constants", "by_hand", "yes_or_no", "wines")
    assert (page["hand_mean"], page["hand_median"]) == (10.0, 3.0)
    assert abs(page["raw_log"] - page["log_odds"]) < 1e-12
    assert abs(page["said_brier"] - page["share"]) < 1e-12
    assert abs(page["said_focal"] - 0.5) < abs(page["share"] - 0.5)
    assert page["said_plain"] == 0.0
    assert page["wine_said"] == [round(count / 178, 4) for count in page["wine_counts"]]


@pytest.mark.parametrize("slug", SLUGS)
def test_both_texts_use_the_same_values_and_every_picture(slug):
    """Every name of a picture or table stands in both texts, and both name the same values."""
    texts = [(LESSONS / slug / f"{language}.md").read_text(encoding="utf-8") for language in ("en", "ko")]
    names = [set(re.findall(r"\{\{ ?(\w+)", text)) for text in texts]
    assert names[0] == names[1]
    source = (LESSONS / slug / "computed.py").read_text(encoding="utf-8")
    shown = set(re.findall(r'"(\w+)": (?:Chart|Bars|Surface|Table)\(', source))
    assert shown
    assert shown <= names[0]


def test_pictures_speak_the_language_of_the_page():
    korean = lesson("04_cross_entropy").distributions(lambda en, ko: ko)
    assert isinstance(korean["parts_picture"], Bars)
    assert isinstance(korean["parts_table"], Table)
    assert korean["parts_picture"].title == "교차 엔트로피와 그 두 부분"
    assert isinstance(lesson("04_cross_entropy").surprise(english)["surprise_picture"], Chart)
