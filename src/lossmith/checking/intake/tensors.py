"""What calls of tensors share, whatever the framework: the check of a value, the diagonal of a hessian.

Comes in: arrays; products of a hessian with directions. Goes out: arrays.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np

from lossmith.checking.intake.returned import ShapeError
from lossmith.checking.subject import Array

MOST: Final = 512
"""Where rows touch each other, hessians of at most so many numbers are taken."""


def diagonal(along: Callable[[Array], Array], shape: tuple[int, ...], *, exact: bool = False) -> Array:
    """The diagonal of a hessian from its products with directions.

    One direction for each class, as rows do not touch each other; `exact`: one for each number.

    >>> diagonal(lambda d: np.array([2.0, 3.0]) * d, (2,)).tolist()
    [2.0, 3.0]
    """
    size = int(np.prod(shape))
    found = np.zeros(shape)
    if exact:
        for i in range(size):
            direction = np.zeros(size)
            direction[i] = 1.0
            found.flat[i] = np.ravel(along(direction.reshape(shape)))[i]
        return found
    for k in range(1 if len(shape) == 1 else shape[1]):
        direction = np.zeros(shape)
        column: Any = ... if len(shape) == 1 else (slice(None), k)
        direction[column] = 1.0
        found[column] = along(direction)[column]
    return found


def checked_value(found: Array, shape: tuple[int, ...]) -> Array:
    """A finished number or one for each row. Raises `ShapeError`."""
    if found.ndim == 0 or found.shape == shape[:1]:
        return found
    if found.size == 1:
        return found.reshape(())
    raise ShapeError(f"the value has shape {found.shape} for predictions of shape {shape}")


def rows_touch(along: Callable[[Array], Array], shape: tuple[int, ...]) -> bool:
    """Whether the slope in one row moves with the prediction of another: then only the exact diagonal is right."""
    direction = np.zeros(shape)
    direction[0] = 1.0
    return bool(np.any(along(direction)[1:]))
