"""Where a model settles that has a loss: the best prediction for rows that nothing tells apart.

Comes in: a `View`. Goes out: that prediction for a lopsided example of numbers, or for shares of yes or of classes, and the
class weights that these imply. It is the least mean value over many predictions, refined by the sign of the gradient.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, TypeAlias

import numpy as np

from lossmith.calculus.functional import Functional
from lossmith.formula.node import Node
from lossmith.interpret import NUMPY
from lossmith.loss.explain.effects import SAME, bends, is_number, scale_of
from lossmith.loss.explain.view import FARTHEST, Floats, View
from lossmith.numerics.interval import DOMAINS

N_EXAMPLE: Final = 99
GRID: Final = 400
FINE_GRID: Final = 2000  # for numbers: the value may jump where rows enter and leave
BENDS: Final = 8  # sizes of bends looked at beside every target
BENDS_TOGETHER: Final = 2
LOOK: Final = 16, 6  # parts of the line, and how often, where values are compared and not slopes
LOOK_TOGETHER: Final = 8, 4
TIE: Final = 1e-12  # means of 99 values that are the same differ by some roundings
FINER: Final = 32, 11  # parts of the line between two places, and how often: to the last bits
COARSE: Final = 31  # places where all rows must be looked at together for each, and halvings between them
TOGETHER_FINER: Final = 2, 16


# Numbers ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Settled:
    """The best constant prediction for the lopsided example; that example's mean, median and share below it."""

    prediction: float
    mean: float
    median: float
    below: float


EXAMPLES: Final[Mapping[str, Callable[[Floats], Floats]]] = {
    "real": lambda u: -20.0 * np.log1p(-u),
    "positive": lambda u: -20.0 * np.log1p(-u),
    "nonnegative": lambda u: np.maximum(-20.0 * np.log1p(-u) - 2.0, 0.0),
    "count": lambda u: np.floor(-6.0 * np.log1p(-u)),
    "fraction": lambda u: u**2,
}
"""Lopsided targets by kind, from even shares: mean, median and other answers lie apart."""


def example_of(view: View) -> Floats:
    """The lopsided example for the targets of a loss, in order; small numbers where predictions reach no others."""
    wide = scale_of(view).steps[-1] > 1
    shares = (np.arange(N_EXAMPLE) + 0.5) / N_EXAMPLE
    return EXAMPLES[view.kind if wide else "fraction"](shares)


def settled(view: View) -> Settled | None:
    """Where one prediction for all rows of the example settles; None if it runs away, or if several are as good."""
    if not is_number(view):
        return None
    y, room = example_of(view), DOMAINS[view.kind]
    grid = _grid(view, y)
    places = view.raw_at(grid[(grid > room.low) & (grid < room.high)])
    found = lowest(view, y, np.full(len(y), 1 / len(y)), places[np.isfinite(places)], alone=True)
    if found is None:
        return None
    p = float(view.predictions(np.array([found]))[0])
    near = SAME * abs(p)
    below = float(np.mean(y < p - near) + np.mean(np.abs(y - p) <= near) / 2)
    return Settled(p, float(y.mean()), float(np.median(y)), below)


def _grid(view: View, y: Floats) -> Floats:
    """Predictions to look at: even steps, every target, and on either side of each target's bends."""
    margin = 0.05 * float(np.ptp(y))
    steps = np.linspace(y[0] - margin, y[-1] + margin, COARSE if view.joint else FINE_GRID)
    most = BENDS_TOGETHER if view.joint else BENDS
    sizes = np.empty(0) if view.chosen else bends(view)
    sizes = sizes[sizes < np.ptp(y)][-most:] * np.array([[1 - 1e-9], [1 + 1e-9]])
    beside = [y + side * size for size in sizes.ravel() for side in (-1, 1)]
    grid = np.unique(np.concatenate([steps, y, *beside]))
    return np.asarray(grid[(grid >= steps[0]) & (grid <= steps[-1])])


