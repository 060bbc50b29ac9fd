"""The session in a terminal: the line editor, and plain lines where there is no terminal.

The editor is up before the engine is: what takes time to import is imported while a person types.
"""

from __future__ import annotations

import os
import re
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from prompt_toolkit import PromptSession
from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document
from prompt_toolkit.filters import completion_is_selected
from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.history import FileHistory, History, InMemoryHistory
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.layout.processors import HighlightMatchingBracketProcessor
from prompt_toolkit.lexers import Lexer
from prompt_toolkit.styles import Style as Look

from .render.layout import COLOURS

if TYPE_CHECKING:
    from .desk import Desk
    from .quiz import Question
    from .render.layout import Row

GREETING = "shapetrick: type a problem line by line; :help lists commands, Ctrl-D leaves"
INTERRUPTED = 130
LOOKS = Look.from_dict(
    {
        "keyword": f"{COLOURS['magenta']} bold",
        "function": COLOURS["cyan"],
        "number": COLOURS["blue"],
        "operator": "bold",
        "shape": COLOURS["green"],
        "attribute": COLOURS["yellow"],
        "comment": COLOURS["grey"],
        "command": f"{COLOURS['magenta']} bold",
        "matching-bracket.cursor": f"{COLOURS['cyan']} bold",
        "matching-bracket.other": f"{COLOURS['cyan']} bold",
    }
)
# How a token of the language looks, by the names that the grammar gives them.
_TOKENS = {
    "KIND": "keyword", "_CHECK": "keyword", "_WRT": "keyword", "_WITH": "keyword",
    "SYMMETRIC": "keyword", "FUNCTION": "function", "ABSTRACT": "function", "NUMBER": "number",
    "SIZE": "number", "TIMES": "operator", "SIGN": "operator", "POWER": "operator",
    "TRANSPOSE": "operator", "PRIME": "operator", "DIM": "shape", "_BY": "shape",
    "ATTRIBUTE": "attribute",
}  # fmt: skip
_WORD = re.compile(r"[^\W\d][\w\u0300-\u036f]*$")
_ESCAPE = re.compile(r"\\([A-Za-z.*]*)$")
_COMMAND = re.compile(r"\s*:(\w*)$")
_ARGUMENT = re.compile(r"\s*:(\w+)\s+(\S*)$")
_COMMENT = re.compile(r"#[^\n]*")


def run(file: str | None = None, questions: Sequence[Question] | None = None) -> int:
    """A session, with a file loaded; `questions` are a teacher's own for `:quiz`. Returns the exit
    status."""
    if sys.stdin.isatty() and sys.stdout.isatty():
        return _Terminal(file, questions).run()
    return _plain(file, questions)


def data_folder() -> Path:
    """Where the history and the score are kept."""
    name = {"nt": "LOCALAPPDATA"}.get(os.name, "XDG_DATA_HOME")
    given = Path(os.environ.get(name, ""))
    if given.is_absolute():
        return given / "shapetrick"
    mac = sys.platform == "darwin"
    return Path.home() / ("Library/Application Support" if mac else ".local/share") / "shapetrick"


def _open_desk(questions: Sequence[Question] | None) -> Desk:
    from .desk import Desk
    from .quiz import Scores

    try:
        scores = Scores.kept_in(data_folder() / "score.json")
    except RuntimeError:  # no home
        scores = Scores()
    desk = Desk(scores=scores)
    if questions is not None:
        desk.questions = questions
    return desk


def _answers(desk: Desk, line: str) -> Iterator[Row]:
    """What is said of a line. A fault of our own must not end the session either."""
    from .commands import answer

    try:
        yield from answer(desk, line)
    except (KeyboardInterrupt, BrokenPipeError):
        raise
    except Exception as fault:
        yield [("  a fault of shapetrick: ", "bold red"), (f"{type(fault).__name__}: {fault}", "")]
        yield [("  nothing that was entered is lost; please report the line", "")]


# --------------------------------------------------------------------------------------- a pipe


def _plain(file: str | None, questions: Sequence[Question] | None) -> int:
    """Statements and commands line by line from standard input, brackets hold lines together."""
    from .render.layout import plain

    desk = _open_desk(questions)
    if file is not None:
        print(plain(_answers(desk, f":load {file}")), end="", flush=True)
    pending = ""
    for raw in sys.stdin:
        pending += raw.replace("\r\n", "\n")
        if is_open(pending):
            continue
        print(plain(_answers(desk, pending)), end="", flush=True)
        pending = ""
        if desk.done:
            break
    if pending:
        print(plain(_answers(desk, pending)), end="", flush=True)
    return 0


def is_open(text: str) -> bool:
    """Whether a bracket is open: the statement goes on in the next line."""
    if text.lstrip().startswith(":"):
        return False
    clean = _COMMENT.sub("", text)
    return sum(clean.count(c) for c in "([{") > sum(clean.count(c) for c in ")]}")


