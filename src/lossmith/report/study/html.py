"""The page of a study: its record comes in, the files of an offline page go out.

Every text passes through autoescape; data for the plots stand in JSON script elements with `<` escaped. Plotly's script
is one file beside the page, so that nothing is fetched and nothing is inlined twice. The page is a list of parts, from
which its contents are listed too.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from lossmith.report.pages.engine import engine
from lossmith.report.study import answer, cells, picture_text, plots, text
from lossmith.report.study.record import Section, StudyRecord
from lossmith.report.words import with_margin

PLOTS_FILE: Final = "plotly.min.js"
WAYS: Final = "ways"
"""The section whose picture stands under the comparison."""

CLOSED: Final = {
    "disagreement": "Where it makes a difference which of the two is used.",
    "noise": "Which kind of chance the errors look like.",
    "shapes": "What each loss charges for an error, and how hard the error pulls.",
}
"""Sections that are read on demand, each with what stands outside where it has no sentences."""

LONG_VERDICT: Final = 150
MOST_NOTES: Final = 3
FIRST_NOTES: Final = 2
"""Up to `MOST_NOTES` notes stand open; of more, the first ones do, so that the answer stays on the first screen."""


@dataclass(frozen=True)
class Part:
    """A part of the page; a closed one shows its title and `lead` only, until it is opened or printed."""

    id: str
    title: str
    template: str
    lead: str = ""
    is_open: bool = True
    section: Section | None = None


def page(record: StudyRecord) -> dict[str, str]:
    """Return `index.html` and the script that it loads, by file name."""
    return {"index.html": html(record), PLOTS_FILE: plots_script()}


def html(record: StudyRecord) -> str:
    """Return the text of the page."""
    template = environment().get_template("study.html.j2")
    made: str = template.render(
        study=record,
        parts=parts(record),
        tiles=answer.tiles(record),
        bars=answer.bars(record),
        shares=answer.shares(record),
        ways=next((section for section in record.sections if section.name == WAYS), None),
        fine=answer.fine(record.comparison),
        usual=answer.usual(record.comparison),
        unit=answer.unit(record),
        tags=[answer.tag(record, row) for row in record.comparison.rows],
        rows_line=text.read_line(record),
        clearly=text.clearly(record.comparison),
        is_long=len(record.verdict[0]) > LONG_VERDICT,
        first_notes=len(record.notes) if len(record.notes) <= MOST_NOTES else FIRST_NOTES,
        plots_file=PLOTS_FILE,
    )
    return made


def parts(record: StudyRecord) -> tuple[Part, ...]:
    """Return the parts of the page after the answer, in their order."""
    evidence = [section for section in record.sections if section.name != WAYS]
    gain = record.gain is not None
    return (
        Part("ways", "What each way costs", "comparison"),
        *([Part("gain", "Where the gain comes from", "gain")] if gain else []),
        *(_evidence(i, section) for i, section in enumerate(evidence, 1)),
        Part("grid", "Trained under, judged by", "grid", GRID_LEAD, False),
        Part("losses", "The losses that were tried", "losses", _losses_lead(record), False),
        Part("data", "The data", "data", text.rows_line(record), False),
        Part("use", "Use it, repeat it", "use"),
    )


GRID_LEAD: Final = "How each model does by every measure, not only by the one that decides."


def _losses_lead(record: StudyRecord) -> str:
    count = len(record.losses)
    return "One loss, with its formula." if count == 1 else f"{count} losses, each with its formula and the reason."


def _evidence(place: int, section: Section) -> Part:
    is_open = section.name not in CLOSED
    lead = "" if is_open else next(iter(section.sentences), CLOSED[section.name])
    return Part(f"evidence-{place}", section.title, "section", lead, is_open, section)


@cache
def environment() -> Any:
    """Return the template engine: autoescape always, undefined names are errors."""
    made = engine("lossmith.report.study")
    made.globals |= {
        "with_margin": with_margin,
        "signed": answer.signed,
        "standing": answer.standing,
        "percent": answer.percent,
        "columns_of": cells.columns_of,
        "grid_columns": cells.grid_columns,
        "column_texts": cells.column_texts,
        "sign_of": lambda row: "−" if row.difference < 0 else "+",
        "is_file_name": answer.is_file_name,
        "figure": plots.figure,
        "plot_height": plots.height,
        "alternative": picture_text.alternative,
    }
    return made


@cache
def plots_script() -> str:
    """Return plotly's own script, as its package ships it."""
    from plotly.offline import get_plotlyjs

    script: str = get_plotlyjs()
    return script
