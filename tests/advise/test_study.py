"""The whole study on small tables: right answers, a folder that works without Lossmith, one sentence for bad input."""

from __future__ import annotations

import csv
import json
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from lossmith.advise.study import Study, study
from lossmith.algebra.decision import Threshold, rule_to_dict
from lossmith.errors import LossmithError
from lossmith.report.record import to_json
from tests.advise.alone import answers, run
from tests.advise.studies import KINDS, LINEAR, OPTIONS, frame, studied

FILES = {"index.html", "plotly.min.js", "study.json", "predict.py", "loss.py", "held_out.csv", "compared"}
ANSWERS = ("loss", "rule", "same", "nothing")


def folder_of(made: Study) -> Path:
    assert made.folder is not None
    return made.folder


def written(made: Study, table: pl.DataFrame, name: str = "new.csv") -> str:
    """The table as a CSV file beside the study, without the target."""
    path = folder_of(made).parent / f"{folder_of(made).name}-{name}"
    table.drop("y").write_csv(path)
    return str(path)


# What holds for every study, whatever was asked ------------------------------------------------------------------------------------


def the_folder_is_whole(made: Study, kind: str, options: dict[str, Any]) -> None:
    names = {path.name for path in folder_of(made).iterdir()}
    models = {name for name in names if name.startswith("model")}
    assert names - models == FILES
    assert models
    assert {name for name, _ in made.record.files} == (names - {"compared"}) | {"compared/"}
    assert not [path for path in folder_of(made).parent.iterdir() if path.name.startswith(".")]


def the_record_is_plain_data_and_the_page_shows_its_verdict(made: Study, kind: str, options: dict[str, Any]) -> None:
    data = json.loads((folder_of(made) / "study.json").read_text("utf-8"))
    assert data["what"] == "lossmith study"
    assert data["kind"] == kind
    assert data["answer"] in ANSWERS
    assert data["verdict"][0] == made.verdict
    assert " ".join(str(made).split()).startswith(
        " ".join(made.verdict.split())
    )  # lines are broken where they are long
    assert 2 <= len(data["verdict"]) <= 4
    assert not any("{" in sentence or "nan" in sentence or "None" in sentence for sentence in data["verdict"])
    page = (folder_of(made) / "index.html").read_text("utf-8")
    assert "<script>alert" not in page + made._repr_html_()
    assert "http://" not in page.replace("http://www.w3.org", "") and "https://" not in page


def every_baseline_is_compared(made: Study, kind: str, options: dict[str, Any]) -> None:
    roles = [row.role for row in made.record.comparison.rows]
    assert roles[:2] == ["constant", "default"]
    assert "candidate" in roles
    levels = "quantile=0.1," in str(options.get("estimate"))
    assert ("own" in roles) == (options["model"] == "boosted" and not levels)
    assert sum(row.chosen for row in made.record.comparison.rows) == 1
    table = made.table()
    assert isinstance(table, pl.DataFrame)
    assert table["role"].to_list() == roles
    assert table["mean"].to_list() == [row.mean for row in made.record.comparison.rows]


def every_loss_has_a_reason_and_is_in_the_grid(made: Study, kind: str, options: dict[str, Any]) -> None:
    losses, grid = made.record.losses, made.record.grid
    assert all(loss.reason.endswith(".") for loss in losses)
    assert sum(loss.is_default for loss in losses) == 1
    assert len(grid.values) == len(grid.rows)
    assert all(len(row) == len(grid.columns) for row in grid.values)


def rows_are_told_by_their_job(made: Study, kind: str, options: dict[str, Any]) -> None:
    jobs = {job.name: job.rows for job in made.record.data.jobs}
    assert set(jobs) == {"fit", "stop", "tune", "compare", "compared", "handed out"}
    learned = 300 if "rows" in options else 500
    assert jobs["handed out"] == learned
    assert jobs["fit"] + jobs["stop"] + jobs["tune"] + jobs["compare"] <= learned
    held = {row["row"] for row in csv.DictReader((folder_of(made) / "held_out.csv").open(encoding="utf-8"))}
    assert jobs["compared"] == (500 - learned or len(held))
    assert "group" in options or jobs["compare"] * made.record.data.folds == len(held)  # folds of groups differ in size


