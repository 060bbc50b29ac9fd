"""OCTAVE: how plans are spelled in MATLAB's language, which Octave runs too."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from ...core.dims import Shape
from ...core.expr import Symbol
from ..code_text import CodePrecedence
from ..ir import Value
from ..python.module import FUNCTION, indented
from .language import MatrixLanguage, MatrixSpelling, Trial, WrittenModule

_PRODUCT, _POWER, _UNARY = (
    CodePrecedence.PRODUCT,
    CodePrecedence.POWER,
    CodePrecedence.UNARY,
)


_row = MatrixSpelling


def _called(*names: str) -> Mapping[str, MatrixSpelling]:
    return {name: _row(f"{name}({{0}})") for name in names}


FUNCTIONS: Mapping[str, MatrixSpelling] = {
    **_called("exp", "log", "log2", "log10", "log1p", "expm1", "sqrt", "abs", "sign", "expm"),
    **_called("sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh", "tanh", "asinh"),
    **_called("acosh", "atanh", "erf", "erfc"),
    "sigmoid": _row("1 ./ (1 + exp(-{0:product}))", _PRODUCT),
    "softplus": _row("(max({0}, 0) + log1p(exp(-abs({0}))))"),
    "relu": _row("max({0}, 0)"),
    "leaky_relu": _row("max({0}, 0.01 * {0:unary})"),
    "elu": _row("(max({0}, 0) + expm1(min({0}, 0)))"),
    "gelu": _row("{0:unary} .* erfc(-{0:unary} / sqrt(2)) / 2", _PRODUCT),
    "silu": _row("{0:unary} ./ (1 + exp(-{0:unary}))", _PRODUCT),
    "lgamma": _row("real(gammaln({0}))"),
    "digamma": _row("psi({0})"),
    "trigamma": _row("psi(1, {0})"),
    "step": _row("double({0:sum} > 0)"),
    "maximum": _row("max({0}, {1})"),
    "minimum": _row("min({0}, {1})"),
    "hypot": _row("hypot({0}, {1})"),
    "atan2": _row("atan2({0}, {1})"),
}  # fmt: skip


def _reduced(name: str, before: str = "") -> Mapping[str, MatrixSpelling]:
    """A reduction of all entries, of those of a vector, down the columns and along the rows."""
    return {
        name: _row(f"{name}({name}({{0}}))"),
        f"{name}/v": _row(f"{name}({{0}})"),
        f"{name}/0": _row(f"{name}({{0}}, {before}1).'"),
        f"{name}/1": _row(f"{name}({{0}}, {before}2)"),
    }


OPERATIONS: Mapping[str, MatrixSpelling] = {
    "times": _row("{0:product} .* {1:unary}", _PRODUCT),
    "divided": _row("{0:product} ./ {1:unary}", _PRODUCT),
    "over": _row("{0:product} ./ {1:unary}", _PRODUCT),
    "root": _row("sqrt({0})"),
    "root/s": _row("sqrt({0})"),
    "square": _row("{0:atom} .^ 2", _POWER),
    "square/s": _row("{0:atom} ^ 2", _POWER),
    "power": _row("{0:atom} .^ {1:atom}", _POWER),
    "power/s": _row("{0:atom} ^ {1:atom}", _POWER),
    "powers": _row("{0:atom} .^ {1:atom}", _POWER),
    "equal": _row("double({0:sum} == {1:sum})"),
    "call": _row("{0}({1})"),
    "call/s": _row("{0}({1})"),
    "call/m": _row("{0}({1})"),
    # what stands where
    "transpose": _row("{0:atom}.'"),
    "ravel": _row("reshape({0:atom}.', [], 1)"),
    "reshape": _row("reshape({0:atom}.', {columns}, {rows}).'"),
    "ones": _row("ones({rows}, {columns})"),
    "eye": _row("full(eye({rows}))"),  # Octave's diagonal matrices don't broadcast
    "commute": _row("reshape(kron(reshape(eye({m}), [], 1), eye({n})), {rows}, {rows})"),
    "eliminate": _row("eye({m} * {m})(find(tril(ones({m}))), :)"),
    "duplicate": _row(
        "eye({columns})((@(p) max(p, p.')(:))(reshape(cumsum(tril(ones({m}))(:)), {m}, {m}) .* "
        "tril(ones({m}))), :)"
    ),
    "eliminated": _row("{0:atom}(find(tril(ones({m}))))"),
    "duplicated": _row(
        "{0:atom}((@(p) max(p, p.')(:))(reshape(cumsum(tril(ones({m}))(:)), {m}, {m}) .* "
        "tril(ones({m}))))"
    ),
    "diagonal_matrix": _row("full(diag({0}))"),
    "diagonal": _row("diag({0})"),
    "kron": _row("kron({0}, {1})"),
    "flip": _row("rot90({0}, 2)"),
    "flip/v": _row("flipud({0})"),
    "flip/0": _row("flipud({0})"),
    "flip/1": _row("fliplr({0})"),
    "lower": _row("tril({0})"),
    "upper": _row("triu({0})"),
    "cumsum/v": _row("cumsum({0})"),
    "cumsum/0": _row("cumsum({0}, 1)"),
    "cumsum/1": _row("cumsum({0}, 2)"),
    # sums and products
    **_reduced("sum"),
    **_reduced("prod"),
    **_reduced("max", "[], "),
    **_reduced("min", "[], "),
    "trace": _row("trace({0})"),
    "inner": _row("sum(sum({0:product} .* {1:unary}))"),
    "inner/vv": _row("{0:atom}.' * {1:unary}", _PRODUCT),
    "trace_of_product": _row("sum(sum({0:product} .* {1:atom}.'))"),
    "row_dots": _row("sum({0:product} .* {1:unary}, 2)"),
    "column_dots": _row("sum({0:product} .* {1:unary}, 1).'"),
    "outer": _row("{0:product} * {1:atom}.'", _PRODUCT),
    "matmul": _row("{0:product} * {1:unary}", _PRODUCT),
    "matmul/vm": _row("{1:atom}.' * {0:unary}", _PRODUCT),
    "matmul/vv": _row("{0:atom}.' * {1:unary}", _PRODUCT),
    # of square matrices
    "sylvester": _row("sylvester({0}, {1}, {2})"),
    "matrix_power": _row("{0:atom} ^ {1:atom}", _POWER),
    "solve": _row("{0:product} \\ {1:unary}", _PRODUCT),
    "inv": _row("inv({0})"),
    "det": _row("det({0})"),
    "logdet": _row("sum(log(abs(diag(lu({0})))))"),
    "mirrored": _row("{0:atom}"),
    "cholesky": _row("chol({0}, 'lower')"),
    "cholesky_diagonal": _row("diag({0})"),
    "cholesky_solve": _row("{0:atom}.' \\ ({0:product} \\ {1:unary})", _PRODUCT),
    "cholesky_inverse": _row("{0:atom}.' \\ ({0:product} \\ eye({rows}))", _PRODUCT),
    "lu": _row("{0:atom}"),  # the language has no object for the factors
    "lu_diagonal": _row("diag(lu({0}))"),
    "lu_det": _row("det({0})"),
    "lu_solve": _row("{0:product} \\ {1:unary}", _PRODUCT),
    "lu_solve_transposed": _row("{0:atom}.' \\ {1:unary}", _PRODUCT),
    "lu_inverse": _row("inv({0})"),
}  # fmt: skip


def _checked(e: Symbol, name: str, sides: Sequence[str], told: str) -> str:
    return f"assert(isequal(size({name}), [{', '.join(sides)}]), '{name} is not {told}');"


def _assigned(name: str, text: str, _: Value | Shape) -> str:
    return f"{name} = {text};"


def _literal(rows: Sequence[Sequence[float]], _: Shape) -> str:
    return f"[{'; '.join(', '.join(map(repr, row)) for row in rows)}]"


def _written(parts: WrittenModule) -> str:
    """A function file; with trials, a script that runs them."""
    results = ", ".join(name for name, _ in parts.results)
    given = ", ".join([*parts.inputs.values(), *parts.functions, *parts.asked])
    lines = [*_comment(parts.about), ""]
    if parts.trials:
        lines += ["1;  % a script: run it, and it tests itself", ""]
    lines += [
        f"function [{results}] = {FUNCTION}({given})",
        *indented(_comment(parts.told)),
        *indented(parts.body),
        "end",
    ]
    if parts.trials:
        lines += ["", *_self_test(parts.trials, len(parts.results))]
    return "\n".join(lines) + "\n"


def _comment(lines: Sequence[str]) -> list[str]:
    return [f"% {line}".rstrip() for text in lines for line in text.split("\n")]


def _self_test(trials: Sequence[Trial], count: int) -> Iterator[str]:
    found = ", ".join(f"found{{{i + 1}}}" for i in range(count))
    yield "function wrong = compare(key, found, wanted)"
    yield "    error = max(max(abs(found - wanted)));"
    yield "    wrong = ~(error <= 1e-8 * max(max(abs(wanted))) + 1e-10);"
    yield "    words = {'ok', 'WRONG'};"
    yield "    fprintf('%s: %s, off by %.1e\\n', key, words{wrong + 1}, error);"
    yield "end"
    yield ""
    yield "wrong = 0;"
    for trial in trials:
        yield f"found = cell(1, {count});"
        yield f"[{found}] = {FUNCTION}( ..."
        yield from (f"    {argument}, ..." for argument in trial.arguments[:-1])
        yield from (f"    {argument} ..." for argument in trial.arguments[-1:])
        yield ");"
        for i, (key, wanted) in enumerate(trial.wanted, 1):
            quoted = key.replace("'", "''")
            yield f"wrong = wrong + compare('{quoted}', found{{{i}}}, {wanted});"
    yield "if wrong"
    yield "    error('the self-test found %d wrong', wrong);"
    yield "end"


OCTAVE = MatrixLanguage(
    name="Octave",
    operations=OPERATIONS,
    functions=FUNCTIONS,
    constants={"pi": "pi", "e": "exp(1)"},
    types=("", "", ""),
    transposed=".'",
    replicated="repmat({0}, {1}, {2})",
    full="repmat({0}, {rows}, {columns})",
    broadcasts=True,
    size="{0}",
    lengths=("numel({0})", "size({0}, 1)", "size({0}, 2)"),
    origin=1,
    everything=":",
    span="{0}:{1}",
    joined=("[PARTS]", "[PARTS]"),
    between=("; ", ", "),
    number=str,
    ascii_names=True,
    reserved=(
        "break case catch continue do else elseif end end_try_catch end_unwind_protect endfor "
        "endfunction endif endparfor endswitch endwhile for function global if otherwise parfor "
        "persistent return switch try until unwind_protect unwind_protect_cleanup while i j "
        "isequal size assert numel repmat words found wrong"
    ),
    size_line="{0} = {1};",
    check=_checked,
    statement=_assigned,
    system=(
        (
            "{right} = {value};",
            "{along} = eye({count});",
            "if {count} > {dense}",
            "    {along} = {right} / max(norm({right}), realmin);",
            "end",
            "{rule} = zeros({count}, columns({along}));",
            "for {k} = 1:{count}",
            "    {entries} = {along}(:, {k});",
        ),
        (
            "    {rule}(:, {k}) = {image};",
            "    if {count} > {dense}  % GMRES",
            "        {weights} = {rule} \\ {right};",
            "        if norm({right} - {rule} * {weights}) <= 1e-12 * norm({right})",
            "            break",
            "        end",
            "        {next} = {rule}(:, {k});",
            "        {next} = {next} - {along} * ({along}.' * {next});",
            "        {next} = {next} - {along} * ({along}.' * {next});",
            "        {along}(:, {k} + 1) = {next} / norm({next});",
            "    end",
            "end",
            "{along} = {along}(:, 1:{k});",
            "{weights} = {rule} \\ {right};",
            "if {count} > {dense} && norm({right} - {rule} * {weights}) > 1e-8 * norm({right})",
            "    error('GMRES does not converge: the system may be singular');",
            "end",
        ),
    ),
    result=_assigned,
    literal=_literal,
    wave="@(x) sin(x + {0})",
    module=_written,
)
