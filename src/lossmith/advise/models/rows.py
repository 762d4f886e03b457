"""The table of losses worth trying: which loss for which kind of target, when, with which parameters, and why.

Comes in: nothing. Goes out: `ROWS`, which `shortlist` reads from top to bottom.

Sources: the cheapest quantile under linear costs is under / (under + over) (Koenker and Bassett 1978); the weight of a
class in the log loss follows the ratio of its costs (Elkan 2001); Huber's 1.345 spreads (Huber 1964; 95 % efficiency).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

NUMBERS: Final = "real positive nonnegative count fraction"
RARE: Final = 0.2

Facts = dict[str, Any]


def _always(facts: Facts) -> bool:
    return True


def _leaning(facts: Facts) -> bool:
    return facts["level"] not in (None, 0.5)


def _several(facts: Facts) -> bool:
    return bool(facts["levels"])


def _heavy(facts: Facts) -> bool:
    return bool(facts["heavy"])


def _spread_out(facts: Facts) -> bool:
    """Counts that vary more than a Poisson count would."""
    return bool(facts["dispersion"] > 0)


def _extra_zeros(facts: Facts) -> bool:
    return bool(facts["extra_zeros"] > 0.02)


def _has_zeros(facts: Facts) -> bool:
    return bool(facts["zeros"] > 0)


def _costs_differ(facts: Facts) -> bool:
    return facts["cost_weights"] is not None


def _rare(facts: Facts) -> bool:
    return facts["cost_weights"] is None and bool(facts["rarest"] < RARE)


def _by_row(facts: Facts) -> bool:
    return bool(facts["by_row"])


@dataclass(frozen=True)
class Row:
    """One row of the table: for which kinds, when, which loss, with which parameters (from the facts), and why.

    `weights` names the fact that holds the weights of the classes.
    """

    kinds: str
    loss_name: str
    reason: str
    parameters: Callable[[Facts], dict[str, float]] = lambda facts: {}
    when: Callable[[Facts], bool] = _always
    is_default: bool = False
    weights: str = ""
    by_cost: bool = False
    levels: bool = False


ROWS: Final[tuple[Row, ...]] = (
    Row(NUMBERS, "squared_error", "Aims at the mean; what most tools train by if nothing is said.", is_default=True),
    Row(
        NUMBERS,
        "quantile",
        "One unit too low costs {under:g}, one too high {over:g}: the cheapest prediction is the value that "
        "{percent:.4g} % of such rows stay below (under / (under + over)).",
        lambda facts: {"level": facts["level"]},
        _leaning,
        by_cost=True,
    ),
    Row(
        NUMBERS,
        "quantile",
        "One model for each level that was asked for: each aims at the value that so many rows stay below.",
        lambda facts: {"level": facts["levels"][0]},
        _several,
        levels=True,
    ),
    Row(
        "count",
        "poisson",
        "Predictions stay above zero, and effects multiply; right for counts (its spread grows with the mean, here "
        "{mean}).",
    ),
    Row(
        "nonnegative positive",
        "poisson",
        "Predictions stay above zero, and effects multiply; it asks only that the spread grows with the mean.",
    ),
    Row(
        "count",
        "negative_binomial",
        "These counts vary {ratio:.2g} times as much as independent events would; this loss allows for it.",
        lambda facts: {"dispersion": facts["dispersion"]},
        _spread_out,
    ),
    Row(
        "count nonnegative",
        "tweedie",
        "Many exact zeros and amounts above them, as sums of a random number of claims have.",
        lambda facts: {"power": 1.5},
        _has_zeros,
    ),
    Row(
        "count",
        "zero_inflated_poisson",
        "More zeros than Poisson counts would have ({percent_zeros:.2g} % of the rows): some rows never count.",
        lambda facts: {"zero": facts["extra_zeros"]},
        _extra_zeros,
    ),
    Row(
        "positive",
        "gamma",
        "For amounts above zero: being 10 % off weighs the same for a small amount as for a large one (skew {skew:.2g}).",
    ),
    Row(
        "positive",
        "log_normal",
        "Aims at the median through the logarithm: ratios count, and a few huge amounts hardly move it.",
        lambda facts: {"sigma": 1.0},
    ),
    Row("fraction", "binary_cross_entropy", "Predictions stay between 0 and 1, and errors near 0 and 1 weigh more."),
    Row("fraction", "brier", "Squared error of a prediction that stays between 0 and 1."),
    Row(
        NUMBERS,
        "absolute_error",
        "Aims at the median ({median}; the mean is {mean}): a few far values hardly move it.",
        by_cost=True,
    ),
    Row(
        NUMBERS,
        "huber",
        "Squared up to {delta_words} from the truth, absolute beyond: the mean of the usual rows, calm about far ones.",
        lambda facts: {"delta": facts["delta"]},
    ),
    Row(
        "real positive",
        "student_t",
        "Rows far out count ever less: for noise with wild rows (its scale is {scale_words}).",
        lambda facts: {"degrees": 4.0, "scale": facts["scale"]},
        _heavy,
    ),
    Row(
        NUMBERS,
        "expectile",
        "Leans as that quantile does, but smoothly and with more weight on far misses: often steadier on few rows.",
        lambda facts: {"level": facts["level"]},
        _leaning,
        by_cost=True,
    ),
    Row(
        "real",
        "logistic",
        "Between squared and absolute error, smoothly, with the scale {width_words}.",
        lambda facts: {"scale": facts["width"]},
    ),
    Row("binary", "binary_cross_entropy", "Gives probabilities; what most tools train by.", is_default=True),
    Row(
        "binary",
        "binary_cross_entropy",
        'A missed "{positive}" costs {false_negative}, a false alarm {false_positive}: the log loss with these weights.',
        when=_costs_differ,
        weights="cost_weights",
    ),
    Row(
        "binary",
        "binary_cross_entropy",
        "Each row weighs what a wrong decision about it costs.",
        when=_by_row,
        by_cost=True,
    ),
    Row(
        "binary",
        "binary_cross_entropy",
        'Only {percent_positive:.3g} % of the rows are "{positive}": the log loss with both classes weighing the same.',
        when=_rare,
        weights="balance",
    ),
    Row("binary", "brier", "Squared error of the probability: a wrong label costs at most 1, so bad labels hurt less."),
    Row(
        "binary",
        "focal",
        "Looks at the rows that are still uncertain and less at the easy ones.",
        lambda facts: {"gamma": 2.0},
    ),
    Row("binary", "focal", "The same at half strength, nearer to true probabilities.", lambda facts: {"gamma": 1.0}),
    Row("class", "cross_entropy", "Gives probabilities; what most tools train by.", is_default=True),
    Row(
        "class",
        "cross_entropy",
        "Wrong decisions about a class cost more or less: cross entropy with these weights.",
        when=_costs_differ,
        weights="cost_weights",
    ),
    Row(
        "class",
        "cross_entropy",
        "The rarest class has only {percent_rarest:.3g} % of the rows: cross entropy with all classes weighing the same.",
        when=_rare,
        weights="balance",
    ),
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
    Row(
        "ordinal",
        "squared_error",
        "Takes the grades as numbers 0, 1, 2 …, and rounds its prediction to a grade; what most people do.",
        is_default=True,
    ),
    Row(
        "ordinal", "ordinal", "The grades are cut from one line: knows their order, and needs one number for each row."
    ),
    Row("ordinal", "absolute_error", "The grades as numbers, with absolute errors: aims at the middle grade."),
    Row(
        "ordinal",
        "huber",
        "The grades as numbers: squared up to one grade off, absolute beyond.",
        lambda facts: {"delta": 1.0},
    ),
    Row("ordinal", "cross_entropy", "Takes the grades as classes without an order, and gives each a probability."),
)
