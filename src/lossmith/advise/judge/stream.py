"""Compare on more rows than memory: a source, models and ways to use them come in, sums of costs by block go out.

Rows are read in batches, encoded, predicted and judged; what remains of a batch are sums in double words over
`BLOCKS` blocks. A mean, a paired difference and their errors need no more than these (see `tally`): the products of the
costs of two ways that a paired error needs are products of their block sums. Batches are cut alike however the
rows are spread over files, so that the sums are the same bit for bit.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from lossmith.advise.data.columns import stripped, typed
from lossmith.advise.data.encode import Encoding, encode
from lossmith.advise.data.scan import Source, batches, places_in
from lossmith.advise.data.scan_profile import target_values
from lossmith.advise.judge.tally import Tally
from lossmith.errors import ArgumentError, DataError, LossmithError
from lossmith.numerics.double_word import Pair, add, divide, pair, total

if TYPE_CHECKING:
    import polars as pl

    from lossmith.loss import Loss, Sums

Floats = NDArray[np.float64]
Rows = NDArray[np.int64]
BlockOf = Callable[[Rows, "pl.DataFrame"], Rows]

BLOCKS: Final = 1_000
"""So many blocks give an interval 999 degrees of freedom: it is within a tenth of a percent as narrow as row by row."""

EXACT_BITS: Final = 20
SLICES: Final = 4
"""Values are cut into slices of 33 bits, of which 2**20 add up without rounding."""


@dataclass(frozen=True)
class BatchRows:
    """The rows of a batch that are judged: `y` and `weight` (n,), the encoded `matrix` (n, p), the columns as read, and
    their numbers from 0."""

    y: Floats
    weight: Floats
    matrix: Floats
    columns: pl.DataFrame
    numbers: Rows


@dataclass(frozen=True)
class Way:
    """A way to answer: the model it uses (a key of `Judging.models`, None for none) and what each row costs under it.

    `cost` is given the rows and what the model said of them, and returns (n,) costs before weights. `sums`, for a cost
    that is the value of a loss, returns the `Sums` of the same rows with their weights.
    """

    name: str
    model: str | None
    cost: Callable[[BatchRows, Any], Floats]
    sums: Callable[[BatchRows, Any], Sums] | None = None


def loss_way(name: str, model: str | None, loss: Loss, raw: Callable[[BatchRows, Any], Floats]) -> Way:
    """Return the way that is judged by the value of `loss` at the raw predictions that `raw` makes of a model's answer."""

    def cost(rows: BatchRows, said: Any) -> Floats:
        with np.errstate(all="ignore"):
            return np.asarray(loss.per_example(rows.y, raw(rows, said)), dtype=np.float64)

    return Way(name, model, cost, lambda rows, said: loss.sums(rows.y, raw(rows, said), rows.weight))


@dataclass(frozen=True)
class Reading:
    """How the target and the weight of a row are read.

    `classes` are the names of the classes in the order of their codes (none: the target is a number); `style` is how a
    text of the target is understood (`Table.readings`); `weight` is a column of weights, or None.
    """

    target: str
    classes: tuple[str, ...] = ()
    style: str = ""
    weight: str | None = None


def by_row(numbers: Rows, columns: pl.DataFrame | None = None) -> Rows:
    """Put every row into a block by a hash of its number (SplitMix64), so that no order or period of the rows shows.

    >>> by_row(np.arange(3)).tolist()
    [535, 465, 110]
    """
    x = numbers.astype(np.uint64) + np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray((x ^ (x >> np.uint64(31))) % np.uint64(BLOCKS), dtype=np.int64)


def by_group(column: str) -> BlockOf:
    """Put all rows with one value of a column into one block, by a checksum of its text."""

    def block_of(numbers: Rows, columns: pl.DataFrame) -> Rows:
        import polars as pl

        texts = columns[column].cast(pl.String).fill_null("")
        codes = {text: zlib.crc32(text.encode()) % BLOCKS for text in texts.unique().to_list()}
        return texts.replace_strict(codes, return_dtype=pl.Int64).to_numpy()

    return block_of


@dataclass(frozen=True)
class Judging:
    """What to do with every row: the encoding, models by name (encoded matrix in, any answer out), the ways, how target
    and weight are read, further columns that ways and blocks read, and the block of a row."""

    encoding: Encoding
    models: Mapping[str, Callable[[Floats], Any]]
    ways: tuple[Way, ...]
    reading: Reading
    columns: tuple[str, ...] = ()
    block_of: BlockOf = by_row


@dataclass(frozen=True, eq=False)
class StreamedCosts:
    """What ways cost on all judged rows, in double words: `block_sums` (BLOCKS, ways) of costs times weights,
    `block_weights` (BLOCKS,), and `block_rows` (BLOCKS,) counts of rows.

    `rows` were judged, `skipped` belong to the sample, `left_out` have no target or weight 0, `unseen` a class that the
    sample lacks. `sums` are the `Sums` of the ways whose cost is the value of a loss.
    """

    ways: tuple[str, ...]
    block_sums: Pair
    block_weights: Pair
    block_rows: Rows
    rows: int = 0
    skipped: int = 0
    left_out: int = 0
    unseen: int = 0
    sums: Mapping[str, Sums] = field(default_factory=dict)

    @property
    def totals(self) -> Pair:
        """The sum of costs times weights of every way, (ways,)."""
        return _down(self.block_sums)

    @property
    def weight(self) -> Pair:
        """The sum of all weights."""
        return _down(self.block_weights)

    @property
    def means(self) -> Floats:
        """What a row costs on average under every way, (ways,)."""
        return divide(self.totals, self.weight)


