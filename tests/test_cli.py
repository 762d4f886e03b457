"""The command line: exit codes, one sentence for bad input, the verdict on the first line."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from lossmith import cli
from lossmith.advise import prepare as reading
from lossmith.advise import study as module
from lossmith.advise.data import extra
from lossmith.advise.request import Request
from lossmith.errors import DataError


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def table(here: Path) -> Path:
    rng = np.random.default_rng(0)
    x = rng.normal(size=400)
    frame = pl.DataFrame({"x": x, "도착지연": x + rng.normal(size=400)})
    (here / "data.csv").write_bytes(frame.rename({"x": "기온"}).write_csv(separator=";").encode("cp949"))
    return here / "data.csv"


def test_a_study_from_the_command_line(table: Path, capsys: pytest.CaptureFixture[str]) -> None:
    line = ["study", str(table), "--target", "도착지연", "--encoding", "cp949", "--cost", "under=5, over=1", "--quick"]
    assert cli.run(line) == 0
    shown = capsys.readouterr()
    verdict = json.loads((table.parent / "study-도착지연" / "study.json").read_text("utf-8"))["verdict"][0]
    assert "도착지연" in verdict and "±" in verdict
    assert " ".join(shown.out.split()).startswith(verdict)
    assert (table.parent / "study-도착지연" / "index.html").exists()
    alone = [sys.executable, "study-도착지연/predict.py", "data.csv"]
    shown = subprocess.run(alone, capture_output=True, text=True, check=True).stdout.splitlines()
    assert len(shown) == 401
    assert len(set(shown)) > 10
    assert cli.run(line) == 0
    assert (table.parent / "study-도착지연-2" / "study.json").exists()
    assert cli.run([*line, "--out", "study-도착지연"]) == 2
    assert cli.run([*line, "--out", "study-도착지연", "--force"]) == 0


READ = ["study", "data.csv", "--target", "도착지연", "--encoding", "cp949"]
EVERY: dict[str, tuple[list[str], Any]] = {
    "time": (["day"], "day"),
    "group": (["g"], "g"),
    "weight": (["w"], "w"),
    "id": (["name"], "name"),
    "drop": (["a", "b"], ("a", "b")),
    "cost": (["under=5, over=1"], "under=5, over=1"),
    "estimate": (["quantile=0.1,0.9"], "quantile=0.1,0.9"),
    "kind": (["count"], "count"),
    "positive": (["예"], "예"),
    "loss": (["huber", "(y-z)**4"], ("huber", "(y-z)**4")),
    "test": (["t.csv"], "t.csv"),
    "model": (["linear"], "linear"),
    "rows": (["5000"], 5_000),
    "time_limit": (["2.5"], 2.5),
    "encoding": (["cp949"], "cp949"),
    "seed": (["7"], 7),
}


def test_every_option_reaches_the_study(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    seen: list[tuple[Any, Request]] = []

    def told(data: Any, request: Request, step: Any) -> None:
        seen.append((data, request))
        raise DataError("LM599", "seen.")

    monkeypatch.setattr(module, "run", told)
    line = ["study", "t.csv", "--target", "y", "--quick"]
    for name, (values, _) in EVERY.items():
        line += [word for value in values for word in (f"--{name.replace('_', '-')}", value)]
    assert cli.run(line) == 2
    data, request = seen[0]
    assert data == "t.csv"
    assert request == Request("y", quick=True, **{name: expected for name, (_, expected) in EVERY.items()})
    assert set(EVERY) | {"target", "quick"} == set(Request.__dataclass_fields__)
    assert cli.run(["study", "t.csv", "--target", "y"]) == 2
    assert seen[1][1] == Request("y")
    capsys.readouterr()


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (["study", "missing.csv", "--target", "y"], "missing.csv"),
        (["study", "data.csv", "--target", "도착지연"], "--encoding"),
        (["study", "data.csv", "--target", "도착지영", "--encoding", "cp949"], 'Did you mean "도착지연"'),
        ([*READ, "--cost", "up=1"], "up"),
        ([*READ, "--cost", "nowhere.csv"], "nowhere.csv cannot be read"),
        ([*READ, "--cost", "under=5, over=1, column=stake"], "stake"),
        ([*READ, "--cost", "under=5, over=1", "--estimate", "mean"], "Give one"),
        ([*READ, "--estimate", "probabilty"], 'Did you mean "probability"'),
        ([*READ, "--kind", "reel"], 'Did you mean "real"'),
        ([*READ, "--time", "날짜"], "날짜"),
        ([*READ, "--group", "x"], "x"),
        ([*READ, "--weight", "x"], "x"),
        ([*READ, "--id", "x"], "x"),
        ([*READ, "--drop", "기온"], "no usable column"),
        ([*READ, "--loss", "rmse"], "no sum over rows"),
        ([*READ, "--test", "nowhere.csv"], "nowhere.csv"),
        ([*READ, "--model", "forest"], "boosted or linear"),
        ([*READ, "--rows", "7"], "at least 100"),
        ([*READ, "--time-limit", "-1"], "above 0"),
        (["study", "data.csv", "--target", "도착지연", "--out", "nowhere/deep"], "Make it first"),
    ],
)
def test_bad_input_is_one_sentence_and_exit_code_two(
    line: list[str], words: str, table: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run(line) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    last = [text for text in shown.err.splitlines() if not text.endswith("...")]
    assert len(last) == 1
    assert words in last[0]
    assert "Traceback" not in shown.err
    assert {path.name for path in table.parent.iterdir()} == {"data.csv"}


@pytest.mark.parametrize(
    ("raised", "code", "words"),
    [
        (KeyboardInterrupt(), 130, "Stopped"),
        (OSError(28, "No space left on device"), 2, "no space"),
        (DataError("LM599", "a sentence."), 2, "LM599 a sentence."),
    ],
)
def test_whatever_stops_a_study_is_told_without_a_traceback(
    raised: BaseException,
    code: int,
    words: str,
    table: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def stops(*arguments: object, **options: object) -> None:
        raise raised

    monkeypatch.setattr(reading, "read_table", stops)
    assert cli.run(["study", str(table), "--target", "y"]) == code
    shown = capsys.readouterr().err
    assert words in shown
    assert "Traceback" not in shown
    assert {path.name for path in table.parent.iterdir()} == {"data.csv"}


def test_an_unknown_option_is_bad_input(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["study", "data.csv", "--target", "y", "--tine", "x"]) == 2
    assert cli.run(["studdy"]) == 2


def test_a_seed_that_is_no_seed_is_bad_input(table: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for seed in ("-3", str(2**31), "x"):
        assert cli.run(["study", str(table), "--target", "도착지연", "--encoding", "cp949", "--seed", seed]) == 2
        assert "--seed" in capsys.readouterr().err
    with pytest.raises(DataError, match="LM533"):
        module.study(
            pl.DataFrame({"x": [i * 0.5 for i in range(30)], "y": [i * i for i in range(30)]}), target="y", seed=-1
        )


def test_the_command_is_called_by_its_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["study"]) == 2
    assert "Usage: lossmith study" in capsys.readouterr().err


def test_every_command_has_a_one_line_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["--help"]) == 0
    shown = capsys.readouterr().out
    assert all(name in shown and command.__doc__ for name, command in cli.COMMANDS.items())


def test_a_study_without_its_extra_says_what_to_install(
    table: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(extra, "find_spec", lambda name: None if name == "lightgbm" else extra)
    assert cli.run(["study", str(table), "--target", "기온"]) == 2
    assert capsys.readouterr().err.strip().splitlines()[-1] == (
        "LM516 a study needs lightgbm, which this installation lacks. Install the study extra: "
        "pip install 'lossmith[study]'."
    )
    assert [p.name for p in table.parent.iterdir()] == ["data.csv"]


# verify -------------------------------------------------------------------------------------------------------

OWN = """
import numpy as np

