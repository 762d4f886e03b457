"""The stages of a design go through plain data and back, and what is no stage is refused in one sentence."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

import lossmith as ls
from lossmith.errors import FormulaError, LossmithError
from lossmith.loss.text.stages import stages_of, stages_said

DESIGNS = [
    "bce.reweight({0: 1, 1: 20})",
    "bce.reweight('balanced').mask('known')",
    "ce.reweight(effective_number(0.99)).reweight([1, 2, 3])",
    "mse.reweight(by='price').over('count')",
    "bce.smooth(0.1)",
    "ce.smooth(0.1).reweight([1, 2, 3])",
    "ce.ignore(-100).ignore(255).over('examples')",
    "ce.adjust()",
    "bce.adjust([0.9, 0.1]).margin(0.3)",
    "ce.adjust([0.5, 0.3, 0.2], tau=0.5).temper(2)",
    "bce.temper(2).soft_cap(5)",
    "ce.soft_cap(5).empty('nan')",
    "dice.temper(3).empty('error')",
    "mse.flood(0.1).empty('error')",
    "0.7*ce.smooth(0.1) + 0.3*softmax_focal(gamma=2)",
    "bce.select(top=0.2).reweight([1, 20])",
    "distribution_cross_entropy.smooth(0.1)",
]


@pytest.mark.parametrize("text", DESIGNS)
def test_formula_and_declaration_give_the_design_again(text: str) -> None:
    loss = ls.parse(text)
    said = loss.declaration | stages_said(loss.definition)
    again = ls.parse(loss.formula, **said)
    assert again == loss
    assert stages_of(again.definition) == stages_of(loss.definition)


@pytest.mark.parametrize("text", DESIGNS)
def test_json_keeps_every_stage(text: str) -> None:
    loss = ls.parse(text)
    again = ls.from_json(loss.to_json())
    assert again == loss
    assert stages_of(again.definition, written=False) == stages_of(loss.definition, written=False)
    assert again.definition.formula is loss.definition.formula


def test_numbers_are_the_same_after_json() -> None:
    loss = ls.parse("ce.smooth(0.1).reweight([1, 2, 3]).adjust([0.5, 0.3, 0.2]).temper(2).ignore(9)").using("numpy")
    again = ls.from_json(loss.to_json()).using("numpy")
    y, raw = np.array([0, 2, 9, 1]), np.array([[0.5, -1, 2], [0, 0, 1], [3, 3, 3], [-1, 1, 0.1]])
    assert again.value(y, raw) == loss.value(y, raw)
    np.testing.assert_array_equal(again.predict(raw), loss.predict(raw))


def test_a_plain_loss_has_no_stages() -> None:
    for name in ("mse", "huber", "bce", "focal", "dice", "poisson", "ordinal", "kl_divergence"):
        assert stages_of(ls.get(name).definition) == {}
        assert "stages" not in json.loads(ls.get(name).to_json())["declaration"]


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"weights": [1]}, "not known"),
    ({"smoothing": ["gamma"]}, "smoothing"),
    ({"smoothing": "epsilon"}, "smoothing"),
    ({"ignored": [1.5]}, "whole class numbers"),
    ({"ignored": 3}, "cannot be read"),
    ({"reweighting": [{"classes": [[0, -1.0]]}]}, "not negative"),
    ({"reweighting": [{"classes": [[0, float("nan")]]}]}, "not negative"),
    ({"reweighting": [{"classes": [[0]]}]}, "cannot be read"),
    ({"reweighting": [{"column": "price"}]}, "among the columns"),
    ({"reweighting": [{"colour": "price"}]}, "cannot be read"),
    ({"reweighting": [{"beta": 1.0}]}, r"beta in \[0, 1\)"),
    ({"reweighting": [3]}, "cannot be read"),
    ({"priors": [0.5, 0.6]}, "together 1"),
    ({"priors": ["half"]}, "cannot be read"),
    ({"reading": "y * z"}, "formula of z"),
    ({"reading": 3}, "formula of z"),
    ({"reading": "z +"}, "LM132"),
    ({"empty": "one"}, "zero, nan, error"),
    ({"empty": ["zero"]}, "zero, nan, error"),
]


@pytest.mark.parametrize(("stages", "words"), REFUSED)
def test_what_is_no_stage_is_refused(stages: dict[str, Any], words: str) -> None:
    with pytest.raises(FormulaError, match=words):
        ls.parse("-y*log(p)", target="binary", link="sigmoid", stages=stages)


def test_stages_of_classes_need_a_target_of_classes() -> None:
    for stages in ({"ignored": [1]}, {"priors": [0.5, 0.5]}, {"reweighting": [{"classes": [[0, 1.0]]}]}):
        with pytest.raises(FormulaError, match="LM143"):
            ls.parse("abs(y - z)", target="real", stages=stages)


def test_log_prior_is_a_word_only_where_priors_are_said() -> None:
    with pytest.raises(LossmithError, match='"log_prior" is not known'):
        ls.parse("-y*log(sigmoid(z + log_prior))", target="binary")
