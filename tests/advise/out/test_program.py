"""`predict.py` alone, in a process that cannot import Lossmith, says to the bit what models and rules say here."""

from __future__ import annotations

import ast
import contextlib
import csv
import io
import json
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lossmith.advise.out.program import Fold, Program, program
from lossmith.algebra.decision import (
    AsIs,
    CheapestClass,
    Corrected,
    Cuts,
    Levels,
    Recalibrated,
    RowThreshold,
    Rule,
    Scale,
    Shift,
    ShiftBySize,
    SortedLevels,
    Threshold,
    act,
    probabilities,
    zero_one,
)

RNG = np.random.default_rng(8)
X = RNG.normal(size=(60, 2))
ENCODING = {
    "features": [{"name": name, "kind": "number", "levels": [], "reading": ""} for name in ("a", "b")],
    "left_out": [],
    "notes": [],
}
NAMES = ("no", 'ja, "naturlich" </script>')


def trees(objective: str, y: np.ndarray, **more: Any) -> Any:  # type: ignore[type-arg]
    import lightgbm

    settings = {"objective": objective, "verbosity": -1, "num_threads": 1, "min_data_in_leaf": 5, "seed": 1, **more}
    return lightgbm.train(settings, lightgbm.Dataset(X, y), num_boost_round=5)


@pytest.fixture(scope="module")
def boosters() -> dict[str, Any]:
    line = X[:, 0] + RNG.normal(size=60)
    return {
        "number": trees("regression", line),
        "binary": trees("binary", line > 0),
        "three": trees("multiclass", np.digitize(line, [-0.5, 0.5]), num_class=3),
        "low": trees("quantile", line, alpha=0.1),
        "high": trees("quantile", line, alpha=0.9),
    }


def put(folder: Path, what: Program, files: dict[str, str]) -> None:
    (folder / "compared").mkdir(exist_ok=True)
    for name, text in {**files, "predict.py": program(what)}.items():
        (folder / name).write_text(text, encoding="utf-8")
    with (folder / "new.csv").open("w", newline="", encoding="utf-8") as file:
        out = csv.writer(file)
        out.writerow(["amount", "a", "b"])
        out.writerows([f"$ {100 * i:,}.50", repr(float(a)), repr(float(b))] for i, (a, b) in enumerate(X))


