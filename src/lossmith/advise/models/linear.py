"""The linear model of a study: an encoded matrix and a loss come in, a `LinearModel` goes out.

What the model makes of a column is a `Design`, learned on the fit rows. Numbers: the median where missing (and a column
that says so), kept within limits, centred, divided by their spread. The limits keep one wild row from ruling the fit
and one wild new row from an absurd prediction: ten robust spreads around the median where a column goes further than
that, else the range that was seen, and as much again on either side. Categories: a column of 0 and 1 for each level
that was seen often enough, not scaled, so that the penalty draws rare levels towards the average; unknown ones are 0
everywhere. The penalty is chosen by the loss's own value on the stop rows.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lossmith.adapt.lightgbm_steps import rows_of, step_lengths
from lossmith.adapt.linear import LinearFit, fit_linear
from lossmith.advise.data.encode import Encoded
from lossmith.advise.models.linear_row import design_columns, predict_linear, raw_linear
from lossmith.calculus.curvature import step_bounded
from lossmith.loss.handle import Columns, Loss

Floats = NDArray[np.float64]
FAR: Final = 10.0  # robust spreads from the median to a column's limits, where values go further
FEW: Final = ((500, 5), (0, 2))  # from so many rows on, a level or a missing value must be seen so often
MOST_LEVELS: Final = 100  # of one column, the most frequent first
MOST_CELLS: Final = 5e7  # of the design (0.4 GB); beyond it, rarer levels are left out
# Penalties in units of the loss's bend, so that none depends on the target's unit; the strongest first. On squared
# error and scaled, unrelated features, 1 halves every weight.
GRID: Final = tuple(10.0**power for power in (1.25, 0.5, -0.25, -1.0, -1.75, -2.5, -3.25, -4.0))
PATIENCE: Final = 3  # penalties in a row without a better value on the stop rows that end the search


@dataclass(frozen=True)
class DesignColumn:
    """What is made of one matrix column; `kind` is number or category, `missing` whether a column says "missing"."""

    position: int
    kind: str
    missing: bool
    fill: float = 0.0
    low: float = 0.0
    high: float = 0.0
    centre: float = 0.0
    scale: float = 1.0
    levels: tuple[int, ...] = ()


@dataclass(frozen=True)
class Design:
    """How an encoded matrix becomes the columns that have weights."""

    columns: tuple[DesignColumn, ...]

    def to_list(self) -> list[dict[str, Any]]:
        """Return plain JSON-able data, one entry a column, as `linear_row` reads it."""
        return [{**asdict(column), "levels": list(column.levels)} for column in self.columns]


def make_design(encoded: Encoded) -> Design:
    """Learn the design from encoded fit rows; columns that never vary are left out.

    >>> matrix = np.array([[1.0, 0.0], [3.0, 1.0], [np.nan, 0.0], [np.nan, 1.0], [5.0, 1.0]])
    >>> design = make_design(Encoded(matrix, ("size", "city"), (1,)))
    >>> design_matrix(design, matrix).shape
    (5, 4)
    """
    matrix, categorical = encoded.matrix, frozenset(encoded.categorical)
    few = next(least for rows, least in FEW if len(matrix) >= rows)
    rarest = max(few, _rarest(matrix, categorical))
    found = (
        _category(matrix[:, place], place, rarest) if place in categorical else _number(matrix[:, place], place, few)
        for place in range(matrix.shape[1])
    )
    return Design(tuple(column for column in found if column is not None))


def design_matrix(design: Design, matrix: Floats) -> Floats:
    """Return the columns that have weights, (n, q) float64 of finite numbers."""
    columns = list(design_columns(design.to_list(), matrix))
    return np.column_stack(columns) if columns else np.zeros((len(matrix), 0))


def _number(values: Floats, place: int, few: int) -> DesignColumn | None:
    absent = np.isnan(values)
    known = values[np.isfinite(values)]
    if not known.size:
        return None
    middle = float(np.median(known))
    low, high = _limits(known, middle)
    filled = np.minimum(np.maximum(np.where(absent, middle, values), low), high)
    centre, scale = float(filled.mean()), float(filled.std())
    missing = bool(min(absent.sum(), (~absent).sum()) >= few)
    if not scale > 1e-13 * abs(centre):
        return DesignColumn(place, "number", True, middle, middle, middle, middle, 1.0) if missing else None
    return DesignColumn(place, "number", missing, middle, low, high, centre, scale)


def _limits(known: Floats, middle: float) -> tuple[float, float]:
    """Ten robust spreads around the median on a side that goes further, else the range seen and as much again."""
    spread = float(np.subtract(*np.quantile(known, (0.75, 0.25)))) / 1.349  # of a bell curve: its standard deviation
    off = np.abs(known[known != middle] - middle)
    if not spread > 0.0:  # most rows share one value: the others tell what is far
        spread = float(np.median(off)) if off.size else 0.0
    low, high = float(known.min()), float(known.max())
    reach, room = FAR * spread, high - low
    return (
        middle - reach if low < middle - reach else low - room,
        middle + reach if high > middle + reach else high + room,
    )


def _category(codes: Floats, place: int, rarest: int) -> DesignColumn | None:
    known, counts = np.unique(codes[~np.isnan(codes)], return_counts=True)
    often = np.argsort(-counts, kind="stable")[:MOST_LEVELS]
    levels = tuple(sorted(int(known[i]) for i in often if counts[i] >= rarest))
    missing = bool(np.isnan(codes).sum() >= rarest)
    return DesignColumn(place, "category", missing, levels=levels) if levels or missing else None


def _rarest(matrix: Floats, categorical: frozenset[int]) -> int:
    """How often a level must be seen so that the design keeps to its size."""
    counts = [np.unique(matrix[:, place], return_counts=True)[1].astype(np.float64) for place in sorted(categorical)]
    every = np.sort(np.concatenate([np.sort(c)[-MOST_LEVELS:] for c in counts] or [np.zeros(0)]))[::-1]
    room = max(int(MOST_CELLS / max(len(matrix), 1)) - 2 * matrix.shape[1], 0)
    return int(every[room]) + 1 if len(every) > room else 0


# Training -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class LinearModel:
    """A trained linear model: the loss, what it makes of columns, its weights, and the penalty it was given."""

    loss: Loss
    design: Design
    fit: LinearFit
    strength: float
    categorical: tuple[int, ...]

    @property
    def penalty(self) -> float:
        """The penalty that was chosen, in the loss's own unit."""
        return self.fit.penalty

    def predict_raw(self, matrix: Floats) -> Floats:
        """Predict before the link: (n,), or (n, outputs)."""
        return np.asarray(raw_linear(self.to_dict(), matrix))

    def predict(self, matrix: Floats) -> Floats:
        """Predict on the target's scale, with the very function that a study's `predict.py` carries."""
        return np.asarray(predict_linear(self.to_dict(), matrix))

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON-able data, which `linear_row.predict_linear` reads."""
        flat = not _has_columns(self.loss)
        weights, intercept = (part[..., 0] if flat else part for part in (self.fit.weights, self.fit.intercept))
        heads = [link for _, link in self.loss.definition.declaration.heads]
        return {
            "kind": "linear",
            "link": heads or self.loss.link,
            "weights": weights.tolist(),
            "intercept": intercept.tolist(),
            "design": self.design.to_list(),
        }

    def refit(
        self, matrix: Floats, y: Any, weight: ArrayLike | None = None, columns: Columns | None = None
    ) -> LinearModel:
        """Learn design and weights again from these rows, at the penalty that was chosen."""
        rows = _rows(matrix, y, weight, columns)
        design = _design(rows, self.categorical)
        X = design_matrix(design, rows.matrix)
        fit = fit_linear(self.loss, X, rows.y, rows.weight, penalty=self.penalty, columns=rows.columns)
        return replace(self, design=design, fit=fit)


@dataclass(frozen=True)
class _Rows:
    matrix: Floats
    y: Any
    weight: Floats | None
    columns: Columns | None


def _rows(matrix: Floats, y: Any, weight: ArrayLike | None, columns: Columns | None) -> _Rows:
    """Rows without those of weight 0, from which nothing may be learned."""
    if weight is None:
        return _Rows(matrix, y, None, columns)
    weights = np.asarray(weight, dtype=np.float64)
    kept = weights != 0
    named = None if columns is None else {name: np.asarray(values)[kept] for name, values in columns.items()}
    each = {name: np.asarray(v)[kept] for name, v in y.items()} if isinstance(y, Mapping) else np.asarray(y)[kept]
    return _Rows(matrix[kept], each, weights[kept], named)


def _design(rows: _Rows, categorical: tuple[int, ...]) -> Design:
    return make_design(Encoded(rows.matrix, ("",) * rows.matrix.shape[1], categorical))


def _has_columns(loss: Loss) -> bool:
    declared = loss.definition.declaration
    return declared.has_classes or bool(declared.heads)


def train_linear(
    loss: Loss,
    matrix_fit: Floats,
    y_fit: Any,
    weight_fit: ArrayLike | None,
    matrix_stop: Floats,
    y_stop: Any,
    weight_stop: ArrayLike | None,
    categorical: tuple[int, ...],
    columns_fit: Columns | None = None,
    columns_stop: Columns | None = None,
) -> LinearModel:
    """Train under each penalty of the grid, the strongest first, and keep the one of least loss on the stop rows.

    The matrices are encoded, NaN where a value is missing; `categorical` are the positions that hold codes.
    Raises `AdapterError` (LM42x) as `fit_linear` does, and whatever the loss says of its targets.

    >>> import lossmith as ls
    >>> matrix = np.arange(60.0).reshape(-1, 1)
    >>> model = train_linear(ls.get("mse"), matrix[::2], matrix[::2, 0], None, matrix[1::2], matrix[1::2, 0], None, ())
    >>> bool(abs(model.predict(matrix)[30] - 30) < 0.1)
    True
    """
    rows = _rows(matrix_fit, y_fit, weight_fit, columns_fit)
    design = _design(rows, categorical)
    X, X_stop = design_matrix(design, rows.matrix), design_matrix(design, matrix_stop)
    constant = np.atleast_1d(np.asarray(loss.best_constant(rows.y, rows.weight, columns=rows.columns)))
    unit = _bend(loss, rows, constant)
    start: LinearFit | ArrayLike = constant
    fits: list[LinearFit] = []
    values: list[float] = []
    for strength in GRID:
        fit = fit_linear(loss, X, rows.y, rows.weight, penalty=strength * unit, columns=rows.columns, start=start)
        raw = X_stop @ fit.weights + fit.intercept
        raw = raw if _has_columns(loss) else raw[:, 0]
        fits.append(fit)
        values.append(loss.value(y_stop, raw, weight_stop, columns=columns_stop))
        start = fit
        if _lowest(values) < len(fits) - PATIENCE:
            break
    chosen = _lowest(values)
    return LinearModel(loss, design, fits[chosen], GRID[chosen], categorical)


def _lowest(values: list[float]) -> int:
    return min(range(len(values)), key=lambda place: math.inf if math.isnan(values[place]) else values[place])


def _bend(loss: Loss, rows: _Rows, constant: Floats) -> float:
    """The loss's mean bend around its best constant, its explicit factor divided out."""
    n = len(rows.matrix)
    raw = np.tile(constant, (n, 1)) if _has_columns(loss) else np.full(n, constant[0])
    slope, bend = loss.per_example_gradient_and_hessian(rows.y, raw, rows.weight, columns=rows.columns)
    curvature = step_bounded(slope, bend, step_lengths(loss, rows_of(rows.y, rows.weight, rows.columns), raw))
    total = n if rows.weight is None else float(rows.weight.sum())
    return float(curvature.sum()) / (total * raw.size / n) / abs(loss.factor)
