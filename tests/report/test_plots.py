"""Pictures as plotly figures and as words: every style is drawn, no number is lost, nothing undefined is written."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest

from lossmith.report.study import plots
from lossmith.report.study.picture_text import TELL, alternative
from lossmith.report.study.plots import COLOURS, STYLES, figure, height
from lossmith.report.study.record import Picture, Series
from tests.report.test_html import strict

LINE = Series("a", "line", (0.0, 1.0, 2.0), (3.0, 1.0, 2.0))


def picture(*series: Series, **more: Any) -> Picture:
    return Picture("name", "Title", "", "across", "up", series, **more)


def drawn(one: Picture) -> dict[str, Any]:
    made: dict[str, Any] = strict(figure(one))
    return made


def test_every_style_is_drawn_and_told() -> None:
    assert set(STYLES) == set(TELL) == {"dots", "line", "steps", "bars", "points"}
    for style in STYLES:
        one = picture(replace(LINE, style=style, error=(0.1, 0.2, 0.3)), marks=((1.0, "one"), (2.0, "two")))
        (trace,) = drawn(one)["data"]
        assert (trace["x"], trace["y"]) == ([0, 1, 2], [3, 1, 2])
        assert alternative(one).startswith("Title. ")


def test_what_is_not_defined_leaves_a_gap() -> None:
    holes = replace(LINE, y=(math.nan, math.inf, 2.0), error=(math.nan, 0.1, 0.2))
    for style in STYLES:
        assert drawn(picture(replace(holes, style=style)))["data"][0]["y"] == [None, None, 2.0]
        told = alternative(picture(replace(holes, style=style)))
        assert "nan" not in told and "inf" not in told and "not defined" not in told
    assert alternative(picture(replace(LINE, y=(math.nan,) * 3))) == "Title."


@pytest.mark.parametrize("style", ["points", "bars"])
def test_errors_are_drawn(style: str) -> None:
    (trace,) = drawn(picture(replace(LINE, style=style, error=(0.1, 0.2, 0.3))))["data"]
    assert trace["error_y"]["array"] == [0.1, 0.2, 0.3] and trace["error_y"]["visible"]
    assert not drawn(picture(replace(LINE, style=style)))["data"][0]["error_y"]["visible"]


def test_bars_with_names_lie() -> None:
    one = picture(Series("a", "bars", ("<b>", "c"), (1.0, 2.0)))
    (trace,) = drawn(one)["data"]
    assert (trace["orientation"], trace["y"], trace["x"]) == ("h", ["&lt;b&gt;", "c"], [1.0, 2.0])
    assert drawn(one)["layout"]["xaxis"]["title"]["text"] == "up"
    assert drawn(picture(replace(LINE, style="bars")))["data"][0]["orientation"] == "v"


def test_a_perfect_forecast_is_a_line_through_equal_numbers() -> None:
    points = Series("a", "points", (0.1, 0.9), (0.2, 0.8))
    assert "a perfect forecast" not in figure(picture(points))
    line = drawn(picture(points, diagonal=True))["data"][0]
    assert line["x"] == line["y"] == [0.0, 1.0]
    wide = drawn(picture(replace(points, x=(-5.0, 20.0)), diagonal=True))["data"][0]
    assert wide["x"] == wide["y"] == [-5.0, 20.0]


def test_axes_go_by_ratios_where_the_points_do() -> None:
    x = tuple(10.0 ** (i / 10 - 3) for i in range(31))
    by_ratio = picture(Series("a", "line", x, x), marks=((0.01, "here"), (0.0, "nowhere")))
    layout = drawn(by_ratio)["layout"]
    assert layout["xaxis"]["type"] == "log" and "type" not in layout["yaxis"]
    assert [note["x"] for note in layout["annotations"]] == [-2.0]  # plotly takes the logarithm here,
    assert [line["x0"] for line in layout["shapes"]] == [0.01]  # and the number itself here
    even = tuple(0.1 + i for i in range(31))
    assert "type" not in drawn(picture(Series("a", "line", even, even)))["layout"]["xaxis"]


def test_rare_probabilities_are_spread_by_ratios() -> None:
    rare = Series("a", "points", (0.001, 0.01, 0.5), (0.002, 0.01, 0.4))
    layout = drawn(picture(rare, diagonal=True))["layout"]
    assert layout["xaxis"]["type"] == layout["yaxis"]["type"] == "log"
    zero = drawn(picture(replace(rare, y=(0.0, 0.01, 0.4)), diagonal=True))["layout"]
    assert "type" not in zero["xaxis"]  # a logarithm would hide the zero


def test_marks_stand_on_the_side_that_has_room() -> None:
    notes = drawn(picture(LINE, marks=((0.1, "left"), (1.9, "right"))))["layout"]["annotations"]
    assert [note["xanchor"] for note in notes] == ["left", "right"]
    assert len({note["y"] for note in notes}) == 2


def test_a_way_that_is_far_worse_does_not_squeeze_the_others() -> None:
    dots = Series("others", "dots", (90.0, -4.0, -5.0), (3.0, 2.0, 1.0), (1.0, 1.0, 1.0))
    marks = ((3.0, "constant"), (2.0, "b"), (1.0, "c"))
    layout = drawn(picture(dots, marks=marks))["layout"]
    low, high = layout["xaxis"]["range"]
    assert low < -6 and 0 < high < 90
    assert [(note["y"], note["text"]) for note in layout["annotations"]] == [(3.0, "+90 →")]
    near = drawn(picture(replace(dots, x=(5.0, -4.0, -5.0)), marks=marks))["layout"]
    assert "range" not in near["xaxis"] and near["annotations"] == []
    assert layout["yaxis"]["ticktext"] == ["constant", "b", "c"]
    assert "constant: 90 ± 1" in alternative(picture(dots, marks=marks))


def test_lines_differ_without_colour() -> None:
    many = drawn(picture(*(replace(LINE, label=str(i)) for i in range(len(COLOURS)))))["data"]
    assert len({(trace["line"]["color"], trace["line"]["dash"]) for trace in many}) == len(COLOURS)
    assert len({trace["line"]["dash"] for trace in many[:5]}) == 5


def test_a_line_is_told_by_its_ends_and_its_least() -> None:
    assert alternative(picture(LINE)) == "Title. a: 3 at 0 and 2 at 2, least 1 at 1."


def test_room_is_kept_for_every_plot() -> None:
    for one in (picture(LINE), picture(Series("a", "bars", ("b", "c"), (1.0, 2.0)))):
        assert drawn(one)["layout"]["height"] == height(one) > 100
    assert plots.height(picture()) == plots.HEIGHT
    assert drawn(picture())["data"] == []
