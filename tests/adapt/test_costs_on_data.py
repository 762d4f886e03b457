"""Costs on real rows: what decisions cost that nobody trained on, beside what people do who do not think of costs.

Comes in: data sets that scikit-learn carries. Every row is judged once, by a model of the other four fifths.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from lossmith import loss as losses
from lossmith.adapt.in_lightgbm import for_lightgbm
from lossmith.adapt.linear import fit_linear
from lossmith.loss.costs import CostDesign, from_costs

datasets = pytest.importorskip("sklearn.datasets")

Array = Any
PARAMS = {"num_threads": 1, "min_data_in_leaf": 10, "num_leaves": 7, "learning_rate": 0.05, "seed": 1}


def folds(n: int) -> Iterator[tuple[Array, Array]]:
    order = np.random.default_rng(0).permutation(n)
    for part in np.array_split(order, 5):
        yield np.setdiff1d(order, part), part


def linear(loss: Any, X: Array, y: Array, columns: Any, penalty: float, start: Any = None) -> Callable[[Array], Array]:
    found = fit_linear(loss.using("numpy"), X, y, columns=columns, penalty=penalty, start=start)
    return lambda rows: np.squeeze(rows @ found.weights + found.intercept)


def each_cost(
    design: CostDesign, X: Array, y: Array, columns: dict[str, Array], fit: Callable[..., Any], act: Callable[..., Any]
) -> Array:
    """What every row costs: `fit` makes raw predictions of the other rows' model, `act` actions of them."""
    found = np.empty(len(y))
    for learn, judge in folds(len(y)):
        taken, held = ({name: values[rows] for name, values in columns.items()} for rows in (learn, judge))
        action = act(fit(X[learn], y[learn], taken)(X[judge]), held)
        found[judge] = design.cost_per_row(y[judge], action, held)
    return found


def saves(before: Array, after: Array) -> float:
    """The mean saving in its standard errors, paired by row."""
    saved = before - after
    return float(saved.mean() / (saved.std(ddof=1) / np.sqrt(len(saved))))


def scaled(X: Array) -> Array:
    return (X - X.mean(axis=0)) / X.std(axis=0)


DIABETES = datasets.load_diabetes(return_X_y=True)
CANCER = datasets.load_breast_cancer(return_X_y=True)


def test_the_newsvendor_earns_more() -> None:
    """Price 10, cost 4, salvage 3: an item too few forgoes 6, one too many loses 1."""
    X, demand = scaled(DIABETES[0]), DIABETES[1]
    design, usual = from_costs(under=6, over=1), losses.get("squared_error")
    as_it_is = lambda raw, held: raw  # noqa: E731
    fits = {
        "mean": lambda a, b, c: linear(usual, a, b, None, 0.0),
        "exact": lambda a, b, c: linear(design.loss, a, b, None, 0.0),
        "smooth": lambda a, b, c: linear(design.smooth.bind(width=5.0), a, b, None, 0.0),
        "boosted": lambda a, b, c: for_lightgbm(design.loss).train(a, b, params=PARAMS, rounds=60).predict,
    }
    costs = {name: each_cost(design, X, demand, {}, fit, as_it_is) for name, fit in fits.items()}
    for name in ("exact", "smooth", "boosted"):
        assert saves(costs["mean"], costs[name]) > 1.96, name
    order = np.full(len(demand), 200.0)
    profit = 10 * np.minimum(order, demand) - 4 * order + 3 * np.maximum(order - demand, 0)
    np.testing.assert_allclose(profit, 6 * demand - design.cost_per_row(demand, order), rtol=1e-12)


def test_a_curve_with_a_free_zone_costs_less_than_the_median() -> None:
    X, y = scaled(DIABETES[0]), DIABETES[1]
    design = from_costs(points=[(-100, 720), (-20, 0), (30, 0), (130, 100)])
    exact, median = (
        each_cost(design, X, y, {}, lambda a, b, c, loss=loss: linear(loss, a, b, None, 0.0), lambda raw, held: raw)
        for loss in (design.loss, losses.get("mae"))
    )
    assert saves(median, exact) > 1.96


@pytest.mark.parametrize("costs", [
    {"matrix": [[0, 1], [30, 0]]}, {"false_negative": "amount", "false_positive": 1},
    {"matrix": [[0, 2], ["amount", 2]]},
])  # fmt: skip
def test_two_classes_cost_less_than_at_the_usual_threshold(costs: dict[str, Any]) -> None:
    """Three measurements a row, so that errors happen; the amount grows with one of them."""
    X, sick = scaled(CANCER[0])[:, [4, 8, 9]], 1.0 - CANCER[1]
    design = from_costs(**costs)
    columns = {"amount": np.exp(2.5 + X[:, 0])} if design.columns else {}
    plain = losses.get("log_loss")
    usual = each_cost(
        design, X, sick, columns, lambda a, b, c: linear(plain, a, b, None, 1e-3), lambda raw, held: 1.0 * (raw > 0)
    )
    ours = each_cost(design, X, sick, columns, lambda a, b, c: linear(design.loss, a, b, c, 1e-3), design.decide)
    assert saves(usual, ours) > 1.96


def test_three_classes_cost_less_than_the_most_probable_one() -> None:
    X, y = datasets.load_wine(return_X_y=True)
    X = scaled(X)[:, [1, 2, 4]]
    amount = np.exp(2.0 + 0.5 * X[:, 0])
    plain = losses.get("cross_entropy")
    for matrix in ([[0, 1, 1], [8, 0, 1], [8, 1, 0]], [[0, 1, 1], ["amount", 0, 1], ["amount", 1, 0]]):
        design = from_costs(matrix=matrix)
        columns = {"amount": amount} if design.columns else {}
        usual = each_cost(
            design, X, y, columns, lambda a, b, c: linear(plain, a, b, None, 1e-3),
            lambda raw, held: raw.argmax(axis=1),
        )  # fmt: skip
        ours = each_cost(design, X, y, columns, lambda a, b, c, d=design: linear(d.loss, a, b, c, 1e-3), design.decide)
        assert saves(usual, ours) > 1.96


def test_the_expected_cost_trains_from_a_finite_start() -> None:
    """Its best constant is certainty, which is no start; that of the proper loss is one."""
    X, sick = scaled(CANCER[0]), 1.0 - CANCER[1]
    design = from_costs(matrix=[[0, 1], [30, 0]])
    start = float(design.loss.best_constant(sick))
    model = for_lightgbm(design.smooth).train(X, sick, params=PARAMS, rounds=40, init=start)
    always = min(design.cost(sick, np.full(len(sick), action)) for action in (0.0, 1.0))
    assert design.cost(sick, 1.0 * (model.predict(X) >= 0.5)) < 0.25 * always
    raw = linear(design.smooth, X, sick, None, 1e-2, start=start)(X)
    assert design.cost(sick, 1.0 * (raw >= 0)) < 0.25 * always
