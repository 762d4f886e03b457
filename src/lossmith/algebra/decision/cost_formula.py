"""From costs to formulas: a record of costs comes in; its exact and its smooth loss and the rules that decide go out.

Per unit of error, and for a curve, the exact loss is the cost itself. A decision between classes has no slope in a
prediction, so its exact loss is a proper one, under which a model predicts probabilities, and the rule does the rest:

- costs that are alike in all rows: log loss (cross entropy), and the rule takes the cheapest decision;
- costs that differ by a common `column`: the same, each row times its column;
- two classes whose costs differ otherwise: decision k of a row of class j saves s = (dearer one of row j) - C[j, k], and
  the loss is -sum over k of s * log(p_k). Its best p_k is proportional to the expected saving of k, so that the more
  probable decision is the cheaper one, also for a model that never sees the columns. If right decisions cost nothing it
  is -false_negative * y * log(p) - false_positive * (1 - y) * log(1 - p): rows weigh what an error in them costs.
  Dividing these weights out and asking the row's own threshold is the same as asking for 1/2;
- more classes: cross entropy, rows weighed by what a wrong decision about them costs on average. The rule divides the
  weights out again and takes the cheapest decision under the row's own costs.

The smooth loss of a matrix is the expected cost of acting at random by the predicted probabilities, sum of p_k C[y, k].

Source: Elkan (2001), The foundations of cost-sensitive learning (thresholds, weights by what is at stake, their inverse).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import pairwise
from typing import Any, Final

from lossmith import maths as ls
from lossmith.algebra.decision.costs import CostMatrix, ErrorCosts, UnderOver, zero_one
from lossmith.algebra.decision.curve import CostCurve, exact, ramp, rounded
from lossmith.algebra.decision.row_costs import AnyCosts, RowMatrix, RowUnderOver, all_cost_columns
from lossmith.algebra.decision.rules import AsIs, CheapestClass, Entries, Entry, RowCheapest, Rule, Threshold
from lossmith.errors import ArgumentError
from lossmith.formula.definition import Definition, Parameter, check_definition
from lossmith.formula.node import Node, constant, number_of, symbol
from lossmith.formula.roles import Declaration, declare, roles
from lossmith.numerics.interval import POSITIVE

MOST_CLASSES: Final = 10
PART_OF_GAP: Final = 0.1  # of the shortest way between two points of a curve: corners then are rounded, but kept apart


@dataclass(frozen=True)
class Designed:
    """The loss to train with and the rule from its predictions to actions; the smooth stand-in and its own rule.

    `smooth` is None for a matrix of more than `MOST_CLASSES` classes: its formula grows with their square.
    """

    loss: Definition
    rule: Rule
    smooth: Definition | None
    smooth_rule: Rule


def designed(costs: AnyCosts) -> Designed:
    """Return what costs imply.

    Raises `ArgumentError` LM249 where a column has the name of a number or a role of the formula.

    >>> from lossmith.formula.text import to_text
    >>> to_text(designed(UnderOver(5.0, 1.0)).loss.formula)
    'where(z < y, under * (y - z), over * (z - y))'
    """
    return _DESIGNS[type(costs)](costs)


# The words of a formula of costs ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Words:
    """What a formula of costs is written with: a declaration, parameters, and a node for each role and each cost."""

    declaration: Declaration
    parameters: tuple[Parameter, ...]
    nodes: Mapping[str, Node]

    def __getitem__(self, name: str) -> Node:
        return self.nodes[name]

    def definition(self, name: str, formula: Node, source: str = "") -> Definition:
        """The formula as a checked definition with the parameters that it uses."""
        return check_definition(Definition(name, formula, self.declaration, self.parameters, source))

    def times(self, column: str | None, formula: Node) -> Node:
        """The formula times a column, if there is one."""
        return formula if column is None else roles(self.declaration).leaves[column] * formula


def _words(costs: AnyCosts, numbers: Mapping[str, Entry], **declaration: Any) -> _Words:
    """Numbers become parameters above 0, names of columns become their leaves."""
    columns = all_cost_columns(costs)
    bound = {name: value for name, value in numbers.items() if not isinstance(value, str)}
    for name, value in bound.items():
        if name in columns:
            raise ArgumentError(
                "LM249", f'a column of costs cannot be called "{name}": a number of this loss is. Rename the column.'
            )
        if value not in POSITIVE:
            raise ArgumentError("LM234", f'cost "{name}" must be a number above 0, got {value:g}.')
    declared = declare(columns=columns, **declaration)
    leaves = roles(declared).leaves
    nodes = {name: leaves[v] if isinstance(v, str) else symbol(name, "parameter") for name, v in numbers.items()}
    parameters = tuple(Parameter(name, float(value), POSITIVE) for name, value in bound.items())
    return _Words(declared, parameters, {**leaves, **nodes})


# Per unit of error ------------------------------------------------------------------------------------------------


def _per_unit(costs: UnderOver | RowUnderOver) -> Designed:
    numbers = {"under": costs.under, "over": costs.over}
    plain, soft = (_words(costs, n, target="real") for n in (numbers, {**numbers, "width": 1.0}))
    y, z, under, over = (plain[name] for name in ("y", "z", "under", "over"))
    cost = ls.where(y > z, under * (y - z), over * (z - y))
    smooth = ramp(over, z - y, soft["width"]) + ramp(under, y - z, soft["width"])
    return Designed(
        plain.definition("linear_cost", plain.times(costs.column, cost)),
        AsIs(),
        soft.definition("smooth_linear_cost", soft.times(costs.column, smooth)),
        AsIs(),
    )


def _of_curve(costs: CostCurve) -> Designed:
    plain = _words(costs, {}, target="real")
    soft = _words(costs, {"width": PART_OF_GAP * costs.narrowest}, target="real")
    error = plain["z"] - plain["y"]
    return Designed(
        plain.definition("cost_curve", plain.times(costs.column, exact(costs, error))),
        AsIs(),
        soft.definition("smooth_cost_curve", soft.times(costs.column, rounded(costs, error, soft["width"]))),
        AsIs(),
    )


# Two classes ------------------------------------------------------------------------------------------------------


def _of_errors(costs: ErrorCosts) -> Designed:
    numbers = {"false_negative": costs.false_negative, "false_positive": costs.false_positive}
    words = _words(costs, numbers, target="binary", link="sigmoid")
    y, p, missed, alarm = (words[name] for name in ("y", "p", *numbers))
    smooth = words.definition("expected_cost", words.times(costs.column, missed * y * (1 - p) + alarm * (1 - y) * p))
    if not costs.by_row:
        return _of_two(costs, Threshold(costs.threshold), smooth)
    stakes = -missed * y * ls.log(p) - alarm * (1 - y) * ls.log(1 - p)
    return Designed(
        words.definition("log_loss_by_stakes", words.times(costs.column, stakes)),
        Threshold(0.5),
        smooth,
        Threshold(0.5),
    )


def _of_two(costs: ErrorCosts | CostMatrix, rule: Rule, smooth: Definition) -> Designed:
    """The costs are alike in all rows, or differ by a common factor: log loss, which estimates the probability."""
    words = _words(costs, {}, target="binary", link="sigmoid")
    y, p = words["y"], words["p"]
    loss = words.times(costs.column, -y * ls.log(p) - (1 - y) * ls.log(1 - p))
    return Designed(words.definition("binary_cross_entropy", loss), rule, smooth, Threshold(0.5))


def _of_two_by_two(costs: CostMatrix | RowMatrix) -> Designed:
    words = _words(costs, {}, target="binary", link="sigmoid")
    y, p = words["y"], words["p"]
    entries = _nodes(costs.matrix, words)
    smooth = words.definition("expected_cost", words.times(costs.column, _mean_cost([1 - y, y], entries, [1 - p, p])))
    if isinstance(costs, CostMatrix):
        (right, alarm), (missed, hit) = costs.matrix
        return _of_two(costs, Threshold((alarm - right) / ((alarm - right) + (missed - hit))), smooth)
    losses = _mean_cost([1 - y, y], _savings(costs.matrix, words), [-ls.log(1 - p), -ls.log(p)])
    return Designed(
        words.definition("log_loss_by_stakes", words.times(costs.column, losses)),
        Threshold(0.5),
        smooth,
        Threshold(0.5),
    )


def _nodes(matrix: Entries, words: _Words) -> list[list[Node]]:
    return [[words[entry] if isinstance(entry, str) else constant(entry) for entry in row] for row in matrix]


def _savings(matrix: Entries, words: _Words) -> list[list[Node]]:
    """What each decision saves against the dearest one, in a row of each class."""
    found = []
    for entries, nodes in zip(matrix, _nodes(matrix, words), strict=True):
        numbers = _numbers(entries)
        dearest = constant(max(numbers)) if len(numbers) == len(entries) else reduce(ls.maximum, nodes)
        found.append([_difference(dearest, node) for node in nodes])
    return found


def _numbers(entries: Sequence[Entry]) -> list[float]:
    return [entry for entry in entries if not isinstance(entry, str)]


def _difference(larger: Node, smaller: Node) -> Node:
    a, b = number_of(larger), number_of(smaller)
    if b == 0:
        return larger
    return larger - smaller if a is None or b is None else constant(a - b)


def _mean_cost(true: Sequence[Node], costs: Sequence[Sequence[Node]], decided: Sequence[Node]) -> Node:
    """The sum of true[j] * costs[j][k] * decided[k], without what costs nothing."""
    zero = constant(0.0)
    terms = [
        share * cost * chance
        for share, row in zip(true, costs, strict=True)
        for cost, chance in zip(row, decided, strict=True)
        if cost is not zero
    ]
    return reduce(lambda a, b: a + b, terms)


# Several classes --------------------------------------------------------------------------------------------------


def _of_matrix(costs: CostMatrix | RowMatrix) -> Designed:
    classes = len(costs.matrix)
    if classes == 2:
        return _of_two_by_two(costs)
    probable = CheapestClass(zero_one(classes))
    if isinstance(costs, RowMatrix):
        if classes > MOST_CLASSES:
            raise ArgumentError(
                "LM248",
                f"a matrix with names of columns in it may have up to {MOST_CLASSES} classes, found {classes}. Put "
                "numbers into the matrix, and what differs by row into column=.",
            )
        return Designed(_by_stakes(costs), RowCheapest(costs.matrix), _expected(costs), probable)
    words = _words(costs, {}, target="class", link="softmax")
    entropy = words.times(costs.column, -ls.over_classes(words["y"] * ls.log(words["p"])))
    smooth = _expected(costs) if classes <= MOST_CLASSES else None
    return Designed(words.definition("cross_entropy", entropy), CheapestClass(costs.matrix), smooth, probable)


def _with_heads(costs: CostMatrix | RowMatrix) -> tuple[_Words, list[Node]]:
    """The words of a loss with a raw prediction for each class by name, and minus the log-odds of each class."""
    heads = {f"class_{k}": "identity" for k in range(len(costs.matrix))}
    words = _words(costs, {}, target="ordinal", heads=heads)
    return words, _others([words[name] for name in heads])


def _by_stakes(costs: RowMatrix) -> Definition:
    words, others = _with_heads(costs)
    each = [stake * ls.softplus(other) for stake, other in zip(_stakes(costs.matrix, words), others, strict=True)]
    return words.definition("cross_entropy_by_stakes", words.times(costs.column, _picked(each, words["y"])))


def _expected(costs: CostMatrix | RowMatrix) -> Definition:
    words, others = _with_heads(costs)
    by_decision = zip(*_nodes(costs.matrix, words), strict=True)
    each = [_picked(row, words["y"]) * ls.sigmoid(-other) for row, other in zip(by_decision, others, strict=True)]
    return words.definition("expected_cost", words.times(costs.column, reduce(lambda a, b: a + b, each)))


def _others(raw: Sequence[Node]) -> list[Node]:
    """For each class the log of the sum of e ** (z_j - z_k) over the other classes j: minus the log-odds of class k.

    Made of differences of neighbours, so that a number added to all classes changes nothing.
    """
    upto, after = _log_sums(raw), _log_sums(raw[::-1])[::-1]
    last = len(raw) - 1
    found = [_moved(raw[1] - raw[0], after[1])]
    for k in range(1, last):
        lower, higher = raw[k - 1], raw[k + 1]
        gap = _less(_moved(higher - lower, after[k + 1]), upto[k - 1])
        found.append(_moved(lower - raw[k], upto[k - 1]) + ls.softplus(gap))
    return [*found, _moved(raw[last - 1] - raw[last], upto[last - 1])]


def _log_sums(raw: Sequence[Node]) -> list[Node]:
    """For each place i the log of the sum of e ** (z_j - z_i) over the places j up to i."""
    found: list[Node] = [constant(0.0)]
    for before, here in pairwise(raw):
        found.append(ls.softplus(_moved(before - here, found[-1])))
    return found


def _moved(difference: Node, by: Node) -> Node:
    return difference if by is constant(0.0) else difference + by


def _less(difference: Node, by: Node) -> Node:
    return difference if by is constant(0.0) else difference - by


def _picked(values: Sequence[Node], y: Node) -> Node:
    """The value of class y; a number y that is no class makes it NaN."""
    found = ls.log(len(values) - 1 - y)
    for true in reversed(range(len(values))):
        found = ls.where(y == true, values[true], found)
    return found


def _stakes(matrix: Entries, words: _Words) -> list[Node]:
    """What a wrong decision about a row of each class costs on average, beyond the cheapest one."""
    means = []
    for entries, nodes in zip(matrix, _nodes(matrix, words), strict=True):
        numbers = _numbers(entries)
        known = bool(numbers) and (min(numbers) <= 0 or len(numbers) == len(entries))  # a column is never below 0
        least = constant(min(numbers)) if known else reduce(ls.minimum, nodes)
        beyond = [_difference(node, least) for node in nodes if node is not least]
        means.append(reduce(lambda a, b: a + b, beyond or [constant(0.0)]) / (len(entries) - 1))
    return means


_DESIGNS: Final[Mapping[type[Any], Callable[[Any], Designed]]] = {
    UnderOver: _per_unit,
    RowUnderOver: _per_unit,
    CostCurve: _of_curve,
    ErrorCosts: _of_errors,
    CostMatrix: _of_matrix,
    RowMatrix: _of_matrix,
}
