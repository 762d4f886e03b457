"""A plain network of layers: features and parameters come in; raw predictions and exact derivatives go out.

Without hidden units it is a linear model. Parameters are one vector: for each layer its weights (inputs, outputs) row by
row, then its biases. `pulled` goes backwards through the layers (reverse mode), `pushed` forwards along a direction
(forward mode), and `pulled_change` is how the gradient changes along that direction: together they make the exact
hessian-vector product of a loss through the network (Pearlmutter 1994, Fast Exact Multiplication by the Hessian).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lossmith.calculus.derivative import tangent
from lossmith.calculus.terms import ONE, or_zero
from lossmith.errors import ArgumentError
from lossmith.formula.lift import lift
from lossmith.formula.node import Node, symbol
from lossmith.loss.activation import ActivationFunction, activation
from lossmith.runtime import numpy_function
from lossmith.stable.forms import in_plain_operations
from lossmith.stable.rules import stabilise

Floats = NDArray[np.float64]
Layer = tuple[Floats, Floats]
KINKED_GAIN: Final = 2.0


@dataclass(frozen=True)
class Network:
    """Layers of these widths, the first one the features; the activation stands between layers, not after the last.

    >>> network = Network((3, 2, 1), activation("tanh"))
    >>> network.size, [w.shape for w, b in network.layers(np.zeros(network.size))]
    (11, [(3, 2), (2, 1)])
    """

    widths: tuple[int, ...]
    activation: ActivationFunction
    intercept: bool = True

    @property
    def size(self) -> int:
        """The number of parameters."""
        return sum((a + self.intercept) * b for a, b in zip(self.widths, self.widths[1:], strict=False))

    def layers(self, parameters: Floats) -> tuple[Layer, ...]:
        """Weights (inputs, outputs) and biases (outputs,) of every layer."""
        found, place = [], 0
        for a, b in zip(self.widths, self.widths[1:], strict=False):
            weights = parameters[place : place + a * b].reshape(a, b)
            place += a * b
            biases = parameters[place : place + b] if self.intercept else np.zeros(b)
            place += b * self.intercept
            found.append((weights, biases))
        return tuple(found)

    def flat(self, layers: Sequence[Layer]) -> Floats:
        """One vector of the layers: the inverse of `layers`."""
        parts = [part.ravel() for w, b in layers for part in ((w, b) if self.intercept else (w,))]
        return np.concatenate(parts)

    def names(self, features: Sequence[str], outputs: Sequence[str]) -> tuple[str, ...]:
        """What every parameter is called, in the order of the vector."""
        if len(self.widths) == 2:
            behind = [f" for {name}" for name in outputs] if len(outputs) > 1 else [""]
            return (
                *(f"weight of {feature}{end}" for feature in features for end in behind),
                *(f"intercept{end}" for end in behind if self.intercept),
            )
        found: list[str] = []
        for place, (a, b) in enumerate(zip(self.widths, self.widths[1:], strict=False), 1):
            found += [f"W{place}[{i},{j}]" for i in range(1, a + 1) for j in range(1, b + 1)]
            found += [f"b{place}[{j}]" for j in range(1, b + 1)] if self.intercept else []
        return tuple(found)

    def start(self, seed: int) -> Floats:
        """Zeros for a linear model; else weights drawn with variance gain / inputs, and biases of 0.

        The gain is 2 for activations that are flat or nearly so below 0 (He et al. 2015), else 1 (LeCun et al. 1998).
        """
        if len(self.widths) == 2:
            return np.zeros(self.size)
        random, gain = np.random.default_rng(seed), self._gain()
        drawn = [(np.sqrt(gain / len(w)) * random.standard_normal(w.shape), 0.0 * b) for w, b in self._zeros()]
        return self.flat(drawn)

    def raw(self, X: Floats, parameters: Floats) -> Floats:
        """Raw predictions (n, outputs)."""
        return self.walked(X, parameters).before[-1]

    def walked(self, X: Floats, parameters: Floats) -> Walk:
        """Every layer before and after its activation, for the rows of X."""
        layers, before, after = self.layers(parameters), [], [X]
        for place, (weights, biases) in enumerate(layers, 1):
            before.append(after[-1] @ weights + biases)
            after += [self.activation(before[-1])] if place < len(layers) else []
        return Walk(self, layers, tuple(before), tuple(after))

    def _zeros(self) -> tuple[Layer, ...]:
        return self.layers(np.zeros(self.size))

    def _gain(self) -> float:
        low, high = self.activation([-3.0, 3.0])
        return KINKED_GAIN if abs(low) < abs(high) / 3 else 1.0


@dataclass(frozen=True)
class Walk:
    """One pass forwards: `before[l]` is the sum that enters layer l's activation, `after[l]` what enters layer l."""

    network: Network
    layers: tuple[Layer, ...]
    before: tuple[Floats, ...]
    after: tuple[Floats, ...]

    def deltas(self, slope: Floats) -> tuple[Floats, ...]:
        """The derivative of the loss by every `before`, from `slope`, that by the raw predictions."""
        found = [slope]
        for (weights, _), z in zip(reversed(self.layers[1:]), reversed(self.before[:-1]), strict=True):
            found.append((found[-1] @ weights.T) * self.network.activation.derivative(z))
        return tuple(reversed(found))

    def pulled(self, slope: Floats) -> Floats:
        """The gradient by all parameters, from the gradient by the raw predictions (n, outputs)."""
        pairs = zip(self.after, self.deltas(slope), strict=True)
        return self.network.flat([(a.T @ d, d.sum(axis=0)) for a, d in pairs])

    def pushed(self, direction: Floats) -> tuple[tuple[Floats, ...], tuple[Floats, ...]]:
        """How `before` and `after` change as the parameters move along a direction."""
        before: list[Floats] = []
        after = [np.zeros_like(self.after[0])]
        for place, ((weights, _), (w, b)) in enumerate(zip(self.layers, self.network.layers(direction), strict=True)):
            before.append(after[-1] @ weights + self.after[place] @ w + b)
            if place < len(self.layers) - 1:
                after.append(self.network.activation.derivative(self.before[place]) * before[-1])
        return tuple(before), tuple(after)

    def pulled_change(self, direction: Floats, slope: Floats, slope_change: Callable[[Floats], Floats]) -> Floats:
        """How the gradient by all parameters changes along a direction.

        `slope` is the gradient by the raw predictions, `slope_change(v)` the loss's own hessian times v.
        """
        before, after = self.pushed(direction)
        moved, deltas = self.network.layers(direction), self.deltas(slope)
        change, found = slope_change(before[-1]), []
        for place in reversed(range(len(self.layers))):
            a, d = self.after[place], deltas[place]
            found.append((after[place].T @ d + a.T @ change, change.sum(axis=0)))
            if place:
                change = self._before_activation(place, change, d, moved[place][0], before[place - 1])
        return self.network.flat(found[::-1])

    def _before_activation(self, place: int, change: Floats, d: Floats, moved: Floats, z_change: Floats) -> Floats:
        """The change of the delta one layer down: the product rule on (delta W^T) * slope of the activation."""
        weights, z = self.layers[place][0], self.before[place - 1]
        first = (change @ weights.T + d @ moved.T) * self.network.activation.derivative(z)
        return np.asarray(first + (d @ weights.T) * bend(self.network.activation, z) * z_change)


