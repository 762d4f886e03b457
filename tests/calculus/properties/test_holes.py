"""Losses that are no number somewhere: nothing is claimed across the hole."""

from __future__ import annotations

import math

import pytest

import lossmith as ls
from lossmith.calculus.properties.levels import bounded_below, differentiable, symmetric
from lossmith.calculus.properties.steepness import lipschitz, smoothness

FORMULAS = ("log(y-z)", "sqrt(y-z)", "1/(z-1)**2 + (y-z)**2")


@pytest.mark.parametrize("formula", FORMULAS)
def test_nothing_is_claimed_where_the_loss_is_no_number(formula: str) -> None:
    definition = ls.parse(formula, target="real").definition
    found = [ask(definition) for ask in (differentiable, bounded_below, symmetric, lipschitz, smoothness)]
    assert [fact.evidence for fact in found] == ["open"] * 5
    assert all("no number at y=" in fact.note for fact in found)
    assert math.isnan(found[3].value)
