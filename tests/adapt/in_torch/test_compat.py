"""Each of the eight losses of torch.nn that are used most, in our arithmetic: exact values, and torch's own."""

import mpmath as mp
import numpy as np
import pytest

import lossmith as ls
from lossmith.errors import AdapterError
from lossmith.numerics.formats import error_in_ulp, format_of
from tests.adapt.in_torch.exact_torch import exact

pytestmark = pytest.mark.peers("torch")

# What each class takes, and targets of which kind. Weights by name are drawn: "k": one for each class or column.
CASES = {
    "MSELoss": [({}, "real")],
    "L1Loss": [({}, "real")],
    "SmoothL1Loss": [({}, "real"), ({"beta": 0.25}, "real"), ({"beta": 0.0}, "real")],
    "HuberLoss": [({}, "real"), ({"delta": 0.3}, "real")],
    "BCEWithLogitsLoss": [
        ({}, "yes or no"),
        ({}, "fraction"),
        ({"pos_weight": "one"}, "yes or no"),
        ({"pos_weight": "k"}, "fraction"),
        ({"weight": "k"}, "yes or no"),
        ({"weight": "k", "pos_weight": "k"}, "fraction"),
    ],
    "CrossEntropyLoss": [
        ({}, "class"),
        ({}, "shares"),
        ({"weight": "k"}, "class"),
        ({"weight": "k"}, "shares"),
        ({"ignore_index": 1}, "class"),
        ({"label_smoothing": 0.1}, "class"),
        ({"label_smoothing": 0.1}, "shares"),
        ({"weight": "k", "label_smoothing": 0.2, "ignore_index": 2}, "class"),
        ({"weight": "k", "label_smoothing": 0.2}, "shares"),
    ],
    "NLLLoss": [({}, "class"), ({"weight": "k", "ignore_index": 0}, "class")],
    "KLDivLoss": [({}, "shares"), ({"log_target": True}, "log shares")],
}
SHAPES = {"class": [(7,), (9, 5), (4, 3, 6)], "plain": [(13,), (6, 4), (3, 2, 5)]}
GRID = [
    (name, given, kind, shape, dtype)
    for name, rows in CASES.items()
    for given, kind in rows
    for shape in SHAPES["class" if name in ("CrossEntropyLoss", "NLLLoss") else "plain"]
    for dtype in (np.float32, np.float64)
    if dtype is np.float32 or len(shape) == 2
]


def drawn(name, given, kind, shape, dtype):
    """Draw a module of torch, its input and target, and the arguments as plain numbers."""
    import torch

    seed = [*map(ord, f"{name}{sorted(given.items())}{kind}"), *shape]
    random = np.random.default_rng(seed)
    by_class = name in ("CrossEntropyLoss", "NLLLoss")
    axis = min(1, len(shape) - 1) if by_class else len(shape) - 1
    width = shape[axis]
    examples = shape[:axis] + shape[axis + 1 :]
    sizes = {"one": (), "k": (width,)}
    numbers = {
        key: random.uniform(0.2, 3.0, sizes[word]).astype(dtype) if isinstance(word, str) else word
        for key, word in given.items()
    }
    input = (3.0 * random.normal(size=shape)).astype(dtype)
    shares = random.dirichlet(np.full(width, 0.7), size=examples)
    shares = np.moveaxis(np.asarray(shares), -1, axis)
    if name in ("NLLLoss", "KLDivLoss"):
        input = (input - np.logaddexp.reduce(input, axis=axis, keepdims=True)).astype(dtype)
    target = {
        "real": lambda: random.normal(size=shape),
        "yes or no": lambda: random.integers(0, 2, size=shape).astype(float),
        "fraction": lambda: random.uniform(size=shape),
        "class": lambda: random.integers(0, width, size=examples),
        "shares": lambda: shares,
        "log shares": lambda: np.log(shares),
    }[kind]()
    target = np.asarray(target if kind == "class" else target.astype(dtype))
    module = getattr(torch.nn, name)(
        **{
            key: torch.tensor(value) if isinstance(value, np.ndarray | np.generic) else value
            for key, value in numbers.items()
        }
    )
    defaults = {"SmoothL1Loss": {"beta": 1.0}, "HuberLoss": {"delta": 1.0}, "KLDivLoss": {"log_target": False}}
    return module, torch.tensor(input, requires_grad=True), torch.tensor(target), {**defaults.get(name, {}), **numbers}


def worst(found, truth, sizes, dtype):
    """The largest error of an array, in ulp at the size of what was added up."""
    fmt = format_of(dtype)
    flat = zip(np.asarray(found).reshape(-1), np.asarray(truth).reshape(-1), np.asarray(sizes).reshape(-1), strict=True)
    return max(error_in_ulp(a, b, fmt, c if c else None) for a, b, c in flat)


