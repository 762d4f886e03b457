"""What a user asks: checked once, and said again as a command line that a shell reads back."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import pytest

from lossmith import cli
from lossmith.advise.request import OPTIONS, SMALL, Request, as_tuple, checked
from lossmith.errors import DataError

FULL = Request(
    "지연 시간",
    time="day",
    group="g h",
    weight="w",
    id="name",
    drop=("a", "it's"),
    cost="under=5, over=1",
    estimate=None,
    kind="real",
    positive="$(rm -rf ~)",
    loss=("where(y>z, 5, 1)*abs(y-z)", "huber"),
    test=Path("test.csv"),
    model="linear",
    rows=1_000,
    time_limit=90.0,
    encoding="cp949",
    seed=7,
    quick=True,
)


def test_the_command_line_says_all_that_was_asked() -> None:
    words = shlex.split(FULL.command("data dir/t.csv"))
    assert words[:5] == ["lossmith", "study", "data dir/t.csv", "--target", "지연 시간"]
    pairs = [(words[i], words[i + 1]) for i in range(3, len(words) - 1) if words[i].startswith("--")]
    assert ("--drop", "a") in pairs and ("--drop", "it's") in pairs
    assert ("--positive", "$(rm -rf ~)") in pairs
    assert ("--loss", "where(y>z, 5, 1)*abs(y-z)") in pairs
    assert ("--rows", "1000") in pairs and ("--time-limit", "90") in pairs and ("--seed", "7") in pairs
    assert "--quick" in words and "--estimate" not in words


def test_the_command_line_reads_back_to_the_same_request(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from lossmith.advise import study as module

    monkeypatch.chdir(tmp_path)
    seen: dict[str, Any] = {}

    def told(data: Any, request: Request, tell: Any) -> Any:
        seen.update(data=data, request=request)
        raise DataError("LM599", "seen.")

    monkeypatch.setattr(module, "run", told)
    assert cli.run(shlex.split(FULL.command("t.csv"))[1:]) == 2
    assert seen["data"] == "t.csv"
    assert seen["request"] == Request(**{**FULL.__dict__, "test": "test.csv"})


@pytest.mark.parametrize(
    ("cost", "words"),
    [
        ({"under": 5, "over": 1.5}, "under=5, over=1.5"),
        ({"false_negative": "amount", "false_positive": 1}, "false_negative=amount, false_positive=1"),
        (Path("costs.csv"), "costs.csv"),
        ([[0, 1], [5, 0]], "COSTS.csv"),
    ],
)
def test_costs_in_any_form_are_said_as_text(cost: Any, words: str) -> None:
    line = shlex.split(Request("y", cost=cost).command("t.csv"))
    assert line[line.index("--cost") + 1] == words


def test_a_cost_keeps_its_digits() -> None:
    line = shlex.split(Request("y", cost={"under": 1234567.0, "over": 0.1 + 0.2}).command("t.csv"))
    numbers = dict(part.split("=") for part in line[line.index("--cost") + 1].split(", "))
    assert {name: float(number) for name, number in numbers.items()} == {"under": 1234567.0, "over": 0.1 + 0.2}


def test_a_frame_is_said_as_data() -> None:
    import polars as pl

    assert Request("y").command(pl.DataFrame({"y": [1]})) == "lossmith study DATA --target y --seed 0"


def test_every_option_of_the_command_is_one_of_the_request() -> None:
    fields = set(Request.__dataclass_fields__)
    assert set(OPTIONS) == fields - {"seed", "quick"}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"model": "liner"}, 'Did you mean "linear"'),
        ({"rows": 99}, "at least 100"),
        ({"time_limit": 0.0}, "above 0"),
        ({"time_limit": -3.0}, "above 0"),
        ({"time_limit": float("inf")}, "above 0"),
        ({"time_limit": float("nan")}, "above 0"),
    ],
)
def test_options_that_no_study_can_follow_are_refused(options: dict[str, Any], words: str) -> None:
    with pytest.raises(DataError, match="LM538") as caught:
        checked(Request("y", **options))
    assert words in str(caught.value)


def test_few_rows_have_the_linear_model_unless_said_otherwise() -> None:
    assert Request("y").model_for(SMALL) == "linear"
    assert Request("y").model_for(SMALL + 1) == "boosted"
    assert Request("y", model="boosted").model_for(10) == "boosted"


def test_one_text_is_a_tuple_of_one() -> None:
    assert as_tuple("abc") == ("abc",)
    assert as_tuple(["a", "b"]) == ("a", "b")
    assert as_tuple(None) == as_tuple(()) == ()
