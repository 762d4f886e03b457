"""What is known of the shape of activations, in words: the section of facts of their page.

Comes in: elementwise activations. Goes out: a `Section` with one table: a row a fact, a column an activation.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Final

from lossmith.loss.activation import ActivationFunction
from lossmith.report.activation_page.record import Section, Sentence
from lossmith.report.pages.chart import Table
from lossmith.report.pages.number import number
from lossmith.teach.activations.shape import FLAT, GRID, Corner, Shape, shape


def facts(functions: Sequence[ActivationFunction]) -> Section:
    """The facts, and how they are known."""
    shapes = [shape(f) for f in functions]
    rows = tuple((label, *(write(s) for s in shapes)) for label, write in ROWS)
    header = ("", *(f.name for f in functions)) if len(functions) > 1 else ("fact", titled(functions[0]))
    return Section("facts", "What is known of it" if len(functions) == 1 else "What is known of them", (
        Table(header, rows),
        Sentence(HOW, quiet=True),
    ))  # fmt: skip


HOW: Final = (
    f"Measured on {len(GRID):,} inputs from −10⁶ to 10⁶, narrowed down to the last bit where something changes; the ends of the "
    "range from inputs of 10³⁰⁰, and whether they are reached in exact arithmetic. “Proved”: bounds of the formula over the "
    "whole line, in arithmetic that rounds outwards, agree with the range to five digits. “Flat” is a slope below "
    f"{100 * FLAT:.0f} % of the largest."
)


ROUNDING: Final = 1e-6  # a stretch this short is a single input


def titled(function: ActivationFunction) -> str:
    """The name, with the values of its parameters.

    >>> import lossmith as ls
    >>> titled(ls.activation("leaky_relu"))
    'leaky_relu (slope = 0.01)'
    """
    said = ", ".join(f"{name} = {number(value)}" for name, value in function.parameters)
    return f"{function.name} ({said})" if said else function.name


def between(found: Shape) -> str:
    """The range as an interval; a round bracket is an end that is not reached.

    >>> import lossmith as ls
    >>> between(shape(ls.activation("relu"))), between(shape(ls.activation("tanh")))
    ('[0, ∞)', '(−1, 1)')
    """
    left, right = ("[" if found.low.reached else "("), ("]" if found.high.reached else ")")
    return f"{left}{number(found.low.value)}, {number(found.high.value)}{right}"


def known(found: Shape) -> str:
    """How it is known that the range holds.

    >>> import lossmith as ls
    >>> known(shape(ls.activation("sigmoid")))
    'proved from the formula'
    """
    if math.isinf(found.low.value) and math.isinf(found.high.value):
        return "nothing to show: there is no bound"
    return "proved from the formula" if found.proved else "measured"


def rising(found: Shape) -> str:
    """Whether it only rises, else where it turns."""
    return "yes" if found.increasing else f"no: it turns at x = {', '.join(map(number, found.turns))}"


def steepest(found: Shape) -> str:
    """The largest slope and where it is.

    >>> import lossmith as ls
    >>> steepest(shape(ls.activation("softplus"))), steepest(shape(ls.activation("relu")))
    ('1, approached as x goes to ∞', '1, everywhere above 0')
    """
    at = found.steepest
    if at.low == at.high:
        end = f"approached as x goes to {number(at.low)}" if math.isinf(at.low) else f"at x = {number(at.low)}"
        return (
            f"{number(at.slope)}, {end}" if math.isfinite(at.slope) else f"none: it grows as x goes to {number(at.low)}"
        )
    if at.high - at.low < ROUNDING:  # a peak: next to it slopes differ by less than a float shows
        middle = (at.low + at.high) / 2
        return f"{number(at.slope)}, at x = {number(0.0 if abs(middle) < ROUNDING else middle)}"
    low, high = number(at.low), number(at.high)
    if math.isinf(at.low) and math.isinf(at.high):
        return f"{number(at.slope)}, everywhere"
    if math.isinf(at.high):
        return f"{number(at.slope)}, everywhere above {low}"
    return f"{number(at.slope)}, from {low} to {high}" if math.isfinite(at.low) else f"{number(at.slope)}, below {high}"


def flat(found: Shape) -> str:
    """Beyond which inputs it is flat.

    >>> import lossmith as ls
    >>> flat(shape(ls.activation("sigmoid")))
    'below x = −5.986 and above x = 5.986: all of the line but a stretch of 11.97'
    """
    below, above = found.flat_below, found.flat_above
    if below is None and above is None:
        return "nowhere"
    places = [f"below x = {number(below)}"] if below is not None else []
    places += [f"above x = {number(above)}"] if above is not None else []
    if below is None or above is None:
        return f"{places[0]}: half of the line"
    return f"{' and '.join(places)}: all of the line but a stretch of {number(above - below)}"


def _mean(found: Shape) -> str:
    if found.odd:
        return "0: it is odd, f(−x) = −f(x)"
    value = found.normal.mean
    return f"{number(value)}: {'close to 0' if abs(value) < 1e-6 else 'not centred on 0'}"


def _corner(corner: Corner) -> str:
    before, after, there = map(number, (corner.left, corner.right, corner.chosen))
    return f"x = {number(corner.at)}: slope {before} before, {after} after, {there} taken there"


def _corners(found: Shape) -> str:
    return "; ".join(map(_corner, found.corners)) or "none: it is smooth"


def _keeps(found: Shape) -> str:
    square = found.normal.slope_square
    return f"{number(1 / square)} / inputs" if math.isfinite(square) else "none"


ROWS: Final[tuple[tuple[str, Callable[[Shape], str]], ...]] = (
    ("range of the output", between),
    ("that no output lies outside", known),
    ("only rises", rising),
    ("largest slope", steepest),
    ("flat (saturated)", flat),
    ("share of standard normal inputs on flat parts", lambda s: f"{number(100 * s.normal.flat, 3)} %"),
    ("mean output for standard normal input", _mean),
    ("variance of that output", lambda s: number(s.normal.variance)),
    ("mean squared slope for that input", lambda s: number(s.normal.slope_square)),
    ("weight variance that keeps the gradient there", _keeps),
    ("corners", _corners),
)
