"""Pictures: what they show is in the SVG at its place, what cannot be shown is a gap, and no text is read as SVG."""

import math
import re
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lossmith.report.pages.bands import levels, outline
from lossmith.report.pages.chart import Bars, Chart, Line, Mark, Spot, Surface, Table
from lossmith.report.pages.curve import NEAR, line, thinned
from lossmith.report.pages.figure import figure, table
from lossmith.report.pages.frame import LETTER, WIDTH
from lossmith.report.pages.lettering import width, wrapped
from lossmith.report.pages.svg import drawn

HOSTILE = "</svg><script>alert(1)</script>&\"'<"
ANY = st.floats(allow_nan=True, allow_infinity=True)


def curves(svg):
    """The paths of the lines, by their place."""
    return [path for path in ElementTree.fromstring(svg).iter("path") if path.get("data-line") is not None]


def places(data):
    """The points that a path visits."""
    return [tuple(map(float, pair)) for pair in re.findall(r"[ML](-?[\d.]+) (-?[\d.]+)", data)]


def frame(svg):
    """Left, top, width and height of the frame."""
    return tuple(map(float, ElementTree.fromstring(svg).get("data-frame").split()))


def simple(**more):
    return Chart("title", "x", "y", (Line("a", (0.0, 1.0, 2.0), (0.0, 1.0, 4.0)),), **more)


def surface(label="steps"):
    x = tuple(np.linspace(-1, 1, 9))
    z = tuple(tuple(float(a * a + b * b) for a in x) for b in x)
    return Surface("bowl", "w", "b", x, x, z, (Line(label, (-1.0, 0.0), (-1.0, 0.0)),), (Spot(0.0, 0.0, "best"),))


ALL = (simple(), Bars("b", "y", ("one", "two"), (("g", (1.0, 2.0)), ("h", (3.0, 4.0)))), surface())


@pytest.mark.parametrize("picture", ALL, ids=lambda p: type(p).__name__)
def test_a_picture_is_one_svg_with_a_name_for_those_who_do_not_see_it(picture):
    root = ElementTree.fromstring(drawn(picture))
    assert (root.tag, root.get("role"), root.find("title").text) == ("svg", "img", picture.title)
    assert drawn(picture) == drawn(picture)


def test_the_alternative_is_the_description():
    assert ElementTree.fromstring(drawn(simple(alternative="it rises"))).find("desc").text == "it rises"


def test_a_curve_goes_through_its_points():
    svg = drawn(simple(x_range=(0.0, 2.0), y_range=(0.0, 4.0)))
    left, top, wide, high = frame(svg)
    (path,) = curves(svg)
    wanted = [(left, top + high), (left + wide / 2, top + high * 3 / 4), (left + wide, top)]
    assert np.allclose(places(path.get("d")), wanted, atol=0.11)  # coordinates are written to a tenth


def test_what_is_not_finite_is_a_gap():
    made = Chart("t", "x", "y", (Line("a", (0, 1, 2, 3, 4), (1.0, 2.0, math.nan, math.inf, 0.0)),))
    (path,) = curves(drawn(made))
    assert path.get("d").count("M") == 2


@given(st.lists(st.tuples(ANY, ANY), max_size=6), st.booleans(), st.booleans())
def test_no_data_breaks_a_chart(points, x_log, y_log):
    x, y = tuple(p[0] for p in points), tuple(p[1] for p in points)
    lines = tuple(Line(style, x, y, style) for style in ("line", "dashed", "points", "steps"))
    svg = drawn(Chart("t", "x", "y", lines, (Mark(0.5, "m"), Mark(2.0, "n", "y")), x_log=x_log, y_log=y_log))
    assert "nan" not in svg and "inf" not in svg
    ElementTree.fromstring(svg)


@given(st.lists(ANY, min_size=2, max_size=2), st.booleans())
def test_no_data_breaks_bars(heights, log):
    svg = drawn(Bars("t", "y", ("a", "b"), (("g", tuple(heights)),), y_log=log))
    assert '="nan' not in svg and '="inf' not in svg
    assert all(float(rect.get("width")) >= 0 for rect in ElementTree.fromstring(svg).iter("rect"))


