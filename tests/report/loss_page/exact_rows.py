"""The exact value, gradient and curvature of one row, by arbitrary precision.

Comes in: a loss of one raw prediction, a target, a raw prediction. Goes out: three numbers.
"""

from lossmith.formula.node import symbols
from lossmith.interpret import truths
from lossmith.numerics.formats import FLOAT64


def exact_row(loss, target, raw):
    """Evaluate the exact formulas of a row in rigorous balls."""
    found = loss.expressions
    leaves = loss.definition.roles.leaves
    parameters = {
        repr(leaf): leaf for node in (found.per_example, *found.gradient) for leaf in symbols(node, role="parameter")
    }
    values = {leaves[loss.definition.declaration.target[0][0]]: [target], found.raw[0]: [raw]}
    values |= {leaf: loss.parameters[name] for name, leaf in parameters.items()}
    nodes = (found.per_example, found.gradient[0], found.hessian[0])
    exact = [float(one.rounded[0, 0]) for one in truths(nodes, values, FLOAT64)]
    return dict(zip(("value", "gradient", "hessian"), exact, strict=True))
