"""Whether a formula has numbers at all: one that is defined for no target and no raw prediction cannot train anything.

Comes in: a definition. Goes out: the part of its formula that has no finite number at any point that is tried, or None.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lossmith.errors import FormulaError
from lossmith.formula.definition import Definition, linked
from lossmith.formula.lift import lift
from lossmith.formula.node import OPERATIONS, Node, substitute, symbols, walk
from lossmith.formula.text import to_text
from lossmith.interpret import NUMPY, interpret
from lossmith.numerics.formats import FLOAT64
from lossmith.numerics.interval import Interval
from lossmith.numerics.points import raw_points, raw_rows, target_points

POINTS: Final = 400
CLASSES: Final = 4
TRIED: Final = (1.0, 0.5, 2.0, 0.0, -1.0, 10.0)
"""Numbers for a parameter that has none yet: the first one in its domain."""
LONGEST: Final = 80


def refuse_empty(definition: Definition) -> None:
    """Raise FormulaError LM146 for a formula without a finite number, and name the part that is to blame.

    >>> from lossmith.formula.trace import define
    >>> from lossmith.maths import log
    >>> refuse_empty(define(target="real")(lambda y, z: log(-1 - (y - z) ** 2)))
    Traceback (most recent call last):
    lossmith.errors.FormulaError: LM146 <lambda>: log(-1 - (y - z) ** 2) is not a finite number for any target ...
    """
    part = empty_part(definition)
    if part is not None:
        text = to_text(part)
        shown = text if len(text) <= LONGEST else f"{text[:LONGEST]}..."
        raise FormulaError(
            "LM146",
            f"{definition.title}: {shown} is not a finite number for any target and raw prediction. "
            "Check its sign and what it is given.",
        )


def empty_part(definition: Definition) -> Node | None:
    """The innermost part that makes a formula empty; None where it has numbers, or where that cannot be tried.

    Sums over examples are left aside: what they sum is looked at. Branches that are not taken do not count.
    """
    formula = substitute(definition.written, linked(definition))
    values = _values(definition)
    if values is None or any(leaf not in values for leaf in symbols(formula)):
        return None
    for body in _bodies(formula):
        parts = walk(body)
        with np.errstate(all="ignore"):
            found = interpret(parts, values, NUMPY)
        empty = [node for node, numbers in zip(parts, found, strict=True) if not _has_numbers(node, numbers)]
        if empty and empty[-1] is body and not _is_defined_once_lifted(body, values):
            return empty[0]
    return None


def _is_defined_once_lifted(body: Node, values: dict[Node, Any]) -> bool:
    """Whether the formula has numbers where 0 log 0 counts as 0, as it does in a Kullback-Leibler divergence."""
    lifted = lift(body)[0]
    with np.errstate(all="ignore"):
        return _has_numbers(lifted, interpret([lifted], values, NUMPY)[0])


def _has_numbers(node: Node, numbers: NDArray[Any]) -> bool:
    return OPERATIONS[node.op].boolean or bool(np.isfinite(np.asarray(numbers, dtype=np.float64)).any())


def _bodies(formula: Node) -> list[Node]:
    """What is evaluated row by row: the formula itself, or what its sums over examples sum."""
    joined = {n for n in walk(formula) if OPERATIONS[n.op].joins_examples}
    above = set(joined)
    for node in walk(formula):
        if above.intersection(node.args):
            above.add(node)
    if not above:
        return [formula]
    return [arg for node in joined for arg in node.args if arg not in above and "example" in arg.axes]


def _values(definition: Definition) -> dict[Node, Any] | None:
    """Numbers for the leaves: targets of their kinds, raw predictions of every size; None for leaves without any."""
    said, roles = definition.declaration, definition.roles
    if said.on == "probability" or said.columns:
        return None
    random = np.random.default_rng(0)
    raw = _raw(said.has_classes)
    found: dict[Node, Any] = {}
    for leaf in roles.raw:
        found[leaf] = random.permutation(raw)
    for name, kind in said.target:
        found[roles.leaves[name]] = _targets(kind, "class" in roles.leaves[name].axes, raw.shape[0], random)
    for parameter in definition.parameters:
        number = parameter.default if parameter.default is not None else _inside(parameter.domain)
        leaves = [leaf for leaf in symbols(definition.written, role="parameter") if repr(leaf) == parameter.name]
        found |= dict.fromkeys(leaves, number)
    return found


def _raw(has_classes: bool) -> NDArray[Any]:
    rows = raw_rows(FLOAT64, CLASSES, count=POINTS) if has_classes else raw_points(FLOAT64, count=POINTS)[:, None]
    return np.asarray(rows, dtype=np.float64)


def _targets(kind: str, with_classes: bool, rows: int, random: np.random.Generator) -> NDArray[Any]:
    """Targets of a kind, one row for each raw prediction."""
    points = target_points(kind, FLOAT64, count=50, classes=CLASSES)
    if kind == "class":
        points = np.eye(CLASSES)[points]
    elif with_classes and points.ndim == 1:
        points = random.choice(points, size=(points.size, CLASSES))
    picked = points[random.integers(0, points.shape[0], size=rows)].astype(np.float64)
    return np.asarray(picked if picked.ndim == 2 else picked[:, None])


def _inside(domain: Interval) -> float:
    middle = domain.low + 0.5 * (domain.high - domain.low)
    return next((number for number in (*TRIED, middle) if number in domain), 1.0)
