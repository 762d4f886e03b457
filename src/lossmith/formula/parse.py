"""From a formula text to a definition: read, never run.

Comes in: a text, a declaration, the vocabulary. Goes out: a `Definition`, or a `FormulaError` that names the column.
The text is looked at mark by mark (`scan`), then Python's own grammar gives its tree, and each kind of vertex that may
stand in a formula has one row in a table here; there is no row for anything else, and nothing is ever evaluated.
"""

from __future__ import annotations

import ast
import inspect
import math
import operator
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, NoReturn, TypeAlias

from lossmith.errors import FormulaError, LossmithError, did_you_mean
from lossmith.formula.definition import EXPONENT_LIMIT, Definition, Parameter, check_definition, check_names
from lossmith.formula.embed import embed, joined
from lossmith.formula.node import OPERATIONS, Node, constant, make, number_of, symbol, walk
from lossmith.formula.roles import RESERVED, Declaration, check_shape, declare, roles
from lossmith.formula.scan import OTHER_WORDS, refuse, scan
from lossmith.formula.trace import Domain, parameter_of
from lossmith.numerics.interval import Interval

Word: TypeAlias = Callable[..., Node]
Loss: TypeAlias = Definition | Callable[..., Node | Definition]
ParameterText: TypeAlias = float | tuple[float | None, str | Interval] | None

VERTEX_LIMIT: Final = 5_000
CONSTANTS: Final[dict[str, float]] = {"pi": math.pi}


@dataclass(frozen=True)
class _Reading:
    """What is known while one text is read."""

    line: str
    body: str
    declaration: Declaration
    names: Mapping[str, Node]
    vocabulary: Mapping[str, Word]
    losses: Mapping[str, Loss]
    wrap: bool = False
    numbers: dict[Node, float] = field(default_factory=dict)

    def refuse(self, code: str, where: ast.AST, sentence: str) -> NoReturn:
        """Refuse a vertex of the tree at its place in the text."""
        offset = getattr(where, "col_offset", 0)
        column = len(self.body.encode()[:offset].decode(errors="replace")) + len(self.line) - len(self.body)
        refuse(code, self.line, column, sentence)


def parse(
    text: str,
    *,
    target: str | Mapping[str, str],
    vocabulary: Mapping[str, Word],
    link: str | None = None,
    heads: Mapping[str, str] | None = None,
    columns: str | tuple[str, ...] | list[str] = (),
    per: str | tuple[str, ...] | None = None,
    class_axis: int | None = 1,
    domain: Domain | None = None,
    source: str | None = None,
    name: str | None = None,
    parameters: Mapping[str, ParameterText] | None = None,
    functions: Mapping[str, Loss] | None = None,
    on: str = "raw",
) -> Definition:
    """Read a formula text.

    What the declaration leaves open (`link`, `per`) is taken from the losses named in the text, where they agree.
    `vocabulary` holds the words (`lossmith.maths.VOCABULARY`); `parameters` maps each name to its default, None where
    it must be bound, or to (default, domain); `functions` maps the names of losses to their definitions, or to
    callables that take numbers by keyword and give a definition or a node.
    Raises FormulaError (LM110 to LM139), and nothing else, whatever the text holds.

    >>> from lossmith.formula.text import to_text
    >>> words = {"where": lambda c, a, b: make("where", c, a, b), "abs": lambda a: make("abs", a)}
    >>> to_text(parse("where(y>z, 5, 1)*abs(y-z)", target="real", vocabulary=words).formula)
    'where(z < y, 5, 1) * abs(y - z)'
    """
    title = name or "formula"
    line = scan(text)
    tree = _tree(line, line.lstrip())
    declaration = declare(target, link, heads, columns, per, class_axis, on)
    check_shape("parameters", parameters)
    check_names(title, declaration, len(parameters or {}))
    used = _named(tree)
    inner = [loss for key, loss in (functions or {}).items() if key in used and isinstance(loss, Definition)]
    declaration = joined(declaration, inner, uses_p="p" in used)
    leaves = {unicodedata.normalize("NFKC", key): leaf for key, leaf in roles(declaration).leaves.items()}
    declared = _parameters(title, parameters or {}, leaves, domain or {})
    names = leaves | {unicodedata.normalize("NFKC", p.name): symbol(p.name, "parameter") for p in declared}
    reading = _Reading(line, line.lstrip(), declaration, names, vocabulary, functions or {})
    formula = _formula(tree, reading)
    if functions and _is_mixed(formula):
        formula = _formula(tree, replace(reading, wrap=True))
    return check_definition(Definition(title, formula, declaration, declared, source or ""))


