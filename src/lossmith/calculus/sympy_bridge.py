"""The only door to SymPy: formulas as SymPy expressions, and as LaTeX for people to read.

Comes in: a node. Goes out: a SymPy expression (exact; for algebra) or LaTeX text. Nothing here is hashed or stored,
and SymPy is imported only when one of the two is asked for.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import lru_cache
from types import ModuleType
from typing import Any, Final, TypeAlias

from lossmith.errors import UnsupportedError
from lossmith.formula.node import OPERATIONS, Node, Symbol, make, number_of, symbol_of
from lossmith.formula.text import MEANINGS

Expression: TypeAlias = Any  # SymPy carries no types

_GREEK: Final = frozenset(
    {"alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "kappa", "lambda", "mu", "nu", "xi", "pi"}
    | {"rho", "sigma", "tau", "phi", "chi", "psi", "omega"}
)
_CLASS_LETTERS: Final = "kjlmq"


def to_sympy(node: Node) -> Expression:
    """The formula in SymPy, exact: real symbols by the names of the leaves, every constant a rational number.

    Sums over classes and examples become unevaluated `Sum`s. Raises LM330 for an operation without a SymPy form.

    >>> from lossmith.formula.node import make, symbol
    >>> z = symbol("z", "raw", ["example"])
    >>> to_sympy(make("softplus", z) / 2)
    log(exp(z) + 1)/2
    """
    return _Converter(_sympy(), _start(node), display=False).convert(node)


def to_latex(node: Node) -> str:
    """The formula in LaTeX (without dollar signs), in the letters of the formula.

    Row i runs over n examples, k over K classes; the mean is shown unweighted.

    >>> from lossmith.formula.node import make, symbol
    >>> y, z = symbol("y", "target", ["example"]), symbol("z", "raw", ["example"])
    >>> to_latex(make("example_mean", (y - z) ** 2))
    '\\\\frac{1}{n} \\\\sum_{i=1}^{n} \\\\left(y_{i} - z_{i}\\\\right)^{2}'
    """
    sympy = _sympy()
    return str(sympy.latex(_Converter(sympy, _start(node), display=True).convert(node), order="none"))


def _sympy() -> Any:
    import sympy

    return sympy


@lru_cache(maxsize=64)
def _big(sympy: ModuleType, sign: str, bracketed: bool = False) -> Any:
    """A SymPy function that prints as a large sign before its body, such as a sum."""

    def text(self: Any, printer: Any, exp: str | None = None) -> str:
        body = printer.parenthesize(self.args[0], sympy.printing.precedence.PRECEDENCE["Mul"], strict=True)
        whole = f"{sign} {body}"
        if exp is None and not bracketed:
            return whole
        power = "" if exp is None else f"^{{{exp}}}"
        return f"\\left({whole}\\right){power}"

    return type("Big", (sympy.Function,), {"_latex": text, "sign": sign, "nargs": 1})


@dataclass(frozen=True)
class _Indices:
    """Which index letters the leaves carry here."""

    row: str | None = None
    classes: str | None = None
    depth: int = 0

    def inner_class(self) -> _Indices:
        return replace(self, classes=_CLASS_LETTERS[min(self.depth, 4)], depth=self.depth + 1)


def _start(node: Node) -> _Indices:
    return _Indices().inner_class() if "class" in node.axes else _Indices()


@dataclass(frozen=True)
class _Converter:
    """Walks a formula once for each set of index letters; `display` keeps names such as sigma for the reader."""

    sympy: ModuleType
    start: _Indices
    display: bool
    done: dict[tuple[int, _Indices], Expression] = field(default_factory=dict)

    def convert(self, node: Node, at: _Indices | None = None) -> Expression:
        at = at or self.start
        key = (id(node), at)
        if key not in self.done:
            self.done[key] = self._fresh(node, at)
        return self.done[key]

    def _fresh(self, node: Node, at: _Indices) -> Expression:
        value, leaf = number_of(node), symbol_of(node)
        if value is not None:
            return self._number(value)
        if leaf is not None:
            return self.sympy.Symbol(_leaf_name(leaf, at, self.display), real=True)
        if node.op in _REDUCTIONS:
            return _REDUCTIONS[node.op](self, node, at)
        if self.display and node.op in _NAMED:
            return self.sympy.Function(_NAMED[node.op])(*(self.number_valued(a, at) for a in node.args))
        if node.op not in _ELEMENTWISE:
            raise UnsupportedError("LM330", f"{node.op} has no form in SymPy.")
        arguments = [self.convert(a, at) if _takes_truth(node, i) else self.number_valued(a, at)
                     for i, a in enumerate(node.args)]  # fmt: skip
        shown = _AS_WRITTEN.get(node.op, _ELEMENTWISE[node.op]) if self.display else _ELEMENTWISE[node.op]
        return shown(self.sympy, *arguments)

    def number_valued(self, node: Node, at: _Indices) -> Expression:
        """A comparison that is used as a number is 1 or 0."""
        found = self.convert(node, at)
        return self.sympy.Piecewise((1, found), (0, True)) if OPERATIONS[node.op].boolean else found

    def _number(self, value: float) -> Expression:
        if value != value or value in (float("inf"), float("-inf")):
            return self.sympy.nan if value != value else self.sympy.oo * (1 if value > 0 else -1)
        numerator, denominator = value.as_integer_ratio()
        if denominator <= 64 or not self.display:
            return self.sympy.Rational(numerator, denominator)
        return self.sympy.Float(repr(value))

    def total(self, body: Node, at: _Indices, letter: str, end: str, mean: bool = False) -> Expression:
        """The sum (or mean) of a body over one index, from 1."""
        summand, last = self.number_valued(body, at), self.size(end)
        if self.display:
            share = f"\\frac{{1}}{{{end}}} " if mean else ""
            return _big(self.sympy, f"{share}\\sum_{{{letter}=1}}^{{{end}}}")(summand)
        total = self.sympy.Sum(summand, (self.sympy.Symbol(letter, integer=True), 1, last))
        return total / last if mean else total

    def over_classes(self, body: Node, at: _Indices, mean: bool = False) -> Expression:
        inner = at.inner_class()
        return self.total(body, inner, str(inner.classes), "K", mean)

    def over_rows(self, body: Node, at: _Indices, mean: bool = False) -> Expression:
        return self.total(body, replace(at, row="i"), "i", "n", mean)

    def size(self, name: str) -> Expression:
        return self.sympy.Symbol(name, integer=True, positive=True)


def _takes_truth(node: Node, position: int) -> bool:
    return node.op.startswith("logical_") or (node.op == "where" and position == 0)


def _leaf_name(leaf: Symbol, at: _Indices, display: bool) -> str:
    stem, _, head = leaf.name.partition("_") if leaf.role == "raw" else (leaf.name, "", "")
    marks = [_upright(head)] if head and display else ([head] if head else [])
    marks += [at.row] if at.row and "example" in leaf.axes else []
    marks += [at.classes] if at.classes and "class" in leaf.axes else []
    if display:
        stem = _upright(stem)
        return f"{stem}_{{{','.join(marks)}}}" if marks else stem
    return "_".join([stem, *marks])


def _upright(name: str) -> str:
    if len(name) == 1:
        return name
    if name in _GREEK:
        return "\\" + name
    return "\\mathrm{" + name.replace("_", "\\_") + "}"


Reduce: TypeAlias = Callable[[_Converter, Node, _Indices], Expression]


def _softmax(c: _Converter, node: Node, at: _Indices) -> Expression:
    if c.display:
        return c.sympy.Function("\\operatorname{softmax}")(c.convert(node.args[0], at))
    exp = make("exp", node.args[0])
    return c.convert(exp, at) / c.over_classes(exp, at)


def _class_max(c: _Converter, node: Node, at: _Indices) -> Expression:
    name = f"\\max_{{{at.inner_class().classes}}}" if c.display else "class_max"
    return c.sympy.Function(name)(c.number_valued(node.args[0], at.inner_class()))


# How the operations over an axis are written.
_REDUCTIONS: Final[dict[str, Reduce]] = {
    "class_sum": lambda c, n, at: c.size("K") if number_of(n.args[0]) == 1.0 else c.over_classes(n.args[0], at),
    "class_others": lambda c, n, at: c.over_classes(n.args[0], at) - c.number_valued(n.args[0], at),
    "class_max": _class_max,
    "class_logsumexp": lambda c, n, at: c.sympy.log(c.over_classes(make("exp", n.args[0]), at)),
    "softmax": _softmax,
    "log_softmax": lambda c, n, at: c.sympy.log(_softmax(c, n, at)),
    "softmax_complement": lambda c, n, at: 1 - _softmax(c, n, at),
    "softmax_complement_power": lambda c, n, at: (1 - _softmax(c, n, at)) ** c.convert(n.args[1], at),
    **dict.fromkeys(
        ("softmax_slope", "softmax_focal", "softmax_focal_slope", "softmax_focal_bend", "softmax_focal_own"),
        lambda c, n, at: c.convert(MEANINGS[n.op](*n.args), at),
    ),
    "example_sum": lambda c, n, at: c.over_rows(n.args[0], at),
    "example_mean": lambda c, n, at: c.over_rows(n.args[0], at, mean=True),
    "example_rms": lambda c, n, at: c.sympy.sqrt(c.over_rows(n.args[0] ** 2, at, mean=True)),
    "axis_mean": lambda c, n, at: (
        c.over_classes(n.args[0], at, mean=True) if n.attr == "class" else c.total(n.args[0], at, "g", "G", mean=True)
    ),
    "group_count": lambda c, n, at: c.size("G"),
}


def _written_sum(sympy: ModuleType, *terms: Expression) -> Expression:
    """A sum whose terms keep the order of the formula, and in which nothing cancels."""
    flat = [part for term in terms for part in sympy.Add.make_args(term)]
    return sympy.Add(*flat, evaluate=False)


def _written_product(sympy: ModuleType, a: Expression, b: Expression) -> Expression:
    """A product in which a large sign does not swallow the factors after it."""
    if a.is_Atom or b.is_Atom:
        return a * b
    return _guarded(sympy, a) * _guarded(sympy, b)


def _guarded(sympy: ModuleType, a: Expression) -> Expression:
    if a.is_Mul:
        return a.func(*(_guarded(sympy, part) for part in a.args))
    return _big(sympy, a.sign, bracketed=True)(*a.args) if hasattr(a, "sign") and a.is_Function else a


# Where people care about the order of what they wrote.
_AS_WRITTEN: Final[dict[str, Callable[..., Expression]]] = {
    "add": _written_sum,
    "subtract": lambda s, a, b: _written_sum(s, a, *(-part for part in s.Add.make_args(b))),
    "multiply": _written_product,
}


def _normal(sympy: ModuleType, a: Expression) -> Expression:
    return (1 + sympy.erf(a / sympy.sqrt(2))) / 2


# What a reader knows by name: shown so, worked out in `to_sympy`.
_NAMED: Final[dict[str, str]] = {"sigmoid": "sigma", "softplus": "\\operatorname{softplus}"}

_ELEMENTWISE: Final[dict[str, Callable[..., Expression]]] = {
    "add": lambda s, a, b: a + b,
    "subtract": lambda s, a, b: a - b,
    "multiply": lambda s, a, b: a * b,
    "divide": lambda s, a, b: a / b,
    "negative": lambda s, a: -a,
    "power": lambda s, a, b: a**b,
    "exp": lambda s, a: s.exp(a),
    "expm1": lambda s, a: s.exp(a) - 1,
    "log": lambda s, a: s.log(a),
    "log1p": lambda s, a: s.log(1 + a),
    "sqrt": lambda s, a: s.sqrt(a),
    "tanh": lambda s, a: s.tanh(a),
    "cosh": lambda s, a: s.cosh(a),
    "sinh": lambda s, a: s.sinh(a),
    "erf": lambda s, a: s.erf(a),
    "lgamma": lambda s, a: s.loggamma(a),
    "digamma": lambda s, a: s.digamma(a),
    "trigamma": lambda s, a: s.polygamma(1, a),
    "sin": lambda s, a: s.sin(a),
    "cos": lambda s, a: s.cos(a),
    "abs": lambda s, a: s.Abs(a),
    "sign": lambda s, a: s.sign(a),
    "less": lambda s, a, b: s.StrictLessThan(a, b),
    "less_equal": lambda s, a, b: s.LessThan(a, b),
    "equal": lambda s, a, b: s.Eq(a, b),
    "logical_and": lambda s, a, b: s.And(a, b),
    "logical_or": lambda s, a, b: s.Or(a, b),
    "logical_not": lambda s, a: s.Not(a),
    "where": lambda s, c, a, b: s.Piecewise((a, c), (b, True)),
    "maximum": lambda s, a, b: s.Max(a, b),
    "minimum": lambda s, a, b: s.Min(a, b),
    "stop_gradient": lambda s, a: a,
    "sigmoid": lambda s, a: 1 / (1 + s.exp(-a)),
    "softplus": lambda s, a: s.log(1 + s.exp(a)),
    "sigmoid_power": lambda s, a, b: (1 + s.exp(-a)) ** (-b),
    "log_cosh": lambda s, a: s.log(s.cosh(a)),
    "normal_cdf": lambda s, a: _normal(s, a),
    "log_normal_cdf": lambda s, a: s.log(_normal(s, a)),
    "normal_hazard": lambda s, a: s.exp(-(a**2) / 2) / s.sqrt(2 * s.pi) / _normal(s, a),
    "normal_gap": lambda s, a: a + s.exp(-(a**2) / 2) / s.sqrt(2 * s.pi) / _normal(s, a),
    "xlogy": lambda s, a, b: a * s.log(b),
    "xlog1py": lambda s, a, b: a * s.log(1 + b),
    "safe_divide": lambda s, a, b: a / b,
    "vanishing_product": lambda s, a, b: a * b,
    "log_ratio": lambda s, a, b: s.log(a / b),
    "scaled_exp": lambda s, a, b: a * s.exp(b),
    "exp_minus": lambda s, a, b: s.exp(a) - b,
    "one_minus_scaled_exp": lambda s, a, b: 1 - a * s.exp(b),
    "exp_excess": lambda s, a: s.exp(a) - 1 - a,
    "log_deficit": lambda s, a: a - s.log(1 + a),
    "log1p_unit": lambda s, a: s.log(1 + a),
    "exp_muladd": lambda s, a, b, c: s.exp(a * b + c),
    "two_words": lambda s, a, b: a + b,
    "rest_of_sum": lambda s, a: s.Integer(0),
    "sigmoid_slope": lambda s, a: 1 / ((1 + s.exp(-a)) * (1 + s.exp(a))),
    "exp_rest": lambda s, a, b: s.exp(a) - b,
}
