"""Lesson 8, label smoothing, focal and dice: comes in a language, goes out every number and picture of the page."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
from docs.lessons.measuring import average_precision, descent, interval, shown
from docs.lessons.small_nets import (
    CLASSES,
    NETS,
    STOPS,
    TRAIN,
    WRONG,
    calibration_error,
    digit_nets,
    repeated,
    trained_nets,
)
from docs.lessons.small_scenes import PICTURES, SIDE, overlap, scenes
from sklearn.datasets import load_digits

import lossmith as ls
from lossmith.report.pages.chart import Chart, Line, Mark, Spot, Table

Say = Callable[[str, str], str]
Array = Any

CROSS_ENTROPY = ls.get("cross_entropy")
LOG_LOSS = ls.get("log_loss")
DICE = ls.get("dice")

EPSILON, EPSILONS = 0.1, (0.0, 0.1, 0.2, 0.4)
GAMMA, GAMMAS, RARE, DIGIT, KEEP, SPLITS = 2.0, (0.0, 2.0, 5.0), 0.05, 8, 40, 5
"""Focal: its exponents, the share of the worked case, the rare digit, how many of it are learned from, random splits."""
SCENES, TOLD, REACHED = 5, (0.2, 0.3), 0.7
"""Dice: random draws; between which probabilities told and true ink are compared; the overlap of a question."""


# Label smoothing ------------------------------------------------------------------------------------------------------


def by_gap(epsilon: float, gaps: Array) -> Array:
    """The smoothed loss of one row whose true class is `gap` above nine equal others."""
    raw = np.zeros((len(gaps), CLASSES))
    raw[:, 0] = gaps
    return CROSS_ENTROPY.smooth(epsilon).per_example(np.zeros(len(gaps), int), raw)


def smoothing_by_hand(say: Say) -> dict[str, Any]:
    """Where the smoothed loss is least, and that its gradient is zero there."""
    target = 1 - EPSILON + EPSILON / CLASSES
    other = EPSILON / CLASSES
    gap = float(np.log(target / other))
    gaps = np.linspace(-2, 12, 141)
    at_best = np.r_[gap, np.zeros(CLASSES - 1)][None]
    lines = tuple(Line(f"ε = {e}", tuple(gaps), tuple(by_gap(e, gaps) if e else plain(gaps))) for e in EPSILONS)
    return {
        "classes": CLASSES,
        "epsilon": EPSILON,
        "epsilons": list(EPSILONS),
        "target_true": target,
        "target_other": other,
        "best_gap": gap,
        "gradient_at_gap": float(np.abs(CROSS_ENTROPY.smooth(EPSILON).gradient([0], at_best)).max()),
        "floor": float(by_gap(EPSILON, np.array([gap]))[0]),
        "plain_at_gap": float(plain(np.array([gap]))[0]),
        "gap_picture": Chart(
            say("What one row costs, by how far its true class is ahead", "정답 클래스가 앞선 정도에 따른 한 행의 손실"),
            say("lead of the true class, as raw prediction", "정답 클래스가 앞선 정도(원시 예측값)"),
            say("loss of the row", "한 행의 손실"),
            lines,
            (Mark(gap, say(f"best lead at ε = {EPSILON}", f"ε = {EPSILON}에서 가장 좋은 값")),),
            alternative=say("Plain cross entropy falls for ever; smoothed losses turn upwards.",
                            "교차 엔트로피는 계속 작아지고, 스무딩한 손실은 다시 커집니다."),
        ),
    }  # fmt: skip


def plain(gaps: Array) -> Array:
    """The same row under cross entropy without smoothing."""
    raw = np.zeros((len(gaps), CLASSES))
    raw[:, 0] = gaps
    return CROSS_ENTROPY.per_example(np.zeros(len(gaps), int), raw)


def judged(epsilon: float, noisy: bool, step: int) -> dict[str, Array]:
    """Of each net: share right, what it says on average, and its calibration error, on rows with true labels."""
    truths, nets = digit_nets()[3], slice(NETS, None) if noisy else slice(0, NETS)
    pairs = list(zip(trained_nets(epsilon)[step][0][nets], truths[nets], strict=True))
    return {
        "right": np.array([np.mean(p.argmax(axis=1) == t) for p, t in pairs]),
        "told": np.array([p.max(axis=1).mean() for p, _ in pairs]),
        "apart": np.array([calibration_error(p, t) for p, t in pairs]),
    }


@lru_cache
def smoothing_measured() -> dict[tuple[bool, int, float], dict[str, Any]]:
    """Every case: intervals of the three figures, and of the difference to plain cross entropy with the same seeds."""
    found = {}
    for noisy in (False, True):
        for step in STOPS:
            usual = judged(0.0, noisy, step)
            for epsilon in EPSILONS:
                now = judged(epsilon, noisy, step)
                found[noisy, step, epsilon] = {name: interval(values) for name, values in now.items()}
                found[noisy, step, epsilon]["gain"] = interval(now["right"] - usual["right"])
    return found


def by_heart(step: int) -> dict[str, float]:
    """The share of the wrong labels that a net repeats, by smoothing."""
    return {str(e): float(repeated(e, step).mean()) for e in EPSILONS}


def smoothing_on_data(say: Say) -> dict[str, Any]:
    """The table and the picture of label smoothing on the digits."""
    cases, last = smoothing_measured(), max(STOPS)
    rows = [
        (say("40 % wrong", "40% 틀림") if noisy else say("all right", "모두 맞음"), step, epsilon,
         shown(c["right"]), shown(c["told"]), shown(c["apart"]))
        for (noisy, step, epsilon), c in cases.items()
        if noisy or step == last
    ]  # fmt: skip
    names = (
        ("right", say("share right", "정확도")),
        ("told", say("what it says (confidence)", "모델이 말하는 확신도")),
    )
    lines = tuple(
        Line(f"{name}, {say('after', '학습')} {step} {say('steps', '걸음')}", EPSILONS,
             tuple(cases[True, step, e][key]["mean"] for e in EPSILONS), style)
        for step, style in zip(STOPS, ("line", "dashed"), strict=True)
        for key, name in names
    )  # fmt: skip
    return {
        "nets": NETS,
        "train": TRAIN,
        "wrong": WRONG,
        "early": min(STOPS),
        "late": last,
        "by_heart": {"early": by_heart(min(STOPS)), "late": by_heart(last)},
        "noisy_late": {str(e): cases[True, last, e] for e in EPSILONS},
        "noisy_early": {str(e): cases[True, min(STOPS), e] for e in EPSILONS},
        "clean_late": {str(e): cases[False, last, e] for e in EPSILONS},
        "smoothing_table": Table(
            (say("labels", "라벨"), say("steps", "걸음"), "ε", say("share right", "정확도"),
             say("what it says", "확신도"), say("calibration error", "보정 오차")),
            tuple(rows),
        ),
        "smoothing_picture": Chart(
            say("Digits, 40 % of the labels wrong: judged by true labels", "숫자 그림, 라벨 40%가 틀림: 올바른 라벨로 평가"),
            "ε",
            say("share of held-out images", "학습에 쓰지 않은 그림에서의 비율"),
            lines,
        ),
    }  # fmt: skip


# Focal ----------------------------------------------------------------------------------------------------------------


def focal_of(gamma: float) -> ls.Loss:
    """The log loss, and for an exponent above 0 its focal form."""
    return LOG_LOSS.modulate(gamma) if gamma else LOG_LOSS


@lru_cache
def told(truth: float, gamma: float) -> float:
    """What a model says under focal loss where the true share is `truth`: the constant of least loss."""
    loss = focal_of(gamma)
    return float(loss.predict(loss.best_constant([1.0, 0.0], [truth, 1 - truth])))


def true_share(said: Array, gamma: float) -> tuple[float, ...]:
    """The share of positives at which a probability is the best one to say: there the two pulls are in balance."""
    raw = np.log(said / (1 - said))
    up, down = (focal_of(gamma).per_example_gradient(np.full(len(raw), y), raw) for y in (1.0, 0.0))
    return tuple(down / (down - up))


def focal_by_hand(say: Say) -> dict[str, Any]:
    """How much an easy and a hard row count, and what focal loss makes a model say."""
    easy, hard = 0.9, 0.1
    raw = np.log(np.array([easy, hard]) / (1 - np.array([easy, hard])))
    usual, focal = (focal_of(g).per_example([1.0, 1.0], raw) for g in (0.0, GAMMA))
    said = np.linspace(0.01, 0.99, 99)
    lines = tuple(Line(f"γ = {g:g}", true_share(said, g), tuple(said), "dashed" if g == 0 else "line") for g in GAMMAS)
    return {
        "gamma": GAMMA,
        "easy": easy,
        "hard": hard,
        "easy_usual": float(usual[0]),
        "easy_focal": float(focal[0]),
        "hard_usual": float(usual[1]),
        "hard_focal": float(focal[1]),
        "ratio_usual": float(usual[1] / usual[0]),
        "ratio_focal": float(focal[1] / focal[0]),
        "rare": RARE,
        "told_rare": told(RARE, GAMMA),
        "told_rare_most": told(RARE, max(GAMMAS)),
        "gamma_most": max(GAMMAS),
        "told_half": told(0.5, GAMMA),
        "told_picture": Chart(
            say("What focal loss makes a model say", "초점 손실(focal loss)로 배운 모델이 말하는 확률"),
            say("true share of positives", "양성의 실제 비율"),
            say("probability that the model says", "모델이 말하는 확률"),
            lines,
            spots=(Spot(RARE, told(RARE, GAMMA), say("the worked case", "본문의 예")),),
            alternative=say("All curves cross at one half; the larger gamma, the flatter.",
                            "모든 곡선이 1/2에서 만나고, 감마가 클수록 완만합니다."),
        ),
    }  # fmt: skip


def rare_split(seed: int) -> tuple[Array, Array, Array, Array]:
    """KEEP images of the rare digit and half of all others to learn from; as many held out."""
    x, digit = load_digits(return_X_y=True)
    rng = np.random.default_rng(seed)
    rare, other = rng.permutation(np.flatnonzero(digit == DIGIT)), rng.permutation(np.flatnonzero(digit != DIGIT))
    half = len(other) // 2
    parts = (np.r_[rare[:KEEP], other[:half]], np.r_[rare[KEEP : 2 * KEEP], other[half:]])
    (a, b), y = parts, (digit == DIGIT).astype(float)
    return x[a] / 16, y[a], x[b] / 16, y[b]


@lru_cache
def focal_measured() -> dict[float, dict[str, Any]]:
    """Intervals over splits for each exponent: ranking, share told, log loss; and differences to gamma 0."""
    each: dict[float, list[tuple[float, ...]]] = {gamma: [] for gamma in GAMMAS}
    starts = {gamma: float(focal_of(gamma).best_constant(rare_split(0)[1])) for gamma in GAMMAS}  # y is the same in all
    for seed in range(SPLITS):
        x, y, test, truth = rare_split(seed)
        for gamma in GAMMAS:
            loss = focal_of(gamma)
            weights, constant = descent(loss, x, y, starts[gamma], 150, 1.5)
            raw = test @ weights + constant
            row = (
                average_precision(truth, raw),
                loss.predict(raw).mean(),
                LOG_LOSS.value(truth, raw),
                truth.mean(),
            )
            each[gamma].append(row)
    usual = np.array(each[0.0])
    return {gamma: focal_row(np.array(rows), usual) for gamma, rows in each.items()}


def focal_row(rows: Array, usual: Array) -> dict[str, Any]:
    """The intervals of one exponent."""
    return {
        "ranking": interval(rows[:, 0]),
        "told": interval(rows[:, 1]),
        "log_loss": interval(rows[:, 2]),
        "gain": interval(rows[:, 0] - usual[:, 0]),
        "true": float(rows[:, 3].mean()),
    }


def focal_on_data(say: Say) -> dict[str, Any]:
    """The table of focal loss on a rare digit."""
    found = focal_measured()
    rows = tuple(
        (
            f"{gamma:g}",
            shown(row["ranking"]),
            shown(row["gain"]) if gamma else "",
            shown(row["told"]),
            shown(row["log_loss"]),
        )
        for gamma, row in found.items()
    )
    header = ("γ", say("average precision", "평균 정밀도"), say("gain over γ = 0", "γ = 0과의 차이"),
              say("mean probability said", "말한 확률의 평균"), say("log loss", "로그 손실"))  # fmt: skip
    return {
        "digit": DIGIT,
        "keep": KEEP,
        "splits": SPLITS,
        "true_share": found[0.0]["true"],
        "focal": found[GAMMA],
        "focal_gain": shown(found[GAMMA]["gain"]),
        "inflation": found[GAMMA]["told"]["mean"] / found[GAMMA]["true"],
        "focal_table": Table(header, rows),
    }


# Dice -----------------------------------------------------------------------------------------------------------------


def dice_by_hand() -> dict[str, Any]:
    """Dice on four pixels."""
    y, p = np.array([1.0, 0.0, 0.0, 0.0]), np.array([0.6, 0.2, 0.1, 0.1])
    raw = np.log(p / (1 - p))
    return {
        "dice_y": y.astype(int).tolist(),
        "dice_p": p.tolist(),
        "dice_hand": DICE.value(y, raw),
        "dice_pull": [float(g) for g in DICE.gradient(y, raw)],
        "dice_smooth": DICE.parameters["smooth"],
    }


THRESHOLDS = tuple(np.linspace(0.02, 0.98, 49).round(2).tolist())
SEGMENTING = {"cross entropy": (LOG_LOSS, 1.0), "dice": (DICE, 3.0), "half": (0.5 * LOG_LOSS + 0.5 * DICE, 1.5)}


@lru_cache
def dice_measured() -> dict[str, dict[str, Any]]:
    """For each loss, the intervals of what `segmented` measures on each draw."""
    each: dict[str, list[Any]] = {name: [] for name in SEGMENTING}
    for seed in range(SCENES):
        x, y, test, truth = scenes(seed)
        start = float(np.log(y.mean() / (1 - y.mean())))
        for name, (loss, rate) in SEGMENTING.items():
            weights, constant = descent(loss, x, y, start, 100, rate)
            each[name].append(segmented(LOG_LOSS.predict(x @ weights + constant), y, test @ weights + constant, truth))
    usual = each["cross entropy"]
    return {name: dice_row(rows, usual) for name, rows in each.items()}


def segmented(learned: Array, y: Array, raw: Array, truth: Array) -> tuple[Any, ...]:
    """Dice at 1/2; the threshold that is best on the rows learned from, and dice at it; log loss; share of ink; the curve;
    what half of the overlap as threshold costs; ink told and true where about a quarter is told."""
    said, overlaps = LOG_LOSS.predict(raw), {t: overlap(learned >= t, y) for t in THRESHOLDS}
    best = max(overlaps, key=lambda t: overlaps[t])
    at = overlap(said >= best, truth)
    by_rule = overlap(said >= overlaps[best] / 2, truth)
    near = (said >= TOLD[0]) & (said < TOLD[1])
    return (
        overlap(said >= 0.5, truth), best, at, LOG_LOSS.value(truth, raw), float(truth.mean()),
        [overlap(said >= t, truth) for t in THRESHOLDS], at - by_rule, float(said[near].mean()), float(truth[near].mean()),
    )  # fmt: skip


def dice_row(rows: list[Any], usual: list[Any]) -> dict[str, Any]:
    """The intervals of one loss over the draws, and of its differences to cross entropy on the same pictures."""
    names = ("half", "threshold", "best", "log_loss", "share")
    found: dict[str, Any] = {name: interval([row[k] for row in rows]) for k, name in enumerate(names)}
    found["gain_half"] = interval([a[0] - b[0] for a, b in zip(rows, usual, strict=True)])
    found["gain_best"] = interval([a[2] - b[2] for a, b in zip(rows, usual, strict=True)])
    found["curve"] = tuple(np.mean([row[5] for row in rows], axis=0).tolist())
    found |= {name: interval([row[k] for row in rows]) for k, name in ((6, "rule_costs"), (7, "told"), (8, "ink"))}
    return found


def dice_on_data(say: Say) -> dict[str, Any]:
    """The table and the picture of dice on small pictures."""
    found = dice_measured()
    names = {"cross entropy": say("cross entropy", "교차 엔트로피"), "dice": say("dice", "다이스 손실"),
             "half": say("half of each", "반반씩")}  # fmt: skip
    rows = tuple(
        (names[k], shown(r["half"]), shown(r["threshold"], 2), shown(r["best"]), shown(r["log_loss"]))
        for k, r in found.items()
    )
    header = (say("trained with", "학습한 손실"), say("dice coefficient at 0.5", "문턱값 0.5에서 다이스 계수"),
              say("best threshold", "가장 좋은 문턱값"), say("dice coefficient there", "그 문턱값에서 다이스 계수"),
              say("log loss", "로그 손실"))  # fmt: skip
    return {
        "ink_share": found["dice"]["share"]["mean"],
        "pictures": PICTURES,
        "side": SIDE,
        "scenes": SCENES,
        "segment": found,
        "segment_usual": found["cross entropy"],
        "half_of_best": found["cross entropy"]["best"]["mean"] / 2,
        "told_from": TOLD[0],
        "told_to": TOLD[1],
        "usual_text": {k: shown(found["cross entropy"][k], 2) for k in ("threshold", "ink")},
        "rule_costs": shown(found["cross entropy"]["rule_costs"]),
        "dice_gain": {k: shown(found["dice"][k]) for k in ("gain_half", "gain_best")},
        "reached": REACHED,
        "reached_half": REACHED / 2,
        "dice_table": Table(header, rows),
        "dice_picture": Chart(
            say("Held-out pictures: overlap by threshold", "학습에 쓰지 않은 그림: 문턱값에 따른 겹침"),
            say("threshold on the probability", "확률에 두는 문턱값"),
            say("dice coefficient", "다이스 계수"),
            tuple(Line(names[k], THRESHOLDS, r["curve"]) for k, r in found.items()),
            (Mark(0.5, say("the usual threshold", "보통 쓰는 문턱값")),),
        ),
    }


def computed(say: Say) -> dict[str, Any]:
    """Everything that the page prints."""
    return {
        **smoothing_by_hand(say),
        **smoothing_on_data(say),
        **focal_by_hand(say),
        **focal_on_data(say),
        **dice_by_hand(),
        **dice_on_data(say),
    }