def squared(y_true, y_pred):
    return np.mean((y_true - y_pred) ** 2)

def wrong(y_true, y_pred):
    return 2 * (y_true - y_pred), 2 * np.ones_like(y_pred)

def unclear(y, v):
    return np.zeros(len(y))
"""


def test_verify_says_by_its_exit_code_whether_faults_were_found(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "own_losses.py").write_text(OWN)
    assert cli.run(["verify", "own_losses:squared"]) == 0
    assert capsys.readouterr().out.startswith("squared: no fault found in ")
    assert cli.run(["verify", "own_losses:wrong"]) == 1
    shown = capsys.readouterr()
    assert shown.out.startswith("wrong: 1 fault: the gradient has the opposite sign.") and not shown.err
    assert cli.run(["verify", "own_losses:squared", "--reference", "mae"]) == 1
    for line in (["own_losses:squarred"], ["own_losses:unclear"], ["own_losses:squared", "--limit", "0"]):
        capsys.readouterr()
        assert cli.run(["verify", *line]) == 2
        shown = capsys.readouterr()
        assert shown.err.startswith("LM") and len(shown.err.strip().splitlines()) == 1 and not shown.out


def test_verify_prints_json(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "own_losses.py").write_text(OWN)
    assert cli.run(["verify", "own_losses:wrong", "--json", "--seed", "3"]) == 1
    said = json.loads(capsys.readouterr().out)
    assert (said["ok"], said["seed"], [row["code"] for row in said["findings"]]) == (False, 3, ["gradient_sign"])


def test_every_option_reaches_verify(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    from lossmith.checking import isolation

    seen: list[tuple[str, dict[str, Any]]] = []

    def told(target: str, **asked: Any) -> isolation.Told:
        seen.append((target, asked))
        return isolation.Told(True, "f: fine", {})

    monkeypatch.setattr(isolation, "verify_apart", told)
    line = ["--reference", "bce", "--kind", "binary", "--takes", "raw", "--classes", "4", "--limit", "7", "--full"]
    assert cli.run(["verify", "-y*log(p) - (1-y)*log(1-p)", *line, "--seed", "5"]) == 0
    asked = {"reference": "bce", "kind": "binary", "takes": "raw", "classes": 4, "limit": 7.0, "full": True, "seed": 5}
    assert seen == [("-y*log(p) - (1-y)*log(1-p)", asked)]
