"""Several tasks as one module: the total and its gradients, absent tasks, auxiliary heads, what is logged and refused."""

from pathlib import Path

import pytest

import lossmith as ls
from lossmith.errors import AdapterError
from tests.adapt.in_torch.case_tasks import ALL, NAMES, batch, grads, losses

pytestmark = pytest.mark.peers("torch")

ROOT = Path(__file__).parents[3]


# The total and its gradients ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("balance", ALL)
def test_the_total_s_gradient_is_each_task_s_own_times_its_weight(balance):
    import torch

    z, y = batch()
    tasks = ls.tasks(losses(), balance)
    total = tasks(z, y)
    total.backward()
    assert total.shape == () and total.dtype == torch.float64
    for name, value in tasks.values(z, y).items():
        (own,) = torch.autograd.grad(value, z[name])
        torch.testing.assert_close(z[name].grad, own * tasks.log[f"{name}/weight"], rtol=1e-14, atol=0)
        assert tasks.log[f"{name}/value"] == value


@pytest.mark.parametrize("balance", ALL)
def test_the_order_of_names_does_not_show_in_a_single_bit(balance):
    import torch

    ways = []
    for names in (NAMES, NAMES[::-1]):
        torch.manual_seed(3)
        tasks = ls.tasks({name: losses()[name] for name in names}, balance)
        for seed in range(3):
            z, y = batch(seed)
            total = tasks({name: z[name] for name in names}, {name: y[name] for name in reversed(names)})
            total.backward()
        ways.append((total, grads(z), tasks.report(), [p.grad for p in tasks.parameters()]))
    (a, grads_a, said_a, own_a), (b, grads_b, said_b, own_b) = ways
    assert a == b and said_a == said_b and all(torch.equal(p, q) for p, q in zip(own_a, own_b, strict=True))
    assert all(torch.equal(grads_a[name], grads_b[name]) for name in NAMES)


def test_fixed_weights_are_the_weighted_sum():
    import torch

    z, y = batch()
    weights = {"price": 2.0, "sold": 0.5, "kind": 0.0}
    total = ls.tasks(losses(), weights)(z, y)
    right = sum(w * ls.for_torch(losses()[name])(z[name], y[name]) for name, w in weights.items())
    torch.testing.assert_close(total, right, rtol=1e-15, atol=0)


def test_criteria_modules_of_torch_and_names_are_tasks_too():
    import torch

    z, y = batch()
    tasks = ls.tasks({"price": ls.for_torch(ls.get("huber")), "sold": "log_loss", "kind": torch.nn.CrossEntropyLoss()})
    values = tasks.values(z, y)
    assert [*values] == sorted(NAMES)
    torch.testing.assert_close(values["kind"], torch.nn.CrossEntropyLoss()(z["kind"], y["kind"]))


def test_weights_and_columns_go_to_their_task():
    import torch

    z, y = batch()
    weight = torch.rand(8, dtype=torch.float64)
    stake = torch.rand(8, dtype=torch.float64)
    tasks = ls.tasks(losses(price=ls.get("huber").reweight(by="stake")), "fixed")
    values = tasks.values(z, y, {"sold": weight}, columns={"price": {"stake": stake}})
    criteria = {name: ls.for_torch(loss) for name, loss in losses().items()}
    torch.testing.assert_close(values["sold"], criteria["sold"](z["sold"], y["sold"], weight))
    torch.testing.assert_close(values["price"], criteria["price"](z["price"], y["price"], stake))
    torch.testing.assert_close(values["kind"], criteria["kind"](z["kind"], y["kind"]))
    for_all = tasks.values(z, y, weight, columns={"price": {"stake": torch.ones(8)}})
    torch.testing.assert_close(for_all["kind"], criteria["kind"](z["kind"], y["kind"], weight))


def test_the_total_can_be_differentiated_twice():
    import torch

    _, y = batch()
    for balance in ("geometric_mean", "uncertainty", "fixed"):
        tasks = ls.tasks(losses(), balance).eval()

        def total(price, sold, kind, tasks=tasks):
            return tasks({"price": price, "sold": sold, "kind": kind}, y)

        z, _ = batch()
        assert torch.autograd.gradgradcheck(total, tuple(z[name] for name in NAMES))


# Tasks without rows ---------------------------------------------------------------------------------------------------


