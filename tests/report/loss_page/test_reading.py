"""What is read off the pictures, the sliders, and the best constant: small records, checked in numbers."""

from __future__ import annotations

import math
from functools import partial

import numpy as np
import pytest

import lossmith as ls
from lossmith.formula.definition import check_parameter
from lossmith.loss.library import look_up
from lossmith.report.loss_page.curves import curves, grid, least
from lossmith.report.loss_page.jumps import between
from lossmith.report.loss_page.number_text import short
from lossmith.report.loss_page.pictures import range_of
from lossmith.report.loss_page.reading import reading, spans
from lossmith.report.loss_page.record import Curves, Jump
from lossmith.report.loss_page.scenes import views
from lossmith.report.loss_page.sliders import sliders

X = tuple(np.linspace(-10.0, 10.0, 400))


def line(loss: list[float], gradient: list[float], curvature: list[float]) -> Curves:
    return Curves(X, tuple(loss), tuple(gradient), tuple(curvature), X)


def test_a_saturated_loss_is_read_as_too_weak() -> None:
    x = np.array(X)
    p = 1 / (1 + np.exp(-x))
    brier = line((1 - p) ** 2, -2 * (1 - p) ** 2 * p, 2 * (1 - p) ** 2 * p * (2 * p - (1 - p)))  # type: ignore[arg-type]
    least, steepest, weak, down, jumps = reading("y = 1", brier, (), (10.0, 2e-9)).cells
    assert least == "2e-9 at 10" and jumps == "none"
    assert steepest.startswith("0.296 at −0.6")  # 8/27, where p is 1/3
    assert weak.startswith("up to −5") and down == "up to −0.702"  # -log(2), within half a step of the grid
    log_loss = line(np.log1p(np.exp(-x)), p - 1, p * (1 - p))  # type: ignore[arg-type]
    assert reading("y = 1", log_loss, (), (10.0, 4.5e-5)).cells[2:] == ("nowhere here", "nowhere here", "none")


def test_what_has_no_number_is_told() -> None:
    nothing = line([math.nan] * 400, [math.nan] * 400, [math.nan] * 400)
    cells = reading("y = 0", nothing, [Jump(1.0, "loss")], (math.nan, math.nan)).cells
    assert cells == ("no finite number", "no finite number", "nowhere here", "not known", "loss at 1")


def test_where_something_holds() -> None:
    x = np.arange(5.0)
    assert spans(x, np.array([False, True, True, False, False])) == "0.5 to 2.5"
    assert spans(x, np.ones(5, dtype=bool)) == "everywhere here"


@pytest.mark.parametrize("value", [0.1, 12345.678, 9.9999e6, 1e7, 1e-4, 9.99e-5, -2.5e-300, 1e300, 123.0])
def test_numbers_keep_three_digits(value: float) -> None:
    assert float(short(value).replace("−", "-")) == float(f"{value:.3g}")


def cells(formula: str) -> list[tuple[str, ...]]:
    loss = look_up(formula, {})[0].using("numpy")
    view = views(loss, loss.target)[0]
    found = [
        (scene.label, curves(loss, scene, grid(view, False)), partial(curves, loss, scene)) for scene in view.scenes
    ]
    return [reading(label, drawn, (), least(measure, drawn), measure).cells for label, drawn, measure in found]


def test_a_stretch_is_told_as_one_and_borders_lie_between_the_points_of_the_grid() -> None:
    assert cells("huber")[0][:2] == ("0 at 0", "1 up to −1, from 1 on")
    assert cells("maximum(abs(y - z) - 1.23, 0)")[0][:2] == ("0 from −1.23 to 1.23", "1 up to −1.23, from 1.23 on")
    # log(1 + exp(z)) reaches 1.5 at log(exp(1.5) - 1) = 1.2475, where its slope is 1 - exp(-1.5) = 0.7769
    assert cells("bce.truncate(1.5)")[0][1:3] == ("0.777 at 1.25", "from 1.25 on")
    assert cells("sin(y - z)**2")[0][0] == "0 at 0"  # of several equally deep places the one next to 0
    assert cells("(y - z)**4")[0][0] == "0 at 0"  # flat, but no stretch
    assert cells("log(y - z)")[1][:2] == ("falls without bound near 0", "without bound near 0")


def test_between_two_near_jumps_one_looks_as_well() -> None:
    loss = ls.get("huber", delta=0.01).using("numpy")
    (view,) = views(loss, "real")
    measure = partial(curves, loss, view.scenes[0])
    found = measure(grid(view, False))
    near = between(measure, found, [Jump(-0.01, "curvature"), Jump(0.01, "curvature")])
    assert reading("", near, (), (0.0, 0.0), measure).cells[1] == "0.01 up to −0.01, from 0.01 on"


def test_what_has_no_bound_is_cut_off() -> None:
    x = np.linspace(-4, 4, 400)
    pole = [*(1 / (x - 1) ** 4), 1e18]
    assert range_of(pole, with_zero=True)[1] > 1e17 and range_of(pole, with_zero=True, endless=True)[1] < 100


def test_the_range_leaves_out_what_is_far_beyond() -> None:
    low, high = range_of([*np.linspace(0, 1, 50), 500.0, math.inf, math.nan], with_zero=True)
    assert low <= 0 and 1 < high < 4
    assert range_of([], with_zero=True) == (0.0, 1.0)


@pytest.mark.parametrize("name", ls.names())
def test_sliders_stay_in_the_domain(name: str) -> None:
    loss = ls.get(name)
    for slider in sliders(loss):
        assert slider.first <= slider.value <= slider.last and slider.first < slider.last
        for place in (slider.first, slider.last):
            check_parameter(loss.definition, slider.name, place)


def test_sliders_of_every_form_of_domain() -> None:
    loss = ls.parse(
        "abs(y - z) + a + b + c + d*z + m",
        target="real",
        parameters={
            "a": (5.0, "real"),
            "b": (3.0, "count"),
            "c": (0.0, "[0, 1)"),
            "d": (-2.0, "(-inf, 0]"),
            "m": (2.0, "(1, inf)"),
        },
    )
    found = {s.name: (s.first, s.last, s.log, s.integer) for s in sliders(loss)}
    assert found["a"] == (-15.0, 25.0, False, False) and found["b"] == (0.0, 12.0, False, True)
    assert found["c"] == (0.0, 0.99, False, False) and found["d"] == (-8.0, 0.0, False, False)
    assert found["m"] == (1.01, 101.0, True, False)
