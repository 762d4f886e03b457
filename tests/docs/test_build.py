"""The builder of the documents: a page as it should be passes, and each planted mistake stops it with file and line."""

import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from docs.build import DOCUMENTS, build, lesson_pages, main
from docs.builder.blocks import run_command, run_session, shell_blocks
from docs.builder.generated import Job, jobs
from docs.builder.layout import ITEMS
from docs.builder.links import check_anchors, check_written
from docs.builder.markdown import made, slug
from docs.builder.record import BuildError, Page, Site
from docs.builder.samples import write_samples

ROOT = Path(__file__).parents[2]
COMPUTED = """
from lossmith.report.pages.chart import Chart, Line, Table

def computed(say):
    return {
        "share": 1 / 3,
        "word": say("loss", "손실"),
        "picture": Chart(say("A curve", "곡선"), "x", "y", (Line("a", (0.0, 1.0), (0.0, 1.0)),)),
        "rows": Table(("name", "n"), (("a", 2.5),)),
    }
"""
LESSON = (
    "# A {{ word }}\n\n## One\n\nA share of {{ share | n }}, $x^2$.\n\n{{ picture }}\n\n{{ rows }}\n\n$$\\sum_i x_i$$\n"
)


def written(folder, name, text):
    """Write a source of a small site."""
    place = folder / name
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(text, encoding="utf-8")


@pytest.fixture
def lesson(tmp_path):
    """A function that makes one lesson of a small site from its text."""

    def make(text, language="en"):
        folder = "docs/lessons/01_first"
        written(tmp_path, f"{folder}/computed.py", COMPUTED)
        written(tmp_path, f"{folder}/{language}.md", text)
        page = Page(f"{folder}/{language}.md", "lessons/01.html", "", "lessons", language, f"{folder}/computed.py")
        return made(page, Site(tmp_path, (page,)))

    return make


def fault(call, *arguments):
    """What a build that fails says."""
    with pytest.raises(BuildError) as caught:
        call(*arguments)
    return str(caught.value)


def test_a_lesson_has_its_numbers_pictures_tables_and_formulas(lesson):
    page = lesson(LESSON)
    assert page.title == "A loss"
    assert "A share of 0.3333," in page.body and page.body.count("<math") == 2
    assert page.body.count("<figure><svg") == 1 and '<td class="n">2.5</td>' in page.body
    assert [heading.anchor for heading in page.headings] == ["a-loss", "one"]


def test_the_other_language_is_computed_in_its_words(lesson):
    page = lesson(LESSON, "ko")
    assert page.title == "A 손실" and "곡선" in page.body


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("# a\n\n{{ missing }}\n", "en.md:3: UndefinedError: 'missing' is undefined"),
        ("# a\n\n{{ word | n }}\n", "en.md:3: ValueError"),
        ("# a\n\n{{ word\n", "en.md:3: TemplateSyntaxError"),
        ("# a\n\nin a line {{ picture }}\n", "en.md:3: a picture or a table stands alone"),
        ("# a\n\none\ntwo $\\nonsense$\n", "en.md:4: the formula \\nonsense cannot be shown"),
        ("# a\n\n<b>HTML</b>\n", "en.md:3: a document is Markdown alone"),
        ("# a\n\n[x](nowhere.md)\n", 'en.md:3: the link "nowhere.md" leads nowhere'),
        ("# a\n\nsee `src/lossmith/no_such_file.py`\n", "en.md:3: there is no file src/lossmith/no_such_file.py"),
        ("# a\n\n![x](a.png)\n", "en.md:3: pictures come from computed.py"),
    ],
)
def test_a_planted_mistake_is_told_with_file_and_line(lesson, text, said):
    assert said in fault(lesson, text)


def test_a_mistake_in_the_numbers_is_told_with_file_and_line(lesson, tmp_path, monkeypatch):
    monkeypatch.setattr(sys.modules[__name__], "COMPUTED", "def computed(say):\n    return {'a': 1 / 0}\n")
    assert "computed.py:2: ZeroDivisionError" in fault(lesson, "# a\n")


def test_an_anchor_that_is_no_heading_is_told(lesson):
    good, bad = lesson("# a\n\n## Two words\n\n[x](#two-words)\n"), lesson("# a\n\n[x](#nowhere)\n")
    check_anchors([good])
    assert fault(check_anchors, [bad]).endswith('en.md:3: "#nowhere" is no heading of lessons/01.html.')
    assert slug("Was ist *das*?") == "was-ist-das"


