"""How raw predictions are laid out: from the shape that people give to rows and back.

Comes in: arrays of any shape. Goes out: arrays of shape (n,) or (n, width), and the way back.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


@dataclass(frozen=True)
class Shape:
    """How raw predictions are laid out: the example axes, and where the class or head axis stands (None: nowhere)."""

    full: tuple[int, ...]
    examples: tuple[int, ...]
    axis: int | None
    width: int

    @property
    def n(self) -> int:
        """The number of examples."""
        return math.prod(self.examples)

    @property
    def entries(self) -> tuple[int, int]:
        """How many entries the first example axis has, and how many examples each holds."""
        return (self.examples[0] if self.examples else 1), math.prod(self.examples[1:])

    def flatten(self, array: Array) -> Array:
        """(full shape) → (n,) or (n, width)."""
        if self.axis is None:
            return array.reshape(-1)
        return np.moveaxis(array, self.axis, -1).reshape(-1, self.width)

    def restore(self, array: Array) -> Array:
        """(n,) or (n, width) → full shape, or the example shape for one number per example."""
        if self.axis is None or array.ndim == 1:
            return array.reshape(self.examples)
        return np.ascontiguousarray(np.moveaxis(array.reshape(*self.examples, self.width), -1, self.axis))
