"""Losses in a real browser give the numbers that they give in Python: one page computes them all.

The reference are NumPy kernels. What differs by more than 1e-12 of itself must do so by less than 1e-12 of the scale that
the accuracy contract allows there (beside a change of sign, for a soft label …).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import lossmith as ls
from lossmith.certificate import Subject
from lossmith.certificate.scales import place_of, scales
from lossmith.checking.certify import _subject as subject_of
from lossmith.checking.certify import leaf_values, outputs, samples_of, variants
from lossmith.checking.places import Sample
from lossmith.numerics.formats import format_of
from tests.emit.js_jobs import Job, arrays, page
from tests.properties.cases import OWN

pytestmark = pytest.mark.peers("playwright")

NEAR = 1e-12
FORMAT = format_of("float64")
METHODS = {"value": "perExample", "gradient": "perExampleGradient", "hessian": "perExampleHessian"}
LOSSES = [loss.using("numpy") for name in ls.names() for loss in variants(name)]
RNG = np.random.default_rng(5)
N, K = 40, 3


@dataclass(frozen=True)
class Asked:
    """One call in the browser, and what Python says (or the words of an error); `of` names it, `more` judges it."""

    of: str
    job: Job
    python: Any
    more: tuple[Subject, ...] = ()
    sample: Sample | None = None


# The catalogue at hard points -------------------------------------------------------------------------------------------


def named(loss: ls.Loss) -> str:
    on = loss.definition.declaration.on
    return f"{loss.name} {sorted(loss.parameters.items())}{'' if on == 'raw' else ' on ' + on}"


def of_catalogue(loss: ls.Loss) -> list[Asked]:
    """Value, gradient and hessian of a loss at the points where certificates are measured, of half as many rows."""
    found = []
    for output, made in outputs(loss).items():
        for sample in samples_of(loss, FORMAT, 120, 1):
            raw = sample.raw_prediction
            with np.errstate(all="ignore"):
                python = made.compute(loss, sample)
            method = METHODS[output] if loss.is_additive else output
            job = Job(loss, method, sample.y_true, raw, columns=sample.columns, classes=width(raw))
            found.append(Asked(named(loss), job, python, (subject_of(loss, output, made),), sample))
    return found


def width(raw: Any) -> int | None:
    return int(raw.shape[1]) if raw.ndim == 2 else None


# Designs and formulas ---------------------------------------------------------------------------------------------------

BCE, CE, MAE = ls.get("bce"), ls.get("ce"), ls.get("mae")
YES = (RNG.random(N) < 0.4).astype(float)
SOFT, REAL = RNG.random(N), RNG.normal(size=N)
NUMBERS, SHARES = RNG.integers(0, K, N), RNG.dirichlet(np.ones(K), N)
RAW, WIDE = 2 * RNG.normal(size=N), 2 * RNG.normal(size=(N, K))
COLUMNS = {"kept": (RNG.random(N) < 0.6).astype(float), "worth": RNG.random(N), "group": np.arange(N) % 4}
WEIGHT = RNG.integers(0, 4, N) / 2.0

OF_TWO = [
    BCE.modulate(1.5).smooth(0.1), BCE.reweight({0: 1, 1: 20}), BCE.reweight([2, 3]).smooth(0.2), BCE.adjust([0.9, 0.1], 0.5),
    BCE.temper(2).soft_cap(3), BCE.margin(0.2).over("count"), BCE.over("positives"), BCE.select(negatives=2),
    BCE.select(top=2, per="group"), BCE.tilt(0.5), BCE.flood(0.1), BCE.mask("kept").reweight(by="worth"), BCE.cvar(0.3),
    ls.mix({"bce": 0.7, "focal(gamma=2)": 0.3}), BCE + ls.get("dice"), BCE.truncate(1.5), BCE.over("examples"),
]  # fmt: skip
OF_CLASSES = [
    CE.reweight([1, 2, 3]), CE.reweight([1, 2, 3]).smooth(0.1), CE.adjust([0.5, 0.3, 0.2]), CE.temper(3).smooth(0.1),
    CE.modulate(1.5).over("count"), CE.cvar(0.3), CE.select(top=5),
]  # fmt: skip
OF_NUMBERS = [MAE.asymmetric(3, 1).select(top=0.5), ls.get("huber").zoom(3), ls.get("mse").robust(1.0, 2.0).tilt(0.5)]


def formula(text: str, **declared: Any) -> ls.Loss:
    return ls.parse(text, target="real", **declared)


ODD = [
    formula("sin(y - z)**2 + cos(z)"), formula("lgamma(p + 1) - y*log(p)", link="softplus"), formula("erf(y - z)**2"),
    formula("(y - z) * tanh(y - z) + maximum(z, 0)"), formula("sqrt(1 + (y - z)**2) - 1"),
]  # fmt: skip


@ls.define(
    target={"time": "positive", "event": "binary"}, heads={"shape": "exp", "scale": "softplus"}, columns=("start",)
)
def weibull(time: Any, event: Any, shape: Any, scale: Any, start: Any, power: float = 1.0) -> Any:
    hazard = ls.log(shape / scale) + (shape - 1) * ls.log(time / scale)
    return (time / scale) ** shape - (start / scale) ** shape - power * event * hazard


def calls(loss: ls.Loss, y: Any, raw: Any, weight: Any, columns: Any) -> dict[str, Callable[[], Any]]:
    """The methods of JavaScript, and what Python does for each."""
    given = (y, raw, weight)
    found: dict[str, Callable[[], Any]] = {
        "value": lambda: loss.value(*given, columns=columns),
        "gradient": lambda: loss.gradient(*given, columns=columns),
        "predict": lambda: loss.predict(raw),
    }
    if loss.is_additive:
        pair = lambda: loss.per_example_gradient_and_hessian(*given, columns=columns)  # noqa: E731
        found["perExample"] = lambda: loss.per_example(*given, columns=columns)
        found |= {"perExampleGradient": lambda: pair()[0], "perExampleHessian": lambda: pair()[1]}
    return found


def of_design(loss: ls.Loss, y: Any, raw: Any, columns: Any = None, weight: Any = WEIGHT) -> list[Asked]:
    """Every method of a design, weighted."""
    loss, read = loss.using("numpy"), (*loss.definition.declaration.columns, "group")
    given = {name: array for name, array in (columns or COLUMNS).items() if name in read}
    classes = width(raw) if loss.definition.declaration.has_classes else None
    found = []
    for method, compute in calls(loss, y, raw, weight, given or None).items():
        with np.errstate(all="ignore"):
            found.append(Asked(loss.name, Job(loss, method, y, raw, weight, given, classes=classes), compute()))
    return found


def designs() -> list[Asked]:
    soft = [loss for loss in OF_TWO if "positives" not in loss.name and "negatives" not in loss.name]
    found = [asked for loss in OF_TWO for asked in of_design(loss, YES, RAW)]
    found += [asked for loss in soft for asked in of_design(loss, SOFT, RAW)]
    found += [asked for loss in OF_CLASSES for y in (NUMBERS, SHARES) for asked in of_design(loss, y, WIDE)]
    found += [asked for loss in (*OF_NUMBERS, *ODD) for asked in of_design(loss, REAL, RAW)]
    ignored = np.where(np.arange(N) % 7 == 3, 255, NUMBERS)
    found += of_design(CE.ignore(255).reweight([1, 2, 3]), ignored, WIDE)
    times = {"time": np.exp(REAL), "event": YES}
    found += of_design(weibull, times, np.stack([RAW, REAL], axis=1), {"start": np.exp(REAL) / 3})
    per_image = next(case.loss for case in OWN if case.name == "dice_per_image")
    found += of_design(per_image, np.stack([YES, 1 - YES], axis=1), WIDE[:, :2], {"group": COLUMNS["group"]})
    flat = [case for case in OWN if np.ndim(case.raw) < 3]
    return found + [
        asked for case in flat for asked in of_design(case.loss, case.y, case.raw, case.columns, case.weight)
    ]


HOSTILE = "</script><script>throw 1</script>\"'`${throw_2}\\\n\u2028<!--"


def of_any_name() -> list[Asked]:
    """Names that are words of JavaScript, or would end the script."""

    def loss(function: Any, delete: Any, new: Any, this: float = 1.0, γ: float = 2.0, __proto__: float = 3.0) -> Any:
        return this * function + γ * (delete - new) ** 2 * __proto__

    made = ls.define(target={"delete": "real"}, heads={"new": "identity"}, columns=("function",))(loss)
    hostile = formula("(y - z)**2", name=HOSTILE)
    rows = {"delete": REAL}, RAW[:, None], {"function": SOFT}
    return [*of_design(made.bind(__proto__=0.7), *rows), *of_design(hostile, REAL, RAW)]


LATER = [
    (ls.get("focal"), {"gamma": 0.37}), (ls.get("huber"), {"delta": 3.0}), (BCE.smooth(0.1), {"epsilon": 0.3}),
    (BCE.reweight([2, 3]).smooth(0.2), {"epsilon": 0.4}), (BCE.temper(2), {"T": 0.5}),
]  # fmt: skip


def bound_later() -> list[Asked]:
    """Parameters are arguments: the object made for one value computes with another."""
    found = []
    for loss, given in LATER:
        for method, compute in calls(loss.using("numpy").bind(**given), YES, RAW, WEIGHT, None).items():
            job = Job(loss, method, YES, RAW, WEIGHT, parameters=given)
            found.append(Asked(f"{loss.name} bound", job, compute()))
    return found


def long_sums() -> list[Asked]:
    """A sum of 20,000 terms of every size and sign, which plain addition gets wrong in its ninth place."""
    raw = RNG.choice([-1.0, 1.0], 20_000) * 10.0 ** RNG.uniform(-8, 8, 20_000)
    raw = np.concatenate([raw, -raw[::-1], RNG.random(100)])
    whole = formula("z + y - y").using("numpy")
    return [Asked("a long sum", Job(whole, "value", np.zeros(raw.size), raw), whole.value(np.zeros(raw.size), raw))]


WRONG = [
    (Job(BCE, "value", [0.0, 2.0], [0.0, 0.0]), "y must be a number from 0 to 1, found 2 in row 1."),
    (Job(CE, "value", [0, 3], np.zeros((2, 3)), classes=3), "y must be a class number below 3, found 3 in row 1."),
    (Job(CE, "value", np.zeros(6), np.zeros(6)), "say how many classes: {classes: 3}."),
    (Job(CE, "predict", [0], np.zeros(6)), "say how many classes: {classes: 3}."),
    (Job(MAE, "value", [0.0, 1.0], np.zeros(3)), "y must have 3 entries, got 2."),
    (Job(MAE, "value", [0.0], [1.0], weight=[-1.0]), "a weight must be finite and at least 0, found -1 in row 0."),
    (Job(MAE, "value", [0.0], [1.0], columns={"cost": [1.0]}), 'there is no column "cost".'),
    (Job(BCE.reweight(by="worth"), "value", [0.0], [1.0]), "worth is missing, or no array."),
    (Job(BCE.mask("kept"), "value", [0.0], [1.0], columns={"kept": [0.5]}), "kept must be true or false, found 0.5 in row 0."),
    (Job(BCE.select(top=2, per="group"), "value", [0.0], [1.0]), "name the groups to choose in: {columns: {group: ...}}."),
    (Job(MAE.empty("error"), "value", [0.0], [1.0], weight=[0.0]), "there is no row, which this loss treats as an error."),
    (Job(ls.get("huber"), "value", [0.0], [1.0], parameters={"delta": -1.0}), "delta must be a number greater than 0, found -1."),
    (Job(ls.get("huber"), "value", [0.0], [1.0], parameters={"dleta": 1.0}), 'there is no parameter "dleta".'),
    (Job(ls.get("kl_divergence"), "value", [[0.5, 0.5]], [[1.5, -0.5]], classes=2), "z must be a number from 0 to 1, found 1.5"),
]  # fmt: skip
EMPTY = [("zero", 0.0), ("nan", np.nan)]


# One page ---------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def asked(browser: Any, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[tuple[Asked, Any]]]:
    """Everything computed by one page, by the name of what was asked."""
    everything = [asked for loss in LOSSES for asked in of_catalogue(loss)]
    everything += [*designs(), *of_any_name(), *bound_later(), *long_sums()]
    everything += [Asked("wrong", job, sentence) for job, sentence in WRONG]
    everything += [
        Asked("empty", Job(MAE.empty(rule), "value", [0.0], [1.0], weight=[0.0]), value) for rule, value in EMPTY
    ]
    file = tmp_path_factory.mktemp("javascript") / "losses.html"
    file.write_text(page([one.job for one in everything]), encoding="utf-8")
    found = arrays(_answers(browser, file))
    by_name: dict[str, list[tuple[Asked, Any]]] = {}
    for one, answer in zip(everything, found, strict=True):
        by_name.setdefault(one.of, []).append((one, answer))
    return by_name


def _answers(browser: Any, file: Path) -> Any:
    opened = browser.new_page()
    errors: list[str] = []
    opened.on("pageerror", lambda error: errors.append(str(error)))
    opened.goto(file.as_uri())
    found = opened.evaluate("answers")
    opened.close()
    assert errors == []
    return found


def _far(python: Any, answer: Any, scale: Any) -> Any:
    """Where two arrays differ by more than 1e-12 of the scale; NaN and infinities must be the same."""
    same = (python == answer) | (np.isnan(python) & np.isnan(answer))
    with np.errstate(invalid="ignore", over="ignore"):
        return ~same & ~(np.abs(python - answer) <= NEAR * scale)


@pytest.mark.parametrize("name", [named(loss) for loss in LOSSES])
def test_the_catalogue_gives_the_numbers_of_python(asked: Any, name: str) -> None:
    loss = next(loss for loss in LOSSES if named(loss) == name)
    for one, answer in asked[name]:
        assert not isinstance(answer, str), answer
        found, python = answer.reshape(np.shape(one.python)), np.asarray(one.python, dtype=np.float64)
        for at in np.argwhere(_far(python, found, np.abs(python))):
            place = place_of(one.more[0], leaf_values(loss, one.sample), (*at, 0)[:2])
            allowed = max(float(scale) for _, scale in scales(place, FORMAT, float(python[tuple(at)])))
            assert abs(python[tuple(at)] - found[tuple(at)]) <= NEAR * allowed, (one.job.method, at)


def test_designs_and_formulas_give_the_numbers_of_python(asked: Any) -> None:
    of_catalogue_ = {named(loss) for loss in LOSSES}
    others = [pair for name, pairs in asked.items() if name not in {*of_catalogue_, "wrong", "empty"} for pair in pairs]
    assert len(others) > 300
    for one, answer in others:
        assert not isinstance(answer, str), (one.of, answer)
        python = np.ravel(np.asarray(one.python, dtype=np.float64))
        assert answer.shape == python.shape, one.of
        assert not _far(python, answer, np.nanmax(np.abs(python), initial=0.0)).any(), (one.of, one.job.method)


def test_faults_are_said_in_one_sentence(asked: Any) -> None:
    for one, answer in asked["wrong"]:
        assert isinstance(answer, str), one.job
        assert one.python in answer
        assert answer.startswith(f"{one.job.loss.name}: ")


def test_without_rows_a_loss_is_what_its_rule_says(asked: Any) -> None:
    for one, answer in asked["empty"]:
        np.testing.assert_array_equal(answer, [one.python])
