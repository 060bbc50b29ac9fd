"""EIGEN: how plans are spelled in C++ with the library Eigen."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from ...core.dims import ONE, Shape, extent
from ...core.expr import Symbol
from ..code_text import CodePrecedence
from ..ir import Value
from ..python.module import FUNCTION, indented
from ..python.self_test import literal
from .language import MatrixLanguage, MatrixSpelling, Trial, WrittenModule, commented

_PRODUCT = CodePrecedence.PRODUCT
_INCLUDES: Sequence[tuple[str, str]] = (
    (r"\bEigen::", "<Eigen/Dense>"),
    (r"kroneckerProduct", "<unsupported/Eigen/KroneckerProduct>"),
    (r"\.eval\(\)\.exp\(\)|MatrixPower", "<unsupported/Eigen/MatrixFunctions>"),
    (r"numext::", "<unsupported/Eigen/SpecialFunctions>"),
    (r"std::(abs|exp|log|sqrt|pow|max|erf|lgamma|[a-z]+\d?)\(", "<cmath>"),
    (r"std::(max|min)\(", "<algorithm>"),
    (r"std::function", "<functional>"),
    (r"std::invalid_argument", "<stdexcept>"),
    (r"std::tuple", "<tuple>"),
    (r"std::(cout|printf)", "<cstdio>"),
)


_row = MatrixSpelling


def _methods(*names: str) -> dict[str, MatrixSpelling]:
    """Functions of <cmath> that Eigen has of arrays."""
    rows = {}
    for name in names:
        rows[f"{name}/s"] = _row(f"std::{name}({{0}})")
        rows[name] = _row(f"{{0:atom}}.array().{name}().matrix()")
    return rows


def _of_numbers(name: str, body: str) -> dict[str, MatrixSpelling]:
    """A function by its value for a number `x`, in arrays applied to each entry."""
    return {
        f"{name}/s": _row(re.sub(r"\bx\b", "{0:atom}", body), CodePrecedence.SUM),
        name: _row(f"{{0:atom}}.unaryExpr([](double x) {{{{ return {body}; }}}})"),
    }


def _of_pairs(name: str, body: str) -> dict[str, MatrixSpelling]:
    """Likewise of two numbers, `x` and `y`."""
    return {
        f"{name}/ss": _row(re.sub(r"\by\b", "{1}", re.sub(r"\bx\b", "{0}", body))),
        name: _row(
            f"{{0:atom}}.binaryExpr({{1}}, [](double x, double y) {{{{ return {body}; }}}})"
        ),
    }


FUNCTIONS: Mapping[str, MatrixSpelling] = {
    **_methods("exp", "log", "log2", "log10", "log1p", "expm1", "sqrt", "abs", "sin", "cos", "tan"),
    **_methods("asin", "acos", "atan", "sinh", "cosh", "tanh", "asinh", "acosh", "atanh"),
    **_of_numbers("sign", "double((x > 0) - (x < 0))"),
    **_of_numbers("sigmoid", "1 / (1 + std::exp(-x))"),
    **_of_numbers("softplus", "std::max(x, 0.0) + std::log1p(std::exp(-std::abs(x)))"),
    **_of_numbers("relu", "std::max(x, 0.0)"),
    **_of_numbers("leaky_relu", "std::max(x, 0.01 * x)"),
    **_of_numbers("elu", "std::max(x, 0.0) + std::expm1(std::min(x, 0.0))"),
    **_of_numbers("gelu", "x * std::erfc(-x / std::sqrt(2.0)) / 2"),
    **_of_numbers("silu", "x / (1 + std::exp(-x))"),
    **_of_numbers("erf", "std::erf(x)"),
    **_of_numbers("erfc", "std::erfc(x)"),
    **_of_numbers("lgamma", "std::lgamma(x)"),
    **_of_numbers("digamma", "Eigen::numext::digamma(x)"),
    **_of_numbers("trigamma", "(x < -1e5 ? NAN : Eigen::numext::zeta(2.0, x))"),
    **_of_numbers("step", "(x > 0 ? 1.0 : 0.0)"),
    **_of_pairs("hurwitz", "(y < -1e5 ? NAN : Eigen::numext::zeta(x, y))"),
    **_of_pairs("maximum", "std::max(x, y)"),
    **_of_pairs("minimum", "std::min(x, y)"),
    **_of_pairs("hypot", "std::hypot(x, y)"),
    **_of_pairs("atan2", "std::atan2(x, y)"),
    "expm": _row("{0:atom}.eval().exp().eval()"),
}  # fmt: skip


def _reduced(name: str, method: str) -> Mapping[str, MatrixSpelling]:
    """A reduction of all entries, down the columns and along the rows."""
    return {
        name: _row(f"{{0:atom}}.{method}()"),
        f"{name}/0": _row(f"{{0:atom}}.colwise().{method}().transpose()"),
        f"{name}/1": _row(f"{{0:atom}}.rowwise().{method}()"),
    }


def _triangle(side: str) -> MatrixSpelling:
    return _row(f"Eigen::MatrixXd({{0:atom}}.triangularView<Eigen::{side}>())")


_SUMMED = "Eigen::MatrixXd::Ones({0}, {0}).triangularView<Eigen::{1}>()"


def _by_halves(count: str, step: str) -> MatrixSpelling:
    """What a step makes of a column `from_` and the next entry of a lower triangle, for each of
    these: a function, called at once."""
    return _row(
        "[](const Eigen::VectorXd& from_, Eigen::Index side_) {{ "
        f"Eigen::VectorXd to_({count}); Eigen::Index next_ = 0; "
        "for (Eigen::Index col_ = 0; col_ < side_; ++col_) "
        "for (Eigen::Index row_ = col_; row_ < side_; ++row_, ++next_) "
        f"{step}; return to_; }}}}({{0}}, {{m}})"
    )


OPERATIONS: Mapping[str, MatrixSpelling] = {
    "times": _row("{0:atom}.cwiseProduct({1})"),
    "divided": _row("{0:atom}.cwiseQuotient({1})"),
    "over": _row("({0:product} / {1:atom}.array()).matrix()"),
    "root": _row("{0:atom}.cwiseSqrt()"),
    "root/s": _row("std::sqrt({0})"),
    "square": _row("{0:atom}.cwiseAbs2()"),
    "square/s": _row("{0:unary} * {0:unary}", _PRODUCT),
    "power": _row("{0:atom}.array().pow({1}).matrix()"),
    "power/s": _row("std::pow({0}, {1})"),
    "powers": _row("{0:atom}.array().pow({1:atom}.array()).matrix()"),
    "equal": _row("({0:atom}.array() == {1:atom}.array()).cast<double>().matrix()"),
    "call/s": _row("{0}({1})"),
    "call/m": _row("({1}).unaryExpr({0})"),
    # what stands where
    "transpose": _row("{0:atom}.transpose()"),
    "ravel": _row("{0:atom}.reshaped<Eigen::RowMajor>()"),
    "reshape>v": _row("{0:atom}.reshaped<Eigen::RowMajor>()"),
    "reshape": _row("{0:atom}.reshaped<Eigen::RowMajor>({rows}, {columns})"),
    "ones": _row("{type}::Ones({rows}, {columns})"),
    "eye": _row("{type}::Identity({rows}, {rows})"),
    "commute": _row(
        "Eigen::kroneckerProduct(Eigen::MatrixXd::Identity({m}, {m}).reshaped(), "
        "Eigen::MatrixXd::Identity({n}, {n})).eval().reshaped({rows}, {rows})"
    ),
    "eliminated": _by_halves("side_ * (side_ + 1) / 2", "to_(next_) = from_(row_ + side_ * col_)"),
    "duplicated": _by_halves(
        "side_ * side_",
        "to_(row_ + side_ * col_) = to_(col_ + side_ * row_) = from_(next_)",
    ),
    "diagonal_matrix": _row("Eigen::MatrixXd({0:atom}.asDiagonal())"),
    "diagonal": _row("{0:atom}.diagonal()"),
    "kron": _row("Eigen::kroneckerProduct({0}, {1}).eval()"),
    "flip": _row("{0:atom}.reverse()"),
    "flip/0": _row("{0:atom}.colwise().reverse()"),
    "flip/1": _row("{0:atom}.rowwise().reverse()"),
    "lower": _triangle("Lower"),
    "upper": _triangle("Upper"),
    "cumsum/v": _row(_SUMMED.format("{rows}", "Lower") + " * {0:unary}", _PRODUCT),
    "cumsum/0": _row(_SUMMED.format("{rows}", "Lower") + " * {0:unary}", _PRODUCT),
    "cumsum/1": _row("{0:product} * " + _SUMMED.format("{columns}", "Upper"), _PRODUCT),
    # sums and products
    **_reduced("sum", "sum"),
    **_reduced("prod", "prod"),
    **_reduced("max", "maxCoeff"),
    **_reduced("min", "minCoeff"),
    "trace": _row("{0:atom}.trace()"),
    "inner": _row("{0:atom}.cwiseProduct({1}).sum()"),
    "trace_of_product": _row("{0:atom}.cwiseProduct({1:atom}.transpose()).sum()"),
    "row_dots": _row("{0:atom}.cwiseProduct({1}).rowwise().sum()"),
    "column_dots": _row("{0:atom}.cwiseProduct({1}).colwise().sum().transpose()"),
    "outer": _row("{0:product} * {1:atom}.transpose()", _PRODUCT),
    "matmul": _row("{0:product} * {1:unary}", _PRODUCT),
    "matmul/vm": _row("{1:atom}.transpose() * {0:unary}", _PRODUCT),
    "matmul/vv": _row("{0:atom}.cwiseProduct({1}).sum()"),
    # of square matrices
    "matrix_power": _row("Eigen::MatrixXd(Eigen::MatrixPower<Eigen::MatrixXd>({0})({1}))"),
    "solve": _row("{0:atom}.partialPivLu().solve({1})"),
    "inv": _row("{0:atom}.inverse()"),
    "det": _row("{0:atom}.determinant()"),
    "logdet": _row("{0:atom}.partialPivLu().matrixLU().diagonal().array().abs().log().sum()"),
    "mirrored": _row("{0:atom}"),
    "cholesky": _row("Eigen::MatrixXd({0:atom}.llt().matrixL())"),
    "cholesky_diagonal": _row("{0:atom}.diagonal()"),
    "cholesky_solve": _row(
        "{0:atom}.transpose().triangularView<Eigen::Upper>().solve("
        "{0:atom}.triangularView<Eigen::Lower>().solve({1}))"
    ),
    "cholesky_inverse": _row(
        "{0:atom}.transpose().triangularView<Eigen::Upper>().solve("
        "{0:atom}.triangularView<Eigen::Lower>().solve(Eigen::MatrixXd::Identity({rows}, {rows})))"
    ),
    "lu": _row("{0:atom}.partialPivLu()"),
    "lu_diagonal": _row("{0:atom}.matrixLU().diagonal()"),
    "lu_det": _row("{0:atom}.determinant()"),
    "lu_solve": _row("{0:atom}.solve({1})"),
    "lu_solve_transposed": _row("{type}({0:atom}.transpose().solve({1}))"),
    "lu_inverse": _row("{0:atom}.inverse()"),
}  # fmt: skip

_TYPES = ("double", "Eigen::VectorXd", "Eigen::MatrixXd")


def _type(shape: Shape) -> str:
    """The type of what a person gives, or is given: a row is one."""
    is_row = shape[0] == ONE and shape[1] != ONE
    return "Eigen::RowVectorXd" if is_row else _TYPES[len(extent(shape))]


def _number(text: str) -> str:
    """Whole numbers as floating-point ones, for which `/` is no division of integers."""
    return re.sub(r"(?<![\d.e-])\d+(?![\d.e])", r"\g<0>.0", text)


def _checked(e: Symbol, name: str, sides: Sequence[str], told: str) -> str:
    tests = [
        f"{name}.{length}() != {side}"
        for length, side, d in zip(("rows", "cols"), sides, e.shape, strict=True)
        if d != ONE
    ]
    return f'if ({" || ".join(tests)}) throw std::invalid_argument("{name} is not {told}");'


def _statement(name: str, text: str, v: Value) -> str:
    kind = "auto" if v.op == "lu" else _TYPES[v.rank]
    return f"const {kind} {name} = {_joined(text)};"


def _result(name: str, text: str, shape: Shape) -> str:
    return f"const {_type(shape)} {name} = {_joined(text)};"


def _joined(text: str) -> str:
    """Without turns from arrays to matrices and back."""
    return text.replace(".matrix().array()", "")


def _literal(rows: Sequence[Sequence[float]], shape: Shape) -> str:
    entries = ", ".join(repr(x) for row in rows for x in row)
    if not extent(shape):
        return entries
    sides = f"{len(rows)}, {len(rows[0])}"
    return f"({_type(shape)}({sides}) << {entries}).finished()"


def _written(parts: WrittenModule) -> str:
    """A header, which a program includes; with trials, a program that runs them."""
    types = [_type(shape) for _, shape in parts.results]
    result = types[0] if len(types) == 1 else f"std::tuple<{', '.join(types)}>"
    names = [name for name, _ in parts.results]
    given = [
        *(
            f"const {_type(e.shape)}& {name}" if extent(e.shape) else f"double {name}"
            for e, name in parts.inputs.items()
        ),
        *(f"const std::function<double(double)>& {name}" for name in parts.functions),
        *(f"Eigen::Index {name}" for name in parts.asked),
    ]
    body = [
        *commented(parts.told, "//"),
        f"inline {result} {FUNCTION}(",
        *(f"    {line}" for line in _listed(given)),
        ") {",
        *indented(parts.body),
        f"    return {names[0] if len(names) == 1 else '{' + ', '.join(names) + '}'};",
        "}",
    ]
    if parts.trials:
        body += ["", *_self_test(parts.trials, len(names))]
    text = "\n".join(body)
    found = [name for pattern, name in _INCLUDES if re.search(pattern, text)]
    standard = sorted(name for name in found if "/" not in name)
    blocks = [sorted(set(found) - set(standard)), standard]
    includes = "\n\n".join("\n".join(f"#include {name}" for name in b) for b in blocks if b)
    return "\n".join([*commented(parts.about, "//"), "", includes, "", text]) + "\n"


def _listed(items: Sequence[str]) -> list[str]:
    return [f"{item}," for item in items[:-1]] + [*items[-1:]]


def _self_test(trials: Sequence[Trial], count: int) -> Iterator[str]:
    yield "static int wrong = 0;"
    yield ""
    yield "static void compare("
    yield "    const char* key, const Eigen::MatrixXd& found, const Eigen::MatrixXd& wanted"
    yield ") {"
    yield "    const double error = (found - wanted).cwiseAbs().maxCoeff();"
    yield "    const bool ok = error <= 1e-8 * wanted.cwiseAbs().maxCoeff() + 1e-10;"
    yield "    wrong += !ok;"
    yield '    std::printf("%s: %s, off by %.1e\\n", key, ok ? "ok" : "WRONG", error);'
    yield "}"
    yield ""
    yield "static Eigen::MatrixXd matrix(double x) { return Eigen::MatrixXd::Constant(1, 1, x); }"
    yield "static Eigen::MatrixXd matrix(const Eigen::MatrixXd& x) { return x; }"
    yield ""
    yield "int main() {"
    for trial in trials:
        yield "    {"
        yield f"        const auto found = {FUNCTION}("
        yield from (f"            {line}" for line in _listed(trial.arguments))
        yield "        );"
        for i, (key, wanted) in enumerate(trial.wanted):
            own = "found" if count == 1 else f"std::get<{i}>(found)"
            yield f"        compare({literal(key)}, matrix({own}), matrix({wanted}));"
        yield "    }"
    yield "    return wrong != 0;"
    yield "}"


EIGEN = MatrixLanguage(
    name="C++",
    operations=OPERATIONS,
    functions=FUNCTIONS,
    constants={"pi": "std::acos(-1.0)", "e": "std::exp(1.0)"},
    types=_TYPES,
    transposed=".transpose()",
    replicated="{0:atom}.replicate({1}, {2})",
    full="{type}::Constant({rows}, {columns}, {0})",
    broadcasts=False,
    size="double({0})",
    lengths=("{0}.size()", "{0}.rows()", "{0}.cols()"),
    origin=0,
    everything="Eigen::all",
    span="Eigen::seq({0}, {1})",
    joined=("({type}({rows}, {columns}) << PARTS).finished()",) * 2,
    between=(", ", ", "),
    number=_number,
    ascii_names=False,
    reserved=(
        "alignas alignof and and_eq asm auto bitand bitor bool break case catch char class compl "
        "concept const consteval constexpr constinit const_cast continue co_await co_return "
        "co_yield decltype default delete do double dynamic_cast else enum explicit export extern "
        "false float for friend goto if inline int long mutable namespace new noexcept not not_eq "
        "nullptr operator or or_eq private protected public register reinterpret_cast requires "
        "return short signed sizeof static static_assert static_cast struct switch template this "
        "thread_local throw true try typedef typeid typename union unsigned using virtual void "
        "volatile wchar_t while xor xor_eq std Eigen main compare matrix wrong"
    ),
    size_line="const Eigen::Index {0} = {1};",
    check=_checked,
    statement=_statement,
    system=(
        (
            "const Eigen::VectorXd {right} = {value};",
            "Eigen::MatrixXd {along} = {right}.normalized();",
            "if ({count} <= {dense}) {along} = Eigen::MatrixXd::Identity({count}, {count});",
            "Eigen::MatrixXd {rule}({count}, {along}.cols());",
            "Eigen::VectorXd {weights};",
            "for (Eigen::Index {k} = 0; {k} < {count}; ++{k}) {{",
            "    const Eigen::VectorXd {entries} = {along}.col({k});",
        ),
        (
            "    {rule}.col({k}) = {image};",
            "    if ({count} <= {dense}) continue;",
            "    {weights} = {rule}.colPivHouseholderQr().solve({right});  // GMRES",
            "    if (({right} - {rule} * {weights}).norm() <= 1e-12 * {right}.norm()) break;",
            "    Eigen::VectorXd {next} = {rule}.col({k});",
            "    {next} -= ({along} * ({along}.transpose() * {next})).eval();",
            "    {next} -= ({along} * ({along}.transpose() * {next})).eval();",
            "    {along}.conservativeResize(Eigen::NoChange, {k} + 2);",
            "    {along}.col({k} + 1) = {next}.normalized();",
            "    {rule}.conservativeResize(Eigen::NoChange, {k} + 2);",
            "}}",
            "if ({count} <= {dense}) {weights} = {rule}.partialPivLu().solve({right});",
            "if ({weights}.size() != {along}.cols())",
            '    throw std::runtime_error("GMRES does not converge: the system may be singular");',
        ),
    ),
    result=_result,
    literal=_literal,
    wave="[](double x) {{ return std::sin(x + {0}); }}",
    module=_written,
)
