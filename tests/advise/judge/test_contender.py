"""Ways to answer: the baselines are always among them, and every rule is fitted on rows that it is not compared on."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from lossmith.advise.data.split import Layout, split_rows
from lossmith.advise.judge.contender import Contender, contenders
from lossmith.algebra.decision import AsIs, Shift, ShiftBySize, Threshold, act
from tests.advise.judge.benches import EVEN, FIVE_TO_ONE, MEAN, MISSED, bench, model

N = 2_000
RNG = np.random.default_rng(3)
SIGNAL = RNG.normal(size=N)
Y = SIGNAL + RNG.normal(size=N)


def roles(ways: tuple[Contender, ...]) -> list[str]:
    return [way.role for way in ways]


def test_the_baselines_come_first() -> None:
    ways = contenders(
        bench(
            FIVE_TO_ONE,
            Y,
            model("squared_error", SIGNAL, True),
            model("quantile", SIGNAL + 1, parameters={"level": 5 / 6}),
            model("quantile", SIGNAL + 1, own=True),
        )
    )
    assert roles(ways) == ["constant", "default", "default with rule", "candidate", "own"]
    assert [way.model for way in ways] == [-1, 0, 0, 1, 2]


def test_the_default_need_not_be_trained_first() -> None:
    made = bench(FIVE_TO_ONE, Y, model("huber", SIGNAL), model("squared_error", SIGNAL, True))
    assert [(way.role, way.model) for way in contenders(made)] == [
        ("constant", -1),
        ("default", 1),
        ("default with rule", 1),
        ("candidate", 0),
    ]


def test_a_rule_that_is_no_rule_is_no_way_of_its_own() -> None:
    ways = contenders(bench(EVEN, Y, model("squared_error", SIGNAL, True)))
    assert roles(ways) == ["constant", "default"]


def test_the_librarys_own_objective_has_no_fitted_rule() -> None:
    made = bench(FIVE_TO_ONE, Y, model("squared_error", SIGNAL, True), model("quantile", SIGNAL - 5, own=True))
    own = contenders(made)[-1]
    assert own.role == "own"
    assert set(own.rules) == {AsIs()}


def test_a_rule_sees_the_tune_rows_alone() -> None:
    """What the fit, stop and compare rows are changes no rule that is compared."""
    models = (model("squared_error", SIGNAL, True), model("huber", SIGNAL))
    whole = bench(FIVE_TO_ONE, Y, *models)
    fold = whole.split.folds[0]
    changed = Y + 100.0
    changed[fold.tune] = Y[fold.tune]
    one = replace(whole.split, folds=(fold,))
    before, after = (contenders(bench(FIVE_TO_ONE, y, *models, split=one)) for y in (Y, changed))
    assert [way.rules for way in before] == [way.rules for way in after]
    assert before[2].costs[0].mean() != after[2].costs[0].mean()


def test_each_fold_has_its_own_rule_and_compares_its_own_rows() -> None:
    made = bench(FIVE_TO_ONE, Y, model("squared_error", SIGNAL, True))
    ruled = contenders(made)[2]
    assert {type(rule) for rule in ruled.rules} <= {Shift, ShiftBySize}
    assert len(ruled.rules) == len(made.split.folds)
    assert len(set(ruled.rules)) > 1
    for fold, rule, costs in zip(made.split.folds, ruled.rules, ruled.costs, strict=True):
        missed = Y[fold.compare] - act(rule, SIGNAL[fold.compare])
        np.testing.assert_allclose(costs, np.where(missed > 0, 5 * missed, -missed), rtol=1e-12, atol=1e-12)


def test_the_rule_that_is_handed_out_is_fitted_on_all_compared_rows() -> None:
    made = bench(FIVE_TO_ONE, Y, model("squared_error", SIGNAL, True))
    ruled = contenders(made)[2]
    assert isinstance(ruled.rule, Shift)
    assert ruled.rule.amount == pytest.approx(np.quantile(Y - SIGNAL, 5 / 6, method="inverted_cdf"), rel=1e-12)
    assert made.together(0).sample.y.tolist() == Y.tolist()


@pytest.mark.parametrize("seed", range(6))
def test_the_rule_that_is_handed_out_is_of_the_sort_that_was_judged(seed: int) -> None:
    """On few rows folds may keep the model as it is where all rows together would move it: that was not compared."""
    rng = np.random.default_rng(seed)
    signal = rng.normal(size=250)
    y = signal + 0.15 + rng.normal(size=250)
    split = split_rows(Layout(y), seed=seed, quick=True)
    made = bench(EVEN, y, model("squared_error", signal, True), model("huber", signal + 0.1), split=split)
    for way in contenders(made):
        assert type(way.rule) in {type(rule) for rule in way.rules}


def test_a_constant_is_the_best_single_answer_of_the_fit_rows() -> None:
    made = bench(FIVE_TO_ONE, Y, model("squared_error", SIGNAL, True))
    constant = contenders(made)[0]
    each = [float(np.quantile(Y[fold.fit], 5 / 6, method="inverted_cdf")) for fold in made.split.folds]
    assert constant.constant == float(np.median(each))
    assert (constant.rule, set(constant.rules)) == (AsIs(), {AsIs()})
    missed = Y[made.split.folds[0].compare] - each[0]
    np.testing.assert_allclose(constant.costs[0], np.where(missed > 0, 5 * missed, -missed), rtol=1e-12)


def test_weights_move_the_constant() -> None:
    weight = np.where(Y > 0, 10.0, 1.0)
    plain, weighted = (
        contenders(bench(MEAN, Y, model("squared_error", SIGNAL, True), weight=w))[0].constant for w in (None, weight)
    )
    assert weighted is not None and plain is not None
    assert weighted > plain + 0.5


def test_the_usual_way_of_two_classes_is_one_half() -> None:
    p = RNG.beta(0.5, 3.0, size=N)
    y = (RNG.uniform(size=N) < p).astype(np.float64)
    ways = contenders(bench(MISSED, y, model("binary_cross_entropy", p, True), classes=2))
    assert set(ways[1].rules) == {Threshold(0.5)}
    assert Threshold(1 / 21) in ways[2].rules


@pytest.mark.parametrize("seed", [0, 1])
def test_every_row_is_compared_by_a_model_that_did_not_see_it(seed: int) -> None:
    """A model that knows its fit rows by heart, and nothing else, gains nothing."""
    split = split_rows(Layout(Y), seed=seed)
    made = bench(EVEN, Y, model("squared_error", np.zeros(N), True), split=split)
    runs = list(made.trained[0].runs)
    for place, fold in enumerate(split.folds):
        knows = np.zeros(N)
        knows[fold.fit] = Y[fold.fit]
        said = runs[place].compare
        runs[place] = replace(runs[place], compare=replace(said, raw=knows[fold.compare], y_pred=knows[fold.compare]))
    found = contenders(replace(made, trained=(replace(made.trained[0], runs=tuple(runs)),)))[1]
    assert np.concatenate(found.costs).mean() == pytest.approx(np.abs(Y).mean(), rel=1e-12)
