"""Lightning with gradient accumulation: the same training as with the whole batch, in two ways.

`ByHand` takes the batches of one step together and goes through `ls.accumulate`: for any loss. `ByItself` keeps Lightning's
automatic optimisation with `accumulate_grad_batches`: for a sum that is divided by something one can count on the way.
Run it: `python examples/split_with_lightning.py`
"""

from __future__ import annotations

import logging
from typing import Any

import lightning
import torch
from torch.utils.data import DataLoader, TensorDataset

import lossmith as ls


def rows(n: int = 430) -> TensorDataset:
    """Rows of three classes, of which many are not labelled (-100)."""
    random = torch.Generator().manual_seed(1)
    x = torch.randn(n, 5, generator=random)
    y = (x[:, 0] > 0).long() + (x[:, 1] > 1).long()
    return TensorDataset(x, torch.where(torch.rand(n, generator=random) < torch.linspace(0.1, 1, n), y, -100))


def network() -> torch.nn.Module:
    """A small network, always the same one."""
    torch.manual_seed(2)
    return torch.nn.Sequential(torch.nn.Linear(5, 8), torch.nn.Tanh(), torch.nn.Linear(8, 3))


class ByHand(lightning.LightningModule):
    """Each batch is cut into micro-batches of `size` rows, which are evaluated one after the other."""

    def __init__(self, loss: ls.Loss, size: int) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.network, self.criterion, self.size = network(), ls.for_torch(loss), size

    def training_step(self, batch: Any, number: int) -> None:
        """One step of the optimiser."""
        optimizer = self.optimizers()
        optimizer.zero_grad()
        cut = zip(*(tensor.split(self.size) for tensor in batch), strict=True)
        terms = ls.accumulate(self.criterion, [((lambda x=x: self.network(x)), y) for x, y in cut])
        for term in terms:
            self.manual_backward(term)
        optimizer.step()
        self.log("loss", terms.value)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Plain gradient descent."""
        return torch.optim.SGD(self.parameters(), lr=0.5)


class ByItself(lightning.LightningModule):
    """The gradients of sums are added up; what divides them is counted on the way, and divides them in the end."""

    def __init__(self) -> None:
        super().__init__()
        self.network, self.counted = network(), 0
        self.criterion = ls.for_torch(ls.get("cross_entropy").ignore(-100), reduction="sum")

    def training_step(self, batch: Any, number: int) -> torch.Tensor:
        """The sum over these rows; Lightning divides it by the number of batches, which is undone here."""
        x, y = batch
        self.counted += int((y != -100).sum())
        return self.criterion(self.network(x), y) * self.trainer.accumulate_grad_batches

    def on_before_optimizer_step(self, optimizer: torch.optim.Optimizer) -> None:
        """Before gradients are clipped: the mean over all rows of all batches (and processes, which average)."""
        everywhere = self.all_gather(torch.tensor(float(self.counted), device=self.device)).sum()
        self.counted = 0
        for parameter in self.parameters():
            if parameter.grad is not None:
                parameter.grad *= self.trainer.world_size / everywhere

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Plain gradient descent."""
        return torch.optim.SGD(self.parameters(), lr=0.5)


def trained(module: Any, size: int, steps: int = 1) -> torch.Tensor:
    """The weights after two epochs with batches of `size` rows, `steps` of them for each step of the optimiser."""
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    quiet = {
        "logger": False,
        "enable_checkpointing": False,
        "enable_progress_bar": False,
        "enable_model_summary": False,
    }
    trainer = lightning.Trainer(accelerator="cpu", devices=1, max_epochs=2, accumulate_grad_batches=steps, **quiet)
    trainer.fit(module, DataLoader(rows(), batch_size=size))
    return torch.cat([p.detach().reshape(-1) for p in module.parameters()])


if __name__ == "__main__":
    mean = ls.get("cross_entropy").ignore(-100)
    whole = trained(ByHand(mean, 200), 200)
    for size in (100, 50, 10):
        by_hand, by_itself = trained(ByHand(mean, size), 200), trained(ByItself(), size, 200 // size)
        told = [f"{(found - whole).norm() / whole.norm():.1e}" for found in (by_hand, by_itself)]
        print(f"{200 // size} micro-batches of {size}: weights differ by {told[0]} (by hand), {told[1]} (by itself)")
