"""Balancers of several tasks: their formulas, their laws, and what an absent task or a value of 0 does."""

import json
import pickle

import numpy as np
import pytest

from lossmith.algebra.balance import balance_of, balanced
from lossmith.algebra.balance_methods import METHODS
from lossmith.errors import AdapterError
from lossmith.numerics.philox import bits

NAMES = ["price", "sold", "area"]
ORDER = sorted(NAMES)
ALL = [method.name for method in METHODS]
ULP = 2.0**-52


def ran(balance, batches, presents=None):
    """The outcome of each batch, from the start."""
    state, found = balance.start(), []
    for number, values in enumerate(batches):
        present = None if presents is None else np.array(presents[number])
        found.append(balanced(balance, np.array(values), state, present=present))
        state = found[-1].state
    return found


def drawn(n=6, tasks=3):
    return np.random.default_rng(1).exponential(size=(n, tasks)) + 0.1


# Laws of all ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ALL)
def test_weights_are_derivatives_of_the_total_by_the_values(name):
    """Central differences of width h in float64: error h² f''' / 6 and rounding ULP · total / h, together below 1e-7."""
    balance, h = balance_of(name, {}, NAMES), 1e-5
    for values in drawn():
        here = balanced(balance, values, ran(balance, drawn())[-1].state, advance=False)
        for j in range(3):
            step = h * np.eye(3)[j]
            up, down = (balanced(balance, values + s, here.state, advance=False).total for s in (step, -step))
            assert (up - down) / (2 * h) == pytest.approx(here.weights[j], abs=1e-7)


@pytest.mark.parametrize("name", ALL)
def test_an_absent_task_adds_nothing_and_leaves_its_state_and_the_weights_of_others(name):
    """The same as without the task, but for what weights of all are spread over (their number and sum)."""
    balance = balance_of(name, {}, NAMES)
    before = ran(balance, drawn())[-1].state
    values, present = np.array([2.0, 0.0, 3.0]), np.array([True, False, True])
    found = balanced(balance, values, before, present=present)
    for field in set(before) - {"step"}:  # the number of batches is not a task's own
        assert found.state[field][1] == before[field][1], field
    kept = [0, 2]
    learned = balance.start_learned()
    if name == "uncertainty":  # no penalty either: its derivative by log σ² is 0
        learned["log_variance"] = np.array([0.5, 7.0, -1.0])
        found = balanced(balance, values, before, present=present, learned=learned)
        learned["log_variance"] = np.array([0.5, -7.0, -1.0])
        assert balanced(balance, values, before, present=present, learned=learned).total == found.total
    else:
        assert found.total == pytest.approx((found.weights * values)[kept].sum(), rel=4 * ULP)


@pytest.mark.parametrize("name", ALL)
def test_names_may_stand_in_any_order(name):
    one, other = (balance_of(name, {}, names) for names in (NAMES, NAMES[::-1]))
    assert one.tasks == other.tasks == tuple(ORDER)
    for a, b in zip(ran(one, drawn()), ran(other, drawn()), strict=True):
        assert a.total == b.total and (a.weights == b.weights).all()


@pytest.mark.parametrize("name", ALL)
def test_a_state_that_was_written_goes_on_the_same(name):
    """JSON holds a float64 exactly."""
    balance = balance_of(name, {"steps": 2} if name == "dynamic_weight_average" else {}, NAMES)
    batches = drawn(9)
    state = ran(balance, batches[:4])[-1].state
    again = {field: np.array(json.loads(json.dumps(array.tolist()))) for field, array in state.items()}
    copy = pickle.loads(pickle.dumps(balance))
    for values in batches[4:]:
        a, b = balanced(balance, values, state), balanced(copy, values, again)
        assert a.total == b.total and (a.weights == b.weights).all()
        state, again = a.state, b.state


@pytest.mark.parametrize("name", ALL)
def test_what_is_scale_free_says_so_and_the_rest_is_not(name):
    """A power of two scales without rounding; the logarithm of the geometric mean rounds a few times."""
    method = next(m for m in METHODS if m.name == name)
    balance, scale = balance_of(name, {}, NAMES), np.array([1.0, 1024.0, 1.0])
    plain, scaled = ran(balance, drawn()), ran(balance, drawn() * scale)
    shares = [np.array([f.weights * v for f, v in zip(found, drawn() * s, strict=True)]) for found, s in
              ((plain, 1.0), (scaled, scale))]  # fmt: skip
    a, b = (share / share.sum(axis=1, keepdims=True) for share in shares)
    assert method.scale_free == bool(np.allclose(a, b, rtol=64 * ULP, atol=0))


