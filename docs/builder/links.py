"""The check of links: documents and written pages come in, the first link that leads nowhere is raised as a BuildError."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from html.parser import HTMLParser
from pathlib import Path, PurePosixPath
from posixpath import normpath
from typing import Final
from urllib.parse import unquote

from docs.builder.record import BuildError, Made

LINKED: Final = {"href", "src"}
LOADED: Final = {"script": "src", "link": "href", "img": "src", "iframe": "src", "source": "src", "object": "data"}
ELSEWHERE: Final = ("http:", "https:", "//")
WITHIN: Final = ("data:", "mailto:")


def check_anchors(documents: Iterable[Made]) -> None:
    """Raise a BuildError for the first link between documents whose anchor is no heading there."""
    documents = tuple(documents)
    anchors = {made.page.output: {heading.anchor for heading in made.headings} for made in documents}
    for made in documents:
        for link in made.links:
            if link.anchor and link.output in anchors and link.anchor not in anchors[link.output]:
                raise BuildError(made.page.source, link.line, f'"#{link.anchor}" is no heading of {link.output}.')


def check_written(folder: Path, known: Iterable[str]) -> int:
    """Raise a BuildError for the first address in a written page that leads nowhere; return how many lead somewhere.

    Pages that are `known` but not written in this build count as there, their anchors as right.
    """
    read = {_name(path, folder): _read(path) for path in sorted(folder.rglob("*.html"))}
    anchors = {name: found.anchors for name, found in read.items()}
    there = {_name(path, folder) for path in folder.rglob("*") if path.is_file()} | set(known)
    count = 0
    for name, found in read.items():
        for line, address, is_loaded in found.addresses:
            if why := _wrong(name, address, is_loaded, there, anchors):
                raise BuildError(str(folder / name), line, why)
            count += 1
    return count


def _name(path: Path, folder: Path) -> str:
    return path.relative_to(folder).as_posix()


def _wrong(name: str, address: str, is_loaded: bool, there: set[str], anchors: Mapping[str, set[str]]) -> str:
    if address.startswith(ELSEWHERE):
        return f"{address} would be fetched; a page needs no network." if is_loaded else ""
    if address.startswith(WITHIN):
        return ""
    path, _, anchor = address.partition("#")
    target = normpath(str(PurePosixPath(name).parent / unquote(path))) if path else name
    if target not in there:
        return f'the link "{address}" leads nowhere: there is no {target}.'
    is_there = not anchor or unquote(anchor) in anchors.get(target, {unquote(anchor)})
    return "" if is_there else f'the link "{address}" leads nowhere: no such place there.'


def _read(path: Path) -> _Reader:
    reader = _Reader()
    reader.feed(path.read_text(encoding="utf-8"))
    return reader


class _Reader(HTMLParser):
    """Collects addresses with their lines, and the anchors of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[tuple[int, str, bool]] = []
        self.anchors: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what an element points at, and its own name."""
        for name, value in attrs:
            if name == "id" and value:
                self.anchors.add(value)
            elif name in LINKED and value is not None:
                self.addresses.append((self.getpos()[0], value, LOADED.get(tag) == name))
