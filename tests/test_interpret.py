"""The oracle: exact meaning over floats and balls, sums over rows, and truth that is decided or marked."""

from __future__ import annotations

import math

import mpmath
import numpy as np
import pytest

from lossmith.errors import ArgumentError
from lossmith.formula.node import OPERATIONS, Node, constant, make, symbol
from lossmith.formula.roles import WEIGHT
from lossmith.interpret import BALLS, LONGDOUBLE, NUMPY, interpret, row_wise, truth, truths
from lossmith.numerics.formats import FLOAT32, FLOAT64

Z = symbol("z", "raw", ["example"])
Y = symbol("y", "target", ["example"])
B = symbol("b", "parameter")
ZK = symbol("zk", "raw", ["example", "class"])
SIZES = (0.0, 1e-300, 1e-30, 1e-8, 0.1, 1.0, 17.0, 36.7, 88.8, 745.2, 1e4, 1e30, 1e300)
SIGNED = np.array([*SIZES, *(-x for x in SIZES)])
POSITIVE = np.array([5e-324, 1e-300, 1e-8, 0.3, 1.0, 2.5, 171.0, 1e6, 1e30])

MEANING = {
    "add": lambda a, b: a + b,
    "subtract": lambda a, b: a - b,
    "multiply": lambda a, b: a * b,
    "divide": lambda a, b: a / b,
    "negative": lambda a: -a,
    "power": lambda a, b: a**b,
    "exp": mpmath.exp,
    "expm1": mpmath.expm1,
    "log": mpmath.log,
    "log1p": lambda a: mpmath.log(1 + a),
    "sqrt": mpmath.sqrt,
    "tanh": mpmath.tanh,
    "cosh": mpmath.cosh,
    "sinh": mpmath.sinh,
    "erf": mpmath.erf,
    "lgamma": mpmath.loggamma,
    "digamma": mpmath.digamma,
    "trigamma": lambda a: mpmath.psi(1, a),
    "sin": mpmath.sin,
    "cos": mpmath.cos,
    "abs": abs,
    "sign": mpmath.sign,
    "maximum": max,
    "minimum": min,
    "stop_gradient": lambda a: a,
    "sigmoid": lambda a: 1 / (1 + mpmath.exp(-a)),
    "softplus": lambda a: mpmath.log(1 + mpmath.exp(a)),
    "sigmoid_power": lambda a, b: (1 / (1 + mpmath.exp(-a))) ** b,
    "log_cosh": lambda a: mpmath.log(mpmath.cosh(a)),
    "normal_cdf": lambda a: mpmath.erfc(-a / mpmath.sqrt(2)) / 2,
    "log_normal_cdf": lambda a: (
        mpmath.log(mpmath.erfc(-a / mpmath.sqrt(2)) / 2)
        if a < 0
        else mpmath.log1p(-mpmath.erfc(a / mpmath.sqrt(2)) / 2)
    ),
    "normal_hazard": lambda a: mpmath.npdf(a) / (mpmath.erfc(-a / mpmath.sqrt(2)) / 2),
    "normal_gap": lambda a: a + mpmath.npdf(a) / (mpmath.erfc(-a / mpmath.sqrt(2)) / 2),
    "xlogy": lambda a, b: a * mpmath.log(b) if a else mpmath.mpf(0),
    "xlog1py": lambda a, b: a * mpmath.log(1 + b) if a else mpmath.mpf(0),
    "safe_divide": lambda a, b: a / b if a else mpmath.mpf(0),
    "log_ratio": lambda a, b: mpmath.log(a / b),
    "scaled_exp": lambda a, b: a * mpmath.exp(b) if a else mpmath.mpf(0),
    "exp_minus": lambda a, b: mpmath.exp(a) - b,
    "one_minus_scaled_exp": lambda a, b: 1 - a * mpmath.exp(b),
}
NEEDS_POSITIVE = {"power", "log", "sqrt", "log1p", "lgamma", "digamma", "trigamma", "xlogy", "log_ratio", "xlog1py"}
MODEST = 800.0  # beyond it mpmath, at 700 digits, would need more digits than it has


