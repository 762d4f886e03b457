"""The tiles of the answer, and the cells of tables."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lossmith.report.study.answer import advised, bars, percent, shares, standing, tag, tiles, unit, usual
from lossmith.report.study.cells import column_texts, columns_of, value_text
from lossmith.report.study.record import Table
from tests.report.examples import delays, disease, nothing, ratings


def test_the_tiles_say_what_to_use_what_it_gains_and_what_to_do() -> None:
    use, gains, now = tiles(delays())
    assert use.main == "quantile loss (level 5/6)" and "83.33 %" in use.small
    assert gains.main == "20 % less" and "35.42 ± 0.31 instead of 44.28" in gains.small
    assert now.command.startswith("python predict.py")
    assert tiles(disease())[0].title == "Keep the usual loss, with this rule"
    assert tiles(ratings())[1].main == "Nothing else is clearly better"
    assert not tiles(nothing())[2].command


def test_where_the_rule_counts_and_another_loss_was_cheapest_the_tiles_follow_the_files() -> None:
    made = disease()
    rows = tuple(replace(row, chosen=row.best) for row in made.comparison.rows)
    other = replace(made, comparison=replace(made.comparison, rows=rows), recommended={"label": rows[-1].label})
    assert advised(other) is rows[-1]
    assert [tag(other, row) for row in rows] == ["", "", "", "", "advised"]
    use, _, now = tiles(other)
    assert use.title == "The rule is what counts; this way was cheapest" and use.main == rows[-1].label
    assert now.small == f"It answers with {rows[-1].label}."


def test_without_the_program_no_command_is_shown() -> None:
    assert not tiles(replace(delays(), files=()))[2].command


def test_bars_are_as_long_as_their_numbers() -> None:
    first, second = bars(delays())
    assert (first.length, second.length) == (100.0, 80.0)  # 35.42 / 44.28 is 0.800
    made = delays()
    below = tuple(replace(row, mean=-row.mean) for row in made.comparison.rows)
    assert bars(replace(made, comparison=replace(made.comparison, rows=below))) == ()


def test_shares_are_as_long_as_the_gain() -> None:
    assert [bar.length for bar in shares(delays())] == [82.0, 18.0, 100.0]
    gain = delays().gain
    assert gain is not None
    more = replace(delays(), gain=replace(gain, loss_share=2.0, rule_share=None))
    assert [bar.length for bar in shares(more)] == [100.0, 50.0]
    assert shares(replace(delays(), gain=None)) == ()


def test_a_share_of_nothing_is_not_told() -> None:
    table = delays().comparison
    reference = usual(table)
    assert reference is not None and percent(advised(delays()), reference) == "20 %"
    assert percent(advised(delays()), replace(reference, mean=0.0)) == ""
    assert percent(advised(delays()), replace(reference, mean=-3.0)) == ""
    assert percent(advised(delays()), None) == ""
    assert percent(replace(advised(delays()), difference=float("nan")), reference) == ""


def test_a_difference_is_clear_only_if_it_counts() -> None:
    one = advised(delays())
    assert standing(one) == "clearly less"
    assert standing(replace(one, difference=1.0)) == "clearly more"
    assert standing(replace(one, counts=False)) == "no clear difference"
    assert standing(replace(one, difference=float("nan"))) == ""


@pytest.mark.parametrize(
    ("values", "texts"),
    [
        ((0.004, 0.011, None), ("0.004", "0.011", "–")),
        ((35.4183, 7.0, float("inf")), ("35.418", "7.000", "not defined")),
        ((1e-9, 5000.0), ("1e-09", "5,000")),
        ((-3.251, -0.5), ("−3.251", "−0.500")),
        ((True, False), ("yes", "no")),
        ((2013, 7), ("2013", "7")),
        ((2013.0, 12_000.0), ("2,013", "12,000")),
        (("a", 1.25), ("a", "1.25")),
        ((1e300, 2.5), ("1e+300", "2.5")),
        ((), ()),
        ((0.0, 0.0), ("0", "0")),
    ],
)
def test_numbers_of_a_column_have_the_same_digits(values: tuple[object, ...], texts: tuple[str, ...]) -> None:
    assert column_texts(values) == texts


def test_huge_numbers_stay_short() -> None:
    assert len(value_text(1.7e308)) < 12 and len(value_text(-1.7e308)) < 12


@pytest.mark.parametrize(
    ("values", "right"),
    [
        (("3.4 ± 3.2", "−0.9 ± 1", "best"), True),
        (("83.33 %", "2,722"), True),
        (("2013-12-15", "2013-10-27"), False),
        (("1.25 : 1", "2 : 1"), False),
        (("EV", "9E"), False),
        (("12", "a longer word"), False),
        ((None, None), False),
    ],
)
def test_numbers_that_are_texts_stand_right_too(values: tuple[object, ...], right: bool) -> None:
    assert columns_of(Table("", "", ("x",), tuple((value,) for value in values)))[0].numeric == right


def test_a_unit_is_told_only_if_it_says_something() -> None:
    made = delays()
    assert unit(made) == "in minutes"
    assert unit(replace(made, comparison=replace(made.comparison, unit="arr_delay"))) == ""
    assert unit(replace(made, comparison=replace(made.comparison, unit=""))) == ""


def test_what_the_loss_adds_is_the_rest() -> None:
    rest = shares(delays())
    assert [bar.text for bar in rest] == ["82 % (37.01)", "18 %", "100 % (35.42)"]
    assert rest[1].label.startswith("the rest")


def test_columns_of_numbers_stand_right_and_short_rows_are_filled() -> None:
    table = Table("", "", ("name", "n", "both"), (("a", 1, "x and y"), ("b", None, 2), ("c",)))
    assert [column.numeric for column in columns_of(table)] == [False, True, False]
    assert [column.texts[-1] for column in columns_of(table)] == ["c", "–", "–"]
