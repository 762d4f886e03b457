"""The shortlist: every candidate fits its target, is a sum over rows, and the costs lead to the right loss."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest

import lossmith as ls
from lossmith.advise.look.profile import Profile, profile
from lossmith.advise.models.shortlist import ROWS, shortlist
from lossmith.errors import DataError

RNG = np.random.default_rng(3)
N = 200
TARGETS: dict[str, Any] = {
    "real": RNG.normal(size=N),
    "positive": RNG.gamma(2, 3, N),
    "nonnegative": RNG.gamma(2, 3, N) * (np.arange(N) % 3 > 0),
    "count": RNG.poisson(2, N),
    "fraction": RNG.random(N),
    "binary": ["no"] * 190 + ["yes"] * 10,
    "class": ["u", "v", "w", "u"] * 50,
}
UNDER_OVER = {"under": 5.0, "over": 1.0}
ERRORS = {"false_negative": 20.0, "false_positive": 1.0}
COSTS = {kind: (None, ERRORS) if kind == "binary" else (None, UNDER_OVER) for kind in TARGETS} | {"class": (None,)}
CASES = [(kind, cost) for kind, costs in COSTS.items() for cost in costs]


def made(kind: str) -> Profile:
    return profile(pl.DataFrame({"x": [i % 9 for i in range(N)], "y": TARGETS[kind]}), target="y", kind=kind)


@pytest.mark.parametrize(("kind", "cost"), CASES)
def test_every_candidate_takes_the_target_and_is_a_sum_over_rows(kind: str, cost: dict[str, float] | None) -> None:
    found = made(kind)
    candidates = shortlist(found, cost)
    assert 4 <= len(candidates) <= 6
    assert [c.is_default for c in candidates] == [True] + [False] * (len(candidates) - 1)
    assert len({(c.loss_name, tuple(c.parameters.items())) for c in candidates}) == len(candidates)
    y = found.y[:6].astype(np.int64) if kind == "class" else found.y[:6]
    raw = np.zeros((6, 3)) if kind == "class" else np.zeros(6)
    for candidate in candidates:
        loss = ls.get(candidate.loss_name, **candidate.parameters)
        assert loss.is_additive
        assert np.isfinite(loss.value(y, raw))
        assert candidate.reason.endswith(".")
        assert "{" not in candidate.reason


@pytest.mark.parametrize("kind", [kind for kind, cost in CASES if cost is UNDER_OVER])
def test_costs_of_five_to_one_lead_to_the_five_sixths_quantile(kind: str) -> None:
    quantiles = [c for c in shortlist(made(kind), UNDER_OVER) if c.loss_name == "quantile"]
    assert [c.parameters["level"] for c in quantiles] == [5 / 6]


def test_the_quantile_of_the_costs_is_the_cheapest_constant() -> None:
    found = made("real")
    level = shortlist(found, {"under": 2.0, "over": 7.0})[1].parameters["level"]

    def cost(prediction: float) -> float:
        miss = found.y - prediction
        return float(np.where(miss > 0, 2.0 * miss, -7.0 * miss).mean())

    assert cost(float(np.quantile(found.y, level, method="inverted_cdf"))) == min(map(cost, found.y))


def test_equal_costs_lean_nowhere() -> None:
    equal = {"under": 3.0, "over": 3.0}
    assert shortlist(made("real"), equal) == shortlist(made("real"))


def test_costs_of_errors_weigh_the_log_loss_by_their_ratio() -> None:
    weighed = next(c for c in shortlist(made("binary"), ERRORS) if c.parameters.get("gamma") == 0.0)
    loss = ls.get(weighed.loss_name, **weighed.parameters)
    missed, alarm = (loss.value(np.array([y]), np.zeros(1)) for y in (1.0, 0.0))
    # both are the same log 2 times a weight: one rounding each, one for the quotient, two for the weights
    assert missed / alarm == pytest.approx(20.0, rel=8 * np.finfo(float).eps)


def test_a_rare_class_without_costs_is_balanced() -> None:
    weighed = next(c for c in shortlist(made("binary")) if c.parameters.get("gamma") == 0.0)
    assert weighed.parameters["alpha"] == pytest.approx(0.95)


REFUSED = (
    ("real", {"undr": 1.0, "over": 1.0}, 'LM515 The cost "undr" .*Did you mean "under"'),
    ("real", {"under": 1.0}, "LM515 .*takes over and under"),
    ("real", ERRORS, "LM515 .*kind real"),
    ("binary", UNDER_OVER, "LM515 .*kind binary"),
    ("class", UNDER_OVER, "LM515 .*no costs yet"),
    ("real", {"under": 0.0, "over": 1.0}, "LM515 .*above zero"),
    ("real", {"under": float("inf"), "over": 1.0}, "LM515 .*above zero"),
)


@pytest.mark.parametrize(("kind", "cost", "sentence"), REFUSED)
def test_costs_that_mean_nothing_are_refused(kind: str, cost: dict[str, float], sentence: str) -> None:
    with pytest.raises(DataError, match=sentence):
        shortlist(made(kind), cost)


def test_every_row_of_the_table_names_a_loss_of_the_catalogue() -> None:
    assert {row.loss_name for row in ROWS} <= set(ls.names())
