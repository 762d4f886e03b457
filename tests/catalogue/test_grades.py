"""The proportional-odds loss: its numbers, also at cut points that are infinite, in every kernel and in LightGBM."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import lossmith as ls
from lossmith.formula.roles import roles
from lossmith.interpret import truths
from lossmith.numerics.formats import FLOAT64

CUTS = np.array([-np.inf, -1.0, 0.5, 2.0, np.inf])
SIZES = [0.0, 1e-300, 1e-15, 1e-8, 0.3, 0.5, 1.0, 2.0, 17.0, 50.0, 300.0, 700.0, 1e4, 1e30, 1e300]
RAW = np.array([s * x for x in SIZES for s in (1.0, -1.0)])


def columns(grades: Any) -> dict[str, Any]:
    return {"low": CUTS[grades], "high": CUTS[np.asarray(grades) + 1]}


def exact(low: float, high: float, raw: Any) -> list[Any]:
    """Value, gradient and hessian to the last digit; an infinite cut is one that no prediction reaches."""
    loss = ls.get("ordinal")
    leaves = roles(loss.definition.declaration).leaves
    found = loss.expressions
    nodes = [found.per_example, found.gradient[0], found.hessian[0]]
    values = {leaves[k]: np.full(raw.shape, v) for k, v in (("low", low), ("high", high), ("y", 0.0))}
    return [t.rounded.ravel() for t in truths(nodes, values | {leaves["z"]: raw}, FLOAT64)]  # type: ignore[list-item]


@pytest.mark.parametrize("backend", ["numpy", "numba"])
@pytest.mark.parametrize(("low", "high"), [(-1.0, 1.0), (0.5, 2.0), (0.0, 1e-9), (-np.inf, 1.0), (-1.0, np.inf)])
def test_value_gradient_and_hessian_keep_the_contract(low: float, high: float, backend: Any) -> None:
    loss = ls.get("ordinal").using(backend)
    given = {"low": np.full(RAW.shape, low), "high": np.full(RAW.shape, high)}
    y = np.zeros(RAW.shape)
    value = loss.per_example(y, RAW, columns=given)
    gradient, hessian = loss.per_example_gradient_and_hessian(y, RAW, columns=given)
    for found, truth in zip((value, gradient, hessian), exact(low, high, RAW), strict=True):
        # 16 units, rule (d) for what is below the normal numbers; beside the root at 1.25, rule (b): 0.5 times z / 4
        slack = np.where(np.abs(RAW - 1.25) < 0.4, 2.0**-52, 0.0)
        assert (np.abs(found - truth) <= 16 * 2.0**-52 * np.abs(truth) + slack + 2.0**-1022).all(), (found, truth)


@pytest.mark.parametrize("backend", ["numpy", "numba"])
def test_a_row_whose_grade_is_not_known_teaches_nothing(backend: Any) -> None:
    loss = ls.get("ordinal").using(backend)
    given = {"low": np.full(RAW.shape, -np.inf), "high": np.full(RAW.shape, np.inf)}
    outputs = loss.per_example_gradient_and_hessian(np.zeros(RAW.shape), RAW, columns=given)
    assert not any(a.any() for a in (loss.per_example(np.zeros(RAW.shape), RAW, columns=given), *outputs))


def test_the_probabilities_of_all_grades_add_up_to_one() -> None:
    grades, z = np.repeat(np.arange(4), RAW.size), np.tile(RAW, 4)
    share = np.exp(-ls.get("ordinal").per_example(grades, z, columns=columns(grades))).reshape(4, -1)
    np.testing.assert_allclose(share.sum(axis=0), 1.0, rtol=8 * 2.0**-52)


def test_two_grades_are_log_loss() -> None:
    y, z = np.array([0, 1, 1, 0]), np.array([0.3, -1.5, 40.0, 700.0])
    cuts = np.array([-np.inf, 0.0, np.inf])
    found = ls.get("ordinal").per_example(y, z, columns={"low": cuts[y], "high": cuts[y + 1]})
    np.testing.assert_allclose(found, ls.get("bce").per_example(y, z), rtol=8 * 2.0**-52)


def test_lightgbm_learns_grades_with_infinite_cuts() -> None:
    rng = np.random.default_rng(5)
    x = rng.normal(size=(1500, 2))
    grades = np.searchsorted(CUTS[1:-1], 2 * x[:, 0] + rng.logistic(size=1500))
    given = columns(grades)
    loss = ls.get("ordinal")
    model = ls.for_lightgbm(loss, columns=given).train(x, grades, rounds=40)
    raw = model.predict(x, raw_score=True)
    constant = loss.best_constant(grades, columns=given)
    assert np.corrcoef(raw, x[:, 0])[0, 1] > 0.9
    assert loss.value(grades, raw, columns=given) < 0.8 * loss.value(grades, np.full(1500, constant), columns=given)
