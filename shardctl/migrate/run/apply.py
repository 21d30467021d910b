"""Carries a revision out on every table of its families, wave by wave, and records it."""

from __future__ import annotations

import time
from collections import defaultdict, deque
from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from functools import partial

from shardctl.catalog import Member
from shardctl.clause import Clause
from shardctl.errors import StepFailed
from shardctl.ledger import ClauseRow, Direction, rows_of
from shardctl.lock import Lease
from shardctl.migrate.course import Course
from shardctl.migrate.learn.locate import Lesson
from shardctl.migrate.learn.steps import Steps
from shardctl.migrate.patience.gate import Gate
from shardctl.migrate.patience.long_wait import Sizes
from shardctl.migrate.run.attempt import Attempts
from shardctl.migrate.run.crew import Crew
from shardctl.migrate.run.failure import Failures, once_free
from shardctl.migrate.run.lanes import Lanes, sessions
from shardctl.migrate.run.looks import Look, Looks
from shardctl.migrate.run.retrospect import Retrospect
from shardctl.migrate.run.send import Sender, sender
from shardctl.migrate.run.setback import Setbacks
from shardctl.migrate.run.telling import Telling
from shardctl.migrate.run.texts import Texts
from shardctl.migrate.run.turns import Turns
from shardctl.migrate.site import Site
from shardctl.migrate.waves import WAVES, Wave, waves
from shardctl.migrate.work import (
    Confined,
    Outcome,
    Revision,
    Rows,
    Work,
    outcome_of,
    segments,
    work_of,
)
from shardctl.report import Finished, Note, Started


