"""The stages of a design beside its formula, as plain data that JSON can hold.

Comes in: a definition. Goes out: a mapping of the stages that it has (none for a plain formula); and from a mapping, which
may come from a file of anyone's, the definition with these stages, or an error that says which one cannot be read.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any, Final, NoReturn

from lossmith.algebra.targets import EMPTY_RULES
from lossmith.errors import FormulaError, LossmithError
from lossmith.formula.definition import Definition, Reweighting, check_definition
from lossmith.formula.node import Node, symbols
from lossmith.formula.parse import arguments
from lossmith.formula.parse import parse as parse_definition
from lossmith.formula.roles import EXAMPLE_SHARE, declare, roles
from lossmith.formula.text import to_text
from lossmith.maths import VOCABULARY

CLASSED: Final = frozenset({"binary", "fraction", "class", "simplex"})
LARGEST_ERROR: Final = 1e-6  # priors add up to 1 as far as people round them


def stages_of(definition: Definition, *, written: bool = True) -> dict[str, Any]:
    """The stages that differ from those of a plain formula; `written`: without a smoothing that `definition.written` has.

    >>> import lossmith as ls
    >>> stages_of(ls.get("bce").reweight([1, 20]).definition)
    {'reweighting': [{'classes': [[0, 1.0], [1, 20.0]], 'column': None, 'beta': None, 'mask': False}]}
    >>> smoothed = ls.get("bce").smooth(0.1).definition
    >>> stages_of(smoothed), stages_of(smoothed, written=False)
    ({}, {'smoothing': ['epsilon']})
    """
    inside = {"smoothing"} if written and not definition.weighs_classes else set()
    found = {key: getattr(definition, key) for key in _READ if key not in inside and not _is_plain(key, definition)}
    return {key: _WRITTEN.get(key, list)(value) for key, value in found.items()}


def stages_said(definition: Definition) -> dict[str, Any]:
    """What a declaration says of stages: nothing where there are none.

    >>> import lossmith as ls
    >>> stages_said(ls.get("mse").definition), stages_said(ls.get("mse").empty("nan").definition)
    ({}, {'stages': {'empty': 'nan'}})
    """
    stages = stages_of(definition)
    return {"stages": stages} if stages else {}


def _is_plain(key: str, definition: Definition) -> bool:
    value = getattr(definition, key)
    return value is None if key in ("priors", "reading") else value in ((), "zero")


_WRITTEN: Final[Mapping[str, Callable[[Any], Any]]] = {
    "reweighting": lambda rows: [{**asdict(row), "classes": _lists(row.classes)} for row in rows],
    "reading": to_text,
    "empty": str,
}


def _lists(pairs: Sequence[tuple[int, float]] | None) -> list[list[float]] | None:
    return None if pairs is None else [list(pair) for pair in pairs]


def leaves_of(said: Mapping[str, Any]) -> dict[str, Callable[..., Node]]:
    """The leaves that only designs have, as words of a formula text: shares of entries, and class priors if said."""
    found = {"example_share": _word("example_share", EXAMPLE_SHARE)}
    if "priors" in (said.get("stages") or {}):
        given = {key: said[key] for key in ("link", "heads", "per", "class_axis", "on") if said.get(key) is not None}
        declaration = declare(said["target"], columns=tuple(said.get("columns") or ()), **given)
        found["log_prior"] = _word("log_prior", roles(declaration).log_prior)
    return found


def _word(name: str, leaf: Node) -> Callable[..., Node]:
    def build(**numbers: float) -> Node:
        if numbers:
            raise FormulaError("LM135", f"{name} takes no numbers.")
        return leaf

    return build


def with_stages(definition: Definition, stages: Mapping[str, Any]) -> Definition:
    """The definition with stages from a mapping; LM143 for what cannot be one.

    >>> import lossmith as ls
    >>> ls.parse("-y*log(p)", target="binary", link="sigmoid", stages={"ignored": [-1]}).definition.ignored
    (-1,)
    """
    found: dict[str, Any] = {}
    for key, value in stages.items():
        if key not in _READ:
            _refuse(key, f"is not known (there are {', '.join(_READ)})")
        try:
            found[key] = _READ[key](definition, value)
        except LossmithError:
            raise
        except (TypeError, ValueError, LookupError, AttributeError, ArithmeticError):
            _refuse(key, "cannot be read")
    return check_definition(replace(definition, **found))


def _refuse(stage: str, why: str) -> NoReturn:
    raise FormulaError("LM143", f"the stage {stage!r} of this loss {why}; write a loss with loss.to_json().")


def _require(condition: bool, stage: str, why: str) -> None:
    if not condition:
        _refuse(stage, why)


def _kind(definition: Definition) -> str:
    return definition.declaration.target[0][1]


def _ignored(definition: Definition, value: Any) -> tuple[int, ...]:
    found = tuple(sorted({int(index) for index in value}))
    _require(list(found) == sorted({*value}) and _kind(definition) in CLASSED, "ignored", "needs whole class numbers")
    return found


def _smoothing(definition: Definition, value: Any) -> tuple[str, ...]:
    rates = {p.name for p in definition.parameters if p.domain.low >= 0 and p.domain.high <= 1}
    _require(isinstance(value, list | tuple) and rates.issuperset(value), "smoothing", "needs parameters in [0, 1)")
    _require(_kind(definition) in CLASSED, "smoothing", "needs a target of classes")
    return tuple(value)


def _reweighting(definition: Definition, value: Any) -> tuple[Reweighting, ...]:
    return tuple(_row(definition, dict(row)) for row in value)


def _row(definition: Definition, row: Mapping[str, Any]) -> Reweighting:
    found = Reweighting(**row)
    if found.column is not None:
        known = found.column in definition.declaration.columns and found.classes is None and found.beta is None
        _require(known, "reweighting", f"needs {found.column!r} among the columns")
        return replace(found, mask=bool(found.mask))
    _require(_kind(definition) in CLASSED and not found.mask, "reweighting", "needs a target of classes")
    if found.beta is not None:
        _require(0 <= found.beta < 1 and found.classes is None, "reweighting", "needs a beta in [0, 1)")
        return replace(found, beta=float(found.beta))
    if found.classes is None:
        return found
    pairs = tuple((int(index), float(weight)) for index, weight in found.classes)
    sound = all(index >= 0 and math.isfinite(weight) and weight >= 0 for index, weight in pairs)
    _require(sound, "reweighting", "needs weights that are finite and not negative")
    return replace(found, classes=pairs)


def _priors(definition: Definition, value: Any) -> tuple[float, ...] | None:
    shares = tuple(float(share) for share in value)
    sound = not shares or (all(0 < share < 1 for share in shares) and abs(sum(shares) - 1) <= LARGEST_ERROR)
    _require(sound and _kind(definition) in CLASSED, "priors", "needs the share of each class, together 1")
    return shares


def _reading(definition: Definition, value: Any) -> Node:
    """A formula of the raw prediction alone."""
    said = arguments(definition) | {"link": None, "name": "reading"}
    _require(isinstance(value, str) and not definition.declaration.heads, "reading", "is a formula of z")
    per = definition.declaration.per
    said["per"] = (*per, *(axis for axis in ("class",) if definition.declaration.has_classes and axis not in per))
    found = parse_definition(value, vocabulary=VOCABULARY, **said).formula
    known = {*symbols(found, role="raw"), *symbols(found, role="parameter")}
    _require(known.issuperset(symbols(found)), "reading", "is a formula of z")
    return found


def _empty(definition: Definition, value: Any) -> str:
    _require(value in EMPTY_RULES, "empty", f"is one of {', '.join(EMPTY_RULES)}")
    return str(value)


_READ: Final[Mapping[str, Callable[[Definition, Any], Any]]] = {
    "smoothing": _smoothing,
    "ignored": _ignored,
    "reweighting": _reweighting,
    "priors": _priors,
    "reading": _reading,
    "empty": _empty,
}
