"""A study as plain, versioned data: what is written to `study.json`, and all that the page and the text may show.

Comes in: numbers and sentences. Goes out: JSON text without NaN or infinity (None stands for "not defined").
"""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal

VERSION: Final = 2

Answer = Literal["loss", "rule", "same", "nothing"]
"""What a study answers: another loss pays, another rule on the usual loss pays, no difference counts, no model helps."""


@dataclass(frozen=True)
class Row:
    """One way to answer, and what it costs on the compared rows. Differences are to the usual way.

    `counts` says that the difference lies outside the joint interval and above half a percent of the cost.
    """

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
    counts: bool
    chosen: bool
    best: bool


@dataclass(frozen=True)
class Comparison:
    """All ways by one measure, the simplest first. `level` is that of the means, `joint_level` of all differences."""

    measure: str
    unit: str
    explained: str
    rows: tuple[Row, ...]
    comparisons: int
    level: float = 0.95
    joint_level: float = 0.99


@dataclass(frozen=True)
class Gain:
    """How far the advised way lies below the usual one: what the rule alone gets on the usual loss, and what the loss adds.

    Shares are of the whole gain and add up to 1; None where there is no rule to speak of.
    """

    usual: float
    advised: float
    rule_alone: float | None
    rule_share: float | None
    loss_share: float | None
    sentence: str


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
class Table:
    """A small table of texts and numbers for people: a title, a sentence that says what it shows, heads, rows."""

    title: str
    caption: str
    heads: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]


@dataclass(frozen=True)
class Series:
    """Points of one line or of one set of bars; `error` are half-widths, upwards only where `error_low` has the others."""

    label: str
    style: str
    x: tuple[Any, ...]
    y: tuple[float, ...]
    error: tuple[float, ...] = ()
    error_low: tuple[float, ...] = ()


@dataclass(frozen=True)
class Picture:
    """A plot as data; `marks` are vertical lines (x, label); `diagonal` draws the line of a perfect forecast."""

    name: str
    title: str
    caption: str
    x_label: str
    y_label: str
    series: tuple[Series, ...]
    marks: tuple[tuple[float, str], ...] = ()
    diagonal: bool = False


@dataclass(frozen=True)
class Section:
    """A part of the evidence: a title, whole sentences, tables and pictures (by their place in this section)."""

    name: str
    title: str
    sentences: tuple[str, ...] = ()
    tables: tuple[Table, ...] = ()
    pictures: tuple[Picture, ...] = ()


@dataclass(frozen=True)
class Observation:
    """Something that was seen in the data: a short name, the value as text, and what it means in one sentence."""

    what: str
    value: str
    sentence: str


@dataclass(frozen=True)
class Job:
    """What some rows were used for: name of the job, how many rows (of one fold, or all), and in words."""

    name: str
    rows: int
    words: str


@dataclass(frozen=True)
class Data:
    """Which rows there were, and what was done with them."""

    source: str
    rows_read: int
    left_out: tuple[tuple[str, int], ...]
    folds: int
    jobs: tuple[Job, ...]
    how: str
    judged: str
    model: str


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
    """Everything that a study found, as plain data. `sections` stand on the page in this order."""

    target: str
    kind: str
    kind_reason: str
    cost: str
    answer: Answer
    verdict: tuple[str, ...]
    data: Data
    comparison: Comparison
    gain: Gain | None
    grid: Grid
    losses: tuple[LossRow, ...]
    sections: tuple[Section, ...]
    recommended: dict[str, Any]
    columns: tuple[tuple[str, str], ...]
    left_out: tuple[tuple[str, str], ...]
    observations: tuple[Observation, ...]
    notes: tuple[str, ...]
    reproduce: Reproduce
    files: tuple[tuple[str, str], ...] = ()
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
