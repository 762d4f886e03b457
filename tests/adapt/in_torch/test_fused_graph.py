"""What autograd may ask of the node: second derivatives, derivatives by everything, retained graphs, threads, forks."""

from __future__ import annotations

import gc
import os
import weakref
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

import lossmith as ls
from tests.adapt.in_torch.test_fused import _call

pytestmark = pytest.mark.peers("torch")


def _given(name: str, n: int = 4) -> tuple[Any, Any, Any]:
    import torch

    torch.manual_seed(2)
    heads = len(ls.get(name).definition.declaration.heads)
    wide = 3 if name == "cross_entropy" else heads
    input = torch.randn(*((n, wide) if wide else (n,)), dtype=torch.float64, requires_grad=True)
    target = torch.randint(0, 3, (n,)) if name == "cross_entropy" else torch.rand(n, dtype=torch.float64)
    return input, target, torch.rand(n, dtype=torch.float64) + 0.1


@pytest.mark.parametrize("per_row", [False, True])
@pytest.mark.parametrize("name", ["log_loss", "rmse", "dice", "cross_entropy", "gaussian"])
def test_first_and_second_derivatives_are_those_of_differences(name: str, per_row: bool) -> None:
    import torch

    loss = ls.get(name) if name in ("log_loss", "cross_entropy") else ls.get(name).using("numpy")
    if per_row and not loss.is_additive:
        return
    input, target, weight = _given(name, 3)

    def value(z: Any) -> Any:
        return _call(loss, z, target, weight, per_row=per_row)

    assert torch.autograd.gradcheck(value, (input,))
    assert torch.autograd.gradgradcheck(value, (input,))


@pytest.mark.parametrize("per_row", [False, True])
@pytest.mark.parametrize("name", ["log_loss", "rmse", "mse"])
def test_derivatives_by_targets_and_weights(name: str, per_row: bool) -> None:
    import torch

    loss = ls.get(name).using("numpy")
    if per_row and not loss.is_additive:
        return
    given = [t.detach().requires_grad_() for t in _given(name)]
    assert torch.autograd.gradcheck(lambda *t: _call(loss, *t, per_row=per_row), given)


def test_weights_of_whole_images_and_weighing_columns() -> None:
    import torch

    input = torch.randn(2, 3, dtype=torch.float64, requires_grad=True)
    target = torch.rand(2, 3, dtype=torch.float64)
    weight, cost = (torch.rand(2, dtype=torch.float64).add(0.5).requires_grad_() for _ in range(2))
    loss = ls.get("log_loss").reweight(by="cost").using("numpy")

    def value(w: Any, c: Any, per_row: bool = False) -> Any:
        return _call(loss, input, target, w, per_row=per_row, columns={"cost": c})

    assert torch.autograd.gradcheck(value, (weight, cost))
    assert torch.autograd.gradcheck(lambda w, c: value(w, c, True), (weight, cost))


def test_shares_of_classes_have_derivatives_too() -> None:
    import torch

    input = torch.randn(2, 3, 4, dtype=torch.float64, requires_grad=True)
    shares = torch.rand(2, 3, 4, dtype=torch.float64, requires_grad=True)
    loss = ls.get("cross_entropy").using("numpy")
    assert torch.autograd.gradcheck(lambda z, y: _call(loss, z, y), (input, shares))
    assert torch.autograd.gradcheck(lambda z, y: _call(loss, z, y, per_row=True), (input, shares))


def test_the_mixed_second_derivative_by_predictions_and_weights() -> None:
    import torch

    input, target, weight = _given("log_loss")

    def slope(w: Any) -> Any:
        return torch.autograd.grad(_call(ls.get("log_loss"), input, target, w), input, create_graph=True)[0]

    assert torch.autograd.gradcheck(slope, (weight.requires_grad_(),))


def test_the_third_derivative_is_right() -> None:
    import torch

    input, target, _ = _given("log_loss")
    found = _call(ls.get("log_loss"), input, target)
    for _ in range(2):
        found = torch.autograd.grad(found.sum(), input, create_graph=True)[0]
    third = torch.autograd.grad(found.sum(), input)[0]
    p = torch.sigmoid(input.detach())
    assert torch.allclose(third, p * (1 - p) * (1 - 2 * p) / len(p), rtol=1e-14)  # a few roundings


def test_a_retained_graph_gives_the_same_gradient_again() -> None:
    import torch

    input, target, weight = _given("log_loss")
    found = _call(ls.get("log_loss"), input, target, weight)
    first = torch.autograd.grad(found, input, retain_graph=True)[0]
    kept = first.clone()
    first.zero_()  # what was given away may be changed
    again = torch.autograd.grad(found, input, 3.0 * torch.ones_like(found), retain_graph=True)[0]
    assert torch.equal(again, 3.0 * kept)
    assert torch.equal(torch.autograd.grad(found, input)[0], kept)
    with pytest.raises(RuntimeError, match="second time"):
        torch.autograd.grad(found, input)


