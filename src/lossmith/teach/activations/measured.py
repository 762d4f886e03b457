"""The measured races of all activations, shipped as data: remade by `python benchmarks/activations.py`.

Comes in: the file `activations.json` beside this one. Goes out: `Race` records by course and name.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Any, Final

from lossmith.loss.activation import ActivationFunction
from lossmith.teach.activations.race import COURSES, Course, Race

COMMAND: Final = "python benchmarks/activations.py"


@dataclass(frozen=True)
class Results:
    """One course and what every activation did on it, with default parameters; `made`: with which versions."""

    course: Course
    races: Mapping[str, Race]
    made: str


@lru_cache(maxsize=1)
def results() -> Mapping[str, Results]:
    """The shipped results, by the name of the course.

    >>> found = results()["deep"]
    >>> found.course.hidden, found.races["relu"].median < found.races["sigmoid"].median
    (8, True)
    """
    read = json.loads(files("lossmith.teach.activations").joinpath("activations.json").read_text(encoding="utf-8"))
    return {
        name: Results(
            _course(part["course"]),
            {row["activation"]: _race(row) for row in part["races"]},
            read["made"],
        )
        for name, part in read["courses"].items()
    }


def raced(activation: ActivationFunction, course: str) -> Race | None:
    """The shipped race of an activation; None where its parameters are not the defaults, or it was not run."""
    usual = tuple((p.name, p.default) for p in activation.record.parameters)
    return results()[course].races.get(activation.name) if activation.parameters == usual else None


def to_text(found: Mapping[str, Mapping[str, Race]], made: str) -> str:
    """The text of the file, for the command that remakes it; a number that is infinite is null.

    >>> '"courses": {}' in to_text({}, "")
    True
    """
    courses = {
        name: {"course": asdict(COURSES[name]), "races": [_row(race) for race in races.values()]}
        for name, races in found.items()
    }
    return json.dumps({"command": COMMAND, "made": made, "courses": courses}, indent=1) + "\n"


def _course(row: Mapping[str, Any]) -> Course:
    fields: dict[str, Any] = {key: tuple(v) if isinstance(v, list) else v for key, v in row.items()}
    return Course(**fields)


def _row(race: Race) -> dict[str, Any]:
    finite = {key: [v if math.isfinite(v) else None for v in getattr(race, key)] for key in ("steps", "curve")}
    finite["curve"] = [None if v is None else float(f"{v:.4g}") for v in finite["curve"]]
    return {**asdict(race), **finite}


def _race(row: Mapping[str, Any]) -> Race:
    finite = {key: tuple(math.inf if v is None else float(v) for v in row[key]) for key in ("steps", "curve")}
    return Race(**{**row, **finite})
