"""Lesson 3, squared and absolute errors: comes in a language, goes out every number and picture of the page."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
import polars as pl

import lossmith as ls
from lossmith.report.pages.chart import Bars, Chart, Line, Mark, Table

Say = Callable[[str, str], str]
Array = Any

ROOT = Path(__file__).parents[3]
MSE, RMSE, MAE = (ls.get(name).using("numpy") for name in ("squared_error", "rmse", "absolute_error"))
HALF_SUM = ls.get("sum_of_squares_half").using("numpy")

HAND_Y, HAND_Z = np.array([1.0, 3.0, 5.0, 6.0, 7.0]), np.array([3.0, 2.0, 7.0, 5.0, 8.0])
RATE, SMALL, LARGE, SUM_STEPS, FIT_RATE = 0.05, 32, 64, 10, 0.3
WORST, FEW = 0.01, 19


@lru_cache
def delays() -> Array:
    """The arrival delays of all flights that arrived, in minutes."""
    path = ROOT / "examples" / "flights.parquet"
    return pl.read_parquet(path, columns=["arr_delay"]).drop_nulls()["arr_delay"].to_numpy().astype(float)


def by_hand() -> dict[str, Any]:
    """Five rows: each of the numbers that people call mean squared error, and their relatives."""
    squares = MSE.per_example(HAND_Y, HAND_Z)
    return {
        "hand_y": HAND_Y.astype(int).tolist(),
        "hand_z": HAND_Z.astype(int).tolist(),
        "hand_errors": (HAND_Z - HAND_Y).astype(int).tolist(),
        "hand_squares": squares.astype(int).tolist(),
        "hand_sum": float(squares.sum()),
        "hand_half": HALF_SUM.value(HAND_Y, HAND_Z),
        "hand_mse": MSE.value(HAND_Y, HAND_Z),
        "hand_rmse": RMSE.value(HAND_Y, HAND_Z),
        "hand_mae": MAE.value(HAND_Y, HAND_Z),
    }


@lru_cache
def best(name: str, rows: Literal["all", "sample", "few", "more"]) -> float:
    """The constant of least loss for all flights, a sample, the first few, and those with the latest one added."""
    y = delays()
    chosen = {"all": y, "sample": sample(), "few": y[:FEW], "more": np.r_[y[:FEW], y.max()]}[rows]
    return float(ls.get(name).using("numpy").best_constant(chosen))


@lru_cache
def cost(name: str, constant: float) -> float:
    """A loss of one constant for all flights."""
    return ls.get(name).using("numpy").value(delays(), np.full(len(delays()), constant))


def units(say: Say) -> dict[str, Any]:
    """The three losses of two constants, in minutes and in hours."""
    y = delays()
    mean, median = best("squared_error", "all"), best("absolute_error", "all")
    powers = {"mse": 2, "rmse": 1, "mae": 1}
    at_mean, at_median = ({name: cost(name, constant) for name in powers} for constant in (mean, median))
    unit = {
        "mse": say("minutes squared", "분의 제곱"),
        "rmse": say("minutes", "분"),
        "mae": say("minutes", "분"),
    }
    rows = tuple(
        (name.upper(), unit[name], at_mean[name], at_median[name], at_mean[name] / 60**power)
        for name, power in powers.items()
    )
    header = (
        *(say("loss", "손실"), say("unit", "단위"), say("of the mean", "평균으로 예측")),
        *(say("of the median", "중앙값으로 예측"), say("of the mean, in hours", "평균으로 예측, 시간 단위")),
    )
    return {
        "n_flights": f"{len(y):,}",
        "mean": mean,
        "median": median,
        "units_table": Table(header, rows),
        "flight_mse": at_mean["mse"],
        "flight_rmse": at_mean["rmse"],
        "hours_mse": at_mean["mse"] / 3600,
        "ratio": at_mean["rmse"] / at_mean["mae"],
        "bell_ratio": float(np.sqrt(np.pi / 2)),
        "total_error": f"{(y - median).sum() / 60:,.0f}",
    }


def sample() -> Array:
    """About every eightieth flight."""
    return delays()[:: len(delays()) // 4000]


@lru_cache
def curves() -> tuple[Array, dict[str, tuple[float, ...]]]:
    """RMSE and MAE of one constant, as the constant moves."""
    y, constants = sample(), np.linspace(-30, 60, 61)
    return constants, {loss.name: tuple(loss.value(y, np.full(len(y), c)) for c in constants) for loss in (RMSE, MAE)}


def minimisers(say: Say) -> dict[str, Any]:
    """Each loss of one constant, as the constant moves; and the gradients of MSE and RMSE of a model with many numbers."""
    y = sample()
    constants, values = curves()
    mean, median = best("rmse", "sample"), best("absolute_error", "sample")
    z = np.random.default_rng(0).normal(size=len(y))
    g, h = MSE.gradient(y, z), RMSE.gradient(y, z)
    return {
        "n_sample": f"{len(y):,}",
        "sample_mse_best": best("squared_error", "sample"),
        "sample_rmse_best": mean,
        "sample_mae_best": median,
        "gradient_ratio": float(np.linalg.norm(g) / np.linalg.norm(h)),
        "gradient_cosine": float(g @ h / np.linalg.norm(g) / np.linalg.norm(h)),
        "constants_picture": Chart(
            say("What one constant costs", "상수 하나로 예측할 때의 손실"),
            say("the constant (minutes)", "상수(분)"),
            say("loss (minutes)", "손실(분)"),
            (
                Line(say("RMSE = root of MSE", "RMSE = MSE의 제곱근"), tuple(constants), values["rmse"]),
                Line("MAE", tuple(constants), values["absolute_error"]),
            ),
            (Mark(mean, say("mean", "평균")), Mark(median, say("median", "중앙값"))),
        ),
    }


def outliers(say: Say) -> dict[str, Any]:
    """One very late flight among twenty, and how much of each total the worst hundredth holds."""
    y = delays()
    errors = np.sort(np.abs(y - np.median(y)))[::-1]
    shares = {part: _shares(errors, part) for part in (0.001, WORST, 0.1)}
    squared, absolute = (loss.per_example_gradient([0.0, 0.0], [10.0, 1000.0]) for loss in (MSE, MAE))
    return {
        "n_few": FEW,
        "latest": float(y.max()),
        "mean_before": best("squared_error", "few"),
        "mean_after": best("squared_error", "more"),
        "median_before": best("absolute_error", "few"),
        "median_after": best("absolute_error", "more"),
        "worst_percent": 100 * WORST,
        "worst_absolute": shares[WORST][0],
        "worst_squared": shares[WORST][1],
        "pull_squared": squared.astype(int).tolist(),
        "pull_absolute": absolute.astype(int).tolist(),
        "shares_picture": Bars(
            say("How much of the loss the latest flights hold", "크게 늦은 항공편이 손실에서 차지하는 몫"),
            say("% of the total loss", "전체 손실의 %"),
            (say("absolute error", "절대 오차"), say("squared error", "제곱 오차")),
            tuple(
                (say(f"worst {100 * part:g} %", f"가장 나쁜 {100 * part:g}%"), held) for part, held in shares.items()
            ),
        ),
    }


def notes_mse() -> float:
    """What the function named mse in docs/notes.py, a copy of many study notes, gives for the five rows."""
    sys.path.insert(0, str(ROOT / "docs"))
    try:
        import notes
    finally:
        sys.path.pop(0)
    return float(notes.mse(HAND_Y, HAND_Z))


def _shares(errors: Array, part: float) -> tuple[float, ...]:
    """How much of the absolute and of the squared error the worst part of the rows holds, in percent."""
    worst = errors[: round(part * len(errors))]
    return tuple(100 * float((worst**power).sum() / (errors**power).sum()) for power in (1, 2))


def half_and_sum(say: Say) -> dict[str, Any]:
    """Descent of one constant under half the sum and under the mean, with twice as many rows at the same rate."""
    paths = {}
    for n in (SMALL, LARGE):
        for name, loss in (("sum", HALF_SUM), ("mean", MSE)):
            y, c, path = np.zeros(n), 1.0, [1.0]
            for _ in range(SUM_STEPS):
                c -= RATE * float(loss.gradient(y, np.full(n, c)).sum())
                path.append(abs(c))
            paths[name, n] = tuple(path)
    steps = tuple(range(SUM_STEPS + 1))
    words = {"sum": say("half the sum", "합의 절반"), "mean": say("mean", "평균")}
    lines = tuple(
        Line(f"{words[name]}, n = {n}", steps, path, "dashed" if n == LARGE else "line")
        for (name, n), path in paths.items()
    )
    return {
        "rate": RATE,
        "small_n": SMALL,
        "large_n": LARGE,
        "sum_steps": SUM_STEPS,
        "small_factor": 1 - RATE * SMALL,
        "large_factor": 1 - RATE * LARGE,
        "mean_factor": 1 - 2 * RATE,
        "small_end": paths["sum", SMALL][-1],
        "large_end": paths["sum", LARGE][-1],
        "edge_small": 2 / SMALL,
        "edge_large": 2 / LARGE,
        "notes_mse": notes_mse(),
        "sum_picture": Chart(
            say("The same learning rate, twice as many rows", "같은 학습률, 두 배의 행"),
            say("step", "걸음"),
            say("distance from the best constant", "최적 상수까지의 거리"),
            lines,
            y_log=True,
        ),
    }


def perfect_fit(say: Say) -> dict[str, Any]:
    """The gradient of RMSE where every error is 0, and close by; and where descent ends under RMSE and under MSE."""
    y, away = np.array([1.0, 2.0, 3.0, 4.0]), np.array([1.0, -2.0, 3.0, 1.0])
    with np.errstate(invalid="ignore"):
        plain = (y - y) / (len(y) * np.sqrt(np.mean((y - y) ** 2)))
    lengths = {
        name: [float(np.linalg.norm(loss.gradient(y, y + scale * away))) for scale in (1.0, 1e-9)]
        for name, loss in (("rmse", RMSE), ("mse", MSE))
    }
    paths = {name: settled(loss, y, y + away) for name, loss in (("RMSE", RMSE), ("MSE", MSE))}
    return {
        "fit_n": len(y),
        "fit_ours": RMSE.gradient(y, y).tolist(),
        "fit_plain": str(plain[0]),
        "fit_far": lengths["rmse"][0],
        "fit_near": lengths["rmse"][1],
        "fit_squared_far": lengths["mse"][0],
        "fit_squared_near": lengths["mse"][1],
        "fit_rate": FIT_RATE,
        "fit_steps": len(paths["MSE"]) - 1,
        "fit_hop": FIT_RATE / len(y),
        "fit_rmse_low": min(paths["RMSE"][-2:]),
        "fit_rmse_high": max(paths["RMSE"][-2:]),
        "fit_mse_end": paths["MSE"][-1],
        "settle_picture": Chart(
            say("Descent near a perfect fit", "완벽한 적합 가까이에서의 경사 하강"),
            say("step", "걸음"),
            say("RMSE of the model", "모델의 RMSE"),
            tuple(
                Line(say(f"trained on {name}", f"{name}로 학습"), tuple(range(len(path))), path)
                for name, path in paths.items()
            ),
            y_log=True,
        ),
    }


def settled(loss: ls.Loss, y: Array, z: Array, steps: int = 60) -> tuple[float, ...]:
    """RMSE at each step of gradient descent, where every output is free."""
    path = [RMSE.value(y, z)]
    for _ in range(steps):
        z = z - FIT_RATE * loss.gradient(y, z)
        path.append(RMSE.value(y, z))
    return tuple(path)


def computed(say: Say) -> dict[str, Any]:
    """All values of the page, by name.

    >>> computed(lambda en, ko: en)["hand_half"]
    5.5
    """
    return by_hand() | units(say) | minimisers(say) | outliers(say) | half_and_sum(say) | perfect_fit(say)
