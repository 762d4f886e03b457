"""What is said of a thing beside it, and what the forms make of a thing.

Comes in: nothing. Goes out: the records `Hints`, `Way`, and the error by which a thing shows that it cannot be called.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias, final

from lossmith.checking.finding import Finding
from lossmith.checking.intake.layouts import Layout
from lossmith.checking.subject import Call, Takes
from lossmith.errors import LossmithError


@dataclass(frozen=True)
class Hints:
    """What the user says: the kind of target, what the prediction is, how many classes there are; None: not said."""

    kind: str | None = None
    takes: Takes | None = None
    classes: int | None = None


@final
class CallError(LossmithError):
    """The thing itself fails when it is called as its form wants: no bad input, but a verdict on it."""

    def __init__(self, name: str, finding: Finding) -> None:
        super().__init__("LM351", f"{name}: {finding.text}")
        self.name = name
        self.finding = finding

    def __reduce__(self) -> tuple[type[CallError], tuple[str, Finding]]:  # type: ignore[override]
        return type(self), (self.name, self.finding)


Bind: TypeAlias = Callable[[Layout], Call]
"""How a thing is called where rows lie in this way."""


@dataclass(frozen=True)
class Way:
    """One way of calling a thing: tried in order until one fits.

    `gives`: what an answer then holds; None: what the first call shows. `said`: what this way takes for granted.
    """

    form: str
    bind: Bind
    weighted: bool = False
    gives: frozenset[str] | None = None
    dtypes: tuple[str, ...] = ("float64", "float32")
    curvature: bool = False
    says: Takes | None = None
    kind: str | None = None
    said: tuple[str, ...] = ()


@dataclass(frozen=True)
class Opened:
    """What a form knows of a thing before it is called: its name, the ways, and whether rows rather have classes."""

    name: str
    ways: tuple[Way, ...]
    classes_first: bool = False


Thing: TypeAlias = Any
