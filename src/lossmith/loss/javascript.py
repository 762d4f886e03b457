"""A loss as JavaScript: what a page embeds for it, and one file that runs by itself.

Comes in: a loss, or its definition with parameter values. Goes out: text. A page embeds `prelude()` once, and for every
loss the expression of its object: `const LOSSES = [object, ...]`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from lossmith.compiler import expressions, program
from lossmith.emit.to_js import module_text, object_text
from lossmith.emit.to_js import prelude as prelude
from lossmith.formula.definition import Definition, linked
from lossmith.formula.text import with_numbers
from lossmith.stable.forms import in_plain_operations

if TYPE_CHECKING:
    from lossmith.loss.handle import Loss

OF_ROWS = (("value", "per_example"), ("gradient", "per_example_gradient"), ("per_example_hessian",))
OF_ALL = (("value",), ("gradient",))


def javascript_object(loss: Loss) -> str:
    """A JavaScript expression for the object of a loss, to stand behind `prelude()`.

    The object has `name`, `parameters`, `domains`, `shape`, `value(y, z, options)`, `gradient`, `predict(z, options)`, and
    `perExample`, `perExampleGradient`, `perExampleHessian` where the total is a sum over rows. Raises `ArgumentError`
    where a parameter is unbound, `UnsupportedError` LM480 for losses of several heads with classes.

    >>> import lossmith as ls
    >>> "perExampleHessian" in javascript_object(ls.get("huber"))
    True
    """
    request = loss._request()
    return object_of(request.definition, request.parameters)


def object_of(definition: Definition, parameters: Mapping[str, float]) -> str:
    """The same for a definition and the values of its parameters."""
    wanted = OF_ALL if expressions(definition).per_example is None else OF_ROWS
    programs = [program(definition, names, True) for names in wanted]
    formulas = linked(definition)
    predicted = [in_plain_operations(formulas[p]) for p, _, _ in definition.roles.linked]
    return object_text(definition, with_numbers(definition.name, parameters), parameters, programs, predicted)


def javascript_source(definition: Definition, parameters: Mapping[str, float]) -> str:
    """An ES module with one loss: `import { loss } from "./loss.js"`."""
    return module_text(object_of(definition, parameters))
