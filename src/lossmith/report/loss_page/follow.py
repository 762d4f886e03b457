"""What can follow the sliders as text: code to copy, and names in other libraries, with gaps for the parameters' values.

Comes in: a loss. Goes out: templates, each a row of (text, name of the parameter behind it). A template of code is found by
writing the code for other values; it is taken only if, filled in with the values given, it is the code given.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from string import Formatter
from typing import Final

from lossmith.adapt import equivalents
from lossmith.adapt.equivalents import Equivalent, matches
from lossmith.errors import LossmithError
from lossmith.formula.text import number_text
from lossmith.loss.handle import Loss
from lossmith.report.loss_page.record import Slider
from lossmith.report.loss_page.sliders import sliders
from lossmith.report.loss_page.snippets import Snippet, snippets
from lossmith.report.loss_page.written import bound_text, python_text

Template = tuple[tuple[str, str], ...]
"""Texts, each with the name of the parameter whose value follows (empty: none)."""

SHARE: Final = 0.3819660113  # of a slider: a value whose digits stand nowhere else


@dataclass(frozen=True)
class Same:
    """A name in another library on the page: as it is now, and, where it can follow, its template and for which values.

    `shown`: it holds at the values given. Without a template it holds at these alone.
    """

    shown: bool
    found: Equivalent
    template: Template = ()
    when: tuple[tuple[str, float], ...] = ()
    unless: tuple[tuple[str, float], ...] = ()


def elsewhere(loss: Loss) -> Loss:
    """The loss at values of its parameters that nobody would write.

    >>> import lossmith as ls
    >>> elsewhere(ls.get("huber")).parameters
    {'delta': 38.2027814699}
    """
    return loss.bind(**{slider.name: _unusual(slider) for slider in sliders(loss)})


def _unusual(slider: Slider) -> float:
    value = slider.first + SHARE * (slider.last - slider.first)
    return float(round(value)) + (round(value) == slider.value) if slider.integer else float(f"{value:.12g}")


def filled(template: Template, values: Mapping[str, float], written: Callable[[float], str] = number_text) -> str:
    """The text of a template at these values."""
    return "".join(text + (written(values[name]) if name else "") for text, name in template)


def gaps(text: str, values: Mapping[str, float]) -> Template:
    """A text that holds these values, as a template.

    >>> gaps("huber(delta=0.7)", {"delta": 0.7})
    (('huber(delta=', 'delta'), (')', ''))
    """
    names = {number_text(value): name for name, value in values.items()}
    if not names:
        return ((text, ""),)
    parts = re.split(rf"(?<![\w.])({'|'.join(map(re.escape, names))})(?![\w.])", text)
    return tuple((part, names[parts[i + 1]] if i + 1 < len(parts) else "") for i, part in enumerate(parts) if not i % 2)


def code(loss: Loss, found: Sequence[Snippet]) -> tuple[Template | None, ...]:
    """A template for each snippet of this loss; None for one that holds at the values given alone."""
    now = {slider.name: slider.value for slider in sliders(loss)}
    try:
        other = elsewhere(loss)
        written = snippets(other) if now else found
    except LossmithError:
        return (None,) * len(found)
    values = {name: value for name, value in other.parameters.items() if value is not None}
    said, rows = python_text(loss), zip([gaps(row.code, values) for row in written], found, written, strict=True)
    return tuple(
        template if seen.note == row.note and _is_told(template, now, row.code, said) else None
        for template, row, seen in rows
    )


def _is_told(template: Template, now: Mapping[str, float], given: str, said: str) -> bool:
    """Whether a template tells the code given: with its numbers as they are, as floats, or bound behind the loss."""
    same = (given, given.replace(said, said + bound_text(now)))
    return any(filled(template, now, written) in same for written in (number_text, repr))


def names(loss: Loss) -> tuple[Same, ...]:
    """Names of this loss in other libraries, at the values given and at others.

    >>> import lossmith as ls
    >>> found = names(ls.get("huber", delta=2))[0]
    >>> found.found.code, found.template
    ('torch.nn.HuberLoss(delta=2)', (('torch.nn.HuberLoss(delta=', 'delta'), (')', '')))
    """
    now = list(zip(matches(loss), equivalents.of(loss), strict=True))
    try:
        other = elsewhere(loss)
        then = list(zip(matches(other), equivalents.of(other), strict=True))
    except LossmithError:
        then = []
    notes = {id(match.row): found.note for match, found in then}
    rows = [(True, *pair) for pair in now]
    rows += [(False, *pair) for pair in then if id(pair[0].row) not in {id(match.row) for match, _ in now}]
    return tuple(
        Same(
            shown,
            found,
            _pieces(match.row.code) if notes.get(id(match.row), found.note) == found.note else (),
            tuple(match.row.when.items()),
            tuple(match.row.unless.items()),
        )
        for shown, match, found in rows
    )


def _pieces(text: str) -> Template:
    return tuple((literal, field or "") for literal, field, _, _ in Formatter().parse(text))
