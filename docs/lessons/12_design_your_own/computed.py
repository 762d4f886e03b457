"""Lesson 12, design your own loss: comes in a language, goes out every number and picture of the page."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from docs.lessons.measuring import interval, shown
from sklearn.datasets import load_digits

import lossmith as ls
from lossmith.algebra.balance import balance_of, balanced
from lossmith.report.pages.chart import Bars, Chart, Line, Table

Say = Callable[[str, str], str]
Array = Any

FLIGHTS = Path(__file__).parents[3] / "examples" / "flights.parquet"
ABSOLUTE, SQUARED = ls.get("absolute_error"), ls.get("squared_error")
CROSS_ENTROPY = ls.get("cross_entropy")

SCALE, WIDER, NEAR, LEARNED, JUDGED = 10, 30, 10, 3000, 20000
"""Small errors: scale of the weight, another that is tried, what counts as near, in minutes; flights learned from and
judged on."""
UNDER, OVER, DELAYS = 5, 1, (-10.0, -5.0, 0.0, 5.0, 20.0, 60.0)
"""What a minute too few and a minute too many cost; six delays for the worked case."""
CLASSES, MOST, FALL, SEEDS, STEPS, RATE = 10, 80, 0.65, 6, 120, 0.3
"""Rare classes: the commonest class has MOST images, each next one FALL times as many; random draws, steps, rate."""
HIDDEN, TASK_STEPS, TASK_RATE, TASK_SEEDS = 16, 200, 0.02, 3
"""Several tasks: hidden units, steps of Adam, its rate, random starts."""


@ls.define(target="real")
def shaped(y, z, scale=10.0):  # type: ignore[no-untyped-def]
    """The absolute error, divided by a scale plus itself: one kernel for every scale."""
    return abs(y - z) / (scale + abs(y - z))


NEAR_LOSS = shaped.bind(scale=float(SCALE))
COSTS = ls.from_costs(under=UNDER, over=OVER)
LEVEL = UNDER / (UNDER + OVER)


# Small errors and asymmetric costs, on the flights ---------------------------------------------------------------------


@lru_cache
def flights() -> tuple[Array, Array, Array, Array]:
    """A sample of flights: hour, distance, month and origin; delays in minutes; to learn from and to judge on."""
    frame = pl.read_parquet(FLIGHTS).drop_nulls("arr_delay").sample(LEARNED + JUDGED, seed=0)
    hour, month = frame["sched_dep_time"].to_numpy() / 100, frame["date"].dt.month().to_numpy()
    columns = [hour, hour**2, frame["distance"].to_numpy() / 1000]
    columns += [(month == k) * 1.0 for k in range(2, 13)]
    columns += [(frame["origin"] == name).to_numpy() * 1.0 for name in ("JFK", "LGA")]
    x, y = np.column_stack(columns), frame["arr_delay"].to_numpy().astype(float)
    return x[:LEARNED], y[:LEARNED], x[LEARNED:], y[LEARNED:]


@lru_cache
def predicted(name: str) -> tuple[Array, Array]:
    """A linear model under one loss: what it says of the flights learned from, and of the others."""
    x, y, test, _ = flights()
    loss = {"squared": SQUARED, "absolute": ABSOLUTE, "costs": COSTS.loss}.get(name) or shaped.bind(scale=float(name))
    model = ls.for_sklearn(loss).linear(penalty=1e-6).fit(x, y)
    return model.predict(x), model.predict(test)


def small_errors(say: Say) -> dict[str, Any]:
    """How hard an error pulls under three losses, and how many flights are told to within NEAR minutes."""
    losses = {
        "squared": (SQUARED, say("squared error", "제곱 오차")),
        "absolute": (ABSOLUTE, say("absolute error", "절대 오차")),
        "near": (NEAR_LOSS, say("designed", "직접 만든 손실")),
    }
    truth, errors = flights()[3], np.array([1.0, 10.0, 100.0])
    pulls = {k: loss.per_example_gradient(np.zeros(3), errors) for k, (loss, _) in losses.items()}
    said = {k: predicted(str(SCALE) if k == "near" else k)[1] for k in losses}
    near = {k: np.abs(said[k] - truth) <= NEAR for k in losses}
    worst = {k: float(np.sqrt(np.mean((said[k] - truth) ** 2))) for k in losses}
    zoomed = ls.get("huber").zoom(0.1)
    return {
        "scale": SCALE,
        "near": NEAR,
        "learned": LEARNED,
        "judged": JUDGED,
        "pull_errors": errors.astype(int).tolist(),
        "pull_table": Table(
            (say("loss", "손실 함수"), *(say(f"pull at {e:g} min", f"{e:g}분 오차의 기울기") for e in errors),
             say(f"within {NEAR} min", f"{NEAR}분 이내"), "RMSE"),
            tuple((losses[k][1], *pulls[k].tolist(), float(near[k].mean()), worst[k]) for k in losses),
        ),
        "pull_ratio": float(pulls["near"][0] / pulls["near"][2]),
        "within": {k: float(v.mean()) for k, v in near.items()},
        "root": worst,
        "within_gain": interval(near["near"].astype(float) - near["squared"]),
        "wider": WIDER,
        "within_wider": float(np.mean(np.abs(predicted(str(WIDER))[1] - truth) <= NEAR)),
        "pull_picture": pulls_by_error(say, tuple(losses.values())),
        "zoom_value": zoomed.value([0.05], [0.0]),
        "zoom_plain": ls.get("huber").value([0.05], [0.0]),
        "zoom_half": ls.get("huber").value([0.5], [0.0]),
    }  # fmt: skip


def pulls_by_error(say: Say, losses: tuple[tuple[ls.Loss, str], ...]) -> Chart:
    """The pull of an error under each loss, as a share of its largest one."""
    grid, lines = np.linspace(1, 100, 100), []
    for loss, name in losses:
        pull = np.abs(loss.per_example_gradient(np.zeros(100), grid))
        lines.append(Line(name, tuple(grid), tuple(pull / pull.max())))
    return Chart(
        say(
            "How hard an error pulls (each as a share of its largest pull)",
            "오차가 끄는 힘(각각 가장 큰 힘에 대한 비율)",
        ),
        say("error in minutes", "오차(분)"),
        say("gradient, largest = 1", "기울기(최댓값 = 1)"),
        tuple(lines),
    )


def six_delays() -> dict[str, Any]:
    """The best answer for six delays by hand, beside their mean: anything between the last two costs the same."""
    best, mean = float(COSTS.loss.best_constant(DELAYS)), float(np.mean(DELAYS))
    ends = sorted(DELAYS)[-2:]
    return {
        "under": UNDER,
        "over": OVER,
        "level": LEVEL,
        "delays": [int(d) for d in DELAYS],
        "delay_mean": mean,
        "delay_best": best,
        "delay_ends": ends,
        "cost_at_ends": [COSTS.cost(DELAYS, np.full(len(DELAYS), c)) for c in ends],
        "cost_at_mean": COSTS.cost(DELAYS, np.full(len(DELAYS), mean)),
        "cost_at_best": COSTS.cost(DELAYS, np.full(len(DELAYS), best)),
    }


def asymmetric(say: Say) -> dict[str, Any]:
    """What minutes cost on flights not learned from: the usual losses, the same with a shift, and the cost itself."""
    y, truth = flights()[1], flights()[3]
    names = {"squared": say("squared error", "제곱 오차"), "absolute": say("absolute error", "절대 오차"),
             "costs": say("the cost as loss", "비용을 손실로")}  # fmt: skip
    each, rows = {}, []
    for key, name in names.items():
        seen, said = predicted(key)
        shift = round(float(np.quantile(y - seen, LEVEL)), 6) + 0.0
        each[key] = COSTS.cost_per_row(truth, said)
        each[f"{key}_shifted"] = COSTS.cost_per_row(truth, said + shift)
        rows.append(
            (name, float(each[key].mean()), shift, float(each[f"{key}_shifted"].mean()), float(np.mean(truth <= said)))
        )
    header = (
        say("trained with", "학습한 손실"),
        say("cost per flight", "한 편당 비용"),
        say("shift", "옮긴 값(분)"),
        say("cost after the shift", "옮긴 뒤의 비용"),
        say("share not under-predicted", "적게 말하지 않은 비율"),
    )
    return {
        "cost_table": Table(header, tuple(rows)),
        "cost": {key: float(values.mean()) for key, values in each.items()},
        "saved": interval(each["squared"] - each["costs"]),
        "saved_by_shift": interval(each["squared"] - each["squared_shifted"]),
        "saved_beyond_shift": interval(each["squared_shifted"] - each["costs"]),
        "shift": rows[0][2],
        "not_under": float(rows[2][4]),
        "cost_picture": Bars(
            say("Cost per flight that was not learned from", "학습에 쓰지 않은 항공편의 한 편당 비용"),
            say("cost", "비용"),
            tuple(names.values()),
            ((say("as it is", "그대로"), tuple(float(each[k].mean()) for k in names)),
             (say("with a shift", "옮긴 뒤"), tuple(float(each[f"{k}_shifted"].mean()) for k in names))),
        ),
    }  # fmt: skip


# Rare classes ---------------------------------------------------------------------------------------------------------


@lru_cache
def long_tail(seed: int) -> tuple[Array, Array, Array, Array]:
    """Digits of which each next class has fewer images to learn from; the others are held out."""
    x, y = load_digits(return_X_y=True)
    rng = np.random.default_rng(seed)
    groups = [rng.permutation(np.flatnonzero(y == k)) for k in range(CLASSES)]
    mine = np.concatenate([g[: counts()[k]] for k, g in enumerate(groups)])
    held = np.concatenate([g[MOST:] for g in groups])
    return x[mine] / 16, y[mine], x[held] / 16, y[held]


def counts() -> list[int]:
    """How many images of each class are learned from."""
    return [round(MOST * FALL**k) for k in range(CLASSES)]


@lru_cache
def recalls(name: str) -> Array:
    """The share found of each class, (SEEDS, CLASSES), after training a linear model under one design."""
    design = {
        "plain": CROSS_ENTROPY,
        "balanced": CROSS_ENTROPY.reweight("balanced"),
        "adjusted": CROSS_ENTROPY.adjust(),
    }
    found = []
    for seed in range(SEEDS):
        x, y, test, truth = long_tail(seed)
        loss = design[name] if name == "plain" else design[name].fit(y)
        weights, speed = np.zeros((x.shape[1] + 1, CLASSES)), 0.0
        ones, test_ones = np.c_[x, np.ones(len(x))], np.c_[test, np.ones(len(test))]
        for _ in range(STEPS):
            speed = 0.9 * speed + ones.T @ loss.gradient(y, ones @ weights)
            weights = weights - RATE * speed
        said = (test_ones @ weights).argmax(axis=1)
        found.append([np.mean(said[truth == k] == k) for k in range(CLASSES)])
    return np.array(found)


def rare(say: Say) -> dict[str, Any]:
    """Common and rare classes under cross entropy, balanced weights and prior adjustment."""
    names = {"plain": say("cross entropy", "교차 엔트로피"), "balanced": say("balanced weights", "균형 가중치"),
             "adjusted": say("adjusted for the priors", "사전 확률 보정")}  # fmt: skip
    plain_mean = recalls("plain").mean(axis=1)
    rows = tuple(
        (
            name,
            shown(interval(recalls(k)[:, 0])),
            shown(interval(recalls(k)[:, -1])),
            shown(interval(recalls(k).mean(axis=1))),
        )
        for k, name in names.items()
    )
    header = (say("loss", "손실 함수"), say("commonest class found", "가장 흔한 클래스 재현율"),
              say("rarest class found", "가장 드문 클래스 재현율"), say("mean over classes", "클래스 평균"))  # fmt: skip
    return {
        "most": counts()[0],
        "least": counts()[-1],
        "seeds": SEEDS,
        "rare_table": Table(header, rows),
        "rare_plain": interval(recalls("plain")[:, -1]),
        "rare_balanced": interval(recalls("balanced")[:, -1]),
        "rare_adjusted": interval(recalls("adjusted")[:, -1]),
        "gain_balanced": interval(recalls("balanced").mean(axis=1) - plain_mean),
        "adjusted_over_balanced": interval(recalls("adjusted").mean(axis=1) - recalls("balanced").mean(axis=1)),
        "gain_adjusted": interval(recalls("adjusted").mean(axis=1) - plain_mean),
        "weight_ratio": counts()[0] / counts()[-1],
        "log_prior_gap": float(np.log(counts()[0] / counts()[-1])),
        "rare_picture": Bars(
            say("Share of each class that is found", "클래스별 재현율"),
            say("recall", "재현율"),
            tuple(f"{k} ({n})" for k, n in enumerate(counts())),
            tuple((name, tuple(recalls(k).mean(axis=0).tolist())) for k, name in names.items()),
            alternative=say("In brackets: how many images were learned from.", "괄호 안은 학습에 쓴 그림 수입니다."),
        ),
    }


# Several tasks --------------------------------------------------------------------------------------------------------


@lru_cache
def two_tasks(seed: int) -> tuple[tuple[Array, Array, Array], ...]:
    """From the upper half of a digit: which digit it is, and how much ink the lower half holds; 600 and the others."""
    x, y = load_digits(return_X_y=True)
    order = np.random.default_rng(seed).permutation(len(y))
    upper, ink = np.c_[x[:, :32] / 16, np.ones(len(y))], x[:, 32:].sum(axis=1)
    return tuple((upper[part], y[part], ink[part]) for part in (order[:600], order[600:]))


def adam(params: list[Array], slopes: list[Array], state: list[list[Array]], step: int) -> list[Array]:
    """One step of Adam; `state` holds the running means and is changed."""
    moved = []
    for p, g, (mean, square) in zip(params, slopes, state, strict=True):
        mean += 0.1 * (g - mean)
        square += 0.001 * (g * g - square)
        moved.append(p - TASK_RATE * (mean / (1 - 0.9**step)) / (np.sqrt(square / (1 - 0.999**step)) + 1e-8))
    return moved


@lru_cache
def task_run(method: str, seed: int) -> tuple[float, float, float]:
    """Held-out error of the digit, root mean squared error of the ink, and the first share of the ink in the pull."""
    (x, digit, ink), (test, digit_truth, ink_truth) = two_tasks(seed)
    rng, centre = np.random.default_rng(seed), ink.mean()
    only = {"only_digit": {"digit": 1.0, "ink": 0.0}, "only_ink": {"digit": 0.0, "ink": 1.0}}
    balance = balance_of(only.get(method, method), {}, ["digit", "ink"])
    params = [rng.normal(size=(33, HIDDEN)) / 4, rng.normal(size=(HIDDEN, CLASSES)) / 4, rng.normal(size=HIDDEN) / 4]
    state, moments, share = balance.start(), [[np.zeros_like(p), np.zeros_like(p)] for p in params], 0.0
    for step in range(1, TASK_STEPS + 1):
        hidden = np.maximum(x @ params[0], 0)
        first, pull = CROSS_ENTROPY.value_and_gradient(digit, hidden @ params[1])
        second, draw = SQUARED.value_and_gradient(ink, centre + hidden @ params[2])
        now = balanced(balance, np.array([first, second]), state)
        state, (a, b) = now.state, now.weights
        if step == 1:
            share = float(b * second / (a * first + b * second))
        back = (a * pull @ params[1].T + b * np.outer(draw, params[2])) * (hidden > 0)
        params = adam(params, [x.T @ back, a * hidden.T @ pull, b * hidden.T @ draw], moments, step)
    hidden = np.maximum(test @ params[0], 0)
    wrong = np.mean((hidden @ params[1]).argmax(axis=1) != digit_truth)
    return float(wrong), float(np.sqrt(SQUARED.value(ink_truth, centre + hidden @ params[2]))), share


def tasks(say: Say) -> dict[str, Any]:
    """Each way of putting two losses together, as errors in relation to a network for that task alone."""
    names = {"fixed": say("plain sum", "그냥 더하기"), "initial_magnitude": say("divided by first values", "첫 값으로 나누기"),
             "geometric_mean": say("geometric mean", "기하 평균")}  # fmt: skip
    alone = np.array([[task_run("only_digit", s)[0], task_run("only_ink", s)[1]] for s in range(TASK_SEEDS)])
    rows, found = [], {}
    for key, name in names.items():
        runs = np.array([task_run(key, s) for s in range(TASK_SEEDS)])
        digit, ink = (interval(runs[:, k] / alone[:, k]) for k in (0, 1))
        share = float(runs[:, 2].mean())
        found[key] = {"digit": digit["mean"], "digit_text": shown(digit, 2), "ink": ink["mean"], "share": share}
        rows.append((name, share, shown(digit, 2), shown(ink, 2), max(digit["mean"], ink["mean"])))
    header = (say("balance", "합치는 방법"), say("share of ink in the first total", "첫 합에서 잉크의 몫"),
              say("digit error", "숫자 오차"), say("ink error", "잉크 오차"), say("the worse", "나쁜 쪽"))  # fmt: skip
    return {
        "alone_digit": float(alone[:, 0].mean()),
        "alone_ink": float(alone[:, 1].mean()),
        "task_seeds": TASK_SEEDS,
        "hidden": HIDDEN,
        "task_steps": TASK_STEPS,
        "tasks": found,
        "task_table": Table(header, tuple(rows)),
    }


def computed(say: Say) -> dict[str, Any]:
    """Everything that the page prints."""
    return {**small_errors(say), **six_delays(), **asymmetric(say), **rare(say), **tasks(say)}
