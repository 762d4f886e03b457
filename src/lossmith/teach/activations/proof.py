"""Whether the range of an activation is proved: its formula and the range that was measured come in, a yes or a no goes out.

Bounds over the whole line in interval arithmetic, boxes split until they are as tight as what was measured
(`calculus.properties.extremes`); where they do not get there, the range stays "measured".
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from lossmith.calculus.properties.cases import Case, folded
from lossmith.calculus.properties.extremes import extremes
from lossmith.formula.lift import lift
from lossmith.formula.node import Node, constant, substitute, symbol
from lossmith.loss.activation import ActivationFunction
from lossmith.numerics.interval import REAL

CLOSE: Final = 1e-5
"""So near to the measured end, by its size, a proved bound must lie: nearer than the digits that are shown."""


def range_is_proved(activation: ActivationFunction, low: float, high: float, corners: Sequence[float]) -> bool:
    """Whether no input gives an output below `low` or above `high`, to a hundred-thousandth; an infinite end bounds nothing.

    >>> import lossmith as ls
    >>> range_is_proved(ls.activation("sigmoid"), 0.0, 1.0, ()), range_is_proved(ls.activation("sigmoid"), 0.1, 1.0, ())
    (True, False)
    """
    leaves = {symbol(name, "parameter"): constant(value) for name, value in activation.parameters}
    formula = activation.record.formula
    at = [float(value) for value in activation([float(c) for c in corners])] if corners else []
    size = max((abs(end) for end in (low, high) if math.isfinite(end)), default=0.0)
    least, most = low - CLOSE * size, high + CLOSE * size
    if any(not least <= value <= most for value in at):
        return False
    written = (lift(formula)[0], formula)
    return any(_within(substitute(root, leaves), activation.record.input, corners, least, most) for root in written)


def _within(root: Node, leaf: Node, corners: Sequence[float], low: float, high: float) -> bool:
    case = Case(folded(root), leaf, REAL, None)
    found = extremes(case, case.node, case.slope, tuple(corners))
    return found is not None and found.defined and low <= found.low and found.high <= high
