"""A study's folder appears whole or not at all, and replaces nothing that is not a study."""

from __future__ import annotations

from pathlib import Path

import pytest

from lossmith.advise.out import folder as module
from lossmith.advise.out.folder import choose_folder, safe_name, write_folder
from lossmith.errors import DataError

STUDY = {"study.json": '{"what": "lossmith study"}', "a.txt": "지연"}


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_default_name_is_safe_and_the_next_free_one(here: Path) -> None:
    assert choose_folder(None, "arr_delay", force=False) == Path("study-arr_delay")
    (here / "study-arr_delay").mkdir()
    assert choose_folder(None, "arr_delay", force=False) == Path("study-arr_delay-2")
    assert choose_folder(None, "../../etc", force=False) == Path("study-etc")


@pytest.mark.parametrize("name", ["", "..", "/", "a/b", "<script>", "x" * 500, "a\n\0b", "지연"])
def test_safe_names_are_single_visible_names(name: str) -> None:
    safe = safe_name(name)
    assert safe and safe not in (".", "..") and len(safe) <= 60
    assert not set(safe) & set("/\\<>\n\0 .")


def test_an_existing_folder_is_refused_and_force_replaces_only_a_study(here: Path) -> None:
    (here / "mine").mkdir()
    (here / "mine" / "thesis.txt").write_text("years of work")
    with pytest.raises(DataError, match="LM551"):
        choose_folder("mine", "y", force=False)
    with pytest.raises(DataError, match="LM552"):
        choose_folder("mine", "y", force=True)
    with pytest.raises(DataError, match="LM552"):
        write_folder(Path("mine"), STUDY, force=True)
    assert (here / "mine" / "thesis.txt").read_text() == "years of work"


def test_force_replaces_a_study_as_a_whole(here: Path) -> None:
    write_folder(Path("old"), {**STUDY, "only-old": "x"})
    assert choose_folder("old", "y", force=True) == Path("old")
    write_folder(Path("old"), STUDY, force=True)
    assert sorted(p.name for p in (here / "old").iterdir()) == ["a.txt", "study.json"]
    assert [p.name for p in here.iterdir()] == ["old"]


def test_a_file_and_a_missing_parent_are_refused(here: Path) -> None:
    (here / "file").write_text("")
    with pytest.raises(DataError, match="LM552"):
        choose_folder("file", "y", force=True)
    with pytest.raises(DataError, match="LM553"):
        choose_folder("no/such/parent", "y", force=False)


@pytest.mark.parametrize("stop", [KeyboardInterrupt, OSError(28, "No space left on device")])
def test_an_interruption_leaves_nothing_half_written(
    here: Path, monkeypatch: pytest.MonkeyPatch, stop: BaseException | type[BaseException]
) -> None:
    whole = module._write

    def fails_at_second(path: Path, text: str) -> None:
        if path.name == "a.txt":
            raise stop
        whole(path, text)

    monkeypatch.setattr(module, "_write", fails_at_second)
    with pytest.raises((KeyboardInterrupt, OSError)):
        write_folder(Path("new"), STUDY)
    assert list(here.iterdir()) == []


def test_a_failed_replacement_keeps_the_old_study(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_folder(Path("old"), STUDY)
    rename = Path.rename

    def fails_for_the_new(self: Path, target: Path) -> Path:
        if self.suffix == ".partial":
            raise KeyboardInterrupt
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", fails_for_the_new)
    with pytest.raises(KeyboardInterrupt):
        write_folder(Path("old"), {**STUDY, "new": "x"}, force=True)
    assert sorted(p.name for p in (here / "old").iterdir()) == ["a.txt", "study.json"]
    assert [p.name for p in here.iterdir()] == ["old"]
