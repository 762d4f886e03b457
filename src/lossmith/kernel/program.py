"""What a kernel is: passes over the rows, and small formulas over finished numbers between them.

Comes in: nothing (records only). Goes out: `Pass`, `Finish` and `Program`, which the emitters print as code.
"""

from __future__ import annotations

from dataclasses import dataclass

from lossmith.formula.node import Node


@dataclass(frozen=True)
class Pass:
    """One walk over the rows: `bodies` are added up over the examples, `outputs` are written per example.

    `sums` are the nodes whose values the bodies give; `inputs` are finished numbers read by this pass.
    `faults` are conditions whose true rows are counted: targets outside their domain.
    `picks` are choices between examples that are made when this pass is over: what they look at is among its outputs.
    `chosen` are choices made before, which this pass reads like a column.
    """

    sums: tuple[Node, ...]
    bodies: tuple[Node, ...]
    outputs: tuple[tuple[str, Node], ...]
    inputs: tuple[Node, ...]
    faults: tuple[Node, ...] = ()
    picks: tuple[Node, ...] = ()
    chosen: tuple[Node, ...] = ()

    @property
    def roots(self) -> tuple[Node, ...]:
        """Everything this pass computes."""
        return (*self.bodies, *(node for _, node in self.outputs), *self.faults)


@dataclass(frozen=True)
class Program:
    """Passes in order, then the finished numbers by name. `counts` are the sums of the weights alone."""

    passes: tuple[Pass, ...]
    finish: tuple[tuple[str, Node], ...]
    counts: tuple[Node, ...]

    @property
    def rounds(self) -> int:
        """How many passes sum or choose: with 1, one walk over the data gives the finished numbers."""
        return sum(1 for p in self.passes if p.sums or p.picks)

    @property
    def chooses(self) -> bool:
        """Whether a choice between examples is made, which needs a look at all of them."""
        return any(p.picks for p in self.passes)
