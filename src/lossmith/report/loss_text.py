"""A loss, or the list of all, as text for a terminal.

Comes in: `Loss` objects. Goes out: plain text, every line of it derived from the definition.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any, Final

from lossmith.certificate.record import Certificate
from lossmith.formula.text import to_text
from lossmith.loss.designed import COMBINATORS
from lossmith.loss.handle import Loss
from lossmith.report.facts_text import facts_lines

LEGEND: Final = (
    "estimates: what a model aims at that has this loss; numbers in brackets are parameters, set with --set.",
    "shape: pointwise looks at each number alone, row-wise at the classes of a row together, set-wise at all rows",
    "together (not a sum over rows: gradient boosting cannot train under it).",
    "`lossmith show NAME` gives the formula, the gradient and what is known of one, or of a loss that you write:",
    '`lossmith show "where(y>z, 5, 1)*abs(y-z)"`, `lossmith show "2*bce.reweight([1, 20]) + dice"`.',
    "behind a loss can stand:",
)
INDENT: Final[Mapping[str, Any]] = {"initial_indent": "  ", "subsequent_indent": "  "}


def listing(losses: Sequence[Loss]) -> str:
    """One line per loss: name with parameters, kind of target, shape, what it estimates."""
    rows = [("loss", "target", "shape", "estimates")]
    rows += [
        (_signature(loss), loss.target, loss.facts.shape.value, loss.facts.functional.value.text) for loss in losses
    ]
    widths = [max(len(row[j]) for row in rows) for j in range(4)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join([*lines, "", *LEGEND, *textwrap.wrap(", ".join(COMBINATORS), 110, **INDENT)])


def _signature(loss: Loss) -> str:
    """The name with its parameters; a design's name says them itself."""
    numbers = _numbers(loss)
    return f"{loss.name}({numbers})" if numbers and not _is_design(loss) else loss.name


def _is_design(loss: Loss) -> bool:
    return not loss.name.isidentifier()


def _numbers(loss: Loss) -> str:
    return ", ".join(f"{name}={value:g}" for name, value in loss.parameters.items() if value is not None)


def page(loss: Loss, remark: str = "") -> str:
    """Formula, derivatives, what the loss does, facts with their evidence, kinks, measured accuracy and source.

    `remark` says what was taken for granted when the loss was read.
    """
    lines = [
        _signature(loss),
        *([] if _is_design(loss) else loss.definition.summary.splitlines()[:1]),
        "",
        f"formula   {loss.formula}",
        f"target    {', '.join(kind for _, kind in loss.definition.declaration.target)}",
        f"link      {_link(loss)}",
        *([f"numbers   {_numbers(loss)}"] if _is_design(loss) and loss.parameters else []),
        *(["", remark] if remark else []),
        "",
        loss.explain(),
        "",
        *_derivatives(loss),
        "",
        "facts, each with its evidence",
        *facts_lines(loss),
        "",
        *_certificates(loss),
    ]
    if loss.definition.source:
        lines += ["", f"source    {loss.definition.source}"]
    return "\n".join(lines)


def _derivatives(loss: Loss) -> list[str]:
    found = loss.expressions
    of = "one row's term" if loss.is_additive else "the finished number, per unit of sample_weight"
    lines = [f"derivatives of {of}, by the raw prediction"]
    for raw, gradient, hessian in zip(found.raw, found.gradient, found.hessian, strict=True):
        lines += [f"gradient  d/d{raw!r}   {to_text(gradient)}", f"hessian   d2/d{raw!r}2 {to_text(hessian)}"]
    return lines


def _link(loss: Loss) -> str:
    heads = loss.definition.declaration.heads
    return ", ".join(f"{name}: {link}" for name, link in heads) if heads else loss.link


def _certificates(loss: Loss) -> list[str]:
    """Measured accuracy in one line per backend and format: the worst over outputs and measured parameters."""
    lines: list[str] = []
    for backend in ("numpy", "numba"):
        for dtype in ("float32", "float64"):
            found = loss.kernel(backend, dtype).certificate
            if found:
                lines.append(f"accuracy          {backend} {dtype}: {_measured(found)}")
    return lines or ["accuracy          not measured yet"]


def _measured(found: Sequence[Certificate]) -> str:
    """The worst error in units of the contract, and where it is exceeded."""
    points, bound = sum(c.points for c in found), found[0].bound
    worst = max((c for c in found), key=lambda c: c.worst_units)
    text = f"at worst {worst.worst_units:.3g} of {bound:g} allowed units in the last place ({points:,} numbers checked)"
    beyond = sorted({f"{c.output} of {c.title}" for c in found if not c.meets})
    return text + (f"; beyond what is allowed: {', '.join(beyond)}" if beyond else "")
