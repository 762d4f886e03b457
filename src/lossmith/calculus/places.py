"""The constants that are tried: close by where targets lie, and far out.

Comes in: the least and the largest target, or bounds. Goes out: raw predictions in order.
"""

from __future__ import annotations

import math
from typing import Final

CORE: Final = 96
"""Steps across the raw predictions that matter: those around the targets, or -12 to 12 behind a link."""


def places_between(low: float, high: float) -> tuple[float, ...]:
    """Raw predictions on the scale of targets that lie between `low` and `high`: close by, and out to a million spans.

    >>> found = places_between(0.0, 8.0)
    >>> found[0], found[-1], found[20:23]
    (-8388608.0, 8388616.0, (-8.0, -7.75, -7.5))
    """
    span = high - low or abs(high) or 1.0
    core = [low - span + 3 * span * k / CORE for k in range(CORE + 1)]
    beyond = [side for k in range(1, 21) for side in (low - span * 2.0**k, high + span * 2.0**k)]
    return tuple(sorted({place for place in (*core, *beyond, 0.0) if math.isfinite(place)}))


def places_behind_a_link() -> tuple[float, ...]:
    """Raw predictions that a link maps to the target's scale, out to where shares are 1e-222."""
    core = [-12.0 + 24.0 * k / CORE for k in range(CORE + 1)]
    return tuple(sorted({*core, *(sign * 2.0**k for sign in (-1.0, 1.0) for k in range(4, 10))}))


def places_within(low: float, high: float) -> tuple[float, ...]:
    """Predictions within their bounds, both bounds among them."""
    shares = [
        *(k / CORE for k in range(CORE + 1)),
        *(2.0**-k for k in range(7, 31)),
        *(1 - 2.0**-k for k in range(7, 31)),
    ]
    return tuple(sorted({low + (high - low) * share for share in shares}))
