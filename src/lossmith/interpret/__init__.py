"""One evaluator of formulas over any number system: floats to look around, rigorous balls to know.

Comes in: nodes and the values of their leaves. Goes out: 2-D arrays of floats or of balls, and the exact truth rounded
to a format.
"""

from lossmith.interpret.balls import BALLS
from lossmith.interpret.evaluate import interpret
from lossmith.interpret.systems import LONGDOUBLE, NUMPY, System, numpy_system
from lossmith.interpret.truth import Truth, round_number, row_wise, truth, truths

__all__ = [
    "BALLS",
    "LONGDOUBLE",
    "NUMPY",
    "System",
    "Truth",
    "interpret",
    "numpy_system",
    "round_number",
    "row_wise",
    "truth",
    "truths",
]
