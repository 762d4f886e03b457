"""Write `predict.py`: a `Program` comes in, Python text that needs only NumPy (and LightGBM for trees) goes out.

What the user's data contributed (column names, categories, labels) enters as one JSON string literal, never as code.
How rows become numbers, what a linear model predicts and what a rule does are the files that the study itself runs,
embedded as they are.
"""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from lossmith.advise.data.encode import standalone
from lossmith.algebra.decision import acting as act
from lossmith.algebra.decision.rules import Rule, deciding, rule_columns, rule_to_dict


@dataclass(frozen=True)
class Fold:
    """Model files of one fold, its rule, and its encoding where that is not the one of the answer."""

    models: tuple[str, ...]
    rule: Rule
    encoding: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Program:
    """What `predict.py` carries.

    `models` are files beside it: .txt of LightGBM or .json of a linear model; several stand side by side, one for each
    of `levels`. `columns` are what the models need; `readings` says how texts in the columns of the rule are understood.
    `folds` reproduce the held-out predictions of the study (`--fold 1` is the first).
    """

    encoding: Mapping[str, Any]
    rule: Rule
    columns: tuple[str, ...]
    classes: tuple[str, ...] = ()
    models: tuple[str, ...] = ("model.txt",)
    levels: tuple[float, ...] = ()
    folds: tuple[Fold, ...] = ()
    readings: Mapping[str, str] = field(default_factory=dict)
    file_encoding: str | None = None


HEAD: Final = """\"""Predict with the model of a study. Needs Python 3.10 or newer and NEEDED; nothing else.

    python predict.py DATA.csv [--encoding utf-8] [--fold K] > predictions.csv

DATA.csv has the columns that the study used, in any order; empty fields are missing values. One line comes out for
every row. --fold K predicts with the models and the rule of fold K of the study, to repeat what it compared. In Python
(rows are dicts, column -> value; None is a missing value, an absent column is an error):

    from predict import predict
    predict([{...}, {...}])      # a list of dicts with what to do and, for classes, how probable each is
\"""
from __future__ import annotations

import csv
import json
import os
import sys

import numpy as np

"""

BODY: Final = """
HERE = os.path.dirname(os.path.abspath(__file__))
_loaded = {}


def boosted(text):
    \"""Return what predicts with a model file of LightGBM.\"""
    import lightgbm

    booster = lightgbm.Booster(model_str=text)
    return lambda matrix: np.asarray(booster.predict(matrix))


def linear(text):
    \"""Return what predicts with a linear model in JSON.\"""
    parsed = json.loads(text)
    return lambda matrix: np.asarray(predict_linear(parsed, matrix))


def model(name):
    \"""Return what predicts with a model file beside this program, read once.\"""
    if name not in _loaded:
        with open(os.path.join(HERE, *name.split("/")), encoding="utf-8") as file:
            _loaded[name] = (linear if name.endswith(".json") else boosted)(file.read())
    return _loaded[name]


def part_of(fold):
    \"""Return the models and the rule of the answer (None), or of a fold from 1 on.\"""
    if fold is None:
        return STUDY
    if not STUDY["folds"]:
        raise ValueError("this study kept no folds")
    if fold not in range(1, len(STUDY["folds"]) + 1):
        raise ValueError("this study has no fold %s, only 1 to %d" % (fold, len(STUDY["folds"])))
    return STUDY["folds"][fold - 1]


def rule_column(name, rows):
    \"""Return a column of the rule as numbers.\"""
    reading, values = {"reading": STUDY["readings"].get(name, "plain")}, np.full(len(rows), np.nan)
    for place, row in enumerate(rows):
        if name not in row:
            raise ValueError("row %d has no column named %r" % (place + 1, name))
        if not is_missing(row[name]):
            values[place] = number_columns(reading, row[name])[0]
    bad = np.flatnonzero(~(np.isfinite(values) & (values >= 0)))
    if len(bad):
        raise ValueError("row %d: what to do depends on %r, a number of at least 0 there" % (bad[0] + 1, name))
    return values


def predict(rows, fold=None):
    \"""Predict one row (a dict) or many (a list of dicts).\"""
    if isinstance(rows, dict):
        return predict([rows], fold)[0]
    part = part_of(fold)
    if not rows:
        return []
    matrix = encode_rows(part.get("encoding") or STUDY["encoding"], rows)
    each = [model(name)(matrix) for name in part["models"]]
    rule, y_pred = part["rule"], each[0] if len(each) == 1 else np.column_stack(each)
    columns = {name: rule_column(name, rows) for name in columns_of(rule)}
    return answers(act_by(rule, y_pred, columns), adjusted_by(rule, y_pred, columns), decided_by(rule)["rule"])


def answers(actions, y_pred, rule):
    \"""Return one dict for each row: what to do and how probable each class is, a number, or a number for each level.\"""
    classes = STUDY["classes"]
    if classes and rule == "cuts":
        pairs = zip(actions, y_pred)
        return [{"decision": classes[int(action)], "prediction": float(value)} for action, value in pairs]
    if classes:
        pairs = zip(actions, two_columns(y_pred))
        return [
            {"decision": classes[int(action)], "probability": dict(zip(classes, map(float, row)))}
            for action, row in pairs
        ]
    if actions.ndim == 2:
        return [dict(zip(STUDY["levels"], map(float, row))) for row in actions]
    return [{"prediction": float(value)} for value in actions]


def delimiter_of(line):
    \"""The delimiter that finds most of the study's columns in the first line.\"""
    known = set(STUDY["columns"])
    return max(",;\\t|", key=lambda mark: len(known.intersection(next(csv.reader([line], delimiter=mark), []))))


def read(path, encoding):
    \"""The rows of a delimited file as dicts; every reason why it cannot be read is one sentence.\"""
    try:
        with open(path, encoding=encoding, newline="") as file:
            first = file.readline()
            file.seek(0)
            reader = csv.DictReader(file, delimiter=delimiter_of(first))
            names, rows = reader.fieldnames or [], list(reader)
    except OSError as error:
        sys.exit("%s cannot be read: %s." % (path, error.strerror))
    except LookupError:
        sys.exit("%s is not an encoding, such as utf-8 or cp949." % encoding)
    except (UnicodeError, csv.Error):
        advice = "Name its encoding with --encoding NAME, or save the table as CSV."
        sys.exit("%s is not CSV text in %s. %s" % (path, encoding, advice))
    absent = [name for name in STUDY["columns"] if name not in names]
    if absent:
        sys.exit("%s has no column %s, which the model needs." % (path, ", ".join(map(repr, absent))))
    return rows


def heads(rule):
    \"""The names of what is said of every row.\"""
    if STUDY["classes"]:
        return ["decision"] + (["prediction"] if rule == "cuts" else ["probability of " + c for c in STUDY["classes"]])
    return STUDY["levels"] or ["prediction"]


def write(found, rule):
    \"""Write the answers as CSV.\"""
    out = csv.writer(sys.stdout)
    out.writerow(heads(rule))
    for row in found:
        values = [*row.values()][:-1] + [*row["probability"].values()] if "probability" in row else row.values()
        out.writerow(repr(value) if isinstance(value, float) else value for value in values)


def option(arguments, name):
    \"""Take an option and its value out of the arguments; None if it is not there.\"""
    if name not in arguments[:-1]:
        return None
    place = arguments.index(name)
    value = arguments[place + 1]
    del arguments[place : place + 2]
    return value


def main(arguments):
    usage = "usage: python predict.py DATA.csv [--encoding NAME] [--fold K] > predictions.csv"
    encoding, fold = option(arguments, "--encoding") or STUDY["file_encoding"], option(arguments, "--fold")
    if len(arguments) != 1 or arguments[0].startswith("-"):
        sys.exit(usage)
    if fold is not None and not (fold.isascii() and fold.isdigit()):
        sys.exit("--fold takes a whole number, got %s." % fold)
    rows, fold = read(arguments[0], encoding), None if fold is None else int(fold)
    try:
        found = predict(rows, fold)
    except ValueError as error:
        sys.exit("%s: %s." % (arguments[0], error))
    except OSError as error:
        sys.exit("%s cannot be read: %s. It belongs beside predict.py." % (error.filename, error.strerror))
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(encoding="utf-8")
    write(found, decided_by(part_of(fold)["rule"])["rule"])


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
        sys.stdout.flush()
    except BrokenPipeError:  # the reader, such as head, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
"""


