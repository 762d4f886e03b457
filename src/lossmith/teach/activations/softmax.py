"""Softmax as an activation, in numbers: rows sum to 1, a common shift changes nothing, two classes are a sigmoid.

Comes in: the softmax activation. Goes out: frozen `SoftmaxNumbers`, measured, and the sections of its page.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lossmith.loss.activation import ActivationFunction, activation
from lossmith.report.activation_page.record import RowPlay, Section, Sentence, Slider
from lossmith.report.pages.chart import Table
from lossmith.report.pages.number import number

Floats = NDArray[np.float64]

CLASSES: Final = (2, 3, 10, 100, 1000)
ROWS: Final = 400
SHIFTS: Final = (-1e6, -1000.0, -1.0, 1.0, 1000.0, 1e6)
EXAMPLE: Final = (2.0, 1.0, 0.0, -1.0)
TEMPERATURES: Final = (0.1, 0.5, 1.0, 2.0, 10.0)
PLAIN: Final = (800.0, 799.0)
"""Two raw predictions at which the written formula, exp(z) / sum of exp(z), is infinity by infinity in float64."""


@dataclass(frozen=True)
class SoftmaxNumbers:
    """Largest gaps over random rows (deviation 5).

    `sums`: of |sum - 1| in units of the last place of 1. `shifts`: between a row and the row with one number added to
    all, for rows that hold that sum exactly. `rounded`: the same for rows that do not, as a share of the probability.
    `sigmoid`: between the first of two probabilities and sigmoid(z1 - z2), where the difference is exact, in units of the
    last place.
    """

    rows: int
    sums: float
    shifts: float
    rounded: float
    sigmoid: float


@lru_cache(maxsize=1)
def softmax_numbers() -> SoftmaxNumbers:
    """Measure the three laws on rows of 2 to 1,000 classes.

    >>> found = softmax_numbers()
    >>> found.shifts, found.sums < 100, found.sigmoid < 8
    (0.0, True, True)
    """
    softmax, sigmoid = activation("softmax"), activation("sigmoid")
    rng, sums, exact, rounded = np.random.default_rng(0), 0.0, 0.0, 0.0
    for classes in CLASSES:
        rows = rng.normal(0.0, 5.0, (ROWS, classes))
        coarse = np.round(rows * 1024) / 1024  # such numbers plus one of SHIFTS need no more than 53 bits
        sums = max(sums, float(np.abs(softmax(rows).sum(axis=1) - 1).max() / np.finfo(float).eps))
        exact = max(exact, *(float(np.abs(softmax(coarse + c) - softmax(coarse)).max()) for c in SHIFTS))
        rounded = max(rounded, float((np.abs(softmax(rows + 1000.0) / softmax(rows) - 1)).max()))
    pairs = np.round(rng.normal(0.0, 5.0, (20 * ROWS, 2)) * 1024) / 1024
    single = sigmoid(pairs[:, 0] - pairs[:, 1])
    gap = np.abs(softmax(pairs)[:, 0] - single) / np.spacing(single)
    return SoftmaxNumbers(ROWS * len(CLASSES), sums, exact, rounded, float(gap.max()))


def jacobian(softmax: ActivationFunction, row: Floats) -> Floats:
    """The derivative of softmax at one row: entry (i, j) is how probability i moves with raw prediction j.

    J = (diag(p) - p pᵀ) / temperature.

    >>> jacobian(activation("softmax"), np.zeros(2)).tolist()
    [[0.25, -0.25], [-0.25, 0.25]]
    """
    p = softmax(row)
    return np.asarray((np.diag(p) - np.outer(p, p)) / dict(softmax.parameters)["temperature"], dtype=np.float64)


def row_play(softmax: ActivationFunction) -> RowPlay:
    """The sliders of a row, and its probabilities at the start."""
    raw = tuple(Slider(f"z of class {k + 1}", z, -6.0, 6.0, 0.05) for k, z in enumerate(EXAMPLE))
    return RowPlay(raw, Slider("added to all", 0.0, -100.0, 100.0, 1.0), tuple(float(p) for p in softmax(EXAMPLE)))


def sections(softmax: ActivationFunction) -> tuple[Section, ...]:
    """Its laws, what a temperature does, its derivative."""
    return _laws(), _temperatures(), _derivative(softmax)


def _laws() -> Section:
    found = softmax_numbers()
    with np.errstate(all="ignore"):
        naive = np.exp(PLAIN) / np.exp(PLAIN).sum()
    ours = activation("softmax")(PLAIN)
    rows = (
        ("the probabilities of a row sum to 1", f"{number(found.sums, 3)} units of the last place of 1"),
        ("adding one number to all changes nothing, where the sums are exact", number(found.shifts)),
        (
            "the same, where the sums are rounded (+1,000)",
            f"{number(found.rounded, 2)} of the probability",
        ),
        ("two classes: softmax(z₁, z₂)₁ = sigmoid(z₁ − z₂)", f"{number(found.sigmoid, 3)} units of the last place"),
    )
    return Section(
        "laws",
        "Three laws, measured",
        (
            Sentence(
                "Softmax turns a row of raw predictions into probabilities: exp(z) of each, divided by the sum of all. Its "
                "two-class case is the sigmoid of the difference, so a network with one output and a sigmoid, and one with "
                "two outputs and a softmax, say the same."
            ),
            Table(("law", "largest gap"), rows),
            Sentence(
                f"At z = ({number(PLAIN[0])}, {number(PLAIN[1])}) the formula as it is written gives "
                f"{number(naive[0])} and {number(naive[1])} in float64, because exp overflows. Computed around the largest: "
                f"{number(ours[0])} and {number(ours[1])}."
            ),
            Sentence(
                f"Measured on {found.rows:,} random rows of {CLASSES[0]} to {CLASSES[-1]:,} classes, when this page was made.",
                quiet=True,
            ),
        ),
    )


def _temperatures() -> Section:
    rows = []
    for heat in TEMPERATURES:
        p = activation("softmax", temperature=heat)(EXAMPLE)
        entropy = float(-(p[p > 0] * np.log(p[p > 0])).sum())
        rows.append((heat, *(float(v) for v in p), entropy))
    text = (
        f"The raw predictions {', '.join(number(z) for z in EXAMPLE)} are divided by a temperature first. Cold: nearly all "
        "goes to the largest. Hot: nearly the same for all. The order never changes. Entropy is the spread of a row in nats: "
        f"0 if one class has all, {number(float(np.log(len(EXAMPLE))))} if all have the same."
    )
    header = ("temperature", *(f"class {k + 1}" for k in range(len(EXAMPLE))), "entropy")
    return Section("temperature", "What a temperature does", (Sentence(text), Table(header, tuple(rows))))


def _derivative(softmax: ActivationFunction) -> Section:
    row = np.array(EXAMPLE)
    found = jacobian(softmax, row)
    names = [f"class {k + 1}" for k in range(len(row))]
    table = Table(
        ("probability of", *(f"by z of {name}" for name in names)),
        tuple((name, *(float(v) for v in line)) for name, line in zip(names, found, strict=True)),
    )
    sure = jacobian(softmax, np.array([10.0, 0.0, 0.0, 0.0]))
    text = (
        "Every probability depends on every raw prediction, so the derivative of a row is a matrix: p times (1 − p) on the "
        "diagonal, minus the product of two probabilities elsewhere, all divided by the temperature. Each column sums to 0: "
        "what one class gains, the others lose."
    )
    told = (
        f"Softmax saturates like the sigmoid: at z = (10, 0, 0, 0) the largest entry is {number(float(np.abs(sure).max()), 3)}. "
        "Cross entropy behind it cancels that: its gradient by the raw prediction is p − y, which is large where the model is "
        "surely wrong."
    )
    return Section("derivative", "Its derivative is a matrix", (Sentence(text), table, Sentence(told)))