def _node(op: str) -> Node:
    return make(op, *[Z, B][: OPERATIONS[op].arity])


def _second(op: str) -> float:
    return 2.5


@pytest.mark.parametrize("op", sorted(MEANING))
def test_balls_agree_with_mpmath(op: str) -> None:
    """Two independent libraries round to the same float64."""
    points = POSITIVE if op in NEEDS_POSITIVE else SIGNED[np.abs(SIGNED) < MODEST]
    values = {Z: points, B: _second(op)}
    got = truth(_node(op), values, FLOAT64)
    assert got.decided.all()
    with mpmath.workdps(700):
        for z, number in zip(points, got.rounded[:, 0], strict=True):
            arguments = [mpmath.mpf(float(z)), mpmath.mpf(_second(op))][: OPERATIONS[op].arity]
            assert float(MEANING[op](*arguments)) == number, (op, z)


@pytest.mark.parametrize("op", sorted(MEANING))
def test_floats_agree_with_balls(op: str) -> None:
    """The NumPy system means the same: within 1e-12 relative of the truth at moderate points."""
    points = np.array([0.25, 0.7, 1.0, 2.0, 3.3])
    values = {Z: points, B: _second(op)}
    exact = truth(_node(op), values, FLOAT64).rounded
    for system in (NUMPY, LONGDOUBLE):
        found = interpret([_node(op)], values, system)[0]
        assert np.allclose(found.astype(float), exact, rtol=1e-12, atol=0.0), op


def test_huge_raw_predictions_are_decided_at_once() -> None:
    """Exponents of a thousand bits and balls far below the smallest subnormal round without more precision."""
    for op in ("softplus", "sigmoid", "tanh", "log_cosh", "exp", "expm1", "cosh", "sinh", "erf"):
        got = truths([make(op, Z)], {Z: SIGNED}, FLOAT64, last_precision=256)[0]
        assert got.decided.all(), op
    assert truth(make("exp", Z), {Z: [-1e300, 1e300]}, FLOAT64).rounded.tolist() == [[0.0], [math.inf]]
    twice = make("exp", -make("exp", Z))
    assert truth(twice, {Z: [-1e300, 800.0, 1e30]}, FLOAT64).rounded.tolist() == [[1.0], [0.0], [0.0]]


def test_naive_log_loss_is_true_where_doubling_until_it_stops_is_not() -> None:
    """-log(1 - p) at z = 150 is 150, not infinity."""
    naive = -make("log", constant(1.0) - constant(1.0) / (constant(1.0) + make("exp", -Z)))
    got = truth(naive, {Z: [150.0]}, FLOAT64)
    assert got.rounded.tolist() == [[150.0]]


def test_cancellation_is_resolved() -> None:
    difference = (Z + constant(1e300)) - constant(1e300)
    assert truth(difference, {Z: [1e-300]}, FLOAT64).rounded.tolist() == [[1e-300]]


def test_what_cannot_be_decided_is_marked() -> None:
    """log(sqrt(2)**2 / 2) is 0, but no ball can know it: with 0 inside, sign has three answers."""
    zero = make("log", make("sqrt", Z) * make("sqrt", Z) / Z)
    got = truths([make("sign", zero)], {Z: [2.0, 3.0]}, FLOAT64, last_precision=512)[0]
    assert not got.decided.any() and np.isnan(got.rounded).all()
    assert truths([zero], {Z: [2.0]}, FLOAT64)[0].rounded.tolist() == [[0.0]]


def test_an_undecided_condition_gives_both_branches() -> None:
    root2 = make("sqrt", Z)
    same = make("where", make("less", root2 * root2, Z), constant(1.0), constant(1.0))
    other = make("where", make("less", root2 * root2, Z), constant(1.0), constant(2.0))
    values = {Z: [2.0]}
    assert truths([same], values, FLOAT64, last_precision=256)[0].rounded.tolist() == [[1.0]]
    assert not truths([other], values, FLOAT64, last_precision=256)[0].decided.any()


