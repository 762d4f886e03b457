"""Losses of both kinds for the tests of numbers and semantics: wrong ones, and right twins; and how "
"they are looked at."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import lossmith as ls
from lossmith.checking.derivatives import Known
from lossmith.checking.derivatives.known import for_subject
from lossmith.checking.finding import Finding
from lossmith.checking.subject import Answer, Array, Subject

Look = Callable[[Subject, Known | None, int], list[Finding]]
BOTH = ("float64", "float32")


def subject(
    function: Callable[..., Any],
    gives: tuple[str, ...] = ("value",),
    kind: str = "real",
    *,
    form: str = "plain",
    takes: str = "raw",
    weighted: bool = False,
    dtypes: tuple[str, ...] = BOTH,
    **more: Any,
) -> Subject:
    """A function of (y, prediction), with weights of (y, prediction, weight), that gives the parts in this order."""

    def call(y: Array, z: Array, w: Array | None) -> Answer:
        given = (y, z, np.ones(len(y), z.dtype) if w is None else w) if weighted else (y, z)
        found = function(*given)
        pieces = found if isinstance(found, tuple) else (found,)
        return Answer(**{name: np.asarray(piece) for name, piece in zip(gives, pieces, strict=True)})

    shared: dict[str, Any] = {"kind": kind, "takes": takes, "dtypes": dtypes, "weighted": weighted, **more}
    return Subject("f", form, call=call, gives=frozenset(gives), **shared)


def booster(function: Callable[..., Any], kind: str = "real", **more: Any) -> Subject:
    """An objective as LightGBM takes it."""
    return subject(function, ("gradient", "hessian"), kind, form="lightgbm", curvature=True, **more)


def criterion(
    torch: Any, function: Callable[..., Any], kind: str, dtype: str, *, takes: str = "raw", **more: Any
) -> Subject:
    """A PyTorch criterion of (prediction, target), differentiated by PyTorch, which the test hands over."""

    def call(y: Array, z: Array, w: Array | None) -> Answer:
        raw = torch.tensor(z, requires_grad=True)
        value = function(raw, torch.tensor(y))
        value.sum().backward()
        assert raw.grad is not None
        return Answer(value=value.detach().numpy(), gradient=raw.grad.numpy())

    gives = frozenset({"value", "gradient"})
    return Subject("f", "torch", kind, takes, call, gives, dtypes=(dtype,), **more)  # type: ignore[arg-type]


def generated(name: str) -> list[Subject]:
    """A loss of the catalogue as standalone code: value with gradient, and, where it is a sum, as an objective."""
    loss, code = ls.get(name), {}
    exec(loss.source("numpy"), code)  # our own text
    declared = loss.definition.declaration
    classes = 3 if declared.has_classes else 1
    target = "number" if classes == 1 else ("index" if loss.target == "class" else "rows")
    takes = "probability" if declared.on == "probability" else "raw"
    shared: dict[str, Any] = {
        "kind": loss.target,
        "takes": takes,
        "classes": classes,
        "target": target,
        "weighted": True,
    }

    def both(y: Array, z: Array, w: Array) -> tuple[Array, ...]:
        given = (y, z, w)
        return tuple(np.asarray(code[f](*given), z.dtype).reshape(s) for f, s in (("value", ()), ("gradient", z.shape)))

    def objective(y: Array, z: Array, w: Array) -> tuple[Array, ...]:
        return tuple(np.asarray(part, z.dtype).reshape(z.shape) for part in code["gradient_and_hessian"](y, z, w))

    found = [subject(both, ("value", "gradient"), **shared)]
    return [*found, booster(objective, **shared)] if "gradient_and_hessian" in code else found


def known_as(name: str, of: Subject, **parameters: float) -> Known:
    """The reference that a user would name."""
    return Known(for_subject(ls.get(name, **parameters), of.takes), given=True)


def faults(look: Look, of: Subject, known: Known | None = None) -> dict[str, str]:
    """The faults that are found: code and sentence."""
    return {f.code: f.sentence for f in look(of, known, 0) if f.verdict == "fault"}


def sigmoid(z: Array) -> Array:
    """The logistic function, as written everywhere."""
    with np.errstate(over="ignore"):
        return np.asarray(1.0 / (1.0 + np.exp(-z)))


def softmax(z: Array, axis: int = 1) -> Array:
    """Shares, safely."""
    e = np.exp(z - z.max(axis=axis, keepdims=True))
    return np.asarray(e / e.sum(axis=axis, keepdims=True))
