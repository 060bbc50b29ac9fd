"""What is said of a line that doesn't stand, a bit more at each try: what is right so far and which
kind of thing is missing, then which factor, and the answer only at the last."""

from __future__ import annotations

from dataclasses import dataclass

ALL_THERE = "all factors are there"
ARRANGEMENT = "only the arrangement is open"
MOST_TRIES = 3  # after which the answer is given


@dataclass(frozen=True, slots=True)
class Feedback:
    """`right` is what is right so far, `kind` which kind of thing is wrong, `part` the factor or
    the part that it is in, and why; `answer` a line that was tried and stands."""

    right: str
    kind: str
    part: str
    answer: str

    def told(self, tries: int) -> str:
        """What is said at that try, counted from 1."""
        if tries >= MOST_TRIES:
            return f"`{self.answer}` fits, and the numbers agree"
        detail = self.kind if tries < MOST_TRIES - 1 else self.part or self.kind
        return "; ".join(filter(None, [self.right, detail]))
