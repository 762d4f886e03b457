"""The whole study on small tables: right verdicts, a folder that works without Lossmith, one sentence for bad input."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from lossmith.advise.study import Study, study
from lossmith.algebra.decision import Threshold
from lossmith.errors import LossmithError

FILES = {"index.html", "plotly.min.js", "study.json", "model.txt", "predict.py", "loss.py"}
N = 1_500


def delays(seed: int = 0) -> pl.DataFrame:
    """Delays in minutes with a day, a Korean category, holes, and a column named like a script."""
    rng = np.random.default_rng(seed)
    hour, place = rng.integers(5, 23, N), rng.integers(0, 3, N)
    y = 2.0 * hour + 5 * place + rng.exponential(10, N) - 20
    return pl.DataFrame(
        {
            "day": np.sort(rng.integers(0, 90, N)),
            "hour": hour,
            "공항": np.array(["김포", "인천", 'a"b\n\\'])[place],
            "<script>alert(1)</script>": rng.normal(size=N),
            "delay": np.where(rng.uniform(size=N) < 0.05, np.nan, np.round(y, 1)),
        }
    ).with_columns(pl.col("delay").fill_nan(None), pl.col("hour").cast(pl.Float64))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Study:
    """One study, written to a folder, on which several tests look."""
    out = tmp_path_factory.mktemp("study") / "out"
    return study(delays(), target="delay", cost="under=5, over=1", out=out, quick=True)


def test_the_folder_is_whole_and_nothing_lies_beside_it(made: Study) -> None:
    assert made.folder is not None
    assert {path.name for path in made.folder.iterdir()} == FILES
    assert [path.name for path in made.folder.parent.iterdir()] == ["out"]


def test_rows_without_a_target_are_counted(made: Study) -> None:
    missing = delays()["delay"].null_count()
    assert made.record.data.missing_target == missing
    assert f"{missing} left out because delay is missing" in str(made)
    parts = made.record.data
    assert parts.fit + parts.stop + parts.compare == N - missing


def test_the_costs_lead_to_the_five_sixths_quantile(made: Study) -> None:
    quantile = next(loss for loss in made.record.losses if loss.name == "quantile")
    assert quantile.parameters == {"level": 5 / 6}
    assert 4 <= len(made.record.losses) <= 6
    assert all(loss.reason for loss in made.record.losses)


def test_every_baseline_is_in_the_table_and_the_shift_pays(made: Study) -> None:
    rows = {row.role: row for row in made.record.comparison.rows}
    assert {"constant", "default", "default with rule", "candidate"} == set(rows)
    assert rows["default with rule"].mean < rows["default"].mean < rows["constant"].mean


def test_the_verdict_is_first_everywhere(made: Study) -> None:
    assert made.folder is not None
    assert str(made).splitlines()[0] == made.verdict
    data = json.loads((made.folder / "study.json").read_text("utf-8"))
    assert data["verdict"][0] == made.verdict
    assert "delay" in made.verdict


def run_alone(folder: Path, table: Path) -> list[dict[str, str]]:
    """Run `predict.py` in a process that cannot import Lossmith, polars or pandas."""
    code = (
        "import sys, runpy\n"
        "for name in ('lossmith', 'polars', 'pandas', 'numba', 'sympy'): sys.modules[name] = None\n"
        f"sys.argv = ['predict.py', {str(table)!r}]\n"
        f"runpy.run_path({str(folder / 'predict.py')!r}, run_name='__main__')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, encoding="utf-8", check=False)
    assert done.returncode == 0, done.stderr
    return list(csv.DictReader(done.stdout.splitlines()))


def test_predict_needs_no_lossmith_and_repeats_the_study_exactly(made: Study, tmp_path: Path) -> None:
    from lossmith.advise.data.encode import encode
    from lossmith.algebra.decision import act

    assert made.folder is not None
    frame = delays(seed=1).drop("delay")
    frame.write_csv(tmp_path / "new.csv")
    alone = [float(row["prediction"]) for row in run_alone(made.folder, tmp_path / "new.csv")]
    expected = act(made.rule, made.model.predict(encode(made.encoding, frame).matrix))
    assert alone == expected.tolist()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nowhere.csv"], "nowhere.csv cannot be read"),
        (["lacking.csv"], "has no column"),
        (["korean.csv"], "--encoding"),
        (["korean.csv", "--encoding", "klingon"], "klingon is not an encoding"),
        (["--help"], "usage: "),
        (["lacking.csv", "--encoding"], "usage: "),
    ],
)
def test_predict_refuses_in_one_sentence(made: Study, tmp_path: Path, arguments: list[str], words: str) -> None:
    assert made.folder is not None
    (tmp_path / "lacking.csv").write_text("other\n1\n", encoding="utf-8")
    (tmp_path / "korean.csv").write_bytes("지연\n1\n".encode("cp949"))
    line = [sys.executable, str(made.folder / "predict.py"), *arguments]
    done = subprocess.run(line, capture_output=True, text=True, encoding="utf-8", check=False, cwd=tmp_path)
    assert done.returncode == 1
    assert done.stdout == ""
    assert words in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_generated_files_are_python_and_hold_no_pasted_text(made: Study) -> None:
    assert made.folder is not None
    text = (made.folder / "predict.py").read_text("utf-8")
    compile(text, "predict.py", "exec")
    compile((made.folder / "loss.py").read_text("utf-8"), "loss.py", "exec")
    assert text.isascii()
    assert "<script>alert" not in (made.folder / "index.html").read_text("utf-8")


def test_the_same_seed_gives_the_same_study(made: Study) -> None:
    again = study(delays(), target="delay", cost={"under": 5, "over": 1}, quick=True)
    assert again.verdict == made.verdict
    assert again.folder is None
    assert again.model.model_to_string() == made.model.model_to_string()


def test_time_parts_past_from_future() -> None:
    found = study(delays(), target="delay", time="day", quick=True)
    assert "in the order of day" in found.record.data.how
    assert "blocks of time" in found.record.data.blocks


def test_rare_classes_move_the_threshold(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(4_000, 2))
    y = rng.uniform(size=4_000) < 1 / (1 + np.exp(3 - 2 * x[:, 0]))
    frame = pl.DataFrame({"a": x[:, 0], "b": x[:, 1], "fraud": np.where(y, "yes", "no")})
    found = study(frame, target="fraud", cost="false_negative=20, false_positive=1", quick=True, out=tmp_path / "o")
    rows = {row.role: row for row in found.record.comparison.rows}
    assert rows["default with rule"].mean < 0.8 * rows["default"].mean
    frame.head(50).write_csv(tmp_path / "new.csv")
    alone = run_alone(tmp_path / "o", tmp_path / "new.csv")
    assert {row["decision"] for row in alone} <= {"yes", "no"}
    assert all(0 <= float(row["probability of yes"]) <= 1 for row in alone)


def test_several_classes_are_told_apart(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2_000, 2))
    kind = np.array(["가", "나", "다"])[np.digitize(x[:, 0] + 0.3 * rng.normal(size=2_000), [-0.5, 0.5])]
    frame = pl.DataFrame({"a": x[:, 0], "b": x[:, 1], "종류": kind})
    found = study(frame, target="종류", quick=True, out=tmp_path / "o")
    frame.head(50).write_csv(tmp_path / "new.csv")
    alone = run_alone(tmp_path / "o", tmp_path / "new.csv")
    assert np.mean([row["decision"] == truth for row, truth in zip(alone, kind, strict=False)]) > 0.7
    assert "share of wrong decisions" in found.record.grid.columns


def test_two_classes_without_costs_are_decided_at_one_half(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=1_000)
    frame = pl.DataFrame({"a": x, "sick": np.where(x + 0.2 * rng.normal(size=1_000) > 0.5, "yes", "no")})
    found = study(frame, target="sick", quick=True, out=tmp_path / "o")
    assert found.rule == Threshold(0.5)
    frame.head(100).write_csv(tmp_path / "new.csv")
    alone = run_alone(tmp_path / "o", tmp_path / "new.csv")
    assert np.mean([row["decision"] == truth for row, truth in zip(alone, frame["sick"], strict=False)]) > 0.85


def test_counts_are_compared_by_each_loss() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=2_000)
    frame = pl.DataFrame({"x": x, "claims": rng.poisson(np.exp(0.5 + x))})
    found = study(frame, target="claims", quick=True)
    assert found.record.kind == "count"
    assert any(loss.name == "poisson" for loss in found.record.losses)
    assert len(found.record.grid.columns) == len(found.record.losses)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"target": "dealy"}, 'Did you mean "delay"'),
        ({"target": "delay", "time": "dya"}, 'Did you mean "day"'),
        ({"target": "delay", "cost": "under=5, ovr=1"}, 'Did you mean "over"'),
        ({"target": "delay", "cost": "false_negative=5, false_positive=1"}, "two classes"),
        ({"target": "delay", "kind": "binary"}, "binary"),
        ({"target": "delay", "kind": "reel"}, 'Did you mean "real"'),
    ],
)
def test_bad_input_is_one_sentence(options: dict[str, str], words: str, tmp_path: Path) -> None:
    with pytest.raises(LossmithError) as caught:
        study(delays(), out=tmp_path / "out", quick=True, **options)  # type: ignore[arg-type]
    assert words in str(caught.value)
    assert str(caught.value).startswith("LM")
    assert list(tmp_path.iterdir()) == []


def test_costs_of_numbers_do_not_fit_classes() -> None:
    frame = pl.DataFrame({"x": np.arange(100.0), "y": ["a", "b"] * 50})
    with pytest.raises(LossmithError, match="LM531"):
        study(frame, target="y", cost="under=5, over=1")
