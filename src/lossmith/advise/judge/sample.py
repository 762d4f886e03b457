"""Rows as a judge sees them: targets, weights and cost columns of some rows, and no feature."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Sample:
    """Targets (n,), their weights or None, the columns that costs name, and the block of each row.

    `ordered` says that blocks follow each other in time.
    """

    y: Floats
    weight: Floats | None
    columns: Mapping[str, Floats]
    blocks: NDArray[np.int64]
    ordered: bool = False

    def take(self, rows: NDArray[Any]) -> Sample:
        """Only these rows."""
        weight = None if self.weight is None else self.weight[rows]
        columns = {name: values[rows] for name, values in self.columns.items()}
        return Sample(self.y[rows], weight, columns, self.blocks[rows], self.ordered)

    def mean(self, values: Floats) -> float:
        """The weighted mean of values (n,)."""
        return float(np.average(values, weights=self.weight))
