"""The way that fits: each way of calling a thing is tried with each layout, and what it does says what it is.

Comes in: `Opened` (what a form makes of a thing), `Hints`. Goes out: a `Subject`, with what was assumed; or `CallError`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from lossmith.checking.finding import Finding
from lossmith.checking.intake.behaviour import (
    Character,
    character,
    is_idle_at_zero,
    is_of_signs,
    is_perfect_at_target,
    shift_matters,
)
from lossmith.checking.intake.code import kind_said, takes_said
from lossmith.checking.intake.hints import CallError, Hints, Opened, Way
from lossmith.checking.intake.layouts import Layout, layouts, trial
from lossmith.checking.intake.returned import ShapeError, WayError, finding_of
from lossmith.checking.subject import Answer, Call, Subject, Takes
from lossmith.checking.watch import Watch, watched
from lossmith.errors import ArgumentError
from lossmith.formula.roles import CLASS_KINDS

NO_KIND: Final = (
    "{name}: neither its name nor what it does says for which kind of target it is. Say it: "
    'kind="real", "binary", "class", "count", "positive" ... (--kind on the command line).'
)


SIGNS: Final = "Its outcomes are taken to be -1 and 1; 0 and 1 are handed over as these."


@dataclass(frozen=True)
class Fit:
    """A way that gave an answer with one layout."""

    way: Way
    layout: Layout
    call: Call
    answer: Answer

    @property
    def is_per_row(self) -> bool:
        """Whether the value is a number for each row."""
        return self.answer.value is not None and self.answer.value.ndim > 0

    @property
    def gives(self) -> frozenset[str]:
        """What an answer holds."""
        held = ("value", "gradient", "hessian")
        return frozenset(part for part in held if getattr(self.answer, part) is not None)


def settle(opened: Opened, hints: Hints, watch: Watch) -> Subject:
    """Find out how a thing wants to be called, and what it is.

    Raises `CallError` where no way of calling it works, ArgumentError LM352 where its kind cannot be told.
    """
    said = hints.kind or next((w.kind for w in opened.ways if w.kind), None) or kind_said(opened.name)
    fits = _fits(opened, hints, said, watch)
    first = _of_signs(next(fits))
    chosen = first if hints.kind in CLASS_KINDS else _rather_one_hot(first, opened, hints, said, watch)
    kind, takes, assumed = _told(chosen, opened, hints, said)
    takes = "raw" if kind == "real" and hints.takes is None else takes  # one and the same there
    return Subject(
        name=opened.name,
        form=chosen.way.form,
        kind=kind,
        takes=takes,
        call=chosen.call,
        gives=chosen.way.gives or chosen.gives,
        classes=chosen.layout.classes,
        target=chosen.layout.target,
        dtypes=chosen.way.dtypes,
        per_row=chosen.is_per_row,
        weighted=_takes_weights(chosen),
        curvature=chosen.way.curvature or chosen.gives == {"gradient", "hessian"},
        assumed=(*chosen.way.said, *assumed),
    )


def _fits(opened: Opened, hints: Hints, kind: str | None, watch: Watch) -> Iterator[Fit]:
    """Every way and layout that works, the likeliest first. Raises `CallError` where there is none."""
    failed: list[tuple[Layout, Exception]] = []
    found = False
    tried = [*layouts(kind, hints.classes, classes_first=opened.classes_first)]
    if hints.kind is None and kind is not None:  # a name is a hint, no promise
        tried += [one for one in layouts(None, hints.classes, classes_first=opened.classes_first) if one not in tried]
    for layout in tried:
        for way in opened.ways:
            try:
                call = watched(way.bind(layout), watch)
                yield Fit(way, layout, call, tried_once(call, layout, way.dtypes[0]))
                found = True
            except WayError:
                continue
            except Exception as error:
                failed.append((layout, error))
    if not found:
        raise CallError(opened.name, _worst(failed))


def _worst(failed: list[tuple[Layout, Exception]]) -> Finding:
    """The failure that says most: a wrong shape, else the error of the likeliest way."""
    if not failed:
        return Finding("raises", "it takes neither one number a row nor several.")
    layout, error = next(((one, e) for one, e in failed if isinstance(e, ShapeError)), failed[0])
    return finding_of(error, layout.text)


def tried_once(call: Call, layout: Layout, dtype: str) -> Answer:
    """One call with a small sample; an answer that holds nothing is a wrong shape."""
    sample = trial(layout, dtype)
    return call(sample.y_true, sample.prediction, None)


def _of_signs(fit: Fit) -> Fit:
    """Where the outcomes are -1 and 1, they are handed over in place of 0 and 1."""
    dtype = fit.way.dtypes[0]
    if fit.layout.classes > 1 or fit.layout.whole or not is_of_signs(fit.call, dtype):
        return fit
    inner, way = fit.call, replace(fit.way, said=(*fit.way.said, SIGNS), kind="binary", says=fit.way.says or "raw")
    return replace(fit, way=way, call=lambda y_true, *rest: inner(2 * y_true - 1, *rest))


def _rather_one_hot(first: Fit, opened: Opened, hints: Hints, said: str | None, watch: Watch) -> Fit:
    """The sum of one-hot rows also runs with one number a row: but then a target 0 makes the prediction idle."""
    unsure = (
        said is None
        and first.way.kind is None
        and first.layout.classes == 1
        and "value" in first.gives
        and not hints.kind
    )
    if not unsure or not is_idle_at_zero(first.call, first.way.dtypes[0]):
        return first
    others = _fits(replace(opened, classes_first=True), hints, "class", watch)
    return next((one for one in others if one.layout.classes > 1), first)


def _told(fit: Fit, opened: Opened, hints: Hints, said: str | None) -> tuple[str, Takes, list[str]]:
    """Kind and what the prediction is: as hinted, else as the names say, else by what it does."""
    if fit.layout.classes > 1:
        return _told_of_classes(fit, opened, hints, said)
    takes = hints.takes or fit.way.says or takes_said(opened.name)
    kind = hints.kind or fit.way.kind or (None if said in CLASS_KINDS else said)
    if kind is not None and takes is not None:
        return kind, takes, _remarks(hints, fit, kind, takes, "its name")
    if fit.gives == {"hessian"}:
        raise ArgumentError("LM352", NO_KIND.format(name=opened.name))
    seen = character(fit.call, fit.way.dtypes[0])
    if kind is None and seen is None:
        raise ArgumentError("LM352", NO_KIND.format(name=opened.name))
    why = seen.text if seen is not None and kind is None else "its name"
    kind = kind or (seen.kind if seen is not None else "real")
    takes = takes or _takes_seen(kind, seen, fit)
    return kind, takes, _remarks(hints, fit, kind, takes, why)


def _takes_seen(kind: str, seen: Character | None, fit: Fit) -> Takes:
    """What the prediction is by what was seen, where that speaks of this kind of target."""
    of_outcomes = kind in ("binary", "fraction")
    if of_outcomes and "value" in fit.gives and is_perfect_at_target(fit.call, fit.way.dtypes[0]):
        return "probability"
    if seen is None or of_outcomes != (seen.kind == "binary"):
        is_of_scale = seen is not None and seen.kind == "positive"
        return "probability" if is_of_scale and kind in ("count", "nonnegative", "positive") else "raw"
    return seen.takes


def _told_of_classes(fit: Fit, opened: Opened, hints: Hints, said: str | None) -> tuple[str, Takes, list[str]]:
    kind = hints.kind or "class"
    takes = hints.takes or fit.way.says or takes_said(opened.name)
    why = "its name"
    if takes is None:
        matters = _shift(fit)
        takes = "probability" if matters else "raw"
        why = "adding one number to a whole row of predictions " + ("matters" if matters else "changes nothing")
    return kind, takes, _remarks(hints, fit, kind, takes, why)


def _shift(fit: Fit) -> bool | None:
    sample = trial(fit.layout, fit.way.dtypes[0])
    return shift_matters(fit.call, sample.y_true, fit.way.dtypes[0]) if "value" in fit.gives else None


def _remarks(hints: Hints, fit: Fit, kind: str, takes: Takes, why: str) -> list[str]:
    """What was not said and is taken for granted."""
    found = []
    if hints.kind is None:
        found.append(f"The target is taken to be {kind} ({why}); --kind says another kind.")
    if hints.takes is None and fit.way.says is None and kind not in ("real",):
        scale = "a raw prediction" if takes == "raw" else "a prediction on the target's scale"
        found.append(f"The prediction is taken to be {scale}; --takes says otherwise.")
    if fit.layout.classes > 1 and hints.classes is None:
        found.append(f"It is checked with {fit.layout.classes} classes; --classes says another number.")
    return found


def _takes_weights(fit: Fit) -> bool:
    """Whether it can be called with sample weights."""
    if not fit.way.weighted:
        return False
    sample = trial(fit.layout, fit.way.dtypes[0])
    weight = np.linspace(0.5, 2.0, sample.y_true.shape[0]).astype(fit.way.dtypes[0])
    try:
        fit.call(sample.y_true, sample.prediction, weight)
    except Exception:
        return False
    return True
