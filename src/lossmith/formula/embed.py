"""A loss inside the formula of another: its parameters become numbers, its leaves the leaves of the outer formula.

Comes in: definitions, numbers for their parameters, the declaration of the outer formula. Goes out: what the outer
declaration takes over from them, and a node for each.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from lossmith.errors import FormulaError
from lossmith.formula.definition import Definition, bound
from lossmith.formula.link import link_named
from lossmith.formula.node import Node, among, constant, substitute, symbol, symbols
from lossmith.formula.roles import Declaration, roles


def joined(outer: Declaration, losses: Sequence[Definition], *, uses_p: bool) -> Declaration:
    """The outer declaration with what it leaves open, and the losses agree on: the link, and the axes of `per`.

    A formula that writes p itself has said by its own link what p is, so that its link stays.
    """
    said = [loss.declaration for loss in losses]
    per = outer.per or tuple(dict.fromkeys(axis for one in said for axis in one.per))
    links = {one.link for one in said if not one.heads}
    free = outer.link is None and not outer.heads and not uses_p
    return replace(outer, per=per, link=links.pop() if free and len(links) == 1 else outer.link)


def embed(definition: Definition, values: Mapping[str, float], outer: Declaration) -> Node:
    """The formula of `definition` in the words of `outer`: before the mean over examples, if it has one.

    A prediction keeps its name where both declare the same link; elsewhere it is written out as its link of z.
    Raises LM129 where `outer` lacks a target, head, column or class axis that the loss needs.
    """
    numbers = bound(definition, values)
    pairs = zip(definition.parameters, numbers, strict=True)
    replacements = {symbol(parameter.name, "parameter"): constant(number) for parameter, number in pairs}
    leaves = roles(outer).leaves
    own, used = definition.declaration, symbols(definition.written)
    if own.has_classes and not outer.has_classes:
        raise FormulaError("LM129", f'{definition.title} works on classes; declare per="class" or a target of classes.')
    if own.on != outer.on:
        raise FormulaError("LM129", f"{definition.title} takes a {own.on}, the formula around it a {outer.on}.")
    for name, leaf in definition.roles.leaves.items():
        if name not in leaves and among(leaf, used):
            known = f"known here: {', '.join(leaves)}"
            raise FormulaError("LM129", f'{definition.title} needs "{name}", which is not declared ({known}).')
        if name in leaves:
            replacements[leaf] = leaves[name]
    if not own.heads and not outer.heads and own.on == "raw" and own.link != outer.link:
        replacements[definition.roles.leaves["p"]] = link_named(own.link).inverse(leaves["z"])
    elif own.heads and own.heads != outer.heads:
        raise FormulaError("LM129", f"{definition.title} has the heads {dict(own.heads)}; declare the same here.")
    if definition.reading is not None:
        read = substitute(definition.reading, {**replacements, definition.roles.leaves["z"]: leaves["z"]})
        replacements[definition.roles.leaves["z"]] = read
        replacements[definition.roles.leaves["p"]] = link_named(own.link).inverse(read)
    return substitute(definition.written, replacements)
