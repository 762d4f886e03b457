"""Small real data sets that come with Lossmith: a name comes in, features, targets and their names go out.

Each is a CSV file of `sets`, with the target in the last column. XOR is four rows, written here.
"""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lossmith.errors import ArgumentError, did_you_mean

XOR: Final = "first,second,different\n0,0,0\n0,1,1\n1,0,1\n1,1,0\n"


@dataclass(frozen=True)
class Source:
    """Where a set comes from: its file (an empty text for XOR), the loss that fits, the model, and who measured it."""

    file: str
    kind: str
    loss: str
    model: str
    source: str


SETS: Final[Mapping[str, Source]] = {
    "diabetes": Source(
        "diabetes.csv",
        "real",
        "squared_error",
        "linear",
        "Efron, Hastie, Johnstone and Tibshirani (2004), Least Angle Regression: 442 patients, progression after a year",
    ),
    "breast_cancer": Source(
        "breast_cancer.csv",
        "binary",
        "binary_cross_entropy",
        "linear",
        "Wolberg, Street and Mangasarian (1993), UCI, CC BY 4.0: 569 tumours, 30 measures of their cells",
    ),
    "iris": Source(
        "iris.csv",
        "class",
        "cross_entropy",
        "linear",
        "Fisher (1936), UCI, CC BY 4.0: 150 flowers of three species, four lengths",
    ),
    "digits": Source(
        "digits.csv.gz",
        "class",
        "cross_entropy",
        "linear",
        "Alpaydin and Kaynak (1998), UCI, CC BY 4.0: 1797 handwritten digits of 8 by 8 pixels",
    ),
    "xor": Source("", "binary", "binary_cross_entropy", "two-layer", "the four rows of exclusive or"),
}


@dataclass(frozen=True, eq=False)
class DataSet:
    """Features X (n, p) with names, the target y (n,) as numbers or texts, and where they come from."""

    name: str
    X: NDArray[np.float64]
    y: NDArray[Any]
    features: tuple[str, ...]
    target: str
    source: Source


@lru_cache(maxsize=8)
def data_set(name: str) -> DataSet:
    """A set by its name.

    Raises `ArgumentError` LM577 for an unknown name, with the closest known one.

    >>> iris = data_set("iris")
    >>> iris.X.shape, iris.features[0], sorted(set(iris.y.tolist()))
    ((150, 4), 'sepal length', ['setosa', 'versicolor', 'virginica'])
    """
    if name not in SETS:
        raise ArgumentError(
            "LM577", f'there is no data set "{name}". Known: {", ".join(SETS)}.{did_you_mean(name, SETS)}'
        )
    header, *rows = csv.reader(io.StringIO(_text(SETS[name].file)))
    X = np.array([[float(cell) for cell in row[:-1]] for row in rows])
    return DataSet(name, X, _numbers_or_texts([row[-1] for row in rows]), tuple(header[:-1]), header[-1], SETS[name])


def _text(file: str) -> str:
    if not file:
        return XOR
    content = files("lossmith.teach.descent").joinpath("sets").joinpath(file).read_bytes()
    return (gzip.decompress(content) if file.endswith(".gz") else content).decode("utf-8")


def _numbers_or_texts(cells: list[str]) -> NDArray[Any]:
    try:
        return np.array([float(cell) for cell in cells])
    except ValueError:
        return np.array(cells)
