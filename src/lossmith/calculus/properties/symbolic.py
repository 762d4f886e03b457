"""Proofs by algebra: whether an expression is 0 or above 0 for every raw prediction, not at points only.

Comes in: the formula of one example (`Body`). Goes out: SymPy expressions (through the one bridge) and yes, or None for
"not shown". The target may stand on either side of the prediction at a distance r > 0, so that a choice between two
branches is decided for all numbers at once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, wraps
from typing import Any, Final, ParamSpec, TypeAlias, TypeVar

from lossmith.calculus.evidence import Body
from lossmith.calculus.sympy_bridge import to_sympy
from lossmith.errors import UnsupportedError
from lossmith.formula.node import Node, constant, make, make_from, rebuild

Expression: TypeAlias = Any  # SymPy carries no types

P = ParamSpec("P")
R = TypeVar("R")
S = TypeVar("S")

COMPARED: Final = frozenset({"less", "less_equal", "equal"})
LONGEST: Final = 400  # operations of an expression that algebra is tried on: beyond it a proof may take minutes


def or_else(otherwise: S) -> Callable[[Callable[P, R]], Callable[P, R | S]]:
    """What a proof says where algebra gives up: SymPy may raise anything, down to a RecursionError."""

    def shield(prove: Callable[P, R]) -> Callable[P, R | S]:
        @wraps(prove)
        def tried(*args: P.args, **named: P.kwargs) -> R | S:
            try:
                return prove(*args, **named)
            except Exception:
                return otherwise

        return tried

    return shield


def _against_zero(node: Node, args: tuple[Node, ...]) -> Node:
    """a < b as a - b < 0: SymPy turns conditions between two multiples of one thing round and round."""
    if node.op in COMPARED:
        return make(node.op, args[0] - args[1], constant(0.0))
    return make_from(node.op, args, node.attr)


@dataclass(frozen=True, eq=False)
class Algebra:
    """One example's formula in SymPy, with the parameters' numbers in place of their names."""

    body: Body
    link: str

    def of(self, node: Node) -> Expression:
        """A node as an expression of the target, the raw prediction and numbers. Raises LM330 if it has none."""
        found = to_sympy(rebuild(node, _against_zero))
        known = {
            to_sympy(leaf): value for leaf, value in self.body.fixed.items() if to_sympy(leaf) in found.free_symbols
        }
        return found.subs({leaf: exact(leaf, value) for leaf, value in known.items()})

    @cached_property
    def target(self) -> Expression:
        """The symbol of the target."""
        return to_sympy(self.body.target)

    @cached_property
    def raw(self) -> Expression:
        """The symbol of the raw prediction."""
        return to_sympy(self.body.raw)

    @cached_property
    def distance(self) -> Expression:
        """How far the target is from the prediction: a positive number."""
        return self.raw.func("r", positive=True)

    @cached_property
    def value(self) -> Expression:
        """The loss of one example."""
        return self.of(self.body.node)

    @cached_property
    def slope(self) -> Expression:
        """Its gradient by the raw prediction."""
        return self.of(self.body.slope)

    @cached_property
    def predicted(self) -> Expression:
        """The prediction."""
        return self.of(self.body.predicted(self.link))

    def beside(self, expression: Expression, side: int) -> Expression:
        """The expression where the target is the prediction plus (side 1) or minus (side -1) the distance."""
        return expression.subs(self.target, self.predicted + side * self.distance)

    def where_target_is(self, value: float) -> Expression:
        """The gradient at one target."""
        return self.slope.subs(self.target, exact(self.target, value))


@or_else(None)
def algebra(body: Body, link: str) -> Algebra | None:
    """The formula as expressions, or None where it has no such form or a form too long to prove anything of."""
    if body.row_wise or "class" in body.node.axes:
        return None
    found = Algebra(body, link)
    try:
        return found if max(e.count_ops() for e in (found.value, found.slope, found.predicted)) <= LONGEST else None
    except UnsupportedError:
        return None


def exact(symbol: Expression, value: float) -> Expression:
    """A float as the fraction that it is."""
    top, bottom = float(value).as_integer_ratio()
    zero = symbol - symbol
    return (zero + top) / (zero + bottom)


def is_zero(expression: Expression) -> bool:
    """Whether algebra shows that the expression is 0 wherever it is defined; False means "not shown"."""
    if expression.count_ops() > LONGEST:
        return False
    plain = _in_exponentials(expression).together().as_numer_denom()[0].expand()
    return bool(plain == 0) or bool(plain.simplify() == 0)


def is_positive(expression: Expression) -> bool:
    """Whether every term of numerator and denominator is above 0 for all numbers; False means "not shown"."""
    if expression.count_ops() > LONGEST:
        return False
    plain = _in_exponentials(expression)
    for form in (plain.together(), plain.simplify()):
        top, bottom = form.as_numer_denom()
        signs = {_sign(part) for part in (top, bottom)}
        if signs in ({1}, {-1}):
            return True
    return False


def _sign(expression: Expression) -> int:
    """1 or -1 where all terms, or all factors, have a known sign; else 0."""
    if expression.is_positive or expression.is_negative:
        return 1 if expression.is_positive else -1
    terms = expression.expand().as_ordered_terms()
    signs = {1 if term.is_positive else -1 if term.is_negative else 0 for term in terms}
    return signs.pop() if len(signs) == 1 else 0


def _in_exponentials(expression: Expression) -> Expression:
    """The hyperbolic functions written in exponentials."""
    return expression.rewrite("exp") if expression.free_symbols else expression