def answers(loss, input, target):
    """The value and the gradient of the sum of values."""
    import torch

    value = loss(input, target)
    (gradient,) = torch.autograd.grad(value.sum(), input)
    return value.detach().numpy(), gradient.numpy()


def reduced(truth, reduction, shape):
    """Value and gradient, and the sizes of what they are sums of, under one of torch's reductions."""
    if reduction == "none":
        return (truth.terms, truth.sizes), (truth.gradient, truth.gradient_sizes)
    divisor = {"sum": mp.mpf(1), "mean": truth.divisor, "batchmean": mp.mpf(shape[0])}[reduction]
    value = np.sum(truth.terms) / divisor, np.sum(truth.sizes) / divisor
    return value, (truth.gradient / divisor, truth.gradient_sizes / divisor)


def errors_of(criterion, module, input, target, truth):
    """The worst errors of value and gradient: ours and torch's from the exact number, and ours from torch's."""
    dtype, found = input.detach().numpy().dtype, []
    own, theirs = answers(criterion, input, target), answers(module, input, target)
    for ours, torch_s, (right, sizes) in zip(own, theirs, reduced(truth, module.reduction, input.shape), strict=True):
        assert ours.dtype == dtype and ours.shape == torch_s.shape
        found.append(
            (worst(ours, right, sizes, dtype), worst(torch_s, right, sizes, dtype), worst(ours, torch_s, sizes, dtype))
        )
    return found


def reductions(name):
    """The reductions that a class of torch has."""
    return ("mean", "sum", "none", *(("batchmean",) if name == "KLDivLoss" else ()))


@pytest.mark.filterwarnings("ignore:reduction")  # torch's own remark on KLDivLoss
@pytest.mark.parametrize(("name", "given", "kind", "shape", "dtype"), GRID, ids=lambda x: str(x).replace(" ", ""))
def test_values_and_gradients_are_exact_and_those_of_torch(name, given, kind, shape, dtype):
    """Within 4 ulp of the exact number (the contract for everyday losses), and of torch's unless torch is off by over 2."""
    module, input, target, numbers = drawn(name, given, kind, shape, dtype)
    truth = exact(name, numbers, input.detach().numpy(), target.numpy())
    for module.reduction in reductions(name):
        criterion = ls.for_torch(module, path="plain")
        for ours, torch_s, apart in errors_of(criterion, module, input, target, truth):
            assert ours <= 4
            assert apart <= 4 or torch_s > 2


BY_KERNELS = (
    ("MSELoss", {}, "real", (6, 4)),
    ("BCEWithLogitsLoss", {"weight": "k", "pos_weight": "k"}, "fraction", (6, 4)),
    ("CrossEntropyLoss", {"weight": "k", "label_smoothing": 0.2, "ignore_index": 2}, "class", (9, 5)),
    ("CrossEntropyLoss", {"weight": "k"}, "shares", (4, 3, 6)),
)


@pytest.mark.parametrize(("name", "given", "kind", "shape"), BY_KERNELS, ids=lambda x: str(x).replace(" ", ""))
def test_so_are_those_of_the_kernels(name, given, kind, shape):
    module, input, target, numbers = drawn(name, given, kind, shape, np.float32)
    truth = exact(name, numbers, input.detach().numpy(), target.numpy())
    for ours, torch_s, apart in errors_of(ls.for_torch(module, path="fused"), module, input, target, truth):
        assert ours <= 4
        assert apart <= 4 or torch_s > 2


def test_the_table_says_where_torch_itself_is_further_off():
    """On a row that is right and sure, torch's own error is over 4 ulp just where the table says so."""
    import torch

    from lossmith.adapt.in_torch.compat import ROWS

    surest = {
        "BCEWithLogitsLoss": (torch.tensor([9.0, -7.0]), torch.tensor([1.0, 0.0])),
        "CrossEntropyLoss": (torch.tensor([[9.0, -3.0, 1.0]]), torch.tensor([0])),
        "NLLLoss": (torch.log_softmax(torch.tensor([[9.0, -3.0, 1.0]]), 1), torch.tensor([0])),
        "KLDivLoss": (torch.log(torch.tensor([0.99, 0.01])), torch.tensor([0.98, 0.02])),
    }
    for row in ROWS:
        input, target = surest.get(row.name, (torch.tensor([3.0, 1.5]), torch.tensor([3.1, 1.4])))
        module = row.like(reduction="none")
        defaults = {"SmoothL1Loss": {"beta": 1.0}, "HuberLoss": {"delta": 1.0}, "KLDivLoss": {"log_target": False}}
        truth = exact(row.name, defaults.get(row.name, {}), input.numpy(), target.numpy())
        leaf = input.clone().requires_grad_()
        errors = errors_of(ls.for_torch(module, path="plain"), module, leaf, target, truth)
        assert all(ours <= 4 for ours, _, _ in errors)
        assert (max(torch_s for _, torch_s, _ in errors) > 4) == bool(row.off), row.name


