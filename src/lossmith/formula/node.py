"""The expression graph in which every formula is written.

Comes in: operation names and smaller nodes. Goes out: frozen, hash-consed nodes: two equal expressions are one object.
Nodes carry exact meaning only; how an operation is computed safely in floats is said elsewhere (`stable`).
Nothing is simplified at construction: `0*z` stays `0*z`, because it must be NaN where `z` is.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from threading import Lock
from typing import Any, Final, TypeAlias, cast
from weakref import WeakValueDictionary

from lossmith.errors import FormulaError
from lossmith.formula.operations import OPERATIONS as OPERATIONS
from lossmith.formula.operations import Axis as Axis
from lossmith.formula.operations import Operation
from lossmith.formula.operations import Role as Role


@dataclass(frozen=True)
class Symbol:
    """What a leaf stands for: its name, role, the axes it varies over, and its column in raw (for several heads)."""

    name: str
    role: Role
    axes: frozenset[Axis]
    position: int = 0


Attribute: TypeAlias = float | str | Symbol | tuple[Axis, ...] | None


class Node:
    """One vertex of the graph. Create it by operators, by `lossmith.maths`, or by `make`; never by calling `Node`."""

    __slots__ = ("__weakref__", "args", "attr", "axes", "op")
    __array_priority__ = 1000

    op: str
    args: tuple[Node, ...]
    attr: Attribute
    axes: frozenset[Axis]

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError("a formula is frozen; build a new one")

    def __reduce__(self) -> tuple[Callable[..., Node], tuple[object]]:
        from lossmith.formula.flat import flattened, raised

        return raised, (flattened(self),)

    # Comparisons build nodes, so equality of nodes is identity (`is`) and the hash is the identity's.
    __hash__ = object.__hash__

    def __eq__(self, other: object) -> Node:  # type: ignore[override]
        return make("equal", self, as_node(other))

    def __ne__(self, other: object) -> Node:  # type: ignore[override]
        return make("logical_not", make("equal", self, as_node(other)))

    def __lt__(self, other: object) -> Node:
        return make("less", self, as_node(other))

    def __le__(self, other: object) -> Node:
        return make("less_equal", self, as_node(other))

    def __gt__(self, other: object) -> Node:
        return make("less", as_node(other), self)

    def __ge__(self, other: object) -> Node:
        return make("less_equal", as_node(other), self)

    def __and__(self, other: object) -> Node:
        return make("logical_and", self, as_node(other))

    def __or__(self, other: object) -> Node:
        return make("logical_or", self, as_node(other))

    def __invert__(self) -> Node:
        return make("logical_not", self)

    def __add__(self, other: object) -> Node:
        return make("add", self, as_node(other))

    def __radd__(self, other: object) -> Node:
        return make("add", as_node(other), self)

    def __sub__(self, other: object) -> Node:
        return make("subtract", self, as_node(other))

    def __rsub__(self, other: object) -> Node:
        return make("subtract", as_node(other), self)

    def __mul__(self, other: object) -> Node:
        return make("multiply", self, as_node(other))

    def __rmul__(self, other: object) -> Node:
        return make("multiply", as_node(other), self)

    def __truediv__(self, other: object) -> Node:
        return make("divide", self, as_node(other))

    def __rtruediv__(self, other: object) -> Node:
        return make("divide", as_node(other), self)

    def __pow__(self, other: object) -> Node:
        return make("power", self, as_node(other))

    def __rpow__(self, other: object) -> Node:
        return make("power", as_node(other), self)

    def __neg__(self) -> Node:
        return make("negative", self)

    def __pos__(self) -> Node:
        return self

    def __abs__(self) -> Node:
        return make("abs", self)

    def __bool__(self) -> bool:
        raise FormulaError(
            "LM101",
            "a formula has no truth value while it is being written: `if`, `and`, `or`, `not` and chained comparisons "
            "cannot look at it. Use ls.where(condition, a, b), or &, |, ~ between comparisons.",
        )

    def __float__(self) -> float:
        raise FormulaError(
            "LM102",
            "a formula has no number while it is being written. Use the functions of lossmith "
            "(ls.log, ls.exp, ls.where ...) or NumPy's in place of those of `math`.",
        )

    def __iter__(self) -> Iterator[Node]:
        raise FormulaError(
            "LM103", "a formula cannot be taken apart by iteration. Use ls.over_classes(...) for classes."
        )

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: object, **kwargs: object) -> Node:
        from lossmith.formula.numpy_functions import from_ufunc

        return from_ufunc(ufunc, method, inputs, kwargs)

    def __array_function__(self, function: Any, types: object, args: tuple[object, ...], kwargs: Any) -> Node:
        from lossmith.formula.numpy_functions import from_array_function

        return from_array_function(function, args, kwargs)

    def __repr__(self) -> str:
        return _shown(self, 6)


def _shown(node: Node, depth: int) -> str:
    """Operations by name, as deep as said: a graph that shares its parts may be endless as text."""
    if isinstance(node.attr, Symbol):
        return node.attr.name
    if node.op == "constant":
        return repr(node.attr)
    return f"{node.op}({', '.join(_shown(a, depth - 1) for a in node.args) if depth else '...'})"


_NODES: WeakValueDictionary[tuple[object, ...], Node] = WeakValueDictionary()
_LOCK: Final = Lock()


def make(op: str, *args: Node, attr: Attribute = None) -> Node:
    """The one way to create a node: checks the arity, derives the axes, and returns the existing equal node if any."""
    return make_from(op, args, attr)


def make_from(op: str, args: tuple[Node, ...], attr: Attribute = None) -> Node:
    """`make` with the arguments as a tuple."""
    row = OPERATIONS.get(op)
    if row is None or len(args) != row.arity:
        raise FormulaError("LM105", f"{op} with {len(args)} arguments is not in the vocabulary of formulas.")
    exact = ("number", attr.hex()) if isinstance(attr, float) else attr
    key = (op, exact, tuple(id(a) for a in args))
    found = _NODES.get(key)
    if found is not None:
        return found
    node: Node = object.__new__(Node)
    for name, value in (("op", op), ("args", args), ("attr", attr), ("axes", _axes(row, args, attr))):
        object.__setattr__(node, name, value)
    with _LOCK:  # two threads may have built the same node; the first one counts
        return _NODES.setdefault(key, node)


def _axes(row: Operation, args: tuple[Node, ...], attr: Attribute) -> frozenset[Axis]:
    if isinstance(attr, Symbol):
        return attr.axes
    axes: frozenset[Axis] = frozenset().union(*(a.axes for a in args)) if args else frozenset()
    if row.name == "axis_mean":
        return axes - {cast(Axis, attr)}
    if row.reduces is None:
        return axes
    kept = axes - {row.reduces}
    return kept | frozenset(attr) if isinstance(attr, tuple) else kept


def constant(value: float) -> Node:
    """A number, kept exactly."""
    return make("constant", attr=float(value))


def symbol(name: str, role: Role, axes: Iterable[Axis] = (), position: int = 0) -> Node:
    """A leaf with a role."""
    return make("symbol", attr=Symbol(name, role, frozenset(axes), position))


def as_node(value: object) -> Node:
    """A node stays itself; a number becomes a constant; anything else is refused."""
    if isinstance(value, Node):
        return value
    if isinstance(value, bool):
        return constant(float(value))
    try:
        if isinstance(value, str | bytes):
            raise TypeError
        number = float(cast(float, value))
    except (TypeError, ValueError, OverflowError):
        raise FormulaError(
            "LM106", f"a formula is made of numbers and named values, found {type(value).__name__}: {value!r}."
        ) from None
    return constant(number)


def symbol_of(node: Node) -> Symbol | None:
    """The symbol of a leaf, or None."""
    return node.attr if isinstance(node.attr, Symbol) else None


def number_of(node: Node) -> float | None:
    """The value of a constant, or None."""
    return node.attr if isinstance(node.attr, float) else None


def is_number(node: Node, value: float) -> bool:
    """Whether the node is this constant."""
    return number_of(node) == value


def among(node: Node, nodes: Iterable[Node]) -> bool:
    """Whether the node is one of these (`in` would compare, and comparing nodes builds a node)."""
    return any(node is other for other in nodes)


def walk(*roots: Node) -> list[Node]:
    """Every node under the roots, each once, arguments before what uses them."""
    order: list[Node] = []
    seen: set[Node] = set()
    stack: list[tuple[Node, bool]] = [(root, False) for root in reversed(roots)]
    while stack:
        node, ready = stack.pop()
        if node in seen:
            continue
        if ready:
            seen.add(node)
            order.append(node)
            continue
        stack.append((node, True))
        stack.extend((a, False) for a in reversed(node.args) if a not in seen)
    return order


def symbols(*roots: Node, role: Role | None = None) -> list[Node]:
    """The leaves with a role under the roots, in order of first use."""
    leaves = [n for n in walk(*roots) if isinstance(n.attr, Symbol)]
    return [n for n in leaves if role is None or cast(Symbol, n.attr).role == role]


def rebuild(root: Node, change: Callable[[Node, tuple[Node, ...]], Node]) -> Node:
    """Rebuild the graph bottom-up: `change(old node, new arguments)` returns the new node."""
    done: dict[Node, Node] = {}
    for node in walk(root):
        done[node] = change(node, tuple(done[a] for a in node.args))
    return done[root]


def substitute(root: Node, replacements: dict[Node, Node]) -> Node:
    """Replace whole nodes (usually symbols) by other nodes."""

    def change(node: Node, args: tuple[Node, ...]) -> Node:
        return replacements[node] if node in replacements else make_from(node.op, args, node.attr)

    return rebuild(root, change)


def fingerprint(*roots: Node) -> str:
    """A hash of the meaning: equal for formulas that differ only in the order of commuting arguments."""
    codes: dict[Node, str] = {}
    for node in walk(*roots):
        parts = [codes[a] for a in node.args]
        if OPERATIONS[node.op].commutative:
            parts.sort()
        text = "|".join([node.op, _attribute_text(node.attr), *parts])
        codes[node] = hashlib.sha256(text.encode()).hexdigest()
    return hashlib.sha256("|".join(codes[r] for r in roots).encode()).hexdigest()


def _attribute_text(attr: Attribute) -> str:
    if isinstance(attr, float):
        return attr.hex()
    if isinstance(attr, Symbol):
        return f"{attr.name}:{attr.role}:{','.join(sorted(attr.axes))}:{attr.position}"
    return repr(attr)
