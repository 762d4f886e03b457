"""What a number is counted in: an aim and a profile come in, words that follow a number go out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from lossmith.advise.look.aim import Aim
from lossmith.advise.look.profile import Profile
from lossmith.algebra.decision import CostMatrix, ErrorCosts, UnderOver
from lossmith.report.words import amount


def unit_of(profile: Profile) -> str:
    """The unit of the target, as it follows a number: "in minutes", or "in units of delay" where none is known."""
    known = profile.unit_name != profile.target
    return f"in {profile.unit_name}" if known else f"in units of {profile.target}"


def unit_words(aim: Aim, profile: Profile) -> str:
    """What a mean cost is counted in, as it follows the number."""
    words = UNITS[type(aim.costs)](aim.costs, profile)
    if isinstance(aim.costs, UnderOver) and aim.estimate.functional == "median" and aim.costs.column is None:
        return unit_of(profile)
    return f"per row {words}".strip()


def _per_unit(costs: UnderOver, profile: Profile) -> str:
    times = f", times {costs.column}" if costs.column else ""
    return f"{unit_of(profile)} (too low counts {costs.under:.4g}×, too high {costs.over:.4g}×{times})"


def _per_error(costs: ErrorCosts, profile: Profile) -> str:
    missed, alarm = amount(costs.false_negative), amount(costs.false_positive)
    times = f", times {costs.column}" if costs.column else ""
    return f"(a missed “{profile.positive}” costs {missed}, a false alarm {alarm}{times})"


def _per_decision(costs: CostMatrix, profile: Profile) -> str:
    return f"(by the matrix of costs{f', times {costs.column}' if costs.column else ''})"


UNITS: Final[Mapping[type[Any], Callable[[Any, Profile], str]]] = {
    UnderOver: _per_unit,
    ErrorCosts: _per_error,
    CostMatrix: _per_decision,
}


def aim_words(aim: Aim, profile: Profile) -> str:
    """What is judged by, in one phrase; empty where nothing was asked for."""
    if not aim.said:
        return "how many grades a decision is off" if isinstance(aim.costs, CostMatrix) else ""
    if aim.estimate.functional in ESTIMATES and not _costs_were_given(aim):
        return ESTIMATES[aim.estimate.functional](aim)
    return SENTENCES[type(aim.costs)](aim.costs, profile)


def _costs_were_given(aim: Aim) -> bool:
    costs = aim.costs
    if isinstance(costs, UnderOver):
        median = aim.estimate.functional == "median"
        return not median and not (costs.under == aim.estimate.levels[0] and costs.under + costs.over == 1)
    return costs is not None


ESTIMATES: Final[Mapping[str, Callable[[Aim], str]]] = {
    "mean": lambda aim: "the mean is asked for",
    "median": lambda aim: "the median is asked for (as many rows above it as below)",
    "quantile": lambda aim: (
        "asked for: what "
        + ", ".join(f"{100 * level:.4g} %" for level in aim.estimate.levels)
        + " of such rows stay below"
    ),
    "probability": lambda aim: "probabilities are asked for",
}


def _per_unit_sentence(costs: UnderOver, profile: Profile) -> str:
    times = f", times the row's {costs.column}" if costs.column else ""
    unit = profile.unit_name
    return f"{costs.under:g} for each unit of {unit} predicted too low, {costs.over:g} for each unit too high{times}"


def _per_error_sentence(costs: ErrorCosts, profile: Profile) -> str:
    times = f", times the row's {costs.column}" if costs.column else ""
    missed, alarm = amount(costs.false_negative), amount(costs.false_positive)
    return f"{missed} for each missed “{profile.positive}”, {alarm} for each false alarm{times}"


def _matrix_sentence(costs: CostMatrix, profile: Profile) -> str:
    return f"a matrix of costs for {len(costs.matrix)} classes"


SENTENCES: Final[Mapping[type[Any], Callable[[Any, Profile], str]]] = {
    UnderOver: _per_unit_sentence,
    ErrorCosts: _per_error_sentence,
    CostMatrix: _matrix_sentence,
}
