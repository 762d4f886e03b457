"""The page of an activation, or of several to compare, and the same as text: everything measured, then written.

Comes in: activations. Goes out: one self-contained HTML page, or lines for a terminal.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np

from lossmith.errors import ArgumentError
from lossmith.formula.definition import Parameter
from lossmith.formula.text import to_text
from lossmith.loss.activation import ActivationFunction
from lossmith.report.activation_page import html, text
from lossmith.report.activation_page.record import ActivationRecord, Command, Curves, Section, Slider, Subject
from lossmith.report.activation_page.script import object_text
from lossmith.report.pages.chart import Chart, Line, Mark, Spot
from lossmith.report.pages.number import number
from lossmith.teach.activations import softmax as activation_softmax
from lossmith.teach.activations.depth import depth, sentence
from lossmith.teach.activations.facts import between, facts, flat, steepest, titled
from lossmith.teach.activations.measured import raced, results
from lossmith.teach.activations.shape import shape
from lossmith.teach.activations.signal import signal
from lossmith.teach.activations.speed import cost, outcome, speed

MOST: Final = 6
"""As many as a picture has colours."""
INPUTS: Final = np.linspace(-7.0, 7.0, 561)
HIGHEST: Final = {"value": 7.3, "derivative": 3.0}
"""Where a curve leaves its picture; an exponential would flatten all others."""


def activation_page(*functions: ActivationFunction) -> str:
    """One HTML page that needs no network: of one activation, or of up to six side by side.

    Raises LM495 for none, for more than six, and for softmax beside others.

    >>> import lossmith as ls
    >>> activation_page(ls.activation("softmax")).startswith("<!doctype html>")
    True
    """
    return html.page(activation_record(functions))


def activation_text(*functions: ActivationFunction) -> str:
    """What the page says, as lines for a terminal. Raises as `activation_page`.

    >>> import lossmith as ls
    >>> print(activation_text(ls.activation("softmax")).splitlines()[0])
    softmax (temperature = 1)
    """
    return text.text(activation_record(functions))


def activation_record(functions: Sequence[ActivationFunction]) -> ActivationRecord:
    """What page and text say, as a record. Raises as `activation_page`."""
    chosen = list(dict.fromkeys(functions))
    _check(chosen)
    subjects = tuple(map(_subject, chosen))
    title = " · ".join(titled(f) for f in chosen)
    if chosen[0].record.row:
        play = activation_softmax.row_play(chosen[0])
        sections = (*activation_softmax.sections(chosen[0]), _try(chosen))
        return ActivationRecord(title, (ROW_LEAD,), subjects, None, play, sections)
    found = (facts(chosen), depth(chosen), speed(chosen), cost(chosen), _try(chosen))
    return ActivationRecord(title, _lead(chosen), subjects, _curves(chosen), None, found)


ROW_LEAD: Final = (
    "Softmax looks at a whole row of raw predictions, one per class, and turns it into probabilities: all above 0, and 1 "
    "together."
)


def _check(chosen: Sequence[ActivationFunction]) -> None:
    if not 1 <= len(chosen) <= MOST:
        raise ArgumentError("LM495", f"a page shows 1 to {MOST} activations, got {len(chosen)}.")
    rows = [f.name for f in chosen if f.record.row]
    if rows and len(chosen) > 1:
        raise ArgumentError(
            "LM495", f"{rows[0]} mixes the classes of a row and has no curve to compare. Show it alone."
        )


def _subject(function: ActivationFunction) -> Subject:
    record, values = function.record, dict(function.parameters)
    return Subject(
        record.name, record.latex, to_text(record.formula), record.source,
        tuple(_slider(p, values[p.name]) for p in record.parameters), object_text(function),
    )  # fmt: skip


def _slider(parameter: Parameter, value: float) -> Slider:
    """From the end of the domain (a tenth of the value, where the end is left out) to 1, or to five times the value."""
    low = min(value, 0.1) if parameter.domain.low_open else parameter.domain.low
    high = 1.0 if value < 1 else 5.0 * value
    return Slider(parameter.name, value, low, high, float(f"{(high - low) / 500:.1g}"))


def _lead(chosen: Sequence[ActivationFunction]) -> tuple[str, ...]:
    """The most important in two sentences each."""
    told = []
    for f in chosen:
        found = shape(f)
        name = f"{f.name}: " if len(chosen) > 1 else ""
        told.append(f"{name}outputs in {between(found)}; largest slope {steepest(found)}; flat {flat(found)}.")
    if len(chosen) == 1:
        told += [sentence(signal(chosen[0], weights), remarks=False) for weights in ("xavier", "he")]
        if own := raced(chosen[0], "deep"):
            deep = results()["deep"]
            said = outcome("deep", deep, own)
            told.append(f"On handwritten digits, to a loss of {number(deep.course.goal)}: {said[0].lower()}{said[1:]}")
    return tuple(text[0].upper() + text[1:] if len(chosen) == 1 else text for text in told)


def _curves(chosen: Sequence[ActivationFunction]) -> Curves:
    value = _chart("value", chosen, "Value", "f(x)", lambda f: f)
    derivative = _chart("derivative", chosen, "Derivative", "f′(x)", lambda f: f.derivative)
    return Curves(value, derivative, Slider("x", 1.0, -7.0, 7.0, 0.05))


def _chart(
    kind: str,
    chosen: Sequence[ActivationFunction],
    title: str,
    y_label: str,
    of: Callable[[ActivationFunction], Callable[..., object]],
) -> Chart:
    x = tuple(float(v) for v in INPUTS)
    names = _labels(chosen)
    lines = tuple(Line(names[f], x, tuple(np.asarray(of(f)(INPUTS)).tolist())) for f in chosen)
    extremes = np.concatenate([np.asarray(of(g)(INPUTS)) for f in chosen for g in _reach(f)])
    low, high = float(np.min(extremes)), float(np.max(extremes))
    low, high = max(low, -HIGHEST[kind]), min(high, HIGHEST[kind])
    room = 0.06 * (high - low or 1.0)
    marks, spots = _notes(kind, chosen)
    said = "; ".join(
        f"{line.label} is {', '.join(f'{number(line.y[i], 3)} at {number(x[i])}' for i in (0, 280, 560))}"
        for line in lines
    )
    return Chart(
        title, "input x", y_label, lines, marks, spots, x_range=(-7.0, 7.0), y_range=(low - room, high + room),
        alternative=said,
    )  # fmt: skip


def _labels(chosen: Sequence[ActivationFunction]) -> dict[ActivationFunction, str]:
    """Plain names, which stay right when a slider moves; with parameters where one name is there twice."""
    names = [f.name for f in chosen]
    return {f: titled(f) if names.count(f.name) > 1 else f.name for f in chosen}


def _reach(function: ActivationFunction) -> list[ActivationFunction]:
    """The activation at both ends of its sliders, so that the picture has room for all curves."""
    values = dict(function.parameters)
    ends = [function]
    for p in function.record.parameters:
        slider = _slider(p, values[p.name])
        for end in (slider.low, slider.high):
            ends.append(ActivationFunction(function.record, tuple({**values, p.name: end}.items())))
    return ends


def _notes(kind: str, chosen: Sequence[ActivationFunction]) -> tuple[tuple[Mark, ...], tuple[Spot, ...]]:
    """Where it gets flat and where it is steepest: only of one activation that no slider moves."""
    if len(chosen) > 1 or chosen[0].parameters:
        return (), ()
    found = shape(chosen[0])
    if kind == "value":
        return tuple(Mark(c.at, f"corner at {number(c.at)}") for c in found.corners), ()
    ends = [x for x in (found.flat_below, found.flat_above) if x is not None]
    marks = tuple(Mark(x, f"flat {'below' if x == found.flat_below else 'above'} {number(x, 3)}") for x in ends)
    at = found.steepest
    spots = (
        (Spot(at.low, at.slope, f"largest slope {number(at.slope, 3)}"),)
        if at.low == at.high and abs(at.low) <= 7
        else ()
    )
    return marks, spots


def _try(chosen: Sequence[ActivationFunction]) -> Section:
    """Commands for the reader's own look."""
    names = " ".join(f"--activation {f.name}" for f in chosen)
    sets = "".join(f" --set {k}={v:g}" for k, v in chosen[0].parameters) if len(chosen) == 1 else ""
    call = ", ".join([f'"{chosen[0].name}"', *(f"{k}={v:g}" for k, v in chosen[0].parameters)])
    if chosen[0].record.row:
        lines = [f"f = ls.activation({call})", "f([[2.0, 1.0, 0.0], [0.0, 0.0, 0.0]])   # one row, one distribution"]
    else:
        lines = [f"f = ls.activation({call})", "f([-1.0, 0.0, 1.0])", "f.derivative([-1.0, 0.0, 1.0])"]
    python = "\n".join(["import lossmith as ls", "", *lines])
    return Section("try", "Try it", (Command(f"lossmith show {names}{sets} --open"), Command(python)))
