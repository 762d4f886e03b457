"""What is known at one value of a column is no fact of the loss: it holds at several, or it is said to depend on it."""

from __future__ import annotations

import pytest

import lossmith as ls


def test_a_number_that_holds_at_one_value_of_a_column_is_not_known() -> None:
    known = ls.facts(ls.parse("cost*(y - z)**2", target="real", columns=("cost",)))
    for fact in (known.strongly_convex, known.smoothness, known.noise_model):
        assert fact.evidence == "open" and fact.note.startswith("it depends on the column cost: ")
    assert (
        "constant 3.5 at cost = 1.75" in known.smoothness.note and "constant 1 at cost = 0.5" in known.smoothness.note
    )
    assert "scale 1, normaliser 2.506628 at cost = 0.5" in known.noise_model.note


def test_what_is_the_same_at_several_values_is_sampled_and_says_at_which() -> None:
    known = ls.facts(ls.parse("cost*(y - z)**2", target="real", columns=("cost",)))
    assert (known.functional.value.text, known.functional.evidence) == ("mean", "sampled")
    assert known.functional.note.endswith("at cost = 0.5; at cost = 1.75; at cost = 4")
    assert (known.bounded_below.value, known.bounded_below.evidence) == (0.0, "sampled")


def test_the_least_of_an_ordinal_loss_depends_on_its_cut_points() -> None:
    known = ls.facts("ordinal")
    assert known.bounded_below.evidence == "open"
    assert "it depends on the columns low and high" in known.bounded_below.note
    assert (known.smoothness.value, known.smoothness.evidence) == (0.5, "proved")  # for all cut points


@pytest.mark.parametrize("name", ["convex", "differentiable", "functional"])
def test_a_column_that_is_not_in_the_formula_changes_nothing(name: str) -> None:
    fact = getattr(ls.facts('mse.reweight(by="cost")'), name)
    assert fact.evidence == "proved" and "cost" not in fact.note
