"""What rows cost under each way to judge, from the definition, and the best single answer by it."""

from __future__ import annotations

import numpy as np
import pytest

from lossmith.advise.judge.measure import by_cost, by_levels, by_loss, measure_of, raw_for
from lossmith.advise.judge.sample import Sample
from lossmith.advise.look.aim import Aim, Estimate
from lossmith.advise.models.candidate import Candidate
from lossmith.algebra.decision import (
    AsIs,
    CheapestClass,
    CostMatrix,
    ErrorCosts,
    Shift,
    Threshold,
    UnderOver,
    zero_one,
)
from tests.advise.judge.benches import EVEN, FIVE_TO_ONE, GRADES, LEVELS, MEAN, MISSED, PROBABILITY, by_matrix

RNG = np.random.default_rng(0)
Y = RNG.normal(size=300)
WEIGHT = RNG.integers(1, 4, 300).astype(np.float64)


def sample(y: object, weight: object = None, **columns: object) -> Sample:
    y = np.asarray(y, dtype=np.float64)
    named = {name: np.asarray(values, dtype=np.float64) for name, values in columns.items()}
    return Sample(y, weight, named, np.arange(len(y)))  # type: ignore[arg-type]


def test_costs_are_per_unit_after_the_rule() -> None:
    measure = by_cost(UnderOver(5, 1), "cost per row")
    said = measure.per_row(sample([10.0, 10.0]), np.array([7.0, 12.0]), Shift(1.0))
    assert said.tolist() == [10.0, 3.0]
    assert measure.is_cost and measure.in_target_unit and not measure.root


def test_costs_times_a_column() -> None:
    measure = by_cost(UnderOver(1, 1, "stake"), "cost per row")
    assert measure.per_row(sample([1.0, 1.0], stake=[3.0, 0.0]), np.zeros(2), AsIs()).tolist() == [3.0, 0.0]
    errors = by_cost(ErrorCosts("stake", 2.0), "cost per row")
    found = errors.per_row(sample([1.0, 0.0], stake=[7.0, 9.0]), np.array([0.1, 0.9]), Threshold(0.5))
    assert found.tolist() == [7.0, 2.0]


def test_several_quantiles_are_judged_by_their_mean_pinball_loss() -> None:
    y_pred = np.column_stack([Y - 1, Y, Y + 2])
    found = by_levels((0.1, 0.5, 0.9)).per_row(sample(Y), y_pred, AsIs())
    # 0.1 too low by 1: 0.1 * 1; the middle is right; 0.9 too high by 2: 0.1 * 2
    np.testing.assert_allclose(found, (0.1 + 0 + 0.2) / 3, rtol=1e-13)


def test_a_loss_judges_predictions_on_the_targets_scale() -> None:
    counts = RNG.poisson(3.0, 100).astype(np.float64)
    found = by_loss(Candidate("poisson")).per_row(sample(counts), np.full(100, 3.0), AsIs())
    np.testing.assert_allclose(found, 3.0 - counts * np.log(3.0), rtol=1e-14, atol=1e-14)
    impossible = by_loss(Candidate("poisson")).per_row(sample(counts), np.full(100, -1.0), AsIs())
    assert (impossible == np.inf).all()


def test_certainty_costs_nothing_where_it_is_right_and_infinitely_much_where_it_is_wrong() -> None:
    """A sigmoid is exactly 1 from about 37 on, so that models that part the classes do say 1."""
    two = by_loss(Candidate("binary_cross_entropy"))
    assert two.per_row(sample([1.0, 0.0]), np.array([0.0, 1.0]), AsIs()).tolist() == [np.inf, np.inf]
    assert two.per_row(sample([1.0, 0.0]), np.array([1.0, 0.0]), AsIs()).tolist() == [0.0, 0.0]
    three = by_loss(Candidate("cross_entropy"))
    certain = np.array([[1.0, 0.0, 0.0], [0.5, 0.5, 0.0]])
    np.testing.assert_allclose(three.per_row(sample([0.0, 1.0]), certain, AsIs()), [0.0, np.log(2)], rtol=1e-15)
    assert three.per_row(sample([2.0]), certain[:1], AsIs()).tolist() == [np.inf]


@pytest.mark.parametrize("name", ["binary_cross_entropy", "poisson", "gamma"])
def test_a_prediction_that_no_raw_prediction_gives_costs_infinitely_much(name: str) -> None:
    """Squared error knows no bounds: judged by a loss that does, it is out of them, and that is no error."""
    found = by_loss(Candidate(name)).per_row(sample([0.5, 0.5]), np.array([0.5, -0.1]), AsIs())
    assert np.isfinite(found[0])
    assert found[1] == np.inf


