"""Lesson 1, learning is making one number small: comes in a language, goes out every number and picture of the page."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from sklearn.datasets import load_diabetes, load_wine

import lossmith as ls
from lossmith.report.pages.chart import Chart, Line, Mark, Table
from lossmith.report.pages.number import number

Say = Callable[[str, str], str]
Array = Any

FLIGHTS = Path(__file__).parents[3] / "examples" / "flights.parquet"
SQUARED = ls.get("squared_error").using("numpy")
RMSE = ls.get("rmse").using("numpy")
DICE = ls.get("dice", smooth=0).using("numpy")
CROSS_ENTROPY = ls.get("cross_entropy")

LAYERS, WIDTH, RATE, AUXILIARY, SEEDS, GOAL, MOST_STEPS = 5, 16, 0.7, 0.3, (0, 1, 2), 0.5, 900
"""The deep net: hidden layers, units in each, learning rate, weight of the auxiliary loss, random starts, loss wanted."""


def listed(values: Array, digits: int = 4) -> str:
    """Numbers in brackets, as a page prints them."""
    return "[" + ", ".join(number(float(value), digits) for value in values) + "]"


def by_hand() -> dict[str, Any]:
    """Three rows and one step, small enough to be followed with a pencil."""
    x, y = np.array([1.0, 2.0, 3.0]), np.array([2.0, 4.0, 6.0])
    weight, rate = 1.0, 0.1
    output = weight * x
    before, gradient = SQUARED.value_and_gradient(y, output)
    slope = float(gradient @ x)
    moved = weight - rate * slope
    return {
        "hand_x": x.astype(int).tolist(),
        "hand_y": y.astype(int).tolist(),
        "hand_w": weight,
        "hand_rate": rate,
        "hand_output": output.astype(int).tolist(),
        "hand_squares": SQUARED.per_example(y, output).astype(int).tolist(),
        "hand_loss": before,
        "hand_slope": slope,
        "hand_moved": moved,
        "hand_edge": 2 / float(SQUARED.hvp(y, output, x) @ x),
        "hand_after": SQUARED.value(y, moved * x),
    }


@lru_cache
def line_fit(steps: int = 300, rate: float = 0.1) -> tuple[Array, Array, list[tuple[float, float]], list[float]]:
    """A straight line through the diabetes set, by gradient descent: rows, targets, path of (w, b), losses."""
    x, y = load_diabetes(return_X_y=True)
    bmi = (x[:, 2] - x[:, 2].mean()) / x[:, 2].std()
    slope = constant = 0.0
    path, losses = [(slope, constant)], []
    for _ in range(steps):
        value, gradient = SQUARED.value_and_gradient(y, slope * bmi + constant)
        losses.append(value)
        slope, constant = slope - rate * float(gradient @ bmi), constant - rate * float(gradient.sum())
        path.append((slope, constant))
    losses.append(SQUARED.value(y, slope * bmi + constant))
    return bmi, y, path, losses


def fitted(say: Say) -> dict[str, Any]:
    """The line before, on the way and after, and its loss at each step."""
    bmi, y, path, losses = line_fit()
    least = float(np.mean((y - np.polyval(np.polyfit(bmi, y, 1), bmi)) ** 2))
    ends = np.array([bmi.min(), bmi.max()])
    stages = tuple(
        Line(say(f"after {k} steps", f"{k}걸음 뒤"), tuple(ends), tuple(path[k][0] * ends + path[k][1]))
        for k in (0, 3, 10, len(path) - 1)
    )
    rows = Line(say("patients", "환자"), tuple(bmi), tuple(y), "points")
    return {
        "n_patients": len(y),
        "first_loss": losses[0],
        "tenth_loss": losses[10],
        "last_loss": losses[-1],
        "least_loss": least,
        "steps": len(losses) - 1,
        "final_w": path[-1][0],
        "final_b": path[-1][1],
        "lines_picture": Chart(
            say("The model while it learns", "배우는 동안의 모델"),
            say("body mass index, standardised", "체질량 지수(표준화)"),
            say("disease progression", "병의 진행 정도"),
            (rows, *stages),
        ),
        "loss_picture": Chart(
            say("One number goes down", "하나의 수가 작아집니다"),
            say("step", "걸음"),
            say("loss (mean squared error)", "손실(평균 제곱 오차)"),
            (Line(say("loss", "손실"), tuple(range(51)), tuple(losses[:51])),),
            (Mark(least, say("the least any line can reach", "직선이 이를 수 있는 최솟값"), "y"),),
        ),
    }


def sigmoid(x: Array) -> Array:
    """The logistic function, for the layers of the net."""
    return 1 / (1 + np.exp(-x))


def with_one(x: Array) -> Array:
    """The rows with a last column of ones, which carries the bias."""
    return np.concatenate([x, np.ones((len(x), 1))], axis=1)


def net_gradients(params: list[Array], x: Array, y: Array, auxiliary: float) -> tuple[float, list[Array]]:
    """Loss of the final head, and the gradient of every matrix; the last matrix is the auxiliary head on layer 1."""
    *inner, head, side = params
    states = [x]
    for weights in inner:
        states.append(sigmoid(with_one(states[-1]) @ weights))
    value, pull = CROSS_ENTROPY.value_and_gradient(y, with_one(states[-1]) @ head)
    gradients = [with_one(states[-1]).T @ pull]
    back = pull @ head[:-1].T
    side_pull = auxiliary * CROSS_ENTROPY.gradient(y, with_one(states[1]) @ side) if auxiliary else 0 * pull
    for k in range(len(inner) - 1, -1, -1):
        back = back if k else back + side_pull @ side[:-1].T
        slope = back * states[k + 1] * (1 - states[k + 1])
        gradients.insert(0, with_one(states[k]).T @ slope)
        back = slope @ inner[k][:-1].T
    return value, [*gradients, with_one(states[1]).T @ side_pull]


@lru_cache
def deep_run(seed: int, auxiliary: float) -> tuple[float, list[float]]:
    """Train the deep net on the wines until its final loss is small: first gradient norm of layer 1, the losses."""
    x, y = load_wine(return_X_y=True)
    x = (x - x.mean(axis=0)) / x.std(axis=0)
    rng = np.random.default_rng(seed)
    sizes = [x.shape[1], *[WIDTH] * LAYERS]
    params = [rng.normal(size=(a + 1, b)) * np.sqrt(2 / (a + b)) for a, b in pairwise(sizes)]
    params += [rng.normal(size=(WIDTH + 1, 3)) * np.sqrt(2 / (WIDTH + 3)) for _ in range(2)]
    first, losses = 0.0, [np.inf]
    while losses[-1] >= GOAL and len(losses) <= MOST_STEPS:
        value, gradients = net_gradients(params, x, y, auxiliary)
        first = first or float(np.linalg.norm(gradients[0]))
        losses.append(value)
        params = [p - RATE * g for p, g in zip(params, gradients, strict=True)]
    return first, losses[1:]


def auxiliary_head(say: Say) -> dict[str, Any]:
    """The deep net without and with a second head on its first layer."""
    plain, helped = ([deep_run(seed, weight) for seed in SEEDS] for weight in (0.0, AUXILIARY))
    rows = tuple(
        (seed, a[0], b[0], len(a[1]) - 1, len(b[1]) - 1) for seed, a, b in zip(SEEDS, plain, helped, strict=True)
    )
    saved = [100 * (1 - row[4] / row[3]) for row in rows]
    header = (
        say("start", "초깃값"),
        say("gradient, without", "기울기(없음)"),
        say("gradient, with", "기울기(있음)"),
        say("steps, without", "걸음(없음)"),
        say("steps, with", "걸음(있음)"),
    )
    lines = tuple(
        Line(name, tuple(range(len(losses))), tuple(losses))
        for name, losses in (
            (say("without the auxiliary head", "보조 헤드 없음"), plain[0][1]),
            (say("with the auxiliary head", "보조 헤드 있음"), helped[0][1]),
        )
    )
    return {
        "n_wines": len(load_wine()["target"]),
        "layers": LAYERS,
        "goal": GOAL,
        "auxiliary_weight": AUXILIARY,
        "auxiliary_table": Table(header, rows),
        "gradient_gain": float(np.mean([b[0] / a[0] for a, b in zip(plain, helped, strict=True)])),
        "deep_rate": RATE,
        "plain_all": ", ".join(str(row[3]) for row in rows),
        "helped_all": ", ".join(str(row[4]) for row in rows),
        "saved_least": min(saved),
        "saved_most": max(saved),
        "guess_loss": float(np.log(3)),
        "auxiliary_picture": Chart(
            say("What a second look at an early layer does", "앞쪽 층을 한 번 더 보면"),
            say("step", "걸음"),
            say("loss of the final head", "마지막 헤드의 손실"),
            lines,
            (Mark(GOAL, say("goal", "목표"), "y"),),
        ),
    }


def cut_rmse() -> dict[str, Any]:
    """Four errors in two batches: RMSE of each, their mean, and RMSE of all; and what each row pulls."""
    y, z = np.zeros(4), np.array([1.0, 1.0, 7.0, 7.0])
    halves = [RMSE.value(y[:2], z[:2]), RMSE.value(y[2:], z[2:])]
    pulls = np.r_[RMSE.gradient(y[:2], z[:2]), RMSE.gradient(y[2:], z[2:])] / 2
    added = RMSE.sums(y[:2], z[:2]) + RMSE.sums(y[2:], z[2:])
    squares = SQUARED.sums(y[:2], z[:2]) + SQUARED.sums(y[2:], z[2:])
    return {
        "rmse_errors": z.astype(int).tolist(),
        "rmse_first": halves[0],
        "rmse_second": halves[1],
        "rmse_mean": float(np.mean(halves)),
        "rmse_whole": RMSE.value(y, z),
        "rmse_added": added.value(),
        "mse_first": SQUARED.value(y[:2], z[:2]),
        "mse_second": SQUARED.value(y[2:], z[2:]),
        "mse_whole": SQUARED.value(y, z),
        "mse_added": squares.value(),
        "unequal_mean": (SQUARED.value(y[:3], z[:3]) + SQUARED.value(y[3:], z[3:])) / 2,
        "unequal_first": SQUARED.value(y[:3], z[:3]),
        "rmse_pulls_cut": listed(pulls),
        "rmse_pulls_whole": listed(RMSE.gradient(y, z)),
    }


def cut_dice() -> dict[str, Any]:
    """Four pixels in two batches, all predicted at one half."""
    y, z = np.array([1.0, 1.0, 0.0, 0.0]), np.zeros(4)
    halves = [DICE.value(y[:2], z[:2]), DICE.value(y[2:], z[2:])]
    added = DICE.sums(y[:2], z[:2]) + DICE.sums(y[2:], z[2:])
    cut = np.r_[DICE.gradient(y[:2], z[:2]), DICE.gradient(y[2:], z[2:])] / 2
    return {
        "dice_y": y.astype(int).tolist(),
        "dice_first": halves[0],
        "dice_second": halves[1],
        "dice_mean": float(np.mean(halves)),
        "dice_whole": DICE.value(y, z),
        "dice_added": added.value(),
        "dice_pulls_cut": listed(cut, 3),
        "dice_pulls_whole": listed(DICE.gradient(y, z), 3),
    }


@lru_cache
def drifting(
    sizes: tuple[int, ...] = (1, 2, 4, 8, 16, 64, 256), rows: int = 4096
) -> tuple[tuple[int, ...], list[float], Array]:
    """The constant that minimises the mean of the RMSEs of batches, for each batch size; and the delays used."""
    delays = pl.read_parquet(FLIGHTS, columns=["arr_delay"]).drop_nulls()["arr_delay"].to_numpy().astype(float)
    y = np.random.default_rng(0).choice(delays, rows, replace=False)
    return sizes, [best_for_batches(y.reshape(-1, size)) for size in sizes], y


def best_for_batches(batches: Array) -> float:
    """Minimise the mean over batches of the root of (spread + (mean - c) squared): convex in c, so thirds find it."""
    centre, spread = batches.mean(axis=1), batches.var(axis=1)
    low, high = float(np.median(batches)) - 50, float(batches.mean()) + 50
    for _ in range(100):
        left, right = low + (high - low) / 3, high - (high - low) / 3
        better = np.sqrt(spread + (centre - left) ** 2).mean() <= np.sqrt(spread + (centre - right) ** 2).mean()
        low, high = (low, right) if better else (left, high)
    return (low + high) / 2


def batch_sizes(say: Say) -> dict[str, Any]:
    """What a model of one constant learns under the mean of batch RMSEs, on the delays of flights."""
    sizes, found, y = drifting()
    mean, median = SQUARED.best_constant(y), ls.get("absolute_error").using("numpy").best_constant(y)
    rows = tuple((size, constant) for size, constant in zip(sizes, found, strict=True))
    return {
        "n_delays": f"{len(y):,}",
        "delay_mean": mean,
        "delay_median": median,
        "batch_one": found[0],
        "batch_many": found[-1],
        "batch_table": Table(
            (say("rows in a batch", "배치의 행 수"), say("constant learned (minutes)", "학습된 상수(분)")), rows
        ),
        "batch_picture": Chart(
            say("The batch size changes what RMSE learns", "배치 크기가 RMSE의 학습 목표를 바꿉니다"),
            say("rows in a batch", "배치의 행 수"),
            say("constant learned (minutes)", "학습된 상수(분)"),
            (Line(say("mean of batch RMSEs", "배치 RMSE의 평균"), tuple(sizes), tuple(found)),),
            (
                Mark(float(mean), say("mean of all delays", "전체 지연의 평균"), "y"),
                Mark(float(median), say("median of all delays", "전체 지연의 중앙값"), "y"),
            ),
            x_log=True,
        ),
    }


def computed(say: Say) -> dict[str, Any]:
    """All values of the page, by name.

    >>> computed(lambda en, ko: en)["rmse_whole"]
    5.0
    """
    return by_hand() | fitted(say) | auxiliary_head(say) | cut_rmse() | cut_dice() | batch_sizes(say)
