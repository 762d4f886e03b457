"""What `ls.verify` said of a sample, and whether that was right.

Comes in: a `Sample`. Goes out: an `Outcome`.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import lossmith as ls
from tests.checking.corpus.record import Sample


@dataclass(frozen=True)
class Outcome:
    """What `verify` said of one loss; `failed`: the error, where it gave no verdict."""

    sample: Sample
    codes: tuple[str, ...]
    seconds: float
    failed: str = ""
    texts: tuple[str, ...] = ()
    unchecked: tuple[str, ...] = ()

    @property
    def word(self) -> str:
        """How it went, in a word."""
        if self.failed:
            return "ERROR"
        if not self.sample.expected:
            return "ALARM" if self.codes else "right"
        if self.sample.expected & set(self.codes):
            return "right"
        return "found" if self.codes else "MISS"

    @property
    def line(self) -> str:
        """The row of the table."""
        said = self.failed or ", ".join(self.codes) or "-"
        wanted = "|".join(sorted(self.sample.expected)) or "nothing"
        return f"{self.word:6}{self.seconds:6.1f}  {self.sample.source}: {self.sample.name}: {said}  [{wanted}]"


def outcome(sample: Sample) -> Outcome:
    """Check one loss."""
    began = time.perf_counter()
    try:
        verdict = ls.verify(sample.make(), **sample.options)
    except Exception as error:
        return Outcome(sample, (), time.perf_counter() - began, f"{type(error).__name__}: {error}")
    found = tuple(dict.fromkeys(fault.code for fault in verdict.faults))
    unchecked = tuple(f"{what}: {why}" for what, why in verdict.not_checked)
    texts = tuple(fault.text for fault in verdict.faults)
    return Outcome(sample, found, time.perf_counter() - began, texts=texts, unchecked=unchecked)
