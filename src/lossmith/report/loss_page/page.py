"""`show`: the page of a loss, or of several side by side, to save, to open, or to see in a notebook.

Comes in: losses, names, formulas or designs. Goes out: a `Page`.
"""

from __future__ import annotations

import os
import re
import sys
import tempfile
import webbrowser
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, final

from lossmith.errors import ArgumentError, CommandError
from lossmith.formula.text import number_text
from lossmith.loss.handle import Loss
from lossmith.loss.library import look_up_unbound
from lossmith.report.loss_page.collect import part
from lossmith.report.loss_page.compare import compared, first_target, labels
from lossmith.report.loss_page.html import html
from lossmith.report.loss_page.written import title_of

FRAME_HEIGHT: Final = 900
LONGEST_FILE_NAME: Final = 60
DISPLAYS: Final = ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER")


@final
@dataclass(frozen=True)
class Page:
    """One self-contained HTML page.

    >>> import lossmith as ls
    >>> ls.show("mae").title
    'absolute_error'
    """

    title: str
    html: str

    def save(self, path: str | Path, *, replace: bool = False) -> Path:
        """Write the page to a file that is not there yet, or, if asked, in place of one; return where it is.

        Raises `CommandError` LM604 where a file is in the way.
        """
        place = Path(path)
        if not replace:
            refuse_taken(place)
        place.write_text(self.html, encoding="utf-8")
        return place

    def open(self) -> Path:
        """Write the page to a new file of this computer's temporary folder, and show it in a browser if there is one."""
        place = self.kept()
        shown_in_browser(place)
        return place

    def kept(self) -> Path:
        """Write the page to a new file of the temporary folder; return where it is."""
        name = re.sub(r"[^A-Za-z0-9_]+", "-", self.title).strip("-")[:LONGEST_FILE_NAME] or "loss"
        return self.save(Path(tempfile.mkdtemp(prefix="lossmith-")) / f"{name}.html")

    def _repr_html_(self) -> str:
        """The page in a frame of its own, so that its style and script stay inside."""
        return framed(self)


def show(
    loss_or_text: Loss | str, *more: Loss | str, target: str | None = None, link: str | None = None, **parameters: float
) -> Page:
    """The page of a loss: formula, sliders, curves of loss, gradient and curvature, facts, accuracy, code to copy.

    `loss_or_text`: a loss, the name of one, a formula or a design; with `more`, all are drawn on the same axes.
    `target` and `link` are said of formulas that name no loss. `parameters` are bound in each loss that has them; a word
    of a formula that nothing else knows becomes a parameter.
    In a notebook the page shows itself; `.open()` shows it in a browser, `.save(path)` writes it, `.html` is its text.

    Raises `ArgumentError` for unknown names and parameters, LM483, LM484 and LM487 for losses that do not compare, LM488
    for anything that is no loss; `FormulaError` for a formula that cannot be read.

    >>> import lossmith as ls
    >>> page = ls.show("quantile", level=0.9)
    >>> "<math" in page.html, len(page.html) < 300_000
    (True, True)
    >>> ls.show("mae", "quantile").title
    'absolute_error, quantile'
    """
    found = [_read(thing, target, link, parameters) for thing in (loss_or_text, *more)]
    losses = [_bound(loss, parameters, alone=not more) for loss, _ in found]
    if parameters and more:
        _check_used(parameters, losses)
    command = _command([loss_or_text, *more], losses, (target, link), parameters)
    if not more:
        return Page(title_of(losses[0]), html((part(losses[0], found[0][1]),), command=command))
    parts = compared(losses, [remark for _, remark in found])
    named = labels(losses)
    return Page(", ".join(named), html(parts, labels=named, target=first_target(parts), command=command))


def refuse_taken(place: Path) -> None:
    """Refuse a file that is there already, or one of a folder that is not."""
    if place.exists():
        raise CommandError("LM604", f'"{place}" exists and is not replaced. Give another --out.')
    if not place.parent.is_dir():
        raise CommandError("LM485", f'there is no folder "{place.parent}" to write "{place.name}" to. Make it first.')


def framed(page: Page) -> str:
    """A page as an `<iframe>` that holds all of it."""
    from markupsafe import escape

    style = "width:100%;border:1px solid #8884;border-radius:6px"
    return f'<iframe title="{escape(page.title)}" style="{style}" height="{FRAME_HEIGHT}" srcdoc="{escape(page.html)}"></iframe>'


def shown_in_browser(place: Path) -> bool:
    """Show a file in the browser; False where there is no display, or no browser."""
    if sys.platform.startswith("linux") and not any(os.environ.get(name) for name in DISPLAYS):
        return False
    try:
        return webbrowser.open(place.resolve().as_uri())
    except webbrowser.Error:
        return False


# What was asked ---------------------------------------------------------------------------------------------------


def _read(thing: Any, target: str | None, link: str | None, parameters: dict[str, float]) -> tuple[Loss, str]:
    """A loss, and a remark on what was taken for granted."""
    if isinstance(thing, Loss):
        return thing, ""
    if isinstance(thing, str):
        return look_up_unbound(thing, parameters, target, link)
    raise ArgumentError("LM488", f"a loss, its name or a formula as text is shown, got {type(thing).__name__}.")


def _bound(loss: Loss, parameters: dict[str, float], *, alone: bool) -> Loss:
    """The loss with its parameters bound: alone all of them, among others those that it has."""
    known = loss.parameters
    return loss.bind(**{name: value for name, value in parameters.items() if alone or name in known})


def _check_used(parameters: dict[str, float], losses: list[Loss]) -> None:
    known = {name for loss in losses for name in loss.parameters}
    for name in parameters:
        if name not in known:
            listed = ", ".join(sorted(known)) or "none"
            raise ArgumentError("LM203", f'none of these losses has a parameter "{name}"; they have: {listed}.')


def _command(
    things: list[Loss | str],
    losses: list[Loss],
    asked: tuple[str | None, str | None] = (None, None),
    given: Mapping[str, float] = MappingProxyType({}),
) -> str:
    """The command that makes the same page; empty where only Python can."""
    from shlex import quote

    if not all(isinstance(thing, str) for thing in things):
        return ""
    starts = {name: value for loss in losses for name, value in dict(loss.values).items()} | dict(given)
    words = [
        *(quote(str(thing)) for thing in things),
        *(f"--set {name}={number_text(float(value))}" for name, value in starts.items()),
    ]
    said = [f"--{option} {quote(word)}" for option, word in zip(("target", "link"), asked, strict=True) if word]
    return " ".join(["lossmith show", *words, *said, "--open"])
