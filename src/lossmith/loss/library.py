"""The doors to a loss: by name, by a decorated function, by text, from JSON; and activations by name.

Comes in: names, functions, texts. Goes out: `Loss` objects and activations.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Final, Literal

from lossmith import catalogue
from lossmith.calculus.domain import refuse_empty
from lossmith.errors import ArgumentError, FormulaError, LossmithError
from lossmith.formula.definition import Parameter
from lossmith.formula.text import to_text
from lossmith.formula.trace import Domain
from lossmith.formula.trace import define as define_definition
from lossmith.loss.handle import Loss
from lossmith.loss.text.design import check_said, read_design
from lossmith.loss.text.formula import LINKS, read_formula
from lossmith.loss.text.scan import is_design
from lossmith.loss.text.stages import stages_of
from lossmith.numerics.interval import NAMED

FORMAT = 1
LONGEST_JSON = 200_000
LONGEST_NAME = 100


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
            raise ArgumentError("LM204", f"{definition.title}: {key} must be a number, got None.")
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
    return lambda function: _sound(Loss(made(function)))


def _sound(loss: Loss) -> Loss:
    """The loss, if its formula has a number anywhere; LM146 names the part that has none."""
    refuse_empty(loss.definition)
    return loss


def parse(text: str, *, target: str | Mapping[str, str] | None = None, **declaration: Any) -> Loss:
    """A loss from text; the names of the catalogue are functions in it. Never evaluates the text.

    A formula, or a design with combinators behind losses as they are written in Python. What the losses in the text
    declare need not be said; a formula of `y`, `z` and `p` alone needs a target (and a link, where it reads `p`).
    Raises `FormulaError` that names the column, and what combinators raise.

    >>> import lossmith as ls
    >>> ls.parse("where(y > z, 5, 1) * abs(y - z)", target="real").value([10.0], [8.0])
    10.0
    >>> ls.parse("bce.reweight(class_weight={0: 1, 1: 20})").gradient([1, 0], [0.0, 0.0]).round(4).tolist()
    [-0.4762, 0.0238]
    """
    said = {"target": target, **declaration}
    if is_design(text):
        return _sound(read_design(text, said))
    if target is None and not declaration:  # losses alone keep their names and parameters
        with suppress(FormulaError):
            return read_design(text, {})
    return _sound(read_formula(text, said))


def look_up(
    text: str, parameters: Mapping[str, Any], target: str | None = None, link: str | None = None
) -> tuple[Loss, str]:
    """A loss by name, or from a formula or design, and a remark on what was taken for granted (else an empty text).

    Words of a formula that are known by nothing but `parameters` are its parameters.

    >>> look_up("where(y > z, 5, 1) * abs(y - z)", {})[1]
    'The text names no loss, so the target is taken to be real; --target says another kind.'
    >>> look_up("a * abs(y - z)", {"a": 2.0})[0].parameters
    {'a': 2.0}
    """
    if text.strip().isidentifier():
        loss = get(text.strip(), **parameters)
        check_said(loss, {key: value for key, value in (("target", target), ("link", link)) if value is not None})
        return loss, ""
    loss, remark = look_up_unbound(text, parameters, target, link)
    return loss.bind(**parameters), remark


def look_up_unbound(
    text: str, declared: Mapping[str, Any], target: str | None = None, link: str | None = None
) -> tuple[Loss, str]:
    """The same with the values that parameters have by themselves; `declared` says those of words that nothing else knows."""
    if text.strip().isidentifier():
        return look_up(text, {}, target, link)
    said: dict[str, Any] = {"target": target, "link": link}
    reads_p = link is None and re.search(r"\bp\b", text) is not None
    if reads_p and target is not None:
        said["link"] = LINKS.get(target)
    if len(text) <= LONGEST_NAME:
        said["name"] = " ".join(text.split())
    try:
        return _declared(text, said, declared), ""
    except FormulaError as error:
        if error.code != "LM151":
            raise
        if reads_p:
            raise FormulaError("LM159", f'"{" ".join(text.split())}" {NO_LINK}') from None
        return _declared(text, said | {"target": "real"}, declared), REAL


UNKNOWN_WORD: Final = "LM137"


def _declared(text: str, said: dict[str, Any], declared: Mapping[str, Any]) -> Loss:
    """The loss of a text; if it has an unknown word, with those words as parameters that are declared."""
    try:
        return parse(text, **said)
    except FormulaError as error:
        words = {
            name: value for name, value in declared.items() if re.search(rf"\b{re.escape(name)}\b(?!\s*=[^=])", text)
        }
        if error.code != UNKNOWN_WORD or not words:
            raise
        return parse(text, **said, parameters=words)


REAL: Final = "The text names no loss, so the target is taken to be real; --target says another kind."
NO_LINK: Final = (
    "reads p, the prediction, and nothing says how it follows from the raw prediction z. "
    "Say the target, and the link if it is not the usual one: --target binary --link sigmoid."
)


def to_json(loss: Loss) -> str:
    """The loss as JSON text: formula, declaration, parameters, stages of its design; no code."""
    said = loss.declaration
    said["parameters"] = {
        p.name: {"value": loss.parameters[p.name], "domain": _interval_text(p)} for p in loss.definition.parameters
    }
    stages = stages_of(loss.definition, written=False)
    said |= {"stages": stages} if stages else {}
    return json.dumps({"lossmith": FORMAT, "formula": to_text(loss.definition.formula), "declaration": said})


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
    said = record["declaration"]
    try:
        if strange := set(said) - DECLARED:
            raise KeyError(*strange)
        said["columns"] = tuple(said.get("columns") or ())
        said["per"] = tuple(said.get("per") or ()) or None
        said["parameters"] = {k: (v["value"], v["domain"]) for k, v in (said.get("parameters") or {}).items()}
        return _sound(read_formula(record["formula"], said))
    except LossmithError:
        raise
    except (TypeError, ValueError, LookupError, AttributeError, ArithmeticError):
        raise FormulaError("LM141", NO_LOSS) from None


DECLARED: Final = frozenset(
    {"target", "link", "heads", "columns", "per", "class_axis", "on", "parameters", "source", "name", "stages"}
)
NO_LOSS: Final = "this is not the JSON of a loss; write one with loss.to_json()."


def _read(text: str) -> dict[str, Any]:
    """The JSON record, or one sentence that says what is wrong with it."""
    if len(text) > LONGEST_JSON:
        raise FormulaError("LM140", f"the JSON of a loss is at most {LONGEST_JSON} characters long, got {len(text)}.")
    try:
        record = json.loads(text)
        version = record["lossmith"]
        ready = isinstance(record["formula"], str) and isinstance(record["declaration"], dict)
    except (ValueError, TypeError, KeyError, RecursionError):
        raise FormulaError("LM141", NO_LOSS) from None
    if version != FORMAT or not ready:
        raise FormulaError("LM142", f"the JSON of a loss has format {FORMAT}, found {version!r}.")
    return dict(record)
