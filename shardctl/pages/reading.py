"""Which months one page is read from, and in how many statements."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, Row

from shardctl.month import Month
from shardctl.pages.cursor import Position
from shardctl.pages.plan import Plan
from shardctl.reads.project import Lacking
from shardctl.reads.seen import Seen
from shardctl.reads.span import Span

_TOGETHER: Final = (16, 64, 256)
"""So many months are read together once the first has not filled a page; then the next ones."""

_MOST: Final = 1000
"""So many rows at most are read at a time where `keep` lets few through."""


@dataclass(slots=True)
class Reading:
    """Rows being read for one page."""

    plan: Plan
    connection: Connection
    seen: Seen
    span: Span
    lacking: Lacking
    values: dict[str, Any]
    keep: Callable[[Row[Any]], bool] | None
    doubtful: list[Month] = field(default_factory=list)

    def rows(
        self, position: Position | None, size: int
    ) -> tuple[Sequence[Row[Any]], bool, Position | None]:
        """So many rows that come after a place, whether there are more, and the place after them.

        One row more is asked for: it tells whether there are more.
        """
        plan, keep = self.plan, self.keep
        kept: list[Row[Any]] = []
        last: tuple[Row[Any], Sequence[Month]] | None = None
        months, width = self._months(position)
        apart = plan.apart(self.seen, self.span)
        widths = iter(_TOGETHER)
        chunk = size + 1
        while months and len(kept) <= size:
            if keep is None:
                chunk = size + 1 - len(kept)
            window, rest = months[:width], months[width:]
            found = self._read(window, position, chunk)
            settled = self._settled(found, window) if rest else found
            rows, read = plan.own(settled), settled
            if keep is not None:
                wanted = [at for at, row in enumerate(rows) if keep(row)]
                rows, read = [rows[at] for at in wanted], [settled[at] for at in wanted]
            if given := read[: size - len(kept)]:
                last = given[-1], window
            kept += rows
            if settled:
                position = plan.position(settled[-1], window)
            if len(settled) == chunk:
                chunk = min(2 * chunk, _MOST)
            else:
                overlapping = len(settled) < len(found)
                months = [window[-1], *rest] if overlapping else rest
                width = 1 + overlapping if apart else next(widths, len(months))
        return kept[:size], len(kept) > size, plan.position(*last) if last else None

    def _read(
        self, months: Sequence[Month], position: Position | None, limit: int
    ) -> Sequence[Row[Any]]:
        names, seen = self.plan.query.names, self.seen
        self.doubtful += [month for month in months if seen.lacking(month, names)]

        def read(span: Span) -> Sequence[Row[Any]]:
            return self.plan.read(
                self.connection, months, seen, span, self.lacking, position, self.values, limit
            )

        if opened := self._opened(months, position):
            found = read(opened)
            if not found or self._lies_in(self.plan.first_value(found[0])):
                return found
        return read(self.span)

    def _opened(self, months: Sequence[Month], position: Position | None) -> Span | None:
        """The span without the bound at which reading begins, where hardly a row lies beyond it.

        The first row tells whether one does. It costs a server more to look for a range in its
        index than to find twenty rows.
        """
        plan, span, (month, *others) = self.plan, self.span, months
        if others or plan.lead(span) != "time" or plan.orders[0].nullable:
            return None
        edge = plan.edge(month + 1, -1) if plan.descending else plan.edge(month, 1)
        if not isinstance(edge, datetime):  # a day is on both sides of a bound
            return None
        if plan.descending:
            near = span.until and (span.until >= edge or span.until >= span.now)
            return replace(span, until=None) if near or (span.until and position) else None
        near = span.since and span.since <= edge
        return replace(span, since=None) if near or (span.since and position) else None

    def _lies_in(self, value: datetime) -> bool:
        """Whether an add-time is within the bound at which reading begins."""
        if self.plan.descending:
            return self.span.until is None or value < self.span.until
        return self.span.since is None or value >= self.span.since

    def _months(self, position: Position | None) -> tuple[list[Month], int]:
        """The months in the order in which they are read, and how many of these at first.

        Those that only `skew` reaches, and those of the future, hold hardly a row: they are read
        together with the first of the others.
        """
        months, (first, last) = self.span.months, self.span.inner
        if not self.plan.lead(self.span):
            return list(months), len(months)
        if self.plan.descending:
            ordered, aside = list(reversed(months)), len(months) - last
        else:
            ordered, aside = list(months), first
        if position is None:
            return ordered, aside + 1
        return self._remaining(ordered, position)

    def _remaining(self, ordered: list[Month], position: Position) -> tuple[list[Month], int]:
        """The months that can hold rows after a place."""
        month, descending = position.month, self.plan.descending
        begin = month
        if self.plan.lead(self.span) == "time" and self._overlaps(position):
            begin += 1 if descending else -1
        left = [each for each in ordered if (each <= begin if descending else each >= begin)]
        return left, 1 if begin == month or begin not in left else 2

    def _overlaps(self, position: Position) -> bool:
        """Whether the month read before may hold rows after a place, too, by `skew`."""
        month, (value, *_) = position.month, position.values
        if self.plan.descending:
            return bool(value >= self.plan.edge(month + 1, -1))
        return bool(value <= self.plan.edge(month, 1))

    def _settled(self, found: Sequence[Row[Any]], window: Sequence[Month]) -> Sequence[Row[Any]]:
        """The rows before which no row of the months after a window can come."""
        plan = self.plan
        if plan.lead(self.span) != "time" or not found:
            return found
        month, descending = window[-1], plan.descending
        edge = plan.edge(month, 1) if descending else plan.edge(month + 1, -1)

        def settled(row: Row[Any]) -> bool:
            value = plan.first_value(row)
            return bool(value > edge if descending else value < edge)

        if settled(found[-1]):
            return found
        return found[: next(at for at, row in enumerate(found) if not settled(row))]
