"""PyTorch's own test cases of its losses, as they are shipped with it, answered by ours: values and gradients."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest

pytestmark = pytest.mark.peers("torch", "expecttest")

# How many cases each has at least; most of those of KLDivLoss have targets that are NaN, which are no targets for us.
CASES = {
    "nn.MSELoss": 5,
    "nn.L1Loss": 5,
    "nn.SmoothL1Loss": 5,
    "nn.HuberLoss": 3,
    "nn.BCEWithLogitsLoss": 5,
    "nn.CrossEntropyLoss": 100,
    "nn.NLLLoss": 28,
    "nn.KLDivLoss": 1,
}


@cache
def _known(name: str) -> Any:
    from torch.testing._internal.common_modules import module_db

    return next(info for info in module_db if info.name == name)


def _cases(name: str, dtype: Any) -> list[Any]:
    import torch

    torch.manual_seed(0)
    info = _known(name)
    return info.module_inputs_func(info, device="cpu", dtype=dtype, requires_grad=True, training=True)


SAMPLE = 9  # one case in so many is looked at every time


@pytest.mark.parametrize("name", CASES)
def test_a_sample_of_pytorchs_own_cases_is_answered_alike(name: str) -> None:
    _answered_alike(name, 64, SAMPLE)


@pytest.mark.corpus
@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("bits", [64, 32])
def test_pytorchs_own_cases_are_answered_alike(name: str, bits: int) -> None:
    _answered_alike(name, bits, 1)


def _answered_alike(name: str, bits: int, every: int) -> None:
    import torch

    import lossmith as ls

    dtype, seen, wrong = getattr(torch, f"float{bits}"), 0, []
    for case in _cases(name, dtype)[::every]:
        args, kwargs = case.forward_input.args, case.forward_input.kwargs
        module = _known(name).module_cls(*case.constructor_input.args, **case.constructor_input.kwargs).to(dtype)
        if getattr(module, "weight", None) is not None:
            module.weight.abs_()  # the cases draw weights of either sign; a weight is a number from 0 on
        expected = _value_and_gradients(module, args, kwargs)
        if any(found is not None and found.isnan().any() for found in expected):
            continue
        seen += 1
        try:
            found = _value_and_gradients(ls.for_torch(module), args, kwargs)
        except ls.LossmithError as error:
            wrong.append(f"{case.desc}: {error}")
            continue
        wrong += [f"{case.desc}: {fault}" for fault in _differences(found, expected, dtype)]
    assert seen >= CASES[name] // every
    assert wrong == []


def _value_and_gradients(module: Any, args: Any, kwargs: Any) -> list[Any]:
    import torch

    leaves = [a.detach().clone().requires_grad_(a.requires_grad) if isinstance(a, torch.Tensor) else a for a in args]
    value = module(*leaves, **kwargs)
    value.sum().backward()
    return [value, *(leaf.grad for leaf in leaves if isinstance(leaf, torch.Tensor) and leaf.requires_grad)]


def _differences(found: list[Any], expected: list[Any], dtype: Any) -> list[str]:
    """What is further apart than 32 ulp of the largest number there, or of 1: torch's own roundings, sums among them."""
    import torch

    wrong = []
    for place, (a, b) in enumerate(zip(found, expected, strict=True)):
        if (a is None) != (b is None):
            wrong.append(f"output {place}: {a} against {b}")
        elif b is not None and a.shape != b.shape:
            wrong.append(f"output {place}: shape {tuple(a.shape)} against {tuple(b.shape)}")
        elif b is not None and b.numel():
            gap, size = (a - b).abs().max(), max(float(b.abs().max()), 1.0 if place > 1 else 0.0)
            if not gap <= 32 * torch.finfo(dtype).eps * size:
                wrong.append(f"output {place}: {gap:.3g} apart at size {size:.3g}")
    return wrong
