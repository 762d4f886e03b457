"""The diagonal of the second derivative of finished numbers, with class sums and example sums inside the gradient."""

from __future__ import annotations

import numpy as np
import pytest

from lossmith.calculus.diagonal import diagonal
from lossmith.errors import UnsupportedError
from lossmith.interpret import BALLS, interpret
from tests.properties import oracle
from tests.properties.cases import CASES, Case
from tests.properties.laws import close

REFUSED = {"dice_per_image"}


def exact_and_found(case: Case) -> list[tuple[np.ndarray, np.ndarray]]:
    loss = case.loss
    rows = oracle.rows_of(loss, case.y, case.raw, None, case.columns)
    found = loss.expressions
    scale = rows.n if found.additive is not None and found.additive.is_mean else 1
    leaves = oracle.leaves_of(loss, rows)
    exact = oracle.exact_diagonal(loss, rows)
    pairs = []
    for g, leaf, truth in zip(found.gradient, found.raw, exact, strict=True):
        node = diagonal(g, leaf)
        balls = interpret([node], leaves, BALLS(oracle.PRECISION), rows.groups)[0]
        pairs.append((oracle.floats(np.broadcast_to(balls, truth.shape)), truth * scale))
    return pairs


@pytest.mark.parametrize("case", [c for c in CASES if c.name not in REFUSED], ids=repr)
def test_the_diagonal_is_the_second_difference(case: Case) -> None:
    for found, exact in exact_and_found(case):
        close(
            found, exact, 8
        )  # exact formulas, rounded once; a product with the number of rows and constants as floats


def test_what_couples_two_rows_is_refused_or_right() -> None:
    """Per image and class: either the exact diagonal or a refusal that names the remedy; never a wrong number."""
    case = next(c for c in CASES if c.name == "dice_per_image")
    try:
        pairs = exact_and_found(case)
    except UnsupportedError as error:
        assert "hvp" in str(error)
        return
    for found, exact in pairs:
        close(found, exact, 8)
