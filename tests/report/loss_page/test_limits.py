"""Where plain formulas break: beside formulas written by hand in NumPy, and beside the exact truth."""

import math

import numpy as np
import pytest

import lossmith as ls
from lossmith.loss.library import get, look_up
from lossmith.numerics.formats import format_of
from lossmith.report.loss_page.limits import limits, outputs
from lossmith.report.loss_page.tables import limits as limits_table
from tests.report.loss_page.exact_rows import exact_row

FORMATS = {"float32": np.float32, "float64": np.float64}
NEAR = 1e-5  # the border is closed in to 3e-8 of a gap of at most 60


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def log_loss(y, z):
    return -y * np.log(sigmoid(z)) - (1 - y) * np.log(1 - sigmoid(z))


BY_HAND = {
    "binary_cross_entropy": log_loss,
    "brier": lambda y, z: (y - sigmoid(z)) ** 2,
    "poisson": lambda y, z: np.exp(z) - y * np.log(np.exp(z)),
    "gamma": lambda y, z: np.log(np.exp(z)) + y / np.exp(z),
    "log_cosh": lambda y, z: np.log(np.cosh(z - y)),
}
"""Values as people write them."""


def fault_of(number):
    return "NaN" if math.isnan(number) else "infinite" if math.isinf(number) else "false zero" if number == 0 else None


def inwards(limit):
    """A place a little nearer to the middle."""
    return limit.at * (1 - NEAR) if limit.at else 0.0


@pytest.mark.parametrize("name", BY_HAND)
def test_formulas_written_by_hand_break_at_the_same_place(name):
    found = [limit for limit in limits(get(name)) if limit.output == "value" and limit.side != "near"]
    assert {limit.format for limit in found} == set(FORMATS)
    for limit in found:
        as_floats = FORMATS[limit.format]
        with np.errstate(all="ignore"):
            there, before = (
                float(BY_HAND[name](as_floats(limit.target), as_floats(z))) for z in (limit.at, inwards(limit))
            )
        assert fault_of(there) == limit.what
        assert fault_of(before) is None


@pytest.mark.parametrize("name", BY_HAND)
def test_nothing_breaks_between(name):
    """Between the borders of a scene the formula written by hand gives numbers: no border was walked over."""
    for format, as_floats in FORMATS.items():
        found = [limit for limit in limits(get(name)) if (limit.output, limit.format) == ("value", format)]
        for target in {limit.target for limit in found}:
            sides = {limit.side: inwards(limit) for limit in found if limit.target == target}
            low, high = (sides.get(side, far) for side, far in (("below", -80.0), ("above", 80.0)))
            with np.errstate(all="ignore"):
                between = BY_HAND[name](as_floats(target), np.linspace(low, high, 2001).astype(as_floats))
            middle = np.linspace(low, high, 2001) != 0.0  # towards the target it may break as well
            assert np.isfinite(between).all()
            assert (between[middle] != 0).all()


@pytest.mark.parametrize("name", ls.names())
def test_the_kernel_is_right_where_the_plain_formula_is_not(name):
    """Of every limit the number beside it is the exact one: within 16 units of the last place, as is promised of all."""
    loss = get(name).using("numpy")
    found = limits(loss)
    assert all(math.isfinite(limit.ours) for limit in found)
    for limit in found if loss.is_additive else ():
        if loss.target in ("class", "simplex", "ordinal"):
            continue
        truth = exact_row(loss, limit.target, limit.at)[limit.output]
        spacing = np.spacing(FORMATS[limit.format](max(abs(truth), format_of(limit.format).smallest_normal)))
        assert abs(limit.ours - truth) <= 16 * float(spacing)


@pytest.mark.parametrize("name", ["squared_error", "absolute_error", "huber", "quantile"])
def test_formulas_of_a_residual_alone_do_not_break(name):
    assert limits(get(name)) == ()


def test_rows_that_are_finished_together_break_where_their_squares_overflow():
    found = {(limit.format, limit.side): limit for limit in limits(get("rmse")) if limit.output == "value"}
    for (format, side), limit in found.items():
        largest = float(np.finfo(FORMATS[format]).max)
        assert limit.what == "infinite"
        assert math.isclose(abs(limit.at), math.sqrt(largest), rel_tol=1e-4)
        assert (limit.at < 0) == (side == "below")
        assert math.isclose(limit.ours, abs(limit.at) / 2, rel_tol=1e-6)  # one row of four
    assert len(found) == 4


