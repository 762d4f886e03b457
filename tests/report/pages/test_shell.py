"""The shell: one document that asks for nothing, in the look of the page of a study."""

import re
from html.parser import HTMLParser
from importlib.resources import files

from lossmith.report.pages.shell import page, style


def colours(sheet):
    """The colours that a style sheet names, light and dark, in order."""
    return re.findall(r"--(?:ink|quiet|line|paper|wash|accent|good|bar|more): #\w+", sheet)[:18]


def test_the_title_is_text_and_the_language_is_said():
    made = page("</title><script>alert(1)</script>", "<p>body</p>", language="ko")
    assert "<script>" not in made and '<html lang="ko">' in made and "<p>body</p>" in made


def test_a_page_asks_for_nothing_and_says_so():
    made = page("t", "b", scripts=["let a = 1;"], styles=["p { color: red }"], nav="<nav></nav>")
    assert not re.search(r"(?:src|href)=\"(?!data:)", made) and "http:" not in made
    assert "connect-src 'none'" in made and "let a = 1;" in made and "p { color: red }" in made


def test_shared_files_take_the_place_of_the_common_sheet():
    made = page("t", "b", files=["../site.css", "loss.js"])
    assert "--ink" not in made
    assert '<link rel="stylesheet" href="../site.css">' in made and '<script src="loss.js"></script>' in made


def test_the_look_is_that_of_the_page_of_a_study():
    study = files("lossmith.report.study").joinpath("templates", "study.css.j2").read_text("utf-8")
    assert colours(style()) == colours(study) and len(colours(study)) == 18


def test_every_element_is_closed():
    class Balance(HTMLParser):
        depth = 0

        def handle_starttag(self, tag, attrs):
            self.depth += tag not in ("meta", "link")

        def handle_endtag(self, tag):
            self.depth -= 1

    reader = Balance()
    reader.feed(page("t", "<main>b</main>", scripts=["a"], styles=["b"]))
    assert reader.depth == 0
