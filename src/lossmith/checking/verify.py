"""`verify`: anyone's loss, checked.

Comes in: a loss in any form, what is said of it, a reference. Goes out: a `Verdict`. The story: take it in, find out
what it is, look at it from each side (`PROBES`), say what was found and what was not looked at.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from importlib import import_module
from typing import Any, Final

from lossmith.certificate import Certificate
from lossmith.checking.certify import FULL, QUICK, certify_loss
from lossmith.checking.derivatives.known import Known
from lossmith.checking.finding import Finding
from lossmith.checking.intake import CallError, intake, title_of
from lossmith.checking.intake.ours import subject_of
from lossmith.checking.measured import findings_of
from lossmith.checking.subject import Subject, Takes
from lossmith.checking.verdict import Verdict
from lossmith.checking.watch import NO_TIMER, TimeUp, Watch, checked_limit, prints, quiet, time_limit, watched
from lossmith.errors import FormulaError, LossmithError
from lossmith.formula.text import to_text
from lossmith.loss.handle import Loss
from lossmith.loss.known_facts import KnownFacts, facts
from lossmith.loss.library import get, look_up, parse

PROBES: Final[tuple[tuple[str, str], ...]] = (
    ("derivatives", "lossmith.checking.derivatives"),
    ("semantics", "lossmith.checking.semantics"),
    ("numbers", "lossmith.checking.numbers"),
)
"""The sides from which a thing is looked at: section of the report, and the module whose `look` does it."""
TAKING_IN: Final = "taking it in"
OTHER_NUMBERS: Final = frozenset(
    {"value_wrong", "value_sign", "value_factor", "gradient_sign", "gradient_factor", "gradient_of_probability"}
    | {"gradient_wrong", "catboost_sign", "hessian_wrong", "class_order", "one_hot_only", "denominator", "axis"}
)
"""Faults by which a number is not the reference's at all, so that comparing its digits says nothing more."""
SEATS: Final = frozenset({"arguments_swapped", "alpha_swapped", "classes_swapped", "probability_swapped"})
"""Faults by which the right number is in a wrong place."""
LINKS: Final = frozenset({"logits_taken_for_probabilities", "probabilities_taken_for_logits"})
CONSEQUENCES: Final[Mapping[str, frozenset[str]]] = {
    "inaccurate": OTHER_NUMBERS | SEATS | LINKS,
    "dead_gradient": SEATS,
    "batch_split": frozenset({"class_order"}),
    "value_wrong": LINKS | {"broadcasting", "axis"},
}
"""Faults that follow from others: {fault: those that explain it}."""
GENERAL: Final = frozenset({"value_wrong", "gradient_wrong", "hessian_wrong"})
"""Faults that name no cause; they are told after those that do."""
UNSAID: Final = "LM151"
"""The error of a formula that does not say what its target is."""
LONG: Final = 0.25
"""A call that took this part of the time and is not over is one that does not come back."""
NOT_RECOGNISED: Final = "it is none of the losses that are known here; --reference names the loss that it shall be"


@dataclass
class _Inspection:
    """What is known so far; what is found stays, should the time be over."""

    name: str
    taken_for: str = ""
    findings: list[Finding] = field(default_factory=list)
    certificates: list[Certificate] = field(default_factory=list)
    facts: KnownFacts | None = None
    assumed: list[str] = field(default_factory=list)
    not_checked: list[tuple[str, str]] = field(default_factory=list)
    stage: str = TAKING_IN
    watch: Watch = field(default_factory=Watch)


@dataclass(frozen=True)
class _Request:
    """What was asked for."""

    reference: Loss | str | None
    kind: str | None
    takes: Takes | None
    classes: int | None
    seed: int
    full: bool


