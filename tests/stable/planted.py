"""Instances of rewriting rules, and points at which the unsafe side of one has lost its digits.

Comes in: a rule. Goes out: an instance with leaves for its wildcards, and the first point of a fixed grid at which the
side before is wrong in float64 (its gradient, where its value is not) and the side after is right.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice, product
from typing import Any

import numpy as np

import lossmith as ls
from benchmarks.naive_formulas import NAIVE
from lossmith.calculus.derivative import tangent
from lossmith.checking.remaining import kernel_floats
from lossmith.compiler import direction, story
from lossmith.formula.lift_procedures import complement_of
from lossmith.formula.node import (
    OPERATIONS,
    Node,
    constant,
    make,
    make_from,
    rebuild,
    substitute,
    symbol,
    symbol_of,
    symbols,
    walk,
)
from lossmith.formula.outcomes import smoothed
from lossmith.formula.rewrite import Procedure, Rule, apply_rule
from lossmith.interpret import interpret, truths
from lossmith.interpret.truth import row_wise
from lossmith.numerics.formats import FLOAT64, error_in_ulp
from lossmith.stable.forms import CONDITIONS, FORMS, in_plain_operations
from lossmith.stable.hazards import exact_system
from lossmith.stable.rules import stabilise

LOST = 2.0**16  # ulp: of 53 digits fewer than 37 are left
RIGHT = 64.0  # ulp: four times what the contract allows a loss; a side of a rule is a part of one
ROUNDED = 16.0
"""What counts as wrong for rules against magnified rounding: beyond the contract. Half of it is right."""

Z, Z2 = symbol("z", "raw", ["example"]), symbol("w", "raw", ["example"])
ZK, Z2K = symbol("zk", "raw", ["example", "class"]), symbol("wk", "raw", ["example"])
Y, YK = symbol("y", "target", ["example"]), symbol("yk", "target", ["example", "class"])
C, G, H = symbol("c", "column", ["example"]), symbol("g", "parameter"), symbol("h", "parameter")
LEAVES = {
    False: {
        "?A": (Z, make("sigmoid", Z), make("softmax_complement", ZK)),
        "?B": (Y, G, C),
        "?C": (Z2, make("sigmoid", -Z), G, C),
        "?D": (constant(0.25) < Z, H, C),
    },
    True: {"?A": (ZK, make("softmax", ZK)), "?B": (YK, G), "?C": (Z2K, G), "?D": (constant(0.25) < ZK, H)},
}
OVER_CLASSES = ("class_sum", "class_logsumexp", "softmax", "softmax_complement", "log_softmax", "class_others")

HARD_ROWS = (
    [40.0, 45.0, -50.0, 38.0],
    [-40.0, -45.0, 50.0, -38.0],
)  # a batch that is nearly right, and one nearly wrong
HARD_TARGETS = [1.0, 1.0, 0.0, 1.0]
SIZES = (
    *(1e-300, 1e-160, 1e-20, 1e-9, 1e-6, 0.3, 1.0, 1 - 2.0**-50, 2.5, 18.0, 37.0, 50.0),
    *(300.3, 710.0, 1e3, 1e4, 1e160, 1e300),
)
GRID: Mapping[str, tuple[float, ...]] = {
    "raw": (0.0, *SIZES, *(-x for x in SIZES)),
    "target": (1.0, 0.0, 0.3, 0.5, 1 - 1e-13, 1e-9, 3.0, 1e6, 1e20, 1e300),
    "column": (1.0, 0.0, 0.75, -1.0, 1e-9, 20.0, -300.0),
    "weight": (1.0, 2.0, 0.5),
    "parameter": (0.7, 1.7, 2.5, 1 + 1e-9, 0.01, 1e-300, 40.0, 1e-310),
}
ROWS = np.array(
    [
        [0.3, -1.0, 2.0],
        [40.0, 0.0, 1.0],
        [-40.0, 5.0, 6.0],
        [800.0, -800.0, 1.0],
        [0.0, 0.0, 0.0],
        [60.0, 59.0, -60.0],
        [460.0, 0.0, 1.0],
        [1 - 2.0**-30, 2.0**-31, 2.0**-31],
    ]
)
LABELS = np.array(
    [
        [1.0, 0.0, 0.0],
        [0.0, 1.0, 0.0],
        [0.0, 0.0, 1.0],
        [0.5, 0.25, 0.25],
        [0.999, 0.0005, 0.0005],
        [1 - 2.0**-30, 2.0**-30, 0.0],
    ]
)
COUNT = 160


@dataclass(frozen=True)
class Instance:
    """A rule with leaves in place of its wildcards: both sides, as the engine makes them."""

    before: Node
    after: Node


@dataclass(frozen=True)
class Point:
    """Where the side before fails: what it computes and what is exact, of the value or of a derivative."""

    of: str
    values: Mapping[str, Any]
    unsafe: float
    safe: float
    exact: float


P, Q, ONE = make("sigmoid", Z), make("sigmoid", -Z), constant(1.0)
SOFT, SOFT_K = smoothed(Y, Y, G, of_classes=False), smoothed(YK, YK, G, of_classes=True)
REST = complement_of(SOFT)
assert REST is not None
COMPLEMENT = make("softmax_complement", ZK)
NAMED = make("logical_and", make("equal", make("class_sum", YK), ONE), make("equal", make("class_max", YK), ONE))
WRITTEN: Mapping[str, tuple[Node, ...]] = {
    "the complement of a probability belongs inside": (ONE - (SOFT * P + REST * Q),),
    "the complement of the true class's probability belongs inside": (
        ONE - make("class_sum", SOFT_K * make("softmax", ZK)),
    ),
    "b (1+a)**(b-1) / (1+a)... - (1+a)**(b-1) cancels for b near 1": (
        make("exp", G * make("log1p", C)) * (Y / (ONE + C)),
        make("exp", G * make("log1p", Z)) * (Y / (ONE + Z)),
    ),
    "a / c overflows for a minute c, where c / b takes it back": ((G / H) * (H / symbol("k", "parameter")),),
    "b / c overflows for a minute c, where a c takes it back": (
        (YK * COMPLEMENT) * make("safe_divide", make("softmax", ZK), COMPLEMENT),
    ),
    "b / c overflows for a minute c, where a factor c takes it back": (
        (make("safe_divide", make("softmax", ZK), COMPLEMENT) - YK) * COMPLEMENT,
    ),
    "1 - p underflows where its logarithm does not": (make("log", COMPLEMENT),),
    "p_j and 1 - p underflow where their quotient does not": (
        make("softmax", ZK) * make("class_others", make("safe_divide", YK, COMPLEMENT)),
        make("softmax", ZK) * make("class_others", make("safe_divide", YK, COMPLEMENT) - YK),
    ),
    "1 / c**2 is infinite where p**2 / c**2 is not": (
        make("softmax", ZK)
        * make("class_others", make("safe_divide", make("safe_divide", YK, COMPLEMENT), COMPLEMENT)),
    ),
    "x - x (t m)/(t + o) as x (o + t (1 - m))/(t + o)": (C - (C * (G * Y)) / (G + H),),
    "exp(a) rounds near a = 0": (make("log1p", -make("exp", Z)),),
    "b times a / b is only nearly a": (Y * (make("exp", Z) / Y),),
    "a label of 0 or 1 leaves one share, which is exact": (
        make("log", Y * P + (ONE - Y) * Q * P),
        (Y * P) / (Y + P),
        make("abs", Y - P * P),
    ),
    "(1 + x)**b less x (1 + x)**(b - 1) has few digits left for large x": (
        make("exp", constant(-0.5) * make("log1p", Z ** constant(2.0)))
        - Z ** constant(2.0) * make("exp", constant(-1.5) * make("log1p", Z ** constant(2.0))),
    ),
    "a number and what is short of it meet within a branch": (
        Y * Q + (ONE - Y) * P - make("where", make("equal", Y, ONE), Q, C),
        ONE - make("where", make("equal", Y, ONE), P, C),
    ),
    "where a row names one class, its factors meet in that class": (
        make("where", NAMED, make("class_sum", YK * COMPLEMENT), C)
        * make("where", NAMED, make("class_sum", YK * make("log_softmax", ZK)), G),
        make("where", NAMED, make("exp", -make("class_sum", YK * make("log_softmax", ZK))), C)
        * make("where", NAMED, make("class_sum", YK * make("softmax", ZK)), G),
    ),
    "a row whose labels rule a term out rules it out for all classes": (
        make("class_others", make("where", C > ONE, constant(0.0), make("log", make("softmax", ZK)))),
        make("class_sum", -make("where", C > ONE, make("softmax", ZK) / C, constant(0.0))),
    ),
    "0 times what is infinite in the branch that is not taken": (
        make("where", make("equal", Y, constant(0.0)), constant(0.0), Z) * (ONE / Y),
        make("where", make("equal", C, constant(0.0)), constant(0.0), Y) * (Z / C),
    ),
    "p - (1 - p) is a false 0 near p = 1/2, times what both share": (
        C * (P * Q) * P - Q * (C * (Q * P)),
        (P * Y) - (Y * Q),
    ),
    "a / y underflows where its product with y does not": ((C * Y) * (make("exp", Z) / Y),),
    "inf / inf for large A, where both sides of the line grow alike": (
        make("abs", Y - make("exp", Z)) / (C * C + make("exp", Z)),
    ),
    "e**a - e**-a is a false 0 near a = 0, and so is their half less 1": (
        make("exp", Z) - make("exp", -Z),
        make("exp", Z - Y) - make("exp", Y - Z),
        make("exp", Z) + make("exp", -Z),
    ),
    "softplus(a) underflows where its logarithm is a": (
        make("log", make("softplus", Z)),
        make("log", -make("expm1", -make("exp", Z))),
        Y / make("softplus", Z),
        make("xlogy", Y, make("softplus", Z)),
    ),
    "terms that cancel meet within a branch": (
        make("where", C > ONE, Z, make("exp", Z)) + make("where", C > ONE, constant(0.0), -Y),
    ),
}
"""Instances of procedures that the catalogue does not meet: {reason of the rule: formulas}."""


def instances(rule: Rule | Procedure) -> Iterator[Instance]:
    """Instances that the rule takes up: made for a rule; written down, or met in the catalogue or in naive formulas."""
    found = 0
    for before in (*_made(rule), *WRITTEN.get(rule.why, ())):
        after = apply_rule(rule, before)
        if after is not None and after is not before and _is_sound(before, after):
            found += 1
            yield Instance(before, after)
    for source in (catalogued, naive):
        if found:
            return
        for hazard, why, before, after in source():
            if (hazard, why) == (rule.hazard, rule.why):
                found += 1
                yield Instance(before, after)


def _made(rule: Rule | Procedure) -> Iterator[Node]:
    """A rule's pattern with leaves for its wildcards."""
    if isinstance(rule, Procedure):
        return
    classes = any(n.op in OVER_CLASSES for n in walk(rule.pattern, rule.replacement))
    wild = symbols(rule.pattern, rule.replacement)
    for chosen in product(*(LEAVES[classes][repr(w)] for w in wild)):
        yield substitute(rule.pattern, dict(zip(wild, chosen, strict=True)))


