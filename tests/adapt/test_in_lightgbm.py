"""The laws of the LightGBM adapter: parity, start, stamp, curvature, weights, files that stand alone, bad input."""

from __future__ import annotations

import builtins
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lossmith import loss as losses
from lossmith.adapt.in_lightgbm import for_lightgbm
from lossmith.adapt.lightgbm_model import stamp
from lossmith.errors import AdapterError, ArgumentError
from lossmith.loss import Loss

lightgbm = pytest.importorskip("lightgbm")

Floats = np.ndarray[Any, np.dtype[np.float64]]
PARAMS = {"verbosity": -1, "num_leaves": 15, "seed": 1, "num_threads": 1, "deterministic": True, "force_col_wise": True}
N = 2000


def get(name: str, **parameters: float) -> Loss:
    """A catalogue loss on the reference kernels: nothing to compile, and the adapter cannot tell."""
    return losses.get(name, **parameters).using("numpy")


def define(**declaration: Any) -> Any:
    """The same for a formula."""
    return lambda formula: losses.define(**declaration)(formula).using("numpy")


def single(a: Floats) -> Floats:
    """Numbers that float32 holds, which is what LightGBM stores of labels and weights."""
    return a.astype(np.float32).astype(np.float64)


RNG = np.random.default_rng(0)
X = RNG.normal(size=(N, 5))
SIGNAL = X[:, 0] + np.sin(2 * X[:, 1])
WEIGHT = single(RNG.uniform(0.2, 3, N))
REAL = single(SIGNAL + RNG.normal(size=N))
BINARY = (RNG.random(N) < 1 / (1 + np.exp(-SIGNAL - 1))).astype(np.float64)
COUNT = RNG.poisson(np.exp(SIGNAL / 2)).astype(np.float64)
POSITIVE = single(RNG.gamma(2, np.exp(SIGNAL / 2)))
SCORES = np.column_stack([SIGNAL, X[:, 2], 1.5 * X[:, 3], 0 * SIGNAL - 0.5])
CLASS = np.argmax(SCORES + RNG.gumbel(size=(N, 4)), axis=1)

PAIRS = [
    ("half_squared_error", {"objective": "regression"}, REAL),
    ("half_squared_error", {"objective": "regression"}, single(REAL + 1000)),
    ("squared_error", {"objective": "regression"}, REAL),
    ("binary_cross_entropy", {"objective": "binary"}, BINARY),
    ("poisson", {"objective": "poisson"}, COUNT),
    ("gamma", {"objective": "gamma"}, POSITIVE),
    ("cross_entropy", {"objective": "multiclass", "num_class": 4}, CLASS),
]


def relative(found: Floats, wanted: Floats) -> float:
    return float(np.max(np.abs(found - wanted) / np.maximum(1, np.abs(wanted))))


@pytest.mark.parametrize("weight", [None, WEIGHT], ids=["plain", "weighted"])
@pytest.mark.parametrize(("name", "builtin", "y"), PAIRS, ids=lambda v: v if isinstance(v, str) else "")
def test_same_formula_same_model_as_the_builtin(name: str, builtin: dict[str, Any], y: Floats, weight: Any) -> None:
    theirs = lightgbm.train({**PARAMS, **builtin}, lightgbm.Dataset(X, y, weight=weight), 30)
    adapter = for_lightgbm(get(name))
    ours = adapter.train(X, y, weight, params=PARAMS, rounds=30)
    assert adapter.policy(y) == "as_builtin"
    assert relative(ours.predict(X, raw_score=True), theirs.predict(X, raw_score=True)) <= 1e-9
    assert relative(ours.predict(X), theirs.predict(X)) <= 1e-9


