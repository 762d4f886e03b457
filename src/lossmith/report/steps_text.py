"""How a formula becomes safe numbers, as text: every pass before and after, each rule by name, and what remains.

Comes in: a `Loss`. Goes out: plain text for a terminal. Large formulas are cut into named parts, long lists are counted.
"""

from __future__ import annotations

import math
import textwrap
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from lossmith.checking.remaining import Looked, Remaining, remaining
from lossmith.compiler import Formulas, Stage, story
from lossmith.errors import UnsupportedError
from lossmith.formula.definition import linked
from lossmith.formula.node import OPERATIONS, Node, among, make_from, symbol, symbols, walk
from lossmith.formula.rewrite import Step
from lossmith.formula.text import to_text
from lossmith.loss.handle import Loss
from lossmith.stable.forms import FORMS
from lossmith.stable.hazards import CURES, hazard_of, is_leaf, reason_of
from lossmith.stable.patterns import by_patterns

WIDTH: Final = 116
SHORT: Final = 14
PARTS: Final = 8
ALIKE: Final = 2
SHOWN: Final = 12

TITLES: Final[Mapping[str, str]] = {
    "as written": "as written",
    "links resolved": "links resolved: the loss as a formula of the raw prediction",
    "lifted": "lifted: exact identities, before anything is differentiated",
    "differentiated": "{}, differentiated",
    "stabilised": "{}, made safe: what only derivatives suffer from",
    "plain operations": "plain operations: what a kernel computes",
}
WORDS: Final = ("log1p_unit", "exp_muladd", "exp_rest", "class_first_max")
"""Operations that stand in kernels only; they are explained with the safe ones."""


def steps_page(loss: Loss) -> str:
    """Each pass with its rules, then the hazards that remain: which operation, where, and how large the error is.

    >>> import lossmith as ls
    >>> text = steps_page(ls.parse("log(1 + exp(z)) - y*z", target="binary"))
    >>> [line.strip() for line in text.splitlines() if line.startswith("   - overflow in log1p")]
    ['- overflow in log1p exp: exp overflows, and 1 + exp drops small terms']
    """
    passes = story(loss.definition)
    blocks = [_stage_lines(number, stage, loss) for number, stage in enumerate(passes, 1)]
    lines = [f"{loss.name}, step by step", *(line for block in blocks for line in ["", *block])]
    return "\n".join([*lines, "", *_remaining_lines(loss), *_words(passes)])


# Formulas -------------------------------------------------------------------------------------------------------------


@dataclass
class _Writer:
    """Texts of formulas: safe nodes by name, and parts that come often or grow long under names of their own."""

    uses: Counter[Node]
    shown: dict[Node, Node]
    parts: list[str]

    def part(self, node: Node) -> None:
        """Give a node a name from now on, and note what it stands for."""
        name = symbol(f"u{len(self.parts) + 1}", "column", sorted(node.axes))
        self.parts.append(f"{name!r} = {to_text(self.shown[node])}")
        self.shown[node] = name

    def add(self, node: Node) -> None:
        """Write a node; its longest argument gets a name where the text would be too long."""
        while len(self.text(node)) > WIDTH and (longest := self.longest(node)) is not None:
            self.part(longest)
        self.shown[node] = self.written(node)
        if self.uses[node] > 1 and len(to_text(self.shown[node])) > SHORT:
            self.part(node)

    def longest(self, node: Node) -> Node | None:
        """The longest argument that is worth a name."""
        arg = max(node.args, key=lambda a: len(to_text(self.shown[a])), default=None)
        return arg if arg is not None and len(to_text(self.shown[arg])) > SHORT else None

    def written(self, node: Node) -> Node:
        """The node over what its arguments are shown as; a safe node is a word of its own."""
        args = tuple(self.shown[a] for a in node.args)
        if not is_named(node.op):
            return make_from(node.op, args, node.attr)
        return symbol(f"{node.op}({', '.join(to_text(a) for a in args)})", "column", sorted(node.axes))

    def text(self, node: Node) -> str:
        """The node as it would be shown now."""
        return to_text(self.written(node))


def is_named(op: str) -> bool:
    """Whether an operation is shown by its own name, which readers of formulas do not know.

    >>> is_named("softplus"), is_named("multiply")
    (True, False)
    """
    return (op in FORMS and op not in READABLE) or op in WORDS


READABLE: Final = frozenset(
    {"sinh", "cosh", "log", "log1p", "sqrt", "subtract", "exp", "expm1", "power", "class_logsumexp", "stop_gradient"}
)


