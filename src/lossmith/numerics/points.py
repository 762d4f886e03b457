"""Where to look: the points at which a formula is tried, seeded and in the format that is tested.

Comes in: a format, an interval or target kind, kinks, a seed. Goes out: arrays of that format's type.
Floating point fails at the edges: so half the points are drawn evenly over *floats* (every exponent alike, both signs),
the others are the fixed grid, the limits of the format, and the neighbourhoods of 0, 1, ties and kinks.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lossmith.numerics.formats import Format, from_ordinals, ordinals
from lossmith.numerics.interval import DOMAINS, REAL, Interval

Points = NDArray[Any]

MAGNITUDES: tuple[float, ...] = (
    *(0.0, 1e-8, 1e-4, 0.1, 1.0, 5.0, 10.0, 15.0, 17.0, 20.0, 30.0, 50.0, 80.0, 88.0, 89.0, 100.0, 300.0),
    *(1e3, 1e4, 1e30),
)
"""Sizes of raw predictions at which published losses are known to fail; each is tried with both signs."""

TIES: tuple[float, ...] = (
    *(k + 0.5 for k in range(6)),
    *((k + 0.5) * math.log(2.0) for k in (0, 1, 2, 10, 100, 126, 1021)),
)
"""Midpoints between whole numbers, and between multiples of log 2, where the range reduction of exp changes over."""

FACTORIAL_EDGES: tuple[float, ...] = (0.0, 1.0, 2.0, 7.0, 10.0, 100.0, 170.0, 171.0, 1e4, 1e6, 2.0**24)
"""Counts worth trying: small ones, the last whose factorial is finite in float64, the last whole float32."""


def _unique(parts: Iterable[Any], interval: Interval, fmt: Format) -> Points:
    """Round to the format, keep finite points inside the interval, sort, drop repeats."""
    with np.errstate(over="ignore"):
        x = np.concatenate([np.asarray(part, dtype=fmt.dtype).reshape(-1) for part in parts])
    inside = np.isfinite(x) & interval.contains(x.astype(np.float64))
    return np.unique(x[inside] + fmt.dtype.type(0))


def both_signs(sizes: Iterable[float]) -> list[float]:
    """Return each size with both signs.

    >>> both_signs([1.0, 2.0])
    [1.0, 2.0, -1.0, -2.0]
    """
    positive = list(sizes)
    return positive + [-size for size in positive]


def limits(fmt: Format) -> list[float]:
    """Return the places where a format ends, both signs: subnormal, normal and largest, and the gap at 1.

    >>> from lossmith.numerics.formats import FLOAT32
    >>> FLOAT32.largest in limits(FLOAT32)
    True
    """
    normal = fmt.smallest_normal
    tiny = fmt.smallest_subnormal
    root = math.sqrt(fmt.largest)
    sizes = (
        tiny,
        2 * tiny,
        normal - tiny,
        normal,
        2 * normal,
        fmt.epsilon,
        fmt.epsilon / 2,
        root,
        fmt.largest / 2,
        fmt.largest,
    )
    return both_signs(sizes)


def near(x: float, fmt: Format, floats: int = 3) -> Points:
    """Return x, its next `floats` floats on either side, and points at relative distance 2**-k from it.

    Around 0, where there is no relative distance, the distances are taken from 1.

    >>> from lossmith.numerics.formats import FLOAT64
    >>> bool(np.any(near(1.0, FLOAT64) == 1 - 2.0**-53))
    True
    """
    steps = np.arange(-floats, floats + 1)
    most = int(ordinals(fmt.largest, fmt))
    close = from_ordinals(np.clip(ordinals(x, fmt) + steps, -most, most), fmt)
    distance = (abs(x) or 1.0) * 2.0 ** -np.arange(2.0, fmt.digits + 1, 3)
    return _unique((close, x + distance, x - distance), REAL, fmt)


def edges(interval: Interval, fmt: Format) -> Points:
    """Return the ends of an interval and the floats next to them, as far as they lie inside.

    >>> from lossmith.numerics.formats import FLOAT64
    >>> edges(Interval(0.0, 1.0), FLOAT64).min().item() == 5e-324
    True
    """
    ends = [end for end in (interval.low, interval.high) if math.isfinite(end)]
    return _unique([[], *(near(end, fmt) for end in ends)], interval, fmt)


def by_exponent(interval: Interval, fmt: Format, count: int = 200, seed: int = 0) -> Points:
    """Draw floats evenly by their order: every exponent alike, both signs alike where the interval holds both.

    >>> from lossmith.numerics.formats import FLOAT32
    >>> x = by_exponent(Interval(0.0, 1.0), FLOAT32, count=1000)
    >>> bool(((x > 0) & (x < 1)).all() and (x < 1e-20).any())
    True
    """
    ends = (max(interval.low, -fmt.largest), min(interval.high, fmt.largest))
    low, high = (int(ordinals(end, fmt)) for end in ends)
    drawn = from_ordinals(np.random.default_rng(seed).integers(low, high + 1, size=count), fmt)
    if interval.integer:
        with np.errstate(over="ignore"):
            drawn = np.rint(np.exp2(np.random.default_rng(seed).uniform(-1.0, fmt.digits, size=count)))
    return _unique([drawn], interval, fmt)


def moderate(interval: Interval, fmt: Format, count: int = 100, seed: int = 0) -> Points:
    """Draw ordinary numbers, of sizes from 1e-3 to 1e3, both signs: where models spend their time.

    >>> from lossmith.numerics.formats import FLOAT32
    >>> bool((abs(moderate(REAL, FLOAT32)) <= 1e3).all())
    True
    """
    random = np.random.default_rng(seed)
    size = 10.0 ** random.uniform(-3.0, 3.0, size=count)
    return _unique([size * random.choice([-1.0, 1.0], size=count)], interval, fmt)


def raw_points(
    fmt: Format, interval: Interval = REAL, *, kinks: Iterable[float] = (), count: int = 200, seed: int = 0
) -> Points:
    """Return sorted points of an interval at which a formula of one raw prediction is worth trying.

    About `count` of them are drawn (seeded); the fixed ones come on top: the grid, the limits of the format, ties, and
    the neighbourhoods of 0, ±1, the ends of the interval, and the kinks.

    >>> from lossmith.numerics.formats import FLOAT32
    >>> z = raw_points(FLOAT32, kinks=[2.5])
    >>> z.dtype.name, bool(np.isfinite(z).all()), bool((z == 2.5).any())
    ('float32', True, True)
    """
    drawn = (by_exponent(interval, fmt, count // 2, seed), moderate(interval, fmt, count - count // 2, seed + 1))
    fixed = (both_signs(MAGNITUDES), limits(fmt), both_signs(TIES), edges(interval, fmt))
    special = [near(x, fmt) for x in (0.0, 1.0, -1.0, *kinks)]
    return _unique((*drawn, *fixed, *special), interval, fmt)


def raw_rows(fmt: Format, classes: int, *, count: int = 200, seed: int = 0) -> Points:
    """Return rows of raw predictions, shape (rows, classes): one entry far from the rest, ties, shifts, mixtures.

    >>> from lossmith.numerics.formats import FLOAT64
    >>> raw_rows(FLOAT64, 4).shape[1]
    4
    """
    sizes = np.unique([*both_signs(MAGNITUDES), fmt.largest, -fmt.largest, fmt.smallest_subnormal]).astype(fmt.dtype)
    rest = np.resize(np.array([0.5, 0.0, -1.0, 0.25]), classes - 1)
    one_out = np.column_stack([sizes, *(np.full(sizes.size, value) for value in rest)])
    tied = np.column_stack([sizes] * classes)
    shifted = np.column_stack([sizes + sizes.dtype.type(k) for k in range(classes)])
    random = np.random.default_rng(seed)
    spread = 10.0 ** random.uniform(-3.0, 3.0, size=(count, 1))
    drawn = random.standard_normal((count, classes)) * spread
    with np.errstate(over="ignore"):
        rows = np.concatenate([one_out, np.roll(one_out, 1, axis=1), tied, shifted, drawn]).astype(fmt.dtype)
    return np.asarray(rows[np.isfinite(rows).all(axis=1)])


def _fractions(fmt: Format, count: int, seed: int, classes: int) -> Points:
    fixed = (0.0, 0.5, 1.0, 0.1, 0.25, 0.3, 0.75, 0.9, fmt.epsilon)
    drawn = np.random.default_rng(seed).uniform(size=count)
    return _unique((fixed, near(0.0, fmt), near(1.0, fmt), drawn), DOMAINS["fraction"], fmt)


def _numbers(interval: Interval) -> Callable[[Format, int, int, int], Points]:
    return lambda fmt, count, seed, classes: raw_points(fmt, interval, count=count, seed=seed)


def _counts(fmt: Format, count: int, seed: int, classes: int) -> Points:
    return _unique((FACTORIAL_EDGES, by_exponent(DOMAINS["count"], fmt, count, seed)), DOMAINS["count"], fmt)


def _indices(fmt: Format, count: int, seed: int, classes: int) -> Points:
    return np.arange(classes, dtype=np.int64)


def _simplex(fmt: Format, count: int, seed: int, classes: int) -> Points:
    """Corners, the centre, edges, and Dirichlet rows from spiky to flat; each row adds up to 1 up to rounding."""
    random = np.random.default_rng(seed)
    alpha = 10.0 ** random.uniform(-1.0, 1.0, size=(count, 1))
    drawn = random.standard_gamma(np.broadcast_to(alpha, (count, classes))) + fmt.smallest_normal
    corners = np.eye(classes)
    halves = (corners + np.roll(corners, 1, axis=1)) / 2
    rows = np.concatenate(
        [corners, np.full((1, classes), 1 / classes), halves, drawn / drawn.sum(axis=1, keepdims=True)]
    )
    return rows.astype(fmt.dtype)


TARGETS: Mapping[str, Callable[[Format, int, int, int], Points]] = MappingProxyType(
    {
        "real": _numbers(DOMAINS["real"]),
        "positive": _numbers(DOMAINS["positive"]),
        "nonnegative": _numbers(DOMAINS["nonnegative"]),
        "count": _counts,
        "fraction": _fractions,
        "binary": lambda fmt, count, seed, classes: np.array([0, 1], dtype=fmt.dtype),
        "class": _indices,
        "simplex": _simplex,
        "ordinal": _indices,
    }
)
"""How targets of each kind are chosen."""


def target_points(kind: str, fmt: Format, *, count: int = 50, seed: int = 0, classes: int = 4) -> Points:
    """Return targets of a kind worth trying: shape (n,), for a simplex (n, classes), for classes whole numbers.

    Raises KeyError for a kind that is not in `TARGETS`.

    >>> from lossmith.numerics.formats import FLOAT64
    >>> target_points("binary", FLOAT64).tolist(), target_points("class", FLOAT64, classes=3).tolist()
    ([0.0, 1.0], [0, 1, 2])
    """
    return TARGETS[kind](fmt, count, seed, classes)
