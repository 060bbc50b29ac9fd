"""Files are replaced as a whole or not at all, whatever goes wrong on the way."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from shapetrick.core.files import write_file
from shapetrick.render.layout import plain
from shapetrick.render.terminal import Style
from shapetrick.session.commands import answer
from shapetrick.session.interpreter import Interpreter
from shapetrick.session.recovery import Recovery, Unsaved

OLD, NEW = "X : m x n\n", "Y : k x k\n"


def said(interpreter: Interpreter, *lines: str) -> str:
    return "".join(plain(answer(interpreter, line)) for line in lines)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def old(tmp_path: Path) -> Path:
    path = tmp_path / "old.st"
    path.write_text(OLD)
    return path


def test_a_file_is_made_and_replaced(tmp_path: Path) -> None:
    path = tmp_path / "new.st"
    for text in (OLD, f"{NEW}# é\n"):
        write_file(path, text)
        assert path.read_bytes() == text.encode("utf-8")
    assert names(tmp_path) == ["new.st"]


def test_the_permissions_of_a_file_stay(old: Path) -> None:
    old.chmod(0o640)
    write_file(old, NEW)
    assert old.stat().st_mode & 0o777 == 0o640
    write_file(old, NEW, private=True)
    assert old.stat().st_mode & 0o777 == 0o600


def test_a_link_stays_and_its_target_is_replaced(old: Path, tmp_path: Path) -> None:
    link, dangling = tmp_path / "link", tmp_path / "dangling"
    link.symlink_to("old.st")
    dangling.symlink_to("none.st")
    write_file(link, NEW)
    write_file(dangling, NEW)
    assert link.is_symlink() and dangling.is_symlink()
    assert old.read_text() == (tmp_path / "none.st").read_text() == NEW


def test_a_device_is_written_to() -> None:
    write_file(Path(os.devnull), NEW)
    assert not Path(os.devnull).is_file()
    with pytest.raises(OSError, match="No space left"):
        write_file(Path("/dev/full"), NEW)


@pytest.mark.parametrize("step", ["fdopen", "fsync", "open"])
def test_a_full_disk_leaves_the_old_file(
    step: str, old: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, step, full)
    interpreter = Interpreter(style=Style(500))
    assert f"cannot write {old}: No space left on device" in said(interpreter, NEW, f":save {old}!")
    monkeypatch.undo()
    assert old.read_text() == OLD
    assert names(old.parent) == ["old.st"]
    assert interpreter.is_unsaved


def test_a_limit_on_the_size_of_files_leaves_the_old_file(old: Path) -> None:
    code = (
        "import resource, sys\n"
        "from pathlib import Path\n"
        "from shapetrick.core.files import write_file\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "try:\n"
        "    write_file(Path(sys.argv[1]), 'x' * 2000)\n"
        "except OSError as error:\n"
        "    print(error.strerror)\n"
    )
    call = [sys.executable, "-c", code, str(old)]
    done = subprocess.run(call, capture_output=True, encoding="utf-8", check=True)
    assert done.stdout == "File too large\n"
    assert old.read_text() == OLD
    assert names(old.parent) == ["old.st"]


FORBIDDEN = """\
import os, sys, tempfile
from pathlib import Path
from shapetrick.core.files import write_file
folder = Path(tempfile.mkdtemp())
old = folder / "old.st"
old.write_text("old")
folder.chmod(0o777)
old.chmod(0o666)
(folder / sys.argv[1]).chmod(0o555)
if os.getuid() == 0:
    os.seteuid(65534)  # to root nothing is forbidden
try:
    write_file(old, "new")
except OSError as error:
    print(error.strerror, old.read_text(), [path.name for path in folder.iterdir()])
