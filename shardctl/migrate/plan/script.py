"""A plan as one file of SQL, which a DBA can review and run without shardctl.

It brings the tables to where `upgrade` would, and writes what the ledger would have of that, so
that `verify` finds every month at its revision and a later `upgrade` goes on from there. What
each statement relies on stands before it as a comment: SQL itself cannot look.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import ClauseElement, Dialect, delete, insert, update
from sqlalchemy.dialects import mysql, sqlite
from sqlalchemy.schema import CreateTable

from shardctl.dialects import LOCK_WAIT
from shardctl.dialects.mysql.session import portable
from shardctl.errors import Refused
from shardctl.family import Family
from shardctl.ledger import creation, schema
from shardctl.ledger.clock import utc_now
from shardctl.migrate.plan.values import Plan, PlannedRevision, PlannedStep, Share

TOKEN: Final = "by hand"
"""The mark of what was run from a file, in the ledger; `shardctl log` shows it."""


def script(plan: Plan, families: Mapping[str, Family], zone: str) -> str:
    """The plan as SQL.

    Args:
        families: the configuration's.
        zone: the time zone of clauses on plain tables.

    Raises:
        Refused: the plan was made without statements, or the database is at several revisions.
    """
    if len(plan.at) > 1:
        raise Refused(f"the database is at several revisions, {', '.join(plan.at)}: merge them")
    if any(revision.text is None for revision in plan.revisions):
        raise Refused("the plan holds no statements: make it anew with shardctl plan --out")
    return "\n".join(_Script(plan, families, zone).lines()) + "\n"


@dataclass(frozen=True, slots=True)
class _Script:
    plan: Plan
    families: Mapping[str, Family]
    zone: str

    def lines(self) -> Iterator[str]:
        plan, at = self.plan, next(iter(self.plan.at), None)
        yield f"-- shardctl: from {at or 'nothing'} to {plan.target}, for {plan.server}"
        yield f"-- Written on {plan.made_at:%Y-%m-%d %H:%M} UTC. It expects the tables as they were"
        yield "-- then; run it as a whole, with a client that stops at the first error (mysql does"
        yield "-- by itself), while no shardctl command runs and nobody else alters these tables."
        yield "-- Where it stops, 'shardctl upgrade' goes on. Afterwards: shardctl verify"
        for warning in plan.warnings:
            yield from _comment(f"warning: {warning}")
        yield ""
        yield from self._ledger()
        for revision in plan.revisions:
            yield from self._revision(revision, at)
            at = revision.id

    def _ledger(self) -> Iterator[str]:
        if self._is_server:
            yield f"SET SESSION autocommit = 1, lock_wait_timeout = {LOCK_WAIT};"
            yield "SET SESSION sql_mode = REPLACE(@@sql_mode, 'NO_BACKSLASH_ESCAPES', '');"
        yield f"-- expects: no ledger (shardctl_…), or one of version {creation.VERSION}"
        for table in schema.metadata.sorted_tables:
            yield self._sql(CreateTable(table, if_not_exists=True))
        yield "CREATE TABLE IF NOT EXISTS alembic_version (version_num VARCHAR(32) NOT NULL,"
        yield "  CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num));"
        for table, row in creation.first_rows():
            yield self._sql(self._once(insert(table).values(row)))
        token = {"token": TOKEN, "command": "upgrade --sql", "owner": "", "host": ""}
        begun = token | {"version": "", "begun_at": utc_now()}
        yield self._sql(self._once(insert(schema.session).values(begun)))

    def _revision(self, revision: PlannedRevision, at: str | None) -> Iterator[str]:
        assert revision.text is not None
        yield ""
        yield f"-- {'=' * 76}"
        yield from _comment(f"{revision}")
        yield f"-- expects: alembic_version {f'= {at!r}' if at else 'is empty'}"
        for number, clause in enumerate(revision.clauses, 1):
            yield from _comment(f"({number}) {clause}")
        key = {"revision": revision.id, "direction": revision.direction}
        run = {
            "source": revision.text.source,
            "digest": hashlib.sha256(revision.text.source.encode()).hexdigest(),
            "clauses": revision.text.clauses,
            "states": revision.text.states,
            "token": TOKEN,
            "begun_at": utc_now(),
        }
        yield self._sql(self._once(insert(schema.run).values(key | run)))
        for share in revision.shares:
            yield from self._share(share, key)
        yield from self._end(revision, at)

    def _share(self, share: Share, key: dict[str, Any]) -> Iterator[str]:
        yield ""
        yield f"-- {share.table or 'database'}"
        if self._is_server and share.steps:
            zone = self._quoted(portable(self._zone(share.table)))
            yield self._sql_text(f"SET SESSION time_zone = {zone}")
        if share.found:
            yield f"-- expects: it has had {_numbers(share.found)} already"
            yield from self._rows(key, share.table, share.found, "found")
        for step, statements in zip(share.steps, share.statements, strict=True):
            yield f"-- expects: {_numbers(step.numbers)} not yet there"
            if step.refused:
                yield from _comment(
                    f"this table refuses {step.algorithm}, unlike others ({step.refused}): it is "
                    "left to the server here, which may rebuild it and keep writers out meanwhile"
                )
            if step.online:
                yield f"-- planned for {step.online}; here the server does it, and writers may wait"
            yield from self._step(key, share.table, step, statements)

    def _step(
        self, key: dict[str, Any], table: str, step: PlannedStep, statements: tuple[str, ...]
    ) -> Iterator[str]:
        together = step.data or not self._is_server
        if together:
            yield "BEGIN;"
        if step.data:  # the row first: its key keeps the statement from being run twice
            yield from self._rows(key, table, step.numbers, "ran", statements)
        yield from (self._sql_text(statement) for statement in statements)
        if not step.data:
            yield from self._rows(key, table, step.numbers, "ran", statements)
        if together:
            yield "COMMIT;"

    def _rows(
        self,
        key: dict[str, Any],
        table: str,
        numbers: tuple[int, ...],
        how: str,
        statements: tuple[str, ...] = (),
    ) -> Iterator[str]:
        now = utc_now()
        row: dict[str, Any] = {"table_name": table, "how": how, "token": TOKEN}
        row |= {"begun_at": now, "done_at": now}
        row["statement"] = ";\n".join(statements) or None
        for number in numbers:
            yield self._sql(insert(schema.clause).values(key | row | {"n": number}))

    def _end(self, revision: PlannedRevision, at: str | None) -> Iterator[str]:
        yield ""
        yield f"-- {revision.id}: every table is there"
        if at is None:
            yield self._sql_text(
                f"INSERT INTO alembic_version (version_num) VALUES ({self._quoted(revision.id)})"
            )
        else:
            yield self._sql_text(
                f"UPDATE alembic_version SET version_num = {self._quoted(revision.id)} "
                f"WHERE version_num = {self._quoted(at)}"
            )
        month = schema.month
        known = {"registered_at": utc_now(), "origin": "found"}
        for share in revision.shares:
            table = self.plan.tables.get(share.table)
            if table is not None and table.month is not None:
                own = {"table_name": table.name, "family": table.family}
                own |= {"month": f"{table.month:%Y%m}"}
                yield self._sql(self._once(insert(month).values(own | known)))
        tables = [share.table for share in revision.shares]
        moved = update(month).where(month.c.table_name.in_(tables))
        yield self._sql(moved.values(revision=revision.id))
        for kept in (schema.clause, schema.run):  # what was done the other way is undone now
            gone = (kept.c.revision == revision.id) & (kept.c.direction == "down")
            yield self._sql(delete(kept).where(gone))
        run = schema.run.c
        done = (run.revision == revision.id) & (run.direction == revision.direction)
        yield self._sql(update(schema.run).where(done).values(finished_at=utc_now()))

    @property
    def _is_server(self) -> bool:
        return self.plan.server != "sqlite"

    def _zone(self, table: str) -> str:
        planned = self.plan.tables.get(table)
        family = self.families.get(planned.family) if planned else None
        return family.timezone if family else self.zone

    def _once(self, row: Any) -> Any:
        return row.prefix_with("IGNORE" if self._is_server else "OR IGNORE")

    def _sql(self, statement: ClauseElement) -> str:
        options = {} if isinstance(statement, CreateTable) else {"literal_binds": True}
        return self._sql_text(
            str(statement.compile(dialect=self._dialect, compile_kwargs=options)).strip()
        )

    def _sql_text(self, text: str) -> str:
        return f"{text};"

    def _quoted(self, text: str) -> str:
        doubled = text.replace("'", "''")
        return f"'{doubled.replace(chr(92), chr(92) * 2) if self._is_server else doubled}'"

    @property
    def _dialect(self) -> Dialect:
        # Not the driver's style of parameters, in which every % is doubled.
        if self._is_server:
            return mysql.dialect(paramstyle="named")
        return sqlite.dialect(paramstyle="named")


def _comment(text: str) -> Iterator[str]:
    return (f"-- {line}" for line in text.splitlines())


def _numbers(numbers: tuple[int, ...]) -> str:
    return ", ".join(f"({number + 1})" for number in numbers)
