"""The Python surface: read a problem, derive, and look at what was found."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import cached_property, partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from .core.deadline import SECONDS, limited
from .core.errors import InputError, OperandError, RequestError, checked_seed
from .core.expr import Expr, operand, register_writer
from .core.problem import NOTHING_ASKED, Request, begin
from .core.problem import Problem as ProblemData
from .core.records import dataclass
from .core.results import Result, Step, Validation
from .core.warnings import warnings_of
from .language.elaboration import read as read_problem
from .language.elaboration import read_value
from .language.printer import to_text
from .numerics.evaluation import FunctionValues, Valuation
from .pipeline import hooks as hooks  # by which texts have derivatives as values

# What only some users need is imported where it is used: a first derivation should come at once.
if TYPE_CHECKING:
    from .checks import Check, EqualityCheck
    from .codegen.python.callables import Generated
    from .families.saved_values import Account
    from .numerics.error_curves import Curve
    from .numerics.scale_errors import ScaleErrors
    from .render.html import Report


def _latex(e: Expr) -> str:
    from .render.latex import to_latex

    return to_latex(e)


register_writer("latex", _latex)


class _Together:
    """The steps of results that were derived together, made when they are first looked at."""

    def __init__(self, problem: ProblemData, results: Sequence[Result]) -> None:
        self._problem, self._results = problem, results

    @cached_property
    def steps(self) -> dict[Request, tuple[Step, ...]]:
        """The derivation of each as on paper."""
        from .pipeline.requests import steps_together

        found = steps_together(self._problem, self._results, to_text)
        return {r.request: steps for r, steps in zip(self._results, found, strict=True)}


class Derivation:
    """The derivative that one request asked for, with its derivation and its evidence.

    >>> d = st.derive("X: m x d; w: d; y: m; J = norm(X w - y)^2 / (2 m); grad J wrt w")
    >>> d
    <Derivation grad J wrt w = X' (X w - y) / m>
    >>> d.verified, d.shape
    (True, ('d', '1'))
    """

    def __init__(
        self, problem: ProblemData, result: Result, together: _Together | None = None
    ) -> None:
        self.problem = problem
        self.result = result
        self._together = together or _Together(problem, [result])

    @property
    def kind(self) -> str:
        """What was asked for: `grad`, `vjp`, `jac`, `hess`, `jvp` or `hvp`."""
        return self.result.request.kind

    @property
    def of(self) -> str:
        """What was differentiated, as typed."""
        return self.result.request.of_text

    @property
    def wrt(self) -> str:
        """The name of the variable."""
        return str(self.result.request.wrt.name)

    @property
    def shape(self) -> tuple[str, str]:
        """The gradient's shape."""
        rows, cols = self.result.gradient.shape
        return str(rows), str(cols)

    @property
    def gradient(self) -> Expr:
        """The simplified gradient; its `str` is in the language."""
        return self.result.gradient

    @property
    def expanded(self) -> Expr:
        """The gradient in declared symbols alone."""
        return self.result.expanded

    @property
    def definitions(self) -> list[tuple[str, Expr]]:
        """The definitions that the gradient uses, in order."""
        return list(self.result.definitions)

    @cached_property
    def steps(self) -> tuple[Step, ...]:
        """The derivation as on paper, made when first looked at."""
        return self.result.steps or self._together.steps[self.result.request]

    @property
    def warnings(self) -> tuple[str, ...]:
        """What nobody should overlook: undeclared and unused names, a variable that does not
        occur."""
        return warnings_of(self.problem, self.result.request)

    @property
    def validation(self) -> Validation:
        """The verdict and its figures."""
        return self.result.validation

    @property
    def verified(self) -> bool:
        """Whether the gradient passed every check."""
        return self.result.validation.verdict == "verified"

    @property
    def equations(self) -> tuple[tuple[Expr, Expr], ...]:
        """The equations that determine unknowns, multipliers and differentials, as their sides.

        >>> d = st.derive("A, Q : n x n; Y : n x n where A Y + Y A' = Q; vjp Y wrt Q")
        >>> d.equations
        ((A Y + Y A', Q), (A' S + S A, bar(Y)))
        """
        adjoint = self.result.adjoint
        if adjoint is None:
            return ()
        given = ((q.left, q.right) for system in adjoint.systems for q in system.equations)
        linear = ((q.left, q.right) for x in adjoint.linear_systems for q in x.equations)
        return (*given, *linear)

    def to_sympy(self) -> Any:
        """The gradient as a SymPy expression, in declared symbols and those that `equations`
        determine.

        >>> st.derive("x: n; J = x' x; grad J wrt x").to_sympy()
        2*x
        """
        from .interop.sympy_export import to_sympy  # SymPy is slow to import

        return to_sympy(self.gradient)

    def code(
        self,
        target: str = "numpy",
        *,
        self_test: bool = False,
        sizes: Mapping[str, int] | None = None,
        blocks: bool = False,
        threads: int = 0,
        shard: str = "",
    ) -> str:
        """A module that computes the value and the gradient together, for NumPy, JAX or PyTorch,
        for Dask, Octave or C++.

        `sizes` of dimensions decide in which order products are taken; with `blocks`, NumPy takes
        the rows of large arrays in blocks that stay in the cache, in double precision, and so do
        that many `threads`; with `shard`, JAX shares the rows of a dimension among devices."""
        from .targets import CodeOptions, code

        options = CodeOptions(sizes, self_test, blocks, threads, shard)
        return code(self.problem, [self.result], target, options)

    def function(
        self,
        target: str = "numpy",
        *,
        sizes: Mapping[str, int] | None = None,
        blocks: bool = False,
    ) -> Generated:
        """The gradient as a function of arrays by name; for a differentiable target, the value.

        >>> gradient = st.derive("x: n; J = sum(exp(x)); grad J wrt x").function("numpy")
        >>> gradient(x=np.zeros(2))
        array([1., 1.])
        """
        from .codegen.options import CodeOptions
        from .codegen.python import export as exports

        options = CodeOptions(sizes, blocks=blocks)
        return exports.function(self.problem, [self.result], target, options, alone=True)

    def account(self, sizes: Mapping[str, int]) -> Account:
        """What a backward pass through families keeps, in bytes, and the operations of both passes
        at sizes such as `{"m": 128, "n[0]": 784, "n": 100, "L": 4}`."""
        from .families.saved_values import account

        if self.result.recursion is None:
            raise RequestError(
                "what a backward pass keeps is told of families, `W[l] : n x n for l = 1..L`, and "
                "there are none here."
            )
        return account(self.problem, self.result, sizes)

    def evaluate(
        self,
        arrays: Mapping[str, Any] = MappingProxyType({}),
        functions: FunctionValues | None = None,
        *,
        start: Mapping[str, Any] | None = None,
        **named: Any,
    ) -> Any:
        """The gradient at arrays by name; `functions` are called with an order too.

        Of a family, the members are given as a list, and the gradients by them come as one:
        `evaluate(X=X, W=[W1, W2], L=2)`; a family of functions is a list as well.

        Unknowns of equations are given too, or solved for: by Newton's method from `start`, where
        the equations are not linear in them.

        >>> d = st.derive("A: n x n; x: n; J = x' A x; grad J wrt x")
        >>> d.evaluate(A=np.eye(2), x=[1.0, 2.0]).ravel()
        array([2., 4.])
        """
        from .families.evaluation import evaluate as evaluate_members
        from .numerics.arrays import by_name, check_orders

        symbols = self.problem.symbols
        given, sizes = by_name(arrays, named, symbols)
        arrays = {**self.problem.values, **given}
        if self.result.recursion is not None:
            given = {**arrays, **(functions or {})}
            if not self.problem.families.systems:
                return evaluate_members(self.problem, self.result, given, sizes)
            from .implicit.evaluation import evaluate as evaluate_solved

            return evaluate_members(
                self.problem, self.result, given, sizes, evaluate_solved, start or {}
            )
        check_orders(self.validation.conditions, symbols.values(), arrays, sizes)
        if self.result.adjoint is not None:
            from .implicit.adjoint import computable_gradient
            from .implicit.evaluation import evaluate as evaluate_solved
            from .numerics.solvers import TABLE

            adjoint = self.result.adjoint
            whole = computable_gradient(self.gradient, adjoint, TABLE)
            return evaluate_solved([whole], adjoint.systems, arrays, functions, sizes, start)[0]
        return evaluate(self.gradient, arrays, functions, **sizes)

    def latex(self) -> str:
        r"""The gradient as an equation in LaTeX's mathematics.

        >>> print(st.derive("x: n; J = x' x; grad J wrt x").latex())
        \frac{\partial J}{\partial x} = 2 x
        """
        from .render.document import answer_formula
        from .render.latex import equation, notation_for

        notation = notation_for(self.problem, self.result.request)
        return " ".join(equation(answer_formula(self.result), notation))

    @cached_property
    def curve(self) -> Curve | None:
        """The gradient's error against the step of the differences; None if there is no point."""
        if self.result.recursion is not None or self.result.request.system is not None:
            return None
        from .validation.checker import checker_of

        request, seed, gradient = self.result.request, self.validation.seed, self.gradient
        if self.result.adjoint is not None:
            from .implicit.adjoint import computable_gradient

            gradient = computable_gradient(gradient, self.result.adjoint)
        return checker_of(self.problem, request, [gradient], seed).curve(gradient)

    @cached_property
    def scale_errors(self) -> ScaleErrors | None:
        """How exact the gradient is as `evaluate` and code compute it, by the scale of the inputs,
        after how exact it is as it is written, where that is another form; None where it is not
        known."""
        result = self.result
        if result.recursion or result.adjoint or result.request.system:
            return None
        from .core.traversal import expand_names, symbols_of
        from .numerics.sampling import is_scalable
        from .numerics.scale_errors import scale_errors
        from .simplification.stable_forms import stable
        from .validation.checker import checker_of

        (computed,) = stable([self.gradient])
        forms = [*dict.fromkeys((expand_names(self.gradient), expand_names(computed)))]
        used = symbols_of(forms[0])
        checker = checker_of(self.problem, result.request, forms, self.validation.seed)
        points = [Valuation(d.env, sizes, d.functions) for sizes, d in checker.draws()]
        return scale_errors(forms, points, {s.name for s in used if is_scalable(s)})

    @cached_property
    def report(self) -> Report:
        """What is shown in a browser: the derivation, the curve and the code."""
        return self._report(_codes([self]))

    def _report(self, code: Mapping[str, str]) -> Report:
        from .render.html import Report

        result = replace(self.result, steps=self.steps)
        curve, errors = (partial(getattr, self, name) for name in ("curve", "scale_errors"))
        return Report(self.problem, result, curve, errors, code)

    def html(self) -> str:
        """The report with pictures, a document of its own."""
        return html_page([self])

    def to_dict(self) -> dict[str, Any]:
        """All of it as data that JSON can hold; `from_dict` reads it back."""
        from .interop.json_export import to_dict

        return to_dict(replace(self.result, steps=self.steps), self.problem)

    def _repr_latex_(self) -> str:
        return rf"$\displaystyle {self.latex()}$"

    def _repr_html_(self) -> str:
        return html_part([self])

    def __str__(self) -> str:
        """The derivation, as the command line shows it."""
        from .render.layout import plain
        from .render.terminal import Style, problem_rows, result_rows

        style, result = Style(), replace(self.result, steps=self.steps)
        rows = result_rows(result, style, self.problem)
        return plain([*problem_rows(self.problem, style), *rows])

    def __eq__(self, other: object) -> bool:
        """Whether it is the same answer to the same problem, with the same evidence."""
        if not isinstance(other, Derivation):
            return NotImplemented
        return self.problem == other.problem and self.result == other.result

    def __hash__(self) -> int:
        return hash((self.kind, self.of, self.gradient))

    def __repr__(self) -> str:
        return f"<Derivation {self.kind} {self.of} wrt {self.wrt} = {to_text(self.gradient)}>"


