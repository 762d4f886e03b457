"""How finely a target was written down: values come in, the step of the grid that they lie on goes out.

1 for whole minutes, 0.01 for cents, 5 for values rounded to fives; None where values look continuous. It is the largest
step that all differences between values are whole multiples of, but for the rounding of their storage.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
STORED: Final = tuple(float(np.finfo(kind).eps) for kind in (np.float64, np.float32))
ROUNDINGS: Final = 4.0  # sums such as 0.1 + 0.2 are off by a few roundings
CERTAIN: Final = 1e-3  # a step must be this many times coarser than the roundings, else every number lies on its grid
DECIMALS: Final = 13
PARTS: Final = 12  # the least gap is the step, or a few of them


def recorded_unit(y: ArrayLike) -> float | None:
    """Return the step in which the values were recorded; None where they look continuous or are all equal.

    >>> recorded_unit([3.0, 7.0, 12.0]), recorded_unit([0.1 + 0.2, 0.7, 19.99]), recorded_unit([5, 20, 35, 40])
    (1.0, 0.01, 5.0)
    >>> recorded_unit(np.random.default_rng(0).normal(size=50)) is None
    True
    """
    values = np.unique(np.asarray(y, dtype=np.float64))
    values = values[np.isfinite(values)]
    if len(values) < 2:
        return None
    with np.errstate(over="ignore"):
        kinds = STORED if bool(np.all(values == values.astype(np.float32))) else STORED[:1]
    for eps in kinds:
        rounding = ROUNDINGS * eps * float(np.abs(values).max())
        found = _decimal_step(values, rounding) or _common_step(values, rounding)
        if found is not None:
            return found
    return None


def _decimal_step(values: Floats, rounding: float) -> float | None:
    """The step of values written with a few decimals: exact, by the greatest common divisor of whole numbers."""
    for decimals in range(DECIMALS + 1):
        factor = 10.0**decimals
        near = np.rint(values * factor)
        if rounding * factor > CERTAIN or np.abs(near).max() >= 2.0**62:
            return None
        if bool(np.all(np.abs(values * factor - near) <= rounding * factor)):
            steps = np.diff(near.astype(np.int64))
            step = int(np.gcd.reduce(steps[steps > 0])) if (steps > 0).any() else 0
            return step / factor if step else None
    return None


def _common_step(values: Floats, rounding: float) -> float | None:
    """The step of values on another grid, such as minutes in hours: the least gap, or a small part of it."""
    gaps = np.diff(values)
    gaps = gaps[gaps > 2 * rounding]
    if not gaps.size:
        return None
    for parts in range(1, PARTS + 1):
        step = _fitted(values - values[0], float(gaps.min()) / parts)
        off = np.abs((values - values[0]) / step - np.rint((values - values[0]) / step))
        if 4 * rounding > CERTAIN * step:
            return None
        if bool(np.all(off * step <= 4 * rounding)):
            return step
    return None


def _fitted(places: Floats, step: float) -> float:
    """The step refined on ever larger distances, for the least gap alone is known to few digits."""
    reach = 8 * step
    while True:
        inside = places[(places > 0) & (places <= reach)]
        whole = np.rint(inside / step)
        if inside.size and whole.any():
            step = float(inside @ whole / (whole @ whole))
        if reach >= places[-1]:
            return step
        reach *= 4
