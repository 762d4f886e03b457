"""Cutting formulas into passes: as few walks over the rows as the formula allows."""

from __future__ import annotations

import pytest

import lossmith as ls
from lossmith.compiler import program
from lossmith.formula.node import walk


def passes(text: str, wanted: tuple[str, ...] = ("value",), weighted: bool = False, **declared: object) -> ls.Loss:
    loss = ls.parse(text, target="real", **declared)
    return program(loss.definition, wanted, weighted)  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("text", "rounds"),
    [
        ("(y - z)**2", 1),
        ("sqrt(mean((y - z)**2))", 1),
        ("sum(y*z)/(sum(y**2) + sum(z**2))", 1),
        ("mean((y - z - mean(y - z))**2)", 2),
        ("mean(abs(y - z - mean(y - z))) / mean((y - mean(y))**2)", 2),
        ("log(mean(exp(y - z - log(mean(exp(y - z))))))", 2),
        ("mean((z - mean((z - mean(z))**2))**2)", 3),
    ],
)
def test_a_sum_that_reads_a_sum_needs_another_walk(text: str, rounds: int) -> None:
    assert passes(text).rounds == rounds  # type: ignore[attr-defined]


def test_value_and_gradient_of_a_mean_take_one_walk_and_of_a_ratio_two() -> None:
    assert len(passes("(y - z)**2", ("value", "gradient")).passes) == 1  # type: ignore[attr-defined]
    assert len(passes("sqrt(mean((y - z)**2))", ("value", "gradient")).passes) == 2  # type: ignore[attr-defined]


def test_the_total_weight_needs_no_walk() -> None:
    plan = passes("(y - z)**2", ("gradient",), weighted=True)
    assert plan.rounds == 0  # type: ignore[attr-defined]
    assert len(plan.counts) >= 1  # type: ignore[attr-defined]


def test_unweighted_kernels_read_no_weight() -> None:
    for weighted in (False, True):
        plan = passes("(y - z)**2", ("value", "gradient"), weighted)
        roots = [root for part in plan.passes for root in part.roots]  # type: ignore[attr-defined]
        assert any(getattr(n.attr, "role", "") == "weight" for n in walk(*roots)) == weighted