def test_a_batch_of_output_gradients() -> None:
    import torch

    input, target, _ = _given("cross_entropy")
    found = _call(ls.get("cross_entropy"), input, target, per_row=True)
    rows = torch.autograd.grad(
        found, input, torch.eye(4, dtype=torch.float64), is_grads_batched=True, retain_graph=True
    )
    single = [torch.autograd.grad(found[j], input, retain_graph=True)[0] for j in range(4)]
    assert torch.equal(rows[0], torch.stack(single))


def test_nothing_is_held_after_the_backward() -> None:
    import torch

    gc.collect()
    input = torch.randn(10, requires_grad=True)
    middle, target = input * 2, torch.rand(10)
    found = _call(ls.get("log_loss"), middle, target)
    held = [weakref.ref(middle), weakref.ref(target)]
    found.backward()
    del middle, target
    assert [ref() for ref in held] == [None, None]
    assert found.grad_fn is None or found.grad_fn.gradient is None


def test_no_graph_where_none_is_wanted() -> None:
    import torch

    input, target, _ = _given("log_loss")
    with torch.no_grad():
        assert not _call(ls.get("log_loss"), input, target).requires_grad
    with torch.inference_mode():
        assert _call(ls.get("log_loss"), input, target).is_inference()
    assert not _call(ls.get("log_loss"), input.detach(), target).requires_grad


def test_checkpoints_and_hooks() -> None:
    import torch
    from torch.utils.checkpoint import checkpoint

    input, target, _ = _given("log_loss")
    expected = torch.autograd.grad(_call(ls.get("log_loss"), input * 2, target), input)[0]
    for reentrant in (False, True):
        found = checkpoint(lambda z: _call(ls.get("log_loss"), z * 2, target), input, use_reentrant=reentrant)
        found.backward()
        assert torch.equal(input.grad, expected)
        input.grad = None
    seen: list[Any] = []
    input.register_hook(seen.append)
    with torch.autograd.graph.save_on_cpu():
        found = _call(ls.get("log_loss"), input * 2, target)
    found.register_hook(lambda slope: slope * 2)
    found.backward()
    assert torch.equal(seen[0], 2 * expected)


def test_several_threads_at_once() -> None:
    import torch

    def once(seed: int) -> bool:
        rng = np.random.default_rng(seed)
        y, z = rng.random(50_000), rng.normal(size=50_000)
        input = torch.from_numpy(z).requires_grad_()
        found = _call(ls.get("log_loss"), input, torch.from_numpy(y))
        found.backward()
        return found.item() == loss.value(y, z) and np.array_equal(input.grad.numpy(), loss.gradient(y, z))

    loss = ls.get("log_loss")
    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(once, range(12)))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_forked_child_computes_the_same() -> None:
    import torch

    input, target = torch.linspace(-3, 3, 60_000, requires_grad=True), torch.full((60_000,), 0.25)
    expected = _call(ls.get("log_loss"), input, target).item()
    child = os.fork()
    if child == 0:
        found = _call(ls.get("log_loss"), input.detach(), target).item()
        os._exit(0 if found == expected else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_what_is_not_taken() -> None:
    import torch
    from torch.autograd import forward_ad

    from lossmith.adapt.in_torch import fused
    from lossmith.adapt.in_torch.call import Call

    input, target, _ = _given("log_loss")
    seen: list[bool] = []

    def look(z: Any) -> Any:
        seen.append(fused.takes(Call(ls.get("log_loss"), False, z, target)))
        return (z * target).sum()

    torch.func.grad(look)(input)
    torch.func.vmap(look)(input.expand(2, 4))
    torch.jit.trace(look, input, check_trace=False)
    with forward_ad.dual_level():
        look(forward_ad.make_dual(input.detach(), target))
    for other in (input.bfloat16(), input.half(), input.to("meta"), input.detach().to_sparse()):
        seen.append(fused.takes(Call(ls.get("log_loss"), False, other, target)))
    assert not any(seen) and len(seen) == 8


def test_targets_that_class_weights_change_are_left_to_tensor_operations() -> None:

    from lossmith.adapt.in_torch import fused
    from lossmith.adapt.in_torch.call import Call

    input, target, _ = _given("log_loss")
    weighed = ls.get("log_loss").reweight(class_weight={0: 1, 1: 2})
    assert fused.takes(Call(weighed, False, input, target))
    assert not fused.takes(Call(weighed, False, input, target.requires_grad_()))
    assert fused.takes(Call(ls.get("log_loss"), False, input, target))
