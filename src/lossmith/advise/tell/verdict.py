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
from lossmith.report.words import number, rule_words, typical, way_words, with_margin


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
        return with_margin(*shown(self.comparison.measure, row.mean, row.margin), self.fine)

    def said(self, row: Judged) -> str:
        """What is measured, with mean, margin and unit: "cost 29.4 ± 0.4 per row"."""
        name = self.comparison.measure.name.removesuffix(" per row")
        return f"{name} {self.value(row)}" + (f" {self.unit}" if self.unit else "")

    def gain(self, row: Judged) -> str:
        """How much less a contender costs than the default as it is, as "4.1 ± 0.3 less"."""
        return with_margin(*shown_gap(self.comparison, row), self.fine) + " less"

    def plain(self, row: Judged) -> str:
        """The mean alone, with the digits of the table."""
        return number(shown(self.comparison.measure, row.mean, row.margin)[0], self.fine)

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
    if share is None:
        return (first, f"{t.way(t.default)} comes to {t.plain(t.default)}.")
    name = _kind_of(t.simple)
    gets = f"the {name} alone, on the usual loss, gets {100 * share:.0f} % of that"
    both = f"{t.way(t.default)} comes to {t.plain(t.default)}, {t.way(t.simple)} to {t.plain(t.simple)}"
    return (first, f"{both}: {gets}.")


def _kind_of(row: Judged) -> str:
    return RULE_NAMES.get(rule_to_dict(row.contender.rule)["rule"], "rule")


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
            f"What counts is the rule: {t.way(t.default)} comes to {t.plain(t.default)}, {t.way(ruled)} to {t.plain(ruled)}; "
            "that another loss does better still is not certain.",
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
    return f"change the threshold for {t.target} to {float(rule['level']):.3g} (“{positive}” from that probability on)"


def _shifted(t: Telling, rule: Mapping[str, Any]) -> str:
    amount = rule["amount"]
    what = f"add {number(amount)} to" if amount >= 0 else f"subtract {number(-amount)} from"
    return f"{what} every prediction of {t.target}"


def _scaled(t: Telling, rule: Mapping[str, Any]) -> str:
    return f"multiply every prediction of {t.target} by {number(rule['factor'])}"


def _shifted_by_size(t: Telling, rule: Mapping[str, Any]) -> str:
    low, high = number(min(rule["amounts"])), number(max(rule["amounts"]))
    return f"add to every prediction of {t.target} what predictions of its size lack ({low} to {high})"


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
    room = " (for all that these few rows can tell)" if t.comparison.unsure else ""
    first = f"The loss does not matter here{room}: keep {t.short(t.chosen)} for {t.target}, {t.said(t.chosen)}."
    return (first, *_next_best(t))


def _same_ruled(t: Telling) -> tuple[str, ...]:
    rule = rule_to_dict(t.chosen.contender.rule)
    act = ACTS.get(rule["rule"], _by_rule)(t, rule)
    first = f"The loss does not matter here: keep {t.loss(t.chosen)}, and {act}: {t.said(t.chosen)}."
    unsure = (
        f"{t.way(t.default)[0].upper()}{t.way(t.default)[1:]} has {t.plain(t.default)}: the rule seems to help, but"
    )
    return (first, " ".join((f"{unsure} that is not certain.", *_next_best(t))))


def _same_other(t: Telling) -> tuple[str, ...]:
    first = (
        f"No loss is clearly better than another here: {t.short(t.chosen)} for {t.target} has {t.said(t.chosen)}, against "
        f"{t.plain(t.default)} for {t.way(t.default)}, and that difference is not certain."
    )
    return (first, f"If nothing else speaks against it, take {t.short(t.chosen)}; else keep {t.short(t.simple)}.")


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


def say_wrong(telling: Telling) -> str:
    """Return one sentence on how often the usual decision is wrong, beside that of one answer for every row."""
    default, constant = telling.default, telling.comparison.rows[0]
    shares = f"{100 * default.mean:.3g} % of the rows; {telling.way(constant)}, on {100 * constant.mean:.3g} %"
    return f"Decisions by {telling.way(default)} are wrong on {shares}."


def say_why(telling: Telling, reasons: Mapping[str, str], evidence: str) -> str:
    """Return one sentence on why: what the chosen loss (by its words) was tried for, and what the data show."""
    chosen = telling.chosen
    if chosen.contender.model < 0:
        return ""
    reason = reasons.get(telling.loss(chosen), "") if telling.comparison.answer == "loss" else ""
    said = " ".join(filter(None, (reason, evidence)))
    return f"Why: {said[0].lower()}{said[1:]}" if said else ""
