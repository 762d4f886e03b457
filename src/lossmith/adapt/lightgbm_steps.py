"""A loss as LightGBM sees it: its objective (gradient and curvature) and its metric, as plain picklable objects.

Comes in: a `Loss` and the name of a curvature policy. Goes out: callables in LightGBM's signatures, and `Steps`, the
same numbers for our own training loop. Gradients leave as float32, which is what LightGBM keeps.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lossmith.calculus.convexity import smooth, strictly_convex
from lossmith.calculus.curvature import (
    BUILTIN,
    TINY,
    Builtin,
    builtin_gradient_and_curvature,
    default_policy,
    longest_step,
    positive,
    step_bounded,
    typical_size,
)
from lossmith.catalogue import find
from lossmith.compiler import expressions
from lossmith.errors import AdapterError
from lossmith.loss.handle import Columns, Loss

Floats = NDArray[np.float64]
Single = NDArray[np.float32]
FAR: Final = 1e3  # a hessian that falls below 1/FAR of itself so many typical residuals away fades
PROBES: Final = 256
OWN_COLUMNS: Final = "lossmith_columns"  # the attribute of a Dataset that holds the columns of its rows


@dataclass(frozen=True)
class Rows:
    """Training or validation rows: targets (an array, or a mapping of several), weights, extra columns."""

    y: Any
    weight: Floats | None = None
    columns: Columns | None = None

    @property
    def count(self) -> int:
        """How many rows."""
        first = next(iter(self.y.values())) if isinstance(self.y, Mapping) else self.y
        return len(first)

    def take(self, chosen: NDArray[np.bool_]) -> Rows:
        """Only these rows."""
        if chosen.all():
            return self
        weight = None if self.weight is None else self.weight[chosen]
        columns = None if self.columns is None else {k: np.asarray(v)[chosen] for k, v in self.columns.items()}
        return Rows(_each(self.y, lambda a: a[chosen]), weight, columns)


def rows_of(y: Any, sample_weight: ArrayLike | None, columns: Columns | None) -> Rows:
    """Targets and weights as arrays; the loss itself checks what they hold."""
    weight = None if sample_weight is None else np.asarray(sample_weight, dtype=np.float64)
    found = Rows(_each(y, np.asarray), weight, columns)
    if weight is not None and weight.shape != (found.count,):
        raise AdapterError(
            "LM413", f"sample_weight must have shape ({found.count},), one number a row, got {weight.shape}."
        )
    return found if columns is None else replace(found, columns=_none_missing(_one_a_row(columns, found.count), weight))


def _one_a_row(columns: Mapping[str, ArrayLike], rows: int) -> dict[str, NDArray[Any]]:
    found = {name: np.asarray(values) for name, values in columns.items()}
    for name, values in found.items():
        if values.ndim == 0 or len(values) != rows:
            raise AdapterError(
                "LM416",
                f'the column "{name}" has {len(values) if values.ndim else "a single"} value(s) for {rows} rows. Give one '
                "value for each row, in the order of the rows.",
            )
    return found


def _none_missing(columns: dict[str, NDArray[Any]], weight: Floats | None) -> dict[str, NDArray[Any]]:
    for name, values in columns.items():
        missing = (
            np.isnan(values).reshape(len(values), -1).any(axis=1) if values.dtype.kind == "f" else np.zeros(0, bool)
        )
        bad = np.flatnonzero(missing if weight is None or not missing.any() else missing & (weight != 0))
        if len(bad):
            raise AdapterError(
                "LM417",
                f'the column "{name}" is missing (NaN) in row {bad[0]} ({len(bad)} such rows). Fill it, or leave these '
                "rows out.",
            )
    return columns


def _each(y: Any, change: Any) -> Any:
    return {name: change(values) for name, values in y.items()} if isinstance(y, Mapping) else change(y)


@lru_cache(maxsize=64)
def builtin_of(loss: Loss, library: str = "lightgbm") -> Builtin | None:
    """The library's own objective of this formula, whatever the loss is called, if the table has one."""
    found = expressions(loss.definition).additive
    declaration = loss.definition.declaration
    for name, row in BUILTIN[library].items():
        known = expressions(find(name)).additive
        same = found is not None and known is not None and found.body is known.body
        unlike = row.ones and loss.definition.reweighting  # whose weights we do not see
        if same and row.link == loss.link and not declaration.heads and not unlike:
            return row
    return None


