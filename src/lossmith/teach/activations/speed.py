"""Steps to a given loss, and the cost of a call, in words and pictures: two sections of the page of activations.

Comes in: elementwise activations. Goes out: a `Section` for the shipped races, and one for costs measured now.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import numpy as np

from lossmith.loss.activation import ActivationFunction, activation
from lossmith.report.activation_page.record import Block, Folded, Section, Sentence
from lossmith.report.pages.chart import Bars, Chart, Line, Mark, Table
from lossmith.report.pages.number import number
from lossmith.teach.activations.cost import Costs, usual_costs
from lossmith.teach.activations.facts import titled
from lossmith.teach.activations.measured import COMMAND, Results, raced, results
from lossmith.teach.activations.race import Course, Race
from lossmith.teach.activations.rows import DATA

RIVALS: Final = ("relu", "sigmoid", "tanh")
LAYERS: Final = {"shallow": "two hidden layers", "deep": "eight hidden layers"}


def speed(functions: Sequence[ActivationFunction]) -> Section:
    """How many steps each needs on real data, beside ReLU, sigmoid and tanh."""
    names = list(dict.fromkeys([*(f.name for f in functions), *RIVALS]))
    blocks: list[Block] = [Sentence(_question(results()["shallow"].course))]
    for name, found in results().items():
        shown = [found.races[n] for n in names if n in found.races]
        blocks += [
            _table(name, found, shown),
            *(Sentence(s) for s in _sentences(name, found, functions)),
            _curves(name, found, shown),
        ]
    others = [f for f in functions if f.name in results()["deep"].races and raced(f, "deep") is None]
    blocks += [
        Sentence(f"The steps are those of {titled(activation(f.name))}; {titled(f)} was not run.") for f in others
    ]
    return Section("steps", "Steps to a given loss", (*blocks, *_how(results()["shallow"])))


def standings(name: str) -> Table:
    """All activations on a course, the fewest steps first.

    >>> standings("deep").header
    ('eight hidden layers', 'steps', 'step size, initialisation', 'relu / this', 'sigmoid / this', 'tanh / this')
    """
    found = results()[name]
    return _table(name, found, sorted(found.races.values(), key=lambda race: race.median))


def _question(course: Course) -> str:
    return (
        f"How many steps of gradient descent until the training cross entropy is {number(course.goal)}? The same small net "
        "on handwritten digits, with each activation at the step size and initialisation that suit it best."
    )


def _how(found: Results) -> tuple[Block, ...]:
    course = found.course
    text = (
        f"Rows: {DATA}. Hidden layers of {course.width} units, softmax on top, batches of {course.batch} rows, plain gradient "
        f"descent, at most {course.budget:,} steps. Step size from {len(course.rates)} values between {number(course.rates[0])} "
        f"and {number(course.rates[-1])}, initialisation Xavier's or He's, both chosen for each activation on "
        f"{len(course.tuning)} seeds that are not reported; then {len(course.seeds)} other seeds, the same for all. The loss "
        f"over all rows is looked at every {course.look} steps. Told: the median, and in brackets the quartiles."
    )
    source = f"These figures ship with the package ({found.made}); “{COMMAND}” measures them again."
    return Folded("How this was measured", (Sentence(text, quiet=True),)), Sentence(source, quiet=True)


def steps_text(race: Race, course: Course) -> str:
    """The median and the quartiles; what has not got there is said to be beyond the budget.

    >>> steps_text(Race("relu", 0.1, "he", (40.0, 60.0, math.inf), 1, (1.0,)), Course())
    '60 (40 to over 1,000)'
    """
    low, high = (_within(value, course) for value in race.quartiles)
    return (
        f"{_within(race.median, course)} ({low} to {high})"
        if math.isfinite(race.quartiles[0])
        else _within(math.inf, course)
    )


def _within(value: float, course: Course) -> str:
    return number(value) if math.isfinite(value) else f"over {course.budget:,}"


def against(own: float, other: float, course: Course) -> str:
    """How many times as many steps the other needs; a bound where one of them has not got there.

    >>> against(50.0, 100.0, Course()), against(50.0, math.inf, Course()), against(math.inf, 50.0, Course())
    ('2', 'over 20', 'under 0.05')
    """
    if math.isinf(own) and math.isinf(other):
        return "neither got there"
    bound = "over " if math.isinf(other) else "under " if math.isinf(own) else ""
    own, other = min(own, float(course.budget)), min(other, float(course.budget))
    return bound + number(other / own, 3)


def _table(name: str, found: Results, shown: Sequence[Race]) -> Table:
    course = found.course
    rows = []
    for race in shown:
        ratios = [against(race.median, found.races[r].median, course) if r != race.activation else "1" for r in RIVALS]
        rows.append((race.activation, steps_text(race, course), f"{number(race.rate)}, {race.weights}", *ratios))
    return Table((LAYERS[name], "steps", "step size, initialisation", *(f"{r} / this" for r in RIVALS)), tuple(rows))


def _sentences(name: str, found: Results, functions: Sequence[ActivationFunction]) -> list[str]:
    return [outcome(name, found, found.races[f.name]) for f in functions if f.name in found.races]


def outcome(name: str, found: Results, own: Race) -> str:
    """How one did on a course, beside the rivals, in words.

    >>> outcome("deep", results()["deep"], results()["deep"].races["sigmoid"])[:76]
    'With eight hidden layers, sigmoid does not get there within 1,000 steps on m'
    """
    told = [f"With {LAYERS[name]}, {own.activation} {_got(own, found.course)}."]
    if math.isfinite(own.median):
        told += [
            _compared(own.activation, own, found.races[rival], found.course)
            for rival in RIVALS
            if rival != own.activation
        ]
    return " ".join(told)


def _got(race: Race, course: Course) -> str:
    if math.isfinite(race.median):
        return f"needs {number(race.median)} steps"
    end = race.curve[-1]
    ended = f"ends at a loss of {number(end, 3)}" if math.isfinite(end) else "overflows"
    return f"does not get there within {course.budget:,} steps on most seeds: it {ended}"


def _compared(name: str, own: Race, other: Race, course: Course) -> str:
    ratio = against(own.median, other.median, course)
    if ratio == "1":
        return f"{other.activation} needs as many."
    faster = own.median < other.median
    if math.isinf(other.median):
        return f"{other.activation} does not get there within {course.budget:,} ({ratio} times as many)."
    return f"{other.activation} needs {ratio} times as many, so {name} is {'faster' if faster else 'slower'}."


def _curves(name: str, found: Results, shown: Sequence[Race]) -> Chart:
    lines = tuple(
        Line(race.activation, tuple(float(race.every * k) for k in range(len(race.curve))), race.curve)
        for race in shown
    )
    said = "; ".join(f"{race.activation}: {steps_text(race, found.course)} steps" for race in shown)
    return Chart(
        f"The loss on the way, {LAYERS[name]}", "step", "training cross entropy (median)", lines,
        marks=(Mark(found.course.goal, f"goal {number(found.course.goal)}", "y"),), y_log=True, alternative=said,
    )  # fmt: skip


def cost(functions: Sequence[ActivationFunction]) -> Section:
    """What a call costs beside all others, measured while the page is made."""
    found = usual_costs()
    order = sorted(range(len(found.names)), key=found.value.__getitem__)
    cheapest = found.names[order[0]]
    own = {f.name for f in functions}
    told = [
        Sentence(
            f"{name}: a value takes {number(value, 2)} times what the cheapest ({cheapest}) takes, a derivative "
            f"{number(slope, 2)} times."
        )
        for name, value, slope in zip(found.names, found.value, found.derivative, strict=True)
        if name in own
    ]
    drawn = [i for i in order if found.names[i] in {*own, *RIVALS, cheapest, found.names[order[-1]]}]
    rows = tuple((found.names[i], float(f"{found.value[i]:.3g}"), float(f"{found.derivative[i]:.3g}")) for i in order)
    return Section(
        "cost",
        "What a call costs",
        (
            *told,
            Sentence(EXACT),
            _times(found, drawn),
            Folded("All activations", (Table(("activation, our exact NumPy code", "value", "derivative"), rows),)),
            Sentence(_timed(found), quiet=True),
        ),
    )


EXACT: Final = (
    "These are the times of our exact code on NumPy, which keeps small results right to the last digits; a framework's own "
    "kernels round more, and take other times: only compare rows with one another."
)


def _times(found: Costs, drawn: Sequence[int]) -> Bars:
    """The cheapest, the dearest, the rivals and those of the page."""
    said = "; ".join(f"{found.names[i]}: {number(found.value[i], 2)}" for i in drawn)
    groups = (("value", found.value), ("derivative", found.derivative))
    return Bars(
        "Time of a call of our exact NumPy code", "times the cheapest value", tuple(found.names[i] for i in drawn),
        tuple((label, tuple(times[i] for i in drawn)) for label, times in groups), alternative=said,
    )  # fmt: skip


def _timed(found: Costs) -> str:
    return (
        f"Measured when this page was made: {found.inputs:,} standard normal inputs in float64, the functions of "
        f"ls.activation on NumPy {np.__version__}, each called once a round, medians of {found.rounds} rounds; the cheapest "
        f"takes {number(1e6 * found.cheapest, 2)} µs."
    )
