"""The kernels as operations of torch.library: checked by torch itself, compiled, exported, loaded in a fresh process."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import lossmith as ls

pytestmark = pytest.mark.peers("torch")
FRESH = """
import sys, torch
import lossmith.adapt.in_torch.fused_op
program, given = torch.export.load(sys.argv[1]), torch.load(sys.argv[2])
print(float(program.module()(*given)).hex())
"""


def _apply(loss: Any, per_row: bool = False) -> Any:
    from lossmith.adapt.in_torch import fused_op
    from lossmith.adapt.in_torch.call import Call

    key = fused_op.key_of(loss)
    return lambda *tensors: fused_op.apply(Call(loss, per_row, *tensors), key)


def _module(function: Any) -> Any:
    import torch

    class Criterion(torch.nn.Module):
        def forward(self, *tensors: Any) -> Any:
            return function(*tensors)

    return Criterion()


@pytest.mark.parametrize(
    ("name", "per_row"), [("log_loss", False), pytest.param("cross_entropy", True, marks=pytest.mark.corpus)]
)
def test_torch_finds_nothing_wrong_with_the_operations(name: str, per_row: bool) -> None:
    import torch

    from lossmith.adapt.in_torch import fused_op

    torch.manual_seed(0)
    wide = (4, 3, 2) if name == "cross_entropy" else (4,)
    input, weight = torch.randn(wide, requires_grad=True), torch.rand(4)
    target = torch.randint(0, 3, (4, 2)) if name == "cross_entropy" else torch.rand(4)
    job = (input, [target, weight], fused_op.key_of(ls.get(name)), ["target ", "weight "], per_row)
    operations, slope = torch.ops.lossmith, torch.rand((4, 2) if wide[1:] and per_row else (4,) if per_row else ())
    plain = (input.detach(), [target, weight], *job[2:])
    shapes = ("test_schema", "test_autograd_registration", "test_faketensor")
    for operation, given, looks in (
        (operations.value_and_gradient, (*job, True), (*shapes, "test_aot_dispatch_dynamic")),
        (operations.value_and_gradient, (*plain, False), shapes),
        (operations.hessian_times, (*plain, torch.rand(wide)), shapes),
        (operations.gradient_by, (*plain, 1, slope), shapes),
    ):
        found = torch.library.opcheck(operation.default, given, test_utils=looks)
        assert set(found.values()) == {"SUCCESS"}


def test_derivatives_of_the_operation() -> None:
    import torch

    torch.manual_seed(0)
    input, target = (torch.rand(5, dtype=torch.float64, requires_grad=True) for _ in range(2))
    function = _apply(ls.get("log_loss"))
    assert torch.autograd.gradcheck(function, (input, target))
    assert torch.autograd.gradgradcheck(lambda z: function(z, target.detach()), (input,))
    slope = torch.autograd.grad(function(input, target.detach()), input, create_graph=True)[0]
    bend = torch.autograd.grad(slope.sum(), input, create_graph=True)[0]
    with pytest.raises(ls.errors.AdapterError, match="LM432"):
        torch.autograd.grad(bend.sum(), input)


def test_one_node_in_a_compiled_graph_gives_the_same_bits() -> None:
    import torch

    graphs: list[Any] = []

    def keep(graph: Any, given: Any) -> Any:
        graphs.append(graph)
        return graph.forward

    torch.manual_seed(0)
    input, target = torch.randn(7, 3, requires_grad=True), torch.randint(0, 3, (7,))
    function = _apply(ls.get("cross_entropy").reweight(class_weight={0: 1, 1: 2, 2: 3}))
    expected = function(input, target)
    slope = torch.autograd.grad(expected, input)[0]
    for backend in (keep, "aot_eager"):
        found = torch.compile(function, fullgraph=True, backend=backend)(input, target)
        assert torch.equal(found, expected) and torch.equal(torch.autograd.grad(found, input)[0], slope)
    assert [str(n.target) for n in graphs[0].graph.nodes if "lossmith" in str(n.target)] == [
        "lossmith.value_and_gradient"
    ]
    torch.compiler.reset()


@pytest.mark.corpus
def test_an_exported_graph_runs_in_a_process_that_has_not_seen_the_loss(tmp_path: Path) -> None:
    import torch

    loss = ls.parse("where(y > z, level, 1) * (y - z) ** 2", target="real", parameters={"level": (3.0, "positive")})
    given = torch.linspace(-1, 1, 9), torch.linspace(2, -2, 9)
    module = _module(_apply(loss.using("numpy")))
    torch.export.save(torch.export.export(module, given), tmp_path / "graph.pt2")
    torch.save(given, tmp_path / "given.pt")
    command = [sys.executable, "-c", FRESH, str(tmp_path / "graph.pt2"), str(tmp_path / "given.pt")]
    found = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout
    assert float.fromhex(found.strip()) == module(*given).item()


def test_workers_are_no_part_of_a_graph() -> None:
    import torch

    from lossmith.adapt.in_torch import fused_op
    from lossmith.adapt.in_torch.call import Call

    call: Any = Call(ls.get("mse"), False, torch.ones(2), torch.ones(2), workers=object())  # type: ignore[arg-type]
    with pytest.raises(ls.errors.AdapterError, match="LM433"):
        fused_op.apply(call, fused_op.key_of(ls.get("mse")))
