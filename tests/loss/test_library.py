"""The doors to a loss: by name, by function, by text."""

from __future__ import annotations

import numpy as np
import pytest

import lossmith as ls
from lossmith.errors import LossmithError


@pytest.mark.parametrize(
    ("alias", "name"),
    [("mse", "squared_error"), ("mae", "absolute_error"), ("pinball", "quantile"), ("ce", "cross_entropy"),
     ("bce", "binary_cross_entropy"), ("log_loss", "binary_cross_entropy")],
)  # fmt: skip
def test_aliases_are_the_same_loss(alias: str, name: str) -> None:
    assert ls.get(alias) == ls.get(name)


def test_a_function_of_numpy_and_a_text_are_the_same_loss() -> None:
    @ls.define(target="binary", link="sigmoid", name="own")
    def pasted(y, p):  # type: ignore[no-untyped-def]
        return -y * np.log(p) - (1 - y) * np.log(1 - p)

    assert pasted == ls.parse("-y*log(p) - (1 - y)*log(1 - p)", target="binary", link="sigmoid")


def test_losses_of_the_catalogue_are_words_of_a_text() -> None:
    loss = ls.parse("focal(gamma=1.5) + 0.5*dice()", target="binary", link="sigmoid", per="class").using("numpy")
    y, raw = [1.0, 0.0, 1.0], [0.5, -1.0, 2.0]
    parts = ls.get("focal", gamma=1.5).using("numpy").value(y, raw) + 0.5 * ls.get("dice").using("numpy").value(y, raw)
    assert loss.value(y, raw) == pytest.approx(parts, rel=1e-14)


def test_probabilities_in_place_of_raw_predictions_give_the_same_loss() -> None:
    raw = np.array([0.5, -1.0, 2.0])
    for name in ("binary_cross_entropy", "brier", "focal"):
        loss, given = ls.get(name).using("numpy"), ls.get(name, on="probability").using("numpy")
        np.testing.assert_allclose(
            given.per_example([1, 0, 1], loss.predict(raw)), loss.per_example([1, 0, 1], raw), rtol=1e-14
        )
        with pytest.raises(LossmithError, match=r"LM218.*row 1"):
            given.value([1, 0, 1], [0.5, 1.5, 0.5])


def test_names_by_kind_of_target() -> None:
    assert "dice" in ls.names("binary")
    assert "cross_entropy" not in ls.names("binary")
    assert set(ls.names("real")) < set(ls.names())