def parse_expression(text: str, names: Mapping[str, Node], vocabulary: Mapping[str, Word]) -> Node:
    """A bare expression of given names, read as a formula is."""
    line = scan(text)
    declaration = declare("real")
    reading = _Reading(line, line.lstrip(), declaration, names, vocabulary, {})
    return _formula(_tree(line, line.lstrip()), reading)


def _named(tree: ast.expr) -> set[str]:
    return {vertex.id for vertex in ast.walk(tree) if isinstance(vertex, ast.Name)}


def arguments(definition: Definition) -> dict[str, Any]:
    """What `parse` needs beside the text and the vocabulary to give an equal definition again."""
    said = definition.declaration
    return {
        "target": dict(said.target),
        "link": said.link,
        "heads": dict(said.heads) or None,
        "columns": said.columns,
        "per": said.per or None,
        "class_axis": said.class_axis,
        "on": said.on,
        "parameters": {p.name: (p.default, p.domain) for p in definition.parameters},
        "source": definition.source,
        "name": definition.name,
    }


def _parameters(
    title: str, given: Mapping[str, ParameterText], leaves: Mapping[str, Node], domain: Domain
) -> tuple[Parameter, ...]:
    found: list[Parameter] = []
    for name, value in given.items():
        if not isinstance(name, str) or not name.isidentifier() or name in RESERVED or name in leaves:
            raise FormulaError("LM114", f'"{name}" cannot name a parameter: use another plain identifier.')
        default, interval = value if isinstance(value, tuple) else (value, domain.get(name, "real"))
        found.append(parameter_of(title, name, default, interval))
    return tuple(found)


def _tree(line: str, body: str) -> ast.expr:
    try:
        tree = ast.parse(body, mode="eval").body
    except (RecursionError, MemoryError):
        raise FormulaError("LM130", "the formula has too many terms in one chain; write it in parts.") from None
    except SyntaxError as error:
        if body[-1] in "+-*/<>=&|~":
            refuse("LM132", line, len(line), "the formula stops in the middle; something is missing here.")
        column = max(0, min((error.offset or 1) - 1, len(body))) + len(line) - len(body)
        refuse("LM132", line, column, "the formula cannot be read from here on.")
    except (ValueError, OverflowError):
        raise FormulaError("LM132", "the formula cannot be read.") from None
    count = sum(1 for _ in ast.walk(tree))
    if count > VERTEX_LIMIT:
        raise FormulaError("LM130", f"the formula has {count:,} parts; at most {VERTEX_LIMIT:,} are read.")
    return tree


def _is_mixed(formula: Node) -> bool:
    return "example" in formula.axes and any(OPERATIONS[n.op].reduces == "example" for n in walk(formula))


# What may stand in a formula: for each kind of vertex, which vertices it is made from, and how.
_Parts: TypeAlias = Callable[[Any, _Reading], list[ast.expr]]
_Build: TypeAlias = Callable[[Any, list[Node], _Reading], Node]


def _formula(tree: ast.expr, reading: _Reading) -> Node:
    done: dict[ast.expr, Node] = {}
    stack: list[tuple[ast.expr, bool]] = [(tree, False)]
    while stack:
        vertex, ready = stack.pop()
        row = _KINDS.get(type(vertex))
        if row is None:
            reading.refuse("LM133", vertex, _NOT_ALLOWED.get(type(vertex), "this is not part of formulas."))
        parts = row[0](vertex, reading)
        if ready:
            done[vertex] = _checked(vertex, row[1](vertex, [done[part] for part in parts], reading), reading)
        else:
            stack.append((vertex, True))
            stack.extend((part, False) for part in reversed(parts))
    return done[tree]


def _number(vertex: ast.Constant, parts: list[Node], reading: _Reading) -> Node:
    return constant(_literal(vertex, reading))


def _literal(vertex: ast.expr, reading: _Reading) -> float:
    """A number as it stands; the scan has seen that it is finite."""
    if isinstance(vertex, ast.UnaryOp) and isinstance(vertex.op, ast.USub):
        return -_literal(vertex.operand, reading)
    if not isinstance(vertex, ast.Constant) or not isinstance(vertex.value, int | float):
        reading.refuse("LM133", vertex, "a number is expected here.")
    return float(vertex.value)


