"""Why a way is advised: what is aimed at and what the data show come in, one sentence goes out."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final

import numpy as np

from lossmith.advise.judge.decide import sort_of
from lossmith.advise.tell.found import Found
from lossmith.algebra.decision import ErrorCosts, UnderOver, act
from lossmith.report.words import amount, percent


def why(found: Found, noise: str, grows: str) -> str:
    """Return one sentence: what the advised loss was tried for, then what the costs imply or what the noise looks like.

    `noise` says which noise it looks like, `grows` whether errors grow with the prediction; either may be empty.
    """
    chosen = found.telling.chosen
    if chosen.contender.model < 0:
        return ""
    candidate = found.trained[chosen.contender.model].candidate
    reason = candidate.reason if chosen.contender.role == "candidate" else ""
    evidence = BECAUSE.get(sort_of(found.ready.aim), _by_noise)(found, noise, grows)
    said = " ".join(filter(None, (reason, evidence if evidence not in reason else "")))
    return f"Why: {said[0].lower()}{said[1:]}" if said else ""


def _by_noise(found: Found, noise: str, grows: str) -> str:
    """The first two sentences: what it looks like, and which loss belongs to it."""
    return " ".join(re.split(r"(?<=\.) (?=[A-Z])", noise)[:2])


def _per_unit(found: Found, noise: str, grows: str) -> str:
    """The quantile that the costs imply; where it is the median, the noise."""
    costs = found.ready.aim.costs
    assert isinstance(costs, UnderOver)
    if costs.level == 0.5:
        return _by_noise(found, noise, grows)
    varies = grows if re.search(r"^Errors (grow|shrink) with", grows) and found.comparison.answer == "loss" else ""
    if found.trained[found.advised.contender.model].candidate.loss_name == "quantile":
        return varies  # its reason has said the rest
    share = f"{100 * costs.level:.4g} %"
    words = f"a unit too low costs {amount(costs.under)} and one too high {amount(costs.over)}"
    return f"{words}, so the cheapest answer is the value that {share} of such rows stay below. {varies}".strip()


def _two_classes(found: Found, noise: str, grows: str) -> str:
    """The threshold that the costs imply."""
    costs, positive = found.ready.aim.costs, found.ready.profile.positive
    assert isinstance(costs, ErrorCosts)
    said = (
        f"a missed “{positive}” costs {amount(costs.false_negative)} and a false alarm {amount(costs.false_positive)}"
    )
    if costs.by_row:
        return f"{said}, so the probability from which it pays to decide “{positive}” differs by row."
    return f"{said}, so it pays to decide “{positive}” from a true probability of {percent(costs.threshold)} on."


def _nothing(found: Found, noise: str, grows: str) -> str:
    return ""


def wrong_words(found: Found) -> str:
    """How often the decisions of the advised way are wrong, where probabilities were judged; else nothing."""
    if sort_of(found.ready.aim) != "probability":
        return ""
    ask = found.ask(found.advised)
    wrong = act(found.rule, ask.y_pred, ask.sample.columns) != ask.sample.y
    counts = np.bincount(ask.sample.y.astype(np.int64), ask.sample.weight)
    usual = found.ready.profile.classes[int(np.argmax(counts))]
    shares = f"{100 * ask.sample.mean(wrong.astype(float)):.3g} % of the rows; always “{usual}”, on "
    return f"Its decisions are wrong on {shares}{100 * (1 - counts.max() / counts.sum()):.3g} %."


BECAUSE: Final[Mapping[str, Callable[[Found, str, str], str]]] = {
    "per unit": _per_unit,
    "two classes": _two_classes,
    "probability": _nothing,
    "matrix": _nothing,
    "two by two": _nothing,
}


def leak_words(found: Found) -> str:
    """What to look at before anything else: columns that tell the target nearly by themselves."""
    columns = found.ready.profile.leaking
    if not columns:
        return ""
    target = found.ready.profile.target
    named = " and ".join(f"“{name}”" for name in columns[:3])
    them, drop = ("them", "s") if len(columns) > 1 else ("it", "")
    drops = " ".join(f'--drop "{name}"' for name in columns[:3])
    return (
        f"First look at the column{drop} {named}, which tell{'' if drop else 's'} {target} nearly alone: if you do not know "
        f"{them} when you predict, run this again with {drops}; what follows holds only if you do."
    )
