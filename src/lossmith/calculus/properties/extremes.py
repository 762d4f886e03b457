"""How large and how small a formula gets: rigorous bounds by splitting boxes, and the best point that was seen.

Comes in: a formula of the raw prediction (and free leaves), breaks at which it may jump. Goes out: `Extremes`.
Far out, where plain ranges say nothing of a quotient of two large numbers, both are measured in powers of the prediction
(`tails`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lossmith.calculus.properties.cases import Case
from lossmith.calculus.properties.ends import LARGEST
from lossmith.calculus.properties.pieces import local
from lossmith.calculus.properties.ranges import RANGES, Range, range_of, ranges
from lossmith.calculus.properties.tails import tail_range
from lossmith.errors import UnsupportedError
from lossmith.formula.node import Node, walk
from lossmith.interpret import NUMPY, interpret
from lossmith.numerics.interval import Interval

Floats = NDArray[np.float64]

ROUNDS: Final = 18
FIRST: Final = 24  # equal boxes to begin with
MOST_BOXES: Final = 800
CLOSE: Final = 2.0**-24
FAR: Final = 8.0

# Bounds of one piece: low, high, whether above 0 throughout, whether defined throughout, least and most seen.
Bounds: TypeAlias = tuple[float, float, bool, bool, float, float]


@dataclass(frozen=True)
class Extremes:
    """`low <= formula <= high` is proved; `least` and `most` were seen (at `least_at`, `most_at`).

    `positive`: it is proved to be above 0 everywhere but at breaks; `zero`: a piece on which it is 0 throughout.
    """

    low: float
    high: float
    least: float
    most: float
    least_at: float
    most_at: float
    positive: bool
    defined: bool
    zero: tuple[float, float] | None = None


def splits(image: Interval, breaks: Sequence[float]) -> list[float]:
    """Where the line is cut: at breaks, at 0, and at borders beyond which tails are looked at as a whole."""
    far = max([FAR, *(4 * abs(b) for b in breaks)])
    cuts = {*breaks, 0.0, -far, far, -1.0, 1.0, image.low, image.high}
    return sorted(c for c in cuts if image.low <= c <= image.high)


def extremes(
    case: Case, root: Node, slope: Node | None, breaks: Sequence[float], *, only_sign: bool = False
) -> Extremes | None:
    """Bounds of a formula over the whole domain but the breaks; None where it has no range.

    `slope` is its derivative, which sharpens the bounds (but where a part is held fixed). `only_sign`: no sharper than
    shows whether it is below 0.
    """
    try:
        if case.free:
            return _several(case, root)
        held = any(node.op == "stop_gradient" for node in walk(root))
        return _one(case, root, None if only_sign or held else slope, breaks, only_sign)
    except UnsupportedError:
        return None


# One variable ---------------------------------------------------------------------------------------------------------


def _boxes(case: Case, low: Floats, high: Floats, cuts: Floats) -> dict[Node, Range]:
    """Boxes that are open at cuts: 0 is one of these, so that a box beside it does not hold it."""
    beside_zero = ((low == 0) | (high == 0)) & np.isin(0.0, cuts)
    return {case.raw: range_of(low, high, beside_zero)}


def _level(cuts: Sequence[float], is_zero: Sequence[bool], breaks: Sequence[float]) -> tuple[float, float] | None:
    """The first stretch from break to break, or less, on which a formula is 0 throughout; None where there is none."""
    first = next((k for k, zero in enumerate(is_zero) if zero), None)
    if first is None:
        return None
    last = first
    while last + 1 < len(is_zero) and is_zero[last + 1] and cuts[last + 1] not in breaks:
        last += 1
    return float(cuts[first]), float(cuts[last + 1])


def _one(case: Case, root: Node, slope: Node | None, breaks: Sequence[float], only_sign: bool) -> Extremes:
    cuts = splits(case.image, breaks)
    low, high = np.array(cuts[:-1]), np.array(cuts[1:])
    seen = _seen(case, root, cuts)
    known = (math.inf, -math.inf) if only_sign else _reached(case, root, seen)
    found = [_piece(case, root, slope, low[k : k + 1], high[k : k + 1], known, only_sign) for k in range(len(low))]
    zero = _level(cuts, [f[0] == f[1] == 0 for f in found], breaks)
    values = seen[1]
    i, j = int(np.argmin(values)), int(np.argmax(values))
    return Extremes(
        min(f[0] for f in found), max(f[1] for f in found),
        min(float(values[i]), *(f[4] for f in found)), max(float(values[j]), *(f[5] for f in found)),
        float(seen[0][i]), float(seen[0][j]), all(f[2] for f in found), all(f[3] for f in found), zero,
    )  # fmt: skip


def _piece(
    case: Case, root: Node, slope: Node | None, low: Floats, high: Floats, known: tuple[float, float], only_sign: bool
) -> Bounds:
    """Bounds on one piece, from the formula as it reads there, no sharper than what is reached elsewhere asks for."""
    point = float(_middles(low, high)[0])
    here = None if slope is None else local(slope, case.raw, point)
    return _bounded(case, local(root, case.raw, point), here, low, high, known, only_sign)


def _reached(case: Case, root: Node, seen: tuple[Floats, Floats]) -> tuple[float, float]:
    """A number that the formula is not above somewhere, and one that it is not below somewhere, both proved."""
    order = np.argsort(seen[1])
    points = seen[0][np.unique(np.concatenate([order[:4], order[-4:]]))]
    at = ranges([root], {case.raw: range_of(points, points)})[0]
    sound = _spread(at, points)
    return min(sound.high[sound.defined], default=math.inf), max(sound.low[sound.defined], default=-math.inf)


def _seen(case: Case, root: Node, cuts: list[float]) -> tuple[Floats, Floats]:
    """Values at many points that are no cuts."""
    far = np.concatenate([np.geomspace(1e-8, 1e12, 61), np.linspace(0.05, 12.0, 240)])
    middle = [(a + b) / 2 for a, b in pairwise(cuts[1:-1])]
    beside = [c + s * 2.0**-k * max(1.0, abs(c)) for c in cuts[1:-1] for k in (26, 40) for s in (-1, 1)]
    points = np.unique(np.concatenate([-far, far, middle, beside]))
    points = points[(points > case.image.low) & (points < case.image.high)]
    points = points[~np.isin(points, cuts)]
    values = case.values(root, points)
    kept = np.isfinite(values)
    return (points[kept], values[kept]) if kept.any() else (np.zeros(1), np.full(1, np.nan))


def _bounded(
    case: Case, root: Node, slope: Node | None, low: Floats, high: Floats, known: tuple[float, float], only_sign: bool
) -> Bounds:
    """Bounds on one piece, sharpened by splitting boxes until the extremes that were seen are near."""
    cuts = np.array([low[0], high[0]])
    endless = _endless(case, root, float(low[0]), float(high[0]))
    if not only_sign and np.isfinite(cuts).all():
        edges = np.concatenate([low, low + (high - low) * np.arange(1, FIRST) / FIRST, high])
        low, high = edges[:-1], edges[1:]
    (bottom, top), done_low, done_high, positive, defined = known, math.inf, -math.inf, True, True
    for round_ in range(ROUNDS):
        leaves = _boxes(case, low, high, cuts)
        r, d = (_spread(f, low) for f in ranges([root, root if slope is None else slope], leaves))
        a, b, ends = _by_slope(case, root, d if slope is not None else None, low, high, r)
        a, b, sign = _by_tail(case, root, low, high, a, b, r.positive | (a > 0))
        a, b, sign = np.maximum(a, endless.low), np.minimum(b, endless.high), sign | endless.positive
        middle = case.values(root, _middles(low, high))
        bottom, top = np.nanmin([bottom, ends[0], *middle]), np.nanmax([top, ends[1], *middle])
        near_low, near_high = _tolerance(bottom, top), _tolerance(top, bottom)
        unsure = ~(sign | (b <= 0)) & (bottom >= 0) & only_sign
        with np.errstate(invalid="ignore"):  # infinity less infinity: nothing is known there
            far = unsure & (a != b) if only_sign else (a < bottom - near_low) | (b > top + near_high)
        open_ = (far | ~r.defined) & _can_split(low, high)
        last = round_ == ROUNDS - 1 or int(open_.sum()) * 2 > MOST_BOXES or (not open_.any())
        kept = open_ & ~np.bool_(last)
        done_low, done_high = min(done_low, *a[~kept], math.inf), max(done_high, *b[~kept], -math.inf)
        positive, defined = positive and bool(sign[~kept].all()), defined and bool(r.defined[~kept].all())
        if last or (not positive and (a[~kept] == -np.inf).any() and (b[~kept] == np.inf).any()):
            done_low, done_high = min(done_low, *a), max(done_high, *b)
            return float(done_low), float(done_high), positive and bool(sign.all()), defined, float(bottom), float(top)
        middles = _middles(low[kept], high[kept])
        low, high = np.concatenate([low[kept], middles]), np.concatenate([middles, high[kept]])
    return float(done_low), float(done_high), positive, defined, float(bottom), float(top)


def _tolerance(reached: float, other: float) -> float:
    """How near a bound need come to what was reached: by its size, or by that of the other end where it is next to 0."""
    return CLOSE * max(abs(reached), min(abs(other), 1.0))


def _spread(r: Range, like: Floats) -> Range:
    """A range for each box, where the formula does not vary."""
    low, high = np.broadcast_to(r.low, like.shape), np.broadcast_to(r.high, like.shape)
    return Range(low, high, np.broadcast_to(r.away, like.shape), np.broadcast_to(r.defined, like.shape))


def _by_slope(
    case: Case, root: Node, d: Range | None, low: Floats, high: Floats, r: Range
) -> tuple[Floats, Floats, tuple[float, float]]:
    """Bounds of boxes that end, sharpened by the slope there; and how low and how high the formula gets at points.

    Where the formula rises (or falls) throughout, its ends bound it; elsewhere it is no further from its value in the
    middle than the largest slope times half the width (the mean value theorem).
    """
    ended = np.isfinite(low) & np.isfinite(high) & r.defined
    k = np.flatnonzero(ended) if d is None else np.flatnonzero(ended & d.defined)
    if d is None or not k.size:
        return r.low, r.high, (math.inf, -math.inf)
    points = np.concatenate([low[k], _middles(low, high)[k], high[k]])
    at = _spread(ranges([root], {case.raw: range_of(points, points)})[0], points)
    (a0, am, a1), (b0, bm, b1) = np.split(at.low, 3), np.split(at.high, 3)
    around = _around(range_of(am, bm), np.split(points, 3)[1], range_of(d.low[k], d.high[k]), low[k], high[k])
    rises, falls, sound = d.low[k] >= 0, d.high[k] <= 0, np.logical_and.reduce(np.split(at.defined, 3))
    a, b = np.array(r.low), np.array(r.high)
    a[k] = np.where(sound, np.maximum(a[k], np.where(rises, a0, np.where(falls, a1, around.low))), a[k])
    b[k] = np.where(sound, np.minimum(b[k], np.where(rises, b1, np.where(falls, b0, around.high))), b[k])
    ends = min(at.high[at.defined], default=math.inf), max(at.low[at.defined], default=-math.inf)
    return a, b, ends


def _around(middle: Range, at: Floats, slope: Range, low: Floats, high: Floats) -> Range:
    """What the value at a point of a box and the slope in the box say of it."""
    way = range_of(np.nextafter(low - at, -np.inf), np.nextafter(high - at, np.inf))
    return RANGES["add"](middle, RANGES["multiply"](slope, way))


def _endless(case: Case, root: Node, low: float, high: float) -> Range:
    """What is known of a whole piece that has no end; nothing of one that has."""
    if (high == math.inf and low >= 1) or (low == -math.inf and high <= -1):
        return tail_range(root, case.raw, low, high)
    return range_of(-math.inf, math.inf)


def _by_tail(
    case: Case, root: Node, low: Floats, high: Floats, a: Floats, b: Floats, sign: NDArray[np.bool_]
) -> tuple[Floats, Floats, NDArray[np.bool_]]:
    a, b, sign = a.copy(), b.copy(), sign.copy()
    for i in np.flatnonzero(np.isinf(low) | np.isinf(high)):
        if (high[i] == np.inf and low[i] >= 1) or (low[i] == -np.inf and high[i] <= -1):
            found = tail_range(root, case.raw, float(low[i]), float(high[i]))
            a[i], b[i] = max(a[i], found.low[0]), min(b[i], found.high[0])
            sign[i] |= bool(found.positive[0])
    return a, b, sign


def _middles(low: Floats, high: Floats) -> Floats:
    """Where a box is split: in the middle; an endless one, far out."""
    middle = np.where(np.isinf(low), 2 * high - 1, np.where(np.isinf(high), 2 * low + 1, low / 2 + high / 2))
    return np.clip(middle, -LARGEST, LARGEST)


def _can_split(low: Floats, high: Floats) -> NDArray[np.bool_]:
    far = (np.isinf(low) & (high < -200)) | (np.isinf(high) & (low > 200))
    middle = _middles(low, high)
    wide = np.abs(high - low) > 1e-6 * np.maximum(1.0, np.maximum(np.abs(low), np.abs(high)))
    return ~far & (middle > low) & (middle < high) & (np.isinf(low) | np.isinf(high) | wide)


# Several variables ----------------------------------------------------------------------------------------------------


def _several(case: Case, root: Node) -> Extremes:
    """Boxes over all leaves at once, cut at 0; no splitting further."""
    leaves: list[tuple[Node, Interval]] = [(case.raw, case.image), *case.free.items()]
    grids = np.meshgrid(*([0, 1] for _ in leaves), indexing="ij")
    boxes: dict[Node, Range] = {}
    for (leaf, domain), side in zip(leaves, (g.ravel() for g in grids), strict=True):
        boxes[leaf] = halves(domain, side)
    r = ranges([root], boxes)[0]
    values = _several_seen(case, root)
    least, most = (float(np.min(values)), float(np.max(values))) if values.size else (math.nan, math.nan)
    zero = (-1.0, 1.0) if (r.low == 0).all() and (r.high == 0).all() else None
    return Extremes(float(r.low.min()), float(r.high.max()), least, most, math.nan, math.nan,
                    bool(r.positive.all()), bool(r.defined.all()), zero)  # fmt: skip


def halves(domain: Interval, side: NDArray[np.int64]) -> Range:
    """For each 0 the lower half of a domain, for each 1 the upper one."""
    low, high = domain.low, domain.high
    middle = 0.0 if low < 0 < high else (1.0 if low < 1.0 < high else (low + high) / 2)
    a, b = np.where(side == 0, low, middle), np.where(side == 0, middle, high)
    return range_of(a, b, (side == 0) & (low == 0.0) & domain.low_open)


def _several_seen(case: Case, root: Node) -> Floats:
    random = np.random.default_rng(0)
    leaves: Mapping[Node, Interval] = {case.raw: case.image, **case.free}
    points = {leaf: _drawn(domain, random).reshape(-1, 1) for leaf, domain in leaves.items()}
    with np.errstate(all="ignore"):
        found = np.ravel(interpret([root], points, NUMPY)[0])
    return np.asarray(found[np.isfinite(found)], dtype=np.float64)


def _drawn(domain: Interval, random: np.random.Generator) -> Floats:
    x = random.choice([-1.0, 1.0], 2000) * 10.0 ** random.uniform(-3, 2.5, 2000)
    if math.isfinite(domain.low):
        x = domain.low + np.abs(x)
    if math.isfinite(domain.high):
        x = domain.low + random.uniform(1e-9, 1 - 1e-9, 2000) * (domain.high - domain.low)
    return np.asarray(np.floor(x) if domain.integer else x)
