"""A loss as plain tensor operations: for every device and dtype, and what graph transforms see.

Comes in: a `Call`. Goes out: a 0-d tensor, or with `per_row` one number for each row. Value, gradient and hessian-vector
product are programs of their own, linked by derivative rules, so that no stabilised program is differentiated at first or
second order; beyond that autograd sees the operations of the last one. float16 and bfloat16 are computed in float32, and
so is what float32 arithmetic keeps accurate; other losses are computed in float64 inside.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, final

import torch
from torch import Tensor
from torch.autograd import Function

from lossmith.adapt.in_torch.call import Call, Workers
from lossmith.adapt.in_torch.plain_mixed import MIXED
from lossmith.adapt.in_torch.plain_plan import WEIGHT_NAME, linked, number_by, number_of, plan_of
from lossmith.adapt.in_torch.plain_rows import lay, refuse
from lossmith.emit.torch_prelude import Rows, either
from lossmith.errors import AdapterError, ArgumentError
from lossmith.loss.handle import Loss

VALUES: Final = {False: "value", True: "per_example"}
GRADIENTS: Final = {False: "gradient", True: "per_example_gradient"}
PRODUCTS: Final = {False: "hvp", True: "per_example_hvp"}


def apply(call: Call) -> Tensor:
    """The finished number as a 0-d tensor, or each row's own term in the shape of the examples.

    The result is float32 for float16 and bfloat16 predictions, else of their dtype; a gradient has the dtype of what it
    belongs to. Raises `AdapterError` LM435 for shapes, LM436 for missing or unknown columns and targets, LM437 for what
    has no form in a traced graph, LM438 for derivatives that are not there.
    """
    wanted, weighted = VALUES[call.per_row], _is_weighted(call)
    number = number_of(call.loss, wanted, weighted) if call.key is None else number_by(call.key, wanted, weighted)
    plan = plan_of(number)
    laid = lay(plan.layout, call)
    _check(plan.layout.title, plan.chooses or plan.layout.grouped, call.workers)
    where = _Place(number, call.workers, laid.n_groups, laid.per_group)
    tensors = (laid.raw, laid.weight, laid.groups, *laid.leaves)
    if torch.compiler.is_compiling():
        found = _traced(where, tensors)
    else:
        found = Value.apply(where.number, where.workers, where.n_groups, where.per_group, *tensors)
    return found.reshape(laid.shape.examples) if call.per_row else found


def _traced(where: _Place, tensors: tuple[Any, ...]) -> Tensor:
    """In a graph: the operations of the value alone where nothing is differentiated or all of it is exported."""
    grows = torch.is_grad_enabled() and any(x is not None and x.requires_grad for x in tensors)
    if torch.compiler.is_exporting() or not grows:
        return _value(where, *tensors)
    found: Tensor = TracedValue.apply(where.number, None, where.n_groups, where.per_group, *tensors)
    return found


def arithmetic(loss: Loss, per_row: bool = False) -> str:
    """In what float32 predictions are computed: "float32" where that is accurate enough for value and gradient.

    >>> import lossmith as ls
    >>> arithmetic(ls.get("log_loss")), arithmetic(ls.get("rmse"))
    ('float32', 'float64')
    """
    wanted = (VALUES[per_row], GRADIENTS[per_row])
    wide = any(plan_of(number_of(loss, name, weighted)).wide for name in wanted for weighted in (False, True))
    return "float64" if wide else "float32"


def text_of(loss: Loss, wanted: str = "value", weighted: bool = True) -> str:
    """The generated text for people to read."""
    return plan_of(number_of(loss, wanted, weighted)).text


def _is_weighted(call: Call) -> bool:
    definition = call.loss.definition
    masked = call.columns is not None and "mask" in call.columns
    return call.weight is not None or masked or bool(definition.ignored or definition.reweighting)


def _check(title: str, apart: bool, workers: Workers | None) -> None:
    if workers is None:
        return
    if apart:
        raise AdapterError(
            "LM437",
            f"{title}: rows are chosen or grouped among all rows, so workers cannot add up what each has of them.",
        )
    if torch.compiler.is_compiling():
        refuse("LM437", f"{title}: workers cannot add up their sums inside a compiled or exported graph.")


# Programs -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Place:
    """What a program is told beside tensors."""

    number: int
    workers: Workers | None
    n_groups: Any
    per_group: Any


def _run(
    place: _Place,
    raw: Tensor,
    v: Tensor | None,
    weight: Tensor | None,
    groups: Tensor | None,
    leaves: tuple[Tensor, ...],
) -> tuple[tuple[Tensor, ...], Any]:
    """What the text returns, and whether any row is present (a bool, or a tensor)."""
    plan, merge = plan_of(place.number), place.workers.merge if place.workers is not None else None
    apple = raw.device.type == "mps"
    work = torch.float64 if plan.wide and not apple else raw.dtype
    total = torch.float32 if apple else torch.float64
    classes = raw.shape[1] if plan.layout.has_classes else 1
    rows = Rows(raw.shape[0], classes, place.n_groups, groups, place.per_group, raw, work, total, merge)
    present: Any = True
    if raw.shape[0] == 0:  # a branch, which a tracer decides once; `bool` of a size would stay open
        present = False
    if merge is not None:
        here = torch.ones_like(raw[:, 0]) if weight is None else weight != 0
        present = merge("add", here.sum(dtype=total).reshape(1)).reshape(()) > 0
    elif present and weight is not None:
        present = (weight != 0).any()
    if present is False:
        return (), False
    return plan.run(raw, v, weight, leaves, rows), present


def _value(place: _Place, raw: Tensor, weight: Tensor | None, groups: Tensor | None, *leaves: Tensor) -> Tensor:
    """The finished number (), or each row's own term (n,)."""
    plan = plan_of(place.number)
    results, present = _run(place, raw, None, weight, groups, leaves)
    if plan.per_row:
        return results[0].reshape(-1).to(raw.dtype) if results else raw.new_zeros(raw.shape[:1])
    if plan.empty is None and not torch.compiler.is_compiling() and not bool(present):
        raise ArgumentError(
            "LM226", f"{plan.layout.title}: there is no row (or every weight is 0), which this loss treats as an error."
        )
    empty = float("nan") if plan.empty is None else plan.empty
    if not results:
        return raw.new_full((), empty)
    value = results[0].reshape(())
    return (value if present is True else either(present, value, empty)).to(raw.dtype)


