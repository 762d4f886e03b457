"""What a row of the corpus is: somebody's loss, what a user would say of it, and what should be found.

Comes in: nothing. Goes out: the record `Sample`, and the references that several rows share.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Sample:
    """A loss as people write it.

    `make` gives the thing itself. `kind`, `takes`, `reference` are what its user tells `ls.verify` (a reference is a
    name, a formula, or a function that gives a `Loss`). `expected`: codes of `FAULTS`, any of which is a right
    diagnosis; empty for a loss that is right. `source`: the library that it is from, or whose form it has.
    """

    name: str
    make: Callable[[], Any]
    expected: frozenset[str] = frozenset()
    kind: str | None = None
    takes: str | None = None
    reference: str | Callable[[], Any] | None = None
    source: str = "numpy"

    @property
    def options(self) -> Mapping[str, Any]:
        """What is said to `ls.verify`, beside the thing itself."""
        reference = self.reference() if callable(self.reference) else self.reference
        said = {"kind": self.kind, "takes": self.takes, "reference": reference}
        return {name: value for name, value in said.items() if value is not None}


def loss(name: str, **parameters: Any) -> Callable[[], Any]:
    """A catalogue loss with parameters, as a reference: made when it is asked for."""

    def get() -> Any:
        import lossmith as ls

        return ls.get(name, **parameters)

    return get


def written(text: str, **declaration: Any) -> Callable[[], Any]:
    """A formula as a reference: read when it is asked for."""

    def parse() -> Any:
        import lossmith as ls

        return ls.parse(text, **declaration)

    return parse


def rows(*samples: tuple[str, Callable[..., Any], str, dict[str, Any]], source: str) -> tuple[Sample, ...]:
    """Rows (name, function, codes with | between or "", what is said) as samples of one source."""
    return tuple(
        Sample(name, lambda thing=thing: thing, frozenset(filter(None, codes.split("|"))), source=source, **said)
        for name, thing, codes, said in samples
    )


def made(*samples: tuple[str, Callable[[], Any], str, dict[str, Any]], source: str) -> tuple[Sample, ...]:
    """Rows (name, what makes it, codes with | between or "", what is said) as samples of one source."""
    return tuple(
        Sample(name, make, frozenset(filter(None, codes.split("|"))), source=source, **said)
        for name, make, codes, said in samples
    )


BINARY: dict[str, Any] = {"kind": "binary", "reference": "binary_cross_entropy"}
CLASSES: dict[str, Any] = {"kind": "class", "reference": "cross_entropy"}
COUNTS: dict[str, Any] = {"kind": "count", "reference": "poisson"}
SQUARED: dict[str, Any] = {"kind": "real", "reference": "squared_error"}
FOCAL = loss("focal", gamma=2.0)
FOCAL_ALPHA = loss("focal", gamma=2.0, alpha=0.25)
UNDER_COSTS = "where(y > z, 5, 1) * abs(y - z)"
HINGE = "maximum(0, 1 - (2 * y - 1) * z)"
