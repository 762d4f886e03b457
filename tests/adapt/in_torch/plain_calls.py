"""The plain form on arrays, and how far its numbers are from those of the NumPy kernels.

Used by tests under `pytest.mark.peers("torch")`. Comes in: a loss and rows as NumPy arrays. Goes out: value, gradient and
hessian-vector product as arrays; errors in ulp.
"""

from __future__ import annotations

from typing import Any

import numpy as np


def tensor_of(given: Any, dtype: Any = None) -> Any:
    """An array, or a mapping of arrays, as tensors; numbers in a dtype if one is said."""
    import torch

    if given is None:
        return None
    if isinstance(given, dict):
        return {name: tensor_of(array, dtype) for name, array in given.items()}
    found = torch.tensor(np.asarray(given))
    return found.to(dtype) if dtype is not None and found.is_floating_point() else found


def call_of(loss: Any, input: Any, y: Any, weight: Any = None, columns: Any = None, **more: Any) -> Any:
    """The plain form of a loss on a tensor and arrays."""
    from lossmith.adapt.in_torch import plain
    from lossmith.adapt.in_torch.call import Call

    dtype = more.pop("dtype", None)
    per_row, workers = more.pop("per_row", False), more.pop("workers", None)
    others = (tensor_of(given, dtype) for given in (y, weight, columns))
    return plain.apply(Call(loss, per_row, input, *others, workers))


def three(loss: Any, y: Any, raw: Any, v: Any, weight: Any = None, columns: Any = None, dtype: Any = None) -> Any:
    """Value, gradient and hessian-vector product as float64 arrays, by two backward passes."""
    import torch

    input = tensor_of(raw, dtype).requires_grad_()
    value = call_of(loss, input, y, weight, columns, dtype=dtype)
    (gradient,) = torch.autograd.grad(value, input, create_graph=True)
    (product,) = torch.autograd.grad(gradient, input, tensor_of(v, dtype))
    return tuple(x.detach().to(torch.float64).numpy() for x in (value, gradient, product))


def expected(loss: Any, y: Any, raw: Any, v: Any, weight: Any = None, columns: Any = None) -> Any:
    """The same from the NumPy kernels."""
    given, of = {"columns": columns} if columns else {}, loss.using("numpy")
    return (
        np.asarray(of.value(y, raw, weight, **given)),
        of.gradient(y, raw, weight, **given),
        of.hvp(y, raw, v, weight, **given),
    )


def apart(found: Any, wanted: Any, digits: int = 53) -> float:
    """The largest difference in ulp of the wanted numbers; of a row of classes, in ulp of its largest."""
    found, wanted = np.asarray(found), np.asarray(wanted)
    assert found.shape == wanted.shape, (found.shape, wanted.shape)
    size = np.abs(wanted)
    size = size.max(axis=-1, keepdims=True, initial=0.0) if wanted.ndim > 1 else size
    different = ~((found == wanted) | (np.isnan(found) & np.isnan(wanted)))
    with np.errstate(all="ignore"):
        errors = np.where(different, np.abs(found - wanted) / (size * 2.0 ** (1 - digits)), 0.0)
    return float(np.nan_to_num(errors, nan=np.inf, posinf=np.inf).max(initial=0.0))
