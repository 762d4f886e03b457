"""Lesson 9, gradient descent from Taylor's theorem: comes in a language, goes out every number and picture of the page."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from itertools import pairwise
from typing import Any

import numpy as np
from sklearn.datasets import load_breast_cancer, load_diabetes

import lossmith as ls
from lossmith.report.pages.chart import Chart, Line, Mark, Surface, Table

Say = Callable[[str, str], str]
Array = Any

SQUARED, LOG_LOSS = ls.get("squared_error"), ls.get("log_loss")
HAND_X, HAND_Y, HAND_RATE = (1.0, 2.0), (2.0, 4.0), 0.1
"""Two rows and a rate, for the worked case: the model is w * x."""
FEATURES, STEPS, SHARES = (2, 8), 60, (0.01, 0.5, 0.95, 1.05, 1.3)
"""Body mass index and blood fats (s5) of the diabetes set; steps; learning rates as shares of the edge 2 / λ."""
LONG, BEYOND = 400, 1e60
"""The steps of a long run, and the loss at which it is given up."""
FIRST_RATE, TRIAL = 0.001, 10
"""Where doubling of the rate begins, and the steps of each trial."""
HALVINGS = (0.4, 0.2, 0.1)
"""Step lengths at which the errors of Taylor's predictions are compared."""


def by_hand() -> dict[str, Any]:
    """One weight, two rows: loss, slope, curvature, and one step with its predictions."""
    x, y = np.array(HAND_X), np.array(HAND_Y)

    def loss(w: float) -> float:
        return SQUARED.value(y, w * x)

    slope = float(SQUARED.gradient(y, 0 * x) @ x)
    bend = float(SQUARED.hvp(y, 0 * x, x) @ x)
    step = -HAND_RATE * slope
    first, second = -HAND_RATE * slope**2, HAND_RATE**2 / 2 * slope * bend * slope
    rates = (0.1, 0.2, 0.3, 0.4, 0.5)
    rows = []
    for rate in rates:
        w, seen = 0.0, []
        for _ in range(3):
            w -= rate * float(SQUARED.gradient(y, w * x) @ x)
            seen.append(w)
        rows.append((rate, 1 - rate * bend, *seen, loss(w)))
    return {
        "hand_x": [int(v) for v in HAND_X],
        "hand_y": [int(v) for v in HAND_Y],
        "hand_rate": HAND_RATE,
        "hand_start": loss(0.0),
        "hand_slope": slope,
        "hand_bend": bend,
        "hand_step": step,
        "hand_first": first,
        "hand_second": second,
        "hand_actual": loss(step) - loss(0.0),
        "hand_best_rate": 1 / bend,
        "hand_edge": 2 / bend,
        "hand_rows": tuple(rows),
    }


def hand_table(say: Say, rows: tuple[tuple[float, ...], ...]) -> Table:
    """Three steps of the worked case under five rates."""
    header = (say("learning rate", "학습률"), say("factor 1 − ηλ", "배율 1 − ηλ"), say("w after 1", "1걸음 뒤 w"),
              say("after 2", "2걸음"), say("after 3", "3걸음"), say("loss after 3", "3걸음 뒤 손실"))  # fmt: skip
    return Table(header, tuple(tuple(round(v, 10) + 0.0 for v in row) for row in rows))


@lru_cache
def patients() -> tuple[Array, Array]:
    """Two standardised features of the diabetes set and a column of ones; the target."""
    x, y = load_diabetes(return_X_y=True)
    chosen = x[:, FEATURES]
    return np.c_[(chosen - chosen.mean(axis=0)) / chosen.std(axis=0), np.ones(len(y))], y


@lru_cache
def explained() -> Any:
    """`ls.descend` on them, half way to the edge."""
    x, y = patients()
    return ls.descend(SQUARED, x[:, :2], y, learning_rate=0.5 * edge(), steps=STEPS, standardize=False)


@lru_cache
def eigenvalues() -> tuple[float, ...]:
    """The curvatures of the loss on the patients, from its hessian times each direction."""
    x, y = patients()
    columns = [x.T @ SQUARED.hvp(y, np.zeros(len(y)), x @ e) for e in np.eye(x.shape[1])]
    return tuple(float(v) for v in np.linalg.eigvalsh(np.column_stack(columns)))


def edge() -> float:
    """2 / λ, with the largest curvature λ: the largest rate at which no direction grows."""
    return 2 / max(eigenvalues())


@lru_cache
def path(share: float, steps: int = STEPS) -> tuple[Array, Array]:
    """Gradient descent from zero at this share of the edge: the weights and the loss after each step."""
    x, y = patients()
    w, points, losses = np.zeros(x.shape[1]), [], []
    for _ in range(steps + 1):
        value, pull = SQUARED.value_and_gradient(y, x @ w)
        points.append(w)
        losses.append(value)
        if value > BEYOND:
            break
        w = w - share * edge() * (x.T @ pull)
    return np.array(points), np.array(losses)


