"""Columns with a job: weights, groups, names and dropped columns do what was said, and every refusal is one sentence."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest

from lossmith.advise.data.table import Table, read_like, read_table
from lossmith.errors import DataError

N = 30


def rows(count: int = N, **more: Any) -> pl.DataFrame:
    plain = {
        "size": [3 * i % 17 for i in range(count)],
        "kind": ["a", "b", "c"] * (count // 3),
        "y": [float(i * i % 29) for i in range(count)],
    }
    return pl.DataFrame(plain | more, strict=False)


def read(frame: pl.DataFrame, **said: Any) -> Table:
    return read_table(frame, target="y", **said)


def test_columns_with_a_job_stay_in_the_frame_and_are_no_features() -> None:
    frame = rows(w=[1.5] * N, who=[i // 3 for i in range(N)], name=[f"r{i}" for i in range(N)], price=range(5, 5 + N))
    table = read(frame, weight="w", group="who", id="name", drop=["kind"], needed=("price",))
    assert table.features == ("size", "price")
    assert table.frame.columns == ["size", "price", "y", "w", "who", "name"]
    assert (table.weight, table.group, table.id) == ("w", "who", "name")
    assert dict(table.left_out) == {
        "w": "it holds the weights of the rows",
        "who": "it says which rows belong together",
        "name": "it names the rows",
        "kind": "you left it out",
    }


def test_a_dropped_column_that_has_a_job_keeps_the_job() -> None:
    frame = rows(day=[i // 2 for i in range(N)], price=range(5, 5 + N))
    table = read(frame, time="day", drop="day", needed=["price"])
    assert (table.time, table.features) == ("day", ("size", "kind", "price"))
    table = read(frame, needed=["price"], drop=["price"])
    assert "price" not in table.features
    assert table.frame["price"].to_list() == list(range(5, 5 + N))


def test_a_needed_column_that_is_of_no_use_to_models_is_kept_for_the_costs() -> None:
    table = read(rows(number=range(N)), needed=["number"])
    assert table.features == ("size", "kind")
    assert table.frame["number"].to_list() == list(range(N))


def test_names_and_groups_stay_as_they_are_written(tmp_path: Any) -> None:
    path = tmp_path / "a.csv"
    path.write_text("code,team,x,y\n" + "".join(f"{i:05},{i % 3}.0,{i % 4},{i}\n" for i in range(N)))
    table = read_table(path, target="y", id="code", group="team")
    assert table.frame["code"].to_list()[:2] == ["00000", "00001"]
    assert set(table.frame["team"]) == {"0.0", "1.0", "2.0"}
    assert set(read(rows(team=[float(i % 3) for i in range(N)]), group="team").frame["team"]) == {"0", "1", "2"}


def test_rows_of_weight_zero_are_absent_and_counted() -> None:
    weights = [0.0 if i % 5 == 0 else 2.0 for i in range(N)]
    table = read(rows(w=weights), weight="w")
    assert (table.frame.height, table.n_zero_weight, table.n_rows_read) == (24, 6, N)
    assert table.row_numbers.tolist() == [i + 1 for i in range(N) if i % 5]
    assert table.notes == ('6 rows of weight 0 ("w") are left out: they count as absent.',)


def test_weights_of_rows_without_a_target_are_not_looked_at() -> None:
    frame = rows(count=33, w=[*[1.0] * 30, -1.0, None, float("inf")])
    frame = frame.with_columns(y=pl.when(pl.int_range(33) < 30).then(pl.col("y")))
    assert read(frame, weight="w").frame.height == 30


def test_rows_that_name_no_group_are_one_group_of_their_own() -> None:
    table = read(rows(g=[None if i < 4 else i % 7 for i in range(N)]), group="g")
    assert table.frame["g"].null_count() == 0
    assert table.frame["g"].n_unique() == 8
    assert table.notes == ('Column "g" names no group in 4 of 30 rows: they count as one group.',)


def test_a_group_for_every_row_is_told() -> None:
    assert read(rows(g=range(5, 5 + N)), group="g").notes == (
        'Every row is a group of its own in "g": --group changes nothing.',
    )


REFUSED = (
    ({"weight": "wieght"}, {"weight": [1] * N}, 'LM504 .*no column "wieght" \\(--weight\\).*Did you mean "weight"'),
    ({"group": "q"}, {}, "LM504 .*--group"),
    ({"id": "q"}, {}, "LM504 .*--id"),
    ({"drop": ["size", "sise"]}, {}, 'LM504 .*"sise" \\(--drop\\).*Did you mean "size"'),
    ({"needed": ["prise"]}, {}, "LM504 .*--cost"),
    ({"weight": "size", "group": "size"}, {}, 'LM517 "size" is both weight and group. Name two columns.'),
    ({"id": "y"}, {}, 'LM517 "y" is both target and id'),
    ({"drop": "y"}, {}, 'LM517 "y" is the target, and cannot be dropped'),
    ({"needed": ["y"]}, {}, 'LM517 "y" is the target, and cannot be a column of costs'),
    ({"needed": ["e"]}, {"e": [None] * N}, 'LM520 .*"e" .*holds no value'),
    ({"weight": "kind"}, {}, 'LM518 .*"kind" holds no numbers; its first value is "a"'),
    ({"weight": "w"}, {"w": [1.0] * 4 + [-1.0] * 26}, "LM518 .*negative in row 5 and in 25 more"),
    ({"weight": "w"}, {"w": [1.0] * 29 + [float("inf")]}, "LM518 .*infinite in row 30\\. "),
    ({"weight": "w"}, {"w": [None, *[1.0] * 29]}, "LM518 .*missing in row 1\\. Give every row a weight"),
    ({"weight": "w"}, {"w": [0] * N}, "LM518 .*0 in every row"),
    ({"weight": "w"}, {"w": [0] * 15 + [1] * 15}, "LM507 Only 15 of 30 rows have a target and a weight above 0"),
    ({"group": "g"}, {"g": ["a"] * N}, 'LM519 .*"g" has the same value in every row'),
    ({"drop": ["size", "kind"]}, {}, "LM510 "),
)


@pytest.mark.parametrize(("said", "more", "sentence"), REFUSED)
def test_what_cannot_be_meant_is_refused_in_one_sentence(said: Any, more: Any, sentence: str) -> None:
    with pytest.raises(DataError, match=f"^{sentence}") as refusal:
        read(rows(**more), **said)
    assert "\n" not in str(refusal.value)


# Other rows, read alike --------------------------------------------------------------------------------------------


def test_other_rows_are_read_with_the_readings_of_the_first(tmp_path: Any) -> None:
    first, later = tmp_path / "a.csv", tmp_path / "b.csv"
    first.write_text(
        "day,price,code,y\n" + "".join(f'{i % 28 + 1}/3/2024,"1.{100 + i},5",{i % 9},u\n' for i in range(15))
    )
    with first.open("a") as file:
        file.write("".join(f'{i % 28 + 1}/3/2024,"1.{100 + i},5",x{i % 9},v\n' for i in range(15, 30)))
    later.write_text("y,code,price,day,more\n" + "".join(f'v,{i},"2.000",{i % 12 + 1}/4/2024,7\n' for i in range(40)))
    table = read_table(first, target="y")
    found = read_like(table, later)
    assert found.frame.columns == table.frame.columns
    assert found.frame.dtypes == table.frame.dtypes
    assert found.frame["price"].unique().to_list() == [2000.0]
    assert found.frame["day"].dt.month().unique().to_list() == [4]
    assert found.frame["code"][0] == "0"
    assert found.features == table.features


def test_a_frame_read_like_itself_is_itself() -> None:
    frame = rows(w=[i % 3 for i in range(N)], g=[None, *[i % 5 for i in range(1, N)]], flag=[True, False] * 15)
    table = read(frame, weight="w", group="g")
    again = read_like(table, frame)
    assert again.frame.equals(table.frame)
    assert (again.features, again.n_zero_weight, again.notes) == (table.features, table.n_zero_weight, table.notes)


def test_classes_that_the_first_rows_lack_are_counted_and_left_out() -> None:
    table = read(rows(y=["no", "yes"] * 15))
    found = read_like(table, rows(count=60, y=["no", "yes", "what"] * 20))
    assert (found.frame.height, set(found.frame["y"])) == (40, {"no", "yes"})
    assert any(note.startswith("20 rows are left out") and '"what"' in note for note in found.notes)


LATER = (
    ({"drop": ["size"]}, {}, 'LM521 .*no column "size", which the first data has'),
    ({"drop": ["size", "y"]}, {}, 'LM521 .*no column "size" \\(nor y\\)'),
    ({}, {"size": ["many"] * N}, 'LM521 .*"size" holds numbers in the first data, and here "many"'),
    ({}, {"y": [None] * N}, "LM506 .*no value in any row"),
    ({}, {"y": [1.0] * 10 + [None] * 20}, "LM507 Only 10 of 30 rows"),
)


@pytest.mark.parametrize(("without", "other", "sentence"), LATER)
def test_other_rows_that_do_not_fit_are_refused_in_one_sentence(without: Any, other: Any, sentence: str) -> None:
    with pytest.raises(DataError, match=f"^{sentence}"):
        read_like(read(rows()), rows(**other).drop(without.get("drop", [])))


def test_a_class_that_looks_like_missing_stays_a_class_in_other_rows() -> None:
    table = read(rows(y=["none", "mild", "severe"] * 10))
    found = read_like(table, rows(y=["none", "mild", "NA"] * 10))
    assert (found.frame.height, set(found.frame["y"]), found.n_missing_target) == (20, {"none", "mild"}, 10)


def test_a_few_odd_values_in_other_rows_are_missing_and_told() -> None:
    table = read(rows())
    found = read_like(table, rows(size=[*map(str, range(29)), "unknown"]))
    assert found.frame["size"].null_count() == 1
    assert found.frame["size"].dtype == table.frame["size"].dtype
    assert any('1 of 30 values are not numbers (first: "unknown")' in note for note in found.notes)


def test_fractions_where_the_first_rows_had_whole_numbers_are_not_cut() -> None:
    found = read_like(read(rows()), rows(size=np.linspace(0.5, 3, N)))
    assert found.frame["size"].to_list() == np.linspace(0.5, 3, N).tolist()