@lru_cache(maxsize=64)
def is_smooth(loss: Loss) -> bool:
    """Whether the gradient has no jump."""
    return bool(smooth(loss.definition, _numbers(loss)).value)


@lru_cache(maxsize=64)
def _is_strictly_convex(loss: Loss) -> bool:
    return bool(strictly_convex(loss.definition, _numbers(loss)).value)


def _numbers(loss: Loss) -> dict[str, float]:
    return {name: value for name, value in loss.parameters.items() if value is not None}


def policy_of(loss: Loss, asked: str | None, rows: Rows) -> str:
    """The curvature policy: the one asked for, or the default for this loss on these targets."""
    row = builtin_of(loss)
    if asked == "as_builtin" and row is None:
        raise AdapterError(
            "LM405",
            f'{loss.name}: LightGBM has no objective of this formula, so curvature="as_builtin" has no meaning. '
            'Use "step_bounded", "exact", or None.',
        )
    if asked is not None:
        return asked
    if row is not None and row.smooth:
        return "as_builtin"
    convex, even = _is_strictly_convex(loss), is_smooth(loss)
    fading = convex and even and _fades(loss, rows)
    return default_policy(builtin=row, strictly_convex=convex, smooth=even, fading=fading)


def _fades(loss: Loss, rows: Rows) -> bool:
    """Whether the hessian vanishes far from the target, measured on the identity link at the targets' own scale."""
    if loss.link != "identity" or isinstance(rows.y, Mapping) or rows.y.ndim != 1 or loss.definition.declaration.heads:
        return False
    some = np.linspace(0, rows.count - 1, min(PROBES, rows.count)).astype(np.int64)
    chosen = np.zeros(rows.count, dtype=bool)
    chosen[some] = True
    probe = replace(rows.take(chosen), weight=None)
    y = np.asarray(probe.y, dtype=np.float64)
    scale = typical_size(y - np.median(y))
    near, far = (
        loss.per_example_gradient_and_hessian(probe.y, y + k * scale, columns=probe.columns)[1].sum()
        for k in (0.0, FAR)
    )
    return bool(far < near / FAR)


@dataclass(frozen=True)
class Steps:
    """Gradient and curvature of one loss under one policy, at any raw prediction."""

    loss: Loss
    policy: str

    def at(self, rows: Rows, raw: Floats) -> tuple[Single, Single]:
        """(n,) or (n, K) raw scores → gradient and curvature in float32, the loss's numeric factor divided out."""
        row = builtin_of(self.loss) if self.policy == "as_builtin" else None
        if row is not None and row.rounds_first and rows.weight is not None and not self.loss.definition.reweighting:
            rounded, curvature = self.at(replace(rows, weight=None), raw)
            weight = rows.weight.astype(np.float32).reshape(-1, *(1,) * (raw.ndim - 1))
            return rounded * weight, curvature * weight
        gradient, hessian = self.loss.per_example_gradient_and_hessian(rows.y, raw, rows.weight, columns=rows.columns)
        factor = abs(
            self.loss.factor
        )  # only its size: `-mean(...)` has the factor -1, and its gradient is right as it is
        if factor != 1.0:
            gradient, hessian = gradient / factor, hessian / factor
        return _as_float32(self.loss, *self._curved(rows, raw, gradient, hessian))

    def _curved(self, rows: Rows, raw: Floats, gradient: Floats, hessian: Floats) -> tuple[Floats, Floats]:
        if self.policy == "exact":
            return gradient, positive(hessian)
        if self.policy == "as_builtin":
            row = builtin_of(self.loss)
            assert row is not None
            return builtin_gradient_and_curvature(row, gradient, hessian, rows.weight)
        steps = step_lengths(self.loss, rows, raw)
        curvature = step_bounded(gradient, hessian, steps)
        if self.loss.link != "identity" or self.loss.definition.declaration.heads:
            return gradient, curvature
        # in the target's unit curvature has a unit too; LightGBM's thresholds on its sums take 1 a row as normal
        unit = curvature.sum() / (curvature.size if rows.weight is None else rows.weight.sum())
        return gradient / unit, curvature / unit


