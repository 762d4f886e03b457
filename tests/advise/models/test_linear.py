"""The study's linear model: what becomes of columns, the penalty, and the same numbers without Lossmith."""

from __future__ import annotations

import inspect
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lossmith import loss as losses
from lossmith.advise.data.encode import Encoded
from lossmith.advise.models import linear_row
from lossmith.advise.models.linear import GRID, LinearModel, design_matrix, make_design, train_linear
from lossmith.advise.models.linear_row import LINK_OF, predict_linear
from lossmith.loss import Loss

pytest.importorskip("sklearn")

Floats = np.ndarray[Any, np.dtype[np.float64]]
RNG = np.random.default_rng(11)


def get(name: str, **parameters: float) -> Loss:
    return losses.get(name, **parameters).using("numpy")


def data(name: str) -> tuple[Floats, Floats]:
    from sklearn import datasets

    X, y = getattr(datasets, f"load_{name}")(return_X_y=True)
    return X, y.astype(np.float64)


def parts(n: int, seed: int) -> tuple[Floats, Floats, Floats]:
    """Rows to fit, to choose the penalty, and to compare."""
    order = np.random.default_rng(seed).permutation(n)
    return order[: n // 2], order[n // 2 : 3 * n // 4], order[3 * n // 4 :]


def messy(n: int = 400) -> tuple[Floats, Floats, tuple[int, ...]]:
    """Numbers, a heavy tail, a truth value, codes of cities; with holes. And a target."""
    rng = np.random.default_rng(4)
    city = rng.choice(6, n, p=[0.4, 0.3, 0.2, 0.08, 0.0175, 0.0025]).astype(np.float64)
    matrix = np.column_stack([rng.normal(50, 9, n), np.exp(rng.normal(0, 2, n)), rng.random(n) < 0.2, city])
    y = matrix[:, 0] / 9 + np.log(matrix[:, 1]) + 2 * matrix[:, 2] + np.array([0, 1, -1, 3, 0, 9])[city.astype(int)]
    matrix[rng.random((n, 4)) < 0.05] = np.nan
    return matrix, y + rng.normal(size=n), (3,)


def trained(loss: Loss, X: Floats, y: Floats, categorical: tuple[int, ...] = ()) -> LinearModel:
    fit, stop, _ = parts(len(y), 0)
    return train_linear(loss, X[fit], y[fit], None, X[stop], y[stop], None, categorical)


# What becomes of columns ----------------------------------------------------------------------------------------


def test_numbers_are_filled_centred_scaled_and_their_holes_are_told() -> None:
    matrix = np.array([[1.0], [2.0], [3.0], [np.nan], [np.nan], [6.0]])
    design = make_design(Encoded(matrix, ("a",), ()))
    made = design_matrix(design, matrix)
    assert made[:, 1].tolist() == [0, 0, 0, 1, 1, 0]
    assert made[3, 0] == made[4, 0] == (2.5 - design.columns[0].centre) / design.columns[0].scale
    assert abs(made[:, 0].mean()) <= 1e-15 and made[:, 0].std() == pytest.approx(1.0, rel=1e-14)


def test_levels_are_columns_of_their_own_and_unknown_ones_are_nothing() -> None:
    codes = np.array([[0.0], [0.0], [1.0], [1.0], [2.0], [np.nan], [np.nan]])
    design = make_design(Encoded(codes, ("city",), (0,)))
    assert design.columns[0].levels == (0, 1)  # level 2 was seen once
    assert design_matrix(design, codes).tolist() == [[1, 0, 0]] * 2 + [[0, 1, 0]] * 2 + [[0, 0, 0]] + [[0, 0, 1]] * 2
    assert design_matrix(design, np.array([[77.0]])).tolist() == [[0, 0, 0]]


def test_columns_that_never_vary_are_left_out() -> None:
    matrix = np.column_stack([np.full(9, 0.1), np.full(9, np.nan), np.arange(9.0)])
    assert [column.position for column in make_design(Encoded(matrix, ("a", "b", "c"), ())).columns] == [2]


def test_a_design_keeps_to_its_size(monkeypatch: pytest.MonkeyPatch) -> None:
    codes = np.repeat(np.arange(40.0), np.arange(2, 42))[:, None]
    whole = design_matrix(make_design(Encoded(codes, ("a",), (0,))), codes).shape[1]
    monkeypatch.setattr("lossmith.advise.models.linear.MOST_CELLS", 12.0 * len(codes))
    kept = make_design(Encoded(codes, ("a",), (0,))).columns[0].levels
    assert whole == 37  # three levels were seen fewer than five times in 500 rows or more
    assert kept == tuple(range(30, 40))  # the most frequent


def test_one_wild_row_does_not_rule() -> None:
    X, y = data("diabetes")
    wild = X.copy()
    wild[parts(len(y), 0)[0][0], 2] = 1e9
    rows = parts(len(y), 0)[2]
    tame, found = (get("mse").value(y[rows], trained(get("mse"), table, y).predict(X[rows])) for table in (X, wild))
    assert found <= 1.05 * tame
    absurd = X[rows].copy()
    absurd[:, 2] = np.inf
    predicted = trained(get("mse"), X, y).predict(absurd)
    assert np.isfinite(predicted).all() and predicted.max() <= y.max() + 3 * y.std()


# The same numbers without Lossmith ------------------------------------------------------------------------------

CASES = [
    ("mse", {}, lambda y: y),
    ("quantile", {"level": 0.8}, lambda y: y),
    ("poisson", {}, lambda y: np.round(np.exp(y / 4))),
    ("log_loss", {}, lambda y: (y > 6) * 1.0),
    ("cross_entropy", {}, lambda y: np.digitize(y, [5.0, 8.0]).astype(np.float64)),
]


@pytest.mark.parametrize(("name", "parameters", "target"), CASES, ids=[name for name, _, _ in CASES])
def test_plain_data_predict_the_same_bits_row_by_row(name: str, parameters: dict[str, float], target: Any) -> None:
    X, y, categorical = messy()
    loss = get(name, **parameters)
    model = trained(loss, X, target(y), categorical)
    plain = json.loads(json.dumps(model.to_dict(), allow_nan=False))
    predicted = model.predict(X)
    assert np.array_equal(predict_linear(plain, X), predicted)
    assert np.array_equal(np.concatenate([predict_linear(plain, X[i : i + 1]) for i in range(len(X))]), predicted)
    assert np.array_equal(predict_linear(plain, np.asfortranarray(X)), predicted)
    # a softmax of exponents that were rounded at most 4 times is right to a few units in the last place
    assert np.abs(predicted - loss.predict(model.predict_raw(X))).max() <= 1e-14 * np.abs(predicted).max()


def test_the_text_of_linear_row_runs_alone(tmp_path: Path) -> None:
    X, y, categorical = messy()
    model = trained(get("log_loss"), X, (y > 6) * 1.0, categorical)
    (tmp_path / "model.json").write_text(json.dumps(model.to_dict()), encoding="utf-8")
    np.save(tmp_path / "rows.npy", X)
    program = inspect.getsource(linear_row) + (
        "\nimport json, sys\nmodel = json.load(open('model.json'))\n"
        "print(json.dumps(predict_linear(model, np.load('rows.npy')).tolist()))\n"
        "assert 'lossmith' not in sys.modules\n"
    )
    (tmp_path / "alone.py").write_text(program, encoding="utf-8")
    answer = subprocess.run(
        [sys.executable, "-I", "alone.py"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert json.loads(answer.stdout) == model.predict(X).tolist()


@pytest.mark.parametrize("link", [name for name in LINK_OF if name != "softmax"])
def test_links_are_those_of_the_losses_and_neither_clip_nor_overflow(link: str) -> None:
    raw = np.array([-700.0, -40.0, -1.5, -1e-9, 0.0, 1e-9, 0.7, 36.0, 700.0])
    loss = losses.parse("(y - p)**2", target="real", link=link).using("numpy")
    wanted, found = loss.predict(raw), LINK_OF[link](raw)
    # probit: erf's complement is taken here, which keeps small probabilities that 1 + erf(x) loses
    some = np.abs(wanted) > 1e-3 if link == "probit" else np.ones(len(raw), dtype=bool)
    assert np.abs(found - wanted)[some].max(initial=0.0) <= 8 * np.spacing(np.abs(wanted[some])).max()
    assert (np.abs(found - wanted)[some] <= 8 * np.spacing(np.abs(wanted[some]))).all()
    assert link == "tanh" or (np.diff(found) >= 0).all()


def test_softmax_is_stable() -> None:
    found = LINK_OF["softmax"](np.array([[1e4, 0.0, -1e4], [1.0, 1.0, 1.0]]))
    assert found[0].tolist() == [1.0, 0.0, 0.0] and np.abs(found[1] - 1 / 3).max() <= 1e-16


def test_heads_have_a_link_each() -> None:
    X, y, categorical = messy()
    loss = losses.parse("log(s) + ((y - m) / s)**2 / 2", target="real", heads={"m": "identity", "s": "exp"}).using(
        "numpy"
    )
    model = trained(loss, X, y, categorical)
    assert model.to_dict()["link"] == ["identity", "exp"]
    assert np.abs(model.predict(X) - loss.predict(model.predict_raw(X))).max() <= 1e-12


# How well it predicts -------------------------------------------------------------------------------------------


def _theirs(kind: str, strengths: Floats) -> list[Any]:
    from sklearn.linear_model import LogisticRegression, PoissonRegressor, QuantileRegressor, Ridge
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    makers = {
        "mse": lambda s: Ridge(alpha=200 * s),
        "quantile": lambda s: QuantileRegressor(quantile=0.8, alpha=s / 10),
        "poisson": lambda s: PoissonRegressor(alpha=100 * s, max_iter=5000),
        "log_loss": lambda s: LogisticRegression(C=1 / (200 * s), max_iter=5000),
        "cross_entropy": lambda s: LogisticRegression(C=1 / (100 * s), max_iter=5000),
    }
    return [make_pipeline(StandardScaler(), makers[kind](s)) for s in strengths]


def _raw(model: Any, kind: str, X: Floats) -> Floats:
    if kind in ("log_loss", "cross_entropy"):
        return np.asarray(model.decision_function(X))
    return np.log(model.predict(X)) if kind == "poisson" else np.asarray(model.predict(X))


@pytest.mark.parametrize(
    ("kind", "table"),
    [
        ("mse", "diabetes"),
        ("quantile", "diabetes"),
        ("poisson", "diabetes"),
        ("log_loss", "breast_cancer"),
        ("cross_entropy", "wine"),
    ],
)
def test_held_out_loss_is_that_of_scikit_learn(kind: str, table: str) -> None:
    """Both choose from eight penalties on the same rows; the median over splits, so that one lucky choice is none."""
    X, y = data(table)
    loss = get(kind, level=0.8) if kind == "quantile" else get(kind)
    shares = []
    for seed in range(7):
        fit, stop, compare = parts(len(y), seed)
        ours = train_linear(loss, X[fit], y[fit], None, X[stop], y[stop], None, ())
        models = [model.fit(X[fit], y[fit]) for model in _theirs(kind, np.array(GRID))]
        values = [loss.value(y[stop], _raw(model, kind, X[stop])) for model in models]
        theirs = loss.value(y[compare], _raw(models[int(np.argmin(values))], kind, X[compare]))
        constant = loss.best_constant(y[fit])
        nothing = loss.value(
            y[compare], np.tile(constant, (len(compare), 1)) if np.ndim(constant) else np.full(len(compare), constant)
        )
        value = loss.value(y[compare], ours.predict_raw(X[compare]))
        shares.append((value - theirs) / (nothing - theirs))  # of what a model gains over the best constant
    assert np.median(shares) <= 0.02


def test_missing_values_levels_and_tails_are_used() -> None:
    X, y, categorical = messy(1200)
    fit, stop, compare = parts(len(y), 1)
    model = train_linear(get("mse"), X[fit], y[fit], None, X[stop], y[stop], None, categorical)
    left = np.mean((y[compare] - model.predict(X[compare])) ** 2) / y[compare].var()
    blind = train_linear(get("mse"), X[fit][:, :1], y[fit], None, X[stop][:, :1], y[stop], None, ())
    assert left <= 0.65 * np.mean((y[compare] - blind.predict(X[compare][:, :1])) ** 2) / y[compare].var()


# Weights, refit -------------------------------------------------------------------------------------------------


def test_rows_of_weight_zero_are_absent() -> None:
    X, y, categorical = messy()
    fit, stop, _ = parts(len(y), 0)
    weight = RNG.uniform(0.5, 2.0, len(fit))
    weight[:60] = 0.0
    wild = X[fit].copy()
    wild[:60, 0] = 1e12
    found = train_linear(get("mae"), wild, y[fit], weight, X[stop], y[stop], None, categorical)
    alone = train_linear(get("mae"), wild[60:], y[fit][60:], weight[60:], X[stop], y[stop], None, categorical)
    assert found.to_dict() == alone.to_dict()


def test_a_refit_keeps_the_penalty_and_learns_from_all_rows() -> None:
    X, y, categorical = messy()
    model = trained(get("huber", delta=1.0), X, y, categorical)
    again = model.refit(X, y, None)
    assert again.penalty == model.penalty and again.design != model.design
    assert again.refit(X, y, None).to_dict() == again.to_dict()


@pytest.mark.parametrize("unit", [1e-3, 1e4])
def test_the_unit_of_the_target_decides_nothing(unit: float) -> None:
    X, y, categorical = messy()
    for name, parameters in (("mse", {}), ("mae", {}), ("quantile", {"level": 0.9})):
        plain, scaled = (trained(get(name, **parameters), X, y * u, categorical) for u in (1.0, unit))
        assert plain.strength == scaled.strength
        # the solver ends at a gap of 1e-11 in the objective, which is about its root in the weights
        assert np.abs(scaled.predict(X) / unit - plain.predict(X)).max() <= 1e-4 * y.std()


def test_extra_columns_of_a_loss_go_along() -> None:
    X, y, categorical = messy()
    cost = RNG.uniform(1, 5, len(y))
    loss = losses.parse("cost * abs(y - z)", target="real", columns=("cost",)).using("numpy")
    fit, stop, _ = parts(len(y), 0)
    model = train_linear(
        loss, X[fit], y[fit], None, X[stop], y[stop], None, categorical, {"cost": cost[fit]}, {"cost": cost[stop]}
    )
    again = model.refit(X, y, None, {"cost": cost})
    assert loss.value(y, again.predict_raw(X), columns={"cost": cost}) < 0.8 * loss.value(
        y, np.full(len(y), np.median(y)), columns={"cost": cost}
    )
