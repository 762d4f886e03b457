"""Three tasks that tests of tasks share: losses, batches, and ways in which a task has no rows.

Tests that use them are marked `pytest.mark.peers("torch")`.
"""

import lossmith as ls
from lossmith.algebra.balance_methods import METHODS

NAMES = ["price", "sold", "kind"]
ALL = [method.name for method in METHODS]


def losses(**more):
    """A loss of numbers, one of yes and no, one of classes; on the reference kernels."""
    found = {"price": ls.get("huber"), "sold": ls.get("log_loss"), "kind": ls.get("cross_entropy"), **more}
    return {name: loss.using("numpy") for name, loss in found.items()}


def batch(seed=0, n=8):
    """Raw predictions and targets by task."""
    import torch

    draw = torch.Generator().manual_seed(seed)
    z = {name: torch.randn((n, 3) if name == "kind" else n, generator=draw, dtype=torch.float64) for name in NAMES}
    y = {
        "price": 5 * torch.randn(n, generator=draw, dtype=torch.float64),
        "sold": (torch.rand(n, generator=draw) < 0.4).double(),
        "kind": torch.randint(3, (n,), generator=draw),
    }
    return {name: raw.requires_grad_() for name, raw in z.items()}, y


def grads(z):
    return {name: raw.grad.clone() for name, raw in z.items()}
