"""Regular expressions that are compiled when they are first used: of the hundred of a cold start,
half are not.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from re import compile as regex
else:

    class regex:
        """What `re.compile` gives, by the same arguments."""

        def __init__(self, text: str, flags: int = 0) -> None:
            self._given = text, flags

        def __getattr__(self, name: str) -> Any:
            found = getattr(re.compile(*self._given), name)
            setattr(self, name, found)  # found at once the next time
            return found


__all__ = ["regex"]
