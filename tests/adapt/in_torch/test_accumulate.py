"""Micro-batches: their terms and gradients add up to those of all rows, for any loss and any cut."""

from __future__ import annotations

import weakref
from contextlib import contextmanager

import pytest

import lossmith as ls
from tests.adapt.in_torch import case_430 as rows_430
from tests.properties.cases import CASES

pytestmark = pytest.mark.peers("torch")
DTYPES = ("float64", "float32")
EVERY = rows_430.every()


# 430 rows -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", EVERY)
def test_the_gradient_is_that_of_all_rows_however_they_are_cut(torch, name: str, dtype: str) -> None:
    case, dtype = EVERY[name], getattr(torch, dtype)
    value, gradient = rows_430.whole(case, dtype)
    for cuts in rows_430.ONE_PROCESS.values():
        model, terms = rows_430.terms(case, dtype, cuts[0])
        added = torch.zeros((), dtype=torch.float64)
        for term in terms:
            added += term.detach()
            term.backward()
        assert rows_430.difference(rows_430.gradient_of(model), gradient) <= rows_430.BOUND
        assert abs(terms.value - value) <= rows_430.BOUND * abs(value)
        assert abs(added - value) <= rows_430.BOUND * abs(value)


@pytest.mark.parametrize("case", CASES, ids=repr)
def test_every_loss_is_accumulated(torch, case) -> None:
    """Shipped and written, with weights, columns, several targets, heads and groups: three micro-batches and one."""
    tensor = {True: lambda a: {k: torch.from_numpy(v) for k, v in a.items()}, False: torch.from_numpy}
    z = torch.from_numpy(case.raw).requires_grad_()
    y = tensor[isinstance(case.y, dict)](case.y)
    w, columns = torch.from_numpy(case.weight), tensor[True](case.columns)
    criterion = ls.for_torch(case.loss.using("numpy"))
    value = criterion(z, y, w, columns=columns or None)
    (wanted,) = torch.autograd.grad(value, z)

    def cut(given, where):
        return {k: v[where] for k, v in given.items()} if isinstance(given, dict) else given[where]

    n = len(case.raw)
    places = [slice(0, 1), slice(1, max(1, n - 2)), slice(max(1, n - 2), n)]
    terms = ls.accumulate(criterion, [(z[at], cut(y, at), w[at], cut(columns, at) or None) for at in places])
    (found,) = torch.autograd.grad(sum(terms), z)
    assert torch.allclose(found, wanted, rtol=1e-12, atol=1e-15)
    assert torch.allclose(terms.value, value.detach(), rtol=1e-12)


def test_a_mean_of_means_is_off_by_two_and_a_half(torch) -> None:
    case = EVERY["cross entropy"]
    gradient = rows_430.whole(case, torch.float64)[1]
    found = rows_430.mean_of_means(case, torch.float64, [400, 10, 10, 10])
    assert 2.4 < rows_430.difference(found, gradient) < 2.6


def _by_hand(torch, name, z, data):
    """The five losses as one would write them, over the rows that the mask leaves, in float64."""
    keep = data["mask"]
    z, w, y = z[keep], data["weight"][keep], {n: data[n][keep] for n in ("y_class", "y_yes", "y_real")}
    if "cross" in name:
        of_class = torch.tensor(list(rows_430.CLASS_WEIGHTS.values()), dtype=z.dtype)[y["y_class"]]
        w = w * of_class if "weighted" in name else w
        rows = torch.logsumexp(z, 1) - z.gather(1, y["y_class"][:, None])[:, 0]
        return (w * rows).sum() / w.sum()
    p, yes = torch.sigmoid(z), y["y_yes"]
    if "focal" in name:
        right = torch.where(yes == 1, p, 1 - p)
        return (-w * (1 - right) ** 2 * right.log()).sum() / yes.sum()
    if name == "rmse":
        return ((w * (y["y_real"] - z) ** 2).sum() / w.sum()).sqrt()
    return 1 - (2 * (w * yes * p).sum() + 1) / ((w * yes).sum() + (w * p).sum() + 1)


@pytest.mark.parametrize("name", rows_430.cases())
def test_all_rows_at_once_are_what_one_would_write(torch, name: str) -> None:
    case, data = EVERY[name], rows_430.tensors(torch.float64)
    value, gradient = rows_430.whole(case, torch.float64)
    model = rows_430.network(case, torch.float64)
    wanted = _by_hand(torch, name, model(data["x"]), data)
    wanted.backward()
    assert abs(wanted - value) <= 1e-12 * value  # 430 rounded sums of numbers around 1
    assert rows_430.difference(gradient, rows_430.gradient_of(model)) <= 1e-12


