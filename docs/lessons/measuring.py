"""What several lessons measure with: numbers of repeated runs, or a loss and rows, come in; an interval or a model goes out."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.stats import t as student

import lossmith as ls

Array = Any

SPACE = "\u00a0"
"""A space at which a cell does not break."""


def interval(values: Any) -> dict[str, float]:
    """The mean and half the width of its 95 % interval (Student's t), and the ends.

    >>> {name: round(value, 3) for name, value in interval([1.0, 2.0, 3.0]).items()}
    {'mean': 2.0, 'half': 2.484, 'low': -0.484, 'high': 4.484}
    """
    x = np.asarray(values, dtype=float)
    half = student.ppf(0.975, len(x) - 1) * x.std(ddof=1) / np.sqrt(len(x))
    return {"mean": float(x.mean()), "half": float(half), "low": float(x.mean() - half), "high": float(x.mean() + half)}


def shown(found: dict[str, float], digits: int = 3) -> str:
    """An interval as a cell of a table, or in a sentence.

    >>> shown({"mean": -0.5, "half": 0.25}, 2).split()
    ['−0.50', '±', '0.25']
    """
    return f"{found['mean']:.{digits}f}{SPACE}±{SPACE}{found['half']:.{digits}f}".replace("-", "−")


def average_precision(truth: Array, raw: Array) -> float:
    """The mean, over the positives, of the share of positives among the rows ranked no lower (no two rows alike).

    >>> average_precision(np.array([1, 0, 1]), np.array([3.0, 2.0, 1.0])) == (1 + 2 / 3) / 2
    True
    """
    hit = np.asarray(truth)[np.argsort(-np.asarray(raw), kind="stable")] > 0
    return float((hit.cumsum() / np.arange(1, len(hit) + 1))[hit].mean())


def descent(loss: ls.Loss, x: Array, y: Array, start: float, steps: int, rate: float) -> tuple[Array, float]:
    """A linear model by gradient descent with momentum 0.9: its weights and constant."""
    weights, constant, pace, drift = np.zeros(x.shape[1]), start, np.zeros(x.shape[1]), 0.0
    for _ in range(steps):
        pull = loss.gradient(y, x @ weights + constant)
        pace, drift = 0.9 * pace + x.T @ pull, 0.9 * drift + float(pull.sum())
        weights, constant = weights - rate * pace, constant - rate * drift
    return weights, constant
