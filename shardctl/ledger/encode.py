"""Clauses and structures as JSON text, and back: what the ledger keeps of a revision."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, fields
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Final

from shardctl.clause import (
    Action,
    AddConstraint,
    Algorithm,
    AlterColumn,
    Chunks,
    Clause,
    DropConstraint,
    ObjectName,
    Param,
    Part,
    Sql,
    TableName,
)
from shardctl.errors import RevisionRefused
from shardctl.structure import Structure, from_data, to_data


def clauses_to_text(clauses: Iterable[Clause]) -> str:
    """Clauses as JSON text.

    Raises:
        RevisionRefused: a bound value is of a type that cannot be kept.
    """
    return _text([_clause_to_data(clause) for clause in clauses])


def clauses_from_text(text: str) -> tuple[Clause, ...]:
    """The clauses that `clauses_to_text` wrote; bound values have their types again."""
    return tuple(_clause_from_data(data) for data in json.loads(text))


def states_to_text(states: Mapping[str, Iterable[Structure | None]]) -> str:
    """The structures that each table passes through, as JSON text; None: no such table then."""
    return _text({name: [to_data(state) for state in passed] for name, passed in states.items()})


def states_from_text(text: str) -> dict[str, tuple[Structure | None, ...]]:
    """The structures that `states_to_text` wrote."""
    return {
        name: tuple(from_data(state) for state in passed)
        for name, passed in json.loads(text).items()
    }


def position_to_text(position: Mapping[str, object]) -> str:
    """The key of a row, column → value, as JSON text.

    Raises:
        RevisionRefused: a value is of a type that cannot be kept.
    """
    return _text([[column, _value_to_data(value)] for column, value in position.items()])


def position_from_text(text: str) -> dict[str, Any]:
    """The key that `position_to_text` wrote, with its types, in the order of its columns."""
    return {column: _READ[kind](written) for column, (kind, written) in json.loads(text)}


def _text(data: object) -> str:
    return json.dumps(data, ensure_ascii=False, separators=(",", ":"))


def _clause_to_data(clause: Clause) -> dict[str, Any]:
    return {
        "table": clause.table,
        "actions": [_action_to_data(action) for action in clause.actions],
        "data": clause.data,
        "presence": clause.presence,
        "renamed_from": clause.renamed_from,
        "loses": clause.loses,
        "algorithm": asdict(clause.algorithm) if clause.algorithm else None,
        "chunks": asdict(clause.chunks) if clause.chunks else None,
    }


def _clause_from_data(data: dict[str, Any]) -> Clause:
    actions = tuple(_action_from_data(action) for action in data["actions"])
    said = data.get("algorithm")  # not there in what was written before steps were grouped
    algorithm = Algorithm(**said) if said else None
    cut = data.get("chunks")  # likewise before there were backfills
    chunks = Chunks(**{**cut, "columns": tuple(cut["columns"])}) if cut else None
    return Clause(**{**data, "actions": actions, "algorithm": algorithm, "chunks": chunks})


def _action_to_data(action: Action) -> dict[str, Any]:
    match action:
        case Sql(parts):
            return {"sql": [_part_to_data(part) for part in parts]}
        case AddConstraint(parts):
            return {"add constraint": [_part_to_data(part) for part in parts]}
        case DropConstraint(kind, name):
            return {"drop constraint": [kind, name]}
        case AlterColumn():
            said = {field.name: getattr(action, field.name) for field in fields(action)}
            return {
                "alter column": {key: value for key, value in said.items() if value is not None}
            }


def _action_from_data(data: dict[str, Any]) -> Action:
    match data:
        case {"sql": parts}:
            return Sql(tuple(_part_from_data(part) for part in parts))
        case {"add constraint": parts}:
            return AddConstraint(tuple(_part_from_data(part) for part in parts))
        case {"drop constraint": [kind, name]}:
            return DropConstraint(kind, name)
        case {"alter column": said}:
            return AlterColumn(**said)
    raise ValueError(f"the ledger holds an action of an unknown kind: {data}")


def _part_to_data(part: Part) -> str | dict[str, Any]:
    match part:
        case str():
            return part
        case TableName(name):
            return {"table": name}
        case ObjectName(kind, name, existing):
            return {"object": [kind, name, existing]}
        case Param(value):
            return {"param": _value_to_data(value)}


def _part_from_data(data: str | dict[str, Any]) -> Part:
    match data:
        case str():
            return data
        case {"table": name}:
            return TableName(name)
        case {"object": [kind, name, existing]}:
            return ObjectName(kind, name, existing)
        case {"param": [kind, written]}:
            return Param(_READ[kind](written))
    raise ValueError(f"the ledger holds a part of an unknown kind: {data}")


_READ: Final[Mapping[str, Callable[[Any], Any]]] = {
    "none": lambda _: None,
    "bool": bool,
    "int": int,
    "float": float,
    "str": str,
    "bytes": base64.b64decode,
    "decimal": Decimal,
    "datetime": datetime.fromisoformat,
    "date": date.fromisoformat,
    "time": time.fromisoformat,
    "timedelta": lambda parts: timedelta(*parts),
}


def _value_to_data(value: object) -> tuple[str, Any]:
    match value:  # bool before int, datetime before date: the first are also the second
        case None:
            return "none", None
        case bool():
            return "bool", value
        case int():
            return "int", str(int(value))
        case float():
            return "float", repr(float(value))
        case str():
            return "str", str(value)
        case bytes() | bytearray() | memoryview():
            return "bytes", base64.b64encode(value).decode()
        case Decimal():
            return "decimal", str(value)
        case datetime():
            return "datetime", value.isoformat()
        case date():
            return "date", value.isoformat()
        case time():
            return "time", value.isoformat()
        case timedelta():
            return "timedelta", (value.days, value.seconds, value.microseconds)
    kind = type(value)
    raise RevisionRefused(
        f"a bound value of type {kind.__module__}.{kind.__qualname__} cannot be kept until the "
        "last month has it; give it as text, a number, a date or bytes"
    )
