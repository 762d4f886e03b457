"""The verdict on somebody's loss, as a record.

Comes in: what was found. Goes out: `Verdict`, as data and as text.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from lossmith.certificate import Certificate
from lossmith.checking.finding import Finding
from lossmith.loss.known_facts import KnownFacts


@dataclass(frozen=True, eq=False, repr=False)
class Verdict:
    """What `verify` found.

    `taken_for`: what the thing was taken for. `assumed`: sentences on what nobody said. `findings`: faults and notes.
    `certificates`: measured accuracy, of a `Loss`. `facts`: what is known of the loss that it is, or is the same as.
    `not_checked`: (what, why). `points`: so many rows were handed over, in `calls` calls. `seconds`: the time it took.
    """

    name: str
    taken_for: str
    findings: tuple[Finding, ...] = ()
    certificates: tuple[Certificate, ...] = ()
    facts: KnownFacts | None = None
    assumed: tuple[str, ...] = ()
    not_checked: tuple[tuple[str, str], ...] = ()
    points: int = 0
    calls: int = 0
    seed: int = 0
    seconds: float = 0.0

    @property
    def faults(self) -> tuple[Finding, ...]:
        """The findings that are faults.

        >>> Verdict("f", "a function", (Finding("prints", "x"), Finding("inaccurate", "y", "note"))).faults
        (Finding(code='prints', sentence='x', verdict='fault'),)
        """
        return tuple(found for found in self.findings if found.verdict == "fault")

    @property
    def ok(self) -> bool:
        """Whether no fault was found."""
        return not self.faults

    def to_dict(self) -> dict[str, Any]:
        """Plain data that JSON holds: numbers that it lacks are texts ("inf", "nan").

        >>> Verdict("f", "a function").to_dict()["ok"]
        True
        """
        findings = [{**asdict(f), "section": f.section, "text": f.text} for f in self.findings]
        said = {
            "name": self.name,
            "ok": self.ok,
            "taken_for": self.taken_for,
            "assumed": list(self.assumed),
            "findings": findings,
            "certificates": [asdict(c) for c in self.certificates],
            "facts": {} if self.facts is None else self.facts.to_dict()["facts"],
            "not_checked": [{"what": what, "why": why} for what, why in self.not_checked],
            "points": self.points,
            "calls": self.calls,
            "seed": self.seed,
            "seconds": round(self.seconds, 3),
        }
        plain: dict[str, Any] = _plain(said)
        return plain

    def __str__(self) -> str:
        from lossmith.checking.wording import text

        return text(self)

    def __repr__(self) -> str:
        return f"<Verdict {self.name}: {len(self.faults)} faults>"


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if hasattr(value, "tolist"):
        return _plain(value.tolist())
    return repr(value) if isinstance(value, float) and not math.isfinite(value) else value