def test_exact_inputs_compare_exactly() -> None:
    nodes = [make(op, Z, Y) for op in ("less", "less_equal", "equal")]
    picks = [make("where", node, constant(1.0), constant(0.0)) for node in nodes]
    values = {Z: [1.0, 2.0, 2.0], Y: [2.0, 2.0, np.nextafter(2.0, 1.0)]}
    for system in (NUMPY, BALLS(128)):
        found = [np.array(x, dtype=float)[:, 0].tolist() for x in interpret(picks, values, system)]
        assert found == [[1.0, 0.0, 0.0], [1.0, 1.0, 0.0], [0.0, 1.0, 0.0]]


def test_poles_are_infinite() -> None:
    values = {Z: [0.0], Y: [1.0]}
    roots = [-make("log", Z), make("divide", Y, Z), make("log1p", -Y), make("xlogy", Z, Z)]
    assert [t.rounded.item() for t in truths(roots, values, FLOAT64)] == [math.inf, math.inf, -math.inf, 0.0]


def test_nan_propagates_through_conditions_among_floats() -> None:
    picked = make("where", make("less", Z, constant(0.0)), constant(1.0), constant(2.0))
    assert np.isnan(interpret([picked], {Z: [math.nan]}, NUMPY)[0]).all()


# Classes -------------------------------------------------------------------------------------------------------------

ROWS = np.array([[1e30, 0.0, 0.5, -1.0], [0.0, 0.0, 0.0, 0.0], [-745.0, 3.0, 2.0, 1.0], [20.0, 0.0, 0.5, -1.0]])


def _by_mpmath(row: np.ndarray, op: str) -> list[float]:
    with mpmath.workdps(60):
        z = [mpmath.mpf(float(x)) for x in row]
        top = max(z)
        e = [mpmath.exp(max(x - top, mpmath.mpf(-5000))) for x in z]
        others = [sum(e[:k] + e[k + 1 :]) for k in range(len(e))]
        total = sum(e)
        answers = {
            "softmax": [x / total for x in e],
            "softmax_complement": [x / total for x in others],
            "log_softmax": [x - top - mpmath.log(total) for x in z],
            "class_logsumexp": [top + mpmath.log(total)],
        }
        return [float(x) for x in answers[op]]


@pytest.mark.parametrize("op", ["softmax", "softmax_complement", "log_softmax", "class_logsumexp"])
def test_softmax_family_agrees_with_mpmath(op: str) -> None:
    got = truth(make(op, ZK), {ZK: ROWS[1:]}, FLOAT64)
    for row, numbers in zip(ROWS[1:], got.rounded, strict=True):
        assert numbers.tolist() == pytest.approx(_by_mpmath(row, op), rel=1e-15, abs=0.0)
    found = interpret([make(op, ZK)], {ZK: ROWS}, NUMPY)[0]
    assert np.allclose(found, truth(make(op, ZK), {ZK: ROWS}, FLOAT64).rounded, rtol=1e-12, atol=1e-300)


def test_softmax_complement_never_loses_the_small_part() -> None:
    """1 - softmax of the winner at a margin of 1e30 is below every float, and says 0; at 20 it is a normal number."""
    got = truth(make("softmax_complement", ZK), {ZK: ROWS}, FLOAT64).rounded
    assert got[0, 0] == 0.0 and got[3, 0] == pytest.approx(math.exp(-20) * (1 + math.exp(0.5) + math.exp(-1)), rel=1e-7)


def test_class_reductions_and_the_number_of_classes() -> None:
    one = constant(1.0)
    roots = [make("class_sum", one), make("class_sum", ZK), make("class_max", ZK), make("class_others", ZK)]
    values = {ZK: np.array([[1.0, 2.0, 4.0], [0.0, -1.0, -3.0]])}
    for system in (NUMPY, BALLS(128)):
        count, total, top, others = (np.array(x, dtype=float) for x in interpret(roots, values, system))
        assert np.broadcast_to(count, (2, 1)).tolist() == [[3.0], [3.0]]
        assert total.tolist() == [[7.0], [-4.0]] and top.tolist() == [[4.0], [0.0]]
        assert others.tolist() == [[6.0, 5.0, 3.0], [-4.0, -3.0, -1.0]]