@pytest.mark.parametrize("scale", [1.0, 1000.0])
@pytest.mark.parametrize(("name", "level", "builtin"), [
    ("absolute_error", 0.5, {"objective": "regression_l1"}),
    ("quantile", 0.9, {"objective": "quantile", "alpha": 0.9}),
    ("quantile", 5 / 6, {"objective": "quantile", "alpha": 5 / 6}),
])  # fmt: skip
def test_kinked_losses_are_within_three_percent_of_the_builtin(
    name: str, level: float, builtin: dict[str, Any], scale: float
) -> None:
    rng = np.random.default_rng(5)
    features = rng.normal(size=(6000, 6))
    y = scale * (
        2 * features[:, 0] + features[:, 2] * features[:, 3] + np.exp(0.4 * features[:, 4]) * rng.normal(size=6000)
    )
    fit, held = slice(0, 4000), slice(4000, 6000)
    loss = get(name, **({"level": level} if name == "quantile" else {}))
    ours = for_lightgbm(loss).train(features[fit], y[fit], params=PARAMS)
    theirs = lightgbm.train({**PARAMS, **builtin}, lightgbm.Dataset(features[fit], y[fit]), 100)
    reached = loss.value(y[held], ours.predict(features[held]))
    assert reached <= 1.03 * loss.value(y[held], theirs.predict(features[held]))


@pytest.mark.parametrize("name", ["absolute_error", "huber", "log_cosh"])
def test_robust_losses_learn_at_the_scale_of_the_target(name: str) -> None:
    mae = get("mae")
    theirs = lightgbm.train({**PARAMS, "objective": "regression_l1"}, lightgbm.Dataset(X, REAL * 1000), 100)
    ours = for_lightgbm(get(name)).train(X, REAL * 1000, params=PARAMS)
    assert mae.value(REAL * 1000, ours.predict(X)) <= 1.1 * mae.value(REAL * 1000, theirs.predict(X))


@pytest.mark.parametrize("gamma", [0.5, 1.0, 2.0, 5.0])
def test_focal_neither_dies_nor_explodes(gamma: float) -> None:
    from sklearn.metrics import roc_auc_score

    rng = np.random.default_rng(3)
    features = rng.normal(size=(8000, 5))
    y = (rng.random(8000) < 1 / (1 + np.exp(-2 * features[:, 0] - features[:, 1] + 6.3))).astype(np.float64)
    fit, held = slice(0, 5000), slice(5000, 8000)
    model = for_lightgbm(get("focal", gamma=gamma)).train(features[fit], y[fit], params=PARAMS)
    builtin = lightgbm.train({**PARAMS, "objective": "binary"}, lightgbm.Dataset(features[fit], y[fit]), 100)
    assert np.abs(model.predict(features, raw_score=True)).max() < 20
    trees = model.dump_model()["tree_info"]
    assert np.mean([tree["num_leaves"] > 1 for tree in trees]) >= 0.95 and len(trees) == 100
    area, plain = (roc_auc_score(y[held], m.predict(features[held])) for m in (model, builtin))
    assert area >= plain - 0.02


@pytest.mark.parametrize("name", ["squared_error", "quantile", "focal", "huber"])
def test_a_numeric_factor_gives_the_same_trees(name: str) -> None:
    y = BINARY if name == "focal" else REAL
    one, other = (for_lightgbm(loss).train(X, y, params=PARAMS, rounds=20) for loss in (get(name), 1e-3 * get(name)))
    assert [t["num_leaves"] for t in one.dump_model()["tree_info"]] == [
        t["num_leaves"] for t in other.dump_model()["tree_info"]
    ]
    # gradients may differ by one unit in the last place of float32 in a few rows
    assert relative(one.predict(X), other.predict(X)) <= 1e-6


def test_the_start_is_that_of_the_loss_and_stays_in_the_file() -> None:
    y = REAL + 1000
    model = for_lightgbm(get("squared_error")).train(X, y, params={**PARAMS, "learning_rate": 1e-9}, rounds=1)
    assert relative(model.predict(X), np.full(N, y.mean())) <= 1e-7


def test_rows_of_weight_zero_are_absent() -> None:
    weight = WEIGHT.copy()
    weight[::3] = 0
    y = REAL.copy()
    y[::3] = np.nan
    present = weight > 0
    model = for_lightgbm(get("squared_error")).train(X, y, weight, params=PARAMS, rounds=10)
    other = for_lightgbm(get("squared_error")).train(X[present], y[present], weight[present], params=PARAMS, rounds=10)
    np.testing.assert_array_equal(model.predict(X), other.predict(X))


