"""What a design does, measured from its formula: what too low and too high cost, and which errors pull.

Comes in: a `View`. Goes out: frozen records of numbers; `effects_text` puts them into words. Costs are what a row adds
beyond a prediction that is right, so that parts of the target alone do not count.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike

from lossmith.calculus.evidence import vanishes
from lossmith.formula.node import number_of, symbols, walk
from lossmith.loss.explain.figures import EVEN
from lossmith.loss.explain.view import Floats, View

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


EXACT: Final = 2.0**32  # errors and targets are multiples of 1 / EXACT: a target and both predictions are exact floats
PER_DECADE: Final = 16
BESIDE: Final = 3e-6  # how near a bend of the formula is looked at, on either side
MOST_BENDS: Final = 40
ALIKE: Final = 0.02  # a ratio so near to one that is told is not told too


def bends(view: View) -> Floats:
    """Errors at which the formula may bend: its numbers and parameters, with their roots."""
    found = {abs(number_of(n) or 0.0) for n in walk(view.node) if n.op == "constant"}
    found |= {abs(float(view.fixed[leaf])) for leaf in symbols(view.node, role="parameter")}
    sizes = np.array(sorted(found))
    sizes = np.unique(np.concatenate([sizes, np.sqrt(sizes)]))
    return np.asarray(sizes[(sizes > 1e-5) & (sizes < 1e6)][:MOST_BENDS])


def errors_of(view: View) -> Floats:
    """Errors from a millionth to a million in fine steps, on either side of every bend, and between bends."""
    sizes = bends(view)
    between = (sizes[1:] + sizes[:-1]) / 2
    fine = np.logspace(-6, 6, 12 * PER_DECADE + 1)
    return _rounded(np.concatenate([fine, between, *(sizes * (1 + side * BESIDE) for side in (-1, 1))]))


def _rounded(errors: ArrayLike) -> Floats:
    return np.unique(np.round(np.asarray(errors) * EXACT) / EXACT)


CERTAIN: Final = (0.99, 0.5, 0.01)  # the probability that a row gave to what happened: right, undecided, wrong
SURE: Final = (0.6, 0.9, 0.99)
SURER: Final = (0.501, 0.51, 0.55, *(float(c) for c in 1 - np.logspace(-6, -0.4, 24)))  # looked at, not told


def is_number(view: View) -> bool:
    """Whether the target is a number, so that a prediction lies below or above it."""
    return view.kind in SCALES


# Under and over ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Sides:
    """The cost of a prediction that is too low, over that of one as much too high, by distance.

    `places` are distances for a number (from the target `at`), certainties for yes or no: everyday ones and, where these
    do not tell, others. `constant`: the ratio is the same at every place and target looked at, from a millionth to a
    million. NaN where neither costs anything. `elsewhere`: at one of the places a row costs less than at a prediction
    that is right. `low`, `high`: at some place too low (a miss) costs more, or too high (a false alarm). `plain`: losses
    themselves have these ratios too, not only what they are above those of a right prediction.
    """

    places: tuple[float, ...]
    ratios: tuple[float, ...]
    constant: bool
    at: float = 0.0
    elsewhere: bool = False
    low: bool = False
    high: bool = False
    plain: bool = True


def sides(view: View) -> Sides | None:
    """How too low and too high compare; for yes or no, a miss and a false alarm. None where neither has a meaning."""
    if view.joint:
        return None
    return _number_sides(view) if is_number(view) else _outcome_sides(view) if view.kind == "binary" else None


def _number_sides(view: View) -> Sides | None:
    scale, fine = scale_of(view), errors_of(view)
    steps = np.unique(np.concatenate([_rounded(scale.steps), _rounded(scale.far), fine]))
    tables = [(at, _ratios(view, at, steps)) for at in scale.targets]
    known = [(at, *table) for at, table in tables if len(table[0])]
    if not known:
        return None
    usual = _rounded(scale.steps)
    uneven = [row for row in known if np.any(_uneven(row[1], row[2], row[0]))]
    shown = next((row for row in uneven if np.any(_uneven(row[1], row[2], row[0])[np.isin(row[1], usual)])), None)
    at, sizes, ratios, elsewhere = shown or (uneven or known)[0]
    places = _telling(sizes, ratios, usual, _rounded(scale.far))
    told = uneven and _agree([(r, t, y) for y, ts, rs, _ in known for t, r in zip(ts, rs, strict=True)])
    uneven_here = ratios[_uneven(sizes, ratios, at)]
    return Sides(
        tuple(map(float, sizes[places])),
        tuple(map(float, ratios[places])),
        bool(told) or (not uneven and not np.isnan(np.concatenate([row[2] for row in known])).all()),
        at,
        known[0][3] or elsewhere,
        bool(np.any(uneven_here > 1)),
        bool(np.any(uneven_here < 1)),
    )


def _ratios(view: View, at: float, steps: Floats) -> tuple[Floats, Floats, bool]:
    """Errors at which both costs are known, their ratios, and whether one of them is below 0."""
    y = float(np.round(at * EXACT) / EXACT)
    places = np.concatenate([[y], y - steps, y + steps])
    values = _values(view, np.full(len(places), y), view.raw_at(places))
    low, high = values[1 : len(steps) + 1] - values[0], values[len(steps) + 1 :] - values[0]
    ratios = [_ratio(*pair) for pair in zip(low, high, strict=True)]
    known = np.array([r is not None for r in ratios], dtype=bool)
    negative = any(bool(c < 0) for c in np.concatenate([low[known], high[known]]))
    return steps[known], np.array([r for r in ratios if r is not None], dtype=np.float64), negative


def _rounding(sizes: ArrayLike, at: ArrayLike) -> Floats:
    """How far ratios at errors may lie apart by the rounding of raw predictions alone."""
    return np.asarray(SAME + 1e-13 * (1 + np.abs(at)) / np.asarray(sizes))


def _uneven(sizes: Floats, ratios: Floats, at: float) -> Any:
    """Where the two sides cost differently."""
    return ~np.isnan(ratios) & ~(np.abs(ratios - 1) <= np.maximum(EVEN, _rounding(sizes, at)))


def _telling(sizes: Floats, ratios: Floats, usual: Floats, far: Floats) -> Any:
    """The everyday errors; where ratios are alike there but not everywhere, the extreme ones and far ones too."""
    everyday, known, place = np.isin(sizes, usual), ~np.isnan(ratios), np.arange(len(sizes))
    if not known.any() or (known[everyday].any() and (_same_ratio(ratios) or not _same_ratio(ratios[everyday]))):
        return everyday
    if _same_ratio(ratios):
        return place == np.flatnonzero(known)[0]
    shown = (everyday | np.isin(sizes, far)) & known
    for extreme in (int(np.nanargmax(ratios)), int(np.nanargmin(ratios))):
        if not np.isclose(ratios[shown], ratios[extreme], rtol=ALIKE).any():
            shown = shown | (place == extreme)
    return shown


def _same_ratio(ratios: Floats) -> bool:
    known = ratios[~np.isnan(ratios)]
    return bool(len(known) and (np.isinf(known).all() or np.ptp(known) <= EVEN * np.abs(known).max()))


def _outcome_sides(view: View) -> Sides | None:
    """A positive row predicted at 1 - c rather than c, over a negative one predicted at c rather than 1 - c."""
    sure = (*SURE, *SURER)
    wrong, right = (_places(view, p) for p in (tuple(1 - c for c in sure), sure))
    at = np.concatenate([wrong, right, right, wrong])
    y = np.repeat([1.0, 1.0, 0.0, 0.0], len(sure))
    missed, hit, alarm, silent = _values(view, y, at).reshape(4, -1)
    costs = [(m - h, a - s) for m, h, a, s in zip(missed, hit, alarm, silent, strict=True)]
    ratios = [_ratio(*cost) for cost in costs]
    shown = tuple(r for r in ratios[: len(SURE)] if r is not None)
    if len(shown) < len(SURE):
        return None
    pairs = [(r, 1 - c, 1.0) for c, r in zip(sure, ratios, strict=True) if r is not None]
    itself = [_ratio(m, a) for m, a in zip(missed, alarm, strict=True)]
    return Sides(
        SURE,
        shown,
        _agree(pairs),
        elsewhere=any(low < 0 or high < 0 for low, high in costs),
        low=any(r > 1 + EVEN for r, _, _ in pairs),
        high=any(r < 1 - EVEN for r, _, _ in pairs),
        plain=all(a is None or b is None or np.isnan(b) or _agree([(a, 0.1, 1.0), (b, 0.1, 1.0)])
                  for a, b in zip(itself, ratios, strict=True)),
    )  # fmt: skip


def _ratio(under: Any, over: Any) -> float | None:
    """The ratio as a float; NaN if both are 0; None where one is unknown."""
    if not (under.is_finite() and over.is_finite()):
        return None
    if under.is_zero() and over.is_zero():
        return float("nan")
    return float(abs(under) / abs(over)) if not over.contains(0) else float("inf")


def _agree(found: Sequence[tuple[float, float, float]]) -> bool:
    """Whether ratios, each with its error and target, are the same."""
    ratios, sizes, targets = np.array([row for row in found if not np.isnan(row[0])]).reshape(-1, 3).T
    if not ratios.size or np.isinf(ratios).any():
        return bool(ratios.size and np.isinf(ratios).all())
    middle = float(np.median(ratios))
    return bool(np.all(np.abs(ratios - middle) <= _rounding(sizes, targets) * middle))


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
    `fine`: for numbers, errors from a millionth to a million with the pulls of both sides (NaN: out of reach); `all_still`:
    nothing pulls towards the truth at any of them, whatever the target.
    """

    places: tuple[float, ...]
    first: tuple[float, ...]
    second: tuple[float, ...]
    at: float = 0.0
    power: int | None = None
    fine: tuple[tuple[float, float, float], ...] = ()
    all_still: bool = False


