"""Where the plain formula breaks: computed as it is written, in float32 and float64, along the raw prediction.

Comes in: a loss. Goes out: `Limit` records: from which raw prediction on, outwards or towards the target, the value,
gradient or curvature of the plain formula is infinite, NaN or a false zero, where the loss's own kernel gives a number.
Places are found by a coarse walk and then by closing in.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from lossmith.compiler import direction
from lossmith.errors import LossmithError
from lossmith.formula.node import Node, symbols
from lossmith.interpret import interpret
from lossmith.kernel.rows import load
from lossmith.loss.evaluate import evaluate, with_direction
from lossmith.loss.handle import Loss
from lossmith.report.loss_page.plain import ONE, Output, plain_formulas, plain_system
from lossmith.report.loss_page.record import Scene, View
from lossmith.report.loss_page.scenes import views

Array = NDArray[Any]
Side = Literal["below", "above", "near", "everywhere"]
Fault = Literal["infinite", "NaN", "false zero"]

FORMATS: Final[Mapping[Literal["float32", "float64"], Any]] = {"float32": np.float32, "float64": np.float64}
ASKED: Final[Mapping[Output, str]] = {"value": "value", "gradient": "gradient", "hessian": "hvp"}


@dataclass(frozen=True)
class Limit:
    """From `at` on, on this side (`near`: from there to the target, on both), the plain formula gives `what`; the kernel `ours`.

    `everywhere`: at all places looked at, `at` being one of them.
    `target` is the target of the row that moves (of classes: 1 where the moving class is the true one, its share of a simplex),
    and `label` the scene of the page that it belongs to, in the view of that name.
    """

    format: Literal["float32", "float64"]
    output: Output
    target: float
    at: float
    side: Side
    what: Fault
    ours: float
    label: str
    view: str


def limits(loss: Loss, rest: Sequence[float] = ()) -> tuple[Limit, ...]:
    """Where the plain formula of a loss first fails, for the targets that its page shows; empty where it does not.

    Of a loss whose rows are finished together: those of one row that moves in the page's batch. `rest`: raw predictions at
    which heads rest, as in the page's pictures.

    >>> import lossmith as ls
    >>> found = [l for l in limits(ls.get("bce")) if (l.format, l.output, l.target) == ("float64", "value", 0.0)]
    >>> [(round(l.at, 1), l.side, l.what) for l in found]
    [(-37.4, 'below', 'false zero'), (36.7, 'above', 'infinite')]
    """
    loss, known = loss.using("numpy"), outputs(loss)
    plain = {output: node for output, node in plain_formulas(loss).items() if output in known}
    found: list[Limit] = []
    for view in views(loss, loss.target, rest):
        for scene, (name, dtype) in itertools.product(view.scenes, FORMATS.items()):
            probe = _Probe(loss, plain, view, scene, np.dtype(dtype))
            found += [replace(limit, format=name) for limit in _along(probe)]
    return tuple(found)


@lru_cache(maxsize=64)
def outputs(loss: Loss) -> tuple[Output, ...]:
    """Which numbers are looked at: without the curvature, where the loss has none of its finished number.

    >>> import lossmith as ls
    >>> outputs(ls.get("rmse"))
    ('value', 'gradient', 'hessian')
    """
    loss = loss.using("numpy")
    view = views(loss, loss.target)[0]
    probe = _Probe(loss, dict.fromkeys(ASKED, ONE), view, view.scenes[0], np.dtype(np.float64))
    try:
        with np.errstate(all="ignore"):
            probe.ours(np.array([0.5]))
    except LossmithError:
        return ("value", "gradient")
    return tuple(ASKED)


# Looking ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class _Probe:
    """One scene of a view in one number format: both computations at places along its axis."""

    loss: Loss
    plain: Mapping[Output, Node]
    view: View
    scene: Scene
    dtype: np.dtype[Any]

    @property
    def width(self) -> int:
        """How many raw predictions a row has."""
        return len(self.loss.definition.declaration.heads) or max(self.scene.classes, 1)

    @property
    def rows(self) -> int:
        """How many rows the scene has."""
        return len(self.scene.base) // self.width

    @property
    def unit(self) -> Array:
        """A step of the raw prediction that moves. (flat)"""
        return np.asarray(np.eye(len(self.scene.base), dtype=self.dtype)[self.scene.place])

    def raw(self, x: Array) -> Array:
        """The raw predictions at these places: (places * rows, width)."""
        base, slope = (np.asarray(part, dtype=self.dtype) for part in (self.scene.base, self.scene.slope))
        moved = np.where(slope == 0, base, base + slope * x[:, None])
        return np.asarray(moved, dtype=self.dtype).reshape(-1, self.width)

    def targets(self, copies: int) -> dict[str, Array]:
        """The targets of as many copies of the scene, by name: (rows,), or (rows, classes) for shares."""
        kinds = dict(self.loss.definition.declaration.target)
        found = {name: np.tile(np.asarray(values), copies) for name, values in self.scene.targets}
        return {name: a.reshape(-1, self.width) if kinds[name] == "simplex" else a for name, a in found.items()}

    def columns(self, copies: int) -> dict[str, Array]:
        """The declared columns of as many copies of the scene."""
        return {name: np.tile(np.asarray(values), copies) for name, values in self.scene.columns}

    def theirs(self, x: Array) -> dict[Output, Array]:
        """What the plain formulas give at these places."""
        raw, copies = self.raw(x), len(x)
        groups = np.repeat(np.arange(copies), self.rows)
        leaves = _leaves(self, raw, self.targets(copies), self.columns(copies))
        found = interpret([*self.plain.values()], leaves, plain_system(self.dtype), groups)
        return {output: _moving(self, a, copies) for output, a in zip(self.plain, found, strict=True)}

    def ours(self, x: Array) -> dict[Output, Array]:
        """What the kernel gives at these places, in the same format."""
        if self.loss.is_additive:
            return _ours(self, x)
        found = [_ours(self, x[j : j + 1]) for j in range(len(x))]
        return {output: np.concatenate([one[output] for one in found]) for output in self.plain}


def _moving(probe: _Probe, a: Array, copies: int) -> Array:
    """Of an array over rows (or places) and classes what belongs to the raw prediction that moves: a number for each place."""
    place = probe.scene.place if a.shape[1] > 1 else 0
    first = a[:: probe.rows] if a.shape[0] == copies * probe.rows else a
    return np.asarray(np.broadcast_to(first[:, place], copies))


def _leaves(probe: _Probe, raw: Array, targets: Mapping[str, Array], columns: Mapping[str, Array]) -> dict[Node, Any]:
    """The values of everything that the plain formulas read."""
    definition, values = probe.loss.definition, probe.loss.parameters
    roles, kinds = definition.roles, dict(definition.declaration.target)
    heads = bool(definition.declaration.heads)
    found: dict[Node, Any] = {leaf: raw[:, j : j + 1] if heads else raw for j, leaf in enumerate(roles.raw)}
    found[direction(roles.raw[0])] = np.tile(probe.unit, len(raw) // probe.rows).reshape(raw.shape)
    for name, a in targets.items():
        of_classes = kinds[name] == "class"
        found[roles.leaves[name]] = np.eye(probe.width)[a.astype(int)] if of_classes else a.reshape(len(raw), -1)
    for name in definition.declaration.columns:
        found[roles.leaves[name]] = columns[name].reshape(-1, 1)
    numbers = symbols(*probe.plain.values(), role="parameter")
    return found | {leaf: values[repr(leaf)] for leaf in numbers}


def _ours(probe: _Probe, x: Array) -> dict[Output, Array]:
    """Each place as a row of its own; of rows that are finished together one place alone."""
    loss, raw = probe.loss, probe.raw(x)
    targets, columns = probe.targets(len(x)), probe.columns(len(x)) or None
    z = raw if probe.width > 1 else raw[:, 0]
    y: Any = targets if len(targets) > 1 else next(iter(targets.values()))
    with np.errstate(all="ignore"):
        if not loss.is_additive:
            wanted = tuple(ASKED[output] for output in probe.plain)
            rows = load(loss.definition, y, z, None, columns, parameters=loss._request().parameters)
            if "hvp" in wanted:
                rows = with_direction(loss.definition, rows, probe.unit.reshape(z.shape))
            value, arrays = evaluate(loss._request(), wanted, rows)
            there = [np.asarray([value], dtype=probe.dtype), *(a.reshape(-1)[probe.scene.place, None] for a in arrays)]
            return dict(zip(probe.plain, there, strict=True))
        pair = loss.per_example_gradient_and_hessian(y, z, columns=columns)
        slope, bend = (a.reshape(len(raw), -1)[:, probe.scene.place] for a in pair)
        return {"value": loss.per_example(y, z, columns=columns), "gradient": slope, "hessian": bend}


# Walking outwards ---------------------------------------------------------------------------------------------------

FAR: Final = (*10.0 ** np.arange(4.0, 38.0), *10.0 ** np.arange(40.0, 308.0, 3.0))
ALONE: Final = (*np.arange(0.5, 60.0, 0.5), *np.geomspace(60.0, 2e3, 60), *FAR)
JOINT: Final = (*np.arange(1.0, 41.0, 3.0), *np.geomspace(45.0, 1e3, 12), 1e6, 1e20, 1e155)
TO_THE_ENDS: Final = np.concatenate([np.arange(1.0, 64.0), np.geomspace(64.0, 1074.0, 60)])
PARTS: Final = 32
ROUNDS: Final = 5
"""A gap is cut into so many parts, so many times: what is left of it is 3e-8."""
SIDES: Final[tuple[Side, ...]] = ("below", "above")
NEARBY: Final = 10.0 ** -np.arange(1.0, 300.0, 0.5)
"""Distances from the target, inwards."""


def _inwards(probe: _Probe, sign: float) -> Array:
    """Places nearer and nearer to the target, where that is a raw prediction and the row stands alone."""
    declaration = probe.loss.definition.declaration
    plain = probe.loss.is_additive and not declaration.heads and len(declaration.target) == 1
    if not plain or probe.loss.link != "identity" or probe.scene.classes > 1 or np.isfinite(probe.view.bounds[0]):
        return np.zeros(0, dtype=probe.dtype)
    centre = probe.dtype.type(probe.scene.targets[0][1][0])
    x = (centre + sign * NEARBY[np.finfo(probe.dtype).tiny < NEARBY]).astype(probe.dtype)
    return np.asarray(x[x != centre])


def _walk(probe: _Probe, side: Side) -> Array:
    """Places from the middle outwards: on the whole line, or towards 0 or 1."""
    if np.isfinite(probe.view.bounds[0]):
        steps = np.exp2(-TO_THE_ENDS)
        steps = steps[steps > 0.0] if side == "below" else 1.0 - steps[steps > np.finfo(probe.dtype).eps]
        return np.asarray(steps, dtype=probe.dtype)
    largest = float(np.finfo(probe.dtype).max) / 4
    sizes = np.array([size for size in (ALONE if probe.loss.is_additive else JOINT) if size < largest])
    return np.asarray(sizes if side == "above" else -sizes).astype(probe.dtype)


@dataclass(frozen=True)
class _Gap:
    """Between a sound place and a faulty one further out lies the border."""

    output: Output
    side: Side
    sound: float
    faulty: float
    what: Fault
    ours: float


def _along(probe: _Probe) -> Iterator[Limit]:
    """The first fault of each output on each side, outwards and towards the target."""
    walks: list[tuple[Side, Array]] = [(side, _walk(probe, side)) for side in SIDES]
    walks += [("near", _inwards(probe, sign)) for sign in (-1.0, 1.0)]
    asked = [(output, side, x) for side, x in walks for output in probe.plain]
    whole = _everywhere(probe, walks[:2])
    for gap in whole:
        yield _limit(probe, gap)
    known = {gap.output for gap in whole}
    gaps = _first_faults(probe, [one for one in asked if one[0] not in known])
    for _ in range(ROUNDS):
        gaps = _first_faults(probe, [(gap.output, gap.side, _between(gap, probe.dtype)) for gap in gaps])
    centre = float(probe.scene.targets[0][1][0])
    widest = {
        (gap.output, gap.what): gap
        for gap in sorted(gaps, key=lambda gap: abs(gap.faulty - centre))
        if gap.side == "near"
    }
    for gap in (*(gap for gap in gaps if gap.side != "near"), *widest.values()):
        yield _limit(probe, gap)


def _limit(probe: _Probe, gap: _Gap) -> Limit:
    told = gap.output, _target(probe), gap.faulty, gap.side, gap.what, gap.ours
    return Limit("float64", *told, probe.scene.label, probe.view.name)


def _everywhere(probe: _Probe, walks: Sequence[tuple[Side, Array]]) -> list[_Gap]:
    """Outputs that the plain formula gives nowhere: NaN or infinite at all places, some with a number of the kernel's."""
    x = np.unique(np.concatenate([places for _, places in walks]))
    found: list[_Gap] = []
    lost = {output: a for output, a in probe.theirs(x).items() if not np.isfinite(a).any()}
    ours = probe.ours(x) if lost else {}
    for output, a in lost.items():
        j = int(np.argmin(np.where(np.isfinite(ours[output]), np.abs(x), np.inf)))
        what = _fault(a[j], ours[output][j])
        if what is not None:
            found.append(_Gap(output, "everywhere", float(x[j]), float(x[j]), what, float(ours[output][j])))
    return found


