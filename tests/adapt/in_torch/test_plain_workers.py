"""The plain form on parts of a batch whose sums are merged: every worker has the value and the gradient of the whole."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Barrier
from typing import Any

import numpy as np
import pytest

import lossmith as ls
from tests.adapt.in_torch.plain_calls import apart, call_of, tensor_of

pytestmark = pytest.mark.peers("torch")

RNG = np.random.default_rng(7)
N, BOUND = 11, 32  # ulp: the sums are added in another order
PARTS = {"halves": (0, 6, 11), "one has nothing": (0, 11, 11), "three": (0, 1, 2, 11)}
REAL, BINARY, CLASS = RNG.normal(size=N), np.resize([1.0, 0.0, 0.0, 1.0], N), np.resize([2, 0, 1], N)
FLAT, WIDE, WEIGHT = 2 * RNG.normal(size=N), RNG.normal(size=(N, 3)), np.resize([0.5, 0.0, 2.0], N)
CASES = {
    "log_loss": (ls.get("log_loss"), BINARY, FLAT), "cross_entropy": (ls.get("cross_entropy"), CLASS, WIDE),
    "rmse": (ls.get("rmse"), REAL, FLAT), "dice": (ls.get("dice"), BINARY, FLAT),
    "tilted": (ls.get("mae").tilt(2.0), REAL, FLAT), "focal": (ls.get("focal").over("positives"), BINARY, FLAT),
}  # fmt: skip


@dataclass
class Exchange:
    """What threads that act as workers have put in, one slot for each."""

    count: int
    factor: float = 1.0
    slots: dict[int, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.barrier = Barrier(self.count)


@dataclass
class Worker:
    """One of them."""

    rank: int
    exchange: Exchange

    @property
    def factor(self) -> float:
        return self.exchange.factor

    def merge(self, op: str, sums: Any) -> Any:
        import torch

        self.exchange.slots[self.rank] = sums.detach()
        self.exchange.barrier.wait(20)
        found = torch.stack([self.exchange.slots[rank] for rank in range(self.exchange.count)])
        self.exchange.barrier.wait(20)
        return {"add": found.sum(0), "max": found.amax(0), "logsumexp": torch.logsumexp(found, 0)}[op]


def _together(loss: Any, y: Any, raw: Any, weight: Any, borders: tuple[int, ...], factor: float = 1.0) -> Any:
    """Value and gradient of every part, each in a thread of its own."""
    exchange = Exchange(len(borders) - 1, factor)

    def part(rank: int) -> Any:
        rows = slice(borders[rank], borders[rank + 1])
        input = tensor_of(raw[rows]).requires_grad_()
        value = call_of(loss, input, y[rows], None if weight is None else weight[rows], workers=Worker(rank, exchange))
        value.backward()
        return value.item(), input.grad.numpy()

    with ThreadPoolExecutor(exchange.count) as pool:
        return list(pool.map(part, range(exchange.count)))


@pytest.mark.parametrize("weighted", [False, True], ids=["alone", "weighted"])
@pytest.mark.parametrize("parts", PARTS)
@pytest.mark.parametrize("name", CASES)
def test_parts_are_the_whole(name: str, parts: str, weighted: bool) -> None:
    (loss, y, raw), weight = CASES[name], WEIGHT if weighted else None
    found = _together(loss, y, raw, weight, PARTS[parts])
    whole = loss.using("numpy")
    assert all(apart(value, np.asarray(whole.value(y, raw, weight))) <= BOUND for value, _ in found)
    assert apart(np.concatenate([slope for _, slope in found]), whole.gradient(y, raw, weight)) <= BOUND


def test_a_gradient_that_is_averaged_later_is_multiplied_before() -> None:
    loss, y, raw = CASES["log_loss"]
    once, twice = (_together(loss, y, raw, None, PARTS["halves"], factor) for factor in (1.0, 2.0))
    assert once[0][0] == twice[0][0]
    assert np.array_equal(2.0 * once[0][1], twice[0][1])


def test_nobody_has_a_row() -> None:
    loss, y, raw = CASES["rmse"]
    found = _together(loss, y, raw, np.zeros(N), PARTS["halves"])
    assert [value for value, _ in found] == [0.0, 0.0]
    assert not any(slope.any() for _, slope in found)


def test_choices_among_all_rows_are_refused() -> None:
    loss = ls.get("mae").select(top=2)
    with pytest.raises(ls.LossmithError, match=r"LM437.*chosen"):
        call_of(loss, tensor_of(FLAT), REAL, workers=Worker(0, Exchange(1)))
