"""A formula as text in which the losses of the catalogue are words.

Comes in: a text, and what is said of its target and link. Goes out: a `Loss`; what is left unsaid is taken from the losses
that the text names, where they agree.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any, Final

from lossmith import catalogue
from lossmith.errors import FormulaError
from lossmith.formula.definition import Definition
from lossmith.formula.parse import CONSTANTS
from lossmith.formula.parse import parse as parse_definition
from lossmith.formula.roles import check_shape
from lossmith.formula.scan import scan
from lossmith.loss.handle import Loss
from lossmith.loss.text.stages import leaves_of, with_stages
from lossmith.maths import VOCABULARY

# The link of a formula that is written with p, by kind of target, where none is said; with z there is none.
LINKS: Final[Mapping[str, str]] = {
    "binary": "sigmoid",
    "fraction": "sigmoid",
    "class": "softmax",
    "count": "exp",
    "nonnegative": "exp",
    "positive": "exp",
}

LEAVES: Final = ("y", "z", "p")
NAMING: Final = ("parameters", "columns", "heads")
"""What is said beside a formula that brings names into it."""


@lru_cache(maxsize=1)
def losses_by_name() -> Mapping[str, Definition]:
    """Every name and alias of the catalogue with its definition."""
    return {name: entry.definition for entry in catalogue.LOSSES for name in (entry.name, *entry.aliases)}


def read_formula(text: str, said: Mapping[str, Any]) -> Loss:
    """The loss of a formula text; `said` is what `lossmith.parse` takes beside it.

    Raises FormulaError LM150 where the losses in it take different targets, LM151 where it names none and no target is
    said, and what `formula.parse` raises.

    >>> read_formula("focal(gamma=1.5) + 0.5*dice", {}).target
    'binary'
    """
    known = {key: value for key, value in said.items() if value is not None}
    for key in set(NAMING) & set(known):
        check_shape(key, known[key])
    if isinstance(known.get("columns"), str):
        known["columns"] = (known["columns"],)
    if "target" not in known:
        known = _declared(text, known) | known
    words: dict[str, Any] = {**losses_by_name(), **leaves_of(known)}
    stages = known.pop("stages", {})
    definition = parse_definition(text, vocabulary=VOCABULARY, functions=words, **known)
    return Loss(with_stages(definition, stages))


def names_in(text: str) -> tuple[str, ...] | None:
    """The names in a formula text, in the order of the tree; None where it cannot be read.

    >>> names_in("where(y > z, 5, 1) * abs(y - z)")
    ('where', 'abs', 'y', 'z')
    """
    try:
        tree = ast.parse(scan(text).lstrip(), mode="eval")
    except (SyntaxError, RecursionError, MemoryError, ValueError):
        return None
    return tuple(dict.fromkeys(vertex.id for vertex in ast.walk(tree) if isinstance(vertex, ast.Name)))


def _declared(text: str, said: Mapping[str, Any]) -> dict[str, Any]:
    """What the losses that a text names say of target, link, heads and columns."""
    names = names_in(text) or ()
    named = [name for name in names if name in losses_by_name()]
    if named:
        return agreed(named)
    known = {*VOCABULARY, *LEAVES, *CONSTANTS, *(name for key in NAMING for name in said.get(key, ()))}
    if not names or not known.issuperset(names):
        return {"target": "real"}  # whatever is said, the parser refuses the text, and says what is wrong with it
    raise FormulaError(
        "LM151",
        'no loss is named here, so the kind of the target must be said: target="real" for numbers, '
        'target="binary" with link="sigmoid" for two classes (--target and --link on the command line).',
    )


def agreed(names: Iterable[str]) -> dict[str, Any]:
    """What these losses of the catalogue declare, where they agree.

    >>> agreed(["bce", "dice"])["link"]
    'sigmoid'
    """
    said = {name: losses_by_name()[name].declaration for name in names}
    kinds = {name: ", ".join(kind for _, kind in one.target) for name, one in said.items()}
    if len(set(kinds.values())) > 1:
        listed = "; ".join(f"{name}: {kind}" for name, kind in kinds.items())
        raise FormulaError(
            "LM150", f"the losses in this text take targets of different kinds and do not mix ({listed})."
        )
    first, links = next(iter(said.values())), {one.link for one in said.values()}
    columns = tuple(dict.fromkeys(column for one in said.values() for column in one.columns))
    found = {"target": dict(first.target), "columns": columns, "class_axis": first.class_axis, "on": first.on}
    if first.heads:
        return found | {"heads": dict(first.heads)}
    return found | {"link": links.pop() if len(links) == 1 else None}
