"""Is the study's advice right? Twelve generated tables, judged against every loss of the catalogue with every rule.

    python benchmarks/advisor.py [--seeds 0 1] [--only NAME ...] [--null] [--ways] [--keep FOLDER]

For each set and seed the study sees 5,000 rows; its first choice, and every way of `advisor_ways`, are then judged on
the same 50,000 fresh rows by the metric of the set. The study passes where its value is within 1 % of the best way or
inside the 95 % interval of the best; "gap" is the paired difference to the best with its own 95 % interval, "regret"
the distance to the exact best actions. What is judged is what `decide` does; that a verdict names another loss than
`decide` uses is said and counted. The exit code is 0 if 11 of 12 pass (10 of 10 with `--null`).

`--null` asks instead about ten tables where no loss is better than the usual one. `--ways` runs no study and prints
the best ways. `--keep` stores the best ways in a folder and reads them from there the next time (empty it when losses,
generators or settings change).
"""

from __future__ import annotations

import argparse
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import lossmith as ls
from benchmarks.advisor_nulls import NULLS, NullSet
from benchmarks.advisor_sets import SETS, GeneratedSet, Sample
from benchmarks.advisor_ways import Way, judged, untrained, ways

FRESH: Final = 50_000
FRESH_SEED: Final = 1_000_000
NEAR: Final = 1.01
MOST_SECONDS: Final = 60.0
KEPT: Final = ("loss", "rule", "value", "margin")
CONTRADICTS: Final = "BUT decides by another loss"
Line = Callable[[str], None]


@dataclass(frozen=True)
class Judgement:
    """What became of one set: the study's first choice, the best way, the exact best, and how long the study took."""

    name: str
    seed: int
    metric: str
    choice: Way
    best: Way
    oracle: float
    seconds: float
    cpu: float
    verdict: str

    @property
    def limit(self) -> float:
        """The largest value that passes."""
        return max(self.best.value * NEAR, self.best.value + self.best.margin)

    @property
    def passes(self) -> bool:
        """Whether the choice is within 1 % of the best way or inside its interval."""
        return self.choice.value <= self.limit

    @property
    def gap(self) -> Way:
        """The paired difference to the best way."""
        if not np.isfinite(self.choice.value):
            return self.choice
        return judged("", "", self.choice.per_row - self.best.per_row)


def fresh_of(one: GeneratedSet, seed: int) -> Sample:
    """The rows on which everything is judged; the study never sees them."""
    return one.sample(FRESH_SEED + seed, FRESH)


def best_ways(one: GeneratedSet, seed: int, keep: Path | None) -> list[Way]:
    """Every way, the best first; only the best keeps its rows if it comes from a folder."""
    file = keep / f"{one.name}-{seed}.npz" if keep is not None else None
    if file is not None and file.exists():
        kept = np.load(file)
        loss, rule, value, margin = (kept[name].tolist() for name in KEPT)
        rows = [kept["best"], *[np.zeros(0)] * (len(loss) - 1)]
        return [Way(*way) for way in zip(loss, rule, value, margin, rows, strict=True)]
    found = ways(one, one.sample(seed), fresh_of(one, seed), seed)
    if file is not None:
        file.parent.mkdir(parents=True, exist_ok=True)
        table: dict[str, Any] = {name: np.array([getattr(way, name) for way in found]) for name in KEPT}
        np.savez(file, best=found[0].per_row, **table)
    return found


def studied(one: GeneratedSet, frame: Any, seed: int) -> tuple[Any, float, float]:
    """The study or its error, its seconds, and those of all processors together (which busy neighbours lengthen less)."""
    began, cpu = time.perf_counter(), time.process_time()
    try:
        found: Any = ls.study(frame, target=one.target, seed=seed, **one.options)
    except ls.LossmithError as error:
        found = error
    return found, time.perf_counter() - began, time.process_time() - cpu


