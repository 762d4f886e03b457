"""The evidence, part by part: what a study found comes in, the sections of its page go out, in one order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from lossmith.advise.tell.calibrated import calibrated
from lossmith.advise.tell.change import change
from lossmith.advise.tell.disagree import disagreement
from lossmith.advise.tell.found import Found
from lossmith.advise.tell.noises import noise
from lossmith.advise.tell.picture import decision, residuals, ways
from lossmith.advise.tell.shapes import shapes
from lossmith.report.study.record import Section

SECTIONS: Final[tuple[Callable[[Found], Section | None], ...]] = (
    ways,
    decision,
    calibrated,
    residuals,
    disagreement,
    noise,
    shapes,
    change,
)


def sections(found: Found) -> tuple[Section, ...]:
    """Return the sections that this study has something to say in."""
    made = (section(found) for section in SECTIONS)
    return tuple(section for section in made if section is not None)
