"""The session in a terminal: the line editor, and plain lines where there is no terminal.

The editor is up before the engine is: what takes time to import is imported while a person types.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from types import FrameType
from typing import TYPE_CHECKING, TextIO

from prompt_toolkit import PromptSession
from prompt_toolkit.filters import completion_is_selected
from prompt_toolkit.history import FileHistory, History, InMemoryHistory
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.keys import Keys
from prompt_toolkit.layout.processors import HighlightMatchingBracketProcessor
from prompt_toolkit.styles import Style as Look

from .core.budget import TEXT
from .core.deadline import SECONDS
from .core.files import make_folder, own_folder
from .language.syntax.statement_lines import COMMENT
from .render.layout import COLOURS
from .session.completion import ESCAPE, Completions, Tokens, signs
from .session.recovery import Recovery

if TYPE_CHECKING:
    from .quiz import Question
    from .render.layout import Row
    from .session.interpreter import Interpreter

GREETING = "shapetrick: type a problem line by line; :help lists commands, Ctrl-D leaves"
UNSAVED = "  what was entered is not saved: `:save FILE` keeps it, Ctrl-D leaves without"
OFFER = ":recover brings it back, :recover drop deletes it"
KEPT = "what was entered is kept: the next session offers it"
BY_SIGNAL = 128  # the exit status of what a signal ends, less the signal's number
MOST_EDITED = 20_000  # letters of a paste: to show more takes long
_ENDING = ("SIGTERM", "SIGHUP")
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


class _Ended(BaseException):
    """The system asks the session to end."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def run(
    file: str | None = None,
    questions: Sequence[Question] | None = None,
    time_limit: float | None = SECONDS,
) -> int:
    """A session, with a file loaded; `questions` are a teacher's own for `:quiz`, and `time_limit`
    is in seconds, for each request. Returns the exit status. Raises BudgetError for a line without
    end."""
    on_terminal = sys.stdin.isatty() and sys.stdout.isatty()
    opened = (_Terminal if on_terminal else _Pipe)(file, questions, time_limit)
    try:
        with _signals():
            return opened.run()
    except _Ended as ended:
        opened.keep()
        return BY_SIGNAL + ended.number
    except BrokenPipeError:
        raise
    except BaseException:
        opened.keep()
        raise


@contextmanager
def _signals() -> Iterator[None]:
    """Signals that end the session raise, so that the terminal is left as it was found; only the
    main thread can ask for that."""

    def end(number: int, _: FrameType | None) -> None:
        raise _Ended(number)

    wanted = [getattr(signal, name) for name in _ENDING if hasattr(signal, name)]
    if threading.current_thread() is not threading.main_thread():
        wanted = []
    before = {number: signal.signal(number, end) for number in wanted}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _open_desk(
    questions: Sequence[Question] | None, time_limit: float | None, recovery: Recovery
) -> Interpreter:
    from .quiz import Scores
    from .session.interpreter import Interpreter

    try:
        scores = Scores.kept_in(own_folder("data") / "score.json")
    except RuntimeError:  # no home
        scores = Scores()
    interpreter = Interpreter(scores=scores, recovery=recovery, time_limit=time_limit)
    if questions is not None:
        interpreter.questions = questions
    return interpreter


def _recovery() -> Recovery:
    try:
        return Recovery(own_folder("state"))
    except RuntimeError:  # no home
        return Recovery()


def _answers(interpreter: Interpreter, line: str) -> Generator[Row]:
    """What is said of a line. A fault of our own must not end the session either."""
    from .session.commands import answer

    try:
        yield from answer(interpreter, line)
    except MemoryError:
        yield [("  there is not enough memory on this machine: ask for less", "bold red")]
    except Exception as fault:
        yield [("  a fault of shapetrick: ", "bold red"), (f"{type(fault).__name__}: {fault}", "")]
        yield [("  nothing that was entered is lost; please report the line", "")]


# --------------------------------------------------------------------------------------- a pipe


class _Pipe:
    """Statements and commands line by line from standard input; brackets hold lines together."""

    def __init__(
        self, file: str | None, questions: Sequence[Question] | None, time_limit: float | None
    ) -> None:
        self._file = file
        self._interpreter = _open_desk(questions, time_limit, _recovery())

    def run(self) -> int:
        interpreter = self._interpreter
        if self._file is not None:
            self._say(f":load {self._file}")
        for line in _logical_lines(raw.replace("\r\n", "\n") for raw in _lines(sys.stdin)):
            self._say(line)
            if interpreter.done:
                break
        if not interpreter.is_unsaved:
            interpreter.keep()
        return 0

    def keep(self) -> None:
        """Keep what is unsaved for the next session."""
        self._interpreter.keep()

    def _say(self, line: str) -> None:
        from .render.layout import plain

        print(plain(_answers(self._interpreter, line)), end="", flush=True)


def _lines(stream: TextIO) -> Iterator[str]:
    """The lines of a stream. Raises BudgetError for one without end."""
    for line in iter(lambda: stream.readline(TEXT.most + 1), ""):
        TEXT.admit(len(line), "a line of that length", "what follows it is not read.")
        yield line


def _logical_lines(lines: Iterable[str]) -> Iterator[str]:
    """Lines, those in one that a bracket holds together, as long as they can be a problem's."""
    pending: list[str] = []
    depth = size = 0
    for line in lines:
        if not pending and line.lstrip().startswith(":"):
            yield line
            continue
        pending.append(line)
        depth += _depth(line)
        size += len(line)
        if depth <= 0 or size > TEXT.most:
            yield "".join(pending)
            pending, depth, size = [], 0, 0
    if pending:
        yield "".join(pending)


