"""The shell of a page: a title and a body come in, one whole HTML document with the common style sheet goes out."""

from __future__ import annotations

from collections.abc import Sequence

from lossmith.report.pages.engine import PACKAGE, engine


def page(
    title: str,
    body: str,
    *,
    language: str = "en",
    scripts: Sequence[str] = (),
    styles: Sequence[str] = (),
    nav: str = "",
    files: Sequence[str] = (),
) -> str:
    """Return a self-contained page. `body`, `nav`, `scripts` and `styles` are trusted; `title` is any text.

    `files` are scripts and style sheets beside the page that pages share; with one of style, the common sheet is left out.

    >>> "<title>a &lt;b&gt;</title>" in page("a <b>", "<p>text</p>")
    True
    """
    template = engine(PACKAGE).get_template("page.html.j2")
    sheets = tuple(name for name in files if name.endswith(".css"))
    made: str = template.render(
        title=title,
        body=body,
        language=language,
        scripts=scripts,
        styles=styles,
        nav=nav,
        sheets=sheets,
        files=tuple(name for name in files if name not in sheets),
    )
    return made


def style() -> str:
    """Return the common style sheet, for pages that share one file of it."""
    made: str = engine(PACKAGE).get_template("page.css.j2").render()
    return made
