"""Where a loss has no number: poles, and the ends of what its logarithms, roots and quotients are defined for.

Comes in: a study. Goes out: `Hole` records, found once a study, each with a target, the raw prediction and what happens
on its two sides; and whether it is proved that there are none. Each operation that is not defined everywhere says in a
table what it asks of its arguments; where these reach the border is found as corners are, between any points that a
fact looks at. What happens there is read off the formula at distances of 2**-100 and 2**-300.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from typing import Any, Final, Literal, TypeAlias

import numpy as np

from lossmith.calculus.derivative import tangent
from lossmith.calculus.kinks import is_nonnegative, is_positive
from lossmith.calculus.properties import rows, witnesses
from lossmith.calculus.properties.cases import ONE, Case, Study, folded
from lossmith.calculus.properties.extremes import extremes, halves, splits
from lossmith.calculus.properties.pieces import local, zeros
from lossmith.calculus.properties.ranges import Range, range_of, ranges
from lossmith.errors import UnsupportedError
from lossmith.formula.definition import Definition, bound, resolved
from lossmith.formula.lift import lift
from lossmith.formula.node import Node, constant, number_of, substitute, symbols, walk
from lossmith.interpret import BALLS, interpret
from lossmith.numerics.interval import DOMAINS, REAL

Beside: TypeAlias = Literal["number", "up", "down", "nothing"]

BITS: Final = 1400
STEPS: Final = (-100, -300)  # powers of two: a logarithm grows by 138 between them, what has a limit by 2**-33
GROWN: Final = 1e-6
LOCAL: Final = 2.0**-30
NEAREST: Final = 6  # places of one line that are looked at: a periodic formula has no end of them
ACROSS: Final = (0.0, 0.5, 1.0, -1.5)  # raw predictions at which all targets are looked at
NEAR: Final = 12.0  # raw predictions this small are far from any overflow


@dataclass(frozen=True)
class Need:
    """What an operation asks of a part: above 0, or only away from 0 (`either`); `at`: 0 itself will do."""

    surface: Node
    either: bool = False
    at: bool = False


@dataclass(frozen=True)
class Hole:
    """A place without a number: what the loss does just below and just above it, at this target.

    `number`: it stays a number; `up`, `down`: it grows or falls without end; `nothing`: there is no number from here on.
    """

    target: float
    raw: float
    below: Beside
    above: Beside

    @property
    def kind(self) -> Literal["pole", "end", "gap"]:
        """`pole`: infinite; `end`: no number from here on; `gap`: a single place."""
        if {"up", "down"} & {self.below, self.above}:
            return "pole"
        return "end" if "nothing" in (self.below, self.above) else "gap"


# What operations ask of their arguments -------------------------------------------------------------------------------


def _of_power(node: Node) -> Iterator[Need]:
    base, exponent = node.args[0], number_of(node.args[1])
    if exponent is None:
        yield Need(base)
    elif exponent != int(exponent):
        yield Need(base, at=exponent > 0)
    elif exponent < 0:
        yield Need(base, either=True)


def _above(k: int, shift: float = 0.0) -> Callable[[Node], Iterator[Need]]:
    """Argument k, moved by a number, must be above 0."""

    def needs(node: Node) -> Iterator[Need]:
        yield Need(node.args[k] if shift == 0 else constant(shift) + node.args[k])

    return needs


def _of_ratio(node: Node) -> Iterator[Need]:
    yield from (Need(node.args[0]), Need(node.args[1]))


NEEDS: Final[Mapping[str, Callable[[Node], Iterator[Need]]]] = {
    "divide": lambda node: iter([Need(node.args[1], either=True)]),
    "safe_divide": lambda node: iter([Need(node.args[1], either=True)]),
    "power": _of_power,
    "sqrt": lambda node: iter([Need(node.args[0], at=True)]),
    "log": _above(0),
    "log1p": _above(0, 1.0),
    "log_deficit": _above(0, 1.0),
    "xlogy": _above(1),
    "xlog1py": _above(1, 1.0),
    "log_ratio": _of_ratio,
    "lgamma": _above(0),
    "digamma": _above(0),
    "trigamma": _above(0),
}


def needs(root: Node) -> list[Need]:
    """What a formula asks of its parts, but for what their form shows to hold."""
    asked = [need for node in walk(root) if node.op in NEEDS for need in NEEDS[node.op](node)]
    return [need for need in asked if not _holds(need) and (symbols(need.surface, role="raw") or _of_target(need))]


def _of_target(need: Need) -> bool:
    """Whether it is asked of targets; what is asked of columns alone is for those who fill them."""
    return bool(symbols(need.surface, role="target")) or not symbols(need.surface)


def _holds(need: Need) -> bool:
    number = number_of(folded(need.surface))
    if number is not None:
        return number > 0 or (number == 0 and need.at) or (number < 0 and need.either)
    return is_positive(need.surface) or (need.at and is_nonnegative(need.surface))


# Whether there are none -----------------------------------------------------------------------------------------------


@lru_cache(maxsize=256)
def whole(study: Study) -> bool:
    """Whether it is proved that the loss has a number at every target and raw prediction."""
    if study.of_classes:
        asked = [need.surface for need in needs(study.plain) if symbols(need.surface, role="raw")]
        return all(_is_raw_share(study, surface) for surface in asked) and rows.are_numbers(study)
    return not holes(study) and all(_is_whole(case) for case in study.cases)


def _is_raw_share(study: Study, surface: Node) -> bool:
    return surface is study.body.raw and DOMAINS.get(study.body.image, REAL).low >= 0


def _is_whole(case: Case) -> bool:
    if all(_is_met(case, need) for need in needs(case.node)):
        return True
    found = extremes(case, case.node, None, (), only_sign=True)
    at_zero = case.free or not case.image.low < 0 < case.image.high or _is_defined_at_zero(case)
    return bool(found is not None and found.defined and at_zero)


def _is_defined_at_zero(case: Case) -> bool:
    """Boxes that end at 0 do not hold it."""
    try:
        return bool(ranges([case.node], {case.raw: range_of(0.0, 0.0)})[0].defined.all())
    except UnsupportedError:
        return False


def _is_met(case: Case, need: Need) -> bool:
    """Whether ranges over a few boxes show that a need is met everywhere."""
    return _met(need, _boxes(case))


def _met(need: Need, boxes: Mapping[Node, Range]) -> bool:
    try:
        r = ranges([need.surface], boxes)[0]
    except UnsupportedError:
        return False
    met = r.positive | (r.negative & need.either) | ((r.low >= 0) & need.at)
    return bool((met & r.defined).all())


def _boxes(case: Case) -> dict[Node, Range]:
    """A few boxes over the whole domain: the line cut near 0, 0 itself, other leaves in halves."""
    if case.free:
        leaves = [(case.raw, case.image), *case.free.items()]
        sides = np.array(list(product((0, 1), repeat=len(leaves))))
        return {leaf: halves(domain, sides[:, k]) for k, (leaf, domain) in enumerate(leaves)}
    cuts = splits(case.image, ())
    middle = [0.0] if case.image.low < 0 < case.image.high else []
    low, high = np.array([*cuts[:-1], *middle]), np.array([*cuts[1:], *middle])
    return {case.raw: range_of(low, high, ((low == 0) | (high == 0)) & (low < high))}


def whole_of_all(definition: Definition, parameters: Mapping[str, float] | None = None) -> bool:
    """As `whole`, for a loss that looks at all examples together: what is asked of a part holds over its whole range."""
    values = {p.name: v for p, v in zip(definition.parameters, bound(definition, parameters or {}), strict=True)}
    root, kinds = lift(resolved(definition))[0], dict(definition.declaration.target)
    leaves = {leaf: range_of(-np.inf, np.inf) for leaf in symbols(root)}
    for leaf in leaves:
        domain = DOMAINS[kinds[repr(leaf)]] if repr(leaf) in kinds else REAL
        leaves[leaf] = range_of(values.get(repr(leaf), domain.low), values.get(repr(leaf), domain.high))
    return all(_met(need, leaves) for need in needs(root))


# Where they are -------------------------------------------------------------------------------------------------------


@lru_cache(maxsize=256)
def holes(study: Study) -> tuple[Hole, ...]:
    """The places without a number, at the targets of the study, those nearest to 0 first."""
    if study.of_classes:
        return ()
    found = [hole for line in lines_of(study) for hole in _on_line(line) or _probed(line, study)]
    found = found or [hole for case in study.cases if case.target is None for hole in _across(study, case)]
    return tuple(sorted(found, key=lambda hole: (abs(hole.raw), abs(hole.target))))


def lines_of(study: Study) -> list[Case]:
    """The loss as a formula of the raw prediction alone: a case where it is one, else one for each target looked at."""
    found: list[Case] = []
    for case in study.cases:
        targets = study.targets if case.target is None else (case.target,)
        found += [_line_at(study, y) for y in targets] if case.free else [case]
    return found


def _line_at(study: Study, y: float) -> Case:
    columns = dict(zip(study.columns, map(constant, study.column_values), strict=True))
    node = folded(substitute(study.plain, {study.body.target: constant(y), **columns}))
    return Case(node, study.body.raw, study.cases[0].image, y)


def _across(study: Study, case: Case) -> list[Hole]:
    """Holes at targets between those that are looked at: the formula as one of the target, at some raw predictions."""
    domain = DOMAINS[study.body.kind]
    if domain.integer or not case.free or _is_whole(case):
        return []
    found = []
    columns = dict(zip(study.columns, map(constant, study.column_values), strict=True))
    for z in ACROSS:
        line = folded(substitute(study.plain, {study.body.raw: constant(z), **columns}))
        crossed = _on_line(Case(line, study.body.target, domain, z)) if z in case.image else []
        sides = [(hole.raw, [_beside(_line_at(study, hole.raw), z, z, side) for side in (-1, 1)]) for hole in crossed]
        found += [Hole(y, z, below, above) for y, (below, above) in sides]
    return found


def _on_line(case: Case) -> list[Hole]:
    asked = [need for need in needs(case.node) if not _is_met(case, need)]
    tried: dict[float, Node] = {}
    for need in asked:
        for surface in _factors(folded(need.surface)):
            tried |= dict.fromkeys(_borders(case, surface), surface)
    near = sorted(tried, key=abs)[:NEAREST]
    found = (_hole(case, tried[z], z) for z in near)
    return [hole for hole in found if hole is not None]


def _factors(surface: Node) -> list[Node]:
    """Parts of a surface that are 0 where it is: it may touch 0 where they cross it."""
    if surface.op in ("abs", "negative", "sqrt", "power", "stop_gradient", "sinh", "tanh", "expm1", "log1p", "divide"):
        return _factors(surface.args[0])
    if surface.op in ("multiply", "vanishing_product"):
        return [part for a in surface.args for part in _factors(a)]
    return [surface] if symbols(surface) else []


def _borders(case: Case, surface: Node) -> list[float]:
    """Where a surface changes its sign, or touches 0: also between two places that are no further apart than it turns."""
    turns: list[float] = []
    try:
        slope = folded(tangent(surface, {case.raw: ONE}))
        turns = list(zeros(case, slope, NEAREST)) if symbols(slope) else []
    except UnsupportedError:
        pass
    return list(zeros(case, surface, NEAREST, turns))


def _hole(case: Case, surface: Node, z: float) -> Hole | None:
    """What happens at a border; None where the loss has a number there, and on both sides."""
    target = 0.0 if case.target is None else case.target
    place, exact = _refined(case, surface, z)
    below, above = (_beside(case, z, place, side) for side in (-1, 1))
    if below == above == "number" and (not exact or np.isfinite(case.values(case.node, np.array([z]))[0])):
        return None
    return Hole(target, z, below, above)


def _refined(case: Case, surface: Node, z: float) -> tuple[Any, bool]:
    """The zero of a surface to `BITS` digits by Newton's steps, and whether it is the float itself."""
    from flint import arb

    place = arb(z)
    with BALLS(BITS).context():
        shown = local(surface, case.raw, z + LOCAL * max(1.0, abs(z)))
        slope = folded(tangent(shown, {case.raw: ONE}))
        for _ in range(8):
            height, rise = (side[0, 0] for side in interpret([shown, slope], {case.raw: place}, BALLS(BITS)))
            if height.is_zero():
                return place, place == arb(z)
            step = height / rise
            if not step.is_finite():
                break
            place = (place - step).mid()
    return place, False


