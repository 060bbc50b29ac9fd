"""A value with the derived backward rule, for PyTorch's and for JAX's automatic differentiation.

A function checks the shapes, turns lists into members by their index and vectors into arrays with
one axis (all of which the framework differentiates), and calls the rule; what the backward pass
refers to is what the forward pass saves.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from ...core.records import dataclass
from ...core.returned import Returned
from ..code_text import tuple_text, unpacked
from ..identifiers import Identifiers
from ..program import BackwardRule
from ..statements import Assignment
from .linear_systems import helpers
from .module import (
    RESERVED,
    assembled,
    bind,
    indented,
    parameters,
    program_docstring,
    signature,
    written,
)
from .operations import Library
from .self_test import LOCALS
from .signature import Arguments, arguments, flattening
from .statements import PythonWriter


@dataclass(frozen=True, slots=True)
class CustomRule:
    """A value with both its passes as lines. The second needs of the first arrays, which are
    `saved`, and numbers, sizes, functions and members by their index, which are `kept`."""

    entry: str  # the function that people call
    value: Returned
    answers: Sequence[Returned]  # its gradients
    given: Arguments
    upstream: str
    head: Sequence[str]  # what comes before the rule is applied
    forward: Sequence[str]
    forward_names: frozenset[str]  # what the forward pass refers to
    backward: Sequence[str]
    returned: str
    gradients: Mapping[str, str]  # by the name of the input; of a list, by the member's index
    saved: Sequence[str]
    kept: Sequence[str]


def rule_module(
    rules: Sequence[CustomRule], library: Library, about: Sequence[str], test: Sequence[str]
) -> str:
    """For each value a `torch.autograd.Function` or a `jax.custom_vjp`, and a function that calls
    it."""
    write = _torch if library == "torch" else _jax
    body: list[str] = []
    for rule in rules:
        body += [*(["", ""] if body else []), *write(rule)]
    return assembled([*helpers(body, library), *body, *test], about)


def entry_names(wanted: Sequence[str]) -> list[str]:
    """The names of the functions, in order; what else a module names after one of them begins
    with `_`."""
    passes = (f"{name}_{way}" for name in wanted for way in ("forward", "backward"))
    identifiers = Identifiers({*RESERVED, *LOCALS, *passes})
    return [identifiers.take(name) for name in wanted]


def custom_rule(rule: BackwardRule, entry: str, library: Library) -> CustomRule:
    """The rule of a program."""
    program = rule.program
    identifiers = Identifiers(RESERVED)
    given = arguments(program, identifiers, rule.inputs)
    upstream = identifiers.take(rule.upstream.name)
    names = {**program.names, **{o.value: o.name for o in program.outputs}}
    roots = [o.value for o in program.outputs]
    like = next(iter(given.inputs.values()))
    writer = PythonWriter(library, roots, names, given.dims, given.functions, identifiers, like)
    bind(writer, program, {**given.inputs, rule.upstream: upstream})
    forward = writer.write(roots[:1])
    backward = writer.write(roots[1:])
    gradients = {given.inputs[e]: f"{writer.piece(o.value)}" for e, o in rule.gradients.items()}
    used = _used(backward, gradients.values())
    numbers = {s.name for s in forward if writer.is_number(s.value)}
    arrays = [*given.inputs.values(), *(s.name for s in forward)]
    others = [*given.dims.values(), *given.functions.values(), *sorted(numbers)]
    returned = f"{writer.piece(roots[0])}"
    return CustomRule(
        entry,
        program.outputs[0],
        program.outputs[1:],
        given,
        upstream,
        [*program_docstring(program, given), *given.lines, *flattening(given)],
        written(forward),
        frozenset(_used(forward, [returned])),
        written(backward),
        returned,
        gradients,
        saved=[name for name in arrays if name in used and name not in numbers],
        kept=[name for name in others if name in used],
    )


def _used(statements: Sequence[Assignment], results: Iterable[str]) -> set[str]:
    """The names that statements and results refer to, those that the statements define left out."""
    names = set(results).union(*(s.names for s in statements))
    return names - {s.name for s in statements}


def _function(rule: CustomRule, library: Library, lines: Sequence[str]) -> list[str]:
    """The function that people call: checks, and the rule applied."""
    array = "Tensor" if library == "torch" else "jax.Array"
    head = signature(rule.entry, parameters(rule.given, library), array)
    return [*head, *indented([*rule.head, *lines])]


# ----------------------------------------------------------------------------------------- PyTorch


def _torch(rule: CustomRule) -> list[str]:
    """Members come last, one by one: autograd does not look into dictionaries."""
    given, rest = rule.given, rule.given.others
    class_name = f"_{rule.entry[0].upper()}{rule.entry[1:]}Function"
    alone = {e: name for e, name in given.inputs.items() if not given.is_list(e)}
    lists = [name for e, name in given.inputs.items() if given.is_list(e)]
    lists.sort(key=lambda name: name not in rule.gradients)
    typed = parameters(replace(given, inputs=alone), "torch", "dict[int, {}]")
    called = [*alone.values(), *rest]
    taken, entry = list[str](), list[str]()
    if lists:
        typed += ["members: dict[str, tuple[int, ...]]", "*tensors: Tensor"]
        called += ["members", *(f"*{name}.values()" for name in lists)]
        taken = [f'{name} = dict(zip(members["{name}"], given))' for name in lists]
        taken = ["given = iter(tensors)", *taken]
        indices = ", ".join(f'"{name}": tuple({name})' for name in lists)
        entry = [f"members = {{{indices}}}"]
    refused = _refusals(rule, [*alone.values()], lists)
    forward = [
        *taken,
        *(
            f"{size} = {text}"
            for size, text, _ in rule.given.sizes(rule.forward_names | {*rule.kept})
        ),
        *rule.forward,
        *([f"ctx.save_for_backward({', '.join(rule.saved)})"] if rule.saved else []),
        *(f"ctx.{name} = {name}" for name in rule.kept),
        *(["ctx.members = members"] if any(name not in rule.gradients for name in lists) else []),
        f"return {rule.returned}",
    ]
    results = [rule.gradients.get(name, "None") for name in alone.values()]
    results += ["None"] * (len(called) - len(alone) - len(lists))
    for name in lists:
        own = rule.gradients.get(name)
        results.append(f"*{own}.values()" if own else f'*[None] * len(ctx.members["{name}"])')
    backward = [
        *refused,
        *([f"{unpacked(rule.saved)} = ctx.saved_tensors"] if rule.saved else []),
        *(f"{name} = ctx.{name}" for name in rule.kept),
        *rule.backward,
        f"return {', '.join(results)}{',' if len(results) == 1 else ''}",
    ]
    gradients = "tuple[Tensor | None, ...]"
    methods = [
        "@staticmethod",
        *signature("forward", ["ctx: Any", *typed], "Tensor"),
        *indented(forward),
        "",
        "@staticmethod",
        "@once_differentiable",
        *signature("backward", ["ctx: Any", f"{rule.upstream}: Tensor"], gradients),
        *indented(backward),
    ]
    about = f'"""{rule.value.key} with its derived backward rule; `{rule.entry}` applies it."""'
    return [
        f"class {class_name}(torch.autograd.Function):",
        *indented([about, "", *methods]),
        "",
        "",
        *_function(rule, "torch", [*entry, f"return {class_name}.apply({', '.join(called)})"]),
    ]


def _refusals(rule: CustomRule, alone: Sequence[str], lists: Sequence[str]) -> list[str]:
    """A gradient that nobody derived must not pass for zero."""
    derived = rule.gradients
    missing = [i for i, name in enumerate(alone) if name not in derived]
    names = [alone[i] for i in missing] + [name for name in lists if name not in derived]
    needed = [f"ctx.needs_input_grad[{i}]" for i in missing]
    if len(missing) > 2:
        needed = [f"any(ctx.needs_input_grad[i] for i in {tuple(missing)!r})"]
    if len(names) > len(missing):
        own = (f' + len(ctx.members["{name}"])' for name in lists if name in derived)
        start = len(alone) + len(rule.given.others) + 1
        needed.append(f"any(ctx.needs_input_grad[{start}{''.join(own)} :])")
    if not names:
        return []
    return [
        f"if {' or '.join(needed)}:",
        f'    raise NotImplementedError("no gradient was derived by {", ".join(names)}")',
    ]


# --------------------------------------------------------------------------------------------- JAX


def _jax(rule: CustomRule) -> list[str]:
    """Members stay dictionaries, which JAX looks into."""
    given, name = rule.given, rule.entry
    inputs, rest = list(given.inputs.values()), given.others
    sizes = rule.given.sizes(rule.kept)
    # A size is read off an array again: JAX would make an array of one that is saved.
    known = {size for size, _, _ in sizes} | set(rest)
    saved = list(dict.fromkeys([
        *rule.saved, *(k for k in rule.kept if k not in known), *(s for _, _, s in sizes),
    ]))  # fmt: skip
    forward = [
        *(f"{size} = {text}" for size, text, _ in rule.given.sizes(rule.forward_names)),
        *rule.forward,
        f"return {rule.returned}, {tuple_text(saved)}",
    ]
    gradients = [rule.gradients.get(name, "None") for name in inputs]
    backward = [
        *([f"{unpacked(saved)} = saved"] if saved else []),
        *(f"{size} = {text}" for size, text, _ in sizes),
        *rule.backward,
        f"return {', '.join(gradients)}{',' if len(inputs) == 1 else ''}",
    ]
    typed = parameters(given, "jax", "dict[int, {}]")
    array = "jax.Array"
    one = "Any" if any(e.indices for e in given.inputs) else array
    fixed = [n for n in inputs if n not in rule.gradients]
    called = [f"jax.lax.stop_gradient({n})" if n in fixed else n for n in given.names]
    indices = tuple(range(len(inputs), len(inputs) + len(rest)))
    decorator = (
        f"@partial(jax.custom_vjp, nondiff_argnums={indices!r})" if rest else "@jax.custom_vjp"
    )
    back = [*typed[len(inputs) :], f"saved: tuple[{one}, ...]", f"{rule.upstream}: {array}"]
    parts = [
        [
            decorator,
            *signature(f"_{name}", typed, array),
            f"    return _{name}_forward({', '.join(given.names)})[0]",
        ],
        [
            *signature(f"_{name}_forward", typed, f"tuple[{array}, tuple[{one}, ...]]"),
            *indented(forward),
        ],
        [
            *signature(f"_{name}_backward", back, f"tuple[{one} | None, ...]"),
            *indented(backward),
        ],
        [f"_{name}.defvjp(_{name}_forward, _{name}_backward)"],
        _function(rule, "jax", [f"return _{name}({', '.join(called)})"]),
    ]
    return [line for part in parts for line in ("", "", *part)][2:]
