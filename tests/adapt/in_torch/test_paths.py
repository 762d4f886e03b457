"""Every row of the table of paths: the path is taken, and the numbers are those of the loss."""

import warnings

import numpy as np
import pytest

import lossmith as ls
from lossmith.adapt.in_torch import paths
from lossmith.errors import AdapterError

pytestmark = pytest.mark.peers("torch")

FEW = 16 * 2.0**-52  # the contract of every loss: 16 ulp


@pytest.fixture
def taken(monkeypatch):
    """The paths that calls take, in their order."""
    from lossmith.adapt.in_torch import fused, plain

    found = []
    for module, path in ((fused, paths.KERNELS), (plain, paths.OPERATIONS)):
        own = module.apply
        monkeypatch.setattr(module, "apply", lambda call, own=own, path=path: found.append(path) or own(call))
    return found


def drawn(name="focal", dtype="float64"):
    """A criterion, raw predictions and targets, and the loss of the same rows."""
    import torch

    loss, draw = ls.get(name).using("numpy"), torch.Generator().manual_seed(1)
    classes = name == "cross_entropy"
    z = torch.randn(*((7, 3) if classes else (7,)), generator=draw, dtype=torch.float64)
    y = torch.randint(0, 3 if classes else 2, (7,), generator=draw)
    z = z.to(getattr(torch, dtype))
    return ls.for_torch(loss), z.requires_grad_(), y if classes else y.to(z.dtype)


def right(criterion, z, y):
    """Value and gradient by the loss itself, of the same numbers in float64."""
    raw, target = (
        z.detach().double().numpy(),
        y.detach().numpy() if y.dtype.is_floating_point is False else y.double().numpy(),
    )
    return criterion.loss.value(target, raw), criterion.loss.gradient(target, raw)


def close(found, truth, bound=FEW):
    """Whether tensors are as near as the bound says."""
    np.testing.assert_allclose(found.detach().double().numpy(), truth, rtol=bound, atol=bound * np.abs(truth).max())


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", ["focal", "cross_entropy", "rmse"])
def test_eager_calls_on_the_processor(taken, name, dtype):
    criterion, z, y = drawn(name, dtype)
    value = criterion(z, y)
    value.backward()
    bound = FEW if dtype == "float64" else 16 * 2.0**-23
    close(value, right(criterion, z, y)[0], bound)
    close(z.grad, right(criterion, z, y)[1], bound)
    assert taken == [paths.KERNELS]


def test_calls_without_a_graph(taken):
    import torch

    criterion, z, y = drawn()
    with torch.no_grad():
        close(criterion(z, y), right(criterion, z, y)[0])
    with torch.inference_mode():
        value = criterion(z, y)
    assert not value.requires_grad and taken == [paths.KERNELS] * 2


def test_another_device(taken):
    """The meta device has no numbers: a look at one would be an error."""
    import torch

    criterion, z, y = drawn("cross_entropy")
    z = z.detach().to("meta").requires_grad_()
    value = criterion(z, y.to("meta"), torch.ones(7, device="meta"))
    value.backward()
    assert value.device.type == "meta" and z.grad.shape == z.shape and taken == [paths.OPERATIONS]


@pytest.mark.gpu
def test_another_device_is_not_waited_for():
    import torch

    if not torch.cuda.is_available():
        pytest.skip("needs a GPU")
    for name in ("focal", "cross_entropy", "dice"):
        criterion, z, y = drawn(name)
        z, y = z.detach().cuda().requires_grad_(), y.cuda()
        criterion(z, y).backward()  # once, so that everything is at hand
        z.grad = None
        torch.cuda.set_sync_debug_mode("error")
        try:
            value = criterion(z, y)
            value.backward()
        finally:
            torch.cuda.set_sync_debug_mode("default")
        close(value.cpu(), right(criterion, z.cpu(), y.cpu())[0])
        close(z.grad.cpu(), right(criterion, z.cpu(), y.cpu())[1])


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("name", ["focal", "cross_entropy", "dice"])
def test_half_precision(taken, name, dtype):
    """The value within 16 ulp of float32; the gradient rounded once to the dtype of the input."""
    import torch

    criterion, z, y = drawn(name, dtype)
    value = criterion(z, y)
    value.backward()
    close(value, right(criterion, z, y)[0], 16 * 2.0**-23)
    digits = {"float16": 2.0**-11, "bfloat16": 2.0**-8}[dtype]
    close(z.grad, right(criterion, z, y)[1], digits + 16 * 2.0**-23)
    assert value.dtype == torch.float32 and z.grad.dtype == z.dtype and taken == [paths.OPERATIONS]