def _beside(case: Case, z: float, place: Any, side: int) -> Beside:
    """What the loss does on one side, from its values at two tiny distances."""
    from flint import arb

    size = max(1.0, abs(z))
    here = local(case.node, case.raw, z + side * LOCAL * size)
    with BALLS(BITS).context():
        places = [place + side * arb(2) ** power * arb(size) for power in STEPS]
        far, near = (interpret([here], {case.raw: p}, BALLS(BITS))[0][0, 0] for p in places)
        if not (far.is_finite() and near.is_finite()):
            return "nothing"
        grown = (abs(near) - abs(far)) > GROWN * (1 + abs(far))
        return ("up" if near > 0 else "down") if grown else "number"


def _probed(case: Case, study: Study) -> list[Hole]:
    """The nearest everyday raw prediction at which there is no number, whatever the table knows of; as a list.

    The formula is looked at as it is written: 0 times what is no number is none, though it folds to 0.
    """
    target = 0.0 if case.target is None else case.target
    z = study.raws(target)
    z = z[np.abs(z) <= NEAR]
    missing = z[~np.isfinite(study.at(study.body.node, target, z))]
    for p in map(float, missing[np.argsort(np.abs(missing))]):
        if not is_number(study, target, p):
            beside = np.isfinite(study.at(study.body.node, target, np.array([p - LOCAL, p + LOCAL])))
            sides: list[Beside] = ["number" if finite else "nothing" for finite in beside]
            return [Hole(target, p, *sides)]
    return []


