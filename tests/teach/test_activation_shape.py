"""The shape of activations against their textbooks: ranges, slopes, flat parts, corners, moments."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import integrate, optimize, special, stats

import lossmith as ls
from lossmith.catalogue import ACTIVATIONS
from lossmith.errors import LossmithError
from lossmith.teach.activations.facts import between, facts, flat, known, steepest
from lossmith.teach.activations.proof import range_is_proved
from lossmith.teach.activations.shape import normal, shape

ROOT = math.sqrt(2)
ELEMENTWISE = [row.name for row in ACTIVATIONS if not row.row]


def of(name: str, **numbers: float):
    """The shape of one activation."""
    return shape(ls.activation(name, **numbers))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("identity", "(−∞, ∞)"), ("sigmoid", "(0, 1)"), ("tanh", "(−1, 1)"), ("relu", "[0, ∞)"), ("relu6", "[0, 6]"),
        ("elu", "(−1, ∞)"), ("softplus", "(0, ∞)"), ("log_sigmoid", "(−∞, 0)"), ("softsign", "(−1, 1)"),
        ("hard_tanh", "[−1, 1]"), ("hard_sigmoid", "[0, 1]"), ("hard_swish", "[−0.375, ∞)"), ("exponential", "(0, ∞)"),
        ("selu", "(−1.758, ∞)"), ("scaled_tanh", "(−1.716, 1.716)"), ("silu", "[−0.2785, ∞)"), ("gelu", "[−0.17, ∞)"),
    ],
)  # fmt: skip
def test_ranges(name: str, expected: str) -> None:
    assert between(of(name)) == expected


def test_ranges_are_called_proved_only_where_bounds_of_the_formula_say_so() -> None:
    assert [known(of(name)) for name in ("sigmoid", "silu", "gelu", "identity")] == [
        "proved from the formula", "proved from the formula", "measured", "nothing to show: there is no bound",
    ]  # fmt: skip
    silu = ls.activation("silu")
    assert not range_is_proved(silu, -0.2784, math.inf, ())  # it goes to -0.27846
    assert not range_is_proved(ls.activation("relu6"), 0.0, 5.999, (0.0, 6.0))


def test_the_lowest_point_of_silu_is_where_its_derivative_has_its_root() -> None:
    """SiLU turns at x = -1 - W(1/e), and its value there is -W(1/e), with Lambert's W."""
    w = float(special.lambertw(math.exp(-1)).real)
    found = of("silu")
    assert found.turns[0] == pytest.approx(-1 - w, rel=1e-13)
    # a flat minimum: 1e-14 beside it, the value differs by 1e-28
    assert found.low.value == pytest.approx(-w, rel=1e-15)


@pytest.mark.parametrize(
    ("name", "at", "slope"),
    [("sigmoid", 0.0, 0.25), ("tanh", 0.0, 1.0), ("gelu", ROOT, stats.norm.cdf(ROOT) + ROOT * stats.norm.pdf(ROOT)),
     ("hard_swish", 3.0, 1.5), ("softsign", 0.0, 1.0)],
)  # fmt: skip
def test_the_largest_slope(name: str, at: float, slope: float) -> None:
    found = of(name).steepest
    # the top of a curve is found where rounding hides the fall: at the square root of a rounding
    assert found.low == found.high == pytest.approx(at, abs=1e-7)
    assert found.slope == pytest.approx(slope, rel=4 * np.finfo(float).eps)


@pytest.mark.parametrize(
    ("name", "expected"),
    [("relu", "1, everywhere above 0"), ("identity", "1, everywhere"), ("softplus", "1, approached as x goes to ∞"),
     ("log_sigmoid", "1, approached as x goes to −∞"), ("relu6", "1, from 0 to 6"),
     ("exponential", "none: it grows as x goes to ∞"),
     ("elu", "1, everywhere above 0"), ("sigmoid", "0.25, at x = 0")],
)  # fmt: skip
def test_slopes_that_are_no_single_point(name: str, expected: str) -> None:
    assert steepest(of(name)) == expected


