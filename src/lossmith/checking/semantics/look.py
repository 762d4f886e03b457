"""All that is looked for in what somebody's loss does with its rows, weights and arrays.

Comes in: a `Subject`, and what it is known to be. Goes out: `Finding`s, each cause once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from lossmith.checking.derivatives.known import Known
from lossmith.checking.finding import Finding
from lossmith.checking.semantics.asking import Scene, scene
from lossmith.checking.semantics.batches import look_at_order, look_at_sums, look_for_memory
from lossmith.checking.semantics.inputs import (
    look_at_columns,
    look_at_shapes,
    look_at_valid_input,
    look_for_changes,
)
from lossmith.checking.semantics.weights import look_at_weights
from lossmith.checking.subject import Subject


@dataclass(frozen=True)
class Probe:
    """`silent_after`: faults that explain what it would find."""

    name: str
    look: Callable[[Scene], list[Finding]]
    silent_after: frozenset[str] = field(default_factory=frozenset)


SPOILT: Final = frozenset({"in_place", "wrong_shape"})
UNSTEADY: Final = SPOILT | {"batch_split", "broadcasting", "axis"}
PROBES: Final[tuple[Probe, ...]] = (
    Probe("shapes", look_at_shapes),
    Probe("changes", look_for_changes),
    Probe("memory", look_for_memory, SPOILT),
    Probe("order", look_at_order, UNSTEADY),
    Probe("sums", look_at_sums, UNSTEADY),
    Probe("weights", look_at_weights, UNSTEADY),
    Probe("valid input", look_at_valid_input, UNSTEADY),
    Probe("columns", look_at_columns, UNSTEADY),
)
"""What is looked for, in this order."""


def look(subject: Subject, known: Known | None, seed: int = 0) -> list[Finding]:
    """Weights, denominators, axes, splits, shapes and changed inputs; an empty list where nothing is wrong.

    >>> import numpy as np
    >>> from lossmith.checking.subject import Answer
    >>> def half(y, z, w):
    ...     return Answer(value=np.sum((y - z) ** 2) / len(y) ** 2)
    >>> [finding.code for finding in look(Subject("f", "plain", "real", "raw", half, frozenset({"value"})), None)][:1]
    ['denominator']
    """
    seen = scene(subject, known, seed)
    found: list[Finding] = []
    for probe in PROBES:
        if not probe.silent_after & {f.code for f in found if f.verdict == "fault"}:
            found += probe.look(seen)
    return found
