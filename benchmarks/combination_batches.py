"""Rows at which designs are measured: ordinary ones, far ones, and those at the end of what formulas can hold.

Comes in: a kind of target, a seeded generator, the class numbers that a design ignores. Goes out: batches, hard and soft
labels, weights with zeros among them, and NaN where the weight is 0.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.combination_draw import CLASSES, OF_CLASSES, Random
from benchmarks.combination_totals import Batch

Array = NDArray[Any]
ROWS: Final = 8
FARTHEST: Final = (6.0, 80.0, 700.0)
FARTHEST_LOG: Final = (5.0, 30.0, 80.0)  # e**80 to the sixth power still is a number
CUTS: Final = np.array([-np.inf, -1.0, 0.5, 2.0, np.inf])


def training_labels(kind: str) -> Array:
    """Labels from which `fit` finds class weights and priors."""
    return np.array([0, 1, 1, 2, 0, 1]) if kind in OF_CLASSES else np.array([0.0, 1.0, 0.0, 0.0, 1.0])


def batches(kind: str, random: Random, ignored: list[int], dtype: Any = np.float64) -> list[Batch]:
    """Three batches: each farther out than the one before."""
    return [_batch(kind, random, level, ignored, np.dtype(dtype)) for level in range(len(FARTHEST))]


def _signed(random: Random, low: float, high: float, shape: Any) -> Array:
    return np.asarray(10.0 ** random.uniform(low, high, size=shape) * random.choice([-1.0, 1.0], size=shape))


def _real(random: Random, level: int) -> tuple[Array, Array]:
    y = random.normal(size=ROWS) * 3.0 if level < 2 else _signed(random, -4.0, 4.0, ROWS)
    spread = (-2.0, 2.0) if level == 0 else (-8.0, 8.0)
    return y, y + _signed(random, *spread, ROWS)


def _through_exp(positive: bool, count: bool) -> Callable[[Random, int], tuple[Array, Array]]:
    def made(random: Random, level: int) -> tuple[Array, Array]:
        y = 10.0 ** random.uniform(-4.0, 4.0, size=ROWS)
        if count:
            y = np.floor(y)
        elif not positive:
            y[random.uniform(size=ROWS) < 0.3] = 0.0
        z = random.uniform(-1.0, 1.0, size=ROWS) * FARTHEST_LOG[level]
        near = random.uniform(size=ROWS) < 0.3
        z[near & (y > 0)] = np.log(y[near & (y > 0)]) * (1 + 1e-3 * random.normal())
        return y, z

    return made


def _shares(random: Random, shape: Any, soft: bool) -> Array:
    return random.uniform(size=shape) if soft else random.integers(0, 2, size=shape).astype(np.float64)


def _binary(random: Random, level: int) -> tuple[Array, Array]:
    soft = bool(random.uniform() < 0.4)
    return _shares(random, ROWS, soft), random.uniform(-1.0, 1.0, size=ROWS) * FARTHEST[level]


def _given_binary(random: Random, level: int) -> tuple[Array, Array]:
    y, _ = _binary(random, level)
    near = 10.0 ** random.uniform(-100.0 if level == 2 else -12.0, 0.0, size=ROWS)
    edge = np.where(random.uniform(size=ROWS) < 0.5, near, 1.0 - np.maximum(near, 2.0**-53))
    return y, random.uniform(0.01, 0.99, size=ROWS) if level == 0 else edge


def _labels(random: Random) -> Array:
    way = random.uniform()
    if way < 0.4:
        return np.asarray(random.integers(0, CLASSES, size=ROWS))
    return (
        np.eye(CLASSES)[random.integers(0, CLASSES, size=ROWS)]
        if way < 0.6
        else random.dirichlet(np.ones(CLASSES), ROWS)
    )


def _class(random: Random, level: int) -> tuple[Array, Array]:
    return _labels(random), random.uniform(-1.0, 1.0, size=(ROWS, CLASSES)) * FARTHEST[level] / 2


def _distributions(random: Random, level: int) -> Array:
    spiky = (1.0, 0.1, 0.02)[level]
    drawn = random.standard_gamma(np.full((ROWS, CLASSES), spiky)) + 1e-30
    return np.minimum(drawn / drawn.sum(axis=1, keepdims=True), 1.0 - 2.0**-53)


MAKERS: Final[dict[str, Callable[[Random, int], tuple[Array, Array]]]] = {
    "real": _real,
    "nonnegative": _through_exp(False, False),
    "positive": _through_exp(True, False),
    "count": _through_exp(False, True),
    "binary": _binary,
    "fraction": _binary,
    "given binary": _given_binary,
    "class": _class,
    "given class": lambda random, level: (_labels(random), _distributions(random, level)),
    "simplex": lambda random, level: (random.dirichlet(np.ones(CLASSES), ROWS), _distributions(random, level)),
    "ordinal": lambda random, level: (
        random.integers(0, 4, size=ROWS).astype(np.float64), random.uniform(-1.0, 1.0, size=ROWS) * FARTHEST[level]),
}  # fmt: skip


def _batch(kind: str, random: Random, level: int, ignored: list[int], dtype: Any) -> Batch:
    y, raw = MAKERS[kind](random, level)
    if ignored:
        y = _with_ignored(kind, random, y, ignored)
    if dtype == np.float32 and (kind.startswith("given") or kind == "simplex"):
        raw = np.clip(raw, 1e-30, 1.0 - 2.0**-24)  # inside the open domain when it is rounded
    raw, v = raw.astype(dtype), random.normal(size=raw.shape).astype(dtype)
    if y.dtype.kind == "f" and dtype == np.float32:
        y = y.astype(dtype)
    columns = {
        "valid": random.uniform(size=ROWS) < 0.8,
        "cost": np.where(random.uniform(size=ROWS) < 0.1, 0.0, 10.0 ** random.uniform(-3.0, 3.0, size=ROWS)),
        "group": np.sort(random.integers(0, 3, size=ROWS)),
    }
    if kind == "ordinal":
        columns |= {"low": CUTS[y.astype(np.int64)], "high": CUTS[y.astype(np.int64) + 1]}
    weight = None
    if random.uniform() < 0.6:
        weight = np.where(random.uniform(size=ROWS) < 0.2, 0.0, 10.0 ** random.uniform(-3.0, 3.0, size=ROWS))
        weight[0] = 1.0
        y, raw = _spoiled(y, weight == 0), _spoiled(raw, weight == 0)
    columns["valid"][0], columns["cost"][0] = True, 1.0
    return Batch(y, raw, weight, columns, v)


def _with_ignored(kind: str, random: Random, y: Array, ignored: list[int]) -> Array:
    """Class numbers, some of them those that are ignored; the first row stays."""
    hard = np.argmax(y, axis=1) if y.ndim > 1 else np.round(y)
    drop = random.uniform(size=len(hard)) < 0.25
    if kind in OF_CLASSES:
        hard = np.where(hard == ignored[0], 0, hard) if 0 not in ignored else hard
        drop[0] = False
        found = np.where(drop, ignored[0], hard).astype(np.int64)
        found[0] = next(k for k in range(CLASSES) if k not in ignored)
        return np.asarray(found)
    found = np.where(drop, float(ignored[0]), hard)
    found[0] = 0.0 if 0 not in ignored else 1.0
    return np.asarray(found)


def _spoiled(values: Array, where: Array) -> Array:
    """NaN, or class numbers out of range, in rows that are absent."""
    array = values.copy()
    array[where] = -7 if array.dtype.kind == "i" else np.nan
    return array
