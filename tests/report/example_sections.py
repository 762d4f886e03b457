"""Sections of example studies: nothing comes in, evidence as a study would write it goes out. All numbers are made up."""

from __future__ import annotations

import numpy as np

from lossmith.report.study.record import Picture, Row, Section, Series, Table


def ways(rows: tuple[Row, ...], across: str) -> Section:
    """The picture of the comparison."""
    places = [float(len(rows) - i) for i in range(len(rows))]
    drawn = [(one, place) for one, place in zip(rows, places, strict=True) if np.isfinite(one.difference)]
    parts = (("advised", True), ("others", False))
    series = tuple(
        Series(
            label,
            "dots",
            tuple(one.difference for one, _ in drawn if one.chosen == picked),
            tuple(place for one, place in drawn if one.chosen == picked),
            tuple(one.difference_margin for one, _ in drawn if one.chosen == picked),
        )
        for label, picked in parts
    )
    marks = tuple((place, one.label) for one, place in zip(rows, places, strict=True))
    caption = "How much more or less than the usual way, row by row, with the joint interval. Further left is better."
    return Section("ways", "The picture of it", pictures=(Picture("ways", "Against the usual way", caption, across, "",
                                                                   series, marks),))  # fmt: skip


def shift() -> Section:
    x = np.linspace(-5, 40, 46)
    usual = 37.0 + 0.042 * (x - 13.18) ** 2
    quantile = 35.4 + 0.036 * (x + 0.5) ** 2
    series = (Series("squared error", "line", tuple(map(float, x)), tuple(map(float, usual))),
              Series("quantile loss (level 5/6)", "line", tuple(map(float, x)), tuple(map(float, quantile))))  # fmt: skip
    marks = ((0.0, "as it is"), (13.18, "squared error + 13.18"))
    caption = "On the compared rows. The marks are the rules in use; they were fitted on other rows."
    picture = Picture("shift", "Cost against a constant shift", caption, "minutes added to every prediction",
                      "cost per row", series, marks)  # fmt: skip
    told = ("The best shift of squared error is 13.18 minutes; between 10 and 16 the cost changes by less than 1 %.",)
    return Section("decision", "Cost against the shift", told, pictures=(picture,))


def coverage() -> Section:
    deciles = np.arange(1, 11)
    below = 0.8333 + 0.02 * np.sin(deciles)
    series = Series("quantile loss (level 5/6)", "points", tuple(map(int, deciles)), tuple(map(float, below)),
                    (0.008,) * 10)  # fmt: skip
    picture = Picture("coverage", "Rows below the prediction, by size of the prediction", "The line asked for is 5/6.",
                      "tenth of the rows, from small to large predictions", "share below", (series,))  # fmt: skip
    table = Table("Coverage", "How many rows stayed below their prediction.",
                  ("quantile asked for", "rows below", "in the worst tenth"), ((0.8333, 0.8341, 0.8127),))  # fmt: skip
    told = ("83.4 % of the rows stayed below their prediction; 83.3 % were asked for.",)
    return Section("coverage", "Do as many rows stay below as were asked for?", told, (table,), (picture,))


def residuals() -> Section:
    rng = np.random.default_rng(1)
    edges = np.linspace(-60, 120, 61)
    drawn = []
    for label, spread, shift in (("squared error", 18, 0), ("quantile loss (level 5/6)", 17, -16)):
        values = rng.gamma(2.0, spread, 20_000) - 2 * spread + shift
        counts, _ = np.histogram(values, edges)
        drawn.append(Series(label, "steps", tuple(map(float, 0.5 * (edges[1:] + edges[:-1]))),
                            tuple(map(float, counts / 20_000))))  # fmt: skip
    caption = "Truth minus prediction, without a rule; right of 0 the prediction was too low."
    picture = Picture("residuals", "How far off", caption, "arr_delay minus its prediction (minutes)", "share of rows",
                      tuple(drawn), ((0.0, "exact"),))  # fmt: skip
    told = ("Too low: squared error on 41 % of the rows, quantile loss (level 5/6) on 17 %.",)
    return Section("residuals", "How far off", told, pictures=(picture,))


def disagreement() -> Section:
    rng = np.random.default_rng(2)
    heads = ("flight", "origin", "dest", "dep_delay", "truth", "usual", "advised", "difference")
    rows = tuple((int(rng.integers(1, 6000)), str(rng.choice(["JFK", "LGA", "EWR"])), "SFO", float(rng.integers(-9, 300)),
                  float(rng.integers(-20, 320)), float(rng.normal(60, 40)), float(rng.normal(120, 40)),
                  float(rng.normal(50, 15))) for _ in range(10))  # fmt: skip
    ranges = Table("Where they differ", "The tenth of the rows in which the two differ most, and all rows.",
                   ("column", "in this tenth", "in all rows"),
                   (("dep_delay", "48 to 301", "-8 to 58"), ("carrier", "EV, MQ, B6", "all"),
                    ("hour", "17 to 21", "6 to 20")))  # fmt: skip
    told = ("They differ most where departure was late already: by 52 minutes in the tenth that differs most.",
            "In that tenth the advised way costs 61.2, the usual one 97.7.")  # fmt: skip
    worst = Table("Ten rows in which they differ most", "Of the compared rows.", heads, rows)
    return Section("disagreement", "Where the two ways disagree most", told, (worst, ranges))


