"""What the loss of a row depends on beside its target and the final output of the model.

Comes in: a definition. Goes out: a fact, read from the record: columns, weights of classes, shares of classes, numbers
that are fitted or set, other rows, groups.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from lossmith.calculus.evidence import Fact, example_part
from lossmith.formula.definition import Definition, resolved
from lossmith.formula.node import symbols, walk

NOTHING: Final = "the target and the final output alone"


def dependence(definition: Definition, parameters: Mapping[str, float] | None = None) -> Fact[tuple[str, ...]]:
    """What else a loss reads; an empty tuple where the target and the final output are all.

    >>> import lossmith as ls
    >>> dependence(ls.get("mse").definition).value, dependence(ls.get("dice").definition).value
    ((), ('all rows together',))
    """
    unset = [p.name for p in definition.parameters if p.default is None and p.name not in (parameters or {})]
    found = tuple(said for said in (read(definition) for read in READ) if said)
    found += (f"numbers to be set: {_listed(unset)}",) if unset else ()
    return Fact(found, "proved", note="" if found else NOTHING)


def _columns(definition: Definition) -> str:
    names = [leaf for leaf in definition.declaration.columns if leaf in map(repr, symbols(resolved(definition)))]
    return f"the columns {_listed(names)}" if len(names) > 1 else f"the column {names[0]}" if names else ""


def _listed(names: list[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def _weight_columns(definition: Definition) -> str:
    named = [
        ("the mask " if row.mask else "weights in the column ") + str(row.column) for row in definition.row_weights
    ]
    return ", ".join(named)


def _class_weights(definition: Definition) -> str:
    if not definition.weighs_classes:
        return ""
    fitted = any(row.column is None and row.classes is None for row in definition.reweighting)
    return "weights of the classes, fitted on training rows" if fitted else "weights of the classes"


def _priors(definition: Definition) -> str:
    if definition.priors is None:
        return ""
    return "shares of the classes" + ("" if definition.priors else ", fitted on training rows")


def _ignored(definition: Definition) -> str:
    return (
        f"leaves out rows with the target {_listed([str(k) for k in definition.ignored])}" if definition.ignored else ""
    )


def _other_rows(definition: Definition) -> str:
    root = resolved(definition)
    if "group" in definition.declaration.per:
        return "all rows of a group together"
    return "" if example_part(root) is not None else "all rows together"


def _other_classes(definition: Definition) -> str:
    """Entries of a row that are no classes of one target, yet look at each other."""
    kinds = {kind for _, kind in definition.declaration.target}
    coupled = any(n.op.startswith(("class_", "softmax", "log_softmax")) for n in walk(definition.formula))
    return "the other entries of a row" if coupled and not kinds & {"class", "simplex"} else ""


READ: Final[tuple[Callable[[Definition], str], ...]] = (
    _columns,
    _weight_columns,
    _class_weights,
    _priors,
    _ignored,
    _other_rows,
    _other_classes,
)
