"""What is to be learned: a loss, features and targets come in; a checked `Task`, and an `Objective` over parameters, go out.

Every fault is one sentence (`ArgumentError`, LM572 to LM575, and what the loss itself says of its targets).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lossmith.errors import ArgumentError, LossmithError
from lossmith.loss.handle import Loss
from lossmith.loss.library import look_up
from lossmith.teach.descent.network import Network

Floats = NDArray[np.float64]
CONSTANT: Final = 1e-13
MOST_CLASSES: Final = 100
USUAL: Final[Mapping[str, str]] = {
    "real": "squared_error",
    "binary": "binary_cross_entropy",
    "class": "cross_entropy",
    "count": "poisson",
    "positive": "squared_error",
    "nonnegative": "squared_error",
    "fraction": "binary_cross_entropy",
    "ordinal": "squared_error",
}
"""The loss that is taken where none is said, by the kind of target."""


@dataclass(frozen=True, eq=False)
class Task:
    """A loss and its checked rows: features X (n, p) with their names, targets, weights, extra columns, and notes.

    `wide`: raw predictions have a second axis (classes, heads, several targets a row).
    """

    loss: Loss
    X: Floats
    y: Any
    weight: Floats | None
    columns: Mapping[str, Any] | None
    features: tuple[str, ...]
    outputs: tuple[str, ...]
    wide: bool
    notes: tuple[str, ...] = ()

    def value(self, raw: Floats) -> float:
        """The finished loss of raw predictions (n, outputs)."""
        return self.loss.value(self.y, self._as_given(raw), self.weight, columns=self.columns)

    def terms(self, raw: Floats) -> Floats:
        """The loss of every row with its weight, not divided (n,)."""
        return self.loss.per_example(self.y, self._as_given(raw), self.weight, columns=self.columns)

    def value_and_slope(self, raw: Floats) -> tuple[float, Floats]:
        """The finished loss and its gradient (n, outputs)."""
        value, slope = self.loss.value_and_gradient(self.y, self._as_given(raw), self.weight, columns=self.columns)
        return value, slope.reshape(raw.shape)

    def slope_change(self, raw: Floats, direction: Floats) -> Floats:
        """The hessian of the finished loss by raw predictions, times a direction (n, outputs)."""
        at, along = self._as_given(raw), self._as_given(direction)
        return self.loss.hvp(self.y, at, along, self.weight, columns=self.columns).reshape(raw.shape)

    def take(self, rows: NDArray[np.int64]) -> Task:
        """Some of the rows."""
        return replace(
            self,
            X=self.X[rows],
            y={name: part[rows] for name, part in self.y.items()} if isinstance(self.y, Mapping) else self.y[rows],
            weight=None if self.weight is None else self.weight[rows],
            columns=self.columns and {name: np.asarray(part)[rows] for name, part in self.columns.items()},
        )

    def under(self, loss: Loss) -> Task:
        """The same rows under another loss."""
        return replace(self, loss=loss)

    def _as_given(self, raw: Floats) -> Floats:
        return raw if self.wide else raw[:, 0]


@dataclass(frozen=True, eq=False)
class Objective:
    """The loss as a function of a network's parameters: value, gradient, and hessian times a vector."""

    task: Task
    network: Network

    def value(self, parameters: Floats) -> float:
        """The loss; not a number where the loss has none there."""
        return self._or_nan(lambda: self.task.value(self.network.raw(self.task.X, parameters)))

    def value_and_gradient(self, parameters: Floats) -> tuple[float, Floats]:
        """The loss and its gradient by the parameters: one pass forwards and one backwards."""
        with np.errstate(all="ignore"):
            walk = self.network.walked(self.task.X, parameters)
            value, slope = self.task.value_and_slope(walk.before[-1])
            return value, walk.pulled(slope)

    def bent(self, parameters: Floats) -> Callable[[Floats], Floats]:
        """The exact hessian of the loss by the parameters, as a function of the direction that it is multiplied with."""
        with np.errstate(all="ignore"):
            walk = self.network.walked(self.task.X, parameters)
            raw = walk.before[-1]
            slope = self.task.value_and_slope(raw)[1]

        def times(direction: Floats) -> Floats:
            with np.errstate(all="ignore"):
                return walk.pulled_change(direction, slope, lambda v: self.task.slope_change(raw, v))

        return times

    def hvp(self, parameters: Floats, direction: Floats) -> Floats:
        """The exact hessian of the loss by the parameters, times one direction."""
        return self.bent(parameters)(direction)

    def hessian(self, parameters: Floats) -> Floats:
        """The whole matrix, a column at a time."""
        bent = self.bent(parameters)
        matrix = np.stack([bent(axis) for axis in np.eye(self.network.size)], axis=1)
        return np.asarray((matrix + matrix.T) / 2)

    @staticmethod
    def _or_nan(compute: Callable[[], float]) -> float:
        with np.errstate(all="ignore"):
            try:
                return compute()
            except LossmithError:
                return float("nan")


