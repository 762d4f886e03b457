"""Costs of all rows in batches: exact sums, the same bit for bit whatever the files, and the estimates of all rows."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray

import lossmith as ls
from lossmith.advise.data.encode import Encoding, encode, make_encoding
from lossmith.advise.data.scan import Source, open_rows, sample_rows
from lossmith.advise.data.table import Table, read_table
from lossmith.advise.judge.stream import (
    BLOCKS,
    BatchRows,
    Judging,
    Reading,
    StreamedCosts,
    Way,
    as_read,
    by_group,
    by_row,
    loss_way,
    merge,
    stream_costs,
    tally_of,
)
from lossmith.advise.judge.tally import Tallies, tally
from lossmith.errors import ArgumentError, DataError
from lossmith.numerics.double_word import Pair

N = 30_011
SIZE = 4_096
LOSS = ls.get("quantile", level=0.75)
Floats = NDArray[np.float64]


def made(rows: int = N) -> pl.DataFrame:
    rng = np.random.default_rng(8)
    x = rng.normal(size=rows)
    y = 10 + 3 * x + rng.gamma(2, 2, rows)
    return pl.DataFrame(
        {
            "x": x.astype(np.float32),
            "town": pl.Series([f"town {i % 23}" if i % 17 else None for i in range(rows)]),
            "y": pl.Series(y).set(pl.Series(np.arange(rows) % 101 == 5), None),
            "w": (np.arange(rows) * 7 % 13) / 3,
            "person": pl.Series(np.arange(rows) // 12).cast(pl.String),
        }
    )


@pytest.fixture(scope="module")
def frame() -> pl.DataFrame:
    return made()


@pytest.fixture(scope="module")
def folder(frame: pl.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One file, forty files of unequal length, and the two halves."""
    root = tmp_path_factory.mktemp("rows")
    frame.write_parquet(root / "one.parquet", row_group_size=1_000)
    frame.write_csv(root / "one.csv")
    cuts = [0, *np.sort(np.random.default_rng(0).integers(0, N, 39)).tolist(), N]
    (root / "many").mkdir()
    for number, (start, stop) in enumerate(pairwise(cuts)):
        frame[start:stop].write_parquet(root / "many" / f"{number:03}.parquet")
    return root


@pytest.fixture(scope="module")
def one(folder: Path) -> Source:
    return open_rows(folder / "one.parquet")


@pytest.fixture(scope="module")
def sample(one: Source) -> tuple[Table, NDArray[np.int64]]:
    drawn, numbers = sample_rows(one, 3_000, seed=4)
    return read_table(drawn, target="y", drop=("person", "w")), numbers


@pytest.fixture(scope="module")
def encoding(sample: tuple[Table, NDArray[np.int64]]) -> Encoding:
    return make_encoding(sample[0], np.arange(sample[0].frame.height))


@pytest.fixture(scope="module")
def judging(sample: tuple[Table, NDArray[np.int64]], encoding: Encoding) -> Judging:
    """Two small models of LightGBM; one is judged by a cost, the other by a loss."""
    table = sample[0]
    X, y = encode(encoding, table.frame).matrix, table.frame["y"].to_numpy()
    losses = {"mean": ls.get("squared_error"), "quantile": LOSS}
    params = {"verbosity": -1, "num_leaves": 7, "num_threads": 1, "seed": 1}
    boosters = {name: ls.for_lightgbm(loss).train(X, y, params=params, rounds=8) for name, loss in losses.items()}
    models = {name: lambda matrix, booster=booster: booster.predict(matrix) for name, booster in boosters.items()}
    ways = (Way("mean", "mean", absolute), loss_way("quantile", "quantile", LOSS, lambda rows, said: said))
    return Judging(encoding, models, ways, Reading("y"))


def absolute(rows: BatchRows, said: Any) -> Floats:
    return np.abs(rows.y - said)


def with_reading(judging: Judging, **changes: Any) -> Judging:
    return Judging(judging.encoding, judging.models, judging.ways, **{"reading": judging.reading, **changes})


