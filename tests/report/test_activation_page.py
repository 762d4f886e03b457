"""The page of activations and their text: what stands on it, how large it is, what is refused."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest

import lossmith as ls
from lossmith.catalogue import ACTIVATIONS
from lossmith.cli import run
from lossmith.errors import LossmithError
from lossmith.report.activation_page import html
from lossmith.report.activation_page.record import ActivationRecord, Command, Section, Sentence, Subject
from lossmith.report.activation_page.script import needs_prelude, object_text
from lossmith.report.activation_page.text import text
from lossmith.report.pages.chart import Table
from lossmith.report.study.text import columns
from lossmith.teach.activations.door import look_up_activations, show
from lossmith.teach.activations.page import activation_page, activation_record, activation_text

ELU, RELU = ls.activation("elu"), ls.activation("relu")
HOSTILE = '</script><img src=x onerror="alert(1)"> & "'


class Seen(HTMLParser):
    """Tags that stay open, and what was met."""

    VOID = ("meta", "link", "input", "br", "img", "path", "circle")

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.met: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.met.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.VOID:
            assert self.open.pop() == tag


@pytest.fixture(scope="module")
def elu() -> str:
    """The page of one activation with a parameter."""
    return activation_page(ELU)


@pytest.fixture(scope="module")
def two() -> ActivationRecord:
    """Two activations side by side."""
    return activation_record([RELU, ls.activation("sigmoid")])


def test_a_page_is_one_light_well_formed_document(elu: str) -> None:
    seen = Seen(elu)
    assert seen.open == []
    assert len(elu.encode()) < 300_000
    assert not re.search(r'(src|href)="(?!data:|#)', elu)
    assert [dict(found)["data-name"] for tag, found in seen.met if tag == "input"] == ["alpha", "x"]


def test_a_page_has_every_part(elu: str) -> None:
    identities = {found.get("id") for tag, found in Seen(elu).met if tag == "section"}
    assert identities == {"formula", "curves", "facts", "depth", "steps", "cost", "try"}
    assert "<math" in elu
    assert "(−1, ∞)" in elu
    assert "python benchmarks/activations.py" in elu
    assert "lossmith show --activation elu --set alpha=1 --open" in elu


def test_the_page_of_several_compares_them(two: ActivationRecord) -> None:
    page = html.page(two)
    assert Seen(page).open == []
    assert len(page.encode()) < 300_000
    assert two.curves is not None
    assert [line.label for line in two.curves.derivative.lines] == ["relu", "sigmoid"]
    told = [block.text for section in two.sections for block in section.blocks if isinstance(block, Sentence)]
    assert any(
        re.match(r"Xavier \(Glorot\) normal: after 50 layers the gradient of sigmoid is [12]\.\d×10⁻³¹ of", t)
        for t in told
    )
    assert any("With eight hidden layers, relu needs" in t for t in told)


def test_the_text_says_the_same_in_a_terminal(two: ActivationRecord) -> None:
    lines = text(two).splitlines()
    assert lines[0] == "relu · sigmoid"
    assert "WHAT IS KNOWN OF THEM" in lines
    prose = [line for line in lines if not line.startswith(" ")]
    assert max(map(columns, prose)) <= 100


def test_softmax_has_a_row_to_play_with_instead_of_curves() -> None:
    page = activation_page(ls.activation("softmax", temperature=2.0))
    kinds = [found["data-kind"] for tag, found in Seen(page).met if tag == "input"]
    assert kinds == ["raw"] * 4 + ["shift", "parameter"]
    assert 'data-curve="' not in page
    assert "Sum of the probabilities" in page
    assert "0 units of the last place" in activation_text(ls.activation("softmax"))


def test_hostile_words_stay_words() -> None:
    subject = Subject(HOSTILE, "x", HOSTILE, HOSTILE, (), '{name: "</script>"}')
    section = Section("facts", HOSTILE, (Sentence(HOSTILE), Command(HOSTILE), Table((HOSTILE,), ((HOSTILE,),))))
    page = html.page(ActivationRecord(HOSTILE, (HOSTILE,), (subject,), None, None, (section,)))
    assert "<img" not in page
    assert page.count("</script>") == page.count("<script>") == 2
    assert (
        html.fragment(section).count("&lt;img") == 6
    )  # title, sentence, command, header (and its name for listeners), cell


@pytest.mark.parametrize("name", [row.name for row in ACTIVATIONS])
def test_every_activation_has_its_javascript(name: str) -> None:
    made = object_text(ls.activation(name))
    assert made.startswith(f'{{name: "{name}"')
    assert ("derivative:" in made) == (name != "softmax")
    assert needs_prelude(made) == ("lossmith;" in made)
    assert "np." not in made


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: activation_page(), "LM495 a page shows 1 to 6 activations, got 0"),
        (lambda: activation_page(*(ls.activation("elu", alpha=0.1 * k) for k in range(1, 8))), "got 7"),
        (lambda: activation_page(RELU, ls.activation("softmax")), "LM495 softmax mixes the classes of a row"),
        (lambda: show(RELU, "mse"), "LM495 an activation is shown beside activations"),
        (lambda: show(RELU, slope=1.0), 'LM495 "slope" is not for activations'),
        (lambda: show(3.0), "LM488"),
        (lambda: look_up_activations(["relo"], {}), 'LM274 .*Did you mean "relu"'),
        (
            lambda: look_up_activations(["elu"], {"alpa": 1.0}),
            'LM203 elu has no parameter "alpa". Did you mean "alpha"',
        ),
        (lambda: look_up_activations(["elu"], {"alpha": -1.0}), "LM205 elu: alpha must be"),
    ],
)
def test_bad_input_is_one_sentence(call, words: str) -> None:
    with pytest.raises(LossmithError, match=words):
        call()


def test_show_takes_losses_and_activations() -> None:
    assert show("mse").title == "squared_error"
    assert show(ls.activation("softmax")).title == "softmax"


def test_the_command_line_prints_writes_and_refuses(tmp_path, capsys: pytest.CaptureFixture[str]) -> None:
    place = tmp_path / "softmax.html"
    assert run(["show", "--activation", "softmax", "--set", "temperature=2"]) == 0
    assert capsys.readouterr().out.startswith("softmax (temperature = 2)\n")
    assert run(["show", "--activation", "softmax", "--out", str(place)]) == 0
    assert str(place) in capsys.readouterr().out
    assert place.read_text(encoding="utf-8").startswith("<!doctype html>")
    for arguments, words in (
        (["--activation", "softmaxx"], 'LM274 there is no activation "softmaxx". Did you mean "softmax"?'),
        (["--activation", "softmax", "--out", str(place)], "LM604"),
        (["mse", "--activation", "relu"], "LM495 name a loss, or an activation"),
        ([], "LM495 name a loss, or an activation"),
        (["--activation", "relu", "--steps"], "LM495 name a loss, or an activation"),
    ):
        assert run(["show", *arguments]) == 2
        assert words in capsys.readouterr().err
