"""Lesson 5, a loss is a noise model: comes in a language, goes out every number and picture of the page."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from scipy import stats
from sklearn.datasets import load_linnerud

import lossmith as ls
from lossmith.report.pages.chart import Chart, Line, Table

Say = Callable[[str, str], str]
Array = Any

FLIGHTS = Path(__file__).parents[3] / "examples" / "flights.parquet"
HAND_Y, HAND_Z = [1.0, 2.0, 4.0], [2.0, 2.0, 2.0]
SIGMA, WIDTH, SHAPE = 1.5, 0.8, 2.5
SAMPLE, TRIALS, ROWS, MANY = 4000, 2000, 50, 800


STUDENT_EVERY = 4
"""Student's t has three numbers to fit, so it is fitted to every so many flights; the other two to all of them."""


def loss(name: str, **parameters: float) -> ls.Loss:
    """A loss of the catalogue, in plain NumPy."""
    return ls.get(name, **parameters).using("numpy")


def by_hand() -> dict[str, Any]:
    """Three answers and one prediction under a bell curve of width 1: what multiplies, and what adds."""
    each = loss("gaussian").per_example(HAND_Y, HAND_Z)
    half = loss("half_squared_error").per_example(HAND_Y, HAND_Z)
    moved = loss("gaussian").per_example(HAND_Y, [7 / 3] * 3)
    return {
        "hand_y": [int(y) for y in HAND_Y],
        "hand_z": HAND_Z[0],
        "hand_mean": float(loss("squared_error").best_constant(HAND_Y)),
        "hand_densities": [round(float(d), 4) for d in np.exp(-each)],
        "hand_product": float(np.exp(-each.sum())),
        "hand_logs": [round(float(e), 4) for e in each],
        "hand_sum": float(each.sum()),
        "hand_halves": half.tolist(),
        "hand_half_sum": float(half.sum()),
        "hand_left": float((each - half)[0]),
        "hand_constant": 3 * float((each - half)[0]),
        "best_product": float(np.exp(-moved.sum())),
    }


def pairs() -> tuple[tuple[str, str, str, Array, Array, Callable[[Array, Array], Array], float], ...]:
    """Noise in two languages, loss, answers, raw predictions, SciPy's log density, and what the loss is divided by."""
    rng = np.random.default_rng(0)
    z = rng.normal(size=300)
    real, positive, count = rng.normal(size=300), rng.gamma(2.0, size=300), rng.poisson(2.0, size=300).astype(float)
    binary = (z > 0.3).astype(float)
    return (
        ("Gaussian", "가우스", "half_squared_error", real, z, lambda y, m: stats.norm.logpdf(y, m, SIGMA), SIGMA**2),
        ("Laplace", "라플라스", "absolute_error", real, z, lambda y, m: stats.laplace.logpdf(y, m, WIDTH), WIDTH),
        ("Bernoulli", "베르누이", "binary_cross_entropy", binary, z, lambda y, p: stats.bernoulli.logpmf(y, p), 1.0),
        ("Poisson", "푸아송", "poisson", count, z, lambda y, m: stats.poisson.logpmf(y, m), 1.0),
        ("gamma", "감마", "gamma", positive, z, lambda y, m: stats.gamma.logpdf(y, SHAPE, 0, m / SHAPE), 1 / SHAPE),
    )


def categorical() -> float:
    """The largest difference between cross entropy and minus the log probability that SciPy gives to the class."""
    rng = np.random.default_rng(1)
    raw, y = rng.normal(size=(200, 3)), rng.integers(0, 3, 200)
    p = loss("cross_entropy").predict(raw)
    said = [-stats.multinomial.logpmf(np.eye(3)[k], 1, row / row.sum()) for k, row in zip(y, p, strict=True)]
    return float(np.max(np.abs(loss("cross_entropy").per_example(y, raw) - said)))


@lru_cache
def matched() -> tuple[tuple[str, str, str, str, float], ...]:
    """For each pair: how far minus the log density, less the loss, moves when the prediction moves and y stays."""
    found = []
    for english, korean, name, y, z, log_density, divided in pairs():
        one = loss(name)
        kept = []
        for raw in (z, z[::-1].copy(), np.zeros(len(z))):
            kept.append(-log_density(y, one.predict(raw)) - one.per_example(y, raw) / divided)
        away = float(np.max(np.ptp(np.array(kept), axis=0)))
        density = (
            "p**y (1 - p)**(1 - y)" if name == "binary_cross_entropy" else ls.facts(name).noise_model.value.formula
        )
        found.append((english, korean, name, str(density), away))
    return (*found, ("categorical", "범주", "cross_entropy", "", categorical()))