def pulls(view: View) -> Pulls | None:
    """How hard rows pull by the size of their error; None where nothing is known."""
    if is_number(view):
        return _number_pulls(view)
    if view.kind == "binary":
        return _outcome_pulls(view)
    return _class_pulls(view) if view.has_classes else None


def _number_pulls(view: View) -> Pulls | None:
    scale = scale_of(view)
    errors = np.unique(np.concatenate([_rounded([*scale.steps, *scale.far]), errors_of(view)]))
    found = [_pulls_at(view, float(np.round(at * EXACT) / EXACT), errors) for at in scale.targets]
    low, high = (_floats(half) for half in found[0])
    at = [int(np.flatnonzero(errors == e)[0]) for e in _rounded([*scale.steps, *scale.far])]
    if not np.isfinite([low[at[1]], high[at[1]]]).all():
        return None
    still = not any(np.any(_floats(half) > 0) for pair in found for half in pair)
    if still and view.joint and _pulls_among_others(view, scale.targets, errors):
        return None
    near = zip(scale.targets, found, strict=True)
    powers = [{k for half in pair for k in range(4) if not _is_power(half, errors, k, y)} for y, pair in near]
    return Pulls(
        tuple(map(float, errors[at])),
        tuple(map(float, low[at])),
        tuple(map(float, high[at])),
        scale.targets[0],
        next((k for k in range(4) if not any(k in wrong for wrong in powers)), None),
        tuple((float(e), float(g), float(h)) for e, g, h in zip(errors, low, high, strict=True)),
        still,
    )


