"""Counterexamples as programs: a few lines of Python that build the loss and end in an assertion that holds where it fails.

Comes in: a study and the place. Goes out: text that needs NumPy and Lossmith alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from lossmith.calculus.properties.cases import Study
from lossmith.errors import FormulaError
from lossmith.formula.node import Node, constant, substitute, symbols
from lossmith.formula.text import to_text

HEAD: Final = "import numpy as np\nimport lossmith as ls\n"


def loss_text(study: Study) -> str | None:
    """The loss as a call of `lossmith.parse`, numbers in place of parameters; None where it is too long to write."""
    declared = study.definition.declaration
    columns = {leaf for leaf in symbols(study.body.node, role="column") if repr(leaf) != "log_prior"}
    numbers = {leaf: constant(v) for leaf, v in study.body.fixed.items() if leaf not in columns}
    try:
        formula = to_text(substitute(study.body.written, numbers))
    except FormulaError:
        return None
    said = f'target="{study.body.kind}"'
    said = said if study.body.kind == declared.target[0][1] else f'target="{declared.target[0][1]}"'
    if study.columns:
        said += f", columns={tuple(map(repr, study.columns))!r}"
    if "class" in declared.per:
        said += ', per="class"'
    return f'loss = ls.parse("{formula}", {said}).using("numpy")'


def program(study: Study, lines: Sequence[str]) -> str | None:
    """The lines behind the imports and the loss."""
    made = loss_text(study)
    return None if made is None else "\n".join([HEAD + made, *lines])


def given(study: Study, count: int) -> str:
    """The columns as an argument, if the loss has any."""
    if not study.columns:
        return ""
    pairs = ", ".join(
        f'"{leaf!r}": [{value!r}] * {count}' for leaf, value in zip(study.columns, study.column_values, strict=True)
    )
    return f", columns={{{pairs}}}"


def chord(study: Study, target: object, a: float, b: float) -> str | None:
    """The middle lies above the chord."""
    m = a / 2 + b / 2
    return program(study, [
        f"left, middle, right = loss.per_example([{target!r}] * 3, [{a!r}, {m!r}, {b!r}]{given(study, 3)})",
        "# a convex loss lies on or below the straight line between two of its points",
        "assert middle > (left + right) / 2 + 1e-9 * (abs(left) + abs(right) + abs(middle))",
    ])  # fmt: skip


def straight(study: Study, target: object, a: float, b: float) -> str | None:
    """The slope is the same at two places."""
    return program(study, [
        f"g = loss.per_example_gradient([{target!r}] * 2, [{a!r}, {b!r}]{given(study, 2)})",
        "# the gradient of a strictly convex loss rises from every point to the next",
        "assert g[0] == g[1]",
    ])  # fmt: skip


def flat(study: Study, target: object, z: float, limit: float) -> str | None:
    """The second derivative is below any useful constant."""
    return program(study, [
        f"_, h = loss.per_example_gradient_and_hessian([{target!r}], [{z!r}]{given(study, 1)})",
        f"# a strongly convex loss has a second derivative above some m > 0 everywhere; here it is below m = {limit:g}",
        f"assert h[0] < {limit!r}",
    ])  # fmt: skip


def steep(study: Study, target: object, z: float, limit: float) -> str | None:
    """The gradient passes any constant."""
    return program(study, [
        f"g = loss.per_example_gradient([{target!r}], [{z!r}]{given(study, 1)})",
        f"assert abs(g[0]) > {limit!r}",
    ])  # fmt: skip


def bent(study: Study, target: object, z: float, limit: float) -> str | None:
    """The second derivative passes any constant."""
    return program(study, [
        f"_, h = loss.per_example_gradient_and_hessian([{target!r}], [{z!r}]{given(study, 1)})",
        f"assert abs(h[0]) > {limit!r}",
    ])  # fmt: skip


def jumps(study: Study, target: object, low: float, high: float, limit: float, *, of_gradient: bool) -> str | None:
    """A value or gradient that changes by much over next to nothing."""
    what = "per_example_gradient" if of_gradient else "per_example"
    return program(study, [
        f"low, high = {low!r}, {high!r}",
        f"a, b = loss.{what}([{target!r}] * 2, [low, high]{given(study, 2)})",
        f"assert abs(b - a) > {limit!r} * (high - low)",
    ])  # fmt: skip


def lopsided(study: Study, first: tuple[float, float], second: tuple[float, float]) -> str | None:
    """Two rows that mirror each other have different losses."""
    return program(study, [
        f"a, b = loss.per_example([{first[0]!r}, {second[0]!r}], [{first[1]!r}, {second[1]!r}]{given(study, 2)})",
        "assert abs(a - b) > 1e-9 * (abs(a) + abs(b))",
    ])  # fmt: skip


def below(study: Study, target: object, z: float, limit: float) -> str | None:
    """A loss below a number."""
    return program(study, [
        f"assert loss.per_example([{target!r}], [{z!r}]{given(study, 1)})[0] < {limit!r}",
    ])  # fmt: skip


def lost(study: Study, target: object, z: float) -> str | None:
    """A loss that is no finite number."""
    return program(study, [
        f"assert not np.isfinite(loss.per_example([{target!r}], [{z!r}]{given(study, 1)})[0])",
    ])  # fmt: skip


def one_sided(study: Study, first: tuple[float, float], second: tuple[float, float]) -> str | None:
    """Of two rows that mirror each other one has a loss."""
    return program(study, [
        f"a, b = loss.per_example([{first[0]!r}, {second[0]!r}], [{first[1]!r}, {second[1]!r}]{given(study, 2)})",
        "assert np.isfinite(a) != np.isfinite(b)",
    ])  # fmt: skip


def row_chord(study: Study, target: Sequence[float], a: Sequence[float], b: Sequence[float]) -> str | None:
    """As `chord`, for a row of classes."""
    return program(study, [
        f"a, b = np.array({list(a)!r}), np.array({list(b)!r})",
        f"left, middle, right = loss.per_example(np.array([{list(target)!r}] * 3), np.array([a, (a + b) / 2, b]))",
        "assert middle > (left + right) / 2 + 1e-9 * (abs(left) + abs(right) + abs(middle))",
    ])  # fmt: skip


def row_flat(study: Study, target: Sequence[float], a: Sequence[float], b: Sequence[float], limit: float) -> str | None:
    """The slope along the line between two rows next to each other rises by no more than `limit` times their distance."""
    return program(study, [
        f"y, a, b = np.array([{list(target)!r}] * 2), np.array({list(a)!r}), np.array({list(b)!r})",
        "g = loss.per_example_gradient(y, np.array([a, b]))",
        f"assert ((g[1] - g[0]) * (b - a)).sum() <= {limit!r} * ((b - a) ** 2).sum()",
    ])  # fmt: skip


def row_level(study: Study, target: Sequence[float], row: Sequence[float]) -> str | None:
    """The loss of a row is the same where a number is added to all classes."""
    return program(study, [
        f"y, row = np.array([{list(target)!r}] * 3), np.array({list(row)!r})",
        "left, middle, right = loss.per_example(y, np.array([row, row + 1, row + 2]))",
        "# a strictly convex loss lies below the straight line between two of its points",
        "assert abs(middle - (left + right) / 2) <= 1e-12 * max(1.0, abs(left), abs(middle), abs(right))",
    ])  # fmt: skip


def written(node: Node) -> str:
    """A formula as text."""
    return to_text(node)
