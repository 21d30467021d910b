"""Making one month table from the template: built aside, compared, recorded, put in its place."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from shardctl import ledger
from shardctl.catalog import Member, names_for, references
from shardctl.dialects import Statement, execute
from shardctl.errors import AccessDenied, Contradiction, StepFailed
from shardctl.family import Family
from shardctl.ledger import ClauseRow, Run
from shardctl.lock import Lease
from shardctl.migrate.learn.locate import details, locate
from shardctl.migrate.learn.scratch import PREFIX
from shardctl.migrate.site import Site
from shardctl.migrate.work import lessons_of
from shardctl.month import Month
from shardctl.report import Note
from shardctl.structure import Structure, differences


@dataclass(frozen=True, slots=True)
class Maker:
    """Makes month tables while the lock is held.

    Attributes:
        connection: writes; its session has claimed the lease's token.
        revision: the one that the database is at, which new months are recorded with.
    """

    site: Site
    lease: Lease
    connection: Connection
    revision: str | None

    def make(self, family: Family, month: Month) -> bool:
        """Make one month, equal to the template as it is now; False: another was faster.

        What the ledger says of the month is written before the month is there under its name:
        whoever meets the table finds it known.

        Raises:
            StepFailed: the server refused, or the copy is not like the template; there is no
                such month then.
            AccessDenied: it refused for want of a privilege.
            LockLost: another run took over.
        """
        member = Member(family.name, family.table_name(month), month)
        dialect = self.site.database.dialect
        self.lease.check()
        try:
            if dialect.transactional_ddl:
                with dialect.transaction(self.connection):
                    self._build(member, family, member.table)
                    self._record(member, family)
                return True
            return self._beside(member, family)
        except DBAPIError as error:
            if dialect.is_access_denied(error):
                raise AccessDenied(
                    f"{member.table} cannot be made: {dialect.words(error)}"
                ) from error
            raise StepFailed(
                f"{member.table} cannot be made: {dialect.words(error)}; what was made before is "
                "complete: mend the cause and run again to go on"
            ) from error

    def _beside(self, member: Member, family: Family) -> bool:
        """Build under a name that nobody looks at, for servers whose DDL cannot be taken back."""
        dialect = self.site.database.dialect
        scratch = f"{PREFIX}{self.lease.token}_{member.month:%Y%m}"
        old, new = dialect.quote(scratch), dialect.quote(member.table)
        try:
            self._build(member, family, scratch)
            with dialect.transaction(self.connection):
                self._record(member, family)
            self.lease.check()
            self._execute(Statement(f"ALTER TABLE {old} RENAME TO {new}"))
        except DBAPIError:
            if member.table not in dialect.table_names(self.connection):
                raise
            self.lease.ledger.unregister(self.connection, member.table)
            return False
        finally:
            if not self.connection.invalidated:  # else the next run sweeps it
                self._execute(Statement(f"DROP TABLE IF EXISTS {old}"))
        return True

    def _build(self, member: Member, family: Family, name: str) -> None:
        dialect, families = self.site.database.dialect, self.site.families
        own = names_for(families, member, dialect)
        tables = {each.template: own.table(each.name) for each in families.values()}
        definition = dialect.definition(self.connection, family.template)
        for statement in dialect.copy(definition, name, replace(own, tables=tables)):
            self._execute(statement)
        found = dialect.structures(self.connection, [family.template, name])
        unlike = differences(
            found[family.template].referring(references(families, None)),
            found[name].referring(references(families, member.month)),
        )
        if unlike:
            raise StepFailed(
                f"{member.table}: a copy of {family.template} came out different "
                f"({'; '.join(map(str, unlike))}); no month was made of it"
            )

    def _record(self, member: Member, family: Family) -> None:
        assert member.month is not None
        write = self.lease.ledger
        template = self.site.look([Member(family.name, family.template)])[family.template]
        for run in ledger.unfinished(self.connection):
            rows = ledger.rows_of(self.connection, run.revision, run.direction)
            try:
                had = contained(run, family, template, rows)
            except Contradiction as error:
                self.site.report(Note(f"{member.table} is made of a template in between: {error}"))
                continue
            # Not "found": giving the revision up is to reach this month too.
            write.done_clauses(
                self.connection, run.revision, run.direction, had, member.table, how="ran"
            )
        write.register(
            self.connection,
            member.table,
            family=member.family,
            month=member.month,
            revision=self.revision,
            origin="premade",
        )

    def _execute(self, statement: Statement) -> None:
        execute(self.connection, statement, f"shardctl {self.lease.token}")


def contained(
    run: Run, family: Family, template: Structure, rows: Mapping[tuple[int, str], ClauseRow]
) -> Collection[int]:
    """Which clauses of a run a month has had that is made from the template now.

    Those that the template has had, and the data clauses before the last of them: there is no
    row for them to change, and on the new structure they might not even run. A data clause
    behind is left to the run: rows that come in the meantime are rows that it is meant for.

    Args:
        template: how the template looks, other families under their words.
        rows: what the ledger has of the run.

    Raises:
        Contradiction: the template is at no point of the run.
    """
    lesson = lessons_of(run.clauses, run.states).get(family.name)
    if lesson is None:
        return ()
    recorded = {n for (n, table), row in rows.items() if table == family.template and row.done}
    had = locate(lesson, family.template, details(template), recorded)
    data = {n for n in lesson.clauses if run.clauses[n].data and n < max(had, default=0)}
    return sorted(had | data)
