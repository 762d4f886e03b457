"""What a design does, in plain sentences: records of measured numbers come in, sentences go out.

Every number in a sentence stands in a record; words are chosen by tables and by comparisons of these numbers.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Final

from lossmith.loss.effects import Pulls, Sides
from lossmith.loss.figures import EVEN, exact, listed, number, often, percent, times
from lossmith.loss.nearest import Nearest
from lossmith.loss.settling import SHARES, Settled

# What it estimates ------------------------------------------------------------------------------------------------

MEANINGS: Final[Mapping[str, str]] = {
    "mean": "the average target of similar rows",
    "median": "half of the targets of similar rows lie below it",
    "quantile": "{share} of the targets of similar rows lie below it",
    "expectile": "an average of similar rows in which a target above it counts {odds} times one below",
    "probability": "how often similar rows are {what}",
}


def estimates(name: str, level: float | None, through: str, evidence: str, classes: bool = False) -> str:
    """The named answer with its meaning and how it is known.

    >>> estimates("quantile", 5 / 6, "", "sampled (9 points)")
    'It estimates the quantile 5/6: 83.3 % of the targets of similar rows lie below it [sampled (9 points)].'
    """
    share, odds = ("", "") if level is None else (percent(level), number(level / (1 - level)))
    of = f" (of the raw prediction through {through})" if through else ""
    called = name if level is None else f"{name} {exact(level)}"
    what = "of each class" if classes else "positive"
    return f"It estimates the {called}{of}: {MEANINGS[name].format(share=share, odds=odds, what=what)} [{evidence}]."


def estimates_probability(weights: Sequence[float], through: str, evidence: str, classes: bool) -> str:
    """A true probability, or one of data in which classes count so much."""
    if len(set(weights)) == 1:
        return estimates("probability", None, through, evidence, classes)
    if classes:
        shown = f"rows of the classes 0 to {len(weights) - 1} counted {listed([exact(w) for w in weights])} times"
    else:
        shown = f"positive rows counted {exact(weights[1] / weights[0])} times"
    return f"It estimates a shifted probability: as if {shown} [{evidence}]."


def settles(found: Settled) -> str:
    """Where it settles on the lopsided example, and where that lies."""
    middle, mean, at = (number(v) for v in (found.median, found.mean, found.prediction))
    return (
        f"What it estimates has no name here: on an example of lopsided targets (median {middle}, mean {mean}) "
        f"it settles at {at}, {_place(found)}: {percent(found.below)} of them lie lower."
    )


def _place(found: Settled) -> str:
    low, high = sorted((found.median, found.mean))
    near = 0.005 * (high - low)
    if abs(found.prediction - found.mean) < near:
        return "next to the mean"
    if abs(found.prediction - found.median) < near:
        return "next to the median"
    if low < found.prediction < high:
        return "between the two"
    return "below both" if found.prediction < low else "above both"


def implies(predictions: Sequence[float], probabilities: bool = True, together: bool = False) -> str:
    """What is predicted where so many rows are positive."""
    show = percent if probabilities else number
    pairs = [f"{percent(q)}: {show(p)}" for q, p in zip(SHARES, predictions, strict=True)]
    said = f"where {pairs[0].replace(':', ' are positive it says')}, where {', where '.join(pairs[1:])}"
    if together:
        return f"If nothing tells rows apart, {said}: the same for all of them."
    if not probabilities:
        return f"Its raw prediction is no probability: {said}."
    back = " Read it backwards for probabilities." if len(set(predictions)) == len(SHARES) else ""
    return f"It does not estimate the probability: {said}.{back}"


def implies_classes(shares: Sequence[float], predictions: Sequence[float]) -> str:
    """What is predicted where classes have these shares."""
    true, said = (listed([percent(q) for q in row]) for row in (shares, predictions))
    return f"It does not estimate the probability: where the classes have {true} of the rows, it says {said}."


# Under and over ---------------------------------------------------------------------------------------------------


def too_low_and_high(found: Sides) -> str:
    """How the cost of a prediction that is too low compares with one too high."""
    if found.elsewhere:
        return f"A row whose target is {number(found.at)} costs least elsewhere than at {number(found.at)}."
    ratio = next((r for r in found.ratios if not math.isnan(r)), None)
    if ratio is None:
        return "Neither too low nor too high costs anything."
    step = number(found.places[len(found.places) // 2])
    if found.constant and abs(ratio - 1) < EVEN:
        return "Too low and too high cost the same at equal distance, whatever the distance."
    if found.constant and not ratio:
        return "A prediction that is too low costs no more than one that is right."
    if found.constant:
        (less, more), ratio = (("low", "high"), ratio) if ratio > 1 else (("high", "low"), 1 / ratio)
        return f"A prediction {step} too {less} costs {number(ratio)} times one {step} too {more}, at every size."
    return f"Where the target is {number(found.at)}, {_compared(found)}."


def _compared(found: Sides) -> str:
    """The ratios at every distance, of the dearer side where one is always dearer."""
    pairs = [(t, r) for t, r in zip(found.places, found.ratios, strict=True) if not math.isnan(r)]
    low = any(r < 1 for _, r in pairs)
    less, more = ("high", "low") if low else ("low", "high")
    if low and any(r > 1 for _, r in pairs):
        return f"too low costs, beside too high: {', '.join(f'{times(r)} at {number(t)}' for t, r in pairs)}"
    shown = [f"{_dearer(1 / r if low and r else math.inf if low else r)} at {number(t)}" for t, r in pairs]
    return f"too {less} costs more than too {more}: {', '.join(shown)}"


def _dearer(ratio: float) -> str:
    return "the other nothing" if math.isinf(ratio) else times(ratio)


def miss_and_alarm(found: Sides) -> str:
    """How a missed positive compares with a false alarm."""
    pairs = [(c, r) for c, r in zip(found.places, found.ratios, strict=True) if not math.isnan(r)]
    if found.elsewhere:
        return "For rows of one outcome a wrong answer costs less than a right one of the same certainty."
    if not pairs:
        return "Neither a miss nor a false alarm costs anything."
    ratio = pairs[0][1]
    if found.constant and abs(ratio - 1) < EVEN:
        return "A miss costs as much as a false alarm of the same certainty."
    if found.constant and ratio > 1:
        return f"A missed positive costs {number(ratio)} times a false alarm of the same certainty."
    if found.constant and ratio:
        return f"A false alarm costs {number(1 / ratio)} times a missed positive of the same certainty."
    shown = ", ".join(f"{_dearer(r)} at {percent(c)}" for c, r in pairs)
    return f"A missed positive costs, beside a false alarm of the same certainty: {shown}."


# Which errors pull ------------------------------------------------------------------------------------------------

POWERS: Final[Mapping[int, str]] = {
    0: "Every error pulls as hard as any other, however large it is.",
    1: "The pull of a row grows in proportion to its error: ten times the error pulls ten times as hard.",
    2: "The pull of a row grows with the square of its error: ten times the error pulls 100 times as hard.",
    3: "The pull of a row grows with the third power of its error: ten times the error pulls 1,000 times as hard.",
}
LEVEL: Final = 1.02  # a pull that grows less than this from one far error to one ten times as large is level


def errors_pull(found: Pulls) -> str:
    """How the pull of a row changes with the size of its error."""
    if found.power is not None:
        return POWERS[found.power]
    base = next((t for t, g, h in _usual(found) if g > 0 or h > 0), None)
    if base is None:
        return "No error pulls towards the truth."
    low, high = (_one_side(found.places, pulls, base) for pulls in (found.first, found.second))
    start = f"The pull of a row, beside that of an error of {number(base)}"
    if low == high:
        return f"{start}: {low}."
    return f"{start} on the same side (target {number(found.at)}): too low, {low}; too high, {high}."


def _usual(found: Pulls) -> list[tuple[float, float, float]]:
    """The everyday errors with the pulls of both sides, the middle one first."""
    small, middle, large = list(zip(found.places, found.first, found.second, strict=True))[:3]
    return [middle, large, small]


def _one_side(places: Sequence[float], pulls: Sequence[float], base: float) -> str:
    """The pulls of everyday errors beside one of them, and how it goes on far out."""
    known = [(t, g) for t, g in zip(places, pulls, strict=True) if math.isfinite(g)]
    unit = dict(known).get(base, 0.0)
    if unit <= 0:
        return "none" if unit == 0 else "away from the truth"
    parts = [f"{_hard(g / unit)} at {number(t)}" for t, g in known if t != base and t in places[:3]]
    return f"{listed(parts)}{_far(known, unit)}"


def _hard(ratio: float) -> str:
    if ratio < 0:
        return "the other way"
    if abs(ratio - 1) < EVEN:
        return "as hard"
    return f"{number(ratio)} times" if ratio else "nothing"


def _far(known: Sequence[tuple[float, float]], unit: float) -> str:
    """How pulls go on where errors are more than a hundred times the smallest."""
    (_, g), (last, h) = known[-2:]
    if last <= 100 * known[0][0]:
        return ""
    if h < g:
        return f", fading to {number(h / unit)} times at {number(last)}" if h else f", nothing at {number(last)}"
    return ", the same further out" if h < LEVEL * g else ""


def rows_pull(found: Pulls, usual: Pulls | None, last: int = 0) -> str:
    """How hard rows pull that are right or wrong, beside undecided ones; and under log loss, if that differs.

    `last` is the number of the last class, where there are several.
    """
    reference = None if usual is None or _alike(found, usual) else usual.first
    positive, negative = (_right_and_wrong(found.places, pulls, reference) for pulls in (found.first, found.second))
    names = ("of class 0", f"of class {last}") if last else ("positive rows", "others")
    own = positive if positive == negative else f"{names[0]}: {positive}; {names[1]}: {negative}"
    return f"Beside an undecided row ({percent(found.places[1])} for what happened), {own}."


def together_pulls(found: Pulls) -> str:
    """How hard an undecided positive row pulls beside another, among rows that act together."""
    ratio = found.first[1] / found.second[1] if found.second[1] else math.inf
    return f"In 100 rows of which 10 are positive, an undecided positive one pulls {times(ratio)} another."


def _right_and_wrong(places: Sequence[float], pulls: Sequence[float], usual: Sequence[float] | None) -> str:
    if pulls[1] <= 0:
        return "an undecided one does not pull" if pulls[1] == 0 else "an undecided one pulls the wrong way"
    own = [_verb(pulls[k] / pulls[1]) for k in (0, 2)]
    beside = ["" if usual is None else f" (log loss: {_size(usual[k] / usual[1])})" for k in (0, 2)]
    right, _, wrong = (percent(c) for c in places)
    return f"one that is right ({right}) {own[0]}{beside[0]}, a wrong one ({wrong}) {own[1]}{beside[1]}"


def _verb(ratio: float) -> str:
    return f"pulls {_size(ratio)}" if ratio else "does not pull"


def _size(ratio: float) -> str:
    if ratio <= 0:
        return f"{number(-ratio)} times the other way"
    if abs(ratio - 1) < EVEN:
        return "as hard"
    return f"{number(1 / ratio)} times less" if ratio < 1 else f"{number(ratio)} times as hard"


def _alike(a: Pulls, b: Pulls) -> bool:
    """Whether right and wrong rows pull in the same proportion to undecided ones, on either side."""
    pairs = ((x / own[1], y / usual[1]) for own, usual in ((a.first, b.first), (a.second, b.second))
             for x, y in zip(own, usual, strict=True) if own[1])  # fmt: skip
    return all(abs(x - y) <= EVEN * abs(y) for x, y in pairs)


# The nearest standard loss ----------------------------------------------------------------------------------------

AROUND: Final[Mapping[str, str]] = {
    "sqrt": "the root",
    "log": "the logarithm",
    "log1p": "the logarithm",
    "exp": "the exponential",
    "expm1": "the exponential",
    "abs": "the point where it turns round",
    "chosen": "the choice of rows",
    "divide": "the divisor",
}
FORMS: Final[Mapping[str, str]] = {
    "same": "",
    "raw": " of the raw prediction through its own link",
    "given": " of the prediction",
    "moved": " of {read}",
}


def beside_standard(found: Nearest, around: Sequence[str] = (), joint: bool = False, read: str = "") -> str:
    """The equality with a standard loss, or how far the nearest one is; `read` is what is read for a raw prediction."""
    if not found.exact:
        return _nearest(found).replace(FORMS["moved"], f" of {read}")
    apart = f"apart from {listed([AROUND[name] for name in around])}, " if around else ""
    row = "" if joint else "row by row "
    rest = "" if found.rest == 0 or around else f" {_signed(found.rest)}"
    loss = _scaled(found).replace(FORMS["moved"], f" of {read}")
    return f"{apart}{row}it is exactly {loss}{rest} (equal at {found.points} points)"


def _called(found: Nearest) -> str:
    inside = ", ".join(f"{name}={exact(value)}" for name, value in found.parameters)
    return f"{found.name}({inside}){FORMS[found.form]}" if inside else f"{found.name}{FORMS[found.form]}"


def _signed(rest: float | None) -> str:
    if rest is None:
        return "plus a part that the target alone decides"
    return f"{'plus' if rest > 0 else 'minus'} {exact(abs(rest))}, whatever is predicted"


def _scaled(found: Nearest) -> str:
    """The standard loss with its factors."""
    factors = [(label, exact(scale)) for label, scale in found.scales]
    if found.by == "all":
        return _called(found) if factors[0][1] == "1" else f"{factors[0][1]} * {_called(found)}"
    words = SIDES if found.by == "side" else None
    where = {label: words[label] if words else f"y is {number(label)}" for label, _ in factors}
    parts = [f"{often(factor)} where {where[label]}" for label, factor in factors]
    return f"{_called(found)}, counted {listed(parts)}"


SIDES: Final[Mapping[float, str]] = {-1.0: "the prediction is too low", 1.0: "it is too high"}
ALMOST: Final = 0.02
FAR: Final = 0.5


def _nearest(found: Nearest) -> str:
    loss = _scaled(found)
    apart = f"their pulls differ by {percent(found.gap)} on average"
    if found.gap < EVEN:
        return f"it pulls exactly as {loss} does, but its value jumps"
    if found.gap < ALMOST:
        return f"nearest is {loss}: nearly the same, {apart}"
    y, p, ratio = found.worst or (0.0, 0.0, 1.0)
    most = f"most where y is {number(y)} and the prediction {number(p)}: there it {_more(ratio)}"
    return f"{'none is near; least far' if found.gap > FAR else 'nearest'} is {loss}: {apart}, {most}"


def _more(ratio: float) -> str:
    if ratio == 0:
        return "does not pull"
    if math.isinf(ratio):
        return "pulls and the other does not"
    if ratio < 0:
        return "pulls the other way"
    return f"pulls {number(ratio)} times as hard" if ratio > 1 else f"pulls {number(1 / ratio)} times less"


# Shifted probabilities --------------------------------------------------------------------------------------------

RARE: Final = 0.05


def shift(weights: Sequence[float]) -> tuple[str, ...]:
    """What class weights do to predicted probabilities, and the way back.

    >>> for line in shift((1.0, 20.0)):
    ...     print(line)
    A model trained with it says odds 20 times too high: where the truth is 5 % it says 51.3 %.
    The way back: p / (p + 20 * (1 - p)).
    >>> shift((3.0, 3.0))
    ()
    """
    if len(set(weights)) == 1:
        return ()
    if not all(weights):
        return ("A class that weighs nothing is never learned: its rows are absent, and there is no way back.",)
    if len(weights) == 2:
        return _shift_of_two(weights[1] / weights[0])
    shown = listed([exact(w) for w in weights])
    said = listed([percent(w / sum(weights)) for w in weights])
    return (
        f"A model trained with it says {said} where all classes are equally likely.",
        f"The way back: divide the probabilities by {shown}, then make them add up to 1.",
    )


def _shift_of_two(ratio: float) -> tuple[str, ...]:
    said = ratio * RARE / (1 - RARE + ratio * RARE)
    high, size = ("high", ratio) if ratio > 1 else ("low", 1 / ratio)
    back = (
        f"p / (p + {exact(ratio)} * (1 - p))"
        if ratio > 1
        else f"{exact(1 / ratio)} * p / ({exact(1 / ratio)} * p + 1 - p)"
    )
    return (
        f"A model trained with it says odds {exact(size)} times too {high}: where the truth is {percent(RARE)} it says "
        f"{percent(said)}.",
        f"The way back: {back}.",
    )
