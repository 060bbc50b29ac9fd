"""The arguments of every command: their names, helps and examples, and what is said of a slip."""

from __future__ import annotations

import argparse
import os
import re
import shlex
import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from itertools import pairwise
from typing import Any, NoReturn

from ..core.deadline import SECONDS, seconds_of
from ..core.named_tuples import NamedTuple
from ..core.regexes import regex
from ..core.version import VERSION
from ..targets import TARGETS
from .outcome import likely
from .sources import SUFFIXES, function_of

MOST_JOBS = 256
LONGEST_NAME = 255  # bytes that a file's name has at most
_BEHIND_E = "; a problem itself stands behind -e"
FORMATS = ("text", "json", "latex", "markdown", "html")
CLAIM_FORMATS = ("text", "json", "latex", "markdown", "html", "github")
SHELLS = ("bash", "zsh", "fish")
COLOURS = ("auto", "always", "never")

_EXAMPLES = """\
examples:
  shapetrick derive examples/mlp.st
  shapetrick derive -e 'X: m x d; w: d; y: m; J = norm(X w - y)^2 / (2 m); grad J wrt w'
  echo "grad (x' A x) wrt x" | shapetrick derive - --steps
  shapetrick derive examples/mlp.st --wrt W1 --format json
  shapetrick derive examples/mlp.st --format html -o mlp.html

`shapetrick examples --copy .` puts the folder examples/ here; `shapetrick FILE` derives it.

exit status: 0 all verified, 1 something is wrong or unverified, 2 the input isn't understood,
70 a fault of shapetrick, 74 the output can't be written
"""
_CHECK_EXAMPLES = """\
examples:
  shapetrick check examples/claims.st
  shapetrick check -e "x: n; A: n x n; q = x' A x; check grad q wrt x = 2 A x"
  shapetrick check examples/claims.st --format github

exit status: 0 all are right, 1 some are not, 2 the input isn't understood
"""
_CODE_EXAMPLES = """\
examples:
  shapetrick code examples/mlp.st --self-test -o mlp_gradients.py
  shapetrick code examples/softmax_regression.st --target jax

exit status: 0 all are verified, 1 some are not, 2 the input isn't understood
"""
_REPL_EXAMPLES = """\
examples:
  shapetrick repl examples/linear_regression.st
  printf 'X: m x d; w: d; J = norm(X w)^2; grad J wrt w' | shapetrick repl
"""
_FUNCTIONS_EXAMPLES = """\
examples:
  shapetrick functions
  shapetrick functions softmax
"""
_SIMPLIFY_EXAMPLES = """\
examples:
  shapetrick simplify "A inv(A) B" --given "A, B : n x n"
"""
_HANDOUT_EXAMPLES = """\
examples:
  shapetrick handout my_questions.toml -o handout.html
  shapetrick handout my_questions.toml --format latex -o handout.tex

a question in the file, its level from 1 to 5, the hint if you like:
  [[question]]
  topic = "quadratic"
  level = 1
  given = "A : n x n; x : n; J = x' A x"
  ask = "grad J wrt x"
  hint = "x stands twice: one term for each"
"""
_COMPLETION_EXAMPLES = """\
examples:
  eval "$(shapetrick completion bash)"           in ~/.bashrc
  eval "$(shapetrick completion zsh)"            in ~/.zshrc, after compinit
  shapetrick completion fish | source            in ~/.config/fish/config.fish
"""
_SHIPPED_EXAMPLES = """\
examples:
  shapetrick examples
  shapetrick examples mlp.st
  shapetrick examples --copy .
"""
_SERVE_EXAMPLES = """\
examples:
  shapetrick serve
  shapetrick serve --port 8000 --no-browser
"""
_SITE_EXAMPLES = """\
examples:
  npm pack pyodide@0.27.7 && tar -xzf pyodide-0.27.7.tgz
  shapetrick site public --pyodide package
"""


_CHOICE = regex(r"invalid choice: '(?P<word>.*)' \(choose from (?P<known>.*)\)")


class Parser(argparse.ArgumentParser):
    """Refuses a slip with the word that was likely meant."""

    @property
    def options(self) -> dict[str, bool]:
        """Their names, short and long, and whether each takes a value."""
        return {option: a.nargs != 0 for a in self._actions for option in a.option_strings}

    def error(self, message: str) -> NoReturn:
        if choice := _CHOICE.search(message):
            message += likely(choice["word"], re.findall(r"[\w-]+", choice["known"]))
        super().error(message)

    def _print_message(self, message: str, file: Any = None) -> None:
        """As argparse, which says nothing of a full disk."""
        if message and file is not None:
            file.write(message)


