"""The door to `verify`: anything that computes a loss becomes something that can be called and checked.

Comes in: a `Loss`, a text, a function, an objective of a booster, a criterion. Goes out: a `Loss`, or a `Subject`.
`FORMS` holds every form that is known, in the order in which they are recognised.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final

from lossmith.checking.intake.boosters import is_of_data_set, open_booster
from lossmith.checking.intake.hints import CallError, Hints, Opened
from lossmith.checking.intake.in_catboost import is_metric, is_objective, open_metric, open_objective
from lossmith.checking.intake.in_jax import is_of_jax, open_jax
from lossmith.checking.intake.in_torch import is_of_torch, open_torch
from lossmith.checking.intake.named import read_text
from lossmith.checking.intake.plain import open_plain
from lossmith.checking.intake.settle import settle
from lossmith.checking.subject import Subject, Takes
from lossmith.checking.watch import Watch
from lossmith.errors import ArgumentError, did_you_mean
from lossmith.formula.roles import TARGET_KINDS
from lossmith.loss.handle import Loss

__all__ = ["FORMS", "CallError", "Form", "intake"]


@dataclass(frozen=True)
class Form:
    """A form in which losses come: what it is called, how it is recognised, what it says before it is called."""

    name: str
    title: str
    is_of: Callable[[Any], bool]
    open: Callable[[Any, Hints], Opened]


FORMS: Final[tuple[Form, ...]] = (
    Form("catboost", "an objective of CatBoost (derivatives of minus the loss)", is_objective, open_objective),
    Form("catboost_metric", "a metric of CatBoost", is_metric, open_metric),
    Form("torch", "a PyTorch criterion", is_of_torch, open_torch),
    Form("jax", "a JAX function", is_of_jax, open_jax),
    Form("lightgbm", "an objective or metric of LightGBM (predictions, data set)", is_of_data_set, open_booster),
    Form("xgboost", "an objective or metric of XGBoost (predictions, data set)", is_of_data_set, open_booster),
    Form("plain", "a function of arrays", callable, open_plain),
)
"""Every form, in the order in which it is recognised; a thing that fits none cannot be called."""


def title_of(form: str) -> str:
    """What a form is called, for people.

    >>> title_of("jax")
    'a JAX function'
    """
    return next(row.title for row in FORMS if row.name == form)


def intake(
    thing: Any,
    *,
    kind: str | None = None,
    takes: Takes | None = None,
    classes: int | None = None,
    watch: Watch | None = None,
) -> Subject | Loss:
    """Take in anyone's loss.

    `thing`: a `Loss`; a text (name, formula, design, or "module:function"); a function (y_true, prediction) or
    (prediction, y_true) that gives a value, (gradient, hessian), (value, gradient) or a metric; an objective
    (predictions, data set); an objective or metric of CatBoost; a criterion of PyTorch; a function of JAX.
    Its calls are counted by `watch`.
    Raises ArgumentError (LM350 to LM356) for what cannot be taken in, and `CallError` for what fails when it is called.

    >>> import numpy as np
    >>> found = intake(lambda y_true, y_pred: np.mean((y_true - y_pred) ** 2))
    >>> found.kind, found.takes, sorted(found.gives), found.per_row
    ('real', 'raw', ['value'], False)
    """
    hints = Hints(_checked_kind(kind), _checked_takes(takes), _checked_classes(classes))
    address = thing if isinstance(thing, str) else None
    if isinstance(thing, str):
        thing = read_text(thing, hints)
    if isinstance(thing, Loss):
        return thing
    form = next((row for row in FORMS if row.is_of(thing)), None)
    if form is None:
        raise ArgumentError(
            "LM355",
            f"{type(thing).__name__} is no loss: give a Loss, a text, a function or an object that can be called.",
        )
    found = settle(form.open(thing, hints), hints, watch or Watch())
    return replace(found, name=address) if address and found.name == "<lambda>" else found


def _checked_kind(kind: str | None) -> str | None:
    if kind is not None and kind not in TARGET_KINDS:
        raise ArgumentError(
            "LM356", f'kind is one of {", ".join(TARGET_KINDS)}, got "{kind}".{did_you_mean(str(kind), TARGET_KINDS)}'
        )
    return kind


def _checked_takes(takes: Takes | None) -> Takes | None:
    if takes not in (None, "raw", "probability"):
        raise ArgumentError("LM356", f'takes is "raw" or "probability", got {takes!r}.')
    return takes


def _checked_classes(classes: int | None) -> int | None:
    if classes is not None and (isinstance(classes, bool) or not isinstance(classes, int) or classes < 2):
        raise ArgumentError("LM356", f"classes is a whole number from 2 on, got {classes!r}.")
    return classes
