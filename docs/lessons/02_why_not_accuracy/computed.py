"""Lesson 2, why not accuracy: comes in a language, goes out every number and picture of the page."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from sklearn.datasets import load_breast_cancer

import lossmith as ls
from lossmith.report.pages.chart import Chart, Line, Mark, Table

Say = Callable[[str, str], str]
Array = Any

LOG_LOSS = ls.get("binary_cross_entropy").using("numpy")
SMOOTH = ls.parse("abs(y - p)", target="binary", link="sigmoid").using("numpy")
WRONG = ls.parse("where(z > 0, 1 - y, y)", target="binary").using("numpy")
"""1 for a row on the wrong side of 0, else 0: the share of mistakes, one minus the accuracy."""

TRAIN, RATE, STEPS, SHOWN = 100, 2.0, 1000, (1, 10, 30, 100, 300, 1000)
POINTS, FEW, DEEP, MOVES = 500, 12, -10.0, (0.1, 0.01, 0.001, 0.0001, 0.00001)


@lru_cache
def tumours() -> tuple[Array, Array, Array, Array]:
    """The breast cancer set, malignant as 1, cut at random into few training rows and many untouched ones."""
    x, benign = load_breast_cancer(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(benign))
    x, y = x[order], 1.0 - benign[order]
    x = (x - x[:TRAIN].mean(axis=0)) / x[:TRAIN].std(axis=0)
    return x[:TRAIN], y[:TRAIN], x[TRAIN:], y[TRAIN:]


def by_hand() -> dict[str, Any]:
    """Two models with the same accuracy, four rows."""
    y = np.array([1.0, 1.0, 0.0, 0.0])
    timid, sure = np.array([0.6, 0.6, 0.4, 0.6]), np.array([0.9, 0.9, 0.1, 0.6])
    right = [float(np.mean((p > 0.5) == (y == 1))) for p in (timid, sure)]
    loss = ls.get("binary_cross_entropy", on="probability").using("numpy")
    return {
        "hand_y": y.astype(int).tolist(),
        "hand_timid": timid.tolist(),
        "hand_sure": sure.tolist(),
        "hand_rows": len(y),
        "hand_hits": round(len(y) * right[0]),
        "hand_right": right[0],
        "hand_right_too": right[1],
        "hand_timid_loss": loss.value(y, timid),
        "hand_sure_loss": loss.value(y, sure),
    }


@lru_cache
def unchanged() -> tuple[list[float], list[float], float]:
    """Over random models: for each small move, the share whose accuracy, whose log loss does not change; zero pulls."""
    x, y, _, _ = tumours()
    rng = np.random.default_rng(1)
    still, log_still, zero = np.zeros(len(MOVES)), np.zeros(len(MOVES)), 0
    for weights, way in zip(rng.normal(size=(POINTS, x.shape[1])), rng.normal(size=(POINTS, x.shape[1])), strict=True):
        z, step = x @ weights, x @ (way / np.linalg.norm(way))
        zero += not np.any(x.T @ WRONG.gradient(y, z))
        moved = [z + move * step for move in MOVES]
        still += [np.array_equal(m > 0, z > 0) for m in moved]
        before = LOG_LOSS.value(y, z)
        log_still += [LOG_LOSS.value(y, m) == before for m in moved]
    return (still / POINTS).tolist(), (log_still / POINTS).tolist(), zero / POINTS


def flat(say: Say) -> dict[str, Any]:
    """How often the accuracy does not move at all, and how the two look along one parameter."""
    still, log_still, zero = unchanged()
    header = (
        say("length of the step", "걸음의 길이"),
        say("accuracy unchanged (%)", "정확도 그대로(%)"),
        say("log loss unchanged (%)", "로그 손실 그대로(%)"),
    )
    rows = tuple((m, 100 * s, 100 * t) for m, s, t in zip(MOVES, still, log_still, strict=True))
    x, y, _, _ = tumours()
    z = x[:FEW] @ (np.ones(x.shape[1]) / x.shape[1])
    shift = np.linspace(-2, 2, 801)
    wrong = tuple(WRONG.value(y[:FEW], z + c) for c in shift)
    smooth = tuple(LOG_LOSS.value(y[:FEW], 3 * (z + c)) for c in shift)
    return {
        "few_rows": FEW,
        "n_columns": x.shape[1],
        "points": f"{POINTS:,}",
        "zero_share": 100 * zero,
        "smallest_move": MOVES[-1],
        "smallest_still": 100 * still[-1],
        "moves_table": Table(header, rows),
        "flat_picture": Chart(
            say(f"Two numbers for the same {FEW} tumours", f"같은 종양 {FEW}개에 대한 두 가지 수"),
            say("bias of the model", "모델의 편향"),
            say("share of mistakes, log loss", "틀린 비율, 로그 손실"),
            (
                Line(say("share of mistakes", "틀린 비율"), tuple(shift), wrong, "steps"),
                Line(say("log loss", "로그 손실"), tuple(shift), smooth),
            ),
        ),
    }


def stuck() -> dict[str, Any]:
    """Gradient descent from one random model: the share of mistakes, one minus the probability of the answer, the log loss."""
    x, y, _, _ = tumours()
    start = np.random.default_rng(2).normal(size=x.shape[1])
    found = {}
    for name, loss in (("wrong", WRONG), ("smooth", SMOOTH), ("log", LOG_LOSS)):
        weights = start.copy()
        for _ in range(100):
            weights = weights - RATE * (x.T @ loss.gradient(y, x @ weights))
        found[f"{name}_moved"] = float(np.linalg.norm(weights - start))
        found[f"{name}_right"] = 100 * (1 - WRONG.value(y, x @ weights))
    return {
        "start_right": 100 * (1 - WRONG.value(y, x @ start)),
        "deep_z": DEEP,
        "smooth_pull": -float(SMOOTH.per_example_gradient([1.0], [DEEP])[0]),
        "log_pull": -float(LOG_LOSS.per_example_gradient([1.0], [DEEP])[0]),
        **found,
    }


@dataclass(frozen=True)
class Moment:
    """The model at one step: losses, share of untouched rows that are right, how sure it is of them, and its outputs for them."""

    step: int
    train: float
    test: float
    right: float
    sure: float
    worst: float
    train_right: float
    raw: tuple[float, ...]


@lru_cache
def long_training() -> tuple[Moment, ...]:
    """Logistic regression on few rows, trained for far too long."""
    x, y, x_test, y_test = tumours()
    weights, bias, moments = np.zeros(x.shape[1]), 0.0, []
    for step in range(STEPS + 1):
        z = x @ weights + bias
        value, pull = LOG_LOSS.value_and_gradient(y, z)
        if step in (*SHOWN, *range(0, STEPS + 1, 5)):
            raw = x_test @ weights + bias
            p = LOG_LOSS.predict(raw)
            each = LOG_LOSS.per_example(y_test, raw)
            right = 1 - WRONG.value(y_test, raw)
            sure = float(np.maximum(p, 1 - p).mean())
            moments.append(
                Moment(
                    *(step, value, float(each.mean()), right, sure, float(each.max())),
                    *(1 - WRONG.value(y, z), tuple(raw.tolist())),
                )
            )
        weights, bias = weights - RATE * (x.T @ pull), bias - RATE * float(pull.sum())
    return tuple(moments)


def told(best: Moment, end: Moment) -> dict[str, Any]:
    """Mistakes to be expected if the model's own probabilities were true, and mistakes made; how sure the rise is."""
    y = tumours()[3]
    found: dict[str, Any] = {"changed": int(np.sum((np.array(best.raw) > 0) != (np.array(end.raw) > 0)))}
    for name, moment in (("best", best), ("end", end)):
        doubt = LOG_LOSS.predict(-np.abs(np.array(moment.raw)))
        found[f"{name}_expected"] = float(doubt.sum())
        found[f"{name}_spread"] = float(np.sqrt((doubt * (1 - doubt)).sum()))
        found[f"{name}_wrong"] = round(len(y) * (1 - moment.right))
    rise = LOG_LOSS.per_example(y, np.array(end.raw)) - LOG_LOSS.per_example(y, np.array(best.raw))
    return found | {"rise": float(rise.mean()), "rise_half": 1.96 * float(rise.std(ddof=1) / np.sqrt(len(y)))}


