"""Which loss for this data: a table, a target and what errors cost come in, a verdict with its evidence goes out.

`study` is the whole story, read downwards: read, profile, shortlist, split, encode, train, compare, say, write.
"""

from __future__ import annotations

import os
import time as clock
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lossmith.advise.data.encode import Encoding, encode, make_encoding
from lossmith.advise.data.table import Table, read_table
from lossmith.advise.judge.compare import compare
from lossmith.advise.judge.measure import Measure, by_cost, by_loss
from lossmith.advise.judge.split import Split, split_rows
from lossmith.advise.look.profile import Profile, profile
from lossmith.advise.models.shortlist import shortlist
from lossmith.advise.models.train import Plan, Trained, train_all
from lossmith.advise.out.folder import choose_folder, write_folder
from lossmith.advise.out.program import program
from lossmith.advise.tell import describe
from lossmith.algebra.decision import CostMatrix, ErrorCosts, Rule, UnderOver, costs_from, rule_to_dict, zero_one
from lossmith.errors import DataError
from lossmith.report.html import page
from lossmith.report.record import StudyRecord, to_json
from lossmith.report.text import screen

if TYPE_CHECKING:
    from lossmith.loss import Loss

Step = Callable[[str, float], None]


@dataclass(frozen=True)
class Study:
    """What a study found. `record` is the plain data that `study.json` holds; the rest can be used at once.

    `model` is the advised LightGBM model, `rule` the decision rule that belongs to it, `loss` the loss it was trained
    under; `predict.py` in the folder holds the encoding and the rule, and needs only LightGBM and NumPy.
    """

    record: StudyRecord
    loss: Loss = field(repr=False)
    model: Any = field(repr=False)
    rule: Rule
    encoding: Encoding = field(repr=False)
    profile: Profile = field(repr=False)
    file_encoding: str | None = None
    folder: Path | None = None

    @property
    def verdict(self) -> str:
        """The answer in one sentence."""
        return self.record.verdict[0]

    @property
    def files(self) -> dict[str, str]:
        """The files of the study by name, as text."""
        return {
            **page(self.record),
            "study.json": to_json(self.record),
            "model.txt": self.model.model_to_string(),
            "predict.py": program(
                self.encoding.to_dict(),
                rule_to_dict(self.rule),
                columns=tuple(feature.name for feature in self.encoding.features),
                classes=self.profile.classes,
                file_encoding=self.file_encoding,
            ),
            "loss.py": self.loss.source("numpy"),
        }

    def __str__(self) -> str:
        return screen(self.record, self.folder)


def study(
    data: Any,
    *,
    target: str,
    time: str | None = None,
    cost: str | Mapping[str, float] | None = None,
    kind: str | None = None,
    encoding: str | None = None,
    out: str | os.PathLike[str] | None = None,
    force: bool = False,
    quick: bool = False,
    seed: int = 0,
    step: Step | None = None,
) -> Study:
    """Find out which loss, and which decision, pays on this data.

    `data` is the path of a Parquet or CSV file, or a pandas, polars or pyarrow frame. `cost` is text or a mapping:
    `under` and `over` per unit of a number, or `false_negative` and `false_positive` per row. With `time` the rows are
    split in time order. A folder is written only if `out` is given (the command line names one by itself).
    `quick` uses a sample and few rounds. `step` is told (what, share done) as the work goes on.

    Raises `DataError` (LM5xx) and `ArgumentError` (LM2xx), one clear sentence each, before anything is written.

    >>> import lossmith as ls
    >>> import polars as pl
    >>> frame = pl.DataFrame({"hour": [i % 24 for i in range(60)], "delay": [i % 24 - 2.5 * (i % 7) for i in range(60)]})
    >>> found = ls.study(frame, target="delay", cost="under=5, over=1", quick=True)
    >>> found.record.kind, found.verdict.count("delay") > 0
    ('real', True)
    """
    command = _command(data, target, time, cost, kind, encoding, quick, seed)
    how = describe.How(command, seed, quick, clock.perf_counter())
    tell, folder = step or _silent, choose_folder(out, target, force=force) if out is not None else None
    costs = costs_from(cost) if cost is not None else None

    tell("reading", 0.0)
    table = read_table(data, target=target, time=time, encoding=encoding)
    profiled = profile(table, kind=kind)
    _check_costs(costs, profiled)
    candidates = shortlist(profiled, _as_mapping(costs))

    tell("splitting and encoding", 0.05)
    split = split_rows(profiled.y, classes=len(profiled.classes), time=_time(table), seed=seed, quick=quick)
    profiled = known_classes(profiled, split)
    learned = make_encoding(table, split.fit)
    encoded = encode(learned, table.frame)
    plan = Plan(len(split.fit), len(profiled.classes), seed, quick)
    trained = train_all(candidates, encoded, profiled.y, split, plan, _between(tell, 0.1, 0.85))

    tell("comparing", 0.85)
    comparisons = tuple(compare(by, trained, profiled.y, split) for by in _measures(costs, trained, profiled))
    done = _study(describe.Found(table, profiled, costs, split, learned, trained, comparisons), how, encoding)

    tell("writing" if folder else "done", 0.95)
    return replace(done, folder=write_folder(folder, done.files, force=force)) if folder else done


