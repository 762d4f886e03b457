"""What a study judges by: costs or a wish (`--estimate`) and the kind of target come in, an `Aim` goes out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from lossmith.advise.look.profile import Profile
from lossmith.algebra.decision import CostMatrix, Costs, ErrorCosts, UnderOver
from lossmith.errors import DataError, did_you_mean

FUNCTIONALS: Final = ("mean", "median", "quantile", "probability")


@dataclass(frozen=True)
class Estimate:
    """What a prediction shall be: the mean, the median, quantiles at `levels`, or the probability of each class."""

    functional: str
    levels: tuple[float, ...] = ()


@dataclass(frozen=True)
class Aim:
    """What is judged: `costs` of actions, or, where they are None, what the predictions estimate.

    `said` tells whether the user asked for it; else it is the usual aim of this kind of target.
    """

    costs: Costs | None
    estimate: Estimate
    said: bool

    @property
    def level(self) -> float | None:
        """The quantile that is cheapest, where costs are per unit too low and too high."""
        return self.costs.level if isinstance(self.costs, UnderOver) else None

    @property
    def levels(self) -> tuple[float, ...]:
        """The levels, where several quantiles are asked for."""
        return self.estimate.levels if len(self.estimate.levels) > 1 else ()


def estimate_from(text: str) -> Estimate:
    """Read `mean`, `median`, `quantile=0.9`, `quantile=0.1,0.5,0.9` or `probability`.

    Raises `DataError` LM534 for anything else, and for levels outside (0, 1), repeated or out of order.

    >>> estimate_from("quantile=0.1,0.9")
    Estimate(functional='quantile', levels=(0.1, 0.9))
    """
    name, equals, numbers = (part.strip() for part in text.partition("="))
    if name not in FUNCTIONALS or bool(equals) != (name == "quantile"):
        raise DataError(
            "LM534",
            f'--estimate takes mean, median, quantile=0.9 (or quantile=0.1,0.5,0.9) or probability, got "{text}".'
            f"{did_you_mean(name, FUNCTIONALS) if name not in FUNCTIONALS else ''}",
        )
    return Estimate(name, _levels(numbers) if equals else ())


def _levels(numbers: str) -> tuple[float, ...]:
    try:
        levels = tuple(float(number) for number in numbers.split(","))
    except ValueError:
        levels = ()
    if not levels or not all(0 < level < 1 for level in levels) or list(levels) != sorted(set(levels)):
        raise DataError(
            "LM534",
            f'the levels of --estimate quantile= are numbers between 0 and 1 in rising order, got "{numbers}". '
            "For example quantile=0.9, or quantile=0.1,0.5,0.9.",
        )
    return levels


def aim_of(profile: Profile, costs: Costs | None, estimate: Estimate | None) -> Aim:
    """Return what to judge by, or refuse what this kind of target cannot have.

    Raises `DataError`: LM535 for costs together with an estimate, LM531 and LM532 for costs of another kind of target,
    LM536 for an estimate of another kind.
    """
    if costs is not None and estimate is not None:
        raise DataError(
            "LM535", "--cost and --estimate both say what to aim at. Give one: the cost implies what to estimate."
        )
    if costs is not None:
        _check_costs(costs, profile)
        return Aim(costs, _implied_estimate(costs), True)
    if estimate is not None:
        _check_estimate(estimate, profile)
        return Aim(_costs_of(estimate), estimate, True)
    return USUAL.get(profile.kind, _usual_number)(profile)


def _implied_estimate(costs: Costs) -> Estimate:
    return Estimate("quantile", (costs.level,)) if isinstance(costs, UnderOver) else Estimate("probability")


def _costs_of(estimate: Estimate) -> Costs | None:
    """The costs that make an estimate the cheapest one: absolute errors for the median, lopsided ones for a quantile."""
    if estimate.functional == "median":
        return UnderOver(1.0, 1.0)
    if estimate.functional == "quantile" and len(estimate.levels) == 1:
        return UnderOver(estimate.levels[0], 1.0 - estimate.levels[0])
    return None


def _usual_number(profile: Profile) -> Aim:
    return Aim(None, Estimate("mean"), False)


def _usual_class(profile: Profile) -> Aim:
    return Aim(None, Estimate("probability"), False)


def _usual_grade(profile: Profile) -> Aim:
    return Aim(distances(len(profile.classes)), Estimate("median"), False)


USUAL: Final[Mapping[str, Callable[[Profile], Aim]]] = {
    "binary": _usual_class,
    "class": _usual_class,
    "ordinal": _usual_grade,
}


def distances(grades: int) -> CostMatrix:
    """Return the costs of ordered grades: how many grades a decision is off.

    >>> distances(3).matrix
    ((0.0, 1.0, 2.0), (1.0, 0.0, 1.0), (2.0, 1.0, 0.0))
    """
    return CostMatrix(tuple(tuple(float(abs(i - j)) for j in range(grades)) for i in range(grades)))


def _check_costs(costs: Costs, profile: Profile) -> None:
    """Costs per unit need a number; costs per error need two classes; a matrix needs its classes."""
    if isinstance(costs, UnderOver) and profile.classes:
        two = len(profile.classes) == 2
        raise DataError(
            "LM531",
            f'the costs "under" and "over" are for numbers, but {profile.target} is a choice between classes '
            f"({profile.reason}). {'Give false_negative= and false_positive=' if two else 'Give a matrix of costs'}, "
            "or say --kind real if it is a number.",
        )
    if isinstance(costs, ErrorCosts) and (len(profile.classes) != 2 or profile.kind == "ordinal"):
        raise DataError(
            "LM532",
            f'the costs "false_negative" and "false_positive" are for two classes, but {profile.target} is of kind '
            f"{profile.kind} ({profile.reason}). Give under= and over= for a number, a matrix of costs for classes.",
        )


def _check_estimate(estimate: Estimate, profile: Profile) -> None:
    of_classes = estimate.functional == "probability"
    if of_classes != bool(profile.classes) or (of_classes and profile.kind == "ordinal"):
        fits = "probability" if profile.kind in ("binary", "class") else "mean, median or quantile=0.9"
        advice = "Leave --estimate out, or give --cost" if profile.kind == "ordinal" else f"Ask for {fits}"
        raise DataError(
            "LM536",
            f"--estimate {estimate.functional} does not fit {profile.target}, which is of kind {profile.kind} "
            f"({profile.reason}). {advice}.",
        )
