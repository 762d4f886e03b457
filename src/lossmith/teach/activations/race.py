"""Steps to a given loss on real data: the same small net under several activations, each at its own best step size.

Comes in: activations, a `Course` (net, batch, budget, grid). Goes out: a frozen `Race` per activation.

The protocol, the same for every activation: handwritten digits (1,797 rows), dense layers of equal width, biases 0 at
the start, softmax with cross entropy, plain gradient descent on mini-batches drawn at random. The step size is taken
from a grid, and the initialisation is Xavier's or He's: the pair that first brings half of the tuning seeds to the goal
(of several, and where none does: that whose loss is lowest then). Those seeds are not reported. With that pair, other
seeds run; a seed sets the weights and the batches, and is the same for every activation. Told are the steps until the
mean cross entropy over all rows is at or below the goal, looked at every `look` steps; a run that has not got there
within the budget counts as infinite.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lossmith.loss.activation import ActivationFunction
from lossmith.loss.library import get
from lossmith.teach.activations.rows import digits
from lossmith.teach.activations.signal import initialisation

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Course:
    """What is run over: hidden layers and their width, rows a batch, steps at most, the loss to reach, what is tried."""

    hidden: int = 2
    width: int = 32
    batch: int = 64
    budget: int = 1000
    goal: float = 0.1
    look: int = 5
    rates: tuple[float, ...] = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
    weights: tuple[str, ...] = ("xavier", "he")
    tuning: tuple[int, ...] = (100, 101, 102)
    seeds: tuple[int, ...] = (0, 1, 2, 3, 4, 5, 6)


SHALLOW: Final = Course()
DEEP: Final = Course(hidden=8)
COURSES: Final = {"shallow": SHALLOW, "deep": DEEP}


@dataclass(frozen=True)
class Race:
    """One activation on one course: the pair that was chosen, the steps of every reported seed, the loss on the way.

    `curve`: medians of the training cross entropy over the seeds, at the steps `0, every, 2 * every, ...`.
    """

    activation: str
    rate: float
    weights: str
    steps: tuple[float, ...]
    every: int
    curve: tuple[float, ...]

    @property
    def median(self) -> float:
        """The middle number of steps; infinite where more than half of the seeds did not get there."""
        return float(np.median(self.steps))

    @property
    def quartiles(self) -> tuple[float, float]:
        """A quarter of the seeds needed no more than the first; three quarters no more than the second."""
        low, high = np.quantile(self.steps, (0.25, 0.75), method="nearest")
        return float(low), float(high)


@lru_cache(maxsize=256)
def race(activation: ActivationFunction, course: Course = SHALLOW) -> Race:
    """Tune one activation, then measure it.

    >>> import lossmith as ls
    >>> small = Course(budget=60, goal=1.0, rates=(0.1, 0.3), tuning=(100,), seeds=(0, 1, 2))
    >>> found = race(ls.activation("relu"), small)
    >>> found.rate, found.median <= 60
    (0.3, True)
    """
    rate, weights = tuned(activation, course)
    return measured(activation, course, rate, weights)


def tuned(activation: ActivationFunction, course: Course) -> tuple[float, str]:
    """The step size and the initialisation that bring half of the tuning seeds to the goal soonest."""
    pairs = [(rate, weights) for weights in course.weights for rate in course.rates]
    runs = [(rate, weights, seed) for rate, weights in pairs for seed in course.tuning]

    def half_there(losses: Floats) -> Floats:
        there = (losses.min(axis=0) <= course.goal).reshape(len(pairs), -1)
        return np.asarray(np.median(there, axis=1))

    look = 4 * course.look
    losses = descended(activation, course, runs, look, lambda losses: bool(half_there(losses).max() >= 0.5))
    ends = np.median(losses[-1].reshape(len(pairs), -1), axis=1)
    ranks = [
        (-done, end if math.isfinite(end) else math.inf) for done, end in zip(half_there(losses), ends, strict=True)
    ]
    return pairs[min(range(len(pairs)), key=ranks.__getitem__)]


def measured(activation: ActivationFunction, course: Course, rate: float, weights: str) -> Race:
    """The steps of the reported seeds, at a given step size and initialisation."""

    def all_there(losses: Floats) -> bool:
        return bool(((losses.min(axis=0) <= course.goal) | ~np.isfinite(losses[-1])).all())

    runs = [(rate, weights, seed) for seed in course.seeds]
    losses = descended(activation, course, runs, course.look, all_there)
    steps = tuple(_reached(losses[:, k], course) for k in range(losses.shape[1]))
    thin = max(1, (len(losses) - 1) // 60)
    curve = tuple(float(v) for v in np.median(losses[::thin], axis=1))
    return Race(activation.name, rate, weights, steps, thin * course.look, curve)


def _reached(losses: Floats, course: Course) -> float:
    """The first step at which the loss is at the goal; infinite if there is none."""
    there = np.flatnonzero(losses <= course.goal)
    return float(there[0] * course.look) if len(there) else math.inf


@dataclass
class _Nets:
    """Many nets side by side: weights of shape (runs, inputs, outputs) per layer, biases (runs, 1, outputs)."""

    activation: ActivationFunction
    weights: list[Floats]
    biases: list[Floats]
    rates: Floats

    def forward(self, rows: Floats) -> tuple[list[Floats], list[Floats]]:
        """What enters every activation (last: the raw prediction), and what every layer reads."""
        read, entering = [rows], []
        for weight, bias in zip(self.weights, self.biases, strict=True):
            entering.append(read[-1] @ weight + bias)
            if len(entering) < len(self.weights):
                read.append(self.activation(entering[-1]))
        return entering, read

    def step(self, rows: Floats, classes: NDArray[np.int64]) -> None:
        """One step of gradient descent on one batch per run: the chain rule, layer by layer."""
        entering, read = self.forward(rows)
        gradient = _slope(entering[-1], classes)
        for k in range(len(self.weights) - 1, -1, -1):
            into_weight, into_bias = read[k].transpose(0, 2, 1) @ gradient, gradient.sum(axis=1, keepdims=True)
            if k:
                gradient = (gradient @ self.weights[k].transpose(0, 2, 1)) * self.activation.derivative(entering[k - 1])
            self.weights[k] -= self.rates * into_weight
            self.biases[k] -= self.rates * into_bias


def _slope(raw: Floats, classes: NDArray[np.int64]) -> Floats:
    """The gradient of the mean cross entropy of every run's batch by its raw predictions, (runs, batch, classes)."""
    flat = raw.reshape(-1, raw.shape[-1])
    found = _loss().per_example_gradient(classes.reshape(-1), flat)
    slopes: Floats = np.asarray(found, dtype=np.float64).reshape(raw.shape) / raw.shape[1]
    return slopes


