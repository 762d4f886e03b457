"""The constant raw prediction of least loss on a small sample that the page names.

Comes in: a loss and the kind of its targets. Goes out: a `Best` record. Where rows are finished together and a link stands
behind, the constant is looked for on a scale of raw predictions, and may run off it or not matter at all.
"""

from __future__ import annotations

from functools import partial
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lossmith.errors import LossmithError
from lossmith.loss.handle import Loss
from lossmith.report.loss_page.curves import section
from lossmith.report.loss_page.record import Best, Numbers
from lossmith.report.loss_page.scenes import CLASSES, TELLING, columns_of

Array = NDArray[Any]
Named = tuple[tuple[str, Numbers], ...]

FARTHEST: Final = 50.0  # of a raw prediction behind a link: beyond it goes to infinity
SCALE: Final = np.linspace(-12.0, 12.0, 25)
FLAT: Final = 1e-9

NO_END: Final = "the loss falls without end as the raw prediction goes to infinity"
ALL_ALIKE: Final = "every constant costs the same on this sample"
GIVEN: Final = "predictions are shares that add up to 1, so that no single number is free to move"


def best(loss: Loss, kind: str) -> Best:
    """The best constant on the sample of that kind of target.

    >>> import lossmith as ls
    >>> best(ls.get("mse"), "real").raw, best(ls.get("mse"), "real").sample
    ((2.0,), '0, 0, 1, 1, 8')
    """
    named = loss.definition.declaration.target
    samples = [TELLING[kind].sample, *(_spread(TELLING[other].sample, kind) for _, other in named[1:])]
    targets = tuple((name, sample) for (name, _), sample in zip(named, samples, strict=True))
    columns = columns_of(loss, samples[0], kind)
    said = "; ".join((f"{name}: " if len(named) > 1 else "") + ", ".join(f"{y:g}" for y in s) for name, s in targets)
    raw, why_not = _looked_for(loss, targets, columns, kind)
    return Best(said, targets, columns, raw, _predicted(loss, raw) if raw else (), why_not)


def _spread(sample: Numbers, kind: str) -> Numbers:
    """A sample of a further target, as long as that of the first."""
    return tuple(float(y) for y in np.resize(sample, len(TELLING[kind].sample)))


def _looked_for(loss: Loss, targets: Named, columns: Named, kind: str) -> tuple[Numbers, str]:
    """The constant, or why there is none."""
    declaration = loss.definition.declaration
    if kind == "simplex" and declaration.on == "probability":
        return (), GIVEN
    try:
        with np.errstate(all="ignore"):
            if not loss.is_additive and loss.link != "identity" and kind not in ("class", "simplex"):
                return _on_the_scale(loss, _given(targets, kind), _arrays(columns))
            found = loss.best_constant(_given(targets, kind), columns=_arrays(columns))
    except LossmithError as error:
        return (), error.sentence
    raw = tuple(float(x) for x in np.atleast_1d(np.asarray(found, dtype=float)))
    far = FARTHEST if loss.link != "identity" or declaration.heads else np.inf
    return (raw, "") if all(abs(x) <= far and np.isfinite(x) for x in raw) else ((), NO_END)


def _on_the_scale(loss: Loss, y: Any, columns: dict[str, Array] | None) -> tuple[Numbers, str]:
    """The least value on a scale of constants, then the golden section around it."""
    n = len(next(iter(y.values())) if isinstance(y, dict) else y)
    value = partial(_value, loss, y, n, columns)
    seen = np.array([value(c) for c in SCALE])
    if not np.isfinite(seen).any():
        return (), "the loss has no finite value on this sample"
    i, spread = int(np.nanargmin(seen)), float(np.nanmax(seen) - np.nanmin(seen))
    if spread <= FLAT * max(1.0, float(np.nanmax(np.abs(seen)))):
        return (), ALL_ALIKE
    return ((), NO_END) if i in (0, len(SCALE) - 1) else ((section(value, SCALE[i - 1], SCALE[i + 1]),), "")


def _value(loss: Loss, y: Any, n: int, columns: dict[str, Array] | None, c: float) -> float:
    return loss.value(y, np.full(n, c), columns=columns)


def _arrays(named: Named) -> dict[str, Array] | None:
    return {name: np.asarray(values) for name, values in named} or None


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
