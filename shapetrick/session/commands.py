"""TABLE of commands: `:name arguments` in a session, each a row with its help."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from tempfile import gettempdir

from .. import targets
from ..api import Derivation, html_page
from ..claims.simple_forms import simple_form
from ..core.deadline import seconds_of
from ..core.errors import InputError, RequestError
from ..core.files import write_file
from ..core.functions import NAMES, TABLE
from ..core.regexes import regex
from ..core.warnings import nearest
from ..language.shapes.structured_calls import CALLS
from ..language.source import decoded, read_bytes
from ..pipeline.joint_gradients import groups
from ..quiz import LEVELS, choose, questions, topics
from ..render.layout import Row, padded, prose
from ..targets import TARGETS
from .guided import GuidedDerivation
from .guided_view import candidate_rows, why_rows
from .interpreter import Interpreter, OpenQuestion, digest_of, named_values, remark_rows, shape_rows
from .statements import Session, State, is_expression, listed
from .tutorial import CHAPTERS

CommandAction = Callable[[Interpreter, str], Iterable[Row]]

_OTHER_NAMES = {"exit": "quit", "exit()": "quit", "quit()": "quit", "?": "help"}
_AFTER_OF = regex(r"\s(?:wrt|with)\s")
_ARGUMENT = regex(r"\w|~/|\.{0,2}/\w")  # a name, a number, a path
_KIND = regex(r"(grad|vjp|jac|hess|jvp|hvp)\s")


@dataclass(frozen=True, slots=True)
class Command:
    """A command: its arguments as a person writes them, one line of help, and more of it."""

    name: str
    arguments: str
    help: str
    run: CommandAction
    more: str = ""


def answer(interpreter: Interpreter, line: str) -> Iterator[Row]:
    """All that is said of a line: a command, or what a session takes. Errors are said, not
    raised."""
    return interpreter.answer(partial(_answered, interpreter, line.strip()))


def _answered(interpreter: Interpreter, text: str) -> Iterable[Row]:
    bare = _bare_command(interpreter, text)
    if bare is not None:
        command, argument = bare
        return command.run(interpreter, argument)
    if not text.startswith(":"):
        return interpreter.take(text)
    name, _, argument = text[1:].strip().partition(" ")
    return command_named(name).run(interpreter, argument.strip())


def _bare_command(interpreter: Interpreter, text: str) -> tuple[Command, str] | None:
    """The command that is typed without its colon, and its arguments; None if the word is a name,
    or a statement or an operator goes on from it."""
    word, _, argument = text.partition(" ")
    command, argument = COMMANDS.get(_OTHER_NAMES.get(word, word)), argument.strip()
    if command is None or interpreter.knows(word):
        return None
    takes_it = command.arguments and _ARGUMENT.match(argument) and is_expression(text)
    return (command, argument) if takes_it or not argument else None


def command_named(name: str) -> Command:
    """The command of that name or beginning. Raises RequestError."""
    name = _OTHER_NAMES.get(name, name)
    if name in COMMANDS:
        return COMMANDS[name]
    found = [command for known, command in COMMANDS.items() if name and known.startswith(name)]
    if len(found) == 1:
        return found[0]
    if found:
        raise RequestError(f"`:{name}` could be {listed([f':{c.name}' for c in found], 'or')}.")
    meant = nearest(name, COMMANDS)
    advice = f"Did you mean `:{meant}`?" if meant else "`:help` lists what there is."
    raise RequestError(f"there is no command `:{name}`. {advice}")


def counted(n: int, one: str, many: str = "") -> str:
    """`1 statement`, `2 statements`."""
    return f"{n} {one if n == 1 else many or one + 's'}"


def _say(text: str) -> list[Row]:
    return [[(f"  {line}", "")] for line in text.splitlines()]


# ------------------------------------------------------------------------------------ by hand


def _derive(interpreter: Interpreter, argument: str) -> Iterator[Row]:
    if " wrt " not in f" {argument} ":
        raise RequestError("write `:derive J wrt W`.")
    text = argument
    if not _KIND.match(argument):
        of = _AFTER_OF.split(argument)[0]
        scalar = interpreter.session.read_expression(of).value.is_scalar
        text = f"{'grad' if scalar else 'vjp'} {argument}"
    entered = interpreter.session.enter(text)
    if any(r.claim is not None for r in entered.requests) or len(groups(entered.requests)) != 1:
        raise RequestError("derivatives of one thing are derived at a time: `:derive J wrt W, b`.")
    yield from remark_rows([("assumed", a) for a in entered.assumptions], interpreter.style)
    yield from interpreter.begin(entered.requests)


def _simplify(interpreter: Interpreter, argument: str) -> Iterator[Row]:
    value = interpreter.session.read_expression(argument).value
    simple = simple_form(value, interpreter.session.problem.definitions.values())
    yield [(f"  {interpreter.style.text(simple)}", "cyan")]


def _guided(interpreter: Interpreter) -> GuidedDerivation:
    if interpreter.guided is None:
        raise RequestError("nothing is being derived by hand: `:derive J wrt W` begins.")
    return interpreter.guided


def _hint(interpreter: Interpreter, _: str) -> Iterable[Row]:
    if interpreter.asked is not None:
        hint = interpreter.asked.question.hint or "there is no hint to this one."
    else:
        hint = _guided(interpreter).hint()
    return _say("\n".join(prose(hint, interpreter.style.prose_width - 2)))


def _candidates(interpreter: Interpreter, _: str) -> Iterable[Row]:
    return candidate_rows(_guided(interpreter), interpreter.style)


def _next(interpreter: Interpreter, _: str) -> Iterator[Row]:
    guided = _guided(interpreter)
    yield [("  the machine: ", "dim"), (guided.play_next().text, "cyan")]
    yield []
    yield from interpreter.look(guided)


def _back(interpreter: Interpreter, _: str) -> Iterable[Row]:
    guided = _guided(interpreter)
    if not guided.back():
        return _say("this is the first line; `:stop` leaves.")
    return interpreter.look(guided)


def _why(interpreter: Interpreter, argument: str) -> Iterable[Row]:
    move = _guided(interpreter).move
    assert move is not None
    return why_rows(move, argument, interpreter.style)


def _answer(interpreter: Interpreter, _: str) -> Iterator[Row]:
    if interpreter.asked is not None:
        asked = interpreter.asked
        problem = asked.question.problem
        interpreter.scores.record(asked.question, right=False)
        interpreter.waiting += (
            partial(
                Interpreter(Session(_state(problem.text)), interpreter.style).derive,
                problem.requests[:1],
            ),
            partial(interpreter.pose_another, asked),
        )
        return
    guided = _guided(interpreter)
    while guided.move is not None:
        guided.play_next()
    yield from interpreter.look(guided)


def _state(text: str) -> State:
    session = Session()
    session.enter(text)
    return session.state


def _stop(interpreter: Interpreter, _: str) -> Iterable[Row]:
    if interpreter.guided is None and interpreter.asked is None:
        return _say("nothing is open; `:quit` leaves the session.")
    interpreter.guided = interpreter.asked = interpreter.chapter = None
    return _say("left.")


# --------------------------------------------------------------------- what was found, and said


def _check(interpreter: Interpreter, argument: str) -> Iterable[Row]:
    if not argument:
        raise RequestError("write `:check grad J wrt W = X' G`.")
    return interpreter.enter(f"check {argument.removeprefix('check ')}")


def _last(interpreter: Interpreter) -> tuple[Derivation, ...]:
    if not interpreter.last:
        raise RequestError("nothing was derived yet: ask `grad J wrt W`, or `:derive J wrt W`.")
    return interpreter.last


def _steps(interpreter: Interpreter, _: str) -> Iterable[Row]:
    return interpreter.show(_last(interpreter), steps=True)


def _latex(interpreter: Interpreter, _: str) -> Iterable[Row]:
    return _say("\n".join(d.latex() for d in _last(interpreter)))


def _html(interpreter: Interpreter, argument: str) -> Iterable[Row]:
    page = html_page(_last(interpreter))
    path = _path(argument) if argument else Path(gettempdir()) / "shapetrick-derivation.html"
    try:
        write_file(path, page)
    except OSError as error:
        raise RequestError(f"cannot write {path}: {error.strerror}.") from None
    interpreter.opened(path.resolve().as_uri())
    return _say(f"written: {path}")


def _code(interpreter: Interpreter, argument: str) -> Iterable[Row]:
    derived, target = _last(interpreter), argument or TARGETS[0]
    code = targets.code(derived[0].problem, [d.result for d in derived], target)
    return [[(line, "")] for line in code.splitlines()]


def _answers(interpreter: Interpreter, _: str) -> Iterable[Row]:
    requests = interpreter.session.problem.requests
    if not requests:
        raise RequestError("nothing was asked.")
    interpreter.waiting += tuple(
        partial(interpreter.derive, group, quiet=True) for group in groups(requests)
    )
    return ()


def _shapes(interpreter: Interpreter, argument: str) -> Iterable[Row]:
    if argument:
        yield from shape_rows(interpreter.session.parts(argument))
        return
    named = named_values(interpreter.session.problem)
    yield from shape_rows([*named.items()]) if named else _say("nothing was entered.")


def _vars(interpreter: Interpreter, _: str) -> Iterable[Row]:
    entries = interpreter.session.state.entries
    if not entries:
        return _say("nothing was entered.")
    width = len(str(len(entries)))
    return [
        [
            (f"  {i:>{width}}  ", "dim"),
            (e.text, "dim" if e.kind == "comment" else ""),
            (f"  {e.note}" if e.note else "", "dim"),
        ]
        for i, e in enumerate(entries, 1)
    ]


# ---------------------------------------------------------------------------------- the session


def _set(interpreter: Interpreter, argument: str) -> Iterable[Row]:
    name, _, value = argument.partition(" ")
    value = value.strip()
    if name == "time-limit" and value:
        interpreter.time_limit = seconds_of(value)
        return _say(f"time limit {value}" + (" s" if interpreter.time_limit is not None else ""))
    if name != "seed" or not value.isdecimal() or len(value) > 18:
        raise RequestError("write `:set seed 7`, or `:set time-limit 60`.")
    interpreter.session.reset(replace(interpreter.session.state, seed=int(value)))
    return _say(f"seed {int(value)}")


def _undo(interpreter: Interpreter, _: str) -> Iterable[Row]:
    return _moved(interpreter, interpreter.session.undo, "undone")


def _redo(interpreter: Interpreter, _: str) -> Iterable[Row]:
    return _moved(interpreter, interpreter.session.redo, "done again")


def _moved(interpreter: Interpreter, move: Callable[[], bool], word: str) -> Iterable[Row]:
    before = interpreter.session.state
    if not move():
        raise RequestError(f"there is nothing to be {word}.")
    after = interpreter.session.state
    gone = [e.text for e in before.entries if e not in after.entries]
    come = [e.text for e in after.entries if e not in before.entries]
    rows: list[Row] = [[("  - ", "red"), (text, "")] for text in gone]
    rows += [[("  + ", "green"), (text, "")] for text in come]
    return rows or _say(word if before.seed == after.seed else f"seed {after.seed}")


def _forget(interpreter: Interpreter, argument: str) -> Iterable[Row]:
    names = argument.replace(",", " ").split()
    if not names:
        raise RequestError("write `:forget NAME`.")
    before = len(interpreter.session.state.entries)
    interpreter.session.forget(names)
    gone = before - len(interpreter.session.state.entries)
    return _say(f"forgot {listed(names)}" + (f" ({counted(gone, 'statement')})" if gone else ""))


def _load(interpreter: Interpreter, argument: str) -> Iterator[Row]:
    if not argument:
        raise RequestError("write `:load FILE`.")
    content = read_bytes(str(_path(argument)))
    interpreter.session.reset(_state(decoded(content, argument)))
    interpreter.guided = None
    interpreter.is_in(argument, content)
    yield from _standing_rows(interpreter)


def _path(name: str) -> Path:
    """The path of a name, in which `~` is a home. Raises RequestError."""
    try:
        return Path(name).expanduser()
    except RuntimeError as error:
        raise RequestError(f"{name} is no file: {error}") from None


def _standing_rows(interpreter: Interpreter) -> Iterator[Row]:
    """What stands after it was read from a file, and what it asks."""
    yield from _shapes(interpreter, "")
    asked = [e.text for e in interpreter.session.state.entries if e.kind == "request"]
    if asked:
        yield from remark_rows([("asked", text) for text in asked], interpreter.style)
        yield from remark_rows([("", ":answers derives them")], interpreter.style)


def _save(interpreter: Interpreter, argument: str) -> Iterable[Row]:
    over = argument.endswith("!")
    name = argument.removesuffix("!").strip() or interpreter.file
    if not name:
        raise RequestError("write `:save FILE`.")
    if not interpreter.session.state.entries:
        raise RequestError("nothing was entered.")
    content, path = interpreter.session.state.text, _path(name)
    try:
        if not over and path.exists():
            if name != interpreter.file:
                raise RequestError(f"{name} is there already: `:save {name}!` replaces it.")
            if path.is_file() and digest_of(path.read_bytes()) != interpreter.digest:
                raise RequestError(
                    f"{name} was changed by another program since it was read or saved here: "
                    f"`:save {name}!` replaces it, and another name keeps both."
                )
        write_file(path, content)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise RequestError(f"cannot write {name}: {reason}.") from None
    interpreter.is_in(name, content.encode("utf-8"))
    number = len(interpreter.session.state.statements)
    return _say(f"saved {counted(number, 'statement')} in {name}")


def _recover(interpreter: Interpreter, argument: str) -> Iterator[Row]:
    found = interpreter.recovery.found()
    if argument not in ("", "drop"):
        raise RequestError("write `:recover`, or `:recover drop`.")
    if not found:
        raise RequestError("no session was left without saving.")
    left = found[0]
    if argument:
        interpreter.recovery.forget(left)
        yield from _say(f"the session of {left.when} is deleted.")
    else:
        unsaved = left.unsaved
        try:
            restored = _state(unsaved.text)
        except InputError as error:
            raise RequestError(f"{left.path} can't be read: {error.message}") from None
        interpreter.session.reset(replace(restored, seed=unsaved.seed))
        interpreter.guided = interpreter.asked = None
        interpreter.file, interpreter.digest, interpreter.saved = unsaved.file, unsaved.digest, ()
        interpreter.recovery.take_up(left)
        yield from _standing_rows(interpreter)
        interpreter.waiting += tuple(
            partial(_answered, interpreter, line) for line in unsaved.lines
        )
    if len(found) > 1:
        yield from _say(f"{counted(len(found) - 1, 'older session')} left: :recover again.")


def _quit(interpreter: Interpreter, _: str) -> Iterable[Row]:
    interpreter.done = True
    return ()


# ------------------------------------------------------------------------------------- practice


def _tutorial(interpreter: Interpreter, argument: str) -> Iterable[Row]:
    if argument and (not argument.isdecimal() or not 1 <= int(argument) <= len(CHAPTERS)):
        raise RequestError(f"write `:tutorial`, or a chapter from 1 to {len(CHAPTERS)} behind it.")
    return interpreter.teach(int(argument or 1) - 1)


def _quiz(interpreter: Interpreter, argument: str) -> Iterator[Row]:
    words = argument.split()
    source = interpreter.questions
    if words and words[0].endswith(".toml"):
        source = questions(_path(words.pop(0)))
    level = next((int(w) for w in words if w.isdecimal() and int(w) in LEVELS), None)
    named = [w for w in words if w != str(level)]
    known = topics(source)
    found = [t for t in known if named and t.startswith(named[0])]
    if len(named) > 1 or (named and len(found) != 1):
        raise RequestError(f"the topics are {listed(known)}; the levels go from 1 to 5.")
    topic = found[0] if found else ""
    question = choose(source, interpreter.scores, topic, level)
    yield from interpreter.pose(OpenQuestion(question, source, topic, level))


def _skip(interpreter: Interpreter, _: str) -> Iterator[Row]:
    if interpreter.asked is None:
        raise RequestError("no question is open: `:quiz` poses one.")
    interpreter.scores.record(interpreter.asked.question, right=False)
    yield from interpreter.pose_another(interpreter.asked)


def _score(interpreter: Interpreter, _: str) -> Iterator[Row]:
    width = max(
        sum(q.topic == topic for q in interpreter.questions)
        for topic in topics(interpreter.questions)
    )
    for topic in topics(interpreter.questions):
        asked = [q for q in interpreter.questions if q.topic == topic]
        solved = sum(interpreter.scores.solved(q) for q in asked)
        tried = sum(interpreter.scores.tried(q) for q in asked)
        bar = "■" * solved + "□" * (len(asked) - solved)
        of = f"   {solved} of {len(asked)} solved, {counted(tried, 'try', 'tries')}"
        yield [(f"  {padded(topic, 14)}", ""), (padded(bar, width), "green"), (of, "dim")]


# ------------------------------------------------------------------------------------------ help


def _help(interpreter: Interpreter, argument: str) -> Iterator[Row]:
    name = argument.removeprefix(":")
    if name in NAMES and name not in COMMANDS:
        row = TABLE[NAMES[name]]
        yield [(f"  {row.name}", "bold"), (f"   {row.help}", "")]
        for i, derivative in enumerate(row.derivative):
            by = f" by {'ab'[i]}" if row.arity > 1 else ""
            yield [(f"  its scalar derivative{by}: {derivative}", "dim")]
        return
    if name in CALLS and name not in COMMANDS:
        yield [(f"  {CALLS[name].called}", "bold"), (f"   {CALLS[name].help}", "")]
        return
    if name:
        command = command_named(name)
        yield [(f"  :{command.name} {command.arguments}", "bold")]
        for line in prose(f"{command.help}. {command.more}", interpreter.style.prose_width - 2):
            yield [(f"  {line}", "")]
        return
    width = max(len(f"{c.name} {c.arguments}") for c in COMMANDS.values()) + 4
    for command in COMMANDS.values():
        head = padded(f"  :{command.name} {command.arguments}", width)
        yield [(head, "bold"), (command.help, "")]
    yield []
    yield from _say(_OVERVIEW)


_OVERVIEW = """\
Type statements of the language: `W : d x h`, `J = norm(W)^2`, `grad J wrt W`;
or an expression alone, to see how it is read and its shape. `:derive J wrt W`
derives by hand. Where a bracket is open a line goes on; Alt-Enter begins
another. Commands may be shortened; one that is written out needs no colon,
unless its name is declared. `:help COMMAND` says more of one, `:help tanh` of
a function. Tab completes, also `\\theta` to θ.
"""

_ROWS = (
    Command("derive", "J wrt W", "derive by hand, line by line; `wrt W, b` together", _derive,
            "Type arrangements of the factors, such as `X' G`: each is judged at once, by its "
            "shape and by numbers. Also `:derive vjp Z wrt W`, `jac`, `hess`, `jvp`, `hvp`."),
    Command("hint", "", "one move: what goes first, what is transposed", _hint,
            "Asked again, it says more. For a question of `:quiz`, the question's hint."),
    Command("candidates", "", "what fits the shapes, and which of it stands", _candidates,
            "Each that fails says by how much the numbers are off, and why."),
    Command("next", "", "let the machine arrange this line", _next),
    Command("back", "", "take the last line back", _back),
    Command("why", "[FACTOR]", "where a factor came from in the chain rule", _why,
            "`:why D` is about one factor, `:why` about all of the line."),
    Command("answer", "", "let the machine finish", _answer,
            "For a question of `:quiz` it shows the derivation, and poses another question."),
    Command("stop", "", "leave the derivation by hand, or the question", _stop),
    Command("check", "CLAIM", "is `grad J wrt W = …` right, and what mends it", _check,
            "For instance `:check grad J wrt w = X' (X w - y)`; a statement that begins with "
            "`check` does the same."),
    Command("steps", "", "the last derivation with what was rejected", _steps,
            "What was rejected fits the declared shapes too; it is said why it is wrong. Then how "
            "the answer was simplified."),
    Command("latex", "", "the last gradient in LaTeX", _latex),
    Command("code", "[TARGET]", "the last gradient as code", _code,
            f"Targets: {', '.join(TARGETS)}."),
    Command("html", "[FILE]", "the last derivation with its pictures, in a browser", _html,
            "Without a file it is written among the temporary ones."),
    Command("answers", "", "all that was asked, derived anew", _answers,
            "The gradients alone, one a line."),
    Command("shapes", "[EXPR]", "the shapes of all names, or of an expression's parts", _shapes,
            "`:shapes X' (X w - y)` lists what is inside, innermost first."),
    Command("simplify", "EXPR", "an expression in its shortest form", _simplify),
    Command("vars", "", "what was entered", _vars),
    Command("set", "seed N", "the seed of the random draws, or `time-limit SECONDS`", _set,
            "All checks are at random inputs; another seed draws others. It starts as 0. "
            "`:set time-limit 60` allows 60 s for each request, `none` any time."),
    Command("undo", "", "take the last change back", _undo,
            "A change is what one line entered, `:forget`, `:load` or `:set`."),
    Command("redo", "", "make it again", _redo),
    Command("forget", "NAME", "take a declaration or definition out", _forget,
            "Several names are taken out together: `:forget Z, J`."),
    Command("load", "FILE", "begin with what is in a file", _load,
            "It takes the place of what was entered; `:undo` brings that back."),
    Command("save", "FILE", "write a problem file that `shapetrick derive` runs", _save,
            "Comments are kept. `:save` alone writes the file that was loaded or saved last. What "
            "is in another file, or was changed by another program in the meantime, is replaced "
            "only by `:save FILE!`."),
    Command("recover", "[drop]", "bring back a session that ended without saving", _recover,
            "A session in a terminal is kept after every line, until it is saved or left by "
            "Ctrl-D. `:recover` brings back the newest that is left, `:undo` what stood before; "
            "`:recover drop` deletes it."),
    Command("tutorial", "[CHAPTER]", "ten minutes on the trick, by hand", _tutorial,
            "A linear regression and one layer of a network, line by line; what was entered stays "
            "as it is."),
    Command("quiz", "[TOPIC] [LEVEL]", "practise on questions of growing difficulty", _quiz,
            "For instance `:quiz traces`, `:quiz 3`; levels go from 1 to 5. Type the answer as an "
            "expression. `:quiz FILE.toml` poses your own questions."),
    Command("skip", "", "another question", _skip),
    Command("score", "", "what was solved so far", _score, "It is kept between sessions."),
    Command("help", "[COMMAND]", "what can be typed", _help),
    Command("quit", "", "leave (Ctrl-D)", _quit),
)  # fmt: skip
COMMANDS = {command.name: command for command in _ROWS}
