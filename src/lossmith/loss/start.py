"""The best raw prediction that is the same for all rows: where training should start.

Comes in: a loss, as a `Request`, and data. Goes out: the constant, a number or a row of them; where there is none, a
`NoBestConstantError` says why. Of a loss that is proved to be convex the slopes tell all; of any other the answer is
compared with a scan of constants, and looked for among them where it is not the best.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from typing import Any, Final, final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lossmith.calculus.optimum import Total
from lossmith.calculus.optimum import best_constant as minimise
from lossmith.calculus.places import places_behind_a_link, places_between, places_within
from lossmith.calculus.scan import Least, NoBestConstantError, Scan, scan, tied
from lossmith.compiler import direction, expressions
from lossmith.errors import ArgumentError
from lossmith.formula.definition import Definition
from lossmith.formula.node import walk
from lossmith.formula.roles import CLASS_KINDS, WEIGHT
from lossmith.kernel.rows import Rows
from lossmith.loss.evaluate import Request, run_rows
from lossmith.loss.explain import facts_of
from lossmith.loss.prediction import constant_rows

Floats = NDArray[np.float64]

COUNTING: Final = frozenset({"example_count", "largest"})  # they see how many rows there are, or which
AMONG: Final = 129
SCAN: Final = tuple(sign * 2.0**k for sign in (-1.0, 1.0) for k in range(-4, 7))
TOGETHER: Final = 1 << 16  # numbers in one walk over rows that are repeated for many constants
RESTARTS: Final = 4
MOST: Final = 64  # heads or classes along each of which constants are tried
FEWER: Final = 4  # of the places along each of several numbers one in so many is tried
BEYOND: Final = 2.0**20
NONE: Final = np.zeros(1)
TINY: Final = 2.0**-48
FAR: Final = 1e3  # exp(-1e3) is 0 in every format


def best_constant(
    request: Request, y_true: Any, sample_weight: ArrayLike | None, columns: Mapping[str, ArrayLike] | None
) -> float | Floats:
    """Minimise the finished loss over a constant raw prediction; see `calculus.optimum` for how exact it is."""
    rows = _distinct(
        request.definition, constant_rows(request.definition, y_true, sample_weight, columns, request.parameters)
    )
    if rows.n == 0 or (rows.weighted and not rows.leaves[WEIGHT].any()):
        raise ArgumentError("LM223", f"{request.definition.title}: there is no row to find a best constant for.")
    task = Constants(request, rows)
    if task.dimension > 1:
        return task.row()
    found = _zero_if_as_good(task, task.number())
    if found.why:
        raise _none(request.definition, found)
    return found.at


def _zero_if_as_good(task: Constants, found: Least) -> Least:
    """0 in place of what rounding leaves of it."""
    if found.why or not 0.0 < abs(found.at) < 1e-3:
        return found
    places = places_of(task.definition, task.rows)
    if abs(found.at) > TINY * max(abs(places[0]), abs(places[-1])):
        return found
    there, zero = task._values([found.at, 0.0])
    return replace(found, at=0.0) if zero <= tied(there) else found


def places_tried(
    request: Request, y_true: Any, columns: Mapping[str, ArrayLike] | None = None
) -> tuple[tuple[float, ...], bool]:
    """The constants among which one number is looked for, and whether the outermost are bounds.

    >>> import lossmith as ls
    >>> places, ends = places_tried(ls.get("bce")._request(), [0, 1])
    >>> places[0], len(places), ends
    (-512.0, 109, False)
    """
    rows = constant_rows(request.definition, y_true, None, columns, request.parameters)
    return places_of(request.definition, rows), request.definition.declaration.on == "probability"


def _none(definition: Definition, found: Least) -> NoBestConstantError:
    return NoBestConstantError("LM262", f"{definition.title}: there is no best constant: {found.words()}.", found)


@lru_cache(maxsize=512)
def _bends_once(definition: Definition, parameters: tuple[tuple[str, float], ...]) -> tuple[bool, bool]:
    """Whether the loss of a row is strictly convex as far as is known, and whether it is proved to be convex."""
    from lossmith.calculus.properties.bending import convex

    known = facts_of(definition, parameters)
    if not known.additive.value:
        return False, False
    strictly = known.strictly_convex
    if strictly.value and strictly.evidence == "proved":
        return True, True
    with np.errstate(all="ignore"):
        found = convex(definition, dict(parameters))
    return strictly.value, bool(found.value) and found.evidence == "proved"


@final
@dataclass(frozen=True)
class Constants:
    """The finished loss of rows as a function of a constant raw prediction."""

    request: Request
    rows: Rows
    _seen: dict[bytes, tuple[float, Floats, Floats]] = field(default_factory=dict)

    @property
    def definition(self) -> Definition:
        return self.request.definition

    @property
    def shared(self) -> bool:
        """Whether the numbers of a row are classes of one raw prediction."""
        kinds = [kind for _, kind in self.definition.declaration.target]
        return "class" in self.definition.roles.raw[0].axes and any(kind in CLASS_KINDS for kind in kinds)

    @property
    def dimension(self) -> int:
        return self.rows.classes if self.shared else len(self.definition.roles.raw)

    @property
    def given(self) -> bool:
        """Whether the loss takes probabilities, with no link behind the raw prediction."""
        return self.definition.declaration.on == "probability"

    @property
    def bounds(self) -> tuple[float, float]:
        return (0.0, 1.0) if self.given else (-math.inf, math.inf)

    @property
    def bends(self) -> tuple[bool, bool]:
        return _bends_once(self.definition, tuple(self.request.parameters.items()))

    # One number -----------------------------------------------------------------------------------------------------

    def number(self) -> Least:
        """The best constant by its slopes; unless it is proved to be the only one, none of a scan may be better."""
        strictly, proved = self.bends
        if proved and self._matters(at := self._by_slopes(strictly)):
            return Least(at)
        tried = self.tried()
        known = tried.verdict() or (tried.least() if tried.goes_outside else None)
        if known is not None:
            return known
        at = self._by_slopes(strictly)
        own = self._values([at])[0] if tried.places[0] <= at <= tried.places[-1] else math.nan
        good = tried.is_best(own) and tried.has_floor(at, tried.step)
        return tried.settled(at, by_slopes=True) if good else tried.least()

    def _matters(self, at: float) -> bool:
        """Whether the least of a convex loss is a number, at which not every constant is as good."""
        value, slope, bend = self.total(np.array([at])) if math.isfinite(at) else (math.nan, NONE, NONE)
        if slope[0] or bend[0] or not math.isfinite(value):
            return not math.isnan(value)  # a value of labels of 1e300 is infinite, but not its slope
        far = BEYOND * (1.0 + abs(at))
        return any(v != value for v in self._values([at - far, at + far]))

    def _by_slopes(self, convex: bool) -> float:
        """What the signs of the slopes say; NaN where there are none in the middle of the domain."""
        places = SCAN if convex else (*SCAN, *_among_targets(self.definition, self.rows))
        try:
            return float(minimise(self.total, convex=convex, bounds=self.bounds, scan=places))
        except ArgumentError:
            return math.nan

    def tried(self) -> Scan:
        """The loss at all places that matter for such targets and such a link."""
        return scan(
            self._values,
            lambda c: float(self.total(np.array([c]))[1][0]) / self._denominator,
            places_of(self.definition, self.rows),
            ends=self.given,
        )

    # Several numbers ------------------------------------------------------------------------------------------------

    def row(self) -> Floats:
        """The best row of heads or classes; unless it is proved to be the only one, none of a scan along each may be better."""
        if self.given and self.shared:
            return np.asarray(np.exp(self._descended(self._of_shares, softmax=True)))
        capped = self.definition.reading is not None and any(n.op == "tanh" for n in walk(self.definition.reading))
        softmax = self.shared and self.definition.declaration.link == "softmax" and not capped
        row = self._descended(self.total, softmax=softmax)
        for _ in range(RESTARTS):
            better = row if self._is_sure(row) else self._along_each(row)
            if better is row:
                return row
            row = self._best_of(better, self._descended(self.total, softmax=softmax, start=better))
        return row

    def _descended(self, total: Total, *, softmax: bool, start: Floats | None = None) -> Floats:
        return np.asarray(minimise(total, self.dimension, softmax=softmax, start_row=start))

    def _of_shares(self, c: Floats) -> tuple[float, Floats, Floats]:
        """The loss of predicted shares, which add up to 1, as a function of their logarithms."""
        p = np.exp(c - c.max())
        p /= p.sum()
        value, gradient, _ = self.total(p)
        return value, p * (gradient - (p * np.where(p > 0, gradient, 0.0)).sum()), np.zeros_like(c)

    def _is_sure(self, row: Floats) -> bool:
        """Whether no other row can be better, or there are too many to look."""
        ended = np.isfinite(row).all() or self.shared
        return bool(ended and (self.bends[1] or self.dimension > MOST))

    def _best_of(self, one: Floats, other: Floats) -> Floats:
        values = self._values([_inside(one), _inside(other)])
        return other if values[1] <= values[0] else one

    def _along_each(self, row: Floats) -> Floats:
        """The row, moved where a scan along one of its numbers finds a better one; the same array if none does."""
        found, heads, alike = row.copy(), self.definition.declaration.heads, 0
        for k in range(row.size):
            tried = self._along(_inside(found), k)
            known = tried.verdict()
            own = self._values([_inside(found)])[0] if tried.places[0] <= found[k] <= tried.places[-1] else math.nan
            if known is None and (tried.is_best(own) or (self.shared and np.isneginf(found[k]))):
                continue
            least = known or tried.least()
            alike += least.why == "alike"
            if least.why == "alike" and alike < row.size:
                continue
            if least.why:
                raise _none(self.definition, replace(least, head=heads[k][0] if heads else f"class {k}"))
            found[k] = least.at
        return row if np.array_equal(found, row) else found

    def _along(self, row: Floats, k: int) -> Scan:
        """The loss along one of the numbers of a row."""
        heads = self.definition.declaration.heads
        plain = bool(heads) and heads[k][1] == "identity"
        places = (_between_targets(self.definition, self.rows) if plain else places_behind_a_link())[::FEWER]

        def at(c: float) -> Floats:
            moved = row.copy()
            moved[k] = c
            return moved

        return scan(
            lambda tried: self._values([at(c) for c in tried]),
            lambda c: float(self.total(at(c))[1][k]) / self._denominator,
            places,
        )

    # The loss -------------------------------------------------------------------------------------------------------

    def total(self, c: Floats) -> tuple[float, Floats, Floats]:
        """The finished loss of a constant raw prediction (d,), its gradient (d,) and the diagonal of its hessian (d,)."""
        key = c.tobytes()
        if key not in self._seen:
            self._seen[key] = self._total(c)
        return self._seen[key]

    def _total(self, c: Floats) -> tuple[float, Floats, Floats]:
        raw = self.definition.roles.raw
        names = ("per_example_gradient", "per_example_hessian") if self._additive else ("gradient", "hvp")
        result = run_rows(self.request, ("value", *names), self._moved(self.rows, c))
        axis = 0 if self.shared else None
        sums = ([result.outputs[f"{name}:{j}"].sum(axis=axis) for j in range(len(raw))] for name in names)
        gradient, hessian = (np.atleast_1d(np.asarray(found).squeeze()) for found in sums)
        return float(result.finish["value"][0, 0]), gradient, hessian

    @property
    def _additive(self) -> bool:
        return expressions(self.definition).additive is not None

    def _moved(self, rows: Rows, c: Floats) -> Rows:
        """The rows with a constant raw prediction (d,)."""
        leaves = dict(rows.leaves)
        for j, leaf in enumerate(self.definition.roles.raw):
            shape = rows.leaves[leaf].shape
            leaves[leaf] = np.ascontiguousarray(np.broadcast_to(c if self.shared else c[j], shape))
            leaves[direction(leaf)] = np.ones(shape)
        return replace(rows, leaves=leaves, dtype=np.dtype(np.float64))

    def _values(self, constants: Sequence[float] | Sequence[Floats]) -> list[float]:
        """The finished loss of many constants."""
        asked = [np.atleast_1d(np.asarray(c, dtype=np.float64)) for c in constants]
        with np.errstate(all="ignore"):
            if not self._additive or self.rows.groups is not None or 2 * self._numbers > TOGETHER:
                runs = (run_rows(self.request, ("value",), self._moved(self.rows, c)) for c in asked)
                return [float(result.finish["value"][0, 0]) for result in runs]
            several = TOGETHER // self._numbers
            return [v for k in range(0, len(asked), several) for v in self._sums(np.array(asked[k : k + several]))]

    @property
    def _numbers(self) -> int:
        """How many raw predictions the rows have."""
        return sum(self.rows.leaves[leaf].size for leaf in self.definition.roles.raw)

    def _sums(self, constants: Floats) -> list[float]:
        """The finished loss of constants (several, d), in one walk over the rows, repeated for each of them."""
        several, n = len(constants), self.rows.n
        leaves = {leaf: np.concatenate([array] * several) for leaf, array in self.rows.leaves.items()}
        for j, leaf in enumerate(self.definition.roles.raw):
            one = constants if self.shared else constants[:, j]
            wide = np.repeat(one, n, axis=0)
            shape = leaves[leaf].shape
            leaves[leaf] = np.ascontiguousarray(
                np.broadcast_to(wide.reshape(*wide.shape, *(1,) * (len(shape) - wide.ndim)), shape)
            )
        rows = replace(self.rows, n=n * several, leaves=leaves, dtype=np.dtype(np.float64))
        terms = run_rows(self.request, ("per_example",), rows).outputs["per_example:0"]
        return [float(v) / self._denominator for v in terms.reshape(several, -1).sum(axis=1)]

    @cached_property
    def _denominator(self) -> float:
        """What the sum over rows is divided by: the same for every constant."""
        if not self._additive:
            return 1.0
        for c in (0.375, -0.5, 0.75, 2.25, 7.0, 0.0):
            one = np.full(self.dimension, c)
            rows = self._moved(self.rows, one)
            whole = float(run_rows(self.request, ("value",), rows).finish["value"][0, 0])
            terms = float(run_rows(self.request, ("per_example",), rows).outputs["per_example:0"].sum())
            if whole and terms and math.isfinite(whole) and math.isfinite(terms):
                return terms / whole
        return 1.0


def _inside(row: Floats) -> Floats:
    """A row whose infinite entries are far out instead."""
    return np.where(np.isfinite(row), row, np.copysign(FAR, row))


def places_of(definition: Definition, rows: Rows) -> tuple[float, ...]:
    """The constants that matter: predictions within bounds, around the targets, or behind a link."""
    declaration = definition.declaration
    if declaration.on == "probability":
        return places_within(0.0, 1.0)
    if declaration.link not in (None, "identity") or definition.reading is not None:
        return places_behind_a_link()
    return _between_targets(definition, rows)


def _between_targets(definition: Definition, rows: Rows) -> tuple[float, ...]:
    """Places around the first target's values, and those themselves."""
    present = _present(definition, rows)
    if not present.size:
        return places_behind_a_link()
    spread = places_between(float(present.min()), float(present.max()))
    return tuple(sorted({*spread, *_quantiles(present)}))


