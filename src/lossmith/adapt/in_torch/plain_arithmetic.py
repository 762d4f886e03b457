"""Whether float32 arithmetic is accurate enough for a plan: measured once, at fixed points, against float64 arithmetic.

Comes in: a plan. Goes out: the plan, marked `wide` where a float32 row must be computed in float64. Stable forms are
written for float64; in float32 some lose digits, or overflow where the result is finite. The contract of the certificates
is applied with float64 arithmetic in the place of exact numbers, which is 2**29 times as fine.
"""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lossmith.adapt.in_torch.plain_mixed import MIXED
from lossmith.adapt.in_torch.plain_plan import Plan, made
from lossmith.adapt.in_torch.plain_rows import leaf_nodes
from lossmith.certificate.record import bound_of
from lossmith.compiler import BY
from lossmith.emit.torch_prelude import Rows
from lossmith.formula.definition import Definition
from lossmith.formula.link import link_named
from lossmith.formula.roles import CLASS_KINDS
from lossmith.kernel.measure import log_priors
from lossmith.kernel.rows import domain_of
from lossmith.loss.handle import Loss
from lossmith.numerics.formats import FLOAT32, Format
from lossmith.numerics.interval import REAL
from lossmith.numerics.points import raw_points, raw_rows, target_points

CLASSES: Final = 4
DRAWN: Final = 24
TARGETS: Final = 10
REACH: Final = FLOAT32.largest / 4
"""No number is larger, so that a difference of two is finite in float32."""
STEPS: Final = (0.25, -0.25, 0.0625, -0.0625, 2.0**-8, -(2.0**-8))
"""Rule (b): where a number changes its sign within such a relative distance, its slope gives the scale."""
SIZES: Final = (1e-30, 1e-12, 1e-3, 1.0, 10.0, 1e3, 1e12, 1e30)
"""Of the residuals of whole batches, for losses that are no sum over rows."""
OF_ROWS: Final = {"value": "per_example", "gradient": "per_example_gradient", "hvp": "per_example_hvp"}


@dataclass(frozen=True)
class Points:
    """Rows to look at: raw predictions and the other leaves, float32 values as float64."""

    raw: Tensor
    leaves: tuple[Tensor, ...]


def settled(plan: Plan) -> Plan:
    """The plan, marked wide if float32 arithmetic does not keep the bound of its loss."""
    if plan.wanted.partition(BY)[0] in MIXED.values():
        return replace(plan, wide=True)  # not measured
    bound = bound_of(plan.loss.definition.name)
    with ThreadPoolExecutor(1) as apart:  # a new thread knows of no transform, fake tensors or autocast around this
        return replace(plan, wide=not apart.submit(worst, plan).result() <= bound)


def worst(plan: Plan) -> float:
    """The largest error of float32 arithmetic in units of the contract; infinite where it is not finite and should be."""
    rows, looks = looked_at(plan)
    return max(units(rows, at, numbers(rows, at, torch.float64), numbers(rows, at, torch.float32)) for at in looks)


def looked_at(plan: Plan) -> tuple[Plan, list[Points]]:
    """What is looked at: for a sum over rows the terms of single rows; of other losses, whole batches of several sizes."""
    if plan.chooses or not plan.loss.is_additive:
        return plan, [_batch(plan.loss, size) for size in SIZES]
    name, by, leaf = plan.wanted.partition(BY)
    return made(plan.loss, OF_ROWS.get(name, name) + by + leaf, plan.weighted), [points(plan.loss)]


def numbers(plan: Plan, at: Points, work: torch.dtype, result: torch.dtype = torch.float32) -> NDArray[np.float64]:
    """What the text makes of the points in one arithmetic, rounded once."""
    raw, leaves = at.raw.to(work), tuple(x.to(work) if x.is_floating_point() else x for x in at.leaves)
    n, classes = len(raw), raw.shape[1] if plan.layout.has_classes else 1
    weight = torch.ones(n, dtype=work, device="cpu") if plan.weighted else None
    rows = Rows(n, classes, 1, None, n, raw, work, torch.float64)
    found = plan.run(raw, torch.ones_like(raw), weight, leaves, rows)
    return torch.cat([x.reshape(len(x), -1) for x in found], dim=1).to(result).to(torch.float64).numpy()