@pytest.mark.parametrize("name", rows_430.cases())
def test_sums_of_the_parts_finish_to_the_same_bits(torch, name: str) -> None:
    case, data = EVERY[name], rows_430.tensors(torch.float64)
    criterion, model = ls.for_torch(case.loss), rows_430.network(case, torch.float64)
    z = model(data["x"]).detach()  # all at once: a network may round a row otherwise in another company

    def value(sizes):
        cut = [t.split(sizes) for t in (z, data[case.target], data["weight"], data["mask"])]
        return sum(criterion.sums(a, b, w, columns={"mask": m}) for a, b, w, m in zip(*cut, strict=True)).value()

    found = {value(cuts[0]) for cuts in rows_430.ONE_PROCESS.values()}
    assert len(found) == 1
    assert abs(found.pop() - rows_430.whole(case, torch.float64)[0]) <= 1e-12


# What is called when ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "calls"), [("cross entropy", 1), ("focal over positives", 1), ("rmse", 2), ("dice", 2)]
)
def test_functions_are_called_once_where_the_divisor_is_known(torch, name: str, calls: int) -> None:
    case, dtype = EVERY[name], torch.float32
    model, seen = rows_430.network(case, dtype), []
    model.register_forward_hook(lambda *given: seen.append(torch.is_grad_enabled()))
    _, terms = rows_430.terms(case, dtype, [200, 230], model)
    for term in terms:
        term.backward()
    assert seen == [False] * 2 * (calls - 1) + [True] * 2


@pytest.mark.parametrize("name", ["cross entropy", "rmse"])
def test_dropout_repeats_and_random_numbers_go_on_as_after_one_evaluation(torch, name: str) -> None:
    case, data, sizes = EVERY[name], rows_430.tensors(torch.float64), [200, 230]
    model = rows_430.network(case, torch.float64, dropout=0.4)
    criterion = ls.for_torch(case.loss)
    torch.manual_seed(11)
    z = torch.cat([model(x) for x in data["x"].split(sizes)])
    after = [float(torch.rand(1)) for _ in sizes]
    criterion(z, data[case.target], data["weight"], columns={"mask": data["mask"]}).backward()
    wanted = rows_430.gradient_of(model)
    torch.manual_seed(11)
    between = []
    for term in rows_430.terms(case, torch.float64, sizes, model)[1]:
        between.append(float(torch.rand(1)) if name == "rmse" else 0.0)
        term.backward()
    assert (between if name == "rmse" else [float(torch.rand(1)) for _ in sizes]) == after
    assert rows_430.difference(rows_430.gradient_of(model), wanted) <= 1e-12


@pytest.mark.parametrize("name", ["cross entropy", "dice"])
def test_only_one_graph_is_alive_at_a_time(torch, name: str) -> None:
    case, alive, most = EVERY[name], weakref.WeakSet(), []

    class Kept:
        def __init__(self, tensor):
            self.tensor = tensor
            alive.add(self)

    model = rows_430.network(case, torch.float32)
    model.register_forward_pre_hook(lambda *given: most.append(len(alive)))
    with torch.autograd.graph.saved_tensors_hooks(Kept, lambda kept: kept.tensor):
        for term in rows_430.terms(case, torch.float32, [100, 100, 100, 130], model)[1]:
            assert alive
            term.backward()
    assert most == [0] * (4 if name == "cross entropy" else 8)  # nothing was kept when a micro-batch began
    assert not alive


def test_the_scope_is_entered_around_all_but_the_last(torch) -> None:
    for name in ("cross entropy", "rmse"):
        case, said = EVERY[name], []

        @contextmanager
        def no_sync(said=said):
            said.append("in")
            yield
            said.append("out")

        model = rows_430.network(case, torch.float32)
        model[0].weight.register_hook(lambda g, said=said: said.append("backward"))
        for term in rows_430.terms(case, torch.float32, [100, 100, 230], model, no_sync=no_sync)[1]:
            term.backward()
        assert said == ["in", "backward", "out", "in", "backward", "out", "backward"]


# Forms of micro-batches ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["cross entropy", "rmse"])
def test_tensors_with_their_graph_are_taken_as_well(torch, name: str) -> None:
    case = EVERY[name]
    model = rows_430.network(case, torch.float64)
    batches = rows_430.parts(case, rows_430.tensors(torch.float64), model, [400, 10, 10, 10])
    ready = [(make(), *rest) for make, *rest in batches]
    sum(ls.accumulate(ls.for_torch(case.loss), ready)).backward()
    wanted = rows_430.whole(case, torch.float64)[1]
    assert rows_430.difference(rows_430.gradient_of(model), wanted) <= 1e-12


