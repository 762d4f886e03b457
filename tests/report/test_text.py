"""A study on a terminal: one screen, at most 100 columns wide, and nothing in it steers the terminal."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from lossmith.report.study.text import (
    WIDTH,
    columns,
    comparison_lines,
    note_lines,
    one_line,
    screen,
    shown_rows,
    wrapped,
)
from tests.report.examples import EXAMPLES, NOTES, delays, nothing, ratings
from tests.report.test_html import spoiled

MOST_LINES = 45


@pytest.mark.parametrize("build", EXAMPLES.values(), ids=EXAMPLES)
def test_the_first_screen_is_one_screen(build: Any) -> None:
    lines = screen(build(), "study").splitlines()
    assert len(lines) <= MOST_LINES
    assert max(map(columns, lines)) <= WIDTH
    assert " ".join(lines).startswith(build().verdict[0])


def test_many_ways_and_many_notes_are_counted() -> None:
    made = delays()
    more = tuple(replace(made.comparison.rows[-2], label=f"way {i}", mean=50.0 + i) for i in range(30))
    many = replace(
        made, comparison=replace(made.comparison, rows=(*made.comparison.rows, *more)), notes=tuple(NOTES * 4)
    )
    text = screen(many, "study")
    assert len(text.splitlines()) <= MOST_LINES
    assert "... and 27 more on the page" in text and "more on the page" in text.split("Note:")[-1]
    kept = shown_rows(many)
    assert {row.role for row in kept} >= {"constant", "default"} and any(row.chosen for row in kept)
    assert list(kept) == [row for row in many.comparison.rows if row in kept]
    left = [row for row in many.comparison.rows if row not in kept]
    assert min(row.mean for row in left) >= max(row.mean for row in kept if row.role == "candidate")


def test_long_names_leave_room_for_fewer_ways() -> None:
    made = delays()
    rows = tuple(replace(row, label=f"{row.label}, {'and a long rule ' * 6}") for row in made.comparison.rows * 2)
    table = comparison_lines(replace(made, comparison=replace(made.comparison, rows=rows))).splitlines()
    assert len(table) <= 2 + 8 * 6 and "more on the page" in table[-2]
    assert sum("← advised" in line for line in table) >= 1 and max(map(columns, table)) <= WIDTH


def test_what_would_break_a_line_of_a_terminal_becomes_a_space() -> None:
    shown = screen(spoiled(delays(), "later\nmaybe \x1b[31mred \u202eder"), "here\n\x1b[2J")
    assert "\x1b" not in shown and "\u202e" not in shown
    assert shown.splitlines()[0] == "later maybe  [31mred  der"


def test_a_constant_is_advised_without_a_model() -> None:
    assert "should you want one all the same" in screen(nothing(), "here")
    assert "should you want one all the same" not in screen(ratings(), "here")


def test_rows_without_a_target_are_counted_on_the_first_screen() -> None:
    shown = " ".join(screen(delays()).split())
    assert "336,776 rows read; 9,430 left out: no arr_delay." in shown
    assert "5 folds; rows for each job: fit 209,502" in shown


def test_the_table_says_which_differences_are_clear() -> None:
    lines = comparison_lines(delays()).splitlines()
    assert [line for line in lines if line.endswith("← advised")] == [
        line for line in lines if "clearly less  ← advised" in line and line.startswith("quantile loss (level 5/6)")
    ]
    assert sum("no clear difference" in line for line in lines) == 1
    assert lines[-1].startswith("“Clearly”") and "99 %" in lines[-1]


def test_tables_of_text_stay_aligned_with_wide_letters() -> None:
    made = delays()
    for name in ("지연", "wait"):
        rows = tuple(replace(row, label=f"{name} {i}") for i, row in enumerate(made.comparison.rows))
        table = comparison_lines(replace(made, comparison=replace(made.comparison, rows=rows))).splitlines()
        ends = {columns(line[: line.index("±")]) for line in table if "±" in line}
        assert len(ends) == 1


def test_notes_keep_their_order_and_the_first_is_always_told() -> None:
    long = "word " * 400
    assert next(note_lines((long, "b"))).startswith("Note: word")
    assert list(note_lines((long, "b")))[-1].strip() == "... and 1 more on the page"
    assert list(note_lines(("a", "b"))) == ["Note: a", "Note: b"]
    assert list(note_lines(())) == []


def test_long_names_break_only_where_words_end() -> None:
    assert wrapped("x" * 150) == ["x" * 150]
    assert [columns(line) <= 20 for line in wrapped("지연 " * 20, "  ", 20)] == [True] * len(
        wrapped("지연 " * 20, "  ", 20)
    )
    assert " ".join(wrapped("a b  c d", "", 3)).split() == ["a", "b", "c", "d"]
    assert one_line("tab\there") == "tab here"