def is_number(study: Study, y: float, z: float) -> bool:
    """Whether the loss is a number at a point, by balls."""
    columns = {leaf: np.array([[v]]) for leaf, v in zip(study.columns, study.column_values, strict=True)}
    leaves = {**columns, study.body.target: np.array([[y]]), study.body.raw: np.array([[z]])}
    return bool(study.body.at([study.body.node], leaves)[0][0, 0].is_finite())


# In words -------------------------------------------------------------------------------------------------------------


def lost(study: Study) -> str:
    """The first hole of a loss in words; empty where there is none.

    >>> import lossmith as ls
    >>> from lossmith.calculus.properties.cases import studied
    >>> lost(studied(ls.parse("1/(y - z - 0.3)", target="real").definition))
    'the loss is no number at y=0, z=-0.3: it falls without end just above and it grows without end just below'
    """
    found = holes(study)
    return words(study, found[0]) if found else ""


def words(study: Study, hole: Hole) -> str:
    """A hole in words."""
    place = f"{study.body.target!r}={hole.target:.8g}, {study.body.raw!r}={hole.raw:.8g}"
    at = f"the loss is no number at {place}"
    if hole.below == hole.above:
        return at + _SAID[hole.below].format("on either side")
    if {hole.below, hole.above} == {"number", "nothing"}:
        return f"the loss is no number beyond {place}, {'below' if hole.below == 'nothing' else 'above'} it"
    sides = ((hole.above, "just above"), (hole.below, "just below"))
    return at + ": " + " and ".join(_SAID[side].format(where).removeprefix(": ") for side, where in sides)


_SAID: Final[Mapping[Beside, str]] = {
    "number": "",
    "up": ": it grows without end {}",
    "down": ": it falls without end {}",
    "nothing": ": there is none {}",
}


def shown(study: Study, hole: Hole) -> str | None:
    """A program whose assertion holds where the loss has no number; None where no float lies at the place."""
    steps = {"nothing": 2.0**-20, "number": 0.0, "up": 0.0, "down": 0.0}
    tried = [hole.raw, hole.raw + steps[hole.above], hole.raw - steps[hole.below]]
    for z in tried:
        finite = np.isfinite(study.at(study.body.node, hole.target, np.array([z]))[0])
        if not (finite or is_number(study, hole.target, z)):
            return witnesses.lost(study, hole.target, z)
    return None