def lowest(view: View, y: Floats, weight: Floats, places: Floats, alone: bool = False) -> float | None:
    """The raw prediction of least weighted value, among places in order and between them; None at either end.

    `alone`: None too where places that lie apart have that value.
    """

    def total(root: Node, raw: Floats) -> Floats:
        if view.joint:
            return np.array([view.at([root], y, np.full(len(y), z), NUMPY)[0][:, 0] @ weight for z in raw])
        rows, at = np.tile(y, len(raw)), np.repeat(raw, len(y))
        return np.asarray(view.at([root], rows, at, NUMPY)[0][:, 0].reshape(len(raw), len(y)) @ weight)

    values = total(view.node, places)
    if not np.isfinite(values).any():
        return None
    best = int(np.nanargmin(np.where(np.isfinite(values), values, np.nan)))
    if best in (0, len(places) - 1) or (alone and _tied(values, best)):
        return None
    low, high = places[best - 1], places[best + 1]
    seen = _least(lambda raw: total(view.node, raw), low, places[best], high, LOOK_TOGETHER if view.joint else LOOK)
    parts, rounds = TOGETHER_FINER if view.joint else FINER
    for _ in range(rounds):
        between = np.linspace(low, high, parts + 1)
        rising = total(view.slope, between[1:-1]) >= 0
        at = int(np.argmax(rising)) if rising.any() else parts - 1
        low, high = between[at], between[at + 1]
    smooth = np.array([(low + high) / 2, seen])
    reached = total(view.node, smooth)
    jumps = not reached[0] <= reached[1] + SAME * abs(reached[1])  # slopes lead astray where values jump
    return float(smooth[int(jumps)])


def _tied(values: Floats, best: int) -> bool:
    """Whether the least value stands at places with larger ones between them, or goes on to an end."""
    level = np.flatnonzero(values <= values[best] + TIE * abs(values[best]))
    return bool(level[-1] - level[0] + 1 > len(level) or level[0] == 0 or level[-1] == len(values) - 1)


def _least(total: Callable[[Floats], Floats], low: float, best: float, high: float, fineness: tuple[int, int]) -> float:
    """The place of least value between two places, found by values alone."""
    parts, rounds = fineness
    for _ in range(rounds):
        between = np.unique(np.append(np.linspace(low, high, parts + 1), best))
        values = total(between)
        at = int(np.argmin(np.where(np.isfinite(values), values, np.inf)))
        low, best, high = between[max(at - 1, 0)], between[at], between[min(at + 1, len(between) - 1)]
    return float(best)


# Yes or no --------------------------------------------------------------------------------------------------------

SHARES: Final = (0.01, 0.1, 0.5)
LIMIT: Final = 40.0  # log odds beyond which a probability counts as 0 or 1
TOGETHER: Final = 100  # rows where they act together


@lru_cache(maxsize=64)
def implied(view: View) -> tuple[float, ...] | None:
    """What is predicted for rows of which `SHARES` are positive, if nothing tells them apart."""
    if view.kind != "binary":
        return None
    odds = np.linspace(-LIMIT, LIMIT, COARSE if view.joint else 2 * GRID + 1)
    given = view.predicted is view.raw and view.says_probabilities
    found = [_settles(view, share, 1 / (1 + np.exp(-odds)) if given else odds) for share in SHARES]
    known = tuple(p for p in found if p is not None)
    return known if len(known) == len(SHARES) else None


def _settles(view: View, share: float, places: Floats) -> float | None:
    """The prediction at the minimum, or at the end of the line where the value falls for ever."""
    if view.joint:
        y = (np.arange(TOGETHER) < round(share * TOGETHER)).astype(np.float64)
        weight = np.full(TOGETHER, 1 / TOGETHER)
    else:
        y, weight = np.array([0.0, 1.0]), np.array([1 - share, share])
    found = lowest(view, y, weight, places)
    if found is None:
        ends = [float(view.at([view.node], y, np.full(len(y), z), NUMPY)[0][:, 0] @ weight) for z in places[[0, -1]]]
        if not np.isfinite(ends).any():
            return None
        found = float(places[[0, -1]][int(np.nanargmin(ends))])
    return float(view.predictions(np.array([found]))[0])


# Classes ----------------------------------------------------------------------------------------------------------


def shares_of_classes(view: View) -> tuple[Floats, Floats]:
    """Two sets of class shares to look at: falling by a half, and nearly even."""
    falling = 0.5 ** np.arange(view.classes)
    even = 1.0 + np.arange(view.classes) / view.classes
    return falling / falling.sum(), even / even.sum()


