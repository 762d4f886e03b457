"""Facts of a loss that reads columns: what holds at one value of a column is looked at again at others.

Comes in: a definition. Goes out: the same loss with numbers in place of its columns, at a few settings of them; and a
fact of all settings made of the facts at each.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any, Final, TypeVar

import numpy as np

from lossmith.calculus.evidence import Fact
from lossmith.formula.definition import Definition, resolved
from lossmith.formula.node import constant, substitute, symbols

T = TypeVar("T")

ENDS: Final = ((-1.75, 1.75), (-0.5, 0.9), (-4.0, 2.5))  # several columns rise from one end to the other
ALONE: Final = (0.5, 1.75, 4.0)


@lru_cache(maxsize=64)
def settings(definition: Definition) -> tuple[tuple[str, Definition], ...]:
    """The values of the columns in words, and the loss at them; nothing where its formula reads no column.

    >>> import lossmith as ls
    >>> weighed = ls.parse("cost * (y - z)**2", target="real", columns=("cost",)).definition
    >>> [(said, fixed.declaration.columns) for said, fixed in settings(weighed)]
    [('cost = 0.5', ()), ('cost = 1.75', ()), ('cost = 4', ())]
    """
    used = {repr(leaf) for leaf in symbols(resolved(definition), role="column")}
    names = [name for name in definition.declaration.columns if name in used]
    if not names:
        return ()
    rows = [[value] for value in ALONE] if len(names) == 1 else [np.linspace(*ends, len(names)) for ends in ENDS]
    return tuple(_at(definition, dict(zip(names, map(float, row), strict=True))) for row in rows)


def _at(definition: Definition, values: dict[str, float]) -> tuple[str, Definition]:
    leaves = definition.roles.leaves
    formula = substitute(definition.formula, {leaves[name]: constant(value) for name, value in values.items()})
    kept = tuple(name for name in definition.declaration.columns if name not in values)
    fixed = replace(definition, formula=formula, declaration=replace(definition.declaration, columns=kept))
    return ", ".join(f"{name} = {value:g}" for name, value in values.items()), fixed


def joined(
    fact: Fact[T], found: Sequence[tuple[str, Fact[Any]]], columns: Sequence[str], words: Callable[[Any], str], none: T
) -> Fact[T]:
    """The fact where it is the same at all settings, sampled at best; else open, with what it is at each."""
    answers = [words(each.value) if each.evidence != "open" else "not known" for _, each in found]
    if len(set(answers)) == 1 and answers[0] == words(fact.value):
        note = "; ".join(part for part in (fact.note, f"at {'; at '.join(said for said, _ in found)}") if part)
        return replace(fact, evidence="sampled", points=max(fact.points, len(found)), note=note)
    named = f"column {columns[0]}" if len(columns) == 1 else f"columns {' and '.join(columns)}"
    told = "; ".join(f"{answer} at {said}" for answer, (said, _) in zip(answers, found, strict=True))
    return Fact(none, "open", note=f"it depends on the {named}: {told}")


def unknown(value: Any) -> Any:
    """What stands for an answer that is not known: of the kind of this one."""
    if isinstance(value, bool):
        return False
    return math.nan if isinstance(value, float) else None
