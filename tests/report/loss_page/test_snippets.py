"""Code to copy is run as it stands, and gives the numbers of exactly this loss."""

import re
import shlex
import subprocess
import warnings
from pathlib import Path

import numpy as np
import pytest

import lossmith as ls
from lossmith.adapt.in_lightgbm import for_lightgbm
from lossmith.cli import run
from lossmith.errors import LossmithError
from lossmith.loss.library import get
from lossmith.report.loss_page.snippets import snippets
from lossmith.report.loss_page.written import python_text

N = 60


def two_heads():
    return ls.define(target="real", heads={"mean": "identity", "scale": "exp"}, name="two_heads")(
        lambda y, mean, scale: ((y - mean) / scale) ** 2 / 2 + ls.log(scale)
    )


def survival():
    return ls.define(target={"time": "positive", "event": "binary"}, name="survival")(
        lambda time, event, z: time * ls.exp(z) - event * z
    )


def costly(**numbers):
    made = ls.define(target="real", columns=("cost",), name="costly", domain={"power": "positive"})(
        lambda y, z, cost, power=2.0: cost * abs(y - z) ** power
    )
    return made.bind(**numbers)


OWN = {
    "design": lambda: ls.parse("2*bce.modulate(gamma=2) + dice"),
    "formula": lambda: ls.parse("where(y > z, 5, 1) * abs(y - z)", target="real"),
    "heads": two_heads,
    "several targets": survival,
    "column": lambda: costly(power=1.5),
    "mask": lambda: get("bce").mask("valid"),
    "class weights": lambda: get("bce").reweight({1: 20}),
    "probability": lambda: get("bce", on="probability"),
    "alpha": lambda: get("focal", alpha=0.25, gamma=1.5),
    "other numbers": lambda: get("quantile", level=0.9),
    "probit": lambda: ls.parse("-y*log(p) - (1 - y)*log(1 - p)", target="binary", link="probit"),
    "odd name": lambda: ls.parse("(y - z)**2", target="real", name='it\'s "odd" $(x) `y`\n; rm'),
}
LOSSES = {**{name: (lambda name=name: get(name)) for name in ls.names()}, **OWN}
FEW = ("huber", "poisson", "ordinal", "softmax_focal", "kl_divergence", "dice", *OWN)
COMPILED = ("huber", "ordinal", "dice", "heads", "mask")
"""For PyTorch, whose criterion has kernels of its own."""


def snippet_of(loss, framework):
    return next(found for found in snippets(loss) if found.framework == framework)


def executed(code, **names):
    """Run code in which the loss is computed by NumPy, so that nothing is compiled."""
    code = re.sub(r"^(loss = ls\..*)$", r'\1.using("numpy")', code, flags=re.MULTILINE)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        exec(compile(code, "snippet", "exec"), names)
    return names


@pytest.mark.parametrize("name", LOSSES)
def test_each_framework_has_code_or_a_reason(name):
    loss = LOSSES[name]()
    found = snippets(loss)
    known = ["Python, NumPy", "LightGBM", "PyTorch", "scikit-learn", "JavaScript", "Command line"]
    assert [one.framework for one in found] == known
    assert all(one.code or one.note.endswith(".") for one in found)


@pytest.mark.parametrize("name", LOSSES)
def test_what_makes_the_loss_reads_back_as_it_with_its_numbers_and_domains(name):
    loss = LOSSES[name]()
    made = eval(python_text(loss), {"ls": ls})
    assert made == loss
    domains = [[(p.name, p.domain) for p in one.definition.parameters] for one in (made, loss)]
    assert domains[0] == domains[1]


def test_a_loss_of_the_catalogue_is_made_by_its_name():
    assert [python_text(get(name)).split("(")[0] for name in ls.names()] == ["ls.get"] * len(ls.names())


@pytest.mark.parametrize("name", LOSSES)
def test_python_as_it_stands_gives_the_numbers_of_this_loss(name):
    loss = LOSSES[name]().using("numpy")
    names = executed(snippet_of(loss, "Python, NumPy").code)
    rows = names["y_true"], names["raw_prediction"]
    columns = names.get("columns")
    assert np.isfinite(names["value"]) and np.isfinite(names["gradient"]).all()
    assert names["value"] == loss.value(*rows, columns=columns)
    np.testing.assert_array_equal(names["gradient"], loss.gradient(*rows, columns=columns))


@pytest.mark.peers("torch")
@pytest.mark.parametrize("name", COMPILED)
def test_pytorch_as_it_stands_gives_the_numbers_of_this_loss(name):
    loss = LOSSES[name]().using("numpy")
    names = executed(snippet_of(loss, "PyTorch").code)
    python = executed(snippet_of(loss, "Python, NumPy").code)
    np.testing.assert_allclose(names["loss"].item(), python["value"], rtol=1e-6, atol=1e-7)  # float32
    np.testing.assert_allclose(names["raw_prediction"].grad.numpy(), python["gradient"], rtol=1e-5, atol=1e-6)