def derivations_of(problem: ProblemData, results: Sequence[Result]) -> list[Derivation]:
    """The derivations of results that were derived together."""
    problem = problem.holding(results[0].request.wrt)
    together = _Together(problem, results)
    return [Derivation(problem, result, together) for result in results]


def html_page(derived: Sequence[Derivation], separate: bool = False) -> str:
    """The reports on one problem's requests as one document, gradients of one thing told together,
    or each `separate`. The code computes their answers together; for a library that lacks
    something, what can be computed alone."""
    from .render.html import page

    if len(derived) == 1:
        return page([derived[0].report])
    together = _codes(derived)
    alone = [_codes([d], without=together) for d in derived]
    reports = [d._report(code) for d, code in zip(derived, alone, strict=True)]
    return page(reports, together, separate)


def html_part(derived: Sequence[Derivation]) -> str:
    """What a notebook shows of derivations that one article tells."""
    from .render.document import Telling
    from .render.html import fragment
    from .render.layout import plain
    from .render.terminal import Style, joint_rows

    results = [replace(d.result, steps=d.steps) for d in derived]
    rows = joint_rows(results, Style(), derived[0].problem, Telling())
    return fragment([d._report({}) for d in derived], _codes(derived), plain(rows))


def _codes(derived: Sequence[Derivation], without: Collection[str] = ()) -> dict[str, str]:
    """The code for every library that has what it takes."""
    from .render.html import CODED
    from .targets import code

    problem, results = derived[0].problem, [d.result for d in derived]
    found: dict[str, str] = {}
    for target in CODED:
        with suppress(RequestError):
            if target not in without:
                found[target] = code(problem, results, target)
    return found


