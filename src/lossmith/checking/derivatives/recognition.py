"""Which loss somebody's loss is.

Comes in: a `Subject`, or what was seen of it; a reference if there is one. Goes out: `Known`, or None for a loss that
is none of ours. Losses of the catalogue are compared, with usual parameters, with a weight for each class or side, and
with parameters fitted to the numbers; then with what goes wrong with them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from lossmith.checking.derivatives.explain import Explanation, explain, first_agreement, together
from lossmith.checking.derivatives.families import candidates, fitted, weighted
from lossmith.checking.derivatives.hypotheses import TABLE
from lossmith.checking.derivatives.known import Denominator, Known, for_subject, true_parts
from lossmith.checking.derivatives.seen import Parts, Seen, look_at
from lossmith.checking.subject import Subject
from lossmith.loss.handle import Loss

MEMBERS = 3
QUICK = tuple(h for h in TABLE if h.code != "detached")
OF_VALUE = tuple(h for h in TABLE if h.of_value)


@dataclass(frozen=True, eq=False)
class _Candidate:
    loss: Loss
    true: Parts


def recognise(subject: Subject, reference: Loss | None, seed: int = 0) -> Known | None:
    """What the subject is: the reference where one is given, else the loss of the catalogue that explains it best.

    >>> import numpy as np
    >>> from lossmith.checking.subject import Answer
    >>> def half(y, z, w):
    ...     return Answer(value=np.mean((y - z) ** 2) / 2)
    >>> recognise(Subject("half", "numpy", "real", "raw", half, frozenset({"value"})), None).words
    'half_squared_error'
    """
    return known_of(look_at(subject, seed), reference)


def known_of(seen: Seen, reference: Loss | None) -> Known | None:
    """The same, of what was seen already."""
    if not seen.parts:
        return None
    if reference is not None:
        return _given(seen, for_subject(reference, seen.subject.takes))
    pool: list[_Candidate] = []
    for losses in _proposals(seen):
        made = [_Candidate(loss, true) for loss in losses if (true := true_parts(loss, seen.at)) is not None]
        pool += made
        exact = [known for c in made if (known := _exactly(seen, c)) is not None]
        if exact:
            return min(exact, key=lambda known: (known.bound, known.constant, abs(known.factor - 1.0) > 1e-3))
        if _led(seen, made):
            break
    return _explained(seen, pool) or _together(seen, pool)


def _exactly(seen: Seen, candidate: _Candidate) -> Known | None:
    """The candidate, if every part is its own up to a factor (of the hessian, a bound is enough for a booster)."""
    found = first_agreement(seen, candidate.true, None)
    if found.parts != frozenset(seen.parts) or found.factor is None or found.parts <= {"hessian"}:
        return None
    return Known(candidate.loss, False, found.factor, found.constant, denominator(seen), bound=found.bound)


def _given(seen: Seen, loss: Loss) -> Known:
    """The reference; its factor is 1 unless another one makes everything right."""
    known, true = Known(loss, given=True, denominator=denominator(seen)), true_parts(loss, seen.at)
    if true is None:
        return known
    for fixed in (1.0, None):
        found = first_agreement(seen, true, fixed)
        if found.parts == frozenset(seen.parts) and found.factor is not None:
            return replace(known, factor=found.factor, constant=found.constant, bound=found.bound)
    return known


def _proposals(seen: Seen) -> Iterator[list[Loss]]:
    """Losses as they are, then with weights, then with fitted parameters; each only if nothing before it was right."""
    plain = list(candidates(seen))
    yield plain
    yield list(weighted(seen, plain))
    yield from fitted(seen, plain)


def _led(seen: Seen, pool: list[_Candidate]) -> list[_Candidate]:
    """The candidates that have the subject's value, or its gradient where there is no value."""
    leading = "value" if "value" in seen.parts else "gradient"
    return [c for c in pool if leading in first_agreement(seen, c.true, None).parts]


def _together(seen: Seen, pool: list[_Candidate]) -> Known | None:
    """Of a loss of classes that makes no sense row by row: what its call with all rows together is."""
    all_rows = together(seen)
    return None if all_rows is None else _explained(all_rows, pool)


def _explained(seen: Seen, pool: list[_Candidate]) -> Known | None:
    """The candidate of which the fewest and simplest faults explain everything; the first of those that do."""
    led = _led(seen, pool)
    stages = [(led, QUICK), (led, TABLE)]
    few = _few(pool)
    if "value" in seen.parts:
        stages += [(few, OF_VALUE)]
    else:
        stages += [(few, QUICK), (few, TABLE)]
    sound: list[tuple[_Candidate, Explanation]] = []
    for some, table in stages:
        found = [(c, explain(seen, c.loss, c.true, table=table)) for c in some]
        sound += [(c, e) for c, e in found if _is_evidence(seen, e)]
        if complete := [(c, e) for c, e in sound if not e.unexplained]:
            return _best(seen, complete)
    return _best(seen, sound) if sound else None


def _few(pool: list[_Candidate]) -> list[_Candidate]:
    """The first members of each family, which people most often get wrong; none that were made to fit."""
    found: dict[str, list[_Candidate]] = {}
    for candidate in pool:
        if not set(".(") & set(candidate.loss.definition.name):
            found.setdefault(candidate.loss.definition.name, []).append(candidate)
    return [c for members in found.values() for c in members[:MEMBERS]]


def _is_evidence(seen: Seen, explanation: Explanation) -> bool:
    """Whether a candidate has the subject's value; where there is none, its gradient; or explains all there is."""
    leading = "value" if "value" in seen.parts else "gradient"
    return leading in explanation.agreed or (not explanation.unexplained and explanation.factor is not None)


def _best(seen: Seen, found: list[tuple[_Candidate, Explanation]]) -> Known:
    candidate, explanation = min(
        found, key=lambda pair: (len(pair[1].unexplained), pair[1].rank + 3 * len(pair[1].findings), pair[1].bound)
    )
    said = "; ".join(f.text.rstrip(".") for f in explanation.findings)
    factor = explanation.factor or 1.0
    return Known(candidate.loss, False, factor, explanation.constant, denominator(seen), said and f"but {said}")


def denominator(seen: Seen) -> Denominator:
    """What the value of all rows together is, in terms of the values of each alone."""
    if "value" not in seen.parts or "value" not in seen.whole or seen.whole["value"].size > 1:
        return "per row"
    v, one = seen.parts["value"], float(seen.whole["value"].sum())
    slack = 1e-3 * float(np.abs(v).mean())
    if abs(one - v.mean()) <= slack:
        return "mean"
    return "sum" if abs(one - v.sum()) <= slack * v.size else "other"
