"""What is judged by: wishes are read, costs imply what to estimate, and what a target cannot have is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest

from lossmith.advise.look.aim import Aim, Estimate, aim_of, distances, estimate_from
from lossmith.advise.look.profile import Profile, profile
from lossmith.algebra.decision import CostMatrix, ErrorCosts, UnderOver, costs_for, costs_from
from lossmith.errors import DataError

N = 60
TARGETS: dict[str, Any] = {
    "real": np.linspace(-1, 1, N),
    "positive": np.linspace(0.1, 1.3, N),
    "nonnegative": np.linspace(0.0, 1.3, N),
    "count": np.arange(N) % 7,
    "fraction": np.linspace(0, 1, N),
    "binary": ["no", "yes", "no"] * 20,
    "class": ["u", "v", "w"] * 20,
    "ordinal": [1, 2, 3] * 20,
}
NUMBERS = ("real", "positive", "nonnegative", "count", "fraction")


def made(kind: str) -> Profile:
    return profile(pl.DataFrame({"x": [i % 9 for i in range(N)], "y": TARGETS[kind]}), target="y", kind=kind)


def aim(kind: str, cost: Any = None, estimate: str | None = None) -> Aim:
    found = made(kind)
    costs = costs_for(costs_from(cost), found.classes) if cost is not None else None
    return aim_of(found, costs, estimate_from(estimate) if estimate else None)


@pytest.mark.parametrize(
    ("text", "estimate"),
    [
        ("mean", Estimate("mean")),
        ("median", Estimate("median")),
        ("probability", Estimate("probability")),
        ("quantile=0.9", Estimate("quantile", (0.9,))),
        (" quantile = 0.1, 0.5 ,0.9 ", Estimate("quantile", (0.1, 0.5, 0.9))),
    ],
)
def test_wishes_are_read(text: str, estimate: Estimate) -> None:
    assert estimate_from(text) == estimate


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("meen", 'Did you mean "mean"'),
        ("quantile", "quantile=0.9"),
        ("mean=3", "--estimate takes"),
        ("", "--estimate takes"),
        ("quantile=", "numbers between 0 and 1"),
        ("quantile=1", "numbers between 0 and 1"),
        ("quantile=0", "numbers between 0 and 1"),
        ("quantile=nan", "numbers between 0 and 1"),
        ("quantile=0.9,0.1", "rising order"),
        ("quantile=0.5,0.5", "rising order"),
        ("quantile=a", "numbers between 0 and 1"),
    ],
)
def test_wishes_that_mean_nothing_are_refused(text: str, words: str) -> None:
    with pytest.raises(DataError, match="LM534") as caught:
        estimate_from(text)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_costs_imply_what_to_estimate() -> None:
    found = aim("real", "under=5, over=1")
    assert found == Aim(UnderOver(5, 1), Estimate("quantile", (5 / 6,)), True)
    assert found.level == 5 / 6
    errors = aim("binary", "false_negative=20, false_positive=1")
    assert errors == Aim(ErrorCosts(20, 1), Estimate("probability"), True)
    assert errors.level is None


@pytest.mark.parametrize(
    ("estimate", "costs"),
    [("median", UnderOver(1, 1)), ("quantile=0.75", UnderOver(0.75, 0.25)), ("mean", None), ("quantile=0.1,0.9", None)],
)
def test_wishes_have_the_costs_that_make_them_cheapest(estimate: str, costs: Any) -> None:
    found = aim("real", estimate=estimate)
    assert found.costs == costs
    assert found.said
    assert found.levels == ((0.1, 0.9) if "," in estimate else ())


@pytest.mark.parametrize("kind", NUMBERS)
def test_a_number_is_judged_by_its_mean_if_nothing_is_said(kind: str) -> None:
    assert aim(kind) == Aim(None, Estimate("mean"), False)


def test_classes_are_judged_by_probabilities_and_grades_by_how_far_off() -> None:
    assert aim("binary") == aim("class") == Aim(None, Estimate("probability"), False)
    assert aim("ordinal") == Aim(distances(3), Estimate("median"), False)


def test_distances_are_those_of_places() -> None:
    matrix = np.array(distances(4).matrix)
    assert (matrix == matrix.T).all()
    assert matrix[0].tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize("kind", ["class", "ordinal"])
def test_a_matrix_is_for_classes(kind: str) -> None:
    matrix = [[0, 1, 5], [1, 0, 1], [9, 2, 0]]
    found = aim(kind, matrix)
    assert isinstance(found.costs, CostMatrix)
    assert found.costs.matrix == tuple(tuple(map(float, row)) for row in matrix)


@pytest.mark.parametrize(
    ("kind", "options", "code", "words"),
    [
        ("real", {"cost": "under=5, over=1", "estimate": "mean"}, "LM535", "Give one"),
        ("binary", {"cost": "under=5, over=1"}, "LM531", "false_negative="),
        ("class", {"cost": "under=5, over=1"}, "LM531", "a matrix of costs"),
        ("ordinal", {"cost": "under=5, over=1"}, "LM531", "--kind real"),
        ("real", {"cost": "false_negative=5, false_positive=1"}, "LM532", "under= and over="),
        ("class", {"cost": "false_negative=5, false_positive=1"}, "LM532", "two classes"),
        ("real", {"estimate": "probability"}, "LM536", "mean, median or quantile=0.9"),
        ("binary", {"estimate": "mean"}, "LM536", "Ask for probability"),
        ("class", {"estimate": "median"}, "LM536", "Ask for probability"),
        ("ordinal", {"estimate": "probability"}, "LM536", "give --cost"),
        ("ordinal", {"estimate": "mean"}, "LM536", "give --cost"),
    ],
)
def test_what_a_target_cannot_have_is_refused(kind: str, options: dict[str, Any], code: str, words: str) -> None:
    with pytest.raises(DataError, match=code) as caught:
        aim(kind, **options)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
