"""The laws of `laws`, for every shipped loss and for formulas that nobody shipped, in NumPy kernels."""

from __future__ import annotations

import numpy as np
import pytest

from tests.properties import laws
from tests.properties.cases import ADDITIVE, CASES, Case

all_cases = pytest.mark.parametrize("case", CASES, ids=repr)
additive_cases = pytest.mark.parametrize("case", ADDITIVE, ids=repr)
FREE = [case for case in ADDITIVE if case.loss.target != "simplex"]  # NaN is no probability, and refused as one


def numpy_loss(case: Case):  # type: ignore[no-untyped-def]
    return case.loss.using("numpy")


@all_cases
@pytest.mark.parametrize("weighted", [False, True])
def test_value_is_exact(case: Case, weighted: bool) -> None:
    laws.assert_value_is_exact(case, numpy_loss(case), case.weight if weighted else None)


@all_cases
@pytest.mark.parametrize("weighted", [False, True])
def test_gradient_is_the_derivative_of_the_value(case: Case, weighted: bool) -> None:
    laws.assert_gradient_is_derivative(case, numpy_loss(case), case.weight if weighted else None)


@all_cases
def test_hvp_is_the_second_derivative_along_a_direction(case: Case) -> None:
    laws.assert_hvp_is_second_derivative(case, numpy_loss(case), case.weight)


@additive_cases
@pytest.mark.parametrize("weighted", [False, True])
def test_hessian_is_the_diagonal_of_the_second_derivative(case: Case, weighted: bool) -> None:
    laws.assert_hessian_is_diagonal(case, numpy_loss(case), case.weight if weighted else None)


@all_cases
def test_a_row_of_weight_zero_is_absent(case: Case) -> None:
    laws.assert_weight_zero_is_absent(case, numpy_loss(case))


@pytest.mark.parametrize("case", FREE, ids=repr)
def test_nan_propagates_in_its_own_row_only(case: Case) -> None:
    laws.assert_nan_propagates(case, numpy_loss(case))


@all_cases
@pytest.mark.parametrize("pieces", [1, 2, 5])
def test_the_split_does_not_show(case: Case, pieces: int) -> None:
    if case.name == "residual_deviation":
        pytest.skip("needs two walks over the data")
    rng = np.random.default_rng(3)
    laws.assert_split_does_not_show(case, numpy_loss(case), pieces, lambda n: rng.permutation(n))