# ----------------------------------------------------------------------------------- a terminal


class _Terminal:
    """A session on a terminal."""

    def __init__(self, file: str | None, questions: Sequence[Question] | None) -> None:
        self._file = file
        self._questions = questions
        self._desk: Desk | None = None
        self._loading = threading.Thread(target=self._load, daemon=True)
        self._lock = threading.Lock()
        self._session: PromptSession[str] = PromptSession(
            history=_history(),
            completer=_Completer(lambda: self._desk),
            complete_while_typing=False,
            lexer=_Lexer(lambda: self._desk),
            style=LOOKS,
            key_bindings=_keys(),
            multiline=True,
            prompt_continuation=lambda width, *_: "." * (width - 1) + " ",
            input_processors=[HighlightMatchingBracketProcessor("()[]{}")],
            reserve_space_for_menu=4,
        )

    def run(self) -> int:
        print(GREETING)
        self._loading.start()
        if self._file is not None:
            self._say(f":load {self._file}")
        while self._desk is None or not self._desk.done:
            prompt = "> " if self._desk is None else self._desk.prompt
            try:
                line = self._session.prompt(prompt)
            except KeyboardInterrupt:
                continue
            except EOFError:
                break
            self._say(line)
        return 0

    def _load(self) -> None:
        """Import the engine and make the parser."""
        with self._lock:
            if self._desk is None:
                desk = _open_desk(self._questions)
                list(_answers(desk, "1"))
                self._desk = desk

    def _say(self, line: str) -> None:
        """Print what is said of a line, as it is found."""
        self._load()
        desk = self._desk
        assert desk is not None
        from .render.derivation import Style, console, show, width_of

        target = console()
        desk.style = Style(width_of(target))
        watch = _Watch()
        desk.busy = watch.start
        try:
            with target.status(watch, spinner_style="dim"):
                for row in _answers(desk, line):
                    show([row], target)
        except KeyboardInterrupt:
            print("  interrupted: nothing was changed")


@dataclass(slots=True)
class _Watch:
    """What is worked on, and for how long, while it is."""

    what: str = ""
    begin: float = field(default_factory=time.monotonic)

    def start(self, what: str) -> None:
        self.what, self.begin = what, time.monotonic()

    def __rich__(self) -> str:
        seconds = int(time.monotonic() - self.begin)
        return f"{self.what} … {f'{seconds} s ' if seconds else ''}(Ctrl-C stops)"


def _history() -> History:
    """Kept between runs, where there is a place for it."""
    try:
        folder = data_folder()
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        (folder / "history").touch()
    except (OSError, RuntimeError):
        return InMemoryHistory()
    return FileHistory(str(folder / "history"))


def _keys() -> KeyBindings:
    keys = KeyBindings()

    @keys.add("enter", filter=~completion_is_selected)
    def _(event: KeyPressEvent) -> None:
        """The line is done, unless a bracket is open; an empty line ends that too."""
        buffer = event.current_buffer
        at_end = buffer.document.is_cursor_at_the_end
        if is_open(buffer.text) and at_end and buffer.document.current_line.strip():
            buffer.insert_text("\n")
        else:
            buffer.validate_and_handle()

    @keys.add("escape", "enter")
    def _(event: KeyPressEvent) -> None:
        """Another line."""
        event.current_buffer.insert_text("\n")

    @keys.add("tab")
    def _(event: KeyPressEvent) -> None:
        r"""`\theta` becomes θ; anything else is completed."""
        buffer = event.current_buffer
        escape = _ESCAPE.search(buffer.document.text_before_cursor)
        signs = _signs(escape.group(1)) if escape else ()
        if escape and len(signs) == 1:
            buffer.delete_before_cursor(len(escape.group()))
            buffer.insert_text(*signs)
        elif buffer.complete_state:
            buffer.complete_next()
        else:
            buffer.start_completion(insert_common_part=True)

    return keys


GREEK = (
    "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi omicron pi rho "
    "sigma tau upsilon phi chi psi omega"
)
_LETTERS = [chr(c) for c in range(0x3B1, 0x3CA) if c != 0x3C2]  # without the final sigma
SIGNS = {
    **dict(zip(GREEK.split(), _LETTERS, strict=True)),
    **{n.capitalize(): c.upper() for n, c in zip(GREEK.split(), _LETTERS, strict=True)},
    **{"odot": "⊙", "hadamard": "⊙", "circ": "∘", "oslash": "⊘", "otimes": "⊗", "times": "×"},
    **{"T": "ᵀ", "top": "ᵀ", "prime": "′", "cdot": "·"},
}


def _signs(begun: str) -> tuple[str, ...]:
    """What a name after a backslash may stand for: the one that it is, or all it could become."""
    if begun in SIGNS:
        return (SIGNS[begun],)
    return tuple(dict.fromkeys(sign for name, sign in SIGNS.items() if name.startswith(begun)))


