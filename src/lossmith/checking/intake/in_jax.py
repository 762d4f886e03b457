"""JAX functions: gradients by `jax.grad` of the sum, in the number format that JAX is set to.

Comes in: a function. Goes out: `Opened`. JAX is loaded already where a function is its own; here it is only used.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, final

import numpy as np

from lossmith.checking.intake.code import Arguments, arguments, modules_used, title
from lossmith.checking.intake.hints import Bind, Hints, Opened, Way
from lossmith.checking.intake.layouts import Layout
from lossmith.checking.intake.plain import order_said, rather_classes
from lossmith.checking.intake.returned import ShapeError
from lossmith.checking.intake.tensors import MOST, checked_value, rows_touch
from lossmith.checking.subject import Answer, Array, Call


def is_of_jax(thing: Any) -> bool:
    """Whether it is of JAX or of Optax, or computes with it."""
    return callable(thing) and bool(modules_used(thing) & {"jax", "jaxlib", "optax"})


def open_jax(thing: Any, hints: Hints) -> Opened:
    """Both orders where the names say nothing."""
    told, name = arguments(thing), title(thing)
    dtypes = ("float64", "float32") if _has_doubles() else ("float32",)
    orders = [True, False] if told.target_first is None else [told.target_first]
    ways = tuple(
        Way(
            form="jax",
            bind=_bind(thing, told, target_first=first),
            weighted=told.weight is not None,
            dtypes=dtypes,
            says=told.says,
            said=order_said(told, first),
        )
        for first in orders
    )
    return Opened(name, ways, rather_classes(thing, name))


def _has_doubles() -> bool:
    """Whether JAX keeps float64, or rounds all to float32."""
    import jax

    return bool(jax.numpy.asarray(np.zeros(1)).dtype == np.float64)


def _bind(thing: Any, told: Arguments, *, target_first: bool) -> Bind:
    """Every call after the first is compiled, if JAX can."""
    import jax

    def bind(layout: Layout) -> Call:
        run = _Run(thing, told.weight, target_first)
        compiled = jax.jit(run.everything, static_argnums=3)
        touching: list[bool] = []
        plain: list[bool] = []

        def call(y_true: Array, prediction: Array, sample_weight: Array | None) -> Answer:
            y = y_true.astype(np.int32) if layout.whole else y_true
            given = [None if a is None else jax.numpy.asarray(a) for a in (y, prediction, sample_weight)]
            if not touching:
                touching.append(run.rows_touch(*given))
                plain.append(not _can(compiled, given, touching[0]))
            bends = (touching[0] and prediction.size <= MOST) or not touching[0]
            every: Callable[..., Any] = run.everything if plain[0] else compiled
            value, slope, bend = every(*given, _how(touching[0], bends=bends))
            found = checked_value(np.asarray(value), prediction.shape)
            return Answer(found, np.asarray(slope), None if bend is None else np.asarray(bend))

        return call

    return bind


def _how(touching: bool, *, bends: bool) -> str:
    """How the diagonal of the hessian is taken."""
    return "exact" if touching and bends else "by class" if bends else "not"


def _can(compiled: Any, given: list[Any], touching: bool) -> bool:
    """Whether the function can be compiled."""
    try:
        compiled(*given, _how(touching, bends=True))
    except Exception:
        return False
    return True


@final
@dataclass(frozen=True)
class _Run:
    """A function of JAX with everything that is taken from it."""

    thing: Any
    weight: str | None
    target_first: bool

    def value(self, y: Any, p: Any, w: Any) -> Any:
        """What the function gives; more than one array is a wrong shape."""
        extra = {} if w is None or self.weight is None else {self.weight: w}
        found = self.thing(*((y, p) if self.target_first else (p, y)), **extra)
        if not hasattr(found, "shape"):
            raise ShapeError(f"it returns {type(found).__name__}; of a JAX function the value is wanted, one array")
        return found

    def linear(self, y: Any, p: Any, w: Any) -> tuple[Any, Any]:
        """The gradient of the sum, and the hessian as a map of directions."""
        import jax

        slope, along = jax.linearize(jax.grad(lambda q: jax.numpy.sum(self.value(y, q, w))), p)
        return slope, along

    def rows_touch(self, y: Any, p: Any, w: Any) -> bool:
        """Whether the slope in one row moves with the prediction of another."""
        _, along = self.linear(y, p, w)
        return rows_touch(lambda d: np.asarray(along(d.astype(np.asarray(p).dtype))), tuple(p.shape))

    def everything(self, y: Any, p: Any, w: Any, how: str) -> tuple[Any, Any, Any]:
        """Value, gradient of the sum, diagonal of its hessian."""
        import jax

        slope, along = self.linear(y, p, w)
        if how == "not":
            return self.value(y, p, w), slope, None
        each = _directions(p, how)
        return self.value(y, p, w), slope, (jax.vmap(along)(each) * each).sum(axis=0)


def _directions(p: Any, how: str) -> Any:
    """One direction for each number ("exact"), or one for each class over all rows."""
    import jax

    if how == "exact":
        return jax.numpy.eye(p.size, dtype=p.dtype).reshape(p.size, *p.shape)
    classes = 1 if p.ndim == 1 else p.shape[1]
    unit = jax.numpy.eye(classes, dtype=p.dtype)
    return jax.numpy.broadcast_to(unit if p.ndim == 1 else unit[:, None, :], (classes, *p.shape))
