"""The pipeline as a whole: what is derived, what is cached, what is refused."""

from __future__ import annotations

import pytest

import lossmith as ls
from lossmith.compiler import expressions, program
from lossmith.errors import UnsupportedError


@pytest.mark.parametrize(
    ("text", "op", "factor"),
    [
        ("(y - z)**2", "example_mean", 1.0),
        ("3*mean((y - z)**2)", "example_mean", 3.0),
        ("-sum(y*z)", "example_sum", -1.0),
        ("sum((y - z)**2)/2", "example_sum", None),
        ("mean(abs(y - z)) + 2*mean((y - z)**2)", "example_mean", None),
        ("sqrt(mean((y - z)**2))", None, None),
        ("mean(y*z)*mean(y)", None, None),
        ("mean((z - mean(z))**2)", None, None),
        ("mean(abs(y - z)) + sum(abs(y - z))", None, None),
        ("mean(z) + 1", "example_mean", None),
    ],
)
def test_whether_the_total_is_a_sum_over_rows_is_read_off_the_formula(
    text: str, op: str | None, factor: float | None
) -> None:
    found = expressions(ls.parse(text, target="real").definition).additive
    assert (None if found is None else found.op) == op
    if factor is not None:
        assert found is not None
        assert found.factor == factor


def test_equal_definitions_share_their_formulas() -> None:
    a = ls.get("focal", gamma=1.0)
    assert expressions(a.definition) is expressions(a.bind(gamma=3.0).definition)
    assert program(a.definition, ("value",), True) is program(a.bind(gamma=3.0).definition, ("value",), True)


def test_outputs_per_row_are_refused_by_name_where_there_are_none() -> None:
    with pytest.raises(UnsupportedError, match=r"LM310 rmse"):
        program(ls.get("rmse").definition, ("per_example",), False)
