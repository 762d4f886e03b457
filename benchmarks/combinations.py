"""Random designs against rigorous truth: value, gradient and hessian of combinations of losses, and the laws they obey.

    python benchmarks/combinations.py [--count 10000] [--seed 0] [--numba 50] [--only N]

Draws losses of the catalogue, one to four combinators, sums and multiples, at random numbers, hard ones among them; measures
`count` of them at ordinary and at extreme rows, `numba` of them also with Numba kernels. Prints how many were refused (by
code), how many crashed, and the worst errors in units of u(s), by combinator and by loss; `--only N` prints one design.

An error is allowed 16 u(s), s the sum of the scales of all terms. A term's scale is that of the numbers contract (rules a to
e) for the loss itself; for a product of factors, of a mix, or of the outcomes of a label it is the product. What exceeds that
is held against the conditioned scale: the same, plus what first-order conditioning makes of the scale of a computed argument
(a tempered or capped raw prediction, the loss inside of robust or tilt, a label after class weights). Both are counted.
"""

from __future__ import annotations

import argparse
import sys
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.combination_batches import batches, training_labels
from benchmarks.combination_draw import Tree, built, calls_of, draw, leaves_of, text
from benchmarks.combination_judge import ALLOWED, Finding, measure
from benchmarks.combination_laws import broken
from benchmarks.combination_trees import gathered
from lossmith.errors import LossmithError
from lossmith.numerics.formats import FLOAT32, FLOAT64, Format

SHOWN: Final = 20
NARROW_SHARE: Final = 0.15  # of the designs are measured in float32
OURS: Final = (
    "LM101",
    "LM102",
    "LM103",
    "LM105",
    "LM301",
    "LM303",
)  # a formula of the library's own never raises these


@dataclass(frozen=True)
class Measured:
    """One design: what was found of it, or why it was refused, or how it crashed."""

    index: int
    kind: str
    tree: Tree
    findings: tuple[Finding, ...] = ()
    laws: tuple[str, ...] = ()
    left_out: int = 0
    refused: str = ""
    crash: str = ""

    @property
    def worst(self) -> Finding:
        """The finding farthest off."""
        return max(self.findings, key=lambda f: f.units)

    @property
    def is_over(self) -> bool:
        """Whether an error is larger than what is allowed."""
        return bool(self.findings) and self.worst.units > ALLOWED

    @property
    def is_conditioned(self) -> bool:
        """Whether conditioning was needed."""
        return any(f.rule == "conditioned" for f in self.findings)

    @property
    def names(self) -> set[str]:
        """The combinators."""
        return set(calls_of(self.tree))

    @property
    def losses(self) -> set[str]:
        """The losses at the leaves."""
        return {leaf.name for leaf in leaves_of(self.tree)}


def measured(seed: int, index: int, *, numba: bool = False) -> Measured:
    """Draw the design of that number and measure it at its rows."""
    random = np.random.default_rng([seed, index])
    kind, tree = draw(random)
    fmt = FLOAT32 if random.uniform() < NARROW_SHARE else FLOAT64
    try:
        findings, laws, left_out = _judged(kind, tree, random, fmt, numba)
        return Measured(index, kind, tree, tuple(findings), tuple(laws), left_out)
    except LossmithError as error:
        code = str(error)[:5]
        return Measured(index, kind, tree, **{"crash" if code in OURS else "refused": f"{code} {error}"[6:]})  # type: ignore[arg-type]
    except Exception as error:
        place = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{Path(place.filename).name}:{place.lineno}"
        return Measured(index, kind, tree, crash=f"{type(error).__name__} in {where}: {error}")


def _judged(kind: str, tree: Tree, random: Any, fmt: Format, numba: bool) -> tuple[list[Finding], list[str], int]:
    loss = built(tree).using("numpy")
    definition = loss.definition
    if definition.priors == () or any(row.classes is None and row.column is None for row in definition.reweighting):
        loss = loss.fit(training_labels(kind))
    findings: list[Finding] = []
    left_out = 0
    made = batches(kind, random, [c.numbers["index"] for c in gathered(tree, ("ignore",))], fmt.dtype)
    for batch in made:
        for backend in ("numpy", "numba") if numba else ("numpy",):
            found = measure(kind, tree, loss.using(backend), batch, fmt)
            findings, left_out = findings + found, left_out + (not found)
    return findings, broken(loss, made), left_out


