"""What a design does, in plain sentences: records of measured numbers come in, sentences go out.

Every number in a sentence stands in a record; words are chosen by tables and by comparisons of these numbers.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Final

from lossmith.loss.explain.effects import Pulls, Sides
from lossmith.loss.explain.figures import EVEN, exact, listed, number, percent, times
from lossmith.loss.explain.nearest import AROUND
from lossmith.loss.explain.settling import N_EXAMPLE, SHARES, TOGETHER, Settled

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


def weighed(columns: Sequence[str]) -> str:
    """What weights by a column do to every estimate."""
    shown = listed([f'"{name}"' for name in columns])
    return f"Rows do not count one each, but as much as {shown} says."


def settles(found: Settled, around: Sequence[str] = ()) -> str:
    """Where it settles on the lopsided example, and where that lies; `around`: what keeps a row's own answer away."""
    middle, mean, at = (number(v) for v in (found.median, found.mean, found.prediction))
    why = f"With {listed([AROUND[name] for name in dict.fromkeys(around)])}, what it" if around else "What it"
    return (
        f"{why} estimates has no name here: on an example of {N_EXAMPLE} lopsided targets (median {middle}, mean {mean}) "
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
        return (
            f"If nothing tells {TOGETHER} rows apart, {said}: the same for all of them. "
            f"With more rows, or fewer, it may say something else."
        )
    if not probabilities:
        return f"Its raw prediction is no probability: {said}."
    back = " Read it backwards for probabilities." if len(set(predictions)) == len(SHARES) else ""
    return f"It does not estimate the probability: {said}.{back}"


def reaches(most: float) -> str:
    """How far predictions reach."""
    return f"Its predictions reach no further than {percent(most)} for a class."


def implies_classes(shares: Sequence[float], predictions: Sequence[float]) -> str:
    """What is predicted where classes have these shares."""
    true, said = (listed([percent(q) for q in row]) for row in (shares, predictions))
    return f"It does not estimate the probability: where the classes have {true} of the rows, it says {said}."


# Under and over ---------------------------------------------------------------------------------------------------


def too_low_and_high(found: Sides) -> str:
    """How the cost of a prediction that is too low compares with one too high."""
    if found.elsewhere:
        return f"A row whose target is {number(found.at)} costs least elsewhere than at {number(found.at)}."
    known = [(t, r) for t, r in zip(found.places, found.ratios, strict=True) if not math.isnan(r)]
    if not known:
        return "Neither too low nor too high costs anything."
    step, ratio = number(known[len(known) // 2][0]), known[0][1]
    if found.constant and abs(ratio - 1) < EVEN:
        return "Too low and too high cost the same at equal distance, whatever the distance."
    if found.constant and not ratio:
        return "A prediction that is too low costs no more than one that is right."
    if found.constant and math.isinf(ratio):
        return "A prediction that is too high costs no more than one that is right."
    everywhere = "at every size" if len(known) == len(found.ratios) else "wherever either costs anything"
    if found.constant:
        (less, more), ratio = (("low", "high"), ratio) if ratio > 1 else (("high", "low"), 1 / ratio)
        return f"A prediction {step} too {less} costs {number(ratio)} times one {step} too {more}, {everywhere}."
    return f"Where the target is {number(found.at)}, {_compared(found)}."


def _compared(found: Sides) -> str:
    """The ratios at every distance, of the dearer side where one is always dearer."""
    pairs = [(t, r) for t, r in zip(found.places, found.ratios, strict=True) if not math.isnan(r)]
    if found.low == found.high:
        return f"too low costs, beside too high: {', '.join(f'{_dearer(r)} at {number(t)}' for t, r in pairs)}"
    less, more = ("high", "low") if found.high else ("low", "high")
    turned = [(t, (1 / r if r else math.inf) if found.high else r) for t, r in pairs]
    often = all(abs(r - 1) >= EVEN for _, r in turned)
    start = f"too {less} costs more than too {more}" if often else f"too {less} costs as much as too {more} or more"
    return f"{start}: {', '.join(f'{_dearer(r)} at {number(t)}' for t, r in turned)}"


def _dearer(ratio: float) -> str:
    """A ratio of two costs in a list."""
    if math.isinf(ratio):
        return "it alone"
    if abs(ratio - 1) < EVEN:
        return "the same"
    return f"{number(ratio)} times" if ratio else "nothing"


def miss_and_alarm(found: Sides) -> str:
    """How a missed positive compares with a false alarm."""
    pairs = [(c, r) for c, r in zip(found.places, found.ratios, strict=True) if not math.isnan(r)]
    if found.elsewhere:
        return "For rows of one outcome a wrong answer costs less than a right one of the same certainty."
    if not pairs:
        return "Neither a miss nor a false alarm costs anything."
    ratio = pairs[0][1]
    if found.constant and (math.isinf(ratio) or not ratio):
        one, other = ("missed positive", "false alarm") if ratio else ("false alarm", "missed positive")
        return f"Only a {one} costs anything: a {other} costs no more than a right answer."
    beyond = "" if found.plain else "Beyond what a right answer of the same certainty costs, "
    return f"{beyond}{_miss(found, pairs)}" if beyond else _miss(found, pairs).replace("a ", "A ", 1)


def _miss(found: Sides, pairs: Sequence[tuple[float, float]]) -> str:
    """A miss beside a false alarm, as a sentence that starts small."""
    ratio = pairs[0][1]
    if found.constant and abs(ratio - 1) < EVEN:
        return "a miss costs as much as a false alarm of the same certainty."
    if found.constant and ratio > 1:
        return f"a missed positive costs {number(ratio)} times a false alarm of the same certainty."
    if found.constant:
        return f"a false alarm costs {number(1 / ratio)} times a missed positive of the same certainty."
    shown = ", ".join(f"{_dearer(r)} at {percent(c)}" for c, r in pairs)
    return f"a missed positive costs, beside a false alarm of the same certainty: {shown}."


# Which errors pull ------------------------------------------------------------------------------------------------

POWERS: Final[Mapping[int, str]] = {
    0: "Every error pulls as hard as any other, however large it is.",
    1: "The pull of a row grows in proportion to its error: ten times the error pulls ten times as hard.",
    2: "The pull of a row grows with the square of its error: ten times the error pulls 100 times as hard.",
    3: "The pull of a row grows with the third power of its error: ten times the error pulls 1,000 times as hard.",
}
TOGETHER_ONLY: Final = "Between the rows of one batch, {}{} How hard all of them pull changes with the batch"
TURNS: Final = (
    ", and where the finished number lies below the level at which it turns round, all of them push the other way"
)
PUSHED: Final = "No error pulls towards the truth: every row pushes its prediction away from its target."
LEVEL: Final = 1.02  # pulls of far errors that differ less than this are nearly the same
SAME: Final = ", the same further out"
LATE: Final = 1e5  # errors beyond are too far to say that pulls stay as they are from there on


def errors_pull(found: Pulls, together: bool = False, turns: bool = False) -> str:
    """How the pull of a row changes with the size of its error.

    `together`: rows are finished together, so that only those of one batch compare; `turns`: the finished number turns round.

    >>> errors_pull(Pulls((0.1, 1.0, 10.0), (0.1, 1.0, 10.0), (0.1, 1.0, 10.0), power=1), together=True)[:60]
    'Between the rows of one batch, the pull of a row grows in pr'
    """
    said = _errors_pull(found)
    if not together:
        return said
    return f"{TOGETHER_ONLY.format(said[0].lower(), said[1:])}{TURNS if turns else ''}."


def _errors_pull(found: Pulls) -> str:
    if found.power is not None and max(found.first[1], found.second[1]) < 0:
        return PUSHED
    if found.power is not None:
        return POWERS[found.power]
    base = next((t for t, g, h in _usual(found) if g > 0 or h > 0), None)
    if base is None:
        return _still(found)
    low, high = (_one_side(found, side, base) for side in (1, 2))
    start = f"The pull of a row, beside that of an error of {number(base)}"
    if low == high:
        return f"{start}: {low}."
    return f"{start} on the same side (target {number(found.at)}): too low, {low}; too high, {high}."


def _usual(found: Pulls) -> list[tuple[float, float, float]]:
    """The everyday errors with the pulls of both sides, the middle one first."""
    small, middle, large = list(zip(found.places, found.first, found.second, strict=True))[:3]
    return [middle, large, small]


def _still(found: Pulls) -> str:
    """What is said where no everyday error pulls: which errors do."""
    where = f"Where the target is {number(found.at)}, "
    if found.all_still:
        return "No error pulls towards the truth."
    low, high = (_span([(row[0], row[side]) for row in found.fine]) for side in (1, 2))
    if low == high:
        return f"{where}{'no error pulls' if low is None else f'only errors {low} pull'} towards the truth."
    sides = "; ".join(
        f"too {name}, {'none' if s is None else f'those {s}'}" for name, s in (("low", low), ("high", high))
    )
    return f"{where}few errors pull towards the truth: {sides}."


def _span(fine: Sequence[tuple[float, float]]) -> str | None:
    """Which errors pull towards the truth, of all that are looked at."""
    known = [(t, g > 0) for t, g in fine if math.isfinite(g)]
    pulling = [t for t, pulls in known if pulls]
    if not pulling:
        return None
    first, last = pulling[0], pulling[-1]
    gaps = "" if all(pulls for t, pulls in known if first <= t <= last) else " (not all)"
    if first == known[0][0]:
        return f"up to {_about(fine, last, 1)}{gaps}"
    return f"from {_about(fine, first, -1)} {'on' if last == known[-1][0] else f'to {_about(fine, last, 1)}'}{gaps}"


def _about(fine: Sequence[tuple[float, float]], size: float, side: int) -> str:
    """An error at which something begins or ends, with "about" where the next one looked at lies far from it."""
    sizes = [t for t, _ in fine]
    at = sizes.index(size) + side
    near = 0 <= at < len(sizes) and abs(sizes[at] - size) < 1e-4 * size
    return number(size) if near else f"about {number(size)}"


def _one_side(found: Pulls, side: int, base: float) -> str:
    """The pulls of everyday errors beside one of them, what smaller ones do if that is not seen, and far ones."""
    pulls = found.first if side == 1 else found.second
    known = [(t, g) for t, g in zip(found.places, pulls, strict=True) if math.isfinite(g)]
    fine = [(row[0], row[side]) for row in found.fine if math.isfinite(row[side])]
    unit = dict(known).get(base, 0.0)
    if unit <= 0:
        span = _span(fine)
        return "none" if span is None else f"only errors {span}"
    parts = [f"{_hard(g / unit)} at {number(t)}" for t, g in known if t != base and t in found.places[:3]]
    if parts and abs(known[0][1] / unit - 1) < EVEN:
        parts = [f"{_hard(g / unit)} at {number(t)}" for t, g in _smaller(fine, known[0])] + parts
    far = _far(fine, found.places[:3][-1], unit)
    if far == SAME and base == found.places[2]:
        far = f", as hard beyond {number(base)}"
    return f"{listed(parts)}{far}"


def _smaller(fine: Sequence[tuple[float, float]], first: tuple[float, float]) -> list[tuple[float, float]]:
    """A smaller error that pulls unlike the smallest everyday one, if there is any."""
    unlike = [(t, g) for t, g in fine if t < first[0] and abs(g / first[1] - 1) > EVEN]
    about = [(t, g) for t, g in unlike if t <= first[0] / 9.9]
    return (about or unlike)[-1:]


def _hard(ratio: float) -> str:
    if ratio < 0:
        return "the other way"
    if abs(ratio - 1) < EVEN:
        return "as hard"
    return f"{number(ratio)} times" if ratio else "nothing"


def _far(fine: Sequence[tuple[float, float]], last: float, unit: float) -> str:
    """How pulls go on beyond the last everyday error, as far as a million."""
    beyond = [(t, g) for t, g in fine if t >= last]
    if not beyond or beyond[-1][0] < 9 * last:
        return ""
    (_, start), (_, end), pulls = beyond[0], beyond[-1], [g for _, g in beyond]
    level = next(t for k, (t, _) in enumerate(beyond) if all(abs(g - end) <= EVEN * abs(end) for g in pulls[k:]))
    if not end and not start and level == beyond[0][0]:
        return ""
    if level == beyond[0][0]:
        return SAME
    if start and all(abs(g / start - 1) < LEVEL - 1 for g in pulls):
        return ", nearly the same further out"
    if level < min(LATE, beyond[-1][0]):
        between = "" if _steady(pulls) else ", with ups and downs"
        start_at = f"beyond {number(last)}" if number(level) == number(last) else f"from {_about(fine, level, -1)} on"
        return f"{between}, {_hard(end / unit)} {start_at}"
    mark = next((row for row in beyond if row[0] >= 100 * last), beyond[-1])
    if _steady(pulls):
        return f", {'fading' if end < start else 'growing'} to {number(mark[1] / unit)} times at {number(mark[0])}"
    return f", {_hard(mark[1] / unit)} at {number(mark[0])}"


def _steady(pulls: Sequence[float]) -> bool:
    """Whether pulls only grow or only fade, up to rounding."""
    steps = [(b - a) / max(abs(a), abs(b), 1e-300) for a, b in pairwise(pulls)]
    return all(s <= EVEN for s in steps) or all(s >= -EVEN for s in steps)


def rows_pull(found: Pulls, usual: Pulls | None, last: int = 0) -> str:
    """How hard rows pull that are right or wrong, beside undecided ones; and under log loss, if that differs.

    `last` is the number of the last class, where there are several.
    """
    reference = None if usual is None or _alike(found, usual) else usual.first
    if found.first[1] == found.second[1] == 0:
        return _undecided_still(found, ("class 0", f"class {last}") if last else ("positive rows", "others"))
    positive, negative = (_right_and_wrong(found.places, pulls, reference) for pulls in (found.first, found.second))
    names = ("of class 0", f"of class {last}") if last else ("positive rows", "others")
    own = positive if positive == negative else f"{names[0]}: {positive}; {names[1]}: {negative}"
    return f"Beside an undecided row ({percent(found.places[1])} for what happened), {own}."


def _undecided_still(found: Pulls, names: tuple[str, str]) -> str:
    """Which rows pull where undecided ones do not."""
    start = f"An undecided row ({percent(found.places[1])} for what happened) does not pull"
    both = [
        f"one that is right ({percent(found.places[0])}) {_does(pulls[0])}, a wrong one ({percent(found.places[2])}) "
        f"{_does(pulls[2])}"
        for pulls in (found.first, found.second)
    ]
    own = both[0] if both[0] == both[1] else f"{names[0]}: {both[0]}; {names[1]}: {both[1]}"
    return f"{start}; {own}."


def _does(pull: float) -> str:
    return "does" if pull > 0 else "pulls the wrong way" if pull < 0 else "does not"


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