def choice_of(one: GeneratedSet, found: Any, fresh: Sample) -> tuple[Way, str]:
    """The study's first choice on the fresh rows, and its verdict; a study that ended in an error never passes."""
    if isinstance(found, ls.LossmithError):
        return untrained(f"ended in {found.code}", "", len(fresh.y)), str(found)
    decided = np.asarray(found.decide(fresh.frame.drop(one.target))).astype(np.float64)
    rows, answer = found.record.comparison.rows, found.record.answer
    chosen, usual = (next(row for row in rows if fits(row)) for fits in (_is_chosen, _is_usual))
    other = chosen.loss != usual.loss and str(chosen.loss) not in found.verdict
    verdict = f"[{answer}] {found.verdict}" + (f" {CONTRADICTS}: {chosen.label}" if other else "")
    return judged(chosen.label, chosen.rule, one.cost(fresh.y, decided)), verdict


def _is_chosen(row: Any) -> bool:
    return bool(row.chosen)


def _is_usual(row: Any) -> bool:
    return bool(row.role == "default")


def judge(one: GeneratedSet, seed: int, keep: Path | None) -> Judgement:
    """Run the study and the exhaustive search on the same rows, and judge both on the same fresh ones."""
    fresh = fresh_of(one, seed)
    found, seconds, cpu = studied(one, one.generate(seed), seed)
    choice, verdict = choice_of(one, found, fresh)
    best = best_ways(one, seed, keep)[0]
    oracle = float(one.cost(fresh.y, fresh.oracle).mean())
    return Judgement(one.name, seed, one.cost.__name__, choice, best, oracle, seconds, cpu, verdict)


HEAD: Final = (
    f"{'set':22}{'seed':>4}  {'metric':16}{'study says':44}{'value':>9}  {'best way':44}{'value':>9}{'±':>8}"
    f"{'pass':>6}{'gap %':>14}{'regret %':>14}{'s':>5}{'cpu s':>7}"
)


def row_of(j: Judgement) -> str:
    """One line of the table."""
    gap, best = j.gap, j.best.value
    ours, theirs = _short(j.choice.loss), _short(f"{j.best.loss} [{j.best.rule}]")
    off = f"{100 * gap.value / best:+.1f} ± {100 * gap.margin / best:.1f}"
    regret = f"{100 * (j.choice.value / j.oracle - 1):.1f} ({100 * (best / j.oracle - 1):.1f})"
    slow = "!" if j.seconds > MOST_SECONDS else ""
    return (
        f"{j.name:22}{j.seed:>4}  {j.metric:16}{ours:44}{j.choice.value:>9.5g}  {theirs:44}{best:>9.5g}"
        f"{j.best.margin:>8.2g}{'yes' if j.passes else 'NO':>6}{off:>14}{regret:>14}{j.seconds:>5.0f}{j.cpu:>7.0f}{slow}"
    )


def _short(text: str) -> str:
    return text if len(text) <= 43 else text[:42] + "…"


def advise(sets: Sequence[GeneratedSet], seeds: Sequence[int], keep: Path | None, line: Line) -> bool:
    """Judge all sets; print the table, the verdicts and the totals."""
    line(HEAD)
    done: list[Judgement] = []
    for seed in seeds:
        for one in sets:
            done.append(judge(one, seed, keep))
            line(row_of(done[-1]))
    line("\nregret: how far above the exact best actions the choice is (in brackets: the best way)\n")
    for j in done:
        line(f"{j.name}, seed {j.seed}: {j.verdict}")
    passed = [sum(j.passes for j in done if j.seed == seed) for seed in seeds]
    slow = sum(j.seconds > MOST_SECONDS for j in done)
    each = ", ".join(f"seed {seed}: {count} of {len(sets)}" for seed, count in zip(seeds, passed, strict=True))
    clear = sum(not j.gap.value - j.gap.margin <= (NEAR - 1) * j.best.value for j in done)
    line(
        f"\nwithin 1 % of the best, or inside its interval: {each}. Clearly more than 1 % worse (paired): {clear} of "
        f"{len(done)}. Slower than {MOST_SECONDS:.0f} s: {slow}. The slowest: {max(j.seconds for j in done):.0f} s. "
        f"The verdict keeps the usual loss while `decide` uses another: {sum(CONTRADICTS in j.verdict for j in done)}."
    )
    return all(count >= len(sets) - 1 for count in passed) and not slow


