"""Digits that are lost at predictions away from the ordinary ones.

Comes in: `Climb`s with their truth. Goes out: a `Finding` where a number is far off at its natural size; a note where
only numbers that are small beside the usual ones are off.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from lossmith.checking.finding import Finding
from lossmith.checking.numbers.climb import Climb
from lossmith.checking.numbers.ladder import shown
from lossmith.numerics.formats import FLOAT32

BOUND: Final = 1e-3
"""Relative error that is told."""
FARTHEST: Final = 1e4
CLOSEST: Final = 1e-6
"""Probabilities closer to 0 or 1 are judged by the check for dead gradients alone: libraries bound them there."""


def look_for_lost_digits(climbs: Sequence[Climb]) -> list[Finding]:
    """The worst place of the first ladder that has one."""
    for climb in climbs:
        for part in ("value", "gradient"):
            if part in climb.truth and part in climb.got:
                found = _worst(climb, part)
                if found is not None:
                    return [found]
    return []


def _worst(climb: Climb, part: str) -> Finding | None:
    got, truth, x = climb.got[part], climb.truth[part], climb.places
    usual = climb.moderate
    size = float(np.nanmax(np.abs(truth[usual]), initial=0.0))
    with np.errstate(all="ignore"):
        off = np.abs(got - truth)
    far = np.abs(x) > FARTHEST
    if climb.rung.subject.takes == "probability" and climb.rung.subject.kind != "real":
        far |= (x < CLOSEST) | ((x > 1.0 - CLOSEST) & (x < 1.0))
    if climb.rung.subject.curvature:
        far |= np.abs(truth) > FLOAT32.largest  # boosters keep float32: beyond it an objective may say anything
    known = np.isfinite(off) & ~far & ~usual
    wrong = known & (off > BOUND * np.abs(truth)) & (off > BOUND * size)
    if not wrong.any():
        return None
    with np.errstate(all="ignore"):
        i = int(np.argmax(np.where(wrong, off / np.maximum(np.abs(truth), BOUND * size), -1.0)))
    name = "raw prediction" if climb.rung.subject.takes == "raw" else "prediction"
    said = (
        f"at {name} {shown(x[i])} {climb.rung.words} the {part} is {shown(got[i])}; the truth is "
        f"{shown(truth[i])} ({climb.rung.dtype})."
    )
    return Finding("inaccurate", said)
