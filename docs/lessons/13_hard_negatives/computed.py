"""Lesson 13, hard negative mining: comes in a language, goes out every number and picture of the page."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
from docs.lessons.measuring import average_precision, interval, shown
from sklearn.datasets import load_digits

import lossmith as ls
from lossmith.report.pages.chart import Bars, Chart, Line, Table

Say = Callable[[str, str], str]
Array = Any

LOG_LOSS = ls.get("log_loss")
RATIO, OTHER_RATIOS, TOP = 3, (1,), 0.1
"""Negatives kept for each positive, others that are tried; the share of all rows that top= keeps."""
DIGIT, POSITIVES, OTHERS, EMPTY, MISSED = 3, 60, 240, 2100, 0.3
"""The digit that is looked for; windows with it, with another digit, with nothing; share of its labels that are missed."""
SEEDS, RATE, STOPS = 5, 1.0, (10, 20, 40, 80, 160)
"""Random draws, learning rate, and the steps at which held-out rows are judged."""
LOSSES = {
    "plain": LOG_LOSS,
    "negatives": LOG_LOSS.select(negatives=RATIO),
    "top": LOG_LOSS.select(top=TOP),
    "focal": LOG_LOSS.modulate(2.0),
}
TRIM, FASTER, SLOWER = 0.05, float(round((POSITIVES + OTHERS + EMPTY) / (POSITIVES * (1 + RATIO)))), 0.3
"""The share of hardest rows that is left out in place of mined; other learning rates, for mining divides by fewer rows."""
HAND_Y, HAND_P = (1, 1, 0, 0, 0, 0, 0, 0), (0.6, 0.3, 0.7, 0.4, 0.1, 0.1, 0.05, 0.02)
"""The worked case: two positives, six negatives, what the model says of each."""


def names(say: Say) -> dict[str, str]:
    """The losses as people read them."""
    return {
        "plain": say("log loss, all rows", "로그 손실(모든 행)"),
        "negatives": say(f"{RATIO} hardest negatives per positive", f"양성 하나에 가장 어려운 음성 {RATIO}개"),
        "top": say(f"hardest {100 * TOP:g} % of all rows", f"전체에서 가장 어려운 {100 * TOP:g}%"),
        "focal": say("focal loss, gamma 2", "초점 손실, 감마 2"),
    }


def by_hand(say: Say) -> dict[str, Any]:
    """Eight rows: which are kept, the two losses, the two gradients; and the constant that each loss is least at."""
    y, p = np.array(HAND_Y, dtype=float), np.array(HAND_P)
    raw = np.log(p / (1 - p))
    mined = LOG_LOSS.select(negatives=1)
    each, plain, chosen = LOG_LOSS.per_example(y, raw), LOG_LOSS.gradient(y, raw), mined.gradient(y, raw)
    kept = chosen != 0
    rows = tuple(
        (k + 1, int(y[k]), float(p[k]), float(each[k]), say("yes", "예") if kept[k] else say("no", "아니요"),
         float(plain[k]), float(chosen[k]))
        for k in range(len(y))
    )  # fmt: skip
    header = (say("row", "행"), "y", "p", say("loss", "손실"), say("kept", "선택"),
              say("gradient, all rows", "기울기(모든 행)"), say("gradient, mined", "기울기(선택 뒤)"))  # fmt: skip
    many = np.r_[np.ones(10), np.zeros(990)]
    told = LOSSES["negatives"].predict(LOSSES["negatives"].best_constant(many))
    return {
        "hand_table": Table(header, rows),
        "hand_rows": len(y),
        "hand_kept": int(kept.sum()),
        "hand_plain": LOG_LOSS.value(y, raw),
        "hand_mined": mined.value(y, raw),
        "hand_sum": float(each[kept].sum()),
        "hand_easy": float(each[4]),
        "ratio": RATIO,
        "top": TOP,
        "blind_truth": float(many.mean()),
        "blind_told": float(told),
    }


@lru_cache
def windows(seed: int) -> tuple[tuple[Array, Array, Array], tuple[Array, Array, Array]]:
    """Windows of 8 x 8 pixels, their labels, and what they hold (1 the digit, 2 another one, 0 nothing): two halves."""
    x, digit = load_digits(return_X_y=True)
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(digit))
    found, other = order[digit[order] == DIGIT], order[digit[order] != DIGIT]
    halves = []
    for k in (0, 1):
        empty = np.clip(rng.normal(size=(EMPTY, 64)) * 0.15 + rng.random((EMPTY, 1)) * 0.3, 0, 1)
        parts = (found[k * POSITIVES :][:POSITIVES], other[k * OTHERS :][:OTHERS])
        rows = np.concatenate([x[parts[0]] / 16, x[parts[1]] / 16, empty])
        held = np.repeat([1, 2, 0], [POSITIVES, OTHERS, EMPTY])
        halves.append((rows, (held == 1).astype(float), held))
    return halves[0], halves[1]


@lru_cache
def chosen(name: str) -> Any:
    """A loss of the table, or the one that leaves the hardest rows out, or that with another number of negatives."""
    if name == "trim":
        return LOG_LOSS.select(trim=TRIM)
    return LOSSES[name] if name in LOSSES else LOG_LOSS.select(negatives=int(name))


@lru_cache
def run(
    name: str, seed: int, missed: bool, rate: float = RATE, most: int = STOPS[-1], start: float = 0.0
) -> tuple[list[float], float, Array]:
    """Average precision at each stop; the share said at the end; the raw predictions of the rows learned from."""
    (x, y, _), (test, truth, _) = windows(seed)
    if missed:
        y = np.where(np.random.default_rng(seed).random(len(y)) < MISSED, 0.0, y)
    loss, weights, constant, pace, drift = chosen(name), np.zeros(64), start, np.zeros(64), 0.0
    precision = []
    for step in range(1, most + 1):
        pull = loss.gradient(y, x @ weights + constant)
        pace, drift = 0.9 * pace + x.T @ pull, 0.9 * drift + float(pull.sum())
        weights, constant = weights - rate * pace, constant - rate * drift
        if step in STOPS:
            precision.append(average_precision(truth, test @ weights + constant))
    said = loss.predict(test @ weights + constant)
    return precision, float(said.mean()), x @ weights + constant


def who_pulls(name: str, seed: int, at_start: bool) -> Array:
    """The shares of the digit, other digits and empty windows in the sum of |gradient|: at 0, or where all rows ended."""
    (_, y, held), _ = windows(seed)
    raw = np.zeros(len(y)) if at_start else run("plain", seed, False)[2]
    pull = np.abs(LOSSES[name].gradient(y, raw))
    return np.array([pull[held == k].sum() for k in (1, 2, 0)]) / pull.sum()


@lru_cache
def measured() -> dict[str, dict[str, Any]]:
    """Of each loss: intervals of the precision with right and with missed labels, and of its gain over the log loss."""
    found: dict[str, dict[str, Any]] = {}
    for name in LOSSES:
        found[name] = {}
        for case, missed in (("right", False), ("missed", True)):
            each = np.array([run(name, s, missed)[0] for s in range(SEEDS)])
            usual = np.array([run("plain", s, missed)[0] for s in range(SEEDS)])
            found[name][case] = interval(each[:, -1])
            found[name][f"{case}_gain"] = interval(each[:, -1] - usual[:, -1])
            found[name][f"{case}_early"] = interval(each[:, 2])
            found[name][f"{case}_curve"] = tuple(each.mean(axis=0).tolist())
        for key, at_start in (("first", True), ("later", False)):
            found[name][key] = np.mean([who_pulls(name, s, at_start) for s in range(SEEDS)], axis=0).tolist()
        found[name]["said"] = float(np.mean([run(name, s, False)[1] for s in range(SEEDS)]))
    return found


@lru_cache
def otherwise() -> dict[str, Any]:
    """With missed labels: the hardest rows left out, and both losses at other learning rates, against the plain loss."""
    usual = np.array([run("plain", s, True)[0][-1] for s in range(SEEDS)])
    ends = {
        "trim": np.array([run("trim", s, True, RATE, STOPS[2])[0][-1] for s in range(SEEDS)]),
        "faster": np.array([run("plain", s, True, FASTER)[0][-1] for s in range(SEEDS)]) - usual,
        "slower": np.array([run("negatives", s, True, SLOWER)[0][-1] for s in range(SEEDS)]) - usual,
    }
    share = POSITIVES / (POSITIVES + OTHERS + EMPTY)
    starts = {
        "fair": (RATE, float(np.log(share / (1 - share)))),
        "fair_fast": (FASTER, float(np.log(share / (1 - share)))),
    }
    early = {
        key: interval([run("plain", s, False, rate, STOPS[0], start)[0][-1] for s in range(SEEDS)])
        for key, (rate, start) in starts.items()
    }
    ratios = {
        str(k): interval([run(str(k), s, False, RATE, STOPS[2])[0][-1] for s in range(SEEDS)]) for k in OTHER_RATIOS
    }
    return {
        "trim_share": TRIM, "trim_steps": STOPS[2], "fast": FASTER, "slow": SLOWER,
        "early": {key: shown(found) for key, found in early.items()},
        "early_mined": shown(interval([run("negatives", s, False)[0][0] for s in range(SEEDS)])),
        "early_lead": float(np.mean([run("negatives", s, False)[0][0] for s in range(SEEDS)])) - early["fair_fast"]["mean"],
        "other_ratios": list(OTHER_RATIOS), "by_ratio": {k: shown(found) for k, found in ratios.items()},
        **{name: interval(end) for name, end in ends.items()},
        **{f"{name}_text": shown(interval(end)) for name, end in ends.items()},
    }  # fmt: skip


def mined_text() -> dict[str, dict[str, str]]:
    """The intervals of the table as texts, by what is measured and by loss."""
    cases = ("right_early", "right", "right_gain", "missed_gain")
    return {case: {k: shown(row[case]) for k, row in measured().items()} for case in cases}


def on_data(say: Say) -> dict[str, Any]:
    """The tables and pictures of the windows."""
    found, called = measured(), names(say)
    rows = tuple(
        (called[k], shown(r["right_early"]), shown(r["right"]), shown(r["right_gain"]) if k != "plain" else "",
         shown(r["missed"]), shown(r["missed_gain"]) if k != "plain" else "")
        for k, r in found.items()
    )  # fmt: skip
    header = (say("loss", "손실 함수"), say(f"after {STOPS[2]} steps", f"{STOPS[2]}걸음 뒤"),
              say(f"after {STOPS[-1]} steps", f"{STOPS[-1]}걸음 뒤"), say("gain", "이득"),
              say("with missed labels", "라벨이 빠졌을 때"), say("gain", "이득"))  # fmt: skip
    kinds = (say("the digit", "찾는 숫자"), say("other digits", "다른 숫자"), say("nothing", "빈 창"))
    wrong = say(
        f"{100 * MISSED:g} % of the positives labelled as negatives",
        f"양성의 {100 * MISSED:g}%에 음성 라벨이 붙었을 때",
    )
    early = ("plain", "negatives", "top", "focal")
    return {
        "digit": DIGIT,
        "positives": POSITIVES,
        "others": OTHERS,
        "empty": EMPTY,
        "missed_share": MISSED,
        "seeds": SEEDS,
        "stops": list(STOPS),
        "empty_share": EMPTY / (POSITIVES + OTHERS + EMPTY),
        "true_share": POSITIVES / (POSITIVES + OTHERS + EMPTY),
        "mined": found,
        "mined_text": mined_text(),
        "missed_loss": shown({**found["negatives"]["missed_gain"], "mean": -found["negatives"]["missed_gain"]["mean"]}),
        "middle": STOPS[2],
        "result_table": Table(header, rows),
        "pull_picture": Bars(
            say("Whose gradient is it, at one and the same model?", "같은 모델에서, 누구의 기울기일까요?"),
            say("share of the sum of |gradient|", "|기울기| 합에서 차지하는 몫"),
            tuple(called[k] for k in early),
            tuple((kind, tuple(found[k]["later"][place] for k in early)) for place, kind in enumerate(kinds)),
        ),
        "right_picture": by_step(say, "right", say("Right labels", "라벨이 맞을 때")),
        "missed_picture": by_step(say, "missed", wrong),
    }


def by_step(say: Say, case: str, title: str) -> Chart:
    """How the precision on held-out windows grows, or falls, with the steps."""
    called = names(say)
    lines = tuple(Line(called[k], STOPS, row[f"{case}_curve"]) for k, row in measured().items())
    y = say("average precision, held out", "학습에 쓰지 않은 창의 평균 정밀도")
    return Chart(title, say("steps", "걸음"), y, lines, x_log=True, y_range=(0.9, 1.0))


def computed(say: Say) -> dict[str, Any]:
    """Everything that the page prints."""
    return {**by_hand(say), **on_data(say), **otherwise()}
