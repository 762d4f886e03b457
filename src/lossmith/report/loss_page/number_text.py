"""A number for people, written as the script of the page writes it.

Comes in: a number. Goes out: a short text.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np

PLAIN_FROM: Final = 1e-4
PLAIN_TO: Final = 1e7


def short(value: float, digits: int = 3) -> str:
    """A number in a few significant digits, as JavaScript writes it, with a true minus.

    >>> short(-0.012345), short(1234.5), short(1e-9), short(-0.0), short(float("inf"))
    ('−0.0123', '1230', '1e-9', '0', '∞')
    """
    if math.isnan(value):
        return "no number"
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    rounded = float(f"{value:.{digits}g}") + 0.0
    if rounded == 0 or PLAIN_FROM <= abs(rounded) < PLAIN_TO:
        text = np.format_float_positional(rounded, trim="-")
    else:
        text = np.format_float_scientific(rounded, trim="-", exp_digits=1)
    return text.replace("-", "−", 1) if rounded < 0 else text
