"""The linear model under any loss: the optimum, measured against other solvers, and what is refused.

Bounds: an objective counts as reached within 1e-9 of the best that another solver found, relative: what those solvers
themselves are asked for is 1e-10 to 1e-12, and an objective is flat around its lowest point.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from lossmith import loss as losses
from lossmith.adapt.linear import WINDOWS, LinearFit, fit_linear
from lossmith.adapt.linear_lines import lines_of, minimise_lines
from lossmith.adapt.linear_newton import System, minimise
from lossmith.adapt.linear_problem import problem_of
from lossmith.adapt.linear_products import back, gram, times
from lossmith.errors import AdapterError
from lossmith.loss import Loss

sklearn = pytest.importorskip("sklearn")

Floats = np.ndarray[Any, np.dtype[np.float64]]
REACHED = 1e-9
RNG = np.random.default_rng(3)
N = 300
X = RNG.normal(size=(N, 4)) @ RNG.normal(size=(4, 4)) + [5.0, 0.0, -2.0, 0.0]
SIGNAL = X @ [0.5, -0.3, 0.2, 0.0] - 2.0
WEIGHT = RNG.uniform(0.2, 3.0, N)
REAL = SIGNAL + RNG.standard_t(2, N)
COUNT = RNG.poisson(np.exp(SIGNAL / 2)).astype(np.float64)
POSITIVE = RNG.gamma(2.0, np.exp(SIGNAL / 2)) + 1e-3
BINARY = (RNG.random(N) < 1 / (1 + np.exp(-SIGNAL))).astype(np.float64)
CLASS = np.argmax(X[:, :3] * 0.5 + RNG.gumbel(size=(N, 3)), axis=1)


def get(name: str, **parameters: float) -> Loss:
    """A catalogue loss on the reference kernels: nothing to compile, and the solver cannot tell."""
    return losses.get(name, **parameters).using("numpy")


def parse(text: str, **declaration: Any) -> Loss:
    return losses.parse(text, **declaration).using("numpy")


def objective(
    loss: Loss, y: Floats, weights: Any, intercept: Any, penalty: float, sample_weight: Floats | None = None
) -> float:
    """The mean weighted loss without its factor, plus the penalty, computed from the definition."""
    raw = X @ np.asarray(weights) + intercept
    raw = raw[:, 0] if raw.ndim == 2 and raw.shape[1] == 1 else raw
    return loss.value(y, raw, sample_weight) / abs(loss.factor) + penalty / 2 * float((np.asarray(weights) ** 2).sum())


def reached(
    fit: LinearFit, loss: Loss, y: Floats, theirs: tuple[Any, Any], sample_weight: Floats | None = None
) -> None:
    best = objective(loss, y, *theirs, fit.penalty, sample_weight)
    ours = objective(loss, y, fit.weights, fit.intercept, fit.penalty, sample_weight)
    assert fit.converged
    assert abs(ours - fit.objective) <= 1e-12 * abs(ours)
    assert ours <= best + REACHED * abs(best)


# Against other solvers ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("weight", [None, WEIGHT], ids=["plain", "weighted"])
@pytest.mark.parametrize("penalty", [1e-4, 0.3])
@pytest.mark.parametrize("name", ["squared_error", "poisson", "gamma", "log_loss", "cross_entropy"])
def test_smooth_losses_reach_the_optimum_of_scikit_learn(name: str, penalty: float, weight: Floats | None) -> None:
    from sklearn.linear_model import GammaRegressor, LogisticRegression, PoissonRegressor, Ridge

    total = N if weight is None else weight.sum()
    precise = {"tol": 1e-12, "max_iter": 100_000}
    model, y = {
        "squared_error": (Ridge(alpha=penalty * total / 2), REAL),
        "poisson": (PoissonRegressor(alpha=penalty, solver="newton-cholesky", **precise), COUNT),
        "gamma": (GammaRegressor(alpha=penalty, solver="newton-cholesky", **precise), POSITIVE),
        "log_loss": (LogisticRegression(C=1 / (penalty * total), solver="newton-cholesky", **precise), BINARY),
        "cross_entropy": (LogisticRegression(C=1 / (penalty * total), **precise), CLASS),
    }[name]
    model.fit(X, y, sample_weight=weight)
    fit = fit_linear(get(name), X, y, weight, penalty=penalty)
    reached(fit, get(name), y, (np.squeeze(model.coef_).T, np.squeeze(model.intercept_)), weight)
    assert fit.gradient_norm <= 1e-9


@pytest.mark.parametrize("weight", [None, WEIGHT], ids=["plain", "weighted"])
@pytest.mark.parametrize("level", [0.5, 0.1, 0.99])
def test_quantiles_reach_the_optimum_of_a_linear_program(level: float, weight: Floats | None) -> None:
    from sklearn.linear_model import QuantileRegressor

    model = QuantileRegressor(quantile=level, alpha=0, solver="highs").fit(X, REAL, weight)
    loss = get("quantile", level=level)
    reached(fit_linear(loss, X, REAL, weight), loss, REAL, (model.coef_, model.intercept_), weight)


def test_ties_and_features_of_any_scale_do_no_harm() -> None:
    from sklearn.linear_model import QuantileRegressor

    loss, y = get("quantile", level=0.8), np.round(REAL * 2)
    Z = np.round(X)
    model = QuantileRegressor(quantile=0.8, alpha=0, solver="highs").fit(Z, y)
    best = loss.value(y, model.predict(Z))
    scales = np.array([1e-6, 1e6, 1.0, 1e3])
    fit = fit_linear(loss, Z * scales + 10 * scales, y)
    assert fit.converged
    assert fit.objective <= best + REACHED * best


def test_two_ways_to_solve_corners_agree() -> None:
    problem = problem_of(get("mae"), REAL, np.zeros(N), None, None)
    system = System(problem, np.column_stack([X, np.ones(N)]), np.array([1e-3] * 4 + [0.0]))
    lines = lines_of(problem, np.zeros((N, 1)))
    assert lines is not None
    assert np.abs(lines.corner[:, 0] - REAL).max() <= 1e-12 * np.abs(REAL).max()
    proved = minimise_lines(system, np.zeros((5, 1)), lines)
    narrowed = minimise(system, np.zeros((5, 1)), WINDOWS)
    assert proved.reached and narrowed.reached
    assert abs(proved.value - narrowed.value) <= REACHED * proved.value


@pytest.mark.parametrize("loss", ["hinge", "absolute percentage", "five to one"])
def test_two_lines_are_found_in_formulas(loss: str) -> None:
    text, target, y = {
        "hinge": ("maximum(0, 1 - (2 * y - 1) * z)", "binary", BINARY),
        "absolute percentage": ("abs(y - z) / y", "positive", POSITIVE),
        "five to one": ("where(y > z, 5, 1) * abs(y - z)", "real", REAL),
    }[loss]
    found = lines_of(problem_of(parse(text, target=target), y, np.zeros(N), None, None), np.zeros((N, 1)))
    assert found is not None and (found.left < found.right).all()


def test_bends_and_second_corners_are_not_taken_for_lines() -> None:
    for text in ("maximum(0, abs(y - z) - 1)", "abs(y - z) + (y - z)**2 / 1000", "minimum(abs(y - z), 1)"):
        problem = problem_of(parse(text, target="real"), REAL, np.zeros(N), None, None)
        assert lines_of(problem, np.zeros((N, 1))) is None, text


def test_two_corners_a_row_reach_the_optimum_of_a_linear_program() -> None:
    from scipy.optimize import linprog

    A, width = np.column_stack([X, np.ones(N)]), 0.5
    slack = -np.eye(N)
    program = linprog(
        np.r_[np.zeros(5), np.ones(N) / N],
        A_ub=np.block([[A, slack], [-A, slack]]),
        b_ub=np.r_[REAL + width, width - REAL],
        bounds=[(None, None)] * 5 + [(0, None)] * N,
    )
    fit = fit_linear(parse(f"maximum(0, abs(y - z) - {width})", target="real"), X, REAL)
    assert fit.converged
    assert fit.objective <= program.fun * (1 + 1e-7)  # quasi-Newton steps end where 50 gain less than 1e-9


def test_corners_between_classes_reach_the_optimum_of_a_linear_program() -> None:
    from scipy.optimize import linprog

    n, classes = 90, 3
    A, y = np.column_stack([X[:n], np.ones(n)]), CLASS[:n]
    rows, bounds = [], []
    for i in range(n):
        for k in range(classes):
            row = np.zeros((classes, 5))
            row[k] += A[i]
            row[y[i]] -= A[i]
            rows.append(np.r_[row.ravel(), -np.eye(n)[i]])
            bounds.append(-float(k != y[i]))
    program = linprog(
        np.r_[np.zeros(15), np.ones(n) / n], A_ub=np.array(rows), b_ub=bounds, bounds=[(None, None)] * (15 + n)
    )
    fit = fit_linear(parse("max_over_classes(z + 1 - y) - true_class(z)", target="class"), X[:n], y, start=np.zeros(3))
    assert fit.objective <= program.fun * (1 + 1e-6)


def test_huber_far_from_its_targets_reaches_the_optimum_of_scipy() -> None:
    from scipy.optimize import minimize

    loss = get("huber", delta=0.01)

    def value(theta: Floats) -> tuple[float, Floats]:
        found, slope = loss.value_and_gradient(REAL * 100, X @ theta[:4] + theta[4])
        return found, np.append(X.T @ slope, slope.sum())

    fit = fit_linear(loss, X, REAL * 100)
    start = np.append(fit.weights[:, 0] * 1.01, fit.intercept)
    best = minimize(value, start, jac=True, method="BFGS", options={"gtol": 1e-13, "maxiter": 5000})
    assert fit.converged
    assert fit.objective <= best.fun * (1 + REACHED)


# What the numbers mean ------------------------------------------------------------------------------------------


def test_the_factor_is_divided_out_whatever_its_sign() -> None:
    plain = fit_linear(get("mse"), X, REAL, penalty=0.5)
    for loss in (get("mse") * 3, parse("-mean(-((y - z)**2))", target="real")):
        fit = fit_linear(loss, X, REAL, penalty=0.5)
        assert np.abs(fit.weights - plain.weights).max() <= 1e-12
        assert fit.objective == pytest.approx(plain.objective, rel=1e-14)


def test_a_sum_is_a_mean_and_whole_weights_are_repeated_rows() -> None:
    whole = RNG.integers(0, 4, N)
    repeated = np.repeat(np.arange(N), whole)
    for name in ("half_squared_error", "mae", "sum_of_squares_half"):
        weighted = fit_linear(get(name), X, REAL, whole, penalty=0.1)
        longer = fit_linear(get(name), X[repeated], REAL[repeated], penalty=0.1)
        assert weighted.objective == pytest.approx(longer.objective, rel=REACHED), name
    halves = [fit_linear(get(n), X, REAL, penalty=0.1) for n in ("half_squared_error", "sum_of_squares_half")]
    assert halves[0].objective == pytest.approx(halves[1].objective, rel=1e-12)


def test_rows_of_weight_zero_are_absent() -> None:
    weight, table = WEIGHT.copy(), X.copy()
    weight[:50], table[:50] = 0.0, np.nan
    fit = fit_linear(get("mae"), table, REAL, weight, penalty=0.01)
    alone = fit_linear(get("mae"), X[50:], REAL[50:], WEIGHT[50:], penalty=0.01)
    assert np.array_equal(fit.weights, alone.weights)


def test_class_weights_enter_the_mean() -> None:
    loss = get("log_loss").reweight({0: 1.0, 1: 20.0})
    fit = fit_linear(loss, X, BINARY, penalty=0.01)
    plain = fit_linear(get("log_loss"), X, BINARY, np.where(BINARY == 1, 20.0, 1.0), penalty=0.01)
    assert np.abs(fit.weights - plain.weights).max() <= 1e-9


def test_heads_that_share_nothing_are_fits_of_their_own() -> None:
    text = "where(y > a, 0.1 * (y - a), 0.9 * (a - y)) + where(y > b, 0.9 * (y - b), 0.1 * (b - y))"
    both = fit_linear(parse(text, target="real", heads={"a": "identity", "b": "identity"}), X, REAL, penalty=0.01)
    for k, level in enumerate((0.1, 0.9)):
        alone = fit_linear(get("quantile", level=level), X, REAL, penalty=0.01)
        assert np.abs(both.weights[:, k] - alone.weights[:, 0]).max() <= 1e-7


def test_heads_that_belong_together_end_at_a_stationary_point() -> None:
    loss = parse("log(s) + ((y - m) / s)**2 / 2", target="real", heads={"m": "identity", "s": "exp"})
    fit = fit_linear(loss, X, SIGNAL + RNG.normal(size=N) * np.exp(X[:, 1] / 4), penalty=1e-3)
    assert fit.weights.shape == (4, 2) and fit.converged and fit.gradient_norm <= 1e-9


def test_the_second_derivative_is_that_of_the_slopes() -> None:
    loss = get("cross_entropy").reweight({0: 1.0, 1: 3.0, 2: 0.5}) * 2
    raw, along = RNG.normal(size=(N, 3)), RNG.normal(size=(N, 3))
    problem = problem_of(loss, CLASS, raw, WEIGHT, None)
    step = 1e-5  # a central difference is wrong by about step**2 and by rounding / step
    change = (problem.look(raw + step * along).slopes - problem.look(raw - step * along).slopes) / (2 * step)
    assert np.abs(problem.hvp(raw, along) - change).max() <= 1e-7 * np.abs(change).max()
    rise = (problem.look(raw + step * along).value - problem.look(raw - step * along).value) / (2 * step)
    assert rise == pytest.approx(float((problem.look(raw).slopes * along).sum()), rel=1e-7)
    assert loss.value(CLASS, raw, WEIGHT) / 2 == pytest.approx(problem.look(raw).value, rel=1e-14)


def test_many_unknowns_are_solved_without_a_matrix(monkeypatch: pytest.MonkeyPatch) -> None:
    fits = []
    for most in (2_000, 1):
        monkeypatch.setattr("lossmith.adapt.linear_newton.MOST_UNKNOWNS", most)
        fits += [fit_linear(get(n), X, y, penalty=0.01) for n, y in (("cross_entropy", CLASS), ("poisson", COUNT))]
    for direct, indirect in zip(fits[:2], fits[2:], strict=True):
        assert np.abs(direct.weights - indirect.weights).max() <= 1e-6
        assert direct.objective == pytest.approx(indirect.objective, rel=REACHED)


@pytest.mark.parametrize(("n", "p"), [(1, 3), (700, 3), (5000, 31), (90, 80)])
def test_products_in_blocks_are_products(n: int, p: int) -> None:
    rng = np.random.default_rng(0)
    features, theta, slopes, weights = (
        rng.normal(size=(n, p)),
        rng.normal(size=(p, 2)),
        rng.normal(size=(n, 2)),
        rng.random(n),
    )
    for found, wanted in (
        (times(features, theta), features @ theta),
        (times(features, theta[:, :1]), features @ theta[:, :1]),
        (back(features, slopes), features.T @ slopes),
        (gram(features, weights), (features * weights[:, None]).T @ features),
    ):
        assert np.abs(found - wanted).max() <= 1e-15 * (n + p) * max(1.0, np.abs(wanted).max())


# What is said ---------------------------------------------------------------------------------------------------


def test_a_loss_that_bends_downwards_says_so() -> None:
    fit = fit_linear(parse("log(1 + (y - z)**2)", target="real"), X, REAL, penalty=1e-3)
    assert fit.converged and fit.gradient_norm <= 1e-9
    assert "another start may end lower" in fit.message
    assert "another start" not in fit_linear(get("mse"), X, REAL).message


def test_classes_that_can_be_told_apart_have_no_lowest_point_without_a_penalty() -> None:
    y = (X[:, 0] > 5).astype(np.float64)
    endless = fit_linear(get("log_loss"), X, y)
    assert not endless.converged
    assert "give a penalty" in endless.message
    assert fit_linear(get("log_loss"), X, y, penalty=1e-3).converged


def test_a_fit_can_start_from_another() -> None:
    first = fit_linear(get("poisson"), X, COUNT, penalty=0.01)
    again = fit_linear(get("poisson"), X, COUNT, penalty=0.01, start=first)
    assert again.iterations == 0
    assert np.abs(again.weights - first.weights).max() <= 1e-10


def test_a_column_that_never_varies_gets_no_weight() -> None:
    fit = fit_linear(get("mse"), np.column_stack([X, np.full(N, 0.1)]), REAL, penalty=0.1)
    assert fit.weights[-1, 0] == 0.0


@pytest.mark.parametrize(
    ("code", "words", "arguments"),
    [
        ("LM421", "sum over rows", {"loss": losses.get("dice"), "y": BINARY}),
        ("LM421", "probabilities", {"loss": losses.get("log_loss", on="probability"), "y": BINARY}),
        ("LM422", "row 7, column 1", {"X": np.where(np.arange(N * 4).reshape(N, 4) == 29, np.nan, X)}),
        ("LM422", "one row for each target", {"X": X[:-1]}),
        ("LM422", "no row", {"sample_weight": np.zeros(N)}),
        ("LM423", "penalty", {"penalty": -1.0}),
        ("LM423", "penalty", {"penalty": np.nan}),
        ("LM424", "best constant", {"loss": losses.get("log_loss"), "y": np.ones(N)}),
        (
            "LM425",
            "no row's loss changes",
            {"loss": losses.parse("where(z > 0, 1 - y, y)", target="binary"), "y": BINARY},
        ),
    ],
)
def test_what_cannot_be_fitted_is_refused_in_one_sentence(code: str, words: str, arguments: dict[str, Any]) -> None:
    given = {"loss": get("mse"), "X": X, "y": REAL, "sample_weight": None, **arguments}
    loss = given.pop("loss").using("numpy")
    with pytest.raises(AdapterError, match=words) as error:
        fit_linear(loss, **given)
    assert error.value.code == code


# What says nothing ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("constant", [0.1, 1e6, 1e7])
def test_a_constant_column_among_many_rows_has_no_weight(constant: float) -> None:
    table = np.random.default_rng(1).normal(size=(33_000, 80))
    y = (table[:, 0] + np.random.default_rng(2).normal(size=len(table)) > 0).astype(np.float64)
    without = fit_linear(get("log_loss"), table[:, :79], y)
    table[:, 79] = constant
    fit = fit_linear(get("log_loss"), table, y)
    assert fit.converged and fit.weights[79, 0] == 0.0
    assert fit.objective == pytest.approx(without.objective, rel=1e-10)


def test_where_nothing_pulls_at_any_row_the_start_is_the_answer() -> None:
    fit = fit_linear(get("huber"), X, np.full(N, 3.0))
    assert fit.converged and not fit.weights.any() and fit.intercept[0] == 3.0


def test_without_an_intercept_there_is_none_under_a_softmax_either() -> None:
    fit = fit_linear(get("cross_entropy"), X, CLASS, penalty=1e-6, intercept=False)
    assert not fit.intercept.any()


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_weights_that_are_no_numbers_are_not_called_an_answer() -> None:
    fit = fit_linear(get("quantile"), X, np.zeros(N))
    assert not fit.converged or np.isfinite(fit.weights).all()


@pytest.mark.parametrize("tolerance", [-1.0, float("nan")])
def test_a_tolerance_is_a_number_from_0_on(tolerance: float) -> None:
    with pytest.raises(AdapterError, match="LM423"):
        fit_linear(get("mse"), X, REAL, tolerance=tolerance)
