"""All that is looked for in somebody's numbers.

Comes in: a `Subject`, and what it is known to be. Goes out: `Finding`s, each cause once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from lossmith.checking.derivatives.known import Known
from lossmith.checking.finding import Finding
from lossmith.checking.numbers.climb import Climb, climb
from lossmith.checking.numbers.dead import look_for_dead
from lossmith.checking.numbers.digits import look_for_lost_digits
from lossmith.checking.numbers.ladder import rungs
from lossmith.checking.numbers.perfect import look_at_perfect
from lossmith.checking.numbers.regions import look_for_regions
from lossmith.checking.subject import Subject


@dataclass(frozen=True, eq=False)
class Scene:
    """What the probes share: the subject, the reference, and what was given on all ladders, the best format first."""

    subject: Subject
    known: Known | None
    climbs: list[Climb]


@dataclass(frozen=True)
class Probe:
    """`silent_after`: findings that explain what it would find."""

    name: str
    look: Callable[[Scene], list[Finding]]
    silent_after: frozenset[str] = field(default_factory=frozenset)


PROBES: Final[tuple[Probe, ...]] = (
    Probe("regions", lambda scene: look_for_regions(scene.climbs)),
    Probe("perfect", lambda scene: look_at_perfect(scene.subject), frozenset({"logits_taken_for_probabilities"})),
    Probe(
        "dead", lambda scene: look_for_dead(scene.climbs, scene.known), frozenset({"logits_taken_for_probabilities"})
    ),
    Probe(
        "digits",
        lambda scene: look_for_lost_digits(scene.climbs),
        frozenset({"dead_gradient", "overflow_region", "nan_region"}),
    ),
)
"""What is looked for, in this order."""


def look(subject: Subject, known: Known | None, seed: int = 0) -> list[Finding]:
    """NaN, overflow, dead gradients and lost digits, with the prediction from which on they are there.

    The ladders are fixed: nothing here is drawn, and `seed` changes nothing.

    >>> import numpy as np
    >>> from lossmith.checking.subject import Answer
    >>> def naive(y, z, w):
    ...     return Answer(value=np.mean(np.log(1 + np.exp(z)) - y * z))
    >>> subject = Subject("naive", "plain", "binary", "raw", naive, frozenset({"value"}))
    >>> [finding.code for finding in look(subject, None)]
    ['overflow_region']
    """
    climbs = [climb(rung, known) for dtype in subject.dtypes[:2] for rung in rungs(subject, dtype)]
    scene = Scene(subject, known, [c for c in climbs if c.got])
    found: list[Finding] = []
    for probe in PROBES:
        if scene.climbs and not probe.silent_after & {f.code for f in found}:
            found += probe.look(scene)
    return found
