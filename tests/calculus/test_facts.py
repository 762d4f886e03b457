"""What a loss estimates is read off its gradient: for shipped losses, and for formulas that nobody shipped."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from lossmith import maths as ls
from lossmith.calculus.facts import additive, facts, functional, shape, smooth, strictly_convex
from lossmith.catalogue import LOSSES, find
from lossmith.formula.definition import Definition
from lossmith.formula.trace import define

NAMED = {
    "squared_error": "mean",
    "half_squared_error": "mean",
    "sum_of_squares_half": "mean",
    "rmse": "mean",
    "absolute_error": "median",
    "huber": "not named yet",
    "log_cosh": "not named yet",
    "quantile": "median",
    "expectile": "mean",
    "poisson": "mean",
    "gamma": "mean",
    "binary_cross_entropy": "probability",
    "brier": "probability",
    "focal": "not named yet",
    "cross_entropy": "probability",
    "label_smoothed_cross_entropy": "not named yet",
    "softmax_focal": "not named yet",
    "dice": "not named yet",
    "tversky": "not named yet",
    "distribution_cross_entropy": "probability",
    "kl_divergence": "probability",
}


def estimated(definition: Definition, **parameters: float) -> str:
    return functional(definition, parameters).value.text


def formula(function: Callable[..., Any], target: str = "real", **declared: Any) -> Definition:
    return define(target=target, name="formula", **declared)(function)


@pytest.mark.parametrize("name", NAMED)
def test_the_functional_of_a_shipped_loss_at_its_defaults(name: str) -> None:
    assert estimated(find(name)) == NAMED[name]


@pytest.mark.parametrize("level", [0.01, 0.25, 0.83, 0.999])
def test_the_level_of_a_quantile_and_of_an_expectile_is_recovered(level: float) -> None:
    assert functional(find("quantile"), {"level": level}).value.level == level
    assert functional(find("expectile"), {"level": level}).value.level == level


def test_costs_of_five_to_one_make_the_quantile_of_five_sixths() -> None:
    found = functional(formula(lambda y, z: ls.where(y > z, 5, 1) * abs(y - z)))
    assert (found.value.name, found.value.level, found.evidence) == ("quantile", 5 / 6, "sampled")
    assert found.points > 100


@pytest.mark.parametrize(
    ("definition", "expected"),
    [
        (formula(lambda y, z: 3 * (y - z) ** 2), "mean"),
        (formula(lambda y, z: y**2 - 2 * y * z + z**2), "mean"),
        (formula(lambda y, z, cost: cost * (y - z) ** 2, columns=("cost",)), "mean"),
        (formula(lambda y, z: ls.maximum(3 * (y - z), z - y)), "quantile 0.75"),
        (formula(lambda y, p: abs(y - p), "positive", link="exp"), "median"),
        (formula(lambda y, p: y / p - ls.log(y / p) - 1, "positive", link="softplus"), "mean"),
        (formula(lambda y, p: 2 * p**0.5 + 2 * y * p**-0.5, "nonnegative", link="exp"), "mean"),
        (formula(lambda y, z: ls.exp(z) - y * z, "count"), "mean (of the raw prediction through exp)"),
        (
            formula(lambda y, z: y * ls.softplus(-z) + (1 - y) * ls.softplus(z), "binary"),
            "probability (of the raw prediction through sigmoid)",
        ),
        (
            formula(lambda y, z: ls.log(1 + ls.exp(-(2 * y - 1) * z)), "binary"),
            "probability (of the raw prediction through sigmoid)",
        ),
        (formula(lambda y, p: (y - p) ** 2, "binary", link="probit"), "probability"),
        (formula(lambda y, p: (y - p) ** 2, "binary", link="sigmoid", per="class"), "probability"),
        (formula(lambda y, p: ls.sqrt(ls.mean((y - p) ** 2)), "binary", link="sigmoid", per="class"), "not named yet"),
        (
            formula(lambda y, p, r=2.0: (y + r) * ls.log(r + p) - y * ls.log(p), "count", link="exp"),
            "mean",
        ),
        (
            formula(lambda y, p: -ls.over_classes(y * p) / ls.sqrt(ls.over_classes(p**2)), "class", link="softmax"),
            "probability",
        ),
        (
            formula(lambda y, z: -ls.over_classes(y * ls.log_softmax(z)), "class"),
            "probability (of the raw prediction through softmax)",
        ),
        (formula(lambda y, z: -((y - z) ** 2)), "not named yet"),
        (formula(lambda y, z: abs(y - z) / y, "positive"), "not named yet"),
        (formula(lambda y, z: ls.exp(y - z) - (y - z) - 1), "not named yet"),
        (formula(lambda y, z: ls.maximum(0, 1 - (2 * y - 1) * z), "binary"), "not named yet"),
        (
            formula(lambda y, p: -20 * y * ls.log(p) - (1 - y) * ls.log(1 - p), "binary", link="sigmoid"),
            "not named yet",
        ),
        (formula(lambda y, p: -ls.over_classes(y * p), "class", link="softmax"), "not named yet"),
    ],
)
def test_the_functional_of_a_formula_that_is_not_shipped(definition: Definition, expected: str) -> None:
    assert estimated(definition) == expected


def test_a_bend_far_from_the_prediction_is_still_seen() -> None:
    assert estimated(find("huber"), delta=1e6) == "not named yet"
    assert estimated(find("huber"), delta=1e-6) == "not named yet"


def test_parameters_that_undo_a_loss_change_what_it_estimates() -> None:
    assert estimated(find("focal"), gamma=0.0) == "probability"
    assert estimated(find("softmax_focal"), gamma=0.0) == "probability"
    assert estimated(find("label_smoothed_cross_entropy"), epsilon=0.0) == "probability"


@pytest.mark.parametrize("name", ["binary_cross_entropy", "brier", "cross_entropy"])
def test_a_loss_of_given_probabilities_estimates_the_same(name: str) -> None:
    assert estimated(find(name, on="probability")) == "probability"


def test_what_is_not_looked_into_is_open_and_says_why() -> None:
    heads = formula(
        lambda y, mean, scale: ls.log(scale) + (y - mean) ** 2 / scale**2 / 2,
        heads={"mean": "identity", "scale": "exp"},
    )
    assert functional(heads).text == "open (several heads)"
    assert functional(find("dice")).text == "open (not a sum over the examples)"


SHAPES = {"rmse": "set-wise", "dice": "set-wise", "tversky": "set-wise"}
SHAPES |= dict.fromkeys(("cross_entropy", "label_smoothed_cross_entropy", "softmax_focal"), "row-wise")
SHAPES |= dict.fromkeys(("distribution_cross_entropy", "kl_divergence"), "row-wise")


@pytest.mark.parametrize("entry", LOSSES, ids=lambda e: e.name)
def test_the_shape_and_the_sum_are_derived_from_the_reductions(entry: Any) -> None:
    assert shape(entry.definition).value == SHAPES.get(entry.name, "pointwise")
    assert additive(entry.definition).value == (SHAPES.get(entry.name) != "set-wise")
    assert additive(entry.definition).evidence == "proved"


def test_sums_through_linear_formulas_remain_sums() -> None:
    assert additive(formula(lambda y, z: 3 * ls.sum((y - z) ** 2) - ls.sum(y * z) / 2)).value
    assert additive(formula(lambda y, z, c=2.0: c * ls.mean((y - z) ** 2) + 1)).value
    assert not additive(formula(lambda y, z: ls.sum((y - z) ** 2) + 1)).value
    assert not additive(formula(lambda y, z: ls.sum((y - z) ** 2) * ls.sum(y))).value
    assert not additive(formula(lambda y, z: ls.mean((z - ls.mean(z)) ** 2))).value


CURVED = ("squared_error", "half_squared_error", "sum_of_squares_half", "log_cosh", "expectile", "poisson", "gamma")
CURVED += ("binary_cross_entropy", "cross_entropy", "label_smoothed_cross_entropy")
CURVED += ("distribution_cross_entropy", "kl_divergence")


@pytest.mark.parametrize("name", NAMED)
def test_strict_convexity(name: str) -> None:
    assert strictly_convex(find(name)).value == (name in CURVED)


def test_a_counterexample_to_convexity_names_its_point() -> None:
    found = strictly_convex(find("focal"))
    assert found.text == "refuted (y=0, z=6.6)"
    flat = strictly_convex(find("cross_entropy", on="probability"))
    assert flat.evidence == "refuted"


def test_a_gradient_jumps_or_does_not() -> None:
    assert smooth(find("squared_error")).text == "proved (no kink in the formula)"
    assert smooth(find("huber"), {"delta": 3.0}).value
    assert smooth(find("expectile"), {"level": 0.8}).value
    assert smooth(find("absolute_error")).text == "refuted (the gradient jumps at y=0, z=0)"
    assert not smooth(find("quantile"), {"level": 0.2}).value
    assert not smooth(formula(lambda y, z: ls.where(abs(y - z) > 2, 1, 0) * abs(y - z))).value
    assert smooth(formula(lambda y, z: ls.maximum(0, 1 - y * z) ** 2)).value


def test_all_facts_of_one_loss() -> None:
    known = facts(find("huber"))
    assert [k.operation for k in known.kinks] == ["abs", "where"]
    assert known.smooth.value and not known.strictly_convex.value
    assert known.strictly_convex.evidence == "refuted"


def test_an_unbound_parameter_leaves_the_facts_open() -> None:
    def unbound(y: Any, z: Any, *, scale: float) -> Any:
        return ls.log(1 + ((y - z) / scale) ** 2)

    assert functional(formula(unbound)).evidence == "open"
    assert functional(formula(unbound), {"scale": 2.0}).note == "no form of gradient that is known here"
