"""Planted faults in the study (a row with two jobs, a rule judged where it was fitted, luck left out of an interval).

Each must turn the test red that is named beside it; if one survives, that test has become blind.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytest

from lossmith.advise import prepare
from lossmith.advise.data import split
from lossmith.advise.judge import compare, contender, decide, measure, tally
from lossmith.advise.models import facts, train
from lossmith.algebra.decision import Corrected, costs
from tests.advise import test_prepare
from tests.advise.data import test_split
from tests.advise.judge import test_compare, test_contender, test_decide, test_measure, test_tally
from tests.advise.models import test_shortlist, test_train
from tests.sampling import every

Patch = pytest.MonkeyPatch
Plant = Callable[[Patch], None]


def _wrapped(where: Any, name: str, change: Callable[[Any], Any]) -> Plant:
    """Change what a function returns."""

    def plant(patch: Patch) -> None:
        whole = getattr(where, name)
        patch.setattr(where, name, lambda *given, **named: change(whole(*given, **named)))

    return plant


def _value(where: Any, name: str, value: Any) -> Plant:
    return lambda patch: patch.setattr(where, name, value)


def _tune_is_compared(patch: Patch) -> None:
    whole = contender.Bench.ask
    patch.setattr(contender.Bench, "ask", lambda self, model, fold, part: whole(self, model, fold, "compare"))


def _judged_where_fitted(patch: Patch) -> None:
    patch.setattr(decide, "_crossed", lambda ask, fit, cost: (ask, cost(ask, fit(ask))))


def _future_fits(patch: Patch) -> None:
    whole = decide.halves
    patch.setattr(decide, "halves", lambda sample: ~whole(sample) if sample.ordered else whole(sample))


def _stop_rows_fit(patch: Patch) -> None:
    whole = split._fold
    patch.setattr(split, "_fold", lambda *given: (f := whole(*given)) and replace(f, fit=np.union1d(f.fit, f.stop)))


def _windows_exchanged(patch: Patch) -> None:
    whole = split._window
    patch.setattr(split, "_window", lambda *given: (f := whole(*given)) and replace(f, tune=f.compare, compare=f.tune))


def _groups_by_row(patch: Patch) -> None:
    whole = split._deal
    patch.setattr(split, "_deal", lambda layout, *rest: whole(replace(layout, group=None), *rest))


def _every_spread_is_rows(patch: Patch) -> None:
    patch.setattr(tally, "_spread", lambda parts, weights: tally._Spread(1.0, 0.0, 0))


def _folds_share_nothing(patch: Patch) -> None:
    whole = tally.Tallies.estimate
    patch.setattr(tally.Tallies, "estimate", lambda self, *ways: whole(replace(self, reuse=0.0), *ways))


def _one_comparison(patch: Patch) -> None:
    whole = tally.Estimate.margin
    patch.setattr(tally.Estimate, "margin", lambda self, count=1, level=tally.LEVEL: whole(self, 1, level))


def _costs_exchanged(patch: Patch) -> None:
    whole = measure.cost_per_row

    def exchanged(given: Any, *rest: Any) -> Any:
        return whole(replace(given, under=given.over, over=given.under) if hasattr(given, "under") else given, *rest)

    patch.setattr(measure, "cost_per_row", exchanged)


def _past_sees_all(patch: Patch) -> None:
    whole = prepare.make_encoding
    patch.setattr(prepare, "make_encoding", lambda table, rows: whole(table, np.arange(table.frame.height)))


MUTANTS: dict[str, tuple[Plant, Callable[[], None]]] = {
    "rows that say when to stop are learned from": (
        _stop_rows_fit, partial(test_split.test_every_row_has_one_job_in_each_fold_and_is_compared_once_in_each_repeat, 1_000)),
    "the future tunes what the past is compared on": (
        _windows_exchanged, test_split.test_time_moves_forward_and_never_parts_a_day),
    "groups are dealt row by row": (
        _groups_by_row, partial(test_split.test_whole_groups_are_compared_and_never_learned_from, 25)),
    "classes are dealt at random": (
        _wrapped(split, "_dealt", lambda slices: np.random.default_rng(0).permutation(slices)),
        test_split.test_every_part_gets_its_share_of_a_rare_class),
    "every row of time is a block": (
        _wrapped(split, "blocks_of", lambda blocks: np.arange(len(blocks))),
        test_split.test_blocks_of_time_are_runs_inside_each_window_and_cover_them),
    "the luck of training is left out": (
        _every_spread_is_rows, partial(test_tally.test_intervals_cover_as_often_as_they_say, 1.0)),
    "folds are taken for independent": (
        _folds_share_nothing, test_tally.test_training_that_folds_share_is_in_the_interval),
    "an interval for one of many comparisons": (
        _one_comparison,
        test_tally.test_joint_intervals_hold_together),
    "blocks with more weight count no more": (
        lambda patch: patch.setattr(tally, "_ratio", lambda sums, weights: (float(sums.mean()), float(sums.var()))),
        test_tally.test_a_weight_of_zero_is_the_row_being_absent),
    "a rule is fitted on the compared rows": (_tune_is_compared, test_contender.test_a_rule_sees_the_tune_rows_alone),
    "a rule is judged where it was fitted": (
        _judged_where_fitted, test_decide.test_a_rule_that_only_looks_better_where_it_was_fitted_is_refused),
    "in time the future fits": (
        _future_fits, test_decide.test_in_time_a_rule_must_hold_in_the_future),
    "the weights of a loss are not undone": (
        _value(decide, "_corrected", lambda ask, then: then), test_decide.test_the_weights_of_a_loss_are_undone),
    "weights of classes are undone the wrong way round": (
        _value(decide, "_corrected", lambda ask, then: Corrected(ask.candidate.weights[::-1] or (1.0, 1.0), then)),
        test_decide.test_the_weights_of_a_loss_are_undone),
    "half a percent counts": (
        _value(compare, "MATTERS", 0.0), test_compare.test_a_sure_but_tiny_gain_is_called_none),
    "every gain counts": (
        _value(compare, "_counts", lambda gap, before, count: gap.mean > 0),
        test_compare.test_twenty_equal_losses_seldom_have_a_winner),
    "the least is advised, however little less": (
        _value(compare, "_near", lambda gap, mean, within: gap.mean <= 0),
        test_compare.test_simple_comes_before_complicated_within_one_standard_error),
    "too low and too high are exchanged": (_costs_exchanged, test_measure.test_costs_are_per_unit_after_the_rule),
    "the quantile of the other side": (
        _value(costs.UnderOver, "level", property(lambda self: self.over / (self.under + self.over))),
        test_shortlist.test_the_quantile_of_the_costs_is_the_cheapest_constant),
    "the threshold of the other side": (
        _value(costs.ErrorCosts, "threshold", property(lambda self: self.false_negative / (1 + self.false_negative))),
        test_decide.test_true_probabilities_keep_the_implied_threshold),
    "parameters from the target, not from what a model leaves": (
        lambda patch: patch.setattr(facts, "_number_facts", partial(_blind, whole=facts._number_facts)),
        test_shortlist.test_parameters_are_about_the_noise_that_a_first_model_leaves),
    "weights do not reach the training": (
        _value(train.Material, "weights", lambda self, rows, by_cost: None),
        partial(test_train.test_rows_of_weight_zero_are_absent, "linear")),
    "the compared model has seen all categories": (
        _past_sees_all, test_prepare.test_in_time_the_encoding_that_is_judged_saw_the_past_alone),
}  # fmt: skip


def _blind(profile: Any, first: Any, *, whole: Any) -> Any:
    return whole(profile, facts.Prior(first.y, np.full(len(first.y), first.y.mean())))


@pytest.mark.parametrize("name", every(2, MUTANTS))
def test_a_planted_fault_is_caught(name: str, monkeypatch: Patch) -> None:
    plant, law = MUTANTS[name]
    law()  # green without the fault
    plant(monkeypatch)
    with pytest.raises(AssertionError):
        law()
