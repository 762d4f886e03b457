"""The page of a descent: its record comes in, one self-contained HTML document goes out.

Every text passes through autoescape. What the script reads stands in a JSON element with `<` escaped.
"""

from __future__ import annotations

import json
import shlex
from functools import cache
from importlib.resources import files
from typing import Any, Final

import numpy as np

from lossmith.emit.to_js import prelude
from lossmith.report.descent_page import pictures, words
from lossmith.report.descent_page.drawing import drawing
from lossmith.report.descent_page.live import rows_said, setup
from lossmith.report.descent_page.record import Backprop, Descent, as_plain
from lossmith.report.pages import mathml, shell
from lossmith.report.pages.chart import Table
from lossmith.report.pages.engine import engine
from lossmith.report.pages.figure import figure, table
from lossmith.report.pages.number import number

MOST_CELLS: Final = 48
"""Numbers of one quantity that are printed; the record holds all."""

PACKAGE: Final = "lossmith.report.descent_page"
MOST_TRIALS: Final = 24


def html(descent: Descent) -> str:
    """Return the text of the page."""
    body: str = engine(PACKAGE).get_template("descent.html.j2").render(**_parts(descent))
    style = engine(PACKAGE).get_template("descent.css.j2").render()
    return shell.page(descent.title, body, scripts=(script("descent.js"), *_live_scripts(descent)), styles=(style,))


@cache
def script(name: str) -> str:
    """A script of the page: `descent.js` moves the point along the path, `live.js` runs the descent anew."""
    return files(PACKAGE).joinpath("templates", name).read_text("utf-8")


def _live_scripts(descent: Descent) -> tuple[str, ...]:
    """The scripts that the slider of the learning rate needs, with the objects of loss and activation."""
    live = descent.live
    if live is None:
        return ()
    objects = f"const liveLoss = {live.loss};\nconst liveActivation = {live.activation};"
    texts = (prelude(), script("descend.js"), objects, script("live.js"))
    return tuple(text.replace("</", "<\\/") for text in texts)


def _parts(descent: Descent) -> dict[str, Any]:
    from markupsafe import Markup

    plane, edges = descent.plane, pictures.edges(descent)
    shown = {
        "surface": None if plane is None else figure(pictures.surface(plane)),
        "live_surface": None if plane is None else figure(pictures.bare_surface(plane)),
        "losses": figure(pictures.losses(descent)),
        "predictions": figure(pictures.predictions(descent)) if descent.steps else None,
        "edges": None if edges is None else figure(edges),
        "rates": figure(pictures.rates(descent)),
        "counts": None if descent.counts is None else figure(pictures.counted(descent.counts)),
        "trials": table(_trials(descent)),
        "counted": None if descent.counts is None else table(_counts(descent)),
    }
    return {
        "d": descent,
        "words": words,
        "verdict": words.VERDICTS[descent.verdict.word],
        "formula": Markup(mathml.formula(f"L = {descent.formula}")) if descent.formula else "",
        "math": lambda latex: Markup(mathml.formula(latex, display=False)),
        "n": number,
        "steps": Markup(_json(_steps(descent))),
        "passes": [_pass(found) for found in (descent.backprop, descent.batch) if found is not None],
        "drawing": None if descent.backprop is None else drawing(descent.backprop),
        "left": _not_drawn(descent),
        "command": _command(descent),
        "live": None if descent.live is None else Markup(_json(setup(descent.live, descent.plane, words.VERDICTS))),
        "live_rows": "" if descent.live is None else rows_said(descent.live),
        **{name: None if made is None else Markup(made) for name, made in shown.items()},
    }


def _command(descent: Descent) -> str:
    """What to type for the same loss, model and rate on another table."""
    model = "" if descent.model == "linear" else f" --model {descent.model} --activation {descent.activation}"
    rate = descent.verdict.suggested or descent.learning_rate
    loss = shlex.quote(descent.loss)
    return descent.command or f"lossmith descend my.csv --target COLUMN --loss {loss}{model} --learning-rate {rate:g}"


