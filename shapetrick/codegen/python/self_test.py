"""The check that a generated module carries: its gradients against central differences of its
values.

Inputs are drawn with NumPy as their attributes ask. In a derivative along a random direction
every entry counts, so that one direction for each gradient will do.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import field

import numpy as np

from ...core.dims import Sizes, extent
from ...core.errors import RequestError
from ...core.expr import Symbol
from ...core.functions import Array
from ...core.problem import Request
from ...core.records import dataclass
from ..code_text import tuple_text
from .operations import MODULES, Library
from .signature import Arguments

# How entries are drawn of which nothing is declared: what will do depends on the domains.
RANGES = (
    "rng.standard_normal({0})",
    "rng.uniform(0.5, 1.5, {0})",
    "rng.uniform(0.1, 0.9, {0})",
    "rng.uniform(1.2, 2.0, {0})",
)
STEPS = (1e-3, 1e-4, 1e-5)
_SYMMETRIC = frozenset({"symmetric", "posdef", "diagonal"})
_SIGNED: Mapping[str, str] = {
    "unit": "rng.uniform(0.1, 0.9, {0})",
    "positive": "rng.uniform(0.5, 1.5, {0})",
    "nonneg": "rng.uniform(0.5, 1.5, {0})",
    "simplex": "rng.uniform(0.5, 1.5, {0})",
}
# What is made of a matrix drawn so; `{0}` is where it stands, `{n}` its number of columns.
_SHAPED: Mapping[str, str] = {
    "posdef": "{0} @ {0}.T / {n} + np.eye({n})",
    "orthogonal": "np.linalg.qr({0})[0]",
    "symmetric": "({0} + {0}.T) / 2",
    "diagonal": "np.diag(np.diag({0}))",
    "lower": "np.tril({0})",
    "upper": "np.triu({0})",
    "simplex": "{0} / np.sum({0}, axis=-1, keepdims=True)",
    "onehot": "np.eye({n})[np.argmax({0}, axis=-1)]",
}


# The names that the test has itself, which no function under test may have.
_HELPERS = "self_test results slope bend compare in_lists in_arrays"
_VALUES = "rng inputs wrong arrays apart found given own by output pull pulled u v"
LOCALS = frozenset(f"{_HELPERS} {_VALUES}".split())


@dataclass(frozen=True, slots=True)
class Draws:
    """The sizes of dimensions; one of RANGES, or the values of inputs where none of these will
    do; the step of the differences, or what gradients are at a solution of equations, where
    differences confirmed them."""

    sizes: Sizes
    entries: str
    values: Mapping[str, Array] = field(default_factory=dict)
    step: float = STEPS[0]
    confirmed: Mapping[Request, Array] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Checked:
    """An answer among the results, by its place, and the place of the value that it is of."""

    key: str
    request: Request
    at: int
    value_at: int
    upstream: str = ""  # the input that is it, for a backward rule


@dataclass(frozen=True, slots=True)
class Ruled:
    """A function with a backward rule: its parameters, and the gradients by some of them; with the
    upstream gradient and its name, where that is an input."""

    function: str
    given: Arguments
    gradients: Sequence[tuple[str, Request]]
    upstream: tuple[Symbol, str] | None = None


@dataclass(frozen=True, slots=True)
class Stacking:
    """Families that are arrays: the sizes of their indices, by the name of the input, and how many
    indices each result has."""

    sizes: Mapping[str, tuple[int, ...]]
    indices: tuple[int, ...] = ()


def function_test(
    given: Arguments,
    library: Library,
    draws: Draws,
    checked: Sequence[Checked],
    members: bool,
    stacking: Stacking | None,
    lazy: bool,
) -> list[str]:
    """The test of a function that returns values and gradients; of one that takes and returns
    lists, or arrays of members, if inputs are `members`; of one whose results may be computed
    only when they are asked for, if it is `lazy`."""
    call = ["return value_and_gradients(**given)"]
    if stacking is not None:
        one = "np.asarray(x)" if library == "torch" else "x"
        call = [
            "found = value_and_gradients(**in_arrays(given))",
            f"apart = zip(found, {stacking.indices})",
            "return [y for x, k in apart for y in np.reshape(X, (-1, *np.shape(x)[k:]))]".replace(
                "X", one
            ),
        ]
    elif members:
        one = "np.asarray(y)" if library == "torch" else "y"
        call = [
            "found = value_and_gradients(**in_lists(given))",
            f"return [{one} for x in found for y in (x if isinstance(x, list) else [x])]",
        ]
    elif lazy or library == "torch":
        call = ["return [np.asarray(x) for x in value_and_gradients(**given)]"]
    helper = _collecting(library, members, stacking)
    return _test(given, library, draws, checked, call, given.inputs, helper)


def rule_test(
    rules: Sequence[Ruled],
    library: Library,
    draws: Draws,
    members: bool,
    stacking: Stacking | None,
) -> list[str]:
    """The test of backward rules; of functions that take lists, or arrays of members, if inputs are
    `members`."""
    collected = "in_arrays" if stacking else "in_lists" if members else ""
    checked: list[Checked] = []
    call = ["found: list[Any] = []"]
    inputs: dict[Symbol, str] = {}
    place = 0
    for rule in rules:
        inputs.update(rule.given.inputs)
        upstream = ""
        if rule.upstream is not None:
            upstream = rule.upstream[1]
            inputs.update([rule.upstream])
        call += _pulled(library, rule, f'given["{upstream}"]' if upstream else "", collected)
        checked += [
            Checked(key, request, place + i, place, upstream)
            for i, (key, request) in enumerate(rule.gradients, 1)
        ]
        place += 1 + len(rule.gradients)
    call.append("return [np.asarray(x) for x in found]")
    merged = _merged([rule.given for rule in rules])
    helper = _collecting(library, members, stacking)
    return _test(merged, library, draws, checked, call, inputs, helper)


def _merged(all_given: Sequence[Arguments]) -> Arguments:
    """The parameters of several functions together."""
    first, *rest = all_given
    functions, asked = dict(first.functions), list(first.asked)
    for given in rest:
        functions.update(given.functions)
        asked += [name for name in given.asked if name not in asked]
    dims = {name: text for given in all_given for name, text in given.dims.items()}
    return Arguments(first.inputs, dims, functions, tuple(asked), {}, ())


def _pulled(library: Library, rule: Ruled, upstream: str, collected: str) -> list[str]:
    """Lines that add a value and its gradients, by the framework's own differentiation."""
    by = [rule.given.inputs[request.wrt] for _, request in rule.gradients]
    names = tuple_text([*map(literal, by)])
    own = f"own = {{n: given[n] for n in {tuple_text([*map(literal, rule.given.names)])}}}"
    value = f"{rule.function}(**{collected}({{**own, **by}}))"
    if library == "jax":
        return [
            own,
            f"by = {{n: own[n] for n in {names}}}",
            f"output, pull = jax.vjp(lambda by, own=own: {value}, by)",
            f"(pulled,) = pull({upstream or 'jnp.ones(())'})",
            "found += [output, *(pulled[n] for n in by)]",
        ]
    return [
        own,
        f"by = {{n: own[n].clone().requires_grad_() for n in {names}}}",
        f"output = {value}",
        "found.append(output.detach())",
        f"found += torch.autograd.grad(output, list(by.values()), {upstream or None})",
    ]


