"""The few functions that generated PyTorch text calls, and what it knows of the rows.

Comes in: tensors of shape (examples, classes), or Python numbers. Goes out: tensors of such shapes. No function looks at a
value on the host, and no shape depends on one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import factorial
from math import inf as inf
from math import nan as nan
from typing import Any, Final

import torch

from lossmith.emit.torch_special import log_normal_cdf as log_normal_cdf
from lossmith.emit.torch_special import normal_cdf as normal_cdf
from lossmith.emit.torch_special import normal_gap as normal_gap
from lossmith.emit.torch_special import normal_hazard as normal_hazard
from lossmith.emit.torch_special import trigamma as trigamma

Merge = Callable[[str, Any], Any]
DEKKER: Final = {torch.float32: 4097.0, torch.float64: 134217729.0}
FACTORIALS: Final = tuple(float(factorial(n)) for n in range(15, 3, -1))
REDUCED: Final = {"example_max": "max", "example_logsumexp": "logsumexp"}


@dataclass(frozen=True, eq=False)
class Rows:
    """What the text knows beside the leaves: how many rows, classes and groups there are, and in what it computes.

    `groups` are ids of shape (n,), or None where every `per_group` rows in turn are one. `like` is any tensor of the rows.
    `work` is the dtype of a row's numbers, `total` that of sums. `merge` adds what other processes have.
    """

    n: Any
    n_classes: Any
    n_groups: Any
    groups: Any
    per_group: Any
    like: Any
    work: Any
    total: Any
    merge: Merge | None = None


def number(value: Any, rows: Rows, dtype: Any = None) -> Any:
    """A number as a tensor of shape (1, 1)."""
    return torch.full((1, 1), value, dtype=dtype or rows.total, device=rows.like.device)


def loaded(x: Any, rows: Rows) -> Any:
    """A leaf as a matrix of the working dtype: (n,) becomes (n, 1), class indices become one-hot rows."""
    if x.dtype == torch.int64:
        return one_hot(x, rows.n_classes, rows.work)
    return (x.reshape(-1, 1) if x.ndim == 1 else x).to(rows.work)


def one_hot(y: Any, classes: int, dtype: Any) -> Any:
    """Class numbers (n,) as rows (n, classes); of a number that is no class, NaN, so that it is seen without being asked."""
    rows = (y.reshape(-1, 1) == torch.arange(classes, device=y.device)).to(dtype)
    return either(torch.logical_and(y >= 0, y < classes).reshape(-1, 1), rows, nan)


def finished(x: Any, rows: Rows, grouped: bool) -> Any:
    """A finished number as rows read it: in the working dtype, and each row has that of its group."""
    if isinstance(x, int | float):
        return x
    x = x.to(rows.work)
    if not grouped:
        return x
    if rows.groups is not None:
        return x[rows.groups]
    return x[:, None, :].expand(x.shape[0], rows.per_group, x.shape[1]).reshape(rows.n, x.shape[1])


def written(x: Any, rows: Rows, classes: bool) -> Any:
    """An output with one number for each row, or each row and class."""
    x = x if isinstance(x, torch.Tensor) else number(float(x), rows, rows.work)
    return x.expand(rows.n, rows.n_classes if classes else x.shape[1])


def select(condition: Any, a: Any, b: Any, dtype: Any) -> Any:
    """`a` where the condition holds, else `b`; of two numbers, a tensor of the dtype."""
    if isinstance(condition, bool):
        return a if condition else b
    if isinstance(a, torch.Tensor):
        return torch.where(condition, a, b) if isinstance(b, torch.Tensor) else either(condition, a, b)
    if not isinstance(b, torch.Tensor):
        b = torch.full_like(condition, held(b, dtype), dtype=dtype)
    return b.masked_fill(condition, held(a, b.dtype))


def either(condition: Any, a: Any, b: float) -> Any:
    """`a` where the condition holds, else the number b (which `torch.where` would copy to the device, and wait for)."""
    return a.masked_fill(torch.logical_not(condition), held(b, a.dtype))


def held(value: float, dtype: Any) -> float:
    """The number as the dtype holds it: infinite if it is too large."""
    return value if abs(value) <= torch.finfo(dtype).max else value * inf


def maximum(a: Any, b: Any) -> Any:
    """The larger of two; NaN where either is."""
    if not isinstance(a, torch.Tensor):
        return torch.clamp(b, min=a)
    return torch.maximum(a, b) if isinstance(b, torch.Tensor) else torch.clamp(a, min=b)


def minimum(a: Any, b: Any) -> Any:
    """The smaller of two; NaN where either is."""
    if not isinstance(a, torch.Tensor):
        return torch.clamp(b, max=a)
    return torch.minimum(a, b) if isinstance(b, torch.Tensor) else torch.clamp(a, max=b)


def sign(x: Any) -> Any:
    """-1, 0 or 1; NaN of NaN."""
    return torch.where(x == x, torch.sign(x), x)


def class_sum(x: Any, rows: Rows) -> Any:
    """The sum over the classes; what has no class axis counts once for each class."""
    if not isinstance(x, torch.Tensor) or x.shape[1] != rows.n_classes:
        return x * rows.n_classes
    return torch.sum(x, dim=1, keepdim=True)


def first_max(x: Any) -> Any:
    """Whether a number is the first largest of its row."""
    return torch.arange(x.shape[1], device=x.device) == torch.argmax(x, dim=1, keepdim=True)


def axis_mean(x: Any, axis: str) -> Any:
    """The unweighted mean of finished numbers over classes or groups."""
    if not isinstance(x, torch.Tensor):
        return x
    dim = 1 if axis == "class" else 0
    return torch.sum(x, dim=dim, keepdim=True) / x.shape[dim]


# Over the examples ----------------------------------------------------------------------------------------------------


def whole(x: Any, rows: Rows) -> Any:
    """One number for each row, in the dtype of sums."""
    if not isinstance(x, torch.Tensor):
        x = number(x, rows)
    return x.expand(rows.n, x.shape[1]).to(rows.total)


def by_group(x: Any, rows: Rows) -> Any:
    """(n, k) → (groups, rows of a group, k), where all groups are of one size."""
    return x.reshape(rows.n_groups, rows.per_group, x.shape[1])


def spread_ids(x: Any, rows: Rows) -> Any:
    """The group of every entry."""
    return rows.groups.reshape(-1, 1).expand(rows.n, x.shape[1])


def added(x: Any, rows: Rows, axis: Any = None) -> Any:
    """The sum over the rows, (1, k), or over those of each group, (groups, k)."""
    x = whole(x, rows)
    if not axis:
        return torch.sum(x, dim=0, keepdim=True)
    if rows.groups is None:
        return torch.sum(by_group(x, rows), dim=1)
    return x.new_zeros((rows.n_groups, x.shape[1])).index_add(0, rows.groups, x)


def greatest(x: Any, rows: Rows, axis: Any = None) -> Any:
    """The largest over the rows, or over those of each group; of none, minus infinity."""
    x = whole(x, rows)
    if not axis:
        return torch.amax(torch.cat([x, x.new_full((1, x.shape[1]), -inf)]), dim=0, keepdim=True)
    if rows.groups is None:
        return torch.amax(by_group(x, rows), dim=1)
    empty = x.new_full((rows.n_groups, x.shape[1]), -inf)
    return empty.scatter_reduce(0, spread_ids(x, rows), x, "amax")


def log_added(x: Any, rows: Rows, axis: Any = None) -> Any:
    """log(sum e**x) over the rows, or over those of each group."""
    x = whole(x, rows)
    top = greatest(x, rows, axis)
    bounded = either(torch.isfinite(top), top, 0.0)
    total = added(torch.exp(x - finished_total(bounded, rows, axis)), rows, axis)
    return torch.where(torch.isfinite(top), bounded + torch.log(total), top)


def finished_total(x: Any, rows: Rows, axis: Any) -> Any:
    """A finished number for each row, in the dtype of sums."""
    if not axis:
        return x
    if rows.groups is not None:
        return x[rows.groups]
    return x[:, None, :].expand(x.shape[0], rows.per_group, x.shape[1]).reshape(rows.n, x.shape[1])


def counted(weight: Any, rows: Rows, axis: Any, present: bool) -> Any:
    """The total weight of the rows (or how many have any), overall or of each group."""
    if weight is None:
        return added(number(1.0, rows), rows, axis) if axis else number(rows.n, rows)
    return added(weight.reshape(-1, 1) != 0 if present else weight.reshape(-1, 1), rows, axis)


def merged(sums: Sequence[Any], operations: Sequence[str], rows: Rows) -> Sequence[Any]:
    """The sums of this process → those of all; each kind in one message."""
    if rows.merge is None or not sums:
        return sums
    found = list(sums)
    for kind in dict.fromkeys(operations):
        places = [j for j, operation in enumerate(operations) if operation == kind]
        parts = [found[j] for j in places]
        message = torch.cat([part.reshape(-1) for part in parts])
        answer = rows.merge(REDUCED.get(kind, "add"), message)
        for j, part in zip(places, torch.split(answer, [part.numel() for part in parts]), strict=True):
            found[j] = part.reshape(sums[j].shape)
    return found


# Choices between examples ---------------------------------------------------------------------------------------------


def largest(x: Any, amount: Any, among: Any, weight: Any, rows: Rows, axis: Any = None) -> Any:
    """The share of each example among the `amount` of weight with the largest scores; equal ones at the border share.

    By sorting: NaN first, then downwards; runs of equal scores share what the scores before them leave.
    """
    score, among = whole(x, rows).reshape(-1), whole(among, rows).reshape(-1)
    mass = among if weight is None else among * weight.reshape(-1).to(rows.total)
    mass = mass if weight is None else mass.masked_fill(weight.reshape(-1) == 0, 0.0)
    unknown = torch.isnan(score)
    score = score.masked_fill(unknown, inf).masked_fill(mass == 0, -inf)
    order = torch.argsort(score, descending=True, stable=True)
    order = order[torch.argsort((mass == 0)[order].to(torch.int64) * 2 + (~unknown)[order], stable=True)]
    ids = _group_ids(rows) if axis else torch.zeros_like(order)
    order = order[torch.argsort(ids[order], stable=True)]
    share = _shares(score[order], unknown[order], mass[order], ids[order], amount, rows)
    found = torch.zeros_like(mass).scatter(0, order, share)
    return (found * among).masked_fill(mass == 0, 0.0).reshape(-1, 1)


def _group_ids(rows: Rows) -> Any:
    if rows.groups is not None:
        return rows.groups
    return torch.arange(rows.n, device=rows.like.device) // rows.per_group


def _shares(score: Any, unknown: Any, mass: Any, ids: Any, amount: Any, rows: Rows) -> Any:
    """How much of every sorted example is chosen."""
    place = torch.arange(rows.n, device=mass.device)
    total = torch.cumsum(mass, 0)
    zero = torch.zeros_like(total[:1])
    before = torch.cat([zero, total])
    absent = mass == 0
    same = (ids[1:] == ids[:-1]) & (absent[1:] == absent[:-1])
    same &= (score[1:] == score[:-1]) & (unknown[1:] == unknown[:-1])
    first = _starts(same, place)
    first_of_group = _starts(ids[1:] == ids[:-1], place)
    last = (rows.n - 1) - _starts(same.flip(0), place).flip(0)
    run = before[last + 1] - before[first]
    amount = amount if isinstance(amount, torch.Tensor) else number(amount, rows)
    wanted = amount.reshape(-1).expand(rows.n_groups)[ids] if amount.numel() > 1 else amount.reshape(-1)
    left = wanted - (before[first] - before[first_of_group])
    return either(run > 0, torch.clamp(left / run, 0.0, 1.0), 0.0)


def _starts(same: Any, place: Any) -> Any:
    """Where the run of every place starts, by whether each place but the first goes on with the one before."""
    opens = torch.cat([torch.zeros_like(place[:1], dtype=torch.bool), same])
    return torch.cummax(place.masked_fill(opens, 0), 0).values


# Words of two numbers -------------------------------------------------------------------------------------------------


def exp_muladd(a: Any, b: Any, c: Any) -> Any:
    """exp(a * b + c), in which the rounding of the product does not grow: in float64 if that holds the exact product."""
    like = next(x for x in (a, b, c) if isinstance(x, torch.Tensor))
    if like.dtype == torch.float32 and like.device.type != "mps":
        product = _wide(b) if isinstance(a, float) and a == 1.0 else _wider(a, b, torch.mul)
        return torch.exp(_wider(product, c, torch.add)).to(torch.float32)
    return _exp_two_words(*(x if isinstance(x, torch.Tensor) else torch.full_like(like, x) for x in (a, b, c)))


def _wide(x: Any) -> Any:
    return x.to(torch.float64) if isinstance(x, torch.Tensor) else x


def _wider(a: Any, b: Any, operation: Any) -> Any:
    """The operation in float64; of two tensors the second is widened as it is read, without a copy."""
    return operation(_wide(a), b) if isinstance(a, torch.Tensor) else operation(_wide(b), a)


def _exp_two_words(a: Any, b: Any, c: Any) -> Any:
    """The same with the product kept in two words (Dekker 1971)."""
    product = a * b
    bound = 1e290 if product.dtype == torch.float64 else 1e34
    safe = (torch.abs(product) < 1e4) & (torch.abs(a) < bound) & (torch.abs(b) < bound)
    x, y = either(safe, a, 0.0), either(safe, b, 0.0)
    (x1, x2), (y1, y2), hi = _split(x), _split(y), either(safe, product, 0.0)
    error = ((x1 * y1 - hi) + x1 * y2 + x2 * y1) + x2 * y2
    total = product + c
    part = total - product
    rest = (product - (total - part)) + (c - part) + error
    grown = torch.exp(total)
    ready = (torch.abs(total) < 1e4) & (grown < inf)  # inf * 0 is NaN
    return torch.where(ready, grown + grown * either(safe & ready, rest, 0.0), grown)


def _split(x: Any) -> tuple[Any, Any]:
    """A number as two of half its digits."""
    big = x * DEKKER[x.dtype]
    high = big - (big - x)
    return high, x - high


def exp_rest(x: Any, grown: Any) -> Any:
    """e**x - grown, for grown = e**x rounded."""
    if x.dtype == torch.float64:
        return _exp_rest_by_series(x, grown)
    if x.device.type == "mps":  # no float64 there: what rounding took is lost
        return torch.zeros_like(x)
    return (torch.exp(x.to(torch.float64)) - grown.to(torch.float64)).to(x.dtype)


def _exp_rest_by_series(x: Any, grown: Any) -> Any:
    """The series to its third term in two words (error 2**-62 of e**x)."""
    ready = torch.abs(x) < 700.0
    x, grown = either(ready, x, 0.0), either(ready, grown, 1.0)
    k = torch.round(x * 1.4426950408889634)
    near, far = x - k * 0.693147180369123816490, -k * 1.90821492927058770002e-10
    r = near + far
    c = far - (r - near)
    half, low = _split(r)
    square = r * r
    square_rest = ((half * half - square) + 2.0 * half * low) + low * low
    cube = square * r
    part, part_low = _split(square)
    cube_rest = ((part * half - cube) + part * low + part_low * half) + part_low * low
    third = cube / 6.0
    cube_rest = ((cube - 4.0 * third) - 2.0 * third) + cube_rest + square_rest * r
    tail = torch.full_like(r, 1.0 / 20922789888000.0)
    for divisor in FACTORIALS:
        tail = tail * r + 1.0 / divisor
    total, lost = 1.0 - grown * power_of_two(-k), cube_rest / 6.0 + 0.5 * square_rest + c * torch.exp(r)
    for term in (r, 0.5 * square, third):
        summed = total + term
        back = summed - total
        total, lost = summed, lost + ((total - (summed - back)) + (term - back))
    return either(ready, ((total + square * square * tail) + lost) * power_of_two(k), 0.0)


def power_of_two(k: Any) -> Any:
    """2**k exactly, for whole float64 numbers between -1022 and 1023."""
    return ((k.to(torch.int64) + 1023) << 52).view(torch.float64)
