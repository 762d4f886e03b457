"""Assertions named by the mathematics. Every bound says where it comes from.

Comes in: a case and a backend. Goes out: nothing, or an AssertionError that shows the numbers.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.properties import oracle
from tests.properties.cases import Case

# The contract's bound for losses that are not everyday ones, in units of the last place of the largest entry. Cases are
# away from roots, so the largest entry of a row of outputs is a fair scale for each; two passes add a factor of 2.
ULPS = 32
# (1 + erf(z / sqrt 2)) / 2 has rounded to its first digits for negative z; for raw predictions above -2.5 that costs a
# factor of 1 / p < 200 in the gradient and its square in the second derivative.
LOSING = {"log_loss_probit": 200.0}
DIFFERENCES = 2.0**-100  # what second differences of balls of 400 bits make of an exact 0 is far below
SPACING = float(np.finfo(np.float64).eps)


def close(found: Any, exact: Any, ulps: float = ULPS) -> None:
    found, exact = np.asarray(found, dtype=np.float64), np.asarray(exact, dtype=np.float64)
    assert found.shape == exact.shape, (found.shape, exact.shape)
    if not exact.size:
        return
    bound = ulps * SPACING * max(float(np.abs(exact).max()), DIFFERENCES)
    worst = float(np.abs(found - exact).max())
    assert worst <= bound, f"off by {worst / bound * ulps:.3g} ulp:\n{found}\n{exact}"


def _columns(array: Any, case: Case, rows: oracle.Rows) -> list[Any]:
    """An array in the shape of raw as one 2-D array for each raw leaf."""
    flat = rows.shape.flatten(np.asarray(array))
    if case.loss.definition.declaration.heads:
        return [flat[:, [j]] for j in range(flat.shape[1])]
    return [flat if flat.ndim == 2 else flat[:, None]]


def assert_value_is_exact(case: Case, loss: Any, weight: Any) -> None:
    rows = oracle.rows_of(loss, case.y, case.raw, weight, case.columns)
    close(loss.value(case.y, case.raw, weight, **case.given), oracle.exact_value(loss, rows))


def assert_gradient_is_derivative(case: Case, loss: Any, weight: Any) -> None:
    rows = oracle.rows_of(loss, case.y, case.raw, weight, case.columns)
    value, gradient = loss.value_and_gradient(case.y, case.raw, weight, **case.given)
    assert gradient.shape == np.shape(case.raw)
    assert value == loss.value(case.y, case.raw, weight, **case.given)
    for found, exact in zip(_columns(gradient, case, rows), oracle.exact_gradient(loss, rows), strict=True):
        close(found, exact, ULPS * LOSING.get(case.name, 1.0))


def assert_hvp_is_second_derivative(case: Case, loss: Any, weight: Any) -> None:
    rows = oracle.rows_of(loss, case.y, case.raw, weight, case.columns)
    v = np.random.default_rng(77).normal(size=case.raw.shape)
    found = loss.hvp(case.y, case.raw, v, weight, **case.given)
    exact = oracle.exact_hessian_times(loss, rows, _columns(v, case, rows))
    for a, b in zip(_columns(found, case, rows), exact, strict=True):
        close(
            a, b, 4 * ULPS * LOSING.get(case.name, 1.0) ** 2
        )  # sums of terms of either sign: up to four times the largest entry


def assert_hessian_is_diagonal(case: Case, loss: Any, weight: Any) -> None:
    """Per row, so undivided: the finished diagonal times the sum of weights (of a mean)."""
    rows = oracle.rows_of(loss, case.y, case.raw, weight, case.columns)
    hessian = loss.per_example_gradient_and_hessian(case.y, case.raw, weight, **case.given)[1]
    additive = loss.expressions.additive
    divisor = (rows.n if weight is None else weight_total(case, rows)) if additive.is_mean else 1.0
    for a, b in zip(_columns(hessian, case, rows), oracle.exact_diagonal(loss, rows), strict=True):
        close(a, b * divisor, 4 * ULPS * LOSING.get(case.name, 1.0) ** 2)


def weight_total(case: Case, rows: oracle.Rows) -> float:
    from lossmith.formula.roles import WEIGHT

    return float(rows.leaves[WEIGHT].sum())


def _part(value: Any, keep: Any) -> Any:
    return {k: np.asarray(v)[keep] for k, v in value.items()} if isinstance(value, dict) else np.asarray(value)[keep]


def assert_weight_zero_is_absent(case: Case, loss: Any) -> None:
    """A row of weight 0 is as if it were not there, whatever it holds; its own outputs are 0."""
    weight = case.weight.copy()
    weight[1] = 0.0
    keep = weight != 0
    raw = case.raw.copy()
    raw[~keep] = np.nan
    y = {k: _spoiled(v, ~keep) for k, v in case.y.items()} if isinstance(case.y, dict) else _spoiled(case.y, ~keep)
    columns = {k: _spoiled(v, ~keep) for k, v in case.columns.items()}
    kept = {k: v[keep] for k, v in case.columns.items()}
    value, gradient = loss.value_and_gradient(y, raw, weight, columns=columns)
    fewer, lesser = loss.value_and_gradient(_part(case.y, keep), case.raw[keep], weight[keep], columns=kept)
    if "group" not in loss.definition.declaration.per:  # an image of no weight is still an image of the mean
        assert value == fewer
        np.testing.assert_array_equal(gradient[keep], lesser)
    assert np.isfinite(value)
    assert not gradient[~keep].any()
    if loss.is_additive:
        assert not loss.per_example(y, raw, weight, columns=columns)[~keep].any()


def _spoiled(values: Any, where: Any) -> Any:
    """Class numbers out of range, or NaN, in the rows that are absent."""
    array = np.array(values)
    array[where] = -7 if array.dtype.kind == "i" else np.nan
    return array


def assert_split_does_not_show(case: Case, loss: Any, pieces: int, order: Any) -> None:
    """Sums of any pieces in any order finish in the same number, bit for bit."""
    whole = loss.value(case.y, case.raw, case.weight, **case.given)
    parts = []
    for rows in np.array_split(np.arange(len(case.raw)), pieces):
        columns = {k: v[rows] for k, v in case.columns.items()}
        parts.append(loss.sums(_part(case.y, rows), case.raw[rows], case.weight[rows], columns=columns))
    assert sum(parts[i] for i in order(len(parts))).value() == whole


def assert_nan_propagates(case: Case, loss: Any) -> None:
    """A NaN prediction makes its own row NaN, and no other row of a loss that is a sum over rows."""
    raw = case.raw.copy()
    raw[(0,) * raw.ndim] = np.nan
    gradient, hessian = loss.per_example_gradient_and_hessian(case.y, raw, **case.given)
    per_example = loss.per_example(case.y, raw, **case.given)
    clean_g, clean_h = loss.per_example_gradient_and_hessian(case.y, case.raw, **case.given)
    assert np.isnan(per_example[0]).all()
    np.testing.assert_array_equal(per_example[1:], loss.per_example(case.y, case.raw, **case.given)[1:])
    for found, clean in ((gradient, clean_g), (hessian, clean_h)):
        assert np.isnan(found[(0,) * raw.ndim])
        np.testing.assert_array_equal(found[1:], clean[1:])
    assert np.isnan(loss.value(case.y, raw, **case.given))
