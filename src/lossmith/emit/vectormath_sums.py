"""The sum of a chunk with its error: eight partial sums side by side, each in two words.

Comes in: lanes of terms, or an array of them, float32 or float64, inside a Numba kernel. Goes out: about 106 bits of
their sum. An infinite or NaN term gives (that, 0), so that merging sums does not turn infinity into NaN.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba.extending import intrinsic

from lossmith.emit.vectormath64 import INF
from lossmith.emit.vectormath_lanes import as_f64, lanes_at, put_lanes
from lossmith.emit.vectormath_words import Lanes, Word, inlined, magnitude, select, two_sum

PART = 8


@intrinsic(prefer_literal=True)  # type: ignore[untyped-decorator]
def part_of(typing: Any, lanes: Any, start: Any, count: Any) -> Any:
    """Some of the lanes, side by side."""
    kind = Lanes(lanes.element, count.literal_value)
    order = list(range(start.literal_value, start.literal_value + kind.count))

    def code(context: Any, builder: Any, sig: Any, values: Any) -> Any:
        places = ir.Constant(ir.VectorType(ir.IntType(32), kind.count), order)
        return builder.shuffle_vector(values[0], values[0], places)

    return kind(lanes, start, count), code


@inlined
def no_terms() -> tuple[Word, Word]:
    """The partial sums before the first term."""
    return as_f64(0.0, PART), as_f64(0.0, PART)


@inlined
def with_terms(high: Word, low: Word, terms: Word) -> tuple[Word, Word]:
    """The partial sums with a term more in each."""
    high, lost = two_sum(high, as_f64(terms, PART))
    return high, low + lost


@inlined
def with_short_terms(high: Word, low: Word, terms: Word) -> tuple[Word, Word]:
    """The partial sums with a float32 term more in each (Dekker 1971): exact where the sum is the larger, or less than
    2**29 times smaller; else it loses its last digit."""
    terms = as_f64(terms, PART)
    total = high + terms
    return total, low + (terms - (total - high))


@inlined
def close_sum(high: Word, low: Word, rest: Word, n: Word, lanes: Word, sums: Word, c: Word) -> None:
    """Write the partial sums and the first `n` terms of an array as one sum to `sums[c]`; `lanes` is scratch."""
    put_lanes(lanes, 0, high)
    put_lanes(lanes, PART, low)
    plain, hi, lo = 0.0, 0.0, 0.0
    for j in range(PART):
        plain += lanes[j]
        hi, lost = two_sum(hi, lanes[j])
        lo += lost + lanes[PART + j]
    for j in range(n):
        term = float(rest[j])
        plain += term
        hi, lost = two_sum(hi, term)
        lo += lost
    hi, lo = two_sum(hi, lo)
    finite = magnitude(hi) < INF
    sums[c, 0] = select(finite, hi, plain)
    sums[c, 1] = select(finite, lo, 0.0)


@inlined
def add_up(values: Word, n: Word, lanes: Word, sums: Word, c: Word) -> None:
    """Write the sum of `values[:n]` to `sums[c]` as (hi, lo); `lanes` is scratch of length 16."""
    high, low = no_terms()
    whole = n // PART * PART
    for i in range(0, whole, PART):
        high, low = with_terms(high, low, lanes_at(values, i, PART))
    close_sum(high, low, values[whole:n], n - whole, lanes, sums, c)
