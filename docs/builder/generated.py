"""Pages made from code: the catalogue with a page for each loss, activations, descents, and the list of lessons.

Comes in: what Lossmith knows of itself. Goes out: jobs, each of which makes the text of one file and can run in a process
of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from docs.builder.layout import environment, navigation, site_style, whole
from docs.builder.record import LESSONS, Heading, Made, Page

import lossmith as ls
from lossmith.catalogue import ACTIVATIONS
from lossmith.report.pages.mathml import formula

LOSS_SCRIPT: Final = "catalogue/loss.js"
DESCENTS: Final = ("diabetes", "iris", "xor")
"""Bundled sets that a descent is shown on: a straight line, classes, a hidden layer."""

KINDS: Final = {
    "real": "Any number",
    "positive": "Positive amounts",
    "nonnegative": "Amounts, zero included",
    "count": "Counts",
    "fraction": "Shares",
    "binary": "Yes or no",
    "class": "One of several classes",
    "simplex": "Shares of classes",
    "ordinal": "Grades in order",
}
"""The kinds of targets, in words."""


@dataclass(frozen=True)
class Job:
    """A file that is made from code: its address in the site, the group that `--only` names, and how it is made."""

    file: str
    group: str
    make: Callable[..., str]
    arguments: tuple[str, ...] = ()

    def text(self) -> str:
        """Return the text of the file."""
        return self.make(*self.arguments)


def jobs() -> tuple[Job, ...]:
    """Return all files that are made from code, the slow ones first."""
    return (
        *(Job(f"activations/{row.name}.html", "activations", activation_page, (row.name,)) for row in ACTIVATIONS),
        *(Job(f"catalogue/{name}.html", "losses", loss_page, (name,)) for name in ls.names()),
        *(Job(f"descent/{name}.html", "descent", descent_page, (name,)) for name in DESCENTS),
        Job("catalogue/index.html", "losses", catalogue),
        Job("activations/index.html", "activations", activations),
        Job(LOSS_SCRIPT, "losses", loss_script),
        Job("site.css", "shared", site_style),
    )


def loss_page(name: str) -> str:
    """Make the page of a loss; all share one script and the style sheet of the site."""
    from lossmith.report.loss_page.html import page_of

    page = Page("", f"catalogue/{name}.html", name, "catalogue")
    return page_of(ls.get(name), shared_script="loss.js", shared_style="../site.css", nav=navigation(page))


def loss_script() -> str:
    """Return the one script of the pages of losses."""
    from lossmith.report.loss_page.html import script

    return script()


def activation_page(name: str) -> str:
    """Make the page of an activation, with the navigation of the site."""
    from lossmith.teach.activations.page import activation_page as page_of

    page = Page("", f"activations/{name}.html", name, "activations")
    body = page_of(ls.activation(name)).replace("<body>", f"<body>\n{navigation(page)}", 1)
    return body.replace("</head>", '<link rel="stylesheet" href="../site.css">\n</head>', 1)


def descent_page(name: str) -> str:
    """Make the page of a gradient descent on a bundled set, with the navigation of the site."""
    from lossmith.advise.descent import descend_table

    page = Page("", f"descent/{name}.html", name, "start")
    body = descend_table(name).html.replace("<body>", f"<body>\n{navigation(page)}", 1)
    return body.replace("</head>", '<link rel="stylesheet" href="../site.css">\n</head>', 1)


def catalogue() -> str:
    """Make the list of losses by kind of target."""
    losses = [ls.get(name) for name in ls.names()]
    kinds = dict.fromkeys(loss.target for loss in losses)
    groups = [(KINDS.get(kind, kind), kind, [_row(loss) for loss in losses if loss.target == kind]) for kind in kinds]
    return _page("catalogue/index.html", "The losses", "catalogue", groups=groups, count=len(losses))


def activations() -> str:
    """Make the list of activations."""
    rows = [
        {"name": row.name, "formula": formula(ls.activation(row.name).latex), "source": row.source}
        for row in ACTIVATIONS
    ]
    return _page("activations/index.html", "Activations", "activations", rows=rows)


def lessons(documents: tuple[Made, ...]) -> str:
    """Make the list of lessons in every language there is."""
    found = [made for made in documents if made.page.is_lesson]
    rows = {language: [m for m in found if m.page.language == language] for language in ("en", "ko")}
    return _page(f"{LESSONS}/index.html", "Lessons", LESSONS, rows=rows)


def _row(loss: Any) -> dict[str, Any]:
    return {
        "name": loss.name,
        "summary": (loss.definition.summary or "").strip().splitlines()[0].split("`"),
        "formula": formula(loss.latex),
        "parameters": ", ".join(f"{name} = {value:g}" for name, value in loss.parameters.items() if value is not None),
    }


def _page(output: str, title: str, section: str, **values: Any) -> str:
    """Make a page from the template of its section."""
    body = environment().get_template(f"{section}.html.j2").render(title=title, **values)
    return whole(Made(Page("", output, title, section), body, (Heading(1, "", title),), (), ()), ())