@dataclass(frozen=True, repr=False)
class Problem:
    """A problem that was read: derive it, or check what it claims.

    >>> problem = st.read("A: n x n; x: n; J = x' A x; grad J wrt A, x")
    >>> problem
    <Problem grad J wrt A; grad J wrt x>
    >>> [d.gradient for d in problem.derive()]
    [x x', (A + A') x]
    >>> problem.only("A").derive()
    [<Derivation grad J wrt A = x x'>]
    """

    data: ProblemData

    def only(self, wrt: str) -> Problem:
        """The problem with the requests by these names alone, `"W, b"`. Raises RequestError."""
        if not isinstance(wrt, str):
            raise OperandError(f"`wrt` is a text of names, 'W, b', not {type(wrt).__name__}.")
        wanted = [name.strip() for name in wrt.split(",")]
        asked = dict.fromkeys(request.wrt.name for request in self.data.requests)
        every = {*asked, *(request.wrt.base for request in self.data.requests)}
        for name in wanted:
            if name not in every:
                raise RequestError(
                    f"nothing by `{name}` is asked for: the problem asks for {', '.join(asked)}."
                )
        kept = tuple(r for r in self.data.requests if {r.wrt.name, r.wrt.base} & {*wanted})
        return replace(self, data=replace(self.data, requests=kept))

    def requests(self) -> list[Problem]:
        """The problem once for each of its requests."""
        return [replace(self, data=replace(self.data, requests=(r,))) for r in self.data.requests]

    def together(self) -> list[Problem]:
        """The problem once for each of its groups of requests that are derived together."""
        from .pipeline.joint_gradients import groups

        found = groups(self.data.requests)
        return [replace(self, data=replace(self.data, requests=tuple(group))) for group in found]

    def parts(self, together: bool = True) -> list[Problem]:
        """The problem once for each request, or for those that are derived `together`, and for each
        equality that is claimed, in the order of the text."""
        asked = replace(self, data=replace(self.data, equalities=()))
        found = asked.together() if together else asked.requests()
        for claim in self.data.equalities:
            alone = replace(self.data, requests=(), equalities=(claim,))
            found.append(replace(self, data=alone))
        return sorted(found, key=lambda part: begin(part.data.asked[0]))

    def derive(
        self,
        seed: int = 0,
        *,
        time_limit: float | None = SECONDS,
        taken: Collection[str] = (),
    ) -> list[Derivation]:
        """The derivations of all requests, in order; `time_limit` is in seconds, for each of them.
        Gradients of one thing share names for what they use in common, none of those `taken`.

        Raises DerivationError, BudgetError."""
        from .pipeline.joint_gradients import derive_together

        found: list[Derivation] = []
        for group in self.together():
            asked = group.data.requests
            names = {*taken, *(name for d in found for name, _ in d.definitions)}
            derivations = partial(derive_together, self.data, asked, checked_seed(seed), names)
            results = limited(time_limit, derivations, len(asked))
            found += derivations_of(self.data, results)
        return found

    def code(
        self,
        target: str = "numpy",
        *,
        self_test: bool = False,
        sizes: Mapping[str, int] | None = None,
        blocks: bool = False,
        threads: int = 0,
        shard: str = "",
        seed: int = 0,
        time_limit: float | None = SECONDS,
    ) -> str:
        """A module that computes the answers to all requests together; see `Derivation.code`."""
        from .targets import CodeOptions, code

        options = CodeOptions(sizes, self_test, blocks, threads, shard)
        return code(self.data, self._results(seed, time_limit), target, options)

    def function(
        self,
        target: str = "numpy",
        *,
        sizes: Mapping[str, int] | None = None,
        blocks: bool = False,
        threads: int = 0,
        seed: int = 0,
        time_limit: float | None = SECONDS,
    ) -> Generated:
        """A function of arrays by name: a dictionary such as {"J": …, "grad J wrt w": …}."""
        from .codegen.options import CodeOptions
        from .codegen.python import export as exports

        results = self._results(seed, time_limit)
        options = CodeOptions(sizes, blocks=blocks, threads=threads)
        return exports.function(self.data, results, target, options)

    def _results(self, seed: int, time_limit: float | None) -> list[Result]:
        if not self.data.requests:
            raise RequestError(NOTHING_ASKED)
        return [derivation.result for derivation in self.derive(seed, time_limit=time_limit)]

    def __repr__(self) -> str:
        """What is asked, in short."""
        return repr(self.data)

    def check(self, seed: int = 0, *, time_limit: float | None = SECONDS) -> list[Check]:
        """What is found of all claims on derivatives, `check grad … = claim`, in order;
        `time_limit` is in seconds, for each of them. Raises BudgetError."""
        from .checks import checked

        claimed = (request for request in self.data.requests if request.claim is not None)
        judged = partial(checked, self.data, seed=checked_seed(seed))
        return [limited(time_limit, partial(judged, r)) for r in claimed]

    def check_equalities(
        self, seed: int = 0, *, time_limit: float | None = SECONDS
    ) -> list[EqualityCheck]:
        """Likewise of all claims that two expressions are equal, `check E1 = E2`."""
        from .checks import equality_checked

        judged = partial(equality_checked, self.data, seed=checked_seed(seed))
        return [limited(time_limit, partial(judged, q)) for q in self.data.equalities]

    def verdicts(
        self, seed: int = 0, *, time_limit: float | None = SECONDS
    ) -> list[Check | EqualityCheck]:
        """What is found of all claims, those on derivatives first."""
        checked = self.check(seed, time_limit=time_limit)
        return [*checked, *self.check_equalities(seed, time_limit=time_limit)]


