"""Lesson 11, activation functions: comes in a language, goes out every number and picture of the page."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
from sklearn.datasets import load_digits

import lossmith as ls
from lossmith.report.pages.chart import Bars, Chart, Line, Table
from lossmith.report.pages.number import number
from lossmith.teach.activations.cost import Costs, costs
from lossmith.teach.activations.measured import results
from lossmith.teach.activations.race import Course, Race, race
from lossmith.teach.activations.signal import Signal, signal

Say = Callable[[str, str], str]
Array = Any

SIGMOID, TANH, RELU, SOFTMAX = (ls.activation(name) for name in ("sigmoid", "tanh", "relu", "softmax"))
BENDS = {"sigmoid": SIGMOID, "tanh": TANH, "ReLU": RELU}
LAYERS, WIDTH, ROWS, NETS = 20, 64, 64, 5
"""The deep net at its start: layers, units in each, images of digits, random starts."""
CASES = (("sigmoid", "xavier"), ("tanh", "xavier"), ("tanh", "he"), ("ReLU", "xavier"), ("ReLU", "he"))
COURSE = Course(
    budget=300, goal=0.3, look=5, width=32, rates=(0.1, 0.5, 1.0, 2.0, 5.0), tuning=(100,), seeds=(0, 1, 2, 3, 4)
)
"""The race: two hidden layers on the digits, each activation at the best of these rates."""
DYING_RATES, DYING_STEPS, DYING_WIDTH, DYING_ROWS = (0.1, 0.5, 1.0, 2.0), 60, 64, 600
"""Dead units: learning rates, steps, hidden units and images of a network with one layer of ReLU."""
COMPARED = ("sigmoid", "tanh", "relu", "gelu", "silu")
"""The activations of the shipped races, through two and through eight hidden layers."""
POWER = 10
"""Layers of the sum by hand: the largest slope of the sigmoid to this power."""
EXAMPLE, SHIFT, LARGE = (2.0, 1.0, 0.0), 100.0, 1000.0
"""Softmax: the worked row, what is added to it, and a number whose exponential is infinite."""


def shapes(say: Say) -> dict[str, Any]:
    """Value and slope of each, and what a product of slopes comes to."""
    grid = np.linspace(-6, 6, 121)
    normal = np.random.default_rng(0).normal(size=100_000)
    places = (0.0, 2.0, 5.0)
    rows = tuple(
        (
            name,
            *(float(f.derivative(np.array([z]))[0]) for z in places),
            float(f.derivative(grid).max()),
            float(f(normal).mean()),
        )
        for name, f in BENDS.items()
    )
    header = (
        say("activation", "활성화 함수"),
        *(say(f"slope at {z:g}", f"{z:g}에서 미분값") for z in places),
        say("largest slope", "가장 큰 미분값"),
        say("mean output for normal input", "정규 분포 입력에 대한 출력 평균"),
    )
    return {
        "shape_table": Table(header, rows),
        "sigmoid_largest": float(SIGMOID.derivative(grid).max()),
        "sigmoid_at_five": float(SIGMOID.derivative(np.array([5.0]))[0]),
        "power_layers": POWER,
        "sigmoid_power": float(SIGMOID.derivative(grid).max()) ** POWER,
        "sigmoid_mean": float(SIGMOID(normal).mean()),
        "relu_mean": float(RELU(normal).mean()),
    }


def curves(say: Say) -> dict[str, Any]:
    """The pictures of values and slopes."""
    grid = np.linspace(-6, 6, 121)
    return {
        "slope_picture": Chart(
            say("The slopes: what is left of a gradient", "미분값: 기울기에 곱해지는 수"),
            say("input of the unit", "유닛의 입력"),
            say("derivative", "미분값"),
            tuple(Line(name, tuple(grid), tuple(f.derivative(grid)), "steps" if name == "ReLU" else "line")
                  for name, f in BENDS.items()),
        ),
        "value_picture": Chart(
            say("The values", "함숫값"),
            say("input of the unit", "유닛의 입력"),
            say("output", "출력"),
            tuple(Line(name, tuple(grid), tuple(f(grid))) for name, f in BENDS.items()),
            y_range=(-1.2, 3.0),
        ),
    }  # fmt: skip


@lru_cache
def measured(name: str, weights: str) -> Signal:
    """One activation under one initialisation, through LAYERS layers."""
    return signal(BENDS[name], weights, layers=LAYERS, width=WIDTH, rows=ROWS, seeds=NETS)


def depth(say: Say) -> dict[str, Any]:
    """How much of the gradient reaches each layer, and how much of the signal the last one."""
    rows, lines, shares = [], [], {}
    for name, weights in CASES:
        found = measured(name, weights)
        first, last = found.layers[0], found.layers[-1]
        shares[f"{name}_{weights}"] = first.gradient
        label = f"{name}, {'Xavier' if weights == 'xavier' else 'He'}"
        rows.append((label, first.gradient, first.low, first.high, last.variance, last.dead))
        lines.append(Line(label, tuple(float(k.number) for k in found.layers), tuple(k.gradient for k in found.layers)))
    header = (
        say("activation, initialisation", "활성화 함수, 초기화"),
        say("gradient at layer 1", "1층의 기울기"),
        say("lowest", "최소"),
        say("highest", "최대"),
        say("variance of the last output", "마지막 출력의 분산"),
        say("dead units, last layer", "마지막 층의 죽은 유닛"),
    )
    return {
        "layers": LAYERS,
        "width": WIDTH,
        "nets": NETS,
        "share": shares,
        "behind": LAYERS - 1,
        "xavier_theory": 0.5 ** ((LAYERS - 1) / 2),
        "per_layer_sigmoid": shares["sigmoid_xavier"] ** (1 / (LAYERS - 1)),
        "depth_table": Table(header, tuple(rows)),
        "depth_picture": Chart(
            say("The gradient on its way back (last layer = 1)", "뒤로 가는 기울기(마지막 층 = 1)"),
            say("layer", "층"),
            say("norm of the gradient", "기울기의 크기"),
            tuple(lines),
            y_log=True,
        ),
    }


STARTS, LEAK, CURED = 6, 0.1, 0.2
"""Random starts of the layer that dies, the slope below zero that is tried against it, and the loss of a start cured."""


@lru_cache
def images() -> tuple[Array, Array]:
    """The digits that a layer dies on, with a column of ones; their classes."""
    x, y = load_digits(return_X_y=True)
    return np.c_[x / 16, np.ones(len(y))][:DYING_ROWS].astype(np.float32), y[:DYING_ROWS]


@lru_cache
def dying(rate: float, leak: float = 0.0, seed: int = 0) -> tuple[float, float]:
    """After training one layer of ReLU on the digits: the share of units that no image wakes, and the last loss."""
    (x, y), loss, rng = images(), ls.get("cross_entropy"), np.random.default_rng(seed)
    first = rng.normal(size=(65, DYING_WIDTH)) * np.sqrt(2 / 65)
    last, value = rng.normal(size=(DYING_WIDTH, 10)) * np.sqrt(2 / DYING_WIDTH), 0.0
    first, last, leak = first.astype(np.float32), last.astype(np.float32), np.float32(leak)
    for _ in range(DYING_STEPS):
        before = x @ first
        slope = np.where(before > 0, np.float32(1), leak)
        hidden = before * slope
        value, pull = loss.value_and_gradient(y, hidden @ last)
        back = (pull @ last.T) * slope
        first, last = first - rate * (x.T @ back), last - rate * (hidden.T @ pull)
    return float(np.mean((x @ first <= 0).all(axis=0))), value


@lru_cache
def deaths(rate: float, leak: float = 0.0) -> tuple[Array, Array]:
    """Of every start: the share of dead units and the last loss."""
    each = np.array([dying(rate, leak, seed) for seed in range(STARTS)])
    return each[:, 0], each[:, 1]


def spread(values: Array) -> str:
    """The lowest and the highest of several starts, as a cell."""
    low, high = (number(float(v), 2) for v in (values.min(), values.max()))
    return low if low == high else f"{low} … {high}"


def dead(say: Say) -> dict[str, Any]:
    """Dead units by learning rate, over several starts, and what a small slope below zero does about them."""
    relu, leaky = ({rate: deaths(rate, leak) for rate in DYING_RATES} for leak in (0.0, LEAK))
    low, high = (relu[rate] for rate in (DYING_RATES[1], DYING_RATES[-1]))
    cure = leaky[DYING_RATES[-1]][1]
    names = tuple(say(f"rate {rate:g}", f"학습률 {rate:g}") for rate in DYING_RATES)
    return {
        "starts": STARTS,
        "leak": LEAK,
        "guess": float(np.log(10)),
        "dying_steps": DYING_STEPS,
        "dying_width": DYING_WIDTH,
        "dying_low": {"rate": DYING_RATES[1], "dead": float(low[0].mean()), "loss": float(low[1].max())},
        "dying_high": {
            "rate": DYING_RATES[-1], "dead": float(high[0].mean()), "loss": float(high[1].min()),
            "most": float(high[0].max()), "least": float(high[0].min()),
            "cured": int((cure < CURED).sum()), "leaky_worst": float(cure.max()), "low_enough": CURED,
        },
        "cured_rate": DYING_RATES[-2],
        "cured_loss": float(leaky[DYING_RATES[-2]][1].max()),
        "dead_picture": Bars(
            say("Units that no image wakes, after training", "학습 뒤 어떤 그림에도 반응하지 않는 유닛"),
            say(f"share of the hidden units, {STARTS} starts", f"은닉 유닛 중 비율(초깃값 {STARTS}가지)"),
            names,
            ((say("fewest", "최소"), tuple(float(relu[rate][0].min()) for rate in DYING_RATES)),
             (say("mean", "평균"), tuple(float(relu[rate][0].mean()) for rate in DYING_RATES)),
             (say("most", "최대"), tuple(float(relu[rate][0].max()) for rate in DYING_RATES))),
        ),
        "dead_table": Table(
            (say("learning rate", "학습률"), say("dead units (share)", "죽은 유닛(비율)"), say("loss, ReLU", "손실(ReLU)"),
             say(f"loss, slope {LEAK:g} below zero", f"손실(음수 쪽 미분값 {LEAK:g})")),
            tuple((rate, *(spread(values) for values in relu[rate]), spread(leaky[rate][1])) for rate in DYING_RATES),
        ),
    }  # fmt: skip


@lru_cache
def races() -> dict[str, Race]:
    """Steps to the goal, each activation at its own best rate and initialisation."""
    return {name: race(f, COURSE) for name, f in BENDS.items()}


def speed(say: Say) -> dict[str, Any]:
    """Whether one learns faster, and by how much."""
    found = races()
    rows = tuple(
        (name, run.rate, run.weights.replace("xavier", "Xavier").replace("he", "He"), run.median, *run.quartiles)
        for name, run in found.items()
    )
    header = (
        say("activation", "활성화 함수"),
        say("best rate", "가장 좋은 학습률"),
        say("initialisation", "초기화"),
        say("steps (median)", "걸음 수(중앙값)"),
        say("a quarter needs at most", "4분의 1은 이 안에"),
        say("three quarters", "4분의 3은 이 안에"),
    )
    return {
        "goal": COURSE.goal,
        "race_hidden": COURSE.hidden,
        "race_width": COURSE.width,
        "race_seeds": len(COURSE.seeds),
        "race_look": COURSE.look,
        "race_rates": ", ".join(f"{rate:g}" for rate in COURSE.rates),
        "race_table": Table(header, rows),
        "race_steps": {name: run.median for name, run in found.items()},
        "race_picture": Chart(
            say("Training loss on the digits", "숫자 그림의 학습 손실"),
            say("steps", "걸음"),
            say("cross entropy", "교차 엔트로피"),
            tuple(
                Line(name, tuple(float(k * run.every) for k in range(len(run.curve))), run.curve)
                for name, run in found.items()
            ),
            y_log=True,
        ),
    }


@lru_cache
def calls() -> Costs:
    """What a call of each costs."""
    return costs([ls.activation(name) for name in COMPARED])


def deeper(say: Say) -> dict[str, Any]:
    """The shipped races, two and eight hidden layers deep, and what a call of each costs beside the cheapest."""
    found, cost = results(), calls()
    steps = {name: [float(found[c].races[name].median) for c in ("shallow", "deep")] for name in COMPARED}
    price = dict(zip(cost.names, cost.value, strict=True))
    never = say("never", "도달 못 함")
    rows = tuple(
        (name, *(k if np.isfinite(k) else never for k in steps[name]), round(price[name], 1)) for name in COMPARED
    )
    course = found["deep"].course
    return {
        "deep_layers": course.hidden,
        "deep_goal": course.goal,
        "deep_budget": course.budget,
        "deep_seeds": len(course.seeds),
        "deep_steps": {name: both[1] for name, both in steps.items()},
        "price": price,
        "deep_table": Table(
            (
                say("activation", "활성화 함수"),
                *(
                    say(f"steps, {found[c].course.hidden} hidden layers", f"걸음 수(은닉층 {found[c].course.hidden}개)")
                    for c in ("shallow", "deep")
                ),
                say("cost of a call (cheapest = 1)", "호출 비용(가장 싼 것 = 1)"),
            ),
            rows,
        ),
    }


def softmax(say: Say) -> dict[str, Any]:
    """The row map: what it is on one row, its sum, its invariance, its two-class case."""
    row = np.array([EXAMPLE])
    p = SOFTMAX(row)[0]
    two = SOFTMAX(np.array([[1.5, 0.0]]))[0]
    with np.errstate(over="ignore", invalid="ignore"):
        grown = np.exp(row + LARGE)
        naive = grown / grown.sum()
    return {
        "soft_z": [int(v) for v in EXAMPLE],
        "soft_exp": np.exp(row[0]).tolist(),
        "soft_total": float(np.exp(row).sum()),
        "soft_p": p.tolist(),
        "soft_sum": float(p.sum()),
        "soft_shift": int(SHIFT),
        "soft_apart": float(np.abs(SOFTMAX(row + SHIFT)[0] - p).max()),
        "soft_two": float(two[0]),
        "soft_sigmoid": float(SIGMOID(np.array([1.5]))[0]),
        "soft_large": int(LARGE),
        "soft_naive_bad": int(np.isnan(naive).sum()),
        "soft_safe": SOFTMAX(row + LARGE)[0].tolist(),
        "soft_half": float(p[0] * (1 - p[0])),
        "soft_cross": float(-p[0] * p[1]),
    }


def computed(say: Say) -> dict[str, Any]:
    """Everything that the page prints."""
    return {**shapes(say), **curves(say), **depth(say), **dead(say), **speed(say), **deeper(say), **softmax(say)}