def test_autocast(taken):
    import torch

    criterion, _, y = drawn("focal", "float32")
    layer, x = torch.nn.Linear(4, 1), torch.ones(7, 4)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        z = layer(x).squeeze(-1)
        value = criterion(z, y)
    value.backward()
    assert z.dtype == torch.bfloat16 and value.dtype == torch.float32 and layer.weight.grad.any()
    close(value, right(criterion, z, y)[0], 16 * 2.0**-23)
    assert taken == [paths.OPERATIONS]


@pytest.mark.parametrize("path", ["fused", "plain"])
@pytest.mark.parametrize("name", ["focal", "cross_entropy", "rmse"])
def test_double_backward(taken, name, path):
    import torch

    criterion, z, y = drawn(name)
    criterion.path = path
    (gradient,) = torch.autograd.grad(criterion(z, y), z, create_graph=True)
    v = torch.linspace(-1, 1, z.numel(), dtype=z.dtype).reshape(z.shape)
    (product,) = torch.autograd.grad(gradient, z, v)
    close(product, criterion.loss.hvp(y.numpy(), z.detach().numpy(), v.numpy()))
    assert taken == [paths.KERNELS if path == "fused" else paths.OPERATIONS]


@pytest.mark.parametrize("name", ["focal", "cross_entropy", "dice"])
def test_func_grad(taken, name):
    import torch

    criterion, z, y = drawn(name)
    close(torch.func.grad(criterion)(z.detach(), y), right(criterion, z, y)[1])
    value, pull = torch.func.vjp(lambda raw: criterion(raw, y), z.detach())
    close(pull(torch.ones_like(value))[0], right(criterion, z, y)[1])
    assert taken == [paths.OPERATIONS] * 2


def test_vmap(taken):
    """Gradients of single rows: each as if it were the whole batch."""
    import torch

    criterion, z, y = drawn("cross_entropy")
    rows = torch.func.vmap(torch.func.grad(criterion))(z.detach()[:, None], y[:, None])
    close(rows[:, 0], criterion.loss.per_example_gradient(y.numpy(), z.detach().numpy()))
    assert set(taken) == {paths.OPERATIONS}


@pytest.mark.parametrize("name", ["focal", "rmse"])
def test_hessian(taken, name):
    import torch

    criterion, z, y = drawn(name)
    matrix = torch.func.hessian(lambda raw: criterion(raw, y))(z.detach())
    eye = np.eye(7)
    close(matrix, np.stack([criterion.loss.hvp(y.numpy(), z.detach().numpy(), v) for v in eye]))
    assert set(taken) == {paths.OPERATIONS}


@pytest.mark.parametrize("name", ["focal", "cross_entropy"])
def test_jvp(taken, name):
    import torch
    from torch.autograd import forward_ad

    criterion, z, y = drawn(name)
    v = torch.linspace(-1, 1, z.numel(), dtype=z.dtype).reshape(z.shape)
    slope = (right(criterion, z, y)[1] * v.numpy()).sum()
    _, moved = torch.func.jvp(lambda raw: criterion(raw, y), (z.detach(),), (v,))
    close(moved, slope, 64 * 2.0**-52)  # a sum of 21 terms of both signs
    with forward_ad.dual_level():
        dual = criterion(forward_ad.make_dual(z.detach(), v), y)
        close(forward_ad.unpack_dual(dual).tangent, slope, 64 * 2.0**-52)
    assert taken == [paths.OPERATIONS] * 2


@pytest.mark.parametrize("name", ["cross_entropy", "dice"])
def test_compile(name):
    """The whole step is one graph; `fullgraph=True` makes anything else an error."""
    import torch

    criterion, z, y = drawn(name)
    step = torch.compile(lambda raw, target: criterion(2.0 * raw, target), fullgraph=True, backend="aot_eager")
    value = step(z, y)
    value.backward()
    close(value, right(criterion, 2.0 * z, y)[0])
    close(z.grad, 2.0 * right(criterion, 2.0 * z, y)[1])