def test_softmax_complement_power_is_the_power_of_the_complement() -> None:
    gamma = make("softmax_complement_power", ZK, B)
    plain = make("power", make("softmax_complement", ZK), B)
    for exponent in (0.0, 0.5, 2.0, 3.7):
        a, b = truths([gamma, plain], {ZK: ROWS[1:], B: exponent}, FLOAT64)
        assert a.decided.all() and a.rounded.tolist() == b.rounded.tolist()


# Examples and groups -------------------------------------------------------------------------------------------------


def _sums(attr: tuple[str, ...] | None = None) -> list[Node]:
    return [make(op, Z, attr=attr) for op in ("example_sum", "example_mean", "example_rms")]  # type: ignore[arg-type]


@pytest.mark.parametrize("system", [NUMPY, LONGDOUBLE, BALLS(128)], ids=lambda s: s.name)
def test_a_row_of_weight_zero_is_absent(system: object) -> None:
    with_nan = {Z: [3.0, math.nan, -4.0], WEIGHT: [1.0, 0.0, 1.0]}
    found = [np.array(x, dtype=float).item() for x in interpret(_sums(), with_nan, system)]  # type: ignore[arg-type]
    assert found == pytest.approx([-1.0, -0.5, math.sqrt(12.5)], rel=1e-15)


def test_a_weight_of_three_is_three_rows() -> None:
    weighted = interpret(_sums(), {Z: [2.0, 5.0], WEIGHT: [3.0, 1.0]}, NUMPY)
    repeated = interpret(_sums(), {Z: [2.0, 2.0, 2.0, 5.0]}, NUMPY)
    assert [x.item() for x in weighted] == pytest.approx([x.item() for x in repeated], rel=1e-15)


def test_groups_finish_alone_and_reach_their_examples() -> None:
    """Distances from the group's mean add up to 0 in each group; the mean over groups is unweighted."""
    mean = _sums(("group",))[1]
    assert mean.axes == {"group"}
    over = make("axis_mean", mean, attr="group")
    values = {Z: [1.0, 5.0, 3.0, 10.0]}
    ids = [0, 1, 0, 1]
    for system in (NUMPY, BALLS(128)):
        per_group, centred, both = (np.array(x, float) for x in interpret([mean, Z - mean, over], values, system, ids))
        assert per_group.tolist() == [[2.0], [7.5]]
        assert centred[:, 0].tolist() == [-1.0, -2.5, 1.0, 2.5]
        assert both.tolist() == [[4.75]]


def test_sum_of_a_constant_is_the_total_weight() -> None:
    values = {Z: [1.0, 2.0, 3.0], WEIGHT: [0.5, 0.0, 2.0]}
    node = make("example_sum", constant(1.0)) + constant(0.0) * make("example_sum", Z)
    assert interpret([node], values, NUMPY)[0].item() == 2.5


def test_mean_over_classes_is_unweighted() -> None:
    node = make("axis_mean", make("example_sum", ZK), attr="class")
    assert interpret([node], {ZK: [[1.0, 2.0], [3.0, 4.0]]}, NUMPY)[0].item() == 5.0


def test_a_batch_is_exact_as_a_whole() -> None:
    """RMSE of 1e200 is 1e200, and of 1e-300 1e-300."""
    root = make("example_rms", Z)
    assert not row_wise(root) and row_wise(make("sigmoid", Z))
    assert truth(root, {Z: [1e200, 1e200]}, FLOAT64).rounded.item() == 1e200
    assert truth(root, {Z: [1e-300, 1e-300, 1e-300]}, FLOAT64).rounded.item() == 1e-300


def test_rounding_is_to_the_format_asked_for() -> None:
    third = truth(constant(1.0) / Z, {Z: [3.0]}, FLOAT32).rounded.item()
    assert third == float(np.float32(1) / np.float32(3)) != 1 / 3
    assert truth(make("exp", Z), {Z: [-104.0, 89.0]}, FLOAT32).rounded.tolist() == [[0.0], [math.inf]]


def test_a_missing_value_is_named() -> None:
    with pytest.raises(ArgumentError, match='LM230 no value is given for "y"'):
        interpret([Z + Y], {Z: [1.0]}, NUMPY)
