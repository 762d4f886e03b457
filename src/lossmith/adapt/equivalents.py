"""What a loss is called in other libraries, at the parameter values that it has.

Comes in: a loss. Goes out: `Equivalent` records: the library, code to write there, and a remark. The table is
`equivalents_rows`; a loss is known by its formula, so one that a user wrote is found as well.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from lossmith import catalogue
from lossmith.adapt.equivalents_rows import ROWS, Row
from lossmith.adapt.lightgbm_steps import builtin_of
from lossmith.formula.text import number_text
from lossmith.loss.handle import Loss


@dataclass(frozen=True)
class Equivalent:
    """A loss in another library: `code` is Python over `y_true`, `raw_prediction` and `y_pred`, or makes an object."""

    library: str
    code: str
    note: str


@dataclass(frozen=True)
class Match:
    """A row of the table that a loss fits, with its code at the loss's parameter values.

    `call`: what makes a number of the object that the code makes. `slope` and `bend` of a booster are times ours.
    """

    row: Row
    code: str
    slope: float
    bend: float | None


def of(loss: Loss) -> tuple[Equivalent, ...]:
    """The names of this loss in other libraries, each run beside ours by a test; empty where none is known.

    Of a loss that weighs, smooths or leaves out rows on top of its formula none is known.

    >>> import lossmith as ls
    >>> [found.code for found in of(ls.get("huber")) if found.library == "PyTorch"][:2]
    ['torch.nn.HuberLoss(delta=1)', 'torch.nn.SmoothL1Loss(beta=1)']
    >>> of(ls.parse("where(y > z, 0.9, 0.1) * abs(y - z)", target="real"))
    ()
    >>> of(ls.parse("(y - z)**2", target="real"))[0].code
    'torch.nn.MSELoss()'
    """
    return tuple(Equivalent(match.row.library, match.code, _note(match)) for match in matches(loss))


def matches(loss: Loss) -> Iterator[Match]:
    """The rows of the table that a loss fits, in their order."""
    name, numbers = _known_as(loss), loss.parameters
    if name is None or None in numbers.values():
        return
    texts = {key: number_text(value) for key, value in numbers.items() if value is not None}
    for row in ROWS:
        if row.loss == name and _is_for(row, numbers):
            yield Match(row, row.code.format(**texts), *_factors(loss, row))


def _is_for(row: Row, numbers: Mapping[str, float | None]) -> bool:
    given = all(numbers.get(key) == value for key, value in row.when.items())
    return given and not any(numbers.get(key) == value for key, value in row.unless.items())


def _known_as(loss: Loss) -> str | None:
    """The name in the table of the loss of the same formula, target and link, with nothing done to its rows."""
    definition = loss.definition
    plain = not definition.reweighting and definition.empty == "zero"
    return _names().get(definition.formula_hash) if plain else None


@lru_cache(maxsize=1)
def _names() -> Mapping[str, str]:
    found: dict[str, str] = {}
    for entry in catalogue.LOSSES:
        found[entry.definition.formula_hash] = entry.name
        found |= {other.formula_hash: f"{entry.name}({key})" for key, other in entry.when_given.items()}
    return found


def _factors(loss: Loss, row: Row) -> tuple[float, float | None]:
    """How a booster's gradient and curvature differ from ours: LightGBM's are those that its adapter knows."""
    known = builtin_of(loss) if row.library == "LightGBM" else None
    if known is None:
        return row.slope, row.bend
    return known.gradient, None if known.ones else known.hessian


LONGEST_CALL: Final = 40


def _note(match: Match) -> str:
    """The remark of a row; of a booster also how its numbers differ from the derivatives of ours."""
    row = match.row
    if row.relation == "boosts":
        said = ["as the objective", _times("gradient", match.slope), _curvature(match)]
    else:
        said = [row.note, f"called with {row.call}" if row.call and len(row.call) <= LONGEST_CALL else ""]
    return "; ".join(text for text in said if text)


def _times(what: str, factor: float) -> str:
    return "" if factor == 1 else f"its {what} is {factor:.4g} times ours"


def _curvature(match: Match) -> str:
    if match.row.own_leaves:
        return "it sets each leaf to a quantile of the residuals in it"
    if match.bend is None:
        return "its curvature is 1 for every row"
    said = _times("curvature", match.bend)
    return f"{said} ({match.row.note})" if said and match.row.note else said or match.row.note
