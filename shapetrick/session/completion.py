"""What Tab completes in a session, and how a line is coloured while it is typed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document
from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.lexers import Lexer

from ..core.greek import GREEK
from ..core.regexes import regex

if TYPE_CHECKING:
    from .interpreter import Interpreter

_WORD = regex(r"[^\W\d][\w\u0300-\u036f]*$")
ESCAPE = regex(r"\\([A-Za-z.*]*)$")
_COMMAND = regex(r"\s*:(\w*)$")
_ARGUMENT = regex(r"\s*:(\w+)\s+(\S*)$")
MOST_COLOURED = 5_000  # letters: it is done anew at each key

SIGNS = {
    **{name: letter for letter, name in GREEK.items()},
    **{"odot": "⊙", "hadamard": "⊙", "circ": "∘", "oslash": "⊘", "otimes": "⊗", "times": "×"},
    **{"T": "ᵀ", "top": "ᵀ", "prime": "′", "cdot": "·"},
}


def signs(begun: str) -> tuple[str, ...]:
    """What a name after a backslash may stand for: the one that it is, or all it could become."""
    if begun in SIGNS:
        return (SIGNS[begun],)
    return tuple(dict.fromkeys(sign for name, sign in SIGNS.items() if name.startswith(begun)))


class Completions(Completer):
    r"""Names with their shapes, functions with their help, commands, files, and `\theta`."""

    def __init__(self, interpreter: Callable[[], Interpreter | None]) -> None:
        self._interpreter = interpreter

    def get_completions(self, document: Document, event: CompleteEvent) -> Iterable[Completion]:
        text = document.text_before_cursor
        interpreter = self._interpreter()
        if escape := ESCAPE.search(text):
            for name, sign in SIGNS.items():
                if name.startswith(escape.group(1)):
                    yield Completion(sign, -len(escape.group()), f"\\{name}", sign)
        elif interpreter is None:
            return
        elif command := _COMMAND.match(text):
            yield from _commands(command.group(1))
        elif argument := _ARGUMENT.match(text):
            yield from _arguments(interpreter, *argument.groups())
        elif word := _WORD.search(text):
            yield from _words(interpreter, word.group())


def _commands(begun: str) -> Iterator[Completion]:
    from .commands import COMMANDS

    for name, command in COMMANDS.items():
        if name.startswith(begun):
            yield Completion(name, -len(begun), f":{name}", command.help)


def _arguments(interpreter: Interpreter, command: str, begun: str) -> Iterator[Completion]:
    from ..quiz import topics
    from ..targets import TARGETS

    choices: list[str] = []
    match command:
        case "load" | "save":
            choices = _files(begun)
        case "help":
            yield from _commands(begun)
        case "code":
            choices = list(TARGETS)
        case "quiz":
            choices = topics(interpreter.questions)
        case _:
            word = _WORD.search(begun)
            yield from _words(interpreter, word.group() if word else "")
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


def _words(interpreter: Interpreter, begun: str) -> Iterator[Completion]:
    """Names that stand, then functions, then the words of a request."""
    from ..core.dims import shape_text
    from ..core.functions import NAMES, OPERATORS, TABLE
    from ..language.vocabularies import vocabulary_of

    problem = interpreter.session.problem
    known = {n: shape_text(e.shape) for n, e in problem.named.items()}
    if interpreter.guided is not None and interpreter.guided.move is not None:
        factors = interpreter.guided.move.factors
        known |= {n.name: shape_text(n.expression.shape) for n in factors if n.name.isidentifier()}
    known |= dict.fromkeys(problem.functions, "element-wise function")
    vocabulary = vocabulary_of(problem)
    own = {**vocabulary.library, **vocabulary.texts}
    known |= {
        name: next(iter(own[name].values())).written for name in own if name.startswith(begun)
    }
    known |= {name: TABLE[of].help for name, of in NAMES.items() if of not in OPERATORS}
    known |= dict.fromkeys(("grad", "vjp", "jac", "hess", "jvp", "hvp"), "asks") | {"wrt": ""}
    for name, help_ in known.items():
        if name.startswith(begun) and name != begun:
            yield Completion(name, -len(begun), display_meta=help_)


class Tokens(Lexer):
    """The language's own tokens, as far as a line can be read."""

    def __init__(self, interpreter: Callable[[], Interpreter | None]) -> None:
        self._interpreter = interpreter

    def lex_document(self, document: Document) -> Callable[[int], StyleAndTextTuples]:
        if len(document.text) > MOST_COLOURED:
            return lambda number: [("", "".join(document.lines[number : number + 1]))]
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
        interpreter = self._interpreter()
        if text.lstrip().startswith(":"):
            end = len(text.split(" ")[0])
            looks[:end] = ["class:command"] * end
        elif interpreter is not None:
            from ..language.highlighting import highlighted

            for look, (begin, end) in highlighted(text, interpreter.session.problem.functions):
                looks[begin:end] = [f"class:{look}"] * (end - begin)
        return looks