def _is_sound(*roots: Node) -> bool:
    """Whether sums over classes are of what varies over classes, and truth values stand where conditions do."""
    nodes = walk(*roots)
    over_classes = all("class" in n.args[0].axes for n in nodes if n.op in OVER_CLASSES)
    return over_classes and all(_is_typed(n) for n in nodes)


def _is_typed(node: Node) -> bool:
    wanted = CONDITIONS.get(node.op, (False,) * len(node.args))
    return all(OPERATIONS[a.op].boolean is w for a, w in zip(node.args, wanted, strict=True))


DESIGNS = (
    *("bce.smooth(0.1)", "ce.smooth(0.1)", "focal.smooth(0.1)", "softmax_focal.smooth(0.1)", "brier.smooth(0.1)"),
    *("bce + 0.5*dice", "dice.smooth(0.1)", "zero_inflated_poisson", "ce.modulate(gamma=2)", "bce.modulate(gamma=2)"),
)


Met = tuple[tuple[str, str, Node, Node], ...]


@lru_cache(maxsize=1)
def catalogued() -> Met:
    """Every step that the catalogue and some designs take: name and reason of the rule, before, after."""
    return _met([ls.get(name) for name in ls.names()] + [ls.parse(text) for text in DESIGNS])


@lru_cache(maxsize=1)
def naive() -> Met:
    """The same of formulas as people write them."""
    return _met(_readable())


