"""The plain form on a GPU: its numbers, half precision, no waiting for the device, memory, and one compiled figure."""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median
from typing import Any

import numpy as np
import pytest

import lossmith as ls
from tests.adapt.in_torch.plain_calls import apart
from tests.properties.cases import gaussian_heads

pytestmark = [pytest.mark.peers("torch"), pytest.mark.gpu]

BOUND32, BOUND64 = 16, 32
N = 1 << 20
LOSSES = {
    "log_loss": ls.get("log_loss"), "cross_entropy": ls.get("cross_entropy"), "focal": ls.get("focal"),
    "dice": ls.get("dice"), "rmse": ls.get("rmse"), "huber": ls.get("huber"), "gaussian": gaussian_heads,
    "class weights": ls.get("cross_entropy").reweight([1.0, 2.0, 0.5, 1.0]), "top": ls.get("mae").select(top=100),
}  # fmt: skip


@pytest.fixture(autouse=True)
def _device() -> None:
    import torch

    if not torch.cuda.is_available():
        pytest.skip("there is no GPU")


def _rows(name: str, n: int, dtype: Any) -> tuple[Any, Any]:
    import torch

    made = torch.Generator().manual_seed(n)
    if name in ("cross_entropy", "class weights"):
        return torch.randn(n, 4, generator=made).to(dtype).cuda(), torch.randint(0, 4, (n,), generator=made).cuda()
    if name == "gaussian":
        return torch.randn(n, 2, generator=made).to(dtype).cuda(), torch.randn(n, generator=made).cuda()
    return torch.randn(n, generator=made).to(dtype).cuda(), torch.randint(0, 2, (n,), generator=made).float().cuda()


def _criterion(name: str) -> Callable[..., Any]:
    return ls.for_torch(LOSSES[name])


def _of_kernels(name: str, z: Any, y: Any, w: Any) -> tuple[Any, Any]:
    loss = LOSSES[name].using("numpy")
    given = [None if x is None else x.detach().cpu() for x in (y, z, w)]
    arrays = [x if x is None else x.double().numpy() if x.is_floating_point() else x.numpy() for x in given]
    return np.asarray(loss.value(*arrays)), loss.gradient(*arrays)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", LOSSES)
def test_numbers_are_those_of_the_kernels(name: str, dtype: str) -> None:
    import torch

    z, y = _rows(name, 1000, getattr(torch, dtype))
    weight = torch.rand(1000, device="cuda").to(z.dtype)
    weight[7] = 0.0
    for w in (None, weight):
        input = z.clone().requires_grad_()
        value = _criterion(name)(input, y, w)
        value.backward()
        wanted, bound, digits = _of_kernels(name, z, y, w), *((BOUND32, 24) if dtype == "float32" else (BOUND64, 53))
        assert apart(value.double().cpu().detach(), wanted[0], digits) <= bound
        assert apart(input.grad.double().cpu(), wanted[1], digits) <= bound


@pytest.mark.parametrize("name", ["log_loss", "cross_entropy", "rmse"])
def test_autocast_computes_in_float32(name: str) -> None:
    import torch

    z, y = _rows(name, 1000, torch.bfloat16)
    z.requires_grad_()
    with torch.autocast("cuda", dtype=torch.bfloat16):
        value = _criterion(name)(z, y)
    value.backward()
    wanted, slope = _of_kernels(name, z, y, None)
    assert value.dtype == torch.float32
    assert apart(value.double().cpu().detach(), wanted, 24) <= BOUND32
    assert apart(z.grad.double().cpu(), slope, 8) <= 1


@pytest.mark.parametrize("name", LOSSES)
def test_nothing_waits_for_the_device(name: str) -> None:
    import torch

    z, y = _rows(name, 1000, torch.float32)
    weight = torch.rand(1000, device="cuda")
    z.requires_grad_()
    _criterion(name)(z, y, weight).backward()  # what is built and sent once
    torch.cuda.synchronize()
    torch.cuda.set_sync_debug_mode("error")
    try:
        _criterion(name)(z, y, weight).backward()
        _criterion(name)(z, y, weight).backward()
    finally:
        torch.cuda.set_sync_debug_mode("default")


def _focal_by_hand(z: Any, y: Any) -> Any:
    """As it is usually written on top of PyTorch's own loss (Lin et al. 2017, without alpha)."""
    import torch

    entropy = torch.nn.functional.binary_cross_entropy_with_logits(z, y, reduction="none")
    p = torch.sigmoid(z)
    hit = p * y + (1 - p) * (1 - y)
    return (entropy * (1 - hit) ** 2.0).mean()


def _peak(function: Callable[..., Any], z: Any, y: Any) -> int:
    """The most memory that a forward and a backward pass hold beyond what was there before, in bytes."""
    import torch

    input = z.clone().requires_grad_()
    function(input, y).backward()
    input.grad = None
    torch.cuda.synchronize()
    before = torch.cuda.memory_allocated()
    torch.cuda.reset_peak_memory_stats()
    function(input, y).backward()
    return int(torch.cuda.max_memory_allocated()) - before


def _time(function: Callable[..., Any], z: Any, y: Any) -> float:
    import torch

    input = z.clone().requires_grad_()
    times = []
    for _ in range(20):
        torch.cuda.synchronize()
        start = time.perf_counter()
        function(input, y).backward()
        torch.cuda.synchronize()
        times.append(time.perf_counter() - start)
    return median(times[5:])


def test_memory_and_time_of_a_compiled_loss(record_property: Any) -> None:
    """Compiled, focal holds no more than the same loss by hand in eager PyTorch; times, and eager, are recorded."""
    import torch

    z, y = _rows("focal", 16 * N, torch.float32)
    ours = _criterion("focal")
    compiled = torch.compile(ours, fullgraph=True)
    held = {"ours": _peak(ours, z, y), "compiled": _peak(compiled, z, y), "by hand": _peak(_focal_by_hand, z, y)}
    took = {"ours": _time(ours, z, y), "compiled": _time(compiled, z, y), "by hand": _time(_focal_by_hand, z, y)}
    for name in ("ours", "compiled"):
        record_property(f"memory of {name} over eager by hand", held[name] / held["by hand"])
        record_property(f"time of {name} over eager by hand", took[name] / took["by hand"])
        print(
            f"{name}: {held[name] / held['by hand']:.2f} of the memory, {took[name] / took['by hand']:.2f} of the time"
        )
    assert held["compiled"] <= held["by hand"]


def test_memory_of_the_log_loss(record_property: Any) -> None:
    """Eager log loss against F.binary_cross_entropy_with_logits, whose backward is one kernel of its own: recorded."""
    import torch
    from torch.nn.functional import binary_cross_entropy_with_logits

    z, y = _rows("log_loss", N, torch.float32)
    compiled = torch.compile(_criterion("log_loss"), fullgraph=True)
    theirs = _peak(binary_cross_entropy_with_logits, z, y)
    ratios = {"ours": _peak(_criterion("log_loss"), z, y) / theirs, "compiled": _peak(compiled, z, y) / theirs}
    for name, ratio in ratios.items():
        record_property(f"memory of {name} over torch", ratio)
        print(f"{name}: {ratio:.2f} of the memory of F.binary_cross_entropy_with_logits")
    assert ratios["compiled"] <= 1.0
