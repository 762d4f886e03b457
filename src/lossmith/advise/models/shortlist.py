"""Choose losses to try: a `Profile` and an `Aim` come in, candidates with a reason each go out.

The choice is one table, `ROWS`: every row whose kinds and condition hold gives a candidate, in this order, up to `MOST`.
All of them are sums over rows, so that a booster can train under them.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np

from lossmith.advise.look.aim import Aim
from lossmith.advise.look.profile import Profile
from lossmith.advise.models.candidate import Candidate, is_json, loss_of
from lossmith.advise.models.facts import Prior, facts_of
from lossmith.advise.models.model import own_objective
from lossmith.advise.models.rows import ROWS, Facts, Row
from lossmith.algebra.reweight import class_weights
from lossmith.catalogue import TAKES
from lossmith.errors import DataError, LossmithError

if TYPE_CHECKING:
    from lossmith.loss import Loss

MOST: Final = 8


def shortlist(
    profile: Profile,
    aim: Aim,
    formulas: tuple[str | Loss, ...] = (),
    *,
    most: int = MOST,
    model: str = "boosted",
    first: Prior | None = None,
) -> tuple[Candidate, ...]:
    """Return the losses that fit the target and the aim, the default first, the library's own objective last.

    `formulas` are losses of the user's: names, texts of formulas or designs, or losses; all are tried. `first` holds a
    first model's predictions of rows that it did not see, from which losses get their scales. Raises `DataError` LM515
    for one that cannot be read, that does not take this kind of target, or that is no sum over rows.

    >>> import polars as pl
    >>> from lossmith.advise.look.aim import aim_of
    >>> from lossmith.advise.look.profile import profile
    >>> from lossmith.algebra.decision import costs_from
    >>> found = profile(pl.DataFrame({"x": range(3, 33), "y": [i - 14.5 for i in range(30)]}), target="y")
    >>> tried = shortlist(found, aim_of(found, costs_from("under=5, over=1"), None))
    >>> [c.loss_name for c in tried][:2], tried[1].parameters, tried[-1].own
    (['squared_error', 'quantile'], {'level': 0.8333333333333334}, True)
    """
    facts = facts_of(profile, aim, first)
    rows = [row for row in ROWS if profile.kind in row.kinds.split() and row.when(facts)][:most]
    found = [_candidate(row, facts, profile.kind) for row in rows]
    found += [_from_user(text, profile) for text in formulas]
    own = _own(found, aim, profile) if model == "boosted" else None
    return (*_distinct(found), *((own,) if own else ()))


def _distinct(found: list[Candidate]) -> list[Candidate]:
    """Without a second candidate of the same loss."""
    kept: list[Candidate] = []
    for candidate in found:
        if not any(_same(candidate, other) for other in kept):
            kept.append(candidate)
    return kept


def _same(a: Candidate, b: Candidate) -> bool:
    return replace(a, reason="", is_default=False) == replace(b, reason="", is_default=False)


def _candidate(row: Row, facts: Facts, kind: str) -> Candidate:
    return Candidate(
        row.loss_name,
        row.parameters(facts),
        row.reason.format_map(facts),
        row.is_default,
        kind=kind,
        class_weight=facts[row.weights] if row.weights else (),
        by_cost=row.by_cost and bool(facts["by_row"]),
        levels=facts["levels"] if row.levels else (),
    )


def _from_user(given: str | Loss, profile: Profile) -> Candidate:
    """A loss that the user named, wrote or made."""
    from lossmith.catalogue import names

    text = given.strip() if isinstance(given, str) else given.to_json()
    candidate = Candidate(
        text,
        reason="You asked for it.",
        formula=None if text in names() else text,
        kind=profile.kind,
    )
    try:
        loss = loss_of(candidate)
        candidate = replace(candidate, loss_name=loss.name) if is_json(text) else candidate
        _check_use(loss, profile)
        if _is_open(loss):
            loss = _fitted(loss, candidate, profile)
            candidate = replace(candidate, formula=loss.to_json())
        inside = class_weights(loss.definition, dict(loss.values), 2) if profile.kind == "binary" else None
    except LossmithError as error:
        shown = given if isinstance(given, str) else given.name
        raise DataError("LM515", f'--loss "{shown}" cannot be tried: {error.sentence}') from None
    return replace(candidate, corrects=inside) if inside and len(set(inside)) > 1 else candidate


def _check_use(loss: Loss, profile: Profile) -> None:
    """A study needs numbers for all parameters, this kind of target, and a sum over rows."""
    if any(value is None for value in loss.parameters.values()):
        raise DataError("LM515", "give a value to each of its parameters.")
    _check_target(loss, profile)
    if not loss.is_additive:
        raise DataError("LM515", "it is no sum over rows, so a booster cannot train under it.")
    if loss.definition.reading is not None:
        raise DataError("LM515", "it changes what raw predictions mean (temper, soft_cap), which no saved model knows.")


def _is_open(loss: Loss) -> bool:
    """Whether it needs the shares of the classes, which only the data know."""
    rows = loss.definition.reweighting
    return loss.definition.priors == () or any(row.classes is None and row.column is None for row in rows)


def _fitted(loss: Loss, candidate: Candidate, profile: Profile) -> Loss:
    """The loss with the shares of the classes among all known targets, under the name that the user gave it."""
    known = profile.y[~np.isnan(profile.y)]
    found = loss.fit(known.astype(np.int64) if loss.definition.declaration.has_classes else known)
    return replace(found, definition=replace(found.definition, name=candidate.loss_name))


def _check_target(loss: Loss, profile: Profile) -> None:
    """Grades are taken as numbers, as classes, or by their cut points; other targets by their kind."""
    kinds = ("real", "class", "ordinal") if profile.kind == "ordinal" else TAKES[profile.kind]
    declared = loss.definition.declaration
    if declared.target[0][1] not in kinds or len(declared.target) > 1:
        taken = " and ".join(kind for _, kind in declared.target)
        raise DataError(
            "LM515", f"it takes targets of the kind {taken}, and {profile.target} is of the kind {profile.kind}."
        )
    if declared.heads or (declared.columns and loss.name != "ordinal"):
        raise DataError(
            "LM515", "it needs several predictions or extra columns for each row, which a study does not have."
        )


def _own(found: list[Candidate], aim: Aim, profile: Profile) -> Candidate | None:
    """The library's own objective: of the loss that the aim implies where it has one, else of the default."""
    if aim.levels:
        return None
    implied = [c for c in found if c.loss_name in ("quantile", "absolute_error") and _is_implied(c, aim)]
    for candidate in (*implied, *(c for c in found if c.is_default)):
        if own_objective(candidate.loss_name, candidate.parameters, profile.kind, len(profile.classes)):
            return replace(
                candidate,
                own=True,
                is_default=False,
                reason="The same loss as LightGBM itself has it, as a yardstick.",
            )
    return None


def _is_implied(candidate: Candidate, aim: Aim) -> bool:
    level = 0.5 if candidate.loss_name == "absolute_error" else candidate.parameters.get("level")
    return aim.level is not None and level == aim.level
