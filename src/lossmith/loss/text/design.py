"""A design as text, as a person would write it in Python: losses with combinators behind them; read, never run.

Comes in: a text such as `2*bce + dice.flood(0.1)`, and what is said beside it. Goes out: a `Loss`, or an error that names
the column. Python's own grammar gives the tree of the text, each kind of vertex that may stand in it has one row in a
table here, and only the names in `BEHIND` stand behind a point. Parts that combine no loss are read as formulas.
"""

from __future__ import annotations

import ast
import inspect
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, NoReturn, TypeAlias

from lossmith import catalogue
from lossmith.errors import FormulaError, LossmithError, did_you_mean
from lossmith.formula.parse import VERTEX_LIMIT
from lossmith.formula.roles import declare
from lossmith.formula.scan import refuse
from lossmith.loss.designed import COMBINATORS
from lossmith.loss.handle import Loss
from lossmith.loss.text.formula import agreed, losses_by_name, read_formula
from lossmith.loss.text.scan import point_again, scan_design
from lossmith.maths import VOCABULARY

Said: TypeAlias = Mapping[str, Any]
Value: TypeAlias = Loss | float

BEHIND: Final = ("bind", *COMBINATORS)
"""What can stand behind a point."""

TEXTS: Final = frozenset({"effective_number"})
"""What combinators read as text may be written without its quotes."""

LIMITS: Final[tuple[tuple[tuple[type[ast.AST], ...], int, str], ...]] = (
    ((ast.AST,), VERTEX_LIMIT, "parts"),
    ((ast.Attribute,), 30, "combinators"),
    ((ast.BinOp, ast.UnaryOp, ast.Call, ast.Compare), 100, "signs and calls"),
)
"""What is counted in a tree, and how many may be there: the last also bounds how deep it is."""


# From a text to its tree ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Reading:
    """One text while it is read, and what is said of the formulas in it."""

    line: str
    said: Said

    def column(self, vertex: ast.AST, end: bool = False) -> int:
        """Where a vertex of the tree stands (or ends) in the line."""
        offset = getattr(vertex, "end_col_offset" if end else "col_offset", 0)
        return len(self.line.encode()[:offset].decode(errors="replace"))

    def refuse(self, code: str, vertex: ast.AST, sentence: str) -> NoReturn:
        """Refuse a vertex at its place."""
        refuse(code, self.line, self.column(vertex), sentence)


def read_design(text: str, said: Said) -> Loss:
    """The loss of a text with combinators in it; `said` is what `lossmith.parse` takes beside it.

    A target is needed only by formulas that stand in the text, and must be the one that the losses in it declare.
    Raises FormulaError (LM130 to LM159) for what is no design, and what a combinator raises, with its column.

    >>> read_design("2*bce.modulate(gamma=3) + dice", {}).parameters
    {'gamma': 3.0, 'smooth': 1.0}
    """
    line = scan_design(text)
    tree = _tree(line)
    given = {key: value for key, value in said.items() if value is not None}
    titles = {key: given.pop(key) for key in ("name", "source") if key in given}
    if given.pop("stages", None):
        raise FormulaError("LM153", "stages are said beside a formula; a design says its own by combinators.")
    named = _named_in(tree)
    taken = agreed(named) if named and "target" not in given else {}
    reading = _Reading(line, taken | given)
    found = _value(tree, reading)
    if not isinstance(found, Loss):
        reading.refuse("LM152", tree, "this is a number, not a loss.")
    check_said(found, given)
    return replace(found, definition=replace(found.definition, **titles))


def losses_in(text: str) -> tuple[str, ...]:
    """The names of losses in a design, in no order.

    >>> losses_in("2*bce.modulate(gamma=2) + (abs(y - p)).flood(b=0.1)")
    ('bce',)
    """
    return _named_in(_tree(scan_design(text)))


def _named_in(tree: ast.expr) -> tuple[str, ...]:
    names = (vertex.id for vertex in ast.walk(tree) if isinstance(vertex, ast.Name))
    return tuple(dict.fromkeys(name for name in names if name in losses_by_name()))


