"""Derivatives without a reference: differences of what somebody's loss itself gives, each with its own error.

Comes in: what was seen of a loss. Goes out: `Slopes`: derivatives of its value along directions, or of its gradient.
Central differences at halved steps are extrapolated (Ridders); where steps disagree, as at a kink or in the noise of
float32, the error says so.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from lossmith.checking.derivatives.points import CLASSES, LOGISTIC
from lossmith.checking.derivatives.seen import Seen, asked
from lossmith.checking.subject import Array

HALVINGS: Final = 4
FIRST_STEP: Final = 0.12
UNITS: Final = 12
"""Rows (or batches) at which a value is differentiated that must be called for each of them."""
ROUNDING: Final = 16.0
"""Roundings, in units of the last place, that a moderate value may carry."""


@dataclass(frozen=True, eq=False)
class Slopes:
    """Derivatives `found` along `direction` with `error`; `given`: what the gradient (or hessian) says of the same.

    `rows`: the first row of the batch to which each belongs; `length`: how far a single prediction moves along it.
    """

    found: Array
    error: Array
    given: Array
    rows: Array
    length: Array

    @property
    def reliable(self) -> Array:
        """Where the error is small enough to tell anything."""
        scale = np.maximum(np.abs(self.found), 0.02 * float(np.nanmax(np.abs(self.found), initial=0.0)))
        return np.isfinite(self.found) & np.isfinite(self.given) & (self.error <= 2e-3 * scale)


def ridders(function: Callable[[float], Array], noise: Array, step: Array) -> tuple[Array, Array]:
    """The derivative at 0 of a function of one number that gives many, and its error; `noise` is that of the function.

    `function(t)` moves by t * `step`. Where halving the step brings the differences no closer, as near a corner, the
    error is infinite.

    >>> import numpy as np
    >>> found, error = ridders(lambda t: np.exp(np.array([t * 0.1])), np.array([1e-16]), np.array([0.1]))
    >>> bool(abs(found[0] - 1.0) <= error[0] < 1e-9)
    True
    """
    rows: list[list[Array]] = []
    best, error = np.full_like(noise, np.nan), np.full_like(noise, np.inf)
    for i in range(HALVINGS):
        t = 0.5**i
        row = [(function(t) - function(-t)) / (2.0 * t * step)]
        for j in range(1, i + 1):
            row.append((4.0**j * row[j - 1] - rows[i - 1][j - 1]) / (4.0**j - 1.0))
        rounding = noise / (t * step)
        for j in range(1, i + 1):
            off = np.maximum(np.abs(row[j] - row[j - 1]), np.abs(row[j] - rows[i - 1][j - 1])) + rounding
            better = off < error
            best, error = np.where(better, row[j], best), np.where(better, off, error)
        rows.append(row)
    before, between, last = (r[0] for r in rows[-3:])
    settles = np.abs(last - between) <= 0.6 * np.abs(between - before) + 8.0 * rounding
    return best, np.where(settles, error, np.inf)


def _room(seen: Seen, prediction: Array) -> Array:
    """How far each prediction may move: on the target's scale it must stay inside."""
    if seen.subject.takes == "raw" or seen.subject.kind == "real":
        return np.full(prediction.shape, FIRST_STEP)
    logistic = seen.subject.kind in LOGISTIC or seen.subject.kind in CLASSES
    return np.asarray(0.2 * (np.minimum(prediction, 1.0 - prediction) if logistic else prediction))


def _directions(seen: Seen, seed: int) -> Array:
    """A direction for every batch, as long as each prediction's room; on the simplex it stays there."""
    z = seen.at.prediction.astype(np.float64)
    signs = np.where(np.random.default_rng(seed).random(z.shape) < 0.5, -1.0, 1.0)
    if z.ndim == 1 or seen.subject.takes == "raw" or seen.subject.kind not in CLASSES:
        return np.asarray(signs * _room(seen, z))
    room = _room(seen, z).min(axis=1, keepdims=True)
    centred = signs - signs.mean(axis=1, keepdims=True)
    centred[~centred.any(axis=1)] = np.eye(z.shape[1])[0] - np.eye(z.shape[1])[1]
    return np.asarray(centred * room)


