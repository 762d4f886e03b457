"""Bounds of a formula hold at every point that is looked at, close in on what is reached, and cost few evaluations."""

from __future__ import annotations

import numpy as np
import pytest

import lossmith as ls
from lossmith.calculus.properties import extremes as module
from lossmith.calculus.properties.bending import bend_of
from lossmith.calculus.properties.cases import Case, studied
from lossmith.calculus.properties.ends import wave_ends
from lossmith.calculus.properties.levels import value_of
from lossmith.calculus.properties.steepness import slope_of

FORMULAS = (
    "log(1 + exp(-(y - z)))**2",
    "where(y > z, 3*(y - z)**2, abs(y - z))",
    "sin(y - z)*exp(-(y - z)**2) + 0.25*(y - z)**2",
    "1e12*(1 - exp(-(y - z)**2))",
)


def case_of(formula: str) -> Case:
    study = studied(ls.parse(formula, target="real").definition)
    assert not isinstance(study, str)
    return study.cases[0]


@pytest.mark.parametrize("formula", FORMULAS)
def test_bounds_hold_and_are_near(formula: str) -> None:
    case = case_of(formula)
    z = np.concatenate([np.linspace(-40.0, 40.0, 20_001) + 0.00013, np.array([-1e6, -1e-12, 1e-12, 1e6])])
    for find, root in ((value_of, case.node), (slope_of, case.slope), (bend_of, case.bend)):
        found, values = find(case), case.values(root, z)
        assert found is not None
        rounding = 1e-9 * np.abs(values).max()
        assert found.low <= values.min() + rounding and values.max() - rounding <= found.high
        for bound, seen in ((found.low, values.min()), (found.high, values.max())):  # the grid is 0.004 wide
            assert not np.isfinite(bound) or abs(bound - seen) <= 1e-5 * max(1.0, np.abs(values[np.abs(z) < 40]).max())


def test_a_gradient_that_holds_a_part_fixed_is_no_slope_of_the_value() -> None:
    found = value_of(
        case_of("0.5*tanh(y - z) - stop_gradient(tanh(y - z))")
    )  # -0.5 tanh, whose gradient counts as +0.5
    assert found is not None and found.low <= -0.5 and found.high >= 0.5


@pytest.mark.parametrize("name", ["sin", "cos"])
def test_a_wave_lies_between_its_ends_or_reaches_its_top_or_bottom(name: str) -> None:
    random = np.random.default_rng(5)
    low = random.uniform(-50.0, 50.0, 2000)
    high = low + 10.0 ** random.uniform(-6, 1, 2000)
    inside = low[:, None] + (high - low)[:, None] * np.linspace(0.0, 1.0, 257)
    values = getattr(np, name)(inside)
    ends = np.array([wave_ends(name, a, b) for a, b in zip(low, high, strict=True)])
    assert (ends[:, 0] <= values.min(axis=1) + 1e-15).all() and (values.max(axis=1) - 1e-15 <= ends[:, 1]).all()
    step = (high - low) / 256
    assert (values.min(axis=1) - ends[:, 0] <= step + 1e-8).all() and (
        ends[:, 1] - values.max(axis=1) <= step + 1e-8
    ).all()
    assert wave_ends(name, 1e7, 1e7 + 0.1) == (-1.0, 1.0)


def test_a_sum_of_terms_is_bounded_in_few_evaluations(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = 0
    real = module.ranges

    def counted(*args: object) -> object:
        nonlocal calls
        calls += 1
        return real(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(module, "ranges", counted)
    bend_of.__wrapped__(case_of(" + ".join(f"{i}*log(1 + exp(-(y - z)/{i}))**2" for i in (1, 2, 3))))
    assert 0 < calls < 60  # splitting each piece to its own extremes took 200