def _between(tell: Step, low: float, high: float) -> Step:
    """A part of the work that runs from `low` to `high` of the whole."""
    return lambda what, share: tell(what, low + (high - low) * share)


def _silent(what: str, share: float) -> None:
    """Tell nobody."""


def known_classes(profiled: Profile, split: Split) -> Profile:
    """Leave out of the profile the classes that no row to learn from has (their rows are in no part of the split)."""
    if not profiled.classes:
        return profiled
    seen = np.unique(profiled.y[split.fit])
    if len(seen) == len(profiled.classes):
        return profiled
    classes = tuple(profiled.classes[int(i)] for i in seen)
    counts = tuple(profiled.counts[int(i)] for i in seen)
    return replace(profiled, classes=classes, counts=counts, y=np.searchsorted(seen, profiled.y).astype(np.float64))


def _study(found: describe.Found, how: describe.How, encoding: str | None) -> Study:
    advised = describe.recommended(found.comparisons[0]).contender
    model, classes = found.trained[advised.model], len(found.profile.classes)
    rule = describe.rule_in_use(advised.rule, classes)
    return Study(describe.record(found, how), model.loss, model.booster, rule, found.encoding, found.profile, encoding)


def _time(table: Table) -> Any:
    return table.frame[table.time] if table.time is not None else None


def _as_mapping(costs: UnderOver | ErrorCosts | None) -> dict[str, float] | None:
    return dict(vars(costs)) if costs is not None else None


def _check_costs(costs: UnderOver | ErrorCosts | None, profiled: Profile) -> None:
    """Costs per unit need a number; costs per error need two classes."""
    if isinstance(costs, UnderOver) and profiled.classes:
        two = len(profiled.classes) == 2
        raise DataError(
            "LM531",
            f'the costs "under" and "over" are for numbers, but {profiled.target} is a choice between classes '
            f"({profiled.reason}). {'Give false_negative= and false_positive=' if two else 'Leave --cost out'}, "
            "or say --kind real if it is a number.",
        )
    if isinstance(costs, ErrorCosts) and len(profiled.classes) != 2:
        raise DataError(
            "LM532",
            f'the costs "false_negative" and "false_positive" are for two classes, but {profiled.target} is of kind '
            f"{profiled.kind} ({profiled.reason}). Give under= and over= for a number; leave --cost out for classes.",
        )


def _measures(
    costs: UnderOver | ErrorCosts | None, trained: tuple[Trained, ...], profiled: Profile
) -> tuple[Measure, ...]:
    """The cost first if there is one, then each loss (the default first), for classes the share of errors too."""
    ordered = sorted(trained, key=lambda model: not model.candidate.is_default)
    losses = tuple(by_loss(model.loss, model.candidate, describe.label(model.candidate)) for model in ordered)
    errors = {
        0: (),
        2: (by_cost(ErrorCosts(1.0, 1.0), "share of wrong decisions"),),
    }.get(len(profiled.classes), (by_cost(CostMatrix(zero_one(len(profiled.classes))), "share of wrong decisions"),))
    first = (by_cost(costs, "cost per row"),) if costs is not None else ()
    return (*first, *losses, *errors)


def _command(
    data: Any,
    target: str,
    time: str | None,
    cost: str | Mapping[str, float] | None,
    kind: str | None,
    encoding: str | None,
    quick: bool,
    seed: int,
) -> str:
    """Return the command line that repeats this study (for a frame: with DATA in place of a path)."""
    import shlex

    path = str(data) if isinstance(data, (str, os.PathLike)) else "DATA"
    costs = cost if isinstance(cost, str) or cost is None else ", ".join(f"{k}={v:g}" for k, v in cost.items())
    options = {"--target": target, "--time": time, "--cost": costs, "--kind": kind, "--encoding": encoding}
    words = ["lossmith", "study", path, *(w for key, v in options.items() if v is not None for w in (key, v))]
    return shlex.join([*words, *(["--quick"] if quick else []), "--seed", str(seed)])