@pytest.mark.parametrize("kind", ["chart", "bars", "surface"])
def test_no_text_is_read_as_svg(kind):
    made = {
        "chart": Chart(HOSTILE, HOSTILE, HOSTILE, (Line(HOSTILE, (0.0, 1.0), (0.0, 1.0)),), (Mark(0.5, HOSTILE),),
                       (Spot(0.5, 0.5, HOSTILE),), alternative=HOSTILE),
        "bars": Bars(HOSTILE, HOSTILE, (HOSTILE,), ((HOSTILE, (1.0,)), (HOSTILE, (2.0,))), alternative=HOSTILE),
        "surface": surface(HOSTILE),
    }[kind]  # fmt: skip
    root = ElementTree.fromstring(drawn(made))
    assert all("script" not in element.tag for element in root.iter())


def test_lines_are_told_apart_by_colour_and_by_dashes():
    made = Chart("t", "x", "y", tuple(Line(str(i), (0.0, 1.0), (0.0, float(i))) for i in range(6)))
    looks = [path.get("class").split() for path in curves(drawn(made))]
    assert len({look[1] for look in looks}) == len({look[2] for look in looks}) == 6


def test_a_mark_outside_and_a_line_named_as_its_axis_are_not_spoken_of():
    svg = drawn(Chart("t", "x", "y", (Line("y", (0.0, 1.0), (0.0, 1.0)),), (Mark(5.0, "far away"),)))
    assert "far away" not in svg
    assert 'class="entry"' not in svg


def test_names_of_marks_that_would_meet_stand_in_rows():
    svg = drawn(simple(marks=(Mark(1.0, "a name that is long"), Mark(1.05, "another that is long"))))
    heights = [t.get("y") for t in ElementTree.fromstring(svg).iter("text") if "long" in (t.text or "")]
    assert len(set(heights)) == 2


def test_a_bar_is_as_long_as_its_number():
    svg = drawn(Bars("t", "y", ("a", "b"), (("", (1.0, 4.0)),)))
    lengths = [float(r.get("width")) for r in ElementTree.fromstring(svg).iter("rect") if r.get("data-bar")]
    assert lengths[1] / lengths[0] == pytest.approx(4, rel=2e-3)  # lengths are written to a tenth of some 60 units


def test_the_outline_of_a_level_is_a_circle_around_a_bowl():
    axis = np.linspace(-1, 1, 41)
    heights = axis[None, :] ** 2 + axis[:, None] ** 2
    hole = max(outline(heights, 0.25), key=len)
    radii = np.hypot(*((np.array(hole) - 20) / 20).T)
    assert np.allclose(radii, 0.5, atol=0.05**2)  # a straight piece over a cell of 0.05 errs by less than its square


def test_what_has_no_height_is_left_out_of_the_bands():
    heights = np.ones((5, 5))
    heights[2, 2] = np.nan
    assert len(outline(heights, 0.5)) == 2  # the whole, and a hole in it


def test_levels_cut_the_surface_in_equal_parts():
    cuts = levels(np.geomspace(1, 1000, 1000), 5)
    assert len(cuts) == 4 and cuts[0] == pytest.approx(4, rel=0.1)
    assert levels(np.ones(5)) == ()


def test_a_straight_line_needs_two_points():
    assert thinned([(float(i), 2.0 * i) for i in range(500)]) == [(0.0, 0.0), (499.0, 998.0)]
    wave = [(float(i), 100 * math.sin(i / 20)) for i in range(400)]
    kept = np.array(thinned(wave))
    assert len(kept) < 150
    off = np.abs(np.interp(np.arange(400), *kept.T) - np.array(wave)[:, 1]).max()
    assert off < NEAR * math.hypot(1, 5)  # the wave is at most 5 steep


def test_a_lonely_point_is_a_dot():
    assert line([(math.nan, 0.0), (1.0, 2.0), (math.nan, 0.0)]) == "M1 2h0"


@given(st.text(max_size=60))
def test_lines_of_text_fit(text):
    lines = wrapped(text, LETTER, WIDTH)
    assert all(width(one, LETTER) <= WIDTH for one in lines)
    assert "".join(lines).replace(" ", "") == "".join(text.split())


def test_tables_and_captions_escape_their_words():
    made = table(Table((HOSTILE, "n"), ((HOSTILE, 1.5), ("b", 2))))
    assert "<script" not in made and '<td class="n">1.5</td>' in made
    assert "<script" not in figure(simple(), HOSTILE)
