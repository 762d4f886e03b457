"""Forms of functions that are flat at 0: a series near it, the plain difference where no digits are lost.

Comes in: an argument. Goes out: e**a - 1 - a and a - log(1 + a) over plain operations.
"""

from __future__ import annotations

import math
from typing import Final

from lossmith.formula.node import Node, constant, make

HALF: Final = constant(0.5)
TWO: Final = constant(2.0)
EXP_TERMS: Final = tuple(
    2.0 / math.factorial(n + 2) for n in range(15)
)  # of 2 (e**a - 1 - a) / a**2; 0.5**15 / 17! is no digit
LOG_TERMS: Final = tuple(
    2.0 / (2 * n + 3) for n in range(18)
)  # of the rest of 2 atanh(s) / s**3, |s| <= 1/3; 3**-36 is none


def _series(x: Node, terms: tuple[float, ...]) -> Node:
    total = constant(terms[-1])
    for term in terms[-2::-1]:
        total = total * x + constant(term)
    return total


def exp_excess(a: Node, grown: Node) -> Node:
    """e**a - 1 - a, given e**a - 1: a quarter of its terms is left at 1/2, where the series ends."""
    near = (a * a) * (HALF * _series(a, EXP_TERMS))
    return make("where", make("abs", a) < HALF, near, grown - a)


def log_deficit(a: Node) -> Node:
    """a - log(1 + a): with s = a / (2 + a), log(1 + a) is 2 atanh(s), and a - 2 s is a s."""
    s = a / (TWO + a)
    near = s * (a - (s * s) * _series(s * s, LOG_TERMS))
    return make("where", make("abs", a) < HALF, near, a - make("log1p", a))
