"""TABLE: words that are no names where nobody declares them, and what is to be written instead.

Asked of an undeclared name, in an expression or as a size; what is declared may be called so.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Container

from ...core.errors import Span
from ...core.regexes import regex
from ..syntax.syntax_errors import WORDS, no_name
from ..syntax.tree import ATTRIBUTES, KINDS

# In an expression: what words are, and what is said of them.
_IN_EXPRESSIONS = (
    ("inf infinity Inf ∞", "is no number: the largest of the absolute values is `max(abs(x))`."),
    ("nan NaN None True False", "is no number of the language."),
    ("numel length len size nrow ncol",
     "is no function here: how many there are is a dimension, the `m` of `y : m`."),
    ("if then else", "is no word here: what is chosen entry by entry is `where(x > 0, x, 0)`."),
)  # fmt: skip
# As a size.
_AS_SIZES = (
    ("square", "is no size: a square matrix is `A : n x n`."),
    ("by", "stands for no sign: a shape is `m x n`."),
    ("matrix", "is no size: a matrix has two, `A : m x n`."),
    ("vector column", "is no size: a column has one, `x : n`."),
    ("row", "is no size: a row has one, `b : 1 x n`."),
    ("function", "is no size: a function of each entry is declared `f : elementwise`."),
    (
        "real float double number int integer float32 float64 array ndarray tensor Tensor Array",
        "is no size: a number is declared `s : scalar`, an array by its sizes alone, `X : m x n`.",
    ),
)
_EXPRESSION = {word: said for words, said in _IN_EXPRESSIONS for word in words.split()}
_SIZE = {word: said for words, said in _AS_SIZES for word in words.split()}
_MOST_FACTORS = 4  # letters that may be factors without spaces
_MATRICES = regex(r"[A-Z][bcpquvwxyzβθμ]|[A-Z]{2,3}")
# Before a sum's sign without an index: the beginning, a sign, a number, or a fraction.
_BEGINS = regex(r"(?:^|[-+*=(,;\n−·]|\blog|\bln|/\s*\w+|\d)\s*$")
# What stands before and behind the sign of a shape that is written as a value, `X = m x n`.
_DEFINED, _SIDE = re.compile(r"=\s*[\w+]+\s+$"), re.compile(r"[ \t]+[\w+]+[ \t]*(?:[;\n]|$)")
_FACTOR = regex(r"[ \t]*[\w(‖|√]")


def as_size(name: str, ends: bool) -> str:
    """What is said of a word as a size, which `ends` a product of them; empty where it may be
    one."""
    if name not in _SIZE:
        return ""
    return f"`{name}` {'is left out behind a shape.' if ends else _SIZE[name]}"


def foreign_word(name: str, text: str, span: Span) -> str:
    """What is said of an undeclared name that stands at a place; empty where it may be one."""
    if name in WORDS:
        return no_name(name)
    if name in _EXPRESSION:
        return f"`{name}` {_EXPRESSION[name]}"
    if name in KINDS:
        return f"`{name}` stands in the place of a shape: `x : {name}`."
    if name in ATTRIBUTES:
        return f"`{name}` stands behind a shape: `A : n x n {name}`."
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
