"""A value with the derived backward rule, for PyTorch's and for JAX's automatic differentiation.

A function checks the shapes, flattens vectors (which the framework differentiates), and calls the
rule; what the backward pass refers to is what the forward pass saves.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ..program import BackwardRule
from .identifiers import Identifiers
from .module import (
    RESERVED,
    assembled,
    bind,
    docstring,
    indented,
    parameters,
    signature,
    written,
)
from .operations import Library
from .self_test import LOCALS
from .signature import Arguments, arguments, flattening
from .statements import Assignment, Writer


def rule_module(
    rules: Sequence[BackwardRule], library: Library, about: Sequence[str], test: Sequence[str] = ()
) -> str:
    """For each value a `torch.autograd.Function` or a `jax.custom_vjp`, and a function that calls
    it."""
    write = _torch if library == "torch" else _jax
    body: list[str] = []
    for rule, name in zip(rules, entries(rules), strict=True):
        body += [*(["", ""] if body else []), *write(rule, name)]
    return assembled([*body, *test], about)


def entries(rules: Sequence[BackwardRule]) -> list[str]:
    """The names of the functions, in order."""
    wanted = [rule.value.name for rule in rules]
    identifiers = entry_names(wanted)
    return [identifiers.take(name) for name in wanted]


def entry_names(wanted: Sequence[str]) -> Identifiers:
    """Identifiers for functions; what else a module names after one of them begins with `_`."""
    passes = (f"{name}_{way}" for name in wanted for way in ("forward", "backward"))
    return Identifiers({*RESERVED, *LOCALS, *passes})


def rule_arguments(rule: BackwardRule) -> tuple[Arguments, str]:
    """The parameters of the function, all inputs but the upstream; and the upstream's name."""
    identifiers = Identifiers(RESERVED)
    given = arguments(rule.program, identifiers, rule.inputs)
    return given, identifiers.take(rule.upstream.name)


@dataclass(frozen=True, slots=True)
class _BothPasses:
    """The statements of both passes, and what the second needs of the first: arrays that are
    saved, and numbers, sizes and functions (`kept`)."""

    given: Arguments
    upstream: str
    forward: list[Assignment]
    backward: list[Assignment]
    value: str
    gradients: Mapping[str, str]  # by the name of the input
    saved: list[str]
    kept: list[str]

    def sizes(self, names: Iterable[str]) -> list[tuple[str, str, str]]:
        """Of the sizes among the names and those that they are made of: how each is read, off
        what."""
        needed, found = set(names), []
        for name, (text, source) in reversed(list(self.given.sources.items())):
            if name in needed:
                found.append((name, text, source))
                needed.update(re.findall(r"\w+", text))
        return found[::-1]

    @property
    def forward_names(self) -> set[str]:
        """What the forward pass refers to."""
        return _used(self.forward, [self.value])

    @property
    def returned(self) -> list[str]:
        """The gradients in the order of the inputs."""
        return [self.gradients.get(name, "None") for name in self.given.inputs.values()]


def _passes(rule: BackwardRule, library: Library) -> _BothPasses:
    program = rule.program
    identifiers = Identifiers(RESERVED)
    given = arguments(program, identifiers, rule.inputs)
    upstream = identifiers.take(rule.upstream.name)
    names = {**program.names, **{o.value: o.name for o in program.outputs}}
    roots = [o.value for o in program.outputs]
    like = next(iter(given.inputs.values()))
    writer = Writer(library, roots, names, given.dims, given.functions, identifiers, like)
    bind(writer, program, {**given.inputs, rule.upstream: upstream})
    forward = writer.write(roots[:1])
    backward = writer.write(roots[1:])
    gradients = {given.inputs[e]: f"{writer.piece(o.value)}" for e, o in rule.gradients.items()}
    used = _used(backward, gradients.values())
    numbers = {s.name for s in forward if writer.is_number(s.value)}
    arrays = [*given.inputs.values(), *(s.name for s in forward)]
    others = [*given.dims.values(), *given.functions.values(), *sorted(numbers)]
    return _BothPasses(
        given,
        upstream,
        forward,
        backward,
        f"{writer.piece(roots[0])}",
        gradients,
        saved=[name for name in arrays if name in used and name not in numbers],
        kept=[name for name in others if name in used],
    )


def _used(statements: Sequence[Assignment], results: Iterable[str]) -> set[str]:
    """The names that statements and results refer to, those that the statements define left out."""
    names = set(results).union(*(s.names for s in statements))
    return names - {s.name for s in statements}


def _function(
    rule: BackwardRule, name: str, library: Library, passes: _BothPasses, call: str
) -> list[str]:
    """The function that people call: checks, and the rule applied to flat vectors."""
    given = passes.given
    array = "Tensor" if library == "torch" else "jax.Array"
    body = [*docstring(rule.program, given), *given.lines, *flattening(given.inputs), call]
    return [*signature(name, parameters(given, library), array), *indented(body)]


# ----------------------------------------------------------------------------------------- PyTorch


