"""JavaScript as text: what users type is never code in it, parameters stay arguments, and refusals say why.

That the numbers are right is tested in a browser: tests/browser/test_javascript.py.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

import lossmith as ls
from lossmith.cli import run
from lossmith.emit.table import TABLE, TARGETS, Unsupported
from lossmith.emit.to_js import FUNCTIONS, literal, prelude
from lossmith.loss.javascript import javascript_object

HOSTILE = "</script><script>alert(1)</script>\"'`${alert(2)}\\\n\u2028<!--"


def test_a_module_is_the_prelude_and_one_object() -> None:
    text = ls.get("huber").source("js")
    assert text == f"{prelude()}\nexport const loss = {javascript_object(ls.get('huber'))};\n"


def test_the_prelude_is_small_and_makes_one_name() -> None:
    assert len(prelude().encode()) < 25_000
    assert re.findall(r"^(?:var|let|const|function|class) (\w+)", prelude(), re.MULTILINE) == ["lossmith"]
    assert "eval" not in prelude() and "Function(" not in prelude()
    assert max(map(len, prelude().splitlines())) <= 120


def test_every_function_that_the_table_spells_is_in_the_prelude() -> None:
    cells = [row[TARGETS["js"]] for row in TABLE.values()]
    spelled = [cell for cell in cells if not isinstance(cell, Unsupported)]
    called = {name for cell in spelled for name in re.findall(r"(?<![.\w])([A-Za-z]\w*)\(", cell)}
    assert len(spelled) == len(TABLE) and called <= FUNCTIONS
    returned = re.search(r"return \{([^}]*)\};\n\}\)\(\);", prelude())
    assert returned is not None and set(re.findall(r"\w+", returned[1])) >= FUNCTIONS


@pytest.mark.parametrize("name", [name for name in ls.names() if ls.get(name).parameters])
def test_parameters_are_arguments(name: str) -> None:
    loss = ls.get(name)
    other = loss.bind(**{k: v * 0.987654321 for k, v in loss.parameters.items() if v is not None})
    functions = [javascript_object(one).split("return lossmith.loss(")[0] for one in (loss, other)]
    assert functions[0] == functions[1]
    assert "0.98765" not in functions[1]


def test_hostile_names_are_no_code() -> None:
    text = ls.parse("(y - z)**2", target="real", name=HOSTILE).source("js")
    assert "</" not in text.replace(prelude(), "") and "<!--" not in text and "\u2028" not in text
    assert text.count("alert") == 2 and 'name: "\\u003c/script>' in text


def test_words_of_javascript_may_name_parameters_columns_and_targets() -> None:
    def loss(function: Any, delete: Any, new: Any, this: float = 1.0, γ: float = 2.0, __proto__: float = 3.0) -> Any:
        return this * function + γ * (delete - new) ** 2 * __proto__

    made = ls.define(target={"delete": "real"}, heads={"new": "identity"}, columns=("function",))(loss)
    text = javascript_object(made)
    assert 'const p_this = p["this"];' in text and 'const c_function = rows.columns["function"];' in text
    assert 'const p_1 = p["\\u03b3"];' in text and '["__proto__"]: 3' in text and text.isascii()


def test_numbers_and_texts_are_written_exactly() -> None:
    values = [0.1, 5e-324, -0.0, -2.0, 1e22, float("-inf"), float("nan"), True, None, "<a>"]
    assert literal(values) == ('[0.1, 5e-324, (-0), (-2), 1e+22, (-Infinity), NaN, true, null, "\\u003ca>"]')


def test_what_has_no_javascript_says_why() -> None:
    with pytest.raises(ls.LossmithError, match=r"LM312 .*\"numpy\" and \"js\""):
        ls.get("mse").source("fortran")
    with pytest.raises(ls.LossmithError, match=r"LM284 .*call loss.fit"):
        ls.get("bce").reweight("balanced").source("js")
    with pytest.raises(ls.LossmithError, match=r"LM284 .*call loss.fit"):
        ls.get("ce").adjust().source("js")
    with pytest.raises(ls.LossmithError, match=r"LM206 .*bind it"):
        ls.define(target="real")(lambda y, z, *, k: k * (y - z) ** 2).source("js")


def test_heads_with_classes_are_refused() -> None:
    made = ls.define(target="class", heads={"a": "identity"})(lambda y, a: ls.over_classes(y * a))
    with pytest.raises(ls.LossmithError, match=r"LM480 .*heads or several classes"):
        made.source("js")


def test_the_command_prints_and_writes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["export", "huber", "--set", "delta=2", "--to", "js"]) == 0
    assert capsys.readouterr().out == ls.get("huber", delta=2).source("js")
    out = tmp_path / "loss.js"
    assert run(["export", "where(y>z, 5, 1)*abs(y-z)", "--to", "js", "--out", str(out)]) == 0
    assert "export const loss" in out.read_text(encoding="utf-8")
    assert "taken to be real" in capsys.readouterr().err
    assert run(["export", "huber", "--to", "js", "--out", str(out)]) == 2
    assert "LM604" in capsys.readouterr().err