def lowest() -> tuple[Array, float]:
    """The weights of least loss, and that loss."""
    x, y = patients()
    w = np.linalg.lstsq(x, y, rcond=None)[0]
    return w, SQUARED.value(y, x @ w)


def steps_to(share: float) -> int | None:
    """After how many steps 99 % of the way down is done, if it is."""
    losses, least = path(share, LONG)[1], lowest()[1]
    done = np.flatnonzero(losses - least <= 0.01 * (losses[0] - least))
    return int(done[0]) if len(done) else None


def by_doubling() -> dict[str, Any]:
    """A rate found without the curvature: doubled until a run of TRIAL steps ends above a loss that it had before; then half."""
    rate = FIRST_RATE
    while (np.diff(path(rate / edge(), TRIAL)[1]) <= 0).all():
        rate *= 2
    return {"first_rate": FIRST_RATE, "trial": TRIAL, "risen_rate": rate, "found_rate": rate / 2,
            "found_share": rate / 2 / edge(), "found_steps": steps_to(rate / 2 / edge())}  # fmt: skip


def predictions(say: Say) -> dict[str, Any]:
    """What both orders of Taylor promised on the patients, beside what happened."""
    found = explained()
    taylor = found.taylor
    rows = tuple(
        (k, float(found.losses[k]), float(taylor.first[k]), float(taylor.second[k]),
         float(taylor.first[k] + taylor.second[k]), float(taylor.actual[k]))
        for k in (0, 1, 2, 5)
    )  # fmt: skip
    header = (say("step", "걸음"), say("loss before", "걸음 전 손실"), "−η‖g‖²", "+½η² gᵀHg",
              say("predicted", "예측한 변화"), say("really", "실제 변화"))  # fmt: skip
    return {
        "taylor_table": Table(header, rows),
        "taylor_worst": float(np.abs(taylor.error_second[:10] / taylor.actual[:10]).max()),
        "measured_edge": float(found.curvature.edges[0]),
        "verdict": found.verdict.word,
        "rows": len(patients()[1]),
        "curvatures": [round(v, 3) for v in eigenvalues()],
        "largest": max(eigenvalues()),
        "condition": max(eigenvalues()) / min(eigenvalues()),
        "edge": edge(),
    }


def fates(say: Say) -> dict[str, Any]:
    """What becomes of five learning rates."""
    least, past = lowest()[1], path(1.05, LONG)[1]
    rows = tuple(
        (f"{share:g} · 2/λ", share * edge(), float(path(share)[1][10]), float(path(share)[1][-1]),
         str(steps_to(share) or say("never", "도달 못 함")))
        for share in SHARES
    )  # fmt: skip
    header = (say("learning rate", "학습률"), "η", say("loss after 10", "10걸음 뒤 손실"),
              say(f"loss after {STEPS}", f"{STEPS}걸음 뒤 손실"),
              say("steps for 99 % of the way", "99% 내려가는 데 든 걸음"))  # fmt: skip
    return {
        "steps": STEPS,
        "long_steps": LONG,
        "shares": list(SHARES),
        **by_doubling(),
        "steps_slow": steps_to(SHARES[0]),
        "steps_good": steps_to(0.5),
        "steps_near": steps_to(0.95),
        "past_first": float(past[0]),
        "past_tenth": float(past[10]),
        "past_lowest": float(past.min()),
        "past_lowest_step": int(past.argmin()),
        "past_last": float(past[-1]),
        "fate_table": Table(header, rows),
        "fate_picture": Chart(
            say("What is left to fall, by step", "걸음마다 남은 손실"),
            say("step", "걸음"),
            say("loss above the lowest point", "최솟값을 넘는 손실"),
            tuple(
                Line(f"{share:g} · 2/λ", tuple(range(STEPS + 1)), tuple((path(share)[1] - least).tolist()))
                for share in SHARES
            ),
            y_log=True,
            y_range=(1e-3, 1e8),
        ),
    }


def from_corner(share: float) -> Line:
    """Twelve steps down the same bowl from a corner of the picture, as a path without a name."""
    x, y = patients()
    w = np.array([80.0, -5.0, lowest()[0][2]])
    points = [w]
    for _ in range(12):
        w = w - share * edge() * (x.T @ SQUARED.gradient(y, x @ w))
        points.append(w)
    return Line("", tuple(float(p[0]) for p in points), tuple(float(p[1]) for p in points))


