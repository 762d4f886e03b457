"""Say what a comparison means: judged contenders come in, whole sentences in the user's words and unit go out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from lossmith.advise.judge.compare import Comparison, Judged, shown, shown_gap
from lossmith.advise.models.train import Trained
from lossmith.algebra.decision import rule_to_dict
from lossmith.report.words import loss_words, number, rule_words, typical, way_words, with_margin


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

    def loss(self, row: Judged) -> str:
        """The loss of a contender in words."""
        candidate = self.trained[row.contender.model].candidate
        return loss_words(candidate.loss_name, candidate.parameters)

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


def _candidate(t: Telling) -> tuple[str, ...]:
    """Another loss is clearly better than the default with any rule."""
    default, ruled = t.row("default"), _best_ruled(t)
    assert default is not None
    first = f"Use {t.short(t.chosen)} for {t.target}: {t.said(t.chosen)}, {t.gain(t.chosen)} than {t.way(default)}."
    gain = default.mean - t.chosen.mean
    if ruled is None or not gain > 0:
        return (first,)
    share = 100 * max(0.0, (default.mean - ruled.mean) / gain)
    rule = "shift" if "amount" in rule_to_dict(ruled.contender.rule) else "rule"
    return (
        first,
        f"{t.way(ruled)} comes to {t.plain(ruled)}: the {rule} alone, on the usual loss, gets {share:.0f} % of that.",
    )


def _best_ruled(t: Telling) -> Judged | None:
    ruled = [row for row in t.comparison.rows if row.contender.role == "default with rule"]
    return min(ruled, key=lambda row: row.mean, default=None)


def _ruled(t: Telling) -> tuple[str, ...]:
    """The default loss with a rule is as good as anything."""
    default, other, rule = t.row("default"), best_other(t), rule_to_dict(t.chosen.contender.rule)
    assert default is not None
    act = ACTS.get(rule["rule"], _by_rule)(t, rule)
    gain = f"{t.gain(t.chosen)} than {_without(rule, t.way(default))}"
    first = f"Keep {t.loss(default)} and {act}: {t.said(t.chosen)}, {gain}."
    return (first, _no_other(t, other)) if other else (first,)


def _decided(t: Telling, rule: Mapping[str, Any]) -> str:
    negative, positive = t.classes if len(t.classes) == 2 else ("no", "yes")
    if not 0 < float(rule["level"]) <= 1:
        return f"always decide “{positive if rule['level'] <= 0 else negative}” for {t.target}"
    return f"decide {t.target} with {rule_words(rule)} (“{positive}” from that probability on)"


def _shifted(t: Telling, rule: Mapping[str, Any]) -> str:
    amount = rule["amount"]
    what = f"add {number(amount)} to" if amount >= 0 else f"subtract {number(-amount)} from"
    return f"{what} every prediction of {t.target}"


def _scaled(t: Telling, rule: Mapping[str, Any]) -> str:
    return f"multiply every prediction of {t.target} by {number(rule['factor'])}"


def _by_rule(t: Telling, rule: Mapping[str, Any]) -> str:
    return f"decide {t.target} by the {rule_words(rule)}"


ACTS: Final[Mapping[str, Callable[[Telling, Mapping[str, Any]], str]]] = {
    "shift": _shifted,
    "scale": _scaled,
    "threshold": _decided,
}


def _without(rule: Mapping[str, object], usual: str) -> str:
    return "without it" if rule["rule"] in ("shift", "scale") else f"with {usual}"


def _no_other(t: Telling, other: Judged) -> str:
    return f"No other loss is clearly better; the best of them, {t.short(other)}, comes to {t.plain(other)}."


def _default(t: Telling) -> tuple[str, ...]:
    """Nothing beats the default as it is."""
    first = f"Keep {t.short(t.chosen)} for {t.target}: {t.said(t.chosen)}."
    if t.comparison.measure.is_cost and not t.comparison.unsure:
        first = f"The loss does not matter here: {first[0].lower()}{first[1:]}"
    other = best_other(t)
    return (first, _no_other(t, other)) if other else (first,)


def _constant(t: Telling) -> tuple[str, ...]:
    """No model beats one answer for all rows."""
    best = min((row for row in t.comparison.rows if row.contender.model >= 0), key=lambda row: row.mean)
    unsure = t.comparison.unsure
    return (
        f"No loss {'clearly helps' if unsure else 'helps'} here: for {t.target}, {t.way(t.chosen)} has "
        f"{t.said(t.chosen)}; the best model, {t.short(best)}, has {t.plain(best)}, which is not clearly better.",
        "There are too few rows to tell, or the columns of this table say too little about the target."
        if unsure
        else "The columns of this table say too little about the target.",
    )


PLAIN_MEASURES: Final = ("squared_error", "half_squared_error", "absolute_error")
SAYINGS: Final[Mapping[str, Callable[[Telling], tuple[str, ...]]]] = {
    "constant": _constant,
    "default": _default,
    "default with rule": _ruled,
    "candidate": _candidate,
}


def say(telling: Telling) -> tuple[str, ...]:
    """Return the verdict: one sentence that answers, and one or two that support it."""
    said = SAYINGS[telling.chosen.contender.role](telling)
    constant = telling.comparison.rows[0]
    if telling.comparison.constant_unbeaten and telling.chosen is not constant:
        said = (
            *said,
            f"Mind that {telling.way(constant)} comes to {telling.plain(constant)}: no model is clearly better.",
        )
    return said


def say_wrong(telling: Telling) -> str:
    """Return one sentence on how often the usual decision is wrong, beside that of one answer for every row."""
    default, constant = telling.row("default"), telling.comparison.rows[0]
    assert default is not None
    shares = f"{100 * default.mean:.3g} % of the rows; {telling.way(constant)}, on {100 * constant.mean:.3g} %"
    return f"Decisions by {telling.way(default)} are wrong on {shares}."


def say_other(telling: Telling) -> str:
    """Return one sentence on what another measure would prefer, or nothing where that is the default as it is."""
    default = telling.row("default")
    spoken = telling.comparison.measure.loss_name in PLAIN_MEASURES
    if telling.chosen.contender.role in ("default", "constant") or default is None or not spoken:
        return ""
    better, usual = telling.plain(telling.chosen), telling.plain(default)
    name = telling.comparison.measure.name
    return f"To have a small {name}, use {telling.short(telling.chosen)}: {better} instead of {usual}."