def _derivative(
    place: _Place, raw: Tensor, v: Tensor | None, weight: Tensor | None, groups: Tensor | None, *leaves: Tensor
) -> Tensor:
    """A derivative by raw predictions (their shape), or by a leaf: (n, 1) or (n, classes)."""
    plan = plan_of(place.number)
    results, present = _run(place, raw, v, weight, groups, leaves)
    if not results:
        return torch.zeros_like(raw)
    found = torch.cat(results, dim=1) if len(results) > 1 else results[0]
    if present is not True and not plan.per_row:
        found = either(present, found, 0.0)
    return found.to(raw.dtype)


# Derivative rules -----------------------------------------------------------------------------------------------------
# Arguments of every function: number, workers, groups and rows of each; raw predictions, weight, group ids, leaves.


def _keep(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
    ctx.number, ctx.workers, ctx.n_groups, ctx.per_group, *tensors = inputs
    ctx.save_for_backward(*tensors)


def _keep_for_both(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
    _keep(ctx, inputs, output)
    ctx.save_for_forward(*inputs[4:])
    ctx.set_materialize_grads(False)


def _kept(ctx: Any, wanted: str) -> tuple[Any, ...]:
    """The arguments of the program for something else."""
    return (linked(ctx.number, wanted), ctx.workers, ctx.n_groups, ctx.per_group, *ctx.saved_tensors)


def _value_forward(number: int, workers: Any, n_groups: Any, per_group: Any, *tensors: Any) -> Tensor:
    return _value(_Place(number, workers, n_groups, per_group), *tensors)


def _gradient_forward(number: int, workers: Any, n_groups: Any, per_group: Any, raw: Tensor, *tensors: Any) -> Tensor:
    return _derivative(_Place(number, workers, n_groups, per_group), raw, None, *tensors)


def _factored(ctx: Any, upstream: Tensor) -> Tensor:
    """What arrives, for every row, times what workers ask for."""
    if ctx.workers is not None:
        upstream = upstream * ctx.workers.factor
    return upstream.reshape(-1, 1) if plan_of(ctx.number).per_row else upstream


def _value_backward(ctx: Any, upstream: Tensor | None, gradient: Any, by: Any) -> tuple[Any, ...]:
    plan, needs = plan_of(ctx.number), ctx.needs_input_grad
    if upstream is None:
        return tuple(None for _ in needs)
    upstream = _factored(ctx, upstream)
    name = GRADIENTS[plan.per_row]
    found = [upstream * gradient(*_kept(ctx, name)) if needs[4] else None]
    for j, who in enumerate((WEIGHT_NAME, "", *plan.by_leaf)):
        if not needs[5 + j]:
            found.append(None)
            continue
        given = ctx.saved_tensors[1 + j]
        found.append((upstream * by(*_kept(ctx, f"{name} by {who}"))).reshape(given.shape).to(given.dtype))
    return (None, None, None, None, *found)


def _product(ctx: Any, v: Tensor) -> Tensor:
    """The hessian times a direction."""
    number = linked(ctx.number, PRODUCTS[plan_of(ctx.number).per_row])
    raw, *tensors = ctx.saved_tensors
    return _derivative(_Place(number, ctx.workers, ctx.n_groups, ctx.per_group), raw, v, *tensors)


def _gradient_backward(ctx: Any, upstream: Tensor | None) -> tuple[Any, ...]:
    if upstream is None:
        return tuple(None for _ in ctx.needs_input_grad)
    needs, plan = ctx.needs_input_grad, plan_of(ctx.number)
    found: list[Any] = [_product(ctx, upstream) if needs[4] else None]
    for j, who in enumerate((WEIGHT_NAME, "", *plan.by_leaf)):
        found.append(_mixed(ctx, upstream, who, ctx.saved_tensors[1 + j]) if needs[5 + j] else None)
    return (None, None, None, None, *found)


def _mixed(ctx: Any, v: Tensor, who: str, given: Tensor) -> Tensor:
    """How the gradient along a direction changes with a weight, a target or a column."""
    number = linked(ctx.number, f"{MIXED[plan_of(ctx.number).per_row]} by {who}")
    raw, *tensors = ctx.saved_tensors
    found = _derivative(_Place(number, ctx.workers, ctx.n_groups, ctx.per_group), raw, v, *tensors)
    return found.reshape(given.shape).to(given.dtype)


def _no_mixed(ctx: Any) -> AdapterError:
    title = plan_of(ctx.number).layout.title
    return AdapterError(
        "LM438",
        f"{title}: a second derivative by a target, a column or the weight is taken of a gradient by predictions only.",
    )


def _by_backward(ctx: Any, upstream: Tensor) -> tuple[Any, ...]:
    raise _no_mixed(ctx)


def _value_jvp(ctx: Any, *tangents: Any) -> Tensor:
    """How the value moves with everything that moves."""
    plan = plan_of(ctx.number)
    raw, weight, _, *leaves = tangents[4:]
    name = GRADIENTS[plan.per_row]
    moved = [_along(Gradient.apply(*_kept(ctx, name)), raw)] if raw is not None else []
    for who, move in ((WEIGHT_NAME, weight), *zip(plan.by_leaf, leaves, strict=True)):
        if move is not None and move.dtype.is_floating_point:
            moved.append(_along(By.apply(*_kept(ctx, f"{name} by {who}")), move))
    rows = torch.stack(moved).sum(0)
    dtype = ctx.saved_tensors[0].dtype
    if plan.per_row:
        return rows.to(dtype)
    whole = rows.sum()
    return (whole if ctx.workers is None else ctx.workers.merge("add", whole.reshape(1)).reshape(())).to(dtype)


def _along(gradient: Tensor, move: Tensor) -> Tensor:
    """How each row's part moves."""
    return (gradient.to(torch.float64) * move.reshape(gradient.shape)).sum(dim=1)


def _gradient_jvp(ctx: Any, *tangents: Any) -> Tensor:
    if any(move is not None and move.dtype.is_floating_point for move in tangents[5:]):
        raise _no_mixed(ctx)
    return _product(ctx, tangents[4])


@final
class Value(Function):
    """The value of a loss, outside of traced graphs."""

    generate_vmap_rule = True
    forward = staticmethod(_value_forward)
    setup_context = staticmethod(_keep_for_both)
    jvp = staticmethod(_value_jvp)

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> tuple[Any, ...]:
        return _value_backward(ctx, upstream, Gradient.apply, By.apply)


@final
class Gradient(Function):
    """The gradient of a loss by raw predictions."""

    generate_vmap_rule = True
    forward = staticmethod(_gradient_forward)
    setup_context = staticmethod(_keep_for_both)
    backward = staticmethod(_gradient_backward)
    jvp = staticmethod(_gradient_jvp)


@final
class By(Function):
    """The gradient of a loss by a target, a column or the weight."""

    generate_vmap_rule = True
    forward = staticmethod(_gradient_forward)
    setup_context = staticmethod(_keep_for_both)
    backward = staticmethod(_by_backward)


@final
class TracedValue(Function):
    """The same as `Value` for a tracer, which takes no rule for forward-mode derivatives."""

    forward = staticmethod(_value_forward)
    setup_context = staticmethod(_keep)

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> tuple[Any, ...]:
        return _value_backward(ctx, upstream, _gradient_forward, _gradient_forward)
