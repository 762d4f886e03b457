"""Which noise it looks like: predictions under several losses come in, the noise models by held-out likelihood go out."""

from __future__ import annotations

from lossmith.advise.judge.noise import NoiseReport
from lossmith.advise.tell.found import Found
from lossmith.report.study.record import Section, Table
from lossmith.report.words import number, with_margin


def noise(found: Found) -> Section | None:
    """The noise models behind the losses."""
    return None if found.noise is None or not found.noise.rows else _section(found.noise)


def _section(report: NoiseReport) -> Section:
    unit = (
        f"Probabilities of the written-down value (unit {report.unit:g})"
        if report.unit is not None
        else "Densities (the values look continuous)"
    )
    table = Table(
        "Noise models by held-out likelihood",
        f"{unit}, mean logarithm per row on rows that neither model nor dispersion was fitted on; higher is better.",
        ("noise", "belongs to the loss", "log-likelihood", "below the best", "fitted"),
        tuple(
            (
                seen.name,
                seen.loss_name.replace("_", " "),
                with_margin(seen.log_likelihood, seen.margin),
                "best" if seen is report.rows[0] else with_margin(seen.below_best, seen.below_best_margin),
                ", ".join(f"{name} {number(value)}" for name, value in seen.parameters.items()),
            )
            for seen in report.rows
        ),
    )
    left = tuple(f"{name} is not compared: {reason}." for name, reason in report.refused)
    return Section("noise", "Which noise does it look like?", (report.sentence, *left), (table,))
