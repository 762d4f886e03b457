"""Every catalogue loss against the exact truth: each keeps the contract in every format and backend."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.make_certificates import document
from lossmith.certificate import bound_of, shipped
from lossmith.checking.certify import (
    BACKENDS,
    DTYPES,
    FULL,
    QUICK,
    certify_loss,
    leaf_values,
    outputs,
    samples_of,
    variants,
)
from lossmith.loss.library import get, names
from lossmith.numerics.formats import FLOAT32, FLOAT64
from lossmith.runtime import Backend
from tests.sampling import every

FORMS = [(name, at) for name in names() for at in range(len(variants(name)))]


def _id(form: tuple[str, int]) -> str:
    return f"{form[0]}-{form[1]}"


@pytest.mark.parametrize(
    ("form", "backend"),
    [*((form, "numpy") for form in FORMS), *every(6, ((form, "numba") for form in FORMS))],
    ids=lambda part: part if isinstance(part, str) else _id(part),
)
def test_every_loss_keeps_the_contract(form: tuple[str, int], backend: Backend) -> None:
    """Value, gradient and hessian in float32 and float64, at a part of the full grid; and no rewriting changes the meaning."""
    for found in certify_loss(variants(form[0])[form[1]], backends=[backend], size=QUICK):
        assert found.meets, (found.title, found.output, found.dtype, found.worst_units, found.worst_point)


def test_every_loss_is_shipped_with_its_certificates() -> None:
    """Each form, output, backend and format once, over the full grid; what exceeds the contract says so."""
    found = {(c.title, c.output, c.backend, c.dtype) for c in shipped()}
    wanted = {
        (title(name, at), output, backend, dtype)
        for name, at in FORMS
        for output in outputs(variants(name)[at])
        for backend in BACKENDS
        for dtype in DTYPES
    }
    stale = sorted({key[0].partition("(")[0] for key in found ^ wanted})
    assert not stale, f"measure what changed: python benchmarks/make_certificates.py {' '.join(stale)}"
    assert len(shipped()) == len(found)
    for c in shipped():
        faults = c.nan + c.false_infinity + c.false_zero + c.undecided + c.contradictions
        assert c.meets == (faults == 0 and c.worst_units <= c.bound == bound_of(c.loss))


def test_the_page_of_certificates_is_printed_from_them() -> None:
    page = (Path(__file__).parents[2] / "docs" / "certificates.md").read_text(encoding="utf-8")
    assert page == document(shipped()), "write it: python benchmarks/make_certificates.py --document"


def title(name: str, at: int) -> str:
    """The name of a form as its certificates print it, without measuring one."""
    loss = variants(name)[at]
    inside = [f"{key}={value:g}" for key, value in loss.parameters.items() if value is not None]
    inside += [f"on={loss.definition.declaration.on}"] if loss.definition.declaration.on != "raw" else []
    return f"{name}({', '.join(inside)})" if inside else name


def test_all_shipped_certificates_keep_the_contract() -> None:
    assert [(c.title, c.output, c.backend, c.dtype, c.worst_units) for c in shipped() if not c.meets] == []


def test_samples_reach_the_edges() -> None:
    """Large and tiny raw predictions, soft targets and every tie are among the points."""
    (sample,) = samples_of(get("binary_cross_entropy"), FLOAT64, QUICK, 0)
    z, y = sample.raw_prediction, sample.y_true
    assert {0.0, 0.3, 1.0} <= set(y.tolist()) and {1e30, -1e30, 88.0} <= set(z.tolist())
    assert np.abs(z).max() > 1e30 and (np.abs(z[z != 0]).min() < 1e-300 or QUICK < 1000)
    hard, _, soft = samples_of(get("cross_entropy"), FLOAT32, QUICK, 0)
    assert hard.y_true.ndim == 1 and soft.y_true.shape == soft.raw_prediction.shape
    assert hard.raw_prediction.dtype == np.float32 and hard.y_matrix.sum() == hard.raw_prediction.shape[0]


def test_a_planted_factor_turns_a_catalogue_loss_red(monkeypatch: pytest.MonkeyPatch) -> None:
    """A kernel off by one part in 10**12 is over in float64."""
    loss = get("log_cosh")
    made = outputs(loss)["gradient"].compute
    from lossmith.checking import certify as module

    monkeypatch.setattr(module, "_derivatives", lambda ls, s: tuple(a * (1 + 1e-12) for a in _pair(ls, s)))
    found = certify_loss(loss, backends=["numpy"], dtypes=["float64"], size=50)
    assert [c.meets for c in found if c.output == "gradient"] == [False]
    assert made(loss.using("numpy"), samples_of(loss, FLOAT64, 50, 0)[0]).size


def _pair(loss: object, sample: object) -> tuple[np.ndarray, np.ndarray]:
    return loss.per_example_gradient_and_hessian(sample.y_true, sample.raw_prediction)  # type: ignore[attr-defined, no-any-return]


def test_the_oracle_reads_what_the_loss_is_given() -> None:
    """Class numbers reach the formula as one-hot rows, parameters by name."""
    loss = get("softmax_focal", gamma=0.5)
    sample = samples_of(loss, FLOAT64, 50, 0)[1]
    values = {repr(leaf): np.asarray(v) for leaf, v in leaf_values(loss, sample).items()}
    assert values["gamma"] == 0.5 and values["y"][:, 1].all() and values["y"].sum() == values["z"].shape[0]


@pytest.mark.certify
@pytest.mark.parametrize("form", FORMS, ids=_id)
def test_full_grid(form: tuple[str, int]) -> None:
    """As shipped, over the full grid."""
    for c in certify_loss(variants(form[0])[form[1]], size=FULL):
        assert c.meets, (c.title, c.output, c.backend, c.dtype, c.worst_units, c.worst_point)
