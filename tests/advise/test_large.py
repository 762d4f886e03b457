"""More rows than are learned from: the sample is stated, all other rows are compared, and the folder says the same."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from lossmith.advise.large import Large, can_stream, opened
from lossmith.advise.request import Request
from lossmith.advise.study import study
from lossmith.algebra.decision import UnderOver, cost_per_row
from tests.advise.alone import answers

N = 4_000


def table(seed: int = 0) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    hour, place = rng.integers(5, 23, N), rng.integers(0, 3, N)
    y = np.round(2.0 * hour + 5 * place + rng.exponential(10, N), 1)
    return pl.DataFrame(
        {
            "hour": hour,
            "place": np.array(["김포", "인천", "b"])[place],
            "weight": np.where(np.arange(N) % 2 == 0, 1.0, 3.0),
            "stake": rng.uniform(0.5, 2, N),
            "day": np.sort(rng.integers(0, 90, N)),
            "late": np.where(y > 60, "yes", "no"),
            "delay": y,
        }
    )


OPTIONS: dict[str, Any] = {
    "target": "delay",
    "cost": "under=5, over=1",
    "quick": True,
    "model": "linear",
    "rows": 800,
    "drop": ["late", "day", "stake", "weight"],
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The table as a folder of Parquet files, and as one."""
    home = tmp_path_factory.mktemp("large")
    (home / "parts").mkdir()
    for number in range(8):
        table().slice(number * N // 8, N // 8).write_parquet(home / "parts" / f"part-{number:02}.parquet")
    table().write_parquet(home / "one.parquet")
    return home


def test_a_sample_is_learned_from_and_all_other_rows_are_compared(folder: Path) -> None:
    found = study(folder / "one.parquet", out=folder / "out", **OPTIONS)
    jobs = {job.name: job.rows for job in found.record.data.jobs}
    assert (jobs["handed out"], jobs["compared"]) == (800, N - 800)
    assert found.record.data.rows_read == N
    assert "fitted on 800 of 4,000 rows" in found.record.notes[0] or any(
        "fitted on 800 of 4,000 rows" in note for note in found.record.notes
    )
    assert any(seen.what == "all rows" for seen in found.record.observations) or "4,000" in str(found)
    held = list(csv.DictReader((folder / "out" / "held_out.csv").open(encoding="utf-8")))
    truth = table()["delay"].to_list()
    assert all(float(row["truth"]) == truth[int(row["row"]) - 1] for row in held)  # rows as numbered in the source
    table().drop("delay").write_csv(folder / "all.csv")
    said = answers(folder / "out", str(folder / "all.csv"), "--fold", "1")
    for row in (row for row in held if row["fold"] == "1"):
        assert said[int(row["row"]) - 1]["prediction"] == row["prediction"]
    assert [float(row["prediction"]) for row in answers(folder / "out", str(folder / "all.csv"))] == found.decide(
        table()
    ).tolist()


def test_the_streamed_mean_is_that_of_the_rows_outside_the_sample(folder: Path) -> None:
    """What the compared models say of all other rows, computed here from `predict.py --fold`, costs as much."""
    found = study(folder / "one.parquet", out=folder / "check", **OPTIONS)
    sample = opened(folder / "one.parquet", Request("delay", rows=800))
    assert isinstance(sample, Large)
    outside = np.setdiff1d(np.arange(N), sample.numbers)
    table().drop("delay").write_csv(folder / "check.csv")
    chosen = next(row for row in found.record.comparison.rows if row.chosen)
    means = []
    for fold in (1, 2):
        said = answers(folder / "check", str(folder / "check.csv"), "--fold", str(fold))
        action = np.array([float(row["prediction"]) for row in said])
        means.append(cost_per_row(UnderOver(5, 1), table()["delay"].to_numpy()[outside], action[outside]).mean())
    assert chosen.mean == pytest.approx(np.mean(means), rel=1e-12)


def test_a_folder_of_files_gives_the_same_study_as_one_file(folder: Path) -> None:
    one, parts = (study(folder / name, **OPTIONS) for name in ("one.parquet", "parts"))
    assert [row.mean for row in one.record.comparison.rows] == [row.mean for row in parts.record.comparison.rows]
    assert one.files["predict.py"] == parts.files["predict.py"]


def test_the_interval_of_many_rows_is_narrow(folder: Path) -> None:
    """Rows outside the sample are many: what is left is mostly the luck of training."""
    streamed = study(folder / "one.parquet", **OPTIONS)
    alone = study(table().sample(800, seed=1), **{**OPTIONS, "rows": None})
    margins = [next(row for row in s.record.comparison.rows if row.role == "default").margin for s in (streamed, alone)]
    assert margins[0] < margins[1]


def test_weights_count_in_what_is_streamed(folder: Path) -> None:
    options = {**OPTIONS, "drop": ["late", "day", "stake"]}
    weighted = study(folder / "one.parquet", weight="weight", **options)
    plain = study(folder / "one.parquet", **{**options, "drop": ["late", "day", "stake", "weight"]})
    constant = [s.record.comparison.rows[0] for s in (weighted, plain)]
    assert constant[0].mean != constant[1].mean
    assert 0.5 < constant[0].margin / constant[1].margin < 2  # weights of 1 and 3 lose a fifth of the rows, no more


def test_costs_by_row_and_classes_are_streamed(folder: Path) -> None:
    by_row = {**OPTIONS, "cost": "under=5, over=1, column=stake", "drop": ["late", "day", "weight"]}
    found = study(folder / "one.parquet", **by_row)
    assert "times stake" in found.verdict
    classes = {**OPTIONS, "target": "late", "cost": "false_negative=20, false_positive=1"}
    found = study(folder / "one.parquet", **{**classes, "drop": ["delay", "day", "stake", "weight"]})
    assert found.record.kind == "binary"
    assert {job.name: job.rows for job in found.record.data.jobs}["compared"] == N - 800


def test_time_and_groups_compare_rows_of_the_sample_and_say_so(folder: Path) -> None:
    found = study(folder / "one.parquet", time="day", **{**OPTIONS, "drop": ["late", "stake", "weight"]})
    assert any("compare rows of the sample" in note for note in found.record.notes)
    assert {job.name: job.rows for job in found.record.data.jobs}["compared"] < 800
    assert not can_stream(Request("y", group="g"))
    assert not can_stream(Request("y", test="t"))
    assert can_stream(Request("y"))


def test_a_frame_may_be_sampled_too() -> None:
    found = study(table(), **OPTIONS)
    assert {job.name: job.rows for job in found.record.data.jobs}["compared"] == N - 800
    held = list(csv.DictReader(found.files["held_out.csv"].splitlines()))
    truth = table()["delay"].to_list()
    assert all(float(row["truth"]) == truth[int(row["row"]) - 1] for row in held)


def test_fewer_rows_than_allowed_are_all_learned_from() -> None:
    found = study(table(), **{**OPTIONS, "rows": 5_000})
    assert {job.name: job.rows for job in found.record.data.jobs}["handed out"] == N
    assert not any("drawn at random" in note for note in found.record.notes)


def test_the_sample_is_the_same_for_the_same_seed(folder: Path) -> None:
    numbers = [
        opened(folder / "one.parquet", Request("delay", rows=800, seed=seed)).numbers.tolist() for seed in (0, 0, 1)
    ]
    assert numbers[0] == numbers[1] != numbers[2]
    assert len(set(numbers[0])) == 800


def test_small_data_are_left_as_they_are() -> None:
    frame = table()
    assert opened(frame, Request("delay")) is frame


def test_what_all_rows_look_like_is_told_beside_the_sample() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=600)
    y = np.where(np.arange(600) % 100 == 0, np.nan, x + rng.normal(size=600))
    frame = pl.DataFrame({"x": x, "y": y}).with_columns(pl.col("y").fill_nan(None))
    seen = study(frame, target="y", rows=200, model="linear", quick=True).record.observations
    assert (seen[0].what, seen[0].value) == ("all rows", "600")
    assert "6 have no y" in seen[0].sentence
