"""Several numbers side by side: operators on `Lanes`, and how lanes are read from and written to arrays.

Comes in: arrays and scalars inside a Numba kernel. Goes out: lanes, which the functions of `vectormath64` and its like
take as they take one number. Kernels over rows of classes are written in them, because LLVM finds no vectors in loops
over a few classes, in sums of a fixed order, or among many arrays that it cannot tell apart. None can be called
outside a Numba function; `count` is always a literal.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types
from numba.core.cgutils import create_struct_proxy, unpack_tuple
from numba.core.datamodel import models
from numba.core.imputils import lower_builtin, lower_cast
from numba.core.typing.templates import AbstractTemplate, infer_global, signature
from numba.extending import intrinsic, register_model

from lossmith.emit.vectormath_words import Lanes, Word, wider

_INT32, _INT64 = ir.IntType(32), ir.IntType(64)
_ELEMENTS = {
    types.boolean: ir.IntType(1), types.int32: _INT32, types.int64: _INT64, types.float32: ir.FloatType(),
    types.float64: ir.DoubleType(),
}  # fmt: skip


@register_model(Lanes)
class _LanesModel(models.PrimitiveModel):  # type: ignore[misc]
    def __init__(self, manager: Any, kind: Lanes) -> None:
        super().__init__(manager, kind, _vector(kind))


def _vector(kind: Lanes) -> Any:
    return ir.VectorType(_ELEMENTS[kind.element], kind.count)


# Operators ---------------------------------------------------------------------------------------------------------

_REAL = {operator.add: "fadd", operator.sub: "fsub", operator.mul: "fmul", operator.truediv: "fdiv"}
_WHOLE = {
    operator.add: "add", operator.sub: "sub", operator.mul: "mul", operator.lshift: "shl", operator.rshift: "ashr",
    operator.and_: "and_", operator.or_: "or_",
}  # fmt: skip
_ORDER = {
    operator.lt: "<",
    operator.le: "<=",
    operator.gt: ">",
    operator.ge: ">=",
    operator.eq: "==",
    operator.ne: "!=",
}
Writing = Callable[[Any, Lanes, Any], Any]


def _operator(key: Any, arity: int, write: Writing, result: Callable[[Lanes], Any] = lambda kind: kind) -> None:
    """Teach Numba an operator on lanes of one type; a single number stands for as many of it."""

    class Typing(AbstractTemplate):  # type: ignore[misc]
        def generic(self, args: Any, kws: Any) -> Any:
            kind = wider(*args)
            if isinstance(kind, Lanes) and all(_fits(a, kind) for a in args):
                return signature(result(kind), *(kind for _ in args))
            return None

    infer_global(key)(Typing)

    @lower_builtin(key, *(Lanes for _ in range(arity)))  # type: ignore[untyped-decorator]
    def code(context: Any, builder: Any, sig: Any, values: Any) -> Any:
        return write(builder, sig.args[0], values)


def _fits(given: Any, kind: Lanes) -> bool:
    return given == kind if isinstance(given, Lanes) else isinstance(given, types.Number | types.Boolean)


def _is_real(kind: Lanes) -> bool:
    return isinstance(kind.element, types.Float)


def _arithmetic(key: Any) -> Writing:
    return lambda builder, kind, values: getattr(builder, (_REAL if _is_real(kind) else _WHOLE)[key])(*values)


def _comparison(sign: str) -> Writing:
    def write(builder: Any, kind: Lanes, values: Any) -> Any:
        if not _is_real(kind):
            return builder.icmp_signed(sign, *values)
        return (builder.fcmp_unordered if sign == "!=" else builder.fcmp_ordered)(sign, *values)

    return write


for _key in {*_REAL, *_WHOLE}:
    _operator(_key, 2, _arithmetic(_key))
for _key, _sign in _ORDER.items():
    _operator(_key, 2, _comparison(_sign), lambda kind: kind.of(types.boolean))
_operator(operator.invert, 1, lambda builder, kind, values: builder.not_(values[0]))
_operator(operator.neg, 1, lambda builder, kind, values: (builder.fneg if _is_real(kind) else builder.neg)(*values))


def _splat(builder: Any, value: Any, count: int) -> Any:
    first = builder.insert_element(ir.Constant(ir.VectorType(value.type, count), ir.Undefined), value, _INT32(0))
    return _shuffled(builder, first, first, (0,) * count)


def _shuffled(builder: Any, a: Any, b: Any, order: tuple[int, ...]) -> Any:
    """The numbers of two vectors at these places, as one vector."""
    return builder.shuffle_vector(a, b, ir.Constant(ir.VectorType(_INT32, len(order)), order))


@lower_cast(types.Number, Lanes)  # type: ignore[untyped-decorator]
@lower_cast(types.Boolean, Lanes)  # type: ignore[untyped-decorator]
def _spread(context: Any, builder: Any, given: Any, wanted: Any, value: Any) -> Any:
    return _splat(builder, context.cast(builder, value, given, wanted.element), wanted.count)


# Lanes by themselves -----------------------------------------------------------------------------------------------


def _typed(function: Callable[..., Any]) -> Callable[..., Word]:
    made: Callable[..., Word] = intrinsic(prefer_literal=True)(function)
    return made


def _converted(builder: Any, given: Any, wanted: Any, value: Any) -> Any:
    """Lanes of another type of number."""
    if given == wanted:
        return value
    target = ir.VectorType(_ELEMENTS[wanted], value.type.count)
    if isinstance(wanted, types.Float) and isinstance(given, types.Float):
        return (builder.fptrunc if wanted.bitwidth < given.bitwidth else builder.fpext)(value, target)
    if isinstance(wanted, types.Float):
        return builder.sitofp(value, target)
    return (builder.trunc if wanted.bitwidth < given.bitwidth else builder.sext)(value, target)


def _conversion(wanted: Any, words: str) -> Callable[..., Word]:
    def convert(typing: Any, x: Any, count: Any) -> Any:
        kind = x if isinstance(x, Lanes) else Lanes(wanted, count.literal_value)

        def code(context: Any, builder: Any, sig: Any, values: Any) -> Any:
            return _converted(builder, kind.element, wanted, values[0])

        return kind.of(wanted)(kind, count), code

    convert.__doc__ = words
    return _typed(convert)


as_f64 = _conversion(types.float64, "Lanes, or one number for all of `count`, as float64.")
as_f32 = _conversion(types.float32, "Lanes, or one number for all of `count`, as float32, rounded.")
as_i32 = _conversion(types.int32, "Lanes, or one number for all of `count`, as 32-bit integers.")


@_typed
def numbered(typing: Any, count: Any) -> Any:
    """0, 1, 2 ... as 32-bit integers."""
    kind = Lanes(types.int32, count.literal_value)
    return kind(count), lambda context, builder, sig, values: ir.Constant(_vector(kind), list(range(kind.count)))


@_typed
def opposite(typing: Any, x: Any) -> Any:
    """Whether a condition, or each of a mask, does not hold."""
    kind = x if isinstance(x, Lanes) else types.boolean
    return kind(kind), lambda context, builder, sig, values: builder.not_(values[0])


@_typed
def how_many(typing: Any, mask: Any, count: Any) -> Any:
    """How many of the first `count` lanes of a mask (or of one condition for all) are set."""
    if not isinstance(mask, Lanes):
        return None

    def code(context: Any, builder: Any, sig: Any, values: Any) -> Any:
        whole = ir.IntType(mask.count)
        keep = builder.sub(builder.shl(_INT64(1), values[1]), _INT64(1))
        kept = builder.and_(builder.bitcast(values[0], whole), builder.trunc(keep, whole))
        return builder.zext(builder.ctpop(kept), _INT64)

    return types.int64(mask, types.int64), code


def _folded(builder: Any, lanes: list[Any], join: Callable[..., list[Any]]) -> list[Any]:
    """Fold vectors (several that belong together) to one lane each: the upper half onto the lower, and again."""
    count = lanes[0].type.count
    while count > 1:
        count //= 2
        low, high = tuple(range(count)), tuple(range(count, 2 * count))
        halves = [(_shuffled(builder, x, x, low), _shuffled(builder, x, x, high)) for x in lanes]
        lanes = join(*[half for pair in halves for half in pair])
    return [builder.extract_element(x, _INT32(0)) for x in lanes]


@_typed
def sum_of(typing: Any, lanes: Any) -> Any:
    """The sum of float64 lanes."""

    def code(context: Any, builder: Any, sig: Any, values: Any) -> Any:
        return _folded(builder, [values[0]], lambda a, b: [builder.fadd(a, b)])[0]

    return lanes.element(lanes), code


@_typed
def largest_of(typing: Any, lanes: Any) -> Any:
    """The largest of the lanes; NaN if one is NaN."""

    def code(context: Any, builder: Any, sig: Any, values: Any) -> Any:
        def join(a: Any, b: Any) -> list[Any]:
            keep = builder.or_(builder.fcmp_ordered(">", a, b), builder.fcmp_unordered("!=", a, a))
            return [builder.select(keep, a, b)]

        return _folded(builder, [values[0]], join)[0]

    return lanes.element(lanes), code


@_typed
def first_of(typing: Any, place: Any, size: Any) -> Any:
    """The place of the largest size, the first if several are as large."""

    def code(context: Any, builder: Any, sig: Any, values: Any) -> Any:
        def join(k: Any, k2: Any, a: Any, b: Any) -> list[Any]:
            before = builder.and_(builder.fcmp_ordered("==", a, b), builder.icmp_signed("<", k, k2))
            keep = builder.or_(builder.fcmp_ordered(">", a, b), before)
            return [builder.select(keep, k, k2), builder.select(keep, a, b)]

        return _folded(builder, list(values), join)[0]

    return types.int32(place, size), code


# Lanes and arrays --------------------------------------------------------------------------------------------------


def _place(context: Any, builder: Any, kind: Any, array: Any, index: Any, count: int) -> Any:
    """A pointer to `count` elements of a contiguous array, from the flat position `index` on."""
    data = create_struct_proxy(kind)(context, builder, value=array).data
    return builder.bitcast(builder.gep(data, [index]), ir.VectorType(data.type.pointee, count).as_pointer())


def _align(kind: Any) -> int:
    return int(kind.dtype.bitwidth) // 8


@_typed
def lanes_at(typing: Any, array: Any, index: Any, count: Any) -> Any:
    """The numbers of a contiguous array from a flat position on."""
    kind = Lanes(array.dtype, count.literal_value)

    def code(context: Any, builder: Any, sig: Any, values: Any) -> Any:
        return builder.load(_place(context, builder, array, values[0], values[1], kind.count), align=_align(array))

    return kind(array, types.intp, count), code


@_typed
def put_lanes(typing: Any, array: Any, index: Any, lanes: Any) -> Any:
    """Write numbers to a contiguous array from a flat position on, in the type of the array."""

    def code(context: Any, builder: Any, sig: Any, values: Any) -> Any:
        value = _converted(builder, lanes.element, array.dtype, values[2])
        place = _place(context, builder, array, values[0], values[1], lanes.count)
        builder.store(value, place, align=_align(array))
        return context.get_dummy_value()

    return types.none(array, types.intp, lanes), code


def _either_place(context: Any, builder: Any, kinds: Any, values: Any, count: int) -> Any:
    """A pointer into `rows` at `index`, or to the start of `tail` where it is not inside."""
    rows, index, inside, tail = values
    here = _place(context, builder, kinds[0], rows, index, count)
    return builder.select(inside, here, _place(context, builder, kinds[3], tail, _INT64(0), count))


@_typed
def lanes_or(typing: Any, rows: Any, index: Any, inside: Any, tail: Any, count: Any) -> Any:
    """The numbers of `rows` from a flat position on, or those of `tail`, which stand for the last ones of a row."""
    kind = Lanes(rows.dtype, count.literal_value)

    def code(context: Any, builder: Any, sig: Any, values: Any) -> Any:
        place = _either_place(context, builder, (rows, index, inside, tail), values[:4], kind.count)
        return builder.load(place, align=_align(rows))

    return kind(rows, types.intp, types.boolean, tail, count), code


@_typed
def put_lanes_or(typing: Any, rows: Any, index: Any, inside: Any, tail: Any, lanes: Any) -> Any:
    """Write numbers to `rows` from a flat position on, or to `tail`."""

    def code(context: Any, builder: Any, sig: Any, values: Any) -> Any:
        place = _either_place(context, builder, (rows, index, inside, tail), values[:4], lanes.count)
        builder.store(_converted(builder, lanes.element, rows.dtype, values[4]), place, align=_align(rows))
        return context.get_dummy_value()

    return types.none(rows, types.intp, types.boolean, tail, lanes), code


@_typed
def picked(typing: Any, tile: Any, chosen: Any) -> Any:
    """Of a tile (classes, count) the number of each row's chosen class."""

    def code(context: Any, builder: Any, sig: Any, values: Any) -> Any:
        data = create_struct_proxy(tile)(context, builder, value=values[0]).data
        found = ir.Constant(ir.VectorType(data.type.pointee, chosen.count), ir.Undefined)
        for lane in range(chosen.count):
            k = builder.sext(builder.extract_element(values[1], _INT32(lane)), _INT64)
            index = builder.add(builder.mul(k, _INT64(chosen.count)), _INT64(lane))
            found = builder.insert_element(found, builder.load(builder.gep(data, [index])), _INT32(lane))
        return found

    return chosen.of(tile.dtype)(tile, chosen), code


