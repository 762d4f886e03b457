"""The shortest way for the commonest call: one target, no weights, one walk, few rows: every step is bound beforehand.

Comes in: a plan of one step, and how its arrays are laid out. Goes out: a function of two tensors that gives the finished value
and its gradient; None where there are more rows than one chunk holds, or anything is to be looked at again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
import torch
from torch import Tensor

from lossmith.adapt.in_torch.fused_finish import spelled
from lossmith.adapt.in_torch.fused_plan import Plan, Step, finished_inputs
from lossmith.build import Careful
from lossmith.formula.node import Node

Both = tuple[Tensor, Tensor]
Short = Callable[[Tensor, Tensor], Both | None]
LARGEST: Final = 3e38  # beyond it NumPy warns that float32 has no such number


def short_of(plan: Plan, numbers: bool) -> Short | None:
    """For targets of the shape of the raw predictions, (n,) or (n, classes), or class `numbers` (n,); None: no such way."""
    step = plan.steps[0]
    finish = _finish(plan, step)
    simple = len(plan.steps) == 1 and plan.weighing is None and plan.finish and len(step.wide) == 1 and step.fixed
    if not simple or finish is None or len(step.reads) != 2 or max(step.sizes, default=1) > 1:
        return None
    kernel = step.kernel.short if isinstance(step.kernel, Careful) else step.kernel
    parameters, memory, dtype = step.parameters, step.memory, plan.dtype
    last = 2 * step.slots - 2 if step.faults else 0
    chunk, classes, reads = step.chunk, step.classes, step.reads == (0, 1)
    empty, array, tensor, unsigned = np.empty, np.array, torch.from_numpy, np.uint64
    slots, wide = (step.slots, 1, 2), step.wide[0]

    def short(input: Tensor, target: Tensor) -> Both | None:
        shape = input.shape
        n = shape[0]
        if not 0 < n <= chunk or target.shape != (shape[:1] if numbers else shape) or (wide and shape[1] != classes):
            return None
        x, y = input.numpy(force=True), target.numpy(force=True)
        if not (x.flags.c_contiguous and y.flags.c_contiguous) or (numbers and not y.view(unsigned).max() < classes):
            return None
        sums, found = empty(slots), empty(shape, dtype)
        inputs = memory.get(n)
        if inputs is None:
            inputs = finished_inputs(plan, step, n)
        if reads:
            doubt = kernel(x, y, parameters, inputs, found, sums, classes, 0, 1)
        else:
            doubt = kernel(y, x, parameters, inputs, found, sums, classes, 0, 1)
        words = sums.ravel().tolist()
        if doubt or (last and words[last]):
            return None
        value = finish(words, float(n))
        if value is None or not -LARGEST < value < LARGEST:
            return None
        return tensor(array(value, dtype)), tensor(found)

    return short


def _finish(plan: Plan, step: Step) -> Callable[[list[float], float], float | None] | None:
    """The finished value from the words of the sums and the number of rows."""
    where: dict[Node, str] = {node: f"(s[{2 * j}] + s[{2 * j + 1}])" for j, node in enumerate(step.sums)}
    where |= {node: f"({value!r})" for node, value in plan.known.items() if np.isfinite(value)}
    where |= dict.fromkeys(plan.counts, "n")
    inputs = plan.finishers[plan.finish][1] if plan.finish else ()
    if not inputs or any(not any(leaf is node for node in where) for leaf in inputs):
        return None
    return spelled(plan.finish[0], where)
