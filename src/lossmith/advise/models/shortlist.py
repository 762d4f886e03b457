"""Choose losses to try: a `Profile` and costs come in, 4 to 6 candidates with a reason each go out.

The choice is one table, `ROWS`: every row whose kinds and condition hold gives a candidate, in this order, up to six.
All of them are sums over rows, so that a booster can train under them.

Sources: the cheapest quantile under linear costs is under / (under + over) (Koenker and Bassett 1978); the weight of a
class in the log loss follows the ratio of its costs (Elkan 2001); Huber's 1.345 spreads (Huber 1964; 95 % efficiency).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from lossmith.advise.look.profile import Profile
from lossmith.errors import DataError, did_you_mean
from lossmith.report.words import number

MOST = 6
HUBER_SPREADS = 1.345
MAD_TO_SD = 1.4826
RARE = 0.2

COST_KEYS = ({"under", "over"}, {"false_negative", "false_positive"})


@dataclass(frozen=True)
class Candidate:
    """A loss to try: `ls.get(loss_name, **parameters)`, and why. Exactly one candidate of a list `is_default`."""

    loss_name: str
    parameters: dict[str, float] = field(default_factory=dict)
    reason: str = ""
    is_default: bool = False


Facts = Mapping[str, Any]


def _always(facts: Facts) -> bool:
    return True


def _leaning(facts: Facts) -> bool:
    return "level" in facts and facts["level"] != 0.5


def _weighing(facts: Facts) -> bool:
    return "alpha" in facts and facts["alpha"] != 0.5


def _rare_without_costs(facts: Facts) -> bool:
    return "alpha" not in facts and "level" not in facts and facts["rarest"] < RARE


def _without_lean(facts: Facts) -> bool:
    return not _leaning(facts)


@dataclass(frozen=True)
class Row:
    """One row of the table: for which kinds, when, which loss, with which parameters (from the facts), and why."""

    kinds: str
    loss_name: str
    reason: str
    parameters: Callable[[Facts], dict[str, float]] = lambda facts: {}
    when: Callable[[Facts], bool] = _always
    is_default: bool = False


NUMBERS = "real positive nonnegative count fraction"

ROWS: tuple[Row, ...] = (
    Row(NUMBERS, "squared_error", "Aims at the mean; what most tools train by if nothing is said.", is_default=True),
    Row(
        NUMBERS,
        "quantile",
        "One unit too low costs {under:g}, one too high {over:g}: the cheapest prediction is the value that "
        "{percent:.4g} % of such rows stay below (under / (under + over)).",
        lambda facts: {"level": facts["level"]},
        _leaning,
    ),
    Row(
        NUMBERS,
        "expectile",
        "Leans as that quantile does, but smoothly and with more weight on far misses: often steadier on few rows.",
        lambda facts: {"level": facts["level"]},
        _leaning,
    ),
    Row(
        "count nonnegative positive",
        "poisson",
        "Predictions stay above zero, and effects multiply; right for counts (its spread grows with the mean, here "
        "{mean}).",
    ),
    Row(
        "positive",
        "gamma",
        "For amounts above zero: being 10 % off weighs the same for a small amount as for a large one (skew {skew:.2g}).",
    ),
    Row("fraction", "binary_cross_entropy", "Predictions stay between 0 and 1, and errors near 0 and 1 weigh more."),
    Row("fraction", "brier", "Squared error of a prediction that stays between 0 and 1."),
    Row(
        NUMBERS,
        "absolute_error",
        "Aims at the median ({median}; the mean is {mean}): a few far values hardly move it.",
    ),
    Row(
        NUMBERS,
        "huber",
        "Squared up to {delta_words} from the truth, absolute beyond: the mean of the usual rows, calm about far ones.",
        lambda facts: {"delta": facts["delta"]},
    ),
    Row(
        "real",
        "log_cosh",
        "A smooth middle way: squared within about 1 of the truth, absolute beyond (so it depends on the unit).",
        when=_without_lean,
    ),
    Row("binary", "binary_cross_entropy", "Gives probabilities; what most tools train by.", is_default=True),
    Row(
        "binary",
        "focal",
        'A missed "{positive}" costs {false_negative:g}, a false alarm {false_positive:g}: the log loss with these '
        "weights (gamma=0 is the plain log loss).",
        lambda facts: {"gamma": 0.0, "alpha": facts["alpha"]},
        _weighing,
    ),
    Row(
        "binary",
        "focal",
        'Only {percent_positive:.3g} % of the rows are "{positive}": the log loss with both classes weighing the same.',
        lambda facts: {"gamma": 0.0, "alpha": facts["balance"]},
        _rare_without_costs,
    ),
    Row("binary", "brier", "Squared error of the probability: a wrong label costs at most 1, so bad labels hurt less."),
    Row(
        "binary",
        "focal",
        "Looks at the rows that are still uncertain and less at the easy ones.",
        lambda facts: {"gamma": 2.0},
    ),
    Row(
        "binary",
        "focal",
        "The same at half strength, nearer to true probabilities.",
        lambda facts: {"gamma": 1.0},
    ),
    Row("class", "cross_entropy", "Gives probabilities; what most tools train by.", is_default=True),
    Row(
        "class",
        "label_smoothed_cross_entropy",
        "Never asks for full certainty: helps where some labels are wrong.",
        lambda facts: {"epsilon": 0.1},
    ),
    Row(
        "class",
        "softmax_focal",
        "Looks at the rows that are still uncertain and less at the easy ones (rarest class: {percent_rarest:.3g} %).",
        lambda facts: {"gamma": 2.0},
    ),
    Row(
        "class",
        "softmax_focal",
        "The same at half strength, nearer to true probabilities.",
        lambda facts: {"gamma": 1.0},
    ),
)


def shortlist(profile: Profile, cost: Mapping[str, float] | None = None) -> tuple[Candidate, ...]:
    """Return 4 to 6 losses that fit the target (and the costs), the default first.

    `cost` is `{"under": …, "over": …}` per unit of a number or `{"false_negative": …, "false_positive": …}` per row
    of two classes. Raises `DataError` LM515 for other keys, for costs that are not above zero, and for costs that the
    kind of target cannot have.

    >>> import polars as pl
    >>> from lossmith.advise.look.profile import profile
    >>> found = profile(pl.DataFrame({"x": range(3, 33), "y": [i - 14.5 for i in range(30)]}), target="y")
    >>> [c.loss_name for c in shortlist(found, {"under": 5, "over": 1})]
    ['squared_error', 'quantile', 'expectile', 'absolute_error', 'huber']
    >>> shortlist(found, {"under": 5, "over": 1})[1].parameters
    {'level': 0.8333333333333334}
    """
    facts = _facts(profile, dict(cost or {}))
    rows = [row for row in ROWS if profile.kind in row.kinds.split() and row.when(facts)]
    return tuple(
        Candidate(row.loss_name, row.parameters(facts), row.reason.format_map(facts), row.is_default)
        for row in rows[:MOST]
    )


def _facts(profile: Profile, cost: dict[str, float]) -> Facts:
    """Return what conditions, parameters and reasons read."""
    facts: dict[str, Any] = {**_cost_facts(profile, cost), "mean": number(profile.mean), "skew": profile.skew}
    facts |= {"rarest": profile.rarest, "percent_rarest": 100 * profile.rarest, "positive": profile.positive}
    if profile.kind == "binary":
        share = float(profile.y.mean())
        return facts | {"balance": 1 - share, "percent_positive": 100 * share}
    if profile.classes:
        return facts
    median = float(np.median(profile.y))
    spread = MAD_TO_SD * float(np.median(np.abs(profile.y - median))) or profile.sd
    delta = float(f"{HUBER_SPREADS * spread:.3g}")
    return facts | {"median": number(median), "delta": delta, "delta_words": number(delta)}


def _cost_facts(profile: Profile, cost: dict[str, float]) -> dict[str, float]:
    if not cost:
        return {}
    known = COST_KEYS[0] | COST_KEYS[1]
    unknown = next((key for key in cost if key not in known), None)
    if unknown is not None:
        hint = did_you_mean(unknown, known)
        raise DataError("LM515", f'The cost "{unknown}" is not known. Known: {", ".join(sorted(known))}.{hint}')
    asked = COST_KEYS[1 if profile.kind == "binary" else 0]
    if set(cost) != asked or profile.kind == "class":
        sort = "no costs yet" if profile.kind == "class" else " and ".join(sorted(asked))
        raise DataError("LM515", f"A target of the kind {profile.kind} takes {sort}, found {' and '.join(cost)}.")
    bad = next((key for key, value in cost.items() if not 0 < value < float("inf")), None)
    if bad is not None:
        raise DataError("LM515", f'The cost "{bad}" must be above zero and finite, got {cost[bad]:g}.')
    if "under" in cost:
        level = cost["under"] / (cost["under"] + cost["over"])
        return {**cost, "level": level, "percent": 100 * level}
    return {**cost, "alpha": cost["false_negative"] / (cost["false_negative"] + cost["false_positive"])}
