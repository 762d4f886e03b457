"""Laws that hold for every design: checked on the same rows that it is measured at.

Comes in: a loss and a batch. Goes out: the names of the laws that are broken.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

import lossmith as ls
from benchmarks.combination_totals import Batch
from lossmith.errors import LossmithError
from lossmith.formula.node import walk

Law = Callable[[Any, Batch], bool]
NEARLY: Final = {"rtol": 1e-12, "atol": 0.0, "equal_nan": True}
"""Sums of exponentials are not kept in two words: how rows are grouped shows in the last digits."""


def columns_of(loss: Any, batch: Batch) -> dict[str, NDArray[Any]]:
    """The columns that a loss reads."""
    found = {name: batch.columns[name] for name in loss.definition.declaration.columns}
    chooses = any(node.op == "largest" and node.attr for node in walk(loss.definition.formula))
    return {**found, "group": batch.columns["group"]} if chooses else found


def value_and_gradient(loss: Any, batch: Batch) -> tuple[float, NDArray[Any]]:
    """The finished loss of a batch."""
    with np.errstate(all="ignore"):
        found: tuple[float, NDArray[Any]] = loss.value_and_gradient(
            batch.y, batch.raw, batch.weight, columns=columns_of(loss, batch)
        )
    return found


def _same(a: tuple[float, NDArray[Any]], b: tuple[float, NDArray[Any]]) -> bool:
    return np.array_equal(a[0], b[0], equal_nan=True) and np.array_equal(a[1], b[1], equal_nan=True)


def a_class_number_equals_its_one_hot_row(loss: Any, batch: Batch) -> bool:
    """Class numbers, and rows of 0 and 1."""
    if batch.y.dtype.kind != "i" or batch.raw.ndim < 2 or loss.definition.ignored:
        return True
    wide = replace(batch, y=np.eye(batch.raw.shape[1])[np.maximum(batch.y, 0)])
    return _same(value_and_gradient(loss, batch), value_and_gradient(loss, wide))


def a_row_of_weight_0_is_absent(loss: Any, batch: Batch) -> bool:
    """The rows that are left give the same, bit for bit."""
    if batch.weight is None:
        return True
    keep = batch.weight != 0
    columns = {name: column[keep] for name, column in batch.columns.items()}
    fewer = Batch(batch.y[keep], batch.raw[keep], batch.weight[keep], columns, batch.v[keep])
    value, gradient = value_and_gradient(loss, batch)
    found, left = (value, gradient[keep]), value_and_gradient(loss, fewer)
    if any(node.op == "example_log_mean_exp" for node in walk(loss.definition.formula)):
        return bool(np.allclose(found[0], left[0], **NEARLY) and np.allclose(found[1], left[1], **NEARLY))
    return _same(found, left) and not gradient[~keep].any()


def nothing_follows_the_empty_rule(loss: Any, batch: Batch) -> bool:
    """All weights 0: zero, NaN or a refusal, as the design says."""
    rule = loss.definition.empty
    try:
        value = value_and_gradient(loss, replace(batch, weight=np.zeros(len(batch.raw))))[0]
    except LossmithError:
        return bool(rule == "error")
    return bool(np.isnan(value)) if rule == "nan" else bool(rule == "zero" and value == 0.0)


def it_is_read_back_from_its_text(loss: Any, batch: Batch) -> bool:
    """JSON gives an equal loss."""
    return bool(ls.from_json(loss.to_json()) == loss)


LAWS: Final[Mapping[str, Law]] = {
    law.__name__.replace("_", " "): law
    for law in (
        a_class_number_equals_its_one_hot_row,
        a_row_of_weight_0_is_absent,
        nothing_follows_the_empty_rule,
        it_is_read_back_from_its_text,
    )
}


def broken(loss: Any, batches: Sequence[Batch]) -> list[str]:
    """The laws that do not hold here; what is no matter of rows is looked at once."""
    once = it_is_read_back_from_its_text
    return [
        name
        for name, law in LAWS.items()
        if not all(law(loss, batch) for batch in (batches[:1] if law is once else batches))
    ]
