"""What the table of losses reads: a profile and an aim come in, the facts that conditions and reasons speak of go out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np

from lossmith.advise.look.aim import Aim
from lossmith.advise.look.profile import Profile
from lossmith.advise.models.rows import Facts
from lossmith.algebra.decision import CostMatrix, ErrorCosts
from lossmith.report.words import number

HUBER_SPREADS: Final = 1.345
MAD_TO_SD: Final = 1.4826
HEAVY: Final = 1.3


def facts_of(profile: Profile, aim: Aim) -> Facts:
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
    return facts | (_class_facts(profile, aim) if profile.classes else _number_facts(profile))


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
    said: Facts = {"false_negative": missed, "false_positive": alarm}
    if isinstance(missed, str) or isinstance(alarm, str) or costs.column or missed == alarm:
        return said
    return said | {"cost_weights": (alarm, missed)}


def _matrix_weights(costs: CostMatrix) -> Facts:
    """The weight of a class is what errors about it cost together (Breiman et al. 1984, section 4.4)."""
    totals = np.asarray(costs.matrix, dtype=np.float64).sum(axis=1)
    if costs.column or not totals.min() > 0 or totals.min() == totals.max():
        return {}
    return {"cost_weights": tuple(float(total) for total in totals / totals.mean())}


WEIGHTS: Final[Mapping[type[Any], Callable[[Any], Facts]]] = {
    ErrorCosts: _error_weights,
    CostMatrix: _matrix_weights,
}


def _number_facts(profile: Profile) -> Facts:
    y = profile.y
    median = float(np.median(y))
    spread = MAD_TO_SD * float(np.median(np.abs(y - median))) or profile.sd
    delta = float(f"{HUBER_SPREADS * spread:.3g}")
    scale = float(f"{spread / 2:.3g}")
    mean, variance = profile.mean, profile.sd**2
    dispersion = max(0.0, (variance - mean) / mean**2) if mean > 0 else 0.0
    expected = float(np.exp(-mean)) if mean < 700 else 0.0
    return {
        "median": number(median),
        "delta": delta,
        "delta_words": number(delta),
        "scale": scale,
        "scale_words": number(scale),
        "heavy": _tails(y) > HEAVY,
        "mean_value": mean,
        "ratio": variance / mean if mean > 0 else 1.0,
        "dispersion": float(f"{dispersion:.3g}"),
        "zeros": profile.zeros,
        "percent_zeros": 100 * profile.zeros,
        "extra_zeros": float(f"{min(max((profile.zeros - expected) / (1 - expected), 0.01), 0.99):.2g}"),
    }


def _tails(y: Any) -> float:
    """How much farther the outer hundredths lie than a bell curve would put them, in units of the middle half."""
    low, first, third, high = np.quantile(y, [0.01, 0.25, 0.75, 0.99])
    width = float(third - first)
    return float(high - low) / width / 3.449 if width > 0 else 1.0
