"""What the page of a loss says, as frozen records that know nothing of HTML.

Comes in: what `collect` finds. Goes out: records, from which `html` makes the page and the data that its script reads.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from lossmith.report.pages.chart import Chart, Mark

Numbers = tuple[float, ...]


@dataclass(frozen=True)
class Slider:
    """A parameter that readers move: its domain, and the range that the slider spans.

    A `log` slider moves in factors above `low`. A number typed by hand may be any of the domain; `words` say which.
    """

    name: str
    value: float
    low: float
    high: float
    low_open: bool
    high_open: bool
    integer: bool
    log: bool
    first: float
    last: float
    words: str


@dataclass(frozen=True)
class Scene:
    """One line of the pictures: rows with given targets whose raw predictions are `base + slope * x` (flat, row by row).

    The gradient that is shown is that by the raw prediction at `place`. `targets` and `columns` hold one number a row,
    of a simplex target one a class as well. `said` describes the scene where its label does not say all.
    """

    label: str
    targets: tuple[tuple[str, Numbers], ...]
    base: Numbers
    slope: Numbers
    place: int = 0
    columns: tuple[tuple[str, Numbers], ...] = ()
    classes: int = 0
    said: str = ""


@dataclass(frozen=True)
class View:
    """Three pictures over one raw prediction: the scenes, the part of the axis that is shown first, its bounds.

    `predicted` names the prediction on the target's scale; empty where it is the raw prediction itself.
    """

    name: str
    x_label: str
    predicted: str
    scenes: tuple[Scene, ...]
    window: tuple[float, float]
    bounds: tuple[float, float]


@dataclass(frozen=True)
class Curves:
    """A scene in numbers: the loss, its gradient and its curvature at each x, and the prediction there."""

    x: Numbers
    loss: Numbers
    gradient: Numbers
    curvature: Numbers
    predicted: Numbers


@dataclass(frozen=True)
class Jump:
    """A place where the loss, its gradient or its curvature jumps: the least smooth of these that does.

    `endless`: it does not jump by a number there, but has no bound.
    """

    at: float
    what: str
    endless: bool = False


@dataclass(frozen=True)
class Best:
    """The constant raw prediction of least loss on a small sample; `why_not` says why there is none.

    `places` are the constants that are tried; `ends` says that the outermost are bounds.
    """

    sample: str
    targets: tuple[tuple[str, Numbers], ...]
    columns: tuple[tuple[str, Numbers], ...]
    raw: Numbers
    predicted: Numbers
    why_not: str = ""
    places: Numbers = ()
    ends: bool = False


@dataclass(frozen=True)
class FactRow:
    """A fact as a row of a table: its name, the answer, the kind of evidence and the evidence itself."""

    title: str
    answer: str
    evidence: str
    why: str


@dataclass(frozen=True)
class CertificateRow:
    """A measured accuracy: of which output, computed how, at how many numbers, how far off at worst, and where."""

    output: str
    backend: str
    dtype: str
    points: int
    worst_units: float
    bound: float
    worst_ulp: float
    meets: bool
    where: str


@dataclass(frozen=True)
class Reading:
    """What is read off one line: its label, and the cells of `reading.HEAD`."""

    label: str
    cells: tuple[str, ...]


@dataclass(frozen=True)
class Picture:
    """A view with its curves by label, its marks, what is read off it, and the first charts.

    `endless`: which of loss, gradient and curvature have no bound in it.
    """

    view: View
    reading: tuple[Reading, ...]
    charts: tuple[Chart, ...]
    curves: tuple[tuple[str, Curves], ...]
    marks: tuple[Mark, ...]
    endless: frozenset[str] = frozenset()


@dataclass(frozen=True)
class LossPart:
    """Everything that a page says of one loss. `joint`: rows are finished together, so a scene is a batch.

    `program` is the JavaScript object that computes it, `surfaces` are those of the places at which it branches.
    `equivalents`, `snippets`, `limits` and `influence` are records of names in other libraries, of code to copy (`follows`:
    a template each, or None), of where number formats end (`limits_of`: what was looked at), and of what one outlier does.
    """

    name: str
    kind: str
    link: str
    summary: str
    remark: str
    formula: str
    latex: str
    joint: bool
    sliders: tuple[Slider, ...]
    best: Best
    pictures: tuple[Picture, ...]
    program: str
    explained: tuple[str, ...]
    facts: tuple[FactRow, ...]
    certificate: tuple[CertificateRow, ...]
    source: str
    equivalents: tuple[Any, ...] = ()
    snippets: tuple[Any, ...] = ()
    follows: tuple[Any, ...] = ()
    limits: tuple[Any, ...] = ()
    limits_of: tuple[str, ...] = ("value", "gradient", "hessian")
    influence: Any = None
    surfaces: tuple[str, ...] = ()
