"""What studies answer, that they answer it again, and that `predict.py` says so where Lossmith is not."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from lossmith.advise.study import study
from lossmith.algebra.decision import Threshold, rule_to_dict
from lossmith.errors import LossmithError
from lossmith.report.study.record import to_json
from tests.advise.alone import run
from tests.advise.studies import LINEAR, OPTIONS, folder_of, frame, studied, written

# predict.py in a process of its own ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["cost", "boosted"])
def test_predict_py_runs_where_lossmith_is_not(name: str) -> None:
    made = studied(name)
    path = written(made, frame("real"), "alone.csv")
    done = run(folder_of(made), path)
    assert done.returncode == 0, done.stderr
    assert [float(row["prediction"]) for row in csv.DictReader(done.stdout.splitlines())] == made.decide(
        frame("real").drop("y")
    ).tolist()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nowhere.csv"], "nowhere.csv cannot be read"),
        (["lacking.csv"], "has no column"),
        (["korean.csv"], "--encoding"),
        (["korean.csv", "--encoding", "klingon"], "klingon is not an encoding"),
        (["--help"], "usage: "),
        (["lacking.csv", "--encoding"], "usage: "),
        (["lacking.csv", "--fold", "9"], "has no column"),
    ],
)
def test_predict_py_refuses_in_one_sentence(tmp_path: Path, arguments: list[str], words: str) -> None:
    made = studied("cost")
    (tmp_path / "lacking.csv").write_text("other\n1\n", encoding="utf-8")
    (tmp_path / "korean.csv").write_bytes("지연\n1\n".encode("cp949"))
    line = [sys.executable, str(folder_of(made) / "predict.py"), *arguments]
    done = subprocess.run(line, capture_output=True, text=True, encoding="utf-8", check=False, cwd=tmp_path)
    assert done.returncode == 1
    assert done.stdout == ""
    assert words in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_generated_files_are_python_and_hold_no_pasted_text() -> None:
    made = studied("cost")
    text = (folder_of(made) / "predict.py").read_text("utf-8")
    compile(text, "predict.py", "exec")
    compile((folder_of(made) / "loss.py").read_text("utf-8"), "loss.py", "exec")
    assert text.isascii()


def test_a_column_that_new_rows_lack_is_named() -> None:
    with pytest.raises(LossmithError, match=r'LM504 .*"공항"'):
        studied("cost").decide(frame("real").drop("공항"))


def test_decisions_by_row_need_their_column() -> None:
    with pytest.raises(LossmithError, match="stake"):
        studied("errors by row").decide(frame("binary").drop("stake"))


# Answers ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "options"), [
    ("real", {}),
    ("real", {"cost": "under=5, over=1"}),
    ("binary", {"cost": "false_negative=20, false_positive=1"}),
    ("count", {"estimate": "median"}),
])  # fmt: skip
def test_a_shuffled_target_leads_to_nothing(kind: str, options: dict[str, Any]) -> None:
    table = frame(kind)
    shuffled = table.with_columns(table["y"].shuffle(seed=7))
    found = study(shuffled, target="y", kind=kind, **LINEAR, **options)
    usual = next(row for row in found.record.comparison.rows if row.role == "default")
    aims_elsewhere = "cost" in options and found.record.answer == "rule" and usual.mean > 0
    assert found.record.answer in ("nothing", "same") or aims_elsewhere
    if found.record.answer == "nothing":
        assert found.verdict.startswith("No loss")
    constant = found.record.comparison.rows[0]
    best = min(row.mean for row in found.record.comparison.rows)
    assert constant.mean - best < 0.1 * constant.mean


def test_classes_that_are_parted_completely_have_an_answer() -> None:
    """A model that is certain and right costs nothing; it must not become infinite, nor end the study."""
    x = np.random.default_rng(0).normal(size=300)
    table = pl.DataFrame({"x": x, "sick": np.where(x > 0, "yes", "no")})
    found = study(table, target="sick", model="linear", quick=True)
    rows = {row.role: row for row in found.record.comparison.rows}
    assert rows["default"].mean < 0.1 < rows["constant"].mean
    assert np.mean(found.decide(table) == table["sick"].to_numpy()) > 0.95


def test_two_classes_without_costs_are_decided_at_one_half() -> None:
    found = studied("binary")
    decided, p = found.decide(frame("binary")), found.predict(frame("binary"))
    kind = rule_to_dict(found.rule)["rule"]
    assert kind in ("threshold", "recalibrated")
    if kind == "threshold":
        assert found.rule == Threshold(0.5)
        assert np.array_equal(decided == "yes", p >= 0.5)


def test_the_same_seed_gives_the_same_study() -> None:
    first, again = (study(frame("real"), target="y", kind="real", **OPTIONS["cost"][1]) for _ in range(2))
    one, other = (json.loads(to_json(found.record)) for found in (first, again))
    for data in (one, other):
        data["reproduce"].pop("seconds")
        for loss in data["losses"]:
            loss.pop("seconds")
    assert one == other
    assert first.folder is None
    assert {k: v for k, v in first.files.items() if k not in ("study.json", "index.html")} == {
        k: v for k, v in again.files.items() if k not in ("study.json", "index.html")
    }
    assert studied("cost").verdict == first.verdict


def test_another_seed_parts_the_rows_anew() -> None:
    found = study(frame("real"), target="y", kind="real", **{**OPTIONS["cost"][1], "seed": 1})
    assert found.files["held_out.csv"] != studied("cost").files["held_out.csv"]