def _torch(rule: BackwardRule, name: str) -> list[str]:
    passes = _passes(rule, "torch")
    given, rest = passes.given, passes.given.others
    class_name = f"_{name[0].upper()}{name[1:]}Function"
    forward = [
        *(
            f"{size} = {text}"
            for size, text, _ in passes.sizes(passes.forward_names | {*passes.kept})
        ),
        *written(passes.forward),
        *([f"ctx.save_for_backward({', '.join(passes.saved)})"] if passes.saved else []),
        *(f"ctx.{kept} = {kept}" for kept in passes.kept),
        f"return {passes.value}",
    ]
    results = [*passes.returned, *("None" for _ in rest)]
    backward = [
        *_refusals(passes),
        *([f"{_unpacked(passes.saved)} = ctx.saved_tensors"] if passes.saved else []),
        *(f"{kept} = ctx.{kept}" for kept in passes.kept),
        *written(passes.backward),
        f"return {', '.join(results)}{',' if len(results) == 1 else ''}",
    ]
    methods = [
        "@staticmethod",
        *signature("forward", ["ctx: Any", *parameters(given, "torch")], "Tensor"),
        *indented(forward),
        "",
        "@staticmethod",
        "@once_differentiable",
        *signature(
            "backward", ["ctx: Any", f"{passes.upstream}: Tensor"], "tuple[Tensor | None, ...]"
        ),
        *indented(backward),
    ]
    about = f'"""{rule.value.key} with its derived backward rule; `{name}` applies it."""'
    call = f"return {class_name}.apply({', '.join(given.names)})"
    return [
        f"class {class_name}(torch.autograd.Function):",
        *indented([about, "", *methods]),
        "",
        "",
        *_function(rule, name, "torch", passes, call),
    ]


def _unpacked(names: Sequence[str]) -> str:
    return f"({names[0]},)" if len(names) == 1 else ", ".join(names)


def _refusals(passes: _BothPasses) -> list[str]:
    """A gradient that nobody derived must not pass for zero."""
    inputs = list(passes.given.inputs.values())
    missing = [(i, name) for i, name in enumerate(inputs) if name not in passes.gradients]
    if not missing:
        return []
    needed = " or ".join(f"ctx.needs_input_grad[{i}]" for i, _ in missing)
    if len(missing) > 2:
        needed = f"any(ctx.needs_input_grad[i] for i in {tuple(i for i, _ in missing)!r})"
    names = ", ".join(name for _, name in missing)
    return [
        f"if {needed}:",
        f'    raise NotImplementedError("no gradient was derived by {names}")',
    ]


# --------------------------------------------------------------------------------------------- JAX


def _jax(rule: BackwardRule, name: str) -> list[str]:
    passes = _passes(rule, "jax")
    given = passes.given
    inputs, rest = list(given.inputs.values()), given.others
    array = "jax.Array"
    sizes = passes.sizes(passes.kept)
    # A size is read off an array again: JAX would make an array of one that is saved.
    known = {size for size, _, _ in sizes} | set(rest)
    saved = list(dict.fromkeys([
        *passes.saved, *(k for k in passes.kept if k not in known), *(s for _, _, s in sizes),
    ]))  # fmt: skip
    residuals = f"({', '.join(saved)}{',' if len(saved) == 1 else ''})"
    forward = [
        *(f"{size} = {text}" for size, text, _ in passes.sizes(passes.forward_names)),
        *written(passes.forward),
        f"return {passes.value}, {residuals}",
    ]
    backward = [
        *([f"{_unpacked(saved)} = saved"] if saved else []),
        *(f"{size} = {text}" for size, text, _ in sizes),
        *written(passes.backward),
        f"return {', '.join(passes.returned)}{',' if len(inputs) == 1 else ''}",
    ]
    typed = parameters(given, "jax")
    others = typed[len(inputs) :]
    fixed = [n for n in inputs if n not in passes.gradients]
    arguments = [f"jax.lax.stop_gradient({n})" if n in fixed else n for n in given.names]
    indices = tuple(range(len(inputs), len(inputs) + len(rest)))
    decorator = (
        f"@partial(jax.custom_vjp, nondiff_argnums={indices!r})" if rest else "@jax.custom_vjp"
    )
    tuples = "tuple[jax.Array, ...]"
    call = f"return _{name}({', '.join(arguments)})"
    return [
        decorator,
        *signature(f"_{name}", typed, array),
        *indented([f"return _{name}_forward({', '.join(given.names)})[0]"]),
        "",
        "",
        *signature(f"_{name}_forward", typed, f"tuple[{array}, {tuples}]"),
        *indented(forward),
        "",
        "",
        *signature(
            f"_{name}_backward",
            [*others, f"saved: {tuples}", f"{passes.upstream}: {array}"],
            "tuple[jax.Array | None, ...]",
        ),
        *indented(backward),
        "",
        "",
        f"_{name}.defvjp(_{name}_forward, _{name}_backward)",
        "",
        "",
        *_function(rule, name, "jax", passes, call),
    ]
