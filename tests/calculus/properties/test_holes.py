"""Losses that are no number somewhere: the place is found between any probes, and no fact claims across it."""

from __future__ import annotations

import math

import pytest

import lossmith as ls
from lossmith.calculus.convexity import smooth
from lossmith.calculus.properties.cases import Study, studied
from lossmith.calculus.properties.holes import holes, lost, whole
from lossmith.calculus.properties.steepness import robust

# Each place by hand: where a denominator is 0, or what a logarithm or a root is taken of leaves its domain.
# formula: the place nearest to 0 at the target 0, what happens below and above it
PLACES = {
    "log(y - z)": (0.0, "down", "nothing"),
    "sqrt(y - z)": (0.0, "number", "nothing"),
    "(y - z)**(-0.5)": (0.0, "up", "nothing"),
    "log(1 - (y - z)**2)": (-1.0, "nothing", "down"),
    "1/(z - 1.2345)**2 + (y - z)**2": (1.2345, "up", "up"),
    "log(abs(y - z - 0.777))": (-0.777, "down", "down"),
    "1/(y - z - 0.1)": (-0.1, "up", "down"),
    "1/((y - z)**2 - 2*(y - z) + 1)": (-1.0, "up", "up"),  # touches 0 and crosses nothing
    "log((y - z - 1.2)**2 - 1e-4)": (-1.19, "nothing", "down"),  # two places that are nearer than any probes
    "1/(3*z - 1) + y*z": (1 / 3, "down", "up"),  # no float lies at the pole
    "sin(y - z)/cos(y - z)": (-math.pi / 2, "down", "up"),
    "abs(y - z)/(abs(y) + abs(z))": (0.0, "number", "number"),
    "sin(y - z)/(y - z)": (0.0, "number", "number"),
}
NONE = (
    "where(z > 1, log(z), z - 1)",  # the branch that has none is not taken there
    "abs(y - z)*log(abs(y - z))",
    "abs(y - z)**0.5",
    "exp(exp(y - z))",
    "log(1 + (y - z)**2)",
    "1/(2 + sin(y - z))",
)


def study_of(formula: str) -> Study:
    found = studied(ls.parse(formula, target="real").definition)
    assert not isinstance(found, str)
    return found


@pytest.mark.parametrize("formula", PLACES)
def test_a_place_without_a_number_is_found(formula: str) -> None:
    place, below, above = PLACES[formula]
    first = next(hole for hole in holes(study_of(formula)) if hole.target == 0)
    assert first.raw == pytest.approx(place, abs=1e-15) and (first.below, first.above) == (below, above)
    assert not whole(study_of(formula))


@pytest.mark.parametrize("formula", NONE)
def test_a_loss_that_is_a_number_everywhere_is_shown_to_be(formula: str) -> None:
    assert holes(study_of(formula)) == () and whole(study_of(formula))


@pytest.mark.parametrize(
    ("formula", "target", "raw"), [("1/((y - 1.2345)**2 + z**2)", 1.2345, 0.0), ("1/(y - 1.2345) + z**2", 1.2345, 0.0)]
)
def test_a_target_between_those_that_are_looked_at_has_its_hole(formula: str, target: float, raw: float) -> None:
    assert (holes(study_of(formula))[0].target, holes(study_of(formula))[0].raw) == (target, raw)
    assert ls.facts(ls.parse(formula, target="real")).differentiable.value == 0.0


BREAKS = ("convex", "strictly_convex", "strongly_convex", "lipschitz", "smoothness")


@pytest.mark.parametrize("formula", [*list(PLACES)[:7], "1/(3*z - 1) + y*z"])
def test_nothing_is_claimed_across_a_hole_and_what_is_refuted_is_shown(formula: str) -> None:
    known = ls.facts(ls.parse(formula, target="real"))
    for name, fact in known:
        if fact.counterexample is not None:
            exec(fact.counterexample, {})
        if name in BREAKS:
            assert fact.evidence in ("open", "refuted") and fact.value in (False, None, 0.0, math.inf), name
    assert known.differentiable.value == 0.0 and "is no number" in known.differentiable.note
    falls = "down" in PLACES[formula][1:]
    assert (known.bounded_below.value == -math.inf) == falls and known.bounded_below.evidence != "proved"


def test_a_loss_of_outcomes_with_a_pole_is_not_said_to_be_calibrated() -> None:
    known = ls.facts(ls.parse("-y*log(p) - (1-y)*log(1-p) + 0.001/(z - 1.2345)**2", target="binary", link="sigmoid"))
    for fact in (known.functional, known.proper, known.classification_calibrated):
        assert fact.evidence in ("open", "refuted")
    assert not smooth(known.loss.definition).value


@pytest.mark.parametrize("formula", ["log(y - p)", "sqrt(1/(y - p))", "log(0.3 - p)*y + p**2", "y*sqrt(y - p) + p**2"])
def test_facts_of_outcomes_are_open_where_an_outcome_has_no_loss(formula: str) -> None:
    known = ls.facts(ls.parse(formula, target="binary", link="sigmoid"))
    for fact in (known.functional, known.proper, known.strictly_proper, known.classification_calibrated):
        assert fact.evidence == "open"


def test_a_derivative_where_the_loss_is_no_number_is_no_pull() -> None:
    known = ls.facts(ls.parse("-log(z) + y*z", target="positive"))
    for fact in (known.lipschitz, known.smoothness):
        assert fact.value == math.inf and "towards z=0" in fact.note and "z=-" not in fact.note


def test_words_name_the_place() -> None:
    assert lost(study_of("log(y - z)")).startswith("the loss is no number at y=0, z=0: there is none just above")
    assert lost(study_of("sqrt(y - z)")) == "the loss is no number beyond y=0, z=0, above it"


@pytest.mark.parametrize(
    ("formula", "kind", "beside"),
    [
        ("abs(y - z)**0.5", "redescending", "z=0"),
        ("abs(y - z)**0.5 + abs(y - z)", "bounded", "z=0"),
        ("log(abs(y - z - 0.777))", "redescending", "z=-0.777"),
        ("log(abs(y - z) + 0.1)", "redescending", ""),
        ("-log(abs(y - z)) + (y - z)**2", "none", ""),
    ],
)
def test_a_pull_that_grows_towards_the_target_is_not_one_that_grows_with_distance(
    formula: str, kind: str, beside: str
) -> None:
    found = robust(ls.parse(formula, target="real").definition).value
    assert (found.kind, found.beside) == (kind, beside)
    assert ("farther" in found.text) == (kind == "none")
