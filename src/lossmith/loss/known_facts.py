"""`facts`: everything that is known of a loss, each fact with its evidence, found when it is looked at.

Comes in: a loss, the name of one, or the text of a formula. Goes out: `KnownFacts`.
"""

from __future__ import annotations

import math
import re
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, is_dataclass, replace
from typing import Any, Final, final

import numpy as np

from lossmith.calculus.evidence import Fact
from lossmith.errors import ArgumentError, LossmithError
from lossmith.formula.definition import bound
from lossmith.loss.handle import Loss
from lossmith.loss.library import look_up, to_json

WIDTH: Final = 98
MARGIN: Final = 18


def facts(thing: Loss | str) -> KnownFacts:
    """What is known of a loss: of its shape (convex, Lipschitz ...) and of its meaning (estimates, noise model ...).

    `thing`: a loss, the name of one, or the text of a formula or design. Each fact is derived from the formula when it
    is looked at, never declared, and is `proved`, `sampled (n points)`, `refuted` by a counterexample, or `open`.
    The record gives facts by attribute (`.functional`) or one after the other, prints as a table, and `.to_dict()` is
    plain data. `.counterexample` of a refuted fact is Python text that runs and fails if the fact were true.

    Raises `ArgumentError` LM275 for anything else, LM206 for a parameter that is still to be bound.

    >>> import lossmith as ls
    >>> known = ls.facts("mae")
    >>> known.functional.value.text, known.functional.evidence
    ('median', 'proved')
    >>> known.noise_model.value.text
    'Laplace (sharp peak, long tails), scale 1, normaliser 2'
    >>> ls.facts("focal").proper.evidence
    'refuted'
    """
    if isinstance(thing, str):
        thing = look_up(thing, {})[0]
    if not isinstance(thing, Loss):
        raise ArgumentError(
            "LM275",
            f"facts are known of losses, got {type(thing).__name__}. Give a loss, the name of one, or a formula as text; "
            "of a function, lossmith.verify says what it does.",
        )
    bound(thing.definition, _set(thing))
    return KnownFacts(thing)


def _set(loss: Loss) -> dict[str, float]:
    return {name: value for name, value in loss.parameters.items() if value is not None}