ALONE = """
import sys, numpy, lightgbm
assert "lossmith" not in sys.modules
X = numpy.load(sys.argv[1] + "/X.npy")
numpy.save(sys.argv[1] + "/p.npy", lightgbm.Booster(model_file=sys.argv[1] + "/model.txt").predict(X))
"""


def alone(model: Any, folder: Path) -> Floats:
    """Predictions of the saved model by the plain library in a new process."""
    np.save(folder / "X.npy", X)
    model.save_model(str(folder / "model.txt"))
    subprocess.run([sys.executable, "-c", ALONE, str(folder)], check=True, timeout=100)
    found: Floats = np.load(folder / "p.npy")
    return found


@pytest.mark.parametrize(("name", "y"), [
    ("quantile", REAL + 1000), ("focal", BINARY), ("poisson", COUNT), ("gamma", POSITIVE), ("softmax_focal", CLASS),
])  # fmt: skip
def test_the_plain_library_predicts_on_the_targets_scale_in_a_new_process(name: str, y: Floats, tmp_path: Path) -> None:
    loss = get(name)
    model = for_lightgbm(loss).train(X, y, params=PARAMS, rounds=8)
    predicted = alone(model, tmp_path)
    np.testing.assert_array_equal(predicted, model.predict(X))
    # two implementations of exp or softmax, each right to a few units in the last place
    np.testing.assert_allclose(predicted, loss.predict(model.predict(X, raw_score=True)), rtol=1e-14)


@pytest.mark.parametrize("link", ["identity", "sigmoid", "exp", "softplus"])
def test_stamps_apply_the_link_they_stand_for(link: str) -> None:
    loss = define(target="real", link=link, name="probe")(lambda y, p: (y - p) ** 2)
    y = loss.predict(REAL)
    model = for_lightgbm(loss).train(X, y, params=PARAMS, rounds=3)
    np.testing.assert_allclose(model.predict(X), loss.predict(model.predict(X, raw_score=True)), rtol=1e-14)


def test_a_link_without_a_name_keeps_raw_scores_and_says_so() -> None:
    loss = define(target="real", link="tanh", name="bent")(lambda y, p: (y - p) ** 2)
    with pytest.warns(UserWarning, match="no name for the link tanh"):
        model = for_lightgbm(loss).train(X, np.tanh(REAL), params=PARAMS, rounds=3)
    np.testing.assert_array_equal(model.predict(X), model.predict(X, raw_score=True))
    assert stamp("tanh", "real", 1) is None


def test_a_model_without_a_split_is_its_start() -> None:
    model = for_lightgbm(get("poisson")).train(np.ones((50, 1)), COUNT[:50], params=PARAMS, rounds=5)
    np.testing.assert_allclose(model.predict(np.ones((3, 1))), COUNT[:50].mean(), rtol=1e-14)
    model = for_lightgbm(get("cross_entropy")).train(np.ones((400, 1)), CLASS[:400], params=PARAMS, rounds=5)
    np.testing.assert_allclose(model.predict(np.ones((1, 1)))[0], np.bincount(CLASS[:400]) / 400, rtol=1e-12)


@pytest.mark.parametrize(("name", "y"), [("quantile", REAL), ("squared_error", REAL), ("cross_entropy", CLASS)])
def test_early_stopping_follows_the_loss_and_the_file_ends_at_the_best_round(name: str, y: Floats) -> None:
    loss, seen = get(name), []
    model = for_lightgbm(loss).train(
        X[:1200], y[:1200], params={**PARAMS, "learning_rate": 0.3}, rounds=300, valid=(X[1200:], y[1200:]),
        early_stopping_rounds=5, on_round=lambda done, value: seen.append(value),
    )  # fmt: skip
    assert len(seen) < 300 and model.best_iteration == int(np.argmin(seen)) + 1 == model.current_iteration()
    value = loss.value(y[1200:], model.predict(X[1200:], raw_score=True))
    assert abs(value - min(seen)) <= 1e-12 * abs(value)
    assert model.best_score["valid"][loss.name] == min(seen)


@pytest.mark.parametrize("extra", [{"boosting": "dart"}, {"data_sample_strategy": "goss"}, {"bagging_fraction": 0.5,
    "bagging_freq": 1}, {"monotone_constraints": [1, 0, 0, 0, 0]}])  # fmt: skip
