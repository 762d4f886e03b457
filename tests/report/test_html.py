"""The page of a study: whole, offline, and safe against any text that the data may hold."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from lossmith.report.html import PLOTS_FILE, html, page
from lossmith.report.record import (
    Comparison,
    Data,
    Grid,
    LossRow,
    Picture,
    Reproduce,
    Row,
    Series,
    StudyRecord,
    is_study,
    to_data,
    to_json,
)
from lossmith.report.text import columns, screen
from lossmith.report.words import number, way_words, with_margin

EVIL = "</script><script>alert(1)</script>"


def record(name: str = "delay") -> StudyRecord:
    """A small study in which `name` is the target, a class, a column and a reason."""
    row = Row(
        f"squared error {name}",
        "default",
        "l",
        "+ 2",
        {"rule": "shift", "amount": 2.0},
        name,
        4.0,
        0.5,
        0.0,
        0.0,
        True,
        False,
    )
    worse = replace(row, label="constant", role="constant", mean=float("inf"), margin=float("nan"), chosen=False)
    series = Series(name, "line", (0.0, 1.0), (1.0, float("nan")))
    dots = Series(name, "dots", (0.0,), (1.0,), (0.1,))
    return StudyRecord(
        target=name,
        kind="real",
        kind_reason=name,
        cost="",
        verdict=(f"Keep it for {name}.", name),
        data=Data(name, 100, 7, 0, 60, 20, 20, "at random: 60 %", "row by row"),
        comparison=Comparison("cost per row", name, name, (worse, row), 1),
        grid=Grid((name,), (name,), ((float("inf"),),), (0,)),
        losses=(LossRow(name, "squared_error", {"level": 0.5}, name, "(y - z)**2 < 1", True, 12, 0.5),),
        recommended={"label": name, "loss": "squared_error", "parameters": {}, "rule": {"rule": "as_is"}},
        columns=((name, "number"),),
        left_out=((name, name),),
        target_facts=(("mean", name),),
        notes=(name,),
        pictures=(
            Picture("compare", name, name, name, name, (dots,), ((1.0, name),)),
            Picture("curve", name, name, name, name, (series,), ((1.0, name),)),
        ),
        reproduce=Reproduce(f"lossmith study {name}", 0, False, 1.5, {"numpy": "2"}),
    )


class Elements(HTMLParser):
    """Collects the elements and the text of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.opened: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.opened.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def read(text: str) -> Elements:
    elements = Elements()
    elements.feed(text)
    return elements


@pytest.mark.parametrize("name", [EVIL, "<script>", '"><img src=x onerror=alert(1)>', "{{ 7*7 }}", "a & b < c"])
def test_no_text_of_the_data_becomes_markup(name: str) -> None:
    evil, plain = read(html(record(name))), read(html(record("delay")))
    assert [tag for tag, _ in evil.opened] == [tag for tag, _ in plain.opened]
    assert all(not key.startswith("on") for _, attributes in evil.opened for key in attributes)
    assert name in "".join(evil.text)


def test_plots_hold_user_text_as_text() -> None:
    figures = re.findall(r'<script type="application/json"[^>]*>(.*?)</script>', html(record(EVIL)), re.DOTALL)
    assert len(figures) == 2
    for text in figures:
        assert "<" not in text
        assert "&lt;/script&gt;" in json.dumps(json.loads(text))


def test_the_page_asks_no_network() -> None:
    sources = [attributes.get(key) for _, attributes in read(html(record())).opened for key in ("src", "href")]
    assert [source for source in sources if source] == [PLOTS_FILE]
    assert set(page(record())) == {"index.html", PLOTS_FILE}


def test_what_would_break_a_line_of_a_terminal_becomes_a_space() -> None:
    shown = screen(replace(record("later\nmaybe \x1b[31mred"), notes=("a\nb",)))
    assert "\x1b" not in shown
    assert shown.splitlines()[0] == "Keep it for later maybe  [31mred."
    assert "Note: a b" in shown


def test_a_constant_is_advised_without_a_model() -> None:
    made = record()
    advised = made.comparison.rows[0]
    rows = (replace(advised, chosen=True, mean=1.0, margin=0.5), replace(made.comparison.rows[1], chosen=False))
    constant = replace(made, comparison=replace(made.comparison, rows=rows))
    assert "No model is advised" in html(constant)
    assert "should you want a model all the same" in screen(constant, "here")
    assert "No model is advised" not in html(made)


def test_the_verdict_is_the_heading_and_the_first_line() -> None:
    assert re.search(r"<h1>([^<]*)</h1>", html(record())).group(1) == "Keep it for delay."  # type: ignore[union-attr]
    assert screen(record()).splitlines()[0] == "Keep it for delay."


def test_rows_without_a_target_are_counted_on_the_first_screen() -> None:
    assert "7 left out because delay is missing" in screen(record())


def test_the_record_is_plain_json_and_knows_itself() -> None:
    data = json.loads(to_json(record()))
    assert data == to_data(record())
    assert (data["what"], data["version"]) == ("lossmith study", 1)
    assert data["comparison"]["rows"][0]["mean"] is None  # infinity is "not defined"
    assert is_study(to_json(record()))
    assert not is_study('{"what": "else"}')
    assert not is_study("no json")


def test_tables_of_text_stay_aligned_with_wide_letters() -> None:
    wide, narrow = (screen(record(name)).splitlines() for name in ("지연", "wait"))
    assert [columns(line) for line in wide] == [columns(line) for line in narrow]
    assert any(len(one) != len(other) for one, other in zip(wide, narrow, strict=True))


@pytest.mark.parametrize(
    ("value", "margin", "text"),
    [
        (35.4183, 0.42, "35.42 ± 0.42"),
        (0.03127, 0.0009, "0.03127 ± 0.00090"),
        (1234567.0, 8900.0, "1,234,567 ± 8,900"),
        (5.0, None, "5"),
        (float("nan"), 1.0, "not defined"),
        (-2.5, 0.5, "-2.50 ± 0.50"),
        (0.0, None, "0"),
    ],
)
def test_numbers_show_two_digits_of_their_margin(value: float, margin: float | None, text: str) -> None:
    assert with_margin(value, margin) == text


def test_small_and_large_numbers_are_read_back_within_a_thousandth() -> None:
    for value in (3.0e-7, 1.234e-5, 0.098765, 1.0, 99999.5, 1.5e9):
        assert float(number(value).replace(",", "")) == pytest.approx(value, rel=1e-3)


def test_ways_read_like_sentences() -> None:
    assert way_words("squared error", {"rule": "shift", "amount": -2.0}) == "squared error − 2"
    assert way_words("log loss", {"rule": "threshold", "level": 0.5}) == "log loss, threshold 0.5"
    assert way_words("log loss", {"rule": "threshold", "level": 0.0}) == "log loss, always yes"
    assert way_words("squared error", {"rule": "as_is"}) == "squared error as it is"