def test_at_its_learned_optimum_uncertainty_does_not_depend_on_the_scale():
    """Kendall: σ² = value, so that weight times value is 1/2. The other form: the same for values far above 1."""
    for form, values in (("kendall", [1e-4, 1.0, 1e7]), ("non_negative", [1e7, 1e8, 1e9])):
        balance = balance_of("uncertainty", {"form": form}, NAMES)
        v = np.array(values)
        e = v if form == "kendall" else (v + np.sqrt(v * v + 8 * v)) / 4  # the root of 2 e² = v (1 + e)
        learned = {"log_variance": np.log(e)}
        at = [balanced(balance, v, {}, learned={"log_variance": np.log(e) + h}).total for h in (-1e-3, 0.0, 1e-3)]
        assert at[1] < min(at[0], at[2])
        found = balanced(balance, v, {}, learned=learned)
        assert found.weights * v == pytest.approx(0.5 if form == "kendall" else 1.0, rel=1e-6)


# Each one's formula ---------------------------------------------------------------------------------------------------


def test_fixed_weights_are_those_that_were_given():
    found = ran(balance_of({"price": 2.0, "sold": 0.5, "area": 0.0}, {}, NAMES), [[1.0, 10.0, 100.0]])[0]
    assert found.weights.tolist() == [0.0, 2.0, 0.5] and found.total == 70.0  # area, price, sold
    assert ran(balance_of("fixed", {}, NAMES), [[1.0, 10.0, 100.0]])[0].total == 111.0


def test_initial_magnitude_waits_for_a_value_that_is_one():
    presents = [[True, True, False], [True, True, True], [True, True, True]]
    found = ran(
        balance_of("initial_magnitude", {}, NAMES), [[4.0, 0.0, 0.0], [8.0, np.inf, 2.0], [1.0, 5.0, 1.0]], presents
    )
    assert found[0].weights.tolist() == [0.25, 1.0, 1.0] and found[0].total == 1.0
    assert found[1].weights.tolist() == [0.25, 1.0, 0.5]
    assert found[2].weights.tolist() == [0.25, 0.2, 0.5]


def test_initial_magnitude_of_several_batches_is_their_mean():
    found = ran(balance_of("initial_magnitude", {"batches": 2}, ["a"]), [[1.0], [3.0], [100.0]])
    assert [f.weights.tolist() for f in found] == [[1.0], [0.5], [0.5]]
    assert ran(balance_of("initial_magnitude", {}, ["a"]), [[-4.0]])[0].weights.tolist() == [0.25]


@pytest.mark.parametrize(
    ("form", "penalty"), [("kendall", lambda s: s / 2), ("non_negative", lambda s: np.log1p(np.exp(s)))]
)
def test_uncertainty_is_its_formula(form, penalty):
    s, v = np.array([-2.0, 0.3, 4.0]), np.array([0.1, 1.0, 50.0])
    balance = balance_of("uncertainty", {"form": form}, NAMES)
    total = balanced(balance, v, {}, learned={"log_variance": s}).total
    assert total == pytest.approx((np.exp(-s) / 2 * v + penalty(s)).sum(), rel=8 * ULP)


def test_the_non_negative_form_is_never_negative_and_kendall_s_is():
    s, v = {"log_variance": np.full(3, -20.0)}, np.zeros(3)
    assert balanced(balance_of("uncertainty", {}, NAMES), v, {}, learned=s).total > 0
    assert balanced(balance_of("uncertainty", {"form": "kendall"}, NAMES), v, {}, learned=s).total == -30.0


def test_dynamic_weight_average_follows_the_ratio_of_the_last_two_epochs():
    balance, state = balance_of("dynamic_weight_average", {"temperature": 2.0}, ["a", "b"]), None
    state = balance.start()
    for epoch in ([[2.0, 4.0], [4.0, 4.0]], [[1.0, 3.0], [2.0, 5.0]]):
        for values in epoch:
            found = balanced(balance, np.array(values), state)
            assert found.weights.tolist() == [1.0, 1.0]
            state = found.state
        state = balance.method.end_epoch(state, np)
    weights = balanced(balance, np.ones(2), state).weights
    ratio = np.exp(np.array([1.5 / 3.0, 4.0 / 4.0]) / 2.0)
    assert weights == pytest.approx(2 * ratio / ratio.sum(), rel=8 * ULP)


def test_epochs_of_so_many_steps_end_by_themselves():
    by_hand, by_steps = (balance_of("dynamic_weight_average", {"steps": n}, NAMES) for n in (None, 3))
    a, b = by_hand.start(), by_steps.start()
    for number, values in enumerate(drawn(9)):
        a, b = balanced(by_hand, values, a).state, balanced(by_steps, values, b).state
        if number % 3 == 2:
            a = by_hand.method.end_epoch(a, np)
        assert all((a[field] == b[field]).all() for field in a)
    assert not np.allclose(balanced(by_steps, np.ones(3), b).weights, 1.0)


