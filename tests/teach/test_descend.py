"""Gradient descent: the numbers against other ways to get them, the verdict by running it, bad input in one sentence."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import lossmith as ls
from lossmith.errors import ArgumentError, LossmithError
from lossmith.loss.activation import activation
from lossmith.teach.descent.bundled import SETS, data_set
from lossmith.teach.descent.curvature import DENSE, largest
from lossmith.teach.descent.network import Network
from lossmith.teach.descent.path import tried, walked
from lossmith.teach.descent.rate import chosen, rounded
from lossmith.teach.descent.task import Objective, task_of
from lossmith.teach.descent.walk import descend

RANDOM = np.random.default_rng(7)
X = RANDOM.standard_normal((40, 3)) * [1.0, 5.0, 0.2]
REAL = X @ [1.0, -0.5, 3.0] + RANDOM.standard_normal(40)
TARGETS = {
    "real": REAL,
    "binary": (REAL > 0) * 1.0,
    "class": np.digitize(REAL, [-1.0, 1.0]),
    "count": RANDOM.poisson(2.0, 40) * 1.0,
    "nonnegative": np.abs(REAL),
    "positive": np.abs(REAL) + 0.1,
    "ordinal": np.digitize(REAL, [-1.0, 1.0]) * 1.0,
    "simplex": RANDOM.dirichlet([1.0, 2.0, 3.0], 40),
}

NAMES = [
    name
    for name in ls.names()
    if not (said := ls.get(name).definition.declaration).columns and said.on != "probability"
]


def objective_of(name: str, widths: tuple[int, ...], function: str = "tanh") -> Objective:
    task = task_of(name, X, TARGETS[ls.get(name).target], None, None, None)
    return Objective(task, Network((3, *widths, len(task.outputs)), activation(function)))


@pytest.mark.parametrize("name", NAMES)
def test_every_loss_of_the_catalogue_goes_down(name: str) -> None:
    for widths in ((), (2,)):
        objective = objective_of(name, widths)
        start = objective.network.start(0)
        rate = chosen(objective, start, 3, 0).rate
        path, taylor = walked(objective, start, rate, 3)
        assert path.losses[-1] < path.losses[0]
        assert np.array_equal(taylor.actual, np.diff(path.losses))
        assert np.isfinite(taylor.second).all()


@pytest.mark.parametrize("name", ["squared_error", "binary_cross_entropy", "cross_entropy", "rmse", "dice", "poisson"])
@pytest.mark.parametrize(("widths", "function"), [((), "tanh"), ((3,), "tanh"), ((3, 2), "gelu")])
def test_gradient_and_hessian_are_those_of_central_differences(
    name: str, widths: tuple[int, ...], function: str
) -> None:
    """A central difference with step h errs by about h^2 |f'''| / 6 + u |f| / h: 1e-6 of the size is ample for h = 1e-5."""
    objective = objective_of(name, widths, function)
    at = 0.3 * np.random.default_rng(1).standard_normal(objective.network.size)
    way, h = np.random.default_rng(2).standard_normal(at.size), 1e-5
    value, slope = objective.value_and_gradient(at)
    rise = (objective.value(at + h * way) - objective.value(at - h * way)) / (2 * h)
    assert slope @ way == pytest.approx(rise, rel=1e-6, abs=1e-6 * abs(value))
    turn = (objective.value_and_gradient(at + h * way)[1] - objective.value_and_gradient(at - h * way)[1]) / (2 * h)
    assert objective.hvp(at, way) == pytest.approx(turn, rel=1e-5, abs=1e-6 * np.abs(turn).max())


def test_the_largest_curvature_is_that_of_the_whole_matrix() -> None:
    objective = objective_of("cross_entropy", (4,))
    assert objective.network.size > DENSE  # Lanczos, by products alone
    at = objective.network.start(0)
    assert largest(objective, at) == pytest.approx(np.linalg.eigvalsh(objective.hessian(at))[-1], rel=1e-5)


def test_curvature_of_squared_error_is_twice_the_second_moment() -> None:
    found = descend("mse", X, REAL, steps=5, standardize=False)
    wide = np.column_stack([X, np.ones(40)])
    values = np.linalg.eigvalsh(2 * wide.T @ wide / 40)
    assert found.curvature.largest == pytest.approx(values[-1], rel=1e-12)
    assert found.curvature.condition == pytest.approx(values[-1] / values[0], rel=1e-9)


def test_on_a_parabola_the_second_order_leaves_rounding_only() -> None:
    """The change of the loss is exact but for rounding: a few ulps of the losses themselves."""
    found = descend("mse", X, REAL, steps=60)
    assert np.abs(found.taylor.error_second).max() <= 64 * np.finfo(float).eps * found.losses[0]
    rate, bend = found.learning_rate, found.taylor.bend
    assert found.taylor.error_first == pytest.approx(rate**2 / 2 * bend, abs=1e-12 * found.losses[0])
    assert found.lowest == pytest.approx(_least_squares(X, REAL), rel=1e-9)


def _least_squares(features: np.ndarray, y: np.ndarray) -> float:
    wide = np.column_stack([features, np.ones(len(y))])
    left = y - wide @ np.linalg.lstsq(wide, y, rcond=None)[0]
    return float(left @ left / len(y))


def test_the_edge_is_where_it_begins_to_run_away() -> None:
    scaled = (X - X.mean(axis=0)) / X.std(axis=0)
    task = task_of("mse", scaled, REAL, None, None, None)
    objective = Objective(task, Network((3, 1), activation("tanh")))
    edge, start = 2 / largest(objective, np.zeros(4)), np.zeros(4)
    below = tried(objective, start, 0.95 * edge, 150).losses
    above = tried(objective, start, 1.05 * edge, 150).losses
    assert below[-1] < 1.01 * _least_squares(X, REAL)
    assert not (np.diff(below) > 1e-12 * below[0]).any()
    assert above[-1] > 1e3 * above[0]
    for share, word in ((0.95, "good"), (1.05, "diverging")):
        assert descend("mse", X, REAL, steps=100, learning_rate=share * edge).verdict.word == word


def test_each_verdict_and_its_advice_hold_when_they_are_run() -> None:
    edge = float(descend("mse", X, REAL, steps=5).curvature.edges[0])
    slow, path = None, None
    for rate, word in ((0.001 * edge, "too small"), (0.5 * edge, "good"), (3 * edge, "diverging")):
        found = descend("mse", X, REAL, steps=30, learning_rate=rate)
        assert found.verdict.word == word
        if found.verdict.suggested is None:
            continue
        assert f"Use {found.verdict.suggested:g}" in found.verdict.advice
        better = descend("mse", X, REAL, steps=30, learning_rate=found.verdict.suggested)
        assert better.losses[-1] < found.losses[-1]
        assert better.verdict.word in ("good", "too small")
        slow, path = (found, better.losses) if word == "too small" else (slow, path)
    assert slow is not None and path is not None
    assert slow.verdict.faster is not None
    fall = slow.losses[0] - 0.999 * (slow.losses[0] - slow.losses[-1])
    own = next(t for t in slow.trials if t.learning_rate == slow.learning_rate)
    assert own.reached is not None
    assert slow.verdict.faster == own.reached / int(np.flatnonzero(path <= fall)[0])


def test_past_the_edge_without_running_away() -> None:
    found = descend("bce", X, TARGETS["binary"], steps=40, learning_rate=400.0)
    assert found.verdict.word in ("past the edge", "diverging")
    assert found.verdict.suggested is not None and found.verdict.suggested < 400.0
    straight = descend("mae", X, REAL, steps=60, learning_rate=2.0)
    assert straight.verdict.word == "past the edge"
    assert not np.isfinite(straight.curvature.edges).any()
    assert "straight pieces" in straight.text


@pytest.mark.parametrize("name", ["mse", "half_squared_error", "bce", "huber", "sum_of_squares_half"])
@pytest.mark.parametrize("weighted", [False, True])
def test_sum_and_mean_walk_the_same_path(name: str, weighted: bool) -> None:
    """Each step rounds the gradient and the point a few times: 30 steps stay within 1e-12 of the size."""
    weight = np.linspace(0.5, 2.0, 40) if weighted else None
    y = TARGETS[ls.get(name).target]
    found = descend(name, X, y, weight, steps=30).summed
    assert found is not None
    assert found.rows == pytest.approx(40 if weight is None else weight.sum())
    assert found.gradient_ratio == pytest.approx(found.rows, rel=1e-12)
    assert max(found.apart_path, found.apart_loss) < 1e-12
    assert found.given_is_sum == (name == "sum_of_squares_half")


def test_a_loss_that_is_no_sum_says_so() -> None:
    found = descend("rmse", X, REAL, steps=10)
    assert found.summed is None
    assert "not a sum over rows" in " ".join(found.notes)


@pytest.mark.parametrize("name", ["mse", "bce", "gamma", "cross_entropy"])
def test_the_default_rate_never_raises_a_smooth_loss(name: str) -> None:
    objective = objective_of(name, ())
    found = chosen(objective, objective.network.start(0), 40, 0)
    losses = tried(objective, objective.network.start(0), found.rate, 40).losses
    assert (np.diff(losses) <= 1e-12 * np.abs(losses[:-1])).all()
    assert "largest curvature at the start" in found.reason


def test_overflow_and_no_number_are_told_and_the_path_is_kept() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = descend("poisson", X, TARGETS["count"], learning_rate=1e4, steps=50)
        wild = descend("mse", X, REAL, learning_rate=1e200, steps=50)
    for each in (found, wild):
        assert each.verdict.word == "diverging"
        assert "path" in each.verdict.sentences[0]
        assert 1 <= each.steps < 50
        assert np.isfinite(each.losses[0])
        assert len(each.html) < 300_000


def test_the_surface_is_the_loss_itself() -> None:
    found = descend("bce", X[:, :1], TARGETS["binary"], steps=10)
    plane = found.plane
    assert plane is not None and plane.whole and plane.x_label == "weight of x"
    scaled = (X[:, 0] - X[:, 0].mean()) / X[:, 0].std()
    here = ls.get("bce").value(TARGETS["binary"], plane.x[5] * scaled + plane.y[9])
    assert plane.z[9, 5] == pytest.approx(here, rel=1e-13)
    assert np.array_equal(plane.path, found.parameters)
    wide = descend("mse", X, REAL, steps=30).plane
    assert wide is not None
    assert wide.directions @ wide.directions.T == pytest.approx(np.eye(2), abs=1e-12)
    assert 0.5 < wide.share <= 1 + 1e-12


def test_constant_columns_units_and_samples_are_said() -> None:
    wide = np.column_stack([X, np.full(40, 3.0)])
    found = descend("mse", wide, REAL, steps=20, feature_names=["a", "b", "c", "always"])
    assert any("always" in note for note in found.notes)
    assert found.widths == (3, 1)
    assert found.curvature.raw_condition > found.curvature.condition > 1
    some = descend("mse", X, REAL, steps=5, rows=25, seed=3)
    assert (some.rows, some.rows_given) == (25, 40)
    assert any("25 are used" in note for note in some.notes)
    assert np.array_equal(some.losses, descend("mse", X, REAL, steps=5, rows=25, seed=3).losses)


def test_weight_zero_is_absent() -> None:
    weight = np.ones(40)
    weight[::4] = 0.0
    kept = weight > 0
    assert descend("mse", X, REAL, weight, steps=10).losses == pytest.approx(
        descend("mse", X[kept], REAL[kept], steps=10).losses, rel=1e-12
    )


def test_xor_is_beyond_a_straight_line_and_within_one_hidden_layer() -> None:
    xor = data_set("xor")
    line = descend("bce", xor.X, xor.y, steps=5)
    assert line.verdict.word == "at rest" and line.losses[-1] == pytest.approx(np.log(2), rel=1e-12)
    curved = descend("bce", xor.X, xor.y, model="two-layer", hidden=4, steps=60)
    assert curved.losses[-1] < 0.05


@pytest.mark.parametrize("name", [name for name in SETS if name != "xor"])
def test_bundled_sets_are_those_of_scikit_learn(name: str) -> None:
    from sklearn import datasets

    options = {"scaled": False} if name == "diabetes" else {}
    theirs = getattr(datasets, f"load_{name}")(**options)
    ours = data_set(name)
    assert pytest.approx(theirs.data, rel=1e-9) == ours.X
    assert (
        ours.y.tolist() == (theirs.target if ours.y.dtype.kind == "f" else theirs.target_names[theirs.target]).tolist()
    )


BAD = [
    ({"loss": "mze"}, "mse"),
    ({"loss": "bce"}, "squared_error"),
    ({"X": X[:10]}, "LM574"),
    ({"X": np.where(X > 2, np.nan, X)}, "found nan"),
    ({"X": X[:0], "y": REAL[:0]}, "LM573"),
    ({"X": [["a"], ["b"]], "y": [1.0, 2.0]}, "LM572"),
    ({"X": np.ones((40, 2))}, "same value in all rows"),
    ({"model": "deep"}, "LM570"),
    ({"model": "two-layer", "hidden": 0}, "LM571"),
    ({"model": "two-layer", "activation": "relo"}, "relu"),
    ({"model": "two-layer", "activation": "softmax"}, "LM571"),
    ({"learning_rate": 0.0}, "LM576"),
    ({"learning_rate": float("nan")}, "LM576"),
    ({"steps": 0}, "LM576"),
    ({"start": [1.0]}, "LM576"),
    ({"y": np.where(REAL > 0, np.nan, REAL)}, "y_true"),
    ({"sample_weight": np.ones(3)}, "LM574"),
    ({"feature_names": ["a"]}, "LM572"),
    ({"loss": "kl_divergence", "y": TARGETS["simplex"]}, "LM578"),
]


@pytest.mark.parametrize(("wrong", "said"), BAD)
def test_bad_input_is_one_sentence(wrong: dict[str, object], said: str) -> None:
    with pytest.raises(LossmithError) as told:
        descend(**{"loss": "mse", "X": X, "y": REAL, **wrong})  # type: ignore[arg-type]
    assert said in str(told.value)
    assert "\n" not in str(told.value)


def test_labels_may_be_words() -> None:
    words = np.where(REAL > 0, "yes", "no")
    found = descend("bce", X, words, steps=5)
    assert np.array_equal(found.losses, descend("bce", X, TARGETS["binary"], steps=5).losses)
    assert "“yes” counts as 1" in found.notes[0]
    with pytest.raises(ArgumentError):
        descend("mse", X, words)


def test_rates_are_rounded_towards_zero() -> None:
    for rate in 10.0 ** np.linspace(-12, 12, 97):
        assert 0.9 * rate <= rounded(rate) <= rate * (1 + 1e-9)


def test_runs_without_predictions_agree_with_those_with() -> None:
    objective = objective_of("bce", ())
    path = tried(objective, np.zeros(4), 0.3, 7)
    assert np.array_equal(
        path.losses, descend("bce", X, TARGETS["binary"], learning_rate=0.3, steps=7, standardize=False).losses
    )
