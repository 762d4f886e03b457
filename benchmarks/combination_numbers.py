"""Numbers with first and second derivatives in rigorous balls, each with the scales at which an error may be judged.

Comes in: arrays of balls (python-flint `arb`) of shape (rows, directions, classes). Goes out: the same.

A `Number` holds a value v, its derivatives a and b along two directions and the mixed second derivative h. Beside each stands
the sum of the sizes of its terms, twice: `strict` expands sums, products and mixtures into terms and takes a function of one
number as one term; `conditioned` adds to that what first-order conditioning makes of the scale of a function's argument,
|f'| s for the value, |f''| |a| s for a derivative, |f'''| |a| |b| s for the second.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import numpy as np
from flint import arb, arb_series
from numpy.typing import NDArray

from lossmith.numerics.formats import FLOAT64

Balls: TypeAlias = NDArray[Any]
Sizes: TypeAlias = NDArray[np.longdouble]
Scales: TypeAlias = tuple[Sizes, Sizes, Sizes, Sizes]
Shape: TypeAlias = Callable[[Any], Any]
"""A function of one number, as a function of a power series."""

BALL: Final = np.frompyfunc(lambda x: arb(float(x)), 1, 1)
ZERO: Final = np.array([[[arb(0)]]], dtype=object)
NONE: Final = np.zeros((1, 1, 1), dtype=np.longdouble)
LEAST: Final = np.longdouble(FLOAT64.least_scale)  # rule (d): kernels compute in float64, factors multiply what is lost
LARGEST: Final = 16_000  # exponents of two that a long double holds


def _parts(ball: Any) -> tuple[float, int]:
    middle = abs(ball.mid())
    if not middle.is_finite():
        return float("inf"), 0
    digits, exponent = middle.man_exp()
    whole, shift = int(digits), max(0, int(digits).bit_length() - 62)
    return float(whole >> shift), max(-LARGEST, min(LARGEST, int(exponent) + shift))


_PARTS: Final = np.frompyfunc(_parts, 1, 2)
_RADIUS: Final = np.frompyfunc(lambda ball: ball.rad(), 1, 1)


def sizes(balls: Balls) -> Sizes:
    """The sizes of the middles, with an exponent wide enough for any."""
    significand, exponent = _PARTS(balls)
    with np.errstate(over="ignore"):
        return np.asarray(np.ldexp(significand.astype(np.longdouble), exponent.astype(np.int64)))


def radii(balls: Balls) -> Sizes:
    """The radii of the balls."""
    return sizes(_RADIUS(balls))


@dataclass(frozen=True)
class Number:
    """Value, derivatives along two directions, mixed second derivative; and the scale of each, by both rules."""

    v: Balls
    a: Balls
    b: Balls
    h: Balls
    strict: Scales
    conditioned: Scales

    @property
    def parts(self) -> tuple[Balls, Balls, Balls, Balls]:
        """All four."""
        return self.v, self.a, self.b, self.h


def number(
    v: Balls, a: Balls, b: Balls, h: Balls, strict: Scales | None = None, conditioned: Scales | None = None
) -> Number:
    """A number whose scales are its own sizes, unless they are given."""
    found = (sizes(v), sizes(a), sizes(b), sizes(h)) if strict is None else strict
    return Number(v, a, b, h, found, found if conditioned is None else conditioned)


def known(v: Balls) -> Number:
    """A number that does not move."""
    return number(v, ZERO, ZERO, ZERO)


def _sum(*arrays: Any) -> Any:
    return sum(arrays[1:], start=arrays[0])


def plus(*terms: Number) -> Number:
    """The sum: scales of terms add up."""
    parts = [_sum(*(t.parts[j] for t in terms)) for j in range(4)]
    strict, conditioned = (
        tuple(_sum(*(getattr(t, rule)[j] for t in terms)) for j in range(4)) for rule in ("strict", "conditioned")
    )
    return Number(*parts, strict, conditioned)  # type: ignore[arg-type]


def times_exact(factor: Balls, x: Number) -> Number:
    """A multiple by numbers that are given (weights, shares, factors)."""
    size = sizes(factor)
    strict, conditioned = (tuple(size * s for s in getattr(x, rule)) for rule in ("strict", "conditioned"))
    return Number(*(factor * part for part in x.parts), strict, conditioned)  # type: ignore[arg-type]


def times(x: Number, y: Number) -> Number:
    """The product: each of its terms has the scale of one factor times the size of the other, whichever is larger."""
    v, a, b = x.v * y.v, x.a * y.v + x.v * y.a, x.b * y.v + x.v * y.b
    h = (x.h * y.v + x.v * y.h) + (x.a * y.b + x.b * y.a)
    X, Y = ([sizes(p) for p in n.parts] for n in (x, y))
    pairs = (((0, 0),), ((1, 0), (0, 1)), ((2, 0), (0, 2)), ((3, 0), (0, 3), (1, 2), (2, 1)))

    def scales(rule: str, join: Callable[[Any, Any], Any]) -> Scales:
        s, t = getattr(x, rule), getattr(y, rule)
        return tuple(_sum(*(join(s[i] * Y[j], X[i] * t[j]) for i, j in group)) for group in pairs)  # type: ignore[return-value]

    return Number(v, a, b, h, scales("strict", np.maximum), scales("conditioned", np.add))


def of(f: Sequence[Balls], x: Number, own: Sequence[Sizes] | None = None) -> Number:
    """A function of one number, from its value and three derivatives there.

    `own`: the sums of the sizes of terms of the value and the first two derivatives, where these may cancel.
    """
    f0, f1, f2, _ = f
    v, a, b, h = f0, f1 * x.a, f1 * x.b, f2 * (x.a * x.b) + f1 * x.h
    F = [sizes(part) for part in f]
    T = [*(np.maximum(t, LEAST) for t in own or F[:3]), F[3]]
    A, B, H = sizes(x.a), sizes(x.b), sizes(x.h)
    return Number(v, a, b, h, _strict(F, T, x, A, B, H), _conditioned(F, T, x, A, B, H))


def _strict(F: list[Sizes], T: list[Sizes], x: Number, A: Sizes, B: Sizes, H: Sizes) -> Scales:
    """A scale wider than the argument is handed on by the derivative, but conditioning above 1 is not granted."""
    s, size = x.strict, sizes(x.v)
    with np.errstate(divide="ignore", invalid="ignore"):
        wide = np.where(size > 0, s[0] / size, np.inf)

    def level(k: int) -> Sizes:
        with np.errstate(invalid="ignore", over="ignore"):
            handed = np.where(np.isinf(wide), F[k + 1] * s[0], np.minimum(F[k + 1] * s[0], T[k] * wide))
        return np.maximum(T[k], handed)

    first, second = level(1), level(2)
    return (
        level(0),
        np.maximum(first * A, F[1] * s[1]),
        np.maximum(first * B, F[1] * s[2]),
        np.maximum(second * A * B, F[2] * np.maximum(s[1] * B, A * s[2])) + np.maximum(first * H, F[1] * s[3]),
    )


def _conditioned(F: list[Sizes], T: list[Sizes], x: Number, A: Sizes, B: Sizes, H: Sizes) -> Scales:
    s = x.conditioned
    first = T[1] + F[2] * s[0]
    return (
        T[0] + F[1] * s[0],
        first * A + F[1] * s[1],
        first * B + F[1] * s[2],
        (T[2] + F[3] * s[0]) * A * B + F[2] * (s[1] * B + A * s[2]) + first * H + F[1] * s[3],
    )


def _derivatives(shape: Shape) -> Callable[[Any], tuple[Any, ...]]:
    factorial = (1, 1, 2, 6)

    def at(ball: Any) -> tuple[Any, ...]:
        found = shape(arb_series([ball, 1], prec=4)).coeffs()
        found = [*found, *(arb(0) for _ in range(4 - len(found)))]
        return tuple(c * k for c, k in zip(found, factorial, strict=True))

    return at


def apply(shape: Shape, x: Number) -> Number:
    """A smooth function of one number, written for power series."""
    return of(np.frompyfunc(_derivatives(shape), 1, 4)(x.v), x)


def chosen(mask: NDArray[np.bool_], x: Number, y: Number) -> Number:
    """One number where the mask holds, elsewhere another."""

    def pick(p: Any, q: Any) -> Any:
        return np.where(mask, p, q)

    parts = [pick(p, q) for p, q in zip(x.parts, y.parts, strict=True)]
    scales = [tuple(map(pick, getattr(x, rule), getattr(y, rule))) for rule in ("strict", "conditioned")]
    return Number(*parts, *scales)  # type: ignore[arg-type]


def summed(x: Number) -> Number:
    """The sum over the classes."""

    def total(p: Any) -> Any:
        return p.sum(axis=-1, keepdims=True)

    scales = [tuple(map(total, getattr(x, rule))) for rule in ("strict", "conditioned")]
    return Number(*map(total, x.parts), *scales)  # type: ignore[arg-type]


def fixed(x: Number) -> Number:
    """The value alone, which counts as a number for derivatives."""
    return Number(x.v, ZERO, ZERO, ZERO, *((s[0], NONE, NONE, NONE) for s in (x.strict, x.conditioned)))


def added(x: Number) -> Number:
    """The sum over the rows: derivatives by raw predictions stay those of the row."""

    def total(p: Any) -> Any:
        return np.asarray(p).sum(axis=0, keepdims=True)

    n = x.v.shape[0]
    b = np.broadcast_to(x.b, (n, *x.b.shape[1:])) if x.b.shape[0] == 1 else x.b
    scales = []
    for s in (x.strict, x.conditioned):
        sb = np.broadcast_to(s[2], b.shape)
        scales.append((total(s[0]), s[1], total(sb), s[3]))
    return Number(total(x.v), x.a, total(b)[:, :1], x.h, *scales)  # type: ignore[arg-type]


def divided(x: Number, divisor: Any) -> Number:
    return times_exact(np.array([[[1 / divisor]]], dtype=object), x)