def bits(costs: StreamedCosts) -> list[Any]:
    """Everything that a record holds, to the last bit."""
    words = [*costs.block_sums, *costs.block_weights]
    values = {name: sums.value().hex() for name, sums in costs.sums.items()}
    counts = (costs.rows, costs.skipped, costs.left_out, costs.unseen)
    return [*(array.tobytes() for array in words), costs.block_rows.tolist(), counts, values]


# The same whatever the files ------------------------------------------------------------------------------------


def test_forty_files_give_the_sums_of_one_bit_for_bit(
    folder: Path, one: Source, judging: Judging, sample: tuple[Table, NDArray[np.int64]]
) -> None:
    alone = stream_costs(one, judging, skip=sample[1], size=SIZE)
    many = stream_costs(open_rows(folder / "many"), judging, skip=sample[1], size=SIZE)
    assert bits(many) == bits(alone)
    assert alone.rows + alone.skipped + alone.left_out == N
    assert alone.skipped == 3_000


def test_a_delimited_file_gives_the_same_sums(
    folder: Path, one: Source, judging: Judging, sample: tuple[Table, NDArray[np.int64]]
) -> None:
    """Texts of float32 read back as float64 differ, so only what does not use `x` is compared: the constant."""
    constant = (Way("constant", None, lambda rows, said: np.abs(rows.y - 12.0)),)
    plain = Judging(judging.encoding, {}, constant, Reading("y", style="plain"))
    texts = open_rows(folder / "one.csv")
    assert bits(stream_costs(texts, plain, skip=sample[1])) == bits(stream_costs(one, plain, skip=sample[1]))


def test_the_size_of_a_batch_does_not_show_in_the_rounded_sums(
    one: Source, judging: Judging, sample: tuple[Table, NDArray[np.int64]]
) -> None:
    found = [stream_costs(one, judging, skip=sample[1], size=size) for size in (1_000, SIZE, N)]
    for other in found[1:]:
        assert other.block_sums.hi.tobytes() == found[0].block_sums.hi.tobytes()
        assert other.sums["quantile"].value() == found[0].sums["quantile"].value()


# What the sums say ----------------------------------------------------------------------------------------------


def per_row(
    frame: pl.DataFrame, judging: Judging, skip: NDArray[np.int64], weighted: bool = False
) -> tuple[Floats, Floats, NDArray[np.int64]]:
    """What every judged row costs (n, ways), its weight and its number, all in memory and by other means."""
    numbers = np.setdiff1d(np.arange(frame.height), skip)
    numbers = numbers[frame["y"][numbers].is_not_null().to_numpy()]
    weight = frame["w"][numbers].to_numpy() if weighted else np.ones(len(numbers))
    numbers, weight = numbers[weight > 0], weight[weight > 0]
    rows = frame[numbers]
    y, X = rows["y"].to_numpy(), encode(judging.encoding, rows).matrix
    said = {name: model(X) for name, model in judging.models.items()}
    gap = y - said["quantile"]
    costs = np.column_stack([np.abs(y - said["mean"]), np.maximum(0.75 * gap, -0.25 * gap)])
    return costs, weight, numbers


@pytest.mark.parametrize("weighted", [False, True])
def test_estimates_are_those_of_the_rows(
    frame: pl.DataFrame, one: Source, judging: Judging, sample: tuple[Table, NDArray[np.int64]], weighted: bool
) -> None:
    judging = with_reading(judging, reading=Reading("y", weight="w" if weighted else None))
    costs, weight, numbers = per_row(frame, judging, sample[1], weighted)
    found = stream_costs(one, judging, skip=sample[1], size=SIZE)
    blocks = by_row(numbers)
    assert found.rows == len(numbers)
    assert found.block_rows.tolist() == np.bincount(blocks, minlength=BLOCKS).tolist()
    expected = Tallies((tally(costs, weight, blocks),), 0.0)
    streamed = Tallies((tally_of(found),), 0.0)
    for pair in ((0, None), (1, None), (0, 1), (1, 0)):
        one_way, other_way = expected.estimate(*pair), streamed.estimate(*pair)
        # float64 sums of 30 rows a block, and of 1,000 blocks: far below 1e-10 relative
        assert other_way.mean == pytest.approx(one_way.mean, rel=1e-10)
        assert other_way.error == pytest.approx(one_way.error, rel=1e-8)
        assert other_way.freedom == pytest.approx(one_way.freedom, rel=1e-8)
        assert other_way.freedom == pytest.approx(BLOCKS - 1, rel=1e-8)
    assert found.means == pytest.approx(np.average(costs, axis=0, weights=weight), rel=1e-12)
    assert float(found.weight.hi) == pytest.approx(float(weight.sum()), rel=1e-14)
    value = found.sums["quantile"].value()
    assert value == pytest.approx(float(found.means[1]), rel=1e-14)  # two ways to add up the same rows


