"""Lesson 10, back-propagation and XOR: comes in a language, goes out every number and picture of the page."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from itertools import product
from typing import Any

import numpy as np

import lossmith as ls
from lossmith.report.pages.chart import Bars, Chart, Line, Table
from lossmith.teach.descent.counts import operation_counts

Say = Callable[[str, str], str]
Array = Any

LOG_LOSS, SQUARED, TANH = ls.get("log_loss"), ls.get("squared_error"), ls.activation("tanh")

X = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
XOR = np.array([0.0, 1.0, 1.0, 0.0])
"""The four points and exclusive or: one of the two, but not both."""

W1, B1 = np.array([[1.0, -0.5], [0.5, 1.0]]), np.array([0.0, 1.0])
W2, B2 = np.array([1.5, -1.0]), 0.2
ROW, ANSWER, STEP = np.array([1.0, 0.0]), 1.0, 1e-6
"""The network and the row of the worked case, and the step of finite differences."""

UNITS, SEEDS, STEPS, RATE = (1, 2, 3, 4, 8), 20, 1200, 1.0
"""Hidden units that are tried on XOR, random starts of each, steps, learning rate."""


# The chain rule, by hand ----------------------------------------------------------------------------------------------


def loss_at(params: Array) -> float:
    """The loss of the worked row under nine parameters: W1 (4), b1 (2), w2 (2), b2."""
    hidden = TANH(ROW @ params[:4].reshape(2, 2) + params[4:6])
    return LOG_LOSS.value([ANSWER], [float(hidden @ params[6:8] + params[8])])


@lru_cache
def one_pass() -> dict[str, Any]:
    """Every number forwards and backwards, and the same gradient by finite differences."""
    z1 = ROW @ W1 + B1
    a1 = TANH(z1)
    z2 = float(a1 @ W2 + B2)
    p = float(LOG_LOSS.predict([z2])[0])
    by_z2 = float(LOG_LOSS.gradient([ANSWER], [z2])[0])
    by_w2, by_a1 = by_z2 * a1, by_z2 * W2
    slope = TANH.derivative(z1)
    by_z1 = by_a1 * slope
    by_w1 = np.outer(ROW, by_z1)
    exact = np.r_[by_w1.ravel(), by_z1, by_w2, by_z2]
    start = np.r_[W1.ravel(), B1, W2, B2]
    rough = np.array([(loss_at(start + STEP * e) - loss_at(start)) / STEP for e in np.eye(9)])
    return {
        "x": ROW.tolist(), "y": ANSWER, "w1": W1.tolist(), "b1": B1.tolist(), "w2": W2.tolist(), "b2": B2,
        "z1": z1.tolist(), "a1": a1.tolist(), "z2": z2, "p": p, "loss": LOG_LOSS.value([ANSWER], [z2]),
        "by_z2": by_z2, "by_w2": by_w2.tolist(), "by_a1": by_a1.tolist(), "slope": slope.tolist(),
        "by_z1": by_z1.tolist(), "by_w1": by_w1.tolist(), "count": len(exact), "step": STEP,
        "difference_error": float(np.abs(exact - rough).max()),
        "exact": exact, "rough": rough,
    }  # fmt: skip


def pass_table(say: Say) -> Table:
    """The nine derivatives, by the chain rule and by finite differences."""
    found = one_pass()
    names = ("W₁[1,1]", "W₁[1,2]", "W₁[2,1]", "W₁[2,2]", "b₁[1]", "b₁[2]", "w₂[1]", "w₂[2]", "b₂")
    rows = tuple(
        (name, round(float(a), 8) + 0.0, round(float(b), 8) + 0.0)
        for name, a, b in zip(names, found["exact"], found["rough"], strict=True)
    )
    return Table(
        (say("parameter", "매개변수"), say("chain rule", "연쇄 법칙"), say("finite differences", "유한 차분")), rows
    )


# What a gradient costs ------------------------------------------------------------------------------------------------


def costs(say: Say) -> dict[str, Any]:
    """Operations counted, as the network grows."""
    counts = operation_counts()
    header = (say("hidden units", "은닉 유닛"), say("weights n", "가중치 n"), say("one loss", "손실 한 번"),
              say("finite differences", "유한 차분"), say("forward mode", "전진 모드"), say("back-propagation", "역전파"),
              say("back-propagation / one loss", "역전파 / 손실 한 번"))  # fmt: skip
    columns = (
        counts.hidden,
        counts.weights,
        counts.forward,
        counts.differences,
        counts.forward_mode,
        counts.reverse_mode,
    )
    rows = tuple((*row, row[5] / row[2]) for row in zip(*columns, strict=True))
    large = rows[-1]
    ways = (
        (say("finite differences", "유한 차분"), counts.differences),
        (say("forward mode", "전진 모드"), counts.forward_mode),
        (say("back-propagation", "역전파"), counts.reverse_mode),
        (say("one loss", "손실 한 번"), counts.forward),
    )
    return {
        "cost_table": Table(header, rows),
        "cost_weights": large[1],
        "cost_forward": large[2],
        "cost_differences": large[3],
        "cost_forward_mode": large[4],
        "ratio_forward_mode": large[4] / large[2],
        "cost_reverse": large[5],
        "ratio_reverse": large[6],
        "ratio_differences": large[3] / large[2],
        "saving": large[3] / large[5],
        "cost_picture": Chart(
            say("Operations for one gradient", "기울기 한 번에 드는 연산"),
            say("weights of the network", "신경망의 가중치 수"),
            say("operations", "연산 수"),
            tuple(Line(name, tuple(map(float, counts.weights)), tuple(map(float, values))) for name, values in ways),
            x_log=True,
            y_log=True,
        ),
    }


# XOR ------------------------------------------------------------------------------------------------------------------


@lru_cache
def by_lines() -> dict[str, Any]:
    """Every way in which a straight line can part the four points: how many, and how many points of XOR it gets right."""
    lines = tuple(product(product((-1.0, 0.0, 1.0), repeat=2), (-1.5, -0.5, 0.5, 1.5)))
    found = {tuple((X @ np.array(w) + b > 0).astype(int)) for w, b in lines}
    right = [int(sum(a == b for a, b in zip(labels, XOR, strict=True))) for labels in found]
    ones = np.c_[X, np.ones(4)]
    best = np.linalg.lstsq(ones, XOR, rcond=None)[0]
    return {
        "lines_tried": len(lines),
        "partings": len(found),
        "labellings": 2**4,
        "xor_among_them": tuple(XOR.astype(int)) in found,
        "most_right": max(right),
        "by_right": tuple(right.count(k) for k in range(5)),
        "square_weights": [round(float(v), 12) + 0.0 for v in best],
        "square_loss": SQUARED.value(XOR, ones @ best),
        "log_gradient": float(np.abs(ones.T @ LOG_LOSS.gradient(XOR, np.zeros(4))).max()),
        "log_loss": LOG_LOSS.value(XOR, np.zeros(4)),
    }


@lru_cache
def trained(units: int, bend: bool = True) -> dict[str, Array]:
    """Networks with one hidden layer, all random starts at once, by gradient descent on XOR."""
    rng = np.random.default_rng(units)
    first, last = rng.normal(size=(SEEDS, 3, units)) * 1.0, rng.normal(size=(SEEDS, units + 1, 1)) * 1.0
    x, y = np.broadcast_to(np.c_[X, np.ones(4)], (SEEDS, 4, 3)), np.tile(XOR, SEEDS)
    losses = []
    for _ in range(STEPS):
        z = x @ first
        hidden = np.concatenate([TANH(z) if bend else z, np.ones((SEEDS, 4, 1))], axis=2)
        raw = hidden @ last
        each = LOG_LOSS.per_example(y, raw.ravel()).reshape(SEEDS, 4).mean(axis=1)
        losses.append(each)
        pull = LOG_LOSS.per_example_gradient(y, raw.ravel()).reshape(SEEDS, 4, 1) / 4
        back = (pull @ last.swapaxes(1, 2))[..., :units] * (1 - hidden[..., :units] ** 2 if bend else 1.0)
        first, last = first - RATE * x.swapaxes(1, 2) @ back, last - RATE * hidden.swapaxes(1, 2) @ pull
    solved = ((raw[..., 0] > 0) == (XOR > 0)).all(axis=1)
    return {
        "losses": np.array(losses),
        "raw": raw[..., 0],
        "hidden": hidden,
        "first": first,
        "last": last,
        "solved": solved,
    }


def hidden_space(say: Say) -> dict[str, Any]:
    """The four points as they are, and as the two hidden units of a network that was trained see them."""
    found = trained(2)
    best = int(np.where(found["solved"], found["losses"][-1], np.inf).argmin())
    seen, (w, v, b) = found["hidden"][best][:, :2], found["last"][best][:, 0]
    ends = np.array([-1.3, 1.3])
    border = Line(say("where the network says 1/2", "신경망이 1/2이라고 말하는 곳"), *(
        (tuple(ends), tuple(-(w * ends + b) / v)) if abs(v) > abs(w) else (tuple(-(v * ends + b) / w), tuple(ends))
    ), style="dashed")  # fmt: skip

    def clouds(points: Array) -> tuple[Line, Line]:
        return (
            Line(say("XOR is 1", "XOR가 1"), tuple(points[XOR == 1, 0]), tuple(points[XOR == 1, 1]), "points"),
            Line(say("XOR is 0", "XOR가 0"), tuple(points[XOR == 0, 0]), tuple(points[XOR == 0, 1]), "points"),
        )

    told = LOG_LOSS.predict(found["raw"][best])
    header = ("x₁", "x₂", say("hidden 1", "은닉 1"), say("hidden 2", "은닉 2"), say("says", "예측"), "XOR")
    rows = tuple(
        (int(X[k, 0]), int(X[k, 1]), *(round(float(s), 3) for s in seen[k]), round(float(told[k]), 3), int(XOR[k]))
        for k in range(4)
    )
    return {
        "hidden_table": Table(header, rows),
        "solved_loss": float(found["losses"][-1, best]),
        "given_picture": Chart(
            say("The four points as they are", "주어진 그대로의 네 점"), "x₁", "x₂", clouds(X),
            x_range=(-0.5, 1.5), y_range=(-0.5, 1.5),
            alternative=say("Equal answers lie on opposite corners.", "답이 같은 점이 서로 마주 보는 꼭짓점에 있습니다."),
        ),
        "hidden_picture": Chart(
            say("The same points as the hidden layer sees them", "은닉층이 본 같은 점들"),
            say("hidden unit 1", "은닉 유닛 1"), say("hidden unit 2", "은닉 유닛 2"), (*clouds(seen), border),
            x_range=(-1.3, 1.3), y_range=(-1.3, 1.3),
        ),
    }  # fmt: skip


def starts(say: Say) -> dict[str, Any]:
    """How many random starts solve XOR, by hidden units; and what layers without a bend do."""
    found = {units: trained(units) for units in UNITS}
    straight = trained(UNITS[-1], bend=False)
    shares = {units: int(run["solved"].sum()) for units, run in found.items()}
    return {
        "seeds": SEEDS,
        "train_steps": STEPS,
        "rate": RATE,
        "solved": {str(units): count for units, count in shares.items()},
        "straight_units": UNITS[-1],
        "straight_solved": int(straight["solved"].sum()),
        "straight_loss": float(straight["losses"][-1].min()),
        "start_picture": Bars(
            say("Random starts that solve XOR", "XOR를 푼 초깃값의 수"),
            say(f"of {SEEDS}", f"{SEEDS}개 중"),
            (*(str(u) for u in UNITS), say(f"{UNITS[-1]}, no bend", f"{UNITS[-1]}, 선형")),
            ((say("solved", "푼 수"), (*map(float, shares.values()), float(straight["solved"].sum()))),),
        ),
    }


def computed(say: Say) -> dict[str, Any]:
    """Everything that the page prints."""
    shown = {name: value for name, value in one_pass().items() if name not in ("exact", "rough")}
    return {
        "net": shown, "pass_table": pass_table(say), **costs(say), **by_lines(), **hidden_space(say), **starts(say)
    }  # fmt: skip
