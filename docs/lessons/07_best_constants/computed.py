"""Lesson 7, the constant that each loss is minimised by: comes in a language, goes out every number and picture."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from sklearn.datasets import load_wine

import lossmith as ls
from lossmith.report.pages.chart import Chart, Line, Mark, Spot, Table

Say = Callable[[str, str], str]
Array = Any

FLIGHTS = Path(__file__).parents[3] / "examples" / "flights.parquet"
ROWS, LEVEL, DELTA, UNDER, OVER, RARE = 701, 0.9, 10.0, 5.0, 1.0, 120.0
HAND = np.array([1.0, 2.0, 3.0, 4.0, 40.0])

PERCENT = "abs(y - z) / y"
HIT = "where(abs(y - z) < 0.5, 0, 1)"
COSTS = f"where(y > z, {UNDER:g}, {OVER:g}) * abs(y - z)"


@lru_cache
def late(rows: int = ROWS) -> Array:
    """By how many minutes late flights were late: a sample, lopsided, all above 0."""
    read = pl.read_parquet(FLIGHTS, columns=["arr_delay"]).drop_nulls()["arr_delay"].to_numpy().astype(float)
    return np.random.default_rng(0).choice(read[read > 0], rows, replace=False)


@lru_cache
def were_late(minutes: float = 0.0) -> Array:
    """1 for each of the first 5,000 flights of the year that came later than so many minutes, else 0."""
    read = pl.read_parquet(FLIGHTS, columns=["arr_delay"]).drop_nulls()["arr_delay"].to_numpy()
    return (read[:5000] > minutes).astype(float)


def named(name: str, **parameters: float) -> ls.Loss:
    """A loss of the catalogue, in plain NumPy."""
    return ls.get(name, **parameters).using("numpy")


@lru_cache
def constants(rows: int = ROWS) -> dict[str, float]:
    """The best constant of each loss on the late flights, on the scale of minutes."""
    losses = {
        "squared": named("squared_error"),
        "poisson": named("poisson"),
        "gamma": named("gamma"),
        "absolute": named("absolute_error"),
        "huber": named("huber", delta=DELTA),
        "quantile": named("quantile", level=LEVEL),
        "expectile": named("expectile", level=LEVEL),
        "log_normal": named("log_normal"),
        "percent": ls.parse(PERCENT, target="positive", link="identity").using("numpy"),
        "costs": ls.parse(COSTS, target="real").using("numpy"),
    }
    y = late(rows)
    found = {key: float(loss.predict([loss.best_constant(y)])[0]) for key, loss in losses.items()}
    minutes = np.arange(0.0, 200.0)
    hit = ls.parse(HIT, target="real").using("numpy")
    found["hit"] = float(minutes[np.argmin([hit.value(y, np.full(len(y), c)) for c in minutes])])
    return found


def statistics(rows: int = ROWS) -> dict[str, float]:
    """The same constants without any loss: from the sorted values, by NumPy."""
    y = late(rows)
    values, counts = np.unique(y, return_counts=True)
    order = np.argsort(y)
    weight = np.cumsum(1 / y[order]) / (1 / y).sum()
    return {
        "squared": float(y.mean()),
        "poisson": float(y.mean()),
        "gamma": float(y.mean()),
        "absolute": float(np.median(y)),
        "quantile": float(np.sort(y)[int(np.ceil(LEVEL * rows)) - 1]),
        "log_normal": float(np.exp(np.log(y).mean())),
        "percent": float(y[order][np.searchsorted(weight, 0.5)]),
        "costs": float(np.sort(y)[int(np.ceil(UNDER / (UNDER + OVER) * rows)) - 1]),
        "hit": float(values[np.argmax(counts)]),
    }


def table(say: Say) -> dict[str, Any]:
    """All constants, least first, and their names."""
    words = {
        "hit": (say("hit or miss", "맞음/틀림"), say("mode: the most frequent value", "최빈값")),
        "percent": (
            say("absolute % error (MAPE)", "절대 백분율 오차(MAPE)"),
            say("median weighted by 1/y", "1/y로 가중한 중앙값"),
        ),
        "log_normal": (say("squared error of log y", "log y의 제곱 오차"), say("geometric mean", "기하 평균")),
        "absolute": (say("absolute error (MAE)", "절대 오차(MAE)"), say("median", "중앙값")),
        "huber": ("Huber, δ = 10", say("(here between median and mean)", "(여기서는 중앙값과 평균 사이)")),
        "squared": (say("squared error (MSE, RMSE)", "제곱 오차(MSE, RMSE)"), say("mean", "평균")),
        "poisson": (say("Poisson", "푸아송"), say("mean", "평균")),
        "gamma": (say("gamma", "감마"), say("mean", "평균")),
        "costs": (say("5 too low, 1 too high", "모자라면 5, 넘치면 1"), say("quantile 5/6", "5/6 분위수")),
        "expectile": (say("expectile 0.9", "엑스펙타일 0.9"), say("expectile", "엑스펙타일")),
        "quantile": (say("quantile 0.9", "분위수 0.9"), say("quantile", "분위수")),
    }
    found, known = constants(), statistics()
    header = (
        *(say("loss", "손실"), say("it is least at the", "최소가 되는 상수")),
        *(say("best constant (minutes)", "최적 상수(분)"), say("that statistic, by NumPy", "NumPy로 구한 그 통계량")),
    )
    order = sorted(words, key=lambda key: found[key])
    rows = tuple((*words[key], found[key], known.get(key, "")) for key in order)
    y = late()
    below = y < found["expectile"]
    short, long = (found["expectile"] - y[below]).sum(), (y[~below] - found["expectile"]).sum()
    return {
        "constants_table": Table(header, rows),
        "late_rows": f"{ROWS:,}",
        "largest": float(y.max()),
        "expectile_balance": float(LEVEL * long / ((1 - LEVEL) * short)),
        "cost_level": UNDER / (UNDER + OVER),
        **{f"best_{key}": value for key, value in found.items()},
        **pictures(say, found),
    }


def pictures(say: Say, found: dict[str, float]) -> dict[str, Any]:
    """Where the constants lie among the flights, and the losses whose bottoms they are."""
    y, c = late(), np.linspace(1, 150, 150)
    height, edges = np.histogram(y, bins=np.arange(0, 205, 5))
    marks = (
        Mark(found["hit"], say("mode", "최빈값")),
        Mark(found["absolute"], say("median", "중앙값")),
        Mark(found["squared"], say("mean", "평균")),
        Mark(found["quantile"], say("quantile 0.9", "0.9 분위수")),
    )
    curves, spots = [], []
    for label, key, loss in (
        (say("absolute", "절대"), "absolute", named("absolute_error")),
        ("Huber", "huber", named("huber", delta=DELTA)),
        (say("squared", "제곱"), "squared", named("squared_error")),
        (say("quantile 0.9", "분위수 0.9"), "quantile", named("quantile", level=LEVEL)),
    ):
        least = loss.value(y, np.full(ROWS, found[key]))
        curves.append(Line(label, tuple(c), tuple(loss.value(y, np.full(ROWS, at)) / least for at in c)))
        spots.append(Spot(found[key], 1.0, ""))
    return {
        "late_picture": Chart(
            say(
                "Late flights, and four answers to “how late?”",
                "늦은 항공편, 그리고 '얼마나 늦나요?'에 대한 네 가지 답",
            ),
            say("minutes late", "늦은 시간(분)"),
            say("flights", "항공편 수"),
            (Line(say("flights", "항공편"), tuple(edges[:-1].tolist()), tuple(height.tolist()), "steps"),),
            marks,
        ),
        "bottom_picture": Chart(
            say("Each loss has its own bottom", "손실마다 바닥이 다릅니다"),
            say("the constant (minutes)", "상수(분)"),
            say("loss / its least value", "손실 ÷ 최솟값"),
            tuple(curves),
            spots=tuple(spots),
            y_range=(0.95, 2.5),
        ),
    }


def by_hand() -> dict[str, Any]:
    """Five values: mean and median, and the losses there."""
    mean, median = float(named("squared_error").best_constant(HAND)), float(named("absolute_error").best_constant(HAND))
    at = {c: np.full(len(HAND), c) for c in (mean, median)}
    return {
        "hand": HAND.astype(int).tolist(),
        "hand_mean": mean,
        "hand_median": median,
        "hand_mse_mean": named("squared_error").value(HAND, at[mean]),
        "hand_mse_median": named("squared_error").value(HAND, at[median]),
        "hand_mae_mean": named("absolute_error").value(HAND, at[mean]),
        "hand_mae_median": named("absolute_error").value(HAND, at[median]),
    }


def goes_to(loss: ls.Loss, y: Array) -> float:
    """The best constant, or where the loss falls to if there is none."""
    try:
        return float(loss.best_constant(y))
    except ls.LossmithError as none:
        if none.code != "LM262":
            raise
        return float(none.least.place)  # type: ignore[attr-defined]


@lru_cache
def yes_or_no() -> dict[str, float]:
    """Late or not: the best constants of losses for yes or no, as raw predictions and as probabilities."""
    y = were_late()
    losses = {
        "log": named("binary_cross_entropy"),
        "brier": named("brier"),
        "focal": named("focal", gamma=2.0),
        "plain": ls.parse("abs(y - p)", target="binary", link="sigmoid").using("numpy"),
    }
    raw = {key: goes_to(loss, y) for key, loss in losses.items()}
    said = {key: float(loss.predict([raw[key]])[0]) for key, loss in losses.items()}
    share, rare = float(y.mean()), were_late(RARE)
    return {
        "n_flights": f"{len(y):,}",
        "share": share,
        "log_odds": float(np.log(share / (1 - share))),
        **{f"raw_{key}": value for key, value in raw.items()},
        **{f"said_{key}": value for key, value in said.items()},
        "rare_minutes": RARE,
        "rare_share": 100 * float(rare.mean()),
        "rare_zero": losses["log"].value(rare, np.zeros(len(rare))),
        "rare_best": losses["log"].value(rare, np.full(len(rare), losses["log"].best_constant(rare))),
        "start_zero": losses["log"].value(y, np.zeros(len(y))),
        "start_best": losses["log"].value(y, np.full(len(y), raw["log"])),
    }


def wines() -> dict[str, Any]:
    """The best constant of cross entropy on three kinds of wine: the shares of the classes."""
    y = load_wine(return_X_y=True)[1]
    loss = named("cross_entropy")
    said = loss.predict(np.array([loss.best_constant(y)]))[0]
    return {
        "n_wines": len(y),
        "wine_counts": np.bincount(y).tolist(),
        "wine_said": [round(float(p), 4) for p in said],
    }


def computed(say: Say) -> dict[str, Any]:
    """All values of the page, by name.

    >>> computed(lambda en, ko: en)["hand_mean"]
    10.0
    """
    return by_hand() | table(say) | yes_or_no() | wines()
