"""Kernels over rows of classes, in both layouts and both precisions, give the numbers of the reference."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import lossmith as ls
from lossmith.emit.class_loops import MANY, by_classes
from lossmith.emit.to_numba import kernel_text, rows_of_chunk
from lossmith.emit.writer import Leaf
from lossmith.kernel.program import Pass
from lossmith.runtime import parameters_of, read_leaves
from tests.emit.class_cases import LOSSES
from tests.emit.test_class_targets import passes, target_of
from tests.sampling import every

Array = NDArray[Any]
CLASSES = (3, 9, MANY + 6)
SMALLEST = 2.0 ** (30 - 149)
"""The contract measures what is smaller than 2**30 of the smallest float32 by the digits of that (DESIGN 5 d)."""


def batch(n: int, k: int, dtype: type, seed: int = 0) -> tuple[Array, Array, Array]:
    """Targets as class numbers, predictions with ties and rows far apart, weights with zeros."""
    rng = np.random.default_rng(seed)
    raw = rng.normal(size=(n, k)) * rng.choice([1e-3, 1.0, 30.0, 1e5], size=(n, 1))
    raw[::7, 1] = raw[::7].max(axis=1)
    return rng.integers(0, k, size=n), raw.astype(dtype), rng.integers(0, 3, size=n) * 0.5


def in_ulps(found: Array, exact: Array, dtype: type) -> float:
    """How far the numbers are from exact ones, in last digits of the format."""
    size = np.maximum(np.abs(exact), SMALLEST).astype(dtype)
    return float(np.max(np.abs(found.astype(np.float64) - exact) / np.spacing(size).astype(np.float64)))


@pytest.mark.parametrize("k", CLASSES)
@pytest.mark.parametrize("weighted", [False, True])
def test_cross_entropy_in_float32_keeps_its_bound(k: int, weighted: bool) -> None:
    """4 ulp of the exact value and gradient of each row (the reference in float64 is exact to 1e-14 of that)."""
    y, raw, w = batch(301, k, np.float32)
    given = w.astype(np.float32) if weighted else None
    fast, exact = LOSSES["cross entropy"], LOSSES["cross entropy"].using("numpy")
    found, truth = (
        (loss.per_example(y, z, given), loss.per_example_gradient(y, z, given))
        for loss, z in ((fast, raw), (exact, raw.astype(np.float64)))
    )
    for a, b in zip(found, truth, strict=True):
        assert in_ulps(a, b, np.float32) <= 4.0
        assert not ((a == 0.0) & (np.abs(b) >= np.finfo(np.float32).tiny)).any()


@pytest.mark.parametrize(("name", "k"), every(2, ((name, k) for name in LOSSES for k in CLASSES)))
def test_float64_kernels_give_the_reference(name: str, k: int) -> None:
    """The bound is that of sums over k classes in two orders, relative to the largest entry of the row."""
    y, raw, w = batch(53, k, np.float64)
    raw = np.clip(raw, -200.0, 200.0)
    fast, exact = LOSSES[name], LOSSES[name].using("numpy")
    for target in (y, np.eye(k)[y]):
        found, truth = fast.value_and_gradient(target, raw, w), exact.value_and_gradient(target, raw, w)
        assert found[0] == pytest.approx(truth[0], rel=1e-14)
        assert np.max(np.abs(found[1] - truth[1])) <= k * 2.0**-51 * np.max(np.abs(truth[1]))


@pytest.mark.parametrize("k", CLASSES)
@pytest.mark.parametrize("n", [1, 2, 16, 17])
def test_few_rows(n: int, k: int) -> None:
    y, raw, _ = batch(n, k, np.float32, seed=n)
    loss = LOSSES["cross entropy"]
    found, truth = loss.value_and_gradient(y, raw), loss.using("numpy").value_and_gradient(y, raw)
    assert found[0] == pytest.approx(truth[0], rel=4 * 2.0**-24)
    np.testing.assert_allclose(found[1], truth[1], rtol=8 * 2.0**-24, atol=SMALLEST)


@pytest.mark.parametrize("k", CLASSES)
def test_any_number_of_threads_gives_the_same_bits(k: int) -> None:
    n = 17 * rows_of_chunk(k) + 5
    y, raw, _ = batch(n, k, np.float32)
    results = [LOSSES["cross entropy"].using("numba", threads).value_and_gradient(y, raw) for threads in (1, 2, 3)]
    for value, gradient in results[1:]:
        assert value == results[0][0]
        np.testing.assert_array_equal(gradient, results[0][1])


@pytest.mark.parametrize("k", CLASSES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_absent_rows_may_hold_anything(dtype: type, k: int) -> None:
    y, raw, w = batch(40, k, dtype)
    w[::3] = 0.0
    loss = LOSSES["cross entropy"]
    value, gradient = loss.value_and_gradient(y, raw, w)
    y[::3], raw[::3] = -(2**62), np.nan
    again = loss.value_and_gradient(y, raw, w)
    assert again[0] == value
    np.testing.assert_array_equal(again[1], gradient)
    assert not gradient[::3].any()


@pytest.mark.parametrize("k", CLASSES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_an_unknown_prediction_shows_and_a_class_ruled_out_does_not(dtype: type, k: int) -> None:
    """NaN anywhere in a row makes all of it NaN; -inf at another class gives it probability 0 (as PyTorch's mask does)."""
    y, raw, _ = batch(20, k, dtype)
    raw, y[:] = np.clip(raw, -5, 5), 0
    loss = LOSSES["cross entropy"]
    raw[3, k - 1], raw[4, k - 1] = np.nan, -np.inf
    per_row, gradient = loss.per_example(y, raw), loss.per_example_gradient(y, raw)
    assert np.isnan(per_row[3]) and np.isnan(gradient[3]).all()
    without = loss.per_example(y, raw[:, :-1]), loss.per_example_gradient(y, raw[:, :-1])
    eps = float(np.finfo(dtype).eps)
    assert per_row[4] == pytest.approx(without[0][4], rel=4 * eps)
    np.testing.assert_allclose(gradient[4], [*without[1][4], 0.0], rtol=4 * eps)
    assert np.isfinite(np.delete(per_row, 3)).all()


def test_class_numbers_of_any_integer_type() -> None:
    y, raw, _ = batch(30, 9, np.float64)
    loss = LOSSES["cross entropy"]
    assert {loss.value(y.astype(kind), raw) for kind in (np.int64, np.int32, np.uint8, np.float32)} == {
        loss.value(y, raw)
    }


@pytest.mark.parametrize("wrong", [9, -1, 2**40])
def test_a_class_out_of_range_is_named(wrong: int) -> None:
    y, raw, _ = batch(30, 9, np.float64)
    y[[4, 8]] = wrong
    with pytest.raises(ls.LossmithError, match=r"class indices 0 to 8, found .* in row 4 \(2 such rows\)"):
        LOSSES["cross entropy"].value(y, raw)


def test_the_layout_is_chosen_by_the_number_of_classes() -> None:
    made: list[str] = []

    def make(layout: str) -> Any:
        made.append(layout)
        return lambda *arguments: layout

    (part,) = passes(LOSSES["cross entropy"])
    kernel = by_classes(make, part)
    assert [kernel(k, 0, 1) for k in (2, MANY - 1, MANY, 2)] == ["rows", "rows", "classes", "rows"]
    assert made == ["rows", "classes"]
    sums_of_classes = passes(LOSSES["dice"])[0]
    assert by_classes(make, sums_of_classes)(MANY, 0, 1) == "rows"


def text_of(part: Pass, loss: ls.Loss, storage: str) -> str:
    target = target_of(loss)
    leaves = [Leaf(n, "index" if n is target and storage == "index" else "matrix") for n in read_leaves(part)]
    return kernel_text(part, leaves, parameters_of(part), True, "narrow")


def test_what_is_cheap_is_computed_again_and_what_is_not_is_kept() -> None:
    (part,) = passes(LOSSES["cross entropy"])
    text = text_of(part, LOSSES["cross entropy"], "index")
    assert text.count("fall_of(lanes") == 1 and text.count("u0 = np.empty") == 1 and "u1" not in text
    assert text.count("for k in range(n_classes)") == 4  # the largest, the two halves of the exponential, the gradient
    soft = text_of(part, LOSSES["cross entropy"], "matrix")
    assert soft.count("exp_sum(") == 1 and "fall_of(lanes" not in soft
