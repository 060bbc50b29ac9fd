"""Arguments of more than two axes, as families: their first axes, and those of the same sizes in
front of other arguments, count members, `X: b x n x d` being `X[i] : n x d for i = 1..b`.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from functools import partial
from itertools import chain, count, islice

from ..core.errors import InputError
from ..core.families import index_letters
from . import arrays
from .members import MOST_INDICES

_NAMES = re.compile(r"[^\[\]():]*:")
_BETWEEN = re.compile(r"\s+x\s+|\s*[×,]\s*|\s*\\times\s*")


def with_members(head: str, counted: Collection[str] = ()) -> str:
    """Declarations, a line each, with families in the place of arrays that have sizes which are
    counted, or more than two axes; a size that has an argument's name gets another one."""
    if not all(map(_NAMES.match, head.splitlines())):
        return head  # which is refused as a text
    lines = [line for text in head.splitlines() for line in _single(text)]
    axes = [_axes(shape) for _, shape in lines]
    used = {*re.findall(r"\w+", head)}
    sizes = {word for own, _ in axes for word in re.findall(r"\w+", " ".join(own))}
    for name in sorted(sizes & {name for name, _ in lines}):
        tried = chain([name.upper()], (f"{name}_{k}" for k in count()))
        other = next(c for c in tried if c not in used)
        used.add(other)
        renamed = partial(re.sub, rf"\b{name}\b", other)
        axes = [([*map(renamed, own)], words) for own, words in axes]
    for (name, _), (own, _) in zip(lines, axes, strict=True):
        if "1" in own[: -arrays.HIGHEST_RANK]:
            kept = " x ".join(d for d in own if d != "1")
            raise InputError(
                f"`{name}` has an axis of one entry before two others: leave it out, "
                f'{name}="{kept}", and let the function add it.'
            )
    lead = {*counted, *(d for own, _ in axes for d in own[: -arrays.HIGHEST_RANK])}
    letters = [*islice((c for c in index_letters() if c not in used), MOST_INDICES)]
    return "\n".join(
        _declared(name, own, words, lead, letters)
        for (name, _), (own, words) in zip(lines, axes, strict=True)
    )


def _single(text: str) -> list[tuple[str, str]]:
    """Each name of a declaration, with the shape."""
    names, _, shape = text.partition(":")
    return [(name.strip(), shape) for name in names.split(",")]


def _axes(shape: str) -> tuple[list[str], str]:
    """The sizes, and the words behind them: attributes."""
    *first, last = _BETWEEN.split(re.sub(r"^[(\[](.*,.*)[)\]]", r"\1", shape.strip()))
    m = re.fullmatch(r"(\([^()]*\)|[\d\s]*[\w+-]+)(.*)", last)
    return [*first, m[1]] if m else [*first, last], m[2] if m else ""


def _declared(
    name: str, sizes: Sequence[str], words: str, lead: Collection[str], letters: Sequence[str]
) -> str:
    """The declaration of one name; a family where axes in front count members."""
    first = next((k for k, d in enumerate(sizes) if d not in lead), len(sizes))
    first = max(first, len(sizes) - arrays.HIGHEST_RANK)
    member = " x ".join(sizes[first:]) or "scalar"
    if not first:
        return f"{name} : {member}{words}"
    ranges = ", ".join(f"{c} = 1..{d}" for c, d in zip(letters, sizes[:first], strict=False))
    return f"{name}[{','.join(letters[:first])}] : {member}{words} for {ranges}"
