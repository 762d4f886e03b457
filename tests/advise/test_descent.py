"""Gradient descent on tables, by the function and by the command: texts, missing values, bundled sets, bad input."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from lossmith import cli
from lossmith.advise.descent import descend_table
from lossmith.errors import LossmithError


def table() -> pl.DataFrame:
    size = np.linspace(1.0, 9.0, 40)
    return pl.DataFrame(
        {
            "size": [None if k % 9 == 0 else float(v) for k, v in enumerate(size)],
            "<b>city</b>": ["Seoul", "Busan", "Jeju", "Seoul"] * 10,
            "price": size * 3.5 + np.array([1.0, 2.0, 0.5, 1.0] * 10),
            "sold": ["yes" if v > 5 else "no" for v in size],
        }
    )


def test_texts_and_missing_values_become_columns_with_names() -> None:
    found = descend_table(table(), target="price", drop=["sold"], steps=40)
    assert found.loss == "squared_error"
    assert "weight of <b>city</b> = Jeju" in found.names and "weight of size is missing" in found.names
    assert found.losses[-1] < 0.2 * found.losses[0]
    assert "<b>city" not in found.html


def test_two_words_are_a_binary_target() -> None:
    found = descend_table(table(), target="sold", steps=5, drop=["price"])
    assert found.loss == "binary_cross_entropy"
    assert any("“yes” counts as 1" in note for note in found.notes)


def test_a_formula_takes_the_kind_of_the_target() -> None:
    found = descend_table(table(), target="price", loss="where(y > z, 5, 1) * abs(y - z)", steps=5, drop=["sold"])
    assert found.losses[-1] < found.losses[0]


def test_the_command_prints_and_writes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table().write_csv(tmp_path / "my.csv")
    page = tmp_path / "page.html"
    words = ["descend", str(tmp_path / "my.csv"), "--target", "price", "--steps", "8", "--learning-rate", "0.05"]
    assert cli.run([*words, "--out", str(page)]) == 0
    assert "The learning rate 0.05 is" in capsys.readouterr().out
    assert page.read_text("utf-8").startswith("<!doctype html>")
    assert cli.run([*words, "--out", str(page)]) == cli.BAD_INPUT
    assert "is not replaced" in capsys.readouterr().err


BAD = (
    (["descend", "diabetis", "--steps", "3"], 'Did you mean "diabetes"?'),
    (["descend", "iris", "--target", "colour"], 'is "species"'),
    (["descend", "diabetes", "--loss", "hubre"], "huber"),
    (["descend", "diabetes", "--loss", "bce"], "squared_error"),
    (["descend", "xor", "--model", "deep"], "LM570"),
    (["descend", "no.csv", "--target", "y"], "LM501"),
)


@pytest.mark.parametrize(("words", "said"), BAD)
def test_bad_input_is_one_sentence(words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(words) == cli.BAD_INPUT
    told = capsys.readouterr().err
    assert said in told and "Traceback" not in told and told.count("\n") == 1


def costly(keep: str = "keep") -> pl.DataFrame:
    random = np.random.default_rng(0)
    size = random.normal(size=60)
    return pl.DataFrame(
        {
            "size": size,
            "cost": random.uniform(1.0, 5.0, 60),
            keep: [k % 3 != 0 for k in range(60)],
            "city": ["Seoul", "Busan"] * 30,
            "price": 2 * size + random.normal(size=60),
        }
    )


@pytest.mark.parametrize(
    ("loss", "column", "parameters"),
    [
        ("a * cost * abs(y - z)", "cost", {"a": 2.0}),
        ("mse * cost", "cost", {}),
        ("mse.mask('keep')", "keep", {}),
        ("mse.reweight(by='cost')", "cost", {}),
    ],
)
def test_columns_that_a_loss_reads_come_from_the_table(loss: str, column: str, parameters: dict[str, float]) -> None:
    frame = costly()
    found = descend_table(frame, target="price", loss=loss, parameters=parameters, steps=2, learning_rate=0.01)
    assert not any(column in name for name in found.names)
    assert f"The loss reads “{column}” of each row, which is no feature then." in found.notes
    y, cost, keep = frame["price"].to_numpy(), frame["cost"].to_numpy(), frame["keep"].to_numpy()
    first = {
        "a * cost * abs(y - z)": np.mean(2 * cost * np.abs(y)),
        "mse * cost": np.mean(cost * y**2),
        "mse.mask('keep')": np.mean(y[keep] ** 2),
        "mse.reweight(by='cost')": np.average(y**2, weights=cost),
    }
    assert found.losses[0] == pytest.approx(first[loss], rel=1e-12)


@pytest.mark.parametrize(
    ("loss", "said"),
    [
        ("mse.reweight(by='costs')", 'reads the column "costs", and .* Did you mean "cost"'),
        ("mse * city", "must hold numbers"),
        ("mse * coost", "coost"),
    ],
)
def test_a_column_that_cannot_be_read_is_said(loss: str, said: str) -> None:
    with pytest.raises(LossmithError, match=said):
        descend_table(costly(), target="price", loss=loss, steps=2)


def test_what_a_table_lacks_is_said_in_words() -> None:
    with pytest.raises(LossmithError, match="--target, one of: size, cost, keep, city, price"):
        descend_table(costly())
    with pytest.raises(LossmithError, match=r"Only 1 row has a target; a table needs at least 20; ls\.descend"):
        descend_table(costly().head(1), target="price")
    with pytest.raises(LossmithError, match=r"found “(benign|malignant)"):
        descend_table("breast_cancer", loss="huber")


def test_a_table_needs_a_target() -> None:
    with pytest.raises(LossmithError, match="LM578"):
        descend_table(table())
