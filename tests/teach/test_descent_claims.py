"""What a descent claims of minima, of better rates and of where a path ran off: nothing that a run would refute."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from lossmith.errors import ArgumentError, UnsupportedError
from lossmith.loss.activation import activation
from lossmith.report.descent_page.html import html
from lossmith.report.descent_page.live import MOST_BYTES, MOST_CELLS, MOST_ROWS, packed, setup
from lossmith.report.descent_page.words import condition_said, taylor_said
from lossmith.teach.descent.network import Network
from lossmith.teach.descent.path import walked
from lossmith.teach.descent.task import Objective, task_of
from lossmith.teach.descent.walk import descend

RANDOM = np.random.default_rng(3)
X = RANDOM.standard_normal((60, 3))
APART = np.where(X[:, 0] > 0, X[:, 0] + 0.5, X[:, 0] - 0.5)
SPLIT = (X[:, 0] > 0) * 1.0
MIXED = (X[:, 0] + 1.5 * RANDOM.standard_normal(60) > 0) * 1.0
PRICES = 5000.0 * X[:, 0] + 20_000.0 + 300.0 * RANDOM.standard_normal(60)


def separated() -> np.ndarray:
    """Features that a plane separates into the classes of `SPLIT`."""
    return np.column_stack([APART, X[:, 1:]])


@pytest.mark.parametrize(
    ("loss", "features", "y", "said"),
    [
        ("mse", X, PRICES, "It is the minimum"),  # of huge parameters, and yet a parabola
        ("bce", X, MIXED, "It is the minimum"),
        ("bce", separated(), SPLIT, "It is no minimum"),  # its infimum 0 is reached nowhere
        ("cross_entropy", separated(), SPLIT.astype(int) + (X[:, 1] > 9), "It is no minimum"),
        ("mae", X, PRICES, "the gradient is not 0 there"),
    ],
    ids=["prices", "mixed", "separated", "separated classes", "straight pieces"],
)
def test_a_minimum_is_claimed_only_where_there_is_one(
    loss: str, features: np.ndarray, y: np.ndarray, said: str
) -> None:
    found = descend(loss, features, y, steps=20)
    assert said in found.lowest_reason
    if said == "It is the minimum" and loss == "mse":
        wide = np.column_stack([features, np.ones(60)])
        left = y - wide @ np.linalg.lstsq(wide, y, rcond=None)[0]
        assert found.lowest == pytest.approx(left @ left / 60, rel=1e-9)


def test_two_of_three_classes_that_touch_have_a_lowest_loss_that_no_point_reaches() -> None:
    """The third class lies apart: its weights grow for ever, while the curvature along them dies away."""
    y = np.where(APART > 0, 2, MIXED).astype(int)
    found = descend("cross_entropy", separated(), y, steps=20)
    assert "It is the minimum" not in found.lowest_reason


def test_nothing_is_said_of_the_curvature_where_a_path_ran_off() -> None:
    counts = RANDOM.poisson(np.exp(1 + X[:, 0])) * 1.0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = descend("poisson", X, counts, learning_rate=2.0, steps=30)
    assert found.verdict.word == "diverging" and np.isinf(found.losses[-1])
    own = next(t for t in found.trials if t.learning_rate == 2.0)
    assert own.rises == int((np.diff(found.losses) > 0).sum()) and own.rises >= 1  # the step to infinity is a rise
    assert condition_said(found) == ""
    assert not any("no curvature" in note or "bends downwards" in note for note in found.notes)
    same = descend("mse", X, PRICES, learning_rate=3.0, steps=30)
    assert same.verdict.word == "diverging" and "times the smallest" in condition_said(same)  # alike everywhere


@pytest.mark.parametrize(("loss", "y", "rate"), [("mse", PRICES, 1e-4), ("bce", MIXED, 1e-4), ("bce", MIXED, 9.5)])
def test_the_rate_that_is_advised_ends_as_low_as_any_that_was_run(loss: str, y: np.ndarray, rate: float) -> None:
    found = descend(loss, X, y, learning_rate=rate, steps=20)
    assert found.verdict.word in ("too small", "past the edge") and found.verdict.suggested is not None
    steady = [t for t in found.trials if not t.ended and t.rises <= 0.1 * t.steps and t.late <= 0.05 * t.steps]
    own = next(t for t in found.trials if t.learning_rate == found.verdict.suggested)
    low = min(t.last for t in steady)
    assert own.last - low <= 1e-3 * (found.losses[0] - low)
    assert own.last < found.losses[-1]
    assert "e+" not in found.verdict.advice and "1 steps" not in found.text


def test_no_rate_is_advised_that_ends_higher() -> None:
    """Straight pieces: a rate that throws the loss to and fro may still be the lowest of all that were run."""
    found = descend("mae", X, PRICES, learning_rate=5000.0, steps=20)
    assert found.verdict.word == "past the edge" and found.verdict.suggested is None
    assert min(t.last for t in found.trials if t.rises <= 2) > found.losses[-1]


@pytest.mark.parametrize(("loss", "y"), [("bce", SPLIT), ("quantile", PRICES), ("mse", PRICES)])
def test_a_rate_that_was_chosen_is_good(loss: str, y: np.ndarray) -> None:
    found = descend(loss, separated(), y, steps=60)
    assert found.verdict.word == "good"
    assert not (np.diff(found.losses) > 1e-12 * np.abs(found.losses[:-1])).any()


def test_a_path_that_runs_straight_is_drawn_with_room_to_both_sides() -> None:
    x = np.linspace(-1.0, 1.0, 20)
    plane = descend("mse", np.column_stack([x, x**2]), x, steps=10).plane
    assert plane is not None
    assert np.ptp(plane.y) > 0.5 * np.ptp(plane.path[:, 0])


def test_one_step_that_makes_most_of_the_error_is_named() -> None:
    found = descend("bce", separated(), SPLIT, learning_rate=40.0, steps=20)
    worst = int(np.argmax(np.abs(found.taylor.error_second)))
    assert f"Step {worst} alone made most of that" in taylor_said(found)
    assert "alone made" not in taylor_said(descend("bce", X, MIXED, learning_rate=0.05, steps=20))


def test_several_targets_a_row_are_drawn_at_their_own_mean() -> None:
    both = np.column_stack([MIXED, -MIXED])
    found = descend("mse", X[:, :1], both, steps=4, standardize=False)
    plane, raw = found.plane, np.zeros((60, 2))
    assert plane is not None
    place = plane.origin + plane.x[3] * plane.directions[0] + plane.y[5] * plane.directions[1]
    raw = X[:, :1] @ place[:2].reshape(1, 2) + place[2:]
    assert plane.z[5, 3] == pytest.approx(((both - raw) ** 2).mean(), rel=1e-12)


def test_a_path_whose_steps_are_below_rounding_stays_where_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    task = task_of("mse", X[:, :1], 2 * X[:, 0] + 1, None, None, None)
    objective, asked = Objective(task, Network((1, 1), activation("tanh"))), []
    real = Objective.value_and_gradient
    monkeypatch.setattr(Objective, "value_and_gradient", lambda self, at: (asked.append(1), real(self, at))[1])
    path, taylor = walked(objective, np.zeros(2), 0.25, 200)
    assert (len(path.losses), len(path.points), len(path.norms), len(taylor.bend)) == (201, 201, 200, 200)
    assert len(asked) < 80  # it halves its distance some 53 times
    assert np.array_equal(path.points[80], path.points[-1]) and path.losses[80] == path.losses[-1]


def test_losses_without_a_formula_in_latex_and_minute_targets_are_walked() -> None:
    top = descend("mse.select(top=0.3)", X, MIXED, steps=3)
    assert top.formula == "" and top.losses[-1] < top.losses[0] and "<h1>" in html(top)
    assert descend("mse", X, MIXED * 1e-200, steps=3).verdict.word == "at rest"
    with pytest.raises(ArgumentError, match="there is one row"):
        descend("mse", [[1.0]], [2.0])


# What the page runs again --------------------------------------------------------------------------------------


def test_a_page_holds_as_many_rows_as_fit_and_says_so() -> None:
    wide = RANDOM.standard_normal((3000, 40))
    found = descend("mse", wide, wide[:, 0], steps=1, learning_rate=0.1)
    live = found.live
    assert live is not None and 100 < len(live.X) < 3000
    assert len(live.X) <= MOST_ROWS and live.X.size <= MOST_CELLS
    data = setup(live, found.plane, {})
    assert sum(len(str(part)) for part in data["columns"]) <= MOST_BYTES
    page = html(found)
    assert len(page) < 300_000 and f"{len(live.X):,} rows drawn at random of the 3,000" in page
    few = descend("mse", wide[:300] > 0, wide[:300, 0], steps=1, learning_rate=0.1)  # 0 and 1: a byte each
    assert few.live is not None and len(few.live.X) == 300 and "the same 300 rows" in html(few)


def test_numbers_are_packed_without_loss() -> None:
    import base64

    for values in (RANDOM.standard_normal(50), np.round(RANDOM.standard_normal(3000), 1), np.arange(70_000) % 300 / 7):
        part = packed(values)
        known = np.frombuffer(base64.b64decode(part["values"]), "<f8")
        if "codes" in part:
            codes = np.frombuffer(base64.b64decode(part["codes"]), "<u2" if part["wide"] else "u1")
            known = known[codes]
        assert np.array_equal(known, values)


def test_a_loss_that_javascript_has_not_is_said_to_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(loss: object) -> str:
        raise UnsupportedError("LM480", "this loss has both.")

    monkeypatch.setattr("lossmith.teach.descent.live.javascript_object", refused)
    found = descend("mse", X, PRICES, steps=1, learning_rate=0.1)
    assert found.live is None and found.not_live == "this loss has both."
    assert "This descent cannot be run anew in the page: this loss has both." in html(found)