def alone(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the program in a process of its own that cannot import Lossmith."""
    names = ("lossmith", "polars", "pandas", "numba", "sympy")
    code = (
        f"import sys, runpy\nfor name in {names!r}: sys.modules[name] = None\n"
        f"sys.argv = ['predict.py', *{arguments!r}]\n"
        f"runpy.run_path({str(folder / 'predict.py')!r}, run_name='__main__')\n"
    )
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, encoding="utf-8", check=False, cwd=folder
    )


def start(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the text of the program in a namespace of its own: quicker, with the same output."""
    out, code, said = io.StringIO(), 0, ""
    main = runpy.run_path(str(folder / "predict.py"))["main"]
    here = [str(folder / argument) if argument.endswith(".csv") else argument for argument in arguments]
    with contextlib.redirect_stdout(out):
        try:
            main(here)
        except SystemExit as stop:
            code, said = 1, f"{stop.code}\n"
    return subprocess.CompletedProcess(here, code, out.getvalue(), said)


def said(folder: Path, *arguments: str) -> list[dict[str, str]]:
    done = start(folder, *arguments)
    assert done.returncode == 0, done.stderr
    return list(csv.DictReader(done.stdout.splitlines()))


@pytest.mark.parametrize(
    "rule", [AsIs(), Shift(1 / 3), Scale(1.1), ShiftBySize((0.0, 0.5), (1.0, 2.0, 3.0)), Levels((-1.0, 0.1))]
)
def test_numbers(boosters: dict[str, Any], tmp_path: Path, rule: Rule) -> None:
    levels = (0.1, 0.9) if isinstance(rule, Levels) else ()
    what = Program(ENCODING, rule, ("a", "b"), levels=levels)
    put(tmp_path, what, {"model.txt": boosters["number"].model_to_string()})
    expected = act(rule, boosters["number"].predict(X))
    found = np.array([[float(value) for value in row.values()] for row in said(tmp_path, "new.csv")])
    np.testing.assert_array_equal(found, expected.reshape(60, -1))
    heads = ["quantile 0.1", "quantile 0.9"] if levels else ["prediction"]
    assert list(said(tmp_path, "new.csv")[0]) == heads


@pytest.mark.parametrize(
    "rule",
    [
        Threshold(0.3),
        Corrected((1.0, 20.0), Threshold(0.05)),
        Recalibrated(0.8, -0.1, Threshold(0.4)),
        RowThreshold("amount", 2000.0),
        Corrected(("amount", 7.0), CheapestClass(((0.0, 1.0), (2.0, 0.0)))),
    ],
)
def test_two_classes(boosters: dict[str, Any], tmp_path: Path, rule: Rule) -> None:
    what = Program(ENCODING, rule, ("a", "b"), classes=NAMES, readings={"amount": "amount"})
    put(tmp_path, what, {"model.txt": boosters["binary"].model_to_string()})
    columns = {"amount": 100.0 * np.arange(60) + 0.5}
    p = boosters["binary"].predict(X)
    found = said(tmp_path, "new.csv")
    assert [row["decision"] for row in found] == [NAMES[int(a)] for a in act(rule, p, columns)]
    assert len({row["decision"] for row in found}) == 2
    shown = [float(row["probability of " + NAMES[1]]) for row in found]
    assert shown == probabilities(rule, p, columns).tolist()


@pytest.mark.parametrize("rule", [AsIs(), Corrected((1.0, 2.0, 9.0)), CheapestClass(((0, 1, 5), (1, 0, 1), (5, 1, 0)))])
def test_several_classes(boosters: dict[str, Any], tmp_path: Path, rule: Rule) -> None:
    classes = ("low", "middle", "high")
    put(tmp_path, Program(ENCODING, rule, ("a", "b"), classes), {"model.txt": boosters["three"].model_to_string()})
    p = probabilities(rule, boosters["three"].predict(X))
    decided = act(rule, p) if isinstance(rule, CheapestClass) else act(CheapestClass(zero_one(3)), p)
    found = said(tmp_path, "new.csv")
    assert [row["decision"] for row in found] == [classes[int(a)] for a in decided]
    assert [[float(row["probability of " + c]) for c in classes] for row in found] == p.tolist()


def test_grades_from_a_number(boosters: dict[str, Any], tmp_path: Path) -> None:
    classes, rule = ("poor", "fair", "good"), Cuts((-0.2, 0.3))
    put(tmp_path, Program(ENCODING, rule, ("a", "b"), classes), {"model.txt": boosters["number"].model_to_string()})
    p = boosters["number"].predict(X)
    found = said(tmp_path, "new.csv")
    assert [row["decision"] for row in found] == [classes[int(a)] for a in act(rule, p)]
    assert [float(row["prediction"]) for row in found] == p.tolist()


def test_several_models_stand_side_by_side(boosters: dict[str, Any], tmp_path: Path) -> None:
    files = {f"model-{i}.txt": boosters[name].model_to_string() for i, name in enumerate(("high", "low"), start=1)}
    what = Program(ENCODING, SortedLevels((0.0, 0.25)), ("a", "b"), models=tuple(files), levels=(0.1, 0.9))
    put(tmp_path, what, files)
    p = np.column_stack([boosters["high"].predict(X), boosters["low"].predict(X)])
    found = said(tmp_path, "new.csv")
    assert [[float(row["quantile 0.1"]), float(row["quantile 0.9"])] for row in found] == act(what.rule, p).tolist()


def test_a_fold_repeats_its_own_models_rule_and_encoding(boosters: dict[str, Any], tmp_path: Path) -> None:
    turned = {**ENCODING, "features": ENCODING["features"][::-1]}  # type: ignore[index]
    folds = (
        Fold(("compared/fold-1.txt",), Shift(2.0)),
        Fold(("compared/fold-2.txt",), Scale(3.0), turned),
    )
    files = {
        "model.txt": boosters["number"].model_to_string(),
        "compared/fold-1.txt": boosters["low"].model_to_string(),
        "compared/fold-2.txt": boosters["high"].model_to_string(),
    }
    put(tmp_path, Program(ENCODING, AsIs(), ("a", "b"), folds=folds), files)
    expected = {"1": boosters["low"].predict(X) + 2.0, "2": boosters["high"].predict(X[:, ::-1]) * 3.0}
    for fold, values in expected.items():
        done = alone(tmp_path, "new.csv", "--fold", fold)
        assert done.returncode == 0, done.stderr
        rows = csv.DictReader(done.stdout.splitlines())
        assert [float(row["prediction"]) for row in rows] == values.tolist()
    assert [float(r["prediction"]) for r in said(tmp_path, "new.csv")] == boosters["number"].predict(X).tolist()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["new.csv", "--fold", "3"], "no fold 3, only 1 to 1"),
        (["new.csv", "--fold", "x"], "--fold takes a whole number, got x"),
        (["new.csv", "--fold", "1"], "fold-1.txt cannot be read"),
        (["negative.csv"], "row 2: what to do depends on 'amount'"),
        (["lacking.csv"], "no column 'amount'"),
        (["new.csv", "--fold"], "usage: "),
    ],
)
def test_what_cannot_be_answered_is_one_sentence(
    boosters: dict[str, Any], tmp_path: Path, arguments: list[str], words: str
) -> None:
    what = Program(
        ENCODING,
        RowThreshold("amount", 2000.0),
        ("a", "b"),
        NAMES,
        folds=(Fold(("compared/fold-1.txt",), Threshold(0.5)),),
        readings={"amount": "amount"},
    )
    put(tmp_path, what, {"model.txt": boosters["binary"].model_to_string()})
    (tmp_path / "negative.csv").write_text("amount,a,b\n3,1,2\n-3,1,2\n", encoding="utf-8")
    (tmp_path / "lacking.csv").write_text("a,b\n1,2\n", encoding="utf-8")
    done = start(tmp_path, *arguments)
    assert done.returncode == 1
    assert done.stdout == ""
    assert words in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_an_error_is_told_on_the_error_stream(tmp_path: Path) -> None:
    put(tmp_path, Program(ENCODING, AsIs(), ("a", "b")), {})
    done = alone(tmp_path, "nowhere.csv")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "nowhere.csv cannot be read: No such file or directory.\n"


