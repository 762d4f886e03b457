"""A study in a notebook: its record comes in, a piece of HTML goes out, without script, links or style sheet."""

from __future__ import annotations

from lossmith.report.study import answer, text
from lossmith.report.study.html import environment
from lossmith.report.study.record import StudyRecord


def summary_html(record: StudyRecord) -> str:
    """Return the verdict and the comparison as HTML that may stand in any page, light or dark.

    Every style is an attribute of its own element, so that nothing around changes; every text is escaped.
    """
    made: str = (
        environment()
        .get_template("summary.html.j2")
        .render(
            study=record,
            unit=answer.unit(record),
            tags=[answer.tag(record, row) for row in record.comparison.rows],
            fine=answer.fine(record.comparison),
            rows_line=text.rows_line(record),
            clearly=text.clearly(record.comparison),
        )
    )
    return made
