"""How a row finds its month, so that a repetition finds the month that the first try wrote to."""

from __future__ import annotations

from shardctl.store.placing.by_request import ByGene, SameTime
from shardctl.store.placing.neighbours import Neighbours
from shardctl.store.placing.protocol import Placing
from shardctl.store.placing.registry import Registry

__all__ = ["ByGene", "Neighbours", "Placing", "Registry", "SameTime"]