@pytest.mark.parametrize(
    "loss",
    [ls.get("cross_entropy").ignore(-100), ls.get("cross_entropy").ignore(-100).over("examples"), ls.get("rmse")],
    ids=["mean over tokens", "over texts", "rmse"],
)
def test_texts_of_unequal_length_are_parts_of_one_batch(torch, loss) -> None:
    lengths, classes = (7, 3, 5), loss.target == "class"
    loss = loss.using("numpy")
    shapes = [(2, 3, n) if classes else (2, n) for n in lengths]
    inputs = [torch.randn(shape, dtype=torch.float64, requires_grad=True) for shape in shapes]
    targets = [torch.randint(0, 2, (2, n)) for n in lengths]
    targets[1][0, :2] = -100 if classes else 0
    weights = [torch.rand(2, dtype=torch.float64) + 0.5, None, torch.rand(2, 5, dtype=torch.float64)]
    terms = ls.accumulate(ls.for_torch(loss), list(zip(inputs, targets, weights, strict=True)))
    found = torch.autograd.grad(sum(terms), inputs)
    ones = [torch.ones(2, n, dtype=torch.float64) if w is None else w for n, w in zip(lengths, weights, strict=True)]
    spread = [w if w.ndim == 2 else w[:, None].expand(2, n) for n, w in zip(lengths, ones, strict=True)]
    pad = [(0, 7 - n) for n in lengths]
    whole = [
        torch.cat([torch.nn.functional.pad(t, p) for t, p in zip(ts, pad, strict=True)])
        for ts in (inputs, targets, spread)
    ]
    value = ls.for_torch(loss)(*whole)
    for mine, theirs in zip(found, torch.autograd.grad(value, inputs), strict=True):
        assert torch.allclose(mine, theirs, rtol=1e-12, atol=1e-15)
    assert torch.allclose(terms.value, value.detach(), rtol=1e-12)


