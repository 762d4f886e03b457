"""The shortlist: every candidate fits its target, is a sum over rows, and the costs lead to the right loss."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest

import lossmith as ls
from lossmith.advise.look.aim import Aim, aim_of, estimate_from
from lossmith.advise.look.profile import Profile, profile
from lossmith.advise.models.candidate import Candidate, label, loss_of
from lossmith.advise.models.facts import Prior
from lossmith.advise.models.shortlist import MOST, ROWS, shortlist
from lossmith.algebra.decision import costs_for, costs_from
from lossmith.errors import DataError
from tests.sampling import every

RNG = np.random.default_rng(3)
N = 200
TARGETS: dict[str, Any] = {
    "real": RNG.standard_t(2, size=N),
    "positive": RNG.gamma(2, 3, N),
    "nonnegative": RNG.gamma(2, 3, N) * (np.arange(N) % 3 > 0),
    "count": RNG.negative_binomial(1, 0.3, N),
    "fraction": RNG.random(N),
    "binary": ["no"] * 190 + ["yes"] * 10,
    "class": ["u", "v", "w", "u"] * 50,
    "ordinal": [1, 2, 3, 2] * 50,
}
NUMBERS = ("real", "positive", "nonnegative", "count", "fraction")
COST = "under=5, over=1"
ERRORS = "false_negative=20, false_positive=1"
MATRIX = [[0, 1, 5], [1, 0, 1], [9, 2, 0]]
WISHES: dict[str, tuple[dict[str, Any], ...]] = {
    **{kind: ({}, {"cost": COST}, {"estimate": "median"}, {"estimate": "quantile=0.1,0.9"}) for kind in NUMBERS},
    "binary": ({}, {"cost": ERRORS}, {"cost": "false_negative=stake, false_positive=1"}, {"cost": [[1, 3], [9, 0]]}),
    "class": ({}, {"cost": MATRIX}, {"cost": "column=stake"}),
    "ordinal": ({}, {"cost": MATRIX}),
}
CASES = [(kind, wish) for kind, wishes in WISHES.items() for wish in wishes]


def made(kind: str) -> Profile:
    return profile(pl.DataFrame({"x": [i % 9 for i in range(N)], "y": TARGETS[kind]}), target="y", kind=kind)


def aimed(found: Profile, cost: Any = None, estimate: str | None = None) -> Aim:
    costs = costs_for(costs_from(cost), found.classes) if cost is not None else None
    return aim_of(found, costs, estimate_from(estimate) if estimate else None)


def tried(kind: str, cost: Any = None, estimate: str | None = None, *formulas: Any, **more: Any) -> list[Candidate]:
    found = made(kind)
    return list(shortlist(found, aimed(found, cost, estimate), formulas, **more))


@pytest.mark.parametrize(("kind", "wish"), every(2, CASES))
def test_every_candidate_takes_the_target_and_is_a_sum_over_rows(kind: str, wish: dict[str, Any]) -> None:
    candidates = tried(kind, **wish)
    ours = [c for c in candidates if not c.own]
    assert 3 <= len(ours) <= MOST
    assert [c.is_default for c in candidates] == [True] + [False] * (len(candidates) - 1)
    assert len({label(c) for c in candidates}) == len(candidates)
    y = made(kind).y[:6]
    for candidate in candidates:
        loss = loss_of(candidate)
        assert loss.is_additive
        assert candidate.reason.endswith(".")
        assert "{" not in candidate.reason
        if candidate.loss_name == "ordinal":  # reads the cut points beside a grade
            assert np.isfinite(loss.value(y, np.zeros(6), columns={"low": np.full(6, -1.0), "high": np.full(6, 1.0)}))
        elif kind in ("class", "ordinal") and loss.link == "softmax":
            assert np.isfinite(loss.value(y.astype(np.int64), np.zeros((6, 3))))
        else:
            assert np.isfinite(loss.value(y, np.zeros(6)))


@pytest.mark.parametrize("kind", [*NUMBERS, "binary", "class", "ordinal"])
def test_the_default_is_what_people_use_and_the_librarys_own_is_last(kind: str) -> None:
    candidates = tried(kind)
    usual = {"binary": "binary_cross_entropy", "class": "cross_entropy"}
    assert candidates[0].loss_name == usual.get(kind, "squared_error")
    assert [c.own for c in candidates] == [False] * (len(candidates) - 1) + [True]
    assert not any(c.own for c in tried(kind, model="linear"))


@pytest.mark.parametrize("kind", NUMBERS)
def test_costs_of_five_to_one_lead_to_the_five_sixths_quantile(kind: str) -> None:
    found = tried(kind, COST)
    assert [c.parameters["level"] for c in found if c.loss_name == "quantile"] == [5 / 6, 5 / 6]  # ours and the own
    assert next(c for c in found if c.own).loss_name == "quantile"
    assert "too low costs 5, one too high 1" in next(c for c in found if c.loss_name == "quantile").reason


def test_the_quantile_of_the_costs_is_the_cheapest_constant() -> None:
    found = made("real")
    level = tried("real", {"under": 2.0, "over": 7.0})[1].parameters["level"]

    def cost(prediction: float) -> float:
        miss = found.y - prediction
        return float(np.where(miss > 0, 2.0 * miss, -7.0 * miss).mean())

    assert cost(float(np.quantile(found.y, level, method="inverted_cdf"))) == min(map(cost, found.y))


def test_equal_costs_lean_nowhere() -> None:
    names = [c.loss_name for c in tried("real", {"under": 3.0, "over": 3.0})]
    assert "quantile" not in names
    assert names[-1] == "absolute_error"  # the library's own of the loss that equal costs imply


def test_several_levels_are_one_candidate_of_several_models() -> None:
    several = [c for c in tried("real", None, "quantile=0.1,0.5,0.9") if c.levels]
    assert [c.levels for c in several] == [(0.1, 0.5, 0.9)]


def test_costs_of_errors_weigh_the_log_loss_by_their_ratio() -> None:
    weighed = next(c for c in tried("binary", ERRORS) if c.class_weight)
    loss = loss_of(weighed)
    missed, alarm = loss.per_example(np.array([1.0, 0.0]), np.zeros(2))
    # both are the same log 2 times a weight: one rounding each, one for the quotient, two for the weights
    assert missed / alarm == pytest.approx(20.0, rel=8 * np.finfo(float).eps)


def test_costs_by_row_weigh_the_rows() -> None:
    by_row = [c for c in tried("binary", "false_negative=stake, false_positive=1") if c.by_cost]
    assert [c.loss_name for c in by_row] == ["binary_cross_entropy"]
    assert any(c.by_cost for c in tried("real", "under=5, over=1, column=stake") if c.loss_name == "quantile")
    assert not any(c.by_cost for c in tried("real", COST))


def test_a_rare_class_without_costs_is_balanced() -> None:
    weighed = next(c for c in tried("binary") if c.class_weight)
    assert weighed.class_weight[1] / weighed.class_weight[0] == pytest.approx(19.0)
    balanced = profile(pl.DataFrame({"x": [i % 9 for i in range(200)], "y": ["a", "b"] * 100}), target="y")
    assert not any(c.class_weight for c in shortlist(balanced, aimed(balanced)))


def test_a_matrix_weighs_classes_by_what_errors_about_them_cost() -> None:
    weighed = next(c for c in tried("class", MATRIX) if c.class_weight)
    assert np.array(weighed.class_weight) * (19 / 3) == pytest.approx([6.0, 2.0, 11.0])


def test_parameters_are_about_the_noise_that_a_first_model_leaves() -> None:
    """The target varies by 100 with the features, and by 1 around them: Huber's line belongs at 1.345."""
    signal, noise = 100 * RNG.normal(size=4_000), RNG.normal(size=4_000)
    found = profile(pl.DataFrame({"x": signal, "y": signal + noise}), target="y")
    without, with_first = (
        next(c for c in shortlist(found, aimed(found), first=first) if c.loss_name == "huber").parameters["delta"]
        for first in (None, Prior(signal + noise, signal))
    )
    assert without > 50
    assert with_first == pytest.approx(1.345, rel=0.08)  # a median of 4,000 rows: four standard errors of 1.8 %


