"""The answer of a study in three tiles: its record comes in; what to use, what it gains and what to do go out as text."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from lossmith.report.study.record import Answer, Comparison, Row, StudyRecord
from lossmith.report.words import number, typical, with_margin

USUAL: Final = "default"
RULED: Final = "default with rule"
PROGRAM: Final = "predict.py"
COMMAND: Final = "python predict.py DATA.csv > predictions.csv"


@dataclass(frozen=True)
class Tile:
    """One part of the answer: a short title, the thing itself, a sentence about it; `command` is to be typed."""

    title: str
    main: str
    small: str = ""
    command: str = ""


@dataclass(frozen=True)
class Bar:
    """A bar of the small picture: its name, the length (0 to 100) and the value as text."""

    label: str
    length: float
    text: str
    advised: bool = False


def tiles(record: StudyRecord) -> tuple[Tile, Tile, Tile]:
    """Return what to use, what it gains, and what to do now."""
    return USES[record.answer](record), _gains(record), _now(record)


def advised(record: StudyRecord) -> Row:
    """Return the row that is advised; the files hold it, if it is a model.

    Raises `StopIteration` for a comparison in which nothing is chosen: no study writes one.
    """
    return next(row for row in record.comparison.rows if row.chosen)


def tag(record: StudyRecord, row: Row) -> str:
    """Say in a word or two what is special about a row, if anything is."""
    if row.chosen:
        return "advised"
    return "least" if row.best else ""


def usual(comparison: Comparison) -> Row | None:
    """Return the usual way, as it is."""
    return next((row for row in comparison.rows if row.role == USUAL), None)


def fine(comparison: Comparison) -> float | None:
    """Return the middle margin of the differences: what the digits of the comparison go by."""
    return typical(row.difference_margin for row in comparison.rows)


def advises_a_model(record: StudyRecord) -> bool:
    """Whether the advice is a model, and not one answer for every row."""
    return not any(row.chosen and row.role == "constant" for row in record.comparison.rows)


def signed(difference: float | None, margin: float | None, digits: float | None = None) -> str:
    """Write a difference with its sign: `+1.2 ± 0.3`, `−4.1 ± 0.2`.

    >>> signed(-4.1, 0.2), signed(1.25, None)
    ('−4.10 ± 0.20', '+1.25')
    """
    if difference is None or not math.isfinite(difference):
        return "not defined"
    return ("−" if difference < 0 else "+") + with_margin(abs(difference), margin, digits)


def standing(row: Row) -> str:
    """Say how a row stands against the usual way, in two or three words."""
    if row.role == USUAL:
        return "the usual way"
    if row.difference is None or not math.isfinite(row.difference):
        return ""
    if not row.counts:
        return "no clear difference"
    return "clearly less" if row.difference < 0 else "clearly more"


def unit(record: StudyRecord) -> str:
    """Return the unit of the numbers that are compared, as it follows them; nothing where only the target is known."""
    known = record.comparison.unit not in ("", record.target)
    return f"in {record.comparison.unit}" if known else ""


def percent(row: Row, reference: Row | None) -> str:
    """Write a difference as a share of what the usual way costs; nothing where that says nothing.

    Shares below 10 % keep two digits.
    """
    if reference is None or not (math.isfinite(row.difference) and math.isfinite(reference.mean)):
        return ""
    if not reference.mean > 0 or not row.difference:
        return ""
    share = 100 * abs(row.difference) / reference.mean
    return f"{share:,.0f} %" if share >= 9.5 else f"{share:.2g} %"


def bars(record: StudyRecord) -> tuple[Bar, ...]:
    """Return the usual and the advised way as bars; nothing where they are one, or where bars would mislead."""
    table = record.comparison
    picked, reference = advised(record), usual(table)
    if reference is None or picked is reference or not picked.counts:
        return ()
    values = [reference.mean, picked.mean]
    if not all(math.isfinite(v) and v >= 0 for v in values) or max(values) == 0:
        return ()
    texts = [number(v, fine(table)) for v in values]
    lengths = [round(100 * v / max(values), 1) for v in values]
    return Bar("as usual", lengths[0], texts[0]), Bar("advised", lengths[1], texts[1], True)


def shares(record: StudyRecord) -> tuple[Bar, ...]:
    """Return the parts of the gain as bars: the rule alone, what the loss adds, the advice. Empty without a gain."""
    gain = record.gain
    if gain is None:
        return ()
    digits = fine(record.comparison)
    parts = [
        ("the rule alone, on the usual loss", gain.rule_share, gain.rule_alone),
        ("the rest: what the loss adds", gain.loss_share, None),
    ]
    known = [(label, share, value) for label, share, value in parts if share is not None and math.isfinite(share)]
    longest = max([1.0, *(share for _, share, _ in known)])
    drawn = [
        Bar(label, _length(share, longest), _share(share) + ("" if value is None else f" ({number(value, digits)})"))
        for label, share, value in known
    ]
    whole = Bar("the advice", _length(1.0, longest), f"100 % ({number(gain.advised, digits)})", True)
    return (*drawn, whole) if drawn else ()


def _share(share: float) -> str:
    return f"{100 * share:.0f} %" if share >= 0 else f"worse, by {-100 * share:.0f} %"


def _length(share: float, longest: float) -> float:
    return round(100 * max(0.0, share) / longest, 1)


def _use(title: str) -> Callable[[StudyRecord], Tile]:
    return lambda record: Tile(title, advised(record).label, _reason(record, advised(record)))


def _same(record: StudyRecord) -> Tile:
    row = advised(record)
    simple = row.role in (USUAL, RULED)
    return _use("Keep what is simplest" if simple else "Either will do; this one was cheapest")(record)


def _rule(record: StudyRecord) -> Tile:
    simple = advised(record).role in (USUAL, RULED)
    return _use("Keep the usual loss, with this rule" if simple else "The rule is what counts; this way was cheapest")(
        record
    )


def _reason(record: StudyRecord, row: Row) -> str:
    """Why a way is what it is: the reason of its loss, if another than the usual one, else that of its rule."""
    reasons = [loss.reason for loss in record.losses if loss.label == row.loss and not loss.is_default]
    why = reasons[0] if reasons else row.why
    return f"{why[0].upper()}{why[1:].rstrip('.')}." if why else ""


USES: Final[Mapping[Answer, Callable[[StudyRecord], Tile]]] = {
    "loss": _use("Use this"),
    "rule": _rule,
    "same": _same,
    "nothing": _use("No model is needed"),
}


def _gains(record: StudyRecord) -> Tile:
    table = record.comparison
    picked, reference, digits = advised(record), usual(table), fine(table)
    here = with_margin(picked.mean, picked.margin, digits)
    measured = ", ".join(filter(None, (table.measure, unit(record))))
    if reference is None or picked is reference or picked.role == "constant" or not picked.counts:
        return Tile("What it gains", SMALL_GAINS[record.answer], f"{here} ({measured}).")
    less = with_margin(abs(picked.difference), picked.difference_margin, digits)
    share = percent(picked, reference)
    way = "less" if picked.difference < 0 else "more"
    instead = f"{less} {way}: {here} instead of {number(reference.mean, digits)} ({measured})."
    return Tile("What it gains", f"{share} {way}" if share else f"{less} {way}", instead)


SMALL_GAINS: Final[Mapping[Answer, str]] = {
    "loss": "No clear difference",
    "rule": "No clear difference, and it is no more work",
    "same": "Nothing else is clearly better",
    "nothing": "No model is clearly better",
}


def _now(record: StudyRecord) -> Tile:
    label = str(record.recommended["label"])
    if not advises_a_model(record):
        return Tile(
            "What to do now",
            "Give this one answer to every row",
            f"No model is advised. Should you want one all the same, the files hold the least costly: {label}.",
        )
    if not any(name == PROGRAM for name, _ in record.files):
        return Tile("What to do now", label, "Trained, and ready to be used from Python.")
    return Tile(
        "What to do now",
        "Run predict.py on your new rows",
        f"It answers with {label}.",
        COMMAND,
    )


def is_file_name(name: str) -> bool:
    """Whether a name is safe as a relative link: letters, digits, `-`, `_`, dots inside; a folder ends in `/`.

    >>> is_file_name("predict.py"), is_file_name("javascript:alert(1)"), is_file_name("../x")
    (True, False, False)
    """
    return re.fullmatch(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*/?", name) is not None