@pytest.mark.parametrize(
    ("formula", "by_hand"),
    [
        ("log(1 + (y - z)**2)", lambda z: np.log(1 + z**2)),
        ("exp(y - z) - (y - z) - 1", lambda z: np.exp(-z) + z - 1),
        ("log_cosh", lambda z: np.log(np.cosh(z))),
    ],
)
def test_near_the_target_what_is_small_is_lost(formula, by_hand):
    found = [row for row in limits(look_up(formula, {})[0]) if (row.output, row.side) == ("value", "near")]
    assert {row.format for row in found} == set(FORMATS)
    for row in found:
        place = FORMATS[row.format](row.at)
        assert (
            by_hand(place)
            == 0
            < row.ours
            == pytest.approx(row.at**2 * (0.5 if formula != "log(1 + (y - z)**2)" else 1), rel=1e-3)
        )
        assert by_hand(place * FORMATS[row.format](1.01)) != 0 or by_hand(-place * FORMATS[row.format](1.01)) != 0


def test_the_curvature_of_a_finished_number_is_looked_for_or_said_not_to_be():
    found = limits(get("dice"))
    assert {row.output for row in found} == {"gradient", "hessian"} and outputs(get("dice"))[-1] == "hessian"
    assert limits_table(found, ("value", "gradient"))[0][1][0] == ["nowhere found"]
    only = [row for row in found if row.output != "hessian"]
    assert limits_table(only, ("value", "gradient"))[0][1][2] == ["not looked for"]


def test_of_classes_the_plain_softmax_breaks_where_its_exponentials_do():
    found = [limit for limit in limits(get("cross_entropy")) if (limit.format, limit.output) == ("float64", "value")]
    at = {(limit.target, limit.side): (limit.at, limit.what) for limit in found}
    overflow = math.log(np.finfo(float).max)
    assert math.isclose(at[0.0, "above"][0], overflow, rel_tol=1e-6) and at[0.0, "above"][1] == "NaN"
    assert at[1.0, "above"][1] == "false zero"
    assert math.isclose(at[1.0, "above"][0], 53 * math.log(2), rel_tol=1e-3)  # where 2 e**-z is lost beside 1


def test_formulas_of_the_reader_and_designs_have_limits_too():
    assert {limit.what for limit in limits(ls.parse("log(1 + exp(z)) - y*z", target="binary"))} >= {
        "infinite",
        "false zero",
    }
    assert limits(ls.parse("bce.modulate(gamma=1.5)"))
    two = ls.define(target="real", heads={"mean": "identity", "scale": "exp"}, name="two")(
        lambda y, mean, scale: ((y - mean) / scale) ** 2 / 2 + ls.log(scale)
    )
    assert {limit.label for limit in limits(two)}


def test_a_fault_at_one_place_alone_is_no_border():
    corner = ls.parse("where(abs(y-z)<0.01, 0.5*(y-z)**2/0.01, abs(y-z)-0.005)", target="real")
    assert limits(corner) == ()  # in float32 the two differ at 0.01 itself, and nowhere nearer


def test_what_is_nan_at_every_place_is_said():
    divergence = ls.parse("y*log(y/p) - y + p", target="nonnegative", link="exp")
    found = limits(divergence)
    nowhere = {(row.format, row.output) for row in found if row.side == "everywhere"}
    assert {row.label for row in found if row.side == "everywhere"} == {"y = 0"} and len(nowhere) == 6
    assert "y = 0: NaN everywhere" in limits_table(found)[0][1][0]


def test_other_heads_rest_where_those_of_the_pictures_do():
    formula = "log(s) + (y - m)**2/(2*s**2)"
    two = ls.parse(formula, target="real", heads={"m": "identity", "s": "exp"})
    broken = {(row.label, row.what) for row in limits(two, (2.0, 1.1)) if (row.view, row.side) == ("s", "below")}
    assert ("y = 2", "NaN") in broken and ("y = 0", "NaN") not in broken  # 0 / 0 where the mean is right
