"""Fit what a noise model leaves open: targets and raw predictions come in, its parameters and a correction go out.

Fitted is what makes the recorded values most probable: the parameters of the spread, and one constant that is added to
every raw prediction. Every noise gets that constant, so that none is judged by how its model was stopped or by a
parameter that was fixed while it was trained (a share of extra zeros moves the mean of the others).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lossmith.advise.judge.likelihood import log_probability, starts_at_zero
from lossmith.catalogue.noise import Noise

Floats = NDArray[np.float64]
Objective = Callable[[Floats], float]

CLOSE: Final = 1e-4  # integrals need not be finer while searching; their error is then about the square of it
FEW: Final = 300  # rows for the first rough search
SWEEPS: Final = 3
STEPS: Final = (0.2, 0.03)  # the first of the two searches, in the logarithm of a parameter, or in spreads
VALUE: Final = 2e-5  # where a search stops: nats per row, far below what counts
MOST: Final = 120  # evaluations of the final search
GOLDEN: Final = (np.sqrt(5) - 1) / 2


@dataclass(frozen=True)
class Spread:
    """The fitted parameters of a noise, and the constant that is added to its raw predictions."""

    parameters: dict[str, float]
    shift: float


def fit_spread(noise: Noise, y: Floats, raw: Floats, unit: float | None) -> Spread:
    """Return the parameters and the constant under which these rows are most probable."""
    few = np.linspace(0, len(y) - 1, min(len(y), FEW)).astype(np.int64)
    scale = _raw_spread(noise, y, raw)
    low, high, start = _bounds(noise)
    rough = _objective(noise, _scattered(noise, y[few], unit), raw[few], None, scale)
    found = _by_turns(rough, start, low, high)
    for rows, step in zip((few, np.arange(len(y))), STEPS, strict=True):
        found = _descend(_objective(noise, y[rows], raw[rows], unit, scale), found, step, low, high)
    return _spread(noise, found, scale)


def _bounds(noise: Noise) -> tuple[Floats, Floats, Floats]:
    """Least, largest and first value of what is searched: logarithms of the parameters, then the constant in spreads."""
    rows = [
        *((np.log(low), np.log(high), np.log(start)) for _, low, high, start in noise.dispersion),
        (-10.0, 10.0, 0.0),
    ]
    low, high, start = np.array(rows).T
    return low, high, start


def _spread(noise: Noise, place: Floats, scale: float) -> Spread:
    """The parameters at a place of the search; exactly at their bounds where the search ends there."""
    pairs = zip(noise.dispersion, place[:-1], strict=True)
    parameters = {name: float(np.clip(np.exp(at), low, high)) for (name, low, high, _), at in pairs}
    return Spread(parameters, float(place[-1]) * scale)


def _raw_spread(noise: Noise, y: Floats, raw: Floats) -> float:
    """How far raw predictions lie from the targets; 1 where they are logarithms."""
    if starts_at_zero(noise):
        return 1.0
    typical = float(np.median(np.abs(y - raw))) or float(np.mean(np.abs(y - raw)))
    return typical or 1.0


def _scattered(noise: Noise, y: Floats, unit: float | None) -> Floats:
    """Recorded values, spread evenly over their unit: a density finds no ties there. Counts and the lump at 0 stay."""
    if unit is None or noise.base == "mass":
        return y
    offset = ((np.arange(len(y)) + 0.5) * GOLDEN) % 1.0 - 0.5
    return np.where((y == 0) & (noise.base == "mixed"), y, y + unit * offset)


def _objective(noise: Noise, y: Floats, raw: Floats, unit: float | None, scale: float) -> Objective:
    """Minus the mean log probability, as a function of the place of the search."""

    def value(place: Floats) -> float:
        spread = _spread(noise, place, scale)
        found = -float(np.mean(log_probability(noise, spread.parameters, y, raw + spread.shift, unit, CLOSE)))
        return found if np.isfinite(found) else 1e300

    return value


def _by_turns(value: Objective, start: Floats, low: Floats, high: Floats) -> Floats:
    """Search one direction after the other over its whole range."""
    from scipy.optimize import minimize_scalar

    place = start.copy()
    for _ in range(SWEEPS):
        for i in reversed(range(len(place) - 1)):
            step = np.eye(len(place))[i]
            line = minimize_scalar(
                lambda t, i=i, step=step: value(place + (t - place[i]) * step),
                bounds=(low[i], high[i]),
                method="bounded",
                options={"xatol": 0.02},
            )
            place[i] = line.x
    return place


def _descend(value: Objective, start: Floats, step: float, low: Floats, high: Floats) -> Floats:
    """Search all directions together, from near by."""
    from scipy.optimize import minimize

    inward = np.where(start + step < high, step, -step)
    found = minimize(
        value,
        start,
        method="Nelder-Mead",
        bounds=np.column_stack([low, high]),
        options={
            "initial_simplex": start + np.vstack([np.zeros(len(start)), np.diag(inward)]),
            "xatol": step / 5,
            "fatol": VALUE,
            "maxfev": MOST,
        },
    )
    return np.asarray(found.x)
