"""The page of a study: whole, offline, in order, and safe against any text that the data may hold."""

from __future__ import annotations

import json
import re
from dataclasses import fields, is_dataclass, replace
from html.parser import HTMLParser
from itertools import pairwise
from typing import Any

import pytest

from lossmith.report.study.html import PLOTS_FILE, html, page
from lossmith.report.study.record import StudyRecord, Table, is_study, to_data, to_json
from lossmith.report.study.summary import summary_html
from tests.report.examples import EXAMPLES, NOTES, delays, disease, nothing, ratings

EVIL = "</script><script>alert(1)</script>"
NAMES = (EVIL, "<script>", '"><img src=x onerror=alert(1)>', "{{ 7*7 }}", "a & b < c", "' onmouseover='alert(1)")
FIXED = ("role", "answer", "style", "version", "what")
"""Fields that hold words of the record, not of the data."""


def spoiled(value: Any, name: str) -> Any:
    """The same record with every text replaced by `name`, wherever a text of the data may stand."""
    if is_dataclass(value) and not isinstance(value, type):
        kept = {f.name: getattr(value, f.name) for f in fields(value) if f.name not in FIXED}
        return replace(value, **{key: spoiled(item, name) for key, item in kept.items()})  # type: ignore[type-var]
    if isinstance(value, tuple):
        return tuple(spoiled(item, name) for item in value)
    if isinstance(value, dict):
        return {key: spoiled(item, name) for key, item in value.items()}
    return name if isinstance(value, str) else value


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


def figures(text: str) -> list[str]:
    return re.findall(r'<script type="application/json"[^>]*>(.*?)</script>', text, re.DOTALL)


def strict(text: str) -> Any:
    """JSON as browsers read it: NaN and Infinity are errors."""

    def refuse(word: str) -> None:
        raise AssertionError(f"{word} is no JSON")

    return json.loads(text, parse_constant=refuse)


@pytest.mark.parametrize("build", EXAMPLES.values(), ids=EXAMPLES)
@pytest.mark.parametrize("name", NAMES)
def test_no_text_of_the_data_becomes_markup(name: str, build: Any) -> None:
    for write in (html, summary_html):
        evil, plain = read(write(spoiled(build(), name))), read(write(spoiled(build(), "a plain name")))
        assert [tag for tag, _ in evil.opened] == [tag for tag, _ in plain.opened]
        assert all(not key.startswith("on") for _, attributes in evil.opened for key in attributes)
        assert name in "".join(evil.text)


@pytest.mark.parametrize("name", NAMES)
def test_places_and_links_are_never_made_of_the_data(name: str) -> None:
    opened = read(html(spoiled(delays(), name))).opened
    places = [value or "" for _, attributes in opened for key, value in attributes.items() if key in LINKS]
    assert len(places) > 30
    assert all(re.fullmatch(r"#?[a-z0-9-]+", place) or place == PLOTS_FILE for place in places)


LINKS = ("id", "href", "src", "data-for")


def test_plots_hold_user_text_as_text() -> None:
    found = figures(html(spoiled(delays(), EVIL)))
    assert len(found) == 6
    for text in found:
        assert "<" not in text
        assert "&lt;/script&gt;" in json.dumps(strict(text))


@pytest.mark.parametrize("build", EXAMPLES.values(), ids=EXAMPLES)
def test_plots_are_json_that_a_browser_reads(build: Any) -> None:
    made = [strict(text) for text in figures(html(build()))]
    assert all(set(one) == {"data", "layout"} and one["data"] for one in made)


@pytest.mark.parametrize("build", EXAMPLES.values(), ids=EXAMPLES)
def test_the_page_asks_no_network(build: Any) -> None:
    text = html(build())
    opened = read(text).opened
    sources = [attributes[key] or "" for _, attributes in opened for key in ("src", "href") if key in attributes]
    files = {PLOTS_FILE, *(name for name, _ in build().files)}
    assert all(source.startswith("#") or source in files for source in sources)
    assert "://" not in text and "url(" not in text and "@import" not in text
    assert set(page(build())) == {"index.html", PLOTS_FILE}


@pytest.mark.parametrize("build", EXAMPLES.values(), ids=EXAMPLES)
def test_headings_are_in_order_and_the_contents_lead_somewhere(build: Any) -> None:
    opened = read(html(build())).opened
    levels = [int(tag[1]) for tag, _ in opened if re.fullmatch(r"h[1-6]", tag)]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    ids = [attributes["id"] for _, attributes in opened if "id" in attributes]
    assert len(ids) == len(set(ids))
    led = [href[1:] for _, attributes in opened if (href := attributes.get("href") or "").startswith("#")]
    assert len(led) >= 5 and set(led) <= set(ids)


