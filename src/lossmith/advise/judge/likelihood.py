"""The probability of recorded values under a noise model: targets and raw predictions come in, natural logarithms go out.

A value recorded in steps of a unit stands for all values within half a unit: its probability is the integral of the
density over them. Without a unit it is the density itself. Counts have a probability as they are.

The integral is a sum over pieces, refined until two rules agree: Radau's with 5 places, one of them the end nearest to
the prediction, and Gauss's with 8. A peak far narrower than the unit stands at that end and cannot be missed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lossmith.catalogue.noise import Noise, Normaliser
from lossmith.loss.handle import Loss

Floats = NDArray[np.float64]
Rows = NDArray[np.int64]
LogDensity = Callable[[Floats, Rows], Floats]

CLOSE: Final = 1e-10  # by which share the two rules may differ; the better one is then right to about its square
DEEPEST: Final = 40  # rounds of refinement
CUTS: Final = (0.0, 1 / 8, 1 / 2, 1.0)  # a piece is cut nearer to the prediction, where densities change fastest
SMALLEST: Final = float(np.finfo(np.float64).tiny)


def _gauss_rule(n: int) -> tuple[Floats, Floats]:
    places, weights = np.polynomial.legendre.leggauss(n)
    return (1 + places) / 2, weights / 2


def _radau_rule(n: int) -> tuple[Floats, Floats]:
    """Places and weights on 0..1, the first place being 0 (Abramowitz and Stegun 1964, formula 25.4.31)."""
    legendre = np.polynomial.legendre
    last = np.eye(n + 1)[n - 1]
    inner = np.sort(legendre.legroots(last + np.eye(n + 1)[n]).real)[1:]
    weights = (1 - inner) / (n * legendre.legval(inner, last)) ** 2
    return np.r_[0.0, (1 + inner) / 2], np.r_[2 / n**2, weights] / 2


def _both_rules(rough: tuple[Floats, Floats], fine: tuple[Floats, Floats]) -> tuple[Floats, Floats]:
    """All places of two rules, and a column of weights for each."""
    weights = np.zeros((len(rough[0]) + len(fine[0]), 2))
    weights[: len(rough[0]), 0], weights[len(rough[0]) :, 1] = rough[1], fine[1]
    return np.r_[rough[0], fine[0]], weights


PLACES, WEIGHTS = _both_rules(_radau_rule(5), _gauss_rule(8))


def log_integral(log_density: LogDensity, low: Floats, high: Floats, centre: Floats, close: float = CLOSE) -> Floats:
    """Return the logarithm of the integral of a density from `low` to `high`, for every row.

    `log_density(y, row)` takes places and the number of the row of each. Densities rise up to about `centre`, and fall
    from there. A row whose density is NaN somewhere gives NaN.
    """
    near = np.clip(centre, low, high)
    row = np.tile(np.arange(len(low)), 2)
    start, length = np.r_[near, near], np.r_[high - near, low - near]
    row, start, length = (part[length != 0] for part in (row, start, length))
    top, total = np.full(len(low), -np.inf), np.zeros(len(low))
    for depth in range(DEEPEST):
        logs = log_density(start[:, None] + length[:, None] * PLACES, np.repeat(row[:, None], len(PLACES), axis=1))
        before = top.copy()
        np.maximum.at(top, row, logs.max(axis=1))
        total *= np.exp(np.where(np.isneginf(before), 0.0, before - top))
        rough, fine = (
            np.exp(np.where(np.isneginf(logs), logs, logs - top[row, None])) @ WEIGHTS * np.abs(length)[:, None]
        ).T
        reached = total + np.bincount(row, fine, len(low))
        is_open = np.abs(fine - rough) > close * reached[row]
        if not is_open.any() or depth == DEEPEST - 1:
            total = reached
            break
        total += np.bincount(row[~is_open], fine[~is_open], len(low))
        row, start, length = _cut(row[is_open], start[is_open], length[is_open])
    with np.errstate(divide="ignore"):
        return np.asarray(top + np.log(total))


def _cut(row: Rows, start: Floats, length: Floats) -> tuple[Rows, Floats, Floats]:
    """Cut each piece in three."""
    places, parts = np.array(CUTS[:-1]), np.diff(CUTS)
    cut = start[:, None] + length[:, None] * places
    return np.repeat(row, len(parts)), cut.ravel(), (length[:, None] * parts).ravel()


GENTLE: Final = 4.0
NEAR_ZERO: Final = (1e-250, 1e-200)


def log_integral_from_zero(log_density: LogDensity, high: Floats, centre: Floats, close: float = CLOSE) -> Floats:
    """Return the logarithm of the integral of a density from 0 (where it may be infinite) to `high`, for every row.

    Near 0 such densities go as a power of y, y**(a - 1); in v, with y = high * v**m and m * a a whole number, they are
    smooth, and what happens many powers of ten below `high` is spread out.
    """
    first, second = (log_density(np.full(len(high), place), np.arange(len(high))) for place in NEAR_ZERO)
    power = 1 + (second - first) / np.log(NEAR_ZERO[1] / NEAR_ZERO[0])
    power = np.where((power > 0) & (power < 1), power, 1.0)
    stretch = np.ceil(GENTLE * power) / power

    def stretched(v: Floats, row: Rows) -> Floats:
        m = stretch[row]
        log_y = np.log(high[row]) + m * np.log(v)
        below = np.minimum(log_y - np.log(SMALLEST), 0.0)  # what no float64 reaches follows the power of y
        found = log_density(np.exp(log_y - below), row) + below * (power[row] - 1)
        return np.asarray(found + log_y + np.log(m / v))

    near = (np.clip(centre, SMALLEST, high) / high) ** (1 / stretch)
    return log_integral(stretched, np.zeros(len(high)), np.ones(len(high)), near, close)


def log_density_of(noise: Noise, parameters: Mapping[str, float], y: Floats, raw: Floats) -> Floats:
    """Return the logarithm of the density (or the probability, for counts and for the lump at 0) of each row."""
    known = {p.name for p in noise.definition.parameters}
    loss = Loss(noise.definition).using("numpy").bind(**{k: v for k, v in parameters.items() if k in known})
    with np.errstate(all="ignore"):
        cost = np.asarray(loss.per_example(y, raw), dtype=np.float64)
        if noise.log_normaliser is None:
            return -cost
        dispersion, power = parameters["dispersion"], parameters["power"]
        return smooth_normaliser(noise.log_normaliser, y, dispersion, power) - cost / dispersion


SPACING: Final = 0.05  # of knots, in the width that one term of the normaliser has in log y
DEGREE: Final = 7


def smooth_normaliser(normaliser: Normaliser, y: Floats, dispersion: float, power: float) -> Floats:
    """Return a normaliser, which is a smooth function of log y: by a spline where that takes fewer evaluations."""
    from scipy.interpolate import make_interp_spline

    amounts, where = np.unique(y, return_inverse=True)
    is_amount = amounts > 0
    places = np.log(amounts[is_amount])
    knots = int((places[-1] - places[0]) / (SPACING * np.sqrt(power - 1))) + 2 * DEGREE if places.size else 0
    if places.size < 2 * knots or not knots:
        return np.asarray(normaliser(amounts, dispersion, power))[where].reshape(y.shape)
    grid = np.linspace(places[0], places[-1], knots)
    found = np.zeros(len(amounts))
    found[is_amount] = make_interp_spline(grid, normaliser(np.exp(grid), dispersion, power), k=DEGREE)(places)
    return np.asarray(found[where].reshape(y.shape))


def starts_at_zero(noise: Noise) -> bool:
    """Whether the noise has no values below 0."""
    return noise.definition.declaration.target[0][1] != "real"


def log_probability(
    noise: Noise, parameters: Mapping[str, float], y: Floats, raw: Floats, unit: float | None, close: float = CLOSE
) -> Floats:
    """Return the logarithm of the probability of each recorded value; of its density, where there is no unit."""
    if unit is None or noise.base == "mass":
        return log_density_of(noise, parameters, y, raw)

    def log_density(places: Floats, row: Rows) -> Floats:
        return log_density_of(noise, parameters, places.ravel(), raw[row].ravel()).reshape(places.shape)

    low, high = y - unit / 2, y + unit / 2
    centre = np.asarray(Loss(noise.definition).predict(raw))
    at_zero = (low <= 0) & starts_at_zero(noise)
    found = np.empty(len(y))
    away, near = np.flatnonzero(~at_zero), np.flatnonzero(at_zero)
    found[away] = log_integral(lambda v, row: log_density(v, away[row]), low[away], high[away], centre[away], close)
    if near.size:
        found[near] = log_integral_from_zero(lambda v, row: log_density(v, near[row]), high[near], centre[near], close)
    if noise.base == "mixed" and near.size:
        lump = log_density_of(noise, parameters, np.zeros(near.size), raw[near])
        found[near] = np.logaddexp(found[near], lump)
    return found