def absent(way, z, y):
    """One batch in which the task "price" has no row that counts, said in one of several ways."""
    import torch

    none = torch.zeros(8, dtype=torch.bool)
    if way == "masked":
        return (z, {**y, "price": torch.full((8,), torch.nan)}, None, {"price": none})
    if way == "weight 0":
        return (z, y, {"price": torch.zeros(8)}, None)
    if way == "ignored":
        return (z, {**y, "kind": torch.full((8,), -100)}, None, None)
    return ({**z, "price": z["price"][:0]}, {**y, "price": y["price"][:0]}, None, None)


@pytest.mark.parametrize("way", ["masked", "weight 0", "no rows", "ignored"])
@pytest.mark.parametrize("balance", ALL)
def test_a_task_without_rows_adds_0_with_gradient_0_and_the_balancer_takes_no_notice(balance, way):
    import torch

    gone = "kind" if way == "ignored" else "price"
    tasks = ls.tasks(losses(kind=ls.get("cross_entropy").ignore(-100)), balance)
    for seed in range(3):
        tasks(*batch(seed))
        tasks.end_epoch()
    before = {name: tensor.clone() for name, tensor in tasks.balancer.state_dict().items()}
    z, y = batch(7)
    given = absent(way, z, y)
    tasks(*given).backward()
    index = tasks.names.index(gone)
    for name, tensor in tasks.balancer.named_buffers():
        assert name == "step" or tensor[index] == before[name][index]
    for parameter in tasks.parameters():
        assert parameter.grad[index] == 0 and (parameter.grad[[i for i in range(3) if i != index]] != 0).all()
    assert torch.equal(z[gone].grad, torch.zeros_like(z[gone]))
    assert all((z[name].grad != 0).any() for name in NAMES if name != gone)
    assert tasks.report()[f"{gone}/value"] == 0.0


def test_masked_rows_are_left_out():
    import torch

    z, y = batch()
    here = torch.arange(8) < 5
    tasks = ls.tasks(losses(), "fixed")
    found = tasks.values(z, y, masks={"price": here})["price"]
    torch.testing.assert_close(found, ls.for_torch(losses()["price"])(z["price"][:5], y["price"][:5]))


def test_a_rule_for_empty_batches_that_was_asked_for_is_kept():
    z, y = batch()
    given = absent("no rows", z, y)
    assert ls.tasks(losses(price=ls.get("huber").empty("nan")), "fixed")(*given).isnan()
    with pytest.raises(ls.LossmithError, match=r"no rows|without rows|empty"):
        ls.tasks(losses(price=ls.get("huber").empty("error")), "fixed")(*given)


# Auxiliary heads ------------------------------------------------------------------------------------------------------


def test_auxiliary_heads_share_one_target():
    import torch

    z = {name: torch.randn(6, 4, dtype=torch.float64, requires_grad=True) for name in ("main", "aux1", "aux2")}
    y, criterion = torch.randint(4, (6,)), ls.for_torch(ls.get("cross_entropy").using("numpy"))
    weights = {"main": 1.0, "aux1": 0.4, "aux2": 0.2}
    total = ls.tasks(dict.fromkeys(z, criterion), weights)(z, y)
    torch.testing.assert_close(total, sum(w * criterion(z[name], y) for name, w in weights.items()), rtol=1e-14, atol=0)


def test_one_output_may_serve_several_tasks():
    import torch

    raw = torch.randn(9, dtype=torch.float64, requires_grad=True)
    y = torch.randn(9, dtype=torch.float64)
    tasks = ls.tasks({"far": ls.get("mse").using("numpy"), "near": ls.get("mae").using("numpy")}, "fixed")
    tasks({"far": raw, "near": raw}, y).backward()
    far, near = (torch.autograd.grad(value, raw)[0] for value in tasks.values({"far": raw, "near": raw}, y).values())
    torch.testing.assert_close(raw.grad, far + near)
    assert tasks.report()["far/gradient_norm"] == pytest.approx(far.norm().item(), rel=1e-12)


# What is logged -------------------------------------------------------------------------------------------------------


