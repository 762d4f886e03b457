"""Everything that the page says of one loss, collected as a record.

Comes in: a loss. Goes out: a `LossPart`. Nothing is typed: curves, facts, the certificate, names in other libraries and
code are found from the definition. Numbers are those of the NumPy kernels, so that a new formula waits for no compiler.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from inspect import getdoc
from typing import Final

from lossmith import catalogue
from lossmith.calculus.properties.table import PROPERTIES, answer_text, arises
from lossmith.calculus.sympy_bridge import to_latex
from lossmith.certificate.record import Certificate, shipped
from lossmith.errors import ArgumentError, UnsupportedError
from lossmith.formula.node import Node, make, make_from, rebuild, symbol
from lossmith.formula.text import to_text
from lossmith.loss.designed import COMBINATORS
from lossmith.loss.handle import Loss
from lossmith.loss.javascript import javascript_object
from lossmith.loss.known_facts import KnownFacts
from lossmith.report.loss_page import follow
from lossmith.report.loss_page.bends import in_javascript, places, surfaces
from lossmith.report.loss_page.best import best
from lossmith.report.loss_page.curves import curves, grid, least
from lossmith.report.loss_page.extremes import peak
from lossmith.report.loss_page.influence import influence
from lossmith.report.loss_page.jumps import KINDS, between, jumps_of, with_corners
from lossmith.report.loss_page.limits import limits, outputs
from lossmith.report.loss_page.pictures import charts, jump_marks
from lossmith.report.loss_page.reading import reading
from lossmith.report.loss_page.record import Best, CertificateRow, FactRow, LossPart, Picture, View
from lossmith.report.loss_page.scenes import TELLING, views
from lossmith.report.loss_page.sliders import sliders
from lossmith.report.loss_page.snippets import snippets
from lossmith.report.loss_page.tables import BRANCH
from lossmith.report.loss_page.written import title_of
from lossmith.report.pages.chart import Mark

FITTED: Final = "What the loss takes from the training set (class weights, class shares) is here that of the sample {}."
BEST: Final = "best constant"
OF_RAW: Final = frozenset({"symmetric"})
IN_RAW: Final = "in the raw prediction, not in the prediction"
CALLED: Final = re.compile(r"\.(\w+)\(")
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
    shown = windowed(loss, kind, constant.raw, over_error=over_error, windows=windows)
    pictures = tuple(_picture(loss, view, constant) for view in shown)
    declaration = loss.definition.declaration
    return LossPart(
        name=title_of(loss),
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
        surfaces=tuple(text for text in map(in_javascript, surfaces(loss)) if text),
        explained=told,
        facts=fact_rows(loss),
        certificate=certificate_rows(loss),
        source=loss.definition.source,
        equivalents=follow.names(loss),
        limits=limits(loss, constant.raw),
        limits_of=outputs(loss),
        influence=influence(loss),
        snippets=(code := snippets(asked)),
        follows=follow.code(asked, code),
    )


def _summary(loss: Loss, told: Sequence[str]) -> str:
    """What it is: its own sentence; of a design what its combinators do; of a formula the first of what it does.

    >>> import lossmith as ls
    >>> _summary(ls.parse("mse.flood(0.3)"), ())
    '`.flood`: |L - b| + b of the finished number L: below the level `b` the gradient turns round.'
    """
    own = loss.definition.summary.splitlines()[:1] if loss.name.isidentifier() else []
    used = [name for name in dict.fromkeys(CALLED.findall(loss.name)) if name in COMBINATORS]
    made = [f"`.{name}`: {(getdoc(getattr(Loss, name)) or '').splitlines()[0]}" for name in used]
    return " ".join(own or made or told[:1])


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


CHOSEN: Final = symbol("chosen", "column", ["example"])


def _latex(loss: Loss) -> str:
    """The formula in LaTeX, with a word for a choice of rows; empty where a part has no form there, so that text must do."""

    def worded(node: Node, args: tuple[Node, ...]) -> Node:
        return CHOSEN if node.op == "largest" else make_from(node.op, args, node.attr)

    try:
        return to_latex(rebuild(loss.definition.written, worded))
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


def windowed(
    loss: Loss,
    kind: str,
    rest: Sequence[float],
    *,
    over_error: bool = True,
    windows: Sequence[tuple[float, float]] = (),
) -> tuple[View, ...]:
    """The views of a loss, with these windows or those in which their corners lie; heads rest at these raw predictions."""
    shown = views(loss, kind, rest, over_error=over_error)
    if windows:
        return tuple(replace(view, window=window) for view, window in zip(shown, windows, strict=True))
    return tuple(with_corners(view, loss) for view in shown)


def _picture(loss: Loss, view: View, constant: Best) -> Picture:
    """The curves of a view, what is read off them, and the first charts."""
    joint = not loss.is_additive
    x = grid(view, joint)
    drawn = [curves(loss, scene, x) for scene in view.scenes]
    kinds = KINDS[:2] if joint else KINDS  # the script takes the curvature of a batch from differences: they never jump
    lines = list(zip(view.scenes, drawn, strict=True))
    seen = [jumps_of(loss, scene, found, kinds) for scene, found in lines]
    low = [least(partial(curves, loss, scene), found, places(loss, scene, x)) for scene, found in lines]
    read = [
        reading(
            scene.label,
            between(partial(curves, loss, scene), found, jumped),
            jumped,
            lowest,
            partial(curves, loss, scene),
        )
        for (scene, found), jumped, lowest in zip(lines, seen, low, strict=True)
    ]
    endless = {
        what for scene, found in lines for what in kinds if peak(partial(curves, loss, scene), found, what).endless
    }
    marks = [*jump_marks(seen), *_best_mark(loss, view, constant)]
    labelled = [(scene.label, found) for scene, found in zip(view.scenes, drawn, strict=True)]
    return Picture(
        view,
        tuple(read),
        charts(view, labelled, marks, read, endless),
        tuple(labelled),
        tuple(marks),
        frozenset(endless),
    )


def _best_mark(loss: Loss, view: View, constant: Best) -> Iterable[Mark]:
    """Where the best constant lies, if it is one number on this axis; an error is no constant."""
    if view.x_label.startswith("error"):
        return
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
    rows = [
        FactRow(row.title, answer_text(row, fact), _kind_of(fact.text), _why(loss, row.title, fact.note))
        for row, fact in asked
    ]
    return (*rows, *_branches(loss))


def _why(loss: Loss, title: str, note: str) -> str:
    """The evidence; of what reads otherwise on the scale of predictions, in which number it is so."""
    behind = title in OF_RAW and loss.link not in ("identity", None)
    return "; ".join(text for text in (note, IN_RAW if behind else "") if text)


def _branches(loss: Loss) -> Iterator[FactRow]:
    """Where the formula branches, each place once: `y - z` and `z - y` are 0 at the same."""
    places: dict[Node, dict[str, str]] = {}
    for kink in loss.facts.kinks:
        surface = kink.surface
        turned = make("subtract", *surface.args[::-1]) if surface.op == "subtract" else surface
        places.setdefault(turned if turned in places else surface, {}).setdefault(kink.operation, kink.chosen)
    for surface, chosen in places.items():
        told = [f"{operation}: {slope}" for operation, slope in chosen.items()] if len(chosen) > 1 else chosen.values()
        yield FactRow(BRANCH, f"where {to_text(surface)} = 0", "proved", f"slope taken there: {'; '.join(told)}")


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
