"""The page of a descent in a real browser: the slider moves the point and shows the numbers of its step."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import lossmith as ls
from tests.sampling import every

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


ROWS = np.random.default_rng(5).normal(size=(60, 3))
KINDS = {
    "real": ROWS @ [1.0, -2.0, 0.5] + 0.3 * ROWS[:, 0] ** 2,
    "binary": (ROWS[:, 0] + 0.6 * np.sin(9 * ROWS[:, 1]) > 0) * 1.0,
    "class": np.array(["a", "b", "c"])[np.digitize(ROWS[:, 0] + 0.5 * ROWS[:, 2], [-0.4, 0.5])],
}
CASES = [
    ("mse", "real", {"model": "linear"}, (0.001, 0.3, 5.0)),
    ("rmse", "real", {"model": "linear", "intercept": False}, (0.5,)),
    ("log(1 + (y - z)**2)", "real", {"model": "linear", "sample_weight": np.linspace(0.2, 2.0, 60)}, (0.4,)),
    ("cross_entropy", "class", {"model": "two-layer", "activation": "gelu"}, (0.8,)),
]


@pytest.mark.parametrize(
    ("loss", "kind", "options", "rates"), every(2, CASES, first=1), ids=[case[0] for case in CASES]
)
def test_the_browser_runs_the_descent_that_python_runs(
    opened: Any, tmp_path: Path, loss: str, kind: str, options: dict[str, Any], rates: tuple[float, ...]
) -> None:
    """Both round each step to a few ulps; runs that do not fly apart keep that to 1e-9 over 25 steps."""
    wanted = {"steps": 25, **options}
    found = ls.descend(loss, ROWS, KINDS[kind], learning_rate=rates[0], **wanted)
    shown = opened(found.save(tmp_path / "live.html"))
    field = shown.locator("#live-rate")
    for rate in rates:
        theirs = found if rate == rates[0] else ls.descend(loss, ROWS, KINDS[kind], learning_rate=rate, **wanted)
        field.fill(repr(rate))
        field.press("Enter")
        shown.wait_for_selector("#live-verdict[data-word]")
        lines = shown.locator("#live-numbers").text_content().split("\n")
        losses = np.array([float(line.split("\t")[1].replace("Infinity", "inf")) for line in lines])
        assert losses == pytest.approx(theirs.losses, rel=1e-9)
        assert shown.locator("#live-verdict").get_attribute("data-word") == theirs.verdict.word
        assert number(shown.locator("#live-last").text_content()) == pytest.approx(theirs.losses[-1], rel=1e-5)
        own = next(trial for trial in theirs.trials if trial.learning_rate == rate)
        assert shown.locator("#live-rises").text_content() == f"{own.rises} of {own.steps}"
        edge = shown.locator("#live-edge").text_content()
        if theirs.verdict.word != "diverging":
            assert number(edge) == pytest.approx(theirs.curvature.edges[-1], rel=0.01)


def test_the_slider_draws_anew_and_says_what_diverges(opened: Any, tmp_path: Path) -> None:
    rows = np.random.default_rng(6).normal(size=(3000, 3))
    found = ls.descend("mse", rows, rows @ [1.0, -2.0, 0.5], steps=30)
    assert found.live is not None and len(found.live.X) <= 2000 and "drawn at random of the 3,000" in found.html
    shown = opened(found.save(tmp_path / "live.html"), width=360, dark=True)
    shown.wait_for_selector("#live-verdict[data-word=good]")
    live, rate = found.live, found.learning_rate
    same = ls.descend("mse", live.X, live.targets["y"], learning_rate=rate, steps=30, standardize=False)
    lines = shown.locator("#live-numbers").text_content().split("\n")
    assert [float(line.split("\t")[1]) for line in lines] == pytest.approx(same.losses, rel=1e-9, abs=1e-20)
    curve, path = shown.locator("#live-losses .curve"), shown.locator("#live-surface path.curve.s2")
    before = curve.get_attribute("d"), path.get_attribute("d")
    shown.locator("#live-slider").press("End")
    shown.wait_for_selector("#live-verdict[data-word=diverging]")
    assert (curve.get_attribute("d"), path.get_attribute("d")) != before
    assert "lie outside" in shown.locator("#live-outside").text_content()
    shown.locator("#live-slider").press("Home")
    shown.wait_for_selector("#live-verdict[data-word='too small']")
    assert "in place of" in shown.locator("#live-verdict").text_content()
    shown.locator("#live-rate").fill("-1")
    shown.locator("#live-rate").press("Enter")
    assert shown.locator("#live-rate").get_attribute("aria-invalid") == "true"
    assert shown.evaluate("document.documentElement.scrollWidth") <= 360
