"""A loss as one NumPy file that runs without Lossmith.

Comes in: the exact formulas of a definition and its parameter values. Goes out: the text of a module with `value`,
`gradient`, `per_example`, `gradient_and_hessian` (where the total is a sum over rows) and `predict`.
Names come from the definition's own identifiers; nothing that a user typed is pasted as code.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence

from lossmith.calculus.additivity import Additive
from lossmith.emit import prelude
from lossmith.emit.rows_text import data_inputs, data_lines, stage_lines
from lossmith.emit.to_numpy import statements
from lossmith.errors import UnsupportedError
from lossmith.formula.definition import Definition, linked
from lossmith.formula.node import Node, make, make_from, rebuild, symbols
from lossmith.formula.roles import CLASS_KINDS, WEIGHT
from lossmith.kernel.measure import chooses_per_group
from lossmith.kernel.schedule import ONE, TERMS, select_present, term
from lossmith.stable.forms import in_plain_operations

HEAD = '''"""{title} as plain NumPy: generated, standalone.

y_true and raw_prediction as float64 arrays of shape (n,), or (n, classes) for class losses (y_true may then hold class
indices of shape (n,)); sample_weight of shape (n,). A row of weight 0 is absent.
"""

import math

import numpy as np

'''

HELPERS = """
def _total(x, n):
    x = np.broadcast_to(np.atleast_2d(x), (n, np.atleast_2d(x).shape[1]))
    return np.array([[math.fsum(column) if np.isfinite(column).all() else column.sum() for column in x.T]])


def _tall(x):
    x = np.asarray(x, dtype=np.float64)
    return x.reshape(-1, 1) if x.ndim < 2 else x


def _classes(y, k):
    y = np.asarray(y)
    return y.astype(np.float64) if y.ndim == 2 else (y.reshape(-1, 1) == np.arange(k)).astype(np.float64)

