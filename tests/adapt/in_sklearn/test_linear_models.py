"""The linear models against scikit-learn's own: the same lowest point, with and without weights, on real data.

Bounds: an objective counts as reached within 1e-9 of theirs, relative, which is what they are asked for; ours may not be
higher by more than rounding. Coefficients agree to the root of that, as an objective is flat around its lowest point.
"""

import warnings

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import (
    GammaRegressor,
    HuberRegressor,
    LogisticRegression,
    PoissonRegressor,
    QuantileRegressor,
    Ridge,
    TweedieRegressor,
)
from sklearn.preprocessing import StandardScaler

import lossmith as ls
from lossmith.adapt.in_sklearn.linear_models import LinearLossClassifier, LinearLossRegressor
from lossmith.errors import AdapterError

ROUNDING = 1e-12
FAR = 3e-5
PRECISE = {"tol": 1e-12, "max_iter": 100_000}


def _scaled(load):
    X, y = load(return_X_y=True)
    return StandardScaler().fit_transform(X), y


DIABETES, CANCER, WINE = (_scaled(load) for load in (load_diabetes, load_breast_cancer, load_wine))


def weights_of(y):
    return np.random.default_rng(5).uniform(0.2, 3.0, len(y))


def get(name, **parameters):
    return ls.get(name, **parameters).using("numpy")


def objective(loss, X, y, model, penalty, weight, at=None):
    coefficients = np.atleast_2d(model.coef_)
    raw = X @ coefficients.T + model.intercept_
    value = loss.value(y, raw if len(coefficients) > 1 else raw[:, 0], weight) / abs(loss.factor)
    return value + penalty / 2 * (coefficients**2).sum()


def same(loss, data, penalty, weight, ours, theirs, far=FAR):
    X, y = data
    mine, best = (objective(loss, X, y, model, penalty, weight) for model in (ours, theirs))
    assert mine <= best + ROUNDING * abs(best)
    assert ours.converged_
    assert ours.objective_ == pytest.approx(mine, rel=1e-12)
    size = np.abs(theirs.coef_).max()
    np.testing.assert_allclose(ours.coef_, theirs.coef_, rtol=far, atol=far * size)
    np.testing.assert_allclose(ours.intercept_, theirs.intercept_, rtol=far, atol=far * size)


REGRESSORS = {
    "squared_error": (get("squared_error"), lambda penalty, total: Ridge(alpha=penalty * total / 2, tol=1e-12)),
    "poisson": (
        get("poisson"),
        lambda penalty, _: PoissonRegressor(alpha=penalty, solver="newton-cholesky", **PRECISE),
    ),
    "gamma": (get("gamma"), lambda penalty, _: GammaRegressor(alpha=penalty, solver="newton-cholesky", **PRECISE)),
    "tweedie": (
        get("tweedie", power=1.5),
        lambda penalty, _: TweedieRegressor(power=1.5, alpha=penalty, link="log", solver="newton-cholesky", **PRECISE),
    ),
}


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("penalty", [1e-4, 0.1])
@pytest.mark.parametrize("name", REGRESSORS)
def test_regressors_are_those_of_scikit_learn(name, penalty, weighted):
    X, y = DIABETES
    weight = weights_of(y) if weighted else None
    loss, peer = REGRESSORS[name]
    theirs = peer(penalty, weight.sum() if weighted else len(y)).fit(X, y, sample_weight=weight)
    ours = LinearLossRegressor(loss, penalty=penalty).fit(X, y, sample_weight=weight)
    same(loss, (X, y), penalty, weight, ours, theirs)
    np.testing.assert_allclose(ours.predict(X), theirs.predict(X), rtol=1e-4)
    if name != "squared_error":
        np.testing.assert_array_equal(ours.predict(X), np.exp(ours.raw_prediction(X)))


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("solver", ["lbfgs", "newton-cholesky"])
@pytest.mark.parametrize("data", [CANCER, WINE], ids=["two classes", "three classes"])
def test_classifiers_are_logistic_regression(data, solver, weighted):
    X, y = data
    weight = weights_of(y) if weighted else None
    penalty = 1e-2
    C = 1 / (penalty * (len(y) if weight is None else weight.sum()))
    theirs = LogisticRegression(C=C, solver=solver, **PRECISE).fit(X, y, sample_weight=weight)
    ours = LinearLossClassifier(penalty=penalty).fit(X, y, sample_weight=weight)
    same(ours.loss_.using("numpy"), data, penalty, weight, ours, theirs)
    np.testing.assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), atol=1e-5)
    np.testing.assert_array_equal(ours.predict(X), theirs.predict(X))


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("level", [0.1, 0.5, 0.9])
def test_quantiles_are_those_of_a_linear_program(level, weighted):
    X, y = DIABETES
    weight = weights_of(y) if weighted else None
    theirs = QuantileRegressor(quantile=level, alpha=0.0).fit(X, y, sample_weight=weight)
    loss = get("quantile", level=level)
    ours = LinearLossRegressor(loss).fit(X, y, sample_weight=weight)
    assert objective(loss, X, y, ours, 0, weight) <= objective(loss, X, y, theirs, 0, weight) * (1 + 1e-9)


