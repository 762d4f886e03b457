"""What one outlier does to a model under a loss, measured on a small sample as the outlier moves from near to far.

Comes in: a loss. Goes out: an `Influence` record. Of targets that are numbers: by how much one more row moves the best constant
of 30 real ones. Of classes: how hard one wrongly labelled row pulls, beside all 30 right rows together.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lossmith.errors import LossmithError
from lossmith.loss.handle import Loss
from lossmith.loss.known_facts import facts
from lossmith.report.loss_page.moved import constants, has_grid
from lossmith.report.loss_page.scenes import columns_of

Floats = NDArray[np.float64]

# The first 30 targets of scikit-learn's load_diabetes: how far the disease went within a year (a test compares them).
DIABETES: Final = (
    *(151.0, 75.0, 141.0, 206.0, 135.0, 97.0, 138.0, 63.0, 110.0, 310.0, 101.0, 69.0, 179.0, 185.0, 118.0),
    *(171.0, 166.0, 144.0, 97.0, 168.0, 68.0, 49.0, 68.0, 245.0, 184.0, 202.0, 137.0, 85.0, 131.0, 283.0),
)
SOURCE: Final = "30 targets of the diabetes data (Efron, Hastie, Johnstone and Tibshirani, 2004), as in scikit-learn"
MADE: Final = "30 made rows that are right, and one that is wrong"
TARGETS: Final = np.arange(50.0, 1001.0, 50.0)
FEW: Final = TARGETS[4::5]
FAR: Final = np.array([1e6, 1e9])
ROUNDING: Final = 1e-12  # of a constant: a shift that is no larger is none
GROWS: Final = 1.01
"""A shift that is no larger than this times an earlier one, a thousand times nearer, has stopped growing."""


@dataclass(frozen=True)
class Influence:
    """One outlier: `y` over `x`, and beside it the same of simpler quantities; what it shows, and whether there is an end to it.

    `sentence` says it in numbers; `limit` says how far it goes in the end, and `bounded` whether it stops growing.
    """

    title: str
    x_label: str
    y_label: str
    x: tuple[float, ...]
    y: tuple[float, ...]
    beside: tuple[tuple[str, tuple[float, ...]], ...]
    sentence: str
    limit: str
    bounded: bool
    source: str


def influence(loss: Loss) -> Influence | None:
    """What one outlier does under this loss; None where the loss has several targets, or no best constant to move.

    >>> import lossmith as ls
    >>> print(influence(ls.get("mse")).sentence)
    One target of 1,000 among 30 others moves the best constant by 27.7, from 142.5 to 170.2; it moves the median by 0.5.
    >>> influence(ls.get("mae")).bounded, influence(ls.get("mse")).bounded
    (True, False)
    """
    if len(loss.definition.declaration.target) > 1:
        return None
    measure = MEASURES.get(loss.target)
    try:
        with np.errstate(all="ignore"):
            return None if measure is None else measure(loss.using("numpy"))
    except LossmithError:  # no best constant, or one that is not known before the loss is fitted
        return None


def _is_capped(loss: Loss) -> str:
    """How hard a row pulls at most, where that is known."""
    known = facts(loss).lipschitz
    if not loss.is_additive or known.value is None or not math.isfinite(known.value) or known.evidence == "refuted":
        return ""
    return f": no row pulls harder than {known.value:.4g} [{known.evidence}]"


# Targets that are numbers -------------------------------------------------------------------------------------------


def _of_numbers(loss: Loss) -> Influence | None:
    sample = np.array(DIABETES)
    x = TARGETS if has_grid(loss) else FEW
    start, *found = constants(loss, sample, np.concatenate([x, FAR])).tolist()
    if not np.isfinite([start, *found]).all():
        return None
    moved_by = np.array(found) - start
    moved_by[np.abs(moved_by) <= ROUNDING * abs(start)] = 0.0
    shifts, (far, farther) = moved_by[: x.size], np.abs(moved_by[x.size :])
    bounded = bool(farther <= GROWS * max(far, float(np.abs(shifts).max())))
    beside: dict[str, Callable[..., Any]] = {"mean": np.mean, "median": np.median}
    moved = {name: [float(of([*sample, t]) - of(sample)) for t in x] for name, of in beside.items()}
    other = "mean" if abs(shifts[-1] - moved["mean"][-1]) > abs(shifts[-1] - moved["median"][-1]) else "median"
    return Influence(
        title="One outlier among 30 real targets",
        x_label="target of one more row",
        y_label="what it moves the best constant by",
        x=tuple(map(float, x)),
        y=tuple(map(float, shifts)),
        beside=tuple((f"the {name}", tuple(values)) for name, values in moved.items()),
        sentence=f"One target of 1,000 among 30 others moves the best constant by {_told(shifts[-1])}, from {_told(start)} to "
        f"{_told(start + shifts[-1])}; it moves the {other} by {_told(moved[other][-1])}.",
        limit=_end_of_numbers(loss, farther, bounded),
        bounded=bounded,
        source=SOURCE,
    )


def _told(number: float) -> str:
    """A number for people; the smallest are told by their digits."""
    return f"{number:,.1f}" if abs(number) >= 0.05 or number == 0 else f"{number:.2g}"


def _end_of_numbers(loss: Loss, farther: float, bounded: bool) -> str:
    if bounded:
        return f"However far it is, it moves no more: a target of 1e9 moves it by {_told(farther)}{_is_capped(loss)}."
    return f"The farther it is, the more it moves, without end: a target of 1e9 moves it by {farther:.4g}."


# Targets that are classes -------------------------------------------------------------------------------------------

SURE: Final = 2.0
STEPS: Final = np.linspace(0.0, 10.0, 21)
FURTHER: Final[Mapping[str, tuple[float, float]]] = {"raw": (24.0, 600.0), "probability": (12.0, 24.0)}


@dataclass(frozen=True)
class Right:
    """30 rows that are right: targets, raw predictions (by class, if they have classes), and the wrong row's target and side."""

    targets: tuple[float, ...]
    raw: tuple[tuple[float, ...], ...]
    wrong: float
    side: tuple[float, ...]


