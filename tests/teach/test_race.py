"""Steps to a given loss: the step of descent against torch, a fair protocol, and figures that can be remade."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

import lossmith as ls
from lossmith.catalogue import ACTIVATIONS
from lossmith.teach.activations import race as module
from lossmith.teach.activations.cost import costs
from lossmith.teach.activations.measured import raced, results, to_text
from lossmith.teach.activations.race import DEEP, SHALLOW, Race, descended, measured, race, tuned
from lossmith.teach.activations.rows import digits
from lossmith.teach.activations.speed import against, outcome, speed, standings, steps_text

RELU, TANH = ls.activation("relu"), ls.activation("tanh")
SMALL = replace(SHALLOW, budget=80, goal=1.0, rates=(0.02, 0.2, 2.0), tuning=(100, 101), seeds=(0, 1, 2))


@pytest.mark.peers("torch")
def test_a_step_is_that_of_torch() -> None:
    import torch

    course = replace(SHALLOW, hidden=3)
    runs = [(0.3, "he", 5), (0.1, "xavier", 6)]
    nets = module._drawn(TANH, course, runs, 64)
    X, y = digits()
    batches = np.array([np.arange(32), np.arange(100, 132)])
    expected = []
    for r, (rate, *_) in enumerate(runs):
        weights = [torch.tensor(w[r].copy(), requires_grad=True) for w in nets.weights]
        h = torch.tensor(X[batches[r]])
        for k, weight in enumerate(weights):
            h = h @ weight
            h = torch.tanh(h) if k < len(weights) - 1 else h
        torch.nn.functional.cross_entropy(h, torch.tensor(y[batches[r]])).backward()
        expected.append([(w - rate * w.grad).detach().numpy() for w in weights])
    nets.step(X[batches], y[batches])
    for r in range(2):
        for ours, theirs in zip(nets.weights, expected[r], strict=True):
            # sums of 32 rows through 4 layers of at most 64 terms; entries are of size 1 and below
            assert np.abs(ours[r] - theirs).max() < 4 * 64 * np.finfo(float).eps


def test_runs_side_by_side_are_the_runs_alone() -> None:
    course = replace(SMALL, budget=10)
    runs = [(0.2, "he", 0), (0.02, "xavier", 1)]
    together = descended(RELU, course, runs, 5, lambda losses: False)
    for k, run in enumerate(runs):
        alone = descended(RELU, course, [run], 5, lambda losses: False)
        # the same operations on arrays of another shape; ten steps magnify their roundings a little
        np.testing.assert_allclose(together[:, k], alone[:, 0], rtol=1e-10)


def test_tuning_takes_the_step_size_that_is_soonest_there() -> None:
    """Slow steps do not get there and wild ones overshoot: the middle one wins, and really needs the fewest steps."""
    rate, weights = tuned(RELU, SMALL)
    steps = {r: measured(RELU, SMALL, r, weights).median for r in SMALL.rates}
    assert rate == 0.2
    assert steps[rate] == min(steps.values()) < math.inf


def test_no_reported_seed_was_tuned_on() -> None:
    for course in (SHALLOW, DEEP):
        assert not set(course.tuning) & set(course.seeds)
        assert len(course.seeds) >= 5


def test_a_race_repeats_itself() -> None:
    race.cache_clear()
    first = race(TANH, SMALL)
    race.cache_clear()
    assert race(TANH, SMALL) == first
    assert first.curve[0] > 2.0
    assert first.curve[-1] <= 1.2


def test_what_does_not_get_there_is_infinite_and_says_so() -> None:
    found = measured(RELU, replace(SMALL, budget=10), 0.02, "xavier")
    assert found.steps == (math.inf,) * 3
    assert found.quartiles == (math.inf, math.inf)
    assert steps_text(found, SHALLOW) == "over 1,000"


@pytest.mark.parametrize("name", ["relu", "tanh"])
def test_the_shipped_figures_are_made_by_the_code(name: str) -> None:
    shipped = results()["shallow"]
    assert shipped.course == SHALLOW
    kept = shipped.races[name]
    course = replace(SHALLOW, seeds=SHALLOW.seeds[:3])
    again = measured(ls.activation(name), course, kept.rate, kept.weights)
    # another machine adds in another order: a loss near the goal may pass it a look earlier or later
    assert max(abs(a - b) for a, b in zip(again.steps, kept.steps[:3], strict=True)) <= 2 * SHALLOW.look


def test_every_elementwise_activation_was_run_on_both_courses() -> None:
    names = {row.name for row in ACTIVATIONS if not row.row}
    found = results()
    assert found["deep"].course == DEEP
    assert all(set(part.races) == names for part in found.values())
    assert all(len(r.steps) == len(SHALLOW.seeds) for part in found.values() for r in part.races.values())
    assert raced(ls.activation("elu", alpha=2.0), "deep") is None


def test_what_the_figures_say() -> None:
    """Eight hidden layers: sigmoid does not get there, ReLU does; tanh, tuned as carefully, is no slower than ReLU."""
    deep = results()["deep"].races
    assert deep["sigmoid"].median == math.inf
    assert deep["relu"].median < 500
    assert deep["tanh"].median <= deep["relu"].median
    assert "sigmoid does not get there" in outcome("deep", results()["deep"], deep["relu"])


def test_the_file_reads_back_as_it_was_written(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = Race("relu", 0.1, "he", (5.0, math.inf), 5, (2.0, math.inf))
    (tmp_path / "activations.json").write_text(to_text({"deep": {"relu": made}}, "here"))
    monkeypatch.setattr("lossmith.teach.activations.measured.files", lambda package: tmp_path)
    results.cache_clear()
    try:
        assert results()["deep"].races == {"relu": made}
    finally:
        results.cache_clear()


def test_ratios_are_bounds_where_one_did_not_get_there() -> None:
    assert against(100.0, 50.0, SHALLOW) == "0.5"
    assert against(math.inf, math.inf, SHALLOW) == "neither got there"


def test_the_section_answers_for_other_parameters_with_what_was_run() -> None:
    told = [getattr(block, "text", "") for block in speed([ls.activation("leaky_relu", slope=0.3)]).blocks]
    assert any("leaky_relu (slope = 0.3) was not run" in text for text in told)
    assert [row[0] for row in standings("shallow").rows][-1] == "exponential"


def test_costs_are_ratios_to_the_cheapest() -> None:
    found = costs([RELU, ls.activation("mish")], inputs=20_000, rounds=7)
    assert min(found.value) == 1.0
    # mish takes an exponential, a logarithm and a hyperbolic tangent for each number, ReLU a comparison
    assert found.value[1] > 2 * found.value[0]
