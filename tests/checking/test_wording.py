"""The text of a verdict: one headline, sections in their order, every line within the width."""

from __future__ import annotations

import lossmith as ls
from lossmith.checking.finding import FAULTS, Finding
from lossmith.checking.verdict import Verdict
from lossmith.checking.wording import SECTIONS, WIDTH, headline, text


def test_every_fault_has_a_line_in_its_section() -> None:
    shown = text(Verdict("f", "a function", tuple(Finding(code, f"seen {code}.") for code in FAULTS)))
    lines = shown.splitlines()
    places = [lines.index(section) for section in SECTIONS if section in lines]
    assert places == sorted(places) and len(places) == 3
    for code, (section, title) in FAULTS.items():
        joined = " ".join(shown.split())
        assert f"FAULT {title}: seen {code}." in joined
        line = next(i for i, one in enumerate(lines) if f"seen {code}." in one or (title in one and "FAULT" in one))
        assert max(p for p in places if p <= line) == lines.index(section)


def test_a_headline_names_each_fault_once() -> None:
    twice = (Finding("nan_region", "from 89 on."), Finding("nan_region", "from 710 on."), Finding("prints", "x."))
    assert headline(Verdict("f", "", twice)) == "f: 3 faults: it is NaN; it prints."
    assert headline(Verdict("f", "", (Finding("prints", "x."),))) == "f: 1 fault: it prints."
    assert headline(Verdict("f", "", calls=3, points=8)) == "f: no fault found in 3 calls with 8 rows."
    unsure = Verdict("f", "", calls=3, points=8, not_checked=(("numbers", "there was no time"),))
    assert headline(unsure).endswith("Not all was checked, see below.")


def test_a_note_is_no_fault() -> None:
    shown = text(Verdict("f", "", (Finding("broadcasting", "shapes are spread.", "note"),), calls=1, points=1))
    assert "no fault found" in shown.splitlines()[0]
    assert "note   shapes are spread." in shown and "FAULT" not in shown


def test_what_was_assumed_and_not_checked_comes_last() -> None:
    shown = text(Verdict("f", "a function", assumed=("A is B.",), not_checked=(("speed", "nobody asked"),), seed=4))
    assert shown.index("taken for") < shown.index("assumed") < shown.index("not checked") < shown.index("seed 4")
    assert "speed: nobody asked." in shown


def test_a_loss_of_ours_shows_what_was_measured_and_what_is_known() -> None:
    shown = str(ls.verify("squared_error"))
    assert shown.startswith("squared_error: no fault found in ")
    assert "units allowed" in shown and "float32" in shown and "numba" in shown
    assert "strictly convex" in shown and "[" in shown
    assert all(len(line) <= WIDTH for line in shown.splitlines())
