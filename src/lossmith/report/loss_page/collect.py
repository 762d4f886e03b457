"""Everything that the page says of one loss, collected as a record.

Comes in: a loss. Goes out: a `LossPart`. Nothing is typed: curves, facts, the certificate, names in other libraries and
code are found from the definition. Numbers are those of the NumPy kernels, so that a new formula waits for no compiler.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import partial
from typing import Final

from lossmith import catalogue
from lossmith.adapt import equivalents
from lossmith.calculus.properties.table import PROPERTIES, answer_text, arises
from lossmith.certificate.record import Certificate, shipped
from lossmith.errors import ArgumentError, UnsupportedError
from lossmith.formula.text import to_text
from lossmith.loss.handle import Loss
from lossmith.loss.javascript import javascript_object
from lossmith.loss.known_facts import KnownFacts
from lossmith.report.loss_page.best import best
from lossmith.report.loss_page.curves import KINDS, curves, grid, jumps, least, with_corners
from lossmith.report.loss_page.influence import influence
from lossmith.report.loss_page.limits import limits
from lossmith.report.loss_page.pictures import charts, jump_marks
from lossmith.report.loss_page.reading import reading
from lossmith.report.loss_page.record import Best, CertificateRow, FactRow, LossPart, Picture, View
from lossmith.report.loss_page.scenes import TELLING, views
from lossmith.report.loss_page.sliders import sliders
from lossmith.report.loss_page.snippets import snippets
from lossmith.report.loss_page.tables import BRANCH
from lossmith.report.pages.chart import Mark

FITTED: Final = "What the loss takes from the training set (class weights, class shares) is here that of the sample {}."
BEST: Final = "best constant"
BACKENDS: Final = ("numpy", "numba")


def part(
    loss: Loss,
    remark: str = "",
    *,
    kind: str | None = None,
    over_error: bool = True,
    windows: Sequence[tuple[float, float]] = (),
) -> LossPart:
    """The record of one loss for targets of a kind (its own, if none is said).

    `windows`: the parts of the axes to show, one a view; by default they follow from the link and the corners.
    Raises `ArgumentError` where a parameter is still to be bound.

    >>> import lossmith as ls
    >>> found = part(ls.get("quantile"))
    >>> found.name, [slider.name for slider in found.sliders], found.pictures[0].reading[0].label
    ('quantile', ['level'], 'y = 0')
    """
    kind = kind or loss.target
    asked = loss
    loss, fitted = ready(loss.using("numpy"), kind)
    constant, told = best(loss, kind), paragraphs(loss.explain())
    shown = windowed(loss, kind, constant.raw, over_error=over_error)
    shown = (
        tuple(replace(view, window=window) for view, window in zip(shown, windows, strict=True)) if windows else shown
    )
    pictures = tuple(_picture(loss, view, constant) for view in shown)
    declaration = loss.definition.declaration
    return LossPart(
        name=loss.name,
        kind=", ".join(sort for _, sort in declaration.target) if kind == loss.target else kind,
        link=", ".join(f"{name}: {link}" for name, link in declaration.heads) or loss.link,
        summary=_summary(asked, told),
        remark=" ".join(text for text in (remark, fitted) if text),
        formula=loss.formula,
        latex=_latex(loss),
        joint=not loss.is_additive,
        sliders=sliders(loss),
        best=constant,
        pictures=pictures,
        program=javascript_object(loss),
        explained=told,
        facts=fact_rows(loss),
        certificate=certificate_rows(loss),
        source=loss.definition.source,
        equivalents=equivalents.of(loss),
        limits=limits(loss),
        influence=influence(loss),
        snippets=snippets(asked),
    )


def _summary(loss: Loss, told: Sequence[str]) -> str:
    """One sentence on what it is: its own, or, of a formula or a design, the first of what it does."""
    own = loss.definition.summary.splitlines() if loss.name.isidentifier() else []
    return (own or [*told, ""])[0]


def paragraphs(text: str) -> tuple[str, ...]:
    """Lines that were broken for a terminal, joined again: what goes on is set in.

    >>> paragraphs("It is long and goes\\n  on here.\\nAnother.")
    ('It is long and goes on here.', 'Another.')
    """
    joined: list[str] = []
    for line in text.splitlines():
        if line.startswith("  ") and joined:
            joined[-1] += " " + line.strip()
        elif line.strip():
            joined.append(line.strip())
    return tuple(joined)


def _latex(loss: Loss) -> str:
    """The formula in LaTeX; empty where it has a part that has no form there, so that its text must do."""
    try:
        return loss.latex
    except UnsupportedError:
        return ""


def ready(loss: Loss, kind: str) -> tuple[Loss, str]:
    """The loss with everything bound, and a remark if its weights had to be fitted to the sample of the page."""
    loss._request()
    definition = loss.definition
    open_weights = any(row.column is None and row.classes is None for row in definition.reweighting)
    if not open_weights and definition.priors != ():
        return loss, ""
    sample = TELLING[kind].sample
    return loss.fit([int(y) for y in sample]), FITTED.format(", ".join(f"{y:g}" for y in sample))


# Pictures ---------------------------------------------------------------------------------------------------------


def windowed(loss: Loss, kind: str, rest: Sequence[float], *, over_error: bool = True) -> tuple[View, ...]:
    """The views of a loss, with windows in which their corners lie; heads rest at these raw predictions."""
    shown = views(loss, kind, rest, over_error=over_error)
    return tuple(with_corners(view, lambda scene, x: curves(loss, scene, x), not loss.is_additive) for view in shown)


def _picture(loss: Loss, view: View, constant: Best) -> Picture:
    """The curves of a view, what is read off them, and the first charts."""
    joint = not loss.is_additive
    x = grid(view, joint)
    drawn = [curves(loss, scene, x) for scene in view.scenes]
    kinds = (
        KINDS[:2] if joint else KINDS
    )  # the script takes the curvature of a batch from differences, which never jump
    seen = [jumps(partial(curves, loss, s), found, kinds) for s, found in zip(view.scenes, drawn, strict=True)]
    low = [least(partial(curves, loss, s), found) for s, found in zip(view.scenes, drawn, strict=True)]
    read = [reading(s.label, *of) for s, of in zip(view.scenes, zip(drawn, seen, low, strict=True), strict=True)]
    marks = [*jump_marks(seen), *_best_mark(loss, view, constant)]
    labelled = [(scene.label, found) for scene, found in zip(view.scenes, drawn, strict=True)]
    return Picture(view, tuple(read), charts(view, labelled, marks, read), tuple(labelled), tuple(marks))


def _best_mark(loss: Loss, view: View, constant: Best) -> Iterable[Mark]:
    """Where the best constant lies, if it is one number on this axis."""
    if len(constant.raw) == 1 and view.window[0] < constant.raw[0] < view.window[1]:
        yield Mark(constant.raw[0], f"{BEST} of {constant.sample}")


# Facts and measured accuracy ------------------------------------------------------------------------------------------


def fact_rows(loss: Loss) -> tuple[FactRow, ...]:
    """The facts of a loss as rows; those that are not asked of such a target are left out.

    >>> import lossmith as ls
    >>> row = fact_rows(ls.get("mae"))[0]
    >>> row.title, row.answer, row.evidence
    ('estimates', 'median', 'proved')
    """
    asked = [(PROPERTIES[name], fact) for name, fact in KnownFacts(loss) if arises(fact)]
    rows = [FactRow(row.title, answer_text(row, fact), _kind_of(fact.text), fact.note) for row, fact in asked]
    kinks = [
        FactRow(BRANCH, f"where {to_text(k.surface)} = 0", "proved", f"slope taken there: {k.chosen}")
        for k in loss.facts.kinks
    ]
    return (*rows, *kinks)


def _kind_of(evidence: str) -> str:
    """`sampled (338 points)` of a text that says more."""
    head, _, rest = evidence.partition(" (")
    return f"{head} ({rest.partition(')')[0]})" if head == "sampled" else head


def certificate_rows(loss: Loss) -> tuple[CertificateRow, ...]:
    """The measured accuracy of a loss of the catalogue: the worst over its measured parameters, a row for each output."""
    definition = loss.definition
    try:
        known = catalogue.find(definition.name, on=definition.declaration.on)
    except ArgumentError:
        return ()
    if known.formula_hash != definition.formula_hash:
        return ()
    mine = [c for c in shipped() if c.loss == definition.name and c.on == definition.declaration.on]
    groups: dict[tuple[str, str, str], list[Certificate]] = {}
    for c in mine:
        groups.setdefault((c.output, c.backend, c.dtype), []).append(c)
    return tuple(_certificate_row(found) for key, found in sorted(groups.items()) if key[1] in BACKENDS)


def _certificate_row(found: list[Certificate]) -> CertificateRow:
    worst = max(found, key=lambda c: c.worst_units)
    inputs = {k: v for k, v in worst.worst_point.items() if k not in ("computed", "truth")}
    where = ", ".join(f"{name} = {value}" for name, value in inputs.items())
    return CertificateRow(
        worst.output, worst.backend, worst.dtype, sum(c.points for c in found), worst.worst_units, worst.bound,
        max(c.worst_ulp for c in found), all(c.meets for c in found), f"{worst.title}: {where}",
    )  # fmt: skip
