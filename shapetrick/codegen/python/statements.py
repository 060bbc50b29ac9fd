"""A computation plan as Python statements: how operations are spelled in NumPy, JAX and PyTorch,
where the table's templates don't say it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from typing import Any, ClassVar

from ...core.dims import Dim
from ...core.expr import Real
from ...numerics.solvers import TABLE as SOLVERS
from ..code_text import CodePrecedence, CodeText, number, tuple_text
from ..identifiers import Identifiers
from ..ir import Value
from ..statements import Assignment, Spelled, Writer
from .linear_systems import SOLVE
from .operations import ARRAYS, MODULES, TABLE, Library, spelling

_AXIS: Mapping[Library, str] = {"numpy": "axis", "jax": "axis", "torch": "dim"}


class PythonWriter(Writer):
    """Writes the statements of a plan in Python; `like` is an array of the right type."""

    def __init__(
        self,
        library: Library,
        roots: Sequence[Value],
        names: Mapping[Value, str],
        dims: Mapping[str, str],
        functions: Mapping[object, str],
        identifiers: Identifiers,
        like: str,
    ) -> None:
        super().__init__(roots, names, dims, functions, identifiers)
        self._library = library
        self._like = like
        self.counts: dict[Dim, str] = {}  # of the rows in a block

    def shape(self, dims: Sequence[Dim]) -> str:
        """The shape of an array as a tuple in Python: in a loop over rows, that of a block."""
        return tuple_text([self.counts.get(d) or self.dim(d) for d in dims])

    def rule_lines(
        self, name: str, entries: str, inner: Sequence[Assignment], found: CodeText, right: Value
    ) -> list[str]:
        array = ARRAYS[self._library]
        return [
            "",
            f"def {name}({entries}: {array}) -> {array}:",
            *(f"    {s.line}" for s in inner),
            f"    return {found}",
            "",
        ]

    def solved(self, name: str, right: CodeText) -> CodeText:
        return CodeText(f"{SOLVE}({name}, {right})", names=right.names)

    def by_template(self, v: Value) -> CodeText:
        """The text of an operation that the table spells."""
        op = v.op
        if op == "spread" and not v.args[0].rank:
            op = "zeros" if v.args[0].op == "number" and not v.args[0].data else "full"
        spelled = TABLE[op] if op != v.op else spelling(v)
        if spelled is None:  # the user's own function, which is passed in
            called = self._functions[v.data]
            text = f"{called}({', '.join(f'{self._pieces[a]}' for a in v.args)})"
            return CodeText(text, names=frozenset([called]))
        template = spelled.template(self._library, v in self._plain)
        self.name_repeated(v, template)
        extra = {}
        if isinstance(v.data, tuple) and "{m}" in template:
            extra = dict(zip("mn", map(self.dim, v.data), strict=False))
        text = template.format(
            *(self._pieces[a] for a in v.args),
            axis=f", {_AXIS[self._library]}={v.data}" if _is_axis(v) else "",
            shape=self.shape(v.shape),
            rows=self.dim(v.shape[0]) if v.shape else "",
            number=v.data,
            like=self._like,
            **extra,
        )
        used = {name for d in v.shape for name in d.names}
        words = set(re.findall(r"\w+", text))
        names = {self._dims[name] for name in used if self._dims[name] in words}
        names.update(count for count in self.counts.values() if count in words)
        if "{like}" in template:
            names.add(self._like)
        return CodeText(text, spelled.level, names=frozenset(names))

    def _size(self, v: Value) -> CodeText:
        text = self.dim(v.data)
        level = CodePrecedence.ATOM if text.isidentifier() else CodePrecedence.SUM
        return CodeText(text, level, names=frozenset(self._dims[name] for name in v.data.names))

    def _abstract(self, v: Value) -> CodeText:
        called, (x,) = self._functions[v.data], v.args
        argument = f"{self._pieces[x]}"
        if x in self._plain:  # a number, where the function expects an array
            argument = self.array_of(x)
        return CodeText(f"{called}({argument})", names=frozenset([called]))

    def array_of(self, v: Value) -> str:
        """A number as an array."""
        template = TABLE["array"].template(self._library, False)
        return template.format(f"{self._pieces[v]}", like=self._like)

    def _matmul(self, v: Value) -> CodeText:
        left, right = v.args
        if self._library == "jax" and left.op == "transpose" and right.rank == 1:
            left, right = right, left.args[0]  # which XLA takes without turning the matrix
        a, b = self._pieces[left], self._pieces[right]
        text = f"{a.unsigned:matmul} @ {b.unsigned:unary}"
        return CodeText(text, CodePrecedence.MATMUL, a.negative != b.negative)

    def _einsum(self, v: Value) -> CodeText:
        pieces = [self._pieces[a] for a in v.args]
        operands = ", ".join(f"{p.unsigned}" for p in pieces)
        text = f'{MODULES[self._library]}.einsum("{v.data}", {operands})'
        return CodeText(text, negative=sum(p.negative for p in pieces) % 2 == 1)

    def _slice(self, v: Value) -> CodeText:
        texts, used = [], set[str]()
        for place in v.data:
            if place is None:
                texts.append(":")
                continue
            first, end, is_one = place
            used.update(first.names if is_one else (*first.names, *end.names))
            start = self.dim(first) if first.terms else ""
            texts.append(start or "0" if is_one else _span(start, self._end(v, end, len(texts))))
        return self._indexed(v, texts, used)

    def _end(self, v: Value, end: Dim, axis: int) -> str:
        """Where a slice ends, if that isn't the end of the axis."""
        return "" if end == v.args[0].shape[axis] else self.dim(end)

    def _concatenation(self, v: Value) -> CodeText:
        function = {"numpy": "np.concatenate", "jax": "jnp.concatenate", "torch": "torch.cat"}
        parts = ", ".join(f"{self._pieces[a]}" for a in v.args)
        axis = f", {_AXIS[self._library]}={v.data}" if v.data else ""
        return CodeText(f"{function[self._library]}([{parts}]{axis})")

    def powers(self, v: Value) -> CodeText:
        base, exponent = (self._pieces[a] for a in v.args)
        return CodeText(f"{base:atom} ** {exponent:atom}", CodePrecedence.POWER)

    def raised(self, base: Value, exponent: Real) -> CodeText:
        piece = self._pieces[base]
        if exponent == 1:
            return piece
        if exponent == Fraction(1, 2):
            template = TABLE["root"].template(self._library, base in self._plain)
            return CodeText(template.format(piece))
        power = number(exponent)
        sign = "**" if piece.is_simple and power.is_simple else " ** "
        return CodeText(f"{piece:atom}{sign}{power:atom}", CodePrecedence.POWER)

    # ---- arrays of members

    def _permuted(self, v: Value) -> CodeText:
        """The axes in another order; mostly, the last two are exchanged."""
        x, order = self._pieces[v.args[0]], list(v.data)
        if order[:-2] == list(range(len(order) - 2)):
            return CodeText(f"{x:atom}.swapaxes(-1, -2)")
        return self._called("permute" if self._library == "torch" else "transpose", x, tuple(order))

    def _called(self, function: str, x: CodeText, *args: object) -> CodeText:
        return CodeText(f"{MODULES[self._library]}.{function}({x}, {', '.join(map(str, args))})")

    def _expanded(self, v: Value) -> CodeText:
        """The axes that others have besides, each of one entry: `a[:, None]`."""
        return self._indexed(v, [":" if own else "None" for own in v.data])

    def _indexed(self, v: Value, places: list[str], used: Iterable[str] = ()) -> CodeText:
        """Part of an array; what are the last axes, and taken whole, isn't written."""
        while len(places) > 1 and places[-1] == ":":
            places.pop()
        (a,) = v.args
        text = self.array_of(a) if self.is_number(a) else f"{self._pieces[a]:atom}"
        names = frozenset(self._dims[name] for name in used)
        return CodeText(f"{text}[{', '.join(places)}]", names=names)

    def _padded(self, v: Value) -> CodeText:
        """Zeros before and behind, along each axis."""
        x = self._pieces[v.args[0]]
        if self._library == "torch":  # from the last axis on
            ends = [self.dim(d) for pair in reversed(v.data) for d in pair]
            return CodeText(f"torch.nn.functional.pad({x}, ({', '.join(ends)}))")
        pairs = ", ".join(f"({self.dim(a)}, {self.dim(b)})" for a, b in v.data)
        return self._called("pad", x, f"({pairs})" if len(v.data) > 1 else f"({pairs},)")

    def _selected(self, v: Value) -> CodeText:
        """A slice along each axis, or one entry of it."""
        return self._indexed(v, [self._place_of(v, axis, p) for axis, p in enumerate(v.data)])

    def _place_of(self, v: Value, axis: int, place: Any) -> str:
        if place is None:
            return ":"
        if isinstance(place, Dim):
            return self.dim(place)
        first, end, step = place
        text = _span(self.dim(first) if first.terms else "", self._end(v, end, axis))
        return text + (f":{step}" if step > 1 else "")

    def _windows(self, v: Value) -> CodeText:
        """Stretches of an axis, along a last one: views, but in JAX, which puts no copy in their
        place where it needs none."""
        axis, size, step = v.data
        x, length = self._pieces[v.args[0]], self.dim(size)
        if self._library == "torch":
            return CodeText(f"{x:atom}.unfold({axis}, {length}, {step})")
        before = ":, " * axis
        if self._library == "numpy":
            view = f"np.lib.stride_tricks.sliding_window_view({x}, {length}, axis={axis})"
            return CodeText(view + (f"[{before}::{step}]" if step > 1 else ""))
        starts = f"{f'{step} * ' * (step > 1)}jnp.arange({self.dim(v.shape[axis])})[:, None]"
        picked = f"{x:atom}[{before}{starts} + jnp.arange({length})]"
        return CodeText(f"jnp.moveaxis({picked}, {axis + 1}, -1)")

    def _item(self, v: Value) -> CodeText:
        """One of several unknowns that a solver has found."""
        solver, number = v.data
        text = SOLVERS[solver].items[number].text
        return CodeText(text.format(f"{self._pieces[v.args[0]]:atom}"))

    def _kept(self, v: Value) -> CodeText:
        """A member that a loop has made."""
        name, at = v.data
        return CodeText(f"{name}[{', '.join(map(self.dim, at))}]", names=frozenset([name]))

    def _stacked(self, v: Value) -> CodeText:
        """Members that a loop has made, as one array."""
        name, at, over, partly = v.data
        names, lead = {name}, len(over)
        are_some = all(d.is_at_least(1) for d in v.shape[:lead])
        if partly or not are_some:
            names.add(self._like)
        template = TABLE["zeros"].template(self._library, False)
        empty = template.format(shape=self.shape(v.shape[lead:]), like=self._like)
        place = ", ".join(map(self.dim, at))
        key = f"({place})" if len(at) > 1 else place
        one = f"{name}.get({key}, {empty})" if partly else f"{name}[{place}]"
        for letter, first, end in over:
            one += f" for {self._dims[letter]} in range({self.dim(first)}, {self.dim(end)})"
        module = MODULES[self._library]
        text = (
            f"{module}.stack([{one}])" if are_some else f"{module}.stack([{empty}, *({one})])[1:]"
        )
        if lead > 1:
            text += f".reshape({self.shape(v.shape)})"
        return CodeText(text, names=frozenset(names))

    SPELLED: ClassVar[Spelled] = {
        **Writer.SPELLED,
        "size": _size,
        "abstract": _abstract,
        "matmul": _matmul,
        "einsum": _einsum,
        "slice": _slice,
        "concatenate": _concatenation,
        "permute": _permuted,
        "expand": _expanded,
        "pad": _padded,
        "select": _selected,
        "windows": _windows,
        "item": _item,
        "member": _kept,
        "stack": _stacked,
    }


def _is_axis(v: Value) -> bool:
    """Whether an operation works along an axis, or along several."""
    return isinstance(v.data, int) or (v.op in ("sum", "max", "min") and bool(v.data))


def _span(start: str, end: str) -> str:
    """A slice, with spaces where one of its ends has some."""
    gap = " " if " " in start + end else ""
    return f"{start}{gap}:{gap}{end}".strip()
