"""Rules: what each does, that the inverse of a reweighting is one, and fits against brute force over every rule."""

from __future__ import annotations

import itertools
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

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
    Rule,
    Scale,
    Shift,
    ShiftBySize,
    SortedLevels,
    Threshold,
    UnderOver,
    act,
    best_cuts,
    best_levels,
    best_recalibration,
    best_scale,
    best_shift,
    best_shift_by_size,
    best_sorted_levels,
    best_threshold,
    cost_per_row,
    deciding,
    implied_rule,
    nearest_grade,
    probabilities,
    rule_columns,
    rule_from_dict,
    rule_to_dict,
    usual_rule,
    zero_one,
)
from lossmith.algebra.decision import acting as plain
from lossmith.algebra.decision.rules import RULES, RowCheapest
from lossmith.errors import ArgumentError

whole = st.integers(1, 9)
rows = st.lists(st.tuples(st.integers(-9, 9), st.integers(-4, 9), st.integers(0, 4)), min_size=1, max_size=20)
grades = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 5), st.integers(0, 3)), min_size=1, max_size=12)
RNG = np.random.default_rng(3)

ALL: list[Rule] = [
    AsIs(),
    Shift(-1 / 3),
    Scale(1.1),
    ShiftBySize((1.0, 2.0), (0.0, 5.0, -1.0)),
    Threshold(1 / 21),
    RowThreshold("amount", 10.0),
    CheapestClass(zero_one(3)),
    RowCheapest(((0.0, 1.0, "amount"), (1.0, 0.0, 1.0), (1.0, 1.0, 0.0))),
    Cuts((0.5, 1.5)),
    SortedLevels((0.0, 1.0)),
    Levels((-1.0, 1.0)),
    Corrected((1.0, 20.0), Recalibrated(0.9, 0.1, Threshold(0.5))),
    Corrected(("amount", 10.0), Threshold(0.5)),
    Recalibrated(1.1, -0.2),
]


@pytest.mark.parametrize("rule", ALL)
def test_rules_survive_json(rule: Rule) -> None:
    assert rule_from_dict(json.loads(json.dumps(rule_to_dict(rule)))) == rule


def test_the_cheapest_class_by_row_takes_the_costs_of_the_row() -> None:
    """Shares 0.3, 0.2, 0.5 of what is at stake; where class 0 costs 9 to miss it is the stakes that are shared."""
    rule = RowCheapest(((0.0, 1.0, "a"), (1.0, 0.0, 1.0), (1.0, 1.0, 0.0)))
    assert act(rule, [[0.3, 0.2, 0.5]] * 2, {"a": [1.0, 9.0]}).tolist() == [2.0, 1.0]
    assert rule_columns(rule) == ("a",)


def test_every_rule_is_tested_and_has_an_action() -> None:
    assert {type(rule) for rule in ALL} == set(RULES.values())
    assert set(RULES) == {*plain.ACTS, *plain.ADJUSTS}


# Acting -----------------------------------------------------------------------------------------------------------


def test_a_shift_by_size_adds_the_amount_of_its_range() -> None:
    rule = ShiftBySize((1.0, 2.0), (10.0, 20.0, 30.0))
    assert act(rule, [0.5, 1.0, 1.5, 2.0, 9.0]).tolist() == [10.5, 21.0, 21.5, 32.0, 39.0]


def test_every_row_has_its_own_threshold() -> None:
    columns = {"amount": np.array([100.0, 50.0, 0.0]), "check": np.array([10.0, 10.0, 0.0])}
    assert act(RowThreshold("amount", "check"), [0.1, 0.1, 0.9], columns).tolist() == [1.0, 0.0, 0.0]
    assert rule_columns(RowThreshold("amount", "check")) == ("amount", "check")
    with pytest.raises(ArgumentError, match="LM238"):
        act(RowThreshold("amount", 1.0), [0.1])


def test_a_row_threshold_is_the_cheaper_decision() -> None:
    p, amount = RNG.uniform(size=500), RNG.uniform(0, 50, size=500)
    found = act(RowThreshold("amount", 10.0), p, {"amount": amount})
    np.testing.assert_array_equal(found, p * amount >= (1 - p) * 10.0)


def test_grades_count_the_cut_points_at_or_below() -> None:
    assert act(Cuts((0.5, 1.5)), [-9.0, 0.5, 1.0, 1.5, 7.0]).tolist() == [0.0, 1.0, 1.0, 2.0, 2.0]
    assert nearest_grade(4) == Cuts((0.5, 1.5, 2.5))


