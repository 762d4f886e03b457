"""Scorers: minus the loss of raw predictions, of probabilities through the link's inverse, of predictions; never clipped."""

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_wine
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.linear_model import LinearRegression, LogisticRegression, PoissonRegressor
from sklearn.metrics import log_loss, mean_poisson_deviance
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

import lossmith as ls
from lossmith.adapt.in_sklearn.linear_models import LinearLossClassifier, LinearLossRegressor
from lossmith.adapt.in_sklearn.scorers import before_link
from lossmith.errors import AdapterError


def get(name, **parameters):
    return ls.get(name, **parameters).using("numpy")


def scaled(load):
    X, y = load(return_X_y=True)
    return StandardScaler().fit_transform(X), y


CANCER, WINE = scaled(load_breast_cancer), scaled(load_wine)


@pytest.mark.parametrize(("name", "data"), [("log_loss", CANCER), ("cross_entropy", WINE)])
@pytest.mark.parametrize("weighted", [False, True])
def test_probabilities_of_others_cost_what_scikit_learn_says(name, data, weighted):
    X, y = data
    weight = np.random.default_rng(1).uniform(0.1, 2, len(y)) if weighted else None
    labels = np.array(["x", "a", "m"])[y]
    model = LogisticRegression(C=0.1).fit(X, labels)
    found = ls.for_sklearn(get(name)).scorer(model, X, labels, sample_weight=weight)
    assert found == pytest.approx(-log_loss(labels, model.predict_proba(X), sample_weight=weight), rel=1e-12)


def test_predictions_on_the_target_s_scale():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(100, 2))
    y = rng.poisson(np.exp(X[:, 0])).astype(float)
    model = PoissonRegressor().fit(X, y)
    scorer = ls.for_sklearn(get("poisson")).scorer
    own = LinearLossRegressor(get("poisson")).fit(X, y)
    # half the deviance is the loss less what the targets themselves would have
    gain = scorer(own, X, y) - scorer(model, X, y)
    deviance = mean_poisson_deviance(y, model.predict(X)) - mean_poisson_deviance(y, own.predict(X))
    assert gain == pytest.approx(deviance / 2, rel=1e-9) and gain > 0


def test_a_certain_prediction_costs_nothing_where_right_and_everything_where_wrong():
    X, y = np.zeros((2, 1)), np.array([0, 1])
    sure = DummyClassifier(strategy="constant", constant=1).fit(X, y)
    scorer = ls.for_sklearn(get("log_loss")).scorer
    assert scorer(sure, X[1:], y[1:]) == 0.0
    assert scorer(sure, X, y) == -np.inf


def test_a_certain_class_among_several():
    certain = ls.for_sklearn(get("cross_entropy")).metric([0, 1], [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
    assert certain == 0.0
    assert ls.for_sklearn(get("cross_entropy")).metric([0, 1], [[1.0, 0.0, 0.0], [1.0, 0.0, 0.0]]) == np.inf


def test_own_models_are_measured_by_raw_predictions_far_beyond_probabilities():
    X = np.array([[-1.0], [1.0], [60.0]])
    model = LinearLossClassifier(penalty=0.05).fit(X[:2], ["no", "yes"])
    raw = model.raw_prediction(np.array([[1e4]]))[0]
    assert raw > 40
    found = ls.for_sklearn("log_loss").scorer(model, np.array([[1e4]]), ["no"])
    assert found == pytest.approx(-raw, rel=1e-12)  # where 1 - p is 0, and a clipped probability would say 36


def test_a_loss_whose_total_is_no_sum_scores_as_well():
    X, y = CANCER
    model = DummyRegressor().fit(X, y)
    found = ls.for_sklearn(get("rmse")).scorer(model, X, y)
    assert found == pytest.approx(-np.std(y), rel=1e-12)


@pytest.mark.parametrize("name", ["squared_error", "poisson", "log_loss", "cross_entropy"])
def test_the_inverse_of_the_link_gives_the_prediction_back(name):
    loss = get(name)
    y_pred = np.array([0.25, 0.5, 0.9]) if name != "cross_entropy" else np.array([[0.2, 0.3, 0.5], [0.1, 0.1, 0.8]])
    np.testing.assert_allclose(loss.predict(before_link(loss, y_pred)), y_pred, rtol=1e-15 * 8)


HEADS = ls.parse("log(s) + ((y - m) / s)**2 / 2", target="real", heads={"m": "identity", "s": "exp"})


@pytest.mark.parametrize(
    ("loss", "model", "code"),
    [
        ("log_loss", LinearSVC(), "LM475"),
        ("log_loss", LogisticRegression(), "LM477"),
        ("poisson", LinearRegression(), "LM479"),
        (HEADS, LinearRegression(), "LM478"),
    ],
)
def test_what_cannot_be_measured_is_told(loss, model, code):
    X, y = CANCER
    model.fit(X, y)
    with pytest.raises(AdapterError) as told:
        ls.for_sklearn(loss).scorer(model, X, y + 1)
    assert told.value.code == code
