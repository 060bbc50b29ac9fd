"""The command line: arguments in, derivations out, and an exit status that says how it went.

0: all verified; 1: something is wrong, unverified or not derivable; 2: the input isn't understood;
70 and 74: a fault of our own, and a stream that can't be written.
The engine is imported where a command needs it, so that `--help` answers at once.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from io import StringIO, TextIOWrapper
from pathlib import Path
from traceback import walk_tb
from typing import TYPE_CHECKING, Any

from .core.deadline import SECONDS, limited, seconds_of

if TYPE_CHECKING:
    from .api import Derivation, Problem
    from .core.errors import ShapetrickError

DERIVED, WRONG, BAD_INPUT = 0, 1, 2
OUR_FAULT, IO_FAILED = 70, 74  # as sysexits.h has them
INTERRUPTED, PIPE_CLOSED = 130, 141  # as shells report these signals

_EXAMPLES = """\
examples:
  shapetrick derive examples/mlp.st
  shapetrick derive -e 'X: m x d; w: d; y: m; J = norm(X w - y)^2 / (2 m); grad J wrt w'
  echo "grad (x' A x) wrt x" | shapetrick derive - --steps
  shapetrick derive examples/mlp.st --wrt W1 --format json

exit status: 0 all verified, 1 something is wrong or unverified, 2 the input isn't understood,
70 a fault of shapetrick, 74 the output can't be written
"""

_TARGETS = ("numpy", "jax", "torch", "torch-function", "jax-vjp")
_NOTHING_ASKED = "nothing is asked for: end with a request such as `grad J wrt X`."


class _BadInput(Exception):
    """What a person has to change in the call or the file."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command. Returns the exit status."""
    if sys.stderr is None:  # closed: the status alone tells then
        sys.stderr = StringIO()
    if sys.stdout is None:
        return _complain("standard output is closed: there is nowhere to write to.", IO_FAILED)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # a letter that it lacks is no reason to stop
            stream.reconfigure(errors="backslashreplace")
    try:
        try:
            return _run(sys.argv[1:] if argv is None else argv)
        finally:
            sys.stdout.flush()  # what fails is told here, and not when Python ends
    except _BadInput as e:
        return _complain(str(e))
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:  # the reader went away: nothing is left to say
        _discard_output()
        return PIPE_CLOSED
    except OSError as e:
        _discard_output()
        return _complain(f"cannot write the output: {e.strerror or e}.", IO_FAILED)
    except MemoryError:
        return _complain("there is not enough memory on this machine: ask for less.", WRONG)
    except Exception as fault:
        return _complain(_confession(fault), OUR_FAULT)


def _run(given: Sequence[str]) -> int:
    terminals = sys.stdin is not None and sys.stdin.isatty() and sys.stdout.isatty()
    args = _parser().parse_args(given or (["repl"] if terminals else []))
    return int(args.run(args))


