"""The saved model of LightGBM: its start constant in the first tree, its link in the header.

Comes in: a trained `Booster` whose trees stand on a constant that the file does not know. Goes out: a `Booster` that
the plain library reads, and that predicts on the target's scale.

LightGBM turns a raw score into a prediction by the objective named in the file. Of these, by name in version 4:
`binary sigmoid:1` and `cross_entropy` 1/(1+exp(-z)); `poisson`, `gamma` exp(z); `cross_entropy_lambda` log(1+exp(z));
`multiclass num_class:K` softmax; `regression` z (LightGBM, src/objective; every one is tested against our own link).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lossmith.errors import AdapterError

Floats = NDArray[np.float64]

# link → (objective for one column, the same for a target kind where LightGBM tells them apart)
ONE_COLUMN: Final[Mapping[str, tuple[str, Mapping[str, str]]]] = {
    "identity": ("regression", {}),
    "sigmoid": ("cross_entropy", {"binary": "binary sigmoid:1"}),
    "exp": ("poisson", {"positive": "gamma"}),
    "softplus": ("cross_entropy_lambda", {}),
}
# link → objective for K columns; identity needs none, for raw scores are the predictions
SEVERAL_COLUMNS: Final[Mapping[str, str]] = {
    "softmax": "multiclass num_class:{0}",
    "sigmoid": "multiclassova num_class:{0} sigmoid:1",
}
FEATURES: Final = "\nfeature_names="
IN_PARAMETERS: Final = re.compile(r"\[objective: [^\]]*\]")


def stamp(link: str, target: str, columns: int) -> str | None:
    """The objective that makes the plain library apply this link, or None where it has none.

    >>> stamp("sigmoid", "binary", 1), stamp("softmax", "class", 3), stamp("tanh", "real", 1)
    ('binary sigmoid:1', 'multiclass num_class:3', None)
    """
    if columns > 1:
        found = SEVERAL_COLUMNS.get(link)
        return None if found is None else found.format(columns)
    if link not in ONE_COLUMN:
        return None
    general, by_target = ONE_COLUMN[link]
    return by_target.get(target, general)


def bake(booster: Any, start: Floats, objective: str | None, rounds: int | None = None) -> Any:
    """A new booster: `start` (K,) added to the leaves of the first K trees, the objective written into the header.

    `rounds` keeps the first so many rounds only. Raises `AdapterError` (LM402) for a model that already has an
    objective: its start is inside, and adding it again would be wrong.
    """
    import lightgbm

    baked = lightgbm.Booster(model_str=_stamped(unbaked_text(booster, rounds), objective))
    if baked.num_trees() < start.size:
        raise AdapterError("LM403", "this model has no trees, so there is no leaf to keep the start in. Train a round.")
    for column, constant in enumerate(start):
        for leaf in range(_leaves(baked, column)):
            baked.set_leaf_output(column, leaf, baked.get_leaf_output(column, leaf) + float(constant))
    return baked


def unbaked_text(booster: Any, rounds: int | None = None) -> str:
    """The text of a model, or LM402 if it names an objective."""
    text: str = booster.model_to_string(num_iteration=rounds or -1)
    if "\nobjective=" in text.partition("\nTree=")[0]:
        raise AdapterError("LM402", "this model already names its objective, so it is baked: use it as it is.")
    return text


def _stamped(text: str, objective: str | None) -> str:
    if objective is None:
        return text
    if FEATURES not in text:
        raise AdapterError("LM404", "LightGBM's model text has no feature names: this version writes another format.")
    named = text.replace(FEATURES, f"\nobjective={objective}{FEATURES}", 1)
    head, mark, tail = named.rpartition("\nparameters:")
    return head + mark + IN_PARAMETERS.sub(f"[objective: {objective.split()[0]}]", tail, count=1)


def _leaves(booster: Any, tree: int) -> int:
    """How many leaves a tree has, from the text: the dump of the whole model would be slow."""
    found = re.search(rf"\nTree={tree}\nnum_leaves=(\d+)", booster.model_to_string(num_iteration=1))
    assert found is not None
    return int(found.group(1))