def predict_py_repeats_what_was_held_out(made: Study, kind: str, options: dict[str, Any]) -> None:
    """To the digit, with the models, the encoding and the rule of each fold."""
    path = written(made, frame(kind))
    held = list(csv.DictReader((folder_of(made) / "held_out.csv").open(encoding="utf-8")))
    truths = frame(kind)["y"].to_list()
    folds = sorted({row["fold"] for row in held})
    assert len(folds) == made.record.data.folds
    for fold in folds:
        said = answers(folder_of(made), path, "--fold", fold)
        for row in (row for row in held if row["fold"] == fold):
            place = int(row["row"]) - 1
            assert row["truth"] == str(truths[place]) or float(row["truth"]) == truths[place]
            expected = [value for name, value in row.items() if name not in ("row", "fold", "truth")]
            assert list(said[place].values())[: len(expected)] == expected


def predict_py_decides_as_the_study_does(made: Study, kind: str, options: dict[str, Any]) -> None:
    """On new rows, some with a category that nobody saw."""
    new = frame(kind, seed=1, rows=60).with_columns(
        pl.when(pl.int_range(60) % 10 == 0).then(pl.lit("처음")).otherwise(pl.col("공항")).alias("공항")
    )
    said = answers(folder_of(made), written(made, new))
    decided = made.decide(new.drop("y"))
    assert len(said) == len(decided) == 60
    for row, expected in zip(said, decided.tolist(), strict=True):
        each = expected if isinstance(expected, list) else [expected]
        assert list(row.values())[: len(each)] == [v if isinstance(v, str) else repr(v) for v in each]
    y_pred = made.predict(new.drop("y"))
    assert len(y_pred) == 60
    assert np.isfinite(y_pred).all()


def the_command_repeats_the_options(made: Study, kind: str, options: dict[str, Any]) -> None:
    import shlex

    line = shlex.split(made.record.reproduce.command)
    assert line[:5] == ["lossmith", "study", "DATA", "--target", "y"]
    assert line[line.index("--seed") + 1] == "0"
    for name, value in options.items():
        assert f"--{name.replace('_', '-')}" in line or not value


CHECKS = (
    the_folder_is_whole,
    the_record_is_plain_data_and_the_page_shows_its_verdict,
    every_baseline_is_compared,
    every_loss_has_a_reason_and_is_in_the_grid,
    rows_are_told_by_their_job,
    predict_py_repeats_what_was_held_out,
    predict_py_decides_as_the_study_does,
    the_command_repeats_the_options,
)


@pytest.mark.parametrize("name", OPTIONS)
def test_a_study(name: str) -> None:
    """Every study is made once: all that must hold for it is asserted in one go."""
    kind, options = OPTIONS[name]
    made = studied(name)
    for check in CHECKS:
        check(made, kind, options)
    SPECIAL.get(name, lambda made: None)(made)


# What holds for one ------------------------------------------------------------------------------------------------------------------


def _costs(made: Study) -> None:
    quantile = next(loss for loss in made.record.losses if loss.name == "quantile")
    assert quantile.parameters == {"level": 5 / 6}
    rows = {row.role: row for row in made.record.comparison.rows}
    assert rows["default with rule"].mean < rows["default"].mean < rows["constant"].mean
    assert made.record.answer in ("rule", "loss")
    gain = made.record.gain
    assert gain is not None and gain.rule_share is not None and gain.loss_share is not None
    assert gain.rule_share + gain.loss_share == pytest.approx(1.0)
    assert {section.name for section in made.record.sections} >= {"ways", "decision", "coverage", "residuals", "change"}


def _errors(made: Study) -> None:
    rows = {row.role: row for row in made.record.comparison.rows}
    assert rows["default with rule"].mean < 0.8 * rows["default"].mean
    assert "a missed “yes” costs 20" in made.verdict
    assert made.profile.positive == "yes"
    assert set(made.decide(frame("binary").drop("y")).tolist()) == {"yes", "no"}


def _own(made: Study) -> None:
    own = next(row for row in made.record.comparison.rows if row.role == "own")
    assert own.label.startswith("LightGBM's own ")
    assert not own.chosen
    assert "trees" in made.record.data.model
    assert made.model.current_iteration() == next(
        loss.rounds for loss in made.record.losses if loss.name == made.record.recommended["loss"]
    )


def _levels(made: Study) -> None:
    said = made.decide(frame("real", seed=2).drop("y"))
    assert said.shape == (500, 3)
    assert np.all(np.diff(said, axis=1) >= 0)
    below = np.mean(frame("real", seed=2)["y"].to_numpy()[:, None] <= said, axis=0)
    # binomial, 500 rows: four standard errors, and as much again for quantiles that were learned from 500 rows
    assert np.abs(below - (0.1, 0.5, 0.9)).max() < 8 * math.sqrt(0.25 / 500)
    words = next(section for section in made.record.sections if section.name == "coverage").sentences
    assert any("cross" in sentence for sentence in words)


