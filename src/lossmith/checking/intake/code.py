"""What can be read off a callable without calling it: its name, its arguments, the names that its code uses.

Comes in: anything that can be called. Goes out: `Arguments`, sets of names.
"""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from types import CodeType, FunctionType, ModuleType
from typing import Any, Final

from lossmith.checking.intake.words import KIND_WORDS, ROLES, TAKES_WORDS, Role
from lossmith.checking.subject import Takes
from lossmith.errors import ArgumentError

DEPTH: Final = 3
"""So far are functions that a function calls looked into."""


@dataclass(frozen=True)
class Arguments:
    """The arguments that matter: in which order target and prediction come, and the name of the one for weights.

    `target_first`: None where the names do not say. `says`: what the name of the prediction says that it is.
    `names`: of the two, as they stand. `dataset`: whether the second is an object that holds the labels.
    """

    names: tuple[str, str]
    target_first: bool | None
    says: Takes | None = None
    weight: str | None = None
    dataset: bool = False


def title(thing: Any) -> str:
    """The name of a callable, for people.

    >>> title(functools.partial(max, 1))
    'max'
    """
    while isinstance(thing, functools.partial):
        thing = thing.func
    return str(getattr(thing, "__name__", None) or type(thing).__name__)


def arguments(thing: Any) -> Arguments:
    """Read a signature; refuse what cannot be called with a target and a prediction.

    >>> arguments(lambda y_pred, y_true, sample_weight=None: 0.0)
    Arguments(names=('y_pred', 'y_true'), target_first=False, says=None, weight='sample_weight', dataset=False)
    """
    names, optional = _parameters(thing)
    if names is None:
        return Arguments(("y_true", "prediction"), None)
    roles: list[Role | None] = [ROLES.get(name.lower()) for name in names[:2]]
    weight = next((name for name in (*names[2:], *optional) if ROLES.get(name.lower()) == "weight"), None)
    extra = [name for name in names[2:] if name != weight]
    if len(names) < 2 or extra:
        raise ArgumentError("LM350", _unfit(title(thing), names, extra))
    first = _target_first(roles[0], roles[1])
    says = {"raw": "raw", "probability": "probability"}.get(str(roles[1 if first in (True, None) else 0]))
    return Arguments((names[0], names[1]), first, says, weight, roles[1] == "dataset")  # type: ignore[arg-type]


def _unfit(name: str, names: list[str], extra: list[str]) -> str:
    if extra:
        return (
            f"{name}: it needs more than a target and a prediction: {', '.join(extra)}. "
            "Give a function in which these are bound, for example with functools.partial."
        )
    found = ", ".join(names) or "none"
    return f"{name}: a loss takes a target and a prediction, and this takes the arguments: {found}."


