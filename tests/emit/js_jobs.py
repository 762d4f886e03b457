"""Calls of losses in JavaScript: a list of jobs becomes one script, and its answers become arrays again.

Comes in: losses with arguments as Python takes them. Goes out: the text of a script that puts the answers, as base64 of
float64, into `answers`.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

import lossmith as ls
from lossmith.emit.to_js import literal, prelude
from lossmith.loss.javascript import javascript_object

Array = Any

DECODE = """const bytes = (x) => Uint8Array.from(atob(x), (c) => c.charCodeAt(0));
const decoded = (x) => typeof x === "string" ? new Float64Array(bytes(x).buffer) : x;
const each = (given) => Object.fromEntries(Object.entries(given).map(([k, v]) => [k, decoded(v)]));
const all = (given) => given && typeof given === "object" ? each(given) : decoded(given);
const encoded = (x) => btoa(Array.from(new Uint8Array(x.buffer), (c) => String.fromCharCode(c)).join(""));
"""
RUN = """
const answers = JOBS.map(({ loss, method, y, z, weight, columns, parameters, classes }) => {
  const options = { parameters, classes, columns: all(columns), weight: weight && decoded(weight) };
  const call = LOSSES[loss][method], arguments_ = method === "predict" ? [decoded(z), options] : [all(y), decoded(z), options];
  try {
    const found = call(...arguments_);
    return encoded(typeof found === "number" ? new Float64Array([found]) : found);
  } catch (error) {
    return { error: error.message };
  }
});
"""


@dataclass(frozen=True)
class Job:
    """One call: the loss, the name of the method in JavaScript, its arguments."""

    loss: ls.Loss
    method: str
    y: Any
    raw: Array
    weight: Array = None
    columns: Mapping[str, Array] = field(default_factory=dict)
    parameters: Mapping[str, float] = field(default_factory=dict)
    classes: int | None = None

    def as_data(self, index: int) -> dict[str, Any]:
        y = {k: encoded(v) for k, v in self.y.items()} if isinstance(self.y, Mapping) else encoded(self.y)
        return {
            "loss": index, "method": self.method, "y": y, "z": encoded(self.raw),
            "weight": None if self.weight is None else encoded(self.weight), "classes": self.classes,
            "columns": {k: encoded(v) for k, v in self.columns.items()}, "parameters": dict(self.parameters),
        }  # fmt: skip


def encoded(array: Any) -> str:
    return base64.b64encode(np.ascontiguousarray(array, dtype=np.float64).tobytes()).decode()


def script(jobs: Sequence[Job]) -> str:
    """The script that runs all jobs; a loss that is used often stands in it once."""
    objects = {job.loss: "" for job in jobs}
    objects = {loss: javascript_object(loss) for loss in objects}
    index = {loss: j for j, loss in enumerate(objects)}
    listed = ",\n".join(objects.values())
    data = literal(json.dumps([job.as_data(index[job.loss]) for job in jobs]))
    return f"{prelude()}\nconst LOSSES = [{listed}];\nconst JOBS = JSON.parse({data});\n{DECODE}{RUN}"


def arrays(answers: Sequence[Any]) -> list[Any]:
    """The answers as float64 arrays; the sentence of an error as text."""
    return [
        found["error"] if isinstance(found, dict) else np.frombuffer(base64.b64decode(found), dtype=np.float64)
        for found in answers
    ]


def page(jobs: Sequence[Job]) -> str:
    """A document whose only script runs the jobs."""
    return f'<!doctype html><html lang="en"><meta charset="utf-8"><title>losses</title><script>{script(jobs)}</script></html>'