class _Help(argparse.RawDescriptionHelpFormatter):
    """As wide as the terminal. argparse would import shutil for that, with all compressors."""

    def __init__(self, prog: str) -> None:
        told, columns = os.environ.get("COLUMNS", ""), 0
        with suppress(OSError, ValueError, AttributeError):  # no terminal, no stream
            stdout: Any = sys.__stdout__
            columns = int(told) if told.isdecimal() else 0
            columns = columns or os.get_terminal_size(stdout.fileno()).columns
        super().__init__(prog, width=(columns or 80) - 2)

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        """Examples stand as they are written; a description of one line is broken."""
        if "\n" in text:
            return super()._fill_text(text, width, indent)
        return argparse.HelpFormatter._fill_text(self, text, width, indent)


def arguments(given: Sequence[str]) -> argparse.Namespace:
    """What is asked for. Exits with a message and status 2 if it isn't understood."""
    parser, commands = _parser(given[:1])
    words = list(given)
    if words[:1] == ["help"]:
        words = [*words[1:2], "--help"]
    if words and words[0] not in commands.choices and not _begins_one(words[0], parser.options):
        if not words[0].startswith("-") and not _is_file(words[0]):
            known = (*commands.choices, *parser.options)
            meant = _BEHIND_E if _is_text(words[0]) else likely(words[0], known)
            parser.error(f"there is no command {words[0]!r}, and no such file{meant}")
        words = _command_first(words, commands.choices)
    args, unknown = parser.parse_known_args(words)
    command = commands.choices[words[0]] if words and words[0] in commands.choices else parser
    if unknown:
        options = [*command.options, *(() if words[0] in given else parser.options)]
        advice = (likely(word, options) for word in unknown if word.startswith("--"))
        command.error(f"unrecognized arguments: {' '.join(unknown)}{''.join(advice)}")
    texts = getattr(args, "texts", None) or []
    args.call = " ".join(["shapetrick", *("…" if w in texts else shlex.quote(w) for w in words)])
    if hasattr(args, "texts") and bool(args.texts) == bool(args.files):
        command.error(
            "either files or texts (-e) are wanted" + (", not both" if args.files else "")
        )
    return args


def _begins_one(word: str, options: Iterable[str]) -> bool:
    return word != "-" and any(option.startswith(word) for option in options)


def _command_first(words: list[str], commands: Mapping[str, Parser]) -> list[str]:
    """The words with the command in front, which may stand behind options; else `derive`."""
    takes_value = commands["derive"].options
    for i, (before, word) in enumerate(pairwise(words), 1):
        if word in commands and not takes_value.get(before) and not os.path.exists(word):
            return [word, *words[:i], *words[i + 1 :]]
    return ["derive", *words]


def _is_file(word: str) -> bool:
    return word.endswith(SUFFIXES) or os.path.exists(word) or function_of(word) is not None


def _is_text(word: str) -> bool:
    """Whether a word is not the name of a file, but a problem."""
    is_odd = len(word) > LONGEST_NAME or bool(re.search(r"[\s'^=|*()]", word))
    return is_odd and not os.path.exists(word)


def parsers() -> tuple[argparse.ArgumentParser, dict[str, argparse.ArgumentParser]]:
    """The parser of the whole command line, and those of its commands by name: what completions and
    the manual page are made from."""
    top, commands = _parser()
    return top, dict(commands.choices)


def _parser(asked: Sequence[str] = ()) -> tuple[Parser, Any]:
    """The parser of the whole, with those of its commands: if one is asked for, that one alone."""
    top = Parser(
        prog="shapetrick",
        usage="%(prog)s [-h] [-V] COMMAND ...",
        description="Matrix gradients as on paper: scalar chain rule, shapes, and a numeric check.",
        epilog=_EXAMPLES,
        formatter_class=_Help,
    )
    top.add_argument("-V", "--version", action=_Version)
    commands = top.add_subparsers(
        title="commands",
        prog="shapetrick",
        metavar="COMMAND ARG ...",  # as wide as the widest name: all helps in one column
        required=True,
    )
    for row in [row for row in _COMMANDS if row.name in asked] or _COMMANDS:
        command = commands.add_parser(
            row.name,
            help=row.summary,
            description=row.description,
            epilog=row.epilog,
            formatter_class=_Help,
        )
        command.set_defaults(module=row.module)
        for given in row.arguments:
            group = given if isinstance(given, list) else [given]
            place = command.add_mutually_exclusive_group() if len(group) > 1 else command
            for names, options in group:
                place.add_argument(*names, **options)
    return top, commands