def test_a_thousand_blocks_measure_the_luck_of_the_rows(
    frame: pl.DataFrame, one: Source, judging: Judging, sample: tuple[Table, NDArray[np.int64]]
) -> None:
    """The error of a paired difference by blocks against that by rows: 999 degrees of freedom scatter by 1/sqrt(1998)."""
    costs, _, _ = per_row(frame, judging, sample[1])
    difference = costs[:, 0] - costs[:, 1]
    by_rows = float(np.std(difference, ddof=1) / np.sqrt(len(difference)))
    by_blocks = Tallies((tally_of(stream_costs(one, judging, skip=sample[1])),), 0.0).estimate(0, 1).error
    assert abs(by_blocks / by_rows - 1) < 5 / np.sqrt(1998)


def test_rows_of_the_sample_are_never_judged(one: Source, judging: Judging) -> None:
    seen: list[NDArray[np.int64]] = []

    def note(rows: BatchRows, said: Any) -> Floats:
        seen.append(rows.numbers)
        assert rows.columns.height == len(rows.y) == len(rows.matrix)
        return rows.y

    skip = np.array([0, 5, SIZE - 1, SIZE, N - 1])
    noting = Judging(judging.encoding, {}, (Way("note", None, note),), Reading("y"))
    found = stream_costs(one, noting, skip=skip, size=SIZE)
    missing = np.arange(5, N, 101)
    assert np.concatenate(seen).tolist() == np.setdiff1d(np.arange(N), np.union1d(skip, missing)).tolist()
    assert (found.skipped, found.left_out, found.rows) == (
        5,
        len(np.setdiff1d(missing, skip)),
        len(np.concatenate(seen)),
    )


