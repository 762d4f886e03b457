"""Binary floating-point formats: what they can hold, and how far a computed number is from an exact one.

Comes in: a computed float and an exact number (int, float, `Fraction`, python-flint `fmpq` or `arb`).
Goes out: one ulp, the error in ulp, the correctly rounded float. Everything here is integer arithmetic.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

FARTHEST = 20_000
"""Exact numbers beyond 2**±FARTHEST stand as ±2**±FARTHEST: no format here tells them apart."""


@dataclass(frozen=True, slots=True)
class Format:
    """An IEEE 754 binary format: `digits` bits of significand (p), exponents from `emin` to `emax`.

    >>> FLOAT32.largest, FLOAT32.smallest_normal == 2.0**-126
    (3.4028234663852886e+38, True)
    """

    name: str
    digits: int
    emin: int
    emax: int

    @property
    def smallest_normal(self) -> float:
        """The least positive number with all its digits."""
        return math.ldexp(1.0, self.emin)

    @property
    def smallest_subnormal(self) -> float:
        """The least positive number, and the gap between neighbours around 0."""
        return math.ldexp(1.0, self.emin - self.digits + 1)

    @property
    def largest(self) -> float:
        """The greatest finite number."""
        return math.ldexp(2.0 - math.ldexp(1.0, 1 - self.digits), self.emax)

    @property
    def epsilon(self) -> float:
        """The gap between 1 and the next larger number."""
        return math.ldexp(1.0, 1 - self.digits)

    @property
    def least_scale(self) -> float:
        """The least scale at which errors are judged: 2**(p+6) times the smallest subnormal."""
        return math.ldexp(self.smallest_subnormal, self.digits + 6)

    @property
    def dtype(self) -> np.dtype[Any]:
        """The NumPy type of this format."""
        return np.dtype(self.name)

    @property
    def bits_dtype(self) -> np.dtype[Any]:
        """The signed integer type of the same width."""
        return np.dtype(f"int{self.dtype.itemsize * 8}")


FLOAT32 = Format("float32", 24, -126, 127)
FLOAT64 = Format("float64", 53, -1022, 1023)
FORMATS: tuple[Format, ...] = (FLOAT32, FLOAT64)


def format_of(dtype: DTypeLike) -> Format:
    """Return the format of a NumPy type; raise ValueError for any other.

    >>> format_of("float32").digits
    24
    """
    name = np.dtype(dtype).name
    for known in FORMATS:
        if known.name == name:
            return known
    raise ValueError(f"expected one of {', '.join(f.name for f in FORMATS)}, got {name}")


# Exact numbers -------------------------------------------------------------------------------------------------


def as_fraction(exact: Any) -> Fraction:
    """Return an exact number as a `Fraction`; of a ball, its midpoint.

    Takes int, float, `Fraction`, NumPy scalars, fmpz, fmpq, arb and mpmath's mpf. Raises ValueError for NaN and
    infinities.

    >>> as_fraction(0.5)
    Fraction(1, 2)
    """
    return exact if isinstance(exact, Fraction) else Fraction(*_ratio(exact))


def _ratio(exact: Any) -> tuple[int, int]:
    """Return numerator and positive denominator, not always in lowest terms."""
    if hasattr(exact, "man_exp"):
        return _from_dyadic(exact)
    if isinstance(exact, float | np.floating):
        if not np.isfinite(exact):
            raise ValueError(f"expected a finite number, got {exact!r}")
        return float(exact).as_integer_ratio()
    if isinstance(exact, Fraction):
        return exact.numerator, exact.denominator
    if hasattr(exact, "p") and hasattr(exact, "q"):
        return int(exact.p), int(exact.q)
    return int(exact), 1


def _from_dyadic(ball: Any) -> tuple[int, int]:
    """Return the midpoint `man * 2**exp` of an arb or mpf, held within 2**±FARTHEST."""
    centre = ball.mid() if hasattr(ball, "mid") else ball
    pair = centre.man_exp
    man, exp = (int(part) for part in (pair() if callable(pair) else pair))
    if man == 0:
        return 0, 1
    man = -abs(man) if centre < 0 else abs(man)  # mpmath keeps the sign apart
    top = man.bit_length() + exp
    if abs(top) > FARTHEST:
        man, exp = (1 if man > 0 else -1), (FARTHEST if top > 0 else -FARTHEST)
    return (man << exp, 1) if exp >= 0 else (man, 1 << -exp)


def exponent(exact: Any) -> int:
    """Return floor(log2 |x|) of an exact number other than 0.

    >>> exponent(Fraction(1, 3)), exponent(8), exponent(7)
    (-2, 3, 2)
    """
    top, bottom = _ratio(exact)
    if top == 0:
        raise ValueError("0 has no exponent")
    return _exponent(abs(top), bottom)


def _exponent(top: int, bottom: int) -> int:
    guess = top.bit_length() - bottom.bit_length()
    reached = top << -guess >= bottom if guess < 0 else top >= bottom << guess
    return guess if reached else guess - 1


def _step(top: int, bottom: int, fmt: Format) -> int:
    """Return k where neighbours of the format around the ratio are 2**k apart."""
    e = fmt.emin if top == 0 else min(max(_exponent(abs(top), bottom), fmt.emin), fmt.emax)
    return e - fmt.digits + 1


def ulp(exact: Any, fmt: Format) -> float:
    """Return the gap between neighbouring floats at the scale of x (always a power of two, never 0).

    At a power of two it is the larger, outer gap. Beyond the largest float it stays what it is there.

    >>> ulp(1, FLOAT64) == 2.0**-52, ulp(0, FLOAT32) == 2.0**-149
    (True, True)
    """
    return math.ldexp(1.0, _step(*_ratio(exact), fmt))


def round_to(exact: Any, fmt: Format) -> float:
    """Return the float of this format nearest to an exact number, ties to even; ±inf beyond the range.

    >>> round_to(Fraction(1, 3), FLOAT32) == float(np.float32(1 / 3))
    True
    >>> round_to(2**128, FLOAT32)
    inf
    """
    top, bottom = _ratio(exact)
    k = _step(top, bottom, fmt)
    steps = _nearest_even(abs(top) << max(-k, 0), bottom << max(k, 0))
    beyond = steps >= 1 << fmt.digits and k + fmt.digits > fmt.emax
    return math.copysign(math.inf if beyond else math.ldexp(float(steps), k), -1.0 if top < 0 else 1.0)


def _nearest_even(top: int, bottom: int) -> int:
    """Divide natural numbers, rounding to the nearest, ties to even."""
    whole, rest = divmod(top, bottom)
    return whole + (2 * rest > bottom or (2 * rest == bottom and whole % 2 == 1))


def round_ball(ball: Any, fmt: Format) -> float | None:
    """Return the float to which every number of a ball rounds, or None where the ball does not decide.

    `ball` is a python-flint `arb`. A ball that is not finite decides nothing.

    >>> from flint import arb
    >>> round_ball(arb(1) / 3, FLOAT32) == float(np.float32(1 / 3))
    True
    >>> round_ball(arb(0, 1), FLOAT32) is None
    True
    """
    if not ball.is_finite():
        return None
    low, high = round_to(ball.lower(), fmt), round_to(ball.upper(), fmt)
    return low if low == high else None


def error_in_ulp(computed: float, exact: Any, fmt: Format, scale: Any = None) -> float:
    """Return |computed - exact| in units of one ulp at `scale` (at `exact` where none is given).

    The radius of a ball counts as error, so the answer is an upper bound. NaN is infinitely wrong; so is an infinity,
    unless the exact number rounds to it, where the error is 0.

    >>> error_in_ulp(1.0 + 2**-52, 1, FLOAT64)
    1.0
    >>> error_in_ulp(math.inf, 1, FLOAT64)
    inf
    """
    number = float(computed)
    if math.isnan(number):
        return math.inf
    if math.isinf(number):
        return 0.0 if round_to(exact, fmt) == number else math.inf
    radius = as_fraction(exact.rad()) if hasattr(exact, "rad") else Fraction(0)
    distance = abs(Fraction(number) - as_fraction(exact)) + radius
    units = distance / Fraction(ulp(exact if scale is None else scale, fmt))
    try:
        return float(units)
    except OverflowError:
        return math.inf


# Bits ----------------------------------------------------------------------------------------------------------


def ordinals(values: ArrayLike, fmt: Format) -> NDArray[np.int64]:
    """Number the floats in order: neighbours differ by 1, and both zeros are 0.

    >>> ordinals([-0.0, 0.0, 1e-45, -1e-45], FLOAT32).tolist()
    [0, 0, 1, -1]
    """
    bits = np.atleast_1d(np.asarray(values, dtype=fmt.dtype)).view(fmt.bits_dtype).astype(np.int64)
    lowest = np.int64(np.iinfo(fmt.bits_dtype).min)
    return np.where(bits < 0, lowest - bits, bits).reshape(np.shape(values))


def from_ordinals(numbers: ArrayLike, fmt: Format) -> NDArray[Any]:
    """Return the floats with these ordinals, the inverse of `ordinals`.

    >>> from_ordinals(ordinals([1.0], FLOAT64) + 1, FLOAT64).item() == 1 + 2**-52
    True
    """
    n = np.asarray(numbers, dtype=np.int64)
    lowest = np.int64(np.iinfo(fmt.bits_dtype).min)
    bits = np.atleast_1d(np.where(n < 0, lowest - n, n)).astype(fmt.bits_dtype)
    return bits.view(fmt.dtype).reshape(n.shape)


def neighbour(x: float, fmt: Format, steps: int = 1) -> float:
    """Return the float that lies `steps` floats above x (below, where negative), never past the largest finite.

    >>> neighbour(0.0, FLOAT64) == 5e-324, neighbour(FLOAT32.largest, FLOAT32) == FLOAT32.largest
    (True, True)
    """
    most = int(ordinals(fmt.largest, fmt))
    return float(from_ordinals(min(max(int(ordinals(x, fmt)) + steps, -most), most), fmt))
