"""A program whose sums are plain numbers: what rounding takes from sums is nowhere kept, so nothing is computed of it.

Comes in: a `Program` for kernels that hold sums as double words. Goes out: an equal one in exact numbers, in which rests
of sums are 0 and what follows from that is gone: hundreds of operations on single numbers, each a kernel on its device.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from math import isfinite
from random import Random
from typing import Final

from lossmith.formula.node import Node, among, constant, is_number, make_from, number_of, walk
from lossmith.kernel.program import Pass, Program

ZERO: Final = constant(0.0)
SPLITTER: Final = 134217729.0


def in_one_word(program: Program) -> Program:
    """The program without rests of sums; one that chooses rows is left as it is, for its choices go by identity."""
    if program.chooses:
        return program
    roots = [node for _, node in program.finish]
    for part in program.passes:
        roots += [*part.sums, *part.roots, *part.inputs]
    new: dict[Node, Node] = {}
    sizes: dict[Node, Fraction] = {}
    for node in walk(*roots, *program.counts):
        new[node] = _simple(node, tuple(new[a] for a in node.args), sizes)
    passes = tuple(_part(part, new) for part in program.passes)
    return Program(
        passes, tuple((name, new[node]) for name, node in program.finish), tuple(new[node] for node in program.counts)
    )


def _part(part: Pass, new: dict[Node, Node]) -> Pass:
    def of(nodes: tuple[Node, ...]) -> tuple[Node, ...]:
        return tuple(new[node] for node in nodes)

    outputs = tuple((name, new[node]) for name, node in part.outputs)
    return Pass(of(part.sums), of(part.bodies), outputs, tuple(dict.fromkeys(of(part.inputs))), of(part.faults))


def _simple(node: Node, args: tuple[Node, ...], sizes: dict[Node, Fraction]) -> Node:
    """The node over new arguments; a finished number that is always 0 in exact numbers is 0."""
    if node.op == "rest_of_sum":
        return ZERO
    made = make_from(node.op, args, node.attr)
    if "example" in node.axes or not args:
        return made
    made = _without_zeros(made)
    if not _of_sums(made):
        return made
    made = _unsplit(made)
    return ZERO if made.op in RATIONAL and _exact(made, sizes) == 0 else made


def _of_sums(node: Node) -> bool:
    """Whether sums over rows are in a number; constants in two words stay as they are."""
    return any(part.op.startswith("example_") for part in walk(node))


def _unsplit(node: Node) -> Node:
    """The number of which this is the first half of the digits (Dekker 1971): the other half would be taken for 0."""
    if node.op == "subtract" and node.args[1].op == "subtract" and node.args[0] is node.args[1].args[0]:
        grown, whole = node.args[0], node.args[1].args[1]
        if grown.op == "multiply" and any(is_number(a, SPLITTER) for a in grown.args) and among(whole, grown.args):
            return whole
    return node


def _without_zeros(node: Node) -> Node:
    """What is left of a finished number when some of its arguments are 0."""
    zeros = [is_number(a, 0.0) for a in node.args]
    if node.op == "add" and any(zeros):
        return node.args[1] if zeros[0] else node.args[0]
    if node.op == "subtract" and zeros[1]:
        return node.args[0]
    if node.op == "divide" and zeros[0]:
        return ZERO
    if node.op == "where" and zeros[1] and zeros[2]:
        return ZERO
    return node


def _exact(node: Node, sizes: dict[Node, Fraction]) -> Fraction:
    """The number for random values of all that is no sum, product or quotient: 0 for what is 0 whatever these are.

    (A rational function that is not 0 everywhere is 0 at random points with probability 0: Schwartz 1980, Zippel 1979.)
    """
    if node not in sizes:
        value = number_of(node)
        if value is not None and isfinite(value):
            sizes[node] = Fraction(value)
        elif node.op in RATIONAL:
            found = RATIONAL[node.op](*(_exact(a, sizes) for a in node.args))
            sizes[node] = found
        else:
            sizes[node] = Fraction(Random(f"{len(sizes)}").randrange(1, 2**62), 2**31)
    return sizes[node]


RATIONAL: Final[dict[str, Callable[..., Fraction]]] = {
    "add": lambda a, b: a + b,
    "subtract": lambda a, b: a - b,
    "multiply": lambda a, b: a * b,
    "divide": lambda a, b: a / b if b else Fraction(1),
    "negative": lambda a: -a,
}