def _name(vertex: ast.Name, parts: list[Node], reading: _Reading) -> Node:
    name = vertex.id
    if name in reading.names:
        return reading.names[name]
    if name in CONSTANTS:
        return constant(CONSTANTS[name])
    if name not in reading.losses:
        _refuse_name(vertex, name, reading, [*reading.names, *CONSTANTS, *reading.losses])
    return _loss(vertex, name, {}, reading)


def _refuse_name(vertex: ast.expr, name: str, reading: _Reading, known: Sequence[str]) -> NoReturn:
    if isinstance(vertex, ast.Name) and name in reading.vocabulary:
        reading.refuse("LM135", vertex, f'"{name}" is a function; write {name}(...).')
    codes = " ".join(f"U+{ord(c):04X}" for c in name if not c.isascii())  # letters that only look like others
    shown = f'"{name}" ({codes})' if codes else f'"{name}"'
    other = OTHER_WORDS.get(name)
    hint = f" Write {other}." if other else did_you_mean(name, known)
    if isinstance(vertex, ast.Name) and not hint:
        hint = f' Known here: {", ".join(reading.names)}. For a parameter, declare it: parameters={{"{name}": 1.0}}'
        hint += f' (on the command line: --set {name}=1); for a column of the rows: columns=("{name}",).'
    reading.refuse("LM137", vertex, f"{shown} is not known.{hint or ' The words of formulas stand in lossmith.maths.'}")


_UNARY: Final[dict[type[ast.unaryop], Callable[[Node], Node]]] = {
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
}
_BINARY: Final[dict[type[ast.operator], Callable[[Node, Node], Node]]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
}
_LOGICAL: Final[dict[type[ast.AST], str]] = {
    ast.BitAnd: "logical_and",
    ast.BitOr: "logical_or",
    ast.Invert: "logical_not",
}
_COMPARE: Final[dict[type[ast.cmpop], Callable[[Any, Any], Any]]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}


def _is_signed_number(vertex: ast.UnaryOp, reading: _Reading) -> bool:
    """A minus directly before a number belongs to the number; before a bracket it negates."""
    if not (isinstance(vertex.op, ast.USub) and isinstance(vertex.operand, ast.Constant)):
        return False
    between = reading.body.encode()[vertex.col_offset + 1 : vertex.operand.col_offset]
    return not between.strip()


def _unary_parts(vertex: ast.UnaryOp, reading: _Reading) -> list[ast.expr]:
    return [] if _is_signed_number(vertex, reading) else [vertex.operand]


def _unary(vertex: ast.UnaryOp, parts: list[Node], reading: _Reading) -> Node:
    if not parts:
        return constant(_literal(vertex, reading))
    if type(vertex.op) in _LOGICAL:
        return _logical(vertex, type(vertex.op), parts, reading)
    return _UNARY[type(vertex.op)](parts[0])


def _binary(vertex: ast.BinOp, parts: list[Node], reading: _Reading) -> Node:
    if type(vertex.op) in _LOGICAL:
        return _logical(vertex, type(vertex.op), parts, reading)
    if type(vertex.op) not in _BINARY:
        reading.refuse("LM133", vertex, "this operator is not part of formulas.")
    return _BINARY[type(vertex.op)](*parts)


def _logical(vertex: ast.expr, sign: type[ast.AST], parts: list[Node], reading: _Reading) -> Node:
    if not all(OPERATIONS[part.op].boolean for part in parts):
        reading.refuse("LM135", vertex, "& | ~ stand between comparisons, each in brackets: (y > 0) & (z < 1).")
    return make(_LOGICAL[sign], *parts)


def _compare_parts(vertex: ast.Compare, reading: _Reading) -> list[ast.expr]:
    if len(vertex.ops) > 1:
        reading.refuse("LM133", vertex, "comparisons are not chained in formulas; write (a < b) & (b < c).")
    if type(vertex.ops[0]) not in _COMPARE:
        reading.refuse("LM133", vertex, "this comparison is not part of formulas.")
    return [vertex.left, vertex.comparators[0]]


def _compare(vertex: ast.Compare, parts: list[Node], reading: _Reading) -> Node:
    result: Node = _COMPARE[type(vertex.ops[0])](*parts)
    return result


