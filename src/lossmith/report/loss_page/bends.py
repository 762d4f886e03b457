"""Where a formula branches, along the axis of a picture: places that no grid misses.

Comes in: a loss. Goes out: for each surface on which its formula branches a loss whose rows are that surface, the same as
JavaScript, and its zeros along a line. Only of losses that are sums over rows: of others a place depends on the batch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Final

import numpy as np

from lossmith.compiler import program
from lossmith.emit.to_js import object_text
from lossmith.errors import LossmithError
from lossmith.loss.handle import Loss
from lossmith.report.loss_page.curves import Floats, section, values
from lossmith.report.loss_page.record import Scene

MOST: Final = 12
HALVINGS: Final = 60  # as far as floats go

Surface = Callable[[Floats], Floats]


def surfaces(loss: Loss) -> tuple[Loss, ...]:
    """A loss for each surface of a row at which the formula branches; its value is 0 there.

    >>> import lossmith as ls
    >>> [found.formula for found in surfaces(ls.get("huber"))]
    ['y - z', 'abs(y - z) - delta']
    """
    if not loss.is_additive:
        return ()
    seen = {kink.surface: None for kink in loss.facts.kinks if kink.surface.axes == {"example"}}
    return tuple(replace(loss, definition=replace(loss.definition, formula=node)) for node in list(seen)[:MOST])


def in_javascript(surface: Loss) -> str:
    """The object of a surface for the page's script, which asks for the value of each row alone; empty if it has none."""
    request = surface._request()
    try:
        rows = program(request.definition, ("per_example",), True)
        return object_text(request.definition, "", request.parameters, [rows], request.definition.roles.raw)
    except LossmithError:
        return ""


def places(loss: Loss, scene: Scene, x: Floats) -> tuple[float, ...]:
    """Where the loss branches along a scene, between the first and the last of these places.

    >>> import lossmith as ls
    >>> from lossmith.report.loss_page.scenes import views
    >>> loss = ls.get("huber", delta=1e-3).using("numpy")
    >>> places(loss, views(loss, "real")[0].scenes[0], np.linspace(-4, 4, 400))
    (-0.001, 0.0, 0.001)
    """
    found: list[float] = []
    for surface in surfaces(loss):
        try:
            with np.errstate(all="ignore"):
                found += zeros(partial(values, surface, scene), x)
        except LossmithError:
            continue
    return tuple(sorted(set(found)))


def zeros(surface: Surface, x: Floats) -> list[float]:
    """The zeros of a surface along these places, of a stretch of them the ends; also where it dips to 0 between two.

    >>> [round(at, 9) for at in zeros(lambda x: np.abs(x - 0.3) - 1e-5, np.linspace(-1.0, 1.0, 20))]
    [0.29999, 0.30001]
    >>> zeros(lambda x: np.maximum(x, 0.0), np.linspace(-2.0, 2.0, 5))
    [-2.0, 0.0]
    """
    s = surface(x)
    level = np.pad(s == 0, 1)
    found = [float(at) for at in x[level[1:-1] & ~(level[:-2] & level[2:])]]
    found += [_halved(surface, x[i], x[i + 1]) for i in np.flatnonzero(s[:-1] * s[1:] < 0)]
    for i in _dips(s):
        at = section(partial(_size, surface, float(np.sign(s[i]))), x[i - 1], x[i + 1])
        deepest = float(surface(np.array([at]))[0])
        if deepest * s[i] < 0:
            found += [_halved(surface, x[i - 1], at), _halved(surface, at, x[i + 1])]
    return found


def _size(surface: Surface, sign: float, v: float) -> float:
    return float(sign * surface(np.array([v]))[0])


def _dips(s: Floats) -> Sequence[int]:
    """Places at which a surface is nearer to 0 than beside them, and on the same side of it."""
    size, sign = np.abs(s), np.sign(s)
    inner = (size[1:-1] <= size[:-2]) & (size[1:-1] <= size[2:]) & ((size[1:-1] < size[:-2]) | (size[1:-1] < size[2:]))
    same = (sign[1:-1] == sign[:-2]) & (sign[1:-1] == sign[2:]) & (sign[1:-1] != 0)
    return [int(i) + 1 for i in np.flatnonzero(inner & same)]


def _halved(surface: Surface, a: float, b: float) -> float:
    """The zero between two places of different sign."""
    side = np.sign(surface(np.array([a]))[0])
    for _ in range(HALVINGS):
        middle = a + (b - a) / 2
        if not a < middle < b:
            break
        if np.sign(surface(np.array([middle]))[0]) == side:
            a = middle
        else:
            b = middle
    middle, short = a + (b - a) / 2, short_of(a, b)
    size = np.abs(surface(np.array([short, a, middle, b])))
    return short if size[0] <= max(size[1], size[3]) else (a, middle, b)[int(np.argmin(size[1:]))]


def short_of(a: float, b: float) -> float:
    """The shortest number in reach of an interval of a few floats: a corner at 1 is not told as 0.99999999999."""
    middle = a + (b - a) / 2
    short = float(f"{middle:.9g}")
    short = 0.0 if abs(short) < 1e-9 and abs(b - a) > 1e-12 * abs(middle) else short
    return short if abs(short - middle) <= 4 * (b - a) + 1e-9 * max(1e-3, abs(middle)) else middle
