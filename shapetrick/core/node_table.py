"""The nodes that there are, by their fields: equal ones are one object."""

from __future__ import annotations

import weakref
from threading import Lock
from typing import Any, Generic, TypeVar

HeldT = TypeVar("HeldT")
NodeKey = tuple[Any, ...]
FEWEST_SWEPT = 1 << 14  # entries, before the table is looked through


class NodeTable(Generic[HeldT]):
    """Nodes that live as long as something else holds them. To be told of each that goes would cost
    more than to make it: the entries of those that are gone are left out together."""

    def __init__(self) -> None:
        self._held: dict[NodeKey, weakref.ref[HeldT]] = {}
        self._most = FEWEST_SWEPT
        self._entering = Lock()

    def __len__(self) -> int:
        """How many entries there are, those of nodes that are gone too."""
        return len(self._held)

    def found(self, key: NodeKey) -> HeldT | None:
        """The node of these fields, if there is one."""
        held = self._held.get(key)
        return None if held is None else held()

    def entered(self, key: NodeKey, node: HeldT) -> HeldT:
        """The node of these fields: of two threads that make one, the first's."""
        with self._entering:
            found = self.found(key)
            if found is None:
                found = node
                self._held[key] = weakref.ref(node)
                if len(self) > self._most:
                    self._sweep()
        return found

    def _sweep(self) -> None:
        """Leave out what is gone, each time that it may be as much as there is else. A key holds
        the arguments, which were entered before it: so the last come first."""
        held = self._held
        for key in [*reversed(held)]:
            if held[key]() is None:
                del held[key]
        self._most = max(FEWEST_SWEPT, 2 * len(held))
