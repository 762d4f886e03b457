"""Curves: the numbers of the loss itself, and jumps exactly where the formula has them."""

from __future__ import annotations

import math
from functools import partial

import numpy as np
import pytest

import lossmith as ls
from lossmith.report.loss_page import jumps as found_jumps
from lossmith.report.loss_page.bends import places
from lossmith.report.loss_page.curves import curves, grid, least, section
from lossmith.report.loss_page.extremes import peak
from lossmith.report.loss_page.jumps import KINDS, jumps, with_corners
from lossmith.report.loss_page.record import Jump, View
from lossmith.report.loss_page.scenes import views


def first_view(loss: ls.Loss) -> View:
    return views(loss, loss.target)[0]


def jumps_of(loss: ls.Loss, window: tuple[float, float] | None = None) -> list[Jump]:
    view = first_view(loss)
    x = grid(view, not loss.is_additive, window)
    found = [found_jumps.jumps_of(loss, s, curves(loss, s, x)) for s in view.scenes]
    return [jump for line in found for jump in line]


def test_curves_are_the_loss_at_the_rows_of_the_scene() -> None:
    loss, x = ls.get("focal", gamma=1.5).using("numpy"), np.array([-3.0, 0.25, 40.0])
    for y, scene in zip((0.0, 1.0), first_view(loss).scenes, strict=True):
        found = curves(loss, scene, x)
        gradient, hessian = loss.per_example_gradient_and_hessian(np.full(3, y), x)
        assert found.loss == tuple(loss.per_example(np.full(3, y), x))
        assert (found.gradient, found.curvature) == (tuple(gradient), tuple(hessian))
        assert found.predicted == tuple(loss.predict(x))


def test_of_classes_one_raw_prediction_moves() -> None:
    loss, x = ls.get("cross_entropy").using("numpy"), np.array([-1.0, 2.0])
    true, other = (curves(loss, scene, x) for scene in first_view(loss).scenes)
    z = np.array([[-1.0, 0.0, 0.0], [2.0, 0.0, 0.0]])
    assert true.loss == tuple(loss.per_example([0, 0], z)) and other.loss == tuple(loss.per_example([1, 1], z))
    assert true.gradient == tuple(loss.per_example_gradient([0, 0], z)[:, 0])
    assert true.predicted == tuple(loss.predict(z)[:, 0])


def test_of_a_batch_the_finished_number_moves() -> None:
    loss = ls.get("dice").using("numpy")
    scene, step = first_view(loss).scenes[1], 1e-5
    found = curves(loss, scene, np.array([0.3 - step, 0.3, 0.3 + step]))
    y = dict(scene.targets)["y"]
    z = np.array(scene.base) + 0.3 * np.array(scene.slope)
    assert found.loss[1] == loss.value(y, z) and found.gradient[1] == loss.gradient(y, z)[0]
    # a central difference is off by step**2 / 6 times the third derivative, and by rounding over the step: 1e-10 in all
    assert found.gradient[1] == pytest.approx((found.loss[2] - found.loss[0]) / (2 * step), abs=1e-9)
    assert found.curvature[1] == pytest.approx((found.gradient[2] - found.gradient[0]) / (2 * step), abs=1e-9)


@pytest.mark.parametrize(
    ("loss", "expected"),
    [
        (ls.get("huber", delta=1.7), [(-1.7, "curvature"), (1.7, "curvature")]),
        (ls.get("quantile", level=0.9), [(0.0, "gradient")]),
        (ls.get("expectile", level=0.9), [(0.0, "curvature")]),
        (ls.parse("where(abs(y - z) < 1, 0, 1) + 0*z", target="real"), [(-1.0, "loss"), (1.0, "loss")]),
        (ls.parse("maximum(abs(y - z) - 0.3, 0)", target="real"), [(-0.3, "gradient"), (0.3, "gradient")]),
        # nearer than the points of the grid, which are 0.02 apart
        (ls.get("huber", delta=0.01), [(-0.01, "curvature"), (0.01, "curvature")]),
        (ls.get("huber", delta=1e-3), [(-1e-3, "curvature"), (1e-3, "curvature")]),
        (
            ls.parse("where(abs(y - z - 1) < 1e-6, 0, 1) + 0*z", target="real"),
            [(-1 - 1e-6, "loss"), (-1 + 1e-6, "loss")],
        ),
    ],
)
def test_jumps_lie_where_the_formula_has_them(loss: ls.Loss, expected: list[tuple[float, str]]) -> None:
    found = jumps_of(loss.using("numpy"))
    assert [jump.what for jump in found] == [what for _, what in expected]
    assert [jump.at for jump in found] == pytest.approx([at for at, _ in expected], abs=1e-9)
    assert not any(jump.endless for jump in found)


