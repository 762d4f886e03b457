"""430 rows in unequal parts: a long text and three short ones of another kind, with random masks.

Comes in: nothing. Goes out: rows, losses, small networks and cuts for the tests that are marked `pytest.mark.peers("torch")`,
and for the program that `torchrun` starts (`ranks_430.py`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

import lossmith as ls

N = 430
TENS = [10] * 43
ONE_PROCESS = {1: [[430]], 4: [[400, 10, 10, 10]], 43: [TENS]}
TWO_PROCESSES = {1: [[400], [30]], 4: [[400], [10, 10, 10]], 43: [TENS[:40], TENS[40:]]}
FOUR_PROCESSES = {
    1: [[400], [10], [20], [0]],
    4: [[400], [10], [10], [10]],
    43: [TENS[:25], TENS[25:40], TENS[40:], [0]],
}
CUTS = {1: ONE_PROCESS, 2: TWO_PROCESSES, 4: FOUR_PROCESSES}
"""Number of processes → number of micro-batches → for each process the rows of each of its micro-batches."""
BOUND = 1e-6
CLASS_WEIGHTS = {0: 1.0, 1: 0.5, 2: 4.0}


@dataclass(frozen=True)
class Case:
    """A loss, the target it takes and the numbers that the network puts out for a row."""

    loss: ls.Loss
    target: str
    width: int | None = None
    columns: tuple[str, ...] = ("mask",)
    path: str = "auto"


def cases(backend: Any = "numpy") -> dict[str, Case]:
    """The losses of the grid, by name; loading compiled kernels takes longer than the grid itself."""
    classes = ls.get("cross_entropy")
    found = {
        "cross entropy": Case(classes, "y_class", 3),
        "weighted cross entropy": Case(classes.reweight(CLASS_WEIGHTS), "y_class", 3),
        "focal over positives": Case(ls.get("focal").over("positives"), "y_yes"),
        "rmse": Case(ls.get("rmse"), "y_real"),
        "dice": Case(ls.get("dice"), "y_yes"),
    }
    return {name: replace(case, loss=case.loss.using(backend)) for name, case in found.items()}


def others() -> dict[str, Case]:
    """Losses that need all rows in other ways: a sum in a sum, rows chosen among all, groups that batches cut, a tilt.

    And two of the grid by tensor operations, as on a GPU.
    """
    spread = ls.parse("sqrt(mean((y - z - mean(y - z)) ** 2))", target="real")
    grouped = ls.parse("sqrt(mean((y - z) ** 2))", target="real", per="group")
    found = {
        "two rounds": Case(spread, "y_real"),
        "rows chosen": Case(ls.get("log_loss").select(top=0.2), "y_yes"),
        "groups": Case(grouped, "y_real", columns=("mask", "group")),
        "tilted": Case(ls.get("mae").tilt(1.0), "y_real"),
        "a plain sum": Case(ls.get("poisson").over("one"), "y_yes"),
        "cross entropy by operations": replace(cases()["cross entropy"], path="plain"),
        "dice by operations": replace(cases()["dice"], path="plain"),
    }
    return {name: replace(case, loss=case.loss.using("numpy")) for name, case in found.items()}


COMPILED = ("cross entropy", "rmse")
"""The losses that are also looked at on compiled kernels."""


def every() -> dict[str, Case]:
    """All of them by name, some on compiled kernels."""
    return {**cases(), **others()} | {name: cases("numba")[name] for name in COMPILED}


def rows() -> dict[str, np.ndarray]:
    """Features, targets, weights and a mask. The last 30 rows are of another kind."""
    rng = np.random.default_rng(430)
    late = np.arange(N) >= 400
    x = rng.normal(size=(N, 6)) + late[:, None]
    signal = x[:, 0] - 0.5 * x[:, 1]
    return {
        "x": x,
        "y_class": np.where(late, 2, (signal + rng.normal(size=N) > 0).astype(np.int64)),
        "y_yes": np.where(late, rng.random(N) < 0.8, rng.random(N) < 0.1).astype(np.float64),
        "y_real": signal + 0.3 * rng.normal(size=N) + 4.0 * late,
        "weight": rng.random(N) + 0.5,
        "mask": rng.random(N) < 0.7,
        "group": rng.integers(0, 25, size=N),
    }


def tensors(dtype: Any) -> dict[str, Any]:
    """The same as tensors, numbers in this dtype."""
    import torch

    found = {name: torch.from_numpy(array) for name, array in rows().items()}
    return {name: t.to(dtype) if t.is_floating_point() else t for name, t in found.items()}


def network(case: Case, dtype: Any, dropout: float = 0.0) -> Any:
    """A small network, always the same one."""
    import torch

    torch.manual_seed(4)
    layers = [torch.nn.Linear(6, 8), torch.nn.Tanh(), torch.nn.Dropout(dropout), torch.nn.Linear(8, case.width or 1)]
    if case.width is None:
        layers.append(torch.nn.Flatten(0))
    return torch.nn.Sequential(*layers).to(dtype)


def parts(
    case: Case, data: dict[str, Any], model: Callable[[Any], Any], sizes: list[int], start: int = 0
) -> list[tuple]:
    """Micro-batches of so many rows from a row on; the network is called when it is needed."""
    found = []
    for size in sizes:
        cut = {name: t[start : start + size] for name, t in data.items()}
        found.append(
            ((lambda x=cut["x"]: model(x)), cut[case.target], cut["weight"], {name: cut[name] for name in case.columns})
        )
        start += size
    return found


def terms(case: Case, dtype: Any, sizes: list[int], model: Any = None, **how: Any) -> tuple[Any, Any]:
    """A network (a new one, if none is given) and the terms of micro-batches of so many rows."""
    model = network(case, dtype) if model is None else model
    batches = parts(case, tensors(dtype), model, sizes)
    return model, ls.accumulate(ls.for_torch(case.loss, path=case.path), batches, **how)


def gradient_of(model: Any) -> Any:
    """The gradient of all parameters as one vector, and forgotten by the model; of a sharded model, its whole."""
    import torch

    slopes = [p.grad.full_tensor() if hasattr(p.grad, "full_tensor") else p.grad for p in model.parameters()]
    model.zero_grad()
    return torch.cat([slope.reshape(-1) for slope in slopes])


def whole(case: Case, dtype: Any) -> tuple[Any, Any]:
    """Value and gradient of all rows at once."""
    data, model = tensors(dtype), network(case, dtype)
    criterion = ls.for_torch(case.loss)
    columns = {name: data[name] for name in case.columns}
    value = criterion(model(data["x"]), data[case.target], data["weight"], columns=columns)
    value.backward()
    return value.detach(), gradient_of(model)


def mean_of_means(case: Case, dtype: Any, sizes: list[int]) -> Any:
    """What is done elsewhere: every micro-batch's own loss, divided by their number."""
    data, model = tensors(dtype), network(case, dtype)
    criterion = ls.for_torch(case.loss)
    for make, target, weight, columns in parts(case, data, model, sizes):
        (criterion(make(), target, weight, columns=columns) / len(sizes)).backward()
    return gradient_of(model)


def difference(found: Any, wanted: Any) -> float:
    """The relative distance of two gradients."""
    return float((found - wanted).norm() / wanted.norm())
