"""The pipeline as a whole: what is derived, what is cached, what is refused."""

from __future__ import annotations

import pytest

import lossmith as ls
from lossmith.compiler import expressions, program
from lossmith.errors import UnsupportedError
from lossmith.formula.text import to_text


@pytest.mark.parametrize(
    ("text", "denominator", "factor"),
    [
        ("(y - z)**2", "sum(1)", 1.0),
        ("3*mean((y - z)**2)", "sum(1)", 3.0),
        ("-sum(y*z)", "1", -1.0),
        ("sum((y - z)**2)/2", "1", None),
        ("mean(abs(y - z)) + 2*mean((y - z)**2)", "sum(1)", None),
        ("sqrt(mean((y - z)**2))", None, None),
        ("mean(y*z)*mean(y)", None, None),
        ("mean((z - mean(z))**2)", None, None),
        ("mean(abs(y - z)) + sum(abs(y - z))", None, None),
        ("mean(z) + 1", "sum(1)", None),
        ("2*(sum((y - z)**2)/count(1))", "count(1)", 2.0),
        ("sum((y - z)**2)/maximum(count(y), 1)", "maximum(count(y), 1)", 1.0),
        ("sum((y - z)**2)/sum(z)", None, None),
        ("mean(largest(abs(z), 2)*(y - z)**2)", None, None),
    ],
)
def test_whether_the_total_is_a_sum_over_rows_is_read_off_the_formula(
    text: str, denominator: str | None, factor: float | None
) -> None:
    found = expressions(ls.parse(text, target="real").definition).additive
    assert (None if found is None else to_text(found.denominator)) == denominator
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
