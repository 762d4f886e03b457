"""The page of a loss in a real browser: sliders move the curves, the numbers are Python's, nothing is fetched or lost."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import lossmith as ls
from lossmith.emit.to_js import literal
from lossmith.loss.javascript import javascript_object
from lossmith.report.loss_page import collect
from lossmith.report.loss_page.best import best
from lossmith.report.loss_page.collect import windowed
from lossmith.report.loss_page.curves import curves, grid
from lossmith.report.loss_page.page import Page, show
from tests.sampling import every

pytestmark = pytest.mark.peers("playwright")

HEADS = ls.parse(
    "log(scale) + (y - mean)**2 / (2 * scale**2)",
    target="real",
    heads={"mean": "identity", "scale": "exp"},
    name="heads",
)
OWN = ls.parse("log(1 + k*(y - z)**2)", target="real", parameters={"k": (1.0, "positive")}, name="own <formula>")
LOSSES: dict[str, ls.Loss] = {
    "huber": ls.get("huber"),
    "focal": ls.get("focal"),
    "cross_entropy": ls.get("cross_entropy"),
    "dice": ls.get("dice"),
    "heads": HEADS,
    "own": OWN,
}
SHAPES: dict[str, ls.Loss] = {
    "root": ls.parse("abs(y - z)**0.5", target="real", name="root"),
    "pole": ls.parse("1/(z - 1)**2 + (y - z)**2", target="real", name="pole"),
    "log": ls.parse("log(y - z)", target="real", name="log"),
    "cut": ls.parse("bce.truncate(1.5)"),
    "percent": ls.parse("100*abs((y - p)/y)", target="positive", link="exp", name="percent"),
}
"""Of these readings are compared: slopes without bound, places without a number, a corner between points of the grid."""
MOVED = {"huber": 2.5, "focal": 0.5, "dice": 3.0, "own": 7.0}
SAMPLE = ("ordinal", "tweedie")
AGREE = 1e-12
AGREE_IN_DIFFERENCES = 1e-7
"""Of the curvature of a batch, which the page takes from differences of the gradient over 2e-4 of the raw prediction."""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Pages by the names of their losses, without facts: they take longest to find, and no script touches them."""
    folder, found = tmp_path_factory.mktemp("pages"), {}

    def page(*names: str) -> Path:
        if names not in found:
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(collect, "fact_rows", lambda loss: ())
                shown: Page = show(*((LOSSES | SHAPES)[name] for name in names))
            found[names] = shown.save(folder / f"{'-'.join(names)}.html")
        return found[names]

    return page


def lines(page: Any, picture: str = "loss", view: int = 0) -> list[str]:
    path = f".view >> nth={view} >> figure[data-picture={picture}] path[data-line]"
    return [element.get_attribute("d") for element in page.locator(path).all()]


def settled(page: Any) -> None:
    page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")


@pytest.mark.parametrize("name", sorted(MOVED))
def test_a_slider_moves_the_curves_by_keyboard_and_by_mouse(opened: Any, made: Any, name: str) -> None:
    page = opened(made(name))
    slider, number = page.locator(".slider input[type=range]").first, page.locator(".slider input[type=number]").first
    seen, shown = [lines(page)], [number.input_value()]
    slider.focus()
    page.keyboard.press("PageUp")
    box = slider.bounding_box()
    for move in (lambda: None, lambda: page.mouse.click(box["x"] + 0.2 * box["width"], box["y"] + box["height"] / 2)):
        move()
        settled(page)
        seen.append(lines(page))
        shown.append(number.input_value())
    assert len({tuple(drawn) for drawn in seen}) == len(set(shown)) == 3
    number.fill("-1000")
    assert (
        number.get_attribute("aria-invalid") == "true"
        and "must be a number" in page.locator(".fault").first.inner_text()
    )
    settled(page)
    assert lines(page) == seen[-1]
    page.click("[data-reset]")
    settled(page)
    assert lines(page) == seen[0] and number.get_attribute("aria-invalid") == "false"