def read(
    text: str | Callable[..., Any],
    /,
    *,
    strict: bool = False,
    time_limit: float | None = SECONDS,
    shapes: Mapping[str, str] | str | None = None,
    **named: str,
) -> Problem:
    """Reads a problem; where it is `strict`, every name has to be declared.

    A function for NumPy, PyTorch or JAX is a problem with the shapes of its arguments:
    `read(f, X="m x d", w="d")`, or `shapes="X: m x d; w: d"`.

    >>> st.read("x: n; J = x' x; grad J wrt x")
    <Problem grad J wrt x>


    Raises an InputError that says what is wrong and where (one that is a TypeError too for what is
    neither), and BudgetError."""
    if callable(text) and not isinstance(text, Expr):
        from .tracing.functions import read_function

        if shapes is not None and named:
            raise InputError("give the shapes by names, or all of them by `shapes`.")
        of_arguments = named if shapes is None else shapes
        return Problem(limited(time_limit, partial(read_function, text, of_arguments)))
    if not isinstance(text, str):
        own = "an expression: `st.grad(e, x)`" if isinstance(text, Expr) else type(text).__name__
        if hasattr(text, "read_text"):
            own += ": a file's is `path.read_text()`"
        raise OperandError(f"a problem is a text, such as 'x: n; grad (x' x) wrt x', not {own}.")
    if shapes is not None or named:
        raise InputError("shapes are given with a function: a text declares its names itself.")
    return Problem(limited(time_limit, partial(read_problem, text, strict=strict)))