def test_an_epoch_without_a_task_and_one_at_0_say_nothing():
    balance = balance_of("dynamic_weight_average", {"steps": 1}, ["a", "b"])
    found = ran(balance, [[0.0, 2.0], [1.0, 0.0], [1.0, 1.0]], [[True, True], [True, False], [True, True]])[-1]
    assert found.state["before"].tolist() == [1.0, 2.0] and found.state["epochs"].tolist() == [3, 2]
    zero = ran(balance, [[0.0, 2.0], [1.0, 2.0]])[-1]
    assert zero.weights.tolist() == [1.0, 1.0]  # a ratio to 0 says nothing: it counts as 1


def test_the_geometric_mean_neither_overflows_nor_underflows():
    for size in (1e300, 1e-300):
        found = ran(balance_of("geometric_mean", {}, NAMES), [[size, size, size]])[0]
        assert found.total == pytest.approx(size, rel=1e3 * ULP)  # log(1e300) is 691: its rounding times that
    found = ran(balance_of("geometric_mean", {}, NAMES), [[1.0, 8.0, 27.0]])[0]
    assert found.total == pytest.approx(6.0, rel=8 * ULP)
    assert found.weights * [1.0, 8.0, 27.0] == pytest.approx(2.0, rel=8 * ULP)


def test_a_task_at_0_is_left_out_of_the_geometric_mean():
    found = ran(balance_of("geometric_mean", {}, NAMES), [[0.0, 2.0, 8.0], [0.0, 0.0, 0.0]])
    assert found[0].total == pytest.approx(4.0, rel=8 * ULP)
    assert found[0].weights == pytest.approx([0.0, 1.0, 0.25], rel=8 * ULP)
    assert found[1].total == 0.0 and found[1].weights.tolist() == [0.0, 0.0, 0.0]


def test_random_weights_are_shares_that_are_alike_on_average():
    found = np.array([f.weights for f in ran(balance_of("random", {"seed": 5}, NAMES), np.ones((4000, 3)))])
    assert found.sum(axis=1) == pytest.approx(1.0, rel=4 * ULP)
    assert found.mean(axis=0) == pytest.approx(1 / 3, abs=0.02)  # deviation 0.22 / sqrt(4000) = 0.0035
    other = ran(balance_of("random", {"seed": 6}, NAMES), [[1.0, 1.0, 1.0]])[0].weights
    assert not np.allclose(found[0], other) and len(np.unique(found)) == found.size


@pytest.mark.parametrize(
    ("seed", "counter", "stream", "right"),
    [
        (0, 0, 0, (0xFF1DAE59, 0x6CD10DF2)),
        (0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF, (0x2C3F628B, 0xAB4FD7AD)),
        (0x13198A2E, 0x243F6A88, 0x85A308D3, (0xDD7CE038, 0xF62A4C12)),
    ],
)
def test_the_generator_gives_the_published_numbers(seed, counter, stream, right):
    """Known answers of Random123 for Philox 2x32 with 10 rounds."""
    assert tuple(int(word[0]) for word in bits(seed, np.array([counter]), np.array([stream]))) == right


# What is refused ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "settings", "code", "said"),
    [
        ("uncertainity", {}, "LM461", 'Did you mean "uncertainty"'),
        (3, {}, "LM461", "got 3"),
        ("random", {"sed": 1}, "LM462", 'Did you mean "seed"'),
        ("geometric_mean", {"p": 1}, "LM462", "takes no settings"),
        ("random", {"seed": -1}, "LM462", "seed must be"),
        ("random", {"seed": True}, "LM462", "seed must be"),
        ("dynamic_weight_average", {"temperature": 0}, "LM462", "temperature must be a number above 0"),
        ("dynamic_weight_average", {"steps": 0}, "LM462", "steps must be"),
        ("initial_magnitude", {"batches": 1.5}, "LM462", "batches must be"),
        ("uncertainty", {"form": "positive"}, "LM462", "form must be"),
        ({"price": 1.0, "sold": -1.0, "area": 1.0}, {}, "LM462", "weights must be"),
        ({"price": 1.0, "sold": 1.0, "aria": 1.0}, {}, "LM463", 'Did you mean "area"'),
        ({"price": 1.0, "sold": 1.0}, {}, "LM463", "the task 'area' is missing"),
    ],
)
def test_what_is_no_balancer_gets_one_sentence(asked, settings, code, said):
    with pytest.raises(AdapterError, match=said) as caught:
        balance_of(asked, settings, NAMES)
    assert caught.value.code == code


def test_every_balancer_says_what_it_does():
    assert len(set(ALL)) == len(ALL) == 6
    assert all(method.follow and method.moves and method.source for method in METHODS)
