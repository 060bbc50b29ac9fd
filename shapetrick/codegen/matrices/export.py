"""The code of a derivation in a language of matrices."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import partial

import numpy as np

from ...core.dims import ONE, Sizes, extent, shape_text
from ...core.errors import RequestError
from ...core.expr import Expr, Symbol
from ...core.functions import Array
from ...core.greek import other_spelling
from ...core.problem import Problem
from ...core.results import Result
from ..code_text import dim_text
from ..identifiers import Identifiers
from ..options import CodeOptions
from ..program import Output, Program
from ..python import export
from ..python.callables import Generated
from ..python.export import made_of, notes
from ..python.function_plans import StraightLinePlan
from ..python.module import RESERVED, formulas, told, with_function
from ..python.signature import Arguments, SizeSources, arguments
from ..python.trials import SampledPoint
from .eigen import EIGEN
from .language import MatrixLanguage, Trial, WrittenModule
from .octave import OCTAVE
from .statements import MatrixWriter

LANGUAGES: Mapping[str, MatrixLanguage] = {"octave": OCTAVE, "cpp": EIGEN}
TRIALS = 2  # points of a self-test


def code_in(
    language: MatrixLanguage,
    problem: Problem,
    results: Sequence[Result],
    options: CodeOptions,
) -> str:
    """A module in the language; the plan is tried in NumPy before. Raises RequestError."""
    sized, available = CodeOptions(options.sizes), language.operations
    plan = export.plan_of(problem, results, "numpy", sized, available=available)
    rows_apart = options.blocks or options.threads or options.shard
    if rows_apart or not isinstance(plan, StraightLinePlan):
        what = "rows taken apart" if rows_apart else "families"
        raise RequestError(
            f"there is no code for {what} in {language.name}: the target numpy has it."
        )
    places = plan.confirm()
    about = [*made_of(problem, options.command), *notes(results, available)]
    trials = list(_trials(language, plan, places)) if options.self_test else []
    if options.self_test and not trials:
        raise RequestError("there are no values to test with: leave the self-test out.")
    return language.module(_module(language, plan.program, about, trials))


class MatrixIdentifiers(Identifiers):
    """Hands out identifiers of a language; Greek letters are written out where it has none."""

    def __init__(self, language: MatrixLanguage) -> None:
        tables = (language.operations, language.functions)
        templates = (spelled.template for table in tables for spelled in table.values())
        words = {w for text in templates for w in re.findall(r"\w+", re.sub(r"{\w*}", "", text))}
        super().__init__({*RESERVED, *language.reserved.split(), *words})
        self._ascii = language.ascii_names

    def take(self, wanted: str) -> str:
        return super().take(_in_ascii(wanted) if self._ascii else wanted)


def _in_ascii(name: str) -> str:
    """The name with Greek letters written out, and others by their numbers."""
    letters = ((c, other_spelling(c)) for c in name)
    return "".join(written if written.isascii() else f"u{ord(c):x}" for c, written in letters)


class _Lengths(SizeSources):
    """Reads sizes in a language of matrices."""

    def __init__(self, language: MatrixLanguage, given: Arguments) -> None:
        self._language = language
        super().__init__(given.inputs, given.dims)
        self.ask(given.dims)

    def _is_plain(self, e: Symbol) -> bool:
        return False

    def _length(self, e: Symbol, axis: int) -> str:
        vector, *sides = self._language.lengths
        form = vector if len(extent(e.shape)) == 1 else sides[axis]
        return form.format(self._inputs[e])


def _module(
    language: MatrixLanguage, program: Program, about: Sequence[str], trials: Sequence[Trial]
) -> WrittenModule:
    identifiers = MatrixIdentifiers(language)
    given = arguments(program, identifiers)
    outputs = program.outputs
    names = {**program.names, **{o.value: o.name for o in outputs if not _is_row(o.expression)}}
    roots = [o.value for o in outputs]
    writer = MatrixWriter(language, roots, names, given.dims, given.functions, identifiers)
    for e, name in given.inputs.items():
        v = program.graph.node("input", (), e, extent(e.shape))
        (writer.bind_turned if _is_row(e) else writer.bind)(v, name)
    written = writer.write(roots, named=False)
    statements = [
        language.statement(s.name, s.text, s.value) if s.name else s.text for s in written
    ]
    taken = {*given.inputs.values()}
    results: list[tuple[str, Output]] = []
    for o in outputs:
        piece = writer.piece(o.value)
        name, is_row = piece.text, _is_row(o.expression)
        if is_row or piece.negative or not name.isidentifier() or name in taken:
            name = identifiers.take(o.name)
            text = f"{writer.turned(piece) if is_row else piece}"
            statements.append(language.result(name, text, o.expression.shape))
        taken.add(name)
        results.append((name, o))
    shapes = {name: e.shape for e, name in given.inputs.items()}
    return WrittenModule(
        about=about,
        told=told([o.key for o in outputs], formulas(program), shapes),
        inputs=given.inputs,
        functions=list(given.functions.values()),
        asked=[given.dims[name] for name in given.asked],
        body=[*_sizes_and_checks(language, given), *statements],
        results=[(name, o.expression.shape) for name, o in results],
        trials=trials,
    )


def _is_row(e: Expr) -> bool:
    """Whether it is a row, which is a column in the plan."""
    return e.shape[0] == ONE and e.shape[1] != ONE


def _sizes_and_checks(language: MatrixLanguage, given: Arguments) -> Iterator[str]:
    """The lines that read the sizes, and those that compare the shapes with them."""
    for line in _Lengths(language, given).lines:
        name, text = line.split(" = ", 1)
        yield language.size_line.format(name, text.replace("//", "/"))
    for e, name in given.inputs.items():
        if extent(e.shape):
            sides = [dim_text(d, given.dims, MatrixWriter.OVER) for d in e.shape]
            yield language.check(e, name, sides, shape_text(e.shape))


# ------------------------------------------------------------------------------------ the self-test


def _trials(
    language: MatrixLanguage, plan: StraightLinePlan, places: Sequence[SampledPoint]
) -> Iterator[Trial]:
    """Calls at points where the plan was tried, with what NumPy finds there. Raises
    RequestError."""
    entry = plan.entry
    given = entry.given
    if any(isinstance(key, str) for key in given.functions):
        raise RequestError("your own functions have no value in a module: leave the test out.")
    function = Generated(with_function(plan.lines, "numpy"), "numpy", [entry], alone=False)
    shifts = _shifts(given)
    waves = {name: partial(_wave, shift) for name, shift in shifts.items()}
    for sizes, drawn in places[:TRIALS]:
        asked = {name: sizes[name] for name in given.asked}
        arrays = {e.name: drawn.env[e.name] for e in given.inputs}
        with np.errstate(all="ignore"):
            found = function(**arrays, **waves, **asked).values()
        wanted = [np.asarray(x, dtype=float) for x in found]
        if not all(np.isfinite(x).all() for x in wanted):
            continue
        yield Trial(
            [
                *(_literal(language, arrays[e.name], e, sizes) for e in given.inputs),
                *(language.wave.format(shift) for shift in shifts.values()),
                *map(str, asked.values()),
            ],
            [
                (o.key, _literal(language, x, o.expression, sizes))
                for o, x in zip(entry.outputs, wanted, strict=True)
            ],
        )


def _shifts(given: Arguments) -> dict[str, float]:
    """Abstract functions are sines, each with a phase of its own; so are their derivatives."""
    keys = [key for key in given.functions if isinstance(key, tuple)]
    names = list(dict.fromkeys(name for name, _ in keys))
    return {
        given.functions[name, order]: 0.5 + 0.3 * names.index(name) + order * np.pi / 2
        for name, order in keys
    }


def _wave(shift: float, x: Array) -> Array:
    return np.sin(x + shift)


def _literal(language: MatrixLanguage, x: Array, e: Expr, sizes: Sizes) -> str:
    """A value of an expression, with all its digits."""
    rows = x.reshape([d.size(sizes) for d in e.shape]).tolist()
    return language.literal(rows, e.shape)
