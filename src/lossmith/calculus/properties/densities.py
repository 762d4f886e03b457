"""Densities that people know by name, each by the slope of its minus log likelihood: one table.

Comes in: slopes by the prediction p at pairs of target and prediction. Goes out: the row of the density that has them,
with its numbers found. A slope says the density up to a part that depends on the target alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lossmith.formula.node import Node, constant, make

Floats = NDArray[np.float64]
Numbers = Mapping[str, float]
Slope = Callable[[Any, Any, Any], Any]  # floats, nodes, or expressions of algebra
Fit = Callable[[Callable[[float, float], float]], Numbers]


@dataclass(frozen=True)
class Known:
    """One density: `slope(y, p, numbers)`, how the numbers follow from slopes at places, and what to say of it.

    `slope` takes floats, or nodes of formulas; `rational`: it is made by arithmetic alone, so that expressions do too.
    `shows`: the numbers that people want to see.
    `alone`: the factor of y alone that a loss may leave out; `normaliser`: what exp(-loss) adds up to at its barest.
    """

    name: str
    kinds: tuple[str, ...]
    formula: str
    normaliser: str
    slope: Slope
    fit: Fit
    source: str
    alone: str = ""
    holds: Callable[[Numbers], bool] = lambda numbers: True
    rational: bool = False
    shows: tuple[str, ...] = ("level", "degrees", "scale", "shape", "delta", "sigma")


FAR: Final = 2.0**30


def _map(name: str, x: Any) -> Any:
    """A function of a node, or of floats."""
    return make(name, x) if isinstance(x, Node) else getattr(np, name)(x)


def _by_side(r: Any, positive: float, otherwise: float) -> Any:
    """One number where r > 0 and another elsewhere."""
    if isinstance(r, Node):
        return make("where", make("less", constant(0.0), r), constant(positive), constant(otherwise))
    return np.where(r > 0, positive, otherwise)


def _clipped(r: Any, size: float) -> Any:
    """r, at most that size on either side."""
    if isinstance(r, Node):
        return make("maximum", make("minimum", r, constant(size)), constant(-size))
    return np.clip(r, -size, size)


def _power_of_variance(at: Callable[[float, float], float]) -> Numbers:
    """Power and dispersion of (p - y) / (dispersion p**power), from two predictions."""
    one, two = at(4.0, 1.0) / -3.0, at(4.0, 2.0) / -2.0
    if not (one > 0 and two > 0):
        return {}
    power = float(np.log2(one / two))
    near = round(power, 9)
    return {"power": near, "dispersion": 1.0 / one}


def _variance(y: Any, p: Any, n: Any) -> Any:
    return (p - y) / (n["dispersion"] * p ** n["power"])


def _has_power(power: float, dispersion: float | None = None) -> Callable[[Numbers], bool]:
    def holds(n: Numbers) -> bool:
        return n["power"] == power and (dispersion is None or abs(n["dispersion"] - dispersion) < 1e-9)

    return holds


def _t_numbers(at: Callable[[float, float], float]) -> Numbers:
    """a and b of a r / (b + r**2), from the distances 1 and 2."""
    one, two = at(0.0, 1.0), at(0.0, 2.0)
    if not (one > 0 and two > 0) or abs(2 * one - two) < 1e-12 * one:
        return {}
    b = (4 * two - 2 * one) / (2 * one - two)
    degrees = one * (b + 1) - 1
    return {"degrees": degrees, "scale": float(np.sqrt(b / degrees))} if b > 0 and degrees > 0 else {}


def _secant_numbers(at: Callable[[float, float], float]) -> Numbers:
    """shape and scale of shape/scale tanh(r / scale), from far away and from 1e-6 away."""
    far, near = at(0.0, FAR), at(0.0, 2.0**-20) * 2.0**20
    return {"scale": far / near, "shape": far * far / near} if far > 0 and near > 0 else {}


def _huber_numbers(at: Callable[[float, float], float]) -> Numbers:
    far, near = at(0.0, FAR), at(0.0, 2.0**-20) * 2.0**20
    return {"scale": float(1 / np.sqrt(near)), "delta": far / near} if far > 0 and near > 0 else {}


def _sides(power: int, factor: float) -> Fit:
    """The scale and the level of slopes that differ by side: -level/scale above the prediction, (1-level)/scale below."""

    def fit(at: Callable[[float, float], float]) -> Numbers:
        above, below = -at(1.0, 0.0) / factor, at(0.0, 1.0) / factor
        both = above + below
        return {"level": above / both, "scale": float(both ** (-1 / (power + 1)))} if above > 0 and below > 0 else {}

    return fit


def _general_normal(at: Callable[[float, float], float]) -> Numbers:
    one, two = at(0.0, 1.0), at(0.0, 2.0)
    if not (one > 0 and two > 0):
        return {}
    shape = 1 + float(np.log2(two / one))
    return {"shape": shape, "scale": float((shape / one) ** (1 / shape))} if shape > 0 else {}


def _log_normal_numbers(at: Callable[[float, float], float]) -> Numbers:
    one = at(1.0, 2.0) * 2 / float(np.log(2.0))
    return {"sigma": one**-0.5} if one > 0 else {}


def _power_slope(r: Any, shape: float, scale: float) -> Any:
    """The slope of |r / scale|**shape."""
    return shape * _map("sign", r) * _map("abs", r / scale) ** (shape - 1) / scale


REAL: Final = ("real",)
AMOUNTS: Final = ("positive", "nonnegative")
GAUSSIAN: Final = "exp(-(y - p)**2 / (2 scale**2)) / (scale sqrt(2 pi))"

DENSITIES: Final[tuple[Known, ...]] = (
    Known(
        "Gaussian (bell curve)",
        REAL,
        GAUSSIAN,
        "scale sqrt(2 pi)",
        lambda y, p, n: (p - y) / n["scale"] ** 2,
        lambda at: {"scale": at(0.0, 1.0) ** -0.5} if at(0.0, 1.0) > 0 else {},
        "Gauss (1809)",
        rational=True,
    ),
    Known(
        "Laplace (sharp peak, long tails)",
        REAL,
        "exp(-|y - p| / scale) / (2 scale)",
        "2 scale",
        lambda y, p, n: _map("sign", p - y) / n["scale"],
        lambda at: {"scale": 1 / at(0.0, 1.0)} if at(0.0, 1.0) > 0 else {},
        "Laplace (1774)",
    ),
    Known(
        "asymmetric Laplace",
        REAL,
        "level (1 - level) / scale exp(-pinball(y - p; level) / scale)",
        "scale / (level (1 - level))",
        lambda y, p, n: _by_side(y - p, -n["level"], 1 - n["level"]) / n["scale"],
        _sides(0, 1.0),
        "Koenker and Machado (1999)",
    ),
    Known(
        "two-piece Gaussian",
        REAL,
        "exp(-w (y - p)**2 / scale**2), w = level where y > p, else 1 - level, over the normaliser",
        "scale sqrt(pi) / 2 (1 / sqrt(level) + 1 / sqrt(1 - level))",
        lambda y, p, n: 2 * _by_side(y - p, n["level"], 1 - n["level"]) * (p - y) / n["scale"] ** 2,
        _sides(1, 2.0),
        "Fechner (1897)",
    ),
    Known(
        "logistic (bell curve with longer tails)",
        REAL,
        "1 / (4 scale cosh((y - p) / (2 scale))**2)",
        "4 scale, for 2 log cosh((y - p) / (2 scale))",
        lambda y, p, n: _map("tanh", (p - y) / (2 * n["scale"])) / n["scale"],
        lambda at: {"scale": 1 / at(0.0, FAR)} if at(0.0, FAR) > 0 else {},
        "Balakrishnan (1992)",
    ),
    Known(
        "hyperbolic secant",
        REAL,
        "1 / (pi scale cosh((y - p) / scale))",
        "pi scale, for log cosh((y - p) / scale)",
        lambda y, p, n: _map("tanh", (p - y) / n["scale"]) * n["shape"] / n["scale"],
        _secant_numbers,
        "Talacko (1956)",
        holds=lambda n: abs(n["shape"] - 1) < 1e-6,
        shows=("scale",),
    ),
    Known(
        "power of the hyperbolic secant",
        REAL,
        "cosh((y - p) / scale)**-shape over the normaliser",
        "scale sqrt(pi) gamma(shape / 2) / gamma((shape + 1) / 2)",
        lambda y, p, n: _map("tanh", (p - y) / n["scale"]) * n["shape"] / n["scale"],
        _secant_numbers,
        "Harkness and Harkness (1968)",
    ),
    Known(
        "Cauchy (tails so long that there is no mean)",
        REAL,
        "1 / (pi scale (1 + ((y - p) / scale)**2))",
        "pi scale, for log(1 + ((y - p) / scale)**2)",
        lambda y, p, n: 2 * (p - y) / (n["scale"] ** 2 + (p - y) ** 2),
        _t_numbers,
        "Poisson (1824)",
        holds=lambda n: abs(n["degrees"] - 1) < 1e-9,
        shows=("scale",),
    ),
    Known(
        "Student-t (bell curve with wild rows)",
        REAL,
        "(1 + ((y - p) / scale)**2 / degrees)**(-(degrees + 1) / 2) over the normaliser",
        "scale sqrt(pi degrees) gamma(degrees / 2) / gamma((degrees + 1) / 2)",
        lambda y, p, n: (n["degrees"] + 1) * (p - y) / (n["degrees"] * n["scale"] ** 2 + (p - y) ** 2),
        _t_numbers,
        "Student (1908)",
    ),
    Known(
        "Huber's least favourable (a bell with Laplace tails)",
        REAL,
        "exp(-huber(y - p; delta) / scale**2) over the normaliser",
        "scale sqrt(2 pi) erf(d / sqrt(2)) + 2 scale exp(-d**2 / 2) / d, where d = delta / scale",
        lambda y, p, n: _clipped(p - y, n["delta"]) / n["scale"] ** 2,
        _huber_numbers,
        "Huber (1964)",
    ),
    Known(
        "Gumbel (largest of many)",
        REAL,
        "exp(-r - exp(-r)) / scale, r = (y - p) / scale",
        "scale",
        lambda y, p, n: _map("expm1", (p - y) / n["scale"]) / n["scale"],
        lambda at: {"scale": -1 / at(FAR, 0.0)} if at(FAR, 0.0) < 0 else {},
        "Gumbel (1935)",
    ),
    Known(
        "generalised Gaussian",
        REAL,
        "exp(-|(y - p) / scale|**shape) over the normaliser",
        "2 scale gamma(1 + 1 / shape)",
        lambda y, p, n: _power_slope(p - y, n["shape"], n["scale"]),
        _general_normal,
        "Subbotin (1923)",
    ),
    Known(
        "Poisson (counts of independent events)",
        ("count", "nonnegative"),
        "p**y exp(-p) / y!",
        "exp of the part left out",
        _variance,
        _power_of_variance,
        "Poisson (1837)",
        alone="1 / y!",
        holds=_has_power(1.0, 1.0),
        rational=True,
    ),
    Known(
        "exponential (waiting times)",
        AMOUNTS,
        "exp(-y / p) / p",
        "1",
        _variance,
        _power_of_variance,
        "McCullagh and Nelder (1989)",
        holds=_has_power(2.0, 1.0),
        rational=True,
    ),
    Known(
        "gamma (grows with the prediction)",
        AMOUNTS,
        "(shape / p)**shape y**(shape - 1) exp(-shape y / p) / gamma(shape)",
        "gamma(shape) / shape**shape for the part without y alone",
        _variance,
        lambda at: (lambda n: n and {**n, "shape": 1 / n["dispersion"]})(_power_of_variance(at)),
        "McCullagh and Nelder (1989)",
        alone="y**(shape - 1) shape**shape / gamma(shape)",
        holds=_has_power(2.0),
        rational=True,
    ),
    Known(
        "inverse Gaussian",
        AMOUNTS,
        "sqrt(shape / (2 pi y**3)) exp(-shape (y - p)**2 / (2 p**2 y))",
        "1 once the part of y alone is there",
        _variance,
        lambda at: (lambda n: n and {**n, "shape": 1 / n["dispersion"]})(_power_of_variance(at)),
        "Tweedie (1957)",
        alone="sqrt(shape / (2 pi y**3)) exp(-shape / (2 y))",
        holds=_has_power(3.0),
        rational=True,
    ),
    Known(
        "Tweedie (exact zeros, and amounts above)",
        ("nonnegative", "positive"),
        "a Poisson number of gamma amounts, with mean p and variance dispersion p**power",
        "a series without closed form (Dunn and Smyth 2005)",
        _variance,
        _power_of_variance,
        "Jorgensen (1987)",
        alone="a series in y (Dunn and Smyth 2005)",
        holds=lambda n: 1.0 < n["power"] < 2.0,
        shows=("power", "dispersion"),
        rational=True,
    ),
    Known(
        "negative binomial (counts that vary more than Poisson)",
        ("count",),
        "a mass with mean p and variance p + dispersion p**2",
        "1 once the part of y alone is there",
        lambda y, p, n: (p - y) / (p + n["dispersion"] * p**2),
        lambda at: {"dispersion": -3.0 / at(4.0, 1.0) - 1.0} if at(4.0, 1.0) < 0 else {},
        "Cameron and Trivedi (1986)",
        alone="gamma(y + 1/dispersion) / (gamma(1/dispersion) y!)",
        holds=lambda n: n["dispersion"] > 1e-9,
        shows=("dispersion",),
        rational=True,
    ),
    Known(
        "log-normal (multiplies, long upper tail)",
        AMOUNTS,
        "exp(-(log y - log p)**2 / (2 sigma**2)) / (y sigma sqrt(2 pi))",
        "sigma sqrt(2 pi), once 1 / y is there",
        lambda y, p, n: (_map("log", p) - _map("log", y)) / (n["sigma"] ** 2 * p),
        _log_normal_numbers,
        "Galton (1879)",
        alone="1 / y",
    ),
)


def recognised(at: Callable[[float, float], float], places: Places, kind: str) -> tuple[Known, Numbers] | None:
    """The first density of the table whose slope is the loss's at all places, with its numbers; None if there is none.

    `at(y, p)`: the slope of the loss by the prediction; `places`: targets, predictions and the slopes there.
    """
    targets, predictions, slopes = places
    for row in DENSITIES:
        numbers = row.fit(at) if kind in row.kinds else {}
        if not numbers or not np.isfinite(list(numbers.values())).all() or not row.holds(numbers):
            continue
        with np.errstate(all="ignore"):
            said = row.slope(targets, predictions, numbers)
        if np.allclose(said, slopes, rtol=ALIKE, atol=0.0, equal_nan=True):
            return row, numbers
    return None


Places = tuple[Floats, Floats, Floats]
ALIKE: Final = 1e-7  # two steps of the fit, each a difference of slopes in float64
