"""Best constants of samples with one row more: those of `best_constant`, found with few steps."""

from __future__ import annotations

import numpy as np
import pytest

import lossmith as ls
from lossmith.calculus.scan import NoBestConstantError
from lossmith.report.loss_page import moved
from lossmith.report.loss_page.influence import DIABETES, influence
from lossmith.report.loss_page.moved import constants

SAMPLE = np.array(DIABETES)
MORE = np.array([250.0, 1000.0, 1e9])
HEADS = ls.parse(
    "log(scale) + (y - mean)**2 / (2 * scale**2)", target="real", heads={"mean": "identity", "scale": "exp"}
)


@pytest.mark.parametrize("loss", [ls.get("rmse"), ls.parse("mae.cvar(0.2)"), ls.parse("mse.select(top=3)")], ids=repr)
def test_samples_that_are_finished_together_need_no_search_of_their_own(
    loss: ls.Loss, monkeypatch: pytest.MonkeyPatch
) -> None:
    loss = loss.using("numpy")
    last = loss.best_constant(np.append(SAMPLE, 1000.0))
    asked: list[float] = []
    monkeypatch.setattr(moved, "_constant", lambda loss, y: asked.append(y[-1]))
    found = constants(loss, SAMPLE, MORE)
    assert not asked and found[2] == pytest.approx(last, rel=1e-7)


def test_heads_move_with_the_mean() -> None:
    means = [SAMPLE.mean(), *(np.append(SAMPLE, t).mean() for t in MORE)]
    np.testing.assert_allclose(constants(HEADS.using("numpy"), SAMPLE, MORE), means, rtol=1e-6)


def test_of_a_flat_stretch_it_is_the_middle() -> None:
    """The mean of the worst fifth of the absolute errors rests while as many of its rows lie on either side."""
    loss = ls.parse("mae.cvar(0.2)").using("numpy")
    start = constants(loss, SAMPLE, MORE[:1])[0]
    values = [loss.value(SAMPLE, np.full(SAMPLE.size, start + step)) for step in (-9.0, 0.0, 9.0, -12.0, 12.0)]
    assert values[0] == pytest.approx(values[1], rel=1e-12) == pytest.approx(values[2], rel=1e-12)
    assert min(values[3:]) > values[1] * (1 + 1e-9)


def test_what_has_none_says_so() -> None:
    with pytest.raises(NoBestConstantError, match="every constant costs the same"):
        constants(ls.parse("3 + 0*z", target="real").using("numpy"), SAMPLE, MORE)
    assert influence(ls.parse("3 + 0*z", target="real")) is None


def test_rounding_moves_nothing() -> None:
    found = influence(ls.parse("mse.truncate(tau=1e4)"))
    assert found is not None and found.y[-1] == 0.0 and "e-" not in found.sentence