def test_no_rows_still_have_a_header(boosters: dict[str, Any], tmp_path: Path) -> None:
    put(tmp_path, Program(ENCODING, Threshold(0.5), ("a", "b"), ("x", "y")), {"model.txt": ""})
    (tmp_path / "none.csv").write_text("a,b\n", encoding="utf-8")
    assert start(tmp_path, "none.csv").stdout.strip() == "decision,probability of x,probability of y"


def test_a_row_alone_and_a_list_from_python(boosters: dict[str, Any], tmp_path: Path) -> None:
    put(
        tmp_path,
        Program(ENCODING, Threshold(0.5), ("a", "b"), NAMES),
        {"model.txt": boosters["binary"].model_to_string()},
    )
    code = "import json, predict; print(json.dumps([predict.predict({'a': 1.0, 'b': None}), predict.predict([])]))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path)
    alone, none = json.loads(done.stdout)
    assert none == []
    assert alone["decision"] in NAMES
    assert alone["probability"][NAMES[1]] == boosters["binary"].predict(np.array([[1.0, np.nan]]))[0]


def test_a_linear_model_needs_numpy_alone(tmp_path: Path) -> None:
    from lossmith.advise.models.linear_row import predict_linear

    plain = {"fill": 0.0, "low": -9.0, "high": 9.0, "centre": 0.25, "scale": 3.0, "levels": [], "missing": True}
    design = [{"position": place, "kind": "number", **plain} for place in (0, 1)]
    model = {"kind": "linear", "link": "exp", "design": design, "weights": [1.5, 0.25, -2.0, 1.0], "intercept": 0.1}
    what = Program(ENCODING, Shift(0.5), ("a", "b"), models=("model.json",))
    put(tmp_path, what, {"model.json": json.dumps(model)})
    assert "Needs Python 3.10 or newer and numpy;" in program(what)
    expected = predict_linear(model, X) + 0.5
    assert [float(row["prediction"]) for row in said(tmp_path, "new.csv")] == expected.tolist()


def test_the_program_is_python_of_its_own_without_pasted_text() -> None:
    names = ("a", 'b"""\nimport os')
    text = program(Program(ENCODING, Threshold(0.5), names, ('"""', "</script>"), models=("model.json",)))
    tree = ast.parse(text)
    assert text.isascii()
    defined = [node.name for node in tree.body if isinstance(node, ast.FunctionDef)]
    assert len(defined) == len(set(defined))  # what is embedded hides nothing of what stands below it
    assert "lossmith" not in [
        name for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) for name in [node.module]
    ]
    assert text.count("def act_by(") == text.count("def encode_rows(") == 1
    assert [i.names[0].name for i in tree.body if isinstance(i, ast.Import)].count("lightgbm") == 0
