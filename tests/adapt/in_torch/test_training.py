"""A small network trained with our criterion and with torch's own loss, from the same seed: the same curve."""

import subprocess
import sys

import numpy as np
import pytest

import lossmith as ls

pytestmark = pytest.mark.peers("torch")

STEPS, RATE = 30, 0.05


def digits():
    """Rows of 64 pixels in [0, 1], and the digit."""
    import torch
    from sklearn.datasets import load_digits

    found = load_digits()
    return torch.tensor(found.data[:500] / 16.0), torch.tensor(found.target[:500]), 10


def diabetes():
    """Rows of 10 standardised features, and the target in units of its standard deviation."""
    import torch
    from sklearn.datasets import load_diabetes

    x, y = load_diabetes(return_X_y=True)
    return torch.tensor(x / x.std(0)), torch.tensor((y - y.mean()) / y.std())[:, None], 1


def trained(loss, data, bend=0.0):
    """Train 30 steps of gradient descent in float64; `bend` moves the gradient of every step by so much, relatively."""
    import torch

    x, y, width = data
    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Linear(x.shape[1], 16), torch.nn.Tanh(), torch.nn.Linear(16, width)).double()
    optimiser = torch.optim.SGD(net.parameters(), lr=RATE, momentum=0.9)
    curve = []
    for _ in range(STEPS):
        optimiser.zero_grad()
        value = loss(net(x), y)
        value.backward()
        for parameter in net.parameters():
            parameter.grad *= 1.0 + bend
        optimiser.step()
        curve.append(value.item())
    return torch.cat([p.detach().reshape(-1) for p in net.parameters()]).numpy(), np.array(curve)


CASES = {
    "digits": (digits, "cross_entropy", "CrossEntropyLoss"),
    "diabetes": (diabetes, "squared_error", "MSELoss"),
}


@pytest.mark.parametrize("path", ["fused", "plain"])
@pytest.mark.parametrize("case", CASES)
def test_the_curve_is_that_of_torch_s_own_loss(case, path):
    """Apart by no more than 8 ulp of the gradients (4 of each loss), as far as training carries them, and what steps round.

    A gradient bent by a part in 10**9 says how far training carries an error; a layer's sum over n rows rounds by up to the
    square root of n ulp; and each step rounds each parameter once, on both sides.
    """
    load, name, theirs = CASES[case]
    import torch

    data = load()
    right, curve = trained(getattr(torch.nn, theirs)(), data)
    bent, _ = trained(getattr(torch.nn, theirs)(), data, bend=1e-9)
    carried = np.abs(bent - right).max() / 1e-9
    bound = carried * 8 * 2.0**-52 * np.sqrt(len(data[0])) + STEPS * 2.0**-52 * np.abs(right).max()
    loss = ls.get(name) if path == "plain" else ls.get(name).using("numpy")
    found, values = trained(ls.for_torch(loss, path=path), data)
    assert np.abs(found - right).max() <= bound < 1e-12
    np.testing.assert_allclose(values, curve, rtol=1e-11)
    assert curve[-1] < 0.8 * curve[0]


def test_starting_from_the_output_bias_is_a_better_start():
    import torch

    x, y, _ = diabetes()
    y = y.abs() * 3.0  # a target whose mean is not 0
    layer = torch.nn.Linear(x.shape[1], 1).double()
    criterion = ls.for_torch(ls.get("poisson").using("numpy"))
    layer.weight.data.zero_()
    layer.bias.data.zero_()
    before = criterion(layer(x), y)
    layer.bias.data.copy_(criterion.output_bias(y))
    after = criterion(layer(x), y)
    after.backward()
    assert after < before and layer.bias.grad.abs() < 1e-6  # the bias is float32


PROGRAM = """
import torch, lossmith as ls

net = torch.nn.Sequential(torch.nn.Linear(64, 16), torch.nn.Tanh(), torch.nn.Linear(16, 10)).double()
model = torch.nn.ModuleDict({"net": net, "criterion": ls.for_torch(ls.get("cross_entropy").using("numpy").smooth(0.1))})
model.load_state_dict(torch.load("model.pt"))
x, y = torch.load("rows.pt")
shares = model["criterion"].predict(net(x))
print(model["criterion"](net(x), y).item().hex(), (shares.argmax(1) == y).double().mean().item())
whole = torch.load("whole.pt", weights_only=False)
print(whole["criterion"](whole["net"](x), y).item().hex(), whole["criterion"])
"""


def test_a_trained_model_is_loaded_in_a_fresh_process_by_its_state_and_whole(tmp_path):
    import torch

    x, y, _ = digits()
    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Linear(64, 16), torch.nn.Tanh(), torch.nn.Linear(16, 10)).double()
    criterion = ls.for_torch(ls.get("cross_entropy").using("numpy").smooth(0.1))
    optimiser = torch.optim.Adam(net.parameters(), lr=0.02)
    for _ in range(60):
        optimiser.zero_grad()
        criterion(net(x), y).backward()
        optimiser.step()
    whole = torch.nn.ModuleDict({"net": net, "criterion": criterion})
    torch.save(whole.state_dict(), tmp_path / "model.pt")
    torch.save(whole, tmp_path / "whole.pt")
    torch.save((x, y), tmp_path / "rows.pt")
    run = subprocess.run([sys.executable, "-c", PROGRAM], cwd=tmp_path, capture_output=True, text=True, check=True)
    value, right, again, said = run.stdout.split(maxsplit=3)
    assert float.fromhex(value) == float.fromhex(again) == criterion(net(x), y).item()
    assert float(right) > 0.9 and said.strip() == repr(criterion)
