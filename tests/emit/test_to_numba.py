"""Compiled kernels give the numbers of the reference: depth on a few losses, for every way in which leaves are stored."""

from __future__ import annotations

import numpy as np
import pytest

import lossmith as ls
from tests.properties import laws
from tests.properties.cases import CASES

NAMES = ("focal", "cross_entropy", "weighted_rmse", "gaussian_heads", "softmax_dice")
CHOSEN = [c for c in CASES if c.name in NAMES]


@pytest.mark.parametrize("case", CHOSEN, ids=repr)
def test_value_and_gradient_are_exact(case: laws.Case) -> None:
    laws.assert_gradient_is_derivative(case, case.loss, case.weight)


@pytest.mark.parametrize("case", [c for c in CHOSEN if c.name in ("focal", "cross_entropy")], ids=repr)
def test_absent_rows_and_nan_are_those_of_the_reference(case: laws.Case) -> None:
    laws.assert_weight_zero_is_absent(case, case.loss)
    laws.assert_nan_propagates(case, case.loss)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_rows_across_chunk_borders_and_all_stores(dtype: type) -> None:
    """More rows than a chunk, class numbers against one-hot rows, a class count that is no power of two."""
    rng = np.random.default_rng(51)
    n, k = 5003, 7
    raw, y, w = (rng.normal(size=(n, k)) * 4).astype(dtype), rng.integers(0, k, size=n), rng.uniform(size=n)
    fast, reference = ls.get("ce"), ls.get("ce").using("numpy")
    value, gradient = fast.value_and_gradient(y, raw, w)
    eps = float(np.finfo(dtype).eps)
    exact = 1e-14 if dtype is np.float64 else 4 * eps  # class numbers of float32 rows are computed in float32
    assert value == pytest.approx(reference.value(y, raw, w), rel=exact)
    one_hot = fast.value_and_gradient(np.eye(k)[y], raw, w)
    assert one_hot[0] == pytest.approx(reference.value(y, raw, w), rel=1e-14)
    np.testing.assert_allclose(one_hot[1], gradient, rtol=8 * eps, atol=0.0)
    np.testing.assert_allclose(gradient, reference.gradient(y, raw, w), rtol=8 * eps, atol=0.0)
