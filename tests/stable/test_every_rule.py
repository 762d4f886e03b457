"""Every row of every table: equal in exact arithmetic, and a planted point where numbers fail without it."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from typing import Final

import numpy as np
import pytest

from lossmith.calculus.terms import ONE
from lossmith.checking.remaining import kernel_floats
from lossmith.formula.lift import LIFT
from lossmith.formula.node import OPERATIONS, Node, constant, make
from lossmith.formula.rewrite import Procedure, Rule
from lossmith.interpret import interpret, truths
from lossmith.numerics.formats import FLOAT64
from lossmith.stable.forms import FORMS, in_plain_operations
from lossmith.stable.hazards import CURES, FORM_REASONS, HAZARDS, exact_system, hazard_of
from lossmith.stable.patterns import PATTERNS, PROCEDURES
from lossmith.stable.rules import STABLE
from tests.sampling import every
from tests.stable.planted import (
    LOST,
    RIGHT,
    ROUNDED,
    ROWS,
    YK,
    ZK,
    C,
    G,
    Y,
    Z,
    _off,
    equal_in_balls,
    instances,
    planted,
)

AnyRule = Rule | Procedure
TABLES: Final = {"lift": LIFT, "stable": STABLE, "patterns": (*PATTERNS, *PROCEDURES)}
EVERY: Final = [(table, rule) for table, rules in TABLES.items() for rule in rules]
IDS: Final = [f"{table}-{j}-{rule.hazard}" for j, (table, rule) in enumerate(EVERY)]

# names of rules that may have no point: what they prepare, or how little they gain
NO_POINT: Final[dict[str, str]] = {
    "stray_sign": "prepares: other rules know sums and products without stray signs",
    "cancellation_in_derivatives": "prepares: its derivatives are nodes with forms of their own",
    "rounding_of_a_reciprocal": "prepares, or saves one rounding of three: less than what counts as wrong",
    "rounding_of_a_part": "saves one or two roundings of three: less than what counts as wrong",
    "the ramp and what it lacks, whose derivatives cancel": "prepares: pairing takes up the derivatives of softplus",
    "where a row names one class, its factors meet in that class": "prepares: (1 - p)**c log p of one class has a form",
    "halves of what is doubled": "prepares: the logarithm knows the share without factors",
    "a shift common to all classes goes outside": "prepares: log_softmax is known without the shift",
}
"""{name of a rule, or its reason: why no point is asked for}."""


def excused(rule: AnyRule) -> str:
    """Why no point is asked for, or nothing."""
    return NO_POINT.get(rule.hazard, "") or NO_POINT.get(rule.why, "")


@pytest.mark.parametrize(("table", "rule"), EVERY, ids=IDS)
def test_a_rule_names_its_hazard_and_gives_a_reason(table: str, rule: AnyRule) -> None:
    found = hazard_of(rule.hazard)
    assert found.wrong and rule.why and set(found.cures) <= set(CURES)


@pytest.mark.parametrize(("table", "rule"), every(2, EVERY), ids=IDS)
def test_both_sides_are_equal_in_exact_arithmetic(table: str, rule: AnyRule) -> None:
    """Balls of both sides overlap at every point, and many of them are narrow."""
    found = list(islice(instances(rule), 2))
    assert found, "no instance: write one down in planted.WRITTEN"
    assert sum(equal_in_balls(each.before, each.after) for each in found) >= 3


@pytest.mark.parametrize(("table", "rule"), every(2, EVERY, first=1), ids=IDS)
def test_there_is_a_point_where_numbers_fail_without_the_rule(table: str, rule: AnyRule) -> None:
    lost = ROUNDED if hazard_of(rule.hazard).name == "magnified rounding" else LOST
    most = 1 if excused(rule) else 5
    points = (planted(each, lost, slopes=table != "patterns") for each in islice(instances(rule), most))
    if next((point for point in points if point is not None), None) is None:
        assert excused(rule), "no point: write an instance down in planted.WRITTEN"


def test_the_list_of_rules_without_a_point_holds_no_others() -> None:
    assert set(NO_POINT) <= {name for _, rule in EVERY for name in (rule.hazard, rule.why)}


# Floating-point forms -------------------------------------------------------------------------------------------------

SUM_EXP: Final = make("class_sum", make("exp", ZK))
P: Final = make("exp", ZK) / SUM_EXP
# what an operation means in plain operations, and arguments for it
MEANINGS: Final[dict[str, tuple[Callable[..., Node], tuple[Node, ...]]]] = {
    "log": (lambda a: make("log", a), (ONE + Z,)),
    "log1p": (lambda a: make("log1p", a), (Z * Z,)),
    "sqrt": (lambda a: make("sqrt", a), (ONE + Z * Z,)),
    "subtract": (lambda a, b: a - b, (make("sqrt", ONE + Z * Z), ONE)),
    "exp": (lambda a: make("exp", a), (constant(1.1) * Z,)),
    "expm1": (lambda a: make("expm1", a), (G * make("log1p", Y),)),
    "power": (lambda a, b: a**b, (Z, constant(2.0))),
    "sigmoid": (lambda a: make("exp", a) / (ONE + make("exp", a)), (Z,)),
    "softplus": (lambda a: make("log", ONE + make("exp", a)), (Z,)),
    "sigmoid_power": (lambda a, b: (ONE / (ONE + make("exp", -a))) ** b, (Z, C)),
    "log_cosh": (lambda a: make("log", make("cosh", a)), (Z,)),
    "xlogy": (lambda a, b: a * make("log", b), (Y, Y)),
    "xlog1py": (lambda a, b: a * make("log1p", b), (Y, -ONE + Y)),
    "safe_divide": (lambda a, b: a / b, (Y, Y)),
    "vanishing_product": (lambda a, b: a * b, (Y, make("log", Y))),
    "log_ratio": (lambda a, b: make("log", a / b), (Y, constant(1.5))),
    "sinh": (lambda a: make("sinh", a), (Z - Y,)),
    "cosh": (lambda a: make("cosh", a), (Z - Y,)),
    "exp_excess": (lambda a: make("exp", a) - ONE - a, (Z,)),
    "log_deficit": (lambda a: a - make("log", ONE + a), (Y,)),
    "scaled_exp": (lambda a, b: a * make("exp", b), (Y, Z)),
    "exp_minus": (lambda a, b: make("exp", a) - b, (Z, Y)),
    "one_minus_scaled_exp": (lambda a, b: ONE - a * make("exp", b), (Y, Z)),
    "class_logsumexp": (lambda a: make("log", make("class_sum", make("exp", a))), (ZK,)),
    "softmax": (lambda a: P, (ZK,)),
    "log_softmax": (lambda a: make("log", P), (ZK,)),
    "softmax_complement": (lambda a: ONE - P, (ZK,)),
    "softmax_complement_power": (lambda a, b: (ONE - P) ** b, (ZK, G)),
    "softmax_slope": (lambda a: P * (ONE - P), (ZK,)),
    "sigmoid_slope": (lambda a: make("exp", a) / ((ONE + make("exp", a)) * (ONE + make("exp", a))), (Z,)),
    "softmax_focal": (lambda a, b: (ONE - P) ** b * make("log", P), (ZK, G)),
    "class_others": (lambda a: make("class_sum", a) - a, (make("exp", ZK),)),
}
NO_FORM_POINT: Final = {
    "power": "gains one rounding of two, and the time of a power",
    "stop_gradient": "a mark for derivatives only",
    "two_words": "the sum of a rounded number and what rounding took: there is no other way to write it",
    "softmax_focal_slope": "a derivative that no formula writes: its parts have points",
    "softmax_focal_bend": "a derivative that no formula writes: its parts have points",
    "softmax_focal_own": "a derivative that no formula writes: its parts have points",
}


def test_every_form_is_listed_with_a_reason() -> None:
    assert set(FORMS) <= set(FORM_REASONS)
    assert set(FORMS) <= set(MEANINGS) | set(NO_FORM_POINT)
    assert {hazard_of(name).name for name, _ in FORM_REASONS.values()} <= set(HAZARDS)


@pytest.mark.parametrize("op", [op for op in MEANINGS if op not in NO_FORM_POINT])
def test_there_is_a_point_where_the_meaning_fails_and_the_form_does_not(op: str) -> None:
    meaning, args = MEANINGS[op]
    node = make(op, *args)
    lost = ROUNDED if hazard_of(FORM_REASONS[op][0]).name == "magnified rounding" else LOST
    rows = {ZK: np.concatenate([ROWS, ROWS[:, ::-1]]), YK: np.eye(3)[[0] * (2 * len(ROWS))], G: 2.5}
    z = np.array([s * x for x in (1e-300, 1e-20, 1e-9, 0.3, 18.3, 50.0, 300.7, 710.0, 1e4, 1e200) for s in (1.0, -1.0)])
    y = np.array([1.0, 0.0, 1e-9, 1.5 + 2.0**-30, 1e300 if op == "expm1" else 1e-300] * 4)
    plain = {Z: z[:, None], Y: y[:, None], C: np.array([[600.0], [2.5]] * 10), G: 0.9 if op == "expm1" else 2.5}
    values = rows if any("class" in a.axes for a in args) else plain
    truth = truths([node], values, FLOAT64)[0]
    safe, unsafe = interpret([in_plain_operations(node), meaning(*args)], values, kernel_floats())
    safe, unsafe = (np.broadcast_to(a, truth.rounded.shape) for a in (safe, unsafe))
    places = [at for at in np.ndindex(truth.rounded.shape) if truth.decided[at] and truth.balls[at].is_finite()]
    wrong = [at for at in places if _off(float(unsafe[at]), truth.balls[at]) >= lost]
    assert any(_off(float(safe[at]), truth.balls[at]) <= RIGHT for at in wrong)


@pytest.mark.parametrize("op", sorted(FORMS))
def test_a_form_equals_its_meaning_in_exact_arithmetic(op: str) -> None:
    arity = OPERATIONS[op].arity
    over_classes = op.startswith(("class_", "softmax", "log_softmax"))
    args = ((ZK, G) if over_classes else (Y, C))[:arity]
    values = {ZK: ROWS, G: 2.5, Y: [[0.3], [1.5], [1e-9], [20.0]], C: [[0.7], [1.0], [2.0], [3.0]]}
    node = make(op, *args)
    a, b = np.broadcast_arrays(*interpret([node, in_plain_operations(node)], values, exact_system(4096)))
    pairs = [(x, y) for x, y in zip(a.ravel(), b.ravel(), strict=True) if x.is_finite() and y.is_finite()]
    assert len(pairs) >= 3
    assert all(x.overlaps(y) or abs(x - y) < 1e-15 * abs(x) for x, y in pairs)  # log 2 and the like are rounded numbers
