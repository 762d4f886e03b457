"""Say what a comparison means: judged contenders come in, whole sentences in the user's words and unit go out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from lossmith.advise.judge.compare import Comparison, Judged, shown, shown_gap
from lossmith.advise.models.candidate import label
from lossmith.advise.models.train import Trained
from lossmith.algebra.decision import rule_to_dict
from lossmith.report.words import number, percent, rule_words, typical, way_words, with_margin


@dataclass(frozen=True)
class Telling:
    """A comparison with the words for it. `unit` follows a number, as in "29.4 per row".

    `classes` are given where decisions are judged, `probabilities` says that probabilities are.
    """

    comparison: Comparison
    trained: tuple[Trained, ...]
    target: str
    unit: str
    classes: tuple[str, ...] = ()
    probabilities: bool = False

    @property
    def chosen(self) -> Judged:
        """The contender that is advised."""
        return self.comparison.rows[self.comparison.chosen]

    def row(self, role: str) -> Judged | None:
        """The first contender in that role, if there is one."""
        return next((row for row in self.comparison.rows if row.contender.role == role), None)

    @property
    def default(self) -> Judged:
        """The usual loss as it is."""
        found = self.row("default")
        assert found is not None
        return found

    @property
    def simple(self) -> Judged:
        """The cheaper one of the usual loss as it is and with its best rule."""
        ruled = self.row("default with rule")
        return min((row for row in (self.default, ruled) if row is not None), key=lambda row: row.mean)

    def loss(self, row: Judged) -> str:
        """The loss of a contender in words."""
        return label(self.trained[row.contender.model].candidate)

    def way(self, row: Judged) -> str:
        """A contender in words: its loss and its rule."""
        if row.contender.role == "constant":
            value = row.contender.constant
            said = "" if value is None else self._constant_words(value)
            return "one answer for every row" + (f" ({said})" if said else "")
        return way_words(self.loss(row), rule_to_dict(row.contender.rule))

    def _constant_words(self, value: float) -> str:
        if self.classes:
            return self.classes[int(value)]
        return f"probability {number(value)}" if self.probabilities else number(value)

    def short(self, row: Judged) -> str:
        """A contender in words, without "as it is"."""
        return self.way(row).removesuffix(" as it is")

    def value(self, row: Judged) -> str:
        """Mean and margin of a contender as shown."""
        return with_margin(*shown(self.comparison.measure, row.mean, row.margin), self._digits(row))

    def said(self, row: Judged) -> str:
        """What is measured, with mean, margin and unit: "cost 29.4 ± 0.4 per row"."""
        name = self.comparison.measure.name.removesuffix(" per row")
        return f"{name} {self.value(row)}" + (f" {self.unit}" if self.unit else "")

    def gain(self, row: Judged) -> str:
        """How much less a contender costs than the default as it is, as "4.1 ± 0.3 less"."""
        return with_margin(*shown_gap(self.comparison, row), self.fine) + " less"

    def plain(self, row: Judged) -> str:
        """The mean alone, with the digits of the table."""
        return number(shown(self.comparison.measure, row.mean, row.margin)[0], self._digits(row))

    def _digits(self, row: Judged) -> float | None:
        """What the digits of a mean go by: those of the table, but never fewer than two that count."""
        size = abs(shown(self.comparison.measure, row.mean, row.margin)[0]) / 10
        return min(self.fine, size) if self.fine and size > 0 else self.fine

    @property
    def fine(self) -> float | None:
        """The middle margin of the differences: what the digits go by."""
        return typical(shown_gap(self.comparison, row)[1] for row in self.comparison.rows)


def best_other(telling: Telling) -> Judged | None:
    """Return the least costly contender that uses another loss than the default, if any is defined."""
    others = [row for row in telling.comparison.rows if row.contender.role == "candidate" and np.isfinite(row.mean)]
    return min(others, key=lambda row: row.mean, default=None)


def _loss(t: Telling) -> tuple[str, ...]:
    """Another loss is better than the default with any rule, so that it counts."""
    first = f"Use {t.short(t.chosen)} for {t.target}: {t.said(t.chosen)}, {t.gain(t.chosen)} than {t.way(t.default)}."
    share = rule_share(t)
    usual = f"{capital(t.way(t.default))} comes to {t.plain(t.default)}"
    if share is None:
        return (first, f"{usual}.")
    gets = f"the {_kind_of(t.simple)} alone, on the usual loss, gets {100 * share:.0f} % of that"
    return (first, f"{usual}, {t.way(t.simple)} to {t.plain(t.simple)}: {gets}.")


def capital(text: str) -> str:
    """Begin a sentence."""
    return text[:1].upper() + text[1:]


def _kind_of(row: Judged) -> str:
    return RULE_NAMES.get(rule_to_dict(row.contender.rule)["rule"], "rule")


FEW_BLOCKS: Final = 5
RULE_NAMES: Final[Mapping[str, str]] = {"shift": "shift", "scale": "factor", "threshold": "threshold"}


def rule_share(t: Telling) -> float | None:
    """The share of the whole gain that the usual loss gets with its best rule alone, if there is such a rule."""
    gain = t.default.mean - t.chosen.mean
    if t.row("default with rule") is None or not gain > 0:
        return None
    return max(0.0, (t.default.mean - t.simple.mean) / gain)


def _rule(t: Telling) -> tuple[str, ...]:
    """The default loss with a rule is better than as it is; no other loss is better than that so that it counts."""
    ruled = t.row("default with rule")
    assert ruled is not None
    rule = rule_to_dict(ruled.contender.rule)
    if t.chosen.contender.role == "candidate":
        return (
            f"Use {t.short(t.chosen)} for {t.target}: {t.said(t.chosen)}, {t.gain(t.chosen)} than {t.way(t.default)}.",
            f"{capital(t.way(ruled))} comes to {t.plain(ruled)}: that much the rule does on the usual loss; that the other "
            "loss does better still is likely, not certain.",
        )
    act = ACTS.get(rule["rule"], _by_rule)(t, rule)
    gain = f"{t.gain(ruled)} than {_without(rule, t.way(t.default))}"
    return (f"Keep {t.loss(t.default)} and {act}: {t.said(ruled)}, {gain}.", *_next_best(t))


def _next_best(t: Telling) -> tuple[str, ...]:
    """What the other losses come to, where none is better so that it counts."""
    other = best_other(t)
    if other is None:
        return ()
    return (f"No other loss is clearly better; the best of them, {t.short(other)}, comes to {t.plain(other)}.",)


def _decided(t: Telling, rule: Mapping[str, Any]) -> str:
    negative, positive = t.classes if len(t.classes) == 2 else ("no", "yes")
    if not 0 < float(rule["level"]) <= 1:
        return f"always decide “{positive if rule['level'] <= 0 else negative}” for {t.target}"
    return f"decide “{positive}” for {t.target} from a probability of {percent(float(rule['level']))} on"


def _shifted(t: Telling, rule: Mapping[str, Any]) -> str:
    amount = rule["amount"]
    what = f"add {number(amount)} to" if amount >= 0 else f"subtract {number(-amount)} from"
    return f"{what} every prediction of {t.target}"


def _scaled(t: Telling, rule: Mapping[str, Any]) -> str:
    return f"multiply every prediction of {t.target} by {number(rule['factor'])}"


def _shifted_by_size(t: Telling, rule: Mapping[str, Any]) -> str:
    low, high = number(min(rule["amounts"])), number(max(rule["amounts"]))
    return f"add to every prediction of {t.target} what predictions of its size lack, {low} to {high}"


def _recalibrated(t: Telling, rule: Mapping[str, Any]) -> str:
    then = rule["then"]
    return f"correct its probabilities (on the rows to tune), then {ACTS.get(then['rule'], _by_rule)(t, then)}"


def _by_rule(t: Telling, rule: Mapping[str, Any]) -> str:
    return f"decide {t.target} by this rule: {rule_words(rule)}"


ACTS: Final[Mapping[str, Callable[[Telling, Mapping[str, Any]], str]]] = {
    "shift": _shifted,
    "scale": _scaled,
    "shift_by_size": _shifted_by_size,
    "threshold": _decided,
    "recalibrated": _recalibrated,
    "as_is": lambda t, rule: f"use them for {t.target}",
    "cheapest_class": lambda t, rule: f"decide {t.target} by what each decision is expected to cost",
    "cuts": lambda t, rule: f"cut its predictions of {t.target} into grades at fitted points",
}


def _without(rule: Mapping[str, object], usual: str) -> str:
    return "without it" if rule["rule"] in ("shift", "scale") else f"with {usual}"


def _same(t: Telling) -> tuple[str, ...]:
    """No difference counts."""
    return SAME[t.chosen.contender.role](t)


def _same_default(t: Telling) -> tuple[str, ...]:
    first = f"{_does_not_matter(t)}: keep {t.short(t.chosen)} for {t.target}, {t.said(t.chosen)}{_constant_beside(t)}."
    return (first, *_next_best(t))


def _does_not_matter(t: Telling) -> str:
    """What may be said where no difference counts: that the loss does not matter, or only that these rows cannot tell."""
    if t.comparison.blocks < FEW_BLOCKS:
        return f"Which loss is better cannot be told, for there are only {t.comparison.blocks} groups of rows to compare on"
    if t.comparison.unsure:
        return "The loss does not matter here, for all that these rows can tell"
    return "The loss does not matter here"


def _constant_beside(t: Telling) -> str:
    """What one answer for all rows has, where the number of the chosen way alone says little."""
    constant = t.comparison.rows[0]
    return f" ({t.way(constant)}: {t.plain(constant)})" if np.isfinite(constant.mean) else ""


def _same_ruled(t: Telling) -> tuple[str, ...]:
    rule = rule_to_dict(t.chosen.contender.rule)
    act = ACTS.get(rule["rule"], _by_rule)(t, rule)
    first = f"{_does_not_matter(t)}: keep {t.loss(t.chosen)}, and {act}: {t.said(t.chosen)}."
    usual = f"{capital(t.way(t.default))} has {t.plain(t.default)}: the rule probably helps, but that is not certain."
    return (first, " ".join((usual, *_next_best(t))))


def _same_other(t: Telling) -> tuple[str, ...]:
    first = f"Use {t.short(t.chosen)} for {t.target}: {t.said(t.chosen)}, against {t.plain(t.default)} for {t.way(t.default)}."
    unsure = "No difference between the losses is certain on these rows"
    return (first, f"{unsure}: this way is the likeliest to be best, and {t.short(t.simple)} would be the simplest.")


SAME: Final[Mapping[str, Callable[[Telling], tuple[str, ...]]]] = {
    "default": _same_default,
    "default with rule": _same_ruled,
    "candidate": _same_other,
}


def _nothing(t: Telling) -> tuple[str, ...]:
    """No model beats one answer for all rows."""
    constant = t.comparison.rows[0]
    best = min((row for row in t.comparison.rows if row.contender.model >= 0), key=lambda row: row.mean)
    unsure = t.comparison.unsure
    return (
        f"No loss {'clearly helps' if unsure else 'helps'} here: for {t.target}, {t.way(constant)} has "
        f"{t.said(constant)}; the best model, {t.short(best)}, has {t.plain(best)}, which is not clearly better.",
        "There are too few rows to tell, or the columns of this table say too little about the target."
        if unsure
        else "The columns of this table say too little about the target.",
    )


SAYINGS: Final[Mapping[str, Callable[[Telling], tuple[str, ...]]]] = {
    "loss": _loss,
    "rule": _rule,
    "same": _same,
    "nothing": _nothing,
}


def say(telling: Telling) -> tuple[str, ...]:
    """Return the verdict: one sentence that answers, and one or two that support it."""
    said = SAYINGS[telling.comparison.answer](telling)
    constant = telling.comparison.rows[0]
    if telling.comparison.constant_unbeaten and telling.comparison.answer != "nothing":
        words = f"{telling.way(constant)} comes to {telling.plain(constant)}: no model is clearly better than that"
        said = (*said[:1], " ".join((*said[1:], f"Mind that {words}.")))
    return said
