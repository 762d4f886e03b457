"""NaN where the prediction is exactly right.

Comes in: a `Subject`. Goes out: a `Finding` if there is such a place: a residual of 0, a probability of 0 or 1.
"""

from __future__ import annotations

import numpy as np

from lossmith.checking.finding import Finding
from lossmith.checking.intake.in_torch import OF_LOGARITHM
from lossmith.checking.numbers.climb import ask
from lossmith.checking.numbers.ladder import perfect
from lossmith.checking.subject import Subject

CAUSES = {
    "value": "there 0 is multiplied by the logarithm of 0, or 0 divided by 0: use a product that is "
    "0 where its first factor is (scipy.special.xlogy)",
    "gradient": "there a root, a power or a quotient has no slope: say what the slope is at 0",
    "hessian": "there a root, a power or a quotient has no slope: say what the second derivative is at 0",
}


def look_at_perfect(subject: Subject) -> list[Finding]:
    """One finding for the first part that is NaN for a perfect prediction.

    >>> from lossmith.checking.subject import Answer
    >>> root = Subject("rmse", "plain", "real", "raw",
    ...                lambda y, z, w: Answer(gradient=(z - y) / np.sqrt((z - y) ** 2)), frozenset({"gradient"}))
    >>> [finding.code for finding in look_at_perfect(root)]
    ['nan_at_perfect']
    """
    if any(name in subject.name for name in OF_LOGARITHM):  # it is handed logarithms: 0 has none
        return []
    for rung, place in perfect(subject, subject.dtypes[0]):
        for part, got in ask(rung, place).items():
            if np.isnan(got[0]):
                name = "the value" if part == "value" else f"the {part}"
                where = f"the target and the prediction are both {rung.target:g}"
                if rung.of_classes:
                    where = f"the probability of a class is exactly {rung.target:g} and so is the target"
                return [Finding("nan_at_perfect", f"{name} is NaN where {where}; {CAUSES[part]}.")]
    return []
