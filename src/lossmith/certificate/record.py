"""Certificates as data: one record per loss, output, backend and number format.

Comes in: records. Goes out: JSON and back, the certificates that come with this version, a table for documents.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from importlib.resources import files
from typing import Any, Final

EVERYDAY: Final = frozenset(
    {
        *("squared_error", "half_squared_error", "sum_of_squares_half", "absolute_error", "huber", "log_cosh"),
        *("quantile", "binary_cross_entropy", "cross_entropy", "poisson", "dice"),
    }
)
FAULTS: Final = ("nan", "false_infinity", "false_zero", "undecided", "contradictions")


def bound_of(name: str) -> float:
    """The units that a loss may be off: 4 for the everyday losses, 16 for all others.

    >>> bound_of("poisson"), bound_of("focal")
    (4, 16)
    """
    return 4 if name in EVERYDAY else 16


@dataclass(frozen=True)
class Certificate:
    """What was measured over `points` numbers.

    Errors are in ulp of the truth, and in units of the contract. `rules` counts the numbers that were judged by a rule
    other than (a). `contradictions` counts numbers at which the formula as written and as rewritten exclude each other.
    `worst_point` holds the leaves' values, the number computed and the truth where most units were lost.
    """

    loss: str
    output: str
    backend: str
    dtype: str
    bound: float
    points: int
    worst_ulp: float
    median_ulp: float
    worst_units: float
    worst_point: Mapping[str, Any]
    nan: int
    false_infinity: int
    false_zero: int
    undecided: int
    contradictions: int
    rules: Mapping[str, int]
    seed: int
    meets: bool
    parameters: Mapping[str, float] = field(default_factory=dict)
    on: str = "raw"

    @property
    def title(self) -> str:
        """The loss with its parameters, as text."""
        inside = [f"{name}={value:g}" for name, value in self.parameters.items()]
        inside += [] if self.on == "raw" else [f"on={self.on}"]
        return f"{self.loss}({', '.join(inside)})" if inside else self.loss


def to_json(certificates: Iterable[Certificate]) -> str:
    """One certificate a line; numbers that JSON lacks are written as text ("inf", "nan")."""
    lines = (json.dumps(_plain(asdict(c)), allow_nan=False) for c in certificates)
    return "[\n" + ",\n".join(lines) + "\n]\n"


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return repr(value) if isinstance(value, float) and not math.isfinite(value) else value


def from_json(text: str) -> tuple[Certificate, ...]:
    """Read what `to_json` wrote."""
    numbers = ("worst_ulp", "median_ulp", "worst_units")
    return tuple(Certificate(**{**row, **{key: float(row[key]) for key in numbers}}) for row in json.loads(text))


@lru_cache(maxsize=1)
def shipped() -> tuple[Certificate, ...]:
    """The certificates that come with this version."""
    return from_json(files("lossmith").joinpath("certificates.json").read_text(encoding="utf-8"))


HEAD: Final = ("loss", "output", "backend", "dtype", "points", "worst ulp", "median ulp", "units", "allowed", "used")


def table(certificates: Iterable[Certificate]) -> str:
    """A Markdown table, one row a certificate; what exceeds the contract is marked **over**, with the reason."""
    rule = "|".join(["---"] * 4 + ["--:"] * 5 + ["---"] * 2)
    return "\n".join([f"| {' | '.join(HEAD)} | contract |", f"|{rule}|", *(_table_row(c) for c in certificates)])


def _table_row(c: Certificate) -> str:
    used = " ".join(f"{rule}:{count}" for rule, count in c.rules.items()) or "–"
    faults = ", ".join(f"{getattr(c, key)} {key.replace('_', ' ')}" for key in FAULTS if getattr(c, key))
    verdict = "kept" if c.meets else f"**over** {faults}".rstrip()
    numbers = (str(c.points), f"{c.worst_ulp:.3g}", f"{c.median_ulp:.2g}", f"{c.worst_units:.3g}", f"{c.bound:g}")
    return f"| {' | '.join((c.title, c.output, c.backend, c.dtype, *numbers, used, verdict))} |"