def _down(x: Pair) -> Pair:
    return add(total(x.hi, axis=0), total(x.lo, axis=0))


def merge(a: StreamedCosts, b: StreamedCosts) -> StreamedCosts:
    """Return the sums over the rows of both, which must be different rows judged in the same ways.

    Raises `ArgumentError` (LM252) for other ways.
    """
    if a.ways != b.ways:
        raise ArgumentError("LM252", f"costs of {', '.join(a.ways)} and of {', '.join(b.ways)} do not add up.")
    return StreamedCosts(
        a.ways,
        block_sums=add(a.block_sums, b.block_sums),
        block_weights=add(a.block_weights, b.block_weights),
        block_rows=a.block_rows + b.block_rows,
        rows=a.rows + b.rows,
        skipped=a.skipped + b.skipped,
        left_out=a.left_out + b.left_out,
        unseen=a.unseen + b.unseen,
        sums={**a.sums, **b.sums, **{name: a.sums[name] + b.sums[name] for name in a.sums if name in b.sums}},
    )


def tally_of(costs: StreamedCosts) -> Tally:
    """Return the same sums rounded to float64, block by block, for the estimates of `tally`."""
    used = np.flatnonzero(costs.block_rows)
    return Tally(used, costs.block_sums.hi[used], costs.block_weights.hi[used])


def stream_costs(
    source: Source,
    judging: Judging,
    *,
    skip: Rows | None = None,
    size: int | None = None,
    step: Callable[[float], None] | None = None,
) -> StreamedCosts:
    """Judge every row of `source` outside `skip` (row numbers from 0, those of the sample), in batches of `size` rows.

    `step` is told the share of the rows that is done. Raises `DataError`: LM504 for a missing column, LM508 for an
    infinite target, LM518 for what is no weight (both name the row), LM565 where a loss or a cost refuses rows.
    """
    if size is not None and size > 1 << EXACT_BITS:
        raise ArgumentError("LM253", f"a batch holds at most {1 << EXACT_BITS:,} rows, got size={size:,}.")
    numbers = np.empty(0, dtype=np.int64) if skip is None else np.unique(skip)
    found = _nothing(judging.ways)
    for first, frame in batches(source, _wanted(judging), size):
        found = merge(found, _judged(judging, source.name, first, frame, places_in(numbers, first, frame.height)))
        if step is not None:
            step((first + frame.height) / source.rows)
    return found


def _wanted(judging: Judging) -> list[str]:
    """The columns to read, each once."""
    reading = judging.reading
    weight = (reading.weight,) if reading.weight is not None else ()
    features = (feature.name for feature in judging.encoding.features)
    return list(dict.fromkeys((*features, reading.target, *weight, *judging.columns)))


def _nothing(ways: tuple[Way, ...]) -> StreamedCosts:
    names = tuple(way.name for way in ways)
    empty = np.zeros(BLOCKS, dtype=np.int64)
    return StreamedCosts(names, pair(np.zeros((BLOCKS, len(ways)))), pair(np.zeros(BLOCKS)), empty)


def _judged(judging: Judging, source: str, first: int, frame: pl.DataFrame, sampled: Rows) -> StreamedCosts:
    """Judge one batch, less the places `sampled`."""
    kept = np.ones(frame.height, dtype=bool)
    kept[sampled] = False
    y, unseen = _targets(judging.reading, frame[judging.reading.target], source, first)
    known = kept & ~np.isnan(y)
    weight = _weights(judging.reading, frame, known, source, first)
    place = np.flatnonzero(known & (weight > 0))
    found = _nothing(judging.ways)
    if len(place):
        columns = frame[place]
        matrix = encode(judging.encoding, as_read(columns)).matrix
        rows = BatchRows(y[place], weight[place], matrix, columns, first + place)
        try:
            found = _summed(judging, rows, *_costs(judging, rows))
        except LossmithError as error:
            last = first + frame.height
            raise DataError("LM565", f"{source}, within its rows {first + 1:,} to {last:,}: {error.sentence}") from None
    new = int((kept & unseen).sum())
    left_out = int(kept.sum()) - len(place) - new
    return replace(found, rows=len(place), skipped=len(sampled), left_out=left_out, unseen=new)


def _costs(judging: Judging, rows: BatchRows) -> tuple[list[Floats], dict[str, Sums]]:
    """What each way costs row by row, and its `Sums` where it has a loss; every model speaks once."""
    said = {name: model(rows.matrix) for name, model in judging.models.items()}
    said_of = {way.name: None if way.model is None else said[way.model] for way in judging.ways}
    costs = [np.asarray(way.cost(rows, said_of[way.name]), dtype=np.float64) for way in judging.ways]
    return costs, {way.name: way.sums(rows, said_of[way.name]) for way in judging.ways if way.sums is not None}