@pytest.mark.parametrize("name", ["mse", "log_cosh", "bce", "focal", "poisson", "student_t", "gamma_likelihood"])
def test_a_smooth_loss_jumps_nowhere_however_far_one_looks(name: str) -> None:
    loss = ls.get(name).using("numpy")
    assert jumps_of(loss) == [] == jumps_of(loss, (-700.0, 700.0))


def test_a_batch_that_is_flooded_has_corners() -> None:
    loss = ls.parse("mse.flood(1.0)").using("numpy")
    scene = first_view(loss).scenes[0]
    found = jumps(partial(curves, loss, scene), curves(loss, scene, grid(first_view(loss), True)), ("loss", "gradient"))
    corner = math.sqrt(4 - (0.25 + 1 + 2.25))  # the mean of four squares is 1
    assert [jump.at for jump in found] == pytest.approx([-corner, corner], abs=1e-9)


def test_the_window_holds_the_corners() -> None:
    loss = ls.get("huber", delta=10).using("numpy")
    assert with_corners(first_view(loss), loss).window == pytest.approx((-15.0, 15.0))
    steep = ls.get("huber", delta=1e6).using("numpy")
    assert with_corners(first_view(steep), steep).window == (-4.0, 4.0)


def test_the_least_loss_is_closed_in() -> None:
    loss = ls.parse("(y - z + 0.3)**4", target="real").using("numpy")
    scene = first_view(loss).scenes[0]
    at, value = least(partial(curves, loss, scene), curves(loss, scene, grid(first_view(loss), False)))
    assert at == pytest.approx(0.3, abs=1e-3) and value < 1e-12  # a fourth power is flat: its fourth root is of 1e-16
    assert section(lambda x: abs(x - 0.7), 0.0, 1.0) == pytest.approx(0.7, abs=1e-7)


def test_a_line_without_a_number_is_told_as_such() -> None:
    loss = ls.parse("log(z) + 0*y", target="real").using("numpy")
    scene = first_view(loss).scenes[0]
    found = curves(loss, scene, np.array([-2.0, -1.0]))
    assert np.isnan(found.loss).all()
    assert np.isnan(least(partial(curves, loss, scene), found)).all()


@pytest.mark.parametrize(
    ("formula", "jump", "endless", "lowest"),
    [
        ("abs(y - z)**0.5", (0.0, "gradient"), {"gradient", "curvature"}, (0.0, 0.0)),
        ("1/(z - 1)**2 + (y - z)**2", (1.0, "loss"), {"loss", "gradient", "curvature"}, None),
        ("log(y - z)", None, {"gradient", "curvature"}, (-2.0, -math.inf)),
        ("sqrt(y - z)", None, {"gradient", "curvature"}, (-2.0, 0.0)),
        ("log(cosh(50*(y - z)))", None, set(), (0.0, 0.0)),
    ],
)
def test_what_has_no_bound_is_told_from_what_is_steep(
    formula: str, jump: tuple[float, str] | None, endless: set[str], lowest: tuple[float, float] | None
) -> None:
    loss = ls.parse(formula, target="real").using("numpy")
    view, scene = first_view(loss), first_view(loss).scenes[0]
    found, measure = curves(loss, scene, grid(view, False)), partial(curves, loss, scene)
    assert {what for what in KINDS if peak(measure, found, what).endless} == endless
    assert [(j.at, j.what) for j in found_jumps.jumps_of(loss, scene, found) if j.endless] == ([jump] if jump else [])
    if lowest:
        assert least(measure, found) == pytest.approx(lowest, abs=1e-9)


def test_the_least_at_a_corner_is_that_of_the_corner_itself():
    loss = ls.parse("100*abs((y-p)/y)", target="positive", link="exp").using("numpy")
    scene, x = views(loss, "positive")[0].scenes[2], grid(views(loss, "positive")[0], False)
    at, value = least(partial(curves, loss, scene), curves(loss, scene, x), places(loss, scene, x))
    assert at == pytest.approx(np.log(5), rel=1e-15) and value == 0