# Checking what users give --------------------------------------------------------------------------------------


def task_of(
    loss: Loss | str,
    X: Any,
    y: Any,
    sample_weight: ArrayLike | None,
    columns: Mapping[str, Any] | None,
    feature_names: tuple[str, ...] | None,
) -> Task:
    """Check features, targets and weights against the loss, and name everything.

    Raises `ArgumentError`: LM572 for features, LM573 where there is no row, LM574 for numbers of rows that differ.
    """
    found, remark = (loss, "") if isinstance(loss, Loss) else look_up(loss, {})
    matrix, names = _features(X, feature_names)
    target, classes, notes = _targets(found, y)
    weight = None if sample_weight is None else np.asarray(sample_weight, dtype=np.float64)
    _check_lengths(len(matrix), target, weight)
    if weight is not None and (weight == 0).any():
        matrix, target, weight, columns = _present(matrix, target, weight, columns)
        notes = (*notes, "Rows of weight 0 are left out: they count as absent.")
    if found.definition.declaration.on == "probability":
        raise ArgumentError(
            "LM578",
            f"{found.name}: it takes probabilities, which a weighted sum of features does not stay within. Use a loss on raw "
            "predictions, such as cross_entropy.",
        )
    if not len(matrix):
        raise ArgumentError("LM573", "there is no row to learn from: X has no rows (or none of positive weight).")
    said = (*filter(None, [remark.split(";")[0]]), *notes)
    outputs, wide = _outputs(found, target, classes)
    task = Task(found.using("numpy"), matrix, target, weight, columns, names, outputs, wide, said)
    return _checked(task)


def _features(X: Any, feature_names: tuple[str, ...] | None) -> tuple[Floats, tuple[str, ...]]:
    """The matrix (n, p) and what its columns are called."""
    given = getattr(X, "columns", None) if feature_names is None else feature_names
    try:
        matrix = np.asarray(X, dtype=np.float64)
    except (TypeError, ValueError):
        raise ArgumentError(
            "LM572",
            "X must hold numbers, found text or values of another kind. `lossmith descend FILE` makes columns of 0 and 1 "
            "of texts.",
        ) from None
    if matrix.ndim == 1 and feature_names is None and given is None:
        matrix = matrix[:, None]
    if matrix.ndim != 2 or matrix.shape[1] == 0:
        raise ArgumentError(
            "LM572", f"X must have shape (rows, features) with at least one feature, got {matrix.shape}."
        )
    names = tuple(str(name) for name in given) if given is not None else _numbered(matrix.shape[1])
    if len(names) != matrix.shape[1]:
        raise ArgumentError("LM572", f"feature_names must name {matrix.shape[1]} features, got {len(names)} names.")
    faulty = np.argwhere(~np.isfinite(matrix))
    if len(faulty):
        row, column = faulty[0]
        raise ArgumentError(
            "LM572",
            f'X must hold finite numbers, found {matrix[row, column]} in row {row}, column "{names[column]}" '
            f"({len(faulty)} such entries). Fill or leave out missing values first; `lossmith descend FILE` does.",
        )
    return matrix, names


def _numbered(count: int) -> tuple[str, ...]:
    return ("x",) if count == 1 else tuple(f"x{place}" for place in range(1, count + 1))


