"""The full text of every error message, kept in `messages/*.case` for people to review.

A case is a problem's text, `# says`, and the message; cases are separated by a line of dashes.
`python tests/language/test_messages.py` writes the messages anew.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from shapetrick.core.errors import ShapetrickError
from shapetrick.language.elaboration import read

FILES = sorted((Path(__file__).parent / "messages").glob("*.case"))
BETWEEN = "\n" + "-" * 100 + "\n"
SAYS = "\n# says\n"


def message(text: str) -> str:
    """What is said of a problem, after the kind of the error."""
    try:
        read(text)
    except ShapetrickError as error:
        return f"{type(error).__name__}\n{error}"
    return "nothing"


def cases(file: Path) -> list[tuple[str, str]]:
    """The texts in a file, and what is said of them."""
    blocks = file.read_text(encoding="utf-8").rstrip("\n").split(BETWEEN)
    return [(text, said) for text, _, said in (block.partition(SAYS) for block in blocks)]


CASES = [(f"{f.stem}-{i}", *case) for f in FILES for i, case in enumerate(cases(f), 1)]


@pytest.mark.parametrize(("text", "said"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
def test_message(text: str, said: str) -> None:
    assert message(text) == said


def test_every_message_is_a_refusal() -> None:
    assert CASES
    assert not [text for _, text, said in CASES if said == "nothing"]


if __name__ == "__main__":
    for file in FILES:
        written = [text + SAYS + message(text) for text, _ in cases(file)]
        file.write_text(BETWEEN.join(written) + "\n", encoding="utf-8")
