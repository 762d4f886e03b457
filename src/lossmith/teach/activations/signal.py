"""What happens to a signal in a deep net at its start: forward, and the gradient backward, layer by layer.

Comes in: an activation, an initialisation, rows. Goes out: a frozen `Signal` of what was measured.

The net: `layers` dense layers of equal width, h = f(h W), biases 0, weights drawn as the initialisation says; in float64.
Rows of handwritten digits go in. Backward, a gradient of independent standard normal numbers is handed to the last
layer's output, and its norm at every layer's input to the activation is set against that at the last layer.
Everything is repeated with several seeds; the median is told, with the lowest and the highest.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lossmith.errors import ArgumentError, did_you_mean
from lossmith.loss.activation import ActivationFunction
from lossmith.teach.activations.rows import digits
from lossmith.teach.activations.shape import FLAT, shape

Floats = NDArray[np.float64]
Draw = Callable[[np.random.Generator, int, int], Floats]


@dataclass(frozen=True)
class Initialisation:
    """A way to draw the weights of a layer with `n` inputs and `m` outputs; `gain`: n times the variance, for n = m."""

    name: str
    label: str
    rule: str
    draw: Draw
    gain: Callable[[int], float]
    source: str


def _spread(deviation: Callable[[int, int], float]) -> Draw:
    return lambda rng, n, m: rng.normal(0.0, deviation(n, m), (n, m))


def _orthogonal(rng: np.random.Generator, n: int, m: int) -> Floats:
    """Columns (or rows, where there are fewer) of length 1 at right angles, uniformly turned."""
    q, r = np.linalg.qr(rng.normal(size=(max(n, m), min(n, m))))
    q = q * np.sign(np.diag(r))
    return np.ascontiguousarray(q if n >= m else q.T)


INITIALISATIONS: Final[tuple[Initialisation, ...]] = (
    Initialisation(
        "xavier", "Xavier (Glorot) normal", "variance 2/(n + m)", _spread(lambda n, m: math.sqrt(2 / (n + m))),
        lambda n: 1.0, "Glorot and Bengio (2010), Understanding the Difficulty of Training Deep Feedforward Neural Networks",
    ),
    Initialisation(
        "he", "He (Kaiming) normal", "variance 2/n", _spread(lambda n, m: math.sqrt(2 / n)),
        lambda n: 2.0, "He, Zhang, Ren and Sun (2015), Delving Deep into Rectifiers, arXiv:1502.01852",
    ),
    Initialisation(
        "lecun", "LeCun normal", "variance 1/n", _spread(lambda n, m: math.sqrt(1 / n)),
        lambda n: 1.0, "LeCun, Bottou, Orr and Muller (1998), Efficient BackProp, section 4.6",
    ),
    Initialisation(
        "orthogonal", "orthogonal", "columns of length 1 at right angles", _orthogonal,
        lambda n: 1.0, "Saxe, McClelland and Ganguli (2014), Exact Solutions to the Nonlinear Dynamics, arXiv:1312.6120",
    ),
    Initialisation(
        "small", "small normal", "deviation 0.01", _spread(lambda n, m: 0.01),
        lambda n: n * 1e-4, "the habit before 2010: Krizhevsky, Sutskever and Hinton (2012), ImageNet Classification, section 5",
    ),
    Initialisation(
        "standard", "standard normal", "deviation 1", _spread(lambda n, m: 1.0),
        lambda n: float(n), "no care taken: the numbers that numpy.random.randn gives",
    ),
)  # fmt: skip
_BY_NAME: Final = {row.name: row for row in INITIALISATIONS}


GROUPS: Final = 12
NODES: Final = np.arange(-10 + 1 / 64, 10, 1 / 32)  # midpoints of a fine grid, so that a corner at 0 lies between two
WEIGHTS: Final = np.exp(-(NODES**2) / 2) / math.sqrt(2 * math.pi) / 32


@dataclass(frozen=True)
class Layer:
    """One layer, medians over the seeds.

    `square`: mean square of what enters the activation. `variance`: of its output over the rows, mean over units (what
    still tells rows apart). `gradient`: norm of the loss gradient at what enters, as a share of that at the last layer
    (`low`, `high` over the seeds). `dead`: share of units whose slope is 0 for every row. `flat`: share of (row, unit)
    pairs whose slope is below a hundredth of the largest.
    """

    number: int
    square: float
    variance: float
    gradient: float
    low: float
    high: float
    dead: float
    flat: float


@dataclass(frozen=True)
class Signal:
    """What was measured for one activation under one initialisation; `theory`: the gradient share of a net without end.

    `theory` follows the mean field of Poole et al. (2016) and Schoenholz et al. (2017): a very wide net, layer by layer.
    """

    activation: str
    initialisation: str
    width: int
    rows: int
    seeds: int
    layers: tuple[Layer, ...]
    theory: tuple[float, ...]

    @property
    def fate(self) -> str:
        """What becomes of the gradient on its way from the last layer to the first, in one word."""
        share = self.layers[0].gradient
        if not math.isfinite(share):
            return "lost"
        rungs = ((1e-3, "vanishes"), (1 / 3, "shrinks"), (3.0, "kept"), (1e3, "grows"))
        return next((word for limit, word in rungs if share < limit), "explodes")


def initialisation(name: str) -> Initialisation:
    """The initialisation of that name; raises LM494 with the closest known one.

    >>> initialisation("he").rule
    'variance 2/n'
    """
    found = _BY_NAME.get(name)
    if found is None:
        advice = did_you_mean(name, _BY_NAME) or f" Known: {', '.join(_BY_NAME)}."
        raise ArgumentError("LM494", f'there is no initialisation "{name}".{advice}')
    return found


@lru_cache(maxsize=512)
def signal(
    activation: ActivationFunction,
    weights: str = "he",
    layers: int = 50,
    width: int = 128,
    rows: int = 64,
    seeds: int = 5,
) -> Signal:
    """Measure one activation under one initialisation on digits, through 1 to `layers` layers.

    Raises LM494 for an unknown initialisation or a size below 1, LM313 for softmax.

    >>> import lossmith as ls
    >>> found = signal(ls.activation("sigmoid"), "xavier", layers=20, seeds=3)
    >>> found.layers[0].gradient < 1e-9, found.fate
    (True, 'vanishes')
    """
    for name, size, most in (
        ("layers", layers, 1000),
        ("width", width, 4096),
        ("rows", rows, 1797),
        ("seeds", seeds, 100),
    ):
        if not 1 <= size <= most:
            raise ArgumentError("LM494", f"{name} must be a whole number from 1 to {most}, got {size!r}.")
    drawn = initialisation(weights)
    largest = shape(activation).steepest.slope
    inputs = digits()[0][:rows]
    runs = np.array([walk(activation, drawn, inputs, layers, width, seed, largest) for seed in range(seeds)])
    middle, low, high = (f(runs, axis=0) for f in (np.median, np.min, np.max))
    measured = tuple(
        Layer(k + 1, *(float(v) for v in (*m[:3], low[k][2], high[k][2], *m[3:]))) for k, m in enumerate(middle)
    )
    theory = wide_net(activation, drawn, inputs, layers, width)
    return Signal(activation.name, weights, width, rows, seeds, measured, theory)


def signals(activation: ActivationFunction) -> tuple[Signal, ...]:
    """The same under every initialisation, at the sizes of the pages."""
    return tuple(signal(activation, row.name) for row in INITIALISATIONS)


def walk(
    activation: ActivationFunction,
    drawn: Initialisation,
    inputs: Floats,
    layers: int,
    width: int,
    seed: int,
    largest: float = math.inf,
) -> Floats:
    """One net: a row per layer of square, variance, gradient share, dead share and flat share, shape (layers, 5)."""
    rng = np.random.default_rng(seed)
    sizes = (inputs.shape[1], *[width] * layers)
    weights = [drawn.draw(rng, n, m) for n, m in pairwise(sizes)]
    handed = rng.normal(size=(len(inputs), width))
    with np.errstate(all="ignore"):
        entering, outputs = forward(activation, weights, inputs)
        slopes = [activation.derivative(z) for z in entering]
        norms = np.array([_norm(g) for g in backward(weights, slopes, handed)])
        found = [
            [np.mean(z * z), np.mean(np.var(h, axis=0)), norm, np.mean(np.all(s == 0, axis=0)), _flat(s, largest)]
            for z, h, s, norm in zip(entering, outputs, slopes, norms / norms[-1], strict=True)
        ]
    return np.array(found)


def forward(activation: ActivationFunction, weights: list[Floats], inputs: Floats) -> tuple[list[Floats], list[Floats]]:
    """What enters the activation of every layer, and what leaves it."""
    entering: list[Floats] = []
    outputs: list[Floats] = []
    for weight in weights:
        entering.append((outputs[-1] if outputs else inputs) @ weight)
        outputs.append(activation(entering[-1]))
    return entering, outputs


def backward(weights: list[Floats], slopes: list[Floats], handed: Floats) -> list[Floats]:
    """The gradient at what enters every layer, given the gradient at the last output: the chain rule."""
    found = [handed * slopes[-1]]
    for weight, slope in zip(weights[:0:-1], slopes[-2::-1], strict=True):
        found.append((found[-1] @ weight.T) * slope)
    return found[::-1]


def _norm(a: Floats) -> float:
    """The root of the sum of squares; scaled, so that squares neither vanish nor overflow."""
    top = float(np.max(np.abs(a)))
    return top * float(np.sqrt(np.sum((a / top) ** 2))) if 0 < top < math.inf else top


def _flat(slopes: Floats, largest: float) -> float:
    return float(np.mean(np.abs(slopes) < FLAT * largest)) if math.isfinite(largest) else 0.0


def wide_net(
    activation: ActivationFunction, drawn: Initialisation, inputs: Floats, layers: int, width: int
) -> tuple[float, ...]:
    """The gradient share at every layer that a net of very many units would have, from Gaussian integrals alone.

    q, the mean square of what enters a layer for one row, goes over to gain * E f(sqrt(q) g)**2 with standard normal g;
    the squared gradient of the row goes back by gain * E f'(sqrt(q) g)**2 a layer. Rows of like size go together.
    """
    first = np.mean(drawn.draw(np.random.default_rng(0), inputs.shape[1], width) ** 2)
    squares = np.sort(first * np.sum(inputs**2, axis=1))
    q = np.array([part.mean() for part in np.array_split(squares, min(GROUPS, len(squares)))])
    factors = []
    with np.errstate(all="ignore"):
        for _ in range(layers):
            entering = np.sqrt(q)[:, None] * NODES
            factors.append(np.log(drawn.gain(width) * (activation.derivative(entering) ** 2 @ WEIGHTS)))
            q = drawn.gain(width) * (activation(entering) ** 2 @ WEIGHTS)
        back = np.cumsum(np.array(factors[:-1][::-1]).reshape(-1, len(q)), axis=0) + factors[-1]
        totals = np.logaddexp.reduce(np.vstack([factors[-1], back])[::-1], axis=1)
        return tuple(float(v) for v in np.exp((totals - totals[-1]) / 2))
