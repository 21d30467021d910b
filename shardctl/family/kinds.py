"""What the attributes of a family are, for those who declare one in Python without a type checker.

A text in place of another kind would not fail but lead astray: the suffix "_%Y%m" would name the
table `t_order_%Y%m`, and of the key "order_id" the last column would be `d`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from datetime import timedelta
from typing import Any, Final

from shardctl.errors import ConfigError
from shardctl.month import Month
from shardctl.suffix import Suffix

_KINDS: Final[Mapping[str, Any]] = {
    "name": str,
    "timezone": str,
    "suffix": Suffix,
    "key": tuple,
    "length": tuple,
    "genes": tuple,
    "first": Month | None,
    "skew": timedelta,
    "premake": int,
}
_UNITS: Final = ("", "s", "ms")
_FARTHEST: Final = 1000


def refuse_other_kinds(family: Any) -> None:
    """Refuse a family of which an attribute is not what it is declared as.

    Raises:
        ConfigError: it names the attribute, its type and the value.
    """
    for declared in fields(family):
        if kind := _KINDS.get(declared.name):
            value = getattr(family, declared.name)
            if not isinstance(value, kind):
                raise ConfigError(f"{declared.name} is of type {declared.type}, not {value!r}")
    if family.time_unit not in _UNITS:
        raise ConfigError(f"time_unit is '', 's' or 'ms', not {family.time_unit!r}")
    if not 0 <= family.premake <= _FARTHEST:
        raise ConfigError(f"premake is 0 to {_FARTHEST} months, not {family.premake}")
