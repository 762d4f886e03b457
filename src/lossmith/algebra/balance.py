"""How losses of several tasks become one number: a balancer for named tasks, and one step of it.

Comes in: one finished number for each task, in the order of their names, which of them have rows, and a small state. Goes
out: the total, the weight of each task, and the next state. Arrays are NumPy's or PyTorch's (`xp` is the module).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

import numpy as np

from lossmith.algebra.balance_methods import METHODS, Array, Method, State, Turn
from lossmith.errors import AdapterError, did_you_mean


@dataclass(frozen=True)
class Balance:
    """A balancer for these tasks (in the order of their names), with its settings."""

    method: Method
    tasks: tuple[str, ...]
    settings: Mapping[str, Any]

    def start(self) -> State:
        """The state before the first batch.

        >>> balance_of("random", {}, ["a", "b"]).start()
        {'step': array([0, 0])}
        """
        return {name: np.full(len(self.tasks), first) for name, first in self.method.state.items()}

    def start_learned(self) -> State:
        """The learned numbers before the first step."""
        return {name: np.full(len(self.tasks), first) for name, first in self.method.learned.items()}

    def record(self) -> dict[str, Any]:
        """What makes this balancer this one, as plain data."""
        return {"balance": self.method.name, "tasks": [*self.tasks], **self.stated()}

    def stated(self) -> dict[str, Any]:
        """The settings as `balance_of` takes them."""
        found = dict(self.settings)
        return (
            {**found, "weights": dict(zip(self.tasks, found["weights"], strict=True))} if "weights" in found else found
        )

    def __reduce__(self) -> tuple[Callable[..., Balance], tuple[str, dict[str, Any], list[str]]]:
        return balance_of, (self.method.name, self.stated(), [*self.tasks])


@dataclass(frozen=True, eq=False)
class Balanced:
    """What a balancer makes of one batch."""

    total: Array
    weights: Array
    state: State


def balanced(
    balance: Balance,
    values: Array,
    state: State,
    *,
    present: Array | None = None,
    learned: State | None = None,
    in_graph: Array | None = None,
    advance: bool = True,
    xp: Any = np,
) -> Balanced:
    """The total of these values, one for each task, their weights, and the next state (the same, unless `advance`).

    `present` are the tasks with rows in this batch (None: all); the others have value 0 and leave their state as it is.
    `in_graph` are the values with the graph they come from, of which the total becomes part.

    >>> balance = balance_of("initial_magnitude", {}, ["price", "sold"])
    >>> first = balanced(balance, np.array([1000.0, 0.5]), balance.start())
    >>> float(first.total), first.weights.tolist()
    (2.0, [0.001, 2.0])
    >>> float(balanced(balance, np.array([500.0, 0.5]), first.state).total)
    1.5
    """
    method = balance.method
    here = xp.ones_like(values) > 0 if present is None else present
    numbers = balance.start_learned() if learned is None else learned
    turn = Turn(values, here, state, numbers, balance.settings, xp)
    turn = replace(turn, state=method.advance(turn)) if advance else turn
    weights = method.weights(turn)
    total = method.total(turn if in_graph is None else replace(turn, values=in_graph), weights)
    return Balanced(total, weights, turn.state)


# What was asked for -----------------------------------------------------------------------------------------------


def balance_of(asked: str | Mapping[str, float], settings: Mapping[str, Any], tasks: list[str]) -> Balance:
    """The balancer of this name for these tasks; a mapping from tasks to weights is "fixed".

    Raises `AdapterError` LM461 for a name that is no balancer, LM462 for a setting, LM463 for tasks that are not there.

    >>> balance_of({"main": 1.0, "aux": 0.4}, {}, ["main", "aux"]).settings["weights"]
    (0.4, 1.0)
    """
    if isinstance(asked, Mapping):
        asked, settings = "fixed", {"weights": asked, **settings}
    by_name: dict[str, Method] = {method.name: method for method in METHODS}
    if not isinstance(asked, str) or asked not in by_name:
        hint = did_you_mean(str(asked), by_name)
        known = ", ".join(f'"{name}"' for name in by_name)
        raise AdapterError("LM461", f"balance takes {known}, or weights by task, got {asked!r}.{hint}")
    method, names = by_name[asked], tuple(sorted(tasks))
    for name in settings:
        if name not in method.settings:
            hint = did_you_mean(name, method.settings)
            takes = ", ".join(method.settings) or "no settings"
            raise AdapterError("LM462", f'balance="{asked}" takes {takes}, got {name}=.{hint}')
    found = {name: settings.get(name, setting.default) for name, setting in method.settings.items()}
    for name, given in found.items():
        _check_setting(method, name, given, stated=name in settings)
    if "weights" in found:
        found["weights"] = _in_order(found["weights"], names)
    return Balance(method, names, MappingProxyType(found))


def _check_setting(method: Method, name: str, given: Any, *, stated: bool) -> None:
    setting = method.settings[name]
    if stated and not setting.allows(given):
        raise AdapterError("LM462", f'balance="{method.name}": {name} must be {setting.words}, got {given!r}.')


def _in_order(weights: Mapping[str, float] | None, names: tuple[str, ...]) -> tuple[float, ...]:
    if weights is None:
        return (1.0,) * len(names)
    check_names("balance", weights, names)
    return tuple(float(weights[name]) for name in names)


def check_names(what: str, given: Mapping[str, Any], names: tuple[str, ...], *, all_of_them: bool = True) -> None:
    """Refuse names that are no tasks, and tasks that are missing (`AdapterError` LM463)."""
    for name in given:
        if name not in names:
            hint = did_you_mean(str(name), names)
            raise AdapterError("LM463", f"{what}: there is no task {name!r}; tasks are {', '.join(names)}.{hint}")
    missing = [name for name in names if name not in given] if all_of_them else []
    if missing:
        advice = (
            f" In a batch without rows for it, give {what}[{missing[0]!r}] with 0 rows." if what != "balance" else ""
        )
        raise AdapterError("LM463", f"{what}: the task {missing[0]!r} is missing.{advice}")
