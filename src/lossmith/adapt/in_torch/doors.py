"""The way into PyTorch, without importing it: `lossmith.for_torch` says what to install where it is missing.

Comes in: a loss. Goes out: a criterion; or, of one batch in several steps, its terms.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from lossmith.errors import AdapterError
from lossmith.loss.handle import Loss

if TYPE_CHECKING:
    from torch import nn

    from lossmith.adapt.in_torch.accumulate import Accumulation
    from lossmith.adapt.in_torch.call import Workers
    from lossmith.adapt.in_torch.criterion import Criterion
    from lossmith.adapt.in_torch.tasks import Tasks


def for_torch(
    loss: Loss | nn.Module,
    *,
    reduction: str | None = None,
    compat: str | None = None,
    path: str = "auto",
    model: nn.Module | None = None,
    workers: Workers | None = None,
    blank_target: str = "zero",
) -> Criterion:
    """This loss as an `nn.Module`, called as `criterion(input, target, sample_weight=None, *, columns=None)`.

    `reduction`: None (as the formula says), "none" (each row's own weighted term), "sum", "mean" (over the weight), or
    what `loss.over` divides by: "weight", "count", "positives", "examples", "one".
    `compat="torch"`: the denominators of the torch.nn loss of the same formula, so that a curve does not change; one of
    torch.nn's own losses, as in `for_torch(torch.nn.CrossEntropyLoss())`, is converted so.
    `path`: "auto", or only "fused" (our kernels: float32 and float64 on the processor) or "plain" (tensor operations).
    `blank_target`: what a class without positives costs under an overlap loss (dice, Tversky): "zero", "nan", or "formula".
    `model`: checked once for a last layer that applies the link a second time. `workers`: see `criterion.across`.
    Raises `AdapterError` LM440 for what is no loss, LM441 for a reduction, LM442 for a path or compat that is none.

    >>> import torch, lossmith as ls
    >>> criterion = ls.for_torch(ls.get("focal", gamma=1.5))
    >>> input = torch.zeros(2, requires_grad=True)
    >>> criterion(input, torch.tensor([1.0, 0.0])).backward()
    >>> input.grad
    tensor([-0.1803,  0.1803])
    """
    need_torch()
    from lossmith.adapt.in_torch.criterion import criterion_of

    return criterion_of(loss, reduction, compat, path, model, workers, blank_target)


def accumulate(
    criterion: Criterion | Tasks,
    micro_batches: Iterable[tuple[Any, ...]],
    *,
    no_sync: Callable[[], AbstractContextManager[Any]] | None = None,
) -> Accumulation:
    """Terms, one for each micro-batch, that add up to the loss of all rows at once; so do their gradients, for any loss.

    A micro-batch is `(input, target)`, `(input, target, sample_weight)` or `(input, target, sample_weight, columns)`;
    `input` is a tensor with its graph, or a function without arguments that makes it, as `lambda: model(x)`. Functions are
    called when they are needed, so that only one graph is alive at a time: call `term.backward()` before the next term.
    `.value` is the loss of all rows, once the terms have been gone through.

    If what the loss is divided by follows from targets and weights alone, as in a weighted mean, each function is called
    once. For other losses (RMSE, dice, losses that choose rows) it is called twice, the first time without graph; torch's
    random state is put back, so that dropout repeats. Batch norm sees the rows twice too: its running averages move twice.

    `no_sync` is entered around every micro-batch but the last: `model.no_sync` under DistributedDataParallel. Under a
    criterion with workers (`criterion.across()`), their sums are joined once for all micro-batches; their numbers may differ.

    `criterion` may be tasks (`ls.tasks`): then a micro-batch is `(inputs, targets[, sample_weight[, masks[, columns]]])`, as the
    tasks take them; they are balanced once, by the values of all rows.

    Raises `AdapterError` LM450 for what is no micro-batch, LM451 for no criterion, LM452 for raw predictions whose
    shapes do not repeat (numbers are not compared: a function must give the same ones again), LM453 for micro-batches that
    are no parts of one batch.

    >>> import torch, lossmith as ls
    >>> criterion, model = ls.for_torch(ls.get("rmse")), torch.nn.Linear(1, 1)
    >>> x, y = torch.tensor([[1.0], [2.0], [4.0]]), torch.tensor([[0.0], [1.0], [5.0]])
    >>> terms = ls.accumulate(criterion, [(lambda: model(x[:2]), y[:2]), (lambda: model(x[2:]), y[2:])])
    >>> for term in terms:
    ...     term.backward()
    >>> whole = torch.autograd.grad(criterion(model(x), y), model.weight)[0]
    >>> torch.allclose(model.weight.grad, whole), torch.allclose(terms.value, criterion(model(x), y))
    (True, True)
    """
    need_torch()
    from lossmith.adapt.in_torch.accumulate import accumulation

    return accumulation(criterion, micro_batches, no_sync)


def tasks(
    losses: Mapping[str, Loss | Criterion | str],
    balance: str | Mapping[str, float] = "initial_magnitude",
    **settings: Any,
) -> Tasks:
    """Losses of several tasks as one `nn.Module`, called as `tasks(inputs, targets, sample_weight=None, masks=None)`.

    `losses`: a Loss, a criterion or a name for each task. `balance`: how their values become one number, with `settings`:

    - a mapping from tasks to weights, or "fixed" (all 1: the plain sum)
    - "initial_magnitude" (`batches=1`): 1 / the first values
    - "uncertainty" (`form="non_negative"` or "kendall"): learned; give `tasks.parameters()` to the optimizer as well
    - "dynamic_weight_average" (`temperature=2.0, steps=None`): by how fast values fall; call `tasks.end_epoch()`
    - "geometric_mean": the n-th root of the product
    - "random" (`seed=0`): drawn anew for each batch

    The order of names does not matter, to the last bit. Tasks on the same target (auxiliary heads) are given it once:
    `tasks({"main": a, "early": b}, y)`. The document `docs/tasks.md` says which balancer for what.
    Raises `AdapterError` LM460 for what is no loss, LM461 for a balancer and LM462 for a setting that is none, LM463 for
    tasks that are missing or unknown.

    >>> import torch, lossmith as ls
    >>> both = ls.tasks({"price": ls.get("huber"), "sold": "log_loss"})
    >>> z = torch.zeros(2, requires_grad=True)
    >>> total = both({"price": z, "sold": z}, {"price": torch.tensor([300.0, 500.0]), "sold": torch.tensor([1.0, 0.0])})
    >>> total.backward()
    >>> total.item(), both.report()["price/value"]
    (2.0, 399.5)
    """
    need_torch()
    from lossmith.adapt.in_torch.tasks import tasks_of

    return tasks_of(losses, balance, settings)


def need_torch() -> None:
    """One sentence that says what to install where PyTorch is missing (`AdapterError` LM440)."""
    if find_spec("torch") is None:
        raise AdapterError(
            "LM440", "PyTorch is not installed. It comes with the torch extra: pip install 'lossmith[torch]'."
        )
