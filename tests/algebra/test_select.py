"""Hard examples against plain sorting: shares, counts, groups, bands, thresholds, ties, weights; CVaR and tilted losses."""

from __future__ import annotations

from typing import Any

import mpmath as mp
import numpy as np
import pytest

import lossmith as ls
from lossmith.errors import LossmithError

RNG = np.random.default_rng(6)
N = 40
RAW = np.round(RNG.normal(size=N) * 2, 1)  # ties
Y = (RNG.random(N) < 0.3).astype(float)
WEIGHT = RNG.choice([0.0, 0.5, 1.0, 3.0], N)
GROUP = RNG.integers(0, 5, N)
BCE = ls.get("bce").using("numpy")
WEIGHTS = pytest.mark.parametrize("weight", [None, WEIGHT], ids=["plain", "weighted"])


def numpy(loss: ls.Loss) -> ls.Loss:
    return loss.using("numpy")


def weights(weight: Any) -> Any:
    return np.ones(N) if weight is None else weight


def hardest(losses: Any, mass: Any, amount: float) -> Any:
    """The share of each row among the hardest `amount` of mass: rows of equal loss share what is left. By loops."""
    share = np.zeros(len(losses))
    left = amount
    for level in sorted(set(losses), reverse=True):
        tied = losses == level
        held = mass[tied].sum()
        if held > 0:
            share[tied] = min(1.0, max(0.0, left / held))
            left -= held
    return share


def compare(loss: ls.Loss, share: Any, weight: Any, denominator: float | None = None, base: ls.Loss = BCE) -> None:
    """A chosen loss is the sum of what is chosen over its weight, and so is its gradient."""
    w = weights(weight)
    total = (w * share).sum() if denominator is None else denominator
    losses, gradients = base.per_example(Y, RAW), base.per_example_gradient(Y, RAW)
    value, gradient = numpy(loss).value_and_gradient(Y, RAW, weight)
    assert value == pytest.approx((w * share * losses).sum() / total, rel=1e-13)
    # sums of 40 rows in another order: each share is off by as many roundings of the weight before it
    np.testing.assert_allclose(gradient, w * share * gradients / total, rtol=1e-12, atol=1e-15)


# Ways of choosing -----------------------------------------------------------------------------------------------------


@WEIGHTS
@pytest.mark.parametrize("top", [0.01, 0.2, 0.5, 0.99])
def test_the_top_share(top: float, weight: Any) -> None:
    w = weights(weight)
    compare(ls.get("bce").select(top=top), hardest(BCE.per_example(Y, RAW), w, top * w.sum()), weight)


@WEIGHTS
@pytest.mark.parametrize("top", [1, 2, 7, 39, 1000])
def test_the_top_count_is_in_weight(top: int, weight: Any) -> None:
    compare(ls.get("bce").select(top=top), hardest(BCE.per_example(Y, RAW), weights(weight), top), weight)


@WEIGHTS
def test_the_top_of_each_group(weight: Any) -> None:
    w, losses = weights(weight), BCE.per_example(Y, RAW)
    share = np.zeros(N)
    for g in set(GROUP):
        share[g == GROUP] = hardest(losses[g == GROUP], w[g == GROUP], 2)
    loss = numpy(ls.get("bce").select(top=2, per="group"))
    value = loss.value(Y, RAW, weight, columns={"group": GROUP})
    assert value == pytest.approx((w * share * losses).sum() / (w * share).sum(), rel=1e-13)
    names = np.array(["e", "d", "c", "b", "a"])[GROUP]
    assert loss.value(Y, RAW, weight, columns={"group": names}) == value


def test_without_a_group_column_the_first_axis_is_the_group() -> None:
    y, raw = Y.reshape(4, 10), RAW.reshape(4, 10)
    loss = numpy(ls.get("bce").select(top=3, per="group"))
    by_hand = numpy(ls.get("bce").select(top=3))
    assert loss.value(y, raw) == pytest.approx(
        np.mean([by_hand.value(a, b) for a, b in zip(y, raw, strict=True)]), rel=1e-14
    )


