"""Plain functions of arrays: (target, prediction) in either order, with a value, derivatives, or a metric.

Comes in: a function or an object that can be called. Goes out: `Opened`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, Final

from lossmith.checking.intake.code import Arguments, arguments, modules_used, names_used, title, words
from lossmith.checking.intake.hints import Bind, Hints, Opened, Way
from lossmith.checking.intake.layouts import Layout
from lossmith.checking.intake.returned import Parts, answer, parts_of, pieces
from lossmith.checking.intake.words import OF_CLASSES
from lossmith.checking.subject import Answer, Array, Call

CLASS_NAMES: Final = frozenset({"cross_entropy", "softmax", "multiclass", "crossentropy", "cee", "ce", "categorical"})


def open_plain(thing: Any, hints: Hints) -> Opened:
    """A function of NumPy arrays; where the names do not say which comes first, both orders are tried."""
    told = arguments(thing)
    orders = [True, False] if told.target_first is None else [told.target_first]
    name = title(thing)
    ways = tuple(
        Way(
            form="plain",
            bind=bind_plain(thing, told, name, target_first=first),
            weighted=told.weight is not None,
            says=told.says,
            said=order_said(told, first),
        )
        for first in orders
    )
    return Opened(name, ways, rather_classes(thing, name))


def order_said(told: Arguments, target_first: bool) -> tuple[str, ...]:
    """The assumption about the order of two arguments whose names say nothing."""
    if told.target_first is not None:
        return ()
    role = "target" if target_first else "prediction"
    return (f'"{told.names[0]}" is taken to be the {role}.',)


def rather_classes(thing: Any, name: str) -> bool:
    """Whether code or name speak of several numbers in a row."""
    return bool(names_used(thing) & OF_CLASSES) or bool(words(name) & CLASS_NAMES)


def bind_plain(thing: Any, told: Arguments, name: str, *, target_first: bool) -> Bind:
    """How a function of arrays is called; flat gradients of classes are read as a booster of its package does."""
    flat = "C" if "xgboost" in modules_used(thing) else "F"

    def bind(layout: Layout) -> Call:
        seen: list[Parts] = []

        def call(y_true: Array, prediction: Array, sample_weight: Array | None) -> Answer:
            both = (y_true, prediction) if target_first else (prediction, y_true)
            extra = {} if sample_weight is None or told.weight is None else {told.weight: sample_weight}
            found, _ = pieces(thing(*both, **extra))
            if not seen:
                seen.append(parts_of(found, prediction.shape, name))
            return answer(found, seen[0], prediction.shape, flat)

        return call

    return bind


def target_is_first(told: Arguments, *, usual: bool) -> bool:
    """The order by the names, else the usual one of the form."""
    return usual if told.target_first is None else told.target_first


def instance(thing: Any, make: Callable[[], Any] | None = None) -> Any:
    """A class becomes an object, made without arguments."""
    if isinstance(thing, type):
        return thing() if make is None else make()
    return thing


def unbound(thing: Any) -> Any:
    """The function behind `functools.partial`."""
    while isinstance(thing, functools.partial):
        thing = thing.func
    return thing
