"""How targets and predictions of a loss may lie in memory, and small samples of each.

Comes in: what is known of the kind of target and the number of classes. Goes out: `Layout`s to try, in order.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

import numpy as np

from lossmith.checking.subject import Array
from lossmith.formula.roles import CLASS_KINDS

Target: TypeAlias = Literal["number", "index", "rows"]

ROWS: Final = 7
CLASSES: Final = (3, 4, 5, 2, 10)
"""Numbers of classes that are tried where none is said; none of them is the number of rows."""


@dataclass(frozen=True)
class Layout:
    """One way in which rows may lie: the form of the target, numbers in a row of predictions, format of both."""

    target: Target
    classes: int = 1
    whole: bool = False  # targets are handed over as whole numbers
    above_zero: bool = False  # no target is 0

    @property
    def text(self) -> str:
        """The shapes, for messages.

        >>> Layout("index", 3).text
        'y_true (7,) of class numbers and predictions (7, 3)'
        """
        shape = f"({ROWS},)" if self.classes == 1 else f"({ROWS}, {self.classes})"
        y = {"number": f"({ROWS},)", "index": f"({ROWS},) of class numbers", "rows": shape}[self.target]
        return f"y_true {y} and predictions {shape}"


@dataclass(frozen=True)
class Trial:
    """A small sample: rows that suit losses of every kind, of raw predictions as well as of probabilities."""

    y_true: Array
    prediction: Array


def trial(layout: Layout, dtype: str) -> Trial:
    """Predictions strictly between 0 and 1 (rows add up to 1); targets 0 and 1 (0.5 and 1.5 where none may be 0), or class
    numbers."""
    random = np.random.default_rng(5)
    if layout.classes == 1:
        y = np.array([0.0, 1.0, 1.0, 0.0, 1.0, 0.0, 1.0]) + (0.5 if layout.above_zero else 0.0)
        return Trial(_cast(y, layout, dtype), random.uniform(0.15, 0.85, ROWS).astype(dtype))
    p = random.dirichlet(np.full(layout.classes, 3.0), size=ROWS).astype(dtype)
    classes = np.arange(ROWS) % layout.classes
    if layout.target == "index":
        return Trial(classes if layout.whole else classes.astype(dtype), p)
    return Trial(_cast(np.eye(layout.classes)[classes], layout, dtype), p)


def _cast(y: Array, layout: Layout, dtype: str) -> Array:
    return y.astype(np.int64 if layout.whole else dtype)


def layouts(kind: str | None, classes: int | None, *, classes_first: bool) -> Iterator[Layout]:
    """What to try, the likeliest first.

    >>> [one.target for one in layouts("binary", None, classes_first=False)]
    ['number', 'number']
    """
    numbers = [Layout("number"), Layout("number", whole=True)]
    if kind == "positive":
        yield Layout("number", above_zero=True)
    if kind is not None and kind not in CLASS_KINDS:
        yield from numbers
        return
    sizes = CLASSES if classes is None else (classes,)
    several = [Layout("index", k, whole=True) for k in sizes] if kind != "simplex" else []
    several += [Layout("rows", k) for k in sizes] + [Layout("rows", k, whole=True) for k in sizes]
    several += [Layout("index", k) for k in sizes] if kind != "simplex" else []
    if kind in CLASS_KINDS or (classes or 1) > 1:
        yield from several
    else:
        yield from [*several, *numbers] if classes_first else [*numbers, *several]
