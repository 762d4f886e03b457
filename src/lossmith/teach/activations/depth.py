"""The signal through depth in words and pictures: a section of the page of activations.

Comes in: elementwise activations. Goes out: a `Section`: charts, a table and one plain sentence per initialisation.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Final

from lossmith.loss.activation import ActivationFunction
from lossmith.report.activation_page.record import Block, Folded, Section, Sentence
from lossmith.report.pages.chart import Chart, Line, Table
from lossmith.report.pages.number import number
from lossmith.teach.activations.rows import DATA
from lossmith.teach.activations.shape import FLAT
from lossmith.teach.activations.signal import INITIALISATIONS, Layer, Signal, initialisation, signals

FATES: Final = {
    "vanishes": "it vanishes, and the first layers hardly learn",
    "shrinks": "it shrinks",
    "kept": "it keeps its size",
    "grows": "it grows",
    "explodes": "it explodes, and one step throws the first layers far away",
    "lost": "the numbers overflow on the way, and nothing can be learned",
}
TOLD_APART: Final = 1e-20
"""A variance over rows below this share of the squared size is what rounding leaves: the rows have become equal."""
STATIONS: Final = (1, 5, 10, 20, 30, 49)


def depth(functions: Sequence[ActivationFunction]) -> Section:
    """Measured for one activation under every initialisation, or for several side by side."""
    found = [signals(f) for f in functions]
    blocks = _one(found[0]) if len(found) == 1 else _several(found)
    first = found[0][0]
    return Section("depth", TITLE, (Sentence(_net(first)), *blocks, _how(first)))


TITLE: Final = "The signal through 50 layers"


def _net(found: Signal) -> str:
    return (
        f"A net of {len(found.layers)} layers, {found.width} units each, as it is before any training. "
        f"{found.rows} rows of real data go forward; a gradient goes back. If the gradient at the first layer is a tiny "
        "share of that at the last, the first layers do not learn; if it is huge, they jump."
    )


def _how(found: Signal) -> Folded:
    rules = Table(
        ("initialisation", "weights", "source"), tuple((row.label, row.rule, row.source) for row in INITIALISATIONS)
    )
    text = (
        f"Rows: {DATA}. Biases are 0. The gradient handed to the last layer is standard normal. Medians over "
        f"{found.seeds} seeds; computed in float64 when this page was made. n is the number of inputs of a layer, m of its "
        "outputs; with equal widths Xavier's rule and LeCun's differ in the first layer only. “Very wide net” is computed "
        "by Gaussian integrals (Poole et al. 2016, Schoenholz et al. 2017), not measured. A dead unit has slope 0 for every "
        f"row; a flat one has a slope below {100 * FLAT:.0f} % of the largest."
    )
    return Folded("How this was measured", (Sentence(text, quiet=True), rules))


def sentence(found: Signal, remarks: bool = True) -> str:
    """What happens to one activation under one initialisation, in one plain sentence.

    >>> import lossmith as ls
    >>> from lossmith.teach.activations.signal import signal
    >>> sentence(signal(ls.activation("identity"), "orthogonal", layers=10, seeds=1))
    'orthogonal: after 10 layers the gradient of identity is 1 of what it was at the last: it keeps its size.'
    """
    share, layers = found.layers[0].gradient, len(found.layers)
    label = initialisation(found.initialisation).label
    if not math.isfinite(share):
        return f"{label}: with {found.activation}, {FATES['lost']} ({layers} layers)."
    text = (
        f"{label}: after {layers} layers the gradient of {found.activation} is {number(share, 2)} of what it was at the "
        f"last: {FATES[found.fate]}."
    )
    return text + "".join(_remarks(found)) if remarks else text


def _remarks(found: Signal) -> list[str]:
    last, told = found.layers[-1], []
    alike = next((row.number for row in found.layers if row.variance <= TOLD_APART * max(row.square, 1e-300)), None)
    if alike is not None and found.layers[0].variance > 0:
        told.append(f" From layer {alike} on, the outputs of all rows are the same number up to rounding.")
    if last.dead >= 0.005:
        told.append(f" {number(100 * last.dead, 2)} % of the units of the last layer are dead.")
    elif last.flat >= 0.25:
        told.append(f" {number(100 * last.flat, 2)} % of (row, unit) pairs there are on a flat part.")
    return told


CARELESS: Final = ("small", "standard")
"""Initialisations that do not look at the size of a layer; they would flatten the picture of the others."""


def _one(found: tuple[Signal, ...]) -> tuple[Block, ...]:
    careful = [s for s in found if s.initialisation not in CARELESS]
    careless = [s for s in found if s.initialisation in CARELESS]
    return (
        _backward([(initialisation(s.initialisation).label, s) for s in careful], "The gradient on its way back"),
        Sentence(
            "The gradient at layer 1 as a share of that at layer 50, the variance of outputs over the rows, dead units:"
        ),
        Table(HEADER, tuple(_row(s) for s in found)),
        *(Sentence(sentence(s)) for s in found),
        _forward(
            "What still tells the rows apart", "variance of the output over the rows", careful, lambda row: row.variance
        ),
        *_dying(careful),
        Folded(
            "The same with one deviation for all layers",
            (
                _backward(
                    [(initialisation(s.initialisation).label, s) for s in careless], "The gradient on its way back"
                ),
                _forward(
                    "What still tells the rows apart", "variance over the rows", careless, lambda row: row.variance
                ),
            ),
        ),
        Folded("The gradient after 1 to 49 layers", (_stations(found),)),
    )


HEADER: Final = (
    "initialisation", "gradient, layer 1", "lowest, highest", "very wide net",
    "variance, layer 1", "layer 50", "dead, layer 50",
)  # fmt: skip


def _row(found: Signal) -> tuple[object, ...]:
    first, last = found.layers[0], found.layers[-1]
    return (
        initialisation(found.initialisation).label, number(first.gradient, 3),
        f"{number(first.low, 2)}, {number(first.high, 2)}", number(found.theory[0], 3),
        number(first.variance, 3), number(last.variance, 3), f"{number(100 * last.dead, 2)} %",
    )  # fmt: skip


def _backward(named: Sequence[tuple[str, Signal]], title: str) -> Chart:
    lines = []
    for label, found in named:
        back = found.layers[::-1]
        lines.append(Line(label, tuple(float(k) for k in range(len(back))), tuple(row.gradient for row in back)))
    return Chart(
        title, "layers back from the last", "norm of the gradient, share of the last layer", tuple(lines), y_log=True,
        alternative="; ".join(f"{label}: {number(s.layers[0].gradient, 2)} at the first layer" for label, s in named),
    )  # fmt: skip


def _forward(title: str, y: str, found: Sequence[Signal], of: Callable[[Layer], float], log: bool = True) -> Chart:
    lines = tuple(
        Line(
            initialisation(s.initialisation).label,
            tuple(float(row.number) for row in s.layers),
            tuple(of(row) for row in s.layers),
        )
        for s in found
    )
    said = "; ".join(
        f"{line.label}: {number(line.y[0], 2)} at layer 1, {number(line.y[-1], 2)} at the last" for line in lines
    )
    return Chart(title, "layer", y, lines, y_log=log, alternative=said)


def _dying(found: Sequence[Signal]) -> tuple[Block, ...]:
    if not any(row.dead > 0 for s in found for row in s.layers):
        return (Sentence("Under these, no unit is dead at any depth: each gets a slope that is not 0 from some row."),)
    share = _forward("Dead units", "percent of the units of a layer", found, lambda row: 100 * row.dead, log=False)
    return (share,)


def _stations(found: Sequence[Signal]) -> Table:
    rows = tuple(
        (initialisation(s.initialisation).label, *(number(s.layers[-1 - k].gradient, 2) for k in STATIONS))
        for s in found
    )
    return Table(("initialisation", *(f"{k} back" for k in STATIONS)), rows)


def _several(found: Sequence[tuple[Signal, ...]]) -> tuple[Block, ...]:
    rows = tuple((s[0].activation, *(f"{number(one.layers[0].gradient, 2)}: {one.fate}" for one in s)) for s in found)
    labels = [row.label for row in INITIALISATIONS]
    charts = [
        _backward([(s[k].activation, s[k]) for s in found], f"The gradient on its way back: {labels[k]}")
        for k in (0, 1)
    ]
    said = [Sentence(sentence(s[k])) for s in found for k in (0, 1)]
    return (*charts, Table(("gradient at layer 1, share of the last", *labels), rows), *said)