def test_two_parts_merge_into_the_whole(one: Source, judging: Judging) -> None:
    first, second = np.arange(N // 2), np.arange(N // 2, N)
    whole = stream_costs(one, judging)
    halves = merge(stream_costs(one, judging, skip=first), stream_costs(one, judging, skip=second))
    assert halves.block_sums.hi.tobytes() == whole.block_sums.hi.tobytes()
    assert halves.sums["quantile"].value() == whole.sums["quantile"].value()
    assert (halves.rows, halves.left_out, halves.skipped) == (whole.rows, whole.left_out, N)
    other = Judging(judging.encoding, judging.models, judging.ways[:1], judging.reading)
    with pytest.raises(ArgumentError, match="LM252 costs of mean, quantile and of mean do not add up"):
        merge(whole, stream_costs(one, other, skip=np.arange(N)))


def test_rows_of_one_group_are_in_one_block_and_rows_of_one_batch_are_not(frame: pl.DataFrame) -> None:
    blocks = by_group("person")(np.arange(N), frame)
    for start in range(0, N, 5_000):  # a group that two batches share
        part = by_group("person")(np.arange(start, min(start + 5_000, N)), frame[start : start + 5_000])
        assert part.tolist() == blocks[start : start + 5_000].tolist()
    persons = frame.with_columns(block=blocks).group_by("person").agg(pl.col("block").n_unique())
    assert persons["block"].max() == 1
    for found, units in ((blocks, N / 12), (by_row(np.arange(N)), N)):
        spread = np.bincount(found, minlength=BLOCKS) * (units / N)
        # Pearson's statistic over 1,000 equally likely blocks: mean 999, standard deviation sqrt(1998)
        assert abs(float(np.sum((spread - units / BLOCKS) ** 2) / (units / BLOCKS)) - 999) < 6 * np.sqrt(1998)


def test_groups_widen_the_interval_where_rows_of_a_group_err_together(tmp_path: Path, encoding: Encoding) -> None:
    rng = np.random.default_rng(2)
    luck = np.repeat(rng.normal(size=2_500), 12)  # twelve rows of a person share all their luck
    rows = made(30_000).with_columns(y=pl.Series(luck))
    rows.write_parquet(tmp_path / "rows.parquet")
    way = (Way("y", None, lambda rows, said: rows.y),)
    errors = {}
    for name, block_of in {"row": by_row, "group": by_group("person")}.items():
        judging = Judging(encoding, {}, way, Reading("y"), columns=("person",), block_of=block_of)
        costs = stream_costs(open_rows(tmp_path / "rows.parquet"), judging)
        errors[name] = Tallies((tally_of(costs),), 0.0).estimate(0).error
    truth = float(np.std(luck, ddof=1)) / np.sqrt(2_500)
    assert abs(errors["group"] / truth - 1) < 0.25  # 920 blocks of unequal size: five standard deviations are 12 %
    assert errors["group"] / errors["row"] == pytest.approx(np.sqrt(12), rel=0.25)


# Reading --------------------------------------------------------------------------------------------------------


def target_of(rows: pl.DataFrame, reading: Reading, encoding: Encoding) -> tuple[list[float], StreamedCosts]:
    seen: list[float] = []

    def note(batch: BatchRows, said: Any) -> Floats:
        seen.extend(batch.y.tolist())
        return batch.y

    source = open_rows(rows.lazy())
    return seen, stream_costs(source, Judging(encoding, {}, (Way("note", None, note),), reading))


@pytest.mark.parametrize(
    ("values", "classes", "style", "codes"),
    [
        (["no", "yes", " yes ", "NA", "maybe"], ("no", "yes"), "", [0.0, 1.0, 1.0]),
        ([True, False, True, None, True], ("false", "true"), "", [1.0, 0.0, 1.0, 1.0]),
        (["True", "FALSE", "true", "", "true"], ("false", "true"), "truth", [1.0, 0.0, 1.0, 1.0]),
        ([1, 2, 1, None, 7], ("1", "2"), "", [0.0, 1.0, 0.0]),
        ([1.0, 2.0, 1.0, float("nan"), 1.5], ("1", "2"), "", [0.0, 1.0, 0.0]),
        (["1", "2", "01", "", "7"], ("1", "2"), "plain", [0.0, 1.0, 0.0]),
    ],
)
def test_classes_are_found_by_name(
    values: list[Any], classes: tuple[str, ...], style: str, codes: list[float], encoding: Encoding
) -> None:
    rows = made(5).with_columns(y=pl.Series(values, strict=False))
    seen, found = target_of(rows, Reading("y", classes, style), encoding)
    assert seen == codes
    assert found.rows + found.left_out + found.unseen == 5
    assert found.left_out == 1
    assert found.unseen == 4 - len(codes)


def test_numbers_written_as_texts_are_read_as_the_sample_was(encoding: Encoding) -> None:
    rows = made(4).with_columns(y=pl.Series(["1,5", "2", "1.000,5", "?"]))
    assert target_of(rows, Reading("y", style="decimal comma"), encoding)[0] == [1.5, 2.0, 1000.5]


def test_a_weight_of_zero_is_an_absent_row(frame: pl.DataFrame, one: Source, judging: Judging) -> None:
    found = stream_costs(one, with_reading(judging, reading=Reading("y", weight="w")))
    absent = int(((frame["w"] == 0) | frame["y"].is_null()).sum())
    assert (found.rows, found.left_out) == (N - absent, absent)


def test_columns_of_a_batch_are_read_as_the_whole_table_is(frame: pl.DataFrame) -> None:
    """Whatever a column holds, a batch gives the encoding the numbers that the typed table gives."""
    rows = frame.with_columns(
        span=pl.duration(minutes=pl.int_range(pl.len()) % 50),
        day=pl.date(2020, 1, 1) + pl.duration(days=pl.int_range(pl.len()) % 700),
        spaced=pl.format("  {} ", pl.col("town")),
        price=pl.format("{},5", pl.int_range(pl.len()) % 90),
        flag=pl.int_range(pl.len()) % 3 == 0,
        kind=pl.col("town").cast(pl.Categorical),
    )
    table = read_table(rows, target="y")
    learned = make_encoding(table, np.arange(table.frame.height))
    typed, raw = encode(learned, table.frame), encode(learned, as_read(rows[table.row_numbers - 1]))
    assert {"span", "spaced", "price", "kind", "flag"} <= set(typed.names)
    assert np.array_equal(typed.matrix, raw.matrix, equal_nan=True)


# Refusals -------------------------------------------------------------------------------------------------------


def test_rows_that_cannot_be_judged_are_named(frame: pl.DataFrame, encoding: Encoding, judging: Judging) -> None:
    def said(rows: pl.DataFrame, way: Way, reading: Reading, size: int = SIZE) -> str:
        with pytest.raises(DataError) as caught:
            stream_costs(open_rows(rows.lazy()), Judging(encoding, {}, (way,), reading), size=size)
        return str(caught.value)

    plain = Way("y", None, lambda rows, said: rows.y)
    place = pl.int_range(pl.len())
    infinite = frame.with_columns(y=pl.when(place == 9_000).then(float("inf")).otherwise("y"))
    assert said(infinite, plain, Reading("y")).startswith(
        'LM508 The target "y" of The lazy frame is infinite in row 9,001.'
    )
    for value, word in ((-1.0, "negative"), (float("inf"), "infinite"), (None, "missing")):
        wrong = frame.with_columns(w=pl.when(place == 12_345).then(value).otherwise("w"))
        expected = f'LM518 The weight "w" of The lazy frame is {word} in row 12,346.'
        assert said(wrong, plain, Reading("y", weight="w")).startswith(expected)
    counts = loss_way("poisson", None, ls.get("poisson"), lambda rows, said: np.zeros(len(rows.y)))
    below = frame.with_columns(y=pl.when(place == 9_000).then(-2.0).otherwise(pl.col("y").abs()))
    assert said(below, counts, Reading("y")).startswith(
        "LM565 The lazy frame, within its rows 8,193 to 12,288: poisson"
    )
    assert said(frame.drop("x"), plain, Reading("y")).startswith('LM504 The lazy frame has no column "x"')
    with pytest.raises(ArgumentError, match="LM253 a batch holds at most 1,048,576 rows, got size=1,048,577"):
        stream_costs(open_rows(frame.lazy()), judging, size=(1 << 20) + 1)


def test_an_infinite_cost_spoils_its_own_way_only(frame: pl.DataFrame, encoding: Encoding) -> None:
    def sometimes(rows: BatchRows, said: Any) -> Floats:
        return np.where(rows.numbers == 7, np.inf, 1.0)

    ways = (Way("sometimes", None, sometimes), Way("one", None, lambda rows, said: np.ones(len(rows.y))))
    found = stream_costs(open_rows(frame.lazy()), Judging(encoding, {}, ways, Reading("y")), size=SIZE)
    assert found.means.tolist() == [np.inf, 1.0]


def test_progress_reaches_the_end(one: Source, judging: Judging) -> None:
    shares: list[float] = []
    stream_costs(one, judging, size=SIZE, step=shares.append)
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    assert len(shares) == -(-N // SIZE)


def test_nothing_at_all_has_no_mean(encoding: Encoding) -> None:
    found = stream_costs(open_rows(made(0).lazy()), Judging(encoding, {}, (Way("y", None, absolute),), Reading("y")))
    assert found.rows == 0
    assert isinstance(found.totals, Pair)
    assert np.isnan(found.means).all()
