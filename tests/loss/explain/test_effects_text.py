"""What is said of pulls: of one batch where rows are finished together, to the last number that floats hold, and outwards."""

from __future__ import annotations

import lossmith as ls
from lossmith.loss.library import look_up


def said(text: str) -> str:
    return " ".join(look_up(text, {})[0].explain().split())


def test_rows_that_are_finished_together_compare_within_a_batch() -> None:
    between = "Between the rows of one batch, the pull of a row grows in proportion to its error"
    assert between in said("rmse") and between not in said("mse")
    assert "all of them push the other way" in said("mse.flood(0.3)") and "all of them" not in said("mse")
    assert "all of them push" not in said("rmse")


def test_a_flipped_sign_pushes_away() -> None:
    assert "every row pushes its prediction away from its target" in said("-(y-z)**2")


def test_where_floats_end_a_pull_does_not_stop_growing() -> None:
    text = said("exp(y-z) - (y-z) - 1")
    assert "growing to" in text and "from about 649 on" not in text


def test_a_huge_factor_leaves_no_rest() -> None:
    text = ls.parse("1e200*(y - z)**2", target="real").explain()
    assert "1e+200 * squared_error (equal" in text and "plus" not in text


def test_a_pull_that_is_level_is_told_as_level() -> None:
    assert "the same further out" in said("huber") and "nothing" in said("mae.truncate(3)")


def test_a_pull_that_starts_far_out_goes_on() -> None:
    assert "beside that of an error of 10: nothing at 0.1 and nothing at 1, as hard beyond 10." in said(
        "maximum(0, abs(y-z)-5)"
    )
