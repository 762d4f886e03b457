"""From costs to a loss: its value is the cost, its derivatives are exact, its rule is the cheapest, its stand-in is near."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
from flint import arb, ctx
from hypothesis import given, settings
from hypothesis import strategies as st

from lossmith import loss as losses
from lossmith.algebra.decision import (
    AsIs,
    CheapestClass,
    Corrected,
    RowThreshold,
    Threshold,
    act,
    zero_one,
)
from lossmith.algebra.decision.curve import AT_CORNER, CostCurve
from lossmith.algebra.decision.rules import RowCheapest
from lossmith.errors import ArgumentError
from lossmith.loss.costs import CostDesign, from_costs
from tests.properties import laws
from tests.properties.cases import Case
from tests.sampling import every

THREE = ((0.0, 1.0, 4.0), (2.0, 0.0, 1.0), (9.0, 3.0, 0.0))
CAPPED = [(-20, 50), (-10, 50), (0, 0), (10, 50), (20, 50)]
PER_UNIT: dict[str, dict[str, Any]] = {
    "linear": {"under": 5, "over": 1},
    "linear by stake": {"under": 5, "over": 1, "column": "stake"},
    "linear by row": {"under": "late", "over": "early"},
    "half by row": {"under": "late", "over": 2, "column": "stake"},
    "curve": {"points": [(-10, 50), (0, 0), (5, 100)]},
    "dead zone": {"points": [(-10, 40), (-2, 0), (3, 0), (5, 100)], "column": "stake"},
    "capped": {"points": CAPPED},
    "above 0": {"points": [(-3, 53), (3, 3), (5, 103)]},
}
TWO: dict[str, dict[str, Any]] = {
    "errors": {"false_negative": 20, "false_positive": 1},
    "errors by stake": {"false_negative": 20, "false_positive": 1, "column": "stake"},
    "errors by row": {"false_negative": "late", "false_positive": 10},
    "all by row": {"matrix": [[0, "early"], ["late", 0]], "column": "stake"},
    "two by two": {"matrix": [[-1, 2], [30, 3]]},
    "two by two by row": {"matrix": [[0, 3], ["late", 3]]},
}
MANY: dict[str, dict[str, Any]] = {
    "three": {"matrix": THREE},
    "three by stake": {"matrix": THREE, "column": "stake"},
    "three by row": {"matrix": [[0, 1, "late"], ["early", 0, 1], [9, "late", "early"]]},
}
ALL = {**PER_UNIT, **TWO, **MANY}
N = 5


def columns_of(design: CostDesign, n: int = N, seed: int = 3) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    return {name: rng.uniform(0.5, 12.0, n) for name in design.columns}


def case_of(name: str, smooth: bool) -> Case:
    """Rows away from corners; predictions of several classes have a column for each."""
    design = from_costs(**ALL[name])
    rng = np.random.default_rng(sum(map(ord, name)))
    loss = design.smooth if smooth else design.loss
    weight = np.array([0.5, 2.0, 1.0, 3.25, 0.125])
    if name in PER_UNIT:
        y, raw = rng.normal(size=N) * 3, rng.normal(size=N) * 6
    elif name in TWO:
        y, raw = np.array([1.0, 0.0, 0.0, 1.0, 1.0]), rng.normal(size=N) * 2
    else:
        y, raw = np.array([2, 0, 1, 1, 2]), rng.normal(size=(N, 3)) * 2
    return Case(f"{name} {'smooth' if smooth else 'exact'}", loss, y, raw, weight, columns_of(design))


CASES = [case_of(name, smooth) for name in ALL for smooth in (False, True)]


# Numbers ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", CASES, ids=repr)
def test_value_gradient_and_both_second_derivatives_are_exact(case: Case) -> None:
    loss = case.loss.using("numpy")
    for weight in (None, case.weight):
        laws.assert_value_is_exact(case, loss, weight)
        laws.assert_gradient_is_derivative(case, loss, weight)
        laws.assert_hvp_is_second_derivative(case, loss, weight)
        laws.assert_hessian_is_diagonal(case, loss, weight)
    laws.assert_weight_zero_is_absent(case, loss)
    laws.assert_nan_propagates(case, loss)


@pytest.mark.parametrize(
    ("smooth", "name"),
    every(
        3,
        (
            (smooth, name)
            for smooth in (False, True)
            for name in ("linear by row", "capped", "all by row", "three by row")
        ),
    ),
)
def test_compiled_kernels_give_the_same_numbers(name: str, smooth: bool) -> None:
    case = case_of(name, smooth)
    laws.assert_value_is_exact(case, case.loss, case.weight)
    laws.assert_gradient_is_derivative(case, case.loss, case.weight)


@pytest.mark.parametrize("name", every(3, PER_UNIT))
def test_the_value_of_the_loss_is_the_average_cost(name: str) -> None:
    design = from_costs(**ALL[name])
    rng = np.random.default_rng(1)
    y, raw, weight = rng.normal(size=50) * 9, rng.normal(size=50) * 9, rng.uniform(size=50)
    columns = columns_of(design, 50)
    each = design.cost_per_row(y, raw, columns)
    np.testing.assert_allclose(design.loss.per_example(y, raw, columns=columns), each, rtol=1e-14)
    cost = design.cost(y, design.decide(raw, columns), weight, columns=columns)
    np.testing.assert_allclose(design.loss.value(y, raw, weight, columns=columns), cost, rtol=1e-13)


@pytest.mark.parametrize("case", CASES, ids=repr)
def test_designs_survive_json_pickle_and_their_own_text(case: Case) -> None:
    loss = case.loss
    assert losses.from_json(loss.to_json()) == loss == pickle.loads(pickle.dumps(loss))
    assert losses.parse(loss.formula, **loss.declaration) == loss
    design = from_costs(**ALL[case.name.rpartition(" ")[0]])
    assert pickle.loads(pickle.dumps(design)) == design


def test_a_curve_of_many_points_can_be_written_out_and_rounded() -> None:
    x = np.linspace(-8, 8, 64)
    design = from_costs(points=np.column_stack([x, 3 + np.abs(x) * 2 + np.cos(3 * x)]))
    assert not design.costs.is_convex
    for loss in (design.loss, design.smooth):
        assert losses.from_json(loss.to_json()) == loss and "where" in repr(loss)
    y, raw = np.zeros(400), np.linspace(-9, 9, 400)
    near = design.smooth.bind(width=1e-4).using("numpy").per_example(y, raw)
    np.testing.assert_allclose(near, design.cost_per_row(y, raw), rtol=1e-3)


# What is estimated ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("costs", "functional", "level"), [
    ({"under": 5, "over": 1}, "quantile 0.8333", 5 / 6), ({"under": 2, "over": 2}, "median", 0.5),
    ({"under": 9, "over": 1, "column": "stake"}, "quantile 0.9", 0.9), (PER_UNIT["curve"], "quantile 0.2", 0.2),
    ({"points": [(-1, 3), (0, 0), (1, 3)]}, "median", 0.5), (PER_UNIT["above 0"], "shifted quantile 0.1429", 1 / 7),
    (PER_UNIT["dead zone"], "mix of quantiles 0.09091", 1 / 11), ({"points": CAPPED}, "least expected cost", None),
    ({"under": "late", "over": 1}, "quantile by row", None), (TWO["errors"], "probability", None),
    (TWO["errors by row"], "share of stakes", None), (MANY["three"], "probability", None),
    (MANY["three by row"], "share of stakes", None),
])  # fmt: skip
def test_estimates_name_the_functional(costs: Any, functional: str, level: float | None) -> None:
    found = from_costs(**costs).estimates
    assert found.functional == functional and str(found).startswith(f"{functional}: ")
    assert found.level == pytest.approx(level, rel=1e-14) if level else found.level is None


def test_estimates_are_read_off_the_loss_or_derived_and_say_which() -> None:
    assert from_costs(under=5, over=1).estimates.evidence.startswith("sampled (")
    assert from_costs(**PER_UNIT["dead zone"]).estimates.evidence.startswith("proved")
    assert "is not convex" in from_costs(points=CAPPED).estimates.words


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(-50, 50), min_size=1, max_size=30), st.integers(1, 20), st.integers(1, 20))
def test_the_best_constant_is_the_cheapest_one(targets: list[int], under: int, over: int) -> None:
    y = np.array(targets, dtype=np.float64)
    stake = 1.0 + np.abs(y) % 3
    design = from_costs(under=under, over=over, column="stake")
    best = design.loss.using("numpy").best_constant(y, columns={"stake": stake})
    tried = [design.cost(y, np.full(len(y), z), columns={"stake": stake}) for z in y]
    assert design.cost(y, np.full(len(y), best), columns={"stake": stake}) <= min(tried) * (1 + 1e-12)


@pytest.mark.parametrize("name", ["errors by row", "all by row", "two by two by row"])
def test_at_its_best_prediction_a_loss_by_stakes_is_cheapest_at_one_half(name: str) -> None:
    """Two rows that a model cannot tell apart, of known shares and costs: the best p is the share of stakes."""
    design = from_costs(**ALL[name])
    rng = np.random.default_rng(0)
    for _ in range(40):
        columns = {key: rng.uniform(3.5, 30.0, 6) for key in design.columns}  # above 3: right decisions are cheapest
        y, share = rng.integers(0, 2, 6).astype(float), rng.uniform(size=6)
        y[:2] = 0.0, 1.0
        best = design.loss.using("numpy").best_constant(y, share, columns=columns)
        cost = [design.cost(y, np.full(6, action), share, columns=columns) for action in (0.0, 1.0)]
        assert design.decide(np.atleast_1d(best))[0] == np.argmin(cost)


def test_one_half_is_the_corrected_probability_at_the_rows_own_threshold() -> None:
    design = from_costs(false_negative="late", false_positive=10)
    rng = np.random.default_rng(0)
    raw, columns = rng.normal(size=1000) * 3, {"late": rng.uniform(0.1, 90.0, 1000)}
    undone = Corrected((10.0, "late"), RowThreshold("late", 10.0))
    np.testing.assert_array_equal(design.decide(raw), act(undone, design.loss.predict(raw), columns))


# Decisions --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("costs", "rule"), [
    ({"under": 5, "over": 1}, AsIs()), ({"points": CAPPED}, AsIs()), ({"under": "late", "over": 1}, AsIs()),
    (TWO["errors"], Threshold(1 / 21)), (TWO["errors by stake"], Threshold(1 / 21)),
    (TWO["errors by row"], Threshold(0.5)), (TWO["two by two"], Threshold(3 / 30)),
    (MANY["three"], CheapestClass(THREE)), (MANY["three by row"], RowCheapest(((0.0, 1.0, "late"),
     ("early", 0.0, 1.0), (9.0, "late", "early")))),
])  # fmt: skip
def test_each_design_has_its_rule(costs: Any, rule: Any) -> None:
    assert from_costs(**costs).rule == rule


@pytest.mark.parametrize("name", ["errors", "two by two", "three", "three by row"])
def test_the_rule_decides_what_is_cheapest_under_true_probabilities(name: str) -> None:
    """For rows by stakes, the predicted shares are the probabilities times the stakes, as training makes them."""
    design, rng, n = from_costs(**ALL[name]), np.random.default_rng(5), 300
    columns = columns_of(design, n)
    classes = 3 if name in MANY else 2
    p = rng.dirichlet(np.ones(classes), size=n)
    cost = np.stack([[design.cost_per_row(np.full(n, j), np.full(n, k), columns) for k in range(classes)]
                     for j in range(classes)])  # fmt: skip
    weight = (cost - cost.min(axis=1, keepdims=True)).sum(axis=1).T if "row" in name else np.ones((n, classes))
    q = p * weight / (p * weight).sum(axis=1, keepdims=True)
    raw = np.log(q) if classes > 2 else np.log(q[:, 1] / q[:, 0])
    expected = np.einsum("nj,jkn->nk", p, cost)
    action = design.decide(raw, columns).astype(int)
    np.testing.assert_allclose(expected[np.arange(n), action], expected.min(axis=1), rtol=1e-9)


def test_a_class_with_nothing_at_stake_neither_trains_nor_decides() -> None:
    design = from_costs(matrix=[[0, 1, "late"], [2, 2, 2], [1, 1, 0]])
    columns = {"late": [5.0, 5.0]}
    assert design.loss.using("numpy").per_example([1, 2], np.zeros((2, 3)), columns=columns)[0] == 0.0
    assert design.decide([[0.0, 9.0, 2.0], [2.0, 9.0, 0.0]], columns).tolist() == [2.0, 0.0]


def test_plain_log_loss_is_plain_log_loss() -> None:
    assert from_costs(false_negative=20, false_positive=1).loss == losses.get("log_loss")
    assert from_costs(matrix=THREE).loss == losses.get("cross_entropy")


def test_the_loss_by_stakes_bounds_the_cost_of_its_decisions() -> None:
    rng = np.random.default_rng(2)
    y, raw = rng.integers(0, 2, 200).astype(float), rng.normal(size=200) * 2
    for name in ("errors by row", "all by row"):
        design = from_costs(**ALL[name])
        columns = columns_of(design, 200)
        cost = design.cost_per_row(y, design.decide(raw), columns)
        assert (design.loss.per_example(y, raw, columns=columns) >= np.log(2) * cost * (1 - 1e-14)).all() and cost.any()


# The smooth stand-in ----------------------------------------------------------------------------------------------


def bound(design: CostDesign, columns: Any) -> tuple[Any, Any]:
    costs = design.costs
    times = columns[costs.column] if costs.column else 1.0
    if isinstance(costs, CostCurve):
        return costs.excess[0] * times, costs.excess[1] * times
    sides = [columns[side] if isinstance(side, str) else side for side in (costs.under, costs.over)]
    return 0.0, AT_CORNER * (sides[0] + sides[1]) * times


@pytest.mark.parametrize("name", PER_UNIT)
@pytest.mark.parametrize("width", [4.0, 0.5, 2.0**-10])
def test_rounding_stays_within_its_bound_and_reaches_it_at_the_corner(name: str, width: float) -> None:
    design = from_costs(**ALL[name])
    y = np.zeros(2001)
    raw = np.linspace(-40, 40, 2001)  # 0 and the corners at whole numbers among them
    columns = columns_of(design, 2001)
    exact, smooth = (
        loss.using("numpy").per_example(y, raw, columns=columns)
        for loss in (design.loss, design.smooth.bind(width=width))
    )
    low, high = bound(design, columns)
    # both numbers are right to a few units in the last place of the cost
    slack = 1e-14 * (exact + np.abs(high))
    excess = smooth - exact
    assert (excess >= low * width - slack).all() and (excess <= high * width + slack).all()
    if len(getattr(design.costs, "corners", (0,))) == 1:
        corner = int(np.argmin(exact / (columns[design.costs.column] if design.costs.column else 1.0)))
        np.testing.assert_allclose(excess[corner], np.broadcast_to(high, 2001)[corner] * width, rtol=1e-9)


@pytest.mark.parametrize("name", ["linear", "dead zone", "capped"])
def test_tails_of_the_smooth_loss_are_as_accurate_as_its_middle(name: str) -> None:
    """Far from every corner the gradient is the slope of the piece, and of a flat piece what rounding leaves there."""
    design = from_costs(**{k: v for k, v in ALL[name].items() if k != "column"})
    loss = design.smooth.bind(width=0.25).using("numpy")
    raw = np.array([-1e9, -1e3, -30.0, -12.0, -1.0, 1.0, 12.0, 30.0, 1e3, 1e9])
    found = loss.per_example_gradient(np.zeros(10), raw)
    corners = [(c.at, c.bend) for c in design.costs.corners] if name != "linear" else [(0.0, 6.0)]
    left = -design.costs.under
    for z, slope in zip(raw, found, strict=True):
        with ctx.workprec(400):
            true = arb(left) + sum(arb(b) / (1 + ((at - arb(z)) / arb(0.25)).exp()) for at, b in corners)
        scale = max(abs(float(true)), 1e-290)
        # exp of a distance of d widths has d units in the last place of the distance; d <= 240 where exp counts here
        assert abs(slope - float(true)) <= 500 * 2.0**-52 * scale, (z, slope, true)


@pytest.mark.parametrize("name", PER_UNIT)
def test_the_smooth_loss_has_no_jump_and_bends_upwards_where_the_cost_is_convex(name: str) -> None:
    design = from_costs(**ALL[name])
    assert design.smooth.is_smooth and not design.loss.is_smooth
    assert design.smooth.is_strictly_convex is (name != "capped")


def test_width_is_bound_in_the_unit_of_the_target() -> None:
    assert from_costs(under=5, over=1).smooth.parameters == {"under": 5.0, "over": 1.0, "width": 1.0}
    assert from_costs(**PER_UNIT["curve"]).smooth.parameters == {"width": 0.5}
    with pytest.raises(ArgumentError, match=r"LM205 .*width must be a number greater than 0"):
        from_costs(under=5, over=1).smooth.bind(width=0)


@pytest.mark.parametrize("name", every(3, [*TWO, *MANY]))
def test_the_smooth_loss_of_a_matrix_is_the_expected_cost(name: str) -> None:
    design, rng, n = from_costs(**ALL[name]), np.random.default_rng(7), 60
    classes = 3 if name in MANY else 2
    y, raw = rng.integers(0, classes, n), rng.normal(size=(n, classes)) * 3
    columns = columns_of(design, n)
    shares = np.exp(raw - raw.max(axis=1, keepdims=True))
    p = shares / shares.sum(axis=1, keepdims=True)
    wanted = sum(p[:, k] * design.cost_per_row(y, np.full(n, k), columns) for k in range(classes))
    given = raw if classes > 2 else raw[:, 1] - raw[:, 0]
    np.testing.assert_allclose(design.smooth.per_example(y, given, columns=columns), wanted, rtol=1e-12)
    most = design.smooth.predict(given) if classes == 2 else raw
    assert act(design.smooth_rule, most).tolist() == p.argmax(axis=1).tolist()
    assert design.smooth_rule in (Threshold(0.5), CheapestClass(zero_one(3)))


def test_a_number_that_is_no_class_gives_no_number() -> None:
    found = from_costs(matrix=THREE).smooth.using("numpy").per_example([3, 2], np.zeros((2, 3)))
    assert np.isnan(found[0]) and found[1] == 4.0