def _present(definition: Definition, rows: Rows) -> Floats:
    """The first target's finite values in rows that count."""
    name, _ = definition.declaration.target[0]
    y = rows.leaves[definition.roles.leaves[name]]
    y = y[rows.leaves[WEIGHT] != 0] if rows.weighted and rows.leaves[WEIGHT].shape == y.shape else y
    values = np.asarray(y, dtype=np.float64).reshape(-1)
    return values[np.isfinite(values)]


def _quantiles(values: Floats) -> tuple[float, ...]:
    return tuple(np.unique(np.quantile(values, np.linspace(0.0, 1.0, AMONG), method="nearest")).tolist())


def _among_targets(definition: Definition, rows: Rows) -> tuple[float, ...]:
    """Places among the targets, where each minimum of a loss that forgets far rows lies; none where a link lies between."""
    name, _ = definition.declaration.target[0]
    y = rows.leaves[definition.roles.leaves[name]]
    identity = definition.declaration.link in (None, "identity") and not definition.declaration.heads
    if not identity or y.ndim > 1 or y.dtype.kind != "f" or len(definition.declaration.target) > 1:
        return ()
    return _quantiles(_present(definition, rows))


def _distinct(definition: Definition, rows: Rows) -> Rows:
    """Equal targets as one row of their total weight: a constant prediction cannot tell them apart."""
    targets = [rows.leaves[definition.roles.leaves[name]] for name, _ in definition.declaration.target]
    if len(targets) > 1 or targets[0].ndim > 1 or definition.declaration.columns or rows.groups is not None:
        return rows
    if any(node.op in COUNTING for node in walk(definition.formula)):
        return rows
    values, first, inverse = np.unique(targets[0], return_index=True, return_inverse=True)
    if len(values) * 4 > rows.n:
        return rows
    weight = np.bincount(inverse.reshape(-1), weights=rows.leaves.get(WEIGHT), minlength=len(values))
    leaves = {leaf: np.ascontiguousarray(array[first]) for leaf, array in rows.leaves.items()}
    leaves[WEIGHT] = weight.astype(np.float64)
    return replace(rows, n=len(values), leaves=leaves, weighted=True)
