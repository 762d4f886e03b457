"""Which noise it looks like: integrals against exact distribution functions, made data of known noise, what is refused."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from lossmith.advise.judge import noise as look
from lossmith.advise.judge.interval import margin, mean_and_error
from lossmith.advise.judge.likelihood import log_density_of, log_probability, smooth_normaliser
from lossmith.advise.judge.noise import NoiseReport, compare_noises, recorded_unit
from lossmith.advise.judge.noise_fit import fit_spread
from lossmith.advise.judge.noise_words import MEANINGS, NOUNS
from lossmith.catalogue.noise import NOISES
from lossmith.errors import ArgumentError
from lossmith.loss.handle import Loss

Floats = NDArray[np.float64]
BY_NAME: Final = {noise.definition.name: noise for noise in NOISES}
N: Final = 3000


# The unit that values were recorded in -----------------------------------------------------------------------------

RNG = np.random.default_rng(5)
NORMAL = RNG.normal(30, 20, 2000)
UNITS: Final = (
    ("whole minutes", np.rint(NORMAL), 1.0),
    ("cents", np.rint(NORMAL * 1e5) / 100, 0.01),
    ("sums of cents", np.cumsum(np.full(500, 0.1)), 0.1),
    ("rounded to fives", 5 * np.rint(NORMAL / 5), 5.0),
    ("thousands", 1000 * np.rint(NORMAL), 1000.0),
    ("halves", np.rint(2 * NORMAL) / 2, 0.5),
    ("quarters", np.rint(4 * NORMAL) / 4, 0.25),
    ("middles of bins", np.floor(NORMAL) + 0.5, 1.0),
    ("minutes, in hours", np.rint(NORMAL) / 60, 1 / 60),
    ("whole numbers, standardised", (np.rint(NORMAL) - 29.7) / 19.3, 1 / 19.3),
    ("tenths stored as float32", (np.rint(10 * NORMAL) / 10).astype(np.float32), 0.1),
    ("six decimals", np.rint(1e6 * NORMAL) / 1e6, 1e-6),
)


@pytest.mark.parametrize(("values", "unit"), [row[1:] for row in UNITS], ids=[row[0] for row in UNITS])
def test_the_recorded_unit_is_found(values: Any, unit: float) -> None:
    found = recorded_unit(values)
    assert found == pytest.approx(unit, rel=1e-9)
    assert recorded_unit(np.asarray(values, dtype=np.float64)[::-1]) == found


def test_one_decimal_too_many_is_another_unit() -> None:
    assert recorded_unit([0.1 + 0.2, 0.4, 0.7, 12.0]) == 0.1
    assert recorded_unit([0.1 + 0.2, 0.4, 0.75, 12.0]) == 0.05
    assert recorded_unit([*range(100), 0.01]) == 0.01


@pytest.mark.parametrize(
    "values", [NORMAL, np.exp(NORMAL), NORMAL * (NORMAL > 30), NORMAL.astype(np.float32), [7.0] * 9]
)
def test_values_without_a_grid_have_no_unit(values: Any) -> None:
    assert recorded_unit(values) is None


# Integrals ---------------------------------------------------------------------------------------------------------

EXACT: Final[Mapping[str, Callable[[Floats, Mapping[str, float]], Any]]] = {
    "gaussian": lambda raw, p: stats.norm(raw, p["scale"]),
    "laplace": lambda raw, p: stats.laplace(raw, p["scale"]),
    "logistic": lambda raw, p: stats.logistic(raw, p["scale"]),
    "student_t": lambda raw, p: stats.t(p["degrees"], raw, p["scale"]),
    "log_normal": lambda raw, p: stats.lognorm(p["sigma"], scale=np.exp(raw)),
    "gamma_likelihood": lambda raw, p: stats.gamma(p["shape"], scale=np.exp(raw) / p["shape"]),
}
SCALES: Final = 10.0 ** np.arange(-3, 3.1, 0.5)
SPREADS: Final[Mapping[str, list[dict[str, float]]]] = {
    "gaussian": [{"scale": s} for s in SCALES],
    "laplace": [{"scale": s} for s in SCALES],
    "logistic": [{"scale": s} for s in SCALES],
    "student_t": [{"scale": s, "degrees": d} for s in SCALES for d in (0.5, 2.0, 30.0)],
    "log_normal": [{"sigma": s} for s in (1e-3, 0.03, 0.5, 3.0)],
    "gamma_likelihood": [{"shape": s} for s in (0.1, 1.0, 20.0, 1e3)],
}
ROUNDINGS: Final = 1e5  # the exact difference of two distribution functions loses so many roundings at most


def exact_log_probability(distribution: Any, low: Floats, high: Floats) -> tuple[Floats, NDArray[np.bool_]]:
    """From distribution functions, taken on the side where they lose least; and whether they say enough."""
    upper = low > distribution.median()
    ends = np.where(upper, distribution.sf(low), distribution.cdf(high))
    found = ends - np.where(upper, distribution.sf(high), distribution.cdf(low))
    return np.log(np.where(found > 0, found, 1.0)), (found > 1e-290) & (ends < ROUNDINGS * found)


@pytest.mark.parametrize("name", EXACT)
def test_probabilities_of_recorded_values_equal_differences_of_distribution_functions(name: str) -> None:
    rng = np.random.default_rng(3)
    judged = 0
    for spread in SPREADS[name]:
        raw = rng.uniform(0.5, 3.0, 200)
        distribution = EXACT[name](raw, spread)
        drawn = np.rint(np.clip(distribution.rvs(random_state=rng), -1e6, 1e6))
        y = np.maximum(drawn, 1.0) if name in ("log_normal", "gamma_likelihood") else drawn
        y[:20] += rng.integers(0, 4, 20)  # and some in the tail
        want, known = exact_log_probability(distribution, y - 0.5, y + 0.5)
        found = log_probability(BY_NAME[name], spread, y, raw, 1.0)
        assert np.abs(np.expm1(found - want))[known].max() <= 1e-9, spread
        judged += int(known.sum())
    assert judged > 150 * len(SPREADS[name])


@pytest.mark.parametrize("name", ["log_normal", "gamma_likelihood"])
def test_values_from_zero_up_are_integrated_where_the_density_has_a_pole(name: str) -> None:
    raw = np.linspace(-3.0, 3.0, 50)
    for spread in ({"sigma": 5.0, "shape": 0.02}, {"sigma": 0.01, "shape": 0.9}, {"sigma": 1.0, "shape": 3.0}):
        used = {key: spread[key] for key in spread if key in str(BY_NAME[name].dispersion)}
        distribution = EXACT[name](raw, used)
        want = distribution.logcdf(np.full(50, 0.5))
        found = log_probability(BY_NAME[name], used, np.full(50, 0.25), raw, 0.5)
        possible = want > -600
        assert np.abs(np.expm1(found - want))[possible].max() <= 1e-9, used


@pytest.mark.parametrize("power", [1.05, 1.3, 1.6, 1.95])
@pytest.mark.parametrize("mean", [0.1, 8.0])
def test_tweedie_probabilities_of_recorded_values_add_up_to_1_with_the_lump_at_0(power: float, mean: float) -> None:
    y = np.arange(0.0, 3000.0)
    logs = log_probability(BY_NAME["tweedie"], {"dispersion": 0.7, "power": power}, y, np.full(3000, np.log(mean)), 1.0)
    assert np.exp(logs).sum() == pytest.approx(1.0, abs=1e-9)


@pytest.mark.parametrize("power", [1.05, 1.5, 1.95])
def test_the_spline_of_the_normaliser_equals_the_series(power: float) -> None:
    noise = BY_NAME["tweedie"]
    assert noise.log_normaliser is not None
    y = np.r_[0.0, np.exp(np.random.default_rng(0).uniform(-3, 4, 4000))]
    found = smooth_normaliser(noise.log_normaliser, y, 0.8, power)
    assert np.abs(found - noise.log_normaliser(y, 0.8, power)).max() <= 1e-9


def test_no_probability_of_a_recorded_value_is_above_1() -> None:
    y = np.repeat([0.0, 3.0], 6)
    for noise in NOISES:
        for share in np.linspace(0.02, 0.98, 7):
            spread = {name: float(low ** (1 - share) * high**share) for name, low, high, _ in noise.dispersion}
            held = y + (0.0 if "count" in noise.domain else 1.0)
            logs = log_probability(noise, spread, held, np.tile(np.linspace(-2, 2, 6), 2), 1.0)
            assert logs.max() <= 1e-4, (noise.name, spread)  # the least spreads are a few thousand roundings of y


# Made data of known noise --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Made:
    """A table of known truth: the kind of target, and how to draw it around a location or a mean."""

    kind: str
    draw: Callable[[np.random.Generator, Floats], Any]


def location_of(kind: str, x: Floats) -> Floats:
    return 30 + 20 * x if kind == "real" else np.exp(1 + x)


def compound(rng: np.random.Generator, mean: Floats, power: float = 1.5, dispersion: float = 1.2) -> Floats:
    """Tweedie: a Poisson number of gamma amounts."""
    rate = mean ** (2 - power) / ((2 - power) * dispersion)
    number = rng.poisson(rate)
    shape = (2 - power) / (power - 1)
    scale = dispersion * (power - 1) * mean ** (power - 1)
    return np.where(number > 0, rng.gamma(np.maximum(number, 1) * shape, scale), 0.0)


TRUTHS: Final[Mapping[str, Made]] = {
    "gaussian": Made("real", lambda rng, m: m + 4 * rng.normal(size=N)),
    "laplace": Made("real", lambda rng, m: m + rng.laplace(0, 4, N)),
    "student_t": Made("real", lambda rng, m: m + 4 * rng.standard_t(2, N)),
    "logistic": Made("real", lambda rng, m: m + rng.logistic(0, 4, N)),
    "log_normal": Made("positive", lambda rng, m: m * np.exp(0.6 * rng.normal(size=N))),
    "gamma_likelihood": Made("positive", lambda rng, m: m * rng.gamma(1.5, 1 / 1.5, N)),
    "poisson_likelihood": Made("count", lambda rng, m: rng.poisson(m)),
    "negative_binomial": Made("count", lambda rng, m: rng.poisson(m * rng.gamma(1.5, 1 / 1.5, N))),
    "zero_inflated_poisson": Made("count", lambda rng, m: rng.poisson(m) * (rng.random(N) > 0.3)),
    "tweedie": Made("nonnegative", compound),
}


def raw_of(location: Floats) -> dict[str, Floats]:
    """The true location for every loss, on the scale of its raw prediction."""
    with np.errstate(divide="ignore"):
        return {
            n.loss_name: location if Loss(n.definition).link == "identity" else np.log(np.abs(location)) for n in NOISES
        }


def judged(kind: str, y: Any, location: Floats) -> NoiseReport:
    half = len(y) // 2
    fit, held = (raw_of(location[part]) for part in (slice(half), slice(half, None)))
    return compare_noises(kind, y[:half], fit, y[half:], held)


def report_on(truth: str, unit: float | None = None, seed: int = 11) -> NoiseReport:
    made, rng = TRUTHS[truth], np.random.default_rng(seed)
    location = location_of(made.kind, rng.uniform(-1, 1, N))
    y = np.asarray(made.draw(rng, location), dtype=np.float64)
    return judged(made.kind, y if unit is None else unit * np.rint(y / unit), location)


def place_of(report: NoiseReport, truth: str) -> look.Seen:
    return next(row for row in report.rows if row.noise == truth)


CLEAR: Final = ("laplace", "student_t", "log_normal", "gamma_likelihood", "negative_binomial", "zero_inflated_poisson")


@pytest.mark.parametrize("truth", TRUTHS)
def test_the_true_noise_is_the_best_or_tied_with_it(truth: str) -> None:
    report = report_on(truth)
    assert place_of(report, truth).is_tied, report
    assert report.looks_like is not None
    if truth in CLEAR:
        assert report.rows[0].noise == truth
        assert report.rows[report.looks_like].noise == truth


@pytest.mark.parametrize("truth", ["gaussian", "laplace", "student_t"])
@pytest.mark.parametrize("unit", [1.0, 5.0])
def test_rounding_to_a_unit_does_not_change_which_noise_it_is(truth: str, unit: float) -> None:
    report = report_on(truth, unit)
    assert report.unit == unit
    assert place_of(report, truth).is_tied, report
    if truth != "gaussian" and unit == 1.0:
        assert report.rows[0].noise == truth
    assert all(row.log_likelihood <= 0 for row in report.rows)


@pytest.mark.parametrize(
    ("truth", "fitted"), [("student_t", {"degrees": 2.0, "scale": 4.0}), ("laplace", {"scale": 4.0})]
)
@pytest.mark.parametrize("unit", [None, 1.0, 10.0])
def test_the_fitted_spread_is_that_of_the_truth(truth: str, fitted: dict[str, float], unit: float | None) -> None:
    made, rng = TRUTHS[truth], np.random.default_rng(2)
    location = location_of(made.kind, rng.uniform(-1, 1, N))
    y = made.draw(rng, location)
    found = fit_spread(BY_NAME[truth], y if unit is None else unit * np.rint(y / unit), location + 2.5, unit)
    assert found.shift == pytest.approx(-2.5, abs=5 * 4 / np.sqrt(N) * 2)  # five standard errors
    for name, value in fitted.items():
        assert found.parameters[name] == pytest.approx(value, rel=0.2), found


def test_student_t_does_not_win_by_collapsing_on_ties() -> None:
    """Predictions that are whole numbers meet recorded values exactly: the density there has no limit."""
    rng = np.random.default_rng(4)
    location = np.rint(rng.uniform(1, 40, N))
    y = np.rint(location + rng.normal(0, 0.8, N))
    collapsed = {"degrees": 0.5, "scale": 1e-12}
    naive = {
        name: float(log_density_of(BY_NAME[name], spread, y, location).mean())
        for name, spread in (("student_t", collapsed), ("gaussian", {"scale": 0.8}))
    }
    assert naive["student_t"] > naive["gaussian"] + 3  # what a comparison of densities would say
    report = judged("real", y, location)
    assert place_of(report, "gaussian").is_tied
    assert report.rows[report.looks_like or 0].noise == "gaussian"
    assert max(row.log_likelihood for row in report.rows) < 0
    assert place_of(report, "student_t").parameters["scale"] > 0.3


# What is refused, and what is said -------------------------------------------------------------------------------------


def reasons(report: NoiseReport) -> dict[str, str]:
    names = {noise.name: noise.definition.name for noise in NOISES}
    return {names[name]: reason for name, reason in report.refused}


def test_base_measures_that_differ_are_not_compared() -> None:
    lump = report_on("tweedie")
    assert [row.noise for row in lump.rows] == ["tweedie"]
    assert "many values are exactly 0" in reasons(lump)["gaussian"]
    assert "No other noise model could be compared" in lump.sentence
    counts = report_on("poisson_likelihood")
    assert counts.unit == 1.0
    assert {"gaussian", "poisson_likelihood", "tweedie"} <= {row.noise for row in counts.rows}
    fives = 5 * np.rint(np.random.default_rng(0).uniform(0, 20, 400))
    assert "steps of 5" in reasons(judged("count", fives, fives + 1))["poisson_likelihood"]
    few_zeros = np.r_[0.0, np.random.default_rng(0).gamma(2, 3, 399)]
    assert "so few zeros" in reasons(judged("nonnegative", few_zeros, np.full(400, 6.0)))["tweedie"]


def test_amounts_recorded_in_cents_compare_with_their_zeros() -> None:
    report = report_on("tweedie", 0.01)
    assert report.unit == 0.01
    assert report.rows[0].noise == "tweedie"
    assert {"gaussian", "laplace", "student_t"} <= {row.noise for row in report.rows}


def test_every_noise_is_judged_or_refused_with_a_reason() -> None:
    for truth in ("gaussian", "poisson_likelihood"):
        report = report_on(truth)
        assert len(report.rows) + len(report.refused) == len(NOISES)
    y = np.random.default_rng(0).normal(size=200)
    alone = compare_noises("real", y, {"squared_error": 0 * y}, y, {"squared_error": 0 * y})
    assert [row.noise for row in alone.rows] == ["gaussian"]
    assert "no model was trained under its loss" in reasons(alone)["laplace"]
    assert (
        compare_noises("binary", y, {}, y, {}).sentence == "No noise model could be compared for this target (binary)."
    )
    broken = compare_noises("real", y, {"squared_error": 0 * y}, y, {"squared_error": np.full(200, np.nan)})
    assert "without a number" in reasons(broken)["gaussian"]
    with pytest.raises(ArgumentError, match=r"LM227 .* found 1 and 200"):
        compare_noises("real", y[:1], {}, y, {})
    with pytest.raises(ArgumentError, match=r"LM226 squared_error: .* 200 rows, found 3"):
        compare_noises("real", y, {"squared_error": [0.0] * 3}, y, {"squared_error": 0 * y})


def test_the_sentence_names_the_noise_its_meaning_and_its_loss() -> None:
    said = report_on("student_t").sentence
    assert said.startswith("Given the predictions, the values look like Student-t noise (")
    assert "wild rows are far more frequent" in said
    assert "The loss that belongs to it is" in said
    assert "times as probable as a bell curve" in said
    assert {noise.definition.name for noise in NOISES} == set(NOUNS) == set(MEANINGS)


def test_what_cannot_be_told_apart_is_said_and_the_simplest_is_named() -> None:
    report = report_on("poisson_likelihood")
    assert report.rows[report.looks_like or 0].noise == "poisson_likelihood"
    assert place_of(report, "negative_binomial").is_tied
    assert "cannot be told apart from it" in report.sentence


def test_held_out_rows_in_few_blocks_leave_wider_intervals() -> None:
    rng = np.random.default_rng(0)
    location = 30 + 20 * rng.uniform(-1, 1, N)
    days = np.repeat(np.arange(N // 2 // 50), 50)
    scale = np.exp(rng.normal(0, 1, len(days) // 50))[days]
    y = location + np.r_[rng.normal(0, 4, N // 2), scale * rng.normal(0, 4, N // 2)]
    fit, held = raw_of(location[: N // 2]), raw_of(location[N // 2 :])
    alone = compare_noises("real", y[: N // 2], fit, y[N // 2 :], held)
    blocked = compare_noises("real", y[: N // 2], fit, y[N // 2 :], held, days)
    assert place_of(blocked, "gaussian").margin > 2 * place_of(alone, "gaussian").margin
    assert place_of(blocked, "gaussian").log_likelihood == place_of(alone, "gaussian").log_likelihood


def test_a_noise_is_ruled_out_though_one_wild_row_makes_the_whole_difference() -> None:
    gap, rows = np.r_[np.zeros(999), 20.0], np.arange(1000)
    mean, error, freedom = mean_and_error(gap, rows)
    assert mean < margin(error, freedom, 3)  # the interval of the mean covers 0
    assert look._is_ruled_out(gap, rows, 3)
    assert not look._is_ruled_out(gap, rows // 10, 3)  # ten rows of a day are one witness, not ten


def test_a_true_noise_is_ruled_out_in_one_of_a_hundred_cases_at_most() -> None:
    y = np.random.default_rng(0).normal(size=(2000, 60))
    gap = stats.norm.logpdf(y, 0.2) - stats.norm.logpdf(y)  # a rival that is a little off
    found = [look._is_ruled_out(row, np.arange(60), 1) for row in gap]
    assert np.mean(found) <= 0.01 + 3 * np.sqrt(0.01 * 0.99 / 2000)  # three standard errors of a share
    truth = stats.norm.logpdf(y) - stats.norm.logpdf(y, 1.0)
    assert (
        np.mean([look._is_ruled_out(row, np.arange(60), 1) for row in truth]) > 0.99
    )  # 30 nats on average, 4.6 are enough


def test_only_a_sample_is_fitted_and_judged_and_it_is_said() -> None:
    rng = np.random.default_rng(1)
    y = rng.normal(size=12_500)
    raw = {"squared_error": np.zeros(12_500)}
    report = compare_noises("real", y, raw, y, raw)
    assert (report.fit_rows, report.judged_rows) == (look.FIT_ROWS, look.JUDGED_ROWS)
