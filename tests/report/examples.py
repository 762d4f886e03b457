"""Example records of studies, as a study would write them: nothing comes in, `StudyRecord`s of each kind go out.

The numbers are made up (seeded), in the manner of the studies in the README. `python -m tests.report.examples FOLDER`
writes the pages to look at.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from lossmith.report.study.html import page
from lossmith.report.study.record import (
    Comparison,
    Data,
    Gain,
    Grid,
    Job,
    LossRow,
    Observation,
    Picture,
    Reproduce,
    Row,
    Section,
    Series,
    StudyRecord,
)
from lossmith.report.study.text import screen
from tests.report.example_sections import (
    calibration,
    change,
    coverage,
    disagreement,
    noise,
    residuals,
    shapes,
    shift,
    ways,
)

FILES = (
    ("predict.py", "turns raw rows into predictions with the rule applied; needs only lightgbm and numpy"),
    ("model.txt", "the LightGBM model, fitted again on all rows"),
    ("loss.py", "the loss in plain NumPy"),
    ("study.json", "everything on this page as data"),
)
VERSIONS = {"python": "3.13.1", "lossmith": "0.1.0", "lightgbm": "4.6.0", "numpy": "2.3.0", "polars": "1.30.0"}


def row(label: str, role: str, mean: float, difference: float, *, why: str = "", **more: Any) -> Row:
    """A row of a comparison whose difference counts if it is more than its margin."""
    margin = more.pop("margin", 0.31)
    counts = role != "default" and abs(difference) > margin
    rest = {"loss": label, "rule": "", "rule_data": {"rule": "as_is"}, "chosen": False, "best": False} | more
    gap = 0.0 if role == "default" else 0.9 * margin
    return Row(label, role, why=why, mean=mean, margin=margin, difference=difference, difference_margin=gap,
               counts=counts, **rest)  # fmt: skip


def delay_rows() -> tuple[Row, ...]:
    """The ways to answer for minutes of delay."""
    return (
        row("one answer for every row (24)", "constant", 62.18, 17.90, why="the best single answer"),
        row("squared error as it is", "default", 44.28, 0.0, why="what most tools do"),
        row("squared error + 13.18", "default with rule", 37.01, -7.27, why="shift fitted on rows of its own"),
        row("LightGBM's own quantile objective (level 5/6)", "built-in", 35.61, -8.67, why="the library's built-in"),
        row("quantile loss (level 5/6)", "candidate", 35.42, -8.86, why="what the costs imply", chosen=True, best=True),
        row("absolute error + 19.4", "candidate", 37.90, -6.38, why="shift fitted on rows of its own"),
        row("Huber loss (delta 1.345) + 17.2", "candidate", 37.22, -7.06, why="shift fitted on rows of its own"),
        row("log-cosh loss as it is", "candidate", 44.12, -0.16, why="as it is"),
        row("Poisson loss as it is", "candidate", float("inf"), float("nan"), why="undefined for delays below 0"),
    )


def delays() -> StudyRecord:
    """Minutes of delay, five times as dear too low as too high: another loss pays, most of it through its rule."""
    rows = delay_rows()
    return StudyRecord(
        target="arr_delay",
        kind="real",
        kind_reason="numbers with and without a sign, most of them different",
        cost="5 for each minute predicted too low, 1 for each minute too high",
        answer="loss",
        verdict=(
            "Use quantile loss (level 5/6) for arr_delay: cost 35.42 ± 0.31 per row in minutes (too low counts 5×, "
            "too high 1×), 8.86 ± 0.28 less than squared error as it is.",
            "squared error + 13.18 comes to 37.01: the shift alone, on the usual loss, gets 82 % of that.",
            "The advice holds as long as a minute too low costs at least 2.3 times a minute too high.",
        ),
        data=_flights_data(),
        comparison=Comparison("cost per row", "minutes", _explained(20), rows, 8),
        gain=Gain(44.28, 35.42, 37.01, 0.82, 0.18,
                  "The way from 44.28 to 35.42 minutes per row: the shift alone goes 82 % of it."),
        grid=_grid(("squared error", "quantile loss (level 5/6)", "absolute error", "Huber loss", "log-cosh loss",
                    "Poisson loss"), ("cost per row", "squared error", "quantile loss", "absolute error")),
        losses=_losses(),
        sections=(ways(rows, "cost per row, against the usual way"), shift(), coverage(), residuals(),
                  disagreement(), noise(), shapes(), change()),
        recommended={"label": "quantile loss (level 5/6) as it is", "loss": "quantile", "parameters": {"level": 5 / 6},
                     "rule": {"rule": "as_is"}},
        columns=tuple((name, kind) for name, kind in zip(COLUMNS, ("number", "category") * 7, strict=True)),
        left_out=(("tailnum", "4,043 different texts in 327,346 rows: it looks like an identifier"),
                  ("arr_time", "known only after the flight: with dep_time it gives the target away")),
        observations=_seen(),
        notes=NOTES,
        reproduce=Reproduce('lossmith study flights.parquet --target arr_delay --time date --cost "under=5, over=1" '
                            "--seed 0", 0, False, 141.3, VERSIONS),
        files=FILES,
    )  # fmt: skip


COLUMNS = ("month", "day", "dep_time", "sched_dep_time", "dep_delay", "sched_arr_time", "carrier", "flight", "origin",
           "dest", "air_time", "distance", "hour", "minute")  # fmt: skip
NOTES = (
    "The column tailnum looks like an identifier (4,043 different texts); it was left out. Keep it with --id.",
    "arr_time goes with the target so closely that it may be known only afterwards; it was left out.",
    "312 rows appear more than once; copies were kept on the same side of every split.",
    "1.3 % of the targets lie more than 8 spreads above the middle: squared error follows them.",
    "Noise grows with the prediction: a constant shift cannot be right for early and for late flights alike.",
    "Days are judged as blocks: flights of one day share their weather, and count as one piece of evidence.",
    "The last ten days of December differ from the rest; the study compares on every part of the year.",
)


def _explained(folds: int) -> str:
    return (f"Paired differences over {folds} folds, judged by days; training again is part of the intervals, and the "
            "interval of each difference holds for all comparisons together.")  # fmt: skip


def _flights_data() -> Data:
    jobs = (
        Job("fit", 209_502, "the model learns from them"),
        Job("stop", 26_187, "they say when to stop learning"),
        Job("tune", 26_188, "the shift or threshold is fitted on them"),
        Job("compare", 65_469, "every number of the comparison comes from them; nothing was fitted here"),
        Job("refit", 327_346, "model.txt learned from all of them, with the median number of rounds"),
    )
    return Data("flights.parquet", 336_776, (("no arr_delay", 9_430),), 5, jobs,
                "in blocks of whole days, in the order of date: each comparison lies after what was learned from",
                "by days", "LightGBM, 31 leaves, up to 500 rounds")  # fmt: skip


def _grid(rows: tuple[str, ...], columns: tuple[str, ...]) -> Grid:
    rng = np.random.default_rng(3)
    values = np.array([35.0, 1834.0, 7.1, 24.8])[: len(columns)] * (1 + 0.3 * rng.random((len(rows), len(columns))))
    values[-1, 0] = np.inf
    return Grid(columns, rows, tuple(tuple(map(float, one)) for one in values),
                tuple(int(i) for i in values.argmin(axis=0)))  # fmt: skip


def _losses() -> tuple[LossRow, ...]:
    return (
        LossRow("squared error", "squared_error", {}, "Aims at the mean; what most tools train by if nothing is said.",
                "(y - z)**2", True, 312, 8.1),
        LossRow("quantile loss (level 5/6)", "quantile", {"level": 5 / 6}, "One unit too low costs 5, one too high 1: "
                "the cheapest prediction is the value that 83.33 % of such rows stay below.",
                "where(y > z, level*(y - z), (1 - level)*(z - y))", False, 287, 9.25),
        LossRow("absolute error", "absolute_error", {}, "Aims at the median: a few huge delays hardly move it.",
                "abs(y - z)", False, 401, 11.0),
        LossRow("Huber loss (delta 1.345)", "huber", {"delta": 1.345}, "Tails are heavy (1.3 % beyond 8 spreads).",
                "where(abs(y - z) < delta, 0.5*(y - z)**2, delta*(abs(y - z) - 0.5*delta))", False, 355, 10.4),
    )  # fmt: skip


def _seen() -> tuple[Observation, ...]:
    return (
        Observation("range", "-86 to 1,272", "Early arrivals are negative: losses for amounts above zero do not fit."),
        Observation("whole numbers", "100 %", "Minutes were recorded; likelihoods count whole minutes."),
        Observation("ties", "1.7 %", "The most frequent value is -13."),
        Observation("skew", "3.7", "A long tail of late flights."),
        Observation("tail", "1.3 % beyond 8 spreads", "Far more than a bell curve has."),
        Observation("noise", "grows 2.1×", "From the smallest to the largest tenth of the predictions."),
    )


def disease() -> StudyRecord:
    """Two classes, 20 : 1: the usual loss with another threshold is best."""
    made = delays()
    rows = (
        row("one answer for every row (ill)", "constant", 0.912, 0.358, why="the best single answer", margin=0.004),
        row("log loss, threshold 0.5", "default", 0.554, 0.0, why="what most tools do", margin=0.021),
        row("log loss, threshold 0.04762", "default with rule", 0.3104, -0.2436, why="what the costs imply",
            chosen=True, margin=0.011),
        row("log loss weighted ×20, threshold 0.5", "candidate", 0.3181, -0.2359, why="weights by cost", margin=0.011),
        row("focal loss (gamma 2), threshold 0.21", "candidate", 0.3096, -0.2444, why="fitted on rows of its own",
            best=True, margin=0.012),
    )  # fmt: skip
    x = 10.0 ** np.linspace(-3, 0, 61) * 0.999
    curve = 0.31 + 0.1 * np.log10(x / 0.0476) ** 2 * np.where(x > 0.0476, 1.4, 0.8)
    decision = Picture("threshold", "Cost against the threshold", "The marks are the rules in use.",
                       "threshold on the predicted probability", "cost per row",
                       (Series("log loss", "line", tuple(map(float, x)), tuple(map(float, curve))),),
                       ((0.0476, "what the costs imply"), (0.5, "as usual")))  # fmt: skip
    return replace(
        made,
        target="ill",
        kind="binary",
        kind_reason="two values, no and yes",
        cost="20 for each missed “yes”, 1 for each false alarm",
        answer="rule",
        verdict=(
            "Keep log loss and decide ill with threshold 0.048 (“yes” from that probability on): cost 0.310 ± 0.011 per "
            "row, 0.244 ± 0.010 less than with threshold 0.5.",
            "No other loss is clearly better; the best of them, focal loss (gamma 2) with threshold 0.21, comes to 0.310.",
        ),
        comparison=Comparison("cost per row", "a missed “yes” costs 20, a false alarm 1", _explained(10), rows, 4),
        gain=Gain(0.554, 0.3104, 0.3104, 1.0, 0.0, "All of the gain comes from the threshold."),
        sections=(ways(rows, "cost per row, against the usual way"),
                  Section("decision", "Cost against the threshold",
                          ("Between 0.03 and 0.08 the cost hardly changes.",), pictures=(decision,)),
                  calibration(), *made.sections[4:]),
        observations=(Observation("yes", "412 rows (1.03 %)", "Rare: predicting no for all is right on 98.97 %."),),
        notes=NOTES[:2],
        recommended={"label": "log loss, threshold 0.04762"},
    )  # fmt: skip


def ratings() -> StudyRecord:
    """Five classes, no cost, no difference that counts."""
    made = delays()
    rows = (
        row("one answer for every row", "constant", 1.571, 0.452, why="the shares of the classes", margin=0.006),
        row("cross entropy as it is", "default", 1.119, 0.0, why="what most tools do", margin=0.012, chosen=True),
        row("ordinal loss as it is", "candidate", 1.117, -0.002, why="the classes have an order", margin=0.012, best=True),
        row("focal loss (gamma 1) as it is", "candidate", 1.131, 0.012, why="hard rows count more", margin=0.014),
    )  # fmt: skip
    names = ("very poor", "poor", "fair", "good", "very good")
    bars = tuple(Series(f"truth: {name}", "bars", names, tuple(np.roll((0.55, 0.2, 0.12, 0.08, 0.05), i).tolist()))
                 for i, name in enumerate(names))  # fmt: skip
    picture = Picture("probabilities", "What is said for each truth", "Mean predicted probability, by the true class.",
                      "class", "mean probability", bars)  # fmt: skip
    return replace(
        made,
        target="rating",
        kind="ordinal",
        kind_reason="5 texts that have an order",
        cost="",
        answer="same",
        verdict=(
            "The loss does not matter here: keep cross entropy for rating, with cross entropy 1.119 ± 0.012 per row.",
            "No other loss is clearly better; the best of them, ordinal loss, comes to 1.117.",
        ),
        comparison=Comparison("cross entropy", "", _explained(10), rows, 3),
        gain=None,
        sections=(ways(rows, "cross entropy, against the usual way"),
                  Section("probabilities", "What is said for each truth", ("Neighbours are mixed up most.",),
                          pictures=(picture,)), made.sections[-1]),
        data=replace(made.data, rows_read=1_200, left_out=(), folds=10, how="at random, 10 rounds", judged="row by row"),
        notes=(),
        recommended={"label": "cross entropy, most probable class"},
    )  # fmt: skip


def nothing() -> StudyRecord:
    """No model helps: one answer for every row is advised."""
    made = ratings()
    constant, default, *others = made.comparison.rows
    rows = (replace(constant, mean=1.118, difference=-0.001, counts=False, chosen=True), replace(default, chosen=False),
            *others)  # fmt: skip
    return replace(
        made,
        answer="nothing",
        verdict=(
            "No loss helps here: for rating, one answer for every row has cross entropy 1.118 ± 0.012; the best model, "
            "ordinal loss, has 1.117, which is not clearly better.",
            "The columns of this table say too little about the target.",
        ),
        comparison=replace(made.comparison, rows=rows),
        sections=(ways(rows, "cross entropy, against the usual way"),),
    )


EXAMPLES = {"delays": delays, "disease": disease, "ratings": ratings, "nothing": nothing}


def write(folder: Path) -> None:
    """Write a page for each example, and what the terminal shows."""
    for name, build in EXAMPLES.items():
        (folder / name).mkdir(parents=True, exist_ok=True)
        for file, content in page(build()).items():
            (folder / name / file).write_text(content, encoding="utf-8")
        (folder / name / "screen.txt").write_text(screen(build(), folder / name), encoding="utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