def program(what: Program) -> str:
    """Return the text of `predict.py`.

    >>> from lossmith.algebra.decision.rules import Threshold
    >>> text = program(Program({"features": []}, Threshold(0.5), (), classes=("no", "yes")))
    >>> "import lossmith" in text, "def predict(rows" in text
    (False, True)
    """
    files = (*what.models, *(name for fold in what.folds for name in fold.models))
    is_linear = [name.endswith(".json") for name in files]
    needed = "numpy" if all(is_linear) else "lightgbm and numpy"
    parts = [standalone(), inspect.getsource(act), *([_linear()] if any(is_linear) else [])]
    embedded = "\n\n\n".join(_without_future(part) for part in parts)
    # JSON in ASCII, then as a Python string literal: quotes, newlines and any script arrive as escapes
    literal = json.dumps(json.dumps(_study(what)))
    head = HEAD.replace("NEEDED", needed)
    return f"{head}{embedded}\n\n\nSTUDY = json.loads(\n    {literal}\n)\n{BODY}"


def _linear() -> str:
    from lossmith.advise.models import linear_row

    return inspect.getsource(linear_row)


def _without_future(text: str) -> str:
    return re.sub(r"^from __future__ import annotations\n+", "", text, flags=re.MULTILINE).strip()


def _study(what: Program) -> dict[str, Any]:
    """Everything that the user's data and the study contributed, as plain data."""
    rules = [what.rule, *(fold.rule for fold in what.folds)]
    needed = dict.fromkeys((*what.columns, *(name for rule in rules for name in rule_columns(rule))))
    return {
        "encoding": what.encoding,
        "models": list(what.models),
        "rule": _decides(what, what.rule),
        "columns": list(needed),
        "readings": dict(what.readings),
        "classes": list(what.classes),
        "levels": [f"quantile {level:g}" for level in what.levels],
        "folds": [
            {"models": list(fold.models), "rule": _decides(what, fold.rule), "encoding": fold.encoding}
            for fold in what.folds
        ],
        "file_encoding": what.file_encoding or "utf-8-sig",
    }


def _decides(what: Program, rule: Rule) -> dict[str, Any]:
    return rule_to_dict(deciding(rule, len(what.classes)))
