"""Several losses on the same axes.

Comes in: losses. Goes out: a record of each over a common window, or one sentence that says why they do not compare.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from lossmith.catalogue import TAKES
from lossmith.errors import ArgumentError
from lossmith.loss.handle import Loss
from lossmith.report.loss_page.best import best
from lossmith.report.loss_page.collect import part, ready, windowed
from lossmith.report.loss_page.record import LossPart
from lossmith.report.loss_page.scenes import moves_with_the_target
from lossmith.report.loss_page.written import title_of

MOST: Final = 6
SHOWN_FIRST: Final = 1  # of the targets to choose from, where there are several


def compared(losses: Sequence[Loss], remarks: Sequence[str]) -> tuple[LossPart, ...]:
    """The record of each loss, all for one kind of target and over one window.

    Raises `ArgumentError` LM483 where they take other kinds of target, LM484 where a row has other raw predictions, LM487
    for more losses than can be told apart.
    """
    if len(losses) > MOST:
        raise ArgumentError("LM487", f"at most {MOST} losses can be told apart in one picture, got {len(losses)}.")
    kind = common_kind(losses)
    over_error = all(moves_with_the_target(loss.using("numpy")) for loss in losses)
    bound = [ready(loss.using("numpy"), kind)[0] for loss in losses]
    shown = [windowed(loss, kind, best(loss, kind).raw, over_error=over_error) for loss in bound]
    _check_alike(bound)
    windows = [(min(v.window[0] for v in row), max(v.window[1] for v in row)) for row in zip(*shown, strict=True)]
    return tuple(
        part(loss, remark, kind=kind, over_error=over_error, windows=windows)
        for loss, remark in zip(losses, remarks, strict=True)
    )


def common_kind(losses: Sequence[Loss]) -> str:
    """The kind of target that all take: their own, or the narrowest that fits all where the links are the same.

    >>> import lossmith as ls
    >>> common_kind([ls.get("poisson"), ls.get("gamma")]), common_kind([ls.get("mse"), ls.get("mae")])
    ('positive', 'real')
    """
    kinds = [loss.target for loss in losses]
    if len(set(kinds)) == 1:
        return kinds[0]
    links = {loss.definition.declaration.heads or loss.link for loss in losses}
    fits = [kind for kind in TAKES if all(own in TAKES[kind] for own in kinds)]
    if fits and len(links) == 1:
        return fits[0]
    said = ", ".join(f"{loss.name} {_article(loss.target)} target" for loss in losses)
    raise ArgumentError(
        "LM483",
        f"these losses take different kinds of target ({said}), so they have no common axis. "
        "Compare losses of one kind, or show each alone.",
    )


def _article(kind: str) -> str:
    return f"{'an' if kind[0] in 'aeiou' else 'a'} {kind}"


def _check_alike(losses: Sequence[Loss]) -> None:
    """Refuse losses whose rows have other raw predictions or targets."""
    said = [_row_said(loss) for loss in losses]
    for loss, found in zip(losses[1:], said[1:], strict=True):
        if found != said[0]:
            raise ArgumentError(
                "LM484",
                f"a row of {losses[0].name} has {said[0]}, one of {loss.name} {found}, so they have no common axis. "
                "Show each alone.",
            )


def _row_said(loss: Loss) -> str:
    declaration = loss.definition.declaration
    raw = ", ".join(name for name, _ in declaration.heads) or (
        "a class axis" if _classes(loss) else "one raw prediction"
    )
    given = " as probabilities" if declaration.on == "probability" else ""
    targets = ", ".join(name for name, _ in declaration.target)
    return f"{raw}{given} and the target {targets}"


def _classes(loss: Loss) -> bool:
    return loss.definition.declaration.has_classes and loss.target in ("class", "simplex")


def labels(losses: Sequence[Loss]) -> tuple[str, ...]:
    """A name for each line: the loss's own, with its numbers or a count where names repeat.

    >>> import lossmith as ls
    >>> labels([ls.get("huber"), ls.get("huber", delta=3), ls.get("mse")])
    ('huber(delta=1)', 'huber(delta=3)', 'squared_error')
    """
    names = [title_of(loss) for loss in losses]
    told = [_with_numbers(loss) if names.count(name) > 1 else name for loss, name in zip(losses, names, strict=True)]
    return tuple(
        f"{name} ({told[:i].count(name) + 1})" if told.count(name) > 1 else name for i, name in enumerate(told)
    )


def _with_numbers(loss: Loss) -> str:
    inside = ", ".join(f"{name}={value:g}" for name, value in loss.parameters.items() if value is not None)
    return f"{loss.name}({inside})" if inside and loss.name.isidentifier() else loss.name


def first_target(parts: Sequence[LossPart]) -> int:
    """Which of the targets is shown first: of classes the true one, of several numbers not the least."""
    count = len(parts[0].pictures[0].view.scenes)
    return 0 if parts[0].kind in ("class", "simplex") else min(SHOWN_FIRST, count - 1)
