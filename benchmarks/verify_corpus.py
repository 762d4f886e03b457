"""Run `ls.verify` on the whole corpus, wrong losses and right ones, and count against the bars.

Comes in: `--part` and `--only`. Goes out: a line for each loss (how it went, seconds, name, codes reported, codes that
are right), and totals: mutants found and named right, faulty libraries told, false alarms, the slowest.
Run: python -m benchmarks.verify_corpus [--part numpy|boosters|torch|jax|correct] [--only NAME]
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Iterable
from dataclasses import dataclass

import lossmith as ls
from tests.checking.corpus.all_parts import PARTS, samples
from tests.checking.corpus.record import Sample

FOUND_BAR, RIGHT_BAR, SECONDS_BAR = 57 / 60, 50 / 60, 30.0
"""Of sixty planted mutants, 57 found and 50 named right; each check under 30 seconds."""


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


def totals(outcomes: Iterable[Outcome]) -> str:
    """The counts, each with its bar."""
    done = list(outcomes)
    wrong = [o for o in done if o.sample.expected]
    right = [o for o in done if not o.sample.expected]
    found = sum(o.word in ("right", "found") for o in wrong)
    named = sum(o.word == "right" for o in wrong)
    alarms = sum(o.word == "ALARM" for o in right)
    slow = max((o.seconds for o in done), default=0.0)
    return (
        f"{len(wrong)} wrong: {found} found (bar {FOUND_BAR * len(wrong):.1f}), {named} named right "
        f"(bar {RIGHT_BAR * len(wrong):.1f}); {len(right)} right: {alarms} false alarms (bar 0), "
        f"{sum(o.word == 'ERROR' for o in done)} without verdict; slowest {slow:.1f} s (bar {SECONDS_BAR:g})"
    )


def main() -> None:
    """Run what is asked for."""
    parser = argparse.ArgumentParser(description="ls.verify on a corpus of wrong losses and right ones")
    parser.add_argument("--part", choices=sorted(PARTS), action="append")
    parser.add_argument("--only", default="", help="names that hold this text")
    parser.add_argument("--texts", action="store_true", help="what is said of each fault, and what was not checked")
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    everything: list[Outcome] = []
    for part in given.part or PARTS:
        done = []
        for sample in samples(part):
            if given.only in sample.name:
                done.append(outcome(sample))
                print(done[-1].line, flush=True)
                if given.texts:
                    print(*(f"        {text}" for text in done[-1].texts + done[-1].unchecked), sep="\n", flush=True)
        print(f"== {part}: {totals(done)}", flush=True)
        everything += done
    print(f"== all: {totals(everything)}")


if __name__ == "__main__":
    main()
