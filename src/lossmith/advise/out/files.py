"""The files of a study: its record and what is handed out come in, names and texts go out."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from lossmith.advise.out.program import Fold, Program, program
from lossmith.advise.tell.found import Found
from lossmith.algebra.decision import act, probabilities, rule_columns
from lossmith.algebra.decision.acting import two_columns
from lossmith.report.study.html import page
from lossmith.report.study.record import StudyRecord, to_json

MOST_HELD_OUT: Final = 20_000
WORDS: Final[tuple[tuple[str, str], ...]] = (
    ("index.html", "this page"),
    ("predict.py", "answers for new rows: the model with its rule; needs no Lossmith"),
    ("model", "the advised model, trained on all rows"),
    ("loss.py", "the loss in plain NumPy"),
    ("held_out.csv", "what the advised way said of rows that it had not seen, fold by fold"),
    ("compared/", "the models of the folds that said it (predict.py --fold 1 repeats the first)"),
    ("study.json", "everything on this page as data"),
    ("plotly.min.js", "the script that draws the plots"),
)


@dataclass(frozen=True)
class Handed:
    """What the folder carries beside the record, by file name."""

    files: dict[str, str]

    @classmethod
    def of(cls, found: Found, encoding: str | None) -> Handed:
        """Write down the model, its encoding and its rule, and those that were compared."""
        assert found.model is not None
        models = found.model.files("model")
        compared, folds = _folds(found)
        loss = found.trained[found.advised.contender.model].loss
        text = program(_program(found, tuple(models), folds, encoding))
        others = {"predict.py": text, "loss.py": loss.source("numpy"), "held_out.csv": held_out(found)}
        return cls({**models, **others, **compared})


def _program(found: Found, models: tuple[str, ...], folds: tuple[Fold, ...], encoding: str | None) -> Program:
    ready = found.ready
    named = rule_columns(found.rule)
    needed = dict.fromkeys((*(feature.name for feature in ready.final.features), *named))
    return Program(
        ready.final.to_dict(),
        found.rule,
        columns=tuple(needed),
        classes=ready.profile.classes,
        models=models,
        levels=ready.aim.levels,
        folds=folds,
        readings={name: reading for name, reading in ready.rows.table.readings if name in named},
        file_encoding=encoding,
    )


def _folds(found: Found) -> tuple[dict[str, str], tuple[Fold, ...]]:
    """The models and rules of the advised way as they were compared."""
    files: dict[str, str] = {}
    folds = []
    own = found.ready.judged.to_dict() if found.ready.judged != found.ready.final else None
    runs = found.trained[found.advised.contender.model].runs
    for number, (run, rule) in enumerate(zip(runs, found.rules(), strict=True), start=1):
        made = run.model.files(f"compared/fold-{number}")
        files |= made
        folds.append(Fold(tuple(made), rule, own))
    return files, tuple(folds)


def held_out(found: Found) -> str:
    """The text of `held_out.csv`: row as read, fold, truth, and what the advised way said; the first rows of each fold."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    levels = [f"quantile {level:g}" for level in found.ready.aim.levels]
    classes = found.ready.profile.classes
    heads = levels or (["decision", *_probability_heads(found)] if classes else ["prediction"])
    writer.writerow(["row", "fold", "truth", *heads])
    for number in range(len(found.bench.split.folds)):
        writer.writerows(_held_rows(found, number))
    return out.getvalue()


def _held_rows(found: Found, number: int) -> Iterator[list[Any]]:
    fold = found.bench.split.folds[number]
    most = max(1, MOST_HELD_OUT // len(found.bench.split.folds))
    ask = found.bench.ask(found.advised.contender.model, number, "compare").take(np.arange(len(fold.compare))[:most])
    rule = found.rules()[number]
    said, names = act(rule, ask.y_pred, ask.sample.columns), found.ready.profile.classes
    likely = two_columns(probabilities(rule, ask.y_pred, ask.sample.columns)) if _probability_heads(found) else None
    numbers = found.ready.rows.numbers
    for place, (row, y, action) in enumerate(zip(fold.compare[:most].tolist(), ask.sample.y, said, strict=True)):
        truth = names[int(y)] if names else repr(float(y))
        shown = [names[int(action)]] if names else [repr(float(value)) for value in np.atleast_1d(action)]
        each = [] if likely is None else [repr(float(p)) for p in likely[place]]
        yield [numbers[row], number + 1, truth, *shown, *each]


def _probability_heads(found: Found) -> list[str]:
    """The columns of probabilities, as `predict.py` names them; none where grades are cut from one number."""
    is_number = found.ask(found.advised).y_pred.ndim == 1 and found.ready.profile.kind == "ordinal"
    return [] if is_number else [f"probability of {name}" for name in found.ready.profile.classes]


def files_of(record: StudyRecord, handed: Handed) -> dict[str, str]:
    """The files of the folder by name, as text."""
    return {**page(record), "study.json": to_json(record), **handed.files}


def file_words(handed: Handed) -> tuple[tuple[str, str], ...]:
    """Each file (or folder) with what it is for."""
    names = [*handed.files, "index.html", "study.json", "plotly.min.js"]
    found = []
    for start, words in WORDS:
        for name in sorted(n for n in names if n.startswith(start)):
            shown = start if start.endswith("/") else name
            if (shown, words) not in found:
                found.append((shown, words))
    return tuple(found)
