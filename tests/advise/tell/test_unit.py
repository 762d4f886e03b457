"""What a number is counted in, in the user's words."""

from __future__ import annotations

import polars as pl
import pytest

from lossmith.advise.look.aim import aim_of, estimate_from
from lossmith.advise.look.profile import Profile, profile
from lossmith.advise.tell.unit import aim_words, amount, unit_of, unit_words
from lossmith.algebra.decision import costs_for, costs_from


def made(name: str, classes: bool = False) -> Profile:
    target = ["ill", "well"] * 30 if classes else [float(i) - 20.5 for i in range(60)]
    return profile(pl.DataFrame({"x": [i % 9 for i in range(60)], name: target}), target=name)


@pytest.mark.parametrize(
    ("cost", "words", "sentence"),
    [
        ("under=5, over=1", "too low counts 5×, too high 1×", "5 for each unit of"),
        ("under=5, over=1, column=stake", "times stake", "times the row's stake"),
    ],
)
def test_costs_of_numbers(cost: str, words: str, sentence: str) -> None:
    found = made("delay")
    aim = aim_of(found, costs_for(costs_from(cost)), None)
    assert words in unit_words(aim, found)
    assert unit_words(aim, found).startswith("per row in ")
    assert sentence in aim_words(aim, found)


@pytest.mark.parametrize(
    ("cost", "words"),
    [
        ("false_negative=20, false_positive=1", "costs 20, a false alarm 1"),
        ("false_negative=amount, false_positive=10", "costs what amount says, a false alarm 10"),
        ([[0, 1], [5, 1]], "by the matrix of costs"),
    ],
)
def test_costs_of_classes(cost: object, words: str) -> None:
    found = made("state", classes=True)
    aim = aim_of(found, costs_for(costs_from(cost), found.classes), None)  # type: ignore[arg-type]
    assert words in unit_words(aim, found)
    assert aim_words(aim, found)


@pytest.mark.parametrize(
    ("estimate", "words"),
    [
        ("mean", "the mean is asked for"),
        ("median", "the median is asked for"),
        ("quantile=0.9", "what 90 % of such rows stay below"),
        ("quantile=0.1,0.5", "what 10 %, 50 % of such rows stay below"),
    ],
)
def test_wishes(estimate: str, words: str) -> None:
    found = made("delay")
    assert words in aim_words(aim_of(found, None, estimate_from(estimate)), found)


def test_nothing_asked_is_nothing_said() -> None:
    assert aim_words(aim_of(made("delay"), None, None), made("delay")) == ""


def test_a_unit_that_is_not_known_is_that_of_the_target() -> None:
    assert unit_of(made("delay")).endswith("delay")
    assert amount(3.0) == "3"
    assert amount("stake") == "what stake says"
