"""Costs, the losses they imply, and rules: against brute force over every possible shift, threshold and constant."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lossmith.algebra.decision import (
    AsIs,
    CheapestClass,
    CostMatrix,
    ErrorCosts,
    Rule,
    Scale,
    Shift,
    Threshold,
    UnderOver,
    act,
    best_shift,
    best_threshold,
    cheapest_constant,
    cost_per_row,
    costs_from,
    implied_loss,
    implied_rule,
    rule_from_dict,
    rule_to_dict,
    zero_one,
)
from lossmith.errors import ArgumentError

amounts = st.integers(1, 50).map(float)
rows = st.lists(st.tuples(st.integers(-9, 9), st.integers(-9, 9)), min_size=1, max_size=30)
binary = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 8)), min_size=1, max_size=30)


@given(under=amounts, over=amounts, pairs=rows)
def test_no_shift_costs_less_than_the_fitted_one(under: float, over: float, pairs: list[tuple[int, int]]) -> None:
    y, p = np.array(pairs, dtype=float).T
    costs = UnderOver(under, over)
    fitted = cost_per_row(costs, y, act(best_shift(costs, y, p), p)).sum()
    least = min(
        cost_per_row(costs, y, p + shift).sum() for shift in y - p
    )  # a piecewise linear cost has its least at a kink
    assert fitted <= least * (1 + 1e-13)  # integers below 2**53 times 2**6: sums round only in the last places


@given(missed=amounts, alarm=amounts, pairs=binary)
def test_no_threshold_costs_less_than_the_fitted_one(missed: float, alarm: float, pairs: list[tuple[int, int]]) -> None:
    y, p = np.array(pairs, dtype=float).T
    p /= 8
    costs = ErrorCosts(missed, alarm)
    fitted = cost_per_row(costs, y, act(best_threshold(costs, y, p), p)).sum()
    assert fitted == min(cost_per_row(costs, y, act(Threshold(level), p)).sum() for level in (*np.unique(p), 2.0))


@given(under=amounts, over=amounts, values=st.lists(st.integers(-9, 9), min_size=1, max_size=30))
def test_no_constant_costs_less_than_the_quantile(under: float, over: float, values: list[int]) -> None:
    y, costs = np.array(values, dtype=float), UnderOver(under, over)
    least = min(cost_per_row(costs, y, np.full(y.shape, c)).sum() for c in values)
    assert cost_per_row(costs, y, np.full(y.shape, cheapest_constant(costs, y))).sum() <= least * (1 + 1e-13)


def test_the_threshold_of_true_probabilities_is_that_of_elkan() -> None:
    rng = np.random.default_rng(0)
    p = rng.uniform(size=400_000)
    y = (rng.uniform(size=p.size) < p).astype(float)
    found = best_threshold(ErrorCosts(4.0, 1.0), y, p)
    assert found.level == pytest.approx(0.2, abs=0.02)  # flat minimum: error of order (1/n)^(1/3) = 0.014


def test_five_to_one_leads_to_the_five_sixths_quantile() -> None:
    assert implied_loss(costs_from("under=5, over=1")) == ("quantile", {"level": 5 / 6})


def test_a_missed_unit_costs_under_and_a_surplus_unit_costs_over() -> None:
    assert cost_per_row(UnderOver(5, 1), [0.0, 0.0, 0.0], [-2.0, 3.0, 0.0]).tolist() == [10.0, 3.0, 0.0]


def test_errors_of_two_classes_cost_what_was_said() -> None:
    found = cost_per_row(ErrorCosts(20, 3), [1, 1, 0, 0], [1, 0, 1, 0])
    assert found.tolist() == [0.0, 20.0, 3.0, 0.0]


def test_the_cheapest_class_weighs_probabilities_by_costs() -> None:
    matrix = ((0.0, 1.0, 9.0), (1.0, 0.0, 1.0), (9.0, 1.0, 0.0))
    p = np.array([[0.5, 0.0, 0.5], [0.9, 0.1, 0.0]])
    assert act(CheapestClass(matrix), p).tolist() == [1.0, 0.0]
    assert cost_per_row(CostMatrix(matrix), [2, 2], [0, 2]).tolist() == [9.0, 0.0]
    assert act(CheapestClass(zero_one(3)), p).tolist() == [0.0, 0.0]


def test_a_threshold_is_inclusive_and_can_mean_always_and_never() -> None:
    y, p = np.array([1.0, 1.0]), np.array([0.2, 0.9])
    assert act(best_threshold(ErrorCosts(1, 1), y, p), p).tolist() == [1.0, 1.0]
    assert act(best_threshold(ErrorCosts(1, 1), 1 - y, np.array([0.2, 1.0])), np.array([0.2, 1.0])).tolist() == [
        0.0,
        0.0,
    ]


def test_implied_rules() -> None:
    assert implied_rule(UnderOver(5, 1)) == AsIs()
    assert implied_rule(ErrorCosts(20, 1)) == Threshold(1 / 21)


@pytest.mark.parametrize("rule", [AsIs(), Shift(-1 / 3), Scale(1.1), Threshold(1 / 21), CheapestClass(zero_one(3))])
def test_rules_survive_json(rule: Rule) -> None:
    assert rule_from_dict(json.loads(json.dumps(rule_to_dict(rule)))) == rule


@pytest.mark.parametrize(
    ("text", "code", "words"),
    [
        ("under=5, ovr=1", "LM232", 'Did you mean "over"'),
        ("under=5", "LM233", '"under" and "over"'),
        ("under=5, false_positive=1", "LM233", "found under, false_positive"),
        ("", "LM233", "nothing"),
        ("under 5", "LM231", "name=number"),
        ("under=5, under=6", "LM231", "twice"),
        ("under=x, over=1", "LM234", 'got "x"'),
        ("under=0, over=1", "LM234", "above 0"),
        ("under=nan, over=1", "LM234", "above 0"),
    ],
)
def test_costs_that_mean_nothing_are_refused_in_one_sentence(text: str, code: str, words: str) -> None:
    with pytest.raises(ArgumentError) as caught:
        costs_from(text)
    assert caught.value.code == code
    assert words in str(caught.value)
