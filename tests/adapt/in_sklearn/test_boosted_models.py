"""The boosted models: LightGBM's own predictions where it has the objective, early stopping, categories, what is kept.

Bound: LightGBM computes its objectives in float32, so that a prediction may be off by some 1e-6 of its size a round; measured
on these cases at most 1e-6 in all.
"""

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine

import lossmith as ls
from lossmith.adapt.in_sklearn.boosted_models import BoostedLossClassifier, BoostedLossRegressor

lightgbm = pytest.importorskip("lightgbm")

CLOSE = 1e-6
PLAIN = {"learning_rate": 0.1, "num_leaves": 7, "min_data_in_leaf": 20, "verbosity": -1, "num_threads": 1, "seed": 0}
OURS = {"rounds": 20, "num_leaves": 7, "n_jobs": 1, "random_state": 0}


def weights_of(y, weighted):
    return np.random.default_rng(5).uniform(0.2, 3.0, len(y)) if weighted else None


@pytest.mark.parametrize("weighted", [False, True])
def test_squared_error_is_lightgbm_s_own(weighted):
    X, y = load_diabetes(return_X_y=True)
    weight = weights_of(y, weighted)
    own = lightgbm.train(PLAIN | {"objective": "l2"}, lightgbm.Dataset(X, y, weight=weight), 20)
    model = BoostedLossRegressor(**OURS).fit(X, y, sample_weight=weight)
    np.testing.assert_allclose(model.predict(X), own.predict(X), rtol=CLOSE)


@pytest.mark.parametrize("weighted", [False, True])
def test_log_loss_is_lightgbm_s_own(weighted):
    X, y = load_breast_cancer(return_X_y=True)
    weight = weights_of(y, weighted)
    own = lightgbm.train(PLAIN | {"objective": "binary"}, lightgbm.Dataset(X, y, weight=weight), 20)
    model = BoostedLossClassifier(**OURS).fit(X, y, sample_weight=weight)
    np.testing.assert_allclose(model.predict_proba(X)[:, 1], own.predict(X), rtol=CLOSE)
    np.testing.assert_allclose(model.raw_prediction(X), own.predict(X, raw_score=True), rtol=CLOSE, atol=CLOSE)
    np.testing.assert_array_equal(model.decision_function(X) > 0, model.predict(X) == 1)


def test_classes_by_name():
    X, y = load_wine(return_X_y=True)
    names = np.array(["c", "a", "b"])[y]
    model = BoostedLossClassifier("softmax_focal", **OURS).fit(X, names)
    assert model.classes_.tolist() == ["a", "b", "c"]
    assert (model.predict(X) == names).mean() > 0.98
    assert model.n_iter_ == 20
    np.testing.assert_allclose(model.predict_proba(X).sum(axis=1), 1, rtol=1e-12)


def test_the_start_is_kept_in_the_model():
    X, y = load_diabetes(return_X_y=True)
    model = (
        BoostedLossRegressor("quantile", rounds=1, learning_rate=1e-9, n_jobs=1).set_params(loss__level=0.9).fit(X, y)
    )
    assert model.predict(X) == pytest.approx(ls.get("quantile", level=0.9).best_constant(y), rel=1e-6)


def test_early_stopping_keeps_the_best_round():
    X, y = load_diabetes(return_X_y=True)
    given = {"learning_rate": 0.3, "n_jobs": 1, "random_state": 0}
    model = BoostedLossRegressor("huber", rounds=200, early_stopping_rounds=5, **given).set_params(loss__delta=30.0)
    model.fit(X, y)
    assert model.n_iter_ < 100
    again = BoostedLossRegressor("huber", rounds=200, early_stopping_rounds=5, **given).set_params(loss__delta=30.0)
    np.testing.assert_array_equal(again.fit(X, y).predict(X), model.predict(X))


def test_early_stopping_on_rows_of_classes_and_weights():
    X, y = load_wine(return_X_y=True)
    model = BoostedLossClassifier(
        rounds=100, early_stopping_rounds=3, validation_fraction=0.3, n_jobs=1, random_state=1
    )
    model.fit(X, y, sample_weight=weights_of(y, True))
    assert 1 <= model.n_iter_ < 100 and (model.predict(X) == y).mean() > 0.9


def test_categories_and_missing_values():
    rng = np.random.default_rng(0)
    code = rng.integers(0, 12, 600)
    y = rng.normal(size=12)[code]
    X = np.column_stack([code, rng.normal(size=600)]).astype(float)
    X[::7, 1] = np.nan
    few = {"rounds": 15, "num_leaves": 3, "learning_rate": 0.3, "n_jobs": 1}
    plain, told = (BoostedLossRegressor(categorical_feature=c, **few).fit(X, y).score(X, y) for c in (None, [0]))
    assert told > plain


def test_lightgbm_s_other_parameters_pass_through():
    X, y = load_diabetes(return_X_y=True)
    small = BoostedLossRegressor(rounds=3, params={"max_depth": 1}, n_jobs=1).fit(X, y)
    assert small.booster_.trees_to_dataframe()["node_depth"].max() == 2
    assert small.feature_importances_.sum() == 3


@pytest.mark.parametrize(
    ("other", "ours"),
    [
        ({"eta": 0.5}, {"learning_rate": 0.5}),
        ({"max_leaves": 3}, {"num_leaves": 3}),
        ({"min_child_samples": 99}, {"min_data_in_leaf": 99}),
    ],
)
def test_lightgbm_s_other_names_take_the_place_of_ours(other, ours):
    X, y = load_diabetes(return_X_y=True)
    found = BoostedLossRegressor(rounds=3, params=other, n_jobs=1).fit(X, y).predict(X)
    np.testing.assert_array_equal(found, BoostedLossRegressor(rounds=3, n_jobs=1, **ours).fit(X, y).predict(X))
    assert np.any(found != BoostedLossRegressor(rounds=3, n_jobs=1).fit(X, y).predict(X))


def test_names_of_features_are_compared():
    frame, y = load_diabetes(return_X_y=True, as_frame=True)
    model = BoostedLossRegressor(rounds=3, n_jobs=1).fit(frame, y)
    assert model.feature_names_in_.tolist() == list(frame.columns)
    with pytest.raises(ValueError, match="feature names"):
        model.predict(frame[frame.columns[::-1]])
