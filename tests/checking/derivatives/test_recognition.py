"""What a loss is, told in words; and derivatives by differences with an honest error."""

from __future__ import annotations

import numpy as np
import pytest

import lossmith as ls
from lossmith.checking.derivatives import Known, look, recognise
from lossmith.checking.derivatives.differences import of_value, ridders
from lossmith.checking.derivatives.seen import look_at
from lossmith.checking.subject import Answer, Array, Subject
from tests.checking.derivatives.subjects import booster, numpy_pair, sigmoid

NAMED = {
    "half_squared_error": numpy_pair(lambda y, z: np.mean((y - z) ** 2) / 2),
    "squared_error": numpy_pair(lambda y, z: (y - z) ** 2, per_row=True),
    "3 * squared_error, summed over the rows": numpy_pair(lambda y, z: 3 * np.sum((y - z) ** 2)),
    "huber(delta=0.7)": booster(lambda y, z: (np.clip(z - y, -0.7, 0.7), np.ones_like(z))),
    "quantile(level=0.83)": numpy_pair(lambda y, z: np.mean(np.maximum(0.83 * (y - z), 0.17 * (z - y)))),
    "5 * expectile(level=0.8)": numpy_pair(lambda y, z: np.mean(np.where(z < y, 4, 1) * (y - z) ** 2)),
    "binary_cross_entropy.reweight({0: 1, 1: 5})": booster(
        lambda y, z: ((sigmoid(z) - y) * (1 + 4 * y), sigmoid(z) * (1 - sigmoid(z)) * (1 + 4 * y)), "binary"
    ),
    "poisson, up to a number that depends on the target alone": numpy_pair(
        lambda y, z: np.mean(np.exp(z) - y * z + y**2), kind="count"
    ),
}


@pytest.mark.parametrize("words", NAMED)
def test_a_loss_is_told_in_words(words: str) -> None:
    known = recognise(NAMED[words], None)
    assert known is not None
    assert known.words == words


def test_what_is_none_of_ours_is_not_named() -> None:
    assert recognise(numpy_pair(lambda y, z: np.mean(np.abs(y - z) ** 1.5 + 0.1 * z**2)), None) is None


@pytest.mark.parametrize(("divide", "name"), [(np.mean, "mean"), (np.sum, "sum")])
def test_the_denominator_is_told(divide: object, name: str) -> None:
    known = recognise(numpy_pair(lambda y, z: divide((y - z) ** 2)), None)  # type: ignore[operator]
    assert known is not None
    assert known.denominator == name


def test_a_reference_stands_whatever_the_numbers_say() -> None:
    known = recognise(numpy_pair(lambda y, z: np.mean(np.abs(y - z))), ls.get("mse"))
    assert known is not None
    assert (known.given, known.loss.name) == (True, "squared_error")


def test_a_loss_that_raises_is_left_to_the_check_of_calls() -> None:
    def call(y: Array, z: Array, weight: Array | None) -> Answer:
        raise RuntimeError("no")

    subject = Subject("f", "numpy", "real", "raw", call, frozenset({"value"}))
    assert recognise(subject, None) is None
    assert look(subject, Known(ls.get("mse"), given=True)) == []


def test_few_calls_are_made() -> None:
    calls = []

    def call(y: Array, z: Array, weight: Array | None) -> Answer:
        calls.append(y.size)
        return Answer(
            value=np.mean(np.abs(y - z) ** 1.5), gradient=1.5 * np.sqrt(np.abs(z - y)) * np.sign(z - y) / y.size
        )

    subject = Subject("f", "numpy", "real", "raw", call, frozenset({"value", "gradient"}))
    look(subject, recognise(subject, None))
    assert len(calls) <= 300


def test_differences_admit_their_error_at_a_corner_and_in_noise() -> None:
    points = np.array([0.0, 0.013, 0.5, -2.0])
    slope, error = ridders(lambda t: np.abs(points + t * 0.1), np.full(4, 1e-16), np.full(4, 0.1))
    assert np.all(np.abs(slope - np.sign(points)) <= np.where(points == 0.0, 1.0, error + 1e-12))
    assert np.isinf(error[1])
    rough = np.random.default_rng(0)
    noisy, said = ridders(
        lambda t: np.exp(points + t * 0.1) + rough.normal(size=4) * 1e-6, np.full(4, 1e-6), np.full(4, 0.1)
    )
    assert np.all(np.abs(noisy - np.exp(points)) <= 10 * said)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_differences_of_a_value_agree_with_its_gradient(dtype: str) -> None:
    subject = numpy_pair(
        lambda y, z: np.mean(np.log(np.cosh(z - y))), lambda y, z: np.tanh(z - y) / y.size, dtypes=(dtype,)
    )
    slopes = of_value(look_at(subject, 0), 0)
    assert slopes is not None
    assert slopes.reliable.sum() >= 8
    off = np.abs(slopes.found - slopes.given)[slopes.reliable]
    assert np.all(off <= 3 * slopes.error[slopes.reliable] + 1e-12)
