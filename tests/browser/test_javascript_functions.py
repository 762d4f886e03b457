"""How accurate the functions are that JavaScript losses call: those of the browser, and those of the prelude.

Truth is arbitrary precision. Errors are in units of the last place of the exact number; the bounds are about twice what was
measured in Chromium (V8) at ten times as many points. `digamma`, and `lgamma` of negative numbers, are compared at the
scale of 1, for they have roots in odd places.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
from flint import arb, ctx

from lossmith.emit.table import spelling
from lossmith.emit.to_js import prelude
from lossmith.interpret import normal
from tests.emit.js_jobs import DECODE, arrays, encoded

pytestmark = pytest.mark.peers("playwright")

COUNT: Final = 400
RNG = np.random.default_rng(11)
Numbers = Any


def sizes(low: float, high: float, signs: tuple[float, ...] = (-1.0, 1.0)) -> Numbers:
    """Numbers of all sizes from 10**low to 10**high."""
    return 10.0 ** RNG.uniform(low, high, COUNT) * RNG.choice(signs, COUNT)


def beside(x: float) -> Numbers:
    return x + 0.5 * sizes(-16, 0)


POSITIVE = (1.0,)
SMALL, TO_TWELVE = sizes(-10, 1), RNG.uniform(0, 12, COUNT)
HALVES = RNG.choice([2.0, 3.0, 0.5, -1.0, -2.0, 1.5], COUNT)

CASES: Final[dict[str, tuple[tuple[Numbers, ...], Callable[..., Any], float]]] = {
    "exp": ((np.r_[RNG.uniform(-708, 709, COUNT), SMALL],), lambda x: x.exp(), 1.5),
    "expm1": ((np.r_[RNG.uniform(-40, 709, COUNT), SMALL],), lambda x: x.expm1(), 1.5),
    "log": ((np.r_[sizes(-307, 308, POSITIVE), beside(1.0)],), lambda x: x.log(), 1.5),
    "log1p": ((np.r_[sizes(-20, 300, POSITIVE), RNG.uniform(-1, 0, COUNT)],), lambda x: x.log1p(), 1.5),
    "tanh": ((sizes(-10, 1.5),), lambda x: x.tanh(), 3.0),
    "sinh": ((sizes(-10, 2.8),), lambda x: x.sinh(), 3.0),
    "cosh": ((sizes(-10, 2.8),), lambda x: x.cosh(), 3.0),
    "sin": ((sizes(-5, 6),), lambda x: x.sin(), 1.5),
    "cos": ((sizes(-5, 6),), lambda x: x.cos(), 1.5),
    "sqrt": ((sizes(-307, 308, POSITIVE),), lambda x: x.sqrt(), 0.51),
    "erf": ((np.r_[SMALL, RNG.uniform(-6.5, 6.5, COUNT)],), lambda x: x.erf(), 6.0),
    "normal_cdf": ((np.r_[SMALL, RNG.uniform(-37, 9, COUNT)],), normal.normal_cdf, 8.0),
    "log_normal_cdf": ((np.r_[sizes(-10, 8), RNG.uniform(-37, 37, COUNT)],), normal.log_normal_cdf, 8.0),
    "normal_hazard": ((np.r_[sizes(-10, 1.5), -sizes(-10, 8, POSITIVE)],), normal.normal_hazard, 8.0),
    "normal_gap": ((np.r_[sizes(-10, 8), RNG.uniform(-2, 1, COUNT)],), normal.normal_gap, 20.0),
    "lgamma": (
        (np.r_[sizes(-10, 305, POSITIVE), TO_TWELVE, beside(1.0), beside(2.0), -TO_TWELVE],),
        lambda x: x.lgamma() if x > 0 else abs(x.gamma()).log(), 10.0,
    ),
    "digamma": ((np.r_[sizes(-10, 300, POSITIVE), TO_TWELVE, -TO_TWELVE],), lambda x: x.digamma(), 8.0),
    "trigamma": ((np.r_[sizes(-10, 100, POSITIVE), TO_TWELVE],), lambda x: arb(2).zeta(x), 8.0),
    "power": (
        (np.r_[sizes(-30, 30, POSITIVE), RNG.uniform(0.5, 2, COUNT)], np.r_[HALVES, RNG.uniform(-700, 700, COUNT)]),
        lambda x, y: x**y, 2.0,
    ),
    "exp_muladd": (
        tuple(RNG.uniform(-size, size, COUNT) for size in (300, 2, 50)), lambda a, b, c: (a * b + c).exp(), 2.5,
    ),
}  # fmt: skip
REST: Final = RNG.uniform(-690, 690, COUNT)


@pytest.fixture(scope="module")
def found(browser: Any, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Numbers]:
    """What the browser computes for every case, and for `exp_rest`: e**x and what it lacks. The prelude may stand there twice."""
    names = (
        "power, expMuladd, expRest, erf, lgamma, digamma, trigamma, normalCdf, logNormalCdf, normalHazard, normalGap"
    )
    lines = [f"const {{ {names} }} = lossmith;"]
    calls = {name: spelling(name, "js").format("a[i]", "b[i]", "c[i]") for name in CASES}
    calls |= {"grown": "Math.exp(a[i])", "exp_rest": "expRest(a[i], Math.exp(a[i]))"}
    for name, call in calls.items():
        given = CASES[name][0] if name in CASES else (REST,)
        arguments = ", ".join(f"decoded('{encoded(x)}')" for x in given)
        lines.append(f"answers.push(((a, b, c) => encoded(a.map((_, i) => {call})))({arguments}));")
    script = f"{prelude()}\n{prelude()}\n{DECODE}\nconst answers = [];\n" + "\n".join(lines)
    file = tmp_path_factory.mktemp("functions") / "functions.html"
    file.write_text(f"<!doctype html><meta charset='utf-8'><script>{script}</script>", encoding="utf-8")
    return dict(zip(calls, arrays(_answers(browser, file)), strict=True))


def _answers(browser: Any, file: Path) -> Any:
    opened = browser.new_page()
    opened.goto(file.as_uri())
    answers = opened.evaluate("answers")
    opened.close()
    return answers


@pytest.fixture(autouse=True)
def _precise() -> Any:
    before, ctx.prec = ctx.prec, 300
    yield
    ctx.prec = before


@pytest.mark.parametrize("name", CASES)
def test_a_function_is_right_to_its_last_places(found: Any, name: str) -> None:
    given, truth, bound = CASES[name]
    worst = 0.0
    for numbers, answer in zip(zip(*given, strict=True), found[name], strict=True):
        exact = truth(*(arb(float(x)) for x in numbers))
        rooted = name == "digamma" or (name == "lgamma" and numbers[0] < 0)
        unit = math.ulp(max(abs(float(exact.mid())), 1.0 if rooted else 1e-300))
        worst = max(worst, abs(float(((arb(float(answer)) - exact) / arb(unit)).mid())))
    assert worst <= bound


def test_the_rest_of_an_exponential_is_known_to_62_bits(found: Any) -> None:
    for x, grown, rest in zip(REST, found["grown"], found["exp_rest"], strict=True):
        exact = arb(float(x)).exp()
        assert abs(float(((arb(float(grown)) + arb(float(rest)) - exact) / exact).mid())) < 2.0**-61