"""


@pytest.mark.skipif(os.name == "nt", reason="folders have other permissions there")
@pytest.mark.parametrize("forbidden", ["old.st", "."])
def test_what_is_read_only_stays(forbidden: str) -> None:
    call = [sys.executable, "-c", FORBIDDEN, forbidden]
    done = subprocess.run(call, capture_output=True, encoding="utf-8", check=True)
    assert done.stdout == "Permission denied old ['old.st']\n"


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    interpreter = Interpreter(style=Style(500))
    assert f"cannot write {tmp_path}: Is a directory" in said(
        interpreter, NEW, f":save {tmp_path}!"
    )


# ------------------------------------------------------------- what another program changed


def test_a_file_that_changed_since_it_was_loaded_is_not_replaced(old: Path) -> None:
    interpreter = Interpreter(style=Style(500))
    said(interpreter, f":load {old}", "Z = X'")
    old.write_text(NEW)
    assert "changed by another program" in said(interpreter, ":save")
    assert "changed by another program" in said(interpreter, f":save {old}")
    assert old.read_text() == NEW
    assert interpreter.is_unsaved
    assert "saved 2 statements" in said(interpreter, f":save {old}!")
    assert old.read_text() == f"{OLD}Z = X'\n"
    assert "saved 3 statements" in said(interpreter, "Q = Z'", ":save")
    old.unlink()
    assert "saved 3 statements" in said(interpreter, ":save")


def test_a_file_that_is_as_it_was_is_replaced(old: Path) -> None:
    interpreter = Interpreter()
    said(interpreter, f":load {old}", "Z = X'")
    old.write_text(OLD)
    assert "saved 2 statements" in said(interpreter, ":save")


def test_what_is_unsaved() -> None:
    interpreter = Interpreter()
    assert not interpreter.is_unsaved
    said(interpreter, "X : m x n")
    assert interpreter.is_unsaved
    said(interpreter, ":undo")
    assert not interpreter.is_unsaved


# ----------------------------------------------------------------------------- recovery


ENDED = f"{2**22 + 1}-1.session.json"  # no process has so high a number


def left_behind(folder: Path, unsaved: Unsaved) -> None:
    assert Recovery(folder, ENDED).keep(unsaved)


def test_a_session_is_brought_back_with_its_derivation_by_hand(tmp_path: Path) -> None:
    interpreter = Interpreter(recovery=Recovery(tmp_path, ENDED))
    said(
        interpreter,
        "X : m x n  # data",
        "Z = X X'; J = norm(tanh(Z))^2",
        ":set seed 5",
        ":derive J wrt X",
    )
    said(interpreter, ":next")
    assert interpreter.guided is not None
    assert interpreter.keep()
    again = Interpreter(recovery=Recovery(tmp_path))
    assert [left.unsaved.seed for left in again.recovery.found()] == [5]
    said(again, ":recover")
    assert again.session.state == interpreter.session.state
    assert again.guided is not None and again.guided.played == interpreter.guided.played
    assert again.is_unsaved
    assert "without saving" in said(again, ":recover")  # it is this session's own now


def test_a_recovered_session_knows_its_file(old: Path, tmp_path: Path) -> None:
    interpreter = Interpreter(recovery=Recovery(tmp_path, ENDED))
    said(interpreter, f":load {old}", "Z = X'")
    interpreter.keep()
    again = Interpreter(style=Style(500), recovery=Recovery(tmp_path))
    said(again, ":recover")
    old.write_text(NEW)
    assert "changed by another program" in said(again, ":save")
    assert "saved 2 statements" in said(again, f":save {old}!")
    again.keep()
    assert names(tmp_path) == ["old.st"]


def test_several_sessions_and_what_is_not_wanted(tmp_path: Path) -> None:
    for i in (1, 2):
        Recovery(tmp_path, f"{2**22 + i}-1.session.json").keep(Unsaved(f"x{i} : n\n"))
    interpreter = Interpreter()
    interpreter.recovery = Recovery(tmp_path)
    assert "1 older session left" in said(interpreter, ":recover drop")
    assert len(names(tmp_path)) == 1
    assert "n×1" in said(interpreter, ":recover")
    assert ":recover drop" in said(interpreter, ":recover dorp")


def test_the_session_of_a_running_process_is_its_own(tmp_path: Path) -> None:
    Recovery(tmp_path, f"{os.getppid()}-1.session.json").keep(Unsaved(OLD))
    assert Recovery(tmp_path).found() == []


def test_what_is_saved_or_taken_back_is_not_kept(tmp_path: Path) -> None:
    interpreter = Interpreter(recovery=Recovery(tmp_path))
    said(interpreter, "X : m x n")
    assert interpreter.keep() and names(tmp_path)
    said(interpreter, ":undo")
    assert interpreter.keep() and not names(tmp_path)


@pytest.mark.parametrize("text", ["", "[]", "3", "{}", '{"text": 3}', '{"text": "", "seed": "x"}'])
def test_what_is_no_session_is_not_offered(text: str, tmp_path: Path) -> None:
    (tmp_path / ENDED).write_text(text)
    assert Recovery(tmp_path).found() == []


def test_a_session_that_cannot_be_read_any_more_says_where_it_is(tmp_path: Path) -> None:
    left_behind(tmp_path, Unsaved("X : m x\n"))
    assert ENDED in said(Interpreter(style=Style(500), recovery=Recovery(tmp_path)), ":recover")
    assert names(tmp_path) == [ENDED]


def test_where_nothing_can_be_kept(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    interpreter = Interpreter(recovery=Recovery(tmp_path / "file"))
    said(interpreter, "X : m x n")
    assert not interpreter.keep()
    assert Recovery(tmp_path / "none").found() == Recovery().found() == []
