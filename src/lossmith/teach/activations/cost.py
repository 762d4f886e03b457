"""What a call of each activation costs against the cheapest, measured here and now.

Comes in: activations. Goes out: a frozen `Costs`: one ratio for the value and one for the derivative of each.

Every round calls each once, so that a slow moment of the machine hits all of them; told is the median over the rounds.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np

from lossmith.catalogue import ACTIVATIONS
from lossmith.loss.activation import ActivationFunction, activation

INPUTS: Final = 20_000
ROUNDS: Final = 15


@dataclass(frozen=True)
class Costs:
    """Medians: `names[i]` takes `value[i]` and `derivative[i]` times what the cheapest value takes, `cheapest` seconds."""

    names: tuple[str, ...]
    value: tuple[float, ...]
    derivative: tuple[float, ...]
    cheapest: float
    inputs: int
    rounds: int


@lru_cache(maxsize=8)
def usual_costs() -> Costs:
    """The costs of all elementwise activations but the identity, which computes nothing; once per process."""
    return costs([activation(row.name) for row in ACTIVATIONS if not row.row and row.name != "identity"])


def costs(functions: Sequence[ActivationFunction], inputs: int = INPUTS, rounds: int = ROUNDS) -> Costs:
    """Time values and derivatives on standard normal float64 inputs, interleaved.

    >>> import lossmith as ls
    >>> found = costs([ls.activation("relu"), ls.activation("gelu")], inputs=1000, rounds=3)
    >>> min(found.value), found.names
    (1.0, ('relu', 'gelu'))
    """
    x = np.random.default_rng(0).normal(size=inputs)
    calls: list[Callable[[object], object]] = [*functions, *(f.derivative for f in functions)]  # type: ignore[list-item]
    times: list[list[float]] = [[] for _ in calls]
    for call in calls:
        call(x)
    for _ in range(rounds):
        for call, own in zip(calls, times, strict=True):
            start = time.perf_counter()
            call(x)
            own.append(time.perf_counter() - start)
    middle = [statistics.median(own) for own in times]
    values, slopes = middle[: len(functions)], middle[len(functions) :]
    least = min(values)
    return Costs(
        tuple(f.name for f in functions),
        tuple(v / least for v in values),
        tuple(v / least for v in slopes),
        least,
        inputs,
        rounds,
    )