@pytest.mark.parametrize("weighted", [False, True])
def test_huber_s_fit_at_the_scale_that_it_learns(weighted):
    X, y = DIABETES
    weight = weights_of(y) if weighted else None
    theirs = HuberRegressor(epsilon=1.35, alpha=0.0, max_iter=10_000, tol=1e-9).fit(X, y, sample_weight=weight)
    loss = get("huber", delta=1.35 * theirs.scale_)
    ours = LinearLossRegressor(loss).fit(X, y, sample_weight=weight)
    mine, best = (objective(loss, X, y, model, 0, weight) for model in (ours, theirs))
    assert mine <= best * (1 + ROUNDING)
    np.testing.assert_allclose(ours.coef_, theirs.coef_, atol=1e-3 * np.abs(theirs.coef_).max())


def test_without_an_intercept():
    X, y = CANCER
    penalty = 1e-2
    theirs = LogisticRegression(C=1 / (penalty * len(y)), fit_intercept=False, **PRECISE).fit(X, y)
    ours = LinearLossClassifier(penalty=penalty, fit_intercept=False).fit(X, y)
    assert ours.intercept_.tolist() == [0.0]
    same(get("log_loss"), CANCER, penalty, None, ours, theirs)


def test_many_rows_take_the_other_way_to_the_same_point():
    rng = np.random.default_rng(2)
    X = rng.normal(size=(40_000, 75)) + 3
    y = rng.poisson(np.exp(X[:, 0] / 4 - 1)).astype(float)
    ours = LinearLossRegressor(ls.get("poisson"), penalty=1e-3).fit(X, y)
    theirs = PoissonRegressor(alpha=1e-3, solver="newton-cholesky", **PRECISE).fit(X, y)
    assert ours.converged_
    mine, best = (objective(get("poisson"), X, y, model, 1e-3, None) for model in (ours, theirs))
    assert mine <= best + 2 * ours.tol * abs(best)  # tol is the share that may be left; theirs may be off as well
    np.testing.assert_allclose(ours.coef_, theirs.coef_, atol=1e-4 * np.abs(theirs.coef_).max())


def test_a_second_fit_starts_from_the_first():
    X, y = CANCER
    cold = LinearLossClassifier(get("log_loss"), penalty=1e-2, warm_start=True).fit(X, y)
    steps, first = cold.n_iter_, cold.coef_
    again = cold.fit(X, y)
    assert again.n_iter_ <= 1 < steps
    np.testing.assert_allclose(again.coef_, first, rtol=1e-8)


def test_a_second_fit_does_not_start_from_what_meant_something_else():
    X, y = DIABETES
    model = LinearLossRegressor("squared_error", penalty=0.1, warm_start=True).fit(X, y)
    model.set_params(fit_intercept=False).fit(X, y)
    assert model.intercept_ == 0.0
    model.set_params(loss="poisson", fit_intercept=True).fit(X, y)
    np.testing.assert_allclose(model.coef_, LinearLossRegressor("poisson", penalty=0.1).fit(X, y).coef_, rtol=FAR)
    X, y = WINE
    for loss in (None, "cross_entropy"):
        model = LinearLossClassifier(loss, penalty=0.1, warm_start=True).fit(X, y)
        assert model.fit(X[y != 2], y[y != 2]).predict_proba(X).shape == (len(y), 2)