# Losses of the user's -----------------------------------------------------------------------------------------------


def test_names_and_formulas_are_tried_as_well() -> None:
    found = tried("real", COST, None, "where(y>z, 5, 1)*abs(y-z)", "log_cosh")
    asked = [c for c in found if c.reason == "You asked for it."]
    assert [(c.loss_name if c.formula is None else c.formula) for c in asked] == [
        "where(y>z, 5, 1)*abs(y-z)",
        "log_cosh",
    ]


def test_a_loss_that_is_on_the_list_is_not_tried_twice() -> None:
    assert len(tried("real", None, None, "squared_error")) == len(tried("real"))


def test_weights_inside_a_formula_are_known() -> None:
    found = tried("binary", ERRORS, None, "-20*y*log(p) - (1-y)*log(1-p)")
    weights = next(c for c in found if c.formula).corrects
    assert weights[1] / weights[0] == pytest.approx(20.0)
    assert next(c for c in tried("binary", ERRORS, None, "(y-p)**2") if c.formula).corrects == ()


@pytest.mark.parametrize(
    ("kind", "text", "words"),
    [
        ("real", "sqared_error", "sqared_error"),
        ("real", "abs(y-", "cannot be tried"),
        ("real", "q*abs(y-z)", "q"),
        ("real", "rmse", "no sum over rows"),
        ("real", "__import__('os')", "cannot be tried"),
        ("binary", "dice", "no sum over rows"),
        ("class", "squared_error", "cannot be tried"),
        ("real", "ordinal", "cannot be tried"),
    ],
)
def test_a_loss_that_cannot_be_tried_is_refused_in_one_sentence(kind: str, text: str, words: str) -> None:
    with pytest.raises(DataError, match="LM515") as caught:
        tried(kind, None, None, text)
    said, *drawn = str(caught.value).splitlines()
    assert words in said
    assert drawn == [] or (drawn[0].strip() == text and drawn[1].strip() == "^")  # where in the formula it is