def _summed(judging: Judging, rows: BatchRows, costs: list[Floats], sums: dict[str, Sums]) -> StreamedCosts:
    blocks = judging.block_of(rows.numbers, rows.columns)
    with np.errstate(over="ignore"):
        parts = [sums_by_block(cost * rows.weight, blocks, BLOCKS) for cost in costs]
    block_sums = Pair(*(np.stack([part[word] for part in parts], axis=1) for word in (0, 1)))
    weights = sums_by_block(rows.weight, blocks, BLOCKS)
    names = tuple(way.name for way in judging.ways)
    return StreamedCosts(names, block_sums, weights, np.bincount(blocks, minlength=BLOCKS), sums=sums)


def sums_by_block(values: Floats, blocks: Rows, count: int) -> Pair:
    """Return the sums of at most 2**20 `values` by block, (count,), in double words, the same for every order.

    The values are cut on a common grid into slices that add up without rounding (Rump, Ogita and Oishi 2008, Accurate
    floating-point summation I, algorithm 3.2): nothing is lost unless sizes differ by more than 2**45, and then less
    than 2**-98 of the largest. Infinite and NaN values give infinite and NaN sums.

    >>> sums_by_block(np.array([1e16, 1.0, 2.0, -1e16]), np.array([0, 0, 1, 0]), 2).hi.tolist()
    [1.0, 2.0]
    """
    finite = np.isfinite(values)
    odd = None if finite.all() else np.bincount(blocks, np.where(finite, 0.0, values), count)
    rest = values if odd is None else np.where(finite, values, 0.0)
    exponent = int(np.frexp(np.abs(rest).max(initial=0.0))[1])
    rest = np.ldexp(rest, -exponent)  # below 1 in size
    found, grid = pair(np.zeros(count)), 1.5 * 2.0**EXACT_BITS
    for _ in range(SLICES):
        if not rest.any():
            break
        high = (rest + grid) - grid
        found = add(found, pair(np.bincount(blocks, high, count)))
        rest, grid = rest - high, grid * 2.0 ** (EXACT_BITS - 53)
    with np.errstate(over="ignore"):
        found = Pair(np.ldexp(found.hi, exponent), np.ldexp(found.lo, exponent))
    return found if odd is None else add(found, pair(odd))


def as_read(columns: pl.DataFrame) -> pl.DataFrame:
    """Return the columns of a batch in the types that `encode` reads, deciding nothing by what this batch holds.

    >>> import polars as pl
    >>> as_read(pl.DataFrame({"city": [" Seoul ", ""]}))["city"].to_list()
    ['Seoul', None]
    """
    import polars as pl

    return pl.DataFrame([stripped(c) if c.dtype == pl.String else typed(c).series for c in columns])


def _targets(reading: Reading, column: pl.Series, source: str, first: int) -> tuple[Floats, NDArray[np.bool_]]:
    """Return the target as float64, NaN where it is missing or of a class never seen, and which rows are the latter."""
    import polars as pl

    values = target_values(column, reading.style)
    if reading.classes:
        codes = _codes(values, reading.classes)
        return codes, np.isnan(codes) & values.is_not_null().to_numpy()
    y = values.cast(pl.Float64, strict=False).fill_null(np.nan).to_numpy()
    _refuse(np.isinf(y), "LM508", f'The target "{reading.target}" of {source} is infinite', first)
    return y, np.zeros(len(y), dtype=bool)


def _codes(values: pl.Series, classes: tuple[str, ...]) -> Floats:
    """Return the place of each value among the classes, NaN for any other; a number is matched as a number."""
    import polars as pl

    key: Callable[[Any], Any] = float if values.dtype.is_numeric() else str
    kind = pl.Float64 if values.dtype.is_numeric() else pl.String
    places = {key(name): float(place) for place, name in enumerate(classes)}
    found = values.cast(kind).replace_strict(places, default=None, return_dtype=pl.Float64)
    return found.fill_null(np.nan).to_numpy()


def _weights(reading: Reading, frame: pl.DataFrame, known: NDArray[np.bool_], source: str, first: int) -> Floats:
    """Return the weights; refuse (LM518) what is no weight in one of the `known` rows."""
    import polars as pl

    if reading.weight is None:
        return np.ones(frame.height)
    values = target_values(frame[reading.weight], "plain").cast(pl.Float64, strict=False)
    weight = values.fill_null(np.nan).to_numpy()
    for bad, what in ((np.isnan(weight), "missing"), (np.isinf(weight), "infinite"), (weight < 0, "negative")):
        _refuse(bad & known, "LM518", f'The weight "{reading.weight}" of {source} is {what}', first)
    return weight


def _refuse(bad: NDArray[np.bool_], code: str, what: str, first: int) -> None:
    """Raise an error that names the first bad row, counted from 1."""
    if bad.any():
        raise DataError(code, f"{what} in row {first + int(np.argmax(bad)) + 1:,}. Leave such rows out.")
