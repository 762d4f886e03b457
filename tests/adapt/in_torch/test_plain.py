"""The plain form against the NumPy kernels: the whole catalogue, dtypes, absent rows, and derivatives by everything."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import lossmith as ls
from tests.adapt.in_torch.plain_calls import apart, call_of, expected, tensor_of, three
from tests.properties.cases import CASES, Case, N

pytestmark = pytest.mark.peers("torch")

BOUND64 = 32  # ulp of float64: both sides compute the same formula; sums and their quotients are rounded once more here
BOUND32 = 16  # ulp of float32: the bound of the contract
HALF_ULP = 0.5 + 2.0**-6  # of a number rounded once to 8 digits, from one whose own error is below 2**-6 of them


@pytest.mark.parametrize("weighted", [False, True], ids=["alone", "weighted"])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_value_gradient_and_product_are_those_of_the_kernels(case: Case, weighted: bool) -> None:
    weight, v = case.weight if weighted else None, np.random.default_rng(1).normal(size=case.raw.shape)
    given = (case.y, case.raw, v, weight, case.columns)
    for found, wanted in zip(three(case.loss, *given), expected(case.loss, *given), strict=True):
        assert apart(found, wanted) <= BOUND64


@pytest.mark.parametrize("case", CASES, ids=str)
def test_float32_keeps_the_bound_of_the_contract(case: Case) -> None:
    import torch

    narrow = (_rounded(x) for x in (case.y, case.raw, np.ones_like(case.raw), case.weight, case.columns))
    y, raw, v, weight, columns = narrow
    found = three(case.loss, y, raw, v, weight, columns, torch.float32)
    wanted = expected(case.loss, y, raw, v, weight, columns)
    for one, other in zip(found[:2], wanted[:2], strict=True):
        assert apart(one, other, digits=24) <= BOUND32


def _rounded(given: Any) -> Any:
    """Numbers as float32 holds them, in float64."""
    if isinstance(given, dict):
        return {name: _rounded(array) for name, array in given.items()}
    array = np.asarray(given)
    return array.astype(np.float32).astype(np.float64) if array.dtype.kind == "f" else array


@pytest.mark.parametrize("case", [case for case in CASES if case.loss.is_additive], ids=str)
def test_rows_have_losses_and_slopes_of_their_own(case: Case) -> None:
    import torch

    loss, columns = case.loss.using("numpy"), {"columns": case.columns} if case.columns else {}
    input = tensor_of(case.raw).requires_grad_()
    rows = call_of(case.loss, input, case.y, case.weight, case.columns, per_row=True)
    upstream = np.random.default_rng(2).normal(size=rows.shape)
    (gradient,) = torch.autograd.grad(rows, input, tensor_of(upstream))
    spread = upstream.reshape(upstream.shape + (1,) * (case.raw.ndim - upstream.ndim))
    assert apart(rows.detach(), loss.per_example(case.y, case.raw, case.weight, **columns)) <= BOUND64
    wanted = loss.per_example_gradient(case.y, case.raw, case.weight, **columns)
    assert apart(gradient, wanted * spread) <= BOUND64


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("name", ["log_loss", "cross_entropy", "rmse"])
def test_halves_are_computed_in_float32_and_rounded_once(name: str, dtype: str) -> None:
    import torch

    kind, digits = getattr(torch, dtype), {"float16": 11, "bfloat16": 8}[dtype]
    case = next(c for c in CASES if c.loss == ls.get(name))
    input = tensor_of(case.raw).to(kind).requires_grad_()
    value = call_of(case.loss, input, case.y)
    value.backward()
    raw = input.detach().double().numpy()
    assert value.dtype == torch.float32
    assert input.grad.dtype == kind
    assert apart(value.item(), case.loss.value(case.y, raw), digits=24) <= BOUND32
    wanted = case.loss.using("numpy").gradient(case.y, raw)
    ulp = np.exp2(np.floor(np.log2(np.abs(wanted))) + 1 - digits)
    assert (np.abs(input.grad.double().numpy() - wanted) / ulp).max() <= HALF_ULP


# Absent and unknown rows ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["log_loss", "cross_entropy", "rmse", "dice", "focal", "huber"])
def test_a_row_of_weight_zero_is_absent_whatever_it_holds(name: str) -> None:
    case = next(c for c in CASES if c.loss == ls.get(name))
    raw, weight = case.raw.copy(), case.weight.copy()
    raw[1], weight[1] = np.nan, 0.0
    v, kept = np.ones_like(raw), np.arange(N) != 1
    found = three(case.loss, case.y, raw, v, weight)
    wanted = expected(case.loss, case.y[kept], case.raw[kept], v[kept], weight[kept])
    for one, other in zip(found, wanted, strict=True):
        assert apart(one if one.ndim == 0 else one[kept], other) <= BOUND64
        assert one.ndim == 0 or not one[1].any()


def test_an_unknown_prediction_gives_an_unknown_loss_and_only_its_own_slope() -> None:
    raw = np.array([0.5, np.nan, -1.0])
    value, gradient, _ = three(ls.get("log_loss"), np.array([1.0, 0.0, 1.0]), raw, np.ones(3))
    assert np.isnan(value)
    assert np.isnan(gradient).tolist() == [False, True, False]


@pytest.mark.parametrize("name", ["log_loss", "cross_entropy", "rmse", "dice", "gaussian_heads"])
@pytest.mark.parametrize("empty", ["no rows", "no weight"])
def test_without_rows_the_loss_is_zero_and_connected(name: str, empty: str) -> None:
    case = next(c for c in CASES if c.name == name or (name in ls.names() and c.loss == ls.get(name)) or c.loss.name == name
                or (name == "log_loss" and c.name == "binary_cross_entropy"))  # fmt: skip
    n = 0 if empty == "no rows" else N
    weight = None if empty == "no rows" else np.zeros(n)
    for found in three(case.loss, case.y[:n], case.raw[:n], np.ones_like(case.raw[:n]), weight):
        assert not found.any()


def test_another_rule_for_no_rows() -> None:
    input = tensor_of(np.zeros(3)).requires_grad_()
    value = call_of(ls.get("mse").empty("nan"), input, np.ones(3), np.zeros(3))
    value.backward()
    assert np.isnan(value.item())
    assert not input.grad.any()
    with pytest.raises(ls.LossmithError, match="LM226"):
        call_of(ls.get("mse").empty("error"), input, np.ones(3), np.zeros(3))


# Derivatives by targets and weights -------------------------------------------------------------------------------------

STEP = 2.0**-17
BY = 1e-8  # central differences of numbers around 1: STEP**2 of the third derivative, and 2**-52 / STEP of rounding


@pytest.mark.parametrize("name", ["mse", "rmse", "log_loss", "dice", "distribution_cross_entropy"])
def test_targets_and_weights_get_their_gradients(name: str) -> None:
    case = next(c for c in CASES if c.loss == ls.get(name))
    soft = 0.25 + 0.5 * case.y if case.raw.ndim == 1 else case.y
    y, weight = tensor_of(soft).requires_grad_(), tensor_of(case.weight).requires_grad_()
    value = _call(case.loss, tensor_of(case.raw), y, weight)
    value.backward()
    loss = case.loss.using("numpy")
    if case.raw.ndim == 1:
        assert np.allclose(y.grad, _difference(lambda t: loss.value(t, case.raw, case.weight), soft), atol=BY)
    assert np.allclose(weight.grad, _difference(lambda t: loss.value(soft, case.raw, t), case.weight), atol=BY)


def _call(loss: Any, *tensors: Any) -> Any:
    from lossmith.adapt.in_torch import plain
    from lossmith.adapt.in_torch.call import Call

    return plain.apply(Call(loss, False, *tensors))


def _difference(value: Any, array: Any) -> Any:
    found = np.zeros_like(array)
    for at in np.ndindex(array.shape):
        high, low = array.copy(), array.copy()
        high[at] += STEP
        low[at] -= STEP
        found[at] = (value(high) - value(low)) / (high[at] - low[at])
    return found


@pytest.mark.parametrize("name", ["log_loss", "rmse", "dice"])
def test_weights_and_targets_are_trained_through_a_gradient(name: str) -> None:
    import torch

    case = next(c for c in CASES if c.loss == ls.get(name))
    soft, v = 0.25 + 0.5 * case.y, np.random.default_rng(9).normal(size=case.raw.shape)
    y, weight, raw = (tensor_of(x).requires_grad_() for x in (soft, case.weight, case.raw))
    (slope,) = torch.autograd.grad(_call(case.loss, raw, y, weight), raw, create_graph=True)
    by_target, by_weight = torch.autograd.grad(slope @ tensor_of(v), (y, weight))
    gradient = case.loss.using("numpy").gradient
    assert np.allclose(by_target, _difference(lambda t: gradient(t, case.raw, case.weight) @ v, soft), atol=BY)
    assert np.allclose(by_weight, _difference(lambda t: gradient(soft, case.raw, t) @ v, case.weight), atol=BY)


def test_what_is_not_there_at_second_order_says_so() -> None:
    import torch

    y, raw = tensor_of(np.array([0.25, 0.5])).requires_grad_(), tensor_of(np.array([1.0, -1.0]))
    (slope,) = torch.autograd.grad(_call(ls.get("log_loss"), raw, y), y, create_graph=True)
    with pytest.raises(ls.LossmithError, match="LM438"):
        slope.sum().backward()


def test_a_column_that_weighs_and_one_in_the_formula_get_their_gradients() -> None:
    import torch

    from lossmith.adapt.in_torch import plain
    from lossmith.adapt.in_torch.call import Call
    from tests.properties.cases import weighted_rmse

    rng = np.random.default_rng(4)
    y, raw, cost = rng.normal(size=N), rng.normal(size=N), rng.random(N) + 0.5
    for loss, name in ((weighted_rmse, "cost"), (ls.get("mse").reweight(by="price"), "price")):
        column = torch.tensor(cost, requires_grad=True)
        plain.apply(Call(loss, False, torch.tensor(raw), torch.tensor(y), columns={name: column})).backward()
        given = loss.using("numpy")
        wanted = _difference(lambda t, given=given, name=name: given.value(y, raw, columns={name: t}), cost)
        assert np.allclose(column.grad, wanted, atol=BY)


def test_text_and_arithmetic_can_be_asked_for() -> None:
    from lossmith.adapt.in_torch import plain

    assert plain.text_of(ls.get("mse")).startswith("def run(raw, v, w, leaves, rows):")
    assert plain.arithmetic(ls.get("log_loss")) == "float32"
    assert plain.arithmetic(ls.get("rmse")) == "float64"  # a sum of squares of 1e30 is no float32
