"""The machine words under our own functions: bit casts, fused multiply-add, select, exact sums and products.

Comes in: scalars of float32 or float64 inside a Numba kernel. Goes out: scalars of the same type.
Every operation is free of branches, so that LLVM turns a loop over it into vector instructions, and is compiled
without fast-math flags: a kernel that allows contraction cannot fuse across `two_sum` or `two_prod`, which would
delete the error that they return. None of them can be called outside a Numba function.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias, TypeVar

from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

Word: TypeAlias = Any
"""A float or an integer of machine size, inside compiled code."""

Function = TypeVar("Function", bound=Callable[..., Any])
_INTEGER_OF = {types.float32: types.int32, types.float64: types.int64}
_FLOAT_OF = {integer: real for real, integer in _INTEGER_OF.items()}


class Lanes(types.Type):  # type: ignore[misc]
    """Several numbers of one type side by side, which every operation takes at once: a vector in registers."""

    def __init__(self, element: Any, count: int) -> None:
        self.element, self.count = element, count
        super().__init__(name=f"Lanes({element}, {count})")

    def of(self, element: Any) -> Lanes:
        """As many lanes of another type."""
        return Lanes(element, self.count)


def wider(*kinds: Any) -> Any:
    """The type that a function of words of these types gives: lanes if any of them has lanes, else the first."""
    return next((kind for kind in kinds if isinstance(kind, Lanes)), kinds[0])


def _same_size(kind: Any, table: dict[Any, Any]) -> Any:
    return kind.of(table[kind.element]) if isinstance(kind, Lanes) else table[kind]


def inlined(function: Function) -> Function:
    """Compile `function` for use inside kernels only: always inlined by LLVM, no fast-math, no Python wrapper."""
    compiled: Function = njit(
        nogil=True, error_model="numpy", forceinline=True, no_cpython_wrapper=True, no_cfunc_wrapper=True
    )(function)
    return compiled


def _typed(function: Callable[..., Any]) -> Callable[..., Word]:
    made: Callable[..., Word] = intrinsic(function)
    return made


@_typed
def bits(typing: Any, x: Any) -> Any:
    """The bits of a float as a signed integer of the same size."""
    result = _same_size(x, _INTEGER_OF)

    def code(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return builder.bitcast(values[0], context.get_value_type(result))

    return result(x), code


@_typed
def from_bits(typing: Any, i: Any) -> Any:
    """The float that has the bits of a signed integer of the same size."""
    result = _same_size(i, _FLOAT_OF)

    def code(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return builder.bitcast(values[0], context.get_value_type(result))

    return result(i), code


def _call(name: str, arity: int) -> Callable[[Any, Any, Any, Any], Any]:
    """Code that calls the LLVM intrinsic `name` on `arity` floats of one type."""

    def code(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        real = values[0].type
        one = real.element if isinstance(real, ir.VectorType) else real
        suffix = (
            ("f32" if isinstance(one, ir.FloatType) else "f64") if one is real else f"v{real.count}{one.intrinsic_name}"
        )
        kind = ir.FunctionType(real, [real] * arity)
        target = builder.module.globals.get(f"llvm.{name}.{suffix}")
        if target is None:
            target = ir.Function(builder.module, kind, name=f"llvm.{name}.{suffix}")
        return builder.call(target, list(values))

    return code


@_typed
def fma(typing: Any, a: Any, b: Any, c: Any) -> Any:
    """`a*b + c`, rounded once."""
    result = wider(a, b, c)
    return result(result, result, result), _call("fma", 3)


@_typed
def root(typing: Any, x: Any) -> Any:
    """The correctly rounded square root; NaN below zero."""
    return x(x), _call("sqrt", 1)


@_typed
def nearest(typing: Any, x: Any) -> Any:
    """The nearest integer as a float, halves to even."""
    return x(x), _call("rint", 1)


@_typed
def magnitude(typing: Any, x: Any) -> Any:
    """`|x|`: the sign bit cleared."""
    return x(x), _call("fabs", 1)


@_typed
def signed(typing: Any, size: Any, sign: Any) -> Any:
    """`size` with the sign bit of `sign`."""
    result = wider(size, sign)
    return result(result, result), _call("copysign", 2)


@_typed
def select(typing: Any, condition: Any, a: Any, b: Any) -> Any:
    """`a` where the condition holds, else `b`; both are already computed, and nothing branches."""
    if isinstance(condition, Lanes):
        kind = wider(a, b)
        kind = kind if isinstance(kind, Lanes) else condition.of(types.unliteral(kind))
    elif isinstance(condition, types.Boolean):
        kind = wider(a, b)
    else:
        return None

    def code(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return builder.select(*values)

    return kind(condition, kind, kind), code


@_typed
def word32(typing: Any, i: Any) -> Any:
    """A 32-bit integer again, which Numba has widened while it computed with it; lanes are none the wider."""
    if isinstance(i, Lanes):
        return i(i), lambda context, builder, sig, values: values[0]
    return types.int32(types.int64), lambda context, builder, sig, values: builder.trunc(values[0], ir.IntType(32))


@_typed
def opaque(typing: Any, x: Any) -> Any:
    """The constant `x`, as a number of which LLVM knows nothing.

    It then fills a vector with it once, before the loop, and reads that. A constant it knows it fetches by its address
    and spreads in every turn, which is half of the instructions of an exponential.
    """
    kind = types.unliteral(x)

    def code(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        number = values[0]
        size = ir.IntType(32 if isinstance(number.type, ir.FloatType) else 64)
        call = builder.asm(ir.FunctionType(size, [size]), "", "=r,0", [builder.bitcast(number, size)], False)
        call.attributes.add("readnone")
        call.attributes.add("nounwind")
        return builder.bitcast(call, number.type)

    return kind(kind), code


def _exponents(context: Any, kind: Any, x: Any) -> tuple[Any, Any, Any]:
    """Of floats or lanes of them: the LLVM type, their bits' type, and how far an exponent lies above the last bit."""
    real = context.get_value_type(kind)
    one = real.element if isinstance(real, ir.VectorType) else real
    size, place = (32, 23) if isinstance(one, ir.FloatType) else (64, 52)
    whole = ir.IntType(size)
    if isinstance(real, ir.VectorType):
        wide = ir.VectorType(whole, real.count)
        return real, wide, (ir.Constant(wide, [1] * real.count), ir.Constant(wide, [place] * real.count))
    return real, whole, (whole(1), whole(place))


