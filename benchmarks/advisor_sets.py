"""Twelve generated tables on which the study is judged: a seed comes in, rows and the exact best action go out.

Each set is one row of `SETS`: what it is, what the user says to the study, what an action costs (the metric of this
set) and how targets are drawn. All sets share their features; nothing but the rows depends on the seed. The truth is
known: `Sample.oracle` holds for every row the action of least expected cost, given everything that the target depends
on, the cells that `frame` hides included.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import polars as pl

Floats = NDArray[np.float64]
World = Mapping[str, Any]
Drawn = tuple[Floats, Floats]  # targets, and the best action for each row
Metric = Callable[[Floats, Floats], Floats]

ROWS: Final = 5_000
FEATURES: Final = ("hour", "size", "load", "distance", "region", "batch", "reading")
REGIONS: Final = ("centre", "east", "island", "north", "south")
SHARES: Final = (0.35, 0.25, 0.05, 0.15, 0.20)
OF_REGION: Final = np.array([0.0, 0.4, 1.5, -0.6, -0.2])
HIDDEN: Final[Mapping[str, float]] = {"distance": 0.03, "load": 0.01, "reading": 0.05}


@dataclass(frozen=True)
class Sample:
    """Rows of one set: the table (features and target), the targets (n,), and the best action of each row (n,)."""

    frame: pl.DataFrame
    y: Floats
    oracle: Floats


@dataclass(frozen=True)
class GeneratedSet:
    """One set.

    `cost(y, action)` is the metric: what each row costs, (n,). `why` says why one would ask for it; `options` are what
    the user says to `ls.study` for it. `kind` is the kind of target in the words of the catalogue. `aim` is what the
    best action is: "mean", "classes" (it has the least expected `matrix` cost), or the level of a quantile.
    """

    name: str
    what: str
    why: str
    kind: str
    options: Mapping[str, Any]
    cost: Metric
    aim: str | float
    draw: Callable[[np.random.Generator, World], Drawn]
    decimals: int = 2
    target: str = "outcome"
    matrix: tuple[tuple[float, ...], ...] = field(default=(), repr=False)

    def sample(self, seed: int, rows: int = ROWS) -> Sample:
        """Draw rows, targets and best actions; the same for the same seed and number of rows."""
        import polars as pl

        rng = np.random.default_rng([seed, sum(map(ord, self.name))])
        world = features(rng, rows)
        y, oracle = self.draw(rng, world)
        y = np.round(y, self.decimals)
        shown = {name: _hidden(rng, world[name], HIDDEN.get(name, 0.0)) for name in FEATURES}
        target = pl.Series(self.target, y.astype(np.int64) if self.decimals == 0 else y)
        return Sample(pl.DataFrame(shown).with_columns(target), y, oracle)

    def generate(self, seed: int, rows: int = ROWS) -> pl.DataFrame:
        """Draw the table alone."""
        return self.sample(seed, rows).frame


def features(rng: np.random.Generator, rows: int) -> dict[str, Any]:
    """Draw the features, nothing hidden; `batch` and `reading` say nothing about any target."""
    return {
        "hour": np.round(rng.uniform(0, 24, rows), 2),
        "size": np.round(rng.lognormal(0.5, 0.6, rows), 3),
        "load": np.round(rng.beta(2, 2, rows), 4),
        "distance": np.round(rng.gamma(2.0, 3.0, rows), 2),
        "region": np.asarray(REGIONS)[(code := rng.choice(len(REGIONS), rows, p=SHARES))],
        "of_region": OF_REGION[code],
        "batch": rng.integers(1, 41, rows),
        "reading": np.round(rng.normal(size=rows), 3),
        "rows": rows,
    }


def _hidden(rng: np.random.Generator, values: NDArray[Any], share: float) -> pl.Series:
    """A column with a share of its cells missing."""
    import polars as pl

    column = pl.Series(values)
    if not share:
        return column
    return pl.select(pl.when(pl.Series(rng.random(len(values)) >= share)).then(column)).to_series()


# Signals: functions of the features of mean 0 and standard deviation 1 (to 2 %; measured on a million rows).


def waves(w: World) -> Floats:
    """A wave through the day whose height the load decides, and a product of size and load."""
    day = np.sin(2 * np.pi * w["hour"] / 24)
    raw = 1.8 * day * w["load"] + 1.2 * (np.log(w["size"]) - 0.5) * (2 * w["load"] - 0.5) + 0.5 * w["of_region"]
    return np.asarray((raw - RAW["waves"][0]) / RAW["waves"][1])


def steps(w: World) -> Floats:
    """Steps that hold only together: high load counts by day, large size only far away; regions differ."""
    by_day = (w["hour"] > 7) & (w["hour"] < 19)
    raw = 1.6 * (w["load"] > 0.55) * by_day + 1.4 * (w["size"] > 1.8) * (w["distance"] > 5) + 0.8 * w["of_region"]
    return np.asarray((raw - RAW["steps"][0]) / RAW["steps"][1])


def hills(w: World) -> Floats:
    """Two rush hours, higher with distance; a valley in the load that depends on the size."""
    rush = np.exp(-(((w["hour"] - 8) / 2.5) ** 2)) + np.exp(-(((w["hour"] - 17.5) / 3) ** 2))
    valley = (w["load"] - 0.5) ** 2 * np.minimum(w["size"], 3.0)
    raw = rush * np.sqrt(np.minimum(w["distance"], 15.0)) + 4 * valley + 0.4 * w["of_region"]
    return np.asarray((raw - RAW["hills"][0]) / RAW["hills"][1])


RAW: Final[Mapping[str, tuple[float, float]]] = {
    "waves": (0.022, 0.879),
    "steps": (0.687, 0.950),
    "hills": (1.298, 1.028),
}
"""Mean and standard deviation of each signal before it is standardised."""


def _sigmoid(x: Floats) -> Floats:
    from scipy.special import expit

    return np.asarray(expit(x))


# Metrics, each from its definition.


def squared(y: Floats, action: Floats) -> Floats:
    """The squared distance: least for the mean."""
    return np.asarray((y - action) ** 2)


def absolute(y: Floats, action: Floats) -> Floats:
    """The distance: least for the median; for grades, how many grades a decision is off."""
    return np.asarray(np.abs(y - action))


def five_to_one(y: Floats, action: Floats) -> Floats:
    """5 for each unit too low, 1 for each unit too high."""
    return np.asarray(5 * np.maximum(y - action, 0) + np.maximum(action - y, 0))


def missed_or_alarm(y: Floats, action: Floats) -> Floats:
    """50 for a missed positive, 1 for a false alarm."""
    return np.asarray(50.0 * ((y == 1) & (action != 1)) + 1.0 * ((y == 0) & (action == 1)))


# Targets.


def gaussian(rng: np.random.Generator, w: World) -> Drawn:
    """A bell curve around the mean."""
    mean = 12 + 10 * waves(w)
    return rng.normal(mean, 8.0), mean


def laplace(rng: np.random.Generator, w: World) -> Drawn:
    """Laplace noise around the median."""
    median = 5 + 10 * steps(w)
    return rng.laplace(median, 6.0), median


def student_t2(rng: np.random.Generator, w: World) -> Drawn:
    """Noise with so wild rows that it has no variance."""
    median = 10 * hills(w)
    return median + 5.0 * rng.standard_t(2, w["rows"]), median


def log_normal(rng: np.random.Generator, w: World) -> Drawn:
    """Prices: everything multiplies, the noise too."""
    middle = 5.0 + 0.6 * waves(w)
    return np.maximum(np.exp(rng.normal(middle, 0.6)), 0.01), np.exp(middle)


def poisson(rng: np.random.Generator, w: World) -> Drawn:
    """Counts of independent events."""
    mean = np.exp(0.7 + 0.6 * hills(w))
    return rng.poisson(mean).astype(np.float64), mean


DISPERSION: Final = 0.8


def negative_binomial(rng: np.random.Generator, w: World) -> Drawn:
    """Counts whose rate itself varies: variance mean + 0.8 mean²."""
    mean = np.exp(1.0 + 0.7 * steps(w))
    rate = mean * rng.gamma(1 / DISPERSION, DISPERSION, w["rows"])
    return rng.poisson(rate).astype(np.float64), mean


PHI: Final = 40.0


def tweedie(rng: np.random.Generator, w: World) -> Drawn:
    """A Poisson number of gamma amounts: Tweedie of power 1.5, variance 40 mean^1.5."""
    mean = np.exp(4.5 + 0.7 * waves(w))
    claims = rng.poisson(2 * np.sqrt(mean) / PHI)  # mean^(2-p) / (phi (2-p)), p = 1.5
    size = PHI * np.sqrt(mean) / 2  # phi (p-1) mean^(p-1); gamma shape (2-p)/(p-1) = 1
    return np.where(claims > 0, rng.gamma(np.maximum(claims, 1), size), 0.0), mean


def zero_inflated(rng: np.random.Generator, w: World) -> Drawn:
    """Poisson counts of those who take part, and who does depends on other features."""
    takes_part = _sigmoid(0.3 + 1.2 * steps(w))
    mean = np.exp(1.2 + 0.5 * waves(w))
    count = np.where(rng.random(w["rows"]) < takes_part, rng.poisson(mean), 0)
    return count.astype(np.float64), takes_part * mean


def rare_binary(rng: np.random.Generator, w: World) -> Drawn:
    """One row in a hundred is positive."""
    p = _sigmoid(RARE_BASE + 1.3 * waves(w) + 1.0 * hills(w))
    return (rng.random(w["rows"]) < p).astype(np.float64), (50 * p >= 1 - p).astype(np.float64)


RARE_BASE: Final = -6.28
CUTS: Final = (-2.2, -0.8, 0.6, 2.0)


def grades(rng: np.random.Generator, w: World) -> Drawn:
    """Grades 1 to 5 cut from one line with logistic noise; the best decision is the middle grade."""
    middle = 1.6 * hills(w) + 0.8 * steps(w)
    cuts = np.asarray(CUTS)
    seen = middle + rng.logistic(size=w["rows"])
    below = _sigmoid(cuts[None, :] - middle[:, None])  # P(grade <= k)
    return 1.0 + np.searchsorted(cuts, seen).astype(np.float64), 1.0 + (below < 0.5).sum(axis=1).astype(np.float64)


LEVEL: Final = 5 / 6
QUANTILE: Final = 0.967421566101701  # of the standard normal distribution at 5/6


def constant_noise(rng: np.random.Generator, w: World) -> Drawn:
    """The same noise everywhere: one shift turns the mean into the quantile."""
    mean = 10 + 20 * hills(w)
    return rng.normal(mean, 15.0), mean + 15.0 * QUANTILE


def varying_noise(rng: np.random.Generator, w: World) -> Drawn:
    """Noise whose width depends on other features than the mean does: no one shift is right."""
    mean, width = 10 + 20 * waves(w), 15.0 * np.exp(0.7 * steps(w))
    return rng.normal(mean, width), mean + width * QUANTILE


DISTANCES: Final = tuple(tuple(float(abs(i - j)) for j in range(5)) for i in range(5))
MEAN: Final[Mapping[str, Any]] = {"estimate": "mean"}
MEDIAN: Final[Mapping[str, Any]] = {"estimate": "median"}
LOPSIDED: Final[Mapping[str, Any]] = {"cost": "under=5, over=1"}
ERRORS: Final = "false_negative=50, false_positive=1"
TOTALS: Final = "totals must add up, so the mean is wanted; the squared error is least for it"

SETS: Final[tuple[GeneratedSet, ...]] = (
    GeneratedSet(
        "gaussian", "A measurement with bell-curve noise.", f"{TOTALS}.", "real", MEAN, squared, "mean", gaussian
    ),
    GeneratedSet(
        "laplace",
        "A duration with a sharp peak and long tails on both sides.",
        "a typical value is wanted, off by so many minutes; the absolute error is least for the median.",
        "real",
        MEDIAN,
        absolute,
        0.5,
        laplace,
    ),
    GeneratedSet(
        "t2",
        "A measurement with wild rows (Student-t, 2 degrees of freedom).",
        "wild rows would rule any average; how far off a usual row is, is the absolute error.",
        "real",
        MEDIAN,
        absolute,
        0.5,
        student_t2,
    ),
    GeneratedSet(
        "log-normal",
        "Prices: effects and noise multiply, with a long upper tail.",
        "an appraisal names the price that half of such homes exceed, and is off by so much money.",
        "positive",
        MEDIAN,
        absolute,
        0.5,
        log_normal,
    ),
    GeneratedSet("poisson", "Calls per hour.", f"{TOTALS}.", "count", MEAN, squared, "mean", poisson, 0),
    GeneratedSet(
        "negative-binomial",
        "Visits per person, varying more than independent events.",
        f"{TOTALS}.",
        "count",
        MEAN,
        squared,
        "mean",
        negative_binomial,
        0,
    ),
    GeneratedSet(
        "tweedie",
        "Insurance cost of a policy: mostly zero, else an amount.",
        "premiums must pay for all claims together, so the mean is wanted; the squared error is least for it.",
        "nonnegative",
        MEAN,
        squared,
        "mean",
        tweedie,
    ),
    GeneratedSet(
        "zero-inflated",
        "Purchases per customer, where many never buy.",
        f"{TOTALS}.",
        "count",
        MEAN,
        squared,
        "mean",
        zero_inflated,
        0,
    ),
    GeneratedSet(
        "rare-binary",
        "A rare disease: 1 % of the rows are positive.",
        "a missed case costs 50 times as much as a needless second test.",
        "binary",
        {"cost": ERRORS},
        missed_or_alarm,
        "classes",
        rare_binary,
        0,
        matrix=((0.0, 1.0), (50.0, 0.0)),
    ),
    GeneratedSet(
        "ordinal",
        "Ratings from 1 to 5.",
        "a decision two grades off is twice as bad as one grade off.",
        "ordinal",
        {"kind": "ordinal", "cost": [list(row) for row in DISTANCES]},
        absolute,
        "classes",
        grades,
        0,
        matrix=DISTANCES,
    ),
    GeneratedSet(
        "costs-constant-noise",
        "Delays: being too low costs five times as much as being too high; the noise is the same everywhere.",
        "the user's own costs.",
        "real",
        LOPSIDED,
        five_to_one,
        LEVEL,
        constant_noise,
    ),
    GeneratedSet(
        "costs-varying-noise",
        "The same costs, but some rows are much less certain than others.",
        "the user's own costs.",
        "real",
        LOPSIDED,
        five_to_one,
        LEVEL,
        varying_noise,
    ),
)


def find(name: str) -> GeneratedSet:
    """The set of this name."""
    return next(one for one in SETS if one.name == name)