def parting(say: Say) -> dict[str, Any]:
    """Loss and accuracy on untouched rows, which part ways."""
    moments = long_training()
    best = min(moments, key=lambda m: m.test)
    end = moments[-1]
    steps = tuple(m.step for m in moments[1:])
    header = (
        *(say("step", "걸음"), say("train loss", "손실(학습)"), say("test loss", "손실(시험)")),
        *(say("right (%)", "정확도(%)"), say("sure (%)", "확신(%)")),
    )
    rows = tuple((m.step, m.train, m.test, 100 * m.right, 100 * m.sure) for m in moments if m.step in SHOWN)
    return {
        "n_train": TRAIN,
        "n_test": len(tumours()[3]),
        "best_step": best.step,
        "best_loss": best.test,
        "best_right": 100 * best.right,
        "best_sure": 100 * best.sure,
        "best_worst": best.worst,
        "end_step": end.step,
        "end_loss": end.test,
        "end_right": 100 * end.right,
        "end_sure": 100 * end.sure,
        "end_worst": end.worst,
        "end_train": end.train,
        "train_right": 100 * end.train_right,
        **told(best, end),
        "loss_growth": 100 * (end.test / best.test - 1),
        "parting_table": Table(header, rows),
        "loss_picture": Chart(
            say("Loss on untouched rows rises", "시험 손실은 올라갑니다"),
            say("step", "걸음"),
            say("log loss", "로그 손실"),
            (
                Line(say("training rows", "학습 데이터"), steps, tuple(m.train for m in moments[1:])),
                Line(say("untouched rows", "시험 데이터"), steps, tuple(m.test for m in moments[1:])),
            ),
            (Mark(best.step, say("least", "최소")),),
            x_log=True,
        ),
        "sure_picture": Chart(
            say("Accuracy stays, certainty grows", "정확도는 그대로, 확신만 커집니다"),
            say("step", "걸음"),
            say("% of untouched rows", "시험 데이터의 %"),
            (
                Line(say("right", "맞힌 비율"), steps, tuple(100 * m.right for m in moments[1:])),
                Line(say("mean certainty", "평균 확신"), steps, tuple(100 * m.sure for m in moments[1:]), "dashed"),
            ),
            (Mark(best.step, say("least loss", "손실 최소")),),
            x_log=True,
        ),
    }


def computed(say: Say) -> dict[str, Any]:
    """All values of the page, by name.

    >>> computed(lambda en, ko: en)["zero_share"]
    100.0
    """
    return by_hand() | flat(say) | stuck() | parting(say)
