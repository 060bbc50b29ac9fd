"""One function for people to look up: its scalar derivative, the law of its units, the rule that
the search finds for it, and a problem to begin with.

The rule is not written anywhere: it is derived of that problem.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from ..api import Derivation, read
from ..core.errors import DerivationError
from ..core.functions import NAMES, TABLE, Function, parse_signature
from ..language.shapes.inference import sizes_wanted
from ..language.shapes.structured_calls import CALLS, StructuredCall
from ..language.shapes.words import vocabulary
from ..language.syntax.equation_library import TABLE as EQUATIONS
from ..language.syntax.equation_library import DefinedByEquations
from ..language.syntax.tree import FunctionDefinition
from ..render.function_table import WIDTH, call_of, function_names, is_operator
from ..render.layout import Row, labelled, plain, prose
from .outcome import BadInput, likely

_UNITS = {
    "linear": "the value has the argument's; of two, the product of theirs",
    "equal": "the arguments and the value have the same",
    "inverse": "the value has one over the argument's, with rows and columns swapped",
    "elementwise": "the value has its own",
    "unknown": "nothing is known of them",
}
_LETTERS = {"r": "m", "c": "n"}  # of signatures, as problems call them
_VALUE = "V"
_TEXT_AT = 14


class _Entry(NamedTuple):
    """How a function is called, what is known of it, a problem that gives a call of it a name, and
    by what it may be differentiated; what may have to be said of its arguments."""

    call: str
    facts: list[tuple[str, str]]  # a label, and what is said
    problem: str
    wrt: str
    value: str = _VALUE
    attributes: tuple[str, ...] = ("",)


def entry_text(name: str) -> str:
    """What is told of a function. Raises BadInput where there is none of that name."""
    entry = _entry(name)
    problem, derived = _derived(entry)
    facts = [*entry.facts, *(("rule", _rule(d)) for d in derived)]
    facts.append(("example", f'shapetrick derive -e "{problem}"'))
    rows: list[Row] = [[(entry.call, "bold")], []]
    for label, said in facts:
        lines: list[Row] = [[(line, "")] for line in prose(said, WIDTH - _TEXT_AT)]
        rows += labelled(label, lines, _TEXT_AT)
    return plain(rows)


def _entry(name: str) -> _Entry:
    library = vocabulary().library
    if name in NAMES:
        return _row_entry(TABLE[NAMES[name]])
    if name in CALLS:
        return _call_entry(CALLS[name])
    if name in EQUATIONS:
        return _equation_entry(name, EQUATIONS[name])
    if name in library:
        return _library_entry([*library[name].values()])
    meant = likely(name, function_names()) or ":"
    raise BadInput(f"there is no function {name!r}{meant} `shapetrick functions` lists them.")


def _derived(entry: _Entry) -> tuple[str, list[Derivation]]:
    """The problem with its requests, and their derivations; with the first attribute of the
    arguments that makes it one. Raises DerivationError."""
    for attribute in entry.attributes:
        text = entry.problem.format(attribute)
        value = read(f"{text}; check {entry.value} = {entry.value}").data.equalities[0].left
        asked = "grad {} wrt {}" if value.is_scalar else "vjp {} with G wrt {}"
        text += f"; {asked.format(entry.value, entry.wrt)}"
        try:
            return text, read(text).derive()
        except DerivationError as error:
            refused = error
    raise refused


def _rule(d: Derivation) -> str:
    """What the search found, and how it was confirmed."""
    where = [f"{name} = {e}" for name, e in d.definitions]
    if d.result.adjoint is not None and not where:  # else in closed form
        where += [f"{q.left} = {q.right}" for q in d.result.adjoint.equations]
    left = f"∂{d.of}/∂{d.wrt}" if d.kind == "grad" else f"bar({d.wrt})"
    sign = "✓ " if d.verified else ""
    listed = f", where {', '.join(where)}" if where else ""
    return f"{left} = {d.gradient}{listed}   {sign}{d.validation.verdict}"


def _row_entry(row: Function) -> _Entry:
    given, axis = (["X"] if row.arity == 1 else ["A", "B"]), None
    sides = [("m", "n")] * row.arity
    if row.signatures:
        axis = 1 if row.vector_without_axis else None
        text = next(text for on, text in row.signatures if on == axis)
        sides = [(_side(rows), _side(cols)) for rows, cols in parse_signature(text).args]
    declared = [f"{x} : {rows} x {cols}" for x, (rows, cols) in zip(given, sides, strict=True)]
    inside = [*given, *["m", "n"][: sizes_wanted(row)], *([f"axis={axis}"] if axis else [])]
    call = f"{row.name}({', '.join(inside)})"
    if is_operator(row):
        letters = iter(given)
        call = re.sub(r"\w", lambda _: next(letters), row.help.split(",")[0])
    facts = [] if is_operator(row) else [("what", row.help)]
    if row.aliases:
        facts.append(("also", ", ".join(row.aliases)))
    facts.append(("derivative", f"{', '.join(filter(None, row.derivative))}, as of scalars"))
    facts.append(("units", _UNITS[row.units]))
    wrt = [x for x, text in zip(given, row.derivative, strict=True) if text]
    problem = "; ".join([*declared, f"{_VALUE} = {call}"])
    return _Entry(call_of(row), facts, problem, ", ".join(wrt))


def _side(letters: tuple[str, ...]) -> str:
    """A side of a signature as a problem has it."""
    text = " ".join(_LETTERS.get(letter, letter) for letter in letters) or "1"
    return f"({text})" if " " in text else text


def _call_entry(row: StructuredCall) -> _Entry:
    call = re.sub(r"\bk\b", "1", row.called)
    given = [*dict.fromkeys(re.findall(r"\b[A-Zabx]\b", call))]
    problem = f"{', '.join(given)} : m x n; {_VALUE} = {call}"
    return _Entry(row.called, [("what", row.help)], problem, ", ".join(given[-2:]))


def _library_entry(found: list[FunctionDefinition]) -> _Entry:
    given = ", ".join(p.name.name for p in found[0].parameters if p.default is None)
    call = f"{found[0].name.name}({given})"
    facts = [("" if i else "defined", one.written) for i, one in enumerate(found)]
    return _Entry(call, facts, f"{_VALUE} = {call}", given)


def _equation_entry(name: str, row: DefinedByEquations) -> _Entry:
    unknowns = [unknown.split()[0] for unknown in row.unknowns.split(", ")]
    call = f"{', '.join(unknowns)} = {name}({row.arguments})"
    facts = [("what", row.help), ("defined", f"{row.equations} for {row.unknowns}")]
    problem = f"{row.arguments} : n x n{{}}; {call}"
    return _Entry(call, facts, problem, row.arguments, unknowns[0], ("", " symmetric"))
