"""The module itself: reductions by name, what it prints, where to start, what it adds up to, and batches without rows."""

import copy
import io
import pickle
import warnings

import numpy as np
import pytest

import lossmith as ls
from lossmith.errors import AdapterError, UnsupportedError

pytestmark = pytest.mark.peers("torch")

PATHS = ["fused", "plain"]


def numpy_loss(name, **parameters):
    """A loss of the catalogue on the reference kernels, which need no compiling."""
    return ls.get(name, **parameters).using("numpy")


def drawn(n=12, dtype="float64"):
    """Raw predictions, targets of yes or no, weights."""
    import torch

    draw, kind = torch.Generator().manual_seed(4), getattr(torch, dtype)
    z = torch.randn(n, generator=draw, dtype=kind).requires_grad_()
    return z, (torch.rand(n, generator=draw) < 0.4).to(kind), torch.rand(n, generator=draw, dtype=kind) + 0.1


# Reductions -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    ("reduction", "over"),
    [
        ("sum", "one"),
        ("mean", "weight"),
        *((name, name) for name in ("weight", "count", "positives", "examples", "one")),
    ],
)
def test_a_reduction_is_a_denominator_of_the_algebra(reduction, over, path):
    """One ulp of float64 apart at most: both sides round the same double word once."""
    z, y, w = drawn()
    loss = numpy_loss("focal")
    value = ls.for_torch(loss, reduction=reduction, path=path)(z, y, w)
    right = loss.over(over).value(y.numpy(), z.detach().numpy(), w.numpy())
    assert value.shape == () and value.item() == pytest.approx(right, rel=4 * 2.0**-52)


@pytest.mark.parametrize("path", PATHS)
def test_none_is_each_row_s_own_weighted_term(path):
    z, y, w = drawn()
    loss = numpy_loss("focal")
    rows = ls.for_torch(loss, reduction="none", path=path)(z, y, w)
    right = loss.per_example(y.numpy(), z.detach().numpy(), w.numpy())
    np.testing.assert_allclose(rows.detach().numpy(), right, rtol=16 * 2.0**-52)  # the contract of focal: 16 ulp
    rows.sum().backward()
    right = loss.per_example_gradient(y.numpy(), z.detach().numpy(), w.numpy())
    np.testing.assert_allclose(z.grad.numpy(), right, rtol=16 * 2.0**-52)


def test_without_a_reduction_the_formula_says_it():
    z, y, w = drawn()
    for name in ("rmse", "dice", "sum_of_squares_half"):
        loss = numpy_loss(name)
        right = loss.value(y.numpy(), z.detach().numpy(), w.numpy())
        assert ls.for_torch(loss)(z, y, w).item() == pytest.approx(right, rel=4 * 2.0**-52)


@pytest.mark.parametrize(
    ("name", "reduction", "said"),
    [
        ("mse", "average", 'reduction takes "none", "sum", "mean"'),
        ("mse", "meen", 'Did you mean "mean"'),
        ("rmse", "mean", "the total is not a sum over rows"),
        ("dice", "none", "the total is not a sum over rows"),
        ("mse", "positives", "needs a target of yes or no"),
    ],
)
def test_a_reduction_that_cannot_be_is_refused(name, reduction, said):
    with pytest.raises(AdapterError, match=said):
        ls.for_torch(ls.get(name), reduction=reduction)


@pytest.mark.parametrize(
    ("given", "said"),
    [("focal", r'ls.for_torch\(ls.get\("focal"\)\)'), (3, "got int"), (lambda z: z, "got function")],
)
def test_what_is_no_loss_is_refused(given, said):
    with pytest.raises(AdapterError, match=said):
        ls.for_torch(given)


def test_a_path_that_is_none_is_refused():
    with pytest.raises(AdapterError, match='Did you mean "plain"'):
        ls.for_torch(ls.get("mse"), path="plane")


def test_it_prints_loss_parameters_and_reduction():
    import torch

    assert repr(ls.for_torch(ls.get("focal", gamma=1.5))) == "Criterion(focal(gamma=1.5))"
    assert repr(ls.for_torch(ls.get("mse"), reduction="sum")) == "Criterion(squared_error.over('one'), reduction='sum')"
    assert "like torch.nn.MSELoss" in repr(ls.for_torch(torch.nn.MSELoss()))


# The last layer -------------------------------------------------------------------------------------------------------


