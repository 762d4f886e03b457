"""A page of the site in a real browser: on a phone, in the dark, in Korean, and by keyboard alone."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from docs.build import build, lesson_pages
from docs.builder.generated import Job
from docs.builder.layout import ITEMS, site_style

pytestmark = pytest.mark.peers("playwright")

COMPUTED = """
from lossmith.report.pages.chart import Bars, Chart, Line, Mark, Spot, Surface, Table

def computed(say):
    x = tuple(i / 10 - 2 for i in range(41))
    wave = tuple(abs(v) ** 1.5 for v in x)
    lines = tuple(Line(say(f"a line with quite a long name {i}", f"이름이 꽤 긴 선 {i}"), x, wave) for i in range(4))
    return {
        "chart": Chart(say("A curve", "곡선"), "x", "y", lines, (Mark(0.0, say("a kink", "꺾이는 점")),), (Spot(1.0, 1.0, "s"),)),
        "bars": Bars("bars", "n", ("a rather long name of something", "b"), (("one", (1.0, 20.0)), ("two", (3.0, 4.0)))),
        "surface": Surface("surface", "a", "b", x[::4], x[::4], tuple(tuple(p * p + q * q for p in x[::4]) for q in x[::4])),
        "rows": Table(tuple(f"a long heading {i}" for i in range(9)), (tuple(range(9)),)),
    }
"""
TEXT = """# {title}

## One

Text with $x^2$.

{{{{ chart }}}}

{{{{ bars }}}}

{{{{ surface }}}}

{{{{ rows }}}}

$$\\sum_{{i=1}}^{{n}} \\left(\\frac{{a_i + b_i}}{{c_i + d_i}} + e_i + f_i + g_i + h_i + k_i + l_i + m_i + o_i + q_i\\right)^2$$

```python
>>> "a line of code that is far too long for the screen of a phone, and scrolls within its own box"[:1]
'a'

```
"""
SMALL = 12.0  # CSS pixels: the least size of letters


def empty():
    """A page made from code, for the small site."""
    return "<!doctype html><title>other</title>"


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A site with one lesson in both languages."""
    root = tmp_path_factory.mktemp("site")
    lesson = root / "docs" / "lessons" / "01_first"
    lesson.mkdir(parents=True)
    (lesson / "computed.py").write_text(COMPUTED, encoding="utf-8")
    (lesson / "en.md").write_text(TEXT.format(title="The first"), encoding="utf-8")
    (lesson / "ko.md").write_text(TEXT.format(title="첫 번째 과"), encoding="utf-8")
    pages = [Job(item.output, "losses", empty) for item in ITEMS if item.section != "lessons"]
    made = (*pages, Job("index.html", "losses", empty), Job("site.css", "shared", site_style))
    build(root, root / "out", lesson_pages(root), made, ThreadPoolExecutor(1), "", run=True)
    return root / "out" / "lessons"


@pytest.mark.parametrize("dark", [False, True])
def test_a_lesson_fits_a_phone_and_can_be_read(site, opened, dark):
    page = opened(site / "01_first_ko.html", width=360, dark=dark, language="ko")
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    sizes = page.evaluate(
        "[...document.querySelectorAll('svg.picture text')].map(t => { const svg = t.closest('svg');"
        " return parseFloat(getComputedStyle(t).fontSize) * svg.getBoundingClientRect().width / svg.viewBox.baseVal.width })"
    )
    assert sizes and min(sizes) >= SMALL
    outside = page.evaluate(
        "[...document.querySelectorAll('svg.picture text')].filter(t => { const a = t.getBoundingClientRect();"
        " return a.left < -1 || a.right > 361 }).map(t => t.textContent)"
    )
    assert outside == []
    paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (paper == "rgb(20, 24, 29)") == dark


def test_what_is_wide_scrolls_in_its_own_box(site, opened):
    page = opened(site / "01_first.html", width=360)
    for box in (".formula", ".wide", "pre"):
        wide, shown = page.evaluate(f"(e => [e.scrollWidth, e.clientWidth])(document.querySelector('{box}'))")
        assert wide > shown, box


def test_the_page_is_used_with_the_keyboard(site, opened):
    page = opened(site / "01_first.html")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    assert page.url.endswith("#text")
    page.locator(".languages a").focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/01_first_ko.html")
    assert page.locator("html").get_attribute("lang") == "ko" and page.locator("h1").inner_text() == "첫 번째 과"


def test_the_brackets_of_a_formula_are_as_high_as_what_they_hold(site, opened):
    page = opened(site / "01_first.html")
    bracket, fraction = page.evaluate(
        "['.formula mo[style]', '.formula mfrac'].map(s => document.querySelector(s).getBoundingClientRect().height)"
    )
    assert bracket >= 0.8 * fraction