@dataclass
class Run:
    """All that was drawn."""

    seed: int
    found: list[Measured] = field(default_factory=list)
    drawn: int = 0
    undecidable: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    crashes: list[Measured] = field(default_factory=list)

    def draw(self, count: int, numba: int) -> Iterator[Measured]:
        """Draw until so many designs are measured; those with Numba kernels are spread evenly."""
        every = count // numba if numba else 0
        while len(self.found) + len(self.crashes) < count:
            one = measured(self.seed, self.drawn, numba=bool(every) and len(self.found) % every == 0)
            self.drawn += 1
            if one.refused:
                self.refused[one.refused[:5]] += 1
            elif one.crash:
                self.crashes.append(one)
            elif not one.findings:
                self.undecidable += 1
            else:
                self.found.append(one)
                yield one

    @property
    def faults(self) -> list[Measured]:
        """What must not be."""
        return [m for m in self.found if m.is_over or m.laws or any(f.undecided for f in m.findings)] + self.crashes


def line(run: Run, one: Measured) -> str:
    """How to see a design again."""
    return f"python benchmarks/combinations.py --seed {run.seed} --only {one.index}   # {text(one.tree)}"


def table(run: Run) -> str:
    """The counts, the worst by combinator and by loss, the worst designs."""
    refused = ", ".join(f"{code}: {count}" for code, count in run.refused.most_common())
    strict = [m for m in run.found if not m.is_conditioned and not m.is_over]
    counts = [
        f"drawn {run.drawn}, refused {sum(run.refused.values())} ({refused or 'none'}), crashes {len(run.crashes)}",
        f"measured {len(run.found)}: {len(strict)} within 16 u(s) of their terms, "
        f"{sum(m.is_conditioned and not m.is_over for m in run.found)} more with conditioning, "
        f"{sum(m.is_over for m in run.found)} beyond",
        f"batches left out, as rows at the border of a choice or a loss at its level are closer than rounding: "
        f"{sum(m.left_out for m in run.found)} (and {run.undecidable} designs with no other)",
        f"numbers that no precision decides: {sum(f.undecided for m in run.found for f in m.findings)}; "
        f"designs that break a law: {sum(bool(m.laws) for m in run.found)}",
    ]
    parts = [*counts, "", *_by(run.found, "combinator"), "", *_by(run.found, "loss")]
    worst = sorted(run.found, key=lambda m: -m.worst.units)[:SHOWN]
    parts += ["", f"the worst {len(worst)}:", *(f"{_said(m.worst)}\n    {line(run, m)}" for m in worst)]
    faults = [m for m in run.faults if m.laws or m.crash]
    parts += ["", *(f"{m.crash or 'broken: ' + ', '.join(m.laws)}\n    {line(run, m)}" for m in faults)]
    return "\n".join(parts)


def _by(found: Sequence[Measured], what: str) -> list[str]:
    """One line for each combinator or loss: how often, the worst error by both rules, how many needed conditioning."""
    groups: dict[str, list[Measured]] = {}
    for one in found:
        for name in (one.names or {"none"}) if what == "combinator" else one.losses:
            groups.setdefault(name, []).append(one)
    lines = [f"{what:<28} designs  worst strict  worst allowed  conditioned  beyond"]
    for name, group in sorted(groups.items()):
        strict = [f.units for m in group for f in m.findings if f.rule == "strict" and f.units <= ALLOWED]
        units = max(m.worst.units for m in group)
        needed = sum(m.is_conditioned for m in group)
        over = sum(m.is_over for m in group)
        lines.append(
            f"{name:<28} {len(group):>7} {max(strict, default=0.0):>13.2f} {units:>14.3g} {needed:>12} {over:>7}"
        )
    return lines


def _said(found: Finding) -> str:
    place = f"{found.output} at {found.place}: {found.computed!r}, truth {found.truth}"
    return f"{found.units:9.3g} units ({found.rule}; strict {found.strict:.3g}) {place}"


def _one(seed: int, index: int) -> int:
    """Print all that is found of one design."""
    found = measured(seed, index, numba=True)
    print(text(found.tree))
    print(*(f"{_said(f)} undecided {f.undecided}" for f in found.findings), sep="\n")
    print(found.refused or found.crash or f"broken laws: {', '.join(found.laws) or 'none'}")
    return int(bool(found.crash) or found.is_over or bool(found.laws))


def main() -> int:
    """Parse the arguments, draw, print the table; 1 if something is not as it should be."""
    warnings.simplefilter("ignore", RuntimeWarning)
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=10_000, help="how many designs are measured")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--numba", type=int, default=50, help="how many of them with Numba kernels too")
    parser.add_argument("--only", type=int, help="the number of one design")
    given = parser.parse_args()
    if given.only is not None:
        return _one(given.seed, given.only)
    run, start = Run(given.seed), time.perf_counter()
    for one in run.draw(given.count, given.numba):
        if len(run.found) % 250 == 0 or one.is_over:
            said = (
                f"{len(run.found)} of {run.drawn} drawn, {time.perf_counter() - start:.0f} s, faults {len(run.faults)}"
            )
            print(said, file=sys.stderr, flush=True)
    print(table(run))
    return int(bool(run.faults))


if __name__ == "__main__":
    sys.exit(main())
