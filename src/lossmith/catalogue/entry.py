"""One row of the catalogue, and the forms of a loss that a name alone does not tell apart.

Comes in: definitions. Goes out: `Entry` rows, and definitions that take probabilities in place of raw predictions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from inspect import cleandoc

from lossmith.algebra.parts import Bound
from lossmith.errors import ArgumentError
from lossmith.formula.definition import Definition
from lossmith.formula.link import link_named


@dataclass(frozen=True)
class Entry:
    """A shipped loss: its definition, other names for it, and the form taken when an optional parameter is given.

    `when_given` maps a parameter whose default is None (`alpha` of focal) to the definition that has it as a number.
    """

    definition: Definition
    aliases: tuple[str, ...] = ()
    when_given: Mapping[str, Definition] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The name that `lossmith.get` takes."""
        return self.definition.name


def described(made: Bound, name: str, summary: str, source: str) -> Definition:
    """A shipped loss that is made from another by a combinator, under its own name.

    >>> from lossmith.algebra.targets import smooth
    >>> from lossmith.catalogue import find
    >>> described(smooth(Bound(find("bce")), 0.1), "smoothed", "Smoothed log loss.", "Szegedy et al. (2016)").name
    'smoothed'
    """
    return replace(made.definition, name=name, summary=cleandoc(summary), source=source)


def on_probability(definition: Definition) -> Definition:
    """The same loss of predictions that are probabilities (or another number on the target's scale) already.

    Raises LM270 where the loss has no link, so that raw predictions and predictions are the same thing anyway.

    >>> from lossmith.catalogue import find
    >>> on_probability(find("cross_entropy")).declaration.on
    'probability'
    """
    declaration = definition.declaration
    if declaration.on == "probability":
        return definition
    links = [link for _, link in declaration.heads] or [declaration.link or "identity"]
    if all(link_named(link).name == "identity" for link in links):
        raise ArgumentError(
            "LM270",
            f'{definition.title}: on="probability" needs a loss with a link, such as sigmoid or softmax; '
            "this one takes predictions on the target's scale already. Leave on= out.",
        )
    return replace(definition, declaration=replace(declaration, on="probability"))
