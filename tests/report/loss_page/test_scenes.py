"""Scenes: every loss of the catalogue has lines whose rows it takes, and nothing about them is left unsaid."""

from __future__ import annotations

import math

import numpy as np
import pytest

import lossmith as ls
from lossmith.numerics.interval import DOMAINS
from lossmith.report.loss_page.scenes import TELLING, columns_of, moves_with_the_target, views

HEADS = ls.parse(
    "log(scale) + (y - mean)**2 / (2 * scale**2)", target="real", heads={"mean": "identity", "scale": "exp"}
)


@pytest.mark.parametrize("name", ls.names())
def test_rows_of_every_loss_lie_where_it_takes_them(name: str) -> None:
    loss = ls.get(name).using("numpy")
    (view,) = views(loss, loss.target)
    assert view.bounds[0] <= view.window[0] < view.window[1] <= view.bounds[1]
    for scene in view.scenes:
        assert len(scene.base) == len(scene.slope) and scene.slope[scene.place] == 1.0
        for _, values in scene.targets:
            assert DOMAINS[loss.target].contains(values).all()
        assert bool(scene.said) == (not loss.is_additive or loss.target == "ordinal")


def test_a_loss_of_the_error_alone_is_shown_over_the_error() -> None:
    assert [s.label for s in views(ls.get("huber"), "real")[0].scenes] == ["y = 0"]
    relative = ls.parse("(y - z)**2 / (1 + abs(y))", target="real")
    assert [s.label for s in views(relative, "real")[0].scenes] == ["y = −2", "y = 0", "y = 2"]
    assert [s.label for s in views(ls.get("mae"), "real", over_error=False)[0].scenes] == ["y = −2", "y = 0", "y = 2"]


@pytest.mark.parametrize(
    ("formula", "moves"),
    [("abs(y - z)", True), ("cosh(z - y)", True), ("(y - z)**2 + 0.1*z", False), ("abs(y - 1.0001*z)", False)],
)
def test_whether_the_target_matters(formula: str, moves: bool) -> None:
    assert moves_with_the_target(ls.parse(formula, target="real").using("numpy")) is moves


def test_each_head_has_a_view_in_which_the_other_rests() -> None:
    mean, scale = views(HEADS, "real", (2.0, 1.5))
    assert [mean.name, scale.name] == ["mean", "scale"]
    assert mean.scenes[0].base == (0.0, 1.5) and mean.scenes[0].slope == (1.0, 0.0)
    assert scale.scenes[0].base == (2.0, 0.0) and scale.scenes[0].slope == (0.0, 1.0)
    assert "z of scale rests at 1.5" in mean.scenes[0].said
    assert mean.predicted == "" and scale.predicted == "scale: exp(z)"


def test_several_targets_are_combined_and_columns_are_told() -> None:
    survival = ls.parse(
        "event*abs(time - z) + (1 - event)*maximum(time - z, 0)", target={"time": "positive", "event": "binary"}
    )
    labels = [scene.label for scene in views(survival, "positive")[0].scenes]
    assert labels == [f"time = {t}, event = {e}" for t in ("0.5", "1") for e in (0, 1)]
    costly = ls.parse("cost*(y - z)**2", target="real", columns=("cost",))
    assert "cost = 1 in each row" in views(costly, "real")[0].scenes[0].said
    assert columns_of(costly, (0.0, 1.0), "real") == (("cost", (1.0, 1.0)),)


def test_grades_get_the_cut_points_around_them() -> None:
    found = dict(columns_of(ls.get("ordinal"), (0.0, 1.0, 2.0), "ordinal"))
    assert found == {"low": (-math.inf, -1.0, 1.0), "high": (-1.0, 1.0, math.inf)}


def test_telling_targets_cover_every_kind() -> None:
    assert set(TELLING) == set(DOMAINS)
    assert all(np.isfinite(row.values).all() and len(row.sample) >= 4 for row in TELLING.values())


COMPARED = "mean((y-z)**2)/mean((y-mean(y))**2)"


def test_rows_that_a_loss_compares_differ_in_target_and_prediction() -> None:
    (view,) = views(ls.parse(COMPARED, target="real").using("numpy"), "real")
    assert view.x_label == "raw prediction z" and len(view.scenes) == 3
    ((_, targets),) = view.scenes[0].targets
    assert len(set(targets[1:])) == len(set(view.scenes[0].base[1:])) == 3


def test_rows_of_differences_alone_stay_over_the_error() -> None:
    assert views(ls.get("rmse").using("numpy"), "real")[0].x_label.startswith("error")
