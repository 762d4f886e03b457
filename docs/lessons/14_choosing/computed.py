"""Lesson 14, choosing a loss: comes in a language, goes out every number and picture of the page."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from docs.lessons.measuring import interval, shown
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits
from sklearn.model_selection import StratifiedKFold

import lossmith as ls
from lossmith.report.pages.chart import Chart, Line, Mark, Table

Say = Callable[[str, str], str]
Array = Any

FLIGHTS = Path(__file__).parents[3] / "examples" / "flights.parquet"
FLIGHT_ROWS = 5000
UNDER, OVER = 5, 1
"""What a unit too low and a unit too high cost."""
MISSED, ALARM, FOLDS, PENALTY = 20, 1, 5, 0.01
"""What a missed tumour and a false alarm cost; folds of the cross validation; penalty of the linear model."""
LOG_LOSS = ls.get("log_loss")
SAMPLE, POSITIVE, YES, CLASSES = (1.0, 2.0, 2.0, 3.0, 12.0), (1.0, 2.0, 4.0, 8.0), (0.0, 0.0, 0.0, 1.0), (0, 0, 1, 2)
"""Small samples on which each loss shows which constant it is least at."""


# By task --------------------------------------------------------------------------------------------------------------


@lru_cache
def best(name: str, sample: tuple[float, ...], parameters: tuple[tuple[str, float], ...] = ()) -> tuple[float, ...]:
    """The constant prediction of least loss on a small sample, on the scale of the target."""
    loss = ls.get(name, **dict(parameters))
    found = np.atleast_1d(loss.predict(np.atleast_2d(loss.best_constant(np.asarray(sample)))))
    return tuple(float(v) for v in found.ravel())


TASKS = (
    ("a number; you want the mean", "수, 평균을 알고 싶을 때", "squared_error", (), SAMPLE, "mean", "평균"),
    ("a number; you want the middle", "수, 한가운데를 알고 싶을 때", "absolute_error", (), SAMPLE, "median", "중앙값"),
    ("a number; you want a safe bound", "수, 안전한 한계를 알고 싶을 때", "quantile", (("level", 0.9),), SAMPLE,
     "quantile 0.9", "0.9 분위수"),
    ("a count, or an amount that may be 0", "개수, 또는 0일 수 있는 양", "poisson", (), SAMPLE, "mean", "평균"),
    ("an amount above 0", "0보다 큰 양", "gamma", (), POSITIVE, "mean", "평균"),
    ("yes or no", "예/아니요", "binary_cross_entropy", (), YES, "probability", "확률"),
    ("one of several classes", "여러 클래스 중 하나", "cross_entropy", (), CLASSES, "a probability for each",
     "클래스마다 확률"),
)  # fmt: skip
"""A kind of target (in both languages), the loss to begin with, its parameters, a sample, what it estimates."""


def by_task(say: Say) -> dict[str, Any]:
    """For each kind of target a first loss, what it makes a model estimate, and the number on a small sample."""
    rows = tuple(
        (say(*kind), name, say(*estimate), ", ".join(f"{v:g}" for v in sample),
         ", ".join(f"{v:.4g}" for v in best(name, sample, given)))
        for *kind, name, given, sample, estimate_en, estimate_ko in TASKS
        for estimate in [(estimate_en, estimate_ko)]
    )  # fmt: skip
    header = (say("the target", "목표값"), say("begin with", "처음 쓸 손실"), say("it estimates", "추정하는 것"),
              say("sample", "표본"), say("best constant", "최적 상수"))  # fmt: skip
    return {
        "task_table": Table(header, rows),
        "sample": [int(v) for v in SAMPLE],
        "sample_mean": best("squared_error", SAMPLE)[0],
        "sample_median": best("absolute_error", SAMPLE)[0],
    }


# By data --------------------------------------------------------------------------------------------------------------


@lru_cache
def profiles() -> dict[str, Any]:
    """What `ls.profile` sees in four real targets."""
    flights = pl.read_parquet(FLIGHTS).drop_nulls("arr_delay").sample(FLIGHT_ROWS, seed=0)
    late = flights.select("distance", "sched_dep_time", minutes_late=pl.col("arr_delay").clip(0))
    digits = load_digits(as_frame=True)
    eights = digits.data.iloc[:, 20:30].assign(is_eight=(digits.target == 8).astype(int))
    sets = {
        "diabetes": (load_diabetes(as_frame=True).frame, "target"),
        "delay": (flights.select("distance", "sched_dep_time", "arr_delay"), "arr_delay"),
        "late": (late, "minutes_late"),
        "eight": (eights, "is_eight"),
    }
    return {name: ls.profile(frame, target=target) for name, (frame, target) in sets.items()}


def seen(profile: Any, what: str) -> float | str:
    """One measured trait of a target, empty where it does not apply."""
    return next((float(e.value) for e in profile.evidence if e.what == what), "")


KINDS = {
    "positive": ("positive", "양수"),
    "real": ("real", "실수"),
    "count": ("count", "개수"),
    "nonnegative": ("nonnegative", "0 이상"),
    "binary": ("binary", "이진"),
}
"""The kinds of target that occur here, in both languages."""


def by_data(say: Say) -> dict[str, Any]:
    """The traits that decide, on four real targets, and what each speaks for."""
    names = {
        "diabetes": (say("diabetes: progression", "당뇨병: 병의 진행"), say("short tails, a little skew: squared error is safe",
                     "꼬리가 짧고 조금 치우침: 제곱 오차로 충분")),
        "delay": (say("flights: arrival delay", "항공: 도착 지연"), say("heavy tails and skew: mean and median part; which one?",
                  "꼬리가 두껍고 치우침: 평균과 중앙값이 다르니 무엇을 원하는지 정할 것")),
        "late": (say("flights: minutes late, else 0", "항공: 늦은 시간(아니면 0)"),
                 say("many zeros, spread far beyond chance: Tweedie or Poisson for the mean",
                     "0이 많고 퍼짐이 우연을 훨씬 넘음: 평균에는 트위디나 푸아송")),
        "eight": (say("digits: is it an 8?", "숫자: 8인가?"), say("rare class: log loss, then choose the threshold",
                  "드문 클래스: 로그 손실을 쓰고 문턱값을 정할 것")),
    }  # fmt: skip
    found = profiles()
    rows = tuple(
        (name, KINDS[found[k].kind][say("en", "ko") == "ko"], seen(found[k], "skew"), seen(found[k], "tail weight"),
         float(found[k].zeros) if found[k].kind != "binary" else "", seen(found[k], "imbalance"), words)
        for k, (name, words) in names.items()
    )  # fmt: skip
    delays = np.asarray(found["delay"].y)
    header = (say("target", "목표값"), say("kind", "종류"), say("skew", "치우침"), say("tails", "꼬리"), say("zeros", "0의 비율"),
              say("rarest class", "가장 드문 클래스"), say("what it speaks for", "무엇을 가리키는가"))  # fmt: skip
    return {
        "data_table": Table(header, rows),
        "flight_rows": FLIGHT_ROWS,
        "delay_mean": float(delays.mean()),
        "delay_median": float(np.median(delays)),
        "delay_tails": seen(found["delay"], "tail weight"),
        "delay_skew": seen(found["delay"], "skew"),
        "diabetes_tails": seen(found["diabetes"], "tail weight"),
        "late_zeros": float(found["late"].zeros),
        "late_dispersion": seen(found["late"], "dispersion"),
        "eight_share": seen(found["eight"], "imbalance"),
    }


# By what a mistake costs ----------------------------------------------------------------------------------------------


@lru_cache
def tumours() -> dict[str, Array]:
    """Cross-validated probabilities that a tumour is malignant, under the log loss and under the weighted log loss."""
    x, benign = load_breast_cancer(return_X_y=True)
    y = 1 - benign
    x = (x - x.mean(axis=0)) / x.std(axis=0)
    found = {"truth": y, "plain": np.zeros(len(y)), "weighted": np.zeros(len(y))}
    losses = {"plain": LOG_LOSS, "weighted": LOG_LOSS.reweight({0: ALARM, 1: MISSED})}
    for train, test in StratifiedKFold(FOLDS, shuffle=True, random_state=0).split(x, y):
        for name, loss in losses.items():
            model = ls.for_sklearn(loss).linear(penalty=PENALTY).fit(x[train], y[train])
            found[name][test] = model.predict_proba(x[test])[:, 1]
    return found


def by_cost(say: Say) -> dict[str, Any]:
    """What missed tumours and false alarms cost at each threshold."""
    design, found = ls.from_costs(false_negative=MISSED, false_positive=ALARM), tumours()
    y, level = found["truth"], float(design.rule.level)  # type: ignore[union-attr]
    each = {
        "half": design.cost_per_row(y, (found["plain"] >= 0.5).astype(float)),
        "rule": design.cost_per_row(y, (found["plain"] >= level).astype(float)),
        "weighted": design.cost_per_row(y, (found["weighted"] >= 0.5).astype(float)),
    }
    names = {"half": say("log loss, threshold 0.5", "로그 손실, 문턱값 0.5"),
             "rule": say("log loss, threshold from the costs", "로그 손실, 비용에서 얻은 문턱값"),
             "weighted": say(f"log loss with weights {MISSED} to {ALARM}, threshold 0.5",
                             f"가중치 {MISSED} 대 {ALARM} 로그 손실, 문턱값 0.5")}  # fmt: skip
    mistakes = {k: (int((v == MISSED).sum()), int((v == ALARM).sum())) for k, v in each.items()}
    header = (
        say("decision", "결정"),
        say("missed", "놓친 수"),
        say("false alarms", "거짓 경보"),
        say("cost per patient", "한 사람당 비용"),
    )
    return {
        "missed": MISSED,
        "alarm": ALARM,
        "level": level,
        "under": UNDER,
        "over": OVER,
        "quantile_level": UNDER / (UNDER + OVER),
        "patients": len(y),
        "malignant": float(y.mean()),
        "cost_table": Table(header, tuple((names[k], *mistakes[k], float(each[k].mean())) for k in each)),
        "cost_half": float(each["half"].mean()),
        "cost_rule": float(each["rule"].mean()),
        "cost_weighted": float(each["weighted"].mean()),
        "missed_half": mistakes["half"][0],
        "missed_rule": mistakes["rule"][0],
        "alarms_rule": mistakes["rule"][1],
        **near_threshold(level),
        "saved": interval(each["half"] - each["rule"]),
        "rule_against_weights": interval(each["weighted"] - each["rule"]),
        "cost_picture": by_threshold(say, design),
    }


NEAR_TO = 0.2
"""Up to which probability told and true are compared."""


def near_threshold(level: float) -> dict[str, Any]:
    """Of the patients told a probability between the threshold and NEAR_TO: how many, what they were told, what was true."""
    found = tumours()
    here = (found["plain"] >= level) & (found["plain"] < NEAR_TO)
    told, true = float(found["plain"][here].mean()), float(found["truth"][here].mean())
    ill = int(found["truth"][here].sum())
    return {"near_count": int(here.sum()), "near_told": told, "near_true": true, "near_ill": ill,
            "near_chance": at_most(ill, found["plain"][here]), "near_to": NEAR_TO}  # fmt: skip


def at_most(count: int, probabilities: Array) -> float:
    """The chance of so few events or fewer, where each happens with its own probability: the counts are added up one by one.

    >>> at_most(1, np.array([0.5, 0.5]))
    0.75
    """
    chances = np.ones(1)
    for p in probabilities:
        chances = np.convolve(chances, (1 - p, p))
    return float(chances[: count + 1].sum())


def by_threshold(say: Say, design: Any) -> Chart:
    """What decisions cost at every threshold."""
    found, grid = tumours(), np.r_[np.linspace(0.002, 0.1, 50), np.linspace(0.11, 0.99, 45)]
    curve = tuple(design.cost(found["truth"], (found["plain"] >= t).astype(float)) for t in grid)
    return Chart(
        say("What decisions cost, by threshold", "문턱값에 따른 결정의 비용"),
        say("threshold on the probability", "확률에 두는 문턱값"),
        say("cost per patient", "한 사람당 비용"),
        (Line(say("cross-validated", "교차 검증"), tuple(grid), curve),),
        (
            Mark(design.rule.level, say("from the costs", "비용에서 얻은 값")),
            Mark(0.5, say("the usual one", "보통 쓰는 값")),
        ),
        x_log=True,
    )


# One study ------------------------------------------------------------------------------------------------------------


@lru_cache
def study() -> Any:
    """A quick study of the diabetes set: the same linear model under several losses, on rows that none has seen."""
    return ls.study(load_diabetes(as_frame=True).frame, target="target", model="linear", quick=True)


KOREAN = (
    ("one answer", "모든 행에 같은 답"), ("squared", "제곱 오차"), ("Poisson", "푸아송 손실"), ("gamma", "감마 손실"),
    ("log-normal", "로그 정규 손실"), ("absolute", "절대 오차"), ("Huber", "후버 손실"),
)  # fmt: skip


def mean_and_half(row: dict[str, Any], mean: str, half: str) -> dict[str, float]:
    """Two columns of a row of a study, as an interval."""
    return {"mean": row[mean], "half": row[half]}


def one_study(say: Say) -> dict[str, Any]:
    """Its table."""
    rows, found = study().table().to_dicts(), []
    for row in rows:
        korean = next((word for start, word in KOREAN if row["label"].startswith(start)), row["label"])
        against = (
            ""
            if row["role"] == "default"
            else ("+" if row["difference"] >= 0 else "")
            + shown(mean_and_half(row, "difference", "difference_margin"), 1)
        )
        found.append((say(row["label"], korean), shown(mean_and_half(row, "mean", "margin"), 1), against))
    tried = [row for row in rows if row["role"] == "candidate"]
    usual = next(row for row in rows if row["role"] == "default")
    constant = next(row for row in rows if row["role"] == "constant")
    least = min(tried, key=lambda row: row["mean"])
    return {
        "study_table": Table(
            (say("loss", "손실 함수"), "RMSE", say("against squared error", "제곱 오차와의 차이")), tuple(found)
        ),
        "study_rows": study().profile.n_rows,
        "study_tried": len(tried),
        "study_usual": usual["mean"],
        "study_constant": constant["mean"],
        "study_gap": constant["mean"] - usual["mean"],
        "study_gap_half": constant["difference_margin"],
        "study_least": {"gain": -least["difference"], "margin": least["difference_margin"]},
        "study_clear": sum(row["counts"] for row in tried),
    }


def computed(say: Say) -> dict[str, Any]:
    """Everything that the page prints."""
    return {**by_task(say), **by_data(say), **by_cost(say), **one_study(say)}
