"""The constant raw prediction of least loss on a small sample that the page names.

Comes in: a loss and the kind of its targets. Goes out: a `Best` record: the constant, or why there is none, and the places
among which the script of the page looks for it when a slider moves.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lossmith.calculus.scan import NoBestConstantError
from lossmith.errors import LossmithError
from lossmith.loss.handle import Loss
from lossmith.loss.start import places_tried
from lossmith.report.loss_page.number_text import short
from lossmith.report.loss_page.record import Best, Numbers
from lossmith.report.loss_page.scenes import CLASSES, TELLING, columns_of

Array = NDArray[Any]
Named = tuple[tuple[str, Numbers], ...]


def best(loss: Loss, kind: str) -> Best:
    """The best constant on the sample of that kind of target.

    >>> import lossmith as ls
    >>> best(ls.get("mse"), "real").raw, best(ls.get("mse"), "real").sample
    ((2.0,), '0, 0, 1, 1, 8')
    >>> best(ls.parse("bce.truncate(1.5)"), "binary").why_not
    'the loss sinks towards 0.375 as the raw prediction goes to minus infinity'
    """
    named = loss.definition.declaration.target
    samples = [TELLING[kind].sample, *(_spread(TELLING[other].sample, kind) for _, other in named[1:])]
    targets = tuple((name, sample) for (name, _), sample in zip(named, samples, strict=True))
    columns = columns_of(loss, samples[0], kind)
    said = "; ".join((f"{name}: " if len(named) > 1 else "") + ", ".join(f"{y:g}" for y in s) for name, s in targets)
    y, given = _given(targets, kind), {name: np.asarray(values) for name, values in columns} or None
    raw, why_not = _looked_for(loss, y, given)
    single = not loss.definition.declaration.heads and kind not in ("class", "simplex")
    places, ends = places_tried(loss._request(), y, given) if single else ((), False)
    return Best(said, targets, columns, raw, _predicted(loss, raw) if raw else (), why_not, places, ends)


def _spread(sample: Numbers, kind: str) -> Numbers:
    """A sample of a further target, as long as that of the first."""
    return tuple(float(y) for y in np.resize(sample, len(TELLING[kind].sample)))


def _looked_for(loss: Loss, y: Any, columns: dict[str, Array] | None) -> tuple[Numbers, str]:
    """The constant, or why there is none."""
    try:
        found = np.atleast_1d(np.asarray(loss.best_constant(y, columns=columns), dtype=float))
    except NoBestConstantError as error:
        return (), error.least.words(short) if error.least else error.sentence.rstrip(".")
    except LossmithError as error:
        return (), error.sentence.rstrip(".")
    return tuple(map(float, found)), ""


def _given(targets: Named, kind: str) -> Any:
    """Targets as a loss takes them: one array, or several by name."""
    whole = kind in ("class", "ordinal", "simplex")
    arrays = {name: np.asarray(values, dtype=np.int64 if whole else np.float64) for name, values in targets}
    if kind == "simplex":
        arrays = {name: np.eye(CLASSES)[values] for name, values in arrays.items()}
    return arrays if len(arrays) > 1 else next(iter(arrays.values()))


def _predicted(loss: Loss, raw: Numbers) -> Numbers:
    declaration = loss.definition.declaration
    several = len(raw) > 1 or bool(declaration.heads)
    found = np.asarray(loss.predict(np.array([raw]) if several else np.array(raw)))
    return tuple(float(x) for x in np.ravel(found))
