"""The door to pages: `show` for losses and for activations, and activations looked up by what a user typed.

Comes in: losses, activations, names, formulas. Goes out: a `Page`, to save, to open, or to see in a notebook.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from lossmith.catalogue import find_activation
from lossmith.errors import ArgumentError, did_you_mean
from lossmith.loss.activation import ActivationFunction, activation
from lossmith.loss.handle import Loss
from lossmith.report.loss_page import page as loss_page
from lossmith.report.loss_page.page import Page
from lossmith.teach.activations.page import activation_page


def show(
    thing: Loss | ActivationFunction | str,
    *more: Loss | ActivationFunction | str,
    target: str | None = None,
    link: str | None = None,
    **parameters: float,
) -> Page:
    """The page of a loss or of an activation, or of several side by side.

    A loss: formula, sliders, curves of loss, gradient and curvature, facts, accuracy, code to copy; a text is the name of
    a loss, a formula or a design; `target` and `link` are said of formulas that name no loss; `parameters` are bound in
    each loss that has them. An activation (`ls.activation("relu")`): value and derivative, range, saturation, the signal
    through 50 layers, steps to a given loss on real data, cost. In a notebook the page shows itself; `.open()` shows it in
    a browser, `.save(path)` writes it, `.html` is its text.

    Raises `ArgumentError` for unknown names and parameters, LM483, LM484 and LM487 for losses that do not compare, LM488
    for anything else, LM495 for activations beside losses, or too many; `FormulaError` for a formula that cannot be read.

    >>> import lossmith as ls
    >>> page = ls.show("huber", delta=2)
    >>> "<math" in page.html, len(page.html) < 300_000
    (True, True)
    >>> show(ls.activation("softmax")).title
    'softmax'
    """
    things = (thing, *more)
    functions = [one for one in things if isinstance(one, ActivationFunction)]
    if not functions:
        return loss_page.show(*things, target=target, link=link, **parameters)  # type: ignore[arg-type]
    if len(functions) < len(things):
        raise ArgumentError("LM495", "an activation is shown beside activations, not beside losses. Show them apart.")
    given = [key for key, value in (("target", target), ("link", link)) if value is not None] + list(parameters)
    if given:
        raise ArgumentError(
            "LM495", f'"{given[0]}" is not for activations that are made already: ls.activation(name, slope=0.1).'
        )
    return Page(", ".join(f.name for f in functions), activation_page(*functions))


def look_up_activations(names: Sequence[str], parameters: Mapping[str, float]) -> list[ActivationFunction]:
    """Activations by name; each parameter is bound in those that have it.

    Raises LM274 for an unknown name, LM203 for a parameter that none has, LM205 for one outside its domain.

    >>> [f.parameters for f in look_up_activations(["relu", "elu"], {"alpha": 2.0})]
    [(), (('alpha', 2.0),)]
    """
    own = {name: [p.name for p in find_activation(name).parameters] for name in names}
    known = sorted({key for keys in own.values() for key in keys})
    for key in parameters:
        if key not in known:
            listed = did_you_mean(key, known) or f" Known: {', '.join(known) or 'none'}."
            raise ArgumentError("LM203", f'{", ".join(names)} has no parameter "{key}".{listed}')
    return [activation(name, **{k: v for k, v in parameters.items() if k in own[name]}) for name in names]
