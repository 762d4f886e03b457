"""Which losses are proper, with the source of each truth, and that every refutation runs."""

from __future__ import annotations

import pytest

import lossmith as ls
from lossmith.calculus.properties.proper import proper, strictly_proper
from lossmith.loss.handle import Loss

# Good (1952); Brier (1950); Savage (1971), Elicitation of Personal Probabilities; Gneiting and Raftery (2007).
STRICTLY = ["bce", "brier", "ce", "distribution_cross_entropy", "kl_divergence", "2*bce + brier", "bce.temper(2)"]
# A cap on raw predictions is part of how the prediction is read, so it changes nothing.
CAPPED = ["bce.soft_cap(3)", "ce.soft_cap(5)", "ce.temper(2)"]
# Charoenphakdee et al. (2021), On Focal Loss for Class-Posterior Probability Estimation: focal is not.
# Smoothed labels: the minimiser is the smoothed share. Class weights: that of another population (Elkan 2001).
NEITHER = [
    "focal",
    "focal(gamma=0.5)",
    "focal(gamma=2, alpha=0.25)",
    "softmax_focal",
    "softmax_focal.ignore(255)",
    "label_smoothed_cross_entropy",
    "bce.smooth(0.1)",
    "bce.reweight([1, 20])",
    "ce.reweight([1, 2, 3])",
    "bce.modulate(2)",
    "-1*bce",
]
FORMULAS = [
    ("abs(y - p)", "binary", "sigmoid"),
    ("over_classes(abs(y - p))", "class", "softmax"),
    ("-log(y*p + (1 - y)*(1 - p)) * (1 + p)", "binary", "sigmoid"),
]
NUMBERS = ["mse", "mae", "huber", "poisson", "ordinal"]


def given(loss: Loss) -> dict[str, float]:
    return {k: v for k, v in loss.parameters.items() if v is not None}


def run(loss: Loss, code: str | None) -> None:
    assert code is not None
    exec(code, {"loss": loss.using("numpy")})


@pytest.mark.parametrize("text", STRICTLY)
def test_a_strictly_proper_loss_is_proved_to_be_one(text: str) -> None:
    loss = ls.parse(text)
    for fact in (proper(loss.definition, given(loss)), strictly_proper(loss.definition, given(loss))):
        assert fact.value is True and fact.evidence == "proved"


@pytest.mark.parametrize("text", CAPPED)
def test_how_a_raw_prediction_is_read_makes_no_difference(text: str) -> None:
    assert proper(ls.parse(text).definition, given(ls.parse(text))).value is True


@pytest.mark.parametrize("name", ["bce", "brier", "ce"])
def test_given_probabilities_make_no_difference(name: str) -> None:
    assert strictly_proper(ls.get(name, on="probability").definition).text.startswith("proved")


@pytest.mark.parametrize("text", NEITHER)
def test_an_improper_loss_is_refuted_by_code_that_runs(text: str) -> None:
    loss = ls.parse(text)
    for fact in (proper(loss.definition, given(loss)), strictly_proper(loss.definition, given(loss))):
        assert fact.value is False and fact.evidence == "refuted"
        run(loss, fact.counterexample)


@pytest.mark.parametrize(("text", "target", "link"), FORMULAS)
def test_an_improper_formula_is_refuted(text: str, target: str, link: str) -> None:
    loss = ls.parse(text, target=target, link=link)
    fact = proper(loss.definition)
    assert fact.value is False
    run(loss, fact.counterexample)


def test_the_code_that_refutes_one_loss_fails_for_a_proper_one() -> None:
    code = proper(ls.get("focal").definition, {"gamma": 2.0}).counterexample
    with pytest.raises(AssertionError):
        run(ls.get("bce"), code)


@pytest.mark.parametrize("text", NUMBERS)
def test_the_question_does_not_arise_for_numbers(text: str) -> None:
    fact = proper(ls.get(text).definition) if text != "rmse" else None
    assert fact is not None and fact.value is None and "this target is a number" in fact.note


def test_scores_are_no_probabilities() -> None:
    hinge = ls.parse("maximum(0, 1 - (2*y - 1)*z)", target="binary")
    assert proper(hinge.definition).value is None


def test_cost_weighed_accuracy_is_proper_but_not_strictly() -> None:
    """Savage (1971), section 8: a step is a proper scoring rule; all predictions on one side are alike."""
    steps = ls.parse("where(p > 0.5, 1 - y, y)", target="binary", link="sigmoid")
    assert proper(steps.definition).value is True and proper(steps.definition).evidence == "sampled"
    fact = strictly_proper(steps.definition)
    assert fact.value is False and fact.evidence == "refuted"
    run(steps, fact.counterexample)


def test_the_spherical_score_is_proper() -> None:
    """Gneiting and Raftery (2007), example 2; row-wise in p, so it is seen and not proved."""
    score = ls.parse("-over_classes(y*p) / sqrt(over_classes(p**2))", target="class", link="softmax")
    assert strictly_proper(score.definition).value is True