def scale(t: np.ndarray[Any, Any], x: np.ndarray[Any, Any], slope: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """The scale of the contract: the number itself, or what its change with the raw prediction makes of a rounding of it."""
    return np.asarray(np.maximum(np.abs(t), np.abs(x * slope) / 4))


@pytest.mark.parametrize("name", sorted(LOSSES))
def test_the_numbers_are_those_of_python(opened: Any, made: Any, name: str) -> None:
    page, loss = opened(made(name)), LOSSES[name].using("numpy")
    for values in [{}, {next(iter(loss.parameters)): MOVED[name]}] if name in MOVED else [{}]:
        bound = loss.bind(**values)
        for v, view in enumerate(windowed(loss, loss.target, best(loss, loss.target).raw)):
            x = grid(view, True)
            for s, scene in enumerate(view.scenes):
                theirs = page.evaluate(
                    """([v, s, x, values]) => {
                        const part = page.parts[0], scene = part.views[v].scenes[s];
                        const found = lossmithMeasure.curves(part.program, part.joint, scene, Float64Array.from(x), values);
                        return ["loss", "gradient", "curvature", "predicted"].map((what) => Array.from(found[what]));
                    }""",
                    [v, s, x.tolist(), values],
                )
                ours = curves(bound, scene, x)
                value, gradient, bend, predicted = (np.array(a) for a in theirs)
                g, h = np.array(ours.gradient), np.array(ours.curvature)
                third = np.gradient(h, x)
                assert (np.abs(value - ours.loss) <= AGREE * scale(np.array(ours.loss), x, g)).all()
                assert (np.abs(gradient - g) <= AGREE * scale(g, x, h)).all()
                near = AGREE if loss.is_additive else AGREE_IN_DIFFERENCES
                assert (np.abs(bend - h) <= near * np.maximum(scale(h, x, third), 0 if loss.is_additive else 1)).all()
                assert (np.abs(predicted - ours.predicted) <= AGREE * np.abs(ours.predicted)).all()


@pytest.mark.parametrize(
    "name", [*every(2, ["huber", "cross_entropy", "own", "root", "pole", "log", "cut"]), "percent"]
)
def test_the_script_reads_off_what_python_read_off(opened: Any, made: Any, name: str) -> None:
    page, loss = opened(made(name)), LOSSES.get(name)
    rows = [[c.inner_text() for c in row.locator("td").all()] for row in page.locator(".reading tbody tr").all()]
    still = made(name).read_text("utf-8").partition('<table class="reading')[2].partition("</table>")[0]
    for cells in rows:
        assert all(f">{cell}</td>" in still for cell in cells)
    if name in ("huber", "own"):
        assert float(page.locator("[data-best]").inner_text()) == pytest.approx(best(loss, "real").raw[0], rel=1e-5)


def test_corners_and_the_best_constant_follow_the_slider(opened: Any, made: Any) -> None:
    page = opened(made("huber"))
    page.locator(".slider input[type=number]").first.fill("2.5")
    settled(page)
    assert "curvature at −2.5, curvature at 2.5" in page.locator(".reading tbody").inner_text()
    assert "delta=2.5" in page.locator("[data-code]").first.inner_text()
    names = page.locator("[data-same]:visible code").all_inner_texts()
    assert "torch.nn.HuberLoss(delta=2.5)" in names and not any("SmoothL1Loss(beta=1)" in name for name in names)
    assert any(name.startswith("2.5 * torch.nn.SmoothL1Loss(beta=2.5)") for name in names)
    expected = ls.get("huber", delta=2.5).best_constant([0.0, 0.0, 1.0, 1.0, 8.0])
    assert float(page.locator("[data-best]").inner_text()) == pytest.approx(expected, rel=1e-5)
    for delta in ("0.01", "0.001"):  # nearer than the points of the grid
        page.locator(".slider input[type=number]").first.fill(delta)
        settled(page)
        told = page.locator(".reading tbody").inner_text()
        assert (
            f"curvature at −{delta}, curvature at {delta}" in told
            and f"{delta} up to −{delta}, from {delta} on" in told
        )


def test_a_place_beyond_the_axis_widens_it_and_what_is_no_place_is_told(opened: Any, made: Any) -> None:
    page = opened(made("focal"))
    place, row = page.locator("[data-role=place]"), page.locator(".readout tbody tr").first.locator("td")
    place.fill("-30")
    assert float(row.first.inner_text()) == pytest.approx(
        ls.get("focal").using("numpy").value([0.0], [-30.0]), rel=1e-5
    )
    assert place.get_attribute("aria-invalid") == "false"
    page.locator("[data-axis=prediction]").check()
    assert page.locator("[data-role=axis-word]").inner_text() == "prediction"
    place.fill("0.9")
    assert float(row.last.inner_text()) == pytest.approx(0.9, rel=1e-5)
    place.fill("1.5")
    assert (
        place.get_attribute("aria-invalid") == "true" and "raw prediction" in page.locator(".place-fault").inner_text()
    )
    assert float(row.last.inner_text()) == pytest.approx(0.9, rel=1e-5)
    # the steepest gradient of y = 0 lies at z = 2.79, where the prediction is 0.942
    assert "1.13 at 0.942" in page.locator(".reading tbody tr").first.inner_text()


def test_poles_do_not_flatten_the_rest(opened: Any, made: Any) -> None:
    page = opened(made("log"))
    for picture in ("gradient", "curvature"):
        ticks = page.locator(f"figure[data-picture={picture}] text.tick").all_text_contents()
        assert all(abs(float(tick.replace("−", "-"))) <= 100 for tick in ticks)


BESTS: tuple[tuple[ls.Loss, tuple[dict[str, float], ...]], ...] = (
    (ls.get("huber"), ({"delta": 1e-300}, {"delta": 0.5}, {"delta": 1e6})),
    (ls.get("focal"), ({"gamma": 0.0}, {"gamma": 5.0}, {"gamma": 1000.0})),
    (ls.get("dice"), ({"smooth": 0.0}, {"smooth": 1.0})),
    (ls.get("tversky"), ({"alpha": 0.3, "beta": 0.7}, {"alpha": 0.9, "beta": 0.1})),
    (ls.get("quantile"), ({"level": 0.5}, {"level": 0.9})),
    (ls.parse("bce.truncate(1.5)"), ({"tau": 1.5}, {"tau": 3.0})),
    (ls.parse("mse.flood(0.3)"), ({},)),
    (ls.get("bce", on="probability"), ({},)),
    (OWN, ({"k": 0.01}, {"k": 100.0})),
    *((ls.parse(text, target="real"), ({},)) for text in (
        "where(abs(y - z) < 0.5, 0, 1)", "abs(y-z)**0.5", "log(y-z)", "sin(y-z)**2", "3 + 0*z", "1/(z-3)", "exp(-z)",
        "(y-z)**4", "maximum(0, 1-z)**2 + 7",
    )),
)  # fmt: skip


def test_the_best_constant_after_a_move_is_what_python_says_there(opened: Any, made: Any) -> None:
    page = opened(made("huber"))
    for loss, moves in BESTS:
        program = javascript_object(loss)
        for values in moves:
            bound = loss.using("numpy").bind(**values)
            told = best(bound, bound.target)
            sample = {name: getattr(told, name) for name in ("targets", "columns", "places", "ends")}
            asked = f"lossmithBest.bestOf({program}, {literal(sample)}, {{}}, null, {literal(bound.parameters)})"
            found = page.evaluate(f"() => {asked}")
            assert found["why"] == told.why_not, bound.name
            at = found["at"]
            assert (at is None) == (not told.raw) and (
                at is None or at == pytest.approx(told.raw[0], rel=1e-6, abs=1e-9)
            )


def test_zoom_axis_and_cursor_work_from_the_keyboard(opened: Any, made: Any) -> None:
    page = opened(made("focal"))
    start = lines(page)
    for button in ("in", "left", "float32"):
        page.locator(f"[data-move={button}]").focus()
        page.keyboard.press("Enter")
        assert lines(page) != start
    assert "float32: infinite" in page.locator("figure[data-picture=loss] svg").text_content()
    page.click("[data-move=home]")
    assert lines(page) == start
    page.locator("[data-role=place]").fill("1")
    row = page.locator(".readout tbody tr").nth(1).locator("td")
    told = [float(cell.inner_text().replace("−", "-")) for cell in row.all()]
    loss = ls.get("focal").using("numpy")
    gradient, hessian = loss.per_example_gradient_and_hessian([1.0], [1.0])
    expected = [loss.per_example([1.0], [1.0])[0], gradient[0], hessian[0], loss.predict([1.0])[0]]
    assert told == pytest.approx(expected, rel=1e-5)
    before = row.first.inner_text()
    page.locator("[data-role=cursor]").focus()
    page.keyboard.press("ArrowRight")
    assert row.first.inner_text() != before
    page.locator("[data-axis=raw]").focus()
    page.keyboard.press("ArrowRight")
    assert (
        lines(page) != start
        and "1 / (1 + exp(-z))" in page.locator("figure[data-picture=curvature] svg").text_content()
    )


def test_losses_are_compared_on_the_same_axes(opened: Any, made: Any) -> None:
    page = opened(made("huber", "own"))
    assert len(lines(page)) == 2 and page.locator(".slider").count() == 2
    first, second = lines(page)
    page.locator(".slider").nth(1).locator("input[type=range]").focus()
    page.keyboard.press("PageUp")
    settled(page)
    assert lines(page)[0] != first or lines(page)[1] != second
    assert page.locator(".reading tbody th").all_inner_texts() == ["huber", "own <formula>"]


@pytest.mark.parametrize(
    "names", [("huber",), ("cross_entropy",), ("dice",), ("heads",), ("huber", "own")], ids="-".join
)
def test_dark_on_a_phone_nothing_runs_over_the_edge(opened: Any, made: Any, names: tuple[str, ...]) -> None:
    page = opened(made(*names), width=360, dark=True)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") != "rgb(255, 255, 255)"
    views = page.locator(".view").count()
    assert views == (2 if names == ("heads",) else 1)
    for picture in ("loss", "gradient", "curvature"):
        assert all(d and d.startswith("M") for v in range(views) for d in lines(page, picture, v))


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=() if n in SAMPLE else pytest.mark.corpus) for n in ls.names() if n not in LOSSES]
)
def test_every_loss_of_the_catalogue_bears_every_control(opened: Any, tmp_path: Path, name: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(collect, "fact_rows", lambda loss: ())
        page = opened(show(name).save(tmp_path / "page.html"))
    for control in ("out", "right", "float32", "float64", "home", "in"):
        for button in page.locator(f"[data-move={control}]").all():
            button.click()
    for axis in page.locator("[data-axis=prediction]").all():
        axis.check()
    for slider in page.locator(".slider input[type=range]").all():
        for key in ("End", "Home"):
            slider.press(key)
            settled(page)
    assert all(d and d.startswith("M") for d in lines(page))


def test_without_a_script_the_curves_are_there(browser: Any, made: Any) -> None:
    context = browser.new_context(java_script_enabled=False, viewport={"width": 800, "height": 900})
    page = context.new_page()
    page.goto(made("huber").as_uri())
    assert page.locator("figure[data-picture] path[data-line]").count() == 3
    assert page.locator(".slider").first.is_hidden() and page.locator(".reading").is_visible()
    context.close()
