"""The number that stands for a narrow interval in which a constant is proved to lie.

Comes in: a bound and a value that was reached. Goes out: the shortest decimal number between them.
"""

from __future__ import annotations


def simplest(low: float, high: float) -> float:
    """The number with the fewest digits from low to high.

    >>> simplest(0.24999999, 0.25000002), simplest(0.2962962, 0.2962965), simplest(1.0, 1.0)
    (0.25, 0.2962963, 1.0)
    """
    if low == high:
        return low
    middle = low / 2 + high / 2
    for digits in range(1, 18):
        for tried in (middle, low, high):
            found = float(f"{tried:.{digits - 1}e}")
            if low <= found <= high:
                return found
    return high
