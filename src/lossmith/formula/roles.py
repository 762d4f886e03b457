"""Who is who in a formula: targets, raw predictions, linked predictions, extra columns, parameters.

Comes in: the declaration of a loss (target, link, heads, columns, per). Goes out: `Roles`, the leaves by argument name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from keyword import iskeyword
from typing import Any, Final

from lossmith.errors import FormulaError, did_you_mean
from lossmith.formula.link import link_named
from lossmith.formula.node import Axis, Node, symbol

TARGET_KINDS: Final = ("real", "positive", "nonnegative", "count", "fraction", "binary", "class", "simplex", "ordinal")
CLASS_KINDS: Final = frozenset({"class", "simplex"})
WEIGHT: Final[Node] = symbol("w", "weight", ["example"])
EXAMPLE_SHARE: Final[Node] = symbol("example_share", "column", ["example"])  # adds up to 1 over each first-axis entry
RESERVED: Final = frozenset({"w", "mask", "group", "log_prior", "example_share"})


@dataclass(frozen=True)
class Declaration:
    """What is said of a loss beside its formula; plain data, as given to `ls.define` and `ls.parse`."""

    target: tuple[tuple[str, str], ...]
    link: str | None = None
    heads: tuple[tuple[str, str], ...] = ()
    columns: tuple[str, ...] = ()
    per: tuple[str, ...] = ()
    class_axis: int | None = 1
    on: str = "raw"

    @property
    def has_classes(self) -> bool:
        """Whether the raw prediction has a class axis."""
        row_map = bool(self.link) and link_named(self.link).row
        return row_map or "class" in self.per or any(kind in CLASS_KINDS for _, kind in self.target)


@dataclass(frozen=True)
class Roles:
    """The leaves a formula may use, by argument name, and for each linked prediction the raw leaf and the link."""

    leaves: Mapping[str, Node]
    raw: tuple[Node, ...]
    linked: tuple[tuple[Node, Node, str], ...]

    @property
    def log_prior(self) -> Node:
        """The leaf that holds the logarithm of each class's share (of two classes: of their odds)."""
        return symbol("log_prior", "column", self.raw[0].axes)


def declare(
    target: str | Mapping[str, str],
    link: str | None = None,
    heads: Mapping[str, str] | None = None,
    columns: str | tuple[str, ...] | list[str] = (),
    per: str | tuple[str, ...] | None = None,
    class_axis: int | None = 1,
    on: str = "raw",
) -> Declaration:
    """Check a declaration and freeze it."""
    for part, given in (("target", target), ("heads", heads), ("columns", columns), ("per", per)):
        check_shape(part, given)
    columns = (columns,) if isinstance(columns, str) else columns
    targets = {"y": target} if isinstance(target, str) else dict(target)
    for kind in targets.values():
        if kind not in TARGET_KINDS:
            hint = did_you_mean(str(kind), TARGET_KINDS)
            raise FormulaError("LM111", f'target kind "{kind}" is not known. Known: {", ".join(TARGET_KINDS)}.{hint}')
    for name in (link, *(heads or {}).values()):
        link_named(name)
    if heads and link:
        raise FormulaError("LM112", "give either link= (one raw prediction) or heads= (several), not both.")
    pers = (per,) if isinstance(per, str) else tuple(per or ())
    for name in pers:
        if name not in ("class", "group"):
            raise FormulaError("LM113", f'per= takes "class" and "group", found "{name}".')
    declaration = Declaration(
        tuple(targets.items()), link, tuple((heads or {}).items()), tuple(columns), pers, class_axis, on
    )
    _check_names(declaration)
    return declaration


SHAPES: Final[dict[str, tuple[tuple[type, ...], str]]] = {
    "target": ((str, Mapping), 'a kind, as target="real", or kinds by name, as target={"price": "positive"}'),
    "heads": ((Mapping, type(None)), 'links by name, as heads={"location": "identity", "scale": "exp"}'),
    "columns": ((str, tuple, list), 'names, as columns=("cost",)'),
    "per": ((str, tuple, list, type(None)), '"class", "group" or both'),
    "parameters": ((Mapping, type(None)), 'values by name, as parameters={"delta": 1.0}'),
}


def check_shape(name: str, given: Any) -> None:
    """Refuse a part of a declaration that is of another shape than what it names."""
    kinds, said = SHAPES[name]
    strange = [part for part in given if not isinstance(part, str)] if isinstance(given, tuple | list) else []
    if strange or not isinstance(given, kinds):
        raise FormulaError("LM109", f"{name}= takes {said}; found {given!r}.")


def _check_names(declaration: Declaration) -> None:
    names = [n for n, _ in declaration.target] + [n for n, _ in declaration.heads] + list(declaration.columns)
    for name in names:
        if not name.isidentifier() or iskeyword(name) or name in RESERVED or name.startswith("_"):
            raise FormulaError("LM114", f'"{name}" cannot name a target, head or column: use another plain identifier.')
    given = names if declaration.heads else [*names, "z", "p"]
    if len(set(given)) != len(given):
        raise FormulaError(
            "LM115", f"a name is there twice among targets, predictions and columns: {', '.join(given)}."
        )


@lru_cache(maxsize=512)
def roles(declaration: Declaration) -> Roles:
    """The leaves for a declaration: `y`, `z` and `p`, or named targets, heads and columns."""
    raw_axes: list[Axis] = ["example", "class"] if declaration.has_classes else ["example"]
    leaves: dict[str, Node] = {}
    for name, kind in declaration.target:
        with_classes = kind in CLASS_KINDS or "class" in declaration.per
        leaves[name] = symbol(name, "target", raw_axes if with_classes else ["example"])
    linked: list[tuple[Node, Node, str]] = []
    as_given = declaration.on == "probability"  # then raw predictions already are on the target's scale
    if declaration.heads:
        for position, (name, link) in enumerate(declaration.heads):
            raw = symbol(f"z_{name}", "raw", raw_axes, position)
            leaves[name] = symbol(name, "prediction", raw_axes, position)
            linked.append((leaves[name], raw, "identity" if as_given else link))
    else:
        leaves["z"] = symbol("z", "raw", raw_axes)
        leaves["p"] = symbol("p", "prediction", raw_axes)
        linked.append((leaves["p"], leaves["z"], "identity" if as_given else declaration.link or "identity"))
    for name in declaration.columns:
        leaves[name] = symbol(name, "column", ["example"])
    return Roles(leaves, tuple(raw for _, raw, _ in linked), tuple(linked))
