"""A chart as SVG: a `Chart` comes in, its `<svg>` element goes out."""

from __future__ import annotations

from typing import Final

from lossmith.report.pages import frame as around
from lossmith.report.pages.chart import Chart, Line, Mark
from lossmith.report.pages.curve import COURSES, MARKERS, dots
from lossmith.report.pages.element import tag, words
from lossmith.report.pages.frame import GAP, LETTER, LINE, STYLES, WIDTH, Frame
from lossmith.report.pages.lettering import width, wrapped
from lossmith.report.pages.scale import Scale, scale
from lossmith.report.pages.spots import placed

HEIGHT: Final = 250.0
MOST_TICKS: Final = 6
RIGHT: Final = 8.0


def drawn_chart(chart: Chart) -> str:
    """Return a chart as one `<svg>` element."""
    x, y = scales(chart)
    head, top = around.heading(chart.title, chart.y_label)
    left = around.left_room(y, MOST_TICKS)
    wide = WIDTH - left - RIGHT
    names, room = mark_names(chart.marks, Frame(left, top, wide, HEIGHT, x, y))
    frame = Frame(left, top + room + GAP, wide, HEIGHT, x, y)
    foot, bottom = around.below(chart.x_label, frame)
    key, bottom = around.legend(entries(chart), bottom)
    inner = (
        head,
        names,
        around.axes(frame, MOST_TICKS),
        "".join(mark(m, frame) for m in chart.marks),
        clipped(frame, *(curve(line, i, i, frame) for i, line in enumerate(chart.lines))),
        level_names(chart.marks, frame),
        placed(chart.spots, frame),
        foot,
        key,
    )
    return around.whole(chart.title, chart.alternative, bottom, "".join(inner), **frame.data())


def scales(chart: Chart) -> tuple[Scale, Scale]:
    """Return both axes; a vertical one that follows from the data shows what lies within the horizontal one."""
    xs = [v for line in chart.lines for v in line.x] + [s.x for s in chart.spots]
    marked = {axis: [m.at for m in chart.marks if m.axis == axis] for axis in ("x", "y")}
    x = scale(xs or marked["x"], chart.x_range, chart.x_log, tight=_tight(chart))
    seen = [v for line in chart.lines for at, v in zip(line.x, line.y, strict=True) if 0 <= x.share(at) <= 1]
    seen += [s.y for s in chart.spots if 0 <= x.share(s.x) <= 1]
    return x, scale(seen + marked["y"], chart.y_range, chart.y_log)


def _tight(chart: Chart) -> bool:
    """Return whether curves may begin and end at the frame: there are no points that it would cut."""
    return not chart.spots and all(line.style != "points" for line in chart.lines)


def curve(line: Line, place: int, look: int, frame: Frame) -> str:
    """Return one line, the `place`-th of the picture, in the `look`-th colour."""
    places = [(frame.across(x), frame.up(y)) for x, y in zip(line.x, line.y, strict=True)]
    look %= STYLES
    if line.style == "points":
        return tag("path", d=dots(places, MARKERS[look]), class_=f"dots m{look + 1} s{look + 1}", data_line=place)
    return tag("path", d=COURSES[line.style](places), class_=look_of(line, look), data_line=place)


def look_of(line: Line, look: int) -> str:
    """Return the classes of a line's colour and dashes."""
    return f"curve s{look + 1} " + ("dashed" if line.style == "dashed" else f"d{look + 1}")


def entries(chart: Chart) -> list[tuple[str, str]]:
    """Return the legend; a single line that bears the name of its axis needs none."""
    named = [(i, line) for i, line in enumerate(chart.lines) if line.label]
    if len(chart.lines) == 1 and chart.lines[0].label in (chart.title, chart.y_label):
        return []
    return [(sample(line, i % STYLES), line.label) for i, line in named]


def sample(line: Line, look: int) -> str:
    """Return a short piece of a line, for the legend."""
    if line.style == "points":
        return tag("path", d="M0 0" + MARKERS[look], class_=f"dots m{look + 1} s{look + 1}")
    return tag("path", d="M-13 0H13", class_=look_of(line, look))


def clipped(frame: Frame, *inner: str) -> str:
    """Return what is drawn with all that leaves the frame cut off."""
    box = (frame.left, frame.top - 1, frame.width + 1, frame.height + 2)
    view = " ".join(f"{v:.1f}" for v in box)
    x, y, wide, high = box
    return tag("svg", *inner, x=x, y=y, width=wide, height=high, viewBox=view, class_="curves")


def mark(m: Mark, frame: Frame) -> str:
    """Return the dotted line of a mark; none where it lies outside."""
    if m.axis == "x" and 0 <= frame.x.share(m.at) <= 1:
        return tag("path", d=f"M{frame.across(m.at):.1f} {frame.top - GAP:.1f}V{frame.bottom:.1f}", class_="mark")
    if m.axis == "y" and 0 <= frame.y.share(m.at) <= 1:
        return tag("path", d=f"M{frame.left:.1f} {frame.up(m.at):.1f}H{frame.right:.1f}", class_="mark")
    return ""


def mark_names(marks: tuple[Mark, ...], frame: Frame) -> tuple[str, float]:
    """Return the names of the marks of the horizontal axis, in as many rows as keep them apart, and their room."""
    inside = sorted((m for m in marks if m.axis == "x" and 0 <= frame.x.share(m.at) <= 1), key=lambda m: m.at)
    ends: list[float] = []
    drawn = []
    for m in inside:
        half = width(m.label, LETTER) / 2
        middle = min(max(frame.across(m.at), half), WIDTH - half)
        row = next((i for i, end in enumerate(ends) if middle - half > end), len(ends))
        ends[row : row + 1] = [middle + half + GAP]
        drawn.append(words(m.label, middle, frame.top + LINE * (row + 1) - 4, "name", "middle"))
    return "".join(drawn), LINE * len(ends)


def level_names(marks: tuple[Mark, ...], frame: Frame) -> str:
    """Return the names of the marks of the vertical axis, above their lines at the right, kept apart."""
    inside = sorted((m for m in marks if m.axis == "y" and 0 <= frame.y.share(m.at) <= 1), key=lambda m: frame.up(m.at))
    drawn, last = [], frame.top - LINE
    for m in inside:
        last = max(frame.up(m.at) - 5, last + LINE, frame.top + LETTER - 2)
        label = " ".join(wrapped(m.label, LETTER, frame.width))
        drawn.append(words(label, frame.right - 4, last, "name halo", "end"))
    return "".join(drawn)