def _first_faults(probe: _Probe, asked: Sequence[tuple[Output, Side, Array]]) -> list[_Gap]:
    """For each output and row of places: the first place that is faulty behind one that is sound; all in one computation."""
    if not asked:
        return []
    x = np.unique(np.concatenate([places for _, _, places in asked]))
    theirs = probe.theirs(x)
    ours = probe.ours(x) if probe.loss.is_additive else {}
    found: list[_Gap] = []
    for output, side, places in asked:
        at = np.searchsorted(x, places)
        there = theirs[output][at]
        broken = (there == 0) | ~np.isfinite(there)
        lasts = broken & np.append(broken[1:], True)  # one place alone is no "from there on"
        for j in np.flatnonzero(lasts):
            own = (ours or probe.ours(places[j : j + 1]))[output][at[j] if ours else 0]
            what = _fault(there[j], own)
            if what is not None:
                if j > 0:
                    found.append(_Gap(output, side, float(places[j - 1]), float(places[j]), what, float(own)))
                break
    return found


def _fault(theirs: Any, ours: Any) -> Fault | None:
    """What is wrong with a number of the plain formula, where that of the kernel is finite (and normal beside a false 0)."""
    if not np.isfinite(ours):
        return None
    if np.isfinite(theirs):
        return "false zero" if abs(ours) >= np.finfo(ours.dtype).tiny else None
    return "NaN" if np.isnan(theirs) else "infinite"


def _between(gap: _Gap, dtype: np.dtype[Any]) -> Array:
    """Places from the sound one to the faulty one; by size where they are of different size."""
    a, b = gap.sound, gap.faulty
    if a * b > 0 and max(abs(a), abs(b)) > 2 * min(abs(a), abs(b)):
        x = np.copysign(np.geomspace(abs(a), abs(b), PARTS + 1), b)
    else:
        x = np.linspace(a, b, PARTS + 1)
    x[0], x[-1] = a, b
    return np.asarray(x).astype(dtype)


def _target(probe: _Probe) -> float:
    """The target of the row that moves; of classes that of the moving class."""
    first = float(probe.scene.targets[0][1][0])
    kind = probe.loss.target
    return float(first == probe.scene.place) if kind == "class" else first