def _targets(loss: Loss, y: Any) -> tuple[Any, tuple[str, ...], tuple[str, ...]]:
    """The targets as the loss reads them, the names of classes (or none), and notes."""
    if isinstance(y, Mapping):
        return {name: np.asarray(part) for name, part in y.items()}, (), ()
    array = np.asarray(y)
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if loss.target not in ("binary", "class") or array.ndim != 1 or not array.size:
        return array, (), ()
    missing = array != array
    known, codes = np.unique(array, return_inverse=True) if not missing.any() else (array, array)
    if missing.any() or len(known) > (2 if loss.target == "binary" else MOST_CLASSES):
        return array, (), ()
    names = tuple(_plain(value) for value in known)
    if array.dtype.kind in "fiub" and _counts_from_zero(known, loss.target):
        return array.astype(np.float64 if loss.target == "binary" else np.int64), names, ()
    if len(known) < 2:
        return array, (), ()
    if loss.target == "binary":
        return (
            codes.astype(np.float64),
            names,
            (f"The target has two values: “{names[1]}” counts as 1, “{names[0]}” as 0.",),
        )
    return codes.astype(np.int64), names, (f"The classes are numbered in this order: {', '.join(names[:12])}.",)


def _plain(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _counts_from_zero(known: NDArray[Any], kind: str) -> bool:
    if kind == "binary":
        return bool(((known >= 0) & (known <= 1)).all())
    return bool((known == np.arange(len(known))).all())


def _check_lengths(rows: int, target: Any, weight: Floats | None) -> None:
    parts = dict(target) if isinstance(target, Mapping) else {"y": target}
    for name, part in parts.items():
        if part.ndim == 0 or len(part) != rows:
            found = part.shape[0] if part.ndim else "a single number"
            raise ArgumentError("LM574", f"X has {rows} rows and {name} has {found}. Give one target for each row.")
    if weight is not None and weight.shape != (rows,):
        raise ArgumentError("LM574", f"sample_weight must have shape ({rows},), got {weight.shape}.")


def _present(
    matrix: Floats, target: Any, weight: Floats, columns: Mapping[str, Any] | None
) -> tuple[Floats, Any, Floats, Mapping[str, Any] | None]:
    kept = weight != 0
    some = {name: part[kept] for name, part in target.items()} if isinstance(target, Mapping) else target[kept]
    extra = columns and {name: np.asarray(part)[kept] for name, part in columns.items()}
    return matrix[kept], some, weight[kept], extra


def _outputs(loss: Loss, target: Any, classes: tuple[str, ...]) -> tuple[tuple[str, ...], bool]:
    """What the raw predictions of a row are called, and whether they have a second axis."""
    declared = loss.definition.declaration
    if declared.heads:
        return tuple(name for name, _ in declared.heads), True
    if not isinstance(target, Mapping) and target.ndim == 2:
        return _numbered(target.shape[1]) if target.shape[1] > 1 else ("z",), True
    if declared.has_classes and loss.target in ("class", "ordinal"):
        count = len(classes) or int(np.max(target, initial=1)) + 1
        return classes or tuple(str(k) for k in range(count)), True
    return ("z",), False


def _checked(task: Task) -> Task:
    """The task with its loss fitted to the targets, if it can be computed; a wrong kind of target is said with advice."""
    try:
        ready = task.under(task.loss.fit(task.y, task.weight, columns=task.columns))
        with np.errstate(all="ignore"):
            ready.value(np.zeros((len(task.X), len(task.outputs))))
    except ArgumentError as error:
        if error.code not in ("LM210", "LM217", "LM218"):
            raise
        kind = looks_like(task.y)
        usual = f" Such targets fit {USUAL[kind]}, for example." if kind and USUAL[kind] != task.loss.name else ""
        raise ArgumentError(error.code, _plainly(error.sentence, task.y) + usual) from None
    return ready


def _plainly(sentence: str, y: Any) -> str:
    """The sentence with a text of the target in place of its type."""
    array = np.asarray(y) if not isinstance(y, Mapping) else np.zeros(0)
    if array.dtype.kind not in "UO" or not array.size:
        return sentence
    return re.sub(r"found \S+ values", f"found “{array.ravel()[0]}”", sentence)


def looks_like(y: Any) -> str:
    """The kind of target that these values suggest, an empty text where none does.

    >>> looks_like([0, 1, 1]), looks_like([1.5, -2.0, 0.3]), looks_like(["a", "b", "c"])
    ('binary', 'real', 'class')
    """
    array = np.asarray(y) if not isinstance(y, Mapping) else np.zeros((0, 0))
    if array.ndim != 1 or not array.size:
        return ""
    known = np.unique(array) if array.dtype.kind in "fiubU" else np.unique(array.astype(str))
    if len(known) == 2:
        return "binary"
    return "real" if array.dtype.kind in "fiu" else "class"