@pytest.mark.parametrize(
    ("block", "said"),
    [
        ("```python\n>>> 1 + 1\n3\n```\n", "en.md:4: expected '3', got '2'."),
        ("```python\n>>> x = 1\n>>> y\n```\n", "en.md:5: NameError: name 'y' is not defined."),
    ],
)
def test_python_that_says_something_else_is_told(lesson, block, said):
    assert said in fault(run_session, lesson(f"# a\n\n{block}"))


def test_python_blocks_share_names_and_see_the_tables(lesson):
    first, second = (
        "```python\n>>> a = 2\n\n```\n",
        "```python\n>>> a, len(open('my.csv').readlines()) > 100\n(2, True)\n\n```\n",
    )
    run_session(lesson(f"# a\n\n{first}\ntext\n\n{second}"))


def test_a_command_that_fails_is_told_and_one_that_works_is_not(lesson):
    page = lesson(
        "# a\n\n```bash\nlossmith list --target binary\n```\n\n```bash\nlossmith show no_such_loss\n```\n\n```bash\nls\n```\n"
    )
    good, bad = shell_blocks(page.blocks)
    run_command(page.page.source, good)
    assert "en.md:8: the command ends with code 2" in fault(run_command, page.page.source, bad)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('<a href="gone.html">x</a>', 'the link "gone.html" leads nowhere'),
        ('<p>\n<a href="#gone">x</a>', "page.html:2:"),
        ('<script src="https://example.org/a.js"></script>', "a page needs no network"),
        ('<img src="gone.png">', "there is no gone.png"),
    ],
)
def test_a_written_page_that_leads_nowhere_is_told(tmp_path, text, said):
    written(tmp_path, "page.html", text)
    assert said in fault(check_written, tmp_path, ())


def test_links_that_lead_somewhere_are_counted(tmp_path):
    written(
        tmp_path,
        "a/page.html",
        '<p id="x"><a href="#x">x</a> <a href="../b.html#y">b</a> <a href="https://e.org">e</a></p>',
    )
    written(tmp_path, "b.html", '<p id="y"></p>')
    assert check_written(tmp_path, ()) == 3


def banner():
    """A file made from code, for the small site."""
    return "body { color: red }"


def test_a_small_site_is_whole(tmp_path):
    written(tmp_path, "docs/lessons/01_first/computed.py", COMPUTED)
    written(tmp_path, "docs/lessons/01_first/en.md", LESSON + "\n[other](ko.md#one) and [file](computed.py)\n")
    written(tmp_path, "docs/lessons/01_first/ko.md", LESSON)
    out = tmp_path / "site"
    menu = [Job(item.output, "losses", banner) for item in ITEMS if item.section != "lessons"]
    made_from_code = (*menu, Job("site.css", "shared", banner), Job("index.html", "losses", banner))
    build(tmp_path, out, lesson_pages(tmp_path), made_from_code, ThreadPoolExecutor(1), "", run=False)
    english = (out / "lessons" / "01_first.html").read_text("utf-8")
    assert '<html lang="en">' in english and 'href="01_first_ko.html" lang="ko"' in english
    assert (out / "files/docs/lessons/01_first/computed.py").exists()
    assert "01_first_ko.html" in (out / "lessons" / "index.html").read_text("utf-8")


def test_every_document_is_there_and_every_entry_of_the_menu_is_made():
    assert [page.source for page in DOCUMENTS if not (ROOT / page.source).exists()] == []
    outputs = {page.output for page in DOCUMENTS} | {job.file for job in jobs()} | {"lessons/index.html"}
    assert [item.output for item in ITEMS if item.output not in outputs] == []


def test_every_lesson_has_both_languages():
    pages = lesson_pages(ROOT)
    sources = {page.source for page in pages}
    assert {page.source.replace("/en.md", "/ko.md") for page in pages} <= sources
    assert {page.source.replace("/ko.md", "/en.md") for page in pages} <= sources


def test_the_samples_are_tables_with_a_target(tmp_path):
    write_samples(tmp_path)
    real, classes = ((tmp_path / name).read_text().splitlines() for name in ("my.csv", "my_classes.csv"))
    assert real[0].endswith(",target") and len(real) == len(classes) == 401
    assert {line.rsplit(",", 1)[1] for line in classes[1:]} == {"0", "1"}


def test_the_command_ends_with_one_sentence(tmp_path, capsys):
    assert main(["--out", str(tmp_path), "--only", "no_such_page"]) == 1
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and "no_such_page" in said
