"""What each transform of PyTorch makes of the plain form: compile, function transforms, export, ONNX, autocast."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import lossmith as ls
from tests.adapt.in_torch.plain_calls import apart
from tests.properties.cases import gaussian_heads

pytestmark = pytest.mark.peers("torch")

LOSSES = {
    "log_loss": ls.get("log_loss"), "cross_entropy": ls.get("cross_entropy"), "focal": ls.get("focal"),
    "dice": ls.get("dice"), "rmse": ls.get("rmse"), "huber": ls.get("huber"), "gaussian": gaussian_heads,
}  # fmt: skip
SOME = ("log_loss", "cross_entropy", "rmse")
BOUND64, BOUND32 = 32, 16


def _rows(name: str, n: int, dtype: Any = None, seed: int = 0) -> tuple[Any, Any]:
    import torch

    made = torch.Generator().manual_seed(seed)
    dtype = dtype or torch.float64
    if name == "cross_entropy":
        return torch.randn(n, 4, dtype=dtype, generator=made), torch.randint(0, 4, (n,), generator=made)
    if name == "gaussian":
        return torch.randn(n, 2, dtype=dtype, generator=made), torch.randn(n, dtype=dtype, generator=made)
    return torch.randn(n, dtype=dtype, generator=made), torch.randint(0, 2, (n,), generator=made).to(dtype)


def _criterion(name: str, per_row: bool = False) -> Any:
    from lossmith.adapt.in_torch import plain
    from lossmith.adapt.in_torch.call import Call

    loss = LOSSES[name]

    def criterion(input: Any, target: Any, weight: Any = None) -> Any:
        return plain.apply(Call(loss, per_row, input, target, weight))

    return criterion


# torch.func -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", LOSSES)
def test_function_transforms_see_the_derivatives(name: str) -> None:
    import torch
    from torch.func import grad, hessian, jvp, vmap

    criterion, (z, y) = _criterion(name), _rows(name, 5)
    loss, v = LOSSES[name].using("numpy"), torch.linspace(-1.0, 2.0, z.numel(), dtype=z.dtype).reshape(z.shape)
    slope = grad(criterion)(z, y)
    assert apart(slope, loss.gradient(y.numpy(), z.numpy())) <= BOUND64
    bends = hessian(criterion)(z, y)
    product = loss.hvp(y.numpy(), z.numpy(), v.numpy())
    error = np.abs(torch.tensordot(bends, v, dims=z.ndim).numpy() - product).max()
    assert error <= BOUND64 * 2.0**-52 * z.numel() * bends.abs().max().item()  # a sum of so many terms of such a size
    value, moved = jvp(lambda z: criterion(z, y), (z,), (v,))
    assert apart(value, np.asarray(loss.value(y.numpy(), z.numpy()))) <= BOUND64
    assert moved.item() == pytest.approx((slope * v).sum().item(), rel=1e-13)
    many, targets = torch.stack([z, -z, 2 * z]), torch.stack([y, y, y])
    apiece = vmap(grad(criterion))(many, targets)
    assert all(torch.equal(apiece[j], grad(criterion)(many[j], y)) for j in range(3))


@pytest.mark.parametrize("name", SOME)
def test_a_penalty_on_the_slope_trains(name: str) -> None:
    import torch

    criterion, (z, y) = _criterion(name), _rows(name, 5)
    z = z.requires_grad_()
    (slope,) = torch.autograd.grad(criterion(z, y), z, create_graph=True)
    (found,) = torch.autograd.grad((slope**2).sum(), z, create_graph=True)
    wanted = LOSSES[name].using("numpy").hvp(y.numpy(), z.detach().numpy(), 2 * slope.detach().numpy())
    assert apart(found.detach(), wanted) <= BOUND64
    (third,) = torch.autograd.grad(found.sum(), z)  # the product's own operations, seen by autograd
    step = 2.0**-14
    around = [_penalty_slope(criterion, z.detach() + sign * step, y) for sign in (1, -1)]
    assert torch.allclose(third.sum(), ((around[0] - around[1]) / (2 * step)).sum(), rtol=1e-6, atol=1e-7)


def _penalty_slope(criterion: Any, z: Any, y: Any) -> Any:
    import torch

    z = z.requires_grad_()
    (slope,) = torch.autograd.grad(criterion(z, y), z, create_graph=True)
    return torch.autograd.grad((slope**2).sum(), z)[0]


def test_per_row_losses_have_per_row_slopes() -> None:
    import torch
    from torch.func import grad, vmap

    z, y = _rows("log_loss", 6)
    one = vmap(grad(lambda z, y: _criterion("log_loss", per_row=True)(z.reshape(1), y.reshape(1)).sum()))
    wanted = LOSSES["log_loss"].using("numpy").per_example_gradient(y.numpy(), z.numpy())
    assert apart(one(z, y), wanted) <= BOUND64
    assert torch.autograd.gradcheck(lambda z: _criterion("log_loss", per_row=True)(z, y), (z.requires_grad_(),))
    assert torch.autograd.gradgradcheck(lambda z: _criterion("log_loss")(z, y), (z,))


# torch.compile ----------------------------------------------------------------------------------------------------------


SLOW = pytest.mark.corpus  # the same on other losses: seconds of tracing each


@pytest.mark.parametrize(
    "name", ["cross_entropy", *(pytest.param(name, marks=SLOW) for name in ("focal", "dice", "huber", "gaussian"))]
)
def test_one_graph_for_all_batch_sizes(name: str) -> None:
    """Traced whole, forwards and backwards, by the machinery of compilation, without the code generator."""
    _compiled(name, "aot_eager", weighted=False)


@pytest.mark.parametrize("name", ["log_loss", pytest.param("rmse", marks=SLOW)])
def test_compiled_code_keeps_the_numbers(name: str) -> None:
    _compiled(name, "inductor", weighted=True)


def _compiled(name: str, backend: str, weighted: bool) -> None:
    import torch
    from torch._dynamo.testing import CompileCounterWithBackend

    torch._dynamo.reset()
    criterion, counter = _criterion(name), CompileCounterWithBackend(backend)
    compiled = torch.compile(criterion, fullgraph=True, backend=counter, dynamic=True)
    for n in (8, 9, 100):
        z, y = _rows(name, n, torch.float32, seed=n)
        weight = torch.rand(n, generator=torch.Generator().manual_seed(1)) if weighted else None
        z.requires_grad_()
        value = compiled(z, y, weight)
        value.backward()
        loss, given = (
            LOSSES[name].using("numpy"),
            [x if x is None else x.detach().double().numpy() for x in (z, weight)],
        )
        y = y.numpy() if y.dtype == torch.int64 else y.double().numpy()
        assert apart(value.item(), np.asarray(loss.value(y, *given)), digits=24) <= BOUND32
        assert apart(z.grad.double(), loss.gradient(y, *given), digits=24) <= BOUND32
    first = counter.frame_count
    LOSSES["focal"].bind(gamma=1.25 + len(name))  # other plans, made in between, change nothing
    _criterion("log_loss")(*_rows("log_loss", 3))
    z, y = _rows(name, 11, torch.float32)
    compiled(z.requires_grad_(), y, torch.rand(11) if weighted else None)
    assert counter.frame_count == first


@SLOW
@pytest.mark.parametrize("name", ["per image", "top", "class weights", "all at once", "priors", "tilted"])
def test_what_rows_count_for_is_traced_whole(name: str) -> None:
    import torch

    from lossmith.adapt.in_torch import plain
    from lossmith.adapt.in_torch.call import Call
    from tests.adapt.in_torch.plain_calls import tensor_of
    from tests.adapt.in_torch.test_plain_rows import CASES, COLUMNS

    torch._dynamo.reset()
    loss, y, raw, columns = CASES[name]()
    target, given = tensor_of(y), tensor_of({column: COLUMNS[column] for column in columns}) or None
    call = lambda z: plain.apply(Call(loss, False, z, target, None, given))  # noqa: E731
    inputs = [tensor_of(raw).requires_grad_() for _ in range(2)]
    values = [torch.compile(call, fullgraph=True, backend="aot_eager", dynamic=True)(inputs[0]), call(inputs[1])]
    for value in values:
        value.backward()
    assert torch.equal(*values)
    assert torch.equal(inputs[0].grad, inputs[1].grad)


@SLOW
def test_a_training_step_is_one_graph() -> None:
    import torch

    torch._dynamo.reset()
    criterion, layer = _criterion("cross_entropy"), torch.nn.Linear(3, 4)
    x, y = torch.randn(10, 3), torch.randint(0, 4, (10,))
    step = torch.compile(lambda x, y: criterion(layer(x), y), fullgraph=True, backend="aot_eager")
    step(x, y).backward()
    found = layer.weight.grad.clone()
    layer.zero_grad()
    criterion(layer(x), y).backward()
    assert torch.allclose(found, layer.weight.grad, rtol=1e-6, atol=1e-7)


def test_groups_named_by_a_column_are_refused_in_a_graph() -> None:
    import torch

    from lossmith.adapt.in_torch import plain
    from lossmith.adapt.in_torch.call import Call
    from tests.adapt.in_torch.test_plain_rows import dice_per_image

    torch._dynamo.reset()
    z, y = _rows("dice", 6)
    call = lambda z, g: plain.apply(Call(dice_per_image, False, z, y, columns={"group": g}))  # noqa: E731
    assert call(z, torch.arange(6) // 2).ndim == 0
    with pytest.raises(Exception, match=r"LM437|first axis"):
        torch.compile(call, fullgraph=True, backend="eager")(z, torch.arange(6) // 2)


# Export -----------------------------------------------------------------------------------------------------------------


def _module(name: str) -> Any:
    import torch

    class Module(torch.nn.Module):
        def forward(self, input: Any, target: Any) -> Any:
            return _criterion(name)(input, target)

    return Module()


@pytest.mark.parametrize("name", SOME)
def test_an_exported_loss_takes_other_batches(name: str) -> None:
    import torch

    n = torch.export.Dim("n")
    rows = _rows(name, 6, torch.float32)
    found = torch.export.export(_module(name), rows, dynamic_shapes={"input": {0: n}, "target": {0: n}})
    for size in (6, 11):
        z, y = _rows(name, size, torch.float32, seed=size)
        assert torch.equal(found.module()(z, y), _criterion(name)(z, y))


@pytest.mark.parametrize("name", ["cross_entropy", pytest.param("log_loss", marks=SLOW)])
def test_an_onnx_model_gives_the_loss(name: str, tmp_path: Any) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    import torch

    rows, free = _rows(name, 6, torch.float32), {0: "n"}
    program = torch.onnx.export(
        _module(name), rows, dynamo=True, verbose=False, dynamic_shapes={"input": free, "target": free}
    )
    program.save(tmp_path / "loss.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "loss.onnx")
    z, y = (x.numpy() for x in _rows(name, 11, torch.float32, seed=3))
    names = [given.name for given in session.get_inputs()]
    (value,) = session.run(None, dict(zip(names, (z, y), strict=True)))
    wanted = np.asarray(LOSSES[name].using("numpy").value(y, z.astype(np.float64)))
    assert apart(value.astype(np.float64), wanted, digits=24) <= 256  # ONNX has no log1p: log(1 + x) loses digits


# Autocast ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SOME)
def test_autocast_changes_nothing_but_what_arrives(name: str) -> None:
    import torch

    z, y = _rows(name, 8, torch.float32)
    narrow = [z.to(torch.bfloat16).requires_grad_() for _ in range(2)]
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside = _criterion(name)(narrow[0], y)
    outside = _criterion(name)(narrow[1], y)
    inside.backward()
    outside.backward()
    assert inside.dtype == torch.float32
    assert torch.equal(inside, outside)
    assert torch.equal(narrow[0].grad, narrow[1].grad)
