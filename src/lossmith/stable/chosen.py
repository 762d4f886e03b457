"""Which floating-point forms are used, and where one hands over to the other: measured, then recorded here.

Comes in: nothing. Goes out: `CHOSEN`, which the forms read, and `COSTS`. `benchmarks/choose_forms.py` measures them anew.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from lossmith.formula.node import Node, constant


@dataclass(frozen=True)
class Chosen:
    """`near` is used below the size `at`, `far` from it on (the same name: one form everywhere, and `at` is 0).

    `worst` is the error measured with `at`, in units in the last place. Between `low` and `high` a hand-over measured as
    good as the best, to within one unit: `at` lies there, or is measured to be as good.
    """

    near: str
    far: str
    at: float
    low: float
    high: float
    worst: float


COSTS: Final[Mapping[str, float]] = MappingProxyType(
    {
        "abs": 1,
        "add": 1,
        "cosh": 60,
        "divide": 1,
        "exp": 10,
        "expm1": 40,
        "less": 1,
        "log": 10,
        "log1p": 60,
        "log1p_unit": 80,
        "minimum": 1,
        "multiply": 1,
        "negative": 1,
        "sqrt": 4,
        "subtract": 1,
        "where": 10,
    }
)
"""What an operation costs in a NumPy kernel, in multiplications."""

CHOSEN: Final[Mapping[str, Chosen]] = MappingProxyType(
    {
        "log_cosh": Chosen("log1p of cosh - 1", "size less log 2", 1.0, 0.361, 1.99, 2.9),
        "log_one_minus_exp": Chosen("log of expm1", "log1p of exp", 0.6931471805599453, 0.0487, 1.65, 1.3),
        "log1p_of_square": Chosen("log1p", "twice the log", 3.273390607896142e150, 8930000.0, 1.33e154, 1.25),
        "root_of_one_plus_square": Chosen("root", "size", 3.273390607896142e150, 36600000.0, 1.33e154, 0.845),
        "root_minus_one": Chosen("quotient", "quotient", 0.0, 0.0, math.inf, 2.28),
        "exp_excess": Chosen("series", "difference", 0.5, 0.533, 0.818, 2.87),
        "log_deficit": Chosen("series", "difference", 0.5, 0.337, 0.587, 1.97),
        "log_ratio": Chosen("log1p of the excess", "log of the quotient", 0.5, 0.276, 0.608, 1.21),
        "exp_minus": Chosen("both less one", "difference", 0.5, 0.351, 0.809, 3.99),
        "one_minus_scaled_exp": Chosen("both less one", "difference", 0.5, 0.435, 1.59, 8.42),
    }
)
"""What was chosen: {question: which forms, from where on, and how good they are}."""


def hand_over(question: str) -> Node:
    """The size from which on the far form is used.

    >>> hand_over("log_cosh")
    1.0
    """
    return constant(CHOSEN[question].at)
