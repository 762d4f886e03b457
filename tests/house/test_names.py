"""Names: one word per role, no file called after nothing, no public name that hides a module."""

import builtins
import importlib.util
from pathlib import Path

import pytest

import lossmith
import lossmith.maths
from tests.house import rules

SOURCE = Path(__file__).parents[2] / "src"


def hidden_modules(names, package):
    """List public names that are also the name of a module directly inside the package."""
    return [name for name in names if importlib.util.find_spec(f"{package}.{name}") is not None]


def test_no_public_name_is_also_a_module():
    vocabulary = [name for name in dir(lossmith.maths) if not name.startswith("_")]
    assert hidden_modules([*lossmith.__all__, *vocabulary], "lossmith") == []


def test_a_public_name_that_is_a_module_would_be_found():
    assert hidden_modules(["define", "errors"], "lossmith") == ["errors"]


def test_every_public_name_exists_and_shadows_no_builtin():
    assert [name for name in lossmith.__all__ if not hasattr(lossmith, name)] == []
    assert [name for name in lossmith.__all__ if hasattr(builtins, name)] == []


def test_what_is_listed_is_public():
    words = {*lossmith.__all__, *lossmith.maths.VOCABULARY, "pi"}
    assert {name for name in dir(lossmith) if not name.startswith("__")} == words
    assert all(hasattr(lossmith, name) for name in dir(lossmith))


@pytest.mark.parametrize(
    "name",
    [
        *("define", "parse", "get", "names", "activation", "from_json", "for_lightgbm", "study", "profile"),
        *("Loss", "Sums", "LossmithError"),
    ],
)
def test_the_promised_names_are_public(name):
    assert name in lossmith.__all__ and getattr(lossmith, name) is not None


def test_a_wrong_name_gets_advice():
    with pytest.raises(AttributeError, match="defin"):
        _ = lossmith.defin


def test_no_file_is_named_after_nothing():
    assert rules.vague_names(SOURCE) == []


@pytest.mark.parametrize("path", ["a/utils.py", "misc/__init__.py"])
def test_a_planted_vague_name_is_found(tmp_path, path):
    (tmp_path / path).parent.mkdir()
    (tmp_path / path).write_text("")
    assert rules.vague_names(tmp_path)


def test_public_arguments_use_the_words_of_the_house():
    assert rules.stray_words(SOURCE) == []


@pytest.mark.parametrize("text", ["def f(y_true, preds): ...", "class A:\n    def f(self, *, y_hat=1): ..."])
def test_a_planted_stray_word_is_found(tmp_path, text):
    (tmp_path / "a.py").write_text(text)
    assert len(rules.stray_words(tmp_path)) == 1


def test_a_private_function_may_use_any_word(tmp_path):
    (tmp_path / "a.py").write_text("def _f(preds): ...")
    assert rules.stray_words(tmp_path) == []