def literal(text: str) -> str:
    """A string in Python, in double quotes."""
    return json.dumps(text, ensure_ascii=False)


def _test(
    given: Arguments,
    library: Library,
    draws: Draws,
    checked: Sequence[Checked],
    call: Sequence[str],
    inputs: Mapping[Symbol, str],
    helper: Sequence[str] = (),
) -> list[str]:
    if any(isinstance(key, str) for key in given.functions):
        own = next(name for key, name in given.functions.items() if isinstance(key, str))
        raise RequestError(f"`{own}` is your own function: a module has no value to test it with.")
    sizes = ", ".join(f"{name} = {size}" for name, size in draws.sizes.items())
    said, at_random = _AT_A_SOLUTION, [c for c in checked if c.request not in draws.confirmed]
    pairs = [_beside(c, draws.confirmed[c.request]) for c in checked if c not in at_random]
    if at_random:
        said, pairs = _AT_RANDOM, [line for c in checked for line in _pair(c, inputs, draws)]
    bends = any(c.request.kind in _SECOND for c in at_random)
    slopes = any(c.request.kind not in _SECOND for c in at_random)
    body = [
        said,
        "rng = np.random.default_rng(0)",
        f"inputs: dict[str, Any] = {{}}  # {sizes}" if sizes else "inputs: dict[str, Any] = {}",
        *(line for e, name in inputs.items() for line in _drawn(e, f'inputs["{name}"]', draws)),
        *(
            _symmetrised(f'inputs["{inputs[direction]}"]')
            for direction in dict.fromkeys(_along(c) for c in checked if _is_symmetric(c))
            if direction is not None and direction in inputs
        ),
        *_others(given, library, draws),
        "wrong = 0",
        "",
        *helper,
        "def results(**changed: Any) -> Any:",
        "    given = {**inputs, **changed}",
        *(f"    {line}" for line in (*_CONVERTED[library], *call)),
        "",
        *(line.replace("STEP", f"{draws.step:g}") for line in _SLOPE if slopes),
        *(line.replace("STEP", f"{draws.step:g}") for line in _BEND if bends),
        *_COMPARE,
        "found = results()",
        *pairs,
        "return wrong",
    ]
    lines = [f"    {line}" if line else "" for line in body]
    main = ['if __name__ == "__main__":', *_PREPARED[library]]
    run = "    sys.exit(1 if self_test() else 0)"
    return ["", "", "def self_test() -> int:", *lines, "", "", *main, run]