def units(
    plan: Plan, at: Points, exact: NDArray[np.float64], found: NDArray[np.float64], fmt: Format = FLOAT32
) -> float:
    """The largest error at these points, in ulp of the scale that the contract allows."""
    with np.errstate(all="ignore"):
        wrong = np.isfinite(exact) & (found != exact)
        scale = np.maximum(np.abs(exact), 2.0 ** (fmt.digits + 6) * fmt.smallest_subnormal)  # rule (d)
        error = np.where(wrong, np.abs(found - exact) / _ulp(scale, fmt), 0.0)
        if not np.isfinite(error).all():
            return math.inf
        if error.max(initial=0.0) <= 1.0:
            return float(error.max(initial=0.0))
        scale = _excused(plan, at, exact, scale)
        return float(np.where(wrong, np.abs(found - exact) / _ulp(scale, fmt), 0.0).max())


def _ulp(scale: NDArray[np.float64], fmt: Format) -> NDArray[np.float64]:
    return np.asarray(np.exp2(np.floor(np.log2(scale)) - (fmt.digits - 1)))


def _excused(plan: Plan, at: Points, exact: NDArray[np.float64], scale: NDArray[np.float64]) -> NDArray[np.float64]:
    """The scales of rules (b), a change of sign nearby, and (c), mixtures of hard targets."""
    wide = (torch.float64, torch.float64)
    moved = [numbers(plan, Points(_moved(at.raw, step), at.leaves), *wide) for step in STEPS]
    near = np.any([(np.sign(x) != np.sign(exact)) & np.isfinite(x) for x in moved], axis=0)
    slope = np.abs(moved[4] - moved[5]) * 2.0**7 / 4.0
    scale = np.where(near & np.isfinite(slope), np.maximum(scale, slope), scale)
    return np.asarray(np.maximum(scale, _mixed(plan, at)))


def _moved(raw: Tensor, step: float) -> Tensor:
    return (raw.to(torch.float64) * (1.0 + step)).clamp(-FLOAT32.largest, FLOAT32.largest)


def _mixed(plan: Plan, at: Points) -> Any:
    """Rule (c): of a soft target, the mean size of what its hard ones give."""
    kind, y = plan.loss.target, at.leaves[0].to(torch.float64)
    if not plan.per_row:
        return 0.0
    if kind in ("binary", "fraction") and y.ndim == 1:
        ends = [
            np.abs(numbers(plan, Points(at.raw, (torch.full_like(y, end), *at.leaves[1:])), torch.float64))
            for end in (0, 1)
        ]
        share = y.reshape(-1, 1).numpy()
        found = (1.0 - share) * ends[0] + share * ends[1]
    elif y.ndim == 2:
        found = 0.0
        for k in range(y.shape[1]):
            corner = torch.zeros_like(y)
            corner[:, k] = 1.0
            hard = np.abs(numbers(plan, Points(at.raw, (corner, *at.leaves[1:])), torch.float64))
            found = found + y[:, k : k + 1].numpy() * hard
    else:
        return 0.0
    return np.where(np.isfinite(found), found, 0.0)


# Where to look --------------------------------------------------------------------------------------------------------


def points(loss: Loss) -> Points:
    """Rows for a loss of single rows: raw predictions of every size against targets of its kind."""
    definition = loss.definition
    raw = _raw(loss)
    raw = raw[(np.abs(raw) <= REACH).all(axis=1)]
    kinds = [kind for _, kind in definition.declaration.target]
    targets = [_thinned(target_points(kind, FLOAT32, count=8, classes=CLASSES)) for kind in kinds]
    first, n = targets[0], len(raw)
    pairs = [np.repeat(raw, len(first), axis=0)]
    leaves = [np.tile(y, (n, 1)) if y.ndim == 2 else np.resize(np.tile(first, n) if j == 0 else y, n * len(first))
              for j, y in enumerate(targets)]  # fmt: skip
    return _given(definition, pairs[0], leaves)


