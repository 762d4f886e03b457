"""A verdict as text: one headline, the faults by section, what was measured and is known, what was assumed.

Comes in: a `Verdict`. Goes out: plain text.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator
from typing import Final, get_args

from lossmith.certificate import Certificate
from lossmith.checking.finding import FAULTS, Finding, Section
from lossmith.checking.verdict import Verdict

WIDTH: Final = 110
SECTIONS: Final[tuple[str, ...]] = get_args(Section)


def text(verdict: Verdict) -> str:
    """All of a verdict.

    >>> print(text(Verdict("f", "a function", calls=3, points=8)).splitlines()[0])
    f: no fault found in 3 calls with 8 rows.
    """
    blocks = [
        [headline(verdict)],
        _wrapped("taken for", [verdict.taken_for]) if verdict.taken_for else [],
        *(_section(section, verdict) for section in SECTIONS),
        _wrapped("assumed", verdict.assumed),
        _wrapped("not checked", [f"{what}: {why}." for what, why in verdict.not_checked]),
        [f"{verdict.seconds:.1f} seconds, seed {verdict.seed}"],
    ]
    return "\n\n".join("\n".join(block) for block in blocks if block)


def headline(verdict: Verdict) -> str:
    """One sentence: what was found.

    >>> headline(Verdict("f", "", (Finding("prints", '"step".'),)))
    'f: 1 fault: it prints.'
    """
    titles = [FAULTS[code][1] for code in dict.fromkeys(f.code for f in verdict.faults)]
    if not verdict.faults:
        rest = " Not all was checked, see below." if verdict.not_checked else ""
        return f"{verdict.name}: no fault found in {_amount(verdict)}.{rest}"
    many = "1 fault" if len(verdict.faults) == 1 else f"{len(verdict.faults)} faults"
    return f"{verdict.name}: {many}: {'; '.join(titles)}."


def _amount(verdict: Verdict) -> str:
    rows = f"{verdict.points:,} rows"
    if not verdict.calls:
        return f"{verdict.points:,} measured numbers"
    return f"{verdict.calls:,} calls with {rows}"


def _section(section: str, verdict: Verdict) -> list[str]:
    """Faults and notes of a section, and what was measured or is known."""
    lines = [line for found in verdict.findings if found.section == section for line in _finding(found)]
    more = {"numbers": _measured(verdict.certificates), "facts": _facts(verdict)}.get(section, ())
    lines += [*more]
    return [section, *lines] if lines else []


def _finding(found: Finding) -> list[str]:
    """A fault with its title; a note without one."""
    if found.verdict == "note":
        return _filled("  note   ", found.sentence)
    return _filled("  FAULT  ", found.text)


def _filled(mark: str, told: str) -> list[str]:
    return textwrap.wrap(
        told, WIDTH, initial_indent=mark, subsequent_indent=" " * len(mark), break_long_words=False
    )  # fmt: skip


def _measured(certificates: Iterable[Certificate]) -> Iterator[str]:
    """The worst and the median error of each output, backend and format."""
    for c in certificates:
        where = f"{c.output:9s}{c.dtype:8s} {c.backend:6s}"
        bad = f", {c.nan} NaN, {c.false_infinity} false infinities, {c.false_zero} false zeros" if not c.meets else ""
        kept = "kept" if c.meets else "BROKEN"
        yield (
            f"  {where} worst {c.worst_units:.3g} of {c.bound:g} units allowed ({c.worst_ulp:.3g} ulp), "
            f"median {c.median_ulp:.2g} ulp, {c.points} points{bad}: {kept}"
        )


def _facts(verdict: Verdict) -> Iterator[str]:
    return (f"  {line}" for line in (() if verdict.facts is None else verdict.facts.lines))


def _wrapped(name: str, sentences: Iterable[str]) -> list[str]:
    lines = [line for sentence in sentences for line in _filled("  ", sentence)]
    return [name, *lines] if lines else []
