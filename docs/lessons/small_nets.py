"""Small networks on digits whose labels may be wrong, trained side by side.

A smoothing comes in; probabilities of held-out images go out, and what is said of the images learned from.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from scipy.special import softmax
from sklearn.datasets import load_digits

import lossmith as ls

Array = Any

CROSS_ENTROPY = ls.get("cross_entropy")
CLASSES, NETS, TRAIN, HIDDEN, WRONG, RATE, STOPS = 10, 5, 200, 32, 0.4, 0.2, (60, 400)
"""Classes, random starts, images to learn from, hidden units, share of wrong labels, learning rate, steps."""


@lru_cache
def digit_nets() -> tuple[Array, Array, Array, Array, Array]:
    """Twice NETS training sets: first with true labels, then with WRONG of them wrong; the rows held out; which are wrong."""
    x, y = load_digits(return_X_y=True)
    x = (x / 16).astype(np.float32)
    rows, labels, tests, truths, changed = [], [], [], [], []
    for share in (0.0, WRONG):
        for seed in range(NETS):
            rng = np.random.default_rng(seed)
            order = rng.permutation(len(y))
            mine, held = order[:TRAIN], order[TRAIN:]
            wrong = rng.random(TRAIN) < share
            rows.append(x[mine])
            labels.append(np.where(wrong, (y[mine] + rng.integers(1, CLASSES, TRAIN)) % CLASSES, y[mine]))
            tests.append(x[held])
            truths.append(y[held])
            changed.append(wrong)
    return np.stack(rows), np.stack(labels), np.stack(tests), np.stack(truths), np.stack(changed)


def pulls(loss: ls.Loss, y: Array, raw: Array) -> Array:
    """The gradient of the mean loss of each net, by its raw predictions."""
    each = loss.per_example_gradient(y.reshape(-1), raw.reshape(-1, CLASSES))
    return each.reshape(raw.shape) / raw.shape[1]


def with_one(x: Array) -> Array:
    """The rows with a last column of ones, which carries the bias."""
    return np.concatenate([x, np.ones_like(x[..., :1])], axis=-1)


@lru_cache
def trained_nets(epsilon: float) -> dict[int, tuple[Array, Array]]:
    """One hidden layer of ReLU, all nets at once, by gradient descent with momentum.

    By step: held-out probabilities, and the class said of each image learned from.
    """
    x, y, test = digit_nets()[:3]
    loss = CROSS_ENTROPY.smooth(epsilon) if epsilon else CROSS_ENTROPY
    rng = np.random.default_rng(0)
    first = rng.normal(size=(NETS, x.shape[2], HIDDEN)) * np.sqrt(2 / x.shape[2])
    last = rng.normal(size=(NETS, HIDDEN + 1, CLASSES)) * np.sqrt(1 / HIDDEN)
    params = [np.concatenate([p, p]).astype(np.float32) for p in (first, last)]
    speed, found = [np.zeros_like(p) for p in params], {}
    for step in range(1, max(STOPS) + 1):
        hidden = with_one(np.maximum(x @ params[0], 0))
        pull = pulls(loss, y, hidden @ params[1])
        back = (pull @ params[1].swapaxes(1, 2))[..., :-1] * (hidden[..., :-1] > 0)
        slopes = (x.swapaxes(1, 2) @ back, hidden.swapaxes(1, 2) @ pull)
        speed = [np.float32(0.9) * v + g for v, g in zip(speed, slopes, strict=True)]
        params = [p - np.float32(RATE) * v for p, v in zip(params, speed, strict=True)]
        if step in STOPS:
            here, there = (with_one(np.maximum(rows @ params[0], 0)) @ params[1] for rows in (x, test))
            found[step] = softmax(there, axis=-1), here.argmax(axis=-1)
    return found


def repeated(epsilon: float, step: int) -> Array:
    """Of each net with wrong labels: the share of them that it repeats on the images it has learned from."""
    _, labels, _, _, wrong = (part[NETS:] for part in digit_nets())
    said = trained_nets(epsilon)[step][1][NETS:]
    return np.array([np.mean(s[w] == y[w]) for s, y, w in zip(said, labels, wrong, strict=True)])


def calibration_error(probability: Array, truth: Array, bins: int = 10) -> float:
    """How far told and true shares of right answers lie apart, on average over ten bins of confidence."""
    told, right = probability.max(axis=1), probability.argmax(axis=1) == truth
    inside = np.minimum((told * bins).astype(int), bins - 1)
    gaps = [abs(right[inside == k].sum() - told[inside == k].sum()) for k in range(bins)]
    return float(sum(gaps) / len(truth))
