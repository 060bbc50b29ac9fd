"""Requests made definite: by which symbols, along what, and what is claimed.

Problems with and without families are read alike: what a name means is asked of `RequestNames`.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import field, replace
from itertools import chain

from ..core import expr as ex
from ..core.dims import ONE, Shape, shape_text
from ..core.equations import EquationSystem, structure_of
from ..core.errors import (
    CallError,
    InferenceError,
    NameProblem,
    RequestError,
    ShapeError,
    Span,
)
from ..core.expr import Expr, Symbol
from ..core.free_names import numbered_names
from ..core.indices import Range
from ..core.problem import Claim, DerivativeKind, Request
from ..core.records import dataclass
from ..core.traversal import substitute
from .shapes.derived_values import derive
from .shapes.errors import source, source_inside
from .shapes.scope import Scope
from .shapes.unification import open_text
from .shapes.words import is_word
from .syntax.latex_places import is_latex
from .syntax.tree import DIRECTED, SYMMETRIC, UPSTREAM, Asked, FreeEntries, PlacedName, SyntaxNode


class RequestNames:
    """What the names in requests mean: `values` by name, and what else is `taken`; `systems` are
    the equations that determine unknowns."""

    __slots__ = ()
    scope: Scope
    values: Mapping[str, Expr]
    taken: Container[str]
    systems: tuple[EquationSystem, ...]

    @property
    def text(self) -> str:
        return self.scope.text

    def declared(self, name: str) -> Symbol | None:
        """What a name was declared as."""
        known = self.values.get(name)
        return known if isinstance(known, Symbol) else None

    def is_taken(self, name: str) -> bool:
        """Whether a name means anything."""
        scope = self.scope
        known = scope.is_known(name) or name in scope.functions
        return known or name in self.values or name in self.taken

    def held(self, e: Expr, wrt: Symbol) -> Expr:
        """The expression in which what a derivative is by stands for itself, if it is defined."""
        return e

    def variable(self, named: PlacedName, asked: Asked | None) -> Symbol:
        """What a derivative is by. Raises InputError."""
        raise NotImplementedError

    def variables(self, asked: Asked, of: Expr) -> tuple[PlacedName, ...]:
        """What an expression alone is asked about. Raises RequestError."""
        raise NotImplementedError

    def claim(self, asked: Asked, node: SyntaxNode, request: Request) -> Claim:
        """What is claimed of a request. Raises InputError."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class RequestReader:
    """Makes requests of what was typed; `directions` has by name what they are along, and the
    symbol; `readings` say what was typed otherwise."""

    names: RequestNames
    directions: dict[str, tuple[Expr, Expr]] = field(default_factory=dict)
    readings: list[str] = field(default_factory=list)

    def read(self, asked: Asked, of: Expr, ranges: tuple[Range, ...] = ()) -> Iterator[Request]:
        """One request for each name, and one for each further block of a Hessian; `ranges` are
        those of letters that stand for one number each.

        Raises InputError."""
        names, of_text = self.names, source_inside(self.names.text, asked.of)
        if not asked.wrt:
            asked = replace(asked, wrt=names.variables(asked, of))
        kind: DerivativeKind = "jac" if asked.leibniz and not of.is_scalar else asked.kind
        by = [names.variable(named, asked) for named in asked.wrt]
        standing: dict[Expr, Expr] = {}  # a symmetric matrix as made of its free entries
        for k, named in enumerate(asked.wrt):
            if isinstance(named, FreeEntries):
                if by.count(by[k]) > 1:
                    raise RequestError(
                        f"by `{named.name}` and by what it has on and below the diagonal are two "
                        "requests.",
                        named.span,
                        names.text,
                    )
                standing[by[k]], by[k] = self._free_entries(by[k], named.span)
        of = substitute(of, standing)
        for k, wrt in enumerate(by):
            if asked.symmetric and wrt.shape[0] != wrt.shape[1]:
                name, span = asked.wrt[k]
                raise RequestError(
                    f"`{name}` is {shape_text(wrt.shape)}: only a square matrix is symmetric.",
                    span,
                    names.text,
                )
            along = self.direction(asked, of, wrt) if kind in DIRECTED else None
            value, span = names.held(of, wrt), asked.span
            request = Request(
                kind, value, of_text, wrt, along, asked.symmetric, span=span, ranges=ranges
            )
            for r in self.blocks(asked, request, by, k):
                claim = None if asked.claim is None else names.claim(asked, asked.claim, r)
                if claim is not None and claim.value is not None:
                    claim = claim._replace(value=substitute(claim.value, standing))
                yield replace(r, claim=claim)

    def _free_entries(self, s: Symbol, span: Span) -> tuple[Expr, Symbol]:
        """A symmetric matrix by what it has on and below its diagonal, and a symbol for that."""
        if structure_of(s) != "symmetric":
            raise RequestError(
                f"`vech({s.name})` has all entries of a symmetric matrix: declare "
                f"`{s.name} : {s.shape[0]} x {s.shape[0]} symmetric`.",
                span,
                self.names.text,
            )
        n, duplicate = s.shape[0], ex.duplicate(s.shape[0])
        h = ex.symbol(self._free("h", s), (duplicate.shape[1], ONE))
        if h.name not in self.directions:
            self.readings.append(
                f"vech({s.name}) is {h.name}: {s.name} = unvec(duplicate({n}) {h.name}, {n}, {n})"
            )
        self.directions[h.name] = s, h
        body = ex.call("unvec", ex.matmul(duplicate, h), data=(n, n))
        return ex.named(s.name, body), h

    def blocks(
        self, asked: Asked, request: Request, by: Sequence[Symbol], k: int
    ) -> Iterable[Request]:
        """The request, and of a Hessian the blocks beside its diagonal: the gradient by one
        symbol, by each later one."""
        yield request
        if request.kind == "hess" and asked.claim is None:
            for other in by[k + 1 :]:
                gradient = derive("grad", request.of, by[k], systems=self.names.systems)
                text = f"grad {request.of_text} wrt {by[k].name}"
                yield Request("jac", gradient, text, other, span=asked.span)

    def default(
        self, name: str, of: Expr, by: Iterable[PlacedName], span: Span
    ) -> Iterator[Request]:
        """The gradient of a definition, where nothing is asked. Raises RequestError."""
        for named in by:
            if not of.is_scalar:
                raise RequestError(
                    f"nothing is asked, and `{name}` is {shape_text(of.shape)}, not a scalar of "
                    f"which the gradient could be meant. Write `vjp {name} wrt {named.name}`.",
                    span,
                    self.names.text,
                )
            yield Request("grad", of, name, self.names.variable(named, None), span=span)

    def direction(self, asked: Asked, of: Expr, wrt: Symbol) -> Symbol:
        """The symbol that stands for the upstream gradient, or for the direction."""
        along = of if asked.kind == "vjp" else wrt
        if asked.direction is None:
            name = f"{UPSTREAM}({asked.of.value})"
            if asked.kind != "vjp" or asked.of.kind != "name":
                name = self._free(DIRECTED[asked.kind], along)
        else:
            name, span = asked.direction
            declared = self.names.declared(name)
            if declared is not None and declared.shape == along.shape:
                return declared
            if declared is not None:
                raise ShapeError(
                    f"`{name}` is {shape_text(declared.shape)}, and {shape_text(along.shape)} is "
                    "needed here.",
                    span,
                    self.names.text,
                )
            if self.names.is_taken(name) or is_word(name):
                raise self._name_error(f"`{name}` means something else", span)
            other = self.directions.get(name)
            if other is not None and other[1].shape != along.shape:
                shapes = f"{shape_text(other[1].shape)}, and this is {shape_text(along.shape)}"
                raise self._name_error(f"`{name}` already names something of shape {shapes}", span)
        symbol = ex.symbol(name, along.shape)
        self.directions[name] = along, symbol
        return symbol

    def _name_error(self, what: str, span: Span) -> NameProblem:
        return NameProblem(f"{what}: choose another name.", span, self.names.text)

    def _free(self, letter: str, along: Expr) -> str:
        """The letter, with a number if it is taken by something else."""
        return next(
            name
            for name in chain([letter], numbered_names(letter))
            if not self.names.is_taken(name) and self.directions.get(name, (along,))[0] is along
        )


