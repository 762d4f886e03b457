"""Changes of the rows under which a loss stays the same: rows that are absent, copied, reordered, split or relabelled.

Comes in: the kind of the target and a `Batch`. Goes out: `Moved`: the rows on both sides of a law, and from which row on the
left each one on the right comes. Both sides have one value, and the gradient of a row on the left is the sum of the
gradients of the rows made of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lossmith.formula.roles import CLASS_KINDS

Array = NDArray[Any]


@dataclass(frozen=True)
class Batch:
    """Rows as a loss takes them: targets (n,) or (n, classes), raw predictions, weights, columns."""

    y: Array
    raw: Array
    weight: Array
    columns: Mapping[str, Array]

    def take(self, rows: Array) -> Batch:
        """Some of the rows, each as often as it is named."""
        columns = {name: column[rows] for name, column in self.columns.items()}
        return Batch(self.y[rows], self.raw[rows], self.weight[rows], columns)


@dataclass(frozen=True)
class Moved:
    """The rows of both sides, and from which row on the left each one on the right comes."""

    left: Batch
    right: Batch
    origin: Array


Change: TypeAlias = Callable[..., Moved]
"""Of the kind of the target, a batch, and the numbers of the law by name."""


def _one_to_one(left: Batch, right: Batch) -> Moved:
    return Moved(left, right, np.arange(len(right.raw)))


def as_they_are(kind: str, batch: Batch, **numbers: Any) -> Moved:
    """The same rows on both sides."""
    return _one_to_one(batch, batch)


def unweighted(kind: str, batch: Batch, **numbers: Any) -> Moved:
    """The same rows on both sides, of weight 1."""
    same = replace(batch, weight=np.ones(len(batch.weight)))
    return _one_to_one(same, same)


# Absent, copied, reordered --------------------------------------------------------------------------------------------


def _some_absent(batch: Batch) -> Batch:
    return replace(batch, weight=np.where(np.arange(len(batch.raw)) % 3 == 1, 0.0, batch.weight))


def without_absent(kind: str, batch: Batch, **numbers: Any) -> Moved:
    """Rows of weight 0 on the left, none of them on the right."""
    left = _some_absent(batch)
    present = np.flatnonzero(left.weight)
    return Moved(left, left.take(present), present)


def spoiled(kind: str, batch: Batch, **numbers: Any) -> Moved:
    """On the left, rows of weight 0 hold NaN, or a number of no class."""
    right = _some_absent(batch)
    absent = right.weight == 0
    columns = {name: _spoil(column, absent) for name, column in right.columns.items()}
    left = replace(right, y=_spoil(right.y, absent), raw=_spoil(right.raw, absent), columns=columns)
    return _one_to_one(left, right)


def _spoil(values: Array, where: Array) -> Array:
    found = values.copy()
    found[where] = -7 if values.dtype.kind == "i" else np.nan
    return found


def copies(kind: str, batch: Batch, **numbers: Any) -> Moved:
    """Whole weights on the left, as many rows of weight 1 on the right."""
    times = (np.arange(len(batch.raw)) + 1) % 4
    origin = np.repeat(np.arange(len(times)), times)
    right = replace(batch, weight=np.ones(len(times))).take(origin)
    return Moved(replace(batch, weight=times.astype(np.float64)), right, origin)


def reordered(kind: str, batch: Batch, **numbers: Any) -> Moved:
    """The rows from the last to the first, and then the last in front."""
    order = np.roll(np.arange(len(batch.raw))[::-1], 1)
    return Moved(batch, batch.take(order), order)


def doubled(kind: str, batch: Batch, **numbers: Any) -> Moved:
    """On the right, every weight is twice as large."""
    return _one_to_one(batch, replace(batch, weight=2.0 * batch.weight))


# Labels ---------------------------------------------------------------------------------------------------------------


def classes_of(kind: str, batch: Batch) -> int:
    """How many classes there are: two for yes or no."""
    return int(batch.raw.shape[-1]) if kind in CLASS_KINDS else 2


def shares(kind: str, batch: Batch) -> Array:
    """How much of each class every row is, (n, classes)."""
    if batch.y.ndim == 2:
        return batch.y
    if kind in CLASS_KINDS:
        return np.asarray(batch.y[:, None] == np.arange(classes_of(kind, batch)), dtype=np.float64)
    return np.stack([1.0 - batch.y, batch.y], axis=1)


def labelled(kind: str, batch: Batch, parts: Array) -> Batch:
    """The same rows with these shares of the classes."""
    return replace(batch, y=parts if kind in CLASS_KINDS else parts[:, 1])


def hard(kind: str, batch: Batch) -> Batch:
    """The same rows, each of its likeliest class: as 0 and 1."""
    parts = shares(kind, batch)
    return labelled(kind, batch, np.eye(parts.shape[1])[parts.argmax(axis=1)])


def one_hot(kind: str, batch: Batch, **numbers: Any) -> Moved:
    """Class numbers on the left, rows of 0 and 1 on the right."""
    right = hard(kind, batch)
    return _one_to_one(replace(right, y=right.y.argmax(axis=1)), right)


def unmixed(kind: str, batch: Batch, **numbers: Any) -> Moved:
    """Soft labels on the left; on the right every row once for each class, weighed by its share of it."""
    parts = shares(kind, batch)
    n, classes = parts.shape
    origin = np.repeat(np.arange(n), classes)
    right = labelled(kind, batch.take(origin), np.tile(np.eye(classes), (n, 1)))
    return Moved(batch, replace(right, weight=right.weight * parts.reshape(-1)), origin)


def smoothed(kind: str, batch: Batch, epsilon: float, **numbers: Any) -> Moved:
    """On the right, every label is mixed with all classes alike."""
    parts = shares(kind, batch)
    return _one_to_one(batch, labelled(kind, batch, (1.0 - epsilon) * parts + epsilon / parts.shape[1]))


# Weights --------------------------------------------------------------------------------------------------------------


def weighed_by_class(kind: str, batch: Batch, weights: Sequence[float], **numbers: Any) -> Moved:
    """Rows of one class each; on the right, they weigh what their class does."""
    left = hard(kind, batch)
    return _one_to_one(left, replace(left, weight=left.weight * (shares(kind, left) @ np.asarray(weights))))


def weighed_by_column(kind: str, batch: Batch, **numbers: Any) -> Moved:
    """On the right, the column `price` multiplies the weights."""
    return _one_to_one(batch, replace(batch, weight=batch.weight * batch.columns["price"]))


def kept_by_column(kind: str, batch: Batch, **numbers: Any) -> Moved:
    """On the right, rows in which the column `kept` is 0 have weight 0."""
    return _one_to_one(batch, replace(batch, weight=np.where(batch.columns["kept"] == 0, 0.0, batch.weight)))


def without_class_one(kind: str, batch: Batch, **numbers: Any) -> Moved:
    """Rows of one class each, as class numbers; on the right, those of class 1 have weight 0."""
    found = hard(kind, batch)
    left = replace(found, y=found.y.argmax(axis=1)) if found.y.ndim == 2 else found
    return _one_to_one(left, replace(left, weight=np.where(left.y == 1, 0.0, left.weight)))