@WEIGHTS
@pytest.mark.parametrize("ratio", [0.5, 1, 3, 100])
def test_negatives_for_each_positive(ratio: float, weight: Any) -> None:
    """Liu et al. (2016), section 2.2: all positives and the hardest negatives, so many for each positive."""
    w, losses = weights(weight), BCE.per_example(Y, RAW)
    share = Y + (1 - Y) * hardest(np.where(Y == 0, losses, -1), w * (1 - Y), ratio * (w * Y).sum())
    compare(ls.get("bce").select(negatives=ratio), share, weight)
    positives = float((Y * (w > 0)).sum())
    for loss in (
        ls.get("bce").over("positives").select(negatives=ratio),
        ls.get("bce").select(negatives=ratio).over("positives"),
    ):
        compare(loss, share, weight, positives)


@WEIGHTS
@pytest.mark.parametrize("above", [0.0, 0.5, 2.0])
def test_a_threshold(above: float, weight: Any) -> None:
    compare(ls.get("bce").select(above=above), (BCE.per_example(Y, RAW) >= above).astype(float), weight)


def test_a_threshold_is_one_of_the_whole_loss() -> None:
    raw = np.array([0.5, 1.0, 3.0])
    assert numpy((2 * ls.get("mae")).select(above=1.5)).value(np.zeros(3), raw) == 4.0
    assert numpy(2 * ls.get("mae").select(above=1.5)).value(np.zeros(3), raw) == 6.0
    assert numpy((-1 * ls.get("mae")).select(top=1)).value(np.zeros(3), raw) == -0.5


@WEIGHTS
@pytest.mark.parametrize(("low", "high"), [(0.0, 0.5), (0.5, 0.9), (0.9, 1.0), (0.0, 1.0)])
def test_a_band(low: float, high: float, weight: Any) -> None:
    w, losses = weights(weight), BCE.per_example(Y, RAW)
    upper, lower = (hardest(losses, w, (1 - border) * w.sum()) for border in (low, high))
    compare(ls.get("bce").select(between=(low, high)), upper - lower, weight)


@WEIGHTS
@pytest.mark.parametrize("trim", [0.1, 0.5, 0.9])
def test_trimming_drops_the_hardest(trim: float, weight: Any) -> None:
    w = weights(weight)
    compare(ls.get("bce").select(trim=trim), 1 - hardest(BCE.per_example(Y, RAW), w, trim * w.sum()), weight)


def test_least_trimmed_squares_of_whole_rows() -> None:
    """Rousseeuw (1984): the mean of the h smallest squared errors."""
    y, raw = RNG.normal(size=20), np.zeros(20)
    expected = np.sort(y**2)[:15].mean()
    assert numpy(ls.get("mse").select(trim=0.25)).value(y, raw) == pytest.approx(expected, rel=1e-14)


def test_nothing_above_a_threshold_is_nothing() -> None:
    loss = numpy(ls.get("bce").select(above=100.0))
    value, gradient = loss.value_and_gradient(Y, RAW)
    assert value == 0.0 and not gradient.any()
    none = numpy(ls.get("bce").select(negatives=3)).value_and_gradient(np.zeros(3), [1.0, 2.0, 3.0])
    assert none[0] == 0.0 and not none[1].any()


# What holds for all of them -------------------------------------------------------------------------------------------

WAYS: list[dict[str, Any]] = [
    {"top": 0.3}, {"top": 5}, {"negatives": 2}, {"above": 0.8}, {"between": (0.3, 0.8)}, {"trim": 0.2},
    {"top": 2, "per": "group"},
]  # fmt: skip
each_way = pytest.mark.parametrize("how", WAYS, ids=str)


@each_way
def test_the_order_of_rows_does_not_matter_however_many_tie(how: dict[str, Any]) -> None:
    loss = numpy(ls.get("bce").select(**how))
    raw, order = np.round(RAW), RNG.permutation(N)
    one = loss.value_and_gradient(Y, raw, WEIGHT, columns={"group": GROUP})
    two = loss.value_and_gradient(Y[order], raw[order], WEIGHT[order], columns={"group": GROUP[order]})
    assert one[0] == pytest.approx(two[0], rel=1e-14)
    np.testing.assert_allclose(one[1][order], two[1], rtol=1e-13)
    same = (Y == 1) & (raw == raw[Y == 1][0]) & (GROUP[Y == 1][0] == GROUP)
    shares = one[1][same & (WEIGHT > 0)] / WEIGHT[same & (WEIGHT > 0)]
    assert np.ptp(shares) <= 1e-15