def _groups(made: Study) -> None:
    assert "whole groups" in made.record.data.how
    assert made.record.data.judged.endswith("groups")
    assert "customer" not in dict(made.record.columns)


def _time(made: Study) -> None:
    assert "in the order of day" in made.record.data.how
    assert "blocks of time" in made.record.data.judged
    assert "day" not in dict(made.record.columns)
    held = [row["row"] for row in csv.DictReader((folder_of(made) / "held_out.csv").open(encoding="utf-8"))]
    jobs = {job.name: job.rows for job in made.record.data.jobs}
    assert min(map(int, held)) > jobs["fit"] + jobs["stop"]  # the table is in the order of time


def _weights(made: Study) -> None:
    assert "weight" not in dict(made.record.columns)
    assert "name" not in dict(made.record.columns)
    shown = next(s for s in made.record.sections if s.name == "disagreement").tables[0]
    assert "name" in shown.heads


def _row_costs(made: Study) -> None:
    assert "times stake" in made.verdict
    assert any("rows weighing what they cost" in loss.label for loss in made.record.losses)


def _positive(made: Study) -> None:
    assert made.profile.classes == ("yes", "no")
    assert made.rule == Threshold(0.5) or rule_to_dict(made.rule)["then"] == rule_to_dict(Threshold(0.5))


def _losses(made: Study) -> None:
    labels = [loss.label for loss in made.record.losses]
    assert {"log-cosh loss", "where(y>z, 5, 1)*abs(y-z)"} <= set(labels)


def _undone(made: Study) -> None:
    """Calibration slope 0.9 to 1.1 after the weights are undone, and far too many yes before it."""
    table = next(s for s in made.record.sections if s.name == "calibration").tables[0]
    off = {row[0]: float(row[3].split(" ±")[0].replace("−", "-")) for row in table.rows}
    before, after = next(
        (off[w.removesuffix(", weights undone")], off[w]) for w in off if w.endswith(", weights undone")
    )
    assert before > 0.1
    assert abs(after) < 0.06  # 200 rows of probability about 0.35: two standard errors


def _limit(made: Study) -> None:
    assert made.record.data.folds == 1
    assert any("time limit" in note for note in made.record.notes)


def _sample(made: Study) -> None:
    assert any("fitted on 300 of 500 rows" in note for note in made.record.notes)
    assert made.record.data.rows_read == 500


def _classes(made: Study) -> None:
    new = frame("class", seed=3)
    right = np.mean(made.decide(new.drop("y")) == new["y"].to_numpy())
    assert right > 0.6
    assert made.predict(new).shape == (500, 3)
    np.testing.assert_allclose(made.predict(new).sum(axis=1), 1.0, rtol=1e-12)
    assert "share of wrong decisions" in made.record.grid.columns


def _grades(made: Study) -> None:
    new = frame("ordinal", seed=3)
    off = np.abs(made.decide(new.drop("y")).astype(int) - new["y"].to_numpy()).mean()
    assert off < 0.5
    assert made.record.comparison.measure == "grades off per row"


def _counts(made: Study) -> None:
    assert any(loss.name == "poisson" for loss in made.record.losses)
    assert any(section.name == "noise" for section in made.record.sections)


SPECIAL = {
    "cost": _costs,
    "errors": _errors,
    "boosted": _own,
    "levels": _levels,
    "boosted levels": _levels,
    "groups": _groups,
    "time": _time,
    "weights": _weights,
    "cost by row": _row_costs,
    "probability": _positive,
    "losses": _losses,
    "weighted formula": _undone,
    "limit": _limit,
    "sample": _sample,
    "class": _classes,
    "ordinal": _grades,
    "count": _counts,
}


def test_every_kind_is_studied() -> None:
    assert {kind for kind, _ in OPTIONS.values()} == set(KINDS)


# predict.py in a process of its own -------------------------------------------------------------------------------------------------


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


# Answers ------------------------------------------------------------------------------------------------------------------------------


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


# Rows -----------------------------------------------------------------------------------------------------------------------------------


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
    table = frame("real", rows=60).select("x", "공항", "y")
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


# Bad input ------------------------------------------------------------------------------------------------------------------------------


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
