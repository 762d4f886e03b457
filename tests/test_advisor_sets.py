"""The yardstick of the study: generated sets are what they say, their exact best actions are best, the judge counts."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import polars as pl
import pytest

import lossmith as ls
from benchmarks import advisor, advisor_nulls, advisor_rules, advisor_sets, advisor_ways
from lossmith.algebra.decision.costs import CostMatrix, ErrorCosts, UnderOver, cost_per_row

SETS = {one.name: one for one in advisor_sets.SETS}
NULLS = {one.name: one for one in advisor_nulls.NULLS}
MANY = 100_000
FAR = 5.0  # standard errors: one fair draw in two million lies farther off, and the seeds are fixed
every_set = pytest.mark.parametrize("name", SETS)


@pytest.fixture(scope="module")
def samples():
    """Many rows of every set."""
    return {name: one.sample(17, MANY) for name, one in SETS.items()}


def z_of(values):
    """How many standard errors the mean of `values` lies above 0."""
    return values.mean() / (values.std(ddof=1) / np.sqrt(len(values)))


def share_is(share, found, rows):
    """Whether `found` is a share of `rows` draws as chance allows."""
    return abs(found - share) <= FAR * np.sqrt(share * (1 - share) / rows)


# Rows --------------------------------------------------------------------------------------------------------------


def test_there_are_twelve_sets_and_ten_null_sets_each_with_a_name_of_its_own():
    assert (len(SETS), len(NULLS)) == (len(advisor_sets.SETS), len(advisor_nulls.NULLS)) == (12, 10)


@every_set
def test_the_same_seed_gives_the_same_rows_and_another_seed_others(name):
    first, again, other = (SETS[name].generate(seed, 500) for seed in (3, 3, 4))
    assert first.equals(again)
    assert not first.equals(other)
    assert first.columns == other.columns == [*advisor_sets.FEATURES, "outcome"]


@every_set
def test_by_default_a_set_has_five_thousand_rows_of_its_kind(name):
    one = SETS[name]
    y = one.sample(0).y
    assert len(y) == len(one.generate(0)) == 5_000
    fits = {
        "real": (y < 0).any() and (y > 0).any(),
        "positive": (y > 0).all(),
        "nonnegative": (y >= 0).all() and (y == 0).any() and (y != np.rint(y)).any(),
        "count": (y >= 0).all() and (y == np.rint(y)).all(),
        "binary": set(y) == {0.0, 1.0},
        "ordinal": set(y) == {1.0, 2.0, 3.0, 4.0, 5.0},
    }
    assert fits[one.kind]


def test_one_feature_is_a_category_and_some_cells_are_missing(samples):
    frame = samples["gaussian"].frame
    texts = [name for name, dtype in frame.schema.items() if dtype == pl.String]
    assert texts == ["region"]
    assert set(frame["region"].unique()) == set(advisor_sets.REGIONS)
    for name in frame.columns:
        hidden = advisor_sets.HIDDEN.get(name, 0.0)
        assert share_is(hidden, frame[name].null_count() / MANY, MANY), name


@pytest.mark.parametrize("signal", [advisor_sets.waves, advisor_sets.steps, advisor_sets.hills])
def test_a_signal_has_mean_0_and_deviation_1_and_interacts(signal):
    world = advisor_sets.features(np.random.default_rng(5), MANY)
    values = signal(world)
    assert abs(values.mean()) < 0.02
    assert abs(values.std() - 1) < 0.02
    assert signal(world | {"batch": world["batch"] + 1, "reading": -world["reading"]}).tolist() == values.tolist()
    mixed = np.random.default_rng(6).permutation(MANY)
    some, others = ({name: world[name][mixed] for name in pair} for pair in (("load", "distance"), ("hour", "size")))
    apart = signal(world | some) + signal(world | others) - values
    assert np.std(signal(world | some | others) - apart) > 0.2  # features that do not interact add up exactly


# Shares and noise --------------------------------------------------------------------------------------------------


def test_one_row_in_a_hundred_is_positive(samples):
    y = samples["rare-binary"].y
    assert abs(y.mean() - 0.01) < 0.001 + FAR * np.sqrt(0.01 * 0.99 / MANY)


def test_every_grade_is_common(samples):
    counts = np.bincount(samples["ordinal"].y.astype(int))[1:]
    assert counts.min() > 0.1 * MANY


def test_counts_and_amounts_vary_as_their_names_say(samples):
    poisson, nb, zip_, amounts = (samples[n] for n in ("poisson", "negative-binomial", "zero-inflated", "tweedie"))
    assert abs(z_of((poisson.y - poisson.oracle) ** 2 - poisson.oracle)) < FAR
    variance = nb.oracle + advisor_sets.DISPERSION * nb.oracle**2
    assert abs(z_of((nb.y - nb.oracle) ** 2 - variance)) < FAR
    assert abs(z_of((amounts.y - amounts.oracle) ** 2 - advisor_sets.PHI * amounts.oracle**1.5)) < FAR
    assert z_of((zip_.y == 0) - np.exp(-zip_.oracle)) > FAR
    assert 0.5 < (amounts.y == 0).mean() < 0.7


@pytest.mark.parametrize(("name", "alike"), [("costs-constant-noise", True), ("costs-varying-noise", False)])
def test_noise_is_constant_or_varies_apart_from_the_mean(samples, name, alike):
    sample = samples[name]
    spread = np.abs(sample.y - sample.oracle)
    distance, size = (sample.frame[c].to_numpy() for c in ("distance", "size"))
    uncertain = (size > 1.8) & (distance > 5)
    ratio = spread[uncertain].mean() / spread[~uncertain].mean()
    assert (abs(ratio - 1) < 0.03) if alike else ratio > 1.5


# The exact best actions --------------------------------------------------------------------------------------------


def parts(sample):
    """The rows of small, middle and large best actions, as masks."""
    low, high = np.quantile(sample.oracle, [1 / 3, 2 / 3])
    return [sample.oracle <= low, (sample.oracle > low) & (sample.oracle <= high), sample.oracle > high]


@every_set
def test_the_exact_best_action_is_the_mean_or_the_quantile_of_like_rows(samples, name):
    one, sample = SETS[name], samples[name]
    for part in parts(sample) if one.aim != "classes" else []:
        y, best = sample.y[part], sample.oracle[part]
        if one.aim == "mean":
            assert abs(z_of(y - best)) < FAR
        else:
            assert share_is(one.aim, (y <= best).mean(), part.sum())


@every_set
def test_the_exact_best_action_is_cheaper_than_simple_ones(samples, name):
    one, sample = SETS[name], samples[name]
    best = one.cost(sample.y, sample.oracle)
    if one.matrix:
        lowest = 1.0 if one.kind == "ordinal" else 0.0
        others = [np.full(MANY, lowest + k) for k in range(len(one.matrix))]
        others += [np.clip(sample.oracle + step, lowest, lowest + len(one.matrix) - 1) for step in (-1, 1)]
    else:
        constants = [sample.y.mean(), np.median(sample.y), np.quantile(sample.y, 5 / 6)]
        others = [np.full(MANY, c) for c in constants]
        spread = 0.3 * sample.oracle.std()
        others += [sample.oracle - spread, sample.oracle + spread, sample.oracle.mean() + 0 * sample.oracle]
    for action in others:
        assert z_of(one.cost(sample.y, action) - best) > FAR


def test_the_best_decisions_are_those_of_least_expected_cost():
    rng = np.random.default_rng(3)
    world = advisor_sets.features(rng, 1)
    repeated = {k: np.repeat(v, MANY) if isinstance(v, np.ndarray) else MANY for k, v in world.items()}
    for one in (SETS["rare-binary"], SETS["ordinal"]):
        y, best = one.draw(rng, repeated)
        grades = range(1, 6) if one.kind == "ordinal" else range(2)
        costs = [one.cost(y, np.full(MANY, float(g))).mean() for g in grades]
        assert set(best) == {float(grades[int(np.argmin(costs))])}


# Metrics -----------------------------------------------------------------------------------------------------------


@every_set
def test_the_metric_agrees_with_lossmith(samples, name):
    one, y = SETS[name], samples[name].y[:1000]
    rng = np.random.default_rng(1)
    known = {
        advisor_sets.squared: lambda a: ls.get("squared_error").per_example(y, a),
        advisor_sets.absolute: lambda a: ls.get("absolute_error").per_example(y, a),
        advisor_sets.five_to_one: lambda a: cost_per_row(UnderOver(5.0, 1.0), y, a),
        advisor_sets.missed_or_alarm: lambda a: cost_per_row(ErrorCosts(50.0, 1.0), y, a),
    }
    action = rng.permutation(y) if one.matrix else y + rng.normal(size=len(y)) * y.std()
    exact = 4 * np.finfo(np.float64).eps * np.maximum(1.0, np.abs(one.cost(y, action)))  # a few roundings
    assert np.all(np.abs(one.cost(y, action) - known[one.cost](action)) <= exact)
    if one.matrix:
        first = 1.0 if one.kind == "ordinal" else 0.0
        costs = cost_per_row(CostMatrix(one.matrix), y - first, action - first)
        assert one.cost(y, action).tolist() == costs.tolist()


# Null sets ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [name for name, one in NULLS.items() if one.shuffled])
def test_shuffling_keeps_the_values_and_breaks_the_tie_to_the_features(name):
    null = NULLS[name]
    frame, before = null.generate(0, 2000), null.base.sample(0, 2000)
    assert frame.drop("outcome").equals(before.frame.drop("outcome"))
    assert sorted(frame["outcome"]) == sorted(before.frame["outcome"])
    assert np.abs(np.corrcoef(frame["outcome"].to_numpy(), before.oracle)[0, 1]) < FAR / np.sqrt(2000)


@pytest.mark.parametrize("name", [name for name, one in NULLS.items() if not one.shuffled])
def test_even_noise_has_one_middle_and_no_far_rows(name):
    sample = NULLS[name].base.sample(0, MANY)
    residual = sample.y - sample.oracle
    assert abs(z_of(residual)) < FAR
    assert share_is(0.5, (residual < 0).mean(), MANY)
    assert np.mean(residual**4) / np.mean(residual**2) ** 2 < 3.1  # 3 is the bell curve's


# The exhaustive search ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "other"), advisor_ways.SAME.items())
def test_losses_that_are_left_out_have_the_gradient_of_another_up_to_a_factor(name, other):
    rng = np.random.default_rng(2)
    y, raw = rng.integers(1, 5, 50).astype(float), rng.normal(size=50)
    mine, theirs = (np.asarray(ls.get(n).gradient(y, raw)) for n in (name, other))
    ratio = mine / theirs
    assert np.ptp(ratio) <= 1e-12 * abs(ratio[0])  # the gradients cancel a few digits at most


@every_set
def test_every_loss_that_fits_is_tried(name):
    one = SETS[name]
    problem = advisor_rules.Problem.of(one)
    y = one.sample(0, 500).y - (one.kind == "ordinal")
    facts = advisor_ways.facts_of(problem, y, np.full(500, y.mean()))
    tried = {t.loss.definition.name for t in advisor_ways.losses(problem, y, facts)}
    fitting = {n for n in ls.names(one.kind) if ls.get(n).is_additive} - set(advisor_ways.SAME)
    leaning = {"quantile", "expectile"} if problem.level in (None, 0.5) else set()
    assert fitting - leaning <= tried
    assert not leaning & tried


def test_cut_points_are_the_cheapest_of_all():
    rng = np.random.default_rng(4)
    problem = advisor_rules.Problem.of(SETS["ordinal"])
    problem = replace(problem, matrix=tuple(row[:3] for row in problem.matrix[:3]))
    for _ in range(20):
        y, line = rng.integers(0, 3, 12).astype(float), rng.normal(size=12)
        found = advisor_rules.threshold(problem, y, line, (), np.zeros(0))(line)
        places = np.concatenate(([-np.inf], np.sort(line) + 1e-9))
        all_cuts = (np.searchsorted(c, line) for c in itertools.combinations_with_replacement(places, 2))
        assert problem.cost(y, found).sum() == min(problem.cost(y, grade).sum() for grade in all_cuts)


def test_rules_undo_what_they_should():
    rng = np.random.default_rng(6)
    number = advisor_rules.Problem.of(SETS["costs-constant-noise"])
    y = rng.normal(size=4000)
    p = 3 * rng.normal(size=4000)
    none = ((), np.zeros(0))
    assert np.quantile(p + y - advisor_rules.shift(number, p + y, p, *none)(p), 5 / 6) == pytest.approx(0, abs=1e-9)
    line = advisor_rules.shift_on_line(number, 2 * p + 7 + 0 * y, p, *none)(p)
    assert line == pytest.approx(2 * p + 7, abs=0.01)  # a search with its own stop, on values of about 10
    binary = advisor_rules.Problem.of(SETS["rare-binary"])
    true = rng.uniform(0.001, 0.2, 4000)
    weighted = 20 * true / (20 * true + 1 - true)
    undone = advisor_rules.corrected(binary, true, weighted, (1.0, 20.0), np.zeros(0))(weighted)
    assert undone.tolist() == advisor_rules.cheapest_class(binary, true, true, *none)(true).tolist()
    assert undone.tolist() == (true > 1 / 51).astype(float).tolist()


def test_a_model_with_a_shift_comes_near_the_exact_best_and_as_it_is_does_not():
    one = SETS["costs-constant-noise"]
    known, fresh = one.sample(0, 1500), one.sample(advisor.FRESH_SEED, 20_000)
    rows = advisor_ways.Rows(advisor_ways.matrix_of(known.frame), known.y, 0)
    problem = advisor_rules.Problem.of(one)
    said = advisor_ways.predictions(advisor_ways.default_loss(problem), rows, advisor_ways.matrix_of(fresh.frame), 0)
    shift = advisor_rules.shift(problem, rows.y, said.known, (), said.cuts)
    value, plain, exact = (one.cost(fresh.y, a).mean() for a in (shift(said.fresh), said.fresh, fresh.oracle))
    assert exact < value < 1.25 * exact < 1.4 * exact < plain


# The judge ---------------------------------------------------------------------------------------------------------


def judgement(choice, best):
    """A judgement of what rows cost under the choice and under the best way."""
    ways = (advisor.judged("a loss", "a rule", np.asarray(rows, dtype=float)) for rows in (choice, best))
    return advisor.Judgement("a set", 0, "cost", *ways, 1.0, 1.0, 1.0, "what it says")


def test_a_choice_passes_within_one_percent_or_inside_the_interval_of_the_best():
    still = np.full(100, 1.0)
    assert judgement(still * 1.009, still).passes
    assert not judgement(still * 1.011, still).passes
    wide = np.tile([0.0, 2.0], 50)  # mean 1, standard error 0.1005, interval to 1.197
    assert judgement(wide + 0.19, wide).passes
    assert not judgement(wide + 0.20, wide).passes
    assert judgement(wide + 0.19, wide).gap.value == pytest.approx(0.19, abs=1e-15)
    assert judgement(wide + 0.19, wide).gap.margin < 1e-15


def test_a_study_that_ends_in_an_error_never_passes(monkeypatch):
    def broken(*given, **options):
        raise ls.LossmithError("LM999", "broken.")

    one = SETS["gaussian"]
    monkeypatch.setattr(advisor.ls, "study", broken)
    monkeypatch.setattr(advisor, "FRESH", 50)
    monkeypatch.setattr(advisor, "best_ways", lambda *given: [advisor.judged("b", "as is", np.arange(50.0))])
    lines = []
    assert not advisor.advise([one, one], [0], None, lines.append)
    assert "ended in LM999" in lines[1]
    assert "seed 0: 0 of 2. Clearly more than 1 % worse (paired): 2 of 2" in lines[-1]
    assert not advisor.refuse([NULLS["uniform-mean"]], [0], lines.append)


def test_kept_ways_are_read_back(tmp_path, monkeypatch):
    made = [advisor.judged("b", "as is", np.array([1.0, 2.0])), advisor.judged("a", "shift", np.array([2.0, 3.0]))]
    monkeypatch.setattr(advisor, "FRESH", 10)
    monkeypatch.setattr(advisor, "ways", lambda *given: made)
    one = SETS["gaussian"]
    assert advisor.best_ways(one, 0, tmp_path) == made
    monkeypatch.setattr(advisor, "ways", lambda *given: pytest.fail("searched again"))
    kept = advisor.best_ways(one, 0, tmp_path)
    assert [(w.loss, w.rule, w.value, w.margin) for w in kept] == [(w.loss, w.rule, w.value, w.margin) for w in made]
    assert kept[0].per_row.tolist() == [1.0, 2.0]


def test_an_unknown_set_is_refused(capsys):
    with pytest.raises(SystemExit) as end:
        advisor.main(["--only", "gausian"])
    assert end.value.code == 2
    assert "there is no set gausian" in capsys.readouterr().err