def simplify(e: str | Expr, given: str = "", *, time_limit: float | None = SECONDS) -> Expr:
    """An expression in its shortest form, compared with it at random points; itself where no points
    are found. The names in a text are inferred, or declared in what is `given`. Raises InputError,
    BudgetError, DerivationError where the form that was found has other values.

    >>> st.simplify("A inv(A) B", given="A, B : n x n")
    B
    """
    return limited(time_limit, partial(_simplified, e, given))


def _simplified(e: str | Expr, given: str) -> Expr:
    from .claims.simple_forms import simple_form

    if isinstance(e, Expr):
        return simple_form(e)
    if not isinstance(e, str):
        raise OperandError(
            f"what is simplified is a text, such as 'A inv(A) B', or an expression, not "
            f"{type(e).__name__}."
        )
    problem, value = read_value(f"{given}\n{e}" if given else e)
    *definitions, _ = problem.definitions.values()
    return simple_form(value, definitions)


def evaluate(
    e: Expr,
    /,
    arrays: Mapping[str, Any] = MappingProxyType({}),
    functions: FunctionValues | None = None,
    **named: Any,
) -> Any:
    """The value of an expression at arrays, by name, computed in forms that stay finite; a vector
    may have one axis.

    `functions` has the values of abstract functions, called with an order of derivative too;
    `named` has arrays as well, and sizes of dimensions that no array tells. Raises OperandError
    or ShapeError.

    >>> x = st.symbols("x : n")
    >>> st.evaluate(st.sum(st.softplus(x)), x=[-800.0, 800.0])
    array([[800.]])"""
    from .numerics.arrays import evaluate_all
    from .simplification.stable_forms import stable

    return evaluate_all(stable([operand(e)]), arrays, functions, named)[0]


