"""Activations against those of PyTorch, in float64: values and slopes, beside the corners."""

from __future__ import annotations

import numpy as np
import pytest

import lossmith as ls
from lossmith.catalogue import ACTIVATIONS

pytestmark = pytest.mark.peers("torch")

X = np.concatenate([np.linspace(-9.87, 9.91, 400), [-30.0, 25.0]])
PAIRS = {
    "identity": "Identity()", "sigmoid": "Sigmoid()", "tanh": "Tanh()", "relu": "ReLU()", "leaky_relu": "LeakyReLU(0.01)",
    "prelu": "LeakyReLU(0.25)", "elu": "ELU(1.0)", "celu": "CELU(1.0)", "selu": "SELU()", "gelu": "GELU()", "silu": "SiLU()",
    "swish": "SiLU()", "mish": "Mish()", "softplus": "Softplus(threshold=200)", "log_sigmoid": "LogSigmoid()",
    "softsign": "Softsign()", "relu6": "ReLU6()", "hard_tanh": "Hardtanh()", "hard_sigmoid": "Hardsigmoid()",
    "hard_swish": "Hardswish()",
}  # fmt: skip


def test_every_activation_that_torch_has_is_compared() -> None:
    left_out = {row.name for row in ACTIVATIONS} - set(PAIRS)
    assert left_out == {"scaled_tanh", "exponential", "softmax"}


@pytest.mark.parametrize("name", sorted(PAIRS))
def test_values_and_slopes_are_those_of_torch(name: str) -> None:
    import torch

    kind, _, arguments = PAIRS[name].partition("(")
    numbers = [float(a) for a in arguments.rstrip(")").split(",") if a and "=" not in a]
    words = {k: float(v) for k, _, v in (a.partition("=") for a in arguments.rstrip(")").split(",")) if v}
    x = torch.tensor(X, requires_grad=True)
    found = getattr(torch.nn, kind)(*numbers, **words)(x)
    (slope,) = torch.autograd.grad(found.sum(), x)
    ours = ls.activation(name)
    # their formulas cancel where ours do not: a few roundings of terms of size |x| or 1
    bound = 8 * np.finfo(float).eps * np.maximum(1.0, np.abs(X))
    assert (np.abs(ours(X) - found.detach().numpy()) <= bound).all()
    # the backward of torch's Hardsigmoid takes 1/6 as a float32, in float64 too
    single = np.finfo(np.float32).eps / 6 if name == "hard_sigmoid" else 0.0
    assert (np.abs(ours.derivative(X) - slope.numpy()) <= bound + single).all()
