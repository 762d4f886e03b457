"""Rows of several workers: the value of all rows, each worker's part of the gradient, also where one has no rows."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Barrier
from typing import Any

import numpy as np
import pytest

import lossmith as ls

pytestmark = pytest.mark.peers("torch")
EPS = np.finfo(np.float64).eps


@dataclass
class _Meeting:
    """Workers in threads of one process, who put their sums on one table."""

    size: int
    table: dict[int, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.barrier = Barrier(self.size, timeout=60)


@dataclass
class _Worker:
    meeting: _Meeting
    rank: int
    factor: float

    def merge(self, op: str, sums: Any) -> Any:
        import torch

        self.meeting.table[self.rank] = (op, sums.clone())
        self.meeting.barrier.wait()
        ops, parts = zip(*(self.meeting.table[j] for j in range(self.meeting.size)), strict=True)
        assert set(ops) == {op} and sums.dtype == torch.float64
        stack = torch.stack(parts)
        self.meeting.barrier.wait()
        return {"add": stack.sum(0), "max": stack.amax(0), "logsumexp": torch.logsumexp(stack, 0)}[op]


def _shared(loss: ls.Loss, cuts: tuple[int, ...], given: tuple[Any, ...], factor: float) -> tuple[list[Any], Any]:
    """Every worker's value, and the gradients side by side."""
    import torch

    from lossmith.adapt.in_torch import fused
    from lossmith.adapt.in_torch.call import Call

    borders = [0, *cuts, len(given[0])]
    meeting = _Meeting(len(borders) - 1)

    def work(rank: int) -> tuple[float, Any]:
        z, y, w = (None if a is None else torch.from_numpy(a[borders[rank] : borders[rank + 1]]) for a in given)
        input = z.clone().requires_grad_()
        found = fused.apply(Call(loss, False, input, y, w, workers=_Worker(meeting, rank, factor)))
        found.backward()
        return found.item(), input.grad.numpy()

    with ThreadPoolExecutor(meeting.size) as pool:
        values, gradients = zip(*pool.map(work, range(meeting.size)), strict=True)
    return list(values), np.concatenate(gradients)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("name", ["log_loss", "cross_entropy", "rmse", "dice"])
def test_the_value_and_gradient_of_all_rows(name: str, weighted: bool) -> None:
    rng = np.random.default_rng(5)
    n = 43
    z = rng.normal(size=(n, 3) if name == "cross_entropy" else n)
    y = rng.integers(0, 3, n) if name == "cross_entropy" else rng.random(n)
    w = rng.random(n) * (rng.random(n) < 0.8) if weighted else None
    loss = ls.get(name) if name == "log_loss" else ls.get(name).using("numpy")
    values, gradient = _shared(loss, (30, 30, 31), (z, y, w), 4.0)
    value, expected = loss.value_and_gradient(y, z, w)
    assert np.allclose(values, value, rtol=8 * EPS)
    assert np.allclose(gradient, 4.0 * expected, rtol=8 * EPS, atol=8 * EPS)


@pytest.mark.parametrize("name", ["mse", "rmse", "dice"])
def test_the_rule_for_no_rows_looks_at_all_workers(name: str) -> None:
    z, y = np.ones(4), np.zeros(4)
    loss = ls.get(name).using("numpy")
    values, gradient = _shared(loss, (2,), (z, y, np.zeros(4)), 1.0)
    assert values == [0.0, 0.0] and not gradient.any()
    values, _ = _shared(loss, (2,), (z, y, np.array([0.0, 0.0, 0.0, 1.0])), 1.0)
    assert values == [loss.value(y[:1], z[:1])] * 2
    values, gradient = _shared(loss.empty("nan"), (0,), (z[:0], y[:0], None), 1.0)
    assert np.isnan(values).all() and gradient.shape == (0,)


def test_what_sums_do_not_say_is_refused() -> None:
    import torch

    from lossmith.adapt.in_torch import fused
    from lossmith.adapt.in_torch.call import Call

    alone, rows = _Worker(_Meeting(1), 0, 1.0), torch.rand(4)
    with pytest.raises(ls.errors.AdapterError, match=r"LM430.*rows are chosen"):
        fused.apply(Call(ls.get("mse").select(top=2), False, rows, rows, workers=alone))
    grouped = ls.parse("(y - z) ** 2", target="real", per="group")
    with pytest.raises(ls.errors.AdapterError, match=r"LM430.*mean over groups"):
        fused.apply(Call(grouped, False, rows, rows, columns={"group": torch.arange(4)}, workers=alone))
