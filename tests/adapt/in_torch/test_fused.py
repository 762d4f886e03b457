"""The kernels as a node of autograd: the same bits as the loss itself, any shape, and a graph in which nothing is lost."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import lossmith as ls
from tests.sampling import every

pytestmark = pytest.mark.peers("torch")
EPS = np.finfo(np.float64).eps
ONE_TARGET = ("log_loss", "huber", "poisson", "tweedie", "focal", "rmse", "dice", "log_cosh", "quantile")
SIZES = (1, 5, 2048, 2049, 40_000)  # one row, one chunk, its border, several chunks on several threads


def _call(loss: Any, input: Any, target: Any, weight: Any = None, *, per_row: bool = False, **more: Any) -> Any:
    from lossmith.adapt.in_torch import fused
    from lossmith.adapt.in_torch.call import Call

    call = Call(loss, per_row, input, target, weight, **more)
    assert fused.takes(call)
    return fused.apply(call)


def _rows(loss: ls.Loss, n: int, dtype: Any, seed: int = 0) -> tuple[Any, Any, Any]:
    rng = np.random.default_rng(seed)
    z = rng.normal(size=n).astype(dtype)
    y = rng.integers(0, 5, n) if loss.target == "count" else rng.random(n)
    w = rng.random(n) * (rng.random(n) < 0.9) + 2.0**-20
    return y.astype(dtype), z, w.astype(dtype)


def _graph(array: Any) -> Any:
    import torch

    return torch.from_numpy(array).requires_grad_()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", every(2, ONE_TARGET))
@pytest.mark.parametrize("weighted", [False, True])
def test_the_same_bits_as_the_loss_itself(name: str, dtype: Any, weighted: bool) -> None:
    import torch

    deep = name in ("log_loss", "rmse")
    loss = ls.get(name) if deep or dtype is np.float64 else ls.get(name).using("numpy")
    for n in SIZES if deep else SIZES[:2]:
        y, z, w = _rows(loss, n, dtype)
        input = _graph(z)
        weight = w if weighted else None
        found = _call(loss, input, torch.from_numpy(y), None if weight is None else torch.from_numpy(w))
        found.backward()
        value, gradient = loss.value_and_gradient(y, z, weight)
        assert found.dtype == input.dtype and found.item() == dtype(value)
        assert np.array_equal(input.grad.numpy(), gradient)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_every_rows_own_term_is_that_of_the_loss(dtype: Any) -> None:
    import torch

    loss = ls.get("log_loss")
    y, z, w = _rows(loss, 5000, dtype)
    input, slope = _graph(z.reshape(50, 100)), np.linspace(-1, 1, 5000).astype(dtype)
    found = _call(loss, input, *(torch.from_numpy(a.reshape(50, 100)) for a in (y, w)), per_row=True)
    found.backward(torch.from_numpy(slope.reshape(50, 100)))
    assert np.array_equal(found.detach().numpy().ravel(), loss.per_example(y, z, w))
    assert np.array_equal(input.grad.numpy().ravel(), slope * loss.per_example_gradient(y, z, w))


def _layouts() -> dict[str, Any]:
    import torch

    torch.manual_seed(0)
    whole = torch.randn(6, 4, 3, 5, dtype=torch.float64)
    return {
        "rows": whole[:, :, 0, 0],
        "strided": whole[::2, :, 1, ::2],
        "images": whole,
        "channels last": whole.contiguous(memory_format=torch.channels_last),
        "no rows": whole[:0, :, 0, 0],
        "empty images": whole[:, :, :0],
    }


@pytest.mark.parametrize("per_row", [False, True])
@pytest.mark.parametrize("soft", [False, True])
@pytest.mark.parametrize("layout", ["rows", "strided", "images", "channels last", "no rows", "empty images"])
def test_the_class_axis_may_stand_anywhere(layout: str, soft: bool, per_row: bool) -> None:
    import torch

    input = _layouts()[layout].detach().requires_grad_()
    examples = (*input.shape[:1], *input.shape[2:])
    target = torch.rand(input.shape, dtype=torch.float64).softmax(1) if soft else torch.randint(0, 4, examples)
    found = _call(ls.get("cross_entropy"), input, target, per_row=per_row)
    (gradient,) = torch.autograd.grad(found.sum(), input)
    other = input.detach().clone().requires_grad_()
    expected = torch.nn.functional.cross_entropy(other, target, reduction="none")
    whole = expected if per_row else expected.mean() if expected.numel() else expected.sum()
    assert found.shape == (examples if per_row else ())
    assert torch.allclose(found, whole, rtol=8 * EPS, atol=8 * EPS)
    slopes = torch.autograd.grad(whole.sum(), other)[0]
    assert gradient.shape == input.shape and torch.allclose(gradient, slopes, rtol=8 * EPS, atol=8 * EPS)


@pytest.mark.parametrize("per_row", [False, True])
@pytest.mark.parametrize("backend", ["numba", "numpy"])
def test_numbers_without_an_axis(backend: Any, per_row: bool) -> None:
    import torch

    input, target = torch.tensor(0.5, dtype=torch.float64).requires_grad_(), torch.tensor(1.0, dtype=torch.float64)
    found = _call(ls.get("mse").using(backend), input, target, per_row=per_row)
    found.backward()
    assert found.shape == () and found.item() == 0.25 and input.grad.item() == -1.0


@pytest.mark.parametrize("backend", ["numba", "numpy"])
def test_where_new_tensors_are_made_does_not_matter(backend: Any) -> None:
    import torch

    large, zero = torch.full((2,), 1e30, requires_grad=True), torch.zeros(2)
    torch.set_default_device("meta")
    try:
        found = _call(ls.get("mse").using(backend), large, zero)
        found.backward()
    finally:
        torch.set_default_device(None)
    assert found.device.type == "cpu" and found.item() == float("inf") and torch.equal(large.grad, large)


def test_strided_numbers() -> None:
    import torch

    wide = torch.arange(12.0, dtype=torch.float64).reshape(3, 4)
    for view in (wide.t(), wide[:, ::2], wide[1:2], wide.flip(0)):
        given = view.detach().requires_grad_()
        _call(ls.get("mse"), given, torch.zeros_like(view)).backward()
        assert torch.allclose(given.grad, 2 * view / view.numel(), rtol=4 * EPS)


def test_a_target_outside_its_domain_is_named_and_nothing_is_changed() -> None:
    import torch

    loss, z = ls.get("log_loss"), torch.zeros(4000, requires_grad=True)
    y = torch.ones(4000)
    _call(loss, z, y)
    y[3000] = 1.5
    before = z._version, y._version
    with pytest.raises(ls.errors.ArgumentError, match=r"LM218.*row 3000"):
        _call(loss, z, y)
    classes, wide = torch.tensor([0, 3]), torch.zeros(2, 3, requires_grad=True)
    with pytest.raises(ls.errors.ArgumentError, match=r"LM217.*row 1"):
        _call(ls.get("cross_entropy"), wide, classes)
    with pytest.raises(ls.errors.ArgumentError, match="LM215"):
        _call(loss, z[:, None], y)
    with pytest.raises(ls.errors.ArgumentError, match="LM219"):
        _call(loss, z, torch.ones(4000), -torch.ones(4000))
    assert (z._version, y._version) == before


@pytest.mark.parametrize("name", ["log_loss", "rmse", "dice", "cross_entropy", "mse"])
@pytest.mark.parametrize("weight", [None, 0.0])
def test_without_present_rows_the_value_is_0_and_the_graph_is_connected(name: str, weight: float | None) -> None:
    import torch

    n = 0 if weight is None else 3
    input = torch.randn(*((n, 4) if name == "cross_entropy" else (n,)), requires_grad=True)
    target = torch.zeros(n, dtype=torch.int64 if name == "cross_entropy" else torch.float32)
    given = None if weight is None else torch.full((n,), weight)
    loss = ls.get(name) if name in ("log_loss", "dice") else ls.get(name).using("numpy")
    for per_row in (False, True)[: 2 if loss.is_additive else 1]:
        found = _call(loss, input, target, given, per_row=per_row)
        (gradient,) = torch.autograd.grad(found.sum(), input)
        assert not found.any() and not gradient.any() and gradient.shape == input.shape


def test_ignored_classes_and_masks_go_the_same_way() -> None:
    import torch

    torch.manual_seed(1)
    input, target = torch.randn(6, 3, dtype=torch.float64, requires_grad=True), torch.tensor([0, -100, 2, 1, -100, 0])
    found = _call(ls.get("cross_entropy").ignore(-100), input, target)
    expected = torch.nn.functional.cross_entropy(input, target)
    slopes = torch.autograd.grad(found, input)[0], torch.autograd.grad(expected, input)[0]
    assert torch.allclose(found, expected, rtol=8 * EPS) and torch.allclose(*slopes, rtol=0, atol=EPS)
    mask = target >= 0
    masked = _call(ls.get("cross_entropy"), input, target.clamp(min=0), columns={"mask": mask})
    assert torch.allclose(masked, expected, rtol=8 * EPS)
    nothing = _call(ls.get("cross_entropy").ignore(-100), input, torch.full((6,), -100))
    assert nothing.item() == 0.0 and not torch.autograd.grad(nothing, input)[0].any()