def of_value(seen: Seen, seed: int) -> Slopes | None:
    """The derivatives of the value along one direction for each row or batch, beside what the gradient says."""
    if not {"value", "gradient"} <= seen.parts.keys():
        return None
    batches = seen.at.batches if seen.subject.per_row else seen.at.batches[:UNITS]
    move = _directions(seen, seed)

    def value(t: float) -> Array:
        z = (seen.at.prediction.astype(np.float64) + t * move).astype(seen.at.prediction.dtype)
        return _values(seen, z, batches)

    eps = float(np.finfo(seen.at.prediction.dtype).eps)
    noise = ROUNDING * eps * np.maximum(np.abs(seen.parts["value"][: len(batches)]), 1e-3)
    with np.errstate(all="ignore"):
        found, error = ridders(value, noise, np.ones(len(batches)))
    given = np.array([float((seen.parts["gradient"][b] * move[b]).sum()) for b in batches])
    single = seen.at.size == 1 and move.ndim == 1
    length = move[: len(batches)] if single else np.ones(len(batches))
    return Slopes(found, error, given, np.array([b.start for b in batches]), length)


def _values(seen: Seen, z: Array, batches: list[slice]) -> Array:
    if seen.subject.per_row and seen.at.size == 1:
        answer = asked(seen.subject, seen.at.y, z)
        flat = (
            None if answer is None or answer.value is None else np.asarray(answer.value, dtype=np.float64).reshape(-1)
        )
        return flat if flat is not None and flat.size == len(batches) else np.full(len(batches), np.nan)
    found = [asked(seen.subject, seen.at.y[b], z[b]) for b in batches]
    return np.array([np.nan if a is None or a.value is None else float(np.sum(a.value)) for a in found])


def of_gradient(seen: Seen) -> Slopes | None:
    """The derivative of every number of the gradient by its own prediction, beside what the hessian says."""
    if not {"gradient", "hessian"} <= seen.parts.keys() or seen.at.size > 1 or not _same_together(seen):
        return None
    z, room = seen.at.prediction.astype(np.float64), _room(seen, seen.at.prediction.astype(np.float64))
    columns = range(z.shape[1]) if z.ndim == 2 else (...,)
    eps = float(np.finfo(seen.at.prediction.dtype).eps)
    found, error = np.full(z.shape, np.nan), np.full(z.shape, np.nan)
    for k in columns:
        at = (slice(None), k) if z.ndim == 2 else (...,)
        step = room[at]

        def gradient(t: float, at: Any = at, step: Array = step) -> Array:
            moved = z.copy()
            moved[at] = z[at] + t * step
            answer = asked(seen.subject, seen.at.y, moved.astype(seen.at.prediction.dtype))
            if answer is None or answer.gradient is None or np.size(answer.gradient) != z.size:
                return np.full(step.shape, np.nan)
            return np.asarray(np.asarray(answer.gradient, dtype=np.float64).reshape(z.shape)[at] / seen.share)

        noise = ROUNDING * eps * np.maximum(np.abs(seen.parts["gradient"][at]), 1e-2)
        with np.errstate(all="ignore"):
            found[at], error[at] = ridders(gradient, noise, step)
    rows = np.repeat(np.arange(z.shape[0]), z.size // z.shape[0])
    return Slopes(found.ravel(), error.ravel(), seen.parts["hessian"].ravel(), rows, np.ones(z.size))


def _same_together(seen: Seen) -> bool:
    g, together = seen.parts["gradient"], seen.whole.get("gradient")
    return together is not None and bool(np.allclose(together, seen.share * g, rtol=1e-2, atol=1e-4 * np.abs(g).max()))