_IN_LISTS = [
    "def in_lists(members: dict[str, Any]) -> dict[str, Any]:",
    "    lists: dict[str, Any] = {}",
    "    for name, x in members.items():",
    '        base, bracket, _ = name.partition("[")',
    "        if bracket:",
    "            lists.setdefault(base, []).append(x)",
    "        else:",
    "            lists[base] = x",
    "    return lists",
    "",
]


def _collecting(library: Library, members: bool, stacking: Stacking | None) -> Sequence[str]:
    """The functions that make lists, or arrays, of members."""
    if stacking is not None:
        return _in_arrays(library, stacking)
    return _IN_LISTS if members else ()


def _in_arrays(library: Library, stacking: Stacking) -> list[str]:
    """The function that makes arrays of members."""
    sizes = ", ".join(f"{literal(name)}: {own}" for name, own in stacking.sizes.items())
    return [
        *_IN_LISTS,
        "def in_arrays(members: dict[str, Any]) -> dict[str, Any]:",
        "    arrays = in_lists(members)",
        f"    for name, sizes in {{{sizes}}}.items():",
        f"        x = {MODULES[library]}.stack(arrays[name])",
        "        arrays[name] = x.reshape((*sizes, *x.shape[1:]))",
        "    return arrays",
        "",
    ]


_SLOPE = [
    "def slope(i: int, name: str, v: Any, h: float = STEP) -> Any:",
    "    x = inputs[name]",
    "    near, far = (",
    "        results(**{name: x + k * h * v})[i] - results(**{name: x - k * h * v})[i]",
    "        for k in (1, 2)",
    "    )",
    "    return (8 * near - far) / (12 * h)",
    "",
]
_BEND = [
    "def bend(i: int, rows: str, u: Any, name: str, v: Any, h: float = STEP) -> Any:",
    "    def at(r: int, s: int) -> Any:",
    "        moved = {rows: inputs[rows] + r * h * u}",
    "        moved[name] = moved.get(name, inputs[name]) + s * h * v",
    "        return results(**moved)[i]",
    "",
    "    return (at(1, 1) - at(1, -1) - at(-1, 1) + at(-1, -1)) / (4 * h**2)",
    "",
]
_COMPARE = [
    "def compare(key: str, found: Any, wanted: Any, value: Any, tolerance: float) -> None:",
    "    nonlocal wrong",
    "    error = np.max(np.abs(found - wanted))",
    "    allowed = tolerance * np.max(np.abs(wanted)) + 1e-9 * np.max(np.abs(value))",
    "    wrong += not error <= allowed",
    "    print(f\"{key}: {'ok' if error <= allowed else 'WRONG'}, off by {error:.1e}\")",
    "",
]
# What a library needs before the test is run, and of what is given to the function.
_PREPARED: Mapping[Library, list[str]] = {
    "numpy": [], "jax": ['    jax.config.update("jax_enable_x64", True)'], "torch": [],
}  # fmt: skip
_CONVERTED: Mapping[Library, list[str]] = {
    "numpy": [],
    "jax": [],
    "torch": [
        "for name, x in given.items():",
        "    if isinstance(x, (np.ndarray, float)):",
        "        given[name] = torch.as_tensor(x)",
    ],
}


def _drawn(e: Symbol, place: str, draws: Draws) -> list[str]:
    """Lines that draw an input; `place` is where it goes."""
    shape = tuple(d.size(draws.sizes) for d in extent(e.shape))
    if e.name in draws.values:
        value = draws.values[e.name].reshape(shape)
        if not draws.confirmed and not e.attributes & {*_SHAPED, "onehot"}:
            value = np.vectorize(lambda x: float(f"{x:.4g}"))(value)
        entries = value.tolist()
        return [f"{place} = {f'np.array({entries})' if shape else entries}"]
    attributes = e.attributes
    entries = next((text for a, text in _SIGNED.items() if a in attributes), draws.entries)
    if attributes & {"posdef", "orthogonal", "onehot"}:
        entries = RANGES[0]
    lines = [f"{place} = {entries.format(shape)}"]
    shaped = [text for a, text in _SHAPED.items() if a in attributes]
    if len(shape) == 2 and e.shape[0] == e.shape[1] and not attributes & {"posdef", "orthogonal"}:
        shaped.insert(0, "{0} + 2 * np.eye({n})")  # as good as never singular
    if shape:
        lines += [f"{place} = {text.format(place, n=shape[-1])}" for text in shaped]
    return lines


