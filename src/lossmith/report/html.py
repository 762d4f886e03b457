"""The page of a study: its record comes in, the files of an offline page go out.

Every text passes through autoescape; data for the plots stand in JSON script elements with `<` escaped. Plotly's script
is one file beside the page, so that nothing is fetched and nothing is inlined twice.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from lossmith.report.plots import figure
from lossmith.report.record import StudyRecord
from lossmith.report.text import advises_a_model, rows_line, signed
from lossmith.report.words import number, typical, with_margin

PLOTS_FILE = "plotly.min.js"


def page(record: StudyRecord) -> dict[str, str]:
    """Return `index.html` and the script that it loads, by file name."""
    return {"index.html": html(record), PLOTS_FILE: plots_script()}


def html(record: StudyRecord) -> str:
    """Return the text of the page."""
    template = environment().get_template("study.html.j2")
    figures = [(picture, figure(picture)) for picture in record.pictures]
    fine = typical(row.difference_margin for row in record.comparison.rows)
    text: str = template.render(
        study=record,
        rows_line=rows_line(record),
        figures=figures,
        plots_file=PLOTS_FILE,
        fine=fine,
        model_advised=advises_a_model(record),
    )
    return text


@cache
def environment() -> Any:
    """Return the template engine: autoescape always, undefined names are errors."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    made = Environment(
        loader=PackageLoader("lossmith.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {"number": number, "with_margin": with_margin, "signed": signed}
    made.globals |= {"with_margin": with_margin, "signed": signed}
    return made


@cache
def plots_script() -> str:
    """Return plotly's own script, as its package ships it."""
    from plotly.offline import get_plotlyjs

    script: str = get_plotlyjs()
    return script
