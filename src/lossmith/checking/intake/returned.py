"""What a call gave back, made into an `Answer`: a table of shapes.

Comes in: the object that came back, the shape of the predictions, what the name of the callable says. Goes out: parts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import numpy as np

from lossmith.checking.finding import Finding
from lossmith.checking.intake.code import words
from lossmith.checking.intake.words import GRADIENT_WORDS, VALUE_WORDS
from lossmith.checking.subject import Answer, Array

Parts: TypeAlias = tuple[str, ...]
Reshape: TypeAlias = Callable[[Array, tuple[int, ...]], Array]


class WayError(ValueError):
    """A way of calling that does not go with a layout: nothing was called."""


class ShapeError(ValueError):
    """What came back is no value, gradient or hessian of what was handed over; the text says what it is."""


@dataclass(frozen=True)
class Reading:
    """How to read what comes back: the parts in their order; `metric`: they stand in a tuple behind a name."""

    parts: Parts
    metric: bool = False


def pieces(returned: Any) -> tuple[list[Array], bool]:
    """The arrays that came back, and whether they came as a metric (name, value[, higher is better]).

    >>> pieces(("auc", 0.5, True))
    ([array(0.5)], True)
    """
    if isinstance(returned, Mapping):
        returned = tuple(returned.values())
    if isinstance(returned, list) and returned and isinstance(returned[0], tuple) and isinstance(returned[0][0], str):
        returned = returned[0]
    if isinstance(returned, tuple) and returned and isinstance(returned[0], str):
        return [_array(returned[1])], True
    if isinstance(returned, tuple) or _is_list_of_arrays(returned):
        return [_array(part) for part in returned], False
    return [_array(returned)], False


def _is_list_of_arrays(returned: Any) -> bool:
    return isinstance(returned, list) and 1 < len(returned) <= 3 and all(np.ndim(part) > 0 for part in returned)


def _array(part: Any) -> Array:
    """Numbers as an array; a tensor without axes and a list are welcome."""
    if part is None:
        raise ShapeError("it returns None")
    if hasattr(part, "detach"):
        part = part.detach().numpy()
    try:
        found = np.asarray(part)
    except ValueError:
        raise ShapeError("it returns lists of unequal lengths") from None
    if found.dtype.kind not in "fiub":
        raise ShapeError(f"it returns {type(part).__name__}, which holds no numbers")
    return found


def parts_of(found: list[Array], shape: tuple[int, ...], name: str) -> Parts:
    """Which part is which, by number, shape and name. Raises `ShapeError`.

    >>> parts_of([np.zeros(3), np.ones(3)], (3,), "objective")
    ('gradient', 'hessian')
    >>> parts_of([np.zeros(()), np.ones(3)], (3,), "objective")
    ('value', 'gradient')
    """
    said = words(name)
    has_value = bool(said & VALUE_WORDS)
    of_gradient = bool(said & GRADIENT_WORDS) and not has_value
    if len(found) == 1:
        parts: Parts = ("gradient",) if of_gradient and found[0].size == np.prod(shape) else ("value",)
    elif len(found) == 2:
        few = found[0].size < np.prod(shape)
        parts = ("value", "gradient") if few or has_value else ("gradient", "hessian")
    elif len(found) == 3:
        parts = ("value", "gradient", "hessian")
    else:
        raise ShapeError(f"it returns {len(found)} things")
    return parts


def answer(found: list[Array], parts: Parts, shape: tuple[int, ...], flat: str = "C") -> Answer:
    """The parts as an `Answer`; a flat gradient of several classes is laid out in the order `flat`.

    Raises `ShapeError` for what is neither of the predictions' shape nor one number for each row nor one number.
    """
    if len(found) != len(parts):
        raise ShapeError(f"it returns {len(found)} things here and {len(parts)} elsewhere")
    read: Mapping[str, Callable[[Array], Array]] = {
        "value": lambda a: _value(a, shape),
        "gradient": lambda a: _like(a, shape, flat, "gradient"),
        "hessian": lambda a: _like(_diagonal(a, shape), shape, flat, "hessian"),
    }
    return Answer(**{part: read[part](a) for part, a in zip(parts, found, strict=True)})


def _value(found: Array, shape: tuple[int, ...]) -> Array:
    if found.ndim == 0 or found.shape == shape[:1]:
        return found
    if found.size == 1:
        return found.reshape(())
    if found.shape == (shape[0], 1):
        return found.reshape(shape[:1])
    raise ShapeError(f"the value has shape {found.shape} for predictions of shape {shape}")


def _diagonal(found: Array, shape: tuple[int, ...]) -> Array:
    """Of a matrix for each row, or one for all, its diagonal."""
    if found.shape == (*shape, shape[-1]) and len(shape) > 1:
        return np.asarray(np.diagonal(found, axis1=-2, axis2=-1))
    return found


def _like(found: Array, shape: tuple[int, ...], flat: str, part: str) -> Array:
    """An array in the shape of the predictions; boosters read flat arrays and columns in their own order."""
    if found.shape == shape:
        return found
    if found.size != np.prod(shape) or (len(shape) > 1 and flat == "exact"):
        raise ShapeError(f"the {part} has shape {found.shape} for predictions of shape {shape}")
    if flat == "F":
        return found.ravel(order="F").reshape(shape, order="F")
    return found.reshape(shape)


WRONG_SHAPE: Final = "wrong_shape"


def finding_of(error: BaseException, where: str) -> Finding:
    """What a call that failed says of the thing."""
    if isinstance(error, ShapeError):
        return Finding(WRONG_SHAPE, f"{error}; called with {where}.")
    text = " ".join(str(error).split())
    shown = text if len(text) <= 200 else f"{text[:200]}..."
    return Finding("raises", f"{type(error).__name__}: {shown or 'no message'}; called with {where}.")
