"""The page of an activation in a real browser: sliders move curves, readings and shares; its numbers are Python's."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import lossmith as ls
from lossmith.catalogue import ACTIVATIONS
from lossmith.emit.to_js import prelude
from lossmith.report.activation_page.script import object_text
from lossmith.teach.activations.page import activation_page

pytestmark = pytest.mark.peers("playwright")

EDGES = (-745.0, -40.0, -20.5, -1e-8, 1e-300, 20.5, 40.0, 700.0)
X = np.concatenate([np.linspace(-8.0, 8.0, 129), EDGES, np.random.default_rng(0).normal(0.0, 3.0, 60)])
OTHER = {"slope": 0.3, "alpha": 1.7, "beta": 2.5, "temperature": 0.4}


def keyed(page: Any, kind: str, key: str, times: int, name: str | None = None) -> None:
    """Press a key on a slider."""
    chosen = f'input[data-kind="{kind}"]' + (f'[data-name="{name}"]' if name else "")
    page.locator(chosen).first.focus()
    for _ in range(times):
        page.keyboard.press(key)


def fits(page: Any, width: int) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth") <= width)


def test_javascript_agrees_with_python(opened: Any, tmp_path: Path) -> None:
    """To 1e-12 of the number, or, beside a change of sign and in the tail of 1 + erf, of a thousandth."""
    names = [row.name for row in ACTIVATIONS if not row.row]
    functions = [f for name in names for f in (ls.activation(name), _moved(name)) if f is not None]
    objects = ",".join(object_text(f) for f in functions)
    inputs = json.dumps(X.tolist())
    script = (
        f"{prelude()}\nconst made = [{objects}];\nconst X = {inputs};\n"
        "window.found = made.map((a) => ['value', 'derivative'].map((k) => X.map((x) => String(a[k](x, a.parameters)))));"
    )
    (tmp_path / "page.html").write_text(f"<!doctype html><meta charset=utf-8><body><script>{script}</script>")
    found = opened(tmp_path / "page.html").evaluate("window.found")
    for f, texts in zip(functions, found, strict=True):
        for python, javascript in zip((f(X), f.derivative(X)), texts, strict=True):
            theirs = np.array([float(t.replace("Infinity", "inf")) for t in javascript])
            # gelu, silu and mish turn where terms of size 1 cancel: a thousandth of those terms is the scale there
            scale = np.maximum(np.abs(python), np.where(np.abs(X) < 30, 1e-3, 0.0))
            assert (np.abs(theirs - python) <= 1e-12 * scale + 1e-300)[np.isfinite(python)].all(), f.name
            assert (theirs[~np.isfinite(python)] == python[~np.isfinite(python)]).all(), f.name


def _moved(name: str) -> Any:
    numbers = {p.name: OTHER[p.name] for p in ls.activation(name).record.parameters}
    return ls.activation(name, **numbers) if numbers else None


def test_a_slider_moves_the_curve_to_where_python_says(opened: Any, tmp_path: Path) -> None:
    (tmp_path / "elu.html").write_text(activation_page(ls.activation("elu")), encoding="utf-8")
    page = opened(tmp_path / "elu.html")
    curve = '[data-curve="value"] [data-line="0"]'
    before = page.locator(curve).get_attribute("d")
    keyed(page, "parameter", "ArrowRight", 5, "alpha")
    alpha = float(page.locator('input[data-name="alpha"]').input_value())
    assert alpha > 1.0
    after = page.locator(curve).get_attribute("d")
    assert after != before
    frame = page.evaluate(
        """() => { const d = document.querySelector('[data-curve="value"] svg').dataset; return [d.frame, d.x, d.y]; }"""
    )
    left, top, width, height = map(float, frame[0].split())
    (x0, x1), (y0, y1) = (map(float, part.split()[:2]) for part in frame[1:])
    points = np.array([part.split() for part in after.replace("M", " L").split("L")[1:]], dtype=float)
    x = x0 + (points[:, 0] - left) / width * (x1 - x0)
    y = y0 + (1 - (points[:, 1] - top) / height) * (y1 - y0)
    # places are written with two decimals: 0.005 of a picture of some hundred units, in both directions, slope at most 2
    assert np.abs(ls.activation("elu", alpha=alpha)(x) - y).max() < 0.01 * ((y1 - y0) / height + 2 * (x1 - x0) / width)
    keyed(page, "probe", "Home", 1)
    reading = page.locator(".readings").inner_text()
    assert reading.startswith("elu at x = −7: value −")
    assert f"{ls.activation('elu', alpha=alpha)([-7.0])[0]:.4g}".replace("-", "−") in reading
    assert fits(page, 1000)


def test_the_row_of_softmax_follows_its_sliders(opened: Any, tmp_path: Path) -> None:
    (tmp_path / "softmax.html").write_text(activation_page(ls.activation("softmax")), encoding="utf-8")
    page = opened(tmp_path / "softmax.html", width=360, dark=True)

    def shares() -> list[str]:
        return page.locator(".shares output").all_inner_texts()

    start = shares()
    assert [float(t) for t in start] == pytest.approx(ls.activation("softmax")([2.0, 1.0, 0.0, -1.0]), abs=5e-5)
    keyed(page, "shift", "End", 1)
    assert shares() == start
    keyed(page, "raw", "End", 1)
    assert [float(t) for t in shares()] == pytest.approx(ls.activation("softmax")([6.0, 1.0, 0.0, -1.0]), abs=5e-5)
    keyed(page, "parameter", "End", 1)
    heat = float(page.locator('input[data-name="temperature"]').input_value())
    hot = ls.activation("softmax", temperature=heat)([6.0, 1.0, 0.0, -1.0])
    assert [float(t) for t in shares()] == pytest.approx(hot, abs=5e-5)
    assert page.locator("#sum").inner_text() == "1"
    assert fits(page, 360)


def test_a_page_of_several_fits_a_phone_in_the_dark(opened: Any, tmp_path: Path) -> None:
    chosen = [ls.activation("relu"), ls.activation("elu")]
    (tmp_path / "two.html").write_text(activation_page(*chosen), encoding="utf-8")
    page = opened(tmp_path / "two.html", width=360, dark=True)
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(20, 24, 29)"
    assert fits(page, 360)
    before = [page.locator(f'[data-curve="derivative"] [data-line="{i}"]').get_attribute("d") for i in range(2)]
    keyed(page, "parameter", "End", 1, "alpha")
    after = [page.locator(f'[data-curve="derivative"] [data-line="{i}"]').get_attribute("d") for i in range(2)]
    assert [a == b for a, b in zip(before, after, strict=True)] == [True, False]
    assert len(page.locator(".readings p").all()) == 2
