"""Formulas as people write them, without a thought for floating point: are they made safe?

Comes in: `NAIVE`, a table of formulas in many spellings. Goes out: a table of the worst error of value, gradient and hessian
against rigorous truth, over raw predictions up to +-1e30.

    python -m benchmarks.naive_formulas [--size 150] [--dtype float64] [--only WORD ...]
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np

from benchmarks.naive_corpus import NAIVE, Naive
from lossmith.certificate import Case, Certificate, certify, exact
from lossmith.checking.certify import _subject, leaf_values, outputs, samples_of
from lossmith.checking.places import Sample
from lossmith.errors import LossmithError
from lossmith.loss.handle import Loss
from lossmith.numerics.formats import Format, format_of

BOUND: Final = 16.0
GRID: Final = (0.0, 1e-30, 1e-12, 1e-8, 1e-4, 0.1, 0.5, 1.0, 2.0, 5.0, 10.0, 17.0, 20.0, 36.7, 40.0, 88.0, 89.0, 104.0,
               300.0, 710.0, 745.0, 750.0, 1e3, 1e4, 1e6, 1e8, 1e10, 1e16, 1e20, 1e30)  # fmt: skip
"""Sizes of raw predictions, each tried with both signs."""


# Measured ----------------------------------------------------------------------------------------------------------


LIMIT: Final = 1e30
"""The largest raw prediction looked at: beyond it squares of residuals leave the floats, however they are written."""


def _within(sample: Sample) -> Sample:
    size = np.abs(sample.raw_prediction)
    kept = (size if size.ndim == 1 else size.max(axis=1)) <= LIMIT * 1.001
    return Sample(sample.y_true[kept], sample.raw_prediction[kept])


def wide_samples(loss: Loss, fmt: Format, size: int, seed: int = 0) -> list[Sample]:
    """The points of the certificates within the limit, and the grid."""
    found = samples_of(loss, fmt, size, seed)
    if not loss.is_additive:
        return [s for s in found if np.abs(s.raw_prediction).max() <= LIMIT]
    found = [_within(s) for s in found]
    if loss.definition.declaration.has_classes:
        return found
    grid = np.unique(np.array([s * g for g in GRID for s in (1.0, -1.0)], dtype=fmt.dtype))
    ys = np.unique(found[0].y_true)
    few = ys[np.linspace(0, ys.size - 1, min(ys.size, 4)).astype(np.int64)]
    return [*found, Sample(np.repeat(few, grid.size), np.tile(grid, few.size))]


def measured(loss: Loss, dtype: str, *, size: int = 150, seed: int = 0, bound: float = BOUND) -> Iterator[Certificate]:
    """Value, gradient and hessian of one formula against exact truth, by the NumPy kernels."""
    fmt, kernel = format_of(dtype), loss.using("numpy")
    samples = wide_samples(loss, fmt, size, seed)
    values = [leaf_values(loss, s) for s in samples]
    for output, made in outputs(loss).items():
        subject = _subject(loss, output, made)
        with np.errstate(all="ignore"):
            computed = [made.compute(kernel, s).astype(fmt.dtype) for s in samples]
        cases = [Case(v, c) for v, c in zip(values, computed, strict=True)]
        truth = exact(subject, values, fmt)
        yield certify(subject, cases, fmt, backend="numpy", bound=bound, seed=seed, truth=truth, checked=10)


def table_row(naive: Naive, found: Certificate) -> str:
    """One line: what was lost and where."""
    faults = [f"{key}={getattr(found, key)}" for key in ("nan", "false_infinity", "false_zero", "undecided", "contradictions")
              if getattr(found, key)]  # fmt: skip
    point = {k: v for k, v in found.worst_point.items() if k not in found.parameters and k != "column"}
    mark = "" if found.meets else "OVER"
    units = f"{found.worst_units:10.3g}"
    return f"{naive.name:28s} {found.output:8s} {found.dtype:7s} {units} {mark:4s} {' '.join(faults):30s} {point}"


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table, and how many outputs keep the bound."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, default=150)
    parser.add_argument("--dtype", nargs="*", default=["float64"])
    parser.add_argument("--only", nargs="*", default=[])
    parser.add_argument("--over", action="store_true", help="print what is over the bound only")
    options = parser.parse_args(arguments)
    warnings.simplefilter("ignore")
    kept = total = 0
    for naive in NAIVE:
        if options.only and not any(word in naive.name for word in options.only):
            continue
        start = time.perf_counter()
        try:
            found = [c for dtype in options.dtype for c in measured(naive.loss, dtype, size=options.size)]
        except LossmithError as error:
            print(f"{naive.name:28s} refused: {error}", flush=True)
            continue
        for c in found:
            kept, total = kept + c.meets, total + 1
            if not (options.over and c.meets):
                print(table_row(naive, c), flush=True)
        if time.perf_counter() - start > 8:
            print(f"{naive.name:28s} took {time.perf_counter() - start:.1f} s", flush=True)
    print(f"{kept} of {total} outputs keep {BOUND:g} units")


if __name__ == "__main__":
    main()