def check_said(loss: Loss, said: Said) -> None:
    """What was said beside a design must be what its losses declare."""
    own = loss.definition.declaration
    target = declare(said["target"]).target if "target" in said else own.target
    if target != own.target:
        takes, asked = (", ".join(kind for _, kind in pairs) for pairs in (own.target, target))
        raise FormulaError(
            "LM153", f"{loss.name} takes a target of the kind {takes}, but it is said to be {asked}. Leave it out."
        )
    for key, found in (("link", own.link or "identity"), ("heads", dict(own.heads)), ("on", own.on)):
        if said.get(key, found) != found:
            raise FormulaError(
                "LM153", f"{loss.name} has {key} {found}, but {said[key]} is said beside it. Leave it out."
            )


def _tree(line: str) -> ast.expr:
    try:
        tree = ast.parse(line, mode="eval").body
    except SyntaxError as error:
        refuse("LM132", line, max(0, min((error.offset or 1) - 1, len(line))), "the text cannot be read from here on.")
    except (ValueError, OverflowError, RecursionError, MemoryError):
        raise FormulaError("LM132", "the text cannot be read.") from None
    vertices = list(ast.walk(tree))
    for kinds, limit, what in LIMITS:
        count = sum(isinstance(vertex, kinds) for vertex in vertices)
        if count > limit:
            raise FormulaError("LM130", f"the text has {count:,} {what}; at most {limit:,} are read.")
    return tree


# From the tree to a loss ------------------------------------------------------------------------------------------


def _value(vertex: ast.expr, reading: _Reading) -> Value:
    """A loss or a number: through the table of designs, or, where no loss is combined, as a formula."""
    if not _has_chain(vertex) and not _is_number(vertex) and not _is_sum(vertex):
        return _formula(vertex, reading)
    return _KINDS.get(type(vertex), _refuse_inside)(vertex, reading)


def _has_chain(vertex: ast.expr) -> bool:
    return any(isinstance(v, ast.Attribute) for v in ast.walk(vertex))


def _is_number(vertex: ast.expr) -> bool:
    """Whether it is made of plain numbers only."""
    if isinstance(vertex, ast.BinOp):
        return type(vertex.op) in _SIGNS and _is_number(vertex.left) and _is_number(vertex.right)
    if isinstance(vertex, ast.UnaryOp):
        return type(vertex.op) in _PREFIXES and _is_number(vertex.operand)
    return isinstance(vertex, ast.Constant) and type(vertex.value) in (int, float)


def _is_sum(vertex: ast.expr) -> bool:
    """Whether it adds multiples of losses, which the losses themselves do better than a formula: parameters stay."""
    if isinstance(vertex, ast.UnaryOp):
        return type(vertex.op) in _PREFIXES and _is_sum(vertex.operand)
    if isinstance(vertex, ast.BinOp):
        left, right = vertex.left, vertex.right
        if isinstance(vertex.op, ast.Add | ast.Sub):
            return _is_sum(left) and _is_sum(right)
        if isinstance(vertex.op, ast.Mult) and _is_number(left):
            return _is_sum(right)
        return isinstance(vertex.op, ast.Mult | ast.Div) and _is_sum(left) and _is_number(right)
    named = vertex.func if isinstance(vertex, ast.Call) and not vertex.args else vertex
    return isinstance(named, ast.Name) and named.id in losses_by_name()


def _formula(vertex: ast.expr, reading: _Reading) -> Loss:
    """A part that is written out: read in its place, so that columns are those of the whole text."""
    if isinstance(vertex, ast.Name):
        _refuse_name(vertex, reading)
    start, end = reading.column(vertex), reading.column(vertex, end=True)
    try:
        return read_formula(" " * start + reading.line[start:end], reading.said)
    except LossmithError as error:
        point_again(error, reading.line, start)


def _refuse_name(vertex: ast.Name, reading: _Reading) -> NoReturn:
    """A single name that is no loss: a leaf of a formula, or a word that is not known."""
    name = vertex.id
    if name in ("y", "z", "p", "w"):
        reading.refuse(
            "LM154", vertex, f'"{name}" is no loss; put a formula in brackets: (abs(y - z)).truncate(tau=3).'
        )
    codes = " ".join(f"U+{ord(c):04X}" for c in name if not c.isascii())  # letters that only look like others
    shown = f'"{name}" ({codes})' if codes else f'"{name}"'
    hint = did_you_mean(name, losses_by_name()) or " `lossmith list` (lossmith.names()) has all."
    reading.refuse("LM154", vertex, f"there is no loss {shown}.{hint}")


def _number(vertex: ast.Constant, reading: _Reading) -> float:
    if type(vertex.value) not in (int, float):
        reading.refuse("LM133", vertex, "quoted text stands only in the brackets of a combinator.")
    assert isinstance(vertex.value, int | float)
    return vertex.value