def test_no_lowest_point_is_told_in_one_sentence():
    X, y = np.array([[0.0], [1.0], [2.0], [3.0]]), ["no", "no", "yes", "yes"]
    with pytest.warns(ConvergenceWarning, match="fall for ever.*give a penalty"):
        model = LinearLossClassifier().fit(X, y)
    assert not model.converged_
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert LinearLossClassifier(penalty=0.1).fit(X, y).converged_


def test_labels_of_any_type_and_how_predictions_are_told():
    X, y = WINE
    names = np.array(["barolo", "grignolino", "barbera"], dtype=object)[y]
    model = LinearLossClassifier("cross_entropy", penalty=0.01).fit(X, names)
    assert model.classes_.tolist() == ["barbera", "barolo", "grignolino"]
    assert model.coef_.shape == (3, 13) and model.intercept_.shape == (3,)
    assert set(model.predict(X)) <= set(names)
    np.testing.assert_allclose(model.predict_proba(X).sum(axis=1), 1, rtol=1e-12)
    np.testing.assert_array_equal(model.classes_[model.decision_function(X).argmax(axis=1)], model.predict(X))


@pytest.mark.parametrize("name", ["focal", "brier"])
def test_a_loss_of_two_outcomes(name):
    X, y = CANCER
    model = LinearLossClassifier(get(name), penalty=1e-3).fit(X, y == 1)
    assert (model.predict(X) == (y == 1)).mean() > 0.97
    np.testing.assert_array_equal(model.predict(X), model.decision_function(X) > 0)
    np.testing.assert_array_equal(model.predict_proba(X)[:, 1], get(name).predict(model.raw_prediction(X)))


def test_a_loss_with_two_heads_has_a_row_of_coefficients_for_each():
    X, y = DIABETES
    text = "log(s) + ((y - m) / s)**2 / 2"
    loss = ls.parse(text, target="real", heads={"m": "identity", "s": "exp"}).using("numpy")
    model = LinearLossRegressor(loss, penalty=1e-6).fit(X, y)
    assert model.converged_ and model.coef_.shape == (2, 10) and model.intercept_.shape == (2,)
    assert model.raw_prediction(X).shape == (442, 2) == model.predict(X).shape
    mean, spread = model.predict(X).T
    np.testing.assert_allclose(spread, np.exp(X @ model.coef_[1] + model.intercept_[1]), rtol=1e-12)
    # at the lowest point the slope by the spread's intercept, the mean of 1 - residual², is 0
    assert np.mean(((y - mean) / spread) ** 2) == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize(
    ("code", "fit"),
    [
        ("LM470", lambda X, y: LinearLossRegressor(3).fit(X, y)),
        ("LM471", lambda X, y: LinearLossRegressor("rmse").fit(X, y)),
        ("LM471", lambda X, y: LinearLossClassifier("ordinal").fit(X, y // 100)),
        ("LM472", lambda X, y: LinearLossRegressor("log_loss").fit(X, y)),
        ("LM472", lambda X, y: LinearLossClassifier("huber").fit(X, y > 100)),
        ("LM473", lambda X, y: LinearLossClassifier("focal").fit(X, y // 100)),
        ("LM423", lambda X, y: LinearLossRegressor(penalty=-1).fit(X, y)),
    ],
)
def test_what_does_not_fit_is_told(code, fit):
    with pytest.raises(AdapterError) as told:
        fit(*DIABETES)
    assert told.value.code == code


def test_a_class_without_a_row_of_positive_weight_is_told():
    X, y = WINE
    with pytest.raises(ValueError, match="every class needs a row of positive weight, and 2 has none"):
        LinearLossClassifier("cross_entropy", penalty=0.1).fit(X, y, sample_weight=(y != 2) * 1.0)


def test_sparse_features_are_refused_in_a_sentence():
    from scipy.sparse import csr_matrix

    X, y = DIABETES
    with pytest.raises(TypeError, match="dense data is required"):
        LinearLossRegressor().fit(csr_matrix(X), y)
