"""What a generated function computes: its inputs, its outputs, and the plan between them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain

from ..algebra.definiteness import Definite
from ..algebra.symmetry import Symmetry
from ..core.errors import RequestError
from ..core.expr import Call, Expr, Name, Symbol, symbol, times
from ..core.problem import Problem
from ..core.results import Result
from ..core.returned import Returned
from ..core.solved import Solved
from ..core.structure import is_identity
from ..core.traversal import postorder, substitute, symbols_of
from ..language.definitions import written_out
from ..language.syntax.tree import UPSTREAM
from ..simplification.stable_forms import stable
from .chain_order import Association
from .factorizations import with_shared_factors
from .from_expressions import TABLE as TRANSLATED
from .from_expressions import translate
from .ir import Graph, Value, dims_in
from .reductions import with_products_reused


@dataclass(frozen=True, slots=True)
class Output(Returned):
    """What is returned, with the value that is computed for it."""

    value: Value


@dataclass(frozen=True, slots=True)
class Program:
    """Inputs in the order of the problem, outputs in the order of the requests, what they are
    computed by, and the names that the problem has for values."""

    graph: Graph
    inputs: tuple[Symbol, ...]
    functions: tuple[tuple[str, int], ...]  # abstract functions, each with an order of derivative
    foreign: tuple[str, ...]  # rows that a user has added: their values are passed in
    outputs: tuple[Output, ...]
    names: Mapping[Value, str]
    definitions: tuple[tuple[str, Expr], ...]
    dimensions: tuple[str, ...]  # that occur in it

    @property
    def conditions(self) -> tuple[str, ...]:
        """What the sizes have to satisfy ("m ≥ d")."""
        found = (o.result.validation.conditions for o in self.outputs if o.result is not None)
        return tuple(dict.fromkeys(chain.from_iterable(found)))


def program(
    problem: Problem,
    results: Sequence[Result],
    sizes: Mapping[str, int],
    is_spelled: Callable[[str], bool],
    with_values: bool = True,
) -> Program:
    """The program that computes the results together, after the values that were differentiated.

    `sizes` are those for which products are associated; `is_spelled` tells for which functions of
    every entry there is code."""
    wanted: list[Returned] = []
    if with_values:
        differentiated = [r.request for r in results if r.request.system is None]
        for of, text in {r.of: r.of_text for r in differentiated}.items():
            wanted.append(Returned(text, _word(text) or "value", of))
    keys = [result.request.key for result in results]
    for plain, result in zip(keys, results, strict=True):
        request, key = result.request, plain
        if keys.count(plain) > 1 and request.direction is not None:
            key = f"{plain} with {request.direction.name}"
        parts = (request.kind, _word(request.of_text), request.wrt.name)
        name = "_".join(filter(None, parts)) if request.system is None else request.wrt.name
        wanted.append(Returned(key, name, result.gradient, result=result))
    variables = [r.request.wrt for r in results if r.request.system is None]
    inputs = variables if with_values else _telling(variables, wanted)
    return planned(wanted, list(problem.symbols), sizes, is_spelled, inputs)


def _telling(variables: Sequence[Symbol], wanted: Sequence[Returned]) -> list[Symbol]:
    """The variables that tell sizes which nothing else tells: of a gradient that is constant."""
    told = {d for w in wanted for s in symbols_of(w.expression) for d in _names(s)}
    return [v for v in variables if not told.issuperset(_names(v))]


def _names(e: Expr) -> list[str]:
    """The names of its dimensions."""
    return [name for d in e.shape for name in d.names]


@dataclass(frozen=True, slots=True)
class BackwardRule:
    """A value with its backward rule: a program that computes the value first, then the gradients
    by some inputs, of which `upstream` is a factor."""

    program: Program
    upstream: Symbol

    @property
    def value(self) -> Output:
        return self.program.outputs[0]

    @property
    def gradients(self) -> Mapping[Symbol, Output]:
        """By the variable."""
        return {o.request.wrt: o for o in self.program.outputs if o.request is not None}

    @property
    def inputs(self) -> tuple[Symbol, ...]:
        return tuple(e for e in self.program.inputs if e is not self.upstream)


def rules(
    problem: Problem,
    results: Sequence[Result],
    sizes: Mapping[str, int],
    is_spelled: Callable[[str], bool],
) -> list[BackwardRule]:
    """The backward rules of all that was differentiated. Raises RequestError for a Jacobian."""
    by_value: dict[Expr, dict[Expr, Result]] = {}
    for result in results:
        request = result.request
        if request.kind not in ("grad", "vjp"):
            raise RequestError(
                f"`{request.key}` is no backward rule: the target takes `grad` and `vjp` alone."
            )
        by_value.setdefault(request.of, {}).setdefault(request.wrt, result)
    return [_rule(problem, [*found.values()], sizes, is_spelled) for found in by_value.values()]


def _rule(
    problem: Problem,
    results: Sequence[Result],
    sizes: Mapping[str, int],
    is_spelled: Callable[[str], bool],
) -> BackwardRule:
    request = results[0].request
    of, text = request.of, _word(request.of_text) or "value"
    directions = [r.request.direction for r in results if r.request.direction is not None]
    upstream = directions[0] if directions else symbol(f"{UPSTREAM}({text})", of.shape)
    wanted = [Returned(request.of_text, text, of)]
    for result in results:
        asked = result.request
        name = f"{asked.wrt.name}_{UPSTREAM}"
        gradient = result.gradient
        if asked.direction is None:
            gradient = times(upstream, gradient)
        elif asked.direction is not upstream:
            gradient = substitute(gradient, {asked.direction: upstream})
        wanted.append(Returned(asked.key, name, gradient, result=result))
    variables = [result.request.wrt for result in results]
    return BackwardRule(
        planned(wanted, list(problem.symbols), sizes, is_spelled, variables), upstream
    )


def _word(text: str) -> str:
    return text if text.isidentifier() else ""


def planned(
    wanted: Sequence[Returned],
    order: Sequence[str],
    sizes: Mapping[str, int],
    is_spelled: Callable[[str], bool],
    inputs: Sequence[Symbol] = (),
) -> Program:
    """The program for some expressions; its inputs, of which some may be needed for no value, are
    in the order of these names."""
    roots = [w.expression for w in wanted]
    graph = Graph()
    spelled = computable(roots, is_spelled)
    translation = translate(spelled, graph)
    values = [translation.values[e] for e in spelled]
    new = lowered(graph, values, sizes, translation.values)
    values = [new[v] for v in values]
    names = {new[v]: name for v, name in translation.names.items() if v in new}
    called = {v.data for v in postorder(values) if v.op == "function"}
    nodes = list(postorder(roots))
    used = {e.name: e for e in [*nodes, *inputs] if isinstance(e, Symbol)}
    order = [*order, *sorted(set(used) - set(order))]
    abstract = sorted({v.data for v in postorder(values) if v.op == "abstract"})
    return Program(
        graph=graph,
        inputs=tuple(used[name] for name in order if name in used),
        functions=tuple(abstract),
        foreign=tuple(sorted(name for name in called if not is_spelled(name))),
        outputs=tuple(
            Output(w.key, w.name, w.expression, v, result=w.result)
            for w, v in zip(wanted, values, strict=True)
        ),
        names=names,
        definitions=tuple(
            {e.name: e.args[0] for e in nodes if isinstance(e, Name) and _is_told(e)}.items()
        ),
        dimensions=_dimensions(values),
    )


def computable(roots: Sequence[Expr], is_spelled: Callable[[str], bool]) -> list[Expr]:
    """The expressions in their stable forms, in functions for which there is code."""
    return [written_out(e, lambda part: _lacks(part, is_spelled)) for e in stable(roots)]


def lowered(
    graph: Graph,
    values: Sequence[Value],
    sizes: Mapping[str, int],
    translated: Mapping[Expr, Value],
) -> dict[Value, Value]:
    """What every value becomes where products are ordered, and factors and products are shared;
    `translated` are the values of expressions."""
    found = {v: v for v in postorder(values)}
    is_definite = Definite(Symmetry())

    def is_positive(v: Value) -> bool:
        return any(is_definite(e) == "definite" for e, w in translated.items() if found.get(w) is v)

    stages: list[Callable[[list[Value]], dict[Value, Value]]] = [
        Association(graph, sizes),
        partial(with_shared_factors, graph, is_positive),
        partial(with_products_reused, graph),
    ]
    for stage in stages:
        new = stage([found[v] for v in values])
        found = {v: new[w] for v, w in found.items() if w in new}
    return found


def _is_told(e: Name) -> bool:
    """Whether the language can say what it is."""
    inside = postorder(e.args, into=lambda x: not isinstance(x, Name))
    return not is_identity(e) and not any(isinstance(x, Solved) for x in inside)


def _lacks(e: Call, is_spelled: Callable[[str], bool]) -> bool:
    """Whether nothing else than a definition says how a call is computed."""
    return e.function not in TRANSLATED and not is_spelled(e.function)


def _dimensions(values: Sequence[Value]) -> tuple[str, ...]:
    """The names of dimensions that the plan needs, in order of appearance."""
    dims = (d for v in postorder(values) for d in dims_in(v))
    return tuple(dict.fromkeys(name for d in dims for name in d.names))