def test_flat_parts_are_where_the_slope_is_a_hundredth() -> None:
    sigmoid, tanh = of("sigmoid"), of("tanh")
    # sigmoid' = 0.0025 at log(p / (1 - p)) with p (1 - p) = 0.0025; tanh' = 0.01 at artanh(sqrt(0.99))
    p = (1 + math.sqrt(1 - 4 * 0.0025)) / 2
    assert sigmoid.flat_above == -sigmoid.flat_below == pytest.approx(math.log(p / (1 - p)), rel=1e-13)
    assert tanh.flat_above == pytest.approx(math.atanh(math.sqrt(0.99)), rel=1e-13)
    assert of("softsign").flat_above == pytest.approx(9.0, rel=1e-13)
    assert (of("relu").flat_below, of("relu").flat_above, of("relu").flat_share) == (0.0, None, 0.5)
    assert flat(of("leaky_relu", slope=0.02)) == flat(of("exponential")) == "nowhere"
    assert of("elu").flat_below == pytest.approx(math.log(0.01), rel=1e-13)


def test_corners_are_those_where_slopes_differ() -> None:
    assert [(c.at, c.left, c.right, c.chosen) for c in of("leaky_relu").corners] == [(0.0, 0.01, 1.0, 0.01)]
    assert [c.at for c in of("relu6").corners] == [0.0, 6.0]
    assert of("elu").corners == of("celu", alpha=0.5).corners == of("softsign").corners == ()
    assert [(c.left, c.right) for c in of("elu", alpha=0.5).corners] == [(0.5, 1.0)]


@pytest.mark.parametrize("name", ["sigmoid", "gelu", "mish", "relu6", "hard_swish", "selu"])
def test_moments_are_those_of_quadrature(name: str) -> None:
    f = ls.activation(name)
    found = normal(f)
    for got, function in (
        (found.mean, lambda x: f([x])[0]),
        (found.square, lambda x: f([x])[0] ** 2),
        (found.slope_square, lambda x: f.derivative([x])[0] ** 2),
    ):
        with np.errstate(all="ignore"):
            expected = integrate.quad(
                lambda x, g=function: float(g(x)) * stats.norm.pdf(x), -12, 12, points=[-3, 0, 3, 6], limit=200
            )[0]
        # midpoints of width 1/1024: second derivative / 24 / 1024**2, about 1e-7; corners lie between midpoints
        assert got == pytest.approx(expected, abs=2e-7)


def test_selu_keeps_mean_and_variance() -> None:
    """Klambauer et al. (2017): (0, 1) is a fixed point."""
    found = of("selu").normal
    assert abs(found.mean) < 1e-7
    assert abs(found.variance - 1) < 1e-7


def test_odd_activations_are_centred_and_others_are_not() -> None:
    centred = {name for name in ELEMENTWISE if of(name).odd}
    assert centred == {"identity", "tanh", "softsign", "scaled_tanh", "hard_tanh"}
    assert all(abs(of(name).normal.mean) < 1e-15 for name in centred)
    assert of("relu").normal.mean == pytest.approx(1 / math.sqrt(2 * math.pi), abs=2e-7)


def test_the_turn_of_mish_is_a_root_by_another_solver() -> None:
    f = ls.activation("mish")
    root = optimize.brentq(lambda x: f.derivative([x])[0], -2, -1, xtol=1e-14)
    assert of("mish").turns == pytest.approx((root,), abs=1e-12)


def test_softmax_has_no_such_shape() -> None:
    with pytest.raises(LossmithError, match="LM313 softmax"):
        of("softmax")


def test_the_table_of_facts_has_a_column_for_each() -> None:
    table = facts([ls.activation("relu"), ls.activation("elu", alpha=2.0)]).blocks[0]
    assert table.header == ("", "relu", "elu")
    assert {len(row) for row in table.rows} == {3}
    assert {row[0]: row[2] for row in table.rows}["corners"] == "x = 0: slope 2 before, 1 after, 2 taken there"
