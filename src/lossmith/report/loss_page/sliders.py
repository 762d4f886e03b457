"""The parameters of a loss as sliders that respect their domains.

Comes in: a loss. Goes out: a `Slider` for each parameter.
"""

from __future__ import annotations

import math
from typing import Final

from lossmith.formula.definition import Parameter
from lossmith.loss.handle import Loss
from lossmith.report.loss_page.record import Slider

FACTOR: Final = 100.0  # a slider of a positive number goes so many times below and above
REACH: Final = 4.0  # one of a number with an end goes so many times further from it
INSET: Final = 0.01  # of an interval, left out beside an open end


def sliders(loss: Loss) -> tuple[Slider, ...]:
    """A slider for each parameter, at the value that it has.

    >>> import lossmith as ls
    >>> [(s.name, s.log, s.first, s.last) for s in sliders(ls.get("huber"))]
    [('delta', True, 0.01, 100.0)]
    >>> [(s.name, s.log, s.first, s.last) for s in sliders(ls.get("quantile", level=0.9))]
    [('level', False, 0.01, 0.99)]
    """
    values = loss.parameters
    return tuple(_slider(p, float(values[p.name] or 0.0)) for p in loss.definition.parameters)


def _slider(parameter: Parameter, value: float) -> Slider:
    domain = parameter.domain
    first, last, log = _range(parameter, value)
    return Slider(
        parameter.name, value, domain.low, domain.high, domain.low_open, domain.high_open, domain.integer, log,
        min(first, value), max(last, value), domain.describe(),
    )  # fmt: skip


def _range(parameter: Parameter, value: float) -> tuple[float, float, bool]:
    """The first and last place of a slider, and whether it moves in factors."""
    domain = parameter.domain
    low, high = domain.low, domain.high
    if math.isfinite(low) and math.isfinite(high):
        inset = INSET * (high - low)
        return low + inset * domain.low_open, high - inset * domain.high_open, False
    if math.isfinite(low):
        above = value - low
        if domain.low_open and above > 0 and not domain.integer:
            return low + above / FACTOR, low + above * FACTOR, True
        least = low + 1.0 if domain.integer and domain.low_open else low
        return least, low + REACH * max(above, 1.0), False
    if math.isfinite(high):
        return high - REACH * max(high - value, 1.0), high - INSET * domain.high_open, False
    reach = REACH * max(abs(value), 1.0)
    return value - reach, value + reach, False