def from_dict(data: Mapping[str, Any]) -> Derivation:
    """The derivation that `to_dict` turned into data. Raises InputError for anything else.

    >>> d = st.derive("x: n; J = x' x; grad J wrt x")
    >>> st.from_dict(d.to_dict())
    <Derivation grad J wrt x = 2 x>
    """
    from .interop import json_import as restoration

    return Derivation(*restoration.from_dict(data))


def derive(
    text: str | Callable[..., Any],
    /,
    seed: int = 0,
    *,
    wrt: str | None = None,
    strict: bool = False,
    time_limit: float | None = SECONDS,
    shapes: Mapping[str, str] | str | None = None,
    **named: str,
) -> Derivation:
    """The derivation of a problem's only request, or of its only one by `wrt`; of a function with
    the shapes of its arguments, as `read` takes it: `derive(f, X="m x d", w="d", wrt="w")`.

    >>> st.derive("X: m x d; w: d; J = sum(exp(X w)); grad J wrt w").gradient
    X' exp(X w)


    Raises RequestError if there are several."""
    problem = read(text, strict=strict, time_limit=time_limit, shapes=shapes, **named)
    if wrt is not None:
        problem = problem.only(wrt)
    if len(problem.data.requests) != 1:
        names = ", ".join(request.wrt.name for request in problem.data.requests)
        raise RequestError(
            f"derive() gives one derivation, and there are those by {names}: say by which, "
            "`wrt=…`, or take all, `st.read(…).derive()`."
            if names
            else NOTHING_ASKED
        )
    return problem.derive(seed, time_limit=time_limit)[0]


def check(text: str, seed: int = 0, *, time_limit: float | None = SECONDS) -> Check | EqualityCheck:
    """What is found of a problem's only claim: on a derivative, or that two expressions are equal.
    Raises RequestError unless there is one.

    >>> c = st.check("A: n x n; x: n; J = x' A x; check grad J wrt x = 2 A x")
    >>> c.verdict, c.suggestion
    ('wrong', "(A + A') x")
    >>> st.check("A, B : n x n; check tr(A B) = tr(B A)").verdict
    'right'
    """
    problem = read(text, time_limit=time_limit)
    if len(problem.data.claimed) != 1:
        raise RequestError(
            "check() takes a problem with one claim, `check grad J wrt X = …` or `check E1 = E2`: "
            "use read(text).check() and read(text).check_equalities() for several."
        )
    return problem.verdicts(seed, time_limit=time_limit)[0]
