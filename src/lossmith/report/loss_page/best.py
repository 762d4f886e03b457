"""The constant raw prediction of least loss on a small sample that the page names.

Comes in: a loss and the kind of its targets. Goes out: a `Best` record. Where rows are finished together and a link stands
behind, the constant is looked for on a scale of raw predictions, and may run off it or not matter at all.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lossmith.errors import LossmithError
from lossmith.loss.handle import Loss
from lossmith.report.loss_page.curves import section
from lossmith.report.loss_page.number_text import short
from lossmith.report.loss_page.record import Best, Numbers
from lossmith.report.loss_page.scenes import CLASSES, TELLING, columns_of

Array = NDArray[Any]
Named = tuple[tuple[str, Numbers], ...]

FARTHEST: Final = 50.0  # of a raw prediction behind a link: beyond it goes to infinity
SCALE: Final = np.linspace(-12.0, 12.0, 25)
FLAT: Final = 1e-9  # of the largest value: less is rounding
WORSE: Final = 1e-9  # of the loss: another constant must be better by more
SETTLED: Final = 1e-6  # between 100 and 200: the loss has come to its limit

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
            return _checked(loss, targets, columns, kind, found)
    except LossmithError as error:
        return _scanned(loss, targets, columns, kind) or ((), error.sentence.rstrip("."))


def _checked(loss: Loss, targets: Named, columns: Named, kind: str, found: Any) -> tuple[Numbers, str]:
    """A constant is told only where the loss at it is finite and no other of a scale is better."""
    declaration = loss.definition.declaration
    raw = tuple(float(x) for x in np.atleast_1d(np.asarray(found, dtype=float)))
    far = FARTHEST if loss.link != "identity" or declaration.heads else np.inf
    near = all(abs(x) <= far and np.isfinite(x) for x in raw)
    seen = _scanned(loss, targets, columns, kind)
    if seen is None:
        return (raw, "") if near else ((), NO_END)
    if not near or seen[1] == ALL_ALIKE:
        return seen
    y, n = _given(targets, kind), len(targets[0][1])
    own = _value(loss, y, n, _arrays(columns), raw[0])
    other = _value(loss, y, n, _arrays(columns), seen[0][0]) if seen[0] else np.inf
    worse = not np.isfinite(own) or other < own - WORSE * max(abs(own), abs(other))
    return seen if worse else (raw, "")


def _scanned(loss: Loss, targets: Named, columns: Named, kind: str) -> tuple[Numbers, str] | None:
    """What a scale of constants says; None where a constant is more than one number."""
    declaration = loss.definition.declaration
    if declaration.heads or kind in ("class", "simplex") or declaration.on == "probability":
        return None
    with np.errstate(all="ignore"):
        try:
            return _on_the_scale(loss, _given(targets, kind), _arrays(columns))
        except LossmithError:
            return None


def _on_the_scale(loss: Loss, y: Any, columns: dict[str, Array] | None) -> tuple[Numbers, str]:
    """The least value on a scale of constants, then the golden section around it."""
    n = len(next(iter(y.values())) if isinstance(y, dict) else y)
    value = partial(_value, loss, y, n, columns)
    seen = np.array([value(c) for c in SCALE])
    if not np.isfinite(seen).any():
        return (), "the loss has no finite value on this sample"
    low, high = float(np.nanmin(seen)), float(np.nanmax(seen))
    if high - low <= FLAT * max(abs(high), abs(low)):
        return (), ALL_ALIKE
    i = int(np.nanargmin(seen))
    if i in (0, len(SCALE) - 1):
        return (), _sinking(value, -1.0 if i == 0 else 1.0)
    at = section(value, SCALE[i - 1], SCALE[i + 1])
    return ((float(SCALE[i]),) if seen[i] <= value(at) else (at,)), ""


def _sinking(value: Callable[[float], float], side: float) -> str:
    """Which way the loss sinks, and towards what."""
    where = "minus infinity" if side < 0 else "infinity"
    near, far = value(side * 100.0), value(side * 200.0)
    if np.isfinite(far) and abs(near - far) <= SETTLED * max(1.0, abs(far)):
        return f"the loss sinks towards {short(far)} as the raw prediction goes to {where}"
    return f"the loss is least at the end of what was tried, raw predictions from −12 to 12, towards {where}"


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