def test_the_output_bias_is_where_the_gradient_of_a_bias_is_0():
    """At the best constant the gradient by a common bias vanishes, up to the rounding of n terms."""
    import torch

    draw = np.random.default_rng(2)
    cases = {
        "focal": draw.integers(0, 2, 40).astype(float),
        "poisson": draw.poisson(3.0, 40).astype(float),
        "cross_entropy": draw.integers(0, 3, 40),
    }
    for name, y in cases.items():
        criterion = ls.for_torch(numpy_loss(name))
        bias = criterion.output_bias(torch.tensor(y)).double().requires_grad_()
        assert bias.shape == ((3,) if name == "cross_entropy" else (1,))
        width = bias.shape[0]
        z = bias.expand(40, width) if width > 1 else bias.expand(40)
        (slope,) = torch.autograd.grad(criterion(z, torch.tensor(y)), bias)
        assert slope.abs().max() < 1e-6  # the bias is float32, so that 2**-24 of its size is left


def test_the_output_bias_has_one_number_for_each_head_and_output():
    import torch

    y = torch.tensor([1.0, 2.0, 3.0, 4.0])
    assert ls.for_torch(numpy_loss("mse")).output_bias(y).tolist() == [2.5]
    assert ls.for_torch(numpy_loss("mse")).output_bias(torch.stack([y, 10 * y], 1)).tolist() == [2.5, 25.0]
    weight = torch.tensor([0.0, 0.0, 1.0, 1.0])
    assert ls.for_torch(numpy_loss("mae")).output_bias(y, weight)[0] >= 3.0
    heads = ls.parse(
        "((y - mean) / scale) ** 2 / 2 + log(scale)", target="real", heads={"mean": "identity", "scale": "exp"}
    )
    bias = ls.for_torch(heads.using("numpy")).output_bias(y)
    np.testing.assert_allclose(bias.numpy(), [2.5, np.log(np.std(y.numpy()))], rtol=1e-6)
    layer = torch.nn.Linear(3, 2)
    layer.bias.data.copy_(bias)
    pixels = torch.tensor([[0, 1], [2, 2]])
    np.testing.assert_allclose(
        ls.for_torch(numpy_loss("ce")).output_bias(pixels).softmax(0).numpy(), [0.25, 0.25, 0.5], rtol=1e-6
    )


@pytest.mark.parametrize(
    ("name", "y", "said"),
    [
        ("bce", [1.0, 1.0], "the loss sinks towards 0 as the raw prediction goes to infinity. Start from 0."),
        ("ce", [0, 2, 2], "class 1 never occurs"),
        ("dice", [1.0, 0.0, 0.0], "the loss sinks towards 0.4 as the raw prediction goes to infinity"),
    ],
)
def test_an_infinite_bias_is_one_sentence(name, y, said):
    import torch

    with pytest.raises(AdapterError, match=said):
        ls.for_torch(numpy_loss(name)).output_bias(torch.tensor(y))


@pytest.mark.parametrize("link", ["identity", "sigmoid", "exp", "softplus", "tanh", "cloglog", "probit", "softmax"])
def test_predict_is_the_inverse_link_with_its_graph(link):
    """Within 4 ulp of `loss.predict`, which computes in float64 and rounds once."""
    import torch

    from lossmith.formula.link import LINKS

    kinds = {"softmax": ("class", "-true_class(log(p))")}
    target, text = kinds.get(link, ("real", "(y - p) ** 2"))
    criterion = ls.for_torch(ls.parse(text, target=target, link=link))
    z = torch.linspace(-6, 6, 21).reshape(7, 3).requires_grad_()
    p = criterion.predict(z)
    np.testing.assert_allclose(p.detach().numpy(), criterion.loss.predict(z.detach().numpy()), rtol=4 * 2.0**-23)
    p[:, 0].sum().backward()
    assert torch.isfinite(z.grad).all() and z.grad.any()
    assert link in LINKS and len(LINKS) == 8