def test_the_cheapest_class_of_two_is_the_threshold_of_elkan() -> None:
    p = np.array([0.01, 0.04, 0.05, 0.5])
    assert act(CheapestClass(((0.0, 1.0), (20.0, 0.0))), p).tolist() == act(Threshold(1 / 21), p).tolist()


def test_a_row_alone_decides_as_in_a_batch() -> None:
    p = RNG.dirichlet(np.ones(7), size=300)
    matrix = tuple(map(tuple, RNG.uniform(size=(7, 7)).tolist()))
    for rule in (CheapestClass(matrix), Corrected(tuple(RNG.uniform(1, 9, size=7)), AsIs())):
        alone = np.concatenate([act(rule, p[i : i + 1]) for i in range(len(p))])
        np.testing.assert_array_equal(act(rule, p), alone)


@pytest.mark.parametrize("weights", [(1.0, 20.0), (3.0, 0.5)])
def test_the_correction_undoes_what_weights_do_to_a_true_probability(weights: tuple[float, float]) -> None:
    p = RNG.uniform(size=200)
    weighted = p * weights[1] / (p * weights[1] + (1 - p) * weights[0])
    # each of the two maps rounds its at most 5 operations, 1 - q cancels by at most weight ratio 20
    np.testing.assert_allclose(act(Corrected(weights), weighted), p, rtol=20 * 10 * 2.0**-53)


def test_the_correction_of_several_classes() -> None:
    p, weights = RNG.dirichlet(np.ones(4), size=100), np.array([1.0, 2.0, 30.0, 0.1])
    weighted = p * weights / (p * weights).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(act(Corrected(tuple(weights)), weighted), p, rtol=20 * 2.0**-53)  # at most 12 roundings
    pair = np.column_stack([1 - p[:, 0], p[:, 0]])
    both = act(Corrected((1.0, 20.0)), p[:, 0])
    # 1 - p is rounded the same in both; then at most 4 roundings each
    np.testing.assert_allclose(act(Corrected((1.0, 20.0)), pair)[:, 1], both, rtol=8 * 2.0**-53)


def test_the_correction_of_weights_by_row() -> None:
    p, columns = np.array([0.5, 0.5, 0.3]), {"amount": np.array([30.0, 10.0, 0.0])}
    assert act(Corrected((10.0, "amount")), p, columns).tolist() == [0.25, 0.5, 1.0]
    assert act(Corrected(("amount", "amount")), p, columns).tolist() == [0.5, 0.5, 0.3]


def test_a_recalibration_moves_log_odds_and_leaves_certainty() -> None:
    p = np.array([0.0, 1e-300, 0.25, 0.5, 1 - 2.0**-53, 1.0])
    found = act(Recalibrated(0.5, 1.0), p)
    assert found[0] == 0.0
    assert found[-1] == 1.0
    inside = p[1:-1]
    expected = 1 / (1 + np.exp(-(0.5 * (np.log(inside) - np.log1p(-inside)) + 1.0)))
    np.testing.assert_allclose(found[1:-1], expected, rtol=1e-13)  # exp(-z), |z| < 350: relative error 350 * 2**-52
    assert act(Recalibrated(0.0, 0.0), p).tolist() == [0.0, 0.5, 0.5, 0.5, 0.5, 1.0]


def test_corrections_show_as_probabilities_before_the_decision() -> None:
    rule = Corrected((1.0, 20.0), Threshold(0.04))
    assert probabilities(rule, [0.5]).tolist() == act(Corrected((1.0, 20.0)), [0.5]).tolist()
    assert act(rule, [0.5, 0.4]).tolist() == [1.0, 0.0]
    assert deciding(Corrected((1.0, 1.0, 2.0)), 3) == Corrected((1.0, 1.0, 2.0), CheapestClass(zero_one(3)))
    assert deciding(Shift(2.0), 0) == Shift(2.0)


@given(st.lists(st.lists(st.integers(-5, 5), min_size=3, max_size=3), min_size=1, max_size=20))
def test_sorted_quantiles_never_cross_and_cost_no_more(found: list[list[int]]) -> None:
    p, levels = np.array(found, dtype=float), (0.1, 0.5, 0.9)
    sorted_p = act(SortedLevels(), p)
    assert (np.diff(sorted_p, axis=1) >= 0).all()
    y = np.zeros(len(p))

    def cost(each: np.ndarray) -> float:  # type: ignore[type-arg]
        return sum(cost_per_row(UnderOver(q, 1 - q), y, each[:, j]).sum() for j, q in enumerate(levels))

    assert cost(sorted_p) <= cost(p) + 20 * 15 * 5 * 2.0**-52  # 60 terms of at most 5, summed in another order