def formula_lines(formulas: Formulas, indent: str = "   ") -> list[str]:
    """Formulas by name, one a line; what does not fit is cut into parts, of which the first are shown."""
    roots = [node for _, node in formulas]
    nodes = walk(*roots)
    writer = _Writer(Counter(a for n in nodes if _is_long(roots) for a in n.args), {}, [])
    for node in nodes:
        if is_leaf(node):
            writer.shown[node] = node
        else:
            writer.add(node)
    lines = [f"{indent}{name} = {to_text(writer.shown[node])}" for name, node in formulas]
    hidden = len(writer.parts) - PARTS
    kept = writer.parts if hidden <= 1 else writer.parts[:PARTS]
    return [
        *lines,
        *(f"{indent}  {part}" for part in kept),
        *([f"{indent}  ... ({hidden} more parts)"] if hidden > 1 else []),
    ]


def _is_long(roots: Sequence[Node]) -> bool:
    """Whether any of the formulas, written out with all repetitions, is longer than a line."""
    length: dict[Node, int] = {}
    for node in walk(*roots):
        length[node] = min(10**6, 3 + sum(length[a] for a in node.args))
    return any(length[root] > WIDTH for root in roots)


def shown_lines(node: Node, lead: str, most: int = 3) -> list[str]:
    """A formula behind a few words, and below it the first of the parts that it was cut into."""
    first, *parts = formula_lines((("", node),), "")
    hidden = len(parts) - most
    kept = [f"{' ' * len(lead)}  {part.strip()}" for part in (parts if hidden <= 1 else parts[:most])]
    more = [f"{' ' * len(lead)}  ... ({hidden} more parts)"] if hidden > 1 else []
    return [lead + first.removeprefix(" = "), *kept, *more]


def change_lines(before: Node, after: Node) -> list[str]:
    """A formula before and after a rule."""
    return [*shown_lines(before, "       "), *shown_lines(after, "    -> ")]


# Passes ---------------------------------------------------------------------------------------------------------------


def _stage_lines(number: int, stage: Stage, loss: Loss) -> list[str]:
    kind, _, what = stage.name.partition(": ")
    lines = [f"{number}  {TITLES[kind].format(what)}", *formula_lines(stage.after)]
    if kind == "links resolved":
        return [lines[0], *_links(loss), *lines[1:]]
    if kind == "stabilised" and not any(_is_real(step) for step in stage.steps):
        return [lines[0], "   nothing to do" + (_moves(len(stage.steps)) and f" but{_moves(len(stage.steps))}")]
    return lines + _step_lines(stage.steps) + (_form_lines(stage.before) if kind == "plain operations" else [])


def _links(loss: Loss) -> list[str]:
    used = symbols(loss.definition.written)
    pairs = [(p, link) for p, link in linked(loss.definition).items() if among(p, used) and p is not link]
    return [f"   {to_text(p)} = {to_text(link)}" for p, link in pairs]


def _step_lines(steps: Sequence[Step]) -> list[str]:
    """Rules in the order of their first use, each with examples; moves that change no number are counted."""
    groups: dict[tuple[str, str], list[Step]] = {}
    for step in steps:
        groups.setdefault((step.hazard, step.why), []).append(step)
    real = {key: found for key, found in groups.items() if _is_real(found[0])}
    lines = [line for (name, why), found in list(real.items())[:SHOWN] for line in _rule_lines(name, why, found)]
    if len(real) > SHOWN:
        lines.append(f"   ... ({len(real) - SHOWN} more rules)")
    moves = sum(not _is_real(step) for step in steps)
    return lines + ([f"   and{_moves(moves)}"] if moves else [])


def _is_real(step: Step) -> bool:
    """Whether a step removes a hazard: others tidy up."""
    return hazard_of(step.hazard).name != "form"


def _moves(count: int) -> str:
    return "" if not count else f" {count} tidying step{'' if count == 1 else 's'}, such as moving a minus sign"


def _rule_lines(name: str, why: str, steps: Sequence[Step]) -> list[str]:
    lines = [f"   - {title(name)}: {why}"]
    lines += [line for step in steps[:ALIKE] for line in change_lines(step.before, step.after)]
    return lines + ([f"       ... ({len(steps) - ALIKE} more like this)"] if len(steps) > ALIKE else [])


def title(name: str) -> str:
    """The name of a rule in words.

    >>> title("overflow_in_log1p_exp")
    'overflow in log1p exp'
    """
    return name.replace("_", " ")


