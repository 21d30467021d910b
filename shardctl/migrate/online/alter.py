"""Hands the change of one table to a tool, and finds out what has become of it."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sqlalchemy.exc import SQLAlchemyError

from shardctl import report
from shardctl.catalog import Member
from shardctl.dialects import execute
from shardctl.errors import StepFailed
from shardctl.migrate.learn.scratch import scratch
from shardctl.migrate.online import process
from shardctl.migrate.online.engine import Engine, Job, Limits, Online
from shardctl.migrate.online.fit import entangled, unfit
from shardctl.migrate.online.leftovers import in_the_way, leftovers, told
from shardctl.migrate.online.process import Ended
from shardctl.migrate.online.ready import engine_of
from shardctl.migrate.patience.interrupt import Interrupt
from shardctl.migrate.patience.restraint import Restraint
from shardctl.migrate.site import Site
from shardctl.report import Note
from shardctl.structure import Structure, differences

_EVERY: Final = 5.0
"""Seconds between two reports of progress, at least."""
_LAST_WORDS: Final = 6
"""So many of a failed tool's last lines are told."""


def limits_of(restraint: Restraint) -> Limits:
    """What a tool is to respect where a run holds back."""
    return Limits(restraint.lock_wait, restraint.max_threads_running)


def alter(
    online: Online,
    site: Site,
    member: Member,
    specifications: Sequence[str],
    *,
    zone: str,
    limits: Limits,
    interrupt: Interrupt,
    alive: Callable[[], None],
    hold: Callable[[], str],
) -> None:
    """Have a tool alter a table, while others read and write it; return when it is altered.

    An empty copy is altered first: a change that the server refuses fails there, and the table
    is to look like it afterwards. A tool that was ended begins this table anew.

    Args:
        specifications: what stands behind ALTER TABLE, without ALGORITHM and LOCK.
        zone: the time zone in which they are read.
        interrupt: pressed twice, the tool is ended.
        alive: called every few seconds meanwhile, to keep sessions from being closed; what it
            raises ends the tool.
        hold: asked as often why the tool is to pause; "" where it may go on. Where that cannot be
            told (StepFailed), it pauses.

    Raises:
        DBAPIError: the server refuses the change.
        StepFailed: the tool cannot be given it, or has not done it; the message says what is left.
        KeyboardInterrupt: the tool was ended by Ctrl-C.
    """
    handover = Handover(engine_of(online), site, member)
    handover.refuse_leftovers()
    before, after = handover.structures(zone, specifications)
    handover.refuse_unfit(before, after, specifications)
    settings = handover.settings(zone)
    url = site.database.engine.url
    with tempfile.TemporaryDirectory(prefix="shardctl-") as folder:  # for our user alone
        login = Path(folder, "login.cnf")
        login.touch(mode=0o600)
        login.write_text(handover.engine.login(url), encoding="utf-8")
        specification = ", ".join(specifications)
        job = Job(url, login, member.table, specification, settings, limits)
        ended = handover.run(job, interrupt, alive, hold)
    handover.judge(job, ended, after)