@_typed
def power_of_two(typing: Any, t: Any) -> Any:
    """2**k for a float whose last bits hold k + bias (a shift of 1.5 * 2**p + bias has been added to k)."""

    def code(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        real, whole, (_, place) = _exponents(context, t, values[0])
        return builder.bitcast(builder.shl(builder.bitcast(values[0], whole), place), real)

    return t(t), code


@_typed
def powers_of_two(typing: Any, t: Any) -> Any:
    """Two factors whose product is 2**k, each normal, for a float whose last bits hold k + 2 * bias."""
    pair = types.UniTuple(t, 2)

    def code(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        real, whole, (one, place) = _exponents(context, t, values[0])
        both = builder.bitcast(values[0], whole)
        half = builder.lshr(both, one)
        parts = (builder.shl(part, place) for part in (half, builder.sub(both, half)))
        return context.make_tuple(builder, pair, [builder.bitcast(part, real) for part in parts])

    return pair(t), code


@inlined
def two_sum(a: Word, b: Word) -> tuple[Word, Word]:
    """`(s, e)` with s = a + b rounded and s + e = a + b exactly (Knuth 1969), barring overflow."""
    s = a + b
    back = s - a
    return s, (a - (s - back)) + (b - back)


@inlined
def quick_two_sum(a: Word, b: Word) -> tuple[Word, Word]:
    """`two_sum` in three operations, for |a| >= |b| or a = 0 (Dekker 1971)."""
    s = a + b
    return s, b - (s - a)


@inlined
def two_prod(a: Word, b: Word) -> tuple[Word, Word]:
    """`(p, e)` with p = a*b rounded and p + e = a*b exactly, barring overflow and underflow."""
    p = a * b
    return p, fma(a, b, -p)


@inlined
def maximum(a: Word, b: Word) -> Word:
    """The larger number; NaN if either is NaN."""
    return select((a > b) | (a != a), a, b)


@inlined
def minimum(a: Word, b: Word) -> Word:
    """The smaller number; NaN if either is NaN."""
    return select((a < b) | (a != a), a, b)


@_typed
def wide_vectors(typing: Any) -> Any:
    """Ask LLVM for 512-bit vectors in the kernel that calls this, where the processor has them."""

    def code(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        set.add(builder.function.attributes, '"prefer-vector-width"="512"')
        return context.get_dummy_value()

    return types.none(), code
