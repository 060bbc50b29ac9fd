"""What is said of a line that is not in the language: a table from malformed text to advice.

Comes before the parser, which says where it stopped and what kind of thing it was waiting for.
"""

from __future__ import annotations

import re
from typing import Literal

Waiting = Literal[
    "statement", "request", "head", "operand", "operator", "dimension", "name", "names"
]

REQUESTS = ("grad", "vjp", "jac", "hess", "jvp", "hvp", "check")
RANGES = "a family is declared or defined at the end of its line: `for l = 1..L`."
STATEMENTS = "A line declares (`X : m x n`), defines (`J = …`) or asks (`grad J wrt X`)."
LONGEST_QUOTE = 40

_RANGE = re.compile(r"(?<!\w)for\s+\w+\s*=")
_SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻ⁿ", "0123456789+-n")

# What it was waiting for (any of these, or "" for all), what stands there instead ("" is the end of
# the line), and what is said. The first row that fits is taken.
_TABLE: tuple[tuple[str, str, str], ...] = (
    ("", r"[⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻ⁿ]", "raised signs are not read: write `^{plain}`."),
    ("", r"\\", "LaTeX is not read: write the names and functions themselves, `A'` or `sum(x)`."),
    ("", r"[∂∇]", "derivatives are asked for by `grad J wrt X` or `d J / d X`."),
    ("", r"[∑Σ∏√∫]", "`{sign}` is not read: write the function's name, `sum(…)` or `sqrt(…)`."),
    ("", r"\.", "a point stands between digits, `0.5`, and in `.*`, `./`, `.^`, `.T`."),
    ("", r"for", RANGES),
    ("statement", r".*", "a line does not begin with `{sign}`. " + STATEMENTS),
    ("request", r".*", "after `check` stands a request: `check grad J wrt X = …`."),
    ("operand", r"", "something is missing after `{before}`; lines go on only inside brackets."),
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
    ("operator", r",", "a comma stands between the arguments of a function."),
    ("operator", r"[<>=!&|]+", "`{sign}` has no place here: a definition has one `=`, and nothing "
     "is compared."),
    ("operator", r"", "the request does not end here: `grad J wrt X`, `check grad J wrt X = …`."),
    ("dimension", r"\*|@|·", "write `m x n` for a matrix, and `m n` for a product of dimensions."),
    ("dimension", r".*", "a shape is `m x n`, or `m` for a column, or `scalar`; a dimension is a "
     "name, a whole number, or a sum or product of them."),
    ("names", r"", "a check has a claim: `check grad J wrt X = …`."),
    ("names", r"=", "a claim is checked: `check grad J wrt X = …`."),
    ("name names", r".*", "after `wrt` stand declared names, `grad J wrt W, b`; after `with` one."),
)  # fmt: skip


def complaint(line: str, sign: str, before: str, waiting: Waiting) -> str:
    """What to say of `sign`, which stands behind `before` in a line."""
    if _RANGE.search(line):
        return RANGES
    if waiting == "head":
        from difflib import get_close_matches  # slow to import, and only for what is misspelt

        meant = get_close_matches(before, REQUESTS, n=1, cutoff=0.7)
        return f"did you mean `{meant[0]}`?" if meant else f"this is no statement. {STATEMENTS}"
    for states, pattern, message in _TABLE:
        if (not states or waiting in states.split()) and re.fullmatch(pattern, sign):
            return message.format(
                sign=_quoted(sign), before=_quoted(before), plain=sign.translate(_SUPERSCRIPTS)
            )
    return f"`{_quoted(sign)}` has no place here."


def _quoted(typed: str) -> str:
    return typed if len(typed) <= LONGEST_QUOTE else typed[:LONGEST_QUOTE] + "…"