def implied_classes(view: View, shares: Floats) -> Floats | None:
    """What is predicted for rows with these shares of classes, if nothing tells them apart."""
    from scipy.optimize import minimize

    given = view.says_probabilities and view.predicted is view.raw

    def total(raw: Floats) -> tuple[float, Floats]:
        p = np.exp(raw - raw.max())
        p /= p.sum()
        place = np.tile(p if given else raw, (view.classes, 1))
        value, slope = view.at([view.node, view.slope], np.eye(view.classes), place, NUMPY)
        g = shares @ slope
        return float(shares @ value[:, 0]), np.asarray(p * (g - g @ p) if given else g)

    if view.joint or (view.predicted is view.raw and not given):
        return None
    with np.errstate(all="ignore"):
        found = minimize(total, np.log(shares), jac=True, method="BFGS", options={"gtol": 1e-10})
    if not np.isfinite(found.x).all() or not np.abs(found.jac).max() < 1e-5:
        return None
    if not given:  # a reading stands between raw predictions and probabilities
        return np.asarray(view.predictions(found.x[None])[0])
    p = np.exp(found.x - found.x.max())
    return np.asarray(p / p.sum())


def reach(view: View) -> float:
    """The largest probability that a class may be given: below 1 where a reading bounds raw predictions."""
    if view.predicted is view.raw:
        return 1.0
    far = np.full((1, view.classes), -FARTHEST)
    far[0, 0] = FARTHEST
    return float(view.predictions(far)[0, 0])


# What it means ----------------------------------------------------------------------------------------------------

CLOSE: Final = 1e-4  # minima are found to about this share


@lru_cache(maxsize=64)
def implied_weights(view: View) -> tuple[float, ...] | None:
    """How much each class counts beside the first, if predictions are the probabilities of classes counted so.

    All 1: predictions are the true probabilities. None: no weights say what predictions are.
    """
    if view.kind == "binary":
        found = implied(view)
        if found is None or view.joint or not view.says_probabilities or not all(0 < p < 1 for p in found):
            return None
        odds = [p / (1 - p) * (1 - q) / q for p, q in zip(found, SHARES, strict=True)]
        return (1.0, _short(odds[-1])) if max(odds) - min(odds) < CLOSE * max(odds) else None
    pairs = [(q, implied_classes(view, q)) for q in shares_of_classes(view)] if view.has_classes else []
    if not pairs or any(p is None for _, p in pairs):
        return None
    ratios = np.array([p / q / (p[0] / q[0]) for q, p in pairs if p is not None])
    if np.abs(ratios[0] - ratios[1]).max() > CLOSE * ratios.max():
        return None
    return tuple(_short(float(r)) for r in ratios[0])


def _short(number: float) -> float:
    """The shortest number that is as near as a minimum is found."""
    tried = (float(f"{number:.{digits}g}") for digits in range(1, 5))
    return next((short for short in tried if abs(short - number) <= CLOSE * abs(number)), number)


def bears_out(view: View, named: Functional) -> bool:
    """Whether the example settles where the named answer lies: a target that is often exactly 0 tells more than slopes.

    For yes or no and for classes: whether predictions are the true shares, with all weights and smoothing.
    """
    if named.name == "probability":
        weights = implied_weights(view)
        return weights is None or set(weights) == {1.0}
    test = MEANINGS.get(named.name)
    found = settled(view) if test is not None and not named.through else None
    return found is None or test is None or test(example_of(view), found.prediction, named.level or 0.5)


Meaning: TypeAlias = Callable[[Floats, float, float], bool]


def _is_quantile(y: Floats, c: float, level: float) -> bool:
    near = 1e-6 * (1 + abs(c))
    return bool(np.mean(y < c - near) <= level + SAME and np.mean(y <= c + near) >= level - SAME)


def _is_expectile(y: Floats, c: float, level: float) -> bool:
    up, down = level * np.maximum(y - c, 0.0).sum(), (1 - level) * np.maximum(c - y, 0.0).sum()
    return bool(abs(up - down) <= 1e-6 * (up + down))


MEANINGS: Final[Mapping[str, Meaning]] = {
    "mean": _is_expectile,
    "expectile": _is_expectile,
    "median": _is_quantile,
    "quantile": _is_quantile,
}
