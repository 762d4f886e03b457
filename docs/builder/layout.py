"""The frame of a page of the site: a document comes in, the whole HTML page with navigation goes out."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path, PurePosixPath
from posixpath import relpath
from typing import Any, Final

from docs.builder.record import LESSONS, Made, Page

from lossmith.report.pages.shell import page as shell_page
from lossmith.report.pages.shell import style

STYLE: Final = "site.css"
LANGUAGES: Final = {"en": "English", "ko": "한국어"}
CONTENTS_FROM: Final = 4
"""Pages with at least this many sections begin with a list of them."""


@dataclass(frozen=True)
class Item:
    """An entry of the navigation: its words by language, the page it leads to, and the section that it stands for."""

    words: dict[str, str]
    output: str
    section: str


ITEMS: Final = (
    Item({"en": "Start", "ko": "시작하기"}, "start.html", "start"),
    Item({"en": "Lessons", "ko": "배우기"}, "lessons/index.html", LESSONS),
    Item({"en": "Losses", "ko": "손실 함수"}, "catalogue/index.html", "catalogue"),
    Item({"en": "Activations", "ko": "활성화 함수"}, "activations/index.html", "activations"),
    Item({"en": "Design a loss", "ko": "손실 설계"}, "design.html", "design"),
    Item({"en": "Frameworks", "ko": "프레임워크"}, "frameworks.html", "frameworks"),
    Item({"en": "Accuracy", "ko": "정확도"}, "accuracy.html", "accuracy"),
    Item({"en": "Contributing", "ko": "참여하기"}, "contributing.html", "contributing"),
)
WORDS: Final = {
    "en": {"skip": "to the text", "site": "site", "on": "on this page", "before": "before", "next": "next"},
    "ko": {"skip": "본문으로", "site": "사이트", "on": "이 페이지", "before": "이전", "next": "다음"},
}


def whole(made: Made, documents: tuple[Made, ...]) -> str:
    """Return the page of a document."""
    template = environment().get_template("document.html.j2")
    language = made.page.language
    body = template.render(
        made=made,
        words=WORDS[language],
        contents=[h for h in made.headings if h.level == 2] if _is_long(made) else [],
        others=[
            (LANGUAGES[o.page.language], o.page.language, _to(made.page, o.page.output))
            for o in _others(made, documents)
        ],
        before=_step(made, documents, -1),
        after=_step(made, documents, 1),
    )
    title = made.title if made.page.output == "index.html" else f"{made.title} · Lossmith"
    sheet = _to(made.page, STYLE)
    return shell_page(title, body, language=language, nav=navigation(made.page), files=[sheet])


def navigation(page: Page) -> str:
    """Return the bar at the top of a page."""
    items = [(item.words[page.language], _to(page, item.output), item.section == page.section) for item in ITEMS]
    made: str = (
        environment()
        .get_template("navigation.html.j2")
        .render(items=items, home=_to(page, "index.html"), words=WORDS[page.language])
    )
    return made


def site_style() -> str:
    """Return the one style sheet of the site: the common one, and that of the navigation."""
    return style() + "\n" + str(environment().get_template("site.css.j2").render())


def _is_long(made: Made) -> bool:
    return sum(heading.level == 2 for heading in made.headings) >= CONTENTS_FROM


def _to(page: Page, output: str) -> str:
    return relpath(output, str(PurePosixPath(page.output).parent))


def _others(made: Made, documents: tuple[Made, ...]) -> list[Made]:
    """Return the same lesson in other languages."""
    same = [o for o in documents if made.page.is_lesson and o.page.values == made.page.values]
    return [o for o in same if o.page.language != made.page.language]


def _step(made: Made, documents: tuple[Made, ...], by: int) -> tuple[str, str] | None:
    """Return the title and the address of the lesson before or after."""
    if not made.page.is_lesson:
        return None
    row = [o for o in documents if o.page.is_lesson and o.page.language == made.page.language]
    place = row.index(made) + by
    return (row[place].title, _to(made.page, row[place].page.output)) if 0 <= place < len(row) else None


@cache
def environment() -> Any:
    """Return the template engine of the site: autoescape always, undefined names are errors."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    return Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