def _call_parts(vertex: ast.Call, reading: _Reading) -> list[ast.expr]:
    if not isinstance(vertex.func, ast.Name):
        hint = " Write * to multiply." if isinstance(vertex.func, ast.Constant | ast.Call | ast.BinOp) else ""
        reading.refuse("LM133", vertex, f"only the words of formulas can be called.{hint}")
    name = vertex.func.id
    if name in reading.losses and not vertex.args:
        return []
    if name not in reading.vocabulary:
        if name in reading.names or name in CONSTANTS:
            reading.refuse("LM135", vertex, f'"{name}" is not a function; write {name} * (...) to multiply.')
        if name in reading.losses:
            reading.refuse("LM135", vertex, f"{name} takes numbers by name, as in {name}(gamma=2).")
        _refuse_name(vertex, name, reading, [*reading.vocabulary, *reading.losses])
    _check_call(vertex, name, reading)
    return vertex.args


def _check_call(vertex: ast.Call, name: str, reading: _Reading) -> None:
    if vertex.keywords:
        reading.refuse("LM133", vertex.keywords[0].value, f"{name} takes its arguments by position, without names.")
    expected = inspect.signature(reading.vocabulary[name]).parameters
    needed = [key for key, parameter in expected.items() if parameter.default is inspect.Parameter.empty]
    if not len(needed) <= len(vertex.args) <= len(expected):
        wanted = f"{name}({', '.join(expected)})"
        reading.refuse("LM135", vertex, f"{name} is written {wanted}; found {len(vertex.args)} arguments.")


def _call(vertex: ast.Call, parts: list[Node], reading: _Reading) -> Node:
    assert isinstance(vertex.func, ast.Name)
    name = vertex.func.id
    if name in reading.losses and not vertex.args:
        values: dict[str, float] = {}
        for keyword in vertex.keywords:
            if keyword.arg is None or keyword.arg in values:
                reading.refuse("LM133", keyword.value, f"{name} takes each number once, by its name.")
            values[keyword.arg] = _literal(keyword.value, reading)
        return _loss(vertex, name, values, reading)
    try:
        return reading.vocabulary[name](*parts)
    except FormulaError as error:
        reading.refuse(error.code, vertex, error.sentence)


def _loss(vertex: ast.expr, name: str, values: Mapping[str, float], reading: _Reading) -> Node:
    """The formula of a named loss, in the leaves of this one; a finished number where the others are finished."""
    found = reading.losses[name]
    try:
        given = found if isinstance(found, Definition) else found(**values)
        node = given if isinstance(given, Node) else embed(given, values, reading.declaration)
    except LossmithError as error:
        reading.refuse("LM138", vertex, error.sentence)
    return make("example_mean", node) if reading.wrap and "example" in node.axes else node


_ARITHMETIC: Final[dict[str, Callable[..., float]]] = {
    "add": operator.add,
    "subtract": operator.sub,
    "multiply": operator.mul,
    "divide": operator.truediv,
    "power": math.pow,
    "negative": operator.neg,
}


def _checked(vertex: ast.expr, node: Node, reading: _Reading) -> Node:
    """Refuse constant arithmetic that no float holds, and exponents without measure; nothing is folded."""
    values = [reading.numbers.get(arg, number_of(arg)) for arg in node.args]
    if node.op == "power" and values[1] is not None and abs(values[1]) > EXPONENT_LIMIT:
        reading.refuse("LM136", vertex, f"a power of {values[1]:g}; powers go up to {EXPONENT_LIMIT:,}.")
    if node.op not in _ARITHMETIC or None in values:
        return node
    try:
        value = _ARITHMETIC[node.op](*values)
    except (ArithmeticError, ValueError):
        value = math.nan
    if not math.isfinite(value):
        reading.refuse("LM136", vertex, "this constant is not a finite number.")
    reading.numbers[node] = value
    return node


def _no_parts(vertex: ast.expr, reading: _Reading) -> list[ast.expr]:
    return []


_KINDS: Final[dict[type[ast.AST], tuple[_Parts, _Build]]] = {
    ast.Constant: (_no_parts, _number),
    ast.Name: (_no_parts, _name),
    ast.UnaryOp: (_unary_parts, _unary),
    ast.BinOp: (lambda vertex, reading: [vertex.left, vertex.right], _binary),
    ast.Compare: (_compare_parts, _compare),
    ast.Call: (_call_parts, _call),
}

_NOT_ALLOWED: Final[dict[type[ast.AST], str]] = {
    ast.Tuple: "several formulas are given, separated by a comma; give one.",
    ast.Starred: "* before a name is not part of formulas.",
    ast.Attribute: "attributes are not part of formulas.",
    ast.Subscript: "subscripts are not part of formulas.",
    ast.Lambda: "functions cannot be made inside a formula.",
}
