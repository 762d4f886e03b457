"""Objectives of LightGBM and XGBoost of the form (predictions, data set), without these packages.

Comes in: a function whose second argument is asked for labels. Goes out: `Opened`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, final

import numpy as np

from lossmith.checking.intake.code import arguments, modules_used, names_used, title
from lossmith.checking.intake.hints import Bind, Hints, Opened, Way
from lossmith.checking.intake.layouts import Layout
from lossmith.checking.intake.plain import rather_classes
from lossmith.checking.intake.returned import Parts, WayError, answer, parts_of, pieces
from lossmith.checking.intake.words import LABELS
from lossmith.checking.subject import Answer, Array, Call

OF_XGBOOST: Final = frozenset({"dtrain", "dmatrix", "predt", "dtest", "dvalid"})
OF_LIGHTGBM: Final = frozenset({"train_data", "train_set", "lgb_train", "eval_data", "dataset"})
"""Names of arguments that are usual with one library alone."""
DTYPES: Final = ("float64", "float32")


@final
class Labelled:
    """What an objective is handed in place of a data set: labels, weights, numbers of rows."""

    def __init__(self, label: Array, weight: Array | None) -> None:
        self.label = label
        self.weight = weight
        self.reference: None = None  # it is no part of another data set

    def get_label(self) -> Array:
        """The targets."""
        return self.label

    def get_weight(self) -> Array | None:
        """The weights of the rows, or None."""
        return self.weight

    def get_group(self) -> None:
        """Rows are not grouped."""

    def get_init_score(self) -> None:
        """There is no score to begin with."""

    def get_field(self, field_name: str) -> Any:
        """Labels or weights by name, as LightGBM has it."""
        return {"label": self.label, "weight": self.weight}.get(field_name)

    def get_float_info(self, field: str) -> Any:
        """Labels or weights by name, as XGBoost has it; without weights an empty array."""
        found = self.get_field(field)
        return np.zeros(0, np.float32) if found is None else found

    def num_data(self) -> int:
        """The number of rows, as LightGBM calls it."""
        return int(self.label.shape[0])

    def num_row(self) -> int:
        """The number of rows, as XGBoost calls it."""
        return self.num_data()


@final
class LabelledForXgboost:
    """The same where no weights are an empty array, as XGBoost gives them."""

    def __init__(self, label: Array, weight: Array | None) -> None:
        self._of = Labelled(label, weight)

    def get_weight(self) -> Array:
        """The weights of the rows; without any, an empty array."""
        return np.zeros(0, np.float32) if self._of.weight is None else self._of.weight

    def __getattr__(self, name: str) -> Any:
        return getattr(self._of, name)


def is_of_data_set(thing: Any) -> bool:
    """Whether a function is an objective or a metric over a data set: it asks for labels, or names such an argument."""
    if not callable(thing) or isinstance(thing, type):
        return False
    return bool(names_used(thing) & set(LABELS)) or _names_data_set(thing)


def _names_data_set(thing: Any) -> bool:
    try:
        return arguments(thing).dataset
    except Exception:
        return False


def open_booster(thing: Any, hints: Hints) -> Opened:
    """An objective of LightGBM or of XGBoost; XGBoost where its package or its usual names are used."""
    name, told = title(thing), arguments(thing)
    used = modules_used(thing)
    of_xgboost = "xgboost" in used or bool(OF_XGBOOST & set(told.names))
    either = [("lightgbm", False), ("xgboost", False), ("lightgbm", True)]
    sure = "lightgbm" in used or bool(OF_LIGHTGBM & set(told.names))
    tried = [("xgboost", False)] if of_xgboost else [one for one in either if not (sure and one[0] == "xgboost")]
    ways = tuple(
        Way(
            form=form,
            bind=_bind(thing, name, form, flat=flat),
            weighted="get_weight" in names_used(thing) or "get_float_info" in names_used(thing),
            dtypes=DTYPES,
            says=hints.takes or "raw",
            said=(FLAT,) if flat else (),
        )
        for form, flat in tried
    )
    return Opened(name, ways, rather_classes(thing, name))


FLAT: Final = (
    "Its predictions are taken to be one flat array, class after class, as LightGBM before 4.0 hands them over."
)
ORDER: Final[Mapping[str, Any]] = {"lightgbm": "F", "xgboost": "C"}
"""How each library lays out several numbers of a row."""
MADE: Final[Mapping[str, Any]] = {"lightgbm": Labelled, "xgboost": LabelledForXgboost}


def _bind(thing: Any, name: str, form: str, *, flat: bool) -> Bind:
    order = ORDER[form]

    def bind(layout: Layout) -> Call:
        if layout.target == "rows":
            raise WayError("a data set holds one label for each row")
        if flat and layout.classes == 1:
            raise WayError("one number a row is flat already")
        seen: list[Parts] = []

        def call(y_true: Array, prediction: Array, sample_weight: Array | None) -> Answer:
            handed = _handed(prediction, order, flat=flat)
            returned = thing(handed, MADE[form](y_true, sample_weight))
            if handed is not prediction:
                prediction[...] = handed.reshape(prediction.shape, order=order)  # what it did to it shows
            found, _ = pieces(returned)
            if not seen:
                seen.append(parts_of(found, prediction.shape, name))
            return answer(found, seen[0], prediction.shape, order)

        return call

    return bind


def _handed(prediction: Array, order: Any, *, flat: bool) -> Array:
    """The predictions as the library hands them over."""
    if prediction.ndim == 1:
        return prediction
    return prediction.ravel(order=order) if flat else np.array(prediction, order=order)
