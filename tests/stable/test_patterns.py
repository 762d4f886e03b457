"""Forms of whole patterns: equal in exact arithmetic, and digits where a form for each node alone has none."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import lossmith as ls
from lossmith.formula.node import Node, substitute, symbol, symbols, walk
from lossmith.formula.rewrite import Rule
from lossmith.interpret import BALLS, interpret, truths
from lossmith.numerics.formats import FLOAT64
from lossmith.stable.patterns import PATTERNS, by_patterns

Z, Y, C = symbol("z", "raw", ["example"]), symbol("y", "target", ["example"]), symbol("c", "column", ["example"])
D = symbol("d", "column", ["example"])
ROW = symbol("row", "raw", ["example", "class"])
WILD = {"?A": Z, "?B": Y, "?C": C, "?D": D}
# small, near a root, large, past a square's range of doubles; the shares 0.25 to 0.75 are inside (0, 1)
VALUES: dict[Node, Any] = {
    Z: [[0.3], [-2.0], [1e-9], [20.0], [-18.0], [0.625]],
    ROW: [[0.3, -1.0, 0.5], [-2.0, 1.0, 0.0], [1e-9, 0.0, 2.0], [20.0, 0.5, -3.0], [-18.0, 1.0, 2.0], [0.6, 0.6, 0.1]],
    Y: [[0.25], [0.5], [0.75], [0.3], [0.6], [0.5]],
    C: [[0.7], [1.5], [0.75], [0.7], [1.3], [0.75]],
    D: [[0.05], [2.5], [0.75], [19.7], [3.0], [0.125]],
}


@pytest.mark.parametrize("rule", PATTERNS, ids=lambda r: f"{r.hazard}-{len(walk(r.pattern))}")
def test_both_sides_are_equal_in_exact_arithmetic(rule: Rule) -> None:
    over_classes = any(n.op.startswith("softmax") for n in walk(rule.pattern))
    names = {
        w: (WILD | {"?A": ROW} if over_classes else WILD)[repr(w)] for w in symbols(rule.pattern, rule.replacement)
    }
    both = [substitute(side, names) for side in (rule.pattern, rule.replacement)]
    a, b = interpret(both, VALUES, BALLS(400))
    inside = [(x, y) for x, y in zip(a.ravel(), b.ravel(), strict=True) if not (x.is_nan() and y.is_nan())]
    assert len(inside) >= 3  # log1p(a) has no meaning below -1, and neither side then
    assert all(abs(x - y) < 1e-60 * (1 + abs(x)) for x, y in inside)


FOUND = [("student_t", 0), ("student_t", 1), ("student_t", 2), ("tweedie", 1), ("negative_binomial", 1), ("ordinal", 1)]


@pytest.mark.parametrize(("name", "output"), [*FOUND, ("zero_inflated_poisson", 0)])
def test_a_pattern_is_found_once_and_for_all(name: str, output: int) -> None:
    made = ls.get(name).expressions
    node = (made.per_example, made.gradient[0], made.hessian[0])[output]
    assert node is not None
    found = by_patterns(node)
    assert found is not node and by_patterns(found) is found and len(walk(found)) < 2 * len(walk(node)) + 20


def _gradient_and_hessian(name: str, y: float, raw: list[float], **parameters: float) -> tuple[Any, Any, Any]:
    """Computed, exact (both for gradient and hessian), and the parameters' loss."""
    loss = ls.get(name, **parameters)
    rows = np.full(len(raw), y), np.array(raw)
    found = loss.using("numpy").per_example_gradient_and_hessian(*rows)
    leaves = loss.definition.roles.leaves
    values = {leaves["y"]: rows[0], leaves["z"]: rows[1]}
    values |= {symbol(key, "parameter"): value for key, value in loss.parameters.items()}
    nodes = [loss.expressions.gradient[0], loss.expressions.hessian[0]]
    return found, [t.rounded.ravel() for t in truths(nodes, values, FLOAT64)], loss


SMALL = [1e-300, -1e-100, 1e-15, -1e-9, 1e-3]
# at these places the exact number is that of the rounded prediction; 16 units are the contract
PLACES: list[tuple[str, float, list[float], dict[str, float]]] = [
    ("student_t", 0.0, [1e-200, -3.0, 1e100, 1e160, -1e200, 1e300], {}),
    ("student_t", 0.0, [0.0, 1e103, 1e154], {"degrees": 1.0}),
    ("student_t", 1.0, SMALL, {"degrees": 1.0}),
    ("student_t", 1e30, [1e30], {}),
    ("student_t", -3.5, [-1e308, 1.7e308], {"scale": 0.001}),
    ("tweedie", 1.0, SMALL, {}),
    ("tweedie", 1.0, [*SMALL, -1000.0, 500.0], {"power": 1.95}),
    ("tweedie", 1.0, [-1000.0, 700.0, 3.0], {"power": 1.05}),
    ("negative_binomial", 1.0, [*SMALL, 300.0, -300.0], {}),
    ("negative_binomial", 1.0, [*SMALL, 300.0, -300.0], {"dispersion": 0.01}),
    ("negative_binomial", 0.0, [300.0, -300.0, 1e308], {"dispersion": 50.0}),
]


@pytest.mark.parametrize(("name", "y", "raw", "parameters"), PLACES)
def test_gradient_and_hessian_keep_their_digits(
    name: str, y: float, raw: list[float], parameters: dict[str, float]
) -> None:
    found, exact, _ = _gradient_and_hessian(name, y, raw, **parameters)
    for computed, truth in zip(found, exact, strict=True):
        np.testing.assert_allclose(computed, truth, rtol=16 * 2.0**-52, atol=2.0**-1022)


def test_the_logarithm_of_a_ratio_that_overflows_is_finite() -> None:
    """5 / 2 log(1 + (1e308 / 0.002)**2) of Student-t noise: nearly 5 times the logarithm of the ratio."""
    loss = ls.get("student_t", scale=0.001).using("numpy")
    far, near = loss.per_example([0.0, 0.0], [1e308, 0.0])
    assert far - near == pytest.approx(5 * (308 * np.log(10.0) - np.log(0.002)), rel=8 * 2.0**-52)


def test_the_log_of_an_inflated_zero_is_no_false_zero() -> None:
    loss = ls.get("zero_inflated_poisson", zero=0.25).using("numpy")
    assert loss.per_example([0.0], [-50.0])[0] == pytest.approx(0.75 * np.exp(-50.0), rel=4e-16)
    assert loss.per_example([0.0], [1e300])[0] == pytest.approx(np.log(4.0), rel=4e-16)