class _Completer(Completer):
    r"""Names with their shapes, functions with their help, commands, files, and `\theta`."""

    def __init__(self, desk: Callable[[], Desk | None]) -> None:
        self._desk = desk

    def get_completions(self, document: Document, event: CompleteEvent) -> Iterable[Completion]:
        text = document.text_before_cursor
        desk = self._desk()
        if escape := _ESCAPE.search(text):
            for name, sign in SIGNS.items():
                if name.startswith(escape.group(1)):
                    yield Completion(sign, -len(escape.group()), f"\\{name}", sign)
        elif desk is None:
            return
        elif command := _COMMAND.match(text):
            yield from _commands(command.group(1))
        elif argument := _ARGUMENT.match(text):
            yield from _arguments(desk, *argument.groups())
        elif word := _WORD.search(text):
            yield from _words(desk, word.group())


def _commands(begun: str) -> Iterator[Completion]:
    from .commands import COMMANDS

    for name, command in COMMANDS.items():
        if name.startswith(begun):
            yield Completion(name, -len(begun), f":{name}", command.help)


def _arguments(desk: Desk, command: str, begun: str) -> Iterator[Completion]:
    from .quiz import topics
    from .render.programs import TARGETS

    choices: list[str] = []
    match command:
        case "load" | "save":
            choices = _files(begun)
        case "help":
            yield from _commands(begun)
        case "code":
            choices = list(TARGETS)
        case "quiz":
            choices = topics(desk.questions)
        case _:
            word = _WORD.search(begun)
            yield from _words(desk, word.group() if word else "")
    for choice in choices:
        if choice.startswith(begun):
            yield Completion(choice, -len(begun))


def _files(begun: str) -> list[str]:
    folder = Path(begun).parent if not begun.endswith("/") else Path(begun)
    try:
        found = sorted(folder.expanduser().iterdir())
    except OSError:
        return []
    lead = begun[: begun.rfind("/") + 1]
    return [lead + p.name + ("/" if p.is_dir() else "") for p in found if p.name[0] != "."]


def _words(desk: Desk, begun: str) -> Iterator[Completion]:
    """Names that stand, then functions, then the words of a request."""
    from .dims import shape_text
    from .functions import NAMES, OPERATORS, TABLE

    problem = desk.session.problem
    known = {n: shape_text(e.shape) for n, e in {**problem.symbols, **problem.definitions}.items()}
    if desk.hand is not None and desk.hand.move is not None:
        factors = desk.hand.move.factors
        known |= {n.name: shape_text(n.expression.shape) for n in factors if n.name.isidentifier()}
    known |= dict.fromkeys(problem.functions, "element-wise function")
    known |= {name: TABLE[of].help for name, of in NAMES.items() if of not in OPERATORS}
    known |= dict.fromkeys(("grad", "vjp", "jac", "hess", "jvp", "hvp"), "asks") | {"wrt": ""}
    for name, help_ in known.items():
        if name.startswith(begun) and name != begun:
            yield Completion(name, -len(begun), display_meta=help_)


class _Lexer(Lexer):
    """The language's own tokens, as far as a line can be read."""

    def __init__(self, desk: Callable[[], Desk | None]) -> None:
        self._desk = desk

    def lex_document(self, document: Document) -> Callable[[int], StyleAndTextTuples]:
        looks = self._looks(document.text)
        starts = [0]
        for line in document.lines:
            starts.append(starts[-1] + len(line) + 1)

        def line_of(number: int) -> StyleAndTextTuples:
            if number >= len(document.lines):
                return []
            begin = starts[number]
            return [(looks[begin + i], c) for i, c in enumerate(document.lines[number])]

        return line_of

    def _looks(self, text: str) -> list[str]:
        looks = [""] * (len(text) + 1)
        desk = self._desk()
        if text.lstrip().startswith(":"):
            end = len(text.split(" ")[0])
            looks[:end] = ["class:command"] * end
        elif desk is not None:
            from .parsing import tokens
            from .scope import vocabulary

            clean = _COMMENT.sub(lambda m: " " * len(m.group()), text)
            for begin, end in _statements(clean):
                found = tokens(clean[begin:end], vocabulary(), desk.session.problem.functions)
                for kind, span in found:
                    if kind in _TOKENS:
                        look = [f"class:{_TOKENS[kind]}"] * (span.end - span.start)
                        looks[begin + span.start : begin + span.end] = look
            for comment in _COMMENT.finditer(text):
                begin, end = comment.span()
                looks[begin:end] = ["class:comment"] * (end - begin)
        return looks


def _statements(text: str) -> Iterator[tuple[int, int]]:
    """Where each statement of a text that is still being typed begins and ends."""
    begin = depth = 0
    for i, sign in enumerate(f"{text}\n"):
        depth += (sign in "([{") - (sign in ")]}")
        if i == len(text) or (sign in ";\n" and depth <= 0):
            yield begin, i
            begin = i + 1
