"""The facts of a loss in the order in which people read them: one table.

Comes in: nothing. Goes out: `PROPERTIES`: for each fact its name, what it says in words, and the function that finds it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from lossmith.calculus.evidence import Fact
from lossmith.calculus.facts import additive, shape
from lossmith.calculus.properties.bending import convex, strict_everywhere, strongly_convex
from lossmith.calculus.properties.calibrated import classification_calibrated
from lossmith.calculus.properties.dependence import dependence
from lossmith.calculus.properties.functionals import estimates
from lossmith.calculus.properties.levels import bounded_below, differentiable, symmetric
from lossmith.calculus.properties.noise import noise_model
from lossmith.calculus.properties.outcomes import ASKED
from lossmith.calculus.properties.proper import proper, strictly_proper
from lossmith.calculus.properties.steepness import lipschitz, robust, smoothness
from lossmith.formula.definition import Definition

Parameters = Mapping[str, float] | None
Find = Callable[[Definition, Parameters], Fact[Any]]

NO_ANSWER: Final = "does not apply"
NOT_KNOWN: Final = "not known"


def plain(value: Any) -> str:
    """An answer in a few words."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, tuple):
        return ", ".join(map(str, value)) or "nothing else"
    return "none" if value is None else str(getattr(value, "text", value))


def _constant(value: float | None) -> str:
    """A constant, or no where there is none."""
    return "no" if value is None or not math.isfinite(value) else f"yes, constant {value:.6g}"


def _floor(value: float | None) -> str:
    if value is None:
        return "the least depends on the target"
    return f"yes, by {value:.6g}" if math.isfinite(value) else "no"


def _times(value: float) -> str:
    """How often a loss can be differentiated."""
    if value < 1:
        return "not everywhere" if value == 0 else "no, it jumps"
    return "as often as you like" if math.isinf(value) else "once" if value == 1 else f"{value:g} times"


@dataclass(frozen=True)
class Property:
    """One fact: its name, what it says in words, how it is found, and the words for an answer."""

    name: str
    title: str
    find: Find
    words: Callable[[Any], str] = plain


def _of_form(find: Callable[[Definition], Fact[Any]]) -> Find:
    return lambda definition, parameters: find(definition)


ROWS: Final = (
    Property("functional", "estimates", estimates),
    Property("noise_model", "noise model", noise_model),
    Property("proper", "proper", proper),
    Property("strictly_proper", "strictly proper", strictly_proper),
    Property("classification_calibrated", "calibrated", classification_calibrated),
    Property("convex", "convex", convex),
    Property("strictly_convex", "strictly convex", strict_everywhere),
    Property("strongly_convex", "strongly convex", strongly_convex, _constant),
    Property("lipschitz", "Lipschitz", lipschitz, _constant),
    Property("smoothness", "Lipschitz slope", smoothness, _constant),
    Property("differentiable", "differentiable", differentiable, _times),
    Property("bounded_below", "bounded below", bounded_below, _floor),
    Property("symmetric", "symmetric", symmetric),
    Property("robust", "robust", robust),
    Property("additive", "sum over rows", _of_form(additive)),
    Property("shape", "shape", _of_form(shape)),
    Property("dependence", "depends also on", dependence),
)
PROPERTIES: Final[Mapping[str, Property]] = {row.name: row for row in ROWS}


def arises(fact: Fact[Any]) -> bool:
    """Whether the question makes sense for this loss."""
    return fact.value is not None or not fact.note.startswith(ASKED)


def answer_text(row: Property, fact: Fact[Any]) -> str:
    """The answer of a fact in a few words.

    >>> answer_text(PROPERTIES["proper"], Fact(True, "proved")), answer_text(PROPERTIES["noise_model"], Fact(None, "proved"))
    ('yes', 'none')
    """
    if not arises(fact):
        return NO_ANSWER
    return NOT_KNOWN if fact.evidence == "open" and row.name not in NAMED else row.words(fact.value)


NAMED: Final = ("functional",)  # an open answer that has words of its own