def _pulls_among_others(view: View, targets: Sequence[float], errors: Floats) -> bool:
    """Whether anything pulls towards the truth in a batch of different targets: a loss may compare rows."""
    y, signed = np.repeat(targets, 2 * len(errors)), np.tile(np.concatenate([-errors, errors]), len(targets))
    pulled = _floats(view.at([view.slope], y, view.raw_at(y + signed))[0][:, 0]) * np.sign(signed)
    return bool(np.any(pulled > 0) or not np.isfinite(pulled).all())


def _pulls_at(view: View, at: float, errors: Floats) -> tuple[Any, Any]:
    """The pulls of predictions too low and too high, towards the target."""
    raw = view.raw_at(np.concatenate([at - errors, at + errors]))
    balls = view.at([view.slope], np.full(len(raw), at), raw)[0][:, 0]
    return -balls[: len(errors)], balls[len(errors) :]


def _is_power(half: Any, errors: Floats, power: int, at: float) -> bool:
    """Whether the pulls of one side, where there are any, are proportional to this power of the error."""
    known = [(g / float(e) ** power, float(e)) for g, e in zip(half, errors, strict=True) if g.is_finite()]
    middle = known[len(known) // 2][0] if known else None
    if middle is None:
        return True
    return not middle.contains(0) and all(_near(s, middle, float(_rounding(e, at))) for s, e in known)


def _near(a: Any, b: Any, most: float) -> bool:
    return vanishes(a - b, b) or bool(abs(a - b) < most * abs(b))


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