def verify(
    thing: Any,
    *,
    reference: Loss | str | None = None,
    kind: str | None = None,
    takes: Takes | None = None,
    classes: int | None = None,
    limit: float = 60.0,
    seed: int = 0,
    full: bool = False,
) -> Verdict:
    """Check anyone's loss: its numbers, its derivatives, what it means, and what is known of it.

    `thing`: a `Loss`; a text (a name, a formula, a design, or "module:function"); a function (y_true, prediction) in
    either order that gives a value, (gradient, hessian) or (value, gradient); an objective of LightGBM or XGBoost
    (predictions, data set); an objective or metric of CatBoost; a criterion of PyTorch; a function of JAX.
    `reference`: the loss that it shall be, a name or a formula. `kind`, `takes`, `classes`: the kind of target, whether
    the prediction is "raw" or a "probability" (on the target's scale), the number of classes, where it cannot be told.
    `limit`: seconds after which the check ends with what it has; only in the main thread of Linux and macOS, and only
    between two steps of Python (`lossmith verify` has a process of its own, which it ends in any case).
    Raises ArgumentError for what cannot be taken in; what fails when it is called gets a verdict that says so.

    >>> import lossmith as ls
    >>> import numpy as np
    >>> def squared(y_true, y_pred):
    ...     return 2 * (y_true - y_pred), 2 * np.ones_like(y_pred)
    >>> [found.code for found in ls.verify(squared).faults]
    ['gradient_sign']
    """
    seconds, began = checked_limit(limit), time.monotonic()
    state = _Inspection(name=thing if isinstance(thing, str) else getattr(thing, "__name__", type(thing).__name__))
    asked = _Request(reference, kind, takes, classes, seed, full)
    try:
        with time_limit(seconds) as timed, quiet(state.watch):
            if not timed:
                state.not_checked.append(("whether it comes back", NO_TIMER))
            _inspect(thing, asked, state)
    except CallError as failed:
        state.name = failed.name
        state.findings.append(failed.finding)
    except TimeUp:
        _time_is_over(state, seconds)
    if state.watch.first_line:
        state.findings.append(prints(state.watch.first_line))
    return _verdict(state, seed, time.monotonic() - began)


def _inspect(thing: Any, asked: _Request, state: _Inspection) -> None:
    """Take it in, and look at it in the way that it allows."""
    reference = _reference(asked, asked.kind)
    kind = asked.kind or (reference.target if reference is not None else None)
    found = intake(thing, kind=kind, takes=asked.takes, classes=asked.classes, watch=state.watch)
    state.name = found.name
    if reference is None and asked.reference is not None:
        reference = _reference(asked, found.target if isinstance(found, Loss) else found.kind)
    if isinstance(found, Loss):
        _inspect_loss(found, reference, asked, state)
        return
    state.assumed += found.assumed
    state.taken_for = described(found)
    known = _look(found, reference, asked, state)
    if known is not None:
        _derive_facts(known.loss, state)


def described(subject: Subject) -> str:
    """What a thing was taken for, in words.

    >>> from lossmith.checking.subject import Answer
    >>> described(Subject("f", "plain", "real", "raw", lambda y, z, w: Answer(), frozenset({"value"})))
    'a function of arrays for a real target and a raw prediction; it gives the value'
    """
    scale = "a raw prediction" if subject.takes == "raw" else "a prediction on the target's scale"
    many = "" if subject.classes == 1 else f" of {subject.classes} classes"
    order = [part for part in ("value", "gradient", "hessian") if part in subject.gives]
    return f"{title_of(subject.form)} for a {subject.kind} target and {scale}{many}; it gives the {' and the '.join(order)}"


def _reference(asked: _Request, kind: str | None) -> Loss | None:
    """The reference as a loss; None where there is none, or where a formula says nothing of its target and nobody else
    does as yet."""
    text = asked.reference
    if text is None or isinstance(text, Loss):
        return text
    if text.strip().isidentifier():
        return get(text.strip())
    if kind is not None:
        return look_up(text, {}, kind)[0]
    try:
        return parse(text)
    except FormulaError as error:
        if error.code != UNSAID:
            raise
        return None


