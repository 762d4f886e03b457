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
    result = _INTEGER_OF[x]

    def code(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return builder.bitcast(values[0], context.get_value_type(result))

    return result(x), code


@_typed
def from_bits(typing: Any, i: Any) -> Any:
    """The float that has the bits of a signed integer of the same size."""
    result = _FLOAT_OF[i]

    def code(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return builder.bitcast(values[0], context.get_value_type(result))

    return result(i), code


def _call(name: str, arity: int) -> Callable[[Any, Any, Any, Any], Any]:
    """Code that calls the LLVM intrinsic `name` on `arity` floats of one type."""

    def code(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        real = values[0].type
        suffix = "f32" if isinstance(real, ir.FloatType) else "f64"
        kind = ir.FunctionType(real, [real] * arity)
        target = builder.module.globals.get(f"llvm.{name}.{suffix}")
        if target is None:
            target = ir.Function(builder.module, kind, name=f"llvm.{name}.{suffix}")
        return builder.call(target, list(values))

    return code


@_typed
def fma(typing: Any, a: Any, b: Any, c: Any) -> Any:
    """`a*b + c`, rounded once."""
    return a(a, a, a), _call("fma", 3)


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
    return size(size, size), _call("copysign", 2)


@_typed
def select(typing: Any, condition: Any, a: Any, b: Any) -> Any:
    """`a` where the condition holds, else `b`; both are already computed, and nothing branches."""
    if not isinstance(condition, types.Boolean):
        return None

    def code(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return builder.select(*values)

    return a(condition, a, a), code


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