@lru_cache(maxsize=1)
def _loss() -> Any:
    return get("cross_entropy")


def descended(
    activation: ActivationFunction,
    course: Course,
    runs: Sequence[tuple[float, str, int]],
    look: int,
    enough: Callable[[Floats], bool],
) -> Floats:
    """The training loss of every (rate, initialisation, seed) at steps 0, look, 2 look, ...: shape (looks, runs).

    It stops at the end of the budget, or once what was found is enough.
    """
    X, y = digits()
    nets = _drawn(activation, course, runs, X.shape[1])
    seeds = sorted({seed for *_, seed in runs})
    orders = {seed: np.random.default_rng((seed, 1)) for seed in seeds}
    own = np.array([seeds.index(seed) for *_, seed in runs])
    found = [_training_loss(nets, X, y)]
    with np.errstate(all="ignore"):
        for step in range(1, course.budget + 1):
            batches = np.stack([orders[seed].integers(0, len(y), course.batch) for seed in seeds])
            nets.step(X[batches][own], y[batches][own])
            if step % look == 0:
                found.append(_training_loss(nets, X, y))
                if enough(np.array(found)):
                    break
    return np.array(found)


def _drawn(
    activation: ActivationFunction, course: Course, runs: Sequence[tuple[float, str, int]], inputs: int
) -> _Nets:
    sizes = (inputs, *[course.width] * course.hidden, 10)
    layers: list[list[Floats]] = []
    for _, weights, seed in runs:
        rng = np.random.default_rng((seed, 0))
        layers.append([initialisation(weights).draw(rng, n, m) for n, m in pairwise(sizes)])
    stacked = [np.stack(layer) for layer in zip(*layers, strict=True)]
    rates = np.array([rate for rate, *_ in runs]).reshape(-1, 1, 1)
    return _Nets(activation, stacked, [np.zeros((len(runs), 1, m)) for m in sizes[1:]], rates)


def _training_loss(nets: _Nets, X: Floats, y: NDArray[np.int64]) -> Floats:
    """The mean cross entropy of every run over all rows."""
    with np.errstate(all="ignore"):
        raw = nets.forward(X[None])[0][-1]
    return np.array([_loss().value(y, one) if np.isfinite(one).all() else math.inf for one in raw])
