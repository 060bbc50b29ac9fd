"""TABLE: words that are no names where nobody declares them, and what is to be written instead: of
sentences, of other languages' declarations, as sizes, in expressions.

Asked of a line that says what a value is, and of an undeclared name; what is declared may be called
so.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Container

from ...core.errors import ParseError, Span
from ...core.regexes import regex
from .syntax_errors import NO_LIMITS, STATEMENTS
from .tree import ATTRIBUTES, KINDS

# Of sentences: a malformed line with one of the first is prose.
PROSE = frozenset(
    ["let", "be", "is", "are", "the", "of", "what", "given", "return", "import", "from", "we"]
)
_SENTENCES = PROSE.union(
    ["find", "compute", "print", "derive", "differentiate", "calculate", "minimize", "maximize"],
    ("by", "and", "as", "gradient", "derivative"),
)
# In an expression: what words are, and what is said of them.
_IN_EXPRESSIONS = (
    ("inf infinity Inf ∞", "is no number: the largest of the absolute values is `max(abs(x))`."),
    ("nan NaN None True False", "is no number of the language."),
    ("numel length len size nrow ncol",
     "is no function here: how many there are is a dimension, the `m` of `y : m`."),
    ("if then else", "is no word here: what is chosen entry by entry is `where(x > 0, x, 0)`."),
    ("choose mod div", "is no operator of the language."),
)  # fmt: skip
# Kinds of values, which stand before or behind a name elsewhere; as a size.
_KINDS = (
    ("matrix matrices", "is no size: a matrix has two, `A : m x n`."),
    ("vector vectors column", "is no size: a column has one, `x : n`."),
    ("row", "is no size: a row has one, `b : 1 x n`."),
    (
        "real float double number int integer float32 float64 scalars array ndarray tensor Tensor "
        "Array",
        "is no size: a number is declared `s : scalar`, an array by its sizes alone, `X : m x n`.",
    ),
)
# Others, as a size.
_AS_SIZES = (
    ("square", "is no size: a square matrix is `A : n x n`."),
    ("by", "stands for no sign: a shape is `m x n`."),
    ("function", "is no size: a function of each entry is declared `f : elementwise`."),
)
_EXPRESSION = {word: said for words, said in _IN_EXPRESSIONS for word in words.split()}
_KIND = {word: said for words, said in _KINDS for word in words.split()}
_KIND_WORDS = frozenset((*_KIND, "scalar"))
_SIZE = _KIND | {word: said for words, said in _AS_SIZES for word in words.split()}
_MOST_FACTORS = 4  # letters that may be factors without spaces
_MATRICES = regex(r"[A-Z][bcpquvwxyzβθμ]|[A-Z]{2,3}")
# Before a sum's sign without an index: the beginning, a sign, a number, or a fraction.
_BEGINS = regex(r"(?:^|[-+*=(,;\n−·]|\blog|\bln|/\s*\w+|\d)\s*$")
# What stands before and behind the sign of a shape that is written as a value, `X = m x n`.
_DEFINED, _SIDE = regex(r"=\s*[\w+]+\s+$"), regex(r"[ \t]+[\w+]+[ \t]*(?:[;\n]|$)")
_ARTICLES = frozenset(("is", "be", "a", "an"))  # between a name and its kind
# `X is an m by n matrix`, `let u be a k-vector`.
_DECLARED = regex(
    r"(?P<name>[^\W\d]\w*)\s+(?:is|are|be)\s+(?:an?\s+|in\s+)?(?:(?P<rows>\w+)\s*(?:by|x|×)\s*(?P<cols>\w+)"
    r"|(?!an?\s|the\s)(?P<size>\w+)[\s-]+(?:column\s+)?(?:vectors?|dimensional))"
)
_FACTOR = regex(r"[ \t]*[\w(‖|√]")


def refuse_kind(text: str, span: Span, names: Container[str]) -> None:
    """Refuse what says of which kind a value is, where `names` are declared here. Raises
    ParseError."""
    words = text[span.start : span.end].replace(",", " ").removeprefix("let ").split()
    if len(words) < 2:
        return
    if words[0].partition("[")[0] in _KIND_WORDS:
        kind, name = words[0].partition("[")[0], words[1].partition("(")[0].partition("[")[0]
    else:
        kind, name = words[-1] if _ARTICLES.issuperset(words[1:-1]) else "", words[0]
    if kind not in _KIND_WORDS or kind in names or not name.isidentifier():
        return
    at = text.index(kind, span.start)
    raise ParseError(
        f"a name and its sizes declare a value: `{name} : n` a column, `{name} : m x n` a matrix, "
        f"`{name} : scalar` a number; `{name} = …` defines one.",
        Span(at, at + len(kind)),
    )


def declared_in_words(line: str) -> str:
    """What is said of a line that declares in words, `X is an m by n matrix`; empty of others."""
    m = _DECLARED.search(line)
    if m is None:
        return ""
    shape = " x ".join(filter(None, (m["rows"] or m["size"], m["cols"])))
    return f"A line declares: `{m['name']} : {shape}`."


def as_size(name: str, ends: bool) -> str:
    """What is said of a word as a size, which `ends` a product of them; empty where it may be
    one."""
    if name not in _SIZE:
        return ""
    return f"`{name}` {'is left out behind a shape.' if ends else _SIZE[name]}"


def no_name(word: str, line: str = "") -> str:
    """What is said of a word of a sentence in a line, which may declare."""
    return f"`{word}` is a word here, and no name. {declared_in_words(line) or STATEMENTS}"


def foreign_word(name: str, text: str, span: Span) -> str:
    """What is said of an undeclared name that stands at a place; empty where it may be one."""
    if name in _SENTENCES:
        return no_name(name)
    if name in _EXPRESSION:
        return f"`{name}` {_EXPRESSION[name]}"
    if name in KINDS:
        return f"`{name}` stands in the place of a shape: `x : {name}`."
    if name in ATTRIBUTES:
        return f"`{name}` stands behind a shape: `A : n x n {name}`."
    if name.startswith("int_"):
        return NO_LIMITS
    if name.startswith("_"):
        return f"`{name}` is no name: an index stands before a power, `x_1^2` or `‖x‖_2^2`."
    if all(unicodedata.decomposition(sign).startswith("<sub>") for sign in name):
        return (
            "an index below belongs to a name, `x_i`; the entry of an expression is `(A x)[i]`, "
            "and a derivative is by `∇_x`."
        )
    if name == "Σ" and _BEGINS.search(text, 0, span.start) and _FACTOR.match(text, span.end):
        return (
            "`Σ` is not declared: the sum of all entries is `sum(…)`, one with an index "
            "`sum(i) x[i]`; a matrix is declared, `Σ : n x n`."
        )
    if name == "x" and _DEFINED.search(text, 0, span.start) and _SIDE.match(text, span.end):
        return "a shape stands behind a colon, `X : m x n`, and a product is `A B`."
    return ""


def factors_without_spaces(name: str, beside: Container[str]) -> str:
    """What is said of letters without a space that are names by themselves; of capitals among them
    one such letter is enough, of `Ax` and `AXB` none."""
    if not (2 <= len(name) <= _MOST_FACTORS and name.isalpha()):
        return ""
    if name[0] in beside and all(
        unicodedata.decomposition(c).startswith("<super>") for c in name[1:]
    ):
        power = unicodedata.normalize("NFKC", name[1:])
        return f"`{name}` is one name, and not declared: the power is `{name[0]}^{power}`."
    known = sum(letter in beside for letter in name) + bool(_MATRICES.fullmatch(name))
    if known < (1 if not name.islower() else len(name)):
        return ""
    if name.endswith("T") and name[:-1] in beside:
        return f"`{name}` is one name, and not declared: the transpose is `{name[:-1]}'`."
    product = " ".join(name)
    return (
        f"`{name}` is one name, and not declared: write `{product}` for the product, or declare it."
    )
