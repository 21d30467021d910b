"""A plan as a document: for machines to read, and for a file that `upgrade --plan` takes.

It holds no password and no row. Structures stand once each, under their SHA-256, and each table
names its own; `digest` seals the whole, so that what is run is what somebody has read. Clauses
are counted from 1, as in messages.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from shardctl.clause import Algorithm
from shardctl.errors import ConfigError, PlanChanged
from shardctl.migrate.plan.forecast import digest
from shardctl.migrate.plan.values import (
    Plan,
    PlannedRevision,
    PlannedStep,
    PlannedTable,
    Share,
    Text,
)
from shardctl.month import Month
from shardctl.structure import Structure, from_data, to_data

FORMAT: Final = 1
"""The version of the document."""


def save(plan: Plan, path: Path) -> None:
    """Write a plan to a file.

    Raises:
        ConfigError: it cannot be written.
    """
    try:
        path.write_text(json.dumps(as_data(plan), ensure_ascii=False, indent=1) + "\n", "utf-8")
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error.strerror}") from error


def load(path: Path) -> Plan:
    """The plan that `save` wrote.

    Raises:
        ConfigError: the file cannot be read.
        PlanChanged: it holds no plan, one of another shardctl's, or one that was edited.
    """
    try:
        data = json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise PlanChanged(f"{path} holds no plan: it is no JSON") from error
    if not isinstance(data, dict) or "format" not in data:
        raise PlanChanged(f"{path} holds no plan: shardctl plan --out makes one")
    if data["format"] != FORMAT:
        raise PlanChanged(
            f"{path} is a plan of format {data['format']}, this shardctl reads {FORMAT}: make a "
            "new one with shardctl plan --out"
        )
    if data.pop("digest", None) != _seal(data):
        raise PlanChanged(
            f"{path} was edited after it was made: make a new one with shardctl plan --out"
        )
    return _plan(data)


def as_data(plan: Plan) -> dict[str, Any]:
    """A plan as plain values, fit for JSON."""
    structures: dict[str, Any] = {}
    known: dict[int, str] = {}  # alike tables share one structure
    for table in plan.tables.values():
        if table.structure is not None and id(table.structure) not in known:
            own = to_data(table.structure)
            known[id(table.structure)] = seal = _seal(own)
            structures[seal] = own
    data: dict[str, Any] = {
        "format": FORMAT,
        "made_at": plan.made_at.isoformat(timespec="seconds"),
        "direction": plan.direction,
        "target": plan.target,
        "at": list(plan.at),
        "server": plan.server,
        "row_version_limit": plan.version_limit,
        "warnings": list(plan.warnings),
        "destructive": list(plan.destructive),
        "pause_after": plan.pause_after,
        "revisions": [_revision_to_data(revision) for revision in plan.revisions],
        "tables": [
            {
                "table": table.name,
                "family": table.family,
                "month": table.month and str(table.month),
                "wave": table.wave,
                "rows": table.rows,
                "bytes": table.bytes,
                "row_versions": table.versions,
                "structure": known.get(id(table.structure)),
            }
            for table in plan.tables.values()
        ],
        "structures": structures,
    }
    return data | {"digest": _seal(data)}


def _revision_to_data(revision: PlannedRevision) -> dict[str, Any]:
    return {
        "revision": revision.id,
        "title": revision.title,
        "source": revision.source,
        "compiled": revision.compiled,
        "clauses": list(revision.clauses),
        "seconds": round(revision.seconds, 3),
        "disk": revision.disk,
        "text": revision.text and asdict(revision.text),
        "tables": [
            {
                "table": share.table,
                "steps": [_step_to_data(step) for step in share.steps],
                "found": [number + 1 for number in share.found],
                "statements": [list(one) for one in share.statements],
            }
            for share in revision.shares
        ],
    }


def _step_to_data(step: PlannedStep) -> dict[str, Any]:
    algorithm = step.algorithm
    return {
        "clauses": [number + 1 for number in step.numbers],
        "algorithm": algorithm and algorithm.name,
        "lock": algorithm and algorithm.lock,
        "rebuilds": algorithm and algorithm.rebuilds,
        "data": step.data,
        "refused": step.refused,
        "online": step.online,
        "blocks_writes": step.blocks,
        "seconds": step.seconds,
        "estimated_from": "ledger" if step.measured else "bytes",
    }


def _plan(data: Mapping[str, Any]) -> Plan:
    structures = {seal: from_data(own) for seal, own in data["structures"].items()}
    return Plan(
        direction=data["direction"],
        target=data["target"],
        at=tuple(data["at"]),
        server=data["server"],
        version_limit=data["row_version_limit"],
        revisions=tuple(_revision(one, data["direction"]) for one in data["revisions"]),
        tables={one["table"]: _table(one, structures) for one in data["tables"]},
        warnings=tuple(data["warnings"]),
        made_at=datetime.fromisoformat(data["made_at"]),
        destructive=tuple(data["destructive"]),
        pause_after=data["pause_after"],
    )


def _table(data: Mapping[str, Any], structures: Mapping[str, Structure | None]) -> PlannedTable:
    return PlannedTable(
        data["table"],
        data["family"],
        Month.parse(data["month"]) if data["month"] else None,
        structures[data["structure"]] if data["structure"] else None,
        data["rows"],
        data["bytes"],
        data["row_versions"],
        data["wave"],
    )


def _revision(data: Mapping[str, Any], direction: Any) -> PlannedRevision:
    return PlannedRevision(
        data["revision"],
        data["title"],
        direction,
        data["source"],
        data["compiled"],
        tuple(data["clauses"]),
        tuple(
            Share(
                share["table"],
                tuple(_step(step) for step in share["steps"]),
                tuple(number - 1 for number in share["found"]),
                tuple(tuple(one) for one in share["statements"]),
            )
            for share in data["tables"]
        ),
        data["disk"],
        Text(**data["text"]) if data["text"] else None,
    )


def _step(data: Mapping[str, Any]) -> PlannedStep:
    name = data["algorithm"]
    return PlannedStep(
        tuple(number - 1 for number in data["clauses"]),
        Algorithm(name, data["lock"], data["rebuilds"]) if name else None,
        data["data"],
        data["refused"],
        data["blocks_writes"],
        data["seconds"],
        data["estimated_from"] == "ledger",
        data["online"],
    )


def _seal(data: object) -> str:
    return digest(json.dumps(data, ensure_ascii=False, separators=(",", ":"), sort_keys=True))