def _given(definition: Definition, raw: NDArray[Any], targets: list[NDArray[Any]]) -> Points:
    """Tensors of raw predictions and leaves; columns and what follows from the data are filled with ordinary numbers."""
    n = len(raw)
    leaves = definition.roles.leaves
    spread = ["class" in leaves[name].axes and kind not in CLASS_KINDS for name, kind in definition.declaration.target]
    targets = [
        np.stack([np.roll(y, k) for k in range(raw.shape[1])], axis=1) if wide and raw.shape[1] > 1 else y
        for y, wide in zip(targets, spread, strict=True)
    ]
    found = [torch.tensor(y if y.dtype.kind == "i" else y.astype(np.float64), device="cpu") for y in targets]
    start = torch.tensor(np.resize([0.25, 1.0, 3.0], n), device="cpu")
    found += [start + 1.5 * j for j in range(len(definition.declaration.columns))]
    if definition.priors is not None:
        width = raw.shape[1] if "class" in definition.roles.log_prior.axes else 1
        prior = torch.tensor(log_priors(definition, width).reshape(1, -1), device="cpu")
        found.append(prior.expand(n, -1) if width > 1 else prior.expand(n, 1).reshape(-1))
    found.append(torch.full((n,), 0.25, dtype=torch.float64, device="cpu"))
    return Points(torch.tensor(raw.astype(np.float64), device="cpu"), tuple(found[: len(leaf_nodes(definition))]))


def _thinned(y: NDArray[Any]) -> NDArray[Any]:
    """At most so many targets, the ends among them."""
    y = y if y.ndim == 2 or y.dtype.kind == "i" else y[np.abs(y) <= REACH]
    if len(y) <= TARGETS:
        return y
    return y[np.unique(np.linspace(0, len(y) - 1, TARGETS).astype(int))]


def _width(definition: Definition) -> int:
    declaration = definition.declaration
    if declaration.heads:
        return len(declaration.heads)
    return len(definition.priors or ()) or CLASSES if declaration.has_classes else 1


def _raw(loss: Loss) -> NDArray[Any]:
    """(rows, 1), (rows, heads) or (rows, classes)."""
    definition = loss.definition
    declaration, width = definition.declaration, _width(definition)
    kinks = [value for value in loss._request().parameters.values() if abs(value) < FLOAT32.largest]
    if declaration.heads:
        column = raw_points(FLOAT32, count=DRAWN)
        return np.stack([column, *(np.resize(column[:: 7 + j], len(column)) for j in range(width - 1))], axis=1)
    given = declaration.on == "probability" or not declaration.link
    if given and any(kind == "simplex" for _, kind in declaration.target):
        return target_points("simplex", FLOAT32, count=DRAWN, classes=width)
    if width > 1:
        return raw_rows(FLOAT32, width, count=DRAWN)
    inside = domain_of(link_named(declaration.link or "identity").image) if declaration.on == "probability" else REAL
    return raw_points(FLOAT32, inside, kinks=kinks, count=DRAWN)[:, None]


def _batch(loss: Loss, size: float) -> Points:
    """A whole batch for a loss of all rows together: residuals of about this size."""
    definition, rows = loss.definition, 32
    random = np.random.default_rng(0)
    raw = (random.standard_normal((rows, _width(definition))) * size).astype(np.float32)
    if definition.declaration.on == "probability" or not (definition.declaration.link or definition.declaration.heads):
        real = all(kind == "real" for _, kind in definition.declaration.target)
        raw = raw if real else np.asarray(1.0 / (1.0 + np.exp(-np.clip(raw, -15, 15))), dtype=np.float32)
    targets = []
    for _, kind in definition.declaration.target:
        y = target_points(kind, FLOAT32, count=rows, classes=max(_width(definition), 2))
        y = np.asarray(y[np.abs(y) <= size], dtype=np.float32) if kind == "real" else y
        targets.append(np.resize(y, (rows, *y.shape[1:])))
    return _given(definition, raw, targets)
