"""A loss in words: what is divided by what, printed from the formula."""

from __future__ import annotations

import pytest

import lossmith as ls
from tests.properties.cases import CASES, Case


@pytest.mark.parametrize("case", CASES, ids=repr)
def test_every_loss_can_be_explained(case: Case) -> None:
    text = case.loss.explain()
    assert case.loss.name in text
    assert ("denominator" in text) == case.loss.is_additive
    assert all(line.strip() for line in text.splitlines())


def test_means_sums_and_ratios_say_what_they_divide_by() -> None:
    assert "denominator: the sum over rows of sample_weight" in ls.get("mse").explain()
    assert "nothing is divided" in ls.get("sum_of_squares_half").explain()
    assert "finished per class" in ls.get("dice").explain()
    assert "weight of its class" in ls.get("ce").reweight([1, 2]).explain()
    assert "balanced" in ls.get("ce").reweight("balanced").explain()
    assert '"price"' in ls.get("mse").reweight(by="price").explain()
