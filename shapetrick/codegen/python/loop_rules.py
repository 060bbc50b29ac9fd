"""A value of families with its backward loops, for automatic differentiation in PyTorch and JAX.

A function turns lists into members and vectors into arrays with one axis, which the framework
differentiates, and calls the rule; what the forward loops make is saved for the backward ones.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ...core.errors import RequestError
from ...core.indices import Index
from ...families.forward_backward import Answer
from .identifiers import Identifiers
from .loops import Loops, Parameter
from .module import indented, signature


class LoopRule:
    """The rule of one value, and the function that applies it. Raises RequestError where the
    gradients by a family are asked for in part."""

    def __init__(self, loops: Loops, names: Identifiers) -> None:
        self.loops = loops
        self.value, *self.gradients = loops.answers
        results = [a.result for a in self.gradients if a.result is not None]
        directions = {r.request.direction for r in results}
        if len(directions) > 1 or len(loops.answers) != 1 + len(results):
            raise RequestError("a backward rule is of one value, with one upstream gradient.")
        self.direction = direction = directions.pop()
        self.name = loops.identifier(self.value.base)
        self.entry = names.take(self.name)
        self.upstream = loops.identifier(f"bar({self.value.base})", f"{self.value.base}_bar")
        self._times = f" * {self.upstream}"
        if direction is not None:
            self.upstream, self._times = loops.identifier(direction.name), ""
        own = [p for p in loops.parameters if p.identifier != self.upstream]
        self.parameters = own
        self._inputs = [p for p in own if p.value is not None]
        self._others = [p for p in own if p.value is None]
        self._found = {p.name: self._gradient(p) for p in self._inputs}

    def lines(self) -> list[str]:
        """The rule and the function."""
        return self._jax() if self.loops.library == "jax" else self._torch()

    # ---- gradients

    def _gradient(self, p: Parameter) -> str | dict[str, str] | None:
        """The gradient by an input: a name, that of a dictionary of members, or members alone; None
        if nobody asked."""
        asked = {a.result.request.wrt: a for a in self.gradients if a.result is not None}
        own = {wrt: a for wrt, a in asked.items() if wrt.base == p.name}
        if not own:
            return None
        if not p.listed:
            return self._name(*own.values())
        whole = next((a for a in own.values() if a.listed), None)
        if whole is not None:
            return self._name(whole)
        segments = [s for s in self.loops.families.of(p.name) if s.body is None]
        by = {wrt.name: a for wrt, a in own.items()}
        alone = [s for s in segments if s.over is None and s.name in by]
        if len(alone) < len(segments):
            raise RequestError(
                f"a backward rule has gradients by all members of `{p.name}`, or none: ask for "
                f"`{p.name}[l]`."
            )
        alone.sort(key=lambda s: s.index.place)
        return {self._index(s.index): self._name(by[s.name]) for s in alone}

    def _name(self, a: Answer) -> str:
        return self.loops.identifier(a.base)

    def _index(self, index: Index) -> str:
        return self.loops.index(index)

    # ---- parts

    @property
    def _saved(self) -> list[str]:
        """What the backward loops may refer to: the inputs, and what the forward loops make."""
        made = [self.loops.identifier(base) for base in self.loops.made_forward]
        return list(dict.fromkeys([*(p.identifier for p in self._inputs), *made]))

    def _forward(self) -> list[str]:
        return [*self.loops.sizes(self.loops.forward), *self.loops.forward]

    def _backward(self) -> list[str]:
        return [*self.loops.sizes(self.loops.backward), *self.loops.backward]

    @property
    def _words(self) -> set[str]:
        """The names in the backward loops."""
        return set(re.findall(r"\w+", "\n".join(self._backward())))

    def _head(self) -> list[str]:
        typed = [f"{p.identifier}: {p.type}" for p in self.parameters]
        return signature(self.entry, typed, self.loops.type_of(self.value))

    # ---- JAX

    def _jax(self) -> list[str]:
        names = [p.identifier for p in (*self._inputs, *self._others)]
        others = [p.identifier for p in self._others]
        kept = [name for name in self._saved if name in self._words]
        tuple_of = f"({', '.join(kept)}{',' if len(kept) == 1 else ''})"
        fixed = tuple(range(len(self._inputs), len(names)))
        decorator = "@jax.custom_vjp"
        if fixed:
            decorator = f"@partial(jax.custom_vjp, nondiff_argnums={fixed!r})"
        gradients = [self._in_jax(p) for p in self._inputs]
        called = [
            name if p.value is None or self._found[p.name] is not None else self._stopped(p)
            for name, p in zip(names, (*self._inputs, *self._others), strict=True)
        ]
        forward = [*self._forward(), f"return {self.name}, {tuple_of}"]
        backward = [
            *([f"{', '.join(kept)}{',' if len(kept) == 1 else ''} = saved"] if kept else []),
            *self._backward(),
            f"return {', '.join(gradients)}{',' if len(gradients) == 1 else ''}",
        ]
        before = ", ".join([*others, "saved", self.upstream])
        return [
            decorator,
            f"def _{self.entry}({', '.join(names)}):",
            f"    return _{self.entry}_forward({', '.join(names)})[0]",
            "",
            "",
            f"def _{self.entry}_forward({', '.join(names)}):",
            *indented(forward),
            "",
            "",
            f"def _{self.entry}_backward({before}):",
            *indented(backward),
            "",
            "",
            f"_{self.entry}.defvjp(_{self.entry}_forward, _{self.entry}_backward)",
            "",
            "",
            *self._head(),
            *indented(self.loops.docstring([self.value])),
            *indented(self.loops.given(self.parameters)),
            f"    return _{self.entry}({', '.join(called)})",
        ]

    def _in_jax(self, p: Parameter) -> str:
        found = self._found[p.name]
        if found is None:
            return "None"
        if isinstance(found, dict):
            return "{" + ", ".join(f"{i}: {g}{self._times}" for i, g in found.items()) + "}"
        if p.listed:
            i, g = self.loops.i, self.loops.g
            return f"{{{i}: {g}{self._times} for {i}, {g} in {found}.items()}}"
        return f"{found}{self._times}"

    # ---- PyTorch

    def _torch(self) -> list[str]:
        others = [p.identifier for p in self._others]
        class_name = f"_{self.entry[0].upper()}{self.entry[1:]}Function"
        kept = [name for name in self._saved if name in self._words]
        used = [name for name in others if name in self._words]
        gradients = map(self._in_torch, self._inputs)
        forward = [
            "given = iter(tensors)",
            *(self._taken(p) for p in self._inputs),
            *self._forward(),
            *(f"ctx.{name} = {name}" for name in ["members", *kept, *used]),
            f"return {self.name}",
        ]
        backward = [
            *(f"{name} = ctx.{name}" for name in ["members", *kept, *used]),
            *self._backward(),
            f"return {', '.join([*(['None'] * (1 + len(others))), *gradients])}",
        ]
        members = ", ".join(f'"{p.identifier}": tuple({p.identifier})' for p in self._listed)
        tensors = [f"*{p.identifier}.values()" if p.listed else p.identifier for p in self._inputs]
        called = ", ".join(["members", *others, *tensors])
        return [
            f"class {class_name}(torch.autograd.Function):",
            f'    """{self.value.key} with its derived backward rule; '
            f'`{self.entry}` applies it."""',
            "",
            "    @staticmethod",
            f"    def forward(ctx, {', '.join(['members', *others, '*tensors'])}):",
            *indented(indented(forward)),
            "",
            "    @staticmethod",
            "    @once_differentiable",
            f"    def backward(ctx, {self.upstream}):",
            *indented(indented(backward)),
            "",
            "",
            *self._head(),
            *indented(self.loops.docstring([self.value])),
            *indented(self.loops.given(self.parameters)),
            *indented(self._refusals()),
            f"    members = {{{members}}}",
            f"    return {class_name}.apply({called})",
        ]

    @property
    def _listed(self) -> list[Parameter]:
        return [p for p in self._inputs if p.listed]

    def _taken(self, p: Parameter) -> str:
        if not p.listed:
            return f"{p.identifier} = next(given)"
        i = self.loops.i
        return f'{p.identifier} = {{{i}: next(given) for {i} in members["{p.identifier}"]}}'

    def _in_torch(self, p: Parameter) -> str:
        found, times = self._found[p.name], self._times
        if isinstance(found, dict):
            return ", ".join(f"{g}{times}" for g in found.values())
        if p.listed:
            i = self.loops.i
            one = "None" if found is None else f"{found}[{i}]{times}"
            return f'*({one} for {i} in members["{p.identifier}"])'
        return "None" if found is None else f"{found}{times}"

    def _refusals(self) -> Iterator[str]:
        """A gradient that nobody derived must not pass for zero."""
        for p in self._inputs:
            if self._found[p.name] is None:
                needed = f"{p.identifier}.requires_grad"
                if p.listed:
                    a = self.loops.a
                    needed = f"any({a}.requires_grad for {a} in {p.identifier}.values())"
                yield f"if {needed}:"
                yield f'    raise NotImplementedError("no gradient was derived by {p.identifier}")'

    def _stopped(self, p: Parameter) -> str:
        if not p.listed:
            return f"jax.lax.stop_gradient({p.identifier})"
        i, a = self.loops.i, self.loops.a
        return f"{{{i}: jax.lax.stop_gradient({a}) for {i}, {a} in {p.identifier}.items()}}"
