"""A first model: prepared rows come in, what it says of rows that it did not see goes out.

Losses have parameters that are about the noise (where Huber's line begins, how much counts vary): they are read from
what a quick usual model leaves, not from the target itself, whose spread is mostly signal.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

import numpy as np

from lossmith.advise.data.split import Fold
from lossmith.advise.models.candidate import Candidate
from lossmith.advise.models.facts import Prior
from lossmith.advise.models.plan import Plan
from lossmith.advise.models.train import Material, Task, train

MOST_ROWS: Final = 20_000
LOSSES: Final[Mapping[str, str]] = {
    "real": "squared_error",
    "fraction": "squared_error",
    "positive": "poisson",
    "nonnegative": "poisson",
    "count": "poisson",
}


def first_look(material: Material, fold: Fold, plan: Plan) -> Prior | None:
    """Train the usual loss on (at most 20,000 of) the rows to fit of one fold, and predict its rows to tune."""
    name = LOSSES.get(material.kind)
    if name is None:
        return None
    step = max(1, -(-len(fold.fit) // MOST_ROWS))
    quick = replace(plan, rows=len(fold.fit[::step]), quick=True)
    task = Task(Candidate(name), material, fold.fit[::step], fold.stop, quick, quick.rounds, plan.seed)
    model, _ = train(task)
    y_pred = model.predict(material.matrix[fold.tune]).y_pred
    return Prior(material.y[fold.tune], np.asarray(y_pred))
