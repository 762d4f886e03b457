"""Python text, in the public words, that shows why there is no noise model.

Comes in: a `NoiseRow` and points of its grid. Goes out: text that runs where `loss` is the loss.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from lossmith.calculus.properties.noise_row import NoiseRow

HEAD: Final = "import numpy as np\n"

# Where the targets are and how much of the line each stands for.
PLACES: Final[Mapping[str, str]] = {
    "binary": "y, share = np.array([0.0, 1.0]), 1.0\n",
    "class": "y, share = np.arange(3), 1.0\n",
    "simplex": "y, share = np.eye(3), 1.0\n",
    "count": "y, share = np.arange(20001.0), 1.0\n",
    "fraction": (
        "u = np.linspace(-3.0, 3.0, 2001)\n"
        "y = 1 / (1 + np.exp(-np.pi * np.sinh(u)))\n"
        "share = np.pi * np.cosh(u) * y * (1 - y) * (u[1] - u[0])\n"
    ),
    "positive": (
        "u = np.linspace(-4.5, 4.5, 6001)\n"
        "y = np.exp(np.pi / 2 * np.sinh(u))\n"
        "share = np.pi / 2 * np.cosh(u) * y * (u[1] - u[0])\n"
    ),
    "real": (
        "u = np.linspace(-4.5, 4.5, 6001)\n"
        "t = np.exp(np.pi / 2 * np.sinh(u))\n"
        "y = np.append(-t, t)\n"
        "share = np.tile(np.pi / 2 * np.cosh(u) * t * (u[1] - u[0]), 2)\n"
    ),
}


def differing_code(row: NoiseRow, low: int, high: int) -> str:
    """That exp(-loss) adds up to different numbers at two raw predictions."""
    kind = "simplex" if row.body is not None and row.body.kind == "simplex" else row.kind
    places = PLACES.get(kind, PLACES["positive"])
    return (
        f"{HEAD}{places}"
        f"low, high = {_raw(row, low)}, {_raw(row, high)}  # raw predictions\n"
        f"{_total(row)}"
        "assert total(low) < total(high) * (1 - 1e-6)\n"
    )


def _total(row: NoiseRow) -> str:
    return (
        "def total(raw):\n"
        f"    losses = loss.per_example(y, np.array([raw] * len(y)){_columns(row, 'len(y)')})\n"
        "    return float(np.sum(np.exp(-losses) * share))\n"
    )


def _columns(row: NoiseRow, count: str) -> str:
    said = ", ".join(f'"{name}": np.full({count}, 1.75)' for name in row.columns)
    return f", columns={{{said}}}" if said else ""


def _raw(row: NoiseRow, at: int) -> str:
    point = row.grid[at]
    entry: Any = point[0] if len(point) == 1 else point
    return repr(list(entry) if isinstance(entry, tuple) else entry)


def endless_code(row: NoiseRow, at: int) -> str:
    """That exp(-loss) times the distance does not fall far out, so that it adds up to more than any number.

    Nothing where that is not so at the places that can be shown.
    """
    if row.kind in ("binary", "class", "fraction"):
        return ""
    density = row.density(at)
    for sign in (1.0, -1.0) if row.kind == "real" else (1.0,):
        far = sign * np.array([1e6, 1e9])
        heights = density.logarithm(far) + np.log(np.abs(far))
        if heights[1] >= heights[0] > -np.inf:
            return (
                f"{HEAD}far = np.array({far.tolist()})\n"
                f"losses = loss.per_example(far, np.array([{_raw(row, at)}] * 2){_columns(row, '2')})\n"
                "heights = np.log(np.abs(far)) - losses  # of distance * exp(-loss)\n"
                "assert heights[1] >= heights[0] > -np.inf\n"
            )
    return ""