def table_of_pairs(say: Say) -> dict[str, Any]:
    """Noise beside loss, and how well they match."""
    header = (
        *(say("noise", "잡음"), say("loss", "손실"), say("moved by", "움직인 폭")),
        say("density, as derived from the loss", "손실에서 유도한 밀도"),
    )
    chance = say("p of the class", "그 클래스의 p")
    rows = tuple((say(row[0], row[1]), row[2], row[4], row[3] or chance) for row in matched())
    x = np.linspace(-5, 5, 301)
    names = (
        ("gaussian", say("Gaussian", "가우스")),
        ("laplace", say("Laplace", "라플라스")),
        ("student_t", say("Student t", "스튜던트 t")),
    )
    costs = [(label, loss(name).per_example(np.zeros(len(x)), x)) for name, label in names]
    return {
        "pairs_table": Table(header, rows),
        "pairs_worst": max(row[-1] for row in matched()),
        "density_picture": Chart(
            say("Three ways to scatter around a prediction", "예측 둘레로 흩어지는 세 가지 방식"),
            say("answer minus prediction", "정답 − 예측"),
            say("density", "밀도"),
            tuple(Line(label, tuple(x), tuple(np.exp(-c))) for label, c in costs),
        ),
        "cost_picture": Chart(
            say("Minus the logarithm: three losses", "로그에 음의 부호를 붙이면: 세 가지 손실"),
            say("answer minus prediction", "정답 − 예측"),
            say("loss, from its least value", "손실(최솟값을 0으로)"),
            tuple(Line(label, tuple(x), tuple(c - c.min())) for label, c in costs),
        ),
    }


def fitted_cost(noise: str, y: Array) -> float:
    """Minus the mean log density of a noise whose centre and width are fitted by maximum likelihood."""
    if noise == "gaussian":
        return loss(noise, scale=float(y.std())).value(y, np.full(len(y), y.mean()))
    middle = float(np.median(y))
    return loss(noise, scale=float(np.abs(y - middle).mean())).value(y, np.full(len(y), middle))


@lru_cache
def generated() -> dict[str, float]:
    """Data from each noise under each noise; and how much mean and median vary between samples."""
    rng = np.random.default_rng(2)
    drawn = {"gaussian": rng.normal(size=(TRIALS, ROWS)), "laplace": rng.laplace(size=(TRIALS, ROWS))}
    found: dict[str, float] = {}
    for truth, y in drawn.items():
        long = y.ravel()[:SAMPLE]
        found |= {f"{truth}_under_{noise}": fitted_cost(noise, long) for noise in drawn}
        found |= {f"{truth}_mean": float(y.mean(axis=1).std()), f"{truth}_median": float(np.median(y, axis=1).std())}
    return found


def which_noise(say: Say) -> dict[str, Any]:
    """The right noise explains its data best, and its loss finds the centre best."""
    found = generated()
    words = {"gaussian": say("Gaussian", "가우스"), "laplace": say("Laplace", "라플라스")}
    header = (
        *(say("data drawn from", "데이터를 만든 잡음"), say("−log density, Gaussian", "−log 밀도(가우스)")),
        *(say("−log density, Laplace", "−log 밀도(라플라스)"), say("error of the mean", "평균의 오차")),
        say("error of the median", "중앙값의 오차"),
    )
    rows = tuple(
        (
            words[t],
            *(found[f"{t}_under_{noise}"] for noise in words),
            *(found[f"{t}_mean"], found[f"{t}_median"]),
        )
        for t in words
    )
    return {
        **found,
        "sample": f"{SAMPLE:,}",
        "trials": f"{TRIALS:,}",
        "trial_rows": ROWS,
        "generated_table": Table(header, rows),
        "median_worse": 100 * (found["gaussian_median"] / found["gaussian_mean"] - 1),
        "mean_worse": 100 * (found["laplace_mean"] / found["laplace_median"] - 1),
    }


@lru_cache
def typical_miss(degrees: float, rows: int) -> tuple[float, float]:
    """How far mean and median of so many rows of Student noise are off in half of the samples."""
    y = np.random.default_rng(3).standard_t(degrees, (TRIALS, rows))
    return float(np.median(np.abs(y.mean(axis=1)))), float(np.median(np.abs(np.median(y, axis=1))))