@pytest.mark.parametrize(
    "make",
    [
        lambda: ShiftBySize((1.0,), (2.0,)),
        lambda: ShiftBySize((2.0, 1.0), (0.0, 0.0, 0.0)),
        lambda: Cuts((1.0, 0.0)),
        lambda: Corrected((1.0, 0.0)),
        lambda: Corrected((1.0,)),
    ],
)
def test_rules_that_mean_nothing_are_refused(make: object) -> None:
    with pytest.raises(ArgumentError, match="LM243"):
        make()  # type: ignore[operator]


def test_implied_and_usual_rules() -> None:
    assert implied_rule(ErrorCosts("amount", 3.0, "n")) == RowThreshold("amount", 3.0)
    assert usual_rule(ErrorCosts("amount", 3.0)) == Threshold(0.5)
    assert implied_rule(CostMatrix(zero_one(3))) == usual_rule(CostMatrix(zero_one(3)))
    assert implied_rule(UnderOver(5, 1, "n")) == AsIs()
    with pytest.raises(ArgumentError, match="LM239"):
        _ = ErrorCosts("amount", 3.0).threshold


# Fits -------------------------------------------------------------------------------------------------------------


def total(costs: UnderOver, y: np.ndarray, action: np.ndarray, w: np.ndarray, columns: object) -> float:  # type: ignore[type-arg]
    return float(w @ cost_per_row(costs, y, action, columns))  # type: ignore[arg-type]


@given(under=whole, over=whole, found=rows)
def test_no_shift_or_factor_costs_less(under: int, over: int, found: list[tuple[int, int, int]]) -> None:
    y, p, w = np.array(found, dtype=float).T
    costs, columns = UnderOver(under, over, "n"), {"n": (w + 1) % 3}
    shifts = [total(costs, y, p + c, w, columns) for c in y - p]
    assert total(costs, y, act(best_shift(costs, y, p, columns, w), p), w, columns) == min(shifts)  # whole numbers
    factors = [total(costs, y, p * c, w, columns) for c in [1.0, *(y[p != 0] / p[p != 0])]]
    best = total(costs, y, act(best_scale(costs, y, p, columns, w), p), w, columns)
    assert best <= min(factors) + 1e-9  # ratios round: each of 20 costs of at most 9 * 3 * 4 * 20 by 2**-52


@given(missed=whole, alarm=whole, found=st.lists(st.tuples(st.integers(0, 1), st.integers(0, 8), whole), min_size=1))
def test_no_threshold_costs_less_where_rows_differ(missed: int, alarm: int, found: list[tuple[int, int, int]]) -> None:
    y, p, amount = np.array(found, dtype=float).T
    p, w, costs, columns = p / 8, amount[::-1] - 1, ErrorCosts("amount", alarm), {"amount": amount}
    levels = (*np.unique(p), 2.0)
    least = min(w @ cost_per_row(costs, y, act(Threshold(level), p), columns) for level in levels)
    fitted = best_threshold(costs, y, p, columns, w)
    assert w @ cost_per_row(costs, y, act(fitted, p), columns) == least  # whole numbers


@given(found=grades, matrix=st.lists(st.lists(st.integers(0, 5), min_size=3, max_size=3), min_size=3, max_size=3))
def test_no_cut_points_cost_less(found: list[tuple[int, int, int]], matrix: list[list[int]]) -> None:
    y, p, w = np.array(found, dtype=float).T
    costs = CostMatrix(tuple(tuple(map(float, row)) for row in matrix))
    places = [-1.0, *np.unique(p), 9.0]
    pairs = [pair for pair in itertools.product(places, places) if pair[0] <= pair[1]]
    least = min(w @ cost_per_row(costs, y, act(Cuts(pair), p)) for pair in pairs)
    fitted = best_cuts(costs, y, p, weight=w)
    assert w @ cost_per_row(costs, y, act(fitted, p)) == least  # whole numbers
    json.dumps(rule_to_dict(fitted), allow_nan=False)


def test_each_range_of_sizes_gets_its_own_quantile() -> None:
    p = RNG.uniform(0, 10, size=1_000)
    y = p + RNG.normal(size=1_000) * p
    costs = UnderOver(5, 1)
    rule = best_shift_by_size(costs, y, p)
    assert len(rule.amounts) == 5
    counts = np.bincount(np.searchsorted(rule.edges, p, side="right"))
    assert counts.tolist() == [200] * 5
    for place in range(5):
        here = np.searchsorted(rule.edges, p, side="right") == place
        assert rule.amounts[place] == best_shift(costs, y[here], p[here]).amount
    assert cost_per_row(costs, y, act(rule, p)).sum() < cost_per_row(costs, y, act(best_shift(costs, y, p), p)).sum()


