"""From raw rows to numbers with NumPy alone: this file's text is embedded, as it is, in a study's `predict.py`.

Comes in: an encoding as plain data (read from JSON) and rows as dicts, column name to Python value or text. Goes out:
the float64 matrix that `lossmith.advise.data.encode.encode` makes of the same rows. It imports nothing of Lossmith and
never runs what it reads. The tables of how text is understood live here, so that both sides share them.
"""

import datetime
import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

# Texts that mean "nothing here" in a column of numbers, dates or truth values.
MISSING_WORDS = (
    "", "NA", "N/A", "n/a", "na", "#N/A", "<NA>", "NaN", "nan", "NAN", "NaT", "null", "NULL", "Null", "None", "none",
    "?", "-", "--", ".",
)  # fmt: skip

# How a number may be written: name -> (pattern, characters to delete, decimal mark). Tried in this order.
NUMBER_READINGS = {
    "plain": (r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?", "", "."),
    "thousands": (r"[+-]?[0-9]{1,3}(?:,[0-9]{3})*(?:\.[0-9]*)?", ",", "."),
    "decimal comma": (r"[+-]?(?:[0-9]+|[0-9]{1,3}(?:\.[0-9]{3})+)(?:,[0-9]*)?", ".", ","),
    "spaced": (r"[+-]?[0-9]{1,3}(?:[ \u00a0\u202f][0-9]{3})*(?:[.,][0-9]*)?", " \u00a0\u202f", ","),
    "amount": (
        r"(?:[+-]?[$\u20ac\u00a3\u00a5\u20a9]? ?|[$\u20ac\u00a3\u00a5\u20a9] ?[+-])"
        r"(?:[0-9]+|[0-9]{1,3}(?:,[0-9]{3})+)(?:\.[0-9]*)? ?[%$\u20ac\u00a3\u00a5\u20a9]?",
        "$\u20ac\u00a3\u00a5\u20a9%, ",
        ".",
    ),
}

_CLOCK = r"(?P<H>[0-9]{1,2}):(?P<M>[0-9]{2})(?::(?P<S>[0-9]{2})(?:[.,][0-9]+)?)?"
_LATER = rf"(?:[T ] ?{_CLOCK}(?: ?(?P<p>[AaPp])[Mm])?(?: ?(?:Z|UTC|[+-][0-9]{{2}}:?[0-9]{{2}}))?)?"

# How a date may be written: name -> pattern with the groups y, m (or b, a month's name), d, and H, M, S, p (am, pm).
DATE_READINGS = {
    "year-month-day": rf"(?P<y>[0-9]{{4}})[-/.](?P<m>[0-9]{{1,2}})[-/.](?P<d>[0-9]{{1,2}}){_LATER}",
    "month/day/year": rf"(?P<m>[0-9]{{1,2}})/(?P<d>[0-9]{{1,2}})/(?P<y>[0-9]{{4}}){_LATER}",
    "day/month/year": rf"(?P<d>[0-9]{{1,2}})[-/.](?P<m>[0-9]{{1,2}})[-/.](?P<y>[0-9]{{4}}){_LATER}",
    "day month-name year": rf"(?P<d>[0-9]{{1,2}})[- ](?P<b>[A-Za-z]{{3}})[a-z]*[- ](?P<y>[0-9]{{4}}){_LATER}",
    "month-name day, year": rf"(?P<b>[A-Za-z]{{3}})[a-z]*\.? (?P<d>[0-9]{{1,2}}),? (?P<y>[0-9]{{4}}){_LATER}",
    "\ub144\uc6d4\uc77c": rf"(?P<y>[0-9]{{4}})\ub144 ?(?P<m>[0-9]{{1,2}})\uc6d4 ?(?P<d>[0-9]{{1,2}})\uc77c{_LATER}",
}

MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
TRUTH_WORDS = {"true": 1.0, "false": 0.0, "1": 1.0, "0": 0.0, "t": 1.0, "f": 0.0, "yes": 1.0, "no": 0.0}

# The numbers made of a date, each from the date and its time of day in hours.
DATE_PARTS: dict[str, Callable[[datetime.date, float], float]] = {
    "days": lambda day, hour: float(day.toordinal() - 719163),
    "month": lambda day, hour: float(day.month),
    "weekday": lambda day, hour: float(day.isoweekday()),
    "yearday": lambda day, hour: float(day.timetuple().tm_yday),
    "hour": lambda day, hour: hour,
}


def number_from_text(text: str, reading: str) -> float:
    """Return the number that `text` writes in the style `reading` (else plainly), NaN where it writes none."""
    for name in (reading, "plain"):
        pattern, delete, mark = NUMBER_READINGS.get(name, NUMBER_READINGS["plain"])
        if re.fullmatch(pattern, text):
            kept = "".join(letter for letter in text if letter not in delete)
            return float(kept.replace(mark, "."))
    return math.nan


def date_from_text(text: str, reading: str) -> "tuple[datetime.date, float] | None":
    """Return (date, hours since midnight), or None where `text` writes no date that exists."""
    found = re.fullmatch(DATE_READINGS.get(reading, DATE_READINGS["year-month-day"]), text)
    if found is None:
        return None
    part = found.groupdict()
    name = (part.get("b") or "").lower()
    month = int(part["m"]) if part.get("m") else (MONTHS.index(name) + 1 if name in MONTHS else 0)
    hour, minute = int(part["H"] or 0), int(part["M"] or 0)
    if part["p"]:
        hour = hour % 12 + (12 if part["p"] in "pP" else 0)
    try:
        when = datetime.datetime(int(part["y"]), month, int(part["d"]), hour, minute)
    except ValueError:
        return None
    return when.date(), when.hour + when.minute / 60


def is_missing(value: Any) -> bool:
    """Return whether a raw value says nothing (None, NaN, NaT, or an empty text)."""
    if value is None or (isinstance(value, str) and not value.strip()):
        return True
    return bool(value != value)


def number_columns(feature: Mapping[str, Any], value: Any) -> list[float]:
    """Return a number as one column."""
    if isinstance(value, str):
        return [number_from_text(value.strip(), feature["reading"])]
    if isinstance(value, datetime.timedelta):
        return [value.total_seconds()]
    if isinstance(value, datetime.time):
        return [value.hour * 3600 + value.minute * 60 + value.second + value.microsecond / 1e6]
    return [float(value)]


def boolean_columns(feature: Mapping[str, Any], value: Any) -> list[float]:
    """Return a truth value as one column of 0 and 1."""
    if isinstance(value, str):
        return [TRUTH_WORDS.get(value.strip().lower(), math.nan)]
    return [float(bool(value))]


def category_columns(feature: Mapping[str, Any], value: Any) -> list[float]:
    """Return the position of a category among the levels, NaN for any other."""
    if isinstance(value, bool):
        value = "true" if value else "false"
    elif isinstance(value, float) and value.is_integer():
        value = int(value)
    code = feature["codes"].get(str(value).strip())
    return [math.nan if code is None else float(code)]


def date_columns(feature: Mapping[str, Any], value: Any) -> list[float]:
    """Return the parts of a date that the encoding keeps, all NaN where there is none."""
    if isinstance(value, np.datetime64):
        value = value.astype("datetime64[us]").item()
    if isinstance(value, str):
        found = date_from_text(value.strip(), feature["reading"])
    elif isinstance(value, datetime.datetime):
        found = value.date(), value.hour + value.minute / 60
    elif isinstance(value, datetime.date):
        found = value, 0.0
    else:
        found = None
    return [math.nan if found is None else DATE_PARTS[part](*found) for part in feature["levels"]]


COLUMNS_OF: dict[str, Callable[[Mapping[str, Any], Any], list[float]]] = {
    "number": number_columns,
    "boolean": boolean_columns,
    "category": category_columns,
    "date": date_columns,
}


def encode_rows(encoding: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> Any:
    """Return the float64 matrix (n rows, p columns) of `rows`; a row without a needed column is an error."""
    features = [
        {**feature, "codes": {level: code for code, level in enumerate(feature["levels"])}}
        for feature in encoding["features"]
    ]
    widths = [len(feature["levels"]) if feature["kind"] == "date" else 1 for feature in features]
    matrix = np.full((len(rows), sum(widths)), np.nan)
    for number, row in enumerate(rows):
        column = 0
        for feature, width in zip(features, widths, strict=True):
            if feature["name"] not in row:
                raise ValueError(f"row {number + 1} has no column named {feature['name']!r}")
            value = row[feature["name"]]
            if not is_missing(value):
                matrix[number, column : column + width] = COLUMNS_OF[feature["kind"]](feature, value)
            column += width
    return matrix
