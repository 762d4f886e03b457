"""The facts of a loss as text for a terminal.

Comes in: a loss. Goes out: lines: the table of its facts, the places where its slope jumps or bends, and those where it
is no number.
"""

from __future__ import annotations

from typing import Final

from lossmith.formula.text import to_text
from lossmith.loss.handle import Loss
from lossmith.loss.known_facts import MARGIN, facts

NO_NUMBER: Final = "the loss is no number "
MOST: Final = 3  # places without a number that are listed
LEGEND: Final = (
    "proved: for all numbers; sampled: seen at so many points; refuted: a counterexample is known; open: not decided.",
    "Of a refuted fact, lossmith.facts(loss).NAME.counterexample is Python that shows it.",
)


def facts_lines(loss: Loss) -> list[str]:
    """The facts of a loss, a line each (more where the evidence is long), its kinks and holes, and what the words mean."""
    known = facts(loss)
    kinks = [f"{'kink'.ljust(MARGIN)}where {to_text(kink.surface)} = 0: {kink.chosen}" for kink in loss.facts.kinks]
    holes = [f"{'no number'.ljust(MARGIN)}{said.removeprefix(NO_NUMBER)}" for said in known.holes[:MOST]]
    return [*known.lines, *kinks, *holes, *LEGEND]
