"""What the table of losses reads: a profile and an aim come in, the facts that conditions and reasons speak of go out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lossmith.advise.look.aim import Aim
from lossmith.advise.look.profile import Profile
from lossmith.advise.models.rows import Facts
from lossmith.algebra.decision import CostMatrix, ErrorCosts
from lossmith.report.words import amount, number

Floats = NDArray[np.float64]
HUBER_SPREADS: Final = 1.345
MAD_TO_SD: Final = 1.4826
LOGISTIC_SPREADS: Final = 0.614  # a logistic noise with this scale has the spread 1 (median |error| times 1.4826)
STUDENT_SPREADS: Final = 0.911  # the same of Student-t noise with 4 degrees of freedom
HEAVY: Final = 1.3


@dataclass(frozen=True)
class Prior:
    """Targets and what a first model says of them, (n,) each; without a model the mean of the targets."""

    y: Floats
    y_pred: Floats


def facts_of(profile: Profile, aim: Aim, first: Prior | None = None) -> Facts:
    """Return what conditions, parameters and reasons read."""
    costs = aim.costs
    facts: dict[str, Any] = {
        "level": aim.level,
        "levels": aim.levels,
        "percent": 100 * (aim.level or 0.5),
        "under": getattr(costs, "under", 1.0),
        "over": getattr(costs, "over", 1.0),
        "by_row": bool(getattr(costs, "by_row", False) or getattr(costs, "column", None)),
        "rarest": profile.rarest,
        "percent_rarest": 100 * profile.rarest,
        "positive": profile.positive,
        "skew": profile.skew,
        "mean": number(profile.mean),
    }
    return facts | (
        _class_facts(profile, aim) if profile.classes else _number_facts(profile, first or _without(profile))
    )


def _without(profile: Profile) -> Prior:
    return Prior(profile.y, np.full(len(profile.y), profile.mean))


def _class_facts(profile: Profile, aim: Aim) -> Facts:
    counts = np.asarray(profile.counts, dtype=np.float64)
    balance = counts.sum() / (len(counts) * counts)
    facts: dict[str, Any] = {"cost_weights": None, "balance": tuple(float(weight) for weight in balance)}
    facts["percent_positive"] = 100 * float(counts[-1] / counts.sum())
    return facts | WEIGHTS.get(type(aim.costs), _no_weights)(aim.costs)


def _no_weights(costs: Any) -> Facts:
    return {}


def _error_weights(costs: ErrorCosts) -> Facts:
    """Weights of the two classes by what an error in each costs, unless a column says it row by row."""
    missed, alarm = costs.false_negative, costs.false_positive
    said: Facts = {"false_negative": amount(missed), "false_positive": amount(alarm)}
    if isinstance(missed, str) or isinstance(alarm, str) or costs.column or missed == alarm:
        return said
    return said | {"cost_weights": (alarm, missed)}


def _matrix_weights(costs: CostMatrix) -> Facts:
    """The weight of a class is what errors about it cost together (Breiman et al. 1984, section 4.4)."""
    matrix = np.asarray(costs.matrix, dtype=np.float64)
    totals = (matrix - matrix.min(axis=1, keepdims=True)).sum(axis=1)
    said: Facts = {}
    if len(matrix) == 2:
        said = {
            "false_negative": number(matrix[1, 0] - matrix[1, 1]),
            "false_positive": number(matrix[0, 1] - matrix[0, 0]),
        }
    if costs.column or not totals.min() > 0 or totals.min() == totals.max():
        return said
    return said | {"cost_weights": tuple(float(total) for total in totals / totals.mean())}


WEIGHTS: Final[Mapping[type[Any], Callable[[Any], Facts]]] = {
    ErrorCosts: _error_weights,
    CostMatrix: _matrix_weights,
}


def _number_facts(profile: Profile, first: Prior) -> Facts:
    """What is left once a first model has said what it can: parameters of losses are about the noise, not the signal."""
    y, p = first.y, first.y_pred
    residual = y - p
    spread = MAD_TO_SD * float(np.median(np.abs(residual - np.median(residual)))) or float(residual.std()) or 1.0
    delta, wide = _rounded(HUBER_SPREADS * spread), _rounded(LOGISTIC_SPREADS * spread)
    return {
        "median": number(float(np.median(profile.y))),
        "delta": delta,
        "delta_words": number(delta),
        "scale": _rounded(STUDENT_SPREADS * spread),
        "scale_words": number(_rounded(STUDENT_SPREADS * spread)),
        "width": wide,
        "width_words": number(wide),
        "heavy": _tails(residual) > HEAVY,
        **_count_facts(profile, y, p),
    }


def _count_facts(profile: Profile, y: Floats, p: Floats) -> Facts:
    """How counts vary around the first model's means, beside Poisson counts."""
    mean, square = float(p.mean()), float((p**2).mean())
    variance = float(((y - p) ** 2).mean())
    with np.errstate(over="ignore"):
        expected = float(np.exp(-p).mean())
    extra = (float((y == 0).mean()) - expected) / (1 - expected) if 0 < expected < 1 else 0.0
    return {
        "ratio": variance / mean if mean > 0 else 1.0,
        "dispersion": _rounded(max(0.0, variance - mean) / square) if square > 0 else 0.0,
        "zeros": profile.zeros,
        "percent_zeros": 100 * profile.zeros,
        "extra_zeros": _rounded(extra, 2),
    }


def _rounded(value: float, digits: int = 3) -> float:
    return float(f"{value:.{digits}g}")


def _tails(y: Floats) -> float:
    """How much farther the outer hundredths lie than a bell curve would put them, in units of the middle half."""
    low, first, third, high = np.quantile(y, [0.01, 0.25, 0.75, 0.99])
    width = float(third - first)
    return float(high - low) / width / 3.449 if width > 0 else 1.0
