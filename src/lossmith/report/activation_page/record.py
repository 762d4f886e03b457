"""What the page of an activation says, before it is HTML or text: frozen records.

Comes in: measured numbers, sentences, pictures. Goes out: `ActivationRecord`, which `html.page` and `text.text` print.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from lossmith.report.pages.chart import Bars, Chart, Table


@dataclass(frozen=True)
class Sentence:
    """One paragraph; a quiet one says how something was measured."""

    text: str
    quiet: bool = False


@dataclass(frozen=True)
class Command:
    """Something to type: a line for a shell, or lines of Python."""

    text: str


@dataclass(frozen=True)
class Folded:
    """Blocks that are shown once asked for."""

    title: str
    blocks: tuple[Block, ...]


Block: TypeAlias = Sentence | Command | Folded | Chart | Bars | Table


@dataclass(frozen=True)
class Section:
    """A part of the page: its name in the address, its title and what stands in it."""

    key: str
    title: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True)
class Slider:
    """A number that the reader moves: a parameter of an activation, or one raw prediction of a row."""

    name: str
    value: float
    low: float
    high: float
    step: float


@dataclass(frozen=True)
class Subject:
    """One activation on the page: its formula in LaTeX and in Python's words, its source, its sliders, its JavaScript."""

    name: str
    latex: str
    formula: str
    source: str
    sliders: tuple[Slider, ...]
    script: str


@dataclass(frozen=True)
class Curves:
    """The pictures that the script redraws, one line per subject in each; `probe`: the input that is read off."""

    value: Chart
    derivative: Chart
    probe: Slider


@dataclass(frozen=True)
class RowPlay:
    """A row of raw predictions to play with: their sliders, one number added to all, and the shares at the start."""

    raw: tuple[Slider, ...]
    shift: Slider
    shares: tuple[float, ...]


@dataclass(frozen=True)
class ActivationRecord:
    """The whole page. Elementwise activations have `curves`, softmax has `row`."""

    title: str
    lead: tuple[str, ...]
    subjects: tuple[Subject, ...]
    curves: Curves | None
    row: RowPlay | None
    sections: tuple[Section, ...]
