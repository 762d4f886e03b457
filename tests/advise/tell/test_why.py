"""Why a way is advised: the reason of its loss, and what the costs or the noise say for it, in one sentence each."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from lossmith.advise.judge.compare import compare
from lossmith.advise.tell.verdict import Telling
from lossmith.advise.tell.why import leak_words, why
from tests.advise.judge.benches import EVEN, FIVE_TO_ONE, MEAN, MISSED, bench, model
from tests.advise.tell.tellings import HAPPENED, NOISE, SIGNAL, SPREAD, P

NOISES = "It looks like Laplace noise. Absolute error belongs to it. The rest is behind."
GROWS = "Errors grow with the prediction."
LOG_LOSS = model("binary_cross_entropy", P, True)
USUAL = model("squared_error", SIGNAL, True)


def found(aim: Any, y: Any, *models: Any, classes: tuple[str, ...] = (), leaking: tuple[str, ...] = ()) -> Any:
    """What `why` reads of a study."""
    made = bench(aim, y, *models, classes=len(classes))
    comparison = compare(made)
    telling = Telling(comparison, made.trained, "delay", "in minutes", classes)
    chosen = comparison.rows[comparison.chosen]
    positive = classes[-1] if classes else None
    profile = SimpleNamespace(positive=positive, target="delay", leaking=leaking)
    ready = SimpleNamespace(aim=aim, profile=profile)
    return SimpleNamespace(
        telling=telling, trained=made.trained, comparison=comparison, advised=chosen, ready=ready, bench=made
    )


def test_a_shift_is_explained_by_the_costs() -> None:
    said = why(cast(Any, found(FIVE_TO_ONE, SIGNAL + NOISE, USUAL, model("huber", SIGNAL))), NOISES, "")
    assert said.startswith("Why: ") and said.endswith(".")
    assert "83.33 %" in said and "costs 5" in said


def test_a_loss_is_explained_by_its_reason_and_by_noise_that_varies() -> None:
    right = model("quantile", SIGNAL + 0.967 * SPREAD, parameters={"level": 5 / 6}, reason="It leans.")
    given = found(FIVE_TO_ONE, SIGNAL + SPREAD * NOISE, USUAL, right)
    assert given.comparison.answer == "loss"
    assert why(cast(Any, given), NOISES, GROWS) == f"Why: it leans. {GROWS}"


def test_a_threshold_is_explained_by_the_costs() -> None:
    said = why(cast(Any, found(MISSED, HAPPENED, LOG_LOSS, classes=("well", "ill"))), "", "")
    assert "“ill”" in said and "costs 20" in said and "4.76" in said  # 1 / 21


@pytest.mark.parametrize("aim", [MEAN, EVEN])
def test_where_a_middle_is_aimed_at_the_noise_speaks(aim: Any) -> None:
    said = why(cast(Any, found(aim, SIGNAL + NOISE, USUAL, model("huber", SIGNAL))), NOISES, GROWS)
    assert "Laplace noise" in said and "belongs to it" in said
    assert "The rest is behind" not in said


def test_a_constant_needs_no_reason() -> None:
    nothing = found(EVEN, NOISE, model("squared_error", 0.1 * SIGNAL, True), model("huber", SIGNAL))
    assert nothing.comparison.answer == "nothing"
    assert why(cast(Any, nothing), NOISES, GROWS) == ""


def test_columns_that_leak_are_named_first_with_what_to_do() -> None:
    leaking = found(MEAN, SIGNAL + NOISE, USUAL, leaking=("paid late", "b"))
    said = leak_words(cast(Any, leaking))
    assert '--drop "paid late"' in said and '--drop "b"' in said
    assert leak_words(cast(Any, found(MEAN, SIGNAL + NOISE, USUAL))) == ""
