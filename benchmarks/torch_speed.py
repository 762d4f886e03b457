"""Forward and backward on the processor: our criterion against PyTorch's own, on two threads (or as many as are said).

Comes in: nothing (`python benchmarks/torch_speed.py [rounds] [threads]`). Goes out: a table, one line for each loss, size and
dtype: the median of each in microseconds, and the median of the ratios of turns that followed each other. The two take turns,
so that whatever else runs on the machine slows both. The last line compares our two ways: a node of autograd, an operation.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from statistics import median
from typing import Any

import torch

import lossmith as ls

ENOUGH = 0.03
"""Each turn runs at least so many seconds."""


@dataclass(frozen=True)
class Case:
    """What is compared: our loss and torch's, on how many rows of how many classes (0: none)."""

    title: str
    loss: str
    module: Callable[[], torch.nn.Module]
    rows: int
    classes: int
    wanted: float


CASES = (
    Case("log loss", "log_loss", torch.nn.BCEWithLogitsLoss, 1_000, 0, 1.0),
    Case("log loss", "log_loss", torch.nn.BCEWithLogitsLoss, 1_000_000, 0, 4.0),
    Case("cross entropy", "cross_entropy", torch.nn.CrossEntropyLoss, 100_000, 10, 1.8),
    Case("cross entropy", "cross_entropy", torch.nn.CrossEntropyLoss, 1_000, 1_000, 3.0),
)


def turns(case: Case, dtype: torch.dtype) -> tuple[Callable[[], None], Callable[[], None]]:
    """Forward and backward of ours and of theirs, over the same numbers."""
    torch.manual_seed(0)
    shape = (case.rows, case.classes) if case.classes else (case.rows,)
    input = torch.randn(shape, dtype=dtype, requires_grad=True)
    target = torch.randint(0, case.classes, shape[:1]) if case.classes else torch.rand(shape, dtype=dtype)
    ours, theirs = ls.for_torch(ls.get(case.loss)), case.module()

    def turn(criterion: Callable[..., torch.Tensor]) -> Callable[[], None]:
        def run() -> None:
            input.grad = None
            criterion(input, target).backward()

        return run

    return turn(ours), turn(theirs)


def as_operation(rows: int) -> tuple[Callable[[], None], Callable[[], None]]:
    """Log loss as a node of autograd, and as the operation that compiled graphs hold."""
    from lossmith.adapt.in_torch import fused, fused_op
    from lossmith.adapt.in_torch.call import Call

    loss, input, target = ls.get("log_loss"), torch.randn(rows, requires_grad=True), torch.rand(rows)
    key, call = fused_op.key_of(loss), Call(loss, False, input, target)
    return lambda: fused.apply(call).backward(), lambda: fused_op.apply(call, key).backward()


def seconds(run: Callable[[], None], times: int) -> float:
    """The mean of so many runs."""
    start = time.perf_counter()
    for _ in range(times):
        run()
    return (time.perf_counter() - start) / times


def compared(ours: Callable[[], None], theirs: Callable[[], None], rounds: int) -> tuple[float, float, float]:
    """The medians of both in microseconds, and of the ratios turn by turn."""
    for run in (ours, theirs):
        run(), run()
    times = [max(1, int(ENOUGH / seconds(run, 1))) for run in (ours, theirs)]
    pairs = [(seconds(ours, times[0]), seconds(theirs, times[1])) for _ in range(rounds)]
    return 1e6 * median(a for a, _ in pairs), 1e6 * median(b for _, b in pairs), median(b / a for a, b in pairs)


def lines(rounds: int) -> Iterator[str]:
    """The table, line by line."""
    load: Any = os.getloadavg()[0] if hasattr(os, "getloadavg") else "unknown"
    yield f"torch {torch.__version__}, {torch.get_num_threads()} threads, {rounds} rounds, load of the machine {load}"
    yield f"{'loss':16}{'shape':>16}{'dtype':>10}{'ours':>12}{'torch':>12}{'ratio':>8}{'wanted':>8}"
    for case in CASES:
        for dtype in (torch.float32, torch.float64):
            ours, theirs, ratio = compared(*turns(case, dtype), rounds)
            shape = f"{case.rows}x{case.classes}" if case.classes else str(case.rows)
            name = str(dtype).removeprefix("torch.")
            yield f"{case.title:16}{shape:>16}{name:>10}{ours:12.1f}{theirs:12.1f}{ratio:8.2f}{case.wanted:8.1f}"
    node, operation, ratio = compared(*as_operation(1_000), rounds)
    yield f"log loss, 1000 rows: a node of autograd {node:.1f}, an operation {operation:.1f}, ratio {ratio:.2f}"


if __name__ == "__main__":
    said = [int(word) for word in sys.argv[1:]]
    torch.set_num_threads(said[1] if len(said) > 1 else 2)
    for line in lines(said[0] if said else 15):
        print(line, flush=True)