def _readable() -> Iterator[ls.Loss]:
    for row in NAIVE:
        with suppress(ls.LossmithError):  # what is refused takes no steps
            yield row.loss


def _met(losses: Iterable[ls.Loss]) -> Met:
    steps = (step for loss in losses for stage in story(loss.definition) for step in stage.steps)
    return tuple((s.hazard, s.why, s.before, s.after) for s in steps)


def points(*roots: Node, seed: int = 0) -> Iterator[dict[Node, Any]]:
    """Values for the leaves: many rows where rows stand alone, else small batches; numbers come in a few sets."""
    random = np.random.default_rng(seed)
    leaves = symbols(*roots)
    rows, numbers = ([leaf for leaf in leaves if ("example" in leaf.axes) is wanted] for wanted in (True, False))
    sets = [
        dict.fromkeys(numbers, 1.7),
        *({n: random.choice(GRID["parameter"]) for n in numbers} for _ in range(5 if rows else 60)),
    ]
    columns = [_rows(rows, random)] if row_wise(*roots) else _batches(rows, random)
    for chosen in sets if numbers else [{}]:
        for column in columns:
            yield {**column, **chosen}


def _rows(leaves: list[Node], random: np.random.Generator) -> dict[Node, Any]:
    """Every combination of the grid for one or two leaves, else a random choice of them."""
    if 0 < len(leaves) <= 2 and not any("class" in leaf.axes for leaf in leaves):
        combined = np.array(list(product(*(_grid(leaf) for leaf in leaves)))).reshape(-1, len(leaves))
        return {leaf: combined[:, [j]] for j, leaf in enumerate(leaves)}
    return {leaf: _column(leaf, COUNT, random) for leaf in leaves}