@each_way
def test_absent_rows_are_not_chosen_whatever_they_hold(how: dict[str, Any]) -> None:
    loss, kept = numpy(ls.get("bce").select(**how)), WEIGHT > 0
    raw = np.where(kept, RAW, np.nan)
    value, gradient = loss.value_and_gradient(Y, raw, WEIGHT, columns={"group": GROUP})
    fewer = loss.value_and_gradient(Y[kept], RAW[kept], WEIGHT[kept], columns={"group": GROUP[kept]})
    assert value == fewer[0]
    np.testing.assert_array_equal(gradient[kept], fewer[1])
    assert not gradient[~kept].any()


@each_way
def test_a_choice_is_of_one_batch_and_sums_say_so(how: dict[str, Any]) -> None:
    if "above" in how:
        parts = [numpy(ls.get("bce").select(**how)).sums(Y[a], RAW[a], WEIGHT[a]) for a in (slice(0, 9), slice(9, N))]
        assert sum(parts).value() == pytest.approx(numpy(ls.get("bce").select(**how)).value(Y, RAW, WEIGHT), rel=1e-14)
        return
    with pytest.raises(LossmithError, match=r"LM31\d .*(threshold|look)"):
        numpy(ls.get("bce").select(**how)).sums(Y, RAW, WEIGHT, columns={"group": GROUP})


def test_a_nan_is_the_hardest_of_all() -> None:
    raw = RAW.copy()
    raw[3] = np.nan
    for how in ({"top": 1}, {"top": 0.5}, {"between": (0.1, 1.0)}):
        assert np.isnan(numpy(ls.get("bce").select(**how)).value(Y, raw))


def test_no_gradient_flows_through_the_choice() -> None:
    """A step that leaves the choice as it is moves the value as the chosen rows say, and by nothing else."""
    loss = numpy(ls.get("mse").select(top=0.25))
    y, raw = np.zeros(8), np.arange(1.0, 9.0)
    assert loss.gradient(y, raw).tolist() == [0.0] * 6 + [7.0, 8.0]
    assert loss.hvp(y, raw, np.ones(8)).tolist() == [0.0] * 6 + [1.0, 1.0]


# CVaR and tilted losses -----------------------------------------------------------------------------------------------


@WEIGHTS
@pytest.mark.parametrize("alpha", [0.05, 0.3, 0.9])
def test_cvar_is_the_least_of_the_papers_function(alpha: float, weight: Any) -> None:
    """Rockafellar and Uryasev (2000), eq. 4: the least over a of a + mean(max(loss - a, 0)) / alpha, at one of the losses."""
    w, losses = weights(weight), BCE.per_example(Y, RAW)
    least = min(a + (w * np.maximum(losses - a, 0)).sum() / w.sum() / alpha for a in losses)
    loss = numpy(ls.get("bce").cvar(alpha))
    assert loss.value(Y, RAW, weight) == pytest.approx(least, rel=1e-12)
    assert loss.value(Y, RAW, weight) == numpy(ls.get("bce").select(top=alpha)).value(Y, RAW, weight)


@WEIGHTS
@pytest.mark.parametrize("t", [-5.0, -0.5, 1e-6, 1.0, 40.0])
def test_tilted_losses_are_those_of_the_paper(t: float, weight: Any) -> None:
    """Li et al. (2021), eq. 2, and its gradient: rows weigh exp(t loss)."""
    w, losses = weights(weight), [mp.mpf(x) for x in BCE.per_example(Y, RAW)]
    parts = [float(a) * mp.exp(mp.mpf(t) * x) for a, x in zip(w, losses, strict=True)]
    expected = mp.log(sum(parts) / float(w.sum())) / mp.mpf(t)
    loss = numpy(ls.get("bce").tilt(t))
    # 16 units; the logarithm of a mean near 1 loses what t times the loss is below 1
    assert loss.value(Y, RAW, weight) == pytest.approx(float(expected), rel=16 * 2.3e-16 * max(1.0, 1.0 / abs(t)))
    shares = np.array([float(part / sum(parts)) for part in parts])
    np.testing.assert_allclose(
        loss.gradient(Y, RAW, weight), shares * BCE.per_example_gradient(Y, RAW), rtol=1e-12, atol=1e-16
    )


