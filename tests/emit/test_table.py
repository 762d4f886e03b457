"""The table of spellings: an entry or a reason for every plain operation, and the NumPy text means what it says."""

from __future__ import annotations

import numpy as np
import pytest

from lossmith.emit.table import TABLE, TARGETS, Unsupported, number_text, spelling, supports
from lossmith.errors import UnsupportedError
from lossmith.formula.node import OPERATIONS, make, symbol
from lossmith.interpret import BALLS, interpret
from lossmith.runtime import numpy_function
from lossmith.stable.forms import FORMS

REPLACED = (set(FORMS) - {"log", "exp", "power"}) | {
    "constant",
    "symbol",
    "example_mean",
    "example_log_mean_exp",
    "example_rms",
    "stop_gradient",
}
LEAVES = [symbol(n, "raw", ["example"]) for n in "abc"]
POINTS = np.array([[0.3, 0.7, 0.2], [1.5, 2.0, -3.0], [0.999, 1.0, 5.0]])


def test_every_operation_is_spelled_or_replaced_by_a_form() -> None:
    assert set(OPERATIONS) - REPLACED <= set(TABLE)
    assert set(TABLE) <= set(OPERATIONS)


@pytest.mark.parametrize("op", sorted(TABLE))
def test_an_empty_cell_has_its_reason(op: str) -> None:
    for target, column in TARGETS.items():
        cell = TABLE[op][column]
        assert supports(op, target) == (not isinstance(cell, Unsupported))
        if isinstance(cell, Unsupported):
            with pytest.raises(UnsupportedError, match=cell.reason):
                spelling(op, target)


ELEMENTWISE = [
    op for op, row in OPERATIONS.items()
    if op in TABLE and row.arity and not op.startswith(("class_", "example_", "axis_")) and not row.boolean
    and op not in ("log1p_unit", "exp_muladd", "where", "largest")
]  # fmt: skip


@pytest.mark.parametrize("op", ELEMENTWISE)
def test_the_numpy_spelling_has_the_meaning_of_the_operation(op: str) -> None:
    leaves = LEAVES[: OPERATIONS[op].arity]
    node = make(op, *leaves)
    columns = [POINTS[:, [j]] for j in range(len(leaves))]
    found = numpy_function(dict(zip(leaves, "abc", strict=False)), (node,))(*columns, 1, 1)[0]
    exact = interpret([node], dict(zip(leaves, columns, strict=True)), BALLS(200))[0]
    np.testing.assert_allclose(
        found.ravel(), [float(b.mid()) for b in exact.ravel()], rtol=1e-14, atol=1e-15
    )  # lgamma near its root at 1


@pytest.mark.parametrize("value", [0.1, 5e-324, 1.7976931348623157e308, -0.0, 1e22, float("inf"), float("-inf")])
def test_numbers_are_written_exactly(value: float) -> None:
    found = eval(number_text(value))  # our own text
    assert found == value
    assert np.signbit(found) == np.signbit(value)
