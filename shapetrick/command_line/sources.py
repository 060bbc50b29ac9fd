"""The problems that the arguments give: texts, files, standard input, and folders of files."""

from __future__ import annotations

import os
from argparse import Namespace
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING

from ..core.named_tuples import NamedTuple
from ..core.regexes import regex
from .outcome import DONE, BadInput, refused
from .progress import working

if TYPE_CHECKING:
    from pathlib import Path

    from ..api import Problem

_FUNCTION = regex(r"(?P<file>.+\.py):(?P<name>\w+)")
SUFFIXES = (".st", ".tex")  # of files that may be problems, in a folder
_OTHERS = {  # what files of other kinds are, and what to write
    ".py": "Python: a function in it is `{}:NAME`, with `--shapes` of its arguments",
    ".ipynb": "a notebook: its `%%shapetrick` cells run in Jupyter",
}


class GivenProblem(NamedTuple):
    """A problem, and the file that it is from; None for a text that was given with the call."""

    file: str | None
    problem: Problem


WorkOnSource = Callable[[GivenProblem, Counter[str]], int]  # counts, and returns the status


def several(args: Namespace) -> bool:
    """Whether there may be more than one problem, so that it has to be told which is which."""
    one_each = not any(os.path.isdir(file) or _is_collection(file) for file in args.files)
    return len(args.files) > 1 or not one_each


def each_source(args: Namespace, work: WorkOnSource) -> tuple[int, Counter[str]]:
    """Read each problem and do the work. Returns the highest status and all that was counted; a
    problem that can't be read does not keep the others from being worked on. Raises BadInput."""
    given = [(None, None)] if args.texts else _sources(args.files)
    one = partial(_worked_on, args, work)
    if args.jobs > 1 and "-" not in args.files:
        from .parallel import in_processes

        done: Iterable[tuple[int, Counter[str]]] = in_processes(args.jobs, one, [*given])
    else:
        done = (one(source) for source in given)
    status, counts = DONE, Counter[str]()
    for own, counted in done:
        status = max(status, own)
        counts += counted
    return status, counts


def _worked_on(
    args: Namespace, work: WorkOnSource, given: tuple[str | None, str | None]
) -> tuple[int, Counter[str]]:
    """The status of one source, and what was counted."""
    from ..core.errors import ShapetrickError

    file, text = given
    counts: Counter[str] = Counter()
    try:
        with working(f"reading {_shown(file) or 'the problem'}"):
            problem = _problem(file, text, args)
    except ShapetrickError as e:
        return refused(e, _shown(file)), counts
    return work(GivenProblem(_shown(file), problem), counts), counts


def _shown(file: str | None) -> str | None:
    """The name by which places are told; standard input has none."""
    function = function_of(file or "")
    return None if file == "-" else function[0] if function is not None else file


def function_of(word: str) -> tuple[str, str] | None:
    """The Python file and the function in it that `loss.py:loss` means."""
    match = _FUNCTION.fullmatch(word)
    return None if match is None else (match["file"], match["name"])


def _is_collection(file: str) -> bool:
    """Whether a file's name says that it is a collection of formulas."""
    return file.endswith(".toml")


def _sources(given: Sequence[str]) -> Iterator[tuple[str, str | None]]:
    """The files, with a text for each formula of a collection. Raises BadInput."""
    from ..core.errors import ShapetrickError

    for file in _files(given):
        if not _is_collection(file):
            yield file, None
            continue
        from ..language.formula_files import read_collection

        try:
            formulas = read_collection(file).formulas
        except ShapetrickError as e:
            raise BadInput(str(e)) from e
        yield from ((file, formula.placed) for formula in formulas)


def _files(given: Sequence[str]) -> Iterator[str]:
    """The files, and those in the folders, in the order of their names."""
    for name in given:
        yield from _within(name) if name != "-" and os.path.isdir(name) else [name]


def _within(folder: str) -> list[str]:
    """The problems in a folder. Raises BadInput."""
    from pathlib import Path

    found = sorted(str(p) for p in Path(folder).rglob("*") if _is_problem(p))
    if not found:
        raise BadInput(
            f"there is no problem in the folder {folder}: no file that ends in .st, and no "
            "marked one that ends in .tex."
        )
    return found


def _is_problem(path: Path) -> bool:
    """Whether a file of a folder is taken: LaTeX, where it is marked what is to be read."""
    if path.suffix != ".tex":
        return path.suffix == ".st"
    from ..language.latex.files import is_marked

    return path.is_file() and is_marked(path.read_text(encoding="utf-8", errors="replace"))


def _problem(file: str | None, text: str | None, args: Namespace) -> Problem:
    """The problem of a file or of a text in it, or that of the call's texts. Raises
    ShapetrickError."""
    from ..api import read
    from ..core.errors import InputError

    function, shapes = function_of(file or ""), getattr(args, "shapes", None)
    if function is not None:
        from ..tracing.files import function_in

        if shapes is None:
            raise InputError("give the shapes of its arguments: --shapes 'X: m x d; w: d'.")
        return read(function_in(*function), shapes=shapes, time_limit=args.time_limit)
    if shapes is not None:
        raise InputError("`--shapes` goes with a function in a Python file: loss.py:loss.")
    if text is None:
        text = _text(file, args)
    return read(text, strict=args.strict, time_limit=args.time_limit)


def _text(file: str | None, args: Namespace) -> str:
    """What a file says, or the texts of the call. Raises ShapetrickError."""
    from ..core.errors import InputError
    from ..language.source import checked_text, read_text

    if file is None:
        return checked_text("\n".join(args.texts), "the text of -e")
    other = next((what for suffix, what in _OTHERS.items() if file.endswith(suffix)), None)
    if other is not None:
        raise InputError(f"it is {other.format(file)}.")
    text = read_text(file)
    if file.endswith(".tex"):
        from ..language.latex.files import marked

        text = marked(text)
    return text
