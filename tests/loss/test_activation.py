"""Activations on arrays: derivative is the derivative, shapes and dtypes stay, extremes are finite."""

from __future__ import annotations

import numpy as np
import pytest

import lossmith as ls
from lossmith.errors import LossmithError
from lossmith.loss.activation import _with_ones

ELEMENTWISE = (
    *(
        "identity",
        "sigmoid",
        "tanh",
        "relu",
        "leaky_relu",
        "prelu",
        "elu",
        "celu",
        "selu",
        "gelu",
        "silu",
        "swish",
        "mish",
    ),
    *("softplus", "log_sigmoid", "softsign", "scaled_tanh", "relu6", "hard_tanh", "hard_sigmoid", "hard_swish"),
)
EXTREME = np.array([0.0, -0.0, 1e-300, -1e-300, 40.0, -40.0, 745.0, -745.0, 1e30, -1e30, 1e300, -1e300])


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_derivative_is_the_difference_quotient(name: str) -> None:
    f = ls.activation(name)
    x, h = (
        np.linspace(-4.93, 5.0, 100),
        2.0**-17,
    )  # beside the kinks; the error of a central difference is about h**2 = 6e-11
    np.testing.assert_allclose(f.derivative(x), (f(x + h) - f(x - h)) / (2 * h), rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_the_ends_of_the_line_are_finite(name: str) -> None:
    f = ls.activation(name)
    assert np.isfinite(f(EXTREME)).all()
    assert np.isfinite(f.derivative(EXTREME)).all()
    assert np.isnan(f([np.nan])).all()


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_shape_and_dtype_stay(dtype: type) -> None:
    x = np.zeros((2, 3, 4), dtype=dtype)
    for name in (*ELEMENTWISE, "softmax"):
        assert ls.activation(name)(x).shape == x.shape
        assert ls.activation(name)(x).dtype == dtype


def test_softmax_works_along_the_last_axis_and_has_no_elementwise_derivative() -> None:
    softmax = ls.activation("softmax")
    assert softmax([[1e30, 0.0], [0.0, 0.0]]).tolist() == [[1.0, 0.0], [0.5, 0.5]]
    with pytest.raises(LossmithError, match=r"LM313"):
        softmax.derivative([1.0])


@pytest.mark.parametrize(
    ("name", "increasing", "odd", "bounded", "corners"),
    [("tanh", True, True, True, 0), ("sigmoid", True, False, True, 0), ("relu", True, False, False, 1),
     ("silu", False, False, False, 0), ("identity", True, True, False, 0), ("softmax", True, False, True, 0),
     ("exponential", True, False, False, 0), ("softsign", True, True, True, 1), ("hard_tanh", True, True, True, 2)],
)  # fmt: skip
def test_facts_of_activations(name: str, increasing: bool, odd: bool, bounded: bool, corners: int) -> None:
    facts = ls.activation(name).facts
    assert (facts.increasing.value, facts.odd.value, facts.bounded.value, len(facts.kinks)) == (
        increasing, odd, bounded, corners,
    )  # fmt: skip


def test_a_refuted_fact_names_a_counterexample() -> None:
    """SiLU falls before it rises."""
    found = ls.activation("silu").facts.increasing
    at = float(found.note.removeprefix("x="))
    assert found.evidence == "refuted"
    assert ls.activation("silu").derivative([at])[0] <= 0


def test_the_exponential_overflows_where_its_value_does_and_nowhere_else() -> None:
    f = ls.activation("exponential")
    assert np.isfinite(f([-1e300, -745.0, 0.0, 709.0])).all()
    assert f([710.0]).tolist() == f.derivative([710.0]).tolist() == [np.inf]


@pytest.mark.parametrize(("name", "other"), [("celu", "elu"), ("swish", "silu")])
def test_a_parameter_of_one_is_not_there(name: str, other: str) -> None:
    """The very same operations: celu costs what elu costs, and no bit differs."""
    x = np.concatenate([np.linspace(-800.0, 800.0, 801), np.logspace(-300, 2, 50), [-0.0, np.inf, -np.inf, np.nan]])
    one, two = ls.activation(name), ls.activation(other)
    assert np.array_equal(one(x), two(x), equal_nan=True)
    assert np.array_equal(one.derivative(x), two.derivative(x), equal_nan=True)
    ones = ("alpha", "beta")
    assert repr(_with_ones(one.record.formula, ones)) == repr(_with_ones(two.record.formula, ones))


def test_a_temperature_divides_the_raw_predictions() -> None:
    x = np.array([3.0, -1.0, 0.5])
    assert ls.activation("softmax", temperature=4.0)(4 * x).tolist() == ls.activation("softmax")(x).tolist()


@pytest.mark.parametrize(
    ("name", "numbers"), [("swish", {"beta": 0.0}), ("celu", {"alpha": -1.0}), ("softmax", {"temperature": np.nan})]
)
def test_parameters_keep_to_their_domain(name: str, numbers: dict[str, float]) -> None:
    with pytest.raises(LossmithError, match=f"LM205 {name}: {next(iter(numbers))} must be"):
        ls.activation(name, **numbers)


def test_losses_and_activations_show_themselves_in_a_notebook() -> None:
    for thing in (ls.get("huber"), ls.activation("relu")):
        assert thing._repr_html_() == ls.show(thing)._repr_html_()
        assert thing._repr_html_().startswith("<iframe ")