@final
@dataclass(frozen=True, eq=False, repr=False)
class KnownFacts:
    """The facts of one loss, each derived when it is first looked at.

    >>> import lossmith as ls
    >>> [name for name, fact in ls.facts("bce") if name.endswith("proper")]
    ['proper', 'strictly_proper']
    """

    loss: Loss
    _found: dict[str, Fact[Any]] = field(default_factory=dict)

    def __getattr__(self, name: str) -> Fact[Any]:
        from lossmith.calculus.properties.table import PROPERTIES

        if name not in PROPERTIES:
            raise AttributeError(f"no fact is called {name!r}. Known: {', '.join(PROPERTIES)}.")
        if name not in self._found:
            self._found[name] = _with_code(self.loss, self._derived(name))
        return self._found[name]

    def _derived(self, name: str) -> Fact[Any]:
        from lossmith.calculus.properties.table import PROPERTIES

        try:
            with np.errstate(all="ignore"):  # facts are looked for out to infinity
                return PROPERTIES[name].find(self.loss.definition, _set(self.loss))
        except LossmithError as error:
            return Fact(None, "open", note=error.sentence)

    def __iter__(self) -> Iterator[tuple[str, Fact[Any]]]:
        return ((name, getattr(self, name)) for name in self.names)

    def __dir__(self) -> list[str]:
        return sorted({*object.__dir__(self), *self.names})

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all facts, in reading order."""
        from lossmith.calculus.properties.table import PROPERTIES

        return tuple(PROPERTIES)

    @property
    def holes(self) -> tuple[str, ...]:
        """The places where the loss of a row is no number, each in words: poles, and ends of what it is defined for.

        >>> import lossmith as ls
        >>> ls.facts("mse").holes, ls.facts(ls.parse("1/(z - 1.5)**2 + (y - z)**2", target="real")).holes[0]
        ((), 'the loss is no number at y=0, z=1.5: it grows without end on either side')
        """
        from lossmith.calculus.properties.cases import studied
        from lossmith.calculus.properties.holes import holes, words

        with np.errstate(all="ignore"):
            study = studied(self.loss.definition, _set(self.loss))
            if isinstance(study, str):
                return ()
            found = holes(study)
        alike = {(hole.raw, hole.below, hole.above): hole for hole in reversed(found)}  # one for all its targets
        return tuple(words(study, hole) for hole in reversed(alike.values()))

    @property
    def lines(self) -> tuple[str, ...]:
        """The table: fact, answer, evidence; long evidence goes on below."""
        from lossmith.calculus.properties.table import PROPERTIES, answer_text, arises

        rows = [(PROPERTIES[name], fact) for name, fact in self]
        said = [(row, fact, _why(fact) if arises(fact) else fact.note) for row, fact in rows]
        return tuple(line for row, fact, why in said for line in _line(row.title, answer_text(row, fact), why))

    def to_dict(self) -> dict[str, Any]:
        """All facts as plain data, for pages and JSON.

        >>> import lossmith as ls
        >>> ls.facts("mse").to_dict()["facts"]["functional"]["answer"]
        'mean'
        """
        from lossmith.calculus.properties.table import PROPERTIES, answer_text

        return {
            "loss": self.loss.name,
            "parameters": self.loss.parameters,
            "facts": {
                name: {"title": PROPERTIES[name].title, "answer": answer_text(PROPERTIES[name], fact), **_plain(fact)}
                for name, fact in self
            },
        }

    def __str__(self) -> str:
        return "\n".join([f"facts of {self.loss.name}, each with its evidence", *self.lines])

    __repr__ = __str__


def _why(fact: Fact[Any]) -> str:
    """The evidence in words, with the note of what was seen at points."""
    return f"sampled ({fact.points} points; {fact.note})" if fact.evidence == "sampled" and fact.note else fact.text


def _line(title: str, answer: str, evidence: str) -> list[str]:
    text = f"{title.ljust(MARGIN)}{answer}  [{evidence}]"
    return textwrap.wrap(text, WIDTH, subsequent_indent=" " * MARGIN, break_on_hyphens=False, drop_whitespace=True)


def _plain(fact: Fact[Any]) -> dict[str, Any]:
    value = asdict(fact.value) if is_dataclass(fact.value) and not isinstance(fact.value, type) else fact.value
    said: Mapping[str, Any] = {"evidence": fact.evidence, "points": fact.points, "note": fact.note}
    return {"value": _for_json(value), **said, "counterexample": fact.counterexample}


def _for_json(value: Any) -> Any:
    """Tuples as lists, and infinities as text: JSON has none."""
    if isinstance(value, dict):
        return {name: _for_json(part) for name, part in value.items()}
    if isinstance(value, tuple | list):
        return [_for_json(part) for part in value]
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def _with_code(loss: Loss, fact: Fact[Any]) -> Fact[Any]:
    """The fact whose counterexample runs alone: its first lines make the loss.

    Where they write its formula with numbers for parameters (0/0 may come of it), the loss itself takes its place.
    """
    code = fact.counterexample
    if code is None:
        return fact
    made = f'loss = ls.from_json({to_json(loss)!r}).using("numpy")'
    written = re.search(r"^loss = ls\.parse\(.*$", code, re.MULTILINE)
    if written is None:
        head = "" if "loss =" in code else f"import lossmith as ls\n{made}\n"
        return replace(fact, counterexample=head + code)
    if not (loss.definition.row_weights or loss.definition.ignored):
        code = code[: written.start()] + made + code[written.end() :]
    return replace(fact, counterexample=code)
