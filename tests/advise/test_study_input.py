"""Which rows a study takes, from which tables, and one sentence for input that it cannot take."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from lossmith.advise.study import study
from lossmith.errors import LossmithError
from tests.advise.alone import answers
from tests.advise.studies import LINEAR, frame

# Rows ---------------------------------------------------------------------------------------------------------------


def test_rows_without_a_target_are_counted() -> None:
    table = frame("real").with_columns(pl.when(pl.int_range(500) % 10 > 0).then(pl.col("y")).alias("y"))
    found = study(table, target="y", **LINEAR)
    assert found.record.data.left_out == (("y is missing", 50),)
    assert found.record.data.rows_read == 500
    assert "50" in str(found)
    held = {int(row["row"]) for row in csv.DictReader(found.files["held_out.csv"].splitlines())}
    assert not any((number - 1) % 10 == 0 for number in held)  # rows keep the number under which they were read


def test_a_test_file_is_compared_and_not_learned(tmp_path: Path) -> None:
    other = frame("binary", seed=9, rows=120)
    other.write_csv(tmp_path / "test.csv")
    options = LINEAR | {"cost": "false_negative=20, false_positive=1", "test": str(tmp_path / "test.csv")}
    found = study(frame("binary"), target="y", out=tmp_path / "out", **options)
    jobs = {job.name: job.rows for job in found.record.data.jobs}
    assert jobs["compared"] == 120
    assert jobs["handed out"] == 500
    assert any("Compared on 120 rows" in note for note in found.record.notes)
    held = list(csv.DictReader(found.files["held_out.csv"].splitlines()))
    assert {row["row"] for row in held} == {f"test {i}" for i in range(1, 121)}
    said = answers(tmp_path / "out", str(tmp_path / "test.csv"), "--fold", "1")
    assert [row["decision"] for row in said] == [row["decision"] for row in held if row["fold"] == "1"]
    flipped = other.with_columns(pl.col("y").replace({"yes": "no", "no": "yes"}))
    spoiled = study(frame("binary"), target="y", **options | {"test": flipped})
    texts = [
        {name: text for name, text in made.files.items() if name.startswith("compared")} for made in (found, spoiled)
    ]
    if found.record.recommended["loss"] == spoiled.record.recommended["loss"]:
        assert texts[0] == texts[1]  # nothing of the test file is in the models


def test_costs_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "costs.csv").write_text(",나,가,다\n나,0,1,1\n가,1,0,5\n다,2,9,0\n", encoding="utf-8")
    found = study(frame("class"), target="y", **LINEAR, cost=tmp_path / "costs.csv")
    listed = [[0, 1, 5], [1, 0, 1], [9, 2, 0]]  # 가, 나, 다
    same = study(frame("class"), target="y", **LINEAR, cost=listed)
    assert [row.mean for row in found.record.comparison.rows] == [row.mean for row in same.record.comparison.rows]
    assert "costs.csv" in found.record.reproduce.command


def test_small_tables_are_studied_with_the_linear_model() -> None:
    table = frame("binary", rows=60).select("x", "공항", "y")
    found = study(table, target="y")
    assert "linear" in found.record.data.model
    assert found.record.data.folds == 20
    assert dict.fromkeys(row["row"] for row in csv.DictReader(found.files["held_out.csv"].splitlines())).keys() == {
        str(number) for number in range(1, 61)
    }
    large = frame("real", rows=600).select("x", "공항", "y")
    assert "trees" in study(large, target="y", quick=True).record.data.model


def test_classes_of_one_row_are_left_out_and_said() -> None:
    table = frame("class").with_columns(
        pl.when(pl.int_range(500) == 17).then(pl.lit("다시")).otherwise(pl.col("y")).alias("y")
    )
    found = study(table, target="y", **LINEAR)
    assert found.profile.classes == ("가", "나", "다")
    assert any("“다시”" in note for note in found.record.notes)


def test_a_grade_of_one_row_ends_no_study() -> None:
    table = frame("ordinal").with_columns(pl.when(pl.int_range(500) == 17).then(9).otherwise(pl.col("y")).alias("y"))
    found = study(table, target="y", kind="ordinal", **LINEAR)
    assert found.profile.classes == ("1", "2", "3", "9")
    assert set(found.decide(table).tolist()) <= {"1", "2", "3", "9"}


def test_frames_of_other_libraries_are_studied_alike() -> None:
    table = frame("real", rows=200).select("x", "공항", "y")
    options: dict[str, Any] = {"target": "y", "quick": True, "cost": "under=5, over=1"}
    verdicts = {study(data, **options).verdict for data in (table, table.to_pandas(), table.to_arrow())}
    assert len(verdicts) == 1


def test_progress_is_told_from_nothing_to_done() -> None:
    told: list[tuple[str, float]] = []
    study(frame("real", rows=200), target="y", **LINEAR, step=lambda what, share: told.append((what, share)))
    shares = [share for _, share in told]
    assert shares == sorted(shares)
    assert (told[0][0], told[-1][0]) == ("reading", "done")
    assert shares[0] >= 0 and shares[-1] <= 1


# Bad input ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "options", "words"),
    [
        ("real", {"target": "yy"}, 'Did you mean "y"'),
        ("real", {"time": "dya"}, 'Did you mean "day"'),
        ("real", {"group": "custmer"}, 'Did you mean "customer"'),
        ("real", {"weight": "wieght"}, 'Did you mean "weight"'),
        ("real", {"id": "nmae"}, 'Did you mean "name"'),
        ("real", {"drop": "공한"}, "공한"),
        ("real", {"cost": "under=5, ovr=1"}, 'Did you mean "over"'),
        ("real", {"cost": "under=5, over=1, column=stakes"}, 'Did you mean "stake"'),
        ("real", {"cost": "false_negative=5, false_positive=1"}, "two classes"),
        ("real", {"cost": [[0, 1], [5, 0]]}, "a matrix of costs is for classes"),
        ("binary", {"cost": "under=5, over=1"}, "LM531"),
        ("class", {"cost": [[0, 1], [5, 0]]}, "3 classes"),
        ("real", {"cost": "under=5, over=1", "estimate": "mean"}, "LM535"),
        ("real", {"estimate": "meen"}, 'Did you mean "mean"'),
        ("real", {"estimate": "probability"}, "LM536"),
        ("real", {"kind": "binary"}, "binary"),
        ("real", {"kind": "reel"}, 'Did you mean "real"'),
        ("binary", {"positive": "maybe"}, "maybe"),
        ("real", {"loss": "sqared_error"}, "LM515"),
        ("real", {"loss": "ordinal"}, "LM515"),
        ("class", {"loss": "squared_error"}, "LM515"),
        ("real", {"model": "bosted"}, 'Did you mean "boosted"'),
        ("real", {"rows": 5}, "at least 100"),
        ("real", {"time_limit": 0}, "above 0"),
        ("real", {"time_limit": float("nan")}, "above 0"),
        ("real", {"seed": -1}, "LM533"),
        ("real", {"test": "nowhere.csv"}, "nowhere.csv"),
        ("real", {"time": "공항"}, "공항"),
        ("real", {"group": "공항", "drop": "x"}, "공항"),
    ],
)
def test_bad_input_is_one_sentence(kind: str, options: dict[str, Any], words: str, tmp_path: Path) -> None:
    if options == {"group": "공항", "drop": "x"}:
        options = {"group": "half"}
        words = "LM543"
    table = frame(kind).with_columns(half=pl.int_range(500) % 2)
    with pytest.raises(LossmithError) as caught:
        study(table, out=tmp_path / "out", quick=True, **{"target": "y", "kind": kind, **options})
    assert words in str(caught.value)
    assert str(caught.value).startswith("LM")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_exists_is_refused_before_any_work(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    told: list[str] = []
    with pytest.raises(LossmithError, match="LM551"):
        study(frame("real"), target="y", out=tmp_path / "out", step=lambda what, share: told.append(what))
    assert told == []


def test_costs_of_numbers_do_not_fit_classes() -> None:
    table = pl.DataFrame({"x": [i % 9 for i in range(100)], "y": ["a", "b"] * 50})
    with pytest.raises(LossmithError, match="LM531"):
        study(table, target="y", cost="under=5, over=1")
