"""A designed loss for each of the twelve problems, against the default loss with its best rule, on held-out rows.

    python benchmarks/designs.py [--seeds 0 1 2] [--only NAME ...]

A design is a function of at most three lines, each of which a user could write; its docstring says why it fits the story.
It was chosen by the story and, where there was a choice, by rows for training and for the rule, never by held-out rows.
Out comes a table: both criteria (lower is better), their difference with its 95 % interval, the verdict, the difference
with each seed, and the seconds that both took. The exit code is 0 if no design is worse and, where all twelve ran, at
least six are better.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import lossmith as ls
from benchmarks import design_protocol
from benchmarks.design_protocol import Difference, compare, decide
from benchmarks.design_rules import Rows
from benchmarks.design_sets import PROBLEMS, Problem

WANTED: Final = 6
MOST_LINES: Final = 3

# The designs ---------------------------------------------------------------------------------------------------------


def late_flights() -> ls.Loss:
    """A minute too few costs five times a minute too many: train on that cost."""
    return ls.from_costs(under=5, over=1).loss


def spare_parts() -> ls.Loss:
    """Leftovers cost 1, the first ten that lack 2, further ones 8: train on that curve of (order - demand, cost)."""
    return ls.from_costs(points=[(-20, 100), (-10, 20), (0, 0), (20, 20)]).loss


def bad_loans() -> ls.Loss:
    """Costs of two decisions: what they imply is the log loss, and a threshold."""
    return ls.from_costs(matrix=[[0, 1], [20, 0]]).loss


def card_fraud() -> ls.Loss:
    """A missed fraud costs its amount, a false alarm 5: rows count what an error in them costs."""
    return ls.from_costs(false_negative="amount", false_positive=5).loss


def missed_cases() -> ls.Loss:
    """Of the ill 65 % are recorded, of the healthy 5 %: the log loss of the record, p being the truth behind it."""
    return ls.parse("-y * log(0.05 + 0.6*p) - (1 - y) * log(0.95 - 0.6*p)", target="binary", link="sigmoid")


def wrong_digits() -> ls.Loss:
    """Two labels in five are wrong: leave out the two fifths that fit worst."""
    return ls.get("cross_entropy").select(trim=0.4)


def typing_errors() -> ls.Loss:
    """Minutes off count as such, and slips are fewer than one in ten: leave out the tenth that fits worst."""
    return ls.get("absolute_error").select(trim=0.1)


def look_alikes() -> ls.Loss:
    """Only those that look alike are hard to tell: for each that is wanted, look at the three hardest others."""
    return ls.get("log_loss").select(negatives=3)


def echoes() -> ls.Loss:
    """A reading that is more than 2 off is useless, however far: the squared error up to there, and no more."""
    return ls.get("squared_error").truncate(2**2)


def sensor_curve() -> ls.Loss:
    """The worst twentieth counts: train on it."""
    return ls.get("absolute_error").cvar(0.05)


def long_tail() -> ls.Loss:
    """All digits count the same: take their shares out while training, and somewhat more, for the rare are very few."""
    return ls.get("cross_entropy").adjust(tau=1.5)


def diamond_prices() -> ls.Loss:
    """Percent off is a distance of logarithms."""
    return ls.get("log_normal")


Design = Callable[[], ls.Loss]
DESIGNS: Final[Mapping[str, Design]] = {
    design.__name__.replace("_", "-"): design
    for design in (
        late_flights,
        spare_parts,
        bad_loans,
        card_fraud,
        missed_cases,
        wrong_digits,
        typing_errors,
        look_alikes,
        echoes,
        sensor_curve,
        long_tail,
        diamond_prices,
    )
}

# The run -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Outcome:
    """What became of one design: its problem, the difference to the default loss, and the seconds that both took."""

    name: str
    found: Difference
    seconds: float

    @property
    def verdict(self) -> str:
        """Better or worse beyond the interval, or the same."""
        return "better" if self.found.is_better else "worse" if self.found.is_worse else "same"


def fitted(loss: ls.Loss, train: Rows) -> ls.Loss:
    """The loss with what depends on the training rows bound, as `Loss.fit` does; any other is as it was."""
    y = train.y.astype(np.int64) if loss.target == "class" else train.y
    return loss.fit(y, columns=design_protocol._columns(loss, train))


def judge(problem: Problem, design: Design, seeds: Sequence[int]) -> Outcome:
    """Train and decide under both losses with each seed, and compare."""
    began = time.perf_counter()
    pairs = []
    for seed in seeds:
        split = problem.make(seed)
        default = decide(problem, ls.get(problem.default), split, seed)
        loss = fitted(design(), split.train)
        pairs.append((default, decide(problem, loss, split, seed, starts=default.models)))
    defaults, designs = zip(*pairs, strict=True)
    return Outcome(problem.name, compare(problem, defaults, designs), time.perf_counter() - began)


HEAD: Final = (
    f"{'problem':16}{'default':>10}{'design':>10}{'difference':>12}  {'95 % interval':24}{'verdict':9}{'s':>5}  by seed"
)


def row_of(one: Outcome) -> str:
    """One line of the table."""
    d = one.found
    interval = f"{d.low:+.5f} to {d.high:+.5f}"
    by_seed = "  ".join(f"{value:+.5f}" for value in d.by_seed)
    return (
        f"{one.name:16}{d.default:>10.5f}{d.design:>10.5f}{d.value:>+12.5f}  {interval:24}{one.verdict:9}"
        f"{one.seconds:>5.0f}  {by_seed}"
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Read the command line, run, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--only", nargs="+", default=list(DESIGNS), metavar="NAME")
    given = parser.parse_args(arguments)
    if unknown := set(given.only) - set(DESIGNS):
        parser.error(f"there is no problem {', '.join(sorted(unknown))}. Known: {', '.join(DESIGNS)}")
    print(HEAD, flush=True)
    outcomes = []
    for problem in PROBLEMS:
        if problem.name in given.only:
            outcomes.append(judge(problem, DESIGNS[problem.name], given.seeds))
            print(row_of(outcomes[-1]), flush=True)
    better, worse = (sum(one.verdict == word for one in outcomes) for word in ("better", "worse"))
    print(f"\nbetter: {better} of {len(outcomes)}; worse: {worse}.")
    enough = better >= WANTED or len(outcomes) < len(PROBLEMS)
    return 0 if enough and not worse else 1


if __name__ == "__main__":
    sys.exit(main())
