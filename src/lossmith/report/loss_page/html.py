"""The page of a loss, or of several side by side: records come in, one self-contained HTML file goes out.

Every text passes through autoescape; what the script reads is written as JavaScript by `to_js.literal`, in which `<` is
escaped. The script of all loss pages is one text (`script()`), which pages of a site may share as a file.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Final

from lossmith.emit.to_js import literal, prelude
from lossmith.loss.handle import Loss
from lossmith.loss.library import get, names
from lossmith.report.loss_page import outlier, tables
from lossmith.report.loss_page.collect import BEST, part
from lossmith.report.loss_page.limits import Limit
from lossmith.report.loss_page.number_text import short
from lossmith.report.loss_page.pictures import charts
from lossmith.report.loss_page.reading import HEAD
from lossmith.report.loss_page.record import LossPart, Picture, Reading, Scene, Slider
from lossmith.report.pages import mathml, shell, svg
from lossmith.report.pages.engine import engine

WORDS: Final = {"error": "error", "raw prediction": "z", "prediction": "prediction"}
"""A word for an axis, by how its label begins."""

MINUS: Final = re.compile(r"(?<![\w.)\]])-(?=[\d.]|inf\b)")
"""A minus sign before a number, in a sentence."""

SCRIPTS: Final = ("chart.js", "measure.js", "best.js", "loss.js")


@dataclass(frozen=True)
class Shown:
    """A view as the template prints it: its axis in a word, labels of lines, targets to choose from, drawn pictures."""

    view: Any
    word: str
    labels: tuple[str, ...]
    targets: tuple[str, ...]
    said: str
    joint: bool
    drawn: tuple[str, ...]
    reading: tuple[Reading, ...]
    formats: tuple[str, ...]


def page_of(
    loss: Loss, *, shared_script: str | None = None, shared_style: str | None = None, nav: str = "", remark: str = ""
) -> str:
    """The page of one loss. `shared_script` and `shared_style` are addresses of files that hold `script()` and the style.

    >>> import lossmith as ls
    >>> "<math" in page_of(ls.get("mae"))
    True
    """
    command = f"lossmith show {loss.name} --open" if loss.name in names() and loss == get(loss.name) else ""
    return html((part(loss, remark),), command=command, shared_script=shared_script, shared_style=shared_style, nav=nav)


@cache
def script() -> str:
    """The script that all pages of losses run, to be shared as a file."""
    texts = [files("lossmith.report.loss_page").joinpath("templates", name).read_text("utf-8") for name in SCRIPTS]
    return "\n".join([prelude(), *texts]).replace("</", "<\\/")


def html(
    parts: Sequence[LossPart],
    *,
    labels: Sequence[str] = (),
    target: int = 0,
    command: str = "",
    shared_script: str | None = None,
    shared_style: str | None = None,
    nav: str = "",
) -> str:
    """The page of one record, or of several that are compared, whose lines then have these labels."""
    labels = labels or [found.name for found in parts]
    start = f"const page = lossmithPage({_data(parts, labels, target)});"
    body = (
        environment()
        .get_template("loss.html.j2")
        .render(_context(parts, labels, target, command), alone=not shared_script)
    )
    shared = [address for address in (shared_style, shared_script) if address]
    return shell.page(
        ", ".join(labels),
        body,
        scripts=[start] if shared_script else [script(), start],
        styles=[environment().get_template("loss.css.j2").render()],
        nav=nav,
        files=shared,
    )


@cache
def environment() -> Any:
    """The template engine: autoescape always, undefined names are errors."""
    made = engine("lossmith.report.loss_page")
    made.filters["marked"] = marked
    made.filters["typeset"] = typeset
    return made


def typeset(text: str) -> str:
    """A sentence with true minus signs; a line that holds a formula stays as it is.

    >>> typeset("a straight line from -inf to -8 at z=-1.5e-3"), typeset("the sum over rows of -1 * z")
    ('a straight line from −∞ to −8 at z=−1.5e-3', 'the sum over rows of -1 * z')
    """
    return text if " * " in text else MINUS.sub("−", text).replace("−inf", "−∞")


def marked(text: str) -> Any:
    """A text in which what stands between backticks is code; all of it is escaped.

    >>> str(marked("up to `delta` < 1"))
    'up to <code>delta</code> &lt; 1'
    """
    from markupsafe import Markup, escape

    parts = text.split("`")
    if len(parts) % 2 == 0:
        return escape(typeset(text))
    return Markup("").join(
        Markup("<code>{}</code>").format(part) if i % 2 else escape(typeset(part)) for i, part in enumerate(parts)
    )


# What the template reads ------------------------------------------------------------------------------------------


def _context(parts: Sequence[LossPart], labels: Sequence[str], target: int, command: str) -> dict[str, Any]:
    several = len(parts) > 1
    named = list(zip(labels, parts, strict=True))
    return {
        "title": ", ".join(labels),
        "several": several,
        "long": any(len(found.latex) > LONG for found in parts),
        "parts": [_printed(label, found) for label, found in named],
        "views": [_shown(parts, labels, v, target) for v in range(len(parts[0].pictures))],
        "target": target,
        "made_for": _made_for(named),
        "has_sliders": any(found.sliders for found in parts),
        "facts_by_title": tables.facts_by_title(parts),
        "certificate": tables.certificate(parts[0].certificate),
        "checked": sum(row.points for row in parts[0].certificate),
        "kernels": tables.KERNELS,
        "limits": tables.limits(parts[0].limits, parts[0].limits_of),
        "equivalents": [
            (j, label, p.equivalents) for j, (label, p) in enumerate(named) if any(row.shown for row in p.equivalents)
        ],
        "snippets": [
            (j, label, list(zip(p.snippets, p.follows, strict=True)))
            for j, (label, p) in enumerate(named)
            if p.snippets
        ],
        "influence": outlier.shown(named),
        "reading_head": HEAD,
        "short": short,
        "command": command,
    }


def _made_for(named: Sequence[tuple[str, LossPart]]) -> str:
    """The values that the page was made with: `delta = 1`, of several losses with their names."""
    several = len(named) > 1
    return ", ".join(
        f"{item.name} = {short(item.value, 6)}{f' in {label}' if several else ''}"
        for label, found in named
        for item in found.sliders
    )


def _printed(label: str, found: LossPart) -> dict[str, Any]:
    """The record by name, with its label, and its formula as MathML."""
    fields: Mapping[str, Any] = {name: getattr(found, name) for name in found.__dataclass_fields__}
    return {
        **fields,
        "label": label,
        "best_place": ON_ERROR if _over_error(found) else OUTSIDE if _is_outside(found) else "",
        "best_moves": not _over_error(found),
        "mathml": mathml.formula(found.latex) if found.latex else "",
    }


LONG: Final = 60  # characters of LaTeX that a third of the page does not hold
ON_ERROR: Final = "The pictures above are over the error, where a constant has no place."
OUTSIDE: Final = "It lies beyond the axis that is shown above at first."


def _over_error(found: LossPart) -> bool:
    return len(found.best.raw) == 1 and found.pictures[0].view.x_label.startswith("error")


def _is_outside(found: LossPart) -> bool:
    low, high = found.pictures[0].view.window
    return len(found.best.raw) == 1 and not low <= found.best.raw[0] <= high


def _shown(parts: Sequence[LossPart], labels: Sequence[str], v: int, target: int) -> Shown:
    """One view: of one loss all its scenes, of several the chosen scene of each."""
    pictures = [found.pictures[v] for found in parts]
    first, joint = pictures[0], any(found.joint for found in parts)
    word = next((word for start, word in WORDS.items() if first.view.x_label.startswith(start)), "place")
    targets = tuple(scene.label for scene in first.view.scenes)
    said = next((scene.said for picture in pictures for scene in picture.view.scenes if scene.said), "")
    formats = tuple(sorted({row.format for found in parts for row in limits_in(found, v)}))
    if len(parts) == 1:
        drawn = tuple(map(svg.drawn, first.charts))
        return Shown(first.view, word, targets, targets, said, joint, drawn, first.reading, formats)
    read = tuple(Reading(label, p.reading[target].cells) for label, p in zip(labels, pictures, strict=True))
    lines = [(label, p.curves[target][1]) for label, p in zip(labels, pictures, strict=True)]
    marks = list(dict.fromkeys(mark for p in pictures for mark in p.marks if not mark.label.startswith(BEST)))
    endless = frozenset().union(*(p.endless for p in pictures))
    drawn = tuple(map(svg.drawn, charts(first.view, lines, marks, read, endless)))
    return Shown(first.view, word, tuple(labels), targets, said, joint, drawn, read, formats)


# What the script reads --------------------------------------------------------------------------------------------


def _data(parts: Sequence[LossPart], labels: Sequence[str], target: int) -> str:
    """The argument of `lossmithPage`, as JavaScript."""
    losses = ", ".join(_loss_data(label, found) for label, found in zip(labels, parts, strict=True))
    made = any(_has_several(found) for found in parts)
    common = literal({"comparison": len(parts) > 1, "target": target, "bestIsMade": made})
    return f"{{...{common}, parts: [{losses}]}}"


def _has_several(found: LossPart) -> bool:
    """Whether the best constant is more than one number, which the script does not look for."""
    return len(found.pictures) > 1 or any(scene.classes > 1 for scene in found.pictures[0].view.scenes)


def _loss_data(label: str, found: LossPart) -> str:
    width = 1 if not found.pictures[0].view.name else len(found.pictures)
    views = [_view_data(picture, limits_in(found, v), width) for v, picture in enumerate(found.pictures)]
    said = literal(
        {
            "label": label,
            "joint": found.joint,
            "code": found.follows,
            "names": [{"template": row.template, "when": row.when, "unless": row.unless} for row in found.equivalents],
            "sliders": [_slider_data(slider) for slider in found.sliders],
            "views": views,
            "best": {
                "sample": found.best.sample,
                "targets": found.best.targets,
                "columns": found.best.columns,
                "raw": found.best.raw,
                "places": found.best.places,
                "ends": found.best.ends,
            },
        }
    )
    return f"{{...{said}, program: {found.program}, surfaces: [{', '.join(found.surfaces)}]}}"


def _slider_data(slider: Slider) -> dict[str, Any]:
    return {
        "name": slider.name, "value": slider.value, "low": slider.low, "high": slider.high, "lowOpen": slider.low_open,
        "highOpen": slider.high_open, "integer": slider.integer, "log": slider.log, "first": slider.first,
        "last": slider.last, "words": slider.words,
    }  # fmt: skip


def limits_in(found: LossPart, v: int) -> list[Limit]:
    """The limits of number formats that an axis can show, of the scenes of one view."""
    return [row for row in found.limits if row.view == found.pictures[v].view.name and row.side in ("below", "above")]


def _view_data(picture: Picture, rows: Sequence[Limit], width: int) -> dict[str, Any]:
    view = picture.view
    limits = [_limit_data(row) for row in rows]
    return {
        "name": view.name, "xLabel": view.x_label, "predicted": view.predicted, "window": view.window,
        "bounds": view.bounds, "limits": limits, "scenes": [_scene_data(scene, width) for scene in view.scenes],
    }  # fmt: skip


def _limit_data(row: Limit) -> dict[str, Any]:
    label = f"{row.format}: {row.what}"
    return {"at": row.at, "label": label, "on": tables.OUTPUTS[row.output], "scene": row.label, "format": row.format}


def _scene_data(scene: Scene, width: int) -> dict[str, Any]:
    return {
        "label": scene.label, "targets": scene.targets, "base": scene.base, "slope": scene.slope, "place": scene.place,
        "columns": scene.columns, "classes": scene.classes, "width": max(width, scene.classes),
    }  # fmt: skip
