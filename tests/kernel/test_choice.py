"""The operation `largest`: one choice by loops, by the evaluator, in kernels of NumPy and Numba, and in standalone source."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import lossmith as ls
from lossmith.emit import prelude
from lossmith.formula.node import make, symbol
from lossmith.formula.roles import WEIGHT
from lossmith.interpret import BALLS, NUMPY, interpret
from tests.properties import oracle

SCORE, AMOUNT, AMONG = (
    symbol("z", "raw", ["example"]),
    symbol("amount", "parameter"),
    symbol("c", "column", ["example"]),
)
# Shares are quotients of sums of up to eight weights: each rounds its last place at most once.
ROUNDING = 16 * 2.3e-16


def by_loops(score: Any, amount: Any, among: Any, weight: Any, groups: Any) -> Any:
    """From the largest score down, whole levels of equal ones, until no amount is left; NaN is the largest."""
    share, rank = np.zeros(len(score)), np.where(np.isnan(score), np.inf, score)
    for g in sorted(set(groups)):
        left = amount
        for level in sorted(set(rank[groups == g]), reverse=True):
            rows = [i for i in range(len(score)) if groups[i] == g and rank[i] == level and among[i] * weight[i] != 0]
            held = sum(among[i] * weight[i] for i in rows)
            for i in rows:
                share[i] = min(1.0, max(0.0, left / held))
            left -= held
    return share * among


CASES = st.lists(
    st.tuples(
        st.sampled_from([-2.0, -0.5, 0.0, 0.0, 1.0, 3.5]),  # scores with ties
        st.sampled_from([0.0, 0.5, 1.0, 2.0, 1.0]),  # weights
        st.sampled_from([0.0, 0.25, 1.0, 1.0]),  # how much may be chosen
        st.integers(0, 2),  # groups
    ),
    min_size=1,
    max_size=8,
)


def columns(case: list[tuple[Any, ...]]) -> tuple[Any, ...]:
    score, weight, among, groups = (np.array(column) for column in zip(*case, strict=True))
    return score.astype(float), weight, among, np.unique(groups, return_inverse=True)[1]


def interpreted(system: Any, score: Any, amount: float, among: Any, weight: Any, groups: Any, per_group: bool) -> Any:
    node = make("largest", SCORE, AMOUNT, AMONG, attr=("group",) if per_group else None)
    values = {SCORE: score, AMOUNT: amount, AMONG: among, **({} if weight is None else {WEIGHT: weight})}
    found = interpret([node], values, system, groups if per_group else None)[0]
    return np.array([float(x) for x in found.reshape(-1)])


@settings(max_examples=50)
@given(CASES, st.sampled_from([0.0, 0.3, 1.0, 2.5, 100.0]), st.booleans())
def test_every_way_of_computing_chooses_the_same(case: Any, amount: float, per_group: bool) -> None:
    score, weight, among, groups = columns(case)
    ids = groups if per_group else np.zeros(len(score), dtype=np.int64)
    expected = by_loops(score, amount, among, weight, ids)
    kernel = prelude._largest(score, amount, among, weight, groups if per_group else None).reshape(-1)
    np.testing.assert_allclose(kernel, expected, rtol=ROUNDING, atol=ROUNDING)
    found = interpreted(NUMPY, score, amount, among, weight, groups, per_group)
    np.testing.assert_allclose(found, expected, rtol=ROUNDING, atol=ROUNDING)
    found = interpreted(BALLS(100), score, amount, among, None, groups, per_group)
    expected = by_loops(score, amount, among, np.ones(len(score)), ids)
    np.testing.assert_allclose(found, expected, rtol=ROUNDING, atol=ROUNDING)


@given(CASES, st.sampled_from([0.3, 1.0, 2.5]))
def test_what_is_chosen_adds_up_to_the_amount_or_to_all_there_is(case: Any, amount: float) -> None:
    score, weight, among, _ = columns(case)
    share = prelude._largest(score, amount, among, weight, None).reshape(-1)
    assert ((share >= 0) & (share <= among)).all()
    assert (share * weight).sum() == pytest.approx(min(amount, (among * weight).sum()), rel=ROUNDING)
    assert not share[(weight == 0) | (among == 0)].any()


def test_equal_scores_share_and_order_does_not_matter() -> None:
    score = np.array([1.0, 2.0, 2.0, 2.0, 0.0])
    assert prelude._largest(score, 2.0, 1.0, np.ones(5), None).reshape(-1).tolist() == [0.0, 2 / 3, 2 / 3, 2 / 3, 0.0]
    weight = np.array([1.0, 1.0, 0.0, 3.0, 1.0])
    assert prelude._largest(score, 2.0, 1.0, weight, None).reshape(-1).tolist() == [0.0, 0.5, 0.0, 0.5, 0.0]


def test_infinite_scores_are_scores() -> None:
    score = np.array([-np.inf, np.inf, 0.0, np.inf])
    assert prelude._largest(score, 3.0, 1.0, np.ones(4), None).reshape(-1).tolist() == [0.0, 1.0, 1.0, 1.0]


def test_nan_is_the_largest_and_absent_where_it_weighs_nothing() -> None:
    score = np.array([5.0, np.nan, 1.0])
    assert prelude._largest(score, 1.0, 1.0, np.ones(3), None).reshape(-1).tolist() == [0.0, 1.0, 0.0]
    assert prelude._largest(score, 1.0, 1.0, np.array([1.0, 0.0, 1.0]), None).reshape(-1).tolist() == [1.0, 0.0, 0.0]
    absent = interpreted(NUMPY, score, 1.0, np.ones(3), np.array([1.0, 0.0, 1.0]), None, False)
    assert absent.tolist() == [1.0, 0.0, 0.0]


def test_the_evaluator_chooses_nan_first_as_well() -> None:
    found = interpreted(NUMPY, np.array([5.0, np.nan, 1.0]), 1.0, np.ones(3), np.ones(3), None, False)
    assert found.tolist() == [0.0, 1.0, 0.0]


# In losses ------------------------------------------------------------------------------------------------------------

RNG = np.random.default_rng(8)
N = 3000
Y = (RNG.random(N) < 0.2).astype(float)
RAW = np.round(RNG.normal(size=N), 2)  # ties
WEIGHT_OF_ROWS = RNG.choice([0.0, 0.5, 1.0, 2.0], N)
GROUP = RNG.integers(0, 7, N)
WAYS: list[dict[str, Any]] = [
    {"top": 0.1}, {"top": 20}, {"negatives": 1.5}, {"above": 0.8}, {"between": (0.2, 0.7)}, {"trim": 0.3},
]  # fmt: skip


@pytest.mark.parametrize("how", [{"top": 0.1}, {"negatives": 1.5}], ids=str)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_numba_kernels_choose_what_numpy_kernels_choose(how: dict[str, Any], dtype: Any) -> None:
    loss, raw = ls.get("bce").select(**how), RAW.astype(dtype)
    one, two = (loss.using(backend, 2).value_and_gradient(Y, raw, WEIGHT_OF_ROWS) for backend in ("numpy", "numba"))
    bound = 64 * float(np.finfo(dtype).eps)  # a loss of another last place may tie no more: its row weighs 1 in 3000
    assert one[0] == pytest.approx(two[0], rel=bound)
    np.testing.assert_allclose(one[1], two[1], rtol=bound, atol=0.01 / WEIGHT_OF_ROWS.sum())


@pytest.mark.parametrize("how", WAYS, ids=str)
@pytest.mark.parametrize("weighted", [False, True])
def test_standalone_source_chooses_the_same(how: dict[str, Any], weighted: bool) -> None:
    loss = ls.get("bce").select(**how).using("numpy")
    given = (Y[:200], RAW[:200], *([WEIGHT_OF_ROWS[:200]] if weighted else []))
    namespace: dict[str, Any] = {}
    exec(loss.source(), namespace)
    assert namespace["value"](*given) == pytest.approx(loss.value(*given), rel=1e-14)
    np.testing.assert_allclose(namespace["gradient"](*given), loss.gradient(*given), rtol=1e-13, atol=1e-18)


def test_standalone_source_of_a_tilted_loss() -> None:
    loss = ls.get("bce").tilt(2.0).using("numpy")
    namespace: dict[str, Any] = {}
    exec(loss.source(), namespace)
    assert namespace["value"](Y[:50], RAW[:50]) == pytest.approx(loss.value(Y[:50], RAW[:50]), rel=1e-14)
    np.testing.assert_allclose(namespace["gradient"](Y[:50], RAW[:50]), loss.gradient(Y[:50], RAW[:50]), rtol=1e-13)


def test_standalone_source_says_that_it_knows_no_groups() -> None:
    with pytest.raises(ls.LossmithError, match=r"LM316 .*groups"):
        ls.get("bce").select(top=2, per="group").source()


def test_the_evaluator_weighs_a_choice_in_balls() -> None:
    found = interpreted(BALLS(100), np.array([1.0, 2.0]), 1.0, np.ones(2), np.array([1.0, 2.0]), None, False)
    assert found.tolist() == [0.0, 0.5]


@pytest.mark.parametrize("how", [*WAYS, {"top": 2, "per": "group"}], ids=str)
def test_the_value_is_that_of_the_evaluator(how: dict[str, Any]) -> None:
    """The clean formula over balls of 400 bits, with the choice by their centres."""
    loss, group = ls.get("bce").select(**how).using("numpy"), {"group": GROUP[:60]}
    rows = oracle.rows_of(loss, Y[:60], RAW[:60], None, group)
    exact = oracle.exact_value(loss, rows)
    assert loss.value(Y[:60], RAW[:60], columns=group) == pytest.approx(exact, rel=16 * 2.3e-16)
