"""The log, written where `logging` is imported: nobody else has a handler for it, and the import
is a fiftieth of a cold start.
"""

from __future__ import annotations

import sys
from typing import Literal


def log(level: Literal["debug", "info"], module: str, message: str, *args: object) -> None:
    """Log a message as a logger of that name does."""
    logging = sys.modules.get("logging")
    if logging is not None:
        getattr(logging.getLogger(module), level)(message, *args)
