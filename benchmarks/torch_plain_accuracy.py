"""How accurate the plain form of a loss in PyTorch is: worst error of value, gradient and hessian-vector product.

Comes in: nothing. Goes out: a table: for every loss of the catalogue, in float32 (in the arithmetic that the plain form has
chosen for it) and float64, the largest error against the NumPy kernels in units of the contract of certificates, at the
points by which that choice is made. `python benchmarks/torch_plain_accuracy.py [loss ...]`.
"""

from __future__ import annotations

import sys
from typing import Any, Final

import numpy as np
import torch

import lossmith as ls
from lossmith.adapt.in_torch.plain_arithmetic import Points, looked_at, numbers, settled, units
from lossmith.adapt.in_torch.plain_plan import Plan, made
from lossmith.kernel.rows import load
from lossmith.loss.evaluate import run_rows, with_direction
from lossmith.numerics.formats import FLOAT32, FLOAT64

WANTED: Final = ("value", "gradient", "hvp")
FORMATS: Final = {torch.float32: FLOAT32, torch.float64: FLOAT64}


def of_kernels(plan: Plan, at: Points) -> Any:
    """What the NumPy kernels make of the points, in the shape of the plain form's numbers."""
    loss, declaration = plan.loss.using("numpy"), plan.loss.definition.declaration
    arrays = [leaf.numpy() for leaf in at.leaves]
    names = [name for name, _ in declaration.target]
    y = arrays[0] if names == ["y"] else dict(zip(names, arrays, strict=False))
    columns = dict(zip(declaration.columns, arrays[len(names) :], strict=False))
    raw = at.raw.numpy()
    raw = raw if declaration.heads or raw.shape[1] > 1 else raw[:, 0]
    rows = load(loss.definition, y, raw, None, columns, parameters=loss._request().parameters)
    found = run_rows(loss._request(), (plan.wanted,), with_direction(loss.definition, rows, np.ones_like(raw)))
    results = list((found.finish or found.outputs).values())
    return np.concatenate([np.asarray(r).reshape(len(r), -1) for r in results], axis=1)


def worst(loss: ls.Loss, wanted: str, dtype: torch.dtype) -> tuple[float, bool]:
    """The largest error, and whether float32 rows are computed in float64."""
    plan = settled(made(loss, wanted, weighted=False))
    rows, looks = looked_at(plan)
    work = torch.float64 if plan.wide else dtype
    errors = []
    for at in looks:
        exact = of_kernels(rows, at)
        exact = exact.astype(np.float32).astype(np.float64) if dtype == torch.float32 else exact
        errors.append(units(rows, at, exact, numbers(rows, at, work, dtype), FORMATS[dtype]))
    return max(errors), plan.wide


def main(names: list[str]) -> None:
    """Print the table; a star says that float32 rows are computed in float64."""
    print(f"{'':28s}{'float32':^33s}{'float64':^30s}")
    print(f"{'':28s}{''.join(f'{w:>11s}' for w in WANTED)}{''.join(f'{w:>10s}' for w in WANTED)}")
    for name in names or ls.names():
        cells = []
        with np.errstate(all="ignore"):
            for dtype in FORMATS:
                for wanted in WANTED:
                    error, wide = worst(ls.get(name), wanted, dtype)
                    cells.append(f"{error:10.3g}" + ("" if dtype == torch.float64 else "*" if wide else " "))
        print(f"{name:28s}{''.join(cells)}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
