"""Losses in scikit-learn's own tools: clones, searches over a loss's parameters, pipelines, weights routed, saved models."""

import subprocess
import sys

import joblib
import numpy as np
import pytest
from sklearn import config_context
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import TransformedTargetRegressor
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.metrics import check_scoring
from sklearn.model_selection import GridSearchCV, cross_val_score, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import lossmith as ls
from lossmith.adapt.in_sklearn.boosted_models import BoostedLossClassifier, BoostedLossRegressor
from lossmith.adapt.in_sklearn.linear_models import LinearLossClassifier, LinearLossRegressor

X, Y = load_diabetes(return_X_y=True)
CANCER = load_breast_cancer(return_X_y=True)
SCALED = StandardScaler().fit_transform(CANCER[0])


def get(name, **parameters):
    return ls.get(name, **parameters).using("numpy")


def test_parameters_of_the_loss_are_parameters_of_the_estimator():
    model = ls.for_sklearn(get("huber", delta=2.0)).linear(penalty=0.1)
    assert isinstance(model, LinearLossRegressor) and model.get_params()["loss__delta"] == 2.0
    copy = clone(model).set_params(loss__delta=3.0)
    assert copy.loss == get("huber", delta=3.0) and model.loss == get("huber", delta=2.0)
    assert copy.set_params(loss=get("quantile"), loss__level=0.3).get_params()["loss__level"] == 0.3


def test_the_target_says_which_estimator():
    kinds = [(type(ls.for_sklearn(n).linear()), type(ls.for_sklearn(n).boosted())) for n in ("poisson", "focal")]
    assert kinds == [(LinearLossRegressor, BoostedLossRegressor), (LinearLossClassifier, BoostedLossClassifier)]


@pytest.mark.parametrize("kind", [LinearLossRegressor, BoostedLossRegressor])
def test_a_search_over_the_loss_s_parameters(kind):
    own = {"penalty": [0.0, 1e-3]} if kind is LinearLossRegressor else {"num_leaves": [3, 7]}
    extra = {} if kind is LinearLossRegressor else {"rounds": 5, "n_jobs": 1}
    judge = ls.for_sklearn(get("absolute_error")).scorer
    search = GridSearchCV(kind(get("huber"), **extra), {"loss__delta": [1.0, 50.0], **own}, scoring=judge, cv=3).fit(
        X, Y
    )
    assert set(search.best_params_) == {"loss__delta", *own}
    assert search.best_estimator_.loss.parameters["delta"] == search.best_params_["loss__delta"]
    assert len(set(search.cv_results_["mean_test_score"])) == 4
    refit = kind(get("huber", delta=search.best_params_["loss__delta"]), **extra)
    refit.set_params(**search.best_params_).fit(X, Y)
    np.testing.assert_array_equal(search.predict(X), refit.predict(X))


def test_cross_validation_with_a_loss_equals_its_own_value():
    model = LinearLossClassifier(penalty=0.01)
    found = cross_val_score(model, SCALED, CANCER[1], scoring=ls.for_sklearn("log_loss").scorer, cv=3)
    theirs = cross_val_score(model, SCALED, CANCER[1], scoring="neg_log_loss", cv=3)
    np.testing.assert_allclose(found, theirs, rtol=1e-9)


def test_in_a_pipeline_with_names():
    frame, y = load_diabetes(return_X_y=True, as_frame=True)
    pipe = make_pipeline(StandardScaler().set_output(transform="pandas"), LinearLossRegressor(get("log_cosh")))
    pipe.fit(frame, y)
    assert pipe[-1].feature_names_in_.tolist() == list(frame.columns)
    pipe.set_params(linearlossregressor__loss=get("huber"), linearlossregressor__loss__delta=20.0)
    assert pipe.fit(frame, y)[-1].loss_.parameters == {"delta": 20.0}
    found = ls.for_sklearn("absolute_error").scorer(pipe, frame, y)
    assert found == pytest.approx(-np.abs(pipe.predict(frame) - y).mean(), rel=1e-12)


def test_calibration_and_transformed_targets():
    calibrated = CalibratedClassifierCV(LinearLossClassifier(get("focal"), penalty=0.01), cv=3).fit(SCALED, CANCER[1])
    assert calibrated.score(SCALED, CANCER[1]) > 0.95
    logs = TransformedTargetRegressor(LinearLossRegressor(), func=np.log, inverse_func=np.exp).fit(X, Y)
    assert logs.score(X, Y) > 0.4


def test_weights_are_routed_to_the_fit_and_to_the_scorer():
    weight = np.random.default_rng(0).uniform(0.1, 3.0, len(Y))
    with config_context(enable_metadata_routing=True):
        model = LinearLossRegressor(get("huber", delta=30.0)).set_fit_request(sample_weight=True)
        scorer = ls.for_sklearn(get("absolute_error")).scorer.set_score_request(sample_weight=True)
        found = cross_validate(model, X, Y, params={"sample_weight": weight}, scoring=scorer, cv=3, return_indices=True)
    train, test = found["indices"]["train"][0], found["indices"]["test"][0]
    alone = LinearLossRegressor(get("huber", delta=30.0)).fit(X[train], Y[train], sample_weight=weight[train])
    errors = np.abs(alone.predict(X[test]) - Y[test])
    assert found["test_score"][0] == pytest.approx(-np.average(errors, weights=weight[test]), rel=1e-12)


def test_a_scorer_is_one_of_scikit_learn_s():
    scorer = ls.for_sklearn("poisson").scorer
    assert check_scoring(LinearLossRegressor(), scoring=scorer) is scorer


READ = """
import sys, joblib
for model, X, raw in joblib.load(sys.argv[1]):
    assert (model.raw_prediction(X) == raw).all(), f"other bits of {model}"
print("the same bits")
"""


def test_saved_models_predict_the_same_bits_in_a_fresh_process(tmp_path):
    text = "log(cosh(y - z)) + c * (y - z)**2"
    loss = ls.parse(text, target="real", parameters={"c": (0.1, "positive")})
    models = [
        (LinearLossRegressor(loss.using("numpy"), penalty=0.1).fit(X, Y / 50), X),
        (LinearLossClassifier(get("focal"), penalty=0.1).fit(SCALED, CANCER[1]), SCALED),
        (BoostedLossRegressor(get("expectile"), rounds=5, n_jobs=1).fit(X, Y), X),
        (BoostedLossClassifier(rounds=5, n_jobs=1).fit(SCALED, CANCER[1]), SCALED),
    ]
    joblib.dump([(model, table, model.raw_prediction(table)) for model, table in models], tmp_path / "models")
    done = subprocess.run([sys.executable, "-c", READ, tmp_path / "models"], capture_output=True, text=True)
    assert done.stdout == "the same bits\n", done.stderr