@dataclass(frozen=True, slots=True)
class Application:
    """One revision on its way through the tables.

    Attributes:
        gate: asked before every statement.
        course: which months it is meant for, and how many get it at the same time.
        retrospect: how the tables look that have had their turn.
        confined: where it may run; None: everywhere.
        only: the tables that it is meant for among those; None: all.
        there: by a clause's table, those that were there a moment ago.
        seen: how tables looked then, until they get their turn.
    """

    site: Site
    lease: Lease
    gate: Gate
    revision: Revision
    clauses: Sequence[Clause]
    lessons: Mapping[str, Lesson]
    shown: Sequence[str]
    steps: Steps
    course: Course
    retrospect: Retrospect
    confined: Confined | None = None
    only: Collection[str] | None = None
    there: Mapping[str, tuple[Member, ...]] = field(default_factory=dict)
    seen: dict[str, Look] = field(default_factory=dict)

    def carry_out(self) -> Outcome:
        """Run what is left of the revision on every table; what is done already is left alone.

        Raises:
            Contradiction: a table is neither as a clause finds it nor as it leaves it.
            StepFailed: the server refused statements, months stayed locked, or the gate is
                closed; what was done is recorded.
            KeyboardInterrupt: Ctrl-C was pressed; likewise.
            LockLost: another run took over.
        """
        begun = time.monotonic()
        known = {table: self._confined(members) for table, members in self.there.items()}
        tables = {member.table for members in known.values() for member in members}
        self.site.report(Started(str(self.revision), len(tables)))
        works: list[Work] = []
        # A second pass meets the months that were born during the first.
        for _ in range(2):
            for table, numbers in segments(self.clauses):
                members = known.get(table) or self._members(table)
                known.clear()  # it may be hours until the next segment
                done, waiting = self._segment(table, numbers, members)
                works += done
                if waiting:
                    return self._paused(works, waiting)
            if not (left := self._left()):
                break
        else:
            raise StepFailed(
                f"revision {self.revision}: {left[0].member.table} still does not look as "
                "it should, though the server accepted every statement; see shardctl status"
            )
        self.site.report(Finished(str(self.revision), time.monotonic() - begun))
        return outcome_of(self.revision, self.shown, works)

    def _segment(
        self, table: str, numbers: Sequence[int], members: Sequence[Member]
    ) -> tuple[list[Work], tuple[Member, ...]]:
        """Bring all tables through a segment, wave by wave; and which are to wait.

        A month that stays locked has a second turn after all others. The next segment may rely
        on this one, on every month: it waits until all are through.
        """
        meant = [member for member in members if self._is_meant(member)]
        self.retrospect.seen.clear()  # whatever was seen, these are about to look otherwise
        turns = self._turns(table, numbers, meant)
        failures = Failures(self.course.max_failures)
        works: list[Work] = []
        with Crew(partial(self._join, table), self._size(numbers)) as crew:
            coming = deque(self._waves(table, meant))
            while coming and not self._is_behind_pause(coming[0]):
                wave = coming.popleft()
                turn = partial(turns.take, False)
                if not wave.fails_fast or self.course.failed_only:
                    turn = partial(failures.counted, turn)
                with self._looking_back(works if not coming else ()):
                    done = crew.through(wave.members, turn, turns.together)
                works += done
                if wave.name == "canary" and done[0].locked and coming:
                    # It has its second turn in the end; another is to go before the others.
                    again = self._waves(table, coming.popleft().members)
                    coming.extendleft(reversed(again))
                    self._tell_canary(wave, again[0])
            locked = [work.member for work in works if work.locked]
            late = crew.through(locked, partial(failures.counted, partial(turns.take, True)))
        if still := [work.locked for work in late if work.locked]:
            failures.add("\n".join(still), once_free(self.revision))
        failures.raise_any()
        reached = {work.member for work in works}
        left = [member for member in members if member not in reached]
        wanting = self._wanting(table, numbers, left, self._rows()) if left else []
        return works + late, tuple(work.member for work in wanting)

    def _looking_back(self, works: Sequence[Work]) -> AbstractContextManager[None]:
        """Around the last wave, most often the current month alone: a look at the others."""
        if not works or self.site.database.dialect.transactional_ddl:
            return nullcontext()  # in a file nobody reads while another writes
        return self.retrospect.meanwhile([work.member for work in works if not work.locked])

    def _tell_canary(self, locked: Wave, other: Wave) -> None:
        if other.name == "canary":
            tables = f"{locked.members[0].table} stays locked: {other.members[0].table}"
            self.site.report(Note(f"{tables} is the canary in its place"))

    def _is_meant(self, member: Member) -> bool:
        named = self.only is None or member.table in self.only
        return named and member.month in self.course.months

    def _waves(self, table: str, members: Sequence[Member]) -> tuple[Wave, ...]:
        return waves(members, self.site.families.get(table), self.site.coldest)

    def _is_behind_pause(self, wave: Wave) -> bool:
        pause = self.course.pause_after
        return pause is not None and WAVES.index(wave.name) > WAVES.index(pause)

    def _paused(self, works: Sequence[Work], waiting: Sequence[Member]) -> Outcome:
        tables = [member.table for member in waiting]
        return outcome_of(self.revision, self.shown, works, tables)

    def _turns(self, table: str, numbers: Sequence[int], members: Sequence[Member]) -> Turns:
        site = self.site
        telling = Telling(site.report, self.revision, self.shown)
        attempts = Attempts(
            site,
            self.gate,
            self.revision,
            self.clauses,
            self.lessons,
            telling,
            Setbacks(site, self.clauses, telling, self.gate.restraint.lock_wait),
            Lanes(self.course),
            Sizes(site, [member.table for member in members]),
            Texts(site.database.dialect),
        )
        rows: dict[str, dict[tuple[int, str], ClauseRow]] = defaultdict(dict)
        for key, row in self._rows().items():
            rows[row.table][key] = row
        looks = Looks(site, members, self.seen)
        return Turns(attempts, self.steps, table, numbers, looks, rows, self.confined)

    def _join(self, table: str, place: int) -> AbstractContextManager[Sender]:
        return sender(
            self.site.database,
            self.lease,
            self._run,
            place=place,
            zone=self.site.zone(table),
            lock_wait=self.gate.restraint.lock_wait,
        )

    def _size(self, numbers: Sequence[int]) -> int:
        """How many sessions work together on clauses; a file has one that writes."""
        if self.site.database.dialect.transactional_ddl:
            return 1
        return sessions(self.course, [self.clauses[number].algorithm for number in numbers])

    def _left(self) -> list[Work]:
        """What tables still need now: those born meanwhile, and those that belie the server."""
        rows = self._rows()
        return [
            work
            for table, numbers in segments(self.clauses)
            for work in self._wanting(table, numbers, self._members(table), rows)
        ]

    def _wanting(
        self, table: str, numbers: Sequence[int], members: Sequence[Member], rows: Rows
    ) -> list[Work]:
        """What some tables still need of a segment; those that need nothing are left out."""
        lives, lesson = self.retrospect.of(members), self.lessons.get(table)
        works = (
            work_of(member, numbers, self.clauses, lesson, live, rows, self.confined)
            for member in members
            if (live := lives.get(member.table))
        )
        return [work for work in works if work.todo]

    def _rows(self) -> Rows:
        with self.site.reading() as connection:
            return rows_of(connection, *self._run)

    def _members(self, table: str) -> tuple[Member, ...]:
        if not table:
            return (Member("", ""),)
        return self._confined(self.site.members(table))

    def _confined(self, members: tuple[Member, ...]) -> tuple[Member, ...]:
        """Those where the revision may run."""
        if self.confined is None:
            return members
        return tuple(member for member in members if member.table in self.confined)

    @property
    def _run(self) -> tuple[str, Direction]:
        return self.revision.id, self.revision.direction
