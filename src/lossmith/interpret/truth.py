"""The truth: balls at doubling precision, until each number rounds to one float of a format.

Comes in: nodes, values of their leaves, a format. Goes out: `Truth` per node: balls, rounded floats, which are decided.
What is still undecided at the last precision is marked, never guessed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lossmith.formula.node import Node, walk
from lossmith.interpret.balls import BALLS
from lossmith.interpret.evaluate import interpret
from lossmith.interpret.systems import Array
from lossmith.numerics.formats import Format, round_ball

FIRST_PRECISION: Final = 128
LAST_PRECISION: Final = 20_000
_INFINITY: Final = float("inf")


@dataclass(frozen=True)
class Truth:
    """What a node is: `balls` that contain it, the floats they `rounded` to (NaN where undecided), and which did."""

    balls: Array
    rounded: NDArray[np.float64]
    decided: NDArray[np.bool_]

    def spread(self, shape: tuple[int, ...]) -> Truth:
        """The same numbers for every row and class of a larger shape."""
        return Truth(*(np.broadcast_to(part, shape) for part in (self.balls, self.rounded, self.decided)))


def row_wise(*roots: Node) -> bool:
    """Whether each row of the results depends on the same row of the leaves only."""
    return not any(n.op.startswith("example_") or n.attr == "group" for n in walk(*roots))


def pole(ball: Any) -> float | None:
    """An infinity, where the number is known to be one; None for a ball without an end, or for no number at all."""
    known = not ball.is_nan() and not ball.mid().is_finite() and ball.rad().is_finite()
    return (_INFINITY if ball.mid() > 0 else -_INFINITY) if known else None


def round_number(ball: Any, fmt: Format) -> float | None:
    """The float to which a ball rounds; infinities round to themselves; None where the ball does not decide."""
    return pole(ball) if not ball.is_finite() else round_ball(ball, fmt)


def _rounded(balls: Array, fmt: Format) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    found = [round_number(ball, fmt) for ball in balls.ravel()]
    numbers = np.array([np.nan if number is None else number for number in found], dtype=np.float64)
    decided = np.array([number is not None for number in found], dtype=np.bool_)
    return numbers.reshape(balls.shape), decided.reshape(balls.shape)


def _empty(root: Node, balls: Array, rows: int) -> Truth:
    shape = (rows if "example" in root.axes else balls.shape[0], balls.shape[1])
    return Truth(np.empty(shape, dtype=object), np.full(shape, np.nan), np.zeros(shape, dtype=np.bool_))


def _example_rows(values: Mapping[Node, Any]) -> int:
    return max((np.shape(v)[0] for leaf, v in values.items() if "example" in leaf.axes and np.shape(v)), default=1)


def _picked(values: Mapping[Node, Any], rows: NDArray[np.intp], total: int) -> dict[Node, Any]:
    def part(leaf: Node, value: Any) -> Any:
        whole = "example" in leaf.axes and np.shape(value) and np.shape(value)[0] == total
        return np.asarray(value)[rows] if whole else value

    return {leaf: part(leaf, value) for leaf, value in values.items()}


def _precisions(last: int) -> list[int]:
    steps = [FIRST_PRECISION]
    while steps[-1] < last:
        steps.append(min(2 * steps[-1], last))
    return steps


def truths(
    roots: Sequence[Node],
    values: Mapping[Node, Any],
    fmt: Format,
    groups: ArrayLike | None = None,
    last_precision: int = LAST_PRECISION,
) -> list[Truth]:
    """The exact numbers of several nodes, rounded to a format; only what is undecided is computed again, more finely.

    `values` maps leaves to floats, taken as exact. Shapes are those of `interpret`.
    """
    rows = _example_rows(values)
    left = np.arange(rows)
    alone = groups is None and row_wise(*roots)
    results: list[Truth] = []
    for precision in _precisions(last_precision):
        part = _picked(values, left, rows) if alone else values
        found = interpret(roots, part, BALLS(precision), groups)
        if not results:
            results = [_empty(root, balls, rows) for root, balls in zip(roots, found, strict=True)]
        with BALLS(precision).context():  # the ends of a ball, too, are numbers of so many bits
            for root, balls, result in zip(roots, found, results, strict=True):
                _store(root, balls, result, left, fmt)
        if all(r.decided.all() for r in results):
            break
        left = np.flatnonzero(_undecided_rows(results, rows)) if alone else left
    return results


def _undecided_rows(results: list[Truth], rows: int) -> NDArray[np.bool_]:
    """Rows in which any result is undecided; a result without rows of its own counts for every row."""
    missing = [np.broadcast_to(~r.decided.all(axis=1), rows) for r in results]
    return np.asarray(np.any(missing, axis=0))


def _store(root: Node, balls: Array, result: Truth, rows: NDArray[np.intp], fmt: Format) -> None:
    numbers, decided = _rounded(balls, fmt)
    where = rows if "example" in root.axes else np.arange(result.balls.shape[0])
    shape = (where.size, result.balls.shape[1])
    for target, source in ((result.balls, balls), (result.rounded, numbers), (result.decided, decided)):
        target[where] = np.broadcast_to(source, shape)


def truth(root: Node, values: Mapping[Node, Any], fmt: Format, groups: ArrayLike | None = None) -> Truth:
    """The exact numbers of one node, rounded to a format.

    >>> from lossmith.formula.node import constant, make
    >>> from lossmith.numerics.formats import FLOAT64
    >>> truth(make("softplus", constant(-745.0)), {}, FLOAT64).rounded.tolist()
    [[5e-324]]
    """
    return truths([root], values, fmt, groups)[0]