def heavy_tails() -> dict[str, Any]:
    """Mean against median where the tails are as heavy as those fitted to the delays."""
    few, many = (typical_miss(delays()[1]["degrees"], rows) for rows in (ROWS, MANY))
    return {
        "tail_mean": few[0],
        "tail_median": few[1],
        "tail_ratio": few[0] / few[1],
        "tail_rows": MANY,
        "tail_ratio_many": many[0] / many[1],
    }


@lru_cache
def delays() -> tuple[Array, dict[str, float], dict[str, Array]]:
    """Flight delays, minus the log density of three fitted noises, and these densities on a grid."""
    read = pl.read_parquet(FLIGHTS, columns=["arr_delay"]).drop_nulls()["arr_delay"].to_numpy().astype(float)
    y = np.random.default_rng(0).choice(read, SAMPLE, replace=False)
    degrees, centre, scale = stats.t.fit(y[::STUDENT_EVERY])
    numbers = {"degrees": float(degrees), "scale": float(scale)}
    middle, mean = float(np.median(y)), float(y.mean())
    grid = np.linspace(-80, 200, 281)
    fits = {
        "gaussian": (loss("gaussian", scale=float(y.std())), mean),
        "laplace": (loss("laplace", scale=float(np.abs(y - middle).mean())), middle),
        "student_t": (loss("student_t", **numbers), float(centre)),
    }
    costs = {name: one.value(y, np.full(len(y), at)) for name, (one, at) in fits.items()}
    curves = {name: np.exp(-one.per_example(grid, np.full(len(grid), at))) for name, (one, at) in fits.items()}
    return y, costs | {"degrees": float(degrees)}, curves | {"grid": grid}


def real_delays(say: Say) -> dict[str, Any]:
    """Which of three noises the delays of flights look like."""
    y, costs, curves = delays()
    height, edges = np.histogram(y, bins=np.arange(-80, 205, 5), density=True)
    words = {
        "gaussian": say("Gaussian", "가우스"),
        "laplace": say("Laplace", "라플라스"),
        "student_t": say("Student t", "스튜던트 t"),
    }
    seen = Line(
        say("flights", "항공편"), tuple(edges[:-1] + 2.5), tuple(np.where(height > 0, height, np.nan)), "points"
    )
    return {
        "n_flights": f"{len(y):,}",
        "n_student": f"{len(y[::STUDENT_EVERY]):,}",
        "delay_gaussian": costs["gaussian"],
        "delay_laplace": costs["laplace"],
        "delay_student": costs["student_t"],
        "delay_degrees": costs["degrees"],
        "laplace_gain": float(np.exp(costs["gaussian"] - costs["laplace"])),
        "delay_table": Table(
            (say("noise", "잡음"), say("minus mean log density", "−log 밀도의 평균")),
            tuple((words[name], costs[name]) for name in words),
        ),
        "delay_picture": Chart(
            say("Flight delays and three noises fitted to them", "항공편 지연과 거기에 맞춘 세 가지 잡음"),
            say("delay (minutes)", "지연(분)"),
            say("density", "밀도"),
            (seen, *(Line(words[n], tuple(curves["grid"]), tuple(curves[n])) for n in words)),
            y_log=True,
            y_range=(1e-5, 0.05),
        ),
    }


def real_counts() -> dict[str, Any]:
    """Chin-ups of twenty men: counts, against Poisson and the negative binomial."""
    y = load_linnerud()["data"][:, 0]
    mean, spread = float(y.mean()), float(y.var(ddof=1))
    raw = np.full(len(y), np.log(mean))
    dispersion = (spread - mean) / mean**2
    return {
        "n_men": len(y),
        "count_mean": mean,
        "count_variance": spread,
        "count_ratio": spread / mean,
        "count_poisson_best": float(np.exp(loss("poisson").best_constant(y))),
        "count_poisson": loss("poisson_likelihood").value(y, raw),
        "count_negative": loss("negative_binomial", dispersion=dispersion).value(y, raw),
    }


def computed(say: Say) -> dict[str, Any]:
    """All values of the page, by name.

    >>> computed(lambda en, ko: en)["hand_half_sum"]
    2.5
    """
    return by_hand() | table_of_pairs(say) | which_noise(say) | heavy_tails() | real_delays(say) | real_counts()
