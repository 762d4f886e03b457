"""What a design does, measured from its formula: what too low and too high cost, and which errors pull.

Comes in: a `View`. Goes out: frozen records of numbers; `effects_text` puts them into words. Costs are what a row adds
beyond a prediction that is right, so that parts of the target alone do not count.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from lossmith.calculus.evidence import vanishes
from lossmith.loss.figures import EVEN
from lossmith.loss.view import Floats, View

SAME: Final = 1e-9  # raw predictions behind a prediction are floats: what follows from them agrees so far


@dataclass(frozen=True)
class Scale:
    """Targets of a kind to look at, the first one shown; small, usual and large errors; errors far beyond."""

    targets: tuple[float, ...]
    steps: tuple[float, ...]
    far: tuple[float, ...] = ()


_STEPS: Final = ((0.1, 1.0, 10.0), (100.0, 1000.0))
SCALES: Final[Mapping[str, Scale]] = {
    "real": Scale((20.0, 3.0, -50.0, 0.7), *_STEPS),
    "positive": Scale((20.0, 3.0, 100.0, 0.7), *_STEPS),
    "nonnegative": Scale((20.0, 3.0, 0.0, 0.7), *_STEPS),
    "count": Scale((20.0, 3.0, 0.0, 7.0), *_STEPS),
    "fraction": Scale((0.5, 0.45, 0.0, 0.7), (0.01, 0.1, 0.4)),
}
NARROW: Final = SCALES["fraction"]


def scale_of(view: View) -> Scale:
    """The scale of the target's kind; a narrow one where predictions do not reach so far (tanh, a soft cap)."""
    scale = SCALES[view.kind]
    reached = view.raw_at(np.array([scale.targets[0] - scale.steps[-1], scale.targets[0] + scale.steps[-1]]))
    return scale if np.isfinite(reached).all() else NARROW


CERTAIN: Final = (0.99, 0.5, 0.01)  # the probability that a row gave to what happened: right, undecided, wrong
SURE: Final = (0.6, 0.9, 0.99)


def is_number(view: View) -> bool:
    """Whether the target is a number, so that a prediction lies below or above it."""
    return view.kind in SCALES


# Under and over ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Sides:
    """The cost of a prediction that is too low, over that of one as much too high, by distance.

    `places` are distances for a number (from the target `at`), certainties for yes or no. `constant`: the ratio is the
    same at every place and target looked at. NaN where neither costs anything. `elsewhere`: at one of the places a row
    costs less than at a prediction that is right.
    """

    places: tuple[float, ...]
    ratios: tuple[float, ...]
    constant: bool
    at: float = 0.0
    elsewhere: bool = False


def sides(view: View) -> Sides | None:
    """How too low and too high compare; for yes or no, a miss and a false alarm. None where neither has a meaning."""
    if view.joint:
        return None
    return _number_sides(view) if is_number(view) else _outcome_sides(view) if view.kind == "binary" else None


def _number_sides(view: View) -> Sides | None:
    scale = scale_of(view)
    pairs = [(y, t) for y in scale.targets for t in scale.steps]
    y = np.array([y for y, _ in pairs for _ in range(3)])
    p = np.array([y + sign * t for y, t in pairs for sign in (-1, 0, 1)])
    values = _values(view, y, view.raw_at(p)).reshape(-1, 3)
    costs = [(low - right, high - right) for low, right, high in values]
    ratios = [_ratio(*cost) for cost in costs]
    known = [r for r in ratios if r is not None]
    if not known:
        return None
    rows = [slice(k, k + len(scale.steps)) for k in range(0, len(ratios), len(scale.steps))]
    shown = next((row for row in rows if any(r is not None and abs(r - 1) > EVEN for r in ratios[row])), rows[0])
    places = tuple((t, r) for t, r in zip(scale.steps, ratios[shown], strict=True) if r is not None)
    return Sides(
        tuple(t for t, _ in places),
        tuple(r for _, r in places),
        _agree(known),
        pairs[shown.start][0],
        any(low < 0 or high < 0 for low, high in costs[rows[0]]),
    )


def _outcome_sides(view: View) -> Sides | None:
    """A positive row predicted at 1 - c rather than c, over a negative one predicted at c rather than 1 - c."""
    wrong, right = (_places(view, p) for p in (tuple(1 - c for c in SURE), SURE))
    at = np.concatenate([wrong, right, right, wrong])
    y = np.repeat([1.0, 1.0, 0.0, 0.0], len(SURE))
    missed, hit, alarm, silent = _values(view, y, at).reshape(4, -1)
    costs = [(m - h, a - s) for m, h, a, s in zip(missed, hit, alarm, silent, strict=True)]
    known = tuple(r for r in (_ratio(*cost) for cost in costs) if r is not None)
    if len(known) < len(SURE):
        return None
    return Sides(SURE, known, _agree(known), elsewhere=any(low < 0 or high < 0 for low, high in costs))


def _ratio(under: Any, over: Any) -> float | None:
    """The ratio as a float; NaN if both are 0; None where one is unknown."""
    if not (under.is_finite() and over.is_finite()):
        return None
    if under.is_zero() and over.is_zero():
        return float("nan")
    return float(abs(under) / abs(over)) if not over.contains(0) else float("inf")


