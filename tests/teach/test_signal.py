"""A signal through depth: the chain rule against torch, measured sizes against theory, and what the records say."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest
from sklearn.datasets import load_digits

import lossmith as ls
from lossmith.errors import LossmithError
from lossmith.teach.activations import signal as module
from lossmith.teach.activations.depth import depth, sentence
from lossmith.teach.activations.rows import digits
from lossmith.teach.activations.signal import INITIALISATIONS, backward, forward, initialisation, signal, walk, wide_net

RELU, TANH, SIGMOID = (ls.activation(name) for name in ("relu", "tanh", "sigmoid"))


def net(name: str, layers: int, width: int = 24, weights: str = "he"):
    """Weights, rows and the gradient that is handed to the last layer, all drawn from one seed."""
    rng = np.random.default_rng(7)
    draw = initialisation(weights).draw
    matrices = [draw(rng, 64 if k == 0 else width, width) for k in range(layers)]
    return ls.activation(name), matrices, digits()[0][:16], rng.normal(size=(16, width))


@pytest.mark.peers("torch")
@pytest.mark.parametrize("name", ["relu", "sigmoid", "tanh", "gelu", "selu", "softplus"])
def test_the_gradient_of_every_layer_is_that_of_autograd(name: str) -> None:
    import torch

    functions = {
        "relu": torch.relu,
        "sigmoid": torch.sigmoid,
        "tanh": torch.tanh,
        "softplus": torch.nn.functional.softplus,
    }
    functions |= {"gelu": torch.nn.functional.gelu, "selu": torch.nn.functional.selu}
    activation, matrices, rows, handed = net(name, 6)
    entering, _ = forward(activation, matrices, rows)
    ours = backward(matrices, [activation.derivative(z) for z in entering], handed)
    h, kept = torch.tensor(rows), []
    for matrix in matrices:
        z = h @ torch.tensor(matrix)
        z.retain_grad() if z.requires_grad else z.requires_grad_()
        kept.append(z)
        h = functions[name](z)
    (h * torch.tensor(handed)).sum().backward()
    for mine, theirs in zip(ours, kept, strict=True):
        other = theirs.grad.numpy()
        # 6 products of 24 terms: each costs at most about 30 roundings of the largest entry, slopes cost a few more
        assert np.abs(mine - other).max() <= 6 * 40 * np.finfo(float).eps * np.abs(other).max()


def test_under_he_relu_keeps_the_mean_square_and_the_gradient() -> None:
    """He et al. (2015), equations 10 and 14: both factors are 1 a layer for a wide net.

    One layer of width n multiplies the square by a random factor of variance about 5/n (relu: E x**4 / E x**2 ** 2 - 1 of
    half of the units); 8 layers of 384 units and 6 seeds leave a relative deviation of sqrt(8 * 5 / 384 / 6) = 0.13.
    """
    runs = np.array([walk(RELU, initialisation("he"), digits()[0][:48], 8, 384, seed) for seed in range(6)])
    squares = runs[:, :, 0].mean(axis=0)
    assert abs(squares[-1] / squares[0] - 1) < 3 * 0.13
    assert abs((runs[:, 0, 2] ** 2).mean() - 1) < 3 * 0.13


def test_under_xavier_relu_halves_both_a_layer_and_under_he_a_linear_net_doubles_them() -> None:
    half = wide_net(RELU, initialisation("xavier"), digits()[0][:40], 11, 128)
    twice = wide_net(ls.activation("identity"), initialisation("he"), digits()[0][:40], 11, 128)
    # the share is a norm: its square changes by 1/2 (or 2) a layer; midpoints 1/32 apart err by 4e-5 a layer
    assert half[0] == pytest.approx(2.0**-5, rel=4e-4)
    assert twice[0] == pytest.approx(2.0**5, rel=4e-4)


@pytest.mark.parametrize(
    ("name", "weights"), [("tanh", "xavier"), ("sigmoid", "xavier"), ("tanh", "he"), ("elu", "xavier")]
)
def test_measured_gradients_are_those_of_the_mean_field(name: str, weights: str) -> None:
    """Schoenholz et al. (2017): in a wide net the squared gradient shrinks by gain * E f'(z)**2 a layer.

    The median of 5 nets of 128 units strays by a factor of exp(sqrt(layers * 5 / 128 / 5)) or so: 1.9 for 50 layers.
    """
    found = signal(ls.activation(name), weights)
    for measured, expected in zip(found.layers, found.theory, strict=True):
        assert 1 / 1.9 < measured.gradient / expected < 1.9


def test_xavier_keeps_tanh_far_longer_than_sigmoid() -> None:
    tanh, sigmoid = signal(TANH, "xavier"), signal(SIGMOID, "xavier")
    assert tanh.layers[0].gradient > 0.1
    assert sigmoid.layers[0].gradient < 1e-30
    assert sigmoid.fate == "vanishes"


def test_an_orthogonal_linear_net_keeps_every_gradient_exactly() -> None:
    found = signal(ls.activation("identity"), "orthogonal", layers=20, seeds=2)
    gaps = [abs(row.gradient - 1) for row in found.layers]
    assert max(gaps) < 20 * 128 * np.finfo(float).eps
    assert all(row.dead == row.flat == 0 for row in found.layers)


@pytest.mark.parametrize("row", INITIALISATIONS, ids=lambda row: row.name)
def test_weights_have_the_deviation_that_the_rule_says(row: module.Initialisation) -> None:
    drawn = row.draw(np.random.default_rng(3), 200, 300)
    expected = {
        "xavier": 2 / 500, "he": 2 / 200, "lecun": 1 / 200, "orthogonal": 1 / 300, "small": 1e-4, "standard": 1.0,
    }[row.name]  # fmt: skip
    assert drawn.shape == (200, 300)
    # 60,000 draws: the variance has a relative deviation of sqrt(2 / 60000) = 0.6 %
    assert np.mean(drawn**2) == pytest.approx(expected, rel=5 * 0.006)
    square = row.draw(np.random.default_rng(3), 100, 100)
    assert 100 * np.mean(square**2) == pytest.approx(row.gain(100), rel=5 * math.sqrt(2 / 10_000))


def test_orthogonal_columns_stand_at_right_angles() -> None:
    q = initialisation("orthogonal").draw(np.random.default_rng(0), 64, 48)
    assert np.abs(q.T @ q - np.eye(48)).max() < 64 * np.finfo(float).eps


def test_a_relu_net_of_negative_weights_is_dead() -> None:
    negative = module.Initialisation("negative", "negative", "", lambda rng, n, m: -np.ones((n, m)), lambda n: 1.0, "")
    found = walk(RELU, negative, np.ones((4, 5)), 3, 6, 0)
    assert found[:, 3].tolist() == [1.0, 1.0, 1.0]


def test_what_overflows_is_said_and_never_hidden() -> None:
    found = signal(ls.activation("exponential"), "he", layers=12, seeds=2)
    assert found.fate == "lost"
    assert "overflow" in sentence(found)
    assert depth([ls.activation("exponential")]).blocks


def test_a_sentence_names_activation_initialisation_and_number() -> None:
    told = sentence(signal(SIGMOID, "xavier"))
    start = r"Xavier \(Glorot\) normal: after 50 layers the gradient of sigmoid is [12]\.\d×10⁻³¹ of what it was at the last"
    assert re.match(start, told)
    assert "From layer" in told


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: signal(RELU, "hee"), 'LM494 there is no initialisation "hee". Did you mean "he"?'),
        (lambda: signal(RELU, "he", layers=0), "LM494 layers must be a whole number from 1 to 1000, got 0"),
        (lambda: signal(RELU, "he", rows=5000), "LM494 rows must be"),
        (lambda: signal(ls.activation("softmax")), "LM313 softmax"),
    ],
)
def test_bad_input_is_one_sentence(call, words: str) -> None:
    with pytest.raises(LossmithError, match=words.replace("?", r"\?")):
        call()


def test_the_digits_come_with_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    theirs = load_digits()
    monkeypatch.setitem(__import__("sys").modules, "sklearn.datasets", None)
    digits.cache_clear()
    pixels, classes = digits()
    order = np.random.default_rng(0).permutation(len(theirs.target))
    spread = np.where(theirs.data.std(axis=0) > 0, theirs.data.std(axis=0), 1.0)
    assert np.array_equal(pixels, ((theirs.data - theirs.data.mean(axis=0)) / spread)[order])
    assert np.array_equal(classes, theirs.target[order])
