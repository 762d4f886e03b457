"""All that is looked for in somebody's derivatives, and in the meaning of somebody's loss.

Comes in: a `Subject`, and what it is known to be. Goes out: `Finding`s, each cause once.
"""

from __future__ import annotations

import numpy as np

from lossmith.checking.derivatives import alone, differences, guards
from lossmith.checking.derivatives.explain import Explanation, explain, together
from lossmith.checking.derivatives.known import Known, name_of
from lossmith.checking.derivatives.matching import compare
from lossmith.checking.derivatives.seen import Parts, Seen, look_at
from lossmith.checking.finding import Finding
from lossmith.checking.subject import Array, Subject


def look(subject: Subject, known: Known | None, seed: int = 0) -> list[Finding]:
    """What is wrong with the derivatives and the meaning of a loss; an empty list where nothing is.

    >>> import numpy as np
    >>> import lossmith as ls
    >>> from lossmith.checking.subject import Answer
    >>> def away(y, z, w):
    ...     return Answer(gradient=y - z, hessian=np.ones_like(z))
    >>> subject = Subject("l2", "lightgbm", "real", "raw", away, frozenset({"gradient", "hessian"}), curvature=True)
    >>> [finding.code for finding in look(subject, Known(ls.get("half_squared_error"), given=True))]
    ['gradient_sign']
    """
    seen = look_at(subject, seed)
    if not seen.parts:
        return []
    true = None if known is None else known.parts(seen.at)
    found = alone.look_alone(seen, seed) if known is None or true is None else _against(seen, known, true, seed)
    faults = [f for f in found if f.verdict == "fault"]
    if not any(f.section == "derivatives" for f in faults):
        found += guards.at_kinks(seen, known)
    if known is not None and not faults:
        found += guards.on_mixtures(seen, known, seed)
    return found


# With a reference ---------------------------------------------------------------------------------------------------


def _against(seen: Seen, known: Known, true: Parts, seed: int) -> list[Finding]:
    explained = explain(seen, known.loss, true, 1.0 if known.given else None)
    all_rows = together(seen)
    if all_rows is not None and explained.unexplained:
        whole = explain(all_rows, known.loss, true)
        if whole.findings and not whole.unexplained:
            return list(whole.findings)
    findings = list(explained.findings)
    if "hessian" in explained.agreed:
        findings += guards.unusable(seen)
    if "value" in explained.unexplained:
        findings.append(_wrong_value(seen, known, true))
        own = alone.own_gradient(seen, seed) if "gradient" in explained.unexplained else []
        return findings + own
    if "gradient" in explained.unexplained:
        return [*findings, _wrong(seen, known, true, explained, "gradient", seed)]
    if "hessian" in explained.unexplained and "gradient" in seen.parts and not findings:
        findings.append(_wrong(seen, known, true, explained, "hessian", seed))
    return findings or _notes(known, explained)


def _wrong_value(seen: Seen, known: Known, true: Parts) -> Finding:
    hard = _on_hard_targets(seen, known, true)
    gave, truth = seen.parts["value"], true["value"]
    row = _worst(gave, truth)[0]
    batch = "" if seen.at.size == 1 else f"the batch of {seen.at.size} rows that begins with "
    at = batch + guards.place(seen, row * seen.at.size)
    numbers = f"at {at} it is {guards.number(gave[row])}; {name_of(known.loss)} is {guards.number(truth[row])}."
    return Finding("one_hot_only" if hard else "value_wrong", numbers)


def _worst(gave: Array, truth: Array) -> tuple[int, ...]:
    off = np.abs(gave - truth)
    found = np.unravel_index(int(np.argmax(np.where(np.isfinite(off), off, -1.0))), off.shape)
    return tuple(int(i) for i in found)


def _on_hard_targets(seen: Seen, known: Known, true: Parts) -> bool:
    """Whether the value is right where the target is 0 or 1, though not between."""
    if seen.subject.kind != "fraction" or seen.at.size > 1:
        return False
    hard = np.isin(seen.at.y, (0.0, 1.0))
    part = {"value": np.where(hard, true["value"], np.nan)}
    return "value" in compare(seen, part, known.factor, only=frozenset({"value"})).parts


def _wrong(seen: Seen, known: Known, true: Parts, explained: Explanation, part: str, seed: int) -> Finding:
    """The worst place: what is given there, what the reference says, and what differences say."""
    gave, truth = seen.parts[part], (explained.factor or 1.0) * true[part]
    at = _worst(gave, truth)
    where = guards.place(seen, at[0], at[1] if len(at) > 1 else None)
    told = f"at {where} it is {guards.number(gave[at])}; that of {name_of(known.loss)} is {guards.number(truth[at])}"
    own = _own(seen, part, at[0], seed) if gave.ndim == 1 and seen.at.size == 1 else None
    whose = "its own value" if part == "gradient" else "its own gradient"
    return Finding(
        f"{part}_wrong", f"{told}{'' if own is None else f', differences of {whose} give {guards.number(own)}'}."
    )


def _own(seen: Seen, part: str, row: int, seed: int) -> float | None:
    """What differences of the subject itself say of a row; None where they do not reach it."""
    slopes = differences.of_value(seen, seed) if part == "gradient" else differences.of_gradient(seen)
    if slopes is None:
        return None
    known = np.flatnonzero((slopes.rows == row) & slopes.reliable)
    return float(slopes.found[known[0]] / slopes.length[known[0]]) if known.size else None


def _notes(known: Known, explained: Explanation) -> list[Finding]:
    """What departs from the reference and does no harm."""
    found: list[Finding] = []
    if explained.bound:
        told = f"it is a positive bound on that of {name_of(known.loss)}, not the number itself; a booster works with that."
        found.append(Finding("hessian_wrong", told, "note"))
    alpha = known.loss.parameters.get("alpha")
    if not known.given and known.loss.definition.name == "focal" and alpha is not None and alpha > 0.5:
        shares = f"the outcome 1 weighs {guards.number(alpha)}, the outcome 0 {guards.number(1.0 - alpha)}"
        found.append(Finding("alpha_swapped", f"{shares}; the paper has 0.25 on the outcome 1.", "note"))
    return found
