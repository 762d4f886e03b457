"""Cut formulas into passes: a sum over examples that reads another sum needs a later walk over the rows.

Comes in: finished numbers and per-example outputs over plain operations, and the weight of an example.
Goes out: a `Program`. The total weight is known before any pass: it needs no formula.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from lossmith.formula.node import OPERATIONS, Node, constant, is_number, make, number_of, symbol_of, walk
from lossmith.formula.roles import WEIGHT
from lossmith.kernel.program import Pass, Program

ZERO = constant(0.0)
ONE = constant(1.0)
NEGATIVE = constant(-math.inf)


def schedule(
    finish: Mapping[str, Node], outputs: Mapping[str, Node], weight: Node, faults: Sequence[Node] = ()
) -> Program:
    """Order the sums into rounds and put every output into the first pass that can write it.

    `faults` are counted in the first pass.
    """
    roots = [*finish.values(), *outputs.values()]
    rounds = _rounds(roots, weight)
    last = max([*rounds.values(), *(1 + _needs(node, rounds) for node in outputs.values())], default=0)
    passes: list[Pass] = []
    for number in range(1, last + 1):
        here = [node for node, r in rounds.items() if r == number]
        sums = tuple(node for node in here if node.op in TERMS)
        bodies = tuple(term(node, weight) for node in sums)
        picks = tuple(node for node in here if node.op not in TERMS)
        written = tuple((name, node) for name, node in outputs.items() if _needs(node, rounds) == number - 1)
        written += tuple(pair for pick in picks for pair in looked_at(pick, weight))
        if bodies or written:
            read = [*bodies, *(n for _, n in written)]
            found = () if passes else tuple(faults)
            passes.append(Pass(sums, bodies, written, _finished_inputs(read), found, picks, _chosen(read)))
    return Program(tuple(passes), tuple(finish.items()), _counts(roots, weight))


def looked_at(pick: Node, weight: Node) -> tuple[tuple[str, Node], ...]:
    """What a choice looks at in every example: by what it is chosen, and whether it may be."""
    score, _, among = pick.args
    nodes = {"score": score} if is_number(among, 1.0) else {"score": score, "among": among}
    return tuple((f"{name} of {id(pick)}", select_present(node, weight)) for name, node in nodes.items())


def select_present(node: Node, weight: Node, otherwise: Node = ZERO) -> Node:
    """The node where the weight is not 0, else 0 (or what is said)."""
    return node if weight is ONE else make("where", make("equal", weight, ZERO), otherwise, node)


def _weighted(body: Node, weight: Node) -> Node:
    return weight if is_number(body, 1.0) else body if weight is ONE else weight * body


# One example's term of each reduction, and what stands for a row of weight 0, which is absent whatever it holds.
TERMS: Final[dict[str, tuple[Callable[[Node, Node], Node], Node]]] = {
    "example_sum": (_weighted, ZERO),
    "example_count": (lambda body, weight: body, ZERO),
    "example_max": (lambda body, weight: body, NEGATIVE),
    "example_logsumexp": (lambda body, weight: body if weight is ONE else body + make("log", weight), NEGATIVE),
}


def term(node: Node, weight: Node) -> Node:
    """What one example contributes to a reduction."""
    build, otherwise = TERMS[node.op]
    return select_present(build(node.args[0], weight), weight, otherwise)


def _chosen(roots: Sequence[Node]) -> tuple[Node, ...]:
    """The choices between examples that the rows read, without those inside of them."""
    return tuple(node for node in first_met(roots, _stops) if node.op == "largest")


def _stops(node: Node) -> bool:
    return node.op == "largest" or is_finished(node)


def _is_count(node: Node, weight: Node) -> bool:
    """Whether a sum is just the total of the given weights (or the number of rows)."""
    total = node.op in ("example_sum", "example_count") and is_number(node.args[0], 1.0)
    return total and (weight is ONE or weight is WEIGHT)


def _counts(roots: Sequence[Node], weight: Node) -> tuple[Node, ...]:
    return tuple(node for node in walk(*roots) if _is_count(node, weight))


def _rounds(roots: Sequence[Node], weight: Node) -> dict[Node, int]:
    found: dict[Node, int] = {}
    depth: dict[Node, int] = {}
    for node in walk(*roots):
        below = max((depth[a] for a in node.args), default=0)
        if node.op in TERMS and not _is_count(node, weight):
            below += 1
            found[node] = below
        elif node.op == "largest":
            below = found[node] = max(1 + depth[node.args[0]], depth[node.args[1]], 1 + depth[node.args[2]])
        depth[node] = below
    return found


def _needs(node: Node, rounds: Mapping[Node, int]) -> int:
    return max((rounds[n] for n in walk(node) if n in rounds), default=0)


def _finished_inputs(roots: Sequence[Node]) -> tuple[Node, ...]:
    """The largest finished expressions that the rows read: computed once, outside the loop."""
    return tuple(node for node in first_met(roots, _stops) if node.op != "largest")


def first_met(roots: Sequence[Node], wanted: Callable[[Node], bool]) -> tuple[Node, ...]:
    """The wanted nodes that are reached from the roots without passing another wanted one."""
    found: dict[Node, None] = {}
    seen: set[Node] = set()
    stack = list(roots)
    while stack:
        node = stack.pop()
        if node in seen:
            continue
        seen.add(node)
        if wanted(node):
            found[node] = None
        else:
            stack.extend(reversed(node.args))
    return tuple(found)


def is_finished(node: Node) -> bool:
    """Whether the node is one number for all examples, and more than a constant or a parameter."""
    plain = number_of(node) is not None or symbol_of(node) is not None
    return "example" not in node.axes and not plain and not OPERATIONS[node.op].boolean