# Where the numbers of two vectors of 4 + 4 go, so that 4 by 4 blocks are turned within their half.
_LOW, _HIGH = (0, 8, 1, 9, 4, 12, 5, 13), (2, 10, 3, 11, 6, 14, 7, 15)
_LEFT, _RIGHT = (0, 1, 8, 9, 4, 5, 12, 13), (2, 3, 10, 11, 6, 7, 14, 15)
_FIRST, _SECOND = (0, 1, 2, 3), (4, 5, 6, 7)


def _turned(builder: Any, rows: list[Any]) -> list[Any]:
    """Four vectors of two halves, each half turned: a b c d become a0 b0 c0 d0, a1 b1 c1 d1 and so on."""
    a, b, c, d = rows
    near = _shuffled(builder, a, b, _LOW), _shuffled(builder, c, d, _LOW)
    far = _shuffled(builder, a, b, _HIGH), _shuffled(builder, c, d, _HIGH)
    return [_shuffled(builder, *pair, side) for pair in (near, far) for side in (_LEFT, _RIGHT)]


def _below(context: Any, builder: Any, kind: Any, array: Any, start: Any) -> list[Any]:
    """The flat positions of one place in eight rows below each other."""
    width = unpack_tuple(builder, create_struct_proxy(kind)(context, builder, value=array).shape)[1]
    found = [start]
    for _ in range(7):
        found.append(builder.add(found[-1], width))
    return found


