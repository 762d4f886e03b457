"""Formulas as SymPy expressions mean what they meant; as LaTeX they read as they were written."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import sympy
from flint import arb

from lossmith import maths as ls
from lossmith.calculus.derivative import gradient
from lossmith.calculus.sympy_bridge import to_latex, to_sympy
from lossmith.catalogue import LOSSES, find
from lossmith.formula.definition import resolved
from lossmith.formula.lift import lift
from lossmith.formula.node import OPERATIONS, Node, make, symbol
from lossmith.interpret import BALLS, interpret

Y = symbol("y", "target", ["example"])
Z = symbol("z", "raw", ["example"])
YK = symbol("y", "target", ["example", "class"])
ZK = symbol("z", "raw", ["example", "class"])

UNARY = [op for op, row in OPERATIONS.items() if row.arity == 1 and not row.reduces and not row.boolean]
BINARY = [op for op, row in OPERATIONS.items() if row.arity == 2]
AXES = ("class_", "softmax", "log_softmax", "axis_", "logical")
ELEMENTWISE = [op for op in (*UNARY, *BINARY) if not op.startswith(AXES)]


@pytest.mark.parametrize("op", ELEMENTWISE)
def test_an_operation_has_the_same_value_in_sympy(op: str) -> None:
    made = make(op, Y) if OPERATIONS[op].arity == 1 else make(op, Y, Z)
    node = make("where", made, Y, Z) if OPERATIONS[op].boolean else made
    point = {"y": sympy.Rational(5, 8), "z": sympy.Rational(11, 8)}
    expression = to_sympy(node)
    named = {leaf: point[leaf.name] for leaf in expression.free_symbols}
    found = expression.subs(named).evalf(60)
    leaves = {Y: np.array([[0.625]]), Z: np.array([[1.375]])}
    with BALLS(200).context():
        assert abs(interpret([node], leaves, BALLS(200))[0][0, 0] - arb(str(found))) < arb("1e-50")


def test_sums_over_classes_are_worked_out_with_their_own_index() -> None:
    assert str(to_sympy(make("log_softmax", ZK))) == "log(exp(z_k)/Sum(exp(z_j), (j, 1, K)))"
    assert str(to_sympy(make("class_others", ZK))) == "-z_k + Sum(z_j, (j, 1, K))"


def test_constants_are_exact() -> None:
    assert to_sympy(0.1 * Z).coeff(to_sympy(Z)).p == 3602879701896397


def test_a_comparison_used_as_a_number_is_one_or_zero() -> None:
    assert str(to_sympy((Y > Z) * Y)) == "y*Piecewise((1, y > z), (0, True))"


@pytest.mark.parametrize(
    ("node", "expected"),
    [
        ((Y - Z) ** 2, r"\left(y - z\right)^{2}"),
        (find("poisson").formula, r"p - y \log{\left(p \right)}"),
        (find("cross_entropy").formula, r"- \sum_{k=1}^{K} y_{k} \log{\left(p_{k} \right)}"),
        (find("kl_divergence").formula, r"\sum_{k=1}^{K} y_{k} \log{\left(\frac{y_{k}}{p_{k}} \right)}"),
        (find("rmse").formula, r"\sqrt{\frac{1}{n} \sum_{i=1}^{n} \left(y_{i} - z_{i}\right)^{2}}"),
        (
            find("dice").formula,
            r"1 - \frac{2 \sum_{i=1}^{n} p_{i,k} y_{i,k} + \mathrm{smooth}}"
            r"{\sum_{i=1}^{n} y_{i,k} + \sum_{i=1}^{n} p_{i,k} + \mathrm{smooth}}",
        ),
        (
            find("quantile").formula,
            r"\begin{cases} \mathrm{level} \left(y - z\right) & \text{for}\: y > z \\"
            r"\left(1 - \mathrm{level}\right) \left(z - y\right) & \text{otherwise} \end{cases}",
        ),
        (make("sigmoid", Z) - Y, r"\sigma{\left(z \right)} - y"),
        (
            ls.mean(Z) * ls.mean(Y),
            r"\left(\frac{1}{n} \sum_{i=1}^{n} y_{i}\right) \left(\frac{1}{n} \sum_{i=1}^{n} z_{i}\right)",
        ),
        (ls.mean(Y + Z), r"\frac{1}{n} \sum_{i=1}^{n} \left(y_{i} + z_{i}\right)"),
        (symbol("z_mean", "raw", ["example"]), r"z_{\mathrm{mean}}"),
        (symbol("miss_rate", "parameter") * symbol("gamma", "parameter"), r"\gamma \mathrm{miss\_rate}"),
        (Z - Z, "z - z"),
    ],
)
def test_latex_reads_as_the_formula_was_written(node: Node, expected: str) -> None:
    assert to_latex(node) == expected


@pytest.mark.parametrize("entry", LOSSES, ids=lambda e: e.name)
def test_every_shipped_loss_and_its_gradient_has_balanced_latex(entry) -> None:  # type: ignore[no-untyped-def]
    root = lift(resolved(entry.definition))[0]
    for node in (entry.definition.formula, root, gradient(root, entry.definition.roles.raw[0])):
        text = to_latex(node)
        assert text.count("{") == text.count("}") and text.count(r"\left") == text.count(r"\right")
        assert "nan" not in text


def test_sympy_is_not_imported_until_it_is_asked_for() -> None:
    code = "import sys, lossmith.calculus.sympy_bridge, lossmith.catalogue; sys.exit('sympy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
