"""A `Loss` of ours as something to call, for comparison with a reference.

Comes in: a `Loss`. Goes out: a `Subject`.
"""

from __future__ import annotations

import numpy as np

from lossmith.checking.subject import Answer, Array, Call, Subject
from lossmith.errors import UnsupportedError
from lossmith.formula.roles import CLASS_KINDS
from lossmith.loss.handle import Loss


def subject_of(loss: Loss, classes: int | None = None) -> Subject:
    """The subject that a loss with one target and one raw prediction is; values per row where it is a sum over rows.

    >>> import lossmith as ls
    >>> found = subject_of(ls.get("bce"))
    >>> found.kind, found.takes, found.per_row
    ('binary', 'raw', True)
    """
    said = loss.definition.declaration
    if len(said.target) > 1 or said.heads or said.columns:
        raise UnsupportedError(
            "LM320", f"{loss.name}: a loss is compared with another where it has one target and one raw prediction."
        )
    additive, kind = loss.is_additive, said.target[0][1]
    return Subject(
        name=loss.name,
        form="loss",
        kind=kind,
        takes="probability" if said.on == "probability" else "raw",
        call=_rows(loss) if additive else _finished(loss),
        gives=frozenset({"value", "gradient", "hessian"} if additive else {"value", "gradient"}),
        classes=(classes or 3) if said.has_classes else 1,
        target=("index" if kind == "class" else "rows") if kind in CLASS_KINDS else "number",
        per_row=additive,
        weighted=True,
    )


def _rows(loss: Loss) -> Call:
    def call(y_true: Array, prediction: Array, sample_weight: Array | None) -> Answer:
        value = loss.per_example(y_true, prediction, sample_weight)
        return Answer(value, *loss.per_example_gradient_and_hessian(y_true, prediction, sample_weight))

    return call


def _finished(loss: Loss) -> Call:
    def call(y_true: Array, prediction: Array, sample_weight: Array | None) -> Answer:
        value, slope = loss.value_and_gradient(y_true, prediction, sample_weight)
        return Answer(np.asarray(value), slope)

    return call
