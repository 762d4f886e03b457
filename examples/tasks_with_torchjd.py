"""Two tasks on a shared trunk, their gradients reconciled by an aggregator of TorchJD instead of weighed.

`tasks.values` gives each task's own value with its graph, and TorchJD does the rest: here AlignedMTL; UPGrad is used alike
and needs torchjd[quadprog_projector]. The squared error of the price is some thousand times the log loss of the sale; under
the plain sum the sale is hardly learned. Run it: `python examples/tasks_with_torchjd.py`.
"""

from __future__ import annotations

from typing import Any

import torch
from torchjd.aggregation import Aggregator, AlignedMTL, Sum
from torchjd.autojac import jac_to_grad, mtl_backward

import lossmith as ls


def rows(n: int = 300) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    """Features, and two targets."""
    draw = torch.Generator().manual_seed(1)
    x = torch.randn(n, 6, generator=draw)
    price = 60 * (x[:, 0] + torch.tanh(x[:, 1]) + 0.3 * torch.randn(n, generator=draw))
    sold = (x[:, 2] - x[:, 3] + 0.3 * torch.randn(n, generator=draw) > 0).float()
    return x, {"price": price, "sold": sold}


def trained(steps: int = 200, aggregator: Aggregator | None = None) -> dict[str, float]:
    """The value of each task after so many steps."""
    torch.manual_seed(2)
    x, y = rows()
    trunk = torch.nn.Sequential(torch.nn.Linear(6, 16), torch.nn.Tanh())
    heads = {name: torch.nn.Linear(16, 1) for name in y}
    tasks = ls.tasks({"price": "mse", "sold": "log_loss"})
    optimizer = torch.optim.Adam(
        [*trunk.parameters(), *(p for head in heads.values() for p in head.parameters())], lr=0.02
    )
    aggregator = aggregator or AlignedMTL()

    def values() -> tuple[Any, dict[str, torch.Tensor]]:
        features = trunk(x)
        return features, tasks.values({name: head(features).squeeze(-1) for name, head in heads.items()}, y)

    for _ in range(steps):
        features, found = values()
        optimizer.zero_grad()
        mtl_backward([*found.values()], features=features)  # heads: their own gradients; trunk: one row for each task
        jac_to_grad(trunk.parameters(), aggregator)
        optimizer.step()
    return {name: value.item() for name, value in values()[1].items()}


if __name__ == "__main__":
    ways = {"at the start": (0, None), "plain sum": (100, Sum()), "AlignedMTL": (100, AlignedMTL())}
    for title, (steps, aggregator) in ways.items():
        print(f"{title}:", {name: round(value, 3) for name, value in trained(steps, aggregator).items()})
