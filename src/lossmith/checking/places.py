"""Where a loss is checked: targets and raw predictions that belong together, by the kind of the target and the link.

Comes in: a definition, parameter values, a number format. Goes out: `Sample`s: rows for losses that are sums over rows,
small batches for the others. All of it is seeded.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lossmith.formula.definition import Definition
from lossmith.numerics.formats import Format
from lossmith.numerics.interval import DOMAINS, FRACTION, REAL
from lossmith.numerics.points import MAGNITUDES, both_signs, raw_points, raw_rows, target_points

Array = NDArray[Any]
CLASSES: Final = 4
BATCH: Final = 5


@dataclass(frozen=True)
class Sample:
    """What is handed to a loss: `y_true` (class numbers or one-hot rows for classes), `raw_prediction`, `columns`."""

    y_true: Array
    raw_prediction: Array
    columns: Mapping[str, Array] = field(default_factory=dict)

    @property
    def y_matrix(self) -> Array:
        """The targets as float64 numbers; class numbers become one-hot rows."""
        y = self.y_true
        if y.ndim < self.raw_prediction.ndim:
            return np.asarray(np.eye(self.raw_prediction.shape[1])[y.astype(np.int64)])
        return y.astype(np.float64)


def _logit(y: float) -> float:
    return math.log(y / (1.0 - y)) if 0.0 < y < 1.0 else 0.0


TO_RAW: Final[Mapping[str, Callable[[float], float]]] = {
    "identity": lambda y: y,
    "exp": lambda y: math.log(y) if y > 0.0 else 0.0,
    "sigmoid": _logit,
    "softplus": lambda y: y,
}
"""The raw prediction at which a target is met: residuals cancel there."""

CHOSEN: Final[Mapping[str, tuple[float, ...]]] = {
    "real": (0.0, 1.0, -3.5, 1e-8, 1e4, 1e30),
    "positive": (1.0, 0.3, 7.0, 1e-8, 1e6, 1e30),
    "nonnegative": (0.0, 1.0, 7.0, 0.3, 1e-8, 1e6),
    "count": (0.0, 1.0, 7.0, 1e6),
    "binary": (0.0, 1.0, 0.3, 0.5, 1e-8),
    "fraction": (0.0, 1.0, 0.3, 0.5, 1e-8),
    "ordinal": (0.0, 1.0, 2.0, 3.0),
}

CUTS: Final = np.array([-math.inf, -1.0, 0.5, 2.0, math.inf])
COLUMNS: Final[Mapping[str, Callable[[Array], Mapping[str, Array]]]] = {
    "ordinal": lambda y: {"low": CUTS[y.astype(np.int64)], "high": CUTS[y.astype(np.int64) + 1]},
}
"""The declared extra columns of a shipped loss, for given targets."""


def targets(kind: str, fmt: Format, more: int, seed: int) -> Array:
    """Targets of a kind: those known to matter, and `more` drawn; yes-or-no targets may be probabilities."""
    drawn = target_points({"binary": "fraction"}.get(kind, kind), fmt, count=more + 1, seed=seed)
    picked = np.random.default_rng(seed).choice(drawn, size=min(more, drawn.size), replace=False)
    return np.unique(np.concatenate([np.asarray(CHOSEN[kind], dtype=fmt.dtype), picked.astype(fmt.dtype)]))


def rows(definition: Definition, parameters: Iterable[float], fmt: Format, *, size: int, seed: int) -> list[Sample]:
    """About `size` rows for a loss that is a sum over rows."""
    if definition.declaration.has_classes:
        return _class_rows(definition, fmt, size, seed)
    kind, probability = definition.declaration.target[0][1], definition.declaration.on == "probability"
    link = "identity" if probability else definition.declaration.link or "identity"
    domain = DOMAINS.get(kind, REAL) if probability and kind != "binary" else (FRACTION if probability else REAL)
    ys = targets(kind, fmt, max(0, size // 400), seed)
    made = COLUMNS.get(definition.name, _no_columns)
    parts = []
    for y in ys:
        centre = TO_RAW.get(link, _logit)(float(y))
        kinks = [centre, *(centre + s * v for v in parameters for s in (1.0, -1.0)), *_between(made(np.array([y])))]
        z = raw_points(fmt, domain, kinks=[k for k in kinks if abs(k) < fmt.largest], count=100, seed=seed)
        parts.append(_thinned(z, max(30, size // ys.size), seed))
    y = np.repeat(ys, [p.size for p in parts])
    return [Sample(y, np.concatenate(parts), made(y))]


def _no_columns(y: Array) -> dict[str, Array]:
    return {}


def _between(columns: Mapping[str, Array]) -> list[float]:
    """The values of a row's extra columns, and their mean, as far as they are finite."""
    values = [float(a[0]) for a in columns.values()]
    return [v for v in (*values, sum(values) / max(1, len(values))) if values and math.isfinite(v)]


