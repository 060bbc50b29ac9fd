"""What is said of a line that is not in the language: a table from malformed text to advice.

Comes before the parser, which says where it stopped and what kind of thing it was waiting for.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Literal

from ...core.named_tuples import NamedTuple
from ...core.regexes import regex
from ...core.warnings import nearest
from .synonyms import advice, spelt

Waiting = Literal[
    "statement", "request", "head", "operand", "operator", "dimension", "name", "names"
]

REQUESTS = ("grad", "vjp", "jac", "hess", "jvp", "hvp", "check")
RANGES = "a family is declared or defined at the end of its line: `for l = 1..L`."
RANGE = (
    "a range is `l = 1..L`: a letter, and the first and the last index; an index is a letter, a "
    "whole number, or a letter and a whole number, `L-1`."
)
STATEMENTS = "A line declares (`X : m x n`), defines (`J = …`) or asks (`grad J wrt X`)."
LONGEST_QUOTE = 40
NO_LIMITS = "limits and integrals are not read: write what they come to."
TWO_SIDES = (
    "every value is a matrix: a shape has at most two sides. Members have names with an index: "
    "`X[i] : n x d for i = 1..b`."
)

# What is said of a line that has something in it, wherever the parser stopped.
_LINES = (
    (
        regex(r"^\s*\S*\w\.(?:st|tex|toml)\s*$"),
        "this names a file: `shapetrick derive FILE` reads it, in Python its text is "
        "`Path(…).read_text()`.",
    ),
    (regex(r"//|/\*|%(?!\*)(?<!\*%)"), "a comment begins with `#`."),
    (
        regex(r"</\w+>|&\w+;"),
        "marks of a web page are no part of a formula: leave out `<b>` and such.",
    ),
    (regex(r"(?<!\w)lim(?!\w)|∫"), NO_LIMITS),
    (regex(r"→|↦|->"), "the argument is declared, `x : n`, and the function defined, `f(x) = …`."),
    (
        regex(r"(?<!\w)(?:s\.t\.|subject\s+to|such\s+that)"),
        "constraints are not read: what a value is stands behind its shape, `U : n x n "
        "orthogonal`.",
    ),
    (
        regex(r"(?<!\w)(?:where|with)\s+\w+\s*=(?!=)"),
        "what a name is stands in a line of its own, `s = X w`, and what uses it in another one.",
    ),
    (regex(r"(?:\A|=)\s*\?"), "a request ends with names: `grad J wrt X`, without `= ?`."),
    (
        regex(r"(?<!\|)\|[^|]+\|\|[^|]+\|(?!\|)"),
        "`||` belongs to a norm: write `norm(a) norm(b)`, of absolute values `abs(a) abs(b)`.",
    ),
    (
        regex(r"\A\s*(?:def|function)\s|(?<!\w)lambda\s+\w+(?:\s*,\s*\w+)*:"),
        "a function is `f(x) = …`, at any shapes that fit; one in Python is read from its file, "
        "`shapetrick derive FILE.py:f --shapes 'x: n'`.",
    ),
    (
        regex(r"\(.*[\w)\]]\s+for\s+\w+\s+in\s|\(.*,\s*\w+\s*=\s*\w+\s*\.\.|[₌₊₋]"),
        "a sum over an index is `sum(i = 1..n) x[i]^2`.",
    ),
    (
        regex(r"\w\([^()]*[\w-]\s*:"),
        "a part stands in square brackets: `x[2..5]`, counted from 1, both ends included.",
    ),
    (
        regex(r"\A[^:]*:\s*\w+\s*\(\s*\w+\s*(?:[,×)]|x\s)"),
        "a declaration is `X : n x d`, and stands in a line of its own, or between `;`.",
    ),
    (
        regex(r"\A\s*\w+(?:\s*,\s*\w+)+\s*=(?!=)"),
        "a definition has one name; several values are what functions as `svd` give, `U, s, V = "
        "svd(A)`.",
    ),
    (regex(r"(?<!\w)for\s+\w+\s*(?:=|in\s)"), RANGES),
)
_PRIMED = regex(r"\s*\w+\s*['’′]+\s*")
_TUPLE = regex(r"\w\(\(\s*\w+\s*\Z")  # a shape, in NumPy
_DECIMAL = regex(r"(?<![\w.])\d+\Z")
RAISED_SIGNS = "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻ⁿ"
RAISED = str.maketrans(RAISED_SIGNS, "0123456789+-n")

# What it was waiting for (any of these, or "" for all), what stands there instead ("" is the end of
# the line), and what is said. The first row that fits is taken.
_TABLE: tuple[tuple[str, str, str], ...] = (
    ("", r"[⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻ⁿ]", "a raised sign stands behind what it raises: write `^{plain}`."),
    ("", r"\\", "LaTeX has no place here: write names and functions themselves, `A'` or `sum(x)`."),
    ("", r"[∂∇]", "derivatives are asked for by `grad J wrt X` or `d J / d X`; as values they have "
     "brackets, `(grad J wrt X)`."),
    ("", r"[∑Σ∏√∫]", "`{sign}` is not read: write the function's name, `sum(…)` or `sqrt(…)`."),
    ("", "∞", "`∞` is no number: the largest of the absolute values is `max(abs(x))`."),
    ("operand", r"@", "a function is `f(x) = …`, and its argument is declared, `x : n`."),
    ("operand", r"\.\.\.?|…", "what goes on is a sum with its index, `sum(i = 1..n) x[i]`."),
    ("", r"\.\.?", "a point stands between digits, `0.5`, and in `.*`, `./`, `.^`, `.T`."),
    ("", r"\?", "`?` has no place here: a request is `grad J wrt X`, and what is chosen entry by "
     "entry is `where(x > 0, x, 0)`."),
    ("", r"for", RANGES),
    ("statement", r".*", "a line does not begin with `{sign}`. " + STATEMENTS),
    ("request", r".*", "after `check` stands a request: `check grad J wrt X = …`."),
    ("operand", r":", "all entries of `A` below each other are `vec(A)`; a row is `A[1, :]`, a "
     "column `A[:, 1]`."),
    ("operand", r"", "something is missing after `{before}`; lines go on only inside brackets."),
    ("operator", r"%", "products are `A B`, and `A .* B` for each entry; `a b'` is the outer one."),
    ("operator", r"\[", "what is indexed is a name, a call or a group: `(A')[1, :]`."),
    ("operand operator name names", r"[\[{{]", "`{sign}` has no place here: brackets are `( )`."),
    ("operand", r"[)\]}}]|wrt|with|=|[-+*@/^.·⊙∘⊘⊗−'’′,]+", "something is missing between "
     "`{before}` and `{sign}`."),
    ("operator", r"\*\*|\.?\^", "a power of a power needs brackets: `(a^b)^c` or `a^(b^c)`."),
    ("operator", r"×|x", "`{sign}` stands between dimensions; a product is `A B`, or `A .* B` for "
     "each entry."),
    ("operator", r":", "a `:` declares what stands before it, and that is a list of names: "
     "`X, Y : m x n`."),
    ("operator", r"wrt|with", "`{sign}` belongs to a request: `grad J wrt X`, `vjp Z with G wrt "
     "X`."),
    ("operator", r",", "a comma stands between the arguments of a function; of several "
     "variables, each has a claim in a line of its own, `check grad J wrt W = …`."),
    ("", r"\|+|‖", "bars stand in pairs, `|A|` or `‖x‖`: write `abs(x)`, `det(A)` or `norm(x)`."),
    ("operand", r"<", "an inner product is `dot(x, y)`, or `⟨x, y⟩`."),
    ("operator", r"[<>]", "comparisons do not chain: write `(A < B) .* (B < C)`."),
    ("operator", r"[<>=!&|]+", "`{sign}` has no place here: a definition has one `=`, `check E1 = "
     "E2` claims that two values are equal, and only `>` and `<` compare."),
    ("operator", r"", "the request does not end here: `grad J wrt X`, `check grad J wrt X = …`."),
    ("dimension", r"\*|@|·", "write `m x n` for a matrix, and `m n` for a product of dimensions."),
    ("dimension", r"\^|\*\*", "dimensions have no powers: write `n n` for `n^2`."),
    ("dimension", r"x|×", TWO_SIDES),
    ("dimension", r"[<>≥≤]=?", "a sign is an attribute: `x : n positive`, or `nonneg`."),
    ("dimension", r"\)", "a shape ends in no comma: a column is `x : n`, a row `x : 1 x n`."),
    ("dimension", r"[=:]", "a statement ends before the next one: put `;` between them, or a new "
     "line; a family ends in its range, `for l = 1..L`."),
    ("dimension", r".*", "a shape is `m x n`, or `m` for a column, or `scalar`; a dimension is a "
     "name, a whole number, or a sum, difference or product of them."),
    ("names", r"", "a check has a claim: `check grad J wrt X = …`."),
    ("names", r"=", "a claim is checked, `check grad J wrt X = …`; an equation is solved, "
     "`solve grad J wrt X = 0`."),
    ("name names", r"\(|vech", "after `wrt` stand declared names: `grad J wrt W, b`; along the "
     "symmetric matrices it is `hess J wrt S symmetric`, and by what they have on and below the "
     "diagonal `hess J wrt vech(S)`."),
    ("name names", r".*", "after `wrt` stand declared names, `grad J wrt W, b`; after `with` one."),
)  # fmt: skip


_MODULES = ("np", "numpy", "jnp", "jax", "lax", "nn", "torch", "F", "tf", "scipy", "math", "cupy",
            "linalg")  # fmt: skip
_METHODS = {
    **dict.fromkeys(("dot", "matmul", "mm"), "X W"), **dict.fromkeys(("t", "transpose"), "X'"),
    **dict.fromkeys(("diff", "grad", "backward", "jacobian"), "grad J wrt X"),
}  # fmt: skip
_DOTTED = regex(r"\s*(\w+(?:\s*\.\s*\w+)*)\s*(\()?")
_OPENER = regex(r"[^\W\d]\w*\s*\Z")


class Stop(NamedTuple):
    """Where the parser stopped: at which place of a line, at what sign, and what stands before."""

    line: str
    at: int
    sign: str
    before: str

    @property
    def called(self) -> tuple[str, int]:
        """The name before the bracket that is open here and its place, where what follows could
        only be the arguments of a function; else an empty name."""
        if self.sign not in (",", "=") and (self.before, self.sign) != ("(", ")"):
            return "", 0
        depth = 0
        for i in range(self.at - 1, -1, -1):
            depth += {")": 1, "(": -1}.get(self.line[i], 0)
            if depth < 0:
                name = _OPENER.search(self.line[:i])
                return ("", 0) if name is None else (name.group().strip(), name.start())
        return "", 0


def no_index(typed: str) -> str:
    """What is said of a name with something else in its brackets."""
    name = _quoted(" ".join(typed.split()))
    return f"`{name}`: an index is a letter, a whole number, or both: `l-1`."


def no_keyword(typed: str) -> str:
    """What is said of an argument by keyword that a function of the table does not take."""
    if typed.startswith("ord"):
        return (
            f"`{typed}` is not read: write `norm1(x)` for the sum of absolute values, `norm(x)` "
            "for the Euclidean norm, `norm(x, p)` for others of a column."
        )
    return (
        f"`{typed}` is not understood: write `axis=0` (down the columns) or `axis=1` (along the "
        "rows)."
    )


def no_prime(of: str, wrt: str = "x") -> str:
    """What is said of a prime that is no transpose, but for a derivative of a value."""
    return (
        f"a prime is the transpose, and no derivative: write `grad {of} wrt {wrt}` in a line of "
        f"its own, or `(grad {of} wrt {wrt})` as a value, of a declared `{wrt}`."
    )


def no_derivative(name: str) -> str:
    """What is said of a primed function that has no derivative by name."""
    return (
        f"`{name}(…)` is not read: so is only the first derivative of an element-wise function, "
        "`tanh'(x)`. Write out what it is."
    )


def unknown_function(name: str, known: Collection[str]) -> str:
    """What is said of a name that is called with several arguments, and is no function."""
    return f"`{name}` is not a function. {advice(name, known, arguments=2)}"


def no_call(name: str) -> str:
    """What is said of a value that is called with several arguments."""
    return (
        f"`{name}` is a value, and no function: an entry is `{name}[1,2]`, counted from 1, and a "
        f"product `{name} (…)`."
    )


def foreign_function(typed: str, name: str, known: Collection[str] = ()) -> str:
    """What is said of a library's function that is not read."""
    called = spelt(name, known)
    if name == "einsum":
        called = "y[i] = sum(j) A[i,j] x[j]"
    return f"`{typed}` is not read. " + (
        f"Write `{called}`." if called else advice(name, known, arguments=2)
    )