def _steps(descent: Descent) -> dict[str, Any]:
    """What the slider shows of every step."""
    taylor, plane = descent.taylor, descent.plane
    steps = pictures.shown_steps(len(descent.losses))
    made = [k for k in steps if k < len(taylor.actual)]

    def at(values: Any) -> list[Any]:
        return as_plain(np.asarray(values)[made])

    drawn = np.full((len(descent.losses), 2), np.nan)
    if plane is not None:
        drawn[: len(plane.path)] = plane.path
    return {
        "step": steps,
        "loss": as_plain(descent.losses[steps]),
        "slope": at(np.sqrt(taylor.squared_slope)),
        "first": at(taylor.first),
        "second": at(taylor.second),
        "actual": at(taylor.actual),
        "stable": at(taylor.stable),
        "x": as_plain(drawn[steps, 0]),
        "y": as_plain(drawn[steps, 1]),
    }


def _json(data: dict[str, Any]) -> str:
    """JSON for a script element: no `<` in it can end the element."""
    return json.dumps(data, separators=(",", ":")).replace("<", "\\u003c")


def _not_drawn(descent: Descent) -> str:
    plane = descent.plane
    if plane is None:
        return "There is no surface to draw: the path did not move, or there is one parameter only."
    if len(plane.path) < len(descent.losses):
        return f"The picture shows the first {len(plane.path) - 1} steps; after them the path runs out of every frame."
    return ""


def _trials(descent: Descent) -> Table:
    head = ("learning rate", "times the edge", "loss at the end", "steps that raised it", "same fall after")
    rows = []
    for trial in descent.trials[:MOST_TRIALS]:
        share = "–" if np.isnan(trial.of_edge) else f"{number(trial.of_edge, 3)} ×"
        end = "no number" if trial.ended else number(trial.last)
        reached = "–" if trial.reached is None else f"{trial.reached} step{'' if trial.reached == 1 else 's'}"
        own = " (this one)" if trial.learning_rate == descent.learning_rate else ""
        rows.append((f"{number(trial.learning_rate)}{own}", share, end, f"{trial.rises} of {trial.steps}", reached))
    return Table(head, tuple(rows))


def _counts(descent: Descent) -> Table:
    counts = descent.counts
    assert counts is not None
    head = ("weights", "one loss", "reverse mode", "forward mode", "finite differences", "reverse / one loss")
    columns = (counts.weights, counts.forward, counts.reverse_mode, counts.forward_mode, counts.differences)
    return Table(head, tuple((*row, row[2] / row[1]) for row in zip(*columns, strict=True)))


def _pass(found: Backprop) -> dict[str, Any]:
    """One pass as the template prints it."""
    count = len(found.rows)
    name = "One row" if count == 1 else f"A batch of {count} rows"
    lines = [
        {
            "symbol": q.symbol,
            "made": q.value_rule,
            "rule": q.rule,
            "shape": " × ".join(map(str, q.value.shape)),
            "value": _matrix(q.value),
            "derivative": _matrix(q.derivative),
        }
        for q in found.quantities
    ]
    inputs = _matrix(found.x)
    return {
        "name": name, "x": inputs, "y": ", ".join(found.y), "loss": number(found.loss, 6), "lines": lines,
        "slope": found.slope_rule, "bend": found.activation_rule, "slopes": _matrix(found.activation_slope),
    }  # fmt: skip


def _matrix(values: Any) -> str:
    """Numbers in rows, with what was left out said."""
    array = np.atleast_2d(np.asarray(values))
    columns = max(1, min(array.shape[1], MOST_CELLS))
    rows = max(1, min(array.shape[0], MOST_CELLS // columns))
    lines = ["  ".join(number(v, 4) for v in row[:columns]) for row in array[:rows]]
    missing = array.size - rows * columns
    return "\n".join(lines) + (f"\n… and {missing:,} more" if missing else "")
