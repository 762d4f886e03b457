"""Which transform of PyTorch takes which path, as a table: documents print it, and each row names the test that shows it.

Comes in: nothing. Goes out: `ROWS`, and `table()`, the rows as a table of a document.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

KERNELS, OPERATIONS, REFUSED = "kernels", "tensor operations", "refused"


@dataclass(frozen=True)
class Row:
    """What is done with a criterion, the path that it takes, a remark, and the test in `test_paths.py`."""

    what: str
    path: str
    remark: str
    test: str


ROWS: Final = (
    Row(
        "eager, CPU, float32 and float64",
        KERNELS,
        "value and gradient in one pass, one node of autograd",
        "test_eager_calls_on_the_processor",
    ),
    Row("`torch.no_grad`, `torch.inference_mode`", KERNELS, "the value alone", "test_calls_without_a_graph"),
    Row("another device", OPERATIONS, "no wait for the device on the way forward", "test_another_device"),
    Row("float16, bfloat16", OPERATIONS, "computed in float32; the value is float32", "test_half_precision"),
    Row("`torch.autocast`", OPERATIONS, "as float16 and bfloat16", "test_autocast"),
    Row(
        "double backward (`create_graph=True`)",
        KERNELS,
        "value, gradient, hessian times vector: programs of their own; of tensor operations too",
        "test_double_backward",
    ),
    Row("`torch.func.grad`, `vjp`", OPERATIONS, "", "test_func_grad"),
    Row("`torch.func.vmap`, per-sample gradients", OPERATIONS, "", "test_vmap"),
    Row("`torch.func.hessian`", OPERATIONS, "", "test_hessian"),
    Row("`torch.func.jvp`, forward-mode derivatives", OPERATIONS, "", "test_jvp"),
    Row("`torch.compile(fullgraph=True)`", OPERATIONS, "one graph, forward and backward", "test_compile"),
    Row(
        '`torch.compile`, `torch.export` with `path="fused"`',
        KERNELS,
        "an operation of torch.library: `torch.ops.lossmith.value_and_gradient`",
        "test_operation",
    ),
    Row("`torch.export`", OPERATIONS, "a number of rows that varies is fine", "test_export"),
    Row("`torch.onnx.export`", OPERATIONS, "", "test_onnx"),
    Row("`torch.jit.trace`", OPERATIONS, "", "test_trace"),
    Row("`torch.jit.script`", REFUSED, "it reads the source of a module; one sentence says so", "test_script"),
    Row("`torch.utils.checkpoint`", KERNELS, "recomputed in the backward pass", "test_checkpoint"),
    Row("`DataParallel`, `DistributedDataParallel`", KERNELS, "inside or outside of the wrapper", "test_data_parallel"),
)


def table() -> str:
    """The table as Markdown."""
    lines = ["| what | path | |", "|---|---|---|", *(f"| {row.what} | {row.path} | {row.remark} |" for row in ROWS)]
    return "\n".join(lines)
