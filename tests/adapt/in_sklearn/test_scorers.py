"""Scorers: minus the loss of raw predictions, of probabilities through the link's inverse, of predictions; never clipped."""

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.linear_model import LinearRegression, LogisticRegression, PoissonRegressor
from sklearn.metrics import hinge_loss, log_loss, mean_poisson_deviance
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
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


CANCER, WINE, DIABETES = scaled(load_breast_cancer), scaled(load_wine), scaled(load_diabetes)


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


HINGE = ls.parse("relu(1 - (2 * y - 1) * z)", target="binary").using("numpy")


@pytest.mark.parametrize("loss", [HEADS, HINGE])
def test_own_models_in_pipelines_and_searches_are_measured_by_raw_predictions(loss):
    X, y = DIABETES if loss is HEADS else CANCER
    adapter = ls.for_sklearn(loss)
    labels = y if loss is HEADS else np.where(y == 1, "yes", "no")
    inner = make_pipeline(StandardScaler(), adapter.linear(penalty=0.1))
    search = GridSearchCV(
        inner, {"standardscaler__with_mean": [True]}, scoring=adapter.scorer, cv=2, error_score="raise"
    )
    outer = make_pipeline(StandardScaler(), search).fit(X, labels)
    own = adapter.linear(penalty=0.1).fit(X, labels)
    assert adapter.scorer(outer, X, labels) == pytest.approx(adapter.scorer(own, X, labels), rel=1e-6)


def test_a_margin_loss_measures_margins_of_others():
    X, y = CANCER
    model = LinearSVC(C=0.01).fit(X, y)
    assert ls.for_sklearn(HINGE).scorer(model, X, y) == pytest.approx(
        -hinge_loss(y, model.decision_function(X)), rel=1e-12
    )


@pytest.mark.parametrize("classes", [1, 3])
def test_a_loss_of_two_outcomes_does_not_measure_another_number_of_classes(classes):
    X, y = WINE
    model = DummyClassifier().fit(X, y % classes)
    with pytest.raises(AdapterError, match="two outcomes") as told:
        ls.for_sklearn(get("log_loss")).scorer(model, X[:10], np.zeros(10))
    assert told.value.code == "LM473"


@pytest.mark.parametrize("row", [[0.0, 0.0, 0.0], [0.2, 0.2, 0.2]])
def test_probabilities_that_do_not_add_up_are_told(row):
    with pytest.raises(AdapterError, match="add up to 1") as told:
        ls.for_sklearn(get("cross_entropy")).metric([0, 1], [row, [0.1, 0.8, 0.1]])
    assert told.value.code == "LM479"
