"""The page of a descent in a real browser: the slider moves the point and shows the numbers of its step."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import lossmith as ls

pytestmark = pytest.mark.peers("playwright")


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Any:
    x = np.linspace(-1.0, 1.0, 20)
    found = ls.descend("bce", np.column_stack([x, x**2]), (x > 0.3) * 1.0, model="two-layer", hidden=3, steps=15)
    return found, found.save(tmp_path_factory.mktemp("descent") / "page.html")


def number(text: str) -> float:
    return float(text.replace("−", "-"))


@pytest.mark.parametrize(("width", "dark"), [(1000, False), (360, True)])
def test_the_slider_shows_each_step(opened: Any, page: tuple[Any, Path], width: int, dark: bool) -> None:
    found, place = page
    shown = opened(place, width=width, dark=dark)
    assert shown.evaluate("document.documentElement.scrollWidth") <= width
    dot = shown.locator("#surface .moving")
    before = dot.get_attribute("cx"), dot.get_attribute("cy")
    slider = shown.locator("#step")
    slider.focus()
    for _ in range(4):
        shown.keyboard.press("ArrowRight")
    assert shown.locator("#at").text_content() == "4"
    assert number(shown.locator("#loss").text_content()) == pytest.approx(found.losses[4], rel=1e-5)
    assert number(shown.locator("#actual").text_content()) == pytest.approx(found.taylor.actual[4], rel=1e-5)
    assert number(shown.locator("#error2").text_content()) == pytest.approx(found.taylor.error_second[4], rel=1e-4)
    assert (dot.get_attribute("cx"), dot.get_attribute("cy")) != before
    slider.press("End")
    assert shown.locator("#at").text_content() == str(found.steps)
    assert shown.locator("#actual").text_content() == "–"
