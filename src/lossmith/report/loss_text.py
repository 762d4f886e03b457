"""A loss, or the list of all, as text for a terminal.

Comes in: `Loss` objects. Goes out: plain text, every line of it derived from the definition.
"""

from __future__ import annotations

from collections.abc import Sequence

from lossmith.formula.text import to_text
from lossmith.loss.handle import Loss


def listing(losses: Sequence[Loss]) -> str:
    """One line per loss: name with parameters, kind of target, shape, what it estimates."""
    rows = [("loss", "target", "shape", "estimates")]
    rows += [
        (_signature(loss), loss.target, loss.facts.shape.value, loss.facts.functional.value.text) for loss in losses
    ]
    widths = [max(len(row[j]) for row in rows) for j in range(4)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def _signature(loss: Loss) -> str:
    numbers = ", ".join(f"{name}={value:g}" for name, value in loss.parameters.items() if value is not None)
    return f"{loss.name}({numbers})" if numbers else loss.name


def page(loss: Loss) -> str:
    """Formula, derivatives, facts with their evidence, kinks, measured accuracy and source."""
    found = loss.expressions
    lines = [
        _signature(loss),
        loss.definition.summary.splitlines()[0] if loss.definition.summary else "",
        "",
        f"formula   {loss.formula}",
        f"target    {', '.join(kind for _, kind in loss.definition.declaration.target)}",
        f"link      {_link(loss)}",
    ]
    of = "one row's term" if loss.is_additive else "the finished number, per unit of sample_weight"
    lines += ["", f"derivatives of {of}, by the raw prediction"]
    for raw, gradient, hessian in zip(found.raw, found.gradient, found.hessian, strict=True):
        lines += [f"gradient  d/d{raw!r}   {to_text(gradient)}", f"hessian   d2/d{raw!r}2 {to_text(hessian)}"]
    lines += ["", *loss.explain().splitlines()[1:-1], "", "facts, each with its evidence", *_facts(loss)]
    lines += ["", *_certificates(loss)]
    if loss.definition.source:
        lines += ["", f"source    {loss.definition.source}"]
    return "\n".join(lines)


def _link(loss: Loss) -> str:
    heads = loss.definition.declaration.heads
    return ", ".join(f"{name}: {link}" for name, link in heads) if heads else loss.link


def _facts(loss: Loss) -> list[str]:
    known = loss.facts
    lines = [
        f"estimates         {known.functional.value.text}  [{known.functional.text}]",
        f"sum over rows     {_yes(known.additive.value)}  [{known.additive.text}]",
        f"shape             {known.shape.value}  [{known.shape.text}]",
        f"smooth            {_yes(known.smooth.value)}  [{known.smooth.text}]",
        f"strictly convex   {_yes(known.strictly_convex.value)}  [{known.strictly_convex.text}]",
    ]
    return lines + [f"kink              where {to_text(kink.surface)} = 0: {kink.chosen}" for kink in known.kinks]


def _yes(answer: bool) -> str:
    return "yes" if answer else "no"


def _certificates(loss: Loss) -> list[str]:
    """Measured accuracy, where it was measured."""
    lines: list[str] = []
    for backend in ("numpy", "numba"):
        for dtype in ("float32", "float64"):
            for c in loss.kernel(backend, dtype).certificate:
                state = "" if c.meets else "  (exceeds the contract)"
                lines.append(f"accuracy          {backend} {dtype} {c.output}: worst {c.worst_ulp:.3g} ulp{state}")
    return lines or ["accuracy          not measured yet"]
