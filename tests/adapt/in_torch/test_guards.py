"""The link applied twice is said once, nothing else is; tensors that do not fit are refused in one sentence."""

import warnings

import pytest

import lossmith as ls
from lossmith.errors import AdapterError

pytestmark = pytest.mark.peers("torch")


def criterion_of(name, **how):
    """A criterion on the reference kernels."""
    return ls.for_torch(ls.get(name).using("numpy"), **how)


def train(net, criterion, x, y, steps=3):
    """A few steps; the warnings that they gave."""
    import torch

    optimiser = torch.optim.SGD(net.parameters(), lr=0.1)
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        for _ in range(steps):
            optimiser.zero_grad()
            criterion(net(x), y).backward()
            optimiser.step()
    return [str(w.message) for w in found]


def network(last, width):
    """Two features in, and a last layer."""
    import torch

    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Linear(2, width), *([last] if last is not None else []))


@pytest.mark.parametrize("path", ["auto", "plain"])
@pytest.mark.parametrize(
    ("loss", "layer", "width"),
    [
        ("bce", "Sigmoid", 1),
        ("focal", "Hardsigmoid", 1),
        ("bce", "LogSigmoid", 1),
        ("cross_entropy", "Softmax", 3),
        ("cross_entropy", "LogSoftmax", 3),
        ("softmax_focal", "Sigmoid", 3),
    ],
)
def test_a_last_layer_that_applies_the_link_is_named_once(loss, layer, width, path):
    import torch

    last = getattr(torch.nn, layer)(**({"dim": 1} if "Softmax" in layer else {}))
    x = torch.randn(6, 2, generator=torch.Generator().manual_seed(0))
    y = torch.tensor([0, 1, 0, 1, 0, 1]) if width > 1 else torch.tensor([[0.0], [1.0]] * 3)
    (said,) = train(network(last, width), criterion_of(loss, path=path), x, y)
    assert f"comes out of {layer} ({layer}Backward0)" in said and f"Leave {layer} out" in said


def test_the_layer_is_seen_behind_what_only_moves_numbers():
    import torch

    z = torch.randn(8, 1, requires_grad=True)
    with pytest.warns(UserWarning, match=r"binary_cross_entropy applies sigmoid itself.*Leave Sigmoid out"):
        criterion_of("bce")(torch.sigmoid(z).squeeze(-1).clone(), torch.ones(8))


def test_the_warning_points_at_the_call():
    import torch

    z = torch.randn(8, requires_grad=True)
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        criterion_of("bce")(torch.sigmoid(z), torch.ones(8))
    assert found[0].filename == __file__


def test_probabilities_without_a_graph_are_seen_in_their_numbers():
    import torch

    p = torch.rand(100, generator=torch.Generator().manual_seed(0))
    criterion = criterion_of("bce")
    with pytest.warns(UserWarning, match=r'from 0 to 1 only.*on="probability"'):
        criterion(p, torch.ones(100))
    shares = torch.softmax(torch.randn(5, 3, generator=torch.Generator().manual_seed(0)), dim=1)
    with pytest.warns(UserWarning, match="rows of which add up to 1"):
        criterion_of("cross_entropy")(shares, torch.tensor([0, 1, 2, 0, 1]))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        criterion(p, torch.ones(100))  # it has been said


def quiet_calls():
    """Calls that must not warn: (criterion, input, target), several in a row."""
    import torch

    draw = torch.Generator().manual_seed(0)
    few, close = torch.rand(8, generator=draw), 0.4 + 0.1 * torch.rand(500, generator=draw)
    linear = torch.nn.functional.linear(torch.rand(200, 1), torch.ones(1, 1, requires_grad=True), torch.zeros(1))
    wide = torch.cat([torch.rand(99, generator=draw), torch.tensor([1.5])])
    many, classes = torch.rand(500, generator=draw), torch.rand(50, 3, generator=draw)
    index = torch.zeros(50, dtype=torch.long)
    return {
        "few raw predictions in [0, 1]": ("bce", few, few.round()),
        "close together, as before training": ("bce", close, close.round()),
        "out of a linear layer": ("bce", linear, linear.detach().round()),
        "one of them is above 1": ("bce", wide, wide.clamp(max=1.0).round()),
        "a regression": ("mse", many, many),
        "a count with the link exp": ("poisson", many, many.round()),
        "rows that do not add up to 1": ("cross_entropy", classes, index),
        "after another activation": ("bce", torch.relu(torch.linspace(-1, 1, 60).requires_grad_()), torch.ones(60)),
        "a sigmoid under a regression": ("mse", torch.sigmoid(many.requires_grad_()), many.detach()),
        "a log-softmax under a regression": ("mse", torch.log_softmax(classes.requires_grad_(), 1), classes.detach()),
    }