@pytest.mark.parametrize("build", EXAMPLES.values(), ids=EXAMPLES)
def test_every_picture_says_what_it_shows(build: Any) -> None:
    opened = read(html(build())).opened
    plots = {a["id"]: a for _, a in opened if a.get("class") == "plot"}
    assert set(plots) == {a["data-for"] for _, a in opened if a.get("class") == "figure-data"}
    assert all(a["role"] == "img" and len(a["aria-label"] or "") > 30 for a in plots.values())


def test_the_verdict_is_the_heading_and_the_answer_comes_before_the_evidence() -> None:
    text = html(delays())
    assert re.search(r"<h1[^>]*>([^<]*)</h1>", text).group(1) == delays().verdict[0]  # type: ignore[union-attr]
    answer, evidence = text.split("<main>")
    shown = "".join(read(answer).text)
    for said in (*delays().verdict, "python predict.py DATA.csv > predictions.csv", "20 % less", "8.86 ± 0.28 less"):
        assert said in shown
    assert "<table" not in answer and "<table" in evidence


def test_few_notes_stand_open_and_more_are_counted() -> None:
    few, many = html(replace(delays(), notes=NOTES[:3])), html(delays())
    assert "more notes" not in few and all(note in few for note in NOTES[:3])
    assert "5 more notes" in many and all(note in many for note in NOTES)
    assert many.index(NOTES[1]) < many.index("5 more notes") < many.index(NOTES[2])


def test_rows_whose_difference_counts_are_marked() -> None:
    text = html(delays())
    table = text[text.index('<table class="ways">') :]
    table = table[: table.index("</table>")]
    rows = delays().comparison.rows
    assert table.count("clearly less<") + table.count("clearly less ") == sum(
        r.counts and r.difference < 0 for r in rows
    )
    assert table.count(">no clear difference") == 1 and table.count(">clearly more") == 1
    assert table.count("advised</span>") == 1 and "not defined" in table


def test_the_gain_is_drawn_in_its_parts() -> None:
    text = html(delays())
    assert "82 % (37.01)" in text and ">18 %" in text and "100 % (35.42)" in text
    assert 'style="width:82.0%"' in text
    assert 'style="width:0.0%"' in html(disease())
    assert "Where the gain comes from" not in html(ratings())


def test_without_a_difference_nothing_is_gained() -> None:
    assert "Nothing else is clearly better" in html(ratings())
    assert 'class="pair"' not in html(ratings()) and 'class="pair"' in html(delays())


def test_a_constant_is_advised_without_a_model() -> None:
    assert "No model is advised" in html(nothing())
    assert "No model is advised" not in html(ratings())
    assert "DATA.csv" not in html(nothing()).split("<main>")[0]


def test_long_tables_wait_to_be_opened() -> None:
    made = delays()
    table = Table("Many", "", ("n", "text"), tuple((i, f"row {i}") for i in range(13)))
    sections = (*made.sections, replace(made.sections[-1], tables=(table,)))
    assert "<summary>13 rows</summary>" in html(replace(made, sections=sections))
    assert "<summary>13 rows</summary>" not in html(made)


def test_whole_parts_are_told_in_words_before_they_are_opened() -> None:
    text = html(delays())
    summaries = re.findall(r"<summary><h2>(.*?)</h2> <span[^>]*>(.*?)</span>", text)
    assert ("Which noise does it look like?", delays().sections[5].sentences[0]) in summaries
    assert text.count(delays().sections[5].sentences[0]) == 1


def test_a_closed_part_without_sentences_says_what_it_is() -> None:
    made = delays()
    bare = tuple(replace(section, sentences=()) for section in made.sections)
    text = html(replace(made, sections=bare))
    assert text.count("summary-lead") == html(made).count("summary-lead") > 3
    assert "how hard the error pulls" in text


def test_the_summary_for_notebooks_stands_alone() -> None:
    for build in EXAMPLES.values():
        opened = read(text := summary_html(build())).opened
        assert {tag for tag, _ in opened} <= {"div", "p", "table", "thead", "tbody", "tr", "th", "td"}
        assert all(key in ("style", "class", "scope") for _, attributes in opened for key in attributes)
        shown = "".join(read(text).text)
        assert all(said in shown for said in (*build().verdict, *(row.label for row in build().comparison.rows)))


def test_the_record_is_plain_json_and_knows_itself() -> None:
    made: StudyRecord = delays()
    data = strict(to_json(made))
    assert data == json.loads(json.dumps(to_data(made)))
    assert (data["what"], data["version"]) == ("lossmith study", 2)
    assert data["comparison"]["rows"][-1]["mean"] is None  # infinity is "not defined"
    assert is_study(to_json(made))
    assert not is_study('{"what": "else"}')
    assert not is_study("no json")