def _inspect_loss(loss: Loss, reference: Loss | None, asked: _Request, state: _Inspection) -> None:
    """A loss of ours: measured against the exact truth, its facts, and where one is given against a reference."""
    kinds = ", ".join(kind for _, kind in loss.definition.declaration.target)
    state.taken_for = f"the loss {to_text(loss.definition.written)} of a {kinds} target, link {loss.link}"
    state.stage = "numbers"
    with _excused("numbers", state):
        for backend in ("numpy", "numba"):
            state.certificates += certify_loss(
                loss, backends=[backend], size=FULL if asked.full else QUICK, seed=asked.seed
            )
    state.findings += findings_of(state.certificates)
    if reference is not None:
        with _excused("derivatives", state):
            own = subject_of(loss, asked.classes)
            _look(replace(own, call=watched(own.call, state.watch)), reference, asked, state)
    _derive_facts(loss, state)


def _look(subject: Subject, reference: Loss | None, asked: _Request, state: _Inspection) -> Known | None:
    """Find out what it is, then look at it from each side."""
    from lossmith.checking.derivatives import recognise

    state.stage = "recognising it"
    known = recognise(subject, reference, asked.seed)
    if known is not None:
        state.taken_for += f"; it is {replace(known, said='').words}"
    elif reference is None:
        state.not_checked.append(("the meaning against a known loss", NOT_RECOGNISED))
    for section, module in PROBES:
        state.stage = section
        with _excused(section, state):
            look: Callable[..., list[Finding]] = import_module(module).look
            state.findings += [one for one in look(subject, known, asked.seed) if one not in state.findings]
    return known


def _derive_facts(loss: Loss, state: _Inspection) -> None:
    """All facts, derived now: what is looked at later costs no time that nobody limits."""
    state.stage = "facts"
    with _excused("facts", state):
        known = facts(loss)
        dict(known)
        state.facts = known


@contextmanager
def _excused(what: str, state: _Inspection) -> Iterator[None]:
    """What cannot be looked at is told, and the rest goes on."""
    try:
        yield
    except CallError:
        raise
    except Exception as error:
        why = error.sentence if isinstance(error, LossmithError) else f"{type(error).__name__}: {error}"
        state.not_checked.append((what, why))


def _time_is_over(state: _Inspection, seconds: float) -> None:
    """A call that does not come back is a fault; a check that was slow only is not."""
    watch = state.watch
    if not watch.calls and state.stage == TAKING_IN:
        said = f"importing or making it was not done after {seconds:g} seconds."
        state.findings.append(Finding("never_returns", said))
    elif watch.latest > seconds * LONG:
        said = f"a call with predictions of shape {watch.last} was still running after {watch.latest:.1f} seconds."
        state.findings.append(Finding("never_returns", said))
    else:
        state.not_checked.append((f"the rest, from {state.stage} on", f"the time of {seconds:g} seconds was over"))


def _without_consequences(findings: list[Finding]) -> tuple[Finding, ...]:
    """What another fault explains is not told: one cause, one line."""
    codes = {one.code for one in findings if one.verdict == "fault"}
    told = [one for one in findings if not codes & CONSEQUENCES.get(one.code, frozenset())]
    return tuple(sorted(told, key=lambda one: one.code in GENERAL))


def _verdict(state: _Inspection, seed: int, seconds: float) -> Verdict:
    return Verdict(
        name=state.name,
        taken_for=state.taken_for,
        findings=_without_consequences(state.findings),
        certificates=tuple(state.certificates),
        facts=state.facts,
        assumed=tuple(state.assumed),
        not_checked=tuple(state.not_checked),
        points=state.watch.rows + sum(c.points for c in state.certificates),
        calls=state.watch.calls,
        seed=seed,
        seconds=seconds,
    )
