"""Kernels in blocks of rows: whole blocks and the rest, any number of threads, chunks that need more than float32."""

from __future__ import annotations

import math

import numpy as np
import pytest

import lossmith as ls
from lossmith.compiler import program
from lossmith.emit.to_numba import kernel_text
from lossmith.emit.writer import Leaf
from lossmith.kernel.rows import load
from lossmith.runtime import arithmetic_of, parameters_of, read_leaves

SIZES = (1, 15, 16, 17, 31, 32, 33, 2047, 2048, 2049, 4100)


def log_loss_rows(n: int, dtype: type, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    y = np.where(rng.random(n) < 0.3, rng.random(n), rng.random(n) < 0.5)
    return y.astype(dtype), (4.0 * rng.normal(size=n)).astype(dtype), rng.integers(0, 3, n).astype(dtype)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_every_row_is_computed_once_whatever_is_left_of_a_block(dtype: type) -> None:
    """Against the reference: terms within a few last digits, each output within a few of its own."""
    fast, reference = ls.get("log_loss"), ls.get("log_loss").using("numpy")
    eps = float(np.finfo(dtype).eps)
    for n in SIZES:
        y, raw, w = log_loss_rows(n, dtype)
        value, gradient = fast.value_and_gradient(y, raw)
        assert value == pytest.approx(reference.value(y, raw), rel=2 * eps)
        hard = (y == 0) | (y == 1)  # of soft labels a gradient near 0 is the difference of two
        exact = reference.gradient(y, raw)
        np.testing.assert_allclose(gradient[hard], exact[hard], rtol=4 * eps, atol=0.0)
        np.testing.assert_allclose(gradient, exact, rtol=0.0, atol=4 * eps / n)
        if w.any():
            assert fast.value(y, raw, w) == pytest.approx(reference.value(y, raw, w), rel=2 * eps)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_threads_do_not_show_in_a_single_bit(dtype: type) -> None:
    y, raw, w = log_loss_rows(40_000, dtype)
    one = ls.get("log_loss").using("numba", 1).value_and_gradient(y, raw, w)
    for threads in (2, 3):
        other = ls.get("log_loss").using("numba", threads).value_and_gradient(y, raw, w)
        assert other[0] == one[0]
        np.testing.assert_array_equal(other[1], one[1])


def test_a_split_gives_the_sums_of_the_whole() -> None:
    """Terms are the same float32 numbers in any batch, and are added up in two words."""
    y, raw, w = log_loss_rows(6000, np.float32)
    loss = ls.get("log_loss")
    whole = loss.sums(y, raw, w)
    parts = [loss.sums(y[a:b], raw[a:b], w[a:b]) for a, b in ((0, 1), (1, 2049), (2049, 6000))]
    assert (parts[0] + parts[1] + parts[2]).value() == whole.value()


@pytest.mark.parametrize("at", [0, 31, 32, 2050])
def test_a_row_at_fault_is_found_in_blocks_and_in_what_is_left(at: int) -> None:
    y, raw, w = log_loss_rows(2051, np.float32)
    y[at] = 1.5
    with pytest.raises(ls.LossmithError, match=f"row {at} "):
        ls.get("log_loss").value_and_gradient(y, raw)
    w[:], w[at] = 1.0, 0.0
    assert math.isfinite(ls.get("log_loss").value_and_gradient(y, raw, w)[0])


def test_rows_of_weight_zero_are_absent_and_nan_stays_in_its_row() -> None:
    y, raw, w = log_loss_rows(100, np.float32)
    w[:], w[40] = 1.0, 0.0
    raw[40], raw[99] = np.nan, np.nan
    value, gradient = ls.get("log_loss").value_and_gradient(y, raw, w)
    assert math.isnan(value) and math.isnan(gradient[99])
    assert gradient[40] == 0.0
    assert np.isfinite(np.delete(gradient, 99)).all()


def test_what_float32_cannot_hold_is_computed_in_float64() -> None:
    """A square of 1e40 in one chunk; a parameter of 1e35, whose linear part float32 overflows."""
    y, raw = np.zeros(5000, dtype=np.float32), np.ones(5000, dtype=np.float32)
    raw[3000] = 1e20
    loss = ls.get("squared_error")
    assert loss.value(y, raw) == pytest.approx((4999.0 + float(raw[3000]) ** 2) / 5000.0, rel=1e-12)
    huge = ls.get("huber", delta=1e35)
    assert huge.value(y, raw) == pytest.approx(huge.using("numpy").value(y, raw), rel=1e-12)


def text_of(name: str, arithmetic: str) -> str:
    definition = ls.get(name).definition
    (part,) = program(definition, ("value", "gradient"), False).passes
    leaves = [Leaf(node, "row") for node in read_leaves(part)]
    return kernel_text(part, leaves, parameters_of(part), False, arithmetic)  # type: ignore[arg-type]


def test_a_float32_kernel_holds_no_float64_number() -> None:
    lines = [line for line in text_of("log_loss", "single").splitlines() if " t" in line and " = " in line]
    assert lines and not any(
        number in line.replace("np.float32(", "(") for line in lines for number in (" 0.0", " 1.0")
    )


def test_functions_of_one_number_at_a_time_are_computed_row_by_row() -> None:
    assert "buffer0[i]" in text_of("negative_binomial", "double")
    assert "lanes_at(" in text_of("log_loss", "double")


def test_float32_is_for_rows_that_are_float32_throughout() -> None:
    definition = ls.get("log_loss").definition
    (part,) = program(definition, ("value", "gradient"), False).passes
    y, raw, _ = log_loss_rows(10, np.float32)
    chosen = [
        arithmetic_of(part, load(definition, a, b), False, {})
        for a, b in ((y, raw), (y.astype(np.float64), raw), (y.astype(np.float64), raw.astype(np.float64)))
    ]
    assert chosen == ["single", "narrow", "double"]
