"""Run `ls.verify` on the whole corpus, wrong losses and right ones, and count against the bars.

Comes in: `--part` and `--only`. Goes out: a line for each loss (how it went, seconds, name, codes reported, codes that
are right), and totals: mutants found and named right, faulty libraries told, false alarms, the slowest.
Run: python -m benchmarks.verify_corpus [--part numpy|boosters|torch|jax|correct|libraries] [--only NAME]
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Iterable

from tests.checking.corpus.all_parts import PARTS, samples
from tests.checking.corpus.outcome import Outcome, outcome

FOUND_BAR, RIGHT_BAR, SECONDS_BAR = 57 / 60, 50 / 60, 30.0
"""Of sixty planted mutants, 57 found and 50 named right; each check under 30 seconds."""
BARRED = frozenset(PARTS) - {"libraries"}
"""Parts that are held against the bars; faults of libraries, which nobody planted, are counted by themselves."""


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
    parser.add_argument("--only", default="", help="samples of which source and name hold this text")
    parser.add_argument("--texts", action="store_true", help="what is said of each fault, and what was not checked")
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    everything: list[Outcome] = []
    for part in given.part or PARTS:
        done = []
        for sample in samples(part):
            if given.only in f"{sample.source}: {sample.name}":
                done.append(outcome(sample))
                print(done[-1].line, flush=True)
                if given.texts:
                    print(*(f"        {text}" for text in done[-1].texts + done[-1].unchecked), sep="\n", flush=True)
        print(f"== {part}: {totals(done)}", flush=True)
        everything += done if part in BARRED else []
    print(f"== all but libraries: {totals(everything)}")


if __name__ == "__main__":
    main()