def _discard_output() -> None:
    """Python writes what it still has when it ends: that must not fail again."""
    with suppress(OSError, ValueError):  # a stream without a file
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _confession(fault: Exception) -> str:
    """One line on an exception that nobody foresaw, with what a report needs."""
    from importlib.metadata import version

    frame, line = list(walk_tb(fault.__traceback__))[-1]
    what = " ".join(f"{type(fault).__name__}: {fault}".split())
    place = f"{Path(frame.f_code.co_filename).name}, line {line}"
    return (
        f"this is a fault of shapetrick {version('shapetrick')}, not of the problem: {what} "
        f"({place}). Please report this line together with the problem and the command."
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="shapetrick",
        usage="%(prog)s [-h] [--version] COMMAND ...",
        description="Matrix gradients as on paper: scalar chain rule, shapes, and a numeric check.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action=_Version)
    commands = parser.add_subparsers(
        title="commands",
        prog="shapetrick",
        metavar="COMMAND ...",  # as wide as the widest name, so that all helps stand in one column
        required=True,
    )
    derive = commands.add_parser(
        "derive",
        help="derive the gradients that a problem asks for",
        description="Derive the gradients that a problem asks for, and check them.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    source = derive.add_mutually_exclusive_group(required=True)
    source.add_argument("file", nargs="?", metavar="FILE", help="a problem; - is standard input")
    source.add_argument(
        "-e", dest="texts", action="append", metavar="TEXT", help="a problem's text"
    )
    derive.add_argument("--wrt", metavar="NAME,…", help="only the gradients by these names")
    depth = derive.add_mutually_exclusive_group()
    depth.add_argument("--steps", action="store_true", help="also what was rejected, and why")
    depth.add_argument("--quiet", action="store_true", help="the gradients alone")
    derive.add_argument(
        "--format",
        choices=["text", "json", *_DOCUMENTS],
        default="text",
        help="text (the default), json, latex, markdown, or html: a report with pictures",
    )
    derive.add_argument(
        "--standalone", action="store_true", help="with latex: a document that compiles by itself"
    )
    derive.add_argument(
        "--sizes",
        metavar="m=128,n[0]=784,n=100,L=4",
        help="of families: the bytes that are kept, and the operations",
    )
    derive.add_argument(
        "--seed", type=_seed, default=0, metavar="N", help="of the random draws (default: 0)"
    )
    _add_reading(derive)
    derive.set_defaults(run=_derive)
    _add_check(commands)
    _add_code(commands)
    repl = commands.add_parser(
        "repl",
        help="derive interactively, step by step",
        description="A session: type a problem line by line, derive by hand, practise.",
    )
    repl.add_argument("file", nargs="?", metavar="FILE", help="a problem to begin with")
    _add_time_limit(repl)
    repl.set_defaults(run=_repl)
    functions = commands.add_parser(
        "functions",
        help="list the operation table",
        description="List the functions and operators, each with its scalar derivative.",
    )
    functions.set_defaults(run=_functions)
    simplify = commands.add_parser(
        "simplify",
        help="write an expression in its shortest form",
        description="Write an expression in its shortest form: `A inv(A) B` is `B`.",
    )
    simplify.add_argument("expression", metavar="EXPRESSION", help="an expression, `x' x x`")
    simplify.add_argument(
        "--given", metavar="TEXT", default="", help="declarations and definitions: `A : n x n`"
    )
    simplify.set_defaults(run=_simplify)
    return parser


def _add_check(commands: Any) -> None:
    check = commands.add_parser(
        "check",
        help="check the gradients that a problem claims",
        description="Check claims such as `check grad J wrt w = X' (X w - y) / m`: which are "
        "right, and what mends the others.",
        epilog="exit status: 0 all are right, 1 some are not, 2 the input isn't understood",
    )
    source = check.add_mutually_exclusive_group(required=True)
    source.add_argument("file", nargs="?", metavar="FILE", help="a problem; - is standard input")
    source.add_argument(
        "-e", dest="texts", action="append", metavar="TEXT", help="a problem's text"
    )
    check.add_argument(
        "--plot", action="store_true", help="also the error against the step of the differences"
    )
    check.add_argument("--format", choices=["text", "json"], default="text", help="(default: text)")
    check.add_argument(
        "--seed", type=_seed, default=0, metavar="N", help="of the random draws (default: 0)"
    )
    _add_reading(check)
    check.set_defaults(run=_check)


def _add_code(commands: Any) -> None:
    code = commands.add_parser(
        "code",
        help="write the gradients as code",
        description="Write a module that computes the values and all gradients together.",
        epilog="exit status: 0 all are verified, 1 some are not, 2 the input isn't understood",
    )
    source = code.add_mutually_exclusive_group(required=True)
    source.add_argument("file", nargs="?", metavar="FILE", help="a problem; - is standard input")
    source.add_argument(
        "-e", dest="texts", action="append", metavar="TEXT", help="a problem's text"
    )
    code.add_argument("--target", choices=_TARGETS, default=_TARGETS[0], help="(default: numpy)")
    code.add_argument(
        "--self-test", action="store_true", help="with a check: run as a script, it tests itself"
    )
    code.add_argument(
        "--blocks", action="store_true", help="take rows in blocks that stay in the cache (numpy)"
    )
    code.add_argument(
        "--sizes",
        type=_sizes,
        default={},
        metavar="m=128,…",
        help="of dimensions, for which products are ordered (default: all equal)",
    )
    code.add_argument(
        "--seed", type=_seed, default=0, metavar="N", help="of the random draws (default: 0)"
    )
    _add_reading(code)
    code.set_defaults(run=_code)


def _add_reading(command: argparse.ArgumentParser) -> None:
    """The options of every command that reads a problem."""
    command.add_argument(
        "--strict", action="store_true", help="refuse undeclared names, and names that don't occur"
    )
    _add_time_limit(command)


def _add_time_limit(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--time-limit",
        type=_seconds,
        default=SECONDS,
        metavar="SECONDS",
        help=f"for reading, and for each request; none: no limit (default: {SECONDS:g})",
    )


def _seconds(text: str) -> float | None:
    from .core.errors import InputError

    try:
        return seconds_of(text)
    except InputError as e:
        raise argparse.ArgumentTypeError(e.message) from None


def _sizes(text: str) -> dict[str, int]:
    """`m=128,d=10` as a dictionary."""
    sizes = {}
    for part in text.split(","):
        name, _, size = (word.strip() for word in part.partition("="))
        if not name or not size.isdecimal() or not int(size):
            raise argparse.ArgumentTypeError(f"sizes are written m=128,d=10, not {text!r}")
        sizes[name] = int(size)
    return sizes


class _Version(argparse.Action):
    """Looks the version up only when asked."""

    def __init__(self, option_strings: Sequence[str], dest: str, **_: object) -> None:
        super().__init__(option_strings, dest, nargs=0, help="show the version and exit")

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from importlib.metadata import version

        print(f"shapetrick {version('shapetrick')}")
        parser.exit()


def _seed(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"a seed is a whole number from 0 on, not {text!r}")
    return int(text)


# ---------------------------------------------------------------------------------- the commands


def _repl(args: argparse.Namespace) -> int:
    from .core.errors import ShapetrickError
    from .repl import run

    if sys.stdin is None:
        raise _BadInput("standard input is closed: there is nothing to read from.")
    try:
        return run(args.file, time_limit=args.time_limit)
    except ShapetrickError as e:
        return _refused(e)


def _functions(args: argparse.Namespace) -> int:
    from .render.function_table import operation_lines

    for line in operation_lines():
        print(line)
    return DERIVED


def _simplify(args: argparse.Namespace) -> int:
    from .api import simplify
    from .core.errors import ShapetrickError

    try:
        print(simplify(args.expression, args.given))
    except ShapetrickError as e:
        return _refused(e)
    return DERIVED


def _check(args: argparse.Namespace) -> int:
    problem = _problem(args)
    claimed = any(request.claim is not None for request in problem.data.requests)
    if not claimed and not problem.data.equalities:
        raise _BadInput("nothing is claimed: end with a claim, `check grad J wrt X = …`.")
    from .core.errors import ShapetrickError
    from .render import terminal as render

    target = render.terminal()
    style = render.Style(render.width_of(target))
    status, shown = DERIVED, False
    for request in problem.data.requests:
        if request.claim is None:
            continue
        one = replace(problem, data=replace(problem.data, requests=(request,)))
        try:
            found = one.check(seed=args.seed, time_limit=args.time_limit)[0]
            if args.format == "json":
                print(json.dumps(found.to_dict(), ensure_ascii=False, allow_nan=False), flush=True)
            else:
                curve = found.curve if args.plot else None
                rows = render.judgement_rows(found.judgement, style, curve)
                first = [*render.problem_rows(problem.data, style)] if not shown else [[]]
                render.show([*first, *rows], target)
                shown = True
        except ShapetrickError as e:  # the other claims are still judged
            status = max(status, _refused(e))
            continue
        status = max(status, DERIVED if found.right else WRONG)
    for equality in problem.data.equalities:
        one = replace(problem, data=replace(problem.data, equalities=(equality,)))
        try:
            (judged,) = one.check_equalities(seed=args.seed, time_limit=args.time_limit)
        except ShapetrickError as e:
            status = max(status, _refused(e))
            continue
        if args.format == "json":
            print(json.dumps(judged.to_dict(), ensure_ascii=False, allow_nan=False), flush=True)
        else:
            first = [*render.problem_rows(problem.data, style)] if not shown else [[]]
            render.show([*first, *render.equality_rows(judged.judgement, style)], target)
            shown = True
        status = max(status, DERIVED if judged.right else WRONG)
    return status


def _code(args: argparse.Namespace) -> int:
    problem = _problem(args)
    from .codegen.python.export import code
    from .core.errors import ShapetrickError

    if not problem.data.requests:
        raise _BadInput(_NOTHING_ASKED)
    try:
        derived = problem.derive(args.seed, time_limit=args.time_limit)
        results = [d.result for d in derived]
        given = args.target, args.sizes, args.self_test, args.blocks
        print(limited(args.time_limit, lambda: code(problem.data, results, *given)), end="")
    except ShapetrickError as e:
        return _refused(e)
    return DERIVED if all(d.verified for d in derived) else WRONG


def _problem(args: argparse.Namespace) -> Problem:
    """The problem that the arguments give. Raises _BadInput."""
    from .api import read
    from .core.errors import ShapetrickError
    from .language.source import checked_text, read_text

    try:
        given = args.texts and checked_text("\n".join(args.texts), "the text of -e")
        text = given or read_text(args.file)
        if (args.file or "").endswith(".tex"):
            from .language.tex_files import marked

            text = marked(text)
        return read(text, strict=args.strict, time_limit=args.time_limit)
    except ShapetrickError as e:
        raise _BadInput(str(e)) from e


def _derive(args: argparse.Namespace) -> int:
    if args.standalone and args.format != "latex":
        raise _BadInput("`--standalone` goes with `--format latex`.")
    problem = _problem(args)
    from .core.errors import InputError, ShapetrickError

    requests, warn = _requests(problem, args.wrt), _warner()
    derived: list[Derivation] = []
    try:
        show = _SHOWN[args.format](problem, args) if args.format in _SHOWN else derived.append
    except InputError as e:
        raise _BadInput(str(e)) from e
    status = DERIVED
    for request in requests:

        def answer(request: Problem = request) -> Derivation:
            derivation = request.derive(seed=args.seed, time_limit=None)[0]
            if args.quiet:
                warn(derivation.warnings)
            show(derivation)
            return derivation

        try:
            derivation = limited(args.time_limit, answer)
        except ShapetrickError as e:  # the other requests are still answered
            status = max(status, _refused(e))
            continue
        status = max(status, DERIVED if derivation.verified else WRONG)
    if derived:
        document = _DOCUMENTS[args.format]
        try:
            print(limited(args.time_limit, lambda: document(problem, derived, args)))
        except ShapetrickError as e:
            return max(status, _refused(e))
    return status


def _warner() -> Callable[[Iterable[str]], None]:
    """What says each warning once, where nothing else says it."""
    said: set[str] = set()

    def warn(warnings: Iterable[str]) -> None:
        for warning in warnings:
            if warning not in said:
                said.add(warning)
                print(f"shapetrick: warning: {warning}", file=sys.stderr)

    return warn


def _requests(problem: Problem, wrt: str | None) -> list[Problem]:
    """The problem once for each request that is wanted."""
    data = problem.data
    if not data.requests:
        raise _BadInput(_NOTHING_ASKED)
    if wrt is not None:
        from .core.errors import RequestError

        try:
            data = problem.only(wrt).data
        except RequestError as e:
            raise _BadInput(str(e)) from e
    return [replace(problem, data=replace(data, requests=(r,))) for r in data.requests]


def _text(problem: Problem, args: argparse.Namespace) -> Callable[[Derivation], None]:
    from .render import terminal as render

    target = render.terminal()
    style = render.Style(render.width_of(target), args.steps, args.quiet)
    first, sizes = True, _account_sizes(args)

    def show(d: Derivation) -> None:
        nonlocal first
        result = replace(d.result, steps=() if args.quiet else d.steps)
        rows = render.result_rows(result, style, problem.data.definitions)
        if not args.quiet:
            rows = [*(render.problem_rows(problem.data, style) if first else [[]]), *rows]
        if sizes is not None:
            rows += [[], *render.account_rows(d.account(sizes), style)]
        render.show(rows, target)
        first = False

    return show


def _json(_: Problem, args: argparse.Namespace) -> Callable[[Derivation], None]:
    from .interop.json_export import account_data

    sizes = _account_sizes(args)

    def show(d: Derivation) -> None:
        data = d.to_dict()
        if sizes is not None:
            data["cache"] = account_data(d.account(sizes))
        print(json.dumps(data, ensure_ascii=False, allow_nan=False), flush=True)

    return show


def _account_sizes(args: argparse.Namespace) -> Mapping[str, int] | None:
    """The sizes at which families are accounted for, if any are given."""
    if not args.sizes:
        return None
    from .families.saved_values import sizes_of

    return sizes_of(args.sizes)


_SHOWN = {"text": _text, "json": _json}  # one after the other; the others are a document


def _article(problem: Problem, derived: Sequence[Derivation], args: argparse.Namespace) -> str:
    from .render import article
    from .render.document import ANSWER, LINES, STEPS

    results = [replace(d.result, steps=() if args.quiet else d.steps) for d in derived]
    detail = ANSWER if args.quiet else STEPS if args.steps else LINES
    parts = [*article.derivation_parts(results, problem.data, detail)]
    if not args.quiet:
        parts = [*article.problem_parts(problem.data), *parts]
    if args.format == "markdown":
        return article.markdown(parts)
    return article.document(parts) if args.standalone else article.latex(parts)


def _report(_: Problem, derived: Sequence[Derivation], __: argparse.Namespace) -> str:
    from .api import html_page

    return html_page(derived)


_DOCUMENTS = {"latex": _article, "markdown": _article, "html": _report}


def _refused(error: ShapetrickError) -> int:
    """Say why there is no answer; the status that tells the kind."""
    from .core.errors import InputError

    return _complain(str(error), BAD_INPUT if isinstance(error, InputError) else WRONG)


def _complain(message: str, status: int = BAD_INPUT) -> int:
    with suppress(OSError):  # who closed the stream for errors is told by the status alone
        if status not in (IO_FAILED, OUR_FAULT):
            sys.stdout.flush()
        print(f"shapetrick: {message}" if "\n" not in message else message, file=sys.stderr)
    return status
