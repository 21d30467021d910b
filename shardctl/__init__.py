"""Keeps monthly-sharded MySQL tables structurally in sync, and routes rows to their months.

The names below are loaded when they are first used: `import shardctl` itself loads no
third-party module, and routing an ID needs the standard library only.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from shardctl.config import Config, load
    from shardctl.errors import ShardctlError
    from shardctl.family import Family, Scheme, Tag
    from shardctl.gene import (
        CallableGene,
        DigitsGene,
        SnowflakeGene,
        TimestampGene,
        UlidGene,
        Uuid7Gene,
    )
    from shardctl.mint import Minted, Minter
    from shardctl.month import Month
    from shardctl.suffix import Suffix

__version__ = "0.1.0"

__all__ = [
    "CallableGene",
    "Config",
    "DigitsGene",
    "Family",
    "Minted",
    "Minter",
    "Month",
    "Scheme",
    "ShardctlError",
    "SnowflakeGene",
    "Suffix",
    "Tag",
    "TimestampGene",
    "UlidGene",
    "Uuid7Gene",
    "load",
]

_HOMES = {
    "CallableGene": "gene",
    "Config": "config",
    "DigitsGene": "gene",
    "Family": "family",
    "Minted": "mint",
    "Minter": "mint",
    "Month": "month",
    "Scheme": "family",
    "ShardctlError": "errors",
    "SnowflakeGene": "gene",
    "Suffix": "suffix",
    "Tag": "family",
    "TimestampGene": "gene",
    "UlidGene": "gene",
    "Uuid7Gene": "gene",
    "load": "config",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'shardctl' has no attribute {name!r}")
    return getattr(import_module(f"shardctl.{_HOMES[name]}"), name)