def refuse(sets: Sequence[NullSet], seeds: Sequence[int], line: Line) -> bool:
    """Ask the study about tables where no loss is better; print its answers and whether they say so."""
    line(f"{'null set':32}{'seed':>4}  {'answer':10}{'wanted':16}{'right':8}{'s':>5}  says")
    right: list[bool] = []
    rules = 0
    for seed in seeds:
        for one in sets:
            found, seconds, _ = studied(one.base, one.generate(seed), seed)
            failed = isinstance(found, ls.LossmithError)
            answer, says = ("error", str(found)) if failed else (found.record.answer, found.verdict)
            right.append(answer in one.accepted)
            rules += answer in one.tolerated
            mark = "yes" if right[-1] else "rule" if answer in one.tolerated else "NO"
            wanted = " / ".join(sorted(one.accepted))
            line(f"{one.name:32}{seed:>4}  {answer:10}{wanted:16}{mark:8}{seconds:>5.0f}  {says}")
    line(
        f"\nsays that no loss is better: {sum(right)} of {len(right)}; {rules} more keep the usual loss and only change "
        "its rule, where the usual loss aims at something else (counted as right too)."
    )
    return sum(right) + rules == len(right)


def show_ways(sets: Sequence[GeneratedSet], seeds: Sequence[int], keep: Path | None, line: Line) -> bool:
    """Print the five best ways and the best rule of every loss, without a study."""
    for seed in seeds:
        for one in sets:
            found, fresh = best_ways(one, seed, keep), fresh_of(one, seed)
            best, oracle = found[0], float(one.cost(fresh.y, fresh.oracle).mean())
            limit = max(best.value * NEAR, best.value + best.margin)
            line(f"\n{one.name}, seed {seed}: exact best {oracle:.5g}; {len(found)} ways, passing up to {limit:.5g}")
            for way in found[:5]:
                line(f"    {way.loss:36}{way.rule:18}{way.value:>9.5g} ± {way.margin:.2g}")
            first = {way.loss: way for way in reversed(found)}
            each = sorted(first.values(), key=lambda way: way.value)
            line("    best rule of each loss (x: does not pass): ")
            words = (f"{w.loss} [{w.rule}] {w.value:.5g}{' x' if w.value > limit else ''}" for w in each)
            line("    " + "; ".join(words))
    return True


def main(arguments: Sequence[str] | None = None) -> int:
    """Read the command line, run, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--only", nargs="+", default=[], metavar="NAME")
    parser.add_argument("--null", action="store_true")
    parser.add_argument("--ways", action="store_true")
    parser.add_argument("--keep", type=Path, default=None, metavar="FOLDER")
    given = parser.parse_args(arguments)
    names = [one.name for one in (NULLS if given.null else SETS)]
    if unknown := set(given.only) - set(names):
        parser.error(f"there is no set {', '.join(sorted(unknown))}. Known: {', '.join(names)}")

    def line(text: str) -> None:
        print(text, flush=True)

    wanted = given.only or names
    warnings.simplefilter("ignore", RuntimeWarning)  # losses that cannot be trained on these rows say so in the table
    if given.null:
        return 0 if refuse([one for one in NULLS if one.name in wanted], given.seeds, line) else 1
    sets = [one for one in SETS if one.name in wanted]
    run = show_ways if given.ways else advise
    return 0 if run(sets, given.seeds, given.keep, line) else 1


if __name__ == "__main__":
    sys.exit(main())
