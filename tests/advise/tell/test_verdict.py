"""Sentences for every answer: they name what to do, in the user's unit, and claim no more than the intervals bear."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from lossmith.advise.tell.verdict import best_other, rule_share, say
from lossmith.report.words import number
from tests.advise.tell.tellings import (
    TOLD,
    few_rows,
    mean_is_asked,
    nothing_helps,
    nothing_matters,
    quantile_pays,
    shift_pays,
    threshold_pays,
)


@pytest.mark.parametrize("name", TOLD)
def test_every_answer_is_said_in_whole_sentences_about_the_target(name: str) -> None:
    made, answer = TOLD[name]
    telling = made()
    assert answer in ("", telling.comparison.answer)
    said = say(telling)
    assert 1 <= len(said) <= 3
    assert "delay" in said[0]
    for sentence in said:
        assert sentence[0].isupper() and sentence.endswith(".")
        assert not re.search(r"\bnan\b|\binf\b|None|\{|\}", sentence)


def test_a_loss_that_pays_is_named_with_its_cost_its_gain_and_the_share_of_the_rule() -> None:
    telling = quantile_pays()
    first, second = say(telling)[:2]
    assert first.startswith("Use quantile loss (level 5/6)")
    assert " ± " in first and " less than squared error" in first
    assert telling.value(telling.chosen) in first and "in minutes" in first
    share = rule_share(telling)
    assert share is not None and 0 < share < 1
    assert f"{100 * share:.0f} %" in second
    default, ruled = telling.default.mean, telling.simple.mean
    assert share == pytest.approx((default - ruled) / (default - telling.chosen.mean))


def test_a_rule_that_pays_keeps_the_usual_loss() -> None:
    telling = shift_pays()
    first = say(telling)[0]
    assert first.startswith("Keep squared error and ")
    assert "every prediction of delay" in first or "size of the prediction" in first
    assert "No other loss is clearly better" in " ".join(say(telling))


def test_a_threshold_is_said_with_the_class_that_it_decides() -> None:
    first = say(threshold_pays())[0]
    assert "Keep log loss" in first
    assert "4.76 %" in first and "“ill”" in first  # 1 / 21
    assert "a missed “ill” costs 20" in first


def test_where_nothing_matters_the_usual_loss_is_kept() -> None:
    assert say(nothing_matters())[0].startswith("The loss does not matter here: keep squared error")


def test_where_nothing_helps_the_constant_is_named_with_its_value() -> None:
    telling = nothing_helps()
    first = say(telling)[0]
    constant = telling.comparison.rows[0].contender.constant
    assert first.startswith("No loss helps here")
    assert f"one answer for every row ({number(constant)})" in first


def test_few_rows_do_not_say_that_no_loss_helps_or_matters() -> None:
    telling = few_rows()
    assert telling.comparison.unsure
    said = " ".join(say(telling))
    assert "No loss helps" not in said
    assert "does not matter here:" not in said
    assert re.search(r"few rows|these rows can tell|not certain|No difference .* is certain|cannot be told", said)


def test_a_constant_that_no_model_beats_is_mentioned() -> None:
    telling = nothing_matters()
    unbeaten = replace(telling, comparison=replace(telling.comparison, constant_unbeaten=True))
    assert "Mind that one answer for every row" in " ".join(say(unbeaten))
    assert say(unbeaten)[0] == say(telling)[0]


def test_squared_errors_are_said_as_their_root() -> None:
    telling = mean_is_asked()
    first = say(telling)[0]
    assert "root mean squared error" in first
    shown = float(telling.plain(telling.default).replace(",", ""))
    assert shown == pytest.approx(2.0, rel=0.06)


def test_the_best_other_loss_is_a_candidate() -> None:
    other = best_other(quantile_pays())
    assert other is not None and other.contender.role == "candidate"
