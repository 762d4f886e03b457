"""Look at a target: a `Table` comes in, what kind of target it is, why, and its shape go out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lossmith.advise.table import Table


@dataclass(frozen=True)
class Profile:
    """A target, described. Shares are fractions of the rows with a target; `missing` of the rows read.

    `y` is float64 (n,): the numbers themselves, 0/1 for binary (1 is `positive`), the index into `classes` for class.
    `classes` and `counts` are empty unless the kind is binary (negative, positive) or class (sorted).
    Moments and quantiles are NaN or empty for classes. `quantiles` holds (level, value).
    """

    target: str
    kind: str
    reason: str
    y: NDArray[np.float64]
    unit_name: str
    n_rows: int
    classes: tuple[str, ...] = ()
    counts: tuple[int, ...] = ()
    positive: str | None = None
    missing: float = 0.0
    zeros: float = 0.0
    ties: float = 0.0
    rarest: float = float("nan")
    mean: float = float("nan")
    sd: float = float("nan")
    skew: float = float("nan")
    minimum: float = float("nan")
    maximum: float = float("nan")
    quantiles: tuple[tuple[float, float], ...] = ()
    warnings: tuple[str, ...] = ()


def profile(table: Table, *, kind: str | None = None, positive: str | None = None) -> Profile:
    """Describe the target of `table`; `kind` and `positive` overrule what the data suggest."""
    raise NotImplementedError
