"""What kernels over rows of classes call besides arithmetic: tiles of rows, reductions over classes, and their exponential.

Comes in: arrays and lanes inside a Numba kernel. Goes out: lanes, or filled arrays. A tile holds some rows turned, so
that a class of all of them lies side by side, shape (classes, rows).
"""

from __future__ import annotations

import numpy as np

from lossmith.emit.vectormath32 import LN2_HI, LN2_LO, LOG2_E, ONE, SHIFT
from lossmith.emit.vectormath64 import exp_dw_f64
from lossmith.emit.vectormath_lanes import turn_in, turn_out
from lossmith.emit.vectormath_words import Word, bits, fma, from_bits, inlined, magnitude, opaque, select, two_sum

FLOOR = np.float32(-105.0)
DOWN = np.float32(2.0**-64)

# exp(r) = 1 + r + r*r*(C0 + C1*r + ...) for |r| <= ln2/2: minimax of degree 4, error 2**-27.8
C0, C1, C2 = np.float32(0.4999999403953552), np.float32(0.1666651964187622), np.float32(0.041668400168418884)
C3, C4 = np.float32(0.00836885068565607), np.float32(0.0013814312405884266)


@inlined
def chunk_rows(n: Word, chunks: Word, unit: Word) -> Word:
    """Rows of a chunk, a whole number of tiles, so that this many chunks hold all rows (the last ones may be empty)."""
    rows = (n + chunks - 1) // max(1, chunks)
    return max(1, (rows + unit - 1) // unit) * unit


@inlined
def fill(spare: Word, rows: Word, i: Word, count: Word) -> None:
    """Copy rows from i on to a spare array; the first stands for those beyond `count`."""
    for r in range(spare.shape[0]):
        spare[r] = rows[i + (r if r < count else 0)]


@inlined
def spill(rows: Word, i: Word, count: Word, spare: Word) -> None:
    """Copy the first `count` numbers of a spare array to rows from i on."""
    for r in range(count):
        rows[i + r] = spare[r]


@inlined
def tile_in(rows: Word, i: Word, count: Word, tile: Word) -> None:
    """Turn rows from i on into a tile; the first stands for those beyond `count`."""
    classes = tile.shape[0]
    if count == tile.shape[1] and classes >= 4:
        for lane in range(0, count, 8):
            start = (i + lane) * classes
            for k in range(0, classes & -4, 4):
                turn_in(rows, start + k, tile, k, lane)
            if classes & 3:  # the last four, some of them again
                turn_in(rows, start + classes - 4, tile, classes - 4, lane)
        return
    for r in range(tile.shape[1]):
        for k in range(classes):
            tile[k, r] = rows[i + (r if r < count else 0), k]


@inlined
def tile_out(tile: Word, rows: Word, i: Word, count: Word) -> None:
    """Turn a tile back into rows from i on."""
    classes = tile.shape[0]
    if count == tile.shape[1] and classes >= 4:
        for lane in range(0, count, 8):
            start = (i + lane) * classes
            for k in range(0, classes & -4, 4):
                turn_out(tile, k, lane, rows, start + k)
            if classes & 3:
                turn_out(tile, classes - 4, lane, rows, start + classes - 4)
        return
    for r in range(count):
        for k in range(classes):
            rows[i + r, k] = tile[k, r]


@inlined
def tail_in(rows: Word, i: Word, start: Word, tail: Word) -> None:
    """Copy the last classes of a row, from `start` on, to a vector; what lies beyond them is not touched."""
    for k in range(start, rows.shape[1]):
        tail[k - start] = rows[i, k]


@inlined
def tail_out(tail: Word, rows: Word, i: Word, start: Word) -> None:
    """Copy a vector back to the last classes of a row."""
    for k in range(start, rows.shape[1]):
        rows[i, k] = tail[k - start]


@inlined
def grown(total: Word, rest: Word, term: Word) -> tuple[Word, Word]:
    """A sum of terms of one sign with what it has lost (Dekker 1971): exact where the sum is the larger, and the rare
    larger term, after which the sum has doubled, loses at most its last digit."""
    after = total + term
    return after, rest + (term - (after - total))


@inlined
def fall_parts(x: Word, top: Word) -> tuple[Word, Word]:
    """`(r, step)`: e**(x - top) = e**r * step in float32 for x <= top, the difference in two words; 0 below e**-105.

    Apart from `fall_of`, in a loop of its own: a processor overlaps short chains of operations, not one twice as long.
    """
    hi, lo = two_sum(x, -top)
    low = hi < opaque(FLOOR)
    hi, lo = select(low, opaque(FLOOR), hi), select(low, np.float32(0.0), lo)
    t = fma(hi, opaque(LOG2_E), opaque(SHIFT))
    k = t - opaque(SHIFT)
    r = fma(-k, opaque(LN2_HI), hi) + fma(-k, opaque(LN2_LO), lo)
    return r, from_bits((bits(t) + (127 + 64)) << 23) * opaque(DOWN)  # 2**k, by way of a number that is normal


@inlined
def fall_of(r: Word, step: Word) -> Word:
    """e**r * step, rounded once where it is subnormal."""
    r2 = r * r
    q = fma(fma(opaque(C4), r2, fma(opaque(C3), r, opaque(C2))), r2, fma(opaque(C1), r, opaque(C0)))
    return (opaque(ONE) + fma(r2, q, r)) * step


@inlined
def exp_sum(a: Word, b: Word) -> Word:
    """e**(a + b), the sum in two words."""
    hi, lo = two_sum(a, b)
    return exp_dw_f64(hi, select(magnitude(hi) < 1e4, lo, 0.0))