def bend(function: ActivationFunction, x: Floats) -> Floats:
    """The second derivative of an activation at every number, from its formula.

    >>> bend(activation("softplus"), np.array([0.0])).tolist(), bend(activation("relu"), np.array([2.0])).tolist()
    ([0.25], [0.0])
    """
    wide = np.asarray(x, dtype=np.float64)
    with np.errstate(all="ignore"):
        arguments = (wide.reshape(-1, 1), *(np.float64(v) for _, v in function.parameters), 1, 1)
        found = np.asarray(_second(function.record)(*arguments)[0])
    return np.array(np.broadcast_to(found, (wide.size, 1)).reshape(wide.shape), dtype=np.float64)


@lru_cache(maxsize=64)
def _second(record: Any) -> Callable[..., Any]:
    first = or_zero(tangent(lift(record.formula)[0], {record.input: ONE}))
    formula: Node = stabilise(or_zero(tangent(stabilise(first)[0], {record.input: ONE})))[0]
    names = {symbol(p.name, "parameter"): p.name for p in record.parameters}
    return numpy_function({record.input: "x", **names}, (in_plain_operations(formula),))


def network_of(model: str, features: int, outputs: int, hidden: int, function: str, intercept: bool = True) -> Network:
    """The network of a model's name: "linear", or "two-layer" with so many hidden units.

    Raises `ArgumentError` LM570 for another model, LM571 for a number of units or an activation that cannot be.

    >>> network_of("two-layer", 2, 1, 4, "tanh").widths
    (2, 4, 1)
    """
    if model not in MODELS:
        raise ArgumentError("LM570", f'model is "linear" or "two-layer", got {model!r}.')
    if hidden < 1:
        raise ArgumentError("LM571", f"hidden is the number of hidden units, at least 1, got {hidden}.")
    found = activation(function)
    if found.record.row:
        raise ArgumentError(
            "LM571", f"{function} mixes the units of a layer; hidden units take one number each: tanh, relu."
        )
    return Network((features, *(hidden,) * MODELS[model], outputs), found, intercept)


MODELS: Final = {"linear": 0, "two-layer": 1}
"""Models by name, each with its number of hidden layers."""
