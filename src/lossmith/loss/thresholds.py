"""The first round of a loss that chooses rows: from which loss on a row is chosen, over all batches and workers.

Comes in: what the rows of one batch show (`Loss.scores`). Goes out: `Scores`, with `+`, and `Thresholds`, under which
`Loss.sums` of every batch adds up to the loss of all rows at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from lossmith.compiler import program
from lossmith.emit.prelude import _border, _chosen
from lossmith.errors import ArgumentError, UnsupportedError
from lossmith.formula.definition import Definition
from lossmith.formula.node import Node, among, walk
from lossmith.kernel.program import Program
from lossmith.kernel.rows import Rows
from lossmith.kernel.schedule import TERMS
from lossmith.numerics.double_word import Pair
from lossmith.runtime import JOINERS, Candidates, finish_nodes, run

Array = NDArray[Any]


@dataclass(frozen=True)
class _Seen:
    """The rows that a choice is made from: their losses, how much weight of each may be chosen, the names of groups."""

    score: Array
    mass: Array
    group: Array | None


@final
@dataclass(frozen=True, eq=False)
class Scores:
    """What some rows show to a loss that chooses rows; `a + b` is what both show, `.thresholds()` makes the choice.

    >>> import lossmith as ls
    >>> loss = ls.get("mae").select(top=2)
    >>> halves = ([0.0, 0.0], [1.0, 9.0]), ([0.0, 0.0], [3.0, 2.0])
    >>> where = (loss.scores(*halves[0]) + loss.scores(*halves[1])).thresholds()
    >>> (loss.sums(*halves[0], thresholds=where) + loss.sums(*halves[1], thresholds=where)).value()
    6.0
    """

    definition: Definition
    parameters: Mapping[str, float]
    sums: Mapping[Node, Pair]
    seen: Mapping[Node, _Seen]

    def __repr__(self) -> str:
        rows = max((len(seen.score) for seen in self.seen.values()), default=0)
        return f"<Scores of {self.definition.title} over {rows} rows>"

    def __add__(self, other: Scores) -> Scores:
        """What both sets of rows show."""
        if not isinstance(other, Scores):
            return NotImplemented
        if other.definition.formula_hash != self.definition.formula_hash or other.parameters != self.parameters:
            raise ArgumentError(
                "LM250", f"scores of {self.definition.title} and {other.definition.title} do not add up."
            )
        joined = {node: JOINERS[node.op](pair, other.sums[node]) for node, pair in self.sums.items()}
        return Scores(
            self.definition, self.parameters, joined, {p: _both(s, other.seen[p]) for p, s in self.seen.items()}
        )

    def __radd__(self, other: int) -> Scores:
        """So that `sum(parts)` works, which starts from 0."""
        return self if other == 0 else NotImplemented

    def thresholds(self) -> Thresholds:
        """From which loss on a row is chosen, and which share of the rows that have just this loss."""
        amounts = finish_nodes(tuple(pick.args[1] for pick in self.seen), self.sums, self.parameters, 1, 1)
        borders = {pick: _borders(seen, float(amounts[pick.args[1]].ravel()[0])) for pick, seen in self.seen.items()}
        return Thresholds(self.definition, self.parameters, borders)


@final
@dataclass(frozen=True, eq=False)
class Thresholds:
    """The borders of every choice: (loss, share of the rows at it), by the name of the group where there are groups."""

    definition: Definition
    parameters: Mapping[str, float]
    borders: Mapping[Node, Mapping[Any, tuple[float, float]]]

    def __repr__(self) -> str:
        return f"<Thresholds of {self.definition.title}>"

    def choose(self, found: Candidates, amount: Array) -> Array:
        """The share of every row, by its loss and the border alone."""
        borders = self.borders[found.pick]
        if found.groups is None:
            limit, share = np.asarray(borders[None])
        else:
            names = _names(self.definition, found)
            missing = [name for name in names.tolist() if name not in borders]
            if missing:
                raise ArgumentError(
                    "LM314",
                    f"{self.definition.title}: the thresholds know no group {missing[0]!r}; add its scores first.",
                )
            pairs = np.array([borders[name] for name in names.tolist()])[found.groups]
            limit, share = pairs[:, 0], pairs[:, 1]
        chosen = _chosen(found.score, limit, share, found.among)
        return np.ascontiguousarray(np.where(found.weight == 0, 0.0, chosen))


def scores(definition: Definition, parameters: Mapping[str, float], rows: Rows) -> Scores:
    """What the rows show to the choices of a loss, in one walk.

    Raises `UnsupportedError` LM313 for a loss that chooses no rows.
    """
    plan = program(definition, ("value",), True)
    if not plan.chooses:
        raise UnsupportedError("LM313", f"{definition.title} chooses no rows, so that it needs no scores. Use sums.")
    check_one_round(definition, plan)
    if not rows.weighted:
        rows = rows.with_weight(np.ones(rows.n))
    seen: dict[Node, _Seen] = {}

    def look(found: Candidates, amount: Array) -> Array:
        names = None if found.groups is None else _names(definition, found)[found.groups]
        mass = np.where(found.weight == 0, 0.0, found.among * found.weight)
        seen[found.pick] = _Seen(found.score[mass != 0], mass[mass != 0], None if names is None else names[mass != 0])
        return np.zeros(rows.n)

    first = next(i for i, part in enumerate(plan.passes) if part.picks)
    found = run(Program(plan.passes[: first + 1], (), plan.counts), rows, parameters, "numpy", choose=look)
    return Scores(definition, dict(parameters), dict(found.sums), seen)


def check_thresholds(found: Any, definition: Definition, parameters: Mapping[str, float]) -> None:
    """Refuse what are no thresholds, or those of another loss or of other parameter values."""
    if not isinstance(found, Thresholds):
        raise ArgumentError(
            "LM314", f"{definition.title}: thresholds= takes scores.thresholds(), got {type(found).__name__}."
        )
    if found.definition.formula_hash != definition.formula_hash or dict(found.parameters) != dict(parameters):
        raise ArgumentError(
            "LM314",
            f"{definition.title}: these thresholds belong to another loss, or to other values of its parameters.",
        )


def check_one_round(definition: Definition, plan: Program) -> None:
    """Refuse a formula in which rows read finished sums: thresholds alone do not make its sums add up."""
    read = [n for part in plan.passes for node in part.inputs for n in walk(node)]
    if (
        any(n.op in TERMS and not among(n, plan.counts) for n in read)
        or sum(1 for part in plan.passes if part.picks) > 1
    ):
        raise UnsupportedError(
            "LM311",
            f"{definition.title}: a sum in this formula reads another sum, so one walk over the data is not enough even "
            "when the choice of rows is known. Use value on all rows.",
        )


def _names(definition: Definition, found: Candidates) -> Array:
    if found.group_names is None:
        raise ArgumentError(
            "LM314",
            f'{definition.title}: to choose per group over several batches, name the groups: columns={{"group": ...}}.',
        )
    return found.group_names


def _both(a: _Seen, b: _Seen) -> _Seen:
    group = None if a.group is None or b.group is None else np.concatenate([a.group, b.group])
    return _Seen(np.concatenate([a.score, b.score]), np.concatenate([a.mass, b.mass]), group)


def _borders(seen: _Seen, amount: float) -> dict[Any, tuple[float, float]]:
    if seen.group is None:
        border, share = _border(seen.score, seen.mass, amount)
        return {None: (float(border), float(share))}
    names, place = np.unique(seen.group, return_inverse=True)
    parts = [np.flatnonzero(place == j) for j in range(len(names))]
    found = [_border(seen.score[part], seen.mass[part], amount) for part in parts]
    return {name: (float(b), float(s)) for name, (b, s) in zip(names.tolist(), found, strict=True)}
