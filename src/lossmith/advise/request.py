"""What a user asks of a study: the options as one frozen record, checked once, and the command line that repeats them."""

from __future__ import annotations

import math
import os
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from lossmith.errors import DataError, did_you_mean
from lossmith.loss.handle import Loss

T = TypeVar("T")

MODELS: Final = ("boosted", "linear")
SMALL: Final = 500
"""Up to so many rows a linear model is the default: boosted trees on 30 rows predict a constant, and every loss ties."""


@dataclass(frozen=True)
class Request:
    """All options of a study; see `lossmith.study` for what each means."""

    target: str
    time: str | None = None
    group: str | None = None
    weight: str | None = None
    id: str | None = None
    drop: tuple[str, ...] = ()
    cost: Any = None
    estimate: str | None = None
    kind: str | None = None
    positive: str | None = None
    loss: tuple[str | Loss, ...] = ()
    test: Any = None
    model: str | None = None
    rows: int | None = None
    time_limit: float | None = None
    encoding: str | None = None
    seed: int = 0
    quick: bool = False

    def model_for(self, rows: int) -> str:
        """The model: what was asked for, else by the number of rows to learn from."""
        return self.model or ("linear" if rows <= SMALL else "boosted")

    def command(self, data: Any) -> str:
        """Return the command line that repeats this study (for a frame: with DATA in place of a path)."""
        words = ["lossmith", "study", _shown(data)]
        for name in OPTIONS:
            value = getattr(self, name)
            for one in value if isinstance(value, tuple) else (value,):
                if one is not None:
                    words += [f"--{name.replace('_', '-')}", WORDS.get(name, str)(one)]
        return shlex.join([*words, *(["--quick"] if self.quick else []), "--seed", str(self.seed)])


OPTIONS: Final = (
    *("target", "time", "group", "weight", "id", "drop", "cost", "estimate", "kind", "positive", "loss", "test"),
    *("model", "rows", "time_limit", "encoding"),
)


def _shown(data: Any) -> str:
    return str(data) if isinstance(data, (str, os.PathLike)) else "DATA"


def _cost_words(cost: Any) -> str:
    if isinstance(cost, Mapping):
        return ", ".join(f"{key}={value}" for key, value in cost.items())
    return str(cost) if isinstance(cost, (str, os.PathLike)) else "COSTS.csv"


WORDS: Final[Mapping[str, Any]] = {
    "cost": _cost_words,
    "loss": lambda loss: loss if isinstance(loss, str) else loss.to_json(),
    "test": _shown,
    "time_limit": lambda seconds: repr(seconds).removesuffix(".0"),
}


def checked(request: Request) -> Request:
    """Return the request, or raise `DataError` LM538 for an option that no study can follow."""
    if request.model is not None and request.model not in MODELS:
        hint = did_you_mean(str(request.model), MODELS)
        raise DataError("LM538", f'--model takes boosted or linear, got "{request.model}".{hint}')
    if request.rows is not None and request.rows < 100:
        raise DataError("LM538", f"--rows is the most rows to learn from, at least 100, got {request.rows}.")
    limit = request.time_limit
    if limit is not None and not (math.isfinite(limit) and limit > 0):
        raise DataError("LM538", f"--time-limit is a number of seconds above 0, got {limit:g}.")
    return request


def as_tuple(value: T | Iterable[T] | None) -> tuple[T, ...]:
    """One (a text, a loss), several, or none, as a tuple.

    >>> as_tuple("a"), as_tuple(["a", "b"]), as_tuple(None)
    (('a',), ('a', 'b'), ())
    """
    if value is None:
        return ()
    return tuple(value) if isinstance(value, Iterable) and not isinstance(value, str) else (value,)
