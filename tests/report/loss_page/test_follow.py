"""Templates of code and names: filled in with other values they are what is written for these values."""

from __future__ import annotations

import pytest

import lossmith as ls
from lossmith.adapt import equivalents
from lossmith.loss.library import look_up
from lossmith.report.loss_page.follow import code, filled, gaps, names
from lossmith.report.loss_page.snippets import snippets


@pytest.mark.parametrize(
    ("text", "values"),
    [("huber", {"delta": 0.25}), ("student_t", {"degrees": 3.5, "scale": 0.125}), ("dice", {"smooth": 0.0})],
)
def test_code_of_other_values_is_the_template_filled_in(text: str, values: dict[str, float]) -> None:
    loss = ls.get(text)
    found = code(loss, snippets(loss))
    assert None not in found
    assert [filled(t, values) for t in found if t] == [row.code for row in snippets(loss.bind(**values))]


@pytest.mark.parametrize(
    ("text", "given"), [("mae.cvar(0.2)", {}), ("2*bce.modulate(gamma=2) + dice", {}), ("a*abs(y-z)", {"a": 2.0})]
)
def test_code_of_designs_and_formulas_runs_at_other_values(text: str, given: dict[str, float]) -> None:
    loss = look_up(text, given)[0]
    values = dict.fromkeys(loss.parameters, 0.75)
    found = code(loss, snippets(loss))
    assert None not in found
    line = next(line for line in filled(found[0] or (), values).splitlines() if line.startswith("loss = "))
    assert eval(line.removeprefix("loss = "), {"ls": ls}).parameters == values  # code of ours, to be copied
    assert "=0.75" in filled(found[-1] or (), values)


def test_names_in_other_libraries_hold_where_they_are_said_to() -> None:
    values = {"delta": 2.5}
    found = names(ls.get("huber"))
    told = [
        filled(row.template, values)
        for row in found
        if row.template and all(values[n] == v for n, v in row.when) and not any(values[n] == v for n, v in row.unless)
    ]
    assert sorted(told) == sorted(row.code for row in equivalents.of(ls.get("huber", delta=2.5)))
    assert [row.found for row in found if row.shown] == list(equivalents.of(ls.get("huber")))


def test_a_number_is_a_gap_only_as_a_whole() -> None:
    assert gaps("f(x, 0.7) + 10.75 + 0.7", {"a": 0.7}) == (("f(x, ", "a"), (") + 10.75 + ", "a"), ("", ""))
    assert gaps("as it is", {}) == (("as it is", ""),)
