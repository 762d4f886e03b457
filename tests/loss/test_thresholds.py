"""Losses that choose rows: the choice over all batches and workers is the choice over all rows."""

from __future__ import annotations

from functools import reduce
from itertools import pairwise
from operator import add
from typing import Any

import numpy as np
import pytest

import lossmith as ls
from lossmith.errors import ArgumentError, UnsupportedError

ULP = float(np.finfo(np.float64).eps)


def _rows(seed: int = 0, n: int = 97) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    return {
        "y": (rng.random(n) < 0.3).astype(float),
        "raw": np.round(rng.normal(size=n), 1),  # ties
        "weight": rng.integers(0, 4, n).astype(float),
        "group": rng.integers(0, 5, n),
    }


def _part(rows: dict[str, Any], a: int, b: int, grouped: bool) -> tuple[tuple[Any, ...], dict[str, Any]]:
    given = {"columns": {"group": rows["group"][a:b]}} if grouped else {}
    return (rows["y"][a:b], rows["raw"][a:b], rows["weight"][a:b]), given


WAYS = {
    "top share": {"top": 0.2},
    "top count": {"top": 7},
    "per group": {"top": 3, "per": "group"},
    "negatives": {"negatives": 2},
    "band": {"between": (0.4, 0.9)},
    "trim": {"trim": 0.15},
}


@pytest.mark.parametrize("how", WAYS.values(), ids=WAYS)
@pytest.mark.parametrize("pieces", [1, 4, 43])
def test_thresholds_of_all_batches_give_the_loss_of_all_rows(how: dict[str, Any], pieces: int) -> None:
    loss, rows = ls.get("bce").select(**how), _rows()
    grouped = how.get("per") == "group"
    borders = np.linspace(0, len(rows["y"]), pieces + 1).astype(int)
    parts = [_part(rows, a, b, grouped) for a, b in pairwise(borders)]
    where = reduce(add, [loss.scores(*args, **given) for args, given in parts]).thresholds()
    total = sum(loss.sums(*args, **given, thresholds=where) for args, given in parts).value()
    args, given = _part(rows, 0, len(rows["y"]), grouped)
    whole = loss.value(*args, **given)
    assert abs(total - whole) <= 8 * ULP * abs(whole)  # shares at the border are found from sums in another order


def test_one_batch_alone_is_refused_with_the_way_out() -> None:
    loss = ls.get("bce").select(top=0.2)
    with pytest.raises(UnsupportedError, match=r"LM315 .*scores.*thresholds"):
        loss.sums([1, 0], [0.5, 0.5])


def test_a_threshold_that_is_given_needs_no_first_round() -> None:
    loss = ls.get("mae").select(above=1.5)
    parts = loss.sums([0.0], [1.0]) + loss.sums([0.0, 0.0], [2.0, 4.0])
    assert parts.value() == 3.0
    with pytest.raises(UnsupportedError, match="LM313"):
        loss.scores([0.0], [1.0])


def test_groups_over_several_batches_need_names() -> None:
    loss = ls.get("bce").select(top=1, per="group")
    with pytest.raises(ArgumentError, match=r"LM220 .*name the groups"):
        loss.scores([1, 0], [0.5, 0.5]).thresholds()


def test_a_batch_means_itself_if_it_is_all_there_is() -> None:
    """The choice within each batch is another loss: the mean of the hardest of each."""
    loss, y = ls.get("mae").select(top=1), np.zeros(4)
    raw = np.array([1.0, 2.0, 8.0, 9.0])
    by_batch = (loss.value(y[:2], raw[:2]) + loss.value(y[2:], raw[2:])) / 2
    assert (by_batch, loss.value(y, raw)) == (5.5, 9.0)
