"""Anyone's loss, once it can be called: what goes in, what comes out, and what it says that it is.

Comes in: nothing. Goes out: the records that intake makes, probes call and the report shows.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from numpy.typing import NDArray

Array: TypeAlias = NDArray[Any]
Takes: TypeAlias = Literal["raw", "probability"]


@dataclass(frozen=True, eq=False)
class Answer:
    """What one call gave, as it came; a part that the thing does not give is None.

    `value`: a finished number (no axes) or one number for each row. `gradient`, `hessian`: by what the thing takes, in
    the loss's own sign (of a CatBoost objective, which returns the opposite, what it returned times -1).
    """

    value: Array | None = None
    gradient: Array | None = None
    hessian: Array | None = None


Call: TypeAlias = Callable[[Array, Array, Array | None], Answer]


@dataclass(frozen=True, eq=False)
class Subject:
    """Anyone's loss as something to call: `call(y_true, prediction, sample_weight or None) -> Answer`.

    `form`: a row of `FORMS` (intake). `kind`: the kind of its target. `takes`: whether the second argument is the raw
    prediction or the prediction on the target's scale. `classes`: how many numbers a row of it has (1: shape (n,)).
    `target`: "number" (n,), "index" (n,) of class numbers, or "rows" (n, classes) of zeros, ones or probabilities.
    `dtypes`: the number formats that it computes in, the best first. `gives`: what an `Answer` of it holds.
    `per_row`: whether the value is one number for each row. `weighted`: whether it takes sample weights.
    `curvature`: whether what it gives as a hessian may be any positive bound on the curvature, as boosters accept it.
    `assumed`: sentences on what nobody said and was taken for granted.
    `call` hands over the arrays as they are: what the thing does to them shows afterwards.
    """

    name: str
    form: str
    kind: str
    takes: Takes
    call: Call
    gives: frozenset[str]
    classes: int = 1
    target: Literal["number", "index", "rows"] = "number"
    dtypes: tuple[str, ...] = ("float64", "float32")
    per_row: bool = False
    weighted: bool = False
    curvature: bool = False
    assumed: tuple[str, ...] = ()
