"""Losses → numbered plans: generated functions of tensors for value, gradient and hessian-vector products.

Comes in: a loss and what is wanted of it. Goes out: a number; `plan_of(number)` is the plan, built once a process and
outside of any tracing. A tracer sees the number as a constant and the plan as plain data and one plain function, so that
nothing is compiled again when other plans are made.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import count
from threading import Lock
from types import SimpleNamespace
from typing import Any, Final

from lossmith.adapt.in_torch.plain_mixed import MIXED, mixed_program
from lossmith.adapt.in_torch.plain_rows import Layout, constant_in_graphs, layout_of, leaf_nodes
from lossmith.adapt.in_torch.plain_words import in_one_word
from lossmith.compiler import BY, direction, program
from lossmith.emit import torch_prelude
from lossmith.emit.to_torch import program_text
from lossmith.formula.definition import Definition
from lossmith.formula.node import Node
from lossmith.formula.roles import WEIGHT
from lossmith.kernel.program import Program
from lossmith.loss.handle import Loss

PLANS: Final = SimpleNamespace()
WEIGHT_NAME: Final = "sample_weight"
_NUMBERS: Final = count()
_LOCK: Final = Lock()
_NOTED: Final[dict[Loss, int]] = {}


@dataclass(frozen=True, eq=False)
class Plan:
    """One thing that is wanted of a loss, as a function of tensors; `wide`: computed in float64 where rows are float32.

    `empty` is the value without rows, None if that is an error. `by_leaf` names what each leaf is differentiated by.
    """

    loss: Loss
    layout: Layout
    wanted: str
    weighted: bool
    per_row: bool
    heads: bool
    empty: float | None
    by_leaf: tuple[str, ...]
    chooses: bool
    text: str
    run: Callable[..., tuple[Any, ...]]
    wide: bool = False


def plan_of(number: int) -> Plan:
    """The plan of that number."""
    plan: Plan = getattr(PLANS, f"plan{number}")
    return plan


def key_of(loss: Loss) -> int:
    """Note a loss, so that a graph can name it by a number; equal losses have one."""
    with _LOCK:
        return _NOTED.setdefault(loss, len(_NOTED))


@constant_in_graphs
def number_by(key: int, wanted: str, weighted: bool) -> int:
    """The number of the plan for what is wanted of a noted loss."""
    loss = next(loss for loss, number in _NOTED.items() if number == key)
    return _number(loss.definition, loss.values, wanted, weighted)


@constant_in_graphs
def number_of(loss: Loss, wanted: str, weighted: bool) -> int:
    """The number of the plan for what is wanted; built at the first call."""
    return _number(loss.definition, loss.values, wanted, weighted)


@constant_in_graphs
def linked(number: int, wanted: str) -> int:
    """The number of the plan of the same loss for something else."""
    plan = plan_of(number)
    return _number(plan.loss.definition, plan.loss.values, wanted, plan.weighted)


@lru_cache(maxsize=4096)
def _number(definition: Definition, values: tuple[tuple[str, float], ...], wanted: str, weighted: bool) -> int:
    from lossmith.adapt.in_torch.plain_arithmetic import settled

    plan = settled(made(Loss(definition, values), wanted, weighted))
    with _LOCK:
        number = next(_NUMBERS)
        setattr(PLANS, f"plan{number}", plan)
    return number


def made(loss: Loss, wanted: str, weighted: bool) -> Plan:
    """A plan, before anything is known of its accuracy."""
    definition, parameters = loss.definition, loss._request().parameters
    plan = in_one_word(_program(definition, wanted, weighted))
    text = program_text(plan, _where(definition), parameters, weighted)
    leaves = leaf_nodes(definition)
    names = {leaf: name for name, leaf in definition.roles.leaves.items()}
    return Plan(
        loss,
        layout_of(loss),
        wanted,
        weighted,
        wanted.startswith("per_example"),
        bool(definition.declaration.heads),
        {"zero": 0.0, "nan": float("nan")}.get(definition.empty),
        tuple(names.get(leaf, "") for leaf in leaves),
        plan.chooses,
        text,
        function_of(text),
    )


def _program(definition: Definition, wanted: str, weighted: bool) -> Program:
    name, _, by = wanted.partition(BY)
    if name in MIXED.values():
        per_row = name == MIXED[True]
        return mixed_program(definition, per_row, None if by == WEIGHT_NAME else by, weighted, wanted)
    return program(definition, (wanted,), weighted)


def function_of(text: str) -> Callable[..., tuple[Any, ...]]:
    """Compile generated text; its only names are those of the prelude."""
    found: dict[str, Any] = {}
    exec(compile(text, "<lossmith torch text>", "exec"), vars(torch_prelude), found)
    function: Callable[..., tuple[Any, ...]] = found["run"]
    return function


def _where(definition: Definition) -> Mapping[Node, str]:
    """Where the text finds every leaf."""
    heads = bool(definition.declaration.heads)
    found: dict[Node, str] = {WEIGHT: "w"}
    for j, leaf in enumerate(definition.roles.raw):
        column = f"[:, {j}:{j + 1}]" if heads else ""
        found[leaf], found[direction(leaf)] = f"raw{column}", f"v{column}"
    return found | {leaf: f"leaves[{j}]" for j, leaf in enumerate(leaf_nodes(definition))}