@pytest.mark.parametrize("name", ["squared_error", "quantile"])
def test_other_ways_of_boosting_keep_the_start(name: str, extra: dict[str, Any]) -> None:
    loss, y, seen = get(name), REAL + 1000, []
    model = for_lightgbm(loss).train(
        X, y, params={**PARAMS, **extra}, rounds=20, valid=(X, y), on_round=lambda done, value: seen.append(value)
    )
    value = loss.value(y, model.predict(X))
    assert value < loss.value(y, np.full(N, loss.best_constant(y)))
    assert abs(value - seen[-1]) <= 1e-9 * value


def test_objective_metric_and_adapter_pickle_and_work_with_lightgbm_train() -> None:
    adapter = pickle.loads(pickle.dumps(for_lightgbm(get("binary_cross_entropy"))))
    objective, metric = pickle.loads(pickle.dumps((adapter.objective, adapter.metric)))
    start = float(adapter.loss.best_constant(BINARY))
    data = lightgbm.Dataset(X, BINARY, weight=WEIGHT, init_score=np.full(N, start))
    kept = lightgbm.train(
        {**PARAMS, "objective": objective, "metric": "None"}, data, 10, valid_sets=[data], feval=metric,
        keep_training_booster=True,
    )  # fmt: skip
    start_again, by_hand = adapter.bake(kept), adapter.bake(kept, start)
    np.testing.assert_array_equal(start_again.predict(X), by_hand.predict(X))
    trained = adapter.train(X, BINARY, WEIGHT, params=PARAMS, rounds=10, init=start)
    assert relative(by_hand.predict(X), trained.predict(X)) <= 1e-12
    with pytest.raises(AdapterError, match="LM402"):
        adapter.bake(by_hand)


def test_layout_and_precision_of_x_do_not_matter() -> None:
    small = X.astype(np.float32)
    wide = np.asfortranarray(small.astype(np.float64))
    strided = np.repeat(small.astype(np.float64), 2, axis=1)[:, ::2]
    a, b, c = (
        for_lightgbm(get("mae")).train(x, REAL, params=PARAMS, rounds=5).predict(small) for x in (small, wide, strided)
    )
    np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(a, c)


def test_category_codes_by_name() -> None:
    import polars

    codes = RNG.integers(0, 6, N)
    frame = polars.DataFrame({"a": X[:, 0], "the [code]": codes, "hit": X[:, 1] > 0})
    y = np.where(np.isin(codes, [1, 4]), 3.0, 0.0) + X[:, 0]
    model = for_lightgbm(get("squared_error")).train(
        frame, y, params=PARAMS, rounds=20, categorical_feature=["the [code]"]
    )
    assert "num_cat=0\n" not in model.model_to_string().split("Tree=1")[0].split("Tree=0")[1]
    assert model.feature_name() == ["a", "the__code_", "hit"]


REFUSED = """
import sys, datetime, numpy as np
import lossmith.loss, lossmith.adapt.in_lightgbm as a
import polars as pl, pandas as pd, pyarrow as pa
when = [datetime.date(2020, 1, 1)] * 30
bad = [
    pl.DataFrame({"ok": range(30), "text": ["x"] * 30}), pl.DataFrame({"text": pl.Series(["x"] * 30, dtype=pl.Categorical)}),
    pl.DataFrame({"text": when}), pd.DataFrame({"text": ["x"] * 30}), pd.DataFrame({"text": pd.Categorical(["x"] * 30)}),
    pd.DataFrame({"text": pd.to_datetime(when)}), pa.table({"text": ["x"] * 30}), pa.table({"text": when}),
    pa.table({"text": pa.array(["x"] * 30).dictionary_encode()}),
]
for frame in bad:
    try:
        a.for_lightgbm(lossmith.loss.get("squared_error").using("numpy")).train(frame, np.arange(30.0))
    except a.AdapterError as error:
        assert error.code == "LM411" and '"text"' in str(error), error
    else:
        raise SystemExit("not refused")
print("alive")
"""