def complaint(stop: Stop, waiting: Waiting, known: Collection[str]) -> str:
    """What to say of the sign at which the parser stopped; `known` are the functions."""
    line, at, sign, before = stop
    for found, said in _LINES:
        if found.search(line):
            return said
    if sign == "," and _TUPLE.search(line[:at]):
        return "arguments stand in one pair of brackets: `zeros(m, n)`."
    if sign == "," and _DECIMAL.search(line[:at]) and line[at + 1 : at + 2].isdigit():
        return "a number has a point, `0.5`."
    if waiting == "head" and ":" in line[at:]:
        waiting, sign = "operator", ":"
    if waiting == "head":
        meant = nearest(before, REQUESTS)
        return f"did you mean `{meant}`?" if meant else f"this is no statement. {STATEMENTS}"
    if sign == "wrt" and before in REQUESTS:
        return f"what is asked for is that of a value: `J = …`, and `{before} J wrt x`."
    if sign in ("wrt", "with") and waiting == "operator":
        first = line[:at].rpartition(";")[2].split()[:2]
        if meant := next(filter(None, (_likely_request(word) for word in first)), None):
            return f"did you mean `{meant}`?"
    if sign == "=" and _PRIMED.fullmatch(line, 0, at):
        return "a prime is the transpose, and ends no name: write `g = …`."
    if waiting == "operand" and not before and sign and sign != "<":
        return f"nothing stands before `{_quoted(sign)}`. {STATEMENTS}"
    if before.endswith(".") and waiting == "name":  # a module
        return foreign_function(f"{before}{sign}", sign, known)
    dotted = _dotted(before, line[at + 1 :], known) if sign == "." else None
    if dotted is not None:
        return dotted
    for states, pattern, message in _TABLE:
        if (not states or waiting in states.split()) and re.fullmatch(pattern, sign):
            return message.format(
                sign=_quoted(sign), before=_quoted(before), plain=sign.translate(RAISED)
            )
    return f"`{_quoted(sign)}` has no place here."


def _likely_request(word: str) -> str | None:
    """The request that is misspelt, if one is."""
    return None if word in REQUESTS else nearest(word, REQUESTS)


def _dotted(before: str, after: str, known: Collection[str]) -> str | None:
    """What to say of `np.exp` and `X.mean(axis=0)`."""
    m = _DOTTED.match(after)
    if m is None or not re.fullmatch(r"[^\W\d]\w*(\[.*\])?|[)\]'’]|\.T", before):
        return None
    *path, name = re.split(r"\s*\.\s*", m[1])
    called = f"{name}(…)" if name in known else spelt(name, known)
    if before in _MODULES or path:
        instead = f"Write `{called}`." if called else advice(name, known, arguments=2)
        return f"a module's name is not read. {instead}"
    if m[2] is None:
        return None
    method = _METHODS.get(name) or (f"{name}(X, …)" if name in known else called)
    said = f"Write `{method}`." if method else advice(name, known, arguments=2)
    return f"methods are not read. {said}"


def _quoted(typed: str) -> str:
    return typed if len(typed) <= LONGEST_QUOTE else typed[:LONGEST_QUOTE] + "…"
