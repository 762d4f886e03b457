"""What stands around every picture: title, axes, legend and the `<svg>` itself.

Comes in: words, scales and room. Goes out: pieces of SVG and how far down they reach. The widest letters that any screen
shows (`LETTER`, see `picture.css.j2`) decide how much room words get.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from lossmith.report.pages.element import tag, words
from lossmith.report.pages.lettering import width, wrapped
from lossmith.report.pages.scale import Scale, ticks

WIDTH: Final = 480.0
LETTER: Final = 18.0
LINE: Final = 22.0
BOLD: Final = 1.1
GAP: Final = 7.0
SWATCH: Final = 34.0
STYLES: Final = 6
FAR: Final = 20.0
"""How many heights outside the frame a curve is still followed."""


@dataclass(frozen=True)
class Frame:
    """The rectangle that curves are drawn in, with the scales along it."""

    left: float
    top: float
    width: float
    height: float
    x: Scale
    y: Scale

    @property
    def right(self) -> float:
        return self.left + self.width

    @property
    def bottom(self) -> float:
        return self.top + self.height

    def across(self, x: float) -> float:
        """Return where a value of the horizontal axis stands."""
        return self.left + self.width * held(self.x.share(x))

    def up(self, y: float) -> float:
        """Return where a value of the vertical axis stands."""
        return self.bottom - self.height * held(self.y.share(y))

    def data(self) -> dict[str, object]:
        """Return what a script needs to draw in this frame, as attributes."""
        box = " ".join(f"{v:.1f}" for v in (self.left, self.top, self.width, self.height))
        return {"data_frame": box, "data_x": ends(self.x), "data_y": ends(self.y)}


def held(share: float) -> float:
    """Keep a share of the axis within what a screen can draw; NaN stays NaN."""
    return min(max(share, -FAR), FAR) if share == share else share


def ends(axis: Scale) -> str:
    """Return an axis as text for a script: its ends, and `log` where it is logarithmic."""
    return f"{axis.low!r} {axis.high!r}{' log' if axis.log else ''}"


def whole(title: str, alternative: str, height: float, inner: str, **attributes: object) -> str:
    """Return the `<svg>` element with the texts for those who do not see it."""
    from markupsafe import escape

    texts = tag("title", str(escape(title or "picture")))
    texts += tag("desc", str(escape(alternative))) if alternative else ""
    box = f"0 0 {WIDTH:.0f} {height:.0f}"
    return tag("svg", texts + inner, viewBox=box, role="img", class_="picture", **attributes)


def heading(title: str, below: str) -> tuple[str, float]:
    """Return the title and the name of the vertical axis below it, and how far down they reach."""
    lines = [(line, "title") for line in wrapped(title, LETTER * BOLD, WIDTH)]
    lines += [(line, "name") for line in wrapped(below, LETTER, WIDTH)]
    drawn = "".join(words(text, 0, LINE * (i + 1) - GAP, kind) for i, (text, kind) in enumerate(lines))
    return drawn, LINE * len(lines)


def left_room(axis: Scale, most: int) -> float:
    """Return how much room the texts of a vertical axis take."""
    return max((width(text, LETTER) for _, text in ticks(axis, most)), default=0.0) + GAP + 2


def axes(frame: Frame, most: int) -> str:
    """Return the grid, the lines at zero and the texts at the ticks."""
    return upright(frame, most) + level(frame, most)


def upright(frame: Frame, most: int) -> str:
    """Return the vertical lines of the grid with their texts; a text that would touch its neighbour is left out."""
    drawn, end = [], 0.0
    for at, text in ticks(frame.x, most):
        place, half = frame.across(at), width(text, LETTER) / 2
        drawn.append(tag("path", d=f"M{place:.1f} {frame.top:.1f}V{frame.bottom:.1f}", class_=_kind(at, frame.x)))
        middle = min(place, WIDTH - half)
        if middle - half > end:
            drawn.append(words(text, middle, frame.bottom + LETTER + 2, "tick", "middle"))
            end = middle + half + GAP
    return "".join(drawn)


def level(frame: Frame, most: int) -> str:
    """Return the horizontal lines of the grid with their texts."""
    drawn = []
    for at, text in ticks(frame.y, most):
        place = frame.up(at)
        drawn.append(tag("path", d=f"M{frame.left:.1f} {place:.1f}H{frame.right:.1f}", class_=_kind(at, frame.y)))
        drawn.append(words(text, frame.left - GAP, place + LETTER * 0.3, "tick", "end"))
    return "".join(drawn)


def _kind(at: float, axis: Scale) -> str:
    return "axis" if at == 0 and not axis.log else "grid"


def below(name: str, frame: Frame) -> tuple[str, float]:
    """Return the name of the horizontal axis, and how far down it reaches."""
    top = frame.bottom + LINE
    lines = wrapped(name, LETTER, WIDTH)
    middle = frame.left + frame.width / 2
    drawn = []
    for i, line in enumerate(lines):
        half = width(line, LETTER) / 2
        drawn.append(words(line, min(max(middle, half), WIDTH - half), top + LINE * (i + 1) - 4, "name", "middle"))
    return "".join(drawn), top + LINE * len(lines) + 4


def legend(entries: list[tuple[str, str]], top: float) -> tuple[str, float]:
    """Return the legend, rows of (drawn sample, text), and how far down it reaches. A sample is drawn around (0, 0)."""
    drawn: list[str] = []
    x, y = 0.0, top + LINE
    for sample, text in entries:
        lines = wrapped(text, LETTER, WIDTH - SWATCH) or ("",)
        need = SWATCH + max(width(line, LETTER) for line in lines)
        if x and x + need > WIDTH:
            x, y = 0.0, y + LINE
        drawn.append(tag("g", sample, transform=f"translate({x + 13:.1f} {y - 5:.1f})"))
        drawn += [words(line, x + SWATCH, y + LINE * i, "entry") for i, line in enumerate(lines)]
        y += LINE * (len(lines) - 1)
        x = WIDTH if len(lines) > 1 else x + need + 18
    return "".join(drawn), y + 6 if entries else top
