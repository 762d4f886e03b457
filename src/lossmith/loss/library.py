"""The doors to a loss: by name, by a decorated function, by text, from JSON; and activations by name.

Comes in: names, functions, texts. Goes out: `Loss` objects and activations.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Literal

from lossmith import catalogue
from lossmith.errors import ArgumentError, FormulaError
from lossmith.formula.definition import Definition, Parameter, Reweighting
from lossmith.formula.parse import parse as parse_definition
from lossmith.formula.trace import Domain
from lossmith.formula.trace import define as define_definition
from lossmith.loss.handle import Loss
from lossmith.maths import VOCABULARY
from lossmith.numerics.interval import NAMED

FORMAT = 1
LONGEST_JSON = 200_000


def get(name: str, *, on: Literal["raw", "probability"] = "raw", **parameters: float | None) -> Loss:
    """A loss of the catalogue by name or alias, with its parameters bound.

    `on="probability"` takes predictions on the target's scale in place of raw ones (identity link, domain checked).
    Raises `ArgumentError` for an unknown name (with the closest known one) or a parameter outside its domain.

    >>> import lossmith as ls
    >>> ls.get("pinball", level=0.9).name
    'quantile'
    """
    given = {key: value for key, value in parameters.items() if value is not None}
    definition = catalogue.find(name, on=on, given=given)
    optional = {key for entry in catalogue.LOSSES for key in entry.when_given}
    for key, value in parameters.items():
        if value is None and key not in optional:
            raise ArgumentError("LM204", f"{definition.name}: {key} must be a number, got None.")
    return Loss(definition).bind(**given)


def names(target: str | None = None) -> tuple[str, ...]:
    """The names of all losses, or of those for a kind of target.

    >>> import lossmith as ls
    >>> "dice" in ls.names("binary")
    True
    """
    return catalogue.names(target)


def define(
    *,
    target: str | Mapping[str, str],
    link: str | None = None,
    heads: Mapping[str, str] | None = None,
    columns: tuple[str, ...] = (),
    per: str | tuple[str, ...] | None = None,
    class_axis: int | None = 1,
    domain: Domain | None = None,
    source: str | None = None,
    name: str | None = None,
) -> Callable[[Callable[..., Any]], Loss]:
    """Decorator: a plain Python function becomes a `Loss`.

    The arguments of the function are known by name: `y` (target), `z` (raw prediction), `p` (prediction), declared heads
    and columns; all others are parameters, with a default, or keyword-only without one (to be bound before use).

    >>> import lossmith as ls
    >>> @ls.define(target="binary", link="sigmoid")
    ... def missed_fraud(y, p, miss=20.0):
    ...     return -miss * y * ls.log(p) - (1 - y) * ls.log(1 - p)
    >>> missed_fraud(miss=35).per_example([1, 0], [0.0, 0.0]).round(3).tolist()
    [24.26, 0.693]
    """
    made = define_definition(
        target=target, link=link, heads=heads, columns=columns, per=per, class_axis=class_axis, domain=domain,
        source=source, name=name,
    )  # fmt: skip
    return lambda function: Loss(made(function))


def parse(text: str, *, target: str | Mapping[str, str], **declaration: Any) -> Loss:
    """A loss from text; the names of the catalogue are functions in it. Never evaluates the text.

    >>> import lossmith as ls
    >>> ls.parse("where(y > z, 5, 1) * abs(y - z)", target="real").value([10.0], [8.0])
    10.0
    """
    known = {entry.name: entry.definition for entry in catalogue.LOSSES}
    for entry in catalogue.LOSSES:
        known.update(dict.fromkeys(entry.aliases, entry.definition))
    return Loss(parse_definition(text, target=target, vocabulary=VOCABULARY, functions=known, **declaration))


def to_json(loss: Loss) -> str:
    """The loss as JSON text: formula, declaration, parameters, weights by class; no code."""
    said = loss.declaration
    said["parameters"] = {
        p.name: {"value": loss.parameters[p.name], "domain": _interval_text(p)} for p in loss.definition.parameters
    }
    rows = [{"classes": row.classes, "column": row.column} for row in loss.definition.reweighting]
    return json.dumps({"lossmith": FORMAT, "formula": loss.formula, "declaration": said, "reweighting": rows})


def _interval_text(parameter: Parameter) -> str:
    """The domain as `parse_interval` reads it: by name where it has one."""
    i = parameter.domain
    ends = f"{'(' if i.low_open else '['}{i.low!r}, {i.high!r}{')' if i.high_open else ']'}"
    return next((name for name, known in NAMED.items() if known == i), ends)


def from_json(text: str) -> Loss:
    """A loss from `Loss.to_json`; checked like any text of a user.

    >>> import lossmith as ls
    >>> ls.from_json(ls.get("huber", delta=2).to_json()).parameters
    {'delta': 2.0}
    """
    record = _read(text)
    said = {str(k): v for k, v in record["declaration"].items()}
    said["columns"] = tuple(said.get("columns") or ())
    said["per"] = tuple(said.get("per") or ()) or None
    said["parameters"] = {k: (v["value"], v["domain"]) for k, v in (said.get("parameters") or {}).items()}
    loss = parse(record["formula"], **said)
    rows = tuple(
        Reweighting(None if r["classes"] is None else tuple((int(k), float(w)) for k, w in r["classes"]), r["column"])
        for r in record.get("reweighting", ())
    )
    return Loss(_with(loss.definition, rows), loss.values)


def _with(definition: Definition, rows: tuple[Reweighting, ...]) -> Definition:
    from dataclasses import replace

    return replace(definition, reweighting=rows) if rows else definition


def _read(text: str) -> dict[str, Any]:
    """The JSON record, or one sentence that says what is wrong with it."""
    if len(text) > LONGEST_JSON:
        raise FormulaError("LM140", f"the JSON of a loss is at most {LONGEST_JSON} characters long, got {len(text)}.")
    try:
        record = json.loads(text)
        version = record["lossmith"]
        ready = isinstance(record["formula"], str) and isinstance(record["declaration"], dict)
    except (ValueError, TypeError, KeyError, RecursionError):
        raise FormulaError("LM141", "this is not the JSON of a loss; write one with loss.to_json().") from None
    if version != FORMAT or not ready:
        raise FormulaError("LM142", f"the JSON of a loss has format {FORMAT}, found {version!r}.")
    return dict(record)
