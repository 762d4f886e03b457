"""The judge can convict: planted bad kernels are reported with the right counts, and good ones pass."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable

import numpy as np
import pytest

from lossmith.certificate import (
    Case,
    Certificate,
    Subject,
    certify,
    contradictions,
    from_json,
    sum_of_sizes,
    table,
    to_json,
)
from lossmith.formula.node import Node, constant, make, symbol
from lossmith.interpret import truth
from lossmith.numerics.formats import FLOAT32, FLOAT64

Z = symbol("z", "raw", ["example"])
Y = symbol("y", "target", ["example"])
ZK = symbol("zk", "raw", ["example", "class"])
YK = symbol("yk", "target", ["example", "class"])
ONE = constant(1.0)
GRID = np.array([0.0, *(s * x for x in (1e-8, 0.1, 1.0, 5.0, 17.0, 37.0, 50.0, 300.0, 800.0, 1e30) for s in (1, -1))])

LOG_LOSS = Y * make("softplus", -Z) + (ONE - Y) * make("softplus", Z)
LOG_LOSS_GRADIENT = (ONE - Y) * make("sigmoid", Z) - Y * make("sigmoid", -Z)
POISSON = make("exp", Z) - Y * Z
POISSON_GRADIENT = make("exp_minus", Z, Y)

Array = np.ndarray


def softplus(z: Array) -> Array:
    return np.maximum(z, 0) + np.log1p(np.exp(-np.abs(z)))


def sigmoid(z: Array) -> Array:
    e = np.exp(-np.abs(z))
    return np.where(z >= 0, 1, e) / (1 + e)


def log_loss(y: Array, z: Array) -> Array:
    return y * softplus(-z) + (1 - y) * softplus(z)


def log_loss_gradient(y: Array, z: Array) -> Array:
    return (1 - y) * sigmoid(z) - y * sigmoid(-z)


def judged(node: Node, kernel: Callable[[Array, Array], Array], y: Array, z: Array, **more: object) -> Certificate:
    """Certificate of a NumPy kernel over every pair of a target and a raw prediction."""
    output = str(more.pop("output", "value"))
    clean = more.pop("clean", None)
    pairs = np.array(np.meshgrid(y, z)).reshape(2, -1)
    with np.errstate(all="ignore"):
        computed = kernel(*pairs)
    subject = Subject("planted", output, node, (Z,), target=Y, terms=sum_of_sizes(node), clean=clean)  # type: ignore[arg-type]
    return certify(subject, [Case({Y: pairs[0], Z: pairs[1]}, computed)], FLOAT64, backend="numpy", **more)  # type: ignore[arg-type]


HARD = np.array([0.0, 1.0])


def test_a_good_kernel_keeps_the_contract() -> None:
    value = judged(LOG_LOSS, log_loss, HARD, GRID, bound=4)
    slope = judged(LOG_LOSS_GRADIENT, log_loss_gradient, HARD, GRID, bound=4, output="gradient")
    for found in (value, slope):
        assert found.meets and found.points == 2 * GRID.size and not found.rules
        assert 0.0 < found.worst_ulp == found.worst_units <= 4


def test_naive_log_of_one_minus_p_is_convicted() -> None:
    """log(1 - 1/(1 + e**-z)) is -inf from z = 37 on, where the truth is -z; and 0 * inf is NaN."""
    naive = judged(LOG_LOSS, lambda y, z: -np.log(1 - 1 / (1 + np.exp(-z))), np.array([0.0]), GRID)
    assert not naive.meets and naive.nan == 0
    assert naive.false_infinity == int((GRID >= 37).sum())
    both = judged(LOG_LOSS, lambda y, z: -y * np.log(sigmoid(z)) - (1 - y) * np.log(1 - sigmoid(z)), HARD, GRID)
    assert both.nan == 2 + int((GRID >= 37).sum())


def test_a_clipped_probability_is_convicted() -> None:
    def clipped(y: Array, z: Array) -> Array:
        p = np.clip(sigmoid(z), 1e-7, 1 - 1e-7)
        return -y * np.log(p) - (1 - y) * np.log1p(-p)

    found = judged(LOG_LOSS, clipped, HARD, GRID)
    assert not found.meets and found.nan == found.false_infinity == found.false_zero == 0
    assert abs(found.worst_point["z"]) >= 17.0 and found.worst_units > 1e6


def test_a_lost_gradient_is_a_false_zero() -> None:
    """p - 1 is exactly 0 from z = 37 on, where the truth is -e**-z: a normal number up to z = 708."""
    found = judged(LOG_LOSS_GRADIENT, lambda y, z: 1 / (1 + np.exp(-z)) - y, np.array([1.0]), GRID, output="gradient")
    assert found.false_zero == int(((GRID >= 37) & (GRID < 708)).sum()) and not found.meets


@pytest.mark.parametrize("factor", [-1.0, 2.0, 1 + 2.0**-48])
def test_a_wrong_factor_is_convicted(factor: float) -> None:
    found = judged(LOG_LOSS_GRADIENT, lambda y, z: factor * log_loss_gradient(y, z), HARD, GRID, output="gradient")
    assert not found.meets and found.worst_units >= 16


def test_a_float32_kernel_in_double_is_no_float32_truth_in_double() -> None:
    """The format is part of the judgement: half an ulp of float32 is a huge error in float64."""
    rounded = judged(
        LOG_LOSS, lambda y, z: log_loss(y, z).astype(np.float32).astype(float), HARD, GRID[np.abs(GRID) < 50]
    )
    assert not rounded.meets and rounded.worst_ulp > 2.0**26
    values = {Y: np.ones(3), Z: np.array([0.5, 3.0, -7.0], dtype=np.float32)}
    kernel = log_loss(values[Y], values[Z].astype(float)).astype(np.float32)
    assert (
        certify(Subject("log", "value", LOG_LOSS, (Z,)), [Case(values, kernel)], FLOAT32, backend="numpy").worst_ulp
        <= 0.51
    )


# The rules -----------------------------------------------------------------------------------------------------------


def near_log(y: float) -> Array:
    root = math.log(y)
    return root * (1 + np.array([1e-15, -1e-15, 1e-10, -1e-6, 1e-3, 0.1]))


def test_near_a_root_the_slope_gives_the_scale() -> None:
    """exp(z) - y rounds exp(z) first: far off in ulp of the difference, right at the scale of z times the slope."""
    found = judged(POISSON_GRADIENT, lambda y, z: np.exp(z) - y, np.array([7.0]), near_log(7.0), output="gradient")
    assert found.meets and found.rules.keys() == {"b"} and found.worst_ulp > 1e3


def test_away_from_a_root_rule_b_grants_nothing() -> None:
    """The same absolute error at a place without a change of sign is an error."""
    z = np.array([-30.0, -25.0])
    wrong = judged(make("exp", Z), lambda y, z: np.exp(z) + 1e-16, np.array([7.0]), z, output="gradient")
    assert not wrong.meets and "b" not in wrong.rules


def test_a_soft_target_is_judged_as_a_mixture() -> None:
    """(1 - y) sigmoid(z) - y sigmoid(-z) at y = 0.3 crosses 0 where no single z step of a quarter may reach it."""
    y, z = np.array([0.5]), np.array([1e-17, -1e-20, 1e-300])
    found = judged(LOG_LOSS_GRADIENT, log_loss_gradient, y, z, output="gradient")
    assert found.meets and found.rules.keys() == {"c"} and found.false_zero == 0


def test_a_soft_target_among_others_is_judged_as_a_mixture_too() -> None:
    """Where rows count together, the mixture is that of one label: 1e-17 is right to its terms, and 1e-15 is not."""
    mean = make("example_mean", Y * Z - (ONE - Y) * Z)
    pairs = {Y: np.array([[0.5], [1.0]]), Z: np.array([[3.0], [0.0]])}
    subject = Subject("planted", "gradient", mean, (), target=Y, row_wise=False)
    near, far = (certify(subject, [Case(pairs, np.array([[x]]))], FLOAT64, backend="numpy") for x in (1e-17, 1e-14))
    assert near.meets and near.rules == {"c": 1} and not far.meets


def test_a_value_of_mixed_signs_is_judged_by_its_terms() -> None:
    """exp(z) - y z near its zero at z = 2.15 for y = 4 ..., where the terms are 4 times larger than any ulp of it."""
    z = np.linspace(0.3574, 0.35741, 20)
    found = judged(POISSON, lambda y, z: np.exp(z) - y * z, np.array([4.0]), z)
    assert found.meets and found.rules.keys() <= {"e"}
    assert (
        judged(POISSON, lambda y, z: (np.exp(z) - y * z) * (1 + 1e-13), np.array([4.0]), np.array([5.0])).meets is False
    )


def test_one_minus_a_ratio_is_not_excused_by_its_terms() -> None:
    node = ONE - make("sigmoid", Z)
    found = judged(node, lambda y, z: 1 - sigmoid(z), np.array([1.0]), np.array([30.0, 40.0]))
    assert found.false_zero == 1 and not found.meets


def test_below_the_least_scale_absolute_errors_count() -> None:
    z = np.array([-720.0, -744.0])
    found = judged(make("exp", Z), lambda y, z: np.exp(z) * (1 + 1e-14), np.array([1.0]), z, bound=4)
    assert found.meets and found.rules.keys() <= {"d"}


def test_infinity_is_right_only_where_the_truth_rounds_to_it() -> None:
    right = judged(make("exp", Z), lambda y, z: np.exp(z), np.array([1.0]), np.array([709.0, 710.0, 1e300]))
    assert right.meets and right.false_infinity == 0
    early = judged(make("exp", Z), lambda y, z: np.exp(z + 1), np.array([1.0]), np.array([709.0]))
    assert early.false_infinity == 1 and not early.meets
    pole = judged(-make("log", Z), lambda y, z: -np.log(z), np.array([1.0]), np.array([0.0]))
    assert pole.meets
    missed = judged(-make("log", Z), lambda y, z: -np.log(z + 1e-12), np.array([1.0]), np.array([0.0]))
    assert not missed.meets


def test_beside_a_jump_both_sides_count() -> None:
    """Where |y - z| <= 1 fails by less than the difference can hold, 1 is as right as 0; elsewhere it is not."""
    inside = make("where", make("less_equal", make("abs", Y - Z), ONE), ONE, constant(0.0))
    pairs = {Y: np.array([5e-324, 0.5]), Z: np.array([-1.0, -1.0])}
    subject = Subject("planted", "hessian", inside, (Z,))
    found = certify(subject, [Case(pairs, np.array([1.0, 0.0]))], FLOAT64, backend="numpy")
    assert found.meets and found.rules == {"k": 1}
    assert not certify(subject, [Case(pairs, np.array([1.0, 1.0]))], FLOAT64, backend="numpy").meets


# Other shapes --------------------------------------------------------------------------------------------------------


def cross_entropy_gradient(z: Array, true: int, *, careful: bool) -> Array:
    e = np.exp(z - z.max(axis=1, keepdims=True))
    total = e.sum(axis=1, keepdims=True)
    gradient = e / total
    others = np.delete(e, true, axis=1).sum(axis=1) / total[:, 0]
    gradient[:, true] = -others if careful else gradient[:, true] - 1
    return np.asarray(gradient)


@pytest.mark.parametrize("careful", [True, False])
def test_softmax_minus_one_loses_the_true_class(careful: bool) -> None:
    """p - 1 of the true class is 0 on hard rows; minus the sum of the others is not."""
    rows = np.array([[x, 0.0, 0.5, -1.0] for x in (-30.0, 0.0, 5.0, 20.0, 50.0, 300.0)])
    target = np.zeros_like(rows)
    target[:, 0] = 1.0
    node = make("softmax", ZK) * (ONE - YK) - YK * make("softmax_complement", ZK)
    case = Case({ZK: rows, YK: target}, cross_entropy_gradient(rows, 0, careful=careful))
    found = certify(Subject("cross_entropy", "gradient", node, (ZK,), target=YK), [case], FLOAT64, backend="numpy")
    assert found.meets is careful and found.points == rows.size
    assert found.false_zero == (0 if careful else 2)


def test_a_batch_is_one_case() -> None:
    """RMSE by plain squares overflows at 1e200; by scaling it does not."""
    subject = Subject("rmse", "value", make("example_rms", Z - Y), (Z,), row_wise=False)
    residuals = [np.array([3e200, 4e200]), np.array([1.0, 2.0, 2.0]), np.array([1e-200, 1e-200])]

    def plain(r: Array) -> float:
        with np.errstate(all="ignore"):
            return float(np.sqrt(np.mean(r**2)))

    def scaled(r: Array) -> float:
        return float(np.abs(r).max() * plain(r / np.abs(r).max()))

    def certified(kernel: Callable[[Array], float]) -> Certificate:
        cases = [Case({Z: r, Y: np.zeros_like(r)}, np.array([[kernel(r)]])) for r in residuals]
        return certify(subject, cases, FLOAT64, backend="numpy")

    assert certified(scaled).meets
    assert (certified(plain).false_infinity, certified(plain).false_zero) == (1, 1)


def test_a_rewriting_that_changes_the_meaning_is_found() -> None:
    values = {Y: np.array([0.0, 1.0, 0.3]), Z: np.array([1.0, -2.0, 0.5])}
    clean = -Y * make("log", make("sigmoid", Z)) - (ONE - Y) * make("log", ONE - make("sigmoid", Z))
    right = Subject("log", "value", LOG_LOSS, (Z,), clean=clean)
    wrong = dataclasses.replace(right, node=Y * make("softplus", Z) + (ONE - Y) * make("softplus", Z))
    assert contradictions(right, values, 10) == 0
    assert contradictions(wrong, values, 10) == 2
    found = judged(LOG_LOSS, log_loss, HARD, GRID, clean=LOG_LOSS + make("exp", -(Z * Z)) * constant(1e-20))
    assert found.worst_units <= 16 and found.contradictions > 0 and not found.meets


def test_a_tie_that_no_precision_settles_is_still_measured() -> None:
    """At z = 1e30 and y = 0.3 the truth is a tie of two floats but for e**-1e30: both are half an ulp off."""
    values = {Y: np.array([0.3]), Z: np.array([1e30])}
    assert not truth(LOG_LOSS_GRADIENT, values, FLOAT64).decided.any()
    found = judged(LOG_LOSS_GRADIENT, log_loss_gradient, np.array([0.3]), np.array([1e30]), output="gradient")
    assert found.meets and found.undecided == 0 and found.worst_ulp == pytest.approx(0.5, abs=1e-3)


# As data -------------------------------------------------------------------------------------------------------------


def test_certificates_survive_json() -> None:
    good = judged(LOG_LOSS, log_loss, HARD, GRID)
    bad = judged(LOG_LOSS, lambda y, z: -np.log(1 - sigmoid(z)), np.array([0.0]), GRID)
    assert math.isinf(bad.worst_units)
    again = from_json(to_json([good, bad]))
    assert again[0] == good
    assert (again[1].worst_units, again[1].false_infinity) == (math.inf, bad.false_infinity)
    rows = table(again).splitlines()
    assert rows[2].endswith("| kept |") and "**over**" in rows[3] and "false infinity" in rows[3]
    assert len({row.count("|") for row in rows}) == 1