def _others(given: Arguments, library: Library, draws: Draws) -> list[str]:
    """Abstract functions are waves, each with a frequency of its own; sizes are numbers."""
    names = list(dict.fromkeys(key[0] for key in given.functions if isinstance(key, tuple)))
    module = MODULES[library]
    lines: list[str] = []
    for key, identifier in given.functions.items():
        if isinstance(key, tuple):
            name, order = key
            f = round(1 + 0.1 * names.index(name), 1)
            inside = f"{f} * x + {order} * np.pi / 2" if order else f"{f} * x"
            wave = f"{f**order:.4g} * {module}.sin({inside})".removeprefix("1 * ")
            lines.append(f'inputs["{identifier}"] = lambda x: {wave}'.replace("1.0 * x", "x"))
    return lines + [f'inputs["{given.dims[n]}"] = {draws.sizes[n]}' for n in given.asked]


# ---------------------------------------------------------------------------------- the comparisons

_SECOND = ("hess", "hvp")
_AT_RANDOM = (
    '"""Compare the gradients with differences at random inputs; return how many are wrong."""'
)
_AT_A_SOLUTION = (
    '"""Compare the gradients with those at a solution (confirmed by differences); return how\n'
    '    many are wrong."""'
)


def _beside(c: Checked, confirmed: Array) -> str:
    """The line that puts a gradient beside what it is at the solution."""
    entries = confirmed.reshape([n for n in confirmed.shape if n != 1]).tolist()
    result, value = f"found[{c.at}]", f"found[{c.value_at}]"
    wanted = f"np.array({entries})"
    return f"compare({literal(c.key)}, np.squeeze({result}), {wanted}, {value}, 1e-6)"


def _pair(c: Checked, inputs: Mapping[Symbol, str], draws: Draws) -> list[str]:
    """Lines that put a gradient beside the difference that it should equal."""
    request = c.request
    rows = request.first_wrt
    name = inputs[request.wrt]
    result, value = f"found[{c.at}]", f"found[{c.value_at}]"
    given = f'inputs["{c.upstream}"]' if c.upstream else "u" if request.kind == "vjp" else "v"
    v = "v" if request.direction is None or request.kind == "vjp" else given
    slope = f'slope({c.value_at}, "{name}", {v})'
    is_vector = bool(extent(request.wrt.shape))
    bend = f'bend({c.value_at}, "{inputs.get(rows)}", u, "{name}", v)'
    flat = '.ravel("F")' if is_vector else ""
    pairs: Mapping[str, tuple[str, str]] = {
        "grad": (f"np.sum({result} * v)", slope),
        "vjp": (f"np.sum({result} * v)", f"np.sum({given} * {slope})"),
        "jvp": (result, slope),
        "jac": (f"{result} @ v{flat}", f'np.ravel({slope}, "F")')
        if is_vector
        else (f"{result} * v", slope),
        "hess": (
            f"u{flat} @ {result} @ v{flat}"
            if is_vector and extent(rows.shape)
            else f"np.vdot(np.outer(u, v), {result})",
            bend,
        ),
        "hvp": (f"np.sum({result} * u)", bend.replace(", v)", f", {v})")),
    }
    gradient, difference = pairs[request.kind]
    tolerance = "1e-4" if request.kind in _SECOND else "1e-6"
    lines = []
    for d in (d for d in "uv" if d in _words(gradient + " " + difference)):
        along = request.of if d == given == "u" else rows if d == "u" else request.wrt
        shape = tuple(side.size(draws.sizes) for side in extent(along.shape))
        lines.append(f"{d} = rng.standard_normal({shape})")
        if along is request.of:
            continue
        if _is_symmetric(c):
            lines.append(_symmetrised(d))
    return [
        *lines,
        f"compare({literal(c.key)}, {gradient}, {difference}, {value}, {tolerance})",
    ]


def _along(c: Checked) -> Symbol | None:
    """The direction in which the variable moves, if it is given; that of a vjp is a cotangent."""
    return None if c.request.kind == "vjp" else c.request.direction


def _is_symmetric(c: Checked) -> bool:
    """Whether the variable is moved among symmetric matrices: a function of these may read one
    triangle, so that it has no difference along other directions."""
    wrt = c.request.wrt
    is_matrix = len(extent(wrt.shape)) == 2
    return c.request.symmetric or bool(is_matrix and wrt.attributes & _SYMMETRIC)


def _symmetrised(name: str) -> str:
    return f"{name} = {name} + {name}.T"


def _words(text: str) -> set[str]:
    return set(re.findall(r"\w+", text))