def is_open(text: str) -> bool:
    """Whether a bracket is open: the statement goes on in the next line, unless it is too long to
    be read already."""
    if text.lstrip().startswith(":") or _depth(text) <= 0:
        return False
    from .language.syntax.parser import MAX_STATEMENT

    return len(text) <= MAX_STATEMENT


def _depth(text: str) -> int:
    """How many brackets more it opens than it closes."""
    clean = COMMENT.sub("", text)
    return sum(clean.count(c) for c in "([{") - sum(clean.count(c) for c in ")]}")


# ----------------------------------------------------------------------------------- a terminal


class _Terminal:
    """A session on a terminal."""

    def __init__(
        self, file: str | None, questions: Sequence[Question] | None, time_limit: float | None
    ) -> None:
        self._file = file
        self._questions = questions
        self._time_limit = time_limit
        self._interpreter: Interpreter | None = None
        self._recovery = _recovery()
        self._loading = threading.Thread(target=self._load, daemon=True)
        self._lock = threading.Lock()
        self._session: PromptSession[str] = PromptSession(
            history=_history(),
            completer=Completions(lambda: self._interpreter),
            complete_while_typing=False,
            lexer=Tokens(lambda: self._interpreter),
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
        self._offer()
        if self._file is not None:
            self._say(f":load {self._file}")
        asked = False
        while True:
            prompt = "> " if self._interpreter is None else self._interpreter.prompt
            try:
                self._say(self._line(prompt))
            except KeyboardInterrupt:  # where a line is edited, or just before or after that
                continue
            if self._interpreter is None or not self._interpreter.done:
                asked = False
            elif self._interpreter.is_unsaved and not asked:
                asked, self._interpreter.done = True, False
                print(UNSAVED)
            else:
                break
        self._recovery.drop()
        return 0

    def _line(self, prompt: str) -> str:
        """What is typed next; its end is as `:quit`. Raises _Ended if the terminal is gone."""
        try:
            return self._session.prompt(prompt)
        except EOFError:
            if not sys.stdin.isatty():
                raise _Ended(signal.SIGHUP) from None
            return ":quit"

    def keep(self) -> None:
        """Keep what is unsaved for the next session, and say so if there is still a terminal."""
        if (
            self._interpreter is not None
            and self._interpreter.keep()
            and self._interpreter.is_unsaved
        ):
            with suppress(OSError):
                print(KEPT, file=sys.stderr, flush=True)

    def _offer(self) -> None:
        """Say which sessions were left behind."""
        found = self._recovery.found()
        if found:
            one = "a session" if len(found) == 1 else f"the newest of {len(found)} sessions"
            print(f"{one} that ended without saving, {found[0].when}: {OFFER}")

    def _load(self) -> None:
        """Import the engine and make the parser."""
        with self._lock:
            if self._interpreter is None:
                interpreter = _open_desk(self._questions, None, self._recovery)
                list(_answers(interpreter, "1"))
                interpreter.time_limit = self._time_limit
                interpreter.opened = _open_in_browser
                self._interpreter = interpreter

    def _say(self, line: str) -> None:
        """Print what is said of a line, as it is found."""
        self._load()
        interpreter = self._interpreter
        assert interpreter is not None
        from .render.terminal import Progress, Style, console, show, width_of

        target = console()
        interpreter.style = Style(width_of(target))
        watch = Progress()
        interpreter.busy = watch.start
        try:
            with (
                target.status(watch, spinner_style="dim"),
                closing(_answers(interpreter, line)) as rows,
            ):
                for row in rows:
                    show([row], target)
        except KeyboardInterrupt:
            print("  interrupted: nothing was changed")
        interpreter.keep()


def _open_in_browser(address: str) -> None:
    """Show a page, where there are windows: a browser in the terminal would take the session's
    place."""
    if sys.platform in ("win32", "darwin") or {"DISPLAY", "WAYLAND_DISPLAY"} & os.environ.keys():
        import webbrowser

        webbrowser.open(address)


def _history() -> History:
    """Kept between runs, where there is a place for it."""
    try:
        folder = own_folder("data")
        make_folder(folder)
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

    @keys.add(Keys.BracketedPaste)
    def _(event: KeyPressEvent) -> None:
        """What is pasted is put into the line; what is too long to be edited is taken at once."""
        buffer = event.current_buffer
        pasted = event.data.replace("\r\n", "\n").replace("\r", "\n")
        if len(pasted) <= MOST_EDITED:
            buffer.insert_text(pasted)
            return
        document = buffer.document
        before, after = document.text_before_cursor, document.text_after_cursor
        buffer.reset()
        event.app.exit(result=f"{before}{pasted}{after}")

    @keys.add("escape", "enter")
    def _(event: KeyPressEvent) -> None:
        """Another line."""
        event.current_buffer.insert_text("\n")

    @keys.add("tab")
    def _(event: KeyPressEvent) -> None:
        r"""`\theta` becomes θ; anything else is completed."""
        buffer = event.current_buffer
        escape = ESCAPE.search(buffer.document.text_before_cursor)
        found = signs(escape.group(1)) if escape else ()
        if escape and len(found) == 1:
            buffer.delete_before_cursor(len(escape.group()))
            buffer.insert_text(*found)
        elif buffer.complete_state:
            buffer.complete_next()
        else:
            buffer.start_completion(insert_common_part=True)

    return keys
