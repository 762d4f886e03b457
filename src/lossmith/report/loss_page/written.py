"""How a loss is written, so that what is written reads back as exactly this loss.

Comes in: a loss. Goes out: Python, and what the command line takes. Ways are tried from the shortest to the longest.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any, Final

from lossmith.errors import LossmithError
from lossmith.formula.text import number_text
from lossmith.loss.handle import Loss
from lossmith.loss.library import from_json, get, look_up, names, parse


def python_text(loss: Loss) -> str:
    """Python that makes this loss: by its name, as a design, as a formula, or from JSON; the first that reads back as it.

    >>> import lossmith as ls
    >>> python_text(ls.get("huber", delta=2)), python_text(ls.parse("2*bce + dice"))
    ('ls.get("huber", delta=2)', 'ls.parse("2 * binary_cross_entropy + dice(smooth=1)")')
    """
    return next(text for text, made in _written(loss) if made == loss)


def _written(loss: Loss) -> Iterator[tuple[str, Loss]]:
    """Ways to write a loss, with what each reads back as."""
    numbers: dict[str, Any] = _numbers(loss)
    said = "".join(f", {key}={number_text(value)}" for key, value in numbers.items())
    beside: tuple[dict[str, Any], ...] = ({}, {"on": "probability"})
    for given in beside if loss.name in names() else ():
        with suppress(LossmithError):
            on = "".join(f', {key}="{value}"' for key, value in given.items())
            yield f'ls.get("{loss.name}"{on}{said})', get(loss.name, **given, **numbers)
    with suppress(LossmithError, TypeError):
        if numbers and not loss.name.isidentifier():
            yield f"ls.parse({_literal(loss.name)})", parse(loss.name)
            yield f"ls.parse({_literal(loss.name)}){bound_text(numbers)}", parse(loss.name).bind(**numbers)
    text = loss.to_json()
    ways: tuple[tuple[str, dict[str, Any]], ...] = (
        (loss.name, {}),
        (loss.formula, _options(json.loads(text)["declaration"])),
    )
    for formula, options in ways:
        with suppress(LossmithError, TypeError):
            said = "".join(f", {key}={_literal(value)}" for key, value in options.items())
            yield f"ls.parse({_literal(formula)}{said})", parse(formula, **options)
    yield f"ls.from_json({text!r})", from_json(text)


def title_of(loss: Loss) -> str:
    """The name of a loss on its page: of a formula with parameters as it was typed, so that it is true of all sliders.

    >>> import lossmith as ls
    >>> title_of(ls.parse("a*abs(y - z)", target="real", parameters={"a": 2.0}, name="a*abs(y - z)")), title_of(ls.get("huber"))
    ('a*abs(y - z)', 'huber')
    """
    typed = loss.definition.name
    words = [re.escape(p.name) for p in loss.definition.parameters]
    as_word = bool(words) and not typed.isidentifier() and re.search(rf"\b({'|'.join(words)})\b(?!\s*=[^=])", typed)
    return typed if as_word else loss.name


def bound_text(numbers: Mapping[str, float]) -> str:
    """Parameters bound, as Python behind a loss.

    >>> bound_text({"alpha": 0.5})
    '.bind(alpha=0.5)'
    """
    return f".bind({', '.join(f'{key}={number_text(value)}' for key, value in numbers.items())})"


USUAL: Final[Mapping[str, Any]] = {"on": "raw", "class_axis": 1}


def _options(record: Mapping[str, Any]) -> dict[str, Any]:
    """What stands beside a formula: only what is not usual. A parameter has its value and its domain."""
    known = ("target", "link", "heads", "columns", "per", "class_axis", "on")
    found = {key: record[key] for key in known if record.get(key) and record[key] != USUAL.get(key)}
    kinds = found["target"]
    if isinstance(kinds, dict) and list(kinds) == ["y"]:
        found["target"] = kinds["y"]
    found |= {key: tuple(found[key]) for key in ("columns", "per") if key in found}
    numbers = {name: (one["value"], one["domain"]) for name, one in (record.get("parameters") or {}).items()}
    return (
        found
        | ({"parameters": numbers} if numbers else {})
        | ({"stages": record["stages"]} if record.get("stages") else {})
    )


def _literal(value: Any) -> str:
    """A value as Python; texts in double quotes, as people write them."""
    if isinstance(value, str) and value.isprintable() and '"' not in value and "\\" not in value:
        return f'"{value}"'
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_literal(key)}: {_literal(one)}" for key, one in value.items()) + "}"
    if isinstance(value, tuple):
        inside = ", ".join(map(_literal, value))
        return f"({inside},)" if len(value) == 1 else f"({inside})"
    return repr(value)


def _same(made: Loss, loss: Loss) -> bool:
    """Whether two losses are one at the values that their parameters have, whatever these have by themselves."""
    mine, theirs = made.definition.parameters, loss.definition.parameters
    if [(p.name, p.domain) for p in mine] != [(p.name, p.domain) for p in theirs]:
        return False
    return replace(made, definition=replace(made.definition, parameters=theirs)).bind(**_numbers(made)) == loss


def _numbers(loss: Loss) -> dict[str, float]:
    return {name: value for name, value in loss.parameters.items() if value is not None}


def command_text(loss: Loss) -> str | None:
    """The loss as the command line takes it, with its options; None where it has no place for all of it.

    >>> import lossmith as ls
    >>> command_text(ls.get("huber", delta=2)), command_text(ls.parse("(y - p)**2", target="binary", link="probit"))
    ('huber --set delta=2', "'(y - p) ** 2' --target binary --link probit")
    """
    numbers = _numbers(loss)
    kinds, link = loss.declaration["target"], loss.declaration.get("link")
    kind = kinds.get("y") if isinstance(kinds, dict) else kinds
    ways: tuple[tuple[str, dict[str, float], tuple[str | None, str | None]], ...] = (
        (loss.name, numbers, (None, None)),
        (loss.definition.name, numbers, (None, None)),  # a formula as it was typed, its parameters as words
        (loss.name, {}, (None, None)),
        (loss.formula, {}, (kind, link)),
    )
    for text, given, said in ways:
        with suppress(LossmithError, TypeError):
            if text.isprintable() and _same(look_up(text, given, *said)[0], loss):
                options = [
                    f"{key} {shlex.quote(one)}" for key, one in zip(("--target", "--link"), said, strict=True) if one
                ]
                options += [f"--set {key}={number_text(value)}" for key, value in given.items()]
                return " ".join([shlex.quote(text), *options])
    return None