def _parameters(thing: Any) -> tuple[list[str] | None, list[str]]:
    """Names of what must be given by position, and of what may be given; None where no signature can be read.

    Where fewer than two must be given, arguments with a default fill up to two.
    """
    try:
        found = list(inspect.signature(thing).parameters.values())
    except (TypeError, ValueError):
        return None, []
    if any(p.kind is p.VAR_POSITIONAL for p in found):
        return None, []
    by_place = [p for p in found if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    needed = [p.name for p in by_place if p.default is p.empty]
    needed += [p.name for p in found if p.kind is p.KEYWORD_ONLY and p.default is p.empty]
    if len(needed) < 2:
        needed = [p.name for p in by_place[:2]]
    return needed, [p.name for p in found if p.name not in needed]


def _target_first(first: Role | None, second: Role | None) -> bool | None:
    """Whether the target comes first: as soon as one of the two names is known."""
    if second == "dataset":
        return False
    if first == "target" or (first is None and second in ("raw", "probability", "prediction")):
        return True if second != "target" else None
    if second == "target" or (second is None and first in ("raw", "probability", "prediction")):
        return False
    return None


def words(name: str) -> set[str]:
    """The words of a name, also joined in pairs and as a whole, in small letters.

    >>> sorted(words("BCEWithLogitsLoss"))[:3]
    ['bce', 'bce_with', 'bcewithlogitsloss']
    """
    parts = [w.lower() for w in re.findall(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z0-9]+|[A-Z]+", name)]
    pairs = [f"{a}_{b}" for a, b in pairwise(parts)]
    return {*parts, *pairs, name.lower()}


def kind_said(name: str) -> str | None:
    """The kind of target that the name of a loss speaks of, if it speaks of one."""
    found = words(name)
    return next((kind for word, kind in KIND_WORDS.items() if word in found), None)


def takes_said(name: str) -> Takes | None:
    """What the name of a loss says of the prediction."""
    found = words(name)
    return next((takes for word, takes in TAKES_WORDS.items() if word in found), None)


def names_used(thing: Any, depth: int = DEPTH) -> frozenset[str]:
    """Names of variables, attributes and keyword arguments in the code of a callable and in what it calls nearby."""
    return frozenset(name for name, _ in _uses(thing, depth))


def modules_used(thing: Any) -> frozenset[str]:
    """The first names of the packages that a callable belongs to, or that its code speaks of.

    >>> "re" in modules_used(words)
    True
    """
    own = str(getattr(thing, "__module__", None) or type(thing).__module__)
    kind = type(thing).__module__
    found = {own.partition(".")[0], kind.partition(".")[0]}
    for cls in getattr(thing if isinstance(thing, type) else type(thing), "__mro__", ()):
        found.add(cls.__module__.partition(".")[0])
    for _, value in _uses(thing, DEPTH):
        where = value.__name__ if isinstance(value, ModuleType) else getattr(value, "__module__", None)
        if isinstance(where, str):
            found.add(where.partition(".")[0])
        if isinstance(value, type):  # a class of one's own stands on others: a torch.autograd.Function
            found |= {base.__module__.partition(".")[0] for base in value.__mro__}
    return frozenset(found)


def _uses(thing: Any, depth: int) -> Iterator[tuple[str, Any]]:
    """Each name in the code of a callable with its value, as far as it is a global one or in a closure."""
    for function in _functions(thing):
        known = dict(function.__globals__)
        known |= inspect.getclosurevars(function).nonlocals if _has_cells(function) else {}
        for name in _names(function.__code__):
            value = known.get(name)
            yield name, value
            if depth and isinstance(value, FunctionType) and value is not function and _is_near(value, function):
                yield from _uses(value, depth - 1)


def _has_cells(function: FunctionType) -> bool:
    return bool(function.__closure__) and all(_is_filled(cell) for cell in function.__closure__ or ())


def _is_filled(cell: Any) -> bool:
    try:
        return cell.cell_contents is not cell
    except ValueError:
        return False


def _is_near(value: FunctionType, function: FunctionType) -> bool:
    return value.__module__.partition(".")[0] == function.__module__.partition(".")[0]


def _functions(thing: Any) -> list[FunctionType]:
    """The Python functions that run when this is called."""
    while isinstance(thing, functools.partial):
        thing = thing.func
    thing = inspect.unwrap(thing) if callable(thing) else thing
    if isinstance(thing, FunctionType):
        return [thing]
    if inspect.ismethod(thing):
        return [thing.__func__] if isinstance(thing.__func__, FunctionType) else []
    names = ("forward", "__call__", "calc_ders_range", "calc_ders_multi", "evaluate", "call", "objective")
    kind = thing if isinstance(thing, type) else type(thing)
    return [found for name in names if isinstance(found := getattr(kind, name, None), FunctionType)]


def _names(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    yield from code.co_freevars
    for value in code.co_consts:
        if isinstance(value, CodeType):
            yield from _names(value)
        elif isinstance(value, tuple) and all(isinstance(item, str) for item in value):
            yield from value  # names of keyword arguments
