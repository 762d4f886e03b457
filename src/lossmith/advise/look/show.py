"""A profile for people: a `Profile` comes in, about twenty lines of plain text go out."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Final

from lossmith.advise.look.evidence import percent
from lossmith.report.words import number

if TYPE_CHECKING:
    from lossmith.advise.look.profile import Profile

WIDTH: Final = 110
MOST_CLASSES: Final = 8

KIND_WORDS: Final = {
    "real": "a number",
    "positive": "a number above zero",
    "nonnegative": "a number, zero or above",
    "count": "a count",
    "fraction": "a fraction, between 0 and 1",
    "binary": "a choice between two classes",
    "class": "a choice between classes",
    "ordinal": "grades in order",
}

LEVEL_WORDS: Final = {0.01: "1 %", 0.25: "a quarter", 0.5: "half", 0.75: "three quarters", 0.99: "99 %"}

TOLD_ABOVE: Final = frozenset({"kind", "range", "missing targets"})
"""Observations that the first lines hold already."""


def shown(profile: Profile) -> str:
    """Write a profile: what the target is, its values, what was seen, and what to look at."""
    unit = f", in {profile.unit_name}" if profile.unit_name != profile.target else ""
    missing = f"; {percent(profile.missing)} of all rows have no target" if profile.missing else ""
    lines = [
        *_wrapped(
            f"{profile.target}: {KIND_WORDS[profile.kind]}{unit} ({profile.kind}), because {profile.reason}.", "", ""
        ),
        *_wrapped(f"{profile.n_rows:,} rows{missing}. {_values(profile)}", "", ""),
    ]
    seen = [evidence.sentence for evidence in profile.evidence if evidence.what not in TOLD_ABOVE]
    for head, sentences in (("What was seen", seen), ("What to look at", profile.warnings)):
        lines += ["", head] if sentences else []
        lines += [line for sentence in sentences for line in _wrapped(sentence, "  - ", "    ")]
    return "\n".join(lines)


def _wrapped(text: str, first: str, later: str) -> list[str]:
    return textwrap.wrap(text, WIDTH, initial_indent=first, subsequent_indent=later, break_on_hyphens=False)


def _values(profile: Profile) -> str:
    if profile.classes:
        counted = list(zip(profile.classes, profile.counts, strict=True))
        each = [f'"{name}" {count:,} ({percent(count / profile.n_rows)})' for name, count in counted[:MOST_CLASSES]]
        more = f" and {len(counted) - MOST_CLASSES} more" if len(counted) > MOST_CLASSES else ""
        return f"{', '.join(each)}{more}."
    below = dict(profile.quantiles)
    levels = ", ".join(
        f"{words} below {number(below[level])}" for level, words in LEVEL_WORDS.items() if level in below
    )
    return (
        f"From {number(profile.minimum)} to {number(profile.maximum)}; {levels}; mean {number(profile.mean)}, standard "
        f"deviation {number(profile.sd)}."
    )