def _file(word: str) -> str:
    if _is_text(word):
        raise argparse.ArgumentTypeError(f"there is no such file{_BEHIND_E}")
    return word


def _seconds(text: str) -> float | None:
    from ..core.errors import InputError

    try:
        return seconds_of(text)
    except InputError as e:
        raise argparse.ArgumentTypeError(e.message) from None


def _sizes(text: str) -> dict[str, int]:
    """`m=128,n[0]=784` as a dictionary."""
    sizes = {}
    for part in text.split(","):
        name, _, size = part.partition("=")
        if not name.strip() or not re.fullmatch(r"\s*[1-9]\d*\s*", size):
            raise argparse.ArgumentTypeError(f"`{part.strip()}` is no size: write m=128,n[0]=784")
        sizes[re.sub(r"\s", "", name)] = int(size)
    return sizes


class _Version(argparse.Action):
    """Tells the version."""

    def __init__(self, option_strings: Sequence[str], dest: str, **_: object) -> None:
        super().__init__(option_strings, dest, nargs=0, help="show the version and exit")

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        sys.stdout.write(f"shapetrick {VERSION}\n")
        parser.exit()


def _seed(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"a seed is a whole number from 0 on, not {text!r}")
    return int(text)


def _jobs(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= MOST_JOBS:
        raise argparse.ArgumentTypeError(f"a number from 1 to {MOST_JOBS}, not {text!r}")
    return int(text)


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65_535:
        raise argparse.ArgumentTypeError(f"a port is a number up to 65535, not {text!r}")
    return int(text)


# ------------------------------------------------------------------------------------ the commands


class _Argument(NamedTuple):
    names: tuple[str, ...]
    options: Mapping[str, Any]


class _Command(NamedTuple):
    """A command, which the module beside this one runs; arguments in a list exclude each other."""

    name: str
    module: str
    summary: str
    description: str
    epilog: str
    arguments: Sequence[_Argument | list[_Argument]]


def _arg(*names: str, **options: Any) -> _Argument:
    return _Argument(names, options)


def _flag(*names: str, help: str) -> _Argument:
    return _Argument(names, {"action": "store_true", "help": help})


_OUTPUT = _arg("-o", "--output", metavar="FILE", help="write to this file, at once")
_SHAPES = _arg(
    "--shapes",
    metavar="'X: m x d; …'",
    help="of the arguments of a Python function, which is given as FILE: loss.py:loss",
)
_TIME_LIMIT = _arg(
    "--time-limit",
    type=_seconds,
    default=SECONDS,
    metavar="SECONDS",
    help=f"for reading, and for each request; none: no limit (default: {SECONDS:g})",
)
_READING = (  # of every command that reads problems
    _arg(
        "files",
        nargs="*",
        type=_file,
        metavar="FILE",
        help="problems, or folders of them; - is standard input",
    ),
    _arg("-e", dest="texts", action="append", metavar="TEXT", help="a problem's text"),
    _OUTPUT,
    _arg(
        "-v",
        "--verbose",
        action="count",
        default=0,
        help="say what is being done, on standard error; -vv: also what the search finds",
    ),
    _arg("-j", "--jobs", type=_jobs, default=1, metavar="N", help="problems at once (default: 1)"),
    _arg("--color", choices=COLOURS, default="auto", help="(default: auto)"),
    _flag("--strict", help="refuse undeclared names, and names that don't occur"),
    _arg("--seed", type=_seed, default=0, metavar="N", help="of the random draws (default: 0)"),
    _TIME_LIMIT,
)
_COMMANDS = (
    _Command(
        "derive",
        "derivations",
        "derive the gradients that a problem asks for",
        "Derive the gradients that a problem asks for, and check them.",
        _EXAMPLES,
        (
            _SHAPES,
            _arg("--wrt", metavar="NAME,…", help="only the gradients by these names"),
            [
                _flag("--steps", help="also what was rejected, and why"),
                _flag("-q", "--quiet", help="the gradients alone"),
            ],
            _flag("--separate", help="tell each derivation alone, with all its steps"),
            _arg(
                "--format",
                choices=FORMATS,
                default="text",
                help="text (the default), json, latex, markdown, or html: a report with pictures",
            ),
            _flag("--standalone", help="with latex: a document that compiles by itself"),
            _arg(
                "--sizes",
                type=_sizes,
                metavar="m=128,n[0]=784,n=100,L=4",
                help="of families: the bytes that are kept, and the operations",
            ),
            *_READING,
        ),
    ),
    _Command(
        "check",
        "verdicts",
        "check the gradients that a problem claims",
        "Check claims such as `check grad J wrt w = X' (X w - y) / m`: which are right, and what "
        "mends the others.",
        _CHECK_EXAMPLES,
        (
            _flag("--plot", help="also the error against the step of the differences"),
            _flag("-q", "--quiet", help="a line for each, and the summary"),
            _arg("--format", choices=CLAIM_FORMATS, default="text", help="(default: text)"),
            *_READING,
        ),
    ),
    _Command(
        "code",
        "modules",
        "write the gradients as code",
        "Write a module that computes the values and all gradients together.",
        _CODE_EXAMPLES,
        (
            _SHAPES,
            _arg("--target", choices=TARGETS, default=TARGETS[0], help="(default: numpy)"),
            _flag("--self-test", help="with a check: run as a script, it tests itself"),
            _flag("--blocks", help="take rows in blocks that stay in the cache (numpy)"),
            _arg(
                "--threads",
                type=_jobs,
                default=0,
                metavar="N",
                help="blocks of rows in threads (numpy)",
            ),
            _arg(
                "--shard",
                default="",
                metavar="m",
                help="share the rows of this dimension among devices (jax)",
            ),
            _arg(
                "--sizes",
                type=_sizes,
                default={},
                metavar="m=128,…",
                help="of dimensions, for which products are ordered (default: all equal)",
            ),
            *_READING,
        ),
    ),
    _Command(
        "repl",
        "sessions",
        "derive interactively, step by step",
        "A session: type a problem line by line, derive by hand, practise.",
        _REPL_EXAMPLES,
        (_arg("file", nargs="?", metavar="FILE", help="a problem to begin with"), _TIME_LIMIT),
    ),
    _Command(
        "functions",
        "function_list",
        "list the operation table",
        "List the functions and operators, each with its scalar derivative; or tell of some: the "
        "law of its units, the rule that the search finds, and an example.",
        _FUNCTIONS_EXAMPLES,
        (_arg("names", nargs="*", metavar="NAME", help="tell of these"),),
    ),
    _Command(
        "simplify",
        "simple_forms",
        "write an expression in its shortest form",
        "Write an expression in its shortest form: `A inv(A) B` is `B`.",
        _SIMPLIFY_EXAMPLES,
        (
            _arg("expression", metavar="EXPRESSION", help="an expression: `x' x x`"),
            _arg(
                "--given",
                metavar="TEXT",
                default="",
                help="declarations and definitions: `A : n x n`",
            ),
        ),
    ),
    _Command(
        "serve",
        "page",
        "open the page in a browser: type, and see",
        "Serve the page on this machine, for this machine alone, and open it in a browser.",
        _SERVE_EXAMPLES,
        (
            _arg("--port", type=_port, default=0, metavar="N", help="(default: a free one)"),
            _flag("--no-browser", help="print the address alone"),
            _TIME_LIMIT,
        ),
    ),
    _Command(
        "site",
        "site",
        "build the page as a static site, which needs no server",
        "Build the page as a static site, with Python in the browser: any web server can hold it.",
        _SITE_EXAMPLES,
        (
            _arg("out", metavar="FOLDER", help="where the site is put"),
            _arg(
                "--pyodide",
                required=True,
                metavar="FOLDER",
                help="what Pyodide's npm package holds, and NumPy's wheel for it (else it is "
                "loaded later)",
            ),
        ),
    ),
    _Command(
        "handout",
        "handout",
        "write a worksheet of exercises, and its key",
        "Write a worksheet with room to work on, and its key with the derivations. The exercises "
        "are a TOML file of questions, as `:quiz FILE.toml` poses them in a session.",
        _HANDOUT_EXAMPLES,
        (
            _arg("file", nargs="?", metavar="FILE", help="(default: those of `:quiz`)"),
            _arg("--format", choices=("html", "latex"), default="html", help="(default: html)"),
            _OUTPUT,
            _TIME_LIMIT,
        ),
    ),
    _Command(
        "examples",
        "example_list",
        "list, show or copy the examples that come along",
        "List the examples that come along, print one, or copy the folder.",
        _SHIPPED_EXAMPLES,
        (
            [
                _arg("name", nargs="?", metavar="NAME", help="print this one"),
                _arg("--copy", metavar="FOLDER", help="put the folder examples/ into this one"),
            ],
        ),
    ),
    _Command(
        "completion",
        "completion",
        "write what a shell needs to complete commands",
        "Write what bash, zsh or fish needs to complete commands, options and files.",
        _COMPLETION_EXAMPLES,
        (_arg("shell", choices=SHELLS, help="whose language it is in"),),
    ),
)