def test_far_tilts_are_the_extremes_and_no_tilt_the_mean() -> None:
    losses = BCE.per_example(Y, RAW)
    loss = numpy(ls.get("bce").tilt(0.0))
    assert loss.value(Y, RAW, WEIGHT) == pytest.approx(BCE.value(Y, RAW, WEIGHT), rel=1e-15)
    np.testing.assert_allclose(loss.gradient(Y, RAW, WEIGHT), BCE.gradient(Y, RAW, WEIGHT), rtol=1e-14)
    assert loss.bind(t=1e6).value(Y, RAW) == pytest.approx(losses.max(), rel=1e-5)
    assert loss.bind(t=-1e6).value(Y, RAW) == pytest.approx(losses.min(), abs=1e-4)
    parts = loss.bind(t=2.0)
    assert (parts.sums(Y[:9], RAW[:9]) + parts.sums(Y[9:], RAW[9:])).value() == pytest.approx(
        parts.value(Y, RAW), rel=1e-14
    )


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: ls.get("bce").select(), r"LM299 .*select takes one of top=, negatives=, .*got nothing"),
        (lambda: ls.get("bce").select(top=0.1, trim=0.1), r"LM299 .*got top, trim"),
        (lambda: ls.get("bce").select(best=3), r"LM299 .*got best"),
        (lambda: ls.get("bce").select(top=0.5, per="group"), r'LM299 .*per="group" with a whole number top='),
        (lambda: ls.get("bce").select(trim=0.5, per="group"), r'LM299 .*per="group" with a whole number top='),
        (lambda: ls.get("bce").select(top=3, per="class"), r"LM299 .*got per='class'"),
        (lambda: ls.get("bce").select(top=0.0), r"LM205 .*top must be a number strictly between 0 and 1, got 0"),
        (lambda: ls.get("bce").select(top=1.5), r"LM205 .*top"),
        (lambda: ls.get("bce").select(top=-3), r"LM205 .*top"),
        (lambda: ls.get("bce").select(top=float("nan")), r"LM205 .*top"),
        (lambda: ls.get("bce").select(top="all"), r"LM20[45] .*top"),
        (lambda: ls.get("bce").select(top=True), r"LM20[45] .*top"),
        (lambda: ls.get("bce").select(negatives=0), r"LM205 .*negatives must be a number greater than 0"),
        (lambda: ls.get("mse").select(negatives=3), r"LM295 .*yes or no, and this one is real.*top="),
        (lambda: ls.get("ce").select(negatives=3), r"LM295 .*yes or no, and this one is class"),
        (lambda: ls.get("bce").select(between=(0.9, 0.5)), r"LM299 .*rising order"),
        (lambda: ls.get("bce").select(between=0.5), r"LM299 .*rising order"),
        (lambda: ls.get("bce").select(between=("a", "b")), r"LM299 .*rising order"),
        (lambda: ls.get("bce").select(between=(-0.1, 0.5)), r"LM205 .*low"),
        (lambda: ls.get("bce").select(between=(0.5, 1.5)), r"LM205 .*high"),
        (lambda: ls.get("bce").select(trim=1.0), r"LM205 .*trim"),
        (lambda: ls.get("bce").select(above=float("inf")), r"LM205 .*above"),
        (lambda: ls.get("bce").select(top=3).select(top=2), r"LM295 .*select is there already"),
        (lambda: ls.get("bce").select(above=1).select(top=2), r"LM295 .*select is there already"),
        (lambda: ls.get("bce").over("one").select(above=1).select(above=2), r"LM295 .*select is there already"),
        (lambda: ls.get("dice").select(top=3), r"LM295 .*finished from several sums"),
        (lambda: ls.get("rmse").select(top=3), r"LM295 .*finished from several sums"),
        (lambda: ls.get("bce").cvar(0), r"LM205 .*alpha must be a number strictly between 0 and 1, got 0"),
        (lambda: ls.get("bce").cvar(1), r"LM205 .*alpha"),
        (lambda: ls.get("bce").cvar("all"), r"LM204 .*alpha must be a number"),
        (lambda: ls.get("bce").tilt(float("inf")), r"LM205 .*t must be"),
        (lambda: ls.get("bce").over("count").tilt(1), r"LM295 .*tilt works on a mean"),
        (lambda: ls.get("bce").select(top=3).tilt(1), r"LM295 .*tilt works on a mean"),
        (lambda: ls.get("dice").tilt(1), r"LM295 .*tilt works on a mean"),
        (lambda: ls.get("bce").select(top=0.3).bind(top=2), r"LM205 .*top"),
    ],
)
def test_what_has_no_meaning_is_refused_in_a_sentence(make: Any, words: str) -> None:
    with pytest.raises(LossmithError, match=words):
        make()
