"""The maps between a raw prediction and the target's scale.

Comes in: the name of a link. Goes out: its inverse as formula nodes, and where its image lies.
A *row map* (softmax) looks at the whole class axis; the others work on each number alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from lossmith.errors import FormulaError, did_you_mean
from lossmith.formula.node import Node, constant, make


@dataclass(frozen=True)
class Link:
    """`inverse(z)` builds p from z; `image` names the domain of p; `row` is true for maps over the class axis."""

    name: str
    inverse: Callable[[Node], Node]
    image: str
    text: str
    row: bool = False


def _probit(z: Node) -> Node:
    return constant(0.5) * (constant(1.0) + make("erf", z / make("sqrt", constant(2.0))))


def _cloglog(z: Node) -> Node:
    return -make("expm1", -make("exp", z))


LINKS: Final[dict[str, Link]] = {
    row.name: row
    for row in (
        Link("identity", lambda z: z, "real", "p = z"),
        Link("sigmoid", lambda z: make("sigmoid", z), "fraction", "p = 1 / (1 + exp(-z))"),
        Link("exp", lambda z: make("exp", z), "positive", "p = exp(z)"),
        Link("softplus", lambda z: make("softplus", z), "positive", "p = log(1 + exp(z))"),
        Link("tanh", lambda z: make("tanh", z), "real", "p = tanh(z)"),
        Link("cloglog", _cloglog, "fraction", "p = 1 - exp(-exp(z))"),
        Link("probit", _probit, "fraction", "p = normal distribution function of z"),
        Link("softmax", lambda z: make("softmax", z), "simplex", "p_k = exp(z_k) / sum of exp(z)", row=True),
    )
}


def link_named(name: str | None) -> Link:
    """The link of that name; None is the identity.

    >>> link_named("sigmoid").image
    'fraction'
    """
    found = LINKS.get(name or "identity")
    if found is None:
        hint = did_you_mean(str(name), LINKS)
        raise FormulaError("LM110", f'there is no link "{name}". Known: {", ".join(LINKS)}.{hint}')
    return found
