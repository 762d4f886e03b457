"""What values show: each observation against a distribution whose number is known, and silence where it means nothing."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from lossmith.advise.look import evidence as look
from lossmith.advise.look.order import groups, time_order

RNG = np.random.default_rng(11)
N = 20_000
# Quantiles and L-moments of 20,000 draws have standard errors below 3 % of the values here (200 rows beyond the 99 %
# point: 1/sqrt(200) of their spread); the bounds are four of these.
SLACK = 0.12


def spaced(quantile: str, *shape: float) -> np.ndarray:
    """The quantiles of a distribution of SciPy at evenly spaced levels: a sample without chance."""
    import scipy.stats

    levels = (np.arange(N) + 0.5) / N
    return np.asarray(getattr(scipy.stats, quantile)(*shape).ppf(levels))


TAILS = (
    ("norm", (), 1.0),
    ("laplace", (), np.log(50) / np.log(2) / look.BELL_99_75),
    ("uniform", (), 1.96 / look.BELL_99_75),
)


@pytest.mark.parametrize(("name", "shape", "ratio"), TAILS)
def test_tail_weight_is_the_far_quantile_against_that_of_a_bell_curve(name: str, shape: tuple, ratio: float) -> None:
    found = look.tail_weight(7 + 3 * spaced(name, *shape))
    assert found.value == pytest.approx(ratio, rel=0.01)
    assert ("times as far" in found.sentence) or ("about where a bell curve" in found.sentence)


L_KURTOSIS = (("norm", 0.1226017), ("laplace", 17 / 72), ("logistic", 1 / 6), ("uniform", 0.0), ("expon", 1 / 6))


@pytest.mark.parametrize(("name", "known"), L_KURTOSIS)
def test_l_kurtosis_is_that_of_hosking(name: str, known: float) -> None:
    # Hosking (1990), table 1; the evenly spaced levels stop half a step short of the ends, an error of order log(N)/N.
    assert look.l_kurtosis(spaced(name)).value == pytest.approx(known, abs=1e-3)


def test_skew_is_zero_where_sides_mirror_and_changes_its_sign_with_them() -> None:
    assert look.skew(spaced("norm")).value == pytest.approx(0, abs=1e-9)
    right = look.skew(spaced("expon"))
    assert right.value == pytest.approx((np.log(10) + np.log(1 / 0.9) - 2 * np.log(2)) / np.log(9), abs=1e-3)
    assert look.skew(-spaced("expon")).value == pytest.approx(-right.value, abs=1e-9)
    assert "the highest tenth begins" in right.sentence
    assert "the lowest tenth begins" in look.skew(-spaced("expon")).sentence


def test_outliers_are_counted_beyond_three_widths_of_the_middle_half_and_the_farthest_is_named() -> None:
    y = np.concatenate([np.linspace(0, 4, 1001), [17.0, 18.0, -9.0]])  # quartiles about 1 and 3: fences at -5 and 9
    found = look.outliers(y)
    assert found.value == 3
    assert "the farthest, 18," in found.sentence
    assert look.outliers(np.linspace(0, 4, 1001)).value == 0


UNITS = (
    (np.arange(5) * 15, 15.0),
    (np.array([0.1, 0.25, 3.0]), 0.05),
    (np.array([-1000, 2500.0]), 500.0),
    (RNG.normal(size=50), 0.0),
)


@pytest.mark.parametrize(("y", "step"), UNITS)
def test_the_recorded_unit_is_the_largest_step_that_all_values_keep(y: np.ndarray, step: float) -> None:
    assert look.recorded_unit(y) == step
    assert look.recorded_unit(y.astype(np.float32).astype(float)) == step or step == 0.0


def test_counts_by_chance_have_dispersion_one_and_no_excess_zeros() -> None:
    y = RNG.poisson(1.5, N).astype(float)
    assert look.dispersion(y).value == pytest.approx(1, abs=4 * np.sqrt(2 / N) + 0.01)
    assert look.excess_zeros(y).value == pytest.approx(0, abs=4 * np.sqrt(0.25 / N))
    inflated = y * (RNG.random(N) < 0.6)
    assert look.dispersion(inflated).value > 1.3
    assert look.excess_zeros(inflated).value > 0.1
    assert look.excess_zeros(y + 1) is None


def test_constant_and_tied_values_say_nothing_that_is_not_so() -> None:
    for y in (np.zeros(300), np.repeat([0.0, 1.0], [290, 10])):
        seen = look.observed(y, look.COUNT_LOOKS)
        assert all(np.isfinite(one.value) for one in seen)
        assert all("nan" not in one.sentence and "inf" not in one.sentence for one in seen)


NOISE = (("grow with", lambda x: x), ("shrink with", lambda x: 10 - x), ("do not clearly", lambda x: 3 + 0 * x))


@pytest.mark.parametrize(("words", "size"), NOISE)
def test_noise_that_varies_with_the_prediction_is_told_from_noise_that_does_not(words: str, size) -> None:
    x = RNG.uniform(1, 9, 4000)
    found = look.noise_grows(x + size(x) * RNG.normal(size=4000), x)
    assert words in found.sentence


def test_a_model_that_is_wrong_in_places_is_not_taken_for_noise_that_varies() -> None:
    x = np.sort(RNG.uniform(0, 1, 20_000))
    steps = np.floor(10 * x) ** 2
    found = look.noise_grows(x + steps + RNG.normal(size=20_000), x)
    assert abs(found.value) < 0.1


# Rows that depend on each other ------------------------------------------------------------------------------------


def test_the_share_of_variance_between_groups_is_the_one_that_was_made() -> None:
    group = np.repeat(np.arange(N // 2), 2)
    y = RNG.normal(size=N // 2)[group] + np.sqrt(3) * RNG.normal(size=N)
    found = groups(y, pl.Series("team", group))
    # The correlation of 10,000 pairs has a standard error of (1 - 0.25²) / 100 (Fisher 1925): the bound is four of these.
    assert found.value == pytest.approx(0.25, abs=0.0375)
    assert found.sentence.startswith('10,000 groups ("team") of 2 rows each; ')
    assert groups(RNG.normal(size=N), pl.Series("team", group)).value < 0.04
    assert "no group has two rows" in groups(y, pl.Series("team", np.arange(N))).sentence


def test_trend_and_wandering_are_seen_where_they_are_and_only_there() -> None:
    days = pl.Series("day", np.repeat(np.arange(400), 50)).cast(pl.Date)
    noise = RNG.normal(size=N)
    trend, wander = time_order(noise, days)
    assert "No steady" in trend.sentence
    assert "does not wander" in wander.sentence
    trend, wander = time_order(noise + np.linspace(0, 2, N), days)
    assert trend.value > 0.8
    assert "rises with time" in trend.sentence
    assert "does not wander" in wander.sentence
    level = np.cumsum(RNG.normal(size=400) * 0.2)
    assert time_order(noise + np.repeat(level, 50), days)[1].value > 0.8


def test_time_is_cut_into_days_hours_values_or_slices() -> None:
    minutes = pl.Series("t", np.arange(N) * 60_000_000).cast(pl.Datetime("us"))
    y = RNG.normal(size=N)
    assert "by hour" in time_order(y, minutes)[1].sentence
    assert "by hundredth of the rows" in time_order(y, pl.Series("t", RNG.normal(size=N)))[1].sentence
    assert time_order(y, pl.Series("t", np.arange(N) % 5)) == ()
