"""The engine: the simplest rows of the table that predict all numbers that are not the truth.

Comes in: what was seen, and the truth about it. Goes out: an `Explanation`: findings, and what nothing explains.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from lossmith.checking.derivatives.hypotheses import TABLE, Hypothesis, said_of
from lossmith.checking.derivatives.matching import Agreement, agree, compare, tolerance
from lossmith.checking.derivatives.scene import Prediction, Scene
from lossmith.checking.derivatives.seen import Parts, Seen
from lossmith.checking.finding import Finding
from lossmith.loss.handle import Loss

DEAREST: Final = len(TABLE)


@dataclass(frozen=True, eq=False)
class Explanation:
    """Findings, the parts that are right, those that nothing explains, and the factor of the loss that was found.

    `rank`: how far down the table the explanations stand. `constant`: a number that depends on the target is left out.
    """

    findings: tuple[Finding, ...]
    agreed: frozenset[str]
    unexplained: frozenset[str]
    factor: float | None
    constant: bool = False
    bound: bool = False
    rank: int = 0


def first_agreement(seen: Seen, true: Parts, fixed: float | None) -> Agreement:
    """What is right at first sight: with the factor given, or 1 where only derivatives are given, or any positive one."""
    if fixed is not None or "value" not in seen.parts:
        found = compare(seen, true, 1.0 if fixed is None else fixed)
        if found.parts or (fixed is not None and not _factor_is_free(seen)):
            return found if found.parts - ({"hessian"} if found.bound else set()) else _free(seen, true, fixed)
    return _free(seen, true, None)


def _free(seen: Seen, true: Parts, fixed: float | None) -> Agreement:
    if fixed is not None and not _factor_is_free(seen):
        return Agreement(frozenset(), fixed)
    leading = compare(seen, true, None, only=frozenset({"value", "gradient"}))
    if leading.parts or seen.subject.curvature:  # of a hessian that may be any bound the factor says nothing
        return compare(seen, true, leading.factor) if leading.parts else Agreement(frozenset(), None)
    return compare(seen, true, None)


def _factor_is_free(seen: Seen) -> bool:
    """Boosters divide the gradient by the hessian: a factor in front of both changes nothing."""
    return seen.subject.curvature and "value" not in seen.parts and "hessian" in seen.parts


def explain(
    seen: Seen, loss: Loss | None, true: Parts, fixed: float | None = None, table: Sequence[Hypothesis] = TABLE
) -> Explanation:
    """Name what is wrong with the parts that are not the truth, each cause once."""
    base = first_agreement(seen, true, fixed)
    factor = base.factor if base.parts else (None if _factor_is_free(seen) else fixed)
    left = frozenset(seen.parts) & frozenset(true) - base.parts
    scene, findings, rank = Scene(seen, loss, true, factor), list(_strict(seen, loss, true, base, table)), 0
    while left:
        best = _best(scene, left, base, table)
        if best is None:
            break
        row, prediction, found = best
        findings.append(Finding(table[row].code, said_of(prediction, scene)))
        left, rank = left - found.parts, rank + 1 + row
        scene = replace(scene, factor=found.factor if scene.factor is None else scene.factor)
        left -= compare(seen, true, scene.factor, only=left).parts
    findings += _together(scene, table)
    agreed = frozenset(seen.parts) & base.parts
    return Explanation(tuple(findings), agreed, left, scene.factor, base.constant, base.bound, rank)


def _predictions(scene: Scene, table: Sequence[Hypothesis], *, whole: bool) -> Iterator[tuple[int, Prediction]]:
    with np.errstate(all="ignore"):
        for row, hypothesis in enumerate(table):
            for prediction in hypothesis.predict(scene):
                if prediction.whole is whole:
                    yield row, prediction


def _best(
    scene: Scene, left: frozenset[str], base: Agreement, table: Sequence[Hypothesis]
) -> tuple[int, Prediction, Agreement] | None:
    """The first row that explains the most parts, and whose predictions of the parts that are right are right too."""
    right = base.parts - ({"hessian"} if base.bound else set())
    best: tuple[int, Prediction, Agreement] | None = None
    single = _same(scene.seen)
    for whole in (False, True) if single else (False,):
        for row, prediction in _predictions(scene, table, whole=whole):
            found = compare(scene.seen, prediction.parts, scene.factor, only=left)
            exact = found.parts - ({"hessian"} if found.bound else set())
            better = exact and (best is None or len(found.parts) > len(best[2].parts))
            if better and not _refuted(scene, prediction, found, right):
                best = row, prediction, found
                if found.parts == left:
                    return best
    return best


def _refuted(scene: Scene, prediction: Prediction, found: Agreement, right: frozenset[str]) -> bool:
    """Whether it says something else of a part that is right."""
    said = right & prediction.parts.keys()
    factor = found.factor if scene.factor is None else scene.factor
    return bool(said) and compare(scene.seen, prediction.parts, factor, only=said).parts != said


def _same(seen: Seen) -> bool:
    """Whether the parts row by row had to be taken from the call with all rows."""
    return any(part is seen.whole.get(name) for name, part in seen.parts.items())


def together(seen: Seen) -> Seen | None:
    """The derivatives of a loss of classes from the one call with all rows; None where they are those of single rows."""
    parts = {k: seen.whole[k] for k in ("gradient", "hessian") if k in seen.whole}
    if seen.at.prediction.ndim < 2 or "gradient" not in parts or _same(seen) or "gradient" not in seen.parts:
        return None
    if agree(parts["gradient"] / seen.share, seen.parts["gradient"], tolerance(seen, "gradient")):
        return None
    return replace(seen, parts=parts, whole=parts)


def _strict(
    seen: Seen, loss: Loss | None, true: Parts, base: Agreement, table: Sequence[Hypothesis]
) -> Iterator[Finding]:
    """A hessian that boosters could live with, but that is plainly a slip."""
    if not base.bound or np.ptp(seen.parts["hessian"]) < 1e-6 * np.abs(seen.parts["hessian"]).max():
        return
    scene = Scene(seen, loss, true, base.factor)
    strict = [h for h in table if h.strict]
    for _, prediction in _predictions(scene, strict, whole=False):
        found = compare(seen, prediction.parts, base.factor, only=frozenset({"hessian"}))
        if found.parts and not found.bound:
            yield Finding("hessian_wrong", said_of(prediction, scene))
            return


def _together(scene: Scene, table: Sequence[Hypothesis]) -> Iterator[Finding]:
    """What shows only where all rows are handed over together."""
    seen = scene.seen
    names = [k for k in ("gradient", "hessian") if k in seen.parts and k in seen.whole]
    if seen.at.prediction.ndim < 2 or not names or _same(seen):
        return
    share = seen.share
    together = replace(seen, parts={k: seen.whole[k] / share for k in names})
    same = {k: seen.parts[k] for k in names}
    if "gradient" in compare(together, same, 1.0, only=frozenset({"gradient"})).parts:
        return
    for row, prediction in _predictions(scene, table, whole=True):
        found = compare(together, prediction.parts, None, only=frozenset({"gradient"}))
        if found.parts:
            yield Finding(table[row].code, said_of(prediction, scene))
            return