def _agree(ratios: Any) -> bool:
    known = np.array([r for r in ratios if not np.isnan(r)])
    return bool(known.size and np.isfinite(known).all() and np.ptp(known) <= SAME * np.abs(known).max())


def _values(view: View, y: Floats, raw: Floats) -> Any:
    return view.at([view.node], y, raw)[0][:, 0]


def _places(view: View, probabilities: tuple[float, ...]) -> Floats:
    """Raw predictions of these probabilities; where raw predictions are all there is, of their log odds."""
    p = np.asarray(probabilities)
    if view.predicted is view.raw and not view.says_probabilities:
        return np.asarray(np.log(p / (1 - p)))
    return view.raw_at(p)


# Which errors pull ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Pulls:
    """The gradient of rows, positive towards the truth.

    For numbers `places` are errors (`at` is the target), `first` of predictions too low and `second` of those too high;
    else they are probabilities given to what happened, `first` of positive rows and `second` of the others, or `first` of
    rows of the first class and `second` of the last.
    `power`: the pull is proportional to the error to this power at every error looked at, on both sides.
    """

    places: tuple[float, ...]
    first: tuple[float, ...]
    second: tuple[float, ...]
    at: float = 0.0
    power: int | None = None


def pulls(view: View) -> Pulls | None:
    """How hard rows pull by the size of their error; None where nothing is known."""
    if is_number(view):
        return _number_pulls(view)
    if view.kind == "binary":
        return _outcome_pulls(view)
    return _class_pulls(view) if view.has_classes else None


def _number_pulls(view: View) -> Pulls | None:
    scale = scale_of(view)
    errors = np.array([*scale.steps, *scale.far])
    found = [_pulls_at(view, at, errors) for at in scale.targets]
    low, high = (_floats(half) for half in found[0])
    if not np.isfinite([low[1], high[1]]).all():
        return None
    power = next((k for k in range(4) if all(_is_power(half, errors, k) for pair in found for half in pair)), None)
    return Pulls(tuple(map(float, errors)), tuple(map(float, low)), tuple(map(float, high)), scale.targets[0], power)


def _pulls_at(view: View, at: float, errors: Floats) -> tuple[Any, Any]:
    """The pulls of predictions too low and too high, towards the target."""
    raw = view.raw_at(np.concatenate([at - errors, at + errors]))
    balls = view.at([view.slope], np.full(len(raw), at), raw)[0][:, 0]
    return -balls[: len(errors)], balls[len(errors) :]


def _is_power(half: Any, errors: Floats, power: int) -> bool:
    """Whether the pulls of one side, where there are any, are proportional to this power of the error."""
    scaled = [g / float(e) ** power for g, e in zip(half, errors, strict=True) if g.is_finite()]
    return not scaled or (not scaled[0].contains(0) and all(_near(s, scaled[0]) for s in scaled))


def _near(a: Any, b: Any) -> bool:
    return vanishes(a - b, b) or bool(abs(a - b) < SAME * abs(b))


def _floats(balls: Any) -> Floats:
    return np.array([float(b) if b.is_finite() else np.nan for b in balls])


def _outcome_pulls(view: View) -> Pulls | None:
    positive, negative = _places(view, CERTAIN), _places(view, tuple(1 - c for c in CERTAIN))
    raw = np.concatenate([positive, negative])
    y = np.repeat([1.0, 0.0], len(CERTAIN))
    if view.joint:
        y, raw = _among(view, y, raw)
    found = _floats(view.at([view.slope], y, raw)[0][: 2 * len(CERTAIN), 0])
    if not np.isfinite(found).all():
        return None
    return Pulls(CERTAIN, tuple(map(float, -found[: len(CERTAIN)])), tuple(map(float, found[len(CERTAIN) :])))


def _among(view: View, y: Floats, raw: Floats) -> tuple[Floats, Floats]:
    """The rows looked at and 94 undecided ones, so that 10 of 100 are positive."""
    more = np.repeat([1.0, 0.0], [10 - int(y.sum()), 90 - int((1 - y).sum())])
    return np.concatenate([y, more]), np.concatenate([raw, np.repeat(_places(view, (0.5,)), len(more))])


def _class_pulls(view: View) -> Pulls | None:
    """The pull on the true class's own raw prediction, the first or the last class being true and the others alike."""
    k = view.classes
    certain = (CERTAIN[0], 1 / k, CERTAIN[2])
    rows = np.array([[c, *[(1 - c) / (k - 1)] * (k - 1)] for c in certain])
    places = np.concatenate([rows, rows[:, ::-1]])
    y = np.repeat(np.eye(k)[[0, -1]], len(certain), axis=0)
    found = view.at([view.slope], y, places if view.predicted is view.raw else np.log(places))[0]
    first, last = _floats(-found[: len(certain), 0]), _floats(-found[len(certain) :, -1])
    if not np.isfinite([*first, *last]).all():
        return None
    return Pulls(certain, tuple(map(float, first)), tuple(map(float, last)))