@pytest.mark.parametrize("name", ["focal", "cross_entropy"])
def test_operation(name):
    """One opaque node of the graph, whose derivatives are ours."""
    import torch

    criterion, z, y = drawn(name)
    criterion = ls.for_torch(criterion.loss, path="fused")
    seen = []

    def keep(graph, example_inputs):
        seen.extend(str(node.target) for node in graph.graph.nodes)
        return graph

    value = torch.compile(lambda raw, target: criterion(2.0 * raw, target), fullgraph=True, backend=keep)(z, y)
    value.backward()
    close(value, right(criterion, 2.0 * z, y)[0])
    close(z.grad, 2.0 * right(criterion, 2.0 * z, y)[1])
    assert "lossmith.value_and_gradient" in " ".join(seen)


def test_export():
    import torch

    criterion, z, y = drawn("cross_entropy")
    rows = torch.export.Dim("rows", min=2)
    program = torch.export.export(criterion, (z.detach(), y), dynamic_shapes={"input": {0: rows}, "target": {0: rows}})
    raw, target = torch.cat([z, 2 * z]).detach(), torch.cat([y, y])
    close(program.module()(raw, target), right(criterion, raw, target)[0])


@pytest.mark.peers("torch", "onnxscript", "onnxruntime")
def test_onnx(tmp_path):
    import onnxruntime
    import torch

    criterion, z, y = drawn("focal", "float32")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.onnx.export(criterion, (z.detach(), y), dynamo=True, verbose=False)
    program.save(tmp_path / "loss.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "loss.onnx", providers=["CPUExecutionProvider"])
    names = [entry.name for entry in session.get_inputs()]
    (value,) = session.run(None, dict(zip(names, (z.detach().numpy(), y.numpy()), strict=True)))
    close(torch.tensor(value), right(criterion, z, y)[0], 16 * 2.0**-23)


@pytest.mark.filterwarnings("ignore")
def test_trace(taken):
    import torch

    criterion, z, y = drawn()
    traced = torch.jit.trace(criterion, (z.detach(), y), check_trace=False)
    close(traced(2.0 * z.detach(), y), right(criterion, 2.0 * z, y)[0])
    assert set(taken) == {paths.OPERATIONS}


@pytest.mark.filterwarnings("ignore")
def test_script():
    import torch

    with pytest.raises(AdapterError, match="LM446"):
        torch.jit.script(drawn()[0])


@pytest.mark.parametrize("reentrant", [False, True])
def test_checkpoint(taken, reentrant):
    from torch.utils.checkpoint import checkpoint

    criterion, z, y = drawn()
    checkpoint(lambda raw: criterion(2.0 * raw, y), z, use_reentrant=reentrant).backward()
    close(z.grad, 2.0 * right(criterion, 2.0 * z, y)[1])
    assert set(taken) == {paths.KERNELS}


def test_data_parallel(taken, tmp_path):
    """One process of gloo; DataParallel without a GPU calls the module as it is."""
    import torch
    import torch.distributed as dist

    criterion, _, y = drawn()

    class Whole(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.layer, self.criterion = torch.nn.Linear(2, 1).double(), criterion

        def forward(self, x, target):
            return self.criterion(self.layer(x).squeeze(-1), target)

    x, model = torch.linspace(-1, 1, 14, dtype=torch.float64).reshape(7, 2), Whole()
    torch.nn.DataParallel(model)(x, y).backward()
    alone = model.layer.weight.grad.clone()
    model.zero_grad()
    dist.init_process_group("gloo", init_method=f"file://{tmp_path / 'meet'}", rank=0, world_size=1)
    try:
        torch.nn.parallel.DistributedDataParallel(model)(x, y).backward()
    finally:
        dist.destroy_process_group()
    assert model.layer.weight.grad.equal(alone) and alone.any()
    assert taken == [paths.KERNELS] * 2


# The table ------------------------------------------------------------------------------------------------------------


def test_every_row_names_a_test_that_exists():
    assert [row.test for row in paths.ROWS if not callable(globals().get(row.test))] == []
    assert len({row.test for row in paths.ROWS}) == len(paths.ROWS)
