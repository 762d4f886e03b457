"""What the builder passes on: pages to make, pages made, and the one kind of fault that stops a build."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

LESSONS: Final = "lessons"
"""The section of lessons: numbered, in languages."""


@dataclass(frozen=True)
class Page:
    """A document: its Markdown source and its output, both relative, its title in the navigation, and its section.

    `values` is the file with the function `computed`, whose numbers and pictures the source shows. `run` says whether its
    code blocks are run here; those that are not are run by a test.
    """

    source: str
    output: str
    title: str = ""
    section: str = ""
    language: str = "en"
    values: str = ""
    run: bool = True

    @property
    def is_lesson(self) -> bool:
        return self.section == LESSONS and bool(self.values)


@dataclass(frozen=True)
class Link:
    """A link of a document to another page: where it stands, and the page and the anchor it leads to."""

    line: int
    output: str
    anchor: str


@dataclass(frozen=True)
class Heading:
    """A heading: its level, its anchor, and its text."""

    level: int
    anchor: str
    text: str


@dataclass(frozen=True)
class Block:
    """A fenced block of code, and the line of its first line of code."""

    language: str
    line: int
    text: str


@dataclass(frozen=True)
class Made:
    """A document in HTML, with what the checks and the navigation need of it."""

    page: Page
    body: str
    headings: tuple[Heading, ...]
    links: tuple[Link, ...]
    blocks: tuple[Block, ...]
    files: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        return next((heading.text for heading in self.headings if heading.level == 1), self.page.title)


@dataclass(frozen=True)
class Site:
    """Where documents come from and which there are."""

    root: Path
    pages: tuple[Page, ...]
    outputs: frozenset[str] = field(default_factory=frozenset)
    """Pages beside those of `pages`, made from code."""

    def output_of(self, source: str) -> str | None:
        """Return the page made from a source; None where there is none."""
        return next((page.output for page in self.pages if page.source == source), None)


class BuildError(Exception):
    """What is wrong with a document, in one sentence that names file and line."""

    def __init__(self, file: str, line: int, sentence: str) -> None:
        super().__init__(f"{file}:{line}: {sentence}")
