"""What a gradient descent left behind, as frozen records: plain arrays and sentences, and no way to compute more.

Shapes: T steps lead through T + 1 points; d parameters; m places where the curvature was measured. After a step that
ended in no number the arrays stop: the last loss is then infinite or NaN.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from lossmith.report.descent_page.live import Live
from lossmith.report.loss_page.page import Page, framed

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Taylor:
    """What each step was told to bring, and what it brought; all arrays (T,).

    `first` = -rate |g|^2, `second` = rate^2 / 2 * gHg, `actual` = the change of the loss.
    """

    squared_slope: Floats
    bend: Floats
    first: Floats
    second: Floats
    actual: Floats

    @property
    def error_first(self) -> Floats:
        """The actual change less the prediction from the slope alone."""
        with np.errstate(all="ignore"):
            return np.asarray(self.actual - self.first)

    @property
    def error_second(self) -> Floats:
        """The actual change less the prediction from slope and curvature."""
        with np.errstate(all="ignore"):
            return np.asarray(self.actual - (self.first + self.second))

    @property
    def stable(self) -> Floats:
        """The largest rate that does not raise the loss along this gradient, if it were a parabola: 2 |g|^2 / gHg.

        Infinite where the loss does not bend upwards along the gradient.
        """
        with np.errstate(all="ignore"):
            return np.where(self.bend > 0, 2 * self.squared_slope / self.bend, np.inf)


@dataclass(frozen=True, eq=False)
class Curvature:
    """The eigenvalues of the hessian that bound the learning rate.

    `steps`, `largest` (m,): where it was measured, and the largest eigenvalue there. `condition`: the largest by the
    smallest one above rounding, at the end of the path; NaN where it was not measured or has no meaning. `flat`: how
    many directions have no curvature there. `raw_condition`: the same for features in their own units.
    """

    steps: NDArray[np.int64]
    largest: Floats
    condition: float
    raw_condition: float
    flat: int
    negative: int

    @property
    def edges(self) -> Floats:
        """2 / largest eigenvalue at every place; infinite where nothing bends upwards."""
        with np.errstate(all="ignore"):
            return np.where(self.largest > 0, 2 / self.largest, np.inf)


@dataclass(frozen=True)
class Trial:
    """One other learning rate, really run: `of_edge` is its share of the edge; `reached` the step that made as much of
    the fall as the run that is judged (None: never); `rises` how many of its steps raised the loss, `late` how many of those
    in the later half."""

    learning_rate: float
    of_edge: float
    last: float
    lowest: float
    rises: int
    steps: int
    reached: int | None
    late: int = 0

    @property
    def ended(self) -> bool:
        """Whether it ran into numbers that are none."""
        return not np.isfinite(self.last)


@dataclass(frozen=True)
class Verdict:
    """What to think of a learning rate: `word` is one of "too small", "good", "past the edge", "diverging", "at rest".

    `sentences` say why, with the numbers; `advice` what to do; `suggested` the better rate, and how many times fewer
    steps it took (None where there is none).
    """

    word: str
    sentences: tuple[str, ...]
    advice: str
    suggested: float | None = None
    faster: float | None = None


@dataclass(frozen=True, eq=False)
class Plane:
    """The plane through the path that is drawn: `z[j, i]` is the loss at `x[i]`, `y[j]`, really evaluated.

    `path` (steps shown + 1, 2) are the points of the path on it, `share` the part of its movement that lies within.
    `directions` (2, d) and `origin` (d,) say where the plane lies; `lowest` (2,) is its lowest point, if within the frame.
    """

    x_label: str
    y_label: str
    x: Floats
    y: Floats
    z: Floats
    path: Floats
    share: float
    origin: Floats
    directions: Floats
    lowest: Floats | None
    lowest_value: float
    whole: bool


@dataclass(frozen=True)
class SumAgainstMean:
    """The same descent with the mean over rows and with the sum: `rate` for the mean is `rate / rows` for the sum.

    `apart_path` and `apart_loss` are the largest relative differences. `unchanged` is the loss of the sum, per row,
    after `unchanged_steps` steps with the rate of the mean left as it was.
    """

    rows: float
    mean_rate: float
    sum_rate: float
    steps: int
    apart_path: float
    apart_loss: float
    gradient_ratio: float
    unchanged: float
    unchanged_steps: int
    given_is_sum: bool


@dataclass(frozen=True, eq=False)
class Quantity:
    """One line of back-propagation: a quantity of the network, its value, and the derivative of the loss by it.

    `value_rule` and `rule` are LaTeX: how the value is made, and the chain rule that gives the derivative.
    """

    symbol: str
    plain: str
    value_rule: str
    rule: str
    value: Floats
    derivative: Floats


@dataclass(frozen=True, eq=False)
class Backprop:
    """Every number of one pass forwards and one backwards through a two-layer model, in the order of the pass forwards.

    `slope_rule` and `activation_rule` are LaTeX: the derivative of the loss by the raw prediction, of the activation.
    """

    loss: float
    rows: tuple[int, ...]
    activation: str
    x: Floats
    y: tuple[str, ...]
    quantities: tuple[Quantity, ...]
    slope_rule: str
    activation_rule: str
    activation_slope: Floats

    def of(self, plain: str) -> Quantity:
        """The line of this name: "z1", "a1", "z2", "W1", "b1", "W2" or "b2"."""
        return next(line for line in self.quantities if line.plain == plain)


@dataclass(frozen=True)
class Counts:
    """Operations counted for one gradient of one row, as the network grows: one entry a network."""

    hidden: tuple[int, ...]
    weights: tuple[int, ...]
    forward: tuple[int, ...]
    differences: tuple[int, ...]
    forward_mode: tuple[int, ...]
    reverse_mode: tuple[int, ...]
    features: int


@final
@dataclass(frozen=True, eq=False)
class Descent:
    """A gradient descent: the path, the losses, Taylor's predictions at each step, and the verdict.

    `parameters` (T + 1, d), `losses` (T + 1,); names of the parameters are in `names`. Printed it is a page of text;
    `html` is the page, `save` writes it, `open` shows it in a browser. `live`: what the page runs again at other rates, or
    None and `not_live` says why.
    """

    title: str
    loss: str
    formula: str
    model: str
    widths: tuple[int, ...]
    activation: str
    rows: int
    rows_given: int
    learning_rate: float
    rate_reason: str
    names: tuple[str, ...]
    parameters: Floats
    losses: Floats
    gradient_norms: Floats
    taylor: Taylor
    curvature: Curvature
    verdict: Verdict
    trials: tuple[Trial, ...]
    plane: Plane | None
    lowest: float
    lowest_reason: str
    summed: SumAgainstMean | None
    notes: tuple[str, ...]
    backprop: Backprop | None = None
    batch: Backprop | None = None
    counts: Counts | None = None
    command: str = ""
    live: Live | None = None
    not_live: str = ""

    @property
    def steps(self) -> int:
        """How many steps were made."""
        return len(self.losses) - 1

    @property
    def text(self) -> str:
        """The findings as plain text."""
        from lossmith.report.descent_page.words import text

        return text(self)

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return f"<Descent {self.title}: {self.steps} steps of {self.learning_rate:g}, {self.verdict.word}>"

    @property
    def html(self) -> str:
        """The page: one self-contained HTML document."""
        from lossmith.report.descent_page.html import html

        return html(self)

    @property
    def page(self) -> Page:
        """The page with its title."""
        return Page(self.title, self.html)

    def _repr_html_(self) -> str:
        return framed(self.page)

    def save(self, path: str | Path, *, replace: bool = False) -> Path:
        """Write the page to a file that is not there yet, or, if asked, in place of one; return where it is."""
        return self.page.save(path, replace=replace)

    def open(self) -> Path:
        """Write the page to a temporary file, show it in a browser if there is one, and return where it is."""
        return self.page.open()


def as_plain(values: Any) -> list[Any]:
    """Numbers as JSON takes them: None for what is no number.

    >>> as_plain([1.0, float("nan"), float("inf")])
    [1.0, None, None]
    """
    return [float(v) if np.isfinite(v) else None for v in np.asarray(values, dtype=np.float64).ravel()]
