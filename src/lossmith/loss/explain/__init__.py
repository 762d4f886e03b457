"""A loss in plain words: what it estimates, how it treats errors, what it equals, what is divided by what.

Comes in: a definition and the values of its parameters. Goes out: a few lines for people. Every number in them is measured
from the formula, none is typed; what cannot be measured is said to be so.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Final

from lossmith.calculus.evidence import Fact
from lossmith.calculus.facts import Facts, facts
from lossmith.calculus.functional import NOT_NAMED, Functional
from lossmith.catalogue import find, on_probability
from lossmith.errors import LossmithError
from lossmith.formula.definition import Definition, bound
from lossmith.formula.text import to_text
from lossmith.loss.explain import effects_text as words
from lossmith.loss.explain.composition import composition
from lossmith.loss.explain.effects import is_number, pulls, sides
from lossmith.loss.explain.figures import listed, shift
from lossmith.loss.explain.nearest import beside_standard, nearest, standard_name
from lossmith.loss.explain.settling import (
    Settled,
    bears_out,
    implied,
    implied_classes,
    implied_weights,
    reach,
    settled,
    shares_of_classes,
)
from lossmith.loss.explain.view import View, view_of, whole

WIDTH: Final = 110


@lru_cache(maxsize=512)
def facts_of(definition: Definition, parameters: tuple[tuple[str, float], ...]) -> Facts:
    """The facts of a definition at parameter values, derived once."""
    return facts(definition, dict(parameters))


def explain(definition: Definition, parameters: Mapping[str, float] | None = None) -> str:
    """What a loss does at these values of its parameters (else their usual ones), and what it is made of.

    >>> import lossmith as ls
    >>> text = explain(ls.parse("where(y > z, 5, 1) * abs(y - z)", target="real").definition)
    >>> print("\\n".join(text.splitlines()[1:4]))
    A prediction 1 too low costs 5 times one 1 too high, at every size.
    Every error pulls as hard as any other, however large it is.
    Row by row it is exactly 6 * quantile(level=5/6) (equal at 278 points).
    """
    return _explained(definition, tuple(sorted((parameters or {}).items())))


@lru_cache(maxsize=256)
def _explained(definition: Definition, parameters: tuple[tuple[str, float], ...]) -> str:
    lines = [*effects(definition, dict(parameters)), *composition(definition, dict(parameters))]
    return "\n".join(wrapped(line) for line in lines)


def wrapped(line: str) -> str:
    """One line of text as lines of at most `WIDTH` characters, the later ones indented."""
    indent = " " * (len(line) - len(line.lstrip()) + 2)
    held = line.replace(" %", "\0%")  # a number keeps its sign
    return textwrap.fill(held, WIDTH, subsequent_indent=indent, break_long_words=False).replace("\0", " ")


def effects(definition: Definition, parameters: Mapping[str, float]) -> list[str]:
    """What a loss does, a sentence or two for each question; why nothing is said, where nothing can be."""
    view = view_of(definition, parameters)
    if isinstance(view, str):
        return [f"What it does cannot be measured: {view.removeprefix(f'{definition.title}: ')}"]
    named = _named(definition, parameters)
    if named.value.through:
        seen = view_of(definition, parameters, named.value.through)
        view = view if isinstance(seen, str) else seen
    parts = (_conditions(view), _estimates(view, named), _treats(view), _pulls(view), _standard(view))
    return [line for part in parts for line in part]


def _named(definition: Definition, parameters: Mapping[str, float]) -> Fact[Functional]:
    """What the form of the gradient says that is estimated."""
    try:
        numbers = bound(definition, dict(parameters))
        names = [p.name for p in definition.parameters]
        return facts_of(definition, tuple(zip(names, numbers, strict=True))).functional
    except LossmithError as error:
        return Fact(Functional(NOT_NAMED), "open", note=error.sentence)


def _conditions(view: View) -> Iterator[str]:
    """What is held fixed: columns that the formula reads, and the other heads."""
    held = [f"{name} = {value:g}" for name, value in view.columns.items()]
    held += [f"{leaf!r} = {value:g}" for leaf, value in view.others()]
    if held:
        heads = view.definition.declaration.heads
        alone = f" for {heads[0][0]} alone" if heads else ""
        yield f"What follows is measured{alone} where {listed(held)}."


# What it estimates ------------------------------------------------------------------------------------------------


def _estimates(view: View, named: Fact[Functional]) -> Iterator[str]:
    around = view.around
    if view.picks:
        yield "Only rows that are chosen pull: which these are changes as the model learns."
        view, around = whole(view), (*around, "chosen")
    by = [row.column for row in view.definition.row_weights if not row.mask and row.column]
    if by:
        yield words.weighed(by)
    answer = _of_numbers if is_number(view) else _of_outcomes
    said = list(answer(replace(view, around=around), named))
    if by:
        said = [line.replace("It estimates", "Of rows so counted, it estimates", 1) for line in said]
    yield from said or [f"What it estimates is not known here ({named.note or 'it has no name'})."]


def _of_numbers(view: View, named: Fact[Functional]) -> Iterator[str]:
    known = named.value
    if known.name != NOT_NAMED and not view.joint and bears_out(view, known):
        yield words.estimates(known.name, known.level, known.through, named.text)
    elif (found := settled(view)) is not None and not _held_up(view, found):
        yield words.settles(found, view.around)


def _held_up(view: View, found: Settled) -> bool:
    """Whether a finished number that turns round (a flood) has its minima elsewhere than the sum that it is made of."""
    if "abs" not in view.around:
        return False
    least = settled(whole(view))
    return least is None or abs(least.prediction - found.prediction) > 1e-3 * (1 + abs(found.prediction))


def _of_outcomes(view: View, named: Fact[Functional]) -> Iterator[str]:
    """A probability, a shifted one with the way back, or what is predicted in its place."""
    weights = implied_weights(view)
    if weights is not None:
        known = named.value.name == "probability"
        evidence = named.text if known and set(weights) == {1.0} else "measured"
        yield words.estimates_probability(weights, named.value.through if known else "", evidence, view.has_classes)
        yield from shift(weights)
        if view.has_classes and (most := reach(view)) < 1:
            yield words.reaches(most)
    elif view.has_classes:
        shares = shares_of_classes(view)[0]
        found = implied_classes(view, shares)
        yield from () if found is None else (words.implies_classes(tuple(shares), tuple(found)),)
    elif (said := implied(view)) is not None:
        yield words.implies(said, view.says_probabilities, view.joint)


# How it treats errors ---------------------------------------------------------------------------------------------


def _treats(view: View) -> Iterator[str]:
    found = sides(view)
    if found is not None:
        yield words.too_low_and_high(found) if is_number(view) else words.miss_and_alarm(found)


def _pulls(view: View) -> Iterator[str]:
    found = pulls(view)
    if found is None:
        return
    if is_number(view):
        yield words.errors_pull(found, view.joint or bool(view.around), "abs" in view.around)
        return
    usual = _log_loss(view)
    yield words.rows_pull(found, None if usual is None else pulls(usual), view.classes - 1 if view.has_classes else 0)
    if view.joint and view.kind == "binary":
        yield words.together_pulls(found)


def _log_loss(view: View) -> View | None:
    """Log loss for the same target and predictions, where they are probabilities."""
    if not view.says_probabilities:
        return None
    usual = find("cross_entropy" if view.has_classes else "binary_cross_entropy")
    given = view.definition.declaration.on == "probability"
    found = view_of(on_probability(usual) if given else usual)
    return None if isinstance(found, str) else found.with_classes(view.classes)


def _standard(view: View) -> Iterator[str]:
    """What it has in common with a standard loss, and whether it is one itself."""
    own, found = standard_name(view.definition), nearest(view)
    if found is None:
        yield f"It is {_itself(view, own)}." if own else "There is no standard loss of this kind to compare it with."
        return
    around = (*view.around, "chosen") if view.chosen else view.around
    read = "" if view.moved is None else to_text(view.moved)
    said = beside_standard(found, around, view.joint, read)
    start = f"It is {_itself(view, own)}; " if own else "" if found.exact else "Of the standard losses, "
    if own and not found.exact:
        start += "of the others, "
    rows = any(not row.mask for row in view.definition.row_weights)
    line = f"{start}{said}{', each row counted as it weighs' if rows and found.exact else ''}."
    yield f"{line[0].upper()}{line[1:]}"


def _itself(view: View, standard: str) -> str:
    return "a standard loss" if standard == view.definition.name else f"the standard loss {standard}"
