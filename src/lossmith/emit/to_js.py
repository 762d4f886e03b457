"""Losses → JavaScript: an expression for the object of a loss, and the functions that all of them call.

Comes in: a definition, parameter values, its programs (weighted), and its predictions as plain formulas.
Goes out: text that runs in any browser without Lossmith. No name that a user typed is pasted as code: identifiers have a
prefix of their own and hold plain letters only, and names stand as JSON strings in which `<` is escaped.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from importlib.resources import files
from typing import Any, Final

from lossmith.algebra.reweight import class_table
from lossmith.emit.js_finish import FunctionText, number_text
from lossmith.emit.js_passes import program_lines
from lossmith.errors import UnsupportedError
from lossmith.formula.definition import Definition
from lossmith.formula.link import link_named
from lossmith.formula.node import Node, symbol, symbols
from lossmith.formula.roles import EXAMPLE_SHARE, WEIGHT
from lossmith.kernel.measure import chooses_per_group, log_priors
from lossmith.kernel.program import Pass, Program
from lossmith.kernel.rows import domain_of
from lossmith.numerics.interval import DOMAINS, Interval

PLAIN: Final = re.compile(r"[A-Za-z0-9_]+")
CALLED: Final = re.compile(r"(?<![.\w])([a-z]\w*)(?=\()|\b(mean|total|largest)\b")
FUNCTIONS: Final = frozenset(
    {
        *(
            "power",
            "expMuladd",
            "expRest",
            "erf",
            "normalCdf",
            "logNormalCdf",
            "normalHazard",
            "normalGap",
            "lgamma",
            "digamma",
            "trigamma",
            "firstMax",
            "sums",
            "add",
            "settle",
        ),
        *("maxima", "raise", "lists", "gather", "logTotals", "counted", "across", "mean", "total", "largest", "chosen"),
    }
)
"""What generated functions may call."""

METHODS: Final = {
    "value": "value",
    "gradient": "gradient",
    "per_example": "perExample",
    "per_example_gradient": "perExampleGradient",
    "per_example_hessian": "perExampleHessian",
}
EMPTY: Final = {"zero": 0.0, "nan": float("nan"), "error": "error"}


@lru_cache(maxsize=1)
def prelude() -> str:
    """The functions that all losses call, once for a page: a plain script that makes the name `lossmith`."""
    return files("lossmith.emit").joinpath("prelude.js").read_text(encoding="utf-8")


def module_text(object_text: str) -> str:
    """One loss as an ES module that needs nothing else."""
    return f"{prelude()}\nexport const loss = {object_text};\n"


def object_text(
    definition: Definition,
    name: str,
    parameters: Mapping[str, float],
    programs: Sequence[Program],
    predicted: Sequence[Node],
) -> str:
    """An expression for the object of a loss, to stand behind the prelude.

    `programs` are weighted, and hold the outputs that are wanted; `predicted` are plain formulas of raw predictions.
    """
    _check(definition)
    named = {leaf: f"p_{_word(leaf, j)}" for j, leaf in enumerate(_parameter_leaves(definition))}
    functions: list[str] = []
    methods: dict[str, str] = {}
    for j, program in enumerate(programs):
        body, names = _function(definition, named, program)
        functions.append(f"const run{j} = {body};")
        methods |= dict.fromkeys(names, f"run{j}")
    part = Pass((), (), tuple((f"predict:{j}", node) for j, node in enumerate(predicted)), ())
    functions.append(f"const predict = {_function(definition, named, Program((part,), (), ()), 'predict')[0]};")
    joined = "\n".join(functions)
    used = sorted({found for pair in CALLED.findall(joined) for found in pair} & FUNCTIONS)
    spec = [*_described(definition, name, parameters).items(), ("methods", _Code(_braced(methods)))]
    facts = ",\n".join(f"  {key}: {literal(value)}" for key, value in spec)
    lines = [
        f"const {{ {', '.join(used)} }} = lossmith;",
        *joined.split("\n"),
        "return lossmith.loss({",
        facts + ",",
        "  predict,",
        "});",
    ]
    return "(() => {\n" + "".join(f"  {line}\n" for line in "\n".join(lines).split("\n")) + "})()"


class _Code(str):
    """Text of ours that stands as it is."""


def literal(value: Any) -> str:
    """Data as JavaScript: texts as JSON without `<`, numbers exactly.

    >>> literal({"a<b": [1.5, float("inf"), None, True]})
    '{"a\\\\u003cb": [1.5, Infinity, null, true]}'
    """
    if isinstance(value, _Code):
        return value
    if isinstance(value, str):
        return json.dumps(value).replace("<", "\\u003c")
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{_key(str(k))}: {literal(v)}' for k, v in value.items())}}}"
    if isinstance(value, int | float):
        return number_text(value)
    return "null" if value is None else f"[{', '.join(map(literal, value))}]"


def _key(name: str) -> str:
    """A name of a property; plain `"__proto__": 1` would name no property."""
    return f"[{literal(name)}]" if name == "__proto__" else literal(name)


def _braced(methods: Mapping[str, str]) -> str:
    return f"{{ {', '.join(f'{name}: {run}' for name, run in methods.items())} }}"


def _word(leaf: Node, position: int) -> str:
    """A plain word for a name: itself if it is one, else its number."""
    name = repr(leaf)
    return name if PLAIN.fullmatch(name) else str(position)


def _parameter_leaves(definition: Definition) -> tuple[Node, ...]:
    return tuple(symbol(p.name, "parameter") for p in definition.parameters)


def _check(definition: Definition) -> None:
    if definition.declaration.heads and definition.declaration.has_classes:
        raise UnsupportedError(
            "LM480",
            f"{definition.title}: in JavaScript a row has several heads or several classes, and this loss has both.",
        )


def _leaf_arrays(definition: Definition) -> dict[Node, tuple[str, str]]:
    """For each leaf, the name of its array and where the rows of the prelude hold it."""
    leaves, declaration = definition.roles.leaves, definition.declaration
    found = {WEIGHT: ("w", "rows.w"), EXAMPLE_SHARE: ("share", "rows.share")}
    found[definition.roles.log_prior] = ("prior", "rows.prior")
    for j, raw in enumerate(definition.roles.raw):
        found[raw] = (f"z{j}", f"rows.z[{j}]")
    for j, (name, _) in enumerate(declaration.target):
        found[leaves[name]] = (f"y_{_word(leaves[name], j)}", f"rows.y[{literal(name)}]")
    for j, name in enumerate(declaration.columns):
        found[leaves[name]] = (f"c_{_word(leaves[name], j)}", f"rows.columns[{literal(name)}]")
    return found


def _function(
    definition: Definition, named: Mapping[Node, str], program: Program, only: str = ""
) -> tuple[str, list[str]]:
    """A function of rows and parameters, and the names of the methods that it serves; for `only` one, its bare arrays."""
    arrays = _leaf_arrays(definition)
    text = FunctionText({leaf: name for leaf, (name, _) in arrays.items()}, named)
    written = program_lines(text, program)
    roots = [root for part in program.passes for root in part.roots] + [node for _, node in program.finish]
    used = set(symbols(*roots))
    lines = ["const { n, K, G, groups } = rows;"]
    lines += [f"const {name} = {place};" for leaf, (name, place) in arrays.items() if leaf in used]
    lines += [f"const {name} = p[{literal(repr(leaf))}];" for leaf, name in named.items() if leaf in used]
    results = {METHODS.get(name, name): found for name, found in _gathered(written).items()}
    returned = f"return {results[only]};" if only else f"return {_braced(results)};"
    body = "\n".join(f"  {line}" for line in [*lines, *text.lines(), returned])
    return f"(rows, p) => {{\n{body}\n}}", list(results)


def _gathered(written: Mapping[str, str]) -> dict[str, str]:
    """Outputs `NAME:0`, `NAME:1` … as one list by name; a finished number as it is."""
    found: dict[str, list[str]] = {}
    for key, name in written.items():
        found.setdefault(key.split(":")[0], []).append(name)
    return {key: names[0] if key in written else f"[{', '.join(names)}]" for key, names in found.items()}


# What the prelude must know of a loss ---------------------------------------------------------------------------------


def _described(definition: Definition, name: str, parameters: Mapping[str, float]) -> dict[str, Any]:
    """The facts by which the prelude lays out and checks rows."""
    declaration = definition.declaration
    return {
        "name": name,
        "parameters": dict(parameters),
        "domains": {p.name: _interval(p.domain) for p in definition.parameters},
        "shape": {
            "heads": [head for head, _ in declaration.heads],
            "classes": declaration.has_classes,
            "targets": [target for target, _ in declaration.target],
            "columns": list(declaration.columns),
        },
        "targets": list(_targets(definition)),
        "raw": _raw_domain(definition),
        "perClass": "class" in declaration.per and not (declaration.link and link_named(declaration.link).row),
        "groups": "chosen" if chooses_per_group(definition) else "per" if "group" in declaration.per else "",
        "ignored": list(definition.ignored),
        "weighing": [{"name": row.column, "mask": row.mask} for row in definition.row_weights],
        "classWeights": _class_weights(definition),
        "smoothing": list(definition.smoothing),
        "priors": None if definition.priors is None else _priors(definition),
        "empty": EMPTY[definition.empty],
    }


def _interval(found: Interval) -> dict[str, Any]:
    ends = [found.low, found.high, found.low_open, found.high_open, found.integer]
    return {"range": ends, "words": found.describe()}


def _targets(definition: Definition) -> Iterable[dict[str, Any]]:
    for name, kind in definition.declaration.target:
        classes = "class" in definition.roles.leaves[name].axes
        yield {"name": name, "kind": kind, "classes": classes, "numbers": kind == "class", **_interval(domain_of(kind))}


def _raw_domain(definition: Definition) -> dict[str, Any] | None:
    """Where raw predictions must lie: anywhere, unless they are given on the target's scale."""
    declaration = definition.declaration
    if declaration.on == "probability" and not declaration.heads:
        return _interval(DOMAINS[link_named(declaration.link).image])
    simplex = any(kind == "simplex" for _, kind in declaration.target) and not declaration.link
    return _interval(DOMAINS["simplex"]) if simplex else None


def _class_weights(definition: Definition) -> list[tuple[int, float]]:
    """(class, weight) pairs; refused where they are still to be fitted."""
    if not definition.weighs_classes:
        return []
    pairs = [(k, weight) for row in definition.reweighting for k, weight in row.classes or ()]
    class_table(definition, 1 + max((k for k, _ in pairs), default=1))
    return pairs


def _priors(definition: Definition) -> list[float]:
    """The logarithms of the classes' shares; refused where they are still to be fitted."""
    return [float(x) for x in log_priors(definition, len(definition.priors or ())).reshape(-1)]
