"""What an error costs as a curve of straight pieces: points come in, a frozen record and its formulas go out.

The error is x = prediction - truth. Between the points the curve is straight, outside them the end slopes go on.

Source: a curve is a sum of ramps, and the expected slope of a ramp is a share of the targets; so the least expected cost
lies at a quantile of the target plus a random shift (Koenker and Bassett 1978, for one ramp to each side of 0).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import pairwise
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lossmith import maths as ls
from lossmith.errors import ArgumentError
from lossmith.formula.node import Node, constant

Floats = NDArray[np.float64]
Points: TypeAlias = tuple[tuple[float, float], ...]
STRAIGHT: Final = 1e-12  # slopes nearer than this, relative to their sizes, differ by the rounding of the points only
AT_CORNER: Final = math.log(2.0)  # how far a rounded ramp of slope 1 and width 1 lies above the ramp, at its corner
MOST: Final = 64
ADVICE: Final = "Write (error, cost) pairs, as in points=[(-10, 50), (0, 0), (5, 100)]; error is prediction - truth."


@dataclass(frozen=True)
class Piece:
    """A straight piece, told from its cheaper end: `cost + slope * (x - at)`, of two parts that are never below 0."""

    at: float
    cost: float
    slope: float


@dataclass(frozen=True)
class Corner:
    """A place where the slope changes: what the error there costs, and by how much the slope rises."""

    at: float
    cost: float
    bend: float


@dataclass(frozen=True)
class CostCurve:
    """An error of x = prediction - truth costs what the straight lines through `points` say, times `column`.

    Raises `ArgumentError` LM247 where the points are no such curve, or leave nothing to aim at.

    >>> curve = CostCurve(((-10, 50), (0, 0), (5, 100)))
    >>> curve.under, curve.over, curve.is_convex
    (5.0, 20.0, True)
    """

    points: Points
    column: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "points", _checked(self.points))
        _check_ends(self)

    @property
    def bent(self) -> Points:
        """The points without those on a straight line with their neighbours."""
        kept = list(self.points[:2])
        for point in self.points[2:]:
            before, after = _slope(kept[-2], kept[-1]), _slope(kept[-1], point)
            if abs(after - before) <= STRAIGHT * (abs(after) + abs(before)):
                kept.pop()
            kept.append(point)
        return tuple(kept)

    @property
    def pieces(self) -> tuple[Piece, ...]:
        """The straight pieces from left to right."""
        return tuple(
            Piece(*((a, c) if c <= d else (b, d)), _slope((a, c), (b, d))) for (a, c), (b, d) in pairwise(self.bent)
        )

    @property
    def corners(self) -> tuple[Corner, ...]:
        """The corners from left to right; number i stands between the pieces i and i + 1."""
        bends = [right.slope - left.slope for left, right in pairwise(self.pieces)]
        return tuple(Corner(at, cost, bend) for (at, cost), bend in zip(self.bent[1:-1], bends, strict=True))

    @property
    def under(self) -> float:
        """What one unit lower costs, far below the truth."""
        return 0.0 - self.pieces[0].slope

    @property
    def over(self) -> float:
        """What one unit higher costs, far above the truth."""
        return self.pieces[-1].slope

    @property
    def is_convex(self) -> bool:
        """Whether the slope never falls from left to right."""
        return all(corner.bend > 0 for corner in self.corners)

    @property
    def cheapest(self) -> Corner:
        """The first corner of least cost."""
        return min(self.corners, key=lambda corner: corner.cost)

    @property
    def shifts(self) -> tuple[tuple[float, float], ...]:
        """For each corner where it lies, and its part of all that bends upwards; of a convex curve a share.

        The expected slope at a prediction z is -under + sum of bend * P(target < z - corner). It is 0 where the shares
        of targets below z - corner, so weighted, add up to `level`: at this quantile of the target plus such a shift.
        """
        return tuple((corner.at, corner.bend / self._upwards) for corner in self.corners)

    @property
    def level(self) -> float:
        """The quantile of the shifted target that is cheapest: of a convex curve under / (under + over)."""
        return self.under / self._upwards

    @property
    def _upwards(self) -> float:
        return sum(corner.bend for corner in self.corners if corner.bend > 0)

    @property
    def excess(self) -> tuple[float, float]:
        """How far the rounded curve may lie below and above this one, for each unit of width."""
        bends = [corner.bend for corner in self.corners]
        below, above = (sum((b for b in bends if b * sign > 0), 0.0) for sign in (-1, 1))
        return AT_CORNER * below, AT_CORNER * above

    @property
    def narrowest(self) -> float:
        """The shortest way from one point to the next."""
        return min(b - a for (a, _), (b, _) in pairwise(self.bent))

    def cost(self, error: ArrayLike) -> Floats:
        """Return what errors cost, without `column`.

        >>> CostCurve(((-10, 50), (0, 0), (5, 100))).cost([-2.0, 0.0, 1.0]).tolist()
        [10.0, 0.0, 20.0]
        """
        x = np.asarray(error, dtype=np.float64)
        place = np.searchsorted([corner.at for corner in self.corners], x, side="right")
        at, cost, slope = np.array([(p.at, p.cost, p.slope) for p in self.pieces]).T
        return np.asarray(cost[place] + slope[place] * (x - at[place]))


def _slope(left: tuple[float, float], right: tuple[float, float]) -> float:
    return (right[1] - left[1]) / (right[0] - left[0])


# From the user's points -------------------------------------------------------------------------------------------


def _checked(points: Any) -> Points:
    """The points as pairs of numbers, or the reason why they are none."""
    try:
        pairs = tuple((float(x), float(cost)) for x, cost in points)
    except (TypeError, ValueError):
        raise ArgumentError("LM247", f"the points of a curve of costs must be pairs of numbers. {ADVICE}") from None
    if not 3 <= len(pairs) <= MOST:
        raise ArgumentError(
            "LM247",
            f"a curve of costs needs from 3 to {MOST} points (the cheapest error and one on each side of it, at least), "
            f"found {len(pairs)}. {ADVICE}",
        )
    for x, cost in pairs:
        if not (math.isfinite(x) and math.isfinite(cost)):
            raise ArgumentError("LM247", f"the points of a curve of costs must be finite, found ({x:g}, {cost:g}).")
        if cost < 0:
            raise ArgumentError(
                "LM247",
                f"a cost must not be below 0, found {cost:g} for an error of {x:g}. Add the same number to all costs: "
                "only their differences decide.",
            )
    _check_order(pairs)
    return pairs


def _check_order(pairs: Points) -> None:
    for (a, cost_a), (b, cost_b) in pairwise(pairs):
        if a == b:
            raise ArgumentError("LM247", f"two points of the curve of costs have the same error {a:g}. Keep one.")
        if a > b:
            raise ArgumentError(
                "LM247", f"the errors of the points must rise, but {a:g} stands before {b:g}. Sort them."
            )
        if not math.isfinite(_slope((a, cost_a), (b, cost_b))):
            raise ArgumentError("LM247", f"between the errors {a!r} and {b!r} the cost is too steep for a number.")
    if len({cost for _, cost in pairs}) == 1:
        raise ArgumentError("LM247", f"every error costs the same ({pairs[0][1]:g}), so nothing is worth aiming at.")


def _check_ends(curve: CostCurve) -> None:
    """Far out on both sides the cost must lie above the least one: else predictions would run away."""
    (first, start), (last, end) = curve.points[0], curve.points[-1]
    least = min(cost for _, cost in curve.points)
    for side, at, cost, outward in (("below", first, start, curve.under), ("above", last, end, curve.over)):
        if outward < 0:
            raise ArgumentError(
                "LM247",
                f"{side} an error of {at:g} the cost falls for ever, as its end slope goes on. Add a point further "
                f"{side} it, where the cost rises again.",
            )
        if outward == 0 and cost == least:
            raise ArgumentError(
                "LM247",
                f"{side} an error of {at:g} every error costs the least ({least:g}), so that predictions would run away. "
                f"Add a point further {side} it, with what such an error costs.",
            )


# As formulas ------------------------------------------------------------------------------------------------------


def exact(curve: CostCurve, error: Node) -> Node:
    """The curve as a formula of the error; at a corner the slope is that of the right side.

    >>> from lossmith.formula.node import symbol
    >>> from lossmith.formula.text import to_text
    >>> to_text(exact(CostCurve(((-10, 50), (0, 0), (5, 100))), symbol("x", "column", ["example"])))
    'where(x < 0, -5 * x, 20 * x)'
    """
    pieces, corners = curve.pieces, curve.corners

    def among(first: int, last: int) -> Node:
        if first == last:
            return _line(pieces[first], error)
        middle = (first + last) // 2
        return ls.where(error < corners[middle].at, among(first, middle), among(middle + 1, last))

    return among(0, len(corners))


def rounded(curve: CostCurve, error: Node, width: Node) -> Node:
    """The curve with its corners rounded over about `width`: smooth, and the curve itself as width goes to 0.

    Each corner's ramp becomes bend * width * softplus((x - corner) / width), which lies above it by at most
    bend * width * log(2), at the corner. A convex curve is a sum of such ramps, none of them below 0, to both sides of
    its cheapest corner; another is the curve itself and what rounding adds at each corner, bend * width *
    softplus(-|x - corner| / width), so that no two large terms cancel and the tails are exact.
    """
    if curve.is_convex:
        return _sum([constant(curve.cheapest.cost), *_ramps(curve, error, width)])
    return _sum([exact(curve, error), *(_added(corner, error, width) for corner in curve.corners)])


def _line(piece: Piece, error: Node) -> Node:
    rising = piece.slope * _from(piece.at, error)  # also where the slope is 0: a NaN must stay one
    return rising if piece.cost == 0 else piece.cost + rising


def _from(at: float, error: Node) -> Node:
    if at == 0:
        return error
    return error - at if at > 0 else error + -at


def _added(corner: Corner, error: Node, width: Node) -> Node:
    """What rounding a corner adds to the curve: the ramp that falls away from it to both sides."""
    distance = _from(corner.at, error)
    return ramp(constant(corner.bend), ls.where(error < corner.at, distance, -distance), width)


def ramp(slope: Node, distance: Node, width: Node) -> Node:
    """A ramp that rises with a distance above 0, its corner rounded."""
    return slope * (width * ls.softplus(distance / width))


def _ramps(curve: CostCurve, error: Node, width: Node) -> list[Node]:
    """The ramps to both sides of the cheapest corner, whose slopes there are those of its two pieces."""
    middle = curve.corners.index(curve.cheapest)
    left, right = -curve.pieces[middle].slope, curve.pieces[middle + 1].slope
    slopes = [(c, c.bend, 0.0) for c in curve.corners[:middle]]
    slopes += [(curve.cheapest, left, right), *((c, 0.0, c.bend) for c in curve.corners[middle + 1 :])]
    sides: tuple[Callable[[Node], Node], Callable[[Node], Node]] = (lambda d: -d, lambda d: d)
    return [
        ramp(constant(slope), side(_from(corner.at, error)), width)
        for corner, *both in slopes
        for slope, side in zip(both, sides, strict=True)
        if slope
    ]


def _sum(terms: Sequence[Node]) -> Node:
    kept = [term for term in terms if term is not constant(0.0)]
    return reduce(lambda a, b: a + b, kept)