def _batches(leaves: list[Node], random: np.random.Generator) -> list[dict[Node, Any]]:
    hard = [{leaf: _hard(leaf, raw, random) for leaf in leaves} for raw in HARD_ROWS]
    return [*hard, *({leaf: _column(leaf, 4, random) for leaf in leaves} for _ in range(12))]


def _hard(leaf: Node, raw: list[float], random: np.random.Generator) -> Any:
    given = {"raw": raw, "target": HARD_TARGETS}.get(_role(leaf))
    return _column(leaf, 4, random) if given is None or "class" in leaf.axes else np.array(given)[:, None]


def _role(leaf: Node) -> str:
    found = symbol_of(leaf)
    assert found is not None
    return found.role


def _grid(leaf: Node) -> tuple[float, ...]:
    return (1.0,) if repr(leaf).startswith("v_") else GRID[_role(leaf)]


def _column(leaf: Node, count: int, random: np.random.Generator) -> Any:
    if "class" in leaf.axes:
        rows = LABELS if _role(leaf) == "target" else ROWS
        return np.ones((count, 3)) if repr(leaf).startswith("v_") else rows[random.integers(0, len(rows), size=count)]
    return random.choice(_grid(leaf), size=(count, 1))


def planted(found: Instance, lost: float = LOST, slopes: bool = True) -> Point | None:
    """The first point at which the side before is wrong by `lost` ulp or more, and the side after is right."""
    sides = [("value", found.before, found.after)]
    for leaf in symbols(found.before, role="raw") if slopes else ():
        moves = {leaf: direction(leaf)}
        sides.append((f"slope along {leaf!r}", tangent(found.before, moves), tangent(found.after, moves)))
    for of, before, after in sides:
        safe = stabilise(after)[0] if slopes else after
        for values in points(before, after):
            point = _first(of, before, safe, values, lost, of_before=not slopes)
            if point is not None:
                return point
    return None


def without_patterns(root: Node) -> Node:
    """Every node in its own floating-point form, and nothing for whole patterns."""

    def change(node: Node, args: tuple[Node, ...]) -> Node:
        return FORMS[node.op](*args) if node.op in FORMS else make_from(node.op, args, node.attr)

    return rebuild(root, change)


def _first(of: str, before: Node, after: Node, values: dict[Node, Any], lost: float, of_before: bool) -> Point | None:
    """`of_before`: the truth is that of the side before, for the other one holds what only kernels know."""
    truth = truths([before if of_before else after], values, FLOAT64, last_precision=1100)[0]
    unsafe, safe = interpret([without_patterns(before), in_plain_operations(after)], values, kernel_floats())
    shape = np.broadcast_shapes(truth.rounded.shape, unsafe.shape, safe.shape)
    unsafe, safe, truth = np.broadcast_to(unsafe, shape), np.broadcast_to(safe, shape), truth.spread(shape)
    for at in np.ndindex(shape):
        ball, a, b = truth.balls[at], float(unsafe[at]), float(safe[at])
        if truth.decided[at] and ball.is_finite() and _off(b, ball) <= min(RIGHT, lost / 2) and _off(a, ball) >= lost:
            return Point(of, {repr(k): _of_row(k, v, at[0]) for k, v in values.items()}, a, b, float(truth.rounded[at]))
    return None


def _of_row(leaf: Node, value: Any, row: int) -> Any:
    return value[row].tolist() if np.ndim(value) == 2 and len(value) > row and "example" in leaf.axes else value


def _off(number: float, ball: Any) -> float:
    """Units in the last place; a number below the normal ones is judged as if it were one."""
    size = abs(float(ball.mid()))
    return error_in_ulp(number, ball, FLOAT64, max(size, FLOAT64.smallest_normal) if math.isfinite(size) else None)


def equal_in_balls(before: Node, after: Node) -> int:
    """How many numbers of both sides were compared and found equal; raises AssertionError where they are not."""
    compared = 0
    for values in islice(points(before, after), 3):
        few = {leaf: v[:: max(1, len(v) // 40)] if np.ndim(v) == 2 else v for leaf, v in values.items()}
        a, b = np.broadcast_arrays(*interpret([before, after], few, exact_system(2048)))
        for x, y in zip(a.ravel(), b.ravel(), strict=True):
            if isinstance(x, bool | None):
                assert x is y or x is None or y is None
            elif x.is_finite() and y.is_finite():
                assert x.overlaps(y) or abs(x - y) < 1e-60 * (1 + abs(x)), (before, after, x, y)
                compared += bool(x.rad() < 1e-30 * (abs(x.mid()) + 1) and y.rad() < 1e-30 * (abs(y.mid()) + 1))
    return compared
