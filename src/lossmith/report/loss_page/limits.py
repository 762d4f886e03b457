"""Where the plain formula breaks: computed as it is written, in float32 and float64, along the raw prediction.

Comes in: a loss. Goes out: `Limit` records: from which raw prediction on, outwards or towards the target, the value,
gradient or curvature of the plain formula is infinite, NaN or a false zero, where the loss's own kernel gives a number.
Derivatives of the plain formula are those of the chain rule, step by step, nothing cancelled. Places are found by a coarse
walk and then by closing in.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from lossmith.calculus.additivity import additive_part
from lossmith.calculus.derivative import gradient, tangent
from lossmith.calculus.diagonal import diagonal
from lossmith.calculus.terms import or_zero
from lossmith.compiler import direction
from lossmith.errors import LossmithError
from lossmith.formula.definition import resolved
from lossmith.formula.node import OPERATIONS, Node, constant, make, make_from, rebuild, symbols
from lossmith.interpret import System, interpret, numpy_system
from lossmith.kernel.rows import load
from lossmith.loss.evaluate import evaluate, with_direction
from lossmith.loss.handle import Loss
from lossmith.report.loss_page.record import Scene, View
from lossmith.report.loss_page.scenes import views

Array = NDArray[Any]
Output = Literal["value", "gradient", "hessian"]
Side = Literal["below", "above", "near"]
Fault = Literal["infinite", "NaN", "false zero"]

FORMATS: Final[Mapping[Literal["float32", "float64"], Any]] = {"float32": np.float32, "float64": np.float64}
ASKED: Final[Mapping[Output, str]] = {"value": "value", "gradient": "gradient", "hessian": "hvp"}
ONE: Final = constant(1.0)


@dataclass(frozen=True)
class Limit:
    """From `at` on, on this side (`near`: from there to the target, on both), the plain formula gives `what`; the kernel `ours`.

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


def limits(loss: Loss) -> tuple[Limit, ...]:
    """Where the plain formula of a loss first fails, for the targets that its page shows; empty where it does not.

    Of a loss whose rows are finished together: those of one row that moves in the page's batch.

    >>> import lossmith as ls
    >>> found = [l for l in limits(ls.get("bce")) if (l.format, l.output, l.target) == ("float64", "value", 0.0)]
    >>> [(round(l.at, 1), l.side, l.what) for l in found]
    [(-37.4, 'below', 'false zero'), (36.7, 'above', 'infinite')]
    """
    loss, known = loss.using("numpy"), outputs(loss)
    plain = {output: node for output, node in _plain(loss).items() if output in known}
    found: list[Limit] = []
    for view in views(loss, loss.target):
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


# The plain formula --------------------------------------------------------------------------------------------------


def _divided(a: Node, total: Node) -> Node:
    return make("divide", a, total)


# What a person writes for a node that has a safe form.
WRITTEN: Final[Mapping[str, Callable[..., Node]]] = MappingProxyType(
    {
        "sigmoid": lambda z: ONE / (ONE + make("exp", -z)),
        "softplus": lambda z: make("log", ONE + make("exp", z)),
        "log_sigmoid": lambda z: make("log", ONE / (ONE + make("exp", -z))),
        "log_cosh": lambda z: make("log", make("cosh", z)),
        "expm1": lambda z: make("exp", z) - ONE,
        "log1p": lambda z: make("log", ONE + z),
        "softmax": lambda z: _divided(make("exp", z), make("class_sum", make("exp", z))),
        "log_softmax": lambda z: make("log", _divided(make("exp", z), make("class_sum", make("exp", z)))),
        "class_logsumexp": lambda z: make("log", make("class_sum", make("exp", z))),
        "example_logsumexp": lambda z: make("log", make("example_sum", make("exp", z))),
        "example_rms": lambda z: make("sqrt", make("example_mean", z * z)),
        "xlogy": lambda a, b: a * make("log", b),
        "xlog1py": lambda a, b: a * make("log", ONE + b),
        "sigmoid_power": lambda z, b: make("power", ONE / (ONE + make("exp", -z)), b),
    }
)

# What derivatives bring in; as plain steps.
STEPS: Final[Mapping[str, Callable[..., Array]]] = MappingProxyType(
    {
        "safe_divide": lambda a, b: np.asarray(a / b),
        "vanishing_product": lambda a, b: np.asarray(a * b),
        "sigmoid": lambda a: np.asarray(1 / (1 + np.exp(-a))),
        "softplus": lambda a: np.asarray(np.log(1 + np.exp(a))),
        "xlogy": lambda a, b: np.asarray(a * np.log(b)),
    }
)


def _plain(loss: Loss) -> dict[Output, Node]:
    """The formulas of a row's own value, gradient and curvature; of a loss that is no sum over rows, of the finished number.

    There each place is a group of rows: sums over rows are sums over the rows of a group.
    """
    definition = loss.definition
    whole = rebuild(resolved(definition), _as_written)
    part, raw = additive_part(whole), definition.roles.raw[0]
    if part is None:
        whole = rebuild(whole, _by_group)
        slope = gradient(whole, raw)
        return {"value": whole, "gradient": slope, "hessian": or_zero(tangent(slope, {raw: direction(raw)}))}
    slope = gradient(part.term, raw)
    return {"value": part.term, "gradient": slope, "hessian": diagonal(slope, raw)}


def _by_group(node: Node, args: tuple[Node, ...]) -> Node:
    return make_from(node.op, args, ("group",) if OPERATIONS[node.op].joins_examples else node.attr)


def _as_written(node: Node, args: tuple[Node, ...]) -> Node:
    if node.op in WRITTEN and node.attr is None:
        return WRITTEN[node.op](*args)
    return make_from(node.op, args, node.attr)


def _system(dtype: np.dtype[Any]) -> System:
    system = numpy_system(dtype)
    return replace(system, primitives=MappingProxyType({**system.primitives, **STEPS}))


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
        found = interpret([*self.plain.values()], leaves, _system(self.dtype), groups)
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
    gaps = _first_faults(probe, asked)
    for _ in range(ROUNDS):
        gaps = _first_faults(probe, [(gap.output, gap.side, _between(gap, probe.dtype)) for gap in gaps])
    centre = float(probe.scene.targets[0][1][0])
    widest = {
        (gap.output, gap.what): gap
        for gap in sorted(gaps, key=lambda gap: abs(gap.faulty - centre))
        if gap.side == "near"
    }
    for gap in (*(gap for gap in gaps if gap.side != "near"), *widest.values()):
        told = gap.output, _target(probe), gap.faulty, gap.side, gap.what, gap.ours
        yield Limit("float64", *told, probe.scene.label, probe.view.name)


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
        for j in np.flatnonzero((there == 0) | ~np.isfinite(there)):
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
