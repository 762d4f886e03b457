"""The answer of a study as an object: what was found comes in; a record, a model, decisions and files go out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lossmith.advise.data.encode import Encoding, encode
from lossmith.advise.data.source import read_source
from lossmith.advise.look.profile import Profile
from lossmith.advise.models.model import Model
from lossmith.advise.models.train import refit
from lossmith.advise.out.files import Handed, file_words, files_of
from lossmith.advise.request import Request
from lossmith.advise.tell.describe import record
from lossmith.advise.tell.found import Found, How
from lossmith.algebra.decision import Rule, act, rule_columns
from lossmith.report.study.record import StudyRecord
from lossmith.report.study.summary import summary_html
from lossmith.report.study.text import screen

if TYPE_CHECKING:
    import polars as pl

    from lossmith.loss import Loss


@dataclass(frozen=True)
class Study:
    """What a study found. `record` is the plain data that `study.json` holds; the rest can be used at once.

    `model` is the advised model (trained on all rows), `rule` the decision rule that belongs to it, `loss` the loss it
    was trained under. `decide(frame)` answers for new rows, exactly as `predict.py` in the folder does, which needs only
    NumPy (and LightGBM for boosted trees).
    """

    record: StudyRecord
    loss: Loss = field(repr=False)
    model: Any = field(repr=False)
    rule: Rule
    encoding: Encoding = field(repr=False)
    profile: Profile = field(repr=False)
    handed: Handed = field(repr=False)
    trained: Model = field(repr=False)
    folder: Path | None = None

    @property
    def verdict(self) -> str:
        """The answer in one sentence."""
        return self.record.verdict[0]

    @property
    def files(self) -> dict[str, str]:
        """The files of the study by name, as text."""
        return files_of(self.record, self.handed)

    def predict(self, data: Any) -> NDArray[np.float64]:
        """Return predictions on the target's scale, (n,) or (n, classes), before the rule; see `decide`."""
        return self.trained.predict(encode(self.encoding, read_source(data)[0]).matrix).y_pred

    def decide(self, data: Any) -> NDArray[Any]:
        """Return what to do for each row of a frame or file with the columns that the study used.

        Numbers (n,) for a number, the names of classes (n,) for classes, (n, levels) for several quantiles.
        Raises `DataError` LM504 for a column that is missing.
        """
        frame = read_source(data)[0]
        y_pred = self.trained.predict(encode(self.encoding, frame).matrix).y_pred
        columns = {name: _floats(frame[name]) for name in rule_columns(self.rule)}
        action = act(self.rule, y_pred, columns)
        if not self.profile.classes:
            return action
        return np.array(self.profile.classes, dtype=object)[action.astype(np.int64)]

    def table(self) -> pl.DataFrame:
        """Return the comparison as a polars data frame, one row for each way to answer."""
        import polars as pl

        kept = ("label", "role", "mean", "margin", "difference", "difference_margin", "counts", "chosen")
        return pl.DataFrame({name: [getattr(row, name) for row in self.record.comparison.rows] for name in kept})

    def __str__(self) -> str:
        return screen(self.record, self.folder)

    def _repr_html_(self) -> str:
        return summary_html(self.record)


def _floats(column: pl.Series) -> NDArray[np.float64]:
    import polars as pl

    return np.asarray(column.cast(pl.Float64).to_numpy(), dtype=np.float64)


def finished(found: Found, how: How, request: Request, tell: Callable[[str, float], None]) -> Study:
    """Train the advised candidate on all rows, and put everything together."""
    tell("training the advised model on all rows", 0.2)
    ready = found.ready
    chosen = found.trained[found.advised.contender.model]
    material = replace(ready.material, matrix=ready.handed.matrix, categorical=ready.handed.categorical)
    model = refit(chosen, material, ready.rows.known, found.plan)
    found = replace(found, model=model)
    handed = Handed.of(found, request.encoding)
    made = replace(record(found, how, request), files=file_words(handed))
    inner = getattr(model, "booster", getattr(model, "fitted", model))
    return Study(made, chosen.loss, inner, found.rule, ready.final, ready.profile, handed, model)
