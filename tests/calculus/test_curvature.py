"""Curvature policies: positive, finite, free of scale, and never a step longer than allowed."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from lossmith.calculus.curvature import (
    BUILTIN,
    POLICIES,
    builtin_gradient_and_curvature,
    check_policy,
    default_policy,
    longest_step,
    positive,
    step_bounded,
    typical_size,
)
from lossmith.errors import ArgumentError

numbers = arrays(np.float64, 7, elements=st.floats(-1e6, 1e6))


@given(numbers, numbers, st.floats(1e-3, 1e6))
def test_step_bound_holds_for_every_row_and_curvature_is_positive(g: np.ndarray, h: np.ndarray, step: float) -> None:
    curvature = step_bounded(g, h, step)
    assert np.isfinite(curvature).all() and (curvature > 0).all()
    # one division each way: two roundings
    assert (np.abs(g) / curvature <= step * (1 + 2**-51)).all()


@given(numbers, st.floats(1e-3, 1e3))
def test_curvature_of_a_kinked_loss_scales_with_its_gradient(g: np.ndarray, factor: float) -> None:
    zero = np.zeros(7)
    one, other = step_bounded(g, zero, 2.0), step_bounded(factor * g, zero, 2.0)
    plain = np.abs(g) * min(1.0, factor) > 1e-30
    np.testing.assert_allclose(other[plain], factor * one[plain], rtol=1e-15)


def test_negative_hessian_of_hard_focal_rows_is_replaced_by_the_step_bound() -> None:
    np.testing.assert_array_equal(step_bounded(np.array([-2.0, -0.1]), np.array([-0.5, 1.0]), 4.0), [0.5, 1.0])


def test_a_row_on_its_kink_resists_like_the_steepest_row() -> None:
    np.testing.assert_array_equal(step_bounded(np.array([0.0, -0.9, 0.1]), np.zeros(3), 1.0), [0.9, 0.9, 0.1])


def test_each_head_has_its_own_step() -> None:
    g = np.array([[1.0, 1.0], [-1.0, 2.0]])
    np.testing.assert_array_equal(step_bounded(g, np.zeros((2, 2)), np.array([1.0, 2.0])), [[1.0, 0.5], [1.0, 1.0]])


def test_no_gradient_at_all_still_gives_a_positive_number() -> None:
    assert (step_bounded(np.zeros(3), np.zeros(3), 1.0) > 0).all()
    assert (positive(np.array([0.0, -1.0, 1e-300])).astype(np.float32) > 0).all()


@pytest.mark.parametrize("scale", [1e-9, 1.0, 1e9])
def test_the_step_follows_the_unit_of_the_target_on_the_identity_link_only(scale: float) -> None:
    residual = np.array([-3.0, 1.0, 2.0]) * scale
    assert longest_step("identity", residual) == 2 * 2.0 * scale
    assert longest_step("sigmoid", residual) == longest_step("exp", residual) == 2.0
    assert longest_step("softplus", residual) == max(4.0 * scale, 2.0)


def test_typical_size_counts_weight_as_repetition_and_is_never_zero() -> None:
    r, w = np.array([1.0, 5.0, 2.0]), np.array([1.0, 4.0, 1.0])
    assert typical_size(r, w) == typical_size(np.repeat(r, [1, 4, 1])) == 5.0
    assert typical_size(np.array([0.0, 0.0, 0.0, 8.0])) == 2.0
    assert typical_size(np.zeros(4)) == 1.0


def test_lightgbm_factors() -> None:
    g, h = np.array([[0.5, -0.25, 0.1]]), np.array([[0.2, 0.1, 0.3]])
    rows = BUILTIN["lightgbm"]
    np.testing.assert_allclose(
        builtin_gradient_and_curvature(rows["cross_entropy"], g, h, None)[1], h * 1.5, rtol=1e-15
    )
    np.testing.assert_array_equal(builtin_gradient_and_curvature(rows["poisson"], g, h, None)[1], h * math.exp(0.7))
    weight = np.array([2.5])
    np.testing.assert_array_equal(
        builtin_gradient_and_curvature(rows["quantile"], g, h, weight)[1], np.full((1, 3), 2.5)
    )


@pytest.mark.parametrize(("facts", "policy"), [
    ({"builtin": BUILTIN["lightgbm"]["poisson"], "strictly_convex": True, "smooth": True, "fading": False}, "as_builtin"),
    ({"builtin": BUILTIN["lightgbm"]["huber"], "strictly_convex": False, "smooth": True, "fading": False}, "step_bounded"),
    ({"builtin": None, "strictly_convex": True, "smooth": True, "fading": False}, "exact"),
    ({"builtin": None, "strictly_convex": True, "smooth": True, "fading": True}, "step_bounded"),
    ({"builtin": None, "strictly_convex": False, "smooth": True, "fading": False}, "step_bounded"),
    ({"builtin": None, "strictly_convex": True, "smooth": False, "fading": False}, "step_bounded"),
])  # fmt: skip
def test_default_policy(facts: dict[str, object], policy: str) -> None:
    assert default_policy(**facts) == policy  # type: ignore[arg-type]


def test_an_unknown_policy_is_refused_with_the_closest_name() -> None:
    assert [check_policy(name) for name in (*POLICIES, None)] == [*POLICIES, None]
    with pytest.raises(ArgumentError, match=r'LM261 .*Did you mean "exact"'):
        check_policy("exakt")
