"""A two-layer network as a drawing: the numbers of one row's pass come in, an `<svg>` with a value and a derivative at
every unit and every arrow goes out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from lossmith.report.descent_page.record import Backprop, Quantity
from lossmith.report.pages.number import number

MOST_UNITS: Final = 4
ROW: Final = 92.0
COLUMNS: Final = (58.0, 240.0, 420.0)
RADIUS: Final = 30.0


@dataclass(frozen=True)
class Unit:
    """A circle with its name, its value and the derivative of the loss by it."""

    x: float
    y: float
    name: str
    value: str
    derivative: str


@dataclass(frozen=True)
class Arrow:
    """A weight between two units."""

    x1: float
    y1: float
    x2: float
    y2: float
    name: str
    value: str
    derivative: str
    strength: float


@dataclass(frozen=True)
class Drawing:
    """What the template draws; `left_out` says what was too much for it."""

    units: tuple[Unit, ...]
    arrows: tuple[Arrow, ...]
    height: float
    left_out: str


def drawing(found: Backprop) -> Drawing:
    """Place up to four units of each layer."""
    W1, W2 = found.of("W1"), found.of("W2")
    p, h = W1.value.shape
    k = W2.value.shape[1]
    shown = [min(count, MOST_UNITS) for count in (p, h, k)]
    height = ROW * max(shown) + 20
    places = [[(COLUMNS[layer], height * (i + 0.5) / count) for i in range(count)] for layer, count in enumerate(shown)]
    inputs = [Unit(*places[0][i], f"x{i + 1}", number(found.x[0, i], 3), "") for i in range(shown[0])]
    middle = _units(places[1], "a", found.of("a1"))
    last = _units(places[2], "z", found.of("z2"))
    arrows = [
        *_arrows(places[0], places[1], W1, "W1"),
        *_arrows(places[1], places[2], W2, "W2"),
    ]
    missing = [
        f"{count - some} of {count} {what}"
        for count, some, what in zip((p, h, k), shown, ("inputs", "hidden units", "outputs"), strict=True)
        if count > some
    ]
    left_out = f"Not drawn, for want of room: {', '.join(missing)}. The numbers below hold them." if missing else ""
    return Drawing((*inputs, *middle, *last), tuple(arrows), height, left_out)


def _units(places: list[tuple[float, float]], letter: str, found: Quantity) -> list[Unit]:
    """The units of a layer that is computed, each with its value and derivative for the first row."""
    return [
        Unit(*place, f"{letter}{j + 1}", number(found.value[0, j], 3), number(found.derivative[0, j], 3))
        for j, place in enumerate(places)
    ]


def _arrows(
    ones: list[tuple[float, float]], others: list[tuple[float, float]], line: Quantity, name: str
) -> Iterator[Arrow]:
    size = float(np.abs(line.value).max()) or 1.0
    for i, (x1, y1) in enumerate(ones):
        for j, (x2, y2) in enumerate(others):
            value, slope = float(line.value[i, j]), float(line.derivative[i, j])
            ends = (x1 + RADIUS, y1, x2 - RADIUS, y2)
            strength = round(0.6 + 2.4 * abs(value) / size, 2)
            yield Arrow(*ends, f"{name}[{i + 1},{j + 1}]", number(value, 3), number(slope, 3), strength)
