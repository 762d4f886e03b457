"""Write `predict.py`: an encoding and a rule come in, Python text that needs only LightGBM and NumPy goes out.

What the user's data contributed (column names, categories, labels) enters as one JSON string literal, never as code.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from lossmith.advise.data.encode import standalone

HEAD = '''"""Predict with the model of a study. Needs Python 3.10 or newer, lightgbm and numpy; nothing else.

    python predict.py DATA.csv [--encoding utf-8] > predictions.csv

DATA.csv has the columns that the study used, in any order; empty fields are missing values. One line comes out for
every row. In Python (rows are dicts, column -> value; None is a missing value, an absent column is an error):

    from predict import predict
    predict([{...}, {...}])      # a list of dicts with what to do and, for classes, how probable each is
"""
import csv
import json
import os
import sys

import lightgbm
import numpy as np

'''

BODY = '''
HERE = os.path.dirname(os.path.abspath(__file__))
_loaded = {}


def model():
    """The booster in model.txt, read once."""
    if "model" not in _loaded:
        with open(os.path.join(HERE, "model.txt"), encoding="utf-8") as file:
            _loaded["model"] = lightgbm.Booster(model_str=file.read())
    return _loaded["model"]


def act(y_pred):
    """Turn predictions into actions by the rule of the study."""
    rule = STUDY["rule"]
    if rule["rule"] == "shift":
        return y_pred + rule["amount"]
    if rule["rule"] == "scale":
        return y_pred * rule["factor"]
    if rule["rule"] == "threshold":
        return (y_pred >= rule["level"]).astype(float)
    if rule["rule"] == "cheapest_class":
        return np.argmin(y_pred @ np.asarray(rule["matrix"]), axis=1).astype(float)
    return y_pred


def predict(rows):
    """Predict one row (a dict) or many (a list of dicts)."""
    if isinstance(rows, dict):
        return predict([rows])[0]
    if not rows:
        return []
    y_pred = np.asarray(model().predict(encode_rows(STUDY["encoding"], rows)))
    actions, classes = act(y_pred), STUDY["classes"]
    if not classes:
        return [{"prediction": float(value)} for value in actions]
    if y_pred.ndim == 1:
        y_pred = np.column_stack([1.0 - y_pred, y_pred])
    return [
        {"decision": classes[int(action)], "probability": dict(zip(classes, map(float, row)))}
        for action, row in zip(actions, y_pred)
    ]


def delimiter_of(line):
    """The delimiter that finds most of the study's columns in the first line."""
    known = set(STUDY["columns"])
    return max(",;\\t|", key=lambda mark: len(known.intersection(next(csv.reader([line], delimiter=mark), []))))


def read(path, encoding):
    """The rows of a delimited file as dicts; every reason why it cannot be read is one sentence."""
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


def main(arguments):
    encoding, usage = STUDY["file_encoding"], "usage: python predict.py DATA.csv [--encoding NAME] > predictions.csv"
    if "--encoding" in arguments[:-1]:
        place = arguments.index("--encoding")
        encoding = arguments[place + 1]
        del arguments[place : place + 2]
    if len(arguments) != 1 or arguments[0].startswith("-"):
        sys.exit(usage)
    found = predict(read(arguments[0], encoding))
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(encoding="utf-8")
    out = csv.writer(sys.stdout)
    classes = STUDY["classes"]
    if classes:
        out.writerow(["decision"] + ["probability of " + label for label in classes])
        out.writerows([row["decision"]] + [repr(row["probability"][label]) for label in classes] for row in found)
    else:
        out.writerow(["prediction"])
        out.writerows([repr(row["prediction"])] for row in found)


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
        sys.stdout.flush()
    except BrokenPipeError:  # the reader, such as head, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
'''


def program(
    encoding: Mapping[str, Any],
    rule: Mapping[str, Any],
    *,
    columns: tuple[str, ...],
    classes: tuple[str, ...],
    file_encoding: str | None,
) -> str:
    """Return the text of `predict.py`."""
    study = {
        "encoding": encoding,
        "rule": rule,
        "columns": list(columns),
        "classes": list(classes),
        "file_encoding": file_encoding or "utf-8-sig",
    }
    # JSON in ASCII, then as a Python string literal: quotes, newlines and any script arrive as escapes
    literal = json.dumps(json.dumps(study))
    return f"{HEAD}{standalone().strip()}\n\n\nSTUDY = json.loads(\n    {literal}\n)\n{BODY}"