def _named(vertex: ast.Name, reading: _Reading) -> Loss:
    if vertex.id not in losses_by_name():
        _refuse_name(vertex, reading)
    return Loss(losses_by_name()[vertex.id])


_PREFIXES: Final[dict[type[ast.unaryop], float]] = {ast.USub: -1.0, ast.UAdd: 1.0}
_SIGNS: Final[dict[type[ast.operator], Callable[[Any, Any], Any]]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}


def _prefixed(vertex: ast.UnaryOp, reading: _Reading) -> Value:
    value = _value(vertex.operand, reading)
    if type(vertex.op) not in _PREFIXES:
        reading.refuse("LM133", vertex, "~ is a sign of formulas and cannot stand before a loss.")
    return value if isinstance(vertex.op, ast.UAdd) else -1 * value


def _joined(vertex: ast.BinOp, reading: _Reading) -> Value:
    """Two losses added, a loss times or by a number, or two numbers."""
    left, right = _value(vertex.left, reading), _value(vertex.right, reading)
    kinds = isinstance(left, Loss), isinstance(right, Loss)
    sign = _SIGNS.get(type(vertex.op))
    if sign is None or _MEANT.get(kinds, {}).get(type(vertex.op)) is None:
        reading.refuse("LM155", vertex, "losses are added, and multiplied or divided by plain numbers; nothing else.")
    try:
        return _MEANT[kinds][type(vertex.op)](left, right)
    except ArithmeticError:
        reading.refuse("LM155", vertex, "this is no finite number.")
    except LossmithError as error:
        point_again(error, reading.line, reading.column(vertex))


_MEANT: Final[dict[tuple[bool, bool], dict[type[ast.operator], Callable[[Any, Any], Value]]]] = {
    (False, False): _SIGNS,
    (True, True): {ast.Add: operator.add, ast.Sub: lambda a, b: a + -1.0 * b},
    (True, False): {ast.Mult: operator.mul, ast.Div: lambda loss, number: (1.0 / number) * loss},
    (False, True): {ast.Mult: operator.mul},
}


def _called(vertex: ast.Call, reading: _Reading) -> Loss:
    """A loss with numbers by name, or a combinator."""
    if isinstance(vertex.func, ast.Attribute):
        return _combined(vertex, vertex.func, reading)
    if not isinstance(vertex.func, ast.Name):
        reading.refuse("LM133", vertex, "only losses and combinators have brackets behind them. Write * to multiply.")
    name = vertex.func.id
    if name not in losses_by_name() or vertex.args:
        _refuse_inside(vertex, reading)
    values = _by_name(vertex, reading)
    try:
        return Loss(catalogue.find(name, given=values)).bind(**values)
    except LossmithError as error:
        point_again(error, reading.line, reading.column(vertex))


def _by_name(vertex: ast.Call, reading: _Reading) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for keyword in vertex.keywords:
        if keyword.arg is None or keyword.arg in found:
            reading.refuse("LM133", keyword.value, "each number is given once, by its name.")
        found[keyword.arg] = _literal(keyword.value, reading)
    return found


def _combined(vertex: ast.Call, behind: ast.Attribute, reading: _Reading) -> Loss:
    """What stands before the point, changed by the combinator behind it."""
    name, where = behind.attr, reading.column(behind, end=True) - len(behind.attr)
    _check_combinator(behind, where, reading)
    loss = _value(behind.value, reading)
    if not isinstance(loss, Loss):
        reading.refuse("LM155", vertex, f"{name} changes a loss, and a number stands before it.")
    positional = [_literal(argument, reading) for argument in vertex.args]
    named = _by_name(vertex, reading)
    _check_arguments(name, positional, named, reading.line, where)
    try:
        made = getattr(loss, name)(*positional, **named)
    except LossmithError as error:
        point_again(error, reading.line, where, of_part=False)
    except (TypeError, ValueError, ArithmeticError, LookupError, AttributeError):
        refuse("LM157", reading.line, where, f"{name} cannot take this. It is written {_written(name)}.")
    assert isinstance(made, Loss)
    return made


