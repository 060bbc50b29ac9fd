"""TABLE: the Greek letters, each as a letter and written out: `σ` and `sigma` are one name.

They are two where a text declares both.
"""

from __future__ import annotations

from collections.abc import Container
from functools import cache

from .regexes import regex

GREEK = {
    "α": "alpha", "β": "beta", "γ": "gamma", "δ": "delta", "ε": "epsilon", "ζ": "zeta",
    "η": "eta", "θ": "theta", "ι": "iota", "κ": "kappa", "λ": "lambda", "μ": "mu", "ν": "nu",
    "ξ": "xi", "π": "pi", "ρ": "rho", "σ": "sigma", "τ": "tau", "υ": "upsilon", "φ": "phi",
    "χ": "chi", "ψ": "psi", "ω": "omega", "Γ": "Gamma", "Δ": "Delta", "Θ": "Theta", "Λ": "Lambda",
    "Ξ": "Xi", "Π": "Pi", "Σ": "Sigma", "Υ": "Upsilon", "Φ": "Phi", "Ψ": "Psi", "Ω": "Omega",
}  # fmt: skip
LETTERS = frozenset(GREEK.values())
_WRITTEN = {name: letter for letter, name in GREEK.items()}
_WORD = regex(r"[^\W\d_]+")


@cache
def other_spelling(name: str) -> str:
    """A name with its Greek letters written out, or as letters where they are: itself if it has
    none."""
    spelled = _WRITTEN if name.isascii() else GREEK
    return _WORD.sub(lambda word: spelled.get(word.group(), word.group()), name)


def as_declared(name: str, declared: Container[str]) -> str:
    """The name that is declared, if this one is its other spelling."""
    if name in declared:
        return name
    other = other_spelling(name)
    return other if other in declared else name