@pytest.mark.parametrize("weight", [None, WEIGHT])
def test_the_constant_is_the_best_single_answer(weight: object) -> None:
    rows = sample(Y, weight)
    for measure in (measure_of(aim, 0) for aim in (FIVE_TO_ONE, EVEN, MEAN)):
        best = measure.constant(rows, len(Y))
        assert len(set(best.tolist())) == 1
        least = rows.mean(measure.per_row(rows, best, AsIs()))
        others = [rows.mean(measure.per_row(rows, np.full(300, value), AsIs())) for value in np.sort(Y)[::7]]
        assert least <= min(others) * (1 + 1e-12)


def test_the_constant_of_several_levels_is_a_row_of_quantiles() -> None:
    best = measure_of(LEVELS, 0).constant(sample(Y), 2)
    expected = np.quantile(Y, (0.1, 0.5, 0.9), method="inverted_cdf")
    np.testing.assert_array_equal(best, np.tile(expected, (2, 1)))


def test_the_constant_of_classes_is_a_class_or_their_shares() -> None:
    y = np.repeat([0.0, 1.0, 2.0], (50, 30, 20))
    assert measure_of(by_matrix(GRADES), 3).constant(sample(y), 2).tolist() == [0.0, 0.0] or (
        measure_of(by_matrix(GRADES), 3).constant(sample(y), 2).tolist() == [1.0, 1.0]  # 0.7 grades off either way
    )
    shares = measure_of(PROBABILITY, 3).constant(sample(y), 4)
    np.testing.assert_allclose(shares, np.tile([0.5, 0.3, 0.2], (4, 1)), rtol=1e-9)
    rare = np.repeat([0.0, 1.0], (90, 10))
    assert measure_of(MISSED, 2).constant(sample(rare), 1).tolist() == [1.0]  # 20 * 0.1 > 0.9
    np.testing.assert_allclose(measure_of(PROBABILITY, 2).constant(sample(rare), 1), 0.1, rtol=1e-9)


@pytest.mark.parametrize(
    ("aim", "classes", "name"),
    [
        (FIVE_TO_ONE, 0, "cost per row"),
        (EVEN, 0, "mean absolute error"),
        (MEAN, 0, "root mean squared error"),
        (LEVELS, 0, "mean quantile loss"),
        (MISSED, 2, "cost per row"),
        (PROBABILITY, 2, "log loss"),
        (PROBABILITY, 3, "cross entropy"),
        (by_matrix(CostMatrix(zero_one(3))), 3, "cost per row"),
        (Aim(GRADES, Estimate("median"), False), 3, "grades off per row"),
        (Aim(UnderOver(0.9, 1 - 0.9), Estimate("quantile", (0.9,)), True), 0, "quantile loss per row"),
    ],
)
def test_the_measure_of_an_aim_has_the_name_people_know(aim: Aim, classes: int, name: str) -> None:
    assert measure_of(aim, classes).name == name


def test_only_squared_errors_are_shown_as_roots() -> None:
    assert measure_of(MEAN, 0).root
    assert not any(measure_of(aim, 2).root for aim in (FIVE_TO_ONE, MISSED, PROBABILITY))


def test_decisions_are_judged_after_the_rule_and_probabilities_before() -> None:
    measure = by_cost(CostMatrix(zero_one(3)), "share of wrong decisions")
    p = np.array([[0.2, 0.7, 0.1]])
    assert measure.per_row(sample([1.0]), p, CheapestClass(zero_one(3))).tolist() == [0.0]


def test_raw_predictions_are_the_inverse_of_the_link() -> None:
    p = np.array([0.25, 0.5])
    assert np.array_equal(raw_for("identity", p), p)
    assert raw_for("sigmoid", p)[1] == 0
    assert np.allclose(np.exp(raw_for("exp", p)), p, rtol=4e-16, atol=0)
    assert np.isnan(raw_for("exp", np.array([-1.0]))).all()
    assert raw_for("sigmoid", np.array([0.0, 1.0])).tolist() == [-np.inf, np.inf]
    # log1p(exp(z)) back: the subtraction of two numbers near p keeps all but a few bits
    np.testing.assert_allclose(np.log1p(np.exp(raw_for("softplus", p))), p, rtol=1e-15)