def _columns(context: Any, builder: Any, kind: Any, tile: Any, k: Any, lane: Any) -> list[Any]:
    """Pointers to eight lanes of four classes of a tile."""
    width = unpack_tuple(builder, create_struct_proxy(kind)(context, builder, value=tile).shape)[1]
    at = [builder.add(builder.mul(builder.add(k, k.type(j)), width), lane) for j in range(4)]
    return [_place(context, builder, kind, tile, index, 8) for index in at]


@_typed
def turn_in(typing: Any, rows: Any, start: Any, tile: Any, k: Any, lane: Any) -> Any:
    """Copy 8 rows by 4 classes, from flat position `start` on, to the tile (classes, count) at class k and a lane."""

    def code(context: Any, builder: Any, sig: Any, values: Any) -> Any:
        given, start, into, k, lane = values
        read = [
            builder.load(_place(context, builder, rows, given, at, 4), align=_align(rows))
            for at in _below(context, builder, rows, given, start)
        ]
        joined = [_shuffled(builder, a, b, _FIRST + _SECOND) for a, b in zip(read[:4], read[4:], strict=True)]
        places = _columns(context, builder, tile, into, k, lane)
        for column, place in zip(_turned(builder, joined), places, strict=True):
            builder.store(column, place, align=_align(tile))
        return context.get_dummy_value()

    return types.none(rows, types.intp, tile, types.intp, types.intp), code


@_typed
def turn_out(typing: Any, tile: Any, k: Any, lane: Any, rows: Any, start: Any) -> Any:
    """Copy 4 classes of a tile (classes, count), from class k and a lane on, to 8 rows at flat position `start`."""

    def code(context: Any, builder: Any, sig: Any, values: Any) -> Any:
        given, k, lane, into, start = values
        read = [builder.load(at, align=_align(tile)) for at in _columns(context, builder, tile, given, k, lane)]
        turned, places = _turned(builder, read), _below(context, builder, rows, into, start)
        for half, there in ((_FIRST, places[:4]), (_SECOND, places[4:])):
            for row, place in zip(turned, there, strict=True):
                part = _shuffled(builder, row, row, half)
                builder.store(part, _place(context, builder, rows, into, place, 4), align=_align(rows))
        return context.get_dummy_value()

    return types.none(tile, types.intp, types.intp, rows, types.intp), code
