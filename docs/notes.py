"""Three losses as they stand in many study notes, to be checked: `lossmith verify notes:mse`.

Comes in: targets and predictions. Goes out: a number.
"""

from __future__ import annotations

from typing import Any

import numpy as np

Array = Any


def mse(y_true: Array, y_pred: Array) -> float:
    """Half the sum of squares, under the name of the mean squared error."""
    return float(0.5 * np.sum((y_true - y_pred) ** 2))


def sigmoid_cee(y_true: Array, probability: Array) -> float:
    """The cross entropy of yes-or-no targets."""
    return float(np.mean(-(y_true * np.log(probability) + (1 - y_true) * np.log(1 - probability))))


def softmax_cee(y_true: Array, probability: Array) -> float:
    """The cross entropy of classes, from rows of zeros with a one."""
    return float(np.mean(-np.log(np.sum(y_true * probability, axis=1))))
