"""The stages of a definition as lines of NumPy: what weighs rows, smooths targets and reads raw predictions.

Comes in: a definition. Goes out: lines for the generated module, which run after its arrays `y_NAME`, `w`, `c_NAME`, `z0`
are laid out. Only numbers and checked identifiers stand in them.
"""

from __future__ import annotations

from lossmith.algebra.reweight import class_table
from lossmith.formula.definition import Definition
from lossmith.formula.node import Node
from lossmith.formula.roles import CLASS_KINDS, EXAMPLE_SHARE
from lossmith.kernel.measure import log_priors, weighing_columns


def stage_lines(definition: Definition) -> list[str]:
    """The lines that apply every stage to laid-out arrays."""
    name, kind = definition.declaration.target[0]
    lines: list[str] = []
    if definition.ignored:
        lines.append(f"w = np.where(np.isin(np.asarray(y_true).reshape(-1, 1), {list(definition.ignored)!r}), 0.0, w)")
    for column in weighing_columns(definition):
        lines.append(f"w = np.where(w == 0, 0.0, w * c_{column})")
    if definition.weighs_classes:
        lines += _class_lines(definition, name, kind in CLASS_KINDS)
    return lines


def _class_lines(definition: Definition, name: str, several: bool) -> list[str]:
    """A row is a measure over the classes: its weight and its shares follow from the weights of the classes."""
    shares = f"y_{name}" if several else f"np.concatenate([1.0 - y_{name}, y_{name}], axis=1)"
    pairs = [(k, weight) for row in definition.reweighting for k, weight in row.classes or ()]
    lines = [f"shares, table = {shares}, np.ones(n_classes)" if several else f"shares, table = {shares}, np.ones(2)"]
    class_table(definition, 1 + max((k for k, _ in pairs), default=1))  # refuses what is not fitted
    lines += [f"table[{k}] *= {weight!r}" for k, weight in pairs]
    lines += [f"shares = (1.0 - p_{eps}) * shares + p_{eps} / shares.shape[1]" for eps in definition.smoothing]
    lines += [
        "mass = np.sum(shares * table, axis=1, keepdims=True)",
        "shares = np.where(mass == 0, shares, shares * table / np.where(mass == 0, 1.0, mass))",
        "w = np.where(w == 0, 0.0, w * mass)",
        f"y_{name} = shares" if several else f"y_{name} = shares[:, 1:]",
    ]
    return lines


def data_inputs(definition: Definition) -> dict[Node, str]:
    """The leaves that follow from the data alone, by their names in the text."""
    inputs = {EXAMPLE_SHARE: "example_share"}
    return inputs if definition.priors is None else inputs | {definition.roles.log_prior: "log_prior"}


def data_lines(definition: Definition) -> list[str]:
    """The lines that make these leaves: every row is an entry of its own here."""
    lines = ["example_share = np.ones((n, 1))"]
    if definition.priors is not None:
        numbers = log_priors(definition, len(definition.priors)).reshape(1, -1).tolist()
        lines.append(f"log_prior = np.array({numbers!r})")
    return lines