def test_frames_with_text_categories_or_dates_are_refused_and_the_process_lives() -> None:
    found = subprocess.run([sys.executable, "-c", REFUSED], capture_output=True, text=True, timeout=200, check=False)
    assert found.stdout.strip() == "alive", found.stderr


@pytest.mark.parametrize(("arguments", "code"), [
    ({"params": {"objective": "binary"}}, "LM409"), ({"params": {"num_iterations": 5}}, "LM409"),
    ({"params": {"boosting": "rf"}}, "LM409"), ({"params": {"linear_tree": True}}, "LM409"), ({"rounds": 0}, "LM409"),
    ({"early_stopping_rounds": 5}, "LM409"), ({"categorical_feature": [9]}, "LM410"),
    ({"sample_weight": np.ones(3)}, "LM413"), ({"sample_weight": np.zeros(N)}, "LM413"), ({"valid": (X,)}, "LM414"),
])  # fmt: skip
def test_requests_that_cannot_be_served_are_refused_by_name(arguments: dict[str, Any], code: str) -> None:
    with pytest.raises(AdapterError, match=code):
        for_lightgbm(get("squared_error")).train(X, REAL, **arguments)


@pytest.mark.parametrize("name", ["rmse", "dice"])
def test_losses_that_are_not_a_sum_over_rows_are_refused(name: str) -> None:
    with pytest.raises(AdapterError, match=f"LM400 {name}"):
        for_lightgbm(get(name))


def test_targets_are_checked_by_the_loss() -> None:
    with pytest.raises(ArgumentError):
        for_lightgbm(get("poisson")).train(X, -COUNT - 1)


@pytest.mark.parametrize(
    ("name", "y"), [("poisson", np.zeros(N)), ("log_loss", np.ones(N)), ("cross_entropy", CLASS + 1)]
)
def test_an_infinite_best_constant_is_an_error_with_a_way_out(name: str, y: Floats) -> None:
    with pytest.raises(AdapterError, match="LM408"):
        for_lightgbm(get(name)).train(X, y)


@pytest.mark.parametrize("scale", [1e60, 1e-60])
def test_targets_beyond_float32_are_refused_and_not_learned_wrongly(scale: float) -> None:
    with pytest.raises(AdapterError, match="LM406"):
        for_lightgbm(get("squared_error")).train(X, REAL * scale, rounds=2)


@pytest.mark.parametrize(("raised", "words"), [
    (ModuleNotFoundError("No module named 'lightgbm'"), "study"),
    (OSError("libgomp.so.1: cannot open shared object file"), "libgomp1"),
])  # fmt: skip
def test_a_library_that_does_not_load_is_explained(
    raised: Exception, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = builtins.__import__

    def refuse(name: str, *rest: Any, **more: Any) -> Any:
        if name == "lightgbm":
            raise raised
        return plain(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(AdapterError, match=words):
        for_lightgbm(get("squared_error"))


def test_a_user_loss_with_an_extra_column_and_two_heads() -> None:
    cost = RNG.uniform(1, 3, N)

    @define(target="real", columns=("cost",), name="costly")
    def costly(y: Any, z: Any, cost: Any) -> Any:
        return cost * (y - z) ** 2

    loss: Loss = costly
    model = for_lightgbm(loss, columns={"cost": cost}).train(X, REAL, params=PARAMS, rounds=10)
    other = for_lightgbm(get("squared_error"), curvature="exact").train(X, REAL, cost, params=PARAMS, rounds=10)
    assert relative(model.predict(X), other.predict(X)) <= 1e-6


def test_a_minus_in_front_of_the_mean_leaves_the_gradient_alone():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(400, 3))
    y = (X[:, 0] + rng.normal(size=400) > 0).astype(float)
    texts = ("-mean(y*log(p) + (1-y)*log(1-p))", "mean(-y*log(p) - (1-y)*log(1-p))")
    outside, inside = (losses.parse(text, target="binary", link="sigmoid") for text in texts)
    raw = [for_lightgbm(loss).train(X, y, rounds=20).predict(X, raw_score=True) for loss in (outside, inside)]
    assert np.allclose(*raw, rtol=1e-12)
    assert inside.value(y, raw[0]) < inside.value(y, np.full(400, inside.best_constant(y)))
