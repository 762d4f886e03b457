"""The normal distribution in kernels, against rigorous balls: NumPy, Numba and PyTorch, far into both tails."""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np
import pytest
from flint import arb, ctx
from numpy.typing import NDArray

from lossmith.emit import prelude
from lossmith.interpret import normal

Numbers = NDArray[np.float64]

NAMES: Final = {"normal_cdf": 8.0, "log_normal_cdf": 8.0, "normal_hazard": 8.0, "normal_gap": 24.0}
"""Units of the last place. z + the hazard is a ninth of the hazard at -1.5, below which a continued fraction takes over."""
RNG: Final = np.random.default_rng(0)
Z: Final = np.r_[
    RNG.uniform(-2.5, 2.5, 300), RNG.uniform(-40, 40, 300), -(10.0 ** RNG.uniform(0, 150, 60)),
    10.0 ** RNG.uniform(-300, 2, 60), -(10.0 ** RNG.uniform(-300, 2, 60)), 0.0, -1.5, np.nextafter(-1.5, -2.0), -0.7,
]  # fmt: skip


def worst(name: str, found: Numbers) -> float:
    """The largest error in units of the last place; what is below every number may be 0."""
    largest, before = 0.0, ctx.prec
    ctx.prec = 300
    for z, answer in zip(Z, found, strict=True):
        exact = getattr(normal, name)(arb(float(z)))
        size = abs(float(exact.mid()))
        if size < 2.3e-308:
            assert abs(answer) < 2.3e-308
        elif math.isfinite(size):
            largest = max(largest, abs(float(((arb(float(answer)) - exact) / arb(math.ulp(size))).mid())))
    ctx.prec = before
    return largest


@pytest.mark.parametrize("name", NAMES)
def test_numpy(name: str) -> None:
    function = getattr(prelude, f"_{name}")
    assert worst(name, function(Z)) <= NAMES[name]
    assert np.isnan(function(np.array([math.nan]))).all()


def test_numba() -> None:
    """One compilation for all four: `vectormath_special` is inlined into it."""
    from numba import njit

    from lossmith.emit import vectormath

    functions = [getattr(vectormath, f"{name}_f64") for name in NAMES]
    first, second, third, fourth = functions

    @njit(error_model="numpy")
    def all_of(z: Any, out: Any) -> None:
        for i in range(len(z)):
            out[0, i], out[1, i], out[2, i], out[3, i] = first(z[i]), second(z[i]), third(z[i]), fourth(z[i])

    out = np.empty((4, len(Z)))
    all_of(Z, out)
    for name, found in zip(NAMES, out, strict=True):
        assert worst(name, found) <= NAMES[name]


@pytest.mark.peers("torch")
@pytest.mark.parametrize("name", NAMES)
def test_torch(name: str) -> None:
    import torch

    from lossmith.emit import torch_special

    function = getattr(torch_special, name)
    assert worst(name, function(torch.tensor(Z)).numpy()) <= NAMES[name]
    narrow = torch.tensor([-300.0, -3.0, 0.5], dtype=torch.float32)
    assert torch.equal(function(narrow), function(narrow.double()).float())
