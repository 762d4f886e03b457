"""The page of an activation: a record comes in, one HTML document that needs no network goes out."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Any

from lossmith.emit.to_js import prelude
from lossmith.report.activation_page.record import ActivationRecord, Command, Folded, Section, Sentence
from lossmith.report.activation_page.script import needs_prelude
from lossmith.report.pages.chart import Table
from lossmith.report.pages.engine import engine
from lossmith.report.pages.figure import figure, table
from lossmith.report.pages.mathml import formula
from lossmith.report.pages.number import number
from lossmith.report.pages.shell import page as shell_page

TEMPLATES = "lossmith.report.activation_page"


def page(record: ActivationRecord) -> str:
    """Return the whole page."""
    made = _environment().get_template("page.html.j2").render(record=record, kind_of=_kind_of)
    data = ", ".join(subject.script for subject in record.subjects)
    scripts = [f"const activations = [{data}];".replace("</", "<\\/"), _file("play.js")]
    if any(needs_prelude(subject.script) for subject in record.subjects):
        scripts.insert(0, prelude())
    return shell_page(record.title, made, scripts=scripts, styles=[_file("page.css")])


def fragment(section: Section) -> str:
    """Return one section alone, for a page that gathers sections."""
    made: str = _environment().get_template("section.html.j2").render(section=section, kind_of=_kind_of)
    return made


def _kind_of(block: object) -> str:
    kinds = {Sentence: "sentence", Command: "command", Folded: "folded", Table: "table"}
    return kinds.get(type(block), "picture")


def _file(name: str) -> str:
    return files(TEMPLATES).joinpath("templates", name).read_text(encoding="utf-8")


@cache
def _environment() -> Any:
    from markupsafe import Markup

    made = engine(TEMPLATES)
    made.filters |= {
        "figure": lambda picture, caption="": Markup(figure(picture, caption)),
        "table": lambda shown: Markup(table(shown)),
        "formula": lambda latex: Markup(formula(latex)),
        "number": number,
    }
    return made
