"""How accuracy is measured: comes in a language, goes out the numbers and pictures of `accuracy.md`."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from importlib.resources import files
from typing import Any

import numpy as np

import lossmith as ls
from lossmith.certificate import bound_of
from lossmith.interpret.truth import LAST_PRECISION
from lossmith.report.pages.chart import Bars, Table
from lossmith.report.pages.number import number

Say = Callable[[str, str], str]


def naive() -> Table:
    """Textbook formulas in float64 beside what Lossmith makes of them."""
    one, zero = np.array([1.0]), np.array([0.0])
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        sigmoid = 1 / (1 + np.exp(-40.0))
        rows = (
            ("log loss, answer 0", 40.0, -np.log(1 - sigmoid), ls.get("bce").per_example(zero, np.array([40.0]))[0]),
            ("its gradient, answer 1", 40.0, sigmoid - 1, ls.get("bce").per_example_gradient(one, np.array([40.0]))[0]),
            ("log cosh", 800.0, np.log(np.cosh(800.0)), ls.get("log_cosh").per_example(zero, np.array([800.0]))[0]),
        )
    header = ("result", "raw prediction", "as in a textbook", "with Lossmith")
    return Table(header, tuple((name, raw, float(plain), float(exact)) for name, raw, plain, exact in rows))


def computed(say: Say) -> dict[str, Any]:
    """All values of the page, by name."""
    rows = json.loads(files("lossmith").joinpath("certificates.json").read_text("utf-8"))
    outputs = ("value", "gradient", "hessian")
    worst = [
        tuple(max(row["worst_units"] for row in rows if (row["output"], row["dtype"]) == (o, d)) for o in outputs)
        for d in ("float32", "float64")
    ]
    return {
        "naive_table": naive(),
        "most_bits": number(LAST_PRECISION),
        "spacing_one": number(float(np.spacing(1.0)), 2),
        "spacing_thousand": number(float(np.spacing(1024.0)), 2),
        "everyday": bound_of("squared_error"),
        "others": bound_of("focal"),
        "count": number(len(rows)),
        "points": number(sum(row["points"] for row in rows)),
        "kept": number(sum(row["meets"] for row in rows)),
        "bad": sum(row["nan"] + row["false_infinity"] + row["false_zero"] for row in rows),
        "worst_picture": Bars(
            "The worst error of all losses",
            "units in the last place",
            ("value", "gradient", "curvature"),
            (("float32", worst[0]), ("float64", worst[1])),
            alternative="Worst errors by output and number format; all are below the promise.",
        ),
    }