def test_nothing_is_said_without_reason():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for name, input, target in quiet_calls().values():
            criterion = criterion_of(name)
            for _ in range(7):
                criterion(input, target)


def test_a_loss_of_probabilities_takes_them():
    import torch

    criterion = ls.for_torch(ls.get("bce", on="probability").using("numpy"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        criterion(torch.sigmoid(torch.randn(100, requires_grad=True)), torch.ones(100))
        criterion(torch.rand(100), torch.ones(100))


def test_after_the_first_calls_nothing_is_looked_at():
    import torch

    criterion = criterion_of("bce")
    for _ in range(16):
        criterion(torch.full((4,), 0.5), torch.ones(4))
    assert criterion._watch is None
    criterion = criterion_of("bce")
    criterion(torch.full((4,), 1.5), torch.ones(4))
    assert criterion._watch is None  # above 1: these are no probabilities


def test_nothing_on_another_device_is_looked_at():
    """On the meta device a look at a number is an error; so would a wait for a GPU be."""
    import torch

    from lossmith.adapt.in_torch import guards

    watch = guards.watch_for(ls.get("bce").definition)
    assert watch.look(torch.empty(100, device="meta"), values=False) and watch.seen == 0
    with pytest.warns(UserWarning, match="Sigmoid"):
        watch.look(torch.sigmoid(torch.empty(100, device="meta", requires_grad=True)), values=False)


def test_a_model_is_checked_before_it_is_trained():
    import torch

    class Net(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.body = torch.nn.Linear(2, 3)
            self.head = torch.nn.Sequential(torch.nn.Linear(3, 1), torch.nn.Sigmoid())

        def forward(self, x):
            return self.head(self.body(x))

    with pytest.warns(UserWarning, match=r'the last layer of Net is "head.1" \(Sigmoid\)'):
        criterion = criterion_of("bce", model=Net())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        criterion(Net()(torch.ones(3, 2)), torch.ones(3, 1))  # said once
        criterion_of("bce", model=network(None, 1))
        criterion_of("mse", model=Net())
        criterion_of("bce").check(network(torch.nn.Tanh(), 1))


# Tensors that do not fit ----------------------------------------------------------------------------------------------


def unfit():
    """What is given, and what is said: (loss, input, target, sample_weight, sentence)."""
    import numpy as np
    import torch

    z, y = torch.zeros(4), torch.zeros(4)
    k, index = torch.zeros(4, 3), torch.zeros(4, dtype=torch.long)
    return {
        "target (n, 1)": ("mse", z, y[:, None], None, r"shape \(4,\) for input \(4,\), got \(4, 1\).*target.squeeze"),
        "input (n, 1)": ("mse", z[:, None], y, None, r"for input \(4, 1\), got \(4,\).*input.squeeze\(-1\)"),
        "too few": ("mse", z, y[:3], None, r"for input \(4,\), got \(3,\).*never broadcast"),
        "indices (n, 1)": ("ce", k, index[:, None], None, r"\(4,\) \(class numbers\) or \(4, 3\).*got \(4, 1\)"),
        "weight": ("mse", z, y, torch.ones(3), r"sample_weight must have shape \(4,\).*got \(3,\)"),
        "an array": ("mse", z, np.zeros(4), None, "target must be a tensor, got ndarray; use torch.as_tensor"),
        "a list": ("mse", [0.0], y, None, "input must be a tensor, got list"),
        "whole numbers": ("mse", index, y, None, r"input must hold floating numbers, got torch.int64. Call .float\(\)"),
        "complex": ("mse", z.to(torch.complex64), y, None, "got torch.complex64. Take its real part"),
        "complex target": ("mse", z, y.to(torch.complex64), None, "target must be a dense tensor of real numbers"),
        "another device": (
            "mse",
            z,
            y.to("meta"),
            None,
            r"input is on cpu and target on meta.*target.to\(input.device\)",
        ),
        "weight elsewhere": ("mse", z, y, y.to("meta"), "sample_weight on meta"),
        "sparse": ("mse", z.to_sparse(), y, None, "input must be a dense tensor"),
    }


@pytest.mark.parametrize("path", ["auto", "plain"])
@pytest.mark.parametrize("what", [
    "target (n, 1)", "input (n, 1)", "too few", "indices (n, 1)", "weight", "an array", "a list", "whole numbers", "complex",
    "complex target", "another device", "weight elsewhere", "sparse",
])  # fmt: skip
def test_what_does_not_fit_is_one_sentence(what, path):
    loss, input, target, weight, said = unfit()[what]
    with pytest.raises(AdapterError, match=said):
        criterion_of(loss, path=path)(input, target, weight)


def test_the_list_above_is_whole():
    assert len(unfit()) == 13


@pytest.mark.parametrize(("path", "dtype"), [("auto", "float32"), ("auto", "bfloat16"), ("plain", "float64")])
def test_numbers_outside_their_domain_are_told_in_torch_s_words(path, dtype):
    import torch

    z, k = torch.zeros(3, dtype=getattr(torch, dtype)), torch.zeros(3, 2, dtype=getattr(torch, dtype))
    with pytest.raises(ls.LossmithError, match=r"target must be a number from 0 to 1, found 2\.0 in row 1"):
        criterion_of("bce", path=path)(z, torch.tensor([1.0, 2.0, 0.0]))
    with pytest.raises(ls.LossmithError, match="target must hold class indices 0 to 1, found -100 in row 2"):
        criterion_of("ce", path=path)(k, torch.tensor([0, 1, -100]))
    with pytest.raises(ls.LossmithError, match=r"sample_weight must be finite and at least 0, found -1\.0 in row 0"):
        criterion_of("bce", path=path)(z, torch.ones(3), -torch.ones(3))
    absent = criterion_of("bce", path=path)(z, torch.tensor([1.0, 2.0, 0.0]), torch.tensor([1.0, 0.0, 1.0]))
    assert torch.isfinite(absent)


def test_named_targets_and_columns_are_checked_by_name():
    import torch

    loss = ls.parse("time * z ** 2 - event * z * age", target={"time": "positive", "event": "binary"}, columns=("age",))
    criterion, z = ls.for_torch(loss.using("numpy")), torch.ones(3)
    target, columns = {"time": torch.ones(3), "event": torch.ones(3)}, {"age": torch.ones(3)}
    assert criterion(z, target, columns=columns) == 0.0
    with pytest.raises(AdapterError, match=r'target\["event"\] must have shape'):
        criterion(z, {**target, "event": torch.ones(2)}, columns=columns)
    with pytest.raises(AdapterError, match=r'columns\["age"\] must have shape'):
        criterion(z, target, columns={"age": torch.ones(3, 1)})
    with pytest.raises(ls.LossmithError, match="age"):
        criterion(z, target)


def test_forced_kernels_say_why_they_cannot():
    import torch

    criterion = criterion_of("mse", path="fused")
    with pytest.raises(AdapterError, match=r"takes float32 and float64, and input holds torch\.bfloat16"):
        criterion(torch.zeros(2, dtype=torch.bfloat16), torch.zeros(2))
    with pytest.raises(AdapterError, match="works on the processor, and input is on meta"):
        criterion(torch.zeros(2, device="meta"), torch.zeros(2, device="meta"))