# Our losses with torch's denominators ---------------------------------------------------------------------------------


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize(("name", "function"), [("mse", "mse_loss"), ("mae", "l1_loss"), ("huber", "huber_loss")])
def test_weights_of_a_call_divide_as_the_function_of_torch_does(name, function, reduction):
    import torch

    random = np.random.default_rng(3)
    input, target, weight = (torch.tensor(random.uniform(0.1, 3.0, (8, 2))) for _ in range(3))
    theirs = getattr(torch.nn.functional, function)(input, target, reduction=reduction, weight=weight)
    criterion = ls.for_torch(ls.get(name).using("numpy"), compat="torch", reduction=reduction)
    assert torch.allclose(criterion(input, target, weight), theirs, rtol=16 * 2.0**-52, atol=0)  # one ulp for each term


def test_a_weighted_log_loss_divides_by_the_number_of_elements():
    import torch

    z, y, w = torch.tensor([0.5, -2.0, 3.0]), torch.tensor([1.0, 0.0, 1.0]), torch.tensor([1.0, 0.0, 5.0])
    theirs = torch.nn.functional.binary_cross_entropy_with_logits(z, y, weight=w)
    loss = ls.get("bce").using("numpy")
    assert ls.for_torch(loss, compat="torch")(z, y, w) == pytest.approx(theirs.item(), rel=4 * 2.0**-23)
    assert ls.for_torch(loss)(z, y, w) == pytest.approx(theirs.item() * 3 / 6, rel=4 * 2.0**-23)


def test_class_weights_of_a_yes_are_torch_s_pos_weight():
    import torch

    z, y = torch.tensor([0.5, -2.0, 3.0]), torch.tensor([1.0, 0.0, 0.25])
    theirs = torch.nn.BCEWithLogitsLoss(pos_weight=torch.tensor(3.0))(z, y)
    loss = ls.get("bce").using("numpy").reweight({0: 1, 1: 3})
    assert ls.for_torch(loss, compat="torch")(z, y) == pytest.approx(theirs.item(), rel=4 * 2.0**-23)


def test_a_cross_entropy_with_weights_and_smoothing_divides_as_torch_does():
    import torch

    z, y = torch.tensor([[1.0, -2.0, 0.5], [0.0, 1.0, 2.0], [3.0, 0.0, 0.0]]), torch.tensor([2, 0, -100])
    theirs = torch.nn.CrossEntropyLoss(weight=torch.tensor([1.0, 2.0, 5.0]), label_smoothing=0.3)(z, y)
    loss = ls.get("ce").using("numpy").ignore(-100).reweight([1, 2, 5]).smooth(0.3)
    assert ls.for_torch(loss, compat="torch")(z, y) == pytest.approx(theirs.item(), rel=4 * 2.0**-23)
    assert ls.for_torch(loss)(z, y) != pytest.approx(theirs.item(), rel=1e-3)  # ours weighs the smoothed target


def test_without_rows_it_is_0_unless_asked_for_torch_s_nan():
    import torch

    module = torch.nn.CrossEntropyLoss(weight=torch.tensor([1.0, 2.0]), label_smoothing=0.1)
    z, y = torch.zeros(2, 2, requires_grad=True), torch.tensor([-100, -100])
    assert torch.isnan(module(z, y))
    value = ls.for_torch(module)(z, y)
    value.backward()
    assert value == 0 and not z.grad.any()
    asked = ls.get("ce").using("numpy").ignore(-100).empty("nan")
    assert torch.isnan(ls.for_torch(asked, compat="torch")(z, y))


def test_what_the_module_of_torch_holds_moves_but_keeps_its_precision():
    import torch

    criterion = ls.for_torch(torch.nn.BCEWithLogitsLoss(pos_weight=torch.tensor([1.0, 1 / 3])))
    assert set(criterion.state_dict()) == {"pos_weight", "_extra_state"}
    assert criterion.half().pos_weight.dtype == torch.float32
    assert criterion.to("meta").pos_weight.device.type == "meta"


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda torch: ls.for_torch(torch.nn.CTCLoss()), "CTCLoss is not among"),
        (lambda torch: ls.for_torch(ls.get("focal"), compat="torch"), "focal is not among"),
        (lambda torch: ls.for_torch(torch.nn.MSELoss(), reduction="batchmean"), "MSELoss: reduction takes"),
        (lambda torch: ls.for_torch(torch.nn.KLDivLoss(), reduction="batchmeen"), 'Did you mean "batchmean"'),
        (lambda torch: ls.for_torch(ls.get("mse"), compat="keras"), 'compat takes "torch"'),
    ],
)
def test_what_has_no_counterpart_is_refused_by_name(make, said):
    import torch

    with pytest.raises(AdapterError, match=said):
        make(torch)