def test_predict_reads_tempered_and_capped_predictions_and_heads():
    import torch

    loss = ls.get("bce").temper(2.0).soft_cap(3.0)
    z = torch.linspace(-9, 9, 7)
    np.testing.assert_allclose(ls.for_torch(loss).predict(z).numpy(), loss.predict(z.numpy()), rtol=4 * 2.0**-23)
    heads = ls.parse("(y - mean) ** 2 / scale", target="real", heads={"mean": "identity", "scale": "softplus"})
    z = torch.tensor([[1.0, 30.0], [2.0, -30.0]], dtype=torch.float64)
    np.testing.assert_allclose(ls.for_torch(heads).predict(z).numpy(), heads.predict(z.numpy()), rtol=4 * 2.0**-52)
    with pytest.raises(AdapterError, match=r"the heads mean, scale on its last axis, got \(2, 3\)"):
        ls.for_torch(heads).predict(torch.zeros(2, 3))


def test_sums_add_up_over_batches():
    import torch

    z, y, w = drawn()
    criterion = ls.for_torch(numpy_loss("rmse"))
    parts = [criterion.sums(z[a:b], y[a:b], w[a:b]) for a, b in ((0, 3), (3, 4), (4, 12))]
    assert sum(parts).value() == criterion.loss.value(y.numpy(), z.detach().numpy(), w.numpy())
    half = criterion.sums(z.to(torch.bfloat16), y, w)  # bfloat16 numbers are float32 numbers
    assert half.value() == criterion.loss.value(y.numpy(), z.detach().to(torch.bfloat16).float().numpy(), w.numpy())


# Batches without rows -------------------------------------------------------------------------------------------------


def empty_batches():
    """What has no row: (loss, input, target, weight, columns)."""
    import torch

    nothing, none = torch.zeros(0), torch.zeros(0, 3)
    off, index = torch.zeros(4), torch.full((4,), 255)
    ones, mask = torch.ones(4), {"mask": torch.zeros(4, dtype=torch.bool)}
    return {
        "no rows": ("mse", nothing, nothing, None, None),
        "no rows of classes": ("cross_entropy", none, torch.zeros(0, dtype=torch.long), None, None),
        "no rows under a root": ("rmse", nothing, nothing, None, None),
        "dice of nothing": ("dice", nothing, nothing, None, None),
        "every weight 0": ("focal", ones, ones, off, None),
        "everything masked": ("bce", ones, ones, None, mask),
        "dice, everything masked": ("dice", ones, ones, None, mask),
        "everything ignored": ("ignored", torch.ones(4, 3), index, None, None),
    }


@pytest.mark.parametrize("path", PATHS)
def test_without_rows_value_and_gradient_are_0_and_the_graph_is_whole(path):
    losses = {"ignored": ls.get("cross_entropy").using("numpy").ignore(255)}
    for name, input, target, weight, columns in empty_batches().values():
        leaf = input.clone().requires_grad_()
        criterion = ls.for_torch(losses.get(name) or numpy_loss(name), path=path)
        value = criterion(leaf * 1.0, target, weight, columns=columns)
        assert value.item() == 0.0 and value.requires_grad, name
        value.backward()
        assert leaf.grad is not None and not leaf.grad.any() and leaf.grad.shape == leaf.shape, name


@pytest.mark.parametrize("path", PATHS)
def test_another_rule_for_no_rows_is_followed(path):
    import torch

    z = torch.zeros(3, requires_grad=True)
    value = ls.for_torch(numpy_loss("mse").empty("nan"), path=path)(z, torch.ones(3), torch.zeros(3))
    assert torch.isnan(value)
    with pytest.raises(ls.LossmithError, match="LM226"):
        ls.for_torch(numpy_loss("mse").empty("error"), path=path)(z, torch.ones(3), torch.zeros(3))


@pytest.mark.parametrize("path", PATHS)
def test_no_rows_in_a_network_leave_its_parameters_alone(path):
    import torch

    layer = torch.nn.Linear(2, 1)
    ls.for_torch(numpy_loss("bce"), path=path)(layer(torch.zeros(0, 2)), torch.zeros(0, 1)).backward()
    assert not layer.weight.grad.any() and not layer.bias.grad.any()


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("name", ["dice", "tversky"])
def test_where_there_is_nothing_to_overlap_with_an_overlap_loss_is_zero(path, name):
    import torch

    z = torch.randn(6, 3, dtype=torch.float64, requires_grad=True)
    y = torch.zeros_like(z)
    value = ls.for_torch(numpy_loss(name), path=path)(z, y)
    value.backward()
    assert value.item() == 0.0 and z.grad is not None and not z.grad.any()
    y[:, 1] = 1.0
    found = ls.for_torch(numpy_loss(name), path=path)(z, y)
    (gradient,) = torch.autograd.grad(found, z)
    alone = numpy_loss(name).value(y[:, 1].numpy(), z.detach()[:, 1].numpy())
    assert found.item() == pytest.approx(alone / 3, rel=4 * 2.0**-52)
    assert gradient[:, 1].all() and not gradient[:, ::2].any()