def _form_lines(formulas: Formulas) -> list[str]:
    """Each safe node that stands in the formulas, with the operations that it becomes."""
    nodes = walk(*(by_patterns(node) for _, node in formulas))
    first = {node.op: node for node in reversed(nodes) if _form(node) is not None}
    lines = []
    for op, node in list(first.items())[::-1]:
        name, why = reason_of(op)
        letters = (symbol(letter, "column", sorted(a.axes)) for letter, a in zip("abc", node.args, strict=False))
        general = make_from(op, tuple(letters), node.attr)
        shown = node if _form(general) is None else general
        lines += [f"   - {title(name)}: {why}", *change_lines(shown, FORMS[op](*shown.args))]
    return lines


def _form(node: Node) -> Node | None:
    """What a node becomes by a form of its own; None where it stays as it is."""
    if node.op not in FORMS or node.op == "stop_gradient":
        return None
    form = FORMS[node.op](*node.args)
    return None if form is node else form


def _words(passes: Iterable[Stage]) -> list[str]:
    """What the safe operations that were shown mean."""
    met = {n.op for stage in passes for n in walk(*(node for _, node in (*stage.before, *stage.after)))}
    named = [op for op in OPERATIONS if op in met and is_named(op)]
    rows = [f"{op}({', '.join('abc'[: OPERATIONS[op].arity])}) is {OPERATIONS[op].meaning}" for op in named]
    return (
        ["", "words", *textwrap.wrap("; ".join(rows) + ".", WIDTH, initial_indent="   ", subsequent_indent="   ")]
        if rows
        else []
    )


# What remains ---------------------------------------------------------------------------------------------------------


def _remaining_lines(loss: Loss) -> list[str]:
    head = "hazards that remain, in float64 against the exact numbers"
    try:
        found = remaining(loss)
    except UnsupportedError as error:
        return [head, f"   not looked for: {error}"]
    causes = [cause for seen in found for cause in seen.found]
    return [head, *(line for seen in found for line in _looked_lines(seen)), *_cures(causes)]


def _cures(causes: Sequence[Remaining]) -> list[str]:
    """What the named cures are."""
    named = dict.fromkeys(cure for cause in causes for cure in cause.hazard.cures)
    return ["", "cures", *(f"   {cure}: {CURES[cure]}" for cure in named)] if named else []


def _looked_lines(seen: Looked) -> list[str]:
    if not seen.found:
        return [f"   {seen.output}: none found at {seen.points:,} points"]
    counts = (
        [f"{seen.wrong:,} of {seen.points:,} numbers are wrong"]
        if seen.wrong
        else [f"none breaks the contract at {seen.points:,} points"]
    )
    counts += (
        [f"{seen.allowed:,} lose digits beside larger terms of a sum, which the contract allows"]
        if seen.allowed
        else []
    )
    return [
        f"   {seen.output}: {'; '.join(counts)}",
        *(line for cause in seen.found for line in _cause_lines(seen, cause)),
    ]


def _cause_lines(seen: Looked, cause: Remaining) -> list[str]:
    kind = "allowed " if cause.allowed else ""
    return [
        f"   - {kind}{cause.hazard.name}: {cause.hazard.wrong}",
        *shown_lines(cause.node, "       in  "),
        f"       at  {_point(cause.point)}: this gave {' in place of '.join(apart(cause.gave, cause.inner))}",
        f"       so  the {seen.output} is {' in place of '.join(apart(cause.computed, repr(cause.truth)))}{_error(cause)}",
        f"       cures: {', '.join(cause.hazard.cures)}",
    ]


def apart(got: float, exact: str) -> tuple[str, str]:
    """Two numbers, with as many digits as show that they differ.

    >>> apart(0.30000000000000004, "0.3"), apart(float("inf"), "1.97007e+434")
    (('0.30000000000000004', '0.29999999999999999'), ('inf', '1.9701e+434'))
    """
    try:
        known = Decimal(exact)
    except InvalidOperation:
        return f"{got:.5g}", exact
    number = float(known)
    inside = math.isfinite(number) and (number != 0.0 or known == 0)
    shown = number if inside else known
    texts = ((f"{got:.{digits}g}", f"{shown:.{digits}g}") for digits in (5, 9, 13, 17))
    return next(((a, b) for a, b in texts if a != b), (repr(got), exact))


def _point(point: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} = {_short(value)}" for name, value in point.items())


def _short(value: Any) -> str:
    if isinstance(value, list):
        inside = ", ".join(_short(v) for v in value[:4])
        return f"[{inside}{', ...' if len(value) > 4 else ''}]"
    return f"{value:.9g}"


def _error(cause: Remaining) -> str:
    """How far off the worst number is."""
    if cause.units == float("inf") or cause.computed == 0.0 or cause.truth in (0.0, float("inf")):
        return ""
    return (
        f" ({abs(cause.computed / cause.truth - 1):.1e} of it)"
        if cause.units >= 100
        else f" ({cause.units:.3g} units in the last place)"
    )
