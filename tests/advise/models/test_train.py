"""Trainings fold by fold: the rows of a job do that job alone, and the model handed out is the one that was judged."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from lossmith.advise.data.split import Fold, Layout, Split, split_rows
from lossmith.advise.models import train as module
from lossmith.advise.models.candidate import Candidate
from lossmith.advise.models.first import first_look
from lossmith.advise.models.model import OWN_OBJECTIVES, Boosted, Linear, Prediction, Several, own_objective
from lossmith.advise.models.plan import PATIENCE, QUICK_ROUNDS, ROUNDS, Plan, model_settings
from lossmith.advise.models.train import Material, Task, Trained, cut_columns, cut_points, refit, train, train_all
from lossmith.errors import LossmithError
from tests.sampling import every

N = 400
RNG = np.random.default_rng(0)
X = np.column_stack([RNG.normal(size=N), RNG.normal(size=N), RNG.integers(0, 3, N)])
LINE = X[:, 0] + 0.5 * (X[:, 2] == 1) + 0.5 * RNG.normal(size=N)
TARGETS: dict[str, Any] = {
    "real": LINE,
    "positive": np.exp(LINE),
    "count": RNG.poisson(np.exp(0.5 * LINE)).astype(np.float64),
    "binary": (LINE > 0.5).astype(np.float64),
    "class": np.digitize(LINE, [-0.4, 0.6]).astype(np.float64),
    "ordinal": np.digitize(LINE, [-0.4, 0.6]).astype(np.float64),
}
CLASSES = {"binary": 2, "class": 3, "ordinal": 3}
DEFAULT = Candidate("squared_error", is_default=True)


def material(kind: str = "real", **more: Any) -> Material:
    return Material(X, (2,), TARGETS[kind], kind, CLASSES.get(kind, 0), **more)


def plan(model: str = "linear", **more: Any) -> Plan:
    return Plan(220, 1, 0, True, model, **more)


def split(kind: str = "real", folds: int = 2) -> Split:
    whole = split_rows(Layout(TARGETS[kind], CLASSES.get(kind, 0)), seed=0, quick=True)
    return replace(whole, folds=whole.folds[:folds])


def trained(candidate: Candidate, kind: str = "real", model: str = "linear", **more: Any) -> Trained:
    found = train_all((replace(candidate, is_default=True),), material(kind, **more), split(kind), plan(model), quiet)
    return found.trained[0]


def quiet(what: str, share: float) -> None:
    """Tell nobody."""


CASES = [
    ("real", Candidate("squared_error"), 1),
    ("real", Candidate("quantile", {"level": 5 / 6}), 1),
    ("real", Candidate("quantile", {"level": 0.1}, levels=(0.1, 0.5, 0.9)), 3),
    ("real", Candidate("", formula="where(y>z, 5, 1)*abs(y-z)"), 1),
    ("positive", Candidate("gamma", kind="positive"), 1),
    ("count", Candidate("poisson", kind="count"), 1),
    ("binary", Candidate("binary_cross_entropy", kind="binary"), 1),
    ("binary", Candidate("binary_cross_entropy", kind="binary", class_weight=(1.0, 20.0)), 1),
    ("class", Candidate("cross_entropy", kind="class"), 3),
    ("ordinal", Candidate("ordinal", kind="ordinal"), 1),
]


@pytest.mark.parametrize("model", ["linear", "boosted"])
@pytest.mark.parametrize(("kind", "candidate", "outputs"), every(2, CASES))
def test_every_loss_learns_predicts_and_is_refitted(kind: str, candidate: Candidate, outputs: int, model: str) -> None:
    found = trained(candidate, kind, model)
    shape = (outputs,) if outputs > 1 else ()
    for fold, run in zip(split(kind).folds, found.runs, strict=True):
        assert run.tune.y_pred.shape == (len(fold.tune), *shape)
        assert run.compare.y_pred.shape == run.compare.raw.shape == (len(fold.compare), *shape)
        assert np.isfinite(run.compare.raw).all()
        again = run.model.predict(X[fold.compare])
        np.testing.assert_array_equal(again.y_pred, run.compare.y_pred)
    handed = refit(found, material(kind), np.arange(N), plan(model))
    said = handed.predict(X)
    assert said.y_pred.shape == (N, *shape)
    assert np.isfinite(said.raw).all()


@pytest.mark.parametrize("model", ["linear", "boosted"])
def test_models_learn_more_than_a_constant(model: str) -> None:
    run = trained(DEFAULT, model=model).runs[0]
    y = LINE[split().folds[0].compare]
    assert np.mean((y - run.compare.y_pred) ** 2) < 0.6 * y.var()


def test_the_best_of_a_quantile_lies_above_the_mean() -> None:
    high = trained(Candidate("quantile", {"level": 0.9})).runs[0].compare.y_pred
    share = float(np.mean(LINE[split().folds[0].compare] <= high))
    assert abs(share - 0.9) < 4 * np.sqrt(0.09 / 80) + 0.05  # 80 rows, and a model of 220


# Jobs ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", ["linear", "boosted"])
def test_tune_and_compare_rows_teach_nothing(model: str) -> None:
    one = split(folds=1)
    fold = one.folds[0]
    spoiled = LINE.copy()
    spoiled[np.concatenate([fold.tune, fold.compare])] = 1e6
    first, second = (
        train_all((DEFAULT,), replace(material(), y=y), one, plan(model), quiet).trained[0].runs[0]
        for y in (LINE, spoiled)
    )
    np.testing.assert_array_equal(first.compare.y_pred, second.compare.y_pred)
    assert first.rounds == second.rounds


@pytest.mark.parametrize("model", ["linear", "boosted"])
def test_rows_of_weight_zero_are_absent(model: str) -> None:
    one = split(folds=1)
    weight = np.ones(N)
    weight[one.folds[0].fit[::5]] = 0.0
    wild = np.where(weight == 0, 1e6, LINE)
    first, second = (
        train_all((DEFAULT,), replace(material(weight=weight), y=y), one, plan(model), quiet).trained[0].runs[0]
        for y in (LINE, wild)
    )
    np.testing.assert_array_equal(first.compare.y_pred, second.compare.y_pred)


def test_what_an_error_costs_weighs_the_rows_of_those_losses_alone() -> None:
    costs = np.where(X[:, 1] > 0, 10.0, 0.1)
    assert material(row_costs=costs).weights(np.arange(3), by_cost=False) is None
    np.testing.assert_array_equal(material(row_costs=costs).weights(np.arange(3), by_cost=True), costs[:3])
    both = material(row_costs=costs, weight=np.full(N, 2.0)).weights(np.arange(3), by_cost=True)
    np.testing.assert_array_equal(both, 2 * costs[:3])
    plain = trained(Candidate("absolute_error"), row_costs=costs).runs[0].compare.y_pred
    weighed = trained(Candidate("absolute_error", by_cost=True), row_costs=costs).runs[0].compare.y_pred
    assert not np.array_equal(plain, weighed)


def test_folds_train_with_seeds_of_their_own_and_repeat() -> None:
    first, again = (trained(DEFAULT, model="boosted") for _ in range(2))
    for one, other in zip(first.runs, again.runs, strict=True):
        np.testing.assert_array_equal(one.compare.raw, other.compare.raw)


def test_the_middle_number_of_rounds_is_handed_out() -> None:
    found = trained(DEFAULT, model="boosted")
    assert found.rounds == int(np.median([run.rounds for run in found.runs]))
    assert all(1 <= run.rounds <= QUICK_ROUNDS for run in found.runs)
    handed = refit(found, material(), np.arange(N), plan("boosted"))
    assert isinstance(handed, Boosted)
    assert handed.booster.current_iteration() == found.rounds


def test_the_middle_penalty_is_handed_out() -> None:
    found = trained(DEFAULT)
    models = [run.model for run in found.runs]
    handed = refit(found, material(), np.arange(N), plan())
    assert isinstance(handed, Linear) and all(isinstance(model, Linear) for model in models)
    assert handed.fitted.penalty in [model.fitted.penalty for model in models]  # type: ignore[attr-defined]


# What cannot be trained ---------------------------------------------------------------------------------------------


def test_a_loss_that_refuses_the_data_is_left_out_with_its_reason() -> None:
    found = train_all((DEFAULT, Candidate("gamma")), material(), split(), plan(), quiet)
    assert [t.candidate.loss_name for t in found.trained] == ["squared_error"]
    assert [(c.loss_name, "greater than 0" in why) for c, why in found.failed] == [("gamma", True)]
    assert found.folds == 2


def test_the_usual_loss_may_not_fail() -> None:
    with pytest.raises(LossmithError, match="greater than 0"):
        train_all((Candidate("gamma", is_default=True), Candidate("huber")), material(), split(), plan(), quiet)


def test_a_time_limit_ends_after_a_whole_fold() -> None:
    over = plan(deadline=time.monotonic() - 1)
    found = train_all((DEFAULT, Candidate("huber")), material(), split(), over, quiet)
    assert found.folds == 1
    assert all(len(t.runs) == 1 for t in found.trained)


def test_progress_is_told_and_rises() -> None:
    shares: list[float] = []
    train_all((DEFAULT, Candidate("huber")), material(), split(), plan(), lambda what, share: shares.append(share))
    assert shares == [0.25, 0.5, 0.75, 1.0]


def test_an_interruption_ends_the_trainings_that_run() -> None:
    def stops(what: str, share: float) -> None:
        raise KeyboardInterrupt

    before = threading.active_count()
    with pytest.raises(KeyboardInterrupt):
        train_all((DEFAULT, Candidate("huber")), material(), split(), plan("boosted"), stops)
    assert threading.active_count() == before


# The library's own --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "name", "parameters"),
    [
        ("real", "squared_error", {}),
        ("real", "quantile", {"level": 5 / 6}),
        ("count", "poisson", {}),
        ("binary", "binary_cross_entropy", {}),
        ("class", "cross_entropy", {}),
    ],
)
def test_the_librarys_own_objective_is_trained_by_the_library(kind: str, name: str, parameters: Any) -> None:
    found = trained(Candidate(name, parameters, own=True, kind=kind), kind, "boosted")
    model = found.runs[0].model
    assert isinstance(model, Boosted)
    settings = own_objective(name, parameters, kind, CLASSES.get(kind, 0))
    assert settings is not None
    assert f"objective={settings['objective']}" in model.booster.model_to_string()
    y_pred = found.runs[0].compare.y_pred
    assert y_pred.min() >= 0 or kind == "real"


def test_an_objective_that_the_library_lacks_is_none() -> None:
    assert own_objective("focal", {"gamma": 2.0}, "binary", 2) is None
    assert own_objective("poisson", {"surprise": 1.0}, "count", 0) is None
    assert {own_objective(name, {}, "real", 0)["objective"] for name in OWN_OBJECTIVES} >= {"regression", "huber"}  # type: ignore[index]


# Ordered grades -----------------------------------------------------------------------------------------------------


def test_cut_points_are_the_log_odds_of_the_shares_below() -> None:
    y = np.repeat([0.0, 1.0, 2.0], (10, 30, 60))
    expected = [np.log(0.1 / 0.9), np.log(0.4 / 0.6)]
    np.testing.assert_allclose(cut_points(y, 3), expected, rtol=1e-14)
    missing = cut_points(np.repeat([0.0, 2.0], 50), 3)
    assert np.all(np.diff(missing) > 0) and np.isfinite(missing).all()


def test_cut_columns_hold_what_lies_around_a_grade() -> None:
    low, high = cut_columns(np.array([0.0, 1.0, 2.0]), np.array([-1.0, 1.0]))
    assert low.tolist() == [-np.inf, -1.0, 1.0]
    assert high.tolist() == [-1.0, 1.0, np.inf]


def test_grades_are_put_in_order_on_one_line() -> None:
    run = trained(Candidate("ordinal", kind="ordinal"), "ordinal").runs[0]
    y = TARGETS["ordinal"][split("ordinal").folds[0].compare]
    means = [run.compare.raw[y == grade].mean() for grade in range(3)]
    assert means == sorted(means)


# Plans --------------------------------------------------------------------------------------------------------------


def test_rounds_keep_the_work_within_bounds() -> None:
    assert Plan(1_000, 1, 0).rounds == ROUNDS
    assert Plan(10_000_000, 1, 0).rounds == 50
    assert Plan(100_000, 20, 0).rounds == 200
    assert Plan(1_000, 1, 0, quick=True).rounds == QUICK_ROUNDS
    assert Plan(1_000, 1, 0).patience == PATIENCE
    assert not Plan(1_000, 1, 0).is_over


def test_few_rows_have_small_leaves() -> None:
    assert model_settings(100, 0)["min_data_in_leaf"] == 2
    assert model_settings(10_000, 0)["min_data_in_leaf"] == 20
    assert model_settings(100, 7)["seed"] == 7


# A first look -------------------------------------------------------------------------------------------------------


def test_a_first_look_predicts_rows_that_it_did_not_see() -> None:
    fold = split().folds[0]
    first = first_look(material(), fold, plan())
    assert first is not None
    np.testing.assert_array_equal(first.y, LINE[fold.tune])
    assert np.mean((first.y - first.y_pred) ** 2) < 0.6 * first.y.var()
    assert first_look(material("binary"), split("binary").folds[0], plan()) is None


# Models -------------------------------------------------------------------------------------------------------------


def test_several_models_have_a_file_each() -> None:
    found = trained(Candidate("quantile", {"level": 0.1}, levels=(0.1, 0.9)))
    model = found.runs[0].model
    assert isinstance(model, Several)
    assert sorted(model.files("model")) == ["model-1.json", "model-2.json"]


def test_a_task_trains_without_stop_rows_for_so_many_rounds() -> None:
    task = Task(DEFAULT, material(), np.arange(N), None, plan("boosted"), 7)
    model, rounds = train(task)
    assert rounds == 7
    assert isinstance(model, Boosted) and model.booster.current_iteration() == 7


def test_predictions_are_taken_row_by_row() -> None:
    said = Prediction(np.arange(4.0), np.arange(8.0).reshape(4, 2)).take(np.array([2, 0]))
    assert said.raw.tolist() == [2.0, 0.0]
    assert said.y_pred.tolist() == [[4.0, 5.0], [0.0, 1.0]]


def test_a_fold_of_few_rows_can_be_learned() -> None:
    rows = np.arange(30)
    few = Fold(rows[:18], rows[18:22], rows[22:26], rows[26:])
    found = train_all((DEFAULT,), material(), replace(split(), folds=(few,)), plan("boosted"), quiet)
    assert found.trained[0].runs[0].compare.y_pred.shape == (4,)
    assert module.TRAINERS.keys() == {"boosted", "linear", "own"}
