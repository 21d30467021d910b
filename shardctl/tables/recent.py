"""A bounded cache in which a thing that is still in use is never made a second time."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from contextlib import AbstractContextManager
from typing import Generic, TypeVar
from weakref import WeakValueDictionary

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Recent(Generic[K, V]):
    """What was made last, by what it was made from; thread-safe, and without a lock when found.

    The oldest goes first. What was dropped is found again as long as somebody holds it: two
    `Table` objects of one month in one statement would be two tables in its FROM.

    Args:
        size: how many values are kept that nobody else holds, at least one.
        lock: a lock that one thread may take twice, for while a value is made.
    """

    def __init__(self, size: int, lock: AbstractContextManager[object]) -> None:
        self._size = max(size, 1)
        self._lock = lock
        self._kept: dict[K, V] = {}
        self._alive: WeakValueDictionary[K, V] = WeakValueDictionary()
        self.get = self._kept.get
        """The value of a key where it is kept, else None; this is in every query."""

    def __call__(self, key: K, make: Callable[[], V]) -> V:
        """The value of a key, made where it is neither kept nor alive."""
        value = self.get(key)
        if value is not None:
            return value
        with self._lock:
            value = self._alive.get(key)
            if value is None:
                value = self._alive[key] = make()
            if key not in self._kept and len(self._kept) >= self._size:
                del self._kept[next(iter(self._kept))]
            self._kept[key] = value
            return value
