"""A program as Python text: imports, signature, docstring, checks, statements, results."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, get_args

from ...core.dims import Shape, extent, shape_text
from ...core.errors import RequestError, enumerated
from ...core.expr import Expr, Name, Symbol
from ...core.problem import OF_ITS_SHAPE
from ...core.regexes import regex
from ...core.returned import Returned
from ...language.printer import overlined, to_text
from ..identifiers import Identifiers
from ..program import Output, Program
from ..statements import Assignment
from .line_breaks import WIDTH, fitted
from .linear_systems import helpers
from .operations import ARRAYS, Library
from .signature import Arguments, arguments, flattening, is_listed
from .statements import PythonWriter

if TYPE_CHECKING:
    from ..blocking import Blocking

CodeTarget = Literal["numpy", "jax", "torch", "torch-function", "jax-vjp", "einsum"]
TARGETS: tuple[CodeTarget, ...] = get_args(CodeTarget)
LIBRARIES: Mapping[CodeTarget, Library] = {
    "numpy": "numpy", "jax": "jax", "torch": "torch", "torch-function": "torch", "jax-vjp": "jax",
    "einsum": "numpy",
}  # fmt: skip
RULES = ("torch-function", "jax-vjp")  # targets that take part in automatic differentiation
IN_LETTERS = "einsum"  # the target whose products and sums are einsums
FUNCTION = "value_and_gradients"
LONGEST = 1000  # characters of a formula in a docstring

# Names that the text of a program uses itself.
RESERVED = frozenset(
    {
        *("np", "dask", "jax", "jnp", "math", "partial", "scipy", "torch", "Array", "Tensor"),
        *("Callable", "NDArray", "Any", "once_differentiable", "ctx", "saved", FUNCTION),
        "ThreadPoolExecutor",
    }
)
# What names begin with, and what imports them.
_IMPORTS: Sequence[tuple[str, str]] = (
    ("math.", "import math"),
    ("sys.", "import sys"),
    ("Callable.", "from collections.abc import Callable"),
    ("ThreadPoolExecutor.", "from concurrent.futures import ThreadPoolExecutor"),
    ("partial.", "from functools import partial"),
    ("Any.", "from typing import Any"),
    ("dask.", "import dask"),
    ("dask.array.", "import dask.array"),
    ("jax.", "import jax"),
    ("jnp.", "import jax.numpy as jnp"),
    ("jax.scipy.", "import jax.scipy"),
    ("np.", "import numpy as np"),
    ("scipy.linalg.", "import scipy.linalg"),
    ("scipy.sparse.linalg.", "import scipy.sparse.linalg"),
    ("scipy.special.", "import scipy.special"),
    ("torch.", "import torch"),
    ("NDArray.", "from numpy.typing import NDArray"),
    ("Tensor.", "from torch import Tensor"),
    ("once_differentiable.", "from torch.autograd.function import once_differentiable"),
)
_STANDARD = tuple(line for _, line in _IMPORTS[:6])
_NAME = regex(r"(?<![\w.])[^\W\d][\w.]*")  # with the dots in it
_PROSE = regex(r'"""[\s\S]*?"""|"(?:\\.|[^"\\\n])*"|#.*')  # strings and comments


def module(
    program: Program,
    library: Library,
    about: Sequence[str] = (),
    test: Sequence[str] = (),
    body: FunctionBody | None = None,
) -> str:
    """The text of a module with one function, and its test; `about` is what stands above."""
    return with_function(function(program, library, body), library, about, test)


def with_function(
    lines: Sequence[str], library: Library, about: Sequence[str] = (), test: Sequence[str] = ()
) -> str:
    """Likewise, with the lines of the function."""
    lines = [*helpers(lines, library), *lines, *test]
    if library == "numpy":
        lines = ["Array = NDArray[np.floating]", "", "", *lines]
    return assembled(lines, about)


def assembled(body: Sequence[str], about: Sequence[str]) -> str:
    """A module: what it is, its imports, its body."""
    text = "\n".join(fitted(body))
    code = _PROSE.sub("", text)
    names = {f"{name}." for name in _NAME.findall(code)}
    found = [line for start, line in _IMPORTS if any(name.startswith(start) for name in names)]
    standard = [line for line in found if line in _STANDARD]
    others = [line for line in found if line not in _STANDARD]
    blocks = ["\n".join(block) for block in (about, standard, others) if block]
    gap = "\n\n\n" if text.startswith(("def ", "class ", "@")) else "\n\n"
    return "\n\n".join(blocks) + gap + text + "\n"


def program_arguments(program: Program) -> Arguments:
    """The parameters of the function."""
    return arguments(program, Identifiers(RESERVED))


class FunctionBody(ABC):
    """What writes the lines of a function that compute its results, with the rows apart, by a kind
    of writer."""

    kind: type[PythonWriter] = PythonWriter

    def __init__(self, program: Program, blocking: Blocking) -> None:
        self.roots, self.blocking = [output.value for output in program.outputs], blocking

    @abstractmethod
    def lines(self, writer: Any, identifiers: Identifiers) -> list[str]:
        """The lines, by a writer of that kind."""


def function(program: Program, library: Library, body: FunctionBody | None = None) -> list[str]:
    """The lines of a function that returns all outputs; `body` writes those that compute them."""
    identifiers = Identifiers(RESERVED)
    given = arguments(program, identifiers)
    shapes = _own_shapes(program, given, identifiers)
    names = {**program.names, **{o.value: o.name for o in program.outputs}}
    roots = [output.value for output in program.outputs]
    writer = (body.kind if body is not None else PythonWriter)(
        library, roots, names, given.dims, given.functions, identifiers, _like(given)
    )
    bind(writer, program, given.inputs)
    computed = body.lines(writer, identifiers) if body is not None else written(writer.write(roots))
    returned = [_returned(o, f"{writer.piece(o.value)}", given, shapes) for o in program.outputs]
    lines = [
        *program_docstring(program, given),
        *given.lines,
        *(f"{text} = {name}.shape" for name, text in shapes.items()),
        *flattening(given),
        *computed,
        f"return {', '.join(returned)}",
    ]
    jit = [jitted(given)] if library == "jax" else []
    return [*jit, *with_signature(given, program.outputs, library, lines)]


def with_signature(
    given: Arguments, outputs: Iterable[Returned], library: Library, lines: Iterable[str]
) -> list[str]:
    """The function with these lines, which returns these outputs."""
    results = [_type_of(output, library, bool(given.stacked)) for output in outputs]
    result = results[0] if len(results) == 1 else f"tuple[{', '.join(results)}]"
    return [*signature(FUNCTION, parameters(given, library), result), *indented(lines)]


def indented(lines: Iterable[str]) -> list[str]:
    return [f"    {line}" if line else "" for line in lines]


def bind(writer: PythonWriter, program: Program, inputs: Mapping[Symbol, str]) -> None:
    """Tell the writer what the inputs are called."""
    for e, name in inputs.items():
        writer.bind(program.graph.node("input", (), e, extent(e.shape)), name)


def _like(given: Arguments) -> str:
    """An array among the inputs, for its type."""
    return next(iter(given.inputs.values()), "torch.zeros(())")


def jitted(given: Arguments) -> str:
    """The decorator by which JAX compiles the function."""
    if not given.others:
        return "@jax.jit"
    names = ", ".join(f'"{name}"' for name in given.others)
    return f"@partial(jax.jit, static_argnames=[{names}])"


def _own_shapes(program: Program, given: Arguments, identifiers: Identifiers) -> dict[str, str]:
    """What the shapes are called in which vectors were given, where a gradient comes back in it."""
    names = dict.fromkeys(filter(None, (_vector(o, given) for o in program.outputs)))
    return {name: identifiers.take(f"{name}_shape") for name in names}


def _vector(output: Output, given: Arguments) -> str:
    """The vector by which an output is the gradient, so that it has that vector's shape, if the
    function takes it."""
    request = output.request
    if request is None or request.kind not in OF_ITS_SHAPE:
        return ""
    return given.inputs.get(request.wrt, "") if len(extent(request.wrt.shape)) == 1 else ""


def _returned(output: Output, text: str, given: Arguments, shapes: Mapping[str, str]) -> str:
    vector = _vector(output, given)
    return f"{text}.reshape({shapes[vector]})" if vector else text


def _type_of(output: Returned, library: Library, stacked: bool) -> str:
    is_number = library == "numpy" and not extent(output.expression.shape)
    one = "float" if is_number and not (output.listed and stacked) else ARRAYS[library]
    return f"list[{one}]" if output.listed and not stacked else one


def parameters(given: Arguments, library: Library, several: str = "list[{}]") -> list[str]:
    """The parameters with their types; `several` is that of members."""
    array = ARRAYS[library]
    scalar = "float" if library == "numpy" else array
    typed = [
        (name, array if extent(e.shape) or e.indices else scalar, given.is_list(e))
        for e, name in given.inputs.items()
    ]
    for key, name in given.functions.items():
        taken = f"[{array}]" if isinstance(key, tuple) else "..."
        typed.append((name, f"Callable[{taken}, {array}]", is_listed(key)))
    typed += [(given.dims[name], "int", False) for name in given.asked]
    return [f"{name}: {several.format(one) if listed else one}" for name, one, listed in typed]


def signature(name: str, parameters: Sequence[str], result: str) -> list[str]:
    """`def f(…) -> …:` in one line or several."""
    line = f"def {name}({', '.join(parameters)}) -> {result}:"
    if len(line) <= WIDTH:
        return [line]
    inside = f"    {', '.join(parameters)}"
    if len(inside) <= WIDTH:
        return [f"def {name}(", inside, f") -> {result}:"]
    return [f"def {name}(", *(f"    {p}," for p in parameters), f") -> {result}:"]


def written(statements: Iterable[Assignment]) -> list[str]:
    """The statements as lines."""
    return [s.line for s in statements]


def program_docstring(program: Program, given: Arguments) -> list[str]:
    """What a program returns, its formulas, and the shapes, as a docstring."""
    inputs = {name: e.shape for e, name in given.inputs.items()}
    note = ""
    if any(len(extent(shape)) == 1 for shape in inputs.values()):
        note = "A column or row may have one axis; a gradient has the shape of its variable."
    return docstring([o.key for o in program.outputs], formulas(program), inputs, note)


DocumentedFormula = tuple[str, Expr, str]  # what it is called, what it is, and for what it is


def formulas(program: Program) -> list[DocumentedFormula]:
    """Those of the definitions and of what is returned."""
    found = [(overlined(name), body, "") for name, body in program.definitions]
    for o in program.outputs:
        if o.result is not None or (not isinstance(o.expression, Name) and o.name != "value"):
            found.append((o.key, o.result.gradient if o.result else o.expression, ""))
    return found


def docstring(
    keys: Sequence[str],
    formulas: Iterable[DocumentedFormula],
    inputs: Mapping[str, Shape],
    note: str,
) -> list[str]:
    """What is returned, its formulas, the shapes of inputs, and a note, as a docstring."""
    first, *rest = (quoted(line) for line in told(keys, formulas, inputs, note))
    return [f'"""{first}', *rest, '"""']


def told(
    keys: Sequence[str],
    formulas: Iterable[DocumentedFormula],
    inputs: Mapping[str, Shape],
    note: str = "",
) -> list[str]:
    """The lines that tell what is returned, its formulas, the shapes of inputs, and a note."""
    lines = [*wrapped(f"{enumerated(keys)}.", WIDTH - 8), ""]
    for name, e, over in formulas:
        first, *more = wrapped(f"{name} = {_formula(e)}{over}", WIDTH - 12)
        lines += [f"    {first}", *(f"        {line}" for line in more)]
    shapes = [
        f"{name}: {shape_text(shape) if extent(shape) else 'scalar'}"
        for name, shape in inputs.items()
    ]
    if shapes:
        gap = [""] if lines[-1] else []
        lines += [*gap, *wrapped(f"{'; '.join(shapes)}.", WIDTH - 4)]
    return [*lines, *wrapped(note, WIDTH - 4)] if note else lines


def quoted(line: str) -> str:
    """A line as it may stand in a docstring: nothing in it ends the string or the line."""
    return " ".join(line.split("\n")).replace("\\", "\\\\").replace('"""', "'''")


def _formula(e: Expr) -> str:
    try:
        text = to_text(e, unicode=True)
    except RequestError:
        text = ""
    return text if 0 < len(text) <= LONGEST else "(too long to print here)"


def wrapped(text: str, width: int) -> list[str]:
    """The words in lines."""
    lines = [""]
    for word in text.split(" "):
        if lines[-1] and len(lines[-1]) + len(word) + 1 > width:
            lines.append(word)
        else:
            lines[-1] = f"{lines[-1]} {word}".lstrip()
    return lines
