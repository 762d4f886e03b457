"""A weighted sum of losses, said at once.

Comes in: losses (or texts that name them) and their weights. Goes out: one `Loss`, one formula, one pass over the data.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import reduce

import numpy as np

from lossmith.errors import ArgumentError
from lossmith.loss.handle import Loss
from lossmith.loss.library import parse


def mix(parts: Mapping[Loss | str, float]) -> Loss:
    """The weighted sum of losses of the same target: `{loss or text: weight}`.

    It is the sum of the formulas: what each part is divided by stays. Parameters of the same name and another value are
    told apart (`gamma`, `gamma_2`). Raises `ArgumentError` LM286 for no parts or a weight that is not a finite number,
    LM288 to LM292 for losses that cannot be added.

    >>> import lossmith as ls
    >>> loss = ls.mix({"bce": 0.7, "focal(gamma=2)": 0.3})
    >>> round(loss.value([1, 0], [0.5, 0.5]), 6)
    0.573602
    """
    if not isinstance(parts, Mapping) or not parts:
        raise ArgumentError("LM286", 'mix takes losses and their weights, as in mix({"bce": 0.7, "dice": 0.3}).')
    return reduce(lambda a, b: a + b, [_times(_loss(part), weight) for part, weight in parts.items()])


def _loss(part: Loss | str) -> Loss:
    if isinstance(part, Loss):
        return part
    if not isinstance(part, str):
        raise ArgumentError("LM286", f"mix takes losses or their names, got {part!r}.")
    return parse(part)


def _times(loss: Loss, weight: float) -> Loss:
    if isinstance(weight, bool) or not isinstance(weight, int | float | np.number) or not math.isfinite(weight):
        raise ArgumentError("LM286", f"mix: the weight of {loss.name} must be a finite number, got {weight!r}.")
    return loss if weight == 1 else float(weight) * loss
