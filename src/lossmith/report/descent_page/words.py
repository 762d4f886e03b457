"""A descent as plain text: the record comes in, what a terminal shows goes out; the page uses the same sentences."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lossmith.report.descent_page.record import Descent
from lossmith.report.pages.number import number

SHOWN: Final = (0, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000)
MANY_STEPS: Final = 3
VERDICTS: Final = {
    "too small": "too small",
    "good": "good",
    "past the edge": "past the edge",
    "diverging": "diverging: the loss runs away",
    "at rest": "of no matter: there is no slope at the start",
}


def text(descent: Descent) -> str:
    """The findings, as a terminal shows them."""
    return "\n".join(_lines(descent))


def _lines(descent: Descent) -> Iterator[str]:
    yield descent.title
    yield ""
    yield model_said(descent)
    yield from notes_said(descent)
    yield rate_said(descent)
    yield ""
    yield f"The learning rate {descent.learning_rate:g} is {VERDICTS[descent.verdict.word]}."
    yield from descent.verdict.sentences
    yield descent.verdict.advice
    yield ""
    yield loss_said(descent)
    yield ""
    yield from _table(descent)
    yield ""
    yield from (sentence for sentence in (taylor_said(descent), condition_said(descent), sum_said(descent)) if sentence)
    if descent.counts is not None:
        yield counts_said(descent)


def notes_said(descent: Descent) -> tuple[str, ...]:
    """The notes, each with its full stop."""
    return tuple(note if note.endswith((".", "!", "?")) else f"{note}." for note in descent.notes)


def model_said(descent: Descent) -> str:
    """The model and its size, in a sentence."""
    features, outputs = descent.widths[0], descent.widths[-1]
    between = f", {descent.widths[1]} hidden units with {descent.activation}" if len(descent.widths) > 2 else ""
    size = len(descent.names)
    return (
        f"A {descent.model} model: {_many(features, 'feature')}{between}, {_many(outputs, 'output')}, "
        f"{_many(size, 'parameter')}; {_many(descent.rows, 'row')}."
    )


def _many(count: int, what: str) -> str:
    return f"{count:,} {what}" + ("" if count == 1 else "s")


def rate_said(descent: Descent) -> str:
    """The learning rate and where it comes from."""
    if descent.rate_reason == "as given":
        return f"Learning rate {descent.learning_rate:g}, as given."
    return f"Learning rate {descent.learning_rate:g}, chosen: {descent.rate_reason.rstrip('.')}."


def loss_said(descent: Descent) -> str:
    """How far the loss fell, and how low it could go."""
    first, last = descent.losses[0], descent.losses[-1]
    went = f"In {_many(descent.steps, 'step')} the loss went from {number(first, 6)} to {number(last, 6)}."
    return f"{went} The lowest that was found is {number(descent.lowest, 6)}. {descent.lowest_reason}"


def taylor_said(descent: Descent) -> str:
    """How well the two predictions did over the whole path."""
    taylor = descent.taylor
    some = np.isfinite(taylor.actual) & np.isfinite(taylor.second)
    change = float(np.abs(taylor.actual[some]).sum())
    if not some.any() or not change > 0:
        return ""
    one, two = (float(np.abs(e[some]).sum()) / change for e in (taylor.error_first, taylor.error_second))
    said = (
        f"Over all steps the slope alone was wrong by {share(one)} of the change, slope and curvature by {share(two)}"
    )
    if two < 1e-9:
        return f"{said}: the loss is a parabola here, so the second order leaves rounding only."
    return f"{said}.{_by_one_step(descent, some)}"


def _by_one_step(descent: Descent, some: NDArray[np.bool_]) -> str:
    """Which single step made most of the second error, where one did."""
    taylor = descent.taylor
    errors = np.where(some, np.abs(taylor.error_second), 0.0)
    worst, total = int(np.argmax(errors)), float(errors.sum())
    if len(errors) < MANY_STEPS or not errors[worst] > 0.5 * total:
        return ""
    kept = some.copy()
    kept[worst] = False
    change = float(np.abs(taylor.actual[kept]).sum())
    if not change > 0:
        return ""
    one, two = (float(np.abs(e[kept]).sum()) / change for e in (taylor.error_first, taylor.error_second))
    return f" Step {worst} alone made most of that; over all others it is {share(one)} and {share(two)}."


def share(value: float) -> str:
    """A share as per cent, with a power of ten where it is tiny or huge.

    >>> share(0.1234), share(1e-12)
    ('12.3 %', '10⁻¹⁰ %')
    """
    return f"{value:.1%}".replace("%", " %") if 0.001 <= value < 10 else f"{number(float(f'{100 * value:.2g}'), 2)} %"


def condition_said(descent: Descent) -> str:
    """What unequal curvature costs."""
    curvature = descent.curvature
    if math.isnan(curvature.condition) or _ran_off(descent):
        return ""
    steps = condition_steps(curvature.condition)
    said = (
        f"The largest curvature is {number(curvature.condition)} times the smallest (the condition number): at the best "
        f"single rate the slowest direction needs about {about(steps)} to come ten times closer."
    )
    if math.isfinite(curvature.raw_condition) and curvature.raw_condition > 1.5 * curvature.condition:
        said += (
            f" With features in their own units it would be {number(curvature.raw_condition)} and about "
            f"{about(condition_steps(curvature.raw_condition))}: that is what scaling the features saves."
        )
    return said


def _ran_off(descent: Descent) -> bool:
    """Whether the path ended where the curvature says nothing of the place that it came from."""
    tops = descent.curvature.largest
    return descent.verdict.word == "diverging" and not math.isclose(tops[0], tops[-1], rel_tol=1e-6)


def about(steps: int) -> str:
    """A number of steps that is an estimate, with two digits.

    >>> about(1), about(114_817)
    ('1 step', '110,000 steps')
    """
    return f"{number(float(f'{steps:.2g}'))} step" + ("" if steps == 1 else "s")


def condition_steps(condition: float) -> int:
    """Steps for a factor of ten on a parabola: at the best rate the error shrinks by (k - 1) / (k + 1) a step.

    >>> condition_steps(1.0), condition_steps(100.0)
    (1, 116)
    """
    return 1 if condition <= 1 + 1e-12 else max(1, math.ceil(math.log(10) / math.log1p(2 / (condition - 1))))


def sum_said(descent: Descent) -> str:
    """The sum against the mean, with the numbers of both runs."""
    found = descent.summed
    if found is None:
        return ""
    said = (
        f"Sum against mean: the gradient of the sum over rows is {number(found.gradient_ratio, 6)} times that of the mean "
        f"(the rows count {number(found.rows, 6)}). So the mean at rate {number(found.mean_rate)} and the sum at rate "
        f"{number(found.sum_rate)}, which is that divided by {number(found.rows, 6)}, walk the same path: over "
        f"{_many(found.steps, 'step')} their parameters differ by at most {number(found.apart_path, 2)} of their size, their "
        f"losses by {number(found.apart_loss, 2)}."
    )
    unchanged = f"{said} The sum at the unchanged rate {number(found.mean_rate)}"
    if not np.isfinite(found.unchanged):
        return f"{unchanged} had no finite loss after {_many(found.unchanged_steps, 'step')}."
    return (
        f"{unchanged} stands at a loss of {number(found.unchanged)} per row "
        f"after {_many(found.unchanged_steps, 'step')}."
    )


def counts_said(descent: Descent) -> str:
    """What a gradient costs in the largest network counted."""
    counts = descent.counts
    assert counts is not None
    one, diff, fwd, rev = (
        part[-1] for part in (counts.forward, counts.differences, counts.forward_mode, counts.reverse_mode)
    )
    return (
        f"The gradient of a network with {counts.weights[-1]} weights, counted in operations: one loss {one:,}; finite "
        f"differences {diff:,} ({diff / one:.1f} losses); forward mode {fwd:,} ({fwd / one:.1f}); reverse mode, which is "
        f"back-propagation, {rev:,} ({rev / one:.1f})."
    )


def _table(descent: Descent) -> Iterator[str]:
    heads = ("step", "loss", "slope says", "with curvature", "it changed by", "error 1", "error 2")
    yield "".join(f"{head:>15}" for head in heads)
    taylor = descent.taylor
    with np.errstate(all="ignore"):
        both = taylor.first + taylor.second
    columns = (taylor.first, both, taylor.actual, taylor.error_first, taylor.error_second)
    for step in (k for k in SHOWN if k < len(taylor.actual)):
        cells = [f"{step}", f"{descent.losses[step]:.6g}", *(f"{column[step]:.4g}" for column in columns)]
        yield "".join(f"{cell:>15}" for cell in cells)
    yield f"{descent.steps:>15}{descent.losses[-1]:>15.6g}"
