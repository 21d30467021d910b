"""A bounded cache in which a thing that is still in use is never made a second time."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from contextlib import AbstractContextManager
from typing import Generic, TypeVar
from weakref import WeakValueDictionary

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Recent(Generic[K, V]):
    """What was made last, by what it was made from; thread-safe.

    What was dropped is found again as long as somebody holds it: two `Table` objects of one
    month in one statement would be two tables in its FROM.

    Args:
        make: makes a value that is not there; under the lock.
        size: how many values are kept that nobody else holds.
        lock: a lock that one thread may take twice.
    """

    def __init__(
        self, make: Callable[[K], V], size: int, lock: AbstractContextManager[object]
    ) -> None:
        self._make = make
        self._size = size
        self._lock = lock
        self._kept: OrderedDict[K, V] = OrderedDict()
        self._alive: WeakValueDictionary[K, V] = WeakValueDictionary()

    def __call__(self, key: K) -> V:
        """The value of a key, made where it is neither kept nor alive."""
        with self._lock:
            value = self._kept.get(key)
            if value is None:
                value = self._alive.get(key)
                if value is None:
                    value = self._alive[key] = self._make(key)
                self._kept[key] = value
                if len(self._kept) > self._size:
                    self._kept.popitem(last=False)
            else:
                self._kept.move_to_end(key)
            return value
