"""One document: Markdown comes in, its HTML with headings, links and code blocks goes out.

Each kind of token has one handler (`HANDLERS`); what is wrong is a `BuildError` with the line of the source.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import PurePosixPath
from posixpath import normpath, relpath
from typing import Any, Final

from docs.builder.record import Block, BuildError, Heading, Link, Made, Page, Site
from docs.builder.values import filled

from lossmith.errors import LossmithError
from lossmith.report.pages.mathml import formula

Token = Any
FILES: Final = re.compile(r"(?:src|tests|docs|examples|benchmarks|\.ci)/[\w./-]*\w")
PLACED: Final = re.compile("\ue000(\\d+)\ue001")
COPIES: Final = "files"
"""The folder of the site with files that documents link to and that are no page."""

AROUND_TABLES: Final = {
    "table_open": '<div class="wide" role="region" aria-label="table" tabindex="0"><table>\n',
    "table_close": "</table></div>\n",
}
"""A table stands in a box that scrolls by itself if it is wide."""


@dataclass
class Work:
    """What is found while a document is read."""

    page: Page
    site: Site
    pictures: tuple[str, ...]
    headings: list[Heading] = field(default_factory=list)
    links: list[Link] = field(default_factory=list)
    blocks: list[Block] = field(default_factory=list)
    files: list[str] = field(default_factory=list)

    def fault(self, line: int, sentence: str) -> BuildError:
        return BuildError(self.page.source, line, sentence)


def made(page: Page, site: Site) -> Made:
    """Return a document in HTML; raises BuildError."""
    text, pictures = filled(page, site.root)
    work = Work(page, site, pictures)
    tokens = _reader().parse(text)
    _place_pictures(tokens, work)
    for token, after, line in _walk(tokens):
        if handler := HANDLERS.get(token.type):
            handler(token, after, line, work)
    body = _reader().renderer.render(tokens, _reader().options, {})
    return Made(page, body, tuple(work.headings), tuple(work.links), tuple(work.blocks), tuple(work.files))


@cache
def _reader() -> Any:
    from markdown_it import MarkdownIt
    from mdit_py_plugins.dollarmath import dollarmath_plugin

    reader = MarkdownIt("commonmark", {"html": True}).enable("table")
    reader.add_render_rule("html_ready", lambda self, tokens, place, options, env: tokens[place].content)
    for kind, html in AROUND_TABLES.items():
        reader.add_render_rule(kind, lambda self, tokens, place, options, env, html=html: html)
    return reader.use(dollarmath_plugin, allow_digits=False, double_inline=True, allow_labels=False)


def _walk(tokens: list[Token]) -> Iterator[tuple[Token, Token | None, int]]:
    """Yield each token, inner ones included, the one after it, and its line."""
    line = 1
    for i, token in enumerate(tokens):
        line = token.map[0] + 1 if token.map else line
        yield token, tokens[i + 1] if i + 1 < len(tokens) else None, line
        inner = line
        for child in token.children or ():
            yield child, None, inner
            inner += child.type in ("softbreak", "hardbreak")


def _place_pictures(tokens: list[Token], work: Work) -> None:
    """Put pictures in the place of the paragraphs that hold them alone."""
    for i, token in enumerate(tokens):
        found = PLACED.search(token.content)
        if token.type != "inline" or not found:
            continue
        if token.content != found[0] or tokens[i - 1].type != "paragraph_open":
            raise work.fault(token.map[0] + 1, "a picture or a table stands alone on its line, between blank lines.")
        _as_html(token, work.pictures[int(found[1])])
        tokens[i - 1].hidden = tokens[i + 1].hidden = True


def _as_html(token: Token, html: str) -> None:
    token.type, token.content, token.children = "html_ready", html, None


def _heading(token: Token, after: Token | None, line: int, work: Work) -> None:
    text = "".join(child.content for child in after.children or ()) if after else ""
    anchor = slug(text)
    taken = sum(heading.anchor == anchor or heading.anchor.startswith(f"{anchor}-") for heading in work.headings)
    anchor += f"-{taken}" if any(heading.anchor == anchor for heading in work.headings) else ""
    token.attrSet("id", anchor)
    work.headings.append(Heading(int(token.tag[1]), anchor, text))


def slug(text: str) -> str:
    """Return the anchor of a heading, made as GitHub makes it.

    >>> slug("What a loss *may* look at?")
    'what-a-loss-may-look-at'
    """
    return re.sub(r"[^\w\- ]", "", text.lower()).strip().replace(" ", "-")


def _math(token: Token, after: Token | None, line: int, work: Work) -> None:
    try:
        _as_html(token, formula(token.content.strip(), display=token.type != "math_inline"))
    except LossmithError as error:
        raise work.fault(line, error.sentence) from error


def _fence(token: Token, after: Token | None, line: int, work: Work) -> None:
    language = token.info.split()[0] if token.info.split() else ""
    work.blocks.append(Block(language, line + 1, token.content))
    token.content = token.content.rstrip() + "\n"


def _html(token: Token, after: Token | None, line: int, work: Work) -> None:
    if not re.fullmatch(r"\s*<!--.*-->\s*", token.content, re.DOTALL):
        raise work.fault(line, f"a document is Markdown alone, and has the HTML {token.content.strip()[:40]}.")
    token.content = ""


def _code(token: Token, after: Token | None, line: int, work: Work) -> None:
    if FILES.fullmatch(token.content) and not (work.site.root / token.content).exists():
        raise work.fault(line, f"there is no file {token.content}.")


def _link(token: Token, after: Token | None, line: int, work: Work) -> None:
    address = token.attrs["href"]
    if re.match(r"https?://|mailto:", address):
        return
    path, _, anchor = address.partition("#")
    source = normpath(str(PurePosixPath(work.page.source).parent / path)) if path else work.page.source
    target = work.page.output if not path else work.site.output_of(source) or _copied(path, source, line, work)
    work.links.append(Link(line, target, anchor))
    back = relpath(target, str(PurePosixPath(work.page.output).parent)) if path else ""
    token.attrSet("href", back + (f"#{anchor}" if anchor else ""))


def _copied(path: str, source: str, line: int, work: Work) -> str:
    """Return where a linked file that is no document stands: a page made from code, or a copy."""
    beside = normpath(str(PurePosixPath(work.page.output).parent / path))
    if beside in work.site.outputs:
        return beside
    if source.startswith("..") or not (work.site.root / source).is_file():
        raise work.fault(line, f'the link "{path}" leads nowhere: there is no file {source}.')
    work.files.append(source)
    return f"{COPIES}/{source}"


def _image(token: Token, after: Token | None, line: int, work: Work) -> None:
    raise work.fault(line, "pictures come from computed.py; an image file is not shown.")


HANDLERS: Final[dict[str, Callable[[Token, Token | None, int, Work], None]]] = {
    "heading_open": _heading,
    "math_inline": _math,
    "math_inline_double": _math,
    "math_block": _math,
    "fence": _fence,
    "html_block": _html,
    "html_inline": _html,
    "code_inline": _code,
    "link_open": _link,
    "image": _image,
}
"""What is done with each kind of token; other kinds are left as they are."""
