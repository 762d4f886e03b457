"""The evidence of whole studies: every section says what it shows, in plain data, about the ways that were compared."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest

from lossmith.report.study.record import Section, StudyRecord, to_data
from tests.advise.studies import studied
from tests.sampling import every

NAMES = ("cost", "boosted binary", "class", "ordinal", "levels", "count", "time")
WANTED = {
    "cost": {"ways", "decision", "coverage", "residuals", "disagreement", "noise", "shapes", "change"},
    "boosted binary": {"ways", "decision", "calibration", "probabilities", "disagreement", "shapes", "change"},
    "class": {"ways", "calibration"},
    "ordinal": {"ways"},
    "levels": {"ways", "coverage"},
    "count": {"ways", "residuals", "noise", "shapes"},
    "time": {"ways", "decision", "coverage", "residuals"},
}


def section(record: StudyRecord, name: str) -> Section:
    return next(part for part in record.sections if part.name == name)


def plain(value: Any) -> bool:
    if isinstance(value, dict):
        return all(isinstance(key, str) and plain(item) for key, item in value.items())
    if isinstance(value, list):
        return all(map(plain, value))
    return value is None or isinstance(value, str | bool | int) or (isinstance(value, float) and math.isfinite(value))


def every_section_is_plain_data(record: StudyRecord) -> None:
    data = to_data(record)
    assert plain(data)
    assert json.loads(json.dumps(data)) == data
    names = [part.name for part in record.sections]
    assert len(set(names)) == len(names)
    for part in record.sections:
        assert part.title
        assert part.sentences or part.tables or part.pictures
        for sentence in part.sentences[: 1 if part.name == "noise" else None]:  # what is not compared is a list
            assert not sentence[0].islower() and sentence.endswith(".")
        for table in part.tables:
            assert all(len(row) == len(table.heads) for row in table.rows)
            assert table.rows


def every_picture_has_points(record: StudyRecord) -> None:
    for part in record.sections:
        for picture in part.pictures:
            assert picture.caption.endswith(".")
            assert picture.series
            for series in picture.series:
                assert len(series.x) == len(series.y)
                assert not series.error or len(series.error) == len(series.x)


def the_grid_shows_each_loss_by_each_measure(record: StudyRecord) -> None:
    grid = record.grid
    assert grid.columns[0] == record.comparison.measure
    for column, least in enumerate(grid.least):
        values = [row[column] for row in grid.values]
        assert values[least] == min(value for value in values if value is not None and value == value)
    by_label = {row.loss: row.mean for row in record.comparison.rows if row.role == "candidate"}
    for label, row in zip(grid.rows, grid.values, strict=True):
        if label in by_label:
            assert row[0] == pytest.approx(by_label[label], rel=1e-12)


def the_ways_are_the_rows_of_the_comparison(record: StudyRecord) -> None:
    (picture,) = section(record, "ways").pictures
    drawn = sorted(value for series in picture.series for value in series.x)
    expected = sorted(row.difference for row in record.comparison.rows if math.isfinite(row.mean))
    np.testing.assert_allclose(drawn, expected, rtol=1e-12, atol=1e-12)
    assert {text for _, text in picture.marks} == {row.label for row in record.comparison.rows}
    advised = next(series for series in picture.series if series.label == "advised")
    assert len(advised.x) == 1


def observations_and_notes_are_sentences(record: StudyRecord) -> None:
    assert all(seen.sentence.endswith(".") for seen in record.observations)
    assert any("Quick study" in note for note in record.notes)


def the_advice_is_the_row_that_is_chosen(record: StudyRecord) -> None:
    chosen = next(row for row in record.comparison.rows if row.chosen)
    if chosen.loss is not None:
        assert chosen.loss in record.recommended["label"]


@pytest.mark.parametrize("name", every(2, NAMES))
def test_the_evidence_of_a_study(name: str) -> None:
    """All that must hold of one study at once, for each is made once."""
    record = studied(name).record
    assert {part.name for part in record.sections} >= WANTED[name]
    for check in (
        every_section_is_plain_data,
        every_picture_has_points,
        the_grid_shows_each_loss_by_each_measure,
        the_ways_are_the_rows_of_the_comparison,
        observations_and_notes_are_sentences,
        the_advice_is_the_row_that_is_chosen,
    ):
        check(record)
    said_of_costs = any(note.startswith("Nothing was said about what errors cost") for note in record.notes)
    assert said_of_costs == (name in ("class", "ordinal", "count"))
    SPECIAL.get(name, lambda record: None)(record)


def _of_costs(record: StudyRecord) -> None:
    (curve,) = section(record, "decision").pictures
    usual = curve.series[0]
    rows = {row.role: row for row in record.comparison.rows}
    at_zero = usual.y[int(np.argmin(np.abs(np.array(usual.x))))]
    assert at_zero == pytest.approx(rows["default"].mean, rel=0.1)
    assert min(usual.y) < 0.9 * at_zero
    (table,) = section(record, "change").tables
    assert [row[1] for row in table.rows].count("now") == 1
    assert [row[0] for row in table.rows] == ["1.25 : 1", "2.5 : 1", "5 : 1", "10 : 1", "20 : 1"]
    kept = section(record, "coverage").tables[0].rows
    assert all(row[1] == "83.33 %" for row in kept)
    shape = section(record, "shapes").pictures[0]
    assert all(max(abs(v) for v in s.y if v is not None) == pytest.approx(1.0) for s in shape.series)


def _of_two_classes(record: StudyRecord) -> None:
    table = section(record, "calibration").tables[0]
    words = [row[0] for row in table.rows]
    assert words[0] == "log loss"
    assert any(word.endswith("weights undone") for word in words)
    curve = section(record, "calibration").pictures[0]
    assert curve.diagonal
    assert all(0 <= value <= 1 for series in curve.series for value in (*series.x, *series.y))
    for series in section(record, "probabilities").pictures[0].series:
        assert sum(series.y) == pytest.approx(1.0)


def _of_counts(record: StudyRecord) -> None:
    (table,) = section(record, "noise").tables
    assert [row[0] for row in table.rows]
    assert "poisson" in {row[1] for row in table.rows}


SPECIAL = {"cost": _of_costs, "boosted binary": _of_two_classes, "count": _of_counts}
