"""Which losses decide as the probabilities do, with the source of each truth, and that every refutation runs."""

from __future__ import annotations

import pytest

import lossmith as ls
from lossmith.calculus.properties.calibrated import classification_calibrated
from lossmith.loss.handle import Loss

MARGIN = "(2*y - 1)*z"
# Bartlett, Jordan and McAuliffe (2006), Convexity, Classification, and Risk Bounds, theorem 2 and table 1; Lin (2004).
PROVED = [
    f"maximum(0, 1 - {MARGIN})",
    f"maximum(0, 1 - {MARGIN})**2",
    f"softplus(-{MARGIN})",
    f"exp(-{MARGIN})",
    f"(1 - {MARGIN})**2",
]
SAMPLED = [f"1/(1 + exp({MARGIN}))"]
# The perceptron has no derivative at 0 (Bartlett et al., theorem 2), a loss that falls for a wrong sign no sense.
REFUTED = [
    f"maximum(0, -{MARGIN})",
    f"maximum(0, {MARGIN})",
    f"maximum(0, 0.5 - {MARGIN}) + 0.9*maximum(0, {MARGIN})",
]
SHIPPED = ["bce", "brier", "focal", "ce", "softmax_focal", "label_smoothed_cross_entropy", "bce.smooth(0.1)"]
REWEIGHTED = [("bce.reweight([1, 20])", "0.047619"), (f"maximum(0, 1 - {MARGIN})", "0.2")]


def fact_of(loss: Loss) -> tuple[bool | None, str, str]:
    fact = classification_calibrated(loss.definition, {k: v for k, v in loss.parameters.items() if v is not None})
    if fact.evidence == "refuted":
        assert fact.counterexample is not None
        exec(fact.counterexample, {"loss": loss.using("numpy")})
    return fact.value, fact.evidence, fact.note


@pytest.mark.parametrize("text", PROVED)
def test_a_convex_margin_loss_that_falls_at_0_is_proved(text: str) -> None:
    assert fact_of(ls.parse(text, target="binary"))[:2] == (True, "proved")


@pytest.mark.parametrize("text", SAMPLED)
def test_a_loss_that_is_not_convex_is_looked_at(text: str) -> None:
    assert fact_of(ls.parse(text, target="binary"))[:2] == (True, "sampled")


@pytest.mark.parametrize("text", REFUTED)
def test_a_loss_that_decides_otherwise_is_refuted_by_code_that_runs(text: str) -> None:
    assert fact_of(ls.parse(text, target="binary"))[:2] == (False, "refuted")


@pytest.mark.parametrize("text", SHIPPED)
def test_shipped_losses_of_outcomes_decide_as_the_probabilities_do(text: str) -> None:
    """Focal is calibrated though not proper: Charoenphakdee et al. (2021), theorem 3."""
    assert fact_of(ls.parse(text))[0] is True


@pytest.mark.parametrize(("text", "threshold"), REWEIGHTED)
def test_class_weights_move_the_threshold_to_where_elkan_says(text: str, threshold: str) -> None:
    """Elkan (2001), The Foundations of Cost-Sensitive Learning: weights 1 and w put it at 1 / (1 + w)."""
    loss = ls.parse(text) if "bce" in text else ls.parse(text, target="binary").reweight([1, 4])
    value, evidence, note = fact_of(loss)
    assert (value, evidence) == (False, "refuted") and f"above {threshold}, not 0.5" in note


def test_the_hinge_over_pairs_of_classes_is_not_calibrated() -> None:
    """Weston and Watkins (1999); Liu (2007), Fisher consistency of multicategory SVMs; Tewari and Bartlett (2007)."""
    pairs = ls.parse("over_classes(maximum(0, 1 + z - over_classes(y*z)) * (1 - y))", target="class")
    assert fact_of(pairs)[:2] == (False, "refuted")


def test_weights_of_classes_move_the_decision_between_them() -> None:
    assert fact_of(ls.parse("ce.reweight([1, 2, 3])"))[:2] == (False, "refuted")


@pytest.mark.parametrize("name", ["mse", "poisson", "ordinal"])
def test_the_question_does_not_arise_for_numbers(name: str) -> None:
    assert fact_of(ls.get(name))[0] is None


def test_weights_that_are_not_fitted_yet_leave_it_open() -> None:
    assert fact_of(ls.get("bce").reweight("balanced"))[:2] == (None, "open")