OF_TWO: Final = Right((0.0, 1.0) * 15, ((-SURE,), (SURE,)) * 15, 0.0, (1.0,))
OF_GRADES: Final = Right((0.0, 1.0, 2.0) * 10, ((-SURE,), (0.0,), (SURE,)) * 10, 0.0, (1.0,))
OF_CLASSES: Final = Right((0.0, 1.0, 2.0) * 10, tuple(map(tuple, SURE * np.eye(3))) * 10, 0.0, (0.0, 1.0, 0.0))
RIGHT: Final[Mapping[str, Right]] = {
    "binary": OF_TWO,
    "fraction": OF_TWO,
    "ordinal": OF_GRADES,
    "class": OF_CLASSES,
    "simplex": OF_CLASSES,
}


def _of_classes(loss: Loss) -> Influence | None:
    declaration = loss.definition.declaration
    if declaration.heads:
        return None
    right = RIGHT[loss.target]
    pulls = np.array([_pull(loss, right, step) for step in STEPS])
    near, far = (_pull(loss, right, step) for step in FURTHER[declaration.on])
    if not np.isfinite([*pulls, near]).all():
        return None
    bounded = bool(far <= GROWS * max(near, float(pulls.max())))
    return Influence(
        title="One wrongly labelled row beside 30 right ones",
        x_label="raw prediction for the wrong answer" if declaration.on == "raw" else "the same before a link",
        y_label="its pull, relative to all others together",
        x=tuple(map(float, STEPS)),
        y=tuple(map(float, pulls)),
        beside=(),
        sentence=f"A wrong label on a row that is predicted with a raw number of {STEPS[-1]:g} for the other answer pulls "
        f"{pulls[-1]:.3g} times as hard as 30 right rows together, whose raw numbers are {SURE:g}; at {SURE:g} it pulls "
        f"{pulls[STEPS == SURE][0]:.3g} times as hard.",
        limit=_end_of_classes(loss, far, bounded),
        bounded=bounded,
        source=MADE,
    )


def _end_of_classes(loss: Loss, far: float, bounded: bool) -> str:
    step = FURTHER[loss.definition.declaration.on][1]
    if bounded:
        return f"However sure it is, it pulls no harder: {far:.3g} times at {step:g}{_is_capped(loss)}."
    return f"The surer it is, the harder it pulls, without end: {far:.3g} times at {step:g}."


def _pull(loss: Loss, right: Right, step: float) -> float:
    """The gradient that the wrong row exerts, over those of the right rows added up; by absolute values."""
    raw = np.vstack([np.array(right.raw), step * np.array(right.side)])
    targets = (*right.targets, right.wrong)
    given = loss.definition.declaration.on == "probability"
    z = _probabilities(raw) if given else raw
    y: Any = np.array(targets)
    if loss.target in ("class", "ordinal"):
        y = y.astype(np.int64)
    if loss.target == "simplex":
        y = np.eye(raw.shape[1])[y.astype(np.int64)]
    columns = {name: np.asarray(a) for name, a in columns_of(loss, targets, loss.target)}
    z = z if raw.shape[1] > 1 else z[:, 0]
    size = np.abs(loss.gradient(y, z, columns=columns or None)).reshape(len(targets), -1).sum(axis=1)
    return float(size[-1] / size[:-1].sum())


def _probabilities(raw: Floats) -> Floats:
    if raw.shape[1] == 1:
        return 1 / (1 + np.exp(-raw))
    grown = np.exp(raw - raw.max(axis=1, keepdims=True))
    return np.asarray(grown / grown.sum(axis=1, keepdims=True))


MEASURES: Final[Mapping[str, Callable[[Loss], Influence | None]]] = {
    **dict.fromkeys(("real", "positive", "nonnegative", "count"), _of_numbers),
    **dict.fromkeys(RIGHT, _of_classes),
}