def claimed(
    text: str,
    asked: Asked,
    node: SyntaxNode,
    value: Callable[[], Expr],
    ranges: tuple[Range, ...] = (),
) -> Claim:
    """A claim, with its value, or with why its shapes have none. Raises InputError."""
    found, problem = None, ""
    try:
        found = value()
    except CallError:  # no change of shapes mends it
        raise
    except (ShapeError, InferenceError) as error:
        problem = error.message
    return Claim(plainly(text, node), found, node.span, problem, ranges, asked.entries)


def check_words(text: str, asked: Asked) -> None:
    """Refuse what a kind of request doesn't take. Raises RequestError."""
    if asked.direction is not None and asked.kind not in DIRECTED:
        raise RequestError(
            f"`with` belongs to {either(DIRECTED)}: `{asked.kind}` goes along nothing.",
            asked.direction.span,
            text,
        )
    if asked.symmetric and asked.kind not in SYMMETRIC:
        raise RequestError(f"`symmetric` belongs to {either(SYMMETRIC)}.", asked.span, text)


def not_scalar(text: str, asked: Asked, shape: Shape, by: Iterable[str]) -> RequestError:
    """What is said of a gradient of something that is no scalar."""
    typed = plainly(text, asked.of)
    what = {"grad": "a gradient", "hess": "a Hessian", "hvp": "a Hessian"}[asked.kind]
    wrt = ", ".join(by) or "X"
    return RequestError(
        f"{what} is of a scalar, and `{typed}` is {open_text(shape)}. Write `vjp {typed} wrt "
        f"{wrt}` for the backward rule, or `jac {typed} wrt {wrt}` for all the derivatives.",
        asked.of.span,
        text,
    )


def plainly(text: str, node: SyntaxNode) -> str:
    """A node as typed, or in the plain language where it was typed in LaTeX."""
    if is_latex(text, node.span):
        from .syntax.unparser import Unparser  # few formulas need it

        return Unparser(text, node).write(node)
    return source(text, node)


def either(names: Iterable[str]) -> str:
    """What may be meant: "`vjp`, `jvp`"."""
    return ", ".join(f"`{n}`" for n in names)