def test_a_class_axis_in_front_and_heads_at_the_end(torch) -> None:
    front = ls.parse("-true_class(log(p))", target="class", link="softmax", class_axis=0).using("numpy")
    heads = ls.parse("(y - mean) ** 2 / scale ** 2 + log(scale)", target="real", heads={"mean": None, "scale": "exp"})
    for loss, shape, axis in ((front, (3, 9), 1), (heads.using("numpy"), (9, 2), 0)):
        z = torch.randn(shape, dtype=torch.float64, requires_grad=True)
        y = torch.randint(0, 3, (9,)) if loss is front else torch.randn(9, dtype=torch.float64)
        cut = zip(z.split([4, 5], dim=axis), y.split([4, 5]), strict=True)
        criterion = ls.for_torch(loss)
        (found,) = torch.autograd.grad(sum(ls.accumulate(criterion, list(cut))), z)
        assert torch.allclose(found, torch.autograd.grad(criterion(z, y), z)[0], rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("name", ["cross entropy", "dice"])
def test_half_precision_and_a_scaler(torch, name: str) -> None:
    """Under autocast raw predictions are rounded to 8 digits: the whole batch, rounded alike, is the measure."""
    case, data, sizes = EVERY[name], rows_430.tensors(torch.float32), [200, 230]
    model, scaler = rows_430.network(case, torch.float32), torch.amp.GradScaler("cpu", init_scale=1024.0)
    criterion, found = ls.for_torch(case.loss), []
    for accumulated in (False, True):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            whole = [(lambda: torch.cat([model(x) for x in data["x"].split(sizes)]), data[case.target], data["weight"])]
            batches = rows_430.parts(case, data, model, sizes) if accumulated else [(*whole[0], {"mask": data["mask"]})]
            for make, *rest in () if accumulated else batches:
                scaler.scale(criterion(make(), *rest[:2], columns=rest[2])).backward()
            for term in ls.accumulate(criterion, batches) if accumulated else ():
                scaler.scale(term).backward()
        found.append(rows_430.gradient_of(model) / 1024.0)
    # a bfloat16 backward rounds each product to 2**-9; sums over 200 and 230 rows are rounded apart
    assert rows_430.difference(found[1], found[0]) <= 4 * 2.0**-9


def test_losses_of_torch_are_accumulated_like_torch_divides(torch) -> None:
    weight = torch.tensor([1.0, 0.5, 4.0], dtype=torch.float64)
    z = torch.randn(9, 3, dtype=torch.float64, requires_grad=True)
    hard, shares = torch.randint(0, 3, (9,)), torch.rand(9, 3, dtype=torch.float64).softmax(1)
    for y in (hard, shares):
        for theirs in (torch.nn.CrossEntropyLoss(), torch.nn.CrossEntropyLoss(weight=weight)):
            terms = ls.accumulate(ls.for_torch(theirs), list(zip(z.split([6, 3]), y.split([6, 3]), strict=True)))
            (found,) = torch.autograd.grad(sum(terms), z)
            assert torch.allclose(found, torch.autograd.grad(theirs(z, y), z)[0], rtol=1e-12, atol=1e-15)
            assert torch.allclose(terms.value, theirs(z, y).detach(), rtol=1e-12)


# Other devices ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["cross entropy", "focal over positives", "rmse", "dice", "two rounds"])
def test_no_number_is_looked_at_on_another_device(torch, name: str) -> None:
    """The meta device has none: a look would be an error."""
    case = EVERY[name]
    data = {column: tensor.to("meta") for column, tensor in rows_430.tensors(torch.float32).items()}
    model = rows_430.network(case, torch.float32).to("meta")
    terms = ls.accumulate(ls.for_torch(case.loss), rows_430.parts(case, data, model, [400, 10, 20]))
    for term in terms:
        term.backward()
    assert terms.value.device.type == model[0].weight.grad.device.type == "meta"


@pytest.mark.gpu
@pytest.mark.parametrize("name", ["cross entropy", "focal over positives", "rmse", "dice", "two rounds"])
def test_on_a_gpu_nothing_waits_and_dropout_repeats(torch, name: str) -> None:
    if not torch.cuda.is_available():
        pytest.skip("needs a GPU")
    case, sizes = EVERY[name], [400, 10, 20]
    data = {column: tensor.cuda() for column, tensor in rows_430.tensors(torch.float32).items()}
    model = rows_430.network(case, torch.float32, dropout=0.4).cuda()
    criterion, gradients = ls.for_torch(case.loss), []
    columns = {column: data[column] for column in case.columns}
    for accumulated in (False, True, True):
        torch.manual_seed(5)
        torch.cuda.set_sync_debug_mode("error" if len(gradients) == 2 else "default")
        try:
            if accumulated:
                for term in ls.accumulate(criterion, rows_430.parts(case, data, model, sizes)):
                    term.backward()
            else:
                z = torch.cat([model(x) for x in data["x"].split(sizes)])
                criterion(z, data[case.target], data["weight"], columns=columns).backward()
        finally:
            torch.cuda.set_sync_debug_mode("default")
        gradients.append(rows_430.gradient_of(model))
    assert rows_430.difference(gradients[1], gradients[0]) <= rows_430.BOUND
    assert rows_430.difference(gradients[2], gradients[0]) <= rows_430.BOUND


# Several tasks ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("balance", ["fixed", "uncertainty"])
def test_tasks_are_balanced_by_all_rows(torch, balance: str) -> None:
    """Values, masks by task, and the gradient of the learned weights."""
    losses = {"price": ls.get("rmse").using("numpy"), "sold": ls.get("focal").over("positives").using("numpy")}
    data, sizes = rows_430.tensors(torch.float64), [400, 10, 20]
    torch.manual_seed(1)
    model, gradients = torch.nn.Linear(6, 2).double(), []

    def inputs(x):
        z = model(x)
        return {"price": z[:, 0], "sold": z[:, 1]}

    for accumulated in (False, True):
        tasks = ls.tasks(losses, balance=balance)
        cut = zip(*(data[name].split(sizes) for name in ("x", "y_real", "y_yes", "mask")), strict=True)
        batches = [(lambda x=x: inputs(x), {"price": r, "sold": yes}, None, {"price": m}) for x, r, yes, m in cut]
        if accumulated:
            terms = ls.accumulate(tasks, batches)
            for term in terms:
                term.backward()
            value = terms.value
        else:
            targets = {"price": data["y_real"], "sold": data["y_yes"]}
            value = tasks(inputs(data["x"]), targets, None, {"price": data["mask"]})
            value.backward()
        gradients.append(([p.grad for p in (*model.parameters(), *tasks.parameters())], float(value.detach())))
        model.zero_grad()
    (mine, total), (wanted, wanted_total) = gradients[::-1]
    assert len(mine) == len(wanted) == 2 + (balance == "uncertainty")
    assert abs(total - wanted_total) <= 1e-12 * abs(wanted_total)
    for a, b in zip(mine, wanted, strict=True):
        assert torch.allclose(a, b, rtol=1e-6, atol=1e-12)  # a balancer may keep its weights in float32