@pytest.mark.parametrize("path", PATHS)
def test_another_rule_for_a_target_without_positives(path):
    """As the formula says: p / (p + smooth) of the sum p; or not a number, with no gradient."""
    import torch

    z = torch.zeros(4, dtype=torch.float64, requires_grad=True)
    said = ls.for_torch(numpy_loss("dice", smooth=1.0), path=path, blank_target="formula")(z, torch.zeros_like(z))
    assert said.item() == pytest.approx(2.0 / 3.0, rel=4 * 2.0**-52)
    unknown = ls.for_torch(numpy_loss("dice"), path=path, blank_target="nan")(z, torch.zeros_like(z))
    assert unknown.isnan() and not torch.autograd.grad(unknown, z)[0].any()
    with pytest.raises(ls.LossmithError, match="LM442"):
        ls.for_torch(numpy_loss("dice"), blank_target="null")


# Saved, copied, moved -------------------------------------------------------------------------------------------------


def test_it_pickles_copies_and_moves():
    import torch

    z, y, w = drawn()
    criterion = ls.for_torch(numpy_loss("focal", gamma=1.25), reduction="count")
    right = criterion(z, y, w)
    for made in (pickle.loads(pickle.dumps(criterion)), copy.deepcopy(criterion), copy.copy(criterion)):
        assert made.loss == criterion.loss and made.reduction == "count" and made(z, y, w) == right
    assert criterion.half()(z, y, w) == right
    assert criterion.to(torch.bfloat16).double().to("cpu").train().eval()(z, y, w) == right
    assert list(criterion.parameters()) == [] and list(criterion.buffers()) == []


def test_a_state_is_loaded_by_a_criterion_with_the_same_loss_alone():
    import torch

    file = io.BytesIO()
    net = torch.nn.ModuleDict({"layer": torch.nn.Linear(2, 1), "loss": ls.for_torch(ls.get("huber", delta=2.0))})
    torch.save(net.state_dict(), file)
    file.seek(0)
    state = torch.load(file)  # weights only, as torch does by default
    same = torch.nn.ModuleDict({"layer": torch.nn.Linear(2, 1), "loss": ls.for_torch(ls.get("huber", delta=2.0))})
    same.load_state_dict(state)
    assert same["layer"].weight.equal(net["layer"].weight)
    for other in (
        ls.for_torch(ls.get("huber", delta=3.0)),
        ls.for_torch(ls.get("mse")),
        ls.for_torch(ls.get("huber", delta=2.0), reduction="none"),
    ):
        said = (
            r"the saved criterion has the loss huber\(delta=2\), and this one (huber\(delta=3\)|squared_error|.*none)"
        )
        with pytest.raises(AdapterError, match=said):
            torch.nn.ModuleDict({"layer": torch.nn.Linear(2, 1), "loss": other}).load_state_dict(state)
    with pytest.raises(AdapterError, match="not that of a criterion"):
        ls.for_torch(ls.get("mse")).load_state_dict({"_extra_state": torch.zeros(3)})


def test_a_state_from_before_there_was_a_criterion_is_loaded():
    import torch

    layer = torch.nn.Linear(2, 1)
    old = torch.nn.ModuleDict({"layer": layer, "loss": torch.nn.BCEWithLogitsLoss()}).state_dict()
    net = torch.nn.ModuleDict({"layer": torch.nn.Linear(2, 1), "loss": ls.for_torch(ls.get("bce"))})
    assert net.load_state_dict(old) and net["layer"].weight.equal(layer.weight)
    with pytest.raises(RuntimeError, match=r"layer\.bias"):  # what is really missing is still said
        net.load_state_dict({name: tensor for name, tensor in old.items() if name != "layer.bias"})


def test_scripting_is_refused_in_one_sentence():
    import torch

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        with pytest.raises(AdapterError, match=r"use torch\.compile or torch\.export"):
            torch.jit.script(ls.for_torch(ls.get("mse")))


def test_rows_that_are_no_sum_have_no_rows():
    with pytest.raises((AdapterError, UnsupportedError)):
        ls.for_torch(ls.get("rmse"), reduction="none")
