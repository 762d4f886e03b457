"""Our own exp, log, pow and their kin: worst error against rigorous balls, limits, and vector instructions."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import flint
import numpy as np
import pytest
from numba import njit
from numpy.typing import NDArray

from lossmith.emit import prelude, vectormath, vectormath_lanes, vectormath_sums

Array = NDArray[Any]
POINTS = 1500
BITS = 192

# The bounds in ulp are what the method gives: half an ulp for the last rounding, and the rounding of the small terms.
ONE_ARGUMENT = {
    "exp": 1.0, "expm1": 1.0, "log": 1.0, "log1p": 1.0, "tanh": 2.0, "sinh": 2.0, "cosh": 1.5,
}  # fmt: skip
# In float32 a few points in a million round twice more: sixteen million were tried for each bound.
FLOAT32 = {"exp": 1.05, "expm1": 1.0, "log": 1.0, "log1p": 1.0, "tanh": 2.1}
SPECIAL = [0.0, -0.0, math.inf, -math.inf, math.nan, 5e-324, -5e-324, 1e-310, -1e-310, 1.0, -1.0, -2.0, 0.5, 3.0, -3.0]
SPECIAL += [709.78, 709.79, 710.4, 710.5, -745.2, -744.9, 88.7, 88.8, -104.0, 1e308, -1e308, 1e17, 1e300]


def over_one(function: Any) -> Callable[[Array], Array]:
    """Apply a scalar function to an array in a compiled loop."""

    @njit(nogil=True, error_model="numpy")  # type: ignore[untyped-decorator]
    def loop(x: Array, out: Array) -> None:
        for i in range(out.shape[0]):
            out[i] = function(x[i])

    def run(x: Array) -> Array:
        out = np.empty_like(x)
        loop(x, out)
        return out

    run.loop = loop  # type: ignore[attr-defined]
    return run


def over_two(function: Any) -> Callable[[Array, Array], Array]:
    """Apply a scalar function of two arguments to arrays in a compiled loop."""

    @njit(nogil=True, error_model="numpy")  # type: ignore[untyped-decorator]
    def loop(x: Array, y: Array, out: Array) -> None:
        for i in range(out.shape[0]):
            out[i] = function(x[i], y[i])

    def run(x: Array, y: Array) -> Array:
        out = np.empty_like(x)
        loop(x, y, out)
        return out

    run.loop = loop  # type: ignore[attr-defined]
    return run


def ulp_errors(found: Array, exact: list[Any]) -> Array:
    """How far each number is from its ball, in ulp of its own format at the exact value."""
    nearest = np.array([float(ball.mid()) for ball in exact])
    with np.errstate(over="ignore"):
        unit = np.spacing(np.abs(nearest.astype(found.dtype))).astype(np.float64)
    rest = np.array(
        [float(b.mid() - flint.arb(n)) if math.isfinite(n) else 0.0 for b, n in zip(exact, nearest, strict=True)]
    )
    with np.errstate(invalid="ignore"):
        error = np.abs((found.astype(np.float64) - nearest) - rest) / unit
    return np.where(np.isfinite(unit), error, np.where(np.isinf(found), 0.0, np.inf))


def by_exponent(low: float, high: float, signs: bool, seed: int = 0) -> Array:
    random = np.random.default_rng(seed)
    x = np.exp2(random.uniform(low, high, POINTS))
    return np.where(random.random(POINTS) < 0.5, -x, x) if signs else x


def arguments(name: str) -> Array:
    """Points over the whole domain by exponent, and more where the result is near a change of regime."""
    random = np.random.default_rng(1)
    if name == "log":
        return np.concatenate([by_exponent(-1074, 1023, False), by_exponent(-2, 2, False, 1)])
    if name == "log1p":
        return np.concatenate(
            [by_exponent(-1074, 1023, False), by_exponent(-6, 2, False, 1), -by_exponent(-60, 0, False)]
        )
    largest = {"tanh": 6.0, "exp": 9.46, "expm1": 9.46}.get(name, 9.47)
    limit = {"exp": 745.0, "expm1": 709.0, "tanh": 20.0}.get(name, 710.4)
    return np.concatenate(
        [by_exponent(-1070, largest, True), random.uniform(-limit, limit, POINTS), random.uniform(-1.2, 1.2, POINTS)]
    )


def balls(name: str, x: Array) -> list[Any]:
    with flint.ctx.workprec(BITS):
        return [getattr(flint.arb(float(v)), name)() for v in x]


@pytest.mark.parametrize("name", ONE_ARGUMENT)
def test_float64_error_is_within_its_bound(name: str) -> None:
    x = arguments(name)
    found = over_one(getattr(vectormath, f"{name}_f64"))(x)
    with flint.ctx.workprec(BITS):
        assert ulp_errors(found, balls(name, x)).max() <= ONE_ARGUMENT[name]


@pytest.mark.parametrize("name", FLOAT32)
def test_float32_error_is_within_its_bound(name: str) -> None:
    with np.errstate(over="ignore"):
        x = arguments(name).astype(np.float32)
    x = np.concatenate([x, np.random.default_rng(3).uniform(0.3, 3.0, POINTS).astype(np.float32)])
    x = x[
        np.isfinite(x) & ((x > -1.0) | (name in ("exp", "expm1"))) & ((x > 0.0) | (name != "log")) & (np.abs(x) < 1e38)
    ]
    found = over_one(getattr(vectormath, f"{name}_f32"))(x)
    with flint.ctx.workprec(BITS):
        assert ulp_errors(found, balls(name, x)).max() <= FLOAT32[name]


def test_log1p_of_a_fraction_has_the_error_of_log1p() -> None:
    x = np.concatenate([by_exponent(-1070, 0, False), np.random.default_rng(2).random(POINTS), [0.0, 0.5, 1.0]])
    found = over_one(vectormath.log1p_unit_f64)(x)
    with flint.ctx.workprec(BITS):
        assert ulp_errors(found, balls("log1p", x)).max() <= 1.0


def test_short_forms_for_part_of_the_arguments_have_the_error_of_the_whole() -> None:
    """log(1 + x) of a fraction within 1.5 units, and e**x of what is not positive as e**x, down to the least float."""
    x = np.concatenate([by_exponent(-149, 0, False), np.random.default_rng(2).random(POINTS), [0.0, 0.5, 1.0]])
    x = x.astype(np.float32)
    with flint.ctx.workprec(BITS):
        assert ulp_errors(over_one(vectormath.log1p_unit_f32)(x), balls("log1p", x)).max() <= 1.5
    for dtype, name in ((np.float32, "f32"), (np.float64, "f64")):
        z = np.concatenate([arguments("exp"), [0.0, -0.0, -87.0, -103.2, -104.1, -745.0, -746.5, -math.inf, math.nan]])
        z = -np.abs(z.astype(dtype))
        down, exp = (over_one(getattr(vectormath, f"{kind}_{name}"))(z) for kind in ("exp_down", "exp"))
        np.testing.assert_array_equal(down, exp)


@pytest.mark.parametrize("backend", ["numpy", "numba"])
def test_what_rounding_takes_from_an_exponential_is_known_to_61_bits(backend: str) -> None:
    """The sum of e**x rounded and its rest, against e**x."""
    x = np.concatenate([np.random.default_rng(4).uniform(-690.0, 690.0, POINTS), np.linspace(-2.0, 9.0, POINTS), [0.0]])
    grown = np.exp(x) if backend == "numpy" else over_one(vectormath.exp_f64)(x)
    rest = prelude._exp_rest(x, grown) if backend == "numpy" else over_two(vectormath.exp_rest_f64)(x, grown)
    with flint.ctx.workprec(BITS):
        exact = balls("exp", x)
        left = [
            abs(flint.arb(float(a)) + flint.arb(float(b)) - e) / e for a, b, e in zip(grown, rest, exact, strict=True)
        ]
        assert max(map(float, left)) <= 2.0**-61


@pytest.mark.parametrize("name", ["exp", "log1p_unit"])
def test_wide_functions_are_right_to_48_bits(name: str) -> None:
    x = np.random.default_rng(8).random(POINTS) if name == "log1p_unit" else arguments("exp")
    x = x[np.abs(x) <= 708.0]
    found = over_one(getattr(vectormath, f"{name}_w32"))(x)
    with flint.ctx.workprec(BITS):
        exact = np.array([float(ball.mid()) for ball in balls(name.removesuffix("_unit"), x)])
    assert np.max(np.abs(found - exact) / exact) <= 2.0**-48


def test_wide_exponential_at_its_limits() -> None:
    found = over_one(vectormath.exp_w32)(np.array([709.78, 709.79, math.inf, -math.inf, -709.0, math.nan, 0.0]))
    assert found[0] == pytest.approx(math.exp(709.78), rel=1e-13)
    assert found[1:5].tolist() == [math.inf, math.inf, 0.0, 0.0]
    assert math.isnan(found[5])
    assert found[6] == 1.0


@pytest.mark.parametrize(
    ("name", "dtype"), [*((n, np.float64) for n in ONE_ARGUMENT), *((n, np.float32) for n in FLOAT32)]
)
def test_limits_signed_zeros_and_nan(name: str, dtype: type) -> None:
    suffix = "f64" if dtype is np.float64 else "f32"
    with np.errstate(all="ignore"):
        x = np.array(SPECIAL, dtype=dtype)
        wanted = getattr(np, name)(x.astype(np.float64)).astype(dtype)
        found = over_one(getattr(vectormath, f"{name}_{suffix}"))(x)
        near = np.isfinite(wanted) & (np.abs(found - wanted) <= 2 * np.spacing(np.abs(wanted)))
    assert np.array_equal(np.isnan(found), np.isnan(wanted))
    assert (near | (found == wanted) | np.isnan(wanted)).all()
    assert np.array_equal(np.signbit(found)[~np.isnan(wanted)], np.signbit(wanted)[~np.isnan(wanted)])


def test_pow_error_is_within_its_bound() -> None:
    random = np.random.default_rng(4)
    x = np.concatenate([by_exponent(-1074, 1023, False), by_exponent(-3, 3, False), 1 + by_exponent(-50, -3, True)])
    logs = np.where(np.log(x) == 0, 1.0, np.log(x))
    y = np.clip(random.uniform(-744.0, 709.0, x.size) / logs, -1e300, 1e300)
    y[::3] = random.uniform(-5.0, 5.0, y[::3].size)
    found = over_two(vectormath.pow_f64)(x, y)
    with flint.ctx.workprec(BITS):
        exact = [flint.arb(float(a)) ** flint.arb(float(b)) for a, b in zip(x, y, strict=True)]
        assert ulp_errors(found, exact).max() <= 1.0


def test_pow_of_special_numbers_is_that_of_ieee_754() -> None:
    x, y = (grid.ravel() for grid in np.meshgrid(SPECIAL, SPECIAL))
    found = over_two(vectormath.pow_f64)(x, y)
    with np.errstate(all="ignore"):
        wanted = x**y
        near = np.isfinite(wanted) & (np.abs(found - wanted) <= np.spacing(np.abs(wanted)))
    assert (near | (found == wanted) | (np.isnan(found) & np.isnan(wanted))).all()
    assert np.array_equal(np.signbit(found)[~np.isnan(wanted)], np.signbit(wanted)[~np.isnan(wanted)])


def test_scaled_exponential_neither_overflows_nor_vanishes_before_its_result() -> None:
    random = np.random.default_rng(5)
    x = random.uniform(-1450.0, 1450.0, 2 * POINTS)
    exponent = np.clip(random.uniform(-1070.0, 1020.0, x.size) - x / math.log(2.0), -1074.0, 1023.9)
    y = np.exp2(exponent) * random.choice([-1.0, 1.0], x.size)
    found = over_two(vectormath.scale_exp_f64)(y, x)
    with flint.ctx.workprec(BITS):
        exact = [flint.arb(float(a)) * flint.arb(float(b)).exp() for a, b in zip(y, x, strict=True)]
        assert ulp_errors(found, exact).max() <= 1.5
    assert over_two(vectormath.scale_exp_f64)(np.zeros(2), np.array([1e4, -1e4])).tolist() == [0.0, 0.0]


def test_exponential_of_two_words_sees_the_second() -> None:
    random = np.random.default_rng(6)
    hi = random.uniform(-744.0, 709.0, POINTS)
    lo = hi * random.uniform(-1.0, 1.0, POINTS) * 2.0**-53
    found = over_two(vectormath.exp_dw_f64)(hi, lo)
    with flint.ctx.workprec(BITS):
        exact = [(flint.arb(float(a)) + flint.arb(float(b))).exp() for a, b in zip(hi, lo, strict=True)]
        assert ulp_errors(found, exact).max() <= 1.0


@pytest.mark.parametrize(
    "name",
    [
        *(f"{n}_f64" for n in ONE_ARGUMENT),
        *(f"{n}_f32" for n in FLOAT32),
        "log1p_unit_f64",
        "exp_w32",
        "log1p_unit_w32",
    ],
)
def test_loops_become_vector_instructions(name: str) -> None:
    run = over_one(getattr(vectormath, name))
    run(np.ones(4, dtype=np.float32 if name.endswith("_f32") else np.float64))
    code = "\n".join(run.loop.inspect_llvm().values())  # type: ignore[attr-defined]
    assert f"x {'float' if name.endswith('_f32') else 'double'}> @llvm.fma.v" in code


def test_contraction_in_the_kernel_leaves_exact_sums_and_products_alone() -> None:
    two_prod, two_sum = vectormath.two_prod, vectormath.two_sum

    @njit(nogil=True, error_model="numpy", fastmath={"contract"})  # type: ignore[untyped-decorator]
    def errors(a: float, b: float, c: float) -> tuple[float, float]:
        p, e = two_prod(a, b)
        s, r = two_sum(p, c)
        return s, e + r

    a, b, c = 1.0 + 2.0**-30, 1.0 - 2.0**-31, 3.0
    hi, lo = errors(a, b, c)
    with flint.ctx.workprec(300):
        exact = flint.arb(a) * flint.arb(b) + flint.arb(c)
        assert flint.arb(hi) + flint.arb(lo) - exact == 0


def test_extremes_pass_nan_on_whichever_side_it_stands() -> None:
    x, y = np.array([1.0, 2.0, math.nan, 1.0, math.nan]), np.array([2.0, 1.0, 1.0, math.nan, math.nan])
    assert np.array_equal(over_two(vectormath.maximum)(x, y), np.maximum(x, y), equal_nan=True)
    assert np.array_equal(over_two(vectormath.minimum)(x, y), np.minimum(x, y), equal_nan=True)


def sum_of(terms: Array) -> tuple[float, float]:
    add_up = vectormath.add_up

    @njit(nogil=True, error_model="numpy", fastmath={"contract"})  # type: ignore[untyped-decorator]
    def run(values: Array, sums: Array) -> None:
        add_up(values, values.shape[0], np.empty(64), sums, 0)

    sums = np.empty((1, 2))
    run(terms, sums)
    return float(sums[0, 0]), float(sums[0, 1])


@pytest.mark.parametrize("n", [0, 1, 31, 32, 33, 2048])
def test_chunk_sum_is_the_exact_sum_to_a_hundred_bits(n: int) -> None:
    random = np.random.default_rng(n)
    terms = random.normal(size=n) * np.exp2(random.uniform(-40.0, 40.0, n))
    hi, lo = sum_of(terms)
    with flint.ctx.workprec(400):
        exact = sum((flint.arb(float(t)) for t in terms), flint.arb(0))
        size = sum((abs(flint.arb(float(t))) for t in terms), flint.arb(0))
        assert abs(flint.arb(hi) + flint.arb(lo) - exact) <= size * flint.arb(2) ** -98


@pytest.mark.parametrize("n", [1, 8, 2000])
def test_float32_terms_are_added_up_exactly(n: int) -> None:
    """Losses of one sign between 2**-28 and 1: no partial sum is 2**29 times smaller than a term."""
    with_short_terms, no_terms, close_sum = (
        getattr(vectormath_sums, f) for f in ("with_short_terms", "no_terms", "close_sum")
    )
    lanes_at = vectormath_lanes.lanes_at

    @njit(nogil=True, error_model="numpy", fastmath={"contract"})  # type: ignore[untyped-decorator]
    def run(values: Array, sums: Array) -> None:
        high, low = no_terms()
        whole = values.shape[0] // 8 * 8
        for i in range(0, whole, 8):
            high, low = with_short_terms(high, low, lanes_at(values, i, 8))
        close_sum(high, low, values[whole:], values.shape[0] - whole, np.empty(16), sums, 0)

    terms = np.exp2(np.random.default_rng(n).uniform(-28.0, 0.0, n)).astype(np.float32)
    sums = np.empty((1, 2))
    run(terms, sums)
    assert sums[0].tolist() == [math.fsum(terms), math.fsum([*terms.astype(float), -math.fsum(terms)])]


def test_chunk_sum_of_an_infinite_term_is_infinite_not_nan() -> None:
    assert sum_of(np.array([1.0, math.inf, 2.0])) == (math.inf, 0.0)
    assert math.isnan(sum_of(np.array([1.0, math.nan]))[0])


def test_digamma_against_balls_and_by_reflection() -> None:
    x = np.concatenate([by_exponent(-60, 200, False), np.random.default_rng(7).uniform(-20.0, 20.0, POINTS)])
    found = over_one(vectormath.digamma_f64)(x)
    with flint.ctx.workprec(BITS):
        exact = [flint.arb(float(v)).digamma() for v in x]
        slope = [abs(float(flint.arb(2).zeta(flint.arb(float(v))).mid())) * abs(v) if v > 0 else 0.0 for v in x]
        error = np.array([abs(float(flint.arb(float(f)) - t)) for f, t in zip(found, exact, strict=True)])
        size = np.array([abs(float(t.mid())) for t in exact])
    with np.errstate(over="ignore"):
        pole = (
            1.0 / np.maximum(np.abs(x - np.rint(x)), 1e-300) * np.abs(x)
        )  # how a last digit of x < 0 shows near a pole
    bound = 8 * np.finfo(float).eps * np.maximum(np.maximum(size, slope), np.where(x < 0, pole, 2.5))
    assert (error <= bound).all()
    assert np.isnan(over_one(vectormath.digamma_f64)(np.array([0.0, -1.0, math.nan, -math.inf]))).all()


@pytest.mark.parametrize("name", ["lgamma", "erf"])
def test_functions_of_the_c_library_are_near_the_truth(name: str) -> None:
    x = by_exponent(-300, 5, False)
    found = over_one(getattr(vectormath, f"{name}_f64"))(x)
    with flint.ctx.workprec(BITS):
        exact = balls(name, x)
        slope = [abs(float((flint.arb(v) * flint.arb(v).digamma()).mid())) / 4 for v in x]  # lgamma is 0 at 1 and 2
        size = np.array([abs(float(ball.mid())) for ball in exact])
        error = np.array([abs(float(flint.arb(float(f)) - t)) for f, t in zip(found, exact, strict=True)])
    scale = np.maximum(size, slope) if name == "lgamma" else size
    assert (error <= 4 * np.spacing(scale)).all()
