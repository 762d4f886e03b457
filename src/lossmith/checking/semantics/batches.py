"""How the rows of a batch add up: whether a row is judged by itself, and what the total is divided by.

Comes in: a `Scene`. Goes out: `Finding`s.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import product
from typing import Final, Literal

import numpy as np

from lossmith.checking.derivatives.explain import first_agreement
from lossmith.checking.derivatives.families import candidates
from lossmith.checking.derivatives.known import Known, true_parts
from lossmith.checking.derivatives.points import points
from lossmith.checking.derivatives.seen import observe
from lossmith.checking.finding import Finding
from lossmith.checking.semantics.asking import Sample, Scene, ask, number, one_factor
from lossmith.checking.subject import Array

CLASSES: Final = frozenset({"class", "simplex"})
FEW: Final = 5
"""Rows of which every target is paired with every prediction."""
RIGHT: Final[Mapping[str, Callable[[int, int], float]]] = {"sum": lambda n, k: 1.0, "mean": lambda n, k: 1.0 / n}
WRONG: Final[Mapping[str, Callable[[int, int], float]]] = {
    "divided by the number of rows twice": lambda n, k: 1.0 / n**2,
    "divided by one row too many": lambda n, k: 2.0 / (n + 1),  # the value of one row is halved then
    "multiplied by the number of rows": lambda n, k: float(n),
    "divided by the number of classes, not of rows": lambda n, k: 1.0 / k if k > 1 else np.nan,
    "divided by the root of the number of rows": lambda n, k: n**-0.5,
}
"""What the sum of the values of single rows is multiplied by."""
BY_PARTS: Final[Mapping[str, Callable[[int], float]]] = {
    "": lambda n: 1.0,
    " ": lambda n: float(n),
    "the number of rows less one": lambda n: n - 1.0,
    "the square of the number of rows": lambda n: float(n) ** 2,
}
"""What the value of so many rows is multiplied by to give a sum over rows; the first two are right."""
AS_A_SET: Final[Mapping[str, Callable[[Array], Array]]] = {
    "the root of a sum or mean": np.square,
    "the logarithm of a sum or mean": np.exp,
}
"""Finished numbers that are no sums, and what makes sums of them."""


def look_for_memory(scene: Scene) -> list[Finding]:
    """The same call again must give the same, whatever was asked in between."""
    ask(scene.subject, scene.sample.rows(slice(0, 2)))
    again = ask(scene.subject, scene.sample)
    for part, first in scene.together.parts.items():
        second = again.parts.get(part)
        if second is not None and second.shape == first.shape and not np.array_equal(first, second, equal_nan=True):
            if _is_rounding(first, second, scene.subject.dtypes[0]):
                continue
            i = int(np.argmax(np.abs(np.ravel(second) - np.ravel(first))))
            said = (
                f"the same call gives the {part} {number(np.ravel(first)[i])} first and "
                f"{number(np.ravel(second)[i])} next: it keeps something between calls, or draws numbers."
            )
            return [Finding("batch_split", said)]
    return []


def _is_rounding(first: Array, second: Array, dtype: str) -> bool:
    """Whether two answers differ by what another order of a sum makes (threads): a few gaps of the format."""
    known = np.isfinite(first) & np.isfinite(second)
    size = float(np.abs(first[known]).max(initial=0.0))
    same = np.array_equal(np.isfinite(first), np.isfinite(second))
    return bool(same and np.abs(first[known] - second[known]).max(initial=0.0) <= 32.0 * np.finfo(dtype).eps * size)


def look_at_order(scene: Scene) -> list[Finding]:
    """The rows in another order must give the same value, and the same derivatives in that order."""
    order = np.random.default_rng(scene.seed + 1).permutation(scene.rows)
    moved = ask(scene.subject, scene.sample.rows(order))
    for part, first in scene.together.parts.items():
        second = moved.parts.get(part)
        if second is None or second.shape != first.shape:
            continue
        expected = first[order] if first.ndim and first.shape[0] == scene.rows else first
        if np.isfinite(expected).all() and not scene.like(expected, second):
            i = int(np.argmax(np.abs(np.ravel(second) - np.ravel(expected))))
            said = (
                f"with the same rows in another order the {part} changes from "
                f"{number(np.ravel(expected)[i])} to {number(np.ravel(second)[i])}; rows must not depend "
                "on where they stand."
            )
            return [Finding("batch_split", said)]
    return []


def look_at_sums(scene: Scene) -> list[Finding]:
    """Whether a row has its own value and gradient, and what a batch is divided by."""
    for part in ("value", "gradient", "hessian"):
        found = list(_of_part(scene, part)) if part in scene.together.parts else []
        if found:
            return found
    return _of_classes(scene)


def _of_part(scene: Scene, part: str) -> Iterator[Finding]:
    rows, whole = scene.of_rows(part), scene.together.parts[part]
    if rows is None and part == "value" and whole.size == 1:
        yield from _by_parts(scene, float(np.sum(whole)))
    if rows is None or not np.isfinite(whole).all():
        return
    if part == "value" and not scene.subject.per_row:
        yield from _of_value(scene, rows, float(np.sum(whole)))
        return
    if rows.size != whole.size:
        return
    rows = rows.reshape(scene.rows, -1)
    ratio = one_factor(rows, whole.reshape(scene.rows, -1), scene.tolerance)
    if ratio is None:
        yield from _mixed(scene, part, rows, whole.reshape(scene.rows, -1))
    elif not any(_is(ratio, of(scene.rows, scene.subject.classes)) for of in RIGHT.values()):
        yield from _strange(scene, part, ratio)


def _is(ratio: float, other: float) -> bool:
    return bool(abs(ratio - other) <= 1e-3 * abs(other))


def _strange(scene: Scene, part: str, ratio: float) -> Iterator[Finding]:
    n, k = scene.rows, scene.subject.classes
    for said, of in WRONG.items():
        if _is(ratio, of(n, k)):
            yield Finding("denominator", f"the {part} of {n} rows is that of each row alone, {said}.")
            return
    half = scene.sample.rows(slice(0, n // 2))
    told = ask(scene.subject, half).parts.get(part)
    alone = scene.of_rows(part)
    if told is None or alone is None or told.size != alone[: n // 2].size:
        return
    other = one_factor(alone[: n // 2].reshape(n // 2, -1), told.reshape(n // 2, -1), scene.tolerance)
    share = "" if other is None else f" and {number(other)} of it among {n // 2}"
    yield Finding(
        "batch_split",
        f"a row has {number(ratio)} of its own {part} among {n} rows{share}: it depends on which rows stand beside it.",
        _verdict(scene),
    )


def _verdict(scene: Scene) -> Literal["fault", "note"]:
    """What is a known sum over rows, as a whole or with one row in a call, must be one; of others nobody knows."""
    known = scene.known or _of_single_rows(scene)
    return "fault" if known is not None and known.loss.is_additive else "note"


def _of_single_rows(scene: Scene) -> Known | None:
    """What the loss is as long as it sees one row at a time."""
    if scene.of_rows("value" if "value" in scene.subject.gives else "gradient") is None:
        return None
    seen = observe(scene.subject, points(scene.subject, scene.seed))
    for loss in candidates(seen):
        true = true_parts(loss, seen.at)
        if true is not None and first_agreement(seen, true, None).parts == frozenset(seen.parts):
            return Known(loss)
    return None


def _by_parts(scene: Scene, whole: float) -> Iterator[Finding]:
    """For a loss that says nothing of single rows: the batch against its two parts."""
    n, m = scene.rows, scene.rows // 2
    told = [ask(scene.subject, scene.sample.rows(s)).parts for s in (slice(0, m), slice(m, n))]
    if not all("value" in parts for parts in told):
        return
    a, b = (float(np.sum(parts["value"])) for parts in told)
    for divisor, of in BY_PARTS.items():
        if scene.like(whole * of(n), a * of(m) + b * of(n - m)):
            if divisor.strip():
                said = (
                    f"the value of {n} rows is {number(whole)}; it is a sum over rows divided by "
                    f"{divisor}. Divide by the number of rows."
                )
                yield Finding("denominator", said)
            return


def _of_value(scene: Scene, rows: Array, whole: float) -> Iterator[Finding]:
    n, k, total = scene.rows, scene.subject.classes, float(rows.sum())
    if scene.like(whole, total) and not scene.like(whole, total / n):
        yield Finding(
            "denominator",
            f"the value of {n} rows is their sum, {number(total)}, not their mean, {number(total / n)}: the value and its "
            "gradient grow with the batch. Divide by the number of rows, unless a sum is meant.",
            "note",
        )
    if any(scene.like(whole, total * of(n, k)) for of in RIGHT.values()):
        return
    for said, of in WRONG.items():
        if scene.like(whole, total * of(n, k)) and abs(total) > 0.0:
            yield Finding(
                "denominator",
                f"the value of {n} rows is {number(whole)}: the sum of the rows' own values, "
                f"{number(total)}, {said}; their mean is {number(total / n)}.",
            )
            return
    yield from _mixed(scene, "value", rows, np.array([whole]))


def _mixed(scene: Scene, part: str, rows: Array, whole: Array) -> Iterator[Finding]:
    """The rows do not add up: by the table of causes, the first that is there."""
    for cause in (_spread, _wrong_axis, _by_class, _set):
        found = cause(scene, part, rows, whole)
        if found is not None:
            yield from found
            return


def _spread(scene: Scene, part: str, rows: Array, whole: Array) -> list[Finding] | None:
    """Every target against every prediction, inside the loss."""
    if part != "value" or scene.subject.classes > 1:
        return None
    few = scene.sample.rows(slice(0, FEW))
    gave = ask(scene.subject, few).parts.get("value")
    pairs = [ask(scene.subject, Sample(few.y[[i]], few.prediction[[j]])) for i, j in product(range(FEW), repeat=2)]
    values = [float(np.sum(told.parts.get("value", np.nan))) for told in pairs]
    if gave is None or not any(
        scene.like(float(np.sum(gave)), c * sum(values)) for c in (1.0, 1.0 / FEW, 1.0 / FEW**2)
    ):
        return None
    right = float(np.mean(values[:: FEW + 1]))
    said = (
        f"it sets every target against every prediction: of {FEW} rows it makes {FEW * FEW} pairs and "
        f"gives {number(float(np.sum(gave)))}, where the mean of the rows is {number(right)}. Give both "
        "the same shape."
    )
    return [Finding("broadcasting", said)]


def _wrong_axis(scene: Scene, part: str, rows: Array, whole: Array) -> list[Finding] | None:
    """A softmax over rows: one number added to a class in every row changes nothing, added to a row it does."""
    if scene.subject.classes < 2 or scene.subject.takes != "raw" or scene.subject.kind not in CLASSES:
        return None
    first, z = scene.together.parts[part], scene.sample.prediction
    columns, of_row = z.copy(), z.copy()
    columns[:, 0] += z.dtype.type(1.5)
    of_row[0] += z.dtype.type(1.5)
    moved = [ask(scene.subject, Sample(scene.sample.y, a)).parts.get(part) for a in (columns, of_row)]
    if moved[0] is None or moved[1] is None or not scene.like(first, moved[0]) or scene.like(first, moved[1]):
        return None
    said = (
        "the softmax goes over the rows of the batch, not over the classes: the result of a row depends "
        "on the other rows. Sum over axis 1."
    )
    return [Finding("axis", said)]


def _by_class(scene: Scene, part: str, rows: Array, whole: Array) -> list[Finding] | None:
    """A weighted mean in which every class has its weight, as PyTorch's: each row's share depends on its class only."""
    y = scene.sample.y if scene.sample.y.ndim == 1 else scene.sample.y.argmax(axis=1)
    labels = np.unique(y, return_inverse=True)[1]
    if scene.subject.kind not in CLASSES | {"binary"}:
        return None
    if part == "value":
        return [] if whole.size == 1 and _fits_class_weights(scene, rows, labels, float(whole[0])) else None
    shares = np.array([one_factor(a, b, scene.tolerance) or np.nan for a, b in zip(rows, whole, strict=True)])
    steady = all(np.ptp(shares[labels == k]) <= 1e-3 * shares[labels == k].max() for k in range(labels.max() + 1))
    return [] if steady and abs(shares.sum() - 1.0) <= 1e-3 else None


def _fits_class_weights(scene: Scene, rows: Array, labels: Array, whole: float) -> bool:
    """Weights of classes from batches of two rows, and whether they explain the batch of all."""
    weight = np.ones(labels.max() + 1)
    for k in range(1, weight.size):
        i, j = int(np.argmax(labels == 0)), int(np.argmax(labels == k))
        both = ask(scene.subject, scene.sample.rows(np.array([i, j]))).parts.get("value")
        if both is None or scene.like(float(rows[i]), float(rows[j])):
            return False
        share = (float(np.sum(both)) - rows[i]) / (rows[j] - rows[i])
        if not 0.0 < share < 1.0:
            return False
        weight[k] = share / (1.0 - share)
    w = weight[labels]
    return bool(abs(float((w * rows).sum() / w.sum()) - whole) <= 1e-3 * abs(whole))


def _set(scene: Scene, part: str, rows: Array, whole: Array) -> list[Finding] | None:
    """No sum over rows: right for a root of a mean and for overlaps, wrong for what is known to be a sum."""
    n = scene.rows
    if scene.known is not None and not scene.known.loss.is_additive:
        return []
    if part == "value" and whole.size == 1:
        with np.errstate(all="ignore"):
            for said, make in AS_A_SET.items():
                made, total = make(rows), float(make(whole)[0])
                if scene.known is None and any(scene.like(total, t) for t in (made.sum(), made.mean())):
                    return [
                        Finding(
                            "batch_split",
                            f"it is {said} over all rows: the value of a batch is not the mean of its parts.",
                            "note",
                        )
                    ]
        if _is_one_of(scene, rows, float(whole[0])):
            said = (
                "it is the value of one row, chosen by its size (a median or a maximum), or lies halfway between two."
            )
            return [Finding("batch_split", said, "note")]
        said = (
            f"the value of {n} rows is {number(whole[0])}; the mean of the rows' own values is "
            f"{number(rows.mean())} and their sum {number(rows.sum())}."
        )
        return [
            Finding(
                "batch_split", f"{said} Keep sums and the number of rows, and divide once at the end.", _verdict(scene)
            )
        ]
    i = int(np.argmax(np.abs(whole - rows * _scale(rows, whole)).max(axis=1)))
    said = (
        f"the {part} of one row is {number(rows[i, 0])} alone and {number(whole[i, 0])} among {n} rows, "
        "of another row in another proportion: it depends on the other rows."
    )
    return [Finding("batch_split", said, _verdict(scene))]


def _is_one_of(scene: Scene, rows: Array, whole: float) -> bool:
    """Whether the value is that of a row, or the middle of two rows that are next to each other in size."""
    ordered = np.sort(rows)
    middles = (ordered[1:] + ordered[:-1]) / 2.0
    return any(scene.like(whole, float(value)) for value in (*ordered, *middles))


def _scale(rows: Array, whole: Array) -> float:
    return float(np.vdot(rows, whole)) / float(np.vdot(rows, rows))


def _of_classes(scene: Scene) -> list[Finding]:
    """The mean over classes where the loss is a sum over classes."""
    known, k = scene.known, scene.subject.classes
    if known is None or k < 2 or scene.subject.kind not in CLASSES or not known.loss.definition.declaration.has_classes:
        return []
    if not _is(known.factor * k, 1.0) or scene.subject.kind == "binary":
        return []
    verdict: Literal["fault", "note"] = "note" if scene.together.warned else "fault"
    said = (
        f"it is 1/{k} of {known.loss.name}: it takes a mean over the {k} classes, which are summed there. "
        "Divide by the number of rows only."
    )
    return [Finding("denominator", said, verdict)]
