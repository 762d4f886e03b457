"""Accelerate with gradient accumulation, for a loss that is divided by its positive rows: the same as with the whole batch.

Run it: `python examples/split_with_accelerate.py`, or on several processes
`torchrun --nproc-per-node 2 examples/split_with_accelerate.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

import torch
from accelerate import Accelerator, DataLoaderConfiguration
from torch.utils.data import DataLoader, TensorDataset

import lossmith as ls


def rows(n: int = 430) -> TensorDataset:
    """Rows of which few are positive."""
    random = torch.Generator().manual_seed(1)
    x = torch.randn(n, 5, generator=random)
    return TensorDataset(x, (x[:, 0] + torch.randn(n, generator=random) > 1.5).float())


def network() -> torch.nn.Module:
    """A small network, always the same one."""
    torch.manual_seed(2)
    return torch.nn.Sequential(torch.nn.Linear(5, 8), torch.nn.Tanh(), torch.nn.Linear(8, 1), torch.nn.Flatten(0))


def several(loader: Any, count: int) -> Iterator[list[Any]]:
    """Batches in lists of `count`: those that make one step."""
    batches = iter(loader)
    while found := list(islice(batches, count)):
        yield found


def trained(size: int, steps: int, epochs: int = 2) -> torch.Tensor:
    """The weights after two epochs, each step from `steps` batches of `size` rows on every process."""
    as_they_are = DataLoaderConfiguration(even_batches=False)  # no row twice to make processes even
    accelerator = Accelerator(cpu=True, dataloader_config=as_they_are)  # no gradient_accumulation_steps: terms add up
    model = network()
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    model, optimizer, loader = accelerator.prepare(model, optimizer, DataLoader(rows(), batch_size=size))
    criterion = ls.for_torch(ls.get("focal").over("positives")).across()  # over all processes, if there are several
    for _ in range(epochs):
        for batches in several(loader, steps):
            parts = [((lambda x=x: model(x)), y) for x, y in batches]
            for term in ls.accumulate(criterion, parts, no_sync=lambda: accelerator.no_sync(model)):
                accelerator.backward(term)
            optimizer.step()
            optimizer.zero_grad()
    return torch.cat([p.detach().reshape(-1) for p in model.parameters()])


if __name__ == "__main__":
    whole = trained(size=200, steps=1)
    for size, steps in ((100, 2), (50, 4), (10, 20)):
        off = (trained(size, steps) - whole).norm() / whole.norm()
        print(f"{steps} micro-batches of {size}: weights differ by {off:.1e}")
