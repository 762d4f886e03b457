"""Lesson 6, what belongs after a sigmoid or softmax: comes in a language, goes out every number and picture."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
from sklearn.datasets import load_breast_cancer, load_iris

import lossmith as ls
from lossmith.report.pages.chart import Chart, Line, Mark, Table
from lossmith.report.pages.number import number

Say = Callable[[str, str], str]
Array = Any

LOG, SQUARED = ls.get("binary_cross_entropy").using("numpy"), ls.get("brier").using("numpy")
CLASSES = ls.get("cross_entropy").using("numpy")
CLASS_SQUARES = ls.parse("over_classes((y - p)**2)", target="class", link="softmax").using("numpy")
"""Cross entropy, and the squared error of the probabilities, for yes or no and for classes."""

WRONG, PLACES = -10.0, (0.0, -2.0, -5.0, -10.0, -20.0)
RATE, STEPS, SHOWN, WEIGHT, FAR = 1.0, 300, (0, 10, 100, 300), -2.0, -20.0
RATES = (RATE, 10.0, 100.0, 1000.0)
NUMBERINGS = ((0, 1, 2), (1, 0, 2))
"""Two ways of giving setosa, versicolor and virginica their class numbers."""


def listed(values: Array, digits: int = 4) -> str:
    """Numbers in brackets, as a page prints them."""
    return "[" + ", ".join(number(float(value), digits) for value in values) + "]"


def by_hand(say: Say) -> dict[str, Any]:
    """The gradient of both losses where the answer is yes and the model says no, ever more surely."""
    p = LOG.predict(list(PLACES))
    ones = np.ones(len(PLACES))
    cross, squared = (loss.per_example_gradient(ones, list(PLACES)) for loss in (LOG, SQUARED))
    bend = [float(loss.per_example_gradient_and_hessian([1.0], [WRONG])[1][0]) for loss in (LOG, SQUARED)]
    header = (
        "z",
        "p",
        say("cross entropy: p − y", "교차 엔트로피: p − y"),
        say("squared: 2p(1−p)(p−y)", "제곱: 2p(1−p)(p−y)"),
    )
    at = PLACES.index(WRONG)
    z = np.linspace(-12, 12, 241)
    return {
        "wrong_z": WRONG,
        "wrong_p": float(p[at]),
        "wrong_slope": float(p[at] * (1 - p[at])),
        "wrong_cross": float(cross[at]),
        "wrong_squared": float(squared[at]),
        "wrong_ratio": float(cross[at] / squared[at]),
        "even_cross": float(cross[0]),
        "even_squared": float(squared[0]),
        "bend_cross": bend[0],
        "bend_squared": bend[1],
        "places_table": Table(
            header, tuple(zip(PLACES, map(float, p), map(float, cross), map(float, squared), strict=True))
        ),
        "pull_picture": Chart(
            say("How hard a row with y = 1 pulls", "y = 1인 행이 당기는 힘"),
            say("raw prediction z", "원시 예측 z"),
            say("size of the gradient", "기울기의 크기"),
            tuple(
                Line(label, tuple(z), tuple(-loss.per_example_gradient(np.ones(len(z)), z)))
                for label, loss in (
                    (say("cross entropy", "교차 엔트로피"), LOG),
                    (say("squared error", "제곱 오차"), SQUARED),
                )
            ),
            (Mark(WRONG, say("confidently wrong", "확신에 차서 틀림")),),
        ),
    }


@lru_cache
def tumours(weight: float, rate: float = RATE) -> dict[str, list[tuple[float, float]]]:
    """Share right, and how far the probability is off, at each step under either loss; all weights start equal."""
    x, benign = load_breast_cancer(return_X_y=True)
    x, y = np.c_[(x - x.mean(axis=0)) / x.std(axis=0), np.ones(len(x))], 1.0 - benign
    start = np.r_[np.full(x.shape[1] - 1, weight), 0.0]
    found = {}
    for name, loss in (("cross", LOG), ("squared", SQUARED)):
        weights, path = start.copy(), []
        for _ in range(STEPS + 1):
            z = x @ weights
            path.append((float(np.mean((z > 0) == (y == 1))), float(np.mean(np.abs(y - LOG.predict(z))))))
            weights = weights - rate * (x.T @ loss.gradient(y, z))
        found[name] = path
    return found


def training(say: Say) -> dict[str, Any]:
    """Both losses from a start that is surely wrong, and from zero."""
    wrong, level = tumours(WEIGHT), tumours(0.0)
    header = (
        *(say("step", "걸음"), say("from wrong, CE (%)", "틀린 곳에서, CE(%)")),
        *(say("squared (%)", "제곱(%)"),),
        *(
            say("from 0, CE (%)", "0에서, CE(%)"),
            say("squared (%)", "제곱(%)"),
        ),
    )
    both = [path for run in (wrong, level) for path in (run["cross"], run["squared"])]
    rows = tuple((step, *(100 * path[step][0] for path in both)) for step in SHOWN)
    steps = tuple(range(STEPS + 1))
    return {
        "n_tumours": len(load_breast_cancer()["target"]),
        "n_measured": len(load_breast_cancer()["feature_names"]),
        "start_right": 100 * wrong["cross"][0][0],
        "start_error": wrong["cross"][0][1],
        "steps": STEPS,
        "start_weight": WEIGHT,
        "cross_right": 100 * wrong["cross"][-1][0],
        "squared_right": 100 * wrong["squared"][-1][0],
        "cross_ten": 100 * wrong["cross"][10][0],
        "squared_ten": 100 * wrong["squared"][10][0],
        "level_cross": 100 * level["cross"][-1][0],
        "level_squared": 100 * level["squared"][-1][0],
        "training_table": Table(header, rows),
        "training_picture": Chart(
            say("From a start that is confidently wrong", "확신에 차서 틀린 초깃값에서"),
            say("step", "걸음"),
            say("% of tumours right", "맞힌 종양의 %"),
            (
                Line(say("cross entropy", "교차 엔트로피"), steps, tuple(100 * a for a, _ in wrong["cross"])),
                Line(say("squared error", "제곱 오차"), steps, tuple(100 * a for a, _ in wrong["squared"])),
            ),
        ),
    }


def other_rates(say: Say) -> dict[str, Any]:
    """The same wrong start at other learning rates, and a start ten times as far away."""
    ends = {rate: {name: 100 * path[-1][0] for name, path in tumours(WEIGHT, rate).items()} for rate in RATES}
    cross, squared = ([end[name] for end in ends.values()] for name in ("cross", "squared"))
    header = (
        *(
            say("rate", "학습률"),
            say("CE, 10 steps (%)", "CE, 10걸음(%)"),
            say(f"CE, {STEPS} (%)", f"CE, {STEPS}걸음(%)"),
        ),
        *(say("squared, 10 (%)", "제곱, 10걸음(%)"), say(f"squared, {STEPS} (%)", f"제곱, {STEPS}걸음(%)")),
    )
    rows = tuple(
        (rate, *(100 * tumours(WEIGHT, rate)[name][step][0] for name in ("cross", "squared") for step in (10, STEPS)))
        for rate in RATES
    )
    return {
        "rates_table": Table(header, rows),
        "rate": RATE,
        "fast_rate": RATES[1],
        "slow_rate": RATES[2],
        "top_rate": f"{RATES[3]:,.0f}",
        "cross_fast": cross[1],
        "squared_fast": squared[1],
        "cross_least": min(cross),
        "cross_most": max(cross),
        "squared_least": min(squared),
        "squared_most": max(squared),
        "far_weight": FAR,
        "far_cross": 100 * tumours(FAR)["cross"][-1][0],
        "far_slow": 100 * tumours(FAR, RATES[2])["squared"][-1][0],
        "far_fast": 100 * tumours(FAR, RATES[3])["squared"][-1][0],
    }


def softmax() -> dict[str, Any]:
    """Three classes, the second is right, the model is sure of the first."""
    y, raw = np.array([1]), np.array([[10.0, 0.0, 0.0]])
    cross, squared = CLASSES.per_example_gradient(y, raw)[0], CLASS_SQUARES.per_example_gradient(y, raw)[0]
    return {
        "softmax_raw": raw[0].astype(int).tolist(),
        "softmax_p": listed(CLASSES.predict(raw)[0], 5),
        "softmax_cross": listed(cross, 5),
        "softmax_squared": listed(squared, 3),
        "softmax_ratio": float(cross[1] / squared[1]),
    }


@lru_cache
def iris_curve() -> tuple[list[float], float]:
    """The unlucky numbering: squared error of the line at each step, and the share right of the best quadratic."""
    x, species = load_iris(return_X_y=True)
    x = (x - x.mean(axis=0)) / x.std(axis=0)
    y, line = np.array(NUMBERINGS[1])[species], np.c_[x, np.ones(len(x))]
    squared, weights, losses = ls.get("squared_error").using("numpy"), np.zeros(x.shape[1] + 1), []
    for _ in range(STEPS + 1):
        value, gradient = squared.value_and_gradient(y.astype(float), line @ weights)
        losses.append(value)
        weights = weights - 0.1 * (line.T @ gradient)
    first, second = np.triu_indices(x.shape[1])
    curve = np.c_[line, x[:, first] * x[:, second]]
    said = np.clip(np.rint(curve @ np.linalg.lstsq(curve, y, rcond=None)[0]), 0, 2)
    return losses, float(np.mean(said == y))


@lru_cache
def irises() -> list[tuple[tuple[int, ...], float, float, float]]:
    """For each numbering: share right by squared error on numbers, by cross entropy; share of 0 and 2 that is called 1."""
    x, species = load_iris(return_X_y=True)
    x = np.c_[(x - x.mean(axis=0)) / x.std(axis=0), np.ones(len(x))]
    squared, found = ls.get("squared_error").using("numpy"), []
    for numbering in NUMBERINGS:
        y = np.array(numbering)[species]
        line, rows = np.zeros(x.shape[1]), np.zeros((x.shape[1], 3))
        for _ in range(STEPS):
            line = line - 0.1 * (x.T @ squared.gradient(y.astype(float), x @ line))
            rows = rows - RATE * (x.T @ CLASSES.gradient(y, x @ rows))
        said = np.clip(np.rint(x @ line), 0, 2)
        by_class = float(np.mean((x @ rows).argmax(axis=1) == y))
        found.append((numbering, float(np.mean(said == y)), by_class, float(np.mean(said[y != 1] == 1))))
    return found


def wrong_task(say: Say) -> dict[str, Any]:
    """Squared error on class numbers, and cross entropy on a target that is no probability."""
    rows = irises()
    header = (
        say("setosa, versicolor, virginica", "세토사, 버시컬러, 버지니카"),
        say("squared error (%)", "제곱 오차(%)"),
        say("cross entropy (%)", "교차 엔트로피(%)"),
    )
    try:
        LOG.value([5.0], [0.0])
        refusal = ""
    except ls.LossmithError as error:
        refusal = str(error)
    z, minutes = np.zeros(3), np.array([2.0, 5.0, 0.5])
    pushes = LOG.predict(z) - minutes
    far = 1 / (1 + np.exp(-20.0)) - minutes
    fractions = np.array([0.1, 0.2, 0.6])
    return {
        "numbers_table": Table(header, tuple((str(n), 100 * a, 100 * b) for n, a, b, _ in rows)),
        "number_usual": 100 * rows[0][1],
        "number_swapped": 100 * rows[1][1],
        "curve_right": 100 * iris_curve()[1],
        "called_between": 100 * rows[1][3],
        "classes_usual": 100 * rows[0][2],
        "classes_swapped": 100 * rows[1][2],
        "between": float(ls.get("squared_error").using("numpy").best_constant([0.0, 2.0])),
        "minutes": minutes.tolist(),
        "minutes_said": listed(minutes),
        "pushes": pushes.tolist(),
        "pushes_said": listed(pushes),
        "pushes_far": far.tolist(),
        "pushes_far_said": listed(far),
        "refusal": refusal,
        "fractions": fractions.tolist(),
        "fraction_best": float(LOG.predict(LOG.best_constant(fractions))),
        "fraction_mean": float(fractions.mean()),
    }


def computed(say: Say) -> dict[str, Any]:
    """All values of the page, by name.

    >>> computed(lambda en, ko: en)["even_cross"]
    -0.5
    """
    return by_hand(say) | training(say) | other_rates(say) | softmax() | wrong_task(say)
