"""From a plain Python function to a definition: call it once with nodes in the places of its arguments.

Comes in: a function of named roles and parameters, and a declaration. Goes out: a `Definition`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any, cast

from lossmith.errors import FormulaError, did_you_mean
from lossmith.formula.definition import Definition, Parameter, check_definition
from lossmith.formula.node import Node, as_node, symbol
from lossmith.formula.roles import Declaration, declare, roles
from lossmith.numerics.interval import Interval, parse_interval

Domain = Mapping[str, str | Interval]


def trace(
    function: Callable[..., Any],
    declaration: Declaration,
    *,
    domain: Domain | None = None,
    source: str | None = None,
    name: str | None = None,
    choices: Mapping[str, object] | None = None,
) -> Definition:
    """Call the function with nodes. `choices` are arguments passed as plain Python values (None, names, flags)."""
    title = name or function.__name__
    leaves = roles(declaration).leaves
    fixed = dict(choices or {})
    arguments: dict[str, object] = {}
    parameters: list[Parameter] = []
    for key, parameter in inspect.signature(function).parameters.items():
        if key in leaves:
            arguments[key] = leaves[key]
        elif key in fixed or parameter.default is None:
            arguments[key] = fixed.get(key)
        else:
            parameters.append(_parameter(title, key, parameter, leaves, domain or {}))
            arguments[key] = symbol(key, "parameter")
    formula = _call(title, function, arguments)
    summary = inspect.getdoc(function) or ""
    return check_definition(Definition(title, formula, declaration, tuple(parameters), source or "", summary))


def _parameter(
    title: str, key: str, parameter: inspect.Parameter, leaves: Mapping[str, Node], domain: Domain
) -> Parameter:
    if parameter.default is inspect.Parameter.empty and parameter.kind is not inspect.Parameter.KEYWORD_ONLY:
        hint = did_you_mean(key, leaves) or f" Known here: {', '.join(leaves)}."
        raise FormulaError(
            "LM120",
            f'{title}: the argument "{key}" is neither a role nor a parameter with a default.{hint} '
            "y is the target, z the raw prediction, p the prediction. "
            "Declare extra columns with columns=, or put it after * to leave it unbound.",
        )
    default = None if parameter.default is inspect.Parameter.empty else parameter.default
    return parameter_of(title, key, default, domain.get(key, "real"))


def parameter_of(title: str, name: str, default: object, domain: str | Interval) -> Parameter:
    """A declared parameter; its default must be a number in its domain, or None where it must be bound."""
    interval = domain if isinstance(domain, Interval) else parse_interval(domain)
    if default is None:
        return Parameter(name, None, interval)
    try:
        if isinstance(default, str | bytes):
            raise TypeError
        number = float(cast(float, default))
    except (TypeError, ValueError, OverflowError):
        raise FormulaError("LM121", f"{title}: the default of {name} must be a number, found {default!r}.") from None
    if number not in interval:
        raise FormulaError("LM121", f"{title}: {name} must be {interval.describe()}, the default is {number:g}.")
    return Parameter(name, number, interval)


def _call(title: str, function: Callable[..., Any], arguments: Mapping[str, object]) -> Node:
    try:
        result = function(**arguments)
    except (TypeError, AttributeError) as error:
        if "Node" not in str(error):
            raise
        raise FormulaError("LM123", f"{title}: {_no_array(str(error))}") from error
    if result is None:
        raise FormulaError("LM122", f"{title}: the function returned nothing; it must return its formula.")
    return as_node(result)


def _no_array(fault: str) -> str:
    """What to write in place of methods and subscripts of arrays."""
    found = fault.replace("object of type 'Node'", "it").replace("'Node' object", "it").replace("'Node'", "a formula")
    return (
        f"the function is called once with formulas, which are no arrays: {found}. Write ls.mean(a) for a.mean() or "
        "sum(a) / len(a), ls.clip(a, low, high) for a.clip(low, high); rows and columns cannot be picked."
    )


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
) -> Callable[[Callable[..., Any]], Definition]:
    """Decorator: a plain function becomes a `Definition` (`lossmith.define` wraps it further into a `Loss`)."""
    declaration = declare(target, link, heads, columns, per, class_axis)
    return lambda function: trace(function, declaration, domain=domain, source=source, name=name)