@dataclass(frozen=True, slots=True)
class Handover:
    """One table on its way through a tool."""

    engine: Engine
    site: Site
    member: Member

    def refuse_leftovers(self) -> None:
        """Raise StepFailed where those of an earlier run are in the way."""
        dialect, table = self.site.database.dialect, self.member.table
        with self.site.reading() as connection:
            words = in_the_way(connection, dialect, table, self.engine.binary)
        if words:
            raise StepFailed(words)

    def structures(self, zone: str, specifications: Sequence[str]) -> tuple[Structure, Structure]:
        """How the table looks, and how it is to look: as an empty copy that has the change."""
        site, table = self.site, self.member.table
        dialect = site.database.dialect
        family = self.member.family or table
        with (
            scratch(site.database, site.families, site.connection, zone) as copies,
            copies.twin(family, self.member) as twin,
        ):
            execute(copies.connection, dialect.alter(twin.table, specifications, None))
            with site.reading() as connection:
                found = dialect.structures(connection, [table, twin.table])
        return found[table], found[twin.table]

    def settings(self, zone: str) -> dict[str, str]:
        """What the tool's sessions are to have: what ours have, and EXPLAIN as it was of old.

        From the lines that MySQL 9 gives by default the toolkit reads that the table has no rows,
        and copies all of them at once.
        """
        with self.site.database.connect(zone=zone) as connection:
            found = connection.exec_driver_sql(
                "SHOW VARIABLES WHERE variable_name IN ('time_zone', 'sql_mode', 'explain_format')"
            )
            settings = {str(name): str(value) for name, value in found}
        if "explain_format" in settings:
            settings["explain_format"] = "TRADITIONAL"
        return settings

    def refuse_unfit(
        self, before: Structure, after: Structure, specifications: Sequence[str]
    ) -> None:
        """Raise StepFailed where the tool would lose something."""
        table, dialect = self.member.table, self.site.database.dialect
        with self.site.reading() as connection:
            reason = entangled(connection, [table]).get(table) or unfit(
                before,
                after,
                specifications,
                dialect.definition(connection, table),
                keeps_zone=self.engine.keeps_zone,
            )
        if reason:
            raise StepFailed(
                f"{self.member.table}: {self.engine.binary} was not given this change: {reason}\n"
                "What was done before is recorded: run again without --online (or with a greater "
                "--online-from) to have the server alter it, or alter it by hand and run again"
            )

    def run(
        self, job: Job, interrupt: Interrupt, alive: Callable[[], None], hold: Callable[[], str]
    ) -> Ended:
        """Run the tool, and tell how far it is; let it pause where it has to."""
        told_at = -_EVERY

        def heard(line: str) -> None:
            nonlocal told_at
            found = self.engine.progress(line)
            if found is not None and time.monotonic() - told_at >= _EVERY:
                told_at = time.monotonic()
                self.site.report(report.Progress(self.member.table, *found))

        def look() -> None:
            alive()
            reason = _said(hold)
            if reason and not job.pause.exists():
                job.pause.touch()
                self._note(f"pauses: {reason}")
            elif not reason and job.pause.exists():
                job.pause.unlink()
                self._note("goes on")

        command = self.engine.command(job)
        try:
            return process.run(command, heard=heard, stop=lambda: interrupt.insisted, look=look)
        except BaseException:
            with suppress(SQLAlchemyError):  # else the next run tells it
                if left := self._leftovers():
                    self._note(f"was ended, and has left {left}")
            raise

    def judge(self, job: Job, ended: Ended, after: Structure) -> None:
        """Return where the table is altered, by the tool's words and by how it looks.

        Raises:
            StepFailed: it is not, or not for certain.
            KeyboardInterrupt: it is not, as the tool was ended.
        """
        table, binary = self.member.table, self.engine.binary
        with self.site.reading() as connection:
            found = self.site.database.dialect.structures(connection, [table]).get(table)
        differing = differences(after, found) if found else ("the table is not there",)
        left = self._leftovers()
        said_so = self.engine.has_succeeded(job, ended.code, ended.lines)
        if said_so and not differing:
            if left:
                self._note(f"has altered it, but has left {left}")
            return
        ways_on = (
            f"It has left {left}\nRun these statements; then run again, which begins this table "
            "anew (what was done before is recorded)"
            if left
            else "It has left nothing behind. What was done before is recorded: mend the cause "
            "and run again"
        )
        if ended.stopped:
            self._note(f"was ended by Ctrl-C. {ways_on}")
            raise KeyboardInterrupt
        words = "\n".join(f"  {line}" for line in ended.lines[-_LAST_WORDS:]) or "  (it said none)"
        if said_so:
            looks = "; ".join(str(one) for one in differing)
            what = f"{binary} says that it is altered, but it does not look so: {looks}"
        elif differing:
            what = f"{binary} has not altered it ({_end(ended)})"
        else:
            what = f"it looks altered, but {binary} does not say that all is done ({_end(ended)})"
        raise StepFailed(f"{table}: {what}\n{words}\n{ways_on}")

    def _note(self, text: str) -> None:
        self.site.report(Note(f"{self.member.table}: {self.engine.binary} {text}"))

    def _leftovers(self) -> str:
        dialect = self.site.database.dialect
        with self.site.reading() as connection:
            found = leftovers(connection, dialect, self.member.table)
        return told(found, dialect) if found else ""


def _said(hold: Callable[[], str]) -> str:
    """Why to pause; what cannot be told is a reason, too."""
    try:
        return hold()
    except StepFailed as error:
        return str(error).partition("\n")[0]


def _end(ended: Ended) -> str:
    return f"signal {-ended.code}" if ended.code < 0 else f"exit code {ended.code}"
