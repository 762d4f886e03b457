"""Functions of statistics on tensors, for generated PyTorch text.

Comes in: tensors, or Python numbers. Goes out: tensors of their dtype. The normal distribution is computed in float64
where the device has it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, Final

import torch

BERNOULLI: Final = (7 / 6, -691 / 2730, 5 / 66, -1 / 30, 1 / 42, -1 / 30, 1 / 6)
SPLITTER: Final = 134217729.0  # Dekker 1971: half of the digits of a float64
LIMIT: Final = 100.0  # beyond it the density is 0, and its correction too


def trigamma(x: Any) -> Any:
    """The derivative of digamma, x > 0: ten steps up, then the asymptotic series (torch.polygamma keeps 9 digits).

    Source: Abramowitz and Stegun (1964), 6.4.6 and 6.4.12.
    """
    total = torch.zeros_like(x)
    for step in range(10):
        total = total + 1.0 / ((x + step) * (x + step))
    inverse = 1.0 / (x + 10.0)
    square = inverse * inverse
    series = torch.zeros_like(x)
    for bernoulli in BERNOULLI:
        series = series * square + bernoulli
    return total + (inverse + 0.5 * square + series * square * inverse)


def _in_float64(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    @wraps(function)
    def widened(z: Any) -> Any:
        if z.dtype == torch.float64 or z.device.type == "mps":
            return function(z)
        return function(z.to(torch.float64)).to(z.dtype)

    return widened


def _split(x: Any) -> tuple[Any, Any]:
    big = x * SPLITTER
    first = big - (big - x)
    return first, x - first


def _density(z: Any) -> Any:
    """e**(-z**2 / 2) / sqrt(2 pi), the square in two words."""
    z = torch.clamp(z, -LIMIT, LIMIT)
    (first, second), square = _split(z), z * z
    rest = ((first * first - square) + 2.0 * first * second) + second * second
    return torch.exp(-0.5 * square) * (1.0 - 0.5 * rest) * 0.3989422804014327


def _share(z: Any) -> Any:
    """The share below z > -1.5; what rounding takes from z / sqrt(2) is given back."""
    z = torch.clamp(z, min=-1.5)
    x = z * -0.7071067811865476
    kept = torch.clamp(x, min=-LIMIT)  # sqrt(2) is 1.4142135679721832 - 5.599088082064441e-09 - 9.7e-17
    first, second = _split(kept)
    rest = second * 1.4142135623730951 - first * 5.599088082064441e-09 - kept * 9.667293313452913e-17
    taken = (torch.clamp(z, max=LIMIT) + first * 1.4142135679721832) + rest
    return 0.5 * torch.special.erfc(x) + _density(z) * taken


def _near(z: Any) -> Any:
    """The hazard where nothing underflows."""
    return _density(z) / _share(z)


def _gap(z: Any) -> Any:
    t = torch.clamp(-z, min=1.5)
    rest = t
    for k in range(216, 1, -1):
        rest = t + k / rest
    return torch.where(z < -1.5, 1.0 / rest, z + _near(z))


def _hazard(z: Any) -> Any:
    return torch.where(z < -1.5, _gap(z) - z, _near(z))


def _cdf(z: Any) -> Any:
    return torch.where(z < -1.5, _density(z) / _hazard(z), _share(z))


@_in_float64
def normal_gap(z: Any) -> Any:
    """z + normal_hazard(z); for z < -1.5 by Laplace's continued fraction, whose 215 terms are exact from there on."""
    return _gap(z)


@_in_float64
def normal_hazard(z: Any) -> Any:
    """The density of a standard normal over the share below z."""
    return _hazard(z)


@_in_float64
def normal_cdf(z: Any) -> Any:
    """The share of a standard normal below z."""
    return _cdf(z)


@_in_float64
def log_normal_cdf(z: Any) -> Any:
    """The logarithm of that share."""
    left = -torch.abs(z)
    hazard = _hazard(left)
    far = -0.5 * z * z - 0.9189385332046728 - torch.log(hazard)
    beyond = torch.where(left < -1.5, _density(left) / hazard, _share(left))
    near = torch.where(z < 0.0, torch.log(beyond), torch.log1p(-beyond))
    return torch.where(z < -1.5, far, near)
