"""The facts of a loss as text for a terminal.

Comes in: a loss. Goes out: lines: the table of its facts, and the places where its slope jumps or bends.
"""

from __future__ import annotations

from typing import Final

from lossmith.formula.text import to_text
from lossmith.loss.handle import Loss
from lossmith.loss.known_facts import MARGIN, facts

LEGEND: Final = (
    "proved: for all numbers; sampled: seen at so many points; refuted: a counterexample is known; open: not decided.",
    "Of a refuted fact, lossmith.facts(loss).NAME.counterexample is Python that shows it.",
)


def facts_lines(loss: Loss) -> list[str]:
    """The facts of a loss, a line each (more where the evidence is long), with its kinks and what the words mean."""
    kinks = [f"{'kink'.ljust(MARGIN)}where {to_text(kink.surface)} = 0: {kink.chosen}" for kink in loss.facts.kinks]
    return [*facts(loss).lines, *kinks, *LEGEND]
