"""The page and the text of a descent: all numbers are there, names are escaped, nothing is fetched."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

import lossmith as ls
from lossmith.errors import CommandError
from lossmith.report.descent_page.pictures import edges, losses, predictions, shown_steps
from lossmith.report.descent_page.record import Descent
from lossmith.report.descent_page.words import condition_steps

HOSTILE = "</script><img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def plain() -> Descent:
    x = np.linspace(-1.0, 1.0, 30)
    return ls.descend("mse", x, 2 * x + 0.1 * np.cos(20 * x), steps=30)


@pytest.fixture(scope="module")
def layered() -> Descent:
    x = np.linspace(-1.0, 1.0, 20)
    return ls.descend("bce", np.column_stack([x, x**2]), (x > 0) * 1.0, model="two-layer", hidden=2, steps=12)


def steps_of(page: str) -> dict[str, list[float]]:
    found = re.search(r'<script type="application/json" id="steps">(.*?)</script>', page, re.DOTALL)
    assert found is not None
    return json.loads(found[1])


def test_the_numbers_of_every_step_are_on_the_page(plain: Descent) -> None:
    data = steps_of(plain.html)
    assert data["loss"] == plain.losses.tolist()
    assert data["actual"] == plain.taylor.actual.tolist()
    assert data["x"] == plain.parameters[:, 0].tolist()
    assert len(plain.html) < 300_000
    assert "http://" not in plain.html.replace("http://www.w3.org", "") and "https://" not in plain.html


def test_text_and_page_say_the_same_verdict(plain: Descent) -> None:
    said = f"learning rate {plain.learning_rate:g} is {plain.verdict.word}"
    assert said in str(plain) and said in plain.html
    assert repr(plain).endswith(f"{plain.verdict.word}>")
    assert plain._repr_html_().startswith("<iframe ")


def test_back_propagation_stands_on_the_page(layered: Descent) -> None:
    page = layered.html
    assert layered.backprop is not None and layered.batch is not None
    assert "Back-propagation, as numbers" in page and "Operations for one gradient" in page
    assert page.count("<circle") >= 2 + 2 + 1
    assert page.count("<math") > 20
    assert len(page) < 300_000


def test_hostile_names_are_escaped() -> None:
    x = np.column_stack([np.arange(8.0), np.ones(8), np.arange(8.0) ** 2])
    found = ls.descend("mse", x, np.arange(8.0), steps=3, feature_names=["a", HOSTILE, "b"])
    assert "<img" not in found.html and "&lt;img" in found.html


def test_a_page_is_written_once(plain: Descent, tmp_path: Path) -> None:
    place = plain.save(tmp_path / "page.html")
    assert place.read_text("utf-8") == plain.html
    with pytest.raises(CommandError, match="LM604"):
        plain.save(place)


def test_without_a_display_it_says_where_the_file_is(plain: Descent, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"):
        monkeypatch.delenv(name, raising=False)
    assert plain.open().read_text("utf-8") == plain.html


def test_long_paths_are_thinned() -> None:
    assert shown_steps(10_001)[0] == 0 and shown_steps(10_001)[-1] == 10_000
    assert len(shown_steps(10_001)) <= 400


def test_pictures_hold_the_records(plain: Descent) -> None:
    assert losses(plain).lines[0].y == tuple(plain.losses.tolist())
    assert predictions(plain).lines[1].y[0] == pytest.approx(abs(plain.taylor.error_first[0]))
    chart = edges(plain)
    assert chart is not None and chart.lines[0].y[0] == plain.curvature.edges[0]


def test_steps_for_a_condition_number_are_those_of_a_parabola() -> None:
    """Descent on x^2 / 2 + k y^2 / 2 with the best rate 2 / (1 + k), counted until both are ten times closer."""
    for k in (3.0, 40.0, 900.0):
        point, rate, made = np.ones(2), 2 / (1 + k), 0
        while np.abs(point).max() > 0.1:
            point, made = point - rate * np.array([1.0, k]) * point, made + 1
        assert abs(condition_steps(k) - made) <= 1