def bowl(say: Say) -> Surface:
    """The loss over the two weights, the constant being at its best, with two paths."""
    x, y = patients()
    centre = lowest()[0]
    along, across = np.linspace(-12, 85, 40), np.linspace(-12, 85, 40)
    z = tuple(tuple(SQUARED.value(y, x @ np.array([a, b, centre[2]])) for a in along) for b in across)
    names = {0.2: say("a fifth of the edge", "한계의 5분의 1"), 0.95: say("just below the edge", "한계 바로 아래")}
    paths = tuple(replace(from_corner(share), label=name) for share, name in names.items())
    return Surface(
        say("Two paths on the loss", "손실 위의 두 길"),
        say("weight of the body mass index", "체질량 지수의 가중치"),
        say("weight of the blood fats (s5)", "혈중 중성지방(s5)의 가중치"),
        tuple(along),
        tuple(across),
        z,
        paths,
    )


@lru_cache
def orders() -> tuple[tuple[float, float, float], ...]:
    """Step lengths on the log loss (no parabola), and how far both of Taylor's predictions lie from the truth."""
    x, y = load_breast_cancer(return_X_y=True)
    x = np.c_[(x[:, :2] - x[:, :2].mean(axis=0)) / x[:, :2].std(axis=0), np.ones(len(y))]
    w = np.array([-1.0, -0.5, 0.3])
    raw = x @ w
    value, pull = LOG_LOSS.value_and_gradient(y, raw)
    slope = x.T @ pull
    bend = float(slope @ (x.T @ LOG_LOSS.hvp(y, raw, x @ slope)))
    found = []
    for rate in HALVINGS:
        actual = LOG_LOSS.value(y, x @ (w - rate * slope)) - value
        first = -rate * float(slope @ slope)
        found.append((rate, abs(actual - first), abs(actual - first - rate**2 / 2 * bend)))
    return tuple(found)


def by_order(say: Say) -> dict[str, Any]:
    """That the first prediction errs with the square of the rate, and the second with its cube."""
    found = orders()
    ratios = [(a[1] / b[1], a[2] / b[2]) for a, b in pairwise(found)]
    rows = tuple(
        (rate, first, second, *(ratios[k - 1] if k else ("", ""))) for k, (rate, first, second) in enumerate(found)
    )
    header = ("η", say("error of −η‖g‖²", "−η‖g‖²의 오차"), say("error with the curvature", "곡률까지 넣은 오차"),
              say("times smaller", "몇 배 작은가"), say("times smaller", "몇 배 작은가"))  # fmt: skip
    return {"order_table": Table(header, rows), "order_ratios": ratios[-1]}


def in_own_units() -> dict[str, Any]:
    """The same patients with one feature in thousandths: curvatures apart, and what that costs; sum against mean."""
    x, y = patients()
    bent = x * np.array([1.0, 0.1, 1.0])
    curved = np.linalg.eigvalsh(2 * bent.T @ bent / len(y))
    rate, w, least = 0.5 * 2 / curved[-1], np.zeros(3), lowest()[1]
    start, count = SQUARED.value(y, 0 * y), 0
    while SQUARED.value(y, bent @ w) - least > 0.01 * (start - least):
        w = w - rate * (bent.T @ SQUARED.gradient(y, bent @ w))
        count += 1
    pull = SQUARED.per_example_gradient(y, 0 * y).sum()
    return {
        "units_condition": float(curved[-1] / curved[0]),
        "units_steps": count,
        "sum_ratio": float(pull / SQUARED.gradient(y, 0 * y).sum()),
        "sum_edge": edge() / len(y),
    }


def curve(say: Say, hand: dict[str, Any]) -> Chart:
    """The worked case: the loss, and the line and the parabola that Taylor's theorem puts at the start."""
    x, y = np.array(HAND_X), np.array(HAND_Y)
    grid = np.linspace(-0.5, 4.5, 51)
    loss = [SQUARED.value(y, w * x) for w in grid]
    line = hand["hand_start"] + hand["hand_slope"] * grid
    return Chart(
        say("The loss and its tangent at w = 0", "손실과 w = 0에서의 접선"),
        "w",
        say("loss", "손실"),
        (Line(say("loss (its own second-order prediction)", "손실(2차 예측과 같음)"), tuple(grid), tuple(loss)),
         Line(say("first-order prediction", "1차 예측"), tuple(grid), tuple(line), "dashed")),
        tuple(Mark(-rate * hand["hand_slope"], f"η = {rate:g}") for rate in (0.1, 0.2, 0.4)),
        y_range=(-8, 18),
    )  # fmt: skip


def computed(say: Say) -> dict[str, Any]:
    """Everything that the page prints."""
    hand = by_hand()
    return {
        **hand,
        "hand_table": hand_table(say, hand["hand_rows"]),
        "curve_picture": curve(say, hand),
        **predictions(say),
        **fates(say),
        "bowl_picture": bowl(say),
        **by_order(say),
        **in_own_units(),
    }
