"""Numbers, losses and rules in plain words."""

from __future__ import annotations

import pytest

from lossmith.report.words import number, way_words, with_margin


@pytest.mark.parametrize(
    ("value", "margin", "text"),
    [
        (35.4183, 0.42, "35.42 ± 0.42"),
        (0.03127, 0.0009, "0.03127 ± 0.00090"),
        (1234567.0, 8900.0, "1,234,567 ± 8,900"),
        (5.0, None, "5"),
        (float("nan"), 1.0, "not defined"),
        (-2.5, 0.5, "-2.50 ± 0.50"),
        (0.0, None, "0"),
    ],
)
def test_numbers_show_two_digits_of_their_margin(value: float, margin: float | None, text: str) -> None:
    assert with_margin(value, margin) == text


def test_small_and_large_numbers_are_read_back_within_a_thousandth() -> None:
    for value in (3.0e-7, 1.234e-5, 0.098765, 1.0, 99999.5, 1.5e9):
        assert float(number(value).replace(",", "")) == pytest.approx(value, rel=1e-3)


def test_ways_read_like_sentences() -> None:
    assert way_words("squared error", {"rule": "shift", "amount": -2.0}) == "squared error − 2"
    assert way_words("log loss", {"rule": "threshold", "level": 0.5}) == "log loss, threshold 0.5"
    assert way_words("log loss", {"rule": "threshold", "level": 0.0}) == "log loss, always yes"
    assert way_words("squared error", {"rule": "as_is"}) == "squared error as it is"
