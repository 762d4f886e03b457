"""What a loss gives at some points, row by row.

Comes in: a `Subject` and `Points`. Goes out: `Seen`: value, gradient and hessian as float64 arrays, and one call with
all rows together, for what shows only there.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import numpy as np

from lossmith.checking.derivatives.points import BATCH, CLASSES, Points, points
from lossmith.checking.subject import Answer, Array, Subject

Parts: TypeAlias = Mapping[str, Array]
"""Some of "value" (one number for each row or batch), "gradient" and "hessian" (as the prediction)."""
PARTS: Final = ("value", "gradient", "hessian")
ALIKE: Final = 1e-3


@dataclass(frozen=True, eq=False)
class Seen:
    """The answers at `at`: `parts` from calls with one row (or one batch) each, `whole` from one call with all rows."""

    subject: Subject
    at: Points
    parts: Parts
    whole: Parts

    @property
    def dtype(self) -> str:
        """The number format in which the loss was called."""
        return str(self.at.prediction.dtype)

    @property
    def share(self) -> float:
        """How much of a row's gradient the gradient of all rows together has: 1, or 1/n where it is a mean."""
        if "gradient" not in self.whole or "gradient" not in self.parts:
            return 1.0
        alone, together = (float(np.nansum(np.abs(p["gradient"]))) for p in (self.parts, self.whole))
        return together / alone if alone > 0.0 else 1.0


def asked(subject: Subject, y: Array, prediction: Array) -> Answer | None:
    """One call with copies of the arrays; None where it raises."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            return subject.call(y.copy(), prediction.copy(), None)
        except Exception:  # whatever a stranger's code raises is told by the check of calls, not here
            return None


def _derivative(part: Array | None, shape: tuple[int, ...]) -> Array | None:
    if part is None or np.size(part) != int(np.prod(shape)):
        return None
    return np.asarray(part, dtype=np.float64).reshape(shape)


def _parts(answer: Answer, shape: tuple[int, ...]) -> dict[str, Array]:
    found: dict[str, Any] = {n: _derivative(getattr(answer, n), shape) for n in ("gradient", "hessian")}
    if answer.value is not None:
        found["value"] = np.asarray(answer.value, dtype=np.float64)
    return {name: part for name, part in found.items() if part is not None}


def observe(subject: Subject, at: Points) -> Seen:
    """Call the loss on each row (or batch) alone, and on all together.

    >>> import numpy as np
    >>> square = Subject("mse", "numpy", "real", "raw", lambda y, z, w: Answer(((y - z) ** 2).mean()), frozenset({"value"}))
    >>> seen = observe(square, Points(np.array([0.0, 0.0]), np.array([1.0, 3.0])))
    >>> seen.parts["value"].tolist(), seen.whole["value"].tolist()
    ([1.0, 9.0], 5.0)
    """
    rows: list[dict[str, Array]] = []
    for batch in at.batches:
        prediction = at.prediction[batch]
        answer = asked(subject, at.y[batch], prediction)
        rows.append({} if answer is None else _parts(answer, prediction.shape))
    together = asked(subject, at.y, at.prediction)
    whole = {} if together is None else _parts(together, at.prediction.shape)
    if not any(rows):
        return Seen(subject, at, _without_single_rows(subject, at, whole), whole)
    parts: dict[str, Array] = {}
    for name in PARTS:
        if all(name in row for row in rows if row) and any(rows):
            blank = np.full(at.prediction[at.batches[0]].shape, np.nan) if name != "value" else np.array(np.nan)
            pieces = [row.get(name, blank) for row in rows]
            parts[name] = np.array([p.sum() for p in pieces]) if name == "value" else np.concatenate(pieces)
    return Seen(subject, at, parts, whole)


def _without_single_rows(subject: Subject, at: Points, whole: Parts) -> Parts:
    """For a loss that cannot be called with one row: what the call with all rows says of each."""
    n = at.y.shape[0]
    per_row = {k: v for k, v in whole.items() if k != "value" or v.size == n}
    if "gradient" in per_row and not subject.per_row and "value" in subject.gives:
        per_row["gradient"] = per_row["gradient"] * n  # of a mean
    return {k: v.reshape(-1) if k == "value" else v for k, v in per_row.items()}


def is_row_wise(seen: Seen) -> bool:
    """Whether the answers for all rows together are those for each row alone, up to one factor."""
    if seen.subject.kind in CLASSES or seen.at.size > 1:
        return seen.at.size == 1
    if "gradient" in seen.parts and "gradient" in seen.whole:
        g, together = seen.parts["gradient"], seen.whole["gradient"]
        gap = np.abs(together - seen.share * g)
        known = ~np.isnan(gap)
        return bool(np.max(gap, initial=0.0, where=known) <= ALIKE * np.max(np.abs(together), initial=0.0, where=known))
    if "value" in seen.parts and "value" in seen.whole:
        v, one = seen.parts["value"], seen.whole["value"]
        near = [abs(one.sum() - total) <= ALIKE * (abs(total) + np.abs(v).mean()) for total in (v.sum(), v.mean())]
        return bool(any(near))
    return True


def look_at(subject: Subject, seed: int) -> Seen:
    """What the loss gives, row by row if it is a sum over rows, else batch by batch."""
    seen = observe(subject, points(subject, seed))
    return seen if is_row_wise(seen) else observe(subject, points(subject, seed, BATCH))
