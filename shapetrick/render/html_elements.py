"""HTML elements whose text is escaped by construction."""

from __future__ import annotations

from html import escape


class Html(str):
    """Markup; any other string is text."""

    __slots__ = ()


def element(name: str, /, *children: str, **attributes: str | float | bool) -> Html:
    """An element with its children, of which those that aren't markup are escaped.

    An attribute's underscores are hyphens, and one at its end is for Python's own words; true is an
    attribute without a value, false none."""
    parts = [f"<{name}"]
    for key, value in attributes.items():
        word = key.rstrip("_").replace("_", "-")
        if value is True:
            parts.append(f" {word}")
        elif value is not False:
            parts.append(f' {word}="{escape(str(value))}"')
    parts.append(">")
    parts.extend(children_text(children))
    if name not in ("meta", "br"):
        parts.append(f"</{name}>")
    return Html("".join(parts))


def children_text(children: tuple[str, ...]) -> list[str]:
    """Markup as it is, text escaped."""
    return [c if isinstance(c, Html) else escape(_visible(c), quote=False) for c in children]


def joined(*children: str) -> Html:
    """Several of them, one after the other."""
    return Html("".join(children_text(children)))


def _visible(text: str) -> str:
    """Without controls, and without marks that would turn the direction of what follows."""
    return "".join(
        c if c.isprintable() or c in "\n\t\xa0" else "\N{REPLACEMENT CHARACTER}" for c in text
    )
