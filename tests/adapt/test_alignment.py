"""Extra columns stay with their rows: under shuffling, bagging, subsets of subsets, folds, early stopping, in linear models
and in a study. The loss reads its true target from a column, so that one misplaced row changes the model."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from lossmith import loss as losses
from lossmith.adapt.in_lightgbm import for_lightgbm
from lossmith.adapt.lightgbm_steps import columns_in
from lossmith.adapt.linear import fit_linear
from lossmith.errors import AdapterError
from lossmith.loss.costs import from_costs

lightgbm = pytest.importorskip("lightgbm")

PARAMS: dict[str, Any] = {
    "verbosity": -1, "num_leaves": 7, "seed": 1, "num_threads": 1, "deterministic": True, "force_col_wise": True,
    "min_data_in_bin": 1, "feature_pre_filter": False, "min_data_in_leaf": 5,
}  # fmt: skip
N, ROUNDS = 600, 12
RNG = np.random.default_rng(4)
# few distinct values, so that a part of the rows has the bins of all
X = RNG.integers(0, 6, size=(N, 3)).astype(np.float64)
TRUTH = 3.0 * X[:, 0] - 2.0 * X[:, 1] + RNG.normal(size=N)
ROW = np.arange(1.0, N + 1.0)
COLUMNS = {"truth": TRUTH, "row": ROW}
NOTHING = np.zeros(N)


def revealing() -> Any:
    """The label is ignored but for a trifle: what is to be learned, and how much each row weighs, are columns."""
    return losses.define(target="real", columns=("truth", "row"), name="revealing")(
        lambda y, z, truth, row: row * (truth + 0 * y - z) ** 2
    ).using("numpy")


def cut(rows: Any) -> dict[str, Any]:
    return {name: values[rows] for name, values in COLUMNS.items()}


def trained(data: Any, columns: dict[str, Any], rounds: int = ROUNDS) -> Any:
    adapter = for_lightgbm(revealing(), columns=columns, curvature="exact")
    return lightgbm.train({**PARAMS, "objective": adapter.objective}, data, rounds)


def alone(rows: Any) -> Any:
    """The model of these rows by themselves."""
    return trained(lightgbm.Dataset(X[rows], NOTHING[rows], params=PARAMS), cut(rows)).predict(X, raw_score=True)


def whole() -> Any:
    return lightgbm.Dataset(X, NOTHING, params=PARAMS, free_raw_data=False)


def some(seed: int, n: int, of: int) -> Any:
    return np.sort(np.random.default_rng(seed).choice(of, n, replace=False))


def test_the_loss_of_these_tests_reveals_a_misplaced_row() -> None:
    moved = {name: np.roll(values, 1) for name, values in COLUMNS.items()}
    right, wrong = (trained(whole(), columns).predict(X, raw_score=True) for columns in (COLUMNS, moved))
    assert np.corrcoef(right, TRUTH)[0, 1] > 0.95 and abs(np.corrcoef(wrong, TRUTH)[0, 1]) < 0.5
    one = {name: values.copy() for name, values in COLUMNS.items()}
    one["truth"][[5, -1]] = one["truth"][[-1, 5]]
    assert not np.array_equal(trained(whole(), one).predict(X, raw_score=True), right)


def test_a_subset_is_the_cut_rows() -> None:
    rows = some(0, 350, N)
    found = trained(whole().subset(rows), COLUMNS).predict(X, raw_score=True)
    np.testing.assert_array_equal(found, alone(rows))


def test_a_subset_of_a_subset_of_a_subset_is_the_cut_rows() -> None:
    first, second, third = some(1, 500, N), some(2, 400, 500), some(3, 300, 400)
    chain = whole().subset(first).subset(second).subset(third)
    np.testing.assert_array_equal(trained(chain, COLUMNS).predict(X, raw_score=True), alone(first[second][third]))


def test_folds_of_cv_are_the_cut_rows_in_training_and_in_measuring() -> None:
    parts = np.array_split(np.random.default_rng(6).permutation(N), 3)
    folds = [(np.setdiff1d(np.arange(N), part), part) for part in parts]
    adapter = for_lightgbm(revealing(), columns=COLUMNS, curvature="exact")
    found = lightgbm.cv(
        {**PARAMS, "objective": adapter.objective, "metric": "None"}, whole(), ROUNDS, folds=folds,
        feval=adapter.metric, return_cvbooster=True, eval_train_metric=True,
    )  # fmt: skip
    models = [alone(fit) for fit, _ in folds]
    for booster, model in zip(found["cvbooster"].boosters, models, strict=True):
        np.testing.assert_array_equal(booster.predict(X, raw_score=True), model)
    for place, name in ((0, "train"), (1, "valid")):
        values = [
            adapter.loss.value(NOTHING[fold[place]], model[fold[place]], columns=cut(fold[place]))
            for fold, model in zip(folds, models, strict=True)
        ]
        # LightGBM adds its trees to the scores of a fold, and predicts them anew here: float64 sums of a dozen leaves
        np.testing.assert_allclose(found[f"{name} revealing-mean"][-1], np.mean(values), rtol=1e-12)


@pytest.mark.parametrize("extra", [
    {"bagging_fraction": 0.5, "bagging_freq": 1}, {"data_sample_strategy": "goss"}, {"feature_fraction": 0.5}, {},
], ids=["bagging", "goss", "some features", "plain"])  # fmt: skip
@pytest.mark.parametrize("own", [True, False], ids=["train", "lightgbm.train"])
def test_sampled_rows_keep_their_columns(extra: dict[str, Any], own: bool) -> None:
    """A column that multiplies the loss is a weight, however LightGBM chooses rows."""
    params = {**PARAMS, **extra}
    weighed, plain = (
        losses.define(target="real", columns=columns, name="costly")(formula).using("numpy")
        for columns, formula in ((("row",), lambda y, z, row: row * (y - z) ** 2), ((), lambda y, z: (y - z) ** 2))
    )
    y, unit = TRUTH.astype(np.float32).astype(np.float64), ROW / 64  # numbers that float32 holds
    ours = for_lightgbm(weighed, columns={"row": unit}, curvature="exact")
    theirs = for_lightgbm(plain, curvature="exact")
    if own:
        found = ours.train(X, y, params=params, rounds=ROUNDS, init=0.0)
        wanted = theirs.train(X, y, unit, params=params, rounds=ROUNDS, init=0.0)
    else:
        found = lightgbm.train({**params, "objective": ours.objective}, lightgbm.Dataset(X, y), ROUNDS)
        wanted = lightgbm.train({**params, "objective": theirs.objective}, lightgbm.Dataset(X, y, weight=unit), ROUNDS)
    # gradients may differ in the last place of float32, which is 6e-8 of them
    np.testing.assert_allclose(
        found.predict(X, raw_score=True), wanted.predict(X, raw_score=True), rtol=1e-5, atol=1e-5
    )


def test_the_order_of_rows_does_not_matter() -> None:
    order = np.random.default_rng(8).permutation(N)
    loss = revealing()
    found = for_lightgbm(loss, columns=cut(order)).train(X[order], NOTHING[order], params=PARAMS, rounds=ROUNDS)
    wanted = for_lightgbm(loss, columns=COLUMNS).train(X, NOTHING, params=PARAMS, rounds=ROUNDS)
    # sums in another order: float64 over 600 rows, far below any split's gain
    np.testing.assert_allclose(found.predict(X), wanted.predict(X), rtol=1e-9)


def test_rows_of_weight_zero_take_their_columns_with_them() -> None:
    weight = np.ones(N)
    weight[::3] = 0.0
    spoiled = {name: np.where(weight == 0, np.nan, values) for name, values in COLUMNS.items()}
    found = for_lightgbm(revealing(), columns=spoiled).train(X, NOTHING, weight, params=PARAMS, rounds=ROUNDS)
    rows = np.flatnonzero(weight)
    wanted = for_lightgbm(revealing(), columns=cut(rows)).train(X[rows], NOTHING[rows], params=PARAMS, rounds=ROUNDS)
    np.testing.assert_array_equal(found.predict(X), wanted.predict(X))


def test_early_stopping_measures_validation_rows_by_their_own_columns() -> None:
    fit, held = np.arange(0, N, 2), np.arange(1, N, 2)
    loss, seen = revealing(), []
    model = for_lightgbm(loss, columns=cut(fit)).train(
        X[fit], NOTHING[fit], params={**PARAMS, "learning_rate": 0.5}, rounds=200, early_stopping_rounds=5,
        valid=(X[held], NOTHING[held], None, cut(held)), on_round=lambda done, value: seen.append(value),
    )  # fmt: skip
    value = loss.value(NOTHING[held], model.predict(X[held]), columns=cut(held))
    assert len(seen) < 200
    np.testing.assert_allclose(min(seen), value, rtol=1e-12)


def test_a_validation_set_of_ones_own_knows_its_columns_once_told() -> None:
    fit, held = np.arange(400), np.arange(400, N)
    adapter = for_lightgbm(revealing(), columns=cut(fit), curvature="exact")
    data = lightgbm.Dataset(X[fit], NOTHING[fit], params=PARAMS)
    valid = adapter.with_columns(data.create_valid(X[held], NOTHING[held]), cut(held))
    seen: dict[str, Any] = {}
    model = lightgbm.train(
        {**PARAMS, "objective": adapter.objective, "metric": "None"}, data, ROUNDS, valid_sets=[data, valid],
        valid_names=["fit", "held"], feval=adapter.metric, callbacks=[lightgbm.record_evaluation(seen)],
    )  # fmt: skip
    for name, rows in (("fit", fit), ("held", held)):
        value = adapter.loss.value(NOTHING[rows], model.predict(X[rows], raw_score=True), columns=cut(rows))
        np.testing.assert_allclose(seen[name]["revealing"][-1], value, rtol=1e-12)
    part = some(9, 100, len(held))
    found = columns_in(valid.subset(part).construct(), adapter.columns)
    assert found is not None
    np.testing.assert_array_equal(found["row"], ROW[held][part])


# Refusals ---------------------------------------------------------------------------------------------------------


def test_a_validation_set_with_unknown_columns_is_refused_although_its_length_fits() -> None:
    adapter = for_lightgbm(revealing(), columns=COLUMNS)
    data = whole()
    valid = data.create_valid(X, NOTHING, params=PARAMS).construct()
    with pytest.raises(AdapterError, match=r"LM415 .*\(truth, row\) are not known.*with_columns"):
        adapter.metric(NOTHING, valid)


def test_a_validation_set_is_no_matter_where_the_loss_has_no_columns() -> None:
    adapter = for_lightgbm(losses.get("squared_error").using("numpy"))
    assert adapter.metric(NOTHING, whole().create_valid(X, NOTHING, params=PARAMS).construct())[1] == 0.0


@pytest.mark.parametrize("rows", [N - 1, N + 1])
def test_columns_of_another_length_than_the_training_set_are_refused(rows: int) -> None:
    columns = {"truth": np.resize(TRUTH, rows), "row": np.resize(ROW, rows)}
    adapter = for_lightgbm(revealing(), columns=columns)
    part = whole().subset(some(0, 100, N)).construct()
    for request in (
        lambda: adapter.objective(np.zeros(N), whole().construct()), lambda: adapter.objective(np.zeros(100), part),
        lambda: adapter.train(X, NOTHING), lambda: adapter.policy(NOTHING),
        lambda: fit_linear(revealing(), X, NOTHING, columns=columns),
    ):  # fmt: skip
        with pytest.raises(AdapterError, match=f'LM416 the column "truth" has {rows} .* for {N} rows'):
            request()


def test_a_single_number_is_no_column() -> None:
    with pytest.raises(AdapterError, match=r'LM416 the column "row" has a single value'):
        for_lightgbm(revealing(), columns={"truth": TRUTH, "row": 1.0}).train(X, NOTHING)


def test_a_missing_value_in_a_column_is_named_by_its_row() -> None:
    spoiled = {**COLUMNS, "row": np.where(np.arange(N) % 200 == 7, np.nan, ROW)}
    sentence = r'LM417 the column "row" is missing \(NaN\) in row 7 \(3 such rows\)'
    with pytest.raises(AdapterError, match=sentence):
        for_lightgbm(revealing(), columns=spoiled).train(X, NOTHING)
    with pytest.raises(AdapterError, match=sentence):
        for_lightgbm(revealing(), columns=spoiled).objective(np.zeros(N), whole().construct())
    with pytest.raises(AdapterError, match=sentence):
        fit_linear(revealing(), X, NOTHING, columns=spoiled)


def test_valid_without_the_columns_is_refused_before_any_round() -> None:
    rounds: list[int] = []
    with pytest.raises(AdapterError, match="LM414 valid lacks the columns of revealing: truth, row"):
        for_lightgbm(revealing(), columns=COLUMNS).train(
            X, NOTHING, valid=(X, NOTHING), on_round=lambda done, value: rounds.append(done)
        )
    assert rounds == []


# Linear models and the study --------------------------------------------------------------------------------------


@pytest.mark.parametrize("costs", [{"under": "late", "over": "early"}, {"under": 3, "over": 1, "column": "late"}])
def test_linear_models_keep_rows_and_columns_together(costs: dict[str, Any]) -> None:
    design = from_costs(**costs)
    columns = {"late": RNG.uniform(1, 9, N), "early": RNG.uniform(1, 9, N)}
    columns = {name: columns[name] for name in design.columns}
    order, weight = RNG.permutation(N), np.where(np.arange(N) % 4 == 0, 0.0, 1.0)
    for loss in (design.loss.using("numpy"), design.smooth.bind(width=0.25).using("numpy")):
        base = fit_linear(loss, X, TRUTH, weight, columns=columns)
        moved = fit_linear(
            loss, X[order], TRUTH[order], weight[order], columns={k: v[order] for k, v in columns.items()}
        )
        rows = np.flatnonzero(weight)
        fewer = fit_linear(loss, X[rows], TRUTH[rows], columns={k: v[rows] for k, v in columns.items()})
        wrong = fit_linear(loss, X, TRUTH, weight, columns={k: np.roll(v, 1) for k, v in columns.items()})
        for same in (moved, fewer):
            np.testing.assert_allclose(same.objective, base.objective, rtol=1e-9)
        assert abs(wrong.objective - base.objective) > 1e-4 * base.objective


@pytest.mark.parametrize("model", ["boosted", "linear"])
def test_a_fold_of_a_study_is_the_cut_rows_with_their_costs(model: str) -> None:
    from lossmith.advise.models.candidate import Candidate
    from lossmith.advise.models.plan import Plan
    from lossmith.advise.models.train import Material, Task, train

    order = np.random.default_rng(12).permutation(N)
    fit, stop = order[:300], order[300:450]
    plan, candidate = Plan(300, 1, 0, True, model), Candidate("quantile", {"level": 0.8}, by_cost=True)

    def predictions(rows: Any, stakes: Any, fit: Any, stop: Any) -> Any:
        material = Material(X[rows], (), TRUTH[rows], "real", weight=1.0 + X[rows, 2], row_costs=stakes[rows])
        return train(Task(candidate, material, fit, stop, plan, 30))[0].predict(X).y_pred

    whole_study = predictions(np.arange(N), ROW, fit, stop)
    cut_out = predictions(np.concatenate([fit, stop]), ROW, np.arange(300), np.arange(300, 450))
    np.testing.assert_array_equal(whole_study, cut_out)
    assert not np.array_equal(whole_study, predictions(np.arange(N), np.roll(ROW, 1), fit, stop))
