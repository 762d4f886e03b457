"""The facts of a loss in the order in which people read them: one table.

Comes in: nothing. Goes out: `PROPERTIES`: for each fact its name, what it says in words, and the function that finds it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from lossmith.calculus.evidence import Fact
from lossmith.calculus.facts import additive, shape
from lossmith.calculus.functional import UNNAMED
from lossmith.calculus.properties.bending import convex, strict_everywhere, strongly_convex
from lossmith.calculus.properties.by_column import joined, settings, unknown
from lossmith.calculus.properties.calibrated import classification_calibrated
from lossmith.calculus.properties.cases import studied
from lossmith.calculus.properties.dependence import dependence
from lossmith.calculus.properties.functionals import estimates
from lossmith.calculus.properties.holes import lost
from lossmith.calculus.properties.levels import bounded_below, differentiable, symmetric
from lossmith.calculus.properties.noise import noise_model
from lossmith.calculus.properties.outcomes import ASKED
from lossmith.calculus.properties.proper import proper, strictly_proper
from lossmith.calculus.properties.steepness import Robustness, lipschitz, robust, smoothness
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


def _where_defined(find: Find) -> Find:
    """A fact that is seen or proved by numbers at places: open where the loss is no number at some place."""

    def found(definition: Definition, parameters: Parameters) -> Fact[Any]:
        fact = find(definition, parameters)
        study = studied(definition, parameters) if fact.evidence in ("proved", "sampled") and fact.value else ""
        missing = "" if isinstance(study, str) else lost(study)
        return replace(fact, evidence="open", points=0, note=missing) if missing else fact

    return found


def _of_form(find: Callable[[Definition], Fact[Any]]) -> Find:
    return lambda definition, parameters: find(definition)


ROWS: Final = (
    Property("functional", "estimates", _where_defined(estimates)),
    Property("noise_model", "noise model", _where_defined(noise_model)),
    Property("proper", "proper", _where_defined(proper)),
    Property("strictly_proper", "strictly proper", _where_defined(strictly_proper)),
    Property("classification_calibrated", "calibrated", _where_defined(classification_calibrated)),
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
OF_FORM: Final = ("additive", "shape", "dependence")  # read off the formula, columns and all
AT_NUMBERS: Final = ("functional", "noise_model", "proper", "strictly_proper", "classification_calibrated")
NOTHING: Final[Mapping[str, Any]] = {
    "functional": UNNAMED,
    "robust": Robustness("none", math.nan),
    "strongly_convex": None,
    "bounded_below": None,
}


def _by_column(row: Property) -> Find:
    """The fact of a loss that reads columns: what is seen or proved at one value of them only is looked at at others."""

    def found(definition: Definition, parameters: Parameters) -> Fact[Any]:
        fact, fixed = row.find(definition, parameters), settings(definition)
        everywhere = fact.evidence == "proved" and row.name not in AT_NUMBERS  # columns are free in these proofs
        if not fixed or everywhere or fact.evidence in ("open", "refuted"):
            return fact
        facts = [(said, row.find(one, parameters)) for said, one in fixed]
        columns = [name for name in definition.declaration.columns if name not in fixed[0][1].declaration.columns]
        return joined(fact, facts, columns, row.words, NOTHING.get(row.name, unknown(fact.value)))

    return found


PROPERTIES: Final[Mapping[str, Property]] = {
    row.name: row if row.name in OF_FORM else replace(row, find=_by_column(row)) for row in ROWS
}


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
