"""What goes wrong in floating point: the table of hazards and cures, and the search for the operation that is to blame.

Comes in: a formula over plain operations, a row of values, the number system of its kernel. Goes out: the operation at
which the digits of the final number are lost, what it gave, what it should have given, and under which hazard that falls.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, Final

import numpy as np

from lossmith.formula.node import OPERATIONS, Node, number_of, substitute, symbol, symbol_of, walk
from lossmith.interpret import BALLS, System, interpret
from lossmith.interpret.systems import Array
from lossmith.interpret.truth import pole
from lossmith.numerics.formats import Format, as_fraction, error_in_ulp, round_to

LOOK: Final = 2400
"""Bits that show any difference of two numbers of a format: their exponents differ by 2,100 at most."""
UNIT: Final = Fraction(1, 2**52)
LONG: Final = len("+1000000")
"""An exponent with more characters is not written out."""

CURES: Final[Mapping[str, str]] = {
    "lift": "an exact identity puts a function in its place that is safe as a whole",
    "complement": "what is short of 1 is computed by itself, never as a difference from 1",
    "pairing": "the terms of a mixture are kept apart: each is exact where their difference is not",
    "compensated": "the rounding of a sum, product or quotient is carried along in a second number",
    "power split": "the logarithm of the power is a product in two words, then one exponential is taken",
    "series": "near a removable zero another expression takes over, from a measured place on",
    "scaling": "large and small factors meet before either leaves the range of numbers",
    "choice": "the result is chosen after both branches are known to be harmless where they are not wanted",
    "wide": "the inside is computed in float64, and rounded once",
    "none": "nothing is wrong here in numbers: the step brings a formula into a form that other rules know",
}


@dataclass(frozen=True)
class Hazard:
    """A way in which numbers go wrong; rules whose name begins with one of `begins` remove it by one of `cures`."""

    name: str
    wrong: str
    cures: tuple[str, ...]
    begins: tuple[str, ...] = ()


HAZARDS: Final[Mapping[str, Hazard]] = {
    row.name: row
    for row in (
        Hazard("overflow", "a number on the way is larger than any float, though the result is not",
               ("lift", "scaling"), ("overflow_", "infinity_")),
        Hazard("underflow", "a number on the way is smaller than any float and counts as 0, though the result does not",
               ("lift", "complement", "scaling"), ("underflow_",)),
        Hazard("cancellation", "two nearly equal numbers are subtracted: what is left is their rounding",
               ("complement", "pairing", "compensated", "series"), ("cancellation_",)),
        Hazard("zero times infinity", "0 times an infinity is no number, though the product has a limit",
               ("choice", "lift"), ("zero_times_",)),
        Hazard("log of zero", "the logarithm of a number that has become 0 is infinite", ("lift", "complement")),
        Hazard("power of zero", "0 to a negative power is infinite, and 0 ** 0 hides a limit",
               ("lift", "power split"), ("zero_to_a_power",)),
        Hazard("masked branch", "the branch of a choice that is not taken is infinite or no number, and spoils the result",
               ("choice",), ("masked_",)),
        Hazard("magnified rounding", "a rounded number goes into a function that multiplies its rounding",
               ("compensated", "power split", "wide"), ("rounding_", "product_in_")),
        Hazard("no number", "an operation has no meaning for what it is given", ("choice",)),
        Hazard("many roundings", "no single operation is to blame: small errors add up", ("compensated", "wide")),
        Hazard("form", "nothing: the formula is brought into a form that the other rules know", ("none",), ("stray_",)),
    )
}  # fmt: skip
"""Every hazard: {name: what goes wrong, what is done against it, the beginnings of its rules' names}."""


def hazard_of(rule_name: str) -> Hazard:
    """The hazard that a rule of this name removes.

    >>> hazard_of("overflow_in_log1p_exp").name, hazard_of("product_in_sigmoid_power").name
    ('overflow', 'magnified rounding')
    """
    return next(row for row in HAZARDS.values() if rule_name.startswith(row.begins or ("\0",)))


FORM_REASONS: Final[Mapping[str, tuple[str, str]]] = {
    "log": ("cancellation_in_log_beside_one", "1 + x rounds a small x away, 1 - e**x a very negative x"),
    "log1p": ("overflow_of_a_square", "x**2 overflows though its logarithm is harmless"),
    "sqrt": ("overflow_of_a_square", "x**2 overflows though its root is harmless"),
    "subtract": ("cancellation_in_root_minus_one", "sqrt(1 + x**2) - 1 loses a small x"),
    "exp": ("rounding_of_a_product", "e**(a b) multiplies the rounding of a b: the product is kept in two words"),
    "expm1": ("rounding_of_a_product", "b log1p(a) rounds, and e**x - 1 multiplies that: (1 + a)**b is a power"),
    "power": ("rounding_of_a_power", "a small whole power is a product"),
    "sigmoid": ("overflow_in_sigmoid", "e**-x overflows: only e**-|x| is ever taken"),
    "softplus": ("overflow_in_softplus", "e**x overflows: the larger part is x itself"),
    "sigmoid_power": ("rounding_of_a_product", "e**(b log p) multiplies the rounding of b log p: kept in two words"),
    "log_cosh": ("cancellation_in_log_cosh", "cosh(x) is 1 for a small x, and overflows for a large one"),
    "xlogy": ("zero_times_log_zero", "0 * log 0 is 0"),
    "xlog1py": ("zero_times_log_zero", "0 * log 0 is 0"),
    "safe_divide": ("zero_times_infinity", "0 / 0 is 0 here: what is divided vanishes first"),
    "vanishing_product": ("zero_times_infinity", "0 times an infinity is 0 here: the first factor vanishes faster"),
    "log_ratio": ("cancellation_in_log_of_a_ratio", "a / b near 1 rounds, and its logarithm keeps only that"),
    "scaled_exp": ("overflow_in_scaled_exp", "e**b overflows though a e**b is finite: it is taken in two halves"),
    "exp_minus": ("cancellation_at_root_of_exp", "e**x - y near its root: e**x - 1 and y - 1 are exact there"),
    "one_minus_scaled_exp": ("cancellation_at_root_of_exp", "1 - a e**b near its root"),
    "class_logsumexp": ("overflow_in_log_sum_exp", "e**x overflows: the largest comes first"),
    "softmax": ("overflow_in_softmax", "e**x overflows: the largest comes first"),
    "log_softmax": ("cancellation_in_log_softmax", "the surest class has a false 0 as a difference"),
    "softmax_complement": ("cancellation_in_one_minus_softmax", "1 - p of the surest class: the others are added up"),
    "softmax_complement_power": ("cancellation_in_one_minus_softmax", "1 - p of the surest class"),
    "exp_excess": ("cancellation_at_double_root", "e**x - 1 - x is a false 0 near x = 0: a series takes over there"),
    "log_deficit": ("cancellation_at_double_root", "x - log(1 + x) is a false 0 near x = 0: a series takes over there"),
    "sinh": ("rounding_of_a_residual", "e**x multiplies the rounding of a residual x"),
    "cosh": ("rounding_of_a_residual", "e**x multiplies the rounding of a residual x"),
    "two_words": ("rounding_of_a_sum", "what rounding takes from a sum is carried along"),
    "softmax_slope": ("cancellation_in_one_minus_softmax", "p (1 - p) of the surest class, with one division"),
    "sigmoid_slope": ("overflow_in_sigmoid", "p (1 - p) with one division; only e**-|x| is ever taken"),
    "softmax_focal": ("cancellation_in_one_minus_softmax", "(1 - p)**b log p of the surest class"),
    "softmax_focal_slope": (
        "zero_to_a_power",
        "its terms share (1 - p)**(b - 1), which is infinite where 1 - p vanishes",
    ),
    "softmax_focal_bend": (
        "zero_to_a_power",
        "its terms share (1 - p)**(b - 2), which is infinite where 1 - p vanishes",
    ),
    "softmax_focal_own": (
        "cancellation_at_root_of_focal",
        "its terms cancel near its root: one product in place of two",
    ),
    "class_others": ("cancellation_in_sum_of_others", "the sum less its largest term: the others are added up"),
    "stop_gradient": ("stray_mark", "a mark for derivatives only"),
    "example_rms": ("overflow_of_a_square", "x**2 overflows though the root of the mean does not"),
    "example_mean": ("stray_mean", "a mean is a sum over a sum, which add up over batches"),
    "example_log_mean_exp": ("overflow_in_log_sum_exp", "e**x overflows, and cancels near 0"),
}
"""Why an operation has a floating-point form of its own: {operation: (name of the rule, reason)}."""


def reason_of(op: str) -> tuple[str, str]:
    """The name of the rule that gives an operation its form, and why; of one that the table lacks, what it means.

    >>> reason_of("softplus")[0]
    'overflow_in_softplus'
    """
    return FORM_REASONS.get(op, ("rounding_in_a_form", OPERATIONS[op].meaning))


# Who is to blame ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Blame:
    """The operation at which a final number goes wrong: `gave` is what it computed, `exact` what it should have.

    `exact` is text, for it may lie beyond all floats.
    """

    hazard: Hazard
    node: Node
    gave: float
    exact: str


@dataclass(frozen=True)
class _Row:
    """One row (or batch) and the place in the result that is wrong: all nodes in floats and in balls."""

    root: Node
    values: Mapping[Node, Any]
    floats: System
    fmt: Format
    index: tuple[int, int]
    bound: float
    got: Mapping[Node, Array]
    known: Mapping[Node, Array]

    def error(self, number: float) -> float:
        """How far a final number is from the truth, in ulp."""
        ball = _at(self.known[self.root], self.index)
        if not ball.is_finite():
            return 0.0 if number == pole(ball) or ball.is_nan() else math.inf
        return error_in_ulp(number, ball, self.fmt)


def exact_system(precision: int = LOOK) -> System:
    """Balls that know which class is the first largest, as the floating-point forms ask."""
    balls = BALLS(precision)

    def first(a: Array) -> Array:
        return np.asarray(np.arange(a.shape[1])[None, :] == np.argmax(balls.centre(a), axis=1)[:, None], dtype=object)

    return replace(balls, primitives={**balls.primitives, "class_first_max": first})


def blame(
    root: Node,
    values: Mapping[Node, Any],
    floats: System,
    fmt: Format,
    index: tuple[int, int] = (0, 0),
    bound: float = 16.0,
) -> Blame | None:
    """The operation that makes the result at `index` wrong by more than `bound` ulp: None where it is not.

    It is the first one whose arguments are accurate, whose own result is not, and whose error alone spoils the result:
    with it in place and everything else exact, the result is wrong; with it mended, the floats come out better.
    """
    nodes = walk(root)
    got = dict(zip(nodes, interpret(nodes, values, floats), strict=True))
    known = dict(zip(nodes, interpret(nodes, values, exact_system()), strict=True))
    row = _Row(root, values, floats, fmt, index, bound, got, known)
    before = row.error(float(_at(got[root], index)))
    if before <= bound and not _is_unknown_number(row):
        return None
    suspects = _suspects(row, nodes)
    guilty = next(
        (n for n in suspects if _spoils(row, n) and (_leaves_the_range(row, n) or _mends(row, n, before))), None
    )
    if guilty is None:
        guilty = next((n for n in suspects if not np.isfinite(got[n].astype(np.float64)).all()), None)
    return _blamed(row, root if guilty is None else guilty, "many roundings" if guilty is None else None)


def _blamed(row: _Row, node: Node, name: str | None) -> Blame:
    gave, ball = _numbers(row, node)
    return Blame(HAZARDS[name or _kind(row, node)], node, gave, number_text(ball))


def number_text(ball: Any) -> str:
    """An exact number to 17 digits, which may lie beyond all floats.

    >>> from flint import arb
    >>> number_text(arb(2) ** 1500)
    '3.5074662110434039e+451'
    """
    if isinstance(ball, bool) or ball is None:
        return str(ball)
    end = pole(ball)
    if end is not None:
        return str(end)
    text = str(ball.mid().str(17, radius=False))
    power = text.partition("e")[2]
    if len(power) <= LONG:
        return text
    return "less than 1e-1000000" if power.startswith("-") else f"beyond {'-' * text.startswith('-')}1e+1000000"


def _is_unknown_number(row: _Row) -> bool:
    """NaN was computed where not even the truth is a number."""
    return math.isnan(float(_at(row.got[row.root], row.index)))


def _at(array: Array, index: tuple[int, int]) -> Any:
    return array[tuple(min(i, n - 1) for i, n in zip(index, array.shape, strict=True))]


def _suspects(row: _Row, nodes: list[Node]) -> list[Node]:
    """Operations that are wrong though their arguments are right."""
    least = max(2.0, row.bound / 4)
    off = {node: _off(row, node) for node in nodes}
    worst = {n: max((off[a] for a in n.args), default=0.0) for n in nodes}
    return [n for n in nodes if off[n] > max(least, 2 * worst[n]) and worst[n] <= least]


def _off(row: _Row, node: Node) -> float:
    """The largest error of a node over rows and classes, as a share of the exact number in units of 2**-52."""
    got, known = np.broadcast_arrays(row.got[node], row.known[node])
    measure = _differs if OPERATIONS[node.op].boolean else _share
    return max(measure(g, k) for g, k in zip(got.ravel(), known.ravel(), strict=True))


def _differs(got: Any, known: Any) -> float:
    return math.inf if known is not None and bool(got) is not bool(known) else 0.0


def _share(got: Any, ball: Any) -> float:
    number = float(got)
    if not ball.is_finite():
        end = pole(ball)
        return math.inf if math.isnan(number) or (end is not None and number != end) else 0.0
    if ball.is_zero() or not math.isfinite(number):
        return 0.0 if number == 0.0 and ball.is_zero() else math.inf
    exact = as_fraction(ball)
    if exact == 0 or float(ball.rad()) > abs(float(ball.mid())) / 2:
        return 0.0
    return min(float(min(abs(Fraction(number) - exact) / abs(exact) / UNIT, Fraction(10) ** 300)), 1e300)


def _spoils(row: _Row, node: Node) -> bool:
    """Whether the result is wrong if this node alone is as computed, and everything else exact."""
    return not _result(row, node, row.got[node], exact_system()) <= row.bound / 2


def _mends(row: _Row, node: Node, before: float) -> bool:
    """Whether the result of the floats gets better if this node is as it should be: what compensates is not to blame."""
    exact = np.array([_rounded(b, row.fmt) for b in row.known[node].ravel()]).reshape(row.known[node].shape)
    after = _result(row, node, exact, row.floats)
    return after < before / 2 or (math.isfinite(after) and not math.isfinite(before))


def _result(row: _Row, node: Node, given: Array, system: System) -> float:
    """The error of the result in a number system, with what is given in place of one node."""
    if node is row.root:
        return row.error(float(_at(given, row.index)))
    leaf = symbol("given instead", "column", sorted(node.axes))
    found = interpret([substitute(row.root, {node: leaf})], {**row.values, leaf: given}, system)[0]
    number = _at(found, row.index)
    return row.error(_rounded(number, row.fmt) if system is not row.floats else float(number))


def _rounded(ball: Any, fmt: Format) -> float:
    if isinstance(ball, bool) or ball is None:
        return float(bool(ball))
    if not ball.is_finite():
        end = pole(ball)
        return math.nan if end is None else end
    return round_to(ball, fmt)


def _numbers(row: _Row, node: Node) -> tuple[float, Any]:
    """What the node gave and what it should have, as a ball, where that is worst."""
    got, known = np.broadcast_arrays(row.got[node], row.known[node])
    measure = _differs if OPERATIONS[node.op].boolean else _share
    worst = max(np.ndindex(got.shape), key=lambda at: measure(got[at], known[at]))
    return float(got[worst]), known[worst]


def _leaves_the_range(row: _Row, node: Node) -> bool:
    """Whether what should stand there is no float of the format: nothing could mend it."""
    gave, ball = _numbers(row, node)
    if OPERATIONS[node.op].boolean or gave != 0.0:
        return not math.isfinite(gave)
    return bool(abs(ball) < row.fmt.smallest_normal) and not ball.is_zero()


def _arguments(row: _Row, node: Node) -> list[float]:
    return [float(row.got[a].ravel()[0]) for a in node.args]


def _kind(row: _Row, node: Node) -> str:
    """The hazard under which a wrong result falls: the first row of `KINDS` that holds."""
    gave, ball = _numbers(row, node)
    return next(name for name, holds in KINDS if holds(node.op, gave, _rounded(ball, row.fmt), _arguments(row, node)))


Test = Callable[[str, float, float, list[float]], bool]
KINDS: Final[tuple[tuple[str, Test], ...]] = (
    ("zero times infinity", lambda op, gave, exact, args: math.isnan(gave) and op == "multiply"),
    ("log of zero", lambda op, gave, exact, args: op in ("log", "log1p") and math.isinf(gave) and math.isfinite(exact)),
    ("power of zero", lambda op, gave, exact, args: op in ("power", "divide") and not math.isfinite(gave) and 0.0 in args),
    ("no number", lambda op, gave, exact, args: math.isnan(gave)),
    ("overflow", lambda op, gave, exact, args: math.isinf(gave)),
    ("masked branch", lambda op, gave, exact, args: op == "where"),
    ("cancellation", lambda op, gave, exact, args: op in ("add", "subtract", "class_sum", "example_sum")),
    ("underflow", lambda op, gave, exact, args: abs(gave) < 2.0**-1022 and op not in ("log", "log1p", "expm1")),
    ("magnified rounding", lambda op, gave, exact, args: True),
)  # fmt: skip
"""How a wrong result is named: pairs of a hazard and a test of operation, result, exact result and arguments."""


def is_leaf(node: Node) -> bool:
    """Whether the node is a number or a symbol."""
    return number_of(node) is not None or symbol_of(node) is not None
