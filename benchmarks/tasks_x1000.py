"""Two tasks on one small trunk whose losses differ a thousandfold: what each balancer leaves of either.

Comes in: scikit-learn's digits (1,797 images): from the upper half of an image, which digit it is (cross entropy, at most a
few units) and how much ink the lower half holds (squared error, in the hundreds). Goes out: for each balancer the error of
both tasks on held-out images in relation to models of the same size for one task alone, and the worse of the two ratios.
`python benchmarks/tasks_x1000.py [epochs] [seeds]`; the table stands in `docs/tasks.md`.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from statistics import mean
from typing import Any, Final

import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn

import lossmith as ls

LOSSES: Final = {"digit": "cross_entropy", "ink": "squared_error"}
WIDTH: Final = 32
BATCH: Final = 256
RATE: Final = 0.01
LEARNED_RATE: Final = 0.2
BALANCES: Final[tuple[tuple[str, Any, dict[str, Any]], ...]] = (
    ("fixed: plain sum", "fixed", {}),
    ("fixed: 1 and 1/1000", {"digit": 1.0, "ink": 0.001}, {}),
    ("initial_magnitude", "initial_magnitude", {}),
    ("uncertainty", "uncertainty", {}),
    ("uncertainty, kendall", "uncertainty", {"form": "kendall"}),
    ("dynamic_weight_average", "dynamic_weight_average", {}),
    ("geometric_mean", "geometric_mean", {}),
    ("random", "random", {}),
)


@dataclass(frozen=True, eq=False)
class Rows:
    """Images, halved: what is seen, and the two targets."""

    x: Tensor
    digit: Tensor
    ink: Tensor

    def at(self, index: Tensor) -> Rows:
        """Some of the rows."""
        return Rows(self.x[index], self.digit[index], self.ink[index])

    @property
    def targets(self) -> dict[str, Tensor]:
        """The targets by task."""
        return {"digit": self.digit, "ink": self.ink}


def split() -> tuple[Rows, Rows]:
    """Two thirds to train on, one third held out."""
    data = load_digits()
    images = torch.tensor(data.images, dtype=torch.float32)
    rows = Rows(images[:, :4].flatten(1) / 16, torch.tensor(data.target), images[:, 4:].sum((1, 2)))
    held_out = torch.arange(len(images)) % 3 == 0
    return rows.at(~held_out), rows.at(held_out)


class Network(nn.Module):
    """A trunk of one hidden layer, and a linear head for each task that starts at the best constant."""

    def __init__(self, rows: Rows, names: tuple[str, ...]) -> None:
        super().__init__()
        self.trunk = nn.Sequential(nn.Linear(rows.x.shape[1], WIDTH), nn.ReLU())
        self.heads = nn.ModuleDict({name: nn.Linear(WIDTH, 10 if name == "digit" else 1) for name in names})
        for name in names:
            layer, bias = self.heads[name], ls.for_torch(ls.get(LOSSES[name])).output_bias(rows.targets[name])
            assert isinstance(layer, nn.Linear)
            layer.bias.data.copy_(bias)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        """Raw predictions by task."""
        features = self.trunk(x)
        found = {name: head(features) for name, head in self.heads.items()}
        return {name: raw if name == "digit" else raw.squeeze(-1) for name, raw in found.items()}


def trained(rows: Rows, tasks: Any, epochs: int, seed: int) -> Network:
    """A network under these tasks."""
    torch.manual_seed(seed)
    net = Network(rows, tasks.names)
    optimizer = torch.optim.Adam(
        [{"params": net.parameters()}, {"params": tasks.parameters(), "lr": LEARNED_RATE}], lr=RATE
    )
    for _ in range(epochs):
        for index in torch.split(torch.randperm(len(rows.x)), BATCH):
            batch = rows.at(index)
            targets = {name: batch.targets[name] for name in tasks.names}
            optimizer.zero_grad()
            tasks(net(batch.x), targets).backward()
            optimizer.step()
        tasks.end_epoch()
    return net


def measured(
    losses: dict[str, str], balance: Any, settings: dict[str, Any], epochs: int, seed: int
) -> dict[str, float]:
    """Held-out errors of one training."""
    train, held_out = split()
    tasks = ls.tasks(losses, balance=balance, **settings)
    net = trained(train, tasks, epochs, seed)
    with torch.no_grad():
        found = tasks.values(net(held_out.x), {name: held_out.targets[name] for name in tasks.names})
    return {name: value.item() for name, value in found.items()}


def alone(epochs: int, seed: int) -> dict[str, float]:
    """Held-out errors of a network of the same size for each task alone."""
    return {name: measured({name: loss}, "fixed", {}, epochs, seed)[name] for name, loss in LOSSES.items()}


def table(epochs: int, seeds: int) -> list[tuple[str, float, float]]:
    """For each balancer, the error of both tasks in relation to that of a network for one task; means over seeds."""
    singles = [alone(epochs, seed) for seed in range(seeds)]
    base = {name: mean(found[name] for found in singles) for name in LOSSES}
    print({name: round(value, 4) for name, value in base.items()}, "alone")
    rows = []
    for title, balance, settings in BALANCES:
        found = [measured(LOSSES, balance, settings, epochs, seed) for seed in range(seeds)]
        digit, ink = (mean(one[name] for one in found) / base[name] for name in ("digit", "ink"))
        rows.append((title, digit, ink))
        print(f"| {title} | {digit:.2f} | {ink:.2f} | {max(digit, ink):.2f} |", flush=True)
    return rows


def worst(epochs: int, seed: int) -> dict[str, float]:
    """The worse of the two ratios for the plain sum and three balancers: what a test looks at."""
    base, found = alone(epochs, seed), {}
    for title, balance, settings in BALANCES:
        if title in ("fixed: plain sum", "fixed: 1 and 1/1000", "initial_magnitude", "geometric_mean"):
            errors = measured(LOSSES, balance, settings, epochs, seed)
            found[title] = max(errors[name] / base[name] for name in LOSSES)
    return found


if __name__ == "__main__":
    torch.set_num_threads(1)
    epochs, seeds = (*map(int, sys.argv[1:]), *(80, 3)[len(sys.argv) - 1 :])
    print("| balance | digit | ink | worse of the two |\n|---|---|---|---|")
    table(epochs, seeds)