def _check_combinator(behind: ast.Attribute, where: int, reading: _Reading) -> None:
    """Only names in the table stand behind a point."""
    name = behind.attr
    if name in BEHIND:
        return
    if name in VOCABULARY or name in _ELSEWHERE:
        word = _ELSEWHERE.get(name, f"{name}(...)")
        refuse("LM156", reading.line, where, f"write {word} alone, without what stands before the point.")
    what = "computes numbers and designs nothing" if hasattr(Loss, name) else "is not known behind a loss"
    hint = did_you_mean(name, BEHIND) or f" What can stand there: {', '.join(BEHIND)}."
    refuse("LM156", reading.line, where, f'"{name}" {what}.{hint}')


_ELSEWHERE: Final = {
    "get": "the name of the loss, as in focal(gamma=1.5),",
    "parse": "the formula in brackets",
    "effective_number": "effective_number(0.99)",
}


def _uncalled(vertex: ast.Attribute, reading: _Reading) -> NoReturn:
    where = reading.column(vertex, end=True) - len(vertex.attr)
    _check_combinator(vertex, where, reading)
    refuse("LM156", reading.line, where, f"{vertex.attr} needs brackets: {_written(vertex.attr)}.")


def _refuse_inside(vertex: ast.expr, reading: _Reading) -> NoReturn:
    """A combinator inside of something that is no sum of losses."""
    what = f"{vertex.func.id}(...)" if isinstance(vertex, ast.Call) and isinstance(vertex.func, ast.Name) else "this"
    reading.refuse(
        "LM155",
        vertex,
        f"no combinator stands inside of {what}; they come last, behind brackets: (...).truncate(tau=3).",
    )


def _check_arguments(name: str, positional: list[Any], named: Mapping[str, Any], line: str, where: int) -> None:
    """The arguments are those that the combinator has."""
    signature = inspect.signature(getattr(Loss, name))
    try:
        signature.bind(None, *positional, **named)
    except TypeError as error:
        known = list(signature.parameters)[1:]
        strange = [key for key in named if key not in known]
        reason = f'"{strange[0]}" is not known there.{did_you_mean(strange[0], known)}' if strange else f"{error}."
        refuse("LM157", line, where, f"{name} is written {_written(name)}: {reason}")


def _written(name: str) -> str:
    """How a combinator is written: its arguments, with the value that each has by itself."""
    shown = []
    for p in list(inspect.signature(getattr(Loss, name)).parameters.values())[1:]:
        by_name = "=..." if p.kind is inspect.Parameter.KEYWORD_ONLY else ""
        own = by_name if p.default in (None, inspect.Parameter.empty) else f"={p.default!r}"
        shown.append("name=number" if p.kind is inspect.Parameter.VAR_KEYWORD else f"{p.name}{own}")
    return f"{name}({', '.join(shown)})"


def _literal(vertex: ast.expr, reading: _Reading) -> Any:
    """A number, a quoted text, or a list or mapping of them."""
    if _is_number(vertex):
        return _value(vertex, reading)
    if isinstance(vertex, ast.Constant) and isinstance(vertex.value, str):
        return vertex.value
    if isinstance(vertex, ast.List | ast.Tuple):
        parts = [_literal(part, reading) for part in vertex.elts]
        return parts if isinstance(vertex, ast.List) else tuple(parts)
    if isinstance(vertex, ast.Dict):
        keys = [_key(key, vertex, reading) for key in vertex.keys]
        return dict(zip(keys, (_literal(value, reading) for value in vertex.values), strict=True))
    if isinstance(vertex, ast.Call) and isinstance(vertex.func, ast.Name) and vertex.func.id in TEXTS:
        inside = [*vertex.args, *(keyword.value for keyword in vertex.keywords)]
        return f"{vertex.func.id}({', '.join(repr(_literal(part, reading)) for part in inside)})"
    return _refuse_literal(vertex, reading)


def _key(vertex: ast.expr | None, around: ast.expr, reading: _Reading) -> Any:
    key = _refuse_literal(around, reading) if vertex is None else _literal(vertex, reading)
    return key if isinstance(key, int | float | str) else _refuse_literal(around, reading)


def _refuse_literal(vertex: ast.expr, reading: _Reading) -> NoReturn:
    what = f'"{vertex.id}" is' if isinstance(vertex, ast.Name) else "this is"
    reading.refuse("LM158", vertex, f'{what} no number; a word stands in quotes, as in over("count"), a list in [ ].')


_KINDS: Final[dict[type[ast.expr], Callable[[Any, _Reading], Value]]] = {
    ast.Constant: _number,
    ast.Name: _named,
    ast.UnaryOp: _prefixed,
    ast.BinOp: _joined,
    ast.Call: _called,
    ast.Attribute: _uncalled,
}
