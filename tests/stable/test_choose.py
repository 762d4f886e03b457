"""The choice among candidate forms: what is recorded is what measuring finds, and a wrong record is refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from lossmith.checking.remaining import kernel_floats
from lossmith.formula.node import Node, make, number_of, walk
from lossmith.interpret import BALLS, interpret
from lossmith.stable.choose import QUESTIONS, SLACK, X, Y, choose, cost, errors, keeps, simplest, sizes_of, worst_at
from lossmith.stable.chosen import CHOSEN, COSTS, hand_over
from lossmith.stable.forms import in_plain_operations

FLOATS = kernel_floats()
PAIRS = [name for name, row in CHOSEN.items() if row.near != row.far]


def test_every_question_has_an_answer() -> None:
    assert set(CHOSEN) == set(QUESTIONS)
    used = {n.op for q in QUESTIONS.values() for form in q.candidates.values() for n in walk(form) if n.args}
    assert used <= set(COSTS)


@pytest.mark.parametrize("name", QUESTIONS)
def test_what_is_recorded_is_what_is_chosen(name: str) -> None:
    """Other points than those of the record (another seed), and the times of the record."""
    found = choose(name, FLOATS, COSTS, count=300, seed=7)
    worst = worst_at(name, CHOSEN[name], FLOATS, count=300, seed=7)
    assert keeps(CHOSEN[name], found, worst), (found, worst)
    assert worst <= 2 * CHOSEN[name].worst + SLACK  # another sample of the same errors, in ulp


@pytest.mark.parametrize("name", PAIRS)
def test_beyond_the_interval_a_hand_over_costs_digits(name: str) -> None:
    """The near form used too far up, or the far one too far down, is worse than the pair at its worst by 1 ulp or more."""
    question, row = QUESTIONS[name], CHOSEN[name]
    sizes = sizes_of(question, 400, seed=3)
    near, far = (errors(question, question.candidates[key], sizes, FLOATS, seed=3) for key in (row.near, row.far))
    assert near[sizes > 4 * row.high].max(initial=0.0) > row.worst + 1
    assert far[sizes < row.low / 4].max(initial=0.0) > row.worst + 1
    wrong = replace(row, at=16 * row.high)
    assert not keeps(wrong, CHOSEN[name], worst_at(name, wrong, FLOATS, count=300, seed=7))


@pytest.mark.parametrize("name", QUESTIONS)
def test_candidates_mean_the_same(name: str) -> None:
    """Equal in exact arithmetic where none leaves its domain, up to the rounded log 2 and what is granted far out."""
    question, row = QUESTIONS[name], CHOSEN[name]
    far_out = ("twice the log", "size")  # of a square beside 1, where 1 no longer matters
    at = 0.5 if row.near in ("log1p", "root", "quotient") else row.at
    for key, sizes in ((row.near, at * np.array([0.3, 0.6, 0.9])), (row.far, at * np.array([1.1, 1.5, 1.9]))):
        values = {leaf: v[:, None] for leaf, v in question.place(sizes, 0).items()}
        exact, found = interpret([question.exact, question.candidates[key]], values, BALLS(300))
        pairs = list(zip(found.ravel(), exact.ravel(), strict=True))
        assert key in far_out or all(abs(a - b) < 1e-15 * (1 + abs(b)) for a, b in pairs)


# the node that is computed by what a question has chosen
USED: dict[str, Node] = {
    "log_cosh": make("log_cosh", X),
    "log_one_minus_exp": make("log", -make("expm1", X)),
    "log1p_of_square": make("log", 1 + X * X),
    "root_of_one_plus_square": make("sqrt", 1 + X * X),
    "log_ratio": make("log_ratio", X, Y),
    "exp_minus": make("exp_minus", X, Y),
    "one_minus_scaled_exp": make("one_minus_scaled_exp", Y, X),
}


@pytest.mark.parametrize("name", USED)
def test_the_forms_read_the_record(name: str) -> None:
    """The form holds the near candidate, and hands over at the recorded size."""
    nodes = walk(in_plain_operations(USED[name]))
    near = QUESTIONS[name].candidates[CHOSEN[name].near]
    assert any(n is near for n in nodes) or near.op == "negative"  # written as a negative of the same
    borders = {abs(number_of(a) or 0.0) for n in nodes if n.op == "less" for a in n.args if number_of(a) is not None}
    borders |= {abs(number_of(a.args[0]) or 0.0) for n in nodes if n.op == "less" for a in n.args if a.op == "negative"}
    assert number_of(hand_over(name)) in borders


def test_what_is_cheaper_wins_among_equals() -> None:
    """sqrt(1 + x**2) - 1 as a quotient is as good alone as with the difference far out: alone it costs less."""
    assert CHOSEN["root_minus_one"].near == CHOSEN["root_minus_one"].far == "quotient"
    dear = {**COSTS, "log1p": 1e6}
    assert choose("log_cosh", FLOATS, dear, count=200).near == "log1p of cosh - 1"  # nothing cheaper is good there
    assert cost(make("exp", X) + make("exp", X), {"exp": 7.0, "add": 1.0}) == 8.0  # a shared part is computed once


def test_the_simplest_number_is_a_power_of_two_if_one_fits() -> None:
    assert simplest(0.36, 1.99) == 1.0
    assert 0.55 < simplest(0.55, 0.9) < 0.9
