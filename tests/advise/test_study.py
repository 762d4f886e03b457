"""The whole study on small tables: right answers, a folder that works without Lossmith, one sentence for bad input."""

from __future__ import annotations

import csv
import json
import math
from typing import Any

import numpy as np
import polars as pl
import pytest

from lossmith.advise.study import Study
from lossmith.algebra.decision import Threshold, rule_to_dict
from tests.advise.alone import answers
from tests.advise.studies import KINDS, OPTIONS, folder_of, frame, studied, written
from tests.sampling import every

FILES = {"index.html", "plotly.min.js", "study.json", "predict.py", "loss.py", "held_out.csv", "compared"}
ANSWERS = ("loss", "rule", "same", "nothing")


# What holds for every study, whatever was asked ---------------------------------------------------------------------


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


@pytest.mark.parametrize("name", every(2, OPTIONS))
def test_a_study(name: str) -> None:
    """Every study is made once: all that must hold for it is asserted in one go."""
    kind, options = OPTIONS[name]
    made = studied(name)
    for check in CHECKS:
        check(made, kind, options)
    SPECIAL.get(name, lambda made: None)(made)


# What holds for one -------------------------------------------------------------------------------------------------


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