def test_every_row_of_the_table_names_a_loss_of_the_catalogue() -> None:
    assert {row.loss_name for row in ROWS} <= set(ls.names())


def test_no_loss_is_listed_for_a_kind_twice_with_the_same_parameters() -> None:
    for kind, wish in CASES:
        ours = [c for c in tried(kind, **wish) if not c.own]
        keys = [(c.loss_name, tuple(c.parameters.items()), c.class_weight, c.by_cost, c.levels) for c in ours]
        assert len(set(keys)) == len(keys)


def test_designs_and_losses_are_tried_as_well() -> None:
    made = ls.get("bce").modulate(gamma=1).smooth(0.1)
    texts = ("bce.modulate(gamma=3)", "(-y*log(p) - (1-y)*log(1-p)).truncate(tau=3)", made.to_json())
    found = [c for c in tried("binary", ERRORS, None, *texts, made) if c.formula]
    assert [label(c) for c in found] == [*texts[:2], made.name]  # a loss and its JSON are the same candidate
    assert loss_of(found[0]) == ls.get("focal", gamma=3)
    assert loss_of(found[2]) == made
    assert all(c.reason == "You asked for it." for c in found)


def test_class_weights_of_a_design_are_known() -> None:
    (found,) = (c for c in tried("binary", ERRORS, None, "bce.reweight({0: 1, 1: 20})") if c.formula)
    assert found.corrects == (1.0, 20.0)


@pytest.mark.parametrize("text", ["bce.reweight('balanced')", "bce.adjust()", "bce.reweight(effective_number(0.99))"])
def test_what_a_design_needs_of_the_data_is_found_from_all_targets(text: str) -> None:
    (found,) = (c for c in tried("binary", ERRORS, None, text) if c.formula)
    assert loss_of(found) == ls.parse(text).fit(made("binary").y)
    assert label(found) == text


REFUSED = [
    ("mse.truncate(3)", "kind real"),
    ("bce.select(top=0.2)", "no sum over rows"),
    ("bce.temper(2)", "no saved model"),
    ("bce.mask('known')", "extra columns"),
    ("bce.modulat(2)", 'Did you mean "modulate"'),
    ('{"lossmith": 1}', "JSON"),
    (ls.get("mse").flood(1.0), "kind real"),
]


@pytest.mark.parametrize(("given", "words"), REFUSED, ids=[str(row[0])[:30] for row in REFUSED])
def test_a_design_that_no_study_can_try_is_refused(given: Any, words: str) -> None:
    with pytest.raises(DataError, match="LM515") as caught:
        tried("binary", ERRORS, None, given)
    assert words in str(caught.value)
