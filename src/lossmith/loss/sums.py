"""What a loss needs of the data, in a form that adds up: over batches, files, workers.

Comes in: the double-word sums of a run. Goes out: `Sums`, with `+` and `.value()`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import final

import numpy as np

from lossmith.compiler import program
from lossmith.errors import ArgumentError
from lossmith.formula.definition import Definition
from lossmith.formula.node import Node
from lossmith.kernel.program import Program
from lossmith.numerics.double_word import Pair
from lossmith.runtime import JOINERS, finish_program


@final
@dataclass(frozen=True, eq=False)
class Sums:
    """The merged statistics of some rows under one loss; `a + b` are those of both, `.value()` finishes them.

    Each number is kept in two words (hi, lo), so that the way in which the rows were split does not show.

    >>> import lossmith as ls
    >>> loss = ls.get("rmse")
    >>> a, b = loss.sums([3.0], [0.0]), loss.sums([4.0], [0.0])
    >>> (a + b).value() == loss.value([3.0, 4.0], [0.0, 0.0])
    True
    """

    definition: Definition
    parameters: Mapping[str, float]
    statistics: tuple[Pair, ...]
    n_rows: int
    classes: int

    def __add__(self, other: Sums) -> Sums:
        """The statistics of both sets of rows."""
        if not isinstance(other, Sums):
            return NotImplemented
        if other.definition.formula_hash != self.definition.formula_hash or other.parameters != self.parameters:
            raise ArgumentError("LM250", f"sums of {self.definition.title} and {other.definition.title} do not add up.")
        if other.classes != self.classes:
            raise ArgumentError("LM251", f"sums over {self.classes} and {other.classes} classes do not add up.")
        merged = tuple(
            _joined(a, b, node) for a, b, node in zip(self.statistics, other.statistics, self.nodes, strict=True)
        )
        return Sums(self.definition, self.parameters, merged, self.n_rows + other.n_rows, self.classes)

    def __radd__(self, other: int) -> Sums:
        """So that `sum(parts)` works, which starts from 0."""
        return self if other == 0 else NotImplemented

    @property
    def nodes(self) -> tuple[Node, ...]:
        """The sums over examples that the statistics belong to, in order."""
        return statistics_of(self._program)

    @property
    def _program(self) -> Program:
        return program(self.definition, ("value",), True)

    def value(self) -> float:
        """The finished loss; by default 0 where there are no rows."""
        if self.n_rows == 0:
            return value_without_rows(self.definition)
        found = dict(zip(self.nodes, self.statistics, strict=True))
        groups = max((p.hi.shape[0] for p in self.statistics), default=1)
        return float(finish_program(self._program, found, self.parameters, self.classes, groups)["value"][0, 0])

    def __repr__(self) -> str:
        return f"<Sums of {self.definition.title} over {self.n_rows} rows>"


def value_without_rows(definition: Definition) -> float:
    """What a loss without rows is, by its rule: 0, NaN, or an error."""
    if definition.empty == "error":
        raise ArgumentError(
            "LM226", f"{definition.title}: there is no row (or every weight is 0), which this loss treats as an error."
        )
    return float("nan") if definition.empty == "nan" else 0.0


def statistics_of(program: Program) -> tuple[Node, ...]:
    """The sums over examples of a one-round program: its counts, then what its pass adds up."""
    return (*program.counts, *(node for part in program.passes for node in part.sums))


def _joined(a: Pair, b: Pair, node: Node) -> Pair:
    """Groups of different batches are different groups; everything else is added in double words."""
    if node.attr:
        return Pair(np.concatenate([a.hi, b.hi]), np.concatenate([a.lo, b.lo]))
    return JOINERS[node.op](a, b)