def step_lengths(loss: Loss, rows: Rows, raw: Floats) -> float | Floats:
    """The longest step of this round: a number, or one for each head."""
    heads = loss.definition.declaration.heads
    links = [link for _, link in heads] or [loss.link]
    if not {"identity", "softplus"} & set(links) or isinstance(rows.y, Mapping):
        return longest_step("exp", raw)
    y, predicted = np.asarray(rows.y, dtype=np.float64), loss.predict(raw)
    if not heads:
        if predicted.shape != y.shape:
            return longest_step("exp", raw)
        weight = None if rows.weight is None else np.repeat(rows.weight, y.size // len(y))
        return longest_step(loss.link, (y - predicted).ravel(), weight)
    return np.array([longest_step(link, y - predicted[:, k], rows.weight) for k, link in enumerate(links)])


def _as_float32(loss: Loss, gradient: Floats, curvature: Floats) -> tuple[Single, Single]:
    with np.errstate(over="ignore"):
        g, h = gradient.astype(np.float32), curvature.astype(np.float32)
    if not (np.isfinite(g).all() and np.isfinite(h).all()):
        raise AdapterError(
            "LM406",
            f"{loss.name}: a gradient or curvature left the range of float32, in which LightGBM keeps them (largest: "
            f"{np.abs(gradient).max():.3g} and {curvature.max():.3g}). Give y in a larger unit, or learn more slowly.",
        )
    if not g.any() and gradient.any():
        raise AdapterError(
            "LM406",
            f"{loss.name}: every gradient is below the range of float32, in which LightGBM keeps them. "
            "Give y in a smaller unit.",
        )
    return g, np.maximum(h, np.float32(TINY))


@dataclass(frozen=True)
class LightGBMObjective:
    """The loss as `params["objective"]` of LightGBM; it reads labels and weights from the `Dataset` that it is given.

    Train from the loss's best constant (`Dataset(..., init_score=...)`), then `bake`; `train` does both.
    """

    loss: Loss
    curvature: str | None = None
    columns: Columns | None = None

    def __call__(self, raw: Floats, dataset: Any) -> tuple[Single, Single]:
        """Gradient and curvature, weighted, of shape (n,) or (n, K)."""
        rows = _rows_in(dataset, self.columns)
        return Steps(self.loss, policy_of(self.loss, self.curvature, rows)).at(rows, np.ascontiguousarray(raw))


@dataclass(frozen=True)
class LightGBMMetric:
    """The loss as `feval` of LightGBM: its value, with its weights and its numeric factor; lower is better."""

    loss: Loss
    columns: Columns | None = None

    def __call__(self, raw: Floats, dataset: Any) -> tuple[str, float, bool]:
        """(name, value, False)."""
        rows = _rows_in(dataset, self.columns)
        value = self.loss.value(rows.y, np.ascontiguousarray(raw), rows.weight, columns=rows.columns)
        return self.loss.name, value, False


def _rows_in(dataset: Any, columns: Columns | None) -> Rows:
    given = dataset.get_weight()
    weight = None if given is None else np.asarray(given, dtype=np.float64)
    label = np.asarray(dataset.get_label(), dtype=np.float64)
    return Rows(label, weight, columns_in(dataset, columns, weight))


def columns_in(dataset: Any, columns: Columns | None, weight: Floats | None = None) -> dict[str, NDArray[Any]] | None:
    """The columns of the rows that a `Dataset` holds: its own, or cut from its parent's as its rows are.

    `columns` are those of the training set, from which folds and subsets are cut (`used_indices`, of the parent's rows).
    Raises `AdapterError`: LM415 for a validation set with rows of its own and no columns, LM416 where lengths differ,
    LM417 for a value that is missing in a row that counts.
    """
    cuts: list[NDArray[np.int64]] = []
    source, own = dataset, getattr(dataset, OWN_COLUMNS, None)
    while own is None and source.reference is not None:
        if source.used_indices is None:
            if columns is None:
                return None
            raise AdapterError(
                "LM415",
                f"a validation set has rows of its own, and their columns ({', '.join(columns)}) are not known. Give "
                "them: adapter.with_columns(valid_set, {...}), or cut it from the training set with Dataset.subset.",
            )
        cuts.append(np.asarray(source.used_indices, dtype=np.int64))
        source = source.reference
        own = getattr(source, OWN_COLUMNS, None)
    own = columns if own is None else own
    if own is None:
        return None
    found = _one_a_row(own, source.num_data())
    for cut in reversed(cuts):
        found = {name: values[cut] for name, values in found.items()}
    return _none_missing(_one_a_row(found, dataset.num_data()), weight)
