"""What is wrong in one place of a claim, and the words in which it is said."""

from __future__ import annotations

from dataclasses import dataclass

from ..core.errors import Span, enumerated


@dataclass(frozen=True, slots=True)
class Mistake:
    """What is wrong in one place: the name of the row of `claims/mutations.py` that mends it, the
    place in the problem's text, what stands there and what should; `known` names what should stand
    there where it is known by more than its value, such as the upstream gradient; `within` is the
    definition that the place is in, where it is not in the claim; `alike` are other arrangements
    of the right shape, which are wrong."""

    name: str
    span: Span
    old: str
    new: str
    known: str = ""
    within: str = ""
    alike: tuple[str, ...] = ()


_WORDS = {
    "order of the factors": "the factors are in the wrong order",
    "kind of product": "the wrong kind of product",
    "grouping": "the wrong grouping",
    "sign": "the wrong sign",
    "numeric factor": "a numeric factor is wrong",
    "power": "a wrong exponent or inverse",
    "axis": "a sum along the wrong axis",
    "function": "the wrong function",
    "argument": "the wrong argument",
    "extra factor": "a factor too many",
    "extra term": "a term too many",
    "missing factor": "a factor is missing",
    "missing term": "a term is missing",
    "wrong part": "a part is wrong",
    "arrangement": "all factors are there; only the arrangement is open",
    "symmetric convention": "another convention for a symmetric matrix",
}
_COUNTED = ("transpose", "sum")  # one is missing, or there is one too many


def described(slip: Mistake) -> str:
    """`a transpose is missing: X', not X`."""
    place = f"in `{slip.within}`, " if slip.within else ""
    return f"{place}{kind_of(slip)}: {instead(slip)}"


def instead(slip: Mistake) -> str:
    """What should stand there, and what does, and what might be taken for it."""
    said = f"`{slip.new}`, not `{slip.old}`"
    if slip.alike:
        fit = "fits" if len(slip.alike) == 1 else "fit"
        said += f" ({enumerated([f'`{text}`' for text in slip.alike])} {fit} the shape too: wrong)"
    return said


def kind_of(slip: Mistake) -> str:
    """`a transpose is missing`: what kind of thing is wrong, and no more."""
    if slip.known:
        return f"{slip.known} is {'wrong' if slip.name == 'wrong part' else 'missing'}"
    if slip.name == "mean":
        return (
            "a mean in the place of a sum" if "sum(" in slip.new else "a sum in the place of a mean"
        )
    if slip.name in _COUNTED:
        return (
            f"a {slip.name} is missing"
            if len(slip.new) > len(slip.old)
            else f"a {slip.name} too many"
        )
    return _WORDS[slip.name]
