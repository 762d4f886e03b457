"""The slider of the learning rate: a `Live` record comes in, what the script of the page reads goes out as data.

Numbers are packed without loss: eight bytes each, or, where few different ones stand in a column, those and a code a row.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
MOST_ROWS: Final = 2_000
MOST_CELLS: Final = 150_000
"""Rows times parameters: so much is walked again at each move of the slider."""
MOST_BYTES: Final = 110_000
"""Of packed features and targets."""


@dataclass(frozen=True, eq=False)
class Live:
    """A descent that a browser can run again: the rows as the model sees them, the start, and objects in JavaScript.

    `X` (n, p); `targets` and `extra` by name, `single`: one target named y. `classes`: outputs of a class loss, else 0.
    `low` to `high`: the rates of the slider. `edge`: 2 / largest curvature of these rows at the start; `shares`: rates that
    others are judged beside; `bends`: whether the loss has any curvature. `given`: how many rows Python's run has.
    """

    loss: str
    activation: str
    X: Floats
    targets: Mapping[str, Floats]
    single: bool
    extra: Mapping[str, Floats]
    weight: Floats | None
    classes: int
    widths: tuple[int, ...]
    intercept: bool
    start: Floats
    steps: int
    rate: float
    low: float
    high: float
    edge: float
    shares: tuple[float, ...]
    bends: bool
    given: int

    def take(self, rows: NDArray[np.int64]) -> Live:
        """Some of the rows."""
        return replace(
            self,
            X=self.X[rows],
            targets={name: part[rows] for name, part in self.targets.items()},
            extra={name: part[rows] for name, part in self.extra.items()},
            weight=None if self.weight is None else self.weight[rows],
        )


def fitting(live: Live) -> NDArray[np.int64] | None:
    """Which rows fit on a page, drawn at random but in their order; None for all."""
    rows, parameters = len(live.X), len(live.start)
    most = min(rows, MOST_ROWS, max(1, MOST_CELLS // max(parameters, 1)))
    kept = _drawn(rows, most)
    while most > 1 and (size := _size(live.take(kept))) > MOST_BYTES:
        most = max(1, int(0.97 * most * MOST_BYTES / size))
        kept = _drawn(rows, most)
    return None if len(kept) == rows else kept


def _drawn(rows: int, count: int) -> NDArray[np.int64]:
    return np.sort(np.random.default_rng(0).choice(rows, count, replace=False))


def _size(live: Live) -> int:
    parts = [*live.X.T, *(part.ravel() for part in (*live.targets.values(), *live.extra.values()))]
    return sum(len(str(packed(part))) for part in parts)


def packed(values: Any) -> dict[str, Any]:
    """Numbers as text: their bytes, or the different ones and a code for each, whichever is shorter.

    >>> packed([1.0, 2.5])["values"], sorted(packed([0.0, 1.0] * 50))
    ('AAAAAAAA8D8AAAAAAAAEQA==', ['codes', 'values', 'wide'])
    """
    numbers = np.ascontiguousarray(np.asarray(values, dtype="<f8").ravel())
    known, codes = np.unique(numbers, return_inverse=True)
    wide = len(known) > 256
    if len(known) > 65_536 or 8 * len(known) + (1 + wide) * len(numbers) >= 8 * len(numbers):
        return {"values": _text(numbers)}
    return {"values": _text(known), "codes": _text(codes.astype("<u2" if wide else "u1")), "wide": wide}


def _text(array: NDArray[Any]) -> str:
    return base64.b64encode(array.tobytes()).decode("ascii")


def setup(live: Live, plane: Any, words: Mapping[str, str]) -> dict[str, Any]:
    """What the script reads: packed numbers, rates, and the words of verdicts."""
    drawn = plane is not None
    return {
        "columns": [packed(column) for column in live.X.T],
        "rows": len(live.X),
        "widths": list(live.widths),
        "intercept": live.intercept,
        "targets": {name: packed(part) for name, part in live.targets.items()},
        "single": live.single,
        "extra": {name: packed(part) for name, part in live.extra.items()},
        "weight": None if live.weight is None else packed(live.weight),
        "classes": live.classes,
        "start": packed(live.start),
        "steps": live.steps,
        "rate": live.rate,
        "low": live.low,
        "high": live.high,
        "edge": live.edge if np.isfinite(live.edge) else None,
        "shares": list(live.shares),
        "bends": live.bends,
        "words": dict(words),
        "plane": {"origin": packed(plane.origin), "directions": [packed(way) for way in plane.directions]}
        if drawn
        else None,
    }


def rows_said(live: Live) -> str:
    """Which rows the page runs on."""
    rows = f"{len(live.X):,} rows" if len(live.X) != 1 else "1 row"
    if len(live.X) == live.given:
        return f"the same {rows}"
    return f"{rows} drawn at random of the {live.given:,}, so that the page stays small: its losses are those of these rows"
