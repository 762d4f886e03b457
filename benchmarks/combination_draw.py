"""Random designs: a tree of losses, combinators and sums, drawn; its text; the loss that the library makes of it.

Comes in: a seeded generator. Goes out: a `Tree`, `text(tree)` (Python that makes it again) and `built(tree)`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import numpy as np

import lossmith as ls

Random: TypeAlias = np.random.Generator
Arguments: TypeAlias = tuple[tuple[str, Any], ...]


@dataclass(frozen=True)
class Leaf:
    """A loss by name, with parameters; or by a formula of its own, where `written` names one."""

    name: str
    given: Arguments = ()


@dataclass(frozen=True)
class Done:
    """What a combinator makes of a tree."""

    inner: Tree
    call: str
    given: Arguments = ()

    @property
    def numbers(self) -> dict[str, Any]:
        """The arguments by name."""
        return dict(self.given)


@dataclass(frozen=True)
class Sum:
    """Losses times factors, added up."""

    parts: tuple[tuple[Tree, float], ...]


Tree: TypeAlias = Leaf | Done | Sum

OWN: Final[Mapping[str, Mapping[str, str]]] = {
    "share_log_loss": {"text": "-y*log(p) - (1-y)*log(1-p)", "target": "fraction", "link": "sigmoid"},
    "share_brier": {"text": "(y - p)**2", "target": "fraction", "link": "sigmoid"},
    "share_error": {"text": "(y - z)**2", "target": "fraction"},
}
"""Losses of shares, of which the catalogue has none."""


def _sizes(low: float, high: float) -> Callable[[Random], float]:
    return lambda random: float(10.0 ** random.uniform(low, high))


def _between(low: float, high: float) -> Callable[[Random], float]:
    return lambda random: float(random.uniform(low, high))


def _one_of(*values: Any) -> Callable[[Random], Any]:
    return lambda random: values[int(random.integers(len(values)))]


def _either(*ways: Callable[[Random], Any]) -> Callable[[Random], Any]:
    return lambda random: ways[int(random.integers(len(ways)))](random)


ON: Final = {"on": _one_of("probability")}
GAMMA: Final = _either(_one_of(0.0, 0.5, 1.0, 1.5, 2.0, 3.0), _between(0.0, 5.0))
POSITIVE: Final = _sizes(-2.0, 2.0)
EPSILON: Final = _either(_one_of(0.0, 1e-3, 0.1, 0.5), _between(0.0, 0.95))

# Losses by the kind of their target: name -> how its parameters are drawn.
Losses: TypeAlias = Mapping[str, Mapping[str, Callable[[Random], Any]]]
LOSSES: Final[Mapping[str, Losses]] = {
    "real": {
        **{name: {} for name in ("squared_error", "half_squared_error", "sum_of_squares_half", "rmse", "absolute_error")},
        "huber": {"delta": POSITIVE}, "log_cosh": {}, "quantile": {"level": _between(0.01, 0.99)},
        "expectile": {"level": _between(0.01, 0.99)}, "gaussian": {"scale": POSITIVE}, "laplace": {"scale": POSITIVE},
        "student_t": {"degrees": _between(1.0, 20.0), "scale": POSITIVE}, "logistic": {"scale": POSITIVE},
    },
    "nonnegative": {"poisson": {}, "tweedie": {"power": _between(1.05, 1.95)}},
    "positive": {"gamma": {}, "gamma_likelihood": {"shape": POSITIVE}, "log_normal": {"sigma": POSITIVE}},
    "count": {
        "poisson_likelihood": {}, "negative_binomial": {"dispersion": POSITIVE},
        "zero_inflated_poisson": {"zero": _between(0.05, 0.95)},
    },
    "binary": {
        "binary_cross_entropy": {}, "brier": {}, "focal": {"gamma": GAMMA},
        "weighted focal": {"gamma": GAMMA, "alpha": _between(0.05, 0.95)}, "dice": {"smooth": _one_of(0.0, 1.0)},
        "tversky": {"alpha": _between(0.1, 0.9), "beta": _between(0.1, 0.9), "smooth": _one_of(0.0, 1.0)},
    },
    "given binary": {"binary_cross_entropy": ON, "brier": ON, "focal": {"gamma": GAMMA, **ON}},
    "class": {
        "cross_entropy": {}, "softmax_focal": {"gamma": GAMMA}, "label_smoothed_cross_entropy": {"epsilon": EPSILON},
    },
    "given class": {"cross_entropy": ON, "softmax_focal": {"gamma": GAMMA, **ON}},
    "simplex": {"distribution_cross_entropy": {}, "kl_divergence": {}},
    "ordinal": {"ordinal": {}},
    "fraction": {name: {} for name in OWN},
}  # fmt: skip
KINDS: Final[Mapping[str, float]] = {
    "real": 5, "binary": 6, "class": 5, "nonnegative": 1, "positive": 1, "count": 1, "simplex": 0.7, "ordinal": 0.5,
    "fraction": 0.8, "given binary": 0.7, "given class": 0.7,
}  # fmt: skip

CLASSES: Final = 3
YES_OR_NO: Final = frozenset({"binary", "given binary", "fraction"})
OF_CLASSES: Final = frozenset({"class", "given class", "simplex"})
OF_NUMBERS: Final = frozenset({"real", "nonnegative", "positive", "count", "ordinal"})
LIKELY: Final = YES_OR_NO | OF_CLASSES
WEIGHTED: Final = frozenset({"binary", "given binary", "class", "given class", "simplex"})
EVERY: Final = frozenset(LOSSES)

WEIGHTS_OF_ERRORS: Final = (
    "1 + abs(e)", "where(abs(e) < 1, 2, 0.5)", "exp(-e**2)", "1/(1 + e**2)", "stop_gradient(1 + abs(e))", "1 + e**2",
)  # fmt: skip


def _priors(random: Random, kind: str) -> Any:
    if random.uniform() < 0.2:
        return None
    shares = 10.0 ** random.uniform(-4.0, 0.0, size=2 if kind in YES_OR_NO else CLASSES)
    return [float(x) for x in shares / shares.sum()]


def _class_weights(random: Random, kind: str) -> Any:
    named = ("balanced", "effective_number(0.9)")
    if random.uniform() < 0.3:
        return named[int(random.integers(2))]
    return [float(10.0 ** random.uniform(-3.0, 3.0)) for _ in range(2 if kind in YES_OR_NO else CLASSES)]


# A combinator: for which kinds of target it is meant, and how its arguments are drawn (kind included).
Drawn: TypeAlias = Callable[[Random, str], dict[str, Any]]


def _numbers(**ways: Callable[[Random], Any]) -> Drawn:
    return lambda random, kind: {key: way(random) for key, way in ways.items()}


def _selection(random: Random, kind: str) -> dict[str, Any]:
    ways: list[dict[str, Any]] = [
        {"top": float(random.uniform(0.1, 0.9))}, {"top": int(random.integers(1, 6))},
        {"top": 2, "per": "group"}, {"above": float(10.0 ** random.uniform(-2.0, 1.0))},
        {"between": (float(random.uniform(0.0, 0.4)), float(random.uniform(0.5, 1.0)))},
        {"trim": float(random.uniform(0.05, 0.6))},
    ]  # fmt: skip
    if kind in YES_OR_NO:
        ways.append({"negatives": float(random.integers(1, 4))})
    return ways[int(random.integers(len(ways)))]


ALPHA: Final = _either(
    _one_of(2.0, 0.0, 1.0, -2.0, -50.0, 1e-9, -1e-9, 2 - 1e-9, 2 - 2.0**-50, 0.5, 1e-300), _between(-10.0, 2.0)
)
TEMPERATURES: Final = _either(_one_of(0.1, 10.0, 2.0, 1.0), _sizes(-1.0, 1.0))

COMBINATORS: Final[Mapping[str, tuple[frozenset[str], Drawn]]] = {
    "reweight": (WEIGHTED, lambda random, kind: {"class_weight": _class_weights(random, kind)}),
    "reweight by": (EVERY, _numbers(by=_one_of("cost"))),
    "mask": (EVERY, _numbers(by=_one_of("valid"))),
    "ignore": (frozenset({"binary", "class", "given binary", "given class"}), _numbers(index=_one_of(255, 1, -100))),
    "smooth": (LIKELY, _numbers(epsilon=EPSILON)),
    "empty": (EVERY, _numbers(rule=_one_of("zero", "nan", "error"))),
    "adjust": (frozenset({"binary", "class"}), lambda random, kind: {
        "prior": _priors(random, kind), "tau": float(_one_of(1.0, 0.5, 2.0, -1.0, 10.0)(random))}),
    "margin": (frozenset({"binary", "class", "fraction"}), _numbers(m=_either(_one_of(0.0, 1.0), _between(0.0, 5.0)))),
    "temper": (frozenset({"binary", "class", "fraction"}), _numbers(T=TEMPERATURES)),
    "soft_cap": (frozenset({"binary", "class", "fraction"}), _numbers(c=_either(_one_of(1.0, 5.0, 30.0), POSITIVE))),
    "asymmetric": (OF_NUMBERS, _numbers(under=_sizes(-3.0, 3.0), over=_sizes(-3.0, 3.0))),
    "error_weight": (OF_NUMBERS, _numbers(f=_one_of(*WEIGHTS_OF_ERRORS))),
    "zoom": (frozenset({"real"}), _numbers(scale=_sizes(-3.0, 3.0))),
    "modulate": (LIKELY - {"simplex"}, _numbers(gamma=GAMMA)),
    "truncate": (EVERY, _numbers(tau=_sizes(-3.0, 2.0))),
    "robust": (EVERY, _numbers(alpha=ALPHA, c=POSITIVE)),
    "select": (EVERY, _selection),
    "cvar": (EVERY, _numbers(alpha=_between(0.05, 0.95))),
    "tilt": (EVERY, _numbers(t=_either(_one_of(0.0, 1.0, -1.0, 1e-9), _between(-10.0, 10.0)))),
    "over": (EVERY, _numbers(denominator=_one_of("weight", "count", "positives", "examples", "one"))),
    "flood": (EVERY, _numbers(b=_one_of(0.0, 0.01, 0.1, 1.0))),
    "times": (EVERY, _numbers(factor=_sizes(-3.0, 3.0))),
}  # fmt: skip
AWKWARD: Final = 0.03  # how often a combinator is tried on a kind that it is not meant for


# Drawing --------------------------------------------------------------------------------------------------------------


def draw(random: Random) -> tuple[str, Tree]:
    """A kind of target, and a design: one to three losses, one to four combinators on them or on their sum."""
    kinds = list(KINDS)
    weights = np.array([KINDS[k] for k in kinds])
    kind = kinds[int(random.choice(len(kinds), p=weights / weights.sum()))]
    parts: list[Tree] = [_leaf(random, kind) for _ in range(int(random.choice([1, 2, 3], p=[0.6, 0.25, 0.15])))]
    calls = int(random.integers(1, 5))
    inside = int(random.integers(0, calls + 1)) if len(parts) > 1 else 0
    for _ in range(inside):
        at = int(random.integers(len(parts)))
        parts[at] = _with_call(random, kind, parts[at])
    tree: Tree = parts[0] if len(parts) == 1 else Sum(tuple((part, _factor(random)) for part in parts))
    for _ in range(calls - inside):
        tree = _with_call(random, kind, tree)
    return kind, tree


def _factor(random: Random) -> float:
    return 1.0 if random.uniform() < 0.3 else float(10.0 ** random.uniform(-3.0, 3.0))


def _leaf(random: Random, kind: str) -> Leaf:
    names = list(LOSSES[kind])
    name = names[int(random.integers(len(names)))]
    return Leaf(name.removeprefix("weighted "), tuple((key, way(random)) for key, way in LOSSES[kind][name].items()))


def _with_call(random: Random, kind: str, tree: Tree) -> Tree:
    meant = [name for name, (kinds, _) in COMBINATORS.items() if kind in kinds]
    others = [name for name in COMBINATORS if name not in meant]
    pool = others if others and random.uniform() < AWKWARD else meant
    name = pool[int(random.integers(len(pool)))]
    given = COMBINATORS[name][1](random, kind)
    return Done(tree, name.removesuffix(" by"), tuple(given.items()))


# Building -------------------------------------------------------------------------------------------------------------


def built(tree: Tree) -> Any:
    """The loss that the library makes of a design; raises what the library raises."""
    if isinstance(tree, Leaf):
        if tree.name in OWN:
            own = dict(OWN[tree.name])
            return ls.parse(own.pop("text"), name=tree.name, **own)
        return ls.get(tree.name, **dict(tree.given))
    if isinstance(tree, Sum):
        parts = [factor * built(part) if factor != 1.0 else built(part) for part, factor in tree.parts]
        return sum(parts[1:], start=parts[0])
    inner = built(tree.inner)
    if tree.call == "times":
        return tree.numbers["factor"] * inner
    return getattr(inner, tree.call)(**tree.numbers)


def text(tree: Tree) -> str:
    """Python that makes the design again."""
    if isinstance(tree, Leaf):
        if tree.name in OWN:
            own = dict(OWN[tree.name])
            return f"ls.parse({own.pop('text')!r}, {_given(tuple(own.items()))})"
        return f"ls.get({tree.name!r}{', ' if tree.given else ''}{_given(tree.given)})"
    if isinstance(tree, Sum):
        return "(" + " + ".join(_multiple(factor, text(part)) for part, factor in tree.parts) + ")"
    if tree.call == "times":
        return f"({tree.numbers['factor']!r} * {text(tree.inner)})"
    return f"{text(tree.inner)}.{tree.call}({_given(tree.given)})"


def _multiple(factor: float, shown: str) -> str:
    return shown if factor == 1.0 else f"{factor!r} * {shown}"


def _given(given: Arguments) -> str:
    return ", ".join(f"{key}={value!r}" for key, value in given)


def calls_of(tree: Tree) -> list[str]:
    """The combinators of a design, the innermost first."""
    if isinstance(tree, Leaf):
        return []
    if isinstance(tree, Sum):
        return [*(name for part, _ in tree.parts for name in calls_of(part)), "sum"]
    return [*calls_of(tree.inner), tree.call]


def leaves_of(tree: Tree) -> list[Leaf]:
    """The losses of a design."""
    if isinstance(tree, Leaf):
        return [tree]
    if isinstance(tree, Sum):
        return [leaf for part, _ in tree.parts for leaf in leaves_of(part)]
    return leaves_of(tree.inner)
