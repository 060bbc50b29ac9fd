"""The command line: arguments in, derivations out, and an exit status that says how it went.

0: all verified; 1: something is wrong, unverified or not derivable; 2: the input isn't understood;
70 and 74: a fault of our own, and a stream that can't be written.
The engine is imported where a command needs it, so that `--help` answers at once.
"""

from __future__ import annotations

import gc
import os
import sys
from argparse import Namespace
from collections.abc import Sequence
from contextlib import redirect_stdout, suppress
from importlib import import_module
from io import StringIO, TextIOWrapper
from typing import Any, NoReturn

from .command_line.arguments import arguments
from .command_line.outcome import (
    BAD_INPUT,
    INTERRUPTED,
    IO_FAILED,
    OUR_FAULT,
    PIPE_CLOSED,
    WRONG,
    BadInput,
    OurFault,
    complain,
    confession,
)

RARELY = 50_000  # objects that are made before garbage is looked for


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command. Returns the exit status."""
    if sys.stderr is None:  # closed: the status alone tells then
        sys.stderr = StringIO()
    if sys.stdout is None:
        return complain("standard output is closed: there is nowhere to write to.", IO_FAILED)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # a letter that it lacks is no reason to stop
            stream.reconfigure(errors="backslashreplace")
    try:
        try:
            return _run(sys.argv[1:] if argv is None else argv)
        finally:
            sys.stdout.flush()  # what fails is told here, and not when Python ends
    except BadInput as e:
        return complain(str(e))
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:  # the reader went away: nothing is left to say
        _discard_output()
        return PIPE_CLOSED
    except OSError as e:
        _discard_output()
        return complain(f"cannot write the output: {e.strerror or e}.", IO_FAILED)
    except MemoryError:
        return complain("there is not enough memory on this machine: ask for less.", WRONG)
    except OurFault as e:
        return complain(str(e), OUR_FAULT)
    except Exception as fault:
        return complain(confession(fault), OUR_FAULT)


def run() -> NoReturn:
    """The process `shapetrick`, which ends when all is said: for Python to take apart what it has
    loaded is a twentieth of a short command's time, and another to look for garbage as often as in
    one that stays."""
    gc.set_threshold(RARELY)
    status = main()
    with suppress(OSError, ValueError):  # closed: the status tells
        sys.stderr.flush()
    os._exit(status)


def _run(given: Sequence[str]) -> int:
    terminals = sys.stdin is not None and sys.stdin.isatty() and sys.stdout.isatty()
    args = arguments(given or (["repl"] if terminals else []))
    if getattr(args, "verbose", 0):
        from .command_line.progress import show_log

        show_log(args.verbose)
    if getattr(args, "output", None) is not None:
        return _written(args)
    return _command(args)


def _command(args: Namespace) -> int:
    name = f"{__package__}.command_line.{args.module}"
    return int((sys.modules.get(name) or _imported(name)).run(args))


def _imported(name: str) -> Any:
    """The module, imported out of the garbage collector's sight: what is imported stays, and to
    look through it again and again takes a tenth of a short command's time."""
    collected = gc.isenabled()
    gc.disable()
    try:
        return import_module(name)
    finally:
        gc.freeze()
        if collected:
            gc.enable()


def _written(args: Namespace) -> int:
    """Run the command, and put what it says in the place of the file, at once."""
    from pathlib import Path

    from .core.files import write_file

    target, said = Path(args.output), StringIO()
    for name in getattr(args, "files", ()):
        if target.exists() and Path(name).exists() and target.samefile(name):
            raise BadInput(f"`-o {args.output}` would replace what is read: name another file.")
    with redirect_stdout(said):
        status = _command(args)
    if said.getvalue() or status < BAD_INPUT:
        try:
            write_file(target, said.getvalue())
        except OSError as e:
            return complain(f"cannot write {args.output}: {e.strerror or e}.", IO_FAILED)
    return status


def _discard_output() -> None:
    """Python writes what it still has when it ends: that must not fail again."""
    with suppress(OSError, ValueError):  # a stream without a file
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
