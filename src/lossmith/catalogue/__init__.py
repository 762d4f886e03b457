"""The losses and activations that come with Lossmith: one explicit list of each.

Comes in: a name. Goes out: its `Definition` (or `Activation`), or an error with the closest known name.
A new loss is ten lines in a family file and one row here.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from lossmith.catalogue.absolute import absolute_error
from lossmith.catalogue.activations import ACTIVATIONS, Activation, find_activation
from lossmith.catalogue.amounts import gamma_likelihood, log_normal, tweedie
from lossmith.catalogue.binary import binary_cross_entropy, brier, focal, weighted_focal
from lossmith.catalogue.classes import cross_entropy, label_smoothed_cross_entropy, softmax_focal
from lossmith.catalogue.counts import gamma, poisson
from lossmith.catalogue.distributions import distribution_cross_entropy, kl_divergence
from lossmith.catalogue.entry import Entry, on_probability
from lossmith.catalogue.grades import ordinal
from lossmith.catalogue.masses import negative_binomial, poisson_likelihood, zero_inflated_poisson
from lossmith.catalogue.overlap import dice, tversky
from lossmith.catalogue.quantiles import expectile, quantile
from lossmith.catalogue.robust import huber, log_cosh
from lossmith.catalogue.squared import half_squared_error, rmse, squared_error, sum_of_squares_half
from lossmith.catalogue.symmetric import gaussian, laplace, logistic, student_t
from lossmith.errors import ArgumentError, did_you_mean
from lossmith.formula.definition import Definition

LOSSES: Final[tuple[Entry, ...]] = (
    Entry(squared_error, aliases=("mse",)),
    Entry(half_squared_error),
    Entry(sum_of_squares_half),
    Entry(rmse),
    Entry(absolute_error, aliases=("mae",)),
    Entry(huber),
    Entry(log_cosh),
    Entry(quantile, aliases=("pinball",)),
    Entry(expectile),
    Entry(gaussian),
    Entry(laplace),
    Entry(student_t),
    Entry(logistic),
    Entry(poisson),
    Entry(gamma),
    Entry(tweedie),
    Entry(poisson_likelihood),
    Entry(negative_binomial),
    Entry(zero_inflated_poisson),
    Entry(gamma_likelihood),
    Entry(log_normal),
    Entry(binary_cross_entropy, aliases=("bce", "log_loss")),
    Entry(brier),
    Entry(focal, when_given={"alpha": weighted_focal}),
    Entry(cross_entropy, aliases=("ce",)),
    Entry(label_smoothed_cross_entropy),
    Entry(softmax_focal),
    Entry(ordinal),
    Entry(dice),
    Entry(tversky),
    Entry(distribution_cross_entropy),
    Entry(kl_divergence),
)

ON: Final = ("raw", "probability")

# Kinds of target that a loss must declare to take targets of this kind, the closest first.
TAKES: Final[dict[str, tuple[str, ...]]] = {
    "real": ("real",),
    "nonnegative": ("nonnegative", "real"),
    "positive": ("positive", "nonnegative", "real"),
    "count": ("count", "nonnegative", "real"),
    "fraction": ("fraction", "binary"),
    "binary": ("binary",),
    "class": ("class",),
    "simplex": ("simplex", "class"),
    "ordinal": ("ordinal", "class"),
}


def find(name: str, *, on: str = "raw", given: Iterable[str] = ()) -> Definition:
    """The definition of a loss by name or alias.

    `on="probability"` takes probabilities in place of raw predictions. `given` names the parameters about to be
    bound: some (`alpha` of focal) are absent from the formula until they are given.
    Raises LM271 for an unknown name, LM272 for an unknown `on`, LM270 where the loss has no link.

    >>> find("mse").name
    'squared_error'
    >>> [p.name for p in find("focal").parameters], [p.name for p in find("focal", given=["alpha"]).parameters]
    (['gamma'], ['gamma', 'alpha'])
    """
    entry = _BY_NAME.get(name) if isinstance(name, str) else None
    if entry is None:
        raise ArgumentError("LM271", f'there is no loss "{name}".{_advice(name, _BY_NAME)}')
    if on not in ON:
        raise ArgumentError("LM272", f'on= must be "raw" or "probability", got {on!r}.')
    definition = next((d for key, d in entry.when_given.items() if key in set(given)), entry.definition)
    return on_probability(definition) if on == "probability" else definition


def names(target: str | None = None) -> tuple[str, ...]:
    """The names of the losses, all or those that take this kind of target, in the order of the list.

    >>> names("positive")[-2:]
    ('gamma_likelihood', 'log_normal')
    """
    if target is None:
        return tuple(entry.name for entry in LOSSES)
    if target not in TAKES:
        raise ArgumentError("LM273", f'there is no target kind "{target}".{_advice(target, TAKES)}')
    return tuple(e.name for e in LOSSES if e.definition.declaration.target[0][1] in TAKES[target])


def _advice(name: str, known: Iterable[str]) -> str:
    known = list(known)
    return did_you_mean(str(name), known) or f" Known: {', '.join(sorted(known))}."


_BY_NAME: Final[dict[str, Entry]] = {key: entry for entry in LOSSES for key in (entry.name, *entry.aliases)}

__all__ = [
    "ACTIVATIONS",
    "LOSSES",
    "TAKES",
    "Activation",
    "Entry",
    "find",
    "find_activation",
    "names",
    "on_probability",
]