def rows_for(loss):
    """Features, and targets as a model is fitted to them, with the columns that the reader has."""
    random = np.random.default_rng(3)
    X = random.normal(size=(N, 3))
    kinds = {
        "real": X[:, 0] + random.normal(size=N),
        "positive": np.exp(X[:, 0]) + 0.1,
        "nonnegative": random.poisson(2.0, N),
        "count": random.poisson(2.0, N),
        "binary": (X[:, 0] + random.normal(size=N) > 0).astype(int),
        "class": np.arange(N) % 3,
        "ordinal": np.arange(N) % 3,
    }
    targets = {name: kinds[kind] for name, kind in loss.definition.declaration.target}
    y = next(iter(targets.values())) if len(targets) == 1 else targets
    grade = np.arange(N) % 3
    columns = {"low": np.array([-np.inf, -1, 1])[grade], "high": np.array([-1, 1, np.inf])[grade]}
    return {"X": X, "y": y, "cost": np.ones(N), "valid": np.ones(N), **columns}


@pytest.mark.parametrize("name", FEW)
def test_lightgbm_as_it_stands_trains_or_the_adapter_says_the_same_reason(name):
    loss = LOSSES[name]()
    found = snippet_of(loss, "LightGBM")
    if not found.code:
        with pytest.raises(LossmithError) as refused:
            for_lightgbm(loss)
        assert refused.value.sentence == found.note
        return
    names = executed(
        found.code.replace(".train(X, y)", '.train(X, y, params={"verbose": -1, "num_threads": 1}, rounds=3)'),
        **rows_for(loss),
    )
    assert len(names["y_pred"]) == N and np.isfinite(names["y_pred"]).all()


@pytest.mark.parametrize("name", FEW)
def test_scikit_learn_as_it_stands_fits_or_measures_or_says_why_not(name):
    loss = LOSSES[name]()
    found = snippet_of(loss, "scikit-learn")
    if not found.code:
        assert (
            loss.definition.declaration.columns
            or loss.definition.row_weights
            or len(loss.definition.declaration.target) > 1
        )
        return
    if ".fit(" in found.code:
        names = executed(found.code, **rows_for(loss))
        assert np.isfinite(names["y_pred"]).all()
        return
    rows = executed(snippet_of(loss, "Python, NumPy").code)
    names = executed(found.code, y_true=rows["y_true"], y_pred=loss.predict(rows["raw_prediction"]))
    np.testing.assert_allclose(names["value"], rows["value"], rtol=1e-12)


@pytest.mark.peers("playwright")
def test_javascript_as_it_stands_gives_the_numbers_of_this_loss(tmp_path):
    import playwright

    node = Path(playwright.__file__).parent / "driver" / "node"
    for j, name in enumerate(FEW):
        loss = LOSSES[name]()
        code = snippet_of(loss, "JavaScript").code
        (tmp_path / f"loss{j}.mjs").write_text(loss.source("js"))
        shown = "console.log(JSON.stringify([value, Array.from(gradient)]));\n"
        (tmp_path / f"run{j}.mjs").write_text(code.replace("./loss.mjs", f"./loss{j}.mjs") + "\n" + shown)
    (tmp_path / "all.mjs").write_text("".join(f'await import("./run{j}.mjs");\n' for j in range(len(FEW))))
    told = subprocess.run([node, tmp_path / "all.mjs"], capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stderr
    for name, line in zip(FEW, told.stdout.splitlines(), strict=True):
        python = executed(snippet_of(LOSSES[name](), "Python, NumPy").code)
        found = eval(line, {"null": np.nan})
        np.testing.assert_allclose(found[0], python["value"], rtol=1e-12, atol=1e-15)
        np.testing.assert_allclose(found[1], python["gradient"].ravel(), rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("name", FEW)
def test_the_command_line_as_it_stands_writes_this_loss(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    loss = LOSSES[name]()
    found = snippet_of(loss, "Command line")
    if not found.code:
        assert name in ("heads", "several targets", "column", "probability", "odd name")
        return
    for line in found.code.splitlines():
        command = shlex.split(line)
        assert command[0] == "lossmith"
        if command[1] == "show":
            assert command.pop() == "loss.html" and command.pop() == "--out"  # pages have tests of their own
            if name != "huber":  # the same text stands in both lines
                continue
        assert run(command[1:]) == 0
    written = {}
    exec(Path("loss.py").read_text(), written)
    rows = executed(snippet_of(loss, "Python, NumPy").code)
    given = {f"c_{key}": value for key, value in rows.get("columns", {}).items()}
    y = rows["y_true"]
    np.testing.assert_allclose(written["value"](y, rows["raw_prediction"], **given), rows["value"], rtol=1e-12)


def test_no_typed_text_leaves_its_quotes():
    loss = OWN["odd name"]()
    for found in snippets(loss):
        assert "rm" not in found.code.splitlines()[-1]
        assert not any(line.startswith("; rm") for line in found.code.splitlines())
