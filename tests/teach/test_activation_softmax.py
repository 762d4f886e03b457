"""Softmax as an activation: sums, shifts, the sigmoid as its two-class case, its derivative."""

from __future__ import annotations

import numpy as np
import pytest

import lossmith as ls
from lossmith.teach.activations.softmax import CLASSES, jacobian, sections, softmax_numbers

SOFTMAX, SIGMOID = ls.activation("softmax"), ls.activation("sigmoid")


@pytest.mark.parametrize("classes", [2, 3, 10, 1000])
@pytest.mark.parametrize("size", [1e-3, 1.0, 30.0, 1e6])
def test_a_row_sums_to_one(classes: int, size: float) -> None:
    rows = np.random.default_rng(classes).normal(0.0, size, (50, classes))
    p = SOFTMAX(rows)
    # each share is right to 4 units in its last place, so their exact sum is within 4 eps of 1; adding them up in pairs
    # rounds at most log2(classes) times
    assert np.abs(p.sum(axis=1) - 1).max() <= (4 + np.log2(classes)) * np.finfo(float).eps
    assert (p >= 0).all()


@pytest.mark.parametrize("shift", [-1e6, -1024.0, 0.5, 3.0, 1e6])
def test_a_common_shift_changes_no_bit(shift: float) -> None:
    """Multiples of 1/1024 plus such a shift are exact, and only differences of raw predictions enter."""
    rows = np.round(np.random.default_rng(1).normal(0.0, 8.0, (400, 7)) * 1024) / 1024
    assert (SOFTMAX(rows + shift) == SOFTMAX(rows)).all()


def test_two_classes_are_a_sigmoid_of_the_difference() -> None:
    z = np.concatenate([np.random.default_rng(2).normal(0.0, 10.0, 5000), [-700.0, -40.0, 0.0, 1e-300, 40.0, 700.0]])
    p = SOFTMAX(np.stack([z, np.zeros_like(z)], axis=1))
    # both are within 4 units in the last place of the same number
    assert (np.abs(p[:, 0] - SIGMOID(z)) <= 8 * np.spacing(SIGMOID(z))).all()
    assert (np.abs(p[:, 1] - SIGMOID(-z)) <= 8 * np.spacing(SIGMOID(-z))).all()


def test_the_derivative_is_that_of_differences_and_its_columns_sum_to_zero() -> None:
    softmax = ls.activation("softmax", temperature=0.7)
    row, h = np.array([0.3, -1.0, 2.0]), 2.0**-17
    steps = h * np.eye(3)
    expected = np.stack([(softmax(row + s) - softmax(row - s)) / (2 * h) for s in steps], axis=1)
    found = jacobian(softmax, row)
    # a central difference errs by h**2 / 6 times a third derivative (below 8 here), and by eps / h
    assert np.abs(found - expected).max() < 8 * h**2 + 2 * np.finfo(float).eps / h
    assert np.abs(found.sum(axis=0)).max() <= 4 * np.finfo(float).eps


def test_the_numbers_of_the_page_are_measured() -> None:
    found = softmax_numbers()
    assert found.rows == 400 * len(CLASSES)
    assert found.shifts == 0.0
    assert 0 < found.sums < 4 + np.log2(max(CLASSES))
    assert found.sigmoid <= 8
    # rounding z + 1000 moves it by 2**-44 at most, and a probability by twice that share
    assert 0 < found.rounded <= 2 * 2.0**-44 * 1.01


def test_cold_rows_pick_the_largest_and_hot_rows_are_even() -> None:
    table = next(s for s in sections(SOFTMAX) if s.key == "temperature").blocks[1]
    entropies = [row[-1] for row in table.rows]
    assert entropies == sorted(entropies)
    assert entropies[-1] < np.log(4)
