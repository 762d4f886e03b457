"""A study as plain, versioned data: what is written to `study.json`, and all that the page and the text may show.

Comes in: numbers and sentences. Goes out: JSON text without NaN or infinity (None stands for "not defined").
"""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from typing import Any, Final

VERSION: Final = 1


@dataclass(frozen=True)
class Row:
    """One way to answer, and what it costs on the compare rows. Differences are to the default as it is."""

    label: str
    role: str
    loss: str | None
    rule: str
    rule_data: dict[str, Any]
    why: str
    mean: float
    margin: float
    difference: float
    difference_margin: float
    chosen: bool
    best: bool


@dataclass(frozen=True)
class Comparison:
    """All ways by one measure, the simplest first. `level` is the level of the intervals."""

    measure: str
    unit: str
    explained: str
    rows: tuple[Row, ...]
    comparisons: int
    level: float = 0.95


@dataclass(frozen=True)
class Grid:
    """Trained (down) by evaluated (across): mean values, None where undefined; `least` is the row of each column."""

    columns: tuple[str, ...]
    rows: tuple[str, ...]
    values: tuple[tuple[float, ...], ...]
    least: tuple[int, ...]


@dataclass(frozen=True)
class LossRow:
    """A loss that was tried."""

    label: str
    name: str
    parameters: dict[str, float]
    reason: str
    formula: str
    is_default: bool
    rounds: int
    seconds: float


@dataclass(frozen=True)
class Series:
    """Points of one line or of one set of bars; `error` are half-widths."""

    label: str
    style: str
    x: tuple[Any, ...]
    y: tuple[float, ...]
    error: tuple[float, ...] = ()


@dataclass(frozen=True)
class Picture:
    """A plot as data; `marks` are vertical lines (x, label)."""

    name: str
    title: str
    caption: str
    x_label: str
    y_label: str
    series: tuple[Series, ...]
    marks: tuple[tuple[float, str], ...] = ()


@dataclass(frozen=True)
class Data:
    """Which rows there were, and what was done with them."""

    source: str
    rows_read: int
    missing_target: int
    missing_time: int
    fit: int
    stop: int
    compare: int
    how: str
    blocks: str


@dataclass(frozen=True)
class Reproduce:
    """What is needed to get the same study again."""

    command: str
    seed: int
    quick: bool
    seconds: float
    versions: dict[str, str]


@dataclass(frozen=True)
class StudyRecord:
    """Everything that a study found, as plain data."""

    target: str
    kind: str
    kind_reason: str
    cost: str
    verdict: tuple[str, ...]
    data: Data
    comparison: Comparison
    grid: Grid
    losses: tuple[LossRow, ...]
    recommended: dict[str, Any]
    columns: tuple[tuple[str, str], ...]
    left_out: tuple[tuple[str, str], ...]
    target_facts: tuple[tuple[str, str], ...]
    notes: tuple[str, ...]
    pictures: tuple[Picture, ...]
    reproduce: Reproduce
    what: str = "lossmith study"
    version: int = VERSION


def to_data(record: StudyRecord) -> dict[str, Any]:
    """Return the record as nested dicts and lists without NaN or infinity."""
    plain: dict[str, Any] = _plain(asdict(record))
    return {"what": plain.pop("what"), "version": plain.pop("version"), **plain}


def to_json(record: StudyRecord) -> str:
    """Return the text of `study.json`."""
    return json.dumps(to_data(record), ensure_ascii=False, indent=1, allow_nan=False) + "\n"


def is_study(text: str) -> bool:
    """Whether a text is the `study.json` of a study, of any version.

    >>> is_study('{"what": "lossmith study", "version": 1}'), is_study("[]")
    (True, False)
    """
    try:
        data = json.loads(text)
    except ValueError:
        return False
    return isinstance(data, dict) and data.get("what") == "lossmith study"


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if hasattr(value, "item"):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value
