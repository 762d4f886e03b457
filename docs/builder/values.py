"""The numbers of a lesson put into its text: a Markdown template and `computed.py` come in, Markdown goes out.

Pictures and tables become a word alone on its line, `PLACE`, which `markdown` replaces by their HTML.
"""

from __future__ import annotations

import importlib.util
import sys
import traceback
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, Final

from docs.builder.record import BuildError, Page

from lossmith.report.pages.chart import Bars, Chart, Surface, Table
from lossmith.report.pages.figure import figure, table
from lossmith.report.pages.number import number

PLACE: Final = "\ue000{}\ue001"
"""A word that no document holds, for the n-th picture."""

DRAWN: Final[dict[type, Callable[[Any], str]]] = {Chart: figure, Bars: figure, Surface: figure, Table: table}


def filled(page: Page, root: Path) -> tuple[str, tuple[str, ...]]:
    """Return the Markdown of a document with its values, and the HTML of its pictures and tables."""
    text = (root / page.source).read_text(encoding="utf-8")
    if not page.values:
        return text, ()
    pictures: list[str] = []

    def finished(value: Any) -> Any:
        if type(value) not in DRAWN:
            return value
        pictures.append(DRAWN[type(value)](value))
        return PLACE.format(len(pictures) - 1)

    return _rendered(page, text, _environment(finished), _values(page, root)), tuple(pictures)


def _rendered(page: Page, text: str, environment: Any, values: dict[str, Any]) -> str:
    from jinja2 import TemplateError

    try:
        compiled = environment.compile(text, filename=page.source)
        template = environment.template_class.from_code(environment, compiled, environment.make_globals(None))
        made: str = template.render(values)
    except (TemplateError, TypeError, ValueError) as error:
        raise BuildError(page.source, _line(error, page.source), f"{type(error).__name__}: {error}.") from error
    if made.count("\n") != text.count("\n"):
        raise BuildError(
            page.source, 1, "a value of this page holds a line break; values are words, numbers or pictures."
        )
    return made


def _line(error: BaseException, source: str) -> int:
    """Return the last line of a source through which an error came."""
    stated = getattr(error, "lineno", None)
    frames = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == source]
    return int(stated or (frames[-1] if frames else 1) or 1)


def _environment(finished: Callable[[Any], Any]) -> Any:
    from jinja2 import Environment, StrictUndefined

    made = Environment(undefined=StrictUndefined, finalize=finished, autoescape=False, keep_trailing_newline=True)
    made.filters["n"] = number
    return made


def _values(page: Page, root: Path) -> dict[str, Any]:
    computed = _function(root / page.values)
    place = 1 if page.language == "ko" else 0
    try:
        values: dict[str, Any] = computed(lambda en, ko: (en, ko)[place])
    except Exception as error:
        raise BuildError(
            page.values, _line(error, str(root / page.values)), f"{type(error).__name__}: {error}."
        ) from error
    return values


@cache
def _function(path: Path) -> Callable[[Callable[[str, str], str]], dict[str, Any]]:
    """Load `computed` of a lesson, once for both languages."""
    spec = importlib.util.spec_from_file_location(f"lesson_{path.parent.name}", path)
    assert spec is not None and spec.loader is not None
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
        found: Callable[[Callable[[str, str], str]], dict[str, Any]] = module.computed
    except Exception as error:
        raise BuildError(str(path), _line(error, str(path)), f"{type(error).__name__}: {error}.") from error
    return found
