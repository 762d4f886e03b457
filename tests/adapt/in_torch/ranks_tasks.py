"""A program for torchrun: tasks on two processes under DistributedDataParallel, against one process with all rows.

Comes in: nothing. Goes out: a JSON file (its name is the argument) with the relative difference of trained weights for each
balancer; it fails where the states of the processes differ in a bit. One process has no row of one task.
The test that starts it is marked `pytest.mark.peers("torch")`.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import lossmith as ls
from lossmith.algebra.balance_methods import METHODS


def network() -> Any:
    """Two raw predictions from one trunk."""
    import torch

    torch.manual_seed(1)
    return torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.Tanh(), torch.nn.Linear(8, 2)).double()


def rows() -> tuple[Any, dict[str, Any], Any]:
    """Features, targets, and which rows count for the first task: none of the first 17."""
    import torch

    torch.manual_seed(0)
    x = torch.randn(30, 4, dtype=torch.float64)
    return x, {"far": 100 * x[:, 0] + torch.randn(30), "yes": (x[:, 1] > 0).double()}, torch.arange(30) >= 17


def trained(balance: str, mine: slice | None) -> tuple[Any, dict[str, Any]]:
    """Weights and state after six steps, on these rows of all processes together (None: on all rows, alone)."""
    import torch

    x, y, here = rows()
    net = network()
    tasks = ls.tasks({"far": ls.get("rmse").using("numpy"), "yes": ls.get("log_loss").using("numpy")}, balance)
    optimizer = torch.optim.SGD([*net.parameters(), *tasks.parameters()], lr=0.05)
    model, total, part = net, tasks, slice(None)
    if mine is not None:
        model, total, part = torch.nn.parallel.DistributedDataParallel(net), tasks.across(), mine
    for _ in range(6):
        optimizer.zero_grad()
        out = model(x[part])
        inputs = {"far": out[:, 0], "yes": out[:, 1]}
        total(inputs, {name: t[part] for name, t in y.items()}, None, {"far": here[part]}).backward()
        optimizer.step()
        tasks.end_epoch()
    weights = torch.cat([p.detach().reshape(-1) for p in (*net.parameters(), *tasks.parameters())])
    return weights, {name: tensor.tolist() for name, tensor in tasks.state_dict().items()}


def main() -> None:
    """Compare all balancers."""
    import torch
    import torch.distributed as dist

    torch.set_num_threads(1)
    dist.init_process_group("gloo")
    mine, found = (slice(0, 17), slice(17, 30))[dist.get_rank()], {}
    for method in METHODS:
        weights, state = trained(method.name, mine)
        states: list[Any] = [None, None]
        dist.all_gather_object(states, state)
        assert states[0] == states[1], method.name
        whole, _ = trained(method.name, None)
        found[method.name] = float((weights - whole).norm() / whole.norm())
    if dist.get_rank() == 0:
        Path(sys.argv[1]).write_text(json.dumps(found))
    dist.destroy_process_group()


if __name__ == "__main__":
    main()
