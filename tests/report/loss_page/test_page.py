"""The page of a loss: whole, offline, safe against any text; what `show` refuses; the command line."""

from __future__ import annotations

import re
import webbrowser
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

import lossmith as ls
from lossmith import cli
from lossmith.errors import CommandError, LossmithError, UnsupportedError
from lossmith.report.loss_page import collect
from lossmith.report.loss_page.collect import certificate_rows, fact_rows, part
from lossmith.report.loss_page.compare import compared
from lossmith.report.loss_page.html import html, page_of, script, typeset
from lossmith.report.loss_page.page import DISPLAYS

EVIL = "</script><script>alert(1)</script><img src=x onerror=\"alert('1')\">"
MOST_BYTES = 300_000


class Elements(HTMLParser):
    """The elements of a page in order, with their attributes, and all text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.found if name == tag]


ONCE = {name: cache(getattr(collect, name)) for name in ("fact_rows", "influence", "limits")}
"""What takes longest to find, found once for each loss: the same few are shown many times."""


@pytest.fixture(autouse=True)
def found_once(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, function in ONCE.items():
        monkeypatch.setattr(collect, name, function)


@pytest.fixture(autouse=True)
def no_display(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in DISPLAYS:
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize("text", ["mae", "poisson", "kl_divergence", "where(y > z, 5, 1)*abs(y - z)"])
def test_a_page_is_whole_small_and_offline(text: str) -> None:
    page = ls.show(text)
    elements = Elements(page.html)
    assert len(page.html.encode()) < MOST_BYTES
    assert len(elements.all("math")) == 1 and len(elements.all("h1")) == 1
    assert len([f for f in elements.all("figure") if "data-picture" in f]) == 3
    for _, attributes in elements.found:
        for name in ("src", "href"):
            assert (attributes.get(name) or "data:").startswith(("data:", "#"))
    drawn = [a for a in elements.all("path") if "curve" in (a.get("class") or "").split()]
    assert len(drawn) >= 3 and all((a["d"] or "").startswith("M") for a in drawn)


def test_every_control_has_a_name() -> None:
    elements = Elements(html(compared([ls.get("mae"), ls.get("quantile")], ["", ""])))
    labelled = {attributes.get("for") for attributes in elements.all("label")}
    for control in elements.all("input"):
        inside = control.get("type") == "radio"  # stands within its label
        assert inside or control.get("aria-label") or control.get("id") in labelled
    assert all(attributes.get("scope") for attributes in elements.all("th"))


def test_hostile_names_and_formulas_stay_text() -> None:
    loss = ls.parse("abs(y - z) * k", target="real", name=EVIL, source=EVIL, parameters={"k": (1.0, "positive")})
    page = Elements(ls.show(loss).html)
    assert len(page.all("script")) == 2 and not page.all("img")
    assert EVIL in page.text
    assert not any(name.startswith("on") for _, attributes in page.found for name in attributes)
    both = Elements(ls.show(loss, "mae").html)
    assert not both.all("img") and len(both.all("script")) == 2


def test_the_script_is_shared_where_pages_share_it() -> None:
    alone, shared = page_of(ls.get("mae")), page_of(ls.get("mae"), shared_script="loss.js", shared_style="style.css")
    assert script() in alone and script() not in shared
    assert [s.get("src") for s in Elements(shared).all("script")] == ["loss.js", None]
    assert len(shared) < len(alone) / 2


def test_facts_and_certificate_are_those_of_the_loss() -> None:
    loss = ls.get("mae")
    rows = {row.title: row for row in fact_rows(loss)}
    assert (rows["estimates"].answer, rows["estimates"].evidence) == ("median", "proved")
    assert "proper" not in rows  # asked of classes only
    certificate = certificate_rows(loss)
    shipped = [c for c in collect.shipped() if c.loss == "absolute_error" and c.on == "raw"]
    assert {(c.output, c.backend, c.dtype) for c in shipped} == {(c.output, c.backend, c.dtype) for c in certificate}
    assert max(c.worst_units for c in certificate) == max(c.worst_units for c in shipped)


def test_another_formula_of_the_same_name_has_no_certificate() -> None:
    assert certificate_rows(ls.parse("abs(y - z) * 2", target="real", name="absolute_error")) == ()
    assert certificate_rows(ls.parse("abs(y - z) * 2", target="real", name="nobody")) == ()


def test_weights_of_the_training_set_are_those_of_the_sample() -> None:
    fitted, remark = collect.ready(ls.parse('bce.reweight("balanced")').using("numpy"), "binary")
    assert "0, 0, 0, 1" in remark
    assert fitted.best_constant([0, 0, 0, 1]) == pytest.approx(0.0, abs=1e-9)  # balanced: both classes weigh the same


def test_a_choice_of_rows_is_set_as_a_word_and_told_what_it_is() -> None:
    found = part(ls.parse("mae.cvar(0.5)"))
    elements = Elements(html((found,)))
    assert elements.all("math") and "chosen" in found.latex and "largest(loss" in elements.text
    assert (
        found.pictures[0].reading[0].cells[-1] == "gradient at −1, gradient at 1"
    )  # where the row comes among the two worst
    assert found.summary.startswith("`.cvar`: The mean loss of the hardest share")


def test_a_part_that_has_no_latex_is_shown_as_text(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuses(node: Any) -> str:
        raise UnsupportedError("LM330", "largest has no form in SymPy.")

    monkeypatch.setattr(collect, "to_latex", refuses)
    elements = Elements(html((part(ls.parse("mae.cvar(0.5)")),)))
    assert not elements.all("math") and "largest" in elements.text


def test_a_place_at_which_a_formula_branches_twice_is_told_once() -> None:
    rows = [
        row for row in fact_rows(ls.parse("where(y > z, 5, 1) * abs(y - z)", target="real")) if row.title == "branches"
    ]
    assert [(row.answer, row.why) for row in rows] == [
        ("where z - y = 0", "slope taken there: where: that of 1; abs: 0"),
    ]


def test_minus_signs_of_sentences_are_true_ones_and_formulas_stay() -> None:
    told = html((part(ls.get("huber")),))
    assert "abs(y - z) - delta" in told and "z=−1" in told and "z=-1" not in told
    assert typeset("a straight line from -inf to -8") == "a straight line from −∞ to −8"


def test_what_is_symmetric_behind_a_link_is_said_to_be_so_in_the_raw_prediction() -> None:
    rows = {
        row.title: row.why
        for name in ("tweedie", "huber")
        for row in fact_rows(ls.get(name))
        if row.title == "symmetric"
    }
    (tweedie,) = (row.why for row in fact_rows(ls.get("tweedie")) if row.title == "symmetric")
    assert tweedie.endswith("in the raw prediction, not in the prediction") and rows["symmetric"] == ""


def test_where_a_best_constant_has_no_place_on_the_axis_that_is_said() -> None:
    over_error = part(ls.get("mse"))
    assert not any(mark.label.startswith("best") for mark in over_error.pictures[0].marks)
    assert "over the error, where a constant has no place" in html((over_error,))
    far = html((part(ls.parse("(y - z)**2 + (z - 30)**2", target="real")),))
    assert "beyond the axis" in far


# Several losses ---------------------------------------------------------------------------------------------------


def test_losses_share_axes() -> None:
    one, other = compared([ls.get("mse"), ls.get("huber", delta=4)], ["", ""])
    assert one.pictures[0].view.window == other.pictures[0].view.window == (-6.0, 6.0)
    assert one.pictures[0].curves[0][1].x == other.pictures[0].curves[0][1].x
    elements = Elements(html((one, other), labels=("first", "second")))
    assert len(elements.all("math")) == 2
    assert ["first" in elements.text, "second" in elements.text] == [True, True]


def test_losses_of_numbers_that_must_be_positive_compare_where_all_take_the_target() -> None:
    poisson, gamma = compared([ls.get("poisson"), ls.get("gamma")], ["", ""])
    assert [scene.label for scene in poisson.pictures[0].view.scenes] == ["y = 0.5", "y = 1", "y = 5"]
    assert poisson.kind == gamma.kind == "positive"


def test_an_error_axis_gives_way_where_one_loss_needs_the_target() -> None:
    found = compared([ls.get("mse"), ls.parse("(y - z)**2/(1 + y*y)", target="real")], ["", ""])
    assert {p.pictures[0].view.x_label for p in found} == {"raw prediction z"}


HEADS = ls.parse("log(s) + abs(y - m)/s", target="real", heads={"m": "identity", "s": "exp"}, name="two heads")


@pytest.mark.parametrize(
    ("asked", "options", "code", "words"),
    [
        (("hubre",), {}, "LM271", 'Did you mean "huber"?'),
        (("mse", "bce"), {}, "LM483", "squared_error a real target, binary_cross_entropy a binary target"),
        (("mse", "poisson"), {}, "LM483", "no common axis"),
        (("mse", HEADS), {}, "LM484", "m, s"),
        (("mse",) * 7, {}, "LM487", "at most 6"),
        ((3.5,), {}, "LM488", "got float"),
        (("quantile",), {"level": 1.5}, "LM205", "strictly between 0 and 1"),
        (("huber",), {"deltas": 1.0}, "LM203", 'Did you mean "delta"?'),
        (("huber", "mse"), {"deltas": 1.0}, "LM203", "they have: delta"),
        (("abs(y - ",), {}, "LM", ""),
    ],
)
def test_what_cannot_be_shown_is_refused(asked: Any, options: dict[str, float], code: str, words: str) -> None:
    with pytest.raises(LossmithError) as refused:
        ls.show(*asked, **options)
    assert refused.value.code.startswith(code) and words in refused.value.sentence


def test_a_parameter_goes_to_the_losses_that_have_it() -> None:
    page = ls.show("mae", "quantile", level=0.75)
    assert '"level": 0.75' in page.html and "--set level=0.75" in page.html


# Saving and opening -----------------------------------------------------------------------------------------------


def test_a_word_that_is_set_becomes_a_parameter(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place = tmp_path / "own.html"
    assert cli.run(["show", "a*abs(y-z) + k", "--set", "a=2", "--set", "k=-1", "--out", str(place)]) == 0
    page = Elements(place.read_text("utf-8"))
    assert {"a, as a number", "k, as a number"} <= {box.get("aria-label") for box in page.all("input")}
    assert "lossmith show 'a*abs(y-z) + k' --set a=2 --set k=-1 --open" in page.text
    capsys.readouterr()
    assert cli.run(["show", "a*abs(y-z)", "--set", "b=2"]) == 2
    assert "(on the command line: --set a=1)" in capsys.readouterr().err
    assert cli.run(["show", "a*abs(y-z)", "--set", "a=2", "--set", "b=2"]) == 2
    assert capsys.readouterr().err.startswith("LM203 ")


def test_steps_have_no_page_and_that_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["show", "mse", "--steps", "--out", str(tmp_path / "steps.html")]) == 2
    assert capsys.readouterr().err.startswith("LM606 ") and not (tmp_path / "steps.html").exists()


def test_a_file_is_never_replaced_unasked(tmp_path: Path) -> None:
    page = ls.show("mae")
    place = page.save(tmp_path / "mae.html")
    assert place.read_text("utf-8") == page.html
    with pytest.raises(CommandError, match=r"LM604 .* exists"):
        page.save(place)
    assert page.save(place, replace=True) == place
    with pytest.raises(CommandError, match=r"LM485 there is no folder"):
        page.save(tmp_path / "nowhere" / "mae.html")


def test_a_notebook_holds_the_page_in_a_frame() -> None:
    (frame,) = Elements(ls.get("mae")._repr_html_()).all("iframe")
    assert frame["srcdoc"] == ls.show(ls.get("mae")).html
    assert len(Elements(ls.get("mae")._repr_html_()).found) == 1


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    seen: list[str] = []
    monkeypatch.setattr(webbrowser, "open", lambda address: bool(seen.append(address)) or True)
    return seen


def test_without_a_display_open_says_where_the_file_is(opened: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["show", "mae", "--open"]) == 0
    told = capsys.readouterr().out
    place = re.search(r"The page is in (\S+\.html)", told)
    assert place and Path(place[1]).read_text("utf-8").startswith("<!doctype html>")
    assert "no browser" in told and opened == []


def test_with_a_display_the_browser_is_asked(
    opened: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DISPLAY", ":0")
    assert cli.run(["show", "mae", "quantile", "--open"]) == 0
    assert "no browser" not in capsys.readouterr().out
    (address,) = opened
    assert address.startswith("file://") and address.endswith("absolute_error-quantile.html")
    place = ls.show("mae").open()
    assert opened[1:] == [place.as_uri()]

    def fails(address: str) -> bool:
        raise webbrowser.Error("could not locate runnable browser")

    monkeypatch.setattr(webbrowser, "open", fails)
    assert cli.run(["show", "mae", "--open"]) == 0
    assert "no browser" in capsys.readouterr().out


def test_out_writes_the_page_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli.run(["show", "-abs(y-z)", "--target", "real", "--out", "mine.html"]) == 0
    assert "The page is in mine.html" in capsys.readouterr().out
    assert "lossmith show" in (tmp_path / "mine.html").read_text("utf-8")
    assert cli.run(["show", "mae", "--out", "mine.html"]) == 2
    assert capsys.readouterr().err.startswith("LM604 ")
    assert cli.run(["show", "mse", "bce", "--out", "other.html"]) == 2
    assert capsys.readouterr().err.startswith("LM483 ") and not (tmp_path / "other.html").exists()
    assert cli.run(["show", "hubre", "--open"]) == 2
    assert 'Did you mean "huber"?' in capsys.readouterr().err


def test_without_open_or_out_the_text_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["show", "mae"]) == 0
    alone = capsys.readouterr().out
    assert alone.startswith("absolute_error\n") and "facts, each with its evidence" in alone
    assert cli.run(["show", "mae", "mse"]) == 0
    both = capsys.readouterr().out
    assert both.startswith(alone.rstrip("\n")) and "\nsquared_error\n" in both