def test_what_is_logged_is_flat_and_has_no_graph():
    z, y = batch()
    tasks = ls.tasks(losses(), {"price": 3.0, "sold": 1.0, "kind": 0.5})
    with pytest.raises(AdapterError, match="before the first batch") as caught:
        tasks.report()
    assert caught.value.code == "LM467"
    (1024 * tasks(z, y)).backward()  # as a gradient scaler does
    assert [*tasks.report()] == [f"{n}/{what}" for n in sorted(NAMES) for what in ("value", "weight", "gradient_norm")]
    assert not any(tensor.requires_grad or tensor.ndim for tensor in tasks.log.values())
    for name in NAMES:
        norm = (z[name].grad / 1024).norm().item()
        assert tasks.report()[f"{name}/gradient_norm"] == pytest.approx(norm, rel=1e-12)


def test_without_a_backward_pass_there_is_no_norm():
    import torch

    tasks = ls.tasks(losses())
    with torch.no_grad():
        tasks(*batch())
    assert [*tasks.report()] == [f"{name}/{what}" for name in sorted(NAMES) for what in ("value", "weight")]


@pytest.mark.parametrize("balance", ALL)
def test_nothing_looks_at_numbers(balance):
    """Tensors on the device "meta" have none: whatever waited for one would fail."""
    import torch

    z, y = batch()
    tasks = ls.tasks(losses(kind=ls.get("cross_entropy").ignore(-100)), balance).to("meta")
    here = torch.ones(8, dtype=torch.bool, device="meta")
    inputs = {name: raw.detach().to("meta").requires_grad_() for name, raw in z.items()}
    tasks(inputs, {name: tensor.to("meta") for name, tensor in y.items()}, None, {"price": here}).backward()
    tasks.end_epoch()
    assert len(tasks.log) == 9 and all(tensor.device.type == "meta" for tensor in tasks.log.values())


# What is refused ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"inputs": {"prise": "price"}}, "inputs: there is no task 'prise'.*Did you mean \"price\""),
        ({"inputs": {"price": None}}, "inputs: the task 'price' is missing.*0 rows"),
        ({"targets": {"price": None}}, "targets: the task 'price' is missing"),
        ({"targets": {"solt": "sold"}}, "targets: there is no task 'solt'.*Did you mean \"sold\""),
    ],
)
def test_missing_and_unknown_tasks_get_one_sentence(change, said):
    z, y = batch()
    given = {"inputs": dict(z), "targets": dict(y)}
    for where, names in change.items():
        for new, old in names.items():
            given[where][new] = given[where].pop(old or new)
            if old is None:
                del given[where][new]
    with pytest.raises(AdapterError, match=said) as caught:
        ls.tasks(losses())(**given)
    assert caught.value.code == "LM463"


def test_unknown_tasks_among_weights_masks_and_columns():
    import torch

    z, y = batch()
    for given in ({"sample_weight": {"x": torch.ones(8)}}, {"masks": {"x": None}}, {"columns": {"x": {}}}):
        with pytest.raises(AdapterError, match="there is no task 'x'"):
            ls.tasks(losses())(z, y, **given)
    with pytest.raises(AdapterError, match="inputs must be a mapping"):
        ls.tasks(losses())(z["price"], y)


@pytest.mark.parametrize(
    ("given", "code", "said"),
    [
        ({}, "LM460", "by name"),
        ([ls.get("mae")], "LM460", "by name"),
        ({3: "mae"}, "LM460", "must be a text"),
        ({"a": 3}, "LM460", "'a' is a int"),
    ],
)
def test_what_is_no_loss_gets_one_sentence(given, code, said):
    with pytest.raises(AdapterError, match=said) as caught:
        ls.tasks(given)
    assert caught.value.code == code


def test_a_criterion_of_rows_is_refused():
    with pytest.raises(AdapterError, match='leave reduction="none" out') as caught:
        ls.tasks({"a": ls.for_torch(ls.get("mae"), reduction="none")})
    assert caught.value.code == "LM466"


def test_a_negative_loss_has_no_geometric_mean():
    import torch

    tasks = ls.tasks(
        {"a": ls.parse("y - z", target="real").using("numpy"), "b": ls.get("mae").using("numpy")}, "geometric_mean"
    )
    with pytest.raises(AdapterError, match="'a' is -1") as caught:
        tasks({"a": torch.ones(2), "b": torch.ones(2)}, torch.zeros(2))
    assert caught.value.code == "LM464"