def _thinned(z: Array, size: int, seed: int) -> Array:
    """A seeded choice of points; the grid of known trouble always stays."""
    if z.size <= size:
        return z
    known = np.isin(z, np.asarray(both_signs(MAGNITUDES), dtype=z.dtype)) | (np.abs(z) == np.finfo(z.dtype).max)
    others = np.flatnonzero(~known)
    extra = np.random.default_rng(seed).choice(
        others, size=min(others.size, max(10, size - int(known.sum()))), replace=False
    )
    return np.asarray(z[np.sort(np.concatenate([np.flatnonzero(known), extra]))])


def _class_rows(definition: Definition, fmt: Format, size: int, seed: int) -> list[Sample]:
    """Class numbers, one-hot rows and mixtures; for losses of given distributions the predictions are mixtures too."""
    kind = definition.declaration.target[0][1]
    random = np.random.default_rng(seed)
    soft = target_points("simplex", fmt, count=20, seed=seed, classes=CLASSES)
    if definition.declaration.on == "probability":
        raw = target_points("simplex", fmt, count=max(10, size // 4), seed=seed + 1, classes=CLASSES)
    else:
        raw = raw_rows(fmt, CLASSES, count=max(20, size // 3), seed=seed)
        raw = raw[np.sort(random.choice(raw.shape[0], size=min(size, raw.shape[0]), replace=False))]
    n = raw.shape[0]
    mixed = Sample(soft[random.integers(0, soft.shape[0], size=n)], raw)
    if kind != "class":
        return [mixed, Sample(raw.copy(), raw)] if definition.declaration.on == "probability" else [mixed]
    hard = [Sample(np.full(n, k), raw) for k in (0, 1)]
    return [*hard, Sample(mixed.y_true[: n // 2], raw[: n // 2])]


def batches(definition: Definition, fmt: Format, *, size: int, seed: int) -> list[Sample]:
    """Small batches for a loss that is no sum over rows: wild, moderate, nearly right, exactly right, far away."""
    random = np.random.default_rng(seed)
    kind = definition.declaration.target[0][1]
    wild = raw_points(fmt, count=100, seed=seed)
    ys = targets(kind, fmt, 5, seed) if kind != "real" else raw_points(fmt, count=100, seed=seed + 1)
    shapes = [(BATCH,), (BATCH, 3)] if "class" in definition.declaration.per else [(BATCH,)]
    found: list[Sample] = []
    for shape in shapes:
        for _ in range(size // (4 * len(shapes)) + 1):
            y = random.choice(ys, size=shape)
            moderate = (random.standard_normal(shape) * 10.0 ** random.uniform(-3, 3)).astype(fmt.dtype)
            scale = fmt.dtype.type(10.0 ** random.uniform(-0.9, 0.9) * math.sqrt(fmt.largest))
            y_small = y if kind != "real" else random.standard_normal(shape).astype(fmt.dtype)
            nearly = (y_small * fmt.dtype.type(1 + 8 * fmt.epsilon)).astype(fmt.dtype)
            found += [Sample(y, random.choice(wild, size=shape)), Sample(y_small, moderate)]
            found += [Sample(y_small, nearly), Sample(y_small, moderate * scale)]
    exactly = random.choice(ys, size=(BATCH,))
    return [s for s in (*found, Sample(exactly, exactly.copy())) if np.isfinite(s.raw_prediction).all()]
