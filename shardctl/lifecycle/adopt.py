"""Taking a table and its months, as they are, into care."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from shardctl import ledger, lock
from shardctl.config import Config, append_family
from shardctl.errors import Refused
from shardctl.family import Family
from shardctl.lifecycle import baseline, template
from shardctl.lifecycle.database import revision_of, stamped
from shardctl.lifecycle.guess import guess
from shardctl.lifecycle.survey import Survey, strangers, survey
from shardctl.migrate.files import heads, stamp
from shardctl.migrate.site import Site, opened
from shardctl.month import Month
from shardctl.report import Finished, Note, Report, Started, silent
from shardctl.structure import Difference, Structure, differences
from shardctl.suffix import Suffix


@dataclass(frozen=True, slots=True)
class AdoptedMonth:
    """One month, and in what it is not like the template."""

    month: Month
    table: str
    differences: tuple[Difference, ...]


@dataclass(frozen=True, slots=True)
class Adopted:
    """A family that is in care.

    Attributes:
        revision: its baseline; where it came into care otherwise, what the database is at.
        skipped: tables that look like months but are none, each with the reason.
        files: those that were written.
        already: whether it was in care before, and nothing was changed.
    """

    family: str
    template: str
    revision: str
    months: tuple[AdoptedMonth, ...]
    skipped: tuple[tuple[str, str], ...]
    files: tuple[Path, ...] = ()
    already: bool = False


def adopt(
    config: Config,
    family_name: str,
    *,
    from_month: Month | None = None,
    accept_routing: bool = False,
    report: Report = silent,
    now: datetime | None = None,
) -> Adopted:
    """Take an existing family into care; its months are read and registered, never changed.

    Makes the template where it is absent, writes a baseline revision that makes it in an empty
    database, declares the family in the configuration, registers the months and stamps the
    revision. Run again after a crash it goes on; run again after that it changes nothing.

    Args:
        from_month: the month that the template is made like; by default the newest that is not
            in the future.
        accept_routing: of a family in care already: record how the configuration routes IDs, in
            place of what the ledger holds.
        now: an aware datetime in place of the clock's.

    Raises:
        Refused: there is no month, the table of the template's name cannot be it, or the
            database is not at the newest revision; nothing was changed.
        ConfigError: there is no Alembic environment, or two suffixes fit the months alike.
        StepFailed: the server refused a statement.
    """
    with opened(config, report) as site:

        def prepared() -> _Adoption:
            found = survey(site, config, family_name, from_month, now)
            families = {**config.families, family_name: found.family}
            adoption = _Adoption(config, replace(site, families=families), found)
            if not adoption.is_done():
                adoption.refuse(named=from_month is not None)
            return adoption

        adoption = prepared()
        if adoption.is_done():
            if accept_routing:
                _accept_routing(adoption.site, config.families[family_name])
            else:
                report(Note(f"{family_name} is in care already: nothing was changed"))
            return replace(adoption.result(), already=True)
        with lock.acquire(site.database, command="adopt") as lease:
            return prepared().carry_out(lease)


def _accept_routing(site: Site, family: Family) -> None:
    with lock.acquire(site.database, command="adopt") as lease, site.database.connect() as own:
        lease.ledger.register_family(own, family, anew=True)
    site.report(Note(f"the ledger records how the configuration routes IDs of {family.name}"))


@dataclass(frozen=True, slots=True)
class _Adoption:
    config: Config
    site: Site
    found: Survey

    @property
    def name(self) -> str:
        return self.found.family.name

    @property
    def file(self) -> Path:
        return baseline.path_of(self.config.migrations, self.name)

    def is_done(self) -> bool:
        """Whether the family is in care of this database: by its baseline, or otherwise."""
        versions = stamped(self.site)
        if self.file.exists():
            had = bool(versions) and versions != baseline.down_of(self.file)
            return had and self.found.declared
        known = ledger.months(self.site.connection).values()
        return self.found.declared and any(row.family == self.name for row in known)

    def refuse(self, *, named: bool) -> None:
        """Refuse what must be put right first.

        Raises:
            Refused: see `adopt`.
        """
        if tables := strangers(self.site, self.found):
            raise Refused(
                f"{self.found.source.table} refers to {', '.join(tables)}, a month of a family "
                "that is not in care yet: adopt that one first"
            )
        versions, newest = stamped(self.site), heads(self.config)
        if self.file.exists():
            self._refuse_other_baseline(versions, newest)
        elif versions != tuple(sorted(newest)):
            raise Refused(
                f"the database is at revision {revision_of(versions)}, the newest is "
                f"{revision_of(newest)}: run 'shardctl upgrade' (or merge the heads) first, the "
                "baseline is to follow"
            )
        template.refuse(self.site, self.found, named=named)

    def _refuse_other_baseline(self, versions: tuple[str, ...], heads: tuple[str, ...]) -> None:
        """The file may be of an adoption that broke off here, and of nothing else."""
        down = baseline.down_of(self.file)
        resumable = versions == down and heads == (baseline.revision_id(self.name),)
        if resumable and self.found.roster.template:
            text = baseline.text_of(self.name, down, template.declaration(self.site, self.found))
            resumable = text == self.file.read_text(encoding="utf-8")
        else:
            resumable = False
        if not resumable:
            raise Refused(
                f"{self.file} adopts {self.name} already, but not as it is in this database: run "
                "'shardctl upgrade', which makes its template here; or, to adopt it anew, remove "
                "the file"
            )

    def carry_out(self, lease: lock.Lease) -> Adopted:
        begun = time.monotonic()
        self.site.report(Started(f"adopt {self.name}", len(self.found.roster.months)))
        with self.site.database.connect() as connection:
            self.site.database.dialect.claim(connection, lease.token)
            if self.found.roster.template is None:
                template.make(self.site, connection, lease, self.found)
            files, config = self._write()
            lease.ledger.register_family(connection, config.families[self.name])
            result = replace(self.result(), files=files)
            for month in result.months:
                equal = all(difference.only_position for difference in month.differences)
                lease.ledger.register(
                    connection,
                    month.table,
                    family=self.name,
                    month=month.month,
                    revision=result.revision if equal else None,
                    origin="adopted",
                )
        stamp(config, result.revision)
        self._tell_of_hidden_indexes()
        self.site.report(Finished(f"adopt {self.name}", time.monotonic() - begun))
        return result

    def _write(self) -> tuple[tuple[Path, ...], Config]:
        """Write what is not written yet: the baseline, then the configuration."""
        files: list[Path] = []
        if not self.file.exists():
            statements = template.declaration(self.site, self.found)
            text = baseline.text_of(self.name, stamped(self.site), statements)
            baseline.write(self.file, text)
            files.append(self.file)
        if self.found.declared:
            return tuple(files), self.config
        months = self.found.roster.months
        looked = {months[0], self.found.source, months[-1]}
        values = guess(self.site, self._look(self.found.source.table), looked)
        suffix = self.found.family.suffix
        if suffix != Suffix():
            values["suffix"] = suffix.pattern
        files.append(self.config.path)
        return tuple(files), append_family(self.config, self.name, values)

    def result(self) -> Adopted:
        """How the months are, compared with the template as it is now."""
        family, roster = self.found.family, self.found.roster
        versions = revision_of(stamped(self.site)) or ""
        seen = self.site.look([replace(self.found.source, table=family.template, month=None)])
        expected = seen.get(family.template)
        months = self.site.look(roster.months)
        return Adopted(
            family=family.name,
            template=family.template,
            revision=baseline.revision_id(family.name) if self.file.exists() else versions,
            months=tuple(
                AdoptedMonth(
                    member.month,
                    member.table,
                    differences(expected, months[member.table]) if expected else (),
                )
                for member in roster.months
                if member.month
            ),
            skipped=tuple((table.table, table.reason) for table in roster.lookalikes),
        )

    def _look(self, table: str) -> Structure:
        return self.site.database.dialect.structures(self.site.connection, [table])[table]

    def _tell_of_hidden_indexes(self) -> None:
        """Say which indexes the server may have made itself, for foreign keys.

        It drops such an index without a word when a later one has the same columns; in the
        template, which is made from text, the index is explicit and stays.
        """
        structure = self._look(self.found.source.table)
        columns = {key.columns for key in structure.foreign_keys}
        for index in structure.indexes:
            parts = tuple(part.column or "" for part in index.parts)
            if parts in columns and index.name.startswith("foreign key "):
                self.site.report(
                    Note(
                        f"the index of {index.name} bears its key's name: where the server made "
                        "it, a later index on the same columns replaces it in the months, and not "
                        "in the template; to make it explicit in a month: ALTER TABLE … DROP "
                        "INDEX …, ADD INDEX …, in one statement"
                    )
                )
