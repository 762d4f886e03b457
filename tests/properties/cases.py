"""Losses with data: everything in the catalogue, and formulas that nobody shipped.

Comes in: nothing. Goes out: `CASES`, each a loss with targets, raw predictions and columns away from kinks.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

import lossmith as ls

N, K = 5, 3
Array = Any


@dataclass(frozen=True)
class Case:
    """A loss and some rows; `weight` is of the leading example axis."""

    name: str
    loss: Any
    y: Any
    raw: Array
    weight: Array
    columns: dict[str, Array] = field(default_factory=dict)

    @property
    def given(self) -> dict[str, Any]:
        return {"columns": self.columns} if self.columns else {}

    def __repr__(self) -> str:
        return self.name


def numbers(kind: str, shape: tuple[int, ...], seed: int) -> Array:
    """Targets of a kind: the same for the same seed."""
    rng = np.random.default_rng(seed)
    made = {
        "real": lambda: rng.normal(size=shape) * 3,
        "nonnegative": lambda: np.abs(rng.normal(size=shape)) * 3,
        "positive": lambda: np.exp(rng.normal(size=shape)),
        "count": lambda: rng.poisson(2.0, size=shape).astype(float),
        "fraction": lambda: rng.uniform(size=shape),
        "binary": lambda: np.resize([1.0, 0.0, 0.0, 1.0, 0.0, 1.0, 1.0], shape),
        "class": lambda: np.resize([2, 0, 1, 1, 2], shape),
        "simplex": lambda: rng.dirichlet(np.ones(K), size=shape[:-1]),
        "ordinal": lambda: np.resize([2, 0, 1, 1, 2], shape),
    }
    return made[kind]()


def _weights(n: int) -> Array:
    return np.resize([0.5, 2.0, 1.0, 3.25, 0.125], n)


def _raw(shape: tuple[int, ...], seed: int) -> Array:
    return np.random.default_rng(seed).normal(size=shape) * 1.7 + 0.1


CUTS = np.array([-np.inf, -0.75, 1.5, np.inf])

# loss -> its declared extra columns, for given targets
COLUMNS = {"ordinal": lambda y: {"low": CUTS[y], "high": CUTS[y + 1]}}


def of_catalogue(name: str, **parameters: float) -> Case:
    """Rows for a shipped loss, by the kind of its target."""
    loss = ls.get(name, **parameters)
    kind = loss.target
    seed = sum(map(ord, name))
    if kind == "class":
        return Case(name, loss, numbers("class", (N,), seed), _raw((N, K), seed + 1), _weights(N))
    if kind == "simplex":
        given = np.random.default_rng(seed + 1).dirichlet(np.ones(K), size=N)
        return Case(name, loss, numbers("simplex", (N, K), seed), given, _weights(N))
    y = numbers(kind, (N,), seed)
    columns = COLUMNS[name](y) if name in COLUMNS else {}
    return Case(name, loss, y, _raw((N,), seed + 1), _weights(N), columns)


@ls.define(target="real", columns=("cost",))
def weighted_rmse(y, z, cost):
    return ls.sqrt(ls.mean(cost * (y - z) ** 2))


@ls.define(target="real")
def residual_deviation(y, z):
    return ls.sqrt(ls.mean((y - z - ls.mean(y - z)) ** 2))


@ls.define(target="class", link="softmax", per="class")
def softmax_dice(y, p):
    return 1 - 2 * ls.sum(y * p) / (ls.sum(y) + ls.sum(p))


@ls.define(target="binary", link="sigmoid", per="class")
def sigmoid_overlap(y, p, smooth=0.5):
    return 1 - (2 * ls.sum(y * p) + smooth) / (ls.sum(y) + ls.sum(p) + smooth)


@ls.define(target="binary", link="sigmoid")
def normalised_focal(y, p, gamma=1.5):
    hit = y * p + (1 - y) * (1 - p)
    return -ls.sum((1 - hit) ** gamma * ls.log(hit)) / ls.sum((1 - hit) ** gamma)


@ls.define(target="real", heads={"mean": "identity", "scale": "exp"})
def gaussian_heads(y, mean, scale):
    return ls.log(scale) + (y - mean) ** 2 / (2 * scale**2)


@ls.define(target="class", link="softmax")
def spherical(y, p):
    return -ls.over_classes(y * p) / ls.sqrt(ls.over_classes(p**2))


@ls.define(target={"time": "positive", "event": "binary"}, link="exp")
def exponential_survival(time, event, p):
    return time * p - event * ls.log(p)


@ls.define(target="binary", link="sigmoid", per=("group", "class"))
def dice_per_image(y, p, smooth=1.0):
    return 1 - (2 * ls.sum(y * p) + smooth) / (ls.sum(y) + ls.sum(p) + smooth)


@ls.define(target="count", link="exp")
def negative_binomial_of_size(y, p, size=2.5):
    return (
        (y + size) * ls.log(p + size) - y * ls.log(p) - size * ls.log(size)
        + ls.lgamma(size) + ls.lgamma(y + 1) - ls.lgamma(y + size)
    )  # fmt: skip


@ls.define(target="nonnegative", link="exp")
def tweedie_of_power(y, p, power=1.5):
    return p ** (2 - power) / (2 - power) - y * p ** (1 - power) / (1 - power)


@ls.define(target="real")
def log_mean_exp(y, z):
    """Tilted: a loss that the worst rows dominate."""
    return ls.log(ls.mean(ls.exp(abs(y - z))))


@ls.define(target="positive", link="softplus")
def relative(y, p):
    return (ls.log(p) - ls.log(y)) ** 2


@ls.define(target="real", link="tanh")
def squared_tanh(y, p):
    return (y - p) ** 2


def _log_loss(link: str) -> Any:
    return ls.parse("-y*log(p) - (1-y)*log(1-p)", target="binary", link=link, name=f"log loss through {link}")


def _own() -> list[Case]:
    binary, flat = numbers("binary", (N,), 1), _raw((N,), 2)
    images = np.resize([1.0, 0.0, 0.0, 1.0, 1.0], (2, 2, 3))
    survival = {"time": numbers("positive", (N,), 3), "event": binary}
    cost = np.array([1.0, 5.0, 0.5, 2.0, 0.25])
    mixed = ls.parse("0.3*mean((y - p)**2) + 0.7*dice()", target="binary", link="sigmoid", per="class")
    return [
        Case("weighted_rmse", weighted_rmse, numbers("real", (N,), 4), flat, _weights(N), {"cost": cost}),
        Case("residual_deviation", residual_deviation, numbers("real", (N,), 5), flat, _weights(N)),
        Case("softmax_dice", softmax_dice, numbers("class", (N,), 6), _raw((N, K), 7), _weights(N)),
        Case("sigmoid_overlap", sigmoid_overlap, numbers("binary", (N, K), 8), _raw((N, K), 9), _weights(N)),
        Case("normalised_focal", normalised_focal, binary, flat, _weights(N)),
        Case("gaussian_heads", gaussian_heads, numbers("real", (N,), 10), _raw((N, 2), 11), _weights(N)),
        Case("spherical", spherical, numbers("class", (N,), 12), _raw((N, K), 13), _weights(N)),
        Case("exponential_survival", exponential_survival, survival, flat, _weights(N)),
        Case("dice_per_image", dice_per_image, images, _raw((2, 2, 3), 14), _weights(2)),
        Case("negative_binomial_of_size", negative_binomial_of_size, numbers("count", (N,), 15), flat, _weights(N)),
        Case("tweedie_of_power", tweedie_of_power, numbers("nonnegative", (N,), 16), flat, _weights(N)),
        Case("log_mean_exp", log_mean_exp, numbers("real", (N,), 17), flat, _weights(N)),
        Case("relative", relative, numbers("positive", (N,), 18), flat, _weights(N)),
        Case("squared_tanh", squared_tanh, numbers("real", (N,), 19), flat, _weights(N)),
        Case("mse_and_dice", mixed, numbers("binary", (N, 2), 20), _raw((N, 2), 21), _weights(N)),
        *(Case(f"log_loss_{link}", _log_loss(link), binary, flat, _weights(N)) for link in ("probit", "cloglog")),
    ]


SHIPPED = [of_catalogue(name) for name in ls.names()]
OWN = _own()
CASES = [*SHIPPED, *OWN]
ADDITIVE = [case for case in CASES if case.loss.is_additive]
