"""A program over the rows of several workers: after the counts and after every pass, sums become those of all.

Comes in: what to compute, the rows of this worker, and `Workers`. Goes out: the result of all rows, for these rows.
A worker without rows takes part in every merge; the rule for no rows at all is applied to what all have.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, final

import numpy as np
import torch

from lossmith.adapt.in_torch.call import Workers
from lossmith.compiler import program
from lossmith.errors import AdapterError
from lossmith.formula.definition import Definition
from lossmith.formula.node import Node
from lossmith.formula.roles import WEIGHT
from lossmith.kernel.program import Program
from lossmith.kernel.rows import Rows
from lossmith.loss.evaluate import Request
from lossmith.loss.sums import value_without_rows
from lossmith.numerics.double_word import Pair
from lossmith.runtime import Result, run

MERGES: Final = {"example_sum": "add", "example_count": "add", "example_max": "max", "example_logsumexp": "logsumexp"}
"""How what workers have of a sum is joined, by the operation of its node."""


def run_over(request: Request, wanted: tuple[str, ...], rows: Rows, workers: Workers) -> Result:
    """Run the program for what is wanted over the rows of all workers; nobody has a present row: everything is 0.

    Raises `AdapterError` LM430 where sums of rows do not say enough: rows chosen among all, numbers of each group.
    """
    definition = request.definition
    plan = program(definition, wanted, rows.weighted)
    refuse_parts(definition, plan)
    merged = Merged(workers, _present(rows))
    result = run(plan, rows, request.parameters, request.backend, request.n_threads, merge=merged)
    if merged.present:
        return result
    value = value_without_rows(definition)
    finish = {name: np.full((1, 1), value) for name in result.finish}
    return Result(finish, {name: np.zeros_like(a) for name, a in result.outputs.items()}, result.sums)


def refuse_parts(definition: Definition, plan: Program) -> None:
    """Refuse what sums of this worker's rows do not say: a choice among all rows, a mean over groups."""
    sums = (*plan.counts, *(node for part in plan.passes for node in part.sums))
    if plan.chooses or any(node.attr for node in sums):
        what = "rows are chosen among all of them" if plan.chooses else "it is a mean over groups"
        raise AdapterError(
            "LM430",
            f"{definition.title}: {what}, so sums of each worker do not say enough; gather the rows first, as "
            "criterion.across() does.",
        )


def _present(rows: Rows) -> int:
    return int(np.count_nonzero(rows.leaves[WEIGHT])) if rows.weighted else rows.n


@final
@dataclass(eq=False)
class Merged:
    """The merges of one run; the first also counts the rows that are present anywhere."""

    workers: Workers
    present: float
    counted: bool = False

    def __call__(self, sums: Mapping[Node, Pair]) -> dict[Node, Pair]:
        """The sums of this worker → those of all, one exchange for each way of joining."""
        found = dict(sums)
        for op in dict.fromkeys(MERGES.values()):
            nodes = [node for node in sums if MERGES[node.op] == op]
            first = [self.present] if op == "add" and not self.counted else []
            if nodes or first:
                found.update(self._joined(op, {node: sums[node] for node in nodes}, first))
        return found

    def _joined(self, op: str, sums: dict[Node, Pair], first: list[float]) -> dict[Node, Pair]:
        pairs = list(sums.values())
        words = [np.asarray(first, dtype=np.float64), *(np.ravel(p.hi) for p in pairs)]
        words += [np.ravel(p.lo) for p in pairs] if op == "add" else []
        merged = self.workers.merge(op, torch.from_numpy(np.concatenate(words))).numpy(force=True)
        if first:
            self.present, self.counted = float(merged[0]), True
        sizes = [np.size(p.hi) for p in pairs]
        hi = np.split(merged[len(first) : len(first) + sum(sizes)], np.cumsum(sizes)[:-1])
        lo = (
            np.split(merged[len(first) + sum(sizes) :], np.cumsum(sizes)[:-1])
            if op == "add"
            else map(np.zeros_like, hi)
        )
        shaped = [
            (h.reshape(np.shape(p.hi)), e.reshape(np.shape(p.hi))) for p, h, e in zip(pairs, hi, lo, strict=False)
        ]
        return {node: _normal(h, e) for node, (h, e) in zip(sums, shaped, strict=True)}


def _normal(hi: np.ndarray, lo: np.ndarray) -> Pair:
    """The larger word first, rounded: as sums of one worker are."""
    with np.errstate(all="ignore"):
        total = hi + lo
        rest = (hi - total) + lo
    return Pair(total, np.where(np.isfinite(rest), rest, 0.0))