def test_the_output_bias_and_sums_know_what_the_module_holds():
    """Three times as many positives by weight: the odds are those of 3 to 1; the sum is torch's."""
    import torch

    module = torch.nn.BCEWithLogitsLoss(pos_weight=torch.tensor([3.0, 1.0]), reduction="sum")
    criterion, y = ls.for_torch(module), torch.tensor([[1.0, 1.0], [0.0, 0.0]])
    np.testing.assert_allclose(criterion.output_bias(y).numpy(), [np.log(3.0), 0.0], rtol=1e-6, atol=1e-9)
    z = torch.tensor([[0.5, -1.0], [2.0, 0.0]])
    halves = criterion.sums(z[:1], y[:1]) + criterion.sums(z[1:], y[1:])
    assert halves.value() == pytest.approx(module(z.double(), y.double()).item(), rel=16 * 2.0**-52)


@pytest.mark.parametrize(
    ("name", "given", "kind", "shape"),
    [
        ("BCEWithLogitsLoss", {"weight": "k", "pos_weight": "k"}, "fraction", (6, 4)),
        ("CrossEntropyLoss", {"weight": "k", "label_smoothing": 0.2, "ignore_index": 2}, "class", (9, 5)),
    ],
)
def test_compiled_transformed_and_in_half_precision_it_is_the_same(name, given, kind, shape):
    """Within 4 ulp of float32 of torch's own float32 loss of the same numbers, whose rows are not sure here."""
    import torch

    module, input, target, _ = drawn(name, given, kind, shape, np.float32)
    criterion, raw, near = ls.for_torch(module), input.detach() / 4, {"rtol": 8 * 2.0**-23, "atol": 2.0**-26}
    compiled = torch.compile(criterion, fullgraph=True, backend="aot_eager")
    torch.testing.assert_close(compiled(raw, target), module(raw, target), **near)
    torch.testing.assert_close(torch.func.grad(criterion)(raw, target), torch.func.grad(module)(raw, target), **near)
    half = raw.bfloat16()
    torch.testing.assert_close(criterion(half, target), module(half.float(), target), **near)


@pytest.mark.parametrize("module", ["CrossEntropyLoss", "BCEWithLogitsLoss"])
def test_a_list_is_refused_by_a_converted_loss_too(module):
    import torch

    with pytest.raises(AdapterError, match="input must be a tensor, got list"):
        ls.for_torch(getattr(torch.nn, module)())([0.0], torch.tensor([0.0]))


def test_a_weight_that_cannot_be_spread_is_an_error_that_prints_both_shapes():
    import torch

    criterion = ls.for_torch(torch.nn.BCEWithLogitsLoss(pos_weight=torch.ones(3)))
    with pytest.raises(AdapterError, match=r"pos_weight of shape \(3,\) cannot be spread over input \(2, 4\)"):
        criterion(torch.zeros(2, 4), torch.zeros(2, 4))


@pytest.mark.parametrize("classes", [4, 6])
@pytest.mark.parametrize("like", ["CrossEntropyLoss", "NLLLoss"])
def test_class_weights_for_another_number_of_classes_are_refused_as_torch_refuses_them(like, classes):
    """Also weights of 1, which would change nothing, and in every layout of rows."""
    import torch

    module = getattr(torch.nn, like)(weight=torch.ones(classes))
    criterion = ls.for_torch(module)
    for shape in (5,), (3, 5), (3, 5, 2):
        input, target = torch.zeros(shape), torch.zeros(shape[:1] * (len(shape) > 1) + shape[2:], dtype=torch.int64)
        with pytest.raises(RuntimeError, match="weight tensor should be defined"):
            module(input, target)
        with pytest.raises(AdapterError, match=rf"LM449 {like}: weight must have .* class, 5: .* got {classes}\."):
            criterion(input, target)
    added = ls.for_torch(module, reduction="sum")
    with pytest.raises(AdapterError, match="LM449"):
        added.sums(torch.zeros(3, 5), torch.zeros(3, dtype=torch.int64))


def test_sums_are_refused_where_they_do_not_hold_what_torch_divides_by():
    import torch

    criterion = ls.for_torch(torch.nn.BCEWithLogitsLoss())
    with pytest.raises(AdapterError, match="LM444"):
        criterion.sums(torch.zeros(2), torch.zeros(2))
