"""In what float32 rows are computed: the choice is measured, and what is chosen keeps the contract against the kernels."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import lossmith as ls
from lossmith.certificate.record import bound_of
from tests.adapt.in_torch.plain_calls import call_of, tensor_of

pytestmark = pytest.mark.peers("torch")

EVERYDAY = ("mse", "mae", "huber", "log_cosh", "quantile", "log_loss", "cross_entropy", "poisson", "dice")


@pytest.mark.parametrize("name", EVERYDAY)
def test_everyday_losses_are_computed_in_float32(name: str) -> None:
    from lossmith.adapt.in_torch import plain

    assert plain.arithmetic(ls.get(name)) == "float32"


def test_what_would_overflow_is_computed_in_float64() -> None:
    import torch

    from lossmith.adapt.in_torch import plain

    assert plain.arithmetic(ls.get("rmse")) == "float64"
    input = torch.tensor([1e30, -1e30]).requires_grad_()
    value = call_of(ls.get("rmse"), input, np.zeros(2, dtype=np.float32))
    value.backward()
    assert value.item() == np.float32(1e30)
    assert input.grad.tolist() == [0.5, -0.5]


@pytest.mark.parametrize("wanted", ["value", "gradient", "hvp"])
@pytest.mark.parametrize("name", ["log_loss", "focal", "softmax_focal", "tweedie"])
def test_the_chosen_arithmetic_keeps_the_contract_against_the_kernels(name: str, wanted: str) -> None:
    import torch

    from lossmith.adapt.in_torch.plain_arithmetic import looked_at, numbers, settled, units
    from lossmith.adapt.in_torch.plain_plan import made

    plan = settled(made(ls.get(name), wanted, weighted=False))
    rows, looks = looked_at(plan)
    for at in looks:
        exact = _of_kernels(rows, at)
        work = torch.float64 if plan.wide else torch.float32
        assert units(rows, at, exact, numbers(rows, at, work)) <= bound_of(plan.loss.definition.name)


def _of_kernels(plan: Any, at: Any) -> Any:
    """The numbers of the NumPy kernels, rounded to float32."""
    loss, y, raw = plan.loss.using("numpy"), at.leaves[0].numpy(), at.raw.numpy()
    raw = raw if raw.shape[1] > 1 else raw[:, 0]
    with np.errstate(all="ignore"):
        if plan.wanted == "per_example_hvp":
            found = loss.over("one").hvp(y, raw, np.ones_like(raw))
        else:
            found = getattr(loss, plan.wanted)(y, raw)
        return np.asarray(found.reshape(len(raw), -1), dtype=np.float32).astype(np.float64)


def test_a_form_that_loses_digits_is_found() -> None:
    """The measure itself: log(1 + exp(z)) as it stands, in float32, overflows and rounds 1 + exp(z)."""
    import torch

    from lossmith.adapt.in_torch.plain_arithmetic import points, units
    from lossmith.adapt.in_torch.plain_plan import made

    plan = made(ls.get("log_loss"), "per_example", weighted=False)
    at = points(ls.get("log_loss"))
    z, y = at.raw.float(), at.leaves[0].float().reshape(-1, 1)
    naive = y * torch.log(1 + torch.exp(-z)) + (1 - y) * torch.log(1 + torch.exp(z))
    exact = _of_kernels(plan, at)
    assert units(plan, at, exact, naive.double().numpy()) > bound_of("focal")


def test_a_transform_around_the_first_call_does_not_matter() -> None:
    import torch
    from torch.func import grad, vmap

    loss = ls.get("focal", gamma=1.75)  # not built before
    rows = tensor_of(np.linspace(-2, 2, 6).reshape(3, 2))
    found = vmap(grad(lambda z: call_of(loss, z, np.array([1.0, 0.0]))))(rows)
    assert torch.equal(found[0], grad(lambda z: call_of(loss, z, np.array([1.0, 0.0])))(rows[0]))
