"""Pictures as SVG: a record comes in, one `<svg>` element goes out, readable down to 360 pixels, in light and dark.

Colours are custom properties and classes of `picture.css.j2` (`style()`); every text is escaped. Lines are told apart by
colour and by dashes. A script that redraws a curve finds its frame in the attributes `data-frame`, `data-x`, `data-y`, and
the curve as `[data-line]`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from lossmith.report.pages.chart import Bars, Chart, Picture, Surface
from lossmith.report.pages.engine import PACKAGE, engine
from lossmith.report.pages.svg_bars import drawn_bars
from lossmith.report.pages.svg_chart import drawn_chart
from lossmith.report.pages.svg_surface import drawn_surface

DRAWN: Final[dict[type[Picture], Callable[[Any], str]]] = {
    Chart: drawn_chart,
    Bars: drawn_bars,
    Surface: drawn_surface,
}


def drawn(picture: Picture) -> str:
    """Return a picture as one `<svg>` element.

    >>> from lossmith.report.pages.chart import Chart, Line
    >>> drawn(Chart("A line", "x", "y", (Line("up", (0.0, 1.0), (0.0, 1.0)),))).startswith("<svg ")
    True
    """
    return DRAWN[type(picture)](picture)


def style() -> str:
    """Return the style sheet of pictures alone, for places without the common one."""
    made: str = engine(PACKAGE).get_template("picture.css.j2").render()
    return made