def noise() -> Section:
    rows = (("Student-t (3.1 degrees of freedom)", -3.251, 0.004, 0.0), ("Laplace", -3.304, 0.004, 0.053),
            ("logistic", -3.318, 0.004, 0.067), ("Gaussian", -3.522, 0.011, 0.271),
            ("gamma", None, None, None), ("Poisson", None, None, None))  # fmt: skip
    table = Table("Noise models", "Log-likelihood per row of whole minutes, on rows that nothing was fitted on.",
                  ("noise", "log-likelihood per row", "±", "behind the best"), rows)  # fmt: skip
    told = ("It looks like Student-t noise: heavier tails than a bell curve.",
            "Gamma and Poisson were not tried: they have no place for delays below 0.")  # fmt: skip
    return Section("noise", "Which noise does it look like?", told, (table,))


def shapes() -> Section:
    x = np.linspace(-60, 120, 91)
    values = {"squared error": x**2 / 60, "quantile loss (level 5/6)": np.where(x > 0, 5 / 6 * x, -x / 6),
              "absolute error": np.abs(x), "Huber loss": np.where(np.abs(x) < 20, x**2 / 40, np.abs(x) - 10)}  # fmt: skip
    slopes = {name: np.gradient(y, x) for name, y in values.items()}
    pictures = tuple(
        Picture(name, title, "Each scaled to the same mean.", "arr_delay minus its prediction", axis,
                tuple(Series(k, "line", tuple(map(float, x)), tuple(map(float, v))) for k, v in data.items()))
        for name, title, axis, data in (("losses", "What an error costs", "loss", values),
                                        ("gradients", "How hard an error pulls", "gradient", slopes))
    )  # fmt: skip
    told = ("The middle 99 % of the errors lie between -58 and 119 minutes; the losses differ most on the right.",)
    return Section("shapes", "The losses over these errors", told, pictures=pictures)


def change() -> Section:
    table = Table(
        "If the costs were others",
        "Too low against too high; the best way and what it costs.",
        ("ratio", "best way", "cost per row", "of the usual way"),
        (
            (1.0, "squared error as it is", 18.1, 18.1),
            (2.0, "squared error + 4.1", 24.4, 25.2),
            (5.0, "quantile loss (level 5/6)", 35.4, 44.3),
            (10.0, "quantile loss (level 10/11)", 47.2, 76.0),
        ),
    )
    told = ("If a minute too low cost less than 2.3 times a minute too high, squared error with a shift would do.",
            "With more than 40,000 rows of one carrier alone, the difference would still count.")  # fmt: skip
    return Section("change", "What would change the advice", told, (table,))


def calibration() -> Section:
    said = np.array([0.002, 0.006, 0.012, 0.03, 0.07, 0.15, 0.31, 0.55, 0.8])
    seen = said * np.array([1.1, 0.9, 1.05, 1.0, 0.93, 1.1, 0.96, 1.04, 0.97])
    points = tuple(
        Series(label, "points", tuple(map(float, said)), tuple(map(float, seen * by)), tuple(map(float, seen * 0.15)))
        for label, by in (("log loss", 1.0), ("log loss weighted ×20, put back", 0.95))
    )
    picture = Picture("reliability", "Said and seen", "Each point: rows with about that predicted probability.",
                      "predicted probability of “yes”", "share of “yes” among them", points, diagonal=True)  # fmt: skip
    table = Table("Calibration", "Slope 1 and intercept 0 are exact.",
                  ("model", "slope", "intercept", "log loss", "uncertainty", "resolution", "miscalibration"),
                  (("log loss", 1.02, -0.03, 0.0412, 0.0571, 0.0163, 0.0004),
                   ("log loss weighted ×20", 0.99, 3.01, 0.2911, 0.0571, 0.0158, 0.2498),
                   ("the same, put back", 0.98, 0.02, 0.0416, 0.0571, 0.0158, 0.0003)))  # fmt: skip
    told = ("When the model says 7 %, about 6.5 % are ill: the probabilities can be taken at their word.",
            "A loss with weights says far too much until the weights are taken back out.")  # fmt: skip
    return Section("calibration", "Do the probabilities mean what they say?", told, (table,), (picture,))
