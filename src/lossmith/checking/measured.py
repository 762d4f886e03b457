"""Certificates of a loss as findings: what breaks the contract on numbers, one line for each output and format.

Comes in: certificates. Goes out: `Finding`s.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from lossmith.certificate import Certificate
from lossmith.checking.finding import Finding

BROKEN: Final[tuple[tuple[str, str, str], ...]] = (
    ("nan", "nan_region", "is NaN"),
    ("false_infinity", "overflow_region", "is infinite where the exact number is not"),
    ("false_zero", "inaccurate", "is 0 where the exact number is not"),
    ("contradictions", "inaccurate", "is not what the formula as written says"),
    ("undecided", "inaccurate", "cannot be told exactly"),
)
"""(count in a certificate, fault, what it says), the gravest first."""


def findings_of(certificates: Iterable[Certificate]) -> Iterator[Finding]:
    """A fault for every certificate that is not kept."""
    for one in certificates:
        if not one.meets:
            yield _finding(one)


def _finding(one: Certificate) -> Finding:
    where = f"the {one.output} in {one.dtype} ({one.backend})"
    for attribute, code, said in BROKEN:
        if count := getattr(one, attribute):
            return Finding(code, f"{where} {said} at {count} of {one.points} points{_at(one)}.")
    return Finding(
        "inaccurate",
        f"{where} is off by {one.worst_units:.3g} units in the last place, {one.bound:g} are allowed{_at(one)}.",
    )


def _at(one: Certificate) -> str:
    """The worst point in words."""
    point = dict(one.worst_point)
    computed, truth = point.pop("computed", None), point.pop("truth", None)
    point.pop("column", None)
    if not point or computed is None:
        return ""
    return f"; at {', '.join(f'{k}={_number(v)}' for k, v in point.items())} it is {computed:.9g}, exactly {truth:.9g}"


def _number(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    return f"[{', '.join(map(_number, value))}]" if isinstance(value, list | tuple) else str(value)