"""


def numpy_source(
    definition: Definition,
    value: Node,
    additive: Additive | None,
    gradient: Sequence[Node],
    hessian: Sequence[Node],
    parameters: Mapping[str, float],
) -> str:
    """The text of the module; `additive` is the value as a sum over rows, if it is one."""
    if chooses_per_group(definition):
        raise UnsupportedError(
            "LM316", f"{definition.title}: the standalone source knows no groups, and this loss chooses rows in each."
        )
    scale = None
    outputs: dict[str, tuple[Node, ...]] = {"value": (value,)}
    if additive is not None:
        outputs["per_example"] = (_present(additive.term),)
        outputs["per_example_gradient"] = tuple(_present(g) for g in gradient)
        outputs["gradient_and_hessian"] = tuple(_present(n) for n in (*gradient, *hessian))
        scale = None if additive.denominator is ONE else ONE / additive.denominator
    outputs["gradient"] = tuple(_present(g if scale is None else scale * g) for g in gradient)
    functions = [_function(definition, name, nodes, parameters) for name, nodes in outputs.items()]
    text = inspect.getsource(prelude).split("import numpy as np\n", 1)[1].replace(": Any", "").replace(" -> Any", "")
    return "\n".join(
        [
            HEAD.format(title=_safe(definition.name)),
            text.replace(": str", ""),
            HELPERS,
            *functions,
            _predict(definition, parameters),
        ]
    )


def _safe(text: str) -> str:
    """A name as it stands between triple quotes."""
    return "".join(c for c in text if c.isprintable() and c not in '"\\')


def _present(node: Node) -> Node:
    return select_present(WEIGHT * node, WEIGHT)


def _weighted_sums(root: Node) -> Node:
    """Write the weight into every sum, as the kernels do."""

    def change(node: Node, args: tuple[Node, ...]) -> Node:
        same = make_from(node.op, args, node.attr)
        return make(node.op, term(same, WEIGHT), attr=node.attr) if node.op in TERMS else same

    return rebuild(root, change)


def _function(definition: Definition, name: str, nodes: Sequence[Node], parameters: Mapping[str, float]) -> str:
    roots = [_weighted_sums(in_plain_operations(node)) for node in nodes]
    leaves = definition.roles.leaves
    columns = definition.declaration.columns
    targets = [n for n, _ in definition.declaration.target]
    inputs: dict[Node, str] = {leaves[n]: f"y_{n}" for n in targets}
    inputs |= {leaves[n]: f"c_{n}" for n in columns}
    inputs |= {raw: f"z{j}" for j, raw in enumerate(definition.roles.raw)}
    inputs |= {WEIGHT: "w"} | data_inputs(definition) | {p: f"p_{p!r}" for p in symbols(*roots, role="parameter")}
    lines, names = statements(inputs, roots)
    numbers = "".join(f", p_{key}={number!r}" for key, number in parameters.items())
    extra = "".join(f", c_{n}" for n in columns)
    head = f"def {name}(y_true, raw_prediction{extra}, sample_weight=None{numbers}):"
    body = [
        *_unpack(definition),
        *stage_lines(definition),
        *data_lines(definition),
        'with np.errstate(all="ignore"):',
        *(f"    {line}" for line in lines),
    ]
    return "\n".join(
        [
            head,
            *(f"    {line}" for line in body),
            f"    {_returned(definition, name, [names[r] for r in roots])}",
            "",
            "",
        ]
    )


def _unpack(definition: Definition) -> list[str]:
    """Lines that turn the arguments into arrays of shape (n, 1) or (n, classes)."""
    declaration = definition.declaration
    lines = ["raw = np.asarray(raw_prediction, dtype=np.float64)"]
    if declaration.heads:
        lines += [f"z{j} = raw[:, {j}:{j + 1}]" for j in range(len(declaration.heads))]
    else:
        lines.append("z0 = _tall(raw)")
    lines += ["n, n_classes, n_groups = z0.shape[0], z0.shape[1], 1"]
    several = len(declaration.target) > 1 or declaration.target[0][0] != "y"
    for name, kind in declaration.target:
        given = f'y_true["{name}"]' if several else "y_true"
        classwise = kind in CLASS_KINDS
        lines.append(f"y_{name} = _classes({given}, n_classes)" if classwise else f"y_{name} = _tall({given})")
    lines += [f"c_{name} = _tall(c_{name})" for name in declaration.columns]
    return [*lines, "w = np.ones((n, 1)) if sample_weight is None else _tall(sample_weight)"]


def _returned(definition: Definition, name: str, found: list[str]) -> str:
    if name == "value":
        return f"return float(np.asarray({found[0]}).reshape(-1)[0])"
    if name == "per_example":
        return f"return np.broadcast_to({found[0]}, (n, 1)).reshape(-1).copy()"
    heads = max(1, len(definition.declaration.heads))
    shaped = [f"np.broadcast_to({text}, z0.shape)" for text in found]
    parts = [shaped[j : j + heads] for j in range(0, len(shaped), heads)]
    results = [f"np.concatenate([{', '.join(part)}], axis=1).reshape(raw.shape)" for part in parts]
    return f"return {', '.join(results)}"


def _predict(definition: Definition, parameters: Mapping[str, float]) -> str:
    """The inverse link of every raw prediction."""
    blocks = []
    numbers: dict[Node, str] = {}
    for j, (p, raw, _) in enumerate(definition.roles.linked):
        node = in_plain_operations(linked(definition)[p])
        numbers |= {leaf: f"p_{leaf!r}" for leaf in symbols(node, role="parameter")}
        lines, names = statements({raw: f"z{j}", **numbers}, [node], prefix=f"q{j}_")
        blocks.append((lines, names[node]))
    lines = [line for block, _ in blocks for line in block]
    heads = definition.declaration.heads
    first = [f"z{j} = raw[:, {j}:{j + 1}]" for j in range(len(heads))] or ["z0 = _tall(raw)"]
    result = f"np.concatenate([{', '.join(name for _, name in blocks)}], axis=1).reshape(raw.shape)"
    body = ["raw = np.asarray(raw_prediction, dtype=np.float64)", *first, "n_classes = z0.shape[1]",
            'with np.errstate(all="ignore"):', *(f"    {line}" for line in (lines or ["pass"])), f"return {result}"]  # fmt: skip
    given = "".join(f", p_{leaf!r}={parameters[repr(leaf)]!r}" for leaf in numbers)
    return "\n".join([f"def predict(raw_prediction{given}):", *(f"    {line}" for line in body), ""])
