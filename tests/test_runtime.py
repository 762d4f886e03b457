"""Running a program: both backends, sums in double words, results that belong to the user."""

from __future__ import annotations

import math

import numpy as np
import pytest

import lossmith as ls
from lossmith.compiler import program
from lossmith.kernel.rows import load
from lossmith.runtime import run

RNG = np.random.default_rng(61)


def test_sums_are_exact_to_the_last_bit() -> None:
    """Terms from 1e-16 to 1e16 of either sign: the value is the correctly rounded sum."""
    y = np.zeros(4096)
    raw = RNG.normal(size=4096) * 10.0 ** RNG.uniform(-16, 16, size=4096)
    loss = ls.parse("sum(z - y)", target="real").using("numpy")
    assert loss.value(y, raw) == math.fsum(raw)


@pytest.mark.parametrize("name", ["mse", "log_loss"])
def test_backends_agree_and_a_result_is_not_shared(name: str) -> None:
    y, raw = RNG.integers(0, 2, size=3000).astype(float), RNG.normal(size=3000)
    for backend in ("numpy", "numba"):
        loss = ls.get(name).using(backend)
        first = loss.gradient(y, raw)
        kept = first.copy()
        first[:] = 0.0
        np.testing.assert_array_equal(loss.gradient(y, raw), kept)
    fast, slow = (ls.get(name).using(b).gradient(y, raw) for b in ("numba", "numpy"))
    np.testing.assert_allclose(fast, slow, rtol=1e-14)


def test_statistics_are_returned_with_their_low_words() -> None:
    definition = ls.get("mse").definition
    rows = load(definition, np.zeros(3), np.array([1e8, 1.0, 1e-8]))
    result = run(program(definition, ("value",), False), rows, {}, "numpy")
    (pair,) = (pair for pair in result.sums.values() if pair.hi.item() == 1e16)
    assert pair.lo.item() == pytest.approx(1.0, abs=1e-15)


def test_unusual_operations_run_on_the_reference() -> None:
    loss = ls.parse("lgamma(z)", target="real")
    found = loss.per_example_gradient_and_hessian([0.0], [2.5])
    np.testing.assert_allclose([a[0] for a in found], [0.7031566406452432, 0.4903577561002348], rtol=1e-14)