@pytest.mark.parametrize(("count", "ranges"), [(1, 1), (99, 1), (100, 2), (249, 4), (250, 5), (10_000, 5)])
def test_few_rows_make_few_ranges_of_at_least_fifty(count: int, ranges: int) -> None:
    p = np.arange(float(count))
    rule = best_shift_by_size(UnderOver(5, 1), p, p)
    assert len(rule.amounts) == ranges
    assert min(np.bincount(np.searchsorted(rule.edges, p, side="right"))) >= min(50, count)


def test_equal_predictions_stay_in_one_range() -> None:
    p = np.repeat([1.0, 2.0], [300, 30])
    assert best_shift_by_size(UnderOver(5, 1), p, p).edges == ()  # the larger value has fewer than 50 rows
    p = np.repeat([1.0, 2.0], [300, 60])
    assert best_shift_by_size(UnderOver(5, 1), p, p).edges == (2.0,)


def test_residual_quantiles_make_levels() -> None:
    y, p = RNG.permutation(1_000).astype(float), np.zeros(1_000)
    rule = best_levels((0.1, 0.5, 0.9), y, p)
    assert (y[:, None] <= act(rule, p)).mean(axis=0).tolist() == [0.1, 0.5, 0.9]
    crossing = np.column_stack([p + 5, p, p - 5])
    several = act(best_sorted_levels((0.1, 0.5, 0.9), y, crossing), crossing)
    assert (y[:, None] <= several).mean(axis=0).tolist() == [0.1, 0.5, 0.9]


# Recalibration ----------------------------------------------------------------------------------------------------


def likelihood(y: np.ndarray, p: np.ndarray, w: np.ndarray, slope: float, intercept: float) -> float:  # type: ignore[type-arg]
    z = slope * (np.log(p) - np.log1p(-p)) + intercept
    return float(w @ (y * z - np.logaddexp(0.0, z)))


@pytest.mark.parametrize("scale", [1.0, 1e-3])
def test_the_recalibration_is_where_the_likelihood_is_flat(scale: float) -> None:
    p = 1 / (1 + np.exp(-RNG.normal(-3, 2, size=2_000)))
    y = (RNG.uniform(size=2_000) < act(Recalibrated(0.6, 0.4), p)).astype(float)
    w = RNG.uniform(0.5, 2, size=2_000) * scale
    rule = best_recalibration(y, p, w, then=Threshold(0.5))
    assert rule.then == Threshold(0.5)
    residual = w * (y - act(Recalibrated(rule.slope, rule.intercept), p))
    log_odds = np.log(p) - np.log1p(-p)
    # at the maximum both sums vanish; they are sums of 2,000 terms of size w |z|, rounded
    assert abs(residual.sum()) <= 1e-10 * w.sum()
    assert abs(residual @ log_odds) <= 1e-10 * (w @ np.abs(log_odds))
    best = likelihood(y, p, w, rule.slope, rule.intercept)
    assert all(best > likelihood(y, p, w, rule.slope + a, rule.intercept + b) for a, b in ((0.01, 0), (0, 0.01)))


def test_nothing_to_learn_keeps_the_probabilities() -> None:
    assert best_recalibration([0.0, 0.0], [0.1, 0.3]) == Recalibrated(1.0, 0.0)
    assert best_recalibration([0, 0, 1, 1], [0.1, 0.2, 0.3, 0.4]) == Recalibrated(1.0, 0.0)  # parted: no finite maximum
    assert best_recalibration([0, 1], [0.0, 1.0]) == Recalibrated(1.0, 0.0)


def test_certain_rows_have_no_say_and_extreme_ones_do_no_harm() -> None:
    y, p = np.array([0, 1, 1, 0, 1, 0.0]), np.array([0.3, 0.4, 0.6, 0.7, 0.2, 0.1])
    plain_fit = best_recalibration(y, p)
    assert best_recalibration([*y, 1.0, 0.0], [*p, 0.0, 1.0]) == plain_fit
    extreme = best_recalibration([*y, 0.0, 1.0], [*p, 1e-300, 1 - 2.0**-53])
    assert np.isfinite([extreme.slope, extreme.intercept]).all()
